// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pool of threads around a queue with a mutex and a condition variable.
 */
#include "bench.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static struct queue queue;
static bool stopping;

static void *worker(void *arg)
{
	struct request *r;

	(void)arg;
	for (;;) {
		pthread_mutex_lock(&lock);
		while (!(r = queue_take(&queue)) && !stopping)
			pthread_cond_wait(&more, &lock);
		pthread_mutex_unlock(&lock);
		if (!r)
			return NULL;
		request_run(r);
	}
}

static void threads_start(unsigned int threads)
{
	start_threads(threads, worker);
}

static void threads_submit(struct request *r)
{
	pthread_mutex_lock(&lock);
	queue_put(&queue, r);
	pthread_mutex_unlock(&lock);
	pthread_cond_signal(&more);
}

static void threads_stop(void)
{
	pthread_mutex_lock(&lock);
	stopping = true;
	pthread_mutex_unlock(&lock);
	pthread_cond_broadcast(&more);
	join_threads();
}

const struct engine engine_threads = {
	.start = threads_start,
	.submit = threads_submit,
	.stop = threads_stop,
};
