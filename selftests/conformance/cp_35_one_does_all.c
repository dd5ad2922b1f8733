// SPDX-License-Identifier: GPL-2.0-only
/* A thread that keeps asking keeps running; the others stay asleep. */
#include "worker.h"

int main(void)
{
	HANDLE port = new_port(1);
	struct worker w[3];
	int i;

	for (i = 0; i < 3; i++)
		start_worker(&w[i], port);
	for (i = 0; i < 100; i++)
		PostQueuedCompletionStatus(port, 0, i, NULL);
	tell(&w[0], TAKE, LONG_TIME);
	CHECK("CP-35", "one runs", did(&w[0]));
	IS("CP-21", "with the oldest", w[0].answer.key, 0);
	for (i = 1; i < 3; i++) {
		tell(&w[i], TAKE, 5 * LONG_TIME);
		settle(&w[i]);
	}
	WINDOWS("CP-37", "another asks, though 99 are there: it waits", still_waits(&w[1]));
	WINDOWS("CP-37", "and another", w[2].todo == TAKE);
	tell(&w[0], DRAIN, 0);
	CHECK("CP-35", "the first takes all that it gets", did(&w[0]));
	WINDOWS_IS("CP-35", "which is so many", w[0].taken, 99);
	WINDOWS("CP-35", "the others still wait", still_waits(&w[1]) && w[2].todo == TAKE);
	for (i = 0; i < 2; i++)
		PostQueuedCompletionStatus(port, 0, i, NULL);
	tell(&w[0], LEAVE, 0);
	CHECK("CP-39", "it ends: one of them runs", did(&w[2]));
	tell(&w[2], LEAVE, 0);
	CHECK("CP-39", "it ends: the last one runs", did(&w[1]));
	end_worker(&w[1]);
	CloseHandle(port);
	return conform_end();
}
