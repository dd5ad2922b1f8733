// SPDX-License-Identifier: GPL-2.0-only
/* SetFileCompletionNotificationModes(): which calls it takes. */
#include "conform.h"

int main(void)
{
	HANDLE file = new_file("nm_01.tmp", 10, FILE_FLAG_OVERLAPPED), port = new_port(1), plain;
	int i;

	SetLastError(UNCHANGED);
	CHECK("NM-1", "no flag", SetFileCompletionNotificationModes(file, 0));
	CHECK("NM-1", "the last error stays", GetLastError() == UNCHANGED);
	CHECK("NM-2", "before the association", SetFileCompletionNotificationModes(file,
	      FILE_SKIP_SET_EVENT_ON_HANDLE));
	CHECK("NM-2", "association", CreateIoCompletionPort(file, port, 0, 0) == port);
	for (i = 0; i < 3; i++)
		CHECK("NM-2", "after it", SetFileCompletionNotificationModes(file,
		      FILE_SKIP_COMPLETION_PORT_ON_SUCCESS));
	CHECK("NM-1", "both", SetFileCompletionNotificationModes(file,
	      FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE));
	plain = CreateFileA("nm_01.tmp", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
			    OPEN_EXISTING, 0, NULL);
	NEED(plain != INVALID_HANDLE_VALUE);
	IS("NM-2", "a file that is not overlapped",
	   ERROR_OF(SetFileCompletionNotificationModes(plain, 1)), ERROR_INVALID_PARAMETER);
	CloseHandle(plain);
	end_file("nm_01.tmp", file);
	IS("NM-1", "a closed file", ERROR_OF(SetFileCompletionNotificationModes(file, 1)),
	   ERROR_INVALID_HANDLE);
	CloseHandle(port);
	return conform_end();
}
