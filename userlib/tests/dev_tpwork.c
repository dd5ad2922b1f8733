// SPDX-License-Identifier: GPL-2.0-only
/* Work and simple callbacks with Windows names: PL-13, PL-18, PL-19, TP-16, TP-19 ... 21. */
#include "dev.h"

#include <iocp.h>
#include <windows.h>

static unsigned int calls, entered, gate, finals;

static VOID CALLBACK count(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	CHECK(instance && work && context == &calls);
	ADD(calls, 1);
}

/* Holds its thread until the gate opens. */
static VOID CALLBACK hold(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)instance;
	(void)context;
	(void)work;
	ADD(entered, 1);
	WAIT_UNTIL(GET(gate));
	ADD(calls, 1);
}

static VOID CALLBACK simple(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
	CHECK(instance && context == &calls);
	ADD(calls, 1);
}

static VOID CALLBACK finalize(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
	CHECK(instance && context == &calls);
	ADD(finals, 1);
}

static PTP_WORK make_work(PTP_WORK_CALLBACK callback, PVOID context, PTP_CALLBACK_ENVIRON env)
{
	PTP_WORK work = CreateThreadpoolWork(callback, context, env);

	CHECK(work);
	return work;
}

/* An environment of a pool of its own with one thread. */
static PTP_POOL one_thread(PTP_CALLBACK_ENVIRON env)
{
	PTP_POOL pool = CreateThreadpool(NULL);

	CHECK(pool);
	SetThreadpoolThreadMaximum(pool, 1);
	InitializeThreadpoolEnvironment(env);
	SetThreadpoolCallbackPool(env, pool);
	return pool;
}

TEST(pl_18_each_submit_calls_back)
{
	PTP_WORK work = make_work(count, &calls, NULL);
	int i;

	SetLastError(0xdeadbeef);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	for (i = 0; i < 10000; i++)
		SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	CHECK_EQ(GET(calls), 10000);
	SubmitThreadpoolWork(work);
	CloseThreadpoolWork(work);			/* what is submitted still runs */
	WAIT_UNTIL(GET(calls) == 10001);
	CHECK_EQ(GetLastError(), 0xdeadbeef);
	CHECK(!CreateThreadpoolWork(NULL, NULL, NULL));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
}

static VOID CALLBACK meet(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)instance;
	(void)work;
	pthread_barrier_wait(context);
	ADD(calls, 1);
}

TEST(pl_18_runs_beside_itself)
{
	pthread_barrier_t barrier;
	PTP_WORK work;
	int i;

	pthread_barrier_init(&barrier, NULL, 3);
	work = make_work(meet, &barrier, NULL);
	for (i = 0; i < 30; i++)
		SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	CHECK_EQ(calls, 30);
	CloseThreadpoolWork(work);
}

TEST(pl_18_wait_true_drops_what_has_not_begun)
{
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool = one_thread(&env);
	PTP_WORK held = make_work(hold, NULL, &env), work = make_work(count, &calls, &env);
	int i;

	SubmitThreadpoolWork(held);
	WAIT_UNTIL(GET(entered) == 1);
	for (i = 0; i < 10; i++)
		SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, TRUE);
	SET(gate, 1);
	WaitForThreadpoolWorkCallbacks(held, TRUE);	/* what runs is waited for */
	CHECK_EQ(GET(calls), 1);
	SubmitThreadpoolWork(work);			/* and it can be used again */
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	CHECK_EQ(GET(calls), 2);
	CloseThreadpoolWork(work);
	CloseThreadpoolWork(held);
	CloseThreadpool(pool);
}

static char order[64];
static unsigned int nr_order;

static VOID CALLBACK note(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)instance;
	(void)work;
	order[nr_order++] = *(char *)context;
}

/* Ten submits of one object do not keep another one waiting. */
TEST(pl_18_objects_take_turns)
{
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool = one_thread(&env);
	PTP_WORK held = make_work(hold, NULL, &env);
	PTP_WORK a = make_work(note, "a", &env), b = make_work(note, "b", &env);
	int i;

	SubmitThreadpoolWork(held);
	WAIT_UNTIL(GET(entered) == 1);
	for (i = 0; i < 10; i++)
		SubmitThreadpoolWork(a);
	SubmitThreadpoolWork(b);
	SET(gate, 1);
	WaitForThreadpoolWorkCallbacks(b, FALSE);
	WaitForThreadpoolWorkCallbacks(a, FALSE);
	CHECK_EQ(nr_order, 11);
	CHECK(order[0] == 'b' || order[1] == 'b');
	CloseThreadpoolWork(a);
	CloseThreadpoolWork(b);
	CloseThreadpoolWork(held);
	CloseThreadpool(pool);
}

TEST(pl_13_priorities_are_strict)
{
	static const char *name[] = { "h", "n", "l" };
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool = one_thread(&env);
	PTP_WORK held = make_work(hold, NULL, &env), work[3];
	int p, i;

	for (p = 0; p < 3; p++) {
		SetThreadpoolCallbackPriority(&env, (TP_CALLBACK_PRIORITY)p);
		work[p] = make_work(note, (PVOID)name[p], &env);
	}
	SubmitThreadpoolWork(held);
	WAIT_UNTIL(GET(entered) == 1);
	for (p = 2; p >= 0; p--)
		for (i = 0; i < 5; i++)
			SubmitThreadpoolWork(work[p]);
	SET(gate, 1);
	for (p = 0; p < 3; p++) {
		WaitForThreadpoolWorkCallbacks(work[p], FALSE);
		CloseThreadpoolWork(work[p]);
	}
	CHECK_EQ(memcmp(order, "hhhhhnnnnnlllll", 15), 0);
	CloseThreadpoolWork(held);
	CloseThreadpool(pool);
}

TEST(tp_16_environment_is_copied)
{
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool = one_thread(&env);
	PTP_WORK work;
	int i;

	env.FinalizationCallback = finalize;
	work = make_work(count, &calls, &env);
	memset(&env, 0xee, sizeof(env));
	for (i = 0; i < 10; i++)
		SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	CHECK_EQ(calls, 10);
	CHECK_EQ(finals, 10);				/* of each, before the wait is over */
	CloseThreadpoolWork(work);
	CloseThreadpool(pool);
}

static VOID CALLBACK in_own(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)instance;
	WaitForThreadpoolWorkCallbacks(work, FALSE);	/* TR-23: returns */
	SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, TRUE);	/* drops the submit */
	CloseThreadpoolWork(work);
	CloseThreadpoolWork(work);
	SubmitThreadpoolWork(work);
	*(unsigned int *)context += 1;
}

TEST(tp_19_20_21_wait_and_close_in_own_callback)
{
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool = one_thread(&env);
	PTP_WORK work = make_work(in_own, &calls, &env), last = make_work(hold, NULL, &env);

	SET(gate, 1);
	SubmitThreadpoolWork(work);
	SubmitThreadpoolWork(last);
	WaitForThreadpoolWorkCallbacks(last, FALSE);
	CHECK_EQ(calls, 2);
	CloseThreadpoolWork(last);
	CloseThreadpool(pool);
}

/* TP-23, B13: what is gone is recognised, also by another kind of object. */
TEST(stale_objects_are_ignored)
{
	PTP_WORK work = make_work(count, &calls, NULL), next;
	HANDLE h;
	int i;

	CloseThreadpoolWork(work);
	for (i = 0; i < 100; i++) {
		next = make_work(count, &calls, NULL);
		SubmitThreadpoolWork(work);
		WaitForThreadpoolWorkCallbacks(work, FALSE);
		CloseThreadpoolWork(work);
		SubmitThreadpoolWork(next);
		WaitForThreadpoolWorkCallbacks(next, FALSE);
		CHECK_EQ(calls, i + 1);
		CloseThreadpoolWork(next);
	}
	SubmitThreadpoolWork(NULL);
	CloseThreadpoolWork((PTP_WORK)&calls);
	work = make_work(count, &calls, NULL);
	CHECK(!CloseHandle((HANDLE)work));
	h = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
	CloseThreadpoolWork((PTP_WORK)h);
	CHECK(CloseHandle(h));
	SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	CHECK_EQ(calls, 101);
	CloseThreadpoolWork(work);
}

TEST(pl_19_simple_callbacks)
{
	TP_CALLBACK_ENVIRON env;
	int i;

	SetLastError(0xdeadbeef);
	for (i = 0; i < 1000; i++)
		CHECK(TrySubmitThreadpoolCallback(simple, &calls, NULL));
	WAIT_UNTIL(GET(calls) == 1000);
	CHECK_EQ(GetLastError(), 0xdeadbeef);
	CHECK(!TrySubmitThreadpoolCallback(NULL, NULL, NULL));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);

	InitializeThreadpoolEnvironment(&env);
	env.FinalizationCallback = finalize;
	CHECK(TrySubmitThreadpoolCallback(simple, &calls, &env));
	WAIT_UNTIL(GET(finals) == 1);
	CHECK_EQ(GET(calls), 1001);
	env.Version = 9999;
	CHECK(!TrySubmitThreadpoolCallback(simple, &calls, &env));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	CHECK_EQ(GET(calls), 1001);
	DestroyThreadpoolEnvironment(&env);
}

TEST(dead_in_a_child)
{
	PTP_WORK work = make_work(count, &calls, NULL), mine;
	int status;
	pid_t pid;

	SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	pid = dev_fork();
	if (!pid) {
		SubmitThreadpoolWork(work);
		WaitForThreadpoolWorkCallbacks(work, FALSE);
		CloseThreadpoolWork(work);
		mine = make_work(count, &calls, NULL);
		SubmitThreadpoolWork(mine);
		WaitForThreadpoolWorkCallbacks(mine, FALSE);
		CHECK_EQ(calls, 2);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(calls, 1);
	CloseThreadpoolWork(work);
}
