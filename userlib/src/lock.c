// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * lock.c - byte ranges that are locked.
 *
 * Against other open files, of whatever process, the kernel decides: open file
 * description locks.  Among the locks of one handle it would merge and replace, where
 * Windows has each stand for itself: an exclusive one excludes also the handle's own,
 * a shared one may lie over its own exclusive one, and each is unlocked by exactly its
 * range.  So they are kept in a list here, and what the kernel is told about a byte is
 * the strongest lock that covers it.
 *
 * A lock that has to wait, on an overlapped handle, has a thread that waits for it: the
 * kernel has no other way.  The wait is the one place where such a thread can be
 * cancelled (pthread_cancel); what it may have got at that moment is given back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "win.h"

#define MAX_WAITING	256		/* threads that wait, of this process */
#define STACK_SIZE	(256 * 1024)

/* It is covered from start up to end; the same: nothing, which is a lock, too. */
struct lock {
	struct list node;
	struct iocpi_file *f;		/* waiting: with OBJ_USER and OBJ_OP */
	uint64_t start, end;
	short type;			/* F_RDLCK, F_WRLCK */
	bool held;
	/* While it waits in a thread of its own. */
	LPOVERLAPPED o;
	pid_t issuer;
	pthread_t thread;
	bool interruptible;
	bool cancelled;
};

static struct {
	pthread_mutex_t lock;		/* of all of this and of every struct lock in it */
	pthread_cond_t changed;		/* one ended, or is to be cancelled */
	struct list list;
	unsigned int waiting;
} locks = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER,
	.list = { &locks.list, &locks.list },
};

#define for_each_lock(l) \
	for (l = container_of(locks.list.next, struct lock, node); &l->node != &locks.list; \
	     l = container_of(l->node.next, struct lock, node))

static int strength(short type)
{
	return type == F_WRLCK ? 2 : type == F_RDLCK;
}

static int tell_kernel(int fd, int cmd, short type, uint64_t start, uint64_t end)
{
	struct flock fl = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = start,
		.l_len = end > INT64_MAX ? 0 : end - start,	/* 0: to the end of all */
	};

	return fcntl(fd, cmd, &fl) ? errno : 0;
}

/* The part from @start on, at most to *end, that is held alike, and how. */
static short held_part(const struct iocpi_file *f, uint64_t start, uint64_t *end)
{
	short type = F_UNLCK;
	struct lock *l;

	for_each_lock(l) {
		if (l->f != f || !l->held || l->end <= start || l->start >= *end)
			continue;
		if (l->start > start) {
			*end = l->start;
			continue;
		}
		if (strength(l->type) > strength(type))
			type = l->type;
		if (l->end < *end)
			*end = l->end;
	}
	return type;
}

/* What is held, and no more, is what the kernel is to know of this range. */
static void settle(const struct lock *l)
{
	uint64_t start, end;

	for (start = l->start; start < l->end; start = end) {
		end = l->end;
		tell_kernel(l->f->fd, F_OFD_SETLK, held_part(l->f, start, &end), start, end);
	}
}

/* An exclusive lock goes with no other of its own handle. */
static bool excluded(const struct lock *l)
{
	const struct lock *other;

	if (l->type != F_WRLCK)
		return false;
	for_each_lock(other)
		if (other->f == l->f && other->held && other->start < l->end &&
		    l->start < other->end)
			return true;
	return false;
}

/*
 * 0: it is held.  EAGAIN: another lock is in the way, and the part that was asked for in
 * vain is told, or an empty one if it is one of this handle's.
 */
static int try_lock(struct lock *l, uint64_t *start, uint64_t *end)
{
	int err = 0;

	*start = *end = l->start;
	if (excluded(l))
		return EAGAIN;
	for (; *start < l->end; *start = *end) {
		*end = l->end;
		if (strength(held_part(l->f, *start, end)) >= strength(l->type))
			continue;
		err = tell_kernel(l->f->fd, F_OFD_SETLK, l->type, *start, *end);
		if (err)
			break;
	}
	if (err) {
		settle(l);
		return err == EACCES ? EAGAIN : err;
	}
	l->held = true;
	return 0;
}

static void unlist(struct lock *l)
{
	list_del_init(&l->node);
	pthread_cond_broadcast(&locks.changed);
}

/* locks.lock is held, but for the time of the wait.  0, ECANCELED, or another errno. */
static int wait_lock(struct lock *l)
{
	uint64_t start, end;
	int err = 0, state;

	while (!l->cancelled) {
		err = try_lock(l, &start, &end);
		if (err != EAGAIN)
			return err;
		if (start == end) {
			pthread_cond_wait(&locks.changed, &locks.lock);
			continue;
		}
		l->interruptible = true;
		pthread_mutex_unlock(&locks.lock);
		if (l->o)
			pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
		err = tell_kernel(l->f->fd, F_OFD_SETLKW, l->type, start, end);
		if (l->o)
			pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
		pthread_mutex_lock(&locks.lock);
		l->interruptible = false;
		/* Whatever it got is part of the next try, or not wanted. */
		if (err && err != EINTR)
			break;
	}
	settle(l);
	return l->cancelled ? ECANCELED : err;
}

/* locks.lock is held, and given back. */
static void end_wait(struct lock *l, int err)
{
	struct iocpi_file *f = l->f;
	LPOVERLAPPED o = l->o;

	WRITE_ONCE(locks.waiting, locks.waiting - 1);
	l->o = NULL;
	if (err) {
		unlist(l);
		free(l);
	}
	pthread_mutex_unlock(&locks.lock);
	iocpi_complete(f, o, iocp_errno_to_status(err), 0, OBJ_USER, true);
}

/* pthread_cancel() struck, in the wait. */
static void wait_interrupted(void *arg)
{
	struct lock *l = arg;

	pthread_mutex_lock(&locks.lock);
	settle(l);
	end_wait(l, ECANCELED);
}

static void *wait_thread(void *arg)
{
	struct lock *l = arg;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_setname_np(pthread_self(), "iocp-lock");
	pthread_cleanup_push(wait_interrupted, l);
	pthread_mutex_lock(&locks.lock);
	l->thread = pthread_self();
	end_wait(l, wait_lock(l));
	pthread_cleanup_pop(0);
	return NULL;
}

/* locks.lock is held. */
static int start_waiting(struct lock *l, LPOVERLAPPED o)
{
	int ret;

	if (locks.waiting == MAX_WAITING)
		return EAGAIN;
	l->o = o;
	l->issuer = gettid();
	ret = iocpi_thread_start(wait_thread, l, STACK_SIZE);
	if (!ret)
		WRITE_ONCE(locks.waiting, locks.waiting + 1);
	return -ret;
}

/* With OBJ_USER and OBJ_OP, which go. */
static BOOL lock_file(struct iocpi_file *f, DWORD flags, uint64_t start, uint64_t len,
		      LPOVERLAPPED o)
{
	bool wait = !(flags & LOCKFILE_FAIL_IMMEDIATELY), waits = false;
	struct lock *l = calloc(1, sizeof(*l));
	NTSTATUS status = STATUS_SUCCESS;
	uint64_t at, end;
	int err = l ? 0 : ENOMEM;

	if (!err) {
		l->f = f;
		l->start = start;
		l->end = start + len;
		l->type = flags & LOCKFILE_EXCLUSIVE_LOCK ? F_WRLCK : F_RDLCK;
		pthread_mutex_lock(&locks.lock);
		list_add_tail(&l->node, &locks.list);
		/* Closed meanwhile: nobody would take it away any more. */
		if (READ_ONCE(f->obj.word) & OBJ_OPEN)
			err = try_lock(l, &at, &end);
		else
			err = ESTALE;
		if (err == EAGAIN && wait && !f->overlapped) {
			err = wait_lock(l);
		} else if (err == EAGAIN && wait) {
			err = start_waiting(l, o);
			waits = !err;
			status = STATUS_INSUFFICIENT_RESOURCES;
		} else if (err == EAGAIN) {
			status = STATUS_LOCK_NOT_GRANTED;
		}
		if (err) {
			unlist(l);
			free(l);
		}
		pthread_mutex_unlock(&locks.lock);
	}
	if (waits) {
		return iocpi_fail(ERROR_IO_PENDING);
	} else if (err) {
		if (err == EBADF)		/* the kernel wants a file open for that */
			status = STATUS_ACCESS_DENIED;
		else if (err == ESTALE)
			status = STATUS_INVALID_HANDLE;
		else if (status == STATUS_SUCCESS)
			status = iocp_errno_to_status(err);
	}
	return iocpi_overlapped_end(f, o, err ? status : STATUS_SUCCESS, err, 0);
}

static BOOL unlock_file(HANDLE h, uint64_t start, uint64_t len)
{
	struct iocpi_file *f = iocpi_file_get(h, OBJ_USER);
	struct lock *l, *found = NULL;

	if (!f)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	pthread_mutex_lock(&locks.lock);
	for_each_lock(l)
		/* Of two for the same range the exclusive one goes first. */
		if (l->f == f && l->held && l->start == start && l->end - start == len &&
		    (!found || l->type == F_WRLCK))
			found = l;
	if (found) {
		unlist(found);
		settle(found);
		free(found);
	}
	pthread_mutex_unlock(&locks.lock);
	iocpi_file_put(f, OBJ_USER);
	return found ? TRUE : iocpi_fail(ERROR_NOT_LOCKED);
}

static uint64_t join(DWORD low, DWORD high)
{
	return (uint64_t)high << 32 | low;
}

static DWORD range_check(uint64_t start, uint64_t len)
{
	if (start > UINT64_MAX - len)
		return ERROR_INVALID_LOCK_RANGE;
	return start > INT64_MAX ? ERROR_INVALID_PARAMETER : 0;
}

BOOL WINAPI LockFileEx(HANDLE hFile, DWORD dwFlags, DWORD dwReserved,
		       DWORD nNumberOfBytesToLockLow, DWORD nNumberOfBytesToLockHigh,
		       LPOVERLAPPED lpOverlapped)
{
	uint64_t start, len = join(nNumberOfBytesToLockLow, nNumberOfBytesToLockHigh);
	struct iocpi_file *f;
	DWORD code;

	if (dwReserved || !lpOverlapped ||
	    dwFlags & ~(LOCKFILE_FAIL_IMMEDIATELY | LOCKFILE_EXCLUSIVE_LOCK))
		return iocpi_fail(ERROR_INVALID_PARAMETER);
	start = join(lpOverlapped->Offset, lpOverlapped->OffsetHigh);
	code = range_check(start, len);
	if (code)
		return iocpi_fail(code);
	f = iocpi_file_get(hFile, OBJ_USER + OBJ_OP);
	if (!f)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	if (!iocpi_overlapped_begin(f, lpOverlapped)) {
		iocpi_file_put(f, OBJ_USER + OBJ_OP);
		return FALSE;
	}
	return lock_file(f, dwFlags, start, len, lpOverlapped);
}

BOOL WINAPI UnlockFileEx(HANDLE hFile, DWORD dwReserved, DWORD nNumberOfBytesToUnlockLow,
			 DWORD nNumberOfBytesToUnlockHigh, LPOVERLAPPED lpOverlapped)
{
	if (dwReserved || !lpOverlapped)
		return iocpi_fail(ERROR_INVALID_PARAMETER);
	return unlock_file(hFile, join(lpOverlapped->Offset, lpOverlapped->OffsetHigh),
			   join(nNumberOfBytesToUnlockLow, nNumberOfBytesToUnlockHigh));
}

BOOL WINAPI LockFile(HANDLE hFile, DWORD dwFileOffsetLow, DWORD dwFileOffsetHigh,
		     DWORD nNumberOfBytesToLockLow, DWORD nNumberOfBytesToLockHigh)
{
	uint64_t start = join(dwFileOffsetLow, dwFileOffsetHigh);
	uint64_t len = join(nNumberOfBytesToLockLow, nNumberOfBytesToLockHigh);
	DWORD code = range_check(start, len);
	struct iocpi_file *f;

	if (code)
		return iocpi_fail(code);
	f = iocpi_file_get(hFile, OBJ_USER + OBJ_OP);
	if (!f)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	return lock_file(f, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, start, len, NULL);
}

BOOL WINAPI UnlockFile(HANDLE hFile, DWORD dwFileOffsetLow, DWORD dwFileOffsetHigh,
		       DWORD nNumberOfBytesToUnlockLow, DWORD nNumberOfBytesToUnlockHigh)
{
	return unlock_file(hFile, join(dwFileOffsetLow, dwFileOffsetHigh),
			   join(nNumberOfBytesToUnlockLow, nNumberOfBytesToUnlockHigh));
}

static void cancel_wait(struct lock *l)
{
	if (l->cancelled)
		return;
	l->cancelled = true;
	if (l->interruptible && l->o)
		pthread_cancel(l->thread);
	else
		pthread_cond_broadcast(&locks.changed);
}

/* Waits for locks on @f: of one OVERLAPPED or (NULL) all, of one thread or (0) any. */
bool iocpi_lock_cancel(struct iocpi_file *f, LPOVERLAPPED o, pid_t issuer)
{
	bool found = false;
	struct lock *l;

	if (!READ_ONCE(locks.waiting))
		return false;
	pthread_mutex_lock(&locks.lock);
	for_each_lock(l) {
		if (l->f != f || !l->o || l->cancelled || (o && l->o != o) ||
		    (issuer && l->issuer != issuer))
			continue;
		cancel_wait(l);
		found = true;
	}
	pthread_mutex_unlock(&locks.lock);
	return found;
}

/* The handle is closed: duplicates of its descriptor do not keep its locks. */
void iocpi_lock_close(struct iocpi_file *f)
{
	struct list *node, *next;

	pthread_mutex_lock(&locks.lock);
	for (node = locks.list.next; node != &locks.list; node = next) {
		struct lock *l = container_of(node, struct lock, node);

		next = node->next;
		if (l->f != f)
			continue;
		if (!l->held) {
			cancel_wait(l);
			continue;
		}
		unlist(l);
		settle(l);
		free(l);
	}
	pthread_mutex_unlock(&locks.lock);
}

void iocpi_lock_fork_lock(void)
{
	pthread_mutex_lock(&locks.lock);
}

void iocpi_lock_fork_unlock(void)
{
	pthread_mutex_unlock(&locks.lock);
}

/* They are the parent's. */
void iocpi_lock_fork_child(void)
{
	static const pthread_cond_t fresh = PTHREAD_COND_INITIALIZER;

	locks.list.next = locks.list.prev = &locks.list;
	locks.changed = fresh;
	locks.waiting = 0;
}
