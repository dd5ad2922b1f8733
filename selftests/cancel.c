// SPDX-License-Identifier: GPL-2.0-only
/*
 * cancel.c - CANCEL: what it finds, what it counts, and that each operation
 * ends exactly once whoever was first.
 */
#include "iocp_test.h"

FIXTURE(cancel) {
	struct port port;
	struct objects base;
	int pfd[2][2];
	struct assoc as[2];
	char buf[8][16];
};

FIXTURE_SETUP(cancel)
{
	int i;

	PORT_FIXTURE_SETUP(4, 0);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, pipe2(self->pfd[i], O_CLOEXEC));
		ASSERT_EQ(0, assoc_add(self->port.fd, self->pfd[i][0], i, &self->as[i]));
	}
}

FIXTURE_TEARDOWN(cancel)
{
	PORT_FIXTURE_TEARDOWN();
}

#define FD	(self->port.fd)

/* A read that waits on pipe @i; its id goes to *@id. */
#define PENDING(i, overlapped, id) do {					\
	struct iocp_op op_ = op_read(&self->as[i], overlapped, self->buf[(overlapped) % 8], \
				     16, 0);				\
									\
	ASSERT_EQ(1, submit_id(FD, &op_, 1, NULL, id));			\
	ASSERT_EQ(0, STAT(FD, queued));					\
} while (0)

#define COUNTS(c, cancelled, running, unstoppable) do {			\
	EXPECT_EQ(cancelled, (c)->nr_cancelled);			\
	EXPECT_EQ(running, (c)->nr_running);				\
	EXPECT_EQ(unstoppable, (c)->nr_unstoppable);			\
} while (0)

#define CANCELLED(overlapped_) do {					\
	struct iocp_packet p_;						\
									\
	ASSERT_EQ(1, reap(FD, &p_, 1));					\
	EXPECT_EQ(overlapped_, p_.overlapped);				\
	EXPECT_EQ(-ECANCELED, p_.res);					\
	EXPECT_EQ(0, p_.info);						\
	EXPECT_EQ(0, p_.flags & (IOCP_PKT_F_CLOSED | IOCP_PKT_F_PARTIAL)); \
} while (0)

/* The read that is left gets what is written now. */
#define STILL_READS(i, overlapped_) do {				\
	struct iocp_packet p_;						\
									\
	ASSERT_EQ(1, write(self->pfd[i][1], "x", 1));			\
	ASSERT_EQ(1, reap(FD, &p_, 1));					\
	EXPECT_EQ(overlapped_, p_.overlapped);				\
	EXPECT_EQ(0, p_.res);						\
	EXPECT_EQ(1, p_.info);						\
} while (0)

TEST_F(cancel, by_id)
{
	struct iocp_cancel c;
	u64 a, b;

	PENDING(0, 1, &a);
	PENDING(1, 2, &b);
	ASSERT_EQ(0, cancel_id(FD, b, &c));
	COUNTS(&c, 1, 0, 0);
	CANCELLED(2);
	EXPECT_EQ(-ETIME, reap_none(FD));
	/* An id is used once: it cannot be cancelled again. */
	EXPECT_EQ(-ENOENT, cancel_id(FD, b, &c));
	COUNTS(&c, 0, 0, 0);
	STILL_READS(0, 1);
	EXPECT_EQ(-ENOENT, cancel_id(FD, a, &c));
}

TEST_F(cancel, by_overlapped)
{
	struct iocp_cancel c = { .flags = IOCP_CANCEL_BY_OVERLAPPED, .overlapped = 2 };
	u64 id;

	PENDING(0, 1, &id);
	PENDING(1, 2, &id);
	PENDING(1, 10, &id);
	ASSERT_EQ(0, cancel(FD, &c));
	COUNTS(&c, 1, 0, 0);
	CANCELLED(2);
	STILL_READS(0, 1);
	STILL_READS(1, 10);
}

/* A number is a number: all that carry it. */
TEST_F(cancel, by_overlapped_several)
{
	struct iocp_cancel c = { .flags = IOCP_CANCEL_BY_OVERLAPPED, .overlapped = 0 };
	u64 id;

	PENDING(0, 0, &id);
	PENDING(1, 0, &id);
	PENDING(1, 1, &id);
	ASSERT_EQ(0, cancel(FD, &c));
	COUNTS(&c, 2, 0, 0);
	CANCELLED(0);
	CANCELLED(0);
	STILL_READS(1, 1);
}

TEST_F(cancel, by_assoc)
{
	struct iocp_cancel c = {
		.flags = IOCP_CANCEL_BY_ASSOC, .assoc = self->as[0].index,
		.assoc_gen = self->as[0].gen,
	};
	u64 id;

	PENDING(0, 1, &id);
	PENDING(0, 2, &id);
	PENDING(1, 3, &id);
	ASSERT_EQ(0, cancel(FD, &c));
	COUNTS(&c, 2, 0, 0);
	CANCELLED(1);
	CANCELLED(2);
	STILL_READS(1, 3);
	/* Nothing there any more. */
	EXPECT_EQ(-ENOENT, cancel(FD, &c));
	COUNTS(&c, 0, 0, 0);
}

TEST_F(cancel, conditions_narrow_the_choice)
{
	struct iocp_cancel c = {
		.flags = IOCP_CANCEL_BY_ASSOC | IOCP_CANCEL_BY_OVERLAPPED,
		.assoc = self->as[0].index, .assoc_gen = self->as[0].gen, .overlapped = 2,
	};
	u64 id;

	PENDING(0, 1, &id);
	PENDING(1, 2, &id);
	EXPECT_EQ(-ENOENT, cancel(FD, &c));
	c.overlapped = 1;
	ASSERT_EQ(0, cancel(FD, &c));
	COUNTS(&c, 1, 0, 0);
	CANCELLED(1);
	STILL_READS(1, 2);
}

TEST_F(cancel, all_mine)
{
	struct iocp_cancel c = { .flags = IOCP_CANCEL_ALL_MINE };
	u64 id;

	EXPECT_EQ(-ENOENT, cancel(FD, &c));
	PENDING(0, 1, &id);
	PENDING(0, 2, &id);
	PENDING(1, 3, &id);
	ASSERT_EQ(0, cancel(FD, &c));
	COUNTS(&c, 3, 0, 0);
	CANCELLED(1);
	CANCELLED(2);
	CANCELLED(3);
	EXPECT_EQ(0, STAT(FD, inflight));
	EXPECT_EQ(-ENOENT, cancel(FD, &c));
}

/* OV-23: only what the calling thread submitted. */
TEST_F(cancel, this_thread)
{
	struct iocp_cancel c = { .flags = IOCP_CANCEL_ALL_MINE | IOCP_CANCEL_THIS_THREAD };
	static struct puppet t;
	struct iocp_op op = op_read(&self->as[0], 1, self->buf[1], 16, 0);
	u64 id;

	ASSERT_EQ(0, puppet_start(&t));
	t.fd = FD;
	t.e = (struct iocp_enter){ .ops = addr(&op), .nr_ops = 1, .op_size = sizeof(op) };
	puppet_go(&t);
	ASSERT_TRUE(puppet_done(&t));
	ASSERT_EQ(0, t.ret);
	EXPECT_EQ(-ENOENT, cancel(FD, &c));
	PENDING(1, 2, &id);
	ASSERT_EQ(0, cancel(FD, &c));
	COUNTS(&c, 1, 0, 0);
	CANCELLED(2);
	/* With another condition it narrows too. */
	c = (struct iocp_cancel){
		.flags = IOCP_CANCEL_BY_ASSOC | IOCP_CANCEL_THIS_THREAD,
		.assoc = self->as[0].index, .assoc_gen = self->as[0].gen,
	};
	EXPECT_EQ(-ENOENT, cancel(FD, &c));
	STILL_READS(0, 1);
	puppet_stop(&t);
}

/* OV-29: operations outlive the thread that submitted them. */
TEST_F(cancel, operations_outlive_their_thread)
{
	struct iocp_cancel c = { .flags = IOCP_CANCEL_ALL_MINE };
	static struct puppet t;
	struct iocp_op ops[2] = {
		op_read(&self->as[0], 1, self->buf[1], 16, 0),
		op_read(&self->as[1], 2, self->buf[2], 16, 0),
	};

	ASSERT_EQ(0, puppet_start(&t));
	t.fd = FD;
	t.e = (struct iocp_enter){ .ops = addr(ops), .nr_ops = 2, .op_size = sizeof(ops[0]) };
	puppet_go(&t);
	ASSERT_TRUE(puppet_done(&t));
	puppet_stop(&t);
	EXPECT_EQ(2, STAT(FD, inflight));
	STILL_READS(0, 1);
	ASSERT_EQ(0, cancel(FD, &c));
	CANCELLED(2);
}

/* Not the first one: those before and behind it stay, in their order. */
TEST_F(cancel, in_the_middle_of_a_queue)
{
	struct iocp_cancel c;
	u64 id[4];
	int i;

	for (i = 0; i < 4; i++)
		PENDING(0, i, &id[i]);
	ASSERT_EQ(0, cancel_id(FD, id[1], &c));
	COUNTS(&c, 1, 0, 0);
	CANCELLED(1);
	STILL_READS(0, 0);
	STILL_READS(0, 2);
	ASSERT_EQ(0, cancel_id(FD, id[3], &c));
	CANCELLED(3);
	EXPECT_EQ(0, STAT(FD, inflight));
}

/* The head is cancelled: the next one moves up and gets the data. */
TEST_F(cancel, the_head_of_a_queue)
{
	struct iocp_cancel c;
	u64 id[2];

	PENDING(0, 0, &id[0]);
	PENDING(0, 1, &id[1]);
	ASSERT_EQ(0, cancel_id(FD, id[0], &c));
	CANCELLED(0);
	STILL_READS(0, 1);
}

/* What was cancelled takes no data. */
TEST_F(cancel, data_stays)
{
	struct iocp_cancel c;
	char c1 = 0;
	u64 id;

	PENDING(0, 1, &id);
	ASSERT_EQ(0, cancel_id(FD, id, &c));
	CANCELLED(1);
	ASSERT_EQ(1, write(self->pfd[0][1], "y", 1));
	EXPECT_EQ(-ETIME, reap_none(FD));
	EXPECT_EQ(1, read(self->pfd[0][0], &c1, 1));
	EXPECT_EQ('y', c1);
	EXPECT_EQ(0, self->buf[1][0]);
}

/* A write that went half-way: success with the bytes that moved (OV-21). */
TEST_F(cancel, a_write_that_moved_bytes)
{
	char *big = map_anon(1 << 20);
	struct iocp_packet p;
	struct iocp_cancel c;
	struct assoc w;
	struct iocp_op op;
	u64 id;

	ASSERT_EQ(0, assoc_add(FD, self->pfd[0][1], 5, &w));
	op = op_write(&w, 1, big, 1 << 20, 0);
	ASSERT_EQ(1, submit_id(FD, &op, 1, NULL, &id));
	EXPECT_EQ(-ETIME, reap_none(FD));
	/* Once it waits for room again it can be stopped. */
	do {
		ASSERT_EQ(0, cancel_id(FD, id, &c));
	} while (c.nr_running && !STAT(FD, queued));
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(0, p.res);
	EXPECT_EQ(65536, p.info);
	EXPECT_TRUE(p.flags & IOCP_PKT_F_PARTIAL);
	EXPECT_EQ(-ETIME, reap_none(FD));
}

TEST_F(cancel, every_kind_of_stream)
{
	struct iocp_cancel c = { .flags = IOCP_CANCEL_ALL_MINE };
	int sv[2], pty, efd = syscall(SYS_eventfd2, 0, 0);
	struct assoc as[3];
	int i, n = 0, fds[3];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	ASSERT_LE(0, efd);
	fds[n++] = sv[0];
	fds[n++] = efd;
	pty = posix_openpt(O_RDWR | O_NOCTTY);
	if (pty >= 0 && !unlockpt(pty))
		fds[n++] = pty;
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, assoc_add(FD, fds[i], i, &as[i]));
		ASSERT_EQ(0, submit_queued(FD, op_read(&as[i], i, self->buf[i], 8, 0)));
	}
	ASSERT_EQ(0, cancel(FD, &c));
	EXPECT_EQ(n, c.nr_cancelled + c.nr_running);
	for (i = 0; i < n; i++) {
		struct iocp_packet p;

		ASSERT_EQ(1, reap(FD, &p, 1));
		EXPECT_EQ(-ECANCELED, p.res);
	}
}

/* A thread of the kernel sits in the driver: its read can be ended too. */
TEST_F(cancel, a_read_inside_a_driver)
{
	struct iocp_cancel c;
	struct iocp_packet p;
	int pty = posix_openpt(O_RDWR | O_NOCTTY), slave;
	struct assoc as;
	struct iocp_op op;
	u64 id;

	if (pty < 0 || unlockpt(pty))
		SKIP(return, "no pseudo terminals");
	slave = open(ptsname(pty), O_RDWR | O_NOCTTY);
	ASSERT_LE(0, slave);
	ASSERT_EQ(0, assoc_add(FD, slave, 1, &as));
	op = op_read(&as, 1, self->buf[0], 8, 0);
	ASSERT_EQ(1, submit_id(FD, &op, 1, NULL, &id));
	/* A line without an end: readable to nobody. */
	ASSERT_EQ(3, write(pty, "abc", 3));
	EXPECT_EQ(-ETIME, reap_none(FD));
	ASSERT_EQ(0, cancel_id(FD, id, &c));
	EXPECT_EQ(1, c.nr_cancelled + c.nr_running);
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(-ECANCELED, p.res);
	/* The terminal still works. */
	ASSERT_EQ(1, write(pty, "\n", 1));
	EXPECT_EQ(4, run_bytes(FD, op_read(&as, 2, self->buf[0], 8, 0)));
	close(slave);
	close(pty);
}

/* ---------------------------------------------------------- slow devices */

FIXTURE(slow) {
	struct port port;
	struct objects base;
	int fd;
	struct assoc as;
	char *buf;
};

FIXTURE_VARIANT(slow) {
	int flags;
};

FIXTURE_VARIANT_ADD(slow, direct) { .flags = O_DIRECT };
FIXTURE_VARIANT_ADD(slow, buffered) { };

#define NR_SLOW 100

FIXTURE_SETUP(slow)
{
	const char *dev = getenv("IOCP_NULLB_SLOW");

	if (!dev)
		SKIP(return, "IOCP_NULLB_SLOW is not set");
	PORT_FIXTURE_SETUP(4, 0);
	self->fd = open(dev, O_RDWR | O_CLOEXEC | variant->flags);
	ASSERT_LE(0, self->fd);
	posix_fadvise(self->fd, 0, 0, POSIX_FADV_DONTNEED);
	posix_fadvise(self->fd, 0, 0, POSIX_FADV_RANDOM);
	ASSERT_EQ(0, assoc_add(FD, self->fd, 1, &self->as));
	self->buf = map_anon(NR_SLOW * 4096);
}

FIXTURE_TEARDOWN(slow)
{
	PORT_FIXTURE_TEARDOWN();
}

/*
 * What the device has cannot be stopped, and says so; it ends by itself, once.
 * What a worker has may end either way, but also once.
 */
TEST_F(slow, ends_once)
{
	struct iocp_op op = op_read(&self->as, 1, self->buf, 4096, 0);
	struct iocp_packet p;
	struct iocp_cancel c;
	u64 id;

	ASSERT_EQ(1, submit_id(FD, &op, 1, NULL, &id));
	ASSERT_EQ(0, cancel_id(FD, id, &c));
	if (variant->flags) {
		COUNTS(&c, 0, 0, 1);
		EXPECT_EQ(-ETIME, reap_none(FD));
	}
	EXPECT_EQ(1, c.nr_cancelled + c.nr_running + c.nr_unstoppable);
	ASSERT_EQ(1, reap(FD, &p, 1));
	if (c.nr_cancelled) {
		EXPECT_EQ(-ECANCELED, p.res);
	} else if (c.nr_unstoppable || p.res != -ECANCELED) {
		EXPECT_EQ(0, p.res);
		EXPECT_EQ(4096, p.info);
	}
	EXPECT_EQ(-ETIME, reap_none(FD));
	EXPECT_EQ(-ENOENT, cancel_id(FD, id, &c));
}

/*
 * More than the work queue takes at a time: the others wait in the port and can
 * be taken back.  Each says by its packet what the count said.
 */
TEST_F(slow, what_waits_for_a_worker_can_be_cancelled)
{
	struct iocp_cancel c = { .flags = IOCP_CANCEL_ALL_MINE };
	struct iocp_op ops[NR_SLOW];
	struct iocp_packet p[NR_SLOW];
	u32 i, ended, cancelled = 0, done = 0;
	u64 begin = now_ns();

	for (i = 0; i < NR_SLOW; i++) {
		ops[i] = op_read(&self->as, i, self->buf + i * 4096, 4096, (u64)i << 20);
		ops[i].flags = IOCP_OP_F_FORCE_PUNT;
	}
	ASSERT_EQ(NR_SLOW, submit(FD, ops, NR_SLOW, NULL));
	ASSERT_EQ(0, cancel(FD, &c));
	/* Only on a machine that took longer than the device some can have ended before. */
	ended = NR_SLOW - (c.nr_cancelled + c.nr_running + c.nr_unstoppable);
	if (now_ns() - begin < 250 * NSEC_PER_MSEC)
		EXPECT_EQ(0, ended);
	/* 64 of a port run at a time. */
	EXPECT_LE(NR_SLOW, c.nr_cancelled + 64 + ended);
	ASSERT_EQ(NR_SLOW, reap(FD, p, NR_SLOW));
	for (i = 0; i < NR_SLOW; i++) {
		cancelled += p[i].res == -ECANCELED;
		done += p[i].res == 0 && p[i].info == 4096;
	}
	EXPECT_EQ(NR_SLOW, cancelled + done);
	EXPECT_LE(ended, done);
	EXPECT_LE(c.nr_cancelled, cancelled);
	EXPECT_GE(c.nr_cancelled + c.nr_running, cancelled);
	EXPECT_EQ(-ETIME, reap_none(FD));
}

/* ------------------------------------------------------------------ races */

#define BATCH 50

struct race {
	struct port port;
	int pfd[BATCH][2];
	struct assoc as[BATCH];
	u64 id[BATCH];
	u32 round;			/* raised by the test to start one */
	u32 ended;			/* raised by the writer at its end */
	u32 delay;
	bool stop;
	pthread_t thread;
	int error;
};

static void spin_until(u32 *word, u32 value)
{
	unsigned int n = 0;

	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != value)
		if (++n > 200)
			sched_yield();
}

/* The other side: completes each read of the round. */
static void *complete_all(void *arg)
{
	struct race *r = arg;
	u32 round = 0, i;

	for (;;) {
		volatile u32 pause;

		spin_until(&r->round, ++round);
		if (r->stop)
			return NULL;
		pause = r->delay;
		while (pause--)
			;
		for (i = 0; i < BATCH; i++)
			if (write(r->pfd[i][1], "x", 1) != 1)
				r->error = -errno;
		__atomic_store_n(&r->ended, round, __ATOMIC_RELEASE);
	}
}

/*
 * 100,000 pairs of a cancellation and a completion.  Exactly one packet each;
 * it says success or ECANCELED; the byte was taken in the one case and is still
 * there in the other; and what CANCEL said was true.
 */
TEST_F_TIMEOUT(cancel, races_with_completion, 150)
{
	static struct race r;
	u32 i, n, done = 0, round = 0, nr_done = 0, nr_cancelled = 0, nr_running = 0;
	static char in[BATCH];
	int fd;

	n = rounds(100000);
	ASSERT_EQ(0, port_new(&r.port, 4, 64));
	fd = r.port.fd;
	for (i = 0; i < BATCH; i++) {
		ASSERT_EQ(0, pipe2(r.pfd[i], O_CLOEXEC | O_NONBLOCK));
		ASSERT_EQ(0, assoc_add(fd, r.pfd[i][0], i, &r.as[i]));
	}
	ASSERT_EQ(0, pthread_create(&r.thread, NULL, complete_all, &r));
	while (done < n) {
		struct iocp_op ops[BATCH];
		struct iocp_packet p[BATCH];
		struct iocp_cancel c[BATCH];
		int ret[BATCH];
		u64 first, seen = 0;

		for (i = 0; i < BATCH; i++)
			ops[i] = op_read(&r.as[i], i, &in[i], 1, 0);
		ASSERT_EQ(BATCH, submit_id(fd, ops, BATCH, NULL, &first));
		/* Sometimes the one begins, sometimes the other. */
		r.delay = round * 37 % 3000;
		__atomic_store_n(&r.round, ++round, __ATOMIC_RELEASE);
		for (i = 0; i < BATCH; i++) {
			/* The association only saves a search through all of them. */
			c[i] = (struct iocp_cancel){
				.flags = IOCP_CANCEL_BY_ID | IOCP_CANCEL_BY_ASSOC,
				.id = first + i, .assoc = r.as[i].index, .assoc_gen = r.as[i].gen,
			};
			ret[i] = cancel(fd, &c[i]);
		}
		spin_until(&r.ended, round);
		ASSERT_EQ(0, r.error);
		ASSERT_EQ(BATCH, reap(fd, p, BATCH));
		for (i = 0; i < BATCH; i++) {
			u64 at = p[i].overlapped;
			char left;

			ASSERT_GT(BATCH, at);
			ASSERT_EQ(0, seen >> at & 1);
			seen |= 1ULL << at;
			if (ret[at] == -ENOENT) {
				/* It had ended before. */
				ASSERT_EQ(0, p[i].res);
			} else {
				ASSERT_EQ(0, ret[at]);
				ASSERT_EQ(1, c[at].nr_cancelled + c[at].nr_running);
				if (c[at].nr_cancelled) {
					ASSERT_EQ(-ECANCELED, p[i].res);
				}
				nr_running += c[at].nr_running;
			}
			if (p[i].res == 0) {
				ASSERT_EQ(1, p[i].info);
				ASSERT_EQ(-1, read(r.pfd[at][0], &left, 1));
				nr_done++;
			} else {
				ASSERT_EQ(-ECANCELED, p[i].res);
				ASSERT_EQ(0, p[i].info);
				ASSERT_EQ(1, read(r.pfd[at][0], &left, 1));
				nr_cancelled++;
			}
		}
		done += BATCH;
	}
	r.stop = true;
	__atomic_store_n(&r.round, ++round, __ATOMIC_RELEASE);
	pthread_join(r.thread, NULL);
	ASSERT_EQ(-ETIME, reap_none(fd));
	printf("# %u pairs: %u done, %u cancelled, %u of them while being tried\n", done, nr_done,
	       nr_cancelled, nr_running);
	fflush(stdout);
	/* Or there was no race. */
	EXPECT_LT(0, nr_done);
	EXPECT_LT(0, nr_cancelled);
	port_close(&r.port);
}

/* Two threads cancel the same operation: one of them did it. */
struct canceller {
	pthread_t thread;
	pthread_barrier_t *start;
	int fd;
	u64 id;
	int ret;
	struct iocp_cancel c;
};

static void *cancel_it(void *arg)
{
	struct canceller *c = arg;

	pthread_barrier_wait(c->start);
	c->ret = cancel_id(c->fd, c->id, &c->c);
	return NULL;
}

TEST_F(cancel, two_cancellers)
{
	unsigned int i, j, n = rounds(100);
	pthread_barrier_t start;
	struct canceller c[2];
	u64 id;

	pthread_barrier_init(&start, NULL, 2);
	for (i = 0; i < n; i++) {
		PENDING(0, 1, &id);
		for (j = 0; j < 2; j++) {
			c[j] = (struct canceller){ .start = &start, .fd = FD, .id = id };
			ASSERT_EQ(0, pthread_create(&c[j].thread, NULL, cancel_it, &c[j]));
		}
		for (j = 0; j < 2; j++)
			pthread_join(c[j].thread, NULL);
		ASSERT_EQ(1, c[0].c.nr_cancelled + c[1].c.nr_cancelled);
		CANCELLED(1);
		ASSERT_EQ(-ETIME, reap_none(FD));
	}
}

/* Against the device and against the work queue: exactly one packet each. */
static void race_with_file(struct __test_metadata *_metadata, int fd, int file, u32 flags)
{
	unsigned int i, n = rounds(100);
	char *buf = map_anon(BATCH * 4096);
	struct assoc as;

	ASSERT_EQ(0, assoc_add(fd, file, 1, &as));
	for (i = 0; i < n; i++) {
		struct iocp_cancel c = { .flags = IOCP_CANCEL_ALL_MINE };
		struct iocp_packet p[BATCH];
		struct iocp_op ops[BATCH];
		u32 j, cancelled = 0;
		u64 seen = 0;
		int ret;

		for (j = 0; j < BATCH; j++) {
			ops[j] = op_read(&as, j, buf + j * 4096, 4096, j * 4096);
			ops[j].flags = flags;
		}
		ASSERT_EQ(BATCH, submit(fd, ops, BATCH, NULL));
		ret = cancel(fd, &c);
		if (ret) {
			ASSERT_EQ(-ENOENT, ret);
		}
		ASSERT_EQ(BATCH, reap(fd, p, BATCH));
		for (j = 0; j < BATCH; j++) {
			ASSERT_EQ(0, seen >> p[j].overlapped & 1);
			seen |= 1ULL << p[j].overlapped;
			if (p[j].res == -ECANCELED) {
				cancelled++;
				continue;
			}
			ASSERT_EQ(0, p[j].res);
			ASSERT_EQ(4096, p[j].info);
		}
		ASSERT_LE(c.nr_cancelled, cancelled);
		ASSERT_GE(c.nr_cancelled + c.nr_running, cancelled);
		ASSERT_EQ(-ETIME, reap_none(fd));
	}
}

TEST_F_TIMEOUT(cancel, races_with_the_device, 60)
{
	int fd = open(NEED_ENV("IOCP_NULLB"), O_RDONLY | O_DIRECT | O_CLOEXEC);

	ASSERT_LE(0, fd);
	race_with_file(_metadata, FD, fd, 0);
}

TEST_F_TIMEOUT(cancel, races_with_the_work_queue, 60)
{
	int fd = memfd_create("race", MFD_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, BATCH * 4096));
	race_with_file(_metadata, FD, fd, IOCP_OP_F_FORCE_PUNT);
}

TEST_HARNESS_MAIN
