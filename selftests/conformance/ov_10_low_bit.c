// SPDX-License-Identifier: GPL-2.0-only
/* hEvent with its lowest bit set: the event, but no packet. */
#include "conform.h"

int main(void)
{
	HANDLE file = new_file("ov_10.tmp", 100, FILE_FLAG_OVERLAPPED), port = new_port(1);
	HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL);
	OVERLAPPED ov;
	char buf[16];
	DWORD n, round, error;

	CreateIoCompletionPort(file, port, 10, 0);
	for (round = 0; round < 2; round++) {
		at(&ov, 0)->hEvent = (HANDLE)((ULONG_PTR)event | 1);
		NEED(SetEvent(event));
		error = ERROR_OF(ReadFile(file, buf, 16, NULL, &ov));
		CHECK("OV-10", "read: TRUE or pending", !error || error == ERROR_IO_PENDING);
		IS("OV-10", "the event", WaitForSingleObject(event, LONG_TIME), WAIT_OBJECT_0);
		CHECK("OV-10", "the result", GetOverlappedResult(file, &ov, &n, TRUE));
		IS("OV-10", "bytes", n, 16);
		IS("NM-11", "no packet", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
		at(&ov, 100)->hEvent = (HANDLE)((ULONG_PTR)event | 1);
		ReadFile(file, buf, 16, NULL, &ov);
		IS("OV-10", "a failure: the event", WaitForSingleObject(event, LONG_TIME),
		   WAIT_OBJECT_0);
		IS("OV-10", "the result", ERROR_OF(GetOverlappedResult(file, &ov, &n, TRUE)),
		   ERROR_HANDLE_EOF);
		IS("NM-11", "no packet", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
		NEED(SetFileCompletionNotificationModes(file, FILE_SKIP_SET_EVENT_ON_HANDLE));
	}
	ReadFile(file, buf, 16, NULL, at(&ov, 0));
	IS("NM-6", "without the event: a packet with key", take(port, LONG_TIME).key, 10);
	CloseHandle(event);
	end_file("ov_10.tmp", file);
	CloseHandle(port);
	return conform_end();
}
