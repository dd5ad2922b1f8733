// SPDX-License-Identifier: GPL-2.0-only
/* With a port: the handle of the file tells nothing useful, the event of an operation does. */
#include "conform.h"

int main(void)
{
	HANDLE file = new_file("cp_10.tmp", 100, FILE_FLAG_OVERLAPPED), port = new_port(1);
	HANDLE events[3];
	OVERLAPPED ov[3];
	char buf[3][16];
	DWORD n;
	int i;

	CreateIoCompletionPort(file, port, 10, 0);
	for (i = 0; i < 3; i++) {
		NEED(events[i] = CreateEventA(NULL, TRUE, FALSE, NULL));
		at(&ov[i], 10 * i)->hEvent = events[i];
		IS("OV-15b", "read", ERROR_OF(ReadFile(file, buf[i], 16, NULL, &ov[i])),
		   ERROR_IO_PENDING);
	}
	IS("OV-8", "wait for all events", WaitForMultipleObjects(3, events, TRUE, LONG_TIME),
	   WAIT_OBJECT_0);
	for (i = 0; i < 3; i++) {
		CHECK("OV-4", "a result is there", GetOverlappedResult(file, &ov[i], &n, FALSE) &&
		      n == 16);
		CHECK("OV-4", "and its data", buf[i][0] == (char)('a' + 10 * i));
	}
	for (i = 0; i < 3; i++)
		CHECK("OV-13", "and a packet", take(port, LONG_TIME).ok);
	IS("OV-13", "no more packets", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	for (i = 0; i < 3; i++) {
		IS("OV-13", "the events stay set", WaitForSingleObject(events[i], 0),
		   WAIT_OBJECT_0);
		CloseHandle(events[i]);
	}
	end_file("cp_10.tmp", file);
	CloseHandle(port);
	return conform_end();
}
