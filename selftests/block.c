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
#include <sys/ptrace.h>

#include "iocp_test.h"

enum action { SPIN, TAKE, READ_PIPE, YIELD, LEAVE, QUIT };

struct actor {
	pthread_t thread;
	int fd;
	int pipe[2];
	pid_t tid;
	int action;			/* of the controller; SPIN once it was done */
	u64 deadline;
	u32 flags;
	int ret;
	u32 state;			/* IOCP_ENTER_*, of the last call */
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
	a->state = e.state;
}

static int block_in_pipe(struct actor *a)
{
	char c;

	return read(a->pipe[0], &c, 1) == 1 ? 0 : -errno;
}

static int block_in_sleep(struct actor *a)
{
	usleep(20000);
	return 0;
}

/* As short as a sleep can be. */
static int block_in_nothing(struct actor *a)
{
	struct timespec ts = { .tv_nsec = 1 };

	return nanosleep(&ts, NULL);
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
		case LEAVE:
			a->ret = call(a->fd, IOCP_IOC_DETACH, NULL);
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

#define BEGIN(more_features, delay_us) do {				\
	unsigned int i;							\
									\
	ASSERT_EQ(0, objects_base(&self->base));			\
	memset(&self->port, 0, sizeof(self->port));			\
	self->port.setup.concurrency = 1;				\
	self->port.setup.ring_entries = 4;				\
	self->port.setup.features = IOCP_FEATURE_BLOCKING | (more_features);	\
	self->port.setup.block_delay_us = delay_us;			\
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

#define ACTOR_FIXTURE(name, more_features, delay_us)			\
FIXTURE(name) {								\
	struct port port;						\
	struct objects base;						\
	struct actor a[MAX_A];						\
};									\
									\
FIXTURE_SETUP(name)							\
{									\
	BEGIN(more_features, delay_us);					\
}									\
									\
FIXTURE_TEARDOWN(name)							\
{									\
	END();								\
}

#define DELAY_MS 500

ACTOR_FIXTURE(block, 0, 0)
ACTOR_FIXTURE(strict, IOCP_FEATURE_STRICT, 0)
ACTOR_FIXTURE(delay, 0, DELAY_MS * 1000)
ACTOR_FIXTURE(way, 0, 0)

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
	char state = thread_state(tid);

	return state == 'S' || state == 'D';
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
TEST_F(block, CP34_releases_one)
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
TEST_F(block, CP33_packet_comes_later)
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
TEST_F(block, CP34_with_nothing_to_release)
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
TEST_F(block, CP36_over_the_limit)
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
TEST_F(block, CP31_not_of_the_port)
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
TEST_F(block, CP31_running_is_no_block)
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

/* CP-30: it is the call that associates; also one that ends without a packet. */
TEST_F(block, CP30_the_call_associates)
{
	EXPECT_EQ(0, STAT(FD, workers));
	TIMES_OUT(0);
	EXPECT_EQ(1, STAT(FD, workers));
	TIMES_OUT(1);
	EXPECT_EQ(2, STAT(FD, workers));
	TIMES_OUT(1);
	EXPECT_EQ(2, STAT(FD, workers));
	A(2)->flags = IOCP_ENTER_NO_ASSOC;
	TIMES_OUT(2);
	EXPECT_EQ(2, STAT(FD, workers));
}

/* CP-35: the running thread takes the next packet, also while another waits. */
TEST_F(block, CP35_running_thread_goes_on)
{
	ASSERT_EQ(1, post(FD, 1));
	TAKES(0, 1);
	PARK(1);
	ASSERT_EQ(2, post_range(FD, 2, 2));
	TAKES(0, 2);
	TAKES(0, 3);
	EXPECT_EQ(1, STAT(FD, waiting));
	EXPECT_EQ(0, STAT(FD, handed));
}

/* CP-37, CP-38: with one running a newcomer times out, and then runs all the same. */
TEST_F(block, CP37_newcomer_to_a_full_port)
{
	ASSERT_EQ(2, post_range(FD, 1, 2));
	TAKES(0, 1);
	TIMES_OUT(1);
	EXPECT_EQ(2, STAT(FD, active));
	/* When it blocks it lets nobody run: there is one still. */
	BLOCK(1);
	EXPECT_EQ(1, STAT(FD, active));
	EXPECT_EQ(1, STAT(FD, queued));
	WAKE(1);
}

/* CP-32b, CP-34: going to another port lets the next one run. */
TEST_F(block, CP34_moving_releases)
{
	struct port other;

	ASSERT_EQ(0, port_new(&other, 1, 0));
	ASSERT_EQ(1, post(FD, 1));
	TAKES(0, 1);
	PARK(1);
	ASSERT_EQ(1, post(FD, 2));
	A(0)->fd = other.fd;
	TIMES_OUT(0);
	GETS(1, 2);
	EXPECT_EQ(1, STAT(FD, active));
	EXPECT_EQ(1, STAT(other.fd, active));
	A(0)->fd = FD;
	port_close(&other);
}

/* The counters of STATS that tell how the rule worked out. */
TEST_F(block, counts_of_the_limit)
{
	struct iocp_packet p;
	u64 over;

	ASSERT_EQ(1, post(FD, 1));
	/* Nobody was there for it. */
	EXPECT_EQ(1, STAT(FD, wanted));
	TAKES(0, 1);
	ASSERT_EQ(1, post(FD, 2));
	EXPECT_EQ(1, STAT(FD, wanted));
	BLOCK(0);
	EXPECT_EQ(2, STAT(FD, wanted));
	EXPECT_EQ(0, STAT(FD, over_limits));
	TAKES(1, 2);
	EXPECT_EQ(1, STAT(FD, max_active));
	WAKE(0);
	EXPECT_EQ(2, STAT(FD, max_active));
	EXPECT_EQ(1, STAT(FD, over_limits));
	usleep(2000);
	over = STAT(FD, over_limit_ns);
	EXPECT_LE(2000000, over);
	usleep(2000);
	EXPECT_LE(over + 2000000, STAT(FD, over_limit_ns));
	BLOCK(0);
	over = STAT(FD, over_limit_ns);
	usleep(2000);
	EXPECT_EQ(over, STAT(FD, over_limit_ns));
	/* Taken from the ring, as by who runs. */
	ASSERT_EQ(1, post(FD, 3));
	ASSERT_TRUE(WAIT_FOR(!ring_must_enter(&self->port)));
	EXPECT_EQ(1, ring_take(&self->port, &p, 1));
	EXPECT_EQ(1, STAT(FD, ring_taken));
	EXPECT_EQ(2, STAT(FD, taken));
	WAKE(0);
	EXPECT_EQ(2, STAT(FD, over_limits));
}

/* WANT_THREAD: packets wait, nobody else does, and one more might run. */
TEST_F(block, want_thread_when_all_are_blocked)
{
	u64 i;

	ASSERT_EQ(3, post_range(FD, 1, 3));
	for (i = 0; i < 2; i++) {
		TAKES(i, i + 1);
		EXPECT_EQ(IOCP_ENTER_LAST_WAITER | IOCP_ENTER_MORE, A(i)->state);
		BLOCK(i);
	}
	/* As a guest it does not count itself. */
	A(2)->flags = IOCP_ENTER_NO_ASSOC;
	ASSERT_EQ(1, post(FD, 4));
	TAKES(2, 3);
	EXPECT_EQ(IOCP_ENTER_LAST_WAITER | IOCP_ENTER_MORE | IOCP_ENTER_WANT_THREAD, A(2)->state);
	WAKE(0);
	WAKE(1);
}

/* Releases whose blocker was back within 50 us, and those that were worth it. */
TEST_F(block, short_blocks)
{
	unsigned int i;

	BLOCK(2);	/* two processors for the other two */
	ASSERT_EQ(1, post(FD, 0));
	TAKES(1, 0);
	PARK(0);
	ASSERT_EQ(1, post(FD, 1));
	BLOCK(1);
	GETS(0, 1);
	usleep(1000);
	WAKE(1);
	EXPECT_EQ(1, STAT(FD, block_releases));
	EXPECT_EQ(0, STAT(FD, short_blocks));

	A(1)->block = block_in_nothing;
	for (i = 0; i < rounds(300) && !STAT(FD, short_blocks); i++) {
		PARK(0);
		ASSERT_EQ(1, post(FD, i));
		do {
			tell(A(1), READ_PIPE);
			ASSERT_TRUE(WAIT_FOR(finished(A(1))));
			/* it may be over before the thread was switched away from */
		} while (STAT(FD, queued));
		GETS(0, i);
	}
	A(1)->block = NULL;
	WAKE(2);
	EXPECT_EQ(i + 1, STAT(FD, block_releases));
	EXPECT_GE(1, STAT(FD, short_blocks));
	if (!STAT(FD, short_blocks))
		SKIP(return, "no thread was back within 50 us on this machine");
}

/* What fdinfo says is what STATS says. */
TEST_F(block, fdinfo_is_STATS)
{
	char path[64], line[128], name[64];
	struct iocp_stats st;
	unsigned int fields = 0;
	struct port fresh;
	bool live = false;
	u64 value, want;
	FILE *f;

	ASSERT_EQ(3, post_range(FD, 1, 3));
	TAKES(0, 1);
	ASSERT_EQ(0, port_stats(FD, &st));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", FD);
	f = fopen(path, "re");
	ASSERT_NE(NULL, f);
	while (fgets(line, sizeof(line), f)) {
		live |= !strcmp(line, "iocp-state:\tlive\n");
		if (sscanf(line, "iocp-%63[^:]:\t%llu", name, &value) != 2 ||
		    !strcmp(name, "port"))
			continue;
		fields++;
#define SAME(field)	if (!strcmp(name, #field)) want = st.field
		want = ~value;
		SAME(concurrency);
		SAME(active);
		SAME(waiting);
		SAME(assocs);
		SAME(inflight);
		SAME(posted);
		SAME(queued);
		SAME(completed);
		SAME(posts);
		SAME(handed);
		SAME(taken);
		SAME(punted);
		SAME(given_back);
		SAME(dropped);
		SAME(ring_broken);
		SAME(blocks);
		SAME(block_releases);
		SAME(short_blocks);
		SAME(wanted);
		SAME(ring_taken);
		SAME(over_limit_ns);
		SAME(over_limits);
		SAME(max_active);
		SAME(workers);
		EXPECT_EQ(want, value) {
			TH_LOG("%s", name);
		}
	}
	fclose(f);
	EXPECT_TRUE(live);
	EXPECT_EQ(24, fields);

	/* Before SETUP there is nothing to tell. */
	fresh.fd = port_open();
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fresh.fd);
	f = fopen(path, "re");
	ASSERT_NE(NULL, f);
	for (fields = 0; fgets(line, sizeof(line), f);)
		fields += !strncmp(line, "iocp-", 5);
	EXPECT_EQ(2, fields);
	fclose(f);
	close(fresh.fd);
}

/*
 * TR-11: who came back over the limit lets those that wait go first.  Without
 * STRICT it would take the packet itself (CP-35), as in CP36_over_the_limit.
 */
TEST_F(strict, TR11_who_came_back_goes_last)
{
	ASSERT_EQ(1, post(FD, 1));
	TAKES(0, 1);
	PARK(1);
	BLOCK(0);
	ASSERT_EQ(1, post(FD, 2));
	GETS(1, 2);
	WAKE(0);
	EXPECT_EQ(2, STAT(FD, active));
	ASSERT_EQ(2, post_range(FD, 3, 2));
	/* Over the limit: this one has to wait, although it is not its fault (CP-36). */
	PARK(1);
	EXPECT_EQ(1, STAT(FD, active));
	/* Neither may the other take from the ring ... */
	EXPECT_NE(0, ring_must_enter(&self->port) & IOCP_RING_MUST_ENTER_LIMIT);
	/* ... nor does it get the packet: who waited does. */
	TAKE_BY(0, FOREVER);
	GETS(1, 3);
	EXPECT_FALSE(finished(A(0)));
	/* written after the packet was handed over */
	EXPECT_TRUE(WAIT_FOR(!(ring_must_enter(&self->port) & IOCP_RING_MUST_ENTER_LIMIT)));
	BLOCK(1);
	GETS(0, 4);
	WAKE(1);
}

/* With nobody to go first there is nothing to wait for. */
TEST_F(strict, TR11_nobody_waits)
{
	ASSERT_EQ(2, post_range(FD, 1, 2));
	TAKES(0, 1);
	BLOCK(0);
	TAKES(1, 2);
	WAKE(0);
	ASSERT_EQ(1, post(FD, 3));
	BLOCK(1);
	TAKES(0, 3);
	EXPECT_EQ(0, ring_must_enter(&self->port) & IOCP_RING_MUST_ENTER_LIMIT);
	WAKE(1);
	/* A debt goes with the thread. */
	EXPECT_NE(0, ring_must_enter(&self->port) & IOCP_RING_MUST_ENTER_LIMIT);
	tell(A(1), LEAVE);
	ASSERT_TRUE(WAIT_FOR(finished(A(1))));
	EXPECT_EQ(0, A(1)->ret);
	EXPECT_EQ(0, ring_must_enter(&self->port) & IOCP_RING_MUST_ENTER_LIMIT);
	EXPECT_EQ(1, STAT(FD, active));
}

/* With a delay only a block that lasts lets another run. */
TEST_F(delay, a_short_block_releases_nobody)
{
	ASSERT_EQ(1, post(FD, 1));
	TAKES(0, 1);
	PARK(1);
	ASSERT_EQ(1, post(FD, 2));
	A(0)->block = block_in_sleep;
	tell(A(0), READ_PIPE);
	ASSERT_TRUE(WAIT_FOR(finished(A(0))));
	EXPECT_LE(1, STAT(FD, blocks));
	EXPECT_EQ(0, STAT(FD, block_releases));
	EXPECT_EQ(0, STAT(FD, over_limits));
	EXPECT_EQ(1, STAT(FD, active));
	EXPECT_EQ(1, STAT(FD, queued));
}

TEST_F(delay, a_long_block_releases_one)
{
	u64 start;

	ASSERT_EQ(1, post(FD, 1));
	TAKES(0, 1);
	PARK(1);
	ASSERT_EQ(1, post(FD, 2));
	start = now_ns();
	BLOCK(0);
	GETS(1, 2);
	EXPECT_LE(DELAY_MS * NSEC_PER_MSEC, now_ns() - start);
	EXPECT_EQ(1, STAT(FD, block_releases));
	EXPECT_EQ(1, STAT(FD, active));
	/* Also a packet that comes while it counts as running waits for the delay. */
	PARK(2);
	start = now_ns();
	BLOCK(1);
	ASSERT_EQ(1, post(FD, 3));
	GETS(2, 3);
	EXPECT_LE(DELAY_MS * NSEC_PER_MSEC, now_ns() - start);
	WAKE(0);
	WAKE(1);
	EXPECT_EQ(3, STAT(FD, active));
}

/* Its thread may go while the timer is under way, and to another port. */
TEST_F(delay, leaving_with_the_timer_set)
{
	struct port other;
	unsigned int i;

	ASSERT_EQ(0, port_new(&other, 1, 0));
	A(0)->block = block_in_sleep;
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(1, post(FD, i));
		TAKES(0, i);
		tell(A(0), READ_PIPE);
		ASSERT_TRUE(WAIT_FOR(finished(A(0))));
		if (i & 1) {
			A(0)->fd = other.fd;
			TIMES_OUT(0);
			A(0)->fd = FD;
		} else {
			tell(A(0), LEAVE);
			ASSERT_TRUE(WAIT_FOR(finished(A(0))));
			EXPECT_EQ(0, A(0)->ret);
		}
		EXPECT_EQ(0, STAT(FD, active));
	}
	port_close(&other);
	usleep(DELAY_MS * 1000 + 50000);
	EXPECT_EQ(0, STAT(FD, active));
	EXPECT_EQ(0, STAT(FD, block_releases));
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
FIXTURE_VARIANT(way) {
	int (*block)(struct actor *a);
	const char *needs;
};

FIXTURE_VARIANT_ADD(way, sleep) { .block = block_in_sleep };
FIXTURE_VARIANT_ADD(way, futex) { .block = block_in_futex };
FIXTURE_VARIANT_ADD(way, poll) { .block = block_in_poll };
FIXTURE_VARIANT_ADD(way, other_port) { .block = block_in_a_port };
FIXTURE_VARIANT_ADD(way, child) { .block = block_in_child };
FIXTURE_VARIANT_ADD(way, disk) { .block = block_in_fsync, .needs = "IOCP_EXT4" };
FIXTURE_VARIANT_ADD(way, page_fault) {
	.block = block_in_fault, .needs = "IOCP_NULLB_SLOW"
};

TEST_F(way, CP32c_to_block)
{
	int tries;

	if (variant->needs && !getenv(variant->needs))
		SKIP(return, "%s is not set", variant->needs);
	ASSERT_EQ(1, post(FD, 1));
	TAKES(0, 1);
	PARK(1);
	ASSERT_EQ(1, post(FD, 2));
	EXPECT_EQ(1, STAT(FD, queued));
	A(0)->block = variant->block;
	/* A machine that stalls for the 20 ms need not wait for them: then again. */
	for (tries = 0; tries < 10 && !STAT(FD, blocks); tries++) {
		tell(A(0), READ_PIPE);
		ASSERT_TRUE(WAIT_FOR(finished(A(0))));
		EXPECT_EQ(0, A(0)->ret);
	}
	EXPECT_LT(0, STAT(FD, blocks));
	GETS(1, 2);
	EXPECT_EQ(1, STAT(FD, block_releases));
	EXPECT_EQ(2, STAT(FD, active));
}

/* The same for what is done to a thread from outside, so to another process. */
FIXTURE(outside) {
	struct port port;
	struct objects base;
	struct actor a[MAX_A];
	pid_t pid;
};

static int stop_by_signal(pid_t pid, bool on)
{
	return kill(pid, on ? SIGSTOP : SIGCONT);
}

static int stop_by_ptrace(pid_t pid, bool on)
{
	int status;

	if (!on)
		return ptrace(PTRACE_DETACH, pid, 0, 0);
	if (ptrace(PTRACE_SEIZE, pid, 0, 0) || ptrace(PTRACE_INTERRUPT, pid, 0, 0))
		return -1;
	return waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status) ? 0 : -1;
}

#define CGROUP "/sys/fs/cgroup/iocp-block"

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = -1;

	if (fd < 0)
		return -1;
	if (write(fd, text, strlen(text)) == (ssize_t)strlen(text))
		ret = 0;
	close(fd);
	return ret;
}

static int stop_by_freezer(pid_t pid, bool on)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	if (on && ((mkdir(CGROUP, 0755) && errno != EEXIST) ||
		   write_file(CGROUP "/cgroup.procs", text)))
		return -1;
	return write_file(CGROUP "/cgroup.freeze", on ? "1" : "0");
}

FIXTURE_VARIANT(outside) {
	int (*stop)(pid_t pid, bool on);
};

FIXTURE_SETUP(outside)
{
	BEGIN(0, 0);
}

FIXTURE_TEARDOWN(outside)
{
	if (self->pid > 0) {
		kill(self->pid, SIGKILL);
		waitpid(self->pid, NULL, 0);
	}
	rmdir(CGROUP);
	END();
}

FIXTURE_VARIANT_ADD(outside, signal) { .stop = stop_by_signal };
FIXTURE_VARIANT_ADD(outside, ptrace) { .stop = stop_by_ptrace };
FIXTURE_VARIANT_ADD(outside, freezer) { .stop = stop_by_freezer };

TEST_F(outside, CP32c_stopped_is_blocked)
{
	if (variant->stop == stop_by_freezer && access("/sys/fs/cgroup/cgroup.procs", W_OK))
		SKIP(return, "no cgroups at /sys/fs/cgroup");
	ASSERT_EQ(1, post(FD, 1));
	self->pid = fork();
	ASSERT_LE(0, self->pid);
	if (!self->pid) {
		struct actor a = { .fd = FD };

		actor_take(&a);
		for (;;)
			;
	}
	ASSERT_TRUE(WAIT_FOR(!STAT(FD, queued)));
	PARK(1);
	ASSERT_EQ(1, post(FD, 2));
	EXPECT_EQ(1, STAT(FD, active));
	EXPECT_EQ(1, STAT(FD, queued));
	ASSERT_EQ(0, variant->stop(self->pid, true)) {
		TH_LOG("%s", strerror(errno));
	}
	GETS(1, 2);
	EXPECT_EQ(1, STAT(FD, active));
	EXPECT_EQ(1, STAT(FD, block_releases));
	ASSERT_EQ(0, variant->stop(self->pid, false));
	EXPECT_TRUE(WAIT_FOR(STAT(FD, active) == 2));
}

struct dozer {
	int fd;
	bool is_worker, stop;
};

static void *dozer_main(void *arg)
{
	struct actor a = { .fd = ((struct dozer *)arg)->fd };
	struct dozer *d = arg;

	actor_take(&a);
	__atomic_store_n(&d->is_worker, a.ret == -ETIME, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&d->stop, __ATOMIC_ACQUIRE))
		block_in_nothing(&a);
	return NULL;
}

/* The port and its ring go while their workers block all the time. */
TEST_F(block, the_port_goes_while_they_block)
{
	unsigned int i, j, n = rounds(20);

	for (i = 0; i < n; i++) {
		struct port p = {
			.setup.concurrency = 2, .setup.ring_entries = 8,
			.setup.features = IOCP_FEATURE_BLOCKING,
		};
		struct dozer d[4];
		pthread_t t[4];

		ASSERT_EQ(0, port_create(&p));
		for (j = 0; j < ARRAY_SIZE(d); j++) {
			d[j] = (struct dozer){ .fd = p.fd };
			ASSERT_EQ(0, pthread_create(&t[j], NULL, dozer_main, &d[j]));
			ASSERT_TRUE(WAIT_FOR(__atomic_load_n(&d[j].is_worker, __ATOMIC_ACQUIRE)));
		}
		ASSERT_EQ(1, post(p.fd, i));
		port_close(&p);
		usleep(30000);	/* a grace period, and some */
		for (j = 0; j < ARRAY_SIZE(d); j++) {
			__atomic_store_n(&d[j].stop, true, __ATOMIC_RELEASE);
			pthread_join(t[j], NULL);
		}
	}
}

/* Worker of the port, and then it sleeps, or computes. */
struct sibling {
	int fd;
	bool blocks;
	int took;
};

static void *sibling_main(void *arg)
{
	struct sibling *s = arg;
	struct actor a = { .fd = s->fd };

	actor_take(&a);
	__atomic_store_n(&s->took, a.ret, __ATOMIC_RELEASE);
	while (!s->blocks)
		;
	pause();
	return NULL;
}

/* CP-39: another thread of its process calls exec, which ends the worker. */
TEST_F(block, CP39_exec_by_a_sibling)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		pid_t pid;

		ASSERT_EQ(1, post(FD, i));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			struct sibling s = { .fd = FD, .blocks = i };
			pthread_t thread;

			if (pthread_create(&thread, NULL, sibling_main, &s))
				_exit(1);
			if (!WAIT_FOR(__atomic_load_n(&s.took, __ATOMIC_ACQUIRE)) ||
			    !WAIT_FOR(STAT(FD, active) == !s.blocks))
				_exit(2);
			execl("/bin/sleep", "sleep", "100", NULL);
			_exit(127);
		}
		/* The process lives on, as another program, and is nobody's worker. */
		EXPECT_TRUE(WAIT_FOR(!STAT(FD, queued)));
		EXPECT_TRUE(WAIT_FOR(!STAT(FD, workers) && !STAT(FD, active)));
		EXPECT_EQ(0, waitpid(pid, NULL, WNOHANG));
		PARK(0);
		ASSERT_EQ(1, post(FD, 100 + i));
		GETS(0, 100 + i);
		tell(A(0), LEAVE);
		ASSERT_TRUE(WAIT_FOR(finished(A(0))));
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	}
}

/*
 * CP-34, CP-39: exit and kill -9 of a process with a blocked worker leave the
 * counts right, and the packets to others.
 */
/* Not before the packet is its own: one whose taker dies on the way goes back. */
TEST_F(block, CP39_killed_while_blocked)
{
	unsigned int i, n = rounds(20);
	struct iocp_packet p;
	int *took = mmap(NULL, sizeof(*took), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, took);

	for (i = 0; i < n; i++) {
		pid_t pid;

		*took = 0;
		ASSERT_EQ(1, post(FD, i));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			struct actor a = { .fd = FD };

			actor_take(&a);
			__atomic_store_n(took, a.ret, __ATOMIC_RELEASE);
			if (i & 1)
				usleep(1000);
			pause();
			_exit(0);
		}
		ASSERT_TRUE(WAIT_FOR(__atomic_load_n(took, __ATOMIC_ACQUIRE)));
		ASSERT_EQ(1, *took);
		if (i & 2)
			ASSERT_TRUE(WAIT_FOR(!STAT(FD, active)));
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
		ASSERT_TRUE(WAIT_FOR(!STAT(FD, active)));
	}
	EXPECT_EQ(-ETIME, reap_until(FD, &p, 1, 0));
	munmap(took, sizeof(*took));
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

TEST_F_TIMEOUT(block, CP40_nothing_is_lost, 60)
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
