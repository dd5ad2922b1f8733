// SPDX-License-Identifier: GPL-2.0-only
/* A callback that disassociated itself still counts for its cleanup group. */
#include "pool.h"

static volatile LONG inside, left;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)context, (void)work;
	DisassociateCurrentThreadFromCallback(instance);
	InterlockedIncrement(&inside);
	Sleep(4 * SHORT_TIME);
	InterlockedIncrement(&left);
}

int main(void)
{
	PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
	TP_CALLBACK_ENVIRON env;
	PTP_WORK work;

	NEED(group);
	InitializeThreadpoolEnvironment(&env);
	SetThreadpoolCallbackCleanupGroup(&env, group, NULL);
	work = CreateThreadpoolWork(run, NULL, &env);
	NEED(work);
	SubmitThreadpoolWork(work);
	UNTIL(inside);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	CHECK("CI-6", "the wait for the object is over", inside == 1);
	CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
	IS("CI-6", "that for the group is over: callbacks that have returned", left, 1);
	CloseThreadpoolCleanupGroup(group);
	DestroyThreadpoolEnvironment(&env);
	return conform_end();
}
