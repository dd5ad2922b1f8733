// SPDX-License-Identifier: GPL-2.0-only
/* No file and an existing port: nothing to do, an error. */
#include "conform.h"

int main(void)
{
	HANDLE port = new_port(1);

	IS("CP-2", "INVALID_HANDLE_VALUE and a port",
	   ERROR_OF(CreateIoCompletionPort(INVALID_HANDLE_VALUE, port, 1, 0)),
	   ERROR_INVALID_PARAMETER);
	CHECK("CP-2", "the port is as it was", PostQueuedCompletionStatus(port, 1, 2, NULL));
	IS("CP-2", "key", take(port, 0).key, 2);
	CHECK("CP-2", "and has one handle", CloseHandle(port));
	IS("CP-2", "a port that was closed", ERROR_OF(CreateIoCompletionPort(INVALID_HANDLE_VALUE,
	   port, 1, 0)), ERROR_INVALID_PARAMETER);
	return conform_end();
}
