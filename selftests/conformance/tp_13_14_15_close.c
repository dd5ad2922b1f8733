// SPDX-License-Identifier: GPL-2.0-only
/* Closing object and file: in either order, with nothing or something outstanding. */
#include "conform.h"

static volatile LONG calls;
static ULONG last;

static VOID CALLBACK done(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			  ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	(void)instance, (void)context, (void)overlapped, (void)bytes, (void)io;
	last = result;
	InterlockedIncrement(&calls);
}

int main(void)
{
	static const char name[] = "tp_13.tmp";
	static char buf[10];
	static OVERLAPPED ov;
	HANDLE file = new_file(name, 100, FILE_FLAG_OVERLAPPED);
	PTP_IO io = CreateThreadpoolIo(file, done, NULL, NULL);

	NEED(io);
	CHECK("TP-14", "the file first", CloseHandle(file));
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CloseThreadpoolIo(io);
	CHECK("TP-14", "then the object, nothing outstanding", calls == 0);

	file = new_file(name, 100, FILE_FLAG_OVERLAPPED);
	io = CreateThreadpoolIo(file, done, NULL, NULL);
	NEED(io);
	CloseThreadpoolIo(io);
	CHECK("TP-13", "the object first", calls == 0);
	CHECK("TP-13", "then the file", CloseHandle(file));

	/* Outstanding at the close: it still comes. */
	file = new_file(name, 100, FILE_FLAG_OVERLAPPED);
	io = CreateThreadpoolIo(file, done, NULL, NULL);
	NEED(io);
	StartThreadpoolIo(io);
	ReadFile(file, buf, 10, NULL, at(&ov, 0));
	CloseThreadpoolIo(io);
	UNTIL(calls);
	IS("TP-15", "callbacks of an object that was closed", calls, 1);
	IS("TP-15", "IoResult", last, NO_ERROR);
	CHECK("TP-13", "close the file", CloseHandle(file));
	Sleep(SHORT_TIME);
	IS("TP-15", "callbacks in the end", calls, 1);
	remove(name);
	return conform_end();
}
