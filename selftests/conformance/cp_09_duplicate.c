// SPDX-License-Identifier: GPL-2.0-only
/* A duplicate of a handle is the same file object: the same port, the same key. */
#include "conform.h"

int main(void)
{
	HANDLE port = new_port(1), file = new_file("cp_09.tmp", 10, FILE_FLAG_OVERLAPPED), other;
	HANDLE process = GetCurrentProcess(), second;
	struct answer a;
	OVERLAPPED ov;
	char buf[16];

	NEED(DuplicateHandle(process, file, process, &other, 0, FALSE, DUPLICATE_SAME_ACCESS));
	CHECK("CP-9", "another handle", other != file);
	CHECK("CP-9", "the first one comes into a port",
	      CreateIoCompletionPort(file, port, 9, 0) == port);
	IS("CP-7", "the other one is there, too", ERROR_OF(CreateIoCompletionPort(other, port, 9,
	   0)), ERROR_INVALID_PARAMETER);
	IS("CP-9", "read with the other one", ERROR_OF(ReadFile(other, buf, 16, NULL,
	   at(&ov, 0))), ERROR_IO_PENDING);
	a = take(port, LONG_TIME);
	CHECK("CP-9", "a packet", a.ok && a.ov == &ov);
	IS("CP-9", "with key", a.key, 9);
	CHECK("CP-9", "close the first one", CloseHandle(file));
	ReadFile(other, buf, 16, NULL, at(&ov, 0));
	IS("CP-9", "the other one still has port and key", take(port, LONG_TIME).key, 9);

	NEED(DuplicateHandle(process, port, process, &second, 0, FALSE, DUPLICATE_SAME_ACCESS));
	PostQueuedCompletionStatus(second, 0, 1, NULL);
	IS("CP-14", "a duplicate of the port is the port", take(port, 0).key, 1);
	CHECK("CP-13", "close one", CloseHandle(port));
	PostQueuedCompletionStatus(second, 0, 2, NULL);
	IS("CP-13", "the port lives on", take(second, 0).key, 2);
	ReadFile(other, buf, 16, NULL, at(&ov, 0));
	IS("CP-13", "with its file", take(second, LONG_TIME).key, 9);
	CloseHandle(second);
	end_file("cp_09.tmp", other);
	return conform_end();
}
