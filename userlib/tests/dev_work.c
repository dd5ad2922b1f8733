// SPDX-License-Identifier: GPL-2.0-only
/* Native work objects, and what belongs to every callback: leaving the counts, limits, ends. */
#include "native.h"

static struct iocp_work *make_work(struct iocp_pool *pool, uint32_t priority,
				   iocp_work_callback *callback, void *context)
{
	struct iocp_work *work;

	CHECK_EQ(iocp_work_create(&work, pool, priority, callback, context), 0);
	return work;
}

static unsigned int calls, entered, gate;

static void count_call(struct iocp_work *work, void *context)
{
	CHECK(work && context == &calls);
	ADD(calls, 1);
}

/* Holds its thread until the gate opens; asleep, so that others may run. */
static void hold(struct iocp_work *work, void *context)
{
	(void)work;
	(void)context;
	ADD(entered, 1);
	WAIT_UNTIL(GET(gate));
	ADD(calls, 1);
}

TEST(parameters)
{
	struct iocp_pool *pool = make_pool(0, 2);
	struct iocp_work *work;

	CHECK_EQ(iocp_work_create(&work, pool, 0, NULL, NULL), -EINVAL);
	CHECK_EQ(iocp_work_create(&work, pool, IOCP_PRIO_LOW + 1, count_call, NULL), -EINVAL);
	CHECK_EQ(iocp_pool_set_limits(pool, 3, 2), -EINVAL);
	CHECK_EQ(iocp_pool_set_limits(pool, 0, 1024), -EINVAL);
	CHECK_EQ(iocp_callback_may_run_long(), -EINVAL);
	CHECK_EQ(iocp_callback_disassociate(), -EINVAL);
	work = make_work(pool, 0, count_call, &calls);
	CHECK_EQ(iocp_work_wait(work), 0);
	CHECK_EQ(iocp_work_drop(work), 0);
	CHECK_EQ(iocp_pool_destroy(pool), -EBUSY);
	CHECK_EQ(iocp_work_close(work, 4), -EINVAL);
	CHECK_EQ(iocp_work_close(work, 0), 0);
	CHECK_EQ(iocp_work_close(NULL, 0), 0);
	CHECK_EQ(iocp_pool_close(NULL), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
	CHECK_EQ(calls, 0);
}

/* PL-18: one callback for each submit, from threads and from callbacks. */
#define SUBMITTERS	4
#define SUBMITS		5000

static void *submitter(void *arg)
{
	int i;

	for (i = 0; i < SUBMITS; i++)
		CHECK_EQ(iocp_work_submit(arg), 0);
	return NULL;
}

static void submit_again(struct iocp_work *work, void *context)
{
	if (ADD(calls, 1) <= *(unsigned int *)context)
		CHECK_EQ(iocp_work_submit(work), 0);
}

static void submit_much(struct iocp_pool *pool)
{
	struct iocp_work *work[2] = {
		make_work(pool, 0, count_call, &calls),
		make_work(pool, IOCP_PRIO_LOW, count_call, &calls),
	};
	pthread_t t[SUBMITTERS];
	int i;

	calls = 0;
	for (i = 0; i < SUBMITTERS; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, submitter, work[i & 1]), 0);
	for (i = 0; i < SUBMITTERS; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(iocp_work_wait(work[0]), 0);
	CHECK_EQ(iocp_work_close(work[1], 0), 0);
	CHECK_EQ(calls, SUBMITTERS * SUBMITS);
	CHECK_EQ(iocp_work_close(work[0], 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

TEST(every_submit_calls_back)
{
	submit_much(make_pool(0, 0));
}

TEST(one_thread_is_enough)
{
	submit_much(make_pool(1, 1));
}

TEST(submits_of_callbacks)
{
	struct iocp_pool *pool = make_pool(0, 0);
	unsigned int more = 10000;
	struct iocp_work *work = make_work(pool, 0, submit_again, &more);

	CHECK_EQ(iocp_work_submit(work), 0);
	CHECK_EQ(iocp_work_submit(work), 0);
	CHECK_EQ(iocp_work_wait(work), 0);
	CHECK_EQ(calls, more + 2);
	CHECK_EQ(iocp_work_close(work, 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

/* Callbacks of one object at the same time: each waits for the other. */
static pthread_barrier_t barrier;

static void meet(struct iocp_work *work, void *context)
{
	(void)work;
	(void)context;
	pthread_barrier_wait(&barrier);
	ADD(calls, 1);
}

TEST(runs_beside_itself)
{
	struct iocp_pool *pool = make_pool(2, 0);
	struct iocp_work *work = make_work(pool, 0, meet, NULL);

	pthread_barrier_init(&barrier, NULL, 4);
	submitter(work);		/* a multiple of 4 */
	CHECK_EQ(iocp_work_close(work, 0), 0);
	CHECK_EQ(calls, SUBMITS);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

/* Many objects from many threads, all of whose callbacks submit another one. */
#define OBJECTS		64
#define ROUNDS		100

static struct iocp_work *many[SUBMITTERS][OBJECTS];

static void count_and_submit(struct iocp_work *work, void *context)
{
	(void)work;
	ADD(calls, 1);
	CHECK_EQ(iocp_work_submit(context), 0);
}

static void *submit_many(void *arg)
{
	struct iocp_work **mine = arg;
	int i;

	for (i = 0; i < ROUNDS * OBJECTS; i++)
		CHECK_EQ(iocp_work_submit(mine[i % OBJECTS]), 0);
	return NULL;
}

TEST(many_objects)
{
	struct iocp_pool *pool = make_pool(0, 0);
	struct iocp_work *second = make_work(pool, 0, count_call, &calls);
	pthread_t threads[SUBMITTERS];
	int t, i;

	for (t = 0; t < SUBMITTERS; t++)
		for (i = 0; i < OBJECTS; i++)
			many[t][i] = make_work(pool, 0, count_and_submit, second);
	for (t = 0; t < SUBMITTERS; t++)
		CHECK_EQ(pthread_create(&threads[t], NULL, submit_many, many[t]), 0);
	for (t = 0; t < SUBMITTERS; t++)
		pthread_join(threads[t], NULL);
	for (t = 0; t < SUBMITTERS; t++)
		for (i = 0; i < OBJECTS; i++)
			CHECK_EQ(iocp_work_close(many[t][i], 0), 0);
	CHECK_EQ(iocp_work_close(second, 0), 0);
	CHECK_EQ(calls, 2 * SUBMITTERS * OBJECTS * ROUNDS);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

/*
 * Work that its own thread has queued, and which it goes on with without asking the port:
 * the first of it blocks, and the others do not wait for that.
 */
static struct iocp_work *behind[3];

static void queue_three(struct iocp_work *work, void *context)
{
	int i;

	(void)work;
	(void)context;
	for (i = 0; i < 3; i++)
		CHECK_EQ(iocp_work_submit(behind[i]), 0);
}

TEST(work_behind_a_block)
{
	struct iocp_pool *pool = make_pool(1, 0);
	struct iocp_work *first = make_work(pool, 0, queue_three, NULL);
	int i;

	behind[0] = make_work(pool, 0, hold, NULL);
	behind[1] = make_work(pool, 0, count_call, &calls);
	behind[2] = make_work(pool, 0, count_call, &calls);
	CHECK_EQ(iocp_work_submit(first), 0);
	WAIT_UNTIL(GET(entered) == 1 && GET(calls) == 2);
	SET(gate, 1);
	for (i = 0; i < 3; i++)
		CHECK_EQ(iocp_work_close(behind[i], 0), 0);
	CHECK_EQ(iocp_work_close(first, 0), 0);
	CHECK_EQ(calls, 3);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

/* Work without end on the only thread keeps no other packet waiting for ever. */
static void submit_until_open(struct iocp_work *work, void *context)
{
	(void)context;
	if (!GET(gate))
		CHECK_EQ(iocp_work_submit(work), 0);
}

static void open_gate(struct iocp_io *io, void *context, const struct iocp_packet *packet)
{
	(void)io;
	(void)context;
	CHECK_EQ(packet->res, 0);
	SET(gate, 1);
}

TEST(endless_work)
{
	struct iocp_pool *pool = make_pool(1, 1);
	struct iocp_work *work = make_work(pool, 0, submit_until_open, NULL);
	struct iocp_io *io;
	struct iocp_op op;
	int fd[2];

	CHECK_EQ(pipe(fd), 0);
	CHECK_EQ(iocp_io_create(&io, pool, fd[0], open_gate, NULL), 0);
	iocp_prep_nop(&op, NULL, 0, NULL);
	CHECK_EQ(iocp_work_submit(work), 0);
	CHECK_EQ(iocp_io_submit(io, &op, 1, NULL), 1);
	WAIT_UNTIL(GET(gate));
	CHECK_EQ(iocp_work_close(work, 0), 0);
	CHECK_EQ(iocp_io_close(io, 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

/*
 * A port that holds one posted packet, and whose only thread is busy: no submit is lost, and
 * none waits for room, not even one of that thread.
 */
TEST(port_without_room)
{
	struct iocp_pool_params params = {
		.port = { .ring_entries = IOCP_NO_RING, .max_posted = 1, .concurrency = 1 },
		.max_threads = 1,
	};
	struct iocp_work *held, *first, *crowd[4];
	struct iocp_pool *pool;
	unsigned int i;

	CHECK_EQ(iocp_pool_create(&pool, &params), 0);
	held = make_work(pool, 0, hold, NULL);
	CHECK_EQ(iocp_work_submit(held), 0);
	WAIT_UNTIL(GET(entered) == 1);
	for (i = 0; i < ARRAY_SIZE(crowd); i++)
		crowd[i] = make_work(pool, i % 2 ? IOCP_PRIO_LOW : 0, count_call, &calls);
	for (i = 0; i < ARRAY_SIZE(behind); i++)
		behind[i] = make_work(pool, IOCP_PRIO_HIGH, count_call, &calls);
	first = make_work(pool, 0, queue_three, NULL);
	CHECK_EQ(iocp_work_submit(first), 0);
	for (i = 0; i < 10 * ARRAY_SIZE(crowd); i++)
		CHECK_EQ(iocp_work_submit(crowd[i % ARRAY_SIZE(crowd)]), 0);
	SET(gate, 1);
	for (i = 0; i < ARRAY_SIZE(crowd); i++)
		CHECK_EQ(iocp_work_close(crowd[i], 0), 0);
	CHECK_EQ(iocp_work_close(held, 0), 0);
	CHECK_EQ(iocp_work_close(first, 0), 0);
	for (i = 0; i < ARRAY_SIZE(behind); i++)
		CHECK_EQ(iocp_work_close(behind[i], 0), 0);
	CHECK_EQ(calls, 44);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

/* What runs on the one thread of a pool, in its order. */
static char order[64];
static unsigned int nr_order;

static void note(struct iocp_work *work, void *context)
{
	(void)work;
	order[ADD(nr_order, 1) - 1] = *(const char *)context;
}

/* A pool whose only thread is held until the gate opens. */
static struct iocp_pool *held_pool(struct iocp_work **held)
{
	struct iocp_pool *pool = make_pool(1, 1);

	*held = make_work(pool, 0, hold, NULL);
	CHECK_EQ(iocp_work_submit(*held), 0);
	WAIT_UNTIL(GET(entered) == 1);
	return pool;
}

/* PL-18: ten submits of one object do not keep another waiting. */
TEST(fair_between_objects)
{
	struct iocp_work *held, *a, *b;
	struct iocp_pool *pool = held_pool(&held);
	int i;

	a = make_work(pool, 0, note, "a");
	b = make_work(pool, 0, note, "b");
	for (i = 0; i < 10; i++)
		CHECK_EQ(iocp_work_submit(a), 0);
	CHECK_EQ(iocp_work_submit(b), 0);
	CHECK_EQ(iocp_work_submit(b), 0);
	SET(gate, 1);
	iocp_work_close(a, 0);
	iocp_work_close(b, 0);
	iocp_work_close(held, 0);
	if (strcmp(order, "ababaaaaaaaa"))
		FAIL("order %s", order);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

/* PL-13 */
TEST(priorities_are_strict)
{
	static const uint32_t prio[] = { IOCP_PRIO_LOW, IOCP_PRIO_NORMAL, IOCP_PRIO_HIGH };
	struct iocp_work *held, *work[3];
	struct iocp_pool *pool = held_pool(&held);
	int i;

	for (i = 0; i < 3; i++)
		work[i] = make_work(pool, prio[i], note, &"lnh"[i]);
	for (i = 0; i < 9; i++)
		CHECK_EQ(iocp_work_submit(work[i % 3]), 0);
	SET(gate, 1);
	for (i = 0; i < 3; i++)
		iocp_work_close(work[i], 0);
	iocp_work_close(held, 0);
	if (strcmp(order, "hhhnnnlll"))
		FAIL("order %s", order);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

TEST(drop)
{
	struct iocp_work *held, *work;
	struct iocp_pool *pool = held_pool(&held);
	int i;

	work = make_work(pool, 0, note, "x");
	for (i = 0; i < 10; i++)
		CHECK_EQ(iocp_work_submit(work), 0);
	CHECK_EQ(iocp_work_drop(work), 0);
	CHECK_EQ(iocp_work_wait(work), 0);	/* nothing runs, and nothing will */
	for (i = 0; i < 3; i++)
		CHECK_EQ(iocp_work_submit(work), 0);
	SET(gate, 1);
	CHECK_EQ(iocp_work_wait(work), 0);
	CHECK_EQ(nr_order, 3);
	CHECK_EQ(iocp_work_close(work, 0), 0);
	CHECK_EQ(iocp_work_close(held, 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

/* One callback each, in objects that nobody has; a pool can wait for all of them. */
static void once_more(struct iocp_work *work, void *context)
{
	CHECK_EQ(iocp_pool_drain(context), -EDEADLK);
	CHECK_EQ(iocp_work_submit(work), 0);	/* it is closed: nothing comes of it */
	if (ADD(calls, 1) < 1000)
		CHECK_EQ(iocp_work_once(context, 0, once_more, context), 0);
}

TEST(once_and_drain)
{
	struct iocp_pool *pool = make_pool(0, 0), *other = make_pool(0, 0);
	struct iocp_work *held = make_work(other, 0, hold, NULL), *work;

	CHECK_EQ(iocp_work_once(pool, 0, NULL, NULL), -EINVAL);
	CHECK_EQ(iocp_work_once(pool, IOCP_PRIO_LOW + 1, count_call, &calls), -EINVAL);
	CHECK_EQ(iocp_pool_drain(pool), 0);
	CHECK_EQ(iocp_work_submit(held), 0);
	CHECK_EQ(iocp_work_once(pool, 0, once_more, pool), 0);
	CHECK_EQ(iocp_pool_drain(pool), 0);	/* and not for the other pool's */
	CHECK_EQ(calls, 1000);
	work = make_work(pool, 0, count_call, &calls);
	CHECK_EQ(iocp_work_submit(work), 0);
	CHECK_EQ(iocp_work_close(work, IOCP_WORK_CLOSE_NOWAIT), 0);
	CHECK_EQ(iocp_pool_drain(pool), 0);
	CHECK_EQ(calls, 1001);
	SET(gate, 1);
	CHECK_EQ(iocp_work_close(held, 0), 0);
	WAIT_UNTIL(!iocp_pool_destroy(pool));	/* the last one may be on its way out */
	CHECK_EQ(iocp_pool_destroy(other), 0);
}

TEST(close_with_work_left)
{
	struct iocp_work *held, *runs, *dropped;
	struct iocp_pool *pool = held_pool(&held);
	int i;

	runs = make_work(pool, 0, count_call, &calls);
	dropped = make_work(pool, 0, note, "x");
	for (i = 0; i < 10; i++) {
		CHECK_EQ(iocp_work_submit(runs), 0);
		CHECK_EQ(iocp_work_submit(dropped), 0);
	}
	CHECK_EQ(iocp_work_close(dropped, IOCP_WORK_CLOSE_DROP), 0);
	CHECK_EQ(iocp_work_close(runs, IOCP_WORK_CLOSE_NOWAIT), 0);
	CHECK_EQ(iocp_work_close(held, IOCP_WORK_CLOSE_NOWAIT), 0);
	CHECK_EQ(iocp_pool_destroy(pool), -EBUSY);
	SET(gate, 1);
	WAIT_UNTIL(iocp_pool_destroy(pool) == 0);
	CHECK_EQ(calls, 11);
	CHECK_EQ(nr_order, 0);
}

static int wait_result, close_result;

static void close_from_inside(struct iocp_work *work, void *context)
{
	(void)context;
	wait_result = iocp_work_wait(work);
	close_result = iocp_work_close(work, 0);
	ADD(calls, 1);
}

TEST(close_in_own_callback)
{
	struct iocp_pool *pool = make_pool(0, 0);
	struct iocp_work *work = make_work(pool, 0, close_from_inside, NULL);

	CHECK_EQ(iocp_work_submit(work), 0);
	WAIT_UNTIL(iocp_pool_destroy(pool) == 0);
	CHECK_EQ(calls, 1);
	CHECK_EQ(wait_result, -EDEADLK);
	CHECK_EQ(close_result, 0);
}

static void disassociate(struct iocp_work *work, void *context)
{
	(void)context;
	CHECK_EQ(iocp_callback_disassociate(), 0);
	CHECK_EQ(iocp_callback_disassociate(), 0);
	CHECK_EQ(iocp_work_wait(work), 0);	/* it does not wait for itself any more */
	ADD(entered, 1);
	WAIT_UNTIL(GET(gate));
	ADD(calls, 1);
}

/* CI-6 */
TEST(disassociated_callback)
{
	struct iocp_pool *pool = make_pool(0, 0);
	struct iocp_work *work = make_work(pool, 0, disassociate, NULL), *other[64];
	unsigned int i;

	CHECK_EQ(iocp_work_submit(work), 0);
	WAIT_UNTIL(GET(entered) == 1);
	CHECK_EQ(iocp_work_wait(work), 0);
	CHECK_EQ(iocp_work_submit(work), 0);
	WAIT_UNTIL(GET(entered) == 2);
	CHECK_EQ(iocp_work_close(work, 0), 0);
	CHECK_EQ(calls, 0);
	/* its place is nobody's yet */
	for (i = 0; i < ARRAY_SIZE(other); i++) {
		other[i] = make_work(pool, 0, count_call, &calls);
		CHECK(other[i] != work);
	}
	for (i = 0; i < ARRAY_SIZE(other); i++)
		iocp_work_close(other[i], 0);
	SET(gate, 1);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
	CHECK_EQ(calls, 2);
}

static int long_result;

static void run_long(struct iocp_work *work, void *context)
{
	(void)work;
	(void)context;
	long_result = iocp_callback_may_run_long();
	ADD(entered, 1);
	/* It computes: without having said so it would keep the only place. */
	while (!GET(gate))
		;
}

/* CI-5 */
TEST(may_run_long)
{
	struct iocp_pool *pool = make_pool(1, 1);
	struct iocp_work *work = make_work(pool, 0, run_long, NULL), *other;

	CHECK_EQ(iocp_work_submit(work), 0);
	WAIT_UNTIL(GET(entered) == 1);
	CHECK_EQ(long_result, -EAGAIN);
	SET(gate, 1);
	CHECK_EQ(iocp_work_wait(work), 0);
	SET(gate, 0);

	CHECK_EQ(iocp_pool_set_limits(pool, 0, 3), 0);
	other = make_work(pool, 0, count_call, &calls);
	CHECK_EQ(iocp_work_submit(work), 0);
	WAIT_UNTIL(GET(entered) == 2);
	CHECK_EQ(long_result, 0);
	CHECK_EQ(iocp_work_submit(other), 0);
	CHECK_EQ(iocp_work_wait(other), 0);	/* meanwhile */
	CHECK_EQ(calls, 1);
	SET(gate, 1);
	iocp_work_close(work, 0);
	iocp_work_close(other, 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

/* PL-4 */
TEST(limits)
{
	struct iocp_pool *pool = make_pool(8, 8);
	struct iocp_work *work = make_work(pool, 0, hold, NULL);
	int i;

	CHECK_EQ(iocp_pool_set_limits(pool, 5, 0), 0);
	WAIT_UNTIL(dev_threads() == 5);		/* each names itself when it runs */
	CHECK_EQ(iocp_pool_set_limits(pool, 0, 2), 0);	/* idle ones end at once */
	WAIT_UNTIL(dev_threads() == 2);
	for (i = 0; i < 6; i++)
		CHECK_EQ(iocp_work_submit(work), 0);
	WAIT_UNTIL(GET(entered) == 2);
	dev_sleep_ms(100);
	CHECK_EQ(GET(entered), 2);
	CHECK_EQ(dev_threads(), 2);
	CHECK_EQ(iocp_pool_set_limits(pool, 4, 0), 0);	/* raises the maximum */
	WAIT_UNTIL(GET(entered) == 4);
	dev_sleep_ms(100);
	CHECK_EQ(GET(entered), 4);
	CHECK_EQ(iocp_pool_set_limits(pool, 0, 1), 0);	/* busy ones when they are done */
	SET(gate, 1);
	CHECK_EQ(iocp_work_wait(work), 0);
	CHECK_EQ(calls, 6);
	WAIT_UNTIL(dev_threads() == 1);
	iocp_work_close(work, 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
	WAIT_UNTIL(dev_threads() == 0);
}

static size_t stack_size;

static void measure_stack(struct iocp_work *work, void *context)
{
	pthread_attr_t attr;

	(void)work;
	(void)context;
	CHECK_EQ(pthread_getattr_np(pthread_self(), &attr), 0);
	CHECK_EQ(pthread_attr_getstacksize(&attr, &stack_size), 0);
	pthread_attr_destroy(&attr);
}

/* PL-5 */
TEST(stack_size_of_new_threads)
{
	struct iocp_pool *pool = make_pool(1, 2);
	struct iocp_work *held = make_work(pool, 0, hold, NULL);
	struct iocp_work *work = make_work(pool, 0, measure_stack, NULL);

	CHECK_EQ(iocp_pool_set_stack_size(pool, 1), 0);	/* too small: the least */
	CHECK_EQ(iocp_pool_set_stack_size(pool, 192 << 10), 0);
	CHECK_EQ(iocp_work_submit(held), 0);
	WAIT_UNTIL(GET(entered) == 1);
	CHECK_EQ(iocp_work_submit(work), 0);		/* the second thread's */
	CHECK_EQ(iocp_work_wait(work), 0);
	CHECK(stack_size >= 192 << 10 && stack_size < 2 << 20);	/* sanitizers add to it */
	SET(gate, 1);
	iocp_work_close(held, 0);
	iocp_work_close(work, 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

static unsigned int open_ports(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;
	struct dirent *d;

	CHECK(dir);
	while ((d = readdir(dir))) {
		char link[300], to[64] = "";

		snprintf(link, sizeof(link), "/proc/self/fd/%s", d->d_name);
		n += readlink(link, to, sizeof(to) - 1) > 0 && !strcmp(to, "/dev/iocp");
	}
	closedir(dir);
	return n;
}

/* PL-2: threads and port go with the last object, wherever it goes. */
TEST(pool_close_is_deferred)
{
	struct iocp_work *held, *work;
	struct iocp_pool *pool = held_pool(&held);

	work = make_work(pool, 0, count_call, &calls);
	CHECK_EQ(iocp_work_submit(work), 0);
	CHECK_EQ(iocp_pool_close(pool), 0);
	CHECK_EQ(iocp_work_submit(work), 0);		/* it still works */
	iocp_work_close(work, IOCP_WORK_CLOSE_NOWAIT);
	SET(gate, 1);
	CHECK_EQ(iocp_work_wait(held), 0);
	CHECK_EQ(open_ports(), 1);
	iocp_work_close(held, 0);
	WAIT_UNTIL(!dev_threads() && !open_ports());
	CHECK_EQ(calls, 3);

	pool = make_pool(0, 0);
	CHECK_EQ(iocp_pool_close(pool), 0);
	WAIT_UNTIL(!dev_threads() && !open_ports());
}

static struct iocp_pool *pool_to_close;

static void close_all(struct iocp_work *work, void *context)
{
	(void)context;
	CHECK_EQ(iocp_pool_close(pool_to_close), 0);
	CHECK_EQ(iocp_work_close(work, 0), 0);
	ADD(calls, 1);
}

TEST(pool_close_in_callback)
{
	struct iocp_work *work;

	pool_to_close = make_pool(0, 0);
	work = make_work(pool_to_close, 0, close_all, NULL);
	CHECK_EQ(iocp_work_submit(work), 0);
	WAIT_UNTIL(!dev_threads() && !open_ports());
	CHECK_EQ(GET(calls), 1);
}

TEST(dead_in_a_child)
{
	struct iocp_pool *pool = make_pool(0, 0);
	struct iocp_work *work = make_work(pool, 0, count_call, &calls), *other;
	int status;
	pid_t pid = dev_fork();

	if (!pid) {
		CHECK_EQ(iocp_work_submit(work), -ESHUTDOWN);
		CHECK_EQ(iocp_work_wait(work), -ESHUTDOWN);
		CHECK_EQ(iocp_work_create(&other, pool, 0, count_call, NULL), -ESHUTDOWN);
		CHECK_EQ(iocp_pool_set_limits(pool, 0, 1), -ESHUTDOWN);
		CHECK_EQ(iocp_work_close(work, 0), 0);
		CHECK_EQ(iocp_pool_close(pool), 0);
		pool = make_pool(0, 0);
		work = make_work(pool, 0, count_call, &calls);
		CHECK_EQ(iocp_work_submit(work), 0);
		CHECK_EQ(iocp_work_close(work, 0), 0);
		CHECK_EQ(iocp_pool_destroy(pool), 0);
		CHECK_EQ(calls, 1);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
	CHECK_EQ(iocp_work_submit(work), 0);
	CHECK_EQ(iocp_work_close(work, 0), 0);
	CHECK_EQ(calls, 1);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}
