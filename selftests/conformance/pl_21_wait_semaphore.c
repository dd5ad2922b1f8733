// SPDX-License-Identifier: GPL-2.0-only
/* A callback takes from a semaphore as any wait does. */
#include "pool.h"

static volatile LONG calls;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WAIT wait,
			 TP_WAIT_RESULT result)
{
	(void)instance, (void)context, (void)wait;
	if (result == WAIT_OBJECT_0)
		InterlockedIncrement(&calls);
}

int main(void)
{
	HANDLE semaphore = CreateSemaphoreA(NULL, 0, 10, NULL);
	PTP_WAIT one = CreateThreadpoolWait(run, NULL, NULL);
	PTP_WAIT two = CreateThreadpoolWait(run, NULL, NULL);

	NEED(semaphore && one && two);
	SetThreadpoolWait(one, semaphore, NULL);
	SetThreadpoolWait(two, semaphore, NULL);
	ReleaseSemaphore(semaphore, 1, NULL);
	UNTIL(calls);
	Sleep(2 * SHORT_TIME);
	IS("PL-21", "two waits, one release: callbacks", calls, 1);
	ReleaseSemaphore(semaphore, 1, NULL);
	UNTIL(calls == 2);
	IS("PL-21", "another release: callbacks", calls, 2);
	IS("PL-21", "nothing is left", WaitForSingleObject(semaphore, 0), WAIT_TIMEOUT);
	ReleaseSemaphore(semaphore, 3, NULL);
	SetThreadpoolWait(one, semaphore, NULL);
	SetThreadpoolWait(two, semaphore, NULL);
	UNTIL(calls == 4);
	IS("PL-21", "three released, two waits: callbacks", calls, 4);
	IS("PL-21", "one is left", WaitForSingleObject(semaphore, 0), WAIT_OBJECT_0);
	IS("PL-21", "and no more", WaitForSingleObject(semaphore, 0), WAIT_TIMEOUT);
	CloseThreadpoolWait(one);
	CloseThreadpoolWait(two);
	CloseHandle(semaphore);
	return conform_end();
}
