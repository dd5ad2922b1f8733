// SPDX-License-Identifier: GPL-2.0-only
/* What fails at once queues nothing and is not remembered. */
#include "conform.h"

int main(void)
{
	HANDLE file = new_file("nm_08.tmp", 10, FILE_FLAG_OVERLAPPED), port = new_port(1), reader;
	char buf[16];
	OVERLAPPED ov;
	int skip;

	reader = CreateFileA("nm_08.tmp", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
			     OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
	NEED(reader != INVALID_HANDLE_VALUE);
	CreateIoCompletionPort(reader, port, 8, 0);
	for (skip = 0; skip < 2; skip++) {
		IS("NM-8", "write with a handle for reading", ERROR_OF(WriteFile(reader, "x", 1,
		   NULL, at(&ov, 0))), ERROR_ACCESS_DENIED);
		IS("NM-8", "read into NULL", ERROR_OF(ReadFile(reader, NULL, 1, NULL,
		   at(&ov, 0))), ERROR_NOACCESS);
		IS("NM-8", "no packet", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
		IS("NM-8", "nothing to cancel", ERROR_OF(CancelIoEx(reader, &ov)),
		   ERROR_NOT_FOUND);
		NEED(SetFileCompletionNotificationModes(reader,
							FILE_SKIP_COMPLETION_PORT_ON_SUCCESS));
	}
	IS("OV-15", "a good read, at the end", ERROR_OF(ReadFile(reader, buf, 16, NULL,
	   at(&ov, 10))), ERROR_IO_PENDING);
	IS("NM-7", "its packet", take(port, LONG_TIME).error, ERROR_HANDLE_EOF);
	CloseHandle(reader);
	end_file("nm_08.tmp", file);
	CloseHandle(port);
	return conform_end();
}
