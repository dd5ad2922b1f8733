// SPDX-License-Identifier: GPL-2.0-only
/* TrySubmitThreadpoolCallback(): a callback without an object. */
#include "pool.h"

static volatile LONG calls, cancelled;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
	(void)instance;
	InterlockedIncrement((LONG *)context);
}

static VOID CALLBACK cancel(PVOID object, PVOID context)
{
	(void)context;
	if (object == &calls)
		InterlockedIncrement(&cancelled);
}

int main(void)
{
	PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool = new_pool(&env, 1);
	struct plug plug;
	int i, taken = 0;

	NEED(group);
	for (i = 0; i < 100; i++)
		taken += TrySubmitThreadpoolCallback(run, (PVOID)&calls, NULL);
	UNTIL(calls == taken);
	IS("PL-19", "submitted", taken, 100);
	IS("PL-19", "callbacks", calls, 100);

	SetThreadpoolCallbackCleanupGroup(&env, group, cancel);
	CHECK("PL-19", "in a group", TrySubmitThreadpoolCallback(run, (PVOID)&calls, &env));
	CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
	IS("PL-15", "the group waits for it", calls, 101);
	IS("PL-16", "cancel callbacks", cancelled, 0);
	SetThreadpoolCallbackCleanupGroup(&env, NULL, NULL);
	plug_in(&plug, &env);
	SetThreadpoolCallbackCleanupGroup(&env, group, cancel);
	for (i = 0; i < 3; i++)
		TrySubmitThreadpoolCallback(run, (PVOID)&calls, &env);
	CloseThreadpoolCleanupGroupMembers(group, TRUE, NULL);
	IS("PL-16", "dropped: cancel callbacks", cancelled, 3);
	plug_out(&plug);
	Sleep(SHORT_TIME);
	IS("PL-16", "callbacks", calls, 101);
	CloseThreadpoolCleanupGroup(group);
	CloseThreadpool(pool);
	return conform_end();
}
