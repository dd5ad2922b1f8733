// SPDX-License-Identifier: GPL-2.0-only
/* The last error is of the thread, and only a failing call sets it. */
#include "conform.h"

int main(void)
{
	HANDLE port, file = new_file("er_last.tmp", 10, FILE_FLAG_OVERLAPPED);
	OVERLAPPED_ENTRY entry;
	LARGE_INTEGER size;
	char buf[16];
	OVERLAPPED ov;
	ULONG n;

	SetLastError(12345);
	IS("CP-46", "what was set", GetLastError(), 12345);
	port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
	IS("CP-46", "make a port", GetLastError(), 12345);
	CreateIoCompletionPort(file, port, 0, 0);
	IS("CP-46", "put a file into it", GetLastError(), 12345);
	PostQueuedCompletionStatus(port, 1, 2, NULL);
	IS("CP-46", "post", GetLastError(), 12345);
	GetQueuedCompletionStatusEx(port, &entry, 1, &n, LONG_TIME, FALSE);
	IS("CP-46", "take", GetLastError(), 12345);
	SetFileCompletionNotificationModes(file, 0);
	IS("CP-46", "set modes", GetLastError(), 12345);
	GetFileSizeEx(file, &size);
	IS("CP-46", "ask for a size", GetLastError(), 12345);
	ReadFile(file, buf, 16, NULL, at(&ov, 0));
	IS("CP-46", "a read that is pending sets it", GetLastError(), ERROR_IO_PENDING);
	SetLastError(12345);
	GetQueuedCompletionStatusEx(port, &entry, 1, &n, LONG_TIME, FALSE);
	IS("CP-46", "take its packet", GetLastError(), 12345);
	GetOverlappedResult(file, &ov, &n, FALSE);
	IS("CP-46", "ask for its result", GetLastError(), 12345);
	ReadFile(file, buf, 16, NULL, at(&ov, 10));
	SetLastError(12345);
	GetQueuedCompletionStatusEx(port, &entry, 1, &n, LONG_TIME, FALSE);
	IS("CP-46", "take the packet of a failure, in a batch", GetLastError(), 12345);
	CloseHandle(file);
	CloseHandle(port);
	IS("CP-46", "close", GetLastError(), 12345);
	CloseHandle(port);
	IS("CP-46", "close again sets it", GetLastError(), ERROR_INVALID_HANDLE);
	remove("er_last.tmp");
	return conform_end();
}
