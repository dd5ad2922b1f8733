// SPDX-License-Identifier: GPL-2.0-only
/* A wait: one callback when the handle is signalled, then it has to be set again. */
#include "pool.h"

static volatile LONG calls, signalled;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WAIT wait,
			 TP_WAIT_RESULT result)
{
	(void)instance, (void)context, (void)wait;
	if (result == WAIT_OBJECT_0)
		InterlockedIncrement(&signalled);
	InterlockedIncrement(&calls);
}

int main(void)
{
	HANDLE manual = CreateEventA(NULL, TRUE, FALSE, NULL);
	HANDLE automatic = CreateEventA(NULL, FALSE, FALSE, NULL);
	PTP_WAIT wait = CreateThreadpoolWait(run, NULL, NULL);
	int i;

	NEED(manual && automatic && wait);
	SetEvent(manual);
	Sleep(SHORT_TIME);
	IS("PL-21", "not set: callbacks", calls, 0);
	ResetEvent(manual);
	SetThreadpoolWait(wait, manual, NULL);
	Sleep(SHORT_TIME);
	WaitForThreadpoolWaitCallbacks(wait, FALSE);
	IS("PL-21", "set, not signalled: callbacks", calls, 0);
	SetEvent(manual);
	UNTIL(calls);
	IS("PL-21", "signalled: callbacks", calls, 1);
	Sleep(SHORT_TIME);
	IS("PL-21", "it stays signalled: no other", calls, 1);
	IS("PL-21", "the event is as it was", WaitForSingleObject(manual, 0), WAIT_OBJECT_0);
	SetThreadpoolWait(wait, manual, NULL);
	UNTIL(calls == 2);
	IS("PL-21", "set again on what is signalled: callbacks", calls, 2);
	for (i = 0; i < 3; i++) {
		SetThreadpoolWait(wait, automatic, NULL);
		SetEvent(automatic);
		UNTIL(calls == 3 + i);
		IS("PL-21", "an automatic event: callbacks", calls, 3 + i);
		IS("PL-21", "which took its signal", WaitForSingleObject(automatic, 0),
		   WAIT_TIMEOUT);
	}
	IS("PL-21", "results that were WAIT_OBJECT_0", signalled, 5);
	CloseThreadpoolWait(wait);
	CloseHandle(automatic);
	CloseHandle(manual);
	return conform_end();
}
