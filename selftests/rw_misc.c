// SPDX-License-Identifier: GPL-2.0-only
/*
 * rw_misc.c - files of other kinds, and rights and limits that bind operations
 * as they bind read(2) and write(2).
 */
#include <linux/magic.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include "iocp_test.h"

PORT_FIXTURE(misc, 2, 0)

#define FD (self->port.fd)

/* ---------------------------------------------------------------- eventfd */

TEST_F(misc, eventfd_read_waits_for_a_count)
{
	int efd = eventfd(0, EFD_CLOEXEC);
	struct iocp_packet p;
	struct assoc as;
	u64 value = 0, add = 7;

	ASSERT_LE(0, efd);
	ASSERT_EQ(0, assoc_add(FD, efd, 3, &as));
	EXPECT_TRUE(as.caps & 1ULL << IOCP_OP_READ);
	EXPECT_FALSE(as.caps & 1ULL << IOCP_OP_WRITE);
	ASSERT_EQ(0, submit_queued(FD, op_read(&as, 1, &value, 8, 0)));
	EXPECT_EQ(-ETIME, reap_none(FD));
	ASSERT_EQ(8, write(efd, &add, 8));
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(0, p.res);
	EXPECT_EQ(8, p.info);
	EXPECT_EQ(7, value);
	/* There already. */
	ASSERT_EQ(8, write(efd, &add, 8));
	ASSERT_EQ(8, run_bytes(FD, op_read(&as, 2, &value, 8, 0)));
	close(efd);
}

TEST_F(misc, eventfd_write_is_EOPNOTSUPP)
{
	int efd = eventfd(0, EFD_CLOEXEC);
	struct assoc as;
	struct outcome o;
	u64 value = 1;

	ASSERT_LE(0, efd);
	ASSERT_EQ(0, assoc_add(FD, efd, 3, &as));
	ASSERT_EQ(0, run_op(FD, op_write(&as, 1, &value, 8, 0), &o));
	EXPECT_EQ(IOCP_RESULT_REFUSED, o.state);
	EXPECT_EQ(-EOPNOTSUPP, o.res);
	close(efd);
}

TEST_F(misc, eventfd_read_too_short_is_EINVAL)
{
	int efd = eventfd(1, EFD_CLOEXEC);
	struct assoc as;
	char buf[8];

	ASSERT_LE(0, efd);
	ASSERT_EQ(0, assoc_add(FD, efd, 3, &as));
	EXPECT_EQ(-EINVAL, run_bytes(FD, op_read(&as, 1, buf, 7, 0)));
	EXPECT_EQ(8, run_bytes(FD, op_read(&as, 1, buf, 8, 0)));
	close(efd);
}

/* One unit each: as many reads end as there are units. */
TEST_F(misc, eventfd_semaphore)
{
	int efd = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);
	u64 value[5] = { 0 }, add = 3;
	struct iocp_packet p[5];
	struct assoc as;
	unsigned int i;

	ASSERT_LE(0, efd);
	ASSERT_EQ(0, assoc_add(FD, efd, 3, &as));
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, submit_queued(FD, op_read(&as, i, &value[i], 8, 0)));
	}
	ASSERT_EQ(8, write(efd, &add, 8));
	ASSERT_EQ(3, reap(FD, p, 3));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(i, p[i].overlapped);
		EXPECT_EQ(1, value[i]);
	}
	EXPECT_EQ(2, STAT(FD, inflight));
	EXPECT_EQ(0, value[3]);
	ASSERT_EQ(8, write(efd, &add, 8));
	ASSERT_EQ(2, reap(FD, p, 2));
	close(efd);
}

/* ------------------------------------------------------ character devices */

TEST_F(misc, dev_null)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct assoc as;
	char buf[100];

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, assoc_add(FD, fd, 1, &as));
	EXPECT_EQ(100, run_bytes(FD, op_write(&as, 1, buf, 100, 0)));
	EXPECT_EQ(0, run_bytes(FD, op_read(&as, 2, buf, 100, 0)));
	close(fd);
}

TEST_F(misc, dev_zero)
{
	int fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	char *buf = map_anon(1 << 20);
	struct assoc as;
	s64 got = 0, n;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, assoc_add(FD, fd, 1, &as));
	memset(buf, 1, 1 << 20);
	/* The driver may stop early rather than keep the CPU; that is no end. */
	while (got < 1 << 20) {
		n = run_bytes(FD, op_read(&as, 1, buf + got, (1 << 20) - got, 0));
		ASSERT_LT(0, n);
		got += n;
	}
	EXPECT_EQ(1 << 20, got);
	EXPECT_TRUE(all_bytes(buf, 1 << 20, 0));
	EXPECT_EQ(1 << 20, run_bytes(FD, op_write(&as, 2, buf, 1 << 20, 0)));
	close(fd);
}

TEST_F(misc, dev_full)
{
	int fd = open("/dev/full", O_RDWR | O_CLOEXEC);
	struct assoc as;
	char buf[100];

	ASSERT_LE(0, fd);
	if (assoc_add(FD, fd, 1, &as) || !(as.caps & 1ULL << IOCP_OP_WRITE))
		SKIP(return, "/dev/full has no write_iter on this kernel");
	EXPECT_EQ(-ENOSPC, run_bytes(FD, op_write(&as, 1, buf, 100, 0)));
	close(fd);
}

/* A file that is made up as it is read. */
TEST_F(misc, proc_file)
{
	int fd = open("/proc/version", O_RDONLY | O_CLOEXEC);
	char buf[512] = "", want[512] = "";
	struct assoc as;
	s64 n;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, assoc_add(FD, fd, 1, &as));
	n = run_bytes(FD, op_read(&as, 1, buf, sizeof(buf) - 1, 0));
	ASSERT_EQ(pread(fd, want, sizeof(want) - 1, 0), n);
	EXPECT_STREQ(want, buf);
	/* From the middle, and at the end. */
	memset(buf, 0, sizeof(buf));
	EXPECT_EQ(5, run_bytes(FD, op_read(&as, 2, buf, 5, 6)));
	EXPECT_EQ(0, memcmp(want + 6, buf, 5));
	EXPECT_EQ(0, run_bytes(FD, op_read(&as, 3, buf, 5, n)));
	close(fd);
}

/* ------------------------------------------------------------ other kinds */

/* A directory can be synced, which is all it can. */
TEST_F(misc, directory)
{
	const char *dir = NEED_ENV("IOCP_EXT4");
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct assoc as;
	char buf[64];

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, assoc_add(FD, fd, 1, &as));
	EXPECT_EQ(1ULL << IOCP_OP_FSYNC, as.caps & 0xffff & ~(1ULL << IOCP_OP_NOP));
	EXPECT_EQ(0, run_bytes(FD, op_fsync(&as, 1, 0)));
	EXPECT_GT(0, run_bytes(FD, op_read(&as, 2, buf, sizeof(buf), 0)));
	EXPECT_EQ(-EBADF, run_bytes(FD, op_write(&as, 3, buf, sizeof(buf), 0)));
	close(fd);
}

TEST_F(misc, epoll_set_is_no_file_for_operations)
{
	int ep = syscall(SYS_epoll_create1, 0);
	struct assoc as;

	ASSERT_LE(0, ep);
	EXPECT_EQ(-EOPNOTSUPP, assoc_add(FD, ep, 1, &as));
	close(ep);
}

/* A datagram socket: boundaries stay. */
TEST_F(misc, datagrams_keep_their_boundaries)
{
	char buf[64] = "";
	struct iocp_packet p;
	struct assoc a, b;
	unsigned int i;
	int sv[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sv));
	ASSERT_EQ(0, assoc_add(FD, sv[0], 1, &a));
	ASSERT_EQ(0, assoc_add(FD, sv[1], 2, &b));
	ASSERT_EQ(0, submit_queued(FD, op_read(&a, 1, buf, 64, 0)));
	ASSERT_EQ(0, submit_queued(FD, op_read(&a, 2, buf + 32, 2, 0)));
	ASSERT_EQ(3, write(sv[1], "abc", 3));
	ASSERT_EQ(1, reap(FD, &p, 1));
	EXPECT_EQ(1, p.overlapped);
	EXPECT_EQ(3, p.info);
	/* Two end by this: the write, and the read that has room for half of it. */
	ASSERT_EQ(0, submit_queued(FD, op_write(&b, 3, "defg", 4, 0)));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(1, reap(FD, &p, 1));
		EXPECT_EQ(0, p.res);
		EXPECT_EQ(p.overlapped == 2 ? 2 : 4, p.info);
	}
	EXPECT_EQ(0, memcmp("de", buf + 32, 3));
	/* The other half is gone with its datagram. */
	EXPECT_EQ(-EAGAIN, recv(sv[0], buf, 64, MSG_DONTWAIT) < 0 ? -errno : 0);
	close(sv[0]);
	close(sv[1]);
}

/* ----------------------------------------------------------------- rights */

TEST_F(misc, sealed_memfd_EPERM)
{
	int fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	static const u32 flags[] = { 0, IOCP_OP_F_FORCE_PUNT };
	struct assoc as;
	char buf[16] = "0123456789abcde";
	unsigned int i;

	ASSERT_LE(0, fd);
	ASSERT_EQ(16, write(fd, buf, 16));
	ASSERT_EQ(0, assoc_add(FD, fd, 1, &as));
	ASSERT_EQ(0, fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	for (i = 0; i < 2; i++) {
		struct iocp_op op = op_write(&as, 1, "x", 1, 0);

		op.flags = flags[i];
		EXPECT_EQ(-EPERM, run_bytes(FD, op));
	}
	EXPECT_EQ(16, run_bytes(FD, op_read(&as, 2, buf, 16, 0)));
	EXPECT_EQ('0', buf[0]);
	close(fd);
}

TEST_F(misc, sealed_against_growing)
{
	int fd = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char *buf = map_anon(8192);
	struct assoc as;

	ASSERT_LE(0, fd);
	ASSERT_EQ(4096, write(fd, buf, 4096));
	ASSERT_EQ(0, assoc_add(FD, fd, 1, &as));
	ASSERT_EQ(0, fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	EXPECT_EQ(4096, run_bytes(FD, op_write(&as, 1, buf, 4096, 0)));
	EXPECT_EQ(-EPERM, run_bytes(FD, op_write(&as, 1, buf, 4096, 4096)));
	close(fd);
}

static volatile sig_atomic_t nr_sigxfsz;

static void count_sigxfsz(int sig)
{
	nr_sigxfsz++;
}

/* B7: the submitter's limit, in the caller and in a worker. */
static void file_size_limit(struct __test_metadata *_metadata, int port, const char *dir,
			    u32 flags)
{
	struct sigaction sa = { .sa_handler = count_sigxfsz };
	struct rlimit old, small = { 8192, RLIM_INFINITY };
	int fd = dir ? tmp_file(dir, 0) : memfd_create("limit", MFD_CLOEXEC);
	char *buf = map_anon(16384);
	struct assoc as;
	struct outcome o;
	struct stat st;
	struct iocp_op op;

	ASSERT_LE(0, fd);
	nr_sigxfsz = 0;
	sigaction(SIGXFSZ, &sa, NULL);
	ASSERT_EQ(0, getrlimit(RLIMIT_FSIZE, &old));
	small.rlim_max = old.rlim_max;
	ASSERT_EQ(0, assoc_add(port, fd, 1, &as));
	ASSERT_EQ(0, setrlimit(RLIMIT_FSIZE, &small));

	/* Below the limit. */
	op = op_write(&as, 1, buf, 4096, 0);
	op.flags = flags;
	ASSERT_EQ(4096, run_bytes(port, op));
	/* Across it: short, and final. */
	op = op_write(&as, 2, buf, 8192, 4096);
	op.flags = flags;
	ASSERT_EQ(0, run_op(port, op, &o));
	EXPECT_EQ(0, o.res);
	EXPECT_EQ(4096, o.info);
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(8192, st.st_size);
	/* Beyond it. */
	op = op_write(&as, 3, buf, 4096, 8192);
	op.flags = flags;
	ASSERT_EQ(0, run_op(port, op, &o));
	EXPECT_EQ(-EFBIG, o.res);
	EXPECT_EQ(0, o.info);
	ASSERT_EQ(0, fstat(fd, &st));
	EXPECT_EQ(8192, st.st_size);
	/* Inside it one may write as before. */
	op = op_write(&as, 4, buf, 4096, 4096);
	op.flags = flags;
	EXPECT_EQ(4096, run_bytes(port, op));

	/* Raised again: the same write goes through. */
	ASSERT_EQ(0, setrlimit(RLIMIT_FSIZE, &old));
	op = op_write(&as, 5, buf, 4096, 8192);
	op.flags = flags;
	EXPECT_EQ(4096, run_bytes(port, op));
	close(fd);
}

TEST_F(misc, RLIMIT_FSIZE)
{
	file_size_limit(_metadata, FD, NEED_ENV("IOCP_EXT4"), 0);
}

TEST_F(misc, RLIMIT_FSIZE_punted)
{
	file_size_limit(_metadata, FD, NEED_ENV("IOCP_EXT4"), IOCP_OP_F_FORCE_PUNT);
	/* A worker sends no signal. */
	EXPECT_EQ(0, nr_sigxfsz);
}

TEST_F(misc, RLIMIT_FSIZE_of_a_memfd)
{
	file_size_limit(_metadata, FD, NULL, 0);
}

/* --------------------------------------------------------------- full disk */

/* overlayfs of 6.1 forgets that a write is to append: it would be at the start. */
TEST_F(misc, append_on_overlayfs)
{
	static const u32 flags[] = { 0, IOCP_OP_F_FORCE_PUNT };
	struct statfs sf;
	struct outcome o;
	struct assoc as;
	char path[] = "/var/tmp/iocp-append-XXXXXX", buf[16];
	unsigned int i;
	int fd = mkstemp(path);		/* (not every overlayfs knows O_TMPFILE) */

	ASSERT_LE(0, fd);
	unlink(path);
	ASSERT_EQ(0, fstatfs(fd, &sf));
	if (sf.f_type != OVERLAYFS_SUPER_MAGIC)
		SKIP(return, "/var/tmp is on no overlayfs");
	ASSERT_EQ(4, write(fd, "0123", 4));
	ASSERT_EQ(0, assoc_add(FD, fd, 1, &as));
	for (i = 0; i < 4; i++) {
		struct iocp_op op = op_write(&as, 1, "abcd" + i, 1, IOCP_OFF_APPEND);

		op.flags = flags[i & 1];
		ASSERT_EQ(0, run_op(FD, op, &o));
		ASSERT_EQ(1, o.info);
	}
	ASSERT_EQ(8, pread(fd, buf, sizeof(buf), 0));
	EXPECT_EQ(0, memcmp(buf, "0123abcd", 8));
	close(fd);
}

/* OV-20: what went in before the space ran out is told beside the error. */
TEST_F(misc, ENOSPC_half_way)
{
	static const u32 flags[] = { 0, IOCP_OP_F_FORCE_PUNT };
	char dir[] = "/tmp/iocp-full-XXXXXX";
	char *buf = map_anon(1 << 20);
	struct statfs sf;
	unsigned int i;

	ASSERT_NE(NULL, mkdtemp(dir));
	if (mount("full", dir, "tmpfs", 0, "size=128k")) {
		rmdir(dir);
		SKIP(return, "cannot mount a small tmpfs: %s", strerror(errno));
	}
	/* Nobody has to clean up: it goes with its last user. */
	for (i = 0; i < 2; i++) {
		int fd = tmp_file(dir, 0);
		struct iocp_op op;
		struct outcome o;
		struct assoc as;

		/* The file before may still be on its way out. */
		ASSERT_TRUE(WAIT_FOR(!statfs(dir, &sf) && sf.f_bfree == sf.f_blocks));
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, assoc_add(FD, fd, 1, &as));
		op = op_write(&as, 1, buf, 1 << 20, 0);
		op.flags = flags[i];
		EXPECT_EQ(0, run_op(FD, op, &o));
		EXPECT_EQ(-ENOSPC, o.res);
		EXPECT_EQ(128 << 10, o.info);
		EXPECT_TRUE(o.pkt.flags & IOCP_PKT_F_PARTIAL);
		EXPECT_EQ(IOCP_RESULT_QUEUED, o.state);
		/* Nothing at all: the error alone. */
		op.off = 1 << 20;
		EXPECT_EQ(0, run_op(FD, op, &o));
		EXPECT_EQ(-ENOSPC, o.res);
		EXPECT_EQ(0, o.info);
		EXPECT_EQ(0, o.pkt.flags & IOCP_PKT_F_PARTIAL);
		EXPECT_EQ(0, assoc_del(FD, &as, 0, 0));
		close(fd);
	}
	umount2(dir, MNT_DETACH);
	rmdir(dir);
}

/* ----------------------------------------------------------- broken device */

static int put_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	int fd, ret = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* A memory-backed null_blk whose sectors 64 to 71 are bad. */
static int broken_device(char *dir, size_t dir_len)
{
	char path[256], index[16] = "";
	int fd, ret;

	snprintf(dir, dir_len, "/sys/kernel/config/nullb/iocpbad%d", getpid());
	if (mkdir(dir, 0700))
		return -errno;
	ret = put_file(dir, "size", "1");
	if (!ret)
		ret = put_file(dir, "memory_backed", "1");
	if (!ret)
		ret = put_file(dir, "badblocks", "+64-71");
	if (!ret)
		ret = put_file(dir, "power", "1");
	if (ret)
		return ret;
	/* Its name is the directory's or a number, as the kernel is new or old. */
	snprintf(path, sizeof(path), "/dev/%s", strrchr(dir, '/') + 1);
	fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	snprintf(path, sizeof(path), "%s/index", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, index, sizeof(index) - 1) <= 0)
		return -errno;
	close(fd);
	snprintf(path, sizeof(path), "/dev/nullb%d", atoi(index));
	fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

TEST_F(misc, EIO_of_the_device)
{
	static const u32 flags[] = { 0, IOCP_OP_F_FORCE_PUNT };
	char *buf = map_anon(65536);
	char dir[128];
	int fd = broken_device(dir, sizeof(dir));
	struct assoc as;
	unsigned int i;

	if (fd < 0) {
		rmdir(dir);
		SKIP(return, "cannot make a null_blk with bad blocks: %s", strerror(-fd));
	}
	ASSERT_EQ(0, assoc_add(FD, fd, 1, &as));
	for (i = 0; i < 2; i++) {
		struct iocp_op op = op_read(&as, 1, buf, 4096, 64 * 512);
		struct outcome o;

		op.flags = flags[i];
		EXPECT_EQ(0, run_op(FD, op, &o));
		EXPECT_EQ(-EIO, o.res);
		/* It was with the device: so there is a packet. */
		EXPECT_EQ(IOCP_RESULT_QUEUED, o.state);
		op.opcode = IOCP_OP_WRITE;
		EXPECT_EQ(0, run_op(FD, op, &o));
		EXPECT_EQ(-EIO, o.res);
		op.off = 0;
		EXPECT_EQ(4096, run_bytes(FD, op));
	}
	EXPECT_EQ(0, assoc_del(FD, &as, 0, 0));
	close(fd);
	put_file(dir, "power", "0");
	rmdir(dir);
}

/* ------------------------------------------------- the file changes meanwhile */

/* The file shrinks under reads and grows under them: never more than there is. */
TEST_F(misc, truncate_under_reads)
{
	const char *dir = NEED_ENV("IOCP_EXT4");
	int fd = tmp_file(dir, 0);
	char *buf = map_anon(65536);
	struct assoc as;
	unsigned int i, n = rounds(200);

	ASSERT_LE(0, fd);
	memset(buf, 'x', 65536);
	ASSERT_EQ(65536, write(fd, buf, 65536));
	ASSERT_EQ(0, assoc_add(FD, fd, 1, &as));
	for (i = 0; i < n; i++) {
		struct iocp_op op = op_read(&as, i, buf, 65536, 0);
		struct iocp_packet p;

		op.flags = i & 1 ? IOCP_OP_F_FORCE_PUNT : 0;
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		ASSERT_EQ(0, submit_queued(FD, op));
		ASSERT_EQ(0, ftruncate(fd, i * 977 % 65536));
		ASSERT_EQ(1, reap(FD, &p, 1));
		ASSERT_EQ(0, p.res);
		ASSERT_GE(65536, p.info);
		ASSERT_EQ(0, ftruncate(fd, 65536));
	}
	close(fd);
}

TEST_HARNESS_MAIN
