// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * callback.c - objects of a pool, and the callback that a thread is in.
 *
 * A callback that disassociates (CI-6) leaves the counts of the state machine, so that
 * waits end without it, and keeps the object by a reference until it returns.  A file
 * object needs none: the operation whose callback it is keeps it.
 */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

void iocpi_bound_put(struct iocpi_bound *b, uint64_t refs)
{
	struct iocp_pool *pool = b->pool;
	bool unbind = READ_ONCE(b->unbind_late);

	if (iocpi_obj_put(&b->obj, refs) & OBJ_REFS)
		return;
	iocpi_obj_free(&b->obj);
	if (unbind)
		iocpi_pool_unbind(pool);
}

/* First half of a close, for one caller; false: it is closed already. */
bool iocpi_bound_closing(struct iocpi_bound *b, bool wait)
{
	if (!iocpi_obj_close(iocpi_obj_id(&b->obj), READ_ONCE(b->obj.type), OBJ_USER, NULL))
		return false;
	WRITE_ONCE(b->unbind_late, !wait);
	return true;
}

/* Second half, after whatever makes an end of what is outstanding. */
void iocpi_bound_closed(struct iocpi_bound *b, uint32_t gen, bool wait)
{
	struct iocp_pool *pool = b->pool;

	if (wait)
		iocpi_state_wait(&b->obj.state, gen);
	iocpi_bound_put(b, OBJ_USER);
	/* A worker may still be on its way out of the object, not of the pool. */
	if (wait)
		iocpi_pool_unbind(pool);
}

/* 0, or -ENOMEM: not the first ones of a callback. */
int iocpi_on_return(const struct iocpi_return *r)
{
	struct iocpi_call *call = iocpi_self.call;
	struct iocpi_return **pos, *copy;

	if (call->nr_own < ARRAY_SIZE(call->own))
		copy = &call->own[call->nr_own++];
	else
		copy = malloc(sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	*copy = *r;
	for (pos = &call->returns; *pos && (*pos)->kind <= r->kind; pos = &(*pos)->next)
		;
	copy->next = *pos;
	*pos = copy;
	return 0;
}

/* Each may add more. */
static void callback_run_returns(struct iocpi_call *call)
{
	struct iocpi_return *r;

	while ((r = call->returns)) {
		call->returns = r->next;
		r->run(r);
		if (r < call->own || r >= call->own + ARRAY_SIZE(call->own))
			free(r);
	}
	call->nr_own = 0;
}

static void return_call(const struct iocpi_return *r)
{
	r->callback(r->arg);
}

int iocp_callback_on_return(iocp_return_callback *callback, void *arg)
{
	struct iocpi_return r = {
		.run = return_call,
		.callback = callback,
		.arg = arg,
		.kind = RETURN_CALL,
	};

	if (!callback || !iocpi_self.callback)
		return -EINVAL;
	return iocpi_on_return(&r);
}

static unsigned int callback_end_apart(struct iocpi_obj *obj)
{
	bool last = !__atomic_sub_fetch(&obj->state.apart, 1, __ATOMIC_RELEASE);

	if (last)
		iocpi_futex_wake_all(&obj->state.apart);
	if (obj->extra)
		iocpi_extra_put(obj->extra);
	else if (obj->type != IOCPI_FILE)
		iocpi_bound_put(container_of(obj, struct iocpi_bound, obj), OBJ_USER);
	return iocpi_self.left;
}

/* iocpi_callback_end(), whatever there is to do. */
unsigned int iocpi_callback_end_any(struct iocpi_obj *obj)
{
	bool counted;

	if (unlikely(obj->extra))
		iocpi_extra_end(obj->extra);
	if (unlikely(iocpi_self.call->returns))
		callback_run_returns(iocpi_self.call);
	counted = iocpi_self.callback_id;
	WRITE_ONCE(iocpi_self.callback, NULL);
	iocpi_self.callback_id = 0;
	return likely(counted) ? iocpi_state_done(&obj->state) : callback_end_apart(obj);
}

int iocp_callback_disassociate(void)
{
	struct iocpi_obj *obj = iocpi_self.callback;

	if (!obj)
		return -EINVAL;
	if (!iocpi_self.callback_id)
		return 0;
	if (obj->extra)
		iocpi_extra_hold(obj->extra);
	else if (obj->type != IOCPI_FILE)
		__atomic_fetch_add(&obj->word, OBJ_USER, __ATOMIC_RELAXED);
	/* Before the other count falls: who waits for both looks at that one first. */
	__atomic_fetch_add(&obj->state.apart, 1, __ATOMIC_RELAXED);
	iocpi_self.callback_id = 0;
	iocpi_self.left = iocpi_state_done(&obj->state);
	return 0;
}

/* Leaving the port lets another thread have this one's place in its concurrency value. */
int iocp_callback_may_run_long(void)
{
	struct iocp_pool *pool = iocpi_self.pool;
	int ret;

	if (!iocpi_self.callback)
		return -EINVAL;
	iocp_detach(pool->port);
	if (iocpi_pool_has_free_thread(pool))
		return 0;
	ret = iocpi_pool_add_thread(pool);
	return ret > 0 ? 0 : ret < 0 ? ret : -EAGAIN;
}
