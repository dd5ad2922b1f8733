// SPDX-License-Identifier: GPL-2.0-only
/* BindIoCompletionCallback(): callbacks without an object. */
#include "conform.h"

static volatile LONG calls, wrong;
static OVERLAPPED ov[3];

static VOID CALLBACK done(DWORD error, DWORD bytes, LPOVERLAPPED overlapped)
{
	LONG i = (LONG)(overlapped - ov);

	if (i < 0 || i > 2 || error || bytes != 10)
		InterlockedIncrement(&wrong);
	InterlockedIncrement(&calls);
}

int main(void)
{
	HANDLE file = new_file("er_bind.tmp", 100, FILE_FLAG_OVERLAPPED);
	char buf[3][10];
	int i;

	CHECK("ER", "bind", BindIoCompletionCallback(file, done, 0));
	CHECK("ER", "bind again: FALSE", !BindIoCompletionCallback(file, done, 0));
	for (i = 0; i < 3; i++)
		IS("OV-15b", "read", ERROR_OF(ReadFile(file, buf[i], 10, NULL, at(&ov[i], i))),
		   ERROR_IO_PENDING);
	UNTIL(calls == 3);
	IS("ER", "callbacks", calls, 3);
	IS("ER", "that were wrong", wrong, 0);
	end_file("er_bind.tmp", file);
	CHECK("ER", "a closed file: FALSE", !BindIoCompletionCallback(file, done, 0));
	return conform_end();
}
