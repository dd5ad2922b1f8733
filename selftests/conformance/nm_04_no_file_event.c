// SPDX-License-Identifier: GPL-2.0-only
/* FILE_SKIP_SET_EVENT_ON_HANDLE: the handle is not signalled, an event is. */
#include "pipe.h"

int main(void)
{
	HANDLE server, client, event = CreateEventA(NULL, TRUE, FALSE, NULL);
	OVERLAPPED ov;
	char buf[16];

	new_pipe("nm_04", &server, &client);
	NEED(SetFileCompletionNotificationModes(server, FILE_SKIP_SET_EVENT_ON_HANDLE));
	IS("NM-4", "the handle", WaitForSingleObject(server, 0), WAIT_TIMEOUT);
	IS("OV-2", "read", ERROR_OF(ReadFile(server, buf, 16, NULL, at(&ov, 0))),
	   ERROR_IO_PENDING);
	send_bytes(client, "hello", 5);
	UNTIL(HasOverlappedIoCompleted(&ov));
	IS("NM-4", "it is done, bytes", ov.InternalHigh, 5);
	IS("NM-4", "the handle", WaitForSingleObject(server, SHORT_TIME), WAIT_TIMEOUT);
	at(&ov, 0)->hEvent = event;
	IS("OV-2", "read with an event", ERROR_OF(ReadFile(server, buf, 16, NULL, &ov)),
	   ERROR_IO_PENDING);
	send_bytes(client, "hello", 5);
	IS("NM-4", "the event", WaitForSingleObject(event, LONG_TIME), WAIT_OBJECT_0);
	IS("NM-4", "the handle", WaitForSingleObject(server, SHORT_TIME), WAIT_TIMEOUT);
	CloseHandle(client);
	CloseHandle(server);
	CloseHandle(event);
	return conform_end();
}
