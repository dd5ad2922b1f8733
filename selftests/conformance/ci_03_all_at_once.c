// SPDX-License-Identifier: GPL-2.0-only
/* One of each kind in one callback; the finalization callback comes before them. */
#include "pool.h"

static HANDLE event, semaphore, mutex;
static volatile LONG finalized, early;
static CRITICAL_SECTION section;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)context, (void)work;
	EnterCriticalSection(&section);
	WaitForSingleObject(mutex, LONG_TIME);
	SetEventWhenCallbackReturns(instance, event);
	ReleaseSemaphoreWhenCallbackReturns(instance, semaphore, 2);
	ReleaseMutexWhenCallbackReturns(instance, mutex);
	LeaveCriticalSectionWhenCallbackReturns(instance, &section);
}

static VOID CALLBACK finalize(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
	(void)instance, (void)context;
	if (WaitForSingleObject(event, 0) != WAIT_TIMEOUT ||
	    WaitForSingleObject(semaphore, 0) != WAIT_TIMEOUT)
		InterlockedIncrement(&early);
	InterlockedIncrement(&finalized);
}

int main(void)
{
	TP_CALLBACK_ENVIRON env;
	PTP_WORK work;

	NEED(event = CreateEventA(NULL, FALSE, FALSE, NULL));
	NEED(semaphore = CreateSemaphoreA(NULL, 0, 10, NULL));
	NEED(mutex = CreateMutexA(NULL, FALSE, NULL));
	InitializeCriticalSection(&section);
	InitializeThreadpoolEnvironment(&env);
	env.FinalizationCallback = finalize;
	work = CreateThreadpoolWork(run, NULL, &env);
	NEED(work);
	SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	IS("CI-2", "finalization callbacks", finalized, 1);
	IS("CI-2", "that came late", early, 0);
	CHECK("CI-3", "the critical section is free", TryEnterCriticalSection(&section));
	IS("CI-3", "the mutex", WaitForSingleObject(mutex, 0), WAIT_OBJECT_0);
	IS("CI-3", "the semaphore", WaitForSingleObject(semaphore, 0), WAIT_OBJECT_0);
	IS("CI-3", "twice", WaitForSingleObject(semaphore, 0), WAIT_OBJECT_0);
	IS("CI-3", "not three times", WaitForSingleObject(semaphore, 0), WAIT_TIMEOUT);
	IS("CI-3", "the event", WaitForSingleObject(event, 0), WAIT_OBJECT_0);
	ReleaseMutex(mutex);
	LeaveCriticalSection(&section);
	CloseThreadpoolWork(work);
	DestroyThreadpoolEnvironment(&env);
	DeleteCriticalSection(&section);
	CloseHandle(mutex);
	CloseHandle(semaphore);
	CloseHandle(event);
	return conform_end();
}
