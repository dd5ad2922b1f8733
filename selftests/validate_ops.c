// SPDX-License-Identifier: GPL-2.0-only
/*
 * validate_ops.c - every field of struct iocp_op for every operation: what the
 * table at the top of the header does not name must be zero, what it names is
 * checked.  After a refusal nothing has changed, there is no packet, and the
 * same operation put right succeeds.
 */
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include "iocp_test.h"

#define FIELD_OP_FLAGS	(1U << 0)
#define FIELD_ADDR	(1U << 1)
#define FIELD_LEN	(1U << 2)
#define FIELD_OFF	(1U << 3)
#define FIELD_AUX2	(1U << 4)
#define FIELD_ASSOC	(1U << 5)
#define FIELD_AUX	(1U << 6)

/* Flags that are reserved for a meaning, and those that have none yet. */
#define UNKNOWN_FLAGS	(1U << 1 | 1U << 2 | 1U << 3 | 1U << 6 | 0xf800U)

FIXTURE(op) {
	struct port port;
	struct objects base;
	int file, event;
	struct assoc as;
	struct iocp_op good;
	struct iovec iov[2];
	char buf[64];
};

/* @fields: the table's line; @need: it works on an association only. */
FIXTURE_VARIANT(op) {
	int opcode;
	unsigned int fields;
	bool need;
};

FIXTURE_VARIANT_ADD(op, nop) { .opcode = IOCP_OP_NOP, .fields = FIELD_ASSOC };
FIXTURE_VARIANT_ADD(op, read) {
	.opcode = IOCP_OP_READ, .need = true,
	.fields = FIELD_ASSOC | FIELD_OP_FLAGS | FIELD_ADDR | FIELD_LEN | FIELD_OFF,
};
FIXTURE_VARIANT_ADD(op, write) {
	.opcode = IOCP_OP_WRITE, .need = true,
	.fields = FIELD_ASSOC | FIELD_OP_FLAGS | FIELD_ADDR | FIELD_LEN | FIELD_OFF,
};
FIXTURE_VARIANT_ADD(op, readv) {
	.opcode = IOCP_OP_READV, .need = true,
	.fields = FIELD_ASSOC | FIELD_OP_FLAGS | FIELD_ADDR | FIELD_LEN | FIELD_OFF,
};
FIXTURE_VARIANT_ADD(op, writev) {
	.opcode = IOCP_OP_WRITEV, .need = true,
	.fields = FIELD_ASSOC | FIELD_OP_FLAGS | FIELD_ADDR | FIELD_LEN | FIELD_OFF,
};
FIXTURE_VARIANT_ADD(op, fsync) {
	.opcode = IOCP_OP_FSYNC, .need = true, .fields = FIELD_ASSOC | FIELD_OP_FLAGS,
};
FIXTURE_VARIANT_ADD(op, post) {
	.opcode = IOCP_OP_POST, .fields = FIELD_OP_FLAGS | FIELD_ADDR | FIELD_AUX2,
};
FIXTURE_VARIANT_ADD(op, wait) {
	.opcode = IOCP_OP_WAIT, .fields = FIELD_OP_FLAGS | FIELD_LEN | FIELD_AUX,
};
FIXTURE_VARIANT_ADD(op, timer) {
	.opcode = IOCP_OP_TIMER, .fields = FIELD_OP_FLAGS | FIELD_ADDR | FIELD_OFF,
};

FIXTURE_SETUP(op)
{
	PORT_FIXTURE_SETUP(1, 0);
	self->file = memfd_create("op", MFD_CLOEXEC);
	ASSERT_LE(0, self->file);
	memset(self->buf, 'x', sizeof(self->buf));
	ASSERT_EQ(64, pwrite(self->file, self->buf, 64, 0));
	ASSERT_EQ(0, assoc_add(self->port.fd, self->file, 7, &self->as));
	self->good = (struct iocp_op){
		.opcode = variant->opcode, .overlapped = 3,
		.assoc = variant->need ? self->as.index : IOCP_NO_ASSOC,
		.assoc_gen = variant->need ? self->as.gen : 0,
	};
	switch (variant->opcode) {
	case IOCP_OP_READ:
	case IOCP_OP_WRITE:
		self->good.addr = addr(self->buf);
		self->good.len = 32;
		break;
	case IOCP_OP_READV:
	case IOCP_OP_WRITEV:
		self->iov[0] = (struct iovec){ self->buf, 16 };
		self->iov[1] = (struct iovec){ self->buf + 32, 16 };
		self->good.addr = addr(self->iov);
		self->good.len = 2;
		break;
	case IOCP_OP_WAIT:
		self->event = eventfd(1, EFD_CLOEXEC);
		ASSERT_LE(0, self->event);
		self->good.aux = self->event;
		break;
	}
}

FIXTURE_TEARDOWN(op)
{
	PORT_FIXTURE_TEARDOWN();
}

/*
 * Both ways: with a results array it is told there, without it is the call's
 * error.  Then the good one goes through.
 */
#define REFUSED(err, bad) do {						\
	struct iocp_stats before_, after_;				\
	struct iocp_op bad_ = (bad);					\
	struct iocp_result r_;						\
									\
	ASSERT_EQ(0, port_stats(self->port.fd, &before_));		\
	EXPECT_EQ(-(err), submit(self->port.fd, &bad_, 1, NULL));	\
	ASSERT_EQ(1, submit(self->port.fd, &bad_, 1, &r_));		\
	EXPECT_EQ(IOCP_RESULT_REFUSED, r_.state);			\
	EXPECT_EQ(-(err), r_.res);					\
	EXPECT_EQ(0, r_.info);						\
	ASSERT_EQ(0, port_stats(self->port.fd, &after_));		\
	EXPECT_EQ(0, memcmp(&before_, &after_, sizeof(before_)));	\
	EXPECT_EQ(-ETIME, reap_none(self->port.fd));			\
} while (0)

#define GOOD() do {							\
	struct outcome o_;						\
									\
	ASSERT_EQ(0, run_op(self->port.fd, self->good, &o_));		\
	EXPECT_EQ(0, o_.res);						\
} while (0)

/*
 * One test per field: refused if the table does not name it for this operation,
 * and accepted with a value that makes sense if it does.
 */
#define FIELD(field_name, bit, value, sensible)				\
TEST_F(op, field_##field_name##_as_in_the_table)			\
{									\
	struct iocp_op op = self->good;					\
									\
	if (variant->fields & (bit)) {					\
		struct iocp_result r;					\
									\
		op.field_name = sensible;				\
		ASSERT_EQ(1, submit(self->port.fd, &op, 1, &r));	\
		EXPECT_NE(IOCP_RESULT_REFUSED, r.state);		\
		return;							\
	}								\
	op.field_name = value;						\
	REFUSED(EINVAL, op);						\
	GOOD();								\
}

FIELD(op_flags, FIELD_OP_FLAGS, 1,
      variant->opcode == IOCP_OP_FSYNC ? IOCP_FSYNC_DATASYNC :
      variant->opcode == IOCP_OP_WAIT ? EPOLLOUT :
      variant->opcode == IOCP_OP_TIMER ? IOCP_TIMER_REALTIME : RWF_DSYNC)
FIELD(addr, FIELD_ADDR, 1, self->good.addr)
FIELD(len, FIELD_LEN, 1, self->good.len - 1)
FIELD(off, FIELD_OFF, 1, 1)
FIELD(aux, FIELD_AUX, 1, self->good.aux)
FIELD(buf_index, 0, 1, 0)
FIELD(ioprio, 0, 1, 0)
FIELD(aux2, FIELD_AUX2, 1, 99)

TEST_F(op, unknown_flags_EINVAL)
{
	unsigned int bit;

	for (bit = 0; bit < 16; bit++) {
		struct iocp_op bad = self->good;

		if (!(UNKNOWN_FLAGS >> bit & 1))
			continue;
		bad.flags = 1U << bit;
		REFUSED(EINVAL, bad);
	}
	GOOD();
}

/* POST has no association; those that may have one want a right one. */
TEST_F(op, assoc_unknown)
{
	int err = variant->fields & FIELD_ASSOC ? ENOENT : EINVAL;
	struct iocp_op bad = self->good;

	bad.assoc_gen = self->as.gen;
	bad.assoc = self->as.index + 1;
	REFUSED(err, bad);
	bad.assoc = 0xfffffffe;
	REFUSED(err, bad);
	GOOD();
}

TEST_F(op, assoc_of_another_generation)
{
	int err = variant->fields & FIELD_ASSOC ? ENOENT : EINVAL;
	struct iocp_op bad = self->good;

	bad.assoc = self->as.index;
	bad.assoc_gen = self->as.gen + 1;
	REFUSED(err, bad);
	bad.assoc_gen = self->as.gen - 1;
	REFUSED(err, bad);
	GOOD();
}

TEST_F(op, assoc_missing)
{
	struct iocp_op op = self->good;

	op.assoc = IOCP_NO_ASSOC;
	op.assoc_gen = 0;
	if (variant->need) {
		REFUSED(EINVAL, op);
	}
	GOOD();
}

TEST_F(op, assoc_gen_without_assoc_EINVAL)
{
	struct iocp_op bad = self->good;

	bad.assoc = IOCP_NO_ASSOC;
	bad.assoc_gen = 1;
	REFUSED(EINVAL, bad);
	GOOD();
}

TEST_F(op, key_in_aux2_with_assoc_EINVAL)
{
	struct iocp_op bad = self->good;

	bad.assoc = self->as.index;
	bad.assoc_gen = self->as.gen;
	bad.flags = IOCP_OP_F_KEY_IN_AUX2;
	REFUSED(EINVAL, bad);
	GOOD();
}

/* In a batch a refused operation in the middle does not stop the others. */
TEST_F(op, refused_in_the_middle)
{
	struct iocp_op ops[3] = { self->good, self->good, self->good };
	struct iocp_result r[3];
	struct iocp_packet p[2];

	ops[1].buf_index = 1;
	ASSERT_EQ(3, submit(self->port.fd, ops, 3, r));
	EXPECT_EQ(IOCP_RESULT_REFUSED, r[1].state);
	EXPECT_EQ(-EINVAL, r[1].res);
	EXPECT_NE(IOCP_RESULT_REFUSED, r[0].state);
	EXPECT_NE(IOCP_RESULT_REFUSED, r[2].state);
	ASSERT_EQ(2, reap(self->port.fd, p, 2));
	EXPECT_EQ(-ETIME, reap_none(self->port.fd));

	/* Without results it stops there, and says so by the count. */
	EXPECT_EQ(1, submit(self->port.fd, ops, 3, NULL));
	ASSERT_EQ(1, reap(self->port.fd, p, 1));
	EXPECT_EQ(-ETIME, reap_none(self->port.fd));
}

/* ------------------------------------------------- one opcode's own fields */

FIXTURE(own) {
	struct port port;
	struct objects base;
	int file, ro, wo, pfd[2];
	struct assoc as, as_ro, as_wo, as_pipe;
	struct iocp_op good;
	struct iovec iov[1025];
	char *buf;
};

/* Two kinds that go different ways: tried in the caller, and pinned for a worker. */
FIXTURE_VARIANT(own) {
	const char *dir;
};

FIXTURE_VARIANT_ADD(own, ext4) { .dir = "IOCP_EXT4" };
FIXTURE_VARIANT_ADD(own, memfd) { .dir = NULL };

FIXTURE_SETUP(own)
{
	const char *dir = variant->dir ? getenv(variant->dir) : NULL;

	if (variant->dir && !dir)
		SKIP(return, "%s is not set", variant->dir);
	PORT_FIXTURE_SETUP(1, 0);
	self->buf = map_anon(8192);
	self->file = dir ? tmp_file(dir, 0) : memfd_create("own", MFD_CLOEXEC);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(4096, write(self->file, self->buf, 4096));
	self->ro = reopen(self->file, O_RDONLY);
	self->wo = reopen(self->file, O_WRONLY);
	ASSERT_LE(0, self->ro);
	ASSERT_LE(0, self->wo);
	ASSERT_EQ(0, pipe(self->pfd));
	ASSERT_EQ(0, assoc_add(self->port.fd, self->file, 1, &self->as));
	ASSERT_EQ(0, assoc_add(self->port.fd, self->ro, 2, &self->as_ro));
	ASSERT_EQ(0, assoc_add(self->port.fd, self->wo, 3, &self->as_wo));
	ASSERT_EQ(0, assoc_add(self->port.fd, self->pfd[1], 4, &self->as_pipe));
	/* The default: a write, which is checked like a read and more. */
	self->good = op_write(&self->as, 3, self->buf, 64, 0);
}

FIXTURE_TEARDOWN(own)
{
	PORT_FIXTURE_TEARDOWN();
}

#define BAD_OP(name, err, ...)						\
TEST_F(own, name##_##err)						\
{									\
	struct iocp_op op = self->good;					\
									\
	__VA_ARGS__;							\
	REFUSED(err, op);						\
	GOOD();								\
}

BAD_OP(opcode_9, EOPNOTSUPP, op = (struct iocp_op){ .opcode = 9 })
BAD_OP(opcode_reserved_16, EOPNOTSUPP, op.opcode = 16)
BAD_OP(opcode_reserved_38, EOPNOTSUPP, op.opcode = 38)
BAD_OP(opcode_63, EOPNOTSUPP, op.opcode = 63)
BAD_OP(opcode_64, EOPNOTSUPP, op.opcode = 64)
BAD_OP(opcode_all_ones, EOPNOTSUPP, op.opcode = 0xffff)

BAD_OP(read_not_open_for_reading, EBADF, op = op_read(&self->as_wo, 3, self->buf, 64, 0))
BAD_OP(readv_not_open_for_reading, EBADF, {
	self->iov[0] = (struct iovec){ self->buf, 64 };
	op = op_rw(IOCP_OP_READV, &self->as_wo, 3, self->iov, 1, 0);
})
BAD_OP(write_not_open_for_writing, EBADF, op = op_write(&self->as_ro, 3, self->buf, 64, 0))
BAD_OP(writev_not_open_for_writing, EBADF, {
	self->iov[0] = (struct iovec){ self->buf, 64 };
	op = op_rw(IOCP_OP_WRITEV, &self->as_ro, 3, self->iov, 1, 0);
})
BAD_OP(read_of_the_pipes_writing_end, EBADF, op = op_read(&self->as_pipe, 3, self->buf, 64, 0))

BAD_OP(rwf_hipri, EOPNOTSUPP, op.op_flags = RWF_HIPRI)
BAD_OP(rwf_unknown, EOPNOTSUPP, op.op_flags = 1U << 30)
BAD_OP(rwf_unknown_with_known, EOPNOTSUPP, op.op_flags = RWF_DSYNC | 1U << 31)
BAD_OP(fsync_flag_unknown, EINVAL, op = op_fsync(&self->as, 3, 1U << 1))

BAD_OP(write_offset_negative, EINVAL, op.off = -2ULL)
BAD_OP(write_offset_smallest, EINVAL, op.off = 1ULL << 63)
BAD_OP(read_offset_append, EINVAL, op = op_read(&self->as, 3, self->buf, 64, IOCP_OFF_APPEND))
BAD_OP(read_offset_negative, EINVAL, op = op_read(&self->as, 3, self->buf, 64, -3ULL))
BAD_OP(read_offset_smallest, EINVAL, op = op_read(&self->as, 3, self->buf, 64, 1ULL << 63))
BAD_OP(offset_plus_len_wraps, EINVAL,
       op = op_read(&self->as, 3, self->buf, 64, INT64_MAX - 16))

BAD_OP(write_addr_null, EFAULT, op.addr = 0)
BAD_OP(write_addr_inaccessible, EFAULT, op.addr = addr(no_access()))
BAD_OP(write_addr_kernel, EFAULT, op.addr = KERNEL_ADDR)
BAD_OP(write_addr_not_canonical, EFAULT, op.addr = 1ULL << 60)
BAD_OP(read_addr_null, EFAULT, op = op_read(&self->as, 3, NULL, 64, 0))
BAD_OP(read_addr_inaccessible, EFAULT, op = op_read(&self->as, 3, no_access(), 64, 0))
BAD_OP(read_addr_kernel, EFAULT, op = op_read(&self->as, 3, ptr(KERNEL_ADDR), 64, 0))
BAD_OP(read_addr_not_canonical, EFAULT, op = op_read(&self->as, 3, ptr(1ULL << 60), 64, 0))
BAD_OP(read_addr_read_only, EFAULT, {
	char *ro = map_anon(4096);

	mprotect(ro, 4096, PROT_READ);
	op = op_read(&self->as, 3, ro, 64, 0);
})
/* As read(2) has it: the sign bit is a mistake, a large count is not. */
BAD_OP(len_negative, EINVAL, op.len = -1ULL)
BAD_OP(len_smallest_negative, EINVAL, op.len = 1ULL << 63)

static struct iocp_op vector(struct assoc *as, struct iovec *iov, u64 n)
{
	return op_rw(IOCP_OP_WRITEV, as, 3, iov, n, 0);
}

BAD_OP(iov_null, EFAULT, op = vector(&self->as, NULL, 1))
BAD_OP(iov_inaccessible, EFAULT, op = vector(&self->as, no_access(), 1))
BAD_OP(iov_kernel, EFAULT, op = vector(&self->as, ptr(KERNEL_ADDR), 1))
BAD_OP(iov_1025, EINVAL, op = vector(&self->as, self->iov, 1025))
BAD_OP(iov_wraps, EINVAL, op = vector(&self->as, self->iov, (1ULL << 32) + 1))
BAD_OP(iov_all_ones, EINVAL, op = vector(&self->as, self->iov, ~0ULL))
BAD_OP(iov_base_inaccessible, EFAULT, {
	self->iov[0] = (struct iovec){ no_access(), 16 };
	op = vector(&self->as, self->iov, 1);
})
BAD_OP(iov_base_kernel, EFAULT, {
	self->iov[0] = (struct iovec){ ptr(KERNEL_ADDR), 16 };
	op = vector(&self->as, self->iov, 1);
})
BAD_OP(iov_len_negative, EINVAL, {
	self->iov[0] = (struct iovec){ self->buf, -1L };
	op = vector(&self->as, self->iov, 1);
})
BAD_OP(second_iov_len_negative, EINVAL, {
	self->iov[0] = (struct iovec){ self->buf, 16 };
	self->iov[1] = (struct iovec){ self->buf, LONG_MIN };
	op = vector(&self->as, self->iov, 2);
})
BAD_OP(iov_array_cut_off, EFAULT, {
	struct iovec *end = guarded(1) + sysconf(_SC_PAGESIZE);

	end[-1] = (struct iovec){ self->buf, 16 };
	op = vector(&self->as, end - 1, 2);
})

BAD_OP(post_with_assoc, EINVAL, {
	op = op_post(1, 2, 3, 4);
	op.assoc = self->as.index;
	op.assoc_gen = self->as.gen;
})
BAD_OP(nop_assoc_unknown, ENOENT, {
	op = op_nop(1);
	op.assoc = 4711;
})
BAD_OP(nop_aux2_without_flag, EINVAL, {
	op = op_nop(1);
	op.aux2 = 5;
})

TEST_F(own, iov_of_0_and_of_1024_are_fine)
{
	unsigned int i;

	EXPECT_EQ(0, run_bytes(self->port.fd, vector(&self->as, self->iov, 0)));
	for (i = 0; i < 1024; i++)
		self->iov[i] = (struct iovec){ self->buf + i, 1 };
	EXPECT_EQ(1024, run_bytes(self->port.fd, vector(&self->as, self->iov, 1024)));
}

TEST_F(own, all_known_flags_together_are_fine)
{
	struct iocp_op op = self->good;

	op.flags = IOCP_OP_F_INLINE_OK | IOCP_OP_F_NOSIGNAL | IOCP_OP_F_FORCE_PUNT |
		   IOCP_OP_F_ANY_SHORT | IOCP_PRIO_LOW << IOCP_OP_F_PRIO_SHIFT;
	EXPECT_EQ(64, run_bytes(self->port.fd, op));
}

TEST_F(own, nop_with_a_key)
{
	struct iocp_op op = op_nop(1);
	struct outcome o;

	op.flags = IOCP_OP_F_KEY_IN_AUX2;
	op.aux2 = 0xdeadbeefcafef00dULL;
	ASSERT_EQ(0, run_op(self->port.fd, op, &o));
	EXPECT_EQ(0xdeadbeefcafef00dULL, o.pkt.key);
	EXPECT_EQ(IOCP_PKT_KIND_IO, pkt_kind(&o.pkt));
	EXPECT_EQ(0, o.pkt.info);
	/* Without the flag and without an association the key is 0. */
	ASSERT_EQ(0, run_op(self->port.fd, op_nop(2), &o));
	EXPECT_EQ(0, o.pkt.key);
}

TEST_F(own, nop_with_an_association)
{
	struct iocp_op op = op_nop(8);
	struct outcome o;

	op.assoc = self->as_ro.index;
	op.assoc_gen = self->as_ro.gen;
	ASSERT_EQ(0, run_op(self->port.fd, op, &o));
	EXPECT_EQ(2, o.pkt.key);
	EXPECT_EQ(0, o.res);
}

TEST_F(own, post_as_an_operation)
{
	struct iocp_op op = op_post(0x1111222233334444ULL, 0x5555666677778888ULL,
				    0x9999aaaabbbbccccULL, 0xc0000120);
	struct iocp_packet p;

	op.flags = IOCP_PRIO_HIGH << IOCP_OP_F_PRIO_SHIFT;
	ASSERT_EQ(0, submit_queued(self->port.fd, op));
	ASSERT_EQ(1, reap(self->port.fd, &p, 1));
	EXPECT_EQ(0x1111222233334444ULL, p.key);
	EXPECT_EQ(0x5555666677778888ULL, p.overlapped);
	EXPECT_EQ(0x9999aaaabbbbccccULL, p.info);
	EXPECT_EQ((__s32)0xc0000120, p.res);
	EXPECT_EQ(IOCP_PKT_KIND_POST, pkt_kind(&p));
	EXPECT_EQ(IOCP_PRIO_HIGH, pkt_prio(&p));
	EXPECT_EQ(1, STAT(self->port.fd, posts));
}

/* Ids: operation i of a batch has first_id + i, and no two are the same. */
TEST_F(own, ids_count_up)
{
	struct iocp_op ops[3] = { op_nop(1), op_nop(2), op_nop(3) };
	u64 first, second;

	ASSERT_EQ(3, submit_id(self->port.fd, ops, 3, NULL, &first));
	ASSERT_EQ(1, submit_id(self->port.fd, ops, 1, NULL, &second));
	EXPECT_LE(first + 3, second);
}

/* A result that cannot be written: what was done is told by a packet instead. */
TEST_F(own, results_inaccessible)
{
	struct iocp_op ops[2] = { op_nop(1), op_nop(2) };
	struct iocp_enter e = {
		.flags = IOCP_ENTER_NO_ASSOC, .ops = addr(ops), .nr_ops = 2,
		.op_size = sizeof(ops[0]), .results = addr(no_access()),
	};
	struct iocp_packet p;
	int ret;

	ops[0].flags = IOCP_OP_F_INLINE_OK;
	ret = enter(self->port.fd, &e);
	if (ret < 0) {
		/* Found out beforehand: then nothing was done. */
		EXPECT_EQ(-EFAULT, ret);
		EXPECT_EQ(-ETIME, reap_none(self->port.fd));
		return;
	}
	EXPECT_EQ(1, e.nr_consumed);
	ASSERT_EQ(1, reap(self->port.fd, &p, 1));
	EXPECT_EQ(1, p.overlapped);
	EXPECT_EQ(-ETIME, reap_none(self->port.fd));
}

TEST_HARNESS_MAIN
