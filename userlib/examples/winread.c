// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * winread - a Windows program, unchanged: overlapped reads and writes of one
 * file whose completions arrive as thread pool callbacks.
 *
 *	gcc -Iuserlib/include -Iuserlib/include/win32 winread.c -liocp
 *	x86_64-w64-mingw32-gcc winread.c
 *
 * Both must print winread.expected, which is what Wine printed.  Hence nothing
 * here depends on which request ends first or on who runs its callback.
 */
#include <windows.h>
#include <stdio.h>
#include <string.h>

#define BLOCK	4096
#define COUNT	16
#define TAIL	100

struct request {
	OVERLAPPED ov;			/* first: the callback is given its address */
	ULONG result;
	ULONG_PTR bytes;
	int calls;
	unsigned char buf[BLOCK];
};

static struct request requests[COUNT];
static int skipping;			/* FILE_SKIP_COMPLETION_PORT_ON_SUCCESS is set */

static VOID CALLBACK io_done(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			     ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	struct request *r = overlapped;

	(void)instance;
	(void)context;
	(void)io;
	r->result = result;
	r->bytes = bytes;
	r->calls++;
}

/* One operation by the book: Start, issue, Cancel if no callback will come. */
static DWORD issue(PTP_IO io, HANDLE file, struct request *r, int write, ULONGLONG offset,
		   DWORD len)
{
	DWORD error = NO_ERROR;
	BOOL ok;

	memset(&r->ov, 0, sizeof(r->ov));
	r->ov.Offset = (DWORD)offset;
	r->ov.OffsetHigh = (DWORD)(offset >> 32);
	r->result = 0xdead;
	r->bytes = 0;
	r->calls = 0;

	StartThreadpoolIo(io);
	if (write)
		ok = WriteFile(file, r->buf, len, NULL, &r->ov);
	else
		ok = ReadFile(file, r->buf, len, NULL, &r->ov);
	if (!ok)
		error = GetLastError();
	if (ok && skipping) {
		CancelThreadpoolIo(io);
		r->result = NO_ERROR;
		r->bytes = r->ov.InternalHigh;
		r->calls = 1;		/* counts as answered */
	} else if (!ok && error != ERROR_IO_PENDING) {
		CancelThreadpoolIo(io);
		return error;
	}
	return NO_ERROR;
}

static void one(const char *what, PTP_IO io, HANDLE file, int write, ULONGLONG offset, DWORD len)
{
	struct request *r = &requests[0];
	DWORD error = issue(io, file, r, write, offset, len);

	WaitForThreadpoolIoCallbacks(io, FALSE);
	if (error)
		printf("%s: refused, error %u, %d callbacks\n", what, (unsigned)error, r->calls);
	else
		printf("%s: IoResult %u, %u bytes, %d callback\n", what, (unsigned)r->result,
		       (unsigned)r->bytes, r->calls);
}

static void many(const char *what, PTP_IO io, HANDLE file, int write)
{
	unsigned bytes = 0, calls = 0, good = 0, same = 0;
	int i, j;

	for (i = 0; i < COUNT; i++) {
		memset(requests[i].buf, write ? 'a' + i : 0, BLOCK);
		issue(io, file, &requests[i], write, (ULONGLONG)i * BLOCK, BLOCK);
	}
	WaitForThreadpoolIoCallbacks(io, FALSE);
	for (i = 0; i < COUNT; i++) {
		bytes += (unsigned)requests[i].bytes;
		calls += requests[i].calls;
		good += requests[i].result == NO_ERROR;
		for (j = 0; j < BLOCK && requests[i].buf[j] == 'a' + i; j++)
			;
		same += j == BLOCK;
	}
	printf("%d %s at once: %u answers, %u good, %u bytes, %u blocks as expected\n",
	       COUNT, what, calls, good, bytes, same);
}

static void overlapped_result(const char *what, HANDLE file)
{
	DWORD bytes = 12345, error = NO_ERROR;
	BOOL ok = GetOverlappedResult(file, &requests[0].ov, &bytes, FALSE);

	if (!ok)
		error = GetLastError();
	printf("GetOverlappedResult of %s: %d, error %u, %u bytes\n", what, ok, (unsigned)error,
	       (unsigned)bytes);
}

static void port(void)
{
	HANDLE p = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
	OVERLAPPED_ENTRY entries[8];
	OVERLAPPED *ov = (OVERLAPPED *)requests;
	ULONG_PTR key = 77;
	DWORD bytes = 88;
	ULONG i, n = 0;

	SetLastError(NO_ERROR);
	i = GetQueuedCompletionStatus(p, &bytes, &key, &ov, 0);
	printf("empty port: %u, error %u, overlapped %s, key %u, %u bytes\n", (unsigned)i,
	       (unsigned)GetLastError(), ov ? "set" : "NULL", (unsigned)key, (unsigned)bytes);
	for (i = 1; i <= 5; i++)
		PostQueuedCompletionStatus(p, i * 10, i, NULL);
	GetQueuedCompletionStatus(p, &bytes, &key, &ov, INFINITE);
	printf("first: key %u, %u bytes\n", (unsigned)key, (unsigned)bytes);
	if (!GetQueuedCompletionStatusEx(p, entries, 8, &n, INFINITE, FALSE))
		printf("error %u\n", (unsigned)GetLastError());
	for (i = 0; i < n; i++)
		printf("then: key %u, %u bytes\n", (unsigned)entries[i].lpCompletionKey,
		       (unsigned)entries[i].dwNumberOfBytesTransferred);
	printf("close port: %d\n", CloseHandle(p));
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : "winread.tmp";
	HANDLE file, other;
	PTP_IO io, io2;

	file = CreateFileA(path, GENERIC_READ, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
	printf("open a missing file: %s, error %u\n", file == INVALID_HANDLE_VALUE ? "no" : "yes",
	       (unsigned)GetLastError());
	file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
			   NULL, CREATE_ALWAYS, FILE_FLAG_OVERLAPPED, NULL);
	if (file == INVALID_HANDLE_VALUE) {
		fprintf(stderr, "%s: error %u\n", path, (unsigned)GetLastError());
		return 1;
	}
	io = CreateThreadpoolIo(file, io_done, NULL, NULL);
	if (!io) {
		fprintf(stderr, "CreateThreadpoolIo: error %u\n", (unsigned)GetLastError());
		return 1;
	}
	io2 = CreateThreadpoolIo(file, io_done, NULL, NULL);
	printf("a second TP_IO on one file: %s, error %u\n", io2 ? "yes" : "no",
	       (unsigned)GetLastError());

	many("writes", io, file, 1);
	one("append", io, file, 1, ~0ULL, TAIL);
	printf("flush: %d\n", FlushFileBuffers(file));
	many("reads", io, file, 0);
	one("read across the end", io, file, 0, (COUNT * BLOCK), BLOCK);
	overlapped_result("it", file);
	one("read at the end", io, file, 0, COUNT * BLOCK + TAIL, BLOCK);
	overlapped_result("it", file);
	one("read far beyond the end", io, file, 0, 1ULL << 40, BLOCK);
	one("zero bytes read at the end", io, file, 0, COUNT * BLOCK + TAIL, 0);
	one("zero bytes written", io, file, 1, 1ULL << 20, 0);
	printf("wait with nothing to wait for:");
	WaitForThreadpoolIoCallbacks(io, FALSE);
	WaitForThreadpoolIoCallbacks(io, TRUE);
	printf(" returned\n");
	printf("skip on success: %d\n",
	       SetFileCompletionNotificationModes(file, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS));
	skipping = 1;
	many("reads", io, file, 0);
	one("read at the end", io, file, 0, COUNT * BLOCK + TAIL, BLOCK);
	skipping = 0;

	other = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
			    OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
	io2 = CreateThreadpoolIo(other, io_done, NULL, NULL);
	one("write with a handle for reading", io2, other, 1, 0, BLOCK);
	SetLastError(NO_ERROR);
	printf("cancel with nothing pending: %d", CancelIoEx(other, &requests[0].ov));
	printf(", error %u\n", (unsigned)GetLastError());
	printf("close file: %d\n", CloseHandle(other));
	CloseThreadpoolIo(io2);

	other = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
			    OPEN_EXISTING, 0, NULL);
	SetLastError(NO_ERROR);
	io2 = CreateThreadpoolIo(other, io_done, NULL, NULL);
	printf("TP_IO of a handle that is not overlapped: %s, error %u\n", io2 ? "yes" : "no",
	       (unsigned)GetLastError());
	CloseHandle(other);
	SetLastError(NO_ERROR);
	other = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
			    CREATE_NEW, FILE_FLAG_OVERLAPPED, NULL);
	printf("create it anew: %s, error %u\n", other == INVALID_HANDLE_VALUE ? "no" : "yes",
	       (unsigned)GetLastError());
	printf("close file: %d\n", CloseHandle(file));
	CloseThreadpoolIo(io);
	port();
	return remove(path) != 0;
}
