// SPDX-License-Identifier: GPL-2.0-only
/* Waiting for ports, duplicates of files and ports, named pipes with OVERLAPPED. */
#include "dev.h"

#include <windows.h>

#define KEY	77

static HANDLE new_port(void)
{
	HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);

	CHECK(port);
	return port;
}

static HANDLE duplicate(HANDLE h)
{
	HANDLE self = GetCurrentProcess(), dup;

	CHECK(DuplicateHandle(self, h, self, &dup, 0, FALSE, DUPLICATE_SAME_ACCESS));
	return dup;
}

/* Takes a packet and returns its error, or 0. */
static DWORD take(HANDLE port, LPOVERLAPPED expected, DWORD bytes)
{
	LPOVERLAPPED o;
	ULONG_PTR key;
	DWORD n;
	BOOL ok = GetQueuedCompletionStatus(port, &n, &key, &o, DEV_SECONDS * 500);
	DWORD code = ok ? 0 : GetLastError();

	CHECK(o == expected);
	CHECK_EQ(key, KEY);
	CHECK_EQ(n, bytes);
	return code;
}

static HANDLE waited_port;
static unsigned int woken;

static DWORD WINAPI wait_for_port(LPVOID arg)
{
	(void)arg;
	CHECK_EQ(WaitForSingleObject(waited_port, INFINITE), WAIT_OBJECT_0);
	ADD(woken, 1);
	return 0;
}

TEST(cp_15_port_is_signalled_while_it_has_packets)
{
	HANDLE port = new_port(), t[2], event = CreateEventA(NULL, TRUE, FALSE, NULL);
	HANDLE both[2] = { event, port };
	LPOVERLAPPED o;
	ULONG_PTR key;
	DWORD n, i;

	CHECK_EQ(WaitForSingleObject(port, 0), WAIT_TIMEOUT);
	CHECK(PostQueuedCompletionStatus(port, 1, KEY, NULL));
	CHECK(PostQueuedCompletionStatus(port, 2, KEY, NULL));
	CHECK_EQ(WaitForSingleObject(port, INFINITE), WAIT_OBJECT_0);
	CHECK_EQ(WaitForMultipleObjects(2, both, FALSE, INFINITE), WAIT_OBJECT_0 + 1);
	CHECK_EQ(WaitForMultipleObjects(2, both, TRUE, 0), WAIT_TIMEOUT);
	CHECK(GetQueuedCompletionStatus(port, &n, &key, &o, 0) && n == 1);
	CHECK_EQ(WaitForSingleObject(port, 0), WAIT_OBJECT_0);
	CHECK(GetQueuedCompletionStatus(port, &n, &key, &o, 0) && n == 2);
	CHECK_EQ(WaitForSingleObject(port, 0), WAIT_TIMEOUT);

	/* A packet that nobody takes wakes all, and closing does (CP-50). */
	waited_port = port;
	for (i = 0; i < 2; i++)
		t[i] = CreateThread(NULL, 0, wait_for_port, NULL, 0, NULL);
	dev_sleep_ms(20);
	CHECK_EQ(GET(woken), 0);
	CHECK(PostQueuedCompletionStatus(port, 3, KEY, NULL));
	CHECK_EQ(WaitForMultipleObjects(2, t, TRUE, INFINITE), WAIT_OBJECT_0);
	CHECK_EQ(woken, 2);
	CHECK(GetQueuedCompletionStatus(port, &n, &key, &o, 0) && n == 3);
	for (i = 0; i < 2; i++) {
		CHECK(CloseHandle(t[i]));
		t[i] = CreateThread(NULL, 0, wait_for_port, NULL, 0, NULL);
	}
	dev_sleep_ms(20);
	CHECK_EQ(GET(woken), 2);
	CHECK(CloseHandle(port));
	CHECK_EQ(WaitForMultipleObjects(2, t, TRUE, INFINITE), WAIT_OBJECT_0);
	CHECK_EQ(WaitForSingleObject(port, 0), WAIT_FAILED);
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
}

/* A pipe's ends: reading as a handle for overlapped I/O, writing as a descriptor. */
static HANDLE open_pipe(int *write_fd)
{
	HANDLE h;
	int fds[2];

	CHECK(!pipe2(fds, O_CLOEXEC));
	h = (HANDLE)_get_osfhandle(fds[0]);
	CHECK(h != INVALID_HANDLE_VALUE);
	close(fds[0]);
	*write_fd = fds[1];
	return h;
}

TEST(cp_9_duplicate_of_a_file_is_the_same_file)
{
	HANDLE port = new_port(), file, dup;
	OVERLAPPED a = { .Offset = 0 }, b = { .Offset = 0 };
	char buf[8];
	DWORD n;
	int fd;

	file = open_pipe(&fd);
	dup = duplicate(file);
	CHECK(CreateIoCompletionPort(dup, port, KEY, 0) == port);
	CHECK(!CreateIoCompletionPort(file, port, KEY, 0));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);	/* CP-7 */
	CHECK(!ReadFile(file, buf, 1, NULL, &a) && GetLastError() == ERROR_IO_PENDING);
	CHECK(!ReadFile(dup, buf, 1, NULL, &b) && GetLastError() == ERROR_IO_PENDING);
	CHECK(CloseHandle(file));		/* OV-30: cancels nothing */
	CHECK(!CloseHandle(file) && GetLastError() == ERROR_INVALID_HANDLE);
	CHECK(!ReadFile(file, buf, 1, NULL, &a) && GetLastError() == ERROR_INVALID_HANDLE);
	CHECK_EQ(WaitForSingleObject(port, 20), WAIT_TIMEOUT);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(take(port, &a, 1), 0);
	CHECK(GetOverlappedResult(dup, &a, &n, FALSE) && n == 1);
	CHECK(CancelIoEx(dup, &b));
	CHECK_EQ(take(port, &b, 0), ERROR_OPERATION_ABORTED);
	CHECK(!ReadFile(dup, buf, 1, NULL, &b) && GetLastError() == ERROR_IO_PENDING);
	CHECK(CloseHandle(dup));		/* the last one does */
	CHECK_EQ(take(port, &b, 0), ERROR_BROKEN_PIPE);
	signal(SIGPIPE, SIG_IGN);
	CHECK(write(fd, "x", 1) < 0 && errno == EPIPE);
	CHECK(CloseHandle(port));
}

TEST(cp_50_last_handle_of_a_port_closes_it)
{
	HANDLE port = new_port(), dup = duplicate(port);
	LPOVERLAPPED o;
	ULONG_PTR key;
	DWORD n;

	CHECK(CloseHandle(port));
	CHECK(!PostQueuedCompletionStatus(port, 1, KEY, NULL));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	CHECK(PostQueuedCompletionStatus(dup, 1, KEY, NULL));
	CHECK(GetQueuedCompletionStatus(dup, &n, &key, &o, INFINITE) && n == 1);
	CHECK(CloseHandle(dup));
	CHECK(!GetQueuedCompletionStatus(dup, &n, &key, &o, 0));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
}

#define PIPE	"\\\\.\\pipe\\dev-synch"

static HANDLE server(void)
{
	HANDLE h = CreateNamedPipeA(PIPE, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
				    PIPE_TYPE_BYTE | PIPE_WAIT, PIPE_UNLIMITED_INSTANCES, 0, 0, 0,
				    NULL);

	CHECK(h != INVALID_HANDLE_VALUE);
	return h;
}

static HANDLE client(DWORD flags)
{
	HANDLE h = CreateFileA(PIPE, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, flags,
			       NULL);

	CHECK(h != INVALID_HANDLE_VALUE);
	return h;
}

static void connects_later(HANDLE s, LPOVERLAPPED o)
{
	CHECK(!ConnectNamedPipe(s, o));
	CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
	CHECK_EQ(o->Internal, STATUS_PENDING);
}

static void reads(HANDLE h, const char *text)
{
	char buf[32];
	DWORD n;

	CHECK(ReadFile(h, buf, sizeof(buf), &n, NULL));
	CHECK_EQ(n, strlen(text));
	CHECK(!memcmp(buf, text, n));
}

static void writes(HANDLE h, const char *text)
{
	DWORD n;

	CHECK(WriteFile(h, text, strlen(text), &n, NULL));
	CHECK_EQ(n, strlen(text));
}

TEST(named_pipe_connects_with_an_event)
{
	OVERLAPPED o = { .hEvent = CreateEventA(NULL, TRUE, TRUE, NULL) };
	HANDLE s = server(), c;
	char buf[8];
	DWORD n = 9;

	connects_later(s, &o);
	CHECK_EQ(WaitForSingleObject(o.hEvent, 20), WAIT_TIMEOUT);
	CHECK(!ConnectNamedPipe(s, &o) && GetLastError() == ERROR_PIPE_LISTENING);
	CHECK(!DisconnectNamedPipe(s) && GetLastError() == ERROR_PIPE_LISTENING);
	CHECK(WaitNamedPipeA(PIPE, 1000));	/* that is no client */
	CHECK_EQ(WaitForSingleObject(o.hEvent, 20), WAIT_TIMEOUT);
	c = client(0);
	CHECK_EQ(WaitForSingleObject(o.hEvent, INFINITE), WAIT_OBJECT_0);
	CHECK(GetOverlappedResult(s, &o, &n, FALSE));
	CHECK_EQ(n, 0);
	CHECK(!ConnectNamedPipe(s, &o) && GetLastError() == ERROR_PIPE_CONNECTED);

	writes(c, "abc");
	if (!ReadFile(s, buf, 8, NULL, &o))
		CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
	CHECK(GetOverlappedResult(s, &o, &n, TRUE) && n == 3 && !memcmp(buf, "abc", 3));
	CHECK(!ReadFile(s, buf, 8, NULL, &o) && GetLastError() == ERROR_IO_PENDING);
	CHECK(CloseHandle(c));
	CHECK(!GetOverlappedResult(s, &o, &n, TRUE) && GetLastError() == ERROR_BROKEN_PIPE);
	CHECK(DisconnectNamedPipe(s));

	/* Nobody comes. */
	connects_later(s, &o);
	CHECK(CancelIoEx(s, &o));
	CHECK(!GetOverlappedResult(s, &o, &n, TRUE) && GetLastError() == ERROR_OPERATION_ABORTED);
	connects_later(s, &o);
	CHECK(CloseHandle(s));
	CHECK(!GetOverlappedResult(s, &o, &n, TRUE));
	CHECK_EQ(CreateFileA(PIPE, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL),
		 INVALID_HANDLE_VALUE);
	CHECK_EQ(GetLastError(), ERROR_FILE_NOT_FOUND);
	CHECK(CloseHandle(server()));		/* the name is free again */
}

/* Each connection is another socket, and stays in the port with its key. */
TEST(named_pipe_stays_in_its_port)
{
	HANDLE port = new_port(), s = server(), c;
	OVERLAPPED o = { .Offset = 0 }, r = { .Offset = 0 }, w = { .Offset = 0 };
	char buf[8];
	int i;

	CHECK(CreateIoCompletionPort(s, port, KEY, 0) == port);
	for (i = 0; i < 3; i++) {
		connects_later(s, &o);
		c = client(0);
		CHECK_EQ(take(port, &o, 0), 0);
		CHECK(!ReadFile(s, buf, 8, NULL, &r) && GetLastError() == ERROR_IO_PENDING);
		writes(c, "hello");
		CHECK_EQ(take(port, &r, 5), 0);
		if (!WriteFile(s, "back", 4, NULL, &w))
			CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
		CHECK_EQ(take(port, &w, 4), 0);
		reads(c, "back");
		CHECK(!ReadFile(s, buf, 8, NULL, &r) && GetLastError() == ERROR_IO_PENDING);
		if (i) {
			CHECK(DisconnectNamedPipe(s));
			CHECK_EQ(take(port, &r, 0), ERROR_BROKEN_PIPE);
			CHECK(CloseHandle(c));
		} else {
			CHECK(CloseHandle(c));
			CHECK_EQ(take(port, &r, 0), ERROR_BROKEN_PIPE);
			CHECK(DisconnectNamedPipe(s));
		}
	}
	/* One that is there already queues nothing. */
	c = client(0);
	CHECK(!ConnectNamedPipe(s, &o) && GetLastError() == ERROR_PIPE_CONNECTED);
	CHECK_EQ(WaitForSingleObject(port, 20), WAIT_TIMEOUT);
	CHECK(DisconnectNamedPipe(s));
	connects_later(s, &o);
	CHECK(CancelIoEx(s, NULL));
	CHECK_EQ(take(port, &o, 0), ERROR_OPERATION_ABORTED);
	CHECK(CloseHandle(s));
	CHECK(CloseHandle(port));
}

/* Into the port while it waits for a client: that must not be refused. */
TEST(named_pipe_binds_late)
{
	HANDLE port = new_port(), s, c;
	OVERLAPPED o = { .Offset = 0 }, r = { .Offset = 0 };
	char buf[8];
	int i;

	for (i = 0; i < 20; i++) {
		s = server();
		connects_later(s, &o);
		c = client(FILE_FLAG_OVERLAPPED);
		CHECK(CreateIoCompletionPort(s, port, KEY, 0) == port);
		WAIT_UNTIL(HasOverlappedIoCompleted(&o) || WaitForSingleObject(port, 0) == 0);
		/* CP-11: whether it was pending then is a race here */
		if (!HasOverlappedIoCompleted(&o) || WaitForSingleObject(port, 50) == 0)
			CHECK_EQ(take(port, &o, 0), 0);
		CHECK(!ReadFile(s, buf, 8, NULL, &r) && GetLastError() == ERROR_IO_PENDING);
		CHECK(CloseHandle(c));
		CHECK_EQ(take(port, &r, 0), ERROR_BROKEN_PIPE);
		CHECK(CloseHandle(s));
	}
}

/* A server as they are written: instances in the pool, each serves and connects again. */
#define INSTANCES	3
#define CLIENTS		6
#define CALLS		10

struct instance {
	OVERLAPPED o;
	HANDLE pipe;
	PTP_IO io;
	enum { CONNECT, READ, WRITE } doing;
	char buf[16];
};

static unsigned int served, disconnects;
static bool closing;

static void go_on(struct instance *in)
{
	BOOL ok;

	StartThreadpoolIo(in->io);
	if (in->doing == CONNECT)
		ok = ConnectNamedPipe(in->pipe, &in->o);
	else if (in->doing == READ)
		ok = ReadFile(in->pipe, in->buf, sizeof(in->buf), NULL, &in->o);
	else
		ok = WriteFile(in->pipe, in->buf, 4, NULL, &in->o);
	if (ok || GetLastError() == ERROR_IO_PENDING)
		return;
	CancelThreadpoolIo(in->io);
	if (in->doing == CONNECT && GetLastError() == ERROR_PIPE_CONNECTED) {
		in->doing = READ;
		go_on(in);
		return;
	}
	/* The client has gone: that is no callback, but the end of it. */
	CHECK(GetLastError() == ERROR_BROKEN_PIPE || GetLastError() == ERROR_NO_DATA);
	CHECK(DisconnectNamedPipe(in->pipe));
	ADD(disconnects, 1);
	in->doing = CONNECT;
	go_on(in);
}

static VOID CALLBACK served_one(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
				ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	struct instance *in = context;

	(void)instance, (void)io;
	CHECK(overlapped == &in->o);
	if (GET(closing))
		return;
	if (result) {
		CHECK_EQ(result, ERROR_BROKEN_PIPE);
		CHECK_EQ(in->doing, READ);
		CHECK(DisconnectNamedPipe(in->pipe));
		ADD(disconnects, 1);
		in->doing = CONNECT;
	} else if (in->doing == READ) {
		CHECK_EQ(bytes, 4);
		in->doing = WRITE;
	} else {
		ADD(served, in->doing == WRITE);
		in->doing = READ;
	}
	go_on(in);
}

static DWORD WINAPI call_server(LPVOID arg)
{
	char text[8];
	HANDLE c;
	int i;

	for (i = 0; i < CALLS; i++) {
		for (;;) {
			c = CreateFileA(PIPE, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
					0, NULL);
			if (c != INVALID_HANDLE_VALUE)
				break;
			CHECK_EQ(GetLastError(), ERROR_PIPE_BUSY);
			if (!WaitNamedPipeA(PIPE, 1000))
				CHECK_EQ(GetLastError(), ERROR_SEM_TIMEOUT);
		}
		snprintf(text, sizeof(text), "%d%03d", (int)(intptr_t)arg, i);
		writes(c, text);
		reads(c, text);
		CHECK(CloseHandle(c));
	}
	return 0;
}

TEST(named_pipe_server_in_the_pool)
{
	static struct instance in[INSTANCES];
	HANDLE t[CLIENTS];
	intptr_t i;

	for (i = 0; i < INSTANCES; i++) {
		in[i].pipe = server();
		in[i].io = CreateThreadpoolIo(in[i].pipe, served_one, &in[i], NULL);
		CHECK(in[i].io);
		go_on(&in[i]);
	}
	for (i = 0; i < CLIENTS; i++)
		CHECK((t[i] = CreateThread(NULL, 0, call_server, (void *)i, 0, NULL)));
	CHECK_EQ(WaitForMultipleObjects(CLIENTS, t, TRUE, INFINITE), WAIT_OBJECT_0);
	WAIT_UNTIL(GET(disconnects) == CLIENTS * CALLS);
	CHECK_EQ(served, CLIENTS * CALLS);
	SET(closing, true);
	for (i = 0; i < INSTANCES; i++) {
		CHECK(CloseHandle(in[i].pipe));
		WaitForThreadpoolIoCallbacks(in[i].io, FALSE);
		CloseThreadpoolIo(in[i].io);
	}
	CHECK_EQ(iocp_stray_completions(), 0);
}
