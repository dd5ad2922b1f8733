// SPDX-License-Identifier: GPL-2.0-only
/* Reads and writes of several pages, and one packet. */
#include "conform.h"

#define PAGE	4096

static char pages[3 * PAGE] __attribute__((aligned(PAGE)));

int main(void)
{
	HANDLE port = new_port(1), file = CreateFileA("er_scatter.tmp", GENERIC_READ |
		GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_FLAG_OVERLAPPED |
		FILE_FLAG_NO_BUFFERING, NULL);
	FILE_SEGMENT_ELEMENT segments[4];
	struct answer a;
	OVERLAPPED ov;
	DWORD error;
	int i;

	NEED(file != INVALID_HANDLE_VALUE);
	CreateIoCompletionPort(file, port, 1, 0);
	memset(segments, 0, sizeof(segments));
	for (i = 0; i < 3; i++) {
		memset(pages + i * PAGE, 'a' + i, PAGE);
		/* Backwards, to see that the order is that of the list. */
		segments[i].Buffer = pages + (2 - i) * PAGE;
	}
	error = ERROR_OF(WriteFileGather(file, segments, 3 * PAGE, NULL, at(&ov, 0)));
	CHECK("ER", "gather: TRUE or pending", !error || error == ERROR_IO_PENDING);
	a = take(port, LONG_TIME);
	CHECK("ER", "one packet", a.ok && a.ov == &ov);
	IS("ER", "bytes", a.bytes, 3 * PAGE);
	memset(pages, 0, 3 * PAGE);
	error = ERROR_OF(ReadFileScatter(file, segments, 2 * PAGE, NULL, at(&ov, PAGE)));
	CHECK("ER", "scatter: TRUE or pending", !error || error == ERROR_IO_PENDING);
	a = take(port, LONG_TIME);
	CHECK("ER", "one packet", a.ok && a.ov == &ov);
	IS("ER", "bytes", a.bytes, 2 * PAGE);
	CHECK("ER", "the second page of the file", pages[2 * PAGE] == 'b' && pages[3 * PAGE - 1] == 'b');
	CHECK("ER", "the third", pages[PAGE] == 'a' && pages[2 * PAGE - 1] == 'a');
	CHECK("ER", "the third segment was not used", pages[0] == 0);
	IS("NM-15", "no more packets", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	end_file("er_scatter.tmp", file);
	CloseHandle(port);
	return conform_end();
}
