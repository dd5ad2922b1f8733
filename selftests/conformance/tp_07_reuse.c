// SPDX-License-Identifier: GPL-2.0-only
/* After a wait that drops callbacks the object is as new (Wine's test has this, too). */
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
	HANDLE file = new_file("tp_07.tmp", 100, FILE_FLAG_OVERLAPPED);
	PTP_IO io = CreateThreadpoolIo(file, done, NULL, NULL);
	char buf[10];
	OVERLAPPED ov;
	int i;

	NEED(io);
	for (i = 0; i < 3; i++) {
		StartThreadpoolIo(io);
		WaitForThreadpoolIoCallbacks(io, TRUE);
		CHECK("TP-6", "a Start without I/O is forgotten", calls == i);
		StartThreadpoolIo(io);
		IS("TP-7", "read", ERROR_OF(ReadFile(file, buf, 10, NULL, at(&ov, 0))),
		   ERROR_IO_PENDING);
		WaitForThreadpoolIoCallbacks(io, FALSE);
		IS("TP-7", "callbacks", calls, i + 1);
	}
	CloseHandle(file);
	CloseThreadpoolIo(io);
	remove("tp_07.tmp");
	return conform_end();
}
