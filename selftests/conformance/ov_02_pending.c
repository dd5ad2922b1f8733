// SPDX-License-Identifier: GPL-2.0-only
/* An operation that waits: STATUS_PENDING until it is over. */
#include "pipe.h"

int main(void)
{
	HANDLE server, client, port = new_port(1);
	struct answer a;
	OVERLAPPED ov;
	char buf[16];
	DWORD n;

	new_pipe("ov_02", &server, &client);
	CreateIoCompletionPort(server, port, 2, 0);
	n = 12345;
	IS("OV-2", "read an empty pipe", ERROR_OF(ReadFile(server, buf, 16, &n, at(&ov, 0))),
	   ERROR_IO_PENDING);
	IS("OV-14", "bytes", n, 0);
	CHECK("OV-2", "Internal is STATUS_PENDING", ov.Internal == STATUS_PENDING);
	CHECK("OV-2", "it is not completed", !HasOverlappedIoCompleted(&ov));
	n = 12345;
	IS("OV-11", "its result", ERROR_OF(GetOverlappedResult(server, &ov, &n, FALSE)),
	   ERROR_IO_INCOMPLETE);
	IS("OV-11", "bytes", n, 12345);
	IS("NM-6", "no packet", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	send_bytes(client, "hello", 5);
	a = take(port, LONG_TIME);
	CHECK("NM-6", "the other end writes: a packet", a.ok && a.ov == &ov);
	IS("NM-6", "bytes", a.bytes, 5);
	CHECK("OV-2", "it is completed", HasOverlappedIoCompleted(&ov));
	CHECK("OV-11", "its result", GetOverlappedResult(server, &ov, &n, FALSE));
	IS("OV-11", "bytes", n, 5);
	CHECK("OV-4", "the data", !memcmp(buf, "hello", 5));
	CloseHandle(client);
	CloseHandle(server);
	CloseHandle(port);
	return conform_end();
}
