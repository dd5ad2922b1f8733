// SPDX-License-Identifier: GPL-2.0-only
/* Without a port GetOverlappedResult() waits for what is under way. */
#include "conform.h"

#define COUNT	8

int main(void)
{
	HANDLE file = new_file("ov_13n.tmp", 100, FILE_FLAG_OVERLAPPED);
	static char buf[COUNT][16];
	OVERLAPPED ov[COUNT];
	DWORD n, i;

	for (i = 0; i < COUNT; i++)
		IS("OV-15b", "read", ERROR_OF(ReadFile(file, buf[i], 16, NULL,
		   at(&ov[i], 12 * i))), ERROR_IO_PENDING);
	/* In an order of its own. */
	for (i = COUNT; i-- > 0;) {
		n = 12345;
		CHECK("OV-11", "wait for it", GetOverlappedResult(file, &ov[i], &n, TRUE));
		IS("OV-11", "bytes", n, 16);
		CHECK("OV-2", "it is completed", HasOverlappedIoCompleted(&ov[i]));
		CHECK("OV-11", "the data", buf[i][0] == (char)('a' + 12 * i % 26));
	}
	ReadFile(file, buf[0], 16, NULL, at(&ov[0], 100));
	IS("OV-15", "at the end", ERROR_OF(GetOverlappedResult(file, &ov[0], &n, TRUE)),
	   ERROR_HANDLE_EOF);
	IS("OV-15", "bytes", n, 0);
	WriteFile(file, "wxyz", 4, NULL, at(&ov[0], 200));
	while (!HasOverlappedIoCompleted(&ov[0]))
		Sleep(1);
	CHECK("OV-2", "a write that is completed", GetOverlappedResult(file, &ov[0], &n, FALSE));
	IS("OV-2", "bytes", n, 4);
	end_file("ov_13n.tmp", file);
	return conform_end();
}
