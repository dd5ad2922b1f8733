// SPDX-License-Identifier: GPL-2.0-only
/*
 * wait.c - ENTER's wait: who is woken, with what, and how it ends without a
 * packet.
 */
#include "iocp_test.h"

/* More threads may run than any test here has, so the limit plays no part. */
#define NO_LIMIT	64

PORT_FIXTURE(wait, NO_LIMIT, 64)

#define PARK(t, fd, nr, n_waiting) do {					\
	puppet_wait(t, fd, nr, FOREVER, 0);				\
	ASSERT_TRUE(WAIT_FOR(STAT(fd, waiting) == (n_waiting)));	\
} while (0)

/* ------------------------------------------------------- order of wake-ups */

/* CP-23: T1 blocks, then T0; 3, 4, 5 are posted: T0 gets 3, T1 4, the poster 5. */
TEST_F(wait, CP23_newest_waiter_first)
{
	static struct puppet t0, t1;
	int fd = self->port.fd;
	struct iocp_packet p;

	ASSERT_EQ(0, puppet_start(&t0));
	ASSERT_EQ(0, puppet_start(&t1));
	PARK(&t1, fd, 1, 1);
	PARK(&t0, fd, 1, 2);
	ASSERT_EQ(3, post_range(fd, 3, 3));
	ASSERT_EQ(1, reap_until(fd, &p, 1, 0));
	EXPECT_EQ(5, p.key);
	ASSERT_TRUE(puppet_done(&t0));
	ASSERT_TRUE(puppet_done(&t1));
	EXPECT_EQ(1, t0.ret);
	EXPECT_EQ(3, t0.pkts[0].key);
	EXPECT_EQ(1, t1.ret);
	EXPECT_EQ(4, t1.pkts[0].key);
	EXPECT_EQ(2, STAT(fd, handed));
	puppet_stop(&t0);
	puppet_stop(&t1);
}

#define NR_WAITERS	8

static void check_lifo(struct __test_metadata *_metadata, int fd, u32 flags)
{
	static struct puppet t[NR_WAITERS];
	unsigned int i, round;

	for (i = 0; i < NR_WAITERS; i++) {
		ASSERT_EQ(0, puppet_start(&t[i]));
	}
	for (round = 0; round < 4; round++) {
		/* In another order of arrival each time. */
		for (i = 0; i < NR_WAITERS; i++) {
			puppet_wait(&t[(i * 3 + round) % NR_WAITERS], fd, 1, FOREVER, flags);
			ASSERT_TRUE(WAIT_FOR(STAT(fd, waiting) == i + 1));
		}
		for (i = 0; i < NR_WAITERS; i++) {
			ASSERT_EQ(1, post(fd, i));
		}
		for (i = 0; i < NR_WAITERS; i++) {
			struct puppet *p = &t[((NR_WAITERS - 1 - i) * 3 + round) % NR_WAITERS];

			ASSERT_TRUE(puppet_done(p));
			EXPECT_EQ(1, p->ret);
			EXPECT_EQ(i, p->pkts[0].key);
		}
	}
	for (i = 0; i < NR_WAITERS; i++)
		puppet_stop(&t[i]);
}

TEST_F(wait, CP23_lifo_of_many)
{
	check_lifo(_metadata, self->port.fd, 0);
}

TEST_F(wait, CP23_lifo_of_guests)
{
	check_lifo(_metadata, self->port.fd, IOCP_ENTER_NO_ASSOC);
}

/* Guests and associated threads stand in one order. */
TEST_F(wait, CP23_lifo_of_both)
{
	static struct puppet a, g, b;
	int fd = self->port.fd;

	ASSERT_EQ(0, puppet_start(&a));
	ASSERT_EQ(0, puppet_start(&g));
	ASSERT_EQ(0, puppet_start(&b));
	PARK(&a, fd, 1, 1);
	puppet_wait(&g, fd, 1, FOREVER, IOCP_ENTER_NO_ASSOC);
	ASSERT_TRUE(WAIT_FOR(STAT(fd, waiting) == 2));
	PARK(&b, fd, 1, 3);
	ASSERT_EQ(3, post_range(fd, 0, 3));
	ASSERT_TRUE(puppet_done(&a) && puppet_done(&g) && puppet_done(&b));
	EXPECT_EQ(0, b.pkts[0].key);
	EXPECT_EQ(1, g.pkts[0].key);
	EXPECT_EQ(2, a.pkts[0].key);
	puppet_stop(&a);
	puppet_stop(&g);
	puppet_stop(&b);
}

/* A thread that timed out and came back is the newest. */
TEST_F(wait, CP23_coming_back_makes_newest)
{
	static struct puppet t0, t1;
	int fd = self->port.fd;

	ASSERT_EQ(0, puppet_start(&t0));
	ASSERT_EQ(0, puppet_start(&t1));
	puppet_wait(&t0, fd, 1, in_ms(300), 0);
	ASSERT_TRUE(WAIT_FOR(STAT(fd, waiting) == 1));
	PARK(&t1, fd, 1, 2);
	ASSERT_TRUE(puppet_done(&t0));
	EXPECT_EQ(-ETIME, t0.ret);
	PARK(&t0, fd, 1, 2);
	ASSERT_EQ(2, post_range(fd, 0, 2));
	ASSERT_TRUE(puppet_done(&t0) && puppet_done(&t1));
	EXPECT_EQ(0, t0.pkts[0].key);
	EXPECT_EQ(1, t1.pkts[0].key);
	puppet_stop(&t0);
	puppet_stop(&t1);
}

/*
 * CP-22: a packet for a waiter never enters the queue.  The waiter cannot run
 * before we look: it shares our CPU and runs only when nobody else wants to.
 */
TEST_F(wait, CP22_hand_over_cannot_be_stolen)
{
	static struct puppet t;
	int fd = self->port.fd;
	unsigned int i, n = rounds(200);

	pin_to_cpu(0);
	ASSERT_EQ(0, puppet_start_on(&t, 0, true));
	for (i = 0; i < n; i++) {
		PARK(&t, fd, 4, 1);
		ASSERT_EQ(1, post(fd, i));
		ASSERT_EQ(-ETIME, reap_none(fd));
		ASSERT_EQ(0, STAT(fd, queued));
		ASSERT_TRUE(puppet_done(&t));
		ASSERT_EQ(1, t.ret);
		ASSERT_EQ(i, t.pkts[0].key);
	}
	EXPECT_EQ(n, STAT(fd, handed));
	EXPECT_EQ(0, STAT(fd, taken));
	puppet_stop(&t);
}

/* A completion is handed over just like a posted packet. */
TEST_F(wait, CP22_completions_are_handed_over)
{
	static struct puppet t;
	char buf[8];
	struct assoc as;
	int pfd[2];

	ASSERT_EQ(0, pipe(pfd));
	ASSERT_EQ(0, assoc_add(self->port.fd, pfd[0], 9, &as));
	ASSERT_EQ(0, puppet_start(&t));
	PARK(&t, self->port.fd, 1, 1);
	ASSERT_EQ(0, submit_queued(self->port.fd, op_read(&as, 4, buf, 8, 0)));
	ASSERT_TRUE(puppet_still_waits(&t));
	ASSERT_EQ(3, write(pfd[1], "abc", 3));
	ASSERT_TRUE(puppet_done(&t));
	EXPECT_EQ(1, t.ret);
	EXPECT_EQ(9, t.pkts[0].key);
	EXPECT_EQ(4, t.pkts[0].overlapped);
	EXPECT_EQ(3, t.pkts[0].info);
	EXPECT_EQ(1, STAT(self->port.fd, handed));
	puppet_stop(&t);
	close(pfd[0]);
	close(pfd[1]);
}

/* Blocks for the first packet only. */
TEST_F(wait, CP52_batch_does_not_wait_to_fill)
{
	static struct puppet t;

	ASSERT_EQ(0, puppet_start(&t));
	PARK(&t, self->port.fd, 16, 1);
	ASSERT_EQ(1, post(self->port.fd, 1));
	ASSERT_TRUE(puppet_done(&t));
	EXPECT_EQ(1, t.ret);
	puppet_stop(&t);
}

/* HIGH and LOW go to a waiter as they come: nothing waits before them. */
TEST_F(wait, every_priority_is_handed_over)
{
	static struct puppet t;
	u32 prio;

	ASSERT_EQ(0, puppet_start(&t));
	for (prio = IOCP_PRIO_DEFAULT; prio <= IOCP_PRIO_LOW; prio++) {
		PARK(&t, self->port.fd, 1, 1);
		ASSERT_EQ(1, post_prio(self->port.fd, prio, prio));
		ASSERT_TRUE(puppet_done(&t));
		EXPECT_EQ(prio, t.pkts[0].key);
	}
	EXPECT_EQ(4, STAT(self->port.fd, handed));
	puppet_stop(&t);
}

/* --------------------------------------------------------------- deadlines */

TEST_F(wait, deadline_0_does_not_wait)
{
	struct iocp_enter e = { .nr_packets = 1, .packet_size = 32, .flags = IOCP_ENTER_NO_ASSOC };
	struct iocp_packet p;
	u64 t0 = now_ns();

	e.packets = addr(&p);
	EXPECT_EQ(-ETIME, enter(self->port.fd, &e));
	EXPECT_GT(1000 * NSEC_PER_MSEC, now_ns() - t0);
	ASSERT_EQ(1, post(self->port.fd, 1));
	EXPECT_EQ(1, enter(self->port.fd, &e));
}

TEST_F(wait, deadline_in_the_past_takes_what_is_there)
{
	struct iocp_packet p;

	EXPECT_EQ(-ETIME, reap_until(self->port.fd, &p, 1, 1));
	EXPECT_EQ(-ETIME, reap_until(self->port.fd, &p, 1, now_ns() - 1));
	ASSERT_EQ(1, post(self->port.fd, 1));
	EXPECT_EQ(1, reap_until(self->port.fd, &p, 1, 1));
}

TEST_F(wait, deadline_is_kept)
{
	static const u64 ms[] = { 1, 10, 50, 200 };
	struct iocp_packet p;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ms); i++) {
		u64 deadline = in_ms(ms[i]);

		EXPECT_EQ(-ETIME, reap_until(self->port.fd, &p, 1, deadline));
		EXPECT_LE(deadline, now_ns());
		/* Not for ever either; a loaded emulator may be late. */
		EXPECT_GT(deadline + 3000 * NSEC_PER_MSEC, now_ns());
	}
}

TEST_F(wait, CP38_deadline_of_an_associated_thread)
{
	static struct puppet t;
	u64 deadline;

	ASSERT_EQ(0, puppet_start(&t));
	deadline = in_ms(50);
	puppet_wait(&t, self->port.fd, 1, deadline, 0);
	ASSERT_TRUE(puppet_done(&t));
	EXPECT_EQ(-ETIME, t.ret);
	EXPECT_LE(deadline, now_ns());
	EXPECT_EQ(0, STAT(self->port.fd, waiting));
	puppet_stop(&t);
}

/* The largest real deadline is not a special one and does not wrap. */
TEST_F(wait, deadline_far_away_waits)
{
	static const u64 far[] = { FOREVER, FOREVER - 1, 1ULL << 63, INT64_MAX };
	static struct puppet t;
	unsigned int i;

	ASSERT_EQ(0, puppet_start(&t));
	for (i = 0; i < ARRAY_SIZE(far); i++) {
		puppet_wait(&t, self->port.fd, 1, far[i], 0);
		ASSERT_TRUE(WAIT_FOR(STAT(self->port.fd, waiting) == 1));
		usleep(20000);
		EXPECT_TRUE(puppet_still_waits(&t));
		ASSERT_EQ(1, post(self->port.fd, i));
		ASSERT_TRUE(puppet_done(&t));
		EXPECT_EQ(1, t.ret);
	}
	puppet_stop(&t);
}

/* Packets against deadlines: each packet is got by somebody, none twice. */
TEST_F_TIMEOUT(wait, packets_race_with_deadlines, 60)
{
	unsigned int i, n = rounds(2000);
	static struct puppet t;
	u64 timeouts = 0, got = 0;
	struct iocp_packet p;

	ASSERT_EQ(0, puppet_start(&t));
	for (i = 0; i < n; i++) {
		puppet_wait(&t, self->port.fd, 1, now_ns() + i % 64 * 2000, 0);
		ASSERT_EQ(1, post(self->port.fd, i));
		ASSERT_TRUE(puppet_done(&t));
		if (t.ret == 1) {
			ASSERT_EQ(i, t.pkts[0].key);
			got++;
		} else {
			ASSERT_EQ(-ETIME, t.ret);
			/* Then it is still there. */
			ASSERT_EQ(1, reap_until(self->port.fd, &p, 1, 0));
			ASSERT_EQ(i, p.key);
			timeouts++;
		}
		ASSERT_EQ(-ETIME, reap_none(self->port.fd));
	}
	EXPECT_EQ(n, got + timeouts);
	puppet_stop(&t);
}

/* ----------------------------------------------------------------- signals */

static volatile sig_atomic_t nr_signals;

static void count_signal(int sig)
{
	nr_signals++;
}

static void catch_usr1(int flags)
{
	struct sigaction sa = { .sa_handler = count_signal, .sa_flags = flags };

	nr_signals = 0;
	sigaction(SIGUSR1, &sa, NULL);
}

TEST_F(wait, signal_ends_the_wait_with_EINTR)
{
	static struct puppet t;

	catch_usr1(0);
	ASSERT_EQ(0, puppet_start(&t));
	PARK(&t, self->port.fd, 1, 1);
	pthread_kill(t.thread, SIGUSR1);
	ASSERT_TRUE(puppet_done(&t));
	EXPECT_EQ(-EINTR, t.ret);
	EXPECT_EQ(1, nr_signals);
	EXPECT_EQ(0, STAT(self->port.fd, waiting));
	puppet_stop(&t);
}

TEST_F(wait, SA_RESTART_goes_on_waiting)
{
	static struct puppet t;

	catch_usr1(SA_RESTART);
	ASSERT_EQ(0, puppet_start(&t));
	PARK(&t, self->port.fd, 1, 1);
	pthread_kill(t.thread, SIGUSR1);
	ASSERT_TRUE(WAIT_FOR(nr_signals == 1));
	ASSERT_TRUE(WAIT_FOR(STAT(self->port.fd, waiting) == 1));
	EXPECT_TRUE(puppet_still_waits(&t));
	ASSERT_EQ(1, post(self->port.fd, 7));
	ASSERT_TRUE(puppet_done(&t));
	EXPECT_EQ(1, t.ret);
	EXPECT_EQ(7, t.pkts[0].key);
	puppet_stop(&t);
}

/* The deadline is absolute: restarting does not extend it. */
TEST_F(wait, SA_RESTART_keeps_the_deadline)
{
	static struct puppet t;
	u64 deadline;

	catch_usr1(SA_RESTART);
	ASSERT_EQ(0, puppet_start(&t));
	deadline = in_ms(400);
	puppet_wait(&t, self->port.fd, 1, deadline, 0);
	ASSERT_TRUE(WAIT_FOR(STAT(self->port.fd, waiting) == 1));
	while (!puppet_done_ms(&t, 20) && now_ns() < deadline + 5000 * NSEC_PER_MSEC)
		pthread_kill(t.thread, SIGUSR1);
	ASSERT_FALSE(t.busy);
	EXPECT_EQ(-ETIME, t.ret);
	EXPECT_LT(0, nr_signals);
	EXPECT_LE(deadline, now_ns());
	puppet_stop(&t);
}

/* Something was submitted: then the call succeeds and tells it besides. */
TEST_F(wait, signal_after_a_submission_is_no_failure)
{
	static struct puppet t;
	struct iocp_result r;
	struct iocp_op op = op_nop(1);

	catch_usr1(SA_RESTART);
	op.flags = IOCP_OP_F_INLINE_OK;
	ASSERT_EQ(0, puppet_start(&t));
	t.fd = self->port.fd;
	t.e = (struct iocp_enter){
		.ops = addr(&op), .nr_ops = 1, .op_size = sizeof(op), .results = addr(&r),
		.packets = addr(t.pkts), .nr_packets = 1, .packet_size = 32, .deadline = FOREVER,
	};
	puppet_go(&t);
	ASSERT_TRUE(WAIT_FOR(STAT(self->port.fd, waiting) == 1));
	pthread_kill(t.thread, SIGUSR1);
	ASSERT_TRUE(puppet_done(&t));
	EXPECT_EQ(0, t.ret);
	EXPECT_EQ(1, t.e.nr_consumed);
	EXPECT_EQ(0, t.e.nr_taken);
	EXPECT_EQ(-EINTR, t.e.wait_error);
	puppet_stop(&t);
}

/* A packet that was handed wins over the signal that came with it. */
TEST_F_TIMEOUT(wait, signals_lose_no_packet, 60)
{
	unsigned int i, n = rounds(1000);
	static struct puppet t;
	struct iocp_packet p;

	catch_usr1(0);
	ASSERT_EQ(0, puppet_start(&t));
	for (i = 0; i < n; i++) {
		PARK(&t, self->port.fd, 1, 1);
		if (i & 1)
			pthread_kill(t.thread, SIGUSR1);
		ASSERT_EQ(1, post(self->port.fd, i));
		if (!(i & 1))
			pthread_kill(t.thread, SIGUSR1);
		ASSERT_TRUE(puppet_done(&t));
		if (t.ret == 1) {
			ASSERT_EQ(i, t.pkts[0].key);
		} else {
			ASSERT_EQ(-EINTR, t.ret);
			ASSERT_EQ(1, reap_until(self->port.fd, &p, 1, 0));
			ASSERT_EQ(i, p.key);
		}
		ASSERT_EQ(-ETIME, reap_none(self->port.fd));
	}
	puppet_stop(&t);
}

/* ------------------------------------------------------ submit and wait */

/* The reply and the next request in one call, as a server has it. */
TEST_F(wait, post_and_wait_in_one_call)
{
	static struct puppet t;
	struct iocp_op op = op_post(5, 6, 7, 8);

	ASSERT_EQ(0, puppet_start(&t));
	t.fd = self->port.fd;
	t.e = (struct iocp_enter){
		.ops = addr(&op), .nr_ops = 1, .op_size = sizeof(op),
		.packets = addr(t.pkts), .nr_packets = 1, .packet_size = 32, .deadline = FOREVER,
	};
	puppet_go(&t);
	ASSERT_TRUE(puppet_done(&t));
	EXPECT_EQ(1, t.ret);
	EXPECT_EQ(1, t.e.nr_consumed);
	EXPECT_EQ(1, t.e.nr_taken);
	EXPECT_EQ(0, t.e.wait_error);
	EXPECT_EQ(5, t.pkts[0].key);
	puppet_stop(&t);
}

TEST_F(wait, wait_error_beside_a_submission)
{
	struct iocp_op op = op_nop(1);
	struct iocp_result r;
	struct iocp_packet p;
	struct iocp_enter e = {
		.flags = IOCP_ENTER_NO_ASSOC, .ops = addr(&op), .nr_ops = 1,
		.op_size = sizeof(op), .results = addr(&r), .packets = addr(&p),
		.nr_packets = 1, .packet_size = sizeof(p),
	};

	op.flags = IOCP_OP_F_INLINE_OK;
	EXPECT_EQ(0, enter(self->port.fd, &e));
	EXPECT_EQ(1, e.nr_consumed);
	EXPECT_EQ(IOCP_RESULT_DONE, r.state);
	EXPECT_EQ(-ETIME, e.wait_error);
}

TEST_F(wait, NO_WAIT_IF_FAILED_does_not_wait)
{
	struct iocp_op ops[2] = { op_nop(1), op_nop(2) };
	struct iocp_result r[2];
	struct iocp_packet p;
	struct iocp_enter e = {
		.flags = IOCP_ENTER_NO_ASSOC | IOCP_ENTER_NO_WAIT_IF_FAILED,
		.ops = addr(ops), .nr_ops = 2, .op_size = sizeof(ops[0]), .results = addr(r),
		.packets = addr(&p), .nr_packets = 1, .packet_size = sizeof(p),
		.deadline = FOREVER,
	};

	ops[0].flags = IOCP_OP_F_INLINE_OK;
	ops[1].aux = 1;
	EXPECT_EQ(0, enter(self->port.fd, &e));
	EXPECT_EQ(2, e.nr_consumed);
	EXPECT_EQ(IOCP_RESULT_DONE, r[0].state);
	EXPECT_EQ(IOCP_RESULT_REFUSED, r[1].state);
	/* All accepted: it waits, and finds what there is. */
	ops[1].aux = 0;
	EXPECT_EQ(1, enter(self->port.fd, &e));
	EXPECT_EQ(2, p.overlapped);
}

/* -------------------------------------------------------------- state bits */

TEST_F(wait, LAST_WAITER)
{
	static struct puppet t0, t1;
	int fd = self->port.fd;

	ASSERT_EQ(0, puppet_start(&t0));
	ASSERT_EQ(0, puppet_start(&t1));
	PARK(&t0, fd, 1, 1);
	PARK(&t1, fd, 1, 2);
	ASSERT_EQ(1, post(fd, 1));
	ASSERT_TRUE(puppet_done(&t1));
	EXPECT_FALSE(t1.e.state & IOCP_ENTER_LAST_WAITER);
	ASSERT_EQ(1, post(fd, 2));
	ASSERT_TRUE(puppet_done(&t0));
	EXPECT_TRUE(t0.e.state & IOCP_ENTER_LAST_WAITER);
	puppet_stop(&t0);
	puppet_stop(&t1);
}

TEST_F(wait, MORE_and_WANT_THREAD)
{
	static struct puppet t;
	int fd = self->port.fd;

	ASSERT_EQ(0, puppet_start(&t));
	ASSERT_EQ(3, post_range(fd, 0, 3));
	puppet_wait(&t, fd, 1, 0, 0);
	ASSERT_TRUE(puppet_done(&t));
	EXPECT_TRUE(t.e.state & IOCP_ENTER_MORE);
	EXPECT_TRUE(t.e.state & IOCP_ENTER_WANT_THREAD);
	EXPECT_FALSE(t.e.state & IOCP_ENTER_OVER_LIMIT);
	puppet_wait(&t, fd, 2, 0, 0);
	ASSERT_TRUE(puppet_done(&t));
	EXPECT_EQ(2, t.ret);
	EXPECT_FALSE(t.e.state & IOCP_ENTER_MORE);
	EXPECT_FALSE(t.e.state & IOCP_ENTER_WANT_THREAD);
	puppet_stop(&t);
}

/* ------------------------------------------------------------------ faults */

/* A fault while copying out loses nothing: it is put back, in front. */
TEST_F(wait, EFAULT_keeps_the_packet)
{
	struct iocp_packet p[3];
	int fd = self->port.fd;

	ASSERT_EQ(3, post_range(fd, 1, 3));
	EXPECT_EQ(-EFAULT, reap_until(fd, no_access(), 1, 0));
	EXPECT_EQ(3, STAT(fd, queued));
	EXPECT_EQ(-EFAULT, reap_until(fd, NULL, 3, 0));
	EXPECT_EQ(-EFAULT, reap_until(fd, ptr(KERNEL_ADDR), 3, 0));
	EXPECT_EQ(3, STAT(fd, queued));
	EXPECT_LE(1, STAT(fd, given_back));
	EXPECT_TRUE(ring_must_enter(&self->port) & IOCP_RING_MUST_ENTER_FRONT);
	ASSERT_EQ(3, reap_until(fd, p, 3, 0));
	EXPECT_EQ(1, p[0].key);
	EXPECT_EQ(2, p[1].key);
	EXPECT_EQ(3, p[2].key);
	EXPECT_EQ(0, ring_must_enter(&self->port));
}

TEST_F(wait, EFAULT_half_way_tells_what_was_taken)
{
	struct iocp_packet *end = guarded(1) + sysconf(_SC_PAGESIZE);
	struct iocp_packet p[4];
	int fd = self->port.fd;

	ASSERT_EQ(4, post_range(fd, 1, 4));
	ASSERT_EQ(2, reap_until(fd, end - 2, 4, 0));
	EXPECT_EQ(1, end[-2].key);
	EXPECT_EQ(2, end[-1].key);
	EXPECT_EQ(2, STAT(fd, queued));
	ASSERT_EQ(2, reap_until(fd, p, 4, 0));
	EXPECT_EQ(3, p[0].key);
	EXPECT_EQ(4, p[1].key);
}

/* In a batch so large that it is copied in pieces. */
TEST_F(wait, EFAULT_in_a_later_piece)
{
	size_t ps = sysconf(_SC_PAGESIZE);
	struct iocp_packet *end = guarded(1) + ps;
	struct iocp_packet p[100];
	int fd = self->port.fd;
	unsigned int i;

	ASSERT_EQ(100, post_range(fd, 0, 100));
	ASSERT_EQ(53, reap_until(fd, end - 53, 100, 0));
	for (i = 0; i < 53; i++) {
		EXPECT_EQ(i, (end - 53 + i)->key);
	}
	ASSERT_EQ(47, reap_until(fd, p, 100, 0));
	for (i = 0; i < 47; i++) {
		EXPECT_EQ(53 + i, p[i].key);
	}
}

/* Half a packet at the end of a page counts as none. */
TEST_F(wait, EFAULT_inside_a_packet)
{
	char *end = guarded(1) + sysconf(_SC_PAGESIZE);
	struct iocp_packet p;
	int fd = self->port.fd;

	ASSERT_EQ(1, post(fd, 1));
	EXPECT_EQ(-EFAULT, reap_until(fd, ptr(addr(end) - 16), 1, 0));
	ASSERT_EQ(1, reap_until(fd, &p, 1, 0));
	EXPECT_EQ(1, p.key);
}

TEST_F(wait, EFAULT_of_a_handed_packet)
{
	static struct puppet t;
	int fd = self->port.fd;
	struct iocp_packet p[3];

	ASSERT_EQ(0, puppet_start(&t));
	t.fd = fd;
	t.e = (struct iocp_enter){
		.packets = addr(no_access()), .nr_packets = 1, .packet_size = 32,
		.deadline = FOREVER,
	};
	puppet_go(&t);
	ASSERT_TRUE(WAIT_FOR(STAT(fd, waiting) == 1));
	ASSERT_EQ(1, post(fd, 1));
	ASSERT_TRUE(puppet_done(&t));
	EXPECT_EQ(-EFAULT, t.ret);
	EXPECT_EQ(1, STAT(fd, given_back));
	/* It came first, so it goes first: also before a HIGH one. */
	ASSERT_EQ(1, post(fd, 2));
	ASSERT_EQ(1, post_prio(fd, 3, IOCP_PRIO_HIGH));
	ASSERT_EQ(3, reap_until(fd, p, 3, 0));
	EXPECT_EQ(1, p[0].key);
	EXPECT_EQ(3, p[1].key);
	EXPECT_EQ(2, p[2].key);
	puppet_stop(&t);
}

/* What was given back goes to another thread that waits. */
TEST_F(wait, EFAULT_wakes_the_next_waiter)
{
	static struct puppet good, bad;
	int fd = self->port.fd;

	ASSERT_EQ(0, puppet_start(&good));
	ASSERT_EQ(0, puppet_start(&bad));
	PARK(&good, fd, 1, 1);
	bad.fd = fd;
	bad.e = (struct iocp_enter){
		.packets = addr(no_access()), .nr_packets = 1, .packet_size = 32,
		.deadline = FOREVER,
	};
	puppet_go(&bad);
	ASSERT_TRUE(WAIT_FOR(STAT(fd, waiting) == 2));
	ASSERT_EQ(1, post(fd, 1));
	ASSERT_TRUE(puppet_done(&bad));
	EXPECT_EQ(-EFAULT, bad.ret);
	ASSERT_TRUE(puppet_done(&good));
	EXPECT_EQ(1, good.ret);
	EXPECT_EQ(1, good.pkts[0].key);
	puppet_stop(&good);
	puppet_stop(&bad);
}

/* The counts cannot be written, but packets were taken: success by the return value. */
TEST_F(wait, argument_not_writable_still_takes)
{
	struct iocp_enter *ro = map_anon(4096);
	struct iocp_packet p[2];

	ASSERT_EQ(2, post_range(self->port.fd, 1, 2));
	*ro = (struct iocp_enter){
		.size = sizeof(*ro), .flags = IOCP_ENTER_NO_ASSOC, .packets = addr(p),
		.nr_packets = 2, .packet_size = sizeof(p[0]),
	};
	ASSERT_EQ(0, mprotect(ro, 4096, PROT_READ));
	EXPECT_EQ(2, call(self->port.fd, IOCP_IOC_ENTER, ro));
	EXPECT_EQ(1, p[0].key);
	EXPECT_EQ(2, p[1].key);
}

/* ---------------------------------------------------------------- shutdown */

TEST_F(wait, CP50_shutdown_wakes_everybody)
{
	static struct puppet t[4];
	int fd = self->port.fd;
	unsigned int i;
	u64 dropped = 99;

	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, puppet_start(&t[i]));
		puppet_wait(&t[i], fd, 1, FOREVER, i & 1 ? IOCP_ENTER_NO_ASSOC : 0);
	}
	ASSERT_TRUE(WAIT_FOR(STAT(fd, waiting) == 4));
	ASSERT_EQ(0, port_shutdown(fd, &dropped));
	EXPECT_EQ(0, dropped);
	for (i = 0; i < 4; i++) {
		ASSERT_TRUE(puppet_done(&t[i]));
		EXPECT_EQ(-ESHUTDOWN, t[i].ret);
	}
	/* And those who come later do not wait at all. */
	puppet_wait(&t[0], fd, 1, FOREVER, 0);
	ASSERT_TRUE(puppet_done(&t[0]));
	EXPECT_EQ(-ESHUTDOWN, t[0].ret);
	EXPECT_EQ(0, STAT(fd, waiting));
	for (i = 0; i < 4; i++)
		puppet_stop(&t[i]);
}

TEST_F(wait, CP51_shutdown_counts_what_it_drops)
{
	int fd = self->port.fd;
	struct iocp_op op = op_nop(1);
	struct iocp_result r;
	struct assoc as;
	int pfd[2];
	char buf[8];
	u64 dropped = 0;

	ASSERT_EQ(0, pipe(pfd));
	ASSERT_EQ(0, assoc_add(fd, pfd[0], 1, &as));
	ASSERT_EQ(0, submit_queued(fd, op_read(&as, 1, buf, sizeof(buf), 0)));
	/* In the ring, in the list behind it, and in the other two lists. */
	ASSERT_EQ(100, post_range(fd, 0, 100));
	ASSERT_EQ(1, post_prio(fd, 0, IOCP_PRIO_HIGH));
	ASSERT_EQ(1, post_prio(fd, 0, IOCP_PRIO_LOW));
	ASSERT_EQ(0, port_shutdown(fd, &dropped));
	EXPECT_EQ(102, dropped);
	EXPECT_EQ(102, STAT(fd, dropped));
	EXPECT_EQ(0, STAT(fd, queued));
	EXPECT_EQ(0, STAT(fd, posted));

	/* Nothing new comes in. */
	EXPECT_EQ(-ESHUTDOWN, post(fd, 1));
	EXPECT_EQ(-ESHUTDOWN, reap_none(fd));
	EXPECT_EQ(-ESHUTDOWN, assoc_add(fd, pfd[1], 1, &as));
	op = op_post(1, 1, 1, 1);
	ASSERT_EQ(1, submit(fd, &op, 1, &r));
	EXPECT_EQ(IOCP_RESULT_REFUSED, r.state);
	EXPECT_EQ(-ESHUTDOWN, r.res);

	/* What is in flight goes on, and is dropped and counted when it ends (CP-59). */
	EXPECT_EQ(1, STAT(fd, inflight));
	ASSERT_EQ(1, write(pfd[1], "x", 1));
	ASSERT_TRUE(WAIT_FOR(STAT(fd, inflight) == 0));
	EXPECT_EQ(103, STAT(fd, dropped));
	EXPECT_EQ('x', buf[0]);
	close(pfd[0]);
	close(pfd[1]);
}

TEST_F(wait, cancel_and_disassociate_work_after_shutdown)
{
	struct iocp_cancel c = { .flags = IOCP_CANCEL_ALL_MINE };
	int fd = self->port.fd;
	struct assoc as;
	int pfd[2];
	char buf[8];

	ASSERT_EQ(0, pipe(pfd));
	ASSERT_EQ(0, assoc_add(fd, pfd[0], 1, &as));
	ASSERT_EQ(0, submit_queued(fd, op_read(&as, 1, buf, sizeof(buf), 0)));
	ASSERT_EQ(0, port_shutdown(fd, NULL));
	EXPECT_EQ(0, cancel(fd, &c));
	EXPECT_EQ(1, c.nr_cancelled);
	EXPECT_EQ(0, STAT(fd, inflight));
	EXPECT_EQ(0, assoc_del(fd, &as, 0, 0));
	close(pfd[0]);
	close(pfd[1]);
}

/*
 * CP-60: what was handed before the shutdown is delivered.  The waiter shares
 * our CPU and cannot run in between.
 */
TEST_F(wait, CP60_handed_packets_survive_shutdown)
{
	static struct puppet t;
	u64 dropped = 9;

	pin_to_cpu(0);
	ASSERT_EQ(0, puppet_start_on(&t, 0, true));
	PARK(&t, self->port.fd, 1, 1);
	ASSERT_EQ(1, post(self->port.fd, 77));
	ASSERT_EQ(0, port_shutdown(self->port.fd, &dropped));
	EXPECT_EQ(0, dropped);
	ASSERT_TRUE(puppet_done(&t));
	EXPECT_EQ(1, t.ret);
	EXPECT_EQ(77, t.pkts[0].key);
	puppet_stop(&t);
}

/* ------------------------------------------- a thread that dies with a packet */

/*
 * A packet handed to a process that is killed before it could look is not lost:
 * another waiter gets it.  The victim shares our CPU and cannot preempt a real-time
 * thread, so it has the kill before it runs.
 */
TEST_F(wait, packet_of_a_killed_waiter_goes_to_another)
{
	struct iocp_packet p;
	int fd = self->port.fd;
	unsigned int i, n = rounds(20);
	struct sched_param realtime = { .sched_priority = 1 };

	pin_to_cpu(0);
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_FIFO, &realtime));
	for (i = 0; i < n; i++) {
		pid_t pid = fork();
		int status;

		ASSERT_LE(0, pid);
		if (!pid) {
			struct sched_param sp = { 0 };

			if (sched_setscheduler(0, SCHED_IDLE, &sp))
				_exit(1);
			reap_until(fd, &p, 1, FOREVER);
			_exit(0);
		}
		ASSERT_TRUE(WAIT_FOR(STAT(fd, waiting) == 1));
		ASSERT_EQ(1, post(fd, i));
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status));
		ASSERT_EQ(1, reap(fd, &p, 1));
		ASSERT_EQ(i, p.key);
	}
	EXPECT_EQ(n, STAT(fd, given_back));
}

TEST_HARNESS_MAIN
