// SPDX-License-Identifier: GPL-2.0-only
/*
 * badio.c - devices that fail, are slow, stop or go away with operations in flight:
 * each operation ends once, with the device's error or with the right data, and
 * nothing waits for what will not come.
 *
 * Made with the device mapper on the null_blk device IOCP_NULLB (dmsetup); and of
 * IOCP_UNPLUG, a slow NVMe drive that may be pulled.
 */
#include <libgen.h>
#include <stdarg.h>
#include <sys/utsname.h>

#include "iocp_test.h"

#define NR	256
#define LEN	4096
#define SECTORS	32768			/* 16 MiB */

static __attribute__((format(printf, 1, 2))) int run(const char *format, ...)
{
	char command[512];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	return system(command);
}

/* The device "iocp-bad", with a table of one target. */
static int dm_table(const char *verb, const char *table)
{
	return run("dmsetup %s --noudevsync iocp-bad --table \"0 %d %s\" && dmsetup mknodes",
		   verb, SECTORS, table);
}

#define DEVICE "/dev/mapper/iocp-bad"

FIXTURE(dm) {
	struct port port;
	struct objects base;
	const char *disk;
	int fd;
	struct assoc as;
	char *buf;
	char table[160];
};

/* What the device holds, for whoever reads it. */
FIXTURE_SETUP(dm)
{
	int fd;

	self->fd = -1;
	self->disk = NEED_ENV("IOCP_NULLB");
	PORT_FIXTURE_SETUP(4, 64);
	self->buf = map_anon(NR * LEN);
	pattern_fill(self->buf, NR * LEN, 1, 0);
	fd = open(self->disk, O_WRONLY | O_DIRECT | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(NR * LEN, pwrite(fd, self->buf, NR * LEN, 0));
	close(fd);
	memset(self->buf, 0, NR * LEN);
	run("dmsetup version >/dev/null 2>&1 || modprobe dm-mod");
	snprintf(self->table, sizeof(self->table), "linear %s 0", self->disk);
	if (dm_table("create", self->table))
		SKIP(return, "no device mapper here (modprobe dm-mod, dmsetup)");
}

/* Whatever became of the test; the device may still be kept by who just died. */
FIXTURE_TEARDOWN_PARENT(dm)
{
	EXPECT_EQ(0, objects_settle(&self->base));
	run("dmsetup resume iocp-bad 2>/dev/null");
	run("umount -q /mnt/iocp-bad 2>/dev/null; rmdir /mnt/iocp-bad 2>/dev/null");
	EXPECT_TRUE(WAIT_FOR(run("! dmsetup info iocp-bad >/dev/null 2>&1 || "
				 "dmsetup remove --noudevsync iocp-bad 2>/dev/null") == 0));
}

#define FD	(self->port.fd)

/* From now on the device is this. */
#define BECOMES(...) do {						\
	snprintf(self->table, sizeof(self->table), __VA_ARGS__);	\
	ASSERT_EQ(0, run("dmsetup suspend --noflush iocp-bad"));	\
	ASSERT_EQ(0, dm_table("load", self->table));			\
	ASSERT_EQ(0, run("dmsetup resume --noudevsync iocp-bad"));	\
} while (0)

#define OPEN(flags) do {						\
	self->fd = open(DEVICE, O_RDWR | O_CLOEXEC | (flags));		\
	ASSERT_LE(0, self->fd);						\
	ASSERT_EQ(0, assoc_add(FD, self->fd, 1, &self->as));		\
} while (0)

/* All of the first MiB, in one batch. */
static int submit_all(int fd, const struct assoc *as, int opcode, int flags, char *buf,
		      struct iocp_result *results)
{
	static struct iocp_op ops[NR];
	unsigned int i;

	for (i = 0; i < NR; i++) {
		ops[i] = op_rw(opcode, as, i, buf + i * LEN, LEN, i * LEN);
		ops[i].flags = flags;
	}
	return submit(fd, ops, NR, results);
}

/* How they ended. */
struct tally {
	unsigned int ok, bad, cancelled;
};

/*
 * Each of those that were accepted has one packet, with the right data or an error
 * that devices have.
 */
static void reap_all(struct __test_metadata *_metadata, int fd, const char *buf,
		     const struct iocp_result *results, struct tally *t)
{
	bool seen[NR] = { false };
	struct iocp_packet p;
	unsigned int i, n = 0;

	memset(t, 0, sizeof(*t));
	for (i = 0; i < NR; i++) {
		ASSERT_NE(IOCP_RESULT_DONE, results[i].state);
		if (results[i].state == IOCP_RESULT_QUEUED) {
			n++;
			continue;
		}
		EXPECT_TRUE(results[i].res == -EIO || results[i].res == -ENODEV ||
			    results[i].res == -ENXIO);
		t->bad++;
	}
	while (n--) {
		ASSERT_EQ(1, reap(fd, &p, 1));
		ASSERT_GT(NR, p.overlapped);
		ASSERT_FALSE(seen[p.overlapped]);
		seen[p.overlapped] = true;
		if (p.res == -ECANCELED) {
			t->cancelled++;
		} else if (p.res < 0) {
			EXPECT_TRUE(p.res == -EIO || p.res == -ENODEV || p.res == -ENXIO) {
				TH_LOG("%llu ended with %d", p.overlapped, p.res);
			}
			t->bad++;
		} else {
			EXPECT_EQ(LEN, p.info);
			EXPECT_EQ(-1, pattern_check(buf + p.overlapped * LEN, LEN, 1,
						    p.overlapped * LEN));
			t->ok++;
		}
	}
	EXPECT_EQ(-ETIME, reap_none(fd));
}

static const int opens[] = { O_DIRECT, 0 };
static const int ways[] = { 0, IOCP_OP_F_FORCE_PUNT };

TEST_F(dm, all_is_well)
{
	struct iocp_result results[NR];
	struct tally t;

	OPEN(O_DIRECT);
	ASSERT_EQ(NR, submit_all(FD, &self->as, IOCP_OP_READ, 0, self->buf, results));
	reap_all(_metadata, FD, self->buf, results, &t);
	EXPECT_EQ(NR, t.ok);
}

TEST_F(dm, every_access_fails)
{
	struct iocp_result results[NR];
	unsigned int i, j;
	struct outcome o;
	struct tally t;

	BECOMES("error");
	for (i = 0; i < 2; i++) {
		OPEN(opens[i]);
		for (j = 0; j < 2; j++) {
			ASSERT_EQ(NR, submit_all(FD, &self->as, IOCP_OP_READ, ways[j], self->buf,
						 results));
			reap_all(_metadata, FD, self->buf, results, &t);
			EXPECT_EQ(NR, t.bad);
		}
		ASSERT_EQ(0, run_op(FD, op_write(&self->as, 1, self->buf, LEN, 0), &o));
		/* What is in the page cache is found out about later. */
		EXPECT_EQ(opens[i] ? -EIO : 0, o.res);
		/* Without a cache of its own the device is not asked. */
		ASSERT_EQ(0, run_op(FD, op_fsync(&self->as, 2, 0), &o));
		EXPECT_TRUE(o.res == -EIO || (opens[i] && !o.res));
		EXPECT_EQ(0, assoc_del(FD, &self->as, 0, 0));
		close(self->fd);
	}
}

/* Fails for one second out of two. */
TEST_F_TIMEOUT(dm, fails_now_and_then, 90)
{
	unsigned int ok = 0, bad = 0;
	struct iocp_result results[NR];
	struct tally t;
	u64 end;

	run("modprobe -q dm-flakey");
	BECOMES("flakey %s 0 1 1", self->disk);
	OPEN(O_DIRECT);
	for (end = in_ms(60000); now_ns() < end && (ok < NR || bad < NR);) {
		memset(self->buf, 0, NR * LEN);
		ASSERT_EQ(NR, submit_all(FD, &self->as, IOCP_OP_READ, 0, self->buf, results));
		reap_all(_metadata, FD, self->buf, results, &t);
		ok += t.ok;
		bad += t.bad;
	}
	printf("# %u read, %u failed\n", ok, bad);
	fflush(stdout);
	EXPECT_LE(NR, ok);
	EXPECT_LE(NR, bad);
}

/* In flight for 1500 ms: to be cancelled, waited for, or left by who dies. */
TEST_F(dm, is_slow)
{
	struct iocp_cancel c = { .flags = IOCP_CANCEL_ALL_MINE };
	struct iocp_result results[NR];
	struct tally t;
	u64 start;
	pid_t pid;

	run("modprobe -q dm-delay");
	BECOMES("delay %s 0 1500", self->disk);
	OPEN(O_DIRECT);
	start = now_ns();
	ASSERT_EQ(NR, submit_all(FD, &self->as, IOCP_OP_READ, 0, self->buf, results));
	if (now_ns() - start < 500 * NSEC_PER_MSEC) {
		ASSERT_EQ(0, cancel(FD, &c));
		EXPECT_EQ(NR, c.nr_unstoppable + c.nr_cancelled + c.nr_running);
	}
	reap_all(_metadata, FD, self->buf, results, &t);
	EXPECT_EQ(0, t.bad);
	EXPECT_EQ(NR, t.ok + t.cancelled);
	/* none is done before its time, unless it was cancelled */
	EXPECT_TRUE(!t.ok || now_ns() - start >= 1400 * NSEC_PER_MSEC);

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct assoc as;

		if (assoc_add(FD, self->fd, 1, &as) ||
		    submit_all(FD, &as, IOCP_OP_READ, 0, self->buf, results) != NR)
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_TRUE(WAIT_FOR(STAT(FD, assocs) == 1));
}

/* Answers nothing until it goes on: a submit does not wait for it. */
TEST_F(dm, stands_still)
{
	struct iocp_result results[NR];
	unsigned int i;
	struct tally t;

	for (i = 0; i < 2; i++) {
		OPEN(O_DIRECT);
		ASSERT_EQ(0, run("dmsetup suspend --noflush iocp-bad"));
		ASSERT_EQ(NR, submit_all(FD, &self->as, IOCP_OP_READ, ways[i], self->buf,
					 results));
		EXPECT_EQ(-ETIME, reap_none(FD));
		ASSERT_EQ(0, run("dmsetup resume --noudevsync iocp-bad"));
		reap_all(_metadata, FD, self->buf, results, &t);
		EXPECT_EQ(NR, t.ok);
		memset(self->buf, 0, NR * LEN);
		EXPECT_EQ(0, assoc_del(FD, &self->as, 0, 0));
		close(self->fd);
	}
}

/* A small ext4 on it. */
#define MOUNT() do {							\
	ASSERT_EQ(0, run("mkfs.ext4 -q -F -E nodiscard " DEVICE " && mkdir -p /mnt/iocp-bad && " \
			 "mount -t ext4 -o noinit_itable " DEVICE " /mnt/iocp-bad")); \
} while (0)

/* The device fails under a file system that is in use. */
TEST_F(dm, fails_under_a_file)
{
	struct iocp_result results[NR];
	unsigned int i, j;
	struct outcome o;
	struct tally t;

	MOUNT();
	pattern_fill(self->buf, NR * LEN, 1, 0);
	for (i = 0; i < 2; i++) {
		self->fd = tmp_file("/mnt/iocp-bad", opens[i]);
		ASSERT_LE(0, self->fd);
		ASSERT_EQ(NR * LEN, pwrite(self->fd, self->buf, NR * LEN, 0));
		ASSERT_EQ(0, fsync(self->fd));
		posix_fadvise(self->fd, 0, 0, POSIX_FADV_DONTNEED);
		ASSERT_EQ(0, assoc_add(FD, self->fd, 1, &self->as));
		BECOMES("error");
		for (j = 0; j < 2; j++) {
			ASSERT_EQ(NR, submit_all(FD, &self->as, IOCP_OP_READ, ways[j], self->buf,
						 results));
			reap_all(_metadata, FD, self->buf, results, &t);
			EXPECT_EQ(NR, t.bad);
		}
		/* (buffered, it may be taken into memory, or the file system is read-only) */
		ASSERT_EQ(0, run_op(FD, op_write(&self->as, 1, self->buf, LEN, 0), &o));
		EXPECT_TRUE(o.res == -EIO || o.res == -EROFS || (!opens[i] && !o.res));
		ASSERT_EQ(0, run_op(FD, op_fsync(&self->as, 2, 0), &o));
		EXPECT_TRUE(o.res == -EIO || o.res == -EROFS);
		EXPECT_EQ(0, assoc_del(FD, &self->as, 0, 0));
		close(self->fd);
		self->fd = -1;
		ASSERT_EQ(0, run("umount /mnt/iocp-bad"));
		BECOMES("linear %s 0", self->disk);
		if (!i)
			MOUNT();
	}
}

/* Many writes at once into what is left of a file system. */
TEST_F(dm, is_full)
{
	struct iocp_result results[NR];
	unsigned int i, j, ok = 0, full = 0, k;
	struct iocp_packet p;

	MOUNT();
	ASSERT_EQ(0, run("dd if=/dev/zero of=/mnt/iocp-bad/rest bs=64k count=170 2>/dev/null; "
			 "sync -f /mnt/iocp-bad"));
	for (i = 0; i < 2; i++) {
		self->fd = tmp_file("/mnt/iocp-bad", opens[i]);
		ASSERT_LE(0, self->fd);
		ASSERT_EQ(0, assoc_add(FD, self->fd, 1, &self->as));
		for (j = 0; j < 8; j++) {
			static struct iocp_op ops[NR];

			for (k = 0; k < NR; k++) {
				ops[k] = op_write(&self->as, k, self->buf + k * LEN, LEN,
						  (j * NR + k) * LEN);
				ops[k].flags = ways[j & 1];
			}
			ASSERT_EQ(NR, submit(FD, ops, NR, results));
			for (k = 0; k < NR; k++) {
				int res = results[k].res;

				if (results[k].state == IOCP_RESULT_QUEUED) {
					ASSERT_EQ(1, reap(FD, &p, 1));
					res = p.res;
				}
				EXPECT_TRUE(!res || res == -ENOSPC);
				ok += !res;
				full += res == -ENOSPC;
			}
		}
		EXPECT_EQ(-ETIME, reap_none(FD));
		EXPECT_EQ(0, assoc_del(FD, &self->as, 0, 0));
		close(self->fd);
		self->fd = -1;
	}
	printf("# %u written, %u without space\n", ok, full);
	fflush(stdout);
	EXPECT_LT(0, ok);
	EXPECT_LT(0, full);
}

/* ------------------------------------------------------------------ pulled out */

FIXTURE(drive) {
	struct port port;
	struct objects base;
	int fd;
	struct assoc as;
	char *buf;
};

FIXTURE_SETUP(drive)
{
	const char *drive = NEED_ENV("IOCP_UNPLUG");

	PORT_FIXTURE_SETUP(4, 64);
	self->buf = map_anon(NR * LEN);
	pattern_fill(self->buf, NR * LEN, 1, 0);
	self->fd = open(drive, O_RDWR | O_DIRECT | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(NR * LEN, pwrite(self->fd, self->buf, NR * LEN, 0));
	memset(self->buf, 0, NR * LEN);
	ASSERT_EQ(0, assoc_add(FD, self->fd, 1, &self->as));
}

/* For whoever wants to pull it next. */
FIXTURE_TEARDOWN_PARENT(drive)
{
	const char *drive = getenv("IOCP_UNPLUG");

	EXPECT_EQ(0, objects_settle(&self->base));
	run("for d in /sys/bus/pci/devices/*; do case $(cat $d/class) in 0x010802) "
	    "test -e $d/nvme || echo 1 >$d/remove;; esac; done; echo 1 >/sys/bus/pci/rescan");
	EXPECT_TRUE(!drive || WAIT_FOR(!access(drive, F_OK)));
}

/* As slow as it is, nearly all of them are with it when it goes. */
#define BEGIN() do {							\
	ASSERT_EQ(NR, submit_all(FD, &self->as, IOCP_OP_READ, 0, self->buf, results)); \
	snprintf(path, sizeof(path), "%s", getenv("IOCP_UNPLUG"));	\
	snprintf(device, sizeof(device), "/sys/block/%s/device", basename(path)); \
} while (0)

/* And it stays away for who has it open. */
#define END() do {							\
	struct outcome o;						\
									\
	reap_all(_metadata, FD, self->buf, results, &t);		\
	printf("# %u read, %u failed\n", t.ok, t.bad);			\
	fflush(stdout);							\
	EXPECT_EQ(NR, t.ok + t.bad);					\
	ASSERT_EQ(0, run_op(FD, op_read(&self->as, 1, self->buf, LEN, 0), &o)); \
	EXPECT_TRUE(o.res == -EIO || o.res == -ENODEV || o.res == -ENXIO || \
		    (!o.res && !o.info));				\
	EXPECT_EQ(0, assoc_del(FD, &self->as, IOCP_DISASSOC_CANCEL, 0)); \
	close(self->fd);						\
	port_close(&self->port);					\
} while (0)

/* In good order: the driver may wait for what is in flight. */
TEST_F_TIMEOUT(drive, is_removed_with_256_in_flight, 90)
{
	struct iocp_result results[NR];
	char path[64], device[128];
	struct utsname name;
	struct tally t;

	/* The emulated drive forgets some commands there, and time-outs take minutes. */
	if (!uname(&name) && !strncmp(name.release, "6.1.", 4))
		SKIP(return, "the drive and the driver of this kernel lose each other");
	BEGIN();
	ASSERT_EQ(0, run("echo 1 >%s/device/remove", device));
	END();
}

/* With its command register at 0 it does not answer any more; reading it gives ones. */
#define GO_DEAD() do {							\
	char config[160];						\
	int config_fd;							\
									\
	snprintf(config, sizeof(config), "%s/device/config", device);	\
	config_fd = open(config, O_RDWR | O_CLOEXEC);			\
	ASSERT_EQ(2, pwrite(config_fd, "\0\0", 2, 4));			\
	close(config_fd);						\
} while (0)

/* It comes back in time, and the driver asks it once more for what it was doing. */
TEST_F_TIMEOUT(drive, is_reset_with_256_in_flight, 90)
{
	struct iocp_result results[NR];
	char path[64], device[128];
	struct tally t;

	BEGIN();
	GO_DEAD();
	ASSERT_EQ(0, run("echo 1 >%s/reset_controller", device));
	reap_all(_metadata, FD, self->buf, results, &t);
	printf("# %u read, %u failed\n", t.ok, t.bad);
	fflush(stdout);
	EXPECT_EQ(NR, t.ok + t.bad);
	EXPECT_LT(0, t.ok);
	close(self->fd);
	port_close(&self->port);
}

TEST_HARNESS_MAIN
