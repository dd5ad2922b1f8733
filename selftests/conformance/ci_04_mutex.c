// SPDX-License-Identifier: GPL-2.0-only
/* ReleaseMutexWhenCallbackReturns(): of a mutex that the callback owns. */
#include "pool.h"

static volatile LONG inside, go, taken;
static HANDLE mutex;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)context, (void)work;
	if (WaitForSingleObject(mutex, LONG_TIME) == WAIT_OBJECT_0)
		InterlockedIncrement(&taken);
	ReleaseMutexWhenCallbackReturns(instance, mutex);
	InterlockedIncrement(&inside);
	UNTIL(go);
}

int main(void)
{
	PTP_WORK work = CreateThreadpoolWork(run, NULL, NULL);

	NEED(work && (mutex = CreateMutexA(NULL, FALSE, NULL)));
	SubmitThreadpoolWork(work);
	UNTIL(inside);
	IS("CI-7", "the callback owns it", taken, 1);
	IS("CI-7", "while it runs", WaitForSingleObject(mutex, SHORT_TIME), WAIT_TIMEOUT);
	InterlockedIncrement(&go);
	IS("CI-7", "it returns", WaitForSingleObject(mutex, LONG_TIME), WAIT_OBJECT_0);
	CHECK("CI-7", "and it is ours: release", ReleaseMutex(mutex));
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	IS("CI-2", "again: released when the wait is over", WaitForSingleObject(mutex, 0),
	   WAIT_OBJECT_0);
	ReleaseMutex(mutex);
	CloseThreadpoolWork(work);
	CloseHandle(mutex);
	return conform_end();
}
