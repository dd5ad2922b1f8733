// SPDX-License-Identifier: GPL-2.0-only
/* A completion that nobody announced is not called back. */
#include "conform.h"

static LONG calls;

static VOID CALLBACK done(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			  ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	(void)instance, (void)context, (void)overlapped, (void)result, (void)bytes, (void)io;
	InterlockedIncrement(&calls);
}

static void until_done(OVERLAPPED *ov)
{
	UNTIL(HasOverlappedIoCompleted(ov));
	CHECK("TP-8", "it is done", HasOverlappedIoCompleted(ov));
	Sleep(SHORT_TIME);
}

int main(void)
{
	HANDLE file = new_file("tp_08.tmp", 100, FILE_FLAG_OVERLAPPED);
	PTP_IO io = CreateThreadpoolIo(file, done, NULL, NULL);
	char buf[10];
	OVERLAPPED ov;

	NEED(io);
	IS("TP-8", "a read without Start", ERROR_OF(ReadFile(file, buf, 10, NULL, at(&ov, 0))),
	   ERROR_IO_PENDING);
	until_done(&ov);
	IS("TP-8", "callbacks", calls, 0);
	StartThreadpoolIo(io);
	CancelThreadpoolIo(io);
	IS("TP-8", "a read with a Start that was taken back",
	   ERROR_OF(ReadFile(file, buf, 10, NULL, at(&ov, 0))), ERROR_IO_PENDING);
	until_done(&ov);
	IS("TP-8", "callbacks", calls, 0);
	StartThreadpoolIo(io);
	ReadFile(file, buf, 10, NULL, at(&ov, 0));
	WaitForThreadpoolIoCallbacks(io, FALSE);
	IS("TP-8", "the object goes on working: callbacks", calls, 1);
	CloseHandle(file);
	CloseThreadpoolIo(io);
	remove("tp_08.tmp");
	return conform_end();
}
