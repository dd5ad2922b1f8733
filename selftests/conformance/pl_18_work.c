// SPDX-License-Identifier: GPL-2.0-only
/* Each SubmitThreadpoolWork() is one callback. */
#include "pool.h"

static volatile LONG calls, inside, met;

static VOID CALLBACK count(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)instance, (void)work;
	InterlockedIncrement((LONG *)context);
}

static VOID CALLBACK meet(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)instance, (void)context, (void)work;
	InterlockedIncrement(&inside);
	UNTIL(inside == 2);
	if (inside == 2)
		InterlockedIncrement(&met);
}

static VOID CALLBACK again(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)instance, (void)context;
	if (InterlockedIncrement(&calls) < 10)
		SubmitThreadpoolWork(work);
}

static VOID CALLBACK close_it(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)context;
	SetEventWhenCallbackReturns(instance, (HANDLE)context);
	CloseThreadpoolWork(work);
}

int main(void)
{
	PTP_WORK work = CreateThreadpoolWork(count, (PVOID)&calls, NULL);
	HANDLE event = CreateEventA(NULL, FALSE, FALSE, NULL);
	int i;

	NEED(work && event);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	WaitForThreadpoolWorkCallbacks(work, TRUE);
	IS("PL-18", "not submitted: callbacks", calls, 0);
	for (i = 0; i < 1000; i++)
		SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	IS("PL-18", "submitted: callbacks", calls, 1000);
	CloseThreadpoolWork(work);

	work = CreateThreadpoolWork(meet, NULL, NULL);
	SubmitThreadpoolWork(work);
	SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	IS("PL-18", "two callbacks of one object at the same time", met, 2);
	CloseThreadpoolWork(work);

	calls = 0;
	work = CreateThreadpoolWork(again, NULL, NULL);
	SubmitThreadpoolWork(work);
	UNTIL(calls == 10);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	IS("PL-18", "submitted by callbacks", calls, 10);
	CloseThreadpoolWork(work);

	work = CreateThreadpoolWork(close_it, event, NULL);
	SubmitThreadpoolWork(work);
	IS("PL-18", "closed in its callback", WaitForSingleObject(event, LONG_TIME),
	   WAIT_OBJECT_0);
	CloseHandle(event);
	return conform_end();
}
