// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * wait.c - threads that wait for handles: WaitForSingleObject and
 * WaitForMultipleObjects, over poll(2).
 *
 * Being signalled is being readable.  What a wait consumes is then read, without
 * blocking; who comes too late goes back to poll.  Taking several at once is not
 * possible over eventfds, so it is done under a lock that takers of one share; only
 * the kernel's WAIT may come between, and then what was taken is given back.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "win.h"

SRWLOCK iocpi_take_lock = SRWLOCK_INIT;

/* The handles of one call, each with its object. */
struct wait_set {
	DWORD nr;
	struct iocpi_obj *objs[MAXIMUM_WAIT_OBJECTS];
	const struct iocpi_handle_ops *ops[MAXIMUM_WAIT_OBJECTS];
	struct pollfd fds[MAXIMUM_WAIT_OBJECTS];
};

static bool is_consumed(struct iocpi_obj *obj)
{
	return is_sync(obj) && sync_of(obj)->consume;
}

DWORD iocpi_waitable(HANDLE h, struct iocpi_waitable *w)
{
	const struct iocpi_handle_ops *ops;
	struct iocpi_obj *obj = iocpi_handle_get(h, &ops);
	DWORD code = 0;

	if (!obj)
		return ERROR_INVALID_HANDLE;
	w->consume = is_consumed(obj);
	if (obj->type == IOCPI_MUTEX)
		w->fd = -EOPNOTSUPP;	/* a thread has to own it */
	else
		w->fd = ops->poll_fd ? ops->poll_fd(obj) : -EBADF;
	if (w->fd >= 0) {
		w->fd = fcntl(w->fd, F_DUPFD_CLOEXEC, 0);
		if (w->fd < 0)
			w->fd = -errno;
	}
	ops->put(obj);
	if (w->fd < 0)
		code = iocp_status_to_win32(iocp_errno_to_status(-w->fd));
	return code;
}

static void set_put(struct wait_set *set)
{
	while (set->nr--)
		set->ops[set->nr]->put(set->objs[set->nr]);
}

/* 0 or a Win32 code; on success set_put() is due. */
static DWORD set_get(struct wait_set *set, const HANDLE *handles, DWORD nr)
{
	int fd;

	for (set->nr = 0; set->nr < nr; set->nr++) {
		struct iocpi_obj *obj = iocpi_handle_get(handles[set->nr], &set->ops[set->nr]);

		if (!obj) {
			set_put(set);
			return ERROR_INVALID_HANDLE;
		}
		set->objs[set->nr] = obj;
		fd = set->ops[set->nr]->poll_fd ? set->ops[set->nr]->poll_fd(obj) : -EBADF;
		if (fd < 0) {
			set->nr++;
			set_put(set);
			return iocp_status_to_win32(iocp_errno_to_status(-fd));
		}
		set->fds[set->nr] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
	return 0;
}

/* How many are readable; 0 in time; or -1. */
static int set_poll(struct wait_set *set, uint64_t deadline)
{
	struct timespec left = { 0, 0 };
	int saved = errno, ret;

	do {
		if (deadline != IOCP_FOREVER && deadline != IOCP_NOWAIT) {
			uint64_t now = iocp_deadline_ns(1);

			left = iocpi_timespec(deadline > now ? deadline - now : 0);
		}
		ret = ppoll(set->fds, set->nr, deadline == IOCP_FOREVER ? NULL : &left, NULL);
	} while (ret < 0 && errno == EINTR);
	if (ret < 0)
		iocpi_fail_errno(errno);
	errno = saved;
	return ret;
}

static bool is_my_mutex(struct iocpi_obj *obj)
{
	return obj->type == IOCPI_MUTEX && iocpi_mutex_is_mine(sync_of(obj));
}

/* iocpi_take_lock is held where the object is consumed.  WAIT_TIMEOUT: too late. */
static DWORD take(struct iocpi_obj *obj)
{
	if (obj->type == IOCPI_MUTEX)
		return iocpi_mutex_take(sync_of(obj));
	if (is_consumed(obj))
		return iocpi_sync_take(sync_of(obj)) ? WAIT_OBJECT_0 : WAIT_TIMEOUT;
	hear_obj(obj);
	return WAIT_OBJECT_0;
}

static DWORD take_one(struct iocpi_obj *obj)
{
	DWORD code;

	if (!is_consumed(obj))
		return take(obj);
	AcquireSRWLockShared(&iocpi_take_lock);
	code = take(obj);
	ReleaseSRWLockShared(&iocpi_take_lock);
	return code;
}

static DWORD wait_any(struct wait_set *set, uint64_t deadline)
{
	DWORD i, code;
	int ready;

	for (i = 0; i < set->nr; i++)
		if (is_my_mutex(set->objs[i]))
			deadline = IOCP_NOWAIT;
	/* One call instead of two where it can be had. */
	if (set->nr == 1 && is_consumed(set->objs[0])) {
		code = take_one(set->objs[0]);
		if (code != WAIT_TIMEOUT)
			return code;
	}
	do {
		ready = set_poll(set, deadline);
		for (i = 0; i < set->nr; i++) {
			if (!set->fds[i].revents && !is_my_mutex(set->objs[i]))
				continue;
			code = take_one(set->objs[i]);
			if (code != WAIT_TIMEOUT)
				return code + i;
		}
	} while (ready > 0);
	return ready ? WAIT_FAILED : WAIT_TIMEOUT;
}

/*
 * All or nothing; iocpi_take_lock is exclusive and everything was ready.  Mutexes
 * last: the kernel takes none of them, so nothing has to be undone there.
 */
static DWORD take_all(struct wait_set *set)
{
	DWORD i, code = WAIT_OBJECT_0;

	for (i = 0; i < set->nr; i++)
		if (set->objs[i]->type != IOCPI_MUTEX && take(set->objs[i]) == WAIT_TIMEOUT)
			break;
	if (i < set->nr) {
		while (i--)
			if (set->objs[i]->type != IOCPI_MUTEX && is_consumed(set->objs[i]))
				iocpi_sync_give_back(sync_of(set->objs[i]));
		return WAIT_TIMEOUT;
	}
	for (i = 0; i < set->nr; i++)
		if (set->objs[i]->type == IOCPI_MUTEX)
			code |= take(set->objs[i]);
	return code;
}

/* poll(2) passes over descriptors that are negative: those that were ready. */
static DWORD set_pass_ready(struct wait_set *set)
{
	DWORD i, left = 0;

	for (i = 0; i < set->nr; i++) {
		if (set->fds[i].fd >= 0 && (set->fds[i].revents || is_my_mutex(set->objs[i])))
			set->fds[i].fd = ~set->fds[i].fd;
		left += set->fds[i].fd >= 0;
	}
	return left;
}

static DWORD wait_all(struct wait_set *set, uint64_t deadline)
{
	DWORD i, left, code;
	int ready;

	left = set_pass_ready(set);
	for (;;) {
		if (left) {
			ready = set_poll(set, deadline);
			if (ready <= 0)
				return ready ? WAIT_FAILED : WAIT_TIMEOUT;
			left = set_pass_ready(set);
			continue;
		}
		/* Each was ready once.  Now all at the same time? */
		for (i = 0; i < set->nr; i++)
			set->fds[i].fd = ~set->fds[i].fd;
		code = WAIT_TIMEOUT;
		AcquireSRWLockExclusive(&iocpi_take_lock);
		ready = set_poll(set, IOCP_NOWAIT);
		left = ready < 0 ? set->nr : set_pass_ready(set);
		if (!left)
			code = take_all(set);
		ReleaseSRWLockExclusive(&iocpi_take_lock);
		if (ready < 0)
			return WAIT_FAILED;
		if (code != WAIT_TIMEOUT)
			return code;
	}
}

static bool has_duplicates(const struct wait_set *set)
{
	DWORD i, j;

	for (i = 0; i < set->nr; i++)
		for (j = 0; j < i; j++)
			if (set->objs[i] == set->objs[j])
				return true;
	return false;
}

DWORD WINAPI WaitForMultipleObjects(DWORD nCount, const HANDLE *lpHandles, BOOL bWaitAll,
				    DWORD dwMilliseconds)
{
	uint64_t deadline = iocpi_deadline_of(dwMilliseconds);
	struct wait_set set;
	DWORD code;
	int cancel;

	if (!nCount || nCount > MAXIMUM_WAIT_OBJECTS) {
		iocpi_fail(ERROR_INVALID_PARAMETER);
		return WAIT_FAILED;
	}
	code = set_get(&set, lpHandles, nCount);
	if (!code && bWaitAll && has_duplicates(&set)) {
		set_put(&set);
		code = ERROR_INVALID_PARAMETER;
	}
	if (code) {
		iocpi_fail(code);
		return WAIT_FAILED;
	}
	/* poll(2) would let a thread be cancelled with what it holds. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	code = bWaitAll && nCount > 1 ? wait_all(&set, deadline) : wait_any(&set, deadline);
	pthread_setcancelstate(cancel, NULL);
	set_put(&set);
	return code;
}

DWORD WINAPI WaitForSingleObject(HANDLE hHandle, DWORD dwMilliseconds)
{
	return WaitForMultipleObjects(1, &hHandle, FALSE, dwMilliseconds);
}
