// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * armed.c - timers and waits: an operation of the port that ends by itself.
 *
 * The kernel says by the packet whether an operation came true or was cancelled, so a
 * packet that tells of the former always calls back, unless the program had it dropped;
 * and of the latter never.  What a packet cannot say is whether it has been made: that
 * is asked when somebody wants to wait for callbacks that are queued (CANCEL, PROBE).
 * See iostate.c for how they are counted.
 *
 * A packet that is not to call back keeps nothing.  It comes with the number of the
 * object and finds it gone, or finds its generation.
 */
#include <errno.h>

#include "internal.h"

_Static_assert(sizeof(struct iocp_timer) <= IOCPI_OBJ_SIZE, "slots are too small");
_Static_assert(sizeof(struct iocp_wait) <= IOCPI_OBJ_SIZE, "slots are too small");

/* Bound to the pool, and found by nobody until it is opened with OBJ_OP. */
struct iocpi_armed *iocpi_armed_alloc(enum iocpi_type type, struct iocp_pool *pool,
				      uint32_t priority)
{
	struct iocpi_obj *obj = iocpi_obj_alloc(type);
	struct iocpi_armed *a;

	if (!obj)
		return NULL;
	a = armed_of(obj);
	pthread_mutex_init(&a->lock, NULL);
	a->bound.pool = pool;
	a->op_flags = IOCP_OP_F_KEY_IN_AUX2 | priority << IOCP_OP_F_PRIO_SHIFT;
	iocpi_state_init_arm(&obj->state, iocpi_obj_gen(obj));
	iocpi_pool_bind(pool);
	return a;
}

/* Under the lock, while it is not armed: @op, which is complete but for what is ours. */
int iocpi_armed_submit(struct iocpi_armed *a, struct iocp_op *op)
{
	struct iocpi_obj *obj = &a->bound.obj;
	uint32_t gen = iocpi_obj_gen(obj);
	uint64_t seq = a->seq + 1;
	struct iocp_enter e;
	int ret;

	/* The number first: who finds it armed looks whether it is his. */
	WRITE_ONCE(a->seq, seq);
	ret = -EAGAIN;
	if (!iocpi_state_arm(&obj->state, gen, seq))
		goto undo;
	op->flags = a->op_flags;
	op->overlapped = seq;
	op->aux2 = iocpi_obj_id(obj);
	iocpi_enter_init(&e, op, 1, NULL, NULL, 0, IOCP_NOWAIT, 0);
	ret = iocpi_enter(a->bound.pool->port, &e);
	if (ret >= 0) {
		a->op_id = e.first_id;
		return 0;
	}
	iocpi_state_ended(&obj->state, gen, seq, true);
undo:
	WRITE_ONCE(a->seq, seq - 1);
	return ret;
}

static int armed_cancel(struct iocpi_armed *a, uint32_t flags, struct iocp_cancel *c)
{
	*c = (struct iocp_cancel){
		.flags = IOCP_CANCEL_BY_ASSOC | IOCP_CANCEL_BY_ID | flags,
		.assoc = IOCP_NO_ASSOC,
		.id = a->op_id,
	};
	return iocp_cancel(a->bound.pool->port, c);
}

static bool armed_is(const struct iocpi_armed *a)
{
	return READ_ONCE(a->bound.obj.state.word) & STATE_ARMED;
}

/* Under the lock: not armed any more; true if that kept it from coming true. */
bool iocpi_armed_disarm(struct iocpi_armed *a)
{
	struct iocpi_obj *obj = &a->bound.obj;
	struct iocp_cancel c;
	int ret;

	if (!armed_is(a))
		return false;
	/* While the kernel looks at the file it may end either way; that is short. */
	do {
		ret = armed_cancel(a, 0, &c);
	} while (!ret && !c.nr_cancelled);
	iocpi_state_disarm(&obj->state, iocpi_obj_gen(obj), !ret);
	return !ret;
}

/* Under the lock: what has come true counts as pending. */
static void armed_probe(struct iocpi_armed *a)
{
	struct iocp_cancel c;

	if (armed_is(a) && armed_cancel(a, IOCP_CANCEL_PROBE, &c) == -ENOENT)
		iocpi_state_disarm(&a->bound.obj.state, iocpi_obj_gen(&a->bound.obj), false);
}

/* Under the lock: nothing comes again by itself. */
static bool armed_stop(struct iocpi_armed *a)
{
	bool stopped = iocpi_armed_disarm(a);

	WRITE_ONCE(a->seq, a->seq + 1);
	WRITE_ONCE(a->set, false);
	return stopped;
}

int iocpi_armed_stop(struct iocpi_armed *a)
{
	bool stopped;

	if (!iocpi_pool_alive(a->bound.pool))
		return -ESHUTDOWN;
	pthread_mutex_lock(&a->lock);
	stopped = armed_stop(a);
	pthread_mutex_unlock(&a->lock);
	return stopped;
}

void iocpi_armed_drop(struct iocpi_armed *a)
{
	pthread_mutex_lock(&a->lock);
	armed_probe(a);
	iocpi_state_forget(&a->bound.obj.state, iocpi_obj_gen(&a->bound.obj));
	pthread_mutex_unlock(&a->lock);
}

/* Whether there was something to wait for. */
bool iocpi_armed_wait(struct iocpi_armed *a)
{
	pthread_mutex_lock(&a->lock);
	armed_probe(a);
	pthread_mutex_unlock(&a->lock);
	return iocpi_state_wait(&a->bound.obj.state, iocpi_obj_gen(&a->bound.obj));
}

/* The end of an object that its number finds no more; the caller has an OBJ_USER. */
void iocpi_armed_end(struct iocpi_armed *a, bool drop)
{
	struct iocpi_obj *obj = &a->bound.obj;
	uint32_t gen = iocpi_obj_gen(obj);

	pthread_mutex_lock(&a->lock);
	armed_stop(a);
	if (drop)
		iocpi_state_forget(&obj->state, gen);
	pthread_mutex_unlock(&a->lock);
	if (iocpi_state_close(&obj->state, gen) & STEP_DEAD)
		iocpi_obj_dead(obj);
}

/* What the functions of timers and waits are. */

int iocpi_armed_is_set(struct iocpi_armed *a)
{
	return iocpi_pool_alive(a->bound.pool) ? READ_ONCE(a->set) : -ESHUTDOWN;
}

int iocpi_armed_native_drop(struct iocpi_armed *a)
{
	if (!iocpi_pool_alive(a->bound.pool))
		return -ESHUTDOWN;
	iocpi_armed_drop(a);
	return 0;
}

int iocpi_armed_native_wait(struct iocpi_armed *a)
{
	if (!iocpi_pool_alive(a->bound.pool))
		return -ESHUTDOWN;
	if (iocpi_self.callback_id == iocpi_obj_id(&a->bound.obj))
		return -EDEADLK;
	iocpi_armed_wait(a);
	return 0;
}

int iocpi_armed_close(struct iocpi_armed *a, unsigned int flags)
{
	struct iocpi_obj *obj;
	uint32_t gen;
	bool wait;

	if (flags & ~(IOCP_WORK_CLOSE_NOWAIT | IOCP_WORK_CLOSE_DROP))
		return -EINVAL;
	if (!a || !iocpi_pool_alive(a->bound.pool))
		return 0;
	obj = &a->bound.obj;
	gen = iocpi_obj_gen(obj);
	wait = iocpi_self.callback_id != iocpi_obj_id(obj) && !(flags & IOCP_WORK_CLOSE_NOWAIT);
	if (iocpi_bound_closing(&a->bound, wait)) {
		iocpi_armed_end(a, flags & IOCP_WORK_CLOSE_DROP);
		iocpi_bound_closed(&a->bound, gen, wait);
	}
	return 0;
}

void iocpi_armed_dispatch(struct iocpi_obj *obj, const struct iocp_packet *packet)
{
	struct iocpi_armed *a = armed_of(obj);
	uint32_t gen = packet->key >> OBJ_ID_GEN;
	uint64_t seq = packet->overlapped;
	bool current = READ_ONCE(a->seq) == seq;
	unsigned int step;

	if (packet->res == -ECANCELED)
		step = iocpi_state_ended(&obj->state, gen, seq, current);
	else
		step = iocpi_state_fired(&obj->state, gen, seq, current);
	if (step & STEP_RUN) {
		if (a->again)
			a->again(a, seq);
		iocpi_callback_begin(obj, packet->key);
		a->run(a, packet);
		step = iocpi_callback_end(obj);
	}
	if (step & STEP_DEAD)
		iocpi_obj_dead(obj);
}
