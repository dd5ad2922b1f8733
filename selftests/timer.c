// SPDX-License-Identifier: GPL-2.0-only
/*
 * timer.c - TIMER: when it comes, that it comes once, and what ends it sooner.
 */
#include "iocp_test.h"

FIXTURE(timer) {
	struct port port;
	struct objects base;
};

/* With a ring and without, because packets go another way. */
FIXTURE_VARIANT(timer) {
	u32 ring_entries;
};

FIXTURE_VARIANT_ADD(timer, list) { .ring_entries = 0 };
FIXTURE_VARIANT_ADD(timer, ring) { .ring_entries = 256 };

FIXTURE_SETUP(timer)
{
	ASSERT_EQ(0, objects_base(&self->base));
	memset(&self->port, 0, sizeof(self->port));
	self->port.setup.concurrency = 2;
	self->port.setup.ring_entries = variant->ring_entries;
	self->port.setup.max_inflight = 1U << 16;
	ASSERT_EQ(0, port_create(&self->port));
}

FIXTURE_TEARDOWN(timer)
{
	PORT_FIXTURE_TEARDOWN();
}

#define FD	(self->port.fd)
#define HOUR	(3600 * 1000 * NSEC_PER_MSEC)
#define FAR	(now_ns() + HOUR)

/* Arms a timer that does not expire by itself here; its id goes to *@id. */
#define PENDING(overlapped, id) do {					\
	struct iocp_op op_ = op_timer(overlapped, FAR, 0);		\
									\
	ASSERT_EQ(1, submit_id(FD, &op_, 1, NULL, id));			\
	ASSERT_EQ(0, STAT(FD, queued));					\
} while (0)

#define CAME(overlapped_, res_) do {					\
	struct iocp_packet p_;						\
									\
	ASSERT_EQ(1, reap(FD, &p_, 1));					\
	EXPECT_EQ(overlapped_, p_.overlapped);				\
	EXPECT_EQ(res_, p_.res);					\
	EXPECT_EQ(0, p_.info);						\
	EXPECT_EQ(IOCP_PKT_KIND_TIMER, pkt_kind(&p_));			\
	EXPECT_EQ(0, p_.flags & (IOCP_PKT_F_CLOSED | IOCP_PKT_F_PARTIAL)); \
} while (0)

static u64 real_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* ------------------------------------------------------------------- when */

TEST_F(timer, is_known)
{
	struct iocp_query q;

	ASSERT_EQ(0, port_query(FD, &q));
	EXPECT_TRUE(q.ops >> IOCP_OP_TIMER & 1);
}

TEST_F(timer, never_early)
{
	unsigned int i, n = rounds(200);
	struct iocp_packet p;

	for (i = 0; i < n; i++) {
		u64 due = now_ns() + i * 20000;
		u64 slack = i & 1 ? 0 : i * 1000;

		ASSERT_EQ(0, submit_queued(FD, op_timer(i, due, slack)));
		ASSERT_EQ(1, reap(FD, &p, 1));
		EXPECT_LE(due, now_ns());
		EXPECT_EQ(i, p.overlapped);
		EXPECT_EQ(0, p.res);
	}
}

TEST_F(timer, each_one_once)
{
	u64 due = in_ms(20);

	ASSERT_EQ(0, submit_queued(FD, op_timer(1, due, 0)));
	CAME(1, 0);
	EXPECT_EQ(0, STAT(FD, inflight));
	usleep(1000);
	EXPECT_EQ(-ETIME, reap_none(FD));
}

/* Of one CPU: each has timers of its own. */
TEST_F(timer, in_the_order_of_their_times)
{
	u64 start;
	struct iocp_op ops[64];
	struct iocp_packet p[64];
	unsigned int i;

	pin_to_cpu(0);
	start = in_ms(300);
	for (i = 0; i < 64; i++)
		ops[i] = op_timer(i * 37 % 64, start + i * 37 % 64 * 10000, 0);
	ASSERT_EQ(64, submit(FD, ops, 64, NULL));
	if (now_ns() > start)
		SKIP(return, "this machine was too slow to arm them all in time");
	ASSERT_EQ(64, reap(FD, p, 64));
	for (i = 0; i < 64; i++)
		EXPECT_EQ(i, p[i].overlapped);
}

/*
 * The first would come in a minute if its slack were not used: it joins the second,
 * as the machine wakes for that anyway.
 */
TEST_F(timer, slack_lets_it_join_another)
{
	u64 due;
	struct iocp_packet p[2];

	/* Every sleep there is such a timer, and those that are due later stand between. */
	if (!access("/sys/kernel/realtime", F_OK))
		SKIP(return, "on PREEMPT_RT it joins another one later");
	pin_to_cpu(0);
	due = in_ms(200);
	ASSERT_EQ(0, submit_queued(FD, op_timer(1, due, 60 * 1000 * NSEC_PER_MSEC)));
	ASSERT_EQ(0, submit_queued(FD, op_timer(2, due + 100 * NSEC_PER_MSEC, 0)));
	ASSERT_EQ(2, reap(FD, p, 2));
	EXPECT_EQ(3, p[0].overlapped + p[1].overlapped);
	EXPECT_LE(due + 100 * NSEC_PER_MSEC, now_ns());
}

TEST_F(timer, past_times_come_at_once)
{
	const u64 dues[] = { 0, 1, now_ns() - 1 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(dues); i++) {
		ASSERT_EQ(0, submit_queued(FD, op_timer(i, dues[i], 0)));
		EXPECT_EQ(1, STAT(FD, queued));
		CAME(i, 0);
	}
}

TEST_F(timer, past_times_may_be_answered_inline)
{
	struct iocp_op op = op_timer(1, 1, 0);
	struct outcome o;

	op.flags = IOCP_OP_F_INLINE_OK;
	ASSERT_EQ(0, run_op(FD, op, &o));
	EXPECT_EQ(IOCP_RESULT_DONE, o.state);
	EXPECT_EQ(0, o.res);
	EXPECT_EQ(0, o.info);
	EXPECT_EQ(-ETIME, reap_none(FD));
	/* Without an array for results there is nobody to tell, so it is a packet. */
	ASSERT_EQ(1, submit(FD, &op, 1, NULL));
	CAME(1, 0);
	/* And one that has to be waited for is none. */
	op.addr = in_ms(500);
	ASSERT_EQ(0, run_op(FD, op, &o));
	EXPECT_EQ(IOCP_RESULT_QUEUED, o.state);
	/* FORCE_PUNT: not in the caller. */
	op.addr = 1;
	op.flags |= IOCP_OP_F_FORCE_PUNT;
	ASSERT_EQ(0, run_op(FD, op, &o));
	EXPECT_EQ(IOCP_RESULT_QUEUED, o.state);
	EXPECT_EQ(IOCP_PKT_KIND_TIMER, pkt_kind(&o.pkt));
}

TEST_F(timer, beyond_all_times_never_comes)
{
	const u64 dues[] = { 1ULL << 63, ~0ULL, (1ULL << 63) - 1 };
	struct iocp_cancel c = { .flags = IOCP_CANCEL_ALL_MINE };
	struct iocp_packet p[6];
	unsigned int i;

	for (i = 0; i < 3; i++) {
		struct iocp_op op = op_timer(i, dues[i], i ? ~0ULL : 0);

		ASSERT_EQ(0, submit_queued(FD, op));
		op.op_flags = IOCP_TIMER_REALTIME;
		ASSERT_EQ(0, submit_queued(FD, op));
	}
	usleep(2000);
	EXPECT_EQ(-ETIME, reap_none(FD));
	ASSERT_EQ(0, cancel(FD, &c));
	EXPECT_EQ(6, c.nr_cancelled);
	EXPECT_EQ(6, reap(FD, p, 6));
}

TEST_F(timer, realtime_is_never_early)
{
	struct iocp_op op = op_timer(1, real_ns() + 20 * NSEC_PER_MSEC, 0);

	op.op_flags = IOCP_TIMER_REALTIME;
	ASSERT_EQ(0, submit_queued(FD, op));
	CAME(1, 0);
	EXPECT_LE(op.addr, real_ns());
	/* One second after the epoch. */
	op.addr = 1000000000;
	ASSERT_EQ(0, submit_queued(FD, op));
	EXPECT_EQ(1, STAT(FD, queued));
	CAME(1, 0);
}

/* Somebody sets the clock: realtime follows, monotonic does not. */
TEST_F(timer, realtime_follows_the_clock)
{
	struct iocp_op op = op_timer(1, real_ns() + HOUR / 2, 0);
	struct timespec before, set;
	u64 t0 = now_ns();
	struct iocp_packet p;
	int ret;

	op.op_flags = IOCP_TIMER_REALTIME;
	ASSERT_EQ(0, submit_queued(FD, op));
	ASSERT_EQ(0, submit_queued(FD, op_timer(2, t0 + HOUR / 2, 0)));
	clock_gettime(CLOCK_REALTIME, &before);
	set = before;
	set.tv_sec += 3600;
	if (clock_settime(CLOCK_REALTIME, &set))
		SKIP(return, "the clock cannot be set here");
	ret = reap(FD, &p, 1);
	before.tv_sec += (now_ns() - t0) / 1000000000;
	clock_settime(CLOCK_REALTIME, &before);
	ASSERT_EQ(1, ret);
	EXPECT_EQ(1, p.overlapped);
	EXPECT_EQ(-ETIME, reap_none(FD));
}

/* ----------------------------------------------------------- what it tells */

TEST_F(timer, key_and_priority)
{
	struct iocp_op op = op_timer(1, 1, 0);
	struct iocp_packet p[2];

	ASSERT_EQ(0, submit_queued(FD, op));
	op = op_timer(2, 1, 0);
	op.flags = IOCP_OP_F_KEY_IN_AUX2 | IOCP_PRIO_HIGH << IOCP_OP_F_PRIO_SHIFT;
	op.aux2 = 0xfeedfacecafebeefULL;
	ASSERT_EQ(0, submit_queued(FD, op));
	ASSERT_EQ(2, reap(FD, p, 2));
	EXPECT_EQ(2, p[0].overlapped);
	EXPECT_EQ(0xfeedfacecafebeefULL, p[0].key);
	EXPECT_EQ(IOCP_PRIO_HIGH, pkt_prio(&p[0]));
	EXPECT_EQ(1, p[1].overlapped);
	EXPECT_EQ(0, p[1].key);
}

TEST_F(timer, unknown_flags_are_EINVAL)
{
	const u32 bad[] = { 1U << 1, 1U << 16, 1U << 31, ~0U };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct iocp_op op = op_timer(1, 1, 0);

		op.op_flags = bad[i];
		EXPECT_EQ(-EINVAL, submit_queued(FD, op));
	}
	EXPECT_EQ(0, STAT(FD, inflight));
	EXPECT_EQ(-ETIME, reap_none(FD));
}

TEST_F(timer, is_handed_to_the_newest_waiter)
{
	static struct puppet t[2];
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, puppet_start(&t[i]));
		puppet_wait(&t[i], FD, 1, FOREVER, 0);
		ASSERT_TRUE(WAIT_FOR(STAT(FD, waiting) == i + 1));
	}
	ASSERT_EQ(0, submit_queued(FD, op_timer(7, in_ms(10), 0)));
	ASSERT_TRUE(puppet_done(&t[1]));
	EXPECT_EQ(1, t[1].ret);
	EXPECT_EQ(7, t[1].pkts[0].overlapped);
	EXPECT_TRUE(puppet_still_waits(&t[0]));
	EXPECT_EQ(1, STAT(FD, handed));
	ASSERT_EQ(1, post(FD, 1));
	ASSERT_TRUE(puppet_done(&t[0]));
	puppet_stop(&t[0]);
	puppet_stop(&t[1]);
}

/* ----------------------------------------------------------------- cancel */

#define COUNTS(c, cancelled) do {					\
	EXPECT_EQ(cancelled, (c)->nr_cancelled);			\
	EXPECT_EQ(0, (c)->nr_running);					\
	EXPECT_EQ(0, (c)->nr_unstoppable);				\
} while (0)

TEST_F(timer, cancel_by_id)
{
	struct iocp_cancel c;
	u64 a, b;

	PENDING(1, &a);
	PENDING(2, &b);
	ASSERT_EQ(0, cancel_id(FD, b, &c));
	COUNTS(&c, 1);
	CAME(2, -ECANCELED);
	EXPECT_EQ(-ENOENT, cancel_id(FD, b, &c));
	/* The same, by the short way. */
	c = (struct iocp_cancel){
		.flags = IOCP_CANCEL_BY_ID | IOCP_CANCEL_BY_ASSOC, .assoc = IOCP_NO_ASSOC,
		.id = b,
	};
	EXPECT_EQ(-ENOENT, cancel(FD, &c));
	c.id = a;
	ASSERT_EQ(0, cancel(FD, &c));
	COUNTS(&c, 1);
	CAME(1, -ECANCELED);
	EXPECT_EQ(-ETIME, reap_none(FD));
}

TEST_F(timer, cancel_by_overlapped)
{
	struct iocp_cancel c = { .flags = IOCP_CANCEL_BY_OVERLAPPED, .overlapped = 2 };
	u64 id;

	PENDING(1, &id);
	PENDING(2, &id);
	PENDING(2, &id);
	ASSERT_EQ(0, cancel(FD, &c));
	COUNTS(&c, 2);
	CAME(2, -ECANCELED);
	CAME(2, -ECANCELED);
	EXPECT_EQ(1, STAT(FD, inflight));
}

/* Those without a file only, and nobody else's. */
TEST_F(timer, cancel_those_without_a_file)
{
	struct iocp_cancel c = { .flags = IOCP_CANCEL_BY_ASSOC, .assoc = IOCP_NO_ASSOC };
	struct assoc as;
	int pfd[2];
	char buf[4];
	u64 id;

	EXPECT_EQ(-ENOENT, cancel(FD, &c));
	ASSERT_EQ(0, pipe(pfd));
	ASSERT_EQ(0, assoc_add(FD, pfd[0], 1, &as));
	ASSERT_EQ(0, submit_queued(FD, op_read(&as, 9, buf, 4, 0)));
	EXPECT_EQ(-ENOENT, cancel(FD, &c));
	PENDING(1, &id);
	PENDING(2, &id);
	c.assoc_gen = 1;
	EXPECT_EQ(-ENOENT, cancel(FD, &c));
	c.assoc_gen = 0;
	ASSERT_EQ(0, cancel(FD, &c));
	COUNTS(&c, 2);
	CAME(1, -ECANCELED);
	CAME(2, -ECANCELED);
	EXPECT_EQ(1, STAT(FD, inflight));
	/* It has no name for anything else. */
	as = (struct assoc){ .index = IOCP_NO_ASSOC };
	EXPECT_EQ(-ENOENT, assoc_del(FD, &as, 0, 0));
	EXPECT_EQ(-ENOENT, assoc_modes(FD, &as, IOCP_MODE_SKIP_ON_SUCCESS, NULL));
}

static void *arm_one(void *arg)
{
	return ptr(submit_queued(*(int *)arg, op_timer(5, FAR, 0)));
}

TEST_F(timer, cancel_of_this_thread)
{
	struct iocp_cancel c = { .flags = IOCP_CANCEL_ALL_MINE | IOCP_CANCEL_THIS_THREAD };
	pthread_t t;
	void *ret;
	u64 id;

	/* What a thread armed outlives it. */
	ASSERT_EQ(0, pthread_create(&t, NULL, arm_one, &FD));
	ASSERT_EQ(0, pthread_join(t, &ret));
	ASSERT_EQ(NULL, ret);
	PENDING(1, &id);
	ASSERT_EQ(0, cancel(FD, &c));
	COUNTS(&c, 1);
	CAME(1, -ECANCELED);
	c.flags = IOCP_CANCEL_ALL_MINE;
	ASSERT_EQ(0, cancel(FD, &c));
	COUNTS(&c, 1);
	CAME(5, -ECANCELED);
}

TEST_F(timer, cancel_against_expiry)
{
	unsigned int i, n = rounds(3000), cancelled = 0;

	for (i = 0; i < n; i++) {
		u64 due = now_ns() + i * 7919 % 60000;
		struct iocp_op op = op_timer(i, due, 0);
		struct iocp_packet p;
		struct iocp_cancel c;
		u64 id, until;
		int ret;

		ASSERT_EQ(1, submit_id(FD, &op, 1, NULL, &id));
		for (until = now_ns() + i * 104729 % 60000; now_ns() < until; )
			;
		ret = cancel_id(FD, id, &c);
		ASSERT_EQ(1, reap(FD, &p, 1));
		EXPECT_EQ(i, p.overlapped);
		EXPECT_EQ(ret ? -ENOENT : 0, ret);
		EXPECT_EQ(ret ? 0 : 1, c.nr_cancelled + c.nr_running);
		EXPECT_EQ(c.nr_cancelled ? -ECANCELED : 0, p.res);
		if (!p.res) {
			EXPECT_LE(due, now_ns());
		}
		cancelled += c.nr_cancelled;
		ASSERT_EQ(0, STAT(FD, inflight));
	}
	EXPECT_EQ(-ETIME, reap_none(FD));
	TH_LOG("%u of %u were cancelled in time", cancelled, n);
}

TEST_F(timer, probe_only_asks)
{
	struct iocp_cancel c = { .flags = IOCP_CANCEL_PROBE | IOCP_CANCEL_ALL_MINE };
	u64 a, b;

	EXPECT_EQ(-ENOENT, cancel(FD, &c));
	PENDING(1, &a);
	PENDING(2, &b);
	ASSERT_EQ(0, cancel(FD, &c));
	EXPECT_EQ(2, c.nr_running);
	EXPECT_EQ(0, c.nr_cancelled);
	c = (struct iocp_cancel){
		.flags = IOCP_CANCEL_PROBE | IOCP_CANCEL_BY_ID | IOCP_CANCEL_BY_ASSOC,
		.assoc = IOCP_NO_ASSOC, .id = b,
	};
	ASSERT_EQ(0, cancel(FD, &c));
	EXPECT_EQ(1, c.nr_running);
	EXPECT_EQ(-ETIME, reap_none(FD));
	ASSERT_EQ(0, cancel_id(FD, b, &c));
	/* Its packet has been made, and has not been taken. */
	c.flags |= IOCP_CANCEL_PROBE;
	EXPECT_EQ(-ENOENT, cancel(FD, &c));
	CAME(2, -ECANCELED);
}

/* The largest port there can be needs no memory in advance. */
TEST_F(timer, max_inflight_of_all_ones_reserves_nothing)
{
	struct port port = { .setup = { .concurrency = 1, .max_inflight = ~0U } };
	struct objects before, after;

	ASSERT_EQ(0, objects_read(&before));
	ASSERT_EQ(0, port_create(&port));
	ASSERT_EQ(0, objects_read(&after));
	EXPECT_EQ(before.requests, after.requests);
	EXPECT_EQ(self->port.setup.max_inflight, port.setup.max_inflight);
	port_close(&port);
}

static bool stop;

static void *cancels_all(void *arg)
{
	struct iocp_cancel c = { .flags = IOCP_CANCEL_ALL_MINE };
	u64 total = 0;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		cancel(*(int *)arg, &c);
		total += c.nr_cancelled;
	}
	return ptr(total);
}

/* Another thread cancels while they are armed, expire and are reaped. */
TEST_F(timer, exactly_one_packet_whoever_is_first)
{
	unsigned int i, j, n = rounds(150);
	struct iocp_op ops[64];
	struct iocp_packet p[64];
	u64 cancelled = 0;
	pthread_t t;
	void *total;

	ASSERT_EQ(0, pthread_create(&t, NULL, cancels_all, &FD));
	for (i = 0; i < n; i++) {
		u64 seen = 0;

		for (j = 0; j < 64; j++)
			ops[j] = op_timer(j, now_ns() + (j * 7919 + i * 31) % 300000, 0);
		ASSERT_EQ(64, submit(FD, ops, 64, NULL));
		ASSERT_EQ(64, reap(FD, p, 64));
		for (j = 0; j < 64; j++) {
			seen |= 1ULL << p[j].overlapped;
			cancelled += p[j].res == -ECANCELED;
			EXPECT_TRUE(p[j].res == 0 || p[j].res == -ECANCELED);
		}
		EXPECT_EQ(~0ULL, seen);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(t, &total));
	EXPECT_EQ(cancelled, addr(total));
	EXPECT_EQ(-ETIME, reap_none(FD));
	EXPECT_EQ(0, STAT(FD, inflight));
}

/* ----------------------------------------------------------------- limits */

/* As many as a port grants, and no more: 65536, where the machine is not too slow. */
TEST_F_TIMEOUT(timer, very_many, 300)
{
	struct iocp_cancel c = { .flags = IOCP_CANCEL_ALL_MINE };
	const unsigned int n = rounds(256) * 256;
	struct iocp_op ops[256];
	struct iocp_packet *p;
	unsigned int i, j;
	u64 far = FAR;

	port_close(&self->port);
	self->port.setup.max_inflight = n;
	ASSERT_EQ(0, port_create(&self->port));
	ASSERT_EQ(n, self->port.setup.max_inflight);
	for (i = 0; i < n; i += 256) {
		for (j = 0; j < 256; j++)
			ops[j] = op_timer(i + j, far - i * 1000ULL + j, 0);
		ASSERT_EQ(256, submit(FD, ops, 256, NULL));
	}
	EXPECT_EQ(n, STAT(FD, inflight));
	EXPECT_EQ(-EAGAIN, submit(FD, ops, 1, NULL));
	ASSERT_EQ(0, cancel(FD, &c));
	COUNTS(&c, n);
	p = calloc(n, sizeof(*p));
	ASSERT_NE(NULL, p);
	ASSERT_EQ(n, reap(FD, p, n));
	for (i = 0; i < n; i++)
		if (p[i].res != -ECANCELED || p[i].overlapped >= n)
			break;
	EXPECT_EQ(n, i);
	free(p);
	EXPECT_EQ(0, STAT(FD, inflight));
	ASSERT_EQ(0, submit_queued(FD, op_timer(1, 1, 0)));
	CAME(1, 0);
}

TEST_F(timer, shutdown_with_timers_armed)
{
	u64 id;

	PENDING(1, &id);
	ASSERT_EQ(0, submit_queued(FD, op_timer(2, in_ms(300), 0)));
	ASSERT_EQ(0, port_shutdown(FD, NULL));
	ASSERT_TRUE(WAIT_FOR(STAT(FD, dropped) == 1));
	EXPECT_EQ(-ESHUTDOWN, submit_queued(FD, op_timer(3, 1, 0)));
	EXPECT_EQ(1, STAT(FD, inflight));
}

TEST_F(timer, close_with_timers_armed)
{
	struct iocp_op ops[512];
	unsigned int i;

	for (i = 0; i < 512; i++)
		ops[i] = op_timer(i, i & 1 ? FAR : now_ns() + i * 5000, 0);
	ASSERT_EQ(512, submit(FD, ops, 512, NULL));
}

/* -------------------------------------------------------------- processes */

#define NR_ARMED	4096

static int arm_many(int fd)
{
	struct iocp_op ops[256];
	unsigned int i, j;

	for (i = 0; i < NR_ARMED; i += 256) {
		for (j = 0; j < 256; j++)
			ops[j] = op_timer(i + j, FAR, 0);
		if (submit(fd, ops, 256, NULL) != 256)
			return -1;
	}
	return 0;
}

FIXTURE(end) {
	struct port port;
	struct objects base;
	struct iocp_packet p[NR_ARMED];
};

FIXTURE_VARIANT(end) {
	char how;
};

FIXTURE_VARIANT_ADD(end, exit) { .how = 'e' };
FIXTURE_VARIANT_ADD(end, kill) { .how = 'k' };
FIXTURE_VARIANT_ADD(end, exec) { .how = 'x' };

FIXTURE_SETUP(end)
{
	PORT_FIXTURE_SETUP(2, 0);
}

FIXTURE_TEARDOWN(end)
{
	PORT_FIXTURE_TEARDOWN();
}

/* They end with the process that armed them, and the port's other holders are told. */
TEST_F(end, of_the_process)
{
	unsigned int i;
	int status;
	pid_t pid;

	ASSERT_EQ(0, submit_queued(FD, op_timer(NR_ARMED, in_ms(1), 0)));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct iocp_cancel c = { .flags = IOCP_CANCEL_ALL_MINE };
		struct port own;

		/* The parent's is not the child's. */
		if (cancel(FD, &c) != -ENOENT || port_new(&own, 1, 0) || arm_many(own.fd))
			_exit(1);
		if (submit_queued(FD, op_timer(0, FAR, 0)))
			_exit(2);
		if (variant->how == 'k')
			kill(getpid(), SIGKILL);
		if (variant->how == 'x')
			execl("/bin/sh", "sh", "-c", "exit 0", NULL);
		_exit(variant->how == 'e' ? 0 : 3);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(variant->how == 'k' ? SIGKILL : 0, status);
	ASSERT_EQ(2, reap(FD, self->p, 2));
	for (i = 0; i < 2; i++) {
		bool ours = self->p[i].overlapped;

		EXPECT_EQ(ours ? 0 : -ECANCELED, self->p[i].res);
		EXPECT_EQ(ours ? 0 : IOCP_PKT_F_CLOSED, self->p[i].flags & IOCP_PKT_F_CLOSED);
	}
}

/* The same with very many, in the port of somebody who stays. */
TEST_F(end, of_the_process_with_many)
{
	unsigned int i;
	int status;
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		if (arm_many(FD))
			_exit(1);
		if (variant->how == 'k')
			kill(getpid(), SIGKILL);
		if (variant->how == 'x')
			execl("/bin/sh", "sh", "-c", "exit 0", NULL);
		_exit(variant->how == 'e' ? 0 : 3);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(variant->how == 'k' ? SIGKILL : 0, status);
	ASSERT_EQ(NR_ARMED, reap(FD, self->p, NR_ARMED));
	for (i = 0; i < NR_ARMED; i++)
		if (self->p[i].res != -ECANCELED || !(self->p[i].flags & IOCP_PKT_F_CLOSED))
			break;
	EXPECT_EQ(NR_ARMED, i);
	EXPECT_EQ(0, STAT(FD, inflight));
	/* And it goes on for others. */
	ASSERT_EQ(0, submit_queued(FD, op_timer(1, in_ms(1), 0)));
	CAME(1, 0);
}

TEST_HARNESS_MAIN
