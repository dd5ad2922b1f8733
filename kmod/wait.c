// SPDX-License-Identifier: GPL-2.0-only
/*
 * wait.c - ENTER: submit, then wait for packets.
 *
 * Waiters stand on their own stack, in lists of the port, newest first.  A
 * packet is written into the newest eligible one by whoever completes it, so
 * it never enters the queue and a thread that calls later cannot steal it
 * (CP-22, CP-23).
 *
 * Locking: the waiter's place in the list and the active count are under
 * port->lock.  Its state is written under the lock and read without it: once it
 * is no longer IOCP_WAITING the waiter belongs to its thread alone.
 */
#include <linux/blkdev.h>
#include <linux/hrtimer.h>
#include <linux/sched/signal.h>

#include "iocp.h"
#include "user.h"

/* Notes what the caller may want to know; hints, except for the last waiter. */
static u32 iocp_enter_state(struct iocp_port *port, bool last)
{
	bool more = iocp_port_maybe_queued(port);
	int active = atomic_read(&port->active);
	u32 state = 0;

	if (last)
		state |= IOCP_ENTER_LAST_WAITER;
	if (active > (int)port->concurrency)
		state |= IOCP_ENTER_OVER_LIMIT;
	if (more) {
		state |= IOCP_ENTER_MORE;
		if (!READ_ONCE(port->nr_waiting) && active < (int)port->concurrency)
			state |= IOCP_ENTER_WANT_THREAD;
	}
	return state;
}

/* Under port->lock: the thread leaves the wait and counts as running (CP-38). */
static void iocp_wait_leave(struct iocp_port *port, struct iocp_worker *worker)
{
	if (worker) {
		iocp_active_inc(port);
		iocp_worker_start(worker);
	}
	iocp_port_update_words(port);
}

static void iocp_park(struct iocp_port *port, struct iocp_waiter *w)
{
	w->state = IOCP_WAITING;
	w->seq = ++port->waiter_seq;
	hlist_add_head(&w->node, w->guest ? &port->guests : &port->waiters);
	WRITE_ONCE(port->nr_waiting, port->nr_waiting + 1);
}

/* Sleeps until the waiter's state changed, the deadline or a signal. */
static int iocp_sleep(struct iocp_waiter *w, u64 deadline)
{
	ktime_t expires = ns_to_ktime(min_t(u64, deadline, KTIME_MAX));
	bool expired = false;
	int ret = 0;

	/* both loads pair with the release in iocp_wake_waiter() */
	while (smp_load_acquire(&w->state) == IOCP_WAITING) {
		set_current_state(TASK_INTERRUPTIBLE | TASK_FREEZABLE);
		if (smp_load_acquire(&w->state) != IOCP_WAITING)	/* as above */
			break;
		if (expired) {
			ret = -ETIME;
			break;
		}
		if (signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		if (deadline == U64_MAX)
			schedule();
		else
			expired = !schedule_hrtimeout_range(&expires, current->timer_slack_ns,
							    HRTIMER_MODE_ABS);
	}
	__set_current_state(TASK_RUNNING);
	return ret;
}

/*
 * The first packet: from the queue if the limit allows it (CP-35), else by
 * hand-over.  0 or why there is none.
 */
static int iocp_wait_first(struct iocp_port *port, struct iocp_worker *worker, u64 deadline,
			   struct iocp_packet *p, bool *last)
{
	struct iocp_waiter w __uninitialized;
	LIST_HEAD(done);
	int ret = 0;

	w.task = current;
	w.p = p;
	w.guest = !worker;
	iocp_port_lock_irq(port);
	/* STRICT: it owes a turn to those that wait (TR-11) */
	if (worker && iocp_worker_stop(worker) && port->nr_waiting && !port->shut)
		iocp_port_release(port, &done);
again:
	if (port->shut) {
		ret = -ESHUTDOWN;
		goto leave;
	}
	if (iocp_port_maybe_queued(port) && (w.guest || iocp_port_has_slot(port)) &&
	    iocp_port_take(port, p, &done)) {
		*last = !port->nr_waiting;
		goto leave;
	}
	if (!deadline) {
		ret = -ETIME;
		goto leave;
	}
	iocp_park(port, &w);
	/* Our slot may be what another waiter needs; and see iocp_port_take(). */
	if (iocp_port_maybe_queued(port))
		iocp_port_release(port, &done);
	else
		iocp_port_update_words(port);
	iocp_port_unlock_irq(port);
	if (!list_empty(&done)) {
		iocp_port_free_done(port, &done);
		INIT_LIST_HEAD(&done);
	}

	ret = iocp_sleep(&w, deadline);
	if (unlikely(ret)) {
		iocp_port_lock_irq(port);
		if (w.state == IOCP_WAITING) {
			hlist_del(&w.node);
			WRITE_ONCE(port->nr_waiting, port->nr_waiting - 1);
			goto leave;
		}
		/* What came in the meantime wins over the signal or the deadline. */
		iocp_port_unlock_irq(port);
		ret = 0;
	}
	if (likely(w.state == IOCP_HANDED)) {
		if (worker)	/* port->active was counted when it was handed */
			iocp_worker_start(worker);
		*last = w.last;
		iocp_port_flush_done(port, &done);
		return 0;
	}
	/* IOCP_SHUT, IOCP_RETRY */
	iocp_port_lock_irq(port);
	if (IOCP_CHECKS)
		port->dbg_retrying -= w.state == IOCP_RETRY;
	goto again;

leave:
	iocp_wait_leave(port, worker);
	iocp_port_unlock_irq(port);
	iocp_port_flush_done(port, &done);
	return ret;
}

/* What else is queued, at most @max: a batch is one active thread (CP-57). */
static unsigned int iocp_take_more(struct iocp_port *port, struct iocp_packet *p, unsigned int max)
{
	unsigned int nr = 0;
	LIST_HEAD(done);

	if (!max || !iocp_port_maybe_queued(port))
		return 0;
	iocp_port_lock_irq(port);
	if (!port->shut)
		while (nr < max && iocp_port_take(port, &p[nr], &done))
			nr++;
	iocp_port_update_words(port);
	iocp_port_unlock_irq(port);
	iocp_port_flush_done(port, &done);
	return nr;
}

static int iocp_wait(struct iocp_port *port, struct iocp_enter *e)
{
	struct iocp_packet __user *up = u64_to_user_ptr(e->packets);
	struct iocp_packet batch[IOCP_COPY_BATCH] __uninitialized;
	struct iocp_worker *worker = NULL;
	unsigned int nr, copied;
	bool last = false;
	int ret;

	if (!(e->flags & IOCP_ENTER_NO_ASSOC)) {
		ret = iocp_worker_join(port, &worker);
		if (ret)
			return ret;
	}
	ret = iocp_wait_first(port, worker, e->deadline, batch, &last);
	if (ret)
		goto out;
	nr = 1;
	if (unlikely(fatal_signal_pending(current))) {
		/* Nobody will look at what we copy out: let another thread have it. */
		iocp_port_give_back(port, batch, nr);
		return -EINTR;
	}
	for (;;) {
		nr += iocp_take_more(port, batch + nr,
				     min_t(unsigned int, IOCP_COPY_BATCH,
					   e->nr_packets - e->nr_taken) - nr);
		if (!nr)
			break;
		for (copied = 0; copied < nr; copied++)
			if (iocp_put_words(up + e->nr_taken + copied, batch + copied,
					   sizeof(*batch)))
				break;
		e->nr_taken += copied;
		if (copied < nr) {
			iocp_port_give_back(port, batch + copied, nr - copied);
			ret = -EFAULT;
			break;
		}
		if (e->nr_taken == e->nr_packets)
			break;
		nr = 0;
		cond_resched();
	}
out:
	e->state = iocp_enter_state(port, last);
	return e->nr_taken ? 0 : ret;
}

/* Returns the error that stopped it, if any; e->nr_consumed tells where. */
static int iocp_enter_submit(struct iocp_port *port, struct iocp_enter *e, bool *refused)
{
	struct iocp_result __user *ures = u64_to_user_ptr(e->results);
	void __user *uop = u64_to_user_ptr(e->ops);
	struct iocp_submit sub __uninitialized;
	struct blk_plug plug __uninitialized;
	struct iocp_result r __uninitialized;
	struct iocp_op op __uninitialized;
	int ret = 0;

	sub.port = port;
	sub.assoc = NULL;
	sub.may_answer = e->results;
	e->first_id = atomic64_fetch_add(e->nr_ops, &port->next_id);
	/* Without it a device that completes by softirq costs 2.5 times as much. */
	if (e->nr_ops > 2)
		blk_start_plug(&plug);
	while (e->nr_consumed < e->nr_ops) {
		u32 i = e->nr_consumed;

		ret = likely(e->op_size == sizeof(op)) ?
		      iocp_get_words(&op, uop, sizeof(op)) :
		      copy_struct_from_user(&op, sizeof(op), uop, e->op_size);
		if (ret)
			break;
		iocp_submit_one(&sub, &op, e->first_id + i, &r);
		if (r.state == IOCP_RESULT_REFUSED) {
			*refused = true;
			ret = r.res;
			if (!ures)
				break;
		}
		if (r.state != IOCP_RESULT_QUEUED && copy_to_user(ures + i, &r, sizeof(r))) {
			ret = -EFAULT;
			if (r.state == IOCP_RESULT_REFUSED)
				break;
			/* It was done and must be told somehow: by a packet then. */
			iocp_port_give_back(port, &sub.done, 1);
			e->nr_consumed++;
			break;
		}
		ret = 0;
		e->nr_consumed++;
		uop += e->op_size;
		/* not a place to be preempted: who we woke would find us not waiting */
		if (e->nr_consumed == e->nr_ops || fatal_signal_pending(current))
			break;
		if (need_resched()) {
			if (e->nr_ops > 2)
				blk_finish_plug(&plug);
			cond_resched();
			if (e->nr_ops > 2)
				blk_start_plug(&plug);
		}
	}
	if (e->nr_ops > 2)
		blk_finish_plug(&plug);
	iocp_submit_end(&sub);
	return ret;
}

/*
 * iocp_enter - IOCP_IOC_ENTER
 */
long iocp_enter(struct iocp_port *port, void __user *uarg)
{
	struct iocp_enter e __uninitialized;
	bool refused = false;
	int ret;

	/* Programs that know the same size as we come without detours. */
	if (iocp_get_words(&e, uarg, sizeof(e)) || e.size != sizeof(e)) {
		ret = iocp_copy_args(&e, sizeof(e), uarg);
		if (ret)
			return ret;
	}
	if (e.flags & ~(IOCP_ENTER_NO_ASSOC | IOCP_ENTER_NO_WAIT_IF_FAILED))
		return -EINVAL;
	if (e.sigmask || e.sigmask_size || e.resv0 || e.resv1 || e.resv2)
		return -EINVAL;
	if (e.nr_ops > IOCP_MAX_BATCH || e.nr_packets > IOCP_MAX_BATCH)
		return -EINVAL;
	if (e.nr_ops && (e.op_size < sizeof(struct iocp_op) || e.op_size > PAGE_SIZE ||
			 !IS_ALIGNED(e.op_size, 8)))
		return -EINVAL;
	if (e.nr_packets && e.packet_size != sizeof(struct iocp_packet))
		return -EINVAL;
	e.first_id = 0;
	e.nr_consumed = 0;
	e.nr_taken = 0;
	e.wait_error = 0;
	e.state = 0;

	if (e.nr_ops) {
		ret = iocp_enter_submit(port, &e, &refused);
		if (ret && !e.nr_consumed)
			return ret;
		if (e.nr_consumed < e.nr_ops)
			refused = true;
	}
	ret = 0;
	if (e.nr_packets && !(refused && e.flags & IOCP_ENTER_NO_WAIT_IF_FAILED))
		ret = iocp_wait(port, &e);
	e.wait_error = ret;

	/*
	 * Packets are out already.  If the program cannot read the rest it still
	 * has the return value, so a fault is an error only where nothing was done.
	 */
	if (iocp_put_words(uarg + offsetof(struct iocp_enter, first_id), &e.first_id,
			   sizeof(e) - offsetof(struct iocp_enter, first_id)) &&
	    !e.nr_taken && !e.nr_consumed)
		return -EFAULT;
	if (e.nr_taken || e.nr_consumed)
		return e.nr_taken;
	/* Nothing was done, and the deadline is absolute: it can just be restarted. */
	return ret == -EINTR ? -ERESTARTSYS : ret;
}
