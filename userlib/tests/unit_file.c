// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files with the Windows names as far as no port is needed: opening, last errors,
 * calls without overlap, handles and fork.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"
#include "win.h"

static char dir[] = "/tmp/libiocp-unit-XXXXXX";

static const char *in_dir(const char *name)
{
	static char path[4][128];
	static unsigned int next;
	char *p = path[next++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static HANDLE open_as(const char *name, DWORD access, DWORD disposition, DWORD flags)
{
	return CreateFileA(in_dir(name), access, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
			   disposition, flags, NULL);
}

static void put_file(const char *name, const char *text)
{
	int fd = open(in_dir(name), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void assert_file(const char *name, const char *text)
{
	char buf[256] = { 0 };
	int fd = open(in_dir(name), O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(read(fd, buf, sizeof(buf) - 1) >= 0);
	close(fd);
	assert_string_equal(buf, text);
}

static void dispositions(void **state)
{
	static const struct {
		DWORD disposition;
		bool exists, opens;
		DWORD error;
		const char *then;
	} cases[] = {
		{ CREATE_NEW, false, true, 0xdeadbeef, "" },
		{ CREATE_NEW, true, false, ERROR_FILE_EXISTS, "text" },
		{ CREATE_ALWAYS, false, true, NO_ERROR, "" },
		{ CREATE_ALWAYS, true, true, ERROR_ALREADY_EXISTS, "" },
		{ OPEN_EXISTING, false, false, ERROR_FILE_NOT_FOUND, NULL },
		{ OPEN_EXISTING, true, true, 0xdeadbeef, "text" },
		{ OPEN_ALWAYS, false, true, NO_ERROR, "" },
		{ OPEN_ALWAYS, true, true, ERROR_ALREADY_EXISTS, "text" },
		{ TRUNCATE_EXISTING, false, false, ERROR_FILE_NOT_FOUND, NULL },
		{ TRUNCATE_EXISTING, true, true, 0xdeadbeef, "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		HANDLE h;

		unlink(in_dir("f"));
		if (cases[i].exists)
			put_file("f", "text");
		SetLastError(0xdeadbeef);
		h = open_as("f", GENERIC_WRITE, cases[i].disposition, FILE_ATTRIBUTE_NORMAL);
		assert_int_equal(h != INVALID_HANDLE_VALUE, cases[i].opens);
		assert_int_equal(GetLastError(), cases[i].error);
		if (cases[i].then)
			assert_file("f", cases[i].then);
		if (cases[i].opens)
			assert_true(CloseHandle(h));
	}
}

static void bad_opens(void **state)
{
	(void)state;
	put_file("f", "text");
	assert_ptr_equal(open_as("none/f", GENERIC_READ, OPEN_EXISTING, 0), INVALID_HANDLE_VALUE);
	assert_int_equal(GetLastError(), ERROR_PATH_NOT_FOUND);
	assert_int_equal(iocp_last_errno(), ENOENT);
	assert_ptr_equal(open_as("f/f", GENERIC_READ, OPEN_EXISTING, 0), INVALID_HANDLE_VALUE);
	assert_int_equal(GetLastError(), ERROR_PATH_NOT_FOUND);
	assert_ptr_equal(open_as(".", GENERIC_READ, OPEN_EXISTING, 0), INVALID_HANDLE_VALUE);
	assert_int_equal(GetLastError(), ERROR_ACCESS_DENIED);
	assert_ptr_equal(open_as(".", GENERIC_WRITE, OPEN_EXISTING, 0), INVALID_HANDLE_VALUE);
	assert_int_equal(GetLastError(), ERROR_ACCESS_DENIED);
	assert_ptr_equal(CreateFileA("", GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL),
			 INVALID_HANDLE_VALUE);
	assert_int_equal(GetLastError(), ERROR_PATH_NOT_FOUND);
	/* one value wrong, the rest as in a call that works */
	assert_ptr_equal(open_as("f", GENERIC_READ, 0, 0), INVALID_HANDLE_VALUE);
	assert_int_equal(GetLastError(), ERROR_INVALID_PARAMETER);
	assert_ptr_equal(open_as("f", GENERIC_READ, 6, 0), INVALID_HANDLE_VALUE);
	assert_int_equal(GetLastError(), ERROR_INVALID_PARAMETER);
	assert_ptr_equal(open_as("f", GENERIC_READ, TRUNCATE_EXISTING, 0), INVALID_HANDLE_VALUE);
	assert_int_equal(GetLastError(), ERROR_INVALID_PARAMETER);
	assert_ptr_equal(open_as("f", 0x00000800, OPEN_EXISTING, 0), INVALID_HANDLE_VALUE);
	assert_int_equal(GetLastError(), ERROR_INVALID_PARAMETER);
	assert_ptr_equal(open_as("f", GENERIC_READ, OPEN_EXISTING, 0x02000000),
			 INVALID_HANDLE_VALUE);
	assert_int_equal(GetLastError(), ERROR_INVALID_PARAMETER);
	assert_ptr_equal(CreateFileA(in_dir("f"), GENERIC_READ, 8, NULL, OPEN_EXISTING, 0, NULL),
			 INVALID_HANDLE_VALUE);
	assert_int_equal(GetLastError(), ERROR_INVALID_PARAMETER);
	assert_ptr_equal(CreateFileA(in_dir("f"), GENERIC_READ, 0, NULL, OPEN_EXISTING, 0,
				     (HANDLE)4), INVALID_HANDLE_VALUE);
	assert_int_equal(GetLastError(), ERROR_INVALID_HANDLE);
	assert_file("f", "text");
}

static void read_and_write(void **state)
{
	LARGE_INTEGER zero = { .QuadPart = 0 }, pos;
	char buf[16] = { 0 };
	DWORD n = 77;
	HANDLE h;

	(void)state;
	h = open_as("rw", GENERIC_READ | GENERIC_WRITE, CREATE_ALWAYS, 0);
	assert_ptr_not_equal(h, INVALID_HANDLE_VALUE);
	SetLastError(0xdeadbeef);
	assert_true(WriteFile(h, "hello, world", 12, &n, NULL));
	assert_int_equal(n, 12);
	n = 77;
	assert_true(ReadFile(h, buf, 4, &n, NULL));	/* at the end: TRUE, 0 (OV-15) */
	assert_int_equal(n, 0);
	assert_true(SetFilePointerEx(h, zero, &pos, FILE_BEGIN));
	assert_int_equal(pos.QuadPart, 0);
	assert_true(ReadFile(h, buf, sizeof(buf), &n, NULL));
	assert_int_equal(n, 12);
	assert_string_equal(buf, "hello, world");
	assert_true(GetFileSizeEx(h, &pos));
	assert_int_equal(pos.QuadPart, 12);
	assert_true(FlushFileBuffers(h));
	assert_int_equal(GetLastError(), 0xdeadbeef);

	assert_true(SetFilePointerEx(h, zero, NULL, FILE_BEGIN));
	SetLastError(0xdeadbeef);
	zero.QuadPart = -1;
	assert_false(SetFilePointerEx(h, zero, NULL, FILE_BEGIN));
	assert_int_equal(GetLastError(), ERROR_NEGATIVE_SEEK);
	assert_false(SetFilePointerEx(h, zero, NULL, 3));
	assert_int_equal(GetLastError(), ERROR_INVALID_PARAMETER);
	assert_false(ReadFile(h, (void *)1, 4, &n, NULL));
	assert_int_equal(GetLastError(), ERROR_NOACCESS);
	assert_false(WriteFile(h, (void *)1, 4, &n, NULL));
	assert_int_equal(GetLastError(), ERROR_NOACCESS);
	assert_int_equal(n, 0);
	assert_false(ReadFile(h, buf, 4, NULL, NULL));
	assert_int_equal(GetLastError(), ERROR_INVALID_PARAMETER);
	assert_true(CloseHandle(h));
	assert_false(CloseHandle(h));
	assert_int_equal(GetLastError(), ERROR_INVALID_HANDLE);
	assert_false(ReadFile(h, buf, 4, &n, NULL));
	assert_int_equal(GetLastError(), ERROR_INVALID_HANDLE);
	assert_false(FlushFileBuffers(h));
	assert_false(GetFileSizeEx(h, &pos));
	assert_false(SetFilePointerEx(h, zero, NULL, FILE_BEGIN));
	assert_int_equal(GetLastError(), ERROR_INVALID_HANDLE);
}

/* An OVERLAPPED on a handle without overlap: its offset, and the pointer moves. */
static void with_an_offset(void **state)
{
	LARGE_INTEGER zero = { .QuadPart = 0 }, pos;
	OVERLAPPED o = { .Offset = 7 };
	char buf[16] = { 0 };
	HANDLE h;
	DWORD n;

	(void)state;
	put_file("f", "hello, world");
	h = open_as("f", GENERIC_READ | GENERIC_WRITE, OPEN_EXISTING, 0);
	assert_true(ReadFile(h, buf, 5, &n, &o));
	assert_int_equal(n, 5);
	assert_string_equal(buf, "world");
	assert_int_equal(o.Internal, 0);
	assert_int_equal(o.InternalHigh, 5);
	assert_int_equal(o.Offset, 7);
	assert_true(SetFilePointerEx(h, zero, &pos, FILE_CURRENT));
	assert_int_equal(pos.QuadPart, 12);
	o.Offset = 12;
	assert_false(ReadFile(h, buf, 5, &n, &o));
	assert_int_equal(GetLastError(), ERROR_HANDLE_EOF);
	assert_int_equal(o.Internal, 0xC0000011);
	assert_int_equal(n, 0);
	o.Offset = o.OffsetHigh = 0xffffffff;
	assert_false(ReadFile(h, buf, 5, &n, &o));
	assert_int_equal(GetLastError(), ERROR_INVALID_PARAMETER);
	assert_true(WriteFile(h, "!", 1, &n, &o));		/* -1 appends */
	assert_file("f", "hello, world!");
	o.Offset = 0xfffffffe;					/* -2: the pointer */
	assert_true(SetFilePointerEx(h, zero, NULL, FILE_BEGIN));
	assert_true(WriteFile(h, "H", 1, &n, &o));
	assert_file("f", "Hello, world!");
	o.Offset = 0xfffffffd;
	assert_false(WriteFile(h, "H", 1, &n, &o));
	assert_int_equal(GetLastError(), ERROR_INVALID_PARAMETER);
	o.Offset = o.OffsetHigh = 0;
	o.hEvent = (HANDLE)4;					/* there are no events */
	assert_false(WriteFile(h, "J", 1, &n, &o));
	assert_int_equal(GetLastError(), ERROR_INVALID_HANDLE);
	assert_file("f", "Hello, world!");
	CloseHandle(h);
}

static void access_rights(void **state)
{
	LARGE_INTEGER size;
	char buf[4];
	HANDLE h;
	DWORD n;

	(void)state;
	put_file("f", "text");
	h = open_as("f", GENERIC_READ, OPEN_EXISTING, 0);
	assert_false(WriteFile(h, "x", 1, &n, NULL));
	assert_int_equal(GetLastError(), ERROR_ACCESS_DENIED);
	assert_false(FlushFileBuffers(h));
	assert_int_equal(GetLastError(), ERROR_ACCESS_DENIED);
	CloseHandle(h);
	h = open_as("f", GENERIC_WRITE, OPEN_EXISTING, FILE_FLAG_WRITE_THROUGH);
	assert_false(ReadFile(h, buf, 1, &n, NULL));
	assert_int_equal(GetLastError(), ERROR_ACCESS_DENIED);
	CloseHandle(h);
	h = open_as("f", FILE_APPEND_DATA, OPEN_EXISTING, 0);
	assert_true(WriteFile(h, "+", 1, &n, NULL));
	assert_file("f", "text+");
	CloseHandle(h);
	h = open_as("f", 0, OPEN_EXISTING, 0);
	assert_ptr_not_equal(h, INVALID_HANDLE_VALUE);
	assert_true(GetFileSizeEx(h, &size));
	assert_int_equal(size.QuadPart, 5);
	assert_false(ReadFile(h, buf, 1, &n, NULL));
	assert_int_equal(GetLastError(), ERROR_ACCESS_DENIED);
	CloseHandle(h);
	unlink(in_dir("f"));
	h = open_as("f", GENERIC_WRITE, CREATE_NEW, FILE_ATTRIBUTE_READONLY);
	assert_true(WriteFile(h, "x", 1, &n, NULL));
	CloseHandle(h);
	if (geteuid()) {
		h = open_as("f", GENERIC_WRITE, OPEN_EXISTING, 0);
		assert_ptr_equal(h, INVALID_HANDLE_VALUE);
		assert_int_equal(GetLastError(), ERROR_ACCESS_DENIED);
	} else {
		struct stat st;

		assert_int_equal(stat(in_dir("f"), &st), 0);
		assert_int_equal(st.st_mode & 0222, 0);
	}
}

/* A handle that is not overlapped around a descriptor. */
static HANDLE plain_handle(int fd)
{
	HANDLE h = (HANDLE)_get_osfhandle(fd);

	container_of(iocpi_obj_find(handle_id(h), IOCPI_FILE), struct iocpi_file, obj)->overlapped =
		false;
	close(fd);
	return h;
}

static void pipes_and_sockets(void **state)
{
	static char big[1 << 18];
	sigset_t pending;
	char buf[16];
	HANDLE h;
	int fds[2];
	DWORD n;

	(void)state;
	signal(SIGPIPE, SIG_DFL);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	h = plain_handle(fds[0]);
	assert_int_equal(write(fds[1], "abc", 3), 3);
	assert_true(ReadFile(h, buf, sizeof(buf), &n, NULL));	/* what is there */
	assert_int_equal(n, 3);
	close(fds[1]);
	assert_false(ReadFile(h, buf, sizeof(buf), &n, NULL));
	assert_int_equal(GetLastError(), ERROR_BROKEN_PIPE);
	assert_true(ReadFile(h, buf, 0, &n, NULL));
	CloseHandle(h);

	/* nobody reads: an error, no signal, none left behind */
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	h = plain_handle(fds[1]);
	close(fds[0]);
	assert_false(WriteFile(h, "x", 1, &n, NULL));
	assert_int_equal(GetLastError(), ERROR_NO_DATA);
	assert_int_equal(iocp_last_errno(), EPIPE);
	sigpending(&pending);
	assert_false(sigismember(&pending, SIGPIPE));
	pthread_sigmask(SIG_SETMASK, NULL, &pending);
	assert_false(sigismember(&pending, SIGPIPE));
	CloseHandle(h);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	h = plain_handle(fds[0]);
	if (!fork()) {
		size_t got = 0;
		ssize_t ret;

		while ((ret = read(fds[1], big, sizeof(big))) > 0)
			got += ret;
		_exit(got != sizeof(big));
	}
	assert_true(WriteFile(h, big, sizeof(big), &n, NULL));	/* all of it (OV-20) */
	assert_int_equal(n, sizeof(big));
	shutdown(container_of(iocpi_obj_find(handle_id(h), IOCPI_FILE), struct iocpi_file,
			      obj)->fd, SHUT_WR);
	wait(NULL);
	close(fds[1]);
	assert_true(ReadFile(h, buf, sizeof(buf), &n, NULL));	/* end of a stream: 0 bytes */
	assert_int_equal(n, 0);
	assert_false(WriteFile(h, buf, 1, &n, NULL));
	assert_int_equal(GetLastError(), ERROR_CONNECTION_ABORTED);
	CloseHandle(h);
}

static void overlapped_needs_an_overlapped(void **state)
{
	OVERLAPPED o = { 0 };
	char buf[4];
	HANDLE h;
	DWORD n;

	(void)state;
	put_file("f", "text");
	h = open_as("f", GENERIC_READ, OPEN_EXISTING, FILE_FLAG_OVERLAPPED);
	assert_false(ReadFile(h, buf, 4, &n, NULL));
	assert_int_equal(GetLastError(), ERROR_INVALID_PARAMETER);
	assert_int_equal(n, 0);
	o.Offset = o.OffsetHigh = 0xfffffff0;
	o.Internal = 0x1234;
	assert_false(ReadFile(h, buf, 4, &n, &o));
	assert_int_equal(GetLastError(), ERROR_INVALID_PARAMETER);
	assert_int_equal(o.Internal, 0x1234);
	assert_false(CancelIoEx(h, NULL));
	assert_int_equal(GetLastError(), ERROR_NOT_FOUND);
	/* OV-11: the structure decides, the handle is not looked at */
	o.Internal = 0;
	o.InternalHigh = 12;
	assert_true(GetOverlappedResult(NULL, &o, &n, TRUE));
	assert_int_equal(n, 12);
	o.Internal = 0xC0000120;
	assert_false(GetOverlappedResult(NULL, &o, &n, FALSE));
	assert_int_equal(GetLastError(), ERROR_OPERATION_ABORTED);
	CloseHandle(h);
	assert_false(CancelIoEx(h, NULL));
	assert_int_equal(GetLastError(), ERROR_INVALID_HANDLE);
}

static void descriptors(void **state)
{
	HANDLE h, h2;
	char buf[8];
	int fd, fd2;

	(void)state;
	put_file("f", "text");
	h = open_as("f", GENERIC_READ, OPEN_EXISTING, 0);
	fd = _open_osfhandle((intptr_t)h, O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, buf, 4), 4);
	assert_int_equal(_get_osfhandle(fd), (intptr_t)h);
	fd2 = open(in_dir("f"), O_RDONLY | O_CLOEXEC);
	h2 = (HANDLE)_get_osfhandle(fd2);
	assert_ptr_not_equal(h2, h);
	close(fd2);
	CloseHandle(h2);
	/* the descriptor is independent of the handle */
	CloseHandle(h);
	assert_int_equal(pread(fd, buf, 4, 0), 4);
	close(fd);
	assert_int_equal(_open_osfhandle((intptr_t)h, 0), -1);
	assert_int_equal(GetLastError(), ERROR_INVALID_HANDLE);
	assert_int_equal(_get_osfhandle(fd), -1);
	assert_int_equal(GetLastError(), ERROR_INVALID_HANDLE);
}

/* A call inside a handle that another thread closes ends by itself, on its file. */
static HANDLE blocked;
static BOOL blocked_result;
static DWORD blocked_bytes;

static void *blocked_read(void *arg)
{
	blocked_result = ReadFile(blocked, arg, 4, &blocked_bytes, NULL);
	return NULL;
}

static void close_under_a_call(void **state)
{
	pthread_t t;
	char buf[4];
	int fds[2], other[16];
	size_t i;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	blocked = plain_handle(fds[0]);
	assert_int_equal(pthread_create(&t, NULL, blocked_read, buf), 0);
	while (!(READ_ONCE(iocpi_obj_find(handle_id(blocked), IOCPI_FILE)->word) & OBJ_USERS))
		usleep(1000);
	assert_true(CloseHandle(blocked));
	assert_false(CloseHandle(blocked));
	/* its number must not be given to these while the call is inside */
	for (i = 0; i < ARRAY_SIZE(other); i++)
		other[i] = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	assert_int_equal(write(fds[1], "abcd", 4), 4);
	pthread_join(t, NULL);
	assert_true(blocked_result);
	assert_memory_equal(buf, "abcd", 4);
	for (i = 0; i < ARRAY_SIZE(other); i++)
		close(other[i]);
	/* and now it is closed */
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(write(fds[1], "x", 1), -1);
	close(fds[1]);
}

static void fork_ends_handles(void **state)
{
	HANDLE h, mine;
	char buf[4];
	int status, fd;
	DWORD n;
	pid_t pid;

	(void)state;
	put_file("f", "text");
	h = open_as("f", GENERIC_READ, OPEN_EXISTING, 0);
	fd = container_of(iocpi_obj_find(handle_id(h), IOCPI_FILE), struct iocpi_file, obj)->fd;
	pid = fork();
	if (!pid) {
		if (ReadFile(h, buf, 4, &n, NULL) || GetLastError() != ERROR_INVALID_HANDLE)
			_exit(1);
		if (CloseHandle(h) || fcntl(fd, F_GETFD) != -1)
			_exit(2);
		mine = open_as("f", GENERIC_READ, OPEN_EXISTING, 0);
		if (mine == INVALID_HANDLE_VALUE || mine == h)
			_exit(3);
		if (!ReadFile(mine, buf, 4, &n, NULL) || n != 4 || !CloseHandle(mine))
			_exit(4);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(ReadFile(h, buf, 4, &n, NULL));
	assert_true(CloseHandle(h));
}

/* No descriptor stays behind, whatever was done above. */
static unsigned int open_descriptors(void)
{
	unsigned int n = 0;
	int fd;

	for (fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

static unsigned int descriptors_before;

static void nothing_left_open(void **state)
{
	(void)state;
	assert_int_equal(open_descriptors(), descriptors_before);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	descriptors_before = open_descriptors();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(in_dir("f"));
	unlink(in_dir("rw"));
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dispositions),
		cmocka_unit_test(bad_opens),
		cmocka_unit_test(read_and_write),
		cmocka_unit_test(with_an_offset),
		cmocka_unit_test(access_rights),
		cmocka_unit_test(pipes_and_sockets),
		cmocka_unit_test(overlapped_needs_an_overlapped),
		cmocka_unit_test(descriptors),
		cmocka_unit_test(close_under_a_call),
		cmocka_unit_test(fork_ends_handles),
		cmocka_unit_test(nothing_left_open),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
