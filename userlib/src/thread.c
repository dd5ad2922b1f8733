// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * thread.c - threads with the Windows names, and time.
 *
 * A thread has an object if CreateThread() made it, or if somebody asked for a handle
 * of it.  It is signalled when its program's part is over: after the destructors of
 * its thread-specific data.
 */
#include <errno.h>
#include <sched.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "win.h"

static pthread_key_t end_key;
static bool has_end_key;

uint32_t iocpi_thread_id(void)
{
	if (unlikely(!iocpi_self.tid)) {
		iocpi_once_fork();	/* a child's thread has another one */
		iocpi_self.tid = gettid();
	}
	return iocpi_self.tid;
}

/* The calling thread has done what the program wanted of it. */
static void thread_over(void)
{
	struct iocpi_sync *s = iocpi_self.thread ? sync_of(iocpi_self.thread) : NULL;

	iocpi_mutex_abandon_all();
	iocpi_self.thread = NULL;
	if (!s)
		return;
	store_release(&s->thread.ended, true);
	iocpi_sync_give(s, 1);
	iocpi_sync_drop(s, OBJ_OP);
}

/*
 * Destructors run in rounds while one wants another.  This one waits for the last but
 * one: in the last, thread sanitizers end.
 */
static void thread_end(void *arg)
{
	if (++iocpi_self.ends < PTHREAD_DESTRUCTOR_ITERATIONS - 1 &&
	    !pthread_setspecific(end_key, arg))
		return;
	thread_over();
}

static void make_end_key(void)
{
	has_end_key = !pthread_key_create(&end_key, thread_end);
}

/* thread_over() will be called at the calling thread's end; or false. */
bool iocpi_thread_mind_end(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_end_key);
	if (has_end_key && !pthread_setspecific(end_key, &iocpi_self))
		return true;
	iocpi_debug("no room for thread-specific data: the end of a thread may go unheard");
	return false;
}

static bool thread_begin(struct iocpi_sync *s)
{
	iocpi_self.thread = &s->obj;
	store_release(&s->thread.tid, iocpi_thread_id());
	iocpi_futex_wake_all(&s->thread.tid);
	return iocpi_thread_mind_end();
}

static void *thread_main(void *arg)
{
	struct iocpi_sync *s = arg;
	bool minded = thread_begin(s);

	s->thread.exit_code = s->thread.start(s->thread.parameter);
	if (!minded)
		thread_over();
	return NULL;
}

/* 0 or an errno; the thread has OBJ_OP then. */
static int thread_start(struct iocpi_sync *s, SIZE_T stack_size, bool exactly)
{
	size_t size, least = PTHREAD_STACK_MIN;
	pthread_attr_t attr;
	pthread_t thread;
	int ret;

	ret = pthread_attr_init(&attr);
	if (ret)
		return ret;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_getstacksize(&attr, &size);
	/* Without the flag it is what to commit, and the reserve is not smaller for it. */
	if (stack_size > size || (stack_size && exactly))
		ret = pthread_attr_setstacksize(&attr, stack_size > least ? stack_size : least);
	if (!ret)
		ret = pthread_create(&thread, &attr, thread_main, s);
	pthread_attr_destroy(&attr);
	return ret;
}

static DWORD thread_number(struct iocpi_sync *s)
{
	while (!load_acquire(&s->thread.tid))
		iocpi_futex_wait(&s->thread.tid, 0);
	return s->thread.tid;
}

HANDLE WINAPI CreateThread(LPSECURITY_ATTRIBUTES lpThreadAttributes, SIZE_T dwStackSize,
			   LPTHREAD_START_ROUTINE lpStartAddress, LPVOID lpParameter,
			   DWORD dwCreationFlags, LPDWORD lpThreadId)
{
	struct iocpi_sync *s;
	HANDLE h;
	int err;

	(void)lpThreadAttributes;
	if (!lpStartAddress || dwCreationFlags & ~STACK_SIZE_PARAM_IS_A_RESERVATION) {
		iocpi_fail(ERROR_INVALID_PARAMETER);
		return NULL;
	}
	s = iocpi_sync_create(IOCPI_THREAD, NULL, 0, 0);
	if (!s)
		return NULL;
	s->thread.start = lpStartAddress;
	s->thread.parameter = lpParameter;
	/* One more for this call: the handle may be closed before it looks. */
	h = iocpi_sync_open(s, OBJ_OP + OBJ_USER);
	err = thread_start(s, dwStackSize, dwCreationFlags & STACK_SIZE_PARAM_IS_A_RESERVATION);
	if (err) {
		CloseHandle(h);
		iocpi_sync_drop(s, OBJ_OP + OBJ_USER);
		/* EAGAIN: a limit on threads, or no memory for the stack */
		iocpi_fail_status(STATUS_NO_MEMORY, err);
		return NULL;
	}
	if (lpThreadId)
		*lpThreadId = thread_number(s);
	iocpi_sync_put(&s->obj);
	return h;
}

/* The calling thread's own object, with OBJ_USER; or NULL and the last error is set. */
struct iocpi_obj *iocpi_thread_self(void)
{
	struct iocpi_sync *s;

	if (!iocpi_self.thread) {
		s = iocpi_sync_create(IOCPI_THREAD, NULL, 0, 0);
		if (!s)
			return NULL;
		__atomic_fetch_add(&s->obj.word, OBJ_OP, __ATOMIC_RELAXED);
		thread_begin(s);
	}
	__atomic_fetch_add(&iocpi_self.thread->word, OBJ_USER, __ATOMIC_RELAXED);
	return iocpi_self.thread;
}

static struct iocpi_sync *thread_get(HANDLE h)
{
	const struct iocpi_handle_ops *ops;
	struct iocpi_obj *obj = iocpi_handle_get(h, &ops);

	if (obj && obj->type == IOCPI_THREAD)
		return sync_of(obj);
	if (obj)
		ops->put(obj);
	iocpi_fail(ERROR_INVALID_HANDLE);
	return NULL;
}

VOID WINAPI ExitThread(DWORD dwExitCode)
{
	if (iocpi_self.thread)
		sync_of(iocpi_self.thread)->thread.exit_code = dwExitCode;
	if (iocpi_self.pool)
		iocpi_debug("%s: in a callback of a pool", __func__);
	pthread_exit(NULL);
}

BOOL WINAPI GetExitCodeThread(HANDLE hThread, LPDWORD lpExitCode)
{
	struct iocpi_sync *s = thread_get(hThread);

	if (!s)
		return FALSE;
	*lpExitCode = load_acquire(&s->thread.ended) ? s->thread.exit_code : STILL_ACTIVE;
	iocpi_sync_put(&s->obj);
	return TRUE;
}

DWORD WINAPI GetThreadId(HANDLE Thread)
{
	struct iocpi_sync *s = thread_get(Thread);
	DWORD id;

	if (!s)
		return 0;
	id = thread_number(s);
	iocpi_sync_put(&s->obj);
	return id;
}

DWORD WINAPI GetCurrentThreadId(VOID)
{
	return iocpi_thread_id();
}

DWORD WINAPI GetCurrentProcessId(VOID)
{
	return getpid();
}

static long switches(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw + usage.ru_nivcsw;
}

BOOL WINAPI SwitchToThread(VOID)
{
	long before = switches();

	sched_yield();
	return switches() != before;
}

VOID WINAPI Sleep(DWORD dwMilliseconds)
{
	struct timespec ts = {
		.tv_sec = dwMilliseconds / 1000,
		.tv_nsec = dwMilliseconds % 1000 * 1000000L,
	};

	do {
		while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
			;
	} while (dwMilliseconds == INFINITE);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

/* Windows' counts time asleep, too. */
ULONGLONG WINAPI GetTickCount64(VOID)
{
	return clock_ns(CLOCK_BOOTTIME) / 1000000;
}

DWORD WINAPI GetTickCount(VOID)
{
	return GetTickCount64();
}

BOOL WINAPI QueryPerformanceCounter(LARGE_INTEGER *lpPerformanceCount)
{
	lpPerformanceCount->QuadPart = clock_ns(CLOCK_MONOTONIC);
	return TRUE;
}

BOOL WINAPI QueryPerformanceFrequency(LARGE_INTEGER *lpFrequency)
{
	lpFrequency->QuadPart = 1000000000;
	return TRUE;
}

/* 100 ns, since 1601. */
VOID WINAPI GetSystemTimeAsFileTime(LPFILETIME lpSystemTimeAsFileTime)
{
	uint64_t now = clock_ns(CLOCK_REALTIME) / 100 + UINT64_C(116444736000000000);

	lpSystemTimeAsFileTime->dwLowDateTime = now;
	lpSystemTimeAsFileTime->dwHighDateTime = now >> 32;
}

VOID WINAPI GetSystemInfo(LPSYSTEM_INFO lpSystemInfo)
{
	long page = sysconf(_SC_PAGESIZE), cpus = sysconf(_SC_NPROCESSORS_ONLN);

	*lpSystemInfo = (SYSTEM_INFO){
		.dwPageSize = page,
		.dwAllocationGranularity = page,
		.dwNumberOfProcessors = cpus > 0 ? cpus : 1,
	};
}
