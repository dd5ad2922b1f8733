// SPDX-License-Identifier: GPL-2.0-only
/* Threads: their end, their code, their last error. */
#include "worker.h"

static volatile LONG go, other_error;

static DWORD WINAPI run(LPVOID arg)
{
	other_error = (LONG)GetLastError();
	SetLastError(77);
	UNTIL(go);
	return (DWORD)(ULONG_PTR)arg;
}

static DWORD WINAPI leave(LPVOID arg)
{
	ExitThread((DWORD)(ULONG_PTR)arg);
	return 1;
}

int main(void)
{
	HANDLE threads[3];
	DWORD code = 0, id = 0;
	int i;

	SetLastError(12345);
	for (i = 0; i < 2; i++)
		NEED(threads[i] = CreateThread(NULL, 0, run, (LPVOID)(ULONG_PTR)(40 + i), 0, &id));
	CHECK("ER", "it has an id that is not ours", id && id != GetCurrentThreadId());
	CHECK("ER", "while it runs: its code", GetExitCodeThread(threads[0], &code));
	IS("ER", "is", code, STILL_ACTIVE);
	IS("ER", "waiting for it", WaitForSingleObject(threads[0], SHORT_TIME), WAIT_TIMEOUT);
	IS("ER", "waiting for any", WaitForMultipleObjects(2, threads, FALSE, 0), WAIT_TIMEOUT);
	InterlockedIncrement(&go);
	IS("ER", "waiting for all", WaitForMultipleObjects(2, threads, TRUE, LONG_TIME),
	   WAIT_OBJECT_0);
	for (i = 0; i < 2; i++) {
		CHECK("ER", "its code", GetExitCodeThread(threads[i], &code));
		IS("ER", "is", code, 40 + i);
	}
	IS("ER", "it stays signalled", WaitForSingleObject(threads[0], 0), WAIT_OBJECT_0);
	IS("CP-46", "the last error of another thread, at first", other_error, 0);
	IS("CP-46", "that of this one", GetLastError(), 12345);
	NEED(threads[2] = CreateThread(NULL, 0, leave, (LPVOID)99, 0, NULL));
	IS("ER", "one that ends itself", WaitForSingleObject(threads[2], LONG_TIME),
	   WAIT_OBJECT_0);
	CHECK("ER", "its code", GetExitCodeThread(threads[2], &code));
	IS("ER", "is", code, 99);
	for (i = 0; i < 3; i++)
		CHECK("ER", "close", CloseHandle(threads[i]));
	return conform_end();
}
