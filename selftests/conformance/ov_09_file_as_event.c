// SPDX-License-Identifier: GPL-2.0-only
/* Without hEvent the handle of the file is what is signalled. */
#include "pipe.h"

int main(void)
{
	HANDLE server, client;
	OVERLAPPED ov;
	char buf[16];
	DWORD n;

	new_pipe("ov_09", &server, &client);
	IS("OV-2", "read", ERROR_OF(ReadFile(server, buf, 16, NULL, at(&ov, 0))),
	   ERROR_IO_PENDING);
	IS("OV-9", "not signalled", WaitForSingleObject(server, SHORT_TIME), WAIT_TIMEOUT);
	send_bytes(client, "hello", 5);
	IS("OV-9", "signalled", WaitForSingleObject(server, LONG_TIME), WAIT_OBJECT_0);
	CHECK("OV-9", "the result", GetOverlappedResult(server, &ov, &n, FALSE));
	IS("OV-9", "bytes", n, 5);
	IS("OV-9", "still", WaitForSingleObject(server, 0), WAIT_OBJECT_0);
	IS("OV-2", "read again", ERROR_OF(ReadFile(server, buf, 16, NULL, at(&ov, 0))),
	   ERROR_IO_PENDING);
	IS("OV-9", "not signalled", WaitForSingleObject(server, 0), WAIT_TIMEOUT);
	CHECK("OV-24", "cancel", CancelIoEx(server, NULL));
	IS("OV-9", "signalled", WaitForSingleObject(server, LONG_TIME), WAIT_OBJECT_0);
	IS("OV-21", "the result", ERROR_OF(GetOverlappedResult(server, &ov, &n, TRUE)),
	   ERROR_OPERATION_ABORTED);
	CloseHandle(client);
	CloseHandle(server);
	return conform_end();
}
