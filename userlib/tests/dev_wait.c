// SPDX-License-Identifier: GPL-2.0-only
/* Native waits: any file, once, with a deadline; and what of a semaphore each one gets. */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "native.h"

static struct iocp_wait *make_wait(struct iocp_pool *pool, iocp_wait_callback *callback,
				   void *context)
{
	struct iocp_wait *wait;

	CHECK_EQ(iocp_wait_create(&wait, pool, 0, callback, context), 0);
	return wait;
}

static int make_event(unsigned int flags)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | flags);

	CHECK(fd >= 0);
	return fd;
}

static void set_event(int fd, uint64_t n)
{
	CHECK_EQ(write(fd, &n, sizeof(n)), sizeof(n));
}

static uint64_t get_event(int fd)
{
	uint64_t n;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static unsigned int calls;
static int last_result;
static uint64_t last_info;

static void note(struct iocp_wait *wait, void *context, int result, uint64_t info)
{
	CHECK(wait);
	(void)context;
	SET(last_result, result);
	SET(last_info, info);
	ADD(calls, 1);
}

TEST(parameters)
{
	struct iocp_pool *pool = make_pool(0, 2);
	struct iocp_wait *wait;
	int event = make_event(0), file = open("/", O_RDONLY);

	CHECK_EQ(iocp_wait_create(&wait, pool, 0, NULL, NULL), -EINVAL);
	CHECK_EQ(iocp_wait_create(&wait, pool, IOCP_PRIO_LOW + 1, note, NULL), -EINVAL);
	wait = make_wait(pool, note, NULL);
	CHECK_EQ(iocp_wait_set(wait, -1, 0, IOCP_FOREVER), -EBADF);
	CHECK_EQ(iocp_wait_set(wait, file, 0, IOCP_FOREVER), -EOPNOTSUPP);
	CHECK_EQ(iocp_wait_set(wait, event, 1U << 31, IOCP_FOREVER), -EINVAL);
	/* A set that is refused leaves nothing behind, also not what it replaced. */
	CHECK_EQ(iocp_wait_set(wait, event, 0, IOCP_FOREVER), 0);
	CHECK_EQ(iocp_wait_set(wait, -1, 0, IOCP_FOREVER), -EBADF);
	CHECK_EQ(iocp_wait_clear(wait), 0);
	CHECK_EQ(iocp_wait_drop(wait), 0);
	CHECK_EQ(iocp_wait_wait(wait), 0);
	CHECK_EQ(iocp_pool_destroy(pool), -EBUSY);
	CHECK_EQ(iocp_wait_close(wait, 4), -EINVAL);
	CHECK_EQ(iocp_wait_close(wait, 0), 0);
	CHECK_EQ(iocp_wait_close(NULL, 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
	CHECK_EQ(calls, 0);
}

TEST(once_each_time)
{
	struct iocp_pool *pool = make_pool(0, 0);
	struct iocp_wait *wait = make_wait(pool, note, NULL);
	int event = make_event(0);
	unsigned int i;

	for (i = 1; i <= 100; i++) {
		CHECK_EQ(iocp_wait_set(wait, event, 0, IOCP_FOREVER), 0);
		CHECK_EQ(iocp_wait_wait(wait), 0);
		CHECK_EQ(GET(calls), i - 1);
		set_event(event, 5);
		WAIT_UNTIL(GET(calls) == i);
		CHECK_EQ(last_result, 0);
		CHECK_EQ(last_info, EPOLLIN);
		CHECK_EQ(get_event(event), 5);
	}
	set_event(event, 1);
	dev_sleep_ms(5);
	CHECK_EQ(GET(calls), 100);
	/* Ready already. */
	CHECK_EQ(iocp_wait_set(wait, event, IOCP_WAIT_CONSUME, IOCP_NOWAIT), 0);
	WAIT_UNTIL(GET(calls) == 101);
	CHECK_EQ(last_result, 0);
	CHECK_EQ(last_info, 1);
	CHECK_EQ(iocp_wait_close(wait, 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

TEST(deadline)
{
	struct iocp_pool *pool = make_pool(0, 0);
	struct iocp_wait *wait = make_wait(pool, note, NULL);
	int event = make_event(0);
	uint64_t due;

	due = iocp_deadline_ns(10 * MS);
	CHECK_EQ(iocp_wait_set(wait, event, IOCP_WAIT_CONSUME, due), 0);
	WAIT_UNTIL(GET(calls) == 1);
	CHECK_EQ(last_result, -ETIME);
	CHECK(iocp_deadline_ns(1) > due);
	CHECK_EQ(iocp_wait_set(wait, event, 0, IOCP_NOWAIT), 0);
	WAIT_UNTIL(GET(calls) == 2);
	CHECK_EQ(last_result, -ETIME);
	/* In time. */
	CHECK_EQ(iocp_wait_set(wait, event, IOCP_WAIT_CONSUME, iocp_deadline_ns(HOUR)), 0);
	set_event(event, 3);
	WAIT_UNTIL(GET(calls) == 3);
	CHECK_EQ(last_result, 0);
	CHECK_EQ(last_info, 3);
	CHECK_EQ(iocp_wait_close(wait, 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

TEST(replace_and_clear)
{
	struct iocp_pool *pool = make_pool(0, 0);
	struct iocp_wait *wait = make_wait(pool, note, NULL);
	int a = make_event(0), b = make_event(0);
	unsigned int i;

	CHECK_EQ(iocp_wait_set(wait, a, IOCP_WAIT_CONSUME, IOCP_FOREVER), 0);
	for (i = 0; i < 500; i++)
		CHECK_EQ(iocp_wait_set(wait, i & 1 ? a : b, IOCP_WAIT_CONSUME, IOCP_FOREVER), 1);
	CHECK_EQ(iocp_wait_set(wait, b, IOCP_WAIT_CONSUME, IOCP_FOREVER), 1);
	set_event(a, 1);
	dev_sleep_ms(5);
	CHECK_EQ(GET(calls), 0);
	set_event(b, 2);
	WAIT_UNTIL(GET(calls) == 1);
	CHECK_EQ(last_info, 2);
	CHECK_EQ(iocp_wait_set(wait, b, IOCP_WAIT_CONSUME, IOCP_FOREVER), 0);
	CHECK_EQ(iocp_wait_clear(wait), 1);
	CHECK_EQ(iocp_wait_clear(wait), 0);
	set_event(b, 2);
	dev_sleep_ms(5);
	CHECK_EQ(GET(calls), 1);
	CHECK_EQ(get_event(b), 2);
	CHECK_EQ(get_event(a), 1);
	CHECK_EQ(iocp_wait_close(wait, 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

/* PL-21: two waits, one release, one callback. */
TEST(two_waits_one_release)
{
	struct iocp_pool *pool = make_pool(0, 0);
	struct iocp_wait *wait[2] = { make_wait(pool, note, NULL), make_wait(pool, note, NULL) };
	int sem = make_event(EFD_SEMAPHORE), i;

	for (i = 0; i < 2; i++)
		CHECK_EQ(iocp_wait_set(wait[i], sem, IOCP_WAIT_CONSUME, IOCP_FOREVER), 0);
	set_event(sem, 1);
	WAIT_UNTIL(GET(calls) == 1);
	dev_sleep_ms(5);
	CHECK_EQ(GET(calls), 1);
	set_event(sem, 1);
	WAIT_UNTIL(GET(calls) == 2);
	for (i = 0; i < 2; i++)
		CHECK_EQ(iocp_wait_close(wait[i], 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

struct chain {
	int sem;
	unsigned int max;
};

static void set_again(struct iocp_wait *wait, void *context, int result, uint64_t info)
{
	struct chain *c = context;

	CHECK_EQ(result, 0);
	CHECK_EQ(info, 1);
	if (ADD(calls, 1) < c->max)
		CHECK_EQ(iocp_wait_set(wait, c->sem, IOCP_WAIT_CONSUME, IOCP_FOREVER), 0);
}

/* Each release is one callback, whoever has it. */
TEST(set_again_in_the_callback)
{
	struct iocp_pool *pool = make_pool(2, 4);
	struct chain c = { make_event(EFD_SEMAPHORE), 1000000 };
	struct iocp_wait *wait[8];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wait); i++) {
		wait[i] = make_wait(pool, set_again, &c);
		CHECK_EQ(iocp_wait_set(wait[i], c.sem, IOCP_WAIT_CONSUME, IOCP_FOREVER), 0);
	}
	for (i = 0; i < 1000; i++)
		set_event(c.sem, 2);
	WAIT_UNTIL(GET(calls) == 2000);
	dev_sleep_ms(5);
	CHECK_EQ(GET(calls), 2000);
	for (i = 0; i < ARRAY_SIZE(wait); i++)
		CHECK_EQ(iocp_wait_close(wait[i], 0), 0);
	CHECK_EQ(get_event(c.sem), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

TEST(the_file_may_be_closed)
{
	struct iocp_pool *pool = make_pool(0, 0);
	struct iocp_wait *wait = make_wait(pool, note, NULL);
	int pfd[2];

	CHECK_EQ(pipe2(pfd, O_CLOEXEC), 0);
	CHECK_EQ(iocp_wait_set(wait, pfd[0], 0, IOCP_FOREVER), 0);
	close(pfd[0]);
	CHECK_EQ(iocp_wait_wait(wait), 0);
	CHECK_EQ(write(pfd[1], "x", 1), 1);
	WAIT_UNTIL(GET(calls) == 1);
	CHECK_EQ(last_info, EPOLLIN);
	signal(SIGPIPE, SIG_IGN);
	WAIT_UNTIL(write(pfd[1], "x", 1) < 0 && errno == EPIPE);
	CHECK_EQ(iocp_wait_close(wait, 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

static void *toggler(void *arg)
{
	unsigned int i;

	for (i = 0; i < 3000; i++)
		set_event(*(int *)arg, 1);
	return NULL;
}

/* Sets, clears and events at once: what was taken was called back with, the rest is there. */
static uint64_t taken;

static void sum(struct iocp_wait *wait, void *context, int result, uint64_t info)
{
	(void)wait;
	(void)context;
	ADD(calls, 1);
	if (!result)
		ADD(taken, info);
}

TEST(everything_at_once)
{
	struct iocp_pool *pool = make_pool(2, 4);
	struct iocp_wait *wait = make_wait(pool, sum, NULL);
	int event = make_event(0);
	pthread_t t;
	unsigned int i;

	CHECK_EQ(pthread_create(&t, NULL, toggler, &event), 0);
	for (i = 0; i < 2000; i++) {
		CHECK(iocp_wait_set(wait, event, IOCP_WAIT_CONSUME,
				    i % 3 ? IOCP_FOREVER : iocp_deadline_ns(i % 7 * 20000)) >= 0);
		if (!(i % 5))
			CHECK(iocp_wait_clear(wait) >= 0);
		if (!(i % 7))
			CHECK_EQ(iocp_wait_wait(wait), 0);
	}
	pthread_join(t, NULL);
	CHECK(iocp_wait_clear(wait) >= 0);
	CHECK_EQ(iocp_wait_wait(wait), 0);
	CHECK_EQ(GET(taken) + get_event(event), 3000);
	CHECK_EQ(iocp_wait_close(wait, 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

TEST(ten_thousand_and_few_threads)
{
	enum { NR = 10000 };
	static struct iocp_wait *waits[NR];
	static int events[NR];
	struct rlimit lim = { 2 * NR, 2 * NR };
	struct iocp_pool *pool = make_pool(2, 4);
	unsigned int i;

	if (setrlimit(RLIMIT_NOFILE, &lim))
		SKIP("not allowed to open that many files");
	for (i = 0; i < NR; i++) {
		events[i] = make_event(0);
		waits[i] = make_wait(pool, note, NULL);
		CHECK_EQ(iocp_wait_set(waits[i], events[i], 0, IOCP_FOREVER), 0);
	}
	CHECK(dev_threads() <= 4);
	for (i = 0; i < NR; i++)
		set_event(events[i], 1);
	WAIT_UNTIL(GET(calls) == NR);
	for (i = 0; i < NR; i++)
		CHECK_EQ(iocp_wait_close(waits[i], 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}
