// SPDX-License-Identifier: GPL-2.0-only
/*
 * stress.c - many threads do everything at once for a few seconds, and in the
 * end the books must balance: every operation that was accepted had exactly one
 * packet, every posted packet came once, every LAST came last, and nothing is
 * left.
 */
#include "iocp_test.h"

#define NR_THREADS	8
#define NR_SLOTS	48
#define NR_FILES	6
#define SLOT_BYTES	4096

/* One operation under way; "overlapped" points here. */
struct slot {
	u32 state;			/* 0 free, 1 submitted */
	char *buf;
};

/* One association's account: its key points here, and LAST's "overlapped". */
struct account {
	struct account *next;		/* all there ever were */
	u32 pending;			/* accepted, and their packet not seen */
	u32 lasts;
};

/* An association that comes and goes. */
struct file_set {
	pthread_rwlock_t lock;
	struct assoc as;
	struct account *account;
	bool there;
	int kind;
	int fds[2];
};

struct world {
	struct port port;
	struct file_set set[NR_FILES];
	struct account *accounts;
	bool stop;
	/* the books */
	u64 queued, done, refused, io, posts, post_packets, lasts, last_packets;
	u64 twice, strange;
	u64 cancelled, cancel_calls, gone;
};

struct thread {
	pthread_t thread;
	struct world *w;
	u64 seed;
	struct slot slots[NR_SLOTS];
	char *mem;
};

static u64 roll(struct thread *t)
{
	t->seed ^= t->seed << 13;
	t->seed ^= t->seed >> 7;
	t->seed ^= t->seed << 17;
	return t->seed >> 3;
}

#define COUNT(counter)	__atomic_add_fetch(&(counter), 1, __ATOMIC_RELAXED)

static void see(struct world *w, const struct iocp_packet *p, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		struct slot *s = ptr(p[i].overlapped);
		u32 one = 1;

		switch (pkt_kind(&p[i])) {
		case IOCP_PKT_KIND_POST:
			COUNT(w->post_packets);
			continue;
		case IOCP_PKT_KIND_LAST:
			COUNT(w->last_packets);
			COUNT(((struct account *)s)->lasts);
			continue;
		case IOCP_PKT_KIND_IO:
			break;
		default:
			COUNT(w->strange);
			continue;
		}
		COUNT(w->io);
		if (p[i].res == -ECANCELED)
			COUNT(w->cancelled);
		else if (p[i].res == 0 && p[i].info > SLOT_BYTES)
			COUNT(w->strange);
		else if (p[i].res && p[i].res != -EPIPE && p[i].res != -EFAULT &&
			 p[i].res != -ECONNRESET)
			COUNT(w->strange);
		__atomic_sub_fetch(&((struct account *)ptr(p[i].key))->pending, 1,
				   __ATOMIC_RELAXED);
		if (!__atomic_compare_exchange_n(&s->state, &one, 0, false, __ATOMIC_ACQ_REL,
						 __ATOMIC_RELAXED))
			COUNT(w->twice);
	}
}

static int open_set(struct world *w, struct file_set *f)
{
	const char *dir = getenv("IOCP_EXT4"), *dev = getenv("IOCP_NULLB");
	u32 modes = f->kind & 1 ? IOCP_MODE_SKIP_ON_SUCCESS : 0;
	int ret;

	f->fds[0] = -1;
	f->fds[1] = -1;
	switch (f->kind % 6) {
	case 0:
	case 1:
		ret = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, f->fds);
		break;
	case 2:
		f->fds[0] = memfd_create("stress", MFD_CLOEXEC);
		ret = f->fds[0] < 0 ? -1 : ftruncate(f->fds[0], 64 * SLOT_BYTES);
		break;
	case 3:
		f->fds[0] = dir ? tmp_file(dir, 0) : memfd_create("stress", MFD_CLOEXEC);
		ret = f->fds[0] < 0 ? -1 : ftruncate(f->fds[0], 64 * SLOT_BYTES);
		break;
	default:
		f->fds[0] = dev ? open(dev, O_RDWR | O_DIRECT | O_CLOEXEC) :
				  memfd_create("stress", MFD_CLOEXEC);
		ret = f->fds[0] < 0 ? -1 : 0;
	}
	if (ret)
		return -errno;
	f->account = calloc(1, sizeof(*f->account));
	f->account->next = __atomic_load_n(&w->accounts, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&w->accounts, &f->account->next, f->account, false,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
	ret = assoc_flags(w->port.fd, f->fds[0], addr(f->account), 0, modes, &f->as);
	if (ret)
		return ret;
	f->there = true;
	return 0;
}

static void close_set(struct world *w, struct file_set *f, u32 flags)
{
	if (assoc_del(w->port.fd, &f->as, flags | IOCP_DISASSOC_NOTIFY_LAST, addr(f->account)))
		COUNT(w->strange);
	COUNT(w->lasts);
	close(f->fds[0]);
	if (f->fds[1] >= 0)
		close(f->fds[1]);
	f->there = false;
}

static void do_submit(struct thread *t)
{
	struct file_set *f = &t->w->set[roll(t) % NR_FILES];
	u32 i, n = 0, want = 1 + roll(t) % 8;
	struct iocp_result r[8];
	struct iocp_op ops[8];
	struct slot *s[8];
	int ret;

	pthread_rwlock_rdlock(&f->lock);
	for (i = 0; i < NR_SLOTS && n < want && f->there; i++) {
		struct slot *slot = &t->slots[i];
		u64 dice = roll(t);

		if (__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE))
			continue;
		slot->state = 1;
		ops[n] = op_rw(dice & 1 ? IOCP_OP_READ : IOCP_OP_WRITE, &f->as, addr(slot),
			       slot->buf, f->kind == 4 || f->kind == 5 ? SLOT_BYTES :
			       1 + (dice >> 8) % SLOT_BYTES, (dice >> 24) % 64 * SLOT_BYTES);
		ops[n].flags = IOCP_OP_F_NOSIGNAL;
		if (!(dice >> 40 & 7))
			ops[n].flags |= IOCP_OP_F_FORCE_PUNT;
		if (!(dice >> 43 & 7))
			ops[n].flags |= IOCP_OP_F_INLINE_OK;
		if (!(dice >> 46 & 15))
			ops[n].aux = 1;		/* refused */
		if (!(dice >> 50 & 15))
			ops[n].addr = 4096;	/* nothing is there */
		ops[n].flags |= (dice >> 54 & 3) << IOCP_OP_F_PRIO_SHIFT;
		s[n++] = slot;
	}
	if (n) {
		__atomic_add_fetch(&f->account->pending, n, __ATOMIC_ACQ_REL);
		memset(r, 0, sizeof(r));
		ret = submit(t->w->port.fd, ops, n, r);
		if (ret != (int)n)
			COUNT(t->w->strange);
		for (i = 0; i < n; i++) {
			if (r[i].state == IOCP_RESULT_QUEUED) {
				COUNT(t->w->queued);
				continue;
			}
			if (r[i].state == IOCP_RESULT_DONE) {
				COUNT(t->w->done);
			} else if (r[i].res == -EINVAL || r[i].res == -EFAULT ||
				   r[i].res == -EAGAIN || r[i].res == -EPIPE) {
				COUNT(t->w->refused);
			} else {
				COUNT(t->w->strange);
			}
			__atomic_sub_fetch(&f->account->pending, 1, __ATOMIC_RELEASE);
			__atomic_store_n(&s[i]->state, 0, __ATOMIC_RELEASE);
		}
	}
	pthread_rwlock_unlock(&f->lock);
}

static void do_cancel(struct thread *t)
{
	struct file_set *f = &t->w->set[roll(t) % NR_FILES];
	struct iocp_cancel c = { .flags = IOCP_CANCEL_BY_OVERLAPPED };
	int ret;

	COUNT(t->w->cancel_calls);
	c.overlapped = addr(&t->slots[roll(t) % NR_SLOTS]);
	if (roll(t) % 4 == 0) {
		pthread_rwlock_rdlock(&f->lock);
		c = (struct iocp_cancel){
			.flags = IOCP_CANCEL_BY_ASSOC, .assoc = f->as.index,
			.assoc_gen = f->as.gen,
		};
		pthread_rwlock_unlock(&f->lock);
	}
	ret = cancel(t->w->port.fd, &c);
	if (ret && ret != -ENOENT)
		COUNT(t->w->strange);
}

/* The other ends of the sockets, so that something moves. */
static void do_pump(struct thread *t)
{
	struct file_set *f = &t->w->set[roll(t) % NR_FILES];
	static __thread char buf[3 * SLOT_BYTES];

	pthread_rwlock_rdlock(&f->lock);
	if (f->there && f->fds[1] >= 0) {
		if (roll(t) & 1) {
			if (send(f->fds[1], buf, 1 + roll(t) % sizeof(buf), MSG_NOSIGNAL) < 0 &&
			    errno != EAGAIN)
				COUNT(t->w->strange);
		} else if (recv(f->fds[1], buf, sizeof(buf), 0) < 0 && errno != EAGAIN) {
			COUNT(t->w->strange);
		}
	}
	pthread_rwlock_unlock(&f->lock);
}

static void do_reap(struct thread *t)
{
	u64 dice = roll(t);
	struct iocp_packet p[16];
	struct iocp_enter e = {
		.packets = addr(p), .nr_packets = 1 + (dice >> 8) % 16, .packet_size = sizeof(p[0]),
		.deadline = dice & 1 ? now_ns() + (dice >> 16) % 300000 : 0,
		.flags = dice & 2 ? IOCP_ENTER_NO_ASSOC : 0,
	};
	int ret = -EAGAIN;

	if (t->w->port.ro && dice & 4)
		ret = ring_take(&t->w->port, p, 16);
	if (ret <= 0) {
		if (!(dice & 0x78))
			e.packets = 4096;	/* nothing is there: all come back */
		ret = enter(t->w->port.fd, &e);
	}
	if (ret > 0)
		see(t->w, p, ret);
	else if (ret && ret != -ETIME && ret != -EFAULT)
		COUNT(t->w->strange);
}

static void do_post(struct thread *t)
{
	struct iocp_packet p[4];
	u32 n = 1 + roll(t) % 4, i;
	int ret;

	memset(p, 0, sizeof(p));
	for (i = 0; i < n; i++)
		p[i].flags = (u32)(roll(t) & 3) << IOCP_PKT_PRIO_SHIFT;
	ret = post_many(t->w->port.fd, p, n);
	if (ret > 0)
		__atomic_add_fetch(&t->w->posts, ret, __ATOMIC_RELAXED);
	else if (ret != -EAGAIN)
		COUNT(t->w->strange);
}

static void do_replace(struct thread *t)
{
	struct file_set *f = &t->w->set[roll(t) % NR_FILES];

	pthread_rwlock_wrlock(&f->lock);
	if (f->there) {
		close_set(t->w, f, roll(t) & 1 ? IOCP_DISASSOC_CANCEL : 0);
		COUNT(t->w->gone);
	}
	/* A new one may get the index of the old. */
	if (open_set(t->w, f))
		COUNT(t->w->strange);
	pthread_rwlock_unlock(&f->lock);
}

static void *live(void *arg)
{
	struct thread *t = arg;
	struct iocp_stats st;

	while (!__atomic_load_n(&t->w->stop, __ATOMIC_RELAXED)) {
		switch (roll(t) % 32) {
		case 0 ... 9:
			do_submit(t);
			break;
		case 10 ... 20:
			do_reap(t);
			break;
		case 21 ... 24:
			do_pump(t);
			break;
		case 25 ... 26:
			do_post(t);
			break;
		case 27 ... 29:
			do_cancel(t);
			break;
		case 30:
			if (roll(t) % 4 == 0)
				do_replace(t);
			break;
		case 31:
			port_stats(t->w->port.fd, &st);
			break;
		}
	}
	ioctl(t->w->port.fd, IOCP_IOC_DETACH, 0);
	return NULL;
}

FIXTURE(stress) {
	struct objects base;
	struct world *w;
	struct thread *t;
};

FIXTURE_VARIANT(stress) {
	u32 ring;
	u32 concurrency;
};

FIXTURE_VARIANT_ADD(stress, ring) { .ring = 32, .concurrency = 3 };
FIXTURE_VARIANT_ADD(stress, lists) { .concurrency = 64 };

FIXTURE_SETUP(stress)
{
	ASSERT_EQ(0, objects_base(&self->base));
	self->w = calloc(1, sizeof(*self->w));
	self->t = calloc(NR_THREADS, sizeof(*self->t));
	ASSERT_EQ(0, port_new(&self->w->port, variant->concurrency, variant->ring));
}

FIXTURE_TEARDOWN(stress)
{
	port_close(&self->w->port);
	EXPECT_EQ(0, objects_settle(&self->base));
}

TEST_F_TIMEOUT(stress, the_books_balance, 100)
{
	struct world *w = self->w;
	struct account *a;
	u64 end, deadline;
	int i, j;

	for (i = 0; i < NR_FILES; i++) {
		pthread_rwlock_init(&w->set[i].lock, NULL);
		w->set[i].kind = i;
		ASSERT_EQ(0, open_set(w, &w->set[i]));
	}
	for (i = 0; i < NR_THREADS; i++) {
		struct thread *t = &self->t[i];

		t->w = w;
		t->seed = 0x9e3779b97f4a7c15ULL * (i + 1);
		t->mem = map_anon(NR_SLOTS * SLOT_BYTES);
		for (j = 0; j < NR_SLOTS; j++)
			t->slots[j].buf = t->mem + j * SLOT_BYTES;
		ASSERT_EQ(0, pthread_create(&t->thread, NULL, live, t));
	}
	end = in_ms(rounds(3000));
	while (now_ns() < end)
		usleep(50000);
	__atomic_store_n(&w->stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < NR_THREADS; i++)
		pthread_join(self->t[i].thread, NULL);

	/* Everything ends; the sockets by the end of the other side. */
	for (i = 0; i < NR_FILES; i++)
		close_set(w, &w->set[i], IOCP_DISASSOC_CANCEL);
	deadline = in_ms(PATIENCE_MS);
	for (;;) {
		struct iocp_packet p[64];
		int ret = reap_until(w->port.fd, p, 64, 0);

		if (ret > 0) {
			see(w, p, ret);
			continue;
		}
		ASSERT_EQ(-ETIME, ret);
		if (w->lasts == w->last_packets && w->queued == w->io &&
		    w->posts == w->post_packets && !STAT(w->port.fd, inflight))
			break;
		ASSERT_GT(deadline, now_ns()) {
			TH_LOG("queued %llu io %llu posts %llu/%llu lasts %llu/%llu inflight %llu",
			       w->queued, w->io, w->posts, w->post_packets, w->lasts,
			       w->last_packets, STAT(w->port.fd, inflight));
		}
		usleep(1000);
	}
	printf("# accepted %llu (cancelled %llu), at once %llu, refused %llu\n", w->queued,
	       w->cancelled, w->done, w->refused);
	printf("# posts %llu, associations %llu\n", w->posts, w->lasts);
	fflush(stdout);
	EXPECT_EQ(w->queued, w->io);
	EXPECT_EQ(w->posts, w->post_packets);
	EXPECT_EQ(w->lasts, w->last_packets);
	for (a = w->accounts; a; a = a->next) {
		EXPECT_EQ(0, a->pending);
		EXPECT_EQ(1, a->lasts);
	}
	EXPECT_EQ(0, w->twice);
	EXPECT_EQ(0, w->strange);
	EXPECT_EQ(0, STAT(w->port.fd, queued));
	EXPECT_EQ(0, STAT(w->port.fd, active));
	EXPECT_EQ(0, STAT(w->port.fd, assocs));
	/* Or nothing was shown. */
	EXPECT_LT(0, w->queued);
	EXPECT_LT(0, w->cancelled);
	EXPECT_LT(0, w->done);
	EXPECT_LT(0, w->refused);
	EXPECT_LT(0, w->gone);
}

TEST_HARNESS_MAIN
