// SPDX-License-Identifier: GPL-2.0-only
/* The callback environment: a structure, and functions that fill it in. */
#include "pool.h"

static VOID CALLBACK cancelled(PVOID object, PVOID context)
{
	(void)object, (void)context;
}

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)instance, (void)context, (void)work;
}

int main(void)
{
	PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
	PTP_POOL pool = CreateThreadpool(NULL);
	TP_CALLBACK_ENVIRON env;
	PTP_WORK work;

	memset(&env, 0xcc, sizeof(env));
	InitializeThreadpoolEnvironment(&env);
	IS("PL-12", "Version", env.Version, 3);
	IS("PL-12", "CallbackPriority", env.CallbackPriority, TP_CALLBACK_PRIORITY_NORMAL);
	IS("PL-12", "Size", env.Size, sizeof(env));
	IS("PL-12", "Flags", env.u.Flags, 0);
	CHECK("PL-12", "the rest is NULL", !env.Pool && !env.CleanupGroup &&
	      !env.CleanupGroupCancelCallback && !env.RaceDll && !env.ActivationContext &&
	      !env.FinalizationCallback);
	IS("PL-13", "high", TP_CALLBACK_PRIORITY_HIGH, 0);
	IS("PL-13", "normal", TP_CALLBACK_PRIORITY_NORMAL, 1);
	IS("PL-13", "low", TP_CALLBACK_PRIORITY_LOW, 2);
	SetThreadpoolCallbackPool(&env, pool);
	SetThreadpoolCallbackCleanupGroup(&env, group, cancelled);
	SetThreadpoolCallbackPriority(&env, TP_CALLBACK_PRIORITY_HIGH);
	SetThreadpoolCallbackRunsLong(&env);
	env.u.s.Persistent = 1;	/* mingw-w64 lacks SetThreadpoolCallbackPersistent() */
	CHECK("PL-12", "what was set is there", env.Pool == pool && env.CleanupGroup == group &&
	      env.CleanupGroupCancelCallback == cancelled && env.u.s.LongFunction &&
	      env.u.s.Persistent && env.CallbackPriority == TP_CALLBACK_PRIORITY_HIGH);
	work = CreateThreadpoolWork(run, NULL, &env);
	CHECK("PL-14", "it makes objects", work != NULL);
	SubmitThreadpoolWork(work);
	CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);

	InitializeThreadpoolEnvironment(&env);
	env.CallbackPriority = TP_CALLBACK_PRIORITY_INVALID;
	IS("PL-13", "a priority that is none", ERROR_OF(CreateThreadpoolWork(run, NULL, &env)),
	   ERROR_INVALID_PARAMETER);
	InitializeThreadpoolEnvironment(&env);
	env.Version = 9999;
	WINDOWS_IS("PL-13", "a version that is none",
		   ERROR_OF(CreateThreadpoolWork(run, NULL, &env)), ERROR_INVALID_PARAMETER);
	CloseThreadpoolCleanupGroup(group);
	CloseThreadpool(pool);
	DestroyThreadpoolEnvironment(&env);
	return conform_end();
}
