// SPDX-License-Identifier: GPL-2.0-only
/* Closing a file with nothing under way queues nothing. */
#include "conform.h"

int main(void)
{
	HANDLE file = new_file("ov_31.tmp", 10, FILE_FLAG_OVERLAPPED), port = new_port(1), again;
	char buf[16];
	OVERLAPPED ov;

	CreateIoCompletionPort(file, port, 1, 0);
	ReadFile(file, buf, 16, NULL, at(&ov, 0));
	CHECK("OV-31", "a read, and its packet", take(port, LONG_TIME).ok);
	CHECK("OV-31", "close the file", CloseHandle(file));
	IS("OV-31", "no packet", take(port, SHORT_TIME).error, WAIT_TIMEOUT);

	again = CreateFileA("ov_31.tmp", GENERIC_READ, 0, NULL, OPEN_EXISTING,
			    FILE_FLAG_OVERLAPPED, NULL);
	NEED(again != INVALID_HANDLE_VALUE);
	CHECK("CP-13", "the port takes another file",
	      CreateIoCompletionPort(again, port, 2, 0) == port);
	ReadFile(again, buf, 16, NULL, at(&ov, 0));
	CloseHandle(again);
	/* What it was doing ended, or was cancelled: one packet. */
	IS("OV-30", "closed with a read under way: a packet with key", take(port, LONG_TIME).key,
	   2);
	IS("OV-30", "and no other", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	remove("ov_31.tmp");
	CloseHandle(port);
	return conform_end();
}
