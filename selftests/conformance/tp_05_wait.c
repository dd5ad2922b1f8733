// SPDX-License-Identifier: GPL-2.0-only
/* WaitForThreadpoolIoCallbacks(): until nothing is outstanding. */
#include "conform.h"

static LONG calls;

static VOID CALLBACK done(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			  ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	(void)instance, (void)context, (void)overlapped, (void)result, (void)bytes, (void)io;
	Sleep(SHORT_TIME);
	InterlockedIncrement(&calls);
}

int main(void)
{
	HANDLE file = new_file("tp_05.tmp", 100, FILE_FLAG_OVERLAPPED);
	PTP_IO io = CreateThreadpoolIo(file, done, NULL, NULL);
	char buf[3][10];
	OVERLAPPED ov[3];
	int i;

	NEED(io);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CHECK("TP-5", "nothing to wait for: returns", 1);
	WaitForThreadpoolIoCallbacks(io, TRUE);
	CHECK("TP-6", "nothing to drop: returns", 1);
	for (i = 0; i < 3; i++) {
		StartThreadpoolIo(io);
		ReadFile(file, buf[i], 10, NULL, at(&ov[i], 0));
	}
	WaitForThreadpoolIoCallbacks(io, FALSE);
	/* The callbacks are slow: it did not only wait for the reads. */
	IS("TP-5", "callbacks that have returned", calls, 3);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	IS("TP-5", "again: returns, callbacks", calls, 3);

	/* TRUE waits for what runs: nothing begins afterwards, nothing is under way. */
	calls = 0;
	StartThreadpoolIo(io);
	ReadFile(file, buf[0], 10, NULL, at(&ov[0], 0));
	WaitForThreadpoolIoCallbacks(io, TRUE);
	i = calls;
	Sleep(3 * SHORT_TIME);
	CHECK("TP-6", "after dropping no callback comes", calls == i && i <= 1);
	CHECK("TP-6", "the read was not cancelled", ov[0].InternalHigh == 10 || !i);
	CloseHandle(file);
	CloseThreadpoolIo(io);
	remove("tp_05.tmp");
	return conform_end();
}
