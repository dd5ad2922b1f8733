// SPDX-License-Identifier: GPL-2.0-only
/*
 * uv_queue_work(), which only the thread of a loop may call: each producer has its loop, all
 * loops share the pool.  What has run goes back through the loop, so that is what is waited for.
 */
#include <stdint.h>
#include <uv.h>

#include "items.h"

static uv_loop_t loops[MAX_PRODUCERS];
static uv_work_t requests[MAX_PRODUCERS * MAX_BURST];

static void on_work(uv_work_t *request)
{
	item_run(request - requests);
}

void engine_start(unsigned int producer)
{
	check(!uv_loop_init(&loops[producer]), "uv_loop_init");
}

void engine_submit(unsigned int producer, unsigned int i)
{
	check(!uv_queue_work(&loops[producer], &requests[item_id(producer, i)], on_work, NULL),
	      "uv_queue_work");
}

bool engine_wait(unsigned int producer)
{
	uv_run(&loops[producer], UV_RUN_DEFAULT);
	return true;
}
