// SPDX-License-Identifier: GPL-2.0-only
/* The structures that programs and the system share. */
#include "conform.h"
#include <stddef.h>

int main(void)
{
	OVERLAPPED ov;

	IS("OV-1", "size", sizeof(OVERLAPPED), 32);
	IS("OV-1", "Internal", offsetof(OVERLAPPED, Internal), 0);
	IS("OV-1", "InternalHigh", offsetof(OVERLAPPED, InternalHigh), 8);
	IS("OV-1", "Offset", offsetof(OVERLAPPED, Offset), 16);
	IS("OV-1", "OffsetHigh", offsetof(OVERLAPPED, OffsetHigh), 20);
	IS("OV-1", "Pointer", offsetof(OVERLAPPED, Pointer), 16);
	IS("OV-1", "hEvent", offsetof(OVERLAPPED, hEvent), 24);
	IS("OV-1", "entries: size", sizeof(OVERLAPPED_ENTRY), 32);
	IS("OV-1", "key", offsetof(OVERLAPPED_ENTRY, lpCompletionKey), 0);
	IS("OV-1", "overlapped", offsetof(OVERLAPPED_ENTRY, lpOverlapped), 8);
	IS("OV-1", "status", offsetof(OVERLAPPED_ENTRY, Internal), 16);
	IS("OV-1", "bytes", offsetof(OVERLAPPED_ENTRY, dwNumberOfBytesTransferred), 24);
	IS("OV-1", "DWORD", sizeof(DWORD), 4);
	IS("OV-1", "LONG", sizeof(LONG), 4);
	IS("OV-1", "ULONG_PTR", sizeof(ULONG_PTR), 8);
	IS("OV-1", "LARGE_INTEGER", sizeof(LARGE_INTEGER), 8);

	memset(&ov, 0, sizeof(ov));
	CHECK("OV-2", "status 0 is completed", HasOverlappedIoCompleted(&ov));
	ov.Internal = STATUS_PENDING;
	CHECK("OV-2", "STATUS_PENDING is not", !HasOverlappedIoCompleted(&ov));
	ov.Internal = (DWORD)0xc0000120;
	CHECK("OV-2", "a failure is completed", HasOverlappedIoCompleted(&ov));
	return conform_end();
}
