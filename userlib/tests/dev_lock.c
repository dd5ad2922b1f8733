// SPDX-License-Identifier: GPL-2.0-only
/* Byte ranges that are locked: between handles, in one handle, waiting, cancelled. */
#include "dev.h"

#include <iocp.h>
#include <windows.h>

#define KEY	((ULONG_PTR)0x77)
#define LONG_MS	30000

static const char *path;

static HANDLE open_as(DWORD access, DWORD flags)
{
	HANDLE h;

	if (!path)
		path = dev_file(dev_path("lock"), 4096);
	h = CreateFileA(path, access, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING,
			flags, NULL);
	CHECK(h != INVALID_HANDLE_VALUE);
	return h;
}

static HANDLE open_plain(void)
{
	return open_as(GENERIC_READ | GENERIC_WRITE, 0);
}

static HANDLE open_overlapped(void)
{
	return open_as(GENERIC_READ | GENERIC_WRITE, FILE_FLAG_OVERLAPPED);
}

static BOOL lock_now(HANDLE h, DWORD flags, uint64_t start, uint64_t len)
{
	OVERLAPPED o = { .Offset = start, .OffsetHigh = start >> 32 };

	return LockFileEx(h, flags | LOCKFILE_FAIL_IMMEDIATELY, 0, len, len >> 32, &o);
}

static BOOL unlock(HANDLE h, uint64_t start, uint64_t len)
{
	OVERLAPPED o = { .Offset = start, .OffsetHigh = start >> 32 };

	return UnlockFileEx(h, 0, len, len >> 32, &o);
}

#define SHARED		0
#define EXCLUSIVE	LOCKFILE_EXCLUSIVE_LOCK

#define CHECK_FAILS(call, code) do {					\
	SetLastError(0xdeadbeef);					\
	CHECK(!(call));							\
	CHECK_EQ(GetLastError(), code);					\
} while (0)

#define CHECK_LOCKED(h, flags, start, len) \
	CHECK_FAILS(lock_now(h, flags, start, len), ERROR_LOCK_VIOLATION)

TEST(between_handles)
{
	HANDLE a = open_plain(), b = open_plain();

	CHECK(lock_now(a, EXCLUSIVE, 10, 10));
	CHECK_LOCKED(b, EXCLUSIVE, 10, 10);
	CHECK_LOCKED(b, SHARED, 19, 1);
	CHECK_LOCKED(b, SHARED, 0, 11);
	CHECK(lock_now(b, EXCLUSIVE, 0, 10));
	CHECK(lock_now(b, EXCLUSIVE, 20, 10));
	CHECK(unlock(b, 0, 10));
	CHECK(unlock(b, 20, 10));
	CHECK(unlock(a, 10, 10));
	/* shared ones go together */
	CHECK(lock_now(a, SHARED, 0, 100));
	CHECK(lock_now(b, SHARED, 50, 100));
	CHECK_LOCKED(a, EXCLUSIVE, 120, 1);
	CHECK_LOCKED(b, EXCLUSIVE, 0, 1);
	CHECK(unlock(a, 0, 100));
	CHECK(lock_now(a, EXCLUSIVE, 0, 50));
	CHECK(CloseHandle(a));
	CHECK(lock_now(b, EXCLUSIVE, 0, 50));
	CHECK(CloseHandle(b));
}

/* A lock is unlocked by its own range and by no other. */
TEST(exact_ranges)
{
	HANDLE a = open_plain(), b = open_plain();

	CHECK(LockFile(a, 0, 0, 10, 0));
	CHECK(LockFile(a, 10, 0, 10, 0));
	CHECK_FAILS(UnlockFile(a, 0, 0, 20, 0), ERROR_NOT_LOCKED);
	CHECK_FAILS(UnlockFile(a, 0, 0, 5, 0), ERROR_NOT_LOCKED);
	CHECK_FAILS(UnlockFile(b, 0, 0, 10, 0), ERROR_NOT_LOCKED);
	CHECK(UnlockFile(a, 0, 0, 10, 0));
	CHECK_FAILS(UnlockFile(a, 0, 0, 10, 0), ERROR_NOT_LOCKED);
	CHECK(lock_now(b, EXCLUSIVE, 0, 10));
	CHECK_LOCKED(b, EXCLUSIVE, 10, 1);
	CHECK_FAILS(LockFile(b, 10, 0, 1, 0), ERROR_LOCK_VIOLATION);
	CHECK(CloseHandle(a));
	CHECK(CloseHandle(b));
}

/* What the kernel would merge or replace. */
TEST(within_a_handle)
{
	HANDLE a = open_plain(), b = open_plain();

	CHECK(lock_now(a, EXCLUSIVE, 0, 10));
	CHECK_LOCKED(a, EXCLUSIVE, 0, 10);
	CHECK_LOCKED(a, EXCLUSIVE, 5, 10);
	/* a shared one over it; the exclusive one goes first */
	CHECK(lock_now(a, SHARED, 0, 10));
	CHECK_LOCKED(b, SHARED, 0, 10);
	CHECK(unlock(a, 0, 10));
	CHECK(lock_now(b, SHARED, 0, 10));
	CHECK_LOCKED(b, EXCLUSIVE, 5, 1);
	CHECK(unlock(b, 0, 10));
	CHECK_LOCKED(b, EXCLUSIVE, 0, 10);
	CHECK(unlock(a, 0, 10));
	CHECK(lock_now(b, EXCLUSIVE, 0, 10));
	CHECK(unlock(b, 0, 10));

	/* shared ones that overlap: each stands for itself */
	CHECK(lock_now(a, SHARED, 0, 20));
	CHECK(lock_now(a, SHARED, 10, 20));
	CHECK(lock_now(a, SHARED, 10, 20));
	CHECK(unlock(a, 0, 20));
	CHECK(lock_now(b, EXCLUSIVE, 0, 10));
	CHECK_LOCKED(b, EXCLUSIVE, 10, 1);
	CHECK(unlock(a, 10, 20));
	CHECK_LOCKED(b, EXCLUSIVE, 29, 1);
	CHECK(unlock(a, 10, 20));
	CHECK(lock_now(b, EXCLUSIVE, 10, 20));
	CHECK(CloseHandle(b));

	/* a shared one in the middle of an exclusive one, which goes: three parts */
	b = open_plain();
	CHECK(lock_now(a, EXCLUSIVE, 0, 30));
	CHECK(lock_now(a, SHARED, 10, 10));
	CHECK(unlock(a, 0, 30));
	CHECK(lock_now(b, EXCLUSIVE, 0, 10));
	CHECK(lock_now(b, EXCLUSIVE, 20, 10));
	CHECK_LOCKED(b, EXCLUSIVE, 10, 10);
	CHECK(lock_now(b, SHARED, 10, 10));
	/* one that fails half-way leaves nothing behind */
	CHECK(unlock(b, 0, 10));
	CHECK_LOCKED(a, SHARED, 0, 30);
	CHECK(lock_now(b, EXCLUSIVE, 0, 10));
	CHECK(CloseHandle(a));
	CHECK(CloseHandle(b));
}

TEST(odd_ranges)
{
	HANDLE a = open_plain(), b = open_plain();
	OVERLAPPED o = { 0 };

	/* everything there may ever be */
	CHECK(LockFile(a, 0, 0, MAXDWORD, MAXDWORD));
	CHECK_LOCKED(b, SHARED, INT64_MAX, 1);
	CHECK(UnlockFile(a, 0, 0, MAXDWORD, MAXDWORD));
	CHECK(lock_now(b, EXCLUSIVE, 1ULL << 40, 1ULL << 40));
	CHECK_LOCKED(a, SHARED, (1ULL << 41) - 1, 1);
	CHECK(lock_now(a, SHARED, 1ULL << 41, 1));
	/* nothing at all */
	CHECK(lock_now(a, EXCLUSIVE, 1ULL << 40, 0));
	CHECK(unlock(a, 1ULL << 40, 0));
	CHECK_FAILS(unlock(a, 1ULL << 40, 0), ERROR_NOT_LOCKED);
	CHECK_FAILS(lock_now(a, SHARED, 2, UINT64_MAX), ERROR_INVALID_LOCK_RANGE);
	CHECK_FAILS(LockFileEx(a, 0, 1, 1, 0, &o), ERROR_INVALID_PARAMETER);
	CHECK_FAILS(LockFileEx(a, 4, 0, 1, 0, &o), ERROR_INVALID_PARAMETER);
	CHECK_FAILS(LockFileEx(a, 0, 0, 1, 0, NULL), ERROR_INVALID_PARAMETER);
	CHECK_FAILS(UnlockFileEx(a, 0, 1, 0, NULL), ERROR_INVALID_PARAMETER);
	CHECK(CloseHandle(a));
	CHECK_FAILS(LockFileEx(a, 0, 0, 1, 0, &o), ERROR_INVALID_HANDLE);
	CHECK_FAILS(LockFile(a, 0, 0, 1, 0), ERROR_INVALID_HANDLE);
	CHECK_FAILS(unlock(a, 0, 1), ERROR_INVALID_HANDLE);
	CHECK(CloseHandle(b));
	a = open_as(GENERIC_READ, 0);
	CHECK_FAILS(lock_now(a, EXCLUSIVE, 0, 1), ERROR_ACCESS_DENIED);
	CHECK(lock_now(a, SHARED, 0, 1));
	CHECK(CloseHandle(a));
	a = open_as(GENERIC_WRITE, 0);
	CHECK_FAILS(lock_now(a, SHARED, 0, 1), ERROR_ACCESS_DENIED);
	CHECK(CloseHandle(a));
}

static unsigned int locked;

static void *lock_and_tell(void *arg)
{
	OVERLAPPED o = { 0 };

	CHECK(LockFileEx(arg, EXCLUSIVE, 0, 10, 0, &o));
	ADD(locked, 1);
	return NULL;
}

/* Without overlap the call waits: for other handles, and for its own. */
TEST(waiting_in_the_call)
{
	HANDLE a = open_plain(), b = open_plain();
	pthread_t thread;

	CHECK(lock_now(a, EXCLUSIVE, 5, 1));
	CHECK_EQ(pthread_create(&thread, NULL, lock_and_tell, b), 0);
	dev_sleep_ms(50);
	CHECK_EQ(GET(locked), 0);
	CHECK(unlock(a, 5, 1));
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(GET(locked), 1);
	CHECK_EQ(pthread_create(&thread, NULL, lock_and_tell, b), 0);
	dev_sleep_ms(50);
	CHECK_EQ(GET(locked), 1);
	CHECK(unlock(b, 0, 10));
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_LOCKED(a, SHARED, 0, 1);
	CHECK(CloseHandle(a));
	CHECK(CloseHandle(b));
}

static void wait_for_lock(HANDLE h, OVERLAPPED *o, DWORD flags, uint64_t start, HANDLE event)
{
	memset(o, 0, sizeof(*o));
	o->Offset = start;
	o->hEvent = event;
	CHECK_FAILS(LockFileEx(h, flags, 0, 10, 0, o), ERROR_IO_PENDING);
}

/* It completes when the lock is there: by packet, by event, by neither. */
TEST(waiting_overlapped)
{
	HANDLE a = open_plain(), b = open_overlapped(), c = open_overlapped(), port;
	HANDLE event = CreateEventA(NULL, TRUE, TRUE, NULL);
	OVERLAPPED ob, oc, *got;
	ULONG_PTR key;
	DWORD n = 7;

	port = CreateIoCompletionPort(c, NULL, KEY, 0);
	CHECK(port);
	CHECK(lock_now(a, EXCLUSIVE, 0, 30));
	wait_for_lock(b, &ob, EXCLUSIVE, 0, event);
	wait_for_lock(c, &oc, EXCLUSIVE, 10, NULL);
	CHECK_EQ(WaitForSingleObject(event, 20), WAIT_TIMEOUT);
	CHECK_FAILS(GetOverlappedResult(b, &ob, &n, FALSE), ERROR_IO_INCOMPLETE);
	CHECK_FAILS(GetQueuedCompletionStatus(port, &n, &key, &got, 20), WAIT_TIMEOUT);
	CHECK(unlock(a, 0, 30));
	CHECK_EQ(WaitForSingleObject(event, INFINITE), WAIT_OBJECT_0);
	CHECK(GetOverlappedResult(b, &ob, &n, TRUE));
	CHECK_EQ(n, 0);
	CHECK(GetQueuedCompletionStatus(port, &n, &key, &got, LONG_MS));
	CHECK(got == &oc);
	CHECK_EQ(key, KEY);
	CHECK_LOCKED(a, SHARED, 9, 1);
	CHECK_LOCKED(a, SHARED, 10, 1);
	CHECK(lock_now(a, SHARED, 20, 1));
	/* free at once: TRUE, and a packet all the same (NM-5) */
	memset(&oc, 0, sizeof(oc));
	oc.Offset = 100;
	CHECK(LockFileEx(c, EXCLUSIVE, 0, 10, 0, &oc));
	CHECK(GetQueuedCompletionStatus(port, &n, &key, &got, LONG_MS));
	CHECK(got == &oc);
	CHECK(SetFileCompletionNotificationModes(c, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS));
	oc.Offset = 200;
	CHECK(LockFileEx(c, EXCLUSIVE, 0, 10, 0, &oc));
	/* NM-8 */
	CHECK_LOCKED(c, EXCLUSIVE, 200, 10);
	CHECK_FAILS(GetQueuedCompletionStatus(port, &n, &key, &got, 20), WAIT_TIMEOUT);
	CHECK(CloseHandle(a));
	CHECK(CloseHandle(b));
	CHECK(CloseHandle(c));
	CHECK(CloseHandle(port));
}

/* A wait in one's own handle, and one that is in the way of nobody when it is over. */
TEST(waiting_for_itself)
{
	HANDLE a = open_overlapped(), b = open_plain();
	OVERLAPPED o;
	DWORD n;

	CHECK(lock_now(a, SHARED, 0, 5));
	wait_for_lock(a, &o, EXCLUSIVE, 0, NULL);
	dev_sleep_ms(20);
	CHECK(!HasOverlappedIoCompleted(&o));
	CHECK(unlock(a, 0, 5));
	CHECK(GetOverlappedResult(a, &o, &n, TRUE));
	CHECK_LOCKED(b, SHARED, 9, 1);
	CHECK(unlock(a, 0, 10));
	CHECK(lock_now(b, EXCLUSIVE, 0, 10));
	CHECK(CloseHandle(a));
	CHECK(CloseHandle(b));
}

TEST(cancelled)
{
	HANDLE a = open_plain(), b = open_overlapped();
	OVERLAPPED o[3];
	DWORD n;
	int i;

	CHECK(lock_now(a, EXCLUSIVE, 0, 30));
	for (i = 0; i < 3; i++)
		wait_for_lock(b, &o[i], SHARED, i * 10, NULL);
	dev_sleep_ms(20);
	CHECK(CancelIoEx(b, &o[1]));
	CHECK_FAILS(GetOverlappedResult(b, &o[1], &n, TRUE), ERROR_OPERATION_ABORTED);
	CHECK_FAILS(CancelIoEx(b, &o[1]), ERROR_NOT_FOUND);
	CHECK(!HasOverlappedIoCompleted(&o[0]));
	CHECK(unlock(a, 0, 30));
	CHECK(GetOverlappedResult(b, &o[0], &n, TRUE));
	CHECK(GetOverlappedResult(b, &o[2], &n, TRUE));
	CHECK(lock_now(a, EXCLUSIVE, 10, 10));
	CHECK_LOCKED(a, EXCLUSIVE, 0, 10);
	/* by the end of the handle; one waits in the kernel, one for its own handle */
	CHECK(unlock(a, 10, 10));
	CHECK(lock_now(a, SHARED, 100, 10));
	wait_for_lock(b, &o[1], EXCLUSIVE, 100, NULL);
	CHECK(unlock(b, 0, 10));
	CHECK(lock_now(b, SHARED, 0, 10));
	wait_for_lock(b, &o[2], EXCLUSIVE, 0, NULL);
	CHECK(CancelIo(b));
	CHECK_FAILS(GetOverlappedResult(b, &o[1], &n, TRUE), ERROR_OPERATION_ABORTED);
	CHECK_FAILS(GetOverlappedResult(b, &o[2], &n, TRUE), ERROR_OPERATION_ABORTED);
	wait_for_lock(b, &o[1], EXCLUSIVE, 100, NULL);
	wait_for_lock(b, &o[2], EXCLUSIVE, 0, NULL);
	CHECK(CloseHandle(b));
	WAIT_UNTIL(HasOverlappedIoCompleted(&o[1]) && HasOverlappedIoCompleted(&o[2]));
	CHECK_EQ(iocp_status_to_win32(o[1].Internal), ERROR_OPERATION_ABORTED);
	CHECK_EQ(iocp_status_to_win32(o[2].Internal), ERROR_OPERATION_ABORTED);
	CHECK(lock_now(a, EXCLUSIVE, 0, 100));
	CHECK(CloseHandle(a));
}

/* Descriptors of the same open file outlive the handle; its locks do not. */
TEST(gone_with_the_handle)
{
	HANDLE a = open_plain(), b = open_plain();
	int fd;

	CHECK(lock_now(a, EXCLUSIVE, 0, 10));
	fd = _open_osfhandle((intptr_t)a, O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_LOCKED(b, SHARED, 0, 10);
	CHECK(CloseHandle(a));
	CHECK(lock_now(b, SHARED, 0, 10));
	CHECK(CloseHandle(b));
	close(fd);
}

#define CONTENDERS	4
#define TURNS		300

static unsigned int inside;
static uint64_t turns;

/* Handles of their own, by turns waiting, trying, and thinking better of it. */
static void *contend(void *arg)
{
	HANDLE h = open_overlapped();
	unsigned int i;
	OVERLAPPED o;
	DWORD n;

	for (i = 0; i < TURNS; i++) {
		bool mine;

		memset(&o, 0, sizeof(o));
		mine = LockFileEx(h, EXCLUSIVE, 0, 10, 0, &o);
		if (!mine) {
			CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
			if ((i + (uintptr_t)arg) % 4 == 0)
				CancelIoEx(h, &o);
			mine = GetOverlappedResult(h, &o, &n, TRUE);
			CHECK(mine || GetLastError() == ERROR_OPERATION_ABORTED);
		}
		if (!mine)
			continue;
		CHECK_EQ(ADD(inside, 1), 1);
		ADD(turns, 1);
		CHECK_EQ(ADD(inside, -1), 0);
		CHECK(unlock(h, 0, 10));
	}
	CHECK(CloseHandle(h));
	return NULL;
}

TEST(contention)
{
	HANDLE h = open_plain();
	pthread_t threads[CONTENDERS];
	uintptr_t i;

	for (i = 0; i < CONTENDERS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, contend, (void *)i), 0);
	for (i = 0; i < CONTENDERS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK(GET(turns) >= CONTENDERS * TURNS / 2);
	CHECK(lock_now(h, EXCLUSIVE, 0, 4096));
	CHECK(CloseHandle(h));
}
