// SPDX-License-Identifier: GPL-2.0-only
/*
 * cost MODULE: what the port costs, in executed instructions.
 *
 * For a guest whose clock counts instructions (run --icount): there a difference
 * of the time stamp counter is a number of instructions, user and kernel, and
 * the same in every run.  One CPU: wake-ups across CPUs and interprocessor
 * interrupts are not in it, nor what a cache miss or a locked instruction takes.
 *
 * Loads MODULE itself: what it costs threads that never use a port is seen by
 * measuring them before and after.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <math.h>
#include <sys/eventfd.h>
#include <sys/utsname.h>
#include <x86intrin.h>

#include "../iocp_test.h"

#define BATCHES		25
#define BATCH_INSNS	1000000		/* shorter than a tick: most batches have none */
#define NOISY_PERMILLE	10		/* median above the best batch */

static bool failed;			/* a bar that was not reached, or is not known */

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

/* ------------------------------------------------------------- measuring */

struct cost {
	double best, median;
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static u64 batch(void (*round)(void *), void *arg, u64 n)
{
	u64 start;

	/* Let everybody else come to rest. */
	usleep(100);
	start = __rdtsc();
	while (n--)
		round(arg);
	return __rdtsc() - start;
}

/*
 * Instructions per call of @round.  A batch in which *@spoilt changed was not
 * what is to be measured, and is done again.
 */
static struct cost measure(void (*round)(void *), void *arg, const u64 *spoilt)
{
	unsigned int i = 0, tries;
	double insns[BATCHES];
	u64 n = 16;

	/* Warm up, and find out how many make a batch. */
	while (batch(round, arg, n) < BATCH_INSNS / 2)
		n *= 2;
	for (tries = 0; i < BATCHES && tries < 10 * BATCHES; tries++) {
		u64 before = spoilt ? *spoilt : 0;

		insns[i] = (double)batch(round, arg, n) / n;
		i += !spoilt || *spoilt == before;
	}
	if (i < BATCHES)
		return (struct cost){ NAN, NAN };
	qsort(insns, BATCHES, sizeof(insns[0]), compare);
	return (struct cost){ insns[0], insns[BATCHES / 2] };
}

/* Prints both, returns the best: it has no tick.  NAN if it is not to be trusted. */
static double show(const char *name, struct cost c, double per)
{
	bool noisy = !(c.median <= c.best * (1 + NOISY_PERMILLE / 1000.0));

	printf("%-58s %9.1f %9.1f%s\n", name, c.best / per, c.median / per,
	       noisy ? "  REFUSED" : "");
	return noisy ? NAN : c.best / per;
}

static void row(const char *name, void (*round)(void *), void *arg, double per)
{
	show(name, measure(round, arg, NULL), per);
}

static void loop(void *arg)
{
	u64 n = 1000;

	asm volatile("1: dec %0; jnz 1b" : "+r"(n));
}

static void nothing(void *arg)
{
	asm volatile("");
}

static void calibrate(void)
{
	double around = measure(nothing, NULL, NULL).best;
	double per = (measure(loop, NULL, NULL).best - around) / 2001;

	printf("%.4f ticks per instruction\n\n", per);
	if (per < 0.99 || per > 1.01) {
		printf("This clock does not count instructions: use run --icount\n");
		exit(1);
	}
}

static struct port make_port(u32 ring_entries, bool hook)
{
	struct port p = {
		.setup.concurrency = 2, .setup.ring_entries = ring_entries,
		.setup.features = hook ? IOCP_FEATURE_BLOCKING : 0,
	};

	check(!port_create(&p), "/dev/iocp");
	return p;
}

/* ------------------------------------------------------- one thread alone */

static void one_getppid(void *arg)
{
	syscall(SYS_getppid);
}

static void one_ioctl(void *arg)
{
	struct port *p = arg;

	ioctl(p->fd, _IO(IOCP_IOC, 0x9f));
}

static void empty_enter(void *arg)
{
	struct port *p = arg;
	struct iocp_enter e = { .flags = IOCP_ENTER_NO_ASSOC };

	enter(p->fd, &e);
}

/* What a thread posts and how it waits: filled in once, as before a program's loop. */
struct exchange {
	int fd;
	struct iocp_op op;
	struct iocp_packet packet, posted;
	struct iocp_post post;
	struct iocp_enter enter;
};

/* ENTER is to post @nr_ops packets, and to wait for one. */
static void exchange_init(struct exchange *x, struct port *port, u64 key, u32 nr_ops, u32 flags)
{
	*x = (struct exchange){
		.fd = port->fd,
		.op = op_post(key, 0, 0, 0),
		.posted.key = key,
		.post = {
			.size = sizeof(x->post), .packets = addr(&x->posted), .nr = 1,
			.packet_size = sizeof(x->posted),
		},
		.enter = {
			.size = sizeof(x->enter), .flags = flags,
			.ops = addr(&x->op), .nr_ops = nr_ops, .op_size = sizeof(x->op),
			.packets = addr(&x->packet), .nr_packets = 1,
			.packet_size = sizeof(x->packet), .deadline = FOREVER,
		},
	};
}

static void one_enter(void *arg)
{
	struct exchange *x = arg;

	check(ioctl(x->fd, IOCP_IOC_ENTER, &x->enter) == 1, "ENTER");
}

static void one_post(struct exchange *x)
{
	check(ioctl(x->fd, IOCP_IOC_POST, &x->post) == 1, "POST");
}

static void post_and_enter(void *x)
{
	one_post(x);
	one_enter(x);
}

#define MANY 32

static void post_and_drain(void *arg)
{
	struct iocp_packet p[MANY];
	struct port *port = arg;
	u32 n = MANY;

	memset(p, 0, sizeof(p));
	check(post_many(port->fd, p, MANY) == MANY, "POST");
	while (n) {
		int ret = ring_take(port, p, 1);

		check(ret == 1, "ring");
		n -= ret;
	}
}

/* ------------------------------------------------------------ two threads */

/* Two threads that wake each other in turns; side 0 measures. */
struct pair {
	void (*wake)(struct pair *pair, int side);	/* side wakes the other */
	void (*wait)(struct pair *pair, int side);
	bool one_call;					/* wait() does both */
	void (*begin)(struct pair *pair, int side);	/* before all else */
	pthread_t other;
	bool quit;
	const char *name;
	double cost;
	u32 word[2];
	int fd[2][2];				/* of a side: where it waits, what wakes it */
	struct exchange x[2];
	u64 own;				/* packets that came back to their poster */
	struct puppet *parked;			/* for join_port() */
};

static void futex_wake(struct pair *p, int side)
{
	__atomic_store_n(&p->word[!side], 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &p->word[!side], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void futex_wait(struct pair *p, int side)
{
	while (!__atomic_exchange_n(&p->word[side], 0, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &p->word[side], FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void fd_wake(struct pair *p, int side)
{
	u64 v = 1;

	check(write(p->fd[!side][1], &v, sizeof(v)) == sizeof(v), "write");
}

static void fd_wait(struct pair *p, int side)
{
	u64 v;

	check(read(p->fd[side][0], &v, sizeof(v)) == sizeof(v), "read");
}

static void port_wake(struct pair *p, int side)
{
	one_post(&p->x[side]);
}

static void port_wait(struct pair *p, int side)
{
	struct exchange *x = &p->x[side];

	one_enter(x);
	p->own += x->packet.key == side;
	/* The first wait of side 1 has nothing to post. */
	x->enter.nr_ops = p->one_call;
}

/*
 * A worker that runs, and blocks elsewhere.  Another one waits for packets that
 * do not come, so that there is as much to look at as can be.
 */
static void join_port(struct pair *p, int side)
{
	if (side)
		return;
	port_wake(p, 0);
	one_enter(&p->x[0]);
	puppet_wait(p->parked, p->x[0].fd, 1, FOREVER, 0);
}

/* Leaves the hook behind, and nothing else of what a worker has. */
static void keep_hook(struct pair *p, int side)
{
	struct port port = make_port(0, true);
	struct exchange x;

	exchange_init(&x, &port, 0, 1, 0);
	one_enter(&x);
	check(!call(port.fd, IOCP_IOC_DETACH, NULL), "DETACH");
	port_close(&port);
}

static void turn(struct pair *p, int side)
{
	if (!p->one_call)
		p->wake(p, side);
	p->wait(p, side);
}

static void *other_side(void *arg)
{
	struct pair *p = arg;

	if (p->begin)
		p->begin(p, 1);
	p->wait(p, 1);
	while (!__atomic_load_n(&p->quit, __ATOMIC_RELAXED))
		turn(p, 1);
	return NULL;
}

static void pair_round(void *arg)
{
	turn(arg, 0);
}

static void *measuring_side(void *arg)
{
	struct pair *p = arg;

	if (p->begin)
		p->begin(p, 0);
	usleep(10000);		/* the other waits now */
	p->cost = show(p->name, measure(pair_round, p, &p->own), 1);
	__atomic_store_n(&p->quit, true, __ATOMIC_RELAXED);
	p->wake(p, 0);
	return NULL;
}

/* Cost of a round trip.  New threads: one that was a worker never is as before. */
static double round_trip(const char *name, struct pair *p)
{
	pthread_t thread;

	p->name = name;
	check(!pthread_create(&p->other, NULL, other_side, p), "pthread_create");
	check(!pthread_create(&thread, NULL, measuring_side, p), "pthread_create");
	pthread_join(thread, NULL);
	pthread_join(p->other, NULL);
	return p->cost;
}

static double futex_round_trip(const char *name)
{
	struct pair p = { .wake = futex_wake, .wait = futex_wait };

	return round_trip(name, &p);
}

static void eventfd_round_trip(const char *name)
{
	struct pair p = { .wake = fd_wake, .wait = fd_wait };
	int side;

	for (side = 0; side < 2; side++) {
		p.fd[side][0] = p.fd[side][1] = eventfd(0, EFD_CLOEXEC);
		check(p.fd[side][0] >= 0, "eventfd");
	}
	round_trip(name, &p);
}

static void pipe_round_trip(const char *name)
{
	struct pair p = { .wake = fd_wake, .wait = fd_wait };
	int side;

	for (side = 0; side < 2; side++)
		check(!pipe2(p.fd[side], O_CLOEXEC), "pipe2");
	round_trip(name, &p);
}

static double port_round_trip(const char *name, struct port *port, bool one_call, u32 flags,
			      void (*begin)(struct pair *pair, int side))
{
	struct pair p = {
		.wake = port_wake, .wait = port_wait, .one_call = one_call, .begin = begin,
	};

	exchange_init(&p.x[0], port, 0, one_call, flags);
	exchange_init(&p.x[1], port, 1, 0, flags);
	return round_trip(name, &p);
}

static double worker_round_trip(const char *name, struct port *port)
{
	struct puppet parked;
	struct pair p = {
		.wake = futex_wake, .wait = futex_wait, .begin = join_port, .parked = &parked,
	};
	double cost;

	exchange_init(&p.x[0], port, 0, 0, 0);
	check(!puppet_start(&parked), "thread");
	cost = round_trip(name, &p);
	port_shutdown(port->fd, NULL);
	check(puppet_done(&parked), "waiter");
	puppet_stop(&parked);
	return cost;
}

/* ------------------------------------------------------------------- main */

static void load(const char *module)
{
	int fd = open(module, O_RDONLY | O_CLOEXEC);

	check(fd >= 0, module);
	check(!syscall(SYS_finit_module, fd, "", 0), "finit_module");
	close(fd);
}

static void bar(const char *what, double value, double limit)
{
	bool reached = value <= limit;		/* false of NAN */

	printf("%-58s %9.3f %9.2f  %s\n", what, value, limit, reached ? "reached" : "NOT REACHED");
	failed |= !reached;
}

#define RING 64

static const char *variant(const char *what, u32 ring_entries, bool hook)
{
	static char name[128];

	snprintf(name, sizeof(name), "%s, %s, hook %s", what, ring_entries ? "ring" : "no ring",
		 hook ? "on" : "off");
	return name;
}

/* One thread alone: a packet that wakes nobody */
static void packet_rows(u32 ring_entries, bool hook)
{
	struct port p = make_port(ring_entries, hook);
	struct exchange x;

	exchange_init(&x, &p, 0, 1, 0);
	row(variant("post and take, one ENTER", ring_entries, hook), one_enter, &x, 1);
	x.enter.nr_ops = 0;
	row(variant("post and take, POST and ENTER", ring_entries, hook), post_and_enter, &x, 1);
	port_close(&p);
}

struct port_costs {
	double one_call, two_calls;	/* round trips */
	double block;			/* futex round trip in which a worker blocks once */
};

static struct port_costs port_rows(u32 ring_entries, bool hook)
{
	struct port p = make_port(ring_entries, hook);
	struct port_costs c;

	c.one_call = port_round_trip(variant("round trip, one ENTER", ring_entries, hook),
				     &p, true, 0, NULL);
	c.two_calls = port_round_trip(variant("round trip, POST and ENTER", ring_entries, hook),
				      &p, false, 0, NULL);
	c.block = worker_round_trip(variant("futex round trip, a worker blocks", ring_entries,
					    hook), &p);
	port_close(&p);
	return c;
}

static void note(const char *what, double value)
{
	printf("%-58s %9.3f\n", what, value);
}

/* The oldest kernel is the one where it is to be cheaper than futex. */
static double futex_limit(void)
{
	struct utsname u;

	check(!uname(&u), "uname");
	return strncmp(u.release, "6.1.", 4) ? 1.05 : 1.00;
}

int main(int argc, char **argv)
{
	struct sched_param param = { 0 };
	double before, futex, guests, hooked;
	struct port_costs off, on;
	struct port p;

	if (argc != 2) {
		printf("usage: cost MODULE\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	/*
	 * A woken thread must not run before who woke it waits: then it would find
	 * nobody to wake, and half of each round trip would not take place.
	 */
	check(!sched_setscheduler(0, SCHED_BATCH, &param), "SCHED_BATCH");
	calibrate();

	printf("%-58s %9s %9s\n", "instructions, user and kernel", "best", "median");
	before = futex_round_trip("futex round trip, module not loaded");
	load(argv[1]);
	futex = futex_round_trip("futex round trip");
	eventfd_round_trip("eventfd round trip");
	pipe_round_trip("pipe round trip");

	row("getppid", one_getppid, NULL, 1);
	p = make_port(RING, false);
	row("ioctl that nobody knows", one_ioctl, &p, 1);
	row("ENTER, nothing to do", empty_enter, &p, 1);
	row("POST of 32, one by one from the ring, per packet", post_and_drain, &p, MANY);
	guests = port_round_trip("round trip, one ENTER, ring, no workers", &p, true,
				 IOCP_ENTER_NO_ASSOC, NULL);
	hooked = port_round_trip("round trip, one ENTER, ring, no workers, with the hook", &p,
				 true, IOCP_ENTER_NO_ASSOC, keep_hook);
	port_close(&p);
	packet_rows(0, false);
	packet_rows(RING, false);
	packet_rows(RING, true);
	port_rows(0, true);
	off = port_rows(RING, false);
	on = port_rows(RING, true);

	printf("\n%-58s %9s %9s\n", "bars (one ENTER, ring, unless it says otherwise)", "measured", "at most");
	bar("hook, per packet handed over", (hooked - guests) / 2, 50);
	note("  and being a worker of the port", (on.one_call - hooked) / 2);
	note("  and noticing that workers block", (on.one_call - off.one_call) / 2);
	bar("hook, per block that releases nobody", on.block - futex, 80);
	bar("thread that never uses a port, per context switch", (futex - before) / 2, 10);
	bar("one ENTER, hook on, to futex", on.one_call / futex, futex_limit());
	note("  POST and ENTER, hook on, to futex", on.two_calls / futex);
	return failed;
}
