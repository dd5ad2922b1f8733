// SPDX-License-Identifier: GPL-2.0-only
/*
 * limits.c - what one port, and one user, may have.  Over a limit the answer is
 * EAGAIN to that request, and nothing else is disturbed.
 */
#include "iocp_test.h"

#define PARAMS	"/sys/module/iocp/parameters/"

static long param_get(const char *name)
{
	char path[128], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), PARAMS "%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (read(fd, text, sizeof(text) - 1) <= 0)
		text[0] = '-';
	close(fd);
	return text[0] == '-' ? -1 : atol(text);
}

static int param_set(const char *name, long value)
{
	char path[128], text[32];
	int fd, ret;

	snprintf(path, sizeof(path), PARAMS "%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	snprintf(text, sizeof(text), "%ld", value);
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* ------------------------------------------------------------- of one port */

FIXTURE(port) {
	struct port port;
	struct objects base;
	int pfd[2];
	struct assoc as;
	char buf[16];
};

FIXTURE_SETUP(port)
{
	ASSERT_EQ(0, objects_base(&self->base));
	memset(&self->port, 0, sizeof(self->port));
	self->port.setup.concurrency = 2;
	self->port.setup.max_inflight = 4;
	self->port.setup.max_posted = 6;
	ASSERT_EQ(0, port_create(&self->port));
	ASSERT_EQ(4, self->port.setup.max_inflight);
	ASSERT_EQ(6, self->port.setup.max_posted);
	ASSERT_EQ(0, pipe(self->pfd));
	ASSERT_EQ(0, assoc_add(self->port.fd, self->pfd[0], 1, &self->as));
}

FIXTURE_TEARDOWN(port)
{
	PORT_FIXTURE_TEARDOWN();
}

#define FD	(self->port.fd)
#define READ_OP	op_read(&self->as, 1, self->buf, 1, 0)

/* An operation that ends at once, and leaves a packet. */
static struct iocp_op quick_op(const struct assoc *as, u64 overlapped)
{
	struct iocp_op op = op_nop(overlapped);

	op.assoc = as->index;
	op.assoc_gen = as->gen;
	return op;
}

TEST_F(port, operations_in_flight)
{
	struct iocp_packet p;
	int i;

	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, submit_queued(FD, READ_OP));
	}
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(-EAGAIN, submit_queued(FD, READ_OP));
	}
	EXPECT_EQ(4, STAT(FD, inflight));
	/* Posting has its own limit. */
	EXPECT_EQ(1, post(FD, 1));
	ASSERT_EQ(1, reap(FD, &p, 1));
	/* One ends and was taken: there is room for one. */
	ASSERT_EQ(1, write(self->pfd[1], "x", 1));
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(0, submit_queued(FD, READ_OP));
	EXPECT_EQ(-EAGAIN, submit_queued(FD, READ_OP));
}

/*
 * Who names a number of operations has them in advance, up to a bound; who takes
 * the default, or as many as can be, has none.
 */
TEST_F(port, operations_in_advance)
{
	struct objects now;
	struct {
		unsigned int named, reserve;
	} cases[] = { { 0, 0 }, { 1, 1 }, { 1024, 1024 }, { 1025, 1024 },
		    { ~0U - 1, 1024 }, { ~0U, 0 } };
	long before;
	unsigned int i;
	char c;

	ASSERT_EQ(0, objects_read(&now));
	EXPECT_EQ(4, now.requests - self->base.requests);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, submit_queued(FD, READ_OP));
	ASSERT_EQ(0, objects_read(&now));
	EXPECT_EQ(4, now.requests - self->base.requests);
	before = now.requests;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct port p = { .setup.max_inflight = cases[i].named };
		struct assoc as;

		ASSERT_EQ(0, port_create(&p));
		ASSERT_EQ(0, objects_read(&now));
		EXPECT_EQ(cases[i].reserve, now.requests - before);
		ASSERT_EQ(0, assoc_add(p.fd, self->pfd[0], 1, &as));
		ASSERT_EQ(0, submit_queued(p.fd, op_read(&as, 1, &c, 1, 0)));
		ASSERT_EQ(0, objects_read(&now));
		EXPECT_EQ(cases[i].reserve ?: 1, now.requests - before);
		port_close(&p);
		EXPECT_TRUE(WAIT_FOR(!objects_read(&now) && now.requests == before));
	}
}

/* A SETUP that fails when all has been made leaves none of it. */
TEST_F(port, operations_in_advance_of_a_failed_setup)
{
	struct iocp_setup *s = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct objects before, now;
	int fd = port_open();

	ASSERT_LE(0, fd);
	ASSERT_NE(MAP_FAILED, s);
	s->size = sizeof(*s);
	s->max_inflight = 100;
	s->ring_entries = 8;
	ASSERT_EQ(0, mprotect(s, getpagesize(), PROT_READ));
	ASSERT_EQ(0, objects_read(&before));
	EXPECT_EQ(-EFAULT, call(fd, IOCP_IOC_SETUP, s));
	ASSERT_EQ(0, objects_read(&now));
	EXPECT_EQ(before.requests, now.requests);
	ASSERT_EQ(0, mprotect(s, getpagesize(), PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, call(fd, IOCP_IOC_SETUP, s));
	ASSERT_EQ(0, objects_read(&now));
	EXPECT_EQ(before.requests + 100, now.requests);
	close(fd);
}

/* In a batch the others are not harmed. */
TEST_F(port, operations_in_a_batch)
{
	struct iocp_op ops[6];
	struct iocp_result r[6];
	int i;

	for (i = 0; i < 6; i++)
		ops[i] = READ_OP;
	ASSERT_EQ(6, submit(FD, ops, 6, r));
	for (i = 0; i < 6; i++) {
		EXPECT_EQ(i < 4 ? IOCP_RESULT_QUEUED : IOCP_RESULT_REFUSED, r[i].state);
		EXPECT_EQ(i < 4 ? 0 : -EAGAIN, r[i].res);
	}
	/* Without results the count says where it stopped. */
	for (i = 0; i < 2; i++) {
		struct iocp_packet p;

		ASSERT_EQ(1, write(self->pfd[1], "x", 1));
		ASSERT_EQ(1, reap(FD, &p, 1));
	}
	EXPECT_EQ(2, submit(FD, ops, 6, NULL));
	EXPECT_EQ(-EAGAIN, submit(FD, ops, 1, NULL));
}

/* An operation that ended still counts while its packet waits in a list. */
TEST_F(port, packets_that_wait_count)
{
	struct iocp_packet p[4];
	int i;

	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, submit_queued(FD, quick_op(&self->as, i)));
	}
	EXPECT_EQ(-EAGAIN, submit_queued(FD, quick_op(&self->as, 9)));
	ASSERT_EQ(2, reap(FD, p, 2));
	EXPECT_EQ(0, submit_queued(FD, quick_op(&self->as, 4)));
	EXPECT_EQ(0, submit_queued(FD, quick_op(&self->as, 5)));
	EXPECT_EQ(-EAGAIN, submit_queued(FD, quick_op(&self->as, 9)));
	ASSERT_EQ(4, reap(FD, p, 4));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(2 + i, p[i].overlapped);
	}
}

/* Those in the ring cost nothing. */
TEST_F(port, packets_in_the_ring_do_not_count)
{
	struct port ring = {
		.setup.max_inflight = 2, .setup.max_posted = 2, .setup.ring_entries = 8,
	};
	struct iocp_packet p[16];
	struct assoc as;
	int i;

	ASSERT_EQ(0, port_create(&ring));
	ASSERT_EQ(0, assoc_add(ring.fd, self->pfd[0], 1, &as));
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(0, submit_queued(ring.fd, quick_op(&as, i)));
	}
	EXPECT_EQ(0, STAT(ring.fd, inflight));
	/* The ring is full now, and the lists begin. */
	EXPECT_EQ(2, post_range(ring.fd, 0, 5));
	EXPECT_EQ(2, STAT(ring.fd, posted));
	EXPECT_EQ(0, submit_queued(ring.fd, quick_op(&as, 8)));
	EXPECT_EQ(0, submit_queued(ring.fd, quick_op(&as, 9)));
	EXPECT_EQ(-EAGAIN, submit_queued(ring.fd, quick_op(&as, 10)));
	ASSERT_EQ(12, reap(ring.fd, p, 12));
	port_close(&ring);
}

TEST_F(port, posted_packets)
{
	struct iocp_post a = { .size = sizeof(a), .packet_size = 32, .nr = 10 };
	struct iocp_packet in[10], p[10];
	int i;

	memset(in, 0, sizeof(in));
	for (i = 0; i < 10; i++)
		in[i].key = i;
	a.packets = addr(in);
	EXPECT_EQ(6, call(FD, IOCP_IOC_POST, &a));
	EXPECT_EQ(6, a.nr_posted);
	EXPECT_EQ(6, STAT(FD, posted));
	EXPECT_EQ(-EAGAIN, post(FD, 9));
	EXPECT_EQ(-EAGAIN, post_prio(FD, 9, IOCP_PRIO_HIGH));
	EXPECT_EQ(-EAGAIN, submit_queued(FD, op_post(9, 0, 0, 0)));
	/* Completions are not posted packets: they always find room. */
	EXPECT_EQ(0, submit_queued(FD, quick_op(&self->as, 77)));
	ASSERT_EQ(1, reap(FD, p, 1));
	EXPECT_EQ(1, post(FD, 6));
	EXPECT_EQ(-EAGAIN, post(FD, 9));
	ASSERT_EQ(7, reap(FD, p, 7));
	for (i = 0; i < 5; i++) {
		EXPECT_EQ(i + 1, p[i].key);
	}
	EXPECT_EQ(77, p[5].overlapped);
	EXPECT_EQ(6, p[6].key);
	EXPECT_EQ(0, STAT(FD, posted));
}

/* A waiter takes it by hand: no room is needed for it. */
TEST_F(port, post_to_a_waiter_needs_no_room)
{
	struct port full = { .setup.max_posted = 1, .setup.concurrency = 4 };
	static struct puppet t;

	ASSERT_EQ(0, port_create(&full));
	ASSERT_EQ(0, puppet_start(&t));
	puppet_wait(&t, full.fd, 1, FOREVER, 0);
	ASSERT_TRUE(WAIT_FOR(STAT(full.fd, waiting) == 1));
	EXPECT_EQ(1, post(full.fd, 1));
	EXPECT_EQ(1, post(full.fd, 2));
	EXPECT_EQ(-EAGAIN, post(full.fd, 3));
	ASSERT_TRUE(puppet_done(&t));
	EXPECT_EQ(1, t.pkts[0].key);
	puppet_stop(&t);
	port_close(&full);
}

/* A NOP without an association is no more than a packet, and counts as a posted one. */
TEST_F(port, nop_without_association_counts_as_posted)
{
	int i;

	for (i = 0; i < 6; i++) {
		ASSERT_EQ(0, submit_queued(FD, op_nop(i)));
	}
	EXPECT_EQ(0, STAT(FD, inflight));
	EXPECT_EQ(6, STAT(FD, posted));
	EXPECT_EQ(-EAGAIN, submit_queued(FD, op_nop(6)));
	EXPECT_EQ(-EAGAIN, post(FD, 1));
	EXPECT_EQ(0, submit_queued(FD, quick_op(&self->as, 7)));
}

/* What one port holds does not bind another. */
TEST_F(port, ports_are_independent)
{
	struct port other;
	int i;

	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, submit_queued(FD, READ_OP));
	}
	EXPECT_EQ(-EAGAIN, submit_queued(FD, READ_OP));
	ASSERT_EQ(0, port_new(&other, 1, 0));
	for (i = 0; i < 10; i++) {
		EXPECT_EQ(0, submit_queued(other.fd, op_nop(i)));
	}
	port_close(&other);
}

/* Packets given back after a fault had their room: it is not taken from them. */
TEST_F(port, full_port_and_a_fault)
{
	struct iocp_packet p[10];

	ASSERT_EQ(6, post_range(FD, 0, 8));
	EXPECT_EQ(-EFAULT, reap_until(FD, no_access(), 6, 0));
	EXPECT_EQ(6, STAT(FD, queued));
	ASSERT_EQ(6, reap(FD, p, 6));
	EXPECT_EQ(0, p[0].key);
	EXPECT_EQ(5, p[5].key);
	EXPECT_EQ(6, post_range(FD, 0, 8));
}

/* ------------------------------------------------------------- of one user */

#define SOMEBODY 31337

static const char *const params[] = {
	"max_ports", "max_ops", "max_assocs", "max_inflight", "max_posted", "max_ring",
	"max_memory",
};

FIXTURE(user) {
	long saved[ARRAY_SIZE(params)];
	mode_t mode;
};

/* Whatever happens to the test, the parameters come back: by the parent. */
FIXTURE_SETUP(user)
{
	struct objects base;
	struct stat st;
	unsigned int i;

	/* A port counts until it has died, which is after the close of the test before. */
	ASSERT_EQ(0, objects_base(&base));
	for (i = 0; i < ARRAY_SIZE(params); i++) {
		self->saved[i] = param_get(params[i]);
		ASSERT_LT(0, self->saved[i]) {
			TH_LOG("no parameter %s", params[i]);
		}
	}
	ASSERT_EQ(0, stat("/dev/iocp", &st));
	self->mode = st.st_mode & 0777;
	if (param_set(params[0], self->saved[0]) || chmod("/dev/iocp", 0666))
		SKIP(return, "not root: cannot change the limits");
}

FIXTURE_TEARDOWN_PARENT(user)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(params); i++)
		if (self->saved[i] > 0)
			param_set(params[i], self->saved[i]);
	if (self->mode)
		chmod("/dev/iocp", self->mode);
}

/* Run in a child of another user: its counts are nobody else's. */
#define AS_SOMEBODY(...) do {						\
	int status_;							\
	pid_t pid_ = fork();						\
									\
	ASSERT_LE(0, pid_);						\
	if (!pid_) {							\
		CHECK(!setresgid(SOMEBODY, SOMEBODY, SOMEBODY));	\
		CHECK(!setresuid(SOMEBODY, SOMEBODY, SOMEBODY));	\
		__VA_ARGS__;						\
		_exit(0);						\
	}								\
	ASSERT_EQ(pid_, waitpid(pid_, &status_, 0));			\
	EXPECT_EQ(0, status_);						\
} while (0)

TEST_F(user, ports)
{
	int ours = port_open();

	ASSERT_LE(0, ours);
	ASSERT_EQ(0, param_set("max_ports", 3));
	AS_SOMEBODY({
		int fd[3];
		int i;

		for (i = 0; i < 3; i++)
			CHECK((fd[i] = port_open()) >= 0);
		CHECK(port_open() == -EAGAIN);
		CHECK(port_open() == -EAGAIN);
		close(fd[1]);
		CHECK(WAIT_FOR((fd[1] = port_open()) >= 0));
		CHECK(port_open() == -EAGAIN);
	});
	/* Those were not ours. */
	EXPECT_LE(0, port_open());
	ASSERT_EQ(0, param_set("max_ports", 1));
	EXPECT_EQ(-EAGAIN, port_open());
}

TEST_F(user, no_ports_at_all)
{
	ASSERT_EQ(0, param_set("max_ports", 0));
	EXPECT_EQ(-EAGAIN, port_open());
	AS_SOMEBODY(CHECK(port_open() == -EAGAIN));
	ASSERT_EQ(0, param_set("max_ports", self->saved[0]));
	EXPECT_LE(0, port_open());
}

/* Over all ports of the user. */
TEST_F(user, operations)
{
	ASSERT_EQ(0, param_set("max_ops", 5));
	AS_SOMEBODY({
		struct port p[2];
		struct assoc as[2];
		int pfd[2];
		int i;
		static char c;
		struct iocp_packet pkt;

		CHECK(!pipe(pfd));
		for (i = 0; i < 2; i++) {
			CHECK(!port_new(&p[i], 1, 0));
			CHECK(!assoc_add(p[i].fd, pfd[0], 1, &as[i]));
		}
		for (i = 0; i < 5; i++)
			CHECK(!submit_queued(p[i & 1].fd, op_read(&as[i & 1], i, &c, 1, 0)));
		for (i = 0; i < 2; i++)
			CHECK(submit_queued(p[i].fd, op_read(&as[i], i, &c, 1, 0)) == -EAGAIN);
		/* One ends in the one, there is room in the other. */
		CHECK(write(pfd[1], "x", 1) == 1);
		CHECK(WAIT_FOR(reap_until(p[0].fd, &pkt, 1, 0) == 1 ||
			       reap_until(p[1].fd, &pkt, 1, 0) == 1));
		CHECK(WAIT_FOR(!submit_queued(p[1].fd, op_read(&as[1], 9, &c, 1, 0))));
		CHECK(submit_queued(p[1].fd, op_read(&as[1], 9, &c, 1, 0)) == -EAGAIN);
	});
}

/* It is the opener's account, whoever works with the port. */
TEST_F(user, operations_count_for_the_opener)
{
	struct port p;

	ASSERT_EQ(0, port_new(&p, 1, 0));
	ASSERT_EQ(0, param_set("max_ops", 3));
	AS_SOMEBODY({
		struct assoc as;
		static char c;
		int pfd[2];
		struct port own;
		int i;

		CHECK(!pipe(pfd));
		CHECK(!assoc_add(p.fd, pfd[0], 1, &as));
		for (i = 0; i < 3; i++)
			CHECK(!submit_queued(p.fd, op_read(&as, i, &c, 1, 0)));
		CHECK(submit_queued(p.fd, op_read(&as, i, &c, 1, 0)) == -EAGAIN);
		CHECK(!port_new(&own, 1, 0));
		CHECK(!submit_queued(own.fd, op_nop(1)));
	});
	port_close(&p);
}

TEST_F(user, associations)
{
	ASSERT_EQ(0, param_set("max_assocs", 4));
	AS_SOMEBODY({
		struct port p[2];
		struct assoc as[5];
		int fd = memfd_create("assoc", 0);
		int i;

		CHECK(fd >= 0);
		for (i = 0; i < 2; i++)
			CHECK(!port_new(&p[i], 1, 0));
		for (i = 0; i < 4; i++)
			CHECK(!assoc_add(p[i & 1].fd, fd, i, &as[i]));
		CHECK(assoc_add(p[0].fd, fd, 4, &as[4]) == -EAGAIN);
		CHECK(assoc_add(p[1].fd, fd, 4, &as[4]) == -EAGAIN);
		CHECK(!assoc_del(p[0].fd, &as[0], 0, 0));
		CHECK(WAIT_FOR(!assoc_add(p[1].fd, fd, 4, &as[4])));
	});
}

/* One that has ended counts until its last packet was taken: that takes memory too. */
TEST_F(user, associations_with_a_last_packet)
{
	ASSERT_EQ(0, param_set("max_assocs", 4));
	AS_SOMEBODY({
		int fd = memfd_create("assoc", 0);
		struct iocp_packet pkt;
		struct assoc as;
		struct port p;
		int i;

		CHECK(fd >= 0);
		CHECK(!port_new(&p, 1, 0));
		for (i = 0; i < 4; i++) {
			CHECK(!assoc_add(p.fd, fd, i, &as));
			CHECK(!assoc_del(p.fd, &as, IOCP_DISASSOC_NOTIFY_LAST, i));
		}
		CHECK(assoc_add(p.fd, fd, 4, &as) == -EAGAIN);
		CHECK(reap(p.fd, &pkt, 1) == 1 && pkt.overlapped == 0);
		CHECK(!assoc_add(p.fd, fd, 4, &as));
		CHECK(assoc_add(p.fd, fd, 5, &as) == -EAGAIN);
	});
}

/* However it is spent, on rings, packets or operations. */
TEST_F(user, memory)
{
	ASSERT_EQ(0, param_set("max_memory", 1));
	AS_SOMEBODY({
		struct iocp_setup s = {
			.size = sizeof(s), .ring_entries = 65536, .features = IOCP_FEATURE_RING,
		};
		struct iocp_setup much = { .size = sizeof(much), .max_inflight = 1024 };
		struct iocp_packet pkt[64];
		struct port p[2];
		int fd, ret;
		u64 posted = 0;

		/* a ring of 2 MiB */
		fd = port_open();
		CHECK(fd >= 0);
		CHECK(call(fd, IOCP_IOC_SETUP, &s) == -EAGAIN);
		/* half of it may be, once */
		CHECK(!port_new(&p[0], 1, 16384));
		CHECK(port_new(&p[1], 1, 16384) == -EAGAIN);
		close(p[1].fd);
		CHECK(!port_new(&p[1], 1, 0));
		while ((ret = post(p[1].fd, posted)) == 1)
			posted++;
		CHECK(ret == -EAGAIN);
		CHECK(posted > 1000 && posted < 16384);
		/* the same from the other port, and for operations that need memory */
		CHECK(call(fd, IOCP_IOC_SETUP, &much) == -EAGAIN);
		CHECK(reap(p[1].fd, pkt, 64) == 64);
		CHECK(post_range(p[1].fd, 0, 64) == 64);
		CHECK(post(p[1].fd, 0) == -EAGAIN);
		port_close(&p[0]);
		CHECK(WAIT_FOR(!call(fd, IOCP_IOC_SETUP, &much)));
	});
}

/* Nothing stays booked: many processes of one user after each other. */
TEST_F(user, accounts_are_settled)
{
	unsigned int i, n = rounds(20);

	ASSERT_EQ(0, param_set("max_ports", 2));
	ASSERT_EQ(0, param_set("max_ops", 40));
	ASSERT_EQ(0, param_set("max_assocs", 2));
	for (i = 0; i < n; i++)
		AS_SOMEBODY({
			static char buf[40];
			struct assoc as;
			struct port p;
			int pfd[2];
			int j;

			/* The last one's port may still be dying. */
			CHECK(WAIT_FOR((p.fd = port_open()) >= 0));
			close(p.fd);
			CHECK(WAIT_FOR(!port_new(&p, 1, 8)));
			CHECK(!pipe(pfd));
			CHECK(WAIT_FOR(!assoc_add(p.fd, pfd[0], 1, &as)));
			for (j = 0; j < 40; j++)
				CHECK(WAIT_FOR(!submit_queued(p.fd, op_read(&as, j, &buf[j], 1,
									    0))));
			CHECK(submit_queued(p.fd, op_read(&as, 40, buf, 1, 0)) == -EAGAIN);
		});
}

TEST_F(user, ceilings_of_a_port)
{
	struct iocp_setup s = { .size = sizeof(s), .max_inflight = 100, .max_posted = 100 };
	struct iocp_query q;
	int fd = port_open();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, param_set("max_inflight", 10));
	ASSERT_EQ(0, param_set("max_posted", 20));
	ASSERT_EQ(0, param_set("max_ring", 32));
	ASSERT_EQ(0, port_query(fd, &q));
	EXPECT_EQ(10, q.max_inflight);
	EXPECT_EQ(20, q.max_posted);
	EXPECT_EQ(32, q.max_ring_entries);
	s.ring_entries = 33;
	EXPECT_EQ(-EINVAL, call(fd, IOCP_IOC_SETUP, &s));
	s.ring_entries = 32;
	ASSERT_EQ(0, call(fd, IOCP_IOC_SETUP, &s));
	EXPECT_EQ(10, s.max_inflight);
	EXPECT_EQ(20, s.max_posted);
	/* Later changes are for later ports. */
	ASSERT_EQ(0, param_set("max_inflight", 1000));
	ASSERT_EQ(0, submit_queued(fd, op_nop(1)));
	close(fd);
}

/* Who has no right to open it cannot. */
TEST_F(user, mode_of_the_device)
{
	EXPECT_EQ(0660, self->mode & 0777);
	ASSERT_EQ(0, chmod("/dev/iocp", 0660));
	AS_SOMEBODY(CHECK(port_open() == -EACCES));
}

TEST_HARNESS_MAIN
