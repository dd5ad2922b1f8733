/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * libiocp, native interface: completion ports and a callback pool.
 *
 *	struct iocp_port *port;
 *	struct iocp_assoc file;
 *	struct iocp_packet done;
 *	struct iocp_op op;
 *
 *	iocp_open(&port, NULL);
 *	iocp_associate(port, fd, 0, &file);
 *	iocp_prep_read(&op, &file, buf, sizeof(buf), 0, buf);
 *	iocp_submit(port, &op, 1, NULL);
 *	iocp_wait(port, &done, 1, IOCP_FOREVER);
 *
 * Conventions
 *
 * Errors are returned as -errno; errno itself and the Windows layer's last
 * error mean nothing here.  Every function may be called from any thread at any
 * time unless its comment says otherwise, never from a signal handler.  An
 * object must not be used while or after another thread ends it (iocp_close(),
 * iocp_pool_destroy(), iocp_io_close()), except where that is said to be safe.
 * No function is a cancellation point on purpose: use iocp_shutdown() to make
 * threads leave.
 *
 * Buffers and what "overlapped" points to belong to the operation from the
 * submit until its packet has been taken; the library never looks behind an
 * overlapped value of this interface, it is 64 bits that come back.
 *
 * After fork() the child may wait on and post into a port it inherited, without
 * the ring, but not use the parent's associations (EPERM); pools and what
 * belongs to them are dead in the child (ESHUTDOWN).
 *
 * The structures iocp_op, iocp_packet, iocp_result, iocp_enter, iocp_cancel,
 * iocp_query and iocp_stats are the kernel's own, see <linux/iocp.h>.
 */
#ifndef IOCP_H
#define IOCP_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <linux/iocp.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define IOCP_VERSION_MAJOR	0
#define IOCP_VERSION_MINOR	1

/* The device that iocp_open() opens unless told otherwise. */
#define IOCP_DEVICE_PATH	"/dev/iocp"

/* Deadlines: absolute nanoseconds of CLOCK_MONOTONIC, and two special ones. */
#define IOCP_NOWAIT		UINT64_C(0)
#define IOCP_FOREVER		UINT64_MAX

/* iocp_port_params.ring_entries: no ring, every packet comes by system call */
#define IOCP_NO_RING		UINT32_MAX

/**
 * struct iocp_port - a completion port: a device that is open and set up.
 */
struct iocp_port;

/**
 * struct iocp_port_params - what iocp_open() makes; zero is the default of all.
 * @path: device node, NULL for IOCP_DEVICE_PATH
 * @concurrency: threads that may run at a time, 0: online CPUs (CP-5)
 * @ring_entries: size of the shared ring, 0: a default, or IOCP_NO_RING
 * @max_inflight: operations in flight, 0: the module's default.  Of a number given
 *	here, up to 1024 have their memory in advance and are never refused for it
 * @max_posted: posted packets that may wait, 0: the module's default
 * @flags: IOCP_PORT_*
 * @block_delay_us: a thread that blocks counts as running for that long, at most
 *	a second; 0, as on Windows: not at all.  See short_blocks of iocp_stats
 * @resv: zero
 */
struct iocp_port_params {
	const char *path;
	uint32_t concurrency;
	uint32_t ring_entries;
	uint32_t max_inflight;
	uint32_t max_posted;
	uint32_t flags;
	uint32_t block_delay_us;
	uint64_t resv[3];
};

/* iocp_port_params.flags; -EINVAL where the device cannot do it */
#define IOCP_PORT_IGNORE_BLOCKS	(1U << 0)	/* a thread that blocks counts as running */
#define IOCP_PORT_STRICT	(1U << 1)	/* who exceeded the limit waits first (TR-11) */

/**
 * struct iocp_assoc - a file inside a port.
 * @index: what operations carry, with
 * @gen: its generation; a stale one is ENOENT and never another file
 * @caps: IOCP_CAP_* and, as bits, the opcodes that this file can do
 *
 * A plain value: copy it freely, there is nothing to free.
 */
struct iocp_assoc {
	uint32_t index;
	uint32_t gen;
	uint64_t caps;
};

/**
 * struct iocp_cancel_counts - which way a cancel went (TR-6).
 * @cancelled: these end with -ECANCELED, or with the bytes moved so far
 * @running: these were being tried that moment and may end either way
 * @unstoppable: these will end by themselves
 *
 * Each of them still ends with exactly one packet.
 */
struct iocp_cancel_counts {
	uint32_t cancelled;
	uint32_t running;
	uint32_t unstoppable;
};

/*
 * Ports
 */

/**
 * iocp_open() - open the device and make a port of it.
 * @port: the new port
 * @params: NULL for the defaults
 *
 * Return: 0, or -ENOENT the device node is missing (module not loaded?),
 * -ENXIO or -ENODEV the node is there and the module is not, -EACCES, -EMFILE,
 * -EAGAIN more ports than one user may have, -ENOMEM, -EINVAL.
 */
int iocp_open(struct iocp_port **port, const struct iocp_port_params *params);

/**
 * iocp_close() - give the port back.
 * @port: a port that no other thread uses any more, or NULL
 *
 * Packets that wait are lost, operations in flight are cancelled where possible
 * and their buffers stay pinned until the device is done with them; it does not
 * wait.  To end a port that threads wait on: iocp_shutdown(), join them, close.
 *
 * Return: 0.
 */
int iocp_close(struct iocp_port *port);

/**
 * iocp_fd() - the port's file descriptor, for poll(2) and epoll(7).
 *
 * Readable while packets wait (CP-15); POLLHUP after iocp_shutdown().  It
 * belongs to the port: do not close it.
 */
int iocp_fd(const struct iocp_port *port);

/**
 * iocp_query() - what the module can do, and the port's state.
 * Return: 0 or -errno.
 */
int iocp_query(struct iocp_port *port, struct iocp_query *query);

/**
 * iocp_stats() - the port's counters.
 * Return: 0 or -errno.
 */
int iocp_stats(struct iocp_port *port, struct iocp_stats *stats);

/**
 * iocp_shutdown() - end the port while threads still use it.
 * @dropped: if not NULL, how many packets were waiting and are lost (TR-19)
 *
 * Waiters leave with -ESHUTDOWN (CP-50), packets already handed to a thread are
 * delivered (CP-60).  iocp_cancel() and iocp_disassociate() still work.
 *
 * Return: 0, or -ESHUTDOWN it was shut down before.
 */
int iocp_shutdown(struct iocp_port *port, uint64_t *dropped);

/**
 * iocp_detach() - the calling thread leaves the port (TR-12).
 *
 * A thread that took a packet by iocp_wait() counts as running for the port
 * until it waits again; one that turns to other work calls this first.
 *
 * Return: 0 or -errno.
 */
int iocp_detach(struct iocp_port *port);

/*
 * Files
 */

/**
 * iocp_associate() - bring an open file into the port.
 * @fd: anything with read_iter or write_iter: files, block devices, pipes,
 *	sockets, terminals, eventfds
 * @key: comes back in every packet of this file
 * @assoc: the association
 *
 * The port keeps the file open: close(2) of @fd does not close it, only
 * iocp_disassociate() does, or the end of the process.
 *
 * Return: 0, or -EBADF, -ELOOP @fd is a port, -EOPNOTSUPP nothing can be done
 * with this kind of file, -ENOMEM, -EAGAIN, -ESHUTDOWN.
 */
int iocp_associate(struct iocp_port *port, int fd, uint64_t key, struct iocp_assoc *assoc);

/**
 * iocp_associate_with() - the same, with everything that can be chosen.
 * @flags: IOCP_ASSOC_EXCLUSIVE (CP-7: one port per open file), a priority for
 *	all packets << IOCP_ASSOC_PRIO_SHIFT
 * @modes: IOCP_MODE_SKIP_ON_SUCCESS: what succeeds at once answers
 *	IOCP_RESULT_DONE and queues no packet (NM-5)
 *
 * Return: as iocp_associate(), and -EBUSY the open file is in a port already.
 */
int iocp_associate_with(struct iocp_port *port, int fd, uint64_t key, uint32_t flags,
			uint32_t modes, struct iocp_assoc *assoc);

/**
 * iocp_disassociate() - let go of the file.
 * @flags: IOCP_DISASSOC_CANCEL cancels what is in flight (those packets carry
 *	IOCP_PKT_F_CLOSED); IOCP_DISASSOC_NOTIFY_LAST queues one packet of kind
 *	IOCP_PKT_KIND_LAST behind all others of this file
 * @overlapped: comes back in the LAST packet
 *
 * Return: 0, -ENOENT gone already, -EPERM another process's.
 */
int iocp_disassociate(struct iocp_port *port, const struct iocp_assoc *assoc, uint32_t flags,
		      void *overlapped);

/**
 * iocp_set_modes() - add modes to an association; none can be taken away (NM-1).
 * Return: 0, -ENOENT, -EPERM, -EINVAL.
 */
int iocp_set_modes(struct iocp_port *port, const struct iocp_assoc *assoc, uint32_t modes);

/*
 * Preparing operations.  @overlapped is any value; it comes back in the packet
 * and is what iocp_cancel_overlapped() looks for.  A NULL @assoc is for
 * iocp_io_submit(), which fills it in.
 */

static inline void iocp_prep(struct iocp_op *op, uint16_t opcode, const struct iocp_assoc *assoc,
			     const void *addr, uint64_t len, uint64_t off, const void *overlapped)
{
	op->opcode = opcode;
	op->flags = 0;
	op->op_flags = 0;
	op->assoc = assoc ? assoc->index : IOCP_NO_ASSOC;
	op->assoc_gen = assoc ? assoc->gen : 0;
	op->overlapped = (uintptr_t)overlapped;
	op->addr = (uintptr_t)addr;
	op->len = len;
	op->off = off;
	op->aux = 0;
	op->buf_index = 0;
	op->ioprio = 0;
	op->aux2 = 0;
}

/** iocp_prep_read() - read @len bytes at @off; streams ignore the offset. */
static inline void iocp_prep_read(struct iocp_op *op, const struct iocp_assoc *assoc, void *buf,
				  size_t len, uint64_t off, const void *overlapped)
{
	iocp_prep(op, IOCP_OP_READ, assoc, buf, len, off, overlapped);
}

/** iocp_prep_write() - write; @off may be IOCP_OFF_APPEND (OV-7). */
static inline void iocp_prep_write(struct iocp_op *op, const struct iocp_assoc *assoc,
				   const void *buf, size_t len, uint64_t off,
				   const void *overlapped)
{
	iocp_prep(op, IOCP_OP_WRITE, assoc, buf, len, off, overlapped);
}

/** iocp_prep_readv() - scatter; the array itself may go after the submit. */
static inline void iocp_prep_readv(struct iocp_op *op, const struct iocp_assoc *assoc,
				   const struct iovec *iov, unsigned int nr, uint64_t off,
				   const void *overlapped)
{
	iocp_prep(op, IOCP_OP_READV, assoc, iov, nr, off, overlapped);
}

/** iocp_prep_writev() - gather; the array itself may go after the submit. */
static inline void iocp_prep_writev(struct iocp_op *op, const struct iocp_assoc *assoc,
				    const struct iovec *iov, unsigned int nr, uint64_t off,
				    const void *overlapped)
{
	iocp_prep(op, IOCP_OP_WRITEV, assoc, iov, nr, off, overlapped);
}

/** iocp_prep_fsync() - @flags: 0 or IOCP_FSYNC_DATASYNC; orders nothing. */
static inline void iocp_prep_fsync(struct iocp_op *op, const struct iocp_assoc *assoc,
				   uint32_t flags, const void *overlapped)
{
	iocp_prep(op, IOCP_OP_FSYNC, assoc, NULL, 0, 0, overlapped);
	op->op_flags = flags;
}

/** iocp_prep_nop() - nothing but a packet; with NULL @assoc its key is @key. */
static inline void iocp_prep_nop(struct iocp_op *op, const struct iocp_assoc *assoc, uint64_t key,
				 const void *overlapped)
{
	iocp_prep(op, IOCP_OP_NOP, assoc, NULL, 0, 0, overlapped);
	if (!assoc) {
		op->flags = IOCP_OP_F_KEY_IN_AUX2;
		op->aux2 = key;
	}
}

/** iocp_prep_post() - a packet as iocp_post() makes it, as part of a batch. */
static inline void iocp_prep_post(struct iocp_op *op, uint64_t key, uint64_t info,
				  const void *overlapped, int32_t res)
{
	iocp_prep(op, IOCP_OP_POST, NULL, NULL, 0, 0, overlapped);
	op->op_flags = (uint32_t)res;
	op->addr = info;
	op->aux2 = key;
}

/**
 * iocp_prep_timer() - one packet at a time (TIMER).
 * @due: absolute, in nanoseconds of CLOCK_MONOTONIC; see iocp_deadline_ns()
 * @slack: how much later, in nanoseconds, is fine; 0: exact
 * @flags: 0 or IOCP_TIMER_REALTIME: @due is of CLOCK_REALTIME
 */
static inline void iocp_prep_timer(struct iocp_op *op, uint64_t due, uint64_t slack,
				   uint32_t flags, uint64_t key, const void *overlapped)
{
	iocp_prep(op, IOCP_OP_TIMER, NULL, NULL, 0, slack, overlapped);
	op->flags = IOCP_OP_F_KEY_IN_AUX2;
	op->op_flags = flags;
	op->addr = due;
	op->aux2 = key;
}

/**
 * iocp_prep_wait() - one packet when a file is ready (WAIT).
 * @fd: any file that can be polled; may be closed after the submit
 * @events: EPOLL* (0: EPOLLIN), and IOCP_WAIT_CONSUME for an eventfd
 * @deadline: as for iocp_wait(), but 0 is IOCP_FOREVER; after it res is -ETIME
 */
static inline void iocp_prep_wait(struct iocp_op *op, int fd, uint32_t events, uint64_t deadline,
				  uint64_t key, const void *overlapped)
{
	iocp_prep(op, IOCP_OP_WAIT, NULL, NULL, deadline, 0, overlapped);
	op->flags = IOCP_OP_F_KEY_IN_AUX2;
	op->op_flags = events;
	op->aux = (uint32_t)fd;
	op->aux2 = key;
}

/*
 * Submitting and taking packets
 */

/** iocp_deadline_ns() - the deadline @ns nanoseconds from now; 0 stays NOWAIT. */
uint64_t iocp_deadline_ns(uint64_t ns);

/** iocp_deadline_ms() - the deadline @ms milliseconds from now; < 0: FOREVER. */
uint64_t iocp_deadline_ms(int64_t ms);

/**
 * iocp_enter() - the system call itself: submit, wait, or both in one.
 * @enter: as <linux/iocp.h> says; size and the strides are filled in
 *
 * For what the shorter calls below leave out: ids, wait_error, state, flags.
 *
 * Return: packets taken (>= 0) or -errno.
 */
int iocp_enter(struct iocp_port *port, struct iocp_enter *enter);

/**
 * iocp_submit() - hand operations to the kernel, in one call.
 * @ops: prepared operations; the array may go when this returns
 * @nr: how many
 * @results: NULL, or one for each: what became of it.  With results a refused
 *	operation is told there and the next one is looked at; without, the call
 *	stops before the first refused one.
 *
 * For every operation that is IOCP_RESULT_QUEUED (without results: for every
 * operation counted) exactly one packet follows; for DONE and REFUSED none.
 *
 * Return: the number of operations looked at (1..nr), or -errno if that is
 * none: the first operation's error.
 */
int iocp_submit(struct iocp_port *port, const struct iocp_op *ops, unsigned int nr,
		struct iocp_result *results);

/**
 * iocp_reap() - take packets, as a guest.
 * @packets: room for @nr
 * @deadline: IOCP_NOWAIT, IOCP_FOREVER, or from iocp_deadline_ms()
 *
 * Waits for the first packet only, then takes what is there (CP-52).  The
 * thread does not join the port: it neither obeys nor uses up the concurrency
 * value.  Right for a main loop that polls (TR-12) and inside pool callbacks
 * (TR-10); worker threads use iocp_wait().
 *
 * Return: packets taken (>= 1), or -ETIME, -EINTR a signal handler without
 * SA_RESTART ran, -ESHUTDOWN.
 */
int iocp_reap(struct iocp_port *port, struct iocp_packet *packets, unsigned int nr,
	      uint64_t deadline);

/**
 * iocp_wait() - take packets, as a worker of this port.
 *
 * As iocp_reap(), but the thread joins the port (CP-30): it counts as running
 * from the return of this call until it waits again, but for the time that it
 * blocks anywhere else (CP-32, CP-34; device permitting), and while the concurrency
 * value is reached it waits although packets are there (CP-36, CP-37).  Waiters
 * are served newest first (CP-23).  While the thread runs, packets that wait are
 * taken from the shared ring without a system call, at most 16 at a time.
 *
 * Return: as iocp_reap().
 */
int iocp_wait(struct iocp_port *port, struct iocp_packet *packets, unsigned int nr,
	      uint64_t deadline);

/**
 * iocp_submit_and_wait() - both in one system call, as a worker of this port.
 * @nr_consumed: if not NULL, operations looked at, as iocp_submit() returns
 *
 * Return: packets taken; 0 if the wait ended without one after operations were
 * submitted; -errno if neither happened.
 */
int iocp_submit_and_wait(struct iocp_port *port, const struct iocp_op *ops, unsigned int nr_ops,
			 struct iocp_result *results, unsigned int *nr_consumed,
			 struct iocp_packet *packets, unsigned int nr_packets, uint64_t deadline);

/**
 * iocp_post() - queue packets of the caller's making (CP-24, CP-25).
 * @packets: key, overlapped, info and res go through untouched; of flags only a
 *	priority may be set
 *
 * Return: packets posted (may be fewer than @nr), or -EAGAIN too many wait
 * already, -ENOMEM, -EFAULT, -EINVAL, -ESHUTDOWN.
 */
int iocp_post(struct iocp_port *port, const struct iocp_packet *packets, unsigned int nr);

/** iocp_post_one() - queue one packet with status 0.  Return: 0 or -errno. */
int iocp_post_one(struct iocp_port *port, uint64_t key, uint64_t info, const void *overlapped);

/**
 * iocp_cancel() - the cancel call itself; size is filled in, counts come back.
 * Return: 0, -ENOENT nothing matches (it may have ended: its packet comes or
 * came), -EPERM, -EINVAL.
 */
int iocp_cancel(struct iocp_port *port, struct iocp_cancel *cancel);

/**
 * iocp_cancel_overlapped() - cancel one file's operations with this overlapped.
 * @assoc: the file; NULL: of any file of this process
 * @counts: if not NULL, which way it went
 *
 * It marks and never waits; every operation still ends with one packet (OV-25).
 *
 * Return: as iocp_cancel().
 */
int iocp_cancel_overlapped(struct iocp_port *port, const struct iocp_assoc *assoc,
			   const void *overlapped, struct iocp_cancel_counts *counts);

/** iocp_cancel_assoc() - the same, for all operations of one file. */
int iocp_cancel_assoc(struct iocp_port *port, const struct iocp_assoc *assoc,
		      struct iocp_cancel_counts *counts);

/*
 * The callback pool
 *
 * One port and threads that take its packets and call back.  Threads start on
 * demand, one spare stays parked so that none has to be started when all others
 * block, and idle ones end down to the minimum.  Pool threads block every signal
 * but the synchronous ones.  A callback must return: no longjmp out of it, no
 * pthread_exit(), no pthread_cancel() of its thread.
 */

/** struct iocp_pool - threads on a port of their own. */
struct iocp_pool;

/** struct iocp_io - one file whose completions are callbacks of a pool. */
struct iocp_io;

/**
 * struct iocp_pool_params - what iocp_pool_create() makes; zero is the default.
 * @port: the pool's port
 * @min_threads: started at once and never ended, 0: 1; nor is a spare, once there is one
 * @max_threads: 0: 500 (PL-3)
 * @idle_ms: a thread without work ends after this, 0: 10000 (PL-6)
 * @stack_size: bytes, 0: the system's default
 * @resv: zero
 */
struct iocp_pool_params {
	struct iocp_port_params port;
	uint32_t min_threads;
	uint32_t max_threads;
	uint32_t idle_ms;
	uint32_t resv0;
	uint64_t stack_size;
	uint64_t resv[4];
};

/**
 * iocp_callback - what runs when an operation of an iocp_io has ended.
 * @io: the object; valid during the callback even if closed meanwhile (TP-19)
 * @context: from iocp_io_create()
 * @packet: result (res: 0 or -errno), bytes (info), overlapped; only during the
 *	callback.  End of file is res 0 and info 0.
 *
 * Callbacks of one iocp_io may run at the same time on several threads.
 */
typedef void iocp_callback(struct iocp_io *io, void *context, const struct iocp_packet *packet);

/**
 * iocp_pool_create() - a pool.
 * @params: NULL for the defaults
 * Return: 0 or -errno, as iocp_open(); -EAGAIN also: no thread could be started.
 */
int iocp_pool_create(struct iocp_pool **pool, const struct iocp_pool_params *params);

/**
 * iocp_pool_destroy() - end the threads and the port, and wait for them.
 * @pool: a pool without objects, or NULL; not from one of its callbacks
 * Return: 0, -EBUSY an iocp_io or iocp_work is open, -EDEADLK called from its
 * callback.
 */
int iocp_pool_destroy(struct iocp_pool *pool);

/**
 * iocp_pool_drain() - until no callback of the pool's objects is pending or running.
 *
 * As the wait function of each of them, closed ones that still have
 * some included; what callbacks start meanwhile is waited for, too.
 *
 * Return: 0, -EDEADLK called from a callback of the pool, -ESHUTDOWN.
 */
int iocp_pool_drain(struct iocp_pool *pool);

/**
 * iocp_pool_stats() - the counters of the pool's port.
 * Return: as iocp_stats(); -ESHUTDOWN in a child of the process that made it.
 */
int iocp_pool_stats(struct iocp_pool *pool, struct iocp_stats *stats);

/**
 * iocp_pool_close() - end the pool when its last object has ended (PL-2).
 * @pool: a pool, or NULL; no object may be made in it after this
 *
 * Never waits, and may be called from callbacks, also of this pool.  What is
 * outstanding goes on; the threads end and the memory is freed once no iocp_io
 * and no iocp_work is left.
 *
 * Return: 0.
 */
int iocp_pool_close(struct iocp_pool *pool);

/**
 * iocp_pool_set_limits() - how many threads there are at least and at most (PL-4).
 * @min_threads: missing ones are started before this returns; 0: as it was, or the
 *	maximum if that is less
 * @max_threads: at most 1023; threads above it end as soon as they are in no
 *	callback; 0: as it was, or the minimum if that is more
 *
 * Return: 0, -EINVAL, or why a thread could not be started (the limits are set).
 */
int iocp_pool_set_limits(struct iocp_pool *pool, uint32_t min_threads, uint32_t max_threads);

/**
 * iocp_pool_set_stack_size() - for threads started from now on (PL-5).
 * @stack_size: bytes, 0: the system's default; less than the least possible is that
 * Return: 0.
 */
int iocp_pool_set_stack_size(struct iocp_pool *pool, uint64_t stack_size);

/**
 * iocp_callback_may_run_long() - the calling callback is going to take long (CI-5).
 *
 * The thread leaves the port until the callback returns: another one may run in its
 * place, whether this one blocks or computes.
 *
 * Return: 0 another thread of the pool waits for packets or was started; -EAGAIN the
 * pool is at its maximum, all are busy; -EINVAL not inside a callback; or why no
 * thread could be started.
 */
int iocp_callback_may_run_long(void);

/**
 * iocp_callback_disassociate() - nobody need wait for the calling callback (CI-6).
 *
 * iocp_io_wait(), iocp_work_wait() and closes of its object do not wait for it from
 * here on, and it may call them itself.  The object stays valid until it returns.
 * A second call does nothing.
 *
 * Return: 0, -EINVAL not inside a callback.
 */
int iocp_callback_disassociate(void);

/** iocp_return_callback - what runs when a callback has returned. */
typedef void iocp_return_callback(void *arg);

/**
 * iocp_callback_on_return() - call @callback when the calling callback has returned.
 *
 * Any number, in their order, in the same thread, and before anybody hears that the
 * callback is over (CI-7): so it may free what the callback used, or set off who
 * waits for its end.
 *
 * Return: 0, -EINVAL not inside a callback, -ENOMEM (not of the first six).
 */
int iocp_callback_on_return(iocp_return_callback *callback, void *arg);

/** struct iocp_work - a callback that a program asks for. */
struct iocp_work;

/**
 * iocp_work_callback - what runs once for each iocp_work_submit() (PL-18).
 * @work: the object; valid during the callback even if closed meanwhile
 * @context: from iocp_work_create()
 *
 * It may run on several threads at the same time, and may submit and close @work.
 */
typedef void iocp_work_callback(struct iocp_work *work, void *context);

/**
 * iocp_work_create() - a callback of a pool.
 * @priority: IOCP_PRIO_HIGH, NORMAL (or DEFAULT) or LOW; strict (PL-13)
 * Return: 0, -EINVAL, -ENOMEM, -ESHUTDOWN the pool is of a parent process.
 */
int iocp_work_create(struct iocp_work **work, struct iocp_pool *pool, uint32_t priority,
		     iocp_work_callback *callback, void *context);

/**
 * iocp_work_submit() - one callback more.
 *
 * It cannot fail and needs no memory of its own.  Work of normal priority waits in a
 * list of the pool, for all of which there is one packet in the port: of what is
 * submitted together, only the first needs a system call.  Where the kernel has no
 * memory for that packet, the call waits for it.
 *
 * Return: 0, -ESHUTDOWN of a parent process.
 */
int iocp_work_submit(struct iocp_work *work);

/**
 * iocp_work_once() - one callback, without an object to close (PL-19).
 *
 * As iocp_work_create(), one iocp_work_submit(), and iocp_work_close() with NOWAIT.
 *
 * Return: as iocp_work_create().
 */
int iocp_work_once(struct iocp_pool *pool, uint32_t priority, iocp_work_callback *callback,
		   void *context);

/** iocp_work_drop() - forget submits whose callback has not begun.  Return: 0. */
int iocp_work_drop(struct iocp_work *work);

/**
 * iocp_work_wait() - until nothing is submitted and no callback runs.
 * Return: 0, -EDEADLK called from a callback of this object.
 */
int iocp_work_wait(struct iocp_work *work);

/* iocp_work_close() flags */
#define IOCP_WORK_CLOSE_NOWAIT	(1U << 0)	/* the pool frees it when it is done */
#define IOCP_WORK_CLOSE_DROP	(1U << 1)	/* what has not begun does not run */

/**
 * iocp_work_close() - wait for its callbacks and free it.
 * @work: the object, or NULL; not to be used by the caller after this
 * @flags: 0, or of the above
 *
 * Inside a callback of this object it returns at once, as with NOWAIT.
 *
 * Return: 0, -EINVAL unknown flag.
 */
int iocp_work_close(struct iocp_work *work, unsigned int flags);

/** struct iocp_timer - a callback at a time, or again and again. */
struct iocp_timer;

/**
 * iocp_timer_callback - what runs each time that the timer expires.
 * @timer: the object; valid during the callback even if closed meanwhile
 * @context: from iocp_timer_create()
 *
 * With a period shorter than the callback it runs on several threads at the same
 * time.  It may set, stop and close @timer.
 */
typedef void iocp_timer_callback(struct iocp_timer *timer, void *context);

/**
 * iocp_timer_create() - a timer of a pool; it is not set.
 * @priority: IOCP_PRIO_*, as for iocp_work_create()
 * Return: 0, -EINVAL, -ENOMEM, -ESHUTDOWN the pool is of a parent process.
 */
int iocp_timer_create(struct iocp_timer **timer, struct iocp_pool *pool, uint32_t priority,
		      iocp_timer_callback *callback, void *context);

/**
 * iocp_timer_set() - when it expires, in place of what was set before (PL-20).
 * @due: absolute, in nanoseconds of CLOCK_MONOTONIC, see iocp_deadline_ns(); what
 *	has passed is now; never early
 * @period_ns: and each so many nanoseconds after it; 0: once.  Of periods that
 *	are missed because nothing could run one is made up for.
 * @slack_ns: how much later is fine, so that the machine wakes less often
 * @flags: 0 or IOCP_TIMER_REALTIME: @due is of CLOCK_REALTIME, also when it is set
 *
 * Callbacks of earlier expiries that have not begun still run.
 *
 * Return: 1 a timer that had not expired was replaced, 0 there was none; -EINVAL,
 * -EAGAIN the port has as many operations as it may have, -ENOMEM: then it is not
 * set; -ESHUTDOWN.
 */
int iocp_timer_set(struct iocp_timer *timer, uint64_t due, uint64_t period_ns, uint64_t slack_ns,
		   uint32_t flags);

/**
 * iocp_timer_stop() - it does not expire any more.
 *
 * Callbacks that have not begun still run; iocp_timer_drop() forgets them.
 *
 * Return: 1 it was kept from expiring, 0 there was nothing to stop, -ESHUTDOWN.
 */
int iocp_timer_stop(struct iocp_timer *timer);

/** iocp_timer_is_set() - 1 from a set on until a stop, expired or not; else 0. */
int iocp_timer_is_set(struct iocp_timer *timer);

/** iocp_timer_drop() - forget expiries whose callback has not begun.  Return: 0. */
int iocp_timer_drop(struct iocp_timer *timer);

/**
 * iocp_timer_wait() - until no callback is due or runs; not for expiries to come.
 * Return: 0, -EDEADLK called from a callback of this object.
 */
int iocp_timer_wait(struct iocp_timer *timer);

/**
 * iocp_timer_close() - stop it, wait for its callbacks and free it.
 * @timer: the object, or NULL
 * @flags: as for iocp_work_close(), of which the rest holds, too
 */
int iocp_timer_close(struct iocp_timer *timer, unsigned int flags);

/** struct iocp_wait - a callback when a file is ready. */
struct iocp_wait;

/**
 * iocp_wait_callback - what runs when a wait has ended (PL-21).
 * @wait: the object; valid during the callback even if closed meanwhile
 * @context: from iocp_wait_create()
 * @result: 0; -ETIME the deadline came first
 * @info: of 0, the EPOLL* events that were found, or what IOCP_WAIT_CONSUME took
 *
 * A wait is one-shot: the callback may set it again.
 */
typedef void iocp_wait_callback(struct iocp_wait *wait, void *context, int result, uint64_t info);

/** iocp_wait_create() - a wait of a pool; it waits for nothing.  As iocp_timer_create(). */
int iocp_wait_create(struct iocp_wait **wait, struct iocp_pool *pool, uint32_t priority,
		     iocp_wait_callback *callback, void *context);

/**
 * iocp_wait_set() - wait once, in place of what was waited for before.
 * @fd: any file that can be polled, but the pool's own port; may be closed
 *	afterwards, the file stays open until the wait has ended
 * @events: EPOLL* (0: EPOLLIN), and IOCP_WAIT_CONSUME for an eventfd: of several
 *	waits for a semaphore each release ends one
 * @deadline: IOCP_NOWAIT looks once; IOCP_FOREVER
 *
 * No thread waits; there may be as many as a port may have operations.
 *
 * Return: as iocp_timer_set(); and -EBADF, -EOPNOTSUPP the file cannot be polled, or
 * not be consumed, -ELOOP: then nothing is waited for.
 */
int iocp_wait_set(struct iocp_wait *wait, int fd, uint32_t events, uint64_t deadline);

/** iocp_wait_clear() - wait for nothing any more.  As iocp_timer_stop(). */
int iocp_wait_clear(struct iocp_wait *wait);

/** iocp_wait_drop() - forget waits that have ended and whose callback has not begun. */
int iocp_wait_drop(struct iocp_wait *wait);

/** iocp_wait_wait() - until no callback is due or runs.  As iocp_timer_wait(). */
int iocp_wait_wait(struct iocp_wait *wait);

/** iocp_wait_close() - clear it, wait for its callbacks and free it.  As iocp_timer_close(). */
int iocp_wait_close(struct iocp_wait *wait, unsigned int flags);

/**
 * iocp_io_create() - bring a file into a pool.
 * @io: the new object
 * @fd: as for iocp_associate(); may be closed afterwards, the file stays open
 *	until iocp_io_close()
 * @callback: runs once for every operation that iocp_io_submit() left QUEUED
 * @context: for the callback
 * Return: 0 or -errno, as iocp_associate().
 */
int iocp_io_create(struct iocp_io **io, struct iocp_pool *pool, int fd, iocp_callback *callback,
		   void *context);

/**
 * iocp_io_create_with() - the same, with iocp_associate_with()'s flags and modes.
 */
int iocp_io_create_with(struct iocp_io **io, struct iocp_pool *pool, int fd, uint32_t flags,
			uint32_t modes, iocp_callback *callback, void *context);

/** iocp_io_caps() - IOCP_CAP_* and opcode bits of the file. */
uint64_t iocp_io_caps(const struct iocp_io *io);

/**
 * iocp_io_submit() - start operations; accounting included (TR-1).
 * @ops: prepared with a NULL association, which is filled in here
 * @results: as for iocp_submit(); needed (-EINVAL) where an operation may answer
 *	DONE: association mode SKIP_ON_SUCCESS, or flag INLINE_OK
 *
 * One callback follows for each operation QUEUED, none for the others.  May be
 * called from callbacks.
 *
 * Return: as iocp_submit(); -ESHUTDOWN the object is being closed.
 */
int iocp_io_submit(struct iocp_io *io, struct iocp_op *ops, unsigned int nr,
		   struct iocp_result *results);

/**
 * iocp_io_cancel() - cancel operations; their callbacks still run.
 * @overlapped: which one; NULL: all of this object
 * @counts: if not NULL, which way it went
 * Return: 0, -ENOENT nothing in flight matches.
 */
int iocp_io_cancel(struct iocp_io *io, const void *overlapped, struct iocp_cancel_counts *counts);

/**
 * iocp_io_wait() - until nothing is in flight and no callback runs.
 * Return: 0, -EDEADLK called from a callback of this object (TP-20).
 */
int iocp_io_wait(struct iocp_io *io);

/* iocp_io_close() flags */
#define IOCP_IO_CLOSE_NOWAIT	(1U << 0)	/* drain behind the caller's back */

/**
 * iocp_io_close() - cancel, drain, and let go of the file (TR-4, TR-5).
 * @io: the object, or NULL; not to be used by the caller after this
 * @flags: 0 or IOCP_IO_CLOSE_NOWAIT
 *
 * What is in flight is cancelled, its callbacks run (with -ECANCELED where the
 * cancel was in time), and then the call returns: no buffer is in use any more
 * and no callback runs.  Inside a callback of this object, and with NOWAIT, it
 * returns at once and the same happens in the pool.
 *
 * Return: 0, -EINVAL unknown flag.
 */
int iocp_io_close(struct iocp_io *io, unsigned int flags);

/*
 * Error numbers: one table for both layers (semantics of Windows: an NTSTATUS
 * becomes a Win32 code).
 */

/** iocp_errno_to_status() - NTSTATUS of a (positive) errno; 0 for 0. */
uint32_t iocp_errno_to_status(int err);

/**
 * iocp_status_to_win32() - Win32 code of an NTSTATUS, as RtlNtStatusToDosError; one
 * that the library does not produce is ERROR_MR_MID_NOT_FOUND 317.
 */
uint32_t iocp_status_to_win32(uint32_t status);

/** iocp_win32_to_errno() - (positive) errno that fits a Win32 code best. */
int iocp_win32_to_errno(uint32_t code);

/**
 * iocp_version() - version of the library at run time: major << 16 | minor.
 */
unsigned int iocp_version(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* IOCP_H */
