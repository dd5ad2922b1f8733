// SPDX-License-Identifier: GPL-2.0-only
/* Who comes to a port anew is held back by those who run, and counts once it has called. */
#include "worker.h"

int main(void)
{
	HANDLE port = new_port(1);
	struct worker w[3];
	int i;

	for (i = 0; i < 3; i++)
		start_worker(&w[i], port);
	PostQueuedCompletionStatus(port, 0, 1, NULL);
	tell(&w[0], TAKE, LONG_TIME);
	CHECK("CP-35", "one runs", did(&w[0]) && w[0].answer.ok);
	if (!on_wine())
		PostQueuedCompletionStatus(port, 0, 2, NULL);
	tell(&w[1], TAKE, 0);
	CHECK("CP-37", "another one polls, a packet is there", did(&w[1]));
	IS("CP-37", "it gets", w[1].answer.error, WAIT_TIMEOUT);
	if (on_wine())		/* which would have taken it */
		PostQueuedCompletionStatus(port, 0, 2, NULL);

	/* That one runs now, too: it is over the limit, and the first one has to wait. */
	tell(&w[0], TAKE, 2 * SHORT_TIME);
	CHECK("CP-38", "the first one asks", did(&w[0]));
	WINDOWS_IS("CP-38", "it gets", w[0].answer.error, WAIT_TIMEOUT);
	if (on_wine())
		PostQueuedCompletionStatus(port, 0, 2, NULL);
	tell(&w[1], LEAVE, 0);
	NEED(WaitForSingleObject(w[1].thread, LONG_TIME) == WAIT_OBJECT_0);
	tell(&w[0], TAKE, LONG_TIME);
	CHECK("CP-39", "the other one has ended, the first one asks again", did(&w[0]));
	IS("CP-39", "it gets", w[0].answer.key, 2);

	/* A thread that polled in vain and computes now counts, too. */
	end_worker(&w[0]);
	tell(&w[2], TAKE, 0);
	CHECK("CP-38", "a third polls", did(&w[2]));
	IS("CP-38", "it gets", w[2].answer.error, WAIT_TIMEOUT);
	start_worker(&w[0], port);
	tell(&w[0], TAKE, LONG_TIME);
	settle(&w[0]);
	PostQueuedCompletionStatus(port, 0, 3, NULL);
	WINDOWS("CP-38", "it computes, who waits gets nothing", still_waits(&w[0]));
	tell(&w[2], BLOCK, 0);
	CHECK("CP-34", "until it blocks", did(&w[0]));
	IS("CP-34", "with", w[0].answer.key, 3);
	SetEvent(w[2].wake);
	end_worker(&w[0]);
	end_worker(&w[2]);
	CloseHandle(port);
	return conform_end();
}
