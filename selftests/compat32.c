// SPDX-License-Identifier: GPL-2.0-only
/*
 * compat32.c - a 32-bit program on a 64-bit kernel: the same layout, the same
 * calls, pointers and iovecs of 32 bits.  It has no libc, because a machine
 * that has a 32-bit compiler often has no 32-bit libraries; so it speaks TAP
 * itself.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/types.h>
#include <linux/unistd.h>

#include "layout_asserts.h"

/* long is 32 bits here; the device must not mind. */
_Static_assert(sizeof(long) == 4, "this is to be compiled with -m32");

static long sys(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("int $0x80" : "=a" (ret) : "a" (nr), "b" (a), "c" (b), "d" (c)
			 : "memory");
	return ret;
}

/* Six arguments: the last one goes by ebp, which the compiler keeps. */
static long map_page(unsigned long len, long prot, int fd, unsigned long off)
{
	struct {
		unsigned long addr, len, prot, flags, fd, off;
	} args = { 0, len, prot, MAP_SHARED, fd, off };

	return sys(__NR_mmap, (long)&args, 0, 0);
}

static unsigned int nr_tests, nr_failed;

void *memset(void *p, int c, size_t n)
{
	char *q = p;

	while (n--)
		*q++ = c;
	return p;
}

void *memcpy(void *to, const void *from, size_t n)
{
	char *t = to;
	const char *f = from;

	while (n--)
		*t++ = *f++;
	return to;
}

static size_t len_of(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

static void say(const char *s)
{
	sys(__NR_write, 1, (long)s, len_of(s));
}

static void say_number(long n)
{
	char buf[12], *p = buf + sizeof(buf) - 1;
	unsigned long u = n < 0 ? -n : n;

	*p = 0;
	do {
		*--p = '0' + u % 10;
		u /= 10;
	} while (u);
	if (n < 0)
		*--p = '-';
	say(p);
}

static void check(const char *name, int ok, long seen)
{
	nr_tests++;
	if (!ok) {
		nr_failed++;
		say("# saw ");
		say_number(seen);
		say("\nnot ");
	}
	say("ok ");
	say_number(nr_tests);
	say(" compat32.");
	say(name);
	say("\n");
}

static void finish(int code)
{
	for (;;)
		sys(__NR_exit_group, code, 0, 0);
}

static __u64 ptr64(const void *p)
{
	return (unsigned long)p;
}

struct iovec32 {
	__u32 base, len;
};

static int port;

static long enter(struct iocp_op *ops, __u32 nr_ops, struct iocp_result *results,
		  struct iocp_packet *packets, __u32 nr_packets)
{
	struct iocp_enter e;

	memset(&e, 0, sizeof(e));
	e.size = sizeof(e);
	e.flags = IOCP_ENTER_NO_ASSOC;
	e.ops = ptr64(ops);
	e.results = ptr64(results);
	e.nr_ops = nr_ops;
	e.op_size = sizeof(*ops);
	e.packets = ptr64(packets);
	e.nr_packets = nr_packets;
	e.packet_size = sizeof(*packets);
	e.deadline = nr_packets ? ~0ULL : 0;
	return sys(__NR_ioctl, port, IOCP_IOC_ENTER, (long)&e);
}

void test(void);

void test(void)
{
	struct iocp_query q;
	struct iocp_setup s;
	struct iocp_stats st;
	struct iocp_post post;
	struct iocp_associate as;
	struct iocp_cancel c;
	struct iocp_packet p[4];
	struct iocp_result r[2];
	struct iocp_op op;
	struct iovec32 iov[2];
	static char buf[64];
	int pipefd[2];
	long ret;

	say("TAP version 13\n");
	port = sys(__NR_open, (long)"/dev/iocp", O_RDWR, 0);
	if (port < 0) {
		say("1..0 # SKIP cannot open /dev/iocp from a 32-bit program\n");
		finish(4);
	}

	memset(&q, 0, sizeof(q));
	q.size = sizeof(q);
	ret = sys(__NR_ioctl, port, IOCP_IOC_QUERY, (long)&q);
	check("query", ret == 0 && q.size == sizeof(q) && q.ops & 1, ret);

	memset(&s, 0, sizeof(s));
	s.size = sizeof(s);
	s.concurrency = 3;
	s.ring_entries = 8;
	ret = sys(__NR_ioctl, port, IOCP_IOC_SETUP, (long)&s);
	check("setup", ret == 0 && s.ring_entries == 8 && s.ro_len, ret);

	ret = map_page(s.ro_len, PROT_READ, port, s.ro_off);
	check("map_the_ring", (unsigned long)ret < -4095UL, ret);

	memset(p, 0, sizeof(p));
	p[0].key = 0x1122334455667788ULL;
	p[0].overlapped = 0x99aabbccddeeff00ULL;
	p[0].info = ~0ULL;
	memset(&post, 0, sizeof(post));
	post.size = sizeof(post);
	post.packets = ptr64(p);
	post.nr = 1;
	post.packet_size = sizeof(p[0]);
	ret = sys(__NR_ioctl, port, IOCP_IOC_POST, (long)&post);
	check("post", ret == 1, ret);
	memset(p, 0, sizeof(p));
	ret = enter(0, 0, 0, p, 4);
	check("take", ret == 1 && p[0].key == 0x1122334455667788ULL &&
	      p[0].overlapped == 0x99aabbccddeeff00ULL && p[0].info == ~0ULL, ret);

	ret = sys(__NR_pipe, (long)pipefd, 0, 0);
	check("pipe", ret == 0, ret);
	memset(&as, 0, sizeof(as));
	as.size = sizeof(as);
	as.fd = pipefd[0];
	as.key = 0xabcdef0123456789ULL;
	ret = sys(__NR_ioctl, port, IOCP_IOC_ASSOCIATE, (long)&as);
	check("associate", ret == 0 && as.caps & IOCP_CAP_STREAM, ret);

	/* A vector of 32-bit segments, read after the call returned. */
	iov[0].base = (unsigned long)buf;
	iov[0].len = 2;
	iov[1].base = (unsigned long)buf + 32;
	iov[1].len = 8;
	memset(&op, 0, sizeof(op));
	op.opcode = IOCP_OP_READV;
	op.assoc = as.assoc;
	op.assoc_gen = as.assoc_gen;
	op.overlapped = 5;
	op.addr = ptr64(iov);
	op.len = 2;
	memset(r, 0, sizeof(r));
	ret = enter(&op, 1, r, 0, 0);
	check("submit_readv", ret == 0 && r[0].state == IOCP_RESULT_QUEUED, ret);
	sys(__NR_write, pipefd[1], (long)"abcde", 5);
	ret = enter(0, 0, 0, p, 1);
	check("readv", ret == 1 && p[0].info == 5 && p[0].res == 0 &&
	      p[0].key == 0xabcdef0123456789ULL && buf[0] == 'a' && buf[1] == 'b' &&
	      buf[2] == 0 && buf[32] == 'c' && buf[34] == 'e', ret);

	/* An address that a 32-bit program cannot mean. */
	op.opcode = IOCP_OP_READ;
	op.addr = 1ULL << 40;
	op.len = 8;
	sys(__NR_write, pipefd[1], (long)"f", 1);
	memset(r, 0, sizeof(r));
	ret = enter(&op, 1, r, 0, 0);
	if (ret == 0 && r[0].state == IOCP_RESULT_QUEUED)
		r[0].res = enter(0, 0, 0, p, 1) == 1 ? p[0].res : 0;
	check("address_above_4_gigabytes", r[0].res == -EFAULT, r[0].res);

	op.addr = ptr64(buf);
	memset(r, 0, sizeof(r));
	ret = enter(&op, 1, r, p, 1);
	check("submit_and_take", ret == 1 && p[0].info == 1 && buf[0] == 'f', ret);

	/* Waits, and is cancelled. */
	ret = enter(&op, 1, r, 0, 0);
	memset(&c, 0, sizeof(c));
	c.size = sizeof(c);
	c.flags = IOCP_CANCEL_BY_OVERLAPPED;
	c.overlapped = 5;
	ret = sys(__NR_ioctl, port, IOCP_IOC_CANCEL, (long)&c);
	/* on a slow machine it is still being tried */
	check("cancel", ret == 0 && c.nr_cancelled + c.nr_running == 1, ret);
	ret = enter(0, 0, 0, p, 1);
	check("cancelled", ret == 1 && p[0].res == -ECANCELED, ret == 1 ? p[0].res : ret);

	memset(&st, 0, sizeof(st));
	st.size = sizeof(st);
	ret = sys(__NR_ioctl, port, IOCP_IOC_STATS, (long)&st);
	check("stats", ret == 0 && st.queued == 0 && st.inflight == 0 && st.posts == 1, ret);

	say("1..");
	say_number(nr_tests);
	say("\n");
	finish(nr_failed ? 1 : 0);
}

/* The stack as the kernel leaves it is aligned for no call. */
__asm__(".globl _start\n_start:\n\txorl %ebp, %ebp\n\tandl $-16, %esp\n\tcall test\n\thlt\n");
