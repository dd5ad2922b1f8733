// SPDX-License-Identifier: GPL-2.0-only
/* A write of more than the pipe holds ends when all of it was taken. */
#include "pipe.h"

#define SIZE	(1 << 20)

static char out[SIZE], in[SIZE];

int main(void)
{
	HANDLE server, client, port = new_port(1);
	DWORD i, n, got = 0, failed = 0;
	OVERLAPPED ov, read;
	struct answer a;

	for (i = 0; i < SIZE; i++)
		out[i] = (char)(i * 7 + i / 251);
	new_pipe("ov_20", &server, &client);
	CreateIoCompletionPort(server, port, 20, 0);
	IS("OV-20", "write 1 MiB", ERROR_OF(WriteFile(server, out, SIZE, NULL, at(&ov, 0))),
	   ERROR_IO_PENDING);
	IS("OV-20", "nobody reads: it waits", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	while (got < SIZE && !failed) {
		n = 0;
		if (!ReadFile(client, in + got, SIZE - got, NULL, at(&read, 0)))
			failed = GetLastError() != ERROR_IO_PENDING;
		failed |= !GetOverlappedResult(client, &read, &n, TRUE);
		got += n;
	}
	IS("OV-20", "read in the end", got, SIZE);
	a = take(port, LONG_TIME);
	CHECK("OV-20", "the write is a success", a.ok && a.ov == &ov);
	IS("OV-20", "bytes", a.bytes, SIZE);
	CHECK("OV-20", "all as it was written", !memcmp(in, out, SIZE));
	CloseHandle(client);
	CloseHandle(server);
	CloseHandle(port);
	return conform_end();
}
