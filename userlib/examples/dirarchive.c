// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * dirarchive FOLDER ARCHIVE - copies what is in a folder into a tar archive (ustar).
 *
 * A Windows program: builds unchanged with mingw-w64.  The folder is listed first, so each
 * byte's place in the archive is known and blocks can be copied in any order: BLOCKS of them
 * are on their way at a time, each read by a callback's file and written by the archive's.
 * Ctrl-C, or an error, cancels what is in flight; then no archive is left behind.
 */
#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS		32
#define BLOCK_BYTES	65536
#define SECTOR		512		/* tar's unit */

struct entry {
	struct entry *next;
	BOOL folder;
	ULONGLONG size, mtime;		/* bytes; seconds since 1970 */
	char name[MAX_PATH];		/* relative to the folder */
};

/* A file that is being read. */
struct source {
	struct source *next, **link;	/* of those that are open; lock */
	const char *name;
	HANDLE file;
	PTP_IO io;
	LONG uses;			/* blocks of it, and main() while it starts them */
};

struct block {
	OVERLAPPED ov;			/* first: the callback is given its address */
	struct block *next;		/* of the free ones; lock */
	struct source *source;		/* NULL: no file's */
	ULONGLONG to;			/* its place in the archive */
	DWORD bytes, padded;		/* of the file; of the archive */
	BYTE data[BLOCK_BYTES];
};

static struct entry *entries, **entries_end = &entries;
static HANDLE archive, stop;		/* stop: an event */
static PTP_IO archive_io;
static HANDLE nr_free;			/* a semaphore: how many blocks are free */
static CRITICAL_SECTION lock;
static struct block *free_blocks;	/* lock */
static struct source *sources;		/* lock */
static DWORD first_error;		/* lock */
static char first_name[MAX_PATH];	/* lock: what it is about */

static void fail(const char *name, DWORD error)
{
	EnterCriticalSection(&lock);
	if (!first_error) {
		first_error = error;
		snprintf(first_name, sizeof(first_name), "%s", name);
	}
	LeaveCriticalSection(&lock);
	SetEvent(stop);
}

static BOOL WINAPI on_ctrl(DWORD event)
{
	if (event != CTRL_C_EVENT)
		return FALSE;
	fail("stopped", ERROR_OPERATION_ABORTED);
	return TRUE;
}

static void block_free(struct block *b)
{
	EnterCriticalSection(&lock);
	b->next = free_blocks;
	free_blocks = b;
	LeaveCriticalSection(&lock);
	ReleaseSemaphore(nr_free, 1, NULL);
}

/* NULL: it is time to stop. */
static struct block *block_get(void)
{
	HANDLE either[2] = { stop, nr_free };
	struct block *b;

	if (WaitForMultipleObjects(2, either, FALSE, INFINITE) != WAIT_OBJECT_0 + 1)
		return NULL;
	EnterCriticalSection(&lock);
	b = free_blocks;
	free_blocks = b->next;
	LeaveCriticalSection(&lock);
	ZeroMemory(&b->ov, sizeof(b->ov));
	b->source = NULL;
	return b;
}

static void source_put(struct source *s)
{
	if (InterlockedDecrement(&s->uses))
		return;
	EnterCriticalSection(&lock);
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	LeaveCriticalSection(&lock);
	CloseHandle(s->file);
	CloseThreadpoolIo(s->io);
	free(s);
}

static void block_end(struct block *b)
{
	if (b->source)
		source_put(b->source);
	block_free(b);
}

static void set_offset(OVERLAPPED *ov, ULONGLONG offset)
{
	ov->Offset = (DWORD)offset;
	ov->OffsetHigh = (DWORD)(offset >> 32);
}

static void block_write(struct block *b)
{
	set_offset(&b->ov, b->to);
	StartThreadpoolIo(archive_io);
	if (WriteFile(archive, b->data, b->padded, NULL, &b->ov) ||
	    GetLastError() == ERROR_IO_PENDING)
		return;
	fail("the archive", GetLastError());
	CancelThreadpoolIo(archive_io);
	block_end(b);
}

static VOID CALLBACK written(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PVOID Overlapped,
			     ULONG IoResult, ULONG_PTR NumberOfBytesTransferred, PTP_IO Io)
{
	(void)Instance, (void)Context, (void)NumberOfBytesTransferred, (void)Io;
	if (IoResult)
		fail("the archive", IoResult);
	block_end(Overlapped);
}

static VOID CALLBACK read_done(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PVOID Overlapped,
			       ULONG IoResult, ULONG_PTR NumberOfBytesTransferred, PTP_IO Io)
{
	struct block *b = Overlapped;

	(void)Instance, (void)Context, (void)Io;
	/* Less than was listed: somebody cut the file off.  Its place is filled with zeros. */
	if (IoResult && IoResult != ERROR_HANDLE_EOF) {
		fail(b->source->name, IoResult);
		block_end(b);
		return;
	}
	memset(b->data + NumberOfBytesTransferred, 0, b->padded - NumberOfBytesTransferred);
	block_write(b);
}

static void block_read(struct block *b, ULONGLONG from)
{
	struct source *s = b->source;

	set_offset(&b->ov, from);
	StartThreadpoolIo(s->io);
	if (ReadFile(s->file, b->data, b->bytes, NULL, &b->ov) ||
	    GetLastError() == ERROR_IO_PENDING)
		return;
	if (GetLastError() != ERROR_HANDLE_EOF)
		fail(s->name, GetLastError());
	CancelThreadpoolIo(s->io);
	block_end(b);
}

static struct source *source_open(const char *folder, const struct entry *e)
{
	struct source *s = calloc(1, sizeof(*s));
	char path[2 * MAX_PATH];

	if (!s) {
		fail(e->name, ERROR_OUTOFMEMORY);
		return NULL;
	}
	snprintf(path, sizeof(path), "%s/%s", folder, e->name);
	s->name = e->name;
	s->uses = 1;
	s->file = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING,
			      FILE_FLAG_OVERLAPPED | FILE_FLAG_SEQUENTIAL_SCAN, NULL);
	if (s->file != INVALID_HANDLE_VALUE)
		s->io = CreateThreadpoolIo(s->file, read_done, NULL, NULL);
	if (!s->io) {
		fail(e->name, GetLastError());
		if (s->file != INVALID_HANDLE_VALUE)
			CloseHandle(s->file);
		free(s);
		return NULL;
	}
	EnterCriticalSection(&lock);
	s->next = sources;
	s->link = &sources;
	if (sources)
		sources->link = &s->next;
	sources = s;
	LeaveCriticalSection(&lock);
	return s;
}

/* Its data, from @to on; false: it is time to stop. */
static BOOL copy_data(const char *folder, const struct entry *e, ULONGLONG to)
{
	struct source *s = source_open(folder, e);
	ULONGLONG from;

	for (from = 0; s && from < e->size; from += BLOCK_BYTES) {
		struct block *b = block_get();

		if (!b)
			break;
		b->source = s;
		b->to = to + from;
		b->bytes = e->size - from < BLOCK_BYTES ? (DWORD)(e->size - from) : BLOCK_BYTES;
		b->padded = (b->bytes + SECTOR - 1) / SECTOR * SECTOR;
		InterlockedIncrement(&s->uses);
		block_read(b, from);
	}
	if (!s)
		return FALSE;
	source_put(s);
	return from >= e->size;
}

static BOOL header(BYTE *sector, const struct entry *e)
{
	size_t length = strlen(e->name), prefix = 0;
	unsigned int sum = 0, i;
	char *h = (char *)sector;

	/* ustar: up to 155 bytes, a slash, up to 100 bytes */
	if (length > 100) {
		prefix = length - 101;
		while (prefix < length && e->name[prefix] != '/')
			prefix++;
		if (prefix > 155 || prefix == length)
			return FALSE;
	}
	memset(h, 0, SECTOR);
	memcpy(h + 345, e->name, prefix);
	memcpy(h, e->name + (prefix ? prefix + 1 : 0), length - (prefix ? prefix + 1 : 0));
	sprintf(h + 100, "%07o", e->folder ? 0755U : 0644U);
	sprintf(h + 108, "%07o", 0U);
	sprintf(h + 116, "%07o", 0U);
	sprintf(h + 124, "%011llo", (unsigned long long)e->size);
	sprintf(h + 136, "%011llo", (unsigned long long)e->mtime);
	memset(h + 148, ' ', 8);
	h[156] = e->folder ? '5' : '0';
	memcpy(h + 257, "ustar\00000", 8);
	for (i = 0; i < SECTOR; i++)
		sum += sector[i];
	sprintf(h + 148, "%06o", sum);
	return TRUE;
}

static BOOL copy_all(const char *folder)
{
	struct entry *e;
	ULONGLONG to = 0;
	struct block *b;

	for (e = entries; e; e = e->next) {
		b = block_get();
		if (!b)
			return FALSE;
		if (!header(b->data, e)) {
			fail(e->name, ERROR_FILENAME_EXCED_RANGE);
			block_free(b);
			return FALSE;
		}
		b->to = to;
		b->padded = SECTOR;
		block_write(b);
		to += SECTOR;
		if (e->size && !copy_data(folder, e, to))
			return FALSE;
		to += (e->size + SECTOR - 1) / SECTOR * SECTOR;
	}
	b = block_get();
	if (!b)
		return FALSE;
	b->to = to;
	b->padded = 2 * SECTOR;		/* the end of a tar archive */
	memset(b->data, 0, b->padded);
	block_write(b);
	return TRUE;
}

static ULONGLONG seconds(const FILETIME *t)
{
	ULONGLONG ticks = (ULONGLONG)t->dwHighDateTime << 32 | t->dwLowDateTime;

	return ticks / 10000000 - 11644473600ULL;
}

static BOOL list_folder(const char *folder, const char *relative)
{
	char path[2 * MAX_PATH];
	WIN32_FIND_DATAA found;
	struct entry *e;
	HANDLE find;
	BOOL ok = TRUE;

	snprintf(path, sizeof(path), "%s/%s*", folder, relative);
	find = FindFirstFileA(path, &found);
	if (find == INVALID_HANDLE_VALUE) {
		fail(*relative ? relative : folder, GetLastError());
		return FALSE;
	}
	do {
		if (!strcmp(found.cFileName, ".") || !strcmp(found.cFileName, "..") ||
		    found.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT)
			continue;
		e = calloc(1, sizeof(*e));
		if (!e) {
			fail(found.cFileName, ERROR_OUTOFMEMORY);
			break;
		}
		e->folder = found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY;
		if (!e->folder)
			e->size = (ULONGLONG)found.nFileSizeHigh << 32 | found.nFileSizeLow;
		e->mtime = seconds(&found.ftLastWriteTime);
		*entries_end = e;
		entries_end = &e->next;
		if (snprintf(e->name, sizeof(e->name), "%s%s%s", relative, found.cFileName,
			     e->folder ? "/" : "") >= (int)sizeof(e->name)) {
			fail(e->name, ERROR_FILENAME_EXCED_RANGE);
			break;
		}
		if (e->folder)
			ok = list_folder(folder, e->name);
	} while (ok && FindNextFileA(find, &found));
	FindClose(find);
	return !first_error;
}

static void cancel_all(void)
{
	struct source *s;

	EnterCriticalSection(&lock);
	for (s = sources; s; s = s->next)
		CancelIoEx(s->file, NULL);
	LeaveCriticalSection(&lock);
	CancelIoEx(archive, NULL);
}

int main(int argc, char **argv)
{
	unsigned int files = 0, i;
	struct entry *e;

	if (argc != 3) {
		fprintf(stderr, "usage: dirarchive FOLDER ARCHIVE\n");
		return 2;
	}
	InitializeCriticalSection(&lock);
	stop = CreateEventA(NULL, TRUE, FALSE, NULL);
	nr_free = CreateSemaphoreA(NULL, 0, BLOCKS, NULL);
	for (i = 0; i < BLOCKS; i++) {
		struct block *b = malloc(sizeof(*b));

		if (!b) {
			fprintf(stderr, "dirarchive: no memory\n");
			return 1;
		}
		block_free(b);
	}
	SetConsoleCtrlHandler(on_ctrl, TRUE);

	if (list_folder(argv[1], "")) {
		archive = CreateFileA(argv[2], GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
				      FILE_FLAG_OVERLAPPED, NULL);
		if (archive != INVALID_HANDLE_VALUE)
			archive_io = CreateThreadpoolIo(archive, written, NULL, NULL);
		if (!archive_io)
			fail(argv[2], GetLastError());
		else if (!copy_all(argv[1]))
			cancel_all();
		/* All blocks are back when nothing is on its way. */
		for (i = 0; archive_io && i < BLOCKS; i++)
			WaitForSingleObject(nr_free, INFINITE);
		if (archive != INVALID_HANDLE_VALUE)
			CloseHandle(archive);
		if (archive_io)
			CloseThreadpoolIo(archive_io);
		if (first_error && archive != INVALID_HANDLE_VALUE)
			DeleteFileA(argv[2]);
	}
	if (first_error) {
		fprintf(stderr, "dirarchive: %s: error %u\n", first_name,
			(unsigned int)first_error);
		return 1;
	}
	for (e = entries; e; e = e->next)
		files += !e->folder;
	printf("%u files\n", files);
	return 0;
}
