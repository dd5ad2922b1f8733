// SPDX-License-Identifier: GPL-2.0-only
/* What fails at once sets no event. */
#include "conform.h"

int main(void)
{
	HANDLE file = new_file("nm_16.tmp", 100, FILE_FLAG_OVERLAPPED), port = new_port(1), reader;
	HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL);
	OVERLAPPED ov;
	int i;

	reader = CreateFileA("nm_16.tmp", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
			     OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
	NEED(reader != INVALID_HANDLE_VALUE);
	for (i = 0; i < 2; i++) {
		at(&ov, 0)->hEvent = event;
		IS("NM-8", "write with a handle for reading",
		   ERROR_OF(WriteFile(reader, "x", 1, NULL, &ov)), ERROR_ACCESS_DENIED);
		IS("NM-16", "the event", WaitForSingleObject(event, SHORT_TIME), WAIT_TIMEOUT);
		IS("NM-8", "read into NULL", ERROR_OF(ReadFile(reader, NULL, 1, NULL, &ov)),
		   ERROR_NOACCESS);
		IS("NM-16", "the event", WaitForSingleObject(event, SHORT_TIME), WAIT_TIMEOUT);
		CreateIoCompletionPort(reader, port, 1, 0);
	}
	IS("NM-8", "no packet", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	CloseHandle(reader);
	CloseHandle(event);
	end_file("nm_16.tmp", file);
	CloseHandle(port);
	return conform_end();
}
