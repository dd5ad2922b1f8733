// SPDX-License-Identifier: GPL-2.0-only
/* Several threads post, several take: each packet comes once. */
#include "worker.h"

#define COUNT	5000
#define POSTERS	2
#define TAKERS	4

static HANDLE port;
static volatile LONG seen[POSTERS * COUNT], taken, disorder;

static DWORD WINAPI poster(LPVOID arg)
{
	ULONG_PTR first = (ULONG_PTR)arg * COUNT, i;
	LONG refused = 0;

	for (i = 0; i < COUNT; i++)
		refused += !PostQueuedCompletionStatus(port, (DWORD)i, first + i + 1, NULL);
	return refused;
}

static DWORD WINAPI taker(LPVOID batch)
{
	OVERLAPPED_ENTRY entries[5];
	ULONG i, n;

	while (GetQueuedCompletionStatusEx(port, entries, batch ? 5 : 1, &n, LONG_TIME, FALSE)) {
		for (i = 0; i < n; i++) {
			if (!entries[i].lpCompletionKey)
				return 0;
			InterlockedIncrement(&seen[entries[i].lpCompletionKey - 1]);
			/* Within a batch packets of one poster are in order. */
			if (i && (entries[i].lpCompletionKey - 1) / COUNT ==
				 (entries[i - 1].lpCompletionKey - 1) / COUNT &&
			    entries[i].lpCompletionKey < entries[i - 1].lpCompletionKey)
				InterlockedIncrement(&disorder);
			InterlockedIncrement(&taken);
		}
	}
	return 1;
}

int main(void)
{
	HANDLE takers[TAKERS], posters[POSTERS];
	ULONG_PTR i, once = 0;
	DWORD code;

	port = new_port(0);
	for (i = 0; i < TAKERS; i++)
		NEED(takers[i] = CreateThread(NULL, 0, taker, (LPVOID)(i & 1), 0, NULL));
	for (i = 0; i < POSTERS; i++)
		NEED(posters[i] = CreateThread(NULL, 0, poster, (LPVOID)i, 0, NULL));
	for (i = 0; i < POSTERS; i++) {
		NEED(WaitForSingleObject(posters[i], LONG_TIME) == WAIT_OBJECT_0);
		CHECK("CP-24", "a poster: nothing refused",
		      GetExitCodeThread(posters[i], &code) && code == 0);
		CloseHandle(posters[i]);
	}
	UNTIL(taken == POSTERS * COUNT);
	IS("CP-14", "taken", taken, POSTERS * COUNT);
	for (i = 0; i < TAKERS; i++) {
		/* One at a time: nobody takes two of these. */
		PostQueuedCompletionStatus(port, 0, 0, NULL);
		Sleep(1);
	}
	NEED(WaitForMultipleObjects(TAKERS, takers, TRUE, LONG_TIME) == WAIT_OBJECT_0);
	for (i = 0; i < POSTERS * COUNT; i++)
		once += seen[i] == 1;
	IS("CP-14", "each once", once, POSTERS * COUNT);
	IS("CP-21", "out of order in a batch", disorder, 0);
	for (i = 0; i < TAKERS; i++)
		CloseHandle(takers[i]);
	CloseHandle(port);
	return conform_end();
}
