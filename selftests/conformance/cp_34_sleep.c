// SPDX-License-Identifier: GPL-2.0-only
/* Any wait is one: Sleep() releases another thread, again and again. */
#include "worker.h"

static volatile LONG inside, most, handled;

static DWORD WINAPI sleepy(LPVOID port)
{
	struct answer a;
	LONG now, seen;

	for (;;) {
		a = take((HANDLE)port, LONG_TIME);
		if (!a.ok || !a.key)
			return a.ok ? 0 : a.error;
		now = InterlockedIncrement(&inside);
		while (seen = most, now > seen)
			InterlockedCompareExchange(&most, now, seen);
		/* Each sleeps until all four are here. */
		UNTIL(most == 4);
		InterlockedDecrement(&inside);
		InterlockedIncrement(&handled);
	}
}

int main(void)
{
	HANDLE port = new_port(1), threads[4];
	DWORD code = 1;
	int i;

	for (i = 0; i < 4; i++) {
		threads[i] = CreateThread(NULL, 0, sleepy, port, 0, NULL);
		NEED(threads[i]);
	}
	for (i = 0; i < 8; i++)
		PostQueuedCompletionStatus(port, 0, 1, NULL);
	UNTIL(handled == 8);
	IS("CP-34", "packets that were handled", handled, 8);
	IS("CP-34", "threads that slept at the same time, limit 1", most, 4);
	for (i = 0; i < 4; i++)
		PostQueuedCompletionStatus(port, 0, 0, NULL);
	for (i = 0; i < 4; i++) {
		NEED(WaitForSingleObject(threads[i], LONG_TIME) == WAIT_OBJECT_0);
		CHECK("CP-39", "a thread ends", GetExitCodeThread(threads[i], &code) && code == 0);
		CloseHandle(threads[i]);
	}
	CloseHandle(port);
	return conform_end();
}
