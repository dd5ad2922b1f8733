// SPDX-License-Identifier: GPL-2.0-only
/* A packet of an operation that failed: FALSE, and all values are written. */
#include "conform.h"

int main(void)
{
	HANDLE port = new_port(1), file = new_file("cp_44b.tmp", 100, FILE_FLAG_OVERLAPPED);
	OVERLAPPED_ENTRY entry;
	char buf[64];
	OVERLAPPED ov;
	struct answer a;
	ULONG n = 0;

	CreateIoCompletionPort(file, port, 44, 0);
	IS("OV-15", "read at the end", ERROR_OF(ReadFile(file, buf, 64, NULL, at(&ov, 100))),
	   ERROR_IO_PENDING);
	a = take(port, LONG_TIME);
	CHECK("CP-44b", "FALSE, with an OVERLAPPED", !a.ok && a.ov == &ov);
	IS("CP-44b", "the error", a.error, ERROR_HANDLE_EOF);
	IS("CP-44b", "bytes", a.bytes, 0);
	IS("CP-44b", "key", a.key, 44);
	CHECK("CP-49", "Internal is the status", (DWORD)ov.Internal == 0xc0000011);

	ReadFile(file, buf, 64, NULL, at(&ov, 1000));
	CHECK("CP-52", "the other call: TRUE",
	      GetQueuedCompletionStatusEx(port, &entry, 1, &n, LONG_TIME, FALSE));
	IS("CP-52", "entries", n, 1);
	CHECK("CP-52", "the entry has the status", (DWORD)entry.Internal == 0xc0000011);
	CHECK("CP-52", "and the rest", entry.lpOverlapped == &ov && entry.lpCompletionKey == 44);
	IS("CP-52", "bytes", entry.dwNumberOfBytesTransferred, 0);
	end_file("cp_44b.tmp", file);
	CloseHandle(port);
	return conform_end();
}
