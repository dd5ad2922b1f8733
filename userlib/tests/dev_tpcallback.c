// SPDX-License-Identifier: GPL-2.0-only
/* What a callback may do with its Instance: CI-1 ... 7, PL-14, TR-25; and on_return natively. */
#include "dev.h"

#include <iocp.h>
#include <windows.h>

static unsigned int calls, entered, gate, unloads;

struct things {
	HANDLE event[3], semaphore[3], mutex;
	CRITICAL_SECTION cs;
	HMODULE library;
	bool finalized, returned;
};

static HANDLE make_event(void)
{
	HANDLE h = CreateEventA(NULL, TRUE, FALSE, NULL);

	CHECK(h);
	return h;
}

static bool is_set(HANDLE h)
{
	DWORD ret = WaitForSingleObject(h, 0);

	CHECK(ret == WAIT_OBJECT_0 || ret == WAIT_TIMEOUT);
	return ret == WAIT_OBJECT_0;
}

/* The library beside this program, which says when it is unloaded. */
static HMODULE load_plugin(PTP_WORK_CALLBACK *callback)
{
	typedef VOID (WINAPI *plugin_free_t)(PTP_CALLBACK_INSTANCE, HMODULE);
	char path[PATH_MAX];
	unsigned int **flag;
	plugin_free_t *free_library;
	HMODULE library;
	ssize_t n;
	char *dir;

	n = readlink("/proc/self/exe", path, sizeof(path) - 64);
	CHECK(n > 0);
	path[n] = 0;
	dir = strstr(path, "/tests/dev_");
	CHECK(dir);
	strcpy(dir, "/helpers/plugin_callback.so");
	library = LoadLibraryA(path);
	CHECK(library);
	flag = (unsigned int **)(void *)GetProcAddress(library, "plugin_unloads");
	free_library = (plugin_free_t *)(void *)GetProcAddress(library, "plugin_free");
	*callback = (PTP_WORK_CALLBACK)(void (*)(void))GetProcAddress(library, "plugin_work");
	CHECK(flag && free_library && *callback);
	*flag = &unloads;
	*free_library = FreeLibraryWhenCallbackReturns;
	return library;
}

TEST(load_library)
{
	PTP_WORK_CALLBACK callback;
	HMODULE library;

	CHECK(!LoadLibraryA("/no/such/library.so"));
	CHECK_EQ(GetLastError(), ERROR_MOD_NOT_FOUND);
	CHECK(!LoadLibraryW(u"/no/such/library.so"));
	CHECK_EQ(GetLastError(), ERROR_MOD_NOT_FOUND);
	CHECK(!LoadLibraryW(NULL));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	CHECK(!LoadLibraryA(NULL));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	SetLastError(0xdeadbeef);
	library = load_plugin(&callback);
	CHECK(load_plugin(&callback) == library);
	CHECK_EQ(GetLastError(), 0xdeadbeef);
	CHECK(!GetProcAddress(library, "no_such_name"));
	CHECK_EQ(GetLastError(), ERROR_PROC_NOT_FOUND);
	CHECK(!GetProcAddress(NULL, "plugin_work"));
	CHECK_EQ(GetLastError(), ERROR_MOD_NOT_FOUND);
	CHECK(FreeLibrary(library));
	CHECK_EQ(unloads, 0);
	CHECK(FreeLibrary(library));
	CHECK_EQ(unloads, 1);
	CHECK(!FreeLibrary(NULL));
	CHECK_EQ(GetLastError(), ERROR_MOD_NOT_FOUND);
}

/* CI-2: nothing is done while the finalization callback runs ... */
static VOID CALLBACK finalize(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
	struct things *t = context;
	int i;

	CHECK(instance);
	for (i = 0; i < 3; i++)
		CHECK(!is_set(t->event[i]) && !is_set(t->semaphore[i]));
	CHECK(t->cs.OwningThread);
	CHECK_EQ(unloads, 0);
	t->finalized = true;
}

/* ... and all but the library before what is called last. */
static void on_return(void *arg)
{
	struct things *t = arg;
	int i;

	CHECK(t->finalized && !t->returned);
	for (i = 0; i < 3; i++) {
		CHECK(is_set(t->event[i]));
		CHECK(is_set(t->semaphore[i]) && is_set(t->semaphore[i]));
		CHECK(!is_set(t->semaphore[i]));
	}
	CHECK(!t->cs.OwningThread);
	CHECK(!ReleaseMutex(t->mutex));
	CHECK_EQ(GetLastError(), ERROR_NOT_OWNER);
	CHECK_EQ(unloads, 0);
	t->returned = true;
}

static VOID CALLBACK leave_all(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
	struct things *t = context;
	int i;

	/* in an order that is not the one in which it happens */
	FreeLibraryWhenCallbackReturns(instance, t->library);
	CHECK_EQ(iocp_callback_on_return(on_return, t), 0);
	for (i = 0; i < 3; i++) {
		SetEventWhenCallbackReturns(instance, t->event[i]);
		ReleaseSemaphoreWhenCallbackReturns(instance, t->semaphore[i], 2);
	}
	CHECK(is_set(t->mutex));		/* now it is this thread's */
	ReleaseMutexWhenCallbackReturns(instance, t->mutex);
	EnterCriticalSection(&t->cs);
	LeaveCriticalSectionWhenCallbackReturns(instance, &t->cs);
}

TEST(ci_2_tr_25_order_and_number)
{
	PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
	struct things t = { .returned = false };
	PTP_WORK_CALLBACK callback;
	TP_CALLBACK_ENVIRON env;
	int i;

	for (i = 0; i < 3; i++) {
		t.event[i] = make_event();
		t.semaphore[i] = CreateSemaphoreA(NULL, 0, 10, NULL);
		CHECK(t.semaphore[i]);
	}
	t.mutex = CreateMutexA(NULL, FALSE, NULL);
	CHECK(t.mutex);
	InitializeCriticalSection(&t.cs);
	t.library = load_plugin(&callback);
	InitializeThreadpoolEnvironment(&env);
	env.FinalizationCallback = finalize;
	SetThreadpoolCallbackCleanupGroup(&env, group, NULL);
	CHECK(TrySubmitThreadpoolCallback(leave_all, &t, &env));
	/* all of it before the callback counts as over */
	CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
	CHECK(t.finalized && t.returned);
	CHECK_EQ(unloads, 1);
	CloseThreadpoolCleanupGroup(group);
	EnterCriticalSection(&t.cs);
	LeaveCriticalSection(&t.cs);
	DeleteCriticalSection(&t.cs);
	CHECK(is_set(t.mutex));
	CHECK(CloseHandle(t.mutex));
	for (i = 0; i < 3; i++) {
		CloseHandle(t.event[i]);
		CloseHandle(t.semaphore[i]);
	}
}

/* CI-2: what fails keeps nothing else from being done. */
static VOID CALLBACK leave_bad_ones(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	struct things *t = context;

	(void)work;
	ReleaseSemaphoreWhenCallbackReturns(instance, t->event[0], 1);
	ReleaseSemaphoreWhenCallbackReturns(instance, t->semaphore[0], 100);
	ReleaseSemaphoreWhenCallbackReturns(instance, t->semaphore[1], 1);
	SetEventWhenCallbackReturns(instance, NULL);
	SetEventWhenCallbackReturns(instance, t->event[1]);
	FreeLibraryWhenCallbackReturns(instance, NULL);
}

TEST(ci_2_all_are_tried)
{
	struct things t = { .event = { make_event(), make_event() } };
	PTP_WORK work = CreateThreadpoolWork(leave_bad_ones, &t, NULL);

	t.semaphore[0] = CreateSemaphoreA(NULL, 0, 10, NULL);
	t.semaphore[1] = CreateSemaphoreA(NULL, 0, 10, NULL);
	CHECK(work && t.semaphore[0] && t.semaphore[1]);
	SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	CHECK(!is_set(t.event[0]) && is_set(t.event[1]));
	CHECK(!is_set(t.semaphore[0]) && is_set(t.semaphore[1]));
	CloseThreadpoolWork(work);
}

/* CI-1: on another thread, and after the callback, an Instance is nothing. */
static PTP_CALLBACK_INSTANCE kept;

static void *use_instance(void *event)
{
	SetEventWhenCallbackReturns(kept, event);
	DisassociateCurrentThreadFromCallback(kept);
	CHECK(!CallbackMayRunLong(kept));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	CHECK(!iocp_callback_packet(kept));
	return NULL;
}

static VOID CALLBACK lend_instance(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	pthread_t t;

	(void)work;
	kept = instance;
	CHECK_EQ(pthread_create(&t, NULL, use_instance, context), 0);
	pthread_join(t, NULL);
	SetEventWhenCallbackReturns(NULL, context);
	ADD(calls, 1);
}

TEST(ci_1_instance_belongs_to_its_thread)
{
	HANDLE event = make_event();
	PTP_WORK work = CreateThreadpoolWork(lend_instance, event, NULL);

	SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	CHECK_EQ(calls, 1);
	use_instance(event);
	CHECK(!is_set(event));
	CHECK_EQ(iocp_callback_on_return(on_return, NULL), -EINVAL);
	CloseThreadpoolWork(work);
}

/* CI-7: the thread that the event wakes may unload the callback's code. */
TEST(ci_7_library_unloads_itself)
{
	PTP_WORK_CALLBACK callback;
	HMODULE library = load_plugin(&callback);
	PTP_WORK work = CreateThreadpoolWork(callback, library, NULL);

	CHECK(work);
	SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	CHECK_EQ(unloads, 1);
	CloseThreadpoolWork(work);
}

TEST(pl_14_library_stays_while_objects_live)
{
	PTP_WORK_CALLBACK callback;
	TP_CALLBACK_ENVIRON env;
	HMODULE library = load_plugin(&callback);
	PTP_WORK work;

	InitializeThreadpoolEnvironment(&env);
	SetThreadpoolCallbackLibrary(&env, library);
	work = CreateThreadpoolWork(callback, NULL, &env);
	CHECK(work);
	CHECK(FreeLibrary(library));
	CHECK_EQ(unloads, 0);
	SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	CHECK_EQ(unloads, 0);
	SubmitThreadpoolWork(work);
	CloseThreadpoolWork(work);
	WAIT_UNTIL(GET(unloads) == 1);
}

static VOID CALLBACK try_long(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)work;
	*(BOOL *)context = CallbackMayRunLong(instance);
	if (!*(BOOL *)context)
		CHECK_EQ(GetLastError(), ERROR_MAX_THRDS_REACHED);
	ADD(calls, 1);
}

static VOID CALLBACK count(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)instance;
	(void)context;
	(void)work;
	ADD(calls, 1);
}

/* Computes, so that its place is not free, until another callback has run. */
static VOID CALLBACK compute(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)work;
	if (context)
		CallbackMayRunLong(instance);
	ADD(entered, 1);
	while (!GET(calls))
		;
}

TEST(ci_5_may_run_long)
{
	PTP_POOL pool = CreateThreadpool(NULL);
	TP_CALLBACK_ENVIRON env;
	PTP_WORK work;
	BOOL answer;
	int max;

	CHECK(pool);
	InitializeThreadpoolEnvironment(&env);
	SetThreadpoolCallbackPool(&env, pool);
	for (max = 1; max <= 2; max++) {
		SetThreadpoolThreadMaximum(pool, max);
		work = CreateThreadpoolWork(try_long, &answer, &env);
		SubmitThreadpoolWork(work);
		WaitForThreadpoolWorkCallbacks(work, FALSE);
		CHECK_EQ(answer, max > 1);
		CloseThreadpoolWork(work);
	}
	CHECK_EQ(calls, 2);
	CloseThreadpool(pool);
}

static void compute_on_all(PTP_WORK work)
{
	unsigned int cpus = sysconf(_SC_NPROCESSORS_ONLN), i;
	PTP_WORK other = CreateThreadpoolWork(count, NULL, NULL);

	CHECK(work && other);
	for (i = 0; i < cpus; i++)
		SubmitThreadpoolWork(work);
	WAIT_UNTIL(GET(entered) == cpus);
	SubmitThreadpoolWork(other);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	CHECK_EQ(GET(calls), 1);
	CloseThreadpoolWork(work);
	CloseThreadpoolWork(other);
}

TEST(ci_5_long_callbacks_give_their_place)
{
	compute_on_all(CreateThreadpoolWork(compute, &calls, NULL));
}

TEST(pl_14_runs_long)
{
	TP_CALLBACK_ENVIRON env;

	InitializeThreadpoolEnvironment(&env);
	SetThreadpoolCallbackRunsLong(&env);
	compute_on_all(CreateThreadpoolWork(compute, NULL, &env));
}

/* CI-6, of each kind of object; that groups wait all the same is in dev_tpgroup. */
static void leave_and_hold(PTP_CALLBACK_INSTANCE instance)
{
	DisassociateCurrentThreadFromCallback(instance);
	ADD(entered, 1);
	WAIT_UNTIL(GET(gate));
	ADD(calls, 1);
}

static VOID CALLBACK work_leaves(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	SetEventWhenCallbackReturns(instance, context);
	CloseThreadpoolWork(work);
	leave_and_hold(instance);
}

static VOID CALLBACK io_leaves(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			       ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	(void)overlapped;
	CHECK_EQ(result, NO_ERROR);
	CHECK_EQ(bytes, 1);
	SetEventWhenCallbackReturns(instance, context);
	leave_and_hold(instance);
	CHECK_EQ(iocp_callback_packet(instance)->info, 1);
	WaitForThreadpoolIoCallbacks(io, FALSE);	/* its own object, closed by now */
}

TEST(ci_6_disassociated_callbacks)
{
	HANDLE event[2] = { make_event(), make_event() }, h;
	OVERLAPPED ov = { .Internal = 0 };
	PTP_WORK work;
	char buf[4];
	int fds[2];
	PTP_IO io;

	work = CreateThreadpoolWork(work_leaves, event[0], NULL);
	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	h = (HANDLE)_get_osfhandle(fds[0]);
	io = CreateThreadpoolIo(h, io_leaves, event[1], NULL);
	CHECK(work && io);
	SubmitThreadpoolWork(work);
	StartThreadpoolIo(io);
	CHECK(!ReadFile(h, buf, 1, NULL, &ov));
	CHECK_EQ(write(fds[1], "x", 1), 1);
	WAIT_UNTIL(GET(entered) == 2);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CloseThreadpoolIo(io);
	CHECK(CloseHandle(h));
	CHECK(!is_set(event[0]) && !is_set(event[1]));
	CHECK_EQ(GET(calls), 0);
	SET(gate, 1);
	CHECK_EQ(WaitForMultipleObjects(2, event, TRUE, 30000), WAIT_OBJECT_0);
	CHECK_EQ(GET(calls), 2);
}

/* Natively: any number, in their order; what they add comes behind them. */
static unsigned int order[20], nr_order;

static void note(void *arg)
{
	order[nr_order++] = (uintptr_t)arg;
	if (arg == (void *)3)
		CHECK_EQ(iocp_callback_on_return(note, (void *)19), 0);
}

static void note_many(struct iocp_work *work, void *context)
{
	uintptr_t i;

	(void)work;
	(void)context;
	CHECK_EQ(iocp_callback_on_return(NULL, NULL), -EINVAL);
	for (i = 0; i < 19; i++)
		CHECK_EQ(iocp_callback_on_return(note, (void *)i), 0);
	CHECK_EQ(nr_order, 0);
}

TEST(native_on_return)
{
	struct iocp_pool *pool;
	struct iocp_work *work;
	unsigned int i, round;

	CHECK_EQ(iocp_pool_create(&pool, NULL), 0);
	CHECK_EQ(iocp_work_create(&work, pool, 0, note_many, NULL), 0);
	for (round = 0; round < 3; round++) {
		nr_order = 0;
		CHECK_EQ(iocp_work_submit(work), 0);
		CHECK_EQ(iocp_work_wait(work), 0);
		CHECK_EQ(nr_order, 20);
		for (i = 0; i < 20; i++)
			CHECK_EQ(order[i], i);
	}
	CHECK_EQ(iocp_work_close(work, 0), 0);
	CHECK_EQ(iocp_pool_destroy(pool), 0);
}

/* The caller's mistakes are named where somebody asked for it. */
static VOID CALLBACK waits_for_itself(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)instance;
	(void)context;
	WaitForThreadpoolWorkCallbacks(work, FALSE);
}

static void make_mistakes(void)
{
	PTP_WORK work = CreateThreadpoolWork(waits_for_itself, NULL, NULL);

	SubmitThreadpoolWork(work);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	CloseThreadpoolWork(work);
	CloseThreadpoolWork(work);
	CloseThreadpool(NULL);
	SetEventWhenCallbackReturns(NULL, NULL);
}

static void expect_messages(const char *name, const char *value, bool expected)
{
	static const char *const said[] = {
		"WaitForThreadpoolWorkCallbacks: a callback waits for itself",
		"CloseThreadpoolWork: ", "CloseThreadpool: ", "SetEventWhenCallbackReturns: ",
	};
	char buf[4096];
	size_t i, len = 0;
	ssize_t n;
	int fds[2], status;
	pid_t pid;

	CHECK_EQ(pipe(fds), 0);
	pid = dev_fork();
	if (!pid) {
		setenv(name, value, 1);
		dup2(fds[1], STDERR_FILENO);
		make_mistakes();
		_exit(0);
	}
	close(fds[1]);
	while ((n = read(fds[0], buf + len, sizeof(buf) - 1 - len)) > 0)
		len += n;
	buf[len] = 0;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	for (i = 0; i < ARRAY_SIZE(said); i++)
		if (!strstr(buf, said[i]) == expected)
			FAIL("%s=%s: %s", name, value, buf);
	close(fds[0]);
}

TEST(mistakes_are_named)
{
	unsetenv("IOCP_DEBUG");
	expect_messages("iocp_debug", "1", true);
	expect_messages("IOCP_DEBUG", "1", true);
	expect_messages("iocp_debug", "0", false);
}
