// SPDX-License-Identifier: GPL-2.0-only
/*
 * op_sync.c - FSYNC.
 *
 * Always in the work queue.  It covers what was written before it was issued;
 * it does not wait for writes that are still in flight.  Locking: none.
 */
#include "iocp.h"

bool iocp_fsync_possible(struct file *file)
{
	return file->f_op->fsync;
}

int iocp_fsync_prep(struct iocp_req *req, const struct iocp_op *op)
{
	if (op->op_flags & ~IOCP_FSYNC_DATASYNC)
		return -EINVAL;
	req->cred = get_current_cred();
	return 0;
}

int iocp_fsync_work(struct iocp_req *req)
{
	return vfs_fsync(req->assoc->file, req->op_flags & IOCP_FSYNC_DATASYNC);
}
