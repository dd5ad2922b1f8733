// SPDX-License-Identifier: GPL-2.0-only
/* Timers with Windows names: PL-20, and what environments and groups do to them. */
#include "dev.h"

#include <iocp/windows.h>

#define UNITS_PER_MS	INT64_C(10000)
#define EPOCH		INT64_C(116444736000000000)

static FILETIME filetime(int64_t units)
{
	return (FILETIME){ .dwLowDateTime = (DWORD)units, .dwHighDateTime = (DWORD)(units >> 32) };
}

/* @ms from now on */
static FILETIME in_ms(int64_t ms)
{
	return filetime(-ms * UNITS_PER_MS);
}

static int64_t utc(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return EPOCH + ts.tv_sec * INT64_C(10000000) + ts.tv_nsec / 100;
}

static unsigned int calls, entered, gate, cancelled;

static VOID CALLBACK count_call(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer)
{
	CHECK(instance && timer && context == &calls);
	ADD(calls, 1);
}

static VOID CALLBACK hold(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer)
{
	(void)instance, (void)context, (void)timer;
	ADD(entered, 1);
	WAIT_UNTIL(GET(gate));
	ADD(calls, 1);
}

static VOID CALLBACK hold_work(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
	(void)instance, (void)context;
	ADD(entered, 1);
	WAIT_UNTIL(GET(gate));
}

static PTP_TIMER make_timer(PTP_TIMER_CALLBACK callback, PTP_CALLBACK_ENVIRON env)
{
	PTP_TIMER timer = CreateThreadpoolTimer(callback, &calls, env);

	CHECK(timer);
	CHECK(!IsThreadpoolTimerSet(timer));
	return timer;
}

static void make_env(PTP_CALLBACK_ENVIRON env, PTP_POOL *pool, DWORD threads)
{
	*pool = CreateThreadpool(NULL);
	CHECK(*pool);
	SetThreadpoolThreadMaximum(*pool, threads);
	InitializeThreadpoolEnvironment(env);
	SetThreadpoolCallbackPool(env, *pool);
}

TEST(PL20_create)
{
	PTP_TIMER timer;

	SetLastError(0);
	CHECK(!CreateThreadpoolTimer(NULL, NULL, NULL));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	timer = make_timer(count_call, NULL);
	WaitForThreadpoolTimerCallbacks(timer, FALSE);
	CloseThreadpoolTimer(timer);
	/* B13: what is gone is recognised. */
	SetLastError(0);
	CHECK(!IsThreadpoolTimerSet(timer));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	SetThreadpoolTimer(timer, NULL, 0, 0);
	WaitForThreadpoolTimerCallbacks(timer, TRUE);
	CloseThreadpoolTimer(timer);
	CHECK(!SetThreadpoolTimerEx((PTP_TIMER)&timer, NULL, 0, 0));
	CHECK_EQ(calls, 0);
}

TEST(PL20_zero_is_now_and_negative_is_relative)
{
	PTP_TIMER timer = make_timer(count_call, NULL);
	FILETIME due = filetime(0);
	uint64_t start;

	SetThreadpoolTimer(timer, &due, 0, 0);
	WAIT_UNTIL(GET(calls) == 1);
	due = in_ms(30);
	start = dev_now_ms();
	SetThreadpoolTimer(timer, &due, 0, 0);
	WAIT_UNTIL(GET(calls) == 2);
	CHECK(dev_now_ms() + 1 >= start + 30);
	/* The largest there is. */
	due = filetime(INT64_MIN);
	CHECK(!SetThreadpoolTimerEx(timer, &due, 0, 0));
	dev_sleep_ms(5);
	CHECK_EQ(GET(calls), 2);
	CHECK(SetThreadpoolTimerEx(timer, NULL, 0, 0));
	CloseThreadpoolTimer(timer);
}

TEST(PL20_positive_is_utc)
{
	PTP_TIMER timer = make_timer(count_call, NULL);
	FILETIME due = filetime(1);	/* in 1601 */
	int64_t when;

	SetThreadpoolTimer(timer, &due, 0, 0);
	WAIT_UNTIL(GET(calls) == 1);
	when = utc() + 30 * UNITS_PER_MS;
	due = filetime(when);
	SetThreadpoolTimer(timer, &due, 0, 0);
	WAIT_UNTIL(GET(calls) == 2);
	CHECK(utc() >= when);
	due = filetime(INT64_MAX);
	CHECK(!SetThreadpoolTimerEx(timer, &due, 0, 0));
	CHECK(SetThreadpoolTimerEx(timer, NULL, 0, 0));
	CHECK_EQ(GET(calls), 2);
	CloseThreadpoolTimer(timer);
}

/* Set from the first set on, also when it has expired, until it is stopped. */
TEST(PL20_is_set)
{
	PTP_TIMER timer = make_timer(count_call, NULL);
	FILETIME due = filetime(0);

	SetThreadpoolTimer(timer, &due, 0, 0);
	WAIT_UNTIL(GET(calls) == 1);
	WaitForThreadpoolTimerCallbacks(timer, FALSE);
	CHECK(IsThreadpoolTimerSet(timer));
	SetThreadpoolTimer(timer, NULL, 0, 0);
	CHECK(!IsThreadpoolTimerSet(timer));
	CloseThreadpoolTimer(timer);
}

/* Ex tells whether there was one that had not expired. */
TEST(PL20_replaced)
{
	PTP_TIMER timer = make_timer(count_call, NULL);
	FILETIME now = filetime(0), later = in_ms(3600 * 1000);

	CHECK(!SetThreadpoolTimerEx(timer, NULL, 0, 0));
	CHECK(!SetThreadpoolTimerEx(timer, &later, 0, 0));
	CHECK(SetThreadpoolTimerEx(timer, &later, 1000, 0));
	CHECK(SetThreadpoolTimerEx(timer, &now, 0, 0));
	WAIT_UNTIL(GET(calls) == 1);
	CHECK(!SetThreadpoolTimerEx(timer, &later, 0, 0));
	CHECK(SetThreadpoolTimerEx(timer, NULL, 0, 0));
	CHECK(!SetThreadpoolTimerEx(timer, NULL, 0, 0));
	CHECK_EQ(GET(calls), 1);
	CloseThreadpoolTimer(timer);
}

/* Waiting does not wait for expiry, only for callbacks. */
TEST(PL20_wait)
{
	PTP_TIMER timer = make_timer(count_call, NULL);
	FILETIME due = in_ms(3600 * 1000);

	SetThreadpoolTimer(timer, &due, 0, 0);
	WaitForThreadpoolTimerCallbacks(timer, FALSE);
	WaitForThreadpoolTimerCallbacks(timer, TRUE);
	CHECK(SetThreadpoolTimerEx(timer, NULL, 0, 0));
	CHECK_EQ(calls, 0);
	CloseThreadpoolTimer(timer);
}

/* Once a timer is closed, and whoever does it has had time to wait. */
static void *open_gate(void *timer)
{
	WAIT_UNTIL(!timer || !IsThreadpoolTimerSet(timer));
	dev_sleep_ms(50);
	SET(gate, 1);
	return NULL;
}

/* NULL stops; callbacks that are queued run all the same, or are dropped by a wait. */
TEST(PL20_queued)
{
	TP_CALLBACK_ENVIRON env;
	FILETIME due = filetime(0);
	PTP_TIMER timer, dropped;
	PTP_POOL pool;
	pthread_t t;

	make_env(&env, &pool, 1);
	CHECK(TrySubmitThreadpoolCallback(hold_work, NULL, &env));
	WAIT_UNTIL(GET(entered) == 1);
	timer = make_timer(count_call, &env);
	dropped = make_timer(count_call, &env);
	SetThreadpoolTimer(timer, &due, 0, 0);
	CHECK(!SetThreadpoolTimerEx(timer, NULL, 0, 0));
	SetThreadpoolTimer(dropped, &due, 0, 0);
	WaitForThreadpoolTimerCallbacks(dropped, TRUE);
	CHECK_EQ(pthread_create(&t, NULL, open_gate, NULL), 0);
	WaitForThreadpoolTimerCallbacks(timer, FALSE);
	CHECK_EQ(GET(calls), 1);
	pthread_join(t, NULL);
	CloseThreadpoolTimer(timer);
	CloseThreadpoolTimer(dropped);
	CloseThreadpool(pool);
	WAIT_UNTIL(!dev_threads());
	CHECK_EQ(GET(calls), 1);
}

TEST(PL20_period)
{
	PTP_TIMER timer = make_timer(count_call, NULL);
	FILETIME due = filetime(0);
	uint64_t start = dev_now_ms();
	unsigned int n;

	/* 0 with a period: now, and then each period */
	SetThreadpoolTimer(timer, &due, 10, 0);
	WAIT_UNTIL(GET(calls) >= 5);
	CHECK(dev_now_ms() + 1 >= start + 40);
	SetThreadpoolTimer(timer, NULL, 0, 0);
	WaitForThreadpoolTimerCallbacks(timer, TRUE);
	n = GET(calls);
	dev_sleep_ms(30);
	CHECK_EQ(GET(calls), n);
	/* With a window it is later, and not earlier. */
	start = dev_now_ms();
	due = in_ms(20);
	SetThreadpoolTimer(timer, &due, 0, 50);
	WAIT_UNTIL(GET(calls) == n + 1);
	CHECK(dev_now_ms() + 1 >= start + 20);
	CloseThreadpoolTimer(timer);
}

/* Close: what is due still runs; what is not due never does. */
TEST(PL20_close)
{
	TP_CALLBACK_ENVIRON env;
	FILETIME due = filetime(0), soon = in_ms(20);
	PTP_TIMER timer;
	PTP_POOL pool;

	make_env(&env, &pool, 1);
	CHECK(TrySubmitThreadpoolCallback(hold_work, NULL, &env));
	WAIT_UNTIL(GET(entered) == 1);
	timer = make_timer(count_call, &env);
	SetThreadpoolTimer(timer, &due, 0, 0);
	CloseThreadpoolTimer(timer);
	timer = make_timer(count_call, &env);
	SetThreadpoolTimer(timer, &soon, 10, 0);
	CloseThreadpoolTimer(timer);
	SET(gate, 1);
	WAIT_UNTIL(GET(calls) == 1);
	dev_sleep_ms(40);
	CHECK_EQ(GET(calls), 1);
	CloseThreadpool(pool);
	WAIT_UNTIL(!dev_threads());
}

static VOID CALLBACK own(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer)
{
	FILETIME due = in_ms(1);

	(void)instance, (void)context;
	WaitForThreadpoolTimerCallbacks(timer, FALSE);	/* TR-23: does not wait */
	if (ADD(calls, 1) < 20) {
		SetThreadpoolTimer(timer, &due, 0, 0);
		return;
	}
	CloseThreadpoolTimer(timer);
	ADD(entered, 1);
}

TEST(PL20_in_its_own_callback)
{
	PTP_TIMER timer = make_timer(own, NULL);
	FILETIME due = filetime(0);

	SetThreadpoolTimer(timer, &due, 0, 0);
	WAIT_UNTIL(GET(entered) == 1);
	CHECK_EQ(GET(calls), 20);
}

static VOID CALLBACK was_cancelled(PVOID context, PVOID cleanup)
{
	CHECK(context == &calls && cleanup == &gate);
	ADD(cancelled, 1);
}

/* PL-15, PL-16: a group closes timers that are set, with what they have queued. */
TEST(PL15_group)
{
	PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
	FILETIME now = filetime(0), later = in_ms(3600 * 1000);
	TP_CALLBACK_ENVIRON env;
	PTP_TIMER timer[3];
	PTP_POOL pool;
	pthread_t t;
	int i;

	make_env(&env, &pool, 1);
	SetThreadpoolCallbackCleanupGroup(&env, group, was_cancelled);
	timer[0] = make_timer(hold, &env);
	timer[1] = make_timer(count_call, &env);
	timer[2] = make_timer(count_call, &env);	/* the last, and closed last */
	SetThreadpoolTimer(timer[0], &now, 0, 0);
	WAIT_UNTIL(GET(entered) == 1);
	SetThreadpoolTimer(timer[1], &now, 0, 0);
	SetThreadpoolTimer(timer[2], &later, 10, 0);
	CHECK_EQ(pthread_create(&t, NULL, open_gate, timer[2]), 0);
	CloseThreadpoolCleanupGroupMembers(group, TRUE, &gate);
	CHECK_EQ(GET(calls), 1);
	CHECK_EQ(cancelled, 3);
	pthread_join(t, NULL);
	for (i = 0; i < 3; i++)
		CHECK(!SetThreadpoolTimerEx(timer[i], &now, 0, 0));
	CloseThreadpoolCleanupGroup(group);
	CloseThreadpool(pool);
	WAIT_UNTIL(!dev_threads());
	CHECK_EQ(GET(calls), 1);
}

static unsigned int order[2], nr_order;

/* One after the other: the pool has one thread. */
static void note(unsigned int which)
{
	order[nr_order] = which;
	SET(nr_order, nr_order + 1);
}

static VOID CALLBACK high(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer)
{
	(void)instance, (void)context, (void)timer;
	note(1);
}

static VOID CALLBACK normal(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer)
{
	(void)instance, (void)context, (void)timer;
	note(2);
}

/* PL-13 */
TEST(PL13_priority)
{
	FILETIME due = filetime(0);
	TP_CALLBACK_ENVIRON env;
	PTP_TIMER timer[2];
	PTP_POOL pool;

	make_env(&env, &pool, 1);
	CHECK(TrySubmitThreadpoolCallback(hold_work, NULL, &env));
	WAIT_UNTIL(GET(entered) == 1);
	timer[0] = make_timer(normal, &env);
	SetThreadpoolCallbackPriority(&env, TP_CALLBACK_PRIORITY_HIGH);
	timer[1] = make_timer(high, &env);
	SetThreadpoolTimer(timer[0], &due, 0, 0);
	SetThreadpoolTimer(timer[1], &due, 0, 0);
	SET(gate, 1);
	WAIT_UNTIL(GET(nr_order) == 2);
	CHECK_EQ(order[0], 1);
	CHECK_EQ(order[1], 2);
	CloseThreadpoolTimer(timer[0]);
	CloseThreadpoolTimer(timer[1]);
	CloseThreadpool(pool);
}
