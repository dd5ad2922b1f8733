// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * rw.c - ReadFile and WriteFile.
 *
 * Overlapped, in a port or TP_IO: the kernel queues a packet for everything it
 * accepts, unless the skip mode let it answer at once; what the caller is told and
 * whether a packet comes are therefore one and the same (NM-15).
 *
 * Overlapped without either, or where the port was closed: through the internal port,
 * where nobody but the OVERLAPPED is told, so that what was done at once needs no
 * packet at all.
 *
 * With an event: through the internal port, too, which has a thread then that sets the
 * event though nobody takes packets, and posts one where the file has a port.
 *
 * Scattered: as vectors.
 *
 * Not overlapped: read(2) and write(2).  But where a thread may wait for long and
 * somebody may have its handle, through the internal port, with an OVERLAPPED of our own:
 * that is what CancelSynchronousIo() can end, without a signal and without a race.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "win.h"

#define OFFSET_FILE_POINTER	((int64_t)-2)	/* OV-7: not overlapped only */

struct transfer {
	bool write;
	void *buf;
	size_t len;
	const struct iovec *iov;	/* scattered: instead of buf, */
	unsigned int nr_iov;		/* so many */
};

static int64_t offset_of(const OVERLAPPED *o)
{
	return (int64_t)((uint64_t)o->OffsetHigh << 32 | o->Offset);
}

/*
 * Overlapped
 */

/* Hands one operation to a port; what became of it, never less than REFUSED. */
static inline void submit_to(struct iocp_port *port, const struct iocp_assoc *assoc,
			     struct iocp_op *op, struct iocp_result *result)
{
	int ret;

	op->assoc = assoc->index;
	op->assoc_gen = assoc->gen;
	*result = (struct iocp_result){ .state = IOCP_RESULT_QUEUED };
	ret = iocpi_submit(port, op, 1, result);
	if (unlikely(ret < 0)) {
		result->state = IOCP_RESULT_REFUSED;
		result->res = ret;
	}
}

static inline void prepare(struct iocp_op *op, const struct iocpi_file *f,
			   const struct transfer *t, LPOVERLAPPED o)
{
	uint64_t tagged = (uintptr_t)o | (t->len ? 0 : OVERLAPPED_EMPTY);
	uint64_t off = t->write && f->append_only ? IOCP_OFF_APPEND : (uint64_t)offset_of(o);

	if (t->iov)
		iocp_prep(op, t->write ? IOCP_OP_WRITEV : IOCP_OP_READV, NULL, t->iov, t->nr_iov,
			  off, (void *)(uintptr_t)tagged);
	else
		iocp_prep(op, t->write ? IOCP_OP_WRITE : IOCP_OP_READ, NULL, t->buf, t->len, off,
			  (void *)(uintptr_t)tagged);
	op->flags = IOCP_OP_F_NOSIGNAL;
}

/* Through the internal port.  @quiet: what is done at once needs no packet. */
static __attribute__((noinline)) int submit_internal(struct iocpi_file *f, struct iocp_op *op,
						     bool event, bool quiet,
						     struct iocp_result *result)
{
	struct iocp_port *port;
	int ret;

	ret = event ? iocpi_internal_serve() : 0;
	if (!ret)
		ret = iocpi_internal_bind(f, f->fd, &port);
	if (ret)
		return ret;
	if (quiet)
		op->flags |= IOCP_OP_F_INLINE_OK;
	submit_to(port, &f->internal_assoc, op, result);
	return 0;
}

/* Not pending: with what that means for the OVERLAPPED, and the operation's reference. */
static __attribute__((noinline)) BOOL overlapped_answered(struct iocpi_file *f, size_t len,
							  LPDWORD bytes, LPOVERLAPPED o,
							  const struct iocp_result *result,
							  bool skip)
{
	NTSTATUS status;

	if (result->state == IOCP_RESULT_DONE) {
		status = iocpi_io_status(result->res, result->info, 0, f->kind, !len, true);
		iocpi_complete(f, o, status, result->info, 0, false);
		/* OV-15b: a disk file is always pending, unless the skip mode says otherwise. */
		if (f->kind == KIND_FILE && !skip)
			return iocpi_fail_pending();
	} else {
		status = iocpi_refusal_status(-result->res, f->kind);
		iocpi_overlapped_finish(o, status, 0);
		iocpi_file_put(f, OBJ_OP);
	}
	if (status != STATUS_SUCCESS)
		return iocpi_fail_status(status, -result->res);
	if (bytes)
		*bytes = result->info;
	return TRUE;
}

/* The caller holds a user's and an operation's reference; the latter goes. */
static inline __attribute__((always_inline)) BOOL overlapped_io(struct iocpi_file *f,
								const struct transfer *t,
								LPDWORD bytes, LPOVERLAPPED o)
{
	uint32_t bind = load_acquire(&f->bind);
	bool bound = bind == BIND_PORT || bind == BIND_TPIO;
	bool skip = READ_ONCE(f->modes) & IOCP_MODE_SKIP_ON_SUCCESS;
	uintptr_t event = (uintptr_t)o->hEvent;
	bool elsewhere = !bound || event;
	struct iocp_result result;
	struct iocp_op op;
	NTSTATUS status;
	int ret;

	prepare(&op, f, t, o);
	if (!iocpi_overlapped_begin(f, o)) {
		iocpi_file_put(f, OBJ_OP);
		return FALSE;
	}
	if (likely(!elsewhere)) {
		submit_to(f->port, &f->assoc, &op, &result);
		if (likely(result.state == IOCP_RESULT_QUEUED))
			return iocpi_fail_pending();
		/* Also what a closed port leaves behind (CP-59). */
		elsewhere = result.state == IOCP_RESULT_REFUSED && result.res == -ESHUTDOWN;
	}
	if (elsewhere) {
		ret = submit_internal(f, &op, event, !bound || skip || event & EVENT_NO_PACKET,
				      &result);
		if (ret) {
			iocpi_file_put(f, OBJ_OP);
			status = iocp_errno_to_status(-ret);
			iocpi_overlapped_finish(o, status, 0);
			return iocpi_fail_status(status, -ret);
		}
		if (result.state == IOCP_RESULT_QUEUED)
			return iocpi_fail_pending();
	}
	return overlapped_answered(f, t->len, bytes, o, &result, bound && skip);
}

/*
 * Not overlapped
 */

/* A write that cannot raise SIGPIPE: blocked, and taken away if it is ours. */
static ssize_t write_quietly(int fd, enum iocpi_kind kind, const void *buf, size_t len)
{
	static const struct timespec now;
	sigset_t pipe_only, pending, saved;
	bool was_pending;
	ssize_t n;
	int err;

	if (kind == KIND_FILE)
		return write(fd, buf, len);
	if (kind == KIND_SOCKET)
		return send(fd, buf, len, MSG_NOSIGNAL);
	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	sigpending(&pending);
	was_pending = sigismember(&pending, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_only, &saved);
	n = write(fd, buf, len);
	err = errno;
	if (n < 0 && err == EPIPE && !was_pending)
		while (sigtimedwait(&pipe_only, NULL, &now) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	errno = err;
	return n;
}

static ssize_t transfer_some(struct iocpi_file *f, const struct transfer *t, size_t done,
			     int64_t off, bool append)
{
	struct iovec iov = { (char *)t->buf + done, t->len - done };

	if (off == OFFSET_FILE_POINTER) {
		if (!t->write)
			return read(f->fd, iov.iov_base, iov.iov_len);
		return write_quietly(f->fd, f->kind, iov.iov_base, iov.iov_len);
	}
	if (!t->write)
		return pread(f->fd, iov.iov_base, iov.iov_len, off + done);
	if (append)
		return pwritev2(f->fd, &iov, 1, 0, RWF_APPEND);
	return pwrite(f->fd, iov.iov_base, iov.iov_len, off + done);
}

/*
 * A stream, in a thread with a handle.  False: not possible, nothing was done.  The
 * result is in *mine; *err is the errno of a refusal.
 */
static bool stream_io(struct iocpi_file *f, const struct transfer *t, OVERLAPPED *mine, int *err)
{
	struct iocpi_sync *self = sync_of(iocpi_self.thread);
	struct iocp_result result = { .state = IOCP_RESULT_REFUSED };
	static bool no_port;
	struct iocp_op op;
	NTSTATUS status;
	int ret;

	if (READ_ONCE(no_port))
		return false;
	memset(mine, 0, sizeof(*mine));
	prepare(&op, f, t, mine);
	store_release(&mine->Internal, (ULONG_PTR)STATUS_PENDING);
	WRITE_ONCE(self->thread.io_file, iocpi_obj_id(&f->obj));
	store_release(&self->thread.io, mine);
	__atomic_fetch_add(&f->obj.word, OBJ_OP, __ATOMIC_RELAXED);	/* the packet's */
	ret = submit_internal(f, &op, false, true, &result);
	if (!ret && result.state == IOCP_RESULT_QUEUED) {
		iocpi_overlapped_wait(f, mine, IOCP_FOREVER);
		/* OV-17: it is the call that tells. */
		if (t->write && mine->Internal == (uint32_t)STATUS_PIPE_BROKEN)
			mine->Internal = (uint32_t)STATUS_PIPE_CLOSING;
	} else {
		iocpi_file_put(f, OBJ_OP);
		if (result.state == IOCP_RESULT_DONE) {
			status = iocpi_io_status(result.res, result.info, 0, f->kind, false, true);
		} else {
			*err = -result.res;
			status = iocpi_refusal_status(*err, f->kind);
		}
		mine->Internal = (uint32_t)status;
		mine->InternalHigh = result.info;
	}
	store_release(&self->thread.io, NULL);
	if (ret == -ENOENT || ret == -ENXIO || ret == -ENODEV || ret == -EACCES)
		WRITE_ONCE(no_port, true);
	return !ret;
}

BOOL WINAPI CancelSynchronousIo(HANDLE hThread)
{
	struct iocpi_sync *s = iocpi_sync_get(hThread, IOCPI_THREAD);
	struct iocpi_file *f;
	LPOVERLAPPED mine;
	bool found = false;

	if (!s)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	/*
	 * It may be over by now, and the next one begun at the same place: that is another
	 * one of this thread then, or one of another file, which is not found.
	 */
	mine = load_acquire(&s->thread.io);
	f = mine ? iocpi_file_get((HANDLE)(uintptr_t)READ_ONCE(s->thread.io_file), OBJ_USER) :
		   NULL;
	if (f) {
		found = iocpi_internal_cancel(f, 0, mine);
		iocpi_file_put(f, OBJ_USER);
	}
	iocpi_sync_put(&s->obj);
	return found ? TRUE : iocpi_fail(ERROR_NOT_FOUND);
}

/* Reads and writes until all is done (OV-20), a stream reads what is there.  Bytes. */
static size_t transfer_all(struct iocpi_file *f, const struct transfer *t, int64_t off, int *err)
{
	bool append = t->write && off == -1;
	size_t done = 0;
	ssize_t n;

	do {
		n = transfer_some(f, t, done, off, append);
		if (n > 0)
			done += n;
		else if (n < 0 && errno != EINTR)
			*err = errno;
	} while (!*err && n && done < t->len && (n < 0 || t->write || f->seekable));
	if (done)
		*err = 0;
	if (off >= 0)
		lseek(f->fd, off + done, SEEK_SET);	/* OV-5; -1 for what cannot seek */
	return done;
}

static BOOL sync_io(struct iocpi_file *f, const struct transfer *t, LPDWORD bytes, LPOVERLAPPED o)
{
	uintptr_t event = o ? (uintptr_t)o->hEvent & ~EVENT_NO_PACKET : 0;
	OVERLAPPED mine;
	NTSTATUS status;
	int err = 0;
	size_t done;

	if (event && !ResetEvent((HANDLE)event))
		return iocpi_fail(ERROR_INVALID_HANDLE);
	if (!f->seekable && t->len && iocpi_self.thread && stream_io(f, t, &mine, &err)) {
		status = mine.Internal;
		done = mine.InternalHigh;
	} else {
		done = transfer_all(f, t, o && f->seekable ? offset_of(o) : OFFSET_FILE_POINTER,
				    &err);
		status = iocpi_io_status(-err, done, 0, f->kind, !t->len, true);
	}
	/* NM-16: errors that the call itself tells do not set it. */
	if (event && status == STATUS_SUCCESS)
		SetEvent((HANDLE)event);
	/* A file's end is no error without an OVERLAPPED to say where it was read. */
	if (status == STATUS_END_OF_FILE && !o)
		status = STATUS_SUCCESS;
	if (o)
		iocpi_overlapped_finish(o, status, done);
	if (status != STATUS_SUCCESS)
		return iocpi_fail_status(status, err);
	if (bytes)
		*bytes = done;
	return TRUE;
}

/* In each of its callers: there it is known what @t is. */
static inline __attribute__((always_inline)) BOOL read_or_write(HANDLE h, const struct transfer *t,
								LPDWORD bytes, LPOVERLAPPED o)
{
	uint32_t wanted = t->write ? FILE_WRITE_DATA | FILE_APPEND_DATA : FILE_READ_DATA;
	struct iocpi_file *f;
	DWORD code = 0;
	BOOL ret;

	if (bytes)
		*bytes = 0;
	f = iocpi_file_get(h, OBJ_USER + OBJ_OP);
	if (!f)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	if (!(f->access & wanted)) {
		code = ERROR_ACCESS_DENIED;
	} else if (t->iov && !(f->overlapped && f->direct)) {
		code = ERROR_INVALID_PARAMETER;
	} else if (!o) {
		if (f->overlapped || !bytes)
			code = ERROR_INVALID_PARAMETER;
	} else if ((uintptr_t)o % _Alignof(OVERLAPPED)) {
		code = ERROR_NOACCESS;
	} else if (f->seekable && offset_of(o) < 0 &&
		   !(t->write && offset_of(o) == -1) &&
		   (f->overlapped || offset_of(o) != OFFSET_FILE_POINTER)) {
		code = ERROR_INVALID_PARAMETER;		/* OV-7 */
	}
	if (code) {
		iocpi_file_put(f, OBJ_OP + OBJ_USER);
		return iocpi_fail(code);
	}
	if (f->overlapped) {
		ret = overlapped_io(f, t, bytes, o);
		iocpi_file_put(f, OBJ_USER);
	} else {
		ret = sync_io(f, t, bytes, o);
		iocpi_file_put(f, OBJ_OP + OBJ_USER);
	}
	return ret;
}

BOOL WINAPI ReadFile(HANDLE hFile, LPVOID lpBuffer, DWORD nNumberOfBytesToRead,
		     LPDWORD lpNumberOfBytesRead, LPOVERLAPPED lpOverlapped)
{
	const struct transfer t = { .buf = lpBuffer, .len = nNumberOfBytesToRead };

	return read_or_write(hFile, &t, lpNumberOfBytesRead, lpOverlapped);
}

BOOL WINAPI WriteFile(HANDLE hFile, LPCVOID lpBuffer, DWORD nNumberOfBytesToWrite,
		      LPDWORD lpNumberOfBytesWritten, LPOVERLAPPED lpOverlapped)
{
	const struct transfer t = {
		.write = true,
		.buf = (void *)(uintptr_t)lpBuffer,
		.len = nNumberOfBytesToWrite,
	};

	return read_or_write(hFile, &t, lpNumberOfBytesWritten, lpOverlapped);
}

/*
 * Scattered: one page for each element, as many as the bytes need; pages that are next
 * to each other become one vector, of which there may be IOV_MAX.
 */
static BOOL scattered(HANDLE h, bool write, const FILE_SEGMENT_ELEMENT *segments, DWORD len,
		      LPOVERLAPPED o)
{
	size_t page = sysconf(_SC_PAGESIZE), done, part;
	struct transfer t = { .write = write, .len = len };
	struct iovec *iov;
	DWORD code = 0;
	BOOL ret;

	if (!o || !segments)
		return iocpi_fail(ERROR_INVALID_PARAMETER);
	iov = malloc((len / page + 1) * sizeof(*iov));
	if (!iov)
		return iocpi_fail(ERROR_NOT_ENOUGH_MEMORY);
	t.iov = iov;
	iov->iov_base = NULL;
	iov->iov_len = 0;
	for (done = 0; done < len && !code; done += part, segments++) {
		struct iovec *last = &iov[t.nr_iov ? t.nr_iov - 1 : 0];
		char *start = segments->Buffer;

		part = len - done < page ? len - done : page;
		if (!start)
			code = ERROR_NOACCESS;
		else if ((uintptr_t)start % page)
			code = ERROR_INVALID_PARAMETER;
		else if (t.nr_iov && start == (char *)last->iov_base + last->iov_len)
			last->iov_len += part;
		else
			iov[t.nr_iov++] = (struct iovec){ start, part };
	}
	if (t.nr_iov > IOV_MAX)
		code = ERROR_INVALID_PARAMETER;
	ret = code ? iocpi_fail(code) : read_or_write(h, &t, NULL, o);
	free(iov);
	return ret;
}

BOOL WINAPI ReadFileScatter(HANDLE hFile, FILE_SEGMENT_ELEMENT aSegmentArray[],
			    DWORD nNumberOfBytesToRead, LPDWORD lpReserved,
			    LPOVERLAPPED lpOverlapped)
{
	(void)lpReserved;
	return scattered(hFile, false, aSegmentArray, nNumberOfBytesToRead, lpOverlapped);
}

BOOL WINAPI WriteFileGather(HANDLE hFile, FILE_SEGMENT_ELEMENT aSegmentArray[],
			    DWORD nNumberOfBytesToWrite, LPDWORD lpReserved,
			    LPOVERLAPPED lpOverlapped)
{
	(void)lpReserved;
	return scattered(hFile, true, aSegmentArray, nNumberOfBytesToWrite, lpOverlapped);
}
