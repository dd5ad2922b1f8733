// SPDX-License-Identifier: GPL-2.0-only
/* Mutexes belong to a thread, which may take them more than once. */
#include "worker.h"

static DWORD WINAPI try_release(LPVOID m)
{
	return ERROR_OF(ReleaseMutex((HANDLE)m));
}

static DWORD WINAPI try_take(LPVOID m)
{
	return WaitForSingleObject((HANDLE)m, SHORT_TIME);
}

static DWORD WINAPI take_it(LPVOID m)
{
	return WaitForSingleObject((HANDLE)m, LONG_TIME);
}

static DWORD in_thread(LPTHREAD_START_ROUTINE routine, LPVOID arg)
{
	HANDLE thread = CreateThread(NULL, 0, routine, arg, 0, NULL);
	DWORD code = 12345;

	NEED(thread && WaitForSingleObject(thread, LONG_TIME) == WAIT_OBJECT_0);
	NEED(GetExitCodeThread(thread, &code));
	CloseHandle(thread);
	return code;
}

int main(void)
{
	HANDLE m = CreateMutexA(NULL, TRUE, NULL);

	NEED(m);
	IS("ER", "made owned: another thread", in_thread(try_take, m), WAIT_TIMEOUT);
	IS("ER", "which cannot release it", in_thread(try_release, m), ERROR_NOT_OWNER);
	IS("ER", "the owner takes it once more", WaitForSingleObject(m, 0), WAIT_OBJECT_0);
	CHECK("ER", "release", ReleaseMutex(m));
	IS("ER", "it is still owned", in_thread(try_take, m), WAIT_TIMEOUT);
	CHECK("ER", "release", ReleaseMutex(m));
	IS("ER", "once too often", ERROR_OF(ReleaseMutex(m)), ERROR_NOT_OWNER);
	IS("ER", "a thread takes it, and ends", in_thread(take_it, m), WAIT_OBJECT_0);
	IS("ER", "it was abandoned", WaitForSingleObject(m, LONG_TIME), WAIT_ABANDONED);
	CHECK("ER", "and is owned: release", ReleaseMutex(m));
	IS("ER", "take it", WaitForSingleObject(m, LONG_TIME), WAIT_OBJECT_0);
	CHECK("ER", "release", ReleaseMutex(m));
	CHECK("ER", "close", CloseHandle(m));
	return conform_end();
}
