// SPDX-License-Identifier: GPL-2.0-only
/* A thread with a batch of packets counts as one. */
#include "worker.h"

int main(void)
{
	HANDLE port = new_port(2);
	struct worker w[3];
	int i;

	for (i = 0; i < 3; i++)
		start_worker(&w[i], port);
	for (i = 0; i < 3; i++)
		PostQueuedCompletionStatus(port, 0, i, NULL);
	tell(&w[0], TAKE_BATCH, LONG_TIME);
	CHECK("CP-52", "one takes", did(&w[0]) && w[0].ok);
	IS("CP-52", "so many", w[0].taken, 3);
	tell(&w[1], TAKE, LONG_TIME);
	settle(&w[1]);
	PostQueuedCompletionStatus(port, 0, 4, NULL);
	CHECK("CP-57", "two may run: a second one does", did(&w[1]));
	IS("CP-57", "with", w[1].answer.key, 4);
	tell(&w[2], TAKE, LONG_TIME);
	settle(&w[2]);
	PostQueuedCompletionStatus(port, 0, 5, NULL);
	WINDOWS("CP-33", "a third one waits", still_waits(&w[2]));
	tell(&w[0], BLOCK, 0);
	CHECK("CP-57", "the one with the batch blocks: the third one runs", did(&w[2]));
	SetEvent(w[0].wake);

	/* One blocks in the call for a batch and is handed one packet. */
	for (i = 1; i < 3; i++)
		end_worker(&w[i]);
	NEED(did(&w[0]));
	tell(&w[0], TAKE_BATCH, LONG_TIME);
	settle(&w[0]);
	PostQueuedCompletionStatus(port, 0, 6, NULL);
	CHECK("CP-52", "one that waits for a batch is served", did(&w[0]) && w[0].ok);
	IS("CP-52", "with", w[0].taken, 1);
	end_worker(&w[0]);
	CloseHandle(port);
	return conform_end();
}
