// SPDX-License-Identifier: GPL-2.0-only
/* Closing a file with operations under way: each ends, with a packet. */
#include "pipe.h"

int main(void)
{
	HANDLE server, client, port = new_port(1);
	OVERLAPPED ov[3];
	char buf[3][16];
	struct answer a;
	int i, seen[3] = { 0, 0, 0 };

	new_pipe("ov_30", &server, &client);
	CreateIoCompletionPort(server, port, 30, 0);
	for (i = 0; i < 3; i++)
		IS("OV-2", "read", ERROR_OF(ReadFile(server, buf[i], 16, NULL, at(&ov[i], 0))),
		   ERROR_IO_PENDING);
	CHECK("OV-30", "close", CloseHandle(server));
	for (i = 0; i < 3; i++) {
		a = take(port, LONG_TIME);
		CHECK("OV-30", "a packet of failure", !a.ok && a.ov != NULL);
		CHECK("OV-30", "that it is a broken pipe, or cancelled",
		      a.error == ERROR_BROKEN_PIPE || a.error == ERROR_OPERATION_ABORTED);
		IS("CP-6", "key", a.key, 30);
		IS("OV-30", "bytes", a.bytes, 0);
		if (a.ov >= ov && a.ov < ov + 3)
			seen[a.ov - ov]++;
	}
	CHECK("OV-25", "each ended once", seen[0] == 1 && seen[1] == 1 && seen[2] == 1);
	IS("OV-30", "no more packets", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	CloseHandle(client);
	CloseHandle(port);
	return conform_end();
}
