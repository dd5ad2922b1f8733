/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * internal.h - what the library's files share; both layers.
 *
 * Locks, outer before inner.  None is taken between a packet's arrival and its
 * callback:
 *	pipe_lock	pipe.c: names of pipes, and who is connected
 *	take_lock	wait.c: taking one object, or several at once
 *	dup_lock	dup.c: how many handles an object has
 *	locks.lock	lock.c: byte ranges
 *	bind_lock	handle.c: which file is in which Windows port
 *	obj lock	obj.c: free slots of the table
 *	group_lock	tpgroup.c: who is in which cleanup group
 *	pool->lock	pool.c: starting and ending threads, limits
 *	intern.lock	overlapped.c: who waits on the internal port
 *	ports lock	port.c: list of ports, for fork()
 *
 * Names that cross files start with iocpi_, so that the static library does not
 * take names from programs.
 */
#ifndef IOCPI_INTERNAL_H
#define IOCPI_INTERNAL_H

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <iocp.h>

#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v)	__atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
#define load_acquire(p)		__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define store_release(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member) \
	((type *)((char *)(p) - offsetof(type, member)))

/*
 * What happens before a submit or a post happens before its packet is taken: the
 * kernel orders that, and a thread sanitizer has to be told.
 */
#ifdef __SANITIZE_THREAD__
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
#define tell_port(port)		__tsan_release(port)
#define hear_port(port)		__tsan_acquire(port)
#else
#define tell_port(port)		((void)0)
#define hear_port(port)		((void)0)
#endif

/* The same for objects that are signalled, and there the kernel orders nothing. */
#ifdef __SANITIZE_THREAD__
#define tell_obj(obj)		__tsan_release(obj)
#define hear_obj(obj)		__tsan_acquire(obj)
#else
#define tell_obj(obj)		__atomic_thread_fence(__ATOMIC_RELEASE)
#define hear_obj(obj)		__atomic_thread_fence(__ATOMIC_ACQUIRE)
#endif

/* util.c */

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_add_tail(struct list *n, struct list *head)
{
	n->next = head;
	n->prev = head->prev;
	head->prev->next = n;
	head->prev = n;
}

static inline void list_del_init(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

struct iocp_pool;
struct iocpi_call;
struct iocpi_extra;
struct iocpi_obj;

/* What a thread is doing, for the rules that depend on it. */
struct iocpi_thread {
	uint64_t active_port;		/* serial of the port it may take from by CAS (A5) */
	struct iocp_pool *pool;		/* whose worker it is, and then */
	struct iocpi_call *call;	/* what belongs to the callback it runs */
	struct iocpi_obj *callback;	/* object whose callback it runs */
	uint64_t callback_id;		/* its number, until it disassociates */
	unsigned int left;		/* STEP_* of that */
	bool leading;			/* it takes the internal port's packets */
	uint32_t tid;			/* iocpi_thread_id() */
	uint32_t ends;			/* thread.c: how often its end was put off */
	struct list mutexes;		/* that it owns; no list before the first */
	struct iocpi_obj *thread;	/* its own object, if it has one */
	uint32_t last_error;		/* GetLastError() */
	int last_errno;
};

extern __thread struct iocpi_thread iocpi_self;
uint32_t iocpi_thread_id(void);

/* Where a futex can watch a word of pointer size. */
static inline uint32_t *iocpi_low_word(const void *word)
{
	uint32_t *low = (uint32_t *)(uintptr_t)word;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	low += sizeof(void *) / sizeof(*low) - 1;
#endif
	return low;
}

static inline struct timespec iocpi_timespec(uint64_t ns)
{
	return (struct timespec){ .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
}

void iocpi_futex_wait(uint32_t *word, uint32_t value);
void iocpi_futex_wait_until(uint32_t *word, uint32_t value, uint64_t deadline);
void iocpi_futex_wake(uint32_t *word, int nr);
void iocpi_futex_wake_all(uint32_t *word);
int iocpi_thread_start(void *(*run)(void *), void *arg, size_t stack_size);
void iocpi_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void iocpi_once_fork(void);

/*
 * iostate.c - the state machine of callbacks (section 4 of the semantics).
 *
 * One word: Starts that are outstanding (what is queued in the port is still
 * among them), Starts that were forgotten, callbacks that run, and some of the
 * object's generation, so that nothing is ever done to a successor.
 *
 * Work objects (STATE_WORK) have no Starts to forget: pending is wide there, and one
 * bit says that the object waits in the port or in the backlog.
 *
 * Timers and waits (STATE_ARM) have at most one operation of which nobody knows whether
 * it has ended: ARMED, with some bits of its number.  It counts as pending only when
 * that is known, because waits do not wait for it to come true.
 */
struct iocpi_state {
	uint64_t word;
	uint32_t event;			/* futex: changes when a wait may be over */
	uint32_t apart;			/* futex: callbacks that run and do not count above */
};

#define STATE_PENDING		UINT64_C(1)
#define STATE_PENDING_MAX	((UINT64_C(1) << 22) - 1)
#define STATE_SKIPPED		(UINT64_C(1) << 22)
#define STATE_SKIPPED_MAX	((UINT64_C(1) << 20) - 1)
#define STATE_WORK_MAX		((UINT64_C(1) << 41) - 1)	/* pending of work */
#define STATE_QUEUED		(UINT64_C(1) << 41)		/* work: its packet is on the way */
#define STATE_RUNNING		(UINT64_C(1) << 42)
#define STATE_RUNNING_MAX	((UINT64_C(1) << 10) - 1)
#define STATE_COUNTS		((UINT64_C(1) << 52) - 1)
#define STATE_CLOSED		(UINT64_C(1) << 52)
#define STATE_WAITERS		(UINT64_C(1) << 53)
#define STATE_WORK		(UINT64_C(1) << 54)
#define STATE_ARM		(UINT64_C(1) << 55)
#define STATE_GEN_SHIFT		56
#define STATE_GEN_MASK		((1U << 8) - 1)

#define STATE_ARM_MAX		((UINT64_C(1) << 16) - 1)	/* pending of STATE_ARM */
#define STATE_ARM_SEQ_SHIFT	16
#define STATE_ARM_SEQ		(UINT64_C(63) << STATE_ARM_SEQ_SHIFT)
#define STATE_ARM_SKIPPED	(((UINT64_C(1) << 19) - 1) * STATE_SKIPPED)
#define STATE_ARMED		(UINT64_C(1) << 41)

static inline uint32_t state_pending(uint64_t w)
{
	return w & STATE_PENDING_MAX;
}

static inline uint32_t state_skipped(uint64_t w)
{
	return (w / STATE_SKIPPED) & STATE_SKIPPED_MAX;
}

static inline uint32_t state_running(uint64_t w)
{
	return (w / STATE_RUNNING) & STATE_RUNNING_MAX;
}

/* What a step has done; flags, as several things can come true at once. */
#define STEP_OK		(1U << 0)	/* it was possible */
#define STEP_RUN	(1U << 1)	/* a packet: run the callback */
#define STEP_STRAY	(1U << 2)	/* a packet or a Cancel without a Start */
#define STEP_DEAD	(1U << 3)	/* closed and nothing left: the caller frees it, once */
#define STEP_POST	(1U << 4)	/* work: the caller posts its packet, before all else */
#define STEP_DROP	(1U << 5)	/* work: something was pending, and is forgotten */

void iocpi_state_init(struct iocpi_state *s, uint32_t gen);
void iocpi_state_init_work(struct iocpi_state *s, uint32_t gen);
unsigned int iocpi_state_submit(struct iocpi_state *s, uint32_t gen);
unsigned int iocpi_state_take(struct iocpi_state *s);
unsigned int iocpi_state_start_late(struct iocpi_state *s, uint32_t gen);
unsigned int iocpi_state_cancel(struct iocpi_state *s, uint32_t gen, uint32_t nr);
unsigned int iocpi_state_packet_any(struct iocpi_state *s);
unsigned int iocpi_state_done_any(struct iocpi_state *s);
unsigned int iocpi_state_forget(struct iocpi_state *s, uint32_t gen);
unsigned int iocpi_state_drain(struct iocpi_state *s);
unsigned int iocpi_state_close(struct iocpi_state *s, uint32_t gen);
void iocpi_state_init_arm(struct iocpi_state *s, uint32_t gen);
unsigned int iocpi_state_arm(struct iocpi_state *s, uint32_t gen, uint64_t seq);
unsigned int iocpi_state_disarm(struct iocpi_state *s, uint32_t gen, bool cancelled);
unsigned int iocpi_state_fired(struct iocpi_state *s, uint32_t gen, uint64_t seq, bool current);
unsigned int iocpi_state_ended(struct iocpi_state *s, uint32_t gen, uint64_t seq, bool current);
bool iocpi_state_wait(struct iocpi_state *s, uint32_t gen);

static inline bool state_is(uint64_t word, uint32_t gen)
{
	return word >> STATE_GEN_SHIFT == (gen & STATE_GEN_MASK);
}

static inline bool state_cas(struct iocpi_state *s, uint64_t *from, uint64_t to)
{
	return __atomic_compare_exchange_n(&s->word, from, to, true, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

/* The steps that every operation makes, as far as nothing follows from them. */

static inline unsigned int iocpi_state_start(struct iocpi_state *s, uint32_t gen, uint32_t nr)
{
	uint64_t word = READ_ONCE(s->word);

	do {
		if (!state_is(word, gen) || word & STATE_CLOSED ||
		    nr > STATE_PENDING_MAX - state_pending(word))
			return 0;
	} while (!state_cas(s, &word, word + nr * STATE_PENDING));
	return STEP_OK;
}

/* The caller holds what keeps the object, so no generation is needed. */
static inline unsigned int iocpi_state_packet(struct iocpi_state *s)
{
	uint64_t word = READ_ONCE(s->word);

	if (likely(state_pending(word)) && state_cas(s, &word, word - STATE_PENDING + STATE_RUNNING))
		return STEP_OK | STEP_RUN;
	return iocpi_state_packet_any(s);
}

static inline unsigned int iocpi_state_done(struct iocpi_state *s)
{
	uint64_t word = READ_ONCE(s->word);

	if (likely(!(word & (STATE_CLOSED | STATE_WAITERS))) &&
	    state_cas(s, &word, word - STATE_RUNNING))
		return STEP_OK;
	return iocpi_state_done_any(s);
}

/*
 * obj.c - objects that are known by number.
 *
 * Everything a kernel packet or a HANDLE refers to lives in a slot of one table.
 * Slots are never unmapped, so looking one up by a stale number is safe; one
 * 64-bit word per slot holds its generation and all its references, so checking
 * the former and taking one of the latter is a single CAS.
 */
enum iocpi_type {
	IOCPI_FREE,
	IOCPI_FILE,
	IOCPI_PORT,
	IOCPI_IO,
	IOCPI_WORK,
	IOCPI_POOL,
	IOCPI_EVENT,
	IOCPI_SEMAPHORE,
	IOCPI_GROUP,
	IOCPI_MUTEX,
	IOCPI_THREAD,
	IOCPI_SEARCH,
	IOCPI_ALIAS,
	IOCPI_TIMER,
	IOCPI_WAIT,
};

#define OBJ_USER	UINT64_C(1)			/* calls that use it now */
#define OBJ_USERS	(((UINT64_C(1) << 19) - 1) * OBJ_USER)
#define OBJ_OP		(UINT64_C(1) << 19)		/* what will still come back to it */
#define OBJ_OPS		(((UINT64_C(1) << 20) - 1) * OBJ_OP)
#define OBJ_SHARED	(UINT64_C(1) << 39)		/* it had several handles; dup.c */
#define OBJ_UNNAMED	(UINT64_C(1) << 40)		/* its own number is no handle any more */
#define OBJ_ORPHAN	(UINT64_C(1) << 41)		/* its packets are lost */
#define OBJ_TPIO	(UINT64_C(1) << 42)		/* it has a TP_IO */
#define OBJ_OPEN	(UINT64_C(1) << 43)		/* can be found by a number */
#define OBJ_GEN_SHIFT	44
#define OBJ_GEN_BITS	20
#define OBJ_REFS	((UINT64_C(1) << OBJ_GEN_SHIFT) - 1)

/* Numbers look like Windows handles: the two low bits are zero. */
#define OBJ_INDEX_SHIFT	2
#define OBJ_INDEX_BITS	20
#define OBJ_ID_GEN	(OBJ_INDEX_SHIFT + OBJ_INDEX_BITS)

struct iocpi_obj {
	uint64_t word;
	uint32_t index;
	uint16_t type;			/* enum iocpi_type */
	uint16_t handles;		/* dup.c: of a shared one */
	struct iocpi_state state;	/* of its callbacks; here because late looks must be safe */
	uint32_t next_work;		/* index, in a backlog; here for the same reason */
	union {
		struct iocpi_obj *next_free;	/* of a free slot, under the lock */
		struct iocpi_extra *extra;	/* what few objects have; win.h */
	};
};

#define IOCPI_OBJ_SIZE	240		/* of a slot */
#define OBJ_CHUNK_BITS	6		/* slots come by so many at a time */
#define OBJ_NR_CHUNKS	(1U << (OBJ_INDEX_BITS - OBJ_CHUNK_BITS))

extern char *iocpi_obj_chunks[OBJ_NR_CHUNKS];	/* each is set once */

struct iocpi_obj *iocpi_obj_alloc(enum iocpi_type type);
void iocpi_obj_open(struct iocpi_obj *obj, uint64_t refs);
void iocpi_obj_free(struct iocpi_obj *obj);
struct iocpi_obj *iocpi_obj_close(uint64_t id, enum iocpi_type type, uint64_t refs,
				  uint64_t *before);
struct iocpi_obj *iocpi_obj_close_last(struct iocpi_obj *obj, uint64_t refs, uint64_t *before);
struct iocpi_obj *iocpi_obj_target(uint64_t id);
struct iocpi_obj *iocpi_obj_get_alias(uint64_t id, enum iocpi_type type, uint64_t refs);
uint64_t iocpi_obj_share(struct iocpi_obj *obj);
struct iocpi_obj *iocpi_obj_unname(uint64_t id);
uint64_t iocpi_obj_put(struct iocpi_obj *obj, uint64_t refs);
struct iocpi_obj *iocpi_obj_next(uint32_t *pos);
void iocpi_obj_fork_lock(void);
void iocpi_obj_fork_unlock(void);
void iocpi_obj_fork_child(void (*end)(struct iocpi_obj *obj));

static inline uint32_t iocpi_obj_gen(const struct iocpi_obj *obj)
{
	return READ_ONCE(obj->word) >> OBJ_GEN_SHIFT;
}

static inline uint64_t iocpi_obj_id(const struct iocpi_obj *obj)
{
	return (uint64_t)iocpi_obj_gen(obj) << OBJ_ID_GEN |
	       (uint64_t)obj->index << OBJ_INDEX_SHIFT;
}

static inline struct iocpi_obj *iocpi_obj_at(uint32_t index)
{
	char *chunk = load_acquire(&iocpi_obj_chunks[index >> OBJ_CHUNK_BITS]);

	if (unlikely(!chunk))
		return NULL;
	index &= (1U << OBJ_CHUNK_BITS) - 1;
	return (struct iocpi_obj *)(void *)(chunk + index * IOCPI_OBJ_SIZE);
}

/* By number, without a reference: the caller knows why it stays, or checks again. */
static inline struct iocpi_obj *iocpi_obj_any(uint64_t id)
{
	struct iocpi_obj *obj;

	obj = iocpi_obj_at((id >> OBJ_INDEX_SHIFT) & ((1U << OBJ_INDEX_BITS) - 1));
	/* A number that is too large has a generation that no object has. */
	if (unlikely(!obj || id & ((1U << OBJ_INDEX_SHIFT) - 1) ||
		     load_acquire(&obj->word) >> OBJ_GEN_SHIFT != id >> OBJ_ID_GEN))
		return NULL;
	return obj;
}

static inline struct iocpi_obj *iocpi_obj_find(uint64_t id, enum iocpi_type type)
{
	struct iocpi_obj *obj = iocpi_obj_any(id);

	return obj && READ_ONCE(obj->type) == type ? obj : NULL;
}

/* By number, if it is open; with @refs added. */
static inline struct iocpi_obj *iocpi_obj_get(uint64_t id, enum iocpi_type type, uint64_t refs)
{
	struct iocpi_obj *obj = iocpi_obj_find(id, type);
	uint64_t word;

	if (unlikely(!obj))
		return iocpi_obj_get_alias(id, type, refs);
	word = READ_ONCE(obj->word);
	do {
		if (word >> OBJ_GEN_SHIFT != id >> OBJ_ID_GEN ||
		    (word & (OBJ_OPEN | OBJ_UNNAMED)) != OBJ_OPEN)
			return NULL;
	} while (!__atomic_compare_exchange_n(&obj->word, &word, word + refs, true,
					      __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	return obj;
}

/* port.c */

/* The ring as a consumer sees it; entries is 0 without one. */
struct iocpi_ring {
	uint64_t *head;
	const uint64_t *tail;
	const uint32_t *must_enter;
	const uint32_t *more;
	const struct iocp_packet *packets;
	uint32_t entries;
};

struct iocp_port {
	int fd;
	uint64_t serial;		/* never used twice, unlike its address */
	struct iocpi_ring ring;
	void *ro, *rw;
	size_t ro_len, rw_len;
	bool end_in_child;		/* nothing could use it there: fork() closes it */
	struct list node;
};

/* One call of the device, with errno left alone.  -errno, or what it returns. */
static inline int iocpi_port_call(const struct iocp_port *port, unsigned long request, void *arg)
{
	int fd = port->fd;
#ifdef __x86_64__
	long ret;

	tell_port((void *)port);	/* who hears of a shutdown may free it */
	asm volatile("syscall" : "=a"(ret)
		     : "0"((long)SYS_ioctl), "D"((long)fd), "S"(request), "d"(arg)
		     : "rcx", "r11", "memory");
	return ret;
#else
	int saved = errno, ret;

	tell_port((void *)port);
	ret = ioctl(fd, request, arg);
	if (ret < 0)
		ret = -errno;
	errno = saved;
	return ret;
#endif
}

/* submit.c */
int iocpi_enter(struct iocp_port *port, struct iocp_enter *e);

/* All of it, one by one: clearing it first would take longer than everything else here. */
static inline void iocpi_enter_init(struct iocp_enter *e, const struct iocp_op *ops,
				    unsigned int nr_ops, struct iocp_result *results,
				    struct iocp_packet *packets, unsigned int nr_packets,
				    uint64_t deadline, uint32_t flags)
{
	e->size = sizeof(*e);
	e->flags = flags;
	e->ops = (uintptr_t)ops;
	e->results = (uintptr_t)results;
	e->nr_ops = nr_ops;
	e->op_size = sizeof(*ops);
	e->packets = (uintptr_t)packets;
	e->nr_packets = nr_packets;
	e->packet_size = sizeof(*packets);
	e->deadline = deadline;
	e->sigmask = 0;
	e->sigmask_size = 0;
	e->resv0 = 0;
	e->resv1 = 0;
	e->first_id = 0;
	e->nr_consumed = 0;
	e->nr_taken = 0;
	e->wait_error = 0;
	e->state = 0;
	e->resv2 = 0;
}

/* As iocp_submit(); @results, if there are any, are clear. */
static inline int iocpi_submit(struct iocp_port *port, const struct iocp_op *ops, unsigned int nr,
			       struct iocp_result *results)
{
	struct iocp_enter e;
	int ret;

	iocpi_enter_init(&e, ops, nr, results, NULL, 0, IOCP_NOWAIT, 0);
	tell_port(port);
	ret = iocpi_port_call(port, IOCP_IOC_ENTER, &e);
	hear_port(port);
	return ret < 0 ? ret : (int)e.nr_consumed;
}

void iocpi_port_fork_lock(void);
void iocpi_port_fork_unlock(void);
void iocpi_port_fork_child(void);

/* reap.c */
#define RING_BATCH	16		/* A5: the most that one CAS takes */
#define RING_ENTER	(-1)		/* iocpi_ring_take(): only the kernel can tell */
int iocpi_ring_take(const struct iocpi_ring *ring, struct iocp_packet *packets, unsigned int nr);
#define RING_LEFT	(-3)		/* iocpi_take_one(): it is still there */
#define RING_LEAVE_NONE	UINT64_C(3)	/* a key that means nothing */
int iocpi_take_one(struct iocp_port *port, struct iocp_packet *packet, uint64_t leave);
int iocpi_take_active(struct iocp_port *port, struct iocp_packet *packets, unsigned int nr);

/* backlog.c */

#define IOCPI_BELL	UINT64_C(1)	/* key of its packet; no object has this number */

struct iocpi_backlog {
	uint64_t out;		/* index of an object, and above it a tag */
	uint32_t in;		/* index of an object */
	uint32_t bell;		/* BELL_* */
};

enum {
	BELL_NONE,
	BELL_RUNG,		/* in the port, or about to be */
	BELL_MISSING,		/* the port had no room: for the next worker that comes by */
};

void iocpi_backlog_put(struct iocp_pool *pool, struct iocpi_obj *obj);
struct iocpi_obj *iocpi_backlog_take(struct iocp_pool *pool);
struct iocpi_obj *iocpi_backlog_bell(struct iocp_pool *pool);

/* pool.c */
struct iocp_pool {
	struct iocp_port *port;
	uint64_t idle_ns;
	uint64_t fork_count;		/* of the process that its threads run in */
	uint64_t users;			/* objects bound to it, and POOL_CLOSED */
	struct iocpi_backlog backlog;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	/* Under lock; read without it as hints. */
	uint32_t min_threads, max_threads;
	uint32_t nr_threads;
	struct list workers;		/* of them those that run by now: struct iocpi_call */
	size_t stack_size;
	bool keep_threads;		/* idle ones do not end */
	bool stopping;
	bool unowned;			/* closed: the last thread frees it */
};

bool iocpi_pool_alive(const struct iocp_pool *pool);
int iocpi_pool_post(struct iocp_pool *pool, uint64_t key, uint32_t flags);
void iocpi_pool_bind(struct iocp_pool *pool);
void iocpi_pool_unbind(struct iocp_pool *pool);
void iocpi_pool_keep_threads(struct iocp_pool *pool);
int iocpi_pool_add_thread(struct iocp_pool *pool);
bool iocpi_pool_has_free_thread(struct iocp_pool *pool);
void iocpi_pause(void);

/*
 * callback.c - objects of a pool, and the callback that a thread is in.
 *
 * References in the slot's word: OBJ_OP until the state machine says that it is
 * dead, and its extra is gone; OBJ_USER for the closing call and, without an extra,
 * for callbacks that disassociated.
 */
struct iocpi_bound {
	struct iocpi_obj obj;
	struct iocp_pool *pool;
	bool unbind_late;	/* set when closing: nobody waits, the last one unbinds */
};

void iocpi_bound_put(struct iocpi_bound *b, uint64_t refs);
bool iocpi_bound_closing(struct iocpi_bound *b, bool wait);
void iocpi_bound_closed(struct iocpi_bound *b, uint32_t gen, bool wait);

/* What runs when a callback has returned, in this order (CI-2, TR-25). */
enum iocpi_return_kind {
	RETURN_CRITICAL_SECTION,
	RETURN_MUTEX,
	RETURN_SEMAPHORE,
	RETURN_EVENT,
	RETURN_CALL,
	RETURN_LIBRARY,
};

struct iocpi_return {
	struct iocpi_return *next;
	void (*run)(const struct iocpi_return *r);
	iocp_return_callback *callback;
	void *arg;
	enum iocpi_return_kind kind;
	uint32_t count;
};

/* A worker's; callbacks with Windows names know its address as their Instance. */
struct iocpi_call {
	struct list node;			/* pool->lock: in its workers */
	const struct iocpi_thread *thread;
	const struct iocp_packet *packet;
	struct iocpi_return *returns;		/* sorted */
	unsigned int nr_own;
	struct iocpi_return own[RETURN_LIBRARY + 1];	/* so that one of each cannot fail */
};

int iocpi_on_return(const struct iocpi_return *r);
unsigned int iocpi_callback_end_any(struct iocpi_obj *obj);

/* io.c */
void iocpi_io_dispatch(struct iocpi_obj *obj, const struct iocp_packet *packet);

/* work.c */
struct iocp_work {
	struct iocpi_bound bound;
	uint32_t flags;			/* of its packet: the priority */
	void (*run)(struct iocp_work *work);
	union {
		iocp_work_callback *callback;
		void (*win_callback)(void);	/* cast to its type where it is called */
	};
	void *context;
};

struct iocp_work *iocpi_work_alloc(struct iocp_pool *pool, uint32_t priority);
void iocpi_work_submit(struct iocp_work *work, uint32_t gen);
void iocpi_work_submit_once(struct iocp_work *work);
void iocpi_work_queue(struct iocp_work *work);
void iocpi_work_dispatch(struct iocpi_obj *obj);

/*
 * armed.c - timers and waits: an operation of the port that ends by itself.
 *
 * Under the lock: setting, stopping, closing.  A packet takes it only for a timer
 * with a period.
 */
struct iocpi_armed {
	struct iocpi_bound bound;
	pthread_mutex_t lock;
	uint64_t seq;			/* the last operation's number; written under lock */
	uint64_t op_id;			/* and what the kernel calls it; lock */
	uint32_t op_flags;		/* IOCP_OP_F_* of its operations */
	bool set;			/* lock */
	void (*run)(struct iocpi_armed *a, const struct iocp_packet *packet);
	void (*again)(struct iocpi_armed *a, uint64_t seq);	/* before run, or NULL */
	union {
		iocp_timer_callback *timer_callback;
		iocp_wait_callback *wait_callback;
		void (*win_callback)(void);	/* cast to its type where it is called */
	};
	void *context;
};

struct iocp_timer {
	struct iocpi_armed armed;
	uint64_t due, period, slack;	/* lock */
	uint32_t flags;			/* lock */
};

struct iocp_wait {
	struct iocpi_armed armed;
};

struct iocpi_armed *iocpi_armed_alloc(enum iocpi_type type, struct iocp_pool *pool,
				      uint32_t priority);
int iocpi_armed_submit(struct iocpi_armed *a, struct iocp_op *op);
bool iocpi_armed_disarm(struct iocpi_armed *a);
int iocpi_armed_stop(struct iocpi_armed *a);
int iocpi_armed_is_set(struct iocpi_armed *a);
void iocpi_armed_drop(struct iocpi_armed *a);
bool iocpi_armed_wait(struct iocpi_armed *a);
void iocpi_armed_end(struct iocpi_armed *a, bool drop);
int iocpi_armed_native_drop(struct iocpi_armed *a);
int iocpi_armed_native_wait(struct iocpi_armed *a);
int iocpi_armed_close(struct iocpi_armed *a, unsigned int flags);
void iocpi_armed_dispatch(struct iocpi_obj *obj, const struct iocp_packet *packet);

static inline struct iocpi_armed *armed_of(struct iocpi_obj *obj)
{
	return container_of(obj, struct iocpi_armed, bound.obj);
}

/* timer.c */
struct iocp_timer *iocpi_timer_alloc(struct iocp_pool *pool, uint32_t priority);

/* waitobj.c */
struct iocp_wait *iocpi_waitobj_alloc(struct iocp_pool *pool, uint32_t priority);

/* tpgroup.c */
void iocpi_extra_begin(struct iocpi_extra *x);
void iocpi_extra_end(struct iocpi_extra *x);
void iocpi_extra_hold(struct iocpi_extra *x);
void iocpi_extra_put(struct iocpi_extra *x);
void iocpi_obj_dead(struct iocpi_obj *obj);

static inline void iocpi_callback_begin(struct iocpi_obj *obj, uint64_t id)
{
	WRITE_ONCE(iocpi_self.callback, obj);
	iocpi_self.callback_id = id;
	if (unlikely(obj->extra))
		iocpi_extra_begin(obj->extra);
}

/* STEP_DEAD as of the state machine; the object is still there only then. */
static inline unsigned int iocpi_callback_end(struct iocpi_obj *obj)
{
	if (unlikely(obj->extra || iocpi_self.call->returns || !iocpi_self.callback_id))
		return iocpi_callback_end_any(obj);
	WRITE_ONCE(iocpi_self.callback, NULL);
	iocpi_self.callback_id = 0;
	return iocpi_state_done(&obj->state);
}

/* tpio.c */
void iocpi_tpio_dispatch(struct iocpi_obj *obj, const struct iocp_packet *packet);

/* Changes in every child; what was made under another value is dead here. */
extern uint64_t iocpi_fork_count;

#endif /* IOCPI_INTERNAL_H */
