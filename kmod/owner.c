// SPDX-License-Identifier: GPL-2.0-only
/*
 * owner.c - processes that have associations in a port.
 *
 * Operations and associations belong to the mm that made them and end with it,
 * whoever else still holds the port's fd.  An mmu_notifier tells of that end:
 * at exit, kill -9 and exec alike.  Its release callback only queues work.
 * That also takes every reference cycle apart: a port in a socket that is
 * associated with the port goes when the processes go.
 *
 * Locking: port->mutex covers the list of owners and an owner's end; it is
 * outside mmap_lock.  owner->lock (interrupts off) covers the owner's list of
 * associations, which stay there as long as they live: one that was taken out
 * of the port may still have operations to cancel when the process ends.  A
 * reference is held by the port's list, by each association and by queued work.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "iocp.h"

static void iocp_owner_free_work(struct work_struct *work)
{
	struct iocp_owner *owner = container_of(work, struct iocp_owner, free_work);

	mmdrop(owner->mm);
	atomic_dec(&iocp_objects.owners);
	iocp_port_put(owner->port);
	kfree(owner);
}

/* From any context; the last mmdrop() must not be in an interrupt. */
void iocp_owner_put(struct iocp_owner *owner)
{
	if (refcount_dec_and_test(&owner->refs))
		queue_work(iocp_end_wq, &owner->free_work);
}

/*
 * iocp_owner_next - walk an owner's associations
 * @prev: NULL for the first; its reference is dropped
 *
 * Returns with a reference, which keeps the place in the list.
 */
struct iocp_assoc *iocp_owner_next(struct iocp_owner *owner, struct iocp_assoc *prev)
{
	struct list_head *pos = prev ? &prev->owner_node : &owner->assocs;
	struct iocp_assoc *assoc = NULL;

	spin_lock_irq(&owner->lock);
	while ((pos = pos->next) != &owner->assocs) {
		assoc = list_entry(pos, struct iocp_assoc, owner_node);
		if (refcount_inc_not_zero(&assoc->refs))
			break;
		assoc = NULL;
	}
	spin_unlock_irq(&owner->lock);
	if (prev)
		iocp_assoc_put(prev);
	return assoc;
}

static void iocp_owner_work(struct work_struct *work)
{
	struct iocp_owner *owner = container_of(work, struct iocp_owner, work);
	struct iocp_port *port = owner->port;
	struct iocp_assoc *assoc = NULL;
	bool first;

	mutex_lock(&port->mutex);
	first = !owner->ended;
	if (first) {
		owner->ended = true;
		list_del(&owner->node);
		while ((assoc = iocp_owner_next(owner, assoc)))
			iocp_assoc_end(assoc, true);
	}
	mutex_unlock(&port->mutex);

	if (first) {
		/* Waits for a release callback that is running; none starts after it. */
		mmu_notifier_unregister(&owner->mn, owner->mm);
		iocp_owner_put(owner);
	}
	iocp_owner_put(owner);
}

/*
 * iocp_owner_end - the process ended, or the port did
 *
 * Never waits: exit and close must not.
 */
void iocp_owner_end(struct iocp_owner *owner)
{
	refcount_inc(&owner->refs);
	if (!queue_work(iocp_end_wq, &owner->work))
		refcount_dec(&owner->refs);
}

static void iocp_mm_release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	iocp_owner_end(container_of(mn, struct iocp_owner, mn));
}

static const struct mmu_notifier_ops iocp_mmu_ops = {
	.release = iocp_mm_release,
};

/*
 * iocp_owner_get - the calling process as an owner in @port
 *
 * Under port->mutex.  Returns with a reference.
 */
struct iocp_owner *iocp_owner_get(struct iocp_port *port)
{
	struct iocp_owner *owner;
	int ret;

	list_for_each_entry(owner, &port->owners, node) {
		if (owner->mm == current->mm) {
			refcount_inc(&owner->refs);
			return owner;
		}
	}
	owner = kzalloc(sizeof(*owner), GFP_KERNEL_ACCOUNT);
	if (!owner)
		return ERR_PTR(-ENOMEM);
	refcount_set(&owner->refs, 2);	/* the list's and the caller's */
	owner->mm = current->mm;
	owner->port = port;
	spin_lock_init(&owner->lock);
	INIT_LIST_HEAD(&owner->assocs);
	INIT_WORK(&owner->work, iocp_owner_work);
	INIT_WORK(&owner->free_work, iocp_owner_free_work);
	owner->mn.ops = &iocp_mmu_ops;
	ret = mmu_notifier_register(&owner->mn, owner->mm);
	if (ret) {
		kfree(owner);
		return ERR_PTR(ret);
	}
	mmgrab(owner->mm);	/* the notifier's own ends before its last user does */
	iocp_port_get(port);
	list_add(&owner->node, &port->owners);
	atomic_inc(&iocp_objects.owners);
	return owner;
}
