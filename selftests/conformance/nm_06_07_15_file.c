// SPDX-License-Identifier: GPL-2.0-only
/*
 * Skip-on-success on a regular file: each operation has one outcome.  TRUE and no
 * packet, or 997 and one packet; which of them is up to the system (OV-15b).
 */
#include "conform.h"

#define COUNT	100

int main(void)
{
	HANDLE file = new_file("nm_06.tmp", 1000, FILE_FLAG_OVERLAPPED), port = new_port(1);
	static OVERLAPPED ov[COUNT];
	static char buf[COUNT][10];
	ULONG i, done = 0, pending = 0, refused = 0, packets = 0, wrong = 0;
	struct answer a;
	DWORD n, error;

	CreateIoCompletionPort(file, port, 6, 0);
	NEED(SetFileCompletionNotificationModes(file, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS));
	for (i = 0; i < COUNT; i++) {
		n = 12345;
		error = ERROR_OF(ReadFile(file, buf[i], 10, &n, at(&ov[i], 10 * i)));
		done += !error;
		wrong += !error && (n != 10 || ov[i].InternalHigh != 10 || ov[i].Internal);
		pending += error == ERROR_IO_PENDING;
		refused += error && error != ERROR_IO_PENDING;
	}
	IS("NM-15", "reads that were refused", refused, 0);
	IS("NM-15", "reads that were done or pending", done + pending, COUNT);
	IS("NM-5", "done, with wrong counts", wrong, 0);
	while (packets < pending && take(port, LONG_TIME).ok)
		packets++;
	CHECK("NM-6", "as many packets as were pending", packets == pending);
	IS("NM-15", "and no other", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	for (i = wrong = 0; i < COUNT; i++)
		wrong += buf[i][0] != (char)('a' + 10 * i % 26);
	IS("NM-5", "buffers that are wrong", wrong, 0);

	IS("OV-15", "a read at the end", ERROR_OF(ReadFile(file, buf[0], 10, NULL,
	   at(&ov[0], 1000))), ERROR_IO_PENDING);
	a = take(port, LONG_TIME);
	CHECK("NM-7", "failed later: a packet", !a.ok && a.ov == &ov[0]);
	IS("NM-7", "with the error", a.error, ERROR_HANDLE_EOF);
	end_file("nm_06.tmp", file);
	CloseHandle(port);
	return conform_end();
}
