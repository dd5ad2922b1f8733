// SPDX-License-Identifier: GPL-2.0-only
/* A file without a port: operations end, no packet appears anywhere. */
#include "conform.h"

int main(void)
{
	HANDLE file = new_file("nm_12.tmp", 10, FILE_FLAG_OVERLAPPED), port = new_port(1);
	HANDLE plain = new_file("nm_12p.tmp", 10, 0);
	char buf[16];
	OVERLAPPED ov;
	DWORD n = 0;

	ReadFile(file, buf, 16, NULL, at(&ov, 0));
	CHECK("NM-12", "a read without a port", GetOverlappedResult(file, &ov, &n, TRUE));
	IS("NM-12", "bytes", n, 10);
	CHECK("NM-12", "the file comes into a port", CreateIoCompletionPort(file, port, 3, 0));
	IS("NM-12", "what ended before is not told", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	IS("OV-15b", "a read now", ERROR_OF(ReadFile(file, buf, 16, NULL, at(&ov, 0))),
	   ERROR_IO_PENDING);
	IS("NM-6", "is", take(port, LONG_TIME).key, 3);
	CHECK("NM-12", "a file that cannot be in a port", ReadFile(plain, buf, 16, &n, NULL));
	IS("NM-12", "no packet", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	end_file("nm_12p.tmp", plain);
	end_file("nm_12.tmp", file);
	CloseHandle(port);
	return conform_end();
}
