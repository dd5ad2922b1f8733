// SPDX-License-Identifier: GPL-2.0-only
/* Nothing comes in time. */
#include "conform.h"

int main(void)
{
	static const DWORD times[] = { 0, 1, 300 };
	HANDLE port = new_port(1);
	OVERLAPPED_ENTRY entries[2];
	long long start;
	struct answer a;
	ULONG i, n;

	for (i = 0; i < 3; i++) {
		start = now_ms();
		a = take(port, times[i]);
		CHECK("CP-44c", "FALSE, overlapped NULL", !a.ok && a.ov == NULL);
		IS("CP-44c", "the error", a.error, WAIT_TIMEOUT);
		CHECK("CP-44c", "bytes and key are not written",
		      a.bytes == UNTOUCHED && a.key == 0xcccccccccccccccc);
		CHECK("CP-44c", "not before time", now_ms() - start >= (long long)times[i] - TICK);
	}
	for (i = 0; i < 3; i++) {
		start = now_ms();
		n = 0xcccc;
		SetLastError(UNCHANGED);
		IS("CP-54", "the other call", ERROR_OF(GetQueuedCompletionStatusEx(port, entries,
		   2, &n, times[i], FALSE)), WAIT_TIMEOUT);
		CHECK("CP-54", "its count is 0 or 1", n <= 1);
		CHECK("CP-54", "not before time", now_ms() - start >= (long long)times[i] - TICK);
	}
	CHECK("CP-44c", "a packet that is there is taken at once",
	      PostQueuedCompletionStatus(port, 1, 2, NULL) && take(port, 0).ok);
	CloseHandle(port);
	return conform_end();
}
