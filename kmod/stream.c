// SPDX-License-Identifier: GPL-2.0-only
/*
 * stream.c - pipes, sockets, terminals, eventfds: what can be polled.
 *
 * Operations of one direction are done one after the other, in the order of
 * their submission.  Only the head of a direction's queue is tried, never
 * blocking; if it would block the direction is armed and goes on when the file
 * wakes us.  The wait-queue entries stay on the file's wait queues for the life
 * of the association, as epoll does it.
 *
 * A direction is in one of three states, and its head belongs to
 *
 *   IDLE   nobody: the queue is empty (only changes under assoc->lock)
 *   BUSY   whoever made it so: a submitter, the work item, a kernel thread, or
 *	    a work item that has been queued
 *   ARMED  the file's next wake-up, which makes it BUSY and queues the work
 *
 * The step to ARMED is followed by a look at the file (a full barrier between),
 * so no wake-up is lost.  CANCEL may take any request out but a head whose
 * direction is BUSY; that one it marks, and arming looks for the mark under
 * assoc->lock.
 *
 * A worker has no business with the program's mm: it pins the pages of a ready
 * operation, tries, and lets go (op_rw.c), so an operation that waits for ever
 * holds no page and no mm.
 *
 * Some files (terminals) know no non-blocking mode that we could ask for
 * without changing the program's own description.  For them a kernel thread
 * does the try once poll says ready; if somebody else took the data it sleeps,
 * and SIGKILL from CANCEL ends it.
 *
 * Locking: assoc->lock (interrupts off).  The wake-up callback runs under the
 * file's wait-queue lock and takes none.
 */
#include <linux/file.h>
#include <linux/kthread.h>
#include <linux/major.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "iocp.h"

#define IOCP_STREAM_SPINS	8	/* "ready" but EAGAIN, before we take a pause */
#define IOCP_STREAM_BUDGET	64	/* operations before others get a turn */

enum iocp_arm { IOCP_ARMED, IOCP_READY, IOCP_MARKED };

static struct iocp_req *iocp_dir_head(struct iocp_dir *dir)
{
	return list_first_entry_or_null(&dir->queue, struct iocp_req, queue);
}

static struct file *iocp_dir_file(struct iocp_dir *dir)
{
	return dir->assoc->nb_file ?: dir->assoc->file;
}

/*
 * iocp_wq_of - where a file that became ready is looked at
 *
 * Terminals, and an epoll that looks at one, wait in their poll for work of a queue that
 * cannot promise to go on without memory, so who has promised that may not do it.  The
 * promise is for what writeback may depend on: sockets, pipes, and /dev/fuse and the like.
 */
struct workqueue_struct *iocp_wq_of(const struct file *file)
{
	const struct inode *inode = file_inode(file);

	if (S_ISSOCK(inode->i_mode) || S_ISFIFO(inode->i_mode) ||
	    (S_ISCHR(inode->i_mode) && imajor(inode) == MISC_MAJOR))
		return iocp_stream_wq;
	return iocp_flush_wq;
}

static bool iocp_dir_ready(struct iocp_dir *dir)
{
	return vfs_poll(iocp_dir_file(dir), NULL) & dir->events;
}

/* BUSY passes to the work item; the head's operation keeps the association. */
static void iocp_dir_kick(struct iocp_dir *dir, unsigned long delay)
{
	refcount_inc(&dir->assoc->refs);
	queue_delayed_work(iocp_wq_of(dir->assoc->file), &dir->work, delay);
}

/* The same from the work itself: no signals for the kernel thread any more. */
static void iocp_dir_requeue(struct iocp_dir *dir, unsigned long delay)
{
	spin_lock_irq(&dir->assoc->lock);
	dir->thread = NULL;
	iocp_dir_kick(dir, delay);
	spin_unlock_irq(&dir->assoc->lock);
}

void iocp_pwq_add(struct iocp_pwq *pwq, wait_queue_head_t *whead, wait_queue_func_t func,
		  void *private)
{
	init_waitqueue_func_entry(&pwq->wait, func);
	pwq->wait.private = private;
	pwq->whead = whead;
	add_wait_queue(whead, &pwq->wait);
}

/*
 * iocp_pwq_del - off the file's wait queues, from any context
 *
 * The RCU section covers wait queues that vanish before their file (POLLFREE).
 */
void iocp_pwq_del(struct iocp_pwq *pwq, unsigned int nr)
{
	rcu_read_lock();
	for (; nr; nr--, pwq++) {
		/* pairs with the release in iocp_pwq_gone() */
		wait_queue_head_t *whead = smp_load_acquire(&pwq->whead);

		if (whead)
			remove_wait_queue(whead, &pwq->wait);
	}
	rcu_read_unlock();
}

/*
 * iocp_pwq_gone - the wait queue goes before the file does (POLLFREE)
 *
 * The last thing that a wake-up does with the entry: once whead is NULL
 * iocp_pwq_del() leaves it alone.
 */
void iocp_pwq_gone(struct iocp_pwq *pwq)
{
	list_del_init(&pwq->wait.entry);
	/* the entry first; pairs with the acquire in iocp_pwq_del() */
	smp_store_release(&pwq->whead, NULL);
}

static int iocp_stream_wake(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct iocp_pwq *pwq = container_of(wait, struct iocp_pwq, wait);
	struct iocp_assoc *assoc = wait->private;
	__poll_t events = key_to_poll(key);
	int i;

	for (i = 0; i < ARRAY_SIZE(assoc->dir); i++) {
		struct iocp_dir *dir = &assoc->dir[i];

		if (events && !(events & dir->events))
			continue;
		if (atomic_cmpxchg(&dir->state, IOCP_DIR_ARMED, IOCP_DIR_BUSY) != IOCP_DIR_ARMED)
			continue;
		/* Armed with nothing left to do, and on its way out: let it go. */
		if (refcount_inc_not_zero(&assoc->refs))
			queue_delayed_work(iocp_wq_of(assoc->file), &dir->work, 0);
	}
	if (events & POLLFREE)
		iocp_pwq_gone(pwq);
	return 1;
}

/*
 * Arms a direction that we own (BUSY).  IOCP_ARMED: somebody else owns it now;
 * IOCP_READY: still ours, try again; IOCP_MARKED: still ours, the head is to be
 * cancelled.
 */
static enum iocp_arm iocp_dir_arm(struct iocp_dir *dir)
{
	struct iocp_assoc *assoc = dir->assoc;
	struct iocp_req *head;
	unsigned long flags;

	spin_lock_irqsave(&assoc->lock, flags);
	head = iocp_dir_head(dir);
	if (head && head->cancel) {
		spin_unlock_irqrestore(&assoc->lock, flags);
		return IOCP_MARKED;
	}
	dir->thread = NULL;
	atomic_set(&dir->state, IOCP_DIR_ARMED);
	spin_unlock_irqrestore(&assoc->lock, flags);
	/* Pairs with the file's own order: make ready, then look for waiters. */
	smp_mb();
	if (!iocp_dir_ready(dir))
		return IOCP_ARMED;
	if (atomic_cmpxchg(&dir->state, IOCP_DIR_ARMED, IOCP_DIR_BUSY) != IOCP_DIR_ARMED)
		return IOCP_ARMED;
	return IOCP_READY;
}

/*
 * Tries the head once; -EAGAIN, an error, or 0: it is done as far as it will
 * be.  Writes go on until all is written (OV-20), reads take what there is.
 */
static ssize_t iocp_stream_try(struct iocp_req *req, bool user, bool block)
{
	struct iocp_dir *dir = &req->assoc->dir[req->def->write];
	ssize_t ret;

	/* An empty read of a socket asks whether there is something to read (OV-19). */
	if (!req->total && !req->def->write && req->assoc->caps & IOCP_CAP_SOCKET)
		return iocp_dir_ready(dir) ? 0 : -EAGAIN;
	do {
		ret = iocp_rw_stream_try(req, user, block);
		if (ret < 0)
			return ret;
		req->done += ret;
	} while (ret && req->def->write && req->done < req->total &&
		 !(req->flags & IOCP_OP_F_ANY_SHORT));
	return 0;
}

static bool iocp_stream_once(struct iocp_req *req)
{
	return req->op_flags & (__force u32)RWF_NOWAIT;
}

/* Goes on with a direction that we own, in a kworker or a kernel thread. */
static void iocp_dir_run(struct iocp_dir *dir, bool block)
{
	struct iocp_assoc *assoc = dir->assoc;
	int spins = 0, budget = IOCP_STREAM_BUDGET;
	const struct cred *old_cred;
	struct iocp_req *req;
	unsigned int noio;
	ssize_t ret;

	for (;;) {
		if (block)
			flush_signals(current);
		spin_lock_irq(&assoc->lock);
		dir->thread = block ? current : NULL;
		req = iocp_dir_head(dir);
		if (!req) {
			dir->thread = NULL;
			atomic_set(&dir->state, IOCP_DIR_IDLE);
			spin_unlock_irq(&assoc->lock);
			return;
		}
		if (req->cancel) {
			list_del_init(&req->queue);
			list_del(&req->pkt.node);
			spin_unlock_irq(&assoc->lock);
			iocp_req_end_unlinked(req, -ECANCELED);
			continue;
		}
		spin_unlock_irq(&assoc->lock);
		if (!budget--) {
			iocp_dir_requeue(dir, 0);
			return;
		}

		/* A head is only marked while we own the direction, so it stays. */
		ret = -EAGAIN;
		if (!block || iocp_dir_ready(dir)) {
			noio = iocp_work_begin(req, &old_cred);
			ret = iocp_stream_try(req, false, block);
			iocp_work_end(noio, old_cred);
		}
		if (block && (ret == -ERESTARTSYS || ret == -EINTR))
			continue;	/* marked, or a late signal for the one before */
		if (ret == -EAGAIN && !iocp_stream_once(req)) {
			switch (iocp_dir_arm(dir)) {
			case IOCP_ARMED:
				return;
			case IOCP_READY:
				if (++spins < IOCP_STREAM_SPINS)
					break;
				/* Poll and the file disagree; do not burn the CPU over it. */
				iocp_dir_requeue(dir, 1);
				return;
			case IOCP_MARKED:
				break;
			}
			cond_resched();
			continue;
		}
		spins = 0;
		/* Off both lists at once, or CANCEL would take it for its own. */
		spin_lock_irq(&assoc->lock);
		list_del_init(&req->queue);
		list_del(&req->pkt.node);
		spin_unlock_irq(&assoc->lock);
		iocp_req_end_unlinked(req, ret);
		cond_resched();
	}
}

static int iocp_dir_thread(void *arg)
{
	struct iocp_dir *dir = arg;
	struct iocp_assoc *assoc = dir->assoc;

	allow_signal(SIGKILL);
	iocp_dir_run(dir, true);
	iocp_assoc_put(assoc);
	module_put_and_kthread_exit(0);
	return 0;
}

static void iocp_dir_work(struct work_struct *work)
{
	struct iocp_dir *dir = container_of(to_delayed_work(work), struct iocp_dir, work);
	struct iocp_assoc *assoc = dir->assoc;
	struct task_struct *thread;

	if (!(assoc->caps & IOCP_CAP_THREAD)) {
		iocp_dir_run(dir, false);
		iocp_assoc_put(assoc);
		return;
	}
	thread = kthread_create(iocp_dir_thread, dir, "iocp/%u", assoc->index);
	if (IS_ERR(thread)) {
		iocp_dir_kick(dir, HZ / 10);
		iocp_assoc_put(assoc);
		return;
	}
	__module_get(THIS_MODULE);
	wake_up_process(thread);
}

/*
 * iocp_stream_submit - queue an operation in its direction, and try it if it is first
 *
 * -EIOCBQUEUED, or the outcome: 0 with the bytes in req->done, or an error; then
 * the request is off every list.
 */
ssize_t iocp_stream_submit(struct iocp_req *req)
{
	struct iocp_assoc *assoc = req->assoc;
	struct iocp_dir *dir = &assoc->dir[req->def->write];
	bool mine = false, elsewhere;
	ssize_t ret;
	int spins;

	req->state = IOCP_REQ_STREAM;
	spin_lock_irq(&assoc->lock);
	if (!iocp_req_link(req)) {
		spin_unlock_irq(&assoc->lock);
		return -ENOENT;
	}
	list_add_tail(&req->queue, &dir->queue);
	if (iocp_dir_head(dir) == req) {
		if (atomic_read(&dir->state) == IOCP_DIR_IDLE) {
			atomic_set(&dir->state, IOCP_DIR_BUSY);
			mine = true;
		} else {
			/* Armed by one that was cancelled; or somebody is about to see us. */
			mine = atomic_cmpxchg(&dir->state, IOCP_DIR_ARMED,
					      IOCP_DIR_BUSY) == IOCP_DIR_ARMED;
		}
	}
	spin_unlock_irq(&assoc->lock);
	if (!mine)
		return -EIOCBQUEUED;

	/*
	 * Not in the submitter: what may sleep, what was asked to go elsewhere, and
	 * a write whose SIGPIPE the program does not want (a kworker ignores it).
	 */
	elsewhere = assoc->caps & IOCP_CAP_THREAD || req->flags & IOCP_OP_F_FORCE_PUNT ||
		    (req->def->write && req->flags & IOCP_OP_F_NOSIGNAL &&
		     !(assoc->caps & IOCP_CAP_SOCKET));
	for (spins = 0; !elsewhere; spins++) {
		ret = iocp_stream_try(req, true, false);
		if (ret == -ERESTARTSYS || ret == -EINTR)
			break;
		if (ret != -EAGAIN || iocp_stream_once(req))
			goto ended;
		switch (iocp_dir_arm(dir)) {
		case IOCP_ARMED:
			return -EIOCBQUEUED;
		case IOCP_READY:
			elsewhere = spins == IOCP_STREAM_SPINS;
			break;
		case IOCP_MARKED:
			elsewhere = true;
			break;
		}
	}
	iocp_dir_kick(dir, 0);
	return -EIOCBQUEUED;

ended:
	spin_lock_irq(&assoc->lock);
	list_del_init(&req->queue);
	list_del(&req->pkt.node);
	if (list_empty(&dir->queue))
		atomic_set(&dir->state, IOCP_DIR_IDLE);
	else
		iocp_dir_kick(dir, 0);
	spin_unlock_irq(&assoc->lock);
	return ret;
}

/*
 * iocp_stream_cancel - under assoc->lock, interrupts off
 *
 * Returns 0 if the request was taken out of its direction and is the caller's to
 * end; 1 if it is being tried and was marked.
 */
int iocp_stream_cancel(struct iocp_req *req)
{
	struct iocp_dir *dir = &req->assoc->dir[req->def->write];

	if (iocp_dir_head(dir) == req && atomic_read(&dir->state) == IOCP_DIR_BUSY) {
		req->cancel = true;
		if (dir->thread)
			send_sig(SIGKILL, dir->thread, 1);
		return 1;
	}
	list_del_init(&req->queue);
	return 0;
}

struct iocp_poll_table {
	poll_table pt;
	struct iocp_assoc *assoc;
	int error;
};

static void iocp_stream_queue_proc(struct file *file, wait_queue_head_t *whead, poll_table *pt)
{
	struct iocp_poll_table *t = container_of(pt, struct iocp_poll_table, pt);
	struct iocp_assoc *assoc = t->assoc;

	if (assoc->nr_pwq == ARRAY_SIZE(assoc->pwq)) {
		t->error = -EOPNOTSUPP;
		return;
	}
	iocp_pwq_add(&assoc->pwq[assoc->nr_pwq++], whead, iocp_stream_wake, assoc);
}

static void iocp_dir_init(struct iocp_assoc *assoc, int i, __poll_t events)
{
	struct iocp_dir *dir = &assoc->dir[i];

	dir->assoc = assoc;
	INIT_LIST_HEAD(&dir->queue);
	atomic_set(&dir->state, IOCP_DIR_IDLE);
	INIT_DELAYED_WORK(&dir->work, iocp_dir_work);
	dir->events = events | EPOLLERR | EPOLLHUP;
}

/*
 * iocp_stream_init - what kind of file is it?
 *
 * In ASSOCIATE, before anybody else knows the association.  Adds to its caps.
 */
int iocp_stream_init(struct iocp_assoc *assoc)
{
	const u64 rw = BIT_ULL(IOCP_OP_READ) | BIT_ULL(IOCP_OP_WRITE);
	struct iocp_poll_table t = { .assoc = assoc };
	struct file *file = assoc->file;
	umode_t mode = file_inode(file)->i_mode;

	if (S_ISREG(mode) || S_ISBLK(mode) || S_ISDIR(mode)) {
		if (file->f_flags & O_DIRECT)
			assoc->caps |= IOCP_CAP_DIRECT;
		return 0;
	}
	if (!file_can_poll(file) || !(assoc->caps & rw)) {
		if (!(file->f_mode & FMODE_NOWAIT))
			assoc->caps |= IOCP_CAP_THREAD;
		return 0;
	}

	assoc->caps |= IOCP_CAP_STREAM;
	if (S_ISSOCK(mode)) {
		assoc->caps |= IOCP_CAP_SOCKET;
	} else if (S_ISFIFO(mode)) {
		if (!iocp_pipe_knows_nowait()) {
			struct file *nb;

			nb = dentry_open(&file->f_path, (file->f_flags & O_ACCMODE) | O_NONBLOCK,
					 current_cred());
			if (IS_ERR(nb))
				return -EOPNOTSUPP;
			assoc->nb_file = nb;
		}
	} else if (!(file->f_mode & FMODE_NOWAIT)) {
		assoc->caps |= IOCP_CAP_THREAD;
	}
	iocp_dir_init(assoc, IOCP_DIR_READ, EPOLLIN | EPOLLRDNORM | EPOLLRDHUP);
	iocp_dir_init(assoc, IOCP_DIR_WRITE, EPOLLOUT | EPOLLWRNORM);
	init_poll_funcptr(&t.pt, iocp_stream_queue_proc);
	vfs_poll(file, &t.pt);
	if (t.error) {
		iocp_stream_exit(assoc);
		if (assoc->nb_file)
			fput(assoc->nb_file);
		assoc->nb_file = NULL;
	}
	return t.error;
}

/*
 * iocp_stream_exit - off the file's wait queues
 *
 * From any context, when no operation is left.
 */
void iocp_stream_exit(struct iocp_assoc *assoc)
{
	iocp_pwq_del(assoc->pwq, assoc->nr_pwq);
}
