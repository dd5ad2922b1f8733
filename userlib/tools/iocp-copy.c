// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * iocp-copy - copy a file or block device through completion callbacks.
 *
 * There are --depth slots.  A slot has one buffer and one operation in flight:
 * read a block, in that read's callback write it, in the write's callback take
 * the next block and read again.  A slot that finds no further block retires,
 * and the last one to retire wakes the main thread, which until then sleeps (it
 * wakes five times a second if it has a progress bar to draw).
 *
 * Blocks are handed out in ascending order and a failure only stops the handing
 * out; whatever was begun is finished.  So when all slots have retired, all of
 * the destination below the lowest offset that failed has been written, and
 * that offset is what the message names.
 *
 * --verify goes over both files again: a slot then has two reads in flight, and
 * the callback of the later one compares.
 *
 * The callbacks are those of CreateThreadpoolIo(), on the process's default pool.
 * That pool's size cannot be chosen, so --threads makes a pool of the native
 * interface instead; all that differs is in attach() to cancel_all() below.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/fs.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include <iocp.h>
#include <iocp/windows.h>

/* Exit statuses; iocp-copy(1) documents them. */
enum {
	EXIT_OTHER	= 1,
	EXIT_USAGE	= 2,
	EXIT_NO_MODULE	= 3,
	EXIT_NO_RIGHT	= 4,
	EXIT_SOURCE	= 5,
	EXIT_DEST	= 6,
	EXIT_SMALL	= 7,
	EXIT_FULL	= 8,
	EXIT_READ	= 9,
	EXIT_WRITE	= 10,
	EXIT_DIFFER	= 11,
	EXIT_SAME	= 12,
	EXIT_SIGNAL	= 128,
};

#define DEFAULT_DEPTH	32
#define DEFAULT_BLOCK	(256U << 10)
#define MAX_DEPTH	1024
#define MAX_BLOCK	(256U << 20)
#define MAX_MEMORY	(1ULL << 30)	/* of all buffers */
#define MAX_THREADS	500
#define PAGE		4096U
#define NSEC		1000000000ULL
#define REDRAW_MS	200

/*
 * Latencies are counted in buckets of 1/32 of a power of two, so a percentile
 * is at most 3.2 % too high and nothing is allocated while operations run.
 */
#define SUB_BITS	5
#define SUB		(1U << SUB_BITS)
#define BUCKETS		((64 - SUB_BITS + 1) * SUB)

enum phase { READ_SOURCE, PATCH_TAIL, WRITE_DEST, VERIFY };

struct slot;

struct request {
	OVERLAPPED ov;			/* first: the callback is given its address */
	struct slot *slot;
	uint64_t started;
};

struct slot {
	struct request req[2];		/* the second one only to verify */
	unsigned char *buf[2];
	enum phase phase;
	uint64_t offset;
	uint32_t len;			/* without padding */
	uint32_t to_write;		/* with padding */
	uint32_t written;
	atomic_int reads_left;		/* VERIFY */
	atomic_bool failed;		/* VERIFY */
};

/* One of the two files. */
struct side {
	const char *path;
	HANDLE handle;			/* on the default pool, */
	PTP_IO io;
	struct iocp_io *native;		/* or on one of our own */
	int fd;				/* for what is not I/O; keeps the exclusive claim too */
	uint32_t align;			/* of direct I/O, else 1 */
	bool is_blk;
	struct stat st;
};

enum cause { NO_FAULT, READ_FAILED, WRITE_FAILED, SOURCE_ENDED, SHORT_WRITE, DIFFERENT,
	     INTERRUPTED };

static struct {
	/* constant while slots run */
	struct side src, dst;
	struct slot *slots;
	unsigned char *patch;		/* the destination's last block, PATCH_TAIL */
	uint64_t size;
	uint32_t block;
	unsigned int depth;
	unsigned int threads;		/* 0: the default pool */
	struct iocp_pool *pool;
	bool direct, verify;
	int done_fd;

	/* moved by callbacks */
	_Atomic uint64_t next;		/* offset of the next block to hand out */
	_Atomic uint64_t moved;		/* bytes that are finished */
	_Atomic uint64_t ops;
	atomic_uint running;		/* slots that have not retired */
	atomic_bool stop;		/* hand out no more blocks */
	atomic_int signal;		/* begin nothing more at all */
	_Atomic uint32_t hist[BUCKETS];

	/* the fault with the lowest offset, under fault_lock */
	pthread_mutex_t fault_lock;
	enum cause cause;
	uint64_t fault_offset;
	const struct side *fault_side;
	unsigned int fault_code;	/* Win32 */
	int fault_errno;
} job = {
	.depth = DEFAULT_DEPTH,
	.block = DEFAULT_BLOCK,
	.fault_lock = PTHREAD_MUTEX_INITIALIZER,
	.src = { .fd = -1, .align = 1 },
	.dst = { .fd = -1, .align = 1 },
};

static void __attribute__((noreturn, format(printf, 2, 3)))
die(int status, const char *fmt, ...)
{
	va_list ap;

	fputs("iocp-copy: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(status);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC + ts.tv_nsec;
}

static uint32_t round_up(uint32_t n, uint32_t align)
{
	return (n + align - 1) / align * align;
}

/* Latency */

static unsigned int bucket_of(uint64_t ns)
{
	unsigned int shift;

	if (ns < SUB)
		return ns;
	shift = 63 - __builtin_clzll(ns) - SUB_BITS;
	return (shift + 1) * SUB + ((ns >> shift) & (SUB - 1));
}

static uint64_t bucket_top(unsigned int i)
{
	unsigned int shift;

	if (i < SUB)
		return i;
	shift = i / SUB - 1;
	return ((uint64_t)(SUB + i % SUB + 1) << shift) - 1;
}

static void count_latency(uint64_t started)
{
	atomic_fetch_add_explicit(&job.hist[bucket_of(now() - started)], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&job.ops, 1, memory_order_relaxed);
}

static uint64_t percentile(unsigned int percent)
{
	uint64_t rank = (job.ops * percent + 99) / 100, seen = 0;
	unsigned int i;

	for (i = 0; i < BUCKETS; i++) {
		seen += job.hist[i];
		if (seen >= rank)
			break;
	}
	return bucket_top(i);
}

/* Faults */

static void fault(enum cause cause, const struct side *side, uint64_t offset, unsigned int code,
		  int err)
{
	if (job.signal && code == ERROR_OPERATION_ABORTED)
		cause = INTERRUPTED;
	atomic_store(&job.stop, true);
	pthread_mutex_lock(&job.fault_lock);
	if (job.cause == NO_FAULT || offset < job.fault_offset) {
		job.cause = cause;
		job.fault_offset = offset;
		job.fault_side = side;
		job.fault_code = code;
		job.fault_errno = err;
	}
	pthread_mutex_unlock(&job.fault_lock);
}

static void retire(void)
{
	uint64_t one = 1;

	if (atomic_fetch_sub(&job.running, 1) == 1 &&
	    write(job.done_fd, &one, sizeof(one)) != sizeof(one))
		abort();		/* an eventfd at 0 takes a 1 */
}

/* Operations */

static bool issue_native(struct side *side, struct request *r, bool write, void *buf,
			 uint64_t offset, uint32_t len)
{
	struct iocp_op op;
	int ret;

	if (write)
		iocp_prep_write(&op, NULL, buf, len, offset, r);
	else
		iocp_prep_read(&op, NULL, buf, len, offset, r);
	ret = iocp_io_submit(side->native, &op, 1, NULL);
	if (ret == 1)
		return true;
	fault(write ? WRITE_FAILED : READ_FAILED, side, offset,
	      iocp_status_to_win32(iocp_errno_to_status(-ret)), -ret);
	return false;
}

/*
 * Start one operation.  False if it was refused: then no callback comes for it.
 * Else the callback may have run already and the request be in use again.
 */
static bool issue(struct side *side, struct request *r, bool write, void *buf, uint64_t offset,
		  uint32_t len)
{
	DWORD code;

	r->started = now();
	if (side->native)
		return issue_native(side, r, write, buf, offset, len);

	memset(&r->ov, 0, sizeof(r->ov));
	r->ov.Offset = (DWORD)offset;
	r->ov.OffsetHigh = (DWORD)(offset >> 32);
	StartThreadpoolIo(side->io);
	if (write ? WriteFile(side->handle, buf, len, NULL, &r->ov) :
		    ReadFile(side->handle, buf, len, NULL, &r->ov))
		return true;		/* its packet comes all the same */
	code = GetLastError();
	if (code == ERROR_IO_PENDING)
		return true;
	CancelThreadpoolIo(side->io);
	fault(write ? WRITE_FAILED : READ_FAILED, side, offset, code, iocp_last_errno());
	return false;
}

static bool take_block(struct slot *s)
{
	uint64_t offset;

	if (atomic_load(&job.stop))
		return false;
	offset = atomic_fetch_add(&job.next, job.block);
	if (offset >= job.size)
		return false;
	s->offset = offset;
	s->len = job.size - offset < job.block ? job.size - offset : job.block;
	return true;
}

static void read_next(struct slot *s)
{
	if (!take_block(s)) {
		retire();
		return;
	}
	s->phase = READ_SOURCE;
	/* A direct read of the last bytes is for whole sectors and comes back short. */
	if (!issue(&job.src, &s->req[0], false, s->buf[0], s->offset,
		   round_up(s->len, job.src.align)))
		retire();
}

static void write_rest(struct slot *s)
{
	s->phase = WRITE_DEST;
	if (!issue(&job.dst, &s->req[0], true, s->buf[0] + s->written, s->offset + s->written,
		   s->to_write - s->written))
		retire();
}

static void write_block(struct slot *s, uint32_t len)
{
	s->to_write = len;
	s->written = 0;
	write_rest(s);
}

/* The block is in the buffer. */
static void was_read(struct slot *s, unsigned int code, int err, uint64_t bytes)
{
	uint32_t whole = s->len / job.dst.align * job.dst.align;

	if (code == ERROR_HANDLE_EOF || (!code && bytes < s->len && !job.signal)) {
		fault(SOURCE_ENDED, &job.src, s->offset + bytes, code, 0);
		retire();
	} else if (code || bytes < s->len) {
		fault(READ_FAILED, &job.src, s->offset, code ? code : ERROR_OPERATION_ABORTED, err);
		retire();
	} else if (job.signal) {
		fault(INTERRUPTED, &job.dst, s->offset, 0, 0);
		retire();
	} else if (whole == s->len) {
		write_block(s, s->len);
	} else if (!job.dst.is_blk) {
		/* A direct write is of whole sectors; finish() cuts the file to its size. */
		memset(s->buf[0] + s->len, 0, round_up(s->len, job.dst.align) - s->len);
		write_block(s, round_up(s->len, job.dst.align));
	} else {
		/* What lies behind the copy in the device's last sector stays as it is. */
		s->phase = PATCH_TAIL;
		if (!issue(&job.dst, &s->req[0], false, job.patch, s->offset + whole,
			   job.dst.align))
			retire();
	}
}

static void was_patched(struct slot *s, unsigned int code, int err, uint64_t bytes)
{
	uint32_t used = s->len % job.dst.align;

	if (code || bytes < job.dst.align) {
		fault(READ_FAILED, &job.dst, s->offset, code ? code : ERROR_OPERATION_ABORTED, err);
		retire();
		return;
	}
	memcpy(s->buf[0] + s->len, job.patch + used, job.dst.align - used);
	write_block(s, round_up(s->len, job.dst.align));
}

static void was_written(struct slot *s, unsigned int code, int err, uint64_t bytes)
{
	uint32_t good;

	s->written += bytes;
	good = s->written < s->len ? s->written : s->len;
	if (code) {
		fault(WRITE_FAILED, &job.dst, s->offset + good, code, err);
		retire();
	} else if (s->written == s->to_write) {
		atomic_fetch_add_explicit(&job.moved, s->len, memory_order_relaxed);
		read_next(s);
	} else if (job.signal || !bytes) {
		fault(job.signal ? INTERRUPTED : SHORT_WRITE, &job.dst, s->offset + good, 0, 0);
		retire();
	} else {
		/* Something stopped it (a file size limit, say): the rest will tell what. */
		write_rest(s);
	}
}

static void verify_part(struct slot *s);

static void verify_next(struct slot *s)
{
	struct side *side;
	int i;

	if (!take_block(s)) {
		retire();
		return;
	}
	s->phase = VERIFY;
	atomic_store(&s->failed, false);
	/* One more than there are reads: the second may end before it is counted. */
	atomic_store(&s->reads_left, 3);
	for (i = 0; i < 2; i++) {
		side = i ? &job.dst : &job.src;
		/* A read that succeeds and brings nothing must not find the other's bytes. */
		for (uint32_t p = 0; p < s->len; p += PAGE)
			s->buf[i][p] = i ? 0x55 : 0xaa;
		if (!issue(side, &s->req[i], false, s->buf[i], s->offset,
			   round_up(s->len, side->align))) {
			atomic_store(&s->failed, true);
			verify_part(s);
		}
	}
	verify_part(s);
}

static void verify_part(struct slot *s)
{
	uint32_t i;

	if (atomic_fetch_sub(&s->reads_left, 1) != 1)
		return;
	if (atomic_load(&s->failed)) {
		retire();
		return;
	}
	if (memcmp(s->buf[0], s->buf[1], s->len)) {
		for (i = 0; s->buf[0][i] == s->buf[1][i]; i++)
			;
		fault(DIFFERENT, &job.dst, s->offset + i, 0, 0);
		retire();
		return;
	}
	atomic_fetch_add_explicit(&job.moved, s->len, memory_order_relaxed);
	verify_next(s);
}

static void was_read_back(struct slot *s, struct request *r, unsigned int code, int err,
			  uint64_t bytes)
{
	const struct side *side = r == &s->req[0] ? &job.src : &job.dst;

	if (code && code != ERROR_HANDLE_EOF) {
		fault(READ_FAILED, side, s->offset, code, err);
		atomic_store(&s->failed, true);
	} else if (bytes < s->len) {
		fault(job.signal ? INTERRUPTED : DIFFERENT, side, s->offset + bytes, code, 0);
		atomic_store(&s->failed, true);
	}
	verify_part(s);
}

static void request_done(struct request *r, unsigned int code, int err, uint64_t bytes)
{
	struct slot *s = r->slot;

	count_latency(r->started);
	switch (s->phase) {
	case READ_SOURCE:
		was_read(s, code, err, bytes);
		break;
	case PATCH_TAIL:
		was_patched(s, code, err, bytes);
		break;
	case WRITE_DEST:
		was_written(s, code, err, bytes);
		break;
	case VERIFY:
		was_read_back(s, r, code, err, bytes);
		break;
	}
}

static VOID CALLBACK io_done(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			     ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	(void)instance;
	(void)context;
	(void)io;
	request_done(overlapped, result, result ? iocp_last_errno() : 0, bytes);
}

static void native_done(struct iocp_io *io, void *context, const struct iocp_packet *packet)
{
	unsigned int code = iocp_status_to_win32(iocp_errno_to_status(-packet->res));

	(void)io;
	(void)context;
	if (!packet->res && !packet->info)
		code = ERROR_HANDLE_EOF;	/* nothing here asks for 0 bytes */
	request_done((struct request *)(uintptr_t)packet->overlapped, code, -packet->res,
		     packet->info);
}

static void attach(struct side *s, int status)
{
	int err;

	if (job.pool) {
		err = -iocp_io_create(&s->native, job.pool, s->fd, native_done, NULL);
		if (!err)
			return;
	} else {
		s->handle = (HANDLE)_get_osfhandle(s->fd);
		if (s->handle != INVALID_HANDLE_VALUE)
			s->io = CreateThreadpoolIo(s->handle, io_done, NULL, NULL);
		if (s->io)
			return;
		err = iocp_last_errno();
	}
	die(status, "cannot bring %s into a completion port: %s", s->path, strerror(err));
}

static void detach(struct side *s)
{
	if (s->native) {
		iocp_io_close(s->native, 0);
	} else {
		/* By the book: the file first, then the object its completions go to. */
		CloseHandle(s->handle);
		CloseThreadpoolIo(s->io);
	}
	close(s->fd);
}

/* A callback that has told of its end may still be on its way out. */
static void wait_callbacks(struct side *s)
{
	if (s->native)
		iocp_io_wait(s->native);
	else
		WaitForThreadpoolIoCallbacks(s->io, FALSE);
}

/* What cannot be cancelled ends by itself; either way it calls back. */
static void cancel_all(struct side *s)
{
	if (s->native)
		iocp_io_cancel(s->native, NULL, NULL);
	else
		CancelIoEx(s->handle, NULL);
}

static void make_pool(void)
{
	struct iocp_pool_params params = { .max_threads = job.threads };
	int ret = iocp_pool_create(&job.pool, &params);

	if (ret)
		die(EXIT_OTHER, "cannot start a pool of threads: %s", strerror(-ret));
}

/* Running one pass over the file */

static void draw_progress(const char *what, uint64_t started)
{
	static const char bar[] = "########################################";
	uint64_t moved = job.moved, ns = now() - started;
	unsigned int percent = job.size ? moved * 100 / job.size : 100;
	int full = percent * (sizeof(bar) - 1) / 100;

	fprintf(stderr, "\r%-6s %3u%% [%.*s%*s] %8.1f MB/s ", what, percent, full, bar,
		(int)sizeof(bar) - 1 - full, "", ns ? moved * 1e3 / ns : 0.0);
	fflush(stderr);
}

static void erase_progress(void)
{
	fprintf(stderr, "\r%*s\r", 78, "");
	fflush(stderr);
}

/*
 * Let all slots work until the last block is through, something fails or a
 * signal comes.  Returns the nanoseconds it took.
 */
static uint64_t run(const char *what, void (*begin)(struct slot *), int signal_fd)
{
	struct pollfd fds[2] = {
		{ .fd = job.done_fd, .events = POLLIN },
		{ .fd = signal_fd, .events = POLLIN },
	};
	bool progress = isatty(STDERR_FILENO);
	uint64_t started = now(), done = 0;
	struct signalfd_siginfo info;
	unsigned int i;

	job.next = 0;
	job.moved = 0;
	job.ops = 0;
	memset(job.hist, 0, sizeof(job.hist));
	atomic_store(&job.running, job.depth);
	for (i = 0; i < job.depth; i++)
		begin(&job.slots[i]);

	while (!done) {
		if (poll(fds, 2, progress ? REDRAW_MS : -1) < 0 && errno != EINTR)
			die(EXIT_OTHER, "poll: %s", strerror(errno));
		if (progress)
			draw_progress(what, started);
		if ((fds[1].revents & POLLIN) &&
		    read(signal_fd, &info, sizeof(info)) == sizeof(info)) {
			if (job.signal)
				_exit(EXIT_SIGNAL + info.ssi_signo);
			atomic_store(&job.signal, info.ssi_signo);
			atomic_store(&job.stop, true);
			cancel_all(&job.src);
			cancel_all(&job.dst);
			if (progress)
				erase_progress();
			fprintf(stderr, "iocp-copy: %s: finishing what is in flight; once more to leave at once\n",
				strsignal(info.ssi_signo));
		}
		if ((fds[0].revents & POLLIN) &&
		    read(job.done_fd, &done, sizeof(done)) != sizeof(done))
			done = 0;
	}
	if (progress)
		erase_progress();
	wait_callbacks(&job.src);
	wait_callbacks(&job.dst);
	return now() - started;
}

static const char *duration(uint64_t ns, char *buf, size_t size)
{
	if (!job.ops)
		return "-";
	if (ns < 10000000)
		snprintf(buf, size, "%.0f us", ns / 1e3);
	else if (ns < 10 * NSEC)
		snprintf(buf, size, "%.1f ms", ns / 1e6);
	else
		snprintf(buf, size, "%.1f s", ns / 1e9);
	return buf;
}

static void print_result(const char *what, uint64_t ns)
{
	char p50[32], p99[32];

	printf("%s %llu bytes in %.3f s, %.1f MB/s, %llu operations, latency p50 %s, p99 %s\n", what,
	       (unsigned long long)job.size, ns / 1e9, job.size * 1e3 / (ns ? ns : 1),
	       (unsigned long long)job.ops, duration(percentile(50), p50, sizeof(p50)),
	       duration(percentile(99), p99, sizeof(p99)));
	fflush(stdout);
}

/* What went wrong, in words, and the exit status that goes with it. */

static const char *reason(void)
{
	static char text[240];

	if (job.fault_errno == EAGAIN || job.fault_errno == ENOMEM)
		snprintf(text, sizeof(text),
			 "%s (Win32 error %u): too many operations or too much memory in flight, lower --depth or --block",
			 strerror(job.fault_errno), job.fault_code);
	else if (job.fault_errno == EINVAL && job.direct)
		snprintf(text, sizeof(text),
			 "%s (Win32 error %u): if it cannot do direct I/O, leave out --direct",
			 strerror(EINVAL), job.fault_code);
	else if (job.fault_errno)
		snprintf(text, sizeof(text), "%s (Win32 error %u)", strerror(job.fault_errno),
			 job.fault_code);
	else
		snprintf(text, sizeof(text), "Win32 error %u", job.fault_code);
	return text;
}

static void __attribute__((noreturn)) report_fault(bool verifying)
{
	uint64_t first = job.next < job.fault_offset || !job.cause ? job.next : job.fault_offset;
	unsigned long long offset = job.fault_offset, good, size = job.size;
	const char *path = job.fault_side ? job.fault_side->path : "";
	const char *dst = job.dst.path;

	good = first < job.size ? first : job.size;
	/* Blocks behind the first hole are of no use in a file that shall be a prefix. */
	if (!verifying && !job.dst.is_blk && ftruncate(job.dst.fd, good))
		fprintf(stderr, "iocp-copy: cannot cut %s to %llu bytes: %s\n", dst, good,
			strerror(errno));
	if (job.signal && (!job.cause || job.cause == INTERRUPTED)) {
		if (verifying)
			die(EXIT_SIGNAL + job.signal,
			    "interrupted: the copy is complete, its first %llu of %llu bytes were verified",
			    good, size);
		die(EXIT_SIGNAL + job.signal, "interrupted: %s holds the first %llu of %llu bytes",
		    dst, good, size);
	}
	switch (job.cause) {
	case DIFFERENT:
		die(EXIT_DIFFER,
		    "%s differs from %s at offset %llu: do not use the copy; unless something wrote to one of them meanwhile, look at the device's log (dmesg)",
		    dst, job.src.path, offset);
	case SOURCE_ENDED:
		die(EXIT_READ,
		    "%s ended at offset %llu, it had %llu bytes when the copy began: something shortened it; %s holds the first %llu bytes",
		    path, offset, size, dst, good);
	case READ_FAILED:
		if (verifying)
			die(EXIT_READ, "reading %s back failed at offset %llu: %s", path, offset,
			    reason());
		die(EXIT_READ,
		    "reading %s failed at offset %llu: %s; %s holds the first %llu of %llu bytes%s",
		    path, offset, reason(), dst, good, size,
		    job.fault_errno == EIO ? ", see dmesg for what the device said" : "");
	case WRITE_FAILED:
		if (job.fault_errno == ENOSPC || job.fault_errno == EDQUOT)
			die(EXIT_FULL,
			    "writing %s failed at offset %llu: %s; it holds the first %llu of %llu bytes: make room for %llu more and start again",
			    path, offset, reason(), good, size, size - good);
		die(EXIT_WRITE,
		    "writing %s failed at offset %llu: %s; it holds the first %llu of %llu bytes",
		    path, offset, reason(), good, size);
	default:
		die(EXIT_WRITE, "writing %s stopped at offset %llu although nothing failed", path,
		    offset);
	}
}

/* Opening */

static void check_module(void)
{
	struct iocp_port *port;
	int ret = iocp_open(&port, NULL);

	switch (-ret) {
	case 0:
		iocp_close(port);
		return;
	case ENOENT:
	case ENXIO:
	case ENODEV:
		die(EXIT_NO_MODULE,
		    "no %s: the iocp module is not loaded; load it with \"modprobe iocp\", or \"make load\" in its source tree, as root",
		    IOCP_DEVICE_PATH);
	case EACCES:
	case EPERM:
		die(EXIT_NO_RIGHT,
		    "no permission to open %s: join the group it belongs to (ls -l %s), or run this as root",
		    IOCP_DEVICE_PATH, IOCP_DEVICE_PATH);
	case EAGAIN:
		die(EXIT_OTHER,
		    "cannot make a completion port: you have as many as one user may (/sys/module/iocp/parameters/max_ports)");
	default:
		die(EXIT_OTHER, "cannot make a completion port: %s", strerror(-ret));
	}
}

static uint64_t blk_size(const struct side *s, int status)
{
	uint64_t size;

	if (ioctl(s->fd, BLKGETSIZE64, &size))
		die(status, "cannot tell the size of %s: %s", s->path, strerror(errno));
	return size;
}

/* What direct I/O on this file wants offsets and lengths to be multiples of. */
static void find_align(struct side *s, int status)
{
	int sector = PAGE;
#ifdef STATX_DIOALIGN
	struct statx stx;
#endif

	if (s->is_blk) {
		if (ioctl(s->fd, BLKSSZGET, &sector))
			die(status, "cannot tell the sector size of %s: %s", s->path,
			    strerror(errno));
	}
#ifdef STATX_DIOALIGN
	else if (!statx(s->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) &&
		 (stx.stx_mask & STATX_DIOALIGN) && stx.stx_dio_offset_align) {
		sector = stx.stx_dio_offset_align;
	}
#endif
	s->align = sector;
}

static int open_or_die(struct side *s, int flags, mode_t mode, int status, const char *what)
{
	int fd = open(s->path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, mode);

	if (fd >= 0)
		return fd;
	switch (errno) {
	case EACCES:
	case EPERM:
		die(status, "cannot open %s %s: %s; look at its permissions (ls -l) or run this as root",
		    s->path, what, strerror(errno));
	case EBUSY:
		die(status, "cannot open %s %s: it is in use (mounted, or part of another device)",
		    s->path, what);
	default:
		die(status, "cannot open %s %s: %s", s->path, what, strerror(errno));
	}
}

/* Look at what was opened.  @made: it is new and to be removed if it is of no use. */
static void check_kind(struct side *s, int status, bool made)
{
	int flags = fcntl(s->fd, F_GETFL);

	if (flags < 0 || fstat(s->fd, &s->st))
		die(status, "%s: %s", s->path, strerror(errno));
	s->is_blk = S_ISBLK(s->st.st_mode);
	if (S_ISDIR(s->st.st_mode))
		die(status, "%s is a directory: name a file in it", s->path);
	if (!s->is_blk && !S_ISREG(s->st.st_mode))
		die(status, "%s is neither a regular file nor a block device", s->path);
	/* O_NONBLOCK was for opening only: a FIFO must not make that wait. */
	flags = (flags & ~O_NONBLOCK) | (job.direct ? O_DIRECT : 0);
	if (fcntl(s->fd, F_SETFL, flags)) {
		int err = errno;

		if (made)
			unlink(s->path);
		if (err == EINVAL && job.direct)
			die(status, "%s cannot do direct I/O: leave out --direct", s->path);
		die(status, "%s: %s", s->path, strerror(err));
	}
	if (job.direct)
		find_align(s, status);
}

static void open_source(void)
{
	struct side *s = &job.src;

	s->fd = open_or_die(s, O_RDONLY, 0, EXIT_SOURCE, "for reading");
	check_kind(s, EXIT_SOURCE, false);
	job.size = s->is_blk ? blk_size(s, EXIT_SOURCE) : (uint64_t)s->st.st_size;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	if (S_ISBLK(a->st_mode) && S_ISBLK(b->st_mode))
		return a->st_rdev == b->st_rdev;
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/*
 * Everything that can be found wrong with the destination is found before it is
 * changed.  A block device is opened exclusively: that fails if it is mounted.
 */
static void open_dest(void)
{
	struct side *s = &job.dst;
	uint64_t capacity;
	bool made = true;
	struct stat st;

	if (!stat(s->path, &st)) {
		made = false;
		if (same_file(&st, &job.src.st))
			die(EXIT_SAME, "%s and %s are the same file", job.src.path, s->path);
		if (S_ISDIR(st.st_mode))
			die(EXIT_DEST, "%s is a directory: name a file in it", s->path);
	}
	if (!made && S_ISBLK(st.st_mode))
		s->fd = open_or_die(s, O_RDWR | O_EXCL, 0, EXIT_DEST, "for writing");
	else
		s->fd = open_or_die(s, O_RDWR | O_CREAT,
				    job.src.is_blk ? 0600 : job.src.st.st_mode & 0777, EXIT_DEST,
				    "for writing");
	check_kind(s, EXIT_DEST, made);
	/* Once more, with what was really opened. */
	if (same_file(&s->st, &job.src.st))
		die(EXIT_SAME, "%s and %s are the same file", job.src.path, s->path);
	if (!s->is_blk)
		return;
	capacity = blk_size(s, EXIT_DEST);
	if (capacity < job.size)
		die(EXIT_SMALL, "%s is too small: it has %llu bytes, %s has %llu; nothing was written",
		    s->path, (unsigned long long)capacity, job.src.path,
		    (unsigned long long)job.size);
}

static void make_slots(void)
{
	uint64_t blocks = job.size / job.block + 1;
	struct slot *s;
	unsigned char *p;
	size_t size;

	if (job.depth > blocks)
		job.depth = blocks;
	size = (size_t)job.depth * job.block * (job.verify ? 2 : 1);
	job.slots = calloc(job.depth, sizeof(*job.slots));
	/* Mapped: direct I/O wants aligned buffers.  The last part is the patch. */
	p = mmap(NULL, size + job.dst.align, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		 -1, 0);
	if (!job.slots || p == MAP_FAILED)
		die(EXIT_OTHER, "no memory for %u blocks of %u bytes: lower --depth or --block",
		    job.depth, job.block);
	for (s = job.slots; s < job.slots + job.depth; s++) {
		s->req[0].slot = s;
		s->req[1].slot = s;
		s->buf[0] = p;
		p += job.block;
		if (job.verify) {
			s->buf[1] = p;
			p += job.block;
		}
	}
	job.patch = p;
}

static void copy(int signal_fd)
{
	uint64_t ns, flushed;

	if (!job.dst.is_blk && ftruncate(job.dst.fd, 0))
		die(EXIT_DEST, "cannot truncate %s: %s", job.dst.path, strerror(errno));
	ns = run("copy", read_next, signal_fd);
	if (job.cause || job.signal)
		report_fault(false);
	if (!job.dst.is_blk && ftruncate(job.dst.fd, job.size))
		die(EXIT_WRITE, "cannot set the size of %s: %s", job.dst.path, strerror(errno));
	/* A copy that is only in memory has not met the device's errors yet. */
	flushed = now();
	if (fsync(job.dst.fd))
		die(errno == ENOSPC || errno == EDQUOT ? EXIT_FULL : EXIT_WRITE,
		    "flushing %s failed: %s; what it holds is not certain, see dmesg",
		    job.dst.path, strerror(errno));
	print_result("copied", ns + now() - flushed);
}

static void verify(int signal_fd)
{
	struct stat st;
	uint64_t ns;

	/* Read from the devices and not from the page cache; after the flush all is clean. */
	posix_fadvise(job.src.fd, 0, 0, POSIX_FADV_DONTNEED);
	posix_fadvise(job.dst.fd, 0, 0, POSIX_FADV_DONTNEED);
	ns = run("verify", verify_next, signal_fd);
	if (job.cause || job.signal)
		report_fault(true);
	if (!job.dst.is_blk && (fstat(job.dst.fd, &st) || (uint64_t)st.st_size != job.size))
		die(EXIT_DIFFER, "%s changed its size while it was verified", job.dst.path);
	print_result("verified", ns);
}

/* The command line */

static const char usage[] =
	"Usage: iocp-copy [OPTION]... SRC DST\n"
	"Copy a regular file or block device through I/O completion callbacks.\n"
	"\n"
	"  --depth N      operations in flight (default 32)\n"
	"  --block BYTES  size of each, suffixes K and M (default 256K)\n"
	"  --threads N    run callbacks on at most N threads (default: as needed)\n"
	"  --direct       bypass the page cache on both sides (O_DIRECT)\n"
	"  --verify       read both back afterwards and compare\n"
	"  --help         this text\n"
	"  --version      version of the tool and the library\n"
	"\n"
	"Exit status: 0 done, 2 usage, 3 module not loaded, 4 no permission on " IOCP_DEVICE_PATH ",\n"
	"5 source cannot be opened, 6 destination cannot be opened, 7 destination too\n"
	"small, 8 disk full, 9 read error, 10 write error, 11 verify found a difference,\n"
	"12 source and destination are the same, 128+n signal n, 1 anything else.\n";

static uint64_t parse_number(const char *option, const char *text, bool suffixes, uint64_t max)
{
	unsigned long long n;
	unsigned int shift = 0;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (suffixes && *end == 'K')
		shift = 10;
	else if (suffixes && *end == 'M')
		shift = 20;
	if (shift)
		end++;
	/* strtoull takes a sign, and makes a large number of it */
	if (*text < '0' || *text > '9' || *end || errno || n > max >> shift || !n)
		die(EXIT_USAGE, "%s: \"%s\" is not a number from 1 to %llu", option, text,
		    (unsigned long long)max);
	return n << shift;
}

static void parse(int argc, char **argv)
{
	enum { DEPTH = 256, BLOCK, THREADS, DIRECT, VERIFIED, HELP, VERSION };
	static const struct option options[] = {
		{ "depth",   required_argument, NULL, DEPTH },
		{ "block",   required_argument, NULL, BLOCK },
		{ "threads", required_argument, NULL, THREADS },
		{ "direct",  no_argument,       NULL, DIRECT },
		{ "verify",  no_argument,       NULL, VERIFIED },
		{ "help",    no_argument,       NULL, HELP },
		{ "version", no_argument,       NULL, VERSION },
		{ NULL, 0, NULL, 0 }
	};
	unsigned int version = iocp_version();
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case DEPTH:
			job.depth = parse_number("--depth", optarg, false, MAX_DEPTH);
			break;
		case BLOCK:
			job.block = parse_number("--block", optarg, true, MAX_BLOCK);
			break;
		case THREADS:
			job.threads = parse_number("--threads", optarg, false, MAX_THREADS);
			break;
		case DIRECT:
			job.direct = true;
			break;
		case VERIFIED:
			job.verify = true;
			break;
		case HELP:
			fputs(usage, stdout);
			exit(0);
		case VERSION:
			printf("iocp-copy %d.%d, libiocp %u.%u\n", IOCP_VERSION_MAJOR,
			       IOCP_VERSION_MINOR, version >> 16, version & 0xffff);
			exit(0);
		default:
			fputs("Try: iocp-copy --help\n", stderr);
			exit(EXIT_USAGE);
		}
	}
	if (argc - optind != 2) {
		fputs(usage, stderr);
		exit(EXIT_USAGE);
	}
	job.src.path = argv[optind];
	job.dst.path = argv[optind + 1];
	if ((uint64_t)job.depth * job.block * (job.verify ? 2 : 1) > MAX_MEMORY)
		die(EXIT_USAGE, "%u blocks of %u bytes%s are more than %llu MiB: lower --depth or --block",
		    job.depth, job.block, job.verify ? ", twice to verify," : "", MAX_MEMORY >> 20);
}

int main(int argc, char **argv)
{
	uint32_t align;
	sigset_t set;
	int signal_fd;

	parse(argc, argv);

	/* EFBIG says it with an offset; the signals are read where run() waits. */
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	job.done_fd = eventfd(0, EFD_CLOEXEC);
	if (signal_fd < 0 || job.done_fd < 0)
		die(EXIT_OTHER, "cannot make a file descriptor: %s", strerror(errno));

	check_module();
	open_source();
	open_dest();
	align = job.src.align > job.dst.align ? job.src.align : job.dst.align;
	if (job.block % align)
		die(EXIT_USAGE, "--block %u: with --direct it must be a multiple of %u here",
		    job.block, align);
	make_slots();
	if (job.threads)
		make_pool();
	attach(&job.src, EXIT_SOURCE);
	attach(&job.dst, EXIT_DEST);

	copy(signal_fd);
	if (job.verify)
		verify(signal_fd);
	detach(&job.src);
	detach(&job.dst);
	iocp_pool_destroy(job.pool);
	return 0;
}
