// SPDX-License-Identifier: GPL-2.0-only
/*
 * freeze.c - a frozen file system: a submit never waits for it.  The operation
 * does, in the kernel, and ends after the thaw.
 */
#include <linux/fs.h>

#include "iocp_test.h"

FIXTURE(frozen) {
	struct port port;
	struct objects base;
	int dir;
	int fd;
	struct assoc as;
	char *buf;
	bool is_frozen;
};

FIXTURE_VARIANT(frozen) {
	const char *env;
	int flags;
};

FIXTURE_VARIANT_ADD(frozen, ext4) { .env = "IOCP_EXT4" };
FIXTURE_VARIANT_ADD(frozen, ext4_direct) { .env = "IOCP_EXT4", .flags = O_DIRECT };
FIXTURE_VARIANT_ADD(frozen, xfs) { .env = "IOCP_XFS" };
FIXTURE_VARIANT_ADD(frozen, xfs_direct) { .env = "IOCP_XFS", .flags = O_DIRECT };

#define FD	(self->port.fd)
#define LEN	(16 * 4096)

/* A submit that waits would wait for ever; this is only what "at once" may cost. */
#define AT_ONCE_MS	1000

FIXTURE_SETUP(frozen)
{
	const char *where = getenv(variant->env);

	if (!where)
		SKIP(return, "%s is not set", variant->env);
	PORT_FIXTURE_SETUP(4, 0);
	self->dir = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_LE(0, self->dir);
	self->fd = tmp_file(where, variant->flags);
	ASSERT_LE(0, self->fd);
	self->buf = map_anon(128 * 4096);
	/* Written once, so that overwriting needs no new blocks. */
	pattern_fill(self->buf, LEN, 1, 0);
	ASSERT_EQ(LEN, write(self->fd, self->buf, LEN));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, assoc_add(FD, self->fd, 1, &self->as));
	if (ioctl(self->dir, FIFREEZE, 0))
		SKIP(return, "cannot freeze %s: %s", where, strerror(errno));
	self->is_frozen = true;
}

/* In the parent: also a test that hangs must not leave it frozen. */
FIXTURE_TEARDOWN_PARENT(frozen)
{
	const char *where = getenv(variant->env);
	int dir = where ? open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (dir < 0)
		return;
	if (!ioctl(dir, FITHAW, 0)) {
		EXPECT_FALSE(self->is_frozen);
	}
	close(dir);
	EXPECT_EQ(0, objects_settle(&self->base));
}

#define THAW() do {							\
	ASSERT_EQ(0, ioctl(self->dir, FITHAW, 0));			\
	self->is_frozen = false;					\
} while (0)

TEST_F(frozen, write_is_submitted_at_once_and_ends_after_the_thaw)
{
	struct iocp_packet p;
	u64 t0;

	pattern_fill(self->buf, 4096, 2, 0);
	t0 = now_ns();
	ASSERT_EQ(0, submit_queued(FD, op_write(&self->as, 1, self->buf, 4096, 4096)));
	EXPECT_GT(AT_ONCE_MS * NSEC_PER_MSEC, now_ns() - t0);
	EXPECT_EQ(1, STAT(FD, punted));
	/* It waits, and nothing else does. */
	EXPECT_EQ(-ETIME, reap_until(FD, &p, 1, in_ms(200)));
	EXPECT_EQ(1, STAT(FD, inflight));
	ASSERT_EQ(1, post(FD, 5));
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(5, p.key);
	THAW();
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(1, p.overlapped);
	EXPECT_EQ(0, p.res);
	EXPECT_EQ(4096, p.info);
	ASSERT_EQ(4096, pread(self->fd, self->buf, 4096, 4096));
	EXPECT_EQ(-1, pattern_check(self->buf, 4096, 2, 0));
}

TEST_F(frozen, reads_go_on)
{
	memset(self->buf, 0, LEN);
	ASSERT_EQ(0, submit_queued(FD, op_write(&self->as, 1, self->buf + LEN, 4096, 0)));
	ASSERT_EQ(LEN, run_bytes(FD, op_read(&self->as, 2, self->buf, LEN, 0)));
	EXPECT_EQ(-1, pattern_check(self->buf, LEN, 1, 0));
	THAW();
}

/* More writes than the work queue takes: those that wait can be cancelled. */
TEST_F(frozen, what_waits_can_be_cancelled)
{
	struct iocp_cancel c = { .flags = IOCP_CANCEL_ALL_MINE };
	struct iocp_packet p[100];
	u32 i, cancelled = 0, done = 0;

	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, submit_queued(FD, op_write(&self->as, i, self->buf, 4096,
							(i % 16) * 4096)));
	}
	ASSERT_EQ(0, cancel(FD, &c));
	EXPECT_EQ(100, c.nr_cancelled + c.nr_running + c.nr_unstoppable);
	EXPECT_LE(36, c.nr_cancelled);
	/* Those are told at once, while it is still frozen. */
	ASSERT_EQ(c.nr_cancelled, reap(FD, p, c.nr_cancelled));
	for (i = 0; i < c.nr_cancelled; i++) {
		EXPECT_EQ(-ECANCELED, p[i].res);
	}
	EXPECT_EQ(-ETIME, reap_none(FD));
	THAW();
	ASSERT_EQ(100 - c.nr_cancelled, reap(FD, p, 100 - c.nr_cancelled));
	for (i = 0; i < 100 - c.nr_cancelled; i++) {
		cancelled += p[i].res == -ECANCELED;
		done += p[i].res == 0 && p[i].info == 4096;
	}
	EXPECT_EQ(100 - c.nr_cancelled, cancelled + done);
	EXPECT_EQ(-ETIME, reap_none(FD));
}

/* Other files of the port are not held up by it. */
TEST_F(frozen, another_file_system_goes_on)
{
	int fd = memfd_create("other", MFD_CLOEXEC);
	struct iocp_packet p;
	struct assoc as;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, assoc_add(FD, fd, 2, &as));
	ASSERT_EQ(0, submit_queued(FD, op_write(&self->as, 1, self->buf, 4096, 0)));
	ASSERT_EQ(0, submit_queued(FD, op_write(&as, 2, self->buf, 4096, 0)));
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(2, p.key);
	EXPECT_EQ(4096, p.info);
	THAW();
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(1, p.key);
}

/* Its program is killed, its port closed: nobody hangs. */
TEST_F(frozen, kill_and_close_do_not_wait)
{
	u64 t0;
	int pfd[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(pfd));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct port own;
		struct assoc as;

		c = !port_new(&own, 1, 0) && !assoc_add(own.fd, self->fd, 1, &as) &&
		    !submit_queued(own.fd, op_write(&as, 1, self->buf, 4096, 0)) ? 'y' : 'n';
		if (write(pfd[1], &c, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ASSERT_EQ(1, read(pfd[0], &c, 1));
	ASSERT_EQ('y', c);
	kill(pid, SIGKILL);
	/* It hangs the test if it hangs. */
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));

	ASSERT_EQ(0, submit_queued(FD, op_write(&self->as, 1, self->buf, 4096, 0)));
	t0 = now_ns();
	port_close(&self->port);
	EXPECT_GT(AT_ONCE_MS * NSEC_PER_MSEC, now_ns() - t0);
	THAW();
}

TEST_HARNESS_MAIN
