// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * dup.c - several handles of one object.
 *
 * The first is the object's own number.  Each other one is the number of an alias, a
 * slot of its own that names the object, so that either can be closed and be known
 * as closed.  The object counts them and is closed with the last.
 */
#include <errno.h>

#include "win.h"

static pthread_mutex_t dup_lock = PTHREAD_MUTEX_INITIALIZER;

/* dup_lock is held, and the object by the caller.  0, or a Win32 code. */
static DWORD count_one_more(struct iocpi_obj *obj)
{
	uint64_t word = iocpi_obj_share(obj);

	if (!(word & OBJ_OPEN)) {
		/* A thread that runs has itself, if no handle; any other is about to end. */
		if (obj->type != IOCPI_THREAD)
			return ERROR_INVALID_HANDLE;
		iocpi_obj_open(obj, OBJ_SHARED | OBJ_UNNAMED);
		obj->handles = 0;
	} else if (!(word & OBJ_SHARED)) {
		obj->handles = 1;
	}
	if (obj->handles == UINT16_MAX)
		return ERROR_NO_SYSTEM_RESOURCES;
	obj->handles++;
	return 0;
}

/* A handle more of an object that the caller holds.  0, or a Win32 code. */
static DWORD alias_create(struct iocpi_obj *obj, LPHANDLE handle)
{
	struct iocpi_obj *alias = iocpi_obj_alloc(IOCPI_ALIAS);
	DWORD code;

	if (!alias)
		return ERROR_NOT_ENOUGH_MEMORY;
	store_release(&alias->state.word, iocpi_obj_id(obj));
	pthread_mutex_lock(&dup_lock);
	code = count_one_more(obj);
	pthread_mutex_unlock(&dup_lock);
	if (code) {
		iocpi_obj_free(alias);
		return code;
	}
	iocpi_obj_open(alias, 0);
	*handle = (HANDLE)(uintptr_t)iocpi_obj_id(alias);
	return 0;
}

/*
 * Closes an alias, or the own number of an object that has aliases.  False: it is
 * neither.  *last: the object, closed, with OBJ_USER, if it has no handle any more.
 */
bool iocpi_dup_close(uint64_t id, struct iocpi_obj **last, uint64_t *before)
{
	struct iocpi_obj *alias, *obj;

	*last = NULL;
	pthread_mutex_lock(&dup_lock);
	alias = iocpi_obj_close(id, IOCPI_ALIAS, OBJ_USER, NULL);
	if (alias) {
		obj = iocpi_obj_any(alias->state.word);
		iocpi_obj_put(alias, OBJ_USER);
		iocpi_obj_free(alias);
	} else {
		obj = iocpi_obj_unname(id);
	}
	if (obj && !--obj->handles)
		*last = iocpi_obj_close_last(obj, OBJ_USER, before);
	pthread_mutex_unlock(&dup_lock);
	return obj;
}

BOOL WINAPI DuplicateHandle(HANDLE hSourceProcessHandle, HANDLE hSourceHandle,
			    HANDLE hTargetProcessHandle, LPHANDLE lpTargetHandle,
			    DWORD dwDesiredAccess, BOOL bInheritHandle, DWORD dwOptions)
{
	const struct iocpi_handle_ops *ops;
	struct iocpi_obj *obj;
	DWORD code = 0;

	(void)dwDesiredAccess;
	(void)bInheritHandle;
	if (hSourceProcessHandle != GetCurrentProcess() ||
	    (lpTargetHandle && hTargetProcessHandle != GetCurrentProcess()))
		return iocpi_fail(ERROR_INVALID_HANDLE);
	if (dwOptions & ~(DUPLICATE_CLOSE_SOURCE | DUPLICATE_SAME_ACCESS))
		return iocpi_fail(ERROR_INVALID_PARAMETER);
	obj = iocpi_handle_get(hSourceHandle, &ops);
	if (!obj)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	if (lpTargetHandle)
		code = alias_create(obj, lpTargetHandle);
	ops->put(obj);
	if (dwOptions & DUPLICATE_CLOSE_SOURCE && hSourceHandle != GetCurrentThread())
		CloseHandle(hSourceHandle);
	return code ? iocpi_fail(code) : TRUE;
}

void iocpi_dup_fork_lock(void)
{
	pthread_mutex_lock(&dup_lock);
}

void iocpi_dup_fork_unlock(void)
{
	pthread_mutex_unlock(&dup_lock);
}
