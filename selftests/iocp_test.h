/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * iocp_test.h - what the tests of /dev/iocp share.
 *
 * Everything here talks to the device by raw ioctl: a test of the kernel must
 * not depend on what the library makes of it.  Functions return -errno.
 *
 * Reaping helpers use NO_ASSOC, so a test's main thread neither counts against
 * the concurrency value nor is bound by it; tests of that value use threads of
 * their own (struct puppet), which also are gone when leaks are looked for.
 */
#ifndef IOCP_TEST_H
#define IOCP_TEST_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <linux/iocp.h>

#include "kselftest_harness.h"

typedef __u64 u64;
typedef __u32 u32;
typedef __s64 s64;

/*
 * How long to wait for something that must happen.  Long, because an emulated
 * machine on a loaded host can stall for seconds; it costs only failing tests.
 */
#define PATIENCE_MS	15000

#define FOREVER		(~0ULL)
#define NSEC_PER_MSEC	1000000ULL

/* An address no program may touch, and one that is never mapped. */
#define KERNEL_ADDR	0xffff888000001000ULL

static inline void *ptr(u64 v)
{
	return (void *)(uintptr_t)v;
}

static inline u64 addr(const void *p)
{
	return (u64)(uintptr_t)p;
}

static inline u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static inline u64 in_ms(u64 ms)
{
	return now_ns() + ms * NSEC_PER_MSEC;
}

/* Wait until @cond holds; true if it did in time. */
#define WAIT_FOR_MS(cond, ms) ({					\
	u64 end_ = in_ms(ms);						\
	bool ok_;							\
									\
	while (!(ok_ = !!(cond)) && now_ns() < end_)			\
		usleep(200);						\
	ok_;								\
})
#define WAIT_FOR(cond)	WAIT_FOR_MS(cond, PATIENCE_MS)

/* Loop counts, to make a quick run or a long soak of the same tests. */
static inline unsigned int rounds(unsigned int n)
{
	const char *s = getenv("IOCP_ROUNDS_SCALE");
	double scaled = s ? n * atof(s) : n;

	return scaled < 1 ? 1 : scaled;
}

/* In a child: say which check failed. */
#define CHECK(cond) do {						\
	if (!(cond)) {							\
		printf("# child, line %d: %s (errno %d)\n", __LINE__, #cond, errno); \
		fflush(stdout);						\
		_exit(1);						\
	}								\
} while (0)

/* A resource of the test machine, or the test is skipped with the reason. */
#define NEED_ENV(var) ({						\
	const char *v_ = getenv(var);					\
									\
	if (!v_ || !*v_)						\
		SKIP(return, var " is not set");			\
	v_;								\
})

static inline void pin_to_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* ------------------------------------------------------------ the device */

static inline int call(int fd, unsigned long nr, void *arg)
{
	int ret = ioctl(fd, nr, arg);

	return ret < 0 ? -errno : ret;
}

static inline int port_open(void)
{
	const char *dev = getenv("IOCP_DEV");
	int fd = open(dev ? dev : "/dev/iocp", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

struct port {
	int fd;
	struct iocp_setup setup;
	void *ro;
	void *rw;
};

static inline int port_map(struct port *p)
{
	p->ro = mmap(NULL, p->setup.ro_len, PROT_READ, MAP_SHARED, p->fd, p->setup.ro_off);
	if (p->ro == MAP_FAILED)
		return -errno;
	p->rw = mmap(NULL, p->setup.rw_len, PROT_READ | PROT_WRITE, MAP_SHARED, p->fd,
		     p->setup.rw_off);
	if (p->rw == MAP_FAILED)
		return -errno;
	return 0;
}

/* Fields of p->setup that are set already are what is asked for. */
static inline int port_create(struct port *p)
{
	int ret;

	p->fd = port_open();
	if (p->fd < 0)
		return p->fd;
	p->setup.size = sizeof(p->setup);
	ret = call(p->fd, IOCP_IOC_SETUP, &p->setup);
	if (ret < 0)
		return ret;
	return p->setup.ring_entries ? port_map(p) : 0;
}

static inline int port_new(struct port *p, u32 concurrency, u32 ring_entries)
{
	memset(p, 0, sizeof(*p));
	p->setup.concurrency = concurrency;
	p->setup.ring_entries = ring_entries;
	if (ring_entries)
		p->setup.features = IOCP_FEATURE_RING;
	return port_create(p);
}

static inline void port_unmap(struct port *p)
{
	if (p->ro)
		munmap(p->ro, p->setup.ro_len);
	if (p->rw)
		munmap(p->rw, p->setup.rw_len);
	p->ro = NULL;
	p->rw = NULL;
}

static inline void port_close(struct port *p)
{
	if (p->fd < 0)
		return;
	port_unmap(p);
	close(p->fd);
	p->fd = -1;
}

static inline int port_query(int fd, struct iocp_query *q)
{
	memset(q, 0, sizeof(*q));
	q->size = sizeof(*q);
	return call(fd, IOCP_IOC_QUERY, q);
}

static inline int port_stats(int fd, struct iocp_stats *st)
{
	memset(st, 0, sizeof(*st));
	st->size = sizeof(*st);
	return call(fd, IOCP_IOC_STATS, st);
}

/* One counter; ~0 if the call failed, so that comparisons fail. */
#define STAT(fd, field) ({						\
	struct iocp_stats st_;						\
									\
	port_stats(fd, &st_) ? (u64)-1 : (u64)st_.field;		\
})

static inline int port_shutdown(int fd, u64 *dropped)
{
	struct iocp_shutdown a = { .size = sizeof(a) };
	int ret = call(fd, IOCP_IOC_SHUTDOWN, &a);

	if (dropped)
		*dropped = a.nr_dropped;
	return ret;
}

/* ----------------------------------------------------------- associations */

struct assoc {
	u32 index;
	u32 gen;
	u64 caps;
};

static inline int assoc_flags(int fd, int file, u64 key, u32 flags, u32 modes, struct assoc *as)
{
	struct iocp_associate a = {
		.size = sizeof(a), .fd = file, .key = key, .flags = flags, .modes = modes,
	};
	int ret = call(fd, IOCP_IOC_ASSOCIATE, &a);

	if (ret < 0)
		return ret;
	as->index = a.assoc;
	as->gen = a.assoc_gen;
	as->caps = a.caps;
	return 0;
}

static inline int assoc_add(int fd, int file, u64 key, struct assoc *as)
{
	return assoc_flags(fd, file, key, 0, 0, as);
}

static inline int assoc_del(int fd, const struct assoc *as, u32 flags, u64 overlapped)
{
	struct iocp_assoc_ref a = {
		.size = sizeof(a), .flags = flags, .assoc = as->index, .assoc_gen = as->gen,
		.overlapped = overlapped,
	};

	return call(fd, IOCP_IOC_DISASSOCIATE, &a);
}

static inline int assoc_modes(int fd, const struct assoc *as, u32 modes, u32 *out)
{
	struct iocp_assoc_ref a = {
		.size = sizeof(a), .assoc = as->index, .assoc_gen = as->gen, .modes = modes,
	};
	int ret = call(fd, IOCP_IOC_SET_MODES, &a);

	if (out)
		*out = a.modes;
	return ret;
}

/* ------------------------------------------------------------- operations */

static inline struct iocp_op op_nop(u64 overlapped)
{
	return (struct iocp_op){
		.opcode = IOCP_OP_NOP, .assoc = IOCP_NO_ASSOC, .overlapped = overlapped,
	};
}

static inline struct iocp_op op_post(u64 key, u64 overlapped, u64 info, u32 res)
{
	return (struct iocp_op){
		.opcode = IOCP_OP_POST, .assoc = IOCP_NO_ASSOC, .overlapped = overlapped,
		.op_flags = res, .addr = info, .aux2 = key,
	};
}

static inline struct iocp_op op_rw(int opcode, const struct assoc *as, u64 overlapped,
				   const void *buf, size_t len, u64 off)
{
	return (struct iocp_op){
		.opcode = opcode, .assoc = as->index, .assoc_gen = as->gen,
		.overlapped = overlapped, .addr = addr(buf), .len = len, .off = off,
	};
}

static inline struct iocp_op op_read(const struct assoc *as, u64 overlapped, void *buf,
				     size_t len, u64 off)
{
	return op_rw(IOCP_OP_READ, as, overlapped, buf, len, off);
}

static inline struct iocp_op op_write(const struct assoc *as, u64 overlapped, const void *buf,
				      size_t len, u64 off)
{
	return op_rw(IOCP_OP_WRITE, as, overlapped, buf, len, off);
}

static inline struct iocp_op op_fsync(const struct assoc *as, u64 overlapped, u32 op_flags)
{
	return (struct iocp_op){
		.opcode = IOCP_OP_FSYNC, .assoc = as->index, .assoc_gen = as->gen,
		.overlapped = overlapped, .op_flags = op_flags,
	};
}

/* @due in nanoseconds of CLOCK_MONOTONIC */
static inline struct iocp_op op_timer(u64 overlapped, u64 due, u64 slack)
{
	return (struct iocp_op){
		.opcode = IOCP_OP_TIMER, .assoc = IOCP_NO_ASSOC, .overlapped = overlapped,
		.addr = due, .off = slack,
	};
}

static inline struct iocp_op op_wait(u64 overlapped, int file, u32 op_flags)
{
	return (struct iocp_op){
		.opcode = IOCP_OP_WAIT, .assoc = IOCP_NO_ASSOC, .overlapped = overlapped,
		.aux = file, .op_flags = op_flags,
	};
}

static inline int enter(int fd, struct iocp_enter *e)
{
	e->size = sizeof(*e);
	return call(fd, IOCP_IOC_ENTER, e);
}

/*
 * Submit @n operations.  With @results they are all looked at.  Returns how
 * many were; *first_id is the id of the first.
 */
static inline int submit_id(int fd, const struct iocp_op *ops, u32 n,
			    struct iocp_result *results, u64 *first_id)
{
	struct iocp_enter e = {
		.flags = IOCP_ENTER_NO_ASSOC,
		.ops = addr(ops), .results = addr(results), .nr_ops = n,
		.op_size = sizeof(*ops),
	};
	int ret;

	if (results)
		memset(results, 0, n * sizeof(*results));
	ret = enter(fd, &e);
	if (ret < 0)
		return ret;
	if (first_id)
		*first_id = e.first_id;
	return e.nr_consumed;
}

static inline int submit(int fd, const struct iocp_op *ops, u32 n, struct iocp_result *results)
{
	return submit_id(fd, ops, n, results, NULL);
}

/* Submit one that must be accepted and give a packet later: 0, else an error. */
static inline int submit_queued(int fd, struct iocp_op op)
{
	struct iocp_result r;
	int ret = submit(fd, &op, 1, &r);

	if (ret < 0)
		return ret;
	if (ret != 1)
		return -EPROTO;
	if (r.state == IOCP_RESULT_REFUSED)
		return r.res ? r.res : -EPROTO;
	return r.state == IOCP_RESULT_QUEUED ? 0 : -EALREADY;
}

/* Take packets, without joining the port. */
static inline int reap_until(int fd, struct iocp_packet *pkts, u32 n, u64 deadline)
{
	struct iocp_enter e = {
		.flags = IOCP_ENTER_NO_ASSOC,
		.packets = addr(pkts), .nr_packets = n, .packet_size = sizeof(*pkts),
		.deadline = deadline,
	};

	return enter(fd, &e);
}

/* Take @n packets that must come, however many calls that needs. */
static inline int reap(int fd, struct iocp_packet *pkts, u32 n)
{
	u64 end = in_ms(PATIENCE_MS);
	u32 got = 0;

	while (got < n) {
		u32 now = n - got < IOCP_MAX_BATCH ? n - got : IOCP_MAX_BATCH;
		int ret = reap_until(fd, pkts + got, now, end);

		if (ret < 0)
			return ret;
		got += ret;
	}
	return got;
}

/* Is nothing there?  -ETIME is the right answer. */
static inline int reap_none(int fd)
{
	struct iocp_packet p;

	return reap_until(fd, &p, 1, 0);
}

/* One operation from submission to its end, whichever way that came. */
struct outcome {
	u32 state;		/* IOCP_RESULT_* */
	s64 info;
	int res;
	struct iocp_packet pkt;	/* if state is QUEUED */
};

static inline int run_op(int fd, struct iocp_op op, struct outcome *o)
{
	struct iocp_result r;
	int ret = submit(fd, &op, 1, &r);

	memset(o, 0, sizeof(*o));
	if (ret < 0)
		return ret;
	if (ret != 1)
		return -EPROTO;
	o->state = r.state;
	o->res = r.res;
	o->info = r.info;
	if (r.state != IOCP_RESULT_QUEUED)
		return 0;
	ret = reap(fd, &o->pkt, 1);
	if (ret < 0)
		return ret;
	o->res = o->pkt.res;
	o->info = o->pkt.info;
	return o->pkt.overlapped == op.overlapped ? 0 : -EBADMSG;
}

/* For tests that want bytes or an error and do not care which way it came. */
static inline s64 run_bytes(int fd, struct iocp_op op)
{
	struct outcome o;
	int ret = run_op(fd, op, &o);

	if (ret < 0)
		return ret;
	return o.res < 0 ? o.res : o.info;
}

static inline u32 pkt_kind(const struct iocp_packet *p)
{
	return p->flags & IOCP_PKT_KIND_MASK;
}

static inline u32 pkt_prio(const struct iocp_packet *p)
{
	return (p->flags & IOCP_PKT_PRIO_MASK) >> IOCP_PKT_PRIO_SHIFT;
}

static inline int post_many(int fd, const struct iocp_packet *pkts, u32 n)
{
	struct iocp_post a = {
		.size = sizeof(a), .packets = addr(pkts), .nr = n, .packet_size = sizeof(*pkts),
	};

	return call(fd, IOCP_IOC_POST, &a);
}

static inline int post_prio(int fd, u64 key, u32 prio)
{
	struct iocp_packet p = { .key = key, .flags = prio << IOCP_PKT_PRIO_SHIFT };

	return post_many(fd, &p, 1);
}

static inline int post(int fd, u64 key)
{
	return post_prio(fd, key, IOCP_PRIO_DEFAULT);
}

/* Post packets with keys first, first + 1, ... */
static inline int post_range(int fd, u64 first, u32 n)
{
	struct iocp_packet p[64];
	u32 done = 0;

	memset(p, 0, sizeof(p));
	while (done < n) {
		u32 i, now = n - done < 64 ? n - done : 64;
		int ret;

		for (i = 0; i < now; i++)
			p[i].key = first + done + i;
		ret = post_many(fd, p, now);
		if (ret < 0)
			return done ? (int)done : ret;
		done += ret;
		if (ret < (int)now)
			return done;
	}
	return done;
}

static inline int cancel(int fd, struct iocp_cancel *a)
{
	a->size = sizeof(*a);
	return call(fd, IOCP_IOC_CANCEL, a);
}

static inline int cancel_id(int fd, u64 id, struct iocp_cancel *a)
{
	*a = (struct iocp_cancel){ .flags = IOCP_CANCEL_BY_ID, .id = id };
	return cancel(fd, a);
}

/* ------------------------------------------------------------------- ring */

/*
 * Take up to @max packets from the ring as the header describes it.  Returns
 * how many, 0 if it is empty, -EAGAIN if ENTER must be called.
 */
static inline int ring_take(const struct port *p, struct iocp_packet *out, u32 max)
{
	const u32 *must = p->ro + p->setup.ro_must_enter;
	const u32 *more = p->ro + p->setup.ro_more;
	const u64 *tail = p->ro + p->setup.ro_tail;
	const struct iocp_packet *packets = p->ro + p->setup.ro_packets;
	u64 *head = p->rw + p->setup.rw_head;
	u32 mask = p->setup.ring_entries - 1;

	if (max > 16)
		max = 16;
	for (;;) {
		u64 h, t;
		u32 i, n;

		if (__atomic_load_n(must, __ATOMIC_ACQUIRE))
			return -EAGAIN;
		h = __atomic_load_n(head, __ATOMIC_ACQUIRE);
		t = __atomic_load_n(tail, __ATOMIC_ACQUIRE);
		if ((s64)(t - h) <= 0)
			return __atomic_load_n(more, __ATOMIC_ACQUIRE) ? -EAGAIN : 0;
		n = t - h < max ? t - h : max;
		for (i = 0; i < n; i++)
			out[i] = packets[(h + i) & mask];
		if (__atomic_compare_exchange_n(head, &h, h + n, false, __ATOMIC_RELEASE,
						__ATOMIC_RELAXED))
			return n;
	}
}

static inline u32 ring_must_enter(const struct port *p)
{
	return __atomic_load_n((const u32 *)(p->ro + p->setup.ro_must_enter), __ATOMIC_ACQUIRE);
}

static inline u32 ring_more(const struct port *p)
{
	return __atomic_load_n((const u32 *)(p->ro + p->setup.ro_more), __ATOMIC_ACQUIRE);
}

static inline u64 ring_tail(const struct port *p)
{
	return __atomic_load_n((const u64 *)(p->ro + p->setup.ro_tail), __ATOMIC_ACQUIRE);
}

static inline u64 *ring_head(const struct port *p)
{
	return p->rw + p->setup.rw_head;
}

/* ---------------------------------------------------------------- puppets */

/*
 * A thread that calls ENTER when told to, so that a test decides who waits
 * when.  One command at a time; ->ret and ->e are valid once it has ended.
 */
struct puppet {
	pthread_t thread;
	sem_t go;
	sem_t done;
	int fd;
	bool quit;
	bool busy;			/* of the controlling thread */
	int cpu;			/* -1: any */
	bool idle_class;		/* runs only if nobody else wants the CPU */
	pid_t tid;
	int ret;
	struct iocp_enter e;
	struct iocp_packet pkts[32];
};

static void *puppet_main(void *arg)
{
	struct puppet *p = arg;

	__atomic_store_n(&p->tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	if (p->cpu >= 0)
		pin_to_cpu(p->cpu);
	if (p->idle_class) {
		struct sched_param sp = { 0 };

		sched_setscheduler(0, SCHED_IDLE, &sp);
	}
	for (;;) {
		while (sem_wait(&p->go))
			;
		if (p->quit)
			break;
		/* An ENTER without packets wanted stands for DETACH. */
		if (p->e.nr_packets || p->e.nr_ops)
			p->ret = enter(p->fd, &p->e);
		else
			p->ret = call(p->fd, IOCP_IOC_DETACH, NULL);
		sem_post(&p->done);
	}
	return NULL;
}

static inline int puppet_start_on(struct puppet *p, int cpu, bool idle_class)
{
	memset(p, 0, sizeof(*p));
	p->cpu = cpu;
	p->idle_class = idle_class;
	sem_init(&p->go, 0, 0);
	sem_init(&p->done, 0, 0);
	if (pthread_create(&p->thread, NULL, puppet_main, p))
		return -EAGAIN;
	return WAIT_FOR(__atomic_load_n(&p->tid, __ATOMIC_ACQUIRE)) ? 0 : -ETIME;
}

static inline int puppet_start(struct puppet *p)
{
	return puppet_start_on(p, -1, false);
}

static inline void puppet_go(struct puppet *p)
{
	p->busy = true;
	sem_post(&p->go);
}

/* Let it wait for up to @nr packets; flags as for ENTER. */
static inline void puppet_wait(struct puppet *p, int fd, u32 nr, u64 deadline, u32 flags)
{
	p->fd = fd;
	p->e = (struct iocp_enter){
		.flags = flags, .packets = addr(p->pkts), .nr_packets = nr,
		.packet_size = sizeof(p->pkts[0]), .deadline = deadline,
	};
	puppet_go(p);
}

static inline void puppet_detach(struct puppet *p, int fd)
{
	p->fd = fd;
	memset(&p->e, 0, sizeof(p->e));
	puppet_go(p);
}

/* Has it finished its command within @ms? */
static inline bool puppet_done_ms(struct puppet *p, u64 ms)
{
	struct timespec ts;

	if (!p->busy)
		return true;
	clock_gettime(CLOCK_REALTIME, &ts);
	ts.tv_sec += ms / 1000;
	ts.tv_nsec += ms % 1000 * NSEC_PER_MSEC;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_sec++;
		ts.tv_nsec -= 1000000000;
	}
	while (sem_timedwait(&p->done, &ts)) {
		if (errno != EINTR)
			return false;
	}
	p->busy = false;
	return true;
}

static inline bool puppet_done(struct puppet *p)
{
	return puppet_done_ms(p, PATIENCE_MS);
}

static inline bool puppet_still_waits(struct puppet *p)
{
	return !puppet_done_ms(p, 0);
}

/* Only after its command has ended. */
static inline void puppet_stop(struct puppet *p)
{
	p->quit = true;
	sem_post(&p->go);
	pthread_join(p->thread, NULL);
}

/* As /proc tells it: R runs, S and D sleep. */
static inline char thread_state(pid_t tid)
{
	char path[64], text[512], *p;
	int fd, n;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return '-';
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	p = strrchr(text, ')');
	return p ? p[2] : '?';
}

/* -------------------------------------------------------- memory and data */

/* A mapping of @pages pages followed by one that nobody may touch. */
static inline void *guarded(size_t pages)
{
	size_t ps = sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, (pages + 1) * ps, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	mprotect(p + pages * ps, ps, PROT_NONE);
	return p;
}

static inline void *no_access(void)
{
	return guarded(0);
}

static inline void *map_anon(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

/* Contents that tell their offset and their seed; @pos is a multiple of 8. */
static inline u64 pattern_word(u64 seed, u64 pos)
{
	u64 x = (seed + 1) * 0x9e3779b97f4a7c15ULL + pos;

	x ^= x >> 29;
	return x * 0xbf58476d1ce4e5b9ULL;
}

static inline void pattern_fill(void *buf, size_t len, u64 seed, u64 pos)
{
	u64 *w = buf;
	size_t i;

	for (i = 0; i < len / 8; i++)
		w[i] = pattern_word(seed, pos + i * 8);
	for (i *= 8; i < len; i++)
		((char *)buf)[i] = pattern_word(seed, pos + i / 8 * 8) >> (i % 8 * 8);
}

/* Offset of the first difference, -1 if there is none. */
static inline s64 pattern_check(const void *buf, size_t len, u64 seed, u64 pos)
{
	const u64 *w = buf;
	size_t i;

	for (i = 0; i < len / 8; i++)
		if (w[i] != pattern_word(seed, pos + i * 8))
			return i * 8;
	for (i *= 8; i < len; i++)
		if (((char *)buf)[i] != (char)(pattern_word(seed, pos + i / 8 * 8) >> (i % 8 * 8)))
			return i;
	return -1;
}

static inline bool all_bytes(const void *buf, size_t len, int c)
{
	const unsigned char *p = buf;
	size_t i;

	for (i = 0; i < len; i++)
		if (p[i] != (unsigned char)c)
			return false;
	return true;
}

/* A new file without a name in @dir. */
static inline int tmp_file(const char *dir, int flags)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | flags, 0600);

	return fd < 0 ? -errno : fd;
}

/* fds[0] the terminal, fds[1] the other end.  Raw, so that it is a stream of bytes. */
static inline int make_raw_pty(int fds[2])
{
	struct termios tio;

	fds[1] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fds[1] < 0 || grantpt(fds[1]) || unlockpt(fds[1]))
		return -errno;
	fds[0] = open(ptsname(fds[1]), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fds[0] < 0 || tcgetattr(fds[0], &tio))
		return -errno;
	cfmakeraw(&tio);
	return tcsetattr(fds[0], TCSANOW, &tio) ? -errno : 0;
}

/* The same file opened once more, with other flags. */
static inline int reopen(int fd, int flags)
{
	char path[64];
	int ret;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret = open(path, flags | O_CLOEXEC);
	return ret < 0 ? -errno : ret;
}

/* ------------------------------------------------------------------ leaks */

/* The module's live objects, as debugfs tells them. */
struct objects {
	long ports, assocs, requests, owners, workers, posted;
};

static inline int objects_read(struct objects *o)
{
	FILE *f = fopen("/sys/kernel/debug/iocp/objects", "re");
	char name[32];
	long n;
	int seen = 0;

	memset(o, 0, sizeof(*o));
	if (!f)
		return -errno;
	while (fscanf(f, "%31s %ld", name, &n) == 2) {
		long *where = !strcmp(name, "ports") ? &o->ports :
			      !strcmp(name, "assocs") ? &o->assocs :
			      !strcmp(name, "requests") ? &o->requests :
			      !strcmp(name, "owners") ? &o->owners :
			      !strcmp(name, "workers") ? &o->workers :
			      !strcmp(name, "posted") ? &o->posted : NULL;

		if (where) {
			*where = n;
			seen++;
		}
	}
	fclose(f);
	return seen == 6 ? 0 : -EPROTO;
}

/*
 * Wait until the counts are those of @base again.  Ports die asynchronously,
 * so a leak is what does not go away.
 */
static inline int objects_settle(const struct objects *base)
{
	struct objects now;
	int ret;

	/* Others use the module too (selftests/vm/soak): then it cannot be told. */
	if (getenv("IOCP_SHARED"))
		return 0;
	if (WAIT_FOR(!(ret = objects_read(&now)) && !memcmp(&now, base, sizeof(now))))
		return 0;
	if (ret)
		return ret;
	printf("# leaked: ports %ld assocs %ld requests %ld owners %ld workers %ld posted %ld\n",
	       now.ports - base->ports, now.assocs - base->assocs,
	       now.requests - base->requests, now.owners - base->owners,
	       now.workers - base->workers, now.posted - base->posted);
	fflush(stdout);
	return -ETIME;
}

/* Counts to compare with; those of an earlier test may still be falling. */
static inline int objects_base(struct objects *base)
{
	struct objects zero = { 0 };
	int ret = objects_read(base);

	if (ret || getenv("IOCP_SHARED"))
		return ret;
	if (memcmp(base, &zero, sizeof(zero))) {
		if (!WAIT_FOR_MS(!objects_read(base) && !memcmp(base, &zero, sizeof(zero)), 3000))
			printf("# the module is in use by others; leaks are relative\n");
		fflush(stdout);
	}
	return 0;
}

/*
 * The usual fixture: a port, and at the end a check that nothing of it stays.
 * SETUP_MORE and TEARDOWN_MORE are for what a file adds.
 */
#define PORT_FIXTURE_SETUP(concurrency, ring_entries) do {		\
	ASSERT_EQ(0, objects_base(&self->base)) {			\
		TH_LOG("no /sys/kernel/debug/iocp/objects: module not loaded, or no debugfs?"); \
	}								\
	ASSERT_EQ(0, port_new(&self->port, concurrency, ring_entries));	\
} while (0)

#define PORT_FIXTURE_TEARDOWN() do {					\
	port_close(&self->port);					\
	EXPECT_EQ(0, objects_settle(&self->base));			\
} while (0)

#define PORT_FIXTURE(name, concurrency, ring_entries)			\
FIXTURE(name) {								\
	struct port port;						\
	struct objects base;						\
};									\
									\
FIXTURE_SETUP(name)							\
{									\
	PORT_FIXTURE_SETUP(concurrency, ring_entries);			\
}									\
									\
FIXTURE_TEARDOWN(name)							\
{									\
	PORT_FIXTURE_TEARDOWN();					\
}

#endif /* IOCP_TEST_H */
