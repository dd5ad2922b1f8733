// SPDX-License-Identifier: GPL-2.0-only
/* A packet that was handed to a thread arrives, though the port is closed at once. */
#include "worker.h"

int main(void)
{
	struct worker w;
	HANDLE port;
	int i, arrived = 0;

	for (i = 0; i < 5; i++) {
		port = new_port(1);
		start_worker(&w, port);
		tell(&w, TAKE, patience());
		settle(&w);
		PostQueuedCompletionStatus(port, 7, i, NULL);
		CloseHandle(port);
		NEED(did(&w));
		arrived += w.answer.ok && w.answer.key == (ULONG_PTR)i && w.answer.bytes == 7;
		end_worker(&w);
	}
	WINDOWS_IS("CP-60", "arrived, of 5", arrived, 5);
	return conform_end();
}
