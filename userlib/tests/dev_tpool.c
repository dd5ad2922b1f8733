// SPDX-License-Identifier: GPL-2.0-only
/* Pools and environments with Windows names: PL-1 ... 5, PL-11 ... 14, TP-17. */
#include "dev.h"

#include <iocp.h>
#include <windows.h>

static unsigned int calls, entered, gate;

static VOID CALLBACK count(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)instance;
	(void)context;
	(void)work;
	ADD(calls, 1);
}

static VOID CALLBACK hold(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	ADD(entered, 1);
	WAIT_UNTIL(GET(gate));
	count(instance, context, work);
}

static PTP_POOL make_pool(PTP_CALLBACK_ENVIRON env)
{
	PTP_POOL pool = CreateThreadpool(NULL);

	CHECK(pool);
	InitializeThreadpoolEnvironment(env);
	SetThreadpoolCallbackPool(env, pool);
	return pool;
}

static PTP_WORK make_work(PTP_WORK_CALLBACK callback, PTP_CALLBACK_ENVIRON env)
{
	PTP_WORK work = CreateThreadpoolWork(callback, NULL, env);

	CHECK(work);
	return work;
}

/* So many callbacks at a time, that many threads (they block). */
static void hold_threads(PTP_WORK work, unsigned int nr)
{
	unsigned int i;

	SET(gate, 0);
	SET(entered, 0);
	for (i = 0; i < nr; i++)
		SubmitThreadpoolWork(work);
}

static void release_threads(PTP_WORK work)
{
	SET(gate, 1);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
}

_Static_assert(offsetof(TP_CALLBACK_ENVIRON, Pool) == 8 &&
	       offsetof(TP_CALLBACK_ENVIRON, CleanupGroup) == 16 &&
	       offsetof(TP_CALLBACK_ENVIRON, CleanupGroupCancelCallback) == 24 &&
	       offsetof(TP_CALLBACK_ENVIRON, RaceDll) == 32 &&
	       offsetof(TP_CALLBACK_ENVIRON, ActivationContext) == 40 &&
	       offsetof(TP_CALLBACK_ENVIRON, FinalizationCallback) == 48 &&
	       offsetof(TP_CALLBACK_ENVIRON, u) == 56 &&
	       offsetof(TP_CALLBACK_ENVIRON, CallbackPriority) == 60 &&
	       offsetof(TP_CALLBACK_ENVIRON, Size) == 64 &&
	       sizeof(TP_CALLBACK_ENVIRON) == 72, "PL-11");

TEST(pl_11_12_13_environments)
{
	TP_CALLBACK_ENVIRON env;
	PTP_WORK work;

	memset(&env, 0xee, sizeof(env));
	InitializeThreadpoolEnvironment(&env);
	CHECK_EQ(env.Version, 3);
	CHECK_EQ(env.CallbackPriority, TP_CALLBACK_PRIORITY_NORMAL);
	CHECK_EQ(env.Size, sizeof(env));
	CHECK(!env.Pool && !env.CleanupGroup && !env.CleanupGroupCancelCallback && !env.RaceDll &&
	      !env.ActivationContext && !env.FinalizationCallback && !env.u.Flags);
	SetThreadpoolCallbackRunsLong(&env);
	CHECK_EQ(env.u.Flags, 1);
	SetThreadpoolCallbackPersistent(&env);
	CHECK_EQ(env.u.Flags, 3);

	InitializeThreadpoolEnvironment(&env);
	env.Version = 9999;
	CHECK(!CreateThreadpoolWork(count, NULL, &env));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	env.Version = 2;
	CHECK(!CreateThreadpoolWork(count, NULL, &env));
	env.Version = 1;			/* without a priority */
	env.CallbackPriority = TP_CALLBACK_PRIORITY_INVALID;
	work = make_work(count, &env);
	SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	CloseThreadpoolWork(work);
	CHECK_EQ(calls, 1);
	env.Version = 3;
	CHECK(!CreateThreadpoolWork(count, NULL, &env));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	SetThreadpoolCallbackPriority(&env, TP_CALLBACK_PRIORITY_LOW);
	env.ActivationContext = (struct _ACTIVATION_CONTEXT *)&env;
	CHECK(!CreateThreadpoolWork(count, NULL, &env));
	CHECK_EQ(GetLastError(), ERROR_NOT_SUPPORTED);
	env.ActivationContext = NULL;
	SetThreadpoolCallbackPool(&env, (PTP_POOL)&env);
	CHECK(!CreateThreadpoolWork(count, NULL, &env));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	SetThreadpoolCallbackPool(&env, NULL);
	SetThreadpoolCallbackCleanupGroup(&env, (PTP_CLEANUP_GROUP)work, NULL);
	CHECK(!CreateThreadpoolWork(count, NULL, &env));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	DestroyThreadpoolEnvironment(&env);
}

/* PL-1: NULL and no pool in the environment are the one default pool. */
TEST(pl_1_default_pool)
{
	TP_CALLBACK_ENVIRON env;
	PTP_WORK a, b;

	InitializeThreadpoolEnvironment(&env);
	a = make_work(hold, NULL);
	b = make_work(hold, &env);
	SubmitThreadpoolWork(a);
	WAIT_UNTIL(GET(entered) == 1);
	WAIT_UNTIL(dev_threads() == 2);		/* and the spare */
	SubmitThreadpoolWork(b);
	WAIT_UNTIL(GET(entered) == 2);
	WAIT_UNTIL(dev_threads() == 3);
	SET(gate, 1);
	WaitForThreadpoolWorkCallbacks(a, FALSE);
	WaitForThreadpoolWorkCallbacks(b, FALSE);
	CloseThreadpoolWork(a);
	CloseThreadpoolWork(b);
	CHECK(dev_threads() > 0);		/* it stays */
}

TEST(pl_2_close_is_deferred)
{
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool;
	PTP_WORK work;
	int i;

	CHECK(!CreateThreadpool(&env));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	CloseThreadpool(make_pool(&env));	/* without objects: at once */
	WAIT_UNTIL(dev_threads() == 0);
	pool = make_pool(&env);
	work = make_work(hold, &env);
	hold_threads(work, 4);
	CloseThreadpool(pool);
	CHECK(!CreateThreadpoolWork(count, NULL, &env));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	CHECK(!SetThreadpoolThreadMinimum(pool, 2));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	SetThreadpoolThreadMaximum(pool, 2);
	CloseThreadpool(pool);
	WAIT_UNTIL(GET(entered) == 4);
	release_threads(work);
	for (i = 0; i < 10; i++)
		SubmitThreadpoolWork(work);	/* it works as ever */
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	CHECK_EQ(calls, 14);
	CHECK(dev_threads() > 0);
	CloseThreadpoolWork(work);
	WAIT_UNTIL(dev_threads() == 0);
}

static VOID CALLBACK close_pool(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	CloseThreadpool(context);
	CloseThreadpoolWork(work);
	count(instance, context, work);
}

TEST(pl_2_close_in_a_callback_of_the_pool)
{
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool = make_pool(&env);
	PTP_WORK work = CreateThreadpoolWork(close_pool, pool, &env);

	SubmitThreadpoolWork(work);
	WAIT_UNTIL(GET(calls) == 1);
	WAIT_UNTIL(dev_threads() == 0);
}

TEST(pl_4_maximum)
{
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool = make_pool(&env);
	PTP_WORK work = make_work(hold, &env);

	SetThreadpoolThreadMaximum(pool, 3);
	hold_threads(work, 10);
	WAIT_UNTIL(GET(entered) == 3);
	dev_sleep_ms(100);
	CHECK_EQ(GET(entered), 3);
	CHECK_EQ(dev_threads(), 3);
	release_threads(work);
	SetThreadpoolThreadMaximum(pool, 0);	/* at least one */
	hold_threads(work, 3);
	WAIT_UNTIL(GET(entered) == 1);
	WAIT_UNTIL(dev_threads() == 1);
	release_threads(work);
	CHECK_EQ(calls, 13);
	SetThreadpoolThreadMaximum(pool, 100000);
	hold_threads(work, 20);
	WAIT_UNTIL(GET(entered) == 20);
	release_threads(work);
	CloseThreadpoolWork(work);
	CloseThreadpool(pool);
}

TEST(pl_4_minimum)
{
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool = make_pool(&env);
	PTP_WORK work = make_work(hold, &env);

	SetThreadpoolThreadMaximum(pool, 2);
	SetLastError(0xdeadbeef);
	CHECK(SetThreadpoolThreadMinimum(pool, 5));	/* raises the maximum */
	CHECK_EQ(GetLastError(), 0xdeadbeef);
	WAIT_UNTIL(dev_threads() == 5);
	hold_threads(work, 10);
	WAIT_UNTIL(GET(entered) == 5);
	dev_sleep_ms(100);
	CHECK_EQ(GET(entered), 5);
	release_threads(work);
	SetThreadpoolThreadMaximum(pool, 1);		/* lowers the minimum */
	WAIT_UNTIL(dev_threads() == 1);
	CHECK(SetThreadpoolThreadMinimum(pool, 0));
	CloseThreadpoolWork(work);
	CloseThreadpool(pool);
}

static VOID CALLBACK stack_size(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	pthread_attr_t attr;

	(void)instance;
	(void)work;
	CHECK_EQ(pthread_getattr_np(pthread_self(), &attr), 0);
	CHECK_EQ(pthread_attr_getstacksize(&attr, context), 0);
	pthread_attr_destroy(&attr);
}

TEST(pl_5_stack)
{
	TP_POOL_STACK_INFORMATION info;
	size_t size, normal;
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool = make_pool(&env);
	pthread_attr_t attr;
	PTP_WORK work;

	pthread_getattr_default_np(&attr);
	pthread_attr_getstacksize(&attr, &normal);
	CHECK(QueryThreadpoolStackInformation(pool, &info));
	CHECK_EQ(info.StackReserve, normal);
	info.StackReserve = 1;				/* nothing is checked */
	info.StackCommit = 2;
	CHECK(SetThreadpoolStackInformation(pool, &info));
	memset(&info, 0, sizeof(info));
	CHECK(QueryThreadpoolStackInformation(pool, &info));
	CHECK_EQ(info.StackReserve, 1);
	CHECK_EQ(info.StackCommit, 2);

	/* threads that start from now on have it: make the one there is take a callback */
	info.StackReserve = 3 << 20;
	CHECK(SetThreadpoolStackInformation(pool, &info));
	work = make_work(hold, &env);
	hold_threads(work, 2);
	WAIT_UNTIL(GET(entered) == 2);
	{
		PTP_WORK probe = CreateThreadpoolWork(stack_size, &size, &env);

		SubmitThreadpoolWork(probe);
		WaitForThreadpoolWorkCallbacks(probe, FALSE);
		CHECK(size >= 3 << 20 && size < normal);
		CloseThreadpoolWork(probe);
	}
	release_threads(work);
	CloseThreadpoolWork(work);
	CloseThreadpool(pool);
	CHECK(!QueryThreadpoolStackInformation(pool, &info));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	CHECK(!SetThreadpoolStackInformation(pool, &info));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
}

/* PL-14: threads of a pool with a persistent object do not end; PL-6: others do. */
TEST(pl_14_persistent)
{
	TP_CALLBACK_ENVIRON env, plain;
	PTP_POOL pool = make_pool(&env), other = make_pool(&plain);
	PTP_WORK work, brief;

	SetThreadpoolCallbackPersistent(&env);
	work = make_work(hold, &env);
	brief = make_work(hold, &plain);
	hold_threads(work, 4);
	WAIT_UNTIL(GET(entered) == 4);
	SubmitThreadpoolWork(brief);
	SubmitThreadpoolWork(brief);
	WAIT_UNTIL(GET(entered) == 6);
	WAIT_UNTIL(dev_threads() == 5 + 3);	/* spares included */
	release_threads(work);
	WaitForThreadpoolWorkCallbacks(brief, FALSE);
	WAIT_UNTIL(dev_threads() == 5 + 2);	/* after 10 s */
	dev_sleep_ms(2000);
	CHECK_EQ(dev_threads(), 5 + 2);
	CloseThreadpoolWork(work);
	CloseThreadpoolWork(brief);
	CloseThreadpool(pool);
	CloseThreadpool(other);
	WAIT_UNTIL(dev_threads() == 0);
}

static VOID CALLBACK io_count(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			      ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	(void)overlapped;
	(void)io;
	CHECK_EQ(result, NO_ERROR);
	CHECK_EQ(bytes, 16);
	count(instance, context, NULL);
}

/* TP-17: a file is in its pool's port, and keeps that until it is closed itself. */
TEST(tp_17_io_in_a_pool)
{
	const char *path = dev_file(dev_path("data"), 4096);
	OVERLAPPED ov = { .Internal = 0 };
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool = make_pool(&env);
	char buf[16];
	HANDLE h;
	PTP_IO io;

	h = CreateFileA(path, GENERIC_READ, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
	CHECK(h != INVALID_HANDLE_VALUE);
	io = CreateThreadpoolIo(h, io_count, NULL, &env);
	CHECK(io);
	CloseThreadpool(pool);
	StartThreadpoolIo(io);
	CHECK(!ReadFile(h, buf, sizeof(buf), NULL, &ov));
	CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CHECK_EQ(calls, 1);
	CloseThreadpoolIo(io);
	/* without a TP_IO the file can still be read, and the pool takes its packets */
	CHECK(!ReadFile(h, buf, sizeof(buf), NULL, &ov));
	CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
	WAIT_UNTIL(HasOverlappedIoCompleted(&ov));
	CHECK(dev_threads() > 0);
	CHECK(!CancelIoEx(h, NULL));
	CHECK(CloseHandle(h));
	WAIT_UNTIL(dev_threads() == 0);
	CHECK_EQ(calls, 1);
	unlink(path);
}
