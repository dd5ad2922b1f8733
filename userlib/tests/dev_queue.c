// SPDX-License-Identifier: GPL-2.0-only
/* Completion ports with the Windows names: CP-1 ... 9, 20 ... 26, 44 ... 60. */
#include "dev.h"

#include <iocp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <windows.h>

#define BLOCK	4096
#define KEY	((ULONG_PTR)0x1122334455667788)

static HANDLE make_port(DWORD concurrency)
{
	HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, concurrency);

	CHECK(port);
	return port;
}

static const char *data_file(size_t len)
{
	return dev_file(dev_path("data"), len);
}

static HANDLE open_file(const char *path, DWORD access, DWORD flags)
{
	HANDLE h = CreateFileA(path, access, 0, NULL, OPEN_EXISTING, flags, NULL);

	CHECK(h != INVALID_HANDLE_VALUE);
	return h;
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

static void expect_none(HANDLE port, DWORD ms, DWORD error)
{
	LPOVERLAPPED ov = (LPOVERLAPPED)8;
	ULONG_PTR key = 77;
	DWORD bytes = 88;

	SetLastError(0xdeadbeef);
	CHECK(!GetQueuedCompletionStatus(port, &bytes, &key, &ov, ms));
	CHECK_EQ(GetLastError(), error);
	CHECK(!ov);
	CHECK_EQ(key, 77);			/* CP-44c, d, e: not written */
	CHECK_EQ(bytes, 88);
}

TEST(cp_1_8_create)
{
	const char *path = data_file(BLOCK);
	HANDLE port, port2, h, plain, both;

	port = make_port(0);
	CHECK(port != INVALID_HANDLE_VALUE);
	CHECK(!CreateIoCompletionPort(INVALID_HANDLE_VALUE, port, 1, 0));	/* CP-2 */
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	CHECK(!CreateIoCompletionPort((HANDLE)0x1234567890, NULL, 1, 0));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	CHECK(!CreateIoCompletionPort(NULL, NULL, 1, 0));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	h = open_file(path, GENERIC_READ, FILE_FLAG_OVERLAPPED);
	CHECK(!CreateIoCompletionPort(h, h, 1, 0));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	SetLastError(0xdeadbeef);
	CHECK(CreateIoCompletionPort(h, port, 1, 0) == port);			/* CP-3 */
	CHECK_EQ(GetLastError(), 0xdeadbeef);
	CHECK(!CreateIoCompletionPort(h, port, 1, 0));				/* CP-7 */
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	port2 = make_port(0);
	CHECK(!CreateIoCompletionPort(h, port2, 1, 0));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	CHECK(!CreateIoCompletionPort(h, NULL, 1, 0));				/* CP-4 */
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	plain = open_file(path, GENERIC_READ, 0);
	CHECK(!CreateIoCompletionPort(plain, port, 1, 0));			/* CP-8 */
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	CHECK(CloseHandle(h));
	h = open_file(path, GENERIC_READ, FILE_FLAG_OVERLAPPED);
	both = CreateIoCompletionPort(h, NULL, 1, 0);				/* CP-1 */
	CHECK(both && both != port && both != port2);
	CHECK(CloseHandle(h) && CloseHandle(plain) && CloseHandle(both));
	CHECK(CloseHandle(port) && CloseHandle(port2));
	CHECK(!CloseHandle(port));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	CHECK(!CloseHandle(NULL));
	CHECK(!CloseHandle(INVALID_HANDLE_VALUE));
	unlink(path);
}

TEST(cp_20_24_posts_go_through)
{
	HANDLE port = make_port(1);
	LPOVERLAPPED ov;
	ULONG_PTR key;
	DWORD bytes;
	int i;

	/* any value, also a pointer that is none; FIFO; last error untouched (CP-46) */
	SetLastError(0xdeadbeef);
	CHECK(PostQueuedCompletionStatus(port, 0xffffffff, KEY, (LPOVERLAPPED)0x1357));
	CHECK(PostQueuedCompletionStatus(port, 0, 0, NULL));
	for (i = 0; i < 100; i++)
		CHECK(PostQueuedCompletionStatus(port, i, i, (LPOVERLAPPED)(uintptr_t)i));
	CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &ov, 0));
	CHECK_EQ(bytes, 0xffffffff);
	CHECK_EQ(key, KEY);
	CHECK(ov == (LPOVERLAPPED)0x1357);
	CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE));
	CHECK(!ov && !key && !bytes);
	for (i = 0; i < 100; i++) {
		CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &ov, 0));
		CHECK(bytes == (DWORD)i && key == (ULONG_PTR)i && ov == (LPOVERLAPPED)(uintptr_t)i);
	}
	CHECK_EQ(GetLastError(), 0xdeadbeef);
	expect_none(port, 0, WAIT_TIMEOUT);
	CloseHandle(port);
	CHECK(!PostQueuedCompletionStatus(port, 0, 0, NULL));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
}

TEST(cp_44_return_table)
{
	const char *path = data_file(BLOCK);
	HANDLE port = make_port(0), h = open_file(path, GENERIC_READ, FILE_FLAG_OVERLAPPED);
	OVERLAPPED o = { .Offset = 96 }, *ov;
	char buf[BLOCK];
	ULONG_PTR key;
	uint64_t start;
	DWORD bytes;

	CHECK(CreateIoCompletionPort(h, port, KEY, 0));
	/* a: success.  CP-49: the OVERLAPPED changes when the packet is taken */
	bytes = 99;
	CHECK(!ReadFile(h, buf, 100, &bytes, &o));
	CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
	CHECK_EQ(bytes, 0);			/* OV-14 */
	dev_sleep_ms(100);
	CHECK_EQ(o.Internal, (ULONG_PTR)STATUS_PENDING);
	SetLastError(0xdeadbeef);
	CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE));
	CHECK_EQ(GetLastError(), 0xdeadbeef);
	CHECK_EQ(bytes, 100);
	CHECK_EQ(key, KEY);
	CHECK(ov == &o);
	CHECK_EQ(o.Internal, 0);
	CHECK_EQ(o.InternalHigh, 100);
	CHECK(dev_holds(buf, 100, 96));

	/* b: an operation that failed */
	o.Offset = BLOCK * 2;
	CHECK(!ReadFile(h, buf, 100, NULL, &o));
	CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
	ov = NULL;
	key = 0;
	bytes = 99;
	CHECK(!GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE));
	CHECK_EQ(GetLastError(), ERROR_HANDLE_EOF);
	CHECK_EQ(bytes, 0);
	CHECK_EQ(key, KEY);
	CHECK(ov == &o);
	CHECK_EQ(o.Internal, 0xC0000011);

	/* c: nothing in time */
	expect_none(port, 0, WAIT_TIMEOUT);
	start = dev_now_ms();
	expect_none(port, 100, WAIT_TIMEOUT);
	CHECK(dev_now_ms() - start >= 100);
	/* e: not a port */
	expect_none(h, 0, ERROR_INVALID_HANDLE);
	expect_none(NULL, 0, ERROR_INVALID_HANDLE);
	expect_none(INVALID_HANDLE_VALUE, 0, ERROR_INVALID_HANDLE);
	CloseHandle(port);
	expect_none(port, 0, ERROR_INVALID_HANDLE);
	CloseHandle(h);
	unlink(path);
}

static HANDLE shared_port;
static unsigned int waiting, abandoned;

static void *wait_for_close(void *arg)
{
	OVERLAPPED_ENTRY entry;
	ULONG n = 77;

	ADD(waiting, 1);
	if (arg) {
		CHECK(!GetQueuedCompletionStatusEx(shared_port, &entry, 1, &n, INFINITE, FALSE));
		CHECK_EQ(GetLastError(), ERROR_ABANDONED_WAIT_0);
	} else {
		expect_none(shared_port, INFINITE, ERROR_ABANDONED_WAIT_0);
	}
	ADD(abandoned, 1);
	return NULL;
}

TEST(cp_50_close_with_waiters)
{
	pthread_t t[4];
	uintptr_t i;

	shared_port = make_port(0);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		CHECK_EQ(pthread_create(&t[i], NULL, wait_for_close, (void *)(i % 2)), 0);
	WAIT_UNTIL(GET(waiting) == ARRAY_SIZE(t));
	dev_sleep_ms(200);
	CHECK(CloseHandle(shared_port));
	for (i = 0; i < ARRAY_SIZE(t); i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(abandoned, ARRAY_SIZE(t));
	expect_none(shared_port, 0, ERROR_INVALID_HANDLE);
}

/* CP-13, CP-51, CP-59: files outlive the port; what comes then is lost, not fatal. */
TEST(cp_59_files_outlive_the_port)
{
	int wr, round;

	for (round = 0; round < 200; round++) {
		OVERLAPPED o[2] = { 0 };
		HANDLE port = make_port(0), h = open_pipe(&wr);
		char buf[2][4];
		int left;
		DWORD n;

		CHECK(CreateIoCompletionPort(h, port, 1, 0));
		CHECK(!ReadFile(h, buf[0], 4, NULL, &o[0]));
		CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
		CHECK_EQ(write(wr, "abcd", 4), 4);
		/* Taken by the first read, else the second might get it. */
		WAIT_UNTIL(!ioctl(wr, FIONREAD, &left) && !left);
		CHECK(CloseHandle(port));
		CHECK(!ReadFile(h, buf[1], 4, NULL, &o[1]));
		CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
		CHECK_EQ(o[0].Internal, (ULONG_PTR)STATUS_PENDING);
		if (round % 2) {
			CHECK_EQ(write(wr, "efgh", 4), 4);
			CHECK(GetOverlappedResult(h, &o[1], &n, TRUE));
			CHECK_EQ(n, 4);
		}
		CHECK(CloseHandle(h));
		WAIT_UNTIL(HasOverlappedIoCompleted(&o[1]));
		CHECK(!CloseHandle(h));
		close(wr);
	}
}

TEST(cp_52_54_ex)
{
	HANDLE port = make_port(0);
	OVERLAPPED_ENTRY e[64];
	OVERLAPPED o = { 0 };
	char buf[16];
	HANDLE h;
	ULONG n;
	int wr, i;

	n = 77;
	CHECK(!GetQueuedCompletionStatusEx(port, e, 0, &n, 0, FALSE));		/* CP-53 */
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	CHECK_EQ(n, 77);
	CHECK(!GetQueuedCompletionStatusEx(port, e, 64, &n, 0, FALSE));		/* CP-54 */
	CHECK_EQ(GetLastError(), WAIT_TIMEOUT);
	CHECK_EQ(n, 0);
	CHECK(!GetQueuedCompletionStatusEx(NULL, e, 64, &n, 0, FALSE));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	for (i = 0; i < 100; i++)
		CHECK(PostQueuedCompletionStatus(port, i, i + 1, (LPOVERLAPPED)(uintptr_t)i));
	SetLastError(0xdeadbeef);
	for (i = 0; i < 100; i += n) {
		ULONG j;

		CHECK(GetQueuedCompletionStatusEx(port, e, 64, &n, INFINITE, FALSE));
		CHECK(n >= 1 && n <= 64);
		for (j = 0; j < n; j++) {
			CHECK_EQ(e[j].dwNumberOfBytesTransferred, i + j);
			CHECK_EQ(e[j].lpCompletionKey, i + j + 1);
			CHECK_EQ((uintptr_t)e[j].lpOverlapped, i + j);
			CHECK_EQ(e[j].Internal, 0);
		}
	}
	CHECK_EQ(GetLastError(), 0xdeadbeef);
	/* a failed operation is an entry like others, and TRUE (CP-52) */
	h = open_pipe(&wr);
	CHECK(CreateIoCompletionPort(h, port, KEY, 0));
	CHECK(!ReadFile(h, buf, 16, NULL, &o));
	CHECK(CancelIoEx(h, &o));
	CHECK(GetQueuedCompletionStatusEx(port, e, 64, &n, INFINITE, FALSE));
	CHECK_EQ(n, 1);
	CHECK_EQ(e[0].Internal, 0xC0000120);
	CHECK_EQ(e[0].lpCompletionKey, KEY);
	CHECK(e[0].lpOverlapped == &o);
	CHECK_EQ(o.Internal, 0xC0000120);
	CloseHandle(h);
	CloseHandle(port);
}

TEST(ov_24_cancel)
{
	HANDLE port = make_port(0);
	OVERLAPPED o[3] = { 0 }, *ov;
	char buf[3][16];
	ULONG_PTR key;
	DWORD bytes;
	HANDLE h;
	int wr, i;

	h = open_pipe(&wr);
	CHECK(CreateIoCompletionPort(h, port, KEY, 0));
	CHECK(!CancelIoEx(h, NULL));
	CHECK_EQ(GetLastError(), ERROR_NOT_FOUND);
	CHECK(!CancelIoEx(port, NULL));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	for (i = 0; i < 3; i++)
		CHECK(!ReadFile(h, buf[i], 16, NULL, &o[i]));
	CHECK(CancelIoEx(h, &o[2]));
	CHECK(!GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE));
	CHECK_EQ(GetLastError(), ERROR_OPERATION_ABORTED);
	CHECK_EQ(iocp_last_errno(), ECANCELED);
	CHECK(ov == &o[2]);
	CHECK_EQ(bytes, 0);
	CHECK(!CancelIoEx(h, &o[2]));
	CHECK_EQ(GetLastError(), ERROR_NOT_FOUND);
	/* the others are untouched */
	CHECK_EQ(write(wr, "0123456789abcdef", 16), 16);
	CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE));
	CHECK(ov == &o[0]);
	CHECK(CancelIoEx(h, NULL));
	CHECK(!GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE));
	CHECK(ov == &o[1]);
	CloseHandle(h);
	CloseHandle(port);
}

/* OV-30, OV-31: closing cancels, the packets come with the key; idle: none. */
TEST(ov_30_close_with_io_pending)
{
	HANDLE port = make_port(0), h;
	OVERLAPPED o[2] = { 0 }, *ov;
	char buf[2][16];
	ULONG_PTR key;
	DWORD bytes;
	int wr, i;

	h = open_pipe(&wr);
	CHECK(CreateIoCompletionPort(h, port, KEY, 0));
	CHECK(CloseHandle(h));
	expect_none(port, 50, WAIT_TIMEOUT);
	h = open_pipe(&wr);
	CHECK(CreateIoCompletionPort(h, port, KEY, 0));
	for (i = 0; i < 2; i++)
		CHECK(!ReadFile(h, buf[i], 16, NULL, &o[i]));
	CHECK(CloseHandle(h));
	for (i = 0; i < 2; i++) {
		CHECK(!GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE));
		CHECK_EQ(GetLastError(), ERROR_BROKEN_PIPE);
		CHECK_EQ(iocp_last_errno(), ECANCELED);
		CHECK_EQ(key, KEY);
		CHECK(ov == &o[i]);
	}
	expect_none(port, 50, WAIT_TIMEOUT);
	CHECK(!ReadFile(h, buf[0], 16, NULL, &o[0]));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	CloseHandle(port);
}

/* CP-9: a second descriptor of the open file is the same file object. */
TEST(cp_9_duplicates)
{
	const char *path = data_file(BLOCK);
	HANDLE port = make_port(0), h = open_file(path, GENERIC_READ, FILE_FLAG_OVERLAPPED), h2;
	int fd = _open_osfhandle((intptr_t)h, O_CLOEXEC), other;
	OVERLAPPED o = { 0 }, *ov;
	ULONG_PTR key;
	DWORD bytes;
	char buf[16];

	CHECK(CreateIoCompletionPort(h, port, KEY, 0));
	CHECK(fd >= 0);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	h2 = (HANDLE)_get_osfhandle(fd);
	CHECK(!ReadFile(h2, buf, 16, NULL, &o));
	CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
	CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE));
	CHECK_EQ(key, KEY);
	/* the same path opened again is another one */
	other = open(path, O_RDONLY | O_CLOEXEC);
	CHECK((HANDLE)_get_osfhandle(other) != h);
	CHECK((HANDLE)_get_osfhandle(other) == (HANDLE)_get_osfhandle(other));
	CHECK_EQ(_get_osfhandle(-1), -1);
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	CHECK_EQ(_open_osfhandle((intptr_t)port, 0), -1);
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	CloseHandle((HANDLE)_get_osfhandle(other));
	CloseHandle(h);
	CloseHandle(port);
	unlink(path);
}

/* NM-1 ... NM-8 */
TEST(nm_skip_on_success)
{
	const char *path = data_file(BLOCK);
	HANDLE port = make_port(0), h = open_file(path, GENERIC_READ, FILE_FLAG_OVERLAPPED);
	HANDLE plain = open_file(path, GENERIC_READ, 0), pipe;
	OVERLAPPED o = { 0 }, *ov;
	ULONG_PTR key;
	DWORD bytes;
	char buf[BLOCK];
	int wr;

	CHECK(!SetFileCompletionNotificationModes(plain, 1));			/* NM-2 */
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	CHECK(!SetFileCompletionNotificationModes(port, 1));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	CHECK(ReadFile(plain, buf, BLOCK, &bytes, NULL));	/* into the page cache */
	CHECK(SetFileCompletionNotificationModes(h, 0));
	CHECK(SetFileCompletionNotificationModes(h, 0xf0));
	/* before the association: kept until there is one */
	CHECK(SetFileCompletionNotificationModes(h, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS));
	CHECK(CreateIoCompletionPort(h, port, KEY, 0));
	CHECK(ReadFile(h, buf, 100, &bytes, &o));				/* NM-5 */
	CHECK_EQ(bytes, 100);
	CHECK_EQ(o.Internal, 0);
	expect_none(port, 20, WAIT_TIMEOUT);
	CHECK(SetFileCompletionNotificationModes(h, 0));	/* clears nothing */
	CHECK(ReadFile(h, buf, 100, &bytes, &o));
	o.Offset = BLOCK;					/* immediate error: none (NM-8) */
	CHECK(!ReadFile(h, buf, 100, &bytes, &o));
	if (GetLastError() == ERROR_IO_PENDING)
		CHECK(!GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE));
	CHECK_EQ(GetLastError(), ERROR_HANDLE_EOF);
	expect_none(port, 20, WAIT_TIMEOUT);

	/* after the association; and pending is pending (NM-6, NM-7) */
	pipe = open_pipe(&wr);
	CHECK(CreateIoCompletionPort(pipe, port, KEY + 1, 0));
	CHECK(SetFileCompletionNotificationModes(pipe, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS |
						 FILE_SKIP_SET_EVENT_ON_HANDLE));
	CHECK_EQ(write(wr, "abcd", 4), 4);
	CHECK(ReadFile(pipe, buf, 4, &bytes, &o));
	CHECK_EQ(bytes, 4);
	CHECK(!ReadFile(pipe, buf, 4, &bytes, &o));
	CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
	CHECK_EQ(write(wr, "efgh", 4), 4);
	CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE));
	CHECK_EQ(bytes, 4);
	CHECK_EQ(key, KEY + 1);
	CHECK(!ReadFile(pipe, buf, 4, &bytes, &o));
	CHECK(CancelIoEx(pipe, &o));
	CHECK(!GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE));
	CHECK_EQ(GetLastError(), ERROR_OPERATION_ABORTED);
	CloseHandle(pipe);
	CloseHandle(plain);
	CloseHandle(h);
	CloseHandle(port);
	unlink(path);
}

TEST(writes)
{
	const char *path = data_file(0);
	HANDLE port = make_port(0), h = open_file(path, GENERIC_WRITE, FILE_FLAG_OVERLAPPED);
	static char buf[3 * BLOCK], in[3 * BLOCK];
	OVERLAPPED o = { 0 }, *ov;
	HANDLE append;
	ULONG_PTR key;
	DWORD bytes;
	int fd;

	dev_fill(buf, sizeof(buf), 0);
	CHECK(CreateIoCompletionPort(h, port, 1, 0));
	CHECK(!WriteFile(h, buf, BLOCK, NULL, &o));
	CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
	CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE));
	CHECK_EQ(bytes, BLOCK);
	o.Offset = o.OffsetHigh = 0xffffffff;			/* OV-7 */
	CHECK(!WriteFile(h, buf + BLOCK, BLOCK, NULL, &o));
	CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
	CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE));
	CHECK_EQ(bytes, BLOCK);
	o.Offset = 0xfffffffe;
	CHECK(!WriteFile(h, buf, BLOCK, NULL, &o));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	CHECK(!WriteFile(h, buf, BLOCK, &bytes, NULL));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	/* opened to append only: whatever the offset */
	append = open_file(path, FILE_APPEND_DATA, FILE_FLAG_OVERLAPPED);
	CHECK(CreateIoCompletionPort(append, port, 2, 0));
	o.Offset = o.OffsetHigh = 0;
	CHECK(!WriteFile(append, buf + 2 * BLOCK, BLOCK, NULL, &o));
	CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
	CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE));
	CHECK_EQ(key, 2);
	/* 0 bytes: an operation, and nothing else (OV-19) */
	CHECK(!WriteFile(h, buf, 0, NULL, &o));
	CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
	CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE));
	CHECK_EQ(bytes, 0);
	CHECK(ov == &o);
	CHECK(FlushFileBuffers(h));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK_EQ(read(fd, in, sizeof(in)), sizeof(in));
	CHECK(!memcmp(in, buf, sizeof(in)));
	CHECK_EQ(read(fd, in, 1), 0);
	CloseHandle(append);
	CloseHandle(h);
	CloseHandle(port);
	unlink(path);
}

/* A pipe nobody reads: 232 at once, 109 in a packet, and no signal. */
TEST(broken_pipe)
{
	HANDLE port = make_port(0), h;
	static char buf[1 << 20];
	OVERLAPPED o = { 0 }, *ov;
	ULONG_PTR key;
	DWORD bytes;
	int fds[2];

	signal(SIGPIPE, SIG_DFL);
	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	h = (HANDLE)_get_osfhandle(fds[1]);
	close(fds[1]);
	CHECK(CreateIoCompletionPort(h, port, 1, 0));
	CHECK(!WriteFile(h, buf, sizeof(buf), NULL, &o));	/* more than it takes */
	CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
	close(fds[0]);
	if (GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE))
		FAIL("success with %u bytes", bytes);
	CHECK_EQ(GetLastError(), ERROR_BROKEN_PIPE);
	CHECK_EQ(iocp_last_errno(), EPIPE);
	/* Where the kernel cannot try without a signal it is a packet again. */
	CHECK(!WriteFile(h, buf, 1, NULL, &o));
	if (GetLastError() == ERROR_IO_PENDING) {
		CHECK(!GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE));
		CHECK_EQ(GetLastError(), ERROR_BROKEN_PIPE);
	} else {
		CHECK_EQ(GetLastError(), ERROR_NO_DATA);
	}
	expect_none(port, 20, WAIT_TIMEOUT);
	CloseHandle(h);
	CloseHandle(port);
}

/* OV-17, OV-30: a socket's end is success with 0 bytes; closed under a read 1236. */
TEST(sockets)
{
	HANDLE port = make_port(0), h;
	OVERLAPPED o = { 0 }, *ov;
	ULONG_PTR key;
	char buf[16];
	DWORD bytes;
	int fds[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	h = (HANDLE)_get_osfhandle(fds[0]);
	close(fds[0]);
	CHECK(CreateIoCompletionPort(h, port, KEY, 0));
	CHECK(!WriteFile(h, "hello", 5, NULL, &o));
	CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
	CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE));
	CHECK_EQ(bytes, 5);
	CHECK_EQ(read(fds[1], buf, sizeof(buf)), 5);
	CHECK(!ReadFile(h, buf, sizeof(buf), NULL, &o));
	CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
	CHECK_EQ(write(fds[1], "abc", 3), 3);
	CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE));
	CHECK_EQ(bytes, 3);
	CHECK_EQ(shutdown(fds[1], SHUT_WR), 0);
	CHECK(!ReadFile(h, buf, sizeof(buf), NULL, &o));
	CHECK(GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE));
	CHECK_EQ(bytes, 0);
	CHECK_EQ(o.Internal, 0);
	CHECK(CloseHandle(h));
	close(fds[1]);

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	h = (HANDLE)_get_osfhandle(fds[0]);
	close(fds[0]);
	CHECK(CreateIoCompletionPort(h, port, KEY, 0));
	CHECK(!ReadFile(h, buf, sizeof(buf), NULL, &o));
	CHECK(CloseHandle(h));
	CHECK(!GetQueuedCompletionStatus(port, &bytes, &key, &ov, INFINITE));
	CHECK_EQ(GetLastError(), ERROR_CONNECTION_ABORTED);
	CHECK_EQ(key, KEY);
	close(fds[1]);
	CloseHandle(port);
}

/* Overlapped without any port: GetOverlappedResult does it all. */
TEST(without_a_port)
{
	const char *path = data_file(BLOCK);
	HANDLE h = open_file(path, GENERIC_READ, FILE_FLAG_OVERLAPPED), pipe, port;
	OVERLAPPED o[3] = { 0 }, *ov;
	char buf[3][64];
	ULONG_PTR key;
	DWORD n = 77;
	int wr, i;

	CHECK(!ReadFile(h, buf[0], 64, &n, &o[0]));		/* OV-15b */
	CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
	SetLastError(0xdeadbeef);
	CHECK(GetOverlappedResult(h, &o[0], &n, TRUE));
	CHECK_EQ(GetLastError(), 0xdeadbeef);
	CHECK_EQ(n, 64);
	CHECK(dev_holds(buf[0], 64, 0));
	o[0].Offset = BLOCK;
	CHECK(!ReadFile(h, buf[0], 64, &n, &o[0]));
	CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
	CHECK(!GetOverlappedResult(h, &o[0], &n, TRUE));
	CHECK_EQ(GetLastError(), ERROR_HANDLE_EOF);
	CHECK_EQ(n, 0);

	pipe = open_pipe(&wr);
	for (i = 0; i < 3; i++) {
		o[i].Offset = 0;
		CHECK(!ReadFile(pipe, buf[i], 4, &n, &o[i]));
		CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
	}
	n = 77;
	CHECK(!GetOverlappedResult(pipe, &o[0], &n, FALSE));
	CHECK_EQ(GetLastError(), ERROR_IO_INCOMPLETE);
	CHECK_EQ(n, 77);
	CHECK(!GetOverlappedResult(NULL, &o[0], &n, FALSE));	/* OV-11: not looked at */
	CHECK_EQ(GetLastError(), ERROR_IO_INCOMPLETE);
	CHECK(!GetOverlappedResult(NULL, &o[0], &n, TRUE));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	CHECK_EQ(write(wr, "abcd", 4), 4);
	WAIT_UNTIL(HasOverlappedIoCompleted(&o[0]));
	CHECK(!HasOverlappedIoCompleted(&o[1]));
	CHECK(GetOverlappedResult(pipe, &o[0], &n, FALSE));
	CHECK_EQ(n, 4);
	CHECK(CancelIoEx(pipe, &o[2]));
	CHECK(!GetOverlappedResult(pipe, &o[2], &n, TRUE));
	CHECK_EQ(GetLastError(), ERROR_OPERATION_ABORTED);
	/* a port of its own later: for what is pending, too (CP-11) */
	port = CreateIoCompletionPort(pipe, NULL, KEY, 0);
	CHECK(port);
	CHECK_EQ(write(wr, "efgh", 4), 4);
	CHECK(GetOverlappedResult(pipe, &o[1], &n, TRUE));
	CHECK(!memcmp(buf[1], "efgh", 4));
	CHECK(GetQueuedCompletionStatus(port, &n, &key, &ov, INFINITE));
	CHECK(ov == &o[1] && key == KEY);
	expect_none(port, 20, WAIT_TIMEOUT);
	CHECK(!ReadFile(pipe, buf[0], 4, &n, &o[0]));
	CHECK_EQ(write(wr, "ijkl", 4), 4);
	CHECK(GetQueuedCompletionStatus(port, &n, &key, &ov, INFINITE));
	CHECK(ov == &o[0] && key == KEY);
	/* closed with one pending: final at last */
	CloseHandle(port);
	CloseHandle(pipe);
	pipe = open_pipe(&wr);
	CHECK(!ReadFile(pipe, buf[0], 4, &n, &o[0]));
	CHECK(CloseHandle(pipe));
	WAIT_UNTIL(HasOverlappedIoCompleted(&o[0]));
	CHECK_EQ(o[0].Internal, 0xC000014B);
	CloseHandle(h);
	unlink(path);
}

/* Several threads wait, each for its own; whoever is in the kernel serves the others. */
#define WAITERS	6
static HANDLE pipes[WAITERS];
static OVERLAPPED pipe_ov[WAITERS];

static void *wait_for_mine(void *arg)
{
	uintptr_t i = (uintptr_t)arg;
	DWORD n;

	ADD(waiting, 1);
	CHECK(GetOverlappedResult(pipes[i], &pipe_ov[i], &n, TRUE));
	CHECK_EQ(n, 1);
	return NULL;
}

TEST(several_threads_without_a_port)
{
	static char buf[WAITERS];
	pthread_t t[WAITERS];
	int wr[WAITERS], round;
	uintptr_t i;

	for (i = 0; i < WAITERS; i++)
		pipes[i] = open_pipe(&wr[i]);
	for (round = 0; round < 100; round++) {
		SET(waiting, 0);
		for (i = 0; i < WAITERS; i++) {
			CHECK(!ReadFile(pipes[i], &buf[i], 1, NULL, &pipe_ov[i]));
			CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
		}
		for (i = 0; i < WAITERS; i++)
			CHECK_EQ(pthread_create(&t[i], NULL, wait_for_mine, (void *)i), 0);
		if (round % 2)
			WAIT_UNTIL(GET(waiting) == WAITERS);
		for (i = 0; i < WAITERS; i++)
			CHECK_EQ(write(wr[(i + round) % WAITERS], "x", 1), 1);
		for (i = 0; i < WAITERS; i++)
			pthread_join(t[i], NULL);
	}
	for (i = 0; i < WAITERS; i++)
		CHECK(CloseHandle(pipes[i]));
}

/* One waits in the internal port for what another thread takes elsewhere. */
TEST(waiter_is_told_by_others)
{
	HANDLE port, h, idle;
	OVERLAPPED o = { 0 }, *ov;
	ULONG_PTR key;
	pthread_t t;
	DWORD n;
	int wr, wr2, round;
	char c;

	idle = open_pipe(&wr2);
	h = open_pipe(&wr);
	/* both are in the internal port */
	CHECK(!ReadFile(idle, &c, 1, NULL, &o));
	CHECK(CancelIoEx(idle, NULL));
	CHECK(!GetOverlappedResult(idle, &o, &n, TRUE));
	CHECK(!ReadFile(h, &c, 1, NULL, &pipe_ov[0]));
	CHECK(CancelIoEx(h, NULL));
	CHECK(!GetOverlappedResult(h, &pipe_ov[0], &n, TRUE));
	port = CreateIoCompletionPort(h, NULL, 3, 0);
	CHECK(port);
	pipes[0] = h;
	for (round = 0; round < 50; round++) {
		SET(waiting, 0);
		CHECK(!ReadFile(h, &c, 1, NULL, &pipe_ov[0]));
		CHECK_EQ(pthread_create(&t, NULL, wait_for_mine, NULL), 0);
		WAIT_UNTIL(GET(waiting));
		if (round % 2)
			dev_sleep_ms(10);
		CHECK_EQ(write(wr, "x", 1), 1);
		CHECK(GetQueuedCompletionStatus(port, &n, &key, &ov, INFINITE));
		pthread_join(t, NULL);
	}
	CloseHandle(h);
	CloseHandle(idle);
	CloseHandle(port);
}

TEST(limits_have_their_errors)
{
	HANDLE port = make_port(0);
	DWORD i;

	for (i = 0; i < 10000000; i++)
		if (!PostQueuedCompletionStatus(port, 0, i, NULL))
			break;
	CHECK(i > 1000);
	CHECK_EQ(GetLastError(), ERROR_NOT_ENOUGH_QUOTA);
	CHECK_EQ(iocp_last_errno(), EAGAIN);
	CloseHandle(port);
}

TEST(no_descriptor_left)
{
	const char *path = data_file(BLOCK);
	HANDLE h = open_file(path, GENERIC_READ, FILE_FLAG_OVERLAPPED);

	unlink(path);
	/* clear errors, and nothing broken afterwards */
	for (;;)
		if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
			break;
	CHECK(!CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0));
	CHECK_EQ(GetLastError(), ERROR_TOO_MANY_OPEN_FILES);
	CHECK(!CreateIoCompletionPort(h, NULL, 0, 0));
	CHECK_EQ(GetLastError(), ERROR_TOO_MANY_OPEN_FILES);
	CHECK(CreateFileA("/dev/null", GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL) ==
	      INVALID_HANDLE_VALUE);
	CHECK_EQ(GetLastError(), ERROR_TOO_MANY_OPEN_FILES);
	close(100);
	CHECK(CreateIoCompletionPort(h, NULL, 0, 0));
}
