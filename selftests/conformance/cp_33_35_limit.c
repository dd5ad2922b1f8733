// SPDX-License-Identifier: GPL-2.0-only
/* With a concurrency value of 1 one thread runs, and goes on with what is queued. */
#include "worker.h"

int main(void)
{
	HANDLE port = new_port(1);
	struct worker w[2];
	int i;

	for (i = 0; i < 2; i++) {
		start_worker(&w[i], port);
		tell(&w[i], TAKE, i ? LONG_TIME : patience());
		settle(&w[i]);
	}
	PostQueuedCompletionStatus(port, 0, 1, NULL);
	if (on_wine())		/* serves the other one, and the limit is no limit */
		PostQueuedCompletionStatus(port, 0, 1, NULL);
	CHECK("CP-33", "the first packet: one thread runs", did(&w[1]));
	PostQueuedCompletionStatus(port, 0, 2, NULL);
	WINDOWS("CP-33", "the second packet: the other waits, for one runs", still_waits(&w[0]));
	tell(&w[1], TAKE, patience());
	CHECK("CP-35", "the one that runs asks", did(&w[1]));
	WINDOWS_IS("CP-35", "and takes the packet", w[1].answer.key, 2);
	WINDOWS("CP-35", "the other one waits on", still_waits(&w[0]));
	tell(&w[1], TAKE, patience());
	settle(&w[1]);
	PostQueuedCompletionStatus(port, 0, 3, NULL);
	CHECK("CP-23", "both wait, a packet: the newest gets it", did(&w[1]));
	WINDOWS_IS("CP-33", "which is", w[1].answer.key, 3);
	PostQueuedCompletionStatus(port, 0, 4, NULL);
	tell(&w[1], LEAVE, 0);
	CHECK("CP-39", "it ends, the other one gets what is queued", did(&w[0]));
	WINDOWS_IS("CP-39", "which is", w[0].answer.key, 4);
	NEED(WaitForSingleObject(w[1].thread, LONG_TIME) == WAIT_OBJECT_0);
	end_worker(&w[0]);
	CloseHandle(port);
	return conform_end();
}
