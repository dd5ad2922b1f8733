// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * waitobj.c - iocp_wait: a callback when a file is ready.  One-shot: set it again.
 */
#include <errno.h>

#include "internal.h"

static struct iocp_wait *wait_of(struct iocpi_armed *a)
{
	return container_of(a, struct iocp_wait, armed);
}

/* Found by nobody until it is opened with OBJ_OP; run and callback are the caller's. */
struct iocp_wait *iocpi_waitobj_alloc(struct iocp_pool *pool, uint32_t priority)
{
	struct iocpi_armed *a = iocpi_armed_alloc(IOCPI_WAIT, pool, priority);

	return a ? wait_of(a) : NULL;
}

static void wait_run(struct iocpi_armed *a, const struct iocp_packet *packet)
{
	a->wait_callback(wait_of(a), a->context, packet->res, packet->info);
}

int iocp_wait_create(struct iocp_wait **result, struct iocp_pool *pool, uint32_t priority,
		     iocp_wait_callback *callback, void *context)
{
	struct iocp_wait *w;

	if (!iocpi_pool_alive(pool))
		return -ESHUTDOWN;
	if (!callback || priority > IOCP_PRIO_LOW)
		return -EINVAL;
	w = iocpi_waitobj_alloc(pool, priority);
	if (!w)
		return -ENOMEM;
	w->armed.run = wait_run;
	w->armed.wait_callback = callback;
	w->armed.context = context;
	iocpi_obj_open(&w->armed.bound.obj, OBJ_OP);
	*result = w;
	return 0;
}

int iocp_wait_set(struct iocp_wait *w, int fd, uint32_t events, uint64_t deadline)
{
	struct iocpi_armed *a = &w->armed;
	struct iocp_op op;
	bool replaced;
	int ret;

	if (!iocpi_pool_alive(a->bound.pool))
		return -ESHUTDOWN;
	/* The kernel's 0 is no deadline. */
	iocp_prep_wait(&op, fd, events, deadline ? deadline : 1, 0, NULL);
	pthread_mutex_lock(&a->lock);
	replaced = iocpi_armed_disarm(a);
	ret = iocpi_armed_submit(a, &op);
	WRITE_ONCE(a->set, !ret);
	pthread_mutex_unlock(&a->lock);
	return ret ? ret : replaced;
}

int iocp_wait_clear(struct iocp_wait *w)
{
	return iocpi_armed_stop(&w->armed);
}

int iocp_wait_drop(struct iocp_wait *w)
{
	return iocpi_armed_native_drop(&w->armed);
}

int iocp_wait_wait(struct iocp_wait *w)
{
	return iocpi_armed_native_wait(&w->armed);
}

int iocp_wait_close(struct iocp_wait *w, unsigned int flags)
{
	return iocpi_armed_close(w ? &w->armed : NULL, flags);
}
