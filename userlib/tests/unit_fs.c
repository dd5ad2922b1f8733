// SPDX-License-Identifier: GPL-2.0-only
/* What is done with names of files, in bytes and in UTF-16. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "unit.h"
#include "win.h"

static char dir[] = "/tmp/libiocp-unit-XXXXXX";

static const char *in_dir(const char *name)
{
	static char path[4][300];
	static unsigned int next;
	char *p = path[next++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static const WCHAR *wide_in_dir(const WCHAR *name)
{
	static WCHAR path[2][300];
	static unsigned int next;
	WCHAR *p = path[next++ % 2];
	int n = MultiByteToWideChar(CP_UTF8, 0, dir, -1, p, 300);

	assert_true(n > 0);
	p[n - 1] = '/';
	memcpy(p + n, name, (iocpi_wcslen(name) + 1) * sizeof(WCHAR));
	return p;
}

static void put_file(const char *name, size_t len)
{
	int fd = open(in_dir(name), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, len), 0);
	close(fd);
}

#define FAILS(call, code) do {						\
	SetLastError(0xdeadbeef);					\
	assert_false(call);						\
	assert_int_equal(GetLastError(), code);				\
} while (0)

static void directories(void **state)
{
	(void)state;
	SetLastError(0xdeadbeef);
	assert_true(CreateDirectoryA(in_dir("d"), NULL));
	assert_int_equal(GetLastError(), 0xdeadbeef);
	FAILS(CreateDirectoryA(in_dir("d"), NULL), ERROR_ALREADY_EXISTS);
	FAILS(CreateDirectoryA(in_dir("no/d"), NULL), ERROR_PATH_NOT_FOUND);
	FAILS(CreateDirectoryA("", NULL), ERROR_PATH_NOT_FOUND);
	put_file("d/f", 0);
	FAILS(RemoveDirectoryA(in_dir("d")), ERROR_DIR_NOT_EMPTY);
	FAILS(RemoveDirectoryA(in_dir("d/f")), ERROR_DIRECTORY);
	FAILS(RemoveDirectoryA(in_dir("d/no")), ERROR_FILE_NOT_FOUND);
	FAILS(DeleteFileA(in_dir("d/no")), ERROR_FILE_NOT_FOUND);
	FAILS(DeleteFileA(in_dir("no/no")), ERROR_PATH_NOT_FOUND);
	FAILS(DeleteFileA(in_dir("d")), ERROR_ACCESS_DENIED);
	FAILS(DeleteFileA(NULL), ERROR_PATH_NOT_FOUND);
	assert_true(DeleteFileA(in_dir("d/f")));
	assert_true(RemoveDirectoryA(in_dir("d")));
	assert_int_equal(access(in_dir("d"), F_OK), -1);
}

static void moving(void **state)
{
	(void)state;
	put_file("from", 5);
	put_file("to", 7);
	FAILS(MoveFileExA(in_dir("from"), in_dir("to"), 0), ERROR_ALREADY_EXISTS);
	FAILS(MoveFileExA(in_dir("no"), in_dir("to"), 0), ERROR_FILE_NOT_FOUND);
	FAILS(MoveFileExA(in_dir("from"), in_dir("no/to"), 0), ERROR_PATH_NOT_FOUND);
	FAILS(MoveFileExA(in_dir("from"), NULL, 0), ERROR_INVALID_PARAMETER);
	FAILS(MoveFileExA(in_dir("from"), in_dir("to"), 4), ERROR_INVALID_PARAMETER);
	assert_true(MoveFileExA(in_dir("from"), in_dir("to"),
				MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH));
	assert_int_equal(GetFileAttributesA(in_dir("from")), INVALID_FILE_ATTRIBUTES);
	assert_int_equal(GetLastError(), ERROR_FILE_NOT_FOUND);
	assert_true(DeleteFileA(in_dir("to")));
}

static uint64_t seconds_of(const FILETIME *t)
{
	return ((uint64_t)t->dwHighDateTime << 32 | t->dwLowDateTime) / 10000000 - 11644473600;
}

static void attributes(void **state)
{
	const struct timeval times[2] = { { 1000000000, 0 }, { 1234567890, 0 } };
	WIN32_FILE_ATTRIBUTE_DATA d;
	BY_HANDLE_FILE_INFORMATION info;
	struct stat st;
	HANDLE h;

	(void)state;
	put_file("file", (5ULL << 32) + 7);
	assert_int_equal(utimes(in_dir("file"), times), 0);
	assert_int_equal(GetFileAttributesA(in_dir("file")), FILE_ATTRIBUTE_ARCHIVE);
	assert_int_equal(GetFileAttributesA(dir), FILE_ATTRIBUTE_DIRECTORY);
	assert_int_equal(GetFileAttributesA("/dev/null"), FILE_ATTRIBUTE_NORMAL);
	assert_int_equal(chmod(in_dir("file"), 0444), 0);
	assert_int_equal(GetFileAttributesA(in_dir("file")),
			 FILE_ATTRIBUTE_ARCHIVE | FILE_ATTRIBUTE_READONLY);
	assert_true(GetFileAttributesExA(in_dir("file"), GetFileExInfoStandard, &d));
	assert_int_equal(d.nFileSizeHigh, 5);
	assert_int_equal(d.nFileSizeLow, 7);
	assert_int_equal(seconds_of(&d.ftLastAccessTime), 1000000000);
	assert_int_equal(seconds_of(&d.ftLastWriteTime), 1234567890);
	FAILS(GetFileAttributesExA(in_dir("file"), GetFileExMaxInfoLevel, &d),
	      ERROR_INVALID_PARAMETER);
	FAILS(GetFileAttributesExA(in_dir("no"), GetFileExInfoStandard, &d), ERROR_FILE_NOT_FOUND);

	/* links are told about, and where they lead */
	assert_int_equal(symlink("file", in_dir("link")), 0);
	assert_int_equal(symlink(".", in_dir("loop")), 0);
	assert_int_equal(symlink("nowhere", in_dir("dangling")), 0);
	assert_int_equal(GetFileAttributesA(in_dir("link")), FILE_ATTRIBUTE_REPARSE_POINT);
	assert_int_equal(GetFileAttributesA(in_dir("loop")),
			 FILE_ATTRIBUTE_REPARSE_POINT | FILE_ATTRIBUTE_DIRECTORY);
	assert_int_equal(GetFileAttributesA(in_dir("dangling")), FILE_ATTRIBUTE_REPARSE_POINT);

	h = CreateFileA(in_dir("file"), GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
	assert_true(h != INVALID_HANDLE_VALUE);
	assert_int_equal(stat(in_dir("file"), &st), 0);
	assert_true(GetFileInformationByHandle(h, &info));
	assert_int_equal(info.dwFileAttributes, FILE_ATTRIBUTE_ARCHIVE | FILE_ATTRIBUTE_READONLY);
	assert_int_equal((uint64_t)info.nFileIndexHigh << 32 | info.nFileIndexLow, st.st_ino);
	assert_int_equal(info.dwVolumeSerialNumber, (DWORD)st.st_dev);
	assert_int_equal(info.nNumberOfLinks, 1);
	assert_int_equal(info.nFileSizeHigh, 5);
	assert_int_equal(seconds_of(&info.ftLastWriteTime), 1234567890);
	assert_int_equal(GetFileType(h), FILE_TYPE_DISK);
	assert_true(CloseHandle(h));
	FAILS(GetFileInformationByHandle(h, &info), ERROR_INVALID_HANDLE);
	assert_int_equal(GetFileType(h), FILE_TYPE_UNKNOWN);
	unlink(in_dir("link"));
	unlink(in_dir("loop"));
	unlink(in_dir("dangling"));
	assert_true(DeleteFileA(in_dir("file")));
}

static void types(void **state)
{
	HANDLE h = CreateFileA("/dev/null", GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
	HANDLE pipe_end;
	int fds[2];

	(void)state;
	assert_int_equal(GetFileType(h), FILE_TYPE_CHAR);
	assert_true(CloseHandle(h));
	assert_int_equal(pipe(fds), 0);
	pipe_end = (HANDLE)_get_osfhandle(fds[0]);
	assert_int_equal(GetFileType(pipe_end), FILE_TYPE_PIPE);
	assert_true(CloseHandle(pipe_end));
	close(fds[0]);
	close(fds[1]);
}

/* The names that a search finds, with a space after each. */
static const char *found(const char *pattern)
{
	static char names[1000];
	WIN32_FIND_DATAA d;
	HANDLE h = FindFirstFileA(in_dir(pattern), &d);

	names[0] = 0;
	if (h == INVALID_HANDLE_VALUE)
		return names;
	do {
		strcat(strcat(names, d.cFileName), " ");
	} while (FindNextFileA(h, &d));
	assert_int_equal(GetLastError(), ERROR_NO_MORE_FILES);
	assert_true(FindClose(h));
	FAILS(FindClose(h), ERROR_INVALID_HANDLE);
	FAILS(FindNextFileA(h, &d), ERROR_INVALID_HANDLE);
	return names;
}

static void searching(void **state)
{
	WIN32_FIND_DATAA d;
	HANDLE h;

	(void)state;
	assert_true(CreateDirectoryA(in_dir("sub"), NULL));
	put_file("a.c", 3);
	put_file("B.c", 0);
	put_file("c.h", 0);
	put_file("noext", 0);
	put_file("\xc3\xa9.c", 0);
	assert_int_equal(symlink("sub", in_dir("link")), 0);
	assert_string_equal(found("*"), ". .. a.c B.c c.h link noext sub \xc3\xa9.c ");
	assert_string_equal(found("*.*"), ". .. a.c B.c c.h link noext sub \xc3\xa9.c ");
	assert_string_equal(found("*.c"), "a.c B.c \xc3\xa9.c ");
	assert_string_equal(found("?.c"), "a.c B.c \xc3\xa9.c ");
	assert_string_equal(found("?.?"), "a.c B.c c.h \xc3\xa9.c ");
	assert_string_equal(found("n*t"), "noext ");
	assert_string_equal(found("n*e*t*"), "noext ");
	assert_string_equal(found("noext?"), "");
	assert_string_equal(found("a.c"), "a.c ");
	assert_string_equal(found("A.c"), "");
	assert_int_equal(GetLastError(), ERROR_FILE_NOT_FOUND);
	assert_string_equal(found("no/*"), "");
	assert_int_equal(GetLastError(), ERROR_PATH_NOT_FOUND);
	assert_string_equal(found("a.c/*"), "");
	assert_int_equal(GetLastError(), ERROR_PATH_NOT_FOUND);

	h = FindFirstFileA(in_dir("a.c"), &d);
	assert_int_equal(d.nFileSizeLow, 3);
	assert_int_equal(d.dwFileAttributes, FILE_ATTRIBUTE_ARCHIVE);
	FAILS(CloseHandle(h), ERROR_INVALID_HANDLE);
	assert_true(FindClose(h));
	h = FindFirstFileA(in_dir("link"), &d);
	assert_int_equal(d.dwFileAttributes,
			 FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_REPARSE_POINT);
	assert_int_equal(d.dwReserved0, IO_REPARSE_TAG_SYMLINK);
	/* what is gone by the time that it would be told is passed over */
	assert_true(FindClose(h));
	h = FindFirstFileA(in_dir("*.c"), &d);
	assert_string_equal(d.cFileName, "a.c");
	assert_true(DeleteFileA(in_dir("B.c")));
	assert_true(FindNextFileA(h, &d));
	assert_string_equal(d.cFileName, "\xc3\xa9.c");
	assert_true(FindClose(h));
	assert_true(DeleteFileA(in_dir("a.c")));
	assert_true(DeleteFileA(in_dir("c.h")));
	assert_true(DeleteFileA(in_dir("noext")));
	assert_true(DeleteFileA(in_dir("\xc3\xa9.c")));
	assert_int_equal(unlink(in_dir("link")), 0);
	assert_true(RemoveDirectoryA(in_dir("sub")));
}

/* A name that is no UTF-8 goes all the way, and comes back from a search. */
static void wide_names(void **state)
{
	static const WCHAR odd[] = { 0xe9, 0xdcff, 0xd83d, 0xde00, 0 }, bad[] = { 0xd800, 0 },
			   all[] = { '*', 0 }, sub[] = { 's', 'u', 'b', 0 };
	WIN32_FILE_ATTRIBUTE_DATA attr;
	WIN32_FIND_DATAW d;
	WCHAR huge[PATH_MAX + 1];
	int i, n = 0;
	HANDLE h;

	(void)state;
	h = CreateFileW(wide_in_dir(odd), GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);
	assert_true(h != INVALID_HANDLE_VALUE);
	assert_true(CloseHandle(h));
	assert_int_equal(access(in_dir("\xc3\xa9\xff\xf0\x9f\x98\x80"), F_OK), 0);
	assert_int_equal(GetFileAttributesW(wide_in_dir(odd)), FILE_ATTRIBUTE_ARCHIVE);
	assert_true(GetFileAttributesExW(wide_in_dir(odd), GetFileExInfoStandard, &attr));
	h = FindFirstFileW(wide_in_dir(all), &d);
	assert_true(h != INVALID_HANDLE_VALUE);
	do {
		n += iocpi_wcslen(d.cFileName) == 4 && !memcmp(d.cFileName, odd, sizeof(odd));
	} while (FindNextFileW(h, &d));
	assert_int_equal(n, 1);
	assert_true(FindClose(h));
	assert_true(MoveFileExW(wide_in_dir(odd), wide_in_dir(sub), 0));
	assert_true(DeleteFileW(wide_in_dir(sub)));
	assert_true(CreateDirectoryW(wide_in_dir(sub), NULL));
	assert_true(RemoveDirectoryW(wide_in_dir(sub)));

	assert_true(CreateFileW(bad, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL) ==
		    INVALID_HANDLE_VALUE);
	assert_int_equal(GetLastError(), ERROR_INVALID_NAME);
	assert_true(CreateFileW(NULL, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL) ==
		    INVALID_HANDLE_VALUE);
	assert_int_equal(GetLastError(), ERROR_PATH_NOT_FOUND);
	for (i = 0; i < PATH_MAX; i++)
		huge[i] = 'a';
	huge[PATH_MAX] = 0;
	FAILS(DeleteFileW(huge), ERROR_FILENAME_EXCED_RANGE);
}

/* Literals of the three kinds are what the functions take. */
static void literals(void **state)
{
	const WCHAR *wide = u"/dev/null";
	LPCTSTR text = TEXT("/dev/null");

	(void)state;
	assert_int_equal(GetFileAttributesW(wide), FILE_ATTRIBUTE_NORMAL);
	assert_int_equal(GetFileAttributes(text), FILE_ATTRIBUTE_NORMAL);
}

static void sizes(void **state)
{
	LARGE_INTEGER at = { .QuadPart = (1LL << 32) + 5 };
	LONG high = 1;
	DWORD size_high;
	HANDLE h;

	(void)state;
	put_file("size", 10);
	h = CreateFileA(in_dir("size"), GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0,
			NULL);
	assert_int_equal(GetFileSize(h, NULL), 10);
	assert_true(SetFilePointerEx(h, at, NULL, FILE_BEGIN));
	assert_true(SetEndOfFile(h));
	assert_int_equal(GetFileSize(h, &size_high), 5);
	assert_int_equal(size_high, 1);
	assert_int_equal(SetFilePointer(h, 0xffffffff, &high, FILE_BEGIN),
			 INVALID_SET_FILE_POINTER);
	assert_int_equal(GetLastError(), NO_ERROR);
	assert_int_equal(high, 1);
	assert_int_equal(SetFilePointer(h, 3, NULL, FILE_BEGIN), 3);
	assert_int_equal(SetFilePointer(h, 0, NULL, FILE_END), INVALID_SET_FILE_POINTER);
	assert_int_equal(GetLastError(), ERROR_INVALID_PARAMETER);
	assert_int_equal(SetFilePointer(h, -4, NULL, FILE_CURRENT), INVALID_SET_FILE_POINTER);
	assert_int_equal(GetLastError(), ERROR_NEGATIVE_SEEK);
	assert_int_equal(SetFilePointer(h, -2, NULL, FILE_CURRENT), 1);
	assert_true(SetEndOfFile(h));
	assert_int_equal(GetFileSize(h, NULL), 1);
	assert_true(CloseHandle(h));
	h = CreateFileA(in_dir("size"), GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
	FAILS(SetEndOfFile(h), ERROR_ACCESS_DENIED);
	assert_true(CloseHandle(h));
	assert_int_equal(GetFileSize(h, NULL), INVALID_FILE_SIZE);
	assert_int_equal(GetLastError(), ERROR_INVALID_HANDLE);
	assert_true(DeleteFileA(in_dir("size")));
}

static int set_up(void **state)
{
	(void)state;
	return !mkdtemp(dir);
}

static int tear_down(void **state)
{
	(void)state;
	return rmdir(dir);		/* each test has cleaned up */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(directories),
		cmocka_unit_test(moving),
		cmocka_unit_test(attributes),
		cmocka_unit_test(types),
		cmocka_unit_test(searching),
		cmocka_unit_test(wide_names),
		cmocka_unit_test(literals),
		cmocka_unit_test(sizes),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
