/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * libiocp, Windows names: the thread pool.  Part of <iocp/windows.h>, whose rules
 * hold here too.
 *
 * The facts in brackets (TP, CI, PL, TR) are numbered as in docs/deviations.md.
 *
 * A pool is a port with threads that take packets from it themselves; an object
 * (PTP_WORK, PTP_IO ...) belongs to the pool, the cleanup group and the rest of the
 * environment it was created with, which is copied (TP-16).
 *
 * PTP_ types are numbers with a generation and not addresses: an object that is
 * gone is recognised by every function and ignored, or is ERROR_INVALID_HANDLE.
 * With IOCP_DEBUG=1 in the environment of the program each such mistake is told on
 * standard error.
 *
 * A callback must return: no longjmp or exception out of it, no ending of the
 * thread (PL-9).  Callbacks of one object may run at the same time on several
 * threads.  All functions may be called inside callbacks.
 */
#ifndef IOCP_THREADPOOL_H
#define IOCP_THREADPOOL_H

#include "windows.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef DWORD TP_VERSION, *PTP_VERSION;

typedef struct _TP_CALLBACK_INSTANCE TP_CALLBACK_INSTANCE, *PTP_CALLBACK_INSTANCE;
typedef struct _TP_POOL TP_POOL, *PTP_POOL;
typedef struct _TP_CLEANUP_GROUP TP_CLEANUP_GROUP, *PTP_CLEANUP_GROUP;
typedef struct _TP_WORK TP_WORK, *PTP_WORK;
typedef struct _TP_IO TP_IO, *PTP_IO;
typedef struct _TP_TIMER TP_TIMER, *PTP_TIMER;
typedef struct _TP_WAIT TP_WAIT, *PTP_WAIT;
typedef DWORD TP_WAIT_RESULT;

/*
 * Callbacks.  Instance is valid during the callback, on its thread (CI-1).
 */

/** PTP_SIMPLE_CALLBACK - of TrySubmitThreadpoolCallback(), and finalization. */
typedef VOID (NTAPI *PTP_SIMPLE_CALLBACK)(PTP_CALLBACK_INSTANCE Instance, PVOID Context);

/** PTP_WORK_CALLBACK - once for each SubmitThreadpoolWork() (PL-18). */
typedef VOID (NTAPI *PTP_WORK_CALLBACK)(PTP_CALLBACK_INSTANCE Instance, PVOID Context,
					PTP_WORK Work);

/**
 * PTP_WIN32_IO_CALLBACK - of a TP_IO, once for each operation (TP-2).
 * @Context: from CreateThreadpoolIo()
 * @Overlapped: the operation's OVERLAPPED
 * @IoResult: NO_ERROR or a Win32 code; iocp_last_errno() has the raw errno, and
 *	iocp_callback_packet() everything the kernel said
 * @NumberOfBytesTransferred: pointer-sized
 * @Io: the object; valid during the callback even if closed meanwhile (TP-19)
 */
typedef VOID (WINAPI *PTP_WIN32_IO_CALLBACK)(PTP_CALLBACK_INSTANCE Instance, PVOID Context,
					     PVOID Overlapped, ULONG IoResult,
					     ULONG_PTR NumberOfBytesTransferred, PTP_IO Io);

/** PTP_TIMER_CALLBACK - each time that the timer expires (PL-20). */
typedef VOID (NTAPI *PTP_TIMER_CALLBACK)(PTP_CALLBACK_INSTANCE Instance, PVOID Context,
					 PTP_TIMER Timer);

/** PTP_WAIT_CALLBACK - once for each SetThreadpoolWait() whose wait ended (PL-21).
 * @WaitResult: WAIT_OBJECT_0 or WAIT_TIMEOUT
 */
typedef VOID (NTAPI *PTP_WAIT_CALLBACK)(PTP_CALLBACK_INSTANCE Instance, PVOID Context,
					PTP_WAIT Wait, TP_WAIT_RESULT WaitResult);

/**
 * PTP_CLEANUP_GROUP_CANCEL_CALLBACK - once for each member that a group closes (PL-16).
 * @ObjectContext: the member's context
 * @CleanupContext: from CloseThreadpoolCleanupGroupMembers(), in whose thread it runs
 */
typedef VOID (NTAPI *PTP_CLEANUP_GROUP_CANCEL_CALLBACK)(PVOID ObjectContext,
							PVOID CleanupContext);

/*
 * Environments (PL-11)
 */

typedef enum _TP_CALLBACK_PRIORITY {
	TP_CALLBACK_PRIORITY_HIGH,
	TP_CALLBACK_PRIORITY_NORMAL,
	TP_CALLBACK_PRIORITY_LOW,
	TP_CALLBACK_PRIORITY_INVALID,
	TP_CALLBACK_PRIORITY_COUNT = TP_CALLBACK_PRIORITY_INVALID
} TP_CALLBACK_PRIORITY;

struct _ACTIVATION_CONTEXT;
struct _RTL_CRITICAL_SECTION;		/* CRITICAL_SECTION; synch.h */

/*
 * What objects are created with; NULL in its place means the default of all.  Version
 * is 3, or 1, which ends before CallbackPriority; others are 87.  There are no
 * activation contexts: one that is set is 50.
 */
typedef struct _TP_CALLBACK_ENVIRON_V3 {
	TP_VERSION Version;
	PTP_POOL Pool;
	PTP_CLEANUP_GROUP CleanupGroup;
	PTP_CLEANUP_GROUP_CANCEL_CALLBACK CleanupGroupCancelCallback;
	PVOID RaceDll;
	struct _ACTIVATION_CONTEXT *ActivationContext;
	PTP_SIMPLE_CALLBACK FinalizationCallback;
	union {
		DWORD Flags;
		struct {
			DWORD LongFunction : 1;
			DWORD Persistent : 1;
			DWORD Private : 30;
		} s;
	} u;
	TP_CALLBACK_PRIORITY CallbackPriority;
	DWORD Size;
} TP_CALLBACK_ENVIRON_V3, TP_CALLBACK_ENVIRON, *PTP_CALLBACK_ENVIRON;

/** InitializeThreadpoolEnvironment() - version 3, normal priority, the rest empty (PL-12). */
static inline VOID InitializeThreadpoolEnvironment(PTP_CALLBACK_ENVIRON pcbe)
{
	ZeroMemory(pcbe, sizeof(*pcbe));
	pcbe->Version = 3;
	pcbe->CallbackPriority = TP_CALLBACK_PRIORITY_NORMAL;
	pcbe->Size = sizeof(*pcbe);
}

/** DestroyThreadpoolEnvironment() - the counterpart; nothing is held. */
static inline VOID DestroyThreadpoolEnvironment(PTP_CALLBACK_ENVIRON pcbe)
{
	UNREFERENCED_PARAMETER(pcbe);
}

/** SetThreadpoolCallbackPool() - the pool of objects made with it; NULL: the default pool. */
static inline VOID SetThreadpoolCallbackPool(PTP_CALLBACK_ENVIRON pcbe, PTP_POOL ptpp)
{
	pcbe->Pool = ptpp;
}

/** SetThreadpoolCallbackCleanupGroup() - their cleanup group, and its cancel callback or NULL. */
static inline VOID
SetThreadpoolCallbackCleanupGroup(PTP_CALLBACK_ENVIRON pcbe, PTP_CLEANUP_GROUP ptpcg,
				  PTP_CLEANUP_GROUP_CANCEL_CALLBACK pfng)
{
	pcbe->CleanupGroup = ptpcg;
	pcbe->CleanupGroupCancelCallback = pfng;
}

/** SetThreadpoolCallbackRunsLong() - as CallbackMayRunLong() at each start (PL-14). */
static inline VOID SetThreadpoolCallbackRunsLong(PTP_CALLBACK_ENVIRON pcbe)
{
	pcbe->u.s.LongFunction = 1;
}

/**
 * SetThreadpoolCallbackLibrary() - keep a library loaded while objects live (PL-14).
 * @mod: from LoadLibraryA() or dlopen(3), or NULL.  Each object has a reference of
 *	its own, which goes after its last callback has returned
 */
static inline VOID SetThreadpoolCallbackLibrary(PTP_CALLBACK_ENVIRON pcbe, PVOID mod)
{
	pcbe->RaceDll = mod;
}

/** SetThreadpoolCallbackPriority() - strict, within the pool (PL-13). */
static inline VOID SetThreadpoolCallbackPriority(PTP_CALLBACK_ENVIRON pcbe,
						 TP_CALLBACK_PRIORITY Priority)
{
	pcbe->CallbackPriority = Priority;
}

/**
 * SetThreadpoolCallbackPersistent() - callbacks on threads that do not end (PL-14): from
 * the first such object on, none of the pool's threads ends because it is idle.
 */
static inline VOID SetThreadpoolCallbackPersistent(PTP_CALLBACK_ENVIRON pcbe)
{
	pcbe->u.s.Persistent = 1;
}

/*
 * Pools
 */

typedef struct _TP_POOL_STACK_INFORMATION {
	SIZE_T StackReserve;
	SIZE_T StackCommit;
} TP_POOL_STACK_INFORMATION, *PTP_POOL_STACK_INFORMATION;

/**
 * CreateThreadpool() - a pool of its own: a port, up to 500 threads (PL-3).
 * @reserved: NULL
 *
 * One thread waits in it from the beginning, as a spare; more start on demand, also
 * when those that run block, and end after 10 s without work (PL-6).
 *
 * Return: the pool; NULL with 87, 8, 2 no /dev/iocp: the module is not loaded.
 */
PTP_POOL WINAPI CreateThreadpool(PVOID reserved);

/**
 * CloseThreadpool() - no object can be made in it any more (PL-2).  What is there goes
 * on; the pool ends after its last object, of a TP_IO after the CloseHandle() of its
 * file.  Never waits, also in its own callbacks.
 */
VOID WINAPI CloseThreadpool(PTP_POOL ptpp);

/**
 * SetThreadpoolThreadMaximum() - 1 ... 1023 threads; what is outside becomes the
 * nearest.  A higher minimum is lowered (PL-4).  Threads that are too many end when
 * they are in no callback.
 */
VOID WINAPI SetThreadpoolThreadMaximum(PTP_POOL ptpp, DWORD cthrdMost);

/**
 * SetThreadpoolThreadMinimum() - threads that do not end, started before this returns;
 * 1 ... 1023.  A lower maximum is raised (PL-4).
 * Return: TRUE; FALSE with 6, 21 not all of them could be started.
 */
BOOL WINAPI SetThreadpoolThreadMinimum(PTP_POOL ptpp, DWORD cthrdMic);

/**
 * SetThreadpoolStackInformation() - for threads started from now on: the larger of the
 * two, in bytes; too small or 0 is the system's default (PL-5).
 * Return: TRUE; FALSE with 6.
 */
BOOL WINAPI SetThreadpoolStackInformation(PTP_POOL ptpp, PTP_POOL_STACK_INFORMATION ptpsi);

/** QueryThreadpoolStackInformation() - as set; else the default.  FALSE with 6. */
BOOL WINAPI QueryThreadpoolStackInformation(PTP_POOL ptpp, PTP_POOL_STACK_INFORMATION ptpsi);

/*
 * Cleanup groups
 */

/**
 * CreateThreadpoolCleanupGroup() - a set of objects that are closed together.
 * Members are the objects, of all kinds, that are created with an environment that
 * names it.  Return: the group; NULL with 8.
 */
PTP_CLEANUP_GROUP WINAPI CreateThreadpoolCleanupGroup(VOID);

/**
 * CloseThreadpoolCleanupGroupMembers() - close all members and wait for them (PL-15).
 * @fCancelPendingCallbacks: TRUE: callbacks that have not begun do not run
 * @pvCleanupContext: for the group's cancel callback, which runs in this thread for
 *	each member that nobody closed before, after its last callback; with
 *	@fCancelPendingCallbacks only (PL-16)
 *
 * It waits also for callbacks that disassociated, and for members whose own callback
 * closed them and is not over.  What callbacks call on members meanwhile is ignored.
 * No object can join the group until it returns: creating one fails with 170 (TR-24).
 * Afterwards the group is empty and can be used again (PL-17).
 *
 * In a callback of a member it closes all, and does not wait for that one; if
 * another thread is closing the members it returns at once (Windows deadlocks,
 * TR-23).
 */
VOID WINAPI CloseThreadpoolCleanupGroupMembers(PTP_CLEANUP_GROUP ptpcg,
					       BOOL fCancelPendingCallbacks,
					       PVOID pvCleanupContext);

/**
 * CloseThreadpoolCleanupGroup() - end the group, which is to be empty; members that it
 * has stay, and are to be closed one by one.
 */
VOID WINAPI CloseThreadpoolCleanupGroup(PTP_CLEANUP_GROUP ptpcg);

/*
 * Work
 */

/**
 * CreateThreadpoolWork() - a callback that SubmitThreadpoolWork() asks for.
 * @pfnwk: the callback
 * @pv: its context
 * @pcbe: NULL, or an environment
 *
 * Return: the object; NULL with 87 (also: a bad environment), 6 the pool or the group
 * of the environment is not one any more, 50 an activation context, 126 a library
 * that is not loaded, 170 the group is closing its members, 8, 2 no /dev/iocp.
 */
PTP_WORK WINAPI CreateThreadpoolWork(PTP_WORK_CALLBACK pfnwk, PVOID pv, PTP_CALLBACK_ENVIRON pcbe);

/**
 * SubmitThreadpoolWork() - one callback more; it cannot fail (PL-18).
 *
 * Objects take turns: many submits of one do not keep those of another waiting.  If the
 * kernel has no memory for the packet the call waits for it.
 */
VOID WINAPI SubmitThreadpoolWork(PTP_WORK pwk);

/**
 * WaitForThreadpoolWorkCallbacks() - until nothing is submitted and no callback runs.
 * @fCancelPendingCallbacks: TRUE: those that have not begun do not run
 *
 * From a callback of this very object it does not wait (Windows deadlocks, TR-23).
 */
VOID WINAPI WaitForThreadpoolWorkCallbacks(PTP_WORK pwk, BOOL fCancelPendingCallbacks);

/**
 * CloseThreadpoolWork() - the caller is done with it.  Never waits; what is submitted
 * still runs.  Also in a callback of its own.
 */
VOID WINAPI CloseThreadpoolWork(PTP_WORK pwk);

/**
 * TrySubmitThreadpoolCallback() - one callback, without an object (PL-19).
 * @pfns: the callback
 * @pv: its context
 * @pcbe: NULL, or an environment.  A cleanup group waits for the callback; its cancel
 *	callback is called only if it is dropped before it begins (PL-16)
 *
 * Return: TRUE, it will run; FALSE as CreateThreadpoolWork().
 */
BOOL WINAPI TrySubmitThreadpoolCallback(PTP_SIMPLE_CALLBACK pfns, PVOID pv,
					PTP_CALLBACK_ENVIRON pcbe);

/*
 * Thread pool I/O
 */

/**
 * CreateThreadpoolIo() - completions of this file become callbacks (TP-1).
 * @fl: opened with FILE_FLAG_OVERLAPPED, in no port and no TP_IO, ever
 * @pcbe: NULL, or an environment
 *
 * The file keeps the pool until its CloseHandle().
 *
 * Return: the object; NULL with 87 (TP-1; or a bad environment), 6 (also: the pool
 * or the group of the environment is not one any more), 50 an activation context, or
 * a kind of file that cannot do it, 170 the group is closing its members, 8, 2 no
 * /dev/iocp: the module is not loaded.
 */
PTP_IO WINAPI CreateThreadpoolIo(HANDLE fl, PTP_WIN32_IO_CALLBACK pfnio, PVOID pv,
				 PTP_CALLBACK_ENVIRON pcbe);

/**
 * StartThreadpoolIo() - one operation will follow: before each of them (TP-3).
 */
VOID WINAPI StartThreadpoolIo(PTP_IO pio);

/**
 * CancelThreadpoolIo() - no completion will follow after all (TP-4).
 *
 * Once per StartThreadpoolIo() whose operation failed with anything but 997, or
 * returned TRUE under FILE_SKIP_COMPLETION_PORT_ON_SUCCESS.  It cancels no I/O:
 * that is CancelIoEx().  One too many is ignored (TR-1).
 */
VOID WINAPI CancelThreadpoolIo(PTP_IO pio);

/**
 * WaitForThreadpoolIoCallbacks() - until nothing is outstanding (TP-5).
 * @fCancelPendingCallbacks: TRUE forgets what is outstanding first: its callbacks
 *	do not run, though the I/O goes on and still owns OVERLAPPED and buffer
 *	(TP-6, TR-4); the object can be used again (TP-7)
 *
 * From a callback of this very object it does not wait (Windows deadlocks, TP-20).
 * Once the file is closed and its last completion was taken, Starts without an
 * operation are forgotten: the wait ends.
 */
VOID WINAPI WaitForThreadpoolIoCallbacks(PTP_IO pio, BOOL fCancelPendingCallbacks);

/**
 * CloseThreadpoolIo() - the caller is done with the object (TP-13).
 *
 * Never waits.  Callbacks that are outstanding still run (TP-15); completions
 * without a Start are ignored and counted (TP-8).  Before or after the file's
 * CloseHandle() (TP-14), also in a callback of its own (TP-21).  The file cannot
 * get another TP_IO.
 */
VOID WINAPI CloseThreadpoolIo(PTP_IO pio);

/*
 * Inside callbacks, of every kind.  Pci is the Instance that the callback got; on
 * another thread, or when it has returned, these do nothing (CI-1).
 */

/**
 * CallbackMayRunLong() - the callback is going to take long (CI-5): another one may run
 * in its place meanwhile, whether it blocks or computes.
 * Return: TRUE another thread of the pool is free or was started; FALSE with 164 the
 * pool is at its maximum and all are busy, 8, 87 not in that callback.
 */
BOOL WINAPI CallbackMayRunLong(PTP_CALLBACK_INSTANCE pci);

/**
 * DisassociateCurrentThreadFromCallback() - waits for the object's callbacks do not wait
 * for this one any more; CloseThreadpoolCleanupGroupMembers() does (CI-6).
 */
VOID WINAPI DisassociateCurrentThreadFromCallback(PTP_CALLBACK_INSTANCE pci);

/*
 * What is done when the callback has returned: after its environment's finalization
 * callback, and before anybody hears that it is over (CI-7).  Any number, also of one
 * kind; first critical sections, then mutexes, semaphores, events, and libraries last
 * (CI-2), each in the order of the calls.  The objects are the caller's and have to be
 * there then (CI-4); what fails is told with IOCP_DEBUG, the rest is done.  The first
 * six of a callback cannot fail; another one may set last error 8 and not be done.
 */

/** LeaveCriticalSectionWhenCallbackReturns() - which this thread has entered. */
VOID WINAPI LeaveCriticalSectionWhenCallbackReturns(PTP_CALLBACK_INSTANCE pci,
						    struct _RTL_CRITICAL_SECTION *pcs);

/** ReleaseMutexWhenCallbackReturns() - which this thread owns. */
VOID WINAPI ReleaseMutexWhenCallbackReturns(PTP_CALLBACK_INSTANCE pci, HANDLE mut);

/** ReleaseSemaphoreWhenCallbackReturns() - adds @crel to it. */
VOID WINAPI ReleaseSemaphoreWhenCallbackReturns(PTP_CALLBACK_INSTANCE pci, HANDLE sem, DWORD crel);

/** SetEventWhenCallbackReturns() - SetEvent(). */
VOID WINAPI SetEventWhenCallbackReturns(PTP_CALLBACK_INSTANCE pci, HANDLE evt);

/** FreeLibraryWhenCallbackReturns() - FreeLibrary(): gives one reference back. */
VOID WINAPI FreeLibraryWhenCallbackReturns(PTP_CALLBACK_INSTANCE pci, HMODULE mod);

/*
 * Timers and waits.  Each is an operation of the pool's port: none has a thread, and
 * there may be as many as the port may have operations (65536).
 */

/** CreateThreadpoolTimer() - not set; as CreateThreadpoolWork(). */
PTP_TIMER WINAPI CreateThreadpoolTimer(PTP_TIMER_CALLBACK pfnti, PVOID pv,
				       PTP_CALLBACK_ENVIRON pcbe);

/**
 * SetThreadpoolTimerEx() - when it expires, in place of what was set before (PL-20).
 * @pftDueTime: 100 ns units.  NULL: not any more.  0: now.  Negative: from now on, not
 *	counting what the machine sleeps.  Positive: a time since 1601 UTC; if the clock
 *	is set it counts
 * @msPeriod: milliseconds after which it expires again; 0: never.  Where expiries are
 *	missed, one is made up for
 * @msWindowLength: how many milliseconds later is fine; never earlier
 *
 * Callbacks that have not begun still run.
 *
 * Return: TRUE a timer that had not expired was replaced or stopped.  FALSE there was
 * none; with last error 6, 8, 1450 (as many operations as there can be) it is not set.
 */
BOOL WINAPI SetThreadpoolTimerEx(PTP_TIMER pti, PFILETIME pftDueTime, DWORD msPeriod,
				 DWORD msWindowLength);

/** SetThreadpoolTimer() - the same, not telling. */
VOID WINAPI SetThreadpoolTimer(PTP_TIMER pti, PFILETIME pftDueTime, DWORD msPeriod,
			       DWORD msWindowLength);

/** IsThreadpoolTimerSet() - TRUE from a set on until it is stopped, expired or not. */
BOOL WINAPI IsThreadpoolTimerSet(PTP_TIMER pti);

/**
 * WaitForThreadpoolTimerCallbacks() - until no callback is due or runs; not for
 * expiries to come.
 * @fCancelPendingCallbacks: TRUE: those that have not begun do not run
 *
 * From a callback of this very object it does not wait (Windows deadlocks, TR-23).
 */
VOID WINAPI WaitForThreadpoolTimerCallbacks(PTP_TIMER pti, BOOL fCancelPendingCallbacks);

/** CloseThreadpoolTimer() - stop it; callbacks that are due still run.  Never waits. */
VOID WINAPI CloseThreadpoolTimer(PTP_TIMER pti);

/** CreateThreadpoolWait() - waits for nothing; as CreateThreadpoolWork(). */
PTP_WAIT WINAPI CreateThreadpoolWait(PTP_WAIT_CALLBACK pfnwa, PVOID pv,
				     PTP_CALLBACK_ENVIRON pcbe);

/**
 * SetThreadpoolWaitEx() - wait once, in place of what was waited for before (PL-21).
 * @h: an event, semaphore, thread, process of this library, port or file; NULL: for
 *	nothing any more.  It may be closed, the wait goes on.  Of a mutex: 50, because
 *	a thread has to own it
 * @pftTimeout: as pftDueTime above, but NULL: for ever; 0 looks once.  A time since
 *	1601 is made one from now on: a clock that is set later does not count
 * @Reserved: NULL
 *
 * The wait takes what it waits for as WaitForSingleObject() does: a semaphore is one
 * less, an auto-reset event is reset; each release ends one wait.
 *
 * Return: TRUE a wait that had not ended was replaced or cleared.  FALSE there was
 * none; with last error 6, 8, 50, 87, 1450 nothing is waited for.
 */
BOOL WINAPI SetThreadpoolWaitEx(PTP_WAIT pwa, HANDLE h, PFILETIME pftTimeout, PVOID Reserved);

/** SetThreadpoolWait() - the same, not telling. */
VOID WINAPI SetThreadpoolWait(PTP_WAIT pwa, HANDLE h, PFILETIME pftTimeout);

/** WaitForThreadpoolWaitCallbacks() - as WaitForThreadpoolTimerCallbacks(). */
VOID WINAPI WaitForThreadpoolWaitCallbacks(PTP_WAIT pwa, BOOL fCancelPendingCallbacks);

/** CloseThreadpoolWait() - wait for nothing; callbacks that are due still run.  Never waits. */
VOID WINAPI CloseThreadpoolWait(PTP_WAIT pwa);

struct iocp_packet;

/**
 * iocp_callback_packet() - what the kernel said about the operation: res is 0 or
 * -errno, info the bytes, flags IOCP_PKT_* (see <linux/iocp.h>).
 * Valid during the callback of a TP_IO; NULL in others.
 */
const struct iocp_packet *iocp_callback_packet(PTP_CALLBACK_INSTANCE Instance);

/**
 * iocp_stray_completions() - completions of a TP_IO that had no Start, of all
 * objects ever (TP-8).  Each is a bug of the program; none did harm.
 */
uint64_t iocp_stray_completions(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* IOCP_THREADPOOL_H */
