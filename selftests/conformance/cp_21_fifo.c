// SPDX-License-Identifier: GPL-2.0-only
/* Packets queue first in, first out, however they are taken. */
#include "conform.h"

#define COUNT	1000

int main(void)
{
	OVERLAPPED_ENTRY entries[7];
	HANDLE port = new_port(1);
	ULONG i, j, n, next = 0, wrong = 0;

	for (i = 0; i < COUNT; i++)
		PostQueuedCompletionStatus(port, i, i, NULL);
	for (i = 0; i < COUNT; i++)
		wrong += take(port, 0).key != i;
	IS("CP-21", "out of order, taken singly", wrong, 0);

	for (i = 0; i < COUNT; i++)
		PostQueuedCompletionStatus(port, i, i, NULL);
	while (next < COUNT) {
		/* One, seven, one, seven: the two calls see one queue. */
		wrong += take(port, 0).key != next++;
		if (!GetQueuedCompletionStatusEx(port, entries, 7, &n, 0, FALSE))
			break;
		for (j = 0; j < n; j++)
			wrong += entries[j].lpCompletionKey != next++;
	}
	IS("CP-21", "out of order, taken in batches", wrong, 0);
	IS("CP-21", "taken", next, COUNT);
	IS("CP-21", "then", take(port, 0).error, WAIT_TIMEOUT);
	CloseHandle(port);
	return conform_end();
}
