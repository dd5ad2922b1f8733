// SPDX-License-Identifier: GPL-2.0-only
/* Three ways to call CreateIoCompletionPort(). */
#include "conform.h"

int main(void)
{
	HANDLE port, other, file = new_file("cp_01.tmp", 10, FILE_FLAG_OVERLAPPED);

	SetLastError(UNCHANGED);
	port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
	CHECK("CP-1", "no file and no port make a port", port != NULL);
	IS("CP-46", "success leaves the last error alone", GetLastError(), UNCHANGED);
	CHECK("CP-3", "the port that takes a file is returned",
	      CreateIoCompletionPort(file, port, 1, 0) == port);
	CHECK("CP-3", "it is one handle and closed once", CloseHandle(port));
	IS("CP-3", "closing it again", ERROR_OF(CloseHandle(port)), ERROR_INVALID_HANDLE);
	CloseHandle(file);

	file = new_file("cp_01.tmp", 10, FILE_FLAG_OVERLAPPED);
	port = CreateIoCompletionPort(file, NULL, 7, 0);
	CHECK("CP-1", "a file and no port make a port with the file in it", port != NULL);
	other = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
	CHECK("CP-1", "each port has a handle of its own", other != NULL && other != port);
	CHECK("CP-1", "ports are closed independently", CloseHandle(other));
	IS("CP-44c", "the first one still works", take(port, 0).error, WAIT_TIMEOUT);
	CloseHandle(port);
	end_file("cp_01.tmp", file);
	return conform_end();
}
