// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * overlapped.c - OVERLAPPED structures: who writes them, when, and who waits.
 *
 * The kernel never sees one: to it the address is 64 bits that come back.  The
 * thread that takes a packet writes the result there (CP-49), InternalHigh first
 * and Internal last, with release (OV-4).  Since an OVERLAPPED is aligned, bit 0 of
 * the value is ours: it marks operations that asked for 0 bytes, for which 0 bytes
 * are no end of file.
 *
 * GetOverlappedResult() waits for Internal with a futex; waiters are counted by
 * address, so that a completion that nobody waits for costs no system call.
 *
 * The internal port serves handles that are in no port and no TP_IO, and operations
 * with an event.  At first no thread belongs to it.  Whoever waits takes its packets:
 * one leader sits in the kernel, the others wait for it on a condition; a leader whose
 * own operation was finished by somebody else is told by a posted packet.
 *
 * What has to happen though nobody calls in needs a thread of its own, the server,
 * which is started when there is first something of that kind: an operation with an
 * event, a wait for a file handle, a file that came into a port while operations were
 * pending (CP-11).  From then on it takes the packets and waiters sleep on futexes.
 * What the file's own port is to hear of is posted there (OV-13).
 */
#include <errno.h>
#include <unistd.h>

#include "win.h"

uint32_t iocpi_wait_slots[NR_WAIT_SLOTS];

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct iocp_port *port;		/* set once, under lock */
	bool led;			/* a leader is in the kernel */
	bool served;			/* there is a server; set once, under lock */
} intern = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER,
};

static bool is_pending(const OVERLAPPED *o)
{
	return load_acquire(&o->Internal) == (ULONG_PTR)STATUS_PENDING;
}

/* Somebody who waits for an operation may be sleeping in the internal port. */
static void internal_nudge(void)
{
	struct iocp_port *port = load_acquire(&intern.port);

	if (!port || iocpi_self.leading)
		return;
	pthread_mutex_lock(&intern.lock);
	if (intern.led)
		iocp_post_one(port, 0, 0, NULL);
	pthread_cond_broadcast(&intern.changed);
	pthread_mutex_unlock(&intern.lock);
}

/* Somebody waits, perhaps for this one; it is final, and may be gone. */
void iocpi_overlapped_wake(LPOVERLAPPED o)
{
	iocpi_futex_wake_all(iocpi_low_word(&o->Internal));
	internal_nudge();
}

/*
 * Makes of a packet what a program hears; the OVERLAPPED is still pending after it.
 * False: it is nothing that programs hear of.
 */
bool iocpi_packet_read(const struct iocp_packet *packet, struct iocpi_completion *c)
{
	struct iocpi_obj *obj;

	switch (packet->flags & IOCP_PKT_KIND_MASK) {
	case IOCP_PKT_KIND_POST:
		c->overlapped = (LPOVERLAPPED)(uintptr_t)packet->overlapped;
		c->key = packet->key;
		c->bytes = packet->info;
		c->status = packet->res;
		c->err = iocp_win32_to_errno(iocp_status_to_win32(c->status));
		c->file = NULL;
		return true;
	case IOCP_PKT_KIND_IO:
		break;
	default:
		return false;
	}
	/* The operation's reference keeps the file until the caller gives it back. */
	obj = iocpi_obj_find(packet->key, IOCPI_FILE);
	if (!obj)
		return false;
	iocpi_packet_of(packet, container_of(obj, struct iocpi_file, obj), c);
	return true;
}

/* The same, and the OVERLAPPED is written. */
bool iocpi_packet_complete(const struct iocp_packet *packet, struct iocpi_completion *c)
{
	if (!iocpi_packet_read(packet, c))
		return false;
	if (c->file)
		iocpi_overlapped_finish(c->overlapped, c->status, c->bytes);
	return true;
}

/*
 * The internal port
 */

/* OV-8, OV-9, OV-2: what is done before an operation begins.  FALSE: no event. */
BOOL iocpi_overlapped_begin(struct iocpi_file *f, LPOVERLAPPED o)
{
	uintptr_t event = (uintptr_t)o->hEvent;

	if (likely(!event))
		iocpi_file_unsignal(f);
	else if (!ResetEvent((HANDLE)(event & ~EVENT_NO_PACKET)))
		return FALSE;
	/* From the issue on a packet may be taken, and the result written, any time. */
	WRITE_ONCE(o->InternalHigh, 0);
	store_release(&o->Internal, (ULONG_PTR)STATUS_PENDING);
	return TRUE;
}

/*
 * The end of an operation that no packet of the file's own port tells of: result,
 * event (NM-16), and if @packet one that does (OV-13), unless the event says no
 * (OV-10).  Gives OBJ_OP back, and @refs.
 */
void iocpi_complete(struct iocpi_file *f, LPOVERLAPPED o, NTSTATUS status, ULONG_PTR bytes,
		    uint64_t refs, bool packet)
{
	struct iocp_packet done = {
		.overlapped = (uintptr_t)o,
		.info = bytes,
		.res = status,
	};
	/* o may be gone as soon as it is final. */
	uintptr_t event = (uintptr_t)o->hEvent;

	iocpi_overlapped_finish(o, status, bytes);
	if (event)
		SetEvent((HANDLE)(event & ~EVENT_NO_PACKET));
	if (!packet || event & EVENT_NO_PACKET || !iocpi_file_post(f, &done))
		refs += OBJ_OP;
	if (event)
		iocpi_file_put(f, refs);
	else
		iocpi_file_completed(f, refs);
}

/*
 * The end, in its call, of an operation that the library did itself; @o may be NULL.
 * Gives OBJ_USER and OBJ_OP back.  NM-5, NM-8, NM-9: what is no error queues a packet
 * unless the handle skips it.
 */
BOOL iocpi_overlapped_end(struct iocpi_file *f, LPOVERLAPPED o, NTSTATUS status, int err,
			  ULONG_PTR bytes)
{
	if (o && !NT_ERROR(status)) {
		iocpi_complete(f, o, status, bytes, OBJ_USER,
			       !(READ_ONCE(f->modes) & IOCP_MODE_SKIP_ON_SUCCESS));
	} else {
		if (o)
			iocpi_overlapped_finish(o, status, bytes);
		iocpi_file_put(f, OBJ_USER + OBJ_OP);
	}
	return status == STATUS_SUCCESS ? TRUE : iocpi_fail_status(status, err);
}

static void internal_dispatch(const struct iocp_packet *packets, int nr)
{
	struct iocpi_completion c;
	int i;

	for (i = 0; i < nr; i++) {
		/* Pinned: an orphan's operations may be forgotten any moment. */
		if (!iocpi_packet_read(&packets[i], &c) || !c.file ||
		    !iocpi_file_pin(packets[i].key))
			continue;
		if (unlikely(c.file->pipe) && iocpi_pipe_accept(c.file, &c))
			iocpi_file_put(c.file, OBJ_USER);
		else
			iocpi_complete(c.file, c.overlapped, c.status, c.bytes, OBJ_USER,
				       true);
	}
}

/* Takes what is there, without waiting. */
void iocpi_internal_drain(void)
{
	struct iocp_port *port = load_acquire(&intern.port);
	struct iocp_packet packets[RING_BATCH];
	bool nudged = false;
	int i, nr;

	if (!port)
		return;
	do {
		nr = iocp_reap(port, packets, RING_BATCH, IOCP_NOWAIT);
		internal_dispatch(packets, nr);
		for (i = 0; i < nr; i++)
			nudged |= (packets[i].flags & IOCP_PKT_KIND_MASK) == IOCP_PKT_KIND_POST;
	} while (nr == RING_BATCH);
	/* That was for a leader on its way into the kernel: it would sleep for ever. */
	if (nudged)
		internal_nudge();
}

static void *internal_serve(void *arg)
{
	struct iocp_port *port = arg;
	struct iocp_packet packets[RING_BATCH];
	bool nudged;
	int i, nr;

	pthread_setname_np(pthread_self(), "iocp-internal");
	for (;;) {
		nudged = false;
		nr = iocp_reap(port, packets, RING_BATCH, IOCP_FOREVER);
		if (nr < 0 && nr != -EINTR)
			iocpi_pause();		/* no memory to wait */
		internal_dispatch(packets, nr);
		for (i = 0; i < nr; i++)
			nudged |= (packets[i].flags & IOCP_PKT_KIND_MASK) == IOCP_PKT_KIND_POST;
		if (nudged)
			internal_nudge();
	}
	return NULL;
}

/* intern.lock is held. */
static int internal_open(void)
{
	struct iocp_port *port;
	int ret;

	if (intern.port)
		return 0;
	ret = iocp_open(&port, NULL);
	if (ret)
		return ret;
	port->end_in_child = true;
	store_release(&intern.port, port);
	return 0;
}

/* Sees to it that packets of the internal port are taken though nobody looks. */
int iocpi_internal_serve(void)
{
	int ret;

	if (likely(load_acquire(&intern.served)))
		return 0;
	pthread_mutex_lock(&intern.lock);
	ret = internal_open();
	if (!ret && !intern.served)
		ret = iocpi_thread_start(internal_serve, intern.port, 0);
	if (!ret)
		store_release(&intern.served, true);
	pthread_mutex_unlock(&intern.lock);
	return ret;
}

/* Takes the internal port's packets, if nobody else does, until @o is final. */
static void internal_wait(const OVERLAPPED *o, uint64_t deadline)
{
	const struct timespec until = iocpi_timespec(deadline);
	struct iocp_packet packets[RING_BATCH];
	int nr, ret = 0;

	pthread_mutex_lock(&intern.lock);
	while (is_pending(o) && !intern.served && ret != ETIMEDOUT) {
		if (intern.led) {
			ret = pthread_cond_clockwait(&intern.changed, &intern.lock,
						     CLOCK_MONOTONIC, &until);
			continue;
		}
		intern.led = true;
		pthread_mutex_unlock(&intern.lock);
		iocpi_self.leading = true;
		nr = iocp_reap(intern.port, packets, RING_BATCH, deadline);
		if (nr == -ETIME)
			ret = ETIMEDOUT;
		internal_dispatch(packets, nr);
		iocpi_self.leading = false;
		pthread_mutex_lock(&intern.lock);
		intern.led = false;
		pthread_cond_broadcast(&intern.changed);
	}
	pthread_mutex_unlock(&intern.lock);
}

/* Not EXCLUSIVE: the file may get its real port later (new operations go there). */
int iocpi_internal_bind(struct iocpi_file *f, int fd, struct iocp_port **result)
{
	int ret;

	if (load_acquire(&f->internal)) {
		*result = intern.port;
		return 0;
	}
	pthread_mutex_lock(&intern.lock);
	ret = internal_open();
	if (ret)
		goto out;
	if (!(READ_ONCE(f->obj.word) & OBJ_OPEN))
		ret = -EBADF;
	else if (!f->internal)
		ret = iocp_associate(intern.port, fd, iocpi_obj_id(&f->obj),
				     &f->internal_assoc);
	if (!ret) {
		*result = intern.port;
		store_release(&f->internal, true);
	}
out:
	pthread_mutex_unlock(&intern.lock);
	return ret;
}

/* At CloseHandle, when no bind can begin any more. */
void iocpi_internal_unbind(struct iocpi_file *f)
{
	bool internal;

	pthread_mutex_lock(&intern.lock);
	internal = f->internal;
	pthread_mutex_unlock(&intern.lock);
	if (!internal)
		return;
	iocp_disassociate(intern.port, &f->internal_assoc, IOCP_DISASSOC_CANCEL, NULL);
	iocpi_internal_drain();
}

/* For a file that gets another descriptor: the next operation binds that one. */
void iocpi_internal_release(struct iocpi_file *f)
{
	pthread_mutex_lock(&intern.lock);
	if (f->internal)
		iocp_disassociate(intern.port, &f->internal_assoc, IOCP_DISASSOC_CANCEL, NULL);
	store_release(&f->internal, false);
	pthread_mutex_unlock(&intern.lock);
}

void iocpi_internal_fork_lock(void)
{
	pthread_mutex_lock(&intern.lock);
}

void iocpi_internal_fork_unlock(void)
{
	pthread_mutex_unlock(&intern.lock);
}

void iocpi_internal_fork_child(void)
{
	static const pthread_cond_t fresh = PTHREAD_COND_INITIALIZER;

	intern.port = NULL;
	intern.led = false;
	intern.served = false;
	intern.changed = fresh;		/* it may count waiters that are not here */
	memset(iocpi_wait_slots, 0, sizeof(iocpi_wait_slots));
}

/*
 * Results and cancelling
 */

BOOL WINAPI iocp_overlapped_completed(const OVERLAPPED *overlapped)
{
	if (is_pending(overlapped))
		iocpi_internal_drain();
	return !is_pending(overlapped);
}

/* True once it is final; false at the deadline. */
bool iocpi_overlapped_wait(const struct iocpi_file *f, const OVERLAPPED *o, uint64_t deadline)
{
	uint32_t *slot = iocpi_wait_slot(o);
	bool done;

	__atomic_add_fetch(slot, 1, __ATOMIC_SEQ_CST);
	if (load_acquire(&f->internal))
		internal_wait(o, deadline);
	while (!(done = !is_pending(o))) {
		if (deadline != IOCP_FOREVER && iocp_deadline_ns(1) > deadline)
			break;
		iocpi_futex_wait_until(iocpi_low_word(&o->Internal), STATUS_PENDING, deadline);
	}
	__atomic_sub_fetch(slot, 1, __ATOMIC_RELAXED);
	return done;
}

static BOOL overlapped_result(HANDLE h, LPOVERLAPPED o, LPDWORD bytes, uint64_t deadline)
{
	struct iocpi_file *f;
	NTSTATUS status;
	bool done;

	if (!iocp_overlapped_completed(o)) {
		if (deadline == IOCP_NOWAIT)
			return iocpi_fail(ERROR_IO_INCOMPLETE);
		f = iocpi_file_get(h, OBJ_USER);
		if (!f)
			return iocpi_fail(ERROR_INVALID_HANDLE);
		done = iocpi_overlapped_wait(f, o, deadline);
		iocpi_file_put(f, OBJ_USER);
		if (!done)
			return iocpi_fail(WAIT_TIMEOUT);
	}
	*bytes = READ_ONCE(o->InternalHigh);
	status = load_acquire(&o->Internal);
	if (status != STATUS_SUCCESS)
		return iocpi_fail_status(status, iocp_win32_to_errno(iocp_status_to_win32(status)));
	return TRUE;
}

BOOL WINAPI GetOverlappedResult(HANDLE hFile, LPOVERLAPPED lpOverlapped,
				LPDWORD lpNumberOfBytesTransferred, BOOL bWait)
{
	return overlapped_result(hFile, lpOverlapped, lpNumberOfBytesTransferred,
				 bWait ? IOCP_FOREVER : IOCP_NOWAIT);
}

BOOL WINAPI GetOverlappedResultEx(HANDLE hFile, LPOVERLAPPED lpOverlapped,
				  LPDWORD lpNumberOfBytesTransferred, DWORD dwMilliseconds,
				  BOOL bAlertable)
{
	(void)bAlertable;
	return overlapped_result(hFile, lpOverlapped, lpNumberOfBytesTransferred,
				 dwMilliseconds == INFINITE ? IOCP_FOREVER :
				 iocp_deadline_ms(dwMilliseconds));
}

static bool cancel_in(struct iocp_port *port, const struct iocp_assoc *assoc, uint32_t flags,
		      LPOVERLAPPED o)
{
	struct iocp_cancel c = {
		.flags = IOCP_CANCEL_BY_ASSOC | flags | (o ? IOCP_CANCEL_BY_OVERLAPPED : 0),
		.assoc = assoc->index,
		.assoc_gen = assoc->gen,
		.overlapped = (uintptr_t)o,
	};

	if (!iocp_cancel(port, &c))
		return true;
	c.overlapped |= OVERLAPPED_EMPTY;
	return o && !iocp_cancel(port, &c);
}

bool iocpi_internal_cancel(struct iocpi_file *f, uint32_t flags, LPOVERLAPPED o)
{
	return load_acquire(&f->internal) && cancel_in(intern.port, &f->internal_assoc, flags, o);
}

/* @flags: 0 or IOCP_CANCEL_THIS_THREAD.  1 something was cancelled, 0 nothing; -EBADF. */
static int cancel_io(HANDLE h, uint32_t flags, LPOVERLAPPED o)
{
	struct iocpi_file *f = iocpi_file_get(h, OBJ_USER);
	bool found = false;
	uint32_t bind;

	if (!f)
		return -EBADF;
	bind = load_acquire(&f->bind);
	if (bind == BIND_PORT || bind == BIND_TPIO)
		found = cancel_in(f->port, &f->assoc, flags, o);
	if (!found || !o)
		found |= iocpi_lock_cancel(f, o, flags ? gettid() : 0);
	if (!found || !o)
		found |= iocpi_internal_cancel(f, flags, o);
	iocpi_file_put(f, OBJ_USER);
	return found;
}

BOOL WINAPI CancelIo(HANDLE hFile)
{
	return cancel_io(hFile, IOCP_CANCEL_THIS_THREAD, NULL) < 0 ?
	       iocpi_fail(ERROR_INVALID_HANDLE) : TRUE;
}

BOOL WINAPI CancelIoEx(HANDLE hFile, LPOVERLAPPED lpOverlapped)
{
	switch (cancel_io(hFile, 0, lpOverlapped)) {
	case 0:
		return iocpi_fail(ERROR_NOT_FOUND);
	case 1:
		return TRUE;
	}
	return iocpi_fail(ERROR_INVALID_HANDLE);
}

BOOL WINAPI SetFileCompletionNotificationModes(HANDLE FileHandle, UCHAR Flags)
{
	struct iocpi_file *f = iocpi_file_get(FileHandle, OBJ_USER);
	uint32_t modes = 0, bind;
	int ret = 0;

	if (!f)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	if (!f->overlapped) {
		iocpi_file_put(f, OBJ_USER);
		return iocpi_fail(ERROR_INVALID_PARAMETER);
	}
	if (Flags & FILE_SKIP_COMPLETION_PORT_ON_SUCCESS)
		modes |= IOCP_MODE_SKIP_ON_SUCCESS;
	if (Flags & FILE_SKIP_SET_EVENT_ON_HANDLE)
		modes |= IOCP_MODE_SKIP_SET_EVENT;
	modes |= __atomic_fetch_or(&f->modes, modes, __ATOMIC_SEQ_CST);
	if (modes & IOCP_MODE_SKIP_SET_EVENT)
		iocpi_file_unsignal(f);		/* NM-4 */
	bind = __atomic_load_n(&f->bind, __ATOMIC_SEQ_CST);
	if (bind == BIND_PORT || bind == BIND_TPIO)
		ret = iocp_set_modes(f->port, &f->assoc, modes);
	iocpi_file_put(f, OBJ_USER);
	return ret ? iocpi_fail_status(iocpi_refusal_status(-ret, f->kind), -ret) : TRUE;
}
