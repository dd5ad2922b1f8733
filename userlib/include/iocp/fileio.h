/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * fileio.h - files, overlapped I/O and completion ports with the Windows names.
 *
 * Part of <iocp/windows.h>, which includes it and has the rules for all functions.
 */
#ifndef IOCP_FILEIO_H
#define IOCP_FILEIO_H

#include "windows.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/*
 * Files
 */

#define DELETE			0x00010000U
#define READ_CONTROL		0x00020000U
#define SYNCHRONIZE		0x00100000U
#define GENERIC_ALL		0x10000000U
#define GENERIC_EXECUTE		0x20000000U
#define GENERIC_WRITE		0x40000000U
#define GENERIC_READ		0x80000000U
#define FILE_READ_DATA		0x00000001U
#define FILE_WRITE_DATA		0x00000002U
#define FILE_APPEND_DATA	0x00000004U
#define FILE_READ_ATTRIBUTES	0x00000080U
#define FILE_WRITE_ATTRIBUTES	0x00000100U

#define FILE_SHARE_READ		0x00000001U
#define FILE_SHARE_WRITE	0x00000002U
#define FILE_SHARE_DELETE	0x00000004U

#define CREATE_NEW		1U
#define CREATE_ALWAYS		2U
#define OPEN_EXISTING		3U
#define OPEN_ALWAYS		4U
#define TRUNCATE_EXISTING	5U

#define FILE_ATTRIBUTE_READONLY		0x00000001U
#define FILE_ATTRIBUTE_DIRECTORY	0x00000010U
#define FILE_ATTRIBUTE_ARCHIVE		0x00000020U
#define FILE_ATTRIBUTE_NORMAL		0x00000080U
#define FILE_ATTRIBUTE_REPARSE_POINT	0x00000400U

#define FILE_FLAG_SEQUENTIAL_SCAN	0x08000000U
#define FILE_FLAG_RANDOM_ACCESS		0x10000000U
#define FILE_FLAG_NO_BUFFERING		0x20000000U
#define FILE_FLAG_OVERLAPPED		0x40000000U
#define FILE_FLAG_WRITE_THROUGH		0x80000000U

#define FILE_BEGIN	0U
#define FILE_CURRENT	1U
#define FILE_END	2U

/**
 * CreateFileA(), CreateFileW() - open or create a file, block device, FIFO or
 * terminal.
 * @lpFileName: a path as open(2) takes it: '/' separates, '\\' is a character as any
 *	other.  Wide: in UTF-16, see MultiByteToWideChar()
 * @dwDesiredAccess: GENERIC_READ, GENERIC_WRITE, GENERIC_ALL, FILE_READ_DATA,
 *	FILE_WRITE_DATA; FILE_APPEND_DATA without write access opens O_APPEND;
 *	0 opens for GetFileSizeEx() only
 * @dwShareMode: any combination; checked for validity, not enforced (Linux has
 *	no mandatory sharing)
 * @lpSecurityAttributes: ignored: files are always closed on exec
 * @dwCreationDisposition: CREATE_NEW ... TRUNCATE_EXISTING
 * @dwFlagsAndAttributes: FILE_FLAG_OVERLAPPED; FILE_FLAG_NO_BUFFERING is
 *	O_DIRECT; FILE_FLAG_WRITE_THROUGH is O_DSYNC; the two access hints are
 *	posix_fadvise(2); FILE_ATTRIBUTE_READONLY creates without write permission
 * @hTemplateFile: NULL, or a valid handle, which is not looked at
 *
 * Return: a handle; or INVALID_HANDLE_VALUE, with last error 2 no such file,
 * 3 no such directory, 5 not permitted or a directory, 80 exists (CREATE_NEW),
 * 87 a value that is not listed above, 4, 8, 19, 112 and the rest of the table.
 * With CREATE_ALWAYS and OPEN_ALWAYS success sets the last error: 183 if the
 * file was there, else 0.
 */
HANDLE WINAPI CreateFileA(LPCSTR lpFileName, DWORD dwDesiredAccess, DWORD dwShareMode,
			  LPSECURITY_ATTRIBUTES lpSecurityAttributes, DWORD dwCreationDisposition,
			  DWORD dwFlagsAndAttributes, HANDLE hTemplateFile);
HANDLE WINAPI CreateFileW(LPCWSTR lpFileName, DWORD dwDesiredAccess, DWORD dwShareMode,
			  LPSECURITY_ATTRIBUTES lpSecurityAttributes, DWORD dwCreationDisposition,
			  DWORD dwFlagsAndAttributes, HANDLE hTemplateFile);

/**
 * ReadFile() - read, overlapped or not.
 * @lpNumberOfBytesRead: may be NULL with an OVERLAPPED; set to 0 first (OV-14)
 * @lpOverlapped: on a handle with FILE_FLAG_OVERLAPPED it is required (87);
 *	otherwise NULL reads at the file pointer, and an OVERLAPPED at its offset,
 *	and moves the pointer (OV-5).  hEvent: NULL, or an event, which is reset
 *	now and set when the operation ends, whoever takes its packet (OV-8, NM-16);
 *	with bit 0 set it queues no packet (OV-10, NM-11).  It is looked up when it is
 *	to be set: closing it first means that nobody is told
 *
 * Overlapped: FALSE with 997 is the usual answer, and a completion follows.
 * TRUE only if the handle has FILE_SKIP_COMPLETION_PORT_ON_SUCCESS, or neither
 * port nor TP_IO and is not a disk file; then it is done and no completion
 * follows (NM-5, OV-15b).  Any other error: nothing was started, no completion
 * follows (NM-8); Internal then holds the status.
 * End of file: 38 for files and devices, 109 for pipes, success with 0 bytes for
 * sockets (OV-15, OV-17), in the completion; not overlapped: TRUE with 0 bytes,
 * with an OVERLAPPED FALSE with 38; pipes 109.
 *
 * Errors found at once: 6 no file, or hEvent no event; 5 not opened for it, 87 a
 * negative offset (OV-7), 998 a bad buffer (OV-22), 1450 or 8 a limit.
 */
BOOL WINAPI ReadFile(HANDLE hFile, LPVOID lpBuffer, DWORD nNumberOfBytesToRead,
		     LPDWORD lpNumberOfBytesRead, LPOVERLAPPED lpOverlapped);

/**
 * WriteFile() - write; as ReadFile().
 *
 * An offset of -1 (both halves 0xFFFFFFFF) appends (OV-7).  Success means all
 * bytes (OV-20).  A pipe without reader is 232 at once and 109 in a completion,
 * never a SIGPIPE.
 */
BOOL WINAPI WriteFile(HANDLE hFile, LPCVOID lpBuffer, DWORD nNumberOfBytesToWrite,
		      LPDWORD lpNumberOfBytesWritten, LPOVERLAPPED lpOverlapped);

typedef union _FILE_SEGMENT_ELEMENT {
	PVOID Buffer;
	ULONGLONG Alignment;
} FILE_SEGMENT_ELEMENT, *PFILE_SEGMENT_ELEMENT;

/**
 * ReadFileScatter(), WriteFileGather() - one read or write, a page to each buffer.
 * @hFile: opened with FILE_FLAG_OVERLAPPED and FILE_FLAG_NO_BUFFERING (87)
 * @aSegmentArray: page-aligned addresses (87), as many as the bytes need; the array
 *	may go after the call, the pages not before the end
 * @lpReserved: not looked at
 *
 * As ReadFile(), WriteFile().  Pages that do not follow each other: 1024 at most (87).
 */
BOOL WINAPI ReadFileScatter(HANDLE hFile, FILE_SEGMENT_ELEMENT aSegmentArray[],
			    DWORD nNumberOfBytesToRead, LPDWORD lpReserved,
			    LPOVERLAPPED lpOverlapped);
BOOL WINAPI WriteFileGather(HANDLE hFile, FILE_SEGMENT_ELEMENT aSegmentArray[],
			    DWORD nNumberOfBytesToWrite, LPDWORD lpReserved,
			    LPOVERLAPPED lpOverlapped);

/** FlushFileBuffers() - fsync(2).  FALSE: 5 not open for writing, 6, 1117 ... */
BOOL WINAPI FlushFileBuffers(HANDLE hFile);

/** GetFileSizeEx() - size of a file or block device.  FALSE: 6, 1 has no size. */
BOOL WINAPI GetFileSizeEx(HANDLE hFile, PLARGE_INTEGER lpFileSize);

/**
 * SetFilePointerEx() - move the pointer that calls without OVERLAPPED use.
 * FALSE: 6, 87 unknown method, 131 it would be negative.
 */
BOOL WINAPI SetFilePointerEx(HANDLE hFile, LARGE_INTEGER liDistanceToMove,
			     PLARGE_INTEGER lpNewFilePointer, DWORD dwMoveMethod);

/** GetFileSize() - low half; 0xFFFFFFFF with a last error that is not 0: failed. */
DWORD WINAPI GetFileSize(HANDLE hFile, LPDWORD lpFileSizeHigh);
#define INVALID_FILE_SIZE	0xFFFFFFFFU

/**
 * SetFilePointer() - SetFilePointerEx() in halves.
 * @lpDistanceToMoveHigh: NULL, or the high half of distance and result
 *
 * Return: the low half of the new position, and 0 in the last error where that is
 * 0xFFFFFFFF; INVALID_SET_FILE_POINTER with the errors of SetFilePointerEx(), and
 * 87 a position that needs the high half.
 */
DWORD WINAPI SetFilePointer(HANDLE hFile, LONG lDistanceToMove, PLONG lpDistanceToMoveHigh,
			    DWORD dwMoveMethod);
#define INVALID_SET_FILE_POINTER	0xFFFFFFFFU

/** SetEndOfFile() - cut or extend at the file pointer.  FALSE: 6, 5 not for writing, 87. */
BOOL WINAPI SetEndOfFile(HANDLE hFile);

#define FILE_TYPE_UNKNOWN	0x0000U
#define FILE_TYPE_DISK		0x0001U
#define FILE_TYPE_CHAR		0x0002U
#define FILE_TYPE_PIPE		0x0003U

/** GetFileType() - DISK files and block devices, CHAR, PIPE also of sockets. */
DWORD WINAPI GetFileType(HANDLE hFile);

/**
 * GetOverlappedResult() - what became of an overlapped operation (OV-11).
 * @bWait: wait for it
 *
 * On a handle with neither port nor TP_IO this takes completions; on the others, and
 * where there is no event, they are taken by GetQueuedCompletionStatus() or the pool,
 * and this waits until they were.  It consumes no packet (OV-13) and no event, and
 * believes Internal and not the event (TR-13).
 *
 * Return: TRUE; FALSE with 996 pending (the count is not written), 6 bWait and
 * not a handle, or the operation's error; the count is written then too.
 */
BOOL WINAPI GetOverlappedResult(HANDLE hFile, LPOVERLAPPED lpOverlapped,
				LPDWORD lpNumberOfBytesTransferred, BOOL bWait);

/**
 * GetOverlappedResultEx() - the same, with a limit to the wait (OV-12).
 * @dwMilliseconds: 0 does not wait (996); INFINITE
 * @bAlertable: there are no APCs; TRUE changes nothing
 *
 * Return: as GetOverlappedResult(); 258 still pending after that time.
 */
BOOL WINAPI GetOverlappedResultEx(HANDLE hFile, LPOVERLAPPED lpOverlapped,
				  LPDWORD lpNumberOfBytesTransferred, DWORD dwMilliseconds,
				  BOOL bAlertable);

/**
 * HasOverlappedIoCompleted() - TRUE once Internal is not STATUS_PENDING (OV-2).
 *
 * A call and not only a look: on a handle with neither port nor TP_IO somebody
 * must take the completion, where there is no event.
 */
BOOL WINAPI iocp_overlapped_completed(const OVERLAPPED *overlapped);
#define HasOverlappedIoCompleted(lpOverlapped)	iocp_overlapped_completed(lpOverlapped)

/**
 * CancelIo() - ask for the end of what the calling thread started on a handle.
 * Return: TRUE, also if that is nothing (OV-23); FALSE with 6.
 */
BOOL WINAPI CancelIo(HANDLE hFile);

/**
 * CancelIoEx() - ask for the end of one or (NULL) all operations of a handle.
 *
 * Any thread's, not of other processes (OV-24).  It only marks (OV-25): each
 * still ends once, with 995 or its normal result.
 *
 * Return: TRUE; FALSE with 1168 nothing found: it has ended and its completion
 * comes or came (TR-6); 6.
 */
BOOL WINAPI CancelIoEx(HANDLE hFile, LPOVERLAPPED lpOverlapped);

/**
 * CancelSynchronousIo() - end the read or write that a thread is waiting in (OV-27).
 * @hThread: of a thread in ReadFile() or WriteFile() of a pipe, socket or terminal on a
 *	handle that is not overlapped; disk files cannot be interrupted
 *
 * That call ends with 995, or with what was moved until then.  It was begun after the
 * thread had a handle: all that CreateThread() makes have one.  Such calls of such threads
 * go through the internal port; without a device they cannot be cancelled.
 *
 * Return: TRUE; FALSE with 1168 it is in no such call, 6 not a thread.
 */
BOOL WINAPI CancelSynchronousIo(HANDLE hThread);

#define FILE_SKIP_COMPLETION_PORT_ON_SUCCESS	0x1
#define FILE_SKIP_SET_EVENT_ON_HANDLE		0x2

/**
 * SetFileCompletionNotificationModes() - NM-1: adds modes, never clears one.
 * @Flags: SKIP_COMPLETION_PORT_ON_SUCCESS: what succeeds at once returns TRUE and
 *	queues no packet; SKIP_SET_EVENT_ON_HANDLE: completions do not signal the
 *	file handle, and it is not signalled now (NM-4).  Unknown bits are ignored.
 *
 * Before or after the association (NM-2).  For all handles of the open file.
 *
 * Return: TRUE; FALSE with 6, 87 not opened with FILE_FLAG_OVERLAPPED.
 */
BOOL WINAPI SetFileCompletionNotificationModes(HANDLE FileHandle, UCHAR Flags);

/**
 * _get_osfhandle() - a handle for a file descriptor (any kind of file).
 *
 * The handle has the descriptor's open file, through a duplicate of it; the
 * descriptor stays the caller's.  A second call for the same open file gives the
 * same handle while that is open, so that dup'ed descriptors are one file object
 * (CP-9; where the kernel has kcmp(2)).  It counts as opened with
 * FILE_FLAG_OVERLAPPED.  End it with CloseHandle().
 *
 * Return: the handle; -1 with last error 6.
 */
intptr_t _get_osfhandle(int fd);

/**
 * _open_osfhandle() - a file descriptor for a handle.
 * @flags: O_CLOEXEC, or 0; the others are the open file's and stay as they are
 *
 * The descriptor is a duplicate: close(2) it, the handle remains.
 *
 * Return: the descriptor; -1 with last error 6 or 4.
 */
int _open_osfhandle(intptr_t osfhandle, int flags);

/*
 * Completion ports
 */

/**
 * CreateIoCompletionPort() - make a port, bring a file into one, or both (CP-1).
 * @FileHandle: opened with FILE_FLAG_OVERLAPPED; or INVALID_HANDLE_VALUE
 * @ExistingCompletionPort: NULL makes one
 * @CompletionKey: comes with every packet of the file (CP-6)
 * @NumberOfConcurrentThreads: 0: processors (CP-5); only looked at when a port is
 *	made
 *
 * Operations that are pending when the file comes into the port queue a packet
 * there, too (CP-11).
 *
 * Return: the port (CP-3: the same handle as given); NULL with 87 no file and an
 * existing port (CP-2), a file that is in a port or TP_IO already (CP-7) or was
 * not opened for overlapped I/O (CP-8); 6 a bad handle; 2 no /dev/iocp: the
 * module is not loaded; 50 a file of a kind that cannot do it.
 */
HANDLE WINAPI CreateIoCompletionPort(HANDLE FileHandle, HANDLE ExistingCompletionPort,
				     ULONG_PTR CompletionKey, DWORD NumberOfConcurrentThreads);

/**
 * GetQueuedCompletionStatus() - take one packet (CP-44).
 *
 * The thread joins the port (CP-30), except inside a pool callback, where it
 * stays with its pool (TR-10).
 *
 * Return: TRUE, a packet of success.  FALSE with *lpOverlapped not NULL: a packet
 * of an operation that failed, its error is the last error; counts and key are
 * written.  FALSE with *lpOverlapped NULL: no packet, nothing else is written:
 * 258 in time, 735 the port was closed, 6 not a port.
 */
BOOL WINAPI GetQueuedCompletionStatus(HANDLE CompletionPort, LPDWORD lpNumberOfBytesTransferred,
				      PULONG_PTR lpCompletionKey, LPOVERLAPPED *lpOverlapped,
				      DWORD dwMilliseconds);

/**
 * GetQueuedCompletionStatusEx() - take up to @ulCount packets (CP-52).
 * @lpCompletionPortEntries: Internal has the NTSTATUS of each
 * @ulNumEntriesRemoved: 0 where nothing was taken in time (CP-54)
 * @fAlertable: there are no APCs; TRUE changes nothing
 *
 * Return: TRUE, one or more, whatever their status; FALSE with 258, 735, 6 as
 * above, or 87: room for 0 (CP-53).
 */
BOOL WINAPI GetQueuedCompletionStatusEx(HANDLE CompletionPort,
					LPOVERLAPPED_ENTRY lpCompletionPortEntries, ULONG ulCount,
					PULONG ulNumEntriesRemoved, DWORD dwMilliseconds,
					BOOL fAlertable);

/**
 * PostQueuedCompletionStatus() - queue a packet; all three values go through
 * untouched (CP-24).  FALSE: 6, 1816 too many wait already, 1450 no memory.
 */
BOOL WINAPI PostQueuedCompletionStatus(HANDLE CompletionPort, DWORD dwNumberOfBytesTransferred,
				       ULONG_PTR dwCompletionKey, LPOVERLAPPED lpOverlapped);

#define FILE_ANY_ACCESS			0U
#define FILE_READ_ACCESS		1U
#define FILE_WRITE_ACCESS		2U
#define METHOD_BUFFERED			0U
#define METHOD_NEITHER			3U
#define FILE_DEVICE_DISK		0x07U
#define FILE_DEVICE_FILE_SYSTEM		0x09U
#define FILE_DEVICE_MASS_STORAGE	0x2dU
#define CTL_CODE(type, function, method, access) \
	((DWORD)(type) << 16 | (DWORD)(access) << 14 | (DWORD)(function) << 2 | (DWORD)(method))

#define FSCTL_SET_SPARSE \
	CTL_CODE(FILE_DEVICE_FILE_SYSTEM, 49, METHOD_BUFFERED, FILE_ANY_ACCESS)
#define FSCTL_SET_ZERO_DATA \
	CTL_CODE(FILE_DEVICE_FILE_SYSTEM, 50, METHOD_BUFFERED, FILE_WRITE_ACCESS)
#define FSCTL_QUERY_ALLOCATED_RANGES \
	CTL_CODE(FILE_DEVICE_FILE_SYSTEM, 51, METHOD_NEITHER, FILE_READ_ACCESS)
#define IOCTL_DISK_GET_LENGTH_INFO \
	CTL_CODE(FILE_DEVICE_DISK, 0x17, METHOD_BUFFERED, FILE_READ_ACCESS)
#define IOCTL_STORAGE_QUERY_PROPERTY \
	CTL_CODE(FILE_DEVICE_MASS_STORAGE, 0x500, METHOD_BUFFERED, FILE_ANY_ACCESS)

typedef struct _FILE_SET_SPARSE_BUFFER {
	BOOLEAN SetSparse;
} FILE_SET_SPARSE_BUFFER, *PFILE_SET_SPARSE_BUFFER;

typedef struct _FILE_ZERO_DATA_INFORMATION {
	LARGE_INTEGER FileOffset;
	LARGE_INTEGER BeyondFinalZero;
} FILE_ZERO_DATA_INFORMATION, *PFILE_ZERO_DATA_INFORMATION;

typedef struct _FILE_ALLOCATED_RANGE_BUFFER {
	LARGE_INTEGER FileOffset;
	LARGE_INTEGER Length;
} FILE_ALLOCATED_RANGE_BUFFER, *PFILE_ALLOCATED_RANGE_BUFFER;

typedef struct _GET_LENGTH_INFORMATION {
	LARGE_INTEGER Length;
} GET_LENGTH_INFORMATION, *PGET_LENGTH_INFORMATION;

typedef enum _STORAGE_PROPERTY_ID {
	StorageAccessAlignmentProperty = 6
} STORAGE_PROPERTY_ID;

typedef enum _STORAGE_QUERY_TYPE {
	PropertyStandardQuery = 0
} STORAGE_QUERY_TYPE;

typedef struct _STORAGE_PROPERTY_QUERY {
	STORAGE_PROPERTY_ID PropertyId;
	STORAGE_QUERY_TYPE QueryType;
	BYTE AdditionalParameters[1];
} STORAGE_PROPERTY_QUERY, *PSTORAGE_PROPERTY_QUERY;

typedef struct _STORAGE_ACCESS_ALIGNMENT_DESCRIPTOR {
	DWORD Version;
	DWORD Size;
	DWORD BytesPerCacheLine;
	DWORD BytesOffsetForCacheAlignment;
	DWORD BytesPerLogicalSector;
	DWORD BytesPerPhysicalSector;
	DWORD BytesOffsetForSectorAlignment;
} STORAGE_ACCESS_ALIGNMENT_DESCRIPTOR, *PSTORAGE_ACCESS_ALIGNMENT_DESCRIPTOR;

/**
 * DeviceIoControl() - what Linux has the same thing for.
 * @lpBytesReturned: may be NULL with an OVERLAPPED
 * @lpOverlapped: as for ReadFile(); the offset is not looked at
 *
 * Of regular files: FSCTL_SET_SPARSE (TRUE, or no buffer: changes nothing, files may have
 * holes; FALSE: 50), FSCTL_SET_ZERO_DATA (fallocate(2) punches a hole; of block devices
 * too), FSCTL_QUERY_ALLOCATED_RANGES (SEEK_DATA, SEEK_HOLE).  Of block devices:
 * IOCTL_DISK_GET_LENGTH_INFO, IOCTL_STORAGE_QUERY_PROPERTY for
 * StorageAccessAlignmentProperty (sector sizes; the cache fields are 0).
 *
 * All are done when the call returns: TRUE, and on a handle with a port a packet, whose
 * count is that of the output (NM-5).
 *
 * Return: TRUE; FALSE with 1 another code or kind of file, 234 more ranges than room (the
 * count is right, and a packet comes: NM-9), 122 no room at all, 87, 5, 6, 50.
 */
BOOL WINAPI DeviceIoControl(HANDLE hDevice, DWORD dwIoControlCode, LPVOID lpInBuffer,
			    DWORD nInBufferSize, LPVOID lpOutBuffer, DWORD nOutBufferSize,
			    LPDWORD lpBytesReturned, LPOVERLAPPED lpOverlapped);

#define LOCKFILE_FAIL_IMMEDIATELY	0x1U
#define LOCKFILE_EXCLUSIVE_LOCK		0x2U

/**
 * LockFileEx(), LockFile() - lock a range of bytes against other opens of the file.
 * @lpOverlapped: Offset is where the range begins; hEvent as for ReadFile()
 *
 * Advisory: reads and writes are not kept out.  Shared locks go together; an exclusive
 * one goes with no other, also of the same handle, only that a shared one may be laid
 * over the handle's own exclusive one.  A range may lie beyond the end of the file and
 * have 0 bytes.  It is locked until it is unlocked or the handle is closed, and not by a
 * child of fork().
 *
 * LockFileEx() waits: on an overlapped handle it returns FALSE with 997 and completes
 * like a read when the lock is there, and CancelIoEx() ends it (995); otherwise in the
 * call.  LockFile() is exclusive and never waits.
 *
 * Return: TRUE, and on an overlapped handle with a port a packet (NM-5); FALSE with 33
 * it is locked (FAIL_IMMEDIATELY; LockFile()), 5 the handle is not open for writing
 * (exclusive) or reading (shared), 307 the range is too long, 87, 6, 1450 more than 256
 * wait.
 */
BOOL WINAPI LockFileEx(HANDLE hFile, DWORD dwFlags, DWORD dwReserved,
		       DWORD nNumberOfBytesToLockLow, DWORD nNumberOfBytesToLockHigh,
		       LPOVERLAPPED lpOverlapped);
BOOL WINAPI LockFile(HANDLE hFile, DWORD dwFileOffsetLow, DWORD dwFileOffsetHigh,
		     DWORD nNumberOfBytesToLockLow, DWORD nNumberOfBytesToLockHigh);

/**
 * UnlockFileEx(), UnlockFile() - unlock exactly one range that was locked; of an
 * exclusive and a shared one the exclusive one.  Never waits, queues no packet.
 *
 * Return: TRUE; FALSE with 158 there is no such lock, 87, 6.
 */
BOOL WINAPI UnlockFileEx(HANDLE hFile, DWORD dwReserved, DWORD nNumberOfBytesToUnlockLow,
			 DWORD nNumberOfBytesToUnlockHigh, LPOVERLAPPED lpOverlapped);
BOOL WINAPI UnlockFile(HANDLE hFile, DWORD dwFileOffsetLow, DWORD dwFileOffsetHigh,
		       DWORD nNumberOfBytesToUnlockLow, DWORD nNumberOfBytesToUnlockHigh);

/*
 * Completion routines without an object: on the process's default pool.
 */

typedef VOID (WINAPI *LPOVERLAPPED_COMPLETION_ROUTINE)(DWORD dwErrorCode,
							DWORD dwNumberOfBytesTransfered,
							LPOVERLAPPED lpOverlapped);

/**
 * BindIoCompletionCallback() - completions of this file call a function.
 * @FileHandle: opened with FILE_FLAG_OVERLAPPED, in no port and no TP_IO
 * @Function: with a Win32 code, on a thread of the pool that CreateThreadpoolIo() uses
 *	without an environment
 * @Flags: 0
 *
 * Nothing is counted and nothing is waited for: each operation that was accepted calls
 * once, one that fails at once does not.  There is nothing to close but the file.
 *
 * Return: TRUE; FALSE with 87 not overlapped, bound already, no function, flags; 6, 2, 50
 * as CreateThreadpoolIo().
 */
BOOL WINAPI BindIoCompletionCallback(HANDLE FileHandle, LPOVERLAPPED_COMPLETION_ROUTINE Function,
				     ULONG Flags);

/*
 * Names
 */

/** DeleteFileA(), DeleteFileW() - unlink(2).  FALSE: 2, 3, 5 a directory ... */
BOOL WINAPI DeleteFileA(LPCSTR lpFileName);
BOOL WINAPI DeleteFileW(LPCWSTR lpFileName);

#define MOVEFILE_REPLACE_EXISTING	0x1U
#define MOVEFILE_COPY_ALLOWED		0x2U
#define MOVEFILE_WRITE_THROUGH		0x8U

/**
 * MoveFileExA(), MoveFileExW() - rename(2), within a file system.
 * @dwFlags: MOVEFILE_REPLACE_EXISTING; MOVEFILE_WRITE_THROUGH returns when the change
 *	is on the disk; MOVEFILE_COPY_ALLOWED changes nothing: 17 in either case
 *
 * Return: TRUE; FALSE with 183 there is one already, 2, 3, 5, 17, 87 other flags.
 */
BOOL WINAPI MoveFileExA(LPCSTR lpExistingFileName, LPCSTR lpNewFileName, DWORD dwFlags);
BOOL WINAPI MoveFileExW(LPCWSTR lpExistingFileName, LPCWSTR lpNewFileName, DWORD dwFlags);

/** CreateDirectoryA(), CreateDirectoryW() - mkdir(2).  FALSE: 183, 3, 5 ... */
BOOL WINAPI CreateDirectoryA(LPCSTR lpPathName, LPSECURITY_ATTRIBUTES lpSecurityAttributes);
BOOL WINAPI CreateDirectoryW(LPCWSTR lpPathName, LPSECURITY_ATTRIBUTES lpSecurityAttributes);

/** RemoveDirectoryA(), RemoveDirectoryW() - rmdir(2).  FALSE: 2, 3, 145, 267 no directory. */
BOOL WINAPI RemoveDirectoryA(LPCSTR lpPathName);
BOOL WINAPI RemoveDirectoryW(LPCWSTR lpPathName);

#define INVALID_FILE_ATTRIBUTES		0xFFFFFFFFU
#define IO_REPARSE_TAG_SYMLINK		0xA000000CU

typedef enum _GET_FILEEX_INFO_LEVELS {
	GetFileExInfoStandard,
	GetFileExMaxInfoLevel
} GET_FILEEX_INFO_LEVELS;

typedef struct _WIN32_FILE_ATTRIBUTE_DATA {
	DWORD dwFileAttributes;
	FILETIME ftCreationTime;
	FILETIME ftLastAccessTime;
	FILETIME ftLastWriteTime;
	DWORD nFileSizeHigh;
	DWORD nFileSizeLow;
} WIN32_FILE_ATTRIBUTE_DATA, *LPWIN32_FILE_ATTRIBUTE_DATA;

/**
 * GetFileAttributesA(), ...W(), GetFileAttributesExA(), ...W() - FILE_ATTRIBUTE_*.
 *
 * READONLY: nobody has write permission.  REPARSE_POINT: a symbolic link, which is
 * told about and not followed; DIRECTORY with it: it points to one.  ARCHIVE: a
 * regular file; NORMAL: none of these.  The time of creation is that of the last
 * write where the file system keeps none; only regular files have a size.
 *
 * Return: the attributes, INVALID_FILE_ATTRIBUTES; TRUE, FALSE; with 2, 3, 5 ...
 */
DWORD WINAPI GetFileAttributesA(LPCSTR lpFileName);
DWORD WINAPI GetFileAttributesW(LPCWSTR lpFileName);
BOOL WINAPI GetFileAttributesExA(LPCSTR lpFileName, GET_FILEEX_INFO_LEVELS fInfoLevelId,
				 LPVOID lpFileInformation);
BOOL WINAPI GetFileAttributesExW(LPCWSTR lpFileName, GET_FILEEX_INFO_LEVELS fInfoLevelId,
				 LPVOID lpFileInformation);

typedef struct _BY_HANDLE_FILE_INFORMATION {
	DWORD dwFileAttributes;
	FILETIME ftCreationTime;
	FILETIME ftLastAccessTime;
	FILETIME ftLastWriteTime;
	DWORD dwVolumeSerialNumber;
	DWORD nFileSizeHigh;
	DWORD nFileSizeLow;
	DWORD nNumberOfLinks;
	DWORD nFileIndexHigh;
	DWORD nFileIndexLow;
} BY_HANDLE_FILE_INFORMATION, *PBY_HANDLE_FILE_INFORMATION, *LPBY_HANDLE_FILE_INFORMATION;

/** GetFileInformationByHandle() - volume: st_dev, index: st_ino.  FALSE: 6. */
BOOL WINAPI GetFileInformationByHandle(HANDLE hFile,
				       LPBY_HANDLE_FILE_INFORMATION lpFileInformation);

typedef struct _WIN32_FIND_DATAA {
	DWORD dwFileAttributes;
	FILETIME ftCreationTime;
	FILETIME ftLastAccessTime;
	FILETIME ftLastWriteTime;
	DWORD nFileSizeHigh;
	DWORD nFileSizeLow;
	DWORD dwReserved0;		/* IO_REPARSE_TAG_SYMLINK of a REPARSE_POINT */
	DWORD dwReserved1;
	CHAR cFileName[MAX_PATH];
	CHAR cAlternateFileName[14];	/* empty */
} WIN32_FIND_DATAA, *PWIN32_FIND_DATAA, *LPWIN32_FIND_DATAA;

typedef struct _WIN32_FIND_DATAW {
	DWORD dwFileAttributes;
	FILETIME ftCreationTime;
	FILETIME ftLastAccessTime;
	FILETIME ftLastWriteTime;
	DWORD nFileSizeHigh;
	DWORD nFileSizeLow;
	DWORD dwReserved0;
	DWORD dwReserved1;
	WCHAR cFileName[MAX_PATH];
	WCHAR cAlternateFileName[14];
} WIN32_FIND_DATAW, *PWIN32_FIND_DATAW, *LPWIN32_FIND_DATAW;

/**
 * FindFirstFileA(), ...W(), FindNextFileA(), ...W(), FindClose() - names in a directory.
 * @lpFileName: in its last part '*' is any string and '?' any character, case counts;
 *	"*.*" is everything
 *
 * All names are read by the first call, "." and ".." among them, and come sorted.  One
 * thread at a time uses a search.  A search is no handle for CloseHandle().
 *
 * Return: the search, INVALID_HANDLE_VALUE with 2 nothing matches, 3 no such
 * directory, 5; TRUE, FALSE with 18 no more, 6.
 */
HANDLE WINAPI FindFirstFileA(LPCSTR lpFileName, LPWIN32_FIND_DATAA lpFindFileData);
HANDLE WINAPI FindFirstFileW(LPCWSTR lpFileName, LPWIN32_FIND_DATAW lpFindFileData);
BOOL WINAPI FindNextFileA(HANDLE hFindFile, LPWIN32_FIND_DATAA lpFindFileData);
BOOL WINAPI FindNextFileW(HANDLE hFindFile, LPWIN32_FIND_DATAW lpFindFileData);
BOOL WINAPI FindClose(HANDLE hFindFile);

/*
 * UTF-16
 *
 * Strings of bytes are UTF-8 everywhere (CP_ACP too).  In names that functions take
 * and give in UTF-16, a byte that is no UTF-8 is a lone surrogate U+DC80 ... U+DCFF, so
 * that every name comes back as it was; any other lone surrogate is 123.
 */
#define CP_ACP			0U
#define CP_OEMCP		1U
#define CP_THREAD_ACP		3U
#define CP_UTF8			65001U
#define MB_PRECOMPOSED		0x1U
#define MB_ERR_INVALID_CHARS	0x8U
#define WC_ERR_INVALID_CHARS	0x80U

/**
 * MultiByteToWideChar(), WideCharToMultiByte() - UTF-8 to UTF-16 and back.
 * @CodePage: one of those above, which are all the same
 * @dwFlags: ..._ERR_INVALID_CHARS: what is invalid is an error; else it is U+FFFD
 * @cbMultiByte, @cchWideChar: of what is read: -1 up to and with its 0.  Of what is
 *	written: 0 only counts
 * @lpDefaultChar, @lpUsedDefaultChar: NULL
 *
 * Return: how much was written, or would be; 0 with 122 no room, 1113 invalid, 1004
 * flags, 87.
 */
int WINAPI MultiByteToWideChar(UINT CodePage, DWORD dwFlags, LPCSTR lpMultiByteStr, int cbMultiByte,
			       LPWSTR lpWideCharStr, int cchWideChar);
int WINAPI WideCharToMultiByte(UINT CodePage, DWORD dwFlags, LPCWSTR lpWideCharStr, int cchWideChar,
			       LPSTR lpMultiByteStr, int cbMultiByte, LPCSTR lpDefaultChar,
			       LPBOOL lpUsedDefaultChar);

/*
 * Ctrl-C
 */
#define CTRL_C_EVENT		0U
#define CTRL_BREAK_EVENT	1U
#define CTRL_CLOSE_EVENT	2U

typedef BOOL (WINAPI *PHANDLER_ROUTINE)(DWORD CtrlType);

/**
 * SetConsoleCtrlHandler() - be told of Ctrl-C.
 * @HandlerRoutine: called on a thread of the library, one event after the other; the
 *	newest first, until one returns TRUE.  NULL: Ctrl-C is ignored (@Add TRUE), also by
 *	programs that are started, or not any more
 *
 * SIGINT is CTRL_C_EVENT, SIGQUIT CTRL_BREAK_EVENT, SIGHUP and SIGTERM CTRL_CLOSE_EVENT,
 * after which the process ends whatever they return.  While there are handlers these
 * signals are the library's, apart from those that were ignored.  Where none returns TRUE
 * the signal does what it does by default.
 *
 * Return: TRUE; FALSE with 87 it is not there (@Add FALSE), 8, 4.
 */
BOOL WINAPI SetConsoleCtrlHandler(PHANDLER_ROUTINE HandlerRoutine, BOOL Add);

#ifdef UNICODE
#define CreateFile		CreateFileW
#define DeleteFile		DeleteFileW
#define MoveFileEx		MoveFileExW
#define CreateDirectory		CreateDirectoryW
#define RemoveDirectory		RemoveDirectoryW
#define GetFileAttributes	GetFileAttributesW
#define GetFileAttributesEx	GetFileAttributesExW
#define FindFirstFile		FindFirstFileW
#define FindNextFile		FindNextFileW
typedef WIN32_FIND_DATAW WIN32_FIND_DATA, *PWIN32_FIND_DATA, *LPWIN32_FIND_DATA;
#else
#define CreateFile		CreateFileA
#define DeleteFile		DeleteFileA
#define MoveFileEx		MoveFileExA
#define CreateDirectory		CreateDirectoryA
#define RemoveDirectory		RemoveDirectoryA
#define GetFileAttributes	GetFileAttributesA
#define GetFileAttributesEx	GetFileAttributesExA
#define FindFirstFile		FindFirstFileA
#define FindNextFile		FindNextFileA
typedef WIN32_FIND_DATAA WIN32_FIND_DATA, *PWIN32_FIND_DATA, *LPWIN32_FIND_DATA;
#endif

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* IOCP_FILEIO_H */
