// SPDX-License-Identifier: GPL-2.0-only
/* Pipes and named pipes, without OVERLAPPED. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"
#include "win.h"

#define LAST	0xdeadbeef

static void fails_with(DWORD code, BOOL ok)
{
	assert_false(ok);
	assert_int_equal(GetLastError(), code);
	SetLastError(LAST);
}

static void writes(HANDLE h, const char *text)
{
	DWORD n = 0;

	assert_true(WriteFile(h, text, strlen(text), &n, NULL));
	assert_int_equal(n, strlen(text));
}

static void reads(HANDLE h, const char *text)
{
	char buf[64];
	DWORD n = 0;

	assert_true(ReadFile(h, buf, sizeof(buf), &n, NULL));
	assert_int_equal(n, strlen(text));
	assert_memory_equal(buf, text, n);
}

static void anonymous_pipe(void **state)
{
	HANDLE r, w;
	char buf[8];
	DWORD n = 9;
	int fd;

	(void)state;
	SetLastError(LAST);
	assert_true(CreatePipe(&r, &w, NULL, 0));
	writes(w, "hello");
	reads(r, "hello");
	assert_int_equal(GetLastError(), LAST);
	fails_with(ERROR_ACCESS_DENIED, ReadFile(w, buf, 1, &n, NULL));
	fails_with(ERROR_ACCESS_DENIED, WriteFile(r, buf, 1, &n, NULL));
	writes(w, "rest");
	assert_true(CloseHandle(w));
	reads(r, "rest");
	fails_with(ERROR_BROKEN_PIPE, ReadFile(r, buf, 1, &n, NULL));
	assert_int_equal(n, 0);
	assert_true(CloseHandle(r));

	assert_true(CreatePipe(&r, &w, NULL, 1 << 20));
	fd = _open_osfhandle((intptr_t)r, O_CLOEXEC);
	assert_true(fcntl(fd, F_GETPIPE_SZ) >= 4096);
	close(fd);
	assert_true(CloseHandle(r));
	fails_with(ERROR_NO_DATA, WriteFile(w, "x", 1, &n, NULL));
	assert_true(CloseHandle(w));
	assert_true(CreatePipe(&r, &w, NULL, 0xffffffff));
	assert_true(CloseHandle(w) && CloseHandle(r));
}

/* A name of this process and test. */
static char pipe_name[64];

static void new_name(const char *what)
{
	snprintf(pipe_name, sizeof(pipe_name), "\\\\.\\pipe\\Unit-%s-%d", what, getpid());
}

static HANDLE server_with(DWORD mode, DWORD instances)
{
	return CreateNamedPipeA(pipe_name, mode, PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT,
				instances, 4096, 4096, 0, NULL);
}

static HANDLE server(DWORD instances)
{
	HANDLE h = server_with(PIPE_ACCESS_DUPLEX, instances);

	assert_ptr_not_equal(h, INVALID_HANDLE_VALUE);
	return h;
}

static HANDLE client_or_not(void)
{
	return CreateFileA(pipe_name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0,
			   NULL);
}

static HANDLE client(void)
{
	HANDLE h = client_or_not();

	assert_ptr_not_equal(h, INVALID_HANDLE_VALUE);
	return h;
}

static void no_client(DWORD code)
{
	fails_with(code, client_or_not() != INVALID_HANDLE_VALUE);
}

static void named_pipe(void **state)
{
	HANDLE s, c;
	char buf[8];
	DWORD n;

	(void)state;
	new_name("one");
	no_client(ERROR_FILE_NOT_FOUND);
	fails_with(ERROR_FILE_NOT_FOUND, WaitNamedPipeA(pipe_name, 1));
	s = server(1);
	fails_with(ERROR_PIPE_NOT_CONNECTED, ReadFile(s, buf, 1, &n, NULL));
	fails_with(ERROR_PIPE_NOT_CONNECTED, WriteFile(s, buf, 1, &n, NULL));
	fails_with(ERROR_PIPE_LISTENING, DisconnectNamedPipe(s));
	assert_true(WaitNamedPipeA(pipe_name, 100));
	pipe_name[9] = 'u';			/* names have no case */
	c = client();
	SetLastError(LAST);
	writes(c, "before");
	fails_with(ERROR_PIPE_CONNECTED, ConnectNamedPipe(s, NULL));
	fails_with(ERROR_PIPE_CONNECTED, ConnectNamedPipe(s, NULL));
	reads(s, "before");
	writes(s, "answer");
	assert_true(FlushFileBuffers(s));
	reads(c, "answer");
	fails_with(ERROR_INVALID_FUNCTION, ConnectNamedPipe(c, NULL));
	fails_with(ERROR_INVALID_FUNCTION, DisconnectNamedPipe(c));

	writes(c, "last");
	assert_true(CloseHandle(c));
	reads(s, "last");
	fails_with(ERROR_BROKEN_PIPE, ReadFile(s, buf, 1, &n, NULL));
	fails_with(ERROR_NO_DATA, WriteFile(s, buf, 1, &n, NULL));
	fails_with(ERROR_NO_DATA, ConnectNamedPipe(s, NULL));
	assert_true(DisconnectNamedPipe(s));
	fails_with(ERROR_PIPE_NOT_CONNECTED, DisconnectNamedPipe(s));
	fails_with(ERROR_PIPE_NOT_CONNECTED, ReadFile(s, buf, 1, &n, NULL));

	/* and again */
	c = client();
	fails_with(ERROR_PIPE_CONNECTED, ConnectNamedPipe(s, NULL));
	writes(s, "bye");
	assert_true(DisconnectNamedPipe(s));
	reads(c, "bye");
	fails_with(ERROR_BROKEN_PIPE, ReadFile(c, buf, 1, &n, NULL));
	fails_with(ERROR_NO_DATA, WriteFile(c, buf, 1, &n, NULL));
	assert_true(CloseHandle(c));
	assert_true(CloseHandle(s));
	no_client(ERROR_FILE_NOT_FOUND);
	fails_with(ERROR_INVALID_HANDLE, ConnectNamedPipe(s, NULL));
	fails_with(ERROR_INVALID_HANDLE, DisconnectNamedPipe(s));
	assert_true(CreatePipe(&s, &c, NULL, 0));
	fails_with(ERROR_INVALID_FUNCTION, ConnectNamedPipe(s, NULL));
	assert_true(CloseHandle(s) && CloseHandle(c));
	s = server(1);				/* the name is free again */
	assert_true(CloseHandle(s));
}

static void named_pipe_arguments(void **state)
{
	char name[300] = "\\\\.\\pipe\\";
	HANDLE s, c;
	char buf[8];
	DWORD n;

	(void)state;
	new_name("arguments");
	SetLastError(LAST);
	memset(name + 9, 'x', sizeof(name) - 10);
	fails_with(ERROR_INVALID_NAME, CreateNamedPipeA(name, 3, 0, 1, 0, 0, 0, NULL)
		   != INVALID_HANDLE_VALUE);
	name[9] = 0;
	fails_with(ERROR_INVALID_NAME, CreateNamedPipeA(name, 3, 0, 1, 0, 0, 0, NULL)
		   != INVALID_HANDLE_VALUE);
	fails_with(ERROR_INVALID_NAME, CreateNamedPipeA("/tmp/x", 3, 0, 1, 0, 0, 0, NULL)
		   != INVALID_HANDLE_VALUE);
	fails_with(ERROR_PATH_NOT_FOUND, WaitNamedPipeA("x", 1));
	fails_with(ERROR_INVALID_PARAMETER, server_with(0, 1) != INVALID_HANDLE_VALUE);
	fails_with(ERROR_INVALID_PARAMETER, server_with(3, 0) != INVALID_HANDLE_VALUE);
	fails_with(ERROR_INVALID_PARAMETER, server_with(3, 256) != INVALID_HANDLE_VALUE);
	fails_with(ERROR_INVALID_PARAMETER, server_with(7, 1) != INVALID_HANDLE_VALUE);
	fails_with(ERROR_NOT_SUPPORTED, CreateNamedPipeA(pipe_name, 3, 4, 1, 0, 0, 0, NULL)
		   != INVALID_HANDLE_VALUE);

	/* one way */
	s = server_with(PIPE_ACCESS_INBOUND | FILE_FLAG_FIRST_PIPE_INSTANCE, 2);
	c = client();
	fails_with(ERROR_PIPE_CONNECTED, ConnectNamedPipe(s, NULL));
	writes(c, "in");
	reads(s, "in");
	fails_with(ERROR_ACCESS_DENIED, WriteFile(s, buf, 1, &n, NULL));
	fails_with(ERROR_ACCESS_DENIED,
		   server_with(PIPE_ACCESS_INBOUND | FILE_FLAG_FIRST_PIPE_INSTANCE, 2)
		   != INVALID_HANDLE_VALUE);
	assert_true(CloseHandle(s) && CloseHandle(c));
	s = CreateNamedPipeW(u"\\\\.\\pipe\\Unit-Wide", PIPE_ACCESS_DUPLEX, 0, 1, 0, 0, 0, NULL);
	c = CreateFileW(u"\\\\.\\PIPE\\unit-wide", GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
	assert_ptr_not_equal(c, INVALID_HANDLE_VALUE);
	assert_true(WaitNamedPipeW(u"\\\\.\\pipe\\unit-wide", 50));
	assert_true(CloseHandle(s) && CloseHandle(c));
}

static void several_instances(void **state)
{
	HANDLE s[3], c[3];
	int i;

	(void)state;
	new_name("several");
	for (i = 0; i < 3; i++)
		s[i] = server(3);
	fails_with(ERROR_PIPE_BUSY, server_with(3, 3) != INVALID_HANDLE_VALUE);
	for (i = 0; i < 3; i++) {
		c[i] = client();
		fails_with(ERROR_PIPE_CONNECTED, ConnectNamedPipe(s[i], NULL));
	}
	for (i = 0; i < 3; i++) {
		char text[2] = { (char)('a' + i) };

		writes(c[i], text);
		reads(s[i], text);
	}
	/* One more can connect, and no other. */
	assert_true(CloseHandle(c[0]));
	c[0] = client();
	no_client(ERROR_PIPE_BUSY);
	fails_with(ERROR_SEM_TIMEOUT, WaitNamedPipeA(pipe_name, 5));
	assert_true(DisconnectNamedPipe(s[0]));
	fails_with(ERROR_PIPE_CONNECTED, ConnectNamedPipe(s[0], NULL));
	writes(c[0], "next");
	reads(s[0], "next");
	for (i = 0; i < 3; i++)
		assert_true(CloseHandle(s[i]) && CloseHandle(c[i]));
}

static DWORD WINAPI late_client(LPVOID arg)
{
	HANDLE c;

	(void)arg;
	Sleep(20);
	assert_true(WaitNamedPipeA(pipe_name, NMPWAIT_WAIT_FOREVER));
	while ((c = client_or_not()) == INVALID_HANDLE_VALUE)
		assert_int_equal(GetLastError(), ERROR_PIPE_BUSY);
	writes(c, "late");
	reads(c, "ok");
	assert_true(CloseHandle(c));
	return 0;
}

static void connecting_waits(void **state)
{
	HANDLE s, t;
	int i;

	(void)state;
	new_name("waits");
	s = server(PIPE_UNLIMITED_INSTANCES);
	SetLastError(LAST);
	for (i = 0; i < 5; i++) {
		t = CreateThread(NULL, 0, late_client, NULL, 0, NULL);
		if (!ConnectNamedPipe(s, NULL))
			fails_with(ERROR_PIPE_CONNECTED, FALSE);
		reads(s, "late");
		writes(s, "ok");
		assert_int_equal(WaitForSingleObject(t, INFINITE), WAIT_OBJECT_0);
		assert_true(CloseHandle(t));
		assert_true(DisconnectNamedPipe(s));
	}
	assert_int_equal(GetLastError(), LAST);
	assert_true(CloseHandle(s));
}

static DWORD WINAPI connect_in_vain(LPVOID s)
{
	assert_false(ConnectNamedPipe(s, NULL));
	return GetLastError();
}

/* The handle goes while somebody waits at it: the wait ends. */
static void closing_ends_the_wait(void **state)
{
	DWORD code;
	HANDLE s, t;

	(void)state;
	new_name("close");
	s = server(1);
	t = CreateThread(NULL, 0, connect_in_vain, s, 0, NULL);
	Sleep(20);
	assert_true(CloseHandle(s));
	assert_int_equal(WaitForSingleObject(t, INFINITE), WAIT_OBJECT_0);
	assert_true(GetExitCodeThread(t, &code));
	assert_int_equal(code, ERROR_INVALID_HANDLE);
	assert_true(CloseHandle(t));
	no_client(ERROR_FILE_NOT_FOUND);
}

/* The child does not hold the name, and has another for itself. */
static void fork_leaves_the_name(void **state)
{
	HANDLE s, c;
	int status;
	pid_t pid;

	(void)state;
	new_name("fork");
	s = server(1);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		bool ok = client_or_not() != INVALID_HANDLE_VALUE &&
			  server_with(3, 1) == INVALID_HANDLE_VALUE &&
			  GetLastError() == ERROR_ACCESS_DENIED;

		_exit(!ok);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* the child's connection is gone with it */
	fails_with(ERROR_NO_DATA, ConnectNamedPipe(s, NULL));
	assert_true(DisconnectNamedPipe(s));
	c = client();
	writes(c, "mine");
	fails_with(ERROR_PIPE_CONNECTED, ConnectNamedPipe(s, NULL));
	reads(s, "mine");
	assert_true(CloseHandle(s) && CloseHandle(c));
}

/* A server of another user is none for us: its credentials are looked at. */
static void other_users_are_turned_away(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, len, status;
	HANDLE s;
	pid_t pid;

	(void)state;
	if (geteuid())
		skip();
	new_name("users");
	len = snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1, "iocp-pipe-0-unit-users-%d",
		       getpid());
	len += 1 + offsetof(struct sockaddr_un, sun_path);
	/* as a client */
	s = server(1);
	pid = fork();
	if (!pid) {
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		_exit(setuid(65534) || connect(fd, (struct sockaddr *)&addr, len) ||
		      write(fd, "x", 1) != 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	{
		HANDLE c = client();

		writes(c, "us");
		fails_with(ERROR_PIPE_CONNECTED, ConnectNamedPipe(s, NULL));
		reads(s, "us");
		assert_true(CloseHandle(s) && CloseHandle(c));
	}
	/* as a server */
	pid = fork();
	if (!pid) {
		if (setuid(65534))
			_exit(1);
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (bind(fd, (struct sockaddr *)&addr, len) || listen(fd, 5))
			_exit(1);
		pause();
	}
	do {
		s = client_or_not();
	} while (s == INVALID_HANDLE_VALUE && GetLastError() == ERROR_FILE_NOT_FOUND &&
		 !waitpid(pid, &status, WNOHANG));
	fails_with(ERROR_ACCESS_DENIED, s != INVALID_HANDLE_VALUE);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(anonymous_pipe),
		cmocka_unit_test(named_pipe),
		cmocka_unit_test(named_pipe_arguments),
		cmocka_unit_test(several_instances),
		cmocka_unit_test(connecting_waits),
		cmocka_unit_test(closing_ends_the_wait),
		cmocka_unit_test(fork_leaves_the_name),
		cmocka_unit_test(other_users_are_turned_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
