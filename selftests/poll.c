// SPDX-License-Identifier: GPL-2.0-only
/*
 * poll.c - the port's fd in poll, select and epoll: readable while packets
 * wait, hung up after SHUTDOWN (CP-15).
 */
#include <sys/epoll.h>
#include <sys/select.h>

#include "iocp_test.h"

PORT_FIXTURE(poll, 2, 16)

static int poll_now(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0) < 0 ? -errno : pfd.revents;
}

TEST_F(poll, CP15_readable_while_packets_wait)
{
	struct iocp_packet p[16];
	int fd = self->port.fd;

	EXPECT_EQ(0, poll_now(fd));
	ASSERT_EQ(2, post_range(fd, 0, 2));
	EXPECT_EQ(POLLIN, poll_now(fd));
	ASSERT_EQ(1, reap_until(fd, p, 1, 0));
	EXPECT_EQ(POLLIN, poll_now(fd));
	ASSERT_EQ(1, reap_until(fd, p, 1, 0));
	EXPECT_EQ(0, poll_now(fd));
}

TEST_F(poll, every_place_a_packet_can_wait)
{
	struct iocp_packet p[32];
	int fd = self->port.fd;

	ASSERT_EQ(1, post_prio(fd, 0, IOCP_PRIO_HIGH));
	EXPECT_EQ(POLLIN, poll_now(fd));
	ASSERT_EQ(1, reap_until(fd, p, 1, 0));
	EXPECT_EQ(0, poll_now(fd));
	ASSERT_EQ(1, post_prio(fd, 0, IOCP_PRIO_LOW));
	EXPECT_EQ(POLLIN, poll_now(fd));
	/* Given back after a fault. */
	EXPECT_EQ(-EFAULT, reap_until(fd, no_access(), 1, 0));
	EXPECT_EQ(POLLIN, poll_now(fd));
	ASSERT_EQ(1, reap_until(fd, p, 1, 0));
	EXPECT_EQ(0, poll_now(fd));
	/* The ring is emptied by CAS, silently. */
	ASSERT_EQ(3, post_range(fd, 0, 3));
	EXPECT_EQ(POLLIN, poll_now(fd));
	ASSERT_EQ(3, ring_take(&self->port, p, 16));
	EXPECT_EQ(0, poll_now(fd));
	/* The ring and the list behind it. */
	ASSERT_EQ(20, post_range(fd, 0, 20));
	ASSERT_EQ(16, ring_take(&self->port, p, 16));
	EXPECT_EQ(POLLIN, poll_now(fd));
	ASSERT_EQ(4, reap(fd, p, 4));
	EXPECT_EQ(0, poll_now(fd));
}

TEST_F(poll, CP15_not_readable_for_what_a_waiter_got)
{
	static struct puppet t;

	ASSERT_EQ(0, puppet_start(&t));
	puppet_wait(&t, self->port.fd, 1, FOREVER, 0);
	ASSERT_TRUE(WAIT_FOR(STAT(self->port.fd, waiting) == 1));
	ASSERT_EQ(1, post(self->port.fd, 1));
	EXPECT_EQ(0, poll_now(self->port.fd));
	ASSERT_TRUE(puppet_done(&t));
	puppet_stop(&t);
}

struct poller {
	pthread_t thread;
	int fd;
	int ret;
	int revents;
	pid_t tid;
};

static void *poll_forever(void *arg)
{
	struct poller *p = arg;
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };

	__atomic_store_n(&p->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	p->ret = poll(&pfd, 1, PATIENCE_MS);
	p->revents = pfd.revents;
	return NULL;
}

/* Asleep in poll(2): its state says so. */
static bool sleeps(pid_t tid)
{
	char path[64], state = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(f);
	return state == 'S';
}

#define ASLEEP(p) do {							\
	ASSERT_EQ(0, pthread_create(&(p)->thread, NULL, poll_forever, p)); \
	ASSERT_TRUE(WAIT_FOR(__atomic_load_n(&(p)->tid, __ATOMIC_ACQUIRE))); \
	ASSERT_TRUE(WAIT_FOR(sleeps((p)->tid)));			\
} while (0)

TEST_F(poll, CP15_a_packet_wakes_the_poller)
{
	struct poller p = { .fd = self->port.fd };

	ASLEEP(&p);
	ASSERT_EQ(1, post(self->port.fd, 1));
	pthread_join(p.thread, NULL);
	EXPECT_EQ(1, p.ret);
	EXPECT_EQ(POLLIN, p.revents);
}

TEST_F(poll, a_completion_wakes_the_poller)
{
	struct poller p = { .fd = self->port.fd };
	struct assoc as;
	char buf[4];
	int pfd[2];

	ASSERT_EQ(0, pipe(pfd));
	ASSERT_EQ(0, assoc_add(self->port.fd, pfd[0], 0, &as));
	ASSERT_EQ(0, submit_queued(self->port.fd, op_read(&as, 1, buf, 4, 0)));
	ASLEEP(&p);
	ASSERT_EQ(1, write(pfd[1], "x", 1));
	pthread_join(p.thread, NULL);
	EXPECT_EQ(1, p.ret);
	EXPECT_EQ(POLLIN, p.revents);
	close(pfd[0]);
	close(pfd[1]);
}

TEST_F(poll, CP15_shutdown_wakes_the_poller_and_hangs_up)
{
	struct poller p = { .fd = self->port.fd };

	ASLEEP(&p);
	ASSERT_EQ(0, port_shutdown(self->port.fd, NULL));
	pthread_join(p.thread, NULL);
	EXPECT_EQ(1, p.ret);
	EXPECT_TRUE(p.revents & POLLHUP);
	EXPECT_EQ(POLLHUP, poll_now(self->port.fd));
}

TEST_F(poll, select_too)
{
	struct timeval none = { 0 };
	fd_set set;

	FD_ZERO(&set);
	FD_SET(self->port.fd, &set);
	EXPECT_EQ(0, select(self->port.fd + 1, &set, NULL, NULL, &none));
	ASSERT_EQ(1, post(self->port.fd, 1));
	FD_SET(self->port.fd, &set);
	EXPECT_EQ(1, select(self->port.fd + 1, &set, NULL, NULL, &none));
}

TEST_F(poll, epoll_level_triggered)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = 5 };
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct iocp_packet p;

	ASSERT_LE(0, ep);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->port.fd, &ev));
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	ASSERT_EQ(1, post(self->port.fd, 1));
	/* As often as one asks. */
	EXPECT_EQ(1, epoll_wait(ep, &ev, 1, 0));
	EXPECT_EQ(1, epoll_wait(ep, &ev, 1, 0));
	EXPECT_EQ(5, ev.data.u64);
	EXPECT_EQ(EPOLLIN, ev.events);
	ASSERT_EQ(1, reap_until(self->port.fd, &p, 1, 0));
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	close(ep);
}

/* One event for each packet that no waiter took, also while others wait. */
TEST_F(poll, epoll_edge_triggered)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct iocp_packet p[16];
	unsigned int i;

	ASSERT_LE(0, ep);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->port.fd, &ev));
	for (i = 0; i < 40; i++) {
		ASSERT_EQ(1, post(self->port.fd, i));
		EXPECT_EQ(1, epoll_wait(ep, &ev, 1, 0));
		EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	}
	/* Emptied by CAS, of which the kernel hears nothing: the next one is an edge. */
	for (i = 0; i < 3; i++) {
		while (reap_until(self->port.fd, p, 16, 0) > 0)
			;
		ASSERT_EQ(2, post_range(self->port.fd, 0, 2));
		EXPECT_EQ(1, epoll_wait(ep, &ev, 1, 0));
		ASSERT_EQ(2, ring_take(&self->port, p, 16));
		ASSERT_EQ(1, post(self->port.fd, 0));
		EXPECT_EQ(1, epoll_wait(ep, &ev, 1, 0));
	}
	close(ep);
}

TEST_F(poll, epoll_edge_of_a_completion)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	int ep = epoll_create1(EPOLL_CLOEXEC);
	unsigned int i;

	ASSERT_LE(0, ep);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, self->port.fd, &ev));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, submit_queued(self->port.fd, op_nop(i)));
		EXPECT_EQ(1, epoll_wait(ep, &ev, 1, 0));
		EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	}
	close(ep);
}

/* Closing a port that sits in an epoll set, and the set first. */
TEST_F(poll, epoll_and_close)
{
	struct epoll_event ev = { .events = EPOLLIN };
	unsigned int i;

	for (i = 0; i < 20; i++) {
		int ep = epoll_create1(EPOLL_CLOEXEC);
		struct port p;

		ASSERT_LE(0, ep);
		ASSERT_EQ(0, port_new(&p, 1, 4));
		ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, p.fd, &ev));
		ASSERT_EQ(1, post(p.fd, 1));
		if (i & 1)
			close(ep);
		port_close(&p);
		if (!(i & 1)) {
			EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
			close(ep);
		}
	}
}

TEST_F(poll, before_setup_it_is_an_error)
{
	int fd = port_open();

	ASSERT_LE(0, fd);
	EXPECT_EQ(POLLERR, poll_now(fd));
	close(fd);
}

/* Nothing that polls loses an event while packets come and go. */
struct drainer {
	pthread_t thread;
	int fd, ep;
	u32 n, got;
	int error;
};

static void *drain_by_edges(void *arg)
{
	struct drainer *d = arg;
	struct iocp_packet p[16];

	while (d->got < d->n) {
		struct epoll_event ev;
		int ret = epoll_wait(d->ep, &ev, 1, PATIENCE_MS);

		if (ret != 1) {
			d->error = ret < 0 ? -errno : -ETIME;
			return NULL;
		}
		while ((ret = reap_until(d->fd, p, 16, 0)) > 0)
			d->got += ret;
	}
	return NULL;
}

TEST_F_TIMEOUT(poll, epoll_edges_lose_nothing, 60)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	struct drainer d = {
		.fd = self->port.fd, .ep = epoll_create1(EPOLL_CLOEXEC), .n = rounds(5000),
	};
	u32 i;

	ASSERT_LE(0, d.ep);
	ASSERT_EQ(0, epoll_ctl(d.ep, EPOLL_CTL_ADD, d.fd, &ev));
	ASSERT_EQ(0, pthread_create(&d.thread, NULL, drain_by_edges, &d));
	for (i = 0; i < d.n; i++) {
		int ret;

		while ((ret = post(d.fd, i)) == -EAGAIN)
			sched_yield();
		ASSERT_EQ(1, ret);
		if (i % 7 == 0)
			sched_yield();
	}
	pthread_join(d.thread, NULL);
	EXPECT_EQ(0, d.error);
	EXPECT_EQ(d.n, d.got);
	close(d.ep);
}

TEST_HARNESS_MAIN
