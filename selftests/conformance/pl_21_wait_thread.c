// SPDX-License-Identifier: GPL-2.0-only
/* Threads, and other things that can be waited for. */
#include "pool.h"

static volatile LONG calls, go;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WAIT wait,
			 TP_WAIT_RESULT result)
{
	(void)instance, (void)context, (void)wait;
	if (result == WAIT_OBJECT_0)
		InterlockedIncrement(&calls);
}

static DWORD WINAPI until_go(LPVOID arg)
{
	(void)arg;
	UNTIL(go);
	return 7;
}

int main(void)
{
	HANDLE thread = CreateThread(NULL, 0, until_go, NULL, 0, NULL);
	PTP_WAIT wait = CreateThreadpoolWait(run, NULL, NULL);
	DWORD code;

	NEED(thread && wait);
	SetThreadpoolWait(wait, thread, NULL);
	Sleep(SHORT_TIME);
	IS("PL-21", "a thread that runs: callbacks", calls, 0);
	InterlockedIncrement(&go);
	UNTIL(calls);
	IS("PL-21", "it has ended: callbacks", calls, 1);
	CHECK("PL-21", "with its code", GetExitCodeThread(thread, &code) && code == 7);
	SetThreadpoolWait(wait, thread, NULL);
	UNTIL(calls == 2);
	IS("PL-21", "ended long ago: callbacks", calls, 2);
	CloseThreadpoolWait(wait);
	CloseHandle(thread);
	return conform_end();
}
