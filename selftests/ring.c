// SPDX-License-Identifier: GPL-2.0-only
/*
 * ring.c - the shared ring as a hostile program treats it.  The kernel trusts
 * nothing in it: whatever the head says, the port lives on and what comes later
 * is served through ENTER.
 */
#include "iocp_test.h"

PORT_FIXTURE(ring, 2, 16)

/* After the head was spoilt: new packets come through ENTER, whole and in order. */
static void check_serves(struct __test_metadata *_metadata, struct port *port)
{
	struct iocp_packet p[64];
	unsigned int i;
	int got = 0, ret;

	ASSERT_EQ(40, post_range(port->fd, 1000, 40));
	while (got < 40) {
		ret = reap_until(port->fd, p + got, 40 - got, 0);
		ASSERT_LT(0, ret);
		/* What was in the ring when it broke may come or not: skip it. */
		while (ret && p[got].key < 1000) {
			memmove(p + got, p + got + 1, (ret - 1) * sizeof(p[0]));
			ret--;
		}
		got += ret;
	}
	for (i = 0; i < 40; i++) {
		EXPECT_EQ(1000 + i, p[i].key);
	}
	EXPECT_EQ(-ETIME, reap_none(port->fd));
}

FIXTURE(garbage) {
	struct port port;
	struct objects base;
};

FIXTURE_VARIANT(garbage) {
	u64 head;		/* relative to the tail */
	bool absolute;
	bool full;		/* while the ring is full */
};

FIXTURE_VARIANT_ADD(garbage, one_past_the_tail) { .head = 1 };
FIXTURE_VARIANT_ADD(garbage, far_past_the_tail) { .head = 1ULL << 32 };
FIXTURE_VARIANT_ADD(garbage, one_too_far_back) { .head = -17ULL };
FIXTURE_VARIANT_ADD(garbage, far_back) { .head = -1ULL << 40 };
FIXTURE_VARIANT_ADD(garbage, sign_bit) { .head = 1ULL << 63, .absolute = true };
FIXTURE_VARIANT_ADD(garbage, all_ones) { .head = ~0ULL, .absolute = true };
FIXTURE_VARIANT_ADD(garbage, full_one_past) { .head = 1, .full = true };
FIXTURE_VARIANT_ADD(garbage, full_all_ones) { .head = ~0ULL, .absolute = true, .full = true };

FIXTURE_SETUP(garbage)
{
	PORT_FIXTURE_SETUP(2, 16);
}

FIXTURE_TEARDOWN(garbage)
{
	PORT_FIXTURE_TEARDOWN();
}

TEST_F(garbage, port_survives)
{
	struct port *port = &self->port;
	u32 before = variant->full ? 30 : 3;
	struct iocp_packet p;

	EXPECT_EQ(0, STAT(port->fd, ring_broken));
	ASSERT_EQ(before, post_range(port->fd, 0, before));
	__atomic_store_n(ring_head(port),
			 variant->absolute ? variant->head : ring_tail(port) + variant->head,
			 __ATOMIC_RELEASE);
	check_serves(_metadata, port);
	EXPECT_LT(0, STAT(port->fd, ring_broken));
	/* It stays so, also if the head looks well again. */
	__atomic_store_n(ring_head(port), ring_tail(port), __ATOMIC_RELEASE);
	check_serves(_metadata, port);
	/* Operations as well. */
	ASSERT_EQ(0, submit_queued(port->fd, op_nop(5)));
	ASSERT_EQ(1, reap(port->fd, &p, 1));
	EXPECT_EQ(5, p.overlapped);
	EXPECT_EQ(0, port_shutdown(port->fd, NULL));
}

/* Moved while parked waiters are to be served. */
TEST_F(garbage, waiters_are_served)
{
	static struct puppet t;

	/* Nothing was queued: the tail is 0. */
	__atomic_store_n(ring_head(&self->port), variant->head, __ATOMIC_RELEASE);
	ASSERT_EQ(0, puppet_start(&t));
	puppet_wait(&t, self->port.fd, 1, FOREVER, 0);
	ASSERT_TRUE(WAIT_FOR(STAT(self->port.fd, waiting) == 1));
	ASSERT_EQ(1, post(self->port.fd, 5));
	ASSERT_TRUE(puppet_done(&t));
	EXPECT_EQ(1, t.ret);
	EXPECT_EQ(5, t.pkts[0].key);
	puppet_stop(&t);
}

/* A thread that plays with the head while others work. */
struct vandal {
	struct port *port;
	bool stop;
	bool plausible;			/* only values within the window */
	u64 moves;
};

static void *vandalise(void *arg)
{
	struct vandal *v = arg;
	u64 x = 88172645463325252ULL;

	while (!__atomic_load_n(&v->stop, __ATOMIC_RELAXED)) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		__atomic_store_n(ring_head(v->port), v->plausible ?
				 ring_tail(v->port) - x % 17 : x, __ATOMIC_RELEASE);
		__atomic_add_fetch(&v->moves, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void work_beside(struct __test_metadata *_metadata, struct port *port, bool plausible)
{
	struct vandal v = { .port = port, .plausible = plausible };
	unsigned int i, n = rounds(3000);
	struct iocp_packet p[64];
	pthread_t thread;
	u64 t0;

	ASSERT_EQ(0, pthread_create(&thread, NULL, vandalise, &v));
	ASSERT_TRUE(WAIT_FOR(__atomic_load_n(&v.moves, __ATOMIC_RELAXED)));
	for (i = 0; i < n; i++) {
		t0 = now_ns();
		ASSERT_EQ(1, post(port->fd, i));
		reap_until(port->fd, p, 64, 0);
		/* Bounded: no call spins on a word that a program writes. */
		ASSERT_GT(5000 * NSEC_PER_MSEC, now_ns() - t0);
	}
	__atomic_store_n(&v.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	EXPECT_LT(0, v.moves);
	while (reap_until(port->fd, p, 64, 0) > 0)
		;
}

TEST_F(ring, head_changes_all_the_time)
{
	work_beside(_metadata, &self->port, false);
	EXPECT_LT(0, STAT(self->port.fd, ring_broken));
	check_serves(_metadata, &self->port);
}

/* Never caught as broken, only wrong: it harms nobody but the program. */
TEST_F(ring, head_moves_within_the_window_all_the_time)
{
	work_beside(_metadata, &self->port, true);
	EXPECT_EQ(0, port_shutdown(self->port.fd, NULL));
}

/* Two threads fight for the head by honest CAS; each packet goes to one. */
TEST_F(ring, take_is_exclusive)
{
	struct iocp_packet a, b;

	ASSERT_EQ(2, post_range(self->port.fd, 0, 2));
	ASSERT_EQ(1, ring_take(&self->port, &a, 1));
	ASSERT_EQ(1, ring_take(&self->port, &b, 1));
	EXPECT_EQ(0, a.key);
	EXPECT_EQ(1, b.key);
	EXPECT_EQ(0, ring_take(&self->port, &a, 1));
	EXPECT_EQ(-ETIME, reap_none(self->port.fd));
}

/* What was taken by CAS is no longer there for the kernel, and the other way. */
TEST_F(ring, kernel_and_programs_share_the_head)
{
	struct iocp_packet p;
	unsigned int i;

	ASSERT_EQ(10, post_range(self->port.fd, 0, 10));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(1, i & 1 ? ring_take(&self->port, &p, 1) :
				     reap_until(self->port.fd, &p, 1, 0));
		EXPECT_EQ(i, p.key);
		EXPECT_EQ(9 - i, STAT(self->port.fd, queued));
	}
	EXPECT_EQ(10, *ring_head(&self->port));
}

TEST_F(ring, unmapped_while_packets_come)
{
	struct iocp_packet p;

	ASSERT_EQ(3, post_range(self->port.fd, 0, 3));
	port_unmap(&self->port);
	ASSERT_EQ(1, reap_until(self->port.fd, &p, 1, 0));
	EXPECT_EQ(0, p.key);
	ASSERT_EQ(0, port_map(&self->port));
	ASSERT_EQ(2, ring_take(&self->port, (struct iocp_packet[2]){}, 2));
}

/* The slots wrap around many times. */
TEST_F(ring, goes_round)
{
	struct iocp_packet p[16];
	u64 next = 0;
	unsigned int i;

	for (i = 0; i < 300; i++) {
		int ret;

		ASSERT_EQ(11, post_range(self->port.fd, i * 11, 11));
		ret = ring_take(&self->port, p, 16);
		ASSERT_EQ(11, ret);
		while (ret--) {
			ASSERT_EQ(next++, p[10 - ret].key);
		}
	}
	EXPECT_EQ(3300, ring_tail(&self->port));
}

TEST_F(ring, shutdown_sets_must_enter_for_good)
{
	struct iocp_packet p;

	ASSERT_EQ(2, post_range(self->port.fd, 0, 2));
	ASSERT_EQ(0, port_shutdown(self->port.fd, NULL));
	EXPECT_TRUE(ring_must_enter(&self->port) & IOCP_RING_MUST_ENTER_SHUT);
	EXPECT_EQ(-EAGAIN, ring_take(&self->port, &p, 1));
	EXPECT_EQ(-ESHUTDOWN, reap_none(self->port.fd));
}

TEST_HARNESS_MAIN
