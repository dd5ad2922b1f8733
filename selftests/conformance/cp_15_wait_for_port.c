// SPDX-License-Identifier: GPL-2.0-only
/* The handle of a port can be waited for: signalled while packets are queued. */
#include "worker.h"

static volatile LONG woken;

static DWORD WINAPI wait_for(LPVOID port)
{
	DWORD result = WaitForSingleObject((HANDLE)port, on_wine() ? 3 * SHORT_TIME : LONG_TIME);

	InterlockedIncrement(&woken);
	return result;
}

int main(void)
{
	HANDLE port = new_port(1), threads[2];
	DWORD code;
	int i;

	IS("CP-15", "empty", WaitForSingleObject(port, 0), WAIT_TIMEOUT);
	PostQueuedCompletionStatus(port, 0, 1, NULL);
	PostQueuedCompletionStatus(port, 0, 2, NULL);
	IS("CP-15", "two packets", WaitForSingleObject(port, 0), WAIT_OBJECT_0);
	IS("CP-15", "waiting takes none", WaitForSingleObject(port, 0), WAIT_OBJECT_0);
	IS("CP-21", "take one", take(port, 0).key, 1);
	IS("CP-15", "one packet", WaitForSingleObject(port, LONG_TIME), WAIT_OBJECT_0);
	IS("CP-21", "take it", take(port, 0).key, 2);
	IS("CP-15", "empty", WaitForSingleObject(port, SHORT_TIME), WAIT_TIMEOUT);

	for (i = 0; i < 2; i++)
		NEED(threads[i] = CreateThread(NULL, 0, wait_for, port, 0, NULL));
	Sleep(2 * SHORT_TIME);
	PostQueuedCompletionStatus(port, 0, 3, NULL);
	for (i = 0; i < 2; i++) {
		NEED(WaitForSingleObject(threads[i], LONG_TIME) == WAIT_OBJECT_0);
		NEED(GetExitCodeThread(threads[i], &code));
		WINDOWS_IS("CP-15", "two threads wait, both are woken", code, WAIT_OBJECT_0);
		CloseHandle(threads[i]);
	}
	IS("CP-15", "the packet is still there", take(port, 0).key, 3);
	CloseHandle(port);
	return conform_end();
}
