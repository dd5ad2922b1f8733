// SPDX-License-Identifier: GPL-2.0-only
/* The object is closed while its callback runs: there it stays what it is. */
#include "conform.h"

static volatile LONG inside, closed, calls;
static HANDLE file;
static OVERLAPPED ov[2];
static char buf[2][16];

static VOID CALLBACK done(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			  ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	(void)instance, (void)bytes, (void)overlapped;
	if (!InterlockedExchange(&inside, 1)) {
		UNTIL(closed);
		IS("TP-19", "the object in its callback", io == *(PTP_IO *)context, 1);
		CHECK("TP-19", "the file is still open", SetFileCompletionNotificationModes(file, 0));
	}
	if (result == NO_ERROR)
		InterlockedIncrement(&calls);
}

int main(void)
{
	static PTP_IO io;
	int i;

	file = new_file("tp_19.tmp", 100, FILE_FLAG_OVERLAPPED);
	io = CreateThreadpoolIo(file, done, &io, NULL);
	NEED(io);
	for (i = 0; i < 2; i++) {
		StartThreadpoolIo(io);
		IS("OV-15b", "read", ERROR_OF(ReadFile(file, buf[i], 16, NULL, at(&ov[i], i))),
		   ERROR_IO_PENDING);
	}
	UNTIL(inside);
	CloseThreadpoolIo(io);
	InterlockedIncrement(&closed);
	UNTIL(calls == 2);
	IS("TP-15", "what was outstanding is called back", calls, 2);
	end_file("tp_19.tmp", file);
	return conform_end();
}
