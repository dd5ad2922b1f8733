// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * tptimer.c - timers with Windows names, and what waits have in common with them.
 *
 * Calls hold OBJ_USER, so what they lock stays; an object that is closed is not found.
 */
#include <errno.h>

#include "win.h"

#define NSEC_PER_MSEC	UINT64_C(1000000)

struct iocpi_armed *iocpi_tparmed_get(void *ptr, enum iocpi_type type, const char *who)
{
	struct iocpi_obj *obj = iocpi_obj_get((uintptr_t)ptr, type, OBJ_USER);

	if (obj)
		return armed_of(obj);
	iocpi_debug("%s: %p is no %s any more", who, ptr, type == IOCPI_TIMER ? "timer" : "wait");
	iocpi_fail(ERROR_INVALID_HANDLE);
	return NULL;
}

void iocpi_tparmed_put(struct iocpi_armed *a)
{
	iocpi_bound_put(&a->bound, OBJ_USER);
}

static bool armed_end(struct iocpi_obj *obj, bool drop)
{
	struct iocpi_armed *a = armed_of(obj);
	bool open = iocpi_obj_close(iocpi_obj_id(obj), READ_ONCE(obj->type), OBJ_USER, NULL);

	if (open) {
		iocpi_armed_end(a, drop);
		iocpi_tparmed_put(a);
	} else if (drop) {
		iocpi_armed_drop(a);
	}
	return open;
}

/* @alloc: an object for the pool and priority of @env.  NULL with the last error. */
void *iocpi_tparmed_create(struct iocpi_armed *(*alloc)(const struct iocpi_env *env),
			   void (*run)(struct iocpi_armed *a, const struct iocp_packet *packet),
			   void (*callback)(void), PVOID context, PTP_CALLBACK_ENVIRON pcbe)
{
	static const struct iocpi_member_ops ops = { armed_end };
	struct iocpi_armed *a;
	struct iocpi_env env;
	uint64_t id = 0;
	DWORD code;

	code = callback ? iocpi_env_read(pcbe, &env) : ERROR_INVALID_PARAMETER;
	if (!code) {
		a = alloc(&env);
		if (a) {
			a->bound.unbind_late = true;
			a->run = run;
			a->win_callback = callback;
			a->context = context;
			id = iocpi_obj_id(&a->bound.obj);
			code = iocpi_env_open(&env, &a->bound.obj, &ops, context);
		} else {
			code = ERROR_NOT_ENOUGH_MEMORY;
		}
		iocpi_env_drop(&env);
	}
	if (!code)
		return (void *)(uintptr_t)id;
	iocpi_fail(code);
	return NULL;
}

void iocpi_tparmed_wait(void *ptr, enum iocpi_type type, bool drop, const char *who)
{
	struct iocpi_armed *a = iocpi_tparmed_get(ptr, type, who);

	if (!a)
		return;
	if (drop)
		iocpi_armed_drop(a);
	if (iocpi_self.callback_id == (uintptr_t)ptr)
		iocpi_debug("%s: a callback waits for itself", who);	/* TR-23 */
	else
		iocpi_armed_wait(a);
	iocpi_tparmed_put(a);
}

void iocpi_tparmed_close(void *ptr, enum iocpi_type type, const char *who)
{
	struct iocpi_obj *obj = iocpi_obj_close((uintptr_t)ptr, type, OBJ_USER, NULL);

	if (!obj) {
		iocpi_debug("%s: %p is closed already", who, ptr);
		return;
	}
	iocpi_armed_end(armed_of(obj), false);
	iocpi_tparmed_put(armed_of(obj));
}

/* What a set or stop says.  Of the functions that cannot tell, at least this does. */
BOOL iocpi_tparmed_result(int ret, const char *who)
{
	if (ret >= 0)
		return ret;
	iocpi_debug("%s: %s", who, strerror(-ret));
	return iocpi_fail_status(iocpi_refusal_status(-ret, KIND_FILE), -ret);
}

static struct iocpi_armed *timer_alloc(const struct iocpi_env *env)
{
	struct iocp_timer *t = iocpi_timer_alloc(env->pool, env->priority);

	return t ? &t->armed : NULL;
}

static void timer_run(struct iocpi_armed *a, const struct iocp_packet *packet)
{
	(void)packet;
	((PTP_TIMER_CALLBACK)a->win_callback)(iocpi_instance(), a->context,
					      (PTP_TIMER)(uintptr_t)iocpi_self.callback_id);
}

PTP_TIMER WINAPI CreateThreadpoolTimer(PTP_TIMER_CALLBACK pfnti, PVOID pv,
				       PTP_CALLBACK_ENVIRON pcbe)
{
	return iocpi_tparmed_create(timer_alloc, timer_run, (void (*)(void))pfnti, pv, pcbe);
}

static int timer_set(struct iocp_timer *t, int64_t when, DWORD period, DWORD window)
{
	uint64_t due = 0;
	uint32_t flags = 0;

	if (when < 0) {
		due = iocp_deadline_ns(iocpi_units_ns(0 - (uint64_t)when));
	} else if (when > 0) {
		flags = IOCP_TIMER_REALTIME;
		if (when > FILETIME_UNIX_EPOCH)
			due = iocpi_units_ns(when - FILETIME_UNIX_EPOCH);
	}
	return iocp_timer_set(t, due, period * NSEC_PER_MSEC, window * NSEC_PER_MSEC, flags);
}

static BOOL set_timer(PTP_TIMER pti, PFILETIME due, DWORD period, DWORD window, const char *who)
{
	struct iocpi_armed *a = iocpi_tparmed_get(pti, IOCPI_TIMER, who);
	struct iocp_timer *t;
	int ret;

	if (!a)
		return FALSE;
	t = container_of(a, struct iocp_timer, armed);
	ret = due ? timer_set(t, iocpi_filetime(due), period, window) : iocp_timer_stop(t);
	iocpi_tparmed_put(a);
	return iocpi_tparmed_result(ret, who);
}

BOOL WINAPI SetThreadpoolTimerEx(PTP_TIMER pti, PFILETIME pftDueTime, DWORD msPeriod,
				 DWORD msWindowLength)
{
	return set_timer(pti, pftDueTime, msPeriod, msWindowLength, __func__);
}

VOID WINAPI SetThreadpoolTimer(PTP_TIMER pti, PFILETIME pftDueTime, DWORD msPeriod,
			       DWORD msWindowLength)
{
	set_timer(pti, pftDueTime, msPeriod, msWindowLength, __func__);
}

BOOL WINAPI IsThreadpoolTimerSet(PTP_TIMER pti)
{
	struct iocpi_armed *a = iocpi_tparmed_get(pti, IOCPI_TIMER, __func__);
	int ret;

	if (!a)
		return FALSE;
	ret = iocpi_armed_is_set(a);
	iocpi_tparmed_put(a);
	return ret > 0;
}

VOID WINAPI WaitForThreadpoolTimerCallbacks(PTP_TIMER pti, BOOL fCancelPendingCallbacks)
{
	iocpi_tparmed_wait(pti, IOCPI_TIMER, fCancelPendingCallbacks, __func__);
}

VOID WINAPI CloseThreadpoolTimer(PTP_TIMER pti)
{
	iocpi_tparmed_close(pti, IOCPI_TIMER, __func__);
}
