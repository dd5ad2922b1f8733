// SPDX-License-Identifier: GPL-2.0-only
/* Cancelled operations are called back, once each. */
#include "pipe.h"

#define COUNT	4

static volatile LONG calls, aborted, empty;

static VOID CALLBACK done(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			  ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	(void)instance, (void)context, (void)overlapped, (void)io;
	if (result == ERROR_OPERATION_ABORTED)
		InterlockedIncrement(&aborted);
	if (!bytes)
		InterlockedIncrement(&empty);
	InterlockedIncrement(&calls);
}

int main(void)
{
	HANDLE server, client;
	OVERLAPPED ov[COUNT];
	char buf[COUNT][16];
	PTP_IO io;
	int i;

	new_pipe("tp_10", &server, &client);
	io = CreateThreadpoolIo(server, done, NULL, NULL);
	NEED(io);
	for (i = 0; i < COUNT; i++) {
		StartThreadpoolIo(io);
		IS("OV-2", "read", ERROR_OF(ReadFile(server, buf[i], 16, NULL, at(&ov[i], 0))),
		   ERROR_IO_PENDING);
	}
	CHECK("OV-24", "cancel one", CancelIoEx(server, &ov[1]));
	UNTIL(calls);
	IS("TP-10", "callbacks", calls, 1);
	IS("TP-10", "with 995", aborted, 1);
	CHECK("OV-24", "cancel all", CancelIoEx(server, NULL));
	WaitForThreadpoolIoCallbacks(io, FALSE);
	IS("TP-10", "callbacks", calls, COUNT);
	IS("TP-10", "with 995", aborted, COUNT);
	IS("TP-10", "and 0 bytes", empty, COUNT);
	IS("OV-24", "nothing is left", ERROR_OF(CancelIoEx(server, &ov[0])), ERROR_NOT_FOUND);
	CloseHandle(server);
	CloseHandle(client);
	CloseThreadpoolIo(io);
	return conform_end();
}
