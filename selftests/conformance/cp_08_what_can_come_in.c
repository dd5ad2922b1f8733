// SPDX-License-Identifier: GPL-2.0-only
/* Which handles a port takes. */
#include "conform.h"

int main(void)
{
	HANDLE port = new_port(1), other = new_port(1), file = new_file("cp_08.tmp", 10, 0);
	char buf[16];
	DWORD n = 0;

	IS("CP-8", "a file not opened for overlapped I/O",
	   ERROR_OF(CreateIoCompletionPort(file, port, 1, 0)), ERROR_INVALID_PARAMETER);
	CHECK("CP-8", "which can be read as before", ReadFile(file, buf, 16, &n, NULL));
	IS("CP-8", "bytes", n, 10);
	IS("CP-8", "and queues nothing", take(port, 0).error, WAIT_TIMEOUT);
	IS("CP-8", "NULL", ERROR_OF(CreateIoCompletionPort(NULL, port, 1, 0)),
	   ERROR_INVALID_HANDLE);
	IS("CP-8", "a port", ERROR_OF(CreateIoCompletionPort(other, port, 1, 0)),
	   ERROR_INVALID_HANDLE);
	end_file("cp_08.tmp", file);
	IS("CP-8", "a closed file", ERROR_OF(CreateIoCompletionPort(file, port, 1, 0)),
	   ERROR_INVALID_HANDLE);

	file = new_file("cp_08.tmp", 10, FILE_FLAG_OVERLAPPED);
	CloseHandle(other);
	IS("CP-8", "into a closed port", ERROR_OF(CreateIoCompletionPort(file, other, 1, 0)),
	   ERROR_INVALID_HANDLE);
	IS("CP-8", "into a file", ERROR_OF(CreateIoCompletionPort(file, file, 1, 0)),
	   ERROR_INVALID_HANDLE);
	CHECK("CP-8", "none of these spoilt it", CreateIoCompletionPort(file, port, 1, 0) == port);
	end_file("cp_08.tmp", file);
	CloseHandle(port);
	return conform_end();
}
