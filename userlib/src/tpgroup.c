// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * tpgroup.c - cleanup groups, and what else of an environment few objects have.
 *
 * A member is in its group's list until it is gone, also when its own callback has
 * closed it: so a group that closes its members waits for that callback, too (PL-15).
 * Who takes a member out holds group_lock; a group that closes its members holds their
 * extras, so that they stay while it waits.  While it does it is sealed: nobody can
 * join (TR-24).
 *
 * group_lock is one for all groups: it is held for some instructions, where an object
 * is made or goes.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

#include "win.h"

struct iocpi_group {
	struct iocpi_obj obj;
	struct list members;	/* group_lock */
	bool sealed;		/* group_lock */
};

_Static_assert(sizeof(struct iocpi_group) <= IOCPI_OBJ_SIZE, "slots are too small");

static pthread_mutex_t group_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t group_unsealed = PTHREAD_COND_INITIALIZER;

void iocpi_extra_begin(struct iocpi_extra *x)
{
	if (x->runs_long)
		iocp_callback_may_run_long();
}

void iocpi_extra_end(struct iocpi_extra *x)
{
	if (x->finalization)
		x->finalization(iocpi_instance(), x->context);
}

void iocpi_extra_hold(struct iocpi_extra *x)
{
	__atomic_fetch_add(&x->refs, 1, __ATOMIC_RELAXED);
}

static void obj_gone(struct iocpi_obj *obj)
{
	if (obj->type == IOCPI_FILE)
		iocpi_file_put(container_of(obj, struct iocpi_file, obj), OBJ_TPIO);
	else
		iocpi_bound_put(container_of(obj, struct iocpi_bound, obj), OBJ_OP);
}

void iocpi_extra_put(struct iocpi_extra *x)
{
	struct iocpi_obj *obj = x->obj;

	if (__atomic_sub_fetch(&x->refs, 1, __ATOMIC_ACQ_REL))
		return;
	pthread_mutex_lock(&group_lock);
	list_del_init(&x->node);
	pthread_mutex_unlock(&group_lock);
	if (x->library)
		dlclose(x->library);
	free(x);
	obj->extra = NULL;
	obj_gone(obj);
}

/* For the step that said STEP_DEAD. */
void iocpi_obj_dead(struct iocpi_obj *obj)
{
	if (obj->extra)
		iocpi_extra_put(obj->extra);
	else
		obj_gone(obj);
}

static struct iocpi_group *group_get(uint64_t id)
{
	struct iocpi_obj *obj = iocpi_obj_get(id, IOCPI_GROUP, OBJ_USER);

	return obj ? container_of(obj, struct iocpi_group, obj) : NULL;
}

static void group_put(struct iocpi_group *g)
{
	if (!(iocpi_obj_put(&g->obj, OBJ_USER) & OBJ_REFS))
		iocpi_obj_free(&g->obj);
}

/* Whether it can be joined; in the group's list if @x is not NULL. */
static DWORD group_add(uint64_t id, struct iocpi_extra *x)
{
	struct iocpi_group *g = group_get(id);
	DWORD code = 0;

	if (!g)
		return ERROR_INVALID_HANDLE;
	pthread_mutex_lock(&group_lock);
	if (g->sealed) {
		code = ERROR_BUSY;
	} else if (x) {
		x->group = g;
		list_add_tail(&x->node, &g->members);
	}
	pthread_mutex_unlock(&group_lock);
	group_put(g);
	return code;
}

DWORD iocpi_group_check(uint64_t id)
{
	return group_add(id, NULL);
}

/* For an object that is open.  On failure the caller closes it. */
DWORD iocpi_group_join(struct iocpi_extra *x)
{
	return x && x->group_id ? group_add(x->group_id, x) : 0;
}

/* For an object that nobody finds yet; callbacks get @context. */
void iocpi_env_attach(struct iocpi_env *e, struct iocpi_obj *obj,
		      const struct iocpi_member_ops *ops, void *context)
{
	struct iocpi_extra *x = e->extra;

	if (!x)
		return;
	e->extra = NULL;
	x->refs = 1;
	x->obj = obj;
	x->ops = ops;
	x->context = context;
	obj->extra = x;
}

/* The last step of making a bound object.  0, or why it is closed again. */
DWORD iocpi_env_open(struct iocpi_env *e, struct iocpi_obj *obj,
		     const struct iocpi_member_ops *ops, void *context)
{
	DWORD code;

	iocpi_env_attach(e, obj, ops, context);
	iocpi_obj_open(obj, OBJ_OP);
	code = iocpi_group_join(obj->extra);
	if (code)
		ops->end(obj, true);
	return code;
}

/* group_lock is held.  False: it is on its way out of the list. */
static bool extra_try_hold(struct iocpi_extra *x)
{
	uint32_t refs = READ_ONCE(x->refs);

	do {
		if (!refs)
			return false;
	} while (!__atomic_compare_exchange_n(&x->refs, &refs, refs + 1, true, __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	return true;
}

/* The member whose callback this thread runs, if it is of the group; group_lock is held. */
static struct iocpi_extra *group_own_member(const struct iocpi_group *g)
{
	struct iocpi_extra *x = iocpi_self.callback ? iocpi_self.callback->extra : NULL;

	return x && x->group == g ? x : NULL;
}

/*
 * Moves the members to @taken; *own is the one whose callback this is.  False: another
 * thread is at it, and waits for this callback.
 */
static bool group_seal(struct iocpi_group *g, struct list *taken, struct iocpi_extra **own)
{
	pthread_mutex_lock(&group_lock);
	*own = group_own_member(g);
	while (g->sealed) {
		if (*own) {
			pthread_mutex_unlock(&group_lock);
			return false;
		}
		pthread_cond_wait(&group_unsealed, &group_lock);
	}
	g->sealed = true;
	while (!list_empty(&g->members)) {
		struct iocpi_extra *x = container_of(g->members.next, struct iocpi_extra, node);

		list_del_init(&x->node);
		if (extra_try_hold(x))
			list_add_tail(&x->node, taken);
		else
			x->group = NULL;
	}
	pthread_mutex_unlock(&group_lock);
	return true;
}

static void group_unseal(struct iocpi_group *g)
{
	pthread_mutex_lock(&group_lock);
	g->sealed = false;
	pthread_cond_broadcast(&group_unsealed);
	pthread_mutex_unlock(&group_lock);
}

/* Until no callback of it is pending or running, disassociated or not. */
static void member_wait(struct iocpi_obj *obj)
{
	uint32_t apart;

	iocpi_state_wait(&obj->state, iocpi_obj_gen(obj));
	while ((apart = load_acquire(&obj->state.apart)))
		iocpi_futex_wait(&obj->state.apart, apart);
}

static void member_leave(struct iocpi_extra *x)
{
	pthread_mutex_lock(&group_lock);
	list_del_init(&x->node);
	x->group = NULL;
	pthread_mutex_unlock(&group_lock);
	iocpi_extra_put(x);
}

PTP_CLEANUP_GROUP WINAPI CreateThreadpoolCleanupGroup(VOID)
{
	struct iocpi_obj *obj = iocpi_obj_alloc(IOCPI_GROUP);

	if (!obj) {
		iocpi_fail_errno(ENOMEM);
		return NULL;
	}
	iocpi_once_fork();
	list_init(&container_of(obj, struct iocpi_group, obj)->members);
	iocpi_obj_open(obj, 0);
	return (PTP_CLEANUP_GROUP)(uintptr_t)iocpi_obj_id(obj);
}

VOID WINAPI CloseThreadpoolCleanupGroupMembers(PTP_CLEANUP_GROUP ptpcg,
					       BOOL fCancelPendingCallbacks,
					       PVOID pvCleanupContext)
{
	struct iocpi_group *g = group_get((uintptr_t)ptpcg);
	struct list taken = { &taken, &taken }, *node;
	struct iocpi_extra *own;
	bool sealed;

	if (!g) {
		iocpi_debug("%s: %p is no cleanup group any more", __func__, (void *)ptpcg);
		return;
	}
	sealed = group_seal(g, &taken, &own);
	if (own)
		iocpi_debug("%s: a callback of a member is not waited for by itself", __func__);
	for (node = taken.next; node != &taken; node = node->next) {
		struct iocpi_extra *x = container_of(node, struct iocpi_extra, node);

		x->due = x->ops->end(x->obj, fCancelPendingCallbacks);
	}
	while (!list_empty(&taken)) {
		struct iocpi_extra *x = container_of(taken.next, struct iocpi_extra, node);

		if (x != own) {
			member_wait(x->obj);
			if (fCancelPendingCallbacks && x->due && x->cancel)
				x->cancel(x->context, pvCleanupContext);	/* PL-16 */
		}
		member_leave(x);
	}
	if (sealed)
		group_unseal(g);
	group_put(g);
}

VOID WINAPI CloseThreadpoolCleanupGroup(PTP_CLEANUP_GROUP ptpcg)
{
	struct iocpi_obj *obj = iocpi_obj_close((uintptr_t)ptpcg, IOCPI_GROUP, OBJ_USER, NULL);
	struct iocpi_group *g;

	if (!obj) {
		iocpi_debug("%s: %p is no cleanup group any more", __func__, (void *)ptpcg);
		return;
	}
	g = container_of(obj, struct iocpi_group, obj);
	pthread_mutex_lock(&group_lock);
	if (!list_empty(&g->members))
		iocpi_debug("%s: %p has members, which stay", __func__, (void *)ptpcg);
	while (!list_empty(&g->members)) {
		struct iocpi_extra *x = container_of(g->members.next, struct iocpi_extra, node);

		list_del_init(&x->node);
		x->group = NULL;
	}
	pthread_mutex_unlock(&group_lock);
	group_put(g);
}

void iocpi_group_fork_lock(void)
{
	pthread_mutex_lock(&group_lock);
}

void iocpi_group_fork_unlock(void)
{
	pthread_mutex_unlock(&group_lock);
}

/* Who waited for it is not here. */
void iocpi_group_fork_child(void)
{
	group_unsealed = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
}
