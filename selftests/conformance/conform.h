/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the conformance programs share.  Each is an ordinary Windows program that
 * checks facts about Windows and prints a line for each check:
 *
 *	ok CP-44c: GetQueuedCompletionStatus on an empty port: FALSE
 *
 * Its output depends on nothing else, so that it can be compared: no times, no
 * pointers, nothing about which of two threads was first.  Fact numbers are those
 * of docs/deviations.md; ER stands for error codes and results outside of them.
 *
 * NAME.expected is what Windows prints.  It was made by Wine, which differs from
 * Windows in places: there a program uses WINDOWS() or WINDOWS_IS(), whose line
 * is always as on Windows when Wine runs it.  What Wine did goes to stderr.
 */
#ifndef CONFORM_H
#define CONFORM_H

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

/* Long enough for anything that does happen, on the slowest machine. */
#define LONG_TIME	30000
/* Long enough to see most of the time what must not happen. */
#define SHORT_TIME	50

static int conform_failed;

/* Things that hang or crash under Wine ask this. */
static inline int on_wine(void)
{
#ifdef _WIN32
	return GetProcAddress(GetModuleHandleA("ntdll.dll"), "wine_get_version") != NULL;
#else
	return 0;
#endif
}

static inline void conform_check(int line, int differs, const char *fact, const char *text,
				 int good)
{
	if (!good && differs && on_wine()) {
		fprintf(stderr, "Wine differs, line %d: %s: %s\n", line, fact, text);
		good = 1;
	}
	if (good) {
		printf("ok %s: %s\n", fact, text);
	} else {
		printf("failed %s: %s (line %d)\n", fact, text, line);
		conform_failed++;
	}
	fflush(stdout);
}

static inline void conform_is(int line, int differs, const char *fact, const char *text,
			      long long value, long long wanted)
{
	if (value != wanted && differs && on_wine()) {
		fprintf(stderr, "Wine differs, line %d: %s: %s: %lld\n", line, fact, text, value);
		value = wanted;
	}
	if (value == wanted) {
		printf("ok %s: %s: %lld\n", fact, text, value);
	} else {
		printf("failed %s: %s: %lld, not %lld (line %d)\n", fact, text, value, wanted, line);
		conform_failed++;
	}
	fflush(stdout);
}

/* The condition holds.  / The value is the one wanted: numbers that all Windows print alike. */
#define CHECK(fact, text, condition) \
	conform_check(__LINE__, 0, fact, text, !!(condition))
#define IS(fact, text, value, wanted) \
	conform_is(__LINE__, 0, fact, text, (long long)(value), (long long)(wanted))

/* The same, where Wine is known to do something else. */
#define WINDOWS(fact, text, condition) \
	conform_check(__LINE__, 1, fact, text, !!(condition))
#define WINDOWS_IS(fact, text, value, wanted) \
	conform_is(__LINE__, 1, fact, text, (long long)(value), (long long)(wanted))

/* What a program cannot do without. */
#define NEED(condition) do { \
	if (!(condition)) { \
		printf("failed: %s, error %u (line %d)\n", #condition, \
		       (unsigned)GetLastError(), __LINE__); \
		exit(1); \
	} \
} while (0)

/* The last error of a call that failed; 0 if it did not. */
#define ERROR_OF(call)	((call) ? 0 : GetLastError())

/* main() ends with this. */
static inline int conform_end(void)
{
	return conform_failed != 0;
}

/* Milliseconds, for lower bounds. Windows may be early by a tick of its clock. */
static inline long long now_ms(void)
{
	struct timeval tv;

	gettimeofday(&tv, NULL);
	return tv.tv_sec * 1000LL + tv.tv_usec / 1000;
}
#define TICK	16

/* Until @condition holds, or not in a LONG_TIME. */
#define UNTIL(condition) do { \
	long long conform_start = now_ms(); \
	while (!(condition) && now_ms() - conform_start < LONG_TIME) \
		Sleep(1); \
} while (0)

static inline HANDLE new_port(DWORD concurrency)
{
	HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, concurrency);

	NEED(port);
	return port;
}

/* A file with @size bytes "abc…z" in the current folder; @flags as FILE_FLAG_OVERLAPPED. */
static inline HANDLE new_file(const char *name, DWORD size, DWORD flags)
{
	FILE *f = fopen(name, "wb");
	HANDLE file;
	DWORD i;

	NEED(f);
	for (i = 0; i < size; i++)
		fputc('a' + (int)(i % 26), f);
	fclose(f);
	file = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
			   NULL, OPEN_EXISTING, flags, NULL);
	NEED(file != INVALID_HANDLE_VALUE);
	return file;
}

/* The last handle is closed, now the name goes. */
static inline void end_file(const char *name, HANDLE file)
{
	CloseHandle(file);
	remove(name);
}

/* An OVERLAPPED for an operation at @offset. */
static inline OVERLAPPED *at(OVERLAPPED *ov, ULONGLONG offset)
{
	memset(ov, 0, sizeof(*ov));
	ov->Offset = (DWORD)offset;
	ov->OffsetHigh = (DWORD)(offset >> 32);
	return ov;
}

/* What GetQueuedCompletionStatus() answers; what it left alone has 0xcc in all bytes. */
struct answer {
	BOOL ok;
	DWORD error;		/* last error, 0xdeadbeef before the call */
	DWORD bytes;
	ULONG_PTR key;
	OVERLAPPED *ov;
};
#define UNTOUCHED	0xccccccccU
#define UNCHANGED	0xdeadbeefU

static inline struct answer take(HANDLE port, DWORD ms)
{
	struct answer a;

	memset(&a, 0xcc, sizeof(a));
	SetLastError(UNCHANGED);
	a.ok = GetQueuedCompletionStatus(port, &a.bytes, &a.key, &a.ov, ms);
	a.error = GetLastError();
	return a;
}

#endif /* CONFORM_H */
