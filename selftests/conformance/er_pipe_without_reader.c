// SPDX-License-Identifier: GPL-2.0-only
/* Writing to a pipe that nobody can read any more. */
#include "pipe.h"

int main(void)
{
	HANDLE server, client, port = new_port(1), reader, writer;
	DWORD error, n = 12345;
	OVERLAPPED ov;
	char buf[4];

	new_pipe("er_pipe", &server, &client);
	CreateIoCompletionPort(server, port, 1, 0);
	CloseHandle(client);
	error = ERROR_OF(WriteFile(server, "x", 1, NULL, at(&ov, 0)));
	if (error == ERROR_IO_PENDING)
		error = take(port, LONG_TIME).error;
	CHECK("ER", "overlapped: no data, or broken pipe", error == ERROR_NO_DATA ||
	      error == ERROR_BROKEN_PIPE);
	IS("NM-8", "no packet is left", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	CloseHandle(server);

	NEED(CreatePipe(&reader, &writer, NULL, 0));
	CHECK("ER", "a plain pipe: write", WriteFile(writer, "ab", 2, &n, NULL) && n == 2);
	CHECK("ER", "read", ReadFile(reader, buf, 1, &n, NULL) && n == 1 && buf[0] == 'a');
	CHECK("ER", "read the rest", ReadFile(reader, buf, 4, &n, NULL) && n == 1 &&
	      buf[0] == 'b');
	IS("ER", "write to the end for reading", ERROR_OF(WriteFile(reader, "x", 1, &n, NULL)),
	   ERROR_ACCESS_DENIED);
	IS("ER", "read from the end for writing", ERROR_OF(ReadFile(writer, buf, 1, &n, NULL)),
	   ERROR_ACCESS_DENIED);
	CloseHandle(writer);
	IS("ER", "the writer is closed: read", ERROR_OF(ReadFile(reader, buf, 4, &n, NULL)),
	   ERROR_BROKEN_PIPE);
	IS("ER", "bytes", n, 0);
	CloseHandle(reader);
	NEED(CreatePipe(&reader, &writer, NULL, 0));
	CloseHandle(reader);
	IS("ER", "the reader is closed: write", ERROR_OF(WriteFile(writer, "x", 1, &n, NULL)),
	   ERROR_NO_DATA);
	IS("ER", "bytes", n, 0);
	CloseHandle(writer);
	CloseHandle(port);
	return conform_end();
}
