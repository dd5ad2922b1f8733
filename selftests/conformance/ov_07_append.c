// SPDX-License-Identifier: GPL-2.0-only
/* An offset of -1 appends, as does a handle that may only append. */
#include "conform.h"

int main(void)
{
	HANDLE file = new_file("ov_07.tmp", 10, FILE_FLAG_OVERLAPPED), port = new_port(1), other;
	LARGE_INTEGER size;
	char buf[32];
	OVERLAPPED ov;
	DWORD n;

	CreateIoCompletionPort(file, port, 0, 0);
	WriteFile(file, "XYZ", 3, NULL, at(&ov, 0xffffffffffffffffull));
	IS("OV-7", "write at -1, bytes", take(port, LONG_TIME).bytes, 3);
	CHECK("OV-5", "the offset is not changed",
	      ov.Offset == 0xffffffff && ov.OffsetHigh == 0xffffffff);
	WriteFile(file, "123", 3, NULL, &ov);
	IS("OV-7", "and again, bytes", take(port, LONG_TIME).bytes, 3);
	CHECK("OV-7", "the size", GetFileSizeEx(file, &size) && size.QuadPart == 16);
	ReadFile(file, buf, 32, NULL, at(&ov, 0));
	IS("OV-7", "bytes", take(port, LONG_TIME).bytes, 16);
	CHECK("OV-7", "one behind the other", !memcmp(buf, "abcdefghijXYZ123", 16));

	other = CreateFileA("ov_07.tmp", FILE_APPEND_DATA | SYNCHRONIZE,
			    FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
	NEED(other != INVALID_HANDLE_VALUE);
	CHECK("OV-7", "a handle only for appending: offset 2",
	      WriteFile(other, "end", 3, &n, at(&ov, 2)));
	CHECK("OV-7", "no offset", WriteFile(other, ".", 1, &n, NULL));
	CloseHandle(other);
	ReadFile(file, buf, 32, NULL, at(&ov, 0));
	IS("OV-7", "bytes", take(port, LONG_TIME).bytes, 20);
	CHECK("OV-7", "all at the end", !memcmp(buf, "abcdefghijXYZ123end.", 20));
	end_file("ov_07.tmp", file);
	CloseHandle(port);
	return conform_end();
}
