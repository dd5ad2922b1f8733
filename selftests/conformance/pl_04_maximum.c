// SPDX-License-Identifier: GPL-2.0-only
/* SetThreadpoolThreadMaximum(): so many callbacks at a time. */
#include "pool.h"

static volatile LONG inside, most, calls, go;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	LONG now = InterlockedIncrement(&inside), seen;

	(void)instance, (void)context, (void)work;
	while (seen = most, now > seen)
		InterlockedCompareExchange(&most, now, seen);
	UNTIL(go);
	InterlockedDecrement(&inside);
	InterlockedIncrement(&calls);
}

static void with_maximum(DWORD max)
{
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool = new_pool(&env, max);
	PTP_WORK work = CreateThreadpoolWork(run, NULL, &env);
	char text[64];
	DWORD i;

	NEED(work);
	calls = most = go = 0;
	for (i = 0; i < 8; i++) {
		SubmitThreadpoolWork(work);
		if (on_wine() && i < max)	/* starts threads for what is submitted then */
			UNTIL(inside > (LONG)i);
	}
	UNTIL(inside == (LONG)max);
	Sleep(2 * SHORT_TIME);
	snprintf(text, sizeof(text), "at most %u", (unsigned)max);
	IS("PL-4", text, inside, max);
	InterlockedIncrement(&go);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	IS("PL-4", "callbacks in the end", calls, 8);
	CHECK("PL-4", "never more at a time", most == (LONG)max);
	CloseThreadpoolWork(work);
	CloseThreadpool(pool);
}

int main(void)
{
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool = new_pool(&env, 4);

	with_maximum(1);
	with_maximum(2);
	with_maximum(5);
	CHECK("PL-4", "a minimum", SetThreadpoolThreadMinimum(pool, 2));
	CHECK("PL-4", "above the maximum, which it raises", SetThreadpoolThreadMinimum(pool, 6));
	CHECK("PL-4", "none", SetThreadpoolThreadMinimum(pool, 0));
	CloseThreadpool(pool);
	return conform_end();
}
