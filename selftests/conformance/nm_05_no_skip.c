// SPDX-License-Identifier: GPL-2.0-only
/* Without skip-on-success each operation that is not refused has a packet. */
#include "pipe.h"

int main(void)
{
	HANDLE server, client, port = new_port(1);
	struct answer a;
	OVERLAPPED ov;
	char buf[16];
	DWORD error;
	int i;

	new_pipe("nm_05n", &server, &client);
	CreateIoCompletionPort(server, port, 5, 0);
	for (i = 0; i < 3; i++) {
		send_bytes(client, "there", 5);
		error = ERROR_OF(ReadFile(server, buf, 16, NULL, at(&ov, 0)));
		CHECK("NM-5", "read what is there: TRUE or pending",
		      !error || error == ERROR_IO_PENDING);
		a = take(port, LONG_TIME);
		CHECK("NM-5", "a packet", a.ok && a.ov == &ov && a.bytes == 5);
		error = ERROR_OF(WriteFile(server, "fits", 4, NULL, at(&ov, 0)));
		CHECK("NM-5", "write what fits: TRUE or pending",
		      !error || error == ERROR_IO_PENDING);
		a = take(port, LONG_TIME);
		CHECK("NM-5", "a packet", a.ok && a.ov == &ov && a.bytes == 4);
	}
	IS("NM-5", "no more packets", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	CloseHandle(client);
	CloseHandle(server);
	CloseHandle(port);
	return conform_end();
}
