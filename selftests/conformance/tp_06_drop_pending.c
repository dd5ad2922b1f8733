// SPDX-License-Identifier: GPL-2.0-only
/* Wait(TRUE) forgets what is outstanding; it cancels no I/O. */
#include "pipe.h"

static volatile LONG calls;
static ULONG last;

static VOID CALLBACK done(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			  ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	(void)instance, (void)context, (void)overlapped, (void)bytes, (void)io;
	last = result;
	InterlockedIncrement(&calls);
}

int main(void)
{
	HANDLE server, client;
	OVERLAPPED ov;
	char buf[16];
	PTP_IO io;
	DWORD n;

	new_pipe("tp_06", &server, &client);
	io = CreateThreadpoolIo(server, done, NULL, NULL);
	NEED(io);
	StartThreadpoolIo(io);
	IS("OV-2", "read", ERROR_OF(ReadFile(server, buf, 16, NULL, at(&ov, 0))),
	   ERROR_IO_PENDING);
	WaitForThreadpoolIoCallbacks(io, TRUE);
	CHECK("TP-6", "Wait(TRUE) returns, the read is pending", !HasOverlappedIoCompleted(&ov));
	send_bytes(client, "hello", 5);
	UNTIL(HasOverlappedIoCompleted(&ov));
	CHECK("TP-6", "the read goes on", !memcmp(buf, "hello", 5) && ov.InternalHigh == 5);
	Sleep(SHORT_TIME);
	IS("TP-6", "without a callback", calls, 0);

	StartThreadpoolIo(io);
	IS("TP-7", "read again", ERROR_OF(ReadFile(server, buf, 16, NULL, at(&ov, 0))),
	   ERROR_IO_PENDING);
	Sleep(SHORT_TIME);
	IS("TP-7", "nothing yet", calls, 0);
	send_bytes(client, "again", 5);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	IS("TP-7", "callbacks", calls, 1);
	IS("TP-7", "IoResult", last, NO_ERROR);
	CHECK("OV-11", "its result", GetOverlappedResult(server, &ov, &n, FALSE) && n == 5);
	CloseHandle(server);
	CloseHandle(client);
	CloseThreadpoolIo(io);
	return conform_end();
}
