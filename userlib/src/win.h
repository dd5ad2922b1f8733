/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * win.h - what the files of the Windows layer share.
 *
 * A file object (struct iocpi_file) is what a HANDLE of a file names; a TP_IO is
 * part of the file object it is bound to, for life (TP-1).  References, all in the
 * slot's word:
 *	OBJ_OPEN	the handle is open: lookups succeed
 *	OBJ_USER	a call is inside; with none left and not open the fd closes
 *	OBJ_OP		an operation whose packet has not been taken
 *	OBJ_TPIO	the TP_IO is not dead
 *	OBJ_ORPHAN	the port is gone with its packets: forget the OBJ_OPs
 * The count of operations is exact, because every accepted one gives exactly one
 * packet; so nobody needs a LAST packet to know that nothing more can come.
 *
 * A port object (struct iocpi_wport) is what a HANDLE of a port names; OBJ_OP of
 * it is an open file that is associated and so submits through its fd (CP-13).
 */
#ifndef IOCPI_WIN_H
#define IOCPI_WIN_H

#include <sys/types.h>

#include <iocp/ntstatus.h>
#include <iocp/windows.h>

#include "internal.h"

/* error.c */

/* How a file of this kind ends and breaks (section 9.1). */
enum iocpi_kind {
	KIND_FILE,		/* what is neither of the other two */
	KIND_PIPE,
	KIND_SOCKET,
};

NTSTATUS iocpi_io_status(int res, uint64_t info, uint32_t flags, enum iocpi_kind kind,
			 bool empty, bool immediate);
NTSTATUS iocpi_refusal_status(int err, enum iocpi_kind kind);
static inline bool NT_ERROR(NTSTATUS status)
{
	return (uint32_t)status >> 30 == 3;
}

BOOL iocpi_fail(DWORD code);
BOOL iocpi_fail_errno(int err);
BOOL iocpi_fail_status(NTSTATUS status, int err);

/* iocpi_fail(ERROR_IO_PENDING), without looking that up for each operation. */
static inline BOOL iocpi_fail_pending(void)
{
	iocpi_self.last_error = ERROR_IO_PENDING;
	iocpi_self.last_errno = EINPROGRESS;
	return FALSE;
}

static inline DWORD iocpi_status_code(NTSTATUS status)
{
	return likely(!status) ? 0 : iocp_status_to_win32(status);
}

/* handle.c */

enum iocpi_bind {
	BIND_NONE,
	BIND_BUSY,		/* one thread is at it */
	BIND_PORT,
	BIND_TPIO,
	BIND_GONE,		/* closed */
};

struct iocpi_tpio {
	PTP_WIN32_IO_CALLBACK callback;
	PVOID context;
	struct iocp_pool *pool;		/* bound until the file is freed: its port is used */
	LPOVERLAPPED_COMPLETION_ROUTINE routine;	/* of BindIoCompletionCallback, alone */
};

struct iocpi_wport {
	struct iocpi_obj obj;
	struct iocp_port *port;
	struct list files;		/* bind_lock: all whose packets may be in it */
};

struct iocpi_file {
	struct iocpi_obj obj;
	int fd;
	enum iocpi_kind kind;
	bool overlapped;
	bool append_only;
	bool seekable;
	bool direct;			/* O_DIRECT */
	uint32_t access;		/* FILE_READ_DATA, FILE_WRITE_DATA, FILE_APPEND_DATA */
	uint32_t modes;			/* IOCP_MODE_*, only added to */
	dev_t dev;
	ino_t ino;

	uint32_t bind;			/* enum iocpi_bind; the next four are set before */
	struct iocp_port *port;
	struct iocp_assoc assoc;
	ULONG_PTR key;
	struct iocpi_tpio tp;
	struct iocpi_wport *wport;	/* bind_lock */
	struct list wport_node;		/* bind_lock */

	enum iocpi_bind home;		/* what bind became, for what ends after a close */
	uint32_t prio;			/* IOCP_PKT_PRIO_MASK of what is posted for it */
	struct iocpi_pipe *pipe;	/* it is the server's end of a named one */
	HANDLE signal;			/* event behind the handle, if waited for (OV-9) */

	bool internal;			/* intern.lock: it is in the internal port, as */
	struct iocp_assoc internal_assoc;
};

_Static_assert(sizeof(struct iocpi_file) <= IOCPI_OBJ_SIZE, "slots are too small");

static inline uint64_t handle_id(HANDLE h)
{
	return (uintptr_t)h;
}

static inline uint64_t iocpi_deadline_of(DWORD ms)
{
	return ms == INFINITE ? IOCP_FOREVER : iocp_deadline_ms(ms);
}

/* What handles of each type of object have in common; all get the caller's OBJ_USER. */
struct iocpi_handle_ops {
	void (*close)(struct iocpi_obj *obj, uint64_t before);	/* and give it back */
	void (*put)(struct iocpi_obj *obj);
	int (*poll_fd)(struct iocpi_obj *obj);	/* or -errno; NULL: nothing to wait for */
};

struct iocpi_obj *iocpi_handle_get(HANDLE h, const struct iocpi_handle_ops **ops);

struct iocpi_file *iocpi_file_pin(uint64_t id);
void iocpi_file_put_any(struct iocpi_file *f, uint64_t refs);
void iocpi_file_signal(struct iocpi_file *f, uint32_t gen);
bool iocpi_file_post(struct iocpi_file *f, struct iocp_packet *packet);
void iocpi_file_unsignal(struct iocpi_file *f);

static inline struct iocpi_file *iocpi_file_get(HANDLE h, uint64_t refs)
{
	struct iocpi_obj *obj = iocpi_obj_get(handle_id(h), IOCPI_FILE, refs);

	return obj ? container_of(obj, struct iocpi_file, obj) : NULL;
}

static inline void iocpi_file_put(struct iocpi_file *f, uint64_t refs)
{
	uint64_t word = load_acquire(&f->obj.word);

	/* As long as the handle is open, nothing follows.  SEQ_CST for what is below. */
	if (likely(word & OBJ_OPEN) &&
	    __atomic_compare_exchange_n(&f->obj.word, &word, word - refs, true, __ATOMIC_SEQ_CST,
					__ATOMIC_RELAXED))
		return;
	iocpi_file_put_any(f, refs);
}

/*
 * An operation ended: gives @refs back, OBJ_OP among them, and signals the handle
 * (OV-9).  In that order, so that either whoever makes the signal sees that nothing is
 * pending or it is seen here.
 */
static inline void iocpi_file_completed(struct iocpi_file *f, uint64_t refs)
{
	uint32_t gen = iocpi_obj_gen(&f->obj);

	iocpi_file_put(f, refs);
	if (unlikely(__atomic_load_n(&f->signal, __ATOMIC_SEQ_CST)))
		iocpi_file_signal(f, gen);
}
void iocpi_file_forget_tpio(struct iocpi_file *f);
struct iocpi_wport *iocpi_wport_get(HANDLE h);
HANDLE iocpi_wport_create(uint32_t concurrency);
void iocpi_wport_put(struct iocpi_wport *w, uint64_t refs);
int iocpi_file_replace(struct iocpi_file *f, int fd);
int iocpi_bind_begin(struct iocpi_file *f);
int iocpi_bind(struct iocpi_file *f, struct iocp_port *port, uint32_t flags, enum iocpi_bind bind,
	       struct iocpi_wport *wport);
/* file.c */
struct iocpi_file *iocpi_file_alloc(int fd, uint32_t access, bool overlapped);
HANDLE iocpi_file_open(struct iocpi_file *f);
DWORD iocpi_missing_code(const char *path);

/* fs.c */
void iocpi_search_fork_end(struct iocpi_obj *obj);

/* lock.c */
bool iocpi_lock_cancel(struct iocpi_file *f, LPOVERLAPPED o, pid_t issuer);
void iocpi_lock_close(struct iocpi_file *f);
void iocpi_lock_fork_lock(void);
void iocpi_lock_fork_unlock(void);
void iocpi_lock_fork_child(void);

/* utf16.c */
enum iocpi_utf {
	UTF_REPLACE,		/* U+FFFD for what is invalid */
	UTF_STRICT,		/* -1 */
	UTF_NAME,		/* bytes as U+DC80 ... U+DCFF, so that they come back */
};

struct iocpi_name {
	const char *name;
	char bytes[PATH_MAX];
};

ssize_t iocpi_utf8_to_16(const char *from, size_t len, WCHAR *to, size_t room,
			 enum iocpi_utf mode);
ssize_t iocpi_utf16_to_8(const WCHAR *from, size_t len, char *to, size_t room,
			 enum iocpi_utf mode);
size_t iocpi_wcslen(const WCHAR *s);
DWORD iocpi_name8(const WCHAR *name, struct iocpi_name *buf);

void iocpi_win_fork_lock(void);
void iocpi_win_fork_unlock(void);
void iocpi_win_fork_end(struct iocpi_obj *obj);
void iocpi_win_fork_child(void);

/* overlapped.c */

/* Set in the packet's overlapped where 0 bytes are what was asked for. */
#define OVERLAPPED_EMPTY	UINT64_C(1)
/* Bit 0 of hEvent: no packet (OV-10). */
#define EVENT_NO_PACKET		((uintptr_t)1)

/* A packet as the Windows layer sees it. */
struct iocpi_completion {
	LPOVERLAPPED overlapped;
	ULONG_PTR key;
	ULONG_PTR bytes;
	NTSTATUS status;
	int err;
	struct iocpi_file *file;	/* give OBJ_OP back when done with it; NULL: posted */
};

#define NR_WAIT_SLOTS	64	/* waiters that share one only wake for nothing */

extern uint32_t iocpi_wait_slots[NR_WAIT_SLOTS];
void iocpi_overlapped_wake(LPOVERLAPPED o);

static inline uint32_t *iocpi_wait_slot(const OVERLAPPED *o)
{
	uintptr_t a = (uintptr_t)o / sizeof(*o);

	return &iocpi_wait_slots[(a ^ a / NR_WAIT_SLOTS) % NR_WAIT_SLOTS];
}

/* @o may be gone as soon as Internal is final: only its address is used then. */
static inline void iocpi_overlapped_finish(LPOVERLAPPED o, NTSTATUS status, ULONG_PTR bytes)
{
	WRITE_ONCE(o->InternalHigh, bytes);
	/* Also a full barrier: the waiter counts itself, then looks at Internal. */
	__atomic_exchange_n(&o->Internal, (ULONG_PTR)(uint32_t)status, __ATOMIC_SEQ_CST);
	if (unlikely(__atomic_load_n(iocpi_wait_slot(o), __ATOMIC_SEQ_CST)))
		iocpi_overlapped_wake(o);
}

bool iocpi_packet_read(const struct iocp_packet *packet, struct iocpi_completion *c);
bool iocpi_packet_complete(const struct iocp_packet *packet, struct iocpi_completion *c);
BOOL iocpi_overlapped_begin(struct iocpi_file *f, LPOVERLAPPED o);

/* The packet of an operation of @f, whose reference to it is the caller's now. */
static inline void iocpi_packet_of(const struct iocp_packet *packet, struct iocpi_file *f,
				   struct iocpi_completion *c)
{
	c->file = f;
	c->overlapped = (LPOVERLAPPED)(uintptr_t)(packet->overlapped & ~OVERLAPPED_EMPTY);
	c->key = READ_ONCE(f->key);
	c->bytes = packet->info;
	c->status = STATUS_SUCCESS;
	if (unlikely(packet->res || !packet->info))
		c->status = iocpi_io_status(packet->res, packet->info, packet->flags, f->kind,
					    packet->overlapped & OVERLAPPED_EMPTY, false);
	c->err = -packet->res;
}
void iocpi_complete(struct iocpi_file *f, LPOVERLAPPED o, NTSTATUS status, ULONG_PTR bytes,
		    uint64_t refs, bool packet);
BOOL iocpi_overlapped_end(struct iocpi_file *f, LPOVERLAPPED o, NTSTATUS status, int err,
			  ULONG_PTR bytes);
bool iocpi_overlapped_wait(const struct iocpi_file *f, const OVERLAPPED *o, uint64_t deadline);
bool iocpi_internal_cancel(struct iocpi_file *f, uint32_t flags, LPOVERLAPPED o);
int iocpi_internal_serve(void);
int iocpi_internal_bind(struct iocpi_file *f, int fd, struct iocp_port **port);
void iocpi_internal_release(struct iocpi_file *f);
void iocpi_internal_unbind(struct iocpi_file *f);
void iocpi_internal_drain(void);
void iocpi_internal_fork_lock(void);
void iocpi_internal_fork_unlock(void);
void iocpi_internal_fork_child(void);

/* dup.c */
bool iocpi_dup_close(uint64_t id, struct iocpi_obj **last, uint64_t *before);
void iocpi_dup_fork_lock(void);
void iocpi_dup_fork_unlock(void);

/*
 * event.c - what is signalled by an eventfd that can be read.
 *
 * OBJ_USER: calls inside.  OBJ_OP: of a mutex, that it is owned; of a thread, that it
 * runs.  The descriptor goes with the last reference.
 */
struct iocpi_sync {
	struct iocpi_obj obj;
	int fd;
	bool consume;			/* a wait takes it, by a read */
	union {
		struct {
			uint32_t max;
			uint32_t count;	/* it is never more than this */
		} sem;
		struct {
			struct iocpi_thread *owner;
			struct list node;	/* the owner's, as is the next */
			uint32_t recursion;
			bool abandoned;
		} mutex;
		struct {
			LPTHREAD_START_ROUTINE start;
			LPVOID parameter;
			uint32_t tid;	/* futex: 0 until it runs */
			uint32_t exit_code;
			bool ended;
			uint64_t io_file;	/* in a call that does not return yet: its file, */
			LPOVERLAPPED io;	/* its operation: CancelSynchronousIo() */
		} thread;
	};
};

_Static_assert(sizeof(struct iocpi_sync) <= IOCPI_OBJ_SIZE, "slots are too small");

struct iocpi_sync *iocpi_sync_create(enum iocpi_type type, const void *name, uint32_t count,
				     int flags);
HANDLE iocpi_sync_open(struct iocpi_sync *s, uint64_t refs);
HANDLE iocpi_sync_is_new(HANDLE h);
HANDLE iocpi_event_create(BOOL manual, BOOL set, const void *name);
struct iocpi_sync *iocpi_sync_get(HANDLE h, enum iocpi_type type);
void iocpi_sync_close(struct iocpi_obj *obj, uint64_t before);
void iocpi_sync_put(struct iocpi_obj *obj);
void iocpi_sync_drop(struct iocpi_sync *s, uint64_t refs);
int iocpi_sync_poll_fd(struct iocpi_obj *obj);
bool iocpi_sync_take(struct iocpi_sync *s);
void iocpi_sync_give(struct iocpi_sync *s, uint32_t n);
void iocpi_sync_give_back(struct iocpi_sync *s);

static inline struct iocpi_sync *sync_of(struct iocpi_obj *obj)
{
	return container_of(obj, struct iocpi_sync, obj);
}

static inline bool is_sync(const struct iocpi_obj *obj)
{
	return obj->type == IOCPI_EVENT || obj->type == IOCPI_SEMAPHORE ||
	       obj->type == IOCPI_MUTEX || obj->type == IOCPI_THREAD;
}

/* mutex.c */
bool iocpi_mutex_is_mine(struct iocpi_sync *s);
DWORD iocpi_mutex_take(struct iocpi_sync *s);
void iocpi_mutex_close(struct iocpi_obj *obj, uint64_t before);
void iocpi_mutex_abandon_all(void);

/* thread.c */
bool iocpi_thread_mind_end(void);
struct iocpi_obj *iocpi_thread_self(void);

/* pipe.c */
bool iocpi_is_pipe_name(const char *path);
HANDLE iocpi_pipe_open(const char *path, uint32_t access, bool overlapped);
bool iocpi_pipe_accept(struct iocpi_file *f, struct iocpi_completion *c);
void iocpi_pipe_close(struct iocpi_file *f);
void iocpi_pipe_fork_lock(void);
void iocpi_pipe_fork_unlock(void);
void iocpi_pipe_fork_child(void);

/* wait.c */

/* What the kernel needs to wait in the place of a thread (opcode WAIT). */
struct iocpi_waitable {
	int fd;				/* to poll; the caller's own, to close */
	bool consume;			/* IOCP_OPF_CONSUME: reading it takes it */
};

DWORD iocpi_waitable(HANDLE h, struct iocpi_waitable *w);

/*
 * Shared: whoever takes or resets one object.  Exclusive: who takes several at once,
 * and would be seen in between (B12).
 */
extern SRWLOCK iocpi_take_lock;

/* tppool.c */

/* An environment as it was read; the caller is bound to its pool until iocpi_env_drop(). */
struct iocpi_env {
	struct iocp_pool *pool;
	uint32_t priority;		/* IOCP_PRIO_* */
	struct iocpi_extra *extra;	/* NULL: nothing but these */
};

DWORD iocpi_env_read(const TP_CALLBACK_ENVIRON *env, struct iocpi_env *e);
void iocpi_env_drop(struct iocpi_env *e);
void iocpi_tppool_fork_lock(void);
void iocpi_tppool_fork_unlock(void);
void iocpi_tppool_fork_child(void);

/* tpgroup.c */

/*
 * How a cleanup group closes a member, by kind of object.  end() does what its Close
 * function does, and with @drop also forgets callbacks that have not begun.  True if
 * it was open until now, or of a simple callback: if that was dropped.  The group
 * holds the extra; it waits by itself, for iocpi_state and for who disassociated.
 */
struct iocpi_member_ops {
	bool (*end)(struct iocpi_obj *obj, bool drop);
};

/*
 * What an object has that was made with more than a pool and a priority.  obj->extra
 * is set before the object is open and stays until it is gone.
 */
struct iocpi_extra {
	uint32_t refs;		/* not dead; who disassociated; the group that ends it */
	bool runs_long;
	bool due;		/* the group closed it: its cancel callback is due */
	PTP_SIMPLE_CALLBACK finalization;
	PTP_CLEANUP_GROUP_CANCEL_CALLBACK cancel;
	void *library;
	void *context;		/* of the object's callbacks */
	struct iocpi_obj *obj;
	const struct iocpi_member_ops *ops;
	uint64_t group_id;
	struct iocpi_group *group;	/* group_lock: it is a member, by */
	struct list node;		/* group_lock */
};

DWORD iocpi_group_check(uint64_t id);
void iocpi_env_attach(struct iocpi_env *e, struct iocpi_obj *obj,
		      const struct iocpi_member_ops *ops, void *context);
DWORD iocpi_group_join(struct iocpi_extra *x);
DWORD iocpi_env_open(struct iocpi_env *e, struct iocpi_obj *obj,
		     const struct iocpi_member_ops *ops, void *context);
void iocpi_group_fork_lock(void);
void iocpi_group_fork_unlock(void);
void iocpi_group_fork_child(void);

/* tptimer.c: what timers and waits have in common. */

struct iocpi_armed *iocpi_tparmed_get(void *ptr, enum iocpi_type type, const char *who);
void iocpi_tparmed_put(struct iocpi_armed *a);
void *iocpi_tparmed_create(struct iocpi_armed *(*alloc)(const struct iocpi_env *env),
			   void (*run)(struct iocpi_armed *a, const struct iocp_packet *packet),
			   void (*callback)(void), PVOID context, PTP_CALLBACK_ENVIRON pcbe);
void iocpi_tparmed_wait(void *ptr, enum iocpi_type type, bool drop, const char *who);
void iocpi_tparmed_close(void *ptr, enum iocpi_type type, const char *who);
BOOL iocpi_tparmed_result(int ret, const char *who);

#define FILETIME_UNIX_EPOCH	INT64_C(116444736000000000)	/* 100 ns units since 1601 */

static inline int64_t iocpi_filetime(const FILETIME *ft)
{
	return (int64_t)((uint64_t)ft->dwHighDateTime << 32 | ft->dwLowDateTime);
}

/* 100 ns units, not negative, as nanoseconds; what is too many is all there are. */
static inline uint64_t iocpi_units_ns(uint64_t units)
{
	return units < UINT64_MAX / 100 ? units * 100 : UINT64_MAX;
}

/* tpcallback.c */

static inline PTP_CALLBACK_INSTANCE iocpi_instance(void)
{
	return (PTP_CALLBACK_INSTANCE)iocpi_self.call;
}

#endif /* IOCPI_WIN_H */
