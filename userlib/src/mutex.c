// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * mutex.c - mutexes that are objects: an eventfd that holds 1 while nobody owns it,
 * and an owner.
 *
 * A thread keeps a list of what it owns, for its end.  The list and everything else
 * about an owned mutex is touched by its owner only.
 */
#include "win.h"

bool iocpi_mutex_is_mine(struct iocpi_sync *s)
{
	/* Others change it meanwhile, but never to or from this thread. */
	return READ_ONCE(s->mutex.owner) == &iocpi_self;
}

static void mutex_own(struct iocpi_sync *s)
{
	iocpi_thread_mind_end();
	if (!iocpi_self.mutexes.next)
		list_init(&iocpi_self.mutexes);
	list_add_tail(&s->mutex.node, &iocpi_self.mutexes);
	s->mutex.recursion = 1;
	WRITE_ONCE(s->mutex.owner, &iocpi_self);
	__atomic_fetch_add(&s->obj.word, OBJ_OP, __ATOMIC_RELAXED);
}

/* Nobody owns it any more; the caller holds the object, and makes it known. */
static void mutex_disown(struct iocpi_sync *s)
{
	list_del_init(&s->mutex.node);
	WRITE_ONCE(s->mutex.owner, NULL);
}

/* With iocpi_take_lock.  WAIT_OBJECT_0, WAIT_ABANDONED_0, or WAIT_TIMEOUT: it is owned. */
DWORD iocpi_mutex_take(struct iocpi_sync *s)
{
	bool abandoned;

	if (iocpi_mutex_is_mine(s)) {
		s->mutex.recursion++;
		return WAIT_OBJECT_0;
	}
	if (!iocpi_sync_take(s))
		return WAIT_TIMEOUT;
	abandoned = s->mutex.abandoned;
	s->mutex.abandoned = false;
	mutex_own(s);
	return abandoned ? WAIT_ABANDONED_0 : WAIT_OBJECT_0;
}

/* At the end of a thread. */
void iocpi_mutex_abandon_all(void)
{
	struct list *owned = &iocpi_self.mutexes;

	while (owned->next && !list_empty(owned)) {
		struct iocpi_sync *s = container_of(owned->next, struct iocpi_sync, mutex.node);

		mutex_disown(s);
		s->mutex.abandoned = true;
		iocpi_sync_give(s, 1);
		iocpi_sync_drop(s, OBJ_OP);
	}
}

/* What the caller owns and nobody can name any more goes at once, not with the thread. */
void iocpi_mutex_close(struct iocpi_obj *obj, uint64_t before)
{
	struct iocpi_sync *s = sync_of(obj);

	if (iocpi_mutex_is_mine(s) && !(before & OBJ_USERS)) {
		mutex_disown(s);
		iocpi_sync_drop(s, OBJ_OP);
	}
	iocpi_sync_put(obj);
}

static HANDLE mutex_create(BOOL owned, const void *name)
{
	struct iocpi_sync *s = iocpi_sync_create(IOCPI_MUTEX, name, owned ? 0 : 1, 0);

	if (!s)
		return NULL;
	s->consume = true;
	if (owned)
		mutex_own(s);
	return iocpi_sync_open(s, 0);
}

HANDLE WINAPI CreateMutexA(LPSECURITY_ATTRIBUTES lpMutexAttributes, BOOL bInitialOwner,
			   LPCSTR lpName)
{
	(void)lpMutexAttributes;
	return iocpi_sync_is_new(mutex_create(bInitialOwner, lpName));
}

HANDLE WINAPI CreateMutexW(LPSECURITY_ATTRIBUTES lpMutexAttributes, BOOL bInitialOwner,
			   LPCWSTR lpName)
{
	(void)lpMutexAttributes;
	return iocpi_sync_is_new(mutex_create(bInitialOwner, lpName));
}

BOOL WINAPI ReleaseMutex(HANDLE hMutex)
{
	struct iocpi_sync *s = iocpi_sync_get(hMutex, IOCPI_MUTEX);
	BOOL mine;

	if (!s)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	mine = iocpi_mutex_is_mine(s);
	if (mine && !--s->mutex.recursion) {
		mutex_disown(s);
		iocpi_sync_give(s, 1);
		iocpi_sync_drop(s, OBJ_OP);
	}
	iocpi_sync_put(&s->obj);
	return mine ? TRUE : iocpi_fail(ERROR_NOT_OWNER);
}
