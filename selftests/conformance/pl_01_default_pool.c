// SPDX-License-Identifier: GPL-2.0-only
/* No environment, or one without a pool: the default pool of the process. */
#include "pool.h"

static volatile LONG calls, thread;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)instance, (void)context, (void)work;
	if ((DWORD)thread == GetCurrentThreadId())
		printf("failed PL-1: a callback on the thread of main()\n");
	InterlockedIncrement(&calls);
}

int main(void)
{
	TP_CALLBACK_ENVIRON env;
	PTP_WORK one, two;
	int i;

	thread = (LONG)GetCurrentThreadId();
	InitializeThreadpoolEnvironment(&env);
	CHECK("PL-12", "an environment has no pool at first", env.Pool == NULL);
	one = CreateThreadpoolWork(run, NULL, NULL);
	two = CreateThreadpoolWork(run, NULL, &env);
	CHECK("PL-1", "objects without a pool of their own", one && two && one != two);
	for (i = 0; i < 10; i++) {
		SubmitThreadpoolWork(one);
		SubmitThreadpoolWork(two);
	}
	WaitForThreadpoolWorkCallbacks(one, FALSE);
	WaitForThreadpoolWorkCallbacks(two, FALSE);
	IS("PL-1", "callbacks", calls, 20);
	CloseThreadpoolWork(one);
	CloseThreadpoolWork(two);
	DestroyThreadpoolEnvironment(&env);
	return conform_end();
}
