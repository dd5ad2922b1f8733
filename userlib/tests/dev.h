/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dev.h - a harness for tests that need /dev/iocp: prints TAP, exits 0, 1, or 4
 * where there is no device.
 *
 * Each test runs in a child of its own, with a time limit.  So a test that hangs or
 * crashes is one failure, and each starts with a library that nobody has used.
 */
#ifndef DEV_H
#define DEV_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define DEV_SECONDS	60
#define DEV_EXIT_SKIP	4

struct dev_test {
	const char *name;
	void (*run)(void);
	struct dev_test *next;
};

static struct dev_test *dev_tests, **dev_tests_end = &dev_tests;

#define TEST(test)							\
	static void test(void);						\
	__attribute__((constructor)) static void test##_register(void)	\
	{								\
		static struct dev_test t = { #test, test, NULL };	\
									\
		*dev_tests_end = &t;					\
		dev_tests_end = &t.next;				\
	}								\
	static void test(void)

/* Ends the test from any of its threads. */
#define FAIL(...) do {							\
	printf("# %s:%d: ", __func__, __LINE__);			\
	printf(__VA_ARGS__);						\
	printf("\n");							\
	fflush(stdout);							\
	_exit(1);							\
} while (0)

#define SKIP(...) do {							\
	printf("# SKIP ");						\
	printf(__VA_ARGS__);						\
	printf("\n");							\
	fflush(stdout);							\
	_exit(DEV_EXIT_SKIP);						\
} while (0)

#define CHECK(cond) do {						\
	if (!(cond))							\
		FAIL("%s (errno %d)", #cond, errno);			\
} while (0)

#define CHECK_EQ(a, b) do {						\
	long long a_ = (long long)(a), b_ = (long long)(b);		\
									\
	if (a_ != b_)							\
		FAIL("%s is %lld, not %lld (%s)", #a, a_, b_, #b);	\
} while (0)

static inline uint64_t dev_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * UINT64_C(1000) + ts.tv_nsec / 1000000;
}

static inline void dev_sleep_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

/* Waits for what another thread does; far more than it ever takes. */
#define WAIT_UNTIL(cond) do {						\
	uint64_t end_ = dev_now_ms() + DEV_SECONDS * 1000 / 2;		\
									\
	while (!(cond)) {						\
		if (dev_now_ms() > end_)				\
			FAIL("waited in vain for %s", #cond);		\
		dev_sleep_ms(1);					\
	}								\
} while (0)

#define GET(x)		__atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define SET(x, v)	__atomic_store_n(&(x), (v), __ATOMIC_SEQ_CST)
#define ADD(x, n)	__atomic_add_fetch(&(x), (n), __ATOMIC_SEQ_CST)

/* A file of its own in a real file system, where the guest offers one. */
static inline const char *dev_path(const char *name)
{
	static char path[4][512];
	static unsigned int next;
	const char *dir = getenv("IOCP_EXT4");
	char *p = path[next++ % ARRAY_SIZE(path)];

	if (!dir)
		dir = "/tmp";
	snprintf(p, sizeof(path[0]), "%s/libiocp-test-%d-%s", dir, getpid(), name);
	return p;
}

/* What every test file holds at each place. */
static inline uint8_t dev_byte(uint64_t pos)
{
	uint64_t x = (pos / 8 + 1) * UINT64_C(0x9e3779b97f4a7c15);

	return x >> (pos % 8 * 8);
}

static inline void dev_fill(void *buf, size_t len, uint64_t pos)
{
	uint8_t *p = buf;
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = dev_byte(pos + i);
}

static inline bool dev_holds(const void *buf, size_t len, uint64_t pos)
{
	const uint8_t *p = buf;
	size_t i;

	for (i = 0; i < len; i++)
		if (p[i] != dev_byte(pos + i))
			return false;
	return true;
}

/* Makes @path with @len bytes of that; returns its path again. */
static inline const char *dev_file(const char *path, size_t len)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	uint8_t buf[4096];
	size_t pos, n;

	CHECK(fd >= 0);
	for (pos = 0; pos < len; pos += n) {
		n = len - pos < sizeof(buf) ? len - pos : sizeof(buf);
		dev_fill(buf, n, pos);
		CHECK_EQ(write(fd, buf, n), n);
	}
	close(fd);
	return path;
}

/* Threads of this process that belong to a pool, by the name the library gives them. */
static inline unsigned int dev_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	unsigned int n = 0;
	struct dirent *d;

	CHECK(dir);
	while ((d = readdir(dir))) {
		char path[300], comm[32] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", d->d_name);
		f = d->d_name[0] != '.' ? fopen(path, "re") : NULL;
		if (!f)
			continue;
		n += fgets(comm, sizeof(comm), f) && !strcmp(comm, "iocp-pool\n");
		fclose(f);
	}
	closedir(dir);
	return n;
}

#ifdef __SANITIZE_ADDRESS__
static inline bool dev_others_sleep(void)
{
	DIR *dir = opendir("/proc/self/task");
	bool sleep = true;
	struct dirent *d;

	CHECK(dir);
	while ((d = readdir(dir))) {
		char path[64], state = 'S';
		FILE *f = NULL;

		snprintf(path, sizeof(path), "/proc/self/task/%.20s/stat", d->d_name);
		if (atoi(d->d_name) > 0 && atoi(d->d_name) != gettid())
			f = fopen(path, "re");
		if (!f)
			continue;
		sleep &= fscanf(f, "%*d (%*[^)]) %c", &state) == 1 && state == 'S';
		fclose(f);
	}
	closedir(dir);
	return sleep;
}
#endif

/* For a process with threads: what the sanitizer had locked would stay so in the child. */
static inline pid_t dev_fork(void)
{
#ifdef __SANITIZE_ADDRESS__
	WAIT_UNTIL(dev_others_sleep());
#endif
	return fork();
}

static int dev_run(const struct dev_test *t)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		alarm(DEV_SECONDS);
		t->run();
		fflush(stdout);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		printf("# %s: fork: %s\n", t->name, strerror(errno));
		return 1;
	}
	if (WIFSIGNALED(status))
		printf("# %s: %s\n", t->name, WTERMSIG(status) == SIGALRM ? "time over" :
		       strsignal(WTERMSIG(status)));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* Arguments: names of the tests to run, or none for all. */
int main(int argc, char **argv)
{
	unsigned int nr = 0, n = 0, failed = 0, skipped = 0;
	const struct dev_test *t;
	int i;

	if (access("/dev/iocp", F_OK)) {
		printf("TAP version 13\n1..0 # SKIP no /dev/iocp: the module is not loaded\n");
		return DEV_EXIT_SKIP;
	}
	for (t = dev_tests; t; t = t->next)
		nr++;
	printf("TAP version 13\n1..%u\n", argc > 1 ? (unsigned int)argc - 1 : nr);
	for (t = dev_tests; t; t = t->next) {
		int ret;

		for (i = 1; i < argc; i++)
			if (!strcmp(argv[i], t->name))
				break;
		if (argc > 1 && i == argc)
			continue;
		ret = dev_run(t);
		failed += ret && ret != DEV_EXIT_SKIP;
		skipped += ret == DEV_EXIT_SKIP;
		printf("%s %u %s%s\n", ret && ret != DEV_EXIT_SKIP ? "not ok" : "ok", ++n, t->name,
		       ret == DEV_EXIT_SKIP ? " # SKIP" : "");
	}
	printf("# Totals: pass:%u fail:%u xfail:0 xpass:0 skip:%u error:0\n",
	       n - failed - skipped, failed, skipped);
	return failed != 0;
}

#endif /* DEV_H */
