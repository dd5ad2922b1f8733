/* SPDX-License-Identifier: GPL-2.0-only */
/* What programs about thread pools share. */
#ifndef CONFORM_POOL_H
#define CONFORM_POOL_H

#include "conform.h"

/* A pool of at most @max threads, and an environment for it. */
static inline PTP_POOL new_pool(TP_CALLBACK_ENVIRON *env, DWORD max)
{
	PTP_POOL pool = CreateThreadpool(NULL);

	NEED(pool);
	SetThreadpoolThreadMaximum(pool, max);
	InitializeThreadpoolEnvironment(env);
	SetThreadpoolCallbackPool(env, pool);
	return pool;
}

/* Occupies a thread of a pool until pulled. */
struct plug {
	PTP_WORK work;
	HANDLE pull;
	volatile LONG inside;
};

static inline VOID CALLBACK plug_run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	struct plug *plug = (struct plug *)context;

	(void)instance, (void)work;
	InterlockedIncrement(&plug->inside);
	WaitForSingleObject(plug->pull, LONG_TIME);
	InterlockedDecrement(&plug->inside);
}

static inline void plug_in(struct plug *plug, TP_CALLBACK_ENVIRON *env)
{
	plug->inside = 0;
	plug->pull = CreateEventA(NULL, TRUE, FALSE, NULL);
	plug->work = CreateThreadpoolWork(plug_run, plug, env);
	NEED(plug->pull && plug->work);
	SubmitThreadpoolWork(plug->work);
	UNTIL(plug->inside);
	NEED(plug->inside);
}

static inline void plug_out(struct plug *plug)
{
	SetEvent(plug->pull);
	WaitForThreadpoolWorkCallbacks(plug->work, FALSE);
	CloseThreadpoolWork(plug->work);
	CloseHandle(plug->pull);
}

/* A time @ms from now, as timers and waits take it. */
static inline FILETIME *in_ms(FILETIME *due, LONGLONG ms)
{
	ULONGLONG ticks = (ULONGLONG)(-ms * 10000);

	due->dwLowDateTime = (DWORD)ticks;
	due->dwHighDateTime = (DWORD)(ticks >> 32);
	return due;
}

#endif /* CONFORM_POOL_H */
