// SPDX-License-Identifier: GPL-2.0-only
/* Overlapped operations use the offset of the OVERLAPPED and leave it alone. */
#include "conform.h"

int main(void)
{
	HANDLE file = new_file("ov_05.tmp", 100, FILE_FLAG_OVERLAPPED), port = new_port(1);
	char buf[16];
	OVERLAPPED ov;
	ULONG i;

	CreateIoCompletionPort(file, port, 0, 0);
	for (i = 0; i < 3; i++) {
		/* No file pointer: the same offset reads the same again. */
		ReadFile(file, buf, 4, NULL, at(&ov, 30));
		CHECK("OV-5", "read", take(port, LONG_TIME).ok);
		CHECK("OV-5", "what is at the offset", !memcmp(buf, "efgh", 4));
		CHECK("OV-5", "Offset and OffsetHigh are not changed",
		      ov.Offset == 30 && ov.OffsetHigh == 0);
	}
	WriteFile(file, "WXYZ", 4, NULL, at(&ov, 50));
	CHECK("OV-5", "write", take(port, LONG_TIME).ok);
	CHECK("OV-5", "Offset is not changed", ov.Offset == 50);
	ReadFile(file, buf, 8, NULL, at(&ov, 48));
	take(port, LONG_TIME);
	CHECK("OV-5", "what was written is there", !memcmp(buf, "wxWXYZcd", 8));

	WriteFile(file, "far", 3, NULL, at(&ov, 0x100000005ull));
	CHECK("OV-5", "write beyond 4 GiB", take(port, LONG_TIME).ok);
	CHECK("OV-5", "the offset has 64 bits", ov.Offset == 5 && ov.OffsetHigh == 1);
	memset(buf, 0, sizeof(buf));
	ReadFile(file, buf, 16, NULL, at(&ov, 0x100000003ull));
	IS("OV-16", "read across the end, bytes", take(port, LONG_TIME).bytes, 5);
	CHECK("OV-5", "a hole and what was written", !memcmp(buf, "\0\0far", 5));
	end_file("ov_05.tmp", file);
	CloseHandle(port);
	return conform_end();
}
