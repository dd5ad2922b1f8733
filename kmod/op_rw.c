// SPDX-License-Identifier: GPL-2.0-only
/*
 * op_rw.c - READ, WRITE, READV, WRITEV.
 *
 * The first try is in the submitter, on the program's own memory, and never
 * blocks: IOCB_NOWAIT also with O_DIRECT (a full device queue would sleep), and
 * the superblock's write access only if it can be had at once (a frozen file
 * system would sleep).  EAGAIN may come back at once or through ki_complete, in
 * interrupt context; either way the operation goes to the work queue, once, and
 * runs there to its end.
 *
 * The worker never touches an mm but to pin the pages of the next chunk, and
 * holds it only that long: a process can always end.  Pinning there does not
 * wait for a userfaultfd (compat.h).  Chunks are pinned in the submitter where
 * possible, who can be killed while its own pages come in.
 *
 * Locking: none here; a request belongs to whoever runs it.
 */
#include <linux/bvec.h>
#include <linux/fsnotify.h>
#include <linux/net.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "iocp.h"

#define IOCP_CHUNK_PAGES	256U	/* pinned at a time: 1 MiB */
#define IOCP_PIN_BATCH		32U

bool iocp_read_possible(struct file *file)
{
	return file->f_mode & FMODE_READ && file->f_op->read_iter;
}

bool iocp_write_possible(struct file *file)
{
	return file->f_mode & FMODE_WRITE && file->f_op->write_iter;
}

/* A file with a size, as opposed to a stream or a character device. */
static bool iocp_rw_has_size(struct iocp_req *req)
{
	umode_t mode = file_inode(req->assoc->file)->i_mode;

	return S_ISREG(mode) || S_ISBLK(mode);
}

static loff_t iocp_rw_size(struct iocp_req *req)
{
	return i_size_read(req->assoc->file->f_mapping->host);
}

static bool iocp_rw_nowait(struct iocp_req *req)
{
	return req->op_flags & (__force u32)RWF_NOWAIT;
}

static int iocp_rw_prep_common(struct iocp_req *req, const struct iocp_op *op)
{
	struct iocp_assoc *assoc = req->assoc;
	u32 rwf = op->op_flags;

	if (rwf & ~(__force u32)IOCP_RWF_SUPPORTED)
		return -EOPNOTSUPP;
	if (!(assoc->caps & IOCP_CAP_STREAM)) {
		if (rwf & (__force u32)RWF_NOWAIT && !(assoc->file->f_mode & FMODE_NOWAIT))
			return -EOPNOTSUPP;
		req->pos = op->off;
		if (req->def->write && op->off == IOCP_OFF_APPEND) {
			req->op_flags |= (__force u32)RWF_APPEND;
			req->pos = 0;
		}
		if (req->pos < 0)
			return -EINVAL;
		/* A device has no end to append at; it would write at some other place. */
		if (req->def->write && req->op_flags & (__force u32)RWF_APPEND &&
		    S_ISBLK(file_inode(assoc->file)->i_mode))
			return -EINVAL;
	}
	req->append = req->def->write && S_ISREG(file_inode(assoc->file)->i_mode) &&
		      (req->op_flags & (__force u32)RWF_APPEND || assoc->file->f_flags & O_APPEND);
	req->fsize_limit = req->def->write ? rlimit(RLIMIT_FSIZE) : RLIM_INFINITY;
	req->cred = get_current_cred();
	return 0;
}

int iocp_rw_prep(struct iocp_req *req, const struct iocp_op *op)
{
	void __user *buf = u64_to_user_ptr(op->addr);

	if (op->len > MAX_RW_COUNT)
		return -EINVAL;
	if (!access_ok(buf, op->len))
		return -EFAULT;
	req->iov[0].iov_base = buf;
	req->iov[0].iov_len = op->len;
	req->nr_segs = 1;
	req->total = op->len;
	return iocp_rw_prep_common(req, op);
}

int iocp_rwv_prep(struct iocp_req *req, const struct iocp_op *op)
{
	struct iovec *iov;
	struct iov_iter iter;
	ssize_t ret;

	if (op->len > UIO_MAXIOV)
		return -EINVAL;
	if (op->len > ARRAY_SIZE(req->inline_iov)) {
		/* import_iovec() would allocate it without charging anybody */
		if (!iocp_user_charge_memory(req->port, op->len * sizeof(*iov)))
			return -EAGAIN;
		iov = kmalloc_array(op->len, sizeof(*iov), GFP_KERNEL_ACCOUNT);
		if (!iov) {
			iocp_user_uncharge_memory(req->port, op->len * sizeof(*iov));
			return -ENOMEM;
		}
		req->iov = iov;
		req->nr_segs = op->len;
	}
	iov = req->iov;
	ret = import_iovec(req->def->write ? ITER_SOURCE : ITER_DEST, u64_to_user_ptr(op->addr),
			   op->len, op->len, &iov, &iter);
	if (ret < 0)
		return ret;
	if (op->len == 1)	/* a single segment may be cut in the iterator only */
		req->iov[0].iov_len = ret;
	req->nr_segs = op->len;
	req->total = ret;
	return iocp_rw_prep_common(req, op);
}

/* The rest of the program's memory, for a try in the program's own context. */
static void iocp_rw_iter(struct iocp_req *req, struct iov_iter *iter)
{
	unsigned int dir = req->def->write ? ITER_SOURCE : ITER_DEST;

	if (req->nr_segs == 1) {
		iov_iter_ubuf(iter, dir, req->iov[0].iov_base + req->done,
			      req->total - req->done);
	} else {
		iov_iter_init(iter, dir, req->iov, req->nr_segs, req->total);
		iov_iter_advance(iter, req->done);
	}
}

/* Is there more to do for an operation that moved req->done bytes? (OV-16, OV-20) */
static bool iocp_rw_wants_more(struct iocp_req *req)
{
	u64 end = req->pos + req->done;

	if (req->done >= req->total || iocp_rw_nowait(req) || !iocp_rw_has_size(req))
		return false;
	if (!req->def->write)
		return end < iocp_rw_size(req);
	/* What the limit cut short stays short; a further try would be EFBIG. */
	return !(req->flags & IOCP_OP_F_ANY_SHORT) && end < req->fsize_limit;
}

static void iocp_rw_init_kiocb(struct iocp_req *req, struct kiocb *kiocb, struct file *file,
			       int flags)
{
	u32 rwf = req->op_flags;

	kiocb->ki_filp = file;
	kiocb->ki_pos = req->pos + req->done;
	kiocb->ki_complete = NULL;
	kiocb->private = NULL;
	kiocb->ki_ioprio = req->ioprio;
	if (req->def->write) {
		flags |= IOCB_WRITE;
		if (rwf & (__force u32)(RWF_DSYNC | RWF_SYNC))
			flags |= IOCB_DSYNC;
		if (rwf & (__force u32)RWF_SYNC)
			flags |= IOCB_SYNC;
		if (rwf & (__force u32)RWF_APPEND) {
			flags |= IOCB_APPEND;
			/* overlayfs of 6.1 does not pass the flag on */
			kiocb->ki_pos = iocp_rw_size(req);
		}
	}
	kiocb->ki_flags = file->f_iocb_flags | flags;
}

/* Write access to the superblock, kept while the operation is in flight. */
static bool iocp_rw_start_write(struct iocp_req *req, bool wait)
{
	struct inode *inode = file_inode(req->assoc->file);

	if (!req->def->write || !S_ISREG(inode->i_mode))
		return true;
	if (wait)
		sb_start_write(inode->i_sb);
	else if (!sb_start_write_trylock(inode->i_sb))
		return false;
	/* It may end in another context: lockdep must not see us leave with it. */
	__sb_writers_release(inode->i_sb, SB_FREEZE_WRITE);
	req->sb_write = true;
	return true;
}

static void iocp_rw_end_write(struct iocp_req *req)
{
	struct inode *inode = file_inode(req->assoc->file);

	if (!req->sb_write)
		return;
	req->sb_write = false;
	__sb_writers_acquired(inode->i_sb, SB_FREEZE_WRITE);
	sb_end_write(inode->i_sb);
}

/*
 * One call into the file, with the checks that read(2) and write(2) make.
 * fsnotify hears of what ends in the call; a completion in interrupt context
 * cannot tell it (docs/deviations.md).
 */
static ssize_t iocp_rw_call(struct iocp_req *req, struct kiocb *kiocb, struct iov_iter *iter)
{
	struct file *file = kiocb->ki_filp;
	ssize_t ret;

	ret = rw_verify_area(req->def->write ? WRITE : READ, file, &kiocb->ki_pos,
			     iov_iter_count(iter));
	if (ret < 0)
		return ret;
	if (req->def->write) {
		ret = file->f_op->write_iter(kiocb, iter);
		if (ret > 0)
			fsnotify_modify(file);
	} else {
		ret = file->f_op->read_iter(kiocb, iter);
		if (ret > 0)
			fsnotify_access(file);
	}
	return ret;
}

/* The file's own completion, from any context. */
static void iocp_rw_complete(struct kiocb *kiocb, long res)
{
	struct iocp_req *req = container_of(kiocb, struct iocp_req, kiocb);

	iocp_rw_end_write(req);
	if ((res == -EAGAIN || res == -EOPNOTSUPP) && !iocp_rw_nowait(req)) {
		iocp_punt(req);
		return;
	}
	if (res >= 0) {
		req->done = res;
		if (res && iocp_rw_wants_more(req)) {
			iocp_punt(req);
			return;
		}
		res = 0;
	}
	iocp_req_end(req, res);
}

/*
 * iocp_rw_issue - the try in the submitter
 *
 * 0 with the bytes in req->done, -EIOCBQUEUED, -EAGAIN: to the work queue with
 * what is left, or an error.
 */
ssize_t iocp_rw_issue(struct iocp_req *req)
{
	struct file *file = req->assoc->file;
	struct iov_iter iter;
	ssize_t ret;

	/*
	 * Where it may block, or is not to be in flight beside others, only check
	 * what the worker would run into (OV-22).
	 */
	if (!(file->f_mode & FMODE_NOWAIT) || req->flags & IOCP_OP_F_FORCE_PUNT ||
	    (req->append && (!iocp_append_begin(req) || file->f_flags & O_DIRECT))) {
		ret = rw_verify_area(req->def->write ? WRITE : READ, file, &req->pos, req->total);
		return ret < 0 ? ret : -EAGAIN;
	}
	iocp_rw_init_kiocb(req, &req->kiocb, file, IOCP_IOCB_NOWAIT);
	req->kiocb.ki_complete = iocp_rw_complete;
	if (!iocp_rw_start_write(req, false))
		return -EAGAIN;
	iocp_rw_iter(req, &iter);
	ret = iocp_rw_call(req, &req->kiocb, &iter);
	if (ret == -EIOCBQUEUED)
		return ret;
	iocp_rw_end_write(req);

	switch (ret) {
	case -EOPNOTSUPP:	/* not without waiting; the worker finds out whether at all */
		return iocp_rw_nowait(req) ? ret : -EAGAIN;
	case -EINTR:
	case -ERESTARTSYS:
	case -ERESTARTNOINTR:
	case -ERESTARTNOHAND:
	case -ERESTART_RESTARTBLOCK:
		return -EAGAIN;
	}
	if (ret < 0)
		return ret;
	req->done = ret;
	if (iocp_rw_nowait(req))
		/* IOCB_NOIO may say 0 where the end of the file is not (compat.h) */
		return ret || !req->total || !iocp_rw_has_size(req) || req->def->write ||
		       req->pos >= iocp_rw_size(req) ? 0 : -EAGAIN;
	return iocp_rw_wants_more(req) ? -EAGAIN : 0;
}

/* Pages from @start on, in the program's or (with @mm) in a worker's context. */
static long iocp_pin(struct mm_struct *mm, unsigned long start, unsigned long nr,
		     unsigned int gup_flags, struct page **pages)
{
	long ret;

	if (!mm)
		return pin_user_pages_fast(start, nr, gup_flags, pages);
	mmap_read_lock(mm);
	ret = iocp_pin_remote(mm, start, nr, gup_flags, pages);
	mmap_read_unlock(mm);
	return ret;
}

static unsigned int iocp_rw_pages_left(struct iocp_req *req)
{
	size_t skip = req->done;
	unsigned int i, nr = 0;

	for (i = 0; i < req->nr_segs && nr < IOCP_CHUNK_PAGES; i++) {
		struct iovec *iov = &req->iov[i];

		if (skip >= iov->iov_len) {
			skip -= iov->iov_len;
			continue;
		}
		nr += min_t(size_t, IOCP_CHUNK_PAGES,
			    DIV_ROUND_UP(offset_in_page(iov->iov_base + skip) +
					 iov->iov_len - skip, PAGE_SIZE));
		skip = 0;
	}
	return min(nr, IOCP_CHUNK_PAGES);
}

void iocp_rw_unpin(struct iocp_req *req, struct iocp_chunk *chunk, bool dirty)
{
	unsigned int i;

	for (i = 0; i < chunk->nr; i++)
		unpin_user_pages_dirty_lock(&chunk->bv[i].bv_page, 1, dirty);
	kfree(chunk);
}

/*
 * iocp_rw_pin - pin the next chunk of the program's buffer
 * @mm: NULL in the submitter; else the program's, with a user reference
 *
 * At least one page, or an error.
 */
struct iocp_chunk *iocp_rw_pin(struct iocp_req *req, struct mm_struct *mm)
{
	unsigned int gup_flags = req->def->write ? 0 : FOLL_WRITE;
	unsigned int max = iocp_rw_pages_left(req);
	struct page *pages[IOCP_PIN_BATCH] __uninitialized;
	struct iocp_chunk *chunk;
	size_t skip = req->done;
	unsigned int i;
	long ret = 0;

	chunk = kmalloc(struct_size(chunk, bv, max), GFP_KERNEL_ACCOUNT);
	if (!chunk)
		return ERR_PTR(-ENOMEM);
	chunk->nr = 0;
	chunk->bytes = 0;
	for (i = 0; i < req->nr_segs && chunk->nr < max; i++) {
		unsigned long start = (unsigned long)req->iov[i].iov_base + skip;
		size_t left = req->iov[i].iov_len;
		long got;

		if (skip >= left) {
			skip -= left;
			continue;
		}
		left -= skip;
		skip = 0;
		while (left && chunk->nr < max) {
			unsigned long nr = DIV_ROUND_UP(offset_in_page(start) + left, PAGE_SIZE);

			nr = min_t(unsigned long, nr, min(max - chunk->nr, IOCP_PIN_BATCH));
			ret = iocp_pin(mm, start & PAGE_MASK, nr, gup_flags, pages);
			if (ret <= 0)
				goto out;
			for (got = 0; got < ret; got++) {
				struct bio_vec *bv = &chunk->bv[chunk->nr++];

				bv->bv_page = pages[got];
				bv->bv_offset = offset_in_page(start);
				bv->bv_len = min_t(size_t, left, PAGE_SIZE - bv->bv_offset);
				start += bv->bv_len;
				left -= bv->bv_len;
				chunk->bytes += bv->bv_len;
			}
		}
	}
out:
	if (!chunk->nr && max) {
		kfree(chunk);
		return ERR_PTR(ret ?: -EFAULT);
	}
	return chunk;
}

/*
 * One call on pinned pages, in process context, without the program's mm.  Not
 * with the request's own kiocb: the submitter may still be inside the file's
 * code with that one.
 */
static ssize_t iocp_rw_pinned(struct iocp_req *req, struct kiocb *kiocb, bool wait)
{
	struct iocp_chunk *chunk = req->chunk;
	struct mm_struct *mm = req->assoc->mm;
	struct iov_iter iter;
	ssize_t ret;

	req->chunk = NULL;
	if (!chunk) {
		if (!mmget_not_zero(mm))
			return -ECANCELED;
		chunk = iocp_rw_pin(req, mm);
		/* If ours was the last, its end must not be our business. */
		mmput_async(mm);
		if (IS_ERR(chunk))
			return PTR_ERR(chunk);
	}
	iov_iter_bvec(&iter, req->def->write ? ITER_SOURCE : ITER_DEST, chunk->bv, chunk->nr,
		      chunk->bytes);
	/* O_DIRECT wants whole blocks, whatever the buffer's offset in its page. */
	if (req->done + chunk->bytes < req->total && chunk->bytes > PAGE_SIZE)
		iov_iter_truncate(&iter, round_down(chunk->bytes, PAGE_SIZE));

	ret = 0;
	if (req->def->write && S_ISREG(file_inode(kiocb->ki_filp)->i_mode) &&
	    req->fsize_limit != RLIM_INFINITY) {
		/* A kworker has no limit of its own; with append it is a good guess. */
		u64 pos = kiocb->ki_flags & IOCB_APPEND ? iocp_rw_size(req) : kiocb->ki_pos;

		if (iov_iter_count(&iter) && pos >= req->fsize_limit)
			ret = -EFBIG;
		else
			iov_iter_truncate(&iter, req->fsize_limit - pos);
	}
	if (!ret) {
		iocp_rw_start_write(req, wait);
		ret = iocp_rw_call(req, kiocb, &iter);
		iocp_rw_end_write(req);
	}
	iocp_rw_unpin(req, chunk, !req->def->write && ret > 0);
	return ret;
}

/*
 * iocp_rw_work - what would block, in the work queue
 */
int iocp_rw_work(struct iocp_req *req)
{
	struct kiocb kiocb;
	ssize_t ret;

	do {
		iocp_rw_init_kiocb(req, &kiocb, req->assoc->file, 0);
		ret = iocp_rw_pinned(req, &kiocb, true);
		if (ret < 0)
			return ret;
		req->done += ret;
		if (READ_ONCE(req->cancel) && req->done < req->total)
			return -ECANCELED;
		cond_resched();
	} while (ret && iocp_rw_wants_more(req));
	return 0;
}

/*
 * iocp_rw_stream_try - one non-blocking try on a stream
 * @user: in the submitter, on its own memory; else on pinned pages
 * @block: the file cannot but block; we are a kernel thread of its own
 *
 * Bytes, -EAGAIN, or an error.  Without a completion function in the kiocb the
 * file answers in the call.
 */
ssize_t iocp_rw_stream_try(struct iocp_req *req, bool user, bool block)
{
	struct iocp_assoc *assoc = req->assoc;
	struct file *file = assoc->nb_file ?: assoc->file;
	struct iov_iter iter;
	struct kiocb kiocb;

	iocp_rw_init_kiocb(req, &kiocb, file, block ? 0 : IOCB_NOWAIT);
	kiocb.ki_pos = 0;
	if (!user)
		return iocp_rw_pinned(req, &kiocb, false);

	iocp_rw_iter(req, &iter);
	if (req->def->write && req->flags & IOCP_OP_F_NOSIGNAL && assoc->caps & IOCP_CAP_SOCKET) {
		struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
		ssize_t ret;

		ret = rw_verify_area(WRITE, file, &kiocb.ki_pos, iov_iter_count(&iter));
		if (ret < 0)
			return ret;
		msg.msg_iter = iter;
		return sock_sendmsg(sock_from_file(file), &msg);
	}
	return iocp_rw_call(req, &kiocb, &iter);
}
