// SPDX-License-Identifier: GPL-2.0-only
/*
 * order.c - in which order packets leave the port: FIFO within a priority,
 * strict priorities, over the ring and the lists behind it.  Nothing is lost
 * and nothing comes twice, however far the queue outgrows the ring.
 */
#include "iocp_test.h"

PORT_FIXTURE(list, 1, 0)
PORT_FIXTURE(ring, 1, 8)

static void check_fifo(struct __test_metadata *_metadata, int fd, u32 n, u32 batch)
{
	struct iocp_packet *p = calloc(n, sizeof(*p));
	u32 i, got = 0;

	ASSERT_TRUE(p != NULL);
	ASSERT_EQ(n, post_range(fd, 0, n));
	EXPECT_EQ(n, STAT(fd, queued));
	while (got < n) {
		int ret = reap_until(fd, p + got, batch < n - got ? batch : n - got, 0);

		ASSERT_LT(0, ret);
		got += ret;
	}
	for (i = 0; i < n; i++) {
		ASSERT_EQ(i, p[i].key);
	}
	EXPECT_EQ(-ETIME, reap_none(fd));
	EXPECT_EQ(0, STAT(fd, queued));
	EXPECT_EQ(0, STAT(fd, posted));
	free(p);
}

TEST_F(list, CP21_fifo_one_at_a_time)
{
	check_fifo(_metadata, self->port.fd, 200, 1);
}

TEST_F(list, CP21_fifo_in_batches)
{
	check_fifo(_metadata, self->port.fd, 2000, 37);
}

TEST_F(ring, CP21_fifo_one_at_a_time)
{
	check_fifo(_metadata, self->port.fd, 200, 1);
}

TEST_F(ring, CP21_fifo_in_batches)
{
	check_fifo(_metadata, self->port.fd, 2000, 37);
}

/* A batch is what is there, up to the room; it never waits to fill up. */
TEST_F(ring, CP52_batch_takes_what_is_there)
{
	struct iocp_packet p[32];

	ASSERT_EQ(5, post_range(self->port.fd, 0, 5));
	EXPECT_EQ(3, reap_until(self->port.fd, p, 3, FOREVER));
	EXPECT_EQ(2, reap_until(self->port.fd, p, 32, FOREVER));
	EXPECT_EQ(4, p[1].key);
}

/* A batch may span the copy size inside the kernel, the ring and the list. */
TEST_F(ring, batch_of_more_than_ring)
{
	struct iocp_packet p[100];
	unsigned int i;

	ASSERT_EQ(100, post_range(self->port.fd, 0, 100));
	EXPECT_EQ(100, reap_until(self->port.fd, p, 100, 0));
	for (i = 0; i < 100; i++) {
		EXPECT_EQ(i, p[i].key);
	}
}

/*
 * A3 (b): the ring is full, the rest is in the list, consumers make room by
 * CAS and more is posted: what is newer must not slip into the free slots
 * before what is older.
 */
TEST_F(ring, CP21_refill_keeps_the_order)
{
	struct iocp_packet p[16];
	u64 next_post = 0, next_take = 0;
	unsigned int step;

	for (step = 0; step < 500; step++) {
		u32 more = 1 + step * 7 % 13;
		int ret;

		ASSERT_EQ(more, post_range(self->port.fd, next_post, more));
		next_post += more;
		/* Sometimes by CAS, sometimes through the kernel. */
		if (step % 3)
			ret = ring_take(&self->port, p, 1 + step % 11);
		else
			ret = reap_until(self->port.fd, p, 1 + step % 11, 0);
		if (ret == -EAGAIN)
			ret = reap_until(self->port.fd, p, 4, 0);
		ASSERT_LE(0, ret);
		for (u32 i = 0; i < (u32)ret; i++) {
			ASSERT_EQ(next_take++, p[i].key);
		}
	}
	while (next_take < next_post) {
		int ret = ring_take(&self->port, p, 16);

		if (ret == -EAGAIN)
			ret = reap_until(self->port.fd, p, 16, 0);
		ASSERT_LT(0, ret);
		for (u32 i = 0; i < (u32)ret; i++) {
			ASSERT_EQ(next_take++, p[i].key);
		}
	}
	EXPECT_EQ(-ETIME, reap_none(self->port.fd));
}

static void check_priorities(struct __test_metadata *_metadata, int fd)
{
	static const u32 prio[] = {
		IOCP_PRIO_LOW, IOCP_PRIO_NORMAL, IOCP_PRIO_HIGH, IOCP_PRIO_LOW, IOCP_PRIO_DEFAULT,
		IOCP_PRIO_HIGH, IOCP_PRIO_NORMAL, IOCP_PRIO_LOW, IOCP_PRIO_HIGH,
	};
	/* HIGH, then NORMAL with DEFAULT, then LOW; FIFO in each. */
	static const u64 want[] = { 2, 5, 8, 1, 4, 6, 0, 3, 7 };
	struct iocp_packet p;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(prio); i++) {
		ASSERT_EQ(1, post_prio(fd, i, prio[i]));
	}
	for (i = 0; i < ARRAY_SIZE(want); i++) {
		ASSERT_EQ(1, reap_until(fd, &p, 1, 0));
		EXPECT_EQ(want[i], p.key);
		EXPECT_EQ(prio[p.key] ? prio[p.key] : IOCP_PRIO_DEFAULT, pkt_prio(&p));
	}
	EXPECT_EQ(-ETIME, reap_none(fd));
}

TEST_F(list, priorities_are_strict)
{
	check_priorities(_metadata, self->port.fd);
}

TEST_F(ring, priorities_are_strict)
{
	check_priorities(_metadata, self->port.fd);
}

/* HIGH overtakes what is in the ring already; consumers by CAS are told so. */
TEST_F(ring, high_overtakes_the_ring)
{
	struct iocp_packet p[4];

	ASSERT_EQ(3, post_range(self->port.fd, 10, 3));
	EXPECT_EQ(0, ring_must_enter(&self->port));
	ASSERT_EQ(1, post_prio(self->port.fd, 1, IOCP_PRIO_HIGH));
	EXPECT_EQ(IOCP_RING_MUST_ENTER_FRONT, ring_must_enter(&self->port));
	EXPECT_EQ(-EAGAIN, ring_take(&self->port, p, 4));
	ASSERT_EQ(1, reap_until(self->port.fd, p, 1, 0));
	EXPECT_EQ(1, p[0].key);
	EXPECT_EQ(0, ring_must_enter(&self->port));
	ASSERT_EQ(3, ring_take(&self->port, p, 4));
	EXPECT_EQ(10, p[0].key);
}

/* LOW never enters the ring; "more" says that it is there. */
TEST_F(ring, low_is_only_in_the_list)
{
	struct iocp_packet p[4];

	ASSERT_EQ(1, post_prio(self->port.fd, 1, IOCP_PRIO_LOW));
	EXPECT_EQ(0, ring_tail(&self->port));
	EXPECT_EQ(0, ring_must_enter(&self->port));
	EXPECT_NE(0, ring_more(&self->port));
	EXPECT_EQ(-EAGAIN, ring_take(&self->port, p, 4));
	ASSERT_EQ(1, post(self->port.fd, 2));
	/* NORMAL goes first although it came later. */
	ASSERT_EQ(1, ring_take(&self->port, p, 4));
	EXPECT_EQ(2, p[0].key);
	ASSERT_EQ(1, reap_until(self->port.fd, p, 4, 0));
	EXPECT_EQ(1, p[0].key);
	EXPECT_EQ(0, ring_more(&self->port));
}

TEST_F(ring, more_is_set_while_the_list_holds_packets)
{
	struct iocp_packet p[16];

	ASSERT_EQ(8, post_range(self->port.fd, 0, 8));
	EXPECT_EQ(0, ring_more(&self->port));
	ASSERT_EQ(1, post(self->port.fd, 8));
	EXPECT_NE(0, ring_more(&self->port));
	ASSERT_EQ(8, ring_take(&self->port, p, 16));
	EXPECT_EQ(-EAGAIN, ring_take(&self->port, p, 16));
	ASSERT_EQ(1, reap_until(self->port.fd, p, 16, 0));
	EXPECT_EQ(8, p[0].key);
	EXPECT_EQ(0, ring_more(&self->port));
	EXPECT_EQ(0, ring_take(&self->port, p, 16));
}

TEST_F(ring, priority_of_the_association_and_of_the_operation)
{
	struct iocp_op op = op_nop(1);
	struct outcome o;
	struct assoc as;
	int pfd[2];

	ASSERT_EQ(0, pipe(pfd));
	ASSERT_EQ(0, assoc_flags(self->port.fd, pfd[0], 1, IOCP_PRIO_LOW << IOCP_ASSOC_PRIO_SHIFT,
				 0, &as));
	op.assoc = as.index;
	op.assoc_gen = as.gen;
	ASSERT_EQ(0, run_op(self->port.fd, op, &o));
	EXPECT_EQ(IOCP_PRIO_LOW, pkt_prio(&o.pkt));
	op.flags = IOCP_PRIO_HIGH << IOCP_OP_F_PRIO_SHIFT;
	ASSERT_EQ(0, run_op(self->port.fd, op, &o));
	EXPECT_EQ(IOCP_PRIO_HIGH, pkt_prio(&o.pkt));
	close(pfd[0]);
	close(pfd[1]);
}

/* ------------------------------------------- 100,000 packets, 4 consumers */

#define NR_CONSUMERS	4

struct consumer {
	pthread_t thread;
	struct port *port;
	u32 n;				/* packets there are in all */
	u32 got;
	u32 by_cas;
	u32 order_errors;
	int error;
	__u8 *seen;			/* shared: how often each key was taken */
	u32 *total;			/* shared */
	bool use_ring;
	bool guest;
};

/*
 * Takes until everybody together has everything.  What one consumer gets must
 * increase: it takes from a FIFO, and never two at a time in its own order.
 */
static void *consume(void *arg)
{
	struct consumer *c = arg;
	struct iocp_packet p[16];
	s64 last = -1;

	while (__atomic_load_n(c->total, __ATOMIC_RELAXED) < c->n) {
		int i, ret = -EAGAIN;

		/* By CAS only while active in the port: after a packet by ENTER. */
		if (c->use_ring && c->got) {
			ret = ring_take(c->port, p, 16);
			if (ret > 0)
				c->by_cas += ret;
		}
		if (ret <= 0) {
			struct iocp_enter e = {
				.flags = c->guest ? IOCP_ENTER_NO_ASSOC : 0,
				.packets = addr(p), .nr_packets = 16, .packet_size = sizeof(p[0]),
				.deadline = in_ms(20),
			};

			ret = enter(c->port->fd, &e);
			if (ret == -ETIME)
				continue;
			if (ret < 0) {
				c->error = ret;
				break;
			}
		}
		for (i = 0; i < ret; i++) {
			if ((s64)p[i].key <= last)
				c->order_errors++;
			last = p[i].key;
			if (p[i].key < c->n)
				__atomic_add_fetch(&c->seen[p[i].key], 1, __ATOMIC_RELAXED);
			else
				c->error = -ERANGE;
		}
		c->got += ret;
		__atomic_add_fetch(c->total, ret, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void overflow(struct __test_metadata *_metadata, struct port *port, u32 n, u32 burst,
		     bool use_ring, bool guest)
{
	static struct consumer c[NR_CONSUMERS];
	__u8 *seen = calloc(n, 1);
	u32 i, total = 0, missing = 0, twice = 0, sum = 0, posted = 0;

	ASSERT_TRUE(seen != NULL);
	/* The first burst overflows the ring before anybody takes anything. */
	ASSERT_EQ(burst, post_range(port->fd, 0, burst));
	posted = burst;
	for (i = 0; i < NR_CONSUMERS; i++) {
		c[i] = (struct consumer){
			.port = port, .n = n, .seen = seen, .total = &total,
			.use_ring = use_ring, .guest = guest,
		};
		ASSERT_EQ(0, pthread_create(&c[i].thread, NULL, consume, &c[i]));
	}
	while (posted < n) {
		int ret = post_range(port->fd, posted, n - posted < burst ? n - posted : burst);

		/* The port is full: let them eat. */
		if (ret == -EAGAIN) {
			usleep(500);
			continue;
		}
		ASSERT_LT(0, ret);
		posted += ret;
	}
	for (i = 0; i < NR_CONSUMERS; i++) {
		pthread_join(c[i].thread, NULL);
		EXPECT_EQ(0, c[i].error);
		EXPECT_EQ(0, c[i].order_errors);
		sum += c[i].got;
	}
	for (i = 0; i < n; i++) {
		missing += !seen[i];
		twice += seen[i] > 1;
	}
	EXPECT_EQ(0, missing);
	EXPECT_EQ(0, twice);
	EXPECT_EQ(n, sum);
	EXPECT_EQ(n, total);
	EXPECT_EQ(0, STAT(port->fd, queued));
	if (use_ring) {
		for (i = 0, sum = 0; i < NR_CONSUMERS; i++)
			sum += c[i].by_cas;
		/* Or the test has not shown what it is for. */
		EXPECT_LT(0, sum);
	}
	free(seen);
}

FIXTURE(overflow) {
	struct port port;
	struct objects base;
};

FIXTURE_VARIANT(overflow) {
	u32 ring;
	bool use_ring;
	bool guest;
};

FIXTURE_VARIANT_ADD(overflow, ring_by_enter) { .ring = 256 };
FIXTURE_VARIANT_ADD(overflow, ring_by_cas_and_enter) { .ring = 256, .use_ring = true };
FIXTURE_VARIANT_ADD(overflow, ring_by_cas_and_guests) {
	.ring = 256, .use_ring = true, .guest = true,
};
FIXTURE_VARIANT_ADD(overflow, no_ring) { .guest = true };

FIXTURE_SETUP(overflow)
{
	PORT_FIXTURE_SETUP(NR_CONSUMERS, variant->ring);
}

FIXTURE_TEARDOWN(overflow)
{
	PORT_FIXTURE_TEARDOWN();
}

TEST_F_TIMEOUT(overflow, every_packet_exactly_once, 90)
{
	overflow(_metadata, &self->port, rounds(100000), 1000, variant->use_ring, variant->guest);
}

/* The same with completions of operations, whose packets cost no memory. */
TEST_F(overflow, completions_too)
{
	struct iocp_op ops[64];
	struct iocp_packet p[64];
	u32 i, n = 4096, done = 0, expect = 0;

	while (done < n) {
		for (i = 0; i < 64; i++)
			ops[i] = op_nop(done + i);
		ASSERT_EQ(64, submit(self->port.fd, ops, 64, NULL));
		done += 64;
	}
	EXPECT_EQ(n, STAT(self->port.fd, queued));
	EXPECT_EQ(n, STAT(self->port.fd, completed));
	while (expect < n) {
		int ret = variant->use_ring ? ring_take(&self->port, p, 16) : -EAGAIN;

		if (ret <= 0)
			ret = reap_until(self->port.fd, p, 64, 0);
		ASSERT_LT(0, ret);
		for (i = 0; i < (u32)ret; i++) {
			ASSERT_EQ(expect++, p[i].overlapped);
		}
	}
	EXPECT_EQ(0, STAT(self->port.fd, inflight));
}

TEST_HARNESS_MAIN
