// SPDX-License-Identifier: GPL-2.0-only
/* The event is not set before the operation is over. */
#include "pipe.h"

int main(void)
{
	HANDLE server, client, event = CreateEventA(NULL, TRUE, FALSE, NULL);
	OVERLAPPED ov;
	char buf[16];
	DWORD n;

	new_pipe("ov_08", &server, &client);
	at(&ov, 0)->hEvent = event;
	NEED(SetEvent(event));
	IS("OV-2", "read", ERROR_OF(ReadFile(server, buf, 16, NULL, &ov)), ERROR_IO_PENDING);
	IS("OV-8", "it is reset", WaitForSingleObject(event, SHORT_TIME), WAIT_TIMEOUT);
	send_bytes(client, "hello", 5);
	IS("OV-8", "the other end writes", WaitForSingleObject(event, LONG_TIME), WAIT_OBJECT_0);
	CHECK("OV-4", "the result is there", ov.Internal == 0 && ov.InternalHigh == 5);
	IS("OV-2", "read", ERROR_OF(ReadFile(server, buf, 16, NULL, &ov)), ERROR_IO_PENDING);
	IS("OV-8", "it is reset", WaitForSingleObject(event, 0), WAIT_TIMEOUT);
	CHECK("OV-24", "cancel", CancelIoEx(server, &ov));
	IS("OV-25", "it is set", WaitForSingleObject(event, LONG_TIME), WAIT_OBJECT_0);
	IS("OV-21", "the result", ERROR_OF(GetOverlappedResult(server, &ov, &n, TRUE)),
	   ERROR_OPERATION_ABORTED);
	IS("OV-21", "bytes", n, 0);
	IS("OV-2", "read", ERROR_OF(ReadFile(server, buf, 16, NULL, &ov)), ERROR_IO_PENDING);
	CloseHandle(client);
	IS("OV-17", "the other end is closed", WaitForSingleObject(event, LONG_TIME),
	   WAIT_OBJECT_0);
	IS("OV-17", "the result", ERROR_OF(GetOverlappedResult(server, &ov, &n, FALSE)),
	   ERROR_BROKEN_PIPE);
	CloseHandle(server);
	CloseHandle(event);
	return conform_end();
}
