// SPDX-License-Identifier: GPL-2.0-only
/* Pipes, without OVERLAPPED. */
#include <fcntl.h>
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(anonymous_pipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
