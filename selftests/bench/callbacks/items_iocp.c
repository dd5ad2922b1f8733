// SPDX-License-Identifier: GPL-2.0-only
/* A pool of the library with its defaults; a work object for each item. */
#include <iocp.h>
#include <pthread.h>
#include <stdlib.h>

#include "items.h"

static struct iocp_pool *pool;
static struct iocp_work *works[MAX_PRODUCERS * MAX_BURST];

static void on_work(struct iocp_work *work, void *context)
{
	(void)work;
	item_run((uintptr_t)context);
}

static void start_pool(void)
{
	check(!iocp_pool_create(&pool, NULL), "iocp_pool_create");
}

void engine_start(unsigned int producer)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	unsigned int i;

	pthread_once(&once, start_pool);
	for (i = 0; i < burst; i++) {
		uintptr_t id = item_id(producer, i);

		check(!iocp_work_create(&works[id], pool, IOCP_PRIO_NORMAL, on_work, (void *)id),
		      "iocp_work_create");
	}
}

void engine_submit(unsigned int producer, unsigned int i)
{
	iocp_work_submit(works[item_id(producer, i)]);
}

bool engine_wait(unsigned int producer)
{
	(void)producer;
	return false;
}
