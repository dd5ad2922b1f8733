// SPDX-License-Identifier: GPL-2.0-only
/* Waiting for a timer's callbacks is not waiting for the timer; setting it replaces. */
#include "pool.h"

static volatile LONG calls, inside, go;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer)
{
	(void)instance, (void)context, (void)timer;
	InterlockedIncrement(&inside);
	UNTIL(go);
	InterlockedIncrement(&calls);
}

int main(void)
{
	PTP_TIMER timer = CreateThreadpoolTimer(run, NULL, NULL);
	FILETIME due;

	NEED(timer);
	SetThreadpoolTimer(timer, in_ms(&due, 3600 * 1000), 0, 0);
	WaitForThreadpoolTimerCallbacks(timer, FALSE);
	CHECK("PL-20", "due in an hour: the wait is over at once", calls == 0);
	CHECK("PL-20", "it is set", IsThreadpoolTimerSet(timer));
	SetThreadpoolTimer(timer, in_ms(&due, 0), 0, 0);
	UNTIL(inside);
	IS("PL-20", "set again to now: it fires, callbacks", inside, 1);
	SetThreadpoolTimer(timer, NULL, 0, 0);
	CHECK("PL-20", "stopped while its callback runs", !IsThreadpoolTimerSet(timer));
	InterlockedIncrement(&go);
	WaitForThreadpoolTimerCallbacks(timer, FALSE);
	IS("PL-20", "the wait is for the callback", calls, 1);
	SetThreadpoolTimer(timer, in_ms(&due, SHORT_TIME), 0, 0);
	SetThreadpoolTimer(timer, NULL, 0, 0);
	Sleep(3 * SHORT_TIME);
	IS("PL-20", "stopped before it was due: callbacks", calls, 1);
	SetThreadpoolTimer(timer, in_ms(&due, SHORT_TIME), 0, 0);
	CloseThreadpoolTimer(timer);
	Sleep(3 * SHORT_TIME);
	CHECK("PL-20", "closed before it was due: at most one callback", calls <= 2);
	return conform_end();
}
