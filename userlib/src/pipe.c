// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * pipe.c - pipes.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "win.h"

BOOL WINAPI CreatePipe(PHANDLE hReadPipe, PHANDLE hWritePipe,
		       LPSECURITY_ATTRIBUTES lpPipeAttributes, DWORD nSize)
{
	struct iocpi_file *read_end, *write_end;
	int fds[2];

	(void)lpPipeAttributes;
	if (pipe2(fds, O_CLOEXEC))
		return iocpi_fail_errno(errno);
	/* A wish: what the system does not grant is no reason to fail. */
	if (nSize && nSize <= INT_MAX)
		fcntl(fds[0], F_SETPIPE_SZ, (int)nSize);
	read_end = iocpi_file_alloc(fds[0], FILE_READ_DATA, false);
	if (!read_end) {
		close(fds[1]);
		return FALSE;
	}
	write_end = iocpi_file_alloc(fds[1], FILE_WRITE_DATA | FILE_APPEND_DATA, false);
	if (!write_end) {
		CloseHandle(iocpi_file_open(read_end));
		return FALSE;
	}
	*hReadPipe = iocpi_file_open(read_end);
	*hWritePipe = iocpi_file_open(write_end);
	return TRUE;
}
