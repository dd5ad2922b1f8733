// SPDX-License-Identifier: GPL-2.0-only
/*
 * process.c - operations and associations belong to a process: they end with
 * it, however it ends, and nobody else can use them.  A port is open to
 * everybody who holds its fd.
 */
#include "iocp_test.h"

#define NR_READS	256

/* Exit must not wait for a device of 300 ms; see also the counts in flight. */
#define EXIT_MS		250

FIXTURE(proc) {
	struct port port;
	struct objects base;
	int to_child[2], to_parent[2];
};

FIXTURE_SETUP(proc)
{
	ASSERT_EQ(0, objects_base(&self->base));
	memset(&self->port, 0, sizeof(self->port));
	self->port.setup.concurrency = 4;
	self->port.setup.max_inflight = 1024;
	ASSERT_EQ(0, port_create(&self->port));
	ASSERT_EQ(0, pipe(self->to_child));
	ASSERT_EQ(0, pipe(self->to_parent));
}

FIXTURE_TEARDOWN(proc)
{
	PORT_FIXTURE_TEARDOWN();
}

#define FD	(self->port.fd)

/* Child and parent take turns by single characters. */
static void tell(int fd, char c)
{
	if (write(fd, &c, 1) != 1)
		_exit(99);
}

static char hear(int fd)
{
	char c = 0;

	return read(fd, &c, 1) == 1 ? c : 0;
}

#define CHILD_OK(pid) do {						\
	int status_;							\
									\
	ASSERT_EQ(pid, waitpid(pid, &status_, 0));			\
	EXPECT_EQ(0, status_);						\
} while (0)

/* ------------------------------------------------------------------- fork */

TEST_F(proc, fork_child_cannot_use_the_parents_associations)
{
	struct iocp_packet p;
	struct assoc as;
	int pfd[2];
	char buf[8];
	pid_t pid;

	ASSERT_EQ(0, pipe(pfd));
	ASSERT_EQ(0, assoc_add(FD, pfd[0], 1, &as));
	ASSERT_EQ(0, submit_queued(FD, op_read(&as, 1, buf, 8, 0)));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct iocp_op op = op_read(&as, 2, buf, 8, 0);
		struct iocp_cancel c = {
			.flags = IOCP_CANCEL_BY_ASSOC, .assoc = as.index, .assoc_gen = as.gen,
		};
		struct iocp_result r;

		CHECK(submit(FD, &op, 1, &r) == 1);
		CHECK(r.state == IOCP_RESULT_REFUSED && r.res == -EPERM);
		CHECK(submit(FD, &op, 1, NULL) == -EPERM);
		op = op_nop(1);
		op.assoc = as.index;
		op.assoc_gen = as.gen;
		CHECK(submit(FD, &op, 1, NULL) == -EPERM);
		CHECK(assoc_del(FD, &as, 0, 0) == -EPERM);
		CHECK(assoc_del(FD, &as, IOCP_DISASSOC_CANCEL, 0) == -EPERM);
		CHECK(assoc_modes(FD, &as, IOCP_MODE_SKIP_ON_SUCCESS, NULL) == -EPERM);
		CHECK(cancel(FD, &c) == -EPERM);
		/* Nothing of it is the child's: there is nothing to be found. */
		c = (struct iocp_cancel){ .flags = IOCP_CANCEL_ALL_MINE };
		CHECK(cancel(FD, &c) == -ENOENT);
		c = (struct iocp_cancel){ .flags = IOCP_CANCEL_BY_OVERLAPPED, .overlapped = 1 };
		CHECK(cancel(FD, &c) == -ENOENT);
		/* A wrong name is a wrong name to anybody. */
		as.gen++;
		CHECK(assoc_del(FD, &as, 0, 0) == -ENOENT);
		_exit(0);
	}
	CHILD_OK(pid);
	/* The child's end changed nothing of ours. */
	ASSERT_EQ(1, STAT(FD, inflight));
	ASSERT_EQ(1, write(pfd[1], "x", 1));
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(1, p.info);
}

TEST_F(proc, fork_child_may_post_and_wait)
{
	struct iocp_packet p;
	pid_t pid;

	ASSERT_EQ(1, post(FD, 1));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		CHECK(reap(FD, &p, 1) == 1 && p.key == 1);
		CHECK(post(FD, 2) == 1);
		CHECK(submit_queued(FD, op_post(3, 0, 0, 0)) == 0);
		CHECK(submit_queued(FD, op_nop(4)) == 0);
		_exit(0);
	}
	CHILD_OK(pid);
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(2, p.key);
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(3, p.key);
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(4, p.overlapped);
}

TEST_F(proc, fork_child_has_associations_of_its_own)
{
	struct iocp_packet p;
	struct assoc as;
	int pfd[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(pfd));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		CHECK(assoc_add(FD, pfd[0], 77, &as) == 0);
		CHECK(submit_queued(FD, op_read(&as, 5, &c, 1, 0)) == 0);
		CHECK(write(self->to_parent[1], &as, sizeof(as)) == sizeof(as));
		CHECK(hear(self->to_child[0]) == 'e');
		CHECK(c == 'x');
		_exit(0);
	}
	ASSERT_EQ(sizeof(as), read(self->to_parent[0], &as, sizeof(as)));
	EXPECT_EQ(1, STAT(FD, assocs));
	EXPECT_EQ(-EPERM, run_bytes(FD, op_read(&as, 1, &c, 1, 0)));
	EXPECT_EQ(-EPERM, assoc_del(FD, &as, 0, 0));
	/* Its data goes to its memory; its packet to whoever waits. */
	ASSERT_EQ(1, write(pfd[1], "x", 1));
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(77, p.key);
	EXPECT_EQ(5, p.overlapped);
	tell(self->to_child[1], 'e');
	CHILD_OK(pid);
	/* And with the child it is gone. */
	EXPECT_TRUE(WAIT_FOR(STAT(FD, assocs) == 0));
	EXPECT_EQ(-ENOENT, assoc_del(FD, &as, 0, 0));
}

/* Threads share the mm: all of them are the owner. */
TEST_F(proc, threads_are_one_owner)
{
	static struct puppet t;
	struct iocp_result r;
	struct assoc as;
	struct iocp_op op;
	int pfd[2];
	char c;

	ASSERT_EQ(0, pipe(pfd));
	ASSERT_EQ(1, write(pfd[1], "x", 1));
	ASSERT_EQ(0, assoc_add(FD, pfd[0], 1, &as));
	op = op_read(&as, 1, &c, 1, 0);
	op.flags = IOCP_OP_F_INLINE_OK;
	ASSERT_EQ(0, puppet_start(&t));
	t.fd = FD;
	t.e = (struct iocp_enter){
		.ops = addr(&op), .nr_ops = 1, .op_size = sizeof(op), .results = addr(&r),
	};
	puppet_go(&t);
	ASSERT_TRUE(puppet_done(&t));
	EXPECT_EQ(IOCP_RESULT_DONE, r.state);
	EXPECT_EQ('x', c);
	puppet_stop(&t);
}

/* ------------------------------------------------------------ exit and kill */

static void child_reads_pipes(int fd, int pfd[2])
{
	static char in[NR_READS];
	struct assoc as;
	int i;

	CHECK(assoc_add(fd, pfd[0], 9, &as) == 0);
	for (i = 0; i < NR_READS; i++)
		CHECK(submit_queued(fd, op_read(&as, i, &in[i], 1, 0)) == 0);
}

static void all_closed(struct __test_metadata *_metadata, int fd, int n)
{
	struct iocp_packet *p = calloc(n, sizeof(*p));
	u64 seen[NR_READS / 64] = { 0 };
	int i;

	ASSERT_EQ(n, reap(fd, p, n));
	for (i = 0; i < n; i++) {
		EXPECT_EQ(9, p[i].key);
		EXPECT_EQ(-ECANCELED, p[i].res);
		EXPECT_TRUE(p[i].flags & IOCP_PKT_F_CLOSED);
		ASSERT_GT(NR_READS, p[i].overlapped);
		EXPECT_EQ(0, seen[p[i].overlapped / 64] >> p[i].overlapped % 64 & 1);
		seen[p[i].overlapped / 64] |= 1ULL << p[i].overlapped % 64;
	}
	EXPECT_EQ(-ETIME, reap_none(fd));
	EXPECT_EQ(0, STAT(fd, assocs));
	EXPECT_TRUE(WAIT_FOR(STAT(fd, inflight) == 0));
	free(p);
}

/* OV-32: the port lives on in us, and learns of each. */
TEST_F(proc, exit_with_pipe_reads_pending)
{
	int pfd[2];
	pid_t pid;

	ASSERT_EQ(0, pipe(pfd));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		child_reads_pipes(FD, pfd);
		_exit(0);
	}
	CHILD_OK(pid);
	all_closed(_metadata, FD, NR_READS);
	/* They took nothing with them. */
	ASSERT_EQ(1, write(pfd[1], "x", 1));
	EXPECT_EQ('x', hear(pfd[0]));
}

TEST_F(proc, kill_with_pipe_reads_pending)
{
	int pfd[2], status;
	pid_t pid;

	ASSERT_EQ(0, pipe(pfd));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		child_reads_pipes(FD, pfd);
		tell(self->to_parent[1], 'r');
		for (;;)
			pause();
	}
	ASSERT_EQ('r', hear(self->to_parent[0]));
	ASSERT_EQ(NR_READS, STAT(FD, inflight));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	all_closed(_metadata, FD, NR_READS);
}

static char *child_reads_device(int fd, const char *dev, u32 flags)
{
	int file = open(dev, O_RDONLY | O_CLOEXEC | (flags ? 0 : O_DIRECT));
	char *buf = map_anon(NR_READS * 4096);
	struct iocp_op ops[NR_READS];
	struct assoc as;
	int i;

	CHECK(file >= 0);
	CHECK(assoc_add(fd, file, 9, &as) == 0);
	for (i = 0; i < NR_READS; i++) {
		ops[i] = op_read(&as, i, buf + i * 4096, 4096, (u64)i << 12);
		ops[i].flags = flags;
	}
	CHECK(submit(fd, ops, NR_READS, NULL) == NR_READS);
	return buf;
}

/*
 * The device has 256 reads and keeps each for 300 ms.  The process is gone at
 * once, its pages stay with the device, and each read has its end.
 */
static void dies_with_reads(struct __test_metadata *_metadata, FIXTURE_DATA(proc) *self,
			    const char *dev, bool by_kill)
{
	struct iocp_packet *p = calloc(NR_READS, sizeof(*p));
	u64 t0, took = 0, flying = 0;
	int i, status, attempt;
	pid_t pid;

	/* A loaded machine may take 300 ms for anything: it must work out once. */
	for (attempt = 0; attempt < 5; attempt++) {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			child_reads_device(FD, dev, 0);
			tell(self->to_parent[1], 'r');
			if (!by_kill)
				_exit(0);
			for (;;)
				pause();
		}
		ASSERT_EQ('r', hear(self->to_parent[0]));
		t0 = now_ns();
		if (by_kill)
			kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		took = now_ns() - t0;
		flying = STAT(FD, inflight) - STAT(FD, queued);
		ASSERT_EQ(NR_READS, reap(FD, p, NR_READS));
		for (i = 0; i < NR_READS; i++) {
			ASSERT_EQ(0, p[i].res);
			ASSERT_EQ(4096, p[i].info);
			ASSERT_EQ(9, p[i].key);
		}
		ASSERT_EQ(-ETIME, reap_none(FD));
		ASSERT_TRUE(WAIT_FOR(STAT(FD, assocs) == 0));
		if (flying && took < EXIT_MS * NSEC_PER_MSEC)
			break;
	}
	/* It was gone while the device still had some. */
	EXPECT_LT(0, flying);
	EXPECT_GT(EXIT_MS * NSEC_PER_MSEC, took);
	free(p);
}

TEST_F(proc, exit_with_256_reads_in_flight)
{
	dies_with_reads(_metadata, self, NEED_ENV("IOCP_NULLB_SLOW"), false);
}

TEST_F(proc, kill_with_256_reads_in_flight)
{
	dies_with_reads(_metadata, self, NEED_ENV("IOCP_NULLB_SLOW"), true);
}

/* The process and the port end together: nobody will ever look at the packets. */
TEST_F(proc, kill_with_256_reads_and_the_last_fd)
{
	const char *dev = NEED_ENV("IOCP_NULLB_SLOW");
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct port own = { .setup.max_inflight = 512, .setup.ring_entries = 16 };

		close(FD);
		CHECK(port_create(&own) == 0);
		child_reads_device(own.fd, dev, 0);
		tell(self->to_parent[1], 'r');
		for (;;)
			pause();
	}
	ASSERT_EQ('r', hear(self->to_parent[0]));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	port_close(&self->port);
	EXPECT_EQ(0, objects_settle(&self->base));
}

/* In the work queue, where a kernel thread waits for each. */
TEST_F(proc, kill_with_reads_in_the_work_queue)
{
	const char *dev = NEED_ENV("IOCP_NULLB_SLOW");
	struct iocp_packet *p = calloc(NR_READS, sizeof(*p));
	u32 i, cancelled = 0, done = 0;
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		child_reads_device(FD, dev, IOCP_OP_F_FORCE_PUNT);
		tell(self->to_parent[1], 'r');
		for (;;)
			pause();
	}
	ASSERT_EQ('r', hear(self->to_parent[0]));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	/* Those that run go on; those that waited for their turn are cancelled. */
	ASSERT_EQ(NR_READS, reap(FD, p, NR_READS));
	for (i = 0; i < NR_READS; i++) {
		cancelled += p[i].res == -ECANCELED;
		done += p[i].res == 0;
	}
	EXPECT_EQ(NR_READS, cancelled + done);
	EXPECT_EQ(-ETIME, reap_none(FD));
	free(p);
}

/* A1: no fd of the port is left, its ring is mapped, reads are pending. */
TEST_F(proc, kill_with_only_the_ring_mapped)
{
	int pfd[2], status;
	pid_t pid;

	ASSERT_EQ(0, pipe(pfd));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct port own;
		struct objects o;
		u64 *head;

		close(FD);
		CHECK(port_new(&own, 1, 64) == 0);
		child_reads_pipes(own.fd, pfd);
		head = ring_head(&own);
		close(own.fd);
		/* That was the end of the port, but not of the mapping. */
		CHECK(WAIT_FOR(!objects_read(&o) && o.assocs == self->base.assocs));
		CHECK(*head == 0 && ring_tail(&own) == 0);
		tell(self->to_parent[1], 'r');
		for (;;)
			pause();
	}
	ASSERT_EQ('r', hear(self->to_parent[0]));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	port_close(&self->port);
	EXPECT_EQ(0, objects_settle(&self->base));
}

/* Killed while its threads wait, post, submit and close. */
static void *busy_thread(void *arg)
{
	struct port *p = arg;
	struct iocp_packet pkts[4];
	struct assoc as;
	char c;

	for (;;) {
		int pfd[2];

		reap_until(p->fd, pkts, 4, now_ns() + 100000);
		post_range(p->fd, 0, 3);
		if (pipe(pfd))
			continue;
		if (!assoc_add(p->fd, pfd[0], 1, &as)) {
			submit_queued(p->fd, op_read(&as, 1, &c, 1, 0));
			if (write(pfd[1], "x", 1) == 1)
				submit_queued(p->fd, op_read(&as, 1, &c, 1, 0));
			assoc_del(p->fd, &as, IOCP_DISASSOC_NOTIFY_LAST, 1);
		}
		close(pfd[0]);
		close(pfd[1]);
	}
	return NULL;
}

TEST_F_TIMEOUT(proc, kill_in_the_middle_of_everything, 60)
{
	unsigned int i, n = rounds(12);
	int status;
	pid_t pid;

	port_close(&self->port);
	for (i = 0; i < n; i++) {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			struct port own;
			pthread_t t;
			int j;

			CHECK(port_new(&own, 2, 16) == 0);
			for (j = 0; j < 3; j++)
				CHECK(pthread_create(&t, NULL, busy_thread, &own) == 0);
			tell(self->to_parent[1], 'r');
			busy_thread(&own);
		}
		ASSERT_EQ('r', hear(self->to_parent[0]));
		usleep(i * 3000);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status));
	}
	ASSERT_EQ(0, objects_settle(&self->base));
}

/* -------------------------------------------------------------------- exec */

/*
 * What runs after exec, in the same process: the old program's operations have
 * ended, its associations are gone, the port is still there.
 */
static int after_exec(char **argv)
{
	int fd = atoi(argv[2]), n = atoi(argv[5]), pfd[2];
	struct assoc as = { .index = atoi(argv[3]), .gen = atoi(argv[4]) };
	bool slow = atoi(argv[6]);
	struct iocp_packet p;
	int i;
	char c;

	for (i = 0; i < n; i++) {
		CHECK(reap(fd, &p, 1) == 1);
		CHECK(p.key == 9);
		if (slow)
			CHECK(p.res == 0 && p.info == 4096);
		else
			CHECK(p.res == -ECANCELED && p.flags & IOCP_PKT_F_CLOSED);
	}
	CHECK(reap_none(fd) == -ETIME);
	CHECK(WAIT_FOR(STAT(fd, assocs) == 0));
	CHECK(assoc_del(fd, &as, 0, 0) == -ENOENT);
	/* The new program can go on with the port. */
	CHECK(pipe(pfd) == 0);
	CHECK(assoc_add(fd, pfd[0], 10, &as) == 0);
	CHECK(submit_queued(fd, op_read(&as, 1, &c, 1, 0)) == 0);
	CHECK(write(pfd[1], "x", 1) == 1);
	CHECK(reap(fd, &p, 1) == 1 && p.key == 10 && p.info == 1 && c == 'x');
	return 0;
}

static void exec_again(int fd, struct assoc *as, int n, bool slow)
{
	char a[5][16];

	CHECK(fcntl(fd, F_SETFD, 0) == 0);
	snprintf(a[0], 16, "%d", fd);
	snprintf(a[1], 16, "%u", as->index);
	snprintf(a[2], 16, "%u", as->gen);
	snprintf(a[3], 16, "%d", n);
	snprintf(a[4], 16, "%d", slow);
	execl("/proc/self/exe", "process", "--after-exec", a[0], a[1], a[2], a[3], a[4], NULL);
	CHECK(!"exec");
}

TEST_F(proc, exec_with_pipe_reads_pending)
{
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		static char in[NR_READS];
		struct assoc as;
		int pfd[2], i;

		CHECK(pipe(pfd) == 0);
		CHECK(assoc_add(FD, pfd[0], 9, &as) == 0);
		for (i = 0; i < NR_READS; i++)
			CHECK(submit_queued(FD, op_read(&as, i, &in[i], 1, 0)) == 0);
		exec_again(FD, &as, NR_READS, false);
	}
	CHILD_OK(pid);
}

TEST_F(proc, exec_with_reads_in_flight)
{
	const char *dev = NEED_ENV("IOCP_NULLB_SLOW");
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		/* The first association of this port; its name is told by nobody. */
		struct assoc as = { .index = 0, .gen = 1 };

		child_reads_device(FD, dev, 0);
		exec_again(FD, &as, NR_READS, true);
	}
	CHILD_OK(pid);
}

/* The port's fd says close-on-exec: the port ends with the old program. */
TEST_F(proc, exec_closes_the_port)
{
	int pfd[2];
	pid_t pid;

	ASSERT_EQ(0, pipe(pfd));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct port own;

		close(FD);
		CHECK(port_new(&own, 1, 16) == 0);
		child_reads_pipes(own.fd, pfd);
		execl("/bin/sleep", "sleep", "60", NULL);
		_exit(127);
	}
	port_close(&self->port);
	/* While the new program runs. */
	EXPECT_EQ(0, objects_settle(&self->base));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* A member of the port calls exec: the thread stays what it is until it ends. */
TEST_F(proc, exec_by_a_thread_that_holds_a_packet)
{
	pid_t pid = fork();
	int status;

	ASSERT_LE(0, pid);
	if (!pid) {
		struct iocp_packet p;
		struct iocp_enter e = {
			.packets = addr(&p), .nr_packets = 1, .packet_size = sizeof(p),
		};

		CHECK(post(FD, 1) == 1);
		CHECK(enter(FD, &e) == 1);
		execl("/bin/true", "true", NULL);
		_exit(127);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(WAIT_FOR(STAT(FD, active) == 0));
}

/* -------------------------------------------------------------- fd passing */

static int send_fd(int sock, int fd)
{
	char c = 'f', control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &c, 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&m);

	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	return sendmsg(sock, &m, 0) == 1 ? 0 : -errno;
}

static int receive_fd(int sock)
{
	char c, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &c, 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	if (recvmsg(sock, &m, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&m))
		return -errno;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

/*
 * A process that was there before the port and gets its fd by a socket: it may
 * post and wait, and cannot read a file that it could not open itself.
 */
TEST_F(proc, receiver_of_the_fd_cannot_use_the_senders_files)
{
	struct iocp_packet p;
	struct port sent;
	struct assoc as;
	int sv[2], pfd[2];
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int fd, own[2];
		struct assoc mine;
		char secret[8] = "";

		close(FD);
		fd = receive_fd(sv[1]);
		CHECK(fd >= 0);
		CHECK(read(sv[1], &as, sizeof(as)) == sizeof(as));
		CHECK(run_bytes(fd, op_read(&as, 1, secret, 8, 0)) == -EPERM);
		CHECK(assoc_del(fd, &as, 0, 0) == -EPERM);
		CHECK(!secret[0]);
		CHECK(post(fd, 5) == 1);
		CHECK(pipe(own) == 0);
		CHECK(assoc_add(fd, own[0], 6, &mine) == 0);
		CHECK(submit_queued(fd, op_read(&mine, 2, secret, 8, 0)) == 0);
		CHECK(write(own[1], "own", 3) == 3);
		tell(sv[1], 'd');
		/* The sender closes its fd: the port is ours now. */
		CHECK(hear(sv[1]) == 'c');
		CHECK(post(fd, 7) == 1);
		CHECK(reap(fd, &p, 1) == 1 && p.key == 7);
		/* Nobody's files but ours are in it any more. */
		CHECK(WAIT_FOR(STAT(fd, assocs) == 1));
		_exit(0);
	}
	ASSERT_EQ(0, port_new(&sent, 2, 0));
	ASSERT_EQ(0, pipe(pfd));
	ASSERT_EQ(7, write(pfd[1], "secret", 7));
	ASSERT_EQ(0, assoc_add(sent.fd, pfd[0], 1, &as));
	ASSERT_EQ(0, send_fd(sv[0], sent.fd));
	ASSERT_EQ(sizeof(as), write(sv[0], &as, sizeof(as)));
	ASSERT_EQ('d', hear(sv[0]));
	ASSERT_EQ(1, reap(sent.fd, &p, 1));
	EXPECT_EQ(5, p.key);
	ASSERT_EQ(1, reap(sent.fd, &p, 1));
	EXPECT_EQ(6, p.key);
	EXPECT_EQ(3, p.info);
	ASSERT_EQ(0, assoc_del(sent.fd, &as, 0, 0));
	port_close(&sent);
	tell(sv[0], 'c');
	CHILD_OK(pid);
	close(sv[0]);
	close(sv[1]);
}

/*
 * A port whose fd lies in the queue of a socket that is associated with it, and
 * nobody else knows either: socket -> message -> port -> association -> socket.
 * The end of the process is the end of its associations, which breaks the ring.
 */
TEST_F(proc, port_in_the_queue_of_its_own_socket)
{
	int status;
	pid_t pid;

	port_close(&self->port);
	ASSERT_EQ(0, objects_settle(&self->base));	/* it is gone; the child counts */
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct objects o;
		struct assoc as;
		struct port p;
		char buf[8];
		int sv[2];

		CHECK(port_new(&p, 1, 16) == 0);
		CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0);
		CHECK(assoc_add(p.fd, sv[0], 1, &as) == 0);
		CHECK(assoc_add(p.fd, sv[1], 1, &as) == 0);
		CHECK(send_fd(sv[1], p.fd) == 0);
		/* And something that waits: nothing will ever come this way. */
		CHECK(submit_queued(p.fd, op_read(&as, 1, buf, 8, 0)) == 0);
		close(sv[0]);
		close(sv[1]);
		close(p.fd);
		CHECK(objects_read(&o) == 0 && o.ports == self->base.ports + 1);
		tell(self->to_parent[1], 'r');
		for (;;)
			pause();
	}
	ASSERT_EQ('r', hear(self->to_parent[0]));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, objects_settle(&self->base));
}

/* Two ports, each in the queue of the other's socket. */
TEST_F(proc, two_ports_in_each_others_sockets)
{
	int status;
	pid_t pid;

	port_close(&self->port);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct port p[2];
		struct assoc as;
		int sv[2][2], i;

		for (i = 0; i < 2; i++) {
			CHECK(port_new(&p[i], 1, 0) == 0);
			CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv[i]) == 0);
			CHECK(assoc_add(p[i].fd, sv[i][0], 1, &as) == 0);
		}
		for (i = 0; i < 2; i++)
			CHECK(send_fd(sv[i][1], p[!i].fd) == 0);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, objects_settle(&self->base));
}

/* Sent and never received. */
TEST_F(proc, port_in_a_message_that_nobody_reads)
{
	int sv[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	ASSERT_EQ(0, send_fd(sv[0], FD));
	ASSERT_EQ(1, post(FD, 1));
	close(FD);
	self->port.fd = -1;
	close(sv[0]);
	close(sv[1]);
	EXPECT_EQ(0, objects_settle(&self->base));
}

/* A waiter in another process is served as any other. */
TEST_F(proc, waiter_in_another_process)
{
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		struct iocp_packet p;
		struct iocp_enter e = {
			.packets = addr(&p), .nr_packets = 1, .packet_size = sizeof(p),
			.deadline = in_ms(PATIENCE_MS),
		};

		CHECK(enter(FD, &e) == 1 && p.key == 31);
		_exit(0);
	}
	ASSERT_TRUE(WAIT_FOR(STAT(FD, waiting) == 1));
	ASSERT_EQ(1, post(FD, 31));
	CHILD_OK(pid);
	EXPECT_TRUE(WAIT_FOR(STAT(FD, active) == 0));
}

int main(int argc, char **argv)
{
	if (argc > 6 && !strcmp(argv[1], "--after-exec"))
		return after_exec(argv);
	return test_harness_run(argc, argv);
}
