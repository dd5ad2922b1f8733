// SPDX-License-Identifier: GPL-2.0-only
/* Operations of no bytes are operations. */
#include "conform.h"

static void zero(const char *what, HANDLE file, HANDLE port, int write, ULONGLONG offset)
{
	struct answer a;
	OVERLAPPED ov;
	char c = 'Z';

	IS("OV-19", what, ERROR_OF(write ? WriteFile(file, &c, 0, NULL, at(&ov, offset)) :
	   ReadFile(file, &c, 0, NULL, at(&ov, offset))), ERROR_IO_PENDING);
	a = take(port, LONG_TIME);
	CHECK("OV-19", "a packet of success", a.ok && a.ov == &ov);
	IS("OV-19", "bytes", a.bytes, 0);
	CHECK("OV-19", "status 0", ov.Internal == 0 && ov.InternalHigh == 0);
}

int main(void)
{
	HANDLE file = new_file("ov_19.tmp", 100, FILE_FLAG_OVERLAPPED), port = new_port(1);
	LARGE_INTEGER size;

	CreateIoCompletionPort(file, port, 0, 0);
	zero("read at 0", file, port, 0, 0);
	zero("read at the end", file, port, 0, 100);
	zero("read beyond the end", file, port, 0, 1000);
	zero("write at 0", file, port, 1, 0);
	zero("write at 50", file, port, 1, 50);
	zero("write beyond the end", file, port, 1, 1000);
	zero("append", file, port, 1, 0xffffffffffffffffull);
	CHECK("OV-19", "the size is what it was",
	      GetFileSizeEx(file, &size) && size.QuadPart == 100);
	IS("OV-19", "no more packets", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	end_file("ov_19.tmp", file);
	CloseHandle(port);
	return conform_end();
}
