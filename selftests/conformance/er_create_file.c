// SPDX-License-Identifier: GPL-2.0-only
/* What CreateFile() answers. */
#include "conform.h"

static HANDLE create(const char *name, DWORD access, DWORD disposition)
{
	SetLastError(UNCHANGED);
	return CreateFileA(name, access, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, disposition, 0,
			   NULL);
}

static void refused(const char *what, const char *name, DWORD access, DWORD disposition,
		    DWORD error)
{
	HANDLE file = create(name, access, disposition);

	CHECK("ER", what, file == INVALID_HANDLE_VALUE);
	IS("ER", "the error", GetLastError(), error);
	CloseHandle(file);
}

static void opens(const char *what, DWORD disposition, DWORD error, LONGLONG wanted)
{
	HANDLE file = create("er_create.tmp", GENERIC_READ | GENERIC_WRITE, disposition);
	DWORD last = GetLastError();
	LARGE_INTEGER size;
	DWORD n;

	CHECK("ER", what, file != INVALID_HANDLE_VALUE);
	IS("ER", "the last error", last == UNCHANGED ? 0 : last, error);
	CHECK("ER", "size", GetFileSizeEx(file, &size));
	IS("ER", "size", size.QuadPart, wanted);
	CHECK("ER", "write", WriteFile(file, "hello", 5, &n, NULL) && n == 5);
	CloseHandle(file);
}

int main(void)
{
	remove("er_create.tmp");
	refused("open a missing file", "er_create.tmp", GENERIC_READ, OPEN_EXISTING,
		ERROR_FILE_NOT_FOUND);
	refused("truncate a missing file", "er_create.tmp", GENERIC_WRITE, TRUNCATE_EXISTING,
		ERROR_FILE_NOT_FOUND);
	refused("in a missing folder", "er_none/er_create.tmp", GENERIC_READ, OPEN_EXISTING,
		ERROR_PATH_NOT_FOUND);
	refused("create in a missing folder", "er_none/er_create.tmp", GENERIC_WRITE, CREATE_NEW,
		ERROR_PATH_NOT_FOUND);
	refused("a folder", ".", GENERIC_READ, OPEN_EXISTING, ERROR_ACCESS_DENIED);
	refused("a disposition that is none", "er_create.tmp", GENERIC_READ, 77,
		ERROR_INVALID_PARAMETER);
	opens("create a new file", CREATE_NEW, 0, 0);
	refused("create it once more", "er_create.tmp", GENERIC_WRITE, CREATE_NEW,
		ERROR_FILE_EXISTS);
	opens("open it", OPEN_EXISTING, 0, 5);
	opens("open or create it", OPEN_ALWAYS, ERROR_ALREADY_EXISTS, 5);
	opens("truncate it", TRUNCATE_EXISTING, 0, 0);
	opens("create it anyway", CREATE_ALWAYS, ERROR_ALREADY_EXISTS, 0);
	remove("er_create.tmp");
	opens("open or create a missing file", OPEN_ALWAYS, 0, 0);
	remove("er_create.tmp");
	opens("create a missing file anyway", CREATE_ALWAYS, 0, 0);
	remove("er_create.tmp");
	return conform_end();
}
