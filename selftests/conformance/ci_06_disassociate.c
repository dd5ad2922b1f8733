// SPDX-License-Identifier: GPL-2.0-only
/* DisassociateCurrentThreadFromCallback(): nobody waits for this callback any more. */
#include "pool.h"

static volatile LONG inside, go, left;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)work;
	DisassociateCurrentThreadFromCallback(instance);
	DisassociateCurrentThreadFromCallback(instance);
	SetEventWhenCallbackReturns(instance, (HANDLE)context);
	InterlockedIncrement(&inside);
	UNTIL(go);
	InterlockedIncrement(&left);
}

int main(void)
{
	HANDLE event = CreateEventA(NULL, FALSE, FALSE, NULL);
	PTP_WORK work = CreateThreadpoolWork(run, event, NULL);

	NEED(event && work);
	SubmitThreadpoolWork(work);
	UNTIL(inside);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	IS("CI-6", "the wait is over, callbacks that have returned", left, 0);
	WaitForThreadpoolWorkCallbacks(work, TRUE);
	IS("CI-6", "and again", left, 0);
	IS("CI-7", "what happens at its return has not", WaitForSingleObject(event, 0),
	   WAIT_TIMEOUT);
	CloseThreadpoolWork(work);
	CHECK("CI-6", "the object can be closed", inside == 1);
	InterlockedIncrement(&go);
	IS("CI-7", "it returns", WaitForSingleObject(event, LONG_TIME), WAIT_OBJECT_0);
	IS("CI-6", "callbacks that have returned", left, 1);
	CloseHandle(event);
	return conform_end();
}
