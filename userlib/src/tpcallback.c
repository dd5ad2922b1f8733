// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * tpcallback.c - what a callback may do with its Instance.
 *
 * An Instance is the address of its worker's struct iocpi_call: so one that belongs to
 * another thread, or to no callback any more, is recognised (CI-1).
 */
#include <errno.h>

#include "win.h"

static struct iocpi_call *call_of(PTP_CALLBACK_INSTANCE pci, const char *who)
{
	if (pci && pci == iocpi_instance() && iocpi_self.callback)
		return iocpi_self.call;
	iocpi_debug("%s: %p is not the callback that this thread is in", who, (void *)pci);
	return NULL;
}

const struct iocp_packet *iocp_callback_packet(PTP_CALLBACK_INSTANCE Instance)
{
	struct iocpi_call *call = call_of(Instance, __func__);

	return call && iocpi_self.callback->type == IOCPI_FILE ? call->packet : NULL;
}

BOOL WINAPI CallbackMayRunLong(PTP_CALLBACK_INSTANCE pci)
{
	int ret;

	if (!call_of(pci, __func__))
		return iocpi_fail(ERROR_INVALID_PARAMETER);
	ret = iocp_callback_may_run_long();
	if (!ret)
		return TRUE;
	return ret == -EAGAIN ? iocpi_fail(ERROR_MAX_THRDS_REACHED) : iocpi_fail_errno(-ret);
}

VOID WINAPI DisassociateCurrentThreadFromCallback(PTP_CALLBACK_INSTANCE pci)
{
	if (call_of(pci, __func__))
		iocp_callback_disassociate();
}

static void on_return(PTP_CALLBACK_INSTANCE pci, enum iocpi_return_kind kind,
		      void (*run)(const struct iocpi_return *), void *arg, uint32_t count,
		      const char *who)
{
	struct iocpi_return r = { .kind = kind, .run = run, .arg = arg, .count = count };

	if (!call_of(pci, who) || !iocpi_on_return(&r))
		return;
	iocpi_debug("%s: no memory, it will not happen", who);
	iocpi_fail(ERROR_NOT_ENOUGH_MEMORY);
}

static void returned(BOOL done, const struct iocpi_return *r, const char *who)
{
	if (!done)
		iocpi_debug("%s: %p: error %u", who, r->arg, GetLastError());
}

static void return_critical_section(const struct iocpi_return *r)
{
	LeaveCriticalSection(r->arg);
}

static void return_mutex(const struct iocpi_return *r)
{
	returned(ReleaseMutex(r->arg), r, "ReleaseMutexWhenCallbackReturns");
}

static void return_semaphore(const struct iocpi_return *r)
{
	returned(ReleaseSemaphore(r->arg, r->count, NULL), r,
		 "ReleaseSemaphoreWhenCallbackReturns");
}

static void return_event(const struct iocpi_return *r)
{
	returned(SetEvent(r->arg), r, "SetEventWhenCallbackReturns");
}

static void return_library(const struct iocpi_return *r)
{
	returned(FreeLibrary(r->arg), r, "FreeLibraryWhenCallbackReturns");
}

VOID WINAPI LeaveCriticalSectionWhenCallbackReturns(PTP_CALLBACK_INSTANCE pci,
						    PCRITICAL_SECTION pcs)
{
	on_return(pci, RETURN_CRITICAL_SECTION, return_critical_section, pcs, 0, __func__);
}

VOID WINAPI ReleaseMutexWhenCallbackReturns(PTP_CALLBACK_INSTANCE pci, HANDLE mut)
{
	on_return(pci, RETURN_MUTEX, return_mutex, mut, 0, __func__);
}

VOID WINAPI ReleaseSemaphoreWhenCallbackReturns(PTP_CALLBACK_INSTANCE pci, HANDLE sem, DWORD crel)
{
	on_return(pci, RETURN_SEMAPHORE, return_semaphore, sem, crel, __func__);
}

VOID WINAPI SetEventWhenCallbackReturns(PTP_CALLBACK_INSTANCE pci, HANDLE evt)
{
	on_return(pci, RETURN_EVENT, return_event, evt, 0, __func__);
}

VOID WINAPI FreeLibraryWhenCallbackReturns(PTP_CALLBACK_INSTANCE pci, HMODULE mod)
{
	on_return(pci, RETURN_LIBRARY, return_library, mod, 0, __func__);
}
