// SPDX-License-Identifier: GPL-2.0-only
/* Events of operations, file handles that are waited for, and who is told otherwise. */
#include "dev.h"

#include <iocp.h>
#include <windows.h>

#define BLOCK	4096
#define KEY	((ULONG_PTR)0x1234)
#define LONG_MS	30000

static HANDLE make_event(BOOL manual, BOOL set)
{
	HANDLE event = CreateEventA(NULL, manual, set, NULL);

	CHECK(event);
	return event;
}

static HANDLE make_port(HANDLE file)
{
	HANDLE port = CreateIoCompletionPort(file, NULL, KEY, 0);

	CHECK(port);
	return port;
}

static HANDLE open_pipe(int *write_fd)
{
	HANDLE h;
	int fds[2];

	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	h = (HANDLE)_get_osfhandle(fds[0]);
	CHECK(h != INVALID_HANDLE_VALUE);
	close(fds[0]);
	*write_fd = fds[1];
	return h;
}

static HANDLE open_data(size_t len, DWORD flags)
{
	const char *path = dev_file(dev_path("data"), len);
	HANDLE h = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, flags,
			       NULL);

	CHECK(h != INVALID_HANDLE_VALUE);
	unlink(path);
	return h;
}

static bool is_set(HANDLE h)
{
	DWORD ret = WaitForSingleObject(h, 0);

	CHECK(ret == WAIT_OBJECT_0 || ret == WAIT_TIMEOUT);
	return ret == WAIT_OBJECT_0;
}

static void start_read(HANDLE h, void *buf, DWORD len, OVERLAPPED *o, HANDLE event)
{
	memset(o, 0, sizeof(*o));
	o->hEvent = event;
	CHECK(!ReadFile(h, buf, len, NULL, o));
	CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
}

/* Data is there: it may be done at once, or in a moment. */
static void read_now(HANDLE h, void *buf, DWORD len, OVERLAPPED *o, HANDLE event)
{
	DWORD n;

	memset(o, 0, sizeof(*o));
	o->hEvent = event;
	if (!ReadFile(h, buf, len, NULL, o))
		CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
	CHECK(GetOverlappedResult(h, o, &n, TRUE));
	CHECK(n);
}

static HANDLE no_packet(HANDLE event)
{
	return (HANDLE)((ULONG_PTR)event | 1);
}

static void check_empty(HANDLE port)
{
	OVERLAPPED *o;
	ULONG_PTR key;
	DWORD n;

	CHECK(!GetQueuedCompletionStatus(port, &n, &key, &o, 0));
	CHECK_EQ(GetLastError(), WAIT_TIMEOUT);
	CHECK(!o);
}

/* Nobody calls in: the event tells by itself, after the OVERLAPPED is final. */
TEST(ov_8_event_without_a_port)
{
	HANDLE event = make_event(TRUE, TRUE), h;
	OVERLAPPED o;
	char buf[16];
	DWORD n;
	int fd;

	h = open_pipe(&fd);
	start_read(h, buf, sizeof(buf), &o, event);
	CHECK(!is_set(event));				/* reset at issue */
	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK_EQ(WaitForSingleObject(event, INFINITE), WAIT_OBJECT_0);
	CHECK_EQ(o.Internal, STATUS_WAIT_0);
	CHECK_EQ(o.InternalHigh, 3);
	CHECK(is_set(event));				/* manual reset: it stays */
	CHECK(GetOverlappedResult(h, &o, &n, TRUE));
	CHECK_EQ(n, 3);
	CHECK(is_set(event));				/* OV-13 */

	/* again, and this time it ends without data */
	start_read(h, buf, sizeof(buf), &o, event);
	CHECK(!is_set(event));
	close(fd);
	CHECK_EQ(WaitForSingleObject(event, INFINITE), WAIT_OBJECT_0);
	CHECK(!GetOverlappedResult(h, &o, &n, FALSE));
	CHECK_EQ(GetLastError(), ERROR_BROKEN_PIPE);
	CHECK(CloseHandle(h));
	CHECK(CloseHandle(event));
}

TEST(ov_8_event_of_a_disk_file)
{
	HANDLE event = make_event(TRUE, FALSE), h = open_data(8 * BLOCK, FILE_FLAG_OVERLAPPED);
	static char buf[4][BLOCK];
	HANDLE events[4];
	OVERLAPPED o[4];
	DWORD n;
	int i;

	start_read(h, buf[0], BLOCK, &o[0], event);
	CHECK_EQ(WaitForSingleObject(event, INFINITE), WAIT_OBJECT_0);
	CHECK(GetOverlappedResult(h, &o[0], &n, FALSE));
	CHECK_EQ(n, BLOCK);
	CHECK(dev_holds(buf[0], BLOCK, 0));

	/* several, each with its own, of both kinds */
	for (i = 0; i < 4; i++) {
		events[i] = make_event(i % 2, FALSE);
		memset(&o[i], 0, sizeof(o[i]));
		o[i].Offset = i * BLOCK;
		o[i].hEvent = events[i];
		CHECK(!ReadFile(h, buf[i], BLOCK, NULL, &o[i]));
		CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
	}
	CHECK_EQ(WaitForMultipleObjects(4, events, TRUE, INFINITE), WAIT_OBJECT_0);
	for (i = 0; i < 4; i++) {
		CHECK(dev_holds(buf[i], BLOCK, i * BLOCK));
		CHECK_EQ(is_set(events[i]), i % 2);
	}

	/* at the end of the file: pending, and the event tells */
	memset(&o[0], 0, sizeof(o[0]));
	o[0].Offset = 8 * BLOCK;
	o[0].hEvent = event;
	CHECK(!ReadFile(h, buf[0], BLOCK, NULL, &o[0]));
	CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
	CHECK_EQ(WaitForSingleObject(event, INFINITE), WAIT_OBJECT_0);
	CHECK(!GetOverlappedResult(h, &o[0], &n, FALSE));
	CHECK_EQ(GetLastError(), ERROR_HANDLE_EOF);
	CHECK(CloseHandle(h));
}

/* Not overlapped, and the event all the same. */
TEST(ov_8_synchronous_handle)
{
	HANDLE event = make_event(TRUE, TRUE), h = open_data(BLOCK, 0);
	OVERLAPPED o = { .hEvent = event };
	char buf[BLOCK];
	DWORD n;

	CHECK(ReadFile(h, buf, BLOCK, &n, &o));
	CHECK_EQ(n, BLOCK);
	CHECK(is_set(event));
	o.Offset = BLOCK;
	CHECK(!ReadFile(h, buf, BLOCK, &n, &o));
	CHECK_EQ(GetLastError(), ERROR_HANDLE_EOF);
	o.hEvent = h;
	CHECK(!ReadFile(h, buf, BLOCK, &n, &o));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	CHECK(CloseHandle(h));
}

/* The event is set though nobody takes packets; the packet is there as well. */
TEST(ov_13_event_and_packet)
{
	HANDLE event = make_event(TRUE, FALSE), h, port;
	OVERLAPPED o, *got;
	ULONG_PTR key;
	char buf[16];
	DWORD n;
	int fd;

	h = open_pipe(&fd);
	port = make_port(h);
	start_read(h, buf, sizeof(buf), &o, event);
	check_empty(port);
	CHECK_EQ(write(fd, "abcd", 4), 4);
	CHECK_EQ(WaitForSingleObject(event, INFINITE), WAIT_OBJECT_0);
	CHECK_EQ(o.InternalHigh, 4);
	CHECK(GetQueuedCompletionStatus(port, &n, &key, &got, LONG_MS));
	CHECK_EQ(n, 4);
	CHECK_EQ(key, KEY);
	CHECK(got == &o);
	CHECK(is_set(event));
	check_empty(port);

	/* one that fails: status and code are in the packet */
	start_read(h, buf, sizeof(buf), &o, event);
	CHECK(CancelIoEx(h, &o));
	CHECK(!GetQueuedCompletionStatus(port, &n, &key, &got, LONG_MS));
	CHECK_EQ(GetLastError(), ERROR_OPERATION_ABORTED);
	CHECK(got == &o);
	CHECK(is_set(event));

	/* the handle is closed under it: both are told (OV-30) */
	start_read(h, buf, sizeof(buf), &o, event);
	CHECK(CloseHandle(h));
	CHECK(!GetQueuedCompletionStatus(port, &n, &key, &got, LONG_MS));
	CHECK_EQ(GetLastError(), ERROR_BROKEN_PIPE);
	CHECK(got == &o);
	CHECK_EQ(key, KEY);
	CHECK_EQ(WaitForSingleObject(event, INFINITE), WAIT_OBJECT_0);
	CHECK(CloseHandle(port));
	close(fd);
}

TEST(ov_10_nm_11_low_bit)
{
	HANDLE event = make_event(TRUE, FALSE), h, port;
	OVERLAPPED o, other, *got;
	ULONG_PTR key;
	char buf[16];
	DWORD n;
	int fd;

	h = open_pipe(&fd);
	port = make_port(h);
	start_read(h, buf, sizeof(buf), &o, no_packet(event));
	CHECK_EQ(write(fd, "ab", 2), 2);
	CHECK_EQ(WaitForSingleObject(event, INFINITE), WAIT_OBJECT_0);
	CHECK_EQ(o.Internal, STATUS_WAIT_0);
	CHECK_EQ(o.InternalHigh, 2);
	/* what comes is the next one's, and nothing else */
	start_read(h, buf, sizeof(buf), &other, NULL);
	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK(GetQueuedCompletionStatus(port, &n, &key, &got, LONG_MS));
	CHECK(got == &other);
	check_empty(port);

	/* data is there: no packet either */
	CHECK_EQ(write(fd, "a", 1), 1);
	read_now(h, buf, sizeof(buf), &o, no_packet(event));
	CHECK_EQ(WaitForSingleObject(event, INFINITE), WAIT_OBJECT_0);
	check_empty(port);
	CHECK(CloseHandle(h));
	CHECK(CloseHandle(port));
	close(fd);
}

/* NM-16, and events that are none. */
TEST(nm_16_immediate_errors)
{
	HANDLE event = make_event(TRUE, FALSE), h = open_data(BLOCK, FILE_FLAG_OVERLAPPED);
	HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0), gone;
	OVERLAPPED o = { .hEvent = event };
	char buf[16];

	CHECK(!ReadFile(h, (void *)16, sizeof(buf), NULL, &o));
	CHECK_EQ(GetLastError(), ERROR_NOACCESS);
	CHECK(!is_set(event));
	gone = make_event(TRUE, FALSE);
	CHECK(CloseHandle(gone));
	for (int i = 0; i < 3; i++) {
		memset(&o, 0, sizeof(o));
		o.hEvent = i == 0 ? port : i == 1 ? gone : (HANDLE)0x77776666;
		CHECK(!ReadFile(h, buf, sizeof(buf), NULL, &o));
		CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
		CHECK_EQ(o.Internal, 0);
	}
	CHECK(CloseHandle(h));
}

/* An event that is closed meanwhile is nobody's business any more. */
TEST(event_closed_under_it)
{
	HANDLE event = make_event(TRUE, FALSE), h;
	OVERLAPPED o;
	char buf[16];
	DWORD n;
	int fd;

	h = open_pipe(&fd);
	start_read(h, buf, sizeof(buf), &o, event);
	CHECK(CloseHandle(event));
	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK(GetOverlappedResult(h, &o, &n, TRUE));
	CHECK_EQ(n, 3);
	CHECK(CloseHandle(h));
	close(fd);
}

static unsigned int calls;

static VOID CALLBACK count_call(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
				ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	OVERLAPPED *o = overlapped;

	CHECK(instance && context == &calls && io);
	CHECK_EQ(o->InternalHigh, bytes);
	CHECK_EQ(iocp_status_to_win32(o->Internal), result);
	ADD(calls, 1);
}

TEST(event_and_callback)
{
	HANDLE event = make_event(TRUE, FALSE), h;
	OVERLAPPED o;
	char buf[16];
	PTP_IO io;
	int fd;

	h = open_pipe(&fd);
	io = CreateThreadpoolIo(h, count_call, &calls, NULL);
	CHECK(io);
	StartThreadpoolIo(io);
	start_read(h, buf, sizeof(buf), &o, event);
	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK_EQ(WaitForSingleObject(event, INFINITE), WAIT_OBJECT_0);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CHECK_EQ(GET(calls), 1);

	/* without a packet there is no callback, so no Start */
	start_read(h, buf, sizeof(buf), &o, no_packet(event));
	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK_EQ(WaitForSingleObject(event, INFINITE), WAIT_OBJECT_0);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CHECK_EQ(GET(calls), 1);
	CHECK_EQ(iocp_stray_completions(), 0);

	/* closed under it */
	StartThreadpoolIo(io);
	start_read(h, buf, sizeof(buf), &o, event);
	CHECK(CloseHandle(h));
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CHECK_EQ(GET(calls), 2);
	CHECK_EQ(iocp_status_to_win32(o.Internal), ERROR_BROKEN_PIPE);
	CHECK(is_set(event));
	CloseThreadpoolIo(io);
	close(fd);
}

static DWORD routine_code;

static VOID WINAPI count_routine(DWORD code, DWORD bytes, LPOVERLAPPED o)
{
	CHECK_EQ(o->InternalHigh, bytes);
	CHECK_EQ(iocp_status_to_win32(o->Internal), code);
	SET(routine_code, code);
	ADD(calls, 1);
}

/* Without an object, without Starts. */
TEST(bind_io_completion_callback)
{
	HANDLE event = make_event(TRUE, FALSE), h, plain = open_data(BLOCK, 0);
	OVERLAPPED o;
	char buf[16];
	int fd;

	h = open_pipe(&fd);
	CHECK(!BindIoCompletionCallback(h, NULL, 0));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	CHECK(!BindIoCompletionCallback(h, count_routine, 1));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	CHECK(!BindIoCompletionCallback(plain, count_routine, 0));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	CHECK(!BindIoCompletionCallback(event, count_routine, 0));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	CHECK(BindIoCompletionCallback(h, count_routine, 0));
	CHECK(!BindIoCompletionCallback(h, count_routine, 0));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	CHECK(!CreateThreadpoolIo(h, count_call, NULL, NULL));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);

	start_read(h, buf, sizeof(buf), &o, NULL);
	CHECK_EQ(write(fd, "abc", 3), 3);
	WAIT_UNTIL(GET(calls) == 1);
	CHECK_EQ(GET(routine_code), NO_ERROR);
	start_read(h, buf, sizeof(buf), &o, event);
	CHECK(CancelIoEx(h, &o));
	WAIT_UNTIL(GET(calls) == 2);
	CHECK_EQ(GET(routine_code), ERROR_OPERATION_ABORTED);
	CHECK(is_set(event));
	start_read(h, buf, sizeof(buf), &o, NULL);
	CHECK(CloseHandle(h));
	WAIT_UNTIL(GET(calls) == 3);
	CHECK_EQ(GET(routine_code), ERROR_BROKEN_PIPE);
	CHECK_EQ(iocp_stray_completions(), 0);
	CHECK(CloseHandle(plain));
	close(fd);
}

/* The handle itself: set while nothing is pending (one operation at a time). */
TEST(ov_9_file_handle)
{
	HANDLE h;
	OVERLAPPED o;
	char buf[16];
	DWORD n;
	int fd, i;

	h = open_pipe(&fd);
	start_read(h, buf, sizeof(buf), &o, NULL);	/* pending before the first wait */
	CHECK(!is_set(h));
	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK_EQ(WaitForSingleObject(h, INFINITE), WAIT_OBJECT_0);
	CHECK_EQ(o.InternalHigh, 3);
	for (i = 0; i < 100; i++) {
		start_read(h, buf, sizeof(buf), &o, NULL);
		CHECK(!is_set(h));
		CHECK_EQ(write(fd, "abc", 3), 3);
		CHECK_EQ(WaitForSingleObject(h, INFINITE), WAIT_OBJECT_0);
		CHECK(GetOverlappedResult(h, &o, &n, FALSE));
	}
	/* at once */
	CHECK_EQ(write(fd, "abc", 3), 3);
	read_now(h, buf, sizeof(buf), &o, NULL);
	CHECK_EQ(WaitForSingleObject(h, INFINITE), WAIT_OBJECT_0);
	/* NM-4: set no more, and not now */
	CHECK(SetFileCompletionNotificationModes(h, FILE_SKIP_SET_EVENT_ON_HANDLE));
	CHECK(!is_set(h));
	start_read(h, buf, sizeof(buf), &o, NULL);
	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK(GetOverlappedResult(h, &o, &n, TRUE));
	CHECK(!is_set(h));
	CHECK(CloseHandle(h));
	close(fd);
}

/* CP-10: with a port too, as packets are taken. */
TEST(cp_10_file_handle_with_a_port)
{
	HANDLE h, port;
	OVERLAPPED o, *got;
	ULONG_PTR key;
	char buf[16];
	DWORD n;
	int fd;

	h = open_pipe(&fd);
	port = make_port(h);
	CHECK(is_set(h));
	start_read(h, buf, sizeof(buf), &o, NULL);
	CHECK(!is_set(h));
	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK(GetQueuedCompletionStatus(port, &n, &key, &got, LONG_MS));
	CHECK(is_set(h));
	CHECK(CloseHandle(h));
	CHECK(CloseHandle(port));
	close(fd);
}

TEST(cp_11_pending_before_the_port)
{
	HANDLE h, port;
	OVERLAPPED o, *got;
	ULONG_PTR key;
	char buf[16];
	DWORD n;
	int fd;

	h = open_pipe(&fd);
	start_read(h, buf, sizeof(buf), &o, NULL);
	port = make_port(h);
	check_empty(port);
	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK(GetQueuedCompletionStatus(port, &n, &key, &got, LONG_MS));
	CHECK_EQ(n, 3);
	CHECK_EQ(key, KEY);
	CHECK(got == &o);
	check_empty(port);
	CHECK(CloseHandle(h));
	CHECK(CloseHandle(port));
	close(fd);
}

static HANDLE late_file;
static OVERLAPPED late;
static int late_fd;

static void *wait_late(void *arg)
{
	DWORD n;

	(void)arg;
	CHECK(GetOverlappedResult(late_file, &late, &n, TRUE));
	CHECK_EQ(n, 3);
	return NULL;
}

/* Who waits already goes on waiting when the internal port gets its thread. */
TEST(waiters_outlive_the_change)
{
	HANDLE event = make_event(TRUE, FALSE), h;
	pthread_t threads[3];
	char buf[16], buf2[16];
	OVERLAPPED o;
	unsigned int i;
	int fd;

	late_file = open_pipe(&late_fd);
	start_read(late_file, buf2, sizeof(buf2), &late, NULL);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, wait_late, NULL), 0);
	dev_sleep_ms(50);
	h = open_pipe(&fd);
	start_read(h, buf, sizeof(buf), &o, event);
	CHECK_EQ(write(fd, "ab", 2), 2);
	CHECK_EQ(WaitForSingleObject(event, INFINITE), WAIT_OBJECT_0);
	CHECK_EQ(write(late_fd, "abc", 3), 3);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	CHECK(CloseHandle(h));
	CHECK(CloseHandle(late_file));
}

static void result_with_a_limit(HANDLE h, int fd, HANDLE event)
{
	OVERLAPPED o;
	uint64_t begun;
	char buf[16];
	DWORD n = 99;

	start_read(h, buf, sizeof(buf), &o, event);
	CHECK(!GetOverlappedResultEx(h, &o, &n, 0, FALSE));
	CHECK_EQ(GetLastError(), ERROR_IO_INCOMPLETE);
	begun = dev_now_ms();
	CHECK(!GetOverlappedResultEx(h, &o, &n, 50, FALSE));
	CHECK_EQ(GetLastError(), WAIT_TIMEOUT);
	CHECK(dev_now_ms() - begun >= 50);
	CHECK_EQ(n, 99);
	CHECK(!GetOverlappedResultEx(NULL, &o, &n, 50, FALSE));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK(GetOverlappedResultEx(h, &o, &n, INFINITE, FALSE));
	CHECK_EQ(n, 3);
	CHECK(GetOverlappedResultEx(h, &o, &n, 0, TRUE));
}

TEST(ov_12_result_with_a_limit)
{
	HANDLE event = make_event(TRUE, FALSE), h;
	int fd;

	h = open_pipe(&fd);
	result_with_a_limit(h, fd, NULL);
	result_with_a_limit(h, fd, event);
	result_with_a_limit(h, fd, NULL);
	CHECK(CloseHandle(h));
	close(fd);
}

static void *start_late(void *arg)
{
	static char buf[16];

	start_read(arg, buf, sizeof(buf), &late, NULL);
	return NULL;
}

static void cancel_mine(HANDLE h, int fd, bool ended)
{
	static OVERLAPPED o;
	static char buf[16];
	pthread_t thread;
	DWORD n;

	CHECK_EQ(pthread_create(&thread, NULL, start_late, h), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	start_read(h, buf, sizeof(buf), &o, NULL);
	CHECK(CancelIo(h));
	if (ended) {
		CHECK(!GetOverlappedResult(h, &o, &n, TRUE));
		CHECK_EQ(GetLastError(), ERROR_OPERATION_ABORTED);
		CHECK(!HasOverlappedIoCompleted(&late));
	}
	CHECK(CancelIo(h));			/* nothing left: that is no error */
	CHECK_EQ(write(fd, "abc", 3), 3);
}

TEST(ov_23_cancel_io)
{
	HANDLE h, port;
	OVERLAPPED *got;
	ULONG_PTR key;
	DWORD n;
	int fd;

	SetLastError(NO_ERROR);
	CHECK(!CancelIo(NULL));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	h = open_pipe(&fd);
	cancel_mine(h, fd, true);
	CHECK(GetOverlappedResult(h, &late, &n, TRUE));
	CHECK_EQ(n, 3);
	port = make_port(h);
	cancel_mine(h, fd, false);
	CHECK(!GetQueuedCompletionStatus(port, &n, &key, &got, LONG_MS));
	CHECK_EQ(GetLastError(), ERROR_OPERATION_ABORTED);
	CHECK(got && got != &late);
	CHECK(GetQueuedCompletionStatus(port, &n, &key, &got, LONG_MS));
	CHECK(got == &late);
	CHECK(CloseHandle(h));
	CHECK(CloseHandle(port));
	close(fd);
}

struct call {
	HANDLE h;
	void *buf;
	DWORD len, n, error;
	BOOL write, ok;
};

static DWORD WINAPI do_call(LPVOID arg)
{
	struct call *c = arg;

	SetLastError(NO_ERROR);
	if (c->write)
		c->ok = WriteFile(c->h, c->buf, c->len, &c->n, NULL);
	else
		c->ok = ReadFile(c->h, c->buf, c->len, &c->n, NULL);
	c->error = GetLastError();
	return 0;
}

static HANDLE start_call(struct call *c)
{
	HANDLE thread = CreateThread(NULL, 0, do_call, c, 0, NULL);

	CHECK(thread);
	return thread;
}

static void end_call(HANDLE thread)
{
	CHECK_EQ(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
	SetLastError(NO_ERROR);
	CHECK(!CancelSynchronousIo(thread));
	CHECK_EQ(GetLastError(), ERROR_NOT_FOUND);
	CHECK(CloseHandle(thread));
}

TEST(ov_27_cancel_synchronous_io)
{
	static char buf[1 << 20];
	struct call r = { .buf = buf, .len = 16 }, w = { .buf = buf, .write = TRUE };
	HANDLE event = make_event(TRUE, FALSE), thread;
	int i;

	CHECK(!CancelSynchronousIo(event));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	CHECK(CreatePipe(&r.h, &w.h, NULL, 0));
	for (i = 0; i < 50; i++) {
		thread = start_call(&r);
		SetLastError(0xdeadbeef);
		WAIT_UNTIL(CancelSynchronousIo(thread) || GetLastError() != ERROR_NOT_FOUND);
		end_call(thread);
		CHECK(!r.ok);
		CHECK_EQ(r.error, ERROR_OPERATION_ABORTED);
		CHECK_EQ(r.n, 0);
	}
	/* nobody cancels: it is a read as any other */
	thread = start_call(&r);
	w.len = 5;
	do_call(&w);
	CHECK(w.ok && w.n == 5);
	end_call(thread);
	CHECK(r.ok);
	CHECK_EQ(r.n, 5);
	/* a write that fills the pipe and waits: what was moved counts (OV-21) */
	w.len = sizeof(buf);
	thread = start_call(&w);
	dev_sleep_ms(50);
	WAIT_UNTIL(CancelSynchronousIo(thread));
	end_call(thread);
	CHECK(w.ok);
	CHECK(w.n > 0 && w.n < sizeof(buf));
	/* the rest of what there is, and then its end */
	for (i = w.n; i > 0; i -= r.n) {
		r.len = i;
		do_call(&r);
		CHECK(r.ok && r.n);
	}
	thread = start_call(&r);
	CHECK(CloseHandle(w.h));
	end_call(thread);
	CHECK(!r.ok);
	CHECK_EQ(r.error, ERROR_BROKEN_PIPE);
	CHECK(CloseHandle(r.h));
	/* and of a write without a reader */
	CHECK(CreatePipe(&r.h, &w.h, NULL, 0));
	CHECK(CloseHandle(r.h));
	w.len = 5;
	thread = start_call(&w);
	end_call(thread);
	CHECK(!w.ok);
	CHECK_EQ(w.error, ERROR_NO_DATA);
	CHECK(CloseHandle(w.h));
}

/* A child starts from nothing: the thread that sets events was the parent's. */
TEST(events_in_a_child)
{
	HANDLE event = make_event(TRUE, FALSE), h;
	OVERLAPPED o;
	char buf[16];
	int fd, status;
	pid_t pid;

	h = open_pipe(&fd);
	start_read(h, buf, sizeof(buf), &o, event);
	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK_EQ(WaitForSingleObject(event, INFINITE), WAIT_OBJECT_0);
	pid = dev_fork();
	CHECK(pid >= 0);
	if (!pid) {
		event = make_event(TRUE, FALSE);
		h = open_pipe(&fd);
		start_read(h, buf, sizeof(buf), &o, event);
		CHECK_EQ(write(fd, "abc", 3), 3);
		CHECK_EQ(WaitForSingleObject(event, INFINITE), WAIT_OBJECT_0);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
	start_read(h, buf, sizeof(buf), &o, event);
	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK_EQ(WaitForSingleObject(event, INFINITE), WAIT_OBJECT_0);
}

#define RACERS	4
#define ROUNDS	2000

/* Events, closes and cancels of many threads: each operation ends once. */
static void *racer(void *arg)
{
	HANDLE event = make_event(TRUE, FALSE), h;
	OVERLAPPED o;
	char buf[16];
	DWORD n;
	int i, fd;

	(void)arg;
	for (i = 0; i < ROUNDS; i++) {
		h = open_pipe(&fd);
		start_read(h, buf, sizeof(buf), &o, i % 2 ? event : NULL);
		switch (i % 3) {
		case 0:
			CHECK_EQ(write(fd, "abc", 3), 3);
			break;
		case 1:
			CHECK(CancelIoEx(h, &o));
			break;
		}
		if (i % 3 != 2)
			GetOverlappedResult(h, &o, &n, TRUE);
		CHECK(CloseHandle(h));
		if (i % 2)
			CHECK_EQ(WaitForSingleObject(event, INFINITE), WAIT_OBJECT_0);
		else
			WAIT_UNTIL(HasOverlappedIoCompleted(&o));
		close(fd);
	}
	CHECK(CloseHandle(event));
	return NULL;
}

TEST(events_of_many_threads)
{
	pthread_t threads[RACERS];
	int i;

	for (i = 0; i < RACERS; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, racer, NULL), 0);
	for (i = 0; i < RACERS; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
}
