// SPDX-License-Identifier: GPL-2.0-only
/*
 * worker.c - threads that are associated with a port (CP-30).
 *
 * A thread becomes a worker by waiting on a port and stays one until it exits,
 * waits on another port or detaches.  A worker is active from the moment it
 * leaves the wait until it waits again; port->active counts them.
 *
 * The kernel tells us of a thread's exit by a preempt notifier: its last
 * sched_out is the one with TASK_DEAD.  The notifier is found on the thread's
 * own list, which only the thread itself changes, so there is no table and no
 * lookup by name.
 * Without CONFIG_PREEMPT_NOTIFIERS nobody becomes a worker: every waiter is a
 * guest and the concurrency value binds nobody; QUERY says so.
 *
 * A worker that is switched away from and is not runnable has blocked, wherever
 * and for whatever: it is taken off the port's count until it runs again.  With a
 * block_delay it stays counted until a timer finds it still blocked; sched_out may
 * not touch timers, so an irq_work starts it.
 *
 * Death: sched_out runs under the run queue's lock, so it only raises an
 * irq_work on this CPU, which runs when the switch is over and nobody walks the
 * notifier list any more; from there a work item gives the slot back and frees
 * the worker.  Each worker pins the module until that has happened.
 *
 * Locking: worker->port is changed only by the thread itself, or after its
 * death, and never while its timer may run.  worker->active, watched and owes are
 * under port->lock; sleep is the thread's own, and with a delay under the lock but
 * for the step from IOCP_RUNS to IOCP_SLEEPS_COUNTED.
 */
#include <linux/hrtimer.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "iocp.h"
#include "trace.h"

#ifdef CONFIG_PREEMPT_NOTIFIERS

/* Of a block that was over so soon, the release was not worth it. */
#define IOCP_SHORT_BLOCK_NS	(50 * NSEC_PER_USEC)

static void iocp_worker_leave(struct iocp_worker *worker)
{
	struct iocp_port *port = worker->port;
	unsigned long flags;
	LIST_HEAD(done);

	if (!port)
		return;
	iocp_port_lock(port, flags);
	atomic_dec(&port->nr_workers);
	if (worker->active) {
		iocp_worker_stop(worker);
		if (!port->shut)
			iocp_port_release(port, &done);
	}
	iocp_port_unlock(port, flags);
	iocp_port_flush_done(port, &done);
	if (port->block_delay_ns) {
		/* Not active: no block starts it again. */
		irq_work_sync(&worker->delay_work);
		hrtimer_cancel(&worker->timer);
	}
	worker->port = NULL;
	iocp_port_drop(port);
}

static void iocp_worker_dead_work(struct work_struct *work)
{
	struct iocp_worker *worker = container_of(work, struct iocp_worker, work);

	/* irq_work touches its node after the function returned. */
	irq_work_sync(&worker->dead_work);
	iocp_worker_leave(worker);
	kfree(worker);
	atomic_dec(&iocp_objects.workers);
	module_put(THIS_MODULE);
}

static void iocp_worker_dead_irq(struct irq_work *irq_work)
{
	struct iocp_worker *worker = container_of(irq_work, struct iocp_worker, dead_work);

	queue_work(iocp_end_wq, &worker->work);
}

/* In hard irq, on the CPU that the worker left. */
static void iocp_worker_delay_irq(struct irq_work *irq_work)
{
	struct iocp_worker *worker = container_of(irq_work, struct iocp_worker, delay_work);

	hrtimer_start(&worker->timer, ns_to_ktime(worker->port->block_delay_ns),
		      HRTIMER_MODE_REL_PINNED_HARD);
}

/* In hard irq: it has been asleep for that long, or runs again. */
static enum hrtimer_restart iocp_worker_timer(struct hrtimer *timer)
{
	struct iocp_worker *worker = container_of(timer, struct iocp_worker, timer);
	struct iocp_port *port = worker->port;
	unsigned long flags;

	iocp_port_lock(port, flags);
	if (READ_ONCE(worker->sleep) == IOCP_SLEEPS_COUNTED) {
		WRITE_ONCE(worker->sleep, IOCP_SLEEPS_LONG);
		worker->releases = port->st_block_releases;
		iocp_port_blocked_long(port);
		worker->released_at = ktime_get_mono_fast_ns();
	}
	iocp_port_unlock(port, flags);
	return HRTIMER_NORESTART;
}

/*
 * The thread runs again, and port->active was counted up to @active for it.
 * Under port->lock: what need not be done if the limit is not exceeded and nobody
 * was released meanwhile.
 */
static void iocp_worker_counted(struct iocp_worker *worker, int active)
{
	struct iocp_port *port = worker->port;

	iocp_active_rose(port, active);
	if (port->strict && !worker->owes && active > (int)port->concurrency) {
		worker->owes = true;
		port->nr_owing++;
		port->words_stale = true;
	}
	if (worker->sleep != IOCP_SLEEPS && worker->releases != port->st_block_releases &&
	    ktime_get_mono_fast_ns() - worker->released_at < IOCP_SHORT_BLOCK_NS)
		port->st_short_blocks++;
	WRITE_ONCE(worker->sleep, IOCP_RUNS);
	if (!port->shut)
		iocp_port_update_words(port);
}

/* It let another run, or its port has a delay: then the timer may be looking. */
static noinline void iocp_worker_woke_late(struct iocp_worker *worker)
{
	struct iocp_port *port = worker->port;
	unsigned long flags;

	iocp_port_lock(port, flags);
	if (worker->sleep == IOCP_SLEEPS_COUNTED)
		WRITE_ONCE(worker->sleep, IOCP_RUNS);
	else
		iocp_worker_counted(worker, atomic_inc_return(&port->active));
	trace_iocp_worker_woke(port, atomic_read(&port->active));
	iocp_port_unlock(port, flags);
}

static noinline void iocp_worker_woke(struct iocp_worker *worker, int active)
{
	struct iocp_port *port = worker->port;
	unsigned long flags;

	trace_iocp_worker_woke(port, active);
	iocp_port_lock(port, flags);
	iocp_worker_counted(worker, active);
	iocp_port_unlock(port, flags);
}

/*
 * Preemption is off, the run queue's lock is not held.
 *
 * A worker that slept runs again, whatever the limit says (CP-36).  It is counted
 * when it runs, not when it becomes runnable: see docs/deviations.md.
 */
static void iocp_sched_in(struct preempt_notifier *notifier, int cpu)
{
	struct iocp_worker *worker = container_of(notifier, struct iocp_worker, notifier);
	struct iocp_port *port;
	int active;

	if (likely(READ_ONCE(worker->sleep) == IOCP_RUNS))
		return;
	if (unlikely(worker->sleep != IOCP_SLEEPS)) {
		iocp_worker_woke_late(worker);
		return;
	}
	port = worker->port;
	active = atomic_inc_return(&port->active);
	if (unlikely(active > (int)port->concurrency ||
		     active > (int)READ_ONCE(port->st_max_active) ||
		     trace_iocp_worker_woke_enabled()))
		iocp_worker_woke(worker, active);
	else
		worker->sleep = IOCP_RUNS;
}

/*
 * The count of the worker's port went down to @active, and somebody may have to
 * know.
 */
static noinline void iocp_worker_blocked(struct iocp_worker *worker, int active)
{
	struct iocp_port *port = worker->port;

	trace_iocp_worker_blocked(port, active);
	iocp_active_fell(port, active);
	if (active >= (int)port->concurrency) {
		/* If it was over the limit, the word of the ring must tell. */
		if (active == (int)port->concurrency && port->ring)
			irq_work_queue(&port->blocked_work);
	} else if (iocp_port_maybe_queued(port) && !READ_ONCE(port->shut)) {
		if (READ_ONCE(port->nr_waiting)) {
			worker->sleep = IOCP_SLEEPS_RELEASED;
			worker->released_at = ktime_get_mono_fast_ns();
			worker->releases = READ_ONCE(port->st_block_releases);
			irq_work_queue(&port->blocked_work);
		} else {
			iocp_port_want_thread(port, active);
		}
	}
}

static noinline void iocp_worker_blocked_delayed(struct iocp_worker *worker)
{
	struct iocp_port *port = worker->port;

	WRITE_ONCE(worker->sleep, IOCP_SLEEPS_COUNTED);
	trace_iocp_worker_blocked(port, atomic_read(&port->active));
	irq_work_queue(&worker->delay_work);
}

/*
 * Under the run queue's lock, so no lock may be taken here that is ever held
 * around a wake-up.  The count is full-barrier ordered before the look at what
 * waits; see iocp_somebody_blocked().  The ring stays while interrupts are off, see
 * iocp_port_put().  One look too many does no harm.
 */
static void iocp_sched_out(struct preempt_notifier *notifier, struct task_struct *next)
{
	struct iocp_worker *worker = container_of(notifier, struct iocp_worker, notifier);
	struct iocp_port *port;
	int active;

	if (unlikely(READ_ONCE(current->__state) == TASK_DEAD)) {
		irq_work_queue(&worker->dead_work);
		return;
	}
	/* Inside the wait it is not active; preempted it is (CP-31). */
	if (!worker->watched || !iocp_current_blocks())
		return;
	port = worker->port;
	atomic64_inc(&port->st_blocks);
	if (unlikely(port->block_delay_ns)) {
		iocp_worker_blocked_delayed(worker);
		return;
	}
	worker->sleep = IOCP_SLEEPS;
	if (IOCP_CHECKS)
		atomic_inc(&port->dbg_blocking);
	active = atomic_dec_return(&port->active);
	if (unlikely(active == (int)port->concurrency || iocp_port_maybe_queued(port) ||
		     trace_iocp_worker_blocked_enabled()))
		iocp_worker_blocked(worker, active);
	if (IOCP_CHECKS)	/* after all that */
		atomic_dec_return(&port->dbg_blocking);
}

static struct preempt_ops iocp_preempt_ops = {
	.sched_in	= iocp_sched_in,
	.sched_out	= iocp_sched_out,
};

static struct iocp_worker *iocp_worker_current(void)
{
	struct preempt_notifier *notifier;

	hlist_for_each_entry(notifier, &current->preempt_notifiers, link)
		if (notifier->ops == &iocp_preempt_ops)
			return container_of(notifier, struct iocp_worker, notifier);
	return NULL;
}

bool iocp_worker_supported(void)
{
	return true;
}

/*
 * iocp_worker_join - make the calling thread a worker of @port
 * @worker: out: the thread's worker; NULL where workers are not supported
 *
 * Leaves the port that it was associated with before (CP-32b).
 */
int iocp_worker_join(struct iocp_port *port, struct iocp_worker **out)
{
	struct iocp_worker *worker = iocp_worker_current();

	if (!worker) {
		worker = kzalloc(sizeof(*worker), GFP_KERNEL_ACCOUNT);
		if (!worker)
			return -ENOMEM;
		__module_get(THIS_MODULE);
		atomic_inc(&iocp_objects.workers);
		worker->dead_work = IRQ_WORK_INIT_HARD(iocp_worker_dead_irq);
		worker->delay_work = IRQ_WORK_INIT_HARD(iocp_worker_delay_irq);
		iocp_hrtimer_setup(&worker->timer, iocp_worker_timer, CLOCK_MONOTONIC,
				   HRTIMER_MODE_REL_PINNED_HARD);
		INIT_WORK(&worker->work, iocp_worker_dead_work);
		preempt_notifier_init(&worker->notifier, &iocp_preempt_ops);
		preempt_disable();
		preempt_notifier_register(&worker->notifier);
		preempt_enable();
	}
	if (worker->port != port) {
		iocp_worker_leave(worker);
		iocp_port_hold(port);
		atomic_inc(&port->nr_workers);
		worker->port = port;
	}
	*out = worker;
	return 0;
}

int iocp_worker_detach(struct iocp_port *port)
{
	struct iocp_worker *worker = iocp_worker_current();

	if (!worker || worker->port != port)
		return -ENOENT;
	iocp_worker_leave(worker);
	return 0;
}

void iocp_worker_init(void)
{
	preempt_notifier_inc();
}

void iocp_worker_exit(void)
{
	preempt_notifier_dec();
}

#else /* !CONFIG_PREEMPT_NOTIFIERS */

bool iocp_worker_supported(void)
{
	return false;
}

int iocp_worker_join(struct iocp_port *port, struct iocp_worker **out)
{
	*out = NULL;
	return 0;
}

int iocp_worker_detach(struct iocp_port *port)
{
	return -ENOENT;
}

void iocp_worker_init(void)
{
}

void iocp_worker_exit(void)
{
}

#endif
