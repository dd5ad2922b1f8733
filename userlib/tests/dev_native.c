// SPDX-License-Identifier: GPL-2.0-only
/* iocp.h against the device: ports, files, submitting, taking, posting, cancelling. */
#include "dev.h"

#include <iocp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/uio.h>

#define BLOCK	4096

static struct iocp_port *open_port(uint32_t concurrency)
{
	struct iocp_port_params params = { .concurrency = concurrency };
	struct iocp_port *port;

	CHECK_EQ(iocp_open(&port, &params), 0);
	return port;
}

static int open_test_file(size_t len, int flags)
{
	const char *path = dev_file(dev_path("file"), len);
	int fd = open(path, flags | O_CLOEXEC);

	CHECK(fd >= 0);
	unlink(path);
	return fd;
}

TEST(open_says_why_it_cannot)
{
	struct iocp_port_params params = { .path = "/nonexistent/iocp" };
	struct iocp_port *port;

	CHECK_EQ(iocp_open(&port, &params), -ENOENT);
	params.path = "/dev/null";
	CHECK_EQ(iocp_open(&port, &params), -ENOTTY);
	params.path = IOCP_DEVICE_PATH;
	params.resv[2] = 1;
	CHECK_EQ(iocp_open(&port, &params), -EINVAL);
	params.resv[2] = 0;
	CHECK_EQ(iocp_open(&port, &params), 0);
	CHECK_EQ(iocp_close(port), 0);
	CHECK_EQ(iocp_close(NULL), 0);
}

TEST(query_and_stats)
{
	struct iocp_port *port = open_port(3);
	struct iocp_query query;
	struct iocp_stats stats;

	CHECK_EQ(iocp_query(port, &query), 0);
	CHECK_EQ(query.port_state, IOCP_STATE_LIVE);
	CHECK_EQ(query.concurrency, 3);
	CHECK(query.ops & 1ULL << IOCP_OP_READ);
	CHECK_EQ(iocp_post_one(port, 1, 2, NULL), 0);
	CHECK_EQ(iocp_stats(port, &stats), 0);
	CHECK_EQ(stats.queued, 1);
	CHECK_EQ(stats.posts, 1);
	CHECK_EQ(stats.concurrency, 3);
	CHECK(fcntl(iocp_fd(port), F_GETFD) & FD_CLOEXEC);
	iocp_close(port);
}

TEST(read_a_file)
{
	int fd = open_test_file(3 * BLOCK, O_RDONLY);
	struct iocp_packet done;
	struct iocp_assoc file;
	struct iocp_port *port;
	struct iocp_op op;
	char buf[BLOCK];

	CHECK_EQ(iocp_open(&port, NULL), 0);
	CHECK_EQ(iocp_associate(port, fd, 7, &file), 0);
	CHECK(file.caps & 1ULL << IOCP_OP_READ);
	/* The port keeps the file; the descriptor is not needed. */
	close(fd);
	iocp_prep_read(&op, &file, buf, sizeof(buf), BLOCK, buf);
	CHECK_EQ(iocp_submit(port, &op, 1, NULL), 1);
	CHECK_EQ(iocp_reap(port, &done, 1, IOCP_FOREVER), 1);
	CHECK_EQ(done.key, 7);
	CHECK_EQ(done.overlapped, (uintptr_t)buf);
	CHECK_EQ(done.res, 0);
	CHECK_EQ(done.info, BLOCK);
	CHECK(dev_holds(buf, BLOCK, BLOCK));

	/* across the end, and at it */
	iocp_prep_read(&op, &file, buf, sizeof(buf), 3 * BLOCK - 10, NULL);
	CHECK_EQ(iocp_submit(port, &op, 1, NULL), 1);
	CHECK_EQ(iocp_wait(port, &done, 1, IOCP_FOREVER), 1);
	CHECK_EQ(done.info, 10);
	CHECK(dev_holds(buf, 10, 3 * BLOCK - 10));
	iocp_prep_read(&op, &file, buf, sizeof(buf), 3 * BLOCK, NULL);
	CHECK_EQ(iocp_submit(port, &op, 1, NULL), 1);
	CHECK_EQ(iocp_wait(port, &done, 1, IOCP_FOREVER), 1);
	CHECK_EQ(done.res, 0);
	CHECK_EQ(done.info, 0);
	CHECK_EQ(iocp_disassociate(port, &file, 0, NULL), 0);
	CHECK_EQ(iocp_disassociate(port, &file, 0, NULL), -ENOENT);
	CHECK_EQ(iocp_submit(port, &op, 1, NULL), -ENOENT);
	iocp_close(port);
}

TEST(every_operation)
{
	int fd = open_test_file(0, O_RDWR);
	static char a[100], b[200], in[300];
	struct iovec iov[2] = { { a, sizeof(a) }, { b, sizeof(b) } };
	struct iocp_port *port = open_port(0);
	struct iocp_packet p;
	struct iocp_assoc file;
	struct iocp_op op[6];
	struct iocp_result res[6];
	unsigned int i;

	CHECK_EQ(iocp_associate(port, fd, 1, &file), 0);
	dev_fill(a, sizeof(a), 0);
	dev_fill(b, sizeof(b), 100);
	iocp_prep_writev(&op[0], &file, iov, 2, 0, NULL);
	CHECK_EQ(iocp_submit(port, op, 1, NULL), 1);
	CHECK_EQ(iocp_wait(port, &p, 1, IOCP_FOREVER), 1);
	CHECK_EQ(p.res, 0);
	CHECK_EQ(p.info, 300);

	memset(b, 0, sizeof(b));
	iocp_prep_readv(&op[0], &file, iov, 2, 0, (void *)0);
	iocp_prep_read(&op[1], &file, in, 300, 0, (void *)1);
	iocp_prep_fsync(&op[2], &file, IOCP_FSYNC_DATASYNC, (void *)2);
	iocp_prep_fsync(&op[3], &file, 0, (void *)3);
	iocp_prep_nop(&op[4], NULL, 99, (void *)4);
	iocp_prep_post(&op[5], UINT64_MAX, UINT64_C(0x1122334455667788), (void *)5, -12345);
	CHECK_EQ(iocp_submit(port, op, 6, res), 6);
	for (i = 0; i < 6; i++) {
		CHECK_EQ(iocp_wait(port, &p, 1, IOCP_FOREVER), 1);
		CHECK_EQ(res[i].state, IOCP_RESULT_QUEUED);
		switch (p.overlapped) {
		case 0:
		case 1:
			CHECK_EQ(p.info, 300);
			break;
		case 4:
			CHECK_EQ(p.key, 99);
			break;
		case 5:
			CHECK_EQ(p.flags & IOCP_PKT_KIND_MASK, IOCP_PKT_KIND_POST);
			CHECK_EQ(p.key, UINT64_MAX);
			CHECK_EQ(p.info, UINT64_C(0x1122334455667788));
			CHECK_EQ(p.res, -12345);
			continue;
		}
		CHECK_EQ(p.res, 0);
	}
	CHECK(dev_holds(a, sizeof(a), 0) && dev_holds(b, sizeof(b), 100));
	CHECK(dev_holds(in, sizeof(in), 0));

	iocp_prep_write(&op[0], &file, in, 50, IOCP_OFF_APPEND, NULL);
	CHECK_EQ(iocp_submit(port, op, 1, NULL), 1);
	CHECK_EQ(iocp_wait(port, &p, 1, IOCP_FOREVER), 1);
	CHECK_EQ(p.info, 50);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 350);
	iocp_close(port);
}

TEST(refused_operations)
{
	int fd = open_test_file(BLOCK, O_RDONLY);
	struct iocp_port *port = open_port(0);
	struct iocp_result res[3];
	struct iocp_assoc file;
	struct iocp_packet p;
	struct iocp_op op[3];
	char buf[64];

	CHECK_EQ(iocp_associate(port, fd, 1, &file), 0);
	iocp_prep_read(&op[0], &file, buf, sizeof(buf), 0, &op[0]);
	iocp_prep_write(&op[1], &file, buf, sizeof(buf), 0, &op[1]);
	iocp_prep_read(&op[2], &file, buf, sizeof(buf), 0, &op[2]);
	/* with results all are looked at, without them it stops before the bad one */
	memset(res, 0xcc, sizeof(res));
	CHECK_EQ(iocp_submit(port, op, 3, res), 3);
	CHECK_EQ(res[0].state, IOCP_RESULT_QUEUED);
	CHECK_EQ(res[1].state, IOCP_RESULT_REFUSED);
	CHECK_EQ(res[1].res, -EBADF);
	CHECK_EQ(res[2].state, IOCP_RESULT_QUEUED);
	CHECK_EQ(iocp_submit(port, op, 3, NULL), 1);
	CHECK_EQ(iocp_submit(port, &op[1], 2, NULL), -EBADF);
	CHECK_EQ(iocp_submit(port, op, 0, NULL), 0);
	CHECK_EQ(iocp_wait(port, &p, 1, IOCP_FOREVER), 1);
	CHECK_EQ(iocp_wait(port, &p, 1, IOCP_FOREVER), 1);
	CHECK_EQ(iocp_wait(port, &p, 1, IOCP_FOREVER), 1);
	CHECK_EQ(iocp_wait(port, &p, 1, iocp_deadline_ms(20)), -ETIME);
	iocp_close(port);
}

TEST(skip_on_success)
{
	int fd = open_test_file(BLOCK, O_RDONLY);
	struct iocp_port *port = open_port(0);
	struct iocp_result res;
	struct iocp_assoc file;
	struct iocp_packet p;
	struct iocp_op op;
	char buf[BLOCK];

	CHECK_EQ(pread(fd, buf, BLOCK, 0), BLOCK);	/* into the page cache */
	CHECK_EQ(iocp_associate(port, fd, 1, &file), 0);
	iocp_prep_read(&op, &file, buf, sizeof(buf), 0, NULL);
	op.flags |= IOCP_OP_F_INLINE_OK;
	CHECK_EQ(iocp_submit(port, &op, 1, &res), 1);
	CHECK_EQ(res.state, IOCP_RESULT_DONE);
	CHECK_EQ(res.res, 0);
	CHECK_EQ(res.info, BLOCK);
	op.flags = 0;
	CHECK_EQ(iocp_submit(port, &op, 1, &res), 1);
	CHECK_EQ(res.state, IOCP_RESULT_QUEUED);
	CHECK_EQ(iocp_wait(port, &p, 1, IOCP_FOREVER), 1);
	CHECK_EQ(iocp_set_modes(port, &file, IOCP_MODE_SKIP_ON_SUCCESS), 0);
	CHECK_EQ(iocp_submit(port, &op, 1, &res), 1);
	CHECK_EQ(res.state, IOCP_RESULT_DONE);
	CHECK_EQ(iocp_reap(port, &p, 1, IOCP_NOWAIT), -ETIME);
	iocp_close(port);
}

/* Posts that overflow the ring come in order, however they are taken. */
TEST(order_through_ring_and_list)
{
	struct iocp_port_params params = { .ring_entries = 64 };
	struct iocp_packet p[7];
	struct iocp_port *port;
	struct iocp_stats before, after;
	uint64_t n, next = 0;
	int i, got;

	CHECK_EQ(iocp_open(&port, &params), 0);
	for (n = 0; n < 1000; n++)
		CHECK_EQ(iocp_post_one(port, n, n * 2, (void *)(uintptr_t)(n * 3)), 0);
	CHECK_EQ(iocp_stats(port, &before), 0);
	CHECK_EQ(before.queued, 1000);
	while (next < 1000) {
		got = next % 2 ? iocp_wait(port, p, 7, IOCP_NOWAIT) :
				 iocp_reap(port, p, 7, IOCP_NOWAIT);
		CHECK(got > 0);
		for (i = 0; i < got; i++, next++) {
			CHECK_EQ(p[i].key, next);
			CHECK_EQ(p[i].info, next * 2);
			CHECK_EQ(p[i].overlapped, next * 3);
		}
	}
	CHECK_EQ(iocp_wait(port, p, 7, IOCP_NOWAIT), -ETIME);
	CHECK_EQ(iocp_stats(port, &after), 0);
	CHECK_EQ(after.queued, 0);
	iocp_close(port);
}

/* A thread that is active in the port takes from the ring without a system call. */
TEST(ring_needs_no_system_call)
{
	struct iocp_port *port = open_port(1);
	struct iocp_stats before, after;
	struct iocp_packet p[4];
	int n;

	for (n = 0; n < 20; n++)
		CHECK_EQ(iocp_post_one(port, n, 0, NULL), 0);
	CHECK_EQ(iocp_wait(port, p, 1, IOCP_NOWAIT), 1);
	CHECK_EQ(iocp_stats(port, &before), 0);
	for (n = 0; n < 4; n++)
		CHECK_EQ(iocp_wait(port, p, 4, IOCP_NOWAIT), 4);
	CHECK_EQ(iocp_stats(port, &after), 0);
	CHECK_EQ(after.taken, before.taken);
	CHECK_EQ(after.queued, 3);
	/* Not active any more: the kernel is asked. */
	CHECK_EQ(iocp_detach(port), 0);
	CHECK_EQ(iocp_stats(port, &before), 0);
	CHECK_EQ(iocp_wait(port, p, 1, IOCP_NOWAIT), 1);
	CHECK_EQ(iocp_stats(port, &after), 0);
	CHECK_EQ(after.taken, before.taken + 1);
	CHECK_EQ(p[0].key, 17);
	iocp_close(port);
}

TEST(no_ring)
{
	struct iocp_port_params params = { .ring_entries = IOCP_NO_RING };
	struct iocp_port *port;
	struct iocp_packet p[8];
	int n;

	CHECK_EQ(iocp_open(&port, &params), 0);
	for (n = 0; n < 20; n++)
		CHECK_EQ(iocp_post_one(port, n, 0, NULL), 0);
	CHECK_EQ(iocp_wait(port, p, 8, IOCP_NOWAIT), 8);
	CHECK_EQ(iocp_wait(port, p, 8, IOCP_NOWAIT), 8);
	CHECK_EQ(p[7].key, 15);
	iocp_close(port);
}

TEST(high_before_normal_before_low)
{
	struct iocp_port *port = open_port(0);
	struct iocp_packet p[3] = {
		{ .key = 1, .flags = IOCP_PRIO_LOW << IOCP_PKT_PRIO_SHIFT },
		{ .key = 2, .flags = IOCP_PRIO_NORMAL << IOCP_PKT_PRIO_SHIFT },
		{ .key = 3, .flags = IOCP_PRIO_HIGH << IOCP_PKT_PRIO_SHIFT },
	};

	CHECK_EQ(iocp_post_one(port, 0, 0, NULL), 0);
	CHECK_EQ(iocp_wait(port, p, 1, IOCP_NOWAIT), 1);	/* active: may use the ring */
	p[0].key = 1;
	p[0].flags = IOCP_PRIO_LOW << IOCP_PKT_PRIO_SHIFT;
	CHECK_EQ(iocp_post(port, p, 3), 3);
	CHECK_EQ(iocp_wait(port, p, 1, IOCP_NOWAIT), 1);
	CHECK_EQ(p[0].key, 3);
	CHECK_EQ(iocp_wait(port, p, 1, IOCP_NOWAIT), 1);
	CHECK_EQ(p[0].key, 2);
	CHECK_EQ(iocp_wait(port, p, 1, IOCP_NOWAIT), 1);
	CHECK_EQ(p[0].key, 1);
	iocp_close(port);
}

TEST(deadlines)
{
	struct iocp_port *port = open_port(0);
	struct iocp_packet p;
	uint64_t start, took;

	CHECK_EQ(iocp_deadline_ms(0), IOCP_NOWAIT);
	CHECK_EQ(iocp_deadline_ms(-1), IOCP_FOREVER);
	CHECK_EQ(iocp_deadline_ns(0), IOCP_NOWAIT);
	CHECK_EQ(iocp_deadline_ns(UINT64_MAX), IOCP_FOREVER);
	start = dev_now_ms();
	CHECK_EQ(iocp_wait(port, &p, 1, iocp_deadline_ms(100)), -ETIME);
	took = dev_now_ms() - start;
	CHECK(took >= 100 && took < 5000);
	CHECK_EQ(iocp_reap(port, &p, 0, IOCP_NOWAIT), -EINVAL);
	iocp_close(port);
}

static void on_signal(int sig)
{
	(void)sig;
}

TEST(a_signal_ends_the_wait)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct iocp_port *port = open_port(0);
	struct itimerspec when = { .it_value.tv_nsec = 50000000, .it_interval.tv_nsec = 50000000 };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct iocp_packet p;
	timer_t timer;

	sigaction(SIGUSR1, &sa, NULL);
	CHECK_EQ(timer_create(CLOCK_MONOTONIC, &ev, &timer), 0);
	CHECK_EQ(timer_settime(timer, 0, &when, NULL), 0);
	CHECK_EQ(iocp_wait(port, &p, 1, IOCP_FOREVER), -EINTR);
	/* With SA_RESTART the call goes on, to its deadline. */
	sa.sa_flags = SA_RESTART;
	sigaction(SIGUSR1, &sa, NULL);
	CHECK_EQ(iocp_wait(port, &p, 1, iocp_deadline_ms(300)), -ETIME);
	timer_delete(timer);
	iocp_close(port);
}

TEST(submit_and_wait)
{
	int fd = open_test_file(2 * BLOCK, O_RDONLY);
	struct iocp_port *port = open_port(0);
	struct iocp_result res[2];
	struct iocp_packet p[2];
	struct iocp_assoc file;
	struct iocp_op op[2];
	char buf[2][BLOCK];
	unsigned int consumed, taken = 0;

	CHECK_EQ(iocp_associate(port, fd, 1, &file), 0);
	iocp_prep_read(&op[0], &file, buf[0], BLOCK, 0, NULL);
	iocp_prep_read(&op[1], &file, buf[1], BLOCK, BLOCK, NULL);
	taken = iocp_submit_and_wait(port, op, 2, res, &consumed, p, 2, IOCP_FOREVER);
	CHECK(taken >= 1);
	CHECK_EQ(consumed, 2);
	while (taken < 2)
		taken += iocp_wait(port, p, 2, IOCP_FOREVER);
	CHECK(dev_holds(buf[0], BLOCK, 0) && dev_holds(buf[1], BLOCK, BLOCK));
	/* nothing to submit, nothing to take */
	CHECK_EQ(iocp_submit_and_wait(port, NULL, 0, NULL, &consumed, p, 2, IOCP_NOWAIT), -ETIME);
	CHECK_EQ(consumed, 0);
	iocp_close(port);
}

TEST(cancel)
{
	struct iocp_port *port = open_port(0);
	struct iocp_cancel_counts counts;
	struct iocp_assoc file;
	struct iocp_packet p;
	struct iocp_op op[3];
	char buf[3][16];
	int fds[2], i;

	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	CHECK_EQ(iocp_associate(port, fds[0], 5, &file), 0);
	for (i = 0; i < 3; i++)
		iocp_prep_read(&op[i], &file, buf[i], 16, 0, buf[i]);
	CHECK_EQ(iocp_submit(port, op, 3, NULL), 3);
	CHECK_EQ(iocp_cancel_overlapped(port, &file, buf[1], &counts), 0);
	CHECK_EQ(counts.cancelled + counts.running, 1);
	CHECK_EQ(iocp_wait(port, &p, 1, IOCP_FOREVER), 1);
	CHECK_EQ(p.overlapped, (uintptr_t)buf[1]);
	CHECK_EQ(p.res, -ECANCELED);
	CHECK_EQ(iocp_cancel_overlapped(port, &file, buf[1], &counts), -ENOENT);
	CHECK_EQ(counts.cancelled, 0);
	CHECK_EQ(iocp_cancel_overlapped(port, NULL, buf[0], NULL), 0);
	CHECK_EQ(iocp_cancel_assoc(port, &file, &counts), 0);
	for (i = 0; i < 2; i++) {
		CHECK_EQ(iocp_wait(port, &p, 1, IOCP_FOREVER), 1);
		CHECK_EQ(p.res, -ECANCELED);
	}
	CHECK_EQ(iocp_cancel_assoc(port, &file, NULL), -ENOENT);

	/* End of the association: what was in flight first, then LAST. */
	CHECK_EQ(iocp_submit(port, op, 2, NULL), 2);
	CHECK_EQ(iocp_disassociate(port, &file, IOCP_DISASSOC_CANCEL | IOCP_DISASSOC_NOTIFY_LAST,
				   &op), 0);
	for (i = 0; i < 2; i++) {
		CHECK_EQ(iocp_wait(port, &p, 1, IOCP_FOREVER), 1);
		CHECK_EQ(p.res, -ECANCELED);
		CHECK(p.flags & IOCP_PKT_F_CLOSED);
	}
	CHECK_EQ(iocp_wait(port, &p, 1, IOCP_FOREVER), 1);
	CHECK_EQ(p.flags & IOCP_PKT_KIND_MASK, IOCP_PKT_KIND_LAST);
	CHECK_EQ(p.key, 5);
	CHECK_EQ(p.overlapped, (uintptr_t)&op);
	iocp_close(port);
}

static void *wait_for_end(void *arg)
{
	struct iocp_packet p;

	return (void *)(intptr_t)iocp_wait(arg, &p, 1, IOCP_FOREVER);
}

TEST(shutdown_frees_waiters)
{
	struct iocp_port *port = open_port(1);
	struct iocp_stats stats = { 0 };
	uint64_t dropped;
	pthread_t t[3];
	struct pollfd pfd = { .fd = iocp_fd(port), .events = POLLIN };
	void *ret;
	int i;

	for (i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, wait_for_end, port), 0);
	WAIT_UNTIL(!iocp_stats(port, &stats) && stats.waiting == 3);
	CHECK_EQ(poll(&pfd, 1, 0), 0);
	CHECK_EQ(iocp_shutdown(port, &dropped), 0);
	CHECK_EQ(dropped, 0);
	for (i = 0; i < 3; i++) {
		pthread_join(t[i], &ret);
		CHECK_EQ((intptr_t)ret, -ESHUTDOWN);
	}
	CHECK_EQ(iocp_shutdown(port, NULL), -ESHUTDOWN);
	CHECK_EQ(iocp_post_one(port, 1, 1, NULL), -ESHUTDOWN);
	CHECK_EQ(poll(&pfd, 1, 0), 1);
	CHECK(pfd.revents & POLLHUP);
	iocp_close(port);

	port = open_port(1);
	CHECK_EQ(iocp_post_one(port, 1, 1, NULL), 0);
	CHECK_EQ(iocp_post_one(port, 1, 1, NULL), 0);
	CHECK_EQ(iocp_shutdown(port, &dropped), 0);
	CHECK_EQ(dropped, 2);
	iocp_close(port);
}

/* Workers take by ring and by hand-over at once; each packet exactly once. */
#define MANY	50000
static uint8_t seen[MANY];
static unsigned int total;

static void *worker(void *arg)
{
	struct iocp_packet p[8];
	int i, n;

	for (;;) {
		n = iocp_wait(arg, p, ARRAY_SIZE(p), IOCP_FOREVER);
		if (n == -ESHUTDOWN)
			return NULL;
		CHECK(n > 0);
		for (i = 0; i < n; i++) {
			CHECK(p[i].key < MANY && p[i].info == p[i].key + 1);
			ADD(seen[p[i].key], 1);
		}
		ADD(total, n);
	}
}

TEST(many_workers)
{
	struct iocp_port_params params = { .ring_entries = 128, .max_posted = MANY };
	struct iocp_port *port;
	pthread_t t[4];
	uint64_t n;
	size_t i;
	int ret;

	CHECK_EQ(iocp_open(&port, &params), 0);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		CHECK_EQ(pthread_create(&t[i], NULL, worker, port), 0);
	for (n = 0; n < MANY; n++) {
		while ((ret = iocp_post_one(port, n, n + 1, NULL)) == -EAGAIN)
			dev_sleep_ms(1);
		CHECK_EQ(ret, 0);
	}
	WAIT_UNTIL(GET(total) == MANY);
	CHECK_EQ(iocp_shutdown(port, NULL), 0);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		pthread_join(t[i], NULL);
	for (n = 0; n < MANY; n++)
		CHECK_EQ(seen[n], 1);
	iocp_close(port);
}

/* The child may post and wait, without a ring; the files are not its. */
TEST(fork_child)
{
	int fd = open_test_file(BLOCK, O_RDONLY), status;
	struct iocp_port *port = open_port(0);
	struct iocp_assoc file;
	struct iocp_packet p;
	struct iocp_op op;
	char buf[64];
	pid_t pid;

	CHECK_EQ(iocp_associate(port, fd, 1, &file), 0);
	iocp_prep_read(&op, &file, buf, sizeof(buf), 0, NULL);
	CHECK_EQ(iocp_post_one(port, 1, 0, NULL), 0);
	CHECK_EQ(iocp_post_one(port, 2, 0, NULL), 0);
	CHECK_EQ(iocp_wait(port, &p, 1, IOCP_NOWAIT), 1);	/* active here, not there */
	pid = dev_fork();
	if (!pid) {
		CHECK_EQ(iocp_wait(port, &p, 1, IOCP_NOWAIT), 1);
		CHECK_EQ(p.key, 2);
		CHECK_EQ(iocp_wait(port, &p, 1, IOCP_NOWAIT), -ETIME);
		CHECK_EQ(iocp_submit(port, &op, 1, NULL), -EPERM);
		CHECK_EQ(iocp_post_one(port, 3, 0, NULL), 0);
		iocp_close(port);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(iocp_wait(port, &p, 1, IOCP_NOWAIT), 1);
	CHECK_EQ(p.key, 3);
	CHECK_EQ(iocp_submit(port, &op, 1, NULL), 1);
	CHECK_EQ(iocp_wait(port, &p, 1, IOCP_FOREVER), 1);
	CHECK_EQ(p.info, sizeof(buf));
	iocp_close(port);
}

/* One port after another in the same memory: nothing of the old one is believed. */
TEST(a_new_port_is_not_the_old_one)
{
	struct iocp_packet p;
	int i;

	for (i = 0; i < 100; i++) {
		struct iocp_port *port = open_port(1);
		struct iocp_stats stats;

		CHECK_EQ(iocp_post_one(port, i, 0, NULL), 0);
		CHECK_EQ(iocp_wait(port, &p, 1, IOCP_NOWAIT), 1);
		CHECK_EQ(p.key, i);
		CHECK_EQ(iocp_stats(port, &stats), 0);
		CHECK_EQ(stats.taken, 1);		/* by ENTER: it had not joined before */
		iocp_close(port);
	}
}
