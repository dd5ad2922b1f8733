// SPDX-License-Identifier: GPL-2.0-only
/* GetQueuedCompletionStatusEx(): as many as are there, up to the room. */
#include "conform.h"

#define MANY	3000

static OVERLAPPED_ENTRY e[MANY];

static ULONG batch(HANDLE port, ULONG room)
{
	ULONG n = 12345;

	memset(e, 0xcc, sizeof(e));
	if (!GetQueuedCompletionStatusEx(port, e, room, &n, 0, FALSE))
		return 0;
	return n;
}

int main(void)
{
	HANDLE port = new_port(1);
	ULONG i;

	for (i = 0; i < 40; i++)
		PostQueuedCompletionStatus(port, i, i, NULL);
	IS("CP-52", "room for one", batch(port, 1), 1);
	IS("CP-21", "the oldest", e[0].lpCompletionKey, 0);
	CHECK("CP-52", "nothing behind it is written", e[1].lpCompletionKey == 0xcccccccccccccccc);
	IS("CP-52", "room for 16", batch(port, 16), 16);
	IS("CP-21", "the first of them", e[0].lpCompletionKey, 1);
	IS("CP-21", "the last of them", e[15].lpCompletionKey, 16);
	IS("CP-52", "room for 17", batch(port, 17), 17);
	IS("CP-21", "the last of them", e[16].lpCompletionKey, 33);
	IS("CP-52", "room for more than there are", batch(port, 20), 6);
	IS("CP-21", "the last of all", e[5].lpCompletionKey, 39);
	CHECK("CP-52", "nothing behind it is written", e[6].lpCompletionKey == 0xcccccccccccccccc);
	IS("CP-52", "then", batch(port, 20), 0);

	for (i = 0; i < MANY; i++)
		PostQueuedCompletionStatus(port, i, i, NULL);
	IS("CP-52", "room for thousands", batch(port, MANY), MANY);
	IS("CP-21", "the last of them", e[MANY - 1].lpCompletionKey, MANY - 1);
	CloseHandle(port);
	return conform_end();
}
