// SPDX-License-Identifier: GPL-2.0-only
/*
 * port.c - the completion port: packets, their order, who gets them.
 *
 * Order of service (docs/ordering.md): packets given back, HIGH, the ring,
 * NORMAL, LOW.  The ring and the NORMAL list are one queue: a packet enters the
 * ring only while the NORMAL list is empty, and whoever holds the lock moves
 * packets from the list to the ring before anything newer goes there.
 *
 * A packet goes straight to a waiter only if nothing of its own or a higher
 * class waits; else it is appended and iocp_port_release() hands out the oldest
 * of the highest class.  So whenever fewer threads run than may, the queue and
 * the list of associated waiters are not both non-empty (CP-40).
 *
 * Locking: everything here is under port->lock, a raw lock taken with
 * interrupts off because completions come from hard irq.  Functions whose name
 * does not say otherwise take it themselves.  Packets that were copied out are
 * collected in a list ("done") and freed by iocp_port_flush_done() after the
 * lock was dropped.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uidgid.h>

#include "iocp.h"
#include "trace.h"

/* What one user holds, over all ports. */
struct iocp_user {
	struct hlist_node node;
	kuid_t uid;
	unsigned int ports;		/* iocp_users_lock; also the reference count */
	atomic_t ops;
	atomic_t assocs;
	atomic64_t bytes;
};

static DEFINE_SPINLOCK(iocp_users_lock);	/* opens and last closes only */
static HLIST_HEAD(iocp_users);

static struct iocp_user *iocp_user_get(void)
{
	struct iocp_user *user, *new;
	kuid_t uid = current_uid();

	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return ERR_PTR(-ENOMEM);
	spin_lock(&iocp_users_lock);
	hlist_for_each_entry(user, &iocp_users, node)
		if (uid_eq(user->uid, uid))
			goto found;
	user = new;
	new = NULL;
	user->uid = uid;
	hlist_add_head(&user->node, &iocp_users);
found:
	if (user->ports >= READ_ONCE(iocp_max_ports)) {
		if (!user->ports) {	/* the limit is 0 and we just made it */
			hlist_del(&user->node);
			kfree(user);
		}
		user = ERR_PTR(-EAGAIN);
	} else {
		user->ports++;
	}
	spin_unlock(&iocp_users_lock);
	kfree(new);
	return user;
}

static void iocp_user_put(struct iocp_user *user)
{
	spin_lock(&iocp_users_lock);
	if (!--user->ports)
		hlist_del(&user->node);
	else
		user = NULL;
	spin_unlock(&iocp_users_lock);
	kfree(user);
}

/* One file more that is kept open, whatever RLIMIT_NOFILE says. */
bool iocp_user_charge_assoc(struct iocp_port *port)
{
	if (atomic_inc_return(&port->user->assocs) <= READ_ONCE(iocp_max_assocs))
		return true;
	atomic_dec(&port->user->assocs);
	return false;
}

void iocp_user_uncharge_assoc(struct iocp_port *port)
{
	atomic_dec(&port->user->assocs);
}

/* One operation more, against the limits of the port and of its opener. */
bool iocp_user_charge_op(struct iocp_port *port)
{
	if (atomic_inc_return(&port->nr_reqs) > port->max_inflight)
		goto over_port;
	if (atomic_inc_return(&port->user->ops) > READ_ONCE(iocp_max_ops))
		goto over_user;
	return true;
over_user:
	atomic_dec(&port->user->ops);
over_port:
	atomic_dec(&port->nr_reqs);
	return false;
}

void iocp_user_uncharge_op(struct iocp_port *port)
{
	atomic_dec(&port->user->ops);
	atomic_dec(&port->nr_reqs);
}

/*
 * Memory that a user can make us keep, against one sum of it: rings until their
 * port goes, requests, long vectors, packets in lists.  The memory cgroup has it
 * too, but need not have a limit.
 */
bool iocp_user_charge_memory(struct iocp_port *port, size_t bytes)
{
	s64 limit = (s64)READ_ONCE(iocp_max_memory) << 20;

	if (atomic64_add_return(bytes, &port->user->bytes) <= limit)
		return true;
	atomic64_sub(bytes, &port->user->bytes);
	return false;
}

void iocp_user_uncharge_memory(struct iocp_port *port, size_t bytes)
{
	atomic64_sub(bytes, &port->user->bytes);
}

/* --- life of a port --- */

/* Nobody can use the port any more: only threads that were its workers know it. */
static void iocp_port_free_work(struct work_struct *work)
{
	struct iocp_port *port = container_of(to_rcu_work(work), struct iocp_port, free_work);

	WARN_ON_ONCE(atomic_read(&port->nr_reqs) || atomic_read(&port->nr_posted) ||
		     !list_empty(&port->deferred));
	iocp_req_free_all(port);
	if (port->dead_ring)
		iocp_user_uncharge_memory(port, iocp_ring_bytes(port->dead_ring->entries));
	iocp_ring_put(port->dead_ring);
	xa_destroy(&port->assocs);
	iocp_user_put(port->user);
	mutex_destroy(&port->mutex);
	atomic_dec(&iocp_objects.ports);
	iocp_port_drop(port);
	/* iocp_cleanup() waits for this work item to have returned. */
	module_put(THIS_MODULE);
}

static void iocp_port_blocked_irq(struct irq_work *irq_work);

struct iocp_port *iocp_port_create(void)
{
	static atomic64_t last_id;
	struct iocp_port *port;
	int i;

	port = kzalloc(sizeof(*port), GFP_KERNEL_ACCOUNT);
	if (!port)
		return ERR_PTR(-ENOMEM);
	port->user = iocp_user_get();
	if (IS_ERR(port->user)) {
		int ret = PTR_ERR(port->user);

		kfree(port);
		return ERR_PTR(ret);
	}
	port->id = atomic64_inc_return(&last_id);
	/* open() holds the module; the port may outlive the file that pins it. */
	__module_get(THIS_MODULE);
	refcount_set(&port->users, 1);
	refcount_set(&port->refs, 1);
	raw_spin_lock_init(&port->lock);
	for (i = 0; i < IOCP_NR_LISTS; i++)
		INIT_LIST_HEAD(&port->lists[i]);
	INIT_LIST_HEAD(&port->deferred);
	port->blocked_work = IRQ_WORK_INIT_HARD(iocp_port_blocked_irq);
	INIT_HLIST_HEAD(&port->waiters);
	INIT_HLIST_HEAD(&port->guests);
	init_waitqueue_head(&port->poll_wait);
	init_llist_head(&port->free_reqs);
	spin_lock_init(&port->free_lock);
	spin_lock_init(&port->punt_lock);
	INIT_LIST_HEAD(&port->punt_pending);
	mutex_init(&port->mutex);
	INIT_LIST_HEAD(&port->owners);
	xa_init_flags(&port->assocs, XA_FLAGS_ALLOC | XA_FLAGS_ACCOUNT);
	INIT_HLIST_HEAD(&port->fileless);
	atomic64_set(&port->next_id, 1);
	INIT_RCU_WORK(&port->free_work, iocp_port_free_work);
	atomic_inc(&iocp_objects.ports);
	return port;
}

/* A reference to a port that does its work. */
void iocp_port_get(struct iocp_port *port)
{
	refcount_inc(&port->users);
}

/* From any context. */
void iocp_port_put(struct iocp_port *port)
{
	if (!refcount_dec_and_test(&port->users))
		return;
	/*
	 * Threads that were its workers may still block, and look at the ring: they
	 * find none from now on, and those that found it are gone when it is freed.
	 */
	port->dead_ring = port->ring;
	WRITE_ONCE(port->ring, NULL);
	if (port->detect)
		queue_rcu_work(iocp_end_wq, &port->free_work);
	else
		queue_work(iocp_end_wq, &port->free_work.work);
}

/* A reference to no more than the structure and its lock: for workers. */
void iocp_port_hold(struct iocp_port *port)
{
	refcount_inc(&port->refs);
}

/* In process context. */
void iocp_port_drop(struct iocp_port *port)
{
	if (!refcount_dec_and_test(&port->refs))
		return;
	/* No worker is left that could raise it; it may still be under way. */
	irq_work_sync(&port->blocked_work);
	kfree(port);
}

/* The last close: nobody is inside a call any more, and nobody can come. */
void iocp_port_close(struct iocp_port *port)
{
	struct iocp_owner *owner;
	u64 dropped;

	if (port->live)
		iocp_port_shutdown(port, &dropped);

	/* Owners take their associations with them.  Nothing here waits. */
	mutex_lock(&port->mutex);
	list_for_each_entry(owner, &port->owners, node)
		iocp_owner_end(owner);
	mutex_unlock(&port->mutex);
	iocp_port_put(port);
}

/* --- packets --- */

static enum iocp_list iocp_list_of(const struct iocp_packet *p)
{
	switch ((p->flags & IOCP_PKT_PRIO_MASK) >> IOCP_PKT_PRIO_SHIFT) {
	case IOCP_PRIO_HIGH:
		return IOCP_LIST_HIGH;
	case IOCP_PRIO_LOW:
		return IOCP_LIST_LOW;
	default:
		return IOCP_LIST_NORMAL;
	}
}

/*
 * A packet's place among those that are limited is free again.  Before anybody
 * can see it: who takes a packet may use its place at once.
 */
static void iocp_pkt_uncharge(struct iocp_port *port, struct iocp_pkt *pkt)
{
	if (pkt->type == IOCP_PKT_REQ)
		iocp_user_uncharge_op(port);
	else if (pkt->type == IOCP_PKT_POSTED)
		atomic_dec(&port->nr_posted);
	else
		iocp_user_uncharge_assoc(port);
}

/* It must be kept after all; that may be one too many for a moment. */
static void iocp_pkt_recharge(struct iocp_port *port, struct iocp_pkt *pkt)
{
	if (pkt->type == IOCP_PKT_REQ) {
		atomic_inc(&port->nr_reqs);
		atomic_inc(&port->user->ops);
	} else {
		atomic_inc(&port->user->assocs);
	}
}

/* Frees what a packet was part of; never under port->lock. */
static void iocp_pkt_free(struct iocp_port *port, struct iocp_pkt *pkt)
{
	switch (pkt->type) {
	case IOCP_PKT_REQ:
		iocp_req_put(container_of(pkt, struct iocp_req, pkt));
		break;
	case IOCP_PKT_POSTED:
		kmem_cache_free(iocp_pkt_cache, pkt);
		iocp_user_uncharge_memory(port, sizeof(*pkt));
		atomic_dec(&iocp_objects.posted);
		break;
	case IOCP_PKT_LAST:
		iocp_assoc_free_last(pkt);
		break;
	}
}

/* Not in hard irq on PREEMPT_RT, so the irq_work leaves it to others. */
void iocp_port_free_done(struct iocp_port *port, struct list_head *done)
{
	struct iocp_pkt *pkt, *next;
	unsigned long flags;

	if (unlikely(!list_empty(&port->deferred))) {
		iocp_port_lock(port, flags);
		list_splice_tail_init(&port->deferred, done);
		iocp_port_unlock(port, flags);
	}
	list_for_each_entry_safe(pkt, next, done, node)
		iocp_pkt_free(port, pkt);
}

static u64 iocp_depth_locked(struct iocp_port *port)
{
	return port->nr_listed + (port->ring ? iocp_ring_used(port->ring) : 0);
}

u64 iocp_port_depth(struct iocp_port *port)
{
	unsigned long flags;
	u64 depth;

	iocp_port_lock(port, flags);
	depth = iocp_depth_locked(port);
	iocp_port_unlock(port, flags);
	return depth;
}

/*
 * Under port->lock, whenever it may have changed: what programs must know
 * before they take packets from the ring without us.
 */
void iocp_port_set_words(struct iocp_port *port)
{
	u32 must = 0;

	/* before the count is read: a worker that blocks now sets it again */
	WRITE_ONCE(port->words_stale, false);
	smp_mb();	/* pairs with the atomic_dec_return() in iocp_active_dec() */
	if (!port->ring)
		return;
	if (!list_empty(&port->lists[IOCP_LIST_FRONT]) || !list_empty(&port->lists[IOCP_LIST_HIGH]))
		must |= IOCP_RING_MUST_ENTER_FRONT;
	if (atomic_read(&port->active) > (int)port->concurrency || port->nr_owing)
		must |= IOCP_RING_MUST_ENTER_LIMIT;
	if (port->shut)
		must |= IOCP_RING_MUST_ENTER_SHUT;
	iocp_ring_set_words(port->ring, must, !list_empty(&port->lists[IOCP_LIST_NORMAL]) ||
			    !list_empty(&port->lists[IOCP_LIST_LOW]));
}

/* Does anything of @list's class or of a higher one wait?  Under port->lock. */
static bool iocp_waits_before(struct iocp_port *port, enum iocp_list list)
{
	enum iocp_list i;

	if (unlikely(port->nr_listed))
		for (i = IOCP_LIST_FRONT; i <= list; i++)
			if (!list_empty(&port->lists[i]))
				return true;
	return list >= IOCP_LIST_NORMAL && port->ring && iocp_ring_used(port->ring);
}

/*
 * The newest waiter that may have a packet now (CP-23, CP-33), or NULL.
 * Guests are not bound by the limit.  Under port->lock.
 */
static struct iocp_waiter *iocp_eligible(struct iocp_port *port)
{
	struct iocp_waiter *w, *g;

	g = hlist_entry_safe(port->guests.first, struct iocp_waiter, node);
	if (!iocp_port_has_slot(port))
		return g;
	w = hlist_entry_safe(port->waiters.first, struct iocp_waiter, node);
	if (!g || (w && w->seq > g->seq))
		return w;
	return g;
}

/*
 * Takes @w off its list and wakes it.  Under port->lock, which makes it safe
 * to wake a task that may leave the moment it sees its state: with interrupts
 * off this is an RCU reader, and task structures are freed by RCU.
 */
static void iocp_wake_waiter(struct iocp_port *port, struct iocp_waiter *w, int state)
{
	struct task_struct *task = w->task;

	hlist_del(&w->node);
	WRITE_ONCE(port->nr_waiting, port->nr_waiting - 1);
	/* pairs with the acquire in iocp_sleep(): w->p is there when the state is */
	smp_store_release(&w->state, state);
	wake_up_process(task);
}

/* Hands *w->p, which the caller has filled in (CP-22).  Under port->lock. */
static void iocp_hand_over(struct iocp_port *port, struct iocp_waiter *w)
{
	if (!w->guest)
		iocp_active_inc(port);
	w->last = port->nr_waiting == 1;
	port->st_handed++;
	trace_iocp_packet_handed(port, w->p, w->task);
	iocp_wake_waiter(port, w, IOCP_HANDED);
}

/*
 * Under port->lock: the usual way of a packet.  Nothing waits, so a waiter can
 * have it at once, whatever its priority.
 */
static inline bool iocp_pass_on(struct iocp_port *port, const struct iocp_packet *p)
{
	struct iocp_waiter *w;

	if (iocp_port_maybe_queued(port))
		return false;
	w = iocp_eligible(port);
	if (!w)
		return false;
	*w->p = *p;
	iocp_hand_over(port, w);
	return true;
}

/* Its content was passed on.  Under port->lock. */
static void iocp_unlist(struct iocp_port *port, struct iocp_pkt *pkt, struct list_head *done)
{
	list_move_tail(&pkt->node, done);
	WRITE_ONCE(port->nr_listed, port->nr_listed - 1);
	port->words_stale = true;
}

/* NORMAL packets move up into the ring, oldest first.  Under port->lock. */
static void iocp_refill_ring(struct iocp_port *port, struct list_head *done)
{
	struct list_head *list = &port->lists[IOCP_LIST_NORMAL];
	int budget = 64;	/* interrupts are off */

	if (!port->ring)
		return;
	while (budget-- && !list_empty(list)) {
		struct iocp_pkt *pkt = list_first_entry(list, struct iocp_pkt, node);

		if (!iocp_ring_has_room(port->ring))
			return;
		iocp_pkt_uncharge(port, pkt);
		iocp_ring_push(port->ring, &pkt->p);
		iocp_unlist(port, pkt, done);
	}
}

/*
 * Under port->lock: the next packet in the order of service.  1, 0 if there is
 * none, -EAGAIN if programs keep moving the ring's head.
 */
static int iocp_take_locked(struct iocp_port *port, struct iocp_packet *p, struct list_head *done)
{
	enum iocp_list i;
	int ret;

	for (i = IOCP_LIST_FRONT; i < IOCP_NR_LISTS; i++) {
		struct iocp_pkt *pkt;

		if (i == IOCP_LIST_NORMAL && port->ring) {
			ret = iocp_ring_pop(port->ring, p);
			if (ret)
				return ret;
		}
		pkt = list_first_entry_or_null(&port->lists[i], struct iocp_pkt, node);
		if (!pkt)
			continue;
		*p = pkt->p;
		iocp_pkt_uncharge(port, pkt);
		iocp_unlist(port, pkt, done);
		return 1;
	}
	return 0;
}

/*
 * iocp_port_take - take the next packet, in a thread's own context
 *
 * Under port->lock.  Unlike the hard irq path it tries again while programs
 * race with it; each lost round means that somebody else got a packet, or that
 * somebody plays with the head, so it gives up after a while all the same.
 */
bool iocp_port_take(struct iocp_port *port, struct iocp_packet *p, struct list_head *done)
{
	int tries = 64, ret;

	do {
		ret = iocp_take_locked(port, p, done);
	} while (ret == -EAGAIN && --tries);
	if (ret == 1) {
		port->st_taken++;
		trace_iocp_packet_taken(port, p);
	}
	iocp_refill_ring(port, done);
	return ret == 1;
}

/*
 * Under port->lock, after a packet was queued or a waiter parked: look again at
 * who runs.  Pairs with the atomic_dec_return() in iocp_worker_blocked(): either it
 * sees the packet and the waiter, or we see that it does not run.
 */
static bool iocp_somebody_blocked(struct iocp_port *port)
{
	if (!port->detect || !port->nr_waiting)
		return false;
	smp_mb();	/* see above */
	return iocp_port_has_slot(port);
}

/* Under port->lock: waiters have what waits, newest and oldest first, up to the limit. */
static void iocp_serve(struct iocp_port *port, struct list_head *done)
{
	struct iocp_waiter *w;

	if (port->detect)
		smp_mb();	/* as in iocp_somebody_blocked() */
	while ((w = iocp_eligible(port))) {
		int ret = iocp_take_locked(port, w->p, done);

		if (ret == 0)
			break;
		if (ret == 1) {
			port->st_taken++;
			trace_iocp_released(port, w->task);
			iocp_hand_over(port, w);
			continue;
		}
		/* Somebody spins on the head.  Let the newest waiter fight it. */
		if (IOCP_CHECKS)
			port->dbg_retrying++;
		iocp_wake_waiter(port, w, IOCP_RETRY);
		break;
	}
}

/* Without the lock, too, and in the scheduler. */
void iocp_port_want_thread(struct iocp_port *port, int active)
{
	atomic64_inc(&port->st_wanted);
	trace_iocp_thread_wanted(port, active);
}

/* Under port->lock: packets that no thread is there for, though one might run. */
static void iocp_want_if_none_waits(struct iocp_port *port)
{
	if (!port->nr_waiting && iocp_port_has_slot(port) && iocp_depth_locked(port))
		iocp_port_want_thread(port, atomic_read(&port->active));
}

/*
 * iocp_port_release - let waiters have what waits (CP-34)
 *
 * Under port->lock; after the active count went down, or something was queued.
 * Also keeps the words of the ring.
 */
void iocp_port_release(struct iocp_port *port, struct list_head *done)
{
	iocp_serve(port, done);
	iocp_want_if_none_waits(port);
	iocp_refill_ring(port, done);
	iocp_port_update_words(port);
}

/* --- a worker blocks (CP-34) --- */

/* Under port->lock, in hard irq, also on PREEMPT_RT. */
static void iocp_port_release_blocked(struct iocp_port *port)
{
	u64 handed = port->st_handed;
	LIST_HEAD(done);

	if (port->shut)
		return;
	iocp_serve(port, &done);
	port->st_block_releases += port->st_handed - handed;
	iocp_want_if_none_waits(port);
	iocp_port_update_words(port);
	/* Whoever was handed one frees what is left of it. */
	list_splice_tail(&done, &port->deferred);
}

static void iocp_port_blocked_irq(struct irq_work *irq_work)
{
	struct iocp_port *port = container_of(irq_work, struct iocp_port, blocked_work);
	unsigned long flags;

	iocp_port_lock(port, flags);
	iocp_port_release_blocked(port);
	iocp_port_unlock(port, flags);
}

/*
 * iocp_port_blocked_long - a worker has been asleep for the port's delay
 *
 * Under port->lock, in hard irq.
 */
void iocp_port_blocked_long(struct iocp_port *port)
{
	iocp_active_dec(port);
	iocp_port_release_blocked(port);
}

void iocp_port_wake_poll(struct iocp_port *port)
{
	/*
	 * On every packet that no waiter took, not only the first: consumers of
	 * the ring empty it silently, and edge-triggered pollers must hear of
	 * the next one.  Pairs with the barrier in poll_wait().
	 */
	if (wq_has_sleeper(&port->poll_wait))
		wake_up_interruptible_poll(&port->poll_wait, EPOLLIN | EPOLLRDNORM);
}

/*
 * Under port->lock: give @p to a waiter or put it into the ring, by value.
 * Returns false if it must be listed.  *@queued tells that no waiter took it.
 */
static bool iocp_queue_by_value(struct iocp_port *port, const struct iocp_packet *p,
				bool *queued, struct list_head *done)
{
	enum iocp_list list = iocp_list_of(p);
	bool before = iocp_waits_before(port, list);
	struct iocp_waiter *w;

	if (!before) {
		w = iocp_eligible(port);
		if (w) {
			*w->p = *p;
			iocp_hand_over(port, w);
			return true;
		}
	}
	*queued = true;
	if (list != IOCP_LIST_NORMAL || !port->ring)
		return false;
	if (!list_empty(&port->lists[IOCP_LIST_NORMAL])) {
		iocp_refill_ring(port, done);
		if (!list_empty(&port->lists[IOCP_LIST_NORMAL]))
			return false;
	}
	if (!iocp_ring_has_room(port->ring))
		return false;
	iocp_ring_push(port->ring, p);
	trace_iocp_packet_queued(port, p, IOCP_NR_LISTS);
	/* a waiter for what stands before it, or in place of a worker that just blocked */
	if (before || iocp_somebody_blocked(port))
		iocp_port_release(port, done);
	else
		iocp_want_if_none_waits(port);
	return true;
}

/* Under port->lock, after iocp_queue_by_value() said no. */
static void iocp_queue_listed(struct iocp_port *port, struct iocp_pkt *pkt, struct list_head *done)
{
	enum iocp_list list = iocp_list_of(&pkt->p);

	list_add_tail(&pkt->node, &port->lists[list]);
	WRITE_ONCE(port->nr_listed, port->nr_listed + 1);
	port->words_stale = true;
	trace_iocp_packet_queued(port, &pkt->p, list);
	iocp_port_release(port, done);
}

/*
 * iocp_port_queue - queue the packet of a completion
 * @port: kept alive by the caller
 * @pkt: filled in
 *
 * From any context.  Takes over @pkt, which is freed at once if its content
 * could be passed on by value.
 */
int iocp_port_queue(struct iocp_port *port, struct iocp_pkt *pkt)
{
	bool queued = false, by_value = true;
	unsigned long flags;
	LIST_HEAD(done);

	iocp_port_lock(port, flags);
	port->st_completed++;
	iocp_pkt_uncharge(port, pkt);
	if (unlikely(port->shut)) {
		port->st_dropped++;
	} else {
		by_value = iocp_queue_by_value(port, &pkt->p, &queued, &done);
		if (!by_value) {
			iocp_pkt_recharge(port, pkt);
			iocp_queue_listed(port, pkt, &done);
		}
	}
	iocp_port_unlock(port, flags);

	if (queued)
		iocp_port_wake_poll(port);
	if (by_value)
		iocp_pkt_free(port, pkt);
	iocp_port_flush_done(port, &done);
	return 0;
}

static void iocp_count_post(struct iocp_port *port, const struct iocp_packet *p)
{
	if ((p->flags & IOCP_PKT_KIND_MASK) == IOCP_PKT_KIND_POST)
		port->st_posts++;
	else
		port->st_completed++;	/* NOP */
}

/* Nobody is there to take it.  Under port->lock, which it lets go. */
static noinline int iocp_post_queue(struct iocp_port *port, const struct iocp_packet *p)
	__releases(&port->lock)
{
	struct iocp_pkt *pkt = NULL;
	bool queued, listed = false;
	LIST_HEAD(done);
	int ret = 0;

again:
	queued = false;
	if (port->shut) {
		ret = -ESHUTDOWN;
	} else if (!iocp_queue_by_value(port, p, &queued, &done)) {
		if (pkt) {
			iocp_queue_listed(port, pkt, &done);
			listed = true;
		} else {
			ret = -ENOMEM;
		}
	}
	if (!ret)
		iocp_count_post(port, p);
	iocp_port_unlock_irq(port);
	if (!list_empty(&done)) {
		iocp_port_free_done(port, &done);
		INIT_LIST_HEAD(&done);
	}

	if (ret == -ENOMEM && !pkt) {
		if (atomic_inc_return(&port->nr_posted) > port->max_posted) {
			atomic_dec(&port->nr_posted);
			return -EAGAIN;
		}
		if (!iocp_user_charge_memory(port, sizeof(*pkt))) {
			atomic_dec(&port->nr_posted);
			return -EAGAIN;
		}
		pkt = kmem_cache_alloc(iocp_pkt_cache, GFP_KERNEL);
		if (!pkt) {
			iocp_user_uncharge_memory(port, sizeof(*pkt));
			atomic_dec(&port->nr_posted);
			return -ENOMEM;
		}
		atomic_inc(&iocp_objects.posted);
		pkt->type = IOCP_PKT_POSTED;
		pkt->p = *p;
		ret = 0;
		iocp_port_lock_irq(port);
		goto again;
	}
	if (pkt && !listed) {
		iocp_pkt_uncharge(port, pkt);
		iocp_pkt_free(port, pkt);
	}
	if (!ret && queued)
		iocp_port_wake_poll(port);
	return ret;
}

/*
 * iocp_port_post - queue a packet that has no request behind it
 *
 * In process context.  A packet that fits into the ring or finds a waiter needs
 * no memory; the others are charged to the caller and counted.
 */
int iocp_port_post(struct iocp_port *port, const struct iocp_packet *p)
{
	iocp_port_lock_irq(port);
	if (port->shut || !iocp_pass_on(port, p))
		return iocp_post_queue(port, p);
	iocp_count_post(port, p);
	iocp_port_unlock_irq(port);
	return 0;
}

/*
 * iocp_port_give_back - packets that could not be copied out return, in front
 *
 * In process context, without locks.  The memory cannot be had in advance for
 * packets that came by value, and losing one is not an option: this is the one
 * allocation that may not fail.  It is small and bounded by what was taken.
 */
void iocp_port_give_back(struct iocp_port *port, const struct iocp_packet *p, unsigned int nr)
{
	struct iocp_pkt *pkt, *next;
	unsigned long flags;
	LIST_HEAD(back);
	LIST_HEAD(done);
	unsigned int i;

	if (!nr)
		return;
	for (i = 0; i < nr; i++) {
		pkt = kmem_cache_alloc(iocp_pkt_cache, GFP_KERNEL | __GFP_NOFAIL);
		pkt->type = IOCP_PKT_POSTED;
		pkt->p = p[i];
		atomic_inc(&iocp_objects.posted);
		atomic64_add(sizeof(*pkt), &port->user->bytes);	/* whatever the limit says */
		atomic_inc(&port->nr_posted);
		list_add_tail(&pkt->node, &back);
	}

	iocp_port_lock(port, flags);
	if (port->shut) {
		port->st_dropped += nr;
		atomic_sub(nr, &port->nr_posted);
		list_splice_init(&back, &done);
	} else {
		port->st_given_back += nr;
		list_for_each_entry_safe_reverse(pkt, next, &back, node) {
			list_move(&pkt->node, &port->lists[IOCP_LIST_FRONT]);
			trace_iocp_packet_queued(port, &pkt->p, IOCP_LIST_FRONT);
		}
		WRITE_ONCE(port->nr_listed, port->nr_listed + nr);
		port->words_stale = true;
		iocp_port_release(port, &done);
	}
	iocp_port_unlock(port, flags);
	iocp_port_flush_done(port, &done);
	iocp_port_wake_poll(port);
}

/*
 * iocp_port_shutdown - rundown (CP-50): waiters leave, packets go
 * @dropped: how many packets were queued
 */
int iocp_port_shutdown(struct iocp_port *port, u64 *dropped)
{
	struct hlist_node *next;
	struct iocp_waiter *w;
	struct iocp_packet p;
	struct iocp_pkt *pkt;
	unsigned long flags;
	LIST_HEAD(done);
	u64 nr = 0;
	u32 budget;
	int i;

	iocp_port_lock(port, flags);
	if (port->shut) {
		iocp_port_unlock(port, flags);
		return -ESHUTDOWN;
	}
	WRITE_ONCE(port->shut, true);
	iocp_port_set_words(port);
	hlist_for_each_entry_safe(w, next, &port->waiters, node)
		iocp_wake_waiter(port, w, IOCP_SHUT);
	hlist_for_each_entry_safe(w, next, &port->guests, node)
		iocp_wake_waiter(port, w, IOCP_SHUT);
	for (i = 0; i < IOCP_NR_LISTS; i++)
		list_splice_tail_init(&port->lists[i], &done);
	nr = port->nr_listed;
	WRITE_ONCE(port->nr_listed, 0);
	iocp_port_unlock(port, flags);
	list_for_each_entry(pkt, &done, node)
		iocp_pkt_uncharge(port, pkt);

	/* The ring, piece by piece; a program that plays with the head only miscounts. */
	for (budget = port->ring ? 1U << 17 : 0; budget; budget--) {
		iocp_port_lock(port, flags);
		i = iocp_ring_pop(port->ring, &p);
		iocp_port_unlock(port, flags);
		if (!i)
			break;
		if (i == 1)
			nr++;
		cond_resched();
	}

	iocp_port_lock(port, flags);
	port->st_dropped += nr;
	iocp_port_unlock(port, flags);
	*dropped = nr;
	iocp_port_flush_done(port, &done);
	wake_up_interruptible_poll(&port->poll_wait, EPOLLIN | EPOLLRDNORM | EPOLLHUP);
	return 0;
}

#ifdef IOCP_DEBUG

static unsigned int iocp_list_length(struct list_head *list)
{
	struct list_head *node;
	unsigned int nr = 0;

	list_for_each(node, list)
		nr++;
	return nr;
}

/*
 * iocp_port_check - do the counts fit, and does CP-40 hold?
 *
 * Under port->lock, just before it is let go.  Lists are walked only while they
 * are short: interrupts are off.
 */
void iocp_port_check(struct iocp_port *port)
{
	unsigned int i, listed = 0;
	struct hlist_node *node;
	int active;

	lockdep_assert_held(&port->lock);
	if (port->nr_listed < 100 && port->nr_waiting < 100) {
		for (i = 0; i < IOCP_NR_LISTS; i++)
			listed += iocp_list_length(&port->lists[i]);
		WARN_ONCE(listed != port->nr_listed, "iocp: %u packets listed, %u counted\n",
			  listed, port->nr_listed);
		i = 0;
		hlist_for_each(node, &port->waiters)
			i++;
		hlist_for_each(node, &port->guests)
			i++;
		WARN_ONCE(i != port->nr_waiting, "iocp: %u waiters, %u counted\n", i,
			  port->nr_waiting);
	}
	active = atomic_read(&port->active);
	WARN_ONCE(active < 0 || active > atomic_read(&port->nr_workers) ||
		  port->nr_owing > atomic_read(&port->nr_workers),
		  "iocp: %d active, %u owing, of %d workers\n", active, port->nr_owing,
		  atomic_read(&port->nr_workers));
	if (!port->live || port->shut || port->dbg_retrying || !iocp_depth_locked(port) ||
	    !iocp_eligible(port))
		return;
	/* A worker that is blocking just now has, or will have, raised the irq_work. */
	smp_rmb();	/* its count before the look at whether it is done with it */
	WARN_ONCE(!atomic_read(&port->dbg_blocking) && !irq_work_is_busy(&port->blocked_work),
		  "iocp: CP-40: %llu packets, %u waiters, %d active of %u\n",
		  iocp_depth_locked(port), port->nr_waiting, atomic_read(&port->active),
		  port->concurrency);
}

#endif
