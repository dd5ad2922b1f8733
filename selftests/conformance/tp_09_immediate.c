// SPDX-License-Identifier: GPL-2.0-only
/* What is done at once: a callback, unless the handle skips it. */
#include "pipe.h"

static volatile LONG calls;
static volatile ULONG_PTR last_bytes;

static VOID CALLBACK done(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			  ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	(void)instance, (void)context, (void)overlapped, (void)result, (void)io;
	last_bytes = bytes;
	InterlockedIncrement(&calls);
}

int main(void)
{
	HANDLE server, client;
	OVERLAPPED ov;
	char buf[16];
	DWORD error;
	PTP_IO io;

	new_pipe("tp_09", &server, &client);
	io = CreateThreadpoolIo(server, done, NULL, NULL);
	NEED(io);
	send_bytes(client, "hello", 5);
	StartThreadpoolIo(io);
	error = ERROR_OF(ReadFile(server, buf, 16, NULL, at(&ov, 0)));
	CHECK("TP-9", "read what is there: TRUE or pending", !error || error == ERROR_IO_PENDING);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	IS("TP-9", "callbacks", calls, 1);
	IS("TP-9", "bytes", last_bytes, 5);

	NEED(SetFileCompletionNotificationModes(server, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS));
	send_bytes(client, "again", 5);
	StartThreadpoolIo(io);
	CHECK("NM-5", "skipping: TRUE", ReadFile(server, buf, 16, NULL, at(&ov, 0)));
	CancelThreadpoolIo(io);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	Sleep(SHORT_TIME);
	IS("TP-4", "taken back: callbacks", calls, 1);
	StartThreadpoolIo(io);
	IS("NM-6", "read what is not there", ERROR_OF(ReadFile(server, buf, 16, NULL,
	   at(&ov, 0))), ERROR_IO_PENDING);
	send_bytes(client, "later", 5);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	IS("NM-6", "callbacks", calls, 2);
	CloseHandle(server);
	CloseHandle(client);
	CloseThreadpoolIo(io);
	return conform_end();
}
