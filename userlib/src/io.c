// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * io.c - iocp_io: a file whose completions are callbacks, native form.
 *
 * What is outstanding is counted here and exact: iocp_io_submit() starts before it
 * issues and takes back what was not accepted.  So no packet can be a stray, and
 * the object needs no LAST packet to know that nothing more can come: dead (see
 * iostate.c) is enough.
 */
#include <errno.h>

#include "internal.h"

struct iocp_io {
	struct iocpi_bound bound;
	iocp_callback *callback;
	void *context;
	struct iocp_assoc assoc;
	uint32_t modes;
};

_Static_assert(sizeof(struct iocp_io) <= IOCPI_OBJ_SIZE, "slots are too small");

void iocpi_io_dispatch(struct iocpi_obj *obj, const struct iocp_packet *packet)
{
	struct iocp_io *io = container_of(obj, struct iocp_io, bound.obj);

	if (!(iocpi_state_packet(&obj->state) & STEP_RUN))
		return;
	iocpi_callback_begin(obj, packet->key);
	io->callback(io, io->context, packet);
	if (iocpi_callback_end(obj) & STEP_DEAD)
		iocpi_bound_put(&io->bound, OBJ_OP);
}

int iocp_io_create_with(struct iocp_io **result, struct iocp_pool *pool, int fd, uint32_t flags,
			uint32_t modes, iocp_callback *callback, void *context)
{
	struct iocpi_obj *obj;
	struct iocp_io *io;
	int ret;

	if (!iocpi_pool_alive(pool))
		return -ESHUTDOWN;
	if (!callback)
		return -EINVAL;
	obj = iocpi_obj_alloc(IOCPI_IO);
	if (!obj)
		return -ENOMEM;
	io = container_of(obj, struct iocp_io, bound.obj);
	io->bound.pool = pool;
	io->callback = callback;
	io->context = context;
	io->modes = modes;
	ret = iocp_associate_with(pool->port, fd, iocpi_obj_id(obj), flags, modes, &io->assoc);
	if (ret) {
		iocpi_obj_free(obj);
		return ret;
	}
	iocpi_pool_bind(pool);
	iocpi_state_init(&obj->state, iocpi_obj_gen(obj));
	iocpi_obj_open(obj, OBJ_OP);
	*result = io;
	return 0;
}

int iocp_io_create(struct iocp_io **io, struct iocp_pool *pool, int fd, iocp_callback *callback,
		   void *context)
{
	return iocp_io_create_with(io, pool, fd, 0, 0, callback, context);
}

uint64_t iocp_io_caps(const struct iocp_io *io)
{
	return io->assoc.caps;
}

/* Whether the kernel may answer DONE, and only results would tell. */
static bool io_may_be_done(const struct iocp_io *io, const struct iocp_op *ops, unsigned int nr)
{
	unsigned int i;

	if (io->modes & IOCP_MODE_SKIP_ON_SUCCESS)
		return true;
	for (i = 0; i < nr; i++)
		if (ops[i].flags & IOCP_OP_F_INLINE_OK)
			return true;
	return false;
}

int iocp_io_submit(struct iocp_io *io, struct iocp_op *ops, unsigned int nr,
		   struct iocp_result *results)
{
	uint32_t gen = iocpi_obj_gen(&io->bound.obj);
	unsigned int i, queued = 0;
	int ret;

	if (!nr)
		return 0;
	if (!iocpi_pool_alive(io->bound.pool))
		return -ESHUTDOWN;
	if (!results && io_may_be_done(io, ops, nr))
		return -EINVAL;
	for (i = 0; i < nr; i++) {
		/* It has no association, so its packet would not be ours. */
		if (ops[i].opcode == IOCP_OP_POST)
			return -EINVAL;
		ops[i].assoc = io->assoc.index;
		ops[i].assoc_gen = io->assoc.gen;
		/* A NOP without a file had a key of its own; now it has the file's. */
		if (ops[i].flags & IOCP_OP_F_KEY_IN_AUX2) {
			ops[i].flags &= ~IOCP_OP_F_KEY_IN_AUX2;
			ops[i].aux2 = 0;
		}
	}
	if (!iocpi_state_start(&io->bound.obj.state, gen, nr))
		return -ESHUTDOWN;
	ret = iocp_submit(io->bound.pool->port, ops, nr, results);
	for (i = 0; (int)i < ret; i++)
		queued += !results || results[i].state == IOCP_RESULT_QUEUED;
	if (queued < nr && iocpi_state_cancel(&io->bound.obj.state, gen, nr - queued) & STEP_DEAD)
		iocpi_bound_put(&io->bound, OBJ_OP);
	/* Lost a race with iocp_io_close(), which is not the caller's fault. */
	return ret == -ENOENT ? -ESHUTDOWN : ret;
}

int iocp_io_cancel(struct iocp_io *io, const void *overlapped, struct iocp_cancel_counts *counts)
{
	if (!iocpi_pool_alive(io->bound.pool))
		return -ESHUTDOWN;
	if (!overlapped)
		return iocp_cancel_assoc(io->bound.pool->port, &io->assoc, counts);
	return iocp_cancel_overlapped(io->bound.pool->port, &io->assoc, overlapped, counts);
}

int iocp_io_wait(struct iocp_io *io)
{
	if (!iocpi_pool_alive(io->bound.pool))
		return -ESHUTDOWN;
	if (iocpi_self.callback_id == iocpi_obj_id(&io->bound.obj))
		return -EDEADLK;
	iocpi_state_wait(&io->bound.obj.state, iocpi_obj_gen(&io->bound.obj));
	return 0;
}

int iocp_io_close(struct iocp_io *io, unsigned int flags)
{
	struct iocpi_obj *obj;
	uint32_t gen;
	bool wait;

	if (flags & ~IOCP_IO_CLOSE_NOWAIT)
		return -EINVAL;
	if (!io || !iocpi_pool_alive(io->bound.pool))
		return 0;
	obj = &io->bound.obj;
	gen = iocpi_obj_gen(obj);
	wait = iocpi_self.callback_id != iocpi_obj_id(obj) && !(flags & IOCP_IO_CLOSE_NOWAIT);
	if (!iocpi_bound_closing(&io->bound, wait))
		return 0;
	if (iocpi_state_close(&obj->state, gen) & STEP_DEAD)
		iocpi_bound_put(&io->bound, OBJ_OP);
	iocp_disassociate(io->bound.pool->port, &io->assoc, IOCP_DISASSOC_CANCEL, NULL);
	iocpi_bound_closed(&io->bound, gen, wait);
	return 0;
}
