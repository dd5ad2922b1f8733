// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * iostate.c - the state machine of callbacks; see internal.h.
 *
 *	Start		pending++
 *	Cancel		pending--, or of a Start forgotten meanwhile skipped--
 *	packet		pending--, running++ and run; else skipped--; else a stray
 *	callback ends	running--
 *	forget		skipped += pending, pending = 0		(Wait TRUE, TP-6)
 *	drain		pending = skipped = 0			(nothing can come any more)
 *	close		no Start any more
 *
 * Of work, whose packet stands for all that is pending and is in the port once:
 *
 *	submit		pending++; post the packet if it is not on the way
 *	take		pending--, running++ and run; post the packet again if some is left,
 *			before the callback runs: others can run the next one meanwhile,
 *			and other objects have their turn in between (PL-18)
 *	forget		pending = 0; the packet comes and finds nothing
 *
 * Of timers and waits, whose operation number is seq:
 *
 *	arm		armed, with that number
 *	disarm		not armed: skipped++ if it was cancelled; pending++ if its packet
 *			was on the way already
 *	fired		a packet: of what is armed, or pending--, running++ and run; else
 *			skipped--
 *	ended		the packet of a cancelled one: skipped--, else pending--
 *
 * Their skipped packets keep nothing: each step looks at the generation.
 *
 * What is queued is among pending, because the port holds it until a worker
 * takes it.  Idle, which waits are for: pending and running are 0.  Dead: closed
 * and all three 0; the step that makes it so says STEP_DEAD, no other does.
 *
 * Each step is one CAS.  Lost wake-ups: a waiter reads event, sets WAITERS in the
 * word that shows it is not idle, and sleeps only while event is as it read it;
 * the step that makes it idle clears WAITERS and then changes event.
 */
#include "internal.h"

static uint64_t state_gen(uint32_t gen)
{
	return (uint64_t)(gen & STATE_GEN_MASK) << STATE_GEN_SHIFT;
}

static bool state_idle(uint64_t word)
{
	uint64_t pending = word & STATE_WORK ? STATE_WORK_MAX :
			   word & STATE_ARM ? STATE_ARM_MAX : STATE_PENDING_MAX;

	return !(word & (pending | STATE_RUNNING_MAX * STATE_RUNNING));
}

static bool state_empty(uint64_t word)
{
	return !(word & (word & STATE_ARM ? STATE_COUNTS & ~STATE_ARM_SKIPPED : STATE_COUNTS));
}

/* Tries to make @from into @to; what follows from the new state is in *step. */
static bool state_step(struct iocpi_state *s, uint64_t *from, uint64_t to, unsigned int *step)
{
	bool wake = (to & STATE_WAITERS) && state_idle(to);

	if (wake)
		to &= ~STATE_WAITERS;
	if (!state_cas(s, from, to))
		return false;
	if (wake) {
		__atomic_add_fetch(&s->event, 1, __ATOMIC_RELEASE);
		iocpi_futex_wake_all(&s->event);
	}
	if ((to & STATE_CLOSED) && state_empty(to) &&
	    (!(*from & STATE_CLOSED) || !state_empty(*from)))
		*step |= STEP_DEAD;
	return true;
}

void iocpi_state_init(struct iocpi_state *s, uint32_t gen)
{
	/* event goes on counting: somebody may still look at the predecessor's */
	store_release(&s->word, state_gen(gen));
}

void iocpi_state_init_work(struct iocpi_state *s, uint32_t gen)
{
	store_release(&s->word, state_gen(gen) | STATE_WORK);
}

/* Of what is closed but not dead: its packet will be swallowed. */
unsigned int iocpi_state_start_late(struct iocpi_state *s, uint32_t gen)
{
	uint64_t word = READ_ONCE(s->word);
	unsigned int step;

	do {
		step = STEP_OK;
		if (!state_is(word, gen) || !(word & STATE_CLOSED) || !(word & STATE_COUNTS) ||
		    state_skipped(word) == STATE_SKIPPED_MAX)
			return 0;
	} while (!state_step(s, &word, word + STATE_SKIPPED, &step));
	return step;
}

unsigned int iocpi_state_cancel(struct iocpi_state *s, uint32_t gen, uint32_t nr)
{
	uint64_t word = READ_ONCE(s->word);
	unsigned int step;
	uint32_t from_pending, from_skipped;

	do {
		step = STEP_OK;
		if (!state_is(word, gen))
			return 0;
		from_pending = nr < state_pending(word) ? nr : state_pending(word);
		from_skipped = nr - from_pending;
		if (from_skipped > state_skipped(word)) {
			from_skipped = state_skipped(word);
			step |= STEP_STRAY;
		}
	} while (!state_step(s, &word, word - from_pending * STATE_PENDING -
			     from_skipped * STATE_SKIPPED, &step));
	return step;
}

unsigned int iocpi_state_packet_any(struct iocpi_state *s)
{
	uint64_t word = READ_ONCE(s->word), to;
	unsigned int step;

	do {
		step = STEP_OK;
		if (state_pending(word)) {
			to = word - STATE_PENDING + STATE_RUNNING;
			step |= STEP_RUN;
		} else if (state_skipped(word)) {
			to = word - STATE_SKIPPED;
		} else {
			return STEP_STRAY;
		}
	} while (!state_step(s, &word, to, &step));
	return step;
}

unsigned int iocpi_state_submit(struct iocpi_state *s, uint32_t gen)
{
	uint64_t word = READ_ONCE(s->word);
	unsigned int step;

	do {
		step = word & STATE_QUEUED ? STEP_OK : STEP_OK | STEP_POST;
		if (!state_is(word, gen) || (word & STATE_CLOSED))
			return 0;
	} while (!state_cas(s, &word, (word + STATE_PENDING) | STATE_QUEUED));
	return step;
}

/*
 * For what waited in the port or the backlog, which keeps the object.  As long as there is
 * something to run, nothing else follows.
 */
unsigned int iocpi_state_take(struct iocpi_state *s)
{
	uint64_t word = READ_ONCE(s->word), to;
	unsigned int step;

	do {
		if (unlikely(!(word & STATE_WORK_MAX))) {
			step = STEP_OK;
			if (state_step(s, &word, word & ~STATE_QUEUED, &step))
				return step;
			continue;
		}
		step = STEP_OK | STEP_RUN;
		to = word + STATE_RUNNING - STATE_PENDING;
		if (to & STATE_WORK_MAX)
			step |= STEP_POST;
		else
			to &= ~STATE_QUEUED;
		if (likely(state_cas(s, &word, to)))
			return step;
	} while (true);
}

unsigned int iocpi_state_done_any(struct iocpi_state *s)
{
	uint64_t word = READ_ONCE(s->word);
	unsigned int step;

	do {
		step = STEP_OK;
	} while (!state_step(s, &word, word - STATE_RUNNING, &step));
	return step;
}

unsigned int iocpi_state_forget(struct iocpi_state *s, uint32_t gen)
{
	uint64_t word = READ_ONCE(s->word), to, skipped;
	unsigned int step;

	do {
		step = STEP_OK;
		if (!state_is(word, gen))
			return 0;
		if (word & STATE_WORK) {
			to = word & ~STATE_WORK_MAX;
			if (to != word)
				step |= STEP_DROP;
			continue;
		}
		if (word & STATE_ARM) {
			skipped = (word & STATE_ARM_SKIPPED) +
				  (word & STATE_ARM_MAX) * STATE_SKIPPED;
			if (skipped > STATE_ARM_SKIPPED)
				skipped = STATE_ARM_SKIPPED;
			if (word & STATE_ARM_MAX)
				step |= STEP_DROP;
			to = (word & ~(STATE_ARM_MAX | STATE_ARM_SKIPPED)) | skipped;
			continue;
		}
		skipped = state_skipped(word) + state_pending(word);
		if (skipped > STATE_SKIPPED_MAX)
			skipped = STATE_SKIPPED_MAX;	/* the rest come as strays */
		to = (word & ~(STATE_PENDING_MAX | STATE_SKIPPED_MAX * STATE_SKIPPED)) |
		     skipped * STATE_SKIPPED;
	} while (!state_step(s, &word, to, &step));
	return step;
}

unsigned int iocpi_state_drain(struct iocpi_state *s)
{
	uint64_t word = READ_ONCE(s->word);
	unsigned int step;

	do {
		step = STEP_OK;
	} while (!state_step(s, &word,
			     word & ~(STATE_PENDING_MAX | STATE_SKIPPED_MAX * STATE_SKIPPED),
			     &step));
	return step;
}

unsigned int iocpi_state_close(struct iocpi_state *s, uint32_t gen)
{
	uint64_t word = READ_ONCE(s->word);
	unsigned int step;

	do {
		step = STEP_OK;
		if (!state_is(word, gen) || (word & STATE_CLOSED))
			return 0;
	} while (!state_step(s, &word, word | STATE_CLOSED, &step));
	return step;
}

void iocpi_state_init_arm(struct iocpi_state *s, uint32_t gen)
{
	store_release(&s->word, state_gen(gen) | STATE_ARM);
}

static uint64_t state_armed(uint64_t seq)
{
	return STATE_ARMED | (seq << STATE_ARM_SEQ_SHIFT & STATE_ARM_SEQ);
}

static bool state_is_armed(uint64_t word, uint64_t seq, bool current)
{
	return current && (word & (STATE_ARMED | STATE_ARM_SEQ)) == state_armed(seq);
}

static bool state_is_arm(uint64_t word, uint32_t gen)
{
	return state_is(word, gen) && word & STATE_ARM;
}

unsigned int iocpi_state_arm(struct iocpi_state *s, uint32_t gen, uint64_t seq)
{
	uint64_t word = READ_ONCE(s->word);
	unsigned int step;

	do {
		step = STEP_OK;
		if (!state_is_arm(word, gen) || word & (STATE_CLOSED | STATE_ARMED) ||
		    (word & STATE_ARM_MAX) == STATE_ARM_MAX)
			return 0;
	} while (!state_step(s, &word, word | state_armed(seq), &step));
	return step;
}

unsigned int iocpi_state_disarm(struct iocpi_state *s, uint32_t gen, bool cancelled)
{
	uint64_t word = READ_ONCE(s->word), to;
	unsigned int step;

	do {
		step = STEP_OK;
		if (!state_is_arm(word, gen) || !(word & STATE_ARMED))
			return 0;
		to = word & ~(STATE_ARMED | STATE_ARM_SEQ);
		if (!cancelled)
			to += STATE_PENDING;
		else if ((word & STATE_ARM_SKIPPED) != STATE_ARM_SKIPPED)
			to += STATE_SKIPPED;
	} while (!state_step(s, &word, to, &step));
	return step;
}

/* @current: it is the last operation's, as the object says. */
unsigned int iocpi_state_fired(struct iocpi_state *s, uint32_t gen, uint64_t seq, bool current)
{
	uint64_t word = READ_ONCE(s->word), to;
	unsigned int step;

	do {
		step = STEP_OK | STEP_RUN;
		if (!state_is_arm(word, gen)) {
			return STEP_STRAY;
		} else if (state_is_armed(word, seq, current)) {
			to = (word & ~(STATE_ARMED | STATE_ARM_SEQ)) + STATE_RUNNING;
		} else if (word & STATE_ARM_MAX) {
			to = word - STATE_PENDING + STATE_RUNNING;
		} else if (word & STATE_ARM_SKIPPED) {
			to = word - STATE_SKIPPED;
			step = STEP_OK;
		} else {
			return STEP_STRAY;
		}
	} while (!state_step(s, &word, to, &step));
	return step;
}

unsigned int iocpi_state_ended(struct iocpi_state *s, uint32_t gen, uint64_t seq, bool current)
{
	uint64_t word = READ_ONCE(s->word), to;
	unsigned int step;

	do {
		step = STEP_OK;
		if (!state_is_arm(word, gen))
			return STEP_STRAY;
		else if (state_is_armed(word, seq, current))
			to = word & ~(STATE_ARMED | STATE_ARM_SEQ);
		else if (word & STATE_ARM_SKIPPED)
			to = word - STATE_SKIPPED;
		else if (word & STATE_ARM_MAX)
			to = word - STATE_PENDING;
		else
			return STEP_STRAY;
	} while (!state_step(s, &word, to, &step));
	return step;
}

/* Whether there was something to wait for. */
bool iocpi_state_wait(struct iocpi_state *s, uint32_t gen)
{
	bool waited = false;

	for (;;) {
		uint32_t event = load_acquire(&s->event);
		uint64_t word = load_acquire(&s->word);

		if (!state_is(word, gen) || state_idle(word))
			return waited;
		waited = true;
		if (!(word & STATE_WAITERS) &&
		    !__atomic_compare_exchange_n(&s->word, &word, word | STATE_WAITERS, false,
						 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			continue;
		iocpi_futex_wait(&s->event, event);
	}
}
