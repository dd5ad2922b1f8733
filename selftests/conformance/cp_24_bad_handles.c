// SPDX-License-Identifier: GPL-2.0-only
/* What is no port. */
#include "conform.h"

int main(void)
{
	HANDLE file = new_file("cp_24.tmp", 10, FILE_FLAG_OVERLAPPED);
	OVERLAPPED_ENTRY entry;
	struct answer a;
	ULONG n;

	IS("CP-24", "post to NULL", ERROR_OF(PostQueuedCompletionStatus(NULL, 1, 2, NULL)),
	   ERROR_INVALID_HANDLE);
	IS("CP-24", "post to a file", ERROR_OF(PostQueuedCompletionStatus(file, 1, 2, NULL)),
	   ERROR_INVALID_HANDLE);
	a = take(NULL, 0);
	CHECK("CP-44e", "take from NULL: FALSE, overlapped NULL", !a.ok && a.ov == NULL);
	IS("CP-44e", "the error", a.error, ERROR_INVALID_HANDLE);
	CHECK("CP-44e", "bytes and key are not written",
	      a.bytes == UNTOUCHED && a.key == 0xcccccccccccccccc);
	a = take(file, 0);
	CHECK("CP-44e", "take from a file: FALSE, overlapped NULL", !a.ok && a.ov == NULL);
	IS("CP-44e", "the error", a.error, ERROR_INVALID_HANDLE);
	IS("CP-44e", "the same of the other call",
	   ERROR_OF(GetQueuedCompletionStatusEx(file, &entry, 1, &n, 0, FALSE)),
	   ERROR_INVALID_HANDLE);
	IS("CP-44e", "close what is no handle", ERROR_OF(CloseHandle(NULL)),
	   ERROR_INVALID_HANDLE);
	end_file("cp_24.tmp", file);
	return conform_end();
}
