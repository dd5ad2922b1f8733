// SPDX-License-Identifier: GPL-2.0-only
/* A packet of success. */
#include "conform.h"

int main(void)
{
	HANDLE port = new_port(1), file = new_file("cp_44a.tmp", 100, FILE_FLAG_OVERLAPPED);
	char buf[64];
	OVERLAPPED ov;
	struct answer a;

	CreateIoCompletionPort(file, port, 44, 0);
	IS("OV-15b", "read", ERROR_OF(ReadFile(file, buf, 64, NULL, at(&ov, 26))),
	   ERROR_IO_PENDING);
	a = take(port, LONG_TIME);
	CHECK("CP-44a", "TRUE", a.ok);
	CHECK("CP-46", "the last error stays", a.error == UNCHANGED);
	CHECK("CP-44a", "the operation's OVERLAPPED", a.ov == &ov);
	IS("CP-44a", "bytes", a.bytes, 64);
	IS("CP-44a", "key", a.key, 44);
	IS("CP-49", "Internal", ov.Internal, 0);
	IS("CP-49", "InternalHigh", ov.InternalHigh, 64);
	CHECK("CP-44a", "the data", !memcmp(buf, "abcdefghijklmnopqrstuvwxyz", 26));
	IS("CP-44a", "one packet only", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	end_file("cp_44a.tmp", file);
	CloseHandle(port);
	return conform_end();
}
