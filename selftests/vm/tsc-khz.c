// SPDX-License-Identifier: GPL-2.0-only
/*
 * tsc-khz - the rate of this machine's time stamp counter, in kHz; fails if it has no
 * steady one.
 *
 * The emulator gives it to guests as it is.  They would have to find out at their start how
 * fast it counts, and on a busy machine they are mistaken, some of them by a factor of four.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <x86intrin.h>

struct moment {
	unsigned long long tsc, ns;
};

/* The counter and the clock, from where nothing came between them. */
static struct moment now(void)
{
	unsigned long long before, after, closest = ~0ULL;
	struct moment m = { 0, 0 };
	struct timespec ts;
	int i;

	for (i = 0; i < 1000; i++) {
		before = __rdtsc();
		clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
		after = __rdtsc();
		if (after - before >= closest)
			continue;
		closest = after - before;
		m.tsc = before + closest / 2;
		m.ns = ts.tv_sec * 1000000000ULL + ts.tv_nsec;
	}
	return m;
}

static long long khz(struct moment *from)
{
	struct timespec delay = { .tv_nsec = 50000000 };
	struct moment to;

	nanosleep(&delay, NULL);
	to = now();
	return (to.tsc - from->tsc) * 1000000 / (to.ns - from->ns);
}

int main(void)
{
	struct moment start = now();
	long long once = khz(&start), twice = khz(&start);

	if (llabs(once - twice) > twice / 2000)
		return 1;
	printf("%lld\n", twice);
	return 0;
}
