// SPDX-License-Identifier: GPL-2.0-only
/* The key is the file's, of pointer size, and comes with each of its packets. */
#include "conform.h"

int main(void)
{
	static const ULONG_PTR keys[] = { 0, 1, (ULONG_PTR)-1, (ULONG_PTR)0x123456789abcdef0 };
	HANDLE port = new_port(1), files[4];
	char names[4][16], text[32], buf[4][16];
	OVERLAPPED ov[4];
	struct answer a;
	DWORD i, round;

	for (i = 0; i < 4; i++) {
		snprintf(names[i], sizeof(names[i]), "cp_06_%u.tmp", (unsigned)i);
		files[i] = new_file(names[i], 10 + i, FILE_FLAG_OVERLAPPED);
		snprintf(text, sizeof(text), "file %u comes in", (unsigned)i);
		CHECK("CP-1", text, CreateIoCompletionPort(files[i], port, keys[i], 0) == port);
	}
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 4; i++) {
			IS("OV-15b", "read", ERROR_OF(ReadFile(files[i], buf[i], 16, NULL,
			   at(&ov[i], 0))), ERROR_IO_PENDING);
			a = take(port, LONG_TIME);
			CHECK("CP-44a", "a packet", a.ok && a.ov == &ov[i]);
			CHECK("CP-6", "with the file's key", a.key == keys[i]);
			IS("CP-20", "bytes", a.bytes, 10 + i);
		}
	}
	for (i = 0; i < 4; i++)
		end_file(names[i], files[i]);
	CloseHandle(port);
	return conform_end();
}
