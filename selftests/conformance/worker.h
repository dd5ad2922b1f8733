/* SPDX-License-Identifier: GPL-2.0-only */
/* Threads that do as they are told, to see which of them a port lets run. */
#ifndef CONFORM_WORKER_H
#define CONFORM_WORKER_H

#include "conform.h"
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

enum {
	SPIN,		/* nothing: it stays runnable, so that it counts as active */
	TAKE,		/* a packet, within ms */
	TAKE_BATCH,	/* up to 3, within ms */
	DRAIN,		/* all that it gets */
	WAIT,		/* for the handle of the port, within ms */
	BLOCK,		/* until woken */
	LEAVE,		/* the thread ends */
};

struct worker {
	HANDLE thread, port, wake;
	volatile LONG todo;
	volatile LONG tid;
	DWORD ms;
	struct answer answer;	/* of TAKE */
	BOOL ok;		/* of TAKE_BATCH */
	DWORD error;		/* of TAKE_BATCH; what WAIT returned */
	ULONG taken;		/* by TAKE_BATCH and DRAIN */
};

static inline DWORD WINAPI worker_run(LPVOID arg)
{
	struct worker *w = (struct worker *)arg;
	OVERLAPPED_ENTRY entries[3];

#ifdef __linux__
	w->tid = (LONG)syscall(SYS_gettid);
#endif
	for (;;) {
		switch (w->todo) {
		case SPIN:
			continue;
		case TAKE:
			w->answer = take(w->port, w->ms);
			break;
		case TAKE_BATCH:
			w->taken = 0;
			w->ok = GetQueuedCompletionStatusEx(w->port, entries, 3, &w->taken, w->ms,
							    FALSE);
			w->error = GetLastError();
			break;
		case DRAIN:
			for (w->taken = 0; take(w->port, 0).ok;)
				w->taken++;
			break;
		case WAIT:
			w->error = WaitForSingleObject(w->port, w->ms);
			break;
		case BLOCK:
			WaitForSingleObject(w->wake, INFINITE);
			break;
		case LEAVE:
			return 0;
		}
		InterlockedExchange(&w->todo, SPIN);
	}
}

static inline void start_worker(struct worker *w, HANDLE port)
{
	memset(w, 0, sizeof(*w));
	w->port = port;
	w->wake = CreateEventA(NULL, FALSE, FALSE, NULL);
	w->thread = CreateThread(NULL, 0, worker_run, w, 0, NULL);
	NEED(w->wake && w->thread);
}

static inline void tell(struct worker *w, LONG todo, DWORD ms)
{
	w->ms = ms;
	InterlockedExchange(&w->todo, todo);
}

/* It has done what it was told, or does not in a LONG_TIME. */
static inline int did(struct worker *w)
{
	UNTIL(w->todo == SPIN);
	return w->todo == SPIN;
}

/* Lets it come to rest in the kernel; Windows has no way to see that, so there it is time. */
static inline void settle(struct worker *w)
{
#ifdef __linux__
	char path[64], state = 'R';
	FILE *f;

	while (state != 'S' && w->todo != SPIN) {
		Sleep(10);
		snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)w->tid);
		f = fopen(path, "r");
		if (f && fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
			state = 'R';
		if (f)
			fclose(f);
	}
#else
	(void)w;
	Sleep(SHORT_TIME);
#endif
}

/* It still waits although it could have been served long ago. */
static inline int still_waits(struct worker *w)
{
	Sleep(2 * SHORT_TIME);
	return w->todo != SPIN;
}

static inline void end_worker(struct worker *w)
{
	NEED(did(w));
	tell(w, LEAVE, 0);
	NEED(WaitForSingleObject(w->thread, LONG_TIME) == WAIT_OBJECT_0);
	CloseHandle(w->thread);
	CloseHandle(w->wake);
}

/* For what does come on Windows, and under Wine does not. */
static inline DWORD patience(void)
{
	return on_wine() ? 3 * SHORT_TIME : LONG_TIME;
}

#endif /* CONFORM_WORKER_H */
