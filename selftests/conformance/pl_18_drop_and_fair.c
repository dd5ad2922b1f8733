// SPDX-License-Identifier: GPL-2.0-only
/* Wait(TRUE) drops what has not begun; an object with much to do lets others run. */
#include "pool.h"

static volatile LONG many, one, many_before_one;

static VOID CALLBACK run_many(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)instance, (void)context, (void)work;
	InterlockedIncrement(&many);
}

static VOID CALLBACK run_one(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)instance, (void)context, (void)work;
	many_before_one = many;
	InterlockedIncrement(&one);
}

int main(void)
{
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool = new_pool(&env, 1);
	PTP_WORK a, b;
	struct plug plug;
	int i;

	plug_in(&plug, &env);
	a = CreateThreadpoolWork(run_many, NULL, &env);
	b = CreateThreadpoolWork(run_one, NULL, &env);
	NEED(a && b);
	for (i = 0; i < 10; i++)
		SubmitThreadpoolWork(a);
	SubmitThreadpoolWork(b);
	WaitForThreadpoolWorkCallbacks(a, TRUE);
	IS("PL-18", "dropped: callbacks", many, 0);
	plug_out(&plug);
	WaitForThreadpoolWorkCallbacks(b, FALSE);
	IS("PL-18", "those of another object stay", one, 1);
	IS("PL-18", "dropped for good", many, 0);
	SubmitThreadpoolWork(a);
	WaitForThreadpoolWorkCallbacks(a, FALSE);
	IS("PL-18", "the object goes on", many, 1);

	many = one = 0;
	for (i = 0; i < 10; i++)
		SubmitThreadpoolWork(a);
	SubmitThreadpoolWork(b);
	WaitForThreadpoolWorkCallbacks(b, FALSE);
	WaitForThreadpoolWorkCallbacks(a, FALSE);
	IS("PL-18", "both run, on one thread", many + one, 11);
	CloseThreadpoolWork(a);
	CloseThreadpoolWork(b);
	CloseThreadpool(pool);
	return conform_end();
}
