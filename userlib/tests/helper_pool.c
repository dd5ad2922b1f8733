// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pool whose callbacks wait for each other, one at a time allowed to run, for
 * tool-trace.sh.  Each begins with a mark in the trace, waits until there is nothing
 * else to do than to block, and does.
 *
 * Argument: the file that marks are written to.
 */
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <iocp.h>

#define CALLBACKS	4U

static pthread_barrier_t together;
static int marks, port;

/* The pool keeps its port to itself. */
static int find_port(void)
{
	char path[32], target[32];
	ssize_t len;
	int fd;

	for (fd = 0; fd < 64; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		len = readlink(path, target, sizeof(target));
		if (len == (ssize_t)strlen(IOCP_DEVICE_PATH) &&
		    !memcmp(target, IOCP_DEVICE_PATH, len))
			return fd;
	}
	errx(1, "no port");
}

static void mark(const char *what)
{
	if (write(marks, what, strlen(what)) < 0)
		err(1, "mark");
}

static void meet(struct iocp_io *io, void *context, const struct iocp_packet *packet)
{
	struct iocp_stats s;

	(void)io;
	(void)context;
	(void)packet;
	mark("callback begins\n");
	/* All packets are there, and the spare waits for one. */
	do {
		sched_yield();
		memset(&s, 0, sizeof(s));
		s.size = sizeof(s);
		if (ioctl(port, IOCP_IOC_STATS, &s))
			err(1, "STATS");
	} while (!s.waiting || s.completed < CALLBACKS);
	mark("callback blocks\n");
	pthread_barrier_wait(&together);
	mark("callback ends\n");
}

int main(int argc, char **argv)
{
	struct iocp_pool_params params = { .port.concurrency = 1 };
	struct iocp_op op[CALLBACKS];
	struct iocp_pool *pool;
	char buf[CALLBACKS][16];
	struct iocp_io *io;
	unsigned int i;
	int fd, ret;

	marks = open(argc > 1 ? argv[1] : "", O_WRONLY | O_CLOEXEC);
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (marks < 0 || fd < 0)
		err(1, "%s", argv[1]);
	pthread_barrier_init(&together, NULL, CALLBACKS);
	ret = iocp_pool_create(&pool, &params);
	if (!ret)
		ret = iocp_io_create(&io, pool, fd, meet, NULL);
	if (ret)
		errx(1, "pool: %s", strerror(-ret));
	port = find_port();
	for (i = 0; i < CALLBACKS; i++)
		iocp_prep_read(&op[i], NULL, buf[i], sizeof(buf[i]), 0, NULL);
	if (iocp_io_submit(io, op, CALLBACKS, NULL) != CALLBACKS)
		errx(1, "submit");
	iocp_io_wait(io);
	iocp_io_close(io, 0);
	return iocp_pool_destroy(pool);
}
