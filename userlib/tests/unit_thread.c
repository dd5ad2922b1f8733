// SPDX-License-Identifier: GPL-2.0-only
/* Threads with handles, mutexes and their owners, and the clocks. */
#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"
#include "win.h"

#define LAST	0xdeadbeef

static void fails_with(DWORD code, BOOL ok)
{
	assert_false(ok);
	assert_int_equal(GetLastError(), code);
	SetLastError(LAST);
}

static HANDLE start(LPTHREAD_START_ROUTINE run, void *arg)
{
	HANDLE h = CreateThread(NULL, 0, run, arg, 0, NULL);

	assert_non_null(h);
	return h;
}

static DWORD end_of(HANDLE thread)
{
	DWORD code;

	assert_int_equal(WaitForSingleObject(thread, INFINITE), WAIT_OBJECT_0);
	assert_true(GetExitCodeThread(thread, &code));
	assert_true(CloseHandle(thread));
	return code;
}

static DWORD in_thread(LPTHREAD_START_ROUTINE run, void *arg)
{
	return end_of(start(run, arg));
}

static HANDLE go;

static DWORD WINAPI wait_and_tell_id(LPVOID arg)
{
	assert_int_equal(WaitForSingleObject(go, INFINITE), WAIT_OBJECT_0);
	*(DWORD *)arg = GetCurrentThreadId();
	assert_int_equal(GetCurrentThreadId(), gettid());
	return 77;
}

static void thread_is_signalled_at_its_end(void **state)
{
	DWORD id = 0, own = 0, code = 0;
	HANDLE t;

	(void)state;
	go = CreateEventA(NULL, TRUE, FALSE, NULL);
	SetLastError(LAST);
	t = CreateThread(NULL, 0, wait_and_tell_id, &own, 0, &id);
	assert_non_null(t);
	assert_int_not_equal(id, 0);
	assert_int_equal(GetThreadId(t), id);
	assert_true(GetExitCodeThread(t, &code));
	assert_int_equal(code, STILL_ACTIVE);
	assert_int_equal(WaitForSingleObject(t, 5), WAIT_TIMEOUT);
	assert_true(SetEvent(go));
	assert_int_equal(WaitForSingleObject(t, INFINITE), WAIT_OBJECT_0);
	assert_int_equal(WaitForSingleObject(t, 0), WAIT_OBJECT_0);
	assert_int_equal(own, id);
	assert_int_equal(GetThreadId(t), id);
	assert_true(GetExitCodeThread(t, &code));
	assert_int_equal(code, 77);
	assert_int_equal(GetLastError(), LAST);
	assert_true(CloseHandle(t));
	fails_with(ERROR_INVALID_HANDLE, GetExitCodeThread(t, &code));
	fails_with(ERROR_INVALID_HANDLE, GetThreadId(t) != 0);
	fails_with(ERROR_INVALID_HANDLE, GetExitCodeThread(go, &code));
	assert_true(CloseHandle(go));
	fails_with(ERROR_INVALID_PARAMETER, CreateThread(NULL, 0, wait_and_tell_id, NULL, 4, NULL)
		   != NULL);
	fails_with(ERROR_INVALID_PARAMETER, CreateThread(NULL, 0, NULL, NULL, 0, NULL) != NULL);
	/* more than there is room for */
	fails_with(ERROR_NOT_ENOUGH_MEMORY, CreateThread(NULL, SIZE_MAX / 4, wait_and_tell_id,
							 NULL, 0, NULL) != NULL);
}

#define SLACK	512	/* KiB: thread sanitizers need some of their own */

static DWORD WINAPI stack_size(LPVOID arg)
{
	pthread_attr_t attr;
	size_t size;

	(void)arg;
	assert_int_equal(pthread_getattr_np(pthread_self(), &attr), 0);
	pthread_attr_getstacksize(&attr, &size);
	pthread_attr_destroy(&attr);
	return size / 1024;
}

static DWORD stack_of(SIZE_T size, DWORD flags)
{
	HANDLE t = CreateThread(NULL, size, stack_size, NULL, flags, NULL);

	assert_non_null(t);
	return end_of(t);
}

/* The first test: a stack that is left over is used again, if it is too large. */
static void stacks(void **state)
{
	DWORD usual;

	(void)state;
	assert_in_range(stack_of(1, STACK_SIZE_PARAM_IS_A_RESERVATION), 1, 1 << 10);
	assert_in_range(stack_of(2 << 20, STACK_SIZE_PARAM_IS_A_RESERVATION), 2 << 10,
			(2 << 10) + SLACK);
	usual = stack_of(0, 0);
	assert_in_range(stack_of(4096, 0), usual - SLACK, usual + SLACK);
	assert_in_range(stack_of(32 << 20, 0), 32 << 10, (32 << 10) + SLACK);
}

static pthread_key_t key;
static uint32_t destroyed;

static void destroy(void *arg)
{
	usleep(2000);
	/* once more: destructors run in rounds */
	if (__atomic_add_fetch(&destroyed, 1, __ATOMIC_RELAXED) % 2)
		pthread_setspecific(key, arg);
}

static DWORD WINAPI with_data(LPVOID arg)
{
	pthread_setspecific(key, &destroyed);
	if (arg)
		ExitThread(5);
	return 6;
}

/* Whoever waited may take away what the thread's destructors use. */
static void destructors_run_before_the_end(void **state)
{
	(void)state;
	assert_int_equal(pthread_key_create(&key, destroy), 0);
	assert_int_equal(in_thread(with_data, NULL), 6);
	assert_int_equal(destroyed, 2);
	assert_int_equal(in_thread(with_data, &key), 5);
	assert_int_equal(destroyed, 4);
	pthread_key_delete(key);
}

static DWORD WINAPI return_at_once(LPVOID arg)
{
	return (uintptr_t)arg;
}

static void handles_may_be_closed_first(void **state)
{
	uintptr_t i;

	(void)state;
	for (i = 0; i < 200; i++)
		assert_true(CloseHandle(start(return_at_once, NULL)));
	for (i = 0; i < 50; i++)
		assert_int_equal(in_thread(return_at_once, (void *)i), i);
}

static void waits_for_all_threads(void **state)
{
	HANDLE t[MAXIMUM_WAIT_OBJECTS];
	uintptr_t i;
	DWORD code;

	(void)state;
	for (i = 0; i < MAXIMUM_WAIT_OBJECTS; i++)
		t[i] = start(return_at_once, (void *)i);
	assert_int_equal(WaitForMultipleObjects(MAXIMUM_WAIT_OBJECTS, t, TRUE, INFINITE), 0);
	for (i = 0; i < MAXIMUM_WAIT_OBJECTS; i++) {
		assert_true(GetExitCodeThread(t[i], &code));
		assert_int_equal(code, i);
		assert_true(CloseHandle(t[i]));
	}
}

static void current_thread(void **state)
{
	DWORD code;

	(void)state;
	SetLastError(LAST);
	assert_int_equal(GetThreadId(GetCurrentThread()), gettid());
	assert_true(GetExitCodeThread(GetCurrentThread(), &code));
	assert_int_equal(code, STILL_ACTIVE);
	assert_int_equal(WaitForSingleObject(GetCurrentThread(), 1), WAIT_TIMEOUT);
	assert_int_equal(GetCurrentProcessId(), getpid());
	assert_int_equal(GetLastError(), LAST);
	fails_with(ERROR_INVALID_HANDLE, SetEvent(GetCurrentThread()));
}

/* A handle of the thread itself, for others; also when it had one that was closed. */
static DWORD WINAPI give_handle(LPVOID arg)
{
	HANDLE self = GetCurrentProcess(), *handles = arg;

	assert_int_equal(WaitForSingleObject(go, INFINITE), WAIT_OBJECT_0);
	assert_true(DuplicateHandle(self, GetCurrentThread(), self, &handles[0], 0, FALSE, 0));
	assert_true(CloseHandle(handles[0]));
	assert_true(DuplicateHandle(self, GetCurrentThread(), self, &handles[0], 0, FALSE, 0));
	assert_true(DuplicateHandle(self, handles[0], self, &handles[1], 0, FALSE, 0));
	assert_true(SetEvent(handles[2]));
	return 9;
}

static void *give_handle_posix(void *arg)
{
	return (void *)(uintptr_t)give_handle(arg);
}

static void duplicates_of_the_current_thread(void **state)
{
	HANDLE h[3] = { NULL, NULL, CreateEventA(NULL, FALSE, FALSE, NULL) };
	pthread_t posix;
	DWORD code;
	int i;

	(void)state;
	go = CreateEventA(NULL, TRUE, FALSE, NULL);
	for (i = 0; i < 2; i++) {
		if (i)
			assert_int_equal(pthread_create(&posix, NULL, give_handle_posix, h), 0);
		else
			assert_true(CloseHandle(start(give_handle, h)));
		assert_true(SetEvent(go));
		assert_int_equal(WaitForSingleObject(h[2], INFINITE), WAIT_OBJECT_0);
		assert_int_equal(WaitForSingleObject(h[1], INFINITE), WAIT_OBJECT_0);
		assert_int_not_equal(GetThreadId(h[1]), GetCurrentThreadId());
		assert_int_equal(GetThreadId(h[1]), GetThreadId(h[0]));
		assert_true(CloseHandle(h[0]));
		assert_true(GetExitCodeThread(h[1], &code));
		assert_int_equal(code, i ? 0 : 9);
		assert_true(CloseHandle(h[1]));
		fails_with(ERROR_INVALID_HANDLE, CloseHandle(h[1]));
	}
	assert_int_equal(pthread_join(posix, NULL), 0);
	assert_true(CloseHandle(h[2]) && CloseHandle(go));
}

static HANDLE mutex(BOOL owned)
{
	HANDLE m;

	SetLastError(ERROR_ALREADY_EXISTS);
	m = CreateMutexA(NULL, owned, NULL);
	assert_non_null(m);
	assert_int_equal(GetLastError(), 0);
	return m;
}

static DWORD WINAPI try_mutex(LPVOID m)
{
	DWORD code = WaitForSingleObject(m, 0);

	if (code == WAIT_TIMEOUT) {
		fails_with(ERROR_NOT_OWNER, ReleaseMutex(m));
		return code;
	}
	assert_true(ReleaseMutex(m));
	return code;
}

static void mutex_is_recursive(void **state)
{
	struct iocpi_waitable w;
	HANDLE m = mutex(TRUE), two[2] = { m, mutex(FALSE) };

	(void)state;
	SetLastError(LAST);
	assert_int_equal(in_thread(try_mutex, m), WAIT_TIMEOUT);
	assert_int_equal(WaitForSingleObject(m, 0), WAIT_OBJECT_0);
	assert_int_equal(WaitForMultipleObjects(2, two, FALSE, INFINITE), WAIT_OBJECT_0);
	assert_int_equal(WaitForMultipleObjects(2, two, TRUE, INFINITE), WAIT_OBJECT_0);
	assert_int_equal(in_thread(try_mutex, two[1]), WAIT_TIMEOUT);
	assert_true(ReleaseMutex(two[1]));
	assert_int_equal(in_thread(try_mutex, two[1]), WAIT_OBJECT_0);
	assert_true(ReleaseMutex(m));
	assert_true(ReleaseMutex(m));
	assert_true(ReleaseMutex(m));
	assert_int_equal(in_thread(try_mutex, m), WAIT_TIMEOUT);
	assert_true(ReleaseMutex(m));
	assert_int_equal(in_thread(try_mutex, m), WAIT_OBJECT_0);
	assert_int_equal(GetLastError(), LAST);
	fails_with(ERROR_NOT_OWNER, ReleaseMutex(m));
	assert_int_equal(iocpi_waitable(m, &w), ERROR_NOT_SUPPORTED);
	fails_with(ERROR_NOT_SUPPORTED, CreateMutexA(NULL, FALSE, "name") != NULL);
	fails_with(ERROR_NOT_SUPPORTED, CreateMutexW(NULL, FALSE, u"name") != NULL);
	assert_true(CloseHandle(two[1]));
	assert_true(CloseHandle(m));
	fails_with(ERROR_INVALID_HANDLE, ReleaseMutex(m));
}

/* One that is closed by its owner is gone with its descriptor. */
static void owned_mutexes_can_be_closed(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 5000; i++) {
		HANDLE m = mutex(TRUE);

		assert_int_equal(WaitForSingleObject(m, 0), WAIT_OBJECT_0);
		assert_true(CloseHandle(m));
	}
}

static DWORD WINAPI take_and_end(LPVOID m)
{
	assert_int_equal(WaitForSingleObject(m, INFINITE), WAIT_OBJECT_0);
	assert_int_equal(WaitForSingleObject(m, INFINITE), WAIT_OBJECT_0);
	return 0;
}

static void mutex_is_abandoned(void **state)
{
	HANDLE m = mutex(FALSE), e = CreateEventA(NULL, FALSE, TRUE, NULL), h[2] = { e, m };

	(void)state;
	SetLastError(LAST);
	assert_int_equal(in_thread(take_and_end, m), 0);
	assert_int_equal(WaitForSingleObject(m, INFINITE), WAIT_ABANDONED);
	assert_int_equal(WaitForSingleObject(m, INFINITE), WAIT_OBJECT_0);
	assert_true(ReleaseMutex(m));
	assert_true(ReleaseMutex(m));
	assert_int_equal(in_thread(try_mutex, m), WAIT_OBJECT_0);

	assert_int_equal(in_thread(take_and_end, m), 0);
	assert_int_equal(WaitForSingleObject(e, 0), WAIT_OBJECT_0);
	assert_int_equal(WaitForMultipleObjects(2, h, FALSE, 0), WAIT_ABANDONED_0 + 1);
	assert_true(ReleaseMutex(m));
	assert_int_equal(in_thread(take_and_end, m), 0);
	assert_int_equal(WaitForMultipleObjects(2, h, TRUE, 0), WAIT_TIMEOUT);
	assert_true(SetEvent(e));
	assert_int_equal(WaitForMultipleObjects(2, h, TRUE, 0), WAIT_ABANDONED_0);
	assert_true(ReleaseMutex(m));
	assert_int_equal(GetLastError(), LAST);

	/* Closed while it is owned by a thread that then ends. */
	assert_int_equal(WaitForSingleObject(m, 0), WAIT_OBJECT_0);
	e = start(take_and_end, m);
	usleep(2000);
	assert_true(ReleaseMutex(m));
	assert_int_equal(end_of(e), 0);
	assert_true(CloseHandle(m));
	assert_null(iocpi_obj_find(handle_id(m), IOCPI_MUTEX));
	assert_true(CloseHandle(h[0]));
}

#define THREADS	4
#define ROUNDS	500

static HANDLE shared[2];
static uint64_t counter;

static DWORD WINAPI count(LPVOID arg)
{
	int i, alone = (uintptr_t)arg % 2;

	for (i = 0; i < ROUNDS; i++) {
		if (alone)
			assert_int_equal(WaitForSingleObject(shared[0], INFINITE), 0);
		else
			assert_int_equal(WaitForMultipleObjects(2, shared, TRUE, INFINITE), 0);
		counter++;
		if (i % 16 == 0)
			sched_yield();
		if (!alone)
			assert_true(ReleaseMutex(shared[1]));
		assert_true(ReleaseMutex(shared[0]));
	}
	return 0;
}

static void mutex_excludes(void **state)
{
	HANDLE t[THREADS];
	uintptr_t i;

	(void)state;
	shared[0] = mutex(FALSE);
	shared[1] = mutex(FALSE);
	for (i = 0; i < THREADS; i++)
		t[i] = start(count, (void *)i);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(end_of(t[i]), 0);
	assert_int_equal(counter, THREADS * ROUNDS);
	assert_true(CloseHandle(shared[0]) && CloseHandle(shared[1]));
}

static void clocks(void **state)
{
	LARGE_INTEGER frequency, before, after;
	ULONGLONG ticks = GetTickCount64();

	(void)state;
	assert_true(QueryPerformanceFrequency(&frequency));
	assert_true(QueryPerformanceCounter(&before));
	Sleep(20);
	assert_true(QueryPerformanceCounter(&after));
	assert_true(after.QuadPart - before.QuadPart >= frequency.QuadPart / 50);
	assert_true(GetTickCount64() - ticks >= 19);
	assert_true((DWORD)ticks <= GetTickCount() || (DWORD)ticks > 0x80000000);
	Sleep(0);
	SwitchToThread();
}

static void system_time(void **state)
{
	ULARGE_INTEGER now;
	SYSTEM_INFO info;
	FILETIME ft;
	time_t unix_time = time(NULL);

	(void)state;
	GetSystemTimeAsFileTime(&ft);
	now.LowPart = ft.dwLowDateTime;
	now.HighPart = ft.dwHighDateTime;
	/* 369 years with 89 leap days lie between */
	assert_in_range(now.QuadPart / 10000000 - (369 * 365 + 89) * UINT64_C(86400),
			unix_time, unix_time + 10);
	GetSystemInfo(&info);
	assert_int_equal(info.dwNumberOfProcessors, sysconf(_SC_NPROCESSORS_ONLN));
	assert_int_equal(info.dwPageSize, sysconf(_SC_PAGESIZE));
	assert_int_equal(info.dwAllocationGranularity % info.dwPageSize, 0);
	assert_int_equal(sizeof(info), 48);
}

static void child_has_its_own_thread(void **state)
{
	HANDLE m = mutex(TRUE);
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(GetThreadId(GetCurrentThread()), gettid());
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		HANDLE own = CreateMutexA(NULL, TRUE, NULL);
		bool ok = GetCurrentThreadId() == (DWORD)gettid() &&
			  GetThreadId(GetCurrentThread()) == (DWORD)gettid() &&
			  !ReleaseMutex(m) && GetLastError() == ERROR_INVALID_HANDLE &&
			  in_thread(try_mutex, own) == WAIT_TIMEOUT && ReleaseMutex(own);

		_exit(!ok);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(ReleaseMutex(m) && CloseHandle(m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stacks),
		cmocka_unit_test(thread_is_signalled_at_its_end),
		cmocka_unit_test(destructors_run_before_the_end),
		cmocka_unit_test(handles_may_be_closed_first),
		cmocka_unit_test(waits_for_all_threads),
		cmocka_unit_test(current_thread),
		cmocka_unit_test(duplicates_of_the_current_thread),
		cmocka_unit_test(mutex_is_recursive),
		cmocka_unit_test(owned_mutexes_can_be_closed),
		cmocka_unit_test(mutex_is_abandoned),
		cmocka_unit_test(mutex_excludes),
		cmocka_unit_test(clocks),
		cmocka_unit_test(system_time),
		cmocka_unit_test(child_has_its_own_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
