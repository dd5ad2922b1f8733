// SPDX-License-Identifier: GPL-2.0-only
/*
 * request.c - the life of an operation, from submit to packet.
 *
 * prep copies and checks everything that the program gave; after it nothing of
 * the program's memory is read but the data itself.  Then one of three ways:
 *
 *  direct   the file's own asynchronous path, tried without blocking in the
 *	     submitter; a device completes it from interrupt context
 *  bounded  what would block (and is not a stream) goes to the work queue, on
 *	     pinned pages (punt.c)
 *  stream   pipes, sockets, terminals: in order per direction, armed by poll
 *	     (stream.c)
 *
 * WAIT and TIMER go their own (op_wait.c, op_timer.c).
 *
 * An error that is found before a byte has moved, in the submitter, refuses the
 * operation: no packet.  Otherwise exactly one packet follows, unless the
 * program asked to be told of immediate success instead (NM-5..16).
 *
 * References: the submitter holds one until it left the file's code, because
 * file systems look at the kiocb after they queued it; the completion holds the
 * other, which goes with the packet.  The association (and with it the file) is
 * held for the submitter by struct iocp_submit, and by the operation until its
 * packet was queued.
 *
 * Locking: assoc->lock for the list of operations.  Free requests return by a
 * lock-free list from any context and are taken under port->free_lock.
 */
#include <linux/ioprio.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "iocp.h"

static struct iocp_req *iocp_req_new(struct iocp_port *port)
{
	struct iocp_req *req;

	if (!iocp_user_charge_memory(port, sizeof(*req)))
		return ERR_PTR(-EAGAIN);
	req = kmem_cache_alloc(iocp_req_cache, GFP_KERNEL);
	if (!req) {
		iocp_user_uncharge_memory(port, sizeof(*req));
		return ERR_PTR(-ENOMEM);
	}
	INIT_LIST_HEAD(&req->queue);
	atomic_inc(&iocp_objects.requests);
	return req;
}

/*
 * iocp_req_reserve - SETUP makes requests in advance
 *
 * A port in the way of writeback must be able to submit when there is no memory
 * to be had.  On failure iocp_req_free_all() takes back what was made.
 */
int iocp_req_reserve(struct iocp_port *port, u32 nr)
{
	struct iocp_req *req;

	while (nr--) {
		if (fatal_signal_pending(current))
			return -EINTR;
		req = iocp_req_new(port);
		if (IS_ERR(req))
			return PTR_ERR(req);
		llist_add(&req->free, &port->free_reqs);
		cond_resched();
	}
	return 0;
}

static struct iocp_req *iocp_req_alloc(struct iocp_port *port)
{
	struct llist_node *node;

	spin_lock(&port->free_lock);
	if (!port->free_head)
		port->free_head = llist_del_all(&port->free_reqs);
	node = port->free_head;
	if (node)
		port->free_head = node->next;
	spin_unlock(&port->free_lock);
	return node ? llist_entry(node, struct iocp_req, free) : iocp_req_new(port);
}

/* Drops one of the two references, from any context; the port is alive. */
void iocp_req_put(struct iocp_req *req)
{
	struct iocp_port *port = req->port;

	if (!atomic_dec_and_test(&req->refs))
		return;
	/* only now: the submitter's iterator pointed into it */
	if (req->def->rw && req->iov != req->inline_iov) {
		kfree(req->iov);
		iocp_user_uncharge_memory(port, req->nr_segs * sizeof(*req->iov));
	}
	llist_add(&req->free, &port->free_reqs);
}

/* At the end of the port or before its start: nobody uses requests. */
void iocp_req_free_all(struct iocp_port *port)
{
	struct llist_node *node, *next;
	int pass;

	for (pass = 0; pass < 2; pass++) {
		node = pass ? port->free_head : llist_del_all(&port->free_reqs);
		for (; node; node = next) {
			next = node->next;
			kmem_cache_free(iocp_req_cache, llist_entry(node, struct iocp_req, free));
			iocp_user_uncharge_memory(port, sizeof(struct iocp_req));
			atomic_dec(&iocp_objects.requests);
		}
	}
	port->free_head = NULL;
}

/* What prep may have taken, but for the segments. */
static void iocp_req_cleanup(struct iocp_req *req)
{
	if (req->cred)
		put_cred(req->cred);
	if (req->def->cleanup)
		req->def->cleanup(req);
	else if (req->def->rw && req->chunk)	/* cancelled before it started: may sleep */
		iocp_rw_unpin(req, req->chunk, false);
}

/* An operation that never became one: both references and all it holds but the association. */
static void iocp_req_abandon(struct iocp_req *req)
{
	if (req->append)
		iocp_append_end(req);
	iocp_req_cleanup(req);
	iocp_user_uncharge_op(req->port);
	atomic_set(&req->refs, 1);
	iocp_req_put(req);
}

/* Off the association's list, so CANCEL cannot find it any more. */
static void iocp_req_unlink(struct iocp_req *req)
{
	struct iocp_assoc *assoc = req->assoc;
	unsigned long flags;

	spin_lock_irqsave(&assoc->lock, flags);
	list_del(&req->pkt.node);
	spin_unlock_irqrestore(&assoc->lock, flags);
}

/*
 * The packet.  Takes over the completion's reference, and the operation's
 * reference to its association: after the packet, so that LAST comes last.
 */
static void iocp_req_complete(struct iocp_req *req, int res, u32 pkt_flags)
{
	struct iocp_assoc *assoc = req->assoc;
	struct iocp_packet *p = &req->pkt.p;

	if (req->append)
		iocp_append_end(req);
	iocp_req_cleanup(req);
	p->info = req->done;
	p->res = res;
	p->flags |= pkt_flags;
	iocp_port_queue(assoc->port, &req->pkt);
	iocp_assoc_put(assoc);
}

/* What a program is told of an operation that was stopped half-way (OV-20, OV-21). */
static int iocp_req_verdict(struct iocp_req *req, int res, bool closed, u32 *pkt_flags)
{
	switch (res) {
	case -ERESTARTSYS:
	case -ERESTARTNOINTR:
	case -ERESTARTNOHAND:
	case -ERESTART_RESTARTBLOCK:
		res = -EINTR;
		break;
	}
	/* Only SIGKILL, sent by CANCEL, interrupts our kernel threads. */
	if (res == -EINTR && req->cancel)
		res = -ECANCELED;
	if (res == -ECANCELED && closed)
		*pkt_flags |= IOCP_PKT_F_CLOSED;
	if (res < 0 && req->done) {
		*pkt_flags |= IOCP_PKT_F_PARTIAL;
		if (res == -ECANCELED)
			res = 0;
	}
	return res;
}

/*
 * iocp_req_end_unlinked - the end of an operation that is off every list
 * @res: 0 or -errno; the bytes are in req->done
 *
 * In any context.  Whoever took it off the association's list under its lock is
 * the one to call this, once.
 */
void iocp_req_end_unlinked(struct iocp_req *req, int res)
{
	u32 pkt_flags = 0;

	/* Once set it stays, and it was set before anything was cancelled for it. */
	res = iocp_req_verdict(req, res, READ_ONCE(req->assoc->gone), &pkt_flags);
	iocp_req_complete(req, res, pkt_flags);
}

/*
 * iocp_req_end - the end of an operation that CANCEL can still see
 */
void iocp_req_end(struct iocp_req *req, int res)
{
	iocp_req_unlink(req);
	iocp_req_end_unlinked(req, res);
}

/* Every field that an operation does not read must be 0, so it can get a meaning. */
static bool iocp_fields_valid(const struct iocp_op *op, u32 fields)
{
	return !op->buf_index && !op->ioprio &&
	       (fields & IOCP_FIELD_OP_FLAGS || !op->op_flags) &&
	       (fields & IOCP_FIELD_ADDR || !op->addr) &&
	       (fields & IOCP_FIELD_LEN || !op->len) &&
	       (fields & IOCP_FIELD_OFF || !op->off) &&
	       (fields & IOCP_FIELD_AUX || !op->aux) &&
	       (fields & IOCP_FIELD_AUX2 || !op->aux2);
}

static u32 iocp_op_prio(const struct iocp_op *op, u32 fallback)
{
	u32 prio = (op->flags & IOCP_OP_F_PRIO_MASK) >> IOCP_OP_F_PRIO_SHIFT;

	return (prio ?: fallback) << IOCP_PKT_PRIO_SHIFT;
}

/* POST, and NOP without a file: the packet is all there is to it. */
static int iocp_submit_plain(struct iocp_submit *sub, const struct iocp_op *op,
			     const struct iocp_opdef *def, struct iocp_result *result)
{
	struct iocp_packet p = { .overlapped = op->overlapped };
	int ret;

	p.flags = iocp_op_prio(op, IOCP_PRIO_NORMAL) | def->kind;
	if (def->post) {
		p.key = op->aux2;
		p.info = op->addr;
		p.res = (s32)op->op_flags;
	} else {
		if (op->flags & IOCP_OP_F_KEY_IN_AUX2)
			p.key = op->aux2;
		if (op->flags & IOCP_OP_F_INLINE_OK && sub->may_answer) {
			sub->done = p;
			result->state = IOCP_RESULT_DONE;
			return 0;
		}
	}
	ret = iocp_port_post(sub->port, &p);
	if (!ret)
		result->state = IOCP_RESULT_QUEUED;
	return ret;
}

/* The association of the operation, cached from the one before. */
static struct iocp_assoc *iocp_submit_assoc(struct iocp_submit *sub, const struct iocp_op *op)
{
	struct iocp_assoc *assoc = sub->assoc;

	if (!assoc || assoc->index != op->assoc || assoc->gen != op->assoc_gen ||
	    READ_ONCE(assoc->gone)) {
		if (op->assoc == IOCP_NO_ASSOC)
			assoc = iocp_fileless_get(sub->port);
		else
			assoc = iocp_assoc_find(sub->port, op->assoc, op->assoc_gen);
		if (IS_ERR_OR_NULL(assoc))
			return assoc ?: ERR_PTR(-ENOENT);
		iocp_submit_end(sub);
		sub->assoc = assoc;
	}
	return assoc->mm == current->mm ? assoc : ERR_PTR(-EPERM);
}

void iocp_submit_end(struct iocp_submit *sub)
{
	if (sub->assoc)
		iocp_assoc_put(sub->assoc);
	sub->assoc = NULL;
}

/* Does the program want a result in place of a packet? */
static bool iocp_may_skip(struct iocp_submit *sub, struct iocp_req *req)
{
	struct iocp_assoc *assoc = req->assoc;

	if (!sub->may_answer)
		return false;
	if (req->flags & IOCP_OP_F_INLINE_OK)
		return true;
	/*
	 * The end of a file is no success where this mode comes from (OV-15, NM-7).
	 * Of a connection it is.
	 */
	if (req->def->rw && !req->def->write && req->total && !req->done &&
	    !(assoc->caps & IOCP_CAP_SOCKET))
		return false;
	return READ_ONCE(assoc->modes) & IOCP_MODE_SKIP_ON_SUCCESS;
}

/*
 * It ended in the submitter, with success, and is off every list: tell by a
 * result if that was asked for, else by a packet.
 */
static void iocp_submit_success(struct iocp_submit *sub, struct iocp_req *req,
				struct iocp_result *result)
{
	struct iocp_assoc *assoc = req->assoc;

	if (iocp_may_skip(sub, req)) {
		result->state = IOCP_RESULT_DONE;
		result->info = req->done;
		sub->done = req->pkt.p;
		sub->done.info = req->done;
		iocp_req_abandon(req);
		iocp_assoc_put(assoc);
		return;
	}
	result->state = IOCP_RESULT_QUEUED;
	iocp_req_complete(req, 0, 0);
	iocp_req_put(req);
}

static int iocp_submit_req(struct iocp_submit *sub, const struct iocp_op *op, u64 id,
			   const struct iocp_opdef *def, struct iocp_result *result)
{
	struct iocp_assoc *assoc = iocp_submit_assoc(sub, op);
	struct iocp_req *req;
	bool linked;
	ssize_t ret;

	if (IS_ERR(assoc))
		return PTR_ERR(assoc);
	if (!(assoc->caps & BIT_ULL(op->opcode)))
		return iocp_opdef_why_not(def, assoc->file);
	if (!iocp_user_charge_op(sub->port))
		return -EAGAIN;
	req = iocp_req_alloc(sub->port);
	if (IS_ERR(req)) {
		iocp_user_uncharge_op(sub->port);
		return PTR_ERR(req);
	}
	atomic_set(&req->refs, 2);
	req->pkt.type = IOCP_PKT_REQ;
	req->pkt.p.key = op->flags & IOCP_OP_F_KEY_IN_AUX2 ? op->aux2 : assoc->key;
	req->pkt.p.overlapped = op->overlapped;
	req->pkt.p.flags = iocp_op_prio(op, assoc->prio) | def->kind;
	req->def = def;
	req->port = sub->port;
	req->assoc = assoc;
	req->flags = op->flags;
	req->op_flags = op->op_flags;
	req->state = IOCP_REQ_ISSUED;
	req->cancel = false;
	req->sb_write = false;
	req->append = false;
	req->append_turn = false;
	req->ioprio = get_current_ioprio();
	req->noio = current->flags & (PF_MEMALLOC_NOIO | PF_MEMALLOC_NOFS);
	req->id = id;
	req->submitter = current;
	req->pos = 0;
	req->total = 0;
	req->done = 0;
	req->cred = NULL;
	req->iov = req->inline_iov;
	req->nr_segs = 0;
	req->chunk = NULL;
	req->chunk_pages = 0;
	req->thread = NULL;

	ret = def->prep ? def->prep(req, op) : 0;
	if (ret)
		goto abandon;
	refcount_inc(&assoc->refs);	/* the operation's own */

	if (def->start || (def->rw && assoc->caps & IOCP_CAP_STREAM)) {
		ret = def->start ? def->start(req) : iocp_stream_submit(req);
		if (ret == -EIOCBQUEUED)
			goto queued;
		goto ended;
	}
	spin_lock_irq(&assoc->lock);
	linked = iocp_req_link(req);
	spin_unlock_irq(&assoc->lock);
	if (!linked) {
		ret = -ENOENT;
		goto put_assoc;
	}
	if (!def->work) {
		ret = 0;		/* NOP */
	} else {
		ret = -EAGAIN;
		if (def->issue)
			ret = def->issue(req);
		if (ret == -EIOCBQUEUED)
			goto queued;
		if (ret == -EAGAIN && !(def->rw && req->op_flags & (__force u32)RWF_NOWAIT)) {
			ret = iocp_punt_submitted(req);
			if (!ret)
				goto queued;
		}
	}
	iocp_req_unlink(req);
ended:
	if (ret < 0 && !req->done)
		goto put_assoc;
	if (ret < 0) {
		/* Some bytes have moved: that is a result, not a refusal. */
		result->state = IOCP_RESULT_QUEUED;
		iocp_req_end_unlinked(req, ret);
		iocp_req_put(req);
		return 0;
	}
	iocp_submit_success(sub, req, result);
	return 0;

queued:
	result->state = IOCP_RESULT_QUEUED;
	iocp_req_put(req);
	return 0;

put_assoc:
	iocp_req_abandon(req);
	iocp_assoc_put(assoc);
	return ret;

abandon:
	iocp_req_abandon(req);
	return ret;
}

/*
 * iocp_submit_one - one entry of ENTER's array
 * @op: our copy
 * @result: out, always filled in
 */
void iocp_submit_one(struct iocp_submit *sub, const struct iocp_op *op, u64 id,
		     struct iocp_result *result)
{
	const struct iocp_opdef *def = iocp_opdef(op->opcode);
	u32 fields;
	int ret;

	result->info = 0;
	result->res = 0;
	result->state = IOCP_RESULT_REFUSED;

	ret = -EOPNOTSUPP;
	if (!def)
		goto out;
	ret = -EINVAL;
	if (op->flags & ~IOCP_OP_F_KNOWN)
		goto out;
	fields = def->fields;
	if (op->flags & IOCP_OP_F_KEY_IN_AUX2) {
		if (def->post || op->assoc != IOCP_NO_ASSOC)
			goto out;
		fields |= IOCP_FIELD_AUX2;
	}
	if (!iocp_fields_valid(op, fields))
		goto out;
	if (READ_ONCE(sub->port->shut)) {
		ret = -ESHUTDOWN;
		goto out;
	}
	if (op->assoc == IOCP_NO_ASSOC) {
		if (def->file == IOCP_FILE_NEEDED || op->assoc_gen)
			goto out;
		ret = def->start ? iocp_submit_req(sub, op, id, def, result) :
		      iocp_submit_plain(sub, op, def, result);
	} else {
		if (def->file == IOCP_FILE_NONE)
			goto out;
		ret = iocp_submit_req(sub, op, id, def, result);
	}
out:
	if (ret)
		result->res = ret;
}
