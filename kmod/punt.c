// SPDX-License-Identifier: GPL-2.0-only
/*
 * punt.c - operations that would block go to the work queue.
 *
 * A port has a bounded number of them in the work queue, so that the slow
 * operations of one do not use up the workers of all; the rest wait in the port
 * in order.  What has not started can be cancelled.
 *
 * Files that neither know IOCB_NOWAIT nor can be polled may sleep for ever, and
 * nobody can interrupt a kworker.  They get a kernel thread of their own, which
 * listens to SIGKILL.
 *
 * Writes at the end of a regular file are done one after the other, in the order
 * of their submission.  Several in flight would be given the same end: a file
 * system may move it only when a direct write has completed.
 *
 * A worker acts with the submitter's credentials, and without starting I/O for
 * memory if the submitter may not.
 *
 * Locking: port->punt_lock for the pending list and the counts, inside
 * assoc->lock, which covers the request's state.
 */
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "iocp.h"

#define IOCP_MAX_RUNNING	64	/* per port */
#define IOCP_MAX_PINNED		4096	/* pages pinned in advance, per port */

/* Under punt_lock: starts what may start. */
static void iocp_punt_kick(struct iocp_port *port)
{
	while (port->punt_running < IOCP_MAX_RUNNING && !list_empty(&port->punt_pending)) {
		struct iocp_req *req = list_first_entry(&port->punt_pending, struct iocp_req,
							queue);

		list_del_init(&req->queue);
		port->punt_running++;
		queue_work(iocp_io_wq, &req->work);
	}
}

static void iocp_punt_unpin_account(struct iocp_req *req)
{
	req->port->pinned_pages -= req->chunk_pages;
	req->chunk_pages = 0;
}

unsigned int iocp_work_begin(struct iocp_req *req, const struct cred **old_cred)
{
	*old_cred = override_creds(req->cred);
	return req->noio ? memalloc_noio_save() : 0;
}

void iocp_work_end(unsigned int noio, const struct cred *old_cred)
{
	memalloc_noio_restore(noio);
	revert_creds(old_cred);
}

static void iocp_punt_run(struct iocp_req *req)
{
	struct iocp_port *port = req->port;
	const struct cred *old_cred;
	unsigned int noio;
	int res;

	noio = iocp_work_begin(req, &old_cred);
	res = req->def->work(req);
	iocp_work_end(noio, old_cred);

	/* First, because the port may go with the operation. */
	spin_lock_irq(&port->punt_lock);
	port->punt_running--;
	iocp_punt_kick(port);
	spin_unlock_irq(&port->punt_lock);
	spin_lock_irq(&req->assoc->lock);
	req->thread = NULL;	/* no more signals */
	spin_unlock_irq(&req->assoc->lock);
	iocp_req_end(req, res);
}

static int iocp_punt_thread(void *arg)
{
	allow_signal(SIGKILL);
	iocp_punt_run(arg);
	module_put_and_kthread_exit(0);
	return 0;
}

static void iocp_punt_work(struct work_struct *work)
{
	struct iocp_req *req = container_of(work, struct iocp_req, work);
	struct iocp_assoc *assoc = req->assoc;
	struct task_struct *thread = NULL;

	if (assoc->caps & IOCP_CAP_THREAD && req->def->rw) {
		thread = kthread_create(iocp_punt_thread, req, "iocp/%u", assoc->index);
		/* Without one it runs here: not to be cancelled, but not lost. */
		if (IS_ERR(thread))
			thread = NULL;
	}
	spin_lock_irq(&assoc->lock);
	req->state = IOCP_REQ_RUNNING;
	req->thread = thread;
	spin_unlock_irq(&assoc->lock);
	spin_lock_irq(&req->port->punt_lock);
	iocp_punt_unpin_account(req);
	spin_unlock_irq(&req->port->punt_lock);

	if (thread) {
		__module_get(THIS_MODULE);
		wake_up_process(thread);
	} else {
		iocp_punt_run(req);
	}
}

/* Under assoc->lock: is it, or can it be, this append's turn? */
static bool iocp_append_turn(struct iocp_req *req)
{
	if (!req->append_turn && !req->assoc->append_busy) {
		req->assoc->append_busy = true;
		req->append_turn = true;
	}
	return req->append_turn;
}

/*
 * iocp_append_begin - may the submitter try an append?  Not while others wait.
 */
bool iocp_append_begin(struct iocp_req *req)
{
	bool turn;

	spin_lock_irq(&req->assoc->lock);
	turn = iocp_append_turn(req);
	spin_unlock_irq(&req->assoc->lock);
	return turn;
}

/*
 * iocp_append_end - an append ended, in any context: the next one may start
 */
void iocp_append_end(struct iocp_req *req)
{
	struct iocp_assoc *assoc = req->assoc;
	struct iocp_port *port = req->port;
	struct iocp_req *next;
	unsigned long flags;

	spin_lock_irqsave(&assoc->lock, flags);
	if (req->append_turn) {
		req->append_turn = false;
		next = list_first_entry_or_null(&assoc->appends, struct iocp_req, queue);
		assoc->append_busy = next;
		if (next) {
			next->append_turn = true;
			spin_lock(&port->punt_lock);
			list_move_tail(&next->queue, &port->punt_pending);
			iocp_punt_kick(port);
			spin_unlock(&port->punt_lock);
		}
	}
	spin_unlock_irqrestore(&assoc->lock, flags);
}

/*
 * iocp_punt - leave an operation to the work queue, from any context
 */
void iocp_punt(struct iocp_req *req)
{
	struct iocp_assoc *assoc = req->assoc;
	struct iocp_port *port = req->port;
	unsigned long flags;

	INIT_WORK(&req->work, iocp_punt_work);
	spin_lock_irqsave(&assoc->lock, flags);
	req->state = IOCP_REQ_PUNTED;
	spin_lock(&port->punt_lock);
	port->st_punted++;
	port->pinned_pages += req->chunk_pages;
	if (req->append && !iocp_append_turn(req)) {
		list_add_tail(&req->queue, &assoc->appends);
	} else {
		list_add_tail(&req->queue, &port->punt_pending);
		iocp_punt_kick(port);
	}
	spin_unlock(&port->punt_lock);
	spin_unlock_irqrestore(&assoc->lock, flags);
}

/*
 * iocp_punt_submitted - the same in the submitting thread
 *
 * Pins the first chunk here, where the program's own page faults can be killed
 * and where a bad buffer is still a refusal: then -errno, and nothing was done.
 */
int iocp_punt_submitted(struct iocp_req *req)
{
	struct iocp_chunk *chunk;

	if (req->def->rw && req->total > req->done &&
	    READ_ONCE(req->port->pinned_pages) < IOCP_MAX_PINNED) {
		chunk = iocp_rw_pin(req, NULL);
		if (!IS_ERR(chunk)) {
			req->chunk = chunk;
			req->chunk_pages = chunk->nr;
		} else if (!req->done) {
			return PTR_ERR(chunk);
		}
	}
	iocp_punt(req);
	return 0;
}

/* Under assoc->lock, interrupts off.  true: it will not start and is ours. */
bool iocp_punt_cancel(struct iocp_req *req)
{
	struct iocp_port *port = req->port;
	bool ours = true;

	spin_lock(&port->punt_lock);
	if (!list_empty(&req->queue)) {
		list_del_init(&req->queue);
	} else if (cancel_work(&req->work)) {
		port->punt_running--;
		iocp_punt_kick(port);
	} else {
		ours = false;
	}
	if (ours)
		iocp_punt_unpin_account(req);
	spin_unlock(&port->punt_lock);
	return ours;
}
