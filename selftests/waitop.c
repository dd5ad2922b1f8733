// SPDX-License-Identifier: GPL-2.0-only
/*
 * waitop.c - WAIT: any file that can be polled, once, with what ends it sooner;
 * CONSUME, of which exactly one waiter has each release.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "iocp_test.h"

FIXTURE(wait) {
	struct port port;
	struct objects base;
	int event;
};

FIXTURE_SETUP(wait)
{
	ASSERT_EQ(0, objects_base(&self->base));
	memset(&self->port, 0, sizeof(self->port));
	self->port.setup.concurrency = 2;
	self->port.setup.max_inflight = 1U << 16;
	ASSERT_EQ(0, port_create(&self->port));
	self->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_LE(0, self->event);
}

FIXTURE_TEARDOWN(wait)
{
	PORT_FIXTURE_TEARDOWN();
	close(self->event);
}

#define FD	(self->port.fd)
#define CONSUME	IOCP_WAIT_CONSUME

static bool set_event(int fd, u64 n)
{
	return write(fd, &n, sizeof(n)) == sizeof(n);
}

/* What is in it, which is taken out; 0: it is not signalled. */
static u64 get_event(int fd)
{
	u64 n;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

#define ARM(overlapped, file, op_flags) do {				\
	ASSERT_EQ(0, submit_queued(FD, op_wait(overlapped, file, op_flags))); \
	ASSERT_EQ(0, STAT(FD, queued));					\
} while (0)

#define CAME(overlapped_, res_, info_) do {				\
	struct iocp_packet p_;						\
									\
	ASSERT_EQ(1, reap(FD, &p_, 1));					\
	EXPECT_EQ(overlapped_, p_.overlapped);				\
	EXPECT_EQ(res_, p_.res);					\
	EXPECT_EQ((u64)(info_), p_.info);				\
	EXPECT_EQ(IOCP_PKT_KIND_WAIT, pkt_kind(&p_));			\
	EXPECT_EQ(0, p_.flags & (IOCP_PKT_F_CLOSED | IOCP_PKT_F_PARTIAL)); \
} while (0)

/* Nothing comes, also not a little later. */
#define NOTHING_COMES() do {						\
	usleep(2000);							\
	EXPECT_EQ(-ETIME, reap_none(FD));				\
} while (0)

/* ------------------------------------------------------------ one event */

TEST_F(wait, is_known)
{
	struct iocp_query q;

	ASSERT_EQ(0, port_query(FD, &q));
	EXPECT_TRUE(q.ops >> IOCP_OP_WAIT & 1);
}

TEST_F(wait, comes_when_it_is_ready_and_takes_nothing)
{
	ARM(1, self->event, 0);
	NOTHING_COMES();
	ASSERT_TRUE(set_event(self->event, 5));
	CAME(1, 0, EPOLLIN);
	EXPECT_EQ(5, get_event(self->event));
	/* One packet: what happens now is nothing to it. */
	ASSERT_TRUE(set_event(self->event, 5));
	NOTHING_COMES();
	EXPECT_EQ(0, STAT(FD, inflight));
}

TEST_F(wait, at_once_if_it_is_ready_already)
{
	ASSERT_TRUE(set_event(self->event, 1));
	ASSERT_EQ(0, submit_queued(FD, op_wait(1, self->event, EPOLLIN)));
	EXPECT_EQ(1, STAT(FD, queued));
	CAME(1, 0, EPOLLIN);
	EXPECT_EQ(1, get_event(self->event));
}

TEST_F(wait, ready_may_be_answered_inline)
{
	struct iocp_op op = op_wait(1, self->event, CONSUME);
	struct outcome o;

	op.flags = IOCP_OP_F_INLINE_OK;
	ASSERT_TRUE(set_event(self->event, 77));
	ASSERT_EQ(0, run_op(FD, op, &o));
	EXPECT_EQ(IOCP_RESULT_DONE, o.state);
	EXPECT_EQ(77, o.info);
	EXPECT_EQ(0, get_event(self->event));
	EXPECT_EQ(-ETIME, reap_none(FD));
	/* Not ready: a packet. */
	ASSERT_EQ(0, submit_queued(FD, op));
	ASSERT_TRUE(set_event(self->event, 1));
	CAME(1, 0, 1);
	/* Not in the caller: the same. */
	ASSERT_TRUE(set_event(self->event, 2));
	op.flags |= IOCP_OP_F_FORCE_PUNT;
	ASSERT_EQ(0, submit_queued(FD, op));
	CAME(1, 0, 2);
	EXPECT_EQ(0, get_event(self->event));
}

TEST_F(wait, again_and_again)
{
	unsigned int i, n = rounds(1000);

	for (i = 0; i < n; i++) {
		ARM(i, self->event, CONSUME);
		ASSERT_TRUE(set_event(self->event, i + 1));
		CAME(i, 0, i + 1);
	}
	EXPECT_EQ(0, get_event(self->event));
}

TEST_F(wait, key_and_priority)
{
	struct iocp_op op = op_wait(1, self->event, 0);
	struct iocp_packet p[2];

	ASSERT_TRUE(set_event(self->event, 1));
	ASSERT_EQ(0, submit_queued(FD, op));
	op = op_wait(2, self->event, 0);
	op.flags = IOCP_OP_F_KEY_IN_AUX2 | IOCP_PRIO_HIGH << IOCP_OP_F_PRIO_SHIFT;
	op.aux2 = 0xfeedfacecafebeefULL;
	ASSERT_EQ(0, submit_queued(FD, op));
	ASSERT_EQ(2, reap(FD, p, 2));
	EXPECT_EQ(2, p[0].overlapped);
	EXPECT_EQ(0xfeedfacecafebeefULL, p[0].key);
	EXPECT_EQ(IOCP_PRIO_HIGH, pkt_prio(&p[0]));
	EXPECT_EQ(1, p[1].overlapped);
	EXPECT_EQ(0, p[1].key);
}

/* ---------------------------------------------------------------- refused */

TEST_F(wait, refused_flags)
{
	const u32 bad[] = { 0x20, 1U << 11, 1U << 17, 1U << 28, 1U << 31, ~0U };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, submit_queued(FD, op_wait(1, self->event, bad[i])));
	/* All that are known are fine. */
	ASSERT_EQ(0, submit_queued(FD, op_wait(1, self->event, IOCP_WAIT_EVENTS)));
	CAME(1, 0, EPOLLOUT);
}

TEST_F(wait, refused_files)
{
	int closed = dup(self->event), copy = dup(FD);
	sigset_t set;
	int sfd;

	close(closed);
	EXPECT_EQ(-EBADF, submit_queued(FD, op_wait(1, -1, 0)));
	EXPECT_EQ(-EBADF, submit_queued(FD, op_wait(1, closed, 0)));
	EXPECT_EQ(-EBADF, submit_queued(FD, op_wait(1, INT_MAX, 0)));
	EXPECT_EQ(-EBADF, submit_queued(FD, op_wait(1, open("/", O_PATH), 0)));
	EXPECT_EQ(-EOPNOTSUPP, submit_queued(FD, op_wait(1, open("/", O_RDONLY), 0)));
	EXPECT_EQ(-EOPNOTSUPP, submit_queued(FD, op_wait(1, memfd_create("wait", 0), 0)));
	EXPECT_EQ(-ELOOP, submit_queued(FD, op_wait(1, FD, 0)));
	EXPECT_EQ(-ELOOP, submit_queued(FD, op_wait(1, copy, 0)));
	/* CONSUME is for what is a counter. */
	EXPECT_EQ(-EOPNOTSUPP, submit_queued(FD, op_wait(1, epoll_create1(0), CONSUME)));
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sfd = signalfd(-1, &set, SFD_CLOEXEC);
	ASSERT_LE(0, sfd);
	EXPECT_EQ(-EOPNOTSUPP, submit_queued(FD, op_wait(1, sfd, 0)));
	EXPECT_EQ(0, STAT(FD, inflight));
	EXPECT_EQ(-ETIME, reap_none(FD));
	close(copy);
}

TEST_F(wait, over_the_limit)
{
	struct port port = { .setup = { .concurrency = 1, .max_inflight = 3 } };
	struct iocp_packet p[3];
	unsigned int i;

	ASSERT_EQ(0, port_create(&port));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, submit_queued(port.fd, op_wait(i, self->event, 0)));
	EXPECT_EQ(-EAGAIN, submit_queued(port.fd, op_wait(9, self->event, 0)));
	EXPECT_EQ(-EAGAIN, submit_queued(port.fd, op_timer(9, 1, 0)));
	ASSERT_TRUE(set_event(self->event, 1));
	ASSERT_EQ(3, reap(port.fd, p, 3));
	EXPECT_EQ(0, submit_queued(port.fd, op_wait(9, self->event, 0)));
	port_close(&port);
}

/* ---------------------------------------------------------------- CONSUME */

TEST_F(wait, consume_takes_the_value)
{
	ARM(1, self->event, CONSUME);
	ASSERT_TRUE(set_event(self->event, 0x123456789aULL));
	CAME(1, 0, 0x123456789aULL);
	EXPECT_EQ(0, get_event(self->event));
}

/* PL-21: two waits for a semaphore, one release, one of them ends. */
TEST_F(wait, consume_one_release_is_one_packet)
{
	int sem = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK);
	struct iocp_packet p[2];

	ASSERT_LE(0, sem);
	ARM(1, sem, CONSUME);
	ARM(2, sem, CONSUME);
	ASSERT_TRUE(set_event(sem, 1));
	ASSERT_EQ(1, reap(FD, &p[0], 1));
	EXPECT_EQ(1, p[0].info);
	NOTHING_COMES();
	EXPECT_EQ(1, STAT(FD, inflight));
	ASSERT_TRUE(set_event(sem, 1));
	ASSERT_EQ(1, reap(FD, &p[1], 1));
	EXPECT_EQ(1, p[1].info);
	EXPECT_EQ(3, p[0].overlapped + p[1].overlapped);
	EXPECT_EQ(0, get_event(sem));
	close(sem);
}

TEST_F(wait, consume_as_many_packets_as_releases)
{
	int sem = eventfd(3, EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK);
	struct iocp_packet p[60];
	unsigned int i;

	ASSERT_LE(0, sem);
	for (i = 0; i < 60; i++)
		ASSERT_EQ(0, submit_queued(FD, op_wait(i, sem, CONSUME)));
	ASSERT_EQ(3, reap(FD, p, 3));
	ASSERT_TRUE(set_event(sem, 20));
	ASSERT_EQ(20, reap(FD, p, 20));
	for (i = 0; i < 20; i++)
		EXPECT_EQ(1, p[i].info);
	NOTHING_COMES();
	EXPECT_EQ(37, STAT(FD, inflight));
	/* More than there are waits: the rest stays. */
	ASSERT_TRUE(set_event(sem, 100));
	ASSERT_EQ(37, reap(FD, p, 37));
	NOTHING_COMES();
	for (i = 0; get_event(sem); i++)
		;
	EXPECT_EQ(63, i);
	close(sem);
}

/* An auto-reset event: set once, one of many. */
TEST_F(wait, consume_of_an_event_is_one_of_many)
{
	unsigned int i, n = rounds(100);
	struct iocp_packet p;

	for (i = 0; i < 32; i++)
		ARM(i, self->event, CONSUME);
	for (i = 0; i < n; i++) {
		ASSERT_TRUE(set_event(self->event, 1));
		ASSERT_EQ(1, reap(FD, &p, 1));
		EXPECT_EQ(1, p.info);
		EXPECT_EQ(31, STAT(FD, inflight));
		ASSERT_EQ(0, submit_queued(FD, op_wait(p.overlapped, self->event, CONSUME)));
	}
	NOTHING_COMES();
	EXPECT_EQ(0, get_event(self->event));
}

struct releaser {
	int fd;
	unsigned int n;
};

static void *releases(void *arg)
{
	struct releaser *r = arg;
	unsigned int i;

	for (i = 0; i < r->n; i++) {
		if (!set_event(r->fd, 1))
			return ptr(1);
		if (!(i % 16))
			sched_yield();
	}
	return NULL;
}

/* Waits are armed again while others release and yet others read: nothing is lost or doubled. */
TEST_F(wait, consume_each_release_is_had_once)
{
	int sem = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK);
	struct releaser r = { .fd = sem, .n = rounds(4000) };
	struct iocp_cancel c = { .flags = IOCP_CANCEL_ALL_MINE };
	struct iocp_packet p[16];
	unsigned int had = 0, read_away = 0, i;
	pthread_t t[2];
	void *failed;
	int ret, j;
	u64 end;

	ASSERT_LE(0, sem);
	for (i = 0; i < 16; i++)
		ARM(i, sem, CONSUME);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, releases, &r));
	end = in_ms(PATIENCE_MS * 4);
	while (had + read_away < 2 * r.n && now_ns() < end) {
		ret = reap_until(FD, p, 16, in_ms(20));
		for (j = 0; j < ret; j++) {
			ASSERT_EQ(0, p[j].res);
			EXPECT_EQ(1, p[j].info);
			had++;
			ASSERT_LE(0, submit(FD, (struct iocp_op[]){
				op_wait(p[j].overlapped, sem, CONSUME) }, 1, NULL));
		}
		if (get_event(sem))
			read_away++;
	}
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, pthread_join(t[i], &failed));
		EXPECT_EQ(NULL, failed);
	}
	EXPECT_EQ(2 * r.n, had + read_away);
	NOTHING_COMES();
	EXPECT_EQ(0, get_event(sem));
	EXPECT_EQ(16, STAT(FD, inflight));
	ASSERT_EQ(0, cancel(FD, &c));
	ASSERT_EQ(16, reap(FD, p, 16));
	close(sem);
}

/* --------------------------------------------------------------- deadline */

TEST_F(wait, deadline_is_never_early)
{
	struct iocp_op op = op_wait(1, self->event, 0);
	unsigned int i, n = rounds(100);

	for (i = 0; i < n; i++) {
		op.len = now_ns() + i * 30000;
		ASSERT_EQ(0, submit_queued(FD, op));
		CAME(1, -ETIME, 0);
		EXPECT_LE(op.len, now_ns());
	}
	/* What was waited for comes too late. */
	ASSERT_TRUE(set_event(self->event, 1));
	NOTHING_COMES();
	EXPECT_EQ(1, get_event(self->event));
}

TEST_F(wait, deadline_that_has_passed)
{
	struct iocp_op op = op_wait(1, self->event, CONSUME);

	op.len = 1;
	ASSERT_EQ(0, submit_queued(FD, op));
	CAME(1, -ETIME, 0);
	/* It looks first. */
	ASSERT_TRUE(set_event(self->event, 4));
	ASSERT_EQ(0, submit_queued(FD, op));
	CAME(1, 0, 4);
}

TEST_F(wait, deadline_none)
{
	struct iocp_op op = op_wait(1, self->event, CONSUME);

	op.len = ~0ULL;
	ASSERT_EQ(0, submit_queued(FD, op));
	op.len = 1ULL << 63;
	ASSERT_EQ(0, submit_queued(FD, op));
	NOTHING_COMES();
	ASSERT_TRUE(set_event(self->event, 1));
	CAME(1, 0, 1);
	ASSERT_TRUE(set_event(self->event, 1));
	CAME(1, 0, 1);
}

TEST_F(wait, event_before_the_deadline)
{
	struct iocp_op op = op_wait(1, self->event, CONSUME);

	op.len = in_ms(3600 * 1000);
	ASSERT_EQ(0, submit_queued(FD, op));
	ASSERT_TRUE(set_event(self->event, 1));
	CAME(1, 0, 1);
	EXPECT_EQ(0, STAT(FD, inflight));
}

static void spin_until(u64 t)
{
	while (now_ns() < t)
		;
}

/* Whoever is first; the value is either told or still there. */
TEST_F(wait, deadline_against_event)
{
	unsigned int i, n = rounds(2000), late = 0;

	for (i = 0; i < n; i++) {
		struct iocp_op op = op_wait(i, self->event, CONSUME);
		struct iocp_packet p;
		u64 t = now_ns();

		op.len = t + i * 7919 % 80000;
		ASSERT_EQ(0, submit_queued(FD, op));
		spin_until(t + i * 104729 % 80000);
		ASSERT_TRUE(set_event(self->event, i + 1));
		ASSERT_EQ(1, reap(FD, &p, 1));
		EXPECT_EQ(i, p.overlapped);
		if (p.res) {
			EXPECT_EQ(-ETIME, p.res);
			EXPECT_LE(op.len, now_ns());
			EXPECT_EQ(i + 1, get_event(self->event));
			late++;
		} else {
			EXPECT_EQ(i + 1, p.info);
			EXPECT_EQ(0, get_event(self->event));
		}
	}
	EXPECT_EQ(-ETIME, reap_none(FD));
	EXPECT_EQ(0, STAT(FD, inflight));
	TH_LOG("%u of %u came too late", late, n);
}

/* ----------------------------------------------------------------- cancel */

TEST_F(wait, cancel_each_way)
{
	struct iocp_op op;
	struct iocp_cancel c;
	u64 id;

	op = op_wait(1, self->event, 0);
	ASSERT_EQ(1, submit_id(FD, &op, 1, NULL, &id));
	ARM(2, self->event, CONSUME);
	op = op_wait(3, self->event, 0);
	op.len = in_ms(3600 * 1000);
	ASSERT_EQ(0, submit_queued(FD, op));
	ARM(4, self->event, 0);

	ASSERT_EQ(0, cancel_id(FD, id, &c));
	EXPECT_EQ(1, c.nr_cancelled);
	CAME(1, -ECANCELED, 0);
	c = (struct iocp_cancel){ .flags = IOCP_CANCEL_BY_OVERLAPPED, .overlapped = 3 };
	ASSERT_EQ(0, cancel(FD, &c));
	EXPECT_EQ(1, c.nr_cancelled);
	CAME(3, -ECANCELED, 0);
	c = (struct iocp_cancel){
		.flags = IOCP_CANCEL_BY_ASSOC | IOCP_CANCEL_BY_OVERLAPPED,
		.assoc = IOCP_NO_ASSOC, .overlapped = 2,
	};
	ASSERT_EQ(0, cancel(FD, &c));
	CAME(2, -ECANCELED, 0);
	c = (struct iocp_cancel){ .flags = IOCP_CANCEL_ALL_MINE | IOCP_CANCEL_THIS_THREAD };
	ASSERT_EQ(0, cancel(FD, &c));
	CAME(4, -ECANCELED, 0);
	EXPECT_EQ(-ENOENT, cancel(FD, &c));
	/* None of them took anything. */
	ASSERT_TRUE(set_event(self->event, 9));
	NOTHING_COMES();
	EXPECT_EQ(9, get_event(self->event));
}

TEST_F(wait, cancel_against_event)
{
	unsigned int i, n = rounds(2000), cancelled = 0;

	for (i = 0; i < n; i++) {
		struct iocp_op op = op_wait(i, self->event, CONSUME);
		struct iocp_packet p;
		struct iocp_cancel c;
		u64 id;
		int ret;

		ASSERT_EQ(1, submit_id(FD, &op, 1, NULL, &id));
		ASSERT_TRUE(set_event(self->event, i + 1));
		spin_until(now_ns() + i * 7919 % 50000);
		ret = cancel_id(FD, id, &c);
		ASSERT_EQ(1, reap(FD, &p, 1));
		EXPECT_EQ(i, p.overlapped);
		EXPECT_EQ(ret ? -ENOENT : 0, ret);
		EXPECT_EQ(!ret, c.nr_cancelled + c.nr_running);
		if (p.res) {
			EXPECT_EQ(-ECANCELED, p.res);
			EXPECT_EQ(0, ret);
			EXPECT_EQ(i + 1, get_event(self->event));
			cancelled++;
		} else {
			EXPECT_EQ(0, c.nr_cancelled);
			EXPECT_EQ(i + 1, p.info);
			EXPECT_EQ(0, get_event(self->event));
		}
	}
	EXPECT_EQ(-ETIME, reap_none(FD));
	EXPECT_EQ(0, STAT(FD, inflight));
	TH_LOG("%u of %u were cancelled in time", cancelled, n);
}

static bool stop;

static void *cancels_all(void *arg)
{
	struct iocp_cancel c = { .flags = IOCP_CANCEL_ALL_MINE };

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		cancel(*(int *)arg, &c);
	return NULL;
}

static void *sets_it(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		set_event(*(int *)arg, 1);
		get_event(*(int *)arg);
	}
	return NULL;
}

/* Events, deadlines and CANCEL at once, on both kinds of waits. */
TEST_F(wait, exactly_one_packet_whoever_is_first)
{
	unsigned int i, j, n = rounds(100);
	struct iocp_op ops[64];
	struct iocp_packet p[64];
	pthread_t t[2];

	ASSERT_EQ(0, pthread_create(&t[0], NULL, cancels_all, &FD));
	ASSERT_EQ(0, pthread_create(&t[1], NULL, sets_it, &self->event));
	for (i = 0; i < n; i++) {
		u64 seen = 0;

		for (j = 0; j < 64; j++) {
			ops[j] = op_wait(j, self->event, j & 1 ? CONSUME : 0);
			ops[j].len = now_ns() + (j * 7919 + i * 31) % 400000;
		}
		ASSERT_EQ(64, submit(FD, ops, 64, NULL));
		ASSERT_EQ(64, reap(FD, p, 64));
		for (j = 0; j < 64; j++) {
			seen |= 1ULL << p[j].overlapped;
			EXPECT_TRUE(p[j].res == 0 || p[j].res == -ECANCELED ||
				    p[j].res == -ETIME);
		}
		EXPECT_EQ(~0ULL, seen);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_join(t[i], NULL));
	EXPECT_EQ(-ETIME, reap_none(FD));
	EXPECT_EQ(0, STAT(FD, inflight));
}

/* ------------------------------------------------------------------ files */

FIXTURE(file) {
	struct port port;
	struct objects base;
	int fd, other;
	pid_t child;
};

/* @make: a file that is not ready, for @events; @ready: makes it so; @info: what is told */
FIXTURE_VARIANT(file) {
	int (*make)(int *other);
	void (*ready)(int fd, int other);
	u32 events;
	u32 info;
};

static int make_pipe(int *other)
{
	int pfd[2];

	if (pipe2(pfd, O_CLOEXEC | O_NONBLOCK))
		return -1;
	*other = pfd[1];
	return pfd[0];
}

static int make_full_pipe(int *other)
{
	char page[4096] = "";
	int fd = make_pipe(other), full = *other;

	while (write(full, page, sizeof(page)) > 0)
		;
	*other = fd;
	return full;
}

static int make_fifo(int *other)
{
	int fd;

	unlink("/tmp/waitop.fifo");
	if (mkfifo("/tmp/waitop.fifo", 0600))
		return -1;
	fd = open("/tmp/waitop.fifo", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	*other = dup(fd);
	unlink("/tmp/waitop.fifo");
	return fd;
}

static int make_socket(int *other)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv))
		return -1;
	*other = sv[1];
	return sv[0];
}

static int make_listener(int *other)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) || listen(fd, 5))
		return -1;
	*other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return fd;
}

static int make_timerfd(int *other)
{
	return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
}

static int make_pidfd(int *other)
{
	pid_t pid;
	int pfd[2];

	if (pipe2(pfd, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		char c;

		/* not ours: the port, above all */
		dup2(pfd[0], 0);
		syscall(SYS_close_range, 3, ~0U, 0);
		_exit(read(0, &c, 1));
	}
	close(pfd[0]);
	*other = pfd[1];
	return syscall(SYS_pidfd_open, pid, 0);
}

static int make_epoll(int *other)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	*other = eventfd(0, EFD_CLOEXEC);
	return epoll_ctl(fd, EPOLL_CTL_ADD, *other, &ev) ? -1 : fd;
}

static int make_pty(int *other)
{
	int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), zero = 0;

	if (fd < 0 || ioctl(fd, TIOCSPTLCK, &zero))
		return -1;
	*other = ioctl(fd, TIOCGPTPEER, O_RDWR | O_NOCTTY);
	return fd;
}

static int make_inotify(int *other)
{
	int fd = inotify_init1(IN_CLOEXEC);

	return inotify_add_watch(fd, "/tmp", IN_CREATE) < 0 ? -1 : fd;
}

static int make_full_event(int *other)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	set_event(fd, ~0ULL - 1);
	return fd;
}

static void write_one(int fd, int other)
{
	if (write(other, "x", 1) != 1)
		perror("write");
}

static void set_other(int fd, int other)
{
	set_event(other, 1);
}

static void read_all(int fd, int other)
{
	char page[4096];

	while (read(other, page, sizeof(page)) > 0)
		;
}

static void close_it(int fd, int other)
{
	close(other);
}

static void read_event(int fd, int other)
{
	get_event(fd);
}

static void connect_to(int fd, int other)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	getsockname(fd, (struct sockaddr *)&sin, &len);
	if (connect(other, (struct sockaddr *)&sin, len))
		perror("connect");
}

static void start_timer(int fd, int other)
{
	struct itimerspec its = { .it_value.tv_nsec = 5000000 };

	timerfd_settime(fd, 0, &its, NULL);
}

static void create_file(int fd, int other)
{
	int f = open("/tmp/waitop.file", O_CREAT | O_WRONLY, 0600);

	close(f);
	unlink("/tmp/waitop.file");
}

#define KIND(name, make_, ready_, events_, info_)			\
FIXTURE_VARIANT_ADD(file, name) {					\
	.make = make_, .ready = ready_, .events = events_, .info = info_, \
}
KIND(pipe, make_pipe, write_one, EPOLLIN, EPOLLIN);
KIND(pipe_all_writers_gone, make_pipe, close_it, EPOLLIN, EPOLLHUP);
KIND(pipe_room, make_full_pipe, read_all, EPOLLOUT, EPOLLOUT);
KIND(pipe_no_reader, make_full_pipe, close_it, EPOLLPRI, EPOLLERR);
KIND(fifo_with_two_queues, make_fifo, write_one, EPOLLIN, EPOLLIN);
KIND(socket, make_socket, write_one, EPOLLIN | EPOLLRDNORM, EPOLLIN | EPOLLRDNORM);
KIND(socket_peer_gone, make_socket, close_it, EPOLLRDHUP, EPOLLRDHUP | EPOLLHUP);
KIND(listener, make_listener, connect_to, EPOLLIN, EPOLLIN);
KIND(timerfd, make_timerfd, start_timer, EPOLLIN, EPOLLIN);
KIND(pidfd, make_pidfd, close_it, EPOLLIN, EPOLLIN);
KIND(epoll, make_epoll, set_other, EPOLLIN, EPOLLIN);
KIND(pty_with_two_queues, make_pty, write_one, EPOLLIN, EPOLLIN);
KIND(inotify, make_inotify, create_file, EPOLLIN, EPOLLIN);
KIND(event_room, make_full_event, read_event, EPOLLOUT, EPOLLOUT);

FIXTURE_SETUP(file)
{
	PORT_FIXTURE_SETUP(1, 0);
	self->other = -1;
	self->fd = variant->make(&self->other);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(file)
{
	PORT_FIXTURE_TEARDOWN();
}

TEST_F(file, becomes_ready)
{
	struct iocp_packet p;

	ARM(1, self->fd, variant->events);
	NOTHING_COMES();
	variant->ready(self->fd, self->other);
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(0, p.res);
	EXPECT_EQ(variant->info, p.info);
	/* And now it is. */
	ASSERT_EQ(0, submit_queued(FD, op_wait(2, self->fd, variant->events)));
	CAME(2, 0, variant->info);
	EXPECT_EQ(0, STAT(FD, inflight));
}

/* close(2) does not end it: the operation keeps the file. */
TEST_F(file, closed_while_armed)
{
	int copy = fcntl(self->fd, F_DUPFD_CLOEXEC, 0);

	ARM(1, self->fd, variant->events);
	close(self->fd);
	NOTHING_COMES();
	variant->ready(copy, self->other);
	CAME(1, 0, variant->info);
	close(copy);
}

TEST_F(file, last_close_while_armed)
{
	struct iocp_cancel c = { .flags = IOCP_CANCEL_ALL_MINE };

	ARM(1, self->fd, variant->events);
	close(self->fd);
	NOTHING_COMES();
	ASSERT_EQ(0, cancel(FD, &c));
	EXPECT_EQ(1, c.nr_cancelled + c.nr_running);
	CAME(1, -ECANCELED, 0);
}

TEST_F(file, port_closed_while_armed)
{
	ARM(1, self->fd, variant->events);
	port_close(&self->port);
	EXPECT_EQ(0, objects_settle(&self->base));
	variant->ready(self->fd, self->other);
}

/* Nobody else has the reading end any more; it goes when the wait has ended. */
TEST_F(wait, the_file_goes_with_the_wait)
{
	int pfd[2];

	signal(SIGPIPE, SIG_IGN);
	ASSERT_EQ(0, pipe2(pfd, O_CLOEXEC));
	ARM(1, pfd[0], 0);
	close(pfd[0]);
	ASSERT_EQ(1, write(pfd[1], "x", 1));
	CAME(1, 0, EPOLLIN);
	EXPECT_TRUE(WAIT_FOR(write(pfd[1], "x", 1) < 0 && errno == EPIPE));
}

/* ------------------------------------------------------------------ ports */

TEST_F(wait, another_port)
{
	struct port b;
	struct iocp_packet p;

	ASSERT_EQ(0, port_new(&b, 1, 64));
	ARM(1, b.fd, 0);
	NOTHING_COMES();
	ASSERT_EQ(1, post(b.fd, 5));
	CAME(1, 0, EPOLLIN);
	ASSERT_EQ(1, reap(b.fd, &p, 1));
	ARM(2, b.fd, 0);
	ASSERT_EQ(0, port_shutdown(b.fd, NULL));
	CAME(2, 0, EPOLLHUP);
	port_close(&b);
}

/* A packet in one is an event in the other, and so on: each is one step. */
TEST_F(wait, ports_that_wait_for_each_other)
{
	struct iocp_cancel c = { .flags = IOCP_CANCEL_ALL_MINE };
	unsigned int i, n = rounds(200);
	struct iocp_packet p;
	struct port b;

	ASSERT_EQ(0, port_new(&b, 1, 0));
	for (i = 0; i < n; i++) {
		ARM(1, b.fd, 0);
		ASSERT_EQ(0, submit_queued(b.fd, op_wait(2, FD, 0)));
		ASSERT_EQ(1, post(i & 1 ? b.fd : FD, 3));
		/* the post, the wait for it, and the wait for that one's packet */
		ASSERT_TRUE(WAIT_FOR(STAT(FD, queued) + STAT(b.fd, queued) == 3));
		while (reap_until(FD, &p, 1, 0) > 0)
			;
		while (reap_until(b.fd, &p, 1, 0) > 0)
			;
	}
	/* A circle is no leak: it can be taken apart, or ends with its process. */
	ARM(1, b.fd, 0);
	ASSERT_EQ(0, submit_queued(b.fd, op_wait(2, FD, 0)));
	ASSERT_EQ(0, cancel(b.fd, &c));
	CAME(1, 0, EPOLLIN);
	port_close(&b);
}

TEST_F(wait, circle_of_ports_ends_with_the_process)
{
	int status;
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		struct port a, b;

		if (port_new(&a, 1, 0) || port_new(&b, 1, 0) ||
		    submit_queued(a.fd, op_wait(1, b.fd, 0)) ||
		    submit_queued(b.fd, op_wait(1, a.fd, 0)))
			_exit(1);
		close(a.fd);
		close(b.fd);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* ------------------------------------------------------------------- many */

static long threads_of_machine(void)
{
	long total = -1;
	FILE *f = fopen("/proc/loadavg", "re");

	if (!f || fscanf(f, "%*f %*f %*f %*d/%ld", &total) != 1)
		total = -1;
	if (f)
		fclose(f);
	return total;
}

/* 10,000 files, each armed and let go: no thread waits for them. */
TEST_F_TIMEOUT(wait, ten_thousand_and_no_thread, 300)
{
	const unsigned int n = 10000;
	struct rlimit lim = { 2 * n, 2 * n };
	long before = threads_of_machine();
	struct iocp_packet *p = calloc(n, sizeof(*p));
	unsigned char *seen = calloc(n, 1);
	unsigned int i, twice = 0;
	int *fds = calloc(n, sizeof(*fds));

	ASSERT_TRUE(p && seen && fds);
	ASSERT_LT(0, before);
	if (setrlimit(RLIMIT_NOFILE, &lim))
		SKIP(return, "not allowed to open that many files");
	for (i = 0; i < n; i++) {
		fds[i] = eventfd(0, EFD_CLOEXEC);
		ASSERT_LE(0, fds[i]);
		ASSERT_EQ(0, submit_queued(FD, op_wait(i, fds[i], i & 1 ? CONSUME : 0)));
	}
	EXPECT_EQ(n, STAT(FD, inflight));
	EXPECT_EQ(-ETIME, reap_none(FD));
	/* Others come and go on this machine, too. */
	EXPECT_GT(before + 50, threads_of_machine());
	for (i = 0; i < n; i++)
		ASSERT_TRUE(set_event(fds[i * 7919 % n], 1));
	ASSERT_EQ(n, reap(FD, p, n));
	for (i = 0; i < n; i++)
		twice += p[i].overlapped >= n || seen[p[i].overlapped]++;
	EXPECT_EQ(0, twice);
	EXPECT_EQ(0, STAT(FD, inflight));
	for (i = 0; i < n; i++)
		close(fds[i]);
	free(fds);
	free(seen);
	free(p);
}

/* One event for all of them, as many as a port grants: 65536, as in timer.c. */
TEST_F_TIMEOUT(wait, very_many_of_one_file, 300)
{
	const unsigned int n = rounds(256) * 256;
	struct iocp_op ops[256];
	struct iocp_packet *p = calloc(n, sizeof(*p));
	unsigned int i, j;

	ASSERT_NE(NULL, p);
	port_close(&self->port);
	self->port.setup.max_inflight = n;
	ASSERT_EQ(0, port_create(&self->port));
	for (i = 0; i < n; i += 256) {
		for (j = 0; j < 256; j++)
			ops[j] = op_wait(i + j, self->event, 0);
		ASSERT_EQ(256, submit(FD, ops, 256, NULL));
	}
	EXPECT_EQ(-EAGAIN, submit(FD, ops, 1, NULL));
	ASSERT_TRUE(set_event(self->event, 1));
	ASSERT_EQ(n, reap(FD, p, n));
	EXPECT_EQ(0, STAT(FD, inflight));
	free(p);
}

/* -------------------------------------------------------------- processes */

#define NR_ARMED	4096

FIXTURE(end) {
	struct port port;
	struct objects base;
	int event;
	struct iocp_packet p[NR_ARMED];
};

FIXTURE_VARIANT(end) {
	char how;
};

FIXTURE_VARIANT_ADD(end, exit) { .how = 'e' };
FIXTURE_VARIANT_ADD(end, kill) { .how = 'k' };
FIXTURE_VARIANT_ADD(end, exec) { .how = 'x' };

FIXTURE_SETUP(end)
{
	PORT_FIXTURE_SETUP(2, 0);
	self->event = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, self->event);
}

FIXTURE_TEARDOWN(end)
{
	PORT_FIXTURE_TEARDOWN();
}

/* The waits end with their process; its parent's goes on. */
TEST_F(end, of_the_process)
{
	struct iocp_op ops[256];
	unsigned int i, j;
	int status;
	pid_t pid;

	ARM(NR_ARMED, self->event, CONSUME);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct iocp_cancel c = { .flags = IOCP_CANCEL_ALL_MINE };

		if (cancel(FD, &c) != -ENOENT)
			_exit(1);
		for (i = 0; i < NR_ARMED - 1; i += 256) {
			for (j = 0; j < 256; j++)
				ops[j] = op_wait(i + j, self->event, CONSUME);
			if (submit(FD, ops, i + 256 < NR_ARMED ? 256 : 255, NULL) < 255)
				_exit(2);
		}
		if (variant->how == 'k')
			kill(getpid(), SIGKILL);
		if (variant->how == 'x')
			execl("/bin/sh", "sh", "-c", "exit 0", NULL);
		_exit(variant->how == 'e' ? 0 : 3);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(variant->how == 'k' ? SIGKILL : 0, status);
	ASSERT_EQ(NR_ARMED - 1, reap(FD, self->p, NR_ARMED - 1));
	for (i = 0; i < NR_ARMED - 1; i++)
		if (self->p[i].res != -ECANCELED || !(self->p[i].flags & IOCP_PKT_F_CLOSED))
			break;
	EXPECT_EQ(NR_ARMED - 1, i);
	EXPECT_EQ(1, STAT(FD, inflight));
	ASSERT_TRUE(set_event(self->event, 3));
	CAME(NR_ARMED, 0, 3);
}

/*
 * A terminal's poll waits for the kernel's own work; a queue of ours that must go on when there
 * is no memory may not do that, and the kernel says so in its log.  (Found by fuzzing.)
 */
TEST_F(wait, terminal_that_is_being_fed)
{
	unsigned int i, nr = rounds(300);
	struct iocp_packet p;
	int other, tty = make_pty(&other);

	ASSERT_LE(0, tty);
	for (i = 0; i < nr; i++) {
		struct iocp_op op = op_wait(i, tty, 0);
		char byte;

		op.flags = IOCP_OP_F_FORCE_PUNT;
		ASSERT_EQ(0, submit_queued(self->port.fd, op));
		ASSERT_EQ(1, write(other, "x", 1));
		ASSERT_EQ(1, reap(self->port.fd, &p, 1));
		EXPECT_EQ(0, p.res);
		ASSERT_EQ(1, read(tty, &byte, 1));
	}
	close(tty);
	close(other);
}

TEST_F(wait, shutdown_with_waits_armed)
{
	ARM(1, self->event, 0);
	ARM(2, self->event, EPOLLIN);
	ASSERT_EQ(0, port_shutdown(FD, NULL));
	EXPECT_EQ(-ESHUTDOWN, submit_queued(FD, op_wait(3, self->event, 0)));
	ASSERT_TRUE(set_event(self->event, 1));
	ASSERT_TRUE(WAIT_FOR(STAT(FD, dropped) == 2));
	EXPECT_EQ(0, STAT(FD, inflight));
}

TEST_HARNESS_MAIN
