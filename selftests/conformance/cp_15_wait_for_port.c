// SPDX-License-Identifier: GPL-2.0-only
/* The handle of a port can be waited for: signalled while packets are queued. */
#include "worker.h"

int main(void)
{
	HANDLE port = new_port(1);
	struct worker w[2];
	int i;

	IS("CP-15", "empty", WaitForSingleObject(port, 0), WAIT_TIMEOUT);
	PostQueuedCompletionStatus(port, 0, 1, NULL);
	PostQueuedCompletionStatus(port, 0, 2, NULL);
	IS("CP-15", "two packets", WaitForSingleObject(port, 0), WAIT_OBJECT_0);
	IS("CP-15", "waiting takes none", WaitForSingleObject(port, 0), WAIT_OBJECT_0);
	IS("CP-21", "take one", take(port, 0).key, 1);
	IS("CP-15", "one packet", WaitForSingleObject(port, LONG_TIME), WAIT_OBJECT_0);
	IS("CP-21", "take it", take(port, 0).key, 2);
	IS("CP-15", "empty", WaitForSingleObject(port, SHORT_TIME), WAIT_TIMEOUT);

	for (i = 0; i < 2; i++) {
		start_worker(&w[i], port);
		tell(&w[i], WAIT, patience());
		settle(&w[i]);
	}
	PostQueuedCompletionStatus(port, 0, 3, NULL);
	for (i = 0; i < 2; i++) {
		CHECK("CP-15", "two threads wait, a packet comes: one returns", did(&w[i]));
		WINDOWS_IS("CP-15", "signalled", w[i].error, WAIT_OBJECT_0);
	}
	IS("CP-15", "the packet is still there", take(port, 0).key, 3);
	for (i = 0; i < 2; i++)
		end_worker(&w[i]);
	CloseHandle(port);
	return conform_end();
}
