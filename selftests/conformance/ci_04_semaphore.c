// SPDX-License-Identifier: GPL-2.0-only
/* ReleaseSemaphoreWhenCallbackReturns(): as often as said, once it has returned. */
#include "pool.h"

static HANDLE semaphore;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)work;
	ReleaseSemaphoreWhenCallbackReturns(instance, semaphore, *(DWORD *)context);
	IS("CI-7", "inside the callback", WaitForSingleObject(semaphore, SHORT_TIME),
	   WAIT_TIMEOUT);
}

int main(void)
{
	DWORD count = 3;
	PTP_WORK work = CreateThreadpoolWork(run, &count, NULL);
	int i;

	NEED(work && (semaphore = CreateSemaphoreA(NULL, 0, 10, NULL)));
	SubmitThreadpoolWork(work);
	IS("CI-7", "wait", WaitForSingleObject(semaphore, LONG_TIME), WAIT_OBJECT_0);
	for (i = 0; i < 2; i++)
		IS("CI-7", "and again", WaitForSingleObject(semaphore, 0), WAIT_OBJECT_0);
	IS("CI-7", "and again", WaitForSingleObject(semaphore, 0), WAIT_TIMEOUT);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	count = 1;
	SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	IS("CI-2", "one, when the wait for the object is over", WaitForSingleObject(semaphore, 0),
	   WAIT_OBJECT_0);
	IS("CI-2", "and again", WaitForSingleObject(semaphore, 0), WAIT_TIMEOUT);
	CloseThreadpoolWork(work);
	CloseHandle(semaphore);
	return conform_end();
}
