// SPDX-License-Identifier: GPL-2.0-only
/*
 * validate_args.c - what holds for the argument structure of every call: its
 * size, its address, its flags.  After each refusal nothing has changed, and
 * the same call put right succeeds.
 */
#include "iocp_test.h"

/* A port in which something is going on, so that a change would show. */
struct scene {
	int fd;
	struct port port;
	int pfd[2];
	struct assoc as;
	u64 read_id;
	char buf[16];
	struct iocp_op op;
	struct iocp_packet pkts[2];
	struct objects base;
};

#define MAX_ARG 256

union arg {
	__u32 size;
	struct {
		__u32 size_;
		__u32 flags;
	};
	struct iocp_query query;
	struct iocp_setup setup;
	struct iocp_enter enter;
	struct iocp_associate associate;
	struct iocp_assoc_ref ref;
	struct iocp_post post;
	struct iocp_cancel cancel;
	struct iocp_shutdown shutdown;
	struct iocp_stats stats;
	__u8 bytes[MAX_ARG];
};

static void good_query(struct scene *s, union arg *a)
{
	a->size = sizeof(a->query);
}

static void good_setup(struct scene *s, union arg *a)
{
	a->size = sizeof(a->setup);
	a->setup.concurrency = 2;
	a->setup.ring_entries = 8;
}

static void good_enter(struct scene *s, union arg *a)
{
	a->size = sizeof(a->enter);
	s->op = op_nop(1);
	a->enter.flags = IOCP_ENTER_NO_ASSOC;
	a->enter.ops = addr(&s->op);
	a->enter.nr_ops = 1;
	a->enter.op_size = sizeof(s->op);
	a->enter.packets = addr(s->pkts);
	a->enter.nr_packets = 2;
	a->enter.packet_size = sizeof(s->pkts[0]);
}

static void good_associate(struct scene *s, union arg *a)
{
	a->size = sizeof(a->associate);
	a->associate.fd = s->pfd[1];
	a->associate.key = 77;
}

static void good_ref(struct scene *s, union arg *a)
{
	a->size = sizeof(a->ref);
	a->ref.assoc = s->as.index;
	a->ref.assoc_gen = s->as.gen;
}

static void good_post(struct scene *s, union arg *a)
{
	a->size = sizeof(a->post);
	memset(s->pkts, 0, sizeof(s->pkts));
	a->post.packets = addr(s->pkts);
	a->post.nr = 1;
	a->post.packet_size = sizeof(s->pkts[0]);
}

static void good_cancel(struct scene *s, union arg *a)
{
	a->size = sizeof(a->cancel);
	a->cancel.flags = IOCP_CANCEL_BY_ID;
	a->cancel.id = s->read_id;
}

static void good_shutdown(struct scene *s, union arg *a)
{
	a->size = sizeof(a->shutdown);
}

static void good_stats(struct scene *s, union arg *a)
{
	a->size = sizeof(a->stats);
}

FIXTURE(arg) {
	struct scene s;
	union arg good;
	size_t len;
};

FIXTURE_VARIANT(arg) {
	unsigned long nr;
	size_t len;
	void (*good)(struct scene *s, union arg *a);
	int good_ret;
	bool is_setup;
};

#define VARIANT(name, number, type, fill, ret)				\
FIXTURE_VARIANT_ADD(arg, name) {					\
	.nr = number, .len = sizeof(struct type), .good = fill, .good_ret = ret, \
	.is_setup = number == IOCP_IOC_SETUP,				\
}

VARIANT(query, IOCP_IOC_QUERY, iocp_query, good_query, 0);
VARIANT(setup, IOCP_IOC_SETUP, iocp_setup, good_setup, 0);
VARIANT(enter, IOCP_IOC_ENTER, iocp_enter, good_enter, 2);
VARIANT(associate, IOCP_IOC_ASSOCIATE, iocp_associate, good_associate, 0);
VARIANT(disassociate, IOCP_IOC_DISASSOCIATE, iocp_assoc_ref, good_ref, 0);
VARIANT(set_modes, IOCP_IOC_SET_MODES, iocp_assoc_ref, good_ref, 0);
VARIANT(post, IOCP_IOC_POST, iocp_post, good_post, 1);
VARIANT(cancel, IOCP_IOC_CANCEL, iocp_cancel, good_cancel, 0);
VARIANT(shutdown, IOCP_IOC_SHUTDOWN, iocp_shutdown, good_shutdown, 0);
VARIANT(stats, IOCP_IOC_STATS, iocp_stats, good_stats, 0);

FIXTURE_SETUP(arg)
{
	struct scene *s = &self->s;
	struct iocp_op op;

	ASSERT_EQ(0, objects_base(&s->base));
	ASSERT_EQ(0, pipe(s->pfd));
	if (variant->is_setup) {
		s->fd = port_open();
		ASSERT_LE(0, s->fd);
	} else {
		ASSERT_EQ(0, port_new(&s->port, 1, 0));
		s->fd = s->port.fd;
		ASSERT_EQ(0, assoc_add(s->fd, s->pfd[0], 7, &s->as));
		op = op_read(&s->as, 3, s->buf, sizeof(s->buf), 0);
		ASSERT_EQ(1, submit_id(s->fd, &op, 1, NULL, &s->read_id));
		ASSERT_EQ(1, post(s->fd, 9));
	}
	variant->good(s, &self->good);
	self->len = variant->len;
}

FIXTURE_TEARDOWN(arg)
{
	close(self->s.fd);
	EXPECT_EQ(0, objects_settle(&self->s.base));
}

/* The port before and after a refused call: the same to the byte. */
struct look {
	struct iocp_stats stats;
	struct iocp_query query;
	int stats_ret;
};

static void look_at(int fd, struct look *l)
{
	memset(l, 0, sizeof(*l));
	port_query(fd, &l->query);
	l->stats_ret = port_stats(fd, &l->stats);
}

#define REFUSED(err, where) do {					\
	struct look before_, after_;					\
									\
	look_at(self->s.fd, &before_);					\
	EXPECT_EQ(-(err), call(self->s.fd, variant->nr, where));	\
	look_at(self->s.fd, &after_);					\
	EXPECT_EQ(0, memcmp(&before_, &after_, sizeof(before_)));	\
} while (0)

#define GOOD() \
	EXPECT_EQ(variant->good_ret, call(self->s.fd, variant->nr, &self->good))

TEST_F(arg, null_EFAULT)
{
	REFUSED(EFAULT, NULL);
	GOOD();
}

TEST_F(arg, kernel_address_EFAULT)
{
	REFUSED(EFAULT, ptr(KERNEL_ADDR));
	GOOD();
}

TEST_F(arg, inaccessible_EFAULT)
{
	REFUSED(EFAULT, no_access());
	GOOD();
}

TEST_F(arg, last_field_inaccessible_EFAULT)
{
	char *end = guarded(1) + sysconf(_SC_PAGESIZE);
	char *at = end - (self->len - 4);

	memcpy(at, &self->good, self->len - 4);
	REFUSED(EFAULT, at);
	GOOD();
}

TEST_F(arg, ends_at_a_hole_is_fine)
{
	char *end = guarded(1) + sysconf(_SC_PAGESIZE);
	char *at = end - self->len;

	memcpy(at, &self->good, self->len);
	EXPECT_EQ(variant->good_ret, call(self->s.fd, variant->nr, at));
}

TEST_F(arg, size_0_EINVAL)
{
	union arg bad = self->good;

	bad.size = 0;
	REFUSED(EINVAL, &bad);
	GOOD();
}

TEST_F(arg, size_one_less_EINVAL)
{
	union arg bad = self->good;

	bad.size = self->len - 1;
	REFUSED(EINVAL, &bad);
	GOOD();
}

TEST_F(arg, size_one_field_less_EINVAL)
{
	union arg bad = self->good;

	bad.size = self->len - 8;
	REFUSED(EINVAL, &bad);
	GOOD();
}

/* A program of the future that does not use what we do not know. */
TEST_F(arg, longer_with_zeroes_is_fine)
{
	union arg future = self->good;

	future.size = self->len + 16;
	memset(future.bytes + self->len, 0, 16);
	EXPECT_EQ(variant->good_ret, call(self->s.fd, variant->nr, &future));
}

TEST_F(arg, longer_with_something_E2BIG)
{
	union arg future = self->good;

	future.size = self->len + 16;
	memset(future.bytes + self->len, 0, 16);
	future.bytes[self->len + 15] = 1;
	REFUSED(E2BIG, &future);
	GOOD();
}

TEST_F(arg, one_byte_longer_with_something_E2BIG)
{
	union arg future = self->good;

	future.size = self->len + 1;
	future.bytes[self->len] = 0x80;
	REFUSED(E2BIG, &future);
	GOOD();
}

TEST_F(arg, longer_than_a_page_E2BIG)
{
	size_t ps = sysconf(_SC_PAGESIZE);
	union arg *big = map_anon(2 * ps);

	*big = self->good;
	big->size = ps + 8;
	REFUSED(E2BIG, big);
	GOOD();
}

TEST_F(arg, size_all_ones_E2BIG)
{
	union arg bad = self->good;

	bad.size = ~0U;
	REFUSED(E2BIG, &bad);
	GOOD();
}

TEST_F(arg, unknown_flags_EINVAL)
{
	static const unsigned int bits[] = { 6, 7, 10, 15, 16, 23, 24, 30, 31 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		union arg bad = self->good;

		bad.flags |= 1U << bits[i];
		REFUSED(EINVAL, &bad);
	}
	GOOD();
}

TEST_HARNESS_MAIN
