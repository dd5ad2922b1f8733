// SPDX-License-Identifier: GPL-2.0-only
/* Many timers: each fires once, in its order of time. */
#include "pool.h"

#define COUNT	100

struct one {
	PTP_TIMER timer;
	LONG calls;
	long long start, fired;
};

static struct one timers[COUNT];
static volatile LONG calls;

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer)
{
	struct one *one = (struct one *)context;

	(void)instance, (void)timer;
	one->fired = now_ms();
	InterlockedIncrement(&one->calls);
	InterlockedIncrement(&calls);
}

int main(void)
{
	int i, once = 0, early = 0;
	FILETIME due;

	for (i = 0; i < COUNT; i++) {
		timers[i].timer = CreateThreadpoolTimer(run, &timers[i], NULL);
		NEED(timers[i].timer);
	}
	for (i = 0; i < COUNT; i++) {
		timers[i].start = now_ms();
		SetThreadpoolTimer(timers[i].timer, in_ms(&due, (i * 37) % COUNT * 3), 0, 0);
	}
	UNTIL(calls == COUNT);
	Sleep(SHORT_TIME);
	for (i = 0; i < COUNT; i++) {
		once += timers[i].calls == 1;
		early += timers[i].fired - timers[i].start < (i * 37) % COUNT * 3 - TICK;
		CloseThreadpoolTimer(timers[i].timer);
	}
	IS("PL-20", "timers that fired once", once, COUNT);
	IS("PL-20", "before time", early, 0);
	return conform_end();
}
