/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note OR MIT */
/*
 * iocp - I/O completion ports: what programs and the iocp module say to each
 * other.  This file is the only definition of it; docs/abi.md explains it call
 * by call.
 *
 * Every open of /dev/iocp is one completion port.  All calls are ioctls on its
 * file descriptor.  Rules that hold for all of them:
 *
 * - The argument structure starts with its own size.  A shorter one than the
 *   first published layout is EINVAL, a longer one is accepted as long as what
 *   the kernel does not know is zero (else E2BIG).
 * - A flag that is not listed here, or a reserved field that is not zero, is
 *   EINVAL.  An unknown operation is EOPNOTSUPP.  An unknown call is ENOTTY.
 *   Before SETUP every call but QUERY and SETUP is EBADFD.
 * - Pointers are 64-bit integers, there are no holes, and 32-bit programs use
 *   the same layout.
 * - Times are absolute, in nanoseconds of CLOCK_MONOTONIC (of the host: inside
 *   a time namespace the offset is not applied).
 * - A call that fails has changed nothing.
 */
#ifndef _UAPI_LINUX_IOCP_H
#define _UAPI_LINUX_IOCP_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * Operations (struct iocp_op.opcode) and the fields that each one reads.  A
 * field that is not named for an operation must be zero; op "flags" and
 * "overlapped" are open to all of them.
 *
 *  opcode   assoc     op_flags          addr      len      off            aux  aux2
 *  NOP      optional  -                 -         -        -              -    key (1)
 *  READ     yes       RWF_*             buffer    bytes    file offset    -    -
 *  WRITE    yes       RWF_*             buffer    bytes    offset (2)     -    -
 *  READV    yes       RWF_*             iovec[]   count    file offset    -    -
 *  WRITEV   yes       RWF_*             iovec[]   count    offset (2)     -    -
 *  FSYNC    yes       IOCP_FSYNC_*      -         -        -              -    -
 *  POST     none (3)  the packet's res  info      -        -              -    key
 *  WAIT     none (3)  EPOLL*, CONSUME   -         deadline -              fd   key (1)
 *  TIMER    none (3)  IOCP_TIMER_*      due time  -        slack          -    key (1)
 *
 * (1) with IOCP_OP_F_KEY_IN_AUX2, without an association
 * (2) IOCP_OFF_APPEND appends at the end of the file
 * (3) assoc must be IOCP_NO_ASSOC
 *
 * Streams (pipes, sockets, terminals, eventfds: what can be polled) ignore the
 * offset.  Of the RWF_ flags RWF_DSYNC, RWF_SYNC, RWF_APPEND and RWF_NOWAIT
 * are known; others are EOPNOTSUPP.  RWF_NOWAIT is the only way to see EAGAIN
 * as the result of an operation.
 */
enum iocp_opcode {
	IOCP_OP_NOP	= 0,
	IOCP_OP_READ	= 1,
	IOCP_OP_WRITE	= 2,
	IOCP_OP_READV	= 3,
	IOCP_OP_WRITEV	= 4,
	IOCP_OP_FSYNC	= 5,
	IOCP_OP_POST	= 6,
	IOCP_OP_WAIT	= 7,
	IOCP_OP_TIMER	= 8,
	/* reserved: 16-20 block devices, 32-38 sockets */
};

#define IOCP_NO_ASSOC		0xffffffffU
#define IOCP_MAX_BATCH		4096U	/* operations, or packets, in one call */
#define IOCP_OFF_APPEND		0xffffffffffffffffULL

/* struct iocp_op.op_flags of FSYNC */
#define IOCP_FSYNC_DATASYNC	(1U << 0)	/* fdatasync(2) instead of fsync(2) */

/*
 * WAIT: one packet when the file that fd names is ready for one of the events:
 * at once if it is already.  The events are those of epoll(7), EPOLLIN if none is
 * given; EPOLLERR and EPOLLHUP always count.  The packet's info are the events
 * that were found.  The operation keeps the file open.
 *
 * CONSUME, for eventfds: when it is ready 8 bytes are read from it, without
 * blocking, and info is their value.  If somebody else was faster the wait goes
 * on: of two waits for a semaphore that is released once, one ends.
 *
 * deadline (0 or all ones: none): then res is -ETIME.  Refused with EBADF;
 * EOPNOTSUPP the file cannot be polled, is a signalfd (which is ready for its
 * reader, not for the kernel), or CONSUME and no eventfd; ELOOP this very port.
 */
#define IOCP_WAIT_EVENTS	0x27dfU		/* EPOLL* that may be given */
#define IOCP_WAIT_CONSUME	(1U << 16)

/*
 * TIMER: one packet at the due time or up to slack nanoseconds later, as it suits
 * the machine, and never earlier.  At once if that time has passed.  A time beyond
 * 2^63 - 1 ns never comes.
 */
#define IOCP_TIMER_REALTIME	(1U << 0)	/* of CLOCK_REALTIME; follows when that is set */

/*
 * struct iocp_op.flags, the same for every operation.
 *
 * INLINE_OK: the operation may answer IOCP_RESULT_DONE, with no packet, if it
 *	succeeded before the call returned.  (The association's mode
 *	IOCP_MODE_SKIP_ON_SUCCESS says the same for all its operations.)
 * NOSIGNAL: a broken pipe or socket is only EPIPE, never SIGPIPE.
 * FORCE_PUNT: do not try in the caller first; for tests and for operations
 *	that are known to block.
 * KEY_IN_AUX2: aux2 is the completion key of an operation without association.
 * ANY_SHORT: a short write is a result and not to be continued.  (Without effect
 *	where the driver itself writes all or nothing, as a terminal's does.)
 * PRIO: priority of the packet; 0 takes the association's.
 *
 * Bits 1 (no packet), 2 (barrier), 3 (registered buffer) and 6 (assoc is an fd)
 * are reserved for that and refused.
 */
#define IOCP_OP_F_INLINE_OK	(1U << 0)
#define IOCP_OP_F_NOSIGNAL	(1U << 4)
#define IOCP_OP_F_FORCE_PUNT	(1U << 5)
#define IOCP_OP_F_KEY_IN_AUX2	(1U << 7)
#define IOCP_OP_F_PRIO_SHIFT	8
#define IOCP_OP_F_PRIO_MASK	(3U << IOCP_OP_F_PRIO_SHIFT)
#define IOCP_OP_F_ANY_SHORT	(1U << 10)

/* Priorities, where a field holds one.  Strict: HIGH overtakes queued NORMAL. */
#define IOCP_PRIO_DEFAULT	0U
#define IOCP_PRIO_HIGH		1U
#define IOCP_PRIO_NORMAL	2U
#define IOCP_PRIO_LOW		3U

/* One operation.  The stride of an array of them is iocp_enter.op_size. */
struct iocp_op {
	__u16 opcode;			/* IOCP_OP_* */
	__u16 flags;			/* IOCP_OP_F_* */
	__u32 op_flags;			/* per operation, see the table */
	__u32 assoc;			/* index from ASSOCIATE, or IOCP_NO_ASSOC */
	__u32 assoc_gen;		/* its generation */
	__aligned_u64 overlapped;	/* comes back in the packet, matched by CANCEL */
	__aligned_u64 addr;
	__aligned_u64 len;
	__aligned_u64 off;
	__u32 aux;			/* a second file */
	__u16 buf_index;		/* reserved */
	__u16 ioprio;			/* reserved: 0 is the submitter's */
	__aligned_u64 aux2;
};

/* struct iocp_packet.flags: what kind it is, its priority, what happened. */
#define IOCP_PKT_KIND_MASK	0xffU
#define IOCP_PKT_KIND_IO	0U	/* an operation ended */
#define IOCP_PKT_KIND_POST	1U	/* a program posted it */
#define IOCP_PKT_KIND_TIMER	2U	/* a TIMER ended */
#define IOCP_PKT_KIND_WAIT	3U	/* a WAIT ended */
#define IOCP_PKT_KIND_LAST	4U	/* nothing more will come of this association */
#define IOCP_PKT_PRIO_SHIFT	8
#define IOCP_PKT_PRIO_MASK	(3U << IOCP_PKT_PRIO_SHIFT)
#define IOCP_PKT_F_CLOSED	(1U << 16)	/* ECANCELED because the association ended */
#define IOCP_PKT_F_PARTIAL	(1U << 17)	/* info bytes moved, then res stopped it */

/* One packet.  The stride of the ring and of arrays is iocp_setup.packet_size. */
struct iocp_packet {
	__aligned_u64 key;		/* completion key */
	__aligned_u64 overlapped;
	__aligned_u64 info;		/* bytes moved; counts also if res < 0; WAIT: see there */
	__s32 res;			/* 0 or -errno; of POST the poster's 32 bits, untouched */
	__u32 flags;			/* IOCP_PKT_* */
};

/*
 * What became of one submitted operation.  Written where the state is not
 * QUEUED; clear the array before the call.
 */
#define IOCP_RESULT_QUEUED	0U	/* accepted: exactly one packet follows */
#define IOCP_RESULT_DONE	1U	/* ended with success, no packet follows */
#define IOCP_RESULT_REFUSED	2U	/* nothing was done, no packet; res says why */
struct iocp_result {
	__aligned_u64 info;		/* bytes */
	__s32 res;			/* 0 or -errno */
	__u32 state;			/* IOCP_RESULT_* */
};

/*
 * QUERY: what this module can do and, of a port that is set up, its state.
 *
 * Output: everything.  Errors: EFAULT, EINVAL, E2BIG.
 */
#define IOCP_FEATURE_RING	(1ULL << 0)	/* the shared ring (ring_entries > 0) */
#define IOCP_FEATURE_LIMIT	(1ULL << 1)	/* hand-overs obey the concurrency value */
#define IOCP_FEATURE_BLOCKING	(1ULL << 2)	/* who blocks does not run; if asked for */
#define IOCP_FEATURE_STRICT	(1ULL << 3)	/* see SETUP; if asked for */
#define IOCP_STATE_NEW		0U		/* opened, not set up */
#define IOCP_STATE_LIVE		1U
#define IOCP_STATE_SHUT_DOWN	2U
struct iocp_query {
	__u32 size;
	__u32 flags;			/* 0 */
	__aligned_u64 features;		/* IOCP_FEATURE_* that SETUP grants */
	__aligned_u64 ops;		/* bit n: opcode n is known */
	__u32 op_flags;			/* IOCP_OP_F_* that are known */
	__u32 rwf_flags;		/* RWF_* that are known */
	__u32 max_batch;		/* operations or packets in one call */
	__u32 max_ring_entries;
	__u32 max_inflight;		/* largest value that SETUP grants */
	__u32 max_posted;
	__u32 port_state;		/* IOCP_STATE_NEW ... of this port */
	__u32 concurrency;		/* of this port */
	__aligned_u64 queued;		/* packets waiting in this port */
	__aligned_u64 resv[8];
};

/*
 * SETUP: make the opened file a port; once.
 *
 * Input: concurrency (0: the number of online CPUs), ring_entries (0: no ring;
 * rounded up to a power of two), packet_size (0 or 32), max_inflight and
 * max_posted (0: the default; larger than the maximum: the maximum), features
 * wanted.  Of a max_inflight that is named (all ones do not name one), the first
 * IOCP_MAX_RESERVE operations have their memory from here on, so they are never
 * refused with ENOMEM for it; others find it when they are submitted.
 * max_posted bounds the packets that wait outside the ring and have no request
 * behind them: posted ones, and of NOPs without an association.
 *
 * With the feature BLOCKING a worker counts as active only while it is runnable:
 * when it blocks, anywhere, another is released (CP-31, CP-34).  block_delay_us,
 * at most a second, lets it count for that long after it blocked; 0 is what
 * Windows does.  STRICT, for BLOCKING ports: a worker that came back when as many
 * ran as may gives way at its next wait: threads that wait are served before it
 * (TR-11).
 *
 * Output: what was granted, and where to map the ring:
 *  ro  read-only (PROT_READ): tail, must_enter, more and the packets
 *  rw  the consumers' head, alone on its page
 * Errors: EBUSY set up already, EINVAL, E2BIG, EFAULT, ENOMEM, EAGAIN more
 * memory than the ports of one user may have, EINTR killed meanwhile.
 *
 * Taking packets from the ring (any thread that is active in the port, see
 * docs/ordering.md):
 *	if (load(must_enter))		any bit, known or not
 *		call ENTER;
 *	h = load_acquire(head); t = load_acquire(tail);
 *	if ((__s64)(t - h) <= 0)	empty; if (load(more)) call ENTER
 *	copy n <= 16, n <= t - h packets from packets[h & (ring_entries - 1)] on
 *	if (cas_release(head, h, h + n)) they are yours, else try again
 */
#define IOCP_MAX_RESERVE		1024
#define IOCP_MAX_BLOCK_DELAY_US		1000000
#define IOCP_RING_MUST_ENTER_FRONT	(1U << 0)	/* given back or HIGH packets wait */
#define IOCP_RING_MUST_ENTER_LIMIT	(1U << 1)	/* more run than may; one must give way */
#define IOCP_RING_MUST_ENTER_SHUT	(1U << 2)	/* shut down */
struct iocp_setup {
	__u32 size;
	__u32 flags;			/* 0 */
	__aligned_u64 features;		/* in: wanted; out: granted */
	__u32 concurrency;
	__u32 ring_entries;
	__u32 packet_size;
	__u32 max_inflight;
	__u32 max_posted;
	__u32 block_delay_us;		/* how long a block must last to release another */
	__aligned_u64 ro_off, ro_len;	/* out: mmap offset and length */
	__aligned_u64 rw_off, rw_len;
	__u32 ro_tail;			/* out: byte offsets inside ro: u64 */
	__u32 ro_must_enter;		/* u32 */
	__u32 ro_more;			/* u32 */
	__u32 ro_packets;
	__u32 rw_head;			/* out: byte offset inside rw: u64 */
	__u32 resv0;
	__aligned_u64 resv[8];
};

/*
 * ENTER: submit operations, then wait for packets; either part may be empty
 * (nr_ops = 0, nr_packets = 0).
 *
 * Submission works through ops[] in order.  With results, a refused operation
 * is reported there and the next one is looked at.  Without, submission stops
 * before the first refused one.  nr_consumed is the number of operations that
 * were looked at and answered; operation i of them has the id first_id + i.
 *
 * Waiting returns as soon as one packet could be taken, with up to nr_packets;
 * it ends without one at the deadline (0: do not wait; all ones: for ever).
 * The calling thread becomes associated with the port (CP-30) unless NO_ASSOC
 * is given.
 *
 * Returns the number of packets taken.  If none was taken and no operation was
 * consumed: fails, with the first operation's error, or ETIME, EINTR (the call
 * is restarted where SA_RESTART says so), ESHUTDOWN, EINVAL, EFAULT, E2BIG.
 */
#define IOCP_ENTER_NO_ASSOC		(1U << 0)	/* the thread does not join the port */
#define IOCP_ENTER_NO_WAIT_IF_FAILED	(1U << 2)	/* do not wait unless all were accepted */
/* iocp_enter.state */
#define IOCP_ENTER_WANT_THREAD	(1U << 0)	/* packets wait, no waiter, limit not reached */
#define IOCP_ENTER_LAST_WAITER	(1U << 1)	/* nobody waits now: start a thread first */
#define IOCP_ENTER_OVER_LIMIT	(1U << 2)	/* more threads run than may */
#define IOCP_ENTER_MORE		(1U << 3)	/* more packets wait */
struct iocp_enter {
	__u32 size;
	__u32 flags;			/* IOCP_ENTER_* of the first group */
	__aligned_u64 ops;		/* const struct iocp_op[nr_ops] */
	__aligned_u64 results;		/* struct iocp_result[nr_ops], or 0 */
	__u32 nr_ops;
	__u32 op_size;			/* stride of ops, at least 64 */
	__aligned_u64 packets;		/* struct iocp_packet[nr_packets] */
	__u32 nr_packets;
	__u32 packet_size;		/* stride of packets: 32 */
	__aligned_u64 deadline;
	__aligned_u64 sigmask;		/* reserved, 0 */
	__u32 sigmask_size;		/* reserved, 0 */
	__u32 resv0;
	__aligned_u64 resv1;
	/* out: */
	__aligned_u64 first_id;
	__u32 nr_consumed;
	__u32 nr_taken;			/* also the return value */
	__s32 wait_error;		/* why the wait ended without a packet, or 0 */
	__u32 state;			/* IOCP_ENTER_* of the second group */
	__aligned_u64 resv2;
};

/*
 * ASSOCIATE: bring a file into the port.  The association keeps the file open
 * until DISASSOCIATE or until the process that made it ends; only that process
 * (its mm) may use it.
 *
 * Input: fd, key, modes, flags.  Output: assoc, assoc_gen, caps.
 * Errors: EBADF, ELOOP the file is a port, EOPNOTSUPP no operation is possible
 * on this kind of file, EBUSY (EXCLUSIVE) the open file is in a port already,
 * EAGAIN, ENOMEM, EINVAL, ESHUTDOWN.
 */
#define IOCP_ASSOC_EXCLUSIVE		(1U << 0)	/* one port per open file (CP-7) */
#define IOCP_ASSOC_PRIO_SHIFT		8
#define IOCP_ASSOC_PRIO_MASK		(3U << IOCP_ASSOC_PRIO_SHIFT)
/* modes; they can be set and never cleared (NM-1) */
#define IOCP_MODE_SKIP_ON_SUCCESS	(1U << 0)	/* success at once, EOF apart: no packet */
#define IOCP_MODE_SKIP_SET_EVENT	(1U << 1)	/* kept for the library */
/* caps: bit n < 48: opcode n is possible; and */
#define IOCP_CAP_STREAM		(1ULL << 48)	/* ordered per direction, armed by poll */
#define IOCP_CAP_DIRECT		(1ULL << 49)	/* O_DIRECT: cannot be cancelled once issued */
#define IOCP_CAP_THREAD		(1ULL << 50)	/* no non-blocking mode: uses a kernel thread */
#define IOCP_CAP_SOCKET		(1ULL << 51)
struct iocp_associate {
	__u32 size;
	__u32 flags;			/* IOCP_ASSOC_* */
	__s32 fd;
	__u32 modes;			/* IOCP_MODE_* */
	__aligned_u64 key;
	__u32 assoc;			/* out */
	__u32 assoc_gen;		/* out */
	__aligned_u64 caps;		/* out: IOCP_CAP_* */
	__aligned_u64 resv[3];
};

/*
 * DISASSOCIATE: end an association and let go of its file.
 * Input: assoc, assoc_gen, flags, overlapped (for NOTIFY_LAST).
 * SET_MODES: add modes.  Input: assoc, assoc_gen, modes.  Output: modes.
 * Errors: ENOENT no such association, EPERM another process's, EINVAL.
 */
#define IOCP_DISASSOC_CANCEL		(1U << 0)	/* cancel what is pending, with F_CLOSED */
#define IOCP_DISASSOC_NOTIFY_LAST	(1U << 1)	/* one LAST packet after all others */
struct iocp_assoc_ref {
	__u32 size;
	__u32 flags;
	__u32 assoc;
	__u32 assoc_gen;
	__u32 modes;
	__u32 resv0;
	__aligned_u64 overlapped;
	__aligned_u64 resv[2];
};

/*
 * POST: put packets into the port as they are.  Their kind becomes POST; of
 * their flags only the priority may be set.  Open to every holder of the port.
 * Returns how many were posted; fails if that is none: EAGAIN the port holds
 * max_posted already, or its user's ports all they may, ENOMEM, EFAULT, EINVAL, ESHUTDOWN.
 */
struct iocp_post {
	__u32 size;
	__u32 flags;			/* 0 */
	__aligned_u64 packets;		/* const struct iocp_packet[nr] */
	__u32 nr;
	__u32 packet_size;		/* stride: 32 */
	__u32 nr_posted;		/* out; also the return value */
	__u32 resv;
};

/*
 * CANCEL: ask for the end of the caller's operations.  At least one of BY_ID,
 * BY_OVERLAPPED, BY_ASSOC, ALL_MINE; several of the first three narrow the
 * choice.  THIS_THREAD: only what the calling thread submitted.  It marks and
 * never waits; each operation still ends with exactly one packet.  BY_ASSOC with
 * IOCP_NO_ASSOC (and assoc_gen 0) are WAITs and TIMERs: with BY_ID the quickest way
 * to one of them.
 *
 * Output: nr_cancelled ended with ECANCELED (or the bytes moved so far),
 * nr_running were being tried and may end either way, nr_unstoppable will end
 * by themselves.  Errors: ENOENT nothing matches, EPERM, EINVAL.
 */
#define IOCP_CANCEL_BY_ID		(1U << 0)
#define IOCP_CANCEL_BY_OVERLAPPED	(1U << 1)
#define IOCP_CANCEL_BY_ASSOC		(1U << 2)
#define IOCP_CANCEL_ALL_MINE		(1U << 3)
#define IOCP_CANCEL_THIS_THREAD		(1U << 4)
#define IOCP_CANCEL_PROBE		(1U << 5)	/* only ask: nr_running have not ended */
struct iocp_cancel {
	__u32 size;
	__u32 flags;			/* IOCP_CANCEL_* */
	__u32 assoc;
	__u32 assoc_gen;
	__aligned_u64 overlapped;
	__aligned_u64 id;
	__u32 nr_cancelled;		/* out */
	__u32 nr_running;		/* out */
	__u32 nr_unstoppable;		/* out */
	__u32 resv;
};

/*
 * SHUTDOWN: end the port while its file is still open.  Waiters leave with
 * ESHUTDOWN, packets that are queued and those that come later are dropped and
 * counted; packets already handed to a thread are delivered.  Operations in
 * flight go on, CANCEL and DISASSOCIATE still work.  Once; then ESHUTDOWN.
 */
struct iocp_shutdown {
	__u32 size;
	__u32 flags;			/* 0 */
	__aligned_u64 nr_dropped;	/* out: packets that were queued */
};

/* STATS: counters of one port.  Output: everything. */
struct iocp_stats {
	__u32 size;
	__u32 flags;			/* 0 */
	__u32 concurrency;
	__u32 active;			/* associated threads that run (CP-31) */
	__u32 waiting;			/* threads inside ENTER's wait */
	__u32 assocs;
	__u32 inflight;			/* operations running, or with a packet in a list */
	__u32 posted;			/* packets without a request that wait outside the ring */
	__aligned_u64 queued;		/* packets that wait */
	__aligned_u64 completed;	/* packets made by operations, ever */
	__aligned_u64 posts;		/* packets posted, ever */
	__aligned_u64 handed;		/* packets given straight to a waiter */
	__aligned_u64 taken;		/* packets that left the queue: for ENTER, or handed */
	__aligned_u64 punted;		/* operations that went to the work queue */
	__aligned_u64 given_back;	/* packets put back after a failed copy */
	__aligned_u64 dropped;		/* packets that met a port shut down */
	__aligned_u64 ring_broken;	/* times the ring's head was found impossible */
	__aligned_u64 blocks;		/* times a running thread blocked */
	__aligned_u64 block_releases;	/* packets handed over because of that */
	__aligned_u64 short_blocks;	/* such a block was over within 50 us of it */
	__aligned_u64 wanted;		/* packets waited, one more might run, none was there */
	__aligned_u64 ring_taken;	/* packets that programs took from the ring */
	__aligned_u64 over_limit_ns;	/* time with more active than concurrency */
	__aligned_u64 over_limits;	/* times that it came to that */
	__u32 max_active;		/* largest value of active */
	__u32 workers;			/* associated threads (CP-30) */
	__aligned_u64 resv[3];
};

/*
 * 'J' 0x80-0x9f.  _IO without a size: a size in the number would change it
 * when a structure grows, which is what the size field is for.
 */
#define IOCP_IOC			'J'
#define IOCP_IOC_QUERY		_IO(IOCP_IOC, 0x80)	/* struct iocp_query */
#define IOCP_IOC_SETUP		_IO(IOCP_IOC, 0x81)	/* struct iocp_setup */
#define IOCP_IOC_ENTER		_IO(IOCP_IOC, 0x82)	/* struct iocp_enter */
#define IOCP_IOC_ASSOCIATE	_IO(IOCP_IOC, 0x83)	/* struct iocp_associate */
#define IOCP_IOC_DISASSOCIATE	_IO(IOCP_IOC, 0x84)	/* struct iocp_assoc_ref */
#define IOCP_IOC_SET_MODES	_IO(IOCP_IOC, 0x85)	/* struct iocp_assoc_ref */
#define IOCP_IOC_POST		_IO(IOCP_IOC, 0x86)	/* struct iocp_post */
#define IOCP_IOC_CANCEL		_IO(IOCP_IOC, 0x87)	/* struct iocp_cancel */
#define IOCP_IOC_SHUTDOWN	_IO(IOCP_IOC, 0x88)	/* struct iocp_shutdown */
#define IOCP_IOC_DETACH		_IO(IOCP_IOC, 0x89)	/* 0: this thread leaves the port */
/* 0x8a reserved for registered buffers */
#define IOCP_IOC_STATS		_IO(IOCP_IOC, 0x8b)	/* struct iocp_stats */

#endif /* _UAPI_LINUX_IOCP_H */
