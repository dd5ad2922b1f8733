// SPDX-License-Identifier: GPL-2.0-only
/* LeaveCriticalSectionWhenCallbackReturns(): of one that the callback entered. */
#include "pool.h"

static volatile LONG inside, go, value;
static CRITICAL_SECTION section;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)context, (void)work;
	EnterCriticalSection(&section);
	LeaveCriticalSectionWhenCallbackReturns(instance, &section);
	InterlockedIncrement(&inside);
	UNTIL(go);
	value = value + 1;
}

int main(void)
{
	PTP_WORK work = CreateThreadpoolWork(run, NULL, NULL);
	int i;

	NEED(work);
	InitializeCriticalSection(&section);
	SubmitThreadpoolWork(work);
	UNTIL(inside);
	CHECK("CI-7", "while the callback runs it is taken", !TryEnterCriticalSection(&section));
	InterlockedIncrement(&go);
	EnterCriticalSection(&section);
	IS("CI-7", "entered: the callback has come to its end", value, 1);
	LeaveCriticalSection(&section);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	/* It keeps the callbacks apart, too. */
	for (i = 0; i < 50; i++)
		SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	IS("CI-7", "callbacks, one after the other", value, 51);
	CHECK("CI-2", "free when the wait is over", TryEnterCriticalSection(&section));
	LeaveCriticalSection(&section);
	DeleteCriticalSection(&section);
	CloseThreadpoolWork(work);
	return conform_end();
}
