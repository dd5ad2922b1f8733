// SPDX-License-Identifier: GPL-2.0-only
/* Cleanup groups: PL-15 ... 17, CI-6, TP-22, TR-23, TR-24. */
#include "dev.h"

#include <iocp.h>
#include <windows.h>

static unsigned int calls, entered, gate, cancels, apart;
static int cleanup;
static pthread_t closer;

static PTP_CLEANUP_GROUP group;
static PTP_POOL pool;
static TP_CALLBACK_ENVIRON env;

static VOID CALLBACK cancelled(PVOID context, PVOID cleanup_context)
{
	CHECK(context == &calls && cleanup_context == &cleanup);
	CHECK(pthread_equal(pthread_self(), closer));
	ADD(cancels, 1);
}

/* A pool with that many threads, and a group, in the environment. */
static void make_group(DWORD threads)
{
	pool = CreateThreadpool(NULL);
	group = CreateThreadpoolCleanupGroup();
	CHECK(pool && group);
	SetThreadpoolThreadMaximum(pool, threads);
	InitializeThreadpoolEnvironment(&env);
	SetThreadpoolCallbackPool(&env, pool);
	SetThreadpoolCallbackCleanupGroup(&env, group, cancelled);
	closer = pthread_self();
}

static void close_members(BOOL cancel)
{
	CloseThreadpoolCleanupGroupMembers(group, cancel, &cleanup);
}

static void end_group(void)
{
	CloseThreadpoolCleanupGroup(group);
	CloseThreadpool(pool);
	DestroyThreadpoolEnvironment(&env);
}

static PTP_WORK make_work(PTP_WORK_CALLBACK callback)
{
	PTP_WORK work = CreateThreadpoolWork(callback, &calls, &env);

	CHECK(work);
	return work;
}

static VOID CALLBACK count(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)instance;
	(void)work;
	CHECK(context == &calls);
	ADD(calls, 1);
}

static VOID CALLBACK hold(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	ADD(entered, 1);
	WAIT_UNTIL(GET(gate));
	dev_sleep_ms(20);
	count(instance, context, work);
}

static VOID CALLBACK simple(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
	count(instance, context, NULL);
}

static VOID CALLBACK never(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_TIMER timer)
{
	(void)instance;
	FAIL("timer %p, context %p", (void *)timer, context);
}

/* Opens the gate once the last member is closed, and whoever does it has had time to wait. */
static void *open_gate(void *last)
{
	WAIT_UNTIL(!IsThreadpoolTimerSet(last));
	dev_sleep_ms(50);
	CHECK_EQ(GET(calls), 0);
	SET(gate, 1);
	return NULL;
}

static pthread_t start_thread(void *(*run)(void *), void *arg)
{
	pthread_t t;

	CHECK_EQ(pthread_create(&t, NULL, run, arg), 0);
	return t;
}

/* The last member tells that the others are closed; of its own end nobody is told. */
static pthread_t start_open_gate(void)
{
	FILETIME due = { .dwHighDateTime = INT32_MAX };
	TP_CALLBACK_ENVIRON untold = env;
	PTP_TIMER last;

	SetThreadpoolCallbackCleanupGroup(&untold, group, NULL);
	last = CreateThreadpoolTimer(never, NULL, &untold);
	CHECK(last);
	SetThreadpoolTimer(last, &due, 0, 0);
	return start_thread(open_gate, last);
}

TEST(pl_15_waits_for_running_callbacks)
{
	PTP_WORK work;
	pthread_t t;
	int i;

	make_group(4);
	work = make_work(hold);
	for (i = 0; i < 4; i++)
		SubmitThreadpoolWork(work);
	WAIT_UNTIL(GET(entered) == 4);
	t = start_open_gate();
	close_members(FALSE);
	CHECK_EQ(calls, 4);
	CHECK_EQ(cancels, 0);		/* PL-16: only with cancel */
	pthread_join(t, NULL);
	/* it is closed: nothing more can be asked of it */
	SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	CloseThreadpoolWork(work);
	CHECK_EQ(calls, 4);
	end_group();
}

TEST(pl_15_without_cancel_what_is_queued_runs)
{
	PTP_WORK held, work;
	pthread_t t;
	int i;

	make_group(1);
	held = make_work(hold);
	work = make_work(count);
	SubmitThreadpoolWork(held);
	WAIT_UNTIL(GET(entered) == 1);
	for (i = 0; i < 10; i++) {
		SubmitThreadpoolWork(work);
		CHECK(TrySubmitThreadpoolCallback(simple, &calls, &env));
	}
	t = start_open_gate();
	close_members(FALSE);
	CHECK_EQ(calls, 21);
	pthread_join(t, NULL);
	end_group();
}

TEST(pl_15_16_cancel_drops_and_tells)
{
	PTP_WORK held, work;
	pthread_t t;
	int i;

	make_group(1);
	held = make_work(hold);
	work = make_work(count);
	make_work(count);			/* idle */
	SubmitThreadpoolWork(held);
	WAIT_UNTIL(GET(entered) == 1);
	for (i = 0; i < 10; i++)
		SubmitThreadpoolWork(work);
	t = start_open_gate();
	close_members(TRUE);
	CHECK_EQ(calls, 1);
	CHECK_EQ(cancels, 3);			/* one for each object, also the idle one */
	pthread_join(t, NULL);
	end_group();
}

/* The cancel callback comes after the object's own callbacks are over. */
static VOID CALLBACK cancel_after(PVOID context, PVOID cleanup_context)
{
	CHECK_EQ(GET(calls), 1);
	cancelled(context, cleanup_context);
}

TEST(pl_16_cancel_callback_comes_last)
{
	pthread_t t;

	make_group(1);
	SetThreadpoolCallbackCleanupGroup(&env, group, cancel_after);
	SubmitThreadpoolWork(make_work(hold));
	WAIT_UNTIL(GET(entered) == 1);
	t = start_open_gate();
	close_members(TRUE);
	CHECK_EQ(cancels, 1);
	pthread_join(t, NULL);
	end_group();
}

TEST(pl_16_not_of_what_somebody_closed)
{
	PTP_WORK held, closed, idle;
	pthread_t t;

	make_group(1);
	held = make_work(hold);
	closed = make_work(count);
	idle = make_work(count);
	CloseThreadpoolWork(idle);
	SubmitThreadpoolWork(held);
	WAIT_UNTIL(GET(entered) == 1);
	SubmitThreadpoolWork(closed);
	CloseThreadpoolWork(closed);
	CloseThreadpoolWork(held);
	t = start_open_gate();
	close_members(TRUE);
	CHECK_EQ(calls, 1);			/* it is waited for all the same */
	CHECK_EQ(cancels, 0);
	pthread_join(t, NULL);
	end_group();
}

TEST(pl_16_simple_callbacks_only_if_pending)
{
	pthread_t t;
	int i;

	make_group(1);
	CHECK(TrySubmitThreadpoolCallback(simple, &calls, &env));
	WAIT_UNTIL(GET(calls) == 1);
	close_members(TRUE);
	CHECK_EQ(cancels, 0);
	SET(calls, 0);
	SubmitThreadpoolWork(make_work(hold));
	WAIT_UNTIL(GET(entered) == 1);
	for (i = 0; i < 100; i++)
		CHECK(TrySubmitThreadpoolCallback(simple, &calls, &env));
	t = start_open_gate();
	close_members(TRUE);
	CHECK_EQ(calls, 1);
	CHECK_EQ(cancels, 101);
	pthread_join(t, NULL);
	end_group();
}

TEST(pl_17_group_can_be_used_again)
{
	int i;

	make_group(2);
	close_members(TRUE);			/* of an empty one */
	for (i = 1; i <= 50; i++) {
		SubmitThreadpoolWork(make_work(count));
		make_work(count);
		close_members(FALSE);
		CHECK_EQ(calls, i);
	}
	end_group();
	/* and not after its end */
	close_members(TRUE);
	CHECK(!CreateThreadpoolWork(count, &calls, &env));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
}

TEST(pl_17_members_survive_the_end_of_the_group)
{
	PTP_WORK work;

	make_group(1);
	work = make_work(count);
	end_group();
	SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	CHECK_EQ(calls, 1);
	CloseThreadpoolWork(work);
}

/* A pool may be closed before its group's members: it ends with them (PL-2). */
TEST(pl_2_pool_first)
{
	PTP_WORK work;

	make_group(2);
	work = make_work(hold);
	SubmitThreadpoolWork(work);
	CloseThreadpool(pool);
	SET(gate, 1);
	close_members(FALSE);
	CHECK_EQ(calls, 1);
	CloseThreadpoolCleanupGroup(group);
	WAIT_UNTIL(dev_threads() == 0);
	CHECK(!CreateThreadpoolWork(count, &calls, &env));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
}

/* Callbacks that close, while the group closes and waits for them. */
static VOID CALLBACK close_own(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	ADD(entered, 1);
	WAIT_UNTIL(GET(gate));
	CloseThreadpoolWork(work);
	SubmitThreadpoolWork(work);
	dev_sleep_ms(20);
	count(instance, context, work);
}

TEST(pl_15_close_inside_callbacks_is_tolerated)
{
	pthread_t t;
	int i;

	make_group(4);
	for (i = 0; i < 4; i++)
		SubmitThreadpoolWork(make_work(close_own));
	WAIT_UNTIL(GET(entered) == 4);
	t = start_open_gate();
	close_members(TRUE);
	CHECK_EQ(calls, 4);
	CHECK_EQ(cancels, 4);			/* the group was first */
	pthread_join(t, NULL);
	end_group();
}

/* The same without a gate: whoever is first, each is freed once. */
static VOID CALLBACK close_soon(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	CloseThreadpoolWork(work);
	count(instance, context, work);
}

TEST(pl_15_close_races)
{
	unsigned int i, j;

	make_group(8);
	for (i = 0; i < 300; i++) {
		for (j = 0; j < 4; j++)
			SubmitThreadpoolWork(make_work(close_soon));
		CHECK(TrySubmitThreadpoolCallback(simple, &calls, &env));
		close_members(FALSE);
		CHECK_EQ(GET(calls), 5 * (i + 1));
	}
	end_group();
}

static VOID CALLBACK disassociate(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	DisassociateCurrentThreadFromCallback(instance);
	DisassociateCurrentThreadFromCallback(instance);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	ADD(apart, 1);
	WAIT_UNTIL(GET(gate));
	dev_sleep_ms(20);
	count(instance, context, work);
}

TEST(ci_6_pl_15_group_waits_for_who_disassociated)
{
	PTP_WORK work, closed;
	pthread_t t;

	make_group(4);
	work = make_work(disassociate);
	closed = make_work(disassociate);
	SubmitThreadpoolWork(work);
	SubmitThreadpoolWork(closed);
	WAIT_UNTIL(GET(apart) == 2);
	WaitForThreadpoolWorkCallbacks(work, FALSE);	/* this one does not */
	CloseThreadpoolWork(closed);			/* a member until its callback returns */
	t = start_open_gate();
	close_members(TRUE);
	CHECK_EQ(calls, 2);
	CHECK_EQ(cancels, 1);
	pthread_join(t, NULL);
	end_group();
}

static VOID CALLBACK create_more(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	ADD(entered, 1);
	WAIT_UNTIL(GET(gate));
	CHECK(!CreateThreadpoolWork(count, &calls, &env));
	CHECK_EQ(GetLastError(), ERROR_BUSY);
	CHECK(!TrySubmitThreadpoolCallback(simple, &calls, &env));
	CHECK_EQ(GetLastError(), ERROR_BUSY);
	count(instance, context, work);
}

TEST(tr_24_group_is_sealed_while_it_closes)
{
	pthread_t t;

	make_group(2);
	SubmitThreadpoolWork(make_work(create_more));
	WAIT_UNTIL(GET(entered) == 1);
	t = start_open_gate();
	close_members(FALSE);
	CHECK_EQ(calls, 1);
	pthread_join(t, NULL);
	SubmitThreadpoolWork(make_work(count));
	close_members(FALSE);
	CHECK_EQ(calls, 2);
	end_group();
}

static volatile bool stop;

static void *create_all_the_time(void *arg)
{
	uintptr_t n = 0;

	(void)arg;
	while (!GET(stop)) {
		PTP_WORK work = CreateThreadpoolWork(count, &calls, &env);

		if (!work) {
			CHECK_EQ(GetLastError(), ERROR_BUSY);
			continue;
		}
		SubmitThreadpoolWork(work);
		n += TrySubmitThreadpoolCallback(simple, &calls, &env);
		n++;
	}
	return (void *)n;
}

/* Each member is closed once, by a group that is closed again and again. */
TEST(tr_24_create_races_with_close)
{
	pthread_t t[2];
	int i;

	make_group(4);
	for (i = 0; i < 2; i++)
		t[i] = start_thread(create_all_the_time, NULL);
	for (i = 0; i < 200; i++)
		close_members(i & 1);
	SET(stop, true);
	for (i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	close_members(TRUE);
	end_group();
	WAIT_UNTIL(dev_threads() == 0);		/* no object is left */
}

static VOID CALLBACK close_group(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	closer = pthread_self();
	close_members(TRUE);
	CHECK_EQ(GET(calls), 1);
	CHECK_EQ(cancels, 1);			/* the other one's */
	count(instance, context, work);
}

TEST(tr_23_in_a_callback_of_a_member)
{
	PTP_WORK other;

	make_group(2);
	other = make_work(hold);
	SubmitThreadpoolWork(other);
	WAIT_UNTIL(GET(entered) == 1);
	SubmitThreadpoolWork(make_work(close_group));
	SET(gate, 1);
	WAIT_UNTIL(GET(calls) == 2);
	closer = pthread_self();
	close_members(TRUE);
	CHECK_EQ(cancels, 1);
	end_group();
	WAIT_UNTIL(dev_threads() == 0);
}

static VOID CALLBACK close_at_once(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	ADD(entered, 1);
	WAIT_UNTIL(GET(gate));
	close_members(FALSE);			/* returns: the closer waits for us */
	count(instance, context, work);
}

TEST(tr_23_in_a_callback_while_another_thread_closes)
{
	pthread_t t;
	int i;

	make_group(4);
	for (i = 0; i < 3; i++)
		SubmitThreadpoolWork(make_work(close_at_once));
	WAIT_UNTIL(GET(entered) == 3);
	t = start_open_gate();
	close_members(FALSE);
	CHECK_EQ(calls, 3);
	pthread_join(t, NULL);
	end_group();
}

static void *close_too(void *arg)
{
	close_members(FALSE);
	CHECK_EQ(GET(calls), 1);
	return arg;
}

TEST(two_threads_close_at_the_same_time)
{
	pthread_t t[2];
	int i;

	make_group(4);
	SubmitThreadpoolWork(make_work(hold));
	WAIT_UNTIL(GET(entered) == 1);
	for (i = 0; i < 2; i++)
		t[i] = start_thread(close_too, NULL);
	dev_sleep_ms(20);
	SET(gate, 1);
	close_too(NULL);
	for (i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	end_group();
}

/* TP-22: a TP_IO is a member as any other. */
struct op {
	OVERLAPPED ov;
	char buf[16];
	ULONG result;
};

static VOID CALLBACK io_done(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			     ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	(void)instance;
	(void)bytes;
	(void)io;
	CHECK(context == &calls);
	((struct op *)overlapped)->result = result;
	ADD(calls, 1);
}

static HANDLE open_pipe(int *write_fd)
{
	HANDLE h;
	int fds[2];

	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	h = (HANDLE)_get_osfhandle(fds[0]);
	CHECK(h != INVALID_HANDLE_VALUE);
	close(fds[0]);
	*write_fd = fds[1];
	return h;
}

static PTP_IO make_io(HANDLE h, PTP_WIN32_IO_CALLBACK callback)
{
	PTP_IO io = CreateThreadpoolIo(h, callback, &calls, &env);

	CHECK(io);
	return io;
}

static void start_read(PTP_IO io, HANDLE h, struct op *o)
{
	StartThreadpoolIo(io);
	CHECK(!ReadFile(h, o->buf, sizeof(o->buf), NULL, &o->ov));
	CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
}

static void *write_later(void *arg)
{
	dev_sleep_ms(50);
	CHECK_EQ(GET(calls), 0);
	CHECK_EQ(write(*(int *)arg, "x", 1), 1);
	return arg;
}

TEST(tp_22_group_waits_for_io)
{
	struct op o = { .result = ~0U };
	pthread_t t;
	HANDLE h;
	PTP_IO io;
	int wr;

	make_group(2);
	h = open_pipe(&wr);
	io = make_io(h, io_done);
	start_read(io, h, &o);
	t = start_thread(write_later, &wr);
	close_members(FALSE);
	CHECK_EQ(calls, 1);
	CHECK_EQ(o.result, NO_ERROR);
	pthread_join(t, NULL);
	StartThreadpoolIo(io);			/* it is gone */
	CloseThreadpoolIo(io);
	CHECK(CloseHandle(h));
	end_group();
	WAIT_UNTIL(dev_threads() == 0);
}

TEST(tp_22_cancel_forgets_io)
{
	uint64_t strays = iocp_stray_completions();
	struct op o = { .result = ~0U };
	HANDLE h, closed;
	int wr, wr2;
	PTP_IO io;

	make_group(2);
	h = open_pipe(&wr);
	start_read(make_io(h, io_done), h, &o);
	closed = open_pipe(&wr2);
	io = make_io(closed, io_done);
	CloseThreadpoolIo(io);
	close_members(TRUE);
	CHECK_EQ(cancels, 1);
	/* the operation goes on; its completion is swallowed, and no stray */
	CHECK_EQ(write(wr, "x", 1), 1);
	WAIT_UNTIL(HasOverlappedIoCompleted(&o.ov));
	CHECK(CloseHandle(h));
	CHECK(CloseHandle(closed));
	end_group();
	WAIT_UNTIL(dev_threads() == 0);
	CHECK_EQ(calls, 0);
	CHECK_EQ(iocp_stray_completions(), strays);
}

/* A callback that reads on while the group closes: the next one is swallowed. */
static HANDLE chain;
static struct op next_op;

static VOID CALLBACK read_on(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			     ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	ADD(entered, 1);
	WAIT_UNTIL(GET(gate));
	start_read(io, chain, &next_op);
	io_done(instance, context, overlapped, result, bytes, io);
}

TEST(tp_22_start_while_the_group_closes)
{
	uint64_t strays = iocp_stray_completions();
	struct op o = { .result = ~0U };
	pthread_t t;
	int wr;

	make_group(2);
	chain = open_pipe(&wr);
	start_read(make_io(chain, read_on), chain, &o);
	CHECK_EQ(write(wr, "x", 1), 1);
	WAIT_UNTIL(GET(entered) == 1);
	t = start_open_gate();
	close_members(FALSE);
	CHECK_EQ(calls, 1);
	CHECK_EQ(write(wr, "x", 1), 1);
	WAIT_UNTIL(HasOverlappedIoCompleted(&next_op.ov));
	CHECK_EQ(next_op.ov.InternalHigh, 1);
	pthread_join(t, NULL);
	CHECK(CloseHandle(chain));
	end_group();
	WAIT_UNTIL(dev_threads() == 0);
	CHECK_EQ(calls, 1);
	CHECK_EQ(iocp_stray_completions(), strays);
}

/* The file first: Starts without an operation do not keep the group waiting. */
TEST(tp_22_file_closed_first)
{
	HANDLE h;
	PTP_IO io;
	int wr;

	make_group(2);
	h = open_pipe(&wr);
	io = make_io(h, io_done);
	StartThreadpoolIo(io);
	CHECK(CloseHandle(h));
	close_members(FALSE);
	end_group();
	WAIT_UNTIL(dev_threads() == 0);
}

TEST(dead_in_a_child)
{
	PTP_CLEANUP_GROUP old;
	PTP_POOL old_pool;
	int status;
	pid_t pid;

	make_group(1);
	SubmitThreadpoolWork(make_work(count));
	WAIT_UNTIL(GET(calls) == 1);
	pid = dev_fork();
	if (!pid) {
		old = group;
		old_pool = pool;
		close_members(TRUE);
		CHECK_EQ(cancels, 0);
		CloseThreadpoolCleanupGroup(old);
		CloseThreadpool(old_pool);
		CHECK(!CreateThreadpoolWork(count, &calls, &env));
		CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
		make_group(1);
		make_work(count);
		close_members(TRUE);
		CHECK_EQ(cancels, 1);
		end_group();
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	close_members(TRUE);
	CHECK_EQ(cancels, 1);
	end_group();
}
