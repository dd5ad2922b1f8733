/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * libiocp, Windows names: completion ports, overlapped files and the thread pool
 * with the names, types and results of <windows.h>, over <iocp.h>.
 *
 * What is declared here works; what does not work is not declared.  The facts
 * in brackets (CP, OV, NM, TP) are the ones the comment is about; how the
 * library differs from Windows is in docs/deviations.md.
 *
 * Rules for all functions
 *
 * A function that fails returns FALSE, NULL or INVALID_HANDLE_VALUE and sets
 * the last error of the calling thread; one that succeeds leaves it alone
 * (CP-46), except where it is documented to set it, as CreateFileA does with
 * CREATE_ALWAYS and OPEN_ALWAYS.
 * The raw errno behind it is iocp_last_errno().
 *
 * A HANDLE is an index with a generation and not a file descriptor: a closed
 * handle is ERROR_INVALID_HANDLE and never another file.  Handles belong to the
 * process: they do not survive exec, and after fork() all of the parent's are
 * ERROR_INVALID_HANDLE in the child.  All functions may be called from any
 * thread, also from callbacks, but not from signal handlers.
 *
 * An OVERLAPPED and its buffer belong to the system from the call that returned
 * ERROR_IO_PENDING until the completion has been taken: by a callback, by
 * GetQueuedCompletionStatus(), or, on a handle with neither port nor TP_IO, by
 * GetOverlappedResult().  The library writes Internal and InternalHigh in the
 * thread that takes the completion (CP-49), with an event in one of its own before
 * it sets that; Internal last (OV-4).
 */
#ifndef IOCP_WINDOWS_H
#define IOCP_WINDOWS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/*
 * Types.  Windows' long has 32 bits: LONG, ULONG and DWORD are int here, so
 * print them with a cast or as %u.  LONGLONG and its like are long long, for %lld.
 */
#define VOID		void
#define CONST		const
#define WINAPI
#define CALLBACK
#define NTAPI
#define APIENTRY	WINAPI

typedef int BOOL;
typedef unsigned char BYTE;
typedef unsigned char UCHAR;
typedef unsigned char BOOLEAN;
typedef char CHAR;
typedef short SHORT;
typedef unsigned short WORD;
typedef unsigned short USHORT;
typedef int INT;
typedef unsigned int UINT;
typedef int32_t LONG;
typedef uint32_t ULONG;
typedef uint32_t DWORD;
typedef long long LONGLONG;
typedef unsigned long long ULONGLONG;
typedef unsigned long long DWORDLONG;
typedef long long LONG64;
typedef unsigned long long ULONG64;
typedef unsigned long long DWORD64;
typedef intptr_t LONG_PTR;
typedef uintptr_t ULONG_PTR;
typedef intptr_t INT_PTR;
typedef uintptr_t UINT_PTR;
typedef uintptr_t DWORD_PTR;
typedef uintptr_t SIZE_T;
typedef intptr_t SSIZE_T;
typedef void *PVOID;
typedef void *LPVOID;
typedef const void *LPCVOID;
typedef void *HANDLE;
typedef HANDLE *PHANDLE;
typedef HANDLE *LPHANDLE;
typedef struct HINSTANCE__ *HINSTANCE;
typedef HINSTANCE HMODULE;
typedef intptr_t (WINAPI *FARPROC)(void);
typedef char *LPSTR;
typedef const char *LPCSTR;
/*
 * UTF-16: WCHAR has 16 bits.  The wide literals of a Linux compiler, L"...", have 32
 * and do not fit, unless it was told -fshort-wchar; u"..." and TEXT("...") do.
 */
#if defined(__SIZEOF_WCHAR_T__) && __SIZEOF_WCHAR_T__ == 2
#define __TEXT(quote)	L##quote
#ifdef __cplusplus
typedef wchar_t WCHAR;
#else
typedef __WCHAR_TYPE__ WCHAR;
#endif
#else
#define __TEXT(quote)	u##quote
#ifdef __cplusplus
typedef char16_t WCHAR;
#else
typedef __CHAR16_TYPE__ WCHAR;
#endif
#endif
typedef WCHAR *PWCHAR;
typedef WCHAR *LPWSTR;
typedef WCHAR *PWSTR;
typedef const WCHAR *LPCWSTR;
typedef const WCHAR *PCWSTR;
/* UNICODE makes names without a suffix the wide ones. */
#ifdef UNICODE
typedef WCHAR TCHAR;
#define TEXT(quote)	__TEXT(quote)
#else
typedef CHAR TCHAR;
#define TEXT(quote)	quote
#endif
typedef TCHAR *LPTSTR;
typedef const TCHAR *LPCTSTR;
typedef BOOL *PBOOL;
typedef BOOL *LPBOOL;
typedef BYTE *PBYTE;
typedef BYTE *LPBYTE;
typedef LONG *PLONG;
typedef LONG *LPLONG;
typedef ULONG *PULONG;
typedef DWORD *PDWORD;
typedef DWORD *LPDWORD;
typedef ULONG_PTR *PULONG_PTR;
typedef LONG NTSTATUS;

typedef union _LARGE_INTEGER {
	__extension__ struct {
		DWORD LowPart;
		LONG HighPart;
	};
	struct {
		DWORD LowPart;
		LONG HighPart;
	} u;
	LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER;

typedef union _ULARGE_INTEGER {
	__extension__ struct {
		DWORD LowPart;
		DWORD HighPart;
	};
	struct {
		DWORD LowPart;
		DWORD HighPart;
	} u;
	ULONGLONG QuadPart;
} ULARGE_INTEGER, *PULARGE_INTEGER;

/* 100 ns since 1601. */
typedef struct _FILETIME {
	DWORD dwLowDateTime;
	DWORD dwHighDateTime;
} FILETIME, *PFILETIME, *LPFILETIME;

typedef struct _SECURITY_ATTRIBUTES {
	DWORD nLength;
	LPVOID lpSecurityDescriptor;
	BOOL bInheritHandle;
} SECURITY_ATTRIBUTES, *PSECURITY_ATTRIBUTES, *LPSECURITY_ATTRIBUTES;

/* OV-1: 32 bytes; Internal is an NTSTATUS, InternalHigh the bytes. */
typedef struct _OVERLAPPED {
	ULONG_PTR Internal;
	ULONG_PTR InternalHigh;
	__extension__ union {
		__extension__ struct {
			DWORD Offset;
			DWORD OffsetHigh;
		};
		PVOID Pointer;
	};
	HANDLE hEvent;
} OVERLAPPED, *LPOVERLAPPED;

typedef struct _OVERLAPPED_ENTRY {
	ULONG_PTR lpCompletionKey;
	LPOVERLAPPED lpOverlapped;
	ULONG_PTR Internal;
	DWORD dwNumberOfBytesTransferred;
} OVERLAPPED_ENTRY, *LPOVERLAPPED_ENTRY;

#ifndef FALSE
#define FALSE	0
#endif
#ifndef TRUE
#define TRUE	1
#endif

#define INVALID_HANDLE_VALUE	((HANDLE)(LONG_PTR)-1)
#define INFINITE		0xFFFFFFFFU
#define MAXDWORD		0xFFFFFFFFU
#define MAX_PATH		260

#define UNREFERENCED_PARAMETER(p)	((void)(p))
#define ZeroMemory(p, n)	__builtin_memset((p), 0, (n))
#define FillMemory(p, n, c)	__builtin_memset((p), (c), (n))
#define CopyMemory(d, s, n)	__builtin_memcpy((d), (s), (n))
#define MoveMemory(d, s, n)	__builtin_memmove((d), (s), (n))

/*
 * Codes of GetLastError() and IoResult that the library uses; the table that
 * makes them of errno and NTSTATUS is in the library's error.c.
 */
#define NO_ERROR			0U
#define ERROR_SUCCESS			0U
#define ERROR_INVALID_FUNCTION		1U
#define ERROR_FILE_NOT_FOUND		2U
#define ERROR_PATH_NOT_FOUND		3U
#define ERROR_TOO_MANY_OPEN_FILES	4U
#define ERROR_ACCESS_DENIED		5U
#define ERROR_INVALID_HANDLE		6U
#define ERROR_NOT_ENOUGH_MEMORY		8U
#define ERROR_OUTOFMEMORY		14U
#define ERROR_NOT_SAME_DEVICE		17U
#define ERROR_NO_MORE_FILES		18U
#define ERROR_WRITE_PROTECT		19U
#define ERROR_NOT_READY			21U
#define ERROR_CRC			23U
#define ERROR_SHARING_VIOLATION		32U
#define ERROR_LOCK_VIOLATION		33U
#define ERROR_HANDLE_EOF		38U
#define ERROR_HANDLE_DISK_FULL		39U
#define ERROR_NOT_SUPPORTED		50U
#define ERROR_UNEXP_NET_ERR		59U
#define ERROR_NETNAME_DELETED		64U
#define ERROR_FILE_EXISTS		80U
#define ERROR_INVALID_PARAMETER		87U
#define ERROR_BROKEN_PIPE		109U
#define ERROR_DISK_FULL			112U
#define ERROR_SEM_TIMEOUT		121U
#define ERROR_INSUFFICIENT_BUFFER	122U
#define ERROR_INVALID_NAME		123U
#define ERROR_MOD_NOT_FOUND		126U
#define ERROR_PROC_NOT_FOUND		127U
#define ERROR_WAIT_NO_CHILDREN		128U
#define ERROR_NEGATIVE_SEEK		131U
#define ERROR_DIR_NOT_EMPTY		145U
#define ERROR_NOT_LOCKED		158U
#define ERROR_MAX_THRDS_REACHED		164U
#define ERROR_BUSY			170U
#define ERROR_ALREADY_EXISTS		183U
#define ERROR_FILENAME_EXCED_RANGE	206U
#define ERROR_FILE_TOO_LARGE		223U
#define ERROR_PIPE_BUSY			231U
#define ERROR_NO_DATA			232U
#define ERROR_PIPE_NOT_CONNECTED	233U
#define ERROR_MORE_DATA			234U
#define WAIT_TIMEOUT			258U
#define ERROR_DIRECTORY			267U
#define ERROR_NOT_OWNER			288U
#define ERROR_TOO_MANY_POSTS		298U
#define ERROR_INVALID_LOCK_RANGE	307U
#define ERROR_MR_MID_NOT_FOUND		317U
#define ERROR_NO_SUCH_DEVICE		433U
#define ERROR_PIPE_CONNECTED		535U
#define ERROR_PIPE_LISTENING		536U
#define ERROR_ABANDONED_WAIT_0		735U
#define ERROR_OPERATION_ABORTED		995U
#define ERROR_IO_INCOMPLETE		996U
#define ERROR_IO_PENDING		997U
#define ERROR_NOACCESS			998U
#define ERROR_INVALID_FLAGS		1004U
#define ERROR_FILE_INVALID		1006U
#define ERROR_NO_UNICODE_TRANSLATION	1113U
#define ERROR_IO_DEVICE			1117U
#define ERROR_POSSIBLE_DEADLOCK		1131U
#define ERROR_TOO_MANY_LINKS		1142U
#define ERROR_DEVICE_NOT_CONNECTED	1167U
#define ERROR_NOT_FOUND			1168U
#define ERROR_CONNECTION_REFUSED	1225U
#define ERROR_ADDRESS_ALREADY_ASSOCIATED 1227U
#define ERROR_NETWORK_UNREACHABLE	1231U
#define ERROR_HOST_UNREACHABLE		1232U
#define ERROR_CONNECTION_ABORTED	1236U
#define ERROR_DISK_QUOTA_EXCEEDED	1295U
#define ERROR_PRIVILEGE_NOT_HELD	1314U
#define ERROR_NO_SYSTEM_RESOURCES	1450U
#define ERROR_TIMEOUT			1460U
#define ERROR_INVALID_USER_BUFFER	1784U
#define ERROR_NOT_ENOUGH_QUOTA		1816U

/* The NTSTATUS values that <windows.h> has; <ntstatus.h> here has the rest. */
#define STATUS_WAIT_0			((NTSTATUS)0x00000000)
#define STATUS_ABANDONED_WAIT_0		((NTSTATUS)0x00000080)
#define STATUS_TIMEOUT			((NTSTATUS)0x00000102)
#define STATUS_PENDING			((NTSTATUS)0x00000103)
#define STATUS_ACCESS_VIOLATION		((NTSTATUS)0xC0000005)
#define STATUS_INVALID_HANDLE		((NTSTATUS)0xC0000008)
#define STATUS_INVALID_PARAMETER	((NTSTATUS)0xC000000D)
#define STATUS_NO_MEMORY		((NTSTATUS)0xC0000017)

/*
 * Last error
 */

/** GetLastError() - the calling thread's last error; 0 in a new thread. */
DWORD WINAPI GetLastError(VOID);

/** SetLastError() - set it. */
VOID WINAPI SetLastError(DWORD dwErrCode);

/**
 * iocp_last_errno() - errno behind the last error of this thread.
 *
 * Where the library itself found the error (say, a handle that is not one) it is
 * the errno that fits best.  During a callback it is the one behind IoResult.
 */
int iocp_last_errno(void);

/*
 * Handles
 */

/**
 * CloseHandle() - close a handle of any kind.
 *
 * Where the object has another handle (DuplicateHandle()) nothing else happens.  The
 * last one:
 * File: what is in flight is cancelled and its completions come as usual, with a
 * port also after this call: 995, of pipes 109, of sockets 1236 (OV-30); without
 * a port, OVERLAPPEDs are final once HasOverlappedIoCompleted() says so.  Nothing
 * in flight: nothing is queued (OV-31).  A call of another thread that is using the
 * file goes on undisturbed, but for one that CancelSynchronousIo() could end.
 * Port: waiting threads return with 735 (CP-50), packets that wait or come later are
 * lost, their OVERLAPPEDs stay pending (CP-51); its files remain usable, as if they
 * had no port (CP-59).
 *
 * Return: TRUE; FALSE with 6 not a handle or closed already.
 */
BOOL WINAPI CloseHandle(HANDLE hObject);

#define DUPLICATE_CLOSE_SOURCE	0x1U
#define DUPLICATE_SAME_ACCESS	0x2U

/**
 * DuplicateHandle() - another handle of the same object (CP-9).
 * @hSourceProcessHandle, @hTargetProcessHandle: GetCurrentProcess()
 * @hSourceHandle: of any kind; also GetCurrentThread(), which gives one that is good
 *	in other threads
 * @lpTargetHandle: gets the new one; may be NULL with DUPLICATE_CLOSE_SOURCE
 * @dwDesiredAccess: not looked at: all handles of an object may do the same
 * @dwOptions: DUPLICATE_CLOSE_SOURCE closes the source, also where the call fails
 *
 * Return: TRUE; FALSE with 6 another process or a bad handle, 87 another option, 8.
 */
BOOL WINAPI DuplicateHandle(HANDLE hSourceProcessHandle, HANDLE hSourceHandle,
			    HANDLE hTargetProcessHandle, LPHANDLE lpTargetHandle,
			    DWORD dwDesiredAccess, BOOL bInheritHandle, DWORD dwOptions);

/*
 * Libraries
 */

/**
 * LoadLibraryA() and W - dlopen(3); the module is what that gives.
 * @lpLibFileName: a path, or a name that is searched as dlopen(3) says
 * Return: the module; NULL with 126 (IOCP_DEBUG tells why), 87.
 */
HMODULE WINAPI LoadLibraryA(LPCSTR lpLibFileName);
HMODULE WINAPI LoadLibraryW(LPCWSTR lpLibFileName);
#ifdef UNICODE
#define LoadLibrary	LoadLibraryW
#else
#define LoadLibrary	LoadLibraryA
#endif

/** FreeLibrary() - dlclose(3): gives one reference back.  FALSE: 126. */
BOOL WINAPI FreeLibrary(HMODULE hLibModule);

/** GetProcAddress() - dlsym(3).  NULL: 127 no such name, 126. */
FARPROC WINAPI GetProcAddress(HMODULE hModule, LPCSTR lpProcName);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#include "fileio.h"
#include "pipe.h"
#include "synch.h"
#include "threadpool.h"

#endif /* IOCP_WINDOWS_H */
