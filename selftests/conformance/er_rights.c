// SPDX-License-Identifier: GPL-2.0-only
/* What a handle may be used for. */
#include "conform.h"

static HANDLE opened(DWORD access)
{
	HANDLE file = CreateFileA("er_rights.tmp", access, FILE_SHARE_READ | FILE_SHARE_WRITE,
				  NULL, OPEN_EXISTING, 0, NULL);

	NEED(file != INVALID_HANDLE_VALUE);
	return file;
}

static void try_all(const char *what, DWORD access, DWORD can_read, DWORD can_write,
		    DWORD can_flush)
{
	HANDLE file = opened(access);
	LARGE_INTEGER size;
	char buf[4];
	DWORD n;

	printf("%s\n", what);
	IS("ER", "read", ERROR_OF(ReadFile(file, buf, 4, &n, NULL)), can_read);
	IS("ER", "write", ERROR_OF(WriteFile(file, "wxyz", 4, &n, NULL)), can_write);
	IS("ER", "flush", ERROR_OF(FlushFileBuffers(file)), can_flush);
	CHECK("ER", "size", GetFileSizeEx(file, &size) && size.QuadPart >= 10);
	CHECK("ER", "close", CloseHandle(file));
}

int main(void)
{
	HANDLE file = new_file("er_rights.tmp", 10, 0);

	try_all("GENERIC_READ | GENERIC_WRITE", GENERIC_READ | GENERIC_WRITE, 0, 0, 0);
	try_all("GENERIC_READ", GENERIC_READ, 0, ERROR_ACCESS_DENIED, ERROR_ACCESS_DENIED);
	try_all("GENERIC_WRITE", GENERIC_WRITE, ERROR_ACCESS_DENIED, 0, 0);
	try_all("FILE_READ_DATA", FILE_READ_DATA | FILE_READ_ATTRIBUTES | SYNCHRONIZE, 0,
		ERROR_ACCESS_DENIED, ERROR_ACCESS_DENIED);
	try_all("FILE_APPEND_DATA", FILE_APPEND_DATA | FILE_READ_ATTRIBUTES | SYNCHRONIZE,
		ERROR_ACCESS_DENIED, 0, 0);
	end_file("er_rights.tmp", file);
	return conform_end();
}
