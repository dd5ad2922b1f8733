// SPDX-License-Identifier: GPL-2.0-only
/*
 * io_uring, by liburing, in two ways: a ring for each thread, to which the load
 * sends requests in turn (MSG_RING); and one ring for all of them, on which the
 * load submits NOPs and the threads wait under a mutex.
 */
#include <liburing.h>
#include <stdlib.h>

#include "bench.h"

#define SQ_ENTRIES	64
#define CQ_ENTRIES	16384		/* what may wait while all threads block */

static struct io_uring load_ring;	/* the load's; or the one that all share */
static struct io_uring *rings;		/* one for each thread */
static unsigned int nr_threads, next;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void make_ring(struct io_uring *ring)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_CQSIZE, .cq_entries = CQ_ENTRIES,
	};

	check(io_uring_queue_init_params(SQ_ENTRIES, ring, &p), "io_uring_queue_init");
}

/* The request that the next completion is for; NULL: it is over. */
static struct request *next_request(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	struct request *r;
	int ret;

	do {
		ret = io_uring_wait_cqe(ring, &cqe);
	} while (ret == -EINTR);
	check(ret, "io_uring_wait_cqe");
	r = io_uring_cqe_get_data(cqe);
	io_uring_cqe_seen(ring, cqe);
	return r;
}

static struct io_uring_sqe *get_sqe(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&load_ring);

	if (!sqe)
		check(-EBUSY, "io_uring_get_sqe");
	return sqe;
}

static void *each_worker(void *arg)
{
	struct io_uring *ring = &rings[__atomic_fetch_add(&next, 1, __ATOMIC_RELAXED)];
	struct request *r;

	(void)arg;
	while ((r = next_request(ring)))
		request_run(r);
	return NULL;
}

static void each_start(unsigned int threads)
{
	unsigned int i;

	make_ring(&load_ring);
	nr_threads = threads;
	rings = calloc(threads, sizeof(*rings));
	if (!rings)
		check(-ENOMEM, "rings");
	for (i = 0; i < threads; i++)
		make_ring(&rings[i]);
	start_threads(threads, each_worker);
}

static void each_submit(struct request *r)
{
	static unsigned int turn;
	struct io_uring_sqe *sqe = get_sqe();
	struct io_uring_cqe *cqe;

	io_uring_prep_msg_ring(sqe, rings[turn++ % nr_threads].ring_fd, 0, (uintptr_t)r, 0);
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	check(io_uring_submit(&load_ring), "io_uring_submit");
	if (!io_uring_peek_cqe(&load_ring, &cqe))
		check(cqe->res, "MSG_RING");
}

static void each_stop(void)
{
	unsigned int i;

	for (i = 0; i < nr_threads; i++)
		each_submit(NULL);
	join_threads();
	for (i = 0; i < nr_threads; i++)
		io_uring_queue_exit(&rings[i]);
	io_uring_queue_exit(&load_ring);
}

static void *shared_worker(void *arg)
{
	struct request *r;

	(void)arg;
	for (;;) {
		pthread_mutex_lock(&lock);
		r = next_request(&load_ring);
		pthread_mutex_unlock(&lock);
		if (!r)
			return NULL;
		request_run(r);
	}
}

static void shared_start(unsigned int threads)
{
	make_ring(&load_ring);
	nr_threads = threads;
	start_threads(threads, shared_worker);
}

/* The load alone submits, and that half of the ring has nothing to do with the other. */
static void shared_submit(struct request *r)
{
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data(sqe, r);
	check(io_uring_submit(&load_ring), "io_uring_submit");
}

static void shared_stop(void)
{
	unsigned int i;

	for (i = 0; i < nr_threads; i++)
		shared_submit(NULL);
	join_threads();
	io_uring_queue_exit(&load_ring);
}

const struct engine engine_uring_each = {
	.start = each_start,
	.submit = each_submit,
	.stop = each_stop,
};

const struct engine engine_uring_shared = {
	.start = shared_start,
	.submit = shared_submit,
	.stop = shared_stop,
};
