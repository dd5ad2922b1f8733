// SPDX-License-Identifier: GPL-2.0-only
/* A timer that fires once: now, in a while, at a time of day. */
#include "pool.h"

static volatile LONG calls;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer)
{
	(void)instance, (void)timer;
	InterlockedIncrement((LONG *)context);
}

int main(void)
{
	PTP_TIMER timer = CreateThreadpoolTimer(run, (PVOID)&calls, NULL);
	ULARGE_INTEGER absolute;
	long long start;
	FILETIME due;

	NEED(timer);
	CHECK("PL-20", "not set at first", !IsThreadpoolTimerSet(timer));
	SetThreadpoolTimer(timer, in_ms(&due, 0), 0, 0);
	CHECK("PL-20", "due 0: it is set", IsThreadpoolTimerSet(timer));
	UNTIL(calls);
	IS("PL-20", "callbacks", calls, 1);
	CHECK("PL-20", "after it fired it is still set", IsThreadpoolTimerSet(timer));

	start = now_ms();
	SetThreadpoolTimer(timer, in_ms(&due, 200), 0, 0);
	UNTIL(calls == 2);
	IS("PL-20", "in 200 ms: callbacks", calls, 2);
	CHECK("PL-20", "not before time", now_ms() - start >= 200 - TICK);

	start = now_ms();
	GetSystemTimeAsFileTime(&due);
	absolute.LowPart = due.dwLowDateTime;
	absolute.HighPart = due.dwHighDateTime;
	absolute.QuadPart += 200 * 10000;
	due.dwLowDateTime = absolute.LowPart;
	due.dwHighDateTime = absolute.HighPart;
	SetThreadpoolTimer(timer, &due, 0, 0);
	UNTIL(calls == 3);
	IS("PL-20", "at the time of day that is in 200 ms: callbacks", calls, 3);
	CHECK("PL-20", "not before time", now_ms() - start >= 200 - 2 * TICK);
	due.dwLowDateTime = 1;
	due.dwHighDateTime = 0;
	SetThreadpoolTimer(timer, &due, 0, 0);
	UNTIL(calls == 4);
	IS("PL-20", "at a time in 1601: at once, callbacks", calls, 4);
	SetThreadpoolTimer(timer, NULL, 0, 0);
	CHECK("PL-20", "stopped: it is not set", !IsThreadpoolTimerSet(timer));
	Sleep(SHORT_TIME);
	IS("PL-20", "once each", calls, 4);
	CloseThreadpoolTimer(timer);
	return conform_end();
}
