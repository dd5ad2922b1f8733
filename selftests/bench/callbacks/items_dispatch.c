// SPDX-License-Identifier: GPL-2.0-only
/*
 * dispatch_async_f() on the global concurrent queue.  Debian packages the library with Swift,
 * without its headers: so the two functions are declared here.
 */
#include <stdint.h>

#include "items.h"

typedef struct dispatch_queue_s *dispatch_queue_t;
dispatch_queue_t dispatch_get_global_queue(intptr_t identifier, uintptr_t flags);
void dispatch_async_f(dispatch_queue_t queue, void *context, void (*work)(void *context));

static void on_item(void *context)
{
	item_run((uintptr_t)context);
}

void engine_start(unsigned int producer)
{
	(void)producer;
}

void engine_submit(unsigned int producer, unsigned int i)
{
	dispatch_async_f(dispatch_get_global_queue(0, 0), (void *)(uintptr_t)item_id(producer, i),
			 on_item);
}

bool engine_wait(unsigned int producer)
{
	(void)producer;
	return false;
}
