// SPDX-License-Identifier: GPL-2.0-only
/* Reads at and beyond the end: pending, and the error in the packet. */
#include "conform.h"

int main(void)
{
	static const ULONGLONG offsets[] = { 100, 101, 4096, 1ull << 40 };
	HANDLE file = new_file("ov_15.tmp", 100, FILE_FLAG_OVERLAPPED), port = new_port(1);
	char buf[16], text[32];
	struct answer a;
	OVERLAPPED ov;
	ULONG i;

	CreateIoCompletionPort(file, port, 0, 0);
	for (i = 0; i < 4; i++) {
		snprintf(text, sizeof(text), "read at %llu", offsets[i]);
		buf[0] = 'Z';
		IS("OV-15", text, ERROR_OF(ReadFile(file, buf, 16, NULL, at(&ov, offsets[i]))),
		   ERROR_IO_PENDING);
		a = take(port, LONG_TIME);
		CHECK("OV-15", "FALSE with the OVERLAPPED", !a.ok && a.ov == &ov);
		IS("OV-15", "the error", a.error, ERROR_HANDLE_EOF);
		IS("OV-15", "bytes", a.bytes, 0);
		CHECK("OV-15", "the status", (DWORD)ov.Internal == 0xc0000011);
		IS("OV-15", "InternalHigh", ov.InternalHigh, 0);
		CHECK("OV-15", "the buffer is untouched", buf[0] == 'Z');
	}
	ReadFile(file, buf, 16, NULL, at(&ov, 99));
	a = take(port, LONG_TIME);
	CHECK("OV-16", "one byte before the end: TRUE", a.ok && a.ov == &ov);
	IS("OV-16", "bytes", a.bytes, 1);
	end_file("ov_15.tmp", file);
	CloseHandle(port);
	return conform_end();
}
