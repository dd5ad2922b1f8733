/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * synch.h - objects that threads wait for, with the Windows names.
 *
 * Part of <iocp/windows.h>, which includes it and has the rules for all functions.
 *
 * The objects live in this process and are named by handles.  Each is an eventfd:
 * setting one that nobody waits for is one system call.  Security attributes are
 * not looked at.  A name that is not NULL fails with 50: other processes have no
 * way to an object.
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

/**
 * ReleaseSemaphore() - add to the count.
 * @lpPreviousCount: NULL, which is cheaper, or gets the count before
 *
 * Return: TRUE; FALSE, nothing added, with 298 it would be more than the maximum,
 * 87 @lReleaseCount not positive, 6.
 */
BOOL WINAPI ReleaseSemaphore(HANDLE hSemaphore, LONG lReleaseCount, LPLONG lpPreviousCount);

/*
 * Waiting
 */

#define MAXIMUM_WAIT_OBJECTS	64U

#define WAIT_OBJECT_0		0U
#define WAIT_FAILED		0xFFFFFFFFU

/**
 * WaitForSingleObject() - wait until an object is signalled.
 * @hHandle: an event or a semaphore, which a wait may take; a completion port, which
 *	is signalled while packets wait in it and when it is closed (CP-15)
 * @dwMilliseconds: 0 only looks; or INFINITE
 *
 * An object that is closed meanwhile stays until the wait has ended.
 *
 * Return: WAIT_OBJECT_0; WAIT_TIMEOUT; WAIT_FAILED with 6.
 */
DWORD WINAPI WaitForSingleObject(HANDLE hHandle, DWORD dwMilliseconds);

/**
 * WaitForMultipleObjects() - wait for one of several objects, or for all.
 * @nCount: 1 ... MAXIMUM_WAIT_OBJECTS
 * @bWaitAll: FALSE: one, the first in the array of those that are signalled.  TRUE:
 *	until all are signalled at the same time; none is taken before
 *
 * Return: WAIT_OBJECT_0 + index (all: + 0); WAIT_TIMEOUT; WAIT_FAILED with 87 the
 * count, or one object twice with @bWaitAll; 6.
 */
DWORD WINAPI WaitForMultipleObjects(DWORD nCount, const HANDLE *lpHandles, BOOL bWaitAll,
				    DWORD dwMilliseconds);

#ifndef UNICODE
#define CreateEvent	CreateEventA
#define CreateSemaphore	CreateSemaphoreA
#endif

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* IOCP_SYNCH_H */
