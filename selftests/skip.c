// SPDX-License-Identifier: GPL-2.0-only
/*
 * skip.c - who gets a packet (NM-5 to NM-8, NM-14, NM-15): every operation ends
 * with exactly one of an immediate answer and a packet, and the immediate
 * answer of success needs to be asked for.
 */
#include "iocp_test.h"

FIXTURE(skip) {
	struct port port;
	struct objects base;
	int pfd[2];
	struct assoc r, w;
	u32 flags;
	char buf[64];
};

/* The two ways to ask, none, and both. */
FIXTURE_VARIANT(skip) {
	bool mode;
	bool flag;
};

FIXTURE_VARIANT_ADD(skip, no) { };
FIXTURE_VARIANT_ADD(skip, mode) { .mode = true };
FIXTURE_VARIANT_ADD(skip, flag) { .flag = true };
FIXTURE_VARIANT_ADD(skip, both) { .mode = true, .flag = true };

FIXTURE_SETUP(skip)
{
	u32 modes = variant->mode ? IOCP_MODE_SKIP_ON_SUCCESS : 0;

	PORT_FIXTURE_SETUP(2, 16);
	self->flags = variant->flag ? IOCP_OP_F_INLINE_OK : 0;
	ASSERT_EQ(0, pipe(self->pfd));
	ASSERT_EQ(0, assoc_flags(self->port.fd, self->pfd[0], 'r', 0, modes, &self->r));
	ASSERT_EQ(0, assoc_flags(self->port.fd, self->pfd[1], 'w', 0, modes, &self->w));
}

FIXTURE_TEARDOWN(skip)
{
	PORT_FIXTURE_TEARDOWN();
}

#define ASKED	(variant->mode || variant->flag)
#define FD	(self->port.fd)

/* Submit one; what was answered, and how many packets there are now. */
static struct iocp_result try_op(int fd, struct iocp_op op, u32 flags)
{
	struct iocp_result r;

	op.flags |= flags;
	memset(&r, 0xee, sizeof(r));
	if (submit(fd, &op, 1, &r) != 1)
		r.state = 99;
	return r;
}

/* NM-5: immediate success. */
TEST_F(skip, immediate_success)
{
	struct iocp_packet p;
	struct iocp_result r;

	r = try_op(FD, op_write(&self->w, 1, "abc", 3, 0), self->flags);
	if (ASKED) {
		EXPECT_EQ(IOCP_RESULT_DONE, r.state);
		EXPECT_EQ(0, r.res);
		EXPECT_EQ(3, r.info);
		EXPECT_EQ(0, STAT(FD, queued));
	} else {
		EXPECT_EQ(IOCP_RESULT_QUEUED, r.state);
		EXPECT_EQ(1, STAT(FD, queued));
		ASSERT_EQ(1, reap(FD, &p, 1));
		EXPECT_EQ(3, p.info);
	}
	r = try_op(FD, op_read(&self->r, 2, self->buf, 10, 0), self->flags);
	EXPECT_EQ(ASKED ? IOCP_RESULT_DONE : IOCP_RESULT_QUEUED, r.state);
	EXPECT_EQ(ASKED ? 0 : 1, STAT(FD, queued));
	EXPECT_EQ(0, memcmp("abc", self->buf, 3));
	EXPECT_EQ(0, STAT(FD, inflight));
}

/* NM-6: pending first, success later: always a packet. */
TEST_F(skip, pending_then_success)
{
	struct iocp_packet p;
	struct iocp_result r;

	r = try_op(FD, op_read(&self->r, 1, self->buf, 10, 0), self->flags);
	EXPECT_EQ(IOCP_RESULT_QUEUED, r.state);
	EXPECT_EQ(0, STAT(FD, queued));
	ASSERT_EQ(1, write(self->pfd[1], "x", 1));
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(1, p.overlapped);
	EXPECT_EQ(1, p.info);
	EXPECT_EQ(-ETIME, reap_none(FD));
}

/* NM-7: pending first, failure later: always a packet. */
TEST_F(skip, pending_then_failure)
{
	struct iocp_cancel c = { .flags = IOCP_CANCEL_ALL_MINE };
	struct iocp_packet p;
	struct iocp_result r;

	r = try_op(FD, op_read(&self->r, 1, self->buf, 10, 0), self->flags);
	EXPECT_EQ(IOCP_RESULT_QUEUED, r.state);
	ASSERT_EQ(0, cancel(FD, &c));
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(-ECANCELED, p.res);
	EXPECT_EQ(-ETIME, reap_none(FD));
}

/* NM-8: an immediate error: never a packet. */
TEST_F(skip, immediate_error)
{
	struct iocp_result r;

	r = try_op(FD, op_read(&self->w, 1, self->buf, 10, 0), self->flags);
	EXPECT_EQ(IOCP_RESULT_REFUSED, r.state);
	EXPECT_EQ(-EBADF, r.res);
	EXPECT_EQ(0, STAT(FD, queued));
	ASSERT_EQ(1, write(self->pfd[1], "x", 1));
	r = try_op(FD, op_read(&self->r, 1, no_access(), 10, 0), self->flags);
	EXPECT_EQ(IOCP_RESULT_REFUSED, r.state);
	EXPECT_EQ(-EFAULT, r.res);
	EXPECT_EQ(0, STAT(FD, queued));
	EXPECT_EQ(0, STAT(FD, inflight));
}

/*
 * The end of a file or of a pipe is no success where the mode comes from (OV-15,
 * NM-7), so it has its packet; the flag says of this operation that any answer
 * will do.  The orderly end of a connection is a success (OV-17).
 */
TEST_F(skip, immediate_end_of_file)
{
	struct iocp_packet p;
	struct iocp_result r;

	ASSERT_EQ(0, assoc_del(FD, &self->w, 0, 0));
	close(self->pfd[1]);
	r = try_op(FD, op_read(&self->r, 1, self->buf, 10, 0), self->flags);
	if (variant->flag) {
		EXPECT_EQ(IOCP_RESULT_DONE, r.state);
		EXPECT_EQ(0, r.res);
		EXPECT_EQ(0, r.info);
	} else {
		EXPECT_EQ(IOCP_RESULT_QUEUED, r.state);
		ASSERT_EQ(1, reap(FD, &p, 1));
		EXPECT_EQ(0, p.res);
		EXPECT_EQ(0, p.info);
	}
	EXPECT_EQ(-ETIME, reap_none(FD));
}

TEST_F(skip, immediate_end_of_a_connection)
{
	u32 modes = variant->mode ? IOCP_MODE_SKIP_ON_SUCCESS : 0;
	struct iocp_result r;
	struct assoc as;
	int sv[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	ASSERT_EQ(0, assoc_flags(FD, sv[0], 1, 0, modes, &as));
	close(sv[1]);
	r = try_op(FD, op_read(&as, 1, self->buf, 10, 0), self->flags);
	EXPECT_EQ(ASKED ? IOCP_RESULT_DONE : IOCP_RESULT_QUEUED, r.state);
	EXPECT_EQ(ASKED ? 0 : 1, STAT(FD, queued));
	close(sv[0]);
}

/* Nobody told the caller what would happen: without results there is always a packet. */
TEST_F(skip, without_results_there_is_a_packet)
{
	struct iocp_op op = op_write(&self->w, 1, "abc", 3, 0);
	struct iocp_packet p;

	op.flags = self->flags;
	ASSERT_EQ(1, submit(FD, &op, 1, NULL));
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(3, p.info);
	EXPECT_EQ(-ETIME, reap_none(FD));
}

TEST_F(skip, nop)
{
	struct iocp_op op = op_nop(1);
	struct iocp_result r;
	bool with;

	for (with = false;; with = true) {
		if (with) {
			op.assoc = self->r.index;
			op.assoc_gen = self->r.gen;
		}
		r = try_op(FD, op, self->flags);
		/* The mode is the association's. */
		EXPECT_EQ(variant->flag || (with && variant->mode) ?
			  IOCP_RESULT_DONE : IOCP_RESULT_QUEUED, r.state);
		EXPECT_EQ(r.state == IOCP_RESULT_QUEUED, STAT(FD, queued));
		if (r.state == IOCP_RESULT_QUEUED) {
			struct iocp_packet p;

			ASSERT_EQ(1, reap(FD, &p, 1));
		}
		if (with)
			break;
	}
}

/* POST is there to make a packet. */
TEST_F(skip, post_always_gives_a_packet)
{
	struct iocp_result r = try_op(FD, op_post(1, 2, 3, 4), self->flags);

	EXPECT_EQ(IOCP_RESULT_QUEUED, r.state);
	EXPECT_EQ(1, STAT(FD, queued));
}

/* A state that is QUEUED is not written: the array must be cleared before. */
TEST_F(skip, results_of_queued_operations_are_not_written)
{
	struct iocp_op ops[2] = {
		op_read(&self->r, 1, self->buf, 10, 0), op_nop(2),
	};
	struct iocp_result r[2];
	struct iocp_enter e = {
		.flags = IOCP_ENTER_NO_ASSOC, .ops = addr(ops), .nr_ops = 2,
		.op_size = sizeof(ops[0]), .results = addr(r),
	};

	memset(r, 0x5a, sizeof(r));
	ops[1].flags = IOCP_OP_F_INLINE_OK;
	ASSERT_EQ(0, enter(FD, &e));
	EXPECT_EQ(2, e.nr_consumed);
	EXPECT_TRUE(all_bytes(&r[0], sizeof(r[0]), 0x5a));
	EXPECT_EQ(IOCP_RESULT_DONE, r[1].state);
}

/*
 * Many of all outcomes, and a count: every one exactly once, by one way or the
 * other, whatever raced with what.
 */
#define N 400

TEST_F_TIMEOUT(skip, exactly_once_of_many, 60)
{
	static unsigned int answered[N], packets[N], refused[N];
	static char in[N];
	unsigned int i, done = 0, queued = 0, written = 0;
	struct iocp_packet p[16];
	int ret;

	for (i = 0; i < N; i++) {
		struct iocp_op op = op_read(&self->r, i, &in[i], 1, 0);
		struct iocp_result r;

		/* Data is there before, comes after, or the operation is bad. */
		if (i % 3 == 0) {
			ASSERT_EQ(1, write(self->pfd[1], "x", 1));
			written++;
		}
		if (i % 7 == 0)
			op.aux = 1;
		if (i % 5 == 0)
			op.flags = IOCP_OP_F_FORCE_PUNT;
		r = try_op(FD, op, self->flags);
		if (r.state == IOCP_RESULT_DONE)
			answered[i]++, done++;
		else if (r.state == IOCP_RESULT_REFUSED)
			refused[i]++;
		else
			queued++;
	}
	/* As many bytes as reads that want one. */
	for (i = 0; i < done + queued - written; i++) {
		ASSERT_EQ(1, write(self->pfd[1], "y", 1));
	}
	while (queued) {
		ret = reap_until(FD, p, 16, in_ms(PATIENCE_MS));
		ASSERT_LT(0, ret);
		for (i = 0; i < (unsigned int)ret; i++) {
			ASSERT_GT(N, p[i].overlapped);
			EXPECT_EQ(0, p[i].res);
			packets[p[i].overlapped]++;
		}
		queued -= ret;
	}
	EXPECT_EQ(-ETIME, reap_none(FD));
	for (i = 0; i < N; i++) {
		ASSERT_EQ(1, answered[i] + packets[i] + refused[i]);
		ASSERT_EQ(i % 7 == 0, refused[i]);
	}
	if (!ASKED) {
		EXPECT_EQ(0, done);
	}
}

/* ------------------------------------------------------- on other files */

FIXTURE(cached) {
	struct port port;
	struct objects base;
	int fd;
	char *buf;
};

FIXTURE_SETUP(cached)
{
	const char *dir = getenv("IOCP_EXT4");

	if (!dir)
		SKIP(return, "IOCP_EXT4 is not set");
	PORT_FIXTURE_SETUP(2, 0);
	self->fd = tmp_file(dir, 0);
	self->buf = map_anon(8192);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(8192, write(self->fd, self->buf, 8192));
}

FIXTURE_TEARDOWN(cached)
{
	PORT_FIXTURE_TEARDOWN();
}

/* What is in the page cache is an immediate success: the point of the mode. */
TEST_F(cached, read_from_the_page_cache_is_done)
{
	struct outcome o;
	struct assoc as;

	ASSERT_EQ(0, assoc_flags(FD, self->fd, 1, 0, IOCP_MODE_SKIP_ON_SUCCESS, &as));
	ASSERT_EQ(0, run_op(FD, op_read(&as, 1, self->buf, 4096, 0), &o));
	EXPECT_EQ(IOCP_RESULT_DONE, o.state);
	EXPECT_EQ(4096, o.info);
	EXPECT_EQ(-ETIME, reap_none(FD));
	/* Not what has to go to a worker. */
	struct iocp_op op = op_read(&as, 1, self->buf, 4096, 0);

	op.flags = IOCP_OP_F_FORCE_PUNT;
	ASSERT_EQ(0, run_op(FD, op, &o));
	EXPECT_EQ(IOCP_RESULT_QUEUED, o.state);
	EXPECT_EQ(4096, o.info);
}

/* NM-1: modes can be added and never taken away. */
TEST_F(cached, modes_only_grow)
{
	struct outcome o;
	struct assoc as;
	u32 modes = 99;

	ASSERT_EQ(0, assoc_add(FD, self->fd, 1, &as));
	ASSERT_EQ(0, run_op(FD, op_read(&as, 1, self->buf, 4096, 0), &o));
	EXPECT_EQ(IOCP_RESULT_QUEUED, o.state);
	EXPECT_EQ(0, assoc_modes(FD, &as, 0, &modes));
	EXPECT_EQ(0, modes);
	EXPECT_EQ(0, assoc_modes(FD, &as, IOCP_MODE_SKIP_ON_SUCCESS, &modes));
	EXPECT_EQ(IOCP_MODE_SKIP_ON_SUCCESS, modes);
	EXPECT_EQ(0, assoc_modes(FD, &as, IOCP_MODE_SKIP_SET_EVENT, &modes));
	EXPECT_EQ(IOCP_MODE_SKIP_ON_SUCCESS | IOCP_MODE_SKIP_SET_EVENT, modes);
	EXPECT_EQ(0, assoc_modes(FD, &as, 0, &modes));
	EXPECT_EQ(IOCP_MODE_SKIP_ON_SUCCESS | IOCP_MODE_SKIP_SET_EVENT, modes);
	ASSERT_EQ(0, run_op(FD, op_read(&as, 1, self->buf, 4096, 0), &o));
	EXPECT_EQ(IOCP_RESULT_DONE, o.state);
}

/* OV-15: also in the page cache there is nothing behind the end. */
TEST_F(cached, end_of_file_has_a_packet)
{
	struct iocp_op op;
	struct outcome o;
	struct assoc as;

	ASSERT_EQ(0, assoc_flags(FD, self->fd, 1, 0, IOCP_MODE_SKIP_ON_SUCCESS, &as));
	op = op_read(&as, 1, self->buf, 4096, 8192);
	ASSERT_EQ(0, run_op(FD, op, &o));
	EXPECT_EQ(IOCP_RESULT_QUEUED, o.state);
	EXPECT_EQ(0, o.res);
	EXPECT_EQ(0, o.info);
	op.flags = IOCP_OP_F_INLINE_OK;
	ASSERT_EQ(0, run_op(FD, op, &o));
	EXPECT_EQ(IOCP_RESULT_DONE, o.state);
	EXPECT_EQ(0, o.info);
	/* A read that crosses the end is a success (OV-16), and one of nothing too. */
	op = op_read(&as, 1, self->buf, 4096, 8000);
	ASSERT_EQ(0, run_op(FD, op, &o));
	EXPECT_EQ(IOCP_RESULT_DONE, o.state);
	EXPECT_EQ(192, o.info);
	op.len = 0;
	ASSERT_EQ(0, run_op(FD, op, &o));
	EXPECT_EQ(IOCP_RESULT_DONE, o.state);
}

/* The other mode is for the library: it changes nothing here. */
TEST_F(cached, SKIP_SET_EVENT_changes_nothing)
{
	struct outcome o;
	struct assoc as;

	ASSERT_EQ(0, assoc_flags(FD, self->fd, 1, 0, IOCP_MODE_SKIP_SET_EVENT, &as));
	ASSERT_EQ(0, run_op(FD, op_read(&as, 1, self->buf, 4096, 0), &o));
	EXPECT_EQ(IOCP_RESULT_QUEUED, o.state);
}

/* Each of two associations of a file has its own. */
TEST_F(cached, modes_belong_to_the_association)
{
	struct assoc a, b;
	struct outcome o;

	ASSERT_EQ(0, assoc_flags(FD, self->fd, 1, 0, IOCP_MODE_SKIP_ON_SUCCESS, &a));
	ASSERT_EQ(0, assoc_add(FD, self->fd, 2, &b));
	ASSERT_EQ(0, run_op(FD, op_read(&b, 1, self->buf, 4096, 0), &o));
	EXPECT_EQ(IOCP_RESULT_QUEUED, o.state);
	ASSERT_EQ(0, run_op(FD, op_read(&a, 1, self->buf, 4096, 0), &o));
	EXPECT_EQ(IOCP_RESULT_DONE, o.state);
}

TEST_HARNESS_MAIN
