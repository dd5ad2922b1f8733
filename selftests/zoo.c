// SPDX-License-Identifier: GPL-2.0-only
/*
 * zoo.c - every kind of file that there is: associated, read, written, cancelled
 * and let go.  What it answers is the file's own business; that each operation
 * ends once, the association ends with its LAST and nothing stays is ours.
 */
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "iocp_test.h"

PORT_FIXTURE(zoo, 4, 16)

#define FD	(self->port.fd)

/* What is written: it may end up in the kernel's log. */
#define WORDS	"iocp-vm: zoo\n\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

#define LAST	99

/*
 * One of each operation, left to itself for a moment; then the end of all.
 * Returns how many operations were accepted, or why there is no association.
 */
static int visit(struct __test_metadata *_metadata, int port, int file, const char *what)
{
	static char buf[16][32];
	bool seen[16] = { false };
	struct iovec iov[2] = { { buf[14], 7 }, { buf[15], 9 } };
	struct iocp_packet p;
	unsigned int i, accepted = 0;
	struct assoc as;
	int ret = assoc_add(port, file, 1, &as);

	if (ret) {
		EXPECT_TRUE(ret == -EOPNOTSUPP || ret == -ELOOP || ret == -EBADF) {
			TH_LOG("%s: %d", what, ret);
		}
		return ret;
	}
	for (i = 0; i < 10; i++) {
		struct iocp_op op = op_read(&as, i, buf[i], 16, 0);

		memcpy(buf[i], WORDS, sizeof(buf[i]));
		op.opcode = (int[]){ IOCP_OP_READ, IOCP_OP_WRITE, IOCP_OP_READV, IOCP_OP_WRITEV,
				     IOCP_OP_FSYNC }[i / 2];
		op.flags = i % 2 ? IOCP_OP_F_FORCE_PUNT | IOCP_OP_F_NOSIGNAL : IOCP_OP_F_NOSIGNAL;
		if (op.opcode == IOCP_OP_READV || op.opcode == IOCP_OP_WRITEV) {
			op.addr = addr(iov);
			op.len = 2;
		} else if (op.opcode == IOCP_OP_FSYNC) {
			op.addr = 0;
			op.len = 0;
		}
		ret = submit_queued(port, op);
		EXPECT_GE(0, ret);
		accepted += !ret;
		seen[i] = ret;
	}
	usleep(2000);
	EXPECT_EQ(0, assoc_del(port, &as, IOCP_DISASSOC_CANCEL | IOCP_DISASSOC_NOTIFY_LAST, LAST));
	for (i = 0; i <= accepted; i++) {
		ret = reap(port, &p, 1);
		ASSERT_EQ(1, ret) {
			TH_LOG("%s: after %u of %u", what, i, accepted);
		}
		if (i == accepted) {
			EXPECT_EQ(LAST, p.overlapped);
		} else {
			ASSERT_GT(10, p.overlapped) {
				TH_LOG("%s: LAST after %u of %u", what, i, accepted);
			}
			EXPECT_FALSE(seen[p.overlapped]);
			seen[p.overlapped] = true;
		}
	}
	return accepted;
}

/* Visits what could be opened, and says how it went. */
static void visit_and_close(struct __test_metadata *_metadata, int port, int file,
			    const char *what)
{
	int ret;

	if (file < 0) {
		printf("# %s: %s\n", what, strerror(errno));
		return;
	}
	ret = visit(_metadata, port, file, what);
	if (ret < 0)
		printf("# %s: %s\n", what, strerror(-ret));
	else
		printf("# %s: %d accepted\n", what, ret);
	fflush(stdout);
	close(file);
}

#define VISIT(file) visit_and_close(_metadata, FD, file, #file)

static int sys(long nr, long a, long b, long c, long d, long e)
{
	return syscall(nr, a, b, c, d, e);
}

static int epoll_of_itself(int port)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int inner = epoll_create1(EPOLL_CLOEXEC), outer = epoll_create1(EPOLL_CLOEXEC);

	epoll_ctl(inner, EPOLL_CTL_ADD, port, &ev);
	epoll_ctl(outer, EPOLL_CTL_ADD, inner, &ev);
	close(inner);
	return outer;
}

TEST_F_TIMEOUT(zoo, files_of_special_calls, 120)
{
	struct perf_event_attr perf = {
		.type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_CPU_CLOCK,
		.size = sizeof(perf),
	};
	union bpf_attr map = {
		.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1,
	};
	struct io_uring_params uring = { 0 };
	struct mq_attr mq = { .mq_maxmsg = 1, .mq_msgsize = 16 };
	int pfd[2];
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	ASSERT_EQ(0, pipe2(pfd, O_CLOEXEC));
	signal(SIGPIPE, SIG_IGN);

	VISIT(dup(pfd[0]));
	VISIT(dup(pfd[1]));
	VISIT(epoll_create1(0));
	VISIT(epoll_of_itself(FD));
	VISIT(eventfd(0, 0));
	VISIT(eventfd(1, EFD_NONBLOCK));
	VISIT(timerfd_create(CLOCK_MONOTONIC, 0));
	VISIT(signalfd(-1, &set, 0));
	VISIT(inotify_init1(0));
	VISIT(fanotify_init(FAN_CLASS_NOTIF, O_RDONLY));
	VISIT(memfd_create("zoo", 0));
	VISIT(sys(SYS_memfd_secret, 0, 0, 0, 0, 0));
	VISIT(sys(SYS_pidfd_open, getpid(), 0, 0, 0, 0));
	VISIT(sys(SYS_userfaultfd, O_NONBLOCK, 0, 0, 0, 0));
	VISIT(sys(SYS_perf_event_open, (long)&perf, 0, -1, -1, 0));
	VISIT(sys(SYS_bpf, BPF_MAP_CREATE, (long)&map, sizeof(map), 0, 0));
	VISIT(sys(SYS_io_uring_setup, 4, (long)&uring, 0, 0, 0));
	VISIT(sys(SYS_fsopen, (long)"tmpfs", 0, 0, 0, 0));
	VISIT(sys(SYS_open_tree, AT_FDCWD, (long)"/", 0, 0, 0));
	VISIT(mq_open("/iocp-zoo", O_RDWR | O_CREAT, 0600, &mq));
	mq_unlink("/iocp-zoo");
	VISIT(open("/", O_PATH));
	VISIT(open("/", O_RDONLY | O_DIRECTORY));
	VISIT(port_open());
	VISIT(dup(FD));
	close(pfd[0]);
	close(pfd[1]);
}

TEST_F_TIMEOUT(zoo, files_of_the_system, 120)
{
	static const char *const paths[] = {
		"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/kmsg",
		"/dev/ptmx", "/dev/mem", "/dev/rtc0", "/dev/hpet", "/dev/fuse", "/dev/net/tun",
		"/dev/loop-control", "/dev/cpu_dma_latency", "/dev/vga_arbiter", "/dev/nvram",
		"/dev/userfaultfd", "/dev/uinput", "/dev/rfkill", "/dev/nvme0", "/dev/cpu/0/msr",
		"/dev/snapshot", "/dev/autofs", "/dev/vhost-net", "/dev/mapper/control",
		"/proc/self/maps", "/proc/self/mem", "/proc/self/pagemap", "/proc/self/oom_score_adj",
		"/proc/self/ns/net", "/proc/self/mounts", "/proc/kcore", "/proc/kmsg",
		"/proc/pressure/cpu", "/proc/sys/kernel/ostype", "/proc/sys/fs/file-max",
		"/proc/interrupts", "/sys/kernel/uevent_seqnum", "/sys/fs/cgroup/cgroup.procs",
		"/sys/kernel/debug/iocp/objects", "/sys/kernel/tracing/trace_pipe",
		"/sys/kernel/tracing/trace",
	};
	unsigned int i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		/* What can be broken by writing is only read. */
		bool harmless = !strncmp(paths[i], "/dev/", 5) && strcmp(paths[i], "/dev/mem") &&
				strcmp(paths[i], "/dev/nvram") && strcmp(paths[i], "/dev/cpu/0/msr");

		visit_and_close(_metadata, FD, open(paths[i], (harmless ? O_RDWR : O_RDONLY) |
						    O_CLOEXEC | O_NOCTTY), paths[i]);
		visit_and_close(_metadata, FD, open(paths[i], O_RDONLY | O_CLOEXEC | O_NOCTTY |
						    O_NONBLOCK), paths[i]);
	}
}

TEST_F_TIMEOUT(zoo, sockets_of_every_family, 120)
{
	static const int types[] = {
		SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_RDM, SOCK_SEQPACKET, SOCK_DCCP, SOCK_PACKET,
	};
	int family, sv[2];
	unsigned int i;
	char what[64];

	signal(SIGPIPE, SIG_IGN);
	for (family = 0; family < 46; family++) {
		for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
			int s = socket(family, types[i] | SOCK_CLOEXEC, 0);

			if (s < 0)
				continue;
			snprintf(what, sizeof(what), "socket(%d, %d)", family, types[i]);
			visit_and_close(_metadata, FD, s, what);
		}
	}
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (socketpair(AF_UNIX, types[i] | SOCK_CLOEXEC, 0, sv))
			continue;
		snprintf(what, sizeof(what), "socketpair(%d)", types[i]);
		visit_and_close(_metadata, FD, sv[0], what);
		close(sv[1]);
	}
	/* One that listens, where reading is a mistake and poll waits for callers. */
	sv[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT_EQ(0, listen(sv[0], 4));
	visit_and_close(_metadata, FD, sv[0], "a socket that listens");
}

/* ---------------------------------------------------------------- io_uring */

struct uring {
	int fd;
	unsigned int *sq_tail, *sq_array, *cq_head, *cq_tail;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
};

static int uring_make(struct uring *u)
{
	struct io_uring_params p = { 0 };
	char *sq;

	u->fd = syscall(SYS_io_uring_setup, 4, &p);
	if (u->fd < 0)
		return -errno;
	sq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(*u->cqes), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_POPULATE, u->fd, IORING_OFF_SQ_RING);
	u->sqes = mmap(NULL, p.sq_entries * sizeof(*u->sqes), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, u->fd, IORING_OFF_SQES);
	if (sq == MAP_FAILED || u->sqes == MAP_FAILED)
		return -errno;
	u->sq_tail = (void *)(sq + p.sq_off.tail);
	u->sq_array = (void *)(sq + p.sq_off.array);
	u->cq_head = (void *)(sq + p.cq_off.head);
	u->cq_tail = (void *)(sq + p.cq_off.tail);
	u->cqes = (void *)(sq + p.cq_off.cqes);
	return 0;
}

/* Submits one, and waits for one if @wait.  Its result, or 1 if there is none yet. */
static int uring_run(struct uring *u, int opcode, int flags, int fd, void *buf, bool wait)
{
	unsigned int tail = *u->sq_tail, i = tail & 3;

	u->sqes[i] = (struct io_uring_sqe){
		.opcode = opcode, .flags = flags, .fd = fd, .addr = addr(buf), .len = buf ? 8 : 0,
		.poll32_events = opcode == IORING_OP_POLL_ADD ? POLLIN : 0,
	};
	u->sq_array[i] = i;
	__atomic_store_n(u->sq_tail, tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, u->fd, 1, wait, wait ? IORING_ENTER_GETEVENTS : 0, NULL,
		    0) != 1)
		return -errno;
	if (__atomic_load_n(u->cq_tail, __ATOMIC_ACQUIRE) == *u->cq_head)
		return 1;
	i = *u->cq_head & 7;
	__atomic_store_n(u->cq_head, *u->cq_head + 1, __ATOMIC_RELEASE);
	return u->cqes[i].res;
}

/* It can poll a port, as anything can, and nothing else. */
TEST_F(zoo, io_uring_on_the_port)
{
	struct iocp_packet p;
	struct uring u;
	int ret = uring_make(&u);
	char buf[8];

	if (ret)
		SKIP(return, "no io_uring: %s", strerror(-ret));
	/* With a packet there, or it would wait for one before it asks. */
	ASSERT_EQ(1, post(FD, 1));
	EXPECT_EQ(-EINVAL, uring_run(&u, IORING_OP_READ, 0, FD, buf, true));
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(1, uring_run(&u, IORING_OP_POLL_ADD, 0, FD, NULL, false));
	ASSERT_EQ(1, post(FD, 1));
	EXPECT_TRUE(WAIT_FOR(__atomic_load_n(u.cq_tail, __ATOMIC_ACQUIRE) != *u.cq_head));
	close(u.fd);
}

/*
 * The port is in the ring's table of files, the ring polls the port, and both fds
 * lie in messages that nobody reads: all of it goes with the process.
 */
TEST_F(zoo, io_uring_holds_the_port)
{
	struct uring u;
	pid_t pid;
	int ret = uring_make(&u);

	if (ret)
		SKIP(return, "no io_uring: %s", strerror(-ret));
	close(u.fd);
	port_close(&self->port);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct assoc as;
		struct port p;
		int sv[2];

		if (port_new(&p, 1, 0) || uring_make(&u) ||
		    socketpair(AF_UNIX, SOCK_STREAM, 0, sv) || assoc_add(p.fd, sv[0], 1, &as) ||
		    syscall(SYS_io_uring_register, u.fd, IORING_REGISTER_FILES, &p.fd, 1) ||
		    uring_run(&u, IORING_OP_POLL_ADD, IOSQE_FIXED_FILE, 0, NULL, false) != 1)
			_exit(1);
		close(p.fd);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &ret, 0));
	EXPECT_EQ(0, ret);
	EXPECT_EQ(0, objects_settle(&self->base));
	self->port.fd = -1;
}

TEST_HARNESS_MAIN
