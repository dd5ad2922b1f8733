// SPDX-License-Identifier: GPL-2.0-only
/* The size of stacks of a pool's threads. */
#include "pool.h"

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	volatile char deep[200000];

	(void)instance, (void)work;
	memset((char *)deep, 1, sizeof(deep));
	*(int *)context += deep[sizeof(deep) - 1];
}

int main(void)
{
	TP_POOL_STACK_INFORMATION info;
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool = new_pool(&env, 4);
	PTP_WORK work;
	int calls = 0;

	memset(&info, 0, sizeof(info));
	CHECK("PL-5", "query", QueryThreadpoolStackInformation(pool, &info));
	CHECK("PL-5", "there is a default", info.StackReserve > 0);
	info.StackReserve = 512 << 10;
	info.StackCommit = 64 << 10;
	CHECK("PL-5", "set", SetThreadpoolStackInformation(pool, &info));
	memset(&info, 0, sizeof(info));
	CHECK("PL-5", "query", QueryThreadpoolStackInformation(pool, &info));
	IS("PL-5", "reserve", info.StackReserve, 512 << 10);
	IS("PL-5", "commit", info.StackCommit, 64 << 10);
	work = CreateThreadpoolWork(run, &calls, &env);
	NEED(work);
	SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	IS("PL-5", "callbacks that use it", calls, 1);
	CloseThreadpoolWork(work);
	CloseThreadpool(pool);
	return conform_end();
}
