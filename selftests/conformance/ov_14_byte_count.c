// SPDX-License-Identifier: GPL-2.0-only
/* The count of bytes that ReadFile() and WriteFile() write themselves. */
#include "conform.h"

int main(void)
{
	HANDLE file = new_file("ov_14.tmp", 10, FILE_FLAG_OVERLAPPED), port = new_port(1), plain;
	char buf[16];
	OVERLAPPED ov;
	DWORD n = 12345;

	CreateIoCompletionPort(file, port, 0, 0);
	IS("OV-15b", "overlapped read", ERROR_OF(ReadFile(file, buf, 4, &n, at(&ov, 0))),
	   ERROR_IO_PENDING);
	IS("OV-14", "count", n, 0);
	take(port, LONG_TIME);
	n = 12345;
	IS("OV-15b", "overlapped write", ERROR_OF(WriteFile(file, "x", 1, &n, at(&ov, 0))),
	   ERROR_IO_PENDING);
	IS("OV-14", "count", n, 0);
	take(port, LONG_TIME);
	CloseHandle(file);

	plain = CreateFileA("ov_14.tmp", GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0,
			    NULL);
	n = 12345;
	CHECK("OV-14", "not overlapped", ReadFile(plain, buf, 4, &n, NULL));
	IS("OV-14", "count", n, 4);
	n = 12345;
	IS("OV-14", "write with a handle for reading", ERROR_OF(WriteFile(plain, "x", 1, &n,
	   NULL)), ERROR_ACCESS_DENIED);
	IS("OV-14", "count", n, 0);
	n = 12345;
	CHECK("OV-15", "the rest of the file", ReadFile(plain, buf, 16, &n, NULL));
	IS("OV-14", "count", n, 6);
	CHECK("OV-15", "at the end: TRUE", ReadFile(plain, buf, 16, &n, NULL));
	IS("OV-14", "count", n, 0);
	end_file("ov_14.tmp", plain);
	n = 12345;
	IS("OV-14", "a closed handle", ERROR_OF(ReadFile(plain, buf, 4, &n, NULL)),
	   ERROR_INVALID_HANDLE);
	IS("OV-14", "count", n, 0);
	CloseHandle(port);
	return conform_end();
}
