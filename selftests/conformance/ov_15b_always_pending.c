// SPDX-License-Identifier: GPL-2.0-only
/* Regular files: always pending, and the packet is there however soon it is done. */
#include "conform.h"

#define COUNT	64

int main(void)
{
	HANDLE file = new_file("ov_15b.tmp", 0, FILE_FLAG_OVERLAPPED), port = new_port(1);
	static OVERLAPPED ov[COUNT];
	static char buf[COUNT][512];
	OVERLAPPED_ENTRY entries[COUNT];
	ULONG i, n, round, pending, got, right;

	CreateIoCompletionPort(file, port, 5, 0);
	for (round = 0; round < 4; round++) {
		for (i = pending = 0; i < COUNT; i++) {
			memset(buf[i], round & 1 ? 0 : 'a' + i % 26, 512);
			pending += ERROR_OF(round & 1 ?
				ReadFile(file, buf[i], 512, NULL, at(&ov[i], i * 512)) :
				WriteFile(file, buf[i], 512, NULL, at(&ov[i], i * 512))) ==
				ERROR_IO_PENDING;
		}
		IS("OV-15b", round & 1 ? "reads" : "writes", pending, COUNT);
		for (got = right = 0; got < COUNT; got += n) {
			if (!GetQueuedCompletionStatusEx(port, entries, COUNT, &n, LONG_TIME,
							 FALSE))
				break;
			for (i = 0; i < n; i++)
				right += entries[i].lpCompletionKey == 5 &&
					 entries[i].dwNumberOfBytesTransferred == 512 &&
					 (DWORD)entries[i].Internal == 0;
		}
		IS("NM-6", "packets", got, COUNT);
		IS("NM-6", "that are right", right, COUNT);
		for (i = right = 0; i < COUNT; i++)
			right += ov[i].InternalHigh == 512 && buf[i][511] == (char)('a' + i % 26);
		IS("OV-2", "OVERLAPPEDs and buffers that are right", right, COUNT);
	}
	IS("NM-6", "no more packets", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	end_file("ov_15b.tmp", file);
	CloseHandle(port);
	return conform_end();
}
