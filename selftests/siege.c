// SPDX-License-Identifier: GPL-2.0-only
/*
 * siege.c - a hundred processes of one user try to have more than they may, all
 * kinds of it at once.  The limits of the user hold, memory stays below its sum,
 * another user's port goes on, and when the processes are gone so is everything.
 */
#include <grp.h>

#include "iocp_test.h"

#define PARAMS	"/sys/module/iocp/parameters/"
#define CGROUP	"/sys/fs/cgroup/iocp-siege"
#define BESIEGERS 100
#define SOMEBODY 31338

/* What they may have, together. */
#define MAX_PORTS	60
#define MAX_ASSOCS	400
#define MAX_MEMORY	8		/* MiB */

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static const struct {
	const char *name, *siege, *usual;
} limits[] = {
	{ PARAMS "max_ports", "60", "1024" },
	{ PARAMS "max_ops", "3000", "131072" },
	{ PARAMS "max_assocs", "400", "131072" },
	{ PARAMS "max_memory", "8", "256" },
};

FIXTURE(siege) {
	struct port port;
	struct objects base;
};

FIXTURE_SETUP(siege)
{
	PORT_FIXTURE_SETUP(4, 16);
}

/* By the parent, whatever happened: the limits are the others' too. */
FIXTURE_TEARDOWN_PARENT(siege)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		put(limits[i].name, limits[i].usual);
	chmod("/dev/iocp", 0660);
	rmdir(CGROUP);
}

/* Whatever a process can ask for, over and over, in no good order. */
static void besiege(unsigned int seed)
{
	static char buf[64][8];
	static struct iovec iov[1024];
	struct port p[40];
	struct assoc as[40];
	unsigned int i, nr = 0;
	int pfd[2], file = memfd_create("siege", MFD_CLOEXEC);

	for (i = 0; i < 1024; i++)
		iov[i] = (struct iovec){ buf[i % 64], 1 };
	if (pipe(pfd) || file < 0)
		_exit(1);
	for (;;) {
		struct port *one = &p[nr];

		seed = seed * 1103515245 + 12345;
		if (nr < 40 && seed & 0x10000) {
			memset(one, 0, sizeof(*one));
			one->setup.max_inflight = seed >> 17 & 2047;
			one->setup.ring_entries = seed & 0x20000 ? 1 << (seed >> 18 & 15) : 0;
			if (one->setup.ring_entries)
				one->setup.features = IOCP_FEATURE_RING;
			if (!port_create(one)) {
				if (!assoc_add(one->fd, seed & 0x40000 ? pfd[0] : file, nr,
					       &as[nr]))
					nr++;
				else
					port_close(one);
			} else if (one->fd >= 0) {
				close(one->fd);
			}
		}
		for (i = 0; i < nr; i++) {
			struct iocp_op op = op_read(&as[i], 1, buf[i], 8, 0);

			post_range(p[i].fd, 0, 200);
			submit_queued(p[i].fd, op);
			op.opcode = IOCP_OP_READV;
			op.addr = addr(iov);
			op.len = 1024;
			op.flags = seed & 0x80000 ? IOCP_OP_F_FORCE_PUNT : 0;
			submit_queued(p[i].fd, op);
			if (!(seed >> 20 & 15)) {
				assoc_del(p[i].fd, &as[i], IOCP_DISASSOC_NOTIFY_LAST, 1);
				assoc_add(p[i].fd, pfd[0], 1, &as[i]);
			}
		}
		if (nr && !(seed >> 24 & 7)) {
			port_close(&p[0]);
			p[0] = p[--nr];
			as[0] = as[nr];
		}
	}
}

/* Round trips of somebody else, who is not concerned. */
static void still_served(struct __test_metadata *_metadata, int fd)
{
	struct iocp_packet pkt;

	ASSERT_EQ(1, post(fd, 7));
	ASSERT_EQ(1, reap(fd, &pkt, 1));
	ASSERT_EQ(7, pkt.key);
}

TEST_F_TIMEOUT(siege, a_hundred_processes, 120)
{
	static pid_t pids[BESIEGERS];
	unsigned int i, looks = 0;
	struct objects most = { 0 }, now;
	bool cgroup;
	u64 end;

	for (i = 0; i < 4; i++)
		if (put(limits[i].name, limits[i].siege))
			SKIP(return, "not root: cannot set limits");
	ASSERT_EQ(0, chmod("/dev/iocp", 0666));
	/* The machine is to survive also what the limits do not cover: files, stacks. */
	put("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	mkdir(CGROUP, 0755);
	cgroup = !put(CGROUP "/memory.max", "402653184");
	for (i = 0; i < BESIEGERS; i++) {
		pids[i] = fork();
		ASSERT_LE(0, pids[i]);
		if (pids[i])
			continue;
		/* this test is to have its turns meanwhile */
		setpriority(PRIO_PROCESS, 0, 19);
		if (cgroup)
			put(CGROUP "/cgroup.procs", "0");
		if (setgroups(0, NULL) || setresgid(SOMEBODY, SOMEBODY, SOMEBODY) ||
		    setresuid(SOMEBODY, SOMEBODY, SOMEBODY))
			_exit(1);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		besiege(i + 1);
	}
	/* For a while; on a slow machine, until it is a siege. */
	end = in_ms(rounds(5000));
	for (; now_ns() < end ||
	       (now_ns() < end + 60000 * NSEC_PER_MSEC &&
		(most.ports <= MAX_PORTS / 2 || most.posted <= 1000)); looks++) {
		ASSERT_EQ(0, objects_read(&now));
		most.ports = now.ports > most.ports ? now.ports : most.ports;
		most.assocs = now.assocs > most.assocs ? now.assocs : most.assocs;
		most.requests = now.requests > most.requests ? now.requests : most.requests;
		most.posted = now.posted > most.posted ? now.posted : most.posted;
		still_served(_metadata, self->port.fd);
		usleep(1000);
	}
	printf("# most: %ld ports, %ld associations, %ld requests, %ld packets, in %u looks\n",
	       most.ports, most.assocs, most.requests, most.posted, looks);
	fflush(stdout);
	for (i = 0; i < BESIEGERS; i++)
		kill(pids[i], SIGKILL);
	for (i = 0; i < BESIEGERS; i++)
		waitpid(pids[i], NULL, 0);
	/*
	 * Counted a little before and a little after the objects: dying ports still have
	 * theirs.  A packet has 32 bytes and more, a request 256 and more.
	 */
	EXPECT_LT(MAX_PORTS / 2, most.ports);
	EXPECT_GE(MAX_PORTS + BESIEGERS, most.ports - self->base.ports);
	EXPECT_GE(MAX_ASSOCS + BESIEGERS, most.assocs - self->base.assocs);
	EXPECT_GE((MAX_MEMORY << 20) / 256 + BESIEGERS, most.requests - self->base.requests);
	EXPECT_GE((MAX_MEMORY << 20) / 32 + BESIEGERS, most.posted - self->base.posted);
	EXPECT_LT(1000, most.posted);
	still_served(_metadata, self->port.fd);
	port_close(&self->port);
	EXPECT_EQ(0, objects_settle(&self->base));
}

TEST_HARNESS_MAIN
