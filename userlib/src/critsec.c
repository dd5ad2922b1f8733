// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * critsec.c - locks that live in the program's memory: critical sections, SRW
 * locks, condition variables, one-time initialization; over futexes.
 *
 * Without contention each is one atomic operation to enter and one to leave.
 */
#include "win.h"

/* The structures' members are for Windows' eyes; here 32 bits of them are the state. */
typedef uint32_t __attribute__((may_alias)) word_t;

static inline bool cas(word_t *word, uint32_t *old, uint32_t new)
{
	return __atomic_compare_exchange_n(word, old, new, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/*
 * Critical sections.  LockCount is one of these; OwningThread and RecursionCount
 * belong to whoever holds it.
 */
#define CS_FREE		0
#define CS_HELD		1
#define CS_CONTENDED	2	/* leaving it has to wake somebody */

static word_t *cs_word(LPCRITICAL_SECTION cs)
{
	return (word_t *)&cs->LockCount;
}

static HANDLE cs_self(void)
{
	return (HANDLE)(uintptr_t)iocpi_thread_id();
}

/* Others may change it meanwhile, but never to or from this thread. */
static bool cs_is_mine(LPCRITICAL_SECTION cs)
{
	return READ_ONCE(cs->OwningThread) == cs_self();
}

static bool cs_try(LPCRITICAL_SECTION cs)
{
	uint32_t free = CS_FREE;

	return cas(cs_word(cs), &free, CS_HELD);
}

static void cs_begin(LPCRITICAL_SECTION cs)
{
	WRITE_ONCE(cs->OwningThread, cs_self());
	cs->RecursionCount = 1;
}

BOOL WINAPI InitializeCriticalSectionEx(LPCRITICAL_SECTION lpCriticalSection, DWORD dwSpinCount,
					DWORD Flags)
{
	if (Flags & ~CRITICAL_SECTION_NO_DEBUG_INFO)
		return iocpi_fail(ERROR_INVALID_PARAMETER);
	*lpCriticalSection = (CRITICAL_SECTION){ .SpinCount = dwSpinCount };
	return TRUE;
}

BOOL WINAPI InitializeCriticalSectionAndSpinCount(LPCRITICAL_SECTION lpCriticalSection,
						  DWORD dwSpinCount)
{
	return InitializeCriticalSectionEx(lpCriticalSection, dwSpinCount, 0);
}

VOID WINAPI InitializeCriticalSection(LPCRITICAL_SECTION lpCriticalSection)
{
	InitializeCriticalSectionEx(lpCriticalSection, 0, 0);
}

VOID WINAPI DeleteCriticalSection(LPCRITICAL_SECTION lpCriticalSection)
{
	if (READ_ONCE(*cs_word(lpCriticalSection)) != CS_FREE)
		iocpi_debug("%s: %p is held", __func__, (void *)lpCriticalSection);
}

VOID WINAPI EnterCriticalSection(LPCRITICAL_SECTION lpCriticalSection)
{
	word_t *word = cs_word(lpCriticalSection);
	ULONG_PTR spins;

	if (cs_try(lpCriticalSection))
		goto held;
	if (cs_is_mine(lpCriticalSection)) {
		lpCriticalSection->RecursionCount++;
		return;
	}
	for (spins = lpCriticalSection->SpinCount; spins; spins--) {
		if (READ_ONCE(*word) == CS_FREE && cs_try(lpCriticalSection))
			goto held;
		YieldProcessor();
	}
	while (__atomic_exchange_n(word, CS_CONTENDED, __ATOMIC_ACQUIRE) != CS_FREE)
		iocpi_futex_wait(word, CS_CONTENDED);
held:
	cs_begin(lpCriticalSection);
}

BOOL WINAPI TryEnterCriticalSection(LPCRITICAL_SECTION lpCriticalSection)
{
	if (cs_try(lpCriticalSection))
		cs_begin(lpCriticalSection);
	else if (cs_is_mine(lpCriticalSection))
		lpCriticalSection->RecursionCount++;
	else
		return FALSE;
	return TRUE;
}

VOID WINAPI LeaveCriticalSection(LPCRITICAL_SECTION lpCriticalSection)
{
	word_t *word = cs_word(lpCriticalSection);

	if (!cs_is_mine(lpCriticalSection)) {
		iocpi_debug("%s: %p is not this thread's", __func__, (void *)lpCriticalSection);
		return;
	}
	if (--lpCriticalSection->RecursionCount)
		return;
	WRITE_ONCE(lpCriticalSection->OwningThread, NULL);
	if (__atomic_exchange_n(word, CS_FREE, __ATOMIC_RELEASE) == CS_CONTENDED)
		iocpi_futex_wake(word, 1);
}

/*
 * SRW locks.  Whoever has to wait says so, and then nobody enters before the lock
 * has been free: neither writers nor readers are kept out for ever.
 */
#define SRW_EXCLUSIVE	1U
#define SRW_WAITERS	2U
#define SRW_SHARED	4U	/* one reader */

static word_t *srw_word(PSRWLOCK lock)
{
	return (word_t *)&lock->Ptr;
}

/* Returns what to look at next; *word was @v. */
static uint32_t srw_wait(word_t *word, uint32_t v)
{
	if (!(v & SRW_WAITERS)) {
		if (!cas(word, &v, v | SRW_WAITERS))
			return v;
		v |= SRW_WAITERS;
	}
	iocpi_futex_wait(word, v);
	return READ_ONCE(*word);
}

VOID WINAPI InitializeSRWLock(PSRWLOCK SRWLock)
{
	*SRWLock = (SRWLOCK)SRWLOCK_INIT;
}

BOOLEAN WINAPI TryAcquireSRWLockExclusive(PSRWLOCK SRWLock)
{
	uint32_t free = 0;

	return cas(srw_word(SRWLock), &free, SRW_EXCLUSIVE);
}

VOID WINAPI AcquireSRWLockExclusive(PSRWLOCK SRWLock)
{
	word_t *word = srw_word(SRWLock);
	uint32_t v = 0;

	while (!cas(word, &v, SRW_EXCLUSIVE))
		while (v)
			v = srw_wait(word, v);
}

VOID WINAPI ReleaseSRWLockExclusive(PSRWLOCK SRWLock)
{
	word_t *word = srw_word(SRWLock);

	if (__atomic_exchange_n(word, 0, __ATOMIC_RELEASE) & SRW_WAITERS)
		iocpi_futex_wake_all(word);
}

BOOLEAN WINAPI TryAcquireSRWLockShared(PSRWLOCK SRWLock)
{
	word_t *word = srw_word(SRWLock);
	uint32_t v = READ_ONCE(*word);

	while (!(v & (SRW_EXCLUSIVE | SRW_WAITERS)))
		if (cas(word, &v, v + SRW_SHARED))
			return TRUE;
	return FALSE;
}

VOID WINAPI AcquireSRWLockShared(PSRWLOCK SRWLock)
{
	word_t *word = srw_word(SRWLock);

	while (!TryAcquireSRWLockShared(SRWLock)) {
		uint32_t v = READ_ONCE(*word);

		if (v & (SRW_EXCLUSIVE | SRW_WAITERS))
			srw_wait(word, v);
	}
}

VOID WINAPI ReleaseSRWLockShared(PSRWLOCK SRWLock)
{
	word_t *word = srw_word(SRWLock);
	uint32_t v = __atomic_sub_fetch(word, SRW_SHARED, __ATOMIC_ACQ_REL);

	/* The last one out: nobody enters while the bit is set. */
	if (v == SRW_WAITERS) {
		__atomic_store_n(word, 0, __ATOMIC_RELEASE);
		iocpi_futex_wake_all(word);
	}
}

/*
 * Condition variables: one half counts wake-ups, the other who may be asleep, so
 * that waking nobody is a look at memory.
 */
struct cv {
	uint32_t wakeups, sleepers;
} __attribute__((may_alias));

_Static_assert(sizeof(struct cv) <= sizeof(CONDITION_VARIABLE), "it lives in there");

static struct cv *cv_of(PCONDITION_VARIABLE cv)
{
	return (struct cv *)cv;
}

static uint32_t cv_begin(struct cv *cv)
{
	__atomic_fetch_add(&cv->sleepers, 1, __ATOMIC_SEQ_CST);
	return __atomic_load_n(&cv->wakeups, __ATOMIC_SEQ_CST);
}

/* The caller's lock is free now.  False: in time nobody called. */
static bool cv_sleep(struct cv *cv, uint32_t wakeups, DWORD ms)
{
	uint64_t deadline = iocpi_deadline_of(ms);
	bool woken;

	iocpi_futex_wait_until(&cv->wakeups, wakeups, deadline);
	woken = __atomic_load_n(&cv->wakeups, __ATOMIC_SEQ_CST) != wakeups ||
		deadline > iocp_deadline_ns(1);
	__atomic_fetch_sub(&cv->sleepers, 1, __ATOMIC_RELAXED);
	return woken;
}

static void cv_wake(PCONDITION_VARIABLE ConditionVariable, int nr)
{
	struct cv *cv = cv_of(ConditionVariable);

	if (!__atomic_load_n(&cv->sleepers, __ATOMIC_SEQ_CST))
		return;
	__atomic_fetch_add(&cv->wakeups, 1, __ATOMIC_SEQ_CST);
	iocpi_futex_wake(&cv->wakeups, nr);
}

VOID WINAPI InitializeConditionVariable(PCONDITION_VARIABLE ConditionVariable)
{
	*ConditionVariable = (CONDITION_VARIABLE)CONDITION_VARIABLE_INIT;
}

VOID WINAPI WakeConditionVariable(PCONDITION_VARIABLE ConditionVariable)
{
	cv_wake(ConditionVariable, 1);
}

VOID WINAPI WakeAllConditionVariable(PCONDITION_VARIABLE ConditionVariable)
{
	cv_wake(ConditionVariable, INT_MAX);
}

BOOL WINAPI SleepConditionVariableCS(PCONDITION_VARIABLE ConditionVariable,
				     PCRITICAL_SECTION CriticalSection, DWORD dwMilliseconds)
{
	struct cv *cv = cv_of(ConditionVariable);
	uint32_t wakeups = cv_begin(cv);
	bool woken;

	LeaveCriticalSection(CriticalSection);
	woken = cv_sleep(cv, wakeups, dwMilliseconds);
	EnterCriticalSection(CriticalSection);
	return woken ? TRUE : iocpi_fail(ERROR_TIMEOUT);
}

BOOL WINAPI SleepConditionVariableSRW(PCONDITION_VARIABLE ConditionVariable, PSRWLOCK SRWLock,
				      DWORD dwMilliseconds, ULONG Flags)
{
	struct cv *cv = cv_of(ConditionVariable);
	uint32_t wakeups;
	bool woken;

	if (Flags & ~CONDITION_VARIABLE_LOCKMODE_SHARED)
		return iocpi_fail(ERROR_INVALID_PARAMETER);
	wakeups = cv_begin(cv);
	if (Flags)
		ReleaseSRWLockShared(SRWLock);
	else
		ReleaseSRWLockExclusive(SRWLock);
	woken = cv_sleep(cv, wakeups, dwMilliseconds);
	if (Flags)
		AcquireSRWLockShared(SRWLock);
	else
		AcquireSRWLockExclusive(SRWLock);
	return woken ? TRUE : iocpi_fail(ERROR_TIMEOUT);
}

/* One-time initialization: the two low bits, which a context does not have. */
#define ONCE_FREE	((uintptr_t)0)
#define ONCE_RUNNING	((uintptr_t)1)
#define ONCE_DONE	((uintptr_t)2)
#define ONCE_CONTENDED	((uintptr_t)3)	/* running, and somebody waits */
#define ONCE_MASK	((uintptr_t)3)

static void once_set(PINIT_ONCE once, uintptr_t to)
{
	if (__atomic_exchange_n(&once->Ptr, (PVOID)to, __ATOMIC_ACQ_REL) == (PVOID)ONCE_CONTENDED)
		iocpi_futex_wake_all(iocpi_low_word(&once->Ptr));
}

VOID WINAPI InitOnceInitialize(PINIT_ONCE InitOnce)
{
	*InitOnce = (INIT_ONCE)INIT_ONCE_STATIC_INIT;
}

BOOL WINAPI InitOnceExecuteOnce(PINIT_ONCE InitOnce, PINIT_ONCE_FN InitFn, PVOID Parameter,
				LPVOID *Context)
{
	PVOID state = load_acquire(&InitOnce->Ptr), result = NULL;

	while (((uintptr_t)state & ONCE_MASK) != ONCE_DONE) {
		if ((uintptr_t)state == ONCE_FREE) {
			if (!__atomic_compare_exchange_n(&InitOnce->Ptr, &state,
							 (PVOID)ONCE_RUNNING, false,
							 __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
				continue;
			if (!InitFn(InitOnce, Parameter, &result)) {
				once_set(InitOnce, ONCE_FREE);
				return FALSE;
			}
			if ((uintptr_t)result & ONCE_MASK) {
				once_set(InitOnce, ONCE_FREE);
				return iocpi_fail(ERROR_INVALID_PARAMETER);
			}
			state = (PVOID)((uintptr_t)result | ONCE_DONE);
			once_set(InitOnce, (uintptr_t)state);
			break;
		}
		if ((uintptr_t)state == ONCE_CONTENDED ||
		    __atomic_compare_exchange_n(&InitOnce->Ptr, &state, (PVOID)ONCE_CONTENDED,
						false, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
			iocpi_futex_wait(iocpi_low_word(&InitOnce->Ptr), ONCE_CONTENDED);
		state = load_acquire(&InitOnce->Ptr);
	}
	if (Context)
		*Context = (PVOID)((uintptr_t)state & ~ONCE_MASK);
	return TRUE;
}
