// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * event.c - events and semaphores, and what they share with mutexes and threads: an
 * eventfd each, so that a thread, a poll set and the kernel's WAIT operation can all
 * wait for one.
 *
 * Its counter is the state.  A manual-reset event is never read by a wait; reading
 * an auto-reset event takes all of it, reading a semaphore takes one.  Setting is
 * one write and no lock, whoever waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "win.h"

struct iocpi_sync *iocpi_sync_get(HANDLE h, enum iocpi_type type)
{
	struct iocpi_obj *obj = iocpi_obj_get(handle_id(h), type, OBJ_USER);

	return obj ? sync_of(obj) : NULL;
}

void iocpi_sync_drop(struct iocpi_sync *s, uint64_t refs)
{
	if (iocpi_obj_put(&s->obj, refs) & OBJ_REFS)
		return;
	close(s->fd);
	iocpi_obj_free(&s->obj);
}

void iocpi_sync_put(struct iocpi_obj *obj)
{
	iocpi_sync_drop(sync_of(obj), OBJ_USER);
}

void iocpi_sync_close(struct iocpi_obj *obj, uint64_t before)
{
	(void)before;
	iocpi_sync_put(obj);
}

int iocpi_sync_poll_fd(struct iocpi_obj *obj)
{
	return sync_of(obj)->fd;
}

/* Not through read(2) and write(2): those are where pthread_cancel() strikes. */
bool iocpi_sync_take(struct iocpi_sync *s)
{
	int saved = errno;
	uint64_t count;
	bool taken;

	taken = syscall(SYS_read, s->fd, &count, sizeof(count)) == sizeof(count);
	errno = saved;
	if (!taken)
		return false;
	if (s->obj.type == IOCPI_SEMAPHORE)
		__atomic_fetch_sub(&s->sem.count, 1, __ATOMIC_RELAXED);
	hear_obj(&s->obj);
	return true;
}

/* A counter that is full is an event that is set: no error. */
void iocpi_sync_give(struct iocpi_sync *s, uint32_t n)
{
	uint64_t count = n;
	int saved = errno;

	tell_obj(&s->obj);
	syscall(SYS_write, s->fd, &count, sizeof(count));
	errno = saved;
}

/* Undoes a take of an event or a semaphore. */
void iocpi_sync_give_back(struct iocpi_sync *s)
{
	if (s->obj.type == IOCPI_SEMAPHORE)
		__atomic_fetch_add(&s->sem.count, 1, __ATOMIC_RELAXED);
	iocpi_sync_give(s, 1);
}

/* Names would be for other processes, and those have no way to these objects. */
struct iocpi_sync *iocpi_sync_create(enum iocpi_type type, const void *name, uint32_t count,
				     int flags)
{
	struct iocpi_obj *obj;
	int fd;

	if (name) {
		iocpi_fail(ERROR_NOT_SUPPORTED);
		return NULL;
	}
	iocpi_once_fork();
	fd = eventfd(count, EFD_NONBLOCK | EFD_CLOEXEC | flags);
	if (fd < 0) {
		iocpi_fail_errno(errno);
		return NULL;
	}
	obj = iocpi_obj_alloc(type);
	if (!obj) {
		close(fd);
		iocpi_fail_errno(ENOMEM);
		return NULL;
	}
	sync_of(obj)->fd = fd;
	return sync_of(obj);
}

HANDLE iocpi_sync_open(struct iocpi_sync *s, uint64_t refs)
{
	iocpi_obj_open(&s->obj, refs);
	return (HANDLE)(uintptr_t)iocpi_obj_id(&s->obj);
}

/* The last error says whether what has been made was there already.  It never was. */
HANDLE iocpi_sync_is_new(HANDLE h)
{
	if (h)
		SetLastError(NO_ERROR);
	return h;
}

HANDLE iocpi_event_create(BOOL manual, BOOL set, const void *name)
{
	struct iocpi_sync *e = iocpi_sync_create(IOCPI_EVENT, name, set ? 1 : 0, 0);

	if (!e)
		return NULL;
	e->consume = !manual;
	return iocpi_sync_open(e, 0);
}

HANDLE WINAPI CreateEventA(LPSECURITY_ATTRIBUTES lpEventAttributes, BOOL bManualReset,
			   BOOL bInitialState, LPCSTR lpName)
{
	(void)lpEventAttributes;
	return iocpi_sync_is_new(iocpi_event_create(bManualReset, bInitialState, lpName));
}

HANDLE WINAPI CreateEventW(LPSECURITY_ATTRIBUTES lpEventAttributes, BOOL bManualReset,
			   BOOL bInitialState, LPCWSTR lpName)
{
	(void)lpEventAttributes;
	return iocpi_sync_is_new(iocpi_event_create(bManualReset, bInitialState, lpName));
}

BOOL WINAPI SetEvent(HANDLE hEvent)
{
	struct iocpi_sync *e = iocpi_sync_get(hEvent, IOCPI_EVENT);

	if (!e)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	iocpi_sync_give(e, 1);
	iocpi_sync_put(&e->obj);
	return TRUE;
}

BOOL WINAPI ResetEvent(HANDLE hEvent)
{
	struct iocpi_sync *e = iocpi_sync_get(hEvent, IOCPI_EVENT);

	if (!e)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	AcquireSRWLockShared(&iocpi_take_lock);
	iocpi_sync_take(e);
	ReleaseSRWLockShared(&iocpi_take_lock);
	iocpi_sync_put(&e->obj);
	return TRUE;
}

static HANDLE semaphore_create(LONG initial, LONG maximum, const void *name)
{
	struct iocpi_sync *s;

	if (initial < 0 || maximum <= 0 || initial > maximum) {
		iocpi_fail(ERROR_INVALID_PARAMETER);
		return NULL;
	}
	s = iocpi_sync_create(IOCPI_SEMAPHORE, name, initial, EFD_SEMAPHORE);
	if (!s)
		return NULL;
	s->consume = true;
	s->sem.max = maximum;
	s->sem.count = initial;
	return iocpi_sync_open(s, 0);
}

HANDLE WINAPI CreateSemaphoreA(LPSECURITY_ATTRIBUTES lpSemaphoreAttributes, LONG lInitialCount,
			       LONG lMaximumCount, LPCSTR lpName)
{
	(void)lpSemaphoreAttributes;
	return iocpi_sync_is_new(semaphore_create(lInitialCount, lMaximumCount, lpName));
}

HANDLE WINAPI CreateSemaphoreW(LPSECURITY_ATTRIBUTES lpSemaphoreAttributes, LONG lInitialCount,
			       LONG lMaximumCount, LPCWSTR lpName)
{
	(void)lpSemaphoreAttributes;
	return iocpi_sync_is_new(semaphore_create(lInitialCount, lMaximumCount, lpName));
}

/* What the kernel's waits have taken nobody counted.  iocpi_take_lock is exclusive. */
static void semaphore_recount(struct iocpi_sync *s)
{
	static const char field[] = "eventfd-count:";
	char buf[512], *at;
	ssize_t len = -1;
	int fd, cancel;

	/* Not with the lock. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	snprintf(buf, sizeof(buf), "/proc/self/fdinfo/%d", s->fd);
	fd = open(buf, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		len = read(fd, buf, sizeof(buf) - 1);
		close(fd);
	}
	pthread_setcancelstate(cancel, NULL);
	if (len <= 0)
		return;
	buf[len] = 0;
	at = strstr(buf, field);
	if (at)
		WRITE_ONCE(s->sem.count, strtoull(at + strlen(field), NULL, 16));
}

static bool semaphore_add(struct iocpi_sync *s, uint32_t n)
{
	uint32_t count = READ_ONCE(s->sem.count);

	do {
		if (n > s->sem.max - count)
			return false;
	} while (!__atomic_compare_exchange_n(&s->sem.count, &count, count + n, true,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	iocpi_sync_give(s, n);
	return true;
}

BOOL WINAPI ReleaseSemaphore(HANDLE hSemaphore, LONG lReleaseCount, LPLONG lpPreviousCount)
{
	struct iocpi_sync *s = iocpi_sync_get(hSemaphore, IOCPI_SEMAPHORE);
	bool done = false;
	uint32_t count;

	if (!s)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	if (lReleaseCount <= 0) {
		iocpi_sync_put(&s->obj);
		return iocpi_fail(ERROR_INVALID_PARAMETER);
	}
	if (!lpPreviousCount) {
		AcquireSRWLockShared(&iocpi_take_lock);
		done = semaphore_add(s, lReleaseCount);
		ReleaseSRWLockShared(&iocpi_take_lock);
	}
	if (!done) {
		AcquireSRWLockExclusive(&iocpi_take_lock);
		semaphore_recount(s);
		count = s->sem.count;
		done = semaphore_add(s, lReleaseCount);
		ReleaseSRWLockExclusive(&iocpi_take_lock);
		if (done && lpPreviousCount)
			*lpPreviousCount = count;
	}
	iocpi_sync_put(&s->obj);
	return done ? TRUE : iocpi_fail(ERROR_TOO_MANY_POSTS);
}
