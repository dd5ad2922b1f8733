// SPDX-License-Identifier: GPL-2.0-only
/* Waits with Windows names: PL-21. */
#include "dev.h"

#include <iocp/windows.h>

#define UNITS_PER_MS	INT64_C(10000)

static FILETIME filetime(int64_t units)
{
	return (FILETIME){ .dwLowDateTime = (DWORD)units, .dwHighDateTime = (DWORD)(units >> 32) };
}

static unsigned int calls, ok, timeouts, entered, gate, cancelled;

static VOID CALLBACK note(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WAIT wait,
			  TP_WAIT_RESULT result)
{
	CHECK(instance && wait && context == &calls);
	if (result == WAIT_OBJECT_0)
		ADD(ok, 1);
	else if (result == WAIT_TIMEOUT)
		ADD(timeouts, 1);
	ADD(calls, 1);
}

static PTP_WAIT make_wait(PTP_WAIT_CALLBACK callback, PTP_CALLBACK_ENVIRON env)
{
	PTP_WAIT wait = CreateThreadpoolWait(callback, &calls, env);

	CHECK(wait);
	return wait;
}

static HANDLE make_event(BOOL manual)
{
	HANDLE event = CreateEventA(NULL, manual, FALSE, NULL);

	CHECK(event);
	return event;
}

/* Nothing comes, also not a little later. */
#define STAYS(n) do {							\
	dev_sleep_ms(5);						\
	CHECK_EQ(GET(calls), n);					\
} while (0)

TEST(PL21_create)
{
	PTP_WAIT wait;

	SetLastError(0);
	CHECK(!CreateThreadpoolWait(NULL, NULL, NULL));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	wait = make_wait(note, NULL);
	CHECK(!SetThreadpoolWaitEx(wait, NULL, NULL, &wait));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	SetThreadpoolWait(wait, NULL, NULL);
	WaitForThreadpoolWaitCallbacks(wait, FALSE);
	CloseThreadpoolWait(wait);
	SetLastError(0);
	CHECK(!SetThreadpoolWaitEx(wait, NULL, NULL, NULL));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	WaitForThreadpoolWaitCallbacks(wait, TRUE);
	CloseThreadpoolWait(wait);
	CHECK_EQ(calls, 0);
}

/* One shot; an auto-reset event is reset by it, a manual-reset event is not. */
TEST(PL21_events)
{
	HANDLE event = make_event(FALSE), manual = make_event(TRUE);
	PTP_WAIT wait = make_wait(note, NULL);
	unsigned int i;

	for (i = 1; i <= 50; i++) {
		SetThreadpoolWait(wait, event, NULL);
		STAYS(i - 1);
		CHECK(SetEvent(event));
		WAIT_UNTIL(GET(calls) == i);
		CHECK_EQ(WaitForSingleObject(event, 0), WAIT_TIMEOUT);
	}
	CHECK(SetEvent(event));
	STAYS(50);
	/* Signalled already. */
	SetThreadpoolWait(wait, event, NULL);
	WAIT_UNTIL(GET(calls) == 51);
	CHECK(SetEvent(manual));
	SetThreadpoolWait(wait, manual, NULL);
	WAIT_UNTIL(GET(calls) == 52);
	CHECK_EQ(WaitForSingleObject(manual, 0), WAIT_OBJECT_0);
	CHECK_EQ(ok, 52);
	CloseThreadpoolWait(wait);
	CloseHandle(event);
	CloseHandle(manual);
}

/* Two waits, one release, one callback; and the count is one less. */
TEST(PL21_semaphore)
{
	HANDLE sem = CreateSemaphoreA(NULL, 0, 10, NULL);
	PTP_WAIT wait[2] = { make_wait(note, NULL), make_wait(note, NULL) };
	LONG before = -1;

	CHECK(sem);
	SetThreadpoolWait(wait[0], sem, NULL);
	SetThreadpoolWait(wait[1], sem, NULL);
	CHECK(ReleaseSemaphore(sem, 1, NULL));
	WAIT_UNTIL(GET(calls) == 1);
	STAYS(1);
	CHECK(ReleaseSemaphore(sem, 3, &before));
	CHECK_EQ(before, 0);
	WAIT_UNTIL(GET(calls) == 2);
	STAYS(2);
	CHECK_EQ(WaitForSingleObject(sem, 0), WAIT_OBJECT_0);
	CHECK_EQ(WaitForSingleObject(sem, 0), WAIT_OBJECT_0);
	CHECK_EQ(WaitForSingleObject(sem, 0), WAIT_TIMEOUT);
	CloseThreadpoolWait(wait[0]);
	CloseThreadpoolWait(wait[1]);
	CloseHandle(sem);
}

TEST(PL21_timeout)
{
	HANDLE event = make_event(FALSE);
	PTP_WAIT wait = make_wait(note, NULL);
	FILETIME t = filetime(0);
	struct timespec ts;
	uint64_t start;

	/* 0 looks once. */
	SetThreadpoolWait(wait, event, &t);
	WAIT_UNTIL(GET(timeouts) == 1);
	start = dev_now_ms();
	t = filetime(-30 * UNITS_PER_MS);
	SetThreadpoolWait(wait, event, &t);
	WAIT_UNTIL(GET(timeouts) == 2);
	CHECK(dev_now_ms() + 1 >= start + 30);
	/* absolute, in 1601 and soon */
	t = filetime(1);
	SetThreadpoolWait(wait, event, &t);
	WAIT_UNTIL(GET(timeouts) == 3);
	clock_gettime(CLOCK_REALTIME, &ts);
	t = filetime(INT64_C(116444736000000000) + ts.tv_sec * INT64_C(10000000) +
		     ts.tv_nsec / 100 + 30 * UNITS_PER_MS);
	start = dev_now_ms();
	SetThreadpoolWait(wait, event, &t);
	WAIT_UNTIL(GET(timeouts) == 4);
	CHECK(dev_now_ms() + 2 >= start + 30);
	/* Signalled in time, and what is late takes nothing. */
	t = filetime(-3600 * 1000 * UNITS_PER_MS);
	SetThreadpoolWait(wait, event, &t);
	CHECK(SetEvent(event));
	WAIT_UNTIL(GET(ok) == 1);
	CHECK(SetEvent(event));
	STAYS(5);
	CHECK_EQ(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
	CloseThreadpoolWait(wait);
	CloseHandle(event);
}

TEST(PL21_replaced_and_cleared)
{
	HANDLE a = make_event(FALSE), b = make_event(FALSE);
	PTP_WAIT wait = make_wait(note, NULL);

	CHECK(!SetThreadpoolWaitEx(wait, a, NULL, NULL));
	CHECK(SetThreadpoolWaitEx(wait, b, NULL, NULL));
	CHECK(SetEvent(a));
	STAYS(0);
	CHECK(SetEvent(b));
	WAIT_UNTIL(GET(calls) == 1);
	CHECK(!SetThreadpoolWaitEx(wait, b, NULL, NULL));
	CHECK(SetThreadpoolWaitEx(wait, NULL, NULL, NULL));
	CHECK(!SetThreadpoolWaitEx(wait, NULL, NULL, NULL));
	CHECK(SetEvent(b));
	STAYS(1);
	/* A handle that is none: nothing is waited for any more. */
	SetThreadpoolWait(wait, CreateEventA(NULL, FALSE, FALSE, NULL), NULL);
	SetLastError(0);
	CHECK(!SetThreadpoolWaitEx(wait, (HANDLE)&wait, NULL, NULL));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	CHECK(!SetThreadpoolWaitEx(wait, NULL, NULL, NULL));
	CloseThreadpoolWait(wait);
}

/* The handle may be closed; the wait survives. */
TEST(PL21_handle_closed)
{
	HANDLE event = make_event(FALSE), other;
	PTP_WAIT wait = make_wait(note, NULL);

	CHECK(DuplicateHandle(GetCurrentProcess(), event, GetCurrentProcess(), &other, 0, FALSE,
			      DUPLICATE_SAME_ACCESS));
	SetThreadpoolWait(wait, event, NULL);
	CloseHandle(event);
	STAYS(0);
	CHECK(SetEvent(other));
	WAIT_UNTIL(GET(calls) == 1);
	CloseThreadpoolWait(wait);
	CloseHandle(other);
}

TEST(PL21_mutex_is_not_supported)
{
	HANDLE mutex = CreateMutexA(NULL, FALSE, NULL);
	PTP_WAIT wait = make_wait(note, NULL);

	CHECK(mutex);
	SetLastError(0);
	CHECK(!SetThreadpoolWaitEx(wait, mutex, NULL, NULL));
	CHECK_EQ(GetLastError(), ERROR_NOT_SUPPORTED);
	CloseThreadpoolWait(wait);
	CloseHandle(mutex);
}

static DWORD WINAPI thread_main(LPVOID arg)
{
	(void)arg;
	WAIT_UNTIL(GET(gate));
	return 0;
}

TEST(PL21_thread)
{
	HANDLE thread = CreateThread(NULL, 0, thread_main, NULL, 0, NULL);
	PTP_WAIT wait = make_wait(note, NULL);

	CHECK(thread);
	SetThreadpoolWait(wait, thread, NULL);
	STAYS(0);
	SET(gate, 1);
	WAIT_UNTIL(GET(calls) == 1);
	CHECK_EQ(ok, 1);
	CHECK_EQ(WaitForSingleObject(thread, 0), WAIT_OBJECT_0);
	CloseThreadpoolWait(wait);
	CloseHandle(thread);
}

static VOID CALLBACK again(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WAIT wait,
			   TP_WAIT_RESULT result)
{
	(void)instance, (void)context;
	CHECK_EQ(result, WAIT_OBJECT_0);
	WaitForThreadpoolWaitCallbacks(wait, FALSE);	/* TR-23: does not wait */
	SetThreadpoolWait(wait, *(HANDLE *)context, NULL);
	ADD(calls, 1);
}

TEST(PL21_set_again_in_the_callback)
{
	HANDLE sem = CreateSemaphoreA(NULL, 0, 100000, NULL);
	PTP_WAIT wait = CreateThreadpoolWait(again, &sem, NULL);
	unsigned int i;

	CHECK(sem && wait);
	SetThreadpoolWait(wait, sem, NULL);
	for (i = 0; i < 500; i++)
		CHECK(ReleaseSemaphore(sem, 2, NULL));
	WAIT_UNTIL(GET(calls) == 1000);
	STAYS(1000);
	SetThreadpoolWait(wait, NULL, NULL);
	WaitForThreadpoolWaitCallbacks(wait, TRUE);
	CloseThreadpoolWait(wait);
	CloseHandle(sem);
}

static VOID CALLBACK was_cancelled(PVOID context, PVOID cleanup)
{
	CHECK(context == &calls && cleanup == &gate);
	ADD(cancelled, 1);
}

TEST(PL15_group)
{
	PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
	HANDLE event = make_event(TRUE);
	TP_CALLBACK_ENVIRON env;
	PTP_WAIT wait[10];
	int i;

	InitializeThreadpoolEnvironment(&env);
	SetThreadpoolCallbackCleanupGroup(&env, group, was_cancelled);
	for (i = 0; i < 10; i++) {
		wait[i] = make_wait(note, &env);
		SetThreadpoolWait(wait[i], event, NULL);
	}
	CloseThreadpoolWait(wait[0]);
	CloseThreadpoolCleanupGroupMembers(group, TRUE, &gate);
	CHECK_EQ(cancelled, 9);
	CHECK(SetEvent(event));
	STAYS(0);
	CloseThreadpoolCleanupGroup(group);
	CloseHandle(event);
	(void)entered;
}
