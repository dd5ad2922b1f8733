// SPDX-License-Identifier: GPL-2.0-only
/*
 * op_wait.c - WAIT: one packet when a file is ready.
 *
 * The submitter enters the file's wait queues and looks once; from then on a
 * wake-up has the work queue look.  Nothing is done in the wake-up itself: it
 * comes with the queue's lock held, which reading an eventfd takes, too, and a
 * port's own queue may be woken by it.  Its word that the file is ready is not
 * taken, for somebody else may have been faster.
 *
 * A wait is in one of three states, and belongs to
 *
 *   BUSY   whoever looks at the file, or ends the wait
 *   WOKEN  the same, who has to look once more: the file woke us meanwhile
 *   ARMED  whoever takes it out of this state: the next wake-up, the deadline, or
 *	    CANCEL
 *
 * CANCEL and the deadline mark a wait that is not theirs to take; arming looks for
 * the marks.  Who ends a wait takes it out of the wait queues and stops the timer
 * first (iocp_wait_cleanup()), so nobody comes any more.
 *
 * Locking: assoc->lock for arming, the marks and the start of the timer.  The
 * wake-up takes none.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "iocp.h"

enum iocp_wait_state { IOCP_WAIT_BUSY, IOCP_WAIT_WOKEN, IOCP_WAIT_ARMED };

static __poll_t iocp_wait_wanted(struct iocp_req *req)
{
	return (__force __poll_t)(req->op_flags & IOCP_WAIT_EVENTS);
}

static bool iocp_wait_seize(struct iocp_req *req)
{
	return atomic_cmpxchg(&req->armed, IOCP_WAIT_ARMED, IOCP_WAIT_BUSY) == IOCP_WAIT_ARMED;
}

static int iocp_wait_wake(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct iocp_req *req = wait->private;
	__poll_t events = key_to_poll(key);

	if (events && !(events & (iocp_wait_wanted(req) | POLLFREE)))
		return 0;
	if (events & POLLFREE)
		WRITE_ONCE(req->dead, true);
	/* A full barrier, whatever the state was: iocp_wait_look() has one, too. */
	if (atomic_xchg(&req->armed, IOCP_WAIT_WOKEN) == IOCP_WAIT_ARMED)
		queue_work(iocp_wq_of(req->file), &req->work);
	if (events & POLLFREE)
		iocp_pwq_gone(container_of(wait, struct iocp_pwq, wait));
	return 1;
}

static enum hrtimer_restart iocp_wait_expired(struct hrtimer *timer)
{
	struct iocp_req *req = container_of(timer, struct iocp_req, timer);
	struct iocp_assoc *assoc = req->assoc;
	unsigned long flags;
	bool mine;

	spin_lock_irqsave(&assoc->lock, flags);
	mine = iocp_wait_seize(req);
	if (mine) {
		req->timed = false;
		list_del(&req->pkt.node);
	} else {
		req->timed_out = true;
	}
	spin_unlock_irqrestore(&assoc->lock, flags);
	if (mine)
		iocp_req_end_unlinked(req, -ETIME);
	return HRTIMER_NORESTART;
}

/* The file is ready: 0 with what the packet shall tell in req->done, or -EAGAIN. */
static int iocp_wait_take(struct iocp_req *req, __poll_t events)
{
	struct kiocb kiocb;
	struct iov_iter iter;
	struct kvec kvec;
	u64 value;
	ssize_t ret;

	if (!(req->op_flags & IOCP_WAIT_CONSUME)) {
		req->done = (__force u32)events;
		return 0;
	}
	kvec.iov_base = &value;
	kvec.iov_len = sizeof(value);
	iov_iter_kvec(&iter, ITER_DEST, &kvec, 1, sizeof(value));
	init_sync_kiocb(&kiocb, req->file);
	kiocb.ki_flags |= IOCB_NOWAIT;
	ret = req->file->f_op->read_iter(&kiocb, &iter);
	if (ret < 0)
		return ret;
	req->done = value;
	return 0;
}

/*
 * Arms a wait that we own.  -EIOCBQUEUED: somebody else owns it now; -EAGAIN: still
 * ours, look again; or why it ends.
 */
static int iocp_wait_arm(struct iocp_req *req)
{
	struct iocp_assoc *assoc = req->assoc;
	int ret = -EIOCBQUEUED;

	spin_lock_irq(&assoc->lock);
	if (req->cancel || READ_ONCE(req->dead)) {
		ret = -ECANCELED;
	} else if (req->timed_out) {
		ret = -ETIME;
	} else {
		if (!req->timed && hrtimer_get_softexpires(&req->timer) != KTIME_MAX) {
			req->timed = true;
			hrtimer_start_expires(&req->timer, HRTIMER_MODE_ABS_SOFT);
		}
		if (atomic_cmpxchg(&req->armed, IOCP_WAIT_BUSY, IOCP_WAIT_ARMED) !=
		    IOCP_WAIT_BUSY)
			ret = -EAGAIN;
	}
	spin_unlock_irq(&assoc->lock);
	return ret;
}

/* One look at the file by who owns the wait; @pt the first time. */
static int iocp_wait_look(struct iocp_req *req, poll_table *pt)
{
	__poll_t events;

	/* Before the look, so what the file does after it is told; pairs with the wake-up. */
	atomic_xchg(&req->armed, IOCP_WAIT_BUSY);
	events = vfs_poll(req->file, pt) & iocp_wait_wanted(req);
	return events ? iocp_wait_take(req, events) : -EAGAIN;
}

static void iocp_wait_work(struct work_struct *work)
{
	struct iocp_req *req = container_of(work, struct iocp_req, work);
	struct iocp_assoc *assoc = req->assoc;
	int ret;

	refcount_inc(&assoc->refs);	/* for its lock, when the wait is somebody else's */
	do {
		ret = iocp_wait_look(req, NULL);
		if (ret == -EAGAIN)
			ret = iocp_wait_arm(req);
		cond_resched();
	} while (ret == -EAGAIN);
	if (ret != -EIOCBQUEUED)
		iocp_req_end(req, ret);
	iocp_assoc_put(assoc);
}

struct iocp_wait_table {
	poll_table pt;
	struct iocp_req *req;
	int error;
};

static void iocp_wait_queue_proc(struct file *file, wait_queue_head_t *whead, poll_table *pt)
{
	struct iocp_wait_table *t = container_of(pt, struct iocp_wait_table, pt);
	struct iocp_req *req = t->req;
	struct iocp_pwq *pwq = &req->pwq;

	/* A signalfd: ready for whoever asks, and we ask in the work queue. */
	if (req->nr_pwq == IOCP_MAX_PWQ ||
	    whead == &rcu_access_pointer(current->sighand)->signalfd_wqh) {
		t->error = -EOPNOTSUPP;
		return;
	}
	if (req->nr_pwq) {
		if (!req->more)
			req->more = kcalloc(IOCP_MAX_PWQ - 1, sizeof(*req->more),
					    GFP_KERNEL_ACCOUNT);
		if (!req->more) {
			t->error = -ENOMEM;
			return;
		}
		pwq = &req->more[req->nr_pwq - 1];
	}
	req->nr_pwq++;
	iocp_pwq_add(pwq, whead, iocp_wait_wake, req);
}

int iocp_wait_prep(struct iocp_req *req, const struct iocp_op *op)
{
	struct eventfd_ctx *ctx;

	req->file = NULL;
	req->more = NULL;
	req->nr_pwq = 0;
	req->timed = false;
	req->timed_out = false;
	req->dead = false;
	atomic_set(&req->armed, IOCP_WAIT_BUSY);
	INIT_WORK(&req->work, iocp_wait_work);
	iocp_hrtimer_setup(&req->timer, iocp_wait_expired, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_SOFT);
	hrtimer_set_expires_range_ns(&req->timer,
				     ns_to_ktime(min_t(u64, op->len ?: U64_MAX, KTIME_MAX)),
				     current->timer_slack_ns);

	if (op->op_flags & ~(IOCP_WAIT_EVENTS | IOCP_WAIT_CONSUME))
		return -EINVAL;
	if (!(op->op_flags & IOCP_WAIT_EVENTS))
		req->op_flags |= (__force u32)EPOLLIN;
	req->op_flags |= (__force u32)(EPOLLERR | EPOLLHUP);
	req->file = fget(op->aux);
	if (!req->file)
		return -EBADF;
	/* Its packets would wait for its packets; others' are like any file's. */
	if (req->file->f_op == &iocp_fops && req->file->private_data == req->port)
		return -ELOOP;
	if (!file_can_poll(req->file))
		return -EOPNOTSUPP;
	if (op->op_flags & IOCP_WAIT_CONSUME) {
		ctx = eventfd_ctx_fileget(req->file);
		if (IS_ERR(ctx))
			return -EOPNOTSUPP;
		eventfd_ctx_put(ctx);
	}
	return 0;
}

/*
 * iocp_wait_start - the first look, in the submitter
 *
 * Everything but the plain cases is left to the work queue.
 */
ssize_t iocp_wait_start(struct iocp_req *req)
{
	struct iocp_wait_table t = { .req = req };
	struct iocp_assoc *assoc = req->assoc;
	int ret = -EAGAIN;
	bool linked;

	req->state = IOCP_REQ_WAIT;
	spin_lock_irq(&assoc->lock);
	linked = iocp_req_link(req);
	spin_unlock_irq(&assoc->lock);
	if (!linked)
		return -ENOENT;

	init_poll_funcptr(&t.pt, iocp_wait_queue_proc);
	if (req->flags & IOCP_OP_F_FORCE_PUNT)
		vfs_poll(req->file, &t.pt);
	else
		ret = iocp_wait_look(req, &t.pt);
	if (t.error) {
		ret = t.error;
	} else if (ret == -EAGAIN) {
		if (req->flags & IOCP_OP_F_FORCE_PUNT || iocp_wait_arm(req) != -EIOCBQUEUED)
			queue_work(iocp_wq_of(req->file), &req->work);
		return -EIOCBQUEUED;
	}
	spin_lock_irq(&assoc->lock);
	list_del(&req->pkt.node);
	spin_unlock_irq(&assoc->lock);
	return ret;
}

/* Under assoc->lock.  true: it is the caller's to end. */
bool iocp_wait_cancel(struct iocp_req *req)
{
	if (iocp_wait_seize(req))
		return true;
	req->cancel = true;
	return false;
}

/* By who ends it, without locks: from here on nobody else comes. */
void iocp_wait_cleanup(struct iocp_req *req)
{
	if (req->timed)
		hrtimer_cancel(&req->timer);
	iocp_pwq_del(&req->pwq, min_t(u8, req->nr_pwq, 1));
	if (req->more) {
		iocp_pwq_del(req->more, req->nr_pwq - 1);
		kfree(req->more);
	}
	if (req->file)
		fput(req->file);
}
