// SPDX-License-Identifier: GPL-2.0-only
/*
 * rw_stream.c - files that can be polled: pipes, FIFOs, sockets, terminals.
 * Operations wait without holding a thread, keep their order per direction and
 * never show EAGAIN.
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "iocp_test.h"

enum kind { PIPE, FIFO, UNIX, TCP, PTY };

FIXTURE(stream) {
	struct port port;
	struct objects base;
	int rfd, wfd;			/* what is written to wfd is read from rfd */
	struct assoc r, w;
	char *buf;
};

FIXTURE_VARIANT(stream) {
	enum kind kind;
	bool nonblock;			/* O_NONBLOCK must make no difference */
};

FIXTURE_VARIANT_ADD(stream, pipe) { .kind = PIPE };
FIXTURE_VARIANT_ADD(stream, pipe_nonblock) { .kind = PIPE, .nonblock = true };
FIXTURE_VARIANT_ADD(stream, fifo) { .kind = FIFO };
FIXTURE_VARIANT_ADD(stream, unix_socket) { .kind = UNIX };
FIXTURE_VARIANT_ADD(stream, unix_socket_nonblock) { .kind = UNIX, .nonblock = true };
FIXTURE_VARIANT_ADD(stream, tcp) { .kind = TCP };
FIXTURE_VARIANT_ADD(stream, pty) { .kind = PTY };

static bool is_socket(enum kind kind)
{
	return kind == UNIX || kind == TCP;
}

static bool two_way(enum kind kind)
{
	return kind != PIPE && kind != FIFO;
}

static int make_tcp(int sv[2])
{
	struct sockaddr_in sa = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(sa);
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (l < 0 || bind(l, (void *)&sa, sizeof(sa)) || listen(l, 1) ||
	    getsockname(l, (void *)&sa, &len))
		return -errno;
	sv[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sv[0] < 0 || connect(sv[0], (void *)&sa, sizeof(sa)))
		return -errno;
	sv[1] = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	close(l);
	return sv[1] < 0 ? -errno : 0;
}

static int make_fifo(int fds[2])
{
	char dir[] = "/tmp/iocp-fifo-XXXXXX", path[64];

	if (!mkdtemp(dir))
		return -errno;
	snprintf(path, sizeof(path), "%s/f", dir);
	if (mkfifo(path, 0600))
		return -errno;
	/* Opening for both lets each other open go on without a partner. */
	fds[0] = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	fds[1] = open(path, O_WRONLY | O_CLOEXEC);
	unlink(path);
	rmdir(dir);
	if (fds[0] < 0 || fds[1] < 0)
		return -errno;
	return fcntl(fds[0], F_SETFL, O_RDONLY) ? -errno : 0;
}

#define BIG	(256 << 10)

FIXTURE_SETUP(stream)
{
	int fds[2], ret = 0;

	PORT_FIXTURE_SETUP(4, 0);
	switch (variant->kind) {
	case PIPE:
		ret = pipe2(fds, O_CLOEXEC);
		break;
	case FIFO:
		ret = make_fifo(fds);
		break;
	case UNIX:
		ret = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
		break;
	case TCP:
		ret = make_tcp(fds);
		if (ret)
			SKIP(return, "no TCP over loopback here: %s", strerror(-ret));
		break;
	case PTY:
		ret = make_raw_pty(fds);
		if (ret)
			SKIP(return, "no pseudo terminals here: %s", strerror(-ret));
		break;
	}
	ASSERT_EQ(0, ret);
	self->rfd = fds[0];
	self->wfd = fds[1];
	if (variant->nonblock) {
		ASSERT_EQ(0, fcntl(fds[0], F_SETFL, fcntl(fds[0], F_GETFL) | O_NONBLOCK));
		ASSERT_EQ(0, fcntl(fds[1], F_SETFL, fcntl(fds[1], F_GETFL) | O_NONBLOCK));
	}
	self->buf = map_anon(4 * BIG);
	ASSERT_EQ(0, assoc_add(self->port.fd, self->rfd, 'r', &self->r));
	ASSERT_EQ(0, assoc_add(self->port.fd, self->wfd, 'w', &self->w));
}

FIXTURE_TEARDOWN(stream)
{
	PORT_FIXTURE_TEARDOWN();
}

/* close(2) alone ends nothing: the association keeps the file. */
#define CLOSE_END(which, as) do {					\
	ASSERT_EQ(0, assoc_del(self->port.fd, &self->as, 0, 0));	\
	ASSERT_EQ(0, close(self->which));				\
	self->which = -1;						\
} while (0)

/* Put bytes in from the other side, all of them, by ordinary means. */
static int put(int fd, const void *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EAGAIN) {
			usleep(200);
			continue;
		}
		if (n <= 0)
			return -errno;
		data += n;
		len -= n;
	}
	return 0;
}

/* And take @len bytes out. */
static int take(int fd, void *data, size_t len)
{
	u64 end = in_ms(PATIENCE_MS);

	while (len) {
		ssize_t n;
		struct pollfd pfd = { .fd = fd, .events = POLLIN };

		if (poll(&pfd, 1, PATIENCE_MS) != 1 || now_ns() > end)
			return -ETIME;
		n = read(fd, data, len);
		if (n < 0 && errno == EAGAIN)
			continue;
		if (n <= 0)
			return n ? -errno : -EPIPE;
		data += n;
		len -= n;
	}
	return 0;
}

#define REAP_ONE(p, ovl, want_res, want_info) do {			\
	ASSERT_EQ(1, reap(self->port.fd, p, 1));			\
	EXPECT_EQ(ovl, (p)->overlapped);				\
	EXPECT_EQ(want_res, (p)->res);					\
	EXPECT_EQ(want_info, (p)->info);				\
} while (0)

TEST_F(stream, caps)
{
	EXPECT_TRUE(self->r.caps & (IOCP_CAP_STREAM | IOCP_CAP_THREAD));
	EXPECT_EQ(is_socket(variant->kind), !!(self->r.caps & IOCP_CAP_SOCKET));
	EXPECT_TRUE(self->r.caps & 1ULL << IOCP_OP_READ);
	EXPECT_EQ(two_way(variant->kind), self->r.caps >> IOCP_OP_WRITE & 1);
	EXPECT_TRUE(self->w.caps & 1ULL << IOCP_OP_WRITE);
	EXPECT_FALSE(self->r.caps & IOCP_CAP_DIRECT);
}

TEST_F(stream, read_waits_for_data)
{
	struct iocp_packet p;

	ASSERT_EQ(0, submit_queued(self->port.fd, op_read(&self->r, 1, self->buf, 100, 0)));
	EXPECT_EQ(-ETIME, reap_none(self->port.fd));
	EXPECT_EQ(1, STAT(self->port.fd, inflight));
	ASSERT_EQ(0, put(self->wfd, "hello", 5));
	REAP_ONE(&p, 1, 0, 5);
	EXPECT_EQ('r', p.key);
	EXPECT_STREQ("hello", self->buf);
	EXPECT_EQ(-ETIME, reap_none(self->port.fd));
}

/* READ gives what is there and does not wait for the rest. */
TEST_F(stream, read_takes_what_is_there)
{
	ASSERT_EQ(0, put(self->wfd, "abc", 3));
	EXPECT_EQ(3, run_bytes(self->port.fd, op_read(&self->r, 1, self->buf, 4096, 0)));
	EXPECT_EQ(0, memcmp("abc", self->buf, 3));
	ASSERT_EQ(0, put(self->wfd, "defgh", 5));
	EXPECT_EQ(2, run_bytes(self->port.fd, op_read(&self->r, 1, self->buf, 2, 0)));
	EXPECT_EQ(3, run_bytes(self->port.fd, op_read(&self->r, 1, self->buf + 2, 10, 0)));
	EXPECT_EQ(0, memcmp("defgh", self->buf, 5));
}

TEST_F(stream, write_goes_through)
{
	ASSERT_EQ(5, run_bytes(self->port.fd, op_write(&self->w, 1, "hello", 5, 0)));
	ASSERT_EQ(0, take(self->rfd, self->buf, 5));
	EXPECT_EQ(0, memcmp("hello", self->buf, 5));
}

TEST_F(stream, vectors)
{
	struct iovec out[3] = { { "ab", 2 }, { "", 0 }, { "cdef", 4 } };
	struct iovec in[2] = { { self->buf, 1 }, { self->buf + 100, 10 } };

	EXPECT_EQ(6, run_bytes(self->port.fd, op_rw(IOCP_OP_WRITEV, &self->w, 1, out, 3, 0)));
	EXPECT_EQ(6, run_bytes(self->port.fd, op_rw(IOCP_OP_READV, &self->r, 2, in, 2, 0)));
	EXPECT_EQ('a', self->buf[0]);
	EXPECT_EQ(0, memcmp("bcdef", self->buf + 100, 5));
	EXPECT_EQ(0, self->buf[1]);
}

TEST_F(stream, vectors_that_wait)
{
	struct iovec in[3] = { { self->buf, 1 }, { self->buf + 50, 2 }, { self->buf + 100, 10 } };
	struct iocp_packet p;

	ASSERT_EQ(0, submit_queued(self->port.fd, op_rw(IOCP_OP_READV, &self->r, 2, in, 3, 0)));
	/* The array was copied: it may change now. */
	memset(in, 0, sizeof(in));
	ASSERT_EQ(0, put(self->wfd, "abcdef", 6));
	REAP_ONE(&p, 2, 0, 6);
	EXPECT_EQ('a', self->buf[0]);
	EXPECT_EQ(0, memcmp("bc", self->buf + 50, 2));
	EXPECT_EQ(0, memcmp("def", self->buf + 100, 3));
}

/* A7: the first read gets the first bytes. */
TEST_F(stream, reads_are_filled_in_order)
{
	struct iocp_packet p;
	unsigned int i, n = 20;

	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, submit_queued(self->port.fd,
					   op_read(&self->r, i, self->buf + i * 100, 100, 0)));
	}
	for (i = 0; i < n; i++) {
		char text[16];
		int len = snprintf(text, sizeof(text), "number %u", i);

		ASSERT_EQ(0, put(self->wfd, text, len));
		REAP_ONE(&p, i, 0, len);
		EXPECT_EQ(0, memcmp(text, self->buf + i * 100, len));
	}
}

/* All bytes are there at once: the reads share them out in their order. */
TEST_F(stream, waiting_reads_share_in_order)
{
	struct iocp_packet p;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, submit_queued(self->port.fd,
					   op_read(&self->r, i, self->buf + i * 100, 3, 0)));
	}
	ASSERT_EQ(0, put(self->wfd, "aaabbbcccddd", 12));
	for (i = 0; i < 4; i++) {
		REAP_ONE(&p, i, 0, 3);
		EXPECT_TRUE(all_bytes(self->buf + i * 100, 3, 'a' + i));
	}
}

/* OV-20: a write is done when all of it is accepted, however long that takes. */
TEST_F(stream, large_write_completes_in_full)
{
	struct iocp_packet p;

	pattern_fill(self->buf, BIG, 1, 0);
	ASSERT_EQ(0, submit_queued(self->port.fd, op_write(&self->w, 1, self->buf, BIG, 0)));
	ASSERT_EQ(0, take(self->rfd, self->buf + BIG, BIG));
	REAP_ONE(&p, 1, 0, BIG);
	EXPECT_EQ(0, p.flags & IOCP_PKT_F_PARTIAL);
	EXPECT_EQ(-1, pattern_check(self->buf + BIG, BIG, 1, 0));
}

TEST_F(stream, large_writes_do_not_interleave)
{
	struct iocp_packet p;
	struct iocp_op ops[3];
	unsigned int i;

	for (i = 0; i < 3; i++) {
		memset(self->buf + i * BIG, 'a' + i, BIG);
		ops[i] = op_write(&self->w, i, self->buf + i * BIG, BIG, 0);
	}
	ASSERT_EQ(3, submit(self->port.fd, ops, 3, NULL));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, take(self->rfd, self->buf + 3 * BIG, BIG));
		EXPECT_TRUE(all_bytes(self->buf + 3 * BIG, BIG, 'a' + i));
	}
	for (i = 0; i < 3; i++) {
		REAP_ONE(&p, i, 0, BIG);
	}
}

/* Both ends by operations: a large write against many reads. */
TEST_F(stream, large_write_into_waiting_reads)
{
	struct iocp_packet p;
	u64 got = 0;
	bool written = false;

	pattern_fill(self->buf, BIG, 2, 0);
	ASSERT_EQ(0, submit_queued(self->port.fd, op_read(&self->r, 1, self->buf + BIG, BIG, 0)));
	ASSERT_EQ(0, submit_queued(self->port.fd, op_write(&self->w, 2, self->buf, BIG, 0)));
	while (got < BIG || !written) {
		ASSERT_EQ(1, reap(self->port.fd, &p, 1));
		ASSERT_EQ(0, p.res);
		if (p.overlapped == 2) {
			EXPECT_EQ(BIG, p.info);
			written = true;
			continue;
		}
		ASSERT_LT(0, p.info);
		got += p.info;
		if (got < BIG) {
			ASSERT_EQ(0, submit_queued(self->port.fd,
						   op_read(&self->r, 1, self->buf + BIG + got,
							   BIG - got, 0)));
		}
	}
	EXPECT_EQ(BIG, got);
	EXPECT_EQ(-1, pattern_check(self->buf + BIG, BIG, 2, 0));
}

/* The caller did not ask for the whole: what went in at once is the result. */
TEST_F(stream, ANY_SHORT_does_not_go_on)
{
	struct iocp_op op = op_write(&self->w, 1, self->buf, 4 * BIG, 0);
	struct outcome o;

	if (self->w.caps & IOCP_CAP_THREAD)
		SKIP(return, "the file itself waits until all is written");
	op.flags = IOCP_OP_F_ANY_SHORT;
	ASSERT_EQ(0, run_op(self->port.fd, op, &o));
	EXPECT_EQ(0, o.res);
	EXPECT_LT(0, o.info);
	/* No kind of stream takes a megabyte without a reader. */
	if (variant->kind != TCP) {
		EXPECT_GT(4 * BIG, o.info);
	}
}

/* One read and one write of an association at a time, side by side. */
TEST_F(stream, directions_are_independent)
{
	struct iocp_packet p;

	if (!two_way(variant->kind)) {
		EXPECT_EQ(-EBADF, run_bytes(self->port.fd, op_write(&self->r, 1, "x", 1, 0)));
		EXPECT_EQ(-EBADF, run_bytes(self->port.fd, op_read(&self->w, 1, self->buf, 1, 0)));
		return;
	}
	ASSERT_EQ(0, submit_queued(self->port.fd, op_read(&self->r, 1, self->buf, 10, 0)));
	ASSERT_EQ(0, submit_queued(self->port.fd, op_write(&self->r, 2, "ping", 4, 0)));
	REAP_ONE(&p, 2, 0, 4);
	ASSERT_EQ(0, take(self->wfd, self->buf + 100, 4));
	EXPECT_EQ(0, memcmp("ping", self->buf + 100, 4));
	ASSERT_EQ(0, put(self->wfd, "pong", 4));
	REAP_ONE(&p, 1, 0, 4);
	EXPECT_EQ(0, memcmp("pong", self->buf, 4));
}

/* Offsets mean nothing here, whatever they are. */
TEST_F(stream, offset_is_ignored)
{
	static const u64 offs[] = { 0, 1, 1ULL << 40, IOCP_OFF_APPEND, -5ULL };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(offs); i++) {
		ASSERT_EQ(2, run_bytes(self->port.fd, op_write(&self->w, 1, "xy", 2, offs[i])));
		ASSERT_EQ(2, run_bytes(self->port.fd, op_read(&self->r, 1, self->buf, 2, offs[i])));
		EXPECT_EQ(0, memcmp("xy", self->buf, 2));
	}
}

TEST_F(stream, FORCE_PUNT_changes_nothing)
{
	struct iocp_op op = op_write(&self->w, 1, "xy", 2, 0);
	struct iocp_packet p;

	op.flags = IOCP_OP_F_FORCE_PUNT;
	ASSERT_EQ(2, run_bytes(self->port.fd, op));
	op = op_read(&self->r, 2, self->buf, 10, 0);
	op.flags = IOCP_OP_F_FORCE_PUNT;
	ASSERT_EQ(2, run_bytes(self->port.fd, op));
	EXPECT_EQ(0, memcmp("xy", self->buf, 2));
	/* Also where it has to wait. */
	ASSERT_EQ(0, submit_queued(self->port.fd, op));
	EXPECT_EQ(-ETIME, reap_none(self->port.fd));
	ASSERT_EQ(0, put(self->wfd, "z", 1));
	REAP_ONE(&p, 2, 0, 1);
}

/* The only way to see EAGAIN. */
TEST_F(stream, RWF_NOWAIT)
{
	struct iocp_op op = op_read(&self->r, 1, self->buf, 10, 0);
	struct outcome o;

	op.op_flags = RWF_NOWAIT;
	ASSERT_EQ(0, run_op(self->port.fd, op, &o));
	if (o.res == -EOPNOTSUPP)
		SKIP(return, "the file does not know RWF_NOWAIT");
	EXPECT_EQ(-EAGAIN, o.res);
	ASSERT_EQ(0, put(self->wfd, "abc", 3));
	if (variant->kind == PTY)
		usleep(20000);	/* a kernel worker carries it over */
	ASSERT_EQ(0, run_op(self->port.fd, op, &o));
	EXPECT_EQ(0, o.res);
	EXPECT_EQ(3, o.info);
}

TEST_F(stream, fsync_is_refused)
{
	struct outcome o;

	ASSERT_EQ(0, run_op(self->port.fd, op_fsync(&self->r, 1, 0), &o));
	EXPECT_EQ(IOCP_RESULT_REFUSED, o.state);
	EXPECT_EQ(-EOPNOTSUPP, o.res);
}

TEST_F(stream, bad_buffers)
{
	struct outcome o;
	char c;

	/* Without data there is nothing to copy: it may wait and fail then. */
	ASSERT_EQ(0, put(self->wfd, "abc", 3));
	if (variant->kind == PTY)
		usleep(20000);
	ASSERT_EQ(0, run_op(self->port.fd, op_read(&self->r, 1, no_access(), 10, 0), &o));
	EXPECT_EQ(-EFAULT, o.res);
	EXPECT_EQ(0, o.info);
	ASSERT_EQ(0, run_op(self->port.fd, op_write(&self->w, 1, no_access(), 10, 0), &o));
	EXPECT_EQ(-EFAULT, o.res);
	/* The stream lives on. */
	ASSERT_EQ(0, put(self->wfd, "d", 1));
	ASSERT_LT(0, run_bytes(self->port.fd, op_read(&self->r, 1, &c, 1, 0)));
}

/* The buffer vanishes while the read waits. */
TEST_F(stream, buffer_gone_while_waiting)
{
	char *gone = map_anon(4096);
	struct iocp_packet p;

	ASSERT_EQ(0, submit_queued(self->port.fd, op_read(&self->r, 1, gone, 10, 0)));
	munmap(gone, 4096);
	ASSERT_EQ(0, put(self->wfd, "abc", 3));
	ASSERT_EQ(1, reap(self->port.fd, &p, 1));
	EXPECT_EQ(-EFAULT, p.res);
	EXPECT_EQ(1, p.overlapped);
}

/* ------------------------------------------------------------ end of file */

TEST_F(stream, end_of_file)
{
	struct iocp_packet p;
	struct outcome o;

	/* One that waits, one behind it, and one that comes later. */
	ASSERT_EQ(0, submit_queued(self->port.fd, op_read(&self->r, 1, self->buf, 10, 0)));
	if (variant->kind == PTY) {
		CLOSE_END(wfd, w);
		/* A terminal is hung up: 0, or EIO to whoever waited. */
		ASSERT_EQ(1, reap(self->port.fd, &p, 1));
		EXPECT_TRUE(p.res == -EIO || p.res == 0) {
			TH_LOG("res %d", p.res);
		}
		EXPECT_EQ(0, p.info);
		return;
	}
	ASSERT_EQ(0, submit_queued(self->port.fd, op_read(&self->r, 2, self->buf, 10, 0)));
	CLOSE_END(wfd, w);
	REAP_ONE(&p, 1, 0, 0);
	REAP_ONE(&p, 2, 0, 0);
	ASSERT_EQ(0, run_op(self->port.fd, op_read(&self->r, 3, self->buf, 10, 0), &o));
	EXPECT_EQ(0, o.res);
	EXPECT_EQ(0, o.info);
}

TEST_F(stream, data_before_the_end)
{
	if (variant->kind == PTY)
		SKIP(return, "hanging up a terminal throws its data away");
	ASSERT_EQ(0, put(self->wfd, "abc", 3));
	/* A socket can also be shut down for one direction. */
	if (is_socket(variant->kind)) {
		ASSERT_EQ(0, shutdown(self->wfd, SHUT_WR));
	} else {
		CLOSE_END(wfd, w);
	}
	ASSERT_EQ(3, run_bytes(self->port.fd, op_read(&self->r, 1, self->buf, 10, 0)));
	ASSERT_EQ(0, run_bytes(self->port.fd, op_read(&self->r, 2, self->buf, 10, 0)));
}

/* -------------------------------------------------------- the other is gone */

static volatile sig_atomic_t nr_sigpipe;

static void count_sigpipe(int sig)
{
	nr_sigpipe++;
}

static void catch_sigpipe(void)
{
	struct sigaction sa = { .sa_handler = count_sigpipe };

	nr_sigpipe = 0;
	sigaction(SIGPIPE, &sa, NULL);
}

/* From here on nobody can ever read what is written. */
#define BREAK_PIPE() do {						\
	if (variant->kind == PTY)					\
		SKIP(return, "the reader of a terminal may come back");	\
	catch_sigpipe();						\
	/* The peer of a TCP socket finds out too late: shut down our side. */ \
	if (variant->kind == TCP) {					\
		ASSERT_EQ(0, shutdown(self->wfd, SHUT_WR));		\
	} else {							\
		CLOSE_END(rfd, r);					\
	}								\
} while (0)

TEST_F(stream, write_to_nobody_is_EPIPE_and_a_signal)
{
	struct outcome o;

	BREAK_PIPE();
	ASSERT_EQ(0, run_op(self->port.fd, op_write(&self->w, 1, "x", 1, 0), &o));
	EXPECT_EQ(-EPIPE, o.res);
	EXPECT_EQ(IOCP_RESULT_REFUSED, o.state);
	EXPECT_EQ(1, nr_sigpipe);
	EXPECT_EQ(-ETIME, reap_none(self->port.fd));
}

TEST_F(stream, write_to_nobody_with_NOSIGNAL_is_only_EPIPE)
{
	struct iocp_op op = op_write(&self->w, 1, "x", 1, 0);
	struct outcome o;

	BREAK_PIPE();
	op.flags = IOCP_OP_F_NOSIGNAL;
	ASSERT_EQ(0, run_op(self->port.fd, op, &o));
	EXPECT_EQ(-EPIPE, o.res);
	EXPECT_EQ(0, o.info);
	/* The process is still there, and was not told otherwise. */
	EXPECT_EQ(0, nr_sigpipe);
}

/* It was waiting for room: what had gone in is told with the error. */
TEST_F(stream, waiting_write_when_the_reader_goes)
{
	struct iocp_packet p;

	/* TCP takes megabytes before it waits. */
	const size_t len = 32 << 20;
	char *data;

	if (variant->kind == PTY)
		SKIP(return, "the reader of a terminal may come back");
	data = map_anon(len);
	catch_sigpipe();
	ASSERT_EQ(0, submit_queued(self->port.fd, op_write(&self->w, 1, data, len, 0)));
	ASSERT_EQ(0, submit_queued(self->port.fd, op_write(&self->w, 2, data, 10, 0)));
	EXPECT_EQ(-ETIME, reap_none(self->port.fd));
	CLOSE_END(rfd, r);
	ASSERT_EQ(1, reap(self->port.fd, &p, 1));
	EXPECT_EQ(1, p.overlapped);
	EXPECT_EQ(variant->kind == TCP ? -ECONNRESET : -EPIPE, p.res);
	EXPECT_LT(0, p.info);
	EXPECT_GT(len, p.info);
	EXPECT_TRUE(p.flags & IOCP_PKT_F_PARTIAL);
	REAP_ONE(&p, 2, -EPIPE, 0);
	EXPECT_EQ(0, p.flags & IOCP_PKT_F_PARTIAL);
	/* A signal to whom?  It ended in the kernel. */
	EXPECT_EQ(0, nr_sigpipe);
}

/* ------------------------------------------------------------- zero length */

TEST_F(stream, zero_length_write)
{
	ASSERT_EQ(0, run_bytes(self->port.fd, op_write(&self->w, 1, self->buf, 0, 0)));
	/* Nothing arrived: what is read next is what is written next. */
	ASSERT_EQ(0, put(self->wfd, "a", 1));
	ASSERT_EQ(1, run_bytes(self->port.fd, op_read(&self->r, 1, self->buf, 10, 0)));
	EXPECT_EQ('a', self->buf[0]);
}

/* OV-19: on a socket it completes when there is something to read. */
TEST_F(stream, zero_length_read)
{
	struct iocp_packet p;

	if (variant->kind == PTY)
		SKIP(return, "not defined for terminals");
	if (!is_socket(variant->kind)) {
		ASSERT_EQ(0, run_bytes(self->port.fd, op_read(&self->r, 1, NULL, 0, 0)));
		return;
	}
	ASSERT_EQ(0, submit_queued(self->port.fd, op_read(&self->r, 1, NULL, 0, 0)));
	EXPECT_EQ(-ETIME, reap_none(self->port.fd));
	ASSERT_EQ(0, put(self->wfd, "abc", 3));
	REAP_ONE(&p, 1, 0, 0);
	/* It took nothing; with data there it completes at once. */
	ASSERT_EQ(0, run_bytes(self->port.fd, op_read(&self->r, 2, NULL, 0, 0)));
	ASSERT_EQ(3, run_bytes(self->port.fd, op_read(&self->r, 3, self->buf, 10, 0)));
	EXPECT_EQ(0, memcmp("abc", self->buf, 3));
}

/* -------------------------------------------------------------- many bytes */

/* Single bytes, one read each: order, and nothing lost between wake-ups. */
TEST_F_TIMEOUT(stream, byte_by_byte, 60)
{
	unsigned int i, n = rounds(200), depth = 8, submitted = 0;
	static __u8 in[8];
	struct iocp_packet p;

	for (; submitted < depth; submitted++) {
		ASSERT_EQ(0, submit_queued(self->port.fd, op_read(&self->r, submitted,
								  &in[submitted % depth], 1, 0)));
	}
	for (i = 0; i < n; i++) {
		__u8 c = i * 7;

		ASSERT_EQ(0, put(self->wfd, &c, 1));
		REAP_ONE(&p, i, 0, 1);
		ASSERT_EQ(c, in[i % depth]);
		ASSERT_EQ(0, submit_queued(self->port.fd, op_read(&self->r, submitted,
								  &in[submitted % depth], 1, 0)));
		submitted++;
	}
}

/* A writer of its own against reads of all sizes: a stream is a stream. */
struct feeder {
	pthread_t thread;
	int fd;
	char *data;
	size_t len;
	int error;
};

static void *feed(void *arg)
{
	struct feeder *f = arg;
	size_t pos = 0;

	while (pos < f->len) {
		size_t n = 1 + pos * 31 % 9000;

		if (n > f->len - pos)
			n = f->len - pos;
		f->error = put(f->fd, f->data + pos, n);
		if (f->error)
			break;
		pos += n;
	}
	return NULL;
}

TEST_F(stream, a_stream_is_a_stream)
{
	struct feeder f = { .fd = self->wfd, .data = self->buf, .len = 2 * BIG };
	char *in = self->buf + 2 * BIG;
	struct iocp_packet p;
	u64 got = 0;

	pattern_fill(self->buf, f.len, 3, 0);
	ASSERT_EQ(0, pthread_create(&f.thread, NULL, feed, &f));
	while (got < f.len) {
		size_t n = 1 + got * 17 % 7000;

		if (n > f.len - got)
			n = f.len - got;
		ASSERT_EQ(0, submit_queued(self->port.fd, op_read(&self->r, 1, in + got, n, 0)));
		ASSERT_EQ(1, reap(self->port.fd, &p, 1));
		ASSERT_EQ(0, p.res);
		ASSERT_LT(0, p.info);
		ASSERT_GE(n, p.info);
		got += p.info;
	}
	pthread_join(f.thread, NULL);
	EXPECT_EQ(0, f.error);
	EXPECT_EQ(-1, pattern_check(in, f.len, 3, 0));
}

/* ------------------------------------------------------------- TCP's own */

PORT_FIXTURE(tcp, 2, 0)

TEST_F(tcp, reset_while_reading)
{
	struct linger hard = { .l_onoff = 1, .l_linger = 0 };
	struct iocp_packet p;
	struct assoc as;
	char buf[10];
	int sv[2];

	if (make_tcp(sv))
		SKIP(return, "no TCP over loopback here");
	ASSERT_EQ(0, assoc_add(self->port.fd, sv[0], 1, &as));
	ASSERT_EQ(0, submit_queued(self->port.fd, op_read(&as, 1, buf, 10, 0)));
	ASSERT_EQ(0, setsockopt(sv[1], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
	close(sv[1]);
	REAP_ONE(&p, 1, -ECONNRESET, 0);
	close(sv[0]);
}

TEST_HARNESS_MAIN
