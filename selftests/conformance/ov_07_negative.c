// SPDX-License-Identifier: GPL-2.0-only
/* Other negative offsets are refused at once, and no packet comes. */
#include "conform.h"

int main(void)
{
	static const LONGLONG offsets[] = { -2, -3, -20, -0x7fffffffffffffff };
	HANDLE file = new_file("ov_07n.tmp", 10, FILE_FLAG_OVERLAPPED), port = new_port(1);
	char buf[16], text[48];
	OVERLAPPED ov;
	ULONG i;

	CreateIoCompletionPort(file, port, 0, 0);
	WINDOWS_IS("OV-7", "read at -1", ERROR_OF(ReadFile(file, buf, 4, NULL, at(&ov, (ULONGLONG)-1))),
		   ERROR_INVALID_PARAMETER);
	for (i = 0; i < 4; i++) {
		snprintf(text, sizeof(text), "read at %lld", offsets[i]);
		WINDOWS_IS("OV-7", text, ERROR_OF(ReadFile(file, buf, 4, NULL,
			   at(&ov, (ULONGLONG)offsets[i]))), ERROR_INVALID_PARAMETER);
		snprintf(text, sizeof(text), "write at %lld", offsets[i]);
		WINDOWS_IS("OV-7", text, ERROR_OF(WriteFile(file, "wxyz", 4, NULL,
			   at(&ov, (ULONGLONG)offsets[i]))), ERROR_INVALID_PARAMETER);
	}
	WINDOWS_IS("NM-8", "no packet", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	while (take(port, SHORT_TIME).ov)
		;	/* Wine's */
	ReadFile(file, buf, 16, NULL, at(&ov, 0));
	IS("OV-7", "the file is as it was, bytes", take(port, LONG_TIME).bytes, 10);
	CHECK("OV-7", "the file is as it was", !memcmp(buf, "abcdefghij", 10));
	end_file("ov_07n.tmp", file);
	CloseHandle(port);
	return conform_end();
}
