// SPDX-License-Identifier: GPL-2.0-only
/*
 * rights.c - an operation may do what its submitter could have done by read(2) or
 * write(2) at that moment, and no more: also when a kernel thread does it later.
 */
#include <grp.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>

#include "iocp_test.h"

PORT_FIXTURE(rights, 4, 16)

#define FD	(self->port.fd)

/* A user and a group that own nothing. */
#define SOMEBODY 31337

#define IN_CHILD(...) do {						\
	int status_;							\
	pid_t pid_ = fork();						\
									\
	ASSERT_LE(0, pid_);						\
	if (!pid_) {							\
		__VA_ARGS__;						\
		_exit(0);						\
	}								\
	ASSERT_EQ(pid_, waitpid(pid_, &status_, 0));			\
	EXPECT_EQ(0, status_);						\
} while (0)

#define BECOME_SOMEBODY() do {						\
	CHECK(!setgroups(0, NULL));					\
	CHECK(!setresgid(SOMEBODY, SOMEBODY, SOMEBODY));		\
	CHECK(!setresuid(SOMEBODY, SOMEBODY, SOMEBODY));		\
} while (0)

/* ------------------------------------------------------------- the device */

/* Who is in its group may open it, by packaging/60-iocp.rules; others are told why not. */
TEST_F(rights, group_of_the_device)
{
	struct stat st;

	ASSERT_EQ(0, stat("/dev/iocp", &st));
	ASSERT_EQ(0, chown("/dev/iocp", 0, SOMEBODY + 1));
	ASSERT_EQ(0, chmod("/dev/iocp", 0660));
	IN_CHILD({
		gid_t group = SOMEBODY + 1;

		CHECK(!setgroups(1, &group));
		CHECK(!setresgid(SOMEBODY, SOMEBODY, SOMEBODY));
		CHECK(!setresuid(SOMEBODY, SOMEBODY, SOMEBODY));
		CHECK(port_open() >= 0);
	});
	IN_CHILD({
		BECOME_SOMEBODY();
		CHECK(port_open() == -EACCES);
	});
	EXPECT_EQ(0, chown("/dev/iocp", st.st_uid, st.st_gid));
	EXPECT_EQ(0, chmod("/dev/iocp", st.st_mode & 0777));
}

/* A port that was given to somebody works for him, with his own files. */
TEST_F(rights, fd_in_a_user_namespace)
{
	IN_CHILD({
		int file = memfd_create("own", MFD_CLOEXEC);
		struct iocp_packet p;
		struct assoc as;
		char c;

		BECOME_SOMEBODY();
		CHECK(!unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS));
		/* Not even as root of his own. */
		CHECK(port_open() == -EACCES);
		CHECK(pwrite(file, "o", 1, 0) == 1);
		CHECK(!assoc_add(FD, file, 1, &as));
		CHECK(run_bytes(FD, op_read(&as, 1, &c, 1, 0)) == 1 && c == 'o');
		CHECK(post(FD, 2) == 1 && reap(FD, &p, 1) == 1 && p.key == 2);
	});
}

/* Seccomp sees ioctl and its number, and nothing of the operations inside. */
TEST_F(rights, seccomp)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IOCP_IOC_ENTER, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_GET_SECCOMP))
		SKIP(return, "no seccomp: %s", strerror(errno));
	IN_CHILD({
		struct iocp_packet p;

		CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
		CHECK(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
		CHECK(post(FD, 1) == 1);
		CHECK(reap_until(FD, &p, 1, 0) == -EPERM);
	});
}

/* ------------------------------------------------------------- credentials */

/*
 * Writing to a set-user-ID file takes that bit away, unless the writer may keep
 * it (CAP_FSETID): a way to see as whom a write is done.
 */
static int suid_file(const char *dir, char *name, size_t len)
{
	int fd;

	snprintf(name, len, "%s/suid-XXXXXX", dir);
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0 && (ftruncate(fd, 4096) || fchmod(fd, 04777)))
		return -errno;
	return fd;
}

static bool has_suid(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && st.st_mode & 04000;
}

static const u32 ways[] = { 0, IOCP_OP_F_FORCE_PUNT };

TEST_F(rights, written_as_the_submitter)
{
	const char *dir = NEED_ENV("IOCP_EXT4");
	char name[128];
	unsigned int i;
	int fd;

	for (i = 0; i < 2; i++) {
		fd = suid_file(dir, name, sizeof(name));
		ASSERT_LE(0, fd);
		IN_CHILD({
			struct iocp_op op;
			struct assoc as;

			CHECK(!assoc_add(FD, fd, 1, &as));
			op = op_write(&as, 1, "root", 4, 0);
			op.flags = ways[i];
			CHECK(run_bytes(FD, op) == 4);
		});
		EXPECT_TRUE(has_suid(fd));
		IN_CHILD({
			struct iocp_op op;
			struct assoc as;

			BECOME_SOMEBODY();
			CHECK(!assoc_add(FD, fd, 1, &as));
			op = op_write(&as, 1, "user", 4, 0);
			op.flags = ways[i];
			CHECK(run_bytes(FD, op) == 4);
		});
		EXPECT_FALSE(has_suid(fd));
		close(fd);
		unlink(name);
	}
}

/* However that test ends, nobody may find the file system frozen. */
FIXTURE(held) {
	struct port port;
	struct objects base;
};

FIXTURE_SETUP(held)
{
	PORT_FIXTURE_SETUP(4, 16);
}

FIXTURE_TEARDOWN_PARENT(held)
{
	const char *where = getenv("IOCP_EXT4");
	int dir = where ? open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	ioctl(dir, FITHAW, 0);
	close(dir);
}

/* Submitted as root, done when the process is root no more: it was root's write. */
TEST_F(held, written_as_who_submitted_it_then)
{
	const char *where = NEED_ENV("IOCP_EXT4");
	int dir = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[128], c;
	int fd = suid_file(where, name, sizeof(name));
	int pfd[2], status;
	pid_t pid;

	ASSERT_LE(0, fd);
	ASSERT_LE(0, dir);
	ASSERT_EQ(0, pipe2(pfd, O_CLOEXEC));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct iocp_packet p;
		struct assoc as;

		CHECK(!assoc_add(FD, fd, 1, &as));
		CHECK(!ioctl(dir, FIFREEZE, 0));
		CHECK(!submit_queued(FD, op_write(&as, 1, "root", 4, 0)));
		BECOME_SOMEBODY();
		CHECK(reap_none(FD) == -ETIME);
		CHECK(write(pfd[1], "s", 1) == 1);
		CHECK(reap(FD, &p, 1) == 1 && !p.res && p.info == 4);
		_exit(0);
	}
	ASSERT_EQ(1, read(pfd[0], &c, 1));
	EXPECT_EQ(0, ioctl(dir, FITHAW, 0));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(has_suid(fd));
	close(fd);
	close(dir);
	unlink(name);
	PORT_FIXTURE_TEARDOWN();
}

/* -------------------------------------------------------------- who is asked */

struct guard {
	pthread_t thread;
	int fan;
	unsigned int asked;
};

/* Says no to everything; its own end is a write to the file that it watches. */
static void *deny(void *arg)
{
	struct guard *g = arg;
	struct fanotify_event_metadata ev;

	while (read(g->fan, &ev, sizeof(ev)) >= (ssize_t)sizeof(ev)) {
		struct fanotify_response r = { .fd = ev.fd, .response = FAN_DENY };

		if (ev.mask & FAN_CLOSE_WRITE) {
			close(ev.fd);
			break;
		}
		g->asked++;
		if (write(g->fan, &r, sizeof(r)) < 0)
			break;
		close(ev.fd);
	}
	return NULL;
}

/* The same gate as security modules have: who says no is obeyed, on every way. */
TEST_F(rights, a_listener_that_says_no)
{
	const char *dir = NEED_ENV("IOCP_EXT4");
	char name[128], buf[16];
	struct guard g = { .fan = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDWR) };
	struct assoc as;
	struct outcome o;
	unsigned int i;
	int fd, other;

	if (g.fan < 0)
		SKIP(return, "no fanotify: %s", strerror(errno));
	fd = suid_file(dir, name, sizeof(name));
	ASSERT_LE(0, fd);
	close(fd);
	if (fanotify_mark(g.fan, FAN_MARK_ADD, FAN_ACCESS_PERM | FAN_CLOSE_WRITE, AT_FDCWD, name))
		SKIP(return, "no permission events: %s", strerror(errno));
	/* Newer kernels do not ask about a file that was open before somebody listened. */
	fd = open(name, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, assoc_add(FD, fd, 1, &as));
	ASSERT_EQ(0, pthread_create(&g.thread, NULL, deny, &g));
	for (i = 0; i < 2; i++) {
		struct iocp_op op = op_read(&as, 1, buf, sizeof(buf), 0);

		op.flags = ways[i];
		ASSERT_EQ(0, run_op(FD, op, &o));
		EXPECT_EQ(-EPERM, o.res);
		EXPECT_LT(i, g.asked);
	}
	other = open(name, O_WRONLY | O_CLOEXEC);
	close(other);
	pthread_join(g.thread, NULL);
	close(g.fan);
	EXPECT_EQ(sizeof(buf), run_bytes(FD, op_read(&as, 1, buf, sizeof(buf), 0)));
	EXPECT_EQ(0, assoc_del(FD, &as, 0, 0));
	close(fd);
	unlink(name);
}

/* Who watches the file hears of reads and writes. */
TEST_F(rights, a_listener_that_looks_on)
{
	const char *dir = NEED_ENV("IOCP_EXT4");
	int ino = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	char name[128], buf[16];
	struct inotify_event ev;
	struct assoc as;
	unsigned int i;
	int fd;

	ASSERT_LE(0, ino);
	fd = suid_file(dir, name, sizeof(name));
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, assoc_add(FD, fd, 1, &as));
	ASSERT_LE(0, inotify_add_watch(ino, name, IN_ACCESS | IN_MODIFY));
	for (i = 0; i < 2; i++) {
		struct iocp_op op = op_write(&as, 1, "words", 5, 0);

		op.flags = ways[i];
		EXPECT_EQ(5, run_bytes(FD, op));
		EXPECT_TRUE(WAIT_FOR(read(ino, &ev, sizeof(ev)) == sizeof(ev)));
		EXPECT_EQ(IN_MODIFY, ev.mask);
		op = op_read(&as, 1, buf, 5, 0);
		op.flags = ways[i];
		EXPECT_EQ(5, run_bytes(FD, op));
		EXPECT_TRUE(WAIT_FOR(read(ino, &ev, sizeof(ev)) == sizeof(ev)));
		EXPECT_EQ(IN_ACCESS, ev.mask);
	}
	EXPECT_EQ(0, assoc_del(FD, &as, 0, 0));
	close(fd);
	close(ino);
	unlink(name);
}

TEST_HARNESS_MAIN
