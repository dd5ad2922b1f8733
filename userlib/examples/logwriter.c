// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * logwriter FILE PRODUCERS LINES - a log that many threads write to, as a service has one.
 *
 * A Windows program: builds unchanged with mingw-w64.  Lines gather in memory.  What is
 * there is appended to the file when a buffer is full, and otherwise by a timer, so that no
 * line waits for longer than FLUSH_MS.  At most BUFFERS writes are in flight; producers that
 * are faster wait for a free buffer.
 *
 * The producers here are work items, PRODUCERS of them with LINES lines each.
 */
#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFERS		4
#define BUFFER_BYTES	16384
#define FLUSH_MS	20
#define FLUSH_WINDOW_MS	10

struct buffer {
	OVERLAPPED ov;			/* first: the callback is given its address */
	struct buffer *next;		/* of the free ones */
	DWORD used;
	char text[BUFFER_BYTES];
};

struct log {
	HANDLE file;
	PTP_IO io;
	PTP_TIMER timer;
	CRITICAL_SECTION lock;
	CONDITION_VARIABLE freed;	/* a buffer came back */
	struct buffer *current;		/* lock: lines gather here; or NULL */
	struct buffer *free;		/* lock */
	DWORD error;			/* lock: the first write that failed */
	ULONGLONG lines, bytes;		/* lock: on the disk */
	struct buffer buffers[BUFFERS];
};

/* Under the lock: the current buffer goes to the file's end. */
static void log_flush(struct log *log)
{
	struct buffer *b = log->current;
	DWORD error;

	if (!b || !b->used)
		return;
	log->current = NULL;
	ZeroMemory(&b->ov, sizeof(b->ov));
	b->ov.Offset = b->ov.OffsetHigh = 0xFFFFFFFF;
	StartThreadpoolIo(log->io);
	if (WriteFile(log->file, b->text, b->used, NULL, &b->ov))
		return;
	error = GetLastError();
	if (error == ERROR_IO_PENDING)
		return;
	CancelThreadpoolIo(log->io);
	if (!log->error)
		log->error = error;
	b->next = log->free;
	log->free = b;
}

static VOID CALLBACK log_written(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PVOID Overlapped,
				 ULONG IoResult, ULONG_PTR NumberOfBytesTransferred, PTP_IO Io)
{
	struct log *log = Context;
	struct buffer *b = Overlapped;
	const char *p = b->text, *end = b->text + b->used;

	(void)Instance, (void)Io;
	EnterCriticalSection(&log->lock);
	if (IoResult) {
		if (!log->error)
			log->error = IoResult;
	} else {
		log->bytes += NumberOfBytesTransferred;
		while ((p = memchr(p, '\n', end - p))) {
			log->lines++;
			p++;
		}
	}
	b->next = log->free;
	log->free = b;
	LeaveCriticalSection(&log->lock);
	WakeAllConditionVariable(&log->freed);
}

static VOID CALLBACK log_timer(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_TIMER Timer)
{
	struct log *log = Context;

	(void)Instance, (void)Timer;
	EnterCriticalSection(&log->lock);
	log_flush(log);
	LeaveCriticalSection(&log->lock);
}

static DWORD log_line(struct log *log, const char *line)
{
	DWORD bytes = (DWORD)strlen(line), error;

	EnterCriticalSection(&log->lock);
	for (;;) {
		if (log->current && BUFFER_BYTES - log->current->used < bytes)
			log_flush(log);
		if (log->error || log->current)
			break;
		if (log->free) {
			log->current = log->free;
			log->free = log->current->next;
			log->current->used = 0;
			break;
		}
		SleepConditionVariableCS(&log->freed, &log->lock, INFINITE);
	}
	error = log->error;
	if (!error) {
		memcpy(log->current->text + log->current->used, line, bytes);
		log->current->used += bytes;
	}
	LeaveCriticalSection(&log->lock);
	return error;
}

static DWORD log_open(struct log *log, const char *name)
{
	LARGE_INTEGER due;
	FILETIME first;
	int i;

	ZeroMemory(log, sizeof(*log));
	InitializeCriticalSection(&log->lock);
	InitializeConditionVariable(&log->freed);
	for (i = 0; i < BUFFERS; i++) {
		log->buffers[i].next = log->free;
		log->free = &log->buffers[i];
	}
	log->file = CreateFileA(name, FILE_APPEND_DATA | SYNCHRONIZE, FILE_SHARE_READ, NULL,
				OPEN_ALWAYS, FILE_FLAG_OVERLAPPED, NULL);
	if (log->file == INVALID_HANDLE_VALUE)
		return GetLastError();
	log->io = CreateThreadpoolIo(log->file, log_written, log, NULL);
	log->timer = CreateThreadpoolTimer(log_timer, log, NULL);
	if (!log->io || !log->timer)
		return GetLastError();
	due.QuadPart = -10000LL * FLUSH_MS;	/* from now, in units of 100 ns */
	first.dwLowDateTime = due.LowPart;
	first.dwHighDateTime = (DWORD)due.HighPart;
	SetThreadpoolTimer(log->timer, &first, FLUSH_MS, FLUSH_WINDOW_MS);
	return NO_ERROR;
}

/* No line is on its way.  Returns when all are on the disk, or why they are not. */
static DWORD log_close(struct log *log)
{
	SetThreadpoolTimer(log->timer, NULL, 0, 0);
	WaitForThreadpoolTimerCallbacks(log->timer, TRUE);
	CloseThreadpoolTimer(log->timer);
	EnterCriticalSection(&log->lock);
	log_flush(log);
	LeaveCriticalSection(&log->lock);
	WaitForThreadpoolIoCallbacks(log->io, FALSE);
	/* FlushFileBuffers() wants a handle that may write, and ours may only append. */
	CloseHandle(log->file);
	CloseThreadpoolIo(log->io);
	DeleteCriticalSection(&log->lock);
	return log->error;
}

struct producers {
	struct log *log;
	LONG started;
	LONG lines;
};

static VOID CALLBACK produce(PTP_CALLBACK_INSTANCE Instance, PVOID Context, PTP_WORK Work)
{
	struct producers *p = Context;
	LONG me = InterlockedIncrement(&p->started), i;
	char line[64];

	(void)Work;
	CallbackMayRunLong(Instance);
	for (i = 1; i <= p->lines; i++) {
		sprintf(line, "producer %d line %d\n", (int)me, (int)i);
		if (log_line(p->log, line))
			return;
	}
}

int main(int argc, char **argv)
{
	static struct log log;
	struct producers p = { .log = &log };
	int i, producers;
	PTP_WORK work;
	DWORD error;

	if (argc != 4 || (producers = atoi(argv[2])) < 1 || (p.lines = atoi(argv[3])) < 0) {
		fprintf(stderr, "usage: logwriter FILE PRODUCERS LINES\n");
		return 2;
	}
	error = log_open(&log, argv[1]);
	if (error) {
		fprintf(stderr, "logwriter: %s: error %u\n", argv[1], (unsigned int)error);
		return 1;
	}
	work = CreateThreadpoolWork(produce, &p, NULL);
	if (!work) {
		fprintf(stderr, "logwriter: no work: error %u\n", (unsigned int)GetLastError());
		return 1;
	}
	for (i = 0; i < producers; i++)
		SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	CloseThreadpoolWork(work);
	error = log_close(&log);
	if (error) {
		fprintf(stderr, "logwriter: %s: error %u\n", argv[1], (unsigned int)error);
		return 1;
	}
	printf("%llu lines, %llu bytes\n", log.lines, log.bytes);
	return 0;
}
