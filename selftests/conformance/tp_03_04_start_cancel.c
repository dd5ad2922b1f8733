// SPDX-License-Identifier: GPL-2.0-only
/* StartThreadpoolIo() counts, CancelThreadpoolIo() takes one back. */
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
	HANDLE file = new_file("tp_03.tmp", 100, FILE_FLAG_OVERLAPPED);
	PTP_IO io = CreateThreadpoolIo(file, done, NULL, NULL);
	static char buf[5][10];
	OVERLAPPED ov[5];
	int i, pending = 0;

	NEED(io);
	for (i = 0; i < 3; i++)
		StartThreadpoolIo(io);
	for (i = 0; i < 3; i++)
		CancelThreadpoolIo(io);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	IS("TP-4", "three started and taken back: callbacks", calls, 0);

	for (i = 0; i < 5; i++)
		StartThreadpoolIo(io);
	for (i = 0; i < 5; i++)
		pending += ERROR_OF(ReadFile(file, buf[i], 10, NULL, at(&ov[i], i))) ==
			   ERROR_IO_PENDING;
	IS("TP-3", "five started, reads", pending, 5);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	IS("TP-3", "callbacks", calls, 5);

	/* One more started than there is to do, and taken back when that shows. */
	calls = 0;
	StartThreadpoolIo(io);
	StartThreadpoolIo(io);
	ReadFile(file, buf[0], 10, NULL, at(&ov[0], 0));
	CancelThreadpoolIo(io);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	IS("TP-4", "two started, one taken back: callbacks", calls, 1);
	CHECK("TP-4", "it cancels no I/O", ov[0].Internal == 0 && ov[0].InternalHigh == 10);
	CloseHandle(file);
	CloseThreadpoolIo(io);
	remove("tp_03.tmp");
	return conform_end();
}
