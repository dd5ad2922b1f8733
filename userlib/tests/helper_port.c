// SPDX-License-Identifier: GPL-2.0-only
/*
 * A port of which everything is known, for tool-iocpstat.sh and tool-trace.sh.  Reads
 * commands from standard input, one a line, and answers each with a line: "ok", or what
 * went wrong.
 *
 *	open N		a port with concurrency value N; first of all commands
 *	bare		a device that is opened and not set up
 *	workers N	N threads that wait for packets and do what the key says
 *	post N KEY PRIO	N packets with this key and priority, in one call
 *	nop N		N operations that end at once
 *	take N		N packets, taken by this thread
 *	detach		this thread leaves the port
 *	go, stop	let go of threads that block, of threads that spin
 *	fork		a child that has the port too, until this process ends
 *	shutdown
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>

#include <iocp.h>

#define MAX	64U

/* What a worker does with a packet, by its key. */
enum { NOTHING, BLOCK_AND_SPIN, SPIN, SPIN_AND_BLOCK };

static struct iocp_port *port;
static sem_t go;
static bool stop;

static void spin(void)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		sched_yield();
}

static void block(void)
{
	while (sem_wait(&go))
		;
}

static void *work(void *unused)
{
	struct iocp_packet p;

	(void)unused;
	while (iocp_wait(port, &p, 1, IOCP_FOREVER) == 1) {
		if (p.key == BLOCK_AND_SPIN)
			block();
		if (p.key != NOTHING)
			spin();
		if (p.key == SPIN_AND_BLOCK)
			block();
	}
	return NULL;
}

static int start_workers(unsigned int n)
{
	pthread_t thread;
	int ret = 0;

	while (n-- && !ret)
		ret = -pthread_create(&thread, NULL, work, NULL);
	return ret;
}

static int submit_nops(unsigned int n)
{
	struct iocp_op ops[MAX];
	unsigned int i;

	for (i = 0; i < n; i++)
		iocp_prep_nop(&ops[i], NULL, NOTHING, NULL);
	return iocp_submit(port, ops, n, NULL) == (int)n ? 0 : -EIO;
}

static int post(unsigned int n, unsigned int key, unsigned int prio)
{
	struct iocp_packet p[MAX] = { { 0 } };
	unsigned int i;

	__atomic_store_n(&stop, false, __ATOMIC_RELAXED);
	for (i = 0; i < n; i++) {
		p[i].key = key;
		p[i].overlapped = i + 1;
		p[i].flags = prio << IOCP_PKT_PRIO_SHIFT;
	}
	return iocp_post(port, p, n) == (int)n ? 0 : -EIO;
}

static int take(unsigned int n)
{
	struct iocp_packet p[MAX];

	return iocp_wait(port, p, n, IOCP_NOWAIT) == (int)n ? 0 : -EIO;
}

static int share(void)
{
	pid_t pid = fork();

	if (pid)
		return pid < 0 ? -errno : 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

static int command(const char *line)
{
	struct iocp_port_params params = { .concurrency = 1 };
	unsigned int n = 0, key = 0, prio = IOCP_PRIO_DEFAULT;
	char what[16] = "";

	if (sscanf(line, "%15s %u %u %u", what, &n, &key, &prio) < 1 || n > MAX)
		return -EINVAL;
	if (!strcmp(what, "open")) {
		params.concurrency = n;
		return iocp_open(&port, &params);
	}
	if (!strcmp(what, "bare"))
		return open(IOCP_DEVICE_PATH, O_RDWR | O_CLOEXEC) < 0 ? -errno : 0;
	if (!port)
		return -EBADF;
	if (!strcmp(what, "workers"))
		return start_workers(n);
	if (!strcmp(what, "post"))
		return post(n, key, prio);
	if (!strcmp(what, "nop"))
		return submit_nops(n);
	if (!strcmp(what, "take"))
		return take(n);
	if (!strcmp(what, "detach"))
		return iocp_detach(port);
	if (!strcmp(what, "go"))
		return sem_post(&go) ? -errno : 0;
	if (!strcmp(what, "fork"))
		return share();
	if (!strcmp(what, "shutdown"))
		return iocp_shutdown(port, NULL);
	if (strcmp(what, "stop"))
		return -EINVAL;
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	return 0;
}

int main(void)
{
	char line[80];
	int ret;

	sem_init(&go, 0, 0);
	while (fgets(line, sizeof(line), stdin)) {
		ret = command(line);
		puts(ret ? strerror(-ret) : "ok");
		fflush(stdout);
	}
	return 0;
}
