// SPDX-License-Identifier: GPL-2.0-only
/* SubmitThreadpoolWork() in the default pool; a work object for each item. */
#include <stdint.h>

#include <windows.h>

#include "items.h"

static PTP_WORK works[MAX_PRODUCERS * MAX_BURST];

static VOID CALLBACK on_work(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)instance;
	(void)work;
	item_run((uintptr_t)context);
}

void engine_start(unsigned int producer)
{
	unsigned int i;

	for (i = 0; i < burst; i++) {
		uintptr_t id = item_id(producer, i);

		works[id] = CreateThreadpoolWork(on_work, (PVOID)id, NULL);
		check(works[id], "CreateThreadpoolWork");
	}
}

void engine_submit(unsigned int producer, unsigned int i)
{
	SubmitThreadpoolWork(works[item_id(producer, i)]);
}

bool engine_wait(unsigned int producer)
{
	(void)producer;
	return false;
}
