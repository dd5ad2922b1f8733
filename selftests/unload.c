// SPDX-License-Identifier: GPL-2.0-only
/*
 * unload.c - the module cannot go while a thread is a worker, and can within a
 * second of its exit (B15): the port may be gone by then, the thread's notifier
 * is not.  IOCP_MODULE names the file to load it from again.
 */
#include "iocp_test.h"

static int unload(void)
{
	return syscall(SYS_delete_module, "iocp", O_NONBLOCK) ? -errno : 0;
}

static int load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return ret;
}

FIXTURE(unload) {
	const char *module;
};

FIXTURE_SETUP(unload)
{
	self->module = NEED_ENV("IOCP_MODULE");
}

/* Whatever happened, the tests after this one need the module. */
FIXTURE_TEARDOWN(unload)
{
	if (self->module && access("/sys/module/iocp", F_OK))
		load(self->module);
}

/* A process whose thread is a worker of a port that was closed again. */
static pid_t start_worker(bool blocking, bool then_exec)
{
	struct port p = { .setup.concurrency = 1 };
	int pfd[2];
	pid_t pid;
	char c;

	if (pipe2(pfd, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid) {
		struct iocp_packet pkt;
		struct iocp_enter e = {
			.packets = addr(&pkt), .nr_packets = 1, .packet_size = sizeof(pkt),
		};

		if (blocking)
			p.setup.features = IOCP_FEATURE_BLOCKING;
		if (port_create(&p) || enter(p.fd, &e) != -ETIME)
			_exit(1);
		port_close(&p);
		if (write(pfd[1], "x", 1) != 1)
			_exit(1);
		if (then_exec)
			execl("/bin/sleep", "sleep", "100", NULL);
		pause();
		_exit(1);
	}
	close(pfd[1]);
	if (read(pfd[0], &c, 1) != 1)
		pid = -EIO;
	close(pfd[0]);
	return pid;
}

static void keeps_the_module(struct __test_metadata *_metadata, FIXTURE_DATA(unload) *self,
			     bool blocking, bool then_exec)
{
	pid_t pid = start_worker(blocking, then_exec);
	u64 start, tried = 0;

	ASSERT_LT(0, pid);
	usleep(100000);		/* for what the port itself still has to do */
	EXPECT_EQ(-EAGAIN, unload());
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	start = now_ns();
	/* When it became possible; how long it takes is another matter. */
	EXPECT_TRUE(WAIT_FOR((tried = now_ns(), unload() == 0)));
	EXPECT_GT(1000 * NSEC_PER_MSEC, tried - start);
	ASSERT_EQ(0, load(self->module));
	EXPECT_TRUE(WAIT_FOR(!access("/dev/iocp", F_OK)));
}

TEST_F(unload, a_worker_keeps_the_module)
{
	keeps_the_module(_metadata, self, false, false);
}

TEST_F(unload, a_worker_that_is_watched_too)
{
	keeps_the_module(_metadata, self, true, false);
}

/* The thread goes on in another program, and knows nothing of ports any more. */
TEST_F(unload, a_worker_that_called_exec)
{
	keeps_the_module(_metadata, self, true, true);
}

TEST_F(unload, an_open_port_keeps_the_module)
{
	struct port p;

	ASSERT_EQ(0, port_new(&p, 1, 16));
	EXPECT_EQ(-EAGAIN, unload());
	port_close(&p);
	EXPECT_TRUE(WAIT_FOR(unload() == 0));
	ASSERT_EQ(0, load(self->module));
}

TEST_HARNESS_MAIN
