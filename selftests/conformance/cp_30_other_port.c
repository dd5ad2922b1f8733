// SPDX-License-Identifier: GPL-2.0-only
/* A thread belongs to the port that it asked last. */
#include "worker.h"

int main(void)
{
	HANDLE port = new_port(1), other = new_port(1);
	struct worker w[2];
	int i;

	for (i = 0; i < 2; i++)
		start_worker(&w[i], port);
	PostQueuedCompletionStatus(port, 0, 1, NULL);
	tell(&w[0], TAKE, LONG_TIME);
	CHECK("CP-35", "one runs", did(&w[0]) && w[0].answer.ok);
	tell(&w[1], TAKE, LONG_TIME);
	settle(&w[1]);
	PostQueuedCompletionStatus(port, 0, 2, NULL);
	WINDOWS("CP-33", "another one waits", still_waits(&w[1]));
	w[0].port = other;
	tell(&w[0], TAKE, 0);
	CHECK("CP-30", "the first one asks another port", did(&w[0]));
	IS("CP-30", "in vain", w[0].answer.error, WAIT_TIMEOUT);
	CHECK("CP-32", "so it does not count here any more: who waits is released", did(&w[1]));
	IS("CP-34", "with", w[1].answer.key, 2);

	/* And it counts there. */
	w[1].port = other;
	tell(&w[1], TAKE, LONG_TIME);
	settle(&w[1]);
	PostQueuedCompletionStatus(other, 0, 3, NULL);
	WINDOWS("CP-30", "the other port: one runs, another one waits", still_waits(&w[1]));
	w[0].port = port;
	tell(&w[0], TAKE, 0);
	CHECK("CP-30", "the first one goes back", did(&w[0]));
	CHECK("CP-34", "who waits is released", did(&w[1]));
	IS("CP-34", "with", w[1].answer.key, 3);
	for (i = 0; i < 2; i++)
		end_worker(&w[i]);
	CloseHandle(other);
	CloseHandle(port);
	return conform_end();
}
