// SPDX-License-Identifier: GPL-2.0-only
/* A read that crosses the end of the file is a success with what there was. */
#include "conform.h"

#define SIZE	10000

int main(void)
{
	static const struct {
		DWORD offset, length, bytes;
	} reads[] = {
		{ 0, SIZE, SIZE }, { 0, SIZE + 1, SIZE }, { 0, 3 * SIZE, SIZE },
		{ SIZE - 1, SIZE, 1 }, { 4096, 2 * SIZE, SIZE - 4096 }, { 8191, 4096, SIZE - 8191 },
	};
	HANDLE file = new_file("ov_16.tmp", SIZE, FILE_FLAG_OVERLAPPED), port = new_port(1);
	static unsigned char buf[3 * SIZE];
	struct answer a;
	OVERLAPPED ov;
	ULONG i;

	CreateIoCompletionPort(file, port, 0, 0);
	for (i = 0; i < 6; i++) {
		memset(buf, 0xcc, sizeof(buf));
		ReadFile(file, buf, reads[i].length, NULL, at(&ov, reads[i].offset));
		a = take(port, LONG_TIME);
		CHECK("OV-16", "success", a.ok && a.ov == &ov);
		IS("OV-16", "bytes", a.bytes, reads[i].bytes);
		CHECK("OV-16", "the first byte", buf[0] == 'a' + reads[i].offset % 26);
		CHECK("OV-16", "the last one", buf[a.bytes - 1] == 'a' + (SIZE - 1) % 26);
		CHECK("OV-16", "nothing behind", buf[a.bytes] == 0xcc);
	}
	end_file("ov_16.tmp", file);
	CloseHandle(port);
	return conform_end();
}
