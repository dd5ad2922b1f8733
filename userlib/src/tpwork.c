// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * tpwork.c - work with Windows names, and simple callbacks, which are work that is
 * submitted once and closed from the beginning.
 */
#include <errno.h>

#include "win.h"

static struct iocp_work *work_of(struct iocpi_obj *obj)
{
	return container_of(obj, struct iocp_work, bound.obj);
}

static struct iocpi_obj *work_find(PTP_WORK pwk, uint32_t *gen, const char *who)
{
	uint64_t id = (uintptr_t)pwk;
	struct iocpi_obj *obj = iocpi_obj_find(id, IOCPI_WORK);

	if (!obj)
		iocpi_debug("%s: %p is no work any more", who, (void *)pwk);
	*gen = id >> OBJ_ID_GEN;
	return obj;
}

/* Of an object that was open until now, with OBJ_USER for this. */
static void work_close(struct iocpi_obj *obj)
{
	if (iocpi_state_close(&obj->state, iocpi_obj_gen(obj)) & STEP_DEAD)
		iocpi_obj_dead(obj);
	iocpi_bound_put(&work_of(obj)->bound, OBJ_USER);
}

static bool work_end(struct iocpi_obj *obj, bool drop)
{
	bool open = iocpi_obj_close(iocpi_obj_id(obj), IOCPI_WORK, OBJ_USER, NULL);

	if (drop)
		iocpi_state_forget(&obj->state, iocpi_obj_gen(obj));
	if (open)
		work_close(obj);
	return open;
}

static bool simple_end(struct iocpi_obj *obj, bool drop)
{
	return drop && iocpi_state_forget(&obj->state, iocpi_obj_gen(obj)) & STEP_DROP;
}

static void work_run(struct iocp_work *work)
{
	PTP_WORK_CALLBACK callback = (PTP_WORK_CALLBACK)work->win_callback;

	callback(iocpi_instance(), work->context, (PTP_WORK)(uintptr_t)iocpi_self.callback_id);
}

static void simple_run(struct iocp_work *work)
{
	((PTP_SIMPLE_CALLBACK)work->win_callback)(iocpi_instance(), work->context);
}

/* For the environment's pool; it ends by itself, nobody waits for it. */
static struct iocp_work *work_alloc(const struct iocpi_env *env, void (*run)(struct iocp_work *),
				    void (*callback)(void), PVOID context)
{
	struct iocp_work *work = iocpi_work_alloc(env->pool, env->priority);

	if (!work)
		return NULL;
	work->bound.unbind_late = true;
	work->run = run;
	work->win_callback = callback;
	work->context = context;
	return work;
}

PTP_WORK WINAPI CreateThreadpoolWork(PTP_WORK_CALLBACK pfnwk, PVOID pv, PTP_CALLBACK_ENVIRON pcbe)
{
	static const struct iocpi_member_ops ops = { work_end };
	struct iocp_work *work;
	struct iocpi_env env;
	uint64_t id = 0;
	DWORD code;

	code = pfnwk ? iocpi_env_read(pcbe, &env) : ERROR_INVALID_PARAMETER;
	if (!code) {
		work = work_alloc(&env, work_run, (void (*)(void))pfnwk, pv);
		if (work) {
			id = iocpi_obj_id(&work->bound.obj);
			code = iocpi_env_open(&env, &work->bound.obj, &ops, pv);
		} else {
			code = ERROR_NOT_ENOUGH_MEMORY;
		}
		iocpi_env_drop(&env);
	}
	if (!code)
		return (PTP_WORK)(uintptr_t)id;
	iocpi_fail(code);
	return NULL;
}

VOID WINAPI SubmitThreadpoolWork(PTP_WORK pwk)
{
	struct iocpi_obj *obj;
	uint32_t gen;

	obj = work_find(pwk, &gen, __func__);
	if (obj)
		iocpi_work_submit(work_of(obj), gen);
}

VOID WINAPI WaitForThreadpoolWorkCallbacks(PTP_WORK pwk, BOOL fCancelPendingCallbacks)
{
	struct iocpi_obj *obj;
	uint32_t gen;

	obj = work_find(pwk, &gen, __func__);
	if (!obj)
		return;
	if (fCancelPendingCallbacks)
		iocpi_state_forget(&obj->state, gen);
	if (iocpi_self.callback_id == (uintptr_t)pwk)
		iocpi_debug("%s: a callback waits for itself", __func__);	/* TR-23 */
	else
		iocpi_state_wait(&obj->state, gen);
}

VOID WINAPI CloseThreadpoolWork(PTP_WORK pwk)
{
	struct iocpi_obj *obj = iocpi_obj_close((uintptr_t)pwk, IOCPI_WORK, OBJ_USER, NULL);

	if (obj)
		work_close(obj);
	else
		iocpi_debug("%s: %p is no work any more", __func__, (void *)pwk);
}

/* Pending and closed first, then in the group, then posted: so a group sees it whole. */
static DWORD simple_submit(struct iocp_work *work)
{
	struct iocpi_obj *obj = &work->bound.obj;
	DWORD code;

	iocpi_work_submit_once(work);
	code = iocpi_group_join(obj->extra);
	if (!code)
		iocpi_work_queue(work);
	else if (iocpi_state_drain(&obj->state) & STEP_DEAD)
		iocpi_obj_dead(obj);
	return code;
}

BOOL WINAPI TrySubmitThreadpoolCallback(PTP_SIMPLE_CALLBACK pfns, PVOID pv,
					PTP_CALLBACK_ENVIRON pcbe)
{
	static const struct iocpi_member_ops ops = { simple_end };
	struct iocp_work *work;
	struct iocpi_env env;
	DWORD code;

	code = pfns ? iocpi_env_read(pcbe, &env) : ERROR_INVALID_PARAMETER;
	if (!code) {
		work = work_alloc(&env, simple_run, (void (*)(void))pfns, pv);
		if (work) {
			iocpi_env_attach(&env, &work->bound.obj, &ops, pv);
			code = simple_submit(work);
		} else {
			code = ERROR_NOT_ENOUGH_MEMORY;
		}
		iocpi_env_drop(&env);
	}
	return code ? iocpi_fail(code) : TRUE;
}
