// SPDX-License-Identifier: GPL-2.0-only
/* What a callback is given. */
#include "conform.h"

struct seen {
	PVOID context, overlapped;
	ULONG result;
	ULONG_PTR bytes;
	PTP_IO io;
	int calls, instance;
};

static struct seen seen;

static VOID CALLBACK done(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			  ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	seen.context = context;
	seen.overlapped = overlapped;
	seen.result = result;
	seen.bytes = bytes;
	seen.io = io;
	seen.calls++;
	seen.instance = instance != NULL;
}

static void read_at(PTP_IO io, HANDLE file, ULONGLONG offset, ULONG result, ULONG bytes)
{
	char buf[64];
	OVERLAPPED ov;

	memset(&seen, 0, sizeof(seen));
	StartThreadpoolIo(io);
	IS("OV-15b", "read", ERROR_OF(ReadFile(file, buf, 64, NULL, at(&ov, offset))),
	   ERROR_IO_PENDING);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	IS("TP-5", "callbacks when the wait is over", seen.calls, 1);
	CHECK("TP-2", "Context", seen.context == &seen);
	CHECK("TP-2", "Overlapped", seen.overlapped == &ov);
	CHECK("TP-2", "Io", seen.io == io);
	CHECK("CI-1", "Instance", seen.instance);
	IS("TP-2", "IoResult", seen.result, result);
	IS("TP-2", "NumberOfBytesTransferred", seen.bytes, bytes);
	IS("CP-49", "InternalHigh", ov.InternalHigh, bytes);
}

int main(void)
{
	HANDLE file = new_file("tp_02.tmp", 100, FILE_FLAG_OVERLAPPED);
	PTP_IO io = CreateThreadpoolIo(file, done, &seen, NULL);

	NEED(io);
	read_at(io, file, 0, NO_ERROR, 64);
	read_at(io, file, 90, NO_ERROR, 10);
	read_at(io, file, 100, ERROR_HANDLE_EOF, 0);
	CloseHandle(file);
	CloseThreadpoolIo(io);
	remove("tp_02.tmp");
	return conform_end();
}
