// SPDX-License-Identifier: GPL-2.0-only
/*
 * rw_file.c - READ, WRITE, READV, WRITEV and FSYNC on files with a size:
 * regular files and block devices, through the page cache and around it.
 * Every byte is looked at, by another way than the one that moved it.
 */
#include <linux/fs.h>

#include "iocp_test.h"

#define BLK	4096

FIXTURE(file) {
	struct port port;
	struct objects base;
	int fd;				/* associated */
	int plain;			/* the same file, buffered, for looking */
	u64 size;			/* of a block device */
	struct assoc as;
	char *buf, *back;
};

FIXTURE_VARIANT(file) {
	const char *env;		/* a directory or a device; NULL: memfd */
	bool dir;
	bool direct;
	bool big;			/* 32 MiB at a time here, 2 on the others */
};

FIXTURE_VARIANT_ADD(file, ext4) { .env = "IOCP_EXT4", .dir = true, .big = true };
FIXTURE_VARIANT_ADD(file, ext4_direct) {
	.env = "IOCP_EXT4", .dir = true, .direct = true, .big = true,
};
FIXTURE_VARIANT_ADD(file, xfs) { .env = "IOCP_XFS", .dir = true };
FIXTURE_VARIANT_ADD(file, xfs_direct) { .env = "IOCP_XFS", .dir = true, .direct = true };
FIXTURE_VARIANT_ADD(file, tmpfs) { .env = "IOCP_TMPFS", .dir = true };
FIXTURE_VARIANT_ADD(file, memfd) { .dir = true };
FIXTURE_VARIANT_ADD(file, blk) { .env = "IOCP_BLK" };
FIXTURE_VARIANT_ADD(file, blk_direct) { .env = "IOCP_BLK", .direct = true, .big = true };
FIXTURE_VARIANT_ADD(file, nullb) { .env = "IOCP_NULLB" };
FIXTURE_VARIANT_ADD(file, nullb_direct) { .env = "IOCP_NULLB", .direct = true };

#define BUF_BLKS	64

FIXTURE_SETUP(file)
{
	const char *where = variant->env ? getenv(variant->env) : NULL;
	int direct = variant->direct ? O_DIRECT : 0;

	if (variant->env && !where)
		SKIP(return, "%s is not set", variant->env);
	PORT_FIXTURE_SETUP(4, 0);
	self->buf = map_anon(BUF_BLKS * BLK);
	self->back = map_anon(BUF_BLKS * BLK);
	if (!where) {
		self->fd = memfd_create("rw", MFD_CLOEXEC);
		self->plain = self->fd;
	} else if (variant->dir) {
		self->fd = tmp_file(where, direct);
		ASSERT_LE(0, self->fd);
		self->plain = reopen(self->fd, O_RDWR);
	} else {
		self->fd = open(where, O_RDWR | O_CLOEXEC | direct);
		self->plain = open(where, O_RDWR | O_CLOEXEC);
		ASSERT_EQ(0, ioctl(self->fd, BLKGETSIZE64, &self->size));
		ASSERT_LE(BUF_BLKS * BLK, self->size);
	}
	ASSERT_LE(0, self->fd);
	ASSERT_LE(0, self->plain);
	ASSERT_EQ(0, assoc_add(self->port.fd, self->fd, 7, &self->as));
}

FIXTURE_TEARDOWN(file)
{
	PORT_FIXTURE_TEARDOWN();
}

/*
 * Blocks of a pattern at the beginning.  Direct operations would first have to
 * wait until what is dirty was written, and take another way than they should.
 */
#define CONTENT(blks, seed) do {					\
	pattern_fill(self->back, (blks) * BLK, seed, 0);		\
	ASSERT_EQ((blks) * BLK, pwrite(self->plain, self->back, (blks) * BLK, 0)); \
	if (variant->direct) {						\
		ASSERT_EQ(0, fsync(self->plain));			\
	}								\
	memset(self->back, 0, (blks) * BLK);				\
} while (0)

/* Let the next read come from the device. */
#define DROP_CACHE() do {						\
	ASSERT_EQ(0, fsync(self->plain));				\
	ASSERT_EQ(0, posix_fadvise(self->plain, 0, 0, POSIX_FADV_DONTNEED)); \
} while (0)

/* What lies in the file, seen by an ordinary read. */
#define LOOK(len, off) do {						\
	memset(self->back, 0xee, len);					\
	ASSERT_EQ(len, pread(self->plain, self->back, len, off));	\
} while (0)

/* Reap @n whole transfers of a block each; every overlapped once. */
static void reap_blocks(struct __test_metadata *_metadata, int fd, u32 n)
{
	struct iocp_packet p[BUF_BLKS];
	u64 seen = 0;
	u32 i;

	ASSERT_EQ(n, reap(fd, p, n));
	for (i = 0; i < n; i++) {
		EXPECT_EQ(0, p[i].res);
		EXPECT_EQ(BLK, p[i].info);
		EXPECT_EQ(7, p[i].key);
		EXPECT_EQ(IOCP_PKT_KIND_IO, pkt_kind(&p[i]));
		EXPECT_EQ(0, p[i].flags & (IOCP_PKT_F_PARTIAL | IOCP_PKT_F_CLOSED));
		ASSERT_GT(64, p[i].overlapped);
		EXPECT_EQ(0, seen >> p[i].overlapped & 1);
		seen |= 1ULL << p[i].overlapped;
	}
	EXPECT_EQ(-ETIME, reap_none(fd));
	EXPECT_TRUE(WAIT_FOR(STAT(fd, inflight) == 0));
}

static void many(struct __test_metadata *_metadata, FIXTURE_DATA(file) *self, int opcode,
		 u32 flags)
{
	struct iocp_op ops[BUF_BLKS];
	struct iocp_result r[BUF_BLKS];
	u32 i;

	for (i = 0; i < BUF_BLKS; i++) {
		u32 at = i * 29 % BUF_BLKS;

		ops[i] = op_rw(opcode, &self->as, at, self->buf + at * BLK, BLK, (u64)at * BLK);
		ops[i].flags = flags;
	}
	ASSERT_EQ(BUF_BLKS, submit(self->port.fd, ops, BUF_BLKS, r));
	for (i = 0; i < BUF_BLKS; i++) {
		ASSERT_EQ(IOCP_RESULT_QUEUED, r[i].state) {
			TH_LOG("operation %u: res %d", i, r[i].res);
		}
	}
	reap_blocks(_metadata, self->port.fd, BUF_BLKS);
}

TEST_F(file, many_writes_in_flight)
{
	pattern_fill(self->buf, BUF_BLKS * BLK, 1, 0);
	many(_metadata, self, IOCP_OP_WRITE, 0);
	LOOK(BUF_BLKS * BLK, 0);
	EXPECT_EQ(-1, pattern_check(self->back, BUF_BLKS * BLK, 1, 0));
}

TEST_F(file, many_reads_in_flight)
{
	CONTENT(BUF_BLKS, 2);
	many(_metadata, self, IOCP_OP_READ, 0);
	EXPECT_EQ(-1, pattern_check(self->buf, BUF_BLKS * BLK, 2, 0));
}

TEST_F(file, many_reads_of_what_is_not_cached)
{
	CONTENT(BUF_BLKS, 3);
	DROP_CACHE();
	many(_metadata, self, IOCP_OP_READ, 0);
	EXPECT_EQ(-1, pattern_check(self->buf, BUF_BLKS * BLK, 3, 0));
}

TEST_F(file, many_punted)
{
	u64 before = STAT(self->port.fd, punted);

	pattern_fill(self->buf, BUF_BLKS * BLK, 4, 0);
	many(_metadata, self, IOCP_OP_WRITE, IOCP_OP_F_FORCE_PUNT);
	LOOK(BUF_BLKS * BLK, 0);
	EXPECT_EQ(-1, pattern_check(self->back, BUF_BLKS * BLK, 4, 0));
	memset(self->buf, 0, BUF_BLKS * BLK);
	many(_metadata, self, IOCP_OP_READ, IOCP_OP_F_FORCE_PUNT);
	EXPECT_EQ(-1, pattern_check(self->buf, BUF_BLKS * BLK, 4, 0));
	EXPECT_EQ(before + 2 * BUF_BLKS, STAT(self->port.fd, punted));
}

/* Only the bytes asked for: those around them stay. */
TEST_F(file, nothing_around_is_touched)
{
	CONTENT(8, 5);
	memset(self->buf, 0xaa, 4 * BLK);
	ASSERT_EQ(2 * BLK, run_bytes(self->port.fd, op_write(&self->as, 1, self->buf, 2 * BLK,
							     3 * BLK)));
	LOOK(8 * BLK, 0);
	EXPECT_EQ(-1, pattern_check(self->back, 3 * BLK, 5, 0));
	EXPECT_TRUE(all_bytes(self->back + 3 * BLK, 2 * BLK, 0xaa));
	EXPECT_EQ(-1, pattern_check(self->back + 5 * BLK, 3 * BLK, 5, 5 * BLK));

	memset(self->buf, 0xbb, 4 * BLK);
	ASSERT_EQ(2 * BLK, run_bytes(self->port.fd, op_read(&self->as, 1, self->buf + BLK, 2 * BLK,
							    5 * BLK)));
	EXPECT_TRUE(all_bytes(self->buf, BLK, 0xbb));
	EXPECT_EQ(-1, pattern_check(self->buf + BLK, 2 * BLK, 5, 5 * BLK));
	EXPECT_TRUE(all_bytes(self->buf + 3 * BLK, BLK, 0xbb));
}

static void vectors(struct __test_metadata *_metadata, FIXTURE_DATA(file) *self,
		    const FIXTURE_VARIANT(file) *variant, u32 flags)
{
	/* Out of order in memory, of different lengths, one of them empty. */
	struct iovec iov[5] = {
		{ self->buf + 10 * BLK, 2 * BLK }, { self->buf, BLK }, { self->buf + 3 * BLK, 0 },
		{ self->buf + 5 * BLK, 3 * BLK }, { self->buf + 20 * BLK, BLK },
	};
	struct iocp_op op;
	u64 pos = 0;
	u32 i;

	CONTENT(8, 6);
	for (i = 0; i < 5; i++) {
		pattern_fill(iov[i].iov_base, iov[i].iov_len, 7, pos);
		pos += iov[i].iov_len;
	}
	op = op_rw(IOCP_OP_WRITEV, &self->as, 1, iov, 5, BLK);
	op.flags = flags;
	ASSERT_EQ(7 * BLK, run_bytes(self->port.fd, op));
	LOOK(8 * BLK, 0);
	EXPECT_EQ(-1, pattern_check(self->back, BLK, 6, 0));
	EXPECT_EQ(-1, pattern_check(self->back + BLK, 7 * BLK, 7, 0));

	memset(self->buf, 0, 24 * BLK);
	op = op_rw(IOCP_OP_READV, &self->as, 1, iov, 5, BLK);
	op.flags = flags;
	ASSERT_EQ(7 * BLK, run_bytes(self->port.fd, op));
	for (i = 0, pos = 0; i < 5; i++) {
		EXPECT_EQ(-1, pattern_check(iov[i].iov_base, iov[i].iov_len, 7, pos));
		pos += iov[i].iov_len;
	}
	EXPECT_TRUE(all_bytes(self->buf + BLK, 4 * BLK, 0));
}

TEST_F(file, writev_and_readv)
{
	vectors(_metadata, self, variant, 0);
}

TEST_F(file, writev_and_readv_punted)
{
	vectors(_metadata, self, variant, IOCP_OP_F_FORCE_PUNT);
}

/* One and two segments are special cases in the kernel. */
TEST_F(file, short_vectors)
{
	struct iovec iov[2] = { { self->buf, BLK }, { self->buf + 2 * BLK, BLK } };
	unsigned int n, punt;

	CONTENT(4, 8);
	for (punt = 0; punt < 2; punt++) {
		for (n = 1; n <= 2; n++) {
			struct iocp_op op = op_rw(IOCP_OP_READV, &self->as, 1, iov, n, BLK);

			op.flags = punt ? IOCP_OP_F_FORCE_PUNT : 0;
			memset(self->buf, 0, 4 * BLK);
			ASSERT_EQ(n * BLK, run_bytes(self->port.fd, op));
			EXPECT_EQ(-1, pattern_check(self->buf, BLK, 8, BLK));
			if (n == 2) {
				EXPECT_EQ(-1, pattern_check(self->buf + 2 * BLK, BLK, 8, 2 * BLK));
			}
			EXPECT_TRUE(all_bytes(self->buf + BLK, BLK, 0));
		}
	}
}

TEST_F(file, fsync_and_datasync)
{
	struct outcome o;

	pattern_fill(self->buf, BLK, 10, 0);
	ASSERT_EQ(BLK, run_bytes(self->port.fd, op_write(&self->as, 1, self->buf, BLK, 0)));
	ASSERT_EQ(0, run_op(self->port.fd, op_fsync(&self->as, 2, 0), &o));
	EXPECT_EQ(0, o.res);
	EXPECT_EQ(0, o.info);
	ASSERT_EQ(0, run_op(self->port.fd, op_fsync(&self->as, 3, IOCP_FSYNC_DATASYNC), &o));
	EXPECT_EQ(0, o.res);
}

/* ----------------------------------------------------- ends of the file */

/* The end of what can be read: of a file it is set, a device has one. */
#define END_AT(bytes) ({						\
	u64 end_ = self->size;						\
									\
	if (variant->dir) {						\
		CONTENT(4, 11);						\
		ASSERT_EQ(0, ftruncate(self->plain, bytes));		\
		end_ = bytes;						\
	}								\
	end_;								\
})

static void across_the_end(struct __test_metadata *_metadata, FIXTURE_DATA(file) *self, u64 end,
			   u32 flags)
{
	u64 off = (end - 1) / BLK * BLK - BLK;
	struct iocp_op op = op_read(&self->as, 1, self->buf, 4 * BLK, off);
	struct outcome o;

	LOOK(end - off, off);
	memset(self->buf, 0, 4 * BLK);
	op.flags = flags;
	ASSERT_EQ(0, run_op(self->port.fd, op, &o));
	/* OV-16: the short count is a success, not an error and not "partial". */
	EXPECT_EQ(0, o.res);
	EXPECT_EQ(end - off, o.info);
	EXPECT_EQ(0, o.pkt.flags & IOCP_PKT_F_PARTIAL);
	EXPECT_EQ(0, memcmp(self->buf, self->back, end - off));
	/*
	 * The rest of the last block may be written to by the device; beyond it
	 * nothing may.
	 */
	EXPECT_TRUE(all_bytes(self->buf + 2 * BLK, BLK, 0));
}

TEST_F(file, read_across_the_end)
{
	u64 end = END_AT(2 * BLK + 1000);

	across_the_end(_metadata, self, end, 0);
	DROP_CACHE();
	across_the_end(_metadata, self, end, 0);
	across_the_end(_metadata, self, end, IOCP_OP_F_FORCE_PUNT);
}

TEST_F(file, read_at_and_past_the_end)
{
	u64 end = END_AT(2 * BLK);
	static const u32 flags[] = { 0, IOCP_OP_F_FORCE_PUNT };
	struct outcome o;
	unsigned int i;

	memset(self->buf, 0x55, BLK);
	for (i = 0; i < 2; i++) {
		struct iocp_op op = op_read(&self->as, 1, self->buf, BLK, end);

		op.flags = flags[i];
		ASSERT_EQ(0, run_op(self->port.fd, op, &o));
		EXPECT_EQ(0, o.res);
		EXPECT_EQ(0, o.info);
		op.off = end + 100 * BLK;
		ASSERT_EQ(0, run_op(self->port.fd, op, &o));
		EXPECT_EQ(0, o.res);
		EXPECT_EQ(0, o.info);
	}
	EXPECT_TRUE(all_bytes(self->buf, BLK, 0x55));
}

TEST_F(file, zero_length)
{
	struct stat before, after;
	u64 end = END_AT(2 * BLK);
	struct outcome o;

	ASSERT_EQ(0, fstat(self->plain, &before));
	ASSERT_EQ(0, run_op(self->port.fd, op_read(&self->as, 1, self->buf, 0, 0), &o));
	EXPECT_EQ(0, o.res);
	EXPECT_EQ(0, o.info);
	ASSERT_EQ(0, run_op(self->port.fd, op_read(&self->as, 1, NULL, 0, end), &o));
	EXPECT_EQ(0, o.res);
	/* OV-19: it neither truncates nor extends. */
	ASSERT_EQ(0, run_op(self->port.fd, op_write(&self->as, 1, self->buf, 0, end + BLK), &o));
	EXPECT_EQ(0, o.res);
	EXPECT_EQ(0, o.info);
	ASSERT_EQ(0, run_op(self->port.fd, op_rw(IOCP_OP_READV, &self->as, 1, NULL, 0, 0), &o));
	EXPECT_EQ(0, o.res);
	EXPECT_EQ(0, o.info);
	ASSERT_EQ(0, fstat(self->plain, &after));
	EXPECT_EQ(before.st_size, after.st_size);
}

/* A file grows, by a hole if need be; a device does not, as write(2) says it. */
TEST_F(file, write_at_and_past_the_end)
{
	u64 end = END_AT(2 * BLK);
	struct outcome o;

	pattern_fill(self->buf, 2 * BLK, 12, 0);
	if (!variant->dir) {
		ASSERT_EQ(BLK, run_bytes(self->port.fd, op_write(&self->as, 1, self->buf, BLK,
								 end - BLK)));
		LOOK(BLK, end - BLK);
		EXPECT_EQ(-1, pattern_check(self->back, BLK, 12, 0));
		ASSERT_EQ(0, run_op(self->port.fd, op_write(&self->as, 1, self->buf, BLK, end),
				    &o));
		EXPECT_EQ(-ENOSPC, o.res);
		EXPECT_EQ(0, o.info);
		return;
	}
	ASSERT_EQ(BLK, run_bytes(self->port.fd, op_write(&self->as, 1, self->buf, BLK, end)));
	ASSERT_EQ(BLK, run_bytes(self->port.fd, op_write(&self->as, 1, self->buf + BLK, BLK,
							 end + 5 * BLK)));
	LOOK(8 * BLK, 0);
	EXPECT_EQ(-1, pattern_check(self->back, 2 * BLK, 11, 0));
	EXPECT_EQ(-1, pattern_check(self->back + 2 * BLK, BLK, 12, 0));
	EXPECT_TRUE(all_bytes(self->back + 3 * BLK, 4 * BLK, 0));
	EXPECT_EQ(-1, pattern_check(self->back + 7 * BLK, BLK, 12, BLK));
}

/* ------------------------------------------------------------------ append */

/*
 * A device does not grow.  Linux ignores O_APPEND on it and would write to the
 * offset, of which an append has none: it is refused, and nothing is written.
 */
#define APPEND_REFUSED(op) do {						\
	struct outcome o_;						\
									\
	CONTENT(2, 13);							\
	ASSERT_EQ(0, run_op(self->port.fd, op, &o_));			\
	EXPECT_EQ(IOCP_RESULT_REFUSED, o_.state);			\
	EXPECT_EQ(-EINVAL, o_.res);					\
	LOOK(2 * BLK, 0);						\
	EXPECT_EQ(-1, pattern_check(self->back, 2 * BLK, 13, 0));	\
} while (0)

TEST_F(file, append)
{
	static const u32 punt[] = { 0, IOCP_OP_F_FORCE_PUNT };
	struct stat st;
	unsigned int i;

	if (variant->dir)
		CONTENT(1, 13);
	for (i = 0; i < 4; i++) {
		struct iocp_op op = op_write(&self->as, 1, self->buf, BLK,
					     i & 2 ? 0 : IOCP_OFF_APPEND);

		/* OV-7, and the same by RWF_APPEND, where the offset is ignored. */
		op.op_flags = i & 2 ? RWF_APPEND : 0;
		op.flags = punt[i & 1];
		pattern_fill(self->buf, BLK, 14 + i, 0);
		if (!variant->dir) {
			APPEND_REFUSED(op);
			continue;
		}
		ASSERT_EQ(BLK, run_bytes(self->port.fd, op));
		ASSERT_EQ(0, fstat(self->plain, &st));
		EXPECT_EQ((i + 2) * BLK, st.st_size);
		LOOK(BLK, (i + 1) * BLK);
		EXPECT_EQ(-1, pattern_check(self->back, BLK, 14 + i, 0));
	}
	if (!variant->dir)
		return;
	LOOK(BLK, 0);
	EXPECT_EQ(-1, pattern_check(self->back, BLK, 13, 0));
}

/* Many appends at a time: all there, none on top of another. */
TEST_F(file, appends_do_not_overwrite_each_other)
{
	struct iocp_op ops[16];
	struct stat st;
	u32 i, seen = 0;

	if (!variant->dir) {
		struct iovec iov = { self->buf, BLK };

		APPEND_REFUSED(op_rw(IOCP_OP_WRITEV, &self->as, 1, &iov, 1, IOCP_OFF_APPEND));
		return;
	}
	for (i = 0; i < 16; i++) {
		memset(self->buf + i * BLK, 'A' + i, BLK);
		ops[i] = op_write(&self->as, i, self->buf + i * BLK, BLK, IOCP_OFF_APPEND);
	}
	ASSERT_EQ(16, submit(self->port.fd, ops, 16, NULL));
	reap_blocks(_metadata, self->port.fd, 16);
	ASSERT_EQ(0, fstat(self->plain, &st));
	ASSERT_EQ(16 * BLK, st.st_size);
	LOOK(16 * BLK, 0);
	for (i = 0; i < 16; i++) {
		char c = self->back[i * BLK];

		EXPECT_TRUE(all_bytes(self->back + i * BLK, BLK, c));
		ASSERT_LE('A', c);
		ASSERT_GE('P', c);
		seen |= 1U << (c - 'A');
	}
	EXPECT_EQ(0xffff, seen);
}

/* O_APPEND on the open file wins over any offset; on a device it means nothing. */
TEST_F(file, o_append_file_appends_at_any_offset)
{
	struct assoc as;
	struct stat st;
	int fd;

	fd = reopen(self->fd, O_WRONLY | O_APPEND | (variant->direct ? O_DIRECT : 0));
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, assoc_add(self->port.fd, fd, 7, &as));
	CONTENT(2, 15);
	if (!variant->dir) {
		/* As pwrite(2) has it. */
		memset(self->buf, 'o', BLK);
		ASSERT_EQ(BLK, run_bytes(self->port.fd, op_write(&as, 1, self->buf, BLK, BLK)));
		LOOK(2 * BLK, 0);
		EXPECT_EQ(-1, pattern_check(self->back, BLK, 15, 0));
		EXPECT_TRUE(all_bytes(self->back + BLK, BLK, 'o'));
		return;
	}
	ASSERT_EQ(BLK, run_bytes(self->port.fd, op_write(&as, 1, self->buf, BLK, 0)));
	ASSERT_EQ(0, fstat(self->plain, &st));
	EXPECT_EQ(3 * BLK, st.st_size);
	LOOK(2 * BLK, 0);
	EXPECT_EQ(-1, pattern_check(self->back, 2 * BLK, 15, 0));
	close(fd);
}

/* --------------------------------------------------------------- positions */

/* OV-5: an operation neither uses nor moves the file's position. */
TEST_F(file, position_stays)
{
	CONTENT(4, 16);
	ASSERT_EQ(BLK, lseek(self->fd, BLK, SEEK_SET));
	ASSERT_EQ(BLK, run_bytes(self->port.fd, op_read(&self->as, 1, self->buf, BLK, 0)));
	EXPECT_EQ(-1, pattern_check(self->buf, BLK, 16, 0));
	ASSERT_EQ(BLK, run_bytes(self->port.fd, op_write(&self->as, 1, self->buf, BLK, 2 * BLK)));
	EXPECT_EQ(BLK, lseek(self->fd, 0, SEEK_CUR));
}

TEST_F(file, beyond_4_gigabytes)
{
	u64 off = (5ULL << 30) + BLK;
	struct stat st;

	if (self->size > off)
		off = self->size + BLK;
	if (!variant->dir) {
		EXPECT_EQ(-ENOSPC, run_bytes(self->port.fd, op_write(&self->as, 1, self->buf, BLK,
								     off)));
		EXPECT_EQ(0, run_bytes(self->port.fd, op_read(&self->as, 1, self->buf, BLK, off)));
		return;
	}
	pattern_fill(self->buf, BLK, 17, 0);
	ASSERT_EQ(BLK, run_bytes(self->port.fd, op_write(&self->as, 1, self->buf, BLK, off)));
	ASSERT_EQ(0, fstat(self->plain, &st));
	EXPECT_EQ(off + BLK, st.st_size);
	LOOK(BLK, off);
	EXPECT_EQ(-1, pattern_check(self->back, BLK, 17, 0));
	memset(self->buf, 0, BLK);
	ASSERT_EQ(BLK, run_bytes(self->port.fd, op_read(&self->as, 1, self->buf, BLK, off)));
	EXPECT_EQ(-1, pattern_check(self->buf, BLK, 17, 0));
	/* A hole reads as zeroes. */
	ASSERT_EQ(BLK, run_bytes(self->port.fd, op_read(&self->as, 1, self->buf, BLK, 1ULL << 32)));
	EXPECT_TRUE(all_bytes(self->buf, BLK, 0));
}

/* ------------------------------------------------------------ large ones */

TEST_F_TIMEOUT(file, many_megabytes_at_once, 90)
{
	const size_t len = (variant->big ? 32 : 2) << 20;
	char *big, *look;
	size_t i;

	if (!variant->dir && self->size < len)
		SKIP(return, "the device has only %llu bytes", self->size);
	big = map_anon(len);
	look = map_anon(1 << 20);
	pattern_fill(big, len, 18, 0);
	/* One operation, one packet, all of it (OV-20). */
	ASSERT_EQ(len, run_bytes(self->port.fd, op_write(&self->as, 1, big, len, 0)));
	for (i = 0; i < len; i += 1 << 20) {
		ASSERT_EQ(1 << 20, pread(self->plain, look, 1 << 20, i));
		ASSERT_EQ(-1, pattern_check(look, 1 << 20, 18, i));
	}
	DROP_CACHE();
	memset(big, 0, len);
	ASSERT_EQ(len, run_bytes(self->port.fd, op_read(&self->as, 2, big, len, 0)));
	EXPECT_EQ(-1, pattern_check(big, len, 18, 0));
	EXPECT_EQ(-ETIME, reap_none(self->port.fd));
}

/* A large buffer that begins in the middle of a page, by way of a worker. */
TEST_F(file, large_and_off_the_page)
{
	/* more than a worker pins at a time */
	const size_t len = 5 << 18;
	size_t skew = variant->direct ? 512 : 1001;
	char *big = map_anon(len + BLK), *look = map_anon(len);
	struct iocp_op op;

	if (!variant->dir && self->size < len)
		SKIP(return, "the device has only %llu bytes", self->size);
	pattern_fill(look, len, 19, 0);
	memcpy(big + skew, look, len);
	op = op_write(&self->as, 1, big + skew, len, 0);
	op.flags = IOCP_OP_F_FORCE_PUNT;
	ASSERT_EQ(len, run_bytes(self->port.fd, op));
	ASSERT_EQ(len, pread(self->plain, look, len, 0));
	EXPECT_EQ(-1, pattern_check(look, len, 19, 0));
	memset(big, 0, len + BLK);
	op = op_read(&self->as, 1, big + skew, len, 0);
	op.flags = IOCP_OP_F_FORCE_PUNT;
	ASSERT_EQ(len, run_bytes(self->port.fd, op));
	EXPECT_EQ(0, memcmp(big + skew, look, len));
	EXPECT_TRUE(all_bytes(big, skew, 0));
}

/* ------------------------------------------------------------ bad requests */

/* The address is found bad at once: no packet (OV-22). */
TEST_F(file, bad_buffer_is_refused_EFAULT)
{
	void *bad[] = { NULL, no_access(), ptr(KERNEL_ADDR) };
	static const int opcodes[] = { IOCP_OP_READ, IOCP_OP_WRITE };
	unsigned int i, j, punt;
	struct outcome o;

	CONTENT(2, 20);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		for (j = 0; j < 2; j++) {
			for (punt = 0; punt < 2; punt++) {
				struct iocp_op op = op_rw(opcodes[j], &self->as, 1, bad[i], BLK, 0);

				op.flags = punt ? IOCP_OP_F_FORCE_PUNT : 0;
				ASSERT_EQ(0, run_op(self->port.fd, op, &o));
				EXPECT_EQ(IOCP_RESULT_REFUSED, o.state) {
					TH_LOG("address %u opcode %d punt %u", i, opcodes[j], punt);
				}
				EXPECT_EQ(-EFAULT, o.res);
			}
		}
	}
	LOOK(2 * BLK, 0);
	EXPECT_EQ(-1, pattern_check(self->back, 2 * BLK, 20, 0));
	ASSERT_EQ(BLK, run_bytes(self->port.fd, op_read(&self->as, 1, self->buf, BLK, 0)));
}

/* Writing into memory that may only be read. */
TEST_F(file, read_into_read_only_memory_is_refused_EFAULT)
{
	char *ro = map_anon(BLK);
	unsigned int punt;
	struct outcome o;

	CONTENT(1, 21);
	ASSERT_EQ(0, mprotect(ro, BLK, PROT_READ));
	for (punt = 0; punt < 2; punt++) {
		struct iocp_op op = op_read(&self->as, 1, ro, BLK, 0);

		op.flags = punt ? IOCP_OP_F_FORCE_PUNT : 0;
		ASSERT_EQ(0, run_op(self->port.fd, op, &o));
		EXPECT_EQ(IOCP_RESULT_REFUSED, o.state);
		EXPECT_EQ(-EFAULT, o.res);
	}
	EXPECT_TRUE(all_bytes(ro, BLK, 0));
}

/*
 * The buffer ends too soon.  Whether the good part moves is the file's affair;
 * if it did, it is told beside the error.
 */
TEST_F(file, half_bad_buffer)
{
	char *half = guarded(1);
	struct outcome o;

	CONTENT(4, 22);
	ASSERT_EQ(0, run_op(self->port.fd, op_read(&self->as, 1, half, 2 * BLK, 0), &o));
	EXPECT_EQ(-EFAULT, o.res);
	if (o.info) {
		EXPECT_EQ(BLK, o.info);
		EXPECT_EQ(IOCP_RESULT_QUEUED, o.state);
		EXPECT_TRUE(o.pkt.flags & IOCP_PKT_F_PARTIAL);
		EXPECT_EQ(-1, pattern_check(half, BLK, 22, 0));
	} else {
		EXPECT_EQ(0, o.pkt.flags & IOCP_PKT_F_PARTIAL);
	}
}

/* Any offset, any length, any address: the page cache does not mind. */
static void odd_positions(struct __test_metadata *_metadata, FIXTURE_DATA(file) *self,
			  const FIXTURE_VARIANT(file) *variant)
{
	static const u32 lens[] = { 1, 7, 511, 513, 4095, 4097, 10000 };
	unsigned int i, punt;

	CONTENT(16, 9);
	LOOK(16 * BLK, 0);
	for (punt = 0; punt < 2; punt++) {
		for (i = 0; i < ARRAY_SIZE(lens); i++) {
			u64 off = 4096 * i + 123;
			struct iocp_op op = op_read(&self->as, 1, self->buf + 3, lens[i], off);

			op.flags = punt ? IOCP_OP_F_FORCE_PUNT : 0;
			memset(self->buf, 0, 4 * BLK);
			ASSERT_EQ(lens[i], run_bytes(self->port.fd, op));
			EXPECT_EQ(0, memcmp(self->buf + 3, self->back + off, lens[i]));
			EXPECT_EQ(0, self->buf[3 + lens[i]]);

			memset(self->buf, 'a' + i, lens[i] + 8);
			op.opcode = IOCP_OP_WRITE;
			ASSERT_EQ(lens[i], run_bytes(self->port.fd, op));
			memset(self->back + off, 'a' + i, lens[i]);
			ASSERT_EQ(16 * BLK, pread(self->plain, self->buf, 16 * BLK, 0));
			ASSERT_EQ(0, memcmp(self->buf, self->back, 16 * BLK));
		}
	}
}

/* The offset, the length, the address; reads are refused at once. */
static void misaligned(struct __test_metadata *_metadata, FIXTURE_DATA(file) *self,
		       const FIXTURE_VARIANT(file) *variant)
{
	struct outcome o;

	CONTENT(4, 23);
	ASSERT_EQ(0, run_op(self->port.fd, op_read(&self->as, 1, self->buf, BLK, 1), &o));
	EXPECT_EQ(-EINVAL, o.res);
	EXPECT_EQ(IOCP_RESULT_REFUSED, o.state);
	ASSERT_EQ(0, run_op(self->port.fd, op_read(&self->as, 1, self->buf, BLK - 1, 0), &o));
	EXPECT_EQ(-EINVAL, o.res);
	EXPECT_EQ(IOCP_RESULT_REFUSED, o.state);
	ASSERT_EQ(0, run_op(self->port.fd, op_read(&self->as, 1, self->buf + 1, BLK, 0), &o));
	EXPECT_EQ(-EINVAL, o.res);
	EXPECT_EQ(IOCP_RESULT_REFUSED, o.state);
	ASSERT_EQ(0, run_op(self->port.fd, op_write(&self->as, 1, self->buf, BLK, 1), &o));
	EXPECT_EQ(-EINVAL, o.res);
	ASSERT_EQ(0, run_op(self->port.fd, op_write(&self->as, 1, self->buf, BLK - 1, 0), &o));
	EXPECT_EQ(-EINVAL, o.res);
	ASSERT_EQ(0, run_op(self->port.fd, op_write(&self->as, 1, self->buf + 1, BLK, 0), &o));
	EXPECT_EQ(-EINVAL, o.res);
	/* In a worker as well. */
	struct iocp_op op = op_read(&self->as, 1, self->buf, BLK, 1);

	op.flags = IOCP_OP_F_FORCE_PUNT;
	ASSERT_EQ(0, run_op(self->port.fd, op, &o));
	EXPECT_EQ(-EINVAL, o.res);
	LOOK(4 * BLK, 0);
	EXPECT_EQ(-1, pattern_check(self->back, 4 * BLK, 23, 0));
	ASSERT_EQ(BLK, run_bytes(self->port.fd, op_read(&self->as, 1, self->buf, BLK, BLK)));
}

TEST_F(file, alignment_matters_to_direct_only)
{
	if (variant->direct)
		misaligned(_metadata, self, variant);
	else
		odd_positions(_metadata, self, variant);
}

/* ------------------------------------------------------------- RWF_ flags */

TEST_F(file, known_rwf_flags)
{
	static const int flags[] = { RWF_DSYNC, RWF_SYNC, RWF_DSYNC | RWF_SYNC };
	unsigned int i, punt;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		for (punt = 0; punt < 2; punt++) {
			struct iocp_op op = op_write(&self->as, 1, self->buf, BLK, i * BLK);

			op.op_flags = flags[i];
			op.flags = punt ? IOCP_OP_F_FORCE_PUNT : 0;
			pattern_fill(self->buf, BLK, 24, i * BLK);
			ASSERT_EQ(BLK, run_bytes(self->port.fd, op));
		}
	}
	LOOK(3 * BLK, 0);
	EXPECT_EQ(-1, pattern_check(self->back, 3 * BLK, 24, 0));
}

/* What preadv2(2) says to RWF_NOWAIT. */
TEST_F(file, RWF_NOWAIT_as_preadv2)
{
	struct iovec iov = { self->back, BLK };
	struct iocp_op op = op_read(&self->as, 1, self->buf, BLK, BLK * 3);
	s64 want, got;

	CONTENT(8, 25);
	op.op_flags = RWF_NOWAIT;
	/* In the page cache: there is nothing to wait for. */
	ASSERT_EQ(8 * BLK, pread(self->plain, self->buf, 8 * BLK, 0));
	memset(self->buf, 0, BLK);
	got = run_bytes(self->port.fd, op);
	want = preadv2(self->fd, &iov, 1, BLK * 3, RWF_NOWAIT);
	want = want < 0 ? -errno : want;
	/* A direct read is queued to the device here; preadv2 gives up. */
	if (!variant->direct || got < 0) {
		EXPECT_EQ(want, got);
	}
	if (got > 0) {
		EXPECT_EQ(-1, pattern_check(self->buf, BLK, 25, BLK * 3));
	}

	/* Not there: EAGAIN, or the read-ahead that this starts is quick. */
	DROP_CACHE();
	memset(self->buf, 0, BLK);
	got = run_bytes(self->port.fd, op);
	if (want == -EOPNOTSUPP) {
		EXPECT_EQ(want, got);
	} else if (got != -EAGAIN) {
		EXPECT_EQ(BLK, got);
		EXPECT_EQ(-1, pattern_check(self->buf, BLK, 25, BLK * 3));
	}
}

/* ------------------------------------------------------ memory in flight */

/* The program unmaps its buffer at once: the pages are pinned. */
TEST_F(file, buffer_unmapped_in_flight)
{
	unsigned int i, n = 16;

	CONTENT(16, 26);
	DROP_CACHE();
	for (i = 0; i < n; i++) {
		char *gone = map_anon(BLK);
		struct iocp_op op = i & 1 ? op_read(&self->as, i, gone, BLK, i * BLK) :
					    op_write(&self->as, i, gone, BLK, i * BLK);

		op.flags = i & 2 ? IOCP_OP_F_FORCE_PUNT : 0;
		pattern_fill(gone, BLK, 26, i * BLK);
		ASSERT_EQ(0, submit_queued(self->port.fd, op));
		munmap(gone, BLK);
	}
	reap_blocks(_metadata, self->port.fd, n);
	LOOK(16 * BLK, 0);
	EXPECT_EQ(-1, pattern_check(self->back, 16 * BLK, 26, 0));
}

/* The same file in one port twice, with a key each. */
TEST_F(file, two_associations_of_one_file)
{
	struct iocp_packet p;
	struct assoc as2;

	CONTENT(2, 27);
	ASSERT_EQ(0, assoc_add(self->port.fd, self->fd, 8, &as2));
	ASSERT_EQ(0, submit_queued(self->port.fd, op_read(&as2, 1, self->buf, BLK, BLK)));
	ASSERT_EQ(1, reap(self->port.fd, &p, 1));
	EXPECT_EQ(8, p.key);
	ASSERT_EQ(0, submit_queued(self->port.fd, op_read(&self->as, 1, self->buf, BLK, BLK)));
	ASSERT_EQ(1, reap(self->port.fd, &p, 1));
	EXPECT_EQ(7, p.key);
}

/* The capability bits say what it is. */
TEST_F(file, caps)
{
	u64 ops = 1ULL << IOCP_OP_READ | 1ULL << IOCP_OP_WRITE | 1ULL << IOCP_OP_READV |
		  1ULL << IOCP_OP_WRITEV | 1ULL << IOCP_OP_FSYNC | 1ULL << IOCP_OP_NOP;

	EXPECT_EQ(ops, self->as.caps & ((1ULL << 48) - 1));
	EXPECT_EQ(variant->direct ? IOCP_CAP_DIRECT : 0,
		  self->as.caps & (IOCP_CAP_DIRECT | IOCP_CAP_STREAM | IOCP_CAP_SOCKET));
}

TEST_HARNESS_MAIN
