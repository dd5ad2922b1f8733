// SPDX-License-Identifier: GPL-2.0-only
/* The file is closed with operations outstanding: their callbacks come, then it is over. */
#include "pipe.h"

static volatile LONG calls, failed;

static VOID CALLBACK done(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			  ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	(void)instance, (void)context, (void)overlapped, (void)bytes, (void)io;
	if (result)
		InterlockedIncrement(&failed);
	InterlockedIncrement(&calls);
}

int main(void)
{
	static OVERLAPPED ov[3];
	static char buf[3][16];
	HANDLE server, client;
	PTP_IO io;
	int i;

	new_pipe("tp_14", &server, &client);
	io = CreateThreadpoolIo(server, done, NULL, NULL);
	NEED(io);
	for (i = 0; i < 3; i++) {
		StartThreadpoolIo(io);
		IS("OV-2", "read", ERROR_OF(ReadFile(server, buf[i], 16, NULL, at(&ov[i], 0))),
		   ERROR_IO_PENDING);
	}
	CHECK("OV-30", "close the file", CloseHandle(server));
	WaitForThreadpoolIoCallbacks(io, FALSE);
	IS("TP-14", "callbacks", calls, 3);
	IS("OV-30", "that failed", failed, 3);
	CloseThreadpoolIo(io);
	CloseHandle(client);
	return conform_end();
}
