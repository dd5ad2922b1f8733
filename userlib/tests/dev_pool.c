// SPDX-License-Identifier: GPL-2.0-only
/* The native callback pool: accounting, growth and shrinking, closing. */
#include <dirent.h>
#include <sys/resource.h>

#include "dev.h"

#include <iocp.h>

#define BLOCK	4096

static struct iocp_pool *make_pool(uint32_t concurrency, uint32_t max_threads, uint32_t idle_ms)
{
	struct iocp_pool_params params = {
		.port.concurrency = concurrency,
		.max_threads = max_threads,
		.idle_ms = idle_ms,
	};
	struct iocp_pool *pool;

	CHECK_EQ(iocp_pool_create(&pool, &params), 0);
	return pool;
}

static int open_test_file(size_t len, int flags)
{
	const char *path = dev_file(dev_path("file"), len);
	int fd = open(path, flags | O_CLOEXEC);

	CHECK(fd >= 0);
	unlink(path);
	return fd;
}

static unsigned int calls, cancelled;

static void count_call(struct iocp_io *io, void *context, const struct iocp_packet *packet)
{
	CHECK(io && context == &calls);
	if (packet->res == -ECANCELED)
		ADD(cancelled, 1);
	else
		CHECK_EQ(packet->res, 0);
	ADD(calls, 1);
}

TEST(parameters)
{
	struct iocp_pool_params params = { .min_threads = 2, .max_threads = 1 };
	struct iocp_pool *pool;

	CHECK_EQ(iocp_pool_create(&pool, &params), -EINVAL);
	params.max_threads = 100000;
	CHECK_EQ(iocp_pool_create(&pool, &params), -EINVAL);
	params.max_threads = 2;
	params.resv[0] = 1;
	CHECK_EQ(iocp_pool_create(&pool, &params), -EINVAL);
	params.resv[0] = 0;
	params.port.path = "/nonexistent";
	CHECK_EQ(iocp_pool_create(&pool, &params), -ENOENT);
	params.port.path = NULL;
	CHECK_EQ(iocp_pool_create(&pool, &params), 0);
	WAIT_UNTIL(dev_threads() == 2);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
	WAIT_UNTIL(dev_threads() == 0);
	CHECK_EQ(iocp_pool_destroy(NULL), 0);
}

/* 10,000 reads, 64 at a time, each submitted by the callback of another. */
#define DEPTH	64
#define READS	10000
#define BLOCKS	256

struct slot {
	char buf[BLOCK];
	uint64_t off;
};

static struct slot *slots;
static unsigned int issued, good;

static void submit_next(struct iocp_io *io, struct slot *s)
{
	unsigned int n = ADD(issued, 1);
	struct iocp_op op;

	if (n > READS)
		return;
	s->off = (n * 7919ULL % BLOCKS) * BLOCK;
	memset(s->buf, 0, BLOCK);
	iocp_prep_read(&op, NULL, s->buf, BLOCK, s->off, s);
	CHECK_EQ(iocp_io_submit(io, &op, 1, NULL), 1);
}

static void verify_and_go_on(struct iocp_io *io, void *context, const struct iocp_packet *packet)
{
	struct slot *s = (struct slot *)(uintptr_t)packet->overlapped;

	(void)context;
	CHECK_EQ(packet->res, 0);
	CHECK_EQ(packet->info, BLOCK);
	CHECK(dev_holds(s->buf, BLOCK, s->off));
	ADD(good, 1);
	submit_next(io, s);
}

static void read_much(int flags)
{
	int fd = open_test_file(BLOCKS * BLOCK, O_RDONLY | flags);
	struct iocp_pool *pool = make_pool(0, 0, 0);
	struct iocp_stats stats;
	struct iocp_io *io;
	int i;

	CHECK_EQ(posix_memalign((void **)&slots, BLOCK, DEPTH * (sizeof(*slots) + BLOCK)), 0);
	CHECK_EQ(iocp_io_create(&io, pool, fd, verify_and_go_on, NULL), 0);
	close(fd);
	for (i = 0; i < DEPTH; i++)
		submit_next(io, (struct slot *)((char *)slots + i * 2 * BLOCK));
	CHECK_EQ(iocp_io_wait(io), 0);
	CHECK_EQ(good, READS);
	CHECK_EQ(iocp_pool_stats(pool, &stats), 0);
	CHECK_EQ(stats.completed, READS);
	CHECK_EQ(iocp_pool_destroy(pool), -EBUSY);
	CHECK_EQ(iocp_io_close(io, 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

TEST(ten_thousand_reads)
{
	read_much(0);
}

TEST(ten_thousand_direct_reads)
{
	if (!getenv("IOCP_EXT4"))
		SKIP("IOCP_EXT4 is not set: no file system known to have O_DIRECT");
	read_much(O_DIRECT);
}

TEST(nop_calls_back)
{
	int fd = open_test_file(BLOCK, O_RDONLY);
	struct iocp_pool *pool = make_pool(1, 0, 0);
	struct iocp_io *io;
	struct iocp_op op;

	CHECK_EQ(iocp_io_create(&io, pool, fd, count_call, &calls), 0);
	iocp_prep_nop(&op, NULL, 7, NULL);
	CHECK_EQ(iocp_io_submit(io, &op, 1, NULL), 1);
	CHECK_EQ(iocp_io_wait(io), 0);
	CHECK_EQ(calls, 1);
	iocp_io_close(io, 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

TEST(submit_accounts)
{
	int fd = open_test_file(BLOCK, O_RDONLY);
	struct iocp_pool *pool = make_pool(0, 4, 0);
	struct iocp_result res[3];
	struct iocp_io *io;
	struct iocp_op op[3];
	char buf[BLOCK];
	int i;

	CHECK_EQ(pread(fd, buf, BLOCK, 0), BLOCK);
	CHECK_EQ(iocp_io_create(&io, pool, fd, NULL, NULL), -EINVAL);
	CHECK_EQ(iocp_io_create(&io, pool, -1, count_call, &calls), -EBADF);
	CHECK_EQ(iocp_io_create(&io, pool, fd, count_call, &calls), 0);
	CHECK(iocp_io_caps(io) & 1ULL << IOCP_OP_READ);
	for (i = 0; i < 3; i++)
		iocp_prep_read(&op[i], NULL, buf, 64, 0, NULL);
	op[1].opcode = IOCP_OP_WRITE;			/* not open for writing */
	CHECK_EQ(iocp_io_submit(io, op, 3, res), 3);
	CHECK_EQ(res[1].res, -EBADF);
	CHECK_EQ(iocp_io_wait(io), 0);
	CHECK_EQ(calls, 2);
	CHECK_EQ(iocp_io_submit(io, op, 3, NULL), 1);	/* stops before it */
	CHECK_EQ(iocp_io_submit(io, &op[1], 1, NULL), -EBADF);
	CHECK_EQ(iocp_io_wait(io), 0);
	CHECK_EQ(calls, 3);
	/* DONE: no callback, and results are needed to tell */
	op[0].flags = IOCP_OP_F_INLINE_OK;
	CHECK_EQ(iocp_io_submit(io, op, 1, NULL), -EINVAL);
	CHECK_EQ(iocp_io_submit(io, op, 1, res), 1);
	CHECK_EQ(res[0].state, IOCP_RESULT_DONE);
	CHECK_EQ(res[0].info, 64);
	CHECK_EQ(iocp_io_wait(io), 0);
	CHECK_EQ(calls, 3);
	iocp_prep_post(op, 1, 1, NULL, 0);
	CHECK_EQ(iocp_io_submit(io, op, 1, NULL), -EINVAL);
	CHECK_EQ(iocp_io_submit(io, op, 0, NULL), 0);
	CHECK_EQ(iocp_io_close(io, ~0U), -EINVAL);
	CHECK_EQ(iocp_io_close(io, 0), 0);
	CHECK_EQ(iocp_io_close(NULL, 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

TEST(cancel_calls_back)
{
	struct iocp_pool *pool = make_pool(0, 4, 0);
	struct iocp_cancel_counts counts;
	struct iocp_op op[3];
	struct iocp_io *io;
	char buf[3][8];
	int fds[2], i;

	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	CHECK_EQ(iocp_io_create(&io, pool, fds[0], count_call, &calls), 0);
	for (i = 0; i < 3; i++)
		iocp_prep_read(&op[i], NULL, buf[i], 8, 0, buf[i]);
	CHECK_EQ(iocp_io_submit(io, op, 3, NULL), 3);
	CHECK_EQ(iocp_io_cancel(io, buf[1], &counts), 0);
	CHECK_EQ(counts.cancelled + counts.running, 1);
	WAIT_UNTIL(GET(calls) == 1);
	CHECK_EQ(iocp_io_cancel(io, buf[1], NULL), -ENOENT);
	CHECK_EQ(iocp_io_cancel(io, NULL, NULL), 0);
	CHECK_EQ(iocp_io_wait(io), 0);
	CHECK_EQ(cancelled, 3);

	/* Closing cancels what is there, and all callbacks have run when it returns. */
	CHECK_EQ(iocp_io_submit(io, op, 3, NULL), 3);
	CHECK_EQ(iocp_io_close(io, 0), 0);
	CHECK_EQ(calls, 6);
	CHECK_EQ(cancelled, 6);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
	/* The file went with the association: the pipe has no reader. */
	close(fds[0]);
	signal(SIGPIPE, SIG_IGN);
	CHECK_EQ(write(fds[1], "x", 1), -1);
	CHECK_EQ(errno, EPIPE);
}

static int wait_result, close_result;

static void close_from_inside(struct iocp_io *io, void *context, const struct iocp_packet *packet)
{
	(void)context;
	if (packet->res == -ECANCELED)
		ADD(cancelled, 1);
	if (ADD(calls, 1) > 1)
		return;
	wait_result = iocp_io_wait(io);
	close_result = iocp_io_close(io, 0);
}

TEST(close_in_own_callback)
{
	struct iocp_pool *pool = make_pool(0, 4, 0);
	struct iocp_op op[2];
	struct iocp_io *io;
	char buf[2][8];
	int fds[2], i;

	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	CHECK_EQ(iocp_io_create(&io, pool, fds[0], close_from_inside, NULL), 0);
	for (i = 0; i < 2; i++)
		iocp_prep_read(&op[i], NULL, buf[i], 8, 0, buf[i]);
	CHECK_EQ(iocp_io_submit(io, op, 2, NULL), 2);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	WAIT_UNTIL(GET(calls) == 2);
	CHECK_EQ(wait_result, -EDEADLK);
	CHECK_EQ(close_result, 0);
	CHECK_EQ(cancelled, 1);
	/* Only once the object is gone can the pool go. */
	WAIT_UNTIL(iocp_pool_destroy(pool) == 0);
}

TEST(close_nowait)
{
	struct iocp_pool *pool = make_pool(0, 4, 0);
	struct iocp_op op;
	struct iocp_io *io;
	int fds[2], ret;
	char buf[8];

	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	CHECK_EQ(iocp_io_create(&io, pool, fds[0], count_call, &calls), 0);
	iocp_prep_read(&op, NULL, buf, 8, 0, buf);
	CHECK_EQ(iocp_io_submit(io, &op, 1, NULL), 1);
	CHECK_EQ(iocp_io_close(io, IOCP_IO_CLOSE_NOWAIT), 0);
	WAIT_UNTIL((ret = iocp_pool_destroy(pool)) != -EBUSY);
	CHECK_EQ(ret, 0);
	CHECK_EQ(calls, 1);
	CHECK_EQ(cancelled, 1);
}

/* Callbacks that all wait for one another need that many threads at once. */
#define TOGETHER	6
static pthread_barrier_t barrier;

static void meet(struct iocp_io *io, void *context, const struct iocp_packet *packet)
{
	(void)io;
	(void)context;
	(void)packet;
	pthread_barrier_wait(&barrier);
	ADD(calls, 1);
}

TEST(threads_grow_and_end)
{
	int fd = open_test_file(BLOCK, O_RDONLY), i;
	struct iocp_pool *pool = make_pool(TOGETHER, 0, 200);
	struct iocp_op op[TOGETHER];
	char buf[TOGETHER][16];
	struct iocp_io *io;

	pthread_barrier_init(&barrier, NULL, TOGETHER);
	WAIT_UNTIL(dev_threads() == 1);
	CHECK_EQ(iocp_io_create(&io, pool, fd, meet, NULL), 0);
	for (i = 0; i < TOGETHER; i++)
		iocp_prep_read(&op[i], NULL, buf[i], 16, 0, NULL);
	CHECK_EQ(iocp_io_submit(io, op, TOGETHER, NULL), TOGETHER);
	CHECK_EQ(iocp_io_wait(io), 0);
	CHECK_EQ(calls, TOGETHER);
	/* those that met and at most one spare more; then the minimum and a spare */
	CHECK(dev_threads() <= TOGETHER + 1);
	WAIT_UNTIL(dev_threads() == 2);
	dev_sleep_ms(500);
	CHECK_EQ(dev_threads(), 2);
	/* and it still works */
	calls = 0;
	CHECK_EQ(iocp_io_submit(io, op, TOGETHER, NULL), TOGETHER);
	CHECK_EQ(iocp_io_wait(io), 0);
	CHECK_EQ(calls, TOGETHER);
	iocp_io_close(io, 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

static unsigned int running, most_running, blocked;

/* How often the calling thread went to sleep of itself. */
static long sleeps(void)
{
	struct rusage ru;

	getrusage(RUSAGE_THREAD, &ru);
	return ru.ru_nvcsw;
}

static void be_busy(struct iocp_io *io, void *context, const struct iocp_packet *packet)
{
	unsigned int now = ADD(running, 1), most = GET(most_running);
	uint64_t end = dev_now_ms() + 5;
	long before = sleeps();

	(void)io;
	(void)context;
	(void)packet;
	while (now > most && !__atomic_compare_exchange_n(&most_running, &most, now, false,
							   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
	while (dev_now_ms() < end)
		;
	ADD(blocked, sleeps() != before);
	ADD(running, -1);
	ADD(calls, 1);
}

/* Callbacks that compute: no more of them at a time than the concurrency value. */
TEST(concurrency_value)
{
	int fd = open_test_file(BLOCK, O_RDONLY), i;
	struct iocp_pool *pool = make_pool(1, 8, 0);
	struct iocp_op op[40];
	struct iocp_io *io;
	char buf[16];

	CHECK_EQ(iocp_io_create(&io, pool, fd, be_busy, NULL), 0);
	for (i = 0; i < 40; i++)
		iocp_prep_read(&op[i], NULL, buf, 16, 0, NULL);
	CHECK_EQ(iocp_io_submit(io, op, 40, NULL), 40);
	CHECK_EQ(iocp_io_wait(io), 0);
	CHECK_EQ(calls, 40);
	/* one that met a page fault or a lock of the kernel's may have let another run */
	CHECK(most_running == 1 || blocked);
	CHECK(dev_threads() <= 2);		/* the one that runs, the spare */
	iocp_io_close(io, 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

/*
 * CP-34, TR-9: callbacks that wait for each other, more of them than the concurrency
 * value.  Each that blocks lets the next one run, so they meet.
 */
TEST(callbacks_that_wait_for_each_other)
{
	int fd = open_test_file(BLOCK, O_RDONLY), i;
	struct iocp_pool *pool = make_pool(1, 0, 0);
	struct iocp_op op[TOGETHER];
	struct iocp_io *io;
	char buf[16];

	CHECK_EQ(pthread_barrier_init(&barrier, NULL, TOGETHER), 0);
	CHECK_EQ(iocp_io_create(&io, pool, fd, meet, NULL), 0);
	for (i = 0; i < TOGETHER; i++)
		iocp_prep_read(&op[i], NULL, buf, 16, 0, NULL);
	CHECK_EQ(iocp_io_submit(io, op, TOGETHER, NULL), TOGETHER);
	CHECK_EQ(iocp_io_wait(io), 0);
	CHECK_EQ(calls, TOGETHER);
	iocp_io_close(io, 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

/* What a port's parameters ask for is what the kernel does. */
TEST(port_parameters)
{
	struct iocp_pool_params params = { .port.flags = 1u << 31 };
	struct iocp_stats stats;
	struct iocp_pool *pool;

	CHECK_EQ(iocp_pool_create(&pool, &params), -EINVAL);
	params.port.flags = IOCP_PORT_STRICT | IOCP_PORT_IGNORE_BLOCKS;
	CHECK_EQ(iocp_pool_create(&pool, &params), -EINVAL);
	params.port.flags = IOCP_PORT_STRICT;
	params.port.block_delay_us = IOCP_MAX_BLOCK_DELAY_US + 1;
	CHECK_EQ(iocp_pool_create(&pool, &params), -EINVAL);
	params.port.block_delay_us = 50;
	params.port.concurrency = 3;
	CHECK_EQ(iocp_pool_create(&pool, &params), 0);
	CHECK_EQ(iocp_pool_stats(pool, &stats), 0);
	CHECK_EQ(stats.concurrency, 3);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

/* Sleeps in callbacks are seen, or not, as the port was told. */
static void sleep_a_little(struct iocp_io *io, void *context, const struct iocp_packet *packet)
{
	(void)io;
	(void)context;
	(void)packet;
	dev_sleep_ms(5);
	ADD(calls, 1);
}

TEST(blocks_can_be_ignored)
{
	uint32_t flags[] = { 0, IOCP_PORT_IGNORE_BLOCKS };
	int fd = open_test_file(BLOCK, O_RDONLY), i, round;
	struct iocp_op op[8];
	char buf[16];

	for (i = 0; i < 8; i++)
		iocp_prep_read(&op[i], NULL, buf, 16, 0, NULL);
	for (round = 0; round < 2; round++) {
		struct iocp_pool_params params = {
			.port.concurrency = 1, .port.flags = flags[round],
		};
		struct iocp_stats stats;
		struct iocp_pool *pool;
		struct iocp_io *io;

		calls = 0;
		CHECK_EQ(iocp_pool_create(&pool, &params), 0);
		CHECK_EQ(iocp_io_create(&io, pool, fd, sleep_a_little, NULL), 0);
		CHECK_EQ(iocp_io_submit(io, op, 8, NULL), 8);
		CHECK_EQ(iocp_io_wait(io), 0);
		CHECK_EQ(calls, 8);
		CHECK_EQ(iocp_pool_stats(pool, &stats), 0);
		/* who runs meanwhile is released, handed a packet, or new and takes one */
		if (round)
			CHECK_EQ(stats.blocks, 0);
		else
			CHECK(stats.blocks >= 8);
		iocp_io_close(io, 0);
		CHECK_EQ(iocp_pool_destroy(pool), 0);
	}
}

/*
 * PL-6: of idle threads it is those that are idle longest which end.  The newest
 * waiter gets the packet, so a trickle of them keeps one thread at work, and the
 * others, which waited before it, end.
 */
static pid_t workers[TOGETHER], last_worker;
static unsigned int nr_workers;

static void note_thread(struct iocp_io *io, void *context, const struct iocp_packet *packet)
{
	(void)io;
	(void)packet;
	SET(last_worker, gettid());
	if (!context)
		return;
	workers[ADD(nr_workers, 1) - 1] = gettid();
	pthread_barrier_wait(&barrier);
}

/* Counted before and after: one that ends meanwhile must not stand for one that runs. */
static bool all_wait(struct iocp_pool *pool)
{
	unsigned int threads = dev_threads();
	struct iocp_stats stats;

	CHECK_EQ(iocp_pool_stats(pool, &stats), 0);
	return stats.waiting == threads && dev_threads() == threads;
}

TEST(oldest_idle_thread_ends_first)
{
	int fd = open_test_file(BLOCK, O_RDONLY), i, others = 0;
	struct iocp_pool *pool = make_pool(TOGETHER, 0, 2000);
	struct iocp_op op[TOGETHER];
	struct iocp_io *many, *one;
	pid_t newest;
	char buf[16];

	CHECK_EQ(pthread_barrier_init(&barrier, NULL, TOGETHER), 0);
	CHECK_EQ(iocp_io_create(&many, pool, fd, note_thread, &barrier), 0);
	CHECK_EQ(iocp_io_create(&one, pool, fd, note_thread, NULL), 0);
	for (i = 0; i < TOGETHER; i++)
		iocp_prep_read(&op[i], NULL, buf, 16, 0, NULL);
	CHECK_EQ(iocp_io_submit(many, op, TOGETHER, NULL), TOGETHER);
	CHECK_EQ(iocp_io_wait(many), 0);
	CHECK(dev_threads() >= TOGETHER);
	WAIT_UNTIL(all_wait(pool));
	iocp_prep_read(&op[0], NULL, buf, 16, 0, NULL);
	CHECK_EQ(iocp_io_submit(one, op, 1, NULL), 1);
	CHECK_EQ(iocp_io_wait(one), 0);
	newest = last_worker;
	/* A small part of the time after which an idle thread ends, over and over. */
	while (dev_sleep_ms(100), dev_threads() > 2) {
		WAIT_UNTIL(all_wait(pool));
		iocp_prep_read(&op[0], NULL, buf, 16, 0, NULL);
		CHECK_EQ(iocp_io_submit(one, op, 1, NULL), 1);
		CHECK_EQ(iocp_io_wait(one), 0);
		CHECK_EQ(last_worker, newest);
	}
	/* It is left, and a spare, which it may have started since. */
	CHECK_EQ(tgkill(getpid(), newest, 0), 0);
	for (i = 0; i < TOGETHER; i++)
		others += workers[i] != newest && !tgkill(getpid(), workers[i], 0);
	CHECK(others <= 1);
	iocp_io_close(many, 0);
	iocp_io_close(one, 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

/* Times that the process' threads other than this one were switched to. */
static long switches(void)
{
	char path[64], line[128];
	long sum = 0, n;
	struct dirent *d;
	DIR *dir;
	FILE *f;

	dir = opendir("/proc/self/task");
	CHECK(dir);
	while ((d = readdir(dir))) {
		if (atoi(d->d_name) <= 0 || atoi(d->d_name) == gettid())
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%.20s/status", d->d_name);
		f = fopen(path, "re");
		CHECK(f);
		while (fgets(line, sizeof(line), f))
			if (sscanf(line, "voluntary_ctxt_switches: %ld", &n) == 1 ||
			    sscanf(line, "nonvoluntary_ctxt_switches: %ld", &n) == 1)
				sum += n;
		fclose(f);
	}
	closedir(dir);
	return sum;
}

/* Down to its minimum, a pool without work sleeps: no thread runs in 10 seconds. */
TEST(idle_pool_sleeps)
{
	struct iocp_pool_params params = { .min_threads = 3, .idle_ms = 100 };
	struct iocp_pool *pool;
	long before;

#ifdef __SANITIZE_THREAD__
	SKIP("the sanitizer has a thread that runs");
#endif
	CHECK_EQ(iocp_pool_create(&pool, &params), 0);
	WAIT_UNTIL(dev_threads() == 3 && all_wait(pool));
	dev_sleep_ms(1000);	/* on their way from there into sleep */
	CHECK_EQ(dev_threads(), 3);
	before = switches();
	CHECK(before > 0);
	dev_sleep_ms(10000);
	CHECK_EQ(switches(), before);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

static void look_at_signals(struct iocp_io *io, void *context, const struct iocp_packet *packet)
{
	sigset_t set;

	(void)io;
	(void)context;
	(void)packet;
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	CHECK(sigismember(&set, SIGTERM) && sigismember(&set, SIGUSR1) &&
	      sigismember(&set, SIGALRM));
	CHECK(!sigismember(&set, SIGSEGV) && !sigismember(&set, SIGBUS) &&
	      !sigismember(&set, SIGFPE) && !sigismember(&set, SIGILL));
	ADD(calls, 1);
}

TEST(workers_block_signals)
{
	int fd = open_test_file(BLOCK, O_RDONLY);
	struct iocp_pool *pool = make_pool(0, 0, 0);
	sigset_t before, after;
	struct iocp_io *io;
	struct iocp_op op;
	char buf[16];

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	CHECK_EQ(iocp_io_create(&io, pool, fd, look_at_signals, NULL), 0);
	iocp_prep_read(&op, NULL, buf, 16, 0, NULL);
	CHECK_EQ(iocp_io_submit(io, &op, 1, NULL), 1);
	CHECK_EQ(iocp_io_wait(io), 0);
	CHECK_EQ(calls, 1);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	CHECK(!sigismember(&after, SIGTERM) && !sigismember(&before, SIGTERM));
	iocp_io_close(io, 0);
	iocp_pool_destroy(pool);
}

TEST(dead_after_fork)
{
	int fd = open_test_file(BLOCK, O_RDONLY), status;
	struct iocp_pool *pool = make_pool(0, 0, 0);
	struct iocp_io *io, *other;
	struct iocp_stats stats;
	struct iocp_op op;
	char buf[16];
	pid_t pid;

	CHECK_EQ(iocp_io_create(&io, pool, fd, count_call, &calls), 0);
	iocp_prep_read(&op, NULL, buf, 16, 0, NULL);
	pid = dev_fork();
	if (!pid) {
		CHECK_EQ(iocp_io_submit(io, &op, 1, NULL), -ESHUTDOWN);
		CHECK_EQ(iocp_io_wait(io), -ESHUTDOWN);
		CHECK_EQ(iocp_io_cancel(io, NULL, NULL), -ESHUTDOWN);
		CHECK_EQ(iocp_io_create(&other, pool, fd, count_call, &calls), -ESHUTDOWN);
		CHECK_EQ(iocp_pool_stats(pool, &stats), -ESHUTDOWN);
		CHECK_EQ(iocp_io_close(io, 0), 0);
		CHECK_EQ(iocp_pool_destroy(pool), 0);
		/* a pool of its own works */
		pool = make_pool(0, 0, 0);
		CHECK_EQ(iocp_io_create(&io, pool, fd, count_call, &calls), 0);
		CHECK_EQ(iocp_io_submit(io, &op, 1, NULL), 1);
		CHECK_EQ(iocp_io_close(io, 0), 0);
		CHECK_EQ(calls, 1);
		CHECK_EQ(iocp_pool_destroy(pool), 0);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(iocp_io_submit(io, &op, 1, NULL), 1);
	CHECK_EQ(iocp_io_close(io, 0), 0);
	CHECK_EQ(calls, 1);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

/* Open, submit and close from several threads at once, again and again. */
static void *churn(void *arg)
{
	struct iocp_op op[4];
	char buf[4][8];
	int i, n, fds[2];

	for (n = 0; n < 300; n++) {
		struct iocp_io *io;

		CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
		CHECK_EQ(iocp_io_create(&io, arg, fds[0], count_call, &calls), 0);
		for (i = 0; i < 4; i++)
			iocp_prep_read(&op[i], NULL, buf[i], 8, 0, buf[i]);
		CHECK_EQ(iocp_io_submit(io, op, 4, NULL), 4);
		CHECK_EQ(write(fds[1], "12345678", 8), 8);
		CHECK_EQ(iocp_io_close(io, 0), 0);
		close(fds[0]);
		close(fds[1]);
	}
	return NULL;
}

TEST(open_and_close_under_load)
{
	struct iocp_pool *pool = make_pool(2, 0, 0);
	pthread_t t[3];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(t); i++)
		CHECK_EQ(pthread_create(&t[i], NULL, churn, pool), 0);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(calls, ARRAY_SIZE(t) * 300 * 4);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}
