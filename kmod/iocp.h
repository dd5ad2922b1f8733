/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * iocp.h - the module's own types, their owners and their locks.
 *
 * Objects, and who keeps whom:
 *
 *   port     one open of /dev/iocp.  Kept at work by the open file, by every
 *            association and owner, and pins the module.  A worker keeps no
 *            more than the structure.
 *   owner    one process (mm) that has associations in the port.  Its
 *            mmu_notifier tells when that mm ends, by exit, kill or exec.
 *   assoc    a file in a port, or what a process has there that needs none.
 *	      Kept by the port's table until DISASSOCIATE or the process's end,
 *            by each operation in flight and by stream work that runs.
 *            It keeps the file, the port and the owner.
 *   req      one operation that outlives its submission.  Two references:
 *            the submitter's, as long as it is inside the file's read_iter or
 *            write_iter, and the completion's, which the packet inherits.
 *   pkt      a packet that can wait in a list; part of a req, of an assoc
 *            (LAST) or alone (posted).  Memory for it is there before an
 *            operation starts, so a completion cannot fail.
 *   worker   a thread that waits on the port (CP-30); ends with the thread.
 *
 * Locks, outer to inner:
 *
 *   port->mutex        owners, associations coming and going; may sleep, but
 *                      never for the program's memory or for a file
 *   assoc->lock        (irq) the association's operations and their state
 *   owner->lock        (irq) the owner's list of associations; innermost
 *   port->punt_lock    (irq) operations that wait for the work queue
 *   port->lock         (raw, irq) packets, waiters, active count, the ring
 *
 * port->lock is a raw lock because a thread's death is reported from hard
 * irq, also on PREEMPT_RT.  Under it nothing may take a sleeping lock: no
 * kfree(), no wake_up() of a wait queue, no fput().  Waking a task is fine.
 * Packets whose content was copied out are gathered in a list and let go after
 * unlocking; poll waiters are woken after unlocking.
 */
#ifndef IOCP_H
#define IOCP_H

#include <linux/bvec.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/ktime.h>
#include <linux/llist.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/nospec.h>
#include <linux/poll.h>
#include <linux/preempt.h>
#include <linux/refcount.h>
#include <linux/uio.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <linux/iocp.h>

#include "compat.h"

#define IOCP_NAME		"iocp"

/* make IOCP_DEBUG=y */
#ifdef IOCP_DEBUG
#define IOCP_CHECKS		1
#else
#define IOCP_CHECKS		0
#endif

/* Flags of operations that are known; the others are refused. */
#define IOCP_OP_F_KNOWN		(IOCP_OP_F_INLINE_OK | IOCP_OP_F_NOSIGNAL | \
				 IOCP_OP_F_FORCE_PUNT | IOCP_OP_F_KEY_IN_AUX2 | \
				 IOCP_OP_F_PRIO_MASK | IOCP_OP_F_ANY_SHORT)

#define IOCP_COPY_BATCH		16	/* packets on the stack at a time */

struct iocp_assoc;
struct iocp_ring;
struct iocp_user;

/* Where a packet's memory comes from. */
enum iocp_pkt_type {
	IOCP_PKT_REQ,			/* struct iocp_req.pkt */
	IOCP_PKT_POSTED,		/* alone, from iocp_pkt_cache */
	IOCP_PKT_LAST,			/* struct iocp_assoc.last */
};

/*
 * struct iocp_pkt - a packet and its place in one of the port's lists
 * @node: in the port's lists, protected by port->lock
 * @p: what the program gets
 * @type: who frees it
 */
struct iocp_pkt {
	struct list_head node;
	struct iocp_packet p;
	enum iocp_pkt_type type;
};

/* In order of service; the ring is served between HIGH and NORMAL. */
enum iocp_list {
	IOCP_LIST_FRONT,		/* packets given back after a failed copy */
	IOCP_LIST_HIGH,
	IOCP_LIST_NORMAL,
	IOCP_LIST_LOW,
	IOCP_NR_LISTS
};

/* A thread inside ENTER's wait, on its stack. */
enum iocp_waiter_state {
	IOCP_WAITING,
	IOCP_HANDED,			/* *@p is filled in */
	IOCP_RETRY,			/* look at the queue again, in your own context */
	IOCP_SHUT,			/* the port was shut down */
};

/*
 * struct iocp_waiter - a parked thread
 * @node: in port->waiters or port->guests, newest first; port->lock
 * @task: whom to wake
 * @p: where its packet goes, valid once @state is IOCP_HANDED
 * @seq: order of arrival among both lists
 * @state: written under port->lock, read by the waiter with acquire
 * @guest: does not count as active and is not bound by the limit (NO_ASSOC)
 * @last: nobody else was waiting when the packet was handed over
 */
struct iocp_waiter {
	struct hlist_node node;
	struct task_struct *task;
	struct iocp_packet *p;
	u64 seq;
	int state;
	bool guest;
	bool last;
};

/* The shared pages of a ring: see ring.c. */
struct iocp_ring_ro {
	u64 tail;
	u32 must_enter;
	u32 more;
};

struct iocp_ring_rw {
	u64 head;
};

/*
 * struct iocp_ring - the kernel's view
 * @pages: nr_ro_pages, then the head's page
 * @tail: ours is the truth
 * @seen: the last head that we read
 * @popped: packets that we took ourselves
 *
 * Under port->lock but for the programs' stores.
 */
struct iocp_ring {
	struct file *file;
	struct page **pages;
	unsigned int nr_ro_pages;
	u32 entries;
	struct iocp_ring_ro *ro;
	struct iocp_packet *packets;
	struct iocp_ring_rw *rw;
	u64 tail;
	u64 seen;
	u64 popped;
	u64 broken;
	bool is_broken;
};

/*
 * struct iocp_port - a completion port
 *
 * Comments name the lock of each group; without one a field is constant from
 * SETUP on.  @live is published with release after everything else.
 */
struct iocp_port {
	u64 id;				/* unique; for people who look at ports */
	refcount_t users;		/* while there are any, the port works */
	refcount_t refs;		/* of the structure: workers, and all users as one */
	atomic_t setup_begun;
	int live;			/* SETUP has been done */

	/* lock: packets, waiters and who runs */
	raw_spinlock_t lock;
	struct list_head lists[IOCP_NR_LISTS];
	u32 nr_listed;			/* packets in all lists */
	/*
	 * NULL: none, or nobody uses the port any more.  sched_out looks at it
	 * without the lock, so it is freed a grace period later.
	 */
	struct iocp_ring *ring;
	struct iocp_ring *dead_ring;
	struct hlist_head waiters;	/* associated threads, newest first */
	struct hlist_head guests;	/* NO_ASSOC threads, newest first */
	u32 nr_waiting;
	u64 waiter_seq;
	/*
	 * CP-31: workers that run.  A worker that blocks takes itself off without
	 * the lock (iocp_worker_blocked()), and comes back without it if that does
	 * not exceed the limit; everything else is under it.
	 */
	atomic_t active;
	atomic_t nr_workers;		/* associated threads */
	u32 nr_owing;			/* STRICT: those that shall let others go first */
	struct list_head deferred;	/* passed on in hard irq, to be freed elsewhere */
	bool words_stale;		/* the ring's words may have changed */
	bool shut;			/* SHUTDOWN or last close: nothing is queued any more */
	u64 st_completed, st_posts, st_handed, st_taken, st_given_back, st_dropped;
	u64 st_block_releases, st_short_blocks, st_over_limits;
	u32 st_max_active;
	/* without the lock, too */
	atomic64_t st_blocks, st_wanted;
	atomic64_t st_over_ns;		/* see iocp_active_inc() */
	struct irq_work blocked_work;	/* a worker blocked and somebody may run in its place */

	wait_queue_head_t poll_wait;

	u32 concurrency;
	bool detect;			/* notice workers that block */
	bool strict;			/* who came back over the limit lets others go first */
	u64 block_delay_ns;		/* how long a block must last */
	u32 max_inflight;
	u32 max_posted;
	struct iocp_user *user;

	atomic_t nr_reqs;		/* requests in use, at most max_inflight */
	atomic_t nr_posted;		/* posted packets in lists, at most max_posted */
	atomic64_t next_id;

	struct llist_head free_reqs;	/* requests to be used again, from any context */
	spinlock_t free_lock;		/* protects free_head */
	struct llist_node *free_head;

	spinlock_t punt_lock;		/* protects what follows: operations for the work queue */
	struct list_head punt_pending;
	u32 punt_running;
	u32 pinned_pages;		/* pinned in advance, of those that have not started */
	u64 st_punted;

	/* mutex: owners and associations coming and going */
	struct mutex mutex;
	struct list_head owners;
	struct xarray assocs;		/* lookups under RCU */
	struct hlist_head fileless;	/* associations without a file; likewise */
	u32 nr_assocs;
	u32 next_index;
	u32 next_gen;

	struct rcu_work free_work;

	/* of use to iocp_port_check() only */
	atomic_t dbg_blocking;		/* workers between count and irq_work */
	u32 dbg_retrying;		/* waiters woken with IOCP_RETRY; lock */
};

/* Of an active worker. */
enum iocp_sleep {
	IOCP_RUNS,
	IOCP_SLEEPS,			/* so it is not in port->active */
	IOCP_SLEEPS_RELEASED,		/* and another may run for it */
	IOCP_SLEEPS_COUNTED,		/* the port's block_delay has not passed */
	IOCP_SLEEPS_LONG,		/* it has, so it is not in port->active */
};

/*
 * struct iocp_worker - a thread that waited on a port; see worker.c
 * @port: NULL: detached
 * @active: it left the wait, and has not entered it again
 * @watched: and the port wants to know when it blocks
 * @owes: it came back over the limit; in STRICT ports
 * @sleep: enum iocp_sleep
 * @released_at: when its block let another run
 * @releases: what port->st_block_releases was before
 * @dead_work, @work: the end of the thread
 * @delay_work, @timer: the port's block_delay
 */
struct iocp_worker {
#ifdef CONFIG_PREEMPT_NOTIFIERS
	struct preempt_notifier notifier;
#endif
	struct iocp_port *port;
	bool active;
	bool watched;
	bool owes;
	u8 sleep;
	u64 released_at;
	u64 releases;
	struct irq_work dead_work;
	struct irq_work delay_work;
	struct hrtimer timer;
	struct work_struct work;
};

/*
 * struct iocp_owner - a process that has associations in a port
 * @mn: registered with @mm until the owner ends; it pins @mm (mmgrab)
 * @node: in port->owners, under port->mutex
 * @lock: protects @assocs
 * @assocs: its associations, also those that were taken out of the port
 * @ended: under port->mutex
 */
struct iocp_owner {
	refcount_t refs;
	struct mmu_notifier mn;
	struct mm_struct *mm;
	struct iocp_port *port;
	struct list_head node;
	spinlock_t lock;		/* protects assocs */
	struct list_head assocs;
	struct work_struct work;
	struct work_struct free_work;
	bool ended;
};

/* A wait-queue entry of a file; @wait.private is whose it is. */
#define IOCP_MAX_PWQ		4	/* per file */
struct iocp_pwq {
	wait_queue_entry_t wait;
	wait_queue_head_t *whead;	/* NULL: in none, or POLLFREE came */
};

/* Who may touch a direction's queue head: see stream.c. */
enum iocp_dir_state {
	IOCP_DIR_IDLE,
	IOCP_DIR_BUSY,
	IOCP_DIR_ARMED,
};

/*
 * struct iocp_dir - one direction of a stream: its operations in order
 * @queue: requests, under assoc->lock; the head is the one being done
 * @state: enum iocp_dir_state
 * @work: goes on with the head after the file became ready
 * @thread: runs instead of @work for files that cannot but block; assoc->lock
 */
struct iocp_dir {
	struct iocp_assoc *assoc;
	struct list_head queue;
	atomic_t state;
	struct delayed_work work;
	struct task_struct *thread;
	__poll_t events;
};

enum { IOCP_DIR_READ, IOCP_DIR_WRITE };

/*
 * struct iocp_assoc - a file in a port
 *
 * @lock protects @ops, @appends, @dir queues, @gone and the requests' cancel state.
 *
 * Operations without a file need the same: something that CANCEL and the end of
 * their process find them by.  So each process may have one association in a port
 * that has no file and no index (iocp_fileless_get()).  There may be very many of
 * those operations, so they are in several lists, by their ids.
 */
struct iocp_assoc {
	refcount_t refs;
	u32 index;
	u32 gen;
	u32 modes;			/* only ever gains bits */
	u32 prio;			/* IOCP_PRIO_*, never default */
	u64 key;
	u64 caps;
	struct iocp_port *port;
	struct iocp_owner *owner;
	struct mm_struct *mm;		/* owner->mm, for the check in every submit */
	struct file *file;		/* NULL: of operations without one */
	struct file *nb_file;		/* see iocp_pipe_knows_nowait() */

	spinlock_t lock;		/* protects ops, appends, gone, dir queues, cancel state */
	struct list_head appends;	/* appending writes that wait for the one before */
	bool append_busy;
	bool gone;
	bool notify_last;
	struct iocp_pkt last;

	struct iocp_dir dir[2];
	struct iocp_pwq pwq[IOCP_MAX_PWQ];
	unsigned int nr_pwq;

	struct list_head owner_node;	/* owner->lock */
	struct hlist_node exclusive;	/* the table of EXCLUSIVE files */
	struct hlist_node fileless;	/* in port->fileless */
	struct rcu_head rcu;
	u32 ops_mask;
	struct list_head ops[];		/* each in submission order */
};

/* Pages of a user buffer, pinned. */
struct iocp_chunk {
	unsigned int nr;
	size_t bytes;
	struct bio_vec bv[];
};

/* Where a request is, for CANCEL; changes under assoc->lock. */
enum iocp_req_state {
	IOCP_REQ_ISSUED,		/* with the device: nothing can stop it */
	IOCP_REQ_STREAM,		/* in its direction's queue */
	IOCP_REQ_PUNTED,		/* pending in, or given to, the work queue */
	IOCP_REQ_RUNNING,		/* a kernel worker is inside it */
	IOCP_REQ_WAIT,
	IOCP_REQ_TIMER,
};

/*
 * struct iocp_req - one operation
 * @pkt: the packet; before completion @pkt.node is in assoc->ops, and only
 *	@p.overlapped is meaningful
 * @refs: submitter and completion
 * @queue: in a direction's queue, in assoc->appends, or in port->punt_pending
 * @submitter: cookie of the submitting thread, never dereferenced
 * @done: bytes moved by earlier tries
 * @work: of the work queue; made ready by whoever queues it
 * @total: bytes asked for
 * @chunk: pages pinned in advance
 * @thread: the kernel thread that runs it, for files that need one; assoc->lock
 *
 * There may be very many: keep it within five cache lines.
 */
struct iocp_req {
	struct iocp_pkt pkt;
	const struct iocp_opdef *def;
	struct iocp_port *port;
	struct iocp_assoc *assoc;
	atomic_t refs;
	u16 flags;			/* IOCP_OP_F_* */
	u8 state;			/* enum iocp_req_state */
	bool cancel;			/* assoc->lock */
	bool noio;			/* the submitter may not start I/O for memory */
	bool sb_write;			/* we hold the superblock's write access */
	bool append;			/* a write at the end of a regular file: punt.c */
	bool append_turn;		/* and it is its turn; assoc->lock */
	u16 ioprio;			/* the submitter's */
	u32 op_flags;
	union {
		u64 id;
		struct llist_node free;	/* in port->free_reqs */
	};
	const void *submitter;
	struct list_head queue;
	size_t done;
	const struct cred *cred;
	struct work_struct work;

	union {
		/* on files: punt.c uses some of it for all of them, op_rw.c the rest */
		struct {
			struct kiocb kiocb;
			loff_t pos;
			size_t total;
			u64 fsize_limit;	/* RLIMIT_FSIZE of the submitter */
			struct iovec *iov;	/* the segments: inline_iov or allocated */
			struct iovec inline_iov[2];
			struct iocp_chunk *chunk;
			struct task_struct *thread;
			unsigned int nr_segs;
			unsigned int chunk_pages;	/* of it, counted in port->pinned_pages */
		};
		/* TIMER and WAIT; all but @timer is WAIT's, see op_wait.c */
		struct {
			struct hrtimer timer;
			struct file *file;
			struct iocp_pwq pwq;
			struct iocp_pwq *more;	/* of files that have several wait queues */
			atomic_t armed;		/* enum iocp_wait_state */
			u8 nr_pwq;
			bool timed;		/* the deadline's timer was started */
			bool timed_out;		/* assoc->lock */
			bool dead;		/* POLLFREE came */
		};
	};
};

/* Fields of struct iocp_op that an operation reads; the others must be 0. */
#define IOCP_FIELD_OP_FLAGS	BIT(0)
#define IOCP_FIELD_ADDR		BIT(1)
#define IOCP_FIELD_LEN		BIT(2)
#define IOCP_FIELD_OFF		BIT(3)
#define IOCP_FIELD_AUX2		BIT(4)
#define IOCP_FIELD_AUX		BIT(5)

enum iocp_op_file { IOCP_FILE_NONE, IOCP_FILE_OPTIONAL, IOCP_FILE_NEEDED };

/*
 * struct iocp_opdef - one line of the op table
 * @fields: IOCP_FIELD_*
 * @file: whether it works on an association
 * @write: it is a write (else a read), for streams
 * @rw: it moves data: streams queue it per direction
 * @post: a packet of the program's own
 * @kind: of its packet
 * @possible: can it be done on this file at all (for caps)
 * @prep: check and copy everything from user space; may sleep; -errno refuses
 * @start: of operations without a file: all the rest, links it itself; -EIOCBQUEUED,
 *	or the outcome, and then it is off every list
 * @issue: try in the submitter without blocking; bytes, -EIOCBQUEUED, -EAGAIN
 *	to go to the work queue, or an error
 * @work: do it, blocking, in process context; sets req->done, 0 or -errno
 * @cleanup: give back what prep and start took
 */
struct iocp_opdef {
	const char *name;
	u32 fields;
	enum iocp_op_file file;
	bool write;
	bool rw;
	bool post;
	u8 kind;
	bool (*possible)(struct file *file);
	int (*prep)(struct iocp_req *req, const struct iocp_op *op);
	ssize_t (*start)(struct iocp_req *req);
	ssize_t (*issue)(struct iocp_req *req);
	int (*work)(struct iocp_req *req);
	void (*cleanup)(struct iocp_req *req);
};

/* Live objects, for the leak tests (debugfs iocp/objects). */
struct iocp_objects {
	atomic_t ports, assocs, requests, owners, workers, posted;
};

extern struct iocp_objects iocp_objects;
extern struct workqueue_struct *iocp_io_wq;
extern struct workqueue_struct *iocp_stream_wq;
extern struct workqueue_struct *iocp_flush_wq;
extern struct workqueue_struct *iocp_end_wq;
extern struct kmem_cache *iocp_pkt_cache;
extern struct kmem_cache *iocp_req_cache;
extern unsigned int iocp_max_ops;
extern unsigned int iocp_max_assocs;
extern unsigned int iocp_max_ports;
extern unsigned int iocp_max_memory;
extern const struct file_operations iocp_fops;

/* Fewer workers run than may. */
static inline bool iocp_port_has_slot(struct iocp_port *port)
{
	return atomic_read(&port->active) < (int)port->concurrency;
}

/*
 * port->active was counted up to @active.  Under port->lock.
 *
 * Time over the limit: the way up subtracts the time and the way down adds it.
 * They alternate, so below the limit the sum is what was spent above it.
 */
static inline void iocp_active_rose(struct iocp_port *port, int active)
{
	if (active > (int)port->st_max_active)
		WRITE_ONCE(port->st_max_active, active);
	if (unlikely(active == (int)port->concurrency + 1)) {
		port->words_stale = true;
		port->st_over_limits++;
		atomic64_sub(ktime_get_mono_fast_ns(), &port->st_over_ns);
	}
}

/* One more worker runs.  Under port->lock. */
static inline void iocp_active_inc(struct iocp_port *port)
{
	iocp_active_rose(port, atomic_inc_return(&port->active));
}

/*
 * And down.  Also without the lock: then the caller sees to it that the ring's
 * words are brought up to date, see iocp_worker_blocked().
 */
static inline void iocp_active_fell(struct iocp_port *port, int active)
{
	if (unlikely(active == (int)port->concurrency)) {
		WRITE_ONCE(port->words_stale, true);
		atomic64_add(ktime_get_mono_fast_ns(), &port->st_over_ns);
	}
}

/* One less.  Under port->lock. */
static inline void iocp_active_dec(struct iocp_port *port)
{
	iocp_active_fell(port, atomic_dec_return(&port->active));
}

/* Under port->lock: it runs on; port->active was counted by who let it. */
static inline void iocp_worker_start(struct iocp_worker *worker)
{
	worker->active = true;
	worker->watched = worker->port->detect;
}

/* Under port->lock: the worker waits (CP-32a).  True if others shall go first. */
static inline bool iocp_worker_stop(struct iocp_worker *worker)
{
	if (!worker->active)
		return false;
	worker->active = false;
	worker->watched = false;
	iocp_active_dec(worker->port);
	if (likely(!worker->owes))
		return false;
	worker->owes = false;
	worker->port->nr_owing--;
	worker->port->words_stale = true;
	return true;
}

/* Without the lock: a hint whether packets wait there. */
static inline bool iocp_ring_maybe(struct iocp_ring *ring)
{
	return READ_ONCE(ring->tail) != READ_ONCE(ring->rw->head) && !READ_ONCE(ring->is_broken);
}

/* Packets wait.  Under port->lock "no" is exact; without it a hint. */
static inline bool iocp_port_maybe_queued(struct iocp_port *port)
{
	struct iocp_ring *ring;

	if (READ_ONCE(port->nr_listed))
		return true;
	ring = READ_ONCE(port->ring);
	return ring && iocp_ring_maybe(ring);
}

/*
 * port->lock is always let go by iocp_port_unlock(): a debug build (IOCP_DEBUG)
 * checks there that CP-40 and the counts hold.
 */
void iocp_port_check(struct iocp_port *port);

#define iocp_port_lock(port, flags)	raw_spin_lock_irqsave(&(port)->lock, flags)

/* In process context, where interrupts are on. */
#define iocp_port_lock_irq(port)	raw_spin_lock_irq(&(port)->lock)

static inline void iocp_port_unlock(struct iocp_port *port, unsigned long flags)
	__releases(&port->lock)
{
	if (IOCP_CHECKS)
		iocp_port_check(port);
	raw_spin_unlock_irqrestore(&port->lock, flags);
}

static inline void iocp_port_unlock_irq(struct iocp_port *port)
	__releases(&port->lock)
{
	if (IOCP_CHECKS)
		iocp_port_check(port);
	raw_spin_unlock_irq(&port->lock);
}

/* SETUP has been done, and all it wrote can be seen. */
static inline bool iocp_port_is_live(struct iocp_port *port)
{
	/* pairs with the release in iocp_setup() */
	return smp_load_acquire(&port->live);
}

/* main.c */
int iocp_copy_args(void *dst, size_t ksize, void __user *uarg);
int iocp_copy_back(void __user *uarg, const void *src, size_t ksize);

/* port.c */
struct iocp_port *iocp_port_create(void);
void iocp_port_get(struct iocp_port *port);
void iocp_port_put(struct iocp_port *port);
void iocp_port_hold(struct iocp_port *port);
void iocp_port_drop(struct iocp_port *port);
void iocp_port_close(struct iocp_port *port);
int iocp_port_queue(struct iocp_port *port, struct iocp_pkt *pkt);
int iocp_port_post(struct iocp_port *port, const struct iocp_packet *p);
void iocp_port_release(struct iocp_port *port, struct list_head *done);
bool iocp_port_take(struct iocp_port *port, struct iocp_packet *p, struct list_head *done);
void iocp_port_give_back(struct iocp_port *port, const struct iocp_packet *p, unsigned int nr);
void iocp_port_set_words(struct iocp_port *port);
void iocp_port_want_thread(struct iocp_port *port, int active);
void iocp_port_blocked_long(struct iocp_port *port);
u64 iocp_port_depth(struct iocp_port *port);
int iocp_port_shutdown(struct iocp_port *port, u64 *dropped);
void iocp_port_free_done(struct iocp_port *port, struct list_head *done);
void iocp_port_wake_poll(struct iocp_port *port);
bool iocp_user_charge_assoc(struct iocp_port *port);
void iocp_user_uncharge_assoc(struct iocp_port *port);
bool iocp_user_charge_op(struct iocp_port *port);
void iocp_user_uncharge_op(struct iocp_port *port);
bool iocp_user_charge_memory(struct iocp_port *port, size_t bytes);
void iocp_user_uncharge_memory(struct iocp_port *port, size_t bytes);

/* Under port->lock, before it is let go. */
static inline void iocp_port_update_words(struct iocp_port *port)
{
	if (unlikely(port->words_stale))
		iocp_port_set_words(port);
}

/* Frees what was passed on; process context, no locks. */
static inline void iocp_port_flush_done(struct iocp_port *port, struct list_head *done)
{
	if (!list_empty(done) || unlikely(!list_empty(&port->deferred)))
		iocp_port_free_done(port, done);
}

/* ring.c */
size_t iocp_ring_bytes(u32 entries);
struct iocp_ring *iocp_ring_create(u32 entries);
void iocp_ring_put(struct iocp_ring *ring);
void iocp_ring_describe(struct iocp_ring *ring, struct iocp_setup *setup);
bool iocp_ring_has_room(struct iocp_ring *ring);
void iocp_ring_push(struct iocp_ring *ring, const struct iocp_packet *p);
int iocp_ring_pop(struct iocp_ring *ring, struct iocp_packet *p);
u64 iocp_ring_taken(struct iocp_ring *ring);
u32 iocp_ring_used(struct iocp_ring *ring);
u64 iocp_ring_broken(struct iocp_ring *ring);
void iocp_ring_set_words(struct iocp_ring *ring, u32 must_enter, u32 more);
int iocp_ring_mmap(struct iocp_ring *ring, struct vm_area_struct *vma);

/* stats.c */
long iocp_stats(struct iocp_port *port, void __user *uarg);
void iocp_show_fdinfo(struct seq_file *m, struct file *file);

/* wait.c */
long iocp_enter(struct iocp_port *port, void __user *uarg);

/* worker.c */
bool iocp_worker_supported(void);
int iocp_worker_join(struct iocp_port *port, struct iocp_worker **worker);
int iocp_worker_detach(struct iocp_port *port);
void iocp_worker_init(void);
void iocp_worker_exit(void);

/* owner.c */
struct iocp_owner *iocp_owner_get(struct iocp_port *port);
void iocp_owner_put(struct iocp_owner *owner);
struct iocp_assoc *iocp_owner_next(struct iocp_owner *owner, struct iocp_assoc *prev);
void iocp_owner_end(struct iocp_owner *owner);

/* assoc.c */
int iocp_associate(struct iocp_port *port, struct iocp_associate *arg);
int iocp_disassociate(struct iocp_port *port, const struct iocp_assoc_ref *arg);
int iocp_set_modes(struct iocp_port *port, struct iocp_assoc_ref *arg);
int iocp_cancel(struct iocp_port *port, struct iocp_cancel *arg);
struct iocp_assoc *iocp_assoc_find(struct iocp_port *port, u32 index, u32 gen);
struct iocp_assoc *iocp_fileless_get(struct iocp_port *port);
void iocp_assoc_end(struct iocp_assoc *assoc, bool cancel);
void iocp_assoc_put(struct iocp_assoc *assoc);
void iocp_assoc_free_last(struct iocp_pkt *pkt);

static inline struct list_head *iocp_assoc_ops(struct iocp_assoc *assoc, u64 id)
{
	return &assoc->ops[id & assoc->ops_mask];
}

/* Under assoc->lock: on its list from here on; false if the association has ended. */
static inline bool iocp_req_link(struct iocp_req *req)
{
	if (req->assoc->gone)
		return false;
	list_add_tail(&req->pkt.node, iocp_assoc_ops(req->assoc, req->id));
	return true;
}

/* request.c */
/*
 * struct iocp_submit - one call's submissions
 * @assoc: of the last operation, with a reference: one lookup per file, and the
 *	file stays while the submitter is still inside it
 * @may_answer: the caller gave an array for results, so DONE can be told
 * @done: the packet that a DONE operation did not make
 */
struct iocp_submit {
	struct iocp_port *port;
	struct iocp_assoc *assoc;
	bool may_answer;
	struct iocp_packet done;
};

void iocp_submit_one(struct iocp_submit *sub, const struct iocp_op *op, u64 id,
		     struct iocp_result *result);
void iocp_submit_end(struct iocp_submit *sub);
void iocp_req_end(struct iocp_req *req, int res);
void iocp_req_end_unlinked(struct iocp_req *req, int res);
void iocp_req_put(struct iocp_req *req);
int iocp_req_reserve(struct iocp_port *port, u32 nr);
void iocp_req_free_all(struct iocp_port *port);

/* opdef.c */
#define IOCP_NR_OPS		(IOCP_OP_TIMER + 1)
extern const struct iocp_opdef iocp_opdefs[IOCP_NR_OPS];

/* The operation's line, or NULL. */
static inline const struct iocp_opdef *iocp_opdef(u16 opcode)
{
	if (opcode >= IOCP_NR_OPS)
		return NULL;
	opcode = array_index_nospec(opcode, IOCP_NR_OPS);
	return iocp_opdefs[opcode].name ? &iocp_opdefs[opcode] : NULL;
}

u64 iocp_opdef_mask(void);
u64 iocp_opdef_caps(struct file *file);
u64 iocp_opdef_fileless(void);
int iocp_opdef_why_not(const struct iocp_opdef *def, struct file *file);

/* op_rw.c */
bool iocp_read_possible(struct file *file);
bool iocp_write_possible(struct file *file);
int iocp_rw_prep(struct iocp_req *req, const struct iocp_op *op);
int iocp_rwv_prep(struct iocp_req *req, const struct iocp_op *op);
ssize_t iocp_rw_issue(struct iocp_req *req);
int iocp_rw_work(struct iocp_req *req);
struct iocp_chunk *iocp_rw_pin(struct iocp_req *req, struct mm_struct *mm);
void iocp_rw_unpin(struct iocp_req *req, struct iocp_chunk *chunk, bool dirty);
ssize_t iocp_rw_stream_try(struct iocp_req *req, bool user, bool block);
#define IOCP_RWF_SUPPORTED	(RWF_DSYNC | RWF_SYNC | RWF_APPEND | RWF_NOWAIT)

/* op_sync.c */
bool iocp_fsync_possible(struct file *file);
int iocp_fsync_prep(struct iocp_req *req, const struct iocp_op *op);
int iocp_fsync_work(struct iocp_req *req);

/* op_timer.c */
int iocp_timer_prep(struct iocp_req *req, const struct iocp_op *op);
ssize_t iocp_timer_start(struct iocp_req *req);
bool iocp_timer_cancel(struct iocp_req *req);

/* op_wait.c */
int iocp_wait_prep(struct iocp_req *req, const struct iocp_op *op);
ssize_t iocp_wait_start(struct iocp_req *req);
bool iocp_wait_cancel(struct iocp_req *req);
void iocp_wait_cleanup(struct iocp_req *req);

/* punt.c */
void iocp_punt(struct iocp_req *req);
int iocp_punt_submitted(struct iocp_req *req);
bool iocp_punt_cancel(struct iocp_req *req);
bool iocp_append_begin(struct iocp_req *req);
void iocp_append_end(struct iocp_req *req);
unsigned int iocp_work_begin(struct iocp_req *req, const struct cred **old_cred);
void iocp_work_end(unsigned int noio, const struct cred *old_cred);

/* stream.c */
int iocp_stream_init(struct iocp_assoc *assoc);
void iocp_stream_exit(struct iocp_assoc *assoc);
ssize_t iocp_stream_submit(struct iocp_req *req);
int iocp_stream_cancel(struct iocp_req *req);
struct workqueue_struct *iocp_wq_of(const struct file *file);
void iocp_pwq_add(struct iocp_pwq *pwq, wait_queue_head_t *whead, wait_queue_func_t func,
		  void *private);
void iocp_pwq_del(struct iocp_pwq *pwq, unsigned int nr);
void iocp_pwq_gone(struct iocp_pwq *pwq);

#endif /* IOCP_H */
