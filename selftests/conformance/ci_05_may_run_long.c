// SPDX-License-Identifier: GPL-2.0-only
/* CallbackMayRunLong(): is there another thread for the others? */
#include "pool.h"

static volatile LONG can = -1;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)context, (void)work;
	InterlockedExchange(&can, CallbackMayRunLong(instance));
}

static void in_pool_of(DWORD max, LONG wanted)
{
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool = new_pool(&env, max);
	PTP_WORK work = CreateThreadpoolWork(run, NULL, &env);
	char text[64];

	NEED(work);
	snprintf(text, sizeof(text), "in a pool of at most %u", (unsigned)max);
	SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	IS("CI-5", text, !!can, wanted);
	CloseThreadpoolWork(work);
	CloseThreadpool(pool);
}

int main(void)
{
	PTP_WORK work = CreateThreadpoolWork(run, NULL, NULL);

	in_pool_of(1, 0);
	in_pool_of(2, 1);
	in_pool_of(10, 1);
	NEED(work);
	SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	CHECK("CI-5", "in the default pool", can);
	CloseThreadpoolWork(work);
	return conform_end();
}
