// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * backlog.c - work of normal priority that waits for its pool.
 *
 * A packet for each submit would be a system call for each.  So work waits in a list of its
 * pool, and one packet in the port, the bell, stands for all of it: the port decides when
 * it is its turn, and who runs it, as with any other packet.  Work of other priorities has
 * packets of its own, as the port is what knows their order.
 *
 * A worker that finds the bell in the ring leaves it there and takes from the list; so while
 * the list is not empty, a thread that is released because this one blocks finds the bell.
 * One that takes the bell rings again if work is left, before it calls back.
 *
 * The list is two: "in", newest first, which submits push to, and "out", oldest first,
 * which workers take from; who finds the latter empty turns the former round.  Objects are
 * known by index: slots are never unmapped, so that a late look at one that is gone does no
 * harm, and a tag makes the CAS fail that follows from it.
 *
 * No bell is lost: who puts work in any list looks at b->bell afterwards, who takes the bell
 * clears that and then looks at the lists.
 */
#include "internal.h"

/* Without room in the port there are packets in it, so a worker will come by. */
static void backlog_ring(struct iocp_pool *pool)
{
	uint32_t *bell = &pool->backlog.bell, state = BELL_NONE;
	int ret;

	if (__atomic_load_n(bell, __ATOMIC_SEQ_CST) != BELL_NONE ||
	    !__atomic_compare_exchange_n(bell, &state, BELL_RUNG, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_RELAXED))
		return;
	while ((ret = iocpi_pool_post(pool, IOCPI_BELL, 0)) == -ENOMEM)
		iocpi_pause();
	if (likely(ret != -EAGAIN))
		return;
	/* Again: the last worker may have come by before it could see this. */
	state = BELL_MISSING;
	__atomic_store_n(bell, BELL_MISSING, __ATOMIC_SEQ_CST);
	if (!iocpi_pool_post(pool, IOCPI_BELL, 0))
		__atomic_compare_exchange_n(bell, &state, BELL_RUNG, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED);
}

void iocpi_backlog_put(struct iocp_pool *pool, struct iocpi_obj *obj)
{
	struct iocpi_backlog *b = &pool->backlog;
	uint32_t first = READ_ONCE(b->in);

	do {
		WRITE_ONCE(obj->next_work, first);
	} while (!__atomic_compare_exchange_n(&b->in, &first, obj->index, true, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	backlog_ring(pool);
}

static bool out_cas(struct iocpi_backlog *b, uint64_t *from, uint32_t first)
{
	uint64_t tag = (*from >> 32) + 1;

	return __atomic_compare_exchange_n(&b->out, from, tag << 32 | first, true,
					   __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE);
}

/* Takes the oldest of "in"; the others are in front of "out" then. */
static struct iocpi_obj *backlog_turn(struct iocp_pool *pool)
{
	struct iocpi_backlog *b = &pool->backlog;
	uint32_t newest, index, oldest = 0, rest;
	struct iocpi_obj *obj;
	uint64_t out;

	if (!__atomic_load_n(&b->in, __ATOMIC_SEQ_CST))
		return NULL;
	newest = __atomic_exchange_n(&b->in, 0, __ATOMIC_ACQ_REL);
	for (index = newest; index; index = rest) {
		obj = iocpi_obj_at(index);
		rest = READ_ONCE(obj->next_work);
		WRITE_ONCE(obj->next_work, oldest);
		oldest = index;
	}
	if (!oldest)
		return NULL;
	obj = iocpi_obj_at(oldest);
	rest = READ_ONCE(obj->next_work);
	if (rest) {
		out = READ_ONCE(b->out);
		do {
			WRITE_ONCE(iocpi_obj_at(newest)->next_work, (uint32_t)out);
		} while (!out_cas(b, &out, rest));
		backlog_ring(pool);
	}
	return obj;
}

/* The oldest, or NULL. */
struct iocpi_obj *iocpi_backlog_take(struct iocp_pool *pool)
{
	struct iocpi_backlog *b = &pool->backlog;
	uint64_t out = __atomic_load_n(&b->out, __ATOMIC_SEQ_CST);
	struct iocpi_obj *obj;

	do {
		if (!(uint32_t)out)
			return backlog_turn(pool);
		obj = iocpi_obj_at(out);
	} while (!out_cas(b, &out, READ_ONCE(obj->next_work)));
	return obj;
}

/* The same for who has taken the bell. */
struct iocpi_obj *iocpi_backlog_bell(struct iocp_pool *pool)
{
	struct iocpi_backlog *b = &pool->backlog;
	struct iocpi_obj *obj;

	__atomic_exchange_n(&b->bell, BELL_NONE, __ATOMIC_SEQ_CST);
	obj = iocpi_backlog_take(pool);
	/* SEQ_CST: not before the bell is seen cleared by who puts more in. */
	if (obj && ((uint32_t)__atomic_load_n(&b->out, __ATOMIC_SEQ_CST) ||
		    __atomic_load_n(&b->in, __ATOMIC_SEQ_CST)))
		backlog_ring(pool);
	return obj;
}
