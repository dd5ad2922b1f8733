// SPDX-License-Identifier: GPL-2.0-only
/* GetOverlappedResultEx(): for a while. */
#include "pipe.h"

int main(void)
{
	HANDLE server, client, event = CreateEventA(NULL, TRUE, FALSE, NULL);
	OVERLAPPED ov;
	char buf[16];
	DWORD n;

	new_pipe("ov_12", &server, &client);
	at(&ov, 0)->hEvent = event;
	IS("OV-2", "read", ERROR_OF(ReadFile(server, buf, 16, NULL, &ov)), ERROR_IO_PENDING);
	n = 12345;
	IS("OV-12", "at once", ERROR_OF(GetOverlappedResultEx(server, &ov, &n, 0, FALSE)),
	   ERROR_IO_INCOMPLETE);
	IS("OV-12", "bytes", n, 12345);
	IS("OV-12", "in a while", ERROR_OF(GetOverlappedResultEx(server, &ov, &n, SHORT_TIME,
	   FALSE)), WAIT_TIMEOUT);
	IS("OV-12", "bytes", n, 12345);
	send_bytes(client, "hello", 5);
	CHECK("OV-12", "the other end writes: in time",
	      GetOverlappedResultEx(server, &ov, &n, LONG_TIME, FALSE));
	IS("OV-12", "bytes", n, 5);
	CHECK("OV-12", "once more, at once", GetOverlappedResultEx(server, &ov, &n, 0, FALSE));
	IS("OV-2", "read", ERROR_OF(ReadFile(server, buf, 16, NULL, &ov)), ERROR_IO_PENDING);
	CHECK("OV-24", "cancel", CancelIoEx(server, &ov));
	IS("OV-12", "for ever", ERROR_OF(GetOverlappedResultEx(server, &ov, &n, INFINITE, FALSE)),
	   ERROR_OPERATION_ABORTED);
	IS("OV-12", "bytes", n, 0);
	CloseHandle(client);
	CloseHandle(server);
	CloseHandle(event);
	return conform_end();
}
