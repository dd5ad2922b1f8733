// SPDX-License-Identifier: GPL-2.0-only
/*
 * abuse.c - programs that are hostile, or just unlucky: memory that never comes,
 * processes that are stopped, files whose wait queue dies, crowds of threads.
 */
#include <linux/memfd.h>
#include <linux/userfaultfd.h>
#include <sys/signalfd.h>

#include "iocp_test.h"

PORT_FIXTURE(abuse, 4, 16)

#define FD	(self->port.fd)

/* --------------------------------------------------- memory that never comes */

/* A page whose first touch waits for an answer that nobody gives, also in the kernel. */
static void *never_page(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	void *p = map_anon(4096);
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api))
		return NULL;
	reg.range.start = addr(p);
	reg.range.len = 4096;
	return ioctl(fd, UFFDIO_REGISTER, &reg) ? NULL : p;
}

#define NEED_UFFD() do {						\
	if (!never_page())						\
		SKIP(return, "no userfaultfd: %s", strerror(errno));	\
} while (0)

/* Killed while it sits in a fault inside a call. */
#define KILL(pid) do {							\
	kill(pid, SIGKILL);						\
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));				\
} while (0)

/* The port works for everybody else: a stuck caller holds nothing. */
static void still_works(struct __test_metadata *_metadata, int fd, int file)
{
	struct iocp_packet p;
	struct assoc as;
	char c = 0;

	ASSERT_EQ(1, post(fd, 1000));
	ASSERT_EQ(1, reap(fd, &p, 1));
	EXPECT_EQ(1000, p.key);
	ASSERT_EQ(0, assoc_add(fd, file, 1, &as));
	EXPECT_EQ(1, run_bytes(fd, op_read(&as, 1, &c, 1, 0)));
	EXPECT_EQ('f', c);
	EXPECT_EQ(0, assoc_del(fd, &as, 0, 0));
}

static int small_file(void)
{
	int fd = memfd_create("small", MFD_CLOEXEC);

	return write(fd, "f", 1) == 1 ? fd : -1;
}

/* It got a packet and cannot be given it: then it dies, and another gets it. */
TEST_F(abuse, packet_array_that_never_comes)
{
	int file = small_file();
	struct iocp_packet p;
	pid_t pid;

	NEED_UFFD();
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		void *never = never_page();

		CHECK(never);
		reap_until(FD, never, 1, FOREVER);
		_exit(1);
	}
	ASSERT_TRUE(WAIT_FOR(STAT(FD, waiting) == 1));
	ASSERT_EQ(1, post(FD, 5));
	EXPECT_EQ(0, STAT(FD, waiting));
	still_works(_metadata, FD, file);
	KILL(pid);
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(5, p.key);
	close(file);
}

TEST_F(abuse, operations_that_never_come)
{
	int file = small_file();
	int pfd[2];
	pid_t pid;
	char c;

	NEED_UFFD();
	ASSERT_EQ(0, pipe(pfd));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		void *never = never_page();

		CHECK(never && write(pfd[1], "r", 1) == 1);
		submit(FD, never, 1, NULL);
		_exit(1);
	}
	ASSERT_EQ(1, read(pfd[0], &c, 1));
	usleep(20000);
	still_works(_metadata, FD, file);
	KILL(pid);
	EXPECT_EQ(0, STAT(FD, inflight));
	close(file);
}

/* The submitter may wait for its own memory, and can be killed meanwhile. */
TEST_F(abuse, buffer_that_never_comes)
{
	int file = small_file();
	int pfd[2];
	pid_t pid;
	char c;

	NEED_UFFD();
	ASSERT_EQ(0, pipe(pfd));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		void *never = never_page();
		struct assoc as;
		struct iocp_op op;

		CHECK(!assoc_add(FD, file, 1, &as));
		op = op_read(&as, 1, never, 1, 0);
		op.flags = IOCP_OP_F_FORCE_PUNT;
		CHECK(never && write(pfd[1], "r", 1) == 1);
		submit(FD, &op, 1, NULL);
		/* It may also be a kernel thread that meets it, which does not wait. */
		for (;;)
			pause();
	}
	ASSERT_EQ(1, read(pfd[0], &c, 1));
	usleep(20000);
	still_works(_metadata, FD, file);
	KILL(pid);
	ASSERT_TRUE(WAIT_FOR(STAT(FD, assocs) == 0));
	EXPECT_TRUE(WAIT_FOR(STAT(FD, inflight) == STAT(FD, queued)));
	close(file);
}

/* A kernel thread meets it when the data comes: it must not wait for it. */
TEST_F(abuse, buffer_of_a_waiting_read_never_comes)
{
	int file = small_file();
	int pfd[2], ready[2];
	struct iocp_packet p;
	pid_t pid;
	char c;

	NEED_UFFD();
	ASSERT_EQ(0, pipe(pfd));
	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		void *never = never_page();
		struct assoc as;

		CHECK(never);
		CHECK(!assoc_add(FD, pfd[0], 7, &as));
		CHECK(!submit_queued(FD, op_read(&as, 2, never, 1, 0)));
		CHECK(write(ready[1], "r", 1) == 1);
		for (;;)
			pause();
	}
	ASSERT_EQ(1, read(ready[0], &c, 1));
	ASSERT_EQ(1, write(pfd[1], "x", 1));
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(7, p.key);
	EXPECT_EQ(-EFAULT, p.res);
	still_works(_metadata, FD, file);
	KILL(pid);
	close(file);
}

/* -------------------------------------------------------- stopped processes */

TEST_F(abuse, stopped_waiter)
{
	struct iocp_packet p;
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		CHECK(reap_until(FD, &p, 1, FOREVER) == 1);
		CHECK(p.key == 5);
		_exit(0);
	}
	ASSERT_TRUE(WAIT_FOR(STAT(FD, waiting) == 1));
	kill(pid, SIGSTOP);
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	/* It left the wait and comes back without noticing. */
	kill(pid, SIGCONT);
	ASSERT_TRUE(WAIT_FOR(STAT(FD, waiting) == 1));
	ASSERT_EQ(1, post(FD, 5));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* Stopped with a packet on its way: others are served, nothing is lost. */
TEST_F(abuse, stopped_with_a_packet)
{
	struct iocp_packet p;
	unsigned int i, n = rounds(10);
	int status;

	for (i = 0; i < n; i++) {
		pid_t pid = fork();

		ASSERT_LE(0, pid);
		if (!pid) {
			CHECK(reap_until(FD, &p, 1, FOREVER) == 1);
			_exit(p.key);
		}
		ASSERT_TRUE(WAIT_FOR(STAT(FD, waiting) == 1));
		ASSERT_EQ(1, post(FD, 40 + i));
		kill(pid, SIGSTOP);
		kill(pid, SIGCONT);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFEXITED(status));
		ASSERT_EQ(40 + i, WEXITSTATUS(status));
	}
}

/* ------------------------------------------------ a wait queue that goes away */

struct signal_child {
	int port, sfd;
	struct assoc as;
	struct signalfd_siginfo si;
	int error;
};

/* Shares our memory and files, but not our signals: its wait queue dies with it. */
static int read_signals(void *arg)
{
	struct signal_child *c = arg;

	c->error = assoc_add(c->port, c->sfd, 3, &c->as);
	if (!c->error)
		c->error = submit_queued(c->port, op_read(&c->as, 1, &c->si, sizeof(c->si), 0));
	return 0;
}

TEST_F(abuse, wait_queue_goes_away)
{
	struct iocp_cancel cc = { .flags = IOCP_CANCEL_ALL_MINE };
	static struct signal_child c;
	char *stack = map_anon(256 << 10);
	struct iocp_packet p;
	sigset_t set;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	c.port = FD;
	c.sfd = signalfd(-1, &set, SFD_CLOEXEC);
	ASSERT_LE(0, c.sfd);
	pid = clone(read_signals, stack + (256 << 10), CLONE_VM | CLONE_FILES | SIGCHLD, &c);
	ASSERT_LE(0, pid);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	if (c.error == -EOPNOTSUPP)
		SKIP(return, "signalfds cannot be read by operations on this kernel");
	ASSERT_EQ(0, c.error);
	/* The read waits for what cannot come, or it ended; it can be got rid of. */
	if (STAT(FD, inflight) != STAT(FD, queued)) {
		ASSERT_EQ(0, cancel(FD, &cc));
		EXPECT_EQ(1, cc.nr_cancelled + cc.nr_running);
	}
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(1, p.overlapped);
	EXPECT_EQ(0, assoc_del(FD, &c.as, 0, 0));
	close(c.sfd);
}

/* And one that does not. */
TEST_F(abuse, signals_are_read)
{
	struct signalfd_siginfo si = { 0 };
	struct iocp_packet p;
	struct assoc as;
	sigset_t set;
	int sfd, ret;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sfd = signalfd(-1, &set, SFD_CLOEXEC);
	ASSERT_LE(0, sfd);
	ret = assoc_add(FD, sfd, 3, &as);
	if (ret == -EOPNOTSUPP)
		SKIP(return, "signalfds cannot be read by operations on this kernel");
	ASSERT_EQ(0, ret);
	/* There already: read in our own context. */
	kill(getpid(), SIGUSR2);
	ASSERT_EQ(sizeof(si), run_bytes(FD, op_read(&as, 1, &si, sizeof(si), 0)));
	EXPECT_EQ(SIGUSR2, si.ssi_signo);
	/* None there: the read waits; it is the kernel's thread that wakes, with no signals. */
	ASSERT_EQ(0, submit_queued(FD, op_read(&as, 2, &si, sizeof(si), 0)));
	EXPECT_EQ(-ETIME, reap_none(FD));
	ASSERT_EQ(0, assoc_del(FD, &as, IOCP_DISASSOC_CANCEL, 0));
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(-ECANCELED, p.res);
	close(sfd);
}

/* ------------------------------------------------------------------- crowds */

#define CROWD 200

struct one_of_many {
	pthread_t thread;
	int fd;
	int ret;
	struct iocp_packet p;
};

static void *wait_once(void *arg)
{
	struct one_of_many *o = arg;
	struct iocp_enter e = {
		.packets = addr(&o->p), .nr_packets = 1, .packet_size = sizeof(o->p),
		.deadline = FOREVER,
	};

	o->ret = enter(o->fd, &e);
	return NULL;
}

TEST_F(abuse, crowd_of_waiters)
{
	static struct one_of_many crowd[CROWD];
	unsigned int i, served = 0, sent_home = 0;
	struct port wide;

	ASSERT_EQ(0, port_new(&wide, CROWD, 0));
	for (i = 0; i < CROWD; i++) {
		crowd[i].fd = wide.fd;
		ASSERT_EQ(0, pthread_create(&crowd[i].thread, NULL, wait_once, &crowd[i]));
	}
	ASSERT_TRUE(WAIT_FOR(STAT(wide.fd, waiting) == CROWD));
	/* One packet wakes one thread, not the crowd. */
	ASSERT_EQ(1, post(wide.fd, 1));
	EXPECT_EQ(CROWD - 1, STAT(wide.fd, waiting));
	ASSERT_EQ(CROWD / 2, post_range(wide.fd, 2, CROWD / 2));
	EXPECT_EQ(CROWD - 1 - CROWD / 2, STAT(wide.fd, waiting));
	ASSERT_EQ(0, port_shutdown(wide.fd, NULL));
	for (i = 0; i < CROWD; i++) {
		pthread_join(crowd[i].thread, NULL);
		served += crowd[i].ret == 1;
		sent_home += crowd[i].ret == -ESHUTDOWN;
	}
	EXPECT_EQ(1 + CROWD / 2, served);
	EXPECT_EQ(CROWD - served, sent_home);
	port_close(&wide);
}

/* Threads that join the port and die at once, over and over. */
TEST_F(abuse, threads_come_and_go)
{
	unsigned int i, j, n = rounds(30);
	struct one_of_many t[8];

	for (i = 0; i < n; i++) {
		ASSERT_EQ(8, post_range(FD, 0, 8));
		for (j = 0; j < 8; j++) {
			t[j].fd = FD;
			ASSERT_EQ(0, pthread_create(&t[j].thread, NULL, wait_once, &t[j]));
		}
		/* Four may run at a time; the exit of each lets the next one in. */
		for (j = 0; j < 8; j++) {
			pthread_join(t[j].thread, NULL);
			ASSERT_EQ(1, t[j].ret);
		}
	}
	EXPECT_TRUE(WAIT_FOR(STAT(FD, active) == 0));
}

/* --------------------------------------------------------- closing and using */

struct closer {
	pthread_t thread;
	int *fd;
	bool stop;
};

/* Puts the port's number now on the port and now on something else. */
static void *swap_fds(void *arg)
{
	struct closer *c = arg;
	int real = dup(*c->fd), null = open("/dev/null", O_RDWR | O_CLOEXEC);

	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		dup2(null, *c->fd);
		dup2(real, *c->fd);
	}
	close(real);
	close(null);
	return NULL;
}

TEST_F(abuse, fd_is_replaced_under_calls)
{
	unsigned int i, n = rounds(1500), worked = 0, not_ours = 0;
	int fd = dup(FD);
	struct closer c = { .fd = &fd };
	struct iocp_packet p[4];

	ASSERT_EQ(0, pthread_create(&c.thread, NULL, swap_fds, &c));
	for (i = 0; i < n; i++) {
		int ret = post(fd, i);

		if (ret == 1)
			worked++;
		else if (ret == -ENOTTY)
			not_ours++;
		else {
			ASSERT_EQ(0, ret);
		}
		ret = reap_until(fd, p, 4, 0);
		if (ret < 0 && ret != -ETIME) {
			ASSERT_EQ(-ENOTTY, ret);
		}
	}
	__atomic_store_n(&c.stop, true, __ATOMIC_RELAXED);
	pthread_join(c.thread, NULL);
	EXPECT_EQ(n, worked + not_ours);
	while (reap_until(FD, p, 4, 0) > 0)
		;
	EXPECT_EQ(worked, STAT(FD, posts));
	close(fd);
}

/* The array for packets comes and goes while packets are copied to it. */
struct mapper {
	pthread_t thread;
	void *at;
	bool stop;
};

static void *map_and_unmap(void *arg)
{
	struct mapper *m = arg;

	while (!__atomic_load_n(&m->stop, __ATOMIC_RELAXED)) {
		mprotect(m->at, 4096, PROT_NONE);
		mprotect(m->at, 4096, PROT_READ | PROT_WRITE);
	}
	return NULL;
}

TEST_F(abuse, packet_array_comes_and_goes)
{
	struct mapper m = { .at = map_anon(4096) };
	unsigned int i, n = rounds(1500), faults = 0;
	u64 taken = 0;

	ASSERT_EQ(0, pthread_create(&m.thread, NULL, map_and_unmap, &m));
	for (i = 0; i < n; i++) {
		int ret;

		ASSERT_EQ(3, post_range(FD, i * 3, 3));
		ret = reap_until(FD, m.at, 32, 0);
		if (ret == -EFAULT) {
			faults++;
			continue;
		}
		ASSERT_LT(0, ret);
		taken += ret;
	}
	__atomic_store_n(&m.stop, true, __ATOMIC_RELAXED);
	pthread_join(m.thread, NULL);
	/* What was not taken is there, in order. */
	for (; taken < n * 3ULL; taken++) {
		struct iocp_packet p;

		ASSERT_EQ(1, reap_until(FD, &p, 1, 0));
		ASSERT_EQ(taken, p.key);
	}
	EXPECT_EQ(-ETIME, reap_none(FD));
	printf("# %u faults\n", faults);
	fflush(stdout);
}

/* ------------------------------------------------- other ends of a process */

/* Everything under way that a process can have; to be called in a child. */
static void fill_port(struct port *p, int file)
{
	static char buf[8][4096];
	struct assoc pipe_as, file_as;
	unsigned int i;
	int pfd[2];

	CHECK(!port_new(p, 2, 16));
	CHECK(!pipe(pfd));
	CHECK(!assoc_add(p->fd, pfd[0], 1, &pipe_as));
	CHECK(!assoc_add(p->fd, file, 2, &file_as));
	for (i = 0; i < 8; i++) {
		struct iocp_op op = op_read(&file_as, i, buf[i], 4096, 0);

		op.flags = IOCP_OP_F_FORCE_PUNT;
		CHECK(!submit_queued(p->fd, op_read(&pipe_as, i, buf[i], 1, 0)));
		CHECK(!submit_queued(p->fd, op));
	}
	CHECK(post_range(p->fd, 0, 40) == 40);
}

/* Its memory is read for the dump while operations on it are under way. */
TEST_F(abuse, dumps_core)
{
	struct rlimit lim = { RLIM_INFINITY, RLIM_INFINITY };
	int file = small_file(), status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct port p;

		CHECK(!chdir(getenv("IOCP_TMPFS") ?: "/tmp"));
		setrlimit(RLIMIT_CORE, &lim);
		fill_port(&p, file);
		abort();
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	close(file);
	port_close(&self->port);
	EXPECT_EQ(0, objects_settle(&self->base));
}

#define CGROUP "/sys/fs/cgroup/iocp-abuse"

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* Killed for want of memory, all of which a port may have taken: it comes back. */
TEST_F_TIMEOUT(abuse, out_of_memory, 90)
{
	int file = small_file(), status;
	pid_t pid;

	put("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	mkdir(CGROUP, 0755);
	if (put(CGROUP "/memory.max", "16777216")) {
		rmdir(CGROUP);
		SKIP(return, "no memory cgroups");
	}
	put(CGROUP "/memory.swap.max", "0");
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		unsigned int batches = 0;
		struct port p;

		CHECK(!put(CGROUP "/cgroup.procs", "0"));
		fill_port(&p, file);
		/* packets first, then memory of its own */
		while (post_range(p.fd, 0, 64) == 64 && ++batches < 200)
			;
		for (;;)
			memset(map_anon(1 << 20), 1, 1 << 20);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(file);
	port_close(&self->port);
	EXPECT_EQ(0, objects_settle(&self->base));
	EXPECT_TRUE(WAIT_FOR(!rmdir(CGROUP)));
}

/* ------------------------------------------------- memory that goes elsewhere */

/* A read waits; its buffer is somewhere else when the data comes, or is nothing. */
TEST_F(abuse, buffer_moves_while_a_read_waits)
{
	char *buf = map_anon(3 * 4096), *moved;
	struct iocp_packet p;
	struct assoc as;
	int pfd[2];

	ASSERT_EQ(0, pipe(pfd));
	ASSERT_EQ(0, assoc_add(FD, pfd[0], 7, &as));
	ASSERT_EQ(0, submit_queued(FD, op_read(&as, 1, buf, 16, 0)));
	ASSERT_EQ(0, submit_queued(FD, op_read(&as, 2, buf + 4096, 16, 0)));
	ASSERT_EQ(0, submit_queued(FD, op_read(&as, 3, buf + 8192, 4, 0)));
	moved = mremap(buf, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, map_anon(4096));
	ASSERT_NE(MAP_FAILED, moved);
	ASSERT_EQ(0, mprotect(buf + 4096, 4096, PROT_READ));
	ASSERT_EQ(4, write(pfd[1], "data", 4));
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(1, p.overlapped);
	EXPECT_EQ(-EFAULT, p.res);
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(2, p.overlapped);
	EXPECT_EQ(-EFAULT, p.res);
	/* Nothing of the data was lost with them. */
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(3, p.overlapped);
	EXPECT_EQ(4, p.info);
	EXPECT_EQ(0, memcmp(buf + 8192, "data", 4));
	EXPECT_EQ(0, moved[0]);
	EXPECT_EQ(0, assoc_del(FD, &as, 0, 0));
	close(pfd[0]);
	close(pfd[1]);
}

/* Where a program itself would get SIGBUS: beyond the end of the mapped file. */
TEST_F(abuse, buffer_in_a_file_that_was_cut_off)
{
	static const unsigned int kinds[] = { 0, MFD_HUGETLB };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		size_t size = i ? 2 << 20 : 4096;
		int backing = memfd_create("backing", MFD_CLOEXEC | kinds[i]), pfd[2];
		struct iocp_packet p;
		struct assoc as, fas;
		struct iocp_op op;
		struct outcome o;
		char *buf;
		int file = small_file();

		if (i && put("/proc/sys/vm/nr_hugepages", "2"))
			break;
		ASSERT_EQ(0, ftruncate(backing, size));
		buf = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, backing, 0);
		if (i && buf == MAP_FAILED) {
			printf("# no huge pages\n");
			close(backing);
			break;
		}
		ASSERT_NE(MAP_FAILED, buf);
		buf[0] = 1;
		ASSERT_EQ(0, pipe(pfd));
		ASSERT_EQ(0, assoc_add(FD, pfd[0], 7, &as));
		ASSERT_EQ(0, assoc_add(FD, file, 8, &fas));
		ASSERT_EQ(0, submit_queued(FD, op_read(&as, 1, buf, 16, 0)));
		ASSERT_EQ(0, ftruncate(backing, 0));
		ASSERT_EQ(4, write(pfd[1], "data", 4));
		ASSERT_EQ(1, reap(FD, &p, 1));
		EXPECT_EQ(-EFAULT, p.res);
		op = op_read(&fas, 2, buf, 1, 0);
		EXPECT_EQ(-EFAULT, run_bytes(FD, op));
		op.flags = IOCP_OP_F_FORCE_PUNT;
		ASSERT_EQ(0, run_op(FD, op, &o));
		EXPECT_EQ(-EFAULT, o.res);
		EXPECT_EQ(0, assoc_del(FD, &as, 0, 0));
		EXPECT_EQ(0, assoc_del(FD, &fas, 0, 0));
		munmap(buf, size);
		close(backing);
		close(file);
		close(pfd[0]);
		close(pfd[1]);
	}
	put("/proc/sys/vm/nr_hugepages", "0");
}

/* ------------------------------------------------------ processors that go */

#define CPU1 "/sys/devices/system/cpu/cpu1/online"

static void *swap_cpu(void *arg)
{
	struct closer *c = arg;
	bool on = false;

	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED)) {
		put(CPU1, on ? "1" : "0");
		on = !on;
	}
	put(CPU1, "1");
	return NULL;
}

/* Workers, waiters and their packets move while a processor comes and goes. */
TEST_F_TIMEOUT(abuse, processor_comes_and_goes, 90)
{
	unsigned int i, j, n = rounds(30);
	struct closer c = { .stop = false };
	struct one_of_many t[8];
	struct port p = { .setup.concurrency = 2, .setup.features = IOCP_FEATURE_BLOCKING };

	if (access(CPU1, W_OK))
		SKIP(return, "no second processor that could be taken away");
	ASSERT_EQ(0, port_create(&p));
	ASSERT_EQ(0, pthread_create(&c.thread, NULL, swap_cpu, &c));
	for (i = 0; i < n; i++) {
		for (j = 0; j < 8; j++) {
			t[j].fd = p.fd;
			ASSERT_EQ(0, pthread_create(&t[j].thread, NULL, wait_once, &t[j]));
		}
		ASSERT_EQ(8, post_range(p.fd, 0, 8));
		for (j = 0; j < 8; j++) {
			pthread_join(t[j].thread, NULL);
			ASSERT_EQ(1, t[j].ret);
		}
	}
	__atomic_store_n(&c.stop, true, __ATOMIC_RELAXED);
	pthread_join(c.thread, NULL);
	EXPECT_TRUE(WAIT_FOR(STAT(p.fd, active) == 0));
	EXPECT_EQ(0, STAT(p.fd, queued));
	port_close(&p);
}

/* --------------------------------------------------------- who looks meanwhile */

static void *look_at_everything(void *arg)
{
	struct closer *c = arg;
	char path[64], text[4096];
	struct objects o;
	int i, fd;

	for (i = 0; !__atomic_load_n(&c->stop, __ATOMIC_RELAXED); i++) {
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", 3 + i % 60);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			while (read(fd, text, sizeof(text)) > 0)
				;
			close(fd);
		}
		objects_read(&o);
	}
	return NULL;
}

/* fdinfo and debugfs are read all the time while ports come and go. */
TEST_F_TIMEOUT(abuse, looked_at_while_it_ends, 90)
{
	struct closer c = { .stop = false };
	unsigned int i, j, n = rounds(40);
	int file = small_file();

	ASSERT_EQ(0, pthread_create(&c.thread, NULL, look_at_everything, &c));
	for (i = 0; i < n; i++) {
		struct port p[8];
		struct assoc as;
		char buf;

		for (j = 0; j < 8; j++) {
			ASSERT_EQ(0, port_new(&p[j], 2, j % 2 ? 16 : 0));
			ASSERT_EQ(0, assoc_add(p[j].fd, file, 1, &as));
			ASSERT_EQ(1, run_bytes(p[j].fd, op_read(&as, 1, &buf, 1, 0)));
			ASSERT_EQ(1, post(p[j].fd, 1));
		}
		for (j = 0; j < 8; j++)
			port_close(&p[j]);
	}
	__atomic_store_n(&c.stop, true, __ATOMIC_RELAXED);
	pthread_join(c.thread, NULL);
	close(file);
	port_close(&self->port);
	EXPECT_EQ(0, objects_settle(&self->base));
}

TEST_HARNESS_MAIN
