// SPDX-License-Identifier: GPL-2.0-only
/* Callbacks that wait for other callbacks: the pool grows until all of them run. */
#include "pool.h"

#define COUNT	12

static volatile LONG inside, met, depth;

static VOID CALLBACK meet(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)instance, (void)context, (void)work;
	InterlockedIncrement(&inside);
	UNTIL(inside == COUNT);
	if (inside == COUNT)
		InterlockedIncrement(&met);
}

static VOID CALLBACK nest(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	PTP_WORK inner;

	(void)instance, (void)context, (void)work;
	if (InterlockedIncrement(&depth) == COUNT)
		return;
	inner = CreateThreadpoolWork(nest, NULL, NULL);
	SubmitThreadpoolWork(inner);
	WaitForThreadpoolWorkCallbacks(inner, FALSE);
	CloseThreadpoolWork(inner);
}

int main(void)
{
	PTP_WORK work = CreateThreadpoolWork(meet, NULL, NULL);
	int i;

	NEED(work);
	for (i = 0; i < COUNT; i++) {
		SubmitThreadpoolWork(work);
		if (on_wine())		/* does not notice that threads block */
			UNTIL(inside > i);
	}
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	IS("PL-6", "callbacks that waited until all were there", met, COUNT);
	CloseThreadpoolWork(work);
	work = CreateThreadpoolWork(nest, NULL, NULL);
	NEED(work);
	SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	IS("PL-6", "callbacks, each waiting for the next", depth, COUNT);
	CloseThreadpoolWork(work);
	return conform_end();
}
