// SPDX-License-Identifier: GPL-2.0-only
/* Timers and waits as members of a cleanup group. */
#include "pool.h"

static volatile LONG calls;
static LONG cancelled;

static VOID CALLBACK timer_run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer)
{
	(void)instance, (void)context, (void)timer;
	InterlockedIncrement(&calls);
}

static VOID CALLBACK wait_run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WAIT wait,
			      TP_WAIT_RESULT result)
{
	(void)instance, (void)context, (void)wait, (void)result;
	InterlockedIncrement(&calls);
}

static VOID CALLBACK cancel(PVOID object, PVOID context)
{
	if (object == &calls && context == &cancelled)
		cancelled++;
}

int main(void)
{
	PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
	HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL);
	TP_CALLBACK_ENVIRON env;
	PTP_TIMER timer;
	FILETIME due;
	PTP_WAIT wait;

	NEED(group && event);
	InitializeThreadpoolEnvironment(&env);
	SetThreadpoolCallbackCleanupGroup(&env, group, cancel);
	timer = CreateThreadpoolTimer(timer_run, (PVOID)&calls, &env);
	wait = CreateThreadpoolWait(wait_run, (PVOID)&calls, &env);
	NEED(timer && wait);
	SetThreadpoolTimer(timer, in_ms(&due, 3600 * 1000), 0, 0);
	SetThreadpoolWait(wait, event, NULL);
	CloseThreadpoolCleanupGroupMembers(group, TRUE, &cancelled);
	IS("PL-15", "set, and closed with their group: callbacks", calls, 0);
	IS("PL-16", "cancel callbacks", cancelled, 2);
	SetEvent(event);
	Sleep(SHORT_TIME);
	IS("PL-15", "then signalled: callbacks", calls, 0);

	timer = CreateThreadpoolTimer(timer_run, (PVOID)&calls, &env);
	wait = CreateThreadpoolWait(wait_run, (PVOID)&calls, &env);
	NEED(timer && wait);
	SetThreadpoolTimer(timer, in_ms(&due, 0), 0, 0);
	SetThreadpoolWait(wait, event, NULL);
	UNTIL(calls == 2);
	CloseThreadpoolCleanupGroupMembers(group, FALSE, &cancelled);
	IS("PL-17", "new members: callbacks", calls, 2);
	IS("PL-16", "cancel callbacks", cancelled, 2);
	CloseThreadpoolCleanupGroup(group);
	CloseHandle(event);
	return conform_end();
}
