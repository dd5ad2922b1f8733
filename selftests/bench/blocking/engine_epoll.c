// SPDX-License-Identifier: GPL-2.0-only
/*
 * A queue whose length an eventfd tells; the threads wait for it with epoll.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct queue queue;
static unsigned int nr_threads;
static int epoll, event;

/* A token without a request means that it is over. */
static void *worker(void *arg)
{
	struct epoll_event e;
	struct request *r;
	uint64_t token;

	(void)arg;
	for (;;) {
		if (epoll_wait(epoll, &e, 1, -1) != 1)
			continue;
		if (read(event, &token, sizeof(token)) != sizeof(token))
			continue;	/* another thread was faster */
		pthread_mutex_lock(&lock);
		r = queue_take(&queue);
		pthread_mutex_unlock(&lock);
		if (!r)
			return NULL;
		request_run(r);
	}
}

static void epoll_start(unsigned int threads)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLEXCLUSIVE };

	event = check_errno(eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK), "eventfd");
	epoll = check_errno(epoll_create1(0), "epoll_create1");
	check_errno(epoll_ctl(epoll, EPOLL_CTL_ADD, event, &e), "epoll_ctl");
	nr_threads = threads;
	start_threads(threads, worker);
}

static void epoll_submit(struct request *r)
{
	pthread_mutex_lock(&lock);
	queue_put(&queue, r);
	pthread_mutex_unlock(&lock);
	check_errno(eventfd_write(event, 1), "eventfd_write");
}

static void epoll_stop(void)
{
	check_errno(eventfd_write(event, nr_threads), "eventfd_write");
	join_threads();
}

const struct engine engine_epoll = {
	.start = epoll_start,
	.submit = epoll_submit,
	.stop = epoll_stop,
};
