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
 * The internal port serves handles that are in no port and no TP_IO.  No thread
 * belongs to it.  Whoever waits takes its packets: one leader sits in the kernel,
 * the others wait for it on a condition; a leader whose own operation was finished
 * by somebody else is told by a posted packet.
 */
#include <errno.h>

#include "win.h"

#define NR_WAIT_SLOTS	64	/* waiters that share one only wake for nothing */

static uint32_t wait_slots[NR_WAIT_SLOTS];

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct iocp_port *port;		/* set once, under lock */
	bool led;			/* a leader is in the kernel */
} intern = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER,
};

static uint32_t *wait_slot(const OVERLAPPED *o)
{
	uintptr_t a = (uintptr_t)o / sizeof(*o);

	return &wait_slots[(a ^ a / NR_WAIT_SLOTS) % NR_WAIT_SLOTS];
}

static uint32_t *internal_low(const OVERLAPPED *o)
{
	uint32_t *word = (uint32_t *)(uintptr_t)&o->Internal;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word++;
#endif
	return word;
}

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

void iocpi_overlapped_finish(LPOVERLAPPED o, NTSTATUS status, ULONG_PTR bytes)
{
	/* o may be gone as soon as Internal is final: only its address is used then. */
	uint32_t *slot = wait_slot(o), *low = internal_low(o);

	WRITE_ONCE(o->InternalHigh, bytes);
	/* Also a full barrier: the waiter counts itself, then looks at Internal. */
	__atomic_exchange_n(&o->Internal, (ULONG_PTR)(uint32_t)status, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(slot, __ATOMIC_SEQ_CST)) {
		iocpi_futex_wake_all(low);
		internal_nudge();
	}
}

/*
 * Makes of a packet what a program hears; the OVERLAPPED is still pending after it.
 * False: it is nothing that programs hear of.
 */
bool iocpi_packet_read(const struct iocp_packet *packet, struct iocpi_completion *c)
{
	bool empty = packet->overlapped & OVERLAPPED_EMPTY;
	struct iocpi_obj *obj;

	c->bytes = packet->info;
	switch (packet->flags & IOCP_PKT_KIND_MASK) {
	case IOCP_PKT_KIND_POST:
		c->overlapped = (LPOVERLAPPED)(uintptr_t)packet->overlapped;
		c->key = packet->key;
		c->status = packet->res;
		c->err = c->status < 0 ? EIO : 0;
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
	c->file = container_of(obj, struct iocpi_file, obj);
	c->overlapped = (LPOVERLAPPED)(uintptr_t)(packet->overlapped & ~OVERLAPPED_EMPTY);
	c->key = c->file->key;
	c->status = iocpi_io_status(packet->res, packet->info, packet->flags, c->file->kind,
				    empty, false);
	c->err = -packet->res;
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

static void internal_dispatch(const struct iocp_packet *packets, int nr)
{
	struct iocpi_completion c;
	int i;

	for (i = 0; i < nr; i++)
		if (iocpi_packet_complete(&packets[i], &c) && c.file)
			iocpi_file_put(c.file, OBJ_OP);
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

/* Waits until @o is final, taking the internal port's packets if nobody else does. */
static void internal_wait(const OVERLAPPED *o)
{
	struct iocp_packet packets[RING_BATCH];
	int nr;

	pthread_mutex_lock(&intern.lock);
	while (is_pending(o)) {
		if (intern.led) {
			pthread_cond_wait(&intern.changed, &intern.lock);
			continue;
		}
		intern.led = true;
		pthread_mutex_unlock(&intern.lock);
		iocpi_self.leading = true;
		nr = iocp_reap(intern.port, packets, RING_BATCH, IOCP_FOREVER);
		internal_dispatch(packets, nr);
		iocpi_self.leading = false;
		pthread_mutex_lock(&intern.lock);
		intern.led = false;
		pthread_cond_broadcast(&intern.changed);
	}
	pthread_mutex_unlock(&intern.lock);
}

/* Not EXCLUSIVE: the file may get its real port later (new operations go there). */
int iocpi_internal_bind(struct iocpi_file *f, struct iocp_port **result)
{
	int ret = 0;

	if (load_acquire(&f->internal)) {
		*result = intern.port;
		return 0;
	}
	pthread_mutex_lock(&intern.lock);
	if (!intern.port) {
		struct iocp_port *port;

		ret = iocp_open(&port, NULL);
		if (ret)
			goto out;
		port->end_in_child = true;
		store_release(&intern.port, port);
	}
	if (!(READ_ONCE(f->obj.word) & OBJ_OPEN))
		ret = -EBADF;
	else if (!f->internal)
		ret = iocp_associate(intern.port, f->fd, iocpi_obj_id(&f->obj),
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
	intern.changed = fresh;		/* it may count waiters that are not here */
	memset(wait_slots, 0, sizeof(wait_slots));
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

BOOL WINAPI GetOverlappedResult(HANDLE hFile, LPOVERLAPPED lpOverlapped,
				LPDWORD lpNumberOfBytesTransferred, BOOL bWait)
{
	struct iocpi_file *f;
	uint32_t *slot;
	NTSTATUS status;

	if (!iocp_overlapped_completed(lpOverlapped)) {
		if (!bWait)
			return iocpi_fail(ERROR_IO_INCOMPLETE);
		f = iocpi_file_get(hFile, OBJ_USER);
		if (!f)
			return iocpi_fail(ERROR_INVALID_HANDLE);
		slot = wait_slot(lpOverlapped);
		__atomic_add_fetch(slot, 1, __ATOMIC_SEQ_CST);
		if (load_acquire(&f->internal))
			internal_wait(lpOverlapped);
		else
			while (is_pending(lpOverlapped))
				iocpi_futex_wait(internal_low(lpOverlapped), STATUS_PENDING);
		__atomic_sub_fetch(slot, 1, __ATOMIC_RELAXED);
		iocpi_file_put(f, OBJ_USER);
	}
	*lpNumberOfBytesTransferred = READ_ONCE(lpOverlapped->InternalHigh);
	status = load_acquire(&lpOverlapped->Internal);
	if (status != STATUS_SUCCESS)
		return iocpi_fail_status(status, iocp_win32_to_errno(iocp_status_to_win32(status)));
	return TRUE;
}

static bool cancel_in(struct iocp_port *port, const struct iocp_assoc *assoc, LPOVERLAPPED o)
{
	uint64_t value = (uintptr_t)o;

	if (!o)
		return !iocp_cancel_assoc(port, assoc, NULL);
	return !iocp_cancel_overlapped(port, assoc, o, NULL) ||
	       !iocp_cancel_overlapped(port, assoc, (void *)(uintptr_t)(value | OVERLAPPED_EMPTY),
				       NULL);
}

BOOL WINAPI CancelIoEx(HANDLE hFile, LPOVERLAPPED lpOverlapped)
{
	struct iocpi_file *f = iocpi_file_get(hFile, OBJ_USER);
	bool found = false;
	uint32_t bind;

	if (!f)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	bind = load_acquire(&f->bind);
	if (bind == BIND_PORT || bind == BIND_TPIO)
		found = cancel_in(f->port, &f->assoc, lpOverlapped);
	if (load_acquire(&f->internal) && (!found || !lpOverlapped))
		found |= cancel_in(intern.port, &f->internal_assoc, lpOverlapped);
	iocpi_file_put(f, OBJ_USER);
	return found ? TRUE : iocpi_fail(ERROR_NOT_FOUND);
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
	bind = __atomic_load_n(&f->bind, __ATOMIC_SEQ_CST);
	if (bind == BIND_PORT || bind == BIND_TPIO)
		ret = iocp_set_modes(f->port, &f->assoc, modes);
	iocpi_file_put(f, OBJ_USER);
	return ret ? iocpi_fail_status(iocpi_refusal_status(-ret, f->kind), -ret) : TRUE;
}
