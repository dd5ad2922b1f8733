// SPDX-License-Identifier: GPL-2.0-only
/* GetOverlappedResult() takes no packet away. */
#include "conform.h"

int main(void)
{
	HANDLE file = new_file("ov_13.tmp", 50, FILE_FLAG_OVERLAPPED), port = new_port(1);
	char buf[16];
	struct answer a;
	OVERLAPPED ov;
	DWORD n;
	int i;

	CreateIoCompletionPort(file, port, 3, 0);
	ReadFile(file, buf, 16, NULL, at(&ov, 0));
	a = take(port, LONG_TIME);
	CHECK("OV-13", "the packet", a.ok && a.ov == &ov);
	for (i = 0; i < 3; i++) {
		n = 12345;
		CHECK("OV-11", "the result after it", GetOverlappedResult(file, &ov, &n, FALSE));
		IS("OV-11", "bytes", n, 16);
	}
	ReadFile(file, buf, 16, NULL, at(&ov, 40));
	a = take(port, LONG_TIME);
	IS("OV-16", "the packet, bytes", a.bytes, 10);
	CHECK("OV-11", "the result after it", GetOverlappedResult(file, &ov, &n, FALSE));
	IS("OV-11", "bytes", n, 10);
	ReadFile(file, buf, 16, NULL, at(&ov, 50));
	IS("OV-15", "the packet", take(port, LONG_TIME).error, ERROR_HANDLE_EOF);
	IS("OV-11", "the result after it", ERROR_OF(GetOverlappedResult(file, &ov, &n, FALSE)),
	   ERROR_HANDLE_EOF);
	IS("OV-11", "bytes", n, 0);
	IS("OV-13", "no more packets", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	end_file("ov_13.tmp", file);
	CloseHandle(port);
	return conform_end();
}
