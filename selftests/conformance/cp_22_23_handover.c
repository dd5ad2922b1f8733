// SPDX-License-Identifier: GPL-2.0-only
/*
 * A packet goes straight to the thread that waits, the newest first; who comes later
 * cannot have it.  (Wine: first come first served.)
 */
#include "worker.h"

int main(void)
{
	HANDLE port = new_port(3);
	struct worker w[2];

	start_worker(&w[0], port);
	start_worker(&w[1], port);
	tell(&w[1], TAKE, LONG_TIME);
	settle(&w[1]);
	tell(&w[0], TAKE, LONG_TIME);
	settle(&w[0]);
	PostQueuedCompletionStatus(port, 0, 3, NULL);
	PostQueuedCompletionStatus(port, 0, 4, NULL);
	PostQueuedCompletionStatus(port, 0, 5, NULL);
	WINDOWS_IS("CP-22", "the poster itself gets", take(port, LONG_TIME).key, 5);
	CHECK("CP-22", "both threads are served", did(&w[0]) && did(&w[1]));
	WINDOWS_IS("CP-23", "who waited last gets", w[0].answer.key, 3);
	WINDOWS_IS("CP-23", "who waited first gets", w[1].answer.key, 4);
	CHECK("CP-22", "each of the three once",
	      w[0].answer.key + w[1].answer.key <= 9 && w[0].answer.key != w[1].answer.key);
	end_worker(&w[0]);
	end_worker(&w[1]);
	CloseHandle(port);
	return conform_end();
}
