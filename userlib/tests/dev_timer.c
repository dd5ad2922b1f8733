// SPDX-License-Identifier: GPL-2.0-only
/* Native timers: when they call back, what replaces, stops and ends them. */
#include "native.h"

static struct iocp_timer *make_timer(struct iocp_pool *pool, iocp_timer_callback *callback,
				     void *context)
{
	struct iocp_timer *timer;

	CHECK_EQ(iocp_timer_create(&timer, pool, 0, callback, context), 0);
	CHECK_EQ(iocp_timer_is_set(timer), 0);
	return timer;
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

static unsigned int calls, entered, gate;

static void count_call(struct iocp_timer *timer, void *context)
{
	CHECK(timer && context == &calls);
	ADD(calls, 1);
}

/* Holds its thread until the gate opens. */
static void hold(struct iocp_timer *timer, void *context)
{
	(void)timer;
	(void)context;
	ADD(entered, 1);
	WAIT_UNTIL(GET(gate));
	ADD(calls, 1);
}

static void hold_work(struct iocp_work *work, void *context)
{
	(void)work;
	(void)context;
	ADD(entered, 1);
	WAIT_UNTIL(GET(gate));
}

/* Takes the only thread of a pool, so that what comes is queued. */
static struct iocp_work *occupy(struct iocp_pool *pool)
{
	struct iocp_work *work;
	unsigned int before = GET(entered);

	CHECK_EQ(iocp_work_create(&work, pool, 0, hold_work, NULL), 0);
	CHECK_EQ(iocp_work_submit(work), 0);
	WAIT_UNTIL(GET(entered) == before + 1);
	return work;
}

TEST(parameters)
{
	struct iocp_pool *pool = make_pool(0, 2);
	struct iocp_timer *timer;

	CHECK_EQ(iocp_timer_create(&timer, pool, 0, NULL, NULL), -EINVAL);
	CHECK_EQ(iocp_timer_create(&timer, pool, IOCP_PRIO_LOW + 1, count_call, NULL), -EINVAL);
	timer = make_timer(pool, count_call, &calls);
	CHECK_EQ(iocp_timer_set(timer, 0, 0, 0, 2), -EINVAL);
	CHECK_EQ(iocp_timer_stop(timer), 0);
	CHECK_EQ(iocp_timer_drop(timer), 0);
	CHECK_EQ(iocp_timer_wait(timer), 0);
	CHECK_EQ(iocp_pool_destroy(pool), -EBUSY);
	CHECK_EQ(iocp_timer_close(timer, 4), -EINVAL);
	CHECK_EQ(iocp_timer_close(timer, 0), 0);
	CHECK_EQ(iocp_timer_close(NULL, 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
	CHECK_EQ(calls, 0);
}

static uint64_t due;

static void not_early(struct iocp_timer *timer, void *context)
{
	(void)timer;
	CHECK(now_ns(*(clockid_t *)context) >= GET(due));
	ADD(calls, 1);
}

TEST(never_early_and_once)
{
	static clockid_t mono = CLOCK_MONOTONIC, real = CLOCK_REALTIME;
	struct iocp_pool *pool = make_pool(0, 0);
	struct iocp_timer *timer[2] = {
		make_timer(pool, not_early, &mono), make_timer(pool, not_early, &real),
	};
	unsigned int i, n = 0;

	for (i = 0; i < 60; i++) {
		clockid_t clock = i & 1 ? real : mono;

		SET(due, now_ns(clock) + i * MS / 10);
		CHECK_EQ(iocp_timer_set(timer[i & 1], due, 0, i % 3 * MS,
					i & 1 ? IOCP_TIMER_REALTIME : 0), 0);
		n++;
		WAIT_UNTIL(GET(calls) == n);
		CHECK_EQ(iocp_timer_is_set(timer[i & 1]), 1);
	}
	CHECK_EQ(iocp_timer_stop(timer[0]), 0);
	CHECK_EQ(iocp_timer_is_set(timer[0]), 0);
	dev_sleep_ms(5);
	CHECK_EQ(GET(calls), n);
	CHECK_EQ(iocp_timer_close(timer[0], 0), 0);
	CHECK_EQ(iocp_timer_close(timer[1], 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

TEST(a_time_that_has_passed_is_now)
{
	struct iocp_pool *pool = make_pool(0, 0);
	struct iocp_timer *timer = make_timer(pool, count_call, &calls);

	CHECK_EQ(iocp_timer_set(timer, 0, 0, 0, 0), 0);
	WAIT_UNTIL(GET(calls) == 1);
	CHECK_EQ(iocp_timer_set(timer, iocp_deadline_ns(0), 0, 0, 0), 0);
	WAIT_UNTIL(GET(calls) == 2);
	CHECK_EQ(iocp_timer_close(timer, 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

TEST(set_replaces_what_has_not_expired)
{
	struct iocp_pool *pool = make_pool(0, 0);
	struct iocp_timer *timer = make_timer(pool, count_call, &calls);
	unsigned int i;

	CHECK_EQ(iocp_timer_set(timer, iocp_deadline_ns(HOUR), 0, 0, 0), 0);
	for (i = 0; i < 1000; i++)
		CHECK_EQ(iocp_timer_set(timer, iocp_deadline_ns(HOUR), 0, 0, 0), 1);
	CHECK_EQ(iocp_timer_set(timer, IOCP_FOREVER, 0, 0, 0), 1);
	CHECK_EQ(iocp_timer_set(timer, 0, 0, 0, 0), 1);
	WAIT_UNTIL(GET(calls) == 1);
	CHECK_EQ(iocp_timer_set(timer, iocp_deadline_ns(HOUR), 0, 0, 0), 0);
	CHECK_EQ(iocp_timer_is_set(timer), 1);
	CHECK_EQ(iocp_timer_stop(timer), 1);
	CHECK_EQ(iocp_timer_stop(timer), 0);
	CHECK_EQ(iocp_timer_is_set(timer), 0);
	CHECK_EQ(iocp_timer_wait(timer), 0);
	CHECK_EQ(GET(calls), 1);
	CHECK_EQ(iocp_timer_close(timer, 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

/* Waiting is for callbacks, not for what is still to come. */
TEST(wait_does_not_wait_for_expiry)
{
	struct iocp_pool *pool = make_pool(0, 0);
	struct iocp_timer *timer = make_timer(pool, count_call, &calls);

	CHECK_EQ(iocp_timer_set(timer, iocp_deadline_ns(HOUR), HOUR, 0, 0), 0);
	CHECK_EQ(iocp_timer_wait(timer), 0);
	CHECK_EQ(iocp_timer_drop(timer), 0);
	/* And it is still armed. */
	CHECK_EQ(iocp_timer_stop(timer), 1);
	CHECK_EQ(GET(calls), 0);
	CHECK_EQ(iocp_timer_close(timer, 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

static void *open_gate(void *arg)
{
	(void)arg;
	dev_sleep_ms(50);
	SET(gate, 1);
	return NULL;
}

/* Expired, and queued behind another callback: waits know of it, stop does not undo it. */
TEST(queued_callbacks_are_waited_for)
{
	struct iocp_pool *pool = make_pool(1, 1);
	struct iocp_timer *timer = make_timer(pool, count_call, &calls);
	struct iocp_work *work = occupy(pool);
	struct iocp_stats stats;
	pthread_t t;

	CHECK_EQ(iocp_timer_set(timer, 0, 0, 0, 0), 0);
	CHECK_EQ(iocp_timer_set(timer, iocp_deadline_ns(MS), 0, 0, 0), 0);
	do {
		CHECK_EQ(iocp_pool_stats(pool, &stats), 0);
	} while (stats.queued < 2);
	CHECK_EQ(iocp_timer_stop(timer), 0);
	CHECK_EQ(GET(calls), 0);
	CHECK_EQ(pthread_create(&t, NULL, open_gate, NULL), 0);
	CHECK_EQ(iocp_pool_drain(pool), 0);
	CHECK_EQ(iocp_timer_wait(timer), 0);
	CHECK_EQ(GET(calls), 2);
	pthread_join(t, NULL);
	CHECK_EQ(iocp_timer_close(timer, 0), 0);
	CHECK_EQ(iocp_work_close(work, 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

TEST(drop_forgets_what_is_queued_and_nothing_else)
{
	struct iocp_pool *pool = make_pool(1, 1);
	struct iocp_timer *timer = make_timer(pool, count_call, &calls);
	struct iocp_work *work = occupy(pool);

	CHECK_EQ(iocp_timer_set(timer, 0, 0, 0, 0), 0);
	CHECK_EQ(iocp_timer_set(timer, 0, 0, 0, 0), 0);
	CHECK_EQ(iocp_timer_drop(timer), 0);
	CHECK_EQ(iocp_timer_wait(timer), 0);
	CHECK_EQ(iocp_timer_set(timer, iocp_deadline_ns(20 * MS), 0, 0, 0), 0);
	/* The packets that were dropped come before this one and must not pass for it. */
	SET(gate, 1);
	CHECK_EQ(iocp_work_wait(work), 0);
	WAIT_UNTIL(GET(calls) == 1);
	dev_sleep_ms(2);
	CHECK_EQ(GET(calls), 1);
	CHECK_EQ(iocp_timer_close(timer, 0), 0);
	CHECK_EQ(iocp_work_close(work, 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

/* The queue is full of packets of what was cancelled, and of the object's first callback. */
TEST(cancelled_packets_are_nobodys)
{
	struct iocp_pool *pool = make_pool(1, 1);
	struct iocp_timer *timer = make_timer(pool, count_call, &calls);
	struct iocp_work *work = occupy(pool);
	unsigned int i;

	CHECK_EQ(iocp_timer_set(timer, 0, 0, 0, 0), 0);
	for (i = 0; i < 3000; i++)
		CHECK_EQ(iocp_timer_set(timer, iocp_deadline_ns(HOUR), 0, 0, 0), i > 0);
	CHECK_EQ(iocp_timer_set(timer, 0, 0, 0, 0), 1);
	SET(gate, 1);
	CHECK_EQ(iocp_timer_close(timer, 0), 0);
	CHECK_EQ(calls, 2);
	/* Those that are left find nobody, or an object that is not theirs. */
	timer = make_timer(pool, count_call, &calls);
	CHECK_EQ(iocp_timer_close(timer, 0), 0);
	CHECK_EQ(iocp_work_close(work, 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
	CHECK_EQ(calls, 2);
}

static uint64_t times[8];

static void note_time(struct iocp_timer *timer, void *context)
{
	unsigned int n = ADD(calls, 1);

	(void)context;
	if (n <= ARRAY_SIZE(times))
		times[n - 1] = now_ns(CLOCK_MONOTONIC);
	if (n == ARRAY_SIZE(times))
		CHECK(iocp_timer_stop(timer) >= 0);
}

TEST(period)
{
	struct iocp_pool *pool = make_pool(1, 1);
	struct iocp_timer *timer = make_timer(pool, note_time, NULL);
	uint64_t start = now_ns(CLOCK_MONOTONIC) + 10 * MS;
	unsigned int i;

	CHECK_EQ(iocp_timer_set(timer, start, 5 * MS, 0, 0), 0);
	WAIT_UNTIL(GET(calls) >= ARRAY_SIZE(times));
	CHECK_EQ(iocp_timer_wait(timer), 0);
	CHECK_EQ(iocp_timer_is_set(timer), 0);
	for (i = 0; i < ARRAY_SIZE(times); i++)
		CHECK(times[i] >= start + i * 5 * MS);
	i = GET(calls);
	dev_sleep_ms(20);
	CHECK_EQ(GET(calls), i);
	CHECK_EQ(iocp_timer_close(timer, 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

/* A callback that is slower than the period: the next ones run beside it. */
TEST(period_shorter_than_the_callback)
{
	struct iocp_pool *pool = make_pool(4, 8);
	struct iocp_timer *timer = make_timer(pool, hold, NULL);

	CHECK_EQ(iocp_timer_set(timer, 0, 2 * MS, 0, 0), 0);
	WAIT_UNTIL(GET(entered) >= 3);
	SET(gate, 1);
	CHECK_EQ(iocp_timer_close(timer, 0), 0);
	CHECK_EQ(GET(calls), GET(entered));
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

static void set_again(struct iocp_timer *timer, void *context)
{
	if (ADD(calls, 1) < *(unsigned int *)context)
		CHECK_EQ(iocp_timer_set(timer, iocp_deadline_ns(MS / 10), 0, 0, 0), 0);
}

static void close_itself(struct iocp_timer *timer, void *context)
{
	(void)context;
	CHECK_EQ(iocp_timer_wait(timer), -EDEADLK);
	CHECK_EQ(iocp_timer_close(timer, 0), 0);
	CHECK_EQ(iocp_timer_close(timer, 0), 0);
	ADD(calls, 1);
}

TEST(from_its_own_callback)
{
	struct iocp_pool *pool = make_pool(0, 0);
	unsigned int n = 200;
	struct iocp_timer *timer = make_timer(pool, set_again, &n);

	CHECK_EQ(iocp_timer_set(timer, 0, 0, 0, 0), 0);
	WAIT_UNTIL(GET(calls) == n);
	CHECK_EQ(iocp_timer_close(timer, 0), 0);

	timer = make_timer(pool, close_itself, NULL);
	CHECK_EQ(iocp_timer_set(timer, 0, HOUR, 0, 0), 0);
	WAIT_UNTIL(GET(calls) == n + 1);
	CHECK_EQ(iocp_pool_close(pool), 0);
	WAIT_UNTIL(!dev_threads());
}

TEST(close_with_it_armed)
{
	struct iocp_pool *pool = make_pool(0, 0);
	unsigned int i;

	for (i = 0; i < 300; i++) {
		struct iocp_timer *timer = make_timer(pool, count_call, &calls);

		CHECK_EQ(iocp_timer_set(timer, i % 3 ? iocp_deadline_ns(HOUR) :
					iocp_deadline_ns(i * 1000), i & 1 ? MS : 0, 0, 0), 0);
		CHECK_EQ(iocp_timer_close(timer, i & 4 ? IOCP_WORK_CLOSE_DROP : 0), 0);
	}
	i = GET(calls);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
	CHECK_EQ(GET(calls), i);
}

TEST(close_without_waiting)
{
	struct iocp_pool *pool = make_pool(0, 0);
	struct iocp_timer *timer = make_timer(pool, hold, NULL);

	CHECK_EQ(iocp_timer_set(timer, 0, 0, 0, 0), 0);
	WAIT_UNTIL(GET(entered));
	CHECK_EQ(iocp_timer_close(timer, IOCP_WORK_CLOSE_NOWAIT), 0);
	CHECK_EQ(GET(calls), 0);
	CHECK_EQ(iocp_pool_close(pool), 0);
	SET(gate, 1);
	WAIT_UNTIL(!dev_threads());
	CHECK_EQ(GET(calls), 1);
}

/* Setters, stoppers and expiry at once; afterwards every callback is accounted for. */
static void *setter(void *arg)
{
	unsigned int i;

	for (i = 0; i < 2000; i++) {
		CHECK(iocp_timer_set(arg, iocp_deadline_ns(i % 7 * 20000), i % 5 ? 0 : 50000, 0,
				     0) >= 0);
		if (!(i % 11))
			CHECK(iocp_timer_stop(arg) >= 0);
		if (!(i % 13))
			CHECK_EQ(iocp_timer_wait(arg), 0);
		if (!(i % 17))
			CHECK_EQ(iocp_timer_drop(arg), 0);
	}
	return NULL;
}

TEST(everything_at_once)
{
	struct iocp_pool *pool = make_pool(2, 4);
	struct iocp_timer *timer = make_timer(pool, count_call, &calls);
	pthread_t t[3];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(t); i++)
		CHECK_EQ(pthread_create(&t[i], NULL, setter, timer), 0);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		pthread_join(t[i], NULL);
	CHECK(iocp_timer_stop(timer) >= 0);
	CHECK_EQ(iocp_timer_wait(timer), 0);
	i = GET(calls);
	dev_sleep_ms(10);
	CHECK_EQ(GET(calls), i);
	/* It still works, exactly. */
	CHECK_EQ(iocp_timer_set(timer, 0, 0, 0, 0), 0);
	WAIT_UNTIL(GET(calls) == i + 1);
	CHECK_EQ(iocp_timer_close(timer, 0), 0);
	CHECK_EQ(GET(calls), i + 1);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

TEST(ten_thousand)
{
	static struct iocp_timer *timers[10000];
	struct iocp_pool *pool = make_pool(2, 4);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(timers); i++) {
		timers[i] = make_timer(pool, count_call, &calls);
		CHECK_EQ(iocp_timer_set(timers[i], iocp_deadline_ns(HOUR), 0, 0, 0), 0);
	}
	CHECK(dev_threads() <= 4);
	for (i = 0; i < ARRAY_SIZE(timers); i++)
		CHECK_EQ(iocp_timer_set(timers[i], 0, 0, 0, 0), 1);
	for (i = 0; i < ARRAY_SIZE(timers); i++)
		CHECK_EQ(iocp_timer_close(timers[i], 0), 0);
	CHECK_EQ(GET(calls), ARRAY_SIZE(timers));
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

/* B14: in a child they are dead, and the parent's go on. */
TEST(fork_child)
{
	struct iocp_pool *pool = make_pool(0, 0);
	struct iocp_timer *timer = make_timer(pool, count_call, &calls);
	int status;
	pid_t pid;

	CHECK_EQ(iocp_timer_set(timer, iocp_deadline_ns(100 * MS), 0, 0, 0), 0);
	pid = dev_fork();
	CHECK(pid >= 0);
	if (!pid) {
		if (iocp_timer_set(timer, 0, 0, 0, 0) != -ESHUTDOWN ||
		    iocp_timer_stop(timer) != -ESHUTDOWN ||
		    iocp_timer_is_set(timer) != -ESHUTDOWN ||
		    iocp_timer_wait(timer) != -ESHUTDOWN || iocp_timer_close(timer, 0))
			_exit(1);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	WAIT_UNTIL(GET(calls) == 1);
	CHECK_EQ(iocp_timer_close(timer, 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}
