// SPDX-License-Identifier: GPL-2.0-only
/* What can become a TP_IO. */
#include "conform.h"

static VOID CALLBACK done(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			  ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	(void)instance, (void)context, (void)overlapped, (void)result, (void)bytes, (void)io;
}

static HANDLE opened(DWORD flags)
{
	return CreateFileA("tp_01.tmp", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
			   OPEN_EXISTING, flags, NULL);
}

int main(void)
{
	HANDLE file = new_file("tp_01.tmp", 10, FILE_FLAG_OVERLAPPED), port = new_port(1), other;
	PTP_IO io;

	SetLastError(UNCHANGED);
	io = CreateThreadpoolIo(file, done, NULL, NULL);
	CHECK("TP-1", "an overlapped file", io != NULL);
	IS("TP-1", "the same file again", ERROR_OF(CreateThreadpoolIo(file, done, NULL, NULL)),
	   ERROR_INVALID_PARAMETER);
	IS("CP-7", "into a port", ERROR_OF(CreateIoCompletionPort(file, port, 1, 0)),
	   ERROR_INVALID_PARAMETER);
	CloseThreadpoolIo(io);
	IS("TP-1", "after CloseThreadpoolIo", ERROR_OF(CreateThreadpoolIo(file, done, NULL,
	   NULL)), ERROR_INVALID_PARAMETER);

	other = opened(0);
	IS("TP-1", "a file that is not overlapped", ERROR_OF(CreateThreadpoolIo(other, done, NULL,
	   NULL)), ERROR_INVALID_PARAMETER);
	CloseHandle(other);
	IS("CP-8", "a closed file", ERROR_OF(CreateThreadpoolIo(other, done, NULL, NULL)),
	   ERROR_INVALID_HANDLE);
	other = opened(FILE_FLAG_OVERLAPPED);
	NEED(CreateIoCompletionPort(other, port, 1, 0));
	IS("TP-1", "a file that is in a port", ERROR_OF(CreateThreadpoolIo(other, done, NULL,
	   NULL)), ERROR_INVALID_PARAMETER);
	CloseHandle(other);
	other = opened(FILE_FLAG_OVERLAPPED);
	io = CreateThreadpoolIo(other, done, NULL, NULL);
	CHECK("TP-1", "another open of the file", io != NULL);
	CloseHandle(other);
	CloseThreadpoolIo(io);
	CloseHandle(port);
	end_file("tp_01.tmp", file);
	return conform_end();
}
