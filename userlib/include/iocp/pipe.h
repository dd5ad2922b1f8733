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

/*
 * Named pipes, in byte mode
 *
 * A name is \\.\pipe\ and up to about 80 bytes, in which ASCII letters of either case
 * are the same.  Server and clients are processes of one user on one machine (and in
 * one network namespace); whoever else tries is turned away by either side.  One
 * process serves a name.
 *
 * One client more than there are instances to connect to can connect: it waits until
 * the server gets to it, which shows it no difference but the time.
 */

#define PIPE_ACCESS_INBOUND		0x00000001U
#define PIPE_ACCESS_OUTBOUND		0x00000002U
#define PIPE_ACCESS_DUPLEX		0x00000003U
#define FILE_FLAG_FIRST_PIPE_INSTANCE	0x00080000U

#define PIPE_WAIT			0x00000000U
#define PIPE_READMODE_BYTE		0x00000000U
#define PIPE_TYPE_BYTE			0x00000000U
#define PIPE_ACCEPT_REMOTE_CLIENTS	0x00000000U
#define PIPE_REJECT_REMOTE_CLIENTS	0x00000008U

#define PIPE_UNLIMITED_INSTANCES	255U

#define NMPWAIT_USE_DEFAULT_WAIT	0x00000000U
#define NMPWAIT_WAIT_FOREVER		0xFFFFFFFFU

/**
 * CreateNamedPipeA() - make an instance of a pipe, its first or another one.
 * @dwOpenMode: PIPE_ACCESS_*; FILE_FLAG_OVERLAPPED, FILE_FLAG_FIRST_PIPE_INSTANCE
 * @dwPipeMode: the flags above
 * @nMaxInstances: of the first one counts: 1 ... 254 or PIPE_UNLIMITED_INSTANCES
 * @nOutBufferSize, @nInBufferSize, @nDefaultTimeOut: not looked at
 *
 * Clients can connect from now on: with CreateFileA() and the same name.
 *
 * Return: the handle; INVALID_HANDLE_VALUE with 123 no such names, 87 a bad value, 50
 * another mode, 231 that many instances are there, 5 it is there (first instance), or
 * another process has the name; 4, 8 a limit.
 */
HANDLE WINAPI CreateNamedPipeA(LPCSTR lpName, DWORD dwOpenMode, DWORD dwPipeMode,
			       DWORD nMaxInstances, DWORD nOutBufferSize, DWORD nInBufferSize,
			       DWORD nDefaultTimeOut, LPSECURITY_ATTRIBUTES lpSecurityAttributes);
HANDLE WINAPI CreateNamedPipeW(LPCWSTR lpName, DWORD dwOpenMode, DWORD dwPipeMode,
			       DWORD nMaxInstances, DWORD nOutBufferSize, DWORD nInBufferSize,
			       DWORD nDefaultTimeOut, LPSECURITY_ATTRIBUTES lpSecurityAttributes);

/**
 * ConnectNamedPipe() - wait for a client, at the server's end.
 * @lpOverlapped: of an overlapped instance: the end of the wait is its completion, as
 *	of a read, in event, port or TP_IO.  Otherwise, or NULL, the call waits
 *
 * Return: TRUE there is one; FALSE with 997 it will be told; 535 one had connected
 * already, which is success, and no completion follows; 232 it has gone again:
 * DisconnectNamedPipe() is due; 536 such a wait is pending; 6, 1 not the server's end.
 */
BOOL WINAPI ConnectNamedPipe(HANDLE hNamedPipe, LPOVERLAPPED lpOverlapped);

/**
 * DisconnectNamedPipe() - end the connection: the client reads what is there, then 109.
 * What is pending ends with 109.  The instance can connect again, and stays in the port
 * or TP_IO that it is in.
 *
 * Return: TRUE; FALSE with 536 there was none yet, 233 none any more; 6, 1.
 */
BOOL WINAPI DisconnectNamedPipe(HANDLE hNamedPipe);

/**
 * WaitNamedPipeA() - wait until a client can connect.
 * @nTimeOut: milliseconds; 0: 50; NMPWAIT_WAIT_FOREVER
 *
 * Another client may then be faster: CreateFileA() says 231, wait again.
 *
 * Return: TRUE; FALSE with 2 nobody serves the name, 121 not in time, 3 no such names, 5
 * another user's.
 */
BOOL WINAPI WaitNamedPipeA(LPCSTR lpNamedPipeName, DWORD nTimeOut);
BOOL WINAPI WaitNamedPipeW(LPCWSTR lpNamedPipeName, DWORD nTimeOut);

#ifdef UNICODE
#define CreateNamedPipe	CreateNamedPipeW
#define WaitNamedPipe	WaitNamedPipeW
#else
#define CreateNamedPipe	CreateNamedPipeA
#define WaitNamedPipe	WaitNamedPipeA
#endif

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* IOCP_PIPE_H */
