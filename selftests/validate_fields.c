// SPDX-License-Identifier: GPL-2.0-only
/*
 * validate_fields.c - every field of every call's structure: one test per
 * errno per field, in which nothing has changed after the refusal and the same
 * call with the field put right succeeds.
 */
#include "iocp_test.h"

/*
 * Makes a test: the last argument spoils "a", a copy of the good argument; the call must
 * fail with @err and leave the port as it was; then the good one must return
 * what it should.
 */
#define BAD(fixture, name, err, ...)					\
TEST_F(fixture, name##_##err)						\
{									\
	__typeof__(self->good) a = self->good;				\
	struct iocp_stats before, after;				\
									\
	__VA_ARGS__;							\
	port_stats(self->port.fd, &before);				\
	EXPECT_EQ(-(err), call(self->port.fd, self->nr, &a));		\
	port_stats(self->port.fd, &after);				\
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));		\
	a = self->good;							\
	EXPECT_EQ(self->good_ret, call(self->port.fd, self->nr, &a));	\
}

#define FIELDS_FIXTURE(name, type)					\
FIXTURE(name) {								\
	struct port port;						\
	unsigned long nr;						\
	struct type good;						\
	int good_ret;							\
	int pfd[2];							\
	struct assoc as;						\
	u64 id;								\
	char buf[16];							\
	struct iocp_op ops[2];						\
	struct iocp_result results[2];					\
	struct iocp_packet pkts[4];					\
}

#define SCENE() do {							\
	ASSERT_EQ(0, port_new(&self->port, 1, 0));			\
	ASSERT_EQ(0, pipe(self->pfd));					\
	ASSERT_EQ(0, assoc_add(self->port.fd, self->pfd[0], 7, &self->as)); \
	self->ops[0] = op_read(&self->as, 3, self->buf, sizeof(self->buf), 0); \
	ASSERT_EQ(1, submit_id(self->port.fd, self->ops, 1, NULL, &self->id)); \
	ASSERT_EQ(1, post(self->port.fd, 9));				\
	self->good.size = sizeof(self->good);				\
} while (0)

/* ------------------------------------------------------------------ QUERY */

FIELDS_FIXTURE(query, iocp_query);
FIXTURE_SETUP(query)
{
	SCENE();
	self->nr = IOCP_IOC_QUERY;
}
FIXTURE_TEARDOWN(query)
{
	port_close(&self->port);
}

BAD(query, resv_first, EINVAL, a.resv[0] = 1)
BAD(query, resv_last, EINVAL, a.resv[7] = 1)

/* ------------------------------------------------------------------ STATS */

FIELDS_FIXTURE(stats, iocp_stats);
FIXTURE_SETUP(stats)
{
	SCENE();
	self->nr = IOCP_IOC_STATS;
}
FIXTURE_TEARDOWN(stats)
{
	port_close(&self->port);
}

BAD(stats, resv_first, EINVAL, a.resv[0] = 1)
BAD(stats, resv_last, EINVAL, a.resv[ARRAY_SIZE(a.resv) - 1] = 1ULL << 63)

/* ------------------------------------------------------------------ SETUP */

FIELDS_FIXTURE(setup, iocp_setup);
FIXTURE_SETUP(setup)
{
	self->port.fd = port_open();
	ASSERT_LE(0, self->port.fd);
	self->good.size = sizeof(self->good);
	self->good.ring_entries = 8;
	self->nr = IOCP_IOC_SETUP;
}
FIXTURE_TEARDOWN(setup)
{
	close(self->port.fd);
}

/* Still NEW after the refusal is what lets the good call succeed. */
BAD(setup, features_unknown, EINVAL, a.features = 1ULL << 63)
BAD(setup, packet_size_small, EINVAL, a.packet_size = 16)
BAD(setup, packet_size_large, EINVAL, a.packet_size = 64)
BAD(setup, ring_too_large, EINVAL, {
	struct iocp_query q;

	port_query(self->port.fd, &q);
	a.ring_entries = q.max_ring_entries + 1;
})
BAD(setup, ring_all_ones, EINVAL, a.ring_entries = ~0U)
BAD(setup, concurrency_all_ones, EINVAL, a.concurrency = ~0U)
BAD(setup, block_delay_without_blocking, EINVAL, a.block_delay_us = 1)
BAD(setup, block_delay_too_long, EINVAL, {
	a.features |= IOCP_FEATURE_BLOCKING;
	a.block_delay_us = IOCP_MAX_BLOCK_DELAY_US + 1;
})
BAD(setup, strict_without_blocking, EINVAL, a.features |= IOCP_FEATURE_STRICT)
BAD(setup, resv0, EINVAL, a.resv0 = 1)
BAD(setup, resv_first, EINVAL, a.resv[0] = 1)
BAD(setup, resv_last, EINVAL, a.resv[7] = 1)

/* The answer cannot be written: then the port is not set up either. */
TEST_F(setup, argument_not_writable_EFAULT)
{
	struct iocp_setup *ro = map_anon(4096);
	struct iocp_query q;

	*ro = self->good;
	ASSERT_EQ(0, mprotect(ro, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, call(self->port.fd, IOCP_IOC_SETUP, ro));
	ASSERT_EQ(0, port_query(self->port.fd, &q));
	EXPECT_EQ(IOCP_STATE_NEW, q.port_state);
	EXPECT_EQ(0, call(self->port.fd, IOCP_IOC_SETUP, &self->good));
}

/* -------------------------------------------------------------- ASSOCIATE */

FIELDS_FIXTURE(associate, iocp_associate);
FIXTURE_SETUP(associate)
{
	SCENE();
	self->nr = IOCP_IOC_ASSOCIATE;
	self->good.fd = self->pfd[1];
	self->good.key = 5;
}
FIXTURE_TEARDOWN(associate)
{
	port_close(&self->port);
}

BAD(associate, fd_minus_one, EBADF, a.fd = -1)
BAD(associate, fd_cwd, EBADF, a.fd = AT_FDCWD)
BAD(associate, fd_very_negative, EBADF, a.fd = INT_MIN)
BAD(associate, fd_huge, EBADF, a.fd = INT_MAX)
BAD(associate, fd_closed, EBADF, {
	a.fd = dup(0);
	close(a.fd);
})
BAD(associate, fd_o_path, EBADF, a.fd = open("/", O_PATH))
BAD(associate, fd_is_the_port, ELOOP, a.fd = self->port.fd)
BAD(associate, fd_is_another_port, ELOOP, a.fd = port_open())
BAD(associate, fd_without_operations, EOPNOTSUPP, a.fd = syscall(SYS_pidfd_open, getpid(), 0))
BAD(associate, modes_unknown, EINVAL, a.modes = 1U << 2)
BAD(associate, modes_high_bit, EINVAL, a.modes = 1U << 31)
BAD(associate, resv_first, EINVAL, a.resv[0] = 1)
BAD(associate, resv_last, EINVAL, a.resv[2] = 1)

TEST_F(associate, argument_not_writable_EFAULT)
{
	struct iocp_associate *ro = map_anon(4096);

	*ro = self->good;
	ASSERT_EQ(0, mprotect(ro, 4096, PROT_READ));
	EXPECT_EQ(1, STAT(self->port.fd, assocs));
	EXPECT_EQ(-EFAULT, call(self->port.fd, IOCP_IOC_ASSOCIATE, ro));
	EXPECT_EQ(1, STAT(self->port.fd, assocs));
	EXPECT_EQ(0, call(self->port.fd, IOCP_IOC_ASSOCIATE, &self->good));
	EXPECT_EQ(2, STAT(self->port.fd, assocs));
}

/* ----------------------------------------------- DISASSOCIATE, SET_MODES */

FIELDS_FIXTURE(disassociate, iocp_assoc_ref);
FIXTURE_SETUP(disassociate)
{
	SCENE();
	self->nr = IOCP_IOC_DISASSOCIATE;
	self->good.assoc = self->as.index;
	self->good.assoc_gen = self->as.gen;
}
FIXTURE_TEARDOWN(disassociate)
{
	port_close(&self->port);
}

BAD(disassociate, assoc_unknown, ENOENT, a.assoc += 1)
BAD(disassociate, assoc_none, ENOENT, a.assoc = IOCP_NO_ASSOC)
BAD(disassociate, generation_older, ENOENT, a.assoc_gen -= 1)
BAD(disassociate, generation_newer, ENOENT, a.assoc_gen += 1)
BAD(disassociate, modes, EINVAL, a.modes = IOCP_MODE_SKIP_ON_SUCCESS)
BAD(disassociate, overlapped_without_notify, EINVAL, a.overlapped = 1)
BAD(disassociate, resv0, EINVAL, a.resv0 = 1)
BAD(disassociate, resv_first, EINVAL, a.resv[0] = 1)
BAD(disassociate, resv_last, EINVAL, a.resv[1] = 1)
BAD(disassociate, flags_next, EINVAL, a.flags = 1U << 2)

FIELDS_FIXTURE(set_modes, iocp_assoc_ref);
FIXTURE_SETUP(set_modes)
{
	SCENE();
	self->nr = IOCP_IOC_SET_MODES;
	self->good.assoc = self->as.index;
	self->good.assoc_gen = self->as.gen;
	self->good.modes = IOCP_MODE_SKIP_ON_SUCCESS;
}
FIXTURE_TEARDOWN(set_modes)
{
	port_close(&self->port);
}

BAD(set_modes, assoc_unknown, ENOENT, a.assoc += 1)
BAD(set_modes, assoc_none, ENOENT, a.assoc = IOCP_NO_ASSOC)
BAD(set_modes, generation_older, ENOENT, a.assoc_gen -= 1)
BAD(set_modes, generation_newer, ENOENT, a.assoc_gen += 1)
BAD(set_modes, modes_unknown, EINVAL, a.modes = 1U << 2)
BAD(set_modes, flags_of_disassociate, EINVAL, a.flags = IOCP_DISASSOC_CANCEL)
BAD(set_modes, overlapped, EINVAL, a.overlapped = 1)
BAD(set_modes, resv0, EINVAL, a.resv0 = 1)
BAD(set_modes, resv_first, EINVAL, a.resv[0] = 1)
BAD(set_modes, resv_last, EINVAL, a.resv[1] = 1)

/* Modes are never cleared again, so a fault must come before they are set. */
TEST_F(set_modes, argument_not_writable_EFAULT)
{
	struct iocp_assoc_ref *ro = map_anon(4096);
	u32 modes;

	*ro = self->good;
	ASSERT_EQ(0, mprotect(ro, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, call(self->port.fd, IOCP_IOC_SET_MODES, ro));
	EXPECT_EQ(0, assoc_modes(self->port.fd, &self->as, 0, &modes));
	EXPECT_EQ(0, modes);
}

/* ------------------------------------------------------------------- POST */

FIELDS_FIXTURE(post, iocp_post);
FIXTURE_SETUP(post)
{
	SCENE();
	self->nr = IOCP_IOC_POST;
	self->good.packets = addr(self->pkts);
	self->good.nr = 1;
	self->good.packet_size = sizeof(self->pkts[0]);
	self->good_ret = 1;
}
FIXTURE_TEARDOWN(post)
{
	port_close(&self->port);
}

BAD(post, nr_zero, EINVAL, a.nr = 0)
BAD(post, nr_too_large, EINVAL, a.nr = ~0U)
BAD(post, packet_size_zero, EINVAL, a.packet_size = 0)
BAD(post, packet_size_small, EINVAL, a.packet_size = 24)
BAD(post, packet_size_large, EINVAL, a.packet_size = 64)
BAD(post, resv, EINVAL, a.resv = 1)
BAD(post, packets_null, EFAULT, a.packets = 0)
BAD(post, packets_kernel, EFAULT, a.packets = KERNEL_ADDR)
BAD(post, packets_not_canonical, EFAULT, a.packets = 1ULL << 60)
BAD(post, packets_inaccessible, EFAULT, a.packets = addr(no_access()))

#define BAD_PACKET(name, err, spoil)					\
TEST_F(post, packet_##name##_##err)					\
{									\
	struct iocp_packet *p = &self->pkts[0];				\
	struct iocp_stats before, after;				\
	struct iocp_post a = self->good;				\
									\
	spoil;								\
	port_stats(self->port.fd, &before);				\
	EXPECT_EQ(-(err), call(self->port.fd, IOCP_IOC_POST, &a));	\
	port_stats(self->port.fd, &after);				\
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));		\
	p->flags = 0;							\
	EXPECT_EQ(1, call(self->port.fd, IOCP_IOC_POST, &a));		\
}

BAD_PACKET(kind, EINVAL, p->flags = IOCP_PKT_KIND_POST)
BAD_PACKET(kind_last, EINVAL, p->flags = IOCP_PKT_KIND_LAST)
BAD_PACKET(closed, EINVAL, p->flags = IOCP_PKT_F_CLOSED)
BAD_PACKET(partial, EINVAL, p->flags = IOCP_PKT_F_PARTIAL)
BAD_PACKET(unknown_flag, EINVAL, p->flags = 1U << 31)

TEST_F(post, counts_what_was_posted_before_the_fault)
{
	struct iocp_packet *end = guarded(1) + sysconf(_SC_PAGESIZE);
	struct iocp_post a = self->good;
	struct iocp_packet p[3];

	memset(end - 2, 0, 2 * sizeof(*end));
	end[-2].key = 20;
	end[-1].key = 21;
	a.packets = addr(end - 2);
	a.nr = 3;
	EXPECT_EQ(2, call(self->port.fd, IOCP_IOC_POST, &a));
	EXPECT_EQ(2, a.nr_posted);
	ASSERT_EQ(3, reap(self->port.fd, p, 3));
	EXPECT_EQ(9, p[0].key);
	EXPECT_EQ(20, p[1].key);
	EXPECT_EQ(21, p[2].key);
}

TEST_F(post, counts_what_was_posted_before_the_bad_one)
{
	struct iocp_post a = self->good;

	self->pkts[2].flags = IOCP_PKT_KIND_LAST;
	a.nr = 4;
	EXPECT_EQ(2, call(self->port.fd, IOCP_IOC_POST, &a));
	EXPECT_EQ(2, a.nr_posted);
	EXPECT_EQ(3, STAT(self->port.fd, queued));
}

/* They are posted: what cannot be told in the structure is still returned. */
TEST_F(post, argument_not_writable_still_posts)
{
	struct iocp_post *ro = map_anon(4096);

	*ro = self->good;
	ro->nr = 2;
	ASSERT_EQ(0, mprotect(ro, 4096, PROT_READ));
	EXPECT_EQ(2, call(self->port.fd, IOCP_IOC_POST, ro));
	EXPECT_EQ(3, STAT(self->port.fd, queued));
}

/* ----------------------------------------------------------------- CANCEL */

FIELDS_FIXTURE(cancel, iocp_cancel);
FIXTURE_SETUP(cancel)
{
	SCENE();
	self->nr = IOCP_IOC_CANCEL;
	self->good.flags = IOCP_CANCEL_BY_ID;
	self->good.id = self->id;
}
FIXTURE_TEARDOWN(cancel)
{
	port_close(&self->port);
}

BAD(cancel, nothing_chosen, EINVAL, { a.flags = 0; a.id = 0; })
BAD(cancel, only_this_thread, EINVAL, { a.flags = IOCP_CANCEL_THIS_THREAD; a.id = 0; })
BAD(cancel, flags_next, EINVAL, a.flags |= 1U << 6)
BAD(cancel, only_probe, EINVAL, { a.flags = IOCP_CANCEL_PROBE; a.id = 0; })
BAD(cancel, resv, EINVAL, a.resv = 1)
BAD(cancel, id_unknown, ENOENT, a.id += 1)
BAD(cancel, id_of_the_future, ENOENT, a.id = ~0ULL)
BAD(cancel, overlapped_unknown, ENOENT, {
	a.flags = IOCP_CANCEL_BY_OVERLAPPED;
	a.id = 0;
	a.overlapped = 4;
})
BAD(cancel, overlapped_of_another_id, ENOENT, {
	a.flags |= IOCP_CANCEL_BY_OVERLAPPED;
	a.overlapped = 4;
})
BAD(cancel, assoc_unknown, ENOENT, {
	a.flags = IOCP_CANCEL_BY_ASSOC;
	a.id = 0;
	a.assoc = self->as.index + 1;
	a.assoc_gen = self->as.gen;
})
BAD(cancel, assoc_generation, ENOENT, {
	a.flags = IOCP_CANCEL_BY_ASSOC;
	a.id = 0;
	a.assoc = self->as.index;
	a.assoc_gen = self->as.gen + 1;
})
/* A field whose flag is not given must be zero. */
BAD(cancel, id_without_flag, EINVAL, { a.flags = IOCP_CANCEL_ALL_MINE; a.id = 1; })
BAD(cancel, overlapped_without_flag, EINVAL, a.overlapped = 1)
BAD(cancel, assoc_without_flag, EINVAL, a.assoc = 1)
BAD(cancel, assoc_gen_without_flag, EINVAL, a.assoc_gen = 1)

TEST_F(cancel, counts_are_zero_if_nothing_is_found)
{
	struct iocp_cancel a = self->good;

	a.id = 12345678;
	a.nr_cancelled = 1;
	a.nr_running = 1;
	a.nr_unstoppable = 1;
	EXPECT_EQ(-ENOENT, call(self->port.fd, IOCP_IOC_CANCEL, &a));
	EXPECT_EQ(0, a.nr_cancelled);
	EXPECT_EQ(0, a.nr_running);
	EXPECT_EQ(0, a.nr_unstoppable);
}

TEST_F(cancel, argument_not_writable_EFAULT)
{
	struct iocp_cancel *ro = map_anon(4096), a = self->good;

	*ro = self->good;
	ASSERT_EQ(0, mprotect(ro, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, call(self->port.fd, IOCP_IOC_CANCEL, ro));
	EXPECT_EQ(1, STAT(self->port.fd, queued));
	EXPECT_EQ(0, call(self->port.fd, IOCP_IOC_CANCEL, &a));
	EXPECT_EQ(1, a.nr_cancelled);
}

/* --------------------------------------------------------------- SHUTDOWN */

FIELDS_FIXTURE(shutdown, iocp_shutdown);
FIXTURE_SETUP(shutdown)
{
	SCENE();
	self->nr = IOCP_IOC_SHUTDOWN;
}
FIXTURE_TEARDOWN(shutdown)
{
	port_close(&self->port);
}

BAD(shutdown, flags, EINVAL, a.flags = 1)

TEST_F(shutdown, argument_not_writable_EFAULT)
{
	struct iocp_shutdown *ro = map_anon(4096);
	u64 dropped = 0;

	*ro = self->good;
	ASSERT_EQ(0, mprotect(ro, 4096, PROT_READ));
	EXPECT_EQ(-EFAULT, call(self->port.fd, IOCP_IOC_SHUTDOWN, ro));
	EXPECT_EQ(1, STAT(self->port.fd, queued));
	EXPECT_EQ(0, port_shutdown(self->port.fd, &dropped));
	EXPECT_EQ(1, dropped);
}

/* ----------------------------------------------------------------- DETACH */

PORT_FIXTURE(detach, 1, 0)

TEST_F(detach, argument_EINVAL)
{
	EXPECT_EQ(-EINVAL, call(self->port.fd, IOCP_IOC_DETACH, ptr(1)));
}

TEST_F(detach, of_a_thread_that_is_not_in_the_port_ENOENT)
{
	static struct puppet t;

	EXPECT_EQ(-ENOENT, call(self->port.fd, IOCP_IOC_DETACH, NULL));
	ASSERT_EQ(0, puppet_start(&t));
	puppet_wait(&t, self->port.fd, 1, 0, 0);
	ASSERT_TRUE(puppet_done(&t));
	ASSERT_EQ(-ETIME, t.ret);
	puppet_detach(&t, self->port.fd);
	ASSERT_TRUE(puppet_done(&t));
	EXPECT_EQ(0, t.ret);
	puppet_detach(&t, self->port.fd);
	ASSERT_TRUE(puppet_done(&t));
	EXPECT_EQ(-ENOENT, t.ret);
	puppet_stop(&t);
}

/* ------------------------------------------------------------------ ENTER */

FIELDS_FIXTURE(enter, iocp_enter);
FIXTURE_SETUP(enter)
{
	SCENE();
	self->nr = IOCP_IOC_ENTER;
	self->ops[0] = op_nop(1);
	self->ops[1] = op_nop(2);
	self->good.flags = IOCP_ENTER_NO_ASSOC;
	self->good.ops = addr(self->ops);
	self->good.nr_ops = 2;
	self->good.op_size = sizeof(self->ops[0]);
	self->good.results = addr(self->results);
	self->good.packets = addr(self->pkts);
	self->good.nr_packets = 4;
	self->good.packet_size = sizeof(self->pkts[0]);
	self->good_ret = 3;
}
FIXTURE_TEARDOWN(enter)
{
	port_close(&self->port);
}

BAD(enter, flags_reserved, EINVAL, a.flags |= 1U << 1)
BAD(enter, flags_next, EINVAL, a.flags |= 1U << 3)
BAD(enter, nr_ops_too_large, EINVAL, a.nr_ops = ~0U)
BAD(enter, op_size_zero, EINVAL, a.op_size = 0)
BAD(enter, op_size_small, EINVAL, a.op_size = 56)
BAD(enter, op_size_odd, EINVAL, a.op_size = 68)
BAD(enter, op_size_huge, EINVAL, a.op_size = ~7U)
BAD(enter, nr_packets_too_large, EINVAL, a.nr_packets = ~0U)
BAD(enter, packet_size_zero, EINVAL, a.packet_size = 0)
BAD(enter, packet_size_small, EINVAL, a.packet_size = 24)
BAD(enter, packet_size_large, EINVAL, a.packet_size = 40)
BAD(enter, sigmask, EINVAL, a.sigmask = addr(self->buf))
BAD(enter, sigmask_size, EINVAL, a.sigmask_size = 8)
BAD(enter, resv0, EINVAL, a.resv0 = 1)
BAD(enter, resv1, EINVAL, a.resv1 = 1)
BAD(enter, resv2, EINVAL, a.resv2 = 1)
BAD(enter, ops_null, EFAULT, a.ops = 0)
BAD(enter, ops_kernel, EFAULT, a.ops = KERNEL_ADDR)
BAD(enter, ops_not_canonical, EFAULT, a.ops = 1ULL << 60)
BAD(enter, ops_inaccessible, EFAULT, a.ops = addr(no_access()))
BAD(enter, op_cut_off, EFAULT, {
	char *end = guarded(1) + sysconf(_SC_PAGESIZE);

	memcpy(end - 63, self->ops, 63);
	a.ops = addr(end - 63);
})

/* A longer stride, as a program of the future has it. */
struct long_op {
	struct iocp_op op;
	u64 more[2];
};

TEST_F(enter, longer_stride_of_zeroes_is_fine)
{
	struct long_op ops[2] = { { .op = op_nop(1) }, { .op = op_nop(2) } };
	struct iocp_enter a = self->good;

	a.ops = addr(ops);
	a.op_size = sizeof(ops[0]);
	EXPECT_EQ(3, call(self->port.fd, IOCP_IOC_ENTER, &a));
	EXPECT_EQ(2, a.nr_consumed);
	EXPECT_EQ(1, self->pkts[1].overlapped);
	EXPECT_EQ(2, self->pkts[2].overlapped);
}

TEST_F(enter, longer_stride_with_something_E2BIG)
{
	struct long_op ops[2] = { { .op = op_nop(1) }, { .op = op_nop(2) } };
	struct iocp_enter a = self->good;
	struct iocp_stats before, after;

	ops[0].more[1] = 1;
	a.ops = addr(ops);
	a.op_size = sizeof(ops[0]);
	port_stats(self->port.fd, &before);
	EXPECT_EQ(-E2BIG, call(self->port.fd, IOCP_IOC_ENTER, &a));
	port_stats(self->port.fd, &after);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	ops[0].more[1] = 0;
	EXPECT_EQ(3, call(self->port.fd, IOCP_IOC_ENTER, &a));
}

TEST_F(enter, array_that_breaks_off_tells_how_many_were_taken)
{
	struct iocp_op *end = guarded(1) + sysconf(_SC_PAGESIZE);
	struct iocp_enter a = self->good;

	end[-1] = op_nop(5);
	a.ops = addr(end - 1);
	a.nr_packets = 0;
	EXPECT_EQ(0, call(self->port.fd, IOCP_IOC_ENTER, &a));
	EXPECT_EQ(1, a.nr_consumed);
	EXPECT_EQ(2, STAT(self->port.fd, queued));
}

/* Nothing wanted is nothing done. */
TEST_F(enter, empty_is_fine)
{
	struct iocp_enter a = { .size = sizeof(a) };

	EXPECT_EQ(0, call(self->port.fd, IOCP_IOC_ENTER, &a));
	EXPECT_EQ(0, a.nr_consumed);
	EXPECT_EQ(0, a.nr_taken);
	EXPECT_EQ(0, a.wait_error);
}

/* Strides of arrays that are not there are not looked at. */
TEST_F(enter, no_ops_no_stride)
{
	struct iocp_enter a = self->good;

	a.ops = 0;
	a.nr_ops = 0;
	a.op_size = 0;
	a.results = 0;
	EXPECT_EQ(1, call(self->port.fd, IOCP_IOC_ENTER, &a));
}

TEST_F(enter, no_packets_no_stride)
{
	struct iocp_enter a = self->good;

	a.packets = 0;
	a.nr_packets = 0;
	a.packet_size = 0;
	EXPECT_EQ(0, call(self->port.fd, IOCP_IOC_ENTER, &a));
	EXPECT_EQ(2, a.nr_consumed);
}

TEST_HARNESS_MAIN
