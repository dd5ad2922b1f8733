// SPDX-License-Identifier: GPL-2.0-only
/* A callback may close its own object and file, and issue the next operation. */
#include "conform.h"

#define ROUNDS	20

static HANDLE file;
static char buf[10];
static OVERLAPPED ov;
static volatile LONG calls, closed, refused;

static VOID CALLBACK done(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			  ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	(void)instance, (void)context, (void)overlapped, (void)result, (void)bytes;
	if (InterlockedIncrement(&calls) < ROUNDS) {
		StartThreadpoolIo(io);
		if (ERROR_OF(ReadFile(file, buf, 10, NULL, at(&ov, 0))) != ERROR_IO_PENDING) {
			InterlockedIncrement(&refused);
			CancelThreadpoolIo(io);
		}
		return;
	}
	CloseHandle(file);
	CloseThreadpoolIo(io);
	InterlockedIncrement(&closed);
}

int main(void)
{
	PTP_IO io;
	int i;

	for (i = 0; i < 3; i++) {
		calls = closed = 0;
		file = new_file("tp_21.tmp", 100, FILE_FLAG_OVERLAPPED);
		io = CreateThreadpoolIo(file, done, NULL, NULL);
		NEED(io);
		StartThreadpoolIo(io);
		ReadFile(file, buf, 10, NULL, at(&ov, 0));
		UNTIL(closed);
		IS("TP-21", "callbacks, each started by the one before", calls, ROUNDS);
		IS("TP-21", "closed by the last", closed, 1);
		IS("TP-21", "refused", refused, 0);
	}
	remove("tp_21.tmp");
	return conform_end();
}
