// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * tppool.c - pools with Windows names, the default pool, and reading environments.
 *
 * A PTP_POOL is the number of an object that holds the native pool until it is closed;
 * the native pool itself stays until its last object has gone (PL-2).
 */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>

#include "win.h"

struct iocpi_tppool {
	struct iocpi_obj obj;
	struct iocp_pool *pool;
	TP_POOL_STACK_INFORMATION stack;	/* as it was set */
};

_Static_assert(sizeof(struct iocpi_tppool) <= IOCPI_OBJ_SIZE, "slots are too small");

static pthread_mutex_t default_pool_lock = PTHREAD_MUTEX_INITIALIZER;
static struct iocp_pool *default_pool;

static struct iocpi_tppool *tppool_get(PTP_POOL ptpp, const char *who)
{
	struct iocpi_obj *obj = iocpi_obj_get((uintptr_t)ptpp, IOCPI_POOL, OBJ_USER);

	if (obj)
		return container_of(obj, struct iocpi_tppool, obj);
	iocpi_debug("%s: %p is no pool any more", who, (void *)ptpp);
	iocpi_fail(ERROR_INVALID_HANDLE);
	return NULL;
}

static void tppool_put(struct iocpi_tppool *p)
{
	if (iocpi_obj_put(&p->obj, OBJ_USER) & OBJ_REFS)
		return;
	iocp_pool_close(p->pool);
	iocpi_obj_free(&p->obj);
}

static BOOL pool_result(int ret)
{
	return ret ? iocpi_fail_errno(-ret) : TRUE;
}

PTP_POOL WINAPI CreateThreadpool(PVOID reserved)
{
	struct iocpi_tppool *p;
	struct iocpi_obj *obj;
	pthread_attr_t attr;
	int ret;

	if (reserved) {
		iocpi_fail(ERROR_INVALID_PARAMETER);
		return NULL;
	}
	obj = iocpi_obj_alloc(IOCPI_POOL);
	if (!obj) {
		iocpi_fail_errno(ENOMEM);
		return NULL;
	}
	p = container_of(obj, struct iocpi_tppool, obj);
	if (!pthread_getattr_default_np(&attr)) {
		pthread_attr_getstacksize(&attr, &p->stack.StackReserve);
		pthread_attr_destroy(&attr);
	}
	ret = iocp_pool_create(&p->pool, NULL);
	if (ret) {
		iocpi_obj_free(obj);
		iocpi_fail_errno(-ret);
		return NULL;
	}
	iocpi_obj_open(obj, 0);
	return (PTP_POOL)(uintptr_t)iocpi_obj_id(obj);
}

VOID WINAPI CloseThreadpool(PTP_POOL ptpp)
{
	struct iocpi_obj *obj = iocpi_obj_close((uintptr_t)ptpp, IOCPI_POOL, OBJ_USER, NULL);

	if (obj)
		tppool_put(container_of(obj, struct iocpi_tppool, obj));
	else
		iocpi_debug("%s: %p is no pool any more", __func__, (void *)ptpp);
}

static uint32_t threads_of(DWORD nr)
{
	if (!nr)
		return 1;
	return nr < STATE_RUNNING_MAX ? nr : STATE_RUNNING_MAX;
}

VOID WINAPI SetThreadpoolThreadMaximum(PTP_POOL ptpp, DWORD cthrdMost)
{
	struct iocpi_tppool *p = tppool_get(ptpp, __func__);

	if (!p)
		return;
	iocp_pool_set_limits(p->pool, 0, threads_of(cthrdMost));
	tppool_put(p);
}

BOOL WINAPI SetThreadpoolThreadMinimum(PTP_POOL ptpp, DWORD cthrdMic)
{
	struct iocpi_tppool *p = tppool_get(ptpp, __func__);
	int ret;

	if (!p)
		return FALSE;
	ret = iocp_pool_set_limits(p->pool, threads_of(cthrdMic), 0);
	tppool_put(p);
	return pool_result(ret);
}

BOOL WINAPI SetThreadpoolStackInformation(PTP_POOL ptpp, PTP_POOL_STACK_INFORMATION ptpsi)
{
	struct iocpi_tppool *p = tppool_get(ptpp, __func__);
	SIZE_T size = ptpsi->StackReserve;
	int ret;

	if (!p)
		return FALSE;
	if (size < ptpsi->StackCommit)
		size = ptpsi->StackCommit;
	WRITE_ONCE(p->stack.StackReserve, ptpsi->StackReserve);
	WRITE_ONCE(p->stack.StackCommit, ptpsi->StackCommit);
	ret = iocp_pool_set_stack_size(p->pool, size);
	tppool_put(p);
	return pool_result(ret);
}

BOOL WINAPI QueryThreadpoolStackInformation(PTP_POOL ptpp, PTP_POOL_STACK_INFORMATION ptpsi)
{
	struct iocpi_tppool *p = tppool_get(ptpp, __func__);

	if (!p)
		return FALSE;
	ptpsi->StackReserve = READ_ONCE(p->stack.StackReserve);
	ptpsi->StackCommit = READ_ONCE(p->stack.StackCommit);
	tppool_put(p);
	return TRUE;
}

/* PL-1; bound to it, as are those that follow. */
static DWORD default_pool_get(struct iocp_pool **result)
{
	struct iocp_pool *pool = load_acquire(&default_pool);
	int ret = 0;

	if (unlikely(!pool)) {
		pthread_mutex_lock(&default_pool_lock);
		pool = default_pool;
		if (!pool)
			ret = iocp_pool_create(&pool, NULL);
		if (!ret)
			store_release(&default_pool, pool);
		pthread_mutex_unlock(&default_pool_lock);
	}
	if (ret)
		return iocp_status_to_win32(iocp_errno_to_status(-ret));
	iocpi_pool_bind(pool);
	*result = pool;
	return 0;
}

static DWORD env_pool(PTP_POOL ptpp, struct iocp_pool **pool)
{
	struct iocpi_tppool *p;

	if (!ptpp)
		return default_pool_get(pool);
	p = tppool_get(ptpp, "environment");
	if (!p)
		return ERROR_INVALID_HANDLE;
	*pool = p->pool;
	iocpi_pool_bind(*pool);
	tppool_put(p);
	return 0;
}

/* One reference more on a library that is loaded. */
static void *library_get(void *library)
{
	struct link_map *map;

	if (dlinfo(library, RTLD_DI_LINKMAP, &map))
		return NULL;
	return dlopen(map->l_name[0] ? map->l_name : NULL, RTLD_LAZY | RTLD_NOLOAD);
}

/* The fields that few objects use; version 1 has them all. */
static DWORD env_extra(const TP_CALLBACK_ENVIRON *env, struct iocpi_extra **result)
{
	struct iocpi_extra *x;
	DWORD code;

	*result = NULL;
	if (!env->CleanupGroup && !env->RaceDll && !env->FinalizationCallback &&
	    !env->u.s.LongFunction)
		return 0;
	code = env->CleanupGroup ? iocpi_group_check((uintptr_t)env->CleanupGroup) : 0;
	if (code)
		return code;
	x = calloc(1, sizeof(*x));
	if (!x)
		return ERROR_NOT_ENOUGH_MEMORY;
	list_init(&x->node);
	x->group_id = (uintptr_t)env->CleanupGroup;
	x->cancel = env->CleanupGroupCancelCallback;
	x->finalization = env->FinalizationCallback;
	x->runs_long = env->u.s.LongFunction;
	if (env->RaceDll) {
		x->library = library_get(env->RaceDll);
		if (!x->library) {
			free(x);
			return ERROR_MOD_NOT_FOUND;
		}
	}
	*result = x;
	return 0;
}

/* 0, or why no object can be made with this environment: a Win32 code. */
DWORD iocpi_env_read(const TP_CALLBACK_ENVIRON *env, struct iocpi_env *e)
{
	static const uint32_t prio[] = {
		[TP_CALLBACK_PRIORITY_HIGH] = IOCP_PRIO_HIGH,
		[TP_CALLBACK_PRIORITY_NORMAL] = IOCP_PRIO_NORMAL,
		[TP_CALLBACK_PRIORITY_LOW] = IOCP_PRIO_LOW,
	};
	static const TP_CALLBACK_ENVIRON none = { .Version = 1 };
	DWORD code;

	if (!env)
		env = &none;
	*e = (struct iocpi_env){ .priority = IOCP_PRIO_NORMAL };
	if (env->Version == 3 && env->CallbackPriority < TP_CALLBACK_PRIORITY_COUNT)
		e->priority = prio[env->CallbackPriority];
	else if (env->Version != 1)
		return ERROR_INVALID_PARAMETER;		/* PL-13 */
	if (env->ActivationContext)
		return ERROR_NOT_SUPPORTED;
	code = env_extra(env, &e->extra);
	if (!code)
		code = env_pool(env->Pool, &e->pool);
	if (code) {
		iocpi_env_drop(e);
		return code;
	}
	if (env->u.s.Persistent)
		iocpi_pool_keep_threads(e->pool);
	return 0;
}

void iocpi_env_drop(struct iocpi_env *e)
{
	if (e->extra) {
		if (e->extra->library)
			dlclose(e->extra->library);
		free(e->extra);
	}
	if (e->pool)
		iocpi_pool_unbind(e->pool);
}

void iocpi_tppool_fork_lock(void)
{
	pthread_mutex_lock(&default_pool_lock);
}

void iocpi_tppool_fork_unlock(void)
{
	pthread_mutex_unlock(&default_pool_lock);
}

/* The parent's pool is left where it is: its lock may be held by nobody here. */
void iocpi_tppool_fork_child(void)
{
	default_pool = NULL;
}
