// SPDX-License-Identifier: GPL-2.0-only
/* Many waits at a time, more than 64. */
#include "pool.h"

#define COUNT	200

struct one {
	PTP_WAIT wait;
	HANDLE event;
	LONG calls;
};

static struct one waits[COUNT];
static volatile LONG calls;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WAIT wait,
			 TP_WAIT_RESULT result)
{
	struct one *one = (struct one *)context;

	(void)instance, (void)wait;
	if (result == WAIT_OBJECT_0)
		InterlockedIncrement(&one->calls);
	InterlockedIncrement(&calls);
}

int main(void)
{
	int i, once = 0, never = 0;

	for (i = 0; i < COUNT; i++) {
		waits[i].event = CreateEventA(NULL, FALSE, FALSE, NULL);
		waits[i].wait = CreateThreadpoolWait(run, &waits[i], NULL);
		NEED(waits[i].event && waits[i].wait);
		SetThreadpoolWait(waits[i].wait, waits[i].event, NULL);
	}
	for (i = COUNT - 2; i >= 0; i -= 2)
		SetEvent(waits[i].event);
	UNTIL(calls == COUNT / 2);
	Sleep(SHORT_TIME);
	for (i = 0; i < COUNT; i++) {
		if (i % 2)
			never += waits[i].calls == 0;
		else
			once += waits[i].calls == 1;
	}
	IS("PL-21", "signalled: called once", once, COUNT / 2);
	IS("PL-21", "not signalled: not called", never, COUNT / 2);
	for (i = 0; i < COUNT; i++) {
		SetThreadpoolWait(waits[i].wait, NULL, NULL);
		WaitForThreadpoolWaitCallbacks(waits[i].wait, TRUE);
		CloseThreadpoolWait(waits[i].wait);
		CloseHandle(waits[i].event);
	}
	IS("PL-21", "callbacks in all", calls, COUNT / 2);
	return conform_end();
}
