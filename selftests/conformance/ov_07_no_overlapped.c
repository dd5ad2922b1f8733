// SPDX-License-Identifier: GPL-2.0-only
/* A handle for overlapped I/O without an OVERLAPPED. */
#include "conform.h"

int main(void)
{
	HANDLE file = new_file("ov_07o.tmp", 10, FILE_FLAG_OVERLAPPED), port = new_port(1);
	char buf[16];
	DWORD n = 12345;

	CreateIoCompletionPort(file, port, 0, 0);
	IS("OV-7", "read", ERROR_OF(ReadFile(file, buf, 4, &n, NULL)), ERROR_INVALID_PARAMETER);
	IS("OV-14", "bytes", n, 0);
	n = 12345;
	IS("OV-7", "write", ERROR_OF(WriteFile(file, "wxyz", 4, &n, NULL)),
	   ERROR_INVALID_PARAMETER);
	IS("OV-14", "bytes", n, 0);
	IS("NM-8", "no packet", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	end_file("ov_07o.tmp", file);
	CloseHandle(port);
	return conform_end();
}
