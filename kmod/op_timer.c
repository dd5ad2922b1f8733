// SPDX-License-Identifier: GPL-2.0-only
/*
 * op_timer.c - TIMER.
 *
 * A timer belongs to whoever takes it off its clock: the expiry, or CANCEL.  It
 * expires in softirq context, also on PREEMPT_RT, where assoc->lock may be taken.
 *
 * Locking: assoc->lock, so that CANCEL finds none that has not been started.
 */
#include "iocp.h"

static enum hrtimer_restart iocp_timer_expired(struct hrtimer *timer)
{
	iocp_req_end(container_of(timer, struct iocp_req, timer), 0);
	return HRTIMER_NORESTART;
}

int iocp_timer_prep(struct iocp_req *req, const struct iocp_op *op)
{
	if (op->op_flags & ~IOCP_TIMER_REALTIME)
		return -EINVAL;
	iocp_hrtimer_setup(&req->timer, iocp_timer_expired,
			   op->op_flags ? CLOCK_REALTIME : CLOCK_MONOTONIC, HRTIMER_MODE_ABS_SOFT);
	hrtimer_set_expires_range_ns(&req->timer, ns_to_ktime(min_t(u64, op->addr, KTIME_MAX)),
				     min_t(u64, op->off, KTIME_MAX));
	return 0;
}

ssize_t iocp_timer_start(struct iocp_req *req)
{
	ktime_t now = req->op_flags & IOCP_TIMER_REALTIME ? ktime_get_real() : ktime_get();
	struct iocp_assoc *assoc = req->assoc;
	bool linked;

	if (!(req->flags & IOCP_OP_F_FORCE_PUNT) && hrtimer_get_softexpires(&req->timer) <= now)
		return 0;
	req->state = IOCP_REQ_TIMER;
	spin_lock_irq(&assoc->lock);
	linked = iocp_req_link(req);
	if (linked)
		hrtimer_start_expires(&req->timer, HRTIMER_MODE_ABS_SOFT);
	spin_unlock_irq(&assoc->lock);
	return linked ? -EIOCBQUEUED : -ENOENT;
}

/* Under assoc->lock.  true: it will not expire and is the caller's to end. */
bool iocp_timer_cancel(struct iocp_req *req)
{
	return hrtimer_try_to_cancel(&req->timer) > 0;
}
