// SPDX-License-Identifier: GPL-2.0-only
/* SetEventWhenCallbackReturns(): not before it has returned. */
#include "pool.h"

static volatile LONG returning;
static HANDLE event;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)context, (void)work;
	SetEventWhenCallbackReturns(instance, event);
	IS("CI-7", "inside the callback", WaitForSingleObject(event, SHORT_TIME), WAIT_TIMEOUT);
	InterlockedIncrement(&returning);
}

int main(void)
{
	PTP_WORK work = CreateThreadpoolWork(run, NULL, NULL);
	int i;

	NEED(work);
	for (i = 0; i < 2; i++) {
		/* Manual reset, then automatic. */
		NEED(event = CreateEventA(NULL, i == 0, FALSE, NULL));
		SubmitThreadpoolWork(work);
		IS("CI-7", "wait for the event", WaitForSingleObject(event, LONG_TIME),
		   WAIT_OBJECT_0);
		IS("CI-7", "the callback has come to its end", returning, i + 1);
		IS("CI-4", "the event is the caller's", WaitForSingleObject(event, 0),
		   i ? WAIT_TIMEOUT : WAIT_OBJECT_0);
		WaitForThreadpoolWorkCallbacks(work, FALSE);
		CHECK("CI-4", "and closed by the caller", CloseHandle(event));
	}
	CloseThreadpoolWork(work);
	return conform_end();
}
