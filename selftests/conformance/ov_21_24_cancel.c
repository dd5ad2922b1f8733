// SPDX-License-Identifier: GPL-2.0-only
/* CancelIoEx(): one operation, or all of a handle. */
#include "pipe.h"

int main(void)
{
	HANDLE server, client, port = new_port(1);
	OVERLAPPED ov[4];
	char buf[4][16];
	struct answer a;
	int i, seen[4] = { 0, 0, 0, 0 };

	new_pipe("ov_21", &server, &client);
	CreateIoCompletionPort(server, port, 21, 0);
	for (i = 0; i < 4; i++)
		IS("OV-2", "read", ERROR_OF(ReadFile(server, buf[i], 16, NULL, at(&ov[i], 0))),
		   ERROR_IO_PENDING);
	CHECK("OV-24", "cancel the third", CancelIoEx(server, &ov[2]));
	a = take(port, LONG_TIME);
	CHECK("OV-25", "its packet, of failure", !a.ok && a.ov == &ov[2]);
	IS("OV-21", "the error", a.error, ERROR_OPERATION_ABORTED);
	IS("OV-21", "bytes", a.bytes, 0);
	IS("OV-25", "key", a.key, 21);
	CHECK("OV-21", "the status", (DWORD)ov[2].Internal == 0xc0000120);
	IS("OV-24", "no other", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	IS("OV-24", "cancel it again", ERROR_OF(CancelIoEx(server, &ov[2])), ERROR_NOT_FOUND);
	send_bytes(client, "first", 5);
	a = take(port, LONG_TIME);
	CHECK("OV-25", "the others go on", a.ok && a.ov == &ov[0] && !memcmp(buf[0], "first", 5));
	CHECK("OV-24", "cancel all", CancelIoEx(server, NULL));
	for (i = 0; i < 2; i++) {
		a = take(port, LONG_TIME);
		IS("OV-21", "the error", a.error, ERROR_OPERATION_ABORTED);
		if (a.ov >= ov && a.ov < ov + 4)
			seen[a.ov - ov]++;
	}
	CHECK("OV-25", "each ended once", seen[1] == 1 && seen[3] == 1 && !seen[0] && !seen[2]);
	IS("OV-25", "no more packets", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	ReadFile(server, buf[0], 16, NULL, at(&ov[0], 0));
	send_bytes(client, "more", 4);
	IS("OV-24", "the handle works on, bytes", take(port, LONG_TIME).bytes, 4);
	CloseHandle(client);
	CloseHandle(server);
	CloseHandle(port);
	return conform_end();
}
