/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * pipe.h - pipes with the Windows names.
 *
 * Part of <iocp/windows.h>, which includes it and has the rules for all functions.
 */
#ifndef IOCP_PIPE_H
#define IOCP_PIPE_H

#include "windows.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/**
 * CreatePipe() - a pipe(2); both ends are for calls without OVERLAPPED.
 * @nSize: how many bytes it should hold, or 0; the system has the last word
 *
 * Return: TRUE; FALSE with 4, 8 a limit.
 */
BOOL WINAPI CreatePipe(PHANDLE hReadPipe, PHANDLE hWritePipe,
		       LPSECURITY_ATTRIBUTES lpPipeAttributes, DWORD nSize);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* IOCP_PIPE_H */
