// SPDX-License-Identifier: GPL-2.0-only
/*
 * libuv's thread pool.  Only the loop's thread may queue work: the load hands it
 * requests as other threads do, by an async handle.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "bench.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct queue queue;
static bool stopping;
static uv_loop_t loop;
static uv_async_t async;

static void work(uv_work_t *w)
{
	if (w->data)
		request_run(w->data);
}

static void after_work(uv_work_t *w, int status)
{
	(void)status;
	free(w);
}

static void queue_work(struct request *r)
{
	uv_work_t *w = malloc(sizeof(*w));

	if (!w)
		check(-ENOMEM, "uv_work_t");
	w->data = r;
	check(uv_queue_work(&loop, w, work, after_work), "uv_queue_work");
}

static void requests_came(uv_async_t *handle)
{
	struct request *r;

	do {
		pthread_mutex_lock(&lock);
		r = queue_take(&queue);
		if (!r && stopping)
			uv_close((uv_handle_t *)handle, NULL);
		pthread_mutex_unlock(&lock);
		if (r)
			queue_work(r);
	} while (r);
}

static void *run_loop(void *arg)
{
	(void)arg;
	uv_run(&loop, UV_RUN_DEFAULT);
	check(uv_loop_close(&loop), "uv_loop_close");
	return NULL;
}

static void libuv_start(unsigned int threads)
{
	char size[16];

	if (threads) {
		snprintf(size, sizeof(size), "%u", threads);
		setenv("UV_THREADPOOL_SIZE", size, 1);
	}
	check(uv_loop_init(&loop), "uv_loop_init");
	check(uv_async_init(&loop, &async, requests_came), "uv_async_init");
	/* The first piece of work starts the pool. */
	queue_work(NULL);
	start_threads(1, run_loop);
}

static void libuv_submit(struct request *r)
{
	pthread_mutex_lock(&lock);
	queue_put(&queue, r);
	pthread_mutex_unlock(&lock);
	check(uv_async_send(&async), "uv_async_send");
}

static void libuv_stop(void)
{
	pthread_mutex_lock(&lock);
	stopping = true;
	pthread_mutex_unlock(&lock);
	check(uv_async_send(&async), "uv_async_send");
	join_threads();
	uv_library_shutdown();
}

const struct engine engine_libuv = {
	.start = libuv_start,
	.submit = libuv_submit,
	.stop = libuv_stop,
};
