// SPDX-License-Identifier: GPL-2.0-only
/*
 * blocking - requests that compute, and now and then block, by different engines.
 *
 *	blocking calibrate		print how many LOOPS take COMPUTE_NS
 *	blocking engines		print the names of the engines
 *	blocking ENGINE saturated LOOPS SEED SECONDS
 *	blocking ENGINE RATE LOOPS SEED SECONDS
 *
 * "saturated" always has more requests waiting than can be worked on; RATE is
 * the mean number of requests per second of a Poisson process, which arrive
 * whether or not those before are done.  One thread of real-time priority makes
 * the load, so that all engines have the same one.  With the same SEED the same
 * requests come at the same times.
 *
 * Prints one line, comma separated, of what is measured after a warm-up; see
 * the end of main().
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define NSEC_PER_SEC	1000000000ULL
#define COMPUTE_NS	200000
#define BLOCK_NS	10000000
#define BLOCK_PERCENT	20
#define WARM_UP_NS	(NSEC_PER_SEC / 2)
#define BACKLOG		512		/* not done, when saturated */
#define MAX_PER_SEC	20000		/* what no engine can do */
#define MAX_THREADS	128
#define MAX_CPUS	64

static const struct {
	const char *name;
	const struct engine *engine;
	int threads;			/* 0: its default, -1: one for each CPU */
} engines[] = {
	{ "libuv-default", &engine_libuv, 0 },
	{ "libuv-cpus", &engine_libuv, -1 },
	{ "uring-each", &engine_uring_each, -1 },
	{ "uring-shared", &engine_uring_shared, -1 },
	{ "epoll", &engine_epoll, -1 },
	{ "threads-128", &engine_threads, 128 },
	{ "iocp", &engine_iocp, -1 },
};

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

int check(int ret, const char *what)
{
	if (ret >= 0)
		return ret;
	fprintf(stderr, "blocking: %s: %s\n", what, strerror(-ret));
	exit(1);
}

int check_errno(int ret, const char *what)
{
	return check(ret < 0 ? -errno : ret, what);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

/*
 * Threads of the engines
 */

static pthread_t threads[MAX_THREADS];
static unsigned int nr_threads;

void start_threads(unsigned int nr, void *(*thread)(void *arg))
{
	while (nr_threads < nr) {
		check(-pthread_create(&threads[nr_threads], NULL, thread, NULL), "pthread_create");
		nr_threads++;
	}
}

void join_threads(void)
{
	while (nr_threads)
		pthread_join(threads[--nr_threads], NULL);
}

/*
 * Requests
 */

static uint64_t compute_loops;
static unsigned int outstanding;	/* requests that are not done */
static unsigned int tell_at;		/* when outstanding comes down to that */
static int told;			/* an eventfd */

/* Threads that compute now, and the most there were at a time. */
struct gauge {
	unsigned int now, most;
};

static struct gauge computing;
static struct gauge fresh;		/* of them, those that have not yet blocked */

static void gauge_inc(struct gauge *g)
{
	unsigned int now = __atomic_add_fetch(&g->now, 1, __ATOMIC_RELAXED);
	unsigned int most = __atomic_load_n(&g->most, __ATOMIC_RELAXED);

	while (now > most)
		if (__atomic_compare_exchange_n(&g->most, &most, now, true, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED))
			break;
}

static void gauge_dec(struct gauge *g)
{
	__atomic_sub_fetch(&g->now, 1, __ATOMIC_RELAXED);
}

static void gauge_restart(struct gauge *g)
{
	__atomic_store_n(&g->most, 0, __ATOMIC_RELAXED);
}

/* Work, not time: whoever is preempted meanwhile takes longer. */
static __attribute__((noinline)) void compute(uint64_t loops)
{
	uint64_t x = 1;

	while (loops--) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		asm volatile("" : "+r"(x));
	}
}

void request_run(struct request *r)
{
	static const struct timespec block = { .tv_nsec = BLOCK_NS };

	gauge_inc(&computing);
	gauge_inc(&fresh);
	compute(compute_loops / 2);
	if (r->blocks) {
		gauge_dec(&fresh);
		gauge_dec(&computing);
		clock_nanosleep(CLOCK_MONOTONIC, 0, &block, NULL);
		gauge_inc(&computing);
	}
	compute(compute_loops - compute_loops / 2);
	if (!r->blocks)
		gauge_dec(&fresh);
	gauge_dec(&computing);
	r->done = clock_ns(CLOCK_MONOTONIC);
	if (__atomic_sub_fetch(&outstanding, 1, __ATOMIC_ACQ_REL) ==
	    __atomic_load_n(&tell_at, __ATOMIC_ACQUIRE))
		check_errno(eventfd_write(told, 1), "eventfd_write");
}

/* The shortest of many tries is the one that nothing disturbed. */
static uint64_t calibrate(void)
{
	const uint64_t loops = 100000;
	uint64_t start, best = UINT64_MAX;
	int i;

	for (i = 0; i < 200; i++) {
		start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		compute(loops);
		start = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start;
		if (start < best)
			best = start;
	}
	return loops * COMPUTE_NS / best;
}

/*
 * What is counted
 */

static int wakeup_counters[MAX_CPUS];
static unsigned int nr_cpus;

/* Wake-ups of our threads, whoever wakes them: a tracepoint, filtered by name. */
static void count_wakeups(void)
{
	static const char path[] = "/sys/kernel/tracing/events/sched/sched_wakeup/id";
	static const char filter[] = "comm == \"worker\" || comm == \"iocp-pool\"";
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr) };
	FILE *f = fopen(path, "r");
	unsigned int i;

	if (!f || fscanf(f, "%llu", (unsigned long long *)&attr.config) != 1)
		check(-ENOENT, path);
	fclose(f);
	for (i = 0; i < nr_cpus; i++) {
		wakeup_counters[i] = check_errno(syscall(SYS_perf_event_open, &attr, -1, i, -1, 0),
						 "perf_event_open");
		check_errno(ioctl(wakeup_counters[i], PERF_EVENT_IOC_SET_FILTER, filter),
			    "PERF_EVENT_IOC_SET_FILTER");
	}
}

/* All but the time: of the engine's threads, without the load's. */
struct counts {
	uint64_t time, switches, wakeups;
	uint64_t cpu;			/* with the load's: it pays for the submitting */
};

static struct counts count(void)
{
	struct counts c = { .time = clock_ns(CLOCK_MONOTONIC) };
	struct rusage all, load;
	uint64_t value;
	unsigned int i;

	getrusage(RUSAGE_SELF, &all);
	getrusage(RUSAGE_THREAD, &load);
	c.switches = all.ru_nvcsw + all.ru_nivcsw - load.ru_nvcsw - load.ru_nivcsw;
	c.cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	for (i = 0; i < nr_cpus; i++) {
		if (read(wakeup_counters[i], &value, sizeof(value)) != sizeof(value))
			check(-EIO, "reading a counter");
		c.wakeups += value;
	}
	return c;
}

static unsigned int count_threads(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	unsigned int nr = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Threads: %u", &nr) == 1)
			break;
	if (f)
		fclose(f);
	return nr - 1;			/* without the load's */
}

/*
 * The load
 */

static const struct engine *engine;
static struct request *requests;
static size_t nr_requests, max_requests;
static unsigned short seed[3];
static double rate;			/* 0: saturated */

static void load_init(const char *load, unsigned int number, unsigned int seconds)
{
	char *end;

	if (strcmp(load, "saturated")) {
		rate = strtod(load, &end);
		if (*end || rate <= 0 || rate > MAX_PER_SEC / 2)
			check(-EINVAL, load);
	}
	seed[0] = number;
	max_requests = (size_t)MAX_PER_SEC * (seconds + 1);
	requests = calloc(max_requests, sizeof(*requests));
	told = eventfd(0, EFD_NONBLOCK);
	if (!requests || told < 0)
		check(-ENOMEM, "requests");
	__atomic_store_n(&tell_at, rate ? 0 : BACKLOG / 2, __ATOMIC_RELEASE);
}

/* Threads of the engine are known by the name that we had before. */
static void become_load(void)
{
	struct sched_param param = { .sched_priority = 1 };

	prctl(PR_SET_NAME, "load");
	prctl(PR_SET_TIMERSLACK, 1);
	check_errno(sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param),
		    "sched_setscheduler");
}

static void submit(uint64_t arrival)
{
	struct request *r = &requests[nr_requests++];

	if (nr_requests > max_requests)
		check(-ENOSPC, "more requests than expected");
	r->arrival = arrival;
	r->blocks = erand48(seed) * 100 < BLOCK_PERCENT;
	__atomic_add_fetch(&outstanding, 1, __ATOMIC_ACQ_REL);
	engine->submit(r);
}

/* Sleeps until @deadline, or until few requests are left. */
static void load_sleep(uint64_t deadline)
{
	struct pollfd fd = { .fd = told, .events = POLLIN };
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	uint64_t left = deadline > now ? deadline - now : 0;
	struct timespec timeout = {
		.tv_sec = left / NSEC_PER_SEC, .tv_nsec = left % NSEC_PER_SEC,
	};
	eventfd_t value;

	if (check_errno(ppoll(&fd, 1, &timeout, NULL), "ppoll"))
		eventfd_read(told, &value);
}

static void load_until(uint64_t end)
{
	static uint64_t next;		/* the next arrival */
	uint64_t now;

	while ((now = clock_ns(CLOCK_MONOTONIC)) < end) {
		if (!rate) {
			while (__atomic_load_n(&outstanding, __ATOMIC_ACQUIRE) < BACKLOG)
				submit(clock_ns(CLOCK_MONOTONIC));
			load_sleep(end);
			continue;
		}
		if (!next)
			next = now;
		while (next <= now) {
			submit(next);
			next -= log(1 - erand48(seed)) / rate * NSEC_PER_SEC;
		}
		load_sleep(next < end ? next : end);
	}
}

static void load_drain(void)
{
	__atomic_store_n(&tell_at, 0, __ATOMIC_RELEASE);
	while (__atomic_load_n(&outstanding, __ATOMIC_ACQUIRE))
		load_sleep(clock_ns(CLOCK_MONOTONIC) + NSEC_PER_SEC / 10);
}

/*
 * The result
 */

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Of the requests that arrived in [from, to) and do not block; sorted. */
static uint64_t *latencies(uint64_t from, uint64_t to, size_t *nr)
{
	uint64_t *l = calloc(nr_requests, sizeof(*l));
	size_t i;

	*nr = 0;
	for (i = 0; l && i < nr_requests; i++)
		if (!requests[i].blocks && requests[i].arrival >= from && requests[i].arrival < to)
			l[(*nr)++] = requests[i].done - requests[i].arrival;
	if (!*nr)
		check(-ENODATA, "latencies");
	qsort(l, *nr, sizeof(*l), compare);
	return l;
}

static size_t done_between(uint64_t from, uint64_t to)
{
	size_t i, nr = 0;

	for (i = 0; i < nr_requests; i++)
		nr += requests[i].done >= from && requests[i].done < to;
	return nr;
}

static double us(uint64_t ns)
{
	return ns / 1e3;
}

int main(int argc, char **argv)
{
	struct counts from, to;
	unsigned int threads_seen, active = 0;
	uint64_t seconds, *latency;
	size_t i, nr, done;
	int size;

	if (argc == 2 && !strcmp(argv[1], "calibrate")) {
		printf("%llu\n", (unsigned long long)calibrate());
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "engines")) {
		for (i = 0; i < ARRAY_SIZE(engines); i++)
			puts(engines[i].name);
		return 0;
	}
	for (i = 0; i < ARRAY_SIZE(engines); i++)
		if (argc == 6 && !strcmp(argv[1], engines[i].name))
			break;
	if (argc != 6 || i == ARRAY_SIZE(engines)) {
		fprintf(stderr, "usage: see the head of main.c\n");
		return 2;
	}
	compute_loops = strtoull(argv[3], NULL, 10);
	seconds = strtoull(argv[5], NULL, 10);
	nr_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	if (!compute_loops || !seconds || nr_cpus > MAX_CPUS)
		check(-EINVAL, "arguments");
	load_init(argv[2], strtoul(argv[4], NULL, 10), seconds);

	engine = engines[i].engine;
	size = engines[i].threads;
	prctl(PR_SET_NAME, "worker");
	engine->start(size < 0 ? nr_cpus : (unsigned int)size);
	become_load();
	count_wakeups();

	load_until(clock_ns(CLOCK_MONOTONIC) + WARM_UP_NS);
	gauge_restart(&computing);
	gauge_restart(&fresh);
	from = count();
	load_until(from.time + seconds * NSEC_PER_SEC);
	to = count();
	threads_seen = count_threads();
	if (engine->max_active)
		active = engine->max_active();
	load_drain();
	engine->stop();

	done = done_between(from.time, to.time);
	if (!done)
		check(-ENODATA, "requests done");
	latency = latencies(from.time, to.time, &nr);
	/* The columns' names are in the script "job". */
	printf("%s,%s,%s,%u,%.0f,%.0f,%.0f,%.3f,%.3f,%.2f,%u,%u,%u,%u\n", argv[1],
	       rate ? "poisson" : argv[2], argv[4], nr_cpus,
	       done * (double)NSEC_PER_SEC / (to.time - from.time),
	       us(latency[nr / 2]), us(latency[nr * 99 / 100]),
	       (to.switches - from.switches) / (double)done,
	       (to.wakeups - from.wakeups) / (double)done,
	       us(to.cpu - from.cpu) / done, computing.most, fresh.most, threads_seen, active);
	return 0;
}
