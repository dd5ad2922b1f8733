// SPDX-License-Identifier: GPL-2.0-only
/* A callback sets its wait again; a handle may be closed while it is waited for. */
#include "pool.h"

#define ROUNDS	20

static volatile LONG calls;
static HANDLE event;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WAIT wait,
			 TP_WAIT_RESULT result)
{
	(void)instance, (void)context;
	if (result == WAIT_OBJECT_0 && InterlockedIncrement(&calls) < ROUNDS)
		SetThreadpoolWait(wait, event, NULL);
}

static VOID CALLBACK timed(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WAIT wait,
			   TP_WAIT_RESULT result)
{
	(void)instance, (void)wait;
	InterlockedExchange((LONG *)context, (LONG)result);
}

int main(void)
{
	PTP_WAIT wait = CreateThreadpoolWait(run, NULL, NULL);
	static volatile LONG result = -1;
	FILETIME timeout;
	int i;

	NEED(wait && (event = CreateEventA(NULL, FALSE, FALSE, NULL)));
	SetThreadpoolWait(wait, event, NULL);
	for (i = 0; i < ROUNDS; i++) {
		SetEvent(event);
		UNTIL(calls == i + 1);
	}
	IS("PL-21", "set again by each callback: callbacks", calls, ROUNDS);
	WaitForThreadpoolWaitCallbacks(wait, FALSE);
	SetEvent(event);
	Sleep(SHORT_TIME);
	IS("PL-21", "and not by the last", calls, ROUNDS);
	CloseThreadpoolWait(wait);
	CloseHandle(event);

	wait = CreateThreadpoolWait(timed, (PVOID)&result, NULL);
	NEED(wait && (event = CreateEventA(NULL, FALSE, FALSE, NULL)));
	SetThreadpoolWait(wait, event, in_ms(&timeout, 2 * SHORT_TIME));
	CHECK("PL-21", "close the handle", CloseHandle(event));
	UNTIL(result != -1);
	IS("PL-21", "the wait goes on to its timeout", result, WAIT_TIMEOUT);
	CloseThreadpoolWait(wait);
	return conform_end();
}
