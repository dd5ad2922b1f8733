// SPDX-License-Identifier: GPL-2.0-only
/* A thread that blocks does not count: another one is released in its place. */
#include "worker.h"

int main(void)
{
	HANDLE port = new_port(1);
	struct worker w[2];
	int i;

	for (i = 0; i < 2; i++)
		start_worker(&w[i], port);
	PostQueuedCompletionStatus(port, 0, 1, NULL);
	tell(&w[0], TAKE, LONG_TIME);
	CHECK("CP-35", "one thread runs", did(&w[0]) && w[0].answer.key == 1);
	tell(&w[1], TAKE, LONG_TIME);
	settle(&w[1]);
	PostQueuedCompletionStatus(port, 0, 2, NULL);
	WINDOWS("CP-33", "the other one waits, though a packet is there", still_waits(&w[1]));
	tell(&w[0], BLOCK, 0);
	CHECK("CP-34", "the first one blocks: the other one is released", did(&w[1]));
	IS("CP-34", "with", w[1].answer.key, 2);
	SetEvent(w[0].wake);
	CHECK("CP-36", "the first one wakes up: both run", did(&w[0]));

	/* Two run and one may: who asks now has to wait, though a packet is there. */
	PostQueuedCompletionStatus(port, 0, 3, NULL);
	tell(&w[0], TAKE, 2 * SHORT_TIME);
	CHECK("CP-36", "over the limit", did(&w[0]));
	WINDOWS_IS("CP-36", "it waits in vain", w[0].answer.error, WAIT_TIMEOUT);
	tell(&w[0], TAKE, LONG_TIME);
	WINDOWS("CP-36", "and again", still_waits(&w[0]));
	tell(&w[1], TAKE, patience());
	CHECK("CP-36", "the other one asks", did(&w[1]));
	WINDOWS_IS("CP-36", "and takes the packet itself", w[1].answer.key, 3);
	PostQueuedCompletionStatus(port, 0, 4, NULL);
	tell(&w[1], BLOCK, 0);
	CHECK("CP-34", "it blocks: the first one is released", did(&w[0]));
	SetEvent(w[1].wake);
	for (i = 0; i < 2; i++)
		end_worker(&w[i]);
	CloseHandle(port);
	return conform_end();
}
