// SPDX-License-Identifier: GPL-2.0-only
/* Make a port and put a file into it: without the file there is no port either. */
#include "conform.h"

int main(void)
{
	HANDLE file = new_file("cp_04.tmp", 10, 0), good, port;

	SetLastError(UNCHANGED);
	port = CreateIoCompletionPort(file, NULL, 1, 0);
	CHECK("CP-4", "a file that is not overlapped: NULL", port == NULL);
	IS("CP-8", "the error", GetLastError(), ERROR_INVALID_PARAMETER);
	CHECK("CP-4", "the file remains open", CloseHandle(file));
	IS("CP-4", "a closed handle", ERROR_OF(CreateIoCompletionPort(file, NULL, 1, 0)),
	   ERROR_INVALID_HANDLE);

	good = new_file("cp_04.tmp", 10, FILE_FLAG_OVERLAPPED);
	port = CreateIoCompletionPort(good, NULL, 1, 0);
	CHECK("CP-4", "one that is overlapped: a port", port != NULL);
	SetLastError(UNCHANGED);
	CHECK("CP-7", "once more: NULL", CreateIoCompletionPort(good, NULL, 1, 0) == NULL);
	IS("CP-7", "the error", GetLastError(), ERROR_INVALID_PARAMETER);
	IS("CP-4", "the first port was not harmed", take(port, 0).error, WAIT_TIMEOUT);
	CloseHandle(port);
	end_file("cp_04.tmp", good);
	return conform_end();
}
