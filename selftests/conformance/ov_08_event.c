// SPDX-License-Identifier: GPL-2.0-only
/* hEvent: reset when the operation starts, set when it is done. */
#include "conform.h"

int main(void)
{
	HANDLE file = new_file("ov_08.tmp", 100, FILE_FLAG_OVERLAPPED), port = new_port(1);
	HANDLE manual = CreateEventA(NULL, TRUE, TRUE, NULL);
	HANDLE automatic = CreateEventA(NULL, FALSE, FALSE, NULL);
	struct answer a;
	OVERLAPPED ov;
	char buf[16];
	DWORD n;
	int i;

	for (i = 0; i < 2; i++) {
		/* Without a port, then with one: the event is set in both cases. */
		at(&ov, 10)->hEvent = manual;
		NEED(SetEvent(manual));
		IS("OV-15b", "read", ERROR_OF(ReadFile(file, buf, 16, NULL, &ov)),
		   ERROR_IO_PENDING);
		IS("OV-8", "wait for the event", WaitForSingleObject(manual, LONG_TIME),
		   WAIT_OBJECT_0);
		IS("OV-8", "it stays set", WaitForSingleObject(manual, 0), WAIT_OBJECT_0);
		CHECK("OV-4", "the result is there", GetOverlappedResult(file, &ov, &n, FALSE));
		IS("OV-4", "bytes", n, 16);
		CHECK("OV-4", "and the data", !memcmp(buf, "klmn", 4));
		CHECK("OV-8", "hEvent is not changed", ov.hEvent == manual);
		if (i) {
			a = take(port, LONG_TIME);
			CHECK("OV-13", "the packet is there, too", a.ok && a.ov == &ov);
			IS("OV-13", "which leaves the event", WaitForSingleObject(manual, 0),
			   WAIT_OBJECT_0);
		}
		at(&ov, 100)->hEvent = manual;
		ReadFile(file, buf, 16, NULL, &ov);
		IS("NM-16", "a failure sets it, too", WaitForSingleObject(manual, LONG_TIME),
		   WAIT_OBJECT_0);
		IS("OV-15", "the error", ERROR_OF(GetOverlappedResult(file, &ov, &n, FALSE)),
		   ERROR_HANDLE_EOF);
		if (i)
			IS("CP-44b", "the packet", take(port, LONG_TIME).error, ERROR_HANDLE_EOF);
		CreateIoCompletionPort(file, port, 8, 0);
	}
	at(&ov, 0)->hEvent = automatic;
	ReadFile(file, buf, 16, NULL, &ov);
	IS("OV-8", "an auto-reset event: wait", WaitForSingleObject(automatic, LONG_TIME),
	   WAIT_OBJECT_0);
	CHECK("OV-8", "the result", GetOverlappedResult(file, &ov, &n, FALSE));
	IS("OV-8", "bytes", n, 16);
	IS("OV-8", "the wait took the signal", WaitForSingleObject(automatic, 0), WAIT_TIMEOUT);
	IS("OV-13", "the packet", take(port, LONG_TIME).bytes, 16);
	CloseHandle(manual);
	CloseHandle(automatic);
	end_file("ov_08.tmp", file);
	CloseHandle(port);
	return conform_end();
}
