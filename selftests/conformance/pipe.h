/* SPDX-License-Identifier: GPL-2.0-only */
/* Pipes, for operations that wait for the other end. */
#ifndef CONFORM_PIPE_H
#define CONFORM_PIPE_H

#include "conform.h"

/* Both ends of a pipe of bytes, overlapped; @name is for this program only. */
static inline void new_pipe(const char *name, HANDLE *server, HANDLE *client)
{
	char path[64];
	OVERLAPPED ov;

	snprintf(path, sizeof(path), "\\\\.\\pipe\\iocp-%s", name);
	*server = CreateNamedPipeA(path, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
				   PIPE_TYPE_BYTE | PIPE_WAIT, 1, 4096, 4096, 0, NULL);
	NEED(*server != INVALID_HANDLE_VALUE);
	*client = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
			      FILE_FLAG_OVERLAPPED, NULL);
	NEED(*client != INVALID_HANDLE_VALUE);
	NEED(!ConnectNamedPipe(*server, at(&ov, 0)) && GetLastError() == ERROR_PIPE_CONNECTED);
}

/* Writes to an end that is in no port, and waits until it is done. */
static inline void send_bytes(HANDLE end, const void *bytes, DWORD length)
{
	OVERLAPPED ov;
	DWORD n = 0;

	NEED(WriteFile(end, bytes, length, NULL, at(&ov, 0)) ||
	     GetLastError() == ERROR_IO_PENDING);
	NEED(GetOverlappedResult(end, &ov, &n, TRUE) && n == length);
}

#endif /* CONFORM_PIPE_H */
