// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * work.c - iocp_work: a callback that runs once for every submit.
 *
 * An object waits at most once, in the backlog of its pool or as a packet in the port,
 * for all its submits (iostate.c): so a submit usually needs no memory, and ten submits of
 * one object do not keep those of another waiting (PL-18).  That keeps the object, so
 * nothing waits for one that is gone.
 */
#include <errno.h>

#include "internal.h"

#define WORK_NORMAL	(IOCP_PRIO_NORMAL << IOCP_PKT_PRIO_SHIFT)

_Static_assert(sizeof(struct iocp_work) <= IOCPI_OBJ_SIZE, "slots are too small");

static struct iocp_work *work_of(struct iocpi_obj *obj)
{
	return container_of(obj, struct iocp_work, bound.obj);
}

/* Priorities are told apart by the port; without room there they have none. */
void iocpi_work_queue(struct iocp_work *work)
{
	struct iocp_pool *pool = work->bound.pool;
	struct iocpi_obj *obj = &work->bound.obj;

	if (likely(work->flags == WORK_NORMAL) ||
	    iocpi_pool_post(pool, iocpi_obj_id(obj), work->flags))
		iocpi_backlog_put(pool, obj);
}

void iocpi_work_dispatch(struct iocpi_obj *obj)
{
	struct iocp_work *work = work_of(obj);
	unsigned int step = iocpi_state_take(&obj->state);

	if (step & STEP_POST)
		iocpi_work_queue(work);
	if (likely(step & STEP_RUN)) {
		iocpi_callback_begin(obj, iocpi_obj_id(obj));
		work->run(work);
		step = iocpi_callback_end(obj);
	}
	if (step & STEP_DEAD)
		iocpi_obj_dead(obj);
}

/* Bound to the pool, and found by nobody until it is opened with OBJ_OP. */
struct iocp_work *iocpi_work_alloc(struct iocp_pool *pool, uint32_t priority)
{
	struct iocpi_obj *obj = iocpi_obj_alloc(IOCPI_WORK);
	struct iocp_work *work;

	if (!obj)
		return NULL;
	work = work_of(obj);
	work->bound.pool = pool;
	work->flags = (priority ? priority : IOCP_PRIO_NORMAL) << IOCP_PKT_PRIO_SHIFT;
	iocpi_state_init_work(&obj->state, iocpi_obj_gen(obj));
	iocpi_pool_bind(pool);
	return work;
}

/* The pool and the port are read when the submit counts and so keeps them. */
void iocpi_work_submit(struct iocp_work *work, uint32_t gen)
{
	unsigned int step = iocpi_state_submit(&work->bound.obj.state, gen);

	if (step & STEP_POST)
		iocpi_work_queue(work);
	if (!step)
		iocpi_debug("submit of work that is closed");
}

/* The only submit that it ever has, and its close; it is pending but not posted. */
void iocpi_work_submit_once(struct iocp_work *work)
{
	struct iocpi_obj *obj = &work->bound.obj;
	uint32_t gen = iocpi_obj_gen(obj);

	__atomic_fetch_or(&obj->word, OBJ_OP, __ATOMIC_RELEASE);	/* iocp_pool_drain() looks */
	iocpi_state_submit(&obj->state, gen);
	iocpi_state_close(&obj->state, gen);
}

static void work_run(struct iocp_work *work)
{
	work->callback(work, work->context);
}

static int work_new(struct iocp_work **result, struct iocp_pool *pool, uint32_t priority,
		    iocp_work_callback *callback, void *context)
{
	struct iocp_work *work;

	if (!iocpi_pool_alive(pool))
		return -ESHUTDOWN;
	if (!callback || priority > IOCP_PRIO_LOW)
		return -EINVAL;
	work = iocpi_work_alloc(pool, priority);
	if (!work)
		return -ENOMEM;
	work->run = work_run;
	work->callback = callback;
	work->context = context;
	*result = work;
	return 0;
}

int iocp_work_once(struct iocp_pool *pool, uint32_t priority, iocp_work_callback *callback,
		   void *context)
{
	struct iocp_work *work;
	int ret = work_new(&work, pool, priority, callback, context);

	if (ret)
		return ret;
	work->bound.unbind_late = true;
	iocpi_work_submit_once(work);
	iocpi_work_queue(work);
	return 0;
}

int iocp_work_create(struct iocp_work **result, struct iocp_pool *pool, uint32_t priority,
		     iocp_work_callback *callback, void *context)
{
	struct iocp_work *work;
	int ret = work_new(&work, pool, priority, callback, context);

	if (ret)
		return ret;
	iocpi_obj_open(&work->bound.obj, OBJ_OP);
	*result = work;
	return 0;
}

int iocp_work_submit(struct iocp_work *work)
{
	if (!iocpi_pool_alive(work->bound.pool))
		return -ESHUTDOWN;
	iocpi_work_submit(work, iocpi_obj_gen(&work->bound.obj));
	return 0;
}

int iocp_work_drop(struct iocp_work *work)
{
	if (!iocpi_pool_alive(work->bound.pool))
		return -ESHUTDOWN;
	iocpi_state_forget(&work->bound.obj.state, iocpi_obj_gen(&work->bound.obj));
	return 0;
}

int iocp_work_wait(struct iocp_work *work)
{
	struct iocpi_obj *obj = &work->bound.obj;

	if (!iocpi_pool_alive(work->bound.pool))
		return -ESHUTDOWN;
	if (iocpi_self.callback_id == iocpi_obj_id(obj))
		return -EDEADLK;
	iocpi_state_wait(&obj->state, iocpi_obj_gen(obj));
	return 0;
}

int iocp_work_close(struct iocp_work *work, unsigned int flags)
{
	struct iocpi_obj *obj;
	uint32_t gen;
	bool wait;

	if (flags & ~(IOCP_WORK_CLOSE_NOWAIT | IOCP_WORK_CLOSE_DROP))
		return -EINVAL;
	if (!work || !iocpi_pool_alive(work->bound.pool))
		return 0;
	obj = &work->bound.obj;
	gen = iocpi_obj_gen(obj);
	wait = iocpi_self.callback_id != iocpi_obj_id(obj) && !(flags & IOCP_WORK_CLOSE_NOWAIT);
	if (!iocpi_bound_closing(&work->bound, wait))
		return 0;
	if (flags & IOCP_WORK_CLOSE_DROP)
		iocpi_state_forget(&obj->state, gen);
	if (iocpi_state_close(&obj->state, gen) & STEP_DEAD)
		iocpi_obj_dead(obj);
	iocpi_bound_closed(&work->bound, gen, wait);
	return 0;
}
