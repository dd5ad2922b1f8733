// SPDX-License-Identifier: GPL-2.0-only
/*
 * items PRODUCERS BURST - what it takes to get an item from a producer to a pool's callback.
 *
 * Each producer is a thread that submits BURST items, waits until all of them ran, and begins
 * again.  An item counts itself; the last one of a burst wakes its producer.
 *
 * For a guest with one processor whose clock counts instructions (run --icount).  Prints, tab
 * separated: instructions per item, user and kernel, all threads together, in the best sample
 * and in the median one; system calls and context switches per item.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>

#include "items.h"

#define SAMPLES		9
#define SAMPLE_ITEMS	8192

unsigned int nr_producers, burst;

static struct producer {
	pthread_t thread;
	sem_t begin;
	sem_t ran;			/* the burst */
	unsigned int left;		/* items of it */
	unsigned int bursts;		/* to be done */
} producers[MAX_PRODUCERS];

static sem_t finished;			/* one for each producer that is done */

void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "items: %s: %s\n", what, strerror(errno));
	exit(1);
}

void item_run(unsigned int id)
{
	struct producer *p = &producers[id / MAX_BURST];

	if (!__atomic_sub_fetch(&p->left, 1, __ATOMIC_ACQ_REL))
		sem_post(&p->ran);
}

static void one_burst(unsigned int producer)
{
	struct producer *p = &producers[producer];
	unsigned int i;

	__atomic_store_n(&p->left, burst, __ATOMIC_RELEASE);
	for (i = 0; i < burst; i++)
		engine_submit(producer, i);
	if (engine_wait(producer))
		return;
	while (sem_wait(&p->ran))
		;
}

static void *producer_thread(void *arg)
{
	struct producer *p = arg;
	unsigned int i;

	engine_start(p - producers);
	for (;;) {
		sem_post(&finished);
		while (sem_wait(&p->begin))
			;
		for (i = 0; i < p->bursts; i++)
			one_burst(p - producers);
	}
	return NULL;
}

static void wait_finished(void)
{
	unsigned int i;

	for (i = 0; i < nr_producers; i++)
		while (sem_wait(&finished))
			;
}

/* Returns how many items that are. */
static unsigned int sample(void)
{
	unsigned int i, bursts = SAMPLE_ITEMS / burst / nr_producers;

	for (i = 0; i < nr_producers; i++) {
		producers[i].bursts = bursts;
		sem_post(&producers[i].begin);
	}
	wait_finished();
	return bursts * burst * nr_producers;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int open_syscall_counter(void)
{
	static const char path[] = "/sys/kernel/tracing/events/raw_syscalls/sys_enter/id";
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr), .disabled = 1,
	};
	FILE *f = fopen(path, "r");
	int fd;

	check(f && fscanf(f, "%llu", (unsigned long long *)&attr.config) == 1, path);
	fclose(f);
	fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0);
	check(fd >= 0, "perf_event_open");
	return fd;
}

static long switches(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_nvcsw + usage.ru_nivcsw;
}

int main(int argc, char **argv)
{
	double insns[SAMPLES];
	uint64_t start, calls;
	unsigned int i, items;
	long before;
	int counter;

	nr_producers = argc == 3 ? atoi(argv[1]) : 0;
	burst = argc == 3 ? atoi(argv[2]) : 0;
	if (!nr_producers || nr_producers > MAX_PRODUCERS || !burst || burst > MAX_BURST) {
		fprintf(stderr, "usage: items PRODUCERS BURST\n");
		return 2;
	}
	sem_init(&finished, 0, 0);
	for (i = 0; i < nr_producers; i++) {
		struct producer *p = &producers[i];

		sem_init(&p->begin, 0, 0);
		sem_init(&p->ran, 0, 0);
		check(!pthread_create(&p->thread, NULL, producer_thread, p), "pthread_create");
	}
	wait_finished();
	sample();			/* threads are started, memory is there */
	for (i = 0; i < SAMPLES; i++) {
		usleep(100);		/* others come to rest */
		start = __rdtsc();
		items = sample();
		insns[i] = (double)(__rdtsc() - start) / items;
	}
	qsort(insns, SAMPLES, sizeof(insns[0]), compare);

	/* Counting costs instructions: after the rest. */
	counter = open_syscall_counter();
	before = switches();
	check(!ioctl(counter, PERF_EVENT_IOC_ENABLE, 0), "PERF_EVENT_IOC_ENABLE");
	items = sample();
	check(!ioctl(counter, PERF_EVENT_IOC_DISABLE, 0), "PERF_EVENT_IOC_DISABLE");
	check(read(counter, &calls, sizeof(calls)) == sizeof(calls), "reading the counter");
	printf("%.1f\t%.1f\t%.2f\t%.2f\n", insns[0], insns[SAMPLES / 2], (double)calls / items,
	       (double)(switches() - before) / items);
	return 0;
}
