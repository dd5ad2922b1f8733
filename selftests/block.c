// SPDX-License-Identifier: GPL-2.0-only
/*
 * block.c - a running thread blocks, and the kernel lets another run (CP-31,
 * CP-32, CP-34, CP-36), in ports that asked for IOCP_FEATURE_BLOCKING.
 *
 * An actor spins while it has nothing to do, so it stays active until it is told
 * to block.
 */
#include <linux/futex.h>
#include <poll.h>

#include "iocp_test.h"

enum action { SPIN, TAKE, READ_PIPE, YIELD, QUIT };

struct actor {
	pthread_t thread;
	int fd;
	int pipe[2];
	pid_t tid;
	int action;			/* of the controller; SPIN once it was done */
	u64 deadline;
	u32 flags;
	int ret;
	struct iocp_packet pkt;
	int (*block)(struct actor *a);	/* in place of reading the pipe */
};

static void actor_take(struct actor *a)
{
	struct iocp_enter e = {
		.flags = a->flags, .packets = addr(&a->pkt), .nr_packets = 1,
		.packet_size = sizeof(a->pkt), .deadline = a->deadline,
	};

	a->ret = enter(a->fd, &e);
}

static int block_in_pipe(struct actor *a)
{
	char c;

	return read(a->pipe[0], &c, 1) == 1 ? 0 : -errno;
}

static void *actor_main(void *arg)
{
	struct actor *a = arg;
	int action;

	__atomic_store_n(&a->tid, gettid(), __ATOMIC_RELEASE);
	while ((action = __atomic_load_n(&a->action, __ATOMIC_ACQUIRE)) != QUIT) {
		switch (action) {
		case TAKE:
			actor_take(a);
			break;
		case READ_PIPE:
			a->ret = (a->block ?: block_in_pipe)(a);
			break;
		case YIELD:
			sched_yield();
			continue;
		default:
			continue;
		}
		__atomic_store_n(&a->action, SPIN, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void tell(struct actor *a, int action)
{
	__atomic_store_n(&a->action, action, __ATOMIC_RELEASE);
}

static bool finished(struct actor *a)
{
	return __atomic_load_n(&a->action, __ATOMIC_ACQUIRE) == SPIN;
}

static int actor_start(struct actor *a, int fd)
{
	memset(a, 0, sizeof(*a));
	a->fd = fd;
	if (pipe2(a->pipe, O_CLOEXEC))
		return -errno;
	if (pthread_create(&a->thread, NULL, actor_main, a))
		return -EAGAIN;
	return WAIT_FOR(__atomic_load_n(&a->tid, __ATOMIC_ACQUIRE)) ? 0 : -ETIME;
}

static void actor_stop(struct actor *a)
{
	/* It may be blocked, if its test failed. */
	if (write(a->pipe[1], "", 1) == 1)
		WAIT_FOR(finished(a) || a->action == YIELD);
	tell(a, QUIT);
	pthread_join(a->thread, NULL);
	close(a->pipe[0]);
	close(a->pipe[1]);
}

#define MAX_A 3

#define BEGIN() do {							\
	unsigned int i;							\
									\
	ASSERT_EQ(0, objects_base(&self->base));			\
	memset(&self->port, 0, sizeof(self->port));			\
	self->port.setup.concurrency = 1;				\
	self->port.setup.ring_entries = 4;				\
	self->port.setup.features = IOCP_FEATURE_RING | IOCP_FEATURE_BLOCKING;	\
	ASSERT_EQ(0, port_create(&self->port));				\
	ASSERT_TRUE(self->port.setup.features & IOCP_FEATURE_BLOCKING);	\
	for (i = 0; i < MAX_A; i++) {					\
		ASSERT_EQ(0, actor_start(&self->a[i], self->port.fd));	\
	}								\
} while (0)

#define END() do {							\
	unsigned int i;							\
									\
	port_shutdown(self->port.fd, NULL);				\
	for (i = 0; i < MAX_A; i++)					\
		actor_stop(&self->a[i]);				\
	PORT_FIXTURE_TEARDOWN();					\
} while (0)

FIXTURE(block) {
	struct port port;
	struct objects base;
	struct actor a[MAX_A];
};

FIXTURE_SETUP(block)
{
	BEGIN();
}

FIXTURE_TEARDOWN(block)
{
	END();
}

#define FD	(self->port.fd)
#define A(n)	(&self->a[n])

#define TAKE_BY(n, when) do {						\
	A(n)->deadline = when;						\
	tell(A(n), TAKE);						\
} while (0)

#define GETS(n, value) do {						\
	ASSERT_TRUE(WAIT_FOR(finished(A(n))));				\
	ASSERT_EQ(1, A(n)->ret);					\
	ASSERT_EQ(value, A(n)->pkt.key);				\
} while (0)

#define TAKES(n, value) do {						\
	TAKE_BY(n, 0);							\
	GETS(n, value);							\
} while (0)

#define TIMES_OUT(n) do {						\
	TAKE_BY(n, 0);							\
	ASSERT_TRUE(WAIT_FOR(finished(A(n))));				\
	ASSERT_EQ(-ETIME, A(n)->ret);					\
} while (0)

#define PARK(n) do {							\
	u64 waiting_ = STAT(FD, waiting);				\
									\
	TAKE_BY(n, FOREVER);						\
	ASSERT_TRUE(WAIT_FOR(STAT(FD, waiting) == waiting_ + 1));	\
} while (0)

#define BLOCK(n) do {							\
	tell(A(n), READ_PIPE);						\
	ASSERT_TRUE(WAIT_FOR(thread_sleeps(A(n)->tid)));		\
} while (0)

#define WAKE(n) do {							\
	ASSERT_EQ(1, write(A(n)->pipe[1], "x", 1));			\
	ASSERT_TRUE(WAIT_FOR(finished(A(n))));				\
	ASSERT_EQ(0, A(n)->ret);					\
} while (0)

static bool thread_sleeps(pid_t tid)
{
	char path[64], text[512], *p;
	int fd, n;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = 0;
	p = strrchr(text, ')');
	return p && (p[2] == 'S' || p[2] == 'D');
}

/* Only who asks for it has it, and only where the administrator lets him. */
TEST_F(block, is_a_feature)
{
	struct port p = { .setup.concurrency = 1 };
	struct iocp_query q;

	ASSERT_EQ(0, port_query(FD, &q));
	EXPECT_TRUE(q.features & IOCP_FEATURE_BLOCKING);
	ASSERT_EQ(0, port_create(&p));
	EXPECT_FALSE(p.setup.features & IOCP_FEATURE_BLOCKING);
	port_close(&p);
}

/* CP-34: each block releases one thread, the newest, with the oldest packet. */
TEST_F(block, releases_one)
{
	ASSERT_EQ(1, post(FD, 1));
	TAKES(0, 1);
	PARK(1);
	PARK(2);
	ASSERT_EQ(2, post_range(FD, 2, 2));
	EXPECT_EQ(2, STAT(FD, queued));
	EXPECT_EQ(1, STAT(FD, active));
	BLOCK(0);
	GETS(2, 2);
	EXPECT_EQ(1, STAT(FD, active));
	EXPECT_EQ(1, STAT(FD, queued));
	EXPECT_EQ(1, STAT(FD, waiting));
	EXPECT_EQ(1, STAT(FD, block_releases));
	BLOCK(2);
	GETS(1, 3);
	EXPECT_EQ(2, STAT(FD, block_releases));
	EXPECT_LE(2, STAT(FD, blocks));
	WAKE(0);
	WAKE(2);
}

/* CP-33: a packet that comes while the only running thread is blocked is handed over. */
TEST_F(block, packet_comes_later)
{
	ASSERT_EQ(1, post(FD, 1));
	TAKES(0, 1);
	PARK(1);
	BLOCK(0);
	EXPECT_EQ(0, STAT(FD, active));
	ASSERT_EQ(1, post(FD, 2));
	GETS(1, 2);
	EXPECT_EQ(1, STAT(FD, active));
	EXPECT_EQ(0, STAT(FD, block_releases));
	WAKE(0);
}

/* Nobody waits, or nothing waits: a block is just counted. */
TEST_F(block, with_nothing_to_release)
{
	ASSERT_EQ(1, post(FD, 1));
	TAKES(0, 1);
	PARK(1);
	BLOCK(0);
	EXPECT_EQ(0, STAT(FD, active));
	WAKE(0);
	EXPECT_EQ(1, STAT(FD, active));
	EXPECT_EQ(0, STAT(FD, block_releases));
	EXPECT_EQ(1, STAT(FD, waiting));
}

/* CP-36: who wakes is counted at once, and who asks while too many run waits. */
TEST_F(block, over_the_limit)
{
	ASSERT_EQ(1, post(FD, 1));
	TAKES(0, 1);
	PARK(1);
	BLOCK(0);
	ASSERT_EQ(2, post_range(FD, 2, 2));
	GETS(1, 2);
	EXPECT_EQ(0, ring_must_enter(&self->port) & IOCP_RING_MUST_ENTER_LIMIT);
	WAKE(0);
	EXPECT_EQ(2, STAT(FD, active));
	EXPECT_NE(0, ring_must_enter(&self->port) & IOCP_RING_MUST_ENTER_LIMIT);
	TIMES_OUT(0);
	EXPECT_EQ(1, STAT(FD, queued));
	PARK(0);
	EXPECT_EQ(1, STAT(FD, active));
	EXPECT_EQ(0, ring_must_enter(&self->port) & IOCP_RING_MUST_ENTER_LIMIT);
	BLOCK(1);
	GETS(0, 3);
	WAKE(1);
}

/* Waiting on the port is no block, and a thread that left it is nobody's. */
TEST_F(block, not_of_the_port)
{
	PARK(0);
	EXPECT_EQ(0, STAT(FD, blocks));
	ASSERT_EQ(1, post(FD, 1));
	GETS(0, 1);
	EXPECT_EQ(0, STAT(FD, blocks));
	A(1)->flags = IOCP_ENTER_NO_ASSOC;
	ASSERT_EQ(1, post(FD, 2));
	TAKES(1, 2);
	BLOCK(1);
	EXPECT_EQ(0, STAT(FD, blocks));
	EXPECT_EQ(1, STAT(FD, active));
	WAKE(1);
	EXPECT_EQ(1, STAT(FD, active));
}

/* CP-31: spinning, yielding and being preempted are running. */
TEST_F(block, running_is_no_block)
{
	u64 end;

	ASSERT_EQ(1, post(FD, 1));
	TAKES(0, 1);
	PARK(1);
	ASSERT_EQ(1, post(FD, 2));
	tell(A(0), YIELD);
	for (end = in_ms(50); now_ns() < end;)
		usleep(1000);
	tell(A(0), SPIN);
	for (end = in_ms(50); now_ns() < end;)
		;
	EXPECT_EQ(1, STAT(FD, waiting));
	EXPECT_EQ(1, STAT(FD, queued));
	EXPECT_EQ(0, STAT(FD, blocks));
}

static int block_in_sleep(struct actor *a)
{
	usleep(20000);
	return 0;
}

static int block_in_futex(struct actor *a)
{
	static u32 word;
	struct timespec ts = { .tv_nsec = 20000000 };

	return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &ts, NULL, 0) == -1 &&
	       errno == ETIMEDOUT ? 0 : -1;
}

static int block_in_poll(struct actor *a)
{
	struct pollfd p = { .fd = a->pipe[0], .events = POLLIN };

	return poll(&p, 1, 20);
}

/* CP-30, TR-10: as a guest of another port, or of its own. */
static int block_in_a_port(struct actor *a)
{
	struct iocp_packet p;
	struct port other;
	int ret;

	if (port_new(&other, 1, 0))
		return -1;
	ret = reap_until(other.fd, &p, 1, in_ms(20));
	port_close(&other);
	return ret == -ETIME ? 0 : -1;
}

static int block_in_child(struct actor *a)
{
	pid_t pid = fork();

	if (!pid) {
		/* On a busy machine the parent may be long in coming. */
		WAIT_FOR(thread_sleeps(a->tid));
		usleep(20000);
		_exit(0);
	}
	return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

/* A page that is not in memory: of a slow device, lest it be read before anybody waits. */
static int block_in_fault(struct actor *a)
{
	int fd = open(getenv("IOCP_NULLB_SLOW"), O_RDONLY | O_CLOEXEC), ret = -1;
	volatile char *map;

	if (fd < 0)
		return -errno;
	map = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
	if (map != MAP_FAILED && !posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED)) {
		(void)*map;
		ret = 0;
	}
	munmap((void *)map, 1);
	close(fd);
	return ret;
}

static int block_in_fsync(struct actor *a)
{
	int fd = tmp_file(getenv("IOCP_EXT4"), 0), ret = 0;

	if (fd < 0)
		return fd;
	if (pwrite(fd, "x", 1, 1 << 20) != 1 || fsync(fd))
		ret = -errno;
	close(fd);
	return ret;
}

/* CP-32c: a block is a block, wherever it happens. */
FIXTURE(way) {
	struct port port;
	struct objects base;
	struct actor a[MAX_A];
};

FIXTURE_VARIANT(way) {
	int (*block)(struct actor *a);
	const char *needs;
};

FIXTURE_SETUP(way)
{
	BEGIN();
}

FIXTURE_TEARDOWN(way)
{
	END();
}

FIXTURE_VARIANT_ADD(way, sleep) { .block = block_in_sleep };
FIXTURE_VARIANT_ADD(way, futex) { .block = block_in_futex };
FIXTURE_VARIANT_ADD(way, poll) { .block = block_in_poll };
FIXTURE_VARIANT_ADD(way, other_port) { .block = block_in_a_port };
FIXTURE_VARIANT_ADD(way, child) { .block = block_in_child };
FIXTURE_VARIANT_ADD(way, disk) { .block = block_in_fsync, .needs = "IOCP_EXT4" };
FIXTURE_VARIANT_ADD(way, page_fault) {
	.block = block_in_fault, .needs = "IOCP_NULLB_SLOW"
};

TEST_F(way, to_block)
{
	if (variant->needs && !getenv(variant->needs))
		SKIP(return, "%s is not set", variant->needs);
	ASSERT_EQ(1, post(FD, 1));
	TAKES(0, 1);
	PARK(1);
	ASSERT_EQ(1, post(FD, 2));
	EXPECT_EQ(1, STAT(FD, queued));
	A(0)->block = variant->block;
	tell(A(0), READ_PIPE);
	GETS(1, 2);
	ASSERT_TRUE(WAIT_FOR(finished(A(0))));
	EXPECT_EQ(0, A(0)->ret);
	EXPECT_EQ(1, STAT(FD, block_releases));
	EXPECT_EQ(2, STAT(FD, active));
}

/*
 * CP-34, CP-39: exit and kill -9 of a process with a blocked worker leave the
 * counts right, and the packets to others.
 */
TEST_F(block, killed_while_blocked)
{
	unsigned int i, n = rounds(20);
	struct iocp_packet p;

	for (i = 0; i < n; i++) {
		pid_t pid;

		ASSERT_EQ(1, post(FD, i));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			struct actor a = { .fd = FD };

			actor_take(&a);
			if (i & 1)
				usleep(1000);
			pause();
			_exit(0);
		}
		ASSERT_TRUE(WAIT_FOR(!STAT(FD, queued)));
		if (i & 2)
			ASSERT_TRUE(WAIT_FOR(!STAT(FD, active)));
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
		ASSERT_TRUE(WAIT_FOR(!STAT(FD, active)));
	}
	EXPECT_EQ(-ETIME, reap_until(FD, &p, 1, 0));
}

/*
 * Each packet exactly once and none forgotten, whatever blocks when: four
 * threads, some packets taken from ENTER and then slept over, yielded over or
 * worked on.
 */
struct crowd {
	int fd;
	u32 packets;
	unsigned char *seen;
	u32 nr;
};

static void *crowd_main(void *arg)
{
	struct crowd *c = arg;
	struct actor a = { .fd = c->fd, .deadline = FOREVER };

	for (;;) {
		u64 key;

		actor_take(&a);
		if (a.ret != 1)
			return (void *)(long)a.ret;
		key = a.pkt.key;
		if (key < c->packets)
			__atomic_add_fetch(&c->seen[key], 1, __ATOMIC_RELAXED);
		__atomic_add_fetch(&c->nr, 1, __ATOMIC_RELAXED);
		switch (key % 4) {
		case 0:
			usleep(50);
			break;
		case 1:
			sched_yield();
			break;
		}
	}
}

TEST_F_TIMEOUT(block, nothing_is_lost, 60)
{
	struct crowd c = { .fd = FD, .packets = rounds(20000) };
	u64 posted = 0, lost = 0;
	pthread_t t[4];
	unsigned int i;
	void *ret;

	c.seen = calloc(c.packets, 1);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, crowd_main, &c));
	while (posted < c.packets) {
		/* small heaps, so that the queue runs empty again and again */
		u32 heap = 1 + posted % 7;

		ASSERT_LT(0, post_range(FD, posted, heap));
		posted += heap;
		ASSERT_TRUE(WAIT_FOR(__atomic_load_n(&c.nr, __ATOMIC_RELAXED) + 20 >= posted)) {
			TH_LOG("%u of %llu, queued %llu, active %llu, waiting %llu", c.nr,
			       (unsigned long long)posted, (unsigned long long)STAT(FD, queued),
			       (unsigned long long)STAT(FD, active),
			       (unsigned long long)STAT(FD, waiting));
		}
	}
	ASSERT_TRUE(WAIT_FOR(c.nr >= posted));
	/* All wait again, and are counted right. */
	EXPECT_TRUE(WAIT_FOR(STAT(FD, waiting) == ARRAY_SIZE(t)));
	EXPECT_EQ(0, STAT(FD, active));
	EXPECT_LT(0, STAT(FD, blocks));
	port_shutdown(FD, NULL);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		ASSERT_EQ(0, pthread_join(t[i], &ret));
		EXPECT_EQ(-ESHUTDOWN, (long)ret);
	}
	for (i = 0; i < c.packets; i++)
		lost += c.seen[i] != 1;
	EXPECT_EQ(0, lost);
	EXPECT_EQ(posted, c.nr);
}

TEST_HARNESS_MAIN
