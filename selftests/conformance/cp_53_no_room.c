// SPDX-License-Identifier: GPL-2.0-only
/* Room for no entry. */
#include "conform.h"

int main(void)
{
	HANDLE port = new_port(1);
	OVERLAPPED_ENTRY entry;
	ULONG n = 0xdead;

	PostQueuedCompletionStatus(port, 1, 2, NULL);
	WINDOWS_IS("CP-53", "room for 0",
		   ERROR_OF(GetQueuedCompletionStatusEx(port, &entry, 0, &n, 0, FALSE)),
		   ERROR_INVALID_PARAMETER);
	WINDOWS_IS("CP-53", "the count is not written", n, 0xdead);
	IS("CP-53", "the packet is still there", take(port, 0).key, 2);
	CloseHandle(port);
	return conform_end();
}
