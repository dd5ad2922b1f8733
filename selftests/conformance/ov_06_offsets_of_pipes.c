// SPDX-License-Identifier: GPL-2.0-only
/* What cannot be sought ignores the offset. */
#include "pipe.h"

int main(void)
{
	HANDLE server, client, port = new_port(1);
	struct answer a;
	OVERLAPPED ov;
	char buf[16];

	new_pipe("ov_06", &server, &client);
	CreateIoCompletionPort(server, port, 6, 0);
	send_bytes(client, "abcdefgh", 8);
	ReadFile(server, buf, 4, NULL, at(&ov, 1000));
	a = take(port, LONG_TIME);
	CHECK("OV-6", "read at 1000", a.ok && a.bytes == 4 && !memcmp(buf, "abcd", 4));
	IS("OV-5", "the Offset is not changed", ov.Offset, 1000);
	ReadFile(server, buf, 4, NULL, at(&ov, 0));
	a = take(port, LONG_TIME);
	CHECK("OV-6", "read at 0: what comes next", a.ok && a.bytes == 4 && !memcmp(buf, "efgh", 4));
	WriteFile(server, "xyz", 3, NULL, at(&ov, 1ull << 40));
	IS("OV-6", "write at 1 TiB, bytes", take(port, LONG_TIME).bytes, 3);
	WriteFile(server, "uvw", 3, NULL, at(&ov, (ULONGLONG)-1));
	IS("OV-6", "write at -1, bytes", take(port, LONG_TIME).bytes, 3);
	CloseHandle(client);
	CloseHandle(server);
	CloseHandle(port);
	return conform_end();
}
