// SPDX-License-Identifier: GPL-2.0-only
/* CloseThreadpoolCleanupGroupMembers(): waits for the members, and frees them. */
#include "pool.h"

static volatile LONG calls, returned;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)instance, (void)context, (void)work;
	InterlockedIncrement(&calls);
	Sleep(SHORT_TIME / 10);
	InterlockedIncrement(&returned);
}

int main(void)
{
	PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool = new_pool(&env, 1);
	struct plug plug;
	PTP_WORK work[3];
	int i, j;

	CHECK("PL-15", "a group", group != NULL);
	CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
	CHECK("PL-15", "without members: returns", 1);
	plug_in(&plug, &env);
	SetThreadpoolCallbackCleanupGroup(&env, group, NULL);
	for (i = 0; i < 3; i++) {
		work[i] = CreateThreadpoolWork(run, NULL, &env);
		NEED(work[i]);
		for (j = 0; j < 3; j++)
			SubmitThreadpoolWork(work[i]);
	}
	plug_out(&plug);
	CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
	IS("PL-15", "nothing is dropped: callbacks", calls, 9);
	IS("PL-15", "that have returned", returned, 9);

	/* And the other way: what has not begun does not begin. */
	SetThreadpoolCallbackCleanupGroup(&env, NULL, NULL);
	plug_in(&plug, &env);
	SetThreadpoolCallbackCleanupGroup(&env, group, NULL);
	work[0] = CreateThreadpoolWork(run, NULL, &env);
	NEED(work[0]);
	for (j = 0; j < 5; j++)
		SubmitThreadpoolWork(work[0]);
	CloseThreadpoolCleanupGroupMembers(group, TRUE, NULL);
	plug_out(&plug);
	Sleep(SHORT_TIME);
	IS("PL-15", "what is queued is dropped: callbacks", calls, 9);
	work[0] = CreateThreadpoolWork(run, NULL, &env);
	CHECK("PL-17", "the group takes new members", work[0] != NULL);
	SubmitThreadpoolWork(work[0]);
	CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
	IS("PL-17", "which run", calls, 10);
	CloseThreadpoolCleanupGroup(group);
	CloseThreadpool(pool);
	return conform_end();
}
