// SPDX-License-Identifier: GPL-2.0-only
/* All three values of PostQueuedCompletionStatus() go through untouched. */
#include "conform.h"

int main(void)
{
	static const struct {
		DWORD bytes;
		ULONG_PTR key, ov;
	} posts[] = {
		{ 0, 0, 0 }, { 1, 2, 3 }, { 0xffffffff, (ULONG_PTR)-1, (ULONG_PTR)-1 },
		{ 0x80000000, (ULONG_PTR)0x8000000000000000, 8 },
		{ 12, (ULONG_PTR)0x123456789abcdef0, (ULONG_PTR)0xfedcba9876543210 },
	};
	OVERLAPPED_ENTRY entries[5];
	HANDLE port = new_port(1);
	struct answer a;
	ULONG i, n = 0;

	for (i = 0; i < 5; i++) {
		SetLastError(UNCHANGED);
		CHECK("CP-24", "post", PostQueuedCompletionStatus(port, posts[i].bytes,
		      posts[i].key, (OVERLAPPED *)posts[i].ov));
		CHECK("CP-24", "the last error stays", GetLastError() == UNCHANGED);
	}
	for (i = 0; i < 5; i++) {
		a = take(port, 0);
		CHECK("CP-44a", "take: TRUE, and the last error stays",
		      a.ok && a.error == UNCHANGED);
		CHECK("CP-24", "bytes, key and overlapped are those posted",
		      a.bytes == posts[i].bytes && a.key == posts[i].key &&
		      a.ov == (OVERLAPPED *)posts[i].ov);
	}
	for (i = 0; i < 5; i++)
		PostQueuedCompletionStatus(port, posts[i].bytes, posts[i].key,
					   (OVERLAPPED *)posts[i].ov);
	CHECK("CP-52", "all at once", GetQueuedCompletionStatusEx(port, entries, 5, &n, 0, FALSE));
	IS("CP-52", "so many", n, 5);
	for (i = 0; i < n; i++)
		CHECK("CP-24", "the same, with status 0",
		      entries[i].dwNumberOfBytesTransferred == posts[i].bytes &&
		      entries[i].lpCompletionKey == posts[i].key &&
		      entries[i].lpOverlapped == (OVERLAPPED *)posts[i].ov &&
		      (DWORD)entries[i].Internal == 0);
	CloseHandle(port);
	return conform_end();
}
