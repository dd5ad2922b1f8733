// SPDX-License-Identifier: GPL-2.0-only
/* A timer with a period. */
#include "pool.h"

static volatile LONG calls;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer)
{
	(void)instance, (void)context;
	/* The fifth time it stops itself. */
	if (InterlockedIncrement(&calls) == 5)
		SetThreadpoolTimer(timer, NULL, 0, 0);
}

int main(void)
{
	PTP_TIMER timer = CreateThreadpoolTimer(run, NULL, NULL);
	long long start = now_ms();
	FILETIME due;
	LONG before;

	NEED(timer);
	SetThreadpoolTimer(timer, in_ms(&due, 0), 50, 0);
	UNTIL(calls >= 5);
	CHECK("PL-20", "five times, 50 ms apart", now_ms() - start >= 200 - TICK);
	WaitForThreadpoolTimerCallbacks(timer, FALSE);
	before = calls;
	Sleep(4 * SHORT_TIME);
	CHECK("PL-20", "stopped in its callback", calls == before && before <= 6);
	CHECK("PL-20", "it is not set", !IsThreadpoolTimerSet(timer));

	calls = 10;
	start = now_ms();
	SetThreadpoolTimer(timer, in_ms(&due, 100), 20, 10);
	UNTIL(calls >= 13);
	CHECK("PL-20", "first in 100 ms, then each 20 ms, with a window",
	      now_ms() - start >= 140 - TICK);
	CHECK("PL-20", "it is set", IsThreadpoolTimerSet(timer));
	SetThreadpoolTimer(timer, NULL, 0, 0);
	WaitForThreadpoolTimerCallbacks(timer, TRUE);
	before = calls;
	Sleep(2 * SHORT_TIME);
	CHECK("PL-20", "stopped and waited for: no callback comes", calls == before);
	CloseThreadpoolTimer(timer);
	return conform_end();
}
