// SPDX-License-Identifier: GPL-2.0-only
/* An operation that is refused: the caller takes its Start back. */
#include "conform.h"

static LONG calls;

static VOID CALLBACK done(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			  ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	(void)instance, (void)context, (void)overlapped, (void)result, (void)bytes, (void)io;
	InterlockedIncrement(&calls);
}

int main(void)
{
	HANDLE file = new_file("tp_11.tmp", 100, FILE_FLAG_OVERLAPPED), reader;
	OVERLAPPED ov;
	PTP_IO io;
	int i;

	reader = CreateFileA("tp_11.tmp", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
			     OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
	io = CreateThreadpoolIo(reader, done, NULL, NULL);
	NEED(io);
	for (i = 0; i < 2; i++) {
		StartThreadpoolIo(io);
		IS("TP-11", "write with a handle for reading", ERROR_OF(WriteFile(reader, "x", 1,
		   NULL, at(&ov, 0))), ERROR_ACCESS_DENIED);
		CancelThreadpoolIo(io);
		StartThreadpoolIo(io);
		IS("TP-11", "read into NULL", ERROR_OF(ReadFile(reader, NULL, 1, NULL,
		   at(&ov, 0))), ERROR_NOACCESS);
		CancelThreadpoolIo(io);
		WaitForThreadpoolIoCallbacks(io, FALSE);
		IS("TP-11", "the wait ends, callbacks", calls, 0);
	}
	CloseHandle(reader);
	CloseThreadpoolIo(io);
	end_file("tp_11.tmp", file);
	return conform_end();
}
