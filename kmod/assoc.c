// SPDX-License-Identifier: GPL-2.0-only
/*
 * assoc.c - files in a port: ASSOCIATE, DISASSOCIATE, SET_MODES, CANCEL.
 *
 * An association is named by an index and a generation, never by an fd number,
 * so a late operation cannot meet another file.  It keeps its file open: close(2)
 * of the fd does not end it, DISASSOCIATE or the end of its process does.  A process
 * that uses operations without a file has an association without file and index.
 *
 * Locking: port->mutex for coming and going.  Lookups are under RCU and take a
 * reference.  assoc->lock (interrupts off) covers the list of operations, and
 * "gone": no operation is added once it is set.  The last reference may go in
 * interrupt context.
 */
#include <linux/file.h>
#include <linux/hashtable.h>
#include <linux/slab.h>

#include "iocp.h"

#define IOCP_FILELESS_LISTS	128	/* a power of two */

/*
 * Open files that are associated with EXCLUSIVE, over all ports (CP-7).  Taken
 * only by ASSOCIATE with that flag and at the end of such associations.
 */
static DEFINE_SPINLOCK(iocp_exclusive_lock);
static DEFINE_HASHTABLE(iocp_exclusive, 8);

static int iocp_exclusive_add(struct iocp_assoc *assoc)
{
	struct iocp_assoc *other;
	unsigned long flags;
	int ret = 0;

	spin_lock_irqsave(&iocp_exclusive_lock, flags);
	hash_for_each_possible(iocp_exclusive, other, exclusive, (unsigned long)assoc->file) {
		if (other->file == assoc->file) {
			ret = -EBUSY;
			goto out;
		}
	}
	hash_add(iocp_exclusive, &assoc->exclusive, (unsigned long)assoc->file);
out:
	spin_unlock_irqrestore(&iocp_exclusive_lock, flags);
	return ret;
}

static void iocp_exclusive_del(struct iocp_assoc *assoc)
{
	unsigned long flags;

	if (hlist_unhashed(&assoc->exclusive))
		return;
	spin_lock_irqsave(&iocp_exclusive_lock, flags);
	hash_del(&assoc->exclusive);
	spin_unlock_irqrestore(&iocp_exclusive_lock, flags);
}

/*
 * iocp_assoc_put - drop a reference, from any context
 *
 * Every operation dropped its own after its packet was queued, so LAST, if it
 * was asked for, is behind all of them.
 */
void iocp_assoc_put(struct iocp_assoc *assoc)
{
	struct iocp_port *port = assoc->port;
	unsigned long flags;

	if (!refcount_dec_and_test(&assoc->refs))
		return;
	spin_lock_irqsave(&assoc->owner->lock, flags);
	list_del(&assoc->owner_node);
	spin_unlock_irqrestore(&assoc->owner->lock, flags);
	if (assoc->file) {
		iocp_stream_exit(assoc);
		iocp_exclusive_del(assoc);
		fput(assoc->file);
		if (assoc->nb_file)
			fput(assoc->nb_file);
	}
	iocp_owner_put(assoc->owner);
	/* The packet keeps what is left of us, and the port, until it was taken. */
	if (assoc->notify_last) {
		iocp_port_queue(port, &assoc->last);
	} else {
		iocp_user_uncharge_assoc(port);
		iocp_assoc_free_last(&assoc->last);
	}
}

/* The last packet was taken, or there is none.  From any context. */
void iocp_assoc_free_last(struct iocp_pkt *pkt)
{
	struct iocp_assoc *assoc = container_of(pkt, struct iocp_assoc, last);
	struct iocp_port *port = assoc->port;

	kfree_rcu(assoc, rcu);
	atomic_dec(&iocp_objects.assocs);
	iocp_port_put(port);
}

/* With a reference, or NULL.  Whose it is the caller checks. */
struct iocp_assoc *iocp_assoc_find(struct iocp_port *port, u32 index, u32 gen)
{
	struct iocp_assoc *assoc;

	rcu_read_lock();
	assoc = xa_load(&port->assocs, index);
	if (assoc && (assoc->gen != gen || !refcount_inc_not_zero(&assoc->refs)))
		assoc = NULL;
	rcu_read_unlock();
	return assoc;
}

static struct iocp_assoc *iocp_assoc_mine(struct iocp_port *port, u32 index, u32 gen)
{
	struct iocp_assoc *assoc = iocp_assoc_find(port, index, gen);

	if (!assoc)
		return ERR_PTR(-ENOENT);
	if (assoc->mm != current->mm) {
		iocp_assoc_put(assoc);
		return ERR_PTR(-EPERM);
	}
	return assoc;
}

/* With one reference, for the port. */
static struct iocp_assoc *iocp_assoc_alloc(struct iocp_port *port, unsigned int nr_lists)
{
	struct iocp_assoc *assoc;

	assoc = kzalloc(struct_size(assoc, ops, nr_lists), GFP_KERNEL_ACCOUNT);
	if (!assoc)
		return NULL;
	refcount_set(&assoc->refs, 1);
	assoc->prio = IOCP_PRIO_NORMAL;
	assoc->port = port;
	assoc->mm = current->mm;
	spin_lock_init(&assoc->lock);
	INIT_LIST_HEAD(&assoc->appends);
	assoc->ops_mask = nr_lists - 1;
	while (nr_lists--)
		INIT_LIST_HEAD(&assoc->ops[nr_lists]);
	return assoc;
}

/* Its owner's; @owner's reference passes to it. */
static void iocp_assoc_own(struct iocp_assoc *assoc, struct iocp_owner *owner)
{
	assoc->owner = owner;
	spin_lock_irq(&owner->lock);
	list_add_tail(&assoc->owner_node, &owner->assocs);
	spin_unlock_irq(&owner->lock);
}

/* The calling process's association without a file, with a reference, or NULL. */
static struct iocp_assoc *iocp_fileless_find(struct iocp_port *port)
{
	struct iocp_assoc *assoc;

	rcu_read_lock();
	hlist_for_each_entry_rcu(assoc, &port->fileless, fileless)
		if (assoc->mm == current->mm && refcount_inc_not_zero(&assoc->refs))
			break;
	rcu_read_unlock();
	return assoc;
}

/*
 * iocp_fileless_get - the same, made when it is first needed
 *
 * It ends with the process.
 */
struct iocp_assoc *iocp_fileless_get(struct iocp_port *port)
{
	struct iocp_assoc *assoc = iocp_fileless_find(port);
	struct iocp_owner *owner;
	int ret;

	if (assoc)
		return assoc;
	mutex_lock(&port->mutex);
	assoc = iocp_fileless_find(port);	/* another thread was faster */
	if (assoc)
		goto out;
	ret = -EAGAIN;
	if (!iocp_user_charge_assoc(port))
		goto err;
	ret = -ENOMEM;
	assoc = iocp_assoc_alloc(port, IOCP_FILELESS_LISTS);
	if (!assoc)
		goto err_charge;
	owner = iocp_owner_get(port);
	if (IS_ERR(owner)) {
		ret = PTR_ERR(owner);
		kfree(assoc);
		goto err_charge;
	}
	assoc->index = IOCP_NO_ASSOC;
	assoc->caps = iocp_opdef_fileless();
	iocp_assoc_own(assoc, owner);
	refcount_inc(&assoc->refs);
	iocp_port_get(port);
	atomic_inc(&iocp_objects.assocs);
	hlist_add_head_rcu(&assoc->fileless, &port->fileless);
out:
	mutex_unlock(&port->mutex);
	return assoc;

err_charge:
	iocp_user_uncharge_assoc(port);
err:
	mutex_unlock(&port->mutex);
	return ERR_PTR(ret);
}

/*
 * iocp_associate - IOCP_IOC_ASSOCIATE
 */
int iocp_associate(struct iocp_port *port, struct iocp_associate *arg)
{
	u32 prio = (arg->flags & IOCP_ASSOC_PRIO_MASK) >> IOCP_ASSOC_PRIO_SHIFT;
	struct iocp_owner *owner;
	struct iocp_assoc *assoc;
	struct file *file;
	u64 caps;
	int ret;

	if (arg->flags & ~(IOCP_ASSOC_EXCLUSIVE | IOCP_ASSOC_PRIO_MASK))
		return -EINVAL;
	if (arg->modes & ~(IOCP_MODE_SKIP_ON_SUCCESS | IOCP_MODE_SKIP_SET_EVENT))
		return -EINVAL;
	if (READ_ONCE(port->shut))
		return -ESHUTDOWN;
	file = fget(arg->fd);
	if (!file)
		return -EBADF;
	ret = -ELOOP;
	if (file->f_op == &iocp_fops)
		goto err_file;
	caps = iocp_opdef_caps(file);
	ret = -EOPNOTSUPP;
	if (!(caps & iocp_opdef_mask() & ~BIT_ULL(IOCP_OP_NOP)))
		goto err_file;

	ret = -EAGAIN;
	if (!iocp_user_charge_assoc(port))
		goto err_file;
	ret = -ENOMEM;
	assoc = iocp_assoc_alloc(port, 1);
	if (!assoc)
		goto err_charge;
	assoc->modes = arg->modes;
	if (prio)
		assoc->prio = prio;
	assoc->key = arg->key;
	assoc->caps = caps;
	assoc->file = file;
	INIT_HLIST_NODE(&assoc->exclusive);

	/* Asks the file's driver, who may take his time. */
	ret = iocp_stream_init(assoc);
	if (ret)
		goto err_free;
	mutex_lock(&port->mutex);
	owner = iocp_owner_get(port);
	if (IS_ERR(owner)) {
		ret = PTR_ERR(owner);
		goto err_unlock;
	}
	if (arg->flags & IOCP_ASSOC_EXCLUSIVE) {
		ret = iocp_exclusive_add(assoc);
		if (ret)
			goto err_owner;
	}
	assoc->gen = ++port->next_gen ?: ++port->next_gen;
	iocp_assoc_own(assoc, owner);
	/* Found by others from here on, who wait for the mutex to take it out. */
	ret = xa_alloc_cyclic(&port->assocs, &assoc->index, assoc,
			      XA_LIMIT(0, IOCP_NO_ASSOC - 1), &port->next_index,
			      GFP_KERNEL_ACCOUNT);
	if (ret < 0)
		goto err_list;
	iocp_port_get(port);
	WRITE_ONCE(port->nr_assocs, port->nr_assocs + 1);
	atomic_inc(&iocp_objects.assocs);
	arg->assoc = assoc->index;
	arg->assoc_gen = assoc->gen;
	arg->caps = assoc->caps;
	mutex_unlock(&port->mutex);
	return 0;

err_list:
	spin_lock_irq(&owner->lock);
	list_del(&assoc->owner_node);
	spin_unlock_irq(&owner->lock);
	iocp_exclusive_del(assoc);
err_owner:
	iocp_owner_put(owner);
err_unlock:
	mutex_unlock(&port->mutex);
	iocp_stream_exit(assoc);
	if (assoc->nb_file)
		fput(assoc->nb_file);
err_free:
	kfree(assoc);
err_charge:
	iocp_user_uncharge_assoc(port);
err_file:
	fput(file);
	return ret;
}

/* Which operations CANCEL and the end of an association mean. */
struct iocp_match {
	u32 flags;
	u64 overlapped;
	u64 id;
	u32 nr_cancelled, nr_running, nr_unstoppable;
};

static void iocp_cancel_list(struct iocp_assoc *assoc, struct list_head *ops, struct iocp_match *m)
{
	struct iocp_req *req, *next;
	unsigned long flags;
	LIST_HEAD(ended);

	spin_lock_irqsave(&assoc->lock, flags);
	list_for_each_entry_safe(req, next, ops, pkt.node) {
		if ((m->flags & IOCP_CANCEL_BY_ID && req->id != m->id) ||
		    (m->flags & IOCP_CANCEL_BY_OVERLAPPED &&
		     req->pkt.p.overlapped != m->overlapped) ||
		    (m->flags & IOCP_CANCEL_THIS_THREAD && req->submitter != current))
			continue;
		if (m->flags & IOCP_CANCEL_PROBE) {
			m->nr_running++;
			continue;
		}
		switch (req->state) {
		case IOCP_REQ_STREAM:
			if (iocp_stream_cancel(req)) {
				m->nr_running++;
				continue;
			}
			break;
		case IOCP_REQ_WAIT:
			if (!iocp_wait_cancel(req)) {
				m->nr_running++;
				continue;
			}
			break;
		case IOCP_REQ_TIMER:
			if (!iocp_timer_cancel(req)) {
				m->nr_running++;
				continue;
			}
			break;
		case IOCP_REQ_PUNTED:
			if (!iocp_punt_cancel(req)) {
				m->nr_unstoppable++;
				continue;
			}
			break;
		case IOCP_REQ_RUNNING:
			/* Its kernel thread listens to SIGKILL; a kworker does not. */
			req->cancel = true;
			if (req->thread) {
				send_sig(SIGKILL, req->thread, 1);
				m->nr_running++;
			} else {
				m->nr_unstoppable++;
			}
			continue;
		default:
			m->nr_unstoppable++;
			continue;
		}
		list_move_tail(&req->pkt.node, &ended);
		m->nr_cancelled++;
	}
	spin_unlock_irqrestore(&assoc->lock, flags);

	/* They are ours now: on no list that anybody else looks at. */
	list_for_each_entry_safe(req, next, &ended, pkt.node) {
		iocp_req_end_unlinked(req, -ECANCELED);
		cond_resched();
	}
}

/* Marks; each operation still ends with exactly one packet. */
static void iocp_assoc_cancel(struct iocp_assoc *assoc, struct iocp_match *m)
{
	u32 i;

	if (m->flags & IOCP_CANCEL_BY_ID) {
		iocp_cancel_list(assoc, iocp_assoc_ops(assoc, m->id), m);
		return;
	}
	for (i = 0; i <= assoc->ops_mask; i++)
		iocp_cancel_list(assoc, &assoc->ops[i], m);
}

/*
 * iocp_assoc_end - take an association out of its port
 * @cancel: end what can be ended
 *
 * Under port->mutex, by somebody who holds a reference; drops the table's.  For
 * one that was taken out before, only cancels.
 */
void iocp_assoc_end(struct iocp_assoc *assoc, bool cancel)
{
	struct iocp_port *port = assoc->port;
	struct iocp_match m = {};
	bool first = !assoc->gone;

	if (first) {
		if (assoc->file) {
			xa_erase(&port->assocs, assoc->index);
			WRITE_ONCE(port->nr_assocs, port->nr_assocs - 1);
		} else {
			hlist_del_rcu(&assoc->fileless);
		}
		spin_lock_irq(&assoc->lock);
		assoc->gone = true;
		spin_unlock_irq(&assoc->lock);
	}
	if (cancel)
		iocp_assoc_cancel(assoc, &m);
	if (first)
		iocp_assoc_put(assoc);
}

/*
 * iocp_disassociate - IOCP_IOC_DISASSOCIATE
 */
int iocp_disassociate(struct iocp_port *port, const struct iocp_assoc_ref *arg)
{
	struct iocp_assoc *assoc;
	int ret = -ENOENT;

	if (arg->flags & ~(IOCP_DISASSOC_CANCEL | IOCP_DISASSOC_NOTIFY_LAST) || arg->modes)
		return -EINVAL;
	if (arg->overlapped && !(arg->flags & IOCP_DISASSOC_NOTIFY_LAST))
		return -EINVAL;
	assoc = iocp_assoc_mine(port, arg->assoc, arg->assoc_gen);
	if (IS_ERR(assoc))
		return PTR_ERR(assoc);
	mutex_lock(&port->mutex);
	if (!assoc->gone) {
		if (arg->flags & IOCP_DISASSOC_NOTIFY_LAST) {
			assoc->last.type = IOCP_PKT_LAST;
			assoc->last.p.key = assoc->key;
			assoc->last.p.overlapped = arg->overlapped;
			assoc->last.p.flags = IOCP_PKT_KIND_LAST |
					      assoc->prio << IOCP_PKT_PRIO_SHIFT;
			assoc->notify_last = true;
		}
		iocp_assoc_end(assoc, arg->flags & IOCP_DISASSOC_CANCEL);
		ret = 0;
	}
	mutex_unlock(&port->mutex);
	iocp_assoc_put(assoc);
	return ret;
}

/*
 * iocp_set_modes - IOCP_IOC_SET_MODES
 */
int iocp_set_modes(struct iocp_port *port, struct iocp_assoc_ref *arg)
{
	struct iocp_assoc *assoc;

	if (arg->flags || arg->overlapped ||
	    arg->modes & ~(IOCP_MODE_SKIP_ON_SUCCESS | IOCP_MODE_SKIP_SET_EVENT))
		return -EINVAL;
	assoc = iocp_assoc_mine(port, arg->assoc, arg->assoc_gen);
	if (IS_ERR(assoc))
		return PTR_ERR(assoc);
	mutex_lock(&port->mutex);
	WRITE_ONCE(assoc->modes, assoc->modes | arg->modes);
	arg->modes = assoc->modes;
	mutex_unlock(&port->mutex);
	iocp_assoc_put(assoc);
	return 0;
}

/*
 * iocp_cancel - IOCP_IOC_CANCEL
 *
 * -ENOENT with the counts at zero if nothing matched.
 */
int iocp_cancel(struct iocp_port *port, struct iocp_cancel *arg)
{
	const u32 which = IOCP_CANCEL_BY_ID | IOCP_CANCEL_BY_OVERLAPPED | IOCP_CANCEL_BY_ASSOC;
	struct iocp_match m = {
		.flags = arg->flags,
		.overlapped = arg->overlapped,
		.id = arg->id,
	};
	struct iocp_owner *owner;
	struct iocp_assoc *assoc;

	if (arg->flags & ~(which | IOCP_CANCEL_ALL_MINE | IOCP_CANCEL_THIS_THREAD |
			   IOCP_CANCEL_PROBE))
		return -EINVAL;
	if (!(arg->flags & which) == !(arg->flags & IOCP_CANCEL_ALL_MINE))
		return -EINVAL;
	if ((arg->id && !(arg->flags & IOCP_CANCEL_BY_ID)) ||
	    (arg->overlapped && !(arg->flags & IOCP_CANCEL_BY_OVERLAPPED)) ||
	    ((arg->assoc || arg->assoc_gen) && !(arg->flags & IOCP_CANCEL_BY_ASSOC)))
		return -EINVAL;

	if (arg->flags & IOCP_CANCEL_BY_ASSOC) {
		if (arg->assoc == IOCP_NO_ASSOC && !arg->assoc_gen)
			assoc = iocp_fileless_find(port) ?: ERR_PTR(-ENOENT);
		else
			assoc = iocp_assoc_mine(port, arg->assoc, arg->assoc_gen);
		if (IS_ERR(assoc))
			return PTR_ERR(assoc);
		iocp_assoc_cancel(assoc, &m);
		iocp_assoc_put(assoc);
	} else {
		mutex_lock(&port->mutex);
		list_for_each_entry(owner, &port->owners, node) {
			if (owner->mm != current->mm)
				continue;
			assoc = NULL;
			while ((assoc = iocp_owner_next(owner, assoc)))
				iocp_assoc_cancel(assoc, &m);
		}
		mutex_unlock(&port->mutex);
	}
	arg->nr_cancelled = m.nr_cancelled;
	arg->nr_running = m.nr_running;
	arg->nr_unstoppable = m.nr_unstoppable;
	return m.nr_cancelled || m.nr_running || m.nr_unstoppable ? 0 : -ENOENT;
}
