// SPDX-License-Identifier: GPL-2.0-only
/*
 * query.c - what QUERY tells and what SETUP grants.
 */
#include "iocp_test.h"

PORT_FIXTURE(query, 3, 0)

TEST_F(query, known_operations_are_exactly_these)
{
	struct iocp_query q;

	ASSERT_EQ(0, port_query(self->port.fd, &q));
	EXPECT_EQ(1ULL << IOCP_OP_NOP | 1ULL << IOCP_OP_READ | 1ULL << IOCP_OP_WRITE |
		  1ULL << IOCP_OP_READV | 1ULL << IOCP_OP_WRITEV | 1ULL << IOCP_OP_FSYNC |
		  1ULL << IOCP_OP_POST | 1ULL << IOCP_OP_WAIT | 1ULL << IOCP_OP_TIMER, q.ops);
}

TEST_F(query, every_known_operation_is_known_and_no_other)
{
	struct iocp_query q;
	unsigned int i;

	ASSERT_EQ(0, port_query(self->port.fd, &q));
	for (i = 0; i < 64; i++) {
		/* (no fd, or WAIT would say of some file that it cannot be polled) */
		struct iocp_op op = { .opcode = i, .assoc = IOCP_NO_ASSOC, .aux = ~0U };
		struct iocp_result r;
		bool known;

		ASSERT_EQ(1, submit(self->port.fd, &op, 1, &r));
		known = r.state != IOCP_RESULT_REFUSED || r.res != -EOPNOTSUPP;
		EXPECT_EQ(q.ops >> i & 1, known) {
			TH_LOG("opcode %u: state %u res %d", i, r.state, r.res);
		}
		if (r.state == IOCP_RESULT_QUEUED) {
			struct iocp_packet p;

			ASSERT_EQ(1, reap(self->port.fd, &p, 1));
		}
	}
}

TEST_F(query, known_flags_are_exactly_these)
{
	struct iocp_query q;

	ASSERT_EQ(0, port_query(self->port.fd, &q));
	EXPECT_EQ(IOCP_OP_F_INLINE_OK | IOCP_OP_F_NOSIGNAL | IOCP_OP_F_FORCE_PUNT |
		  IOCP_OP_F_KEY_IN_AUX2 | IOCP_OP_F_PRIO_MASK | IOCP_OP_F_ANY_SHORT, q.op_flags);
	EXPECT_EQ(RWF_DSYNC | RWF_SYNC | RWF_APPEND | RWF_NOWAIT, q.rwf_flags);
	EXPECT_TRUE(q.features & IOCP_FEATURE_RING);
	EXPECT_TRUE(q.features & IOCP_FEATURE_LIMIT);
	EXPECT_TRUE(q.features & IOCP_FEATURE_BLOCKING);
	EXPECT_TRUE(q.features & IOCP_FEATURE_STRICT);
	EXPECT_EQ(0, q.features & ~(IOCP_FEATURE_RING | IOCP_FEATURE_LIMIT |
				    IOCP_FEATURE_BLOCKING | IOCP_FEATURE_STRICT));
	EXPECT_EQ(0, q.flags);
	EXPECT_TRUE(all_bytes(q.resv, sizeof(q.resv), 0));
}

TEST_F(query, state_of_this_port)
{
	struct iocp_query q;

	ASSERT_EQ(5, post_range(self->port.fd, 0, 5));
	ASSERT_EQ(0, port_query(self->port.fd, &q));
	EXPECT_EQ(IOCP_STATE_LIVE, q.port_state);
	EXPECT_EQ(3, q.concurrency);
	EXPECT_EQ(5, q.queued);
}

TEST_F(query, max_batch_is_the_largest_batch)
{
	struct iocp_op *ops;
	struct iocp_packet *p;
	struct iocp_query q;
	unsigned int i;

	ASSERT_EQ(0, port_query(self->port.fd, &q));
	ASSERT_EQ(IOCP_MAX_BATCH, q.max_batch);
	ops = calloc(q.max_batch + 1, sizeof(*ops));
	p = calloc(q.max_batch + 1, sizeof(*p));
	ASSERT_TRUE(ops && p);
	for (i = 0; i <= q.max_batch; i++)
		ops[i] = op_post(i, i, 0, 0);
	EXPECT_EQ(-EINVAL, submit(self->port.fd, ops, q.max_batch + 1, NULL));
	EXPECT_EQ(q.max_batch, submit(self->port.fd, ops, q.max_batch, NULL));
	EXPECT_EQ(-EINVAL, reap_until(self->port.fd, p, q.max_batch + 1, 0));
	EXPECT_EQ(q.max_batch, reap_until(self->port.fd, p, q.max_batch, 0));
	EXPECT_EQ(q.max_batch - 1, p[q.max_batch - 1].key);
	EXPECT_EQ(-EINVAL, post_many(self->port.fd, p, q.max_batch + 1));
	for (i = 0; i < q.max_batch; i++)
		p[i].flags = 0;
	EXPECT_EQ(q.max_batch, post_many(self->port.fd, p, q.max_batch));
}

FIXTURE(setup) {
	int fd;
	struct iocp_setup s;
	struct iocp_query q;
};

FIXTURE_SETUP(setup)
{
	self->fd = port_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, port_query(self->fd, &self->q));
	self->s.size = sizeof(self->s);
}

FIXTURE_TEARDOWN(setup)
{
	close(self->fd);
}

TEST_F(setup, defaults)
{
	ASSERT_EQ(0, call(self->fd, IOCP_IOC_SETUP, &self->s));
	EXPECT_EQ(sizeof(self->s), self->s.size);
	EXPECT_EQ(sysconf(_SC_NPROCESSORS_ONLN), self->s.concurrency);
	EXPECT_EQ(0, self->s.ring_entries);
	EXPECT_EQ(sizeof(struct iocp_packet), self->s.packet_size);
	EXPECT_LE(256, self->s.max_inflight);
	EXPECT_GE(self->q.max_inflight, self->s.max_inflight);
	/* The decided default for a port's posted packets. */
	EXPECT_EQ(65536, self->s.max_posted);
}

TEST_F(setup, ring_is_rounded_up)
{
	self->s.ring_entries = 33;
	ASSERT_EQ(0, call(self->fd, IOCP_IOC_SETUP, &self->s));
	EXPECT_EQ(64, self->s.ring_entries);
	EXPECT_LE(64 * sizeof(struct iocp_packet) + self->s.ro_packets, self->s.ro_len);
	EXPECT_EQ(0, self->s.ro_len % sysconf(_SC_PAGESIZE));
	EXPECT_EQ(0, self->s.rw_len % sysconf(_SC_PAGESIZE));
	EXPECT_LE(self->s.rw_head + 8, self->s.rw_len);
	EXPECT_NE(self->s.ro_off, self->s.rw_off);
	EXPECT_EQ(0, self->s.ro_packets % sizeof(struct iocp_packet));
}

TEST_F(setup, ring_of_one)
{
	self->s.ring_entries = 1;
	ASSERT_EQ(0, call(self->fd, IOCP_IOC_SETUP, &self->s));
	EXPECT_EQ(1, self->s.ring_entries);
}

TEST_F(setup, largest_ring)
{
	self->s.ring_entries = self->q.max_ring_entries;
	ASSERT_EQ(0, call(self->fd, IOCP_IOC_SETUP, &self->s));
	EXPECT_EQ(self->q.max_ring_entries, self->s.ring_entries);
}

TEST_F(setup, too_large_limits_become_the_maximum)
{
	self->s.max_inflight = ~0U;
	self->s.max_posted = ~0U;
	ASSERT_EQ(0, call(self->fd, IOCP_IOC_SETUP, &self->s));
	EXPECT_EQ(self->q.max_inflight, self->s.max_inflight);
	EXPECT_EQ(self->q.max_posted, self->s.max_posted);
}

TEST_F(setup, limits_as_asked)
{
	self->s.max_inflight = 17;
	self->s.max_posted = 19;
	self->s.packet_size = 32;
	ASSERT_EQ(0, call(self->fd, IOCP_IOC_SETUP, &self->s));
	EXPECT_EQ(17, self->s.max_inflight);
	EXPECT_EQ(19, self->s.max_posted);
}

TEST_F(setup, features_are_granted)
{
	self->s.features = IOCP_FEATURE_RING;
	self->s.ring_entries = 4;
	ASSERT_EQ(0, call(self->fd, IOCP_IOC_SETUP, &self->s));
	EXPECT_TRUE(self->s.features & IOCP_FEATURE_RING);
	EXPECT_EQ(0, self->s.features & ~self->q.features);
}

TEST_HARNESS_MAIN
