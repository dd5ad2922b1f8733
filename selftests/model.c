// SPDX-License-Identifier: GPL-2.0-only
/*
 * model.c - random threads, packets, blocks, moves, exits and closes against a
 * model of the rule (CP-20 to CP-40) in plain C.
 *
 * Actors do one command at a time and then either block, on a futex, until the
 * next one, or stay and spin, so the model knows of each thread whether it runs.
 * After every event the test waits until both ports show exactly the counts that
 * the model has, and each actor the packet or error that the model gave it.
 * What a block sets off comes in parallel, but its outcome does not depend on the
 * order: the oldest packets meet the newest waiters.
 *
 * IOCP_ROUNDS_SCALE=50 makes it a million events; IOCP_SEED repeats a run.  With
 * a module built by make IOCP_DEBUG=y the kernel checks its counts and CP-40 after
 * each step as well.
 */
#include <linux/futex.h>

#include "iocp_test.h"

#define NR_ACTORS	6
#define NR_PORTS	2
#define MAX_QUEUE	40		/* fits into the ring */
#define RING		64
#define NR_EVENTS	20000
#define MAX_SPINNERS	2		/* the processors of the test machine */
#define NR_PRIOS	3

struct actor;

/* What the model knows of a port; it outlives the port while actors belong to it. */
struct mport {
	struct port port;
	bool ring, detect, strict;
	int concurrency;
	int active, workers, nr_owing;
	u64 queue[NR_PRIOS][MAX_QUEUE];	/* highest first */
	int queued[NR_PRIOS];
	struct actor *waiters[NR_ACTORS];	/* newest first */
	int nr_waiting;
	u64 handed, taken, ring_taken;
	int users;
};

enum op { TAKE, PARK, RING_TAKE, DETACH, EXIT, NOTHING };

struct actor {
	pthread_t thread;
	pid_t tid;
	/* the command, and when it was given and done */
	u32 go, done;
	enum op op;
	struct port *port;
	u32 flags;
	int nr;
	bool stay;
	int ret;
	struct iocp_packet pkts[4];

	/* the model's */
	struct mport *mport;		/* whose worker it is */
	bool active;			/* outside the wait */
	bool owes;
	bool spins;
	bool parked, guest;
	struct mport *at;		/* where it is parked */
	int want_ret;
	u64 want_keys[4];
};

struct world {
	struct actor actor[NR_ACTORS];
	struct mport *mport[NR_PORTS];
	struct actor *ended[NR_ACTORS];	/* commands that the model ended, not yet settled */
	int nr_ended;
	u64 rnd, next_key, events;
	char history[16][96];
};

static u32 rnd(struct world *w, u32 n)
{
	w->rnd ^= w->rnd << 13;
	w->rnd ^= w->rnd >> 7;
	w->rnd ^= w->rnd << 17;
	return (w->rnd >> 32) % n;
}

#define NOTE(w, ...) snprintf((w)->history[(w)->events % 16], sizeof((w)->history[0]), __VA_ARGS__)

/* ------------------------------------------------------------- the model */

static int m_depth(struct mport *p)
{
	return p->queued[0] + p->queued[1] + p->queued[2];
}

static struct actor *m_eligible(struct mport *p)
{
	int i;

	for (i = 0; i < p->nr_waiting; i++)
		if (p->waiters[i]->guest || p->active < p->concurrency)
			return p->waiters[i];
	return NULL;
}

static u64 m_pop_from(struct mport *p, int prio)
{
	u64 key = p->queue[prio][0];

	p->queued[prio]--;
	memmove(p->queue[prio], p->queue[prio] + 1, p->queued[prio] * sizeof(key));
	return key;
}

static u64 m_pop(struct mport *p)
{
	int prio = 0;

	while (!p->queued[prio])
		prio++;
	return m_pop_from(p, prio);
}

/* CP-36 and TR-11 */
static void m_woke(struct actor *a)
{
	struct mport *p = a->mport;

	if (!p || !a->active || !p->detect)
		return;
	p->active++;
	if (p->strict && !a->owes && p->active > p->concurrency) {
		a->owes = true;
		p->nr_owing++;
	}
}

static void m_settle_debt(struct actor *a)
{
	if (a->owes)
		a->mport->nr_owing--;
	a->owes = false;
}

/* It leaves the wait; what it does then is done by m_rest(). */
static void m_unpark(struct world *w, struct actor *a, int ret)
{
	struct mport *p = a->at;
	int i = 0;

	while (p->waiters[i] != a)
		i++;
	p->nr_waiting--;
	memmove(&p->waiters[i], &p->waiters[i + 1], (p->nr_waiting - i) * sizeof(a));
	a->parked = false;
	a->want_ret = ret;
	if (a->guest) {
		m_woke(a);
	} else {
		p->active++;
		a->active = true;
	}
	w->ended[w->nr_ended++] = a;
}

static void m_hand(struct world *w, struct actor *a, u64 key)
{
	a->at->handed++;
	a->want_keys[0] = key;
	m_unpark(w, a, 1);
}

/* CP-34 */
static void m_release(struct world *w, struct mport *p)
{
	struct actor *a;

	while (m_depth(p) && (a = m_eligible(p))) {
		p->taken++;
		m_hand(w, a, m_pop(p));
	}
}

static void m_block(struct world *w, struct actor *a)
{
	if (!a->mport || !a->active || !a->mport->detect)
		return;
	a->mport->active--;
	m_release(w, a->mport);
}

/* A command has ended: the actor blocks, or stays. */
static void m_rest(struct world *w, struct actor *a)
{
	a->spins = a->stay;
	if (!a->stay)
		m_block(w, a);
}

static void m_put(struct mport *p)
{
	if (!--p->users)
		free(p);
}

static void m_leave(struct world *w, struct actor *a)
{
	struct mport *p = a->mport;

	if (!p)
		return;
	m_settle_debt(a);
	p->workers--;
	if (a->active) {
		p->active--;
		m_release(w, p);
	}
	a->mport = NULL;
	a->active = false;
	m_put(p);
}

static void m_post(struct world *w, struct mport *p, u64 key, int prio)
{
	int i, before = 0;
	struct actor *a = m_eligible(p);

	for (i = 0; i <= prio; i++)
		before += p->queued[i];
	if (a && !before) {
		m_hand(w, a, key);
		return;
	}
	p->queue[prio][p->queued[prio]++] = key;
	m_release(w, p);
}

/* CP-30, CP-35, CP-37 */
static void m_wait(struct world *w, struct actor *a, struct mport *p)
{
	bool owed = a->owes;

	a->guest = a->flags & IOCP_ENTER_NO_ASSOC;
	if (!a->guest) {
		if (a->mport != p) {
			m_leave(w, a);
			a->mport = p;
			p->workers++;
			p->users++;
		} else if (a->active) {
			m_settle_debt(a);
			p->active--;
			a->active = false;
			if (owed)
				m_release(w, p);
		}
	}
	if ((a->guest || p->active < p->concurrency) && m_depth(p)) {
		for (a->want_ret = 0; a->want_ret < a->nr && m_depth(p); a->want_ret++) {
			a->want_keys[a->want_ret] = m_pop(p);
			p->taken++;
		}
	} else if (a->op == PARK) {
		a->parked = true;
		a->at = p;
		memmove(&p->waiters[1], &p->waiters[0], p->nr_waiting * sizeof(a));
		p->waiters[0] = a;
		p->nr_waiting++;
		/* Asleep as a guest it is blocked where it belongs. */
		if (a->guest)
			m_block(w, a);
		return;
	} else {
		a->want_ret = -ETIME;
	}
	if (!a->guest) {
		p->active++;
		a->active = true;
	}
	w->ended[w->nr_ended++] = a;
}

static void m_ring_take(struct world *w, struct actor *a, struct mport *p)
{
	if (p->active > p->concurrency || p->nr_owing || p->queued[0]) {
		a->want_ret = -EAGAIN;
	} else if (p->queued[1]) {
		a->want_ret = 1;
		a->want_keys[0] = m_pop_from(p, 1);
		p->ring_taken++;
	} else {
		a->want_ret = p->queued[2] ? -EAGAIN : 0;
	}
	w->ended[w->nr_ended++] = a;
}

static void m_command(struct world *w, struct actor *a, struct mport *p)
{
	if (!a->spins)
		m_woke(a);
	a->want_ret = 0;
	switch (a->op) {
	case TAKE:
	case PARK:
		m_wait(w, a, p);
		return;
	case RING_TAKE:
		m_ring_take(w, a, p);
		return;
	case DETACH:
		a->want_ret = a->mport == p ? 0 : -ENOENT;
		if (a->mport == p)
			m_leave(w, a);
		break;
	case EXIT:
		m_leave(w, a);
		break;
	case NOTHING:
		break;
	}
	w->ended[w->nr_ended++] = a;
}

/* ------------------------------------------------------------ the actors */

static void futex(u32 *word, int op, u32 val)
{
	syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, val, NULL, NULL, 0);
}

static void *actor_main(void *arg)
{
	struct sched_param sp = { 0 };
	struct actor *a = arg;
	bool spins = false;
	u32 seen = 0;

	/* Who spins must not keep others from running. */
	sched_setscheduler(0, SCHED_IDLE, &sp);
	prctl(PR_SET_NAME, "actor");
	__atomic_store_n(&a->tid, gettid(), __ATOMIC_RELEASE);
	for (;;) {
		struct iocp_enter e;
		u32 go;

		while ((go = __atomic_load_n(&a->go, __ATOMIC_ACQUIRE)) == seen) {
			if (spins)
				sched_yield();
			else
				futex(&a->go, FUTEX_WAIT, seen);
		}
		seen = go;
		switch (a->op) {
		case TAKE:
		case PARK:
			e = (struct iocp_enter){
				.flags = a->flags, .packets = addr(a->pkts), .nr_packets = a->nr,
				.packet_size = sizeof(a->pkts[0]),
				.deadline = a->op == PARK ? FOREVER : 0,
			};
			a->ret = enter(a->port->fd, &e);
			break;
		case RING_TAKE:
			a->ret = ring_take(a->port, a->pkts, 1);
			break;
		case DETACH:
			a->ret = call(a->port->fd, IOCP_IOC_DETACH, NULL);
			break;
		default:
			a->ret = 0;
		}
		spins = a->stay;
		__atomic_store_n(&a->done, seen, __ATOMIC_RELEASE);
		if (a->op == EXIT)
			return NULL;
	}
}

static int actor_start(struct actor *a)
{
	pthread_attr_t attr;
	int ret;

	a->go = a->done = 0;
	a->tid = 0;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 1 << 16);	/* memory is locked */
	ret = pthread_create(&a->thread, &attr, actor_main, a);
	pthread_attr_destroy(&attr);
	if (ret)
		return -ret;
	return WAIT_FOR(__atomic_load_n(&a->tid, __ATOMIC_ACQUIRE)) ? 0 : -ETIME;
}

/* Who spins sees it; a wake-up would come late, when it blocks again. */
static void actor_go(struct actor *a, bool spins)
{
	__atomic_store_n(&a->go, a->go + 1, __ATOMIC_RELEASE);
	if (!spins)
		futex(&a->go, FUTEX_WAKE, 1);
}

static void on_signal(int sig)
{
}

/* --------------------------------------------------------------- running */

/* What the ring's word says: how busy the port is, and what waits before the ring. */
static u32 m_must_enter(struct mport *p)
{
	return (p->active > p->concurrency || p->nr_owing ? IOCP_RING_MUST_ENTER_LIMIT : 0) |
	       (p->queued[0] ? IOCP_RING_MUST_ENTER_FRONT : 0);
}

static bool port_settled(struct mport *p, struct iocp_stats *st)
{
	return !port_stats(p->port.fd, st) && st->active == p->active &&
	       st->waiting == p->nr_waiting && st->queued == m_depth(p) &&
	       st->workers == p->workers &&
	       (!p->ring || ring_must_enter(&p->port) == m_must_enter(p));
}

static void breathe(int tries)
{
	if (tries < 100)
		sched_yield();
	else
		usleep(20);
}

static bool actor_settled(struct actor *a)
{
	return a->parked || __atomic_load_n(&a->done, __ATOMIC_ACQUIRE) == a->go;
}

/* Everything as the model has it; NULL, or what is not. */
static const char *settle(struct world *w)
{
	u64 end = in_ms(PATIENCE_MS);
	static char what[256];
	struct iocp_stats st;
	int i, k, n;
	bool ok;

	while (w->nr_ended) {
		struct actor *a = w->ended[--w->nr_ended];

		m_rest(w, a);
		if (a->op == EXIT)
			continue;
		for (n = 0; !actor_settled(a) && now_ns() < end; n++)
			breathe(n);
		if (!actor_settled(a) || a->ret != a->want_ret) {
			snprintf(what, sizeof(what), "actor %d: %s %d, model %d",
				 (int)(a - w->actor), actor_settled(a) ? "got" : "is not back, had",
				 a->ret, a->want_ret);
			return what;
		}
		for (k = 0; k < a->want_ret; k++) {
			if (a->pkts[k].key != a->want_keys[k]) {
				snprintf(what, sizeof(what), "actor %d: packet %llu, model %llu",
					 (int)(a - w->actor), (unsigned long long)a->pkts[k].key,
					 (unsigned long long)a->want_keys[k]);
				return what;
			}
		}
	}
	for (i = 0; i < NR_PORTS; i++) {
		struct mport *p = w->mport[i];

		for (n = 0; !(ok = port_settled(p, &st)) && now_ns() < end; n++)
			breathe(n);
		if (!ok || st.handed != p->handed || st.taken != p->taken ||
		    st.ring_taken != p->ring_taken) {
			snprintf(what, sizeof(what),
				 "port %d: active %u/%d waiting %u/%d queued %llu/%d workers %u/%d handed %llu/%llu taken %llu/%llu ring %llu/%llu word %x/%x (kernel/model)",
				 i, st.active, p->active, st.waiting, p->nr_waiting, st.queued,
				 m_depth(p), st.workers, p->workers, st.handed, p->handed,
				 st.taken, p->taken, st.ring_taken, p->ring_taken,
				 p->ring ? ring_must_enter(&p->port) : 0, m_must_enter(p));
			return what;
		}
		if (m_depth(p) && m_eligible(p))
			return "CP-40 does not hold in the model";
	}
	return NULL;
}

static void log_world(struct __test_metadata *_metadata, struct world *w)
{
	struct actor *a;
	int i;

	for (i = 1; i <= 16; i++)
		TH_LOG("  %s", w->history[(w->events + i) % 16]);
	for (a = w->actor; a < w->actor + NR_ACTORS; a++)
		TH_LOG("  actor %d: %c, %s%s%s", (int)(a - w->actor), thread_state(a->tid),
		       !a->mport ? "free" : a->mport == w->mport[0] ? "port 0" :
		       a->mport == w->mport[1] ? "port 1" : "old port",
		       a->active ? " active" : "", a->parked ? " parked" : a->spins ? " spins" : "");
}

static int new_port(struct world *w, int i)
{
	struct mport *p = calloc(1, sizeof(*p));

	p->users = 1;
	p->concurrency = 1 + rnd(w, 3);
	p->ring = rnd(w, 2);
	p->detect = rnd(w, 5);
	p->strict = p->detect && !rnd(w, 3);
	p->port.setup.concurrency = p->concurrency;
	p->port.setup.ring_entries = p->ring ? RING : 0;
	p->port.setup.features = (p->detect ? IOCP_FEATURE_BLOCKING : 0) |
				 (p->strict ? IOCP_FEATURE_STRICT : 0);
	w->mport[i] = p;
	return port_create(&p->port);
}

static void end_port(struct world *w, int i)
{
	struct mport *p = w->mport[i];

	NOTE(w, "%llu: shut down port %d", (unsigned long long)w->events, i);
	port_shutdown(p->port.fd, NULL);
	memset(p->queued, 0, sizeof(p->queued));
	while (p->nr_waiting)
		m_unpark(w, p->waiters[0], -ESHUTDOWN);
}

static void command(struct world *w, struct actor *a, int spinners)
{
	static const char * const names[] = {
		"take", "park", "ring take", "detach", "exit", "nothing"
	};
	struct mport *p = w->mport[rnd(w, NR_PORTS)];
	u32 what = rnd(w, 100);
	bool spins;

	a->port = &p->port;
	a->flags = rnd(w, 8) ? 0 : IOCP_ENTER_NO_ASSOC;
	a->nr = 1;
	if (what < 40) {
		a->op = TAKE;
		/* in a strict port others may be released meanwhile */
		if (!p->strict)
			a->nr = 1 + rnd(w, 3);
	} else if (what < 75) {
		a->op = PARK;
		/* Several of them may wake at once, and then it is chance who owes. */
		if (a->mport && a->mport->strict)
			a->flags = 0;
	} else if (what < 85) {
		a->op = NOTHING;
	} else if (what < 95) {
		a->op = DETACH;
	} else if (what < 97) {
		a->op = EXIT;
	} else {
		a->op = NOTHING;
	}
	/* Only who runs in the port may take from its ring. */
	if (a->spins && a->active && a->mport == p && p->ring && rnd(w, 2))
		a->op = RING_TAKE;
	a->stay = a->op != EXIT && spinners - a->spins < MAX_SPINNERS && !rnd(w, 3);
	NOTE(w, "%llu: actor %d port %d: %s%s%s%s", (unsigned long long)w->events,
	     (int)(a - w->actor), p == w->mport[1], names[a->op],
	     a->flags && a->op <= PARK ? " as guest" : "", a->spins ? ", spinning" : "",
	     a->stay ? ", stays" : "");
	spins = a->spins;
	m_command(w, a, p);
	actor_go(a, spins);
}

static const char *event(struct world *w)
{
	struct actor *a = &w->actor[rnd(w, NR_ACTORS)];
	u32 what = rnd(w, 1000), i;
	int spinners = 0, ret;
	const char *wrong;

	for (i = 0; i < NR_ACTORS; i++)
		spinners += w->actor[i].spins || (w->actor[i].parked && w->actor[i].stay);
	if (what < 2) {
		i = rnd(w, NR_PORTS);
		end_port(w, i);
		/* Workers that are blocked stay those of the old one. */
		for (wrong = NULL; w->nr_ended && !wrong;) {
			struct mport *other = w->mport[i];

			w->mport[i] = w->mport[!i];
			wrong = settle(w);
			w->mport[i] = other;
		}
		if (wrong)
			return wrong;
		port_close(&w->mport[i]->port);
		m_put(w->mport[i]);
		ret = new_port(w, i);
		return ret ? "no new port" : settle(w);
	}
	if (a->parked) {
		if (what < 150) {
			NOTE(w, "%llu: signal for actor %d", (unsigned long long)w->events,
			     (int)(a - w->actor));
			m_unpark(w, a, -EINTR);
			tgkill(getpid(), a->tid, SIGUSR1);
			return settle(w);
		}
	} else if (what < 550) {
		command(w, a, spinners);
		wrong = settle(w);
		if (!wrong && a->op == EXIT) {
			pthread_join(a->thread, NULL);
			a->spins = false;
			if (actor_start(a))
				wrong = "no new thread";
		}
		return wrong;
	}
	for (i = 1 + rnd(w, 3); i; i--) {
		struct mport *p = w->mport[rnd(w, NR_PORTS)];
		int prio = rnd(w, NR_PRIOS);

		if (m_depth(p) >= MAX_QUEUE)
			continue;
		NOTE(w, "%llu: post %llu to port %d with priority %d",
		     (unsigned long long)w->events, (unsigned long long)w->next_key,
		     p == w->mport[1], prio + 1);
		m_post(w, p, w->next_key, prio);
		if (post_prio(p->port.fd, w->next_key++, prio + IOCP_PRIO_HIGH) != 1)
			return "post failed";
		wrong = settle(w);
		if (wrong)
			return wrong;
		w->events++;
	}
	return NULL;
}

FIXTURE(model) {
};

FIXTURE_SETUP(model)
{
}

FIXTURE_TEARDOWN(model)
{
}

TEST_F_TIMEOUT(model, equals_the_port, 3000)
{
	struct sigaction sa = { .sa_handler = on_signal };
	static struct world w;
	const char *seed = getenv("IOCP_SEED"), *wrong = NULL;
	u64 nr = rounds(NR_EVENTS), i;
	struct objects base;

	ASSERT_EQ(0, objects_base(&base));
	/* A page fault that sleeps would be a block that the model knows nothing of. */
	ASSERT_EQ(0, mlockall(MCL_CURRENT | MCL_FUTURE));
	sigaction(SIGUSR1, &sa, NULL);
	w.rnd = seed ? strtoull(seed, NULL, 0) : now_ns() | 1;
	TH_LOG("IOCP_SEED=%llu, %llu events", (unsigned long long)w.rnd, (unsigned long long)nr);
	for (i = 0; i < NR_PORTS; i++)
		ASSERT_EQ(0, new_port(&w, i));
	for (i = 0; i < NR_ACTORS; i++)
		ASSERT_EQ(0, actor_start(&w.actor[i]));
	while (!wrong && w.events < nr) {
		wrong = event(&w);
		w.events++;
	}
	ASSERT_EQ(NULL, wrong) {
		TH_LOG("%s", wrong);
		log_world(_metadata, &w);
	}
	for (i = 0; i < NR_PORTS; i++)
		end_port(&w, i);
	for (i = 0; i < NR_ACTORS; i++) {
		ASSERT_TRUE(WAIT_FOR(__atomic_load_n(&w.actor[i].done, __ATOMIC_ACQUIRE) ==
				     w.actor[i].go));
		w.actor[i].op = EXIT;
		actor_go(&w.actor[i], false);
		pthread_join(w.actor[i].thread, NULL);
	}
	for (i = 0; i < NR_PORTS; i++)
		port_close(&w.mport[i]->port);
	EXPECT_EQ(0, objects_settle(&base));
}

TEST_HARNESS_MAIN
