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
 * and for whatever: it is taken off the port's count until it runs again.
 *
 * Death: sched_out runs under the run queue's lock, so it only raises an
 * irq_work on this CPU, which runs when the switch is over and nobody walks the
 * notifier list any more; from there a work item gives the slot back and frees
 * the worker.  Each worker pins the module until that has happened.
 *
 * Locking: worker->port is changed only by the thread itself, or after its
 * death; worker->active is under port->lock.
 */
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "iocp.h"

#ifdef CONFIG_PREEMPT_NOTIFIERS

struct iocp_worker {
	struct preempt_notifier notifier;
	struct iocp_port *port;		/* NULL: detached */
	bool active;
	bool blocked;			/* and for that not in port->active; own thread only */
	struct irq_work irq_work;
	struct work_struct work;
};

static void iocp_worker_leave(struct iocp_worker *worker)
{
	struct iocp_port *port = worker->port;
	unsigned long flags;
	LIST_HEAD(done);

	if (!port)
		return;
	raw_spin_lock_irqsave(&port->lock, flags);
	if (worker->active) {
		worker->active = false;
		atomic_dec(&port->active);
		if (!port->shut)
			iocp_port_release(port, &done);
	}
	raw_spin_unlock_irqrestore(&port->lock, flags);
	iocp_port_flush_done(port, &done);
	worker->port = NULL;
	iocp_port_drop(port);
}

static void iocp_worker_dead_work(struct work_struct *work)
{
	struct iocp_worker *worker = container_of(work, struct iocp_worker, work);

	/* irq_work touches its node after the function returned. */
	irq_work_sync(&worker->irq_work);
	iocp_worker_leave(worker);
	kfree(worker);
	atomic_dec(&iocp_objects.workers);
	module_put(THIS_MODULE);
}

static void iocp_worker_dead_irq(struct irq_work *irq_work)
{
	struct iocp_worker *worker = container_of(irq_work, struct iocp_worker, irq_work);

	queue_work(iocp_end_wq, &worker->work);
}

/* Preemption is off, the run queue's lock is not held. */
static void iocp_sched_in(struct preempt_notifier *notifier, int cpu)
{
	struct iocp_worker *worker = container_of(notifier, struct iocp_worker, notifier);

	if (worker->blocked) {
		worker->blocked = false;
		iocp_port_unblocked(worker->port);
	}
}

static void iocp_sched_out(struct preempt_notifier *notifier, struct task_struct *next)
{
	struct iocp_worker *worker = container_of(notifier, struct iocp_worker, notifier);

	if (unlikely(READ_ONCE(current->__state) == TASK_DEAD)) {
		irq_work_queue(&worker->irq_work);
		return;
	}
	/* Inside the wait it is not active; preempted it is (CP-31). */
	if (worker->active && worker->port->detect && iocp_current_blocks()) {
		worker->blocked = true;
		iocp_port_blocked(worker->port);
	}
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
		worker->irq_work = IRQ_WORK_INIT_HARD(iocp_worker_dead_irq);
		INIT_WORK(&worker->work, iocp_worker_dead_work);
		preempt_notifier_init(&worker->notifier, &iocp_preempt_ops);
		preempt_disable();
		preempt_notifier_register(&worker->notifier);
		preempt_enable();
	}
	if (worker->port != port) {
		iocp_worker_leave(worker);
		iocp_port_hold(port);
		worker->port = port;
	}
	*out = worker;
	return 0;
}

/* Under port->lock: the worker waits (CP-32a).  true if it was active. */
bool iocp_worker_stop(struct iocp_worker *worker)
{
	if (!worker->active)
		return false;
	worker->active = false;
	atomic_dec(&worker->port->active);
	return true;
}

/* Under port->lock: it runs on; port->active was counted by who let it. */
void iocp_worker_start(struct iocp_worker *worker)
{
	worker->active = true;
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

bool iocp_worker_stop(struct iocp_worker *worker)
{
	return false;
}

void iocp_worker_start(struct iocp_worker *worker)
{
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
