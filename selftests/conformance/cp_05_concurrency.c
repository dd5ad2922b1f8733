// SPDX-License-Identifier: GPL-2.0-only
/* The concurrency value is that of the port's making; later ones are ignored. */
#include "worker.h"

int main(void)
{
	HANDLE port = new_port(2), file = new_file("cp_05.tmp", 10, FILE_FLAG_OVERLAPPED);
	struct worker w[3];
	int i;

	CHECK("CP-5", "a file comes in with another value",
	      CreateIoCompletionPort(file, port, 1, 17) == port);
	for (i = 0; i < 3; i++) {
		start_worker(&w[i], port);
		tell(&w[i], TAKE, LONG_TIME);
		settle(&w[i]);
	}
	for (i = 0; i < 3; i++)
		PostQueuedCompletionStatus(port, 0, i, NULL);
	for (i = on_wine() ? 0 : 1; i < 3; i++)
		NEED(did(&w[i]));
	CHECK("CP-31", "two may run: two run", w[1].todo == SPIN && w[2].todo == SPIN);
	WINDOWS("CP-5", "the third one waits", still_waits(&w[0]));
	tell(&w[1], BLOCK, 0);
	CHECK("CP-34", "one blocks: the third one runs", did(&w[0]));
	SetEvent(w[1].wake);
	for (i = 0; i < 3; i++)
		end_worker(&w[i]);
	end_file("cp_05.tmp", file);
	CloseHandle(port);
	return conform_end();
}
