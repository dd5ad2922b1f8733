// SPDX-License-Identifier: GPL-2.0-only
/* Events, semaphores, waiting for one, any or all of several, DuplicateHandle. */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/wait.h>
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

static void wait_fails_with(DWORD code, DWORD wait)
{
	assert_int_equal(wait, WAIT_FAILED);
	fails_with(code, FALSE);
}

static HANDLE event(BOOL manual, BOOL initial)
{
	HANDLE h;

	SetLastError(ERROR_ALREADY_EXISTS);
	h = CreateEventA(NULL, manual, initial, NULL);
	assert_non_null(h);
	assert_int_equal(GetLastError(), 0);
	SetLastError(LAST);
	return h;
}

static HANDLE semaphore(LONG initial, LONG maximum)
{
	HANDLE h;

	SetLastError(ERROR_ALREADY_EXISTS);
	h = CreateSemaphoreA(NULL, initial, maximum, NULL);
	assert_non_null(h);
	assert_int_equal(GetLastError(), 0);
	SetLastError(LAST);
	return h;
}

static void *run_thread(void *(*run)(void *), void *arg)
{
	pthread_t *t = malloc(sizeof(*t));

	assert_int_equal(pthread_create(t, NULL, run, arg), 0);
	return t;
}

static void join_thread(void *thread)
{
	assert_int_equal(pthread_join(*(pthread_t *)thread, NULL), 0);
	free(thread);
}

static void manual_event_stays_set(void **state)
{
	HANDLE e = event(TRUE, FALSE);

	(void)state;
	SetLastError(LAST);
	assert_int_equal(WaitForSingleObject(e, 0), WAIT_TIMEOUT);
	assert_int_equal(WaitForSingleObject(e, 5), WAIT_TIMEOUT);
	assert_true(SetEvent(e));
	assert_true(SetEvent(e));
	assert_int_equal(WaitForSingleObject(e, 0), WAIT_OBJECT_0);
	assert_int_equal(WaitForSingleObject(e, INFINITE), WAIT_OBJECT_0);
	assert_true(ResetEvent(e));
	assert_true(ResetEvent(e));
	assert_int_equal(WaitForSingleObject(e, 0), WAIT_TIMEOUT);
	assert_true(CloseHandle(e));
	e = event(TRUE, TRUE);
	assert_int_equal(WaitForSingleObject(e, 0), WAIT_OBJECT_0);
	assert_true(CloseHandle(e));
	assert_int_equal(GetLastError(), LAST);
}

static void auto_event_is_taken_by_one_wait(void **state)
{
	HANDLE e = event(FALSE, TRUE);

	(void)state;
	SetLastError(LAST);
	assert_int_equal(WaitForSingleObject(e, INFINITE), WAIT_OBJECT_0);
	assert_int_equal(WaitForSingleObject(e, 0), WAIT_TIMEOUT);
	assert_true(SetEvent(e));
	assert_true(SetEvent(e));	/* set is set, it does not count */
	assert_int_equal(WaitForSingleObject(e, 0), WAIT_OBJECT_0);
	assert_int_equal(WaitForSingleObject(e, 1), WAIT_TIMEOUT);
	assert_true(SetEvent(e));
	assert_true(ResetEvent(e));
	assert_int_equal(WaitForSingleObject(e, 0), WAIT_TIMEOUT);
	assert_true(CloseHandle(e));
	assert_int_equal(GetLastError(), LAST);
}

static void semaphore_counts(void **state)
{
	HANDLE s = semaphore(1, 3);
	LONG before = -1;

	(void)state;
	SetLastError(LAST);
	assert_int_equal(WaitForSingleObject(s, 0), WAIT_OBJECT_0);
	assert_int_equal(WaitForSingleObject(s, 0), WAIT_TIMEOUT);
	assert_true(ReleaseSemaphore(s, 2, &before));
	assert_int_equal(before, 0);
	assert_true(ReleaseSemaphore(s, 1, NULL));
	assert_int_equal(GetLastError(), LAST);
	fails_with(ERROR_TOO_MANY_POSTS, ReleaseSemaphore(s, 1, NULL));
	before = -1;
	fails_with(ERROR_TOO_MANY_POSTS, ReleaseSemaphore(s, 1, &before));
	fails_with(ERROR_TOO_MANY_POSTS, ReleaseSemaphore(s, 0x7fffffff, &before));
	fails_with(ERROR_INVALID_PARAMETER, ReleaseSemaphore(s, 0, &before));
	fails_with(ERROR_INVALID_PARAMETER, ReleaseSemaphore(s, -1, &before));
	assert_int_equal(before, -1);
	assert_int_equal(WaitForSingleObject(s, 0), WAIT_OBJECT_0);
	assert_true(ReleaseSemaphore(s, 1, &before));
	assert_int_equal(before, 2);
	assert_int_equal(WaitForSingleObject(s, INFINITE), WAIT_OBJECT_0);
	assert_int_equal(WaitForSingleObject(s, INFINITE), WAIT_OBJECT_0);
	assert_int_equal(WaitForSingleObject(s, INFINITE), WAIT_OBJECT_0);
	assert_int_equal(WaitForSingleObject(s, 0), WAIT_TIMEOUT);
	assert_true(CloseHandle(s));

	fails_with(ERROR_INVALID_PARAMETER, CreateSemaphoreA(NULL, 2, 1, NULL) != NULL);
	fails_with(ERROR_INVALID_PARAMETER, CreateSemaphoreA(NULL, 0, 0, NULL) != NULL);
	fails_with(ERROR_INVALID_PARAMETER, CreateSemaphoreA(NULL, -1, 1, NULL) != NULL);
	s = semaphore(0x7fffffff, 0x7fffffff);
	fails_with(ERROR_TOO_MANY_POSTS, ReleaseSemaphore(s, 1, NULL));
	assert_true(CloseHandle(s));
}

/* As the kernel's WAIT does it: through a descriptor that nobody here knows of. */
static void kernel_waits_are_counted(void **state)
{
	struct iocpi_waitable w;
	HANDLE s = semaphore(2, 2);
	uint64_t count;
	LONG before;

	(void)state;
	assert_int_equal(iocpi_waitable(s, &w), 0);
	assert_true(w.consume);
	assert_true(fcntl(w.fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(read(w.fd, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, 1);
	assert_true(ReleaseSemaphore(s, 1, NULL));
	assert_int_equal(read(w.fd, &count, sizeof(count)), sizeof(count));
	assert_true(ReleaseSemaphore(s, 1, &before));
	assert_int_equal(before, 1);
	assert_true(CloseHandle(s));
	assert_int_equal(read(w.fd, &count, sizeof(count)), sizeof(count));
	close(w.fd);

	s = event(TRUE, TRUE);
	assert_int_equal(iocpi_waitable(s, &w), 0);
	assert_false(w.consume);
	close(w.fd);
	assert_true(CloseHandle(s));
	assert_int_equal(iocpi_waitable(s, &w), ERROR_INVALID_HANDLE);
}

static void wrong_handles_are_refused(void **state)
{
	HANDLE e = event(TRUE, TRUE), s = semaphore(1, 1), h;
	int fds[2];

	(void)state;
	SetLastError(LAST);
	fails_with(ERROR_INVALID_HANDLE, SetEvent(s));
	fails_with(ERROR_INVALID_HANDLE, ResetEvent(s));
	fails_with(ERROR_INVALID_HANDLE, ReleaseSemaphore(e, 1, NULL));
	fails_with(ERROR_INVALID_HANDLE, SetEvent(NULL));
	fails_with(ERROR_INVALID_HANDLE, SetEvent(INVALID_HANDLE_VALUE));
	wait_fails_with(ERROR_INVALID_HANDLE, WaitForSingleObject(NULL, 0));
	wait_fails_with(ERROR_INVALID_HANDLE, WaitForSingleObject(INVALID_HANDLE_VALUE, 0));
	assert_true(CloseHandle(e));
	fails_with(ERROR_INVALID_HANDLE, CloseHandle(e));
	fails_with(ERROR_INVALID_HANDLE, SetEvent(e));
	fails_with(ERROR_INVALID_HANDLE, ResetEvent(e));
	wait_fails_with(ERROR_INVALID_HANDLE, WaitForSingleObject(e, 0));
	assert_true(CloseHandle(s));
	fails_with(ERROR_INVALID_HANDLE, ReleaseSemaphore(s, 1, NULL));

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	h = (HANDLE)_get_osfhandle(fds[0]);
	fails_with(ERROR_INVALID_HANDLE, SetEvent(h));
	assert_true(CloseHandle(h));
	close(fds[0]);
	close(fds[1]);

	fails_with(ERROR_NOT_SUPPORTED, CreateEventA(NULL, TRUE, TRUE, "name") != NULL);
	fails_with(ERROR_NOT_SUPPORTED, CreateSemaphoreA(NULL, 1, 1, "name") != NULL);
	fails_with(ERROR_NOT_SUPPORTED, CreateEventW(NULL, TRUE, TRUE, u"name") != NULL);
	fails_with(ERROR_NOT_SUPPORTED, CreateSemaphoreW(NULL, 1, 1, u"name") != NULL);
	h = CreateEventW(NULL, TRUE, TRUE, NULL);
	assert_int_equal(WaitForSingleObject(h, 0), WAIT_OBJECT_0);
	assert_true(CloseHandle(h));
	h = CreateSemaphoreW(NULL, 1, 1, NULL);
	assert_int_equal(WaitForSingleObject(h, 0), WAIT_OBJECT_0);
	assert_true(CloseHandle(h));
}

static void any_takes_the_first_in_the_array(void **state)
{
	HANDLE h[3] = { event(FALSE, FALSE), semaphore(0, 9), event(TRUE, FALSE) };
	HANDLE stale = event(TRUE, TRUE), with_stale[2] = { h[0], stale }, many[65];
	DWORD i;

	(void)state;
	SetLastError(LAST);
	assert_int_equal(WaitForMultipleObjects(3, h, FALSE, 0), WAIT_TIMEOUT);
	assert_true(SetEvent(h[2]));
	assert_int_equal(WaitForMultipleObjects(3, h, FALSE, INFINITE), WAIT_OBJECT_0 + 2);
	assert_true(ReleaseSemaphore(h[1], 1, NULL));
	assert_true(SetEvent(h[0]));
	assert_int_equal(WaitForMultipleObjects(3, h, FALSE, INFINITE), WAIT_OBJECT_0);
	assert_int_equal(WaitForMultipleObjects(3, h, FALSE, INFINITE), WAIT_OBJECT_0 + 1);
	assert_int_equal(WaitForMultipleObjects(3, h, FALSE, INFINITE), WAIT_OBJECT_0 + 2);
	assert_int_equal(WaitForMultipleObjects(2, h, FALSE, 1), WAIT_TIMEOUT);
	assert_int_equal(GetLastError(), LAST);

	assert_true(CloseHandle(stale));
	wait_fails_with(ERROR_INVALID_HANDLE, WaitForMultipleObjects(2, with_stale, FALSE, 0));
	wait_fails_with(ERROR_INVALID_PARAMETER, WaitForMultipleObjects(0, h, FALSE, 0));
	for (i = 0; i < 65; i++)
		many[i] = h[1];
	wait_fails_with(ERROR_INVALID_PARAMETER, WaitForMultipleObjects(65, many, FALSE, 0));
	assert_true(ReleaseSemaphore(h[1], 1, NULL));
	assert_int_equal(WaitForMultipleObjects(64, many, FALSE, 0), WAIT_OBJECT_0);
	assert_int_equal(WaitForMultipleObjects(64, many, FALSE, 0), WAIT_TIMEOUT);
	for (i = 0; i < 3; i++)
		assert_true(CloseHandle(h[i]));
}

static void all_takes_nothing_before_it_can_take_all(void **state)
{
	HANDLE h[3] = { event(FALSE, TRUE), semaphore(1, 9), event(TRUE, FALSE) };
	HANDLE twice[2] = { h[0], h[0] };
	int i;

	(void)state;
	SetLastError(LAST);
	assert_int_equal(WaitForMultipleObjects(3, h, TRUE, 0), WAIT_TIMEOUT);
	assert_int_equal(WaitForMultipleObjects(3, h, TRUE, 3), WAIT_TIMEOUT);
	assert_int_equal(WaitForSingleObject(h[0], 0), WAIT_OBJECT_0);
	assert_int_equal(WaitForSingleObject(h[1], 0), WAIT_OBJECT_0);
	assert_true(SetEvent(h[0]) && ReleaseSemaphore(h[1], 2, NULL) && SetEvent(h[2]));
	assert_int_equal(WaitForMultipleObjects(3, h, TRUE, INFINITE), WAIT_OBJECT_0);
	assert_int_equal(WaitForSingleObject(h[0], 0), WAIT_TIMEOUT);
	assert_int_equal(WaitForSingleObject(h[1], 0), WAIT_OBJECT_0);
	assert_int_equal(WaitForSingleObject(h[1], 0), WAIT_TIMEOUT);
	assert_int_equal(WaitForSingleObject(h[2], 0), WAIT_OBJECT_0);
	assert_int_equal(GetLastError(), LAST);
	wait_fails_with(ERROR_INVALID_PARAMETER, WaitForMultipleObjects(2, twice, TRUE, 0));
	assert_true(SetEvent(h[0]));
	assert_int_equal(WaitForMultipleObjects(1, h, TRUE, 0), WAIT_OBJECT_0);
	for (i = 0; i < 3; i++)
		assert_true(CloseHandle(h[i]));
}

struct waiter {
	HANDLE h[2];
	BOOL all;
	uint32_t plain;			/* written before the event is set */
	uint32_t seen;
};

static void *wait_for_it(void *arg)
{
	struct waiter *w = arg;

	assert_int_equal(WaitForMultipleObjects(2, w->h, w->all, INFINITE), WAIT_OBJECT_0);
	w->seen = w->plain;
	return NULL;
}

/* A thread that sleeps is woken, and sees what was written before (TSan looks). */
static void sleepers_wake(void **state)
{
	struct waiter w = { .h = { event(TRUE, FALSE), event(TRUE, FALSE) } };
	int all;

	(void)state;
	for (all = 0; all < 2; all++) {
		void *thread;

		w.all = all;
		w.plain = w.seen = 0;
		thread = run_thread(wait_for_it, &w);
		usleep(10000);
		if (all)
			assert_true(SetEvent(w.h[1]));
		usleep(10000);
		w.plain = 7 + all;
		assert_true(SetEvent(w.h[0]));
		join_thread(thread);
		assert_int_equal(w.seen, 7 + all);
		assert_true(ResetEvent(w.h[0]));
	}
	assert_true(CloseHandle(w.h[0]) && CloseHandle(w.h[1]));
}

/* The event a thread waits for is closed: the wait goes on, in peace. */
static void *wait_briefly(void *arg)
{
	assert_int_equal(WaitForSingleObject(arg, 1000), WAIT_TIMEOUT);
	return NULL;
}

static void closing_does_not_end_a_wait(void **state)
{
	HANDLE e = event(TRUE, FALSE);
	void *thread;

	(void)state;
	thread = run_thread(wait_briefly, e);
	while (!(READ_ONCE(iocpi_obj_find(handle_id(e), IOCPI_EVENT)->word) & OBJ_USERS))
		sched_yield();
	assert_true(CloseHandle(e));
	join_thread(thread);
	assert_null(iocpi_obj_find(handle_id(e), IOCPI_EVENT));
}

/*
 * Philosophers: each needs two neighbouring forks at once, half of the forks are
 * auto-reset events and half semaphores of 1.  Beside them thieves take single
 * forks and lay them back.  Nobody may hold a fork that somebody else holds, all get
 * to eat, and in the end all forks are there.
 */
#define FORKS		4
#define MEALS		300

static HANDLE forks[FORKS];
static uint32_t held[FORKS];
static bool stop;

static void fork_take(int i)
{
	assert_int_equal(__atomic_exchange_n(&held[i], 1, __ATOMIC_RELAXED), 0);
}

static void fork_lay_back(int i)
{
	assert_int_equal(__atomic_exchange_n(&held[i], 0, __ATOMIC_RELAXED), 1);
	assert_true(i % 2 ? SetEvent(forks[i]) : ReleaseSemaphore(forks[i], 1, NULL));
}

static void *philosopher(void *arg)
{
	int left = (intptr_t)arg, right = (left + 1) % FORKS, n;
	HANDLE both[2] = { forks[left], forks[right] };

	for (n = 0; n < MEALS; n++) {
		assert_int_equal(WaitForMultipleObjects(2, both, TRUE, INFINITE), WAIT_OBJECT_0);
		fork_take(left);
		fork_take(right);
		fork_lay_back(left);
		fork_lay_back(right);
	}
	return NULL;
}

static void *thief(void *arg)
{
	DWORD ms = (intptr_t)arg;

	while (!READ_ONCE(stop)) {
		DWORD i = WaitForMultipleObjects(FORKS, forks, FALSE, ms);

		if (i == WAIT_TIMEOUT)
			continue;
		assert_in_range(i, 0, FORKS - 1);
		fork_take(i);
		sched_yield();
		fork_lay_back(i);
	}
	return NULL;
}

static void all_against_takers(void **state)
{
	void *eaters[FORKS], *thieves[2];
	intptr_t i;

	(void)state;
	for (i = 0; i < FORKS; i++)
		forks[i] = i % 2 ? event(FALSE, TRUE) : semaphore(1, 1);
	for (i = 0; i < FORKS; i++)
		eaters[i] = run_thread(philosopher, (void *)i);
	for (i = 0; i < 2; i++)
		thieves[i] = run_thread(thief, (void *)i);
	for (i = 0; i < FORKS; i++)
		join_thread(eaters[i]);
	WRITE_ONCE(stop, true);
	for (i = 0; i < 2; i++)
		join_thread(thieves[i]);
	assert_int_equal(WaitForMultipleObjects(FORKS, forks, TRUE, 0), WAIT_OBJECT_0);
	for (i = 0; i < FORKS; i++) {
		assert_int_equal(WaitForSingleObject(forks[i], 0), WAIT_TIMEOUT);
		assert_true(CloseHandle(forks[i]));
	}
}

static HANDLE duplicate(HANDLE h)
{
	HANDLE dup = NULL, self = GetCurrentProcess();

	assert_true(DuplicateHandle(self, h, self, &dup, 0, FALSE, DUPLICATE_SAME_ACCESS));
	assert_non_null(dup);
	assert_ptr_not_equal(dup, h);
	return dup;
}

/* CP-9: the same object, and each handle is closed for itself. */
static void duplicates_are_the_same_object(void **state)
{
	HANDLE e = event(FALSE, FALSE), a = duplicate(e), b = duplicate(a), twice[2] = { a, b };
	HANDLE self = GetCurrentProcess(), t = NULL;
	LONG before;

	(void)state;
	SetLastError(LAST);
	assert_ptr_not_equal(a, b);
	assert_true(SetEvent(a));
	assert_int_equal(WaitForSingleObject(e, 0), WAIT_OBJECT_0);
	assert_int_equal(WaitForSingleObject(b, 0), WAIT_TIMEOUT);
	assert_int_equal(GetLastError(), LAST);
	fails_with(ERROR_INVALID_HANDLE, ReleaseSemaphore(a, 1, &before));
	wait_fails_with(ERROR_INVALID_PARAMETER, WaitForMultipleObjects(2, twice, TRUE, 0));

	assert_true(CloseHandle(e));		/* the first is not special */
	fails_with(ERROR_INVALID_HANDLE, SetEvent(e));
	fails_with(ERROR_INVALID_HANDLE, CloseHandle(e));
	wait_fails_with(ERROR_INVALID_HANDLE, WaitForSingleObject(e, 0));
	fails_with(ERROR_INVALID_HANDLE, DuplicateHandle(self, e, self, &t, 0, FALSE, 0));
	assert_null(t);
	assert_true(SetEvent(b));
	assert_int_equal(WaitForSingleObject(a, 0), WAIT_OBJECT_0);
	assert_true(DuplicateHandle(self, a, self, &t, 0, FALSE, DUPLICATE_CLOSE_SOURCE));
	fails_with(ERROR_INVALID_HANDLE, CloseHandle(a));
	assert_true(CloseHandle(b));
	assert_true(SetEvent(t));
	assert_int_equal(WaitForSingleObject(t, 0), WAIT_OBJECT_0);
	fails_with(ERROR_INVALID_PARAMETER, DuplicateHandle(self, t, self, &e, 0, FALSE, 4));
	fails_with(ERROR_INVALID_HANDLE, DuplicateHandle(t, t, self, &e, 0, FALSE, 0));
	fails_with(ERROR_INVALID_HANDLE, DuplicateHandle(self, t, NULL, &e, 0, FALSE, 0));
	assert_true(DuplicateHandle(self, t, NULL, NULL, 0, FALSE, DUPLICATE_CLOSE_SOURCE));
	fails_with(ERROR_INVALID_HANDLE, CloseHandle(t));
	assert_null(iocpi_obj_find(handle_id(e), IOCPI_EVENT));

	/* The last close of a single duplicate by way of the first handle. */
	e = event(TRUE, TRUE);
	a = duplicate(e);
	assert_true(CloseHandle(a));
	assert_int_equal(WaitForSingleObject(e, 0), WAIT_OBJECT_0);
	a = duplicate(e);
	assert_true(CloseHandle(e));
	assert_int_equal(WaitForSingleObject(a, 0), WAIT_OBJECT_0);
	assert_true(CloseHandle(a));
}

/*
 * Threads duplicate and close handles of whatever the shared slots hold.  Everything
 * that was closed is closed, once, and nothing else is.
 */
static HANDLE slots[4];
static uint32_t duplicated, closed;

static void *shuffle(void *arg)
{
	HANDLE self = GetCurrentProcess(), h;
	unsigned int seed = (intptr_t)arg;
	int i;

	for (i = 0; i < 3000; i++) {
		HANDLE *from = &slots[rand_r(&seed) % 4], *to = &slots[rand_r(&seed) % 4];

		if (!DuplicateHandle(self, READ_ONCE(*from), self, &h, 0, FALSE, 0))
			continue;
		__atomic_fetch_add(&duplicated, 1, __ATOMIC_RELAXED);
		SetEvent(h);
		h = __atomic_exchange_n(to, h, __ATOMIC_RELAXED);
		assert_true(CloseHandle(h));
		assert_false(CloseHandle(h));
		__atomic_fetch_add(&closed, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void duplicates_under_threads(void **state)
{
	int probe = open("/dev/null", O_RDONLY | O_CLOEXEC), fd;
	void *threads[4];
	intptr_t i;

	(void)state;
	close(probe);
	for (i = 0; i < 4; i++)
		slots[i] = event(TRUE, TRUE);
	for (i = 0; i < 4; i++)
		threads[i] = run_thread(shuffle, (void *)(i + 1));
	for (i = 0; i < 4; i++)
		join_thread(threads[i]);
	assert_int_equal(duplicated, closed);
	assert_true(duplicated > 100);
	for (i = 0; i < 4; i++) {
		assert_int_equal(WaitForSingleObject(slots[i], 0), WAIT_OBJECT_0);
		assert_true(CloseHandle(slots[i]));
	}
	/* all descriptors are back */
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fd, probe);
	close(fd);
}

/* The child has none of it, and can make its own. */
static void fork_ends_the_objects(void **state)
{
	HANDLE e = event(TRUE, TRUE);
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		bool ok = WaitForSingleObject(e, 0) == WAIT_FAILED && !SetEvent(e);
		HANDLE own = CreateEventA(NULL, FALSE, TRUE, NULL);

		ok = ok && WaitForSingleObject(own, 0) == WAIT_OBJECT_0 && CloseHandle(own);
		_exit(!ok);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(WaitForSingleObject(e, 0), WAIT_OBJECT_0);
	assert_true(CloseHandle(e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(manual_event_stays_set),
		cmocka_unit_test(auto_event_is_taken_by_one_wait),
		cmocka_unit_test(semaphore_counts),
		cmocka_unit_test(kernel_waits_are_counted),
		cmocka_unit_test(wrong_handles_are_refused),
		cmocka_unit_test(any_takes_the_first_in_the_array),
		cmocka_unit_test(all_takes_nothing_before_it_can_take_all),
		cmocka_unit_test(sleepers_wake),
		cmocka_unit_test(closing_does_not_end_a_wait),
		cmocka_unit_test(all_against_takers),
		cmocka_unit_test(duplicates_are_the_same_object),
		cmocka_unit_test(duplicates_under_threads),
		cmocka_unit_test(fork_ends_the_objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
