// SPDX-License-Identifier: GPL-2.0-only
/* The cancel callback of a group: for each member, on the thread that closes them. */
#include "pool.h"

static LONG contexts[4];
static volatile LONG calls;
static LONG wrong, cancelled;
static DWORD closer;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)instance, (void)context, (void)work;
	InterlockedIncrement(&calls);
}

static VOID CALLBACK cancel(PVOID object, PVOID context)
{
	LONG *which = (LONG *)object;

	cancelled++;
	if (GetCurrentThreadId() != closer || context != &cancelled)
		wrong++;
	else
		(*which)++;
}

int main(void)
{
	PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool = new_pool(&env, 1);
	PTP_WORK work[4];
	struct plug plug;
	int i;

	NEED(group);
	closer = GetCurrentThreadId();
	plug_in(&plug, &env);
	SetThreadpoolCallbackCleanupGroup(&env, group, cancel);
	for (i = 0; i < 4; i++) {
		work[i] = CreateThreadpoolWork(run, &contexts[i], &env);
		NEED(work[i]);
	}
	/* One with three callbacks queued, one with one, one idle, one closed already. */
	for (i = 0; i < 3; i++)
		SubmitThreadpoolWork(work[0]);
	SubmitThreadpoolWork(work[1]);
	CloseThreadpoolWork(work[3]);
	CloseThreadpoolCleanupGroupMembers(group, TRUE, &cancelled);
	IS("PL-16", "cancel callbacks", cancelled, 3);
	IS("PL-16", "on another thread or with another context", wrong, 0);
	IS("PL-16", "for one with three callbacks queued", contexts[0], 1);
	IS("PL-16", "for one with one", contexts[1], 1);
	IS("PL-16", "for an idle one", contexts[2], 1);
	IS("PL-16", "for one that was closed", contexts[3], 0);
	plug_out(&plug);
	IS("PL-15", "callbacks", calls, 0);

	work[0] = CreateThreadpoolWork(run, &contexts[0], &env);
	NEED(work[0]);
	SubmitThreadpoolWork(work[0]);
	CloseThreadpoolCleanupGroupMembers(group, FALSE, &cancelled);
	IS("PL-16", "not cancelling: cancel callbacks", cancelled, 3);
	IS("PL-15", "callbacks", calls, 1);
	CloseThreadpoolCleanupGroup(group);
	CloseThreadpool(pool);
	return conform_end();
}
