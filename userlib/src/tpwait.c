// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * tpwait.c - waits with Windows names.  What a handle's wait is, is wait.c's to say.
 */
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "win.h"

static struct iocpi_armed *wait_alloc(const struct iocpi_env *env)
{
	struct iocp_wait *w = iocpi_waitobj_alloc(env->pool, env->priority);

	return w ? &w->armed : NULL;
}

static void wait_run(struct iocpi_armed *a, const struct iocp_packet *packet)
{
	PTP_WAIT_CALLBACK callback = (PTP_WAIT_CALLBACK)a->win_callback;

	callback(iocpi_instance(), a->context, (PTP_WAIT)(uintptr_t)iocpi_self.callback_id,
		 packet->res == -ETIME ? WAIT_TIMEOUT : WAIT_OBJECT_0);
}

PTP_WAIT WINAPI CreateThreadpoolWait(PTP_WAIT_CALLBACK pfnwa, PVOID pv, PTP_CALLBACK_ENVIRON pcbe)
{
	return iocpi_tparmed_create(wait_alloc, wait_run, (void (*)(void))pfnwa, pv, pcbe);
}

static uint64_t wait_deadline(const FILETIME *timeout)
{
	int64_t when = timeout ? iocpi_filetime(timeout) : 0;
	struct timespec now;
	uint64_t units;

	if (!timeout)
		return IOCP_FOREVER;
	if (when < 0)
		return iocp_deadline_ns(iocpi_units_ns(0 - (uint64_t)when));
	clock_gettime(CLOCK_REALTIME, &now);
	units = FILETIME_UNIX_EPOCH + now.tv_sec * UINT64_C(10000000) + now.tv_nsec / 100;
	return (uint64_t)when > units ? iocp_deadline_ns(iocpi_units_ns(when - units)) :
	       IOCP_NOWAIT;
}

static BOOL set_handle(struct iocp_wait *w, HANDLE h, const FILETIME *timeout, const char *who)
{
	struct iocpi_waitable waitable;
	DWORD code = iocpi_waitable(h, &waitable);
	int ret;

	if (code) {
		iocp_wait_clear(w);
		iocpi_debug("%s: %p cannot be waited for", who, (void *)h);
		return iocpi_fail(code);
	}
	ret = iocp_wait_set(w, waitable.fd, waitable.consume ? IOCP_WAIT_CONSUME : 0,
			    wait_deadline(timeout));
	close(waitable.fd);
	return iocpi_tparmed_result(ret, who);
}

static BOOL set_wait(PTP_WAIT pwa, HANDLE h, const FILETIME *timeout, const char *who)
{
	struct iocpi_armed *a = iocpi_tparmed_get(pwa, IOCPI_WAIT, who);
	struct iocp_wait *w;
	BOOL replaced;

	if (!a)
		return FALSE;
	w = container_of(a, struct iocp_wait, armed);
	if (h)
		replaced = set_handle(w, h, timeout, who);
	else
		replaced = iocpi_tparmed_result(iocp_wait_clear(w), who);
	iocpi_tparmed_put(a);
	return replaced;
}

BOOL WINAPI SetThreadpoolWaitEx(PTP_WAIT pwa, HANDLE h, PFILETIME pftTimeout, PVOID Reserved)
{
	if (Reserved)
		return iocpi_fail(ERROR_INVALID_PARAMETER);
	return set_wait(pwa, h, pftTimeout, __func__);
}

VOID WINAPI SetThreadpoolWait(PTP_WAIT pwa, HANDLE h, PFILETIME pftTimeout)
{
	set_wait(pwa, h, pftTimeout, __func__);
}

VOID WINAPI WaitForThreadpoolWaitCallbacks(PTP_WAIT pwa, BOOL fCancelPendingCallbacks)
{
	iocpi_tparmed_wait(pwa, IOCPI_WAIT, fCancelPendingCallbacks, __func__);
}

VOID WINAPI CloseThreadpoolWait(PTP_WAIT pwa)
{
	iocpi_tparmed_close(pwa, IOCPI_WAIT, __func__);
}
