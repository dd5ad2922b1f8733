// SPDX-License-Identifier: GPL-2.0-only
/* A buffer that is none is found at once, and no packet comes. */
#include "conform.h"

int main(void)
{
	HANDLE file = new_file("ov_22.tmp", 10, FILE_FLAG_OVERLAPPED), port = new_port(1);
	char buf[16];
	OVERLAPPED ov;

	CreateIoCompletionPort(file, port, 0, 0);
	IS("OV-22", "read into NULL", ERROR_OF(ReadFile(file, NULL, 4, NULL, at(&ov, 0))),
	   ERROR_NOACCESS);
	IS("OV-22", "read to address 8", ERROR_OF(ReadFile(file, (void *)8, 4, NULL, at(&ov, 0))),
	   ERROR_NOACCESS);
	IS("NM-8", "no packet", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	ReadFile(file, buf, 16, NULL, at(&ov, 0));
	IS("OV-22", "a good buffer then, bytes", take(port, LONG_TIME).bytes, 10);
	end_file("ov_22.tmp", file);
	CloseHandle(port);
	return conform_end();
}
