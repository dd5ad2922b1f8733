// SPDX-License-Identifier: GPL-2.0-only
/*
 * layout.c - the ABI as it was published, and that this kernel means the same.
 *
 * The numbers themselves are checked when this is compiled.  At run time: the
 * module writes exactly what belongs to a structure and nothing behind it.
 */
#include "layout_asserts.h"
#include "iocp_test.h"

PORT_FIXTURE(layout, 1, 0)

struct behind {
	union {
		struct iocp_query query;
		struct iocp_stats stats;
		__u8 bytes[sizeof(struct iocp_stats) + 64];
	};
};

TEST_F(layout, query_fills_exactly_its_size)
{
	struct behind b;

	memset(&b, 0, sizeof(b));
	memset(b.bytes + sizeof(b.query), 0xcc, sizeof(b.bytes) - sizeof(b.query));
	b.query.size = sizeof(b.query);
	ASSERT_EQ(0, call(self->port.fd, IOCP_IOC_QUERY, &b));
	EXPECT_EQ(sizeof(b.query), b.query.size);
	EXPECT_NE(0, b.query.ops);
	EXPECT_TRUE(all_bytes(b.bytes + sizeof(b.query), sizeof(b.bytes) - sizeof(b.query), 0xcc));
}

TEST_F(layout, stats_fill_exactly_their_size)
{
	struct behind b;

	memset(&b, 0, sizeof(b));
	memset(b.bytes + sizeof(b.stats), 0xcc, sizeof(b.bytes) - sizeof(b.stats));
	b.stats.size = sizeof(b.stats);
	ASSERT_EQ(0, call(self->port.fd, IOCP_IOC_STATS, &b));
	EXPECT_EQ(sizeof(b.stats), b.stats.size);
	EXPECT_EQ(1, b.stats.concurrency);
	EXPECT_TRUE(all_bytes(b.bytes + sizeof(b.stats), sizeof(b.bytes) - sizeof(b.stats), 0xcc));
}

/* Every field of a packet comes through, all 64 bits of those that have them. */
TEST_F(layout, packet_fields_are_not_mixed_up)
{
	struct iocp_packet in = {
		.key = 0x1122334455667788ULL, .overlapped = 0x99aabbccddeeff00ULL,
		.info = 0xfedcba9876543210ULL, .res = (__s32)0xc0000120,
		.flags = IOCP_PRIO_LOW << IOCP_PKT_PRIO_SHIFT,
	};
	struct iocp_packet out;

	ASSERT_EQ(1, post_many(self->port.fd, &in, 1));
	memset(&out, 0xcc, sizeof(out));
	ASSERT_EQ(1, reap(self->port.fd, &out, 1));
	in.flags |= IOCP_PKT_KIND_POST;
	EXPECT_EQ(0, memcmp(&in, &out, sizeof(in)));
}

/* Results have a stride of their own: the second one lies 16 bytes on. */
TEST_F(layout, results_lie_side_by_side)
{
	struct iocp_op ops[3] = { op_nop(1), op_nop(2), op_nop(3) };
	struct iocp_result r[4];

	memset(r, 0xcc, sizeof(r));
	ops[0].opcode = 0xfff0;
	ops[1].flags = IOCP_OP_F_INLINE_OK;
	ops[2].assoc = 12345;
	struct iocp_enter e = {
		.flags = IOCP_ENTER_NO_ASSOC, .ops = addr(ops), .results = addr(r),
		.nr_ops = 3, .op_size = sizeof(ops[0]),
	};
	ASSERT_EQ(0, enter(self->port.fd, &e));
	EXPECT_EQ(3, e.nr_consumed);
	EXPECT_EQ(IOCP_RESULT_REFUSED, r[0].state);
	EXPECT_EQ(-EOPNOTSUPP, r[0].res);
	EXPECT_EQ(IOCP_RESULT_DONE, r[1].state);
	EXPECT_EQ(0, r[1].res);
	EXPECT_EQ(IOCP_RESULT_REFUSED, r[2].state);
	EXPECT_EQ(-ENOENT, r[2].res);
	EXPECT_TRUE(all_bytes(&r[3], sizeof(r[3]), 0xcc));
}

TEST_HARNESS_MAIN
