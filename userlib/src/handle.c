// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * handle.c - life of file and port objects: references, binding one to the other,
 * closing.  Who holds what is in win.h.
 *
 * Order of a close: the handle stops being found, the association ends (which
 * cancels what is in flight), and then everything goes when its last user goes:
 * the descriptor with the last call inside, the object with the last packet.  So a
 * descriptor number is never reused under a call that still uses it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "win.h"

/* Which files may have packets in which port. */
static pthread_mutex_t bind_lock = PTHREAD_MUTEX_INITIALIZER;

/*
 * By number, open or not, as long as something of it may come back.  What is pinned
 * when it is closed already has no descriptor any more.
 */
struct iocpi_file *iocpi_file_pin(uint64_t id)
{
	struct iocpi_obj *obj = iocpi_obj_find(id, IOCPI_FILE);
	uint64_t word;

	if (!obj)
		return NULL;
	word = READ_ONCE(obj->word);
	do {
		if (word >> OBJ_GEN_SHIFT != id >> OBJ_ID_GEN || !(word & OBJ_REFS))
			return NULL;
	} while (!__atomic_compare_exchange_n(&obj->word, &word, word + OBJ_USER, true,
					      __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	return container_of(obj, struct iocpi_file, obj);
}

static void file_free(struct iocpi_file *f)
{
	struct iocp_pool *pool;

	pthread_mutex_lock(&bind_lock);
	if (f->wport) {
		list_del_init(&f->wport_node);
		f->wport = NULL;
	}
	pthread_mutex_unlock(&bind_lock);
	pool = f->tp.pool;
	free(f->pipe);
	iocpi_obj_free(&f->obj);
	if (pool)
		iocpi_pool_unbind(pool);
}

/* Nothing can come any more: Starts that are left have no operation. */
void iocpi_file_forget_tpio(struct iocpi_file *f)
{
	if (iocpi_state_drain(&f->obj.state) & STEP_DEAD)
		iocpi_obj_dead(&f->obj);
}

/* What a word becomes once nobody uses a closed file whose packets are lost. */
static uint64_t word_settle(uint64_t word)
{
	if (word & OBJ_ORPHAN && !(word & (OBJ_OPEN | OBJ_USERS)))
		word &= ~(OBJ_OPS | OBJ_ORPHAN);
	return word;
}

/* iocpi_file_put(), whatever follows from it. */
void iocpi_file_put_any(struct iocpi_file *f, uint64_t refs)
{
	uint64_t word = load_acquire(&f->obj.word), to;
	bool forgotten = false;
	HANDLE signal = NULL;
	int fd = -1;

	for (;;) {
		to = word_settle(word - refs);
		if (!forgotten && to & OBJ_TPIO && !(to & OBJ_OPEN) && word & OBJ_OPS &&
		    !(to & OBJ_OPS)) {
			/* The last packet of a closed file; it is still held. */
			forgotten = true;
			iocpi_file_forget_tpio(f);
			word = load_acquire(&f->obj.word);
			continue;
		}
		/* Once, by its last user; before the CAS, after it the object may be gone. */
		if (fd < 0 && !(to & OBJ_OPEN) && word & OBJ_USERS && !(to & OBJ_USERS)) {
			fd = __atomic_exchange_n(&f->fd, -1, __ATOMIC_RELAXED);
			signal = READ_ONCE(f->signal);
		}
		/* SEQ_CST for iocpi_file_completed(). */
		if (__atomic_compare_exchange_n(&f->obj.word, &word, to, true, __ATOMIC_SEQ_CST,
						__ATOMIC_ACQUIRE))
			break;
	}
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && signal)
		CloseHandle(signal);
	if (!(to & OBJ_REFS))
		file_free(f);
}

void iocpi_file_signal(struct iocpi_file *f, uint32_t gen)
{
	HANDLE signal = READ_ONCE(f->signal);

	/* Of another generation it would be another file's. */
	if (signal && iocpi_obj_gen(&f->obj) == gen &&
	    !(READ_ONCE(f->modes) & IOCP_MODE_SKIP_SET_EVENT))
		SetEvent(signal);
}

void iocpi_file_unsignal(struct iocpi_file *f)
{
	HANDLE signal = READ_ONCE(f->signal);

	if (unlikely(signal))
		ResetEvent(signal);
}

/* bind_lock is held: its packets went with their port.  True: free it. */
static bool file_orphan(struct iocpi_file *f)
{
	uint64_t word = load_acquire(&f->obj.word), to;

	do {
		if (!(word & OBJ_REFS))
			return false;	/* file_free() is waiting for the lock */
		to = word_settle(word | OBJ_ORPHAN);
	} while (!__atomic_compare_exchange_n(&f->obj.word, &word, to, true, __ATOMIC_ACQ_REL,
					      __ATOMIC_ACQUIRE));
	return !(to & OBJ_REFS);
}

struct iocpi_wport *iocpi_wport_get(HANDLE h)
{
	struct iocpi_obj *obj = iocpi_obj_get(handle_id(h), IOCPI_PORT, OBJ_USER);

	return obj ? container_of(obj, struct iocpi_wport, obj) : NULL;
}

void iocpi_wport_put(struct iocpi_wport *w, uint64_t refs)
{
	if (iocpi_obj_put(&w->obj, refs) & OBJ_REFS)
		return;
	/* Nobody can take a packet any more; CP-51: those that wait are lost. */
	pthread_mutex_lock(&bind_lock);
	while (!list_empty(&w->files)) {
		struct iocpi_file *f = container_of(w->files.next, struct iocpi_file, wport_node);

		list_del_init(&f->wport_node);
		f->wport = NULL;
		if (file_orphan(f))
			iocpi_obj_free(&f->obj);
	}
	pthread_mutex_unlock(&bind_lock);
	iocp_close(w->port);
	iocpi_obj_free(&w->obj);
}

HANDLE iocpi_wport_create(uint32_t concurrency)
{
	struct iocp_port_params params = { .concurrency = concurrency };
	struct iocpi_obj *obj;
	struct iocpi_wport *w;
	int ret;

	obj = iocpi_obj_alloc(IOCPI_PORT);
	if (!obj) {
		iocpi_fail_errno(ENOMEM);
		return NULL;
	}
	w = container_of(obj, struct iocpi_wport, obj);
	list_init(&w->files);
	ret = iocp_open(&w->port, &params);
	if (ret) {
		iocpi_obj_free(obj);
		iocpi_fail_errno(-ret);
		return NULL;
	}
	w->port->end_in_child = true;
	iocpi_obj_open(obj, 0);
	return (HANDLE)(uintptr_t)iocpi_obj_id(obj);
}

/*
 * Ends the association, once: CANCEL, so that every operation gives its packet
 * soon.  For a bind in progress it leaves word that there is nothing to bind.
 */
static void file_unbind(struct iocpi_file *f)
{
	uint32_t bind = __atomic_exchange_n(&f->bind, BIND_GONE, __ATOMIC_ACQ_REL);
	struct iocpi_wport *w;

	if (bind != BIND_PORT && bind != BIND_TPIO)
		return;
	iocp_disassociate(f->port, &f->assoc, IOCP_DISASSOC_CANCEL, NULL);
	if (bind == BIND_TPIO)
		return;
	/* The association's reference keeps it there. */
	pthread_mutex_lock(&bind_lock);
	w = f->wport;
	pthread_mutex_unlock(&bind_lock);
	iocpi_wport_put(w, OBJ_OP);
}

/* The right to bind the file, for one caller.  0, -EBUSY bound (CP-7), -EBADF closed. */
int iocpi_bind_begin(struct iocpi_file *f)
{
	uint32_t bind = BIND_NONE;

	while (!__atomic_compare_exchange_n(&f->bind, &bind, BIND_BUSY, false, __ATOMIC_ACQUIRE,
					    __ATOMIC_RELAXED)) {
		if (bind != BIND_BUSY || !f->pipe)
			return bind == BIND_GONE ? -EBADF : -EBUSY;
		/* A client of the pipe has just come; that does not bind it. */
		iocpi_pause();
		bind = BIND_NONE;
	}
	return 0;
}

/* Makes a bind in progress what the caller says; false: closed meanwhile. */
static bool bind_end(struct iocpi_file *f, enum iocpi_bind bind)
{
	uint32_t busy = BIND_BUSY;

	return __atomic_compare_exchange_n(&f->bind, &busy, bind, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_RELAXED);
}

/*
 * Brings a file into a port, for life; the caller is a user of both, and of @wport
 * where the port is a program's.  What the binding needs (key or tp) is in place.
 * 0 or -errno: -EBUSY another handle of the same open file is in one.
 */
int iocpi_bind(struct iocpi_file *f, struct iocp_port *port, uint32_t flags, enum iocpi_bind bind,
	       struct iocpi_wport *wport)
{
	uint32_t modes = READ_ONCE(f->modes);
	int ret;

	ret = iocp_associate_with(port, f->fd, iocpi_obj_id(&f->obj), IOCP_ASSOC_EXCLUSIVE | flags,
				  modes, &f->assoc);
	if (ret) {
		f->tp.pool = NULL;
		bind_end(f, BIND_NONE);
		return ret;
	}
	f->port = port;
	f->prio = flags & IOCP_ASSOC_PRIO_MASK;
	WRITE_ONCE(f->home, bind);
	if (bind == BIND_TPIO) {
		iocpi_pool_bind(f->tp.pool);
		if (!f->tp.routine) {
			iocpi_state_init(&f->obj.state, iocpi_obj_gen(&f->obj));
			__atomic_fetch_or(&f->obj.word, OBJ_TPIO, __ATOMIC_RELAXED);
		}
	} else {
		__atomic_fetch_add(&wport->obj.word, OBJ_OP, __ATOMIC_RELAXED);
		pthread_mutex_lock(&bind_lock);
		f->wport = wport;
		list_add_tail(&f->wport_node, &wport->files);
		pthread_mutex_unlock(&bind_lock);
	}
	if (!bind_end(f, bind)) {
		iocp_disassociate(port, &f->assoc, 0, NULL);
		if (bind == BIND_PORT)
			iocpi_wport_put(wport, OBJ_OP);
		else if (iocpi_state_close(&f->obj.state, iocpi_obj_gen(&f->obj)) & STEP_DEAD)
			iocpi_obj_dead(&f->obj);
		return -EBADF;
	}
	/* What is pending elsewhere is to be queued here (CP-11). */
	if (load_acquire(&f->internal))
		iocpi_internal_serve();
	/* Modes added since we looked found no association to go to. */
	if (__atomic_load_n(&f->modes, __ATOMIC_SEQ_CST) != modes)
		iocp_set_modes(port, &f->assoc, READ_ONCE(f->modes));
	return 0;
}

/*
 * Queues what ended elsewhere in the port or TP_IO that the file is or was in (CP-11,
 * OV-13, OV-30).  True: the packet has the operation's reference now.
 */
bool iocpi_file_post(struct iocpi_file *f, struct iocp_packet *packet)
{
	bool tpio = READ_ONCE(f->home) == BIND_TPIO;
	int ret = -ESHUTDOWN;

	if (READ_ONCE(f->home) == BIND_NONE)
		return false;
	/* Until it has room: programs may let max_posted packets wait. */
	for (;; iocpi_pause()) {
		pthread_mutex_lock(&bind_lock);
		if (f->wport) {
			packet->key = f->key;
			ret = iocp_post(f->wport->port, packet, 1);
		} else if (tpio) {
			packet->key = iocpi_obj_id(&f->obj);
			packet->flags = f->prio;
			ret = iocp_post(f->port, packet, 1);
		}
		pthread_mutex_unlock(&bind_lock);
		if (ret != -EAGAIN && ret != -ENOMEM)
			break;
	}
	return tpio && ret > 0;
}

/*
 * Puts another open file behind a handle: @fd, which goes, also on failure.  Where the
 * old one was bound the new one is, and what was pending on the old is cancelled.  For
 * one caller at a time.  0 or -errno.
 */
int iocpi_file_replace(struct iocpi_file *f, int fd)
{
	uint32_t modes = READ_ONCE(f->modes), bind = load_acquire(&f->bind);
	struct iocp_assoc assoc;
	int ret = 0;

	do {
		if (bind == BIND_GONE) {
			close(fd);
			return -EBADF;
		}
		if (bind == BIND_BUSY) {
			iocpi_pause();
			bind = load_acquire(&f->bind);
		}
	} while (bind == BIND_BUSY ||
		 !__atomic_compare_exchange_n(&f->bind, &bind, BIND_BUSY, false, __ATOMIC_ACQUIRE,
					      __ATOMIC_ACQUIRE));
	if (bind != BIND_NONE) {
		ret = iocp_associate_with(f->port, fd, iocpi_obj_id(&f->obj),
					  IOCP_ASSOC_EXCLUSIVE | f->prio, modes, &assoc);
		if (ret == -ESHUTDOWN) {
			ret = 0;	/* as if it had no port (CP-59) */
		} else if (!ret) {
			iocp_disassociate(f->port, &f->assoc, IOCP_DISASSOC_CANCEL, NULL);
			f->assoc = assoc;
		}
	}
	if (!ret && dup3(fd, f->fd, O_CLOEXEC) < 0)
		ret = -errno;
	close(fd);
	if (!bind_end(f, bind)) {
		/* Closed meanwhile, and the rest was left to us. */
		__atomic_store_n(&f->bind, bind, __ATOMIC_RELEASE);
		file_unbind(f);
		return -EBADF;
	}
	if (bind != BIND_NONE && __atomic_load_n(&f->modes, __ATOMIC_SEQ_CST) != modes)
		iocp_set_modes(f->port, &f->assoc, READ_ONCE(f->modes));
	return ret;
}

static void file_close(struct iocpi_obj *obj, uint64_t before)
{
	struct iocpi_file *f = container_of(obj, struct iocpi_file, obj);

	iocpi_lock_close(f);
	if (f->pipe)
		iocpi_pipe_close(f);
	file_unbind(f);
	iocpi_internal_unbind(f);
	if (before & OBJ_TPIO && !(before & OBJ_OPS))
		iocpi_file_forget_tpio(f);
	iocpi_file_put(f, OBJ_USER);
}

static void file_put(struct iocpi_obj *obj)
{
	iocpi_file_put(container_of(obj, struct iocpi_file, obj), OBJ_USER);
}

/* OV-9: the event behind a handle that is waited for; set while nothing is pending. */
static int file_poll_fd(struct iocpi_obj *obj)
{
	struct iocpi_file *f = container_of(obj, struct iocpi_file, obj);
	HANDLE h = load_acquire(&f->signal), none = NULL;
	int ret;

	if (!h) {
		/* It has to come true without anybody looking. */
		ret = f->overlapped ? iocpi_internal_serve() : 0;
		if (ret)
			return ret;
		h = iocpi_event_create(TRUE, FALSE, NULL);
		if (!h)
			return -iocpi_self.last_errno;
		if (!__atomic_compare_exchange_n(&f->signal, &none, h, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_ACQUIRE)) {
			CloseHandle(h);
			h = none;
		} else if (!(__atomic_load_n(&f->obj.word, __ATOMIC_SEQ_CST) & OBJ_OPS) &&
			   !(READ_ONCE(f->modes) & IOCP_MODE_SKIP_SET_EVENT)) {
			SetEvent(h);
		}
	}
	/* It is there as long as the file has a user. */
	return iocpi_sync_poll_fd(iocpi_obj_find(handle_id(h), IOCPI_EVENT));
}

static void wport_close(struct iocpi_obj *obj, uint64_t before)
{
	struct iocpi_wport *w = container_of(obj, struct iocpi_wport, obj);

	(void)before;
	/* Waiters hold the object, so it is still there for the call. */
	iocp_shutdown(w->port, NULL);
	iocpi_wport_put(w, OBJ_USER);
}

static void wport_put(struct iocpi_obj *obj)
{
	iocpi_wport_put(container_of(obj, struct iocpi_wport, obj), OBJ_USER);
}

/* CP-15: readable while packets wait, and it hangs up when the port is closed. */
static int wport_poll_fd(struct iocpi_obj *obj)
{
	return container_of(obj, struct iocpi_wport, obj)->port->fd;
}

/* Types that are not here have no handles. */
static const struct iocpi_handle_ops handle_ops[] = {
	[IOCPI_FILE] = { file_close, file_put, file_poll_fd },
	[IOCPI_PORT] = { wport_close, wport_put, wport_poll_fd },
	[IOCPI_EVENT] = { iocpi_sync_close, iocpi_sync_put, iocpi_sync_poll_fd },
	[IOCPI_SEMAPHORE] = { iocpi_sync_close, iocpi_sync_put, iocpi_sync_poll_fd },
	[IOCPI_MUTEX] = { iocpi_mutex_close, iocpi_sync_put, iocpi_sync_poll_fd },
	[IOCPI_THREAD] = { iocpi_sync_close, iocpi_sync_put, iocpi_sync_poll_fd },
};

static const struct iocpi_handle_ops *ops_of(uint32_t type)
{
	return type < ARRAY_SIZE(handle_ops) && handle_ops[type].close ? &handle_ops[type] : NULL;
}

/* The object of an open handle of any type, with OBJ_USER; or NULL. */
struct iocpi_obj *iocpi_handle_get(HANDLE h, const struct iocpi_handle_ops **ops)
{
	struct iocpi_obj *obj;
	uint32_t type;

	if (h == GetCurrentThread()) {
		*ops = &handle_ops[IOCPI_THREAD];
		return iocpi_thread_self();
	}
	obj = iocpi_obj_target(handle_id(h));
	type = obj ? READ_ONCE(obj->type) : IOCPI_FREE;
	*ops = ops_of(type);
	return *ops ? iocpi_obj_get(handle_id(h), type, OBJ_USER) : NULL;
}

BOOL WINAPI CloseHandle(HANDLE hObject)
{
	uint64_t id = handle_id(hObject), before;
	struct iocpi_obj *obj = iocpi_obj_any(id);
	uint32_t type = obj ? READ_ONCE(obj->type) : IOCPI_FREE;
	const struct iocpi_handle_ops *ops = ops_of(type);

	obj = ops ? iocpi_obj_close(id, type, OBJ_USER, &before) : NULL;
	if (!obj && !iocpi_dup_close(id, &obj, &before))
		return iocpi_fail(ERROR_INVALID_HANDLE);
	if (obj)
		ops_of(obj->type)->close(obj, before);
	return TRUE;
}

void iocpi_win_fork_lock(void)
{
	iocpi_lock_fork_lock();
	iocpi_pipe_fork_lock();
	AcquireSRWLockExclusive(&iocpi_take_lock);
	iocpi_dup_fork_lock();
	pthread_mutex_lock(&bind_lock);
	iocpi_tppool_fork_lock();
	iocpi_group_fork_lock();
	iocpi_internal_fork_lock();
}

void iocpi_win_fork_unlock(void)
{
	iocpi_internal_fork_unlock();
	iocpi_group_fork_unlock();
	iocpi_tppool_fork_unlock();
	pthread_mutex_unlock(&bind_lock);
	iocpi_dup_fork_unlock();
	ReleaseSRWLockExclusive(&iocpi_take_lock);
	iocpi_pipe_fork_unlock();
	iocpi_lock_fork_unlock();
}

/* In the child, for every object: the descriptors are all there is to give back. */
void iocpi_win_fork_end(struct iocpi_obj *obj)
{
	if (obj->type == IOCPI_FILE && READ_ONCE(obj->word) & (OBJ_OPEN | OBJ_USERS))
		close(container_of(obj, struct iocpi_file, obj)->fd);
	else if (obj->type == IOCPI_SEARCH)
		iocpi_search_fork_end(obj);
	else if (is_sync(obj))
		close(sync_of(obj)->fd);
}

void iocpi_win_fork_child(void)
{
	iocpi_lock_fork_child();
	iocpi_pipe_fork_child();
	iocpi_tppool_fork_child();
	iocpi_group_fork_child();
	iocpi_internal_fork_child();
}
