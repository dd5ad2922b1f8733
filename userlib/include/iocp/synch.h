/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * synch.h - objects that threads wait for, with the Windows names.
 *
 * Part of <iocp/windows.h>, which includes it and has the rules for all functions.
 *
 * The objects live in this process and are named by handles.  Each is an eventfd:
 * setting one that nobody waits for is one system call.  Security attributes are
 * not looked at.  A name that is not NULL fails with 50: other processes have no
 * way to an object.  Making one sets the last error to 0, which says that it is new.
 */
#ifndef IOCP_SYNCH_H
#define IOCP_SYNCH_H

#include "windows.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/*
 * Events
 */

/**
 * CreateEventA() - make an event.
 * @bManualReset: TRUE: it stays set until ResetEvent(); FALSE: one wait takes it
 *
 * Return: the handle; NULL with 50 a name, 4, 8 a limit.
 */
HANDLE WINAPI CreateEventA(LPSECURITY_ATTRIBUTES lpEventAttributes, BOOL bManualReset,
			   BOOL bInitialState, LPCSTR lpName);
HANDLE WINAPI CreateEventW(LPSECURITY_ATTRIBUTES lpEventAttributes, BOOL bManualReset,
			   BOOL bInitialState, LPCWSTR lpName);

/** SetEvent() - setting one that is set is nothing.  FALSE: 6. */
BOOL WINAPI SetEvent(HANDLE hEvent);

/** ResetEvent() - FALSE: 6. */
BOOL WINAPI ResetEvent(HANDLE hEvent);

/*
 * Semaphores
 */

/**
 * CreateSemaphoreA() - make a semaphore; a wait takes one from its count.
 *
 * Return: the handle; NULL with 87 @lInitialCount not in 0 ... @lMaximumCount or
 * that not positive; 50 a name, 4, 8 a limit.
 */
HANDLE WINAPI CreateSemaphoreA(LPSECURITY_ATTRIBUTES lpSemaphoreAttributes, LONG lInitialCount,
			       LONG lMaximumCount, LPCSTR lpName);
HANDLE WINAPI CreateSemaphoreW(LPSECURITY_ATTRIBUTES lpSemaphoreAttributes, LONG lInitialCount,
			       LONG lMaximumCount, LPCWSTR lpName);

/**
 * ReleaseSemaphore() - add to the count.
 * @lpPreviousCount: NULL, which is cheaper, or gets the count before
 *
 * Return: TRUE; FALSE, nothing added, with 298 it would be more than the maximum,
 * 87 @lReleaseCount not positive, 6.
 */
BOOL WINAPI ReleaseSemaphore(HANDLE hSemaphore, LONG lReleaseCount, LPLONG lpPreviousCount);

/*
 * Mutexes
 */

/**
 * CreateMutexA() - make a mutex; a wait makes the calling thread its owner.
 * @bInitialOwner: TRUE: the calling thread owns it already
 *
 * Its owner may wait for it again, and releases it as often.  A mutex whose owner
 * ends is abandoned: the next wait gets it and says so.
 *
 * Return: the handle; NULL with 50 a name, 4, 8 a limit.
 */
HANDLE WINAPI CreateMutexA(LPSECURITY_ATTRIBUTES lpMutexAttributes, BOOL bInitialOwner,
			   LPCSTR lpName);
HANDLE WINAPI CreateMutexW(LPSECURITY_ATTRIBUTES lpMutexAttributes, BOOL bInitialOwner,
			   LPCWSTR lpName);

/** ReleaseMutex() - FALSE: 6, 288 the calling thread does not own it. */
BOOL WINAPI ReleaseMutex(HANDLE hMutex);

/*
 * Waiting
 */

#define MAXIMUM_WAIT_OBJECTS	64U

#define WAIT_OBJECT_0		0U
#define WAIT_ABANDONED		0x80U
#define WAIT_ABANDONED_0	0x80U
#define WAIT_FAILED		0xFFFFFFFFU

/**
 * WaitForSingleObject() - wait until an object is signalled.
 * @hHandle: an event, a semaphore or a mutex, which a wait may take; a thread, which
 *	is signalled once it has ended; a completion port, which is signalled while
 *	packets wait in it and when it is closed (CP-15)
 * @dwMilliseconds: 0 only looks; or INFINITE
 *
 * An object that is closed meanwhile stays until the wait has ended.
 *
 * Return: WAIT_OBJECT_0; WAIT_ABANDONED: so, and the mutex was abandoned;
 * WAIT_TIMEOUT; WAIT_FAILED with 6.
 */
DWORD WINAPI WaitForSingleObject(HANDLE hHandle, DWORD dwMilliseconds);

/**
 * WaitForMultipleObjects() - wait for one of several objects, or for all.
 * @nCount: 1 ... MAXIMUM_WAIT_OBJECTS
 * @bWaitAll: FALSE: one, the first in the array of those that are signalled.  TRUE:
 *	until all are signalled at the same time; none is taken before
 *
 * Return: WAIT_OBJECT_0 + index (all: + 0), or WAIT_ABANDONED_0 in the place of it if
 * a mutex was abandoned; WAIT_TIMEOUT; WAIT_FAILED with 87 the count, or one object
 * twice with @bWaitAll; 6.
 */
DWORD WINAPI WaitForMultipleObjects(DWORD nCount, const HANDLE *lpHandles, BOOL bWaitAll,
				    DWORD dwMilliseconds);

/*
 * Critical sections, and the other locks that live in the program's memory: without
 * contention one atomic operation to enter and one to leave.  They do not work
 * across processes, and a child of fork() must not use those that were held.
 */

/* LockCount counts otherwise than on Windows; the debug information is NULL. */
typedef struct _RTL_CRITICAL_SECTION {
	PVOID DebugInfo;
	LONG LockCount;
	LONG RecursionCount;
	HANDLE OwningThread;		/* its number: GetCurrentThreadId() */
	HANDLE LockSemaphore;
	ULONG_PTR SpinCount;
} CRITICAL_SECTION, *PCRITICAL_SECTION, *LPCRITICAL_SECTION;

#define CRITICAL_SECTION_NO_DEBUG_INFO	0x01000000U

VOID WINAPI InitializeCriticalSection(LPCRITICAL_SECTION lpCriticalSection);

/** InitializeCriticalSectionAndSpinCount() - @dwSpinCount looks before it sleeps.  TRUE. */
BOOL WINAPI InitializeCriticalSectionAndSpinCount(LPCRITICAL_SECTION lpCriticalSection,
						  DWORD dwSpinCount);

/** InitializeCriticalSectionEx() - FALSE with 87: a flag but NO_DEBUG_INFO. */
BOOL WINAPI InitializeCriticalSectionEx(LPCRITICAL_SECTION lpCriticalSection, DWORD dwSpinCount,
					DWORD Flags);

/** DeleteCriticalSection() - nobody may be in it. */
VOID WINAPI DeleteCriticalSection(LPCRITICAL_SECTION lpCriticalSection);

/** EnterCriticalSection() - its owner may enter again, and leaves as often. */
VOID WINAPI EnterCriticalSection(LPCRITICAL_SECTION lpCriticalSection);
BOOL WINAPI TryEnterCriticalSection(LPCRITICAL_SECTION lpCriticalSection);

/** LeaveCriticalSection() - of another thread's it does nothing (Windows: undefined). */
VOID WINAPI LeaveCriticalSection(LPCRITICAL_SECTION lpCriticalSection);

typedef struct _RTL_SRWLOCK {
	PVOID Ptr;
} SRWLOCK, *PSRWLOCK;

#define SRWLOCK_INIT		{ 0 }

/* SRW locks: not recursive, neither way. */
VOID WINAPI InitializeSRWLock(PSRWLOCK SRWLock);
VOID WINAPI AcquireSRWLockExclusive(PSRWLOCK SRWLock);
VOID WINAPI AcquireSRWLockShared(PSRWLOCK SRWLock);
BOOLEAN WINAPI TryAcquireSRWLockExclusive(PSRWLOCK SRWLock);
BOOLEAN WINAPI TryAcquireSRWLockShared(PSRWLOCK SRWLock);
VOID WINAPI ReleaseSRWLockExclusive(PSRWLOCK SRWLock);
VOID WINAPI ReleaseSRWLockShared(PSRWLOCK SRWLock);

typedef struct _RTL_CONDITION_VARIABLE {
	PVOID Ptr;
} CONDITION_VARIABLE, *PCONDITION_VARIABLE;

#define CONDITION_VARIABLE_INIT			{ 0 }
#define CONDITION_VARIABLE_LOCKMODE_SHARED	0x1U

VOID WINAPI InitializeConditionVariable(PCONDITION_VARIABLE ConditionVariable);
VOID WINAPI WakeConditionVariable(PCONDITION_VARIABLE ConditionVariable);
VOID WINAPI WakeAllConditionVariable(PCONDITION_VARIABLE ConditionVariable);

/**
 * SleepConditionVariableCS() - leave the section once, sleep, enter it again.
 * May return without a wake-up.  FALSE with 1460: in time there was none.
 */
BOOL WINAPI SleepConditionVariableCS(PCONDITION_VARIABLE ConditionVariable,
				     PCRITICAL_SECTION CriticalSection, DWORD dwMilliseconds);

/**
 * SleepConditionVariableSRW() - the same with a SRW lock.
 * @Flags: 0 it is held exclusively; CONDITION_VARIABLE_LOCKMODE_SHARED; else 87
 */
BOOL WINAPI SleepConditionVariableSRW(PCONDITION_VARIABLE ConditionVariable, PSRWLOCK SRWLock,
				      DWORD dwMilliseconds, ULONG Flags);

typedef union _RTL_RUN_ONCE {
	PVOID Ptr;
} INIT_ONCE, *PINIT_ONCE, *LPINIT_ONCE;

#define INIT_ONCE_STATIC_INIT	{ 0 }

typedef BOOL (WINAPI *PINIT_ONCE_FN)(PINIT_ONCE InitOnce, PVOID Parameter, PVOID *Context);

VOID WINAPI InitOnceInitialize(PINIT_ONCE InitOnce);

/**
 * InitOnceExecuteOnce() - run @InitFn, once among all callers; the others wait.
 * @Context: NULL, or gets what @InitFn gave: a multiple of 4
 *
 * Return: TRUE; FALSE if @InitFn returned FALSE, and the next caller tries again; or
 * with 87, the context is no multiple of 4.
 */
BOOL WINAPI InitOnceExecuteOnce(PINIT_ONCE InitOnce, PINIT_ONCE_FN InitFn, PVOID Parameter,
				LPVOID *Context);

/*
 * Interlocked operations: full barriers, as on Windows
 */

#define MemoryBarrier()		__atomic_thread_fence(__ATOMIC_SEQ_CST)

/** YieldProcessor() - to the other threads of the core, in a loop that spins. */
static inline VOID YieldProcessor(VOID)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield" : : : "memory");
#else
	__asm__ volatile("" : : : "memory");
#endif
}

static inline LONG InterlockedIncrement(LONG volatile *Addend)
{
	return __atomic_add_fetch(Addend, 1, __ATOMIC_SEQ_CST);
}

static inline LONG InterlockedDecrement(LONG volatile *Addend)
{
	return __atomic_sub_fetch(Addend, 1, __ATOMIC_SEQ_CST);
}

static inline LONG InterlockedExchange(LONG volatile *Target, LONG Value)
{
	return __atomic_exchange_n(Target, Value, __ATOMIC_SEQ_CST);
}

static inline LONG InterlockedExchangeAdd(LONG volatile *Addend, LONG Value)
{
	return __atomic_fetch_add(Addend, Value, __ATOMIC_SEQ_CST);
}

static inline LONG InterlockedAnd(LONG volatile *Destination, LONG Value)
{
	return __atomic_fetch_and(Destination, Value, __ATOMIC_SEQ_CST);
}

static inline LONG InterlockedOr(LONG volatile *Destination, LONG Value)
{
	return __atomic_fetch_or(Destination, Value, __ATOMIC_SEQ_CST);
}

static inline LONG InterlockedXor(LONG volatile *Destination, LONG Value)
{
	return __atomic_fetch_xor(Destination, Value, __ATOMIC_SEQ_CST);
}

static inline LONG InterlockedCompareExchange(LONG volatile *Destination, LONG ExChange,
					      LONG Comperand)
{
	__atomic_compare_exchange_n(Destination, &Comperand, ExChange, 0, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
	return Comperand;
}

static inline LONG64 InterlockedIncrement64(LONG64 volatile *Addend)
{
	return __atomic_add_fetch(Addend, 1, __ATOMIC_SEQ_CST);
}

static inline LONG64 InterlockedDecrement64(LONG64 volatile *Addend)
{
	return __atomic_sub_fetch(Addend, 1, __ATOMIC_SEQ_CST);
}

static inline LONG64 InterlockedExchange64(LONG64 volatile *Target, LONG64 Value)
{
	return __atomic_exchange_n(Target, Value, __ATOMIC_SEQ_CST);
}

static inline LONG64 InterlockedExchangeAdd64(LONG64 volatile *Addend, LONG64 Value)
{
	return __atomic_fetch_add(Addend, Value, __ATOMIC_SEQ_CST);
}

static inline LONG64 InterlockedAnd64(LONG64 volatile *Destination, LONG64 Value)
{
	return __atomic_fetch_and(Destination, Value, __ATOMIC_SEQ_CST);
}

static inline LONG64 InterlockedOr64(LONG64 volatile *Destination, LONG64 Value)
{
	return __atomic_fetch_or(Destination, Value, __ATOMIC_SEQ_CST);
}

static inline LONG64 InterlockedXor64(LONG64 volatile *Destination, LONG64 Value)
{
	return __atomic_fetch_xor(Destination, Value, __ATOMIC_SEQ_CST);
}

static inline LONG64 InterlockedCompareExchange64(LONG64 volatile *Destination, LONG64 ExChange,
						  LONG64 Comperand)
{
	__atomic_compare_exchange_n(Destination, &Comperand, ExChange, 0, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
	return Comperand;
}

static inline PVOID InterlockedExchangePointer(PVOID volatile *Target, PVOID Value)
{
	return __atomic_exchange_n(Target, Value, __ATOMIC_SEQ_CST);
}

static inline PVOID InterlockedCompareExchangePointer(PVOID volatile *Destination, PVOID ExChange,
						      PVOID Comperand)
{
	__atomic_compare_exchange_n(Destination, &Comperand, ExChange, 0, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
	return Comperand;
}

/*
 * Threads
 */

typedef DWORD (WINAPI *LPTHREAD_START_ROUTINE)(LPVOID lpThreadParameter);
typedef LPTHREAD_START_ROUTINE PTHREAD_START_ROUTINE;

#define STACK_SIZE_PARAM_IS_A_RESERVATION	0x00010000U

/**
 * CreateThread() - start a thread; the handle is signalled when it has ended.
 * @dwStackSize: 0 the usual size; with STACK_SIZE_PARAM_IS_A_RESERVATION this size or
 *	the least that is possible, without it at least the usual size
 * @dwCreationFlags: that flag, or 0
 * @lpThreadId: NULL, or gets its number
 *
 * It is a POSIX thread with the signal mask of the caller, and detached.
 *
 * Return: the handle; NULL with 87 another flag, 4, 8 a limit.
 */
HANDLE WINAPI CreateThread(LPSECURITY_ATTRIBUTES lpThreadAttributes, SIZE_T dwStackSize,
			   LPTHREAD_START_ROUTINE lpStartAddress, LPVOID lpParameter,
			   DWORD dwCreationFlags, LPDWORD lpThreadId);

/** ExitThread() - pthread_exit(3), also in a thread that CreateThread() did not make. */
VOID WINAPI ExitThread(DWORD dwExitCode) __attribute__((noreturn));

#define STILL_ACTIVE	259U

/**
 * GetExitCodeThread() - STILL_ACTIVE, or what it returned or gave ExitThread(); 0 if it
 * ended otherwise.  FALSE: 6.
 */
BOOL WINAPI GetExitCodeThread(HANDLE hThread, LPDWORD lpExitCode);

/** GetCurrentThread() - good for functions that take a thread; not to be closed. */
static inline HANDLE GetCurrentThread(VOID)
{
	return (HANDLE)(LONG_PTR)-2;
}

/** GetCurrentThreadId() - as gettid(2). */
DWORD WINAPI GetCurrentThreadId(VOID);

/** GetThreadId() - 0: 6. */
DWORD WINAPI GetThreadId(HANDLE Thread);

static inline HANDLE GetCurrentProcess(VOID)
{
	return (HANDLE)(LONG_PTR)-1;
}

DWORD WINAPI GetCurrentProcessId(VOID);

/** SwitchToThread() - sched_yield(2).  FALSE: there was nobody to yield to. */
BOOL WINAPI SwitchToThread(VOID);

/*
 * Time
 */

/** Sleep() - @dwMilliseconds, INFINITE for ever; restarts after signals. */
VOID WINAPI Sleep(DWORD dwMilliseconds);

/** GetTickCount64() - milliseconds since the start of the system, suspended or not. */
ULONGLONG WINAPI GetTickCount64(VOID);
DWORD WINAPI GetTickCount(VOID);

/** QueryPerformanceCounter() - CLOCK_MONOTONIC in nanoseconds; TRUE. */
BOOL WINAPI QueryPerformanceCounter(LARGE_INTEGER *lpPerformanceCount);
BOOL WINAPI QueryPerformanceFrequency(LARGE_INTEGER *lpFrequency);

/** GetSystemTimeAsFileTime() - UTC in 100 ns since 1601. */
VOID WINAPI GetSystemTimeAsFileTime(LPFILETIME lpSystemTimeAsFileTime);

typedef struct _SYSTEM_INFO {
	__extension__ union {
		DWORD dwOemId;
		__extension__ struct {
			WORD wProcessorArchitecture;
			WORD wReserved;
		};
	};
	DWORD dwPageSize;
	LPVOID lpMinimumApplicationAddress;
	LPVOID lpMaximumApplicationAddress;
	DWORD_PTR dwActiveProcessorMask;
	DWORD dwNumberOfProcessors;
	DWORD dwProcessorType;
	DWORD dwAllocationGranularity;
	WORD wProcessorLevel;
	WORD wProcessorRevision;
} SYSTEM_INFO, *LPSYSTEM_INFO;

/** GetSystemInfo() - page size, granularity and number of processors; the rest is 0. */
VOID WINAPI GetSystemInfo(LPSYSTEM_INFO lpSystemInfo);

#ifdef UNICODE
#define CreateEvent	CreateEventW
#define CreateMutex	CreateMutexW
#define CreateSemaphore	CreateSemaphoreW
#else
#define CreateEvent	CreateEventA
#define CreateMutex	CreateMutexA
#define CreateSemaphore	CreateSemaphoreA
#endif

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* IOCP_SYNCH_H */
