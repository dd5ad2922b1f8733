// SPDX-License-Identifier: GPL-2.0-only
/* Critical sections, SRW locks, condition variables, one-time initialization, Interlocked*. */
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "unit.h"
#include "win.h"

#define THREADS	4
#define ROUNDS	20000

static uint64_t counter;		/* plain: the locks keep it whole */

static void in_threads(int nr, void *(*run)(void *), void *arg)
{
	pthread_t threads[16];
	int i;

	for (i = 0; i < nr; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run, arg), 0);
	for (i = 0; i < nr; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void *try_enter(void *arg)
{
	LPCRITICAL_SECTION cs = arg;

	if (!TryEnterCriticalSection(cs))
		return NULL;
	LeaveCriticalSection(cs);
	return cs;
}

static bool others_can_enter(LPCRITICAL_SECTION cs)
{
	void *entered;
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, try_enter, cs), 0);
	assert_int_equal(pthread_join(t, &entered), 0);
	return entered;
}

static void *leave(void *arg)
{
	LeaveCriticalSection(arg);
	return NULL;
}

static void critical_section_is_recursive(void **state)
{
	CRITICAL_SECTION cs;

	(void)state;
	assert_int_equal(sizeof(cs), 40);
	assert_int_equal(offsetof(CRITICAL_SECTION, OwningThread), 16);
	assert_int_equal(offsetof(CRITICAL_SECTION, SpinCount), 32);
	InitializeCriticalSection(&cs);
	assert_true(others_can_enter(&cs));
	EnterCriticalSection(&cs);
	EnterCriticalSection(&cs);
	assert_true(TryEnterCriticalSection(&cs));
	assert_int_equal(cs.RecursionCount, 3);
	assert_ptr_equal(cs.OwningThread, (HANDLE)(uintptr_t)gettid());
	assert_false(others_can_enter(&cs));
	in_threads(1, leave, &cs);	/* not its to leave */
	assert_int_equal(cs.RecursionCount, 3);
	LeaveCriticalSection(&cs);
	LeaveCriticalSection(&cs);
	assert_false(others_can_enter(&cs));
	LeaveCriticalSection(&cs);
	assert_true(others_can_enter(&cs));
	LeaveCriticalSection(&cs);	/* once too often */
	assert_true(others_can_enter(&cs));
	DeleteCriticalSection(&cs);

	assert_true(InitializeCriticalSectionAndSpinCount(&cs, 10));
	assert_int_equal(cs.SpinCount, 10);
	assert_false(InitializeCriticalSectionEx(&cs, 0, 1));
	assert_int_equal(GetLastError(), ERROR_INVALID_PARAMETER);
	assert_true(InitializeCriticalSectionEx(&cs, 0, CRITICAL_SECTION_NO_DEBUG_INFO));
}

static void *count_in_section(void *arg)
{
	LPCRITICAL_SECTION cs = arg;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		EnterCriticalSection(cs);
		counter++;
		if (i % 64 == 0)
			sched_yield();
		LeaveCriticalSection(cs);
	}
	return NULL;
}

static void critical_section_excludes(void **state)
{
	CRITICAL_SECTION cs;
	int spins;

	(void)state;
	for (spins = 0; spins < 2; spins++) {
		counter = 0;
		assert_true(InitializeCriticalSectionAndSpinCount(&cs, spins * 100));
		in_threads(THREADS, count_in_section, &cs);
		assert_int_equal(counter, THREADS * ROUNDS);
		assert_true(TryEnterCriticalSection(&cs));
		LeaveCriticalSection(&cs);
		DeleteCriticalSection(&cs);
	}
}

static void *count_in_srw(void *arg)
{
	PSRWLOCK lock = arg;
	uint64_t seen, last = 0;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		if (i % 4 == 0) {
			AcquireSRWLockExclusive(lock);
			seen = ++counter;
			if (i % 64 == 0)
				sched_yield();
			assert_int_equal(counter, seen);
			ReleaseSRWLockExclusive(lock);
		} else {
			AcquireSRWLockShared(lock);
			seen = counter;
			if (i % 64 == 1)
				sched_yield();
			assert_int_equal(counter, seen);
			ReleaseSRWLockShared(lock);
		}
		assert_true(seen >= last);
		last = seen;
	}
	return NULL;
}

static void srw_lock_excludes(void **state)
{
	SRWLOCK lock = SRWLOCK_INIT;

	(void)state;
	assert_true(TryAcquireSRWLockShared(&lock));
	assert_true(TryAcquireSRWLockShared(&lock));
	assert_false(TryAcquireSRWLockExclusive(&lock));
	ReleaseSRWLockShared(&lock);
	assert_false(TryAcquireSRWLockExclusive(&lock));
	ReleaseSRWLockShared(&lock);
	assert_true(TryAcquireSRWLockExclusive(&lock));
	assert_false(TryAcquireSRWLockExclusive(&lock));
	assert_false(TryAcquireSRWLockShared(&lock));
	ReleaseSRWLockExclusive(&lock);

	InitializeSRWLock(&lock);
	counter = 0;
	in_threads(THREADS, count_in_srw, &lock);
	assert_int_equal(counter, THREADS * ROUNDS / 4);
	assert_null(lock.Ptr);		/* nobody is left in it, nor waits */
}

static SRWLOCK busy = SRWLOCK_INIT;
static bool stop;

static void *read_for_ever(void *arg)
{
	while (!READ_ONCE(stop)) {
		AcquireSRWLockShared(&busy);
		sched_yield();
		ReleaseSRWLockShared(&busy);
	}
	return arg;
}

/* There is always a reader in it, and yet the writer gets in. */
static void readers_do_not_keep_a_writer_out(void **state)
{
	pthread_t readers[THREADS];
	int i;

	(void)state;
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_for_ever, NULL), 0);
	for (i = 0; i < 200; i++) {
		AcquireSRWLockExclusive(&busy);
		ReleaseSRWLockExclusive(&busy);
	}
	WRITE_ONCE(stop, true);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(readers[i], NULL), 0);
}

/* One place for one number: producers and consumers wait for each other. */
static struct {
	CRITICAL_SECTION cs;
	SRWLOCK srw;
	CONDITION_VARIABLE full, empty;
	int use_srw;
	bool there;
	uint64_t produced, consumed;
} box;

static void box_lock(void)
{
	if (box.use_srw)
		AcquireSRWLockExclusive(&box.srw);
	else
		EnterCriticalSection(&box.cs);
}

static void box_unlock(void)
{
	if (box.use_srw)
		ReleaseSRWLockExclusive(&box.srw);
	else
		LeaveCriticalSection(&box.cs);
}

static void box_sleep(PCONDITION_VARIABLE cv)
{
	assert_true(box.use_srw ? SleepConditionVariableSRW(cv, &box.srw, INFINITE, 0) :
				  SleepConditionVariableCS(cv, &box.cs, INFINITE));
}

static void *produce(void *arg)
{
	int i;

	for (i = 0; i < 2000; i++) {
		box_lock();
		while (box.there)
			box_sleep(&box.empty);
		box.there = true;
		box.produced++;
		box_unlock();
		WakeConditionVariable(&box.full);
	}
	return arg;
}

static void *consume(void *arg)
{
	int i;

	for (i = 0; i < 2000; i++) {
		box_lock();
		while (!box.there)
			box_sleep(&box.full);
		box.there = false;
		box.consumed++;
		box_unlock();
		WakeAllConditionVariable(&box.empty);
	}
	return arg;
}

static void *produce_or_consume(void *arg)
{
	uint32_t *next = arg;

	return __atomic_fetch_add(next, 1, __ATOMIC_RELAXED) % 2 ? produce(arg) : consume(arg);
}

static void condition_variables(void **state)
{
	CONDITION_VARIABLE cv = CONDITION_VARIABLE_INIT;
	uint32_t next;

	(void)state;
	InitializeCriticalSection(&box.cs);
	for (box.use_srw = 0; box.use_srw < 2; box.use_srw++) {
		box.produced = box.consumed = 0;
		InitializeConditionVariable(&box.full);
		InitializeConditionVariable(&box.empty);
		next = 0;
		in_threads(4, produce_or_consume, &next);
		assert_int_equal(box.produced, 4000);
		assert_int_equal(box.consumed, 4000);
	}

	/* Nobody calls. */
	EnterCriticalSection(&box.cs);
	assert_false(SleepConditionVariableCS(&cv, &box.cs, 0));
	assert_int_equal(GetLastError(), ERROR_TIMEOUT);
	assert_false(SleepConditionVariableCS(&cv, &box.cs, 2));
	assert_int_equal(box.cs.RecursionCount, 1);
	LeaveCriticalSection(&box.cs);
	SetLastError(0);
	AcquireSRWLockShared(&box.srw);
	assert_false(SleepConditionVariableSRW(&cv, &box.srw, 2,
					       CONDITION_VARIABLE_LOCKMODE_SHARED));
	assert_int_equal(GetLastError(), ERROR_TIMEOUT);
	assert_false(SleepConditionVariableSRW(&cv, &box.srw, 2, 2));
	assert_int_equal(GetLastError(), ERROR_INVALID_PARAMETER);
	assert_false(TryAcquireSRWLockExclusive(&box.srw));
	ReleaseSRWLockShared(&box.srw);
	WakeConditionVariable(&cv);
	WakeAllConditionVariable(&cv);
	assert_null(cv.Ptr);
}

static uint32_t inits;
static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
static int made[4];

static BOOL CALLBACK init(PINIT_ONCE InitOnce, PVOID Parameter, PVOID *Context)
{
	assert_ptr_equal(InitOnce, &once);
	usleep(1000);
	*Context = made;
	/* the first one fails, and the next caller tries again */
	if (__atomic_add_fetch(&inits, 1, __ATOMIC_RELAXED) == 1)
		return FALSE;
	made[0] = *(int *)Parameter;
	return TRUE;
}

static void *once_more(void *arg)
{
	int parameter = 5, failed = 0;
	void *context;

	while (!InitOnceExecuteOnce(&once, init, &parameter, &context))
		failed++;
	assert_ptr_equal(context, made);
	assert_int_equal(made[0], 5);
	__atomic_fetch_add((int *)arg, failed, __ATOMIC_RELAXED);
	return NULL;
}

static BOOL CALLBACK init_odd(PINIT_ONCE InitOnce, PVOID Parameter, PVOID *Context)
{
	(void)InitOnce;
	*Context = Parameter;
	return TRUE;
}

static void once_is_once(void **state)
{
	int failed = 0;

	(void)state;
	in_threads(THREADS, once_more, &failed);
	assert_int_equal(failed, 1);
	assert_int_equal(inits, 2);
	assert_true(InitOnceExecuteOnce(&once, init, NULL, NULL));
	assert_int_equal(inits, 2);
	InitOnceInitialize(&once);
	assert_false(InitOnceExecuteOnce(&once, init_odd, (char *)made + 1, NULL));
	assert_int_equal(GetLastError(), ERROR_INVALID_PARAMETER);
	assert_true(InitOnceExecuteOnce(&once, init_odd, NULL, NULL));
}

static void interlocked(void **state)
{
	LONG a = 1;
	LONG64 b = 1;
	PVOID p = &a;

	(void)state;
	assert_int_equal(InterlockedIncrement(&a), 2);
	assert_int_equal(InterlockedDecrement(&a), 1);
	assert_int_equal(InterlockedExchange(&a, 6), 1);
	assert_int_equal(InterlockedExchangeAdd(&a, -2), 6);
	assert_int_equal(InterlockedAnd(&a, 12), 4);
	assert_int_equal(InterlockedOr(&a, 3), 4);
	assert_int_equal(InterlockedXor(&a, 1), 7);
	assert_int_equal(InterlockedCompareExchange(&a, 9, 5), 6);
	assert_int_equal(InterlockedCompareExchange(&a, 9, 6), 6);
	assert_int_equal(a, 9);
	assert_int_equal(InterlockedIncrement64(&b), 2);
	assert_int_equal(InterlockedDecrement64(&b), 1);
	assert_int_equal(InterlockedExchange64(&b, INT64_C(6) << 32), 1);
	assert_int_equal(InterlockedExchangeAdd64(&b, -(INT64_C(2) << 32)), INT64_C(6) << 32);
	assert_int_equal(InterlockedAnd64(&b, INT64_C(12) << 32), INT64_C(4) << 32);
	assert_int_equal(InterlockedOr64(&b, INT64_C(3) << 32), INT64_C(4) << 32);
	assert_int_equal(InterlockedXor64(&b, INT64_C(1) << 32), INT64_C(7) << 32);
	assert_int_equal(InterlockedCompareExchange64(&b, 9, 5), INT64_C(6) << 32);
	assert_int_equal(InterlockedCompareExchange64(&b, 9, INT64_C(6) << 32), INT64_C(6) << 32);
	assert_int_equal(b, 9);
	assert_ptr_equal(InterlockedExchangePointer(&p, &b), &a);
	assert_ptr_equal(InterlockedCompareExchangePointer(&p, NULL, &a), &b);
	assert_ptr_equal(InterlockedCompareExchangePointer(&p, NULL, &b), &b);
	assert_null(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(critical_section_is_recursive),
		cmocka_unit_test(critical_section_excludes),
		cmocka_unit_test(srw_lock_excludes),
		cmocka_unit_test(readers_do_not_keep_a_writer_out),
		cmocka_unit_test(condition_variables),
		cmocka_unit_test(once_is_once),
		cmocka_unit_test(interlocked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
