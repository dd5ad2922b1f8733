// SPDX-License-Identifier: GPL-2.0-only
/* Threads that wait are released in reverse order. */
#include "worker.h"

#define THREADS	4

int main(void)
{
	HANDLE port = new_port(THREADS);
	struct worker w[THREADS];
	int i, round;

	for (i = 0; i < THREADS; i++)
		start_worker(&w[i], port);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < THREADS; i++) {
			tell(&w[i], TAKE, LONG_TIME);
			settle(&w[i]);
		}
		for (i = 0; i < THREADS; i++)
			PostQueuedCompletionStatus(port, 0, 100 + i, NULL);
		for (i = 0; i < THREADS; i++)
			NEED(did(&w[i]));
		for (i = 0; i < THREADS; i++)
			WINDOWS_IS("CP-23", "the last but so many gets", w[THREADS - 1 - i].answer.key,
				   100 + i);
	}
	/* One at a time: always the same thread, the others sleep on. */
	for (i = 0; i < THREADS; i++) {
		tell(&w[i], TAKE, LONG_TIME);
		settle(&w[i]);
	}
	for (i = 0; i < 5 && !on_wine(); i++) {
		PostQueuedCompletionStatus(port, 0, i, NULL);
		NEED(did(&w[THREADS - 1]));
		tell(&w[THREADS - 1], TAKE, LONG_TIME);
		settle(&w[THREADS - 1]);
	}
	WINDOWS("CP-23", "one thread can do it all", i == 5);
	for (i = 0; i < THREADS; i++)
		CHECK("CP-23", "the others wait", w[i].todo == TAKE);
	for (i = 0; i < THREADS; i++)
		PostQueuedCompletionStatus(port, 0, 0, NULL);
	for (i = 0; i < THREADS; i++)
		end_worker(&w[i]);
	CloseHandle(port);
	return conform_end();
}
