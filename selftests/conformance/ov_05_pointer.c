// SPDX-License-Identifier: GPL-2.0-only
/* A handle that is not overlapped: an OVERLAPPED says where, and the pointer moves. */
#include "conform.h"

static LONGLONG pointer(HANDLE file)
{
	LARGE_INTEGER zero, now;

	zero.QuadPart = 0;
	now.QuadPart = -1;
	SetFilePointerEx(file, zero, &now, FILE_CURRENT);
	return now.QuadPart;
}

int main(void)
{
	HANDLE file = new_file("ov_05_pointer.tmp", 100, 0);
	char buf[16];
	OVERLAPPED ov;
	DWORD n = 12345;

	IS("OV-5", "the pointer at first", pointer(file), 0);
	CHECK("OV-5", "read without OVERLAPPED", ReadFile(file, buf, 4, &n, NULL));
	IS("OV-5", "bytes", n, 4);
	IS("OV-5", "the pointer", pointer(file), 4);
	CHECK("OV-5", "read with one: done at once", ReadFile(file, buf, 5, &n, at(&ov, 26)));
	CHECK("OV-5", "what is there", !memcmp(buf, "abcde", 5));
	IS("OV-5", "bytes", n, 5);
	IS("OV-5", "the pointer", pointer(file), 31);
	IS("OV-2", "Internal", ov.Internal, 0);
	IS("OV-2", "InternalHigh", ov.InternalHigh, 5);
	CHECK("OV-5", "read goes on there", ReadFile(file, buf, 2, &n, NULL));
	CHECK("OV-5", "which is", !memcmp(buf, "fg", 2));
	CHECK("OV-5", "write with one", WriteFile(file, "WXYZ", 4, &n, at(&ov, 10)));
	IS("OV-5", "the pointer", pointer(file), 14);
	IS("OV-15", "read at the end with one", ERROR_OF(ReadFile(file, buf, 4, &n, at(&ov, 100))),
	   ERROR_HANDLE_EOF);
	IS("OV-15", "bytes", n, 0);
	n = 12345;
	pointer(file);
	CHECK("OV-5", "the Offset is not changed", ov.Offset == 100);
	end_file("ov_05_pointer.tmp", file);
	return conform_end();
}
