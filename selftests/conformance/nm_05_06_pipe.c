// SPDX-License-Identifier: GPL-2.0-only
/* Skip-on-success: no packet for what is done at once, one for what was pending. */
#include "pipe.h"

int main(void)
{
	HANDLE server, client, port = new_port(1);
	struct answer a;
	OVERLAPPED ov;
	char buf[16];
	DWORD n, error;

	new_pipe("nm_05", &server, &client);
	CreateIoCompletionPort(server, port, 5, 0);
	NEED(SetFileCompletionNotificationModes(server, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS));

	send_bytes(client, "there", 5);
	n = 12345;
	CHECK("NM-5", "read what is there: TRUE", ReadFile(server, buf, 16, &n, at(&ov, 0)));
	IS("OV-14", "bytes", n, 5);
	CHECK("NM-5", "it is completed", ov.Internal == 0 && ov.InternalHigh == 5);
	IS("NM-5", "no packet", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	n = 12345;
	CHECK("NM-5", "write what fits: TRUE", WriteFile(server, "fits", 4, &n, at(&ov, 0)));
	IS("OV-14", "bytes", n, 4);
	IS("NM-5", "no packet", take(port, SHORT_TIME).error, WAIT_TIMEOUT);

	IS("NM-6", "read what is not there", ERROR_OF(ReadFile(server, buf, 16, NULL,
	   at(&ov, 0))), ERROR_IO_PENDING);
	send_bytes(client, "later", 5);
	a = take(port, LONG_TIME);
	CHECK("NM-6", "a packet", a.ok && a.ov == &ov && a.bytes == 5);

	IS("NM-7", "and again", ERROR_OF(ReadFile(server, buf, 16, NULL, at(&ov, 0))),
	   ERROR_IO_PENDING);
	CHECK("NM-7", "cancelled", CancelIoEx(server, &ov));
	a = take(port, LONG_TIME);
	CHECK("NM-7", "a packet", !a.ok && a.ov == &ov);
	IS("NM-7", "the error", a.error, ERROR_OPERATION_ABORTED);
	CloseHandle(client);
	error = ERROR_OF(ReadFile(server, buf, 16, NULL, at(&ov, 0)));
	/* At once and no packet, or later and one. */
	IS("NM-8", "the other end is closed", error == ERROR_IO_PENDING ?
	   take(port, LONG_TIME).error : error, ERROR_BROKEN_PIPE);
	IS("NM-8", "no more packets", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	CloseHandle(server);
	CloseHandle(port);
	return conform_end();
}
