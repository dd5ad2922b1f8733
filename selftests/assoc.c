// SPDX-License-Identifier: GPL-2.0-only
/*
 * assoc.c - a file in a port: its name (index and generation), how long it
 * lives, what DISASSOCIATE does to operations that are under way, EXCLUSIVE.
 */
#include "iocp_test.h"

PORT_FIXTURE(assoc, 2, 16)

#define FD (self->port.fd)

static bool would_eof(int rfd)
{
	struct pollfd pfd = { .fd = rfd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1 && pfd.revents & POLLHUP;
}

/* A9: close(2) of the fd does not close the file; DISASSOCIATE does. */
TEST_F(assoc, keeps_the_file_open)
{
	struct assoc as;
	int pfd[2];
	char c;

	ASSERT_EQ(0, pipe(pfd));
	ASSERT_EQ(0, assoc_add(FD, pfd[1], 1, &as));
	close(pfd[1]);
	EXPECT_FALSE(would_eof(pfd[0]));
	/* The fd is gone, the association works. */
	EXPECT_EQ(1, run_bytes(FD, op_write(&as, 1, "x", 1, 0)));
	EXPECT_EQ(1, read(pfd[0], &c, 1));
	EXPECT_EQ(0, assoc_del(FD, &as, 0, 0));
	EXPECT_TRUE(WAIT_FOR(would_eof(pfd[0])));
	close(pfd[0]);
}

TEST_F(assoc, port_close_lets_go_of_the_file)
{
	struct assoc as;
	int pfd[2];

	ASSERT_EQ(0, pipe(pfd));
	ASSERT_EQ(0, assoc_add(FD, pfd[1], 1, &as));
	close(pfd[1]);
	EXPECT_FALSE(would_eof(pfd[0]));
	port_close(&self->port);
	EXPECT_TRUE(WAIT_FOR(would_eof(pfd[0])));
	close(pfd[0]);
}

TEST_F(assoc, fd_number_reused_by_another_file)
{
	struct assoc as;
	int a = memfd_create("a", MFD_CLOEXEC), b = memfd_create("b", MFD_CLOEXEC);
	char c = 0;

	ASSERT_LE(0, a);
	ASSERT_LE(0, b);
	ASSERT_EQ(1, write(a, "A", 1));
	ASSERT_EQ(1, write(b, "B", 1));
	ASSERT_EQ(0, assoc_add(FD, a, 1, &as));
	ASSERT_EQ(a, dup2(b, a));
	ASSERT_EQ(1, run_bytes(FD, op_read(&as, 1, &c, 1, 0)));
	EXPECT_EQ('A', c);
}

TEST_F(assoc, key_comes_with_every_packet)
{
	static const u64 keys[] = { 0, 1, ~0ULL, 0x8000000000000000ULL };
	struct outcome o;
	unsigned int i;
	char c;

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		int fd = memfd_create("key", MFD_CLOEXEC);
		struct assoc as;

		ASSERT_LE(0, fd);
		ASSERT_EQ(0, assoc_add(FD, fd, keys[i], &as));
		ASSERT_EQ(0, run_op(FD, op_read(&as, 77, &c, 1, 0), &o));
		EXPECT_EQ(keys[i], o.pkt.key);
		EXPECT_EQ(77, o.pkt.overlapped);
	}
}

/* A name is never used twice with the same generation. */
TEST_F(assoc, generations_differ)
{
	int fd = memfd_create("gen", MFD_CLOEXEC);
	struct { u32 index, gen; } seen[200];
	unsigned int i, j;
	struct assoc as;
	char c;

	ASSERT_LE(0, fd);
	for (i = 0; i < ARRAY_SIZE(seen); i++) {
		ASSERT_EQ(0, assoc_add(FD, fd, 1, &as));
		for (j = 0; j < i; j++) {
			ASSERT_FALSE(seen[j].index == as.index && seen[j].gen == as.gen);
		}
		seen[i].index = as.index;
		seen[i].gen = as.gen;
		ASSERT_EQ(0, assoc_del(FD, &as, 0, 0));
		/* The old name is dead at once. */
		ASSERT_EQ(-ENOENT, run_bytes(FD, op_read(&as, 1, &c, 1, 0)));
		ASSERT_EQ(-ENOENT, assoc_del(FD, &as, 0, 0));
		ASSERT_EQ(-ENOENT, assoc_modes(FD, &as, 0, NULL));
	}
	EXPECT_EQ(0, STAT(FD, assocs));
	close(fd);
}

TEST_F(assoc, many_at_a_time)
{
	enum { MANY = 300 };
	static struct assoc as[MANY];
	struct outcome o;
	unsigned int i;
	char c;

	for (i = 0; i < MANY; i++) {
		int fd = memfd_create("many", MFD_CLOEXEC);

		ASSERT_LE(0, fd);
		ASSERT_EQ(0, assoc_add(FD, fd, i, &as[i]));
		close(fd);
	}
	EXPECT_EQ(MANY, STAT(FD, assocs));
	for (i = 0; i < MANY; i++) {
		ASSERT_EQ(0, run_op(FD, op_read(&as[i], i, &c, 1, 0), &o));
		ASSERT_EQ(i, o.pkt.key);
	}
	for (i = 0; i < MANY; i += 2) {
		ASSERT_EQ(0, assoc_del(FD, &as[i], 0, 0));
	}
	EXPECT_EQ(MANY / 2, STAT(FD, assocs));
}

/* ------------------------------------------------------------ DISASSOCIATE */

/* Without CANCEL what is under way goes on, with its key. */
TEST_F(assoc, disassociate_lets_operations_end)
{
	struct iocp_packet p;
	struct assoc as;
	int pfd[2];
	char buf[8];

	ASSERT_EQ(0, pipe(pfd));
	ASSERT_EQ(0, assoc_add(FD, pfd[0], 5, &as));
	ASSERT_EQ(0, submit_queued(FD, op_read(&as, 1, buf, 8, 0)));
	ASSERT_EQ(0, assoc_del(FD, &as, 0, 0));
	EXPECT_EQ(0, STAT(FD, assocs));
	EXPECT_EQ(-ENOENT, run_bytes(FD, op_read(&as, 2, buf, 8, 0)));
	EXPECT_EQ(-ETIME, reap_none(FD));
	ASSERT_EQ(3, write(pfd[1], "abc", 3));
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(5, p.key);
	EXPECT_EQ(1, p.overlapped);
	EXPECT_EQ(0, p.res);
	EXPECT_EQ(3, p.info);
	close(pfd[0]);
	close(pfd[1]);
}

TEST_F(assoc, disassociate_with_cancel)
{
	struct iocp_packet p[3];
	struct assoc as;
	unsigned int i;
	int pfd[2];
	char buf[8];

	ASSERT_EQ(0, pipe(pfd));
	ASSERT_EQ(0, assoc_add(FD, pfd[0], 5, &as));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, submit_queued(FD, op_read(&as, i, buf, 8, 0)));
	}
	ASSERT_EQ(0, assoc_del(FD, &as, IOCP_DISASSOC_CANCEL, 0));
	ASSERT_EQ(3, reap(FD, p, 3));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(5, p[i].key);
		EXPECT_EQ(i, p[i].overlapped);
		EXPECT_EQ(-ECANCELED, p[i].res);
		EXPECT_EQ(0, p[i].info);
		EXPECT_TRUE(p[i].flags & IOCP_PKT_F_CLOSED);
		EXPECT_EQ(IOCP_PKT_KIND_IO, pkt_kind(&p[i]));
	}
	EXPECT_EQ(-ETIME, reap_none(FD));
	EXPECT_EQ(0, STAT(FD, inflight));
	close(pfd[0]);
	close(pfd[1]);
}

/* CANCEL says nothing about the end of the association. */
TEST_F(assoc, a_plain_cancel_is_not_closed)
{
	struct iocp_cancel c = { .flags = IOCP_CANCEL_ALL_MINE };
	struct iocp_packet p;
	struct assoc as;
	int pfd[2];
	char buf[8];

	ASSERT_EQ(0, pipe(pfd));
	ASSERT_EQ(0, assoc_add(FD, pfd[0], 5, &as));
	ASSERT_EQ(0, submit_queued(FD, op_read(&as, 1, buf, 8, 0)));
	ASSERT_EQ(0, cancel(FD, &c));
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(-ECANCELED, p.res);
	EXPECT_FALSE(p.flags & IOCP_PKT_F_CLOSED);
	close(pfd[0]);
	close(pfd[1]);
}

static void expect_last(struct __test_metadata *_metadata, const struct iocp_packet *p, u64 key,
			u64 overlapped)
{
	EXPECT_EQ(IOCP_PKT_KIND_LAST, pkt_kind(p));
	EXPECT_EQ(key, p->key);
	EXPECT_EQ(overlapped, p->overlapped);
	EXPECT_EQ(0, p->res);
	EXPECT_EQ(0, p->info);
}

TEST_F(assoc, last_of_an_idle_association)
{
	int fd = memfd_create("last", MFD_CLOEXEC);
	struct iocp_packet p;
	struct assoc as;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, assoc_flags(FD, fd, 9, IOCP_PRIO_HIGH << IOCP_ASSOC_PRIO_SHIFT, 0, &as));
	ASSERT_EQ(0, assoc_del(FD, &as, IOCP_DISASSOC_NOTIFY_LAST, 0xabcdef0123456789ULL));
	ASSERT_EQ(1, reap(FD, &p, 1));
	expect_last(_metadata, &p, 9, 0xabcdef0123456789ULL);
	EXPECT_EQ(IOCP_PRIO_HIGH, pkt_prio(&p));
	EXPECT_EQ(-ETIME, reap_none(FD));
	close(fd);
}

TEST_F(assoc, last_comes_after_cancelled_ones)
{
	struct iocp_packet p[4];
	struct assoc as;
	unsigned int i;
	int pfd[2];
	char buf[8];

	ASSERT_EQ(0, pipe(pfd));
	ASSERT_EQ(0, assoc_add(FD, pfd[0], 5, &as));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, submit_queued(FD, op_read(&as, i, buf, 8, 0)));
	}
	ASSERT_EQ(0, assoc_del(FD, &as, IOCP_DISASSOC_CANCEL | IOCP_DISASSOC_NOTIFY_LAST, 99));
	ASSERT_EQ(4, reap(FD, p, 4));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(IOCP_PKT_KIND_IO, pkt_kind(&p[i]));
	}
	expect_last(_metadata, &p[3], 5, 99);
	close(pfd[0]);
	close(pfd[1]);
}

TEST_F(assoc, last_waits_for_operations_that_go_on)
{
	struct iocp_packet p[2];
	struct assoc as;
	int pfd[2];
	char buf[8];

	ASSERT_EQ(0, pipe(pfd));
	ASSERT_EQ(0, assoc_add(FD, pfd[0], 5, &as));
	ASSERT_EQ(0, submit_queued(FD, op_read(&as, 1, buf, 8, 0)));
	ASSERT_EQ(0, assoc_del(FD, &as, IOCP_DISASSOC_NOTIFY_LAST, 99));
	EXPECT_EQ(-ETIME, reap_none(FD));
	ASSERT_EQ(1, write(pfd[1], "x", 1));
	ASSERT_EQ(2, reap(FD, p, 2));
	EXPECT_EQ(1, p[0].overlapped);
	EXPECT_EQ(1, p[0].info);
	expect_last(_metadata, &p[1], 5, 99);
	close(pfd[0]);
	close(pfd[1]);
}

/* The device cannot be stopped: its packets come, and then LAST. */
TEST_F(assoc, last_waits_for_the_device)
{
	const char *dev = NEED_ENV("IOCP_NULLB_SLOW");
	int fd = open(dev, O_RDONLY | O_DIRECT | O_CLOEXEC);
	char *buf = map_anon(16 * 4096);
	struct iocp_packet p[17];
	struct assoc as;
	unsigned int i;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, assoc_add(FD, fd, 5, &as));
	for (i = 0; i < 16; i++) {
		ASSERT_EQ(0, submit_queued(FD, op_read(&as, i, buf + i * 4096, 4096, i * 4096)));
	}
	ASSERT_EQ(0, assoc_del(FD, &as, IOCP_DISASSOC_CANCEL | IOCP_DISASSOC_NOTIFY_LAST, 99));
	ASSERT_EQ(17, reap(FD, p, 17));
	for (i = 0; i < 16; i++) {
		EXPECT_EQ(IOCP_PKT_KIND_IO, pkt_kind(&p[i]));
		EXPECT_EQ(0, p[i].res);
		EXPECT_EQ(4096, p[i].info);
	}
	expect_last(_metadata, &p[16], 5, 99);
	close(fd);
}

/* Behind all packets of the association that are queued and not yet taken. */
TEST_F(assoc, last_is_queued_behind_packets_that_wait)
{
	int fd = memfd_create("last", MFD_CLOEXEC);
	struct iocp_packet p[41];
	struct assoc as;
	unsigned int i;
	char c;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, assoc_add(FD, fd, 5, &as));
	/* More than the ring holds. */
	for (i = 0; i < 40; i++) {
		ASSERT_EQ(0, submit_queued(FD, op_read(&as, i, &c, 1, 0)));
	}
	ASSERT_EQ(0, assoc_del(FD, &as, IOCP_DISASSOC_NOTIFY_LAST, 99));
	ASSERT_EQ(41, reap(FD, p, 41));
	expect_last(_metadata, &p[40], 5, 99);
	close(fd);
}

/* Its packet waits in the port longer than the port's fd lives. */
TEST_F(assoc, last_left_at_close)
{
	int fd = memfd_create("last", MFD_CLOEXEC);
	struct assoc as;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, assoc_flags(FD, fd, 9, IOCP_PRIO_LOW << IOCP_ASSOC_PRIO_SHIFT, 0, &as));
	ASSERT_EQ(0, assoc_del(FD, &as, IOCP_DISASSOC_NOTIFY_LAST, 1));
	ASSERT_EQ(1, STAT(FD, queued));
	close(fd);
}

/* Disassociated while a thread submits to it: each operation has its one end. */
struct submitter {
	pthread_t thread;
	int fd;
	struct assoc as;
	u32 queued, refused;
	int error;
};

static void *submit_until_gone(void *arg)
{
	struct submitter *s = arg;
	static char c;

	for (;;) {
		struct iocp_op op = op_read(&s->as, 1, &c, 1, 0);
		struct iocp_result r;
		int ret = submit(s->fd, &op, 1, &r);

		if (ret != 1) {
			s->error = ret;
			break;
		}
		if (r.state == IOCP_RESULT_REFUSED) {
			if (r.res != -ENOENT && r.res != -EAGAIN)
				s->error = r.res;
			if (r.res != -EAGAIN) {
				s->refused++;
				break;
			}
			sched_yield();
			continue;
		}
		s->queued++;
	}
	return NULL;
}

TEST_F_TIMEOUT(assoc, disassociate_races_with_submit, 60)
{
	unsigned int i, n = rounds(60);

	for (i = 0; i < n; i++) {
		struct submitter s = { .fd = FD };
		struct iocp_packet p[64];
		u32 got = 0;
		int pfd[2];
		bool last = false;

		ASSERT_EQ(0, pipe(pfd));
		ASSERT_EQ(0, assoc_add(FD, pfd[0], 5, &s.as));
		ASSERT_EQ(0, pthread_create(&s.thread, NULL, submit_until_gone, &s));
		while (STAT(FD, inflight) < i % 50)
			;
		ASSERT_EQ(0, assoc_del(FD, &s.as,
				       IOCP_DISASSOC_CANCEL | IOCP_DISASSOC_NOTIFY_LAST, 99));
		/* Cancelled were those that were there; what slipped in waits for the end. */
		close(pfd[1]);
		pthread_join(s.thread, NULL);
		ASSERT_EQ(0, s.error);
		ASSERT_EQ(1, s.refused);
		while (!last) {
			int j, ret = reap_until(FD, p, 64, in_ms(PATIENCE_MS));

			ASSERT_LT(0, ret);
			for (j = 0; j < ret; j++) {
				ASSERT_FALSE(last);
				last = pkt_kind(&p[j]) == IOCP_PKT_KIND_LAST;
				got += !last;
			}
		}
		ASSERT_EQ(s.queued, got);
		ASSERT_EQ(-ETIME, reap_none(FD));
		close(pfd[0]);
	}
}

/* --------------------------------------------------------------- EXCLUSIVE */

TEST_F(assoc, exclusive_is_one_port_per_open_file)
{
	int fd = memfd_create("excl", MFD_CLOEXEC), dupfd = dup(fd), again = reopen(fd, O_RDWR);
	struct assoc a, b;
	struct port other;

	ASSERT_LE(0, again);
	ASSERT_EQ(0, port_new(&other, 1, 0));
	ASSERT_EQ(0, assoc_flags(FD, fd, 1, IOCP_ASSOC_EXCLUSIVE, 0, &a));
	/* The same open file: here, by another fd, in another port. */
	EXPECT_EQ(-EBUSY, assoc_flags(FD, fd, 1, IOCP_ASSOC_EXCLUSIVE, 0, &b));
	EXPECT_EQ(-EBUSY, assoc_flags(FD, dupfd, 1, IOCP_ASSOC_EXCLUSIVE, 0, &b));
	EXPECT_EQ(-EBUSY, assoc_flags(other.fd, fd, 1, IOCP_ASSOC_EXCLUSIVE, 0, &b));
	EXPECT_EQ(-EBUSY, assoc_flags(other.fd, dupfd, 1, IOCP_ASSOC_EXCLUSIVE, 0, &b));
	EXPECT_EQ(1, STAT(FD, assocs));
	EXPECT_EQ(0, STAT(other.fd, assocs));
	/* The same file opened once more is another open file. */
	EXPECT_EQ(0, assoc_flags(other.fd, again, 1, IOCP_ASSOC_EXCLUSIVE, 0, &b));
	/* Free again after the end. */
	ASSERT_EQ(0, assoc_del(FD, &a, 0, 0));
	EXPECT_EQ(0, assoc_flags(other.fd, dupfd, 1, IOCP_ASSOC_EXCLUSIVE, 0, &b));
	/* Also by the end of the port. */
	port_close(&other);
	EXPECT_TRUE(WAIT_FOR(!assoc_flags(FD, fd, 1, IOCP_ASSOC_EXCLUSIVE, 0, &a)));
	close(fd);
	close(dupfd);
	close(again);
}

/* Whoever does not ask for it is not asked either. */
TEST_F(assoc, without_exclusive_as_many_as_one_likes)
{
	int fd = memfd_create("excl", MFD_CLOEXEC);
	struct port other;
	struct assoc a;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, port_new(&other, 1, 0));
	EXPECT_EQ(0, assoc_add(FD, fd, 1, &a));
	EXPECT_EQ(0, assoc_add(FD, fd, 2, &a));
	EXPECT_EQ(0, assoc_add(other.fd, fd, 3, &a));
	port_close(&other);
	close(fd);
}

/* Two at once: exactly one wins. */
struct claim {
	pthread_t thread;
	int fd, file;
	pthread_barrier_t *start;
	int ret;
	struct assoc as;
};

static void *claim_it(void *arg)
{
	struct claim *c = arg;

	pthread_barrier_wait(c->start);
	c->ret = assoc_flags(c->fd, c->file, 1, IOCP_ASSOC_EXCLUSIVE, 0, &c->as);
	return NULL;
}

TEST_F(assoc, exclusive_has_one_winner)
{
	int fd = memfd_create("excl", MFD_CLOEXEC);
	unsigned int i, j, n = rounds(100);
	pthread_barrier_t start;
	struct port other;
	struct claim c[2];

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, port_new(&other, 1, 0));
	pthread_barrier_init(&start, NULL, 2);
	for (i = 0; i < n; i++) {
		for (j = 0; j < 2; j++) {
			c[j] = (struct claim){
				.fd = j ? other.fd : FD, .file = fd, .start = &start,
			};
			ASSERT_EQ(0, pthread_create(&c[j].thread, NULL, claim_it, &c[j]));
		}
		for (j = 0; j < 2; j++)
			pthread_join(c[j].thread, NULL);
		ASSERT_EQ(-EBUSY, c[0].ret + c[1].ret);
		j = c[1].ret == 0;
		ASSERT_EQ(0, assoc_del(c[j].fd, &c[j].as, 0, 0));
	}
	port_close(&other);
	close(fd);
}

TEST_HARNESS_MAIN
