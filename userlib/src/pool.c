// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * pool.c - threads on one port.
 *
 * Every worker dequeues from the port itself, one packet at a time: a second one
 * would wait behind the first one's callback while other workers are idle.  From
 * packet to callback there is no lock and no allocation.
 *
 * Growth (A6): one spare is kept parked in the port, so that a callback that
 * blocks never waits for a thread to be made.  Whoever was the last waiter when
 * it got its packet starts the next thread before it calls back; so does whoever
 * hears that the port wants a thread, which happens after the maximum was reached
 * or a start failed.  Shrinking: a worker that got nothing for idle_ns ends, down
 * to min_threads and the spare; at that number they wait without a deadline, so an
 * idle pool sleeps for good.  The port serves the newest waiter, so it is the oldest idle
 * ones that end.  A maximum that was lowered ends busy ones too, between callbacks.
 *
 * The key of a packet is the number of the object that it is for.
 *
 * End: iocp_pool_destroy() waits for the threads; iocp_pool_close() leaves the pool
 * to its objects, and the last thread frees it.
 *
 * Locking: pool->lock covers what it says in internal.h; only starting and ending a
 * thread and changing a limit take it.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "internal.h"

#define DEFAULT_MAX_THREADS	500		/* PL-3 */
#define DEFAULT_IDLE_MS		10000		/* PL-6 */
#define BACKLOG_TURNS		16		/* then it is the turn of what waits behind */
#define NSEC_PER_MSEC		UINT64_C(1000000)
#define POOL_CLOSED		(UINT64_C(1) << 63)

bool iocpi_pool_alive(const struct iocp_pool *pool)
{
	return pool->fork_count == iocpi_fork_count;
}

/* The kernel has no memory, and some is needed to go on. */
void iocpi_pause(void)
{
	static const struct timespec delay = { .tv_nsec = 10 * NSEC_PER_MSEC };

	nanosleep(&delay, NULL);
}

static void pool_grow(struct iocp_pool *pool);

/* 0 or -errno. */
int iocpi_pool_post(struct iocp_pool *pool, uint64_t key, uint32_t flags)
{
	struct iocp_packet packet = { .key = key, .flags = flags };
	int ret = iocp_post(pool->port, &packet, 1);

	return ret < 0 ? ret : 0;
}

/* Without threads left; or of a parent process. */
static void pool_free(struct iocp_pool *pool)
{
	iocp_close(pool->port);
	pthread_cond_destroy(&pool->ended);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

/* One thread less, under the lock, which it gives back; the pool may go with it. */
static void pool_thread_gone(struct iocp_pool *pool)
{
	bool last = false;

	WRITE_ONCE(pool->nr_threads, pool->nr_threads - 1);
	if (!pool->nr_threads) {
		last = pool->unowned;
		pthread_cond_signal(&pool->ended);
	}
	pthread_mutex_unlock(&pool->lock);
	if (last)
		pool_free(pool);
}

enum retire {
	RETIRE_SURPLUS,		/* more threads than the maximum */
	RETIRE_IDLE,
	RETIRE_SHUTDOWN,
};

/* Threads that stay: a deadline for each wait would cost more than a parked spare does. */
static uint32_t pool_rest(const struct iocp_pool *pool)
{
	return READ_ONCE(pool->min_threads) + 1;
}

/* True if this worker is to end; it is not counted then any more. */
static bool pool_retire(struct iocp_pool *pool, enum retire why)
{
	bool end;

	pthread_mutex_lock(&pool->lock);
	end = why == RETIRE_SHUTDOWN || pool->nr_threads > pool->max_threads ||
	      (why == RETIRE_IDLE && !pool->keep_threads && pool->nr_threads > pool_rest(pool));
	if (!end) {
		pthread_mutex_unlock(&pool->lock);
		return false;
	}
	/* Before the count: after it the pool and its port may go. */
	iocp_detach(pool->port);
	list_del_init(&iocpi_self.call->node);
	pool_thread_gone(pool);
	return true;
}

/* From the kernel: where the ring has nothing, or others have to have their turn first. */
static __attribute__((noinline)) int pool_wait(struct iocp_pool *pool, struct iocp_packet *packet)
{
	uint64_t deadline = IOCP_FOREVER;
	struct iocp_enter e;
	int ret;

	if (unlikely(READ_ONCE(pool->backlog.bell) == BELL_MISSING)) {
		packet->key = IOCPI_BELL;
		return 1;
	}
	if (!READ_ONCE(pool->keep_threads) &&
	    READ_ONCE(pool->nr_threads) > pool_rest(pool))
		deadline = iocp_deadline_ns(pool->idle_ns);
	iocpi_enter_init(&e, NULL, 0, NULL, packet, 1, deadline, 0);
	ret = iocpi_enter(pool->port, &e);
	if (ret > 0 && e.state & (IOCP_ENTER_LAST_WAITER | IOCP_ENTER_WANT_THREAD))
		pool_grow(pool);
	return ret;
}

static __attribute__((noinline)) void pool_dispatch_any(struct iocp_pool *pool,
							struct iocpi_obj *obj,
							const struct iocp_packet *packet)
{
	uint32_t kind = packet->flags & IOCP_PKT_KIND_MASK;

	if (!obj && packet->key == IOCPI_BELL) {
		obj = iocpi_backlog_bell(pool);
		if (obj)
			iocpi_work_dispatch(obj);
		return;
	}
	switch (obj ? READ_ONCE(obj->type) : IOCPI_FREE) {
	case IOCPI_IO:
		if (kind == IOCP_PKT_KIND_IO)
			iocpi_io_dispatch(obj, packet);
		break;
	case IOCPI_WORK:
		if (kind == IOCP_PKT_KIND_POST)
			iocpi_work_dispatch(obj);
		break;
	case IOCPI_TIMER:
	case IOCPI_WAIT:
		if (kind == IOCP_PKT_KIND_TIMER || kind == IOCP_PKT_KIND_WAIT)
			iocpi_armed_dispatch(obj, packet);
		break;
	}
}

/* What is known by no number is for nobody: a stale packet, or a call to look up. */
static inline void pool_dispatch(struct iocp_pool *pool, const struct iocp_packet *packet)
{
	struct iocpi_obj *obj = iocpi_obj_any(packet->key);

	if (likely(obj && READ_ONCE(obj->type) == IOCPI_FILE))
		iocpi_tpio_dispatch(obj, packet);
	else
		pool_dispatch_any(pool, obj, packet);
}

static bool pool_backlog(struct iocp_pool *pool)
{
	struct iocpi_obj *obj = iocpi_backlog_take(pool);

	if (obj)
		iocpi_work_dispatch(obj);
	return obj;
}

static void *pool_worker(void *arg)
{
	struct iocp_pool *pool = arg;
	struct iocp_packet packet;
	struct iocpi_call call = { .packet = &packet, .thread = &iocpi_self };
	uint64_t leave = IOCPI_BELL;
	unsigned int turns = 0;
	int ret;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_setname_np(pthread_self(), "iocp-pool");
	iocpi_self.pool = pool;
	iocpi_self.call = &call;
	pthread_mutex_lock(&pool->lock);
	list_add_tail(&call.node, &pool->workers);
	pthread_mutex_unlock(&pool->lock);
	for (;;) {
		if (READ_ONCE(pool->nr_threads) > READ_ONCE(pool->max_threads) &&
		    pool_retire(pool, RETIRE_SURPLUS))
			return NULL;
		ret = iocpi_take_one(pool->port, &packet, leave);
		if (likely(ret == 1)) {
			leave = IOCPI_BELL;
			turns = 0;
			pool_dispatch(pool, &packet);
			continue;
		}
		if (ret == RING_LEFT) {
			if (!pool_backlog(pool) || ++turns >= BACKLOG_TURNS)
				leave = leave == IOCPI_BELL ? RING_LEAVE_NONE : IOCPI_BELL;
			continue;
		}
		leave = IOCPI_BELL;
		turns = 0;
		ret = pool_wait(pool, &packet);
		if (likely(ret > 0)) {
			pool_dispatch(pool, &packet);
		} else if (ret == -ETIME || ret == -ESHUTDOWN) {
			if (pool_retire(pool, ret == -ETIME ? RETIRE_IDLE : RETIRE_SHUTDOWN))
				return NULL;
		} else if (ret != -EINTR) {
			/* The kernel had no memory to let the thread wait. */
			iocpi_debug("worker: %s", strerror(-ret));
			iocpi_pause();
		}
	}
}

/* One thread more.  1; 0 the maximum is reached; or a negative errno. */
int iocpi_pool_add_thread(struct iocp_pool *pool)
{
	int ret;

	pthread_mutex_lock(&pool->lock);
	if (pool->stopping || pool->nr_threads >= pool->max_threads) {
		pthread_mutex_unlock(&pool->lock);
		return 0;
	}
	WRITE_ONCE(pool->nr_threads, pool->nr_threads + 1);
	pthread_mutex_unlock(&pool->lock);

	ret = iocpi_thread_start(pool_worker, pool, READ_ONCE(pool->stack_size));
	if (!ret)
		return 1;
	pthread_mutex_lock(&pool->lock);
	pool_thread_gone(pool);
	return ret;
}

/* Whether a thread is in no callback: it waits, or is on its way there. */
bool iocpi_pool_has_free_thread(struct iocp_pool *pool)
{
	const struct list *node;
	uint32_t busy = 0;
	bool found;

	pthread_mutex_lock(&pool->lock);
	for (node = pool->workers.next; node != &pool->workers; node = node->next) {
		const struct iocpi_call *call = container_of(node, struct iocpi_call, node);

		if (!READ_ONCE(call->thread->callback))
			break;
		busy++;
	}
	/* Those that are counted and not in the list are about to begin. */
	found = busy < pool->nr_threads;
	pthread_mutex_unlock(&pool->lock);
	return found;
}

/* A start that fails is tried again when the next last waiter gets a packet. */
static void pool_grow(struct iocp_pool *pool)
{
	int ret;

	if (READ_ONCE(pool->nr_threads) >= READ_ONCE(pool->max_threads))
		return;
	ret = iocpi_pool_add_thread(pool);
	if (ret < 0)
		iocpi_debug("no thread: %s", strerror(-ret));
}

static void pool_stop(struct iocp_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	pthread_mutex_unlock(&pool->lock);
	iocp_shutdown(pool->port, NULL);
	pthread_mutex_lock(&pool->lock);
	while (pool->nr_threads)
		pthread_cond_wait(&pool->ended, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
	pool_free(pool);
}

/* What glibc would refuse is what it can do at least. */
static size_t pool_stack_size(uint64_t size)
{
	size_t least = PTHREAD_STACK_MIN;

	return size && size < least ? least : size;
}

int iocp_pool_create(struct iocp_pool **result, const struct iocp_pool_params *params)
{
	static const struct iocp_pool_params defaults;
	struct iocp_port_params port;
	struct iocp_pool *pool;
	uint32_t i;
	int ret;

	if (!params)
		params = &defaults;
	for (i = 0; i < ARRAY_SIZE(params->resv); i++)
		if (params->resv[i])
			return -EINVAL;
	if (params->resv0)
		return -EINVAL;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	pool->min_threads = params->min_threads ? params->min_threads : 1;
	pool->max_threads = params->max_threads ? params->max_threads : DEFAULT_MAX_THREADS;
	pool->idle_ns = (params->idle_ms ? params->idle_ms : DEFAULT_IDLE_MS) * NSEC_PER_MSEC;
	pool->stack_size = pool_stack_size(params->stack_size);
	pool->fork_count = iocpi_fork_count;
	list_init(&pool->workers);
	if (pool->min_threads > pool->max_threads || pool->max_threads > STATE_RUNNING_MAX) {
		free(pool);
		return -EINVAL;
	}
	/* As many as there can be: work objects, each with one packet; timers and waits. */
	port = params->port;
	if (!port.max_posted)
		port.max_posted = UINT32_MAX;
	if (!port.max_inflight)
		port.max_inflight = UINT32_MAX;
	ret = iocp_open(&pool->port, &port);
	if (ret) {
		free(pool);
		return ret;
	}
	pool->port->end_in_child = true;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->ended, NULL);
	for (i = 0; i < pool->min_threads; i++) {
		ret = iocpi_pool_add_thread(pool);
		if (ret < 0) {
			pool_stop(pool);
			return ret;
		}
	}
	*result = pool;
	return 0;
}

/* A copy of the parent's: its lock and threads mean nothing here. */
static int pool_forget(struct iocp_pool *pool)
{
	iocp_close(pool->port);
	free(pool);
	return 0;
}

int iocp_pool_destroy(struct iocp_pool *pool)
{
	if (!pool)
		return 0;
	if (!iocpi_pool_alive(pool))
		return pool_forget(pool);
	if (iocpi_self.pool == pool)
		return -EDEADLK;
	if (load_acquire(&pool->users))
		return -EBUSY;
	pool_stop(pool);
	return 0;
}

/* False: it is idle, or of another pool.  True: it was not, look at all again. */
static bool pool_wait_for(struct iocp_pool *pool, struct iocpi_obj *obj)
{
	struct iocpi_bound *b = container_of(obj, struct iocpi_bound, obj);
	uint64_t word = load_acquire(&obj->word);
	uint32_t type = READ_ONCE(obj->type);
	bool busy;

	switch (type) {
	case IOCPI_IO:
	case IOCPI_WORK:
	case IOCPI_TIMER:
	case IOCPI_WAIT:
		break;
	default:
		return false;
	}
	if (!(word & OBJ_REFS))
		return false;
	/* If the word is the same, so is the object, and that was its type. */
	if (!__atomic_compare_exchange_n(&obj->word, &word, word + OBJ_USER, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return true;
	if (b->pool != pool)
		busy = false;
	else if (type == IOCPI_TIMER || type == IOCPI_WAIT)
		busy = iocpi_armed_wait(armed_of(obj));
	else
		busy = iocpi_state_wait(&obj->state, iocpi_obj_gen(obj));
	iocpi_bound_put(b, OBJ_USER);
	return busy;
}

int iocp_pool_drain(struct iocp_pool *pool)
{
	struct iocpi_obj *obj;
	uint32_t pos;
	bool busy;

	if (!iocpi_pool_alive(pool))
		return -ESHUTDOWN;
	if (iocpi_self.pool == pool)
		return -EDEADLK;
	do {
		busy = false;
		pos = 0;
		while ((obj = iocpi_obj_next(&pos)))
			busy |= pool_wait_for(pool, obj);
	} while (busy);
	return 0;
}

int iocp_pool_stats(struct iocp_pool *pool, struct iocp_stats *stats)
{
	if (!iocpi_pool_alive(pool))
		return -ESHUTDOWN;
	return iocp_stats(pool->port, stats);
}

/* Closed and without objects: its threads end, and the last one frees it. */
static void pool_end(struct iocp_pool *pool)
{
	struct iocp_port *port = pool->port;

	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	pool->unowned = true;
	pthread_mutex_unlock(&pool->lock);
	/* Threads are still there: they leave when they hear of this. */
	iocp_shutdown(port, NULL);
}

int iocp_pool_close(struct iocp_pool *pool)
{
	if (!pool)
		return 0;
	if (!iocpi_pool_alive(pool))
		return pool_forget(pool);
	if (!__atomic_fetch_or(&pool->users, POOL_CLOSED, __ATOMIC_ACQ_REL))
		pool_end(pool);
	return 0;
}

void iocpi_pool_bind(struct iocp_pool *pool)
{
	__atomic_add_fetch(&pool->users, 1, __ATOMIC_RELAXED);
}

void iocpi_pool_unbind(struct iocp_pool *pool)
{
	if (__atomic_sub_fetch(&pool->users, 1, __ATOMIC_ACQ_REL) == POOL_CLOSED)
		pool_end(pool);
}

void iocpi_pool_keep_threads(struct iocp_pool *pool)
{
	WRITE_ONCE(pool->keep_threads, true);
}

/* Wakes that many threads, to look whether they are too many. */
static void pool_wake(struct iocp_pool *pool, uint32_t nr)
{
	static const struct iocp_packet look = {
		.flags = IOCP_PRIO_HIGH << IOCP_PKT_PRIO_SHIFT,
	};

	while (nr-- && iocp_post(pool->port, &look, 1) > 0)
		;
}

int iocp_pool_set_limits(struct iocp_pool *pool, uint32_t min_threads, uint32_t max_threads)
{
	uint32_t surplus = 0;
	bool was_full;
	int ret = 0;

	if (!iocpi_pool_alive(pool))
		return -ESHUTDOWN;
	if (min_threads > STATE_RUNNING_MAX || max_threads > STATE_RUNNING_MAX ||
	    (max_threads && min_threads > max_threads))
		return -EINVAL;
	pthread_mutex_lock(&pool->lock);
	if (!min_threads)
		min_threads = pool->min_threads;
	if (!max_threads)
		max_threads = pool->max_threads > min_threads ? pool->max_threads : min_threads;
	was_full = pool->nr_threads >= pool->max_threads;
	WRITE_ONCE(pool->max_threads, max_threads);
	WRITE_ONCE(pool->min_threads, min_threads < max_threads ? min_threads : max_threads);
	if (pool->nr_threads > max_threads)
		surplus = pool->nr_threads - max_threads;
	pthread_mutex_unlock(&pool->lock);
	pool_wake(pool, surplus);
	/* At the old maximum there was no spare, and nobody may be left to start one. */
	if (was_full)
		ret = iocpi_pool_add_thread(pool);
	while (ret >= 0 && READ_ONCE(pool->nr_threads) < READ_ONCE(pool->min_threads))
		ret = iocpi_pool_add_thread(pool);
	return ret < 0 ? ret : 0;
}

int iocp_pool_set_stack_size(struct iocp_pool *pool, uint64_t stack_size)
{
	if (!iocpi_pool_alive(pool))
		return -ESHUTDOWN;
	WRITE_ONCE(pool->stack_size, pool_stack_size(stack_size));
	return 0;
}
