// SPDX-License-Identifier: GPL-2.0-only
/* The other end of a pipe goes. */
#include "pipe.h"

int main(void)
{
	HANDLE server, client, port = new_port(1);
	struct answer a;
	OVERLAPPED ov;
	char buf[16];
	DWORD error;

	new_pipe("ov_17", &server, &client);
	CreateIoCompletionPort(server, port, 17, 0);
	IS("OV-2", "read an empty pipe", ERROR_OF(ReadFile(server, buf, 16, NULL, at(&ov, 0))),
	   ERROR_IO_PENDING);
	CloseHandle(client);
	a = take(port, LONG_TIME);
	CHECK("OV-17", "the other end is closed: a packet of failure", !a.ok && a.ov == &ov);
	IS("OV-17", "the error", a.error, ERROR_BROKEN_PIPE);
	IS("OV-17", "bytes", a.bytes, 0);
	CHECK("OV-17", "the status", (DWORD)ov.Internal == 0xc000014b);
	/* At once, or in a packet: an error it is. */
	error = ERROR_OF(ReadFile(server, buf, 16, NULL, at(&ov, 0)));
	if (error == ERROR_IO_PENDING)
		error = take(port, LONG_TIME).error;
	IS("OV-17", "read again", error, ERROR_BROKEN_PIPE);
	IS("NM-15", "no more packets", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	CloseHandle(server);

	/* What was written before is still there. */
	new_pipe("ov_17b", &server, &client);
	CreateIoCompletionPort(server, port, 18, 0);
	send_bytes(client, "last words", 10);
	CloseHandle(client);
	ReadFile(server, buf, 16, NULL, at(&ov, 0));
	a = take(port, LONG_TIME);
	CHECK("OV-17", "written before the close: read", a.ok && a.bytes == 10);
	CHECK("OV-17", "the data", !memcmp(buf, "last words", 10));
	CloseHandle(server);
	CloseHandle(port);
	return conform_end();
}
