// SPDX-License-Identifier: GPL-2.0-only
/* CancelIoEx() where nothing is under way. */
#include "conform.h"

int main(void)
{
	HANDLE file = new_file("ov_24.tmp", 10, FILE_FLAG_OVERLAPPED), port = new_port(1);
	char buf[16];
	OVERLAPPED ov;

	CreateIoCompletionPort(file, port, 0, 0);
	at(&ov, 0);
	IS("OV-24", "an OVERLAPPED that was never used", ERROR_OF(CancelIoEx(file, &ov)),
	   ERROR_NOT_FOUND);
	WINDOWS_IS("OV-24", "all of the file", ERROR_OF(CancelIoEx(file, NULL)), ERROR_NOT_FOUND);
	ReadFile(file, buf, 16, NULL, &ov);
	CHECK("OV-24", "a read, and its packet", take(port, LONG_TIME).ok);
	IS("OV-24", "its OVERLAPPED", ERROR_OF(CancelIoEx(file, &ov)), ERROR_NOT_FOUND);
	IS("OV-25", "the result is what it was", ov.InternalHigh, 10);
	IS("OV-24", "no more packets", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	end_file("ov_24.tmp", file);
	IS("OV-24", "a closed file", ERROR_OF(CancelIoEx(file, &ov)), ERROR_INVALID_HANDLE);
	CloseHandle(port);
	return conform_end();
}
