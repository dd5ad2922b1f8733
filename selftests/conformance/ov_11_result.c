// SPDX-License-Identifier: GPL-2.0-only
/* GetOverlappedResult() only looks at the OVERLAPPED when it does not wait. */
#include "conform.h"

static void result(const char *what, HANDLE file, DWORD status, DWORD wanted)
{
	DWORD n = 12345;
	OVERLAPPED ov;

	at(&ov, 0);
	ov.Internal = status;
	ov.InternalHigh = 77;
	SetLastError(UNCHANGED);
	IS("OV-11", what, ERROR_OF(GetOverlappedResult(file, &ov, &n, FALSE)), wanted);
	IS("OV-11", "bytes", n, wanted == ERROR_IO_INCOMPLETE ? 12345 : 77);
}

int main(void)
{
	HANDLE file = new_file("ov_11.tmp", 10, FILE_FLAG_OVERLAPPED);

	result("status 0", file, 0, NO_ERROR);
	result("STATUS_PENDING", file, STATUS_PENDING, ERROR_IO_INCOMPLETE);
	result("STATUS_CANCELLED", file, 0xc0000120, ERROR_OPERATION_ABORTED);
	result("STATUS_END_OF_FILE", file, 0xc0000011, ERROR_HANDLE_EOF);
	result("STATUS_PIPE_BROKEN", file, 0xc000014b, ERROR_BROKEN_PIPE);
	result("STATUS_BUFFER_OVERFLOW", file, 0x80000005, ERROR_MORE_DATA);
	result("STATUS_INVALID_HANDLE", file, 0xc0000008, ERROR_INVALID_HANDLE);
	result("STATUS_DISK_FULL", file, 0xc000007f, ERROR_DISK_FULL);
	result("status 0, no handle", NULL, 0, NO_ERROR);
	result("STATUS_PENDING, no handle", NULL, STATUS_PENDING, ERROR_IO_INCOMPLETE);
	end_file("ov_11.tmp", file);
	result("status 0, a closed handle", file, 0, NO_ERROR);
	return conform_end();
}
