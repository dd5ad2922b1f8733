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
 * to min_threads; at that number they wait without a deadline, so an idle pool
 * sleeps for good.  The port serves the newest waiter, so it is the oldest idle
 * ones that end.
 *
 * Locking: pool->lock covers the counts; only starting, ending and binding take
 * it.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "internal.h"

#define DEFAULT_MAX_THREADS	500		/* PL-3 */
#define DEFAULT_IDLE_MS		10000		/* PL-6 */
#define NSEC_PER_MSEC		UINT64_C(1000000)

bool iocpi_pool_alive(const struct iocp_pool *pool)
{
	return pool->fork_count == iocpi_fork_count;
}

static void pool_grow(struct iocp_pool *pool);

/* True if this worker is to end; it is not counted then any more. */
static bool pool_retire(struct iocp_pool *pool, bool shutdown)
{
	bool end;

	pthread_mutex_lock(&pool->lock);
	end = shutdown || pool->nr_threads > pool->min_threads;
	if (end) {
		/* Before the count: after it the pool and its port may go. */
		iocp_detach(pool->port);
		WRITE_ONCE(pool->nr_threads, pool->nr_threads - 1);
		if (!pool->nr_threads)
			pthread_cond_signal(&pool->ended);
	}
	pthread_mutex_unlock(&pool->lock);
	return end;
}

static int pool_next(struct iocp_pool *pool, struct iocp_packet *packet)
{
	struct iocp_enter e = { .nr_packets = 1, .deadline = IOCP_FOREVER };
	int ret;

	if (iocpi_take_active(pool->port, packet, 1) == 1)
		return 1;
	e.packets = (uintptr_t)packet;
	if (READ_ONCE(pool->nr_threads) > pool->min_threads)
		e.deadline = iocp_deadline_ns(pool->idle_ns);
	ret = iocp_enter(pool->port, &e);
	if (ret > 0 && e.state & (IOCP_ENTER_LAST_WAITER | IOCP_ENTER_WANT_THREAD))
		pool_grow(pool);
	return ret;
}

static void *pool_worker(void *arg)
{
	static const struct timespec no_memory_delay = { .tv_nsec = 10 * NSEC_PER_MSEC };
	struct iocp_pool *pool = arg;
	struct iocp_packet packet;
	int ret;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_setname_np(pthread_self(), "iocp-pool");
	iocpi_self.pool = pool;
	for (;;) {
		ret = pool_next(pool, &packet);
		if (likely(ret > 0)) {
			pool->dispatch(&packet);
		} else if (ret == -ETIME || ret == -ESHUTDOWN) {
			if (pool_retire(pool, ret == -ESHUTDOWN))
				return NULL;
		} else if (ret != -EINTR) {
			/* The kernel had no memory to let the thread wait. */
			iocpi_debug("worker: %s", strerror(-ret));
			nanosleep(&no_memory_delay, NULL);
		}
	}
}

/* Signals of the program are for its own threads (B14). */
static int pool_start_thread(struct iocp_pool *pool)
{
	static const int synchronous[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };
	sigset_t block, saved;
	pthread_attr_t attr;
	pthread_t thread;
	size_t i;
	int ret;

	sigfillset(&block);
	for (i = 0; i < ARRAY_SIZE(synchronous); i++)
		sigdelset(&block, synchronous[i]);
	ret = pthread_attr_init(&attr);
	if (ret)
		return -ret;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pool->stack_size)
		ret = pthread_attr_setstacksize(&attr, pool->stack_size);
	if (!ret) {
		pthread_sigmask(SIG_SETMASK, &block, &saved);
		ret = pthread_create(&thread, &attr, pool_worker, pool);
		pthread_sigmask(SIG_SETMASK, &saved, NULL);
	}
	pthread_attr_destroy(&attr);
	return -ret;
}

/* One thread more, if it may be; a negative errno if it could not be started. */
static int pool_add_thread(struct iocp_pool *pool)
{
	int ret = 0;

	pthread_mutex_lock(&pool->lock);
	if (pool->stopping || pool->nr_threads >= pool->max_threads) {
		pthread_mutex_unlock(&pool->lock);
		return 0;
	}
	WRITE_ONCE(pool->nr_threads, pool->nr_threads + 1);
	pthread_mutex_unlock(&pool->lock);

	ret = pool_start_thread(pool);
	if (ret) {
		pthread_mutex_lock(&pool->lock);
		WRITE_ONCE(pool->nr_threads, pool->nr_threads - 1);
		if (!pool->nr_threads)
			pthread_cond_signal(&pool->ended);
		pthread_mutex_unlock(&pool->lock);
	}
	return ret;
}

/* A start that fails is tried again when the next last waiter gets a packet. */
static void pool_grow(struct iocp_pool *pool)
{
	int ret;

	if (READ_ONCE(pool->nr_threads) >= pool->max_threads)
		return;
	ret = pool_add_thread(pool);
	if (ret)
		iocpi_debug("no thread: %s", strerror(-ret));
}

/* Without threads left; or of a parent process. */
static void pool_free(struct iocp_pool *pool)
{
	iocp_close(pool->port);
	pthread_cond_destroy(&pool->ended);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
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

int iocpi_pool_create(struct iocp_pool **result, const struct iocp_pool_params *params,
		      void (*dispatch)(const struct iocp_packet *packet))
{
	static const struct iocp_pool_params defaults;
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
	pool->dispatch = dispatch;
	pool->min_threads = params->min_threads ? params->min_threads : 1;
	pool->max_threads = params->max_threads ? params->max_threads : DEFAULT_MAX_THREADS;
	pool->idle_ns = (params->idle_ms ? params->idle_ms : DEFAULT_IDLE_MS) * NSEC_PER_MSEC;
	pool->stack_size = params->stack_size;
	pool->fork_count = iocpi_fork_count;
	if (pool->min_threads > pool->max_threads || pool->max_threads > STATE_RUNNING_MAX) {
		free(pool);
		return -EINVAL;
	}
	ret = iocp_open(&pool->port, &params->port);
	if (ret) {
		free(pool);
		return ret;
	}
	pool->port->end_in_child = true;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->ended, NULL);
	for (i = 0; i < pool->min_threads; i++) {
		ret = pool_add_thread(pool);
		if (ret) {
			pool_stop(pool);
			return ret;
		}
	}
	*result = pool;
	return 0;
}

int iocp_pool_create(struct iocp_pool **pool, const struct iocp_pool_params *params)
{
	return iocpi_pool_create(pool, params, iocpi_io_dispatch);
}

int iocp_pool_destroy(struct iocp_pool *pool)
{
	bool busy;

	if (!pool)
		return 0;
	if (!iocpi_pool_alive(pool)) {
		/* A copy of the parent's: its lock and threads mean nothing here. */
		iocp_close(pool->port);
		free(pool);
		return 0;
	}
	if (iocpi_self.pool == pool)
		return -EDEADLK;
	pthread_mutex_lock(&pool->lock);
	busy = pool->nr_users;
	pthread_mutex_unlock(&pool->lock);
	if (busy)
		return -EBUSY;
	pool_stop(pool);
	return 0;
}

int iocp_pool_stats(struct iocp_pool *pool, struct iocp_stats *stats)
{
	if (!iocpi_pool_alive(pool))
		return -ESHUTDOWN;
	return iocp_stats(pool->port, stats);
}

void iocpi_pool_bind(struct iocp_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->nr_users++;
	pthread_mutex_unlock(&pool->lock);
}

void iocpi_pool_unbind(struct iocp_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->nr_users--;
	pthread_mutex_unlock(&pool->lock);
}
