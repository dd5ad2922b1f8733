// SPDX-License-Identifier: GPL-2.0-only
/* A wait with a timeout, and one that is taken back. */
#include "pool.h"

static volatile LONG calls, timed_out;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WAIT wait,
			 TP_WAIT_RESULT result)
{
	(void)instance, (void)context, (void)wait;
	if (result == WAIT_TIMEOUT)
		InterlockedIncrement(&timed_out);
	InterlockedIncrement(&calls);
}

int main(void)
{
	HANDLE event = CreateEventA(NULL, FALSE, FALSE, NULL);
	PTP_WAIT wait = CreateThreadpoolWait(run, NULL, NULL);
	long long start = now_ms();
	FILETIME timeout;

	NEED(event && wait);
	SetThreadpoolWait(wait, event, in_ms(&timeout, 200));
	UNTIL(calls);
	IS("PL-21", "200 ms, not signalled: callbacks", calls, 1);
	IS("PL-21", "that say WAIT_TIMEOUT", timed_out, 1);
	CHECK("PL-21", "not before time", now_ms() - start >= 200 - TICK);
	SetThreadpoolWait(wait, event, in_ms(&timeout, 0));
	UNTIL(calls == 2);
	IS("PL-21", "0 ms: callbacks", calls, 2);
	IS("PL-21", "that say WAIT_TIMEOUT", timed_out, 2);
	SetThreadpoolWait(wait, event, in_ms(&timeout, LONG_TIME));
	SetEvent(event);
	UNTIL(calls == 3);
	IS("PL-21", "signalled in time: callbacks", calls, 3);
	IS("PL-21", "that say WAIT_TIMEOUT", timed_out, 2);

	SetThreadpoolWait(wait, event, NULL);
	SetThreadpoolWait(wait, NULL, NULL);
	SetEvent(event);
	Sleep(2 * SHORT_TIME);
	IS("PL-21", "taken back, then signalled: callbacks", calls, 3);
	IS("PL-21", "the event is still set", WaitForSingleObject(event, 0), WAIT_OBJECT_0);
	SetThreadpoolWait(wait, event, in_ms(&timeout, SHORT_TIME));
	SetThreadpoolWait(wait, NULL, NULL);
	Sleep(3 * SHORT_TIME);
	IS("PL-21", "taken back before the timeout: callbacks", calls, 3);
	CloseThreadpoolWait(wait);
	CloseHandle(event);
	return conform_end();
}
