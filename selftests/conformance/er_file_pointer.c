// SPDX-License-Identifier: GPL-2.0-only
/* SetFilePointerEx() and GetFileSizeEx(). */
#include "conform.h"

static HANDLE file;

static void move(const char *what, LONGLONG by, DWORD method, DWORD error, LONGLONG wanted)
{
	LARGE_INTEGER distance, now;

	distance.QuadPart = by;
	now.QuadPart = -77;
	IS("ER", what, ERROR_OF(SetFilePointerEx(file, distance, &now, method)), error);
	if (!error)
		IS("ER", "the pointer", now.QuadPart, wanted);
}

int main(void)
{
	LARGE_INTEGER size;
	char buf[4];
	DWORD n;

	file = new_file("er_pointer.tmp", 100, 0);
	move("to 10", 10, FILE_BEGIN, 0, 10);
	CHECK("ER", "read there", ReadFile(file, buf, 4, &n, NULL) && !memcmp(buf, "klmn", 4));
	move("5 on", 5, FILE_CURRENT, 0, 19);
	move("10 back", -10, FILE_CURRENT, 0, 9);
	move("10 before the end", -10, FILE_END, 0, 90);
	move("beyond the end", 1000, FILE_END, 0, 1100);
	CHECK("ER", "read there", ReadFile(file, buf, 4, &n, NULL) && n == 0);
	move("before the beginning", -2000, FILE_CURRENT, ERROR_NEGATIVE_SEEK, 0);
	move("the pointer did not move", 0, FILE_CURRENT, 0, 1100);
	move("a method that is none", 0, 9, ERROR_INVALID_PARAMETER, 0);
	CHECK("ER", "write there", WriteFile(file, "x", 1, &n, NULL) && n == 1);
	CHECK("ER", "size", GetFileSizeEx(file, &size) && size.QuadPart == 1101);
	move("far", 1ll << 40, FILE_BEGIN, 0, 1ll << 40);
	move("back", 1, FILE_BEGIN, 0, 1);
	CHECK("ER", "without asking where", SetFilePointerEx(file, size, NULL, FILE_BEGIN));
	move("which is", 0, FILE_CURRENT, 0, 1101);
	end_file("er_pointer.tmp", file);
	move("a closed file", 0, FILE_BEGIN, ERROR_INVALID_HANDLE, 0);
	IS("ER", "its size", ERROR_OF(GetFileSizeEx(file, &size)), ERROR_INVALID_HANDLE);
	IS("ER", "flush it", ERROR_OF(FlushFileBuffers(file)), ERROR_INVALID_HANDLE);
	return conform_end();
}
