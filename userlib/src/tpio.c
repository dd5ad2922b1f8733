// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * tpio.c - TP_IO.
 *
 * A PTP_IO is the number of the file object it is bound to, with a mark in the low
 * bits that handles do not use; so a stale one is recognised, in every build.
 * From packet to callback: the file by number, one step of the state machine, the
 * OVERLAPPED, the call.
 */
#include <errno.h>

#include "win.h"

#define TPIO_MARK	UINT64_C(2)

static uint64_t strays;

static PTP_IO tpio_of(const struct iocpi_file *f)
{
	return (PTP_IO)(uintptr_t)(iocpi_obj_id(&f->obj) | TPIO_MARK);
}

static void tpio_stray(LPOVERLAPPED overlapped)
{
	__atomic_add_fetch(&strays, 1, __ATOMIC_RELAXED);
	iocpi_debug("completion without StartThreadpoolIo, overlapped %p", (void *)overlapped);
}

static void tpio_stale(PTP_IO pio, const char *who)
{
	iocpi_debug("%s: %p is no TP_IO any more", who, (void *)pio);
}

/* The object, and the generation that each step on it checks again. */
static inline struct iocpi_obj *tpio_find(PTP_IO pio, uint32_t *gen, const char *who)
{
	uint64_t id = (uintptr_t)pio ^ TPIO_MARK;
	struct iocpi_obj *obj = iocpi_obj_find(id, IOCPI_FILE);

	if (unlikely(!obj || !(READ_ONCE(obj->word) & OBJ_TPIO))) {
		tpio_stale(pio, who);
		return NULL;
	}
	*gen = id >> OBJ_ID_GEN;
	return obj;
}

/* @f is finished, if c->file says that it is this packet that does it. */
static inline __attribute__((always_inline)) void tpio_completed(struct iocpi_file *f,
								 const struct iocp_packet *packet,
								 const struct iocpi_completion *c)
{
	unsigned int step;

	/*
	 * The OVERLAPPED second: who sees it final may Start again, and that Start
	 * must not be taken for this one's (TP-6).
	 */
	step = iocpi_state_packet(&f->obj.state);
	if (c->file)
		iocpi_overlapped_finish(c->overlapped, c->status, c->bytes);
	if (likely(step & STEP_RUN)) {
		iocpi_callback_begin(&f->obj, packet->key);
		iocpi_self.last_errno = c->err;
		f->tp.callback(iocpi_instance(), f->tp.context, c->overlapped,
			       iocpi_status_code(c->status), c->bytes,
			       (PTP_IO)(uintptr_t)(packet->key | TPIO_MARK));
		step = iocpi_callback_end(&f->obj);
	} else if (f->tp.routine) {	/* no TP_IO, and so nothing that was started */
		f->tp.routine(iocpi_status_code(c->status), c->bytes, c->overlapped);
	} else if (step & STEP_STRAY) {
		tpio_stray(c->overlapped);
	}
	if (unlikely(step & STEP_DEAD))
		iocpi_obj_dead(&f->obj);
	iocpi_file_completed(f, OBJ_OP);
}

/* Not simply bytes that were moved. */
static __attribute__((noinline)) void tpio_dispatch_any(struct iocpi_file *f,
							const struct iocp_packet *packet)
{
	struct iocpi_completion c;

	/* Also what ended elsewhere and was posted: iocpi_complete() */
	if (iocpi_packet_read(packet, &c))
		tpio_completed(f, packet, &c);
}

void iocpi_tpio_dispatch(struct iocpi_obj *obj, const struct iocp_packet *packet)
{
	struct iocpi_file *f = container_of(obj, struct iocpi_file, obj);
	struct iocpi_completion c = {
		.overlapped = (LPOVERLAPPED)(uintptr_t)packet->overlapped,
		.bytes = packet->info,
		.file = f,
	};

	if (unlikely(packet->flags & IOCP_PKT_KIND_MASK || packet->res || !packet->info))
		tpio_dispatch_any(f, packet);
	else
		tpio_completed(f, packet, &c);
}

static bool tpio_end(struct iocpi_obj *obj, bool drop)
{
	uint32_t gen = iocpi_obj_gen(obj);
	unsigned int step = iocpi_state_close(&obj->state, gen);

	if (step & STEP_DEAD)
		iocpi_obj_dead(obj);
	else if (drop && iocpi_state_forget(&obj->state, gen) & STEP_DEAD)
		iocpi_obj_dead(obj);
	return step;
}

/* 0 or a Win32 code, for the one caller that binds the file. */
static DWORD tpio_bind(struct iocpi_file *f, struct iocpi_env *env, const struct iocpi_tpio *tp)
{
	static const struct iocpi_member_ops ops = { tpio_end };
	int ret = iocpi_bind_begin(f);
	DWORD code;

	if (!ret) {
		f->tp = *tp;
		ret = iocpi_bind(f, tp->pool->port, env->priority << IOCP_ASSOC_PRIO_SHIFT,
				 BIND_TPIO, NULL);
	}
	if (ret == -EBUSY)
		return ERROR_INVALID_PARAMETER;		/* TP-1 */
	if (ret)
		return iocp_status_to_win32(ret == -EOPNOTSUPP ? STATUS_NOT_SUPPORTED :
					    iocpi_refusal_status(-ret, KIND_FILE));
	/* Nobody knows it yet, so nobody starts anything. */
	iocpi_env_attach(env, &f->obj, &ops, tp->context);
	code = iocpi_group_join(f->obj.extra);
	if (code)
		tpio_end(&f->obj, true);	/* as if it had been made just before */
	return code;
}

/* TRUE: *pio is its name. */
static BOOL tpio_create(HANDLE h, PTP_CALLBACK_ENVIRON env, struct iocpi_tpio *tp, PTP_IO *pio)
{
	struct iocpi_env e;
	struct iocpi_file *f;
	DWORD code;

	if (!tp->callback && !tp->routine)
		return iocpi_fail(ERROR_INVALID_PARAMETER);
	f = iocpi_file_get(h, OBJ_USER);
	if (!f)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	code = f->overlapped ? iocpi_env_read(env, &e) : ERROR_INVALID_PARAMETER;
	if (!code) {
		tp->pool = e.pool;
		code = tpio_bind(f, &e, tp);
		iocpi_env_drop(&e);
	}
	*pio = tpio_of(f);
	iocpi_file_put(f, OBJ_USER);
	return code ? iocpi_fail(code) : TRUE;
}

PTP_IO WINAPI CreateThreadpoolIo(HANDLE fl, PTP_WIN32_IO_CALLBACK pfnio, PVOID pv,
				 PTP_CALLBACK_ENVIRON pcbe)
{
	struct iocpi_tpio tp = { .callback = pfnio, .context = pv };
	PTP_IO pio;

	return tpio_create(fl, pcbe, &tp, &pio) ? pio : NULL;
}

BOOL WINAPI BindIoCompletionCallback(HANDLE FileHandle, LPOVERLAPPED_COMPLETION_ROUTINE Function,
				     ULONG Flags)
{
	struct iocpi_tpio tp = { .routine = Function };
	PTP_IO pio;

	if (Flags)
		return iocpi_fail(ERROR_INVALID_PARAMETER);
	return tpio_create(FileHandle, NULL, &tp, &pio);
}

VOID WINAPI StartThreadpoolIo(PTP_IO pio)
{
	struct iocpi_obj *obj;
	uint32_t gen;

	obj = tpio_find(pio, &gen, __func__);
	if (!obj || iocpi_state_start(&obj->state, gen, 1))
		return;
	/* So that its packet is no stray: a callback may Start while a group closes it. */
	iocpi_state_start_late(&obj->state, gen);
	iocpi_debug("%s: %p is closed, no callback will run", __func__, (void *)pio);
}

VOID WINAPI CancelThreadpoolIo(PTP_IO pio)
{
	struct iocpi_obj *obj;
	unsigned int step;
	uint32_t gen;

	obj = tpio_find(pio, &gen, __func__);
	if (!obj)
		return;
	step = iocpi_state_cancel(&obj->state, gen, 1);
	if (step & STEP_STRAY)
		iocpi_debug("%s: %p has no Start to cancel", __func__, (void *)pio);
	if (step & STEP_DEAD)
		iocpi_obj_dead(obj);
}

VOID WINAPI WaitForThreadpoolIoCallbacks(PTP_IO pio, BOOL fCancelPendingCallbacks)
{
	struct iocpi_obj *obj;
	uint32_t gen;

	obj = tpio_find(pio, &gen, __func__);
	if (!obj)
		return;
	if (fCancelPendingCallbacks && iocpi_state_forget(&obj->state, gen) & STEP_DEAD)
		iocpi_obj_dead(obj);
	if (iocpi_self.callback_id == ((uintptr_t)pio ^ TPIO_MARK)) {
		iocpi_debug("%s: a callback waits for itself", __func__);
		return;
	}
	iocpi_state_wait(&obj->state, gen);
}

VOID WINAPI CloseThreadpoolIo(PTP_IO pio)
{
	struct iocpi_obj *obj;
	uint32_t gen;

	obj = tpio_find(pio, &gen, __func__);
	if (obj && iocpi_state_close(&obj->state, gen) & STEP_DEAD)
		iocpi_obj_dead(obj);
}

uint64_t iocp_stray_completions(void)
{
	return READ_ONCE(strays);
}

