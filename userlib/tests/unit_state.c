// SPDX-License-Identifier: GPL-2.0-only
/* The state machine of callbacks: each arrow of it, and all of them at once. */
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"
#include "internal.h"

#define GEN	7

static struct iocpi_state fresh(void)
{
	struct iocpi_state s = { .word = 0 };

	iocpi_state_init(&s, GEN);
	return s;
}

static void expect(const struct iocpi_state *s, uint32_t pending, uint32_t skipped,
		   uint32_t running)
{
	assert_int_equal(state_pending(s->word), pending);
	assert_int_equal(state_skipped(s->word), skipped);
	assert_int_equal(state_running(s->word), running);
}

static void start_packet_done(void **state)
{
	struct iocpi_state s = fresh();

	(void)state;
	assert_int_equal(iocpi_state_start(&s, GEN, 1), STEP_OK);
	assert_int_equal(iocpi_state_start(&s, GEN, 2), STEP_OK);	/* TP-3: a count */
	expect(&s, 3, 0, 0);
	assert_int_equal(iocpi_state_packet(&s), STEP_OK | STEP_RUN);
	assert_int_equal(iocpi_state_packet(&s), STEP_OK | STEP_RUN);	/* TP-12: at once */
	expect(&s, 1, 0, 2);
	assert_int_equal(iocpi_state_done(&s), STEP_OK);
	assert_int_equal(iocpi_state_cancel(&s, GEN, 1), STEP_OK);
	assert_int_equal(iocpi_state_done(&s), STEP_OK);
	expect(&s, 0, 0, 0);
}

static void strays(void **state)
{
	struct iocpi_state s = fresh();

	(void)state;
	/* TP-8: no Start; and Start, Cancel */
	assert_int_equal(iocpi_state_packet(&s), STEP_STRAY);
	iocpi_state_start(&s, GEN, 1);
	iocpi_state_cancel(&s, GEN, 1);
	assert_int_equal(iocpi_state_packet(&s), STEP_STRAY);
	/* TR-1: one Cancel too many underflows nothing */
	assert_int_equal(iocpi_state_cancel(&s, GEN, 1), STEP_OK | STEP_STRAY);
	expect(&s, 0, 0, 0);
}

static void forget(void **state)
{
	struct iocpi_state s = fresh();

	(void)state;
	iocpi_state_start(&s, GEN, 2);
	assert_int_equal(iocpi_state_forget(&s, GEN), STEP_OK);		/* TP-6 */
	expect(&s, 0, 2, 0);
	/* TP-7: a Start made now comes first */
	iocpi_state_start(&s, GEN, 1);
	assert_int_equal(iocpi_state_packet(&s), STEP_OK | STEP_RUN);
	expect(&s, 0, 2, 1);
	iocpi_state_done(&s);
	assert_int_equal(iocpi_state_packet(&s), STEP_OK);		/* swallowed */
	/* A forgotten Start whose operation then failed is cancelled too. */
	assert_int_equal(iocpi_state_cancel(&s, GEN, 1), STEP_OK);
	expect(&s, 0, 0, 0);
}

static void close_idle(void **state)
{
	struct iocpi_state s = fresh();

	(void)state;
	assert_int_equal(iocpi_state_close(&s, GEN), STEP_OK | STEP_DEAD);	/* TP-13 */
	assert_int_equal(iocpi_state_close(&s, GEN), 0);
	assert_int_equal(iocpi_state_start(&s, GEN, 1), 0);
	assert_int_equal(iocpi_state_drain(&s), STEP_OK);		/* dead only once */
}

static void close_outstanding(void **state)
{
	struct iocpi_state s = fresh();

	(void)state;
	iocpi_state_start(&s, GEN, 2);
	assert_int_equal(iocpi_state_close(&s, GEN), STEP_OK);
	assert_int_equal(iocpi_state_packet(&s), STEP_OK | STEP_RUN);	/* TP-15 */
	assert_int_equal(iocpi_state_done(&s), STEP_OK);
	assert_int_equal(iocpi_state_packet(&s), STEP_OK | STEP_RUN);
	assert_int_equal(iocpi_state_done(&s), STEP_OK | STEP_DEAD);
}

static void close_forgotten(void **state)
{
	struct iocpi_state s = fresh();

	(void)state;
	/* TP-13: a forgotten Start delays the end until its completion ... */
	iocpi_state_start(&s, GEN, 1);
	iocpi_state_forget(&s, GEN);
	assert_int_equal(iocpi_state_close(&s, GEN), STEP_OK);
	assert_int_equal(iocpi_state_packet(&s), STEP_OK | STEP_DEAD);
	/* ... or until nothing can come any more. */
	s = fresh();
	iocpi_state_start(&s, GEN, 2);
	iocpi_state_forget(&s, GEN);
	iocpi_state_start(&s, GEN, 1);
	iocpi_state_close(&s, GEN);
	assert_int_equal(iocpi_state_drain(&s), STEP_OK | STEP_DEAD);
}

/* A Start after the close is forgotten from the beginning; one of what is dead is none. */
static void start_late(void **state)
{
	struct iocpi_state s = fresh();

	(void)state;
	assert_int_equal(iocpi_state_start_late(&s, GEN), 0);
	iocpi_state_start(&s, GEN, 1);
	assert_int_equal(iocpi_state_start_late(&s, GEN), 0);
	iocpi_state_close(&s, GEN);
	assert_int_equal(iocpi_state_start(&s, GEN, 1), 0);
	assert_int_equal(iocpi_state_start_late(&s, GEN + 1), 0);
	assert_int_equal(iocpi_state_start_late(&s, GEN), STEP_OK);
	assert_int_equal(iocpi_state_start_late(&s, GEN), STEP_OK);
	expect(&s, 1, 2, 0);
	assert_int_equal(iocpi_state_packet(&s), STEP_OK | STEP_RUN);
	assert_int_equal(iocpi_state_done(&s), STEP_OK);
	assert_int_equal(iocpi_state_cancel(&s, GEN, 1), STEP_OK);
	assert_int_equal(iocpi_state_packet(&s), STEP_OK | STEP_DEAD);
	assert_int_equal(iocpi_state_start_late(&s, GEN), 0);
	expect(&s, 0, 0, 0);
}

static void other_generation(void **state)
{
	struct iocpi_state s = fresh();

	(void)state;
	assert_int_equal(iocpi_state_start(&s, GEN + 1, 1), 0);
	assert_int_equal(iocpi_state_cancel(&s, GEN + 1, 1), 0);
	assert_int_equal(iocpi_state_forget(&s, GEN + 1), 0);
	assert_int_equal(iocpi_state_close(&s, GEN + 1), 0);
	iocpi_state_start(&s, GEN, 1);
	iocpi_state_wait(&s, GEN + 1);		/* does not wait for a successor */
	expect(&s, 1, 0, 0);
}

static void limits(void **state)
{
	struct iocpi_state s = fresh();

	(void)state;
	assert_int_equal(iocpi_state_start(&s, GEN, STATE_PENDING_MAX), STEP_OK);
	assert_int_equal(iocpi_state_start(&s, GEN, 1), 0);
	iocpi_state_forget(&s, GEN);
	expect(&s, 0, STATE_SKIPPED_MAX, 0);		/* saturates, spills nowhere */
	assert_int_equal(iocpi_state_start(&s, GEN, STATE_PENDING_MAX), STEP_OK);
	iocpi_state_forget(&s, GEN);
	expect(&s, 0, STATE_SKIPPED_MAX, 0);
	assert_int_equal(s.word >> STATE_GEN_SHIFT, GEN);
}

/*
 * Starters start and hand a token to runners, who make it a packet and a callback,
 * or to cancellers; somebody forgets now and then; waiters wait.  In the end each
 * Start was answered once, and closing it makes exactly one step say dead.
 */
#define NR_STARTS	200000

static struct iocpi_state shared;
static int64_t tokens;			/* started, not answered */
static uint64_t started, ran, swallowed, stray, cancelled, dead, waits;
static bool starting_over;

static bool take_token(void)
{
	int64_t t = __atomic_load_n(&tokens, __ATOMIC_ACQUIRE);

	while (t > 0)
		if (__atomic_compare_exchange_n(&tokens, &t, t - 1, true, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			return true;
	return false;
}

static void count(uint64_t *n)
{
	__atomic_add_fetch(n, 1, __ATOMIC_RELAXED);
}

static void *starter(void *arg)
{
	int i;

	(void)arg;
	/* On a busy machine a thread may have had no turn by then. */
	for (i = 0; i < NR_STARTS || !READ_ONCE(ran) || !READ_ONCE(cancelled); i++) {
		/* Not far ahead, so that all the others have work all the time. */
		while (__atomic_load_n(&tokens, __ATOMIC_RELAXED) > 100)
			sched_yield();
		if (!iocpi_state_start(&shared, GEN, 1))
			abort();
		count(&started);
		__atomic_add_fetch(&tokens, 1, __ATOMIC_RELEASE);
		if (i % 500 == 0)
			iocpi_state_forget(&shared, GEN);
	}
	return NULL;
}

static bool more(void)
{
	return !__atomic_load_n(&starting_over, __ATOMIC_ACQUIRE) ||
	       __atomic_load_n(&tokens, __ATOMIC_ACQUIRE) > 0;
}

static void note(unsigned int step)
{
	if (step & STEP_DEAD)
		count(&dead);
}

static void *runner(void *arg)
{
	(void)arg;
	while (more()) {
		unsigned int step;

		if (!take_token()) {
			sched_yield();
			continue;
		}
		step = iocpi_state_packet(&shared);
		note(step);
		if (step & STEP_RUN) {
			count(&ran);
			note(iocpi_state_done(&shared));
		} else {
			count(step & STEP_STRAY ? &stray : &swallowed);
		}
	}
	return NULL;
}

static void *canceller(void *arg)
{
	(void)arg;
	while (more()) {
		unsigned int step;

		if (!take_token()) {
			sched_yield();
			continue;
		}
		step = iocpi_state_cancel(&shared, GEN, 1);
		note(step);
		count(step & STEP_STRAY ? &stray : &cancelled);
	}
	return NULL;
}

static void *waiter(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&starting_over, __ATOMIC_ACQUIRE)) {
		iocpi_state_wait(&shared, GEN);
		count(&waits);
	}
	iocpi_state_wait(&shared, GEN);
	return NULL;
}

static void all_at_once(void **state)
{
	pthread_t t[8];
	size_t i;

	(void)state;
	iocpi_state_init(&shared, GEN);
	assert_int_equal(pthread_create(&t[0], NULL, starter, NULL), 0);
	assert_int_equal(pthread_create(&t[1], NULL, starter, NULL), 0);
	assert_int_equal(pthread_create(&t[2], NULL, runner, NULL), 0);
	assert_int_equal(pthread_create(&t[3], NULL, runner, NULL), 0);
	assert_int_equal(pthread_create(&t[4], NULL, runner, NULL), 0);
	assert_int_equal(pthread_create(&t[5], NULL, canceller, NULL), 0);
	assert_int_equal(pthread_create(&t[6], NULL, waiter, NULL), 0);
	assert_int_equal(pthread_create(&t[7], NULL, waiter, NULL), 0);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	note(iocpi_state_close(&shared, GEN));
	__atomic_store_n(&starting_over, true, __ATOMIC_RELEASE);
	for (i = 2; i < ARRAY_SIZE(t); i++)
		pthread_join(t[i], NULL);

	assert_true(started >= 2 * NR_STARTS);
	assert_int_equal(ran + swallowed + cancelled, started);
	assert_int_equal(stray, 0);
	expect(&shared, 0, 0, 0);
	assert_int_equal(dead, 1);
}

/* Two threads, one round after the other: every wait must end. */
static void *finisher(void *arg)
{
	struct iocpi_state *s = arg;
	int i;

	for (i = 0; i < 100000; i++) {
		while (!(iocpi_state_packet(s) & STEP_RUN))
			sched_yield();
		iocpi_state_done(s);
	}
	return NULL;
}

static void wait_is_not_lost(void **state)
{
	struct iocpi_state s = fresh();
	pthread_t t;
	int i;

	(void)state;
	alarm(60);
	assert_int_equal(pthread_create(&t, NULL, finisher, &s), 0);
	for (i = 0; i < 100000; i++) {
		assert_int_equal(iocpi_state_start(&s, GEN, 1), STEP_OK);
		iocpi_state_wait(&s, GEN);
		assert_int_equal(state_pending(READ_ONCE(s.word)), 0);
	}
	pthread_join(t, NULL);
	alarm(0);
}

static struct iocpi_state fresh_work(void)
{
	struct iocpi_state s = { .word = 0 };

	iocpi_state_init_work(&s, GEN);
	return s;
}

/* One packet stands for all submits, and comes back while something is pending. */
static void work_packet(void **state)
{
	struct iocpi_state s = fresh_work();

	(void)state;
	assert_int_equal(iocpi_state_submit(&s, GEN), STEP_OK | STEP_POST);
	assert_int_equal(iocpi_state_submit(&s, GEN), STEP_OK);
	assert_int_equal(iocpi_state_take(&s), STEP_OK | STEP_RUN | STEP_POST);
	assert_int_equal(iocpi_state_submit(&s, GEN), STEP_OK);
	assert_int_equal(iocpi_state_take(&s), STEP_OK | STEP_RUN | STEP_POST);
	assert_int_equal(iocpi_state_take(&s), STEP_OK | STEP_RUN);
	assert_int_equal(state_running(s.word), 3);
	assert_int_equal(iocpi_state_submit(&s, GEN), STEP_OK | STEP_POST);
	assert_int_equal(iocpi_state_submit(&s, GEN + 1), 0);
	/* dropped: the packet is still on the way, and serves what is submitted next */
	assert_int_equal(iocpi_state_forget(&s, GEN), STEP_OK | STEP_DROP);
	assert_int_equal(iocpi_state_submit(&s, GEN), STEP_OK);
	assert_int_equal(iocpi_state_take(&s), STEP_OK | STEP_RUN);
	while (state_running(s.word) > 1)
		assert_int_equal(iocpi_state_done(&s), STEP_OK);
	assert_int_equal(iocpi_state_close(&s, GEN), STEP_OK);
	assert_int_equal(iocpi_state_submit(&s, GEN), 0);
	assert_int_equal(iocpi_state_done(&s), STEP_OK | STEP_DEAD);
}

static void work_dropped(void **state)
{
	struct iocpi_state s = fresh_work();

	(void)state;
	iocpi_state_submit(&s, GEN);
	iocpi_state_submit(&s, GEN);
	assert_int_equal(iocpi_state_close(&s, GEN), STEP_OK);
	assert_int_equal(iocpi_state_forget(&s, GEN), STEP_OK | STEP_DROP);
	iocpi_state_wait(&s, GEN);			/* idle, but not dead: */
	assert_int_equal(iocpi_state_take(&s), STEP_OK | STEP_DEAD);	/* that was to come */
}

/* More submits than an IO can have Starts, which fill all its bits and no others. */
static void work_is_wide(void **state)
{
	struct iocpi_state s = fresh_work();

	(void)state;
	s.word |= STATE_PENDING_MAX | STATE_QUEUED;
	assert_int_equal(iocpi_state_submit(&s, GEN), STEP_OK);
	assert_int_equal(s.word & STATE_WORK_MAX, STATE_PENDING_MAX + 1);
	assert_int_equal(iocpi_state_take(&s), STEP_OK | STEP_RUN | STEP_POST);
	assert_int_equal(iocpi_state_done(&s), STEP_OK);
	assert_int_equal(s.word & STATE_WORK_MAX, STATE_PENDING_MAX);
	iocpi_state_drain(&s);
	assert_int_equal(s.word & STATE_COUNTS, 0);
	assert_int_equal(s.word >> STATE_GEN_SHIFT, GEN);
}

static struct iocpi_state fresh_arm(void)
{
	struct iocpi_state s = { .word = 0 };

	iocpi_state_init_arm(&s, GEN);
	return s;
}

static void expect_arm(const struct iocpi_state *s, bool armed, uint32_t pending,
		       uint32_t skipped, uint32_t running)
{
	assert_int_equal(!!(s->word & STATE_ARMED), armed);
	if (!armed)
		assert_int_equal(s->word & STATE_ARM_SEQ, 0);
	assert_int_equal(s->word & STATE_ARM_MAX, pending);
	assert_int_equal((s->word & STATE_ARM_SKIPPED) / STATE_SKIPPED, skipped);
	assert_int_equal(state_running(s->word), running);
}

static void arm_fires(void **state)
{
	struct iocpi_state s = fresh_arm();

	(void)state;
	assert_int_equal(iocpi_state_arm(&s, GEN, 70), STEP_OK);
	expect_arm(&s, true, 0, 0, 0);
	assert_int_equal(iocpi_state_arm(&s, GEN, 71), 0);		/* one at a time */
	iocpi_state_wait(&s, GEN);			/* not for what is armed */
	/* Of another operation, or of the same bits but not the last: nobody's. */
	assert_int_equal(iocpi_state_fired(&s, GEN, 69, false), STEP_STRAY);
	assert_int_equal(iocpi_state_fired(&s, GEN, 6, false), STEP_STRAY);
	assert_int_equal(iocpi_state_fired(&s, GEN + 1, 70, true), STEP_STRAY);
	assert_int_equal(iocpi_state_fired(&s, GEN, 70, true), STEP_OK | STEP_RUN);
	expect_arm(&s, false, 0, 0, 1);
	assert_int_equal(iocpi_state_done(&s), STEP_OK);
	expect_arm(&s, false, 0, 0, 0);
}

/* It had fired when it was replaced: its packet still runs, and the next is no concern of it. */
static void arm_replaced_late(void **state)
{
	struct iocpi_state s = fresh_arm();

	(void)state;
	iocpi_state_arm(&s, GEN, 1);
	assert_int_equal(iocpi_state_disarm(&s, GEN, false), STEP_OK);
	assert_int_equal(iocpi_state_disarm(&s, GEN, false), 0);
	expect_arm(&s, false, 1, 0, 0);
	iocpi_state_arm(&s, GEN, 2);
	expect_arm(&s, true, 1, 0, 0);
	assert_int_equal(iocpi_state_fired(&s, GEN, 1, false), STEP_OK | STEP_RUN);
	expect_arm(&s, true, 0, 0, 1);
	assert_int_equal(iocpi_state_fired(&s, GEN, 2, true), STEP_OK | STEP_RUN);
	expect_arm(&s, false, 0, 0, 2);
}

static void arm_cancelled(void **state)
{
	struct iocpi_state s = fresh_arm();

	(void)state;
	iocpi_state_arm(&s, GEN, 1);
	assert_int_equal(iocpi_state_disarm(&s, GEN, true), STEP_OK);
	expect_arm(&s, false, 0, 1, 0);
	iocpi_state_arm(&s, GEN, 2);
	assert_int_equal(iocpi_state_ended(&s, GEN, 1, false), STEP_OK);
	expect_arm(&s, true, 0, 0, 0);
	/* The kernel's own doing. */
	assert_int_equal(iocpi_state_ended(&s, GEN, 2, true), STEP_OK);
	expect_arm(&s, false, 0, 0, 0);
	/* Taken for fired, and it was not. */
	iocpi_state_arm(&s, GEN, 3);
	iocpi_state_disarm(&s, GEN, false);
	assert_int_equal(iocpi_state_ended(&s, GEN, 3, true), STEP_OK);
	expect_arm(&s, false, 0, 0, 0);
	assert_int_equal(iocpi_state_ended(&s, GEN, 3, true), STEP_STRAY);
}

/* What was dropped must not pass for what is armed. */
static void arm_dropped(void **state)
{
	struct iocpi_state s = fresh_arm();

	(void)state;
	iocpi_state_arm(&s, GEN, 1);
	iocpi_state_disarm(&s, GEN, false);
	assert_int_equal(iocpi_state_forget(&s, GEN), STEP_OK | STEP_DROP);
	assert_int_equal(iocpi_state_forget(&s, GEN), STEP_OK);
	expect_arm(&s, false, 0, 1, 0);
	iocpi_state_arm(&s, GEN, 2);
	assert_int_equal(iocpi_state_fired(&s, GEN, 1, false), STEP_OK);
	expect_arm(&s, true, 0, 0, 0);
	assert_int_equal(iocpi_state_forget(&s, GEN), STEP_OK);
	expect_arm(&s, true, 0, 0, 0);
}

/* Dead with the last packet that calls back; the others keep nothing. */
static void arm_closed(void **state)
{
	struct iocpi_state s = fresh_arm();

	(void)state;
	iocpi_state_arm(&s, GEN, 1);
	iocpi_state_disarm(&s, GEN, true);
	assert_int_equal(iocpi_state_close(&s, GEN), STEP_OK | STEP_DEAD);
	assert_int_equal(iocpi_state_ended(&s, GEN, 1, false), STEP_OK);
	assert_int_equal(iocpi_state_arm(&s, GEN, 2), 0);

	s = fresh_arm();
	iocpi_state_arm(&s, GEN, 1);
	iocpi_state_disarm(&s, GEN, true);
	iocpi_state_arm(&s, GEN, 2);
	iocpi_state_disarm(&s, GEN, false);
	assert_int_equal(iocpi_state_close(&s, GEN), STEP_OK);
	assert_int_equal(iocpi_state_fired(&s, GEN, 2, true), STEP_OK | STEP_RUN);
	assert_int_equal(iocpi_state_done(&s), STEP_OK | STEP_DEAD);
	assert_int_equal(iocpi_state_ended(&s, GEN, 1, false), STEP_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(start_packet_done),
		cmocka_unit_test(strays),
		cmocka_unit_test(forget),
		cmocka_unit_test(close_idle),
		cmocka_unit_test(close_outstanding),
		cmocka_unit_test(close_forgotten),
		cmocka_unit_test(start_late),
		cmocka_unit_test(other_generation),
		cmocka_unit_test(limits),
		cmocka_unit_test(all_at_once),
		cmocka_unit_test(wait_is_not_lost),
		cmocka_unit_test(work_packet),
		cmocka_unit_test(work_dropped),
		cmocka_unit_test(work_is_wide),
		cmocka_unit_test(arm_fires),
		cmocka_unit_test(arm_replaced_late),
		cmocka_unit_test(arm_cancelled),
		cmocka_unit_test(arm_dropped),
		cmocka_unit_test(arm_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
