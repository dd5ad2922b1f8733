// SPDX-License-Identifier: GPL-2.0-only
/*
 * lifetime.c - a port from open to close: its states, its mappings, and that
 * closing it never blocks and leaves nothing behind.
 */
#include "iocp_test.h"

PORT_FIXTURE(life, 0, 64)

/* Far below the 300 ms of the slow device, far above a loaded machine's hiccup. */
#define AT_ONCE_MS	200

FIXTURE(fresh) {
	int fd;
	struct objects base;
};

FIXTURE_SETUP(fresh)
{
	ASSERT_EQ(0, objects_base(&self->base));
	self->fd = port_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(fresh)
{
	close(self->fd);
	EXPECT_EQ(0, objects_settle(&self->base));
}

TEST_F(fresh, open_makes_one_port)
{
	struct objects o;

	ASSERT_EQ(0, objects_read(&o));
	EXPECT_EQ(self->base.ports + 1, o.ports);
	EXPECT_EQ(self->base.owners, o.owners);
}

TEST_F(fresh, close_without_setup)
{
	ASSERT_EQ(0, close(self->fd));
	ASSERT_EQ(0, objects_settle(&self->base));
	self->fd = port_open();
	ASSERT_LE(0, self->fd);
}

static int try_new(int fd, unsigned long nr)
{
	/* Any argument: the state is looked at first. */
	return call(fd, nr, ptr(0));
}

TEST_F(fresh, before_setup_every_other_call_is_EBADFD)
{
	static const unsigned long nrs[] = {
		IOCP_IOC_ENTER, IOCP_IOC_ASSOCIATE, IOCP_IOC_DISASSOCIATE, IOCP_IOC_SET_MODES,
		IOCP_IOC_POST, IOCP_IOC_CANCEL, IOCP_IOC_SHUTDOWN, IOCP_IOC_DETACH,
		IOCP_IOC_STATS,
	};
	struct iocp_setup s = { .size = sizeof(s) };
	struct iocp_query q;
	unsigned int i;

	ASSERT_EQ(0, port_query(self->fd, &q));
	EXPECT_EQ(IOCP_STATE_NEW, q.port_state);
	EXPECT_EQ(0, q.concurrency);
	for (i = 0; i < ARRAY_SIZE(nrs); i++) {
		EXPECT_EQ(-EBADFD, try_new(self->fd, nrs[i])) {
			TH_LOG("call %#lx", nrs[i]);
		}
	}
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->fd, 0));
	EXPECT_EQ(EINVAL, errno);

	ASSERT_EQ(0, call(self->fd, IOCP_IOC_SETUP, &s));
	EXPECT_EQ(1, post(self->fd, 1));
	ASSERT_EQ(0, port_query(self->fd, &q));
	EXPECT_EQ(IOCP_STATE_LIVE, q.port_state);
	EXPECT_EQ(sysconf(_SC_NPROCESSORS_ONLN), q.concurrency);
	EXPECT_EQ(1, q.queued);
}

TEST_F(fresh, unknown_call_is_ENOTTY_in_every_state)
{
	struct iocp_setup s = { .size = sizeof(s) };

	EXPECT_EQ(-ENOTTY, call(self->fd, 0x5401, NULL));
	ASSERT_EQ(0, call(self->fd, IOCP_IOC_SETUP, &s));
	EXPECT_EQ(-ENOTTY, call(self->fd, 0x5401, NULL));
	EXPECT_EQ(-ENOTTY, call(self->fd, _IO(IOCP_IOC, 0x8a), NULL));
	EXPECT_EQ(-ENOTTY, call(self->fd, _IO(IOCP_IOC, 0x9f), NULL));
	/* The same number with a size or a direction in it is another call. */
	EXPECT_EQ(-ENOTTY, call(self->fd, _IOWR(IOCP_IOC, 0x8b, struct iocp_stats), NULL));
}

TEST_F(fresh, read_and_write_on_the_port_are_EINVAL)
{
	char c = 0;

	EXPECT_EQ(-1, read(self->fd, &c, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(self->fd, &c, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, lseek(self->fd, 0, SEEK_SET));
	EXPECT_EQ(ESPIPE, errno);
}

TEST_F(life, setup_is_done_once)
{
	struct iocp_setup s = { .size = sizeof(s), .concurrency = 7, .ring_entries = 8 };
	struct iocp_query before, after;

	ASSERT_EQ(0, port_query(self->port.fd, &before));
	EXPECT_EQ(-EBUSY, call(self->port.fd, IOCP_IOC_SETUP, &s));
	ASSERT_EQ(0, port_query(self->port.fd, &after));
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
}

TEST_F(life, two_opens_are_two_ports)
{
	struct port other;

	ASSERT_EQ(0, port_new(&other, 1, 0));
	ASSERT_EQ(1, post(self->port.fd, 1));
	EXPECT_EQ(-ETIME, reap_none(other.fd));
	EXPECT_EQ(1, STAT(self->port.fd, queued));
	port_close(&other);
}

TEST_F(life, a_dup_is_the_same_port)
{
	struct iocp_packet p;
	int fd = dup(self->port.fd);

	ASSERT_LE(0, fd);
	ASSERT_EQ(1, post(fd, 42));
	ASSERT_EQ(1, reap(self->port.fd, &p, 1));
	EXPECT_EQ(42, p.key);
	ASSERT_EQ(1, post(fd, 43));
	/* Closing one of them ends nothing. */
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(1, reap(self->port.fd, &p, 1));
	EXPECT_EQ(43, p.key);
}

TEST_F(life, shut_down_state)
{
	struct iocp_query q;

	ASSERT_EQ(0, port_shutdown(self->port.fd, NULL));
	ASSERT_EQ(0, port_query(self->port.fd, &q));
	EXPECT_EQ(IOCP_STATE_SHUT_DOWN, q.port_state);
	EXPECT_EQ(-ESHUTDOWN, port_shutdown(self->port.fd, NULL));
	EXPECT_EQ(-ESHUTDOWN, reap_none(self->port.fd));
}

TEST_F(life, packets_left_at_close_go_with_the_port)
{
	/* More than the ring holds, so lists are involved; and all priorities. */
	ASSERT_EQ(1000, post_range(self->port.fd, 0, 1000));
	ASSERT_EQ(1, post_prio(self->port.fd, 1, IOCP_PRIO_HIGH));
	ASSERT_EQ(1, post_prio(self->port.fd, 1, IOCP_PRIO_LOW));
}

/* close(2) cannot wake a thread that sits in the call: its fd is held (CP-44d). */
TEST_F(life, close_while_a_thread_waits)
{
	static struct puppet t;
	int fd = dup(self->port.fd);
	u64 end;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, puppet_start(&t));
	end = in_ms(500);
	puppet_wait(&t, fd, 1, end, 0);
	ASSERT_TRUE(WAIT_FOR(STAT(self->port.fd, waiting) == 1));
	close(fd);
	port_close(&self->port);
	ASSERT_TRUE(puppet_done(&t));
	EXPECT_EQ(-ETIME, t.ret);
	EXPECT_LE(end, now_ns());
	puppet_stop(&t);
}

TEST_F(life, a_waiter_keeps_the_port_usable_through_another_fd)
{
	static struct puppet t;
	int fd = dup(self->port.fd);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, puppet_start(&t));
	puppet_wait(&t, fd, 1, FOREVER, 0);
	ASSERT_TRUE(WAIT_FOR(STAT(self->port.fd, waiting) == 1));
	close(fd);
	ASSERT_EQ(1, post(self->port.fd, 5));
	ASSERT_TRUE(puppet_done(&t));
	EXPECT_EQ(1, t.ret);
	EXPECT_EQ(5, t.pkts[0].key);
	puppet_stop(&t);
}

TEST_F(life, close_with_a_pipe_read_pending_is_quick)
{
	char buf[16] = "untouched";
	struct assoc as;
	int pfd[2];
	u64 t0;

	ASSERT_EQ(0, pipe(pfd));
	ASSERT_EQ(0, assoc_add(self->port.fd, pfd[0], 1, &as));
	ASSERT_EQ(0, submit_queued(self->port.fd, op_read(&as, 1, buf, sizeof(buf), 0)));
	t0 = now_ns();
	port_close(&self->port);
	EXPECT_GT(AT_ONCE_MS * NSEC_PER_MSEC, now_ns() - t0);
	EXPECT_EQ(0, objects_settle(&self->base));
	/* The read is gone: what is written now is still there to be read. */
	ASSERT_EQ(3, write(pfd[1], "abc", 3));
	EXPECT_STREQ("untouched", buf);
	EXPECT_EQ(3, read(pfd[0], buf, sizeof(buf)));
	close(pfd[0]);
	close(pfd[1]);
}

TEST_F(life, close_with_device_reads_in_flight_is_quick)
{
	const char *dev = NEED_ENV("IOCP_NULLB_SLOW");
	int fd = open(dev, O_RDWR | O_DIRECT);
	char *buf = map_anon(64 * 4096);
	struct assoc as;
	unsigned int i;
	u64 t0;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, assoc_add(self->port.fd, fd, 1, &as));
	for (i = 0; i < 64; i++) {
		ASSERT_EQ(0, submit_queued(self->port.fd,
					   op_read(&as, i, buf + i * 4096, 4096, i * 4096)));
	}
	/* They must still be with the device, or this shows nothing. */
	ASSERT_LT(0, STAT(self->port.fd, inflight) - STAT(self->port.fd, queued));
	t0 = now_ns();
	port_close(&self->port);
	close(fd);
	EXPECT_GT(AT_ONCE_MS * NSEC_PER_MSEC, now_ns() - t0);
	munmap(buf, 64 * 4096);
}

TEST_F(life, close_with_blocking_work_in_flight_is_quick)
{
	const char *dev = NEED_ENV("IOCP_NULLB_SLOW");
	int fd = open(dev, O_RDWR);
	char *buf = map_anon(4 * 4096);
	struct assoc as;
	unsigned int i;
	u64 t0;

	ASSERT_LE(0, fd);
	/* Nothing of it may be in the page cache. */
	ASSERT_EQ(0, posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	ASSERT_EQ(0, posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM));
	ASSERT_EQ(0, assoc_add(self->port.fd, fd, 1, &as));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, submit_queued(self->port.fd,
					   op_read(&as, i, buf + i * 4096, 4096, i << 20)));
	}
	ASSERT_EQ(4, STAT(self->port.fd, punted));
	t0 = now_ns();
	port_close(&self->port);
	close(fd);
	EXPECT_GT(AT_ONCE_MS * NSEC_PER_MSEC, now_ns() - t0);
	munmap(buf, 4 * 4096);
}

TEST_F(life, mapping_outlives_the_close_but_not_the_port)
{
	struct objects o;
	char *ro = self->port.ro;
	u64 *head = ring_head(&self->port);

	ASSERT_EQ(3, post_range(self->port.fd, 100, 3));
	ASSERT_EQ(3, ring_tail(&self->port));
	close(self->port.fd);
	/* The mapping does not keep the port (or a pending read would). */
	ASSERT_TRUE(WAIT_FOR(!objects_read(&o) && o.ports == self->base.ports));
	EXPECT_EQ(3, *(u64 *)(ro + self->port.setup.ro_tail));
	EXPECT_EQ(100, ((struct iocp_packet *)(ro + self->port.setup.ro_packets))->key);
	__atomic_store_n(head, 3, __ATOMIC_RELEASE);
	EXPECT_EQ(3, *head);
	EXPECT_NE(0, ring_must_enter(&self->port));
	port_unmap(&self->port);
	self->port.fd = -1;
}

TEST_F(life, the_read_only_mapping_stays_read_only)
{
	const struct iocp_setup *s = &self->port.setup;
	void *p;

	p = mmap(NULL, s->ro_len, PROT_READ | PROT_WRITE, MAP_SHARED, self->port.fd, s->ro_off);
	EXPECT_EQ(MAP_FAILED, p);
	EXPECT_EQ(EPERM, errno);
	EXPECT_EQ(-1, mprotect(self->port.ro, s->ro_len, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(-1, mprotect(self->port.ro, s->ro_len, PROT_READ | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
	p = mmap(NULL, s->ro_len, PROT_READ, MAP_SHARED, self->port.fd, s->ro_off);
	EXPECT_NE(MAP_FAILED, p);
	munmap(p, s->ro_len);
}

TEST_F(life, mmap_of_anything_else_is_EINVAL)
{
	const struct iocp_setup *s = &self->port.setup;
	size_t ps = sysconf(_SC_PAGESIZE);
	struct port none;

	EXPECT_EQ(MAP_FAILED, mmap(NULL, s->ro_len + ps, PROT_READ, MAP_SHARED, self->port.fd,
				   s->ro_off));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, s->rw_len + ps, PROT_READ | PROT_WRITE, MAP_SHARED,
				   self->port.fd, s->rw_off));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, ps, PROT_READ, MAP_SHARED, self->port.fd,
				   s->rw_off + ps));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, ps, PROT_READ, MAP_SHARED, self->port.fd,
				   s->ro_off + s->ro_len));
	EXPECT_EQ(EINVAL, errno);

	ASSERT_EQ(0, port_new(&none, 1, 0));
	EXPECT_EQ(0, none.setup.ro_len);
	EXPECT_EQ(0, none.setup.rw_len);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, ps, PROT_READ, MAP_SHARED, none.fd, 0));
	EXPECT_EQ(EINVAL, errno);
	port_close(&none);
}

TEST_F(life, mapping_does_not_grow)
{
	size_t ps = sysconf(_SC_PAGESIZE);

	EXPECT_EQ(MAP_FAILED, mremap(self->port.rw, self->port.setup.rw_len,
				     self->port.setup.rw_len + ps, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(life, mapping_is_not_inherited_by_fork)
{
	pid_t pid = fork();
	int status;

	ASSERT_LE(0, pid);
	if (!pid) {
		/* Dies by SIGSEGV without a core file, or tells that it read it. */
		struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_CORE, &none);
		_exit(ring_tail(&self->port) == 0 ? 1 : 2);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGSEGV, WTERMSIG(status));
}

TEST_F(life, ports_come_and_go)
{
	unsigned int i, n = rounds(300);

	for (i = 0; i < n; i++) {
		struct port p;
		char buf[8];
		struct assoc as;
		int pfd[2];

		ASSERT_EQ(0, port_new(&p, 1, 16));
		ASSERT_EQ(0, pipe(pfd));
		ASSERT_EQ(0, assoc_add(p.fd, pfd[0], i, &as));
		ASSERT_EQ(0, submit_queued(p.fd, op_read(&as, i, buf, sizeof(buf), 0)));
		ASSERT_EQ(1, post(p.fd, i));
		/* Vary what goes first. */
		if (i & 1)
			close(pfd[1]);
		port_close(&p);
		if (!(i & 1))
			close(pfd[1]);
		close(pfd[0]);
	}
}

TEST_HARNESS_MAIN
