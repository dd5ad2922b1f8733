// SPDX-License-Identifier: GPL-2.0-only
/* CloseThreadpool(): what is queued still runs, the pool goes with its last object. */
#include "pool.h"

static volatile LONG calls;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)instance, (void)context, (void)work;
	InterlockedIncrement(&calls);
}

int main(void)
{
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool = CreateThreadpool(NULL);
	struct plug plug;
	PTP_WORK work;
	int i;

	CHECK("PL-2", "make a pool", pool != NULL);
	CloseThreadpool(pool);
	CHECK("PL-2", "close it unused", 1);

	pool = new_pool(&env, 1);
	plug_in(&plug, &env);
	work = CreateThreadpoolWork(run, NULL, &env);
	NEED(work);
	for (i = 0; i < 10; i++)
		SubmitThreadpoolWork(work);
	if (!on_wine())			/* whose submit then fails an assertion */
		CloseThreadpool(pool);
	IS("PL-2", "close it with 10 queued: callbacks", calls, 0);
	SetEvent(plug.pull);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	IS("PL-2", "they run nevertheless", calls, 10);
	SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	IS("PL-2", "and what comes later, while an object is there", calls, 11);
	plug_out(&plug);
	CloseThreadpoolWork(work);
	return conform_end();
}
