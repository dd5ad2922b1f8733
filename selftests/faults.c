// SPDX-License-Identifier: GPL-2.0-only
/*
 * faults.c - every allocation and every copy from or to the program fails, one
 * after the other.  Each time the program is told by an errno, or not at all;
 * no packet is lost, nothing leaks, and the same thing works at the next try.
 *
 * fail-nth of a thread makes the nth such place on its way fail.  Only what has a
 * function of the module in its call chain counts, so the numbers are small and
 * nobody else is hurt.  Words that are copied one by one (kmod/user.h) are no such
 * place: abuse.c has memory that comes and goes for them.
 */
#include <dirent.h>
#include <sys/eventfd.h>

#include "iocp_test.h"

#define DEBUGFS	"/sys/kernel/debug/"

static int knob(const char *what, const char *name, const char *value)
{
	char path[128];
	int fd, ret;

	snprintf(path, sizeof(path), DEBUGFS "%s/%s", what, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = write(fd, value, strlen(value)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* Where the module's code lies. */
static int module_range(char *start, char *end, size_t len)
{
	unsigned long at, size;
	char line[256];
	int ret = -ENOENT;
	FILE *f = fopen("/proc/modules", "re");

	if (!f)
		return -errno;
	while (ret && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "iocp %lu %*d %*s %*s %lx", &size, &at) != 2)
			continue;
		snprintf(start, len, "%#lx", at);
		snprintf(end, len, "%#lx", at + size);
		ret = 0;
	}
	fclose(f);
	return ret;
}

static int inject_in_module(void)
{
	static const char *const whats[] = { "failslab", "fail_page_alloc", "fail_usercopy" };
	char start[32], end[32];
	unsigned int i;
	int ret = module_range(start, end, sizeof(start));

	for (i = 0; !ret && i < 3; i++)
		/* "verbose" would call each one a bug in the kernel's log */
		ret = knob(whats[i], "verbose", "0") ?: knob(whats[i], "require-start", start) ?:
		      knob(whats[i], "require-end", end);
	return ret ?: knob("failslab", "ignore-gfp-wait", "N") ?:
	       knob("fail_page_alloc", "ignore-gfp-wait", "N") ?:
	       knob("fail_page_alloc", "ignore-gfp-highmem", "N") ?:
	       knob("fail_page_alloc", "min-order", "0");
}

/* -------------------------------------------------------------- one step */

#define MAX_CREW 128

/*
 * @n: which place is to fail
 * @hit: it did, in the last step
 * @faults: how many did
 */
struct faults {
	unsigned int n;
	bool hit;
	unsigned int faults;
	int fds[MAX_CREW];		/* fail-nth of the threads that are meant */
	unsigned int nr_fds;
	struct objects base;
};

static void arm_file(struct faults *f, const char *path)
{
	char text[16];
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	snprintf(text, sizeof(text), "%u", f->n);
	if (f->nr_fds < MAX_CREW && write(fd, text, strlen(text)) > 0)
		f->fds[f->nr_fds++] = fd;
	else
		close(fd);
}

/* From here on, in this thread. */
static void arm(struct faults *f)
{
	arm_file(f, "/proc/thread-self/fail-nth");
}

/* In the kernel threads that work for us; which one will is not known. */
static void arm_workers(struct faults *f)
{
	DIR *proc = opendir("/proc");
	struct dirent *e;

	while (proc && (e = readdir(proc))) {
		char path[300], comm[16] = "";
		int fd;

		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (read(fd, comm, sizeof(comm) - 1) > 0 && !strncmp(comm, "kworker/u", 9)) {
			snprintf(path, sizeof(path), "/proc/%s/fail-nth", e->d_name);
			arm_file(f, path);
		}
		close(fd);
	}
	if (proc)
		closedir(proc);
}

static void disarm(struct faults *f)
{
	f->hit = false;
	while (f->nr_fds) {
		int fd = f->fds[--f->nr_fds];
		char text[16] = "";

		/* What is left of the number; a kworker may have gone meanwhile. */
		if (pread(fd, text, sizeof(text) - 1, 0) > 0 && !atoi(text))
			f->hit = true;
		if (write(fd, "0", 1) < 0)
			printf("# fail-nth: %s\n", strerror(errno));
		close(fd);
	}
	f->faults += f->hit;
}

/* The first step fails at the first place, and so on; the last one meets no fault. */
#define EACH_FAULT(f) for ((f)->n = 1, (f)->hit = true; (f)->hit; (f)->n++)

/*
 * A kworker that was started a moment ago was not armed: a step that met no fault
 * is done twice.
 */
#define EACH_FAULT_OF_WORKERS(f, misses) \
	for ((f)->n = 1, (misses) = 0; (misses) < 2; \
	     (f)->n += (f)->hit, (misses) = (f)->hit ? 0 : (misses) + 1)

/* Is that an answer to give for this reason? */
static bool is_fault(int error)
{
	return error == -ENOMEM || error == -EFAULT || error == -ENOBUFS;
}

#define EXPECT_FAULT(ret) do {						\
	EXPECT_TRUE(f->hit && is_fault(ret)) {				\
		TH_LOG("step %u: %d, fault %d", f->n, (int)(ret), f->hit); \
	}								\
} while (0)

FIXTURE(fault) {
	struct faults f;
	struct port port;
};

#define FAULT_SETUP() do {						\
	ASSERT_EQ(0, inject_in_module());				\
	ASSERT_EQ(0, objects_base(&self->f.base));			\
	self->port.fd = -1;						\
} while (0)

#define FAULT_TEARDOWN() do {						\
	printf("# %u faults\n", self->f.faults);			\
	fflush(stdout);							\
} while (0)

FIXTURE_SETUP(fault)
{
	FAULT_SETUP();
}

FIXTURE_TEARDOWN(fault)
{
	FAULT_TEARDOWN();
}

#define FD	(self->port.fd)

static int data_file(const char *content, size_t len)
{
	int fd = memfd_create("data", MFD_CLOEXEC);

	return fd >= 0 && pwrite(fd, content, len, 0) == (ssize_t)len ? fd : -1;
}

/* The port works as ever. */
static void still_works(struct __test_metadata *_metadata, int fd)
{
	int file = data_file("f", 1);
	struct iocp_packet p;
	struct assoc as;
	char c = 0;

	EXPECT_EQ(-ETIME, reap_none(fd));
	ASSERT_EQ(1, post(fd, 1000));
	ASSERT_EQ(1, reap(fd, &p, 1));
	EXPECT_EQ(1000, p.key);
	ASSERT_EQ(0, assoc_add(fd, file, 1, &as));
	EXPECT_EQ(1, run_bytes(fd, op_read(&as, 1, &c, 1, 0)));
	EXPECT_EQ('f', c);
	EXPECT_EQ(0, assoc_del(fd, &as, 0, 0));
	close(file);
}

#define STEP_BEGIN(ring) do {						\
	ASSERT_EQ(0, port_new(&self->port, 4, ring));			\
} while (0)

#define STEP_END() do {							\
	still_works(_metadata, FD);					\
	port_close(&self->port);					\
	ASSERT_EQ(0, objects_settle(&f->base)) {			\
		TH_LOG("step %u", f->n);				\
	}								\
} while (0)

/* A test that met no fault has shown nothing. */
#define SOME_FAULTS() EXPECT_LT(0, f->faults)

/* ---------------------------------------------------------- life of a port */

TEST_F(fault, open)
{
	struct faults *f = &self->f;

	EACH_FAULT(f) {
		int fd;

		arm(f);
		fd = port_open();
		disarm(f);
		if (fd < 0)
			EXPECT_FAULT(fd);
		else
			close(fd);
		ASSERT_EQ(0, objects_settle(&f->base));
	}
	SOME_FAULTS();
}

TEST_F(fault, setup_of_a_port)
{
	struct faults *f = &self->f;

	EACH_FAULT(f) {
		const struct iocp_setup want = {
			.size = sizeof(want), .ring_entries = 256, .max_inflight = 8,
			.features = IOCP_FEATURE_RING,
		};
		struct port *port = &self->port;
		int ret;

		memset(port, 0, sizeof(*port));
		port->fd = port_open();
		ASSERT_LE(0, port->fd);
		port->setup = want;
		arm(f);
		ret = call(port->fd, IOCP_IOC_SETUP, &port->setup);
		disarm(f);
		if (ret) {
			EXPECT_FAULT(ret);
			port->setup = want;
			ASSERT_EQ(0, call(port->fd, IOCP_IOC_SETUP, &port->setup));
		}
		ASSERT_EQ(0, port_map(port));
		STEP_END();
	}
	SOME_FAULTS();
}

TEST_F(fault, mmap)
{
	struct faults *f = &self->f;

	EACH_FAULT(f) {
		const struct iocp_setup *s;
		/* far from all else: needs page tables, which come from the module's call */
		void *where = ptr((1ULL << 44) + ((u64)f->n << 40)), *at;
		int ret;

		STEP_BEGIN(256);
		s = &self->port.setup;
		arm(f);
		at = mmap(where, s->ro_len, PROT_READ, MAP_SHARED, FD, s->ro_off);
		ret = -errno;
		disarm(f);
		if (at == MAP_FAILED) {
			EXPECT_FAULT(ret);
			at = mmap(where, s->ro_len, PROT_READ, MAP_SHARED, FD, s->ro_off);
		}
		ASSERT_EQ(where, at);
		ASSERT_EQ(1, post(FD, 7));
		EXPECT_EQ(1, *(u64 *)(at + s->ro_tail));
		ASSERT_EQ(1, reap_until(FD, &(struct iocp_packet){ 0 }, 1, 0));
		munmap(at, s->ro_len);
		STEP_END();
	}
	SOME_FAULTS();
}

/* Closing needs nothing that could fail; if it ever does, it must not matter. */
TEST_F(fault, close)
{
	struct faults *f = &self->f;

	EACH_FAULT(f) {
		char buf[8];
		struct assoc as;
		int pfd[2];

		STEP_BEGIN(16);
		ASSERT_EQ(0, pipe2(pfd, O_CLOEXEC));
		ASSERT_EQ(0, assoc_add(FD, pfd[0], 1, &as));
		ASSERT_EQ(0, submit_queued(FD, op_read(&as, 1, buf, sizeof(buf), 0)));
		ASSERT_EQ(40, post_range(FD, 1, 40));
		arm_workers(f);
		arm(f);
		port_close(&self->port);
		ASSERT_EQ(0, objects_settle(&f->base));
		disarm(f);
		close(pfd[0]);
		close(pfd[1]);
	}
}

/* --------------------------------------------------------- posted packets */

/* What was posted comes, in order; what was not does not. */
static void reap_posted(struct __test_metadata *_metadata, int fd, u64 from, int nr)
{
	struct iocp_packet p[64];
	int i;

	if (nr > 0) {
		ASSERT_EQ(nr, reap(fd, p, nr));
	}
	for (i = 0; i < nr; i++) {
		EXPECT_EQ(from + i, p[i].key);
	}
	EXPECT_EQ(-ETIME, reap_none(fd));
}

/* A ring of 8 is full on the way, so both ways of keeping a packet are taken. */
TEST_F(fault, post)
{
	struct faults *f = &self->f;

	EACH_FAULT(f) {
		struct iocp_packet p[16];
		int i, ret;

		memset(p, 0, sizeof(p));
		for (i = 0; i < 16; i++)
			p[i].key = i;
		STEP_BEGIN(8);
		arm(f);
		ret = post_many(FD, p, 16);
		disarm(f);
		if (ret < 0)
			EXPECT_FAULT(ret);
		EXPECT_TRUE(f->hit || ret == 16);
		EXPECT_EQ(ret < 0 ? 0 : ret, STAT(FD, posts));
		reap_posted(_metadata, FD, 0, ret);
		STEP_END();
	}
	SOME_FAULTS();
}

TEST_F(fault, post_as_operation)
{
	struct faults *f = &self->f;

	EACH_FAULT(f) {
		struct iocp_result results[16];
		struct iocp_op ops[16];
		int i, ret, posted = 0;

		for (i = 0; i < 16; i++)
			ops[i] = i % 2 ? op_post(i, 0, 0, 0) : (struct iocp_op){
				.opcode = IOCP_OP_NOP, .assoc = IOCP_NO_ASSOC,
				.flags = IOCP_OP_F_KEY_IN_AUX2, .aux2 = i,
			};
		STEP_BEGIN(8);
		arm(f);
		/* Without results it stops at the first that is refused. */
		ret = submit(FD, ops, 16, f->n % 2 ? results : NULL);
		disarm(f);
		if (ret < 0)
			EXPECT_FAULT(ret);
		if (f->n % 2 && ret > 0) {
			struct iocp_packet p[16];
			int got;

			EXPECT_EQ(16, ret);
			for (i = 0; i < 16; i++)
				posted += results[i].state == IOCP_RESULT_QUEUED;
			EXPECT_LE(f->hit ? 15 : 16, posted);
			got = reap(FD, p, posted);
			ASSERT_EQ(posted, got);
			for (i = 0, got = 0; i < 16; i++) {
				if (results[i].state != IOCP_RESULT_QUEUED) {
					EXPECT_FAULT(results[i].res);
					continue;
				}
				EXPECT_EQ(i, p[got++].key);
			}
		} else {
			EXPECT_TRUE(f->hit || ret == 16);
			reap_posted(_metadata, FD, 0, ret);
		}
		STEP_END();
	}
	SOME_FAULTS();
}

/* --------------------------------------------------------------- waiting */

struct joiner {
	struct faults *f;
	struct port *port;
	int first, second;
	struct iocp_packet p;
};

/* A new thread, because it is made a worker only once. */
static void *join_port(void *arg)
{
	struct joiner *j = arg;
	struct iocp_enter e = {
		.packets = addr(&j->p), .nr_packets = 1, .packet_size = sizeof(j->p),
		.deadline = FOREVER,
	};

	arm(j->f);
	j->first = enter(j->port->fd, &e);
	disarm(j->f);
	if (j->first < 0)
		j->second = enter(j->port->fd, &e);
	return NULL;
}

TEST_F(fault, join)
{
	struct faults *f = &self->f;

	EACH_FAULT(f) {
		struct joiner j = { .f = f, .port = &self->port };
		pthread_t thread;

		STEP_BEGIN(8);
		ASSERT_EQ(1, post(FD, 5));
		ASSERT_EQ(0, pthread_create(&thread, NULL, join_port, &j));
		pthread_join(thread, NULL);
		if (j.first < 0) {
			EXPECT_FAULT(j.first);
			EXPECT_EQ(1, j.second);
		}
		EXPECT_EQ(5, j.p.key);
		EXPECT_TRUE(WAIT_FOR(STAT(FD, workers) == 0));
		EXPECT_EQ(0, STAT(FD, active));
		STEP_END();
	}
	SOME_FAULTS();
}

/*
 * Packets that cannot be copied out go back, and the memory for that must not
 * fail.  The array ends at a hole.
 */
TEST_F(fault, packets_go_back)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct faults *f = &self->f;

	EACH_FAULT(f) {
		struct iocp_packet *at = guarded(1) + page - 3 * sizeof(*at);
		int i, ret;

		STEP_BEGIN(f->n % 2 ? 16 : 0);
		ASSERT_EQ(12, post_range(FD, 0, 12));
		arm(f);
		ret = reap_until(FD, at, 12, 0);
		disarm(f);
		/* Three fit before the hole, unless their page cannot be had. */
		if (ret < 0) {
			EXPECT_FAULT(ret);
			ret = 0;
		} else {
			ASSERT_EQ(3, ret);
		}
		for (i = 0; i < ret; i++) {
			EXPECT_EQ(i, at[i].key);
		}
		reap_posted(_metadata, FD, ret, 12 - ret);
		STEP_END();
		munmap((char *)at - (page - 3 * sizeof(*at)), 2 * page);
	}
}

/* ------------------------------------------- calls that copy and do no more */

/* The longer structures of programs that are newer than the kernel. */
TEST_F(fault, longer_structures)
{
	struct faults *f = &self->f;

	EACH_FAULT(f) {
		struct {
			struct iocp_enter e;
			u64 tail[4];
		} big = { .e = { .size = sizeof(big), .flags = IOCP_ENTER_NO_ASSOC, .nr_ops = 3,
				 .op_size = sizeof(struct iocp_op) + 64 } };
		char ops[3][sizeof(struct iocp_op) + 64];
		struct iocp_result results[3];
		int i, ret, nr = 0;

		memset(ops, 0, sizeof(ops));
		memset(results, 0, sizeof(results));
		for (i = 0; i < 3; i++)
			memcpy(ops[i], &(struct iocp_op){
				.opcode = IOCP_OP_POST, .assoc = IOCP_NO_ASSOC, .aux2 = i },
			       sizeof(struct iocp_op));
		big.e.ops = addr(ops);
		big.e.results = addr(results);
		STEP_BEGIN(8);
		arm(f);
		ret = call(FD, IOCP_IOC_ENTER, &big);
		disarm(f);
		if (ret < 0)
			EXPECT_FAULT(ret);
		else
			nr = big.e.nr_consumed;
		EXPECT_TRUE(f->hit || nr == 3);
		reap_posted(_metadata, FD, 0, nr);
		STEP_END();
	}
	SOME_FAULTS();
}

TEST_F(fault, query_and_stats)
{
	struct faults *f = &self->f;

	EACH_FAULT(f) {
		struct iocp_query q;
		struct iocp_stats st;
		int ret;

		STEP_BEGIN(8);
		arm(f);
		ret = port_query(FD, &q);
		ret = port_stats(FD, &st) ?: ret;
		disarm(f);
		if (ret < 0)
			EXPECT_FAULT(ret);
		EXPECT_TRUE(f->hit || st.concurrency == 4);
		STEP_END();
	}
	SOME_FAULTS();
}

TEST_F(fault, shutdown)
{
	struct faults *f = &self->f;

	EACH_FAULT(f) {
		u64 dropped;
		int ret;

		STEP_BEGIN(8);
		ASSERT_EQ(12, post_range(FD, 0, 12));
		arm(f);
		ret = port_shutdown(FD, &dropped);
		disarm(f);
		if (ret < 0) {
			EXPECT_FAULT(ret);
			EXPECT_EQ(12, STAT(FD, queued));
			EXPECT_EQ(0, port_shutdown(FD, &dropped));
		}
		EXPECT_EQ(-ESHUTDOWN, port_shutdown(FD, NULL));
		port_close(&self->port);
		ASSERT_EQ(0, objects_settle(&f->base));
	}
	SOME_FAULTS();
}

/* ------------------------------------------------------------------- files */

static int make_file(int fds[2])
{
	fds[0] = memfd_create("file", MFD_CLOEXEC);
	return fds[0] < 0 ? -errno : 0;
}

static int make_direct(int fds[2])
{
	const char *dir = getenv("IOCP_EXT4");

	fds[0] = tmp_file(dir ? dir : "/var/tmp", O_DIRECT);
	return fds[0] < 0 ? fds[0] : 0;
}

static int make_reader(int fds[2])
{
	return pipe2(fds, O_CLOEXEC) ? -errno : 0;
}

static int make_writer(int fds[2])
{
	int pfd[2];

	if (pipe2(pfd, O_CLOEXEC))
		return -errno;
	fds[0] = pfd[1];
	fds[1] = pfd[0];
	return 0;
}

static int make_socket(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) ? -errno : 0;
}

static int make_eventfd(int fds[2])
{
	fds[0] = eventfd(0, EFD_CLOEXEC);
	fds[1] = dup(fds[0]);
	return fds[0] < 0 ? -errno : 0;
}

static int make_null(int fds[2])
{
	fds[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
	return fds[0] < 0 ? -errno : 0;
}

#define LEN	4096

FIXTURE(file) {
	struct faults f;
	struct port port;
	int fds[2];
	struct assoc as;
	char *data;			/* what is to be read or written */
	char *buf;			/* of the operation */
	struct iovec iov[3];
};

/*
 * @make: a file, and what is at its other end or -1
 * @opcode: the operation that is tried
 * @keeps: what fails loses no data (terminals and eventfds do, also in read(2))
 */
FIXTURE_VARIANT(file) {
	int (*make)(int fds[2]);
	int opcode;
	int flags;
	int len;
	bool loses;
};

#define FILE_VARIANT(name, ...) FIXTURE_VARIANT_ADD(file, name) { __VA_ARGS__ }
FILE_VARIANT(read, make_file, IOCP_OP_READ);
FILE_VARIANT(read_inline, make_file, IOCP_OP_READ, IOCP_OP_F_INLINE_OK);
FILE_VARIANT(write, make_file, IOCP_OP_WRITE);
FILE_VARIANT(readv, make_file, IOCP_OP_READV);
FILE_VARIANT(writev, make_file, IOCP_OP_WRITEV);
FILE_VARIANT(fsync, make_file, IOCP_OP_FSYNC);
FILE_VARIANT(read_direct, make_direct, IOCP_OP_READ);
FILE_VARIANT(write_direct, make_direct, IOCP_OP_WRITE);
FILE_VARIANT(read_pipe, make_reader, IOCP_OP_READ);
FILE_VARIANT(readv_pipe, make_reader, IOCP_OP_READV);
FILE_VARIANT(write_pipe, make_writer, IOCP_OP_WRITE);
FILE_VARIANT(write_pipe_nosignal, make_writer, IOCP_OP_WRITE, IOCP_OP_F_NOSIGNAL);
FILE_VARIANT(read_socket, make_socket, IOCP_OP_READ);
FILE_VARIANT(write_socket, make_socket, IOCP_OP_WRITE);
FILE_VARIANT(writev_socket_nosignal, make_socket, IOCP_OP_WRITEV, IOCP_OP_F_NOSIGNAL);
FILE_VARIANT(read_eventfd, make_eventfd, IOCP_OP_READ, .len = 8, .loses = true);
FILE_VARIANT(read_terminal, make_raw_pty, IOCP_OP_READ, .len = 1024, .loses = true);
FILE_VARIANT(write_terminal, make_raw_pty, IOCP_OP_WRITE, .len = 1024, .loses = true);
FILE_VARIANT(write_null, make_null, IOCP_OP_WRITE);

FIXTURE_SETUP(file)
{
	FAULT_SETUP();
	self->data = map_anon(LEN);
	self->buf = map_anon(LEN);
}

FIXTURE_TEARDOWN(file)
{
	FAULT_TEARDOWN();
}

#define OP_READS (variant->opcode == IOCP_OP_READ || variant->opcode == IOCP_OP_READV)
#define OP_WRITES (variant->opcode == IOCP_OP_WRITE || variant->opcode == IOCP_OP_WRITEV)
#define OP_LEN (variant->len ?: LEN)

#define MAKE_FILE() do {						\
	self->fds[1] = -1;						\
	ASSERT_EQ(0, variant->make(self->fds));				\
	pattern_fill(self->data, LEN, f->n, 0);				\
	if (variant->make == make_eventfd)				\
		memcpy(self->data, &(u64){ f->n }, 8);			\
	memset(self->buf, 0, LEN);					\
	if (OP_WRITES)							\
		memcpy(self->buf, self->data, LEN);			\
	if (!OP_WRITES && self->fds[1] < 0) {				\
		ASSERT_EQ(LEN, pwrite(self->fds[0], self->data, LEN, 0)); \
	}								\
} while (0)

/* What there is to read from a stream. */
#define FEED() do {							\
	if (OP_READS && self->fds[1] >= 0) {				\
		ASSERT_EQ(OP_LEN, write(self->fds[1], self->data, OP_LEN)); \
	}								\
} while (0)

#define CLOSE_FILE() do {						\
	close(self->fds[0]);						\
	if (self->fds[1] >= 0)						\
		close(self->fds[1]);					\
} while (0)

/* The operation, on the whole buffer; of vectors in three pieces. */
static struct iocp_op the_op(struct iovec *iov, const struct assoc *as, int opcode, int flags,
			     char *buf, size_t len)
{
	struct iocp_op op = op_rw(opcode, as, 77, buf, len, 0);

	op.flags = flags;
	if (opcode == IOCP_OP_FSYNC) {
		op.addr = 0;
		op.len = 0;
	} else if (opcode == IOCP_OP_READV || opcode == IOCP_OP_WRITEV) {
		iov[0] = (struct iovec){ buf, 100 };
		iov[1] = (struct iovec){ buf + 100, 1000 };
		iov[2] = (struct iovec){ buf + 1100, len - 1100 };
		op.addr = addr(iov);
		op.len = 3;
	}
	return op;
}

#define THE_OP(more) the_op(self->iov, &self->as, variant->opcode, variant->flags | (more), \
			    self->buf, OP_LEN)

/* What was moved is what it ought to be; what was not is still to be had. */
#define CHECK_DATA(info) do {					\
	int moved_ = (info), there_ = 0;				\
									\
	ASSERT_LE(0, moved_);						\
	ASSERT_GE(OP_LEN, moved_);					\
	if (OP_READS) {							\
		EXPECT_EQ(0, memcmp(self->buf, self->data, moved_));	\
	}								\
	if (OP_WRITES && variant->make != make_null) {			\
		char back_[LEN] __attribute__((aligned(LEN)));		\
		int got_ = 0;						\
									\
		if (self->fds[1] < 0)					\
			got_ = pread(self->fds[0], back_, LEN, 0);	\
		while (self->fds[1] >= 0 && got_ < moved_) {		\
			int ret_ = read(self->fds[1], back_ + got_, moved_ - got_); \
									\
			ASSERT_LT(0, ret_);				\
			got_ += ret_;					\
		}							\
		EXPECT_LE(moved_, got_);				\
		EXPECT_EQ(0, memcmp(back_, self->data, moved_));	\
	}								\
	if (self->fds[1] >= 0 && !variant->loses) {			\
		ASSERT_EQ(0, ioctl(OP_READS ? self->fds[0] : self->fds[1], FIONREAD, &there_)); \
		EXPECT_EQ(OP_READS ? OP_LEN - moved_ : 0, there_);	\
	}								\
} while (0)

/* The same operation once more, with nothing in its way. */
#define AGAIN() do {							\
	struct outcome again_;						\
									\
	if (OP_WRITES)							\
		memcpy(self->buf, self->data, LEN);			\
	FEED();								\
	ASSERT_EQ(0, run_op(FD, THE_OP(0), &again_));			\
	EXPECT_EQ(0, again_.res);					\
	EXPECT_LT(variant->opcode == IOCP_OP_FSYNC ? -1 : 0, again_.info); \
} while (0)

TEST_F(file, associate)
{
	struct faults *f = &self->f;

	EACH_FAULT(f) {
		int ret;

		STEP_BEGIN(8);
		MAKE_FILE();
		arm(f);
		ret = assoc_flags(FD, self->fds[0], 7, IOCP_ASSOC_EXCLUSIVE, 0, &self->as);
		disarm(f);
		if (ret) {
			EXPECT_FAULT(ret);
			ASSERT_EQ(0, assoc_flags(FD, self->fds[0], 7, IOCP_ASSOC_EXCLUSIVE, 0,
						 &self->as));
		}
		AGAIN();
		CLOSE_FILE();
		STEP_END();
	}
	SOME_FAULTS();
}

/* In a process that is new to the port, as after a fork: that needs more. */
TEST_F(file, associate_in_a_child)
{
	struct faults *f = &self->f;

	EACH_FAULT(f) {
		int ret, status;
		pid_t pid;

		STEP_BEGIN(8);
		MAKE_FILE();
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			arm(f);
			ret = assoc_add(FD, self->fds[0], 7, &self->as);
			disarm(f);
			if (ret && (!f->hit || !is_fault(ret) ||
				    assoc_add(FD, self->fds[0], 7, &self->as)))
				_exit(255);
			_exit(f->hit);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFEXITED(status));
		ASSERT_NE(255, WEXITSTATUS(status));
		f->hit = WEXITSTATUS(status);
		f->faults += f->hit;
		CLOSE_FILE();
		STEP_END();
	}
	SOME_FAULTS();
}

/* The way of an operation to its end is whichever the kernel takes for it. */
#define RUN(op) do {							\
	struct iocp_op op_ = (op);					\
	struct iocp_packet p_;						\
	struct iocp_result r_;						\
	int ret_, res_, info_ = 0;					\
									\
	ret_ = submit(FD, &op_, 1, &r_);				\
	if (workers) {							\
		ASSERT_EQ(1, ret_);					\
		ASSERT_EQ(IOCP_RESULT_QUEUED, r_.state);		\
		FEED();							\
	} else {							\
		disarm(f);						\
	}								\
	if (ret_ < 0) {							\
		res_ = ret_;						\
	} else if (r_.state == IOCP_RESULT_QUEUED) {			\
		ASSERT_EQ(1, reap(FD, &p_, 1));				\
		EXPECT_EQ(77, p_.overlapped);				\
		res_ = p_.res;						\
		info_ = p_.info;					\
	} else {							\
		res_ = r_.res;						\
		info_ = r_.info;					\
	}								\
	if (workers)							\
		disarm(f);						\
	if (res_ < 0)							\
		EXPECT_FAULT(res_);					\
	EXPECT_TRUE(f->hit || info_ == OP_LEN || variant->opcode == IOCP_OP_FSYNC); \
	CHECK_DATA(info_);					\
	EXPECT_EQ(-ETIME, reap_none(FD));				\
} while (0)

TEST_F(file, submitted)
{
	const bool workers = false;
	struct faults *f = &self->f;

	EACH_FAULT(f) {
		STEP_BEGIN(8);
		MAKE_FILE();
		ASSERT_EQ(0, assoc_add(FD, self->fds[0], 7, &self->as));
		FEED();
		arm(f);
		RUN(THE_OP(0));
		AGAIN();
		CLOSE_FILE();
		STEP_END();
	}
	SOME_FAULTS();
}

/* The part that is done by kernel threads. */
TEST_F(file, worked)
{
	const bool workers = true;
	struct faults *f = &self->f;
	int misses;

	EACH_FAULT_OF_WORKERS(f, misses) {
		STEP_BEGIN(8);
		MAKE_FILE();
		ASSERT_EQ(0, assoc_add(FD, self->fds[0], 7, &self->as));
		arm_workers(f);
		RUN(THE_OP(IOCP_OP_F_FORCE_PUNT));
		AGAIN();
		CLOSE_FILE();
		STEP_END();
	}
	/* The pages of other files are pinned by the submitter. */
	EXPECT_TRUE(self->fds[1] < 0 || f->faults);
}

/* It works, or fails and has changed nothing: then the second time it works. */
#define TRY(expr) do {							\
	int ret_ = (expr);						\
									\
	if (ret_) {							\
		EXPECT_TRUE(is_fault(ret_));				\
		EXPECT_EQ(0, (expr));					\
	}								\
} while (0)

/* Each call works or fails as a whole, and in the end all packets are there. */
TEST_F(fault, cancel_and_disassociate)
{
	struct faults *f = &self->f;

	EACH_FAULT(f) {
		struct iocp_cancel c = { .flags = IOCP_CANCEL_ALL_MINE };
		struct iocp_packet p[3];
		u32 modes = 0;
		struct assoc as;
		int pfd[2];
		char buf[8];

		STEP_BEGIN(8);
		ASSERT_EQ(0, pipe2(pfd, O_CLOEXEC));
		ASSERT_EQ(0, assoc_add(FD, pfd[0], 7, &as));
		ASSERT_EQ(0, submit_queued(FD, op_read(&as, 1, buf, sizeof(buf), 0)));
		arm(f);
		TRY(assoc_modes(FD, &as, IOCP_MODE_SKIP_ON_SUCCESS, &modes));
		EXPECT_EQ(IOCP_MODE_SKIP_ON_SUCCESS, modes);
		TRY(cancel(FD, &c));
		TRY(submit_queued(FD, op_read(&as, 2, buf, sizeof(buf), 0)));
		TRY(assoc_del(FD, &as, IOCP_DISASSOC_CANCEL | IOCP_DISASSOC_NOTIFY_LAST, 3));
		disarm(f);
		/* Unless the way back of the count is what failed. */
		EXPECT_TRUE(f->hit || c.nr_cancelled == 1);
		ASSERT_EQ(3, reap(FD, p, 3));
		EXPECT_EQ(1, p[0].overlapped);
		EXPECT_EQ(-ECANCELED, p[0].res);
		EXPECT_EQ(2, p[1].overlapped);
		EXPECT_EQ(-ECANCELED, p[1].res);
		EXPECT_EQ(3, p[2].overlapped);
		EXPECT_EQ(IOCP_PKT_KIND_LAST, pkt_kind(&p[2]));
		close(pfd[0]);
		close(pfd[1]);
		STEP_END();
	}
	SOME_FAULTS();
}

/* Operations that wait in the kernel: two come to their end, two are cancelled. */
TEST_F(fault, waits_and_timers)
{
	struct faults *f = &self->f;

	EACH_FAULT(f) {
		struct iocp_cancel c = { .flags = IOCP_CANCEL_ALL_MINE };
		int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), never = eventfd(0, EFD_CLOEXEC);
		unsigned int i, seen = 0;
		struct iocp_packet p[2];

		STEP_BEGIN(8);
		arm(f);
		TRY(submit_queued(FD, op_timer(1, in_ms(1), 0)));
		TRY(submit_queued(FD, op_wait(2, event, IOCP_WAIT_CONSUME)));
		TRY(submit_queued(FD, op_timer(3, in_ms(3600 * 1000), 0)));
		TRY(submit_queued(FD, op_wait(4, never, 0)));
		disarm(f);
		ASSERT_EQ(8, write(event, &(u64){ 1 }, 8));
		ASSERT_EQ(2, reap(FD, p, 2));
		for (i = 0; i < 2; i++) {
			EXPECT_EQ(0, p[i].res);
			seen |= 1 << p[i].overlapped;
		}
		EXPECT_EQ(0, cancel(FD, &c));
		ASSERT_EQ(2, reap(FD, p, 2));
		for (i = 0; i < 2; i++) {
			EXPECT_EQ(-ECANCELED, p[i].res);
			seen |= 1 << p[i].overlapped;
		}
		EXPECT_EQ(2 + 4 + 8 + 16, seen);
		close(event);
		close(never);
		STEP_END();
	}
	SOME_FAULTS();
}

int main(int argc, char **argv)
{
	if (!access("/proc/self/fail-nth", W_OK))
		return test_harness_run(argc, argv);
	printf("TAP version 13\n1..0 # SKIP no fault injection in this kernel; 6.12-debug has it\n");
	return KSFT_SKIP;
}
