// SPDX-License-Identifier: GPL-2.0-only
/* Critical sections: of a thread, which may enter again. */
#include "worker.h"

#define ROUNDS	20000

static CRITICAL_SECTION section;
static volatile LONG go;
static long long plain;

static DWORD WINAPI add(LPVOID arg)
{
	int i;

	(void)arg;
	UNTIL(go);
	for (i = 0; i < ROUNDS; i++) {
		EnterCriticalSection(&section);
		plain++;
		LeaveCriticalSection(&section);
	}
	return 0;
}

static DWORD WINAPI try_it(LPVOID arg)
{
	(void)arg;
	if (!TryEnterCriticalSection(&section))
		return 0;
	LeaveCriticalSection(&section);
	return 1;
}

static DWORD in_thread(LPTHREAD_START_ROUTINE routine)
{
	HANDLE thread = CreateThread(NULL, 0, routine, NULL, 0, NULL);
	DWORD code = 12345;

	NEED(thread && WaitForSingleObject(thread, LONG_TIME) == WAIT_OBJECT_0);
	NEED(GetExitCodeThread(thread, &code));
	CloseHandle(thread);
	return code;
}

int main(void)
{
	HANDLE threads[3];
	int i;

	InitializeCriticalSection(&section);
	IS("ER", "free: another thread enters", in_thread(try_it), 1);
	EnterCriticalSection(&section);
	CHECK("ER", "entered: the same thread enters again", TryEnterCriticalSection(&section));
	IS("ER", "another one does not", in_thread(try_it), 0);
	LeaveCriticalSection(&section);
	IS("ER", "left once: it does not", in_thread(try_it), 0);
	LeaveCriticalSection(&section);
	IS("ER", "left twice: it does", in_thread(try_it), 1);
	for (i = 0; i < 3; i++)
		NEED(threads[i] = CreateThread(NULL, 0, add, NULL, 0, NULL));
	InterlockedIncrement(&go);
	NEED(WaitForMultipleObjects(3, threads, TRUE, LONG_TIME) == WAIT_OBJECT_0);
	IS("ER", "three threads count in it", plain, 3 * ROUNDS);
	for (i = 0; i < 3; i++)
		CloseHandle(threads[i]);
	DeleteCriticalSection(&section);
	return conform_end();
}
