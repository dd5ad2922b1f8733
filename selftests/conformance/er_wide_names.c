// SPDX-License-Identifier: GPL-2.0-only
/* Names in UTF-16. */
#include "conform.h"

/* "er_äöü_日本.tmp", written so that no compiler has to know about it. */
static const WCHAR name[] = { 'e', 'r', '_', 0xe4, 0xf6, 0xfc, '_', 0x65e5, 0x672c, '.', 't', 'm',
			      'p', 0 };
static const WCHAR other[] = { 'e', 'r', '_', 'o', '.', 't', 'm', 'p', 0 };

int main(void)
{
	HANDLE file;
	char buf[8];
	DWORD n;

	DeleteFileW(name);
	IS("ER", "open a missing file", ERROR_OF(CreateFileW(name, GENERIC_READ, 0, NULL,
	   OPEN_EXISTING, 0, NULL) != INVALID_HANDLE_VALUE), ERROR_FILE_NOT_FOUND);
	file = CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_NEW, 0, NULL);
	CHECK("ER", "create it", file != INVALID_HANDLE_VALUE);
	CHECK("ER", "write", WriteFile(file, "hello", 5, &n, NULL) && n == 5);
	CloseHandle(file);
	IS("ER", "create it again", ERROR_OF(CreateFileW(name, GENERIC_READ, 0, NULL, CREATE_NEW,
	   0, NULL) != INVALID_HANDLE_VALUE), ERROR_FILE_EXISTS);
	CHECK("ER", "it has attributes", GetFileAttributesW(name) != INVALID_FILE_ATTRIBUTES);
	CHECK("ER", "rename it", MoveFileExW(name, other, MOVEFILE_REPLACE_EXISTING));
	IS("ER", "the old name", ERROR_OF(GetFileAttributesW(name) != INVALID_FILE_ATTRIBUTES),
	   ERROR_FILE_NOT_FOUND);
	file = CreateFileA("er_o.tmp", GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
	CHECK("ER", "the new name, in bytes", file != INVALID_HANDLE_VALUE);
	CHECK("ER", "read", ReadFile(file, buf, 8, &n, NULL) && n == 5 &&
	      !memcmp(buf, "hello", 5));
	CloseHandle(file);
	CHECK("ER", "delete it", DeleteFileW(other));
	IS("ER", "delete it again", ERROR_OF(DeleteFileW(other)), ERROR_FILE_NOT_FOUND);
	return conform_end();
}
