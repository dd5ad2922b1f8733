// SPDX-License-Identifier: GPL-2.0-only
/* CancelSynchronousIo(): what a thread waits for in a call that is not overlapped. */
#include "worker.h"

static HANDLE reader;
static volatile LONG entered;

static DWORD WINAPI read_it(LPVOID arg)
{
	char buf[16];
	DWORD n;

	(void)arg;
	InterlockedIncrement(&entered);
	return ERROR_OF(ReadFile(reader, buf, 16, &n, NULL));
}

int main(void)
{
	HANDLE writer, thread;
	DWORD code, error;

	NEED(CreatePipe(&reader, &writer, NULL, 0));
	NEED(thread = CreateThread(NULL, 0, read_it, NULL, 0, NULL));
	UNTIL(entered);
	/* It may not have come to the read yet: then there is nothing to cancel. */
	SetLastError(UNCHANGED);
	do {
		Sleep(1);
		error = ERROR_OF(CancelSynchronousIo(thread));
	} while (error == ERROR_NOT_FOUND && WaitForSingleObject(thread, 0) == WAIT_TIMEOUT);
	IS("OV-27", "a thread in a read", error, NO_ERROR);
	IS("OV-27", "it returns", WaitForSingleObject(thread, LONG_TIME), WAIT_OBJECT_0);
	CHECK("OV-27", "with an error", GetExitCodeThread(thread, &code));
	IS("OV-27", "which is", code, ERROR_OPERATION_ABORTED);
	CloseHandle(thread);
	IS("OV-27", "a closed handle", ERROR_OF(CancelSynchronousIo(thread)),
	   ERROR_INVALID_HANDLE);
	CloseHandle(reader);
	CloseHandle(writer);
	return conform_end();
}
