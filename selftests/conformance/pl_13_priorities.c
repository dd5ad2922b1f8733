// SPDX-License-Identifier: GPL-2.0-only
/* High before normal before low, in the order of submission within each. */
#include "pool.h"

static volatile LONG order[9], next;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)instance, (void)work;
	order[InterlockedIncrement(&next) - 1] = *(LONG *)context;
}

int main(void)
{
	static LONG priorities[] = { TP_CALLBACK_PRIORITY_LOW, TP_CALLBACK_PRIORITY_NORMAL,
				     TP_CALLBACK_PRIORITY_HIGH };
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool = new_pool(&env, 1);
	PTP_WORK work[3];
	struct plug plug;
	int i, j;

	plug_in(&plug, &env);
	for (i = 0; i < 3; i++) {
		SetThreadpoolCallbackPriority(&env, (TP_CALLBACK_PRIORITY)priorities[i]);
		work[i] = CreateThreadpoolWork(run, &priorities[i], &env);
		NEED(work[i]);
	}
	/* The low ones first. */
	for (j = 0; j < 3; j++)
		for (i = 0; i < 3; i++)
			SubmitThreadpoolWork(work[i]);
	plug_out(&plug);
	for (i = 0; i < 3; i++)
		WaitForThreadpoolWorkCallbacks(work[i], FALSE);
	for (i = 0; i < 9; i++)
		IS("PL-13", "priority", order[i], i / 3);
	for (i = 0; i < 3; i++)
		CloseThreadpoolWork(work[i]);
	CloseThreadpool(pool);
	return conform_end();
}
