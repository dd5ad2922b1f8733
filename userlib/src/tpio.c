// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * tpio.c - TP_IO on the default pool.
 *
 * A PTP_IO is the number of the file object it is bound to, with a mark in the low
 * bits that handles do not use; so a stale one is recognised, in every build.
 * From packet to callback: the file by number, one step of the state machine, the
 * OVERLAPPED, the call.
 */
#include <errno.h>

#include "win.h"

#define TPIO_MARK	UINT64_C(2)

static pthread_mutex_t default_pool_lock = PTHREAD_MUTEX_INITIALIZER;
static struct iocp_pool *default_pool;
static uint64_t strays;

static PTP_IO tpio_of(const struct iocpi_file *f)
{
	return (PTP_IO)(uintptr_t)(iocpi_obj_id(&f->obj) | TPIO_MARK);
}

/* The object, and the generation that each step on it checks again. */
static struct iocpi_obj *tpio_find(PTP_IO pio, uint32_t *gen, const char *who)
{
	uint64_t id = (uintptr_t)pio ^ TPIO_MARK;
	struct iocpi_obj *obj = iocpi_obj_find(id, IOCPI_FILE);

	if (!obj || !(READ_ONCE(obj->word) & OBJ_TPIO)) {
		iocpi_debug("%s: %p is no TP_IO any more", who, (void *)pio);
		return NULL;
	}
	*gen = id >> OBJ_ID_GEN;
	return obj;
}

static void tpio_dead(struct iocpi_obj *obj)
{
	iocpi_file_put(container_of(obj, struct iocpi_file, obj), OBJ_TPIO);
}

void iocpi_tpio_dispatch(const struct iocp_packet *packet)
{
	struct iocpi_completion c;
	struct iocpi_file *f;
	unsigned int step;

	if (!iocpi_packet_read(packet, &c) || !c.file)
		return;
	f = c.file;
	/*
	 * The OVERLAPPED second: who sees it final may Start again, and that Start
	 * must not be taken for this one's (TP-6).
	 */
	step = iocpi_state_packet(&f->obj.state);
	iocpi_overlapped_finish(c.overlapped, c.status, c.bytes);
	if (likely(step & STEP_RUN)) {
		struct _TP_CALLBACK_INSTANCE instance = { .file = f, .packet = packet };

		iocpi_callback_begin(&f->obj, packet->key);
		iocpi_self.last_errno = c.err;
		f->tp.callback(&instance, f->tp.context, c.overlapped,
			       iocp_status_to_win32(c.status), c.bytes, tpio_of(f));
		if (f->tp.finalization)
			f->tp.finalization(&instance, f->tp.context);
		step = iocpi_callback_end();
	} else if (step & STEP_STRAY) {
		__atomic_add_fetch(&strays, 1, __ATOMIC_RELAXED);
		iocpi_debug("completion without StartThreadpoolIo, overlapped %p",
			    (void *)c.overlapped);
	}
	if (step & STEP_DEAD)
		tpio_dead(&f->obj);
	iocpi_file_put(f, OBJ_OP);
}

static int default_pool_get(struct iocp_pool **pool)
{
	int ret = 0;

	pthread_mutex_lock(&default_pool_lock);
	if (!default_pool)
		ret = iocp_pool_create(&default_pool, NULL);
	*pool = default_pool;
	pthread_mutex_unlock(&default_pool_lock);
	return ret;
}

/* 0, or why objects cannot be made with this environment. */
static DWORD environment_check(const TP_CALLBACK_ENVIRON *env)
{
	if (!env)
		return 0;
	if (env->Version != 3 || env->CallbackPriority >= TP_CALLBACK_PRIORITY_COUNT)
		return ERROR_INVALID_PARAMETER;		/* PL-13 */
	if (env->Pool || env->CleanupGroup || env->CleanupGroupCancelCallback || env->RaceDll ||
	    env->ActivationContext || env->u.Flags)
		return ERROR_NOT_SUPPORTED;
	return 0;
}

PTP_IO WINAPI CreateThreadpoolIo(HANDLE fl, PTP_WIN32_IO_CALLBACK pfnio, PVOID pv,
				 PTP_CALLBACK_ENVIRON pcbe)
{
	static const uint32_t prio[] = {
		[TP_CALLBACK_PRIORITY_HIGH] = IOCP_PRIO_HIGH,
		[TP_CALLBACK_PRIORITY_NORMAL] = IOCP_PRIO_NORMAL,
		[TP_CALLBACK_PRIORITY_LOW] = IOCP_PRIO_LOW,
	};
	DWORD code = environment_check(pcbe);
	uint32_t flags = IOCP_PRIO_NORMAL << IOCP_ASSOC_PRIO_SHIFT;
	struct iocp_pool *pool;
	struct iocpi_file *f;
	PTP_IO pio = NULL;
	int ret;

	if (code || !pfnio) {
		iocpi_fail(code ? code : ERROR_INVALID_PARAMETER);
		return NULL;
	}
	f = iocpi_file_get(fl, OBJ_USER);
	if (!f) {
		iocpi_fail(ERROR_INVALID_HANDLE);
		return NULL;
	}
	if (!f->overlapped) {
		iocpi_fail(ERROR_INVALID_PARAMETER);	/* TP-1 */
		goto out;
	}
	ret = default_pool_get(&pool);
	if (ret) {
		iocpi_fail_errno(-ret);
		goto out;
	}
	if (pcbe)
		flags = prio[pcbe->CallbackPriority] << IOCP_ASSOC_PRIO_SHIFT;
	ret = iocpi_bind_begin(f);
	if (!ret) {
		f->tp = (struct iocpi_tpio){
			.callback = pfnio,
			.context = pv,
			.finalization = pcbe ? pcbe->FinalizationCallback : NULL,
		};
		ret = iocpi_bind(f, pool->port, flags, BIND_TPIO, NULL);
	}
	if (ret == -EBUSY)
		iocpi_fail(ERROR_INVALID_PARAMETER);	/* TP-1 */
	else if (ret)
		iocpi_fail_status(ret == -EOPNOTSUPP ? STATUS_NOT_SUPPORTED :
				  iocpi_refusal_status(-ret, KIND_FILE), -ret);
	else
		pio = tpio_of(f);
out:
	iocpi_file_put(f, OBJ_USER);
	return pio;
}

VOID WINAPI StartThreadpoolIo(PTP_IO pio)
{
	struct iocpi_obj *obj;
	uint32_t gen;

	obj = tpio_find(pio, &gen, __func__);
	if (obj && !iocpi_state_start(&obj->state, gen, 1))
		iocpi_debug("%s: %p is closed", __func__, (void *)pio);
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
		tpio_dead(obj);
}

VOID WINAPI WaitForThreadpoolIoCallbacks(PTP_IO pio, BOOL fCancelPendingCallbacks)
{
	struct iocpi_obj *obj;
	uint32_t gen;

	obj = tpio_find(pio, &gen, __func__);
	if (!obj)
		return;
	if (fCancelPendingCallbacks && iocpi_state_forget(&obj->state, gen) & STEP_DEAD)
		tpio_dead(obj);
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
		tpio_dead(obj);
}

const struct iocp_packet *iocp_callback_packet(PTP_CALLBACK_INSTANCE Instance)
{
	return Instance->packet;
}

uint64_t iocp_stray_completions(void)
{
	return READ_ONCE(strays);
}

void iocpi_tpio_fork_lock(void)
{
	pthread_mutex_lock(&default_pool_lock);
}

void iocpi_tpio_fork_unlock(void)
{
	pthread_mutex_unlock(&default_pool_lock);
}

/* The parent's pool is left where it is: its lock may be held by nobody here. */
void iocpi_tpio_fork_child(void)
{
	default_pool = NULL;
}
