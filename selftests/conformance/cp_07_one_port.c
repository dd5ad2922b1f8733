// SPDX-License-Identifier: GPL-2.0-only
/* A file object has one port, for its whole life. */
#include "conform.h"

int main(void)
{
	HANDLE one = new_port(1), two = new_port(1);
	HANDLE file = new_file("cp_07.tmp", 10, FILE_FLAG_OVERLAPPED), again;
	char buf[16];
	OVERLAPPED ov;
	struct answer a;

	CHECK("CP-7", "the first port", CreateIoCompletionPort(file, one, 1, 0) == one);
	IS("CP-7", "the same port again", ERROR_OF(CreateIoCompletionPort(file, one, 1, 0)),
	   ERROR_INVALID_PARAMETER);
	IS("CP-7", "another key", ERROR_OF(CreateIoCompletionPort(file, one, 2, 0)),
	   ERROR_INVALID_PARAMETER);
	IS("CP-7", "another port", ERROR_OF(CreateIoCompletionPort(file, two, 1, 0)),
	   ERROR_INVALID_PARAMETER);

	/* Opened once more it is another file object. */
	again = CreateFileA("cp_07.tmp", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
			    OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
	NEED(again != INVALID_HANDLE_VALUE);
	CHECK("CP-7", "another open of the file", CreateIoCompletionPort(again, two, 2, 0) == two);

	ReadFile(file, buf, 4, NULL, at(&ov, 0));
	a = take(one, LONG_TIME);
	CHECK("CP-7", "a packet in the first port", a.ok && a.key == 1 && a.ov == &ov);
	ReadFile(again, buf, 4, NULL, at(&ov, 0));
	a = take(two, LONG_TIME);
	CHECK("CP-7", "and one in the other", a.ok && a.key == 2 && a.ov == &ov);
	IS("CP-7", "only there", take(one, 0).error, WAIT_TIMEOUT);
	CloseHandle(again);
	end_file("cp_07.tmp", file);
	CloseHandle(two);
	CloseHandle(one);
	return conform_end();
}
