// SPDX-License-Identifier: GPL-2.0-only
/*
 * limit.c - the concurrency value (CP-30 to CP-40): how many threads may hold
 * a packet at a time, and what gives a slot back.
 *
 * A thread of the port counts from the moment ENTER returned until it waits on
 * the port again, detaches, waits on another port, or exits.
 */
#include "iocp_test.h"

#define MAX_T 4

FIXTURE(limit) {
	struct port port;
	struct objects base;
	struct puppet *t;
};

FIXTURE_SETUP(limit)
{
	unsigned int i;

	PORT_FIXTURE_SETUP(1, 64);
	self->t = calloc(MAX_T, sizeof(*self->t));
	for (i = 0; i < MAX_T; i++) {
		ASSERT_EQ(0, puppet_start(&self->t[i]));
	}
}

FIXTURE_TEARDOWN(limit)
{
	unsigned int i;

	/* Those that still wait leave by this. */
	port_shutdown(self->port.fd, NULL);
	for (i = 0; i < MAX_T; i++) {
		EXPECT_TRUE(puppet_done(&self->t[i]));
		puppet_stop(&self->t[i]);
	}
	PORT_FIXTURE_TEARDOWN();
}

#define FD	(self->port.fd)
#define T(n)	(&self->t[n])

#define PARK(n) do {							\
	u64 before_ = STAT(FD, waiting);				\
									\
	puppet_wait(T(n), FD, 1, FOREVER, 0);				\
	ASSERT_TRUE(WAIT_FOR(STAT(FD, waiting) == before_ + 1));	\
} while (0)

#define GETS(n, value) do {						\
	ASSERT_TRUE(puppet_done(T(n)));					\
	ASSERT_EQ(1, T(n)->ret);					\
	EXPECT_EQ(value, T(n)->pkts[0].key);				\
} while (0)

#define TAKES(n, value) do {						\
	puppet_wait(T(n), FD, 1, 0, 0);					\
	GETS(n, value);							\
} while (0)

#define TIMES_OUT(n) do {						\
	puppet_wait(T(n), FD, 1, 0, 0);					\
	ASSERT_TRUE(puppet_done(T(n)));					\
	ASSERT_EQ(-ETIME, T(n)->ret);					\
} while (0)

/* CP-33: while as many run as may, packets wait although a thread waits. */
TEST_F(limit, CP33_full_port_queues)
{
	ASSERT_EQ(1, post(FD, 1));
	TAKES(0, 1);
	EXPECT_EQ(1, STAT(FD, active));
	PARK(1);
	ASSERT_EQ(1, post(FD, 2));
	EXPECT_EQ(1, STAT(FD, queued));
	EXPECT_EQ(1, STAT(FD, waiting));
	EXPECT_TRUE(puppet_still_waits(T(1)));
	EXPECT_EQ(0, STAT(FD, handed));
}

/* CP-35: the running thread takes on; the others stay where they are. */
TEST_F(limit, CP35_running_thread_goes_on)
{
	unsigned int i;

	ASSERT_EQ(1, post(FD, 0));
	TAKES(0, 0);
	PARK(1);
	ASSERT_EQ(5, post_range(FD, 1, 5));
	for (i = 1; i <= 5; i++) {
		TAKES(0, i);
		EXPECT_EQ(1, STAT(FD, active));
	}
	EXPECT_TRUE(puppet_still_waits(T(1)));
	EXPECT_EQ(1, STAT(FD, waiting));
	/* It waits itself: the slot is free, the newest waiter is who waited last. */
	PARK(0);
	EXPECT_EQ(0, STAT(FD, active));
	ASSERT_EQ(1, post(FD, 6));
	GETS(0, 6);
	EXPECT_TRUE(puppet_still_waits(T(1)));
}

/* As many as may, not fewer. */
TEST_F(limit, CP33_value_of_two_lets_two_run)
{
	static struct puppet t[3];
	struct port p;
	unsigned int i;

	ASSERT_EQ(0, port_new(&p, 2, 0));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, puppet_start(&t[i]));
		puppet_wait(&t[i], p.fd, 1, FOREVER, 0);
		ASSERT_TRUE(WAIT_FOR(STAT(p.fd, waiting) == i + 1));
	}
	ASSERT_EQ(3, post_range(p.fd, 0, 3));
	ASSERT_TRUE(puppet_done(&t[2]) && puppet_done(&t[1]));
	EXPECT_EQ(2, STAT(p.fd, active));
	EXPECT_EQ(1, STAT(p.fd, queued));
	EXPECT_TRUE(puppet_still_waits(&t[0]));
	/* One goes: the third packet goes to the third thread. */
	puppet_detach(&t[1], p.fd);
	ASSERT_TRUE(puppet_done(&t[0]));
	EXPECT_EQ(2, t[0].pkts[0].key);
	ASSERT_TRUE(puppet_done(&t[1]));
	for (i = 0; i < 3; i++)
		puppet_stop(&t[i]);
	port_close(&p);
}

/* CP-37: a thread that comes to a full port gets nothing, also with packets there. */
TEST_F(limit, CP37_newcomer_to_a_full_port_times_out)
{
	ASSERT_EQ(1, post(FD, 1));
	TAKES(0, 1);
	ASSERT_EQ(1, post(FD, 2));
	TIMES_OUT(1);
	EXPECT_EQ(1, STAT(FD, queued));
	/* CP-38: it counts all the same, and so the port is over its limit. */
	EXPECT_EQ(2, STAT(FD, active));
	EXPECT_TRUE(T(1)->e.state & IOCP_ENTER_OVER_LIMIT);
	EXPECT_TRUE(T(1)->e.state & IOCP_ENTER_MORE);
	EXPECT_FALSE(T(1)->e.state & IOCP_ENTER_WANT_THREAD);
	EXPECT_TRUE(ring_must_enter(&self->port) & IOCP_RING_MUST_ENTER_LIMIT);
	EXPECT_EQ(-EAGAIN, ring_take(&self->port, T(0)->pkts, 1));
}

TEST_F(limit, CP37_newcomer_to_a_full_port_waits)
{
	ASSERT_EQ(1, post(FD, 1));
	TAKES(0, 1);
	ASSERT_EQ(1, post(FD, 2));
	PARK(1);
	EXPECT_EQ(1, STAT(FD, queued));
	EXPECT_TRUE(puppet_still_waits(T(1)));
	puppet_detach(T(0), FD);
	GETS(1, 2);
	EXPECT_EQ(1, STAT(FD, active));
}

/* CP-38: who looked once and went away holds a slot. */
TEST_F(limit, CP38_timeout_holds_a_slot)
{
	TIMES_OUT(0);
	EXPECT_EQ(1, STAT(FD, active));
	PARK(1);
	ASSERT_EQ(1, post(FD, 1));
	EXPECT_TRUE(puppet_still_waits(T(1)));
	EXPECT_EQ(1, STAT(FD, queued));
	puppet_detach(T(0), FD);
	GETS(1, 1);
}

/* CP-36: over the limit a thread blocks although there are packets... */
TEST_F(limit, CP36_over_the_limit_the_taker_blocks)
{
	ASSERT_EQ(1, post(FD, 1));
	TAKES(0, 1);
	puppet_wait(T(1), FD, 1, in_ms(5), 0);
	ASSERT_TRUE(puppet_done(T(1)));
	ASSERT_EQ(-ETIME, T(1)->ret);
	EXPECT_EQ(2, STAT(FD, active));
	ASSERT_EQ(2, post_range(FD, 2, 2));
	PARK(0);
	EXPECT_TRUE(puppet_still_waits(T(0)));
	EXPECT_EQ(1, STAT(FD, active));
	EXPECT_EQ(2, STAT(FD, queued));
	/* ... and the last one that runs takes on. */
	TAKES(1, 2);
	EXPECT_TRUE(puppet_still_waits(T(0)));
	EXPECT_EQ(0, ring_must_enter(&self->port));
	/* It leaves, which releases the one that waits (CP-34). */
	puppet_detach(T(1), FD);
	GETS(0, 3);
}

/* CP-39 */
TEST_F(limit, CP39_exit_gives_the_slot_back)
{
	ASSERT_EQ(1, post(FD, 1));
	TAKES(0, 1);
	PARK(1);
	ASSERT_EQ(1, post(FD, 2));
	EXPECT_TRUE(puppet_still_waits(T(1)));
	puppet_stop(T(0));
	GETS(1, 2);
	EXPECT_EQ(1, STAT(FD, active));
	ASSERT_EQ(0, puppet_start(T(0)));
}

TEST_F(limit, CP39_exit_of_an_idle_thread_changes_nothing)
{
	TIMES_OUT(0);
	puppet_detach(T(0), FD);
	ASSERT_TRUE(puppet_done(T(0)));
	EXPECT_EQ(0, T(0)->ret);
	EXPECT_EQ(0, STAT(FD, active));
	puppet_stop(T(0));
	ASSERT_EQ(0, puppet_start(T(0)));
	usleep(10000);
	EXPECT_EQ(0, STAT(FD, active));
}

/* The thread that holds a packet dies by a signal, in another process. */
TEST_F(limit, CP39_kill_gives_the_slot_back)
{
	int pfd[2], status;
	char c;
	pid_t pid;

	ASSERT_EQ(0, pipe(pfd));
	ASSERT_EQ(1, post(FD, 1));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct iocp_packet p;
		struct iocp_enter e = {
			.packets = addr(&p), .nr_packets = 1, .packet_size = sizeof(p),
		};

		c = enter(FD, &e) == 1 ? 'y' : 'n';
		if (write(pfd[1], &c, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ASSERT_EQ(1, read(pfd[0], &c, 1));
	ASSERT_EQ('y', c);
	EXPECT_EQ(1, STAT(FD, active));
	PARK(1);
	ASSERT_EQ(1, post(FD, 2));
	EXPECT_TRUE(puppet_still_waits(T(1)));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	GETS(1, 2);
	close(pfd[0]);
	close(pfd[1]);
}

/* A fork'd child is a new thread: it holds nothing. */
TEST_F(limit, CP30_fork_does_not_copy_the_membership)
{
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		/* A process of its own, with one member thread that forks. */
		struct iocp_packet p;
		struct iocp_enter e = {
			.packets = addr(&p), .nr_packets = 1, .packet_size = sizeof(p),
		};

		if (enter(FD, &e) != -ETIME || STAT(FD, active) != 1)
			_exit(1);
		pid = fork();
		if (!pid) {
			/* Detaching what never joined. */
			if (call(FD, IOCP_IOC_DETACH, NULL) != -ENOENT)
				_exit(2);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		if (status)
			_exit(3);
		_exit(STAT(FD, active) == 1 ? 0 : 4);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(WAIT_FOR(STAT(FD, active) == 0));
}

/* exec ends the program but not the thread: it goes on holding its slot. */
TEST_F(limit, CP30_vfork_and_exec_leave_the_parent_alone)
{
	int status;
	pid_t pid;

	TIMES_OUT(0);
	pid = vfork();
	ASSERT_LE(0, pid);
	if (!pid) {
		execl("/bin/true", "true", NULL);
		_exit(127);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(1, STAT(FD, active));
	puppet_detach(T(0), FD);
	ASSERT_TRUE(puppet_done(T(0)));
}

TEST_F(limit, TR12_detach_gives_the_slot_back)
{
	ASSERT_EQ(1, post(FD, 1));
	TAKES(0, 1);
	PARK(1);
	ASSERT_EQ(1, post(FD, 2));
	EXPECT_TRUE(puppet_still_waits(T(1)));
	puppet_detach(T(0), FD);
	ASSERT_TRUE(puppet_done(T(0)));
	EXPECT_EQ(0, T(0)->ret);
	GETS(1, 2);
}

/* DETACH on a port that the thread is not in changes neither. */
TEST_F(limit, TR12_detach_from_the_wrong_port)
{
	struct port other;

	ASSERT_EQ(0, port_new(&other, 1, 0));
	TIMES_OUT(0);
	puppet_detach(T(0), other.fd);
	ASSERT_TRUE(puppet_done(T(0)));
	EXPECT_EQ(-ENOENT, T(0)->ret);
	EXPECT_EQ(1, STAT(FD, active));
	port_close(&other);
}

/* CP-32 (b): waiting on another port leaves this one. */
TEST_F(limit, CP32b_moving_to_another_port_gives_the_slot_back)
{
	struct port other;

	ASSERT_EQ(0, port_new(&other, 1, 0));
	ASSERT_EQ(1, post(FD, 1));
	TAKES(0, 1);
	PARK(1);
	ASSERT_EQ(1, post(FD, 2));
	EXPECT_TRUE(puppet_still_waits(T(1)));
	puppet_wait(T(0), other.fd, 1, 0, 0);
	ASSERT_TRUE(puppet_done(T(0)));
	EXPECT_EQ(-ETIME, T(0)->ret);
	GETS(1, 2);
	EXPECT_EQ(1, STAT(other.fd, active));
	EXPECT_EQ(1, STAT(FD, active));
	/* And back again: here it is a newcomer to a full port. */
	TIMES_OUT(0);
	EXPECT_EQ(0, STAT(other.fd, active));
	EXPECT_EQ(2, STAT(FD, active));
	port_close(&other);
}

/* A member of a port that is closed meanwhile can go elsewhere. */
TEST_F(limit, CP30_moving_from_a_closed_port)
{
	struct port other;

	ASSERT_EQ(0, port_new(&other, 1, 0));
	puppet_wait(T(0), other.fd, 1, 0, 0);
	ASSERT_TRUE(puppet_done(T(0)));
	port_close(&other);
	ASSERT_EQ(1, post(FD, 1));
	TAKES(0, 1);
	EXPECT_EQ(1, STAT(FD, active));
}

/* NO_ASSOC: takes regardless of the limit, counts nowhere, changes nothing. */
TEST_F(limit, TR10_guest_is_not_bound)
{
	struct iocp_packet p;

	ASSERT_EQ(1, post(FD, 1));
	TAKES(0, 1);
	ASSERT_EQ(2, post_range(FD, 2, 2));
	ASSERT_EQ(1, reap_until(FD, &p, 1, 0));
	EXPECT_EQ(2, p.key);
	EXPECT_EQ(1, STAT(FD, active));
	/* Also one that waits. */
	ASSERT_EQ(1, reap_until(FD, &p, 1, 0));
	puppet_wait(T(1), FD, 1, FOREVER, IOCP_ENTER_NO_ASSOC);
	ASSERT_TRUE(WAIT_FOR(STAT(FD, waiting) == 1));
	ASSERT_EQ(1, post(FD, 9));
	GETS(1, 9);
	EXPECT_EQ(1, STAT(FD, active));
	EXPECT_EQ(-ENOENT, (puppet_detach(T(1), FD), puppet_done(T(1)), T(1)->ret));
}

/* TR-10: a member that polls another port as a guest stays a member. */
TEST_F(limit, TR10_guest_elsewhere_keeps_the_membership)
{
	struct port other;

	ASSERT_EQ(0, port_new(&other, 1, 0));
	ASSERT_EQ(1, post(FD, 1));
	TAKES(0, 1);
	puppet_wait(T(0), other.fd, 1, 0, IOCP_ENTER_NO_ASSOC);
	ASSERT_TRUE(puppet_done(T(0)));
	EXPECT_EQ(-ETIME, T(0)->ret);
	EXPECT_EQ(1, STAT(FD, active));
	EXPECT_EQ(0, STAT(other.fd, active));
	/* Submitting without waiting is no wait either. */
	EXPECT_EQ(1, STAT(FD, active));
	port_close(&other);
}

/* Only waiting joins: a call that only submits leaves everything as it is. */
TEST_F(limit, CP30_submit_alone_does_not_join)
{
	struct iocp_op op = op_nop(1);

	T(0)->fd = FD;
	T(0)->e = (struct iocp_enter){ .ops = addr(&op), .nr_ops = 1, .op_size = sizeof(op) };
	puppet_go(T(0));
	ASSERT_TRUE(puppet_done(T(0)));
	EXPECT_EQ(0, T(0)->ret);
	EXPECT_EQ(0, STAT(FD, active));
	puppet_detach(T(0), FD);
	ASSERT_TRUE(puppet_done(T(0)));
	EXPECT_EQ(-ENOENT, T(0)->ret);
}

/* CP-57 */
TEST_F(limit, CP57_batch_counts_as_one)
{
	ASSERT_EQ(5, post_range(FD, 0, 5));
	puppet_wait(T(0), FD, 8, 0, 0);
	ASSERT_TRUE(puppet_done(T(0)));
	EXPECT_EQ(5, T(0)->ret);
	EXPECT_EQ(1, STAT(FD, active));
}

/* Taking from the ring by CAS does not change who is active (CP-35). */
TEST_F(limit, CP35_cas_changes_nothing)
{
	struct iocp_packet p[4];

	ASSERT_EQ(1, post(FD, 0));
	TAKES(0, 0);
	ASSERT_EQ(4, post_range(FD, 1, 4));
	EXPECT_EQ(0, ring_must_enter(&self->port));
	EXPECT_EQ(4, ring_take(&self->port, p, 4));
	EXPECT_EQ(1, STAT(FD, active));
	EXPECT_EQ(0, STAT(FD, queued));
}

/* A fault or a signal returns a thread that runs again (CP-31). */
TEST_F(limit, CP31_a_fault_holds_a_slot)
{
	ASSERT_EQ(1, post(FD, 1));
	T(0)->fd = FD;
	T(0)->e = (struct iocp_enter){
		.packets = addr(no_access()), .nr_packets = 1, .packet_size = 32,
	};
	puppet_go(T(0));
	ASSERT_TRUE(puppet_done(T(0)));
	EXPECT_EQ(-EFAULT, T(0)->ret);
	EXPECT_EQ(1, STAT(FD, active));
	TAKES(0, 1);
	EXPECT_EQ(1, STAT(FD, active));
}

TEST_F(limit, CP50_shutdown_leaves_nobody_waiting)
{
	ASSERT_EQ(1, post(FD, 1));
	TAKES(0, 1);
	PARK(1);
	ASSERT_EQ(1, post(FD, 2));
	ASSERT_EQ(0, port_shutdown(FD, NULL));
	ASSERT_TRUE(puppet_done(T(1)));
	EXPECT_EQ(-ESHUTDOWN, T(1)->ret);
}

/* ------------------------------------------------------ many real threads */

/*
 * Eight threads that take, hold and return packets, concurrency 3: never more
 * than three hold one at a time.  They only ever leave the wait with a packet,
 * so nothing may put the port over its limit.
 */
FIXTURE(many) {
	struct port port;
	struct objects base;
};

FIXTURE_VARIANT(many) {
	u32 max;
	u32 ring;
};

FIXTURE_VARIANT_ADD(many, one) { .max = 1, .ring = 16 };
FIXTURE_VARIANT_ADD(many, two) { .max = 2, .ring = 0 };
FIXTURE_VARIANT_ADD(many, three) { .max = 3, .ring = 4 };

FIXTURE_SETUP(many)
{
	PORT_FIXTURE_SETUP(variant->max, variant->ring);
}

FIXTURE_TEARDOWN(many)
{
	PORT_FIXTURE_TEARDOWN();
}

struct worker {
	pthread_t thread;
	int fd;
	u32 *running, *most, *got;
	u32 n;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	for (;;) {
		struct iocp_packet p;
		struct iocp_enter e = {
			.packets = addr(&p), .nr_packets = 1, .packet_size = sizeof(p),
			.deadline = FOREVER,
		};
		u32 now, most;

		if (enter(w->fd, &e) != 1)
			return NULL;
		now = __atomic_add_fetch(w->running, 1, __ATOMIC_SEQ_CST);
		most = __atomic_load_n(w->most, __ATOMIC_RELAXED);
		while (now > most && !__atomic_compare_exchange_n(w->most, &most, now, false,
								  __ATOMIC_SEQ_CST,
								  __ATOMIC_RELAXED))
			;
		/* Let others try to get in. */
		sched_yield();
		__atomic_sub_fetch(w->running, 1, __ATOMIC_SEQ_CST);
		if (__atomic_add_fetch(w->got, 1, __ATOMIC_SEQ_CST) == w->n)
			port_shutdown(w->fd, NULL);
	}
}

TEST_F_TIMEOUT(many, CP40_never_more_than_the_value, 60)
{
	u32 running = 0, most = 0, got = 0, n = rounds(5000), posted = 0;
	static struct worker w[8];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(w); i++) {
		w[i] = (struct worker){
			.fd = self->port.fd, .running = &running, .most = &most, .got = &got,
			.n = n,
		};
		ASSERT_EQ(0, pthread_create(&w[i].thread, NULL, work, &w[i]));
	}
	while (posted < n) {
		int ret = post_range(self->port.fd, posted, n - posted < 50 ? n - posted : 50);

		if (ret == -ESHUTDOWN)
			break;
		ASSERT_LT(0, ret);
		posted += ret;
		if (STAT(self->port.fd, queued) > 200)
			usleep(1000);
	}
	for (i = 0; i < ARRAY_SIZE(w); i++)
		pthread_join(w[i].thread, NULL);
	EXPECT_EQ(n, got);
	EXPECT_LE(1, most);
	EXPECT_GE(variant->max, most);
}

TEST_HARNESS_MAIN
