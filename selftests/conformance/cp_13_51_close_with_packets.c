// SPDX-License-Identifier: GPL-2.0-only
/* A port is closed while packets wait in it and operations are under way. */
#include "conform.h"

int main(void)
{
	HANDLE port = new_port(1), file = new_file("cp_13.tmp", 10, FILE_FLAG_OVERLAPPED);
	char buf[16];
	OVERLAPPED ov;
	DWORD n = 12345;

	CreateIoCompletionPort(file, port, 1, 0);
	PostQueuedCompletionStatus(port, 1, 2, NULL);
	IS("OV-15b", "read", ERROR_OF(ReadFile(file, buf, 16, NULL, at(&ov, 0))),
	   ERROR_IO_PENDING);
	CHECK("CP-51", "close the port", CloseHandle(port));
	IS("CP-44e", "take a packet", take(port, 0).error, ERROR_INVALID_HANDLE);
	IS("CP-24", "post one", ERROR_OF(PostQueuedCompletionStatus(port, 1, 2, NULL)),
	   ERROR_INVALID_HANDLE);
	/* Nobody removed its packet, so nobody told the OVERLAPPED. */
	Sleep(SHORT_TIME);
	WINDOWS_IS("CP-51", "the operation stays", ov.Internal, STATUS_PENDING);
	WINDOWS_IS("CP-51", "its result", ERROR_OF(GetOverlappedResult(file, &ov, &n, FALSE)),
	   ERROR_IO_INCOMPLETE);
	CHECK("CP-13", "the file is still open", CloseHandle(file));
	remove("cp_13.tmp");
	return conform_end();
}
