// SPDX-License-Identifier: GPL-2.0-only
/*
 * iocp.c - completion ports as an engine of fio (external, so GPL as the headers of
 * fio that it is made of).
 *
 * Every job has a port of its own, and its thread is the one worker there; or, with
 * "callbacks", a pool whose threads call back and leave what they were told in a list
 * for the job's thread.
 *
 * An io_u is the overlapped value of its operation.  All but "done" and "in_flight"
 * belongs to the job's thread.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include <fio.h>
#include <optgroup.h>

#include <iocp.h>

struct iocp_options {
	void *td;			/* fio's; an option must not be at offset 0 */
	unsigned int batch;
	unsigned int ring;
	unsigned int callbacks;
	unsigned int skip;
	unsigned int punt;
};

/* A file of the job while it is open: one of the two */
struct iocp_file {
	struct iocp_assoc assoc;
	struct iocp_io *io;
};

struct iocp_engine {
	const struct iocp_options *options;
	struct iocp_port *port;
	struct iocp_pool *pool;		/* in place of port */
	unsigned int depth;		/* the length of all arrays */

	/* prepared and not yet submitted */
	struct iocp_op *ops;
	struct io_u **io_us;
	struct iocp_result *results;
	unsigned int nr_queued;

	/* ended without a packet, or told to a callback, under the lock */
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct iocp_packet *done;
	unsigned int nr_done;
	int in_flight;			/* submitted, and their packet has not been taken */

	struct iocp_packet *events;	/* what the last getevents took */
};

static struct fio_option options[] = {
	{
		.name	= "batch",
		.lname	= "Submit many in one call",
		.type	= FIO_OPT_BOOL,
		.off1	= offsetof(struct iocp_options, batch),
		.help	= "Submit when fio commits (see iodepth_batch), and not each at once",
		.def	= "1",
		.category = FIO_OPT_C_ENGINE,
		.group	= FIO_OPT_G_INVALID,
	},
	{
		.name	= "ring",
		.lname	= "Shared ring",
		.type	= FIO_OPT_BOOL,
		.off1	= offsetof(struct iocp_options, ring),
		.help	= "Take packets from the ring in shared memory where that is possible",
		.def	= "1",
		.category = FIO_OPT_C_ENGINE,
		.group	= FIO_OPT_G_INVALID,
	},
	{
		.name	= "callbacks",
		.lname	= "Completion callbacks",
		.type	= FIO_OPT_BOOL,
		.off1	= offsetof(struct iocp_options, callbacks),
		.help	= "Completions are callbacks of libiocp's pool of threads",
		.def	= "0",
		.category = FIO_OPT_C_ENGINE,
		.group	= FIO_OPT_G_INVALID,
	},
	{
		.name	= "skip",
		.lname	= "Skip the packet on success",
		.type	= FIO_OPT_BOOL,
		.off1	= offsetof(struct iocp_options, skip),
		.help	= "What succeeds during its submit ends there, without a packet",
		.def	= "0",
		.category = FIO_OPT_C_ENGINE,
		.group	= FIO_OPT_G_INVALID,
	},
	{
		.name	= "punt",
		.lname	= "Punt all",
		.type	= FIO_OPT_BOOL,
		.off1	= offsetof(struct iocp_options, punt),
		.help	= "Do not try in the submitter first: all goes to the work queue",
		.def	= "0",
		.category = FIO_OPT_C_ENGINE,
		.group	= FIO_OPT_G_INVALID,
	},
	{ .name = NULL },
};

struct ioengine_ops ioengine;

static unsigned int smaller(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/*
 * What has ended
 */

static void add_done(struct iocp_engine *e, const struct iocp_packet *packet, int was_in_flight)
{
	pthread_mutex_lock(&e->lock);
	e->done[e->nr_done++] = *packet;
	e->in_flight -= was_in_flight;
	pthread_cond_signal(&e->more);
	pthread_mutex_unlock(&e->lock);
}

static void add_result(struct iocp_engine *e, const struct io_u *io_u, uint64_t info, int32_t res)
{
	const struct iocp_packet packet = {
		.overlapped = (uintptr_t)io_u,
		.info = info,
		.res = res,
	};

	add_done(e, &packet, 0);
}

static void called_back(struct iocp_io *io, void *context, const struct iocp_packet *packet)
{
	(void)io;
	add_done(context, packet, 1);
}

/* Up to @max, oldest first; if there are none waits for one until the deadline. */
static unsigned int take_done(struct iocp_engine *e, struct iocp_packet *packets, unsigned int max,
			      uint64_t deadline)
{
	const struct timespec until = {
		.tv_sec = deadline / 1000000000,
		.tv_nsec = deadline % 1000000000,
	};
	unsigned int n;
	int ret = 0;

	pthread_mutex_lock(&e->lock);
	while (!e->nr_done && deadline != IOCP_NOWAIT && !ret) {
		if (deadline == IOCP_FOREVER)
			ret = pthread_cond_wait(&e->more, &e->lock);
		else
			ret = pthread_cond_timedwait(&e->more, &e->lock, &until);
	}
	n = smaller(e->nr_done, max);
	memcpy(packets, e->done, n * sizeof(*packets));
	e->nr_done -= n;
	memmove(e->done, e->done + n, e->nr_done * sizeof(*packets));
	pthread_mutex_unlock(&e->lock);
	return n;
}

/* Packets (0: none until the deadline), or -errno. */
static int take(struct iocp_engine *e, struct iocp_packet *packets, unsigned int max,
		uint64_t deadline)
{
	int ret;

	if (e->pool)
		return take_done(e, packets, max, deadline);
	do {
		ret = iocp_wait(e->port, packets, max, deadline);
	} while (ret == -EINTR);
	if (ret == -ETIME)
		return 0;
	if (ret > 0)
		e->in_flight -= ret;
	return ret;
}

/*
 * Submitting
 */

/* As fio's own engines do when the kernel has been told */
static void issued(struct thread_data *td, struct io_u *io_u, const struct timespec *now)
{
	if (!fio_fill_issue_time(td))
		return;
	io_u->issue_time = *now;
	io_u_queued(td, io_u);
	if (td->o.read_iolog_file)
		td->last_issue = *now;
}

static void issue_time(struct thread_data *td, struct timespec *now)
{
	if (fio_fill_issue_time(td))
		fio_gettime(now, NULL);
}

static struct iocp_file *file_of(const struct io_u *io_u)
{
	return FILE_ENG_DATA(io_u->file);
}

/* How many of the queued ones one call can take: all, but with callbacks those of one file */
static unsigned int first_call(const struct iocp_engine *e)
{
	unsigned int n = smaller(e->nr_queued, IOCP_MAX_BATCH), same = 1;

	if (!e->pool)
		return n;
	while (same < n && e->io_us[same]->file == e->io_us[0]->file)
		same++;
	return same;
}

/*
 * Answers the first @nr, which the kernel has looked at.  Those that it had no room
 * for stay queued if something is in flight, whose end makes room; their number is
 * returned.
 */
static unsigned int answer(struct thread_data *td, struct iocp_engine *e, unsigned int nr)
{
	unsigned int i, kept = 0, queued = 0;
	struct timespec now;
	bool waits;

	issue_time(td, &now);
	for (i = 0; i < nr; i++)
		queued += e->results[i].state == IOCP_RESULT_QUEUED;
	pthread_mutex_lock(&e->lock);
	e->in_flight += queued;
	waits = e->in_flight > 0;
	pthread_mutex_unlock(&e->lock);

	for (i = 0; i < nr; i++) {
		const struct iocp_result *r = &e->results[i];

		if (r->state == IOCP_RESULT_REFUSED && waits &&
		    (r->res == -EAGAIN || r->res == -ENOMEM)) {
			e->ops[kept] = e->ops[i];
			e->io_us[kept++] = e->io_us[i];
			continue;
		}
		issued(td, e->io_us[i], &now);
		if (r->state != IOCP_RESULT_QUEUED)
			add_result(e, e->io_us[i], r->info, r->res);
	}
	e->nr_queued -= nr - kept;
	memmove(e->ops + kept, e->ops + nr, (e->nr_queued - kept) * sizeof(*e->ops));
	memmove(e->io_us + kept, e->io_us + nr, (e->nr_queued - kept) * sizeof(*e->io_us));
	io_u_mark_submit(td, nr - kept);
	return kept;
}

static int engine_commit(struct thread_data *td)
{
	struct iocp_engine *e = td->io_ops_data;
	int ret;

	while (e->nr_queued) {
		if (e->pool)
			ret = iocp_io_submit(file_of(e->io_us[0])->io, e->ops, first_call(e),
					     e->results);
		else
			ret = iocp_submit(e->port, e->ops, first_call(e), e->results);
		if (ret == -EINTR)
			continue;
		if (ret < 0)
			return ret;
		if (answer(td, e, ret))
			break;
	}
	return 0;
}

static bool can(const struct iocp_file *file, unsigned int opcode)
{
	uint64_t caps = file->io ? iocp_io_caps(file->io) : file->assoc.caps;

	return caps >> opcode & 1;
}

/* False: there is no operation for this */
static bool prepare(const struct iocp_engine *e, struct iocp_op *op, struct io_u *io_u)
{
	const struct iocp_file *file = file_of(io_u);

	switch (io_u->ddir) {
	case DDIR_READ:
		iocp_prep_read(op, &file->assoc, io_u->xfer_buf, io_u->xfer_buflen, io_u->offset,
			       io_u);
		break;
	case DDIR_WRITE:
		iocp_prep_write(op, &file->assoc, io_u->xfer_buf, io_u->xfer_buflen, io_u->offset,
				io_u);
		break;
	case DDIR_SYNC:
	case DDIR_DATASYNC:
		if (!can(file, IOCP_OP_FSYNC))
			return false;
		iocp_prep_fsync(op, &file->assoc,
				io_u->ddir == DDIR_DATASYNC ? IOCP_FSYNC_DATASYNC : 0, io_u);
		break;
	default:
		return false;
	}
	if (e->options->punt)
		op->flags |= IOCP_OP_F_FORCE_PUNT;
	return true;
}

static enum fio_q_status engine_queue(struct thread_data *td, struct io_u *io_u)
{
	struct iocp_engine *e = td->io_ops_data;
	struct timespec now;
	int ret;

	fio_ro_check(td, io_u);
	if (e->nr_queued == e->depth)
		return FIO_Q_BUSY;
	if (!prepare(e, &e->ops[e->nr_queued], io_u)) {
		/* Done here and now, and so not before what was asked for earlier */
		if (e->nr_queued)
			return FIO_Q_BUSY;
		issue_time(td, &now);
		issued(td, io_u, &now);
		io_u_mark_submit(td, 1);
		if (io_u->ddir == DDIR_TRIM)
			do_io_u_trim(td, io_u);
		else
			do_io_u_sync(td, io_u);
		io_u_mark_complete(td, 1);
		return FIO_Q_COMPLETED;
	}
	e->io_us[e->nr_queued++] = io_u;
	if (!e->options->batch) {
		ret = engine_commit(td);
		if (ret)
			td_verror(td, -ret, "iocp_submit");
	}
	return FIO_Q_QUEUED;
}

/*
 * 0 only if nothing more will be heard of it.  One that has been submitted always has an
 * end of its own, cancelled or not, which fio is going to wait for.
 */
static int engine_cancel(struct thread_data *td, struct io_u *io_u)
{
	struct iocp_engine *e = td->io_ops_data;
	struct iocp_file *file = file_of(io_u);
	unsigned int i;

	for (i = 0; i < e->nr_queued; i++) {
		if (e->io_us[i] != io_u)
			continue;
		e->nr_queued--;
		memmove(e->ops + i, e->ops + i + 1, (e->nr_queued - i) * sizeof(*e->ops));
		memmove(e->io_us + i, e->io_us + i + 1, (e->nr_queued - i) * sizeof(*e->io_us));
		return 0;
	}
	if (e->pool)
		iocp_io_cancel(file->io, io_u, NULL);
	else
		iocp_cancel_overlapped(e->port, &file->assoc, io_u, NULL);
	return EINPROGRESS;
}

/*
 * Events
 */

static int engine_getevents(struct thread_data *td, unsigned int min, unsigned int max,
			    const struct timespec *t)
{
	struct iocp_engine *e = td->io_ops_data;
	uint64_t deadline = IOCP_FOREVER;
	unsigned int n = 0;
	int ret;

	if (t)
		deadline = iocp_deadline_ns(t->tv_sec * 1000000000ULL + t->tv_nsec);
	for (;;) {
		/* There may be room now for what was left */
		if (n < min) {
			ret = engine_commit(td);
			if (ret)
				return ret;
		}
		n += take_done(e, e->events + n, max - n, IOCP_NOWAIT);
		if (n == max)
			return n;
		ret = take(e, e->events + n, max - n, n < min ? deadline : IOCP_NOWAIT);
		if (ret < 0)
			return ret;
		n += ret;
		if (n >= min || !ret)
			return n;
	}
}

static struct io_u *engine_event(struct thread_data *td, int event)
{
	const struct iocp_engine *e = td->io_ops_data;
	const struct iocp_packet *packet = &e->events[event];
	struct io_u *io_u = (struct io_u *)(uintptr_t)packet->overlapped;

	/* After a part fio asks for the rest, and is told then why that cannot be */
	io_u->error = packet->info ? 0 : -packet->res;
	io_u->resid = ddir_sync(io_u->ddir) ? 0 : io_u->xfer_buflen - packet->info;
	return io_u;
}

/*
 * Files
 */

static int bring_in(struct iocp_engine *e, int fd, struct iocp_file *file)
{
	unsigned int modes = e->options->skip ? IOCP_MODE_SKIP_ON_SUCCESS : 0;

	if (e->pool)
		return iocp_io_create_with(&file->io, e->pool, fd, 0, modes, called_back, e);
	return iocp_associate_with(e->port, fd, 0, 0, modes, &file->assoc);
}

static int engine_open_file(struct thread_data *td, struct fio_file *f)
{
	struct iocp_engine *e = td->io_ops_data;
	struct iocp_file *file;
	int ret = generic_open_file(td, f);

	/* Without an engine it is only looked at, as for its size */
	if (ret || !e)
		return ret;
	file = calloc(1, sizeof(*file));
	ret = file ? bring_in(e, f->fd, file) : -ENOMEM;
	if (ret) {
		free(file);
		td_verror(td, -ret, "iocp_associate");
		return generic_close_file(td, f) ?: 1;
	}
	FILE_SET_ENG_DATA(f, file);
	return 0;
}

static int engine_close_file(struct thread_data *td, struct fio_file *f)
{
	struct iocp_engine *e = td->io_ops_data;
	struct iocp_file *file = FILE_ENG_DATA(f);

	if (file) {
		if (e->pool)
			iocp_io_close(file->io, 0);
		else
			iocp_disassociate(e->port, &file->assoc, IOCP_DISASSOC_CANCEL, NULL);
		FILE_SET_ENG_DATA(f, NULL);
		free(file);
	}
	return generic_close_file(td, f);
}

/*
 * Beginning and end
 */

static int open_port(struct thread_data *td, struct iocp_engine *e)
{
	struct iocp_pool_params params = {
		.port.ring_entries = e->options->ring ? 0 : IOCP_NO_RING,
		.port.max_inflight = e->depth,
	};
	int ret;

	if (e->options->callbacks) {
		ret = iocp_pool_create(&e->pool, &params);
	} else {
		/* There is one thread and no other that could run in its place */
		params.port.flags = IOCP_PORT_IGNORE_BLOCKS;
		ret = iocp_open(&e->port, &params.port);
	}
	switch (ret) {
	case 0:
		return 0;
	case -ENOENT:
	case -ENXIO:
	case -ENODEV:
		log_err("iocp: no device " IOCP_DEVICE_PATH ": load the module, modprobe iocp\n");
		break;
	case -EACCES:
		log_err("iocp: " IOCP_DEVICE_PATH " may not be opened: be root, or in its group\n");
		break;
	case -EAGAIN:
		log_err("iocp: more ports than one user may have: run fewer jobs\n");
		break;
	}
	td_verror(td, -ret, "iocp_open");
	return ret;
}

static void engine_cleanup(struct thread_data *td)
{
	struct iocp_engine *e = td->io_ops_data;

	if (!e)
		return;
	iocp_pool_destroy(e->pool);
	iocp_close(e->port);
	pthread_cond_destroy(&e->more);
	pthread_mutex_destroy(&e->lock);
	free(e->events);
	free(e->done);
	free(e->results);
	free(e->io_us);
	free(e->ops);
	free(e);
	td->io_ops_data = NULL;
}

static int engine_init(struct thread_data *td)
{
	pthread_condattr_t monotonic;
	struct iocp_engine *e;

	/* fio compares a version number; another configuration can have another layout, too */
	if (td->io_ops != &ioengine) {
		log_err("iocp: this engine was built for another fio: build it again\n");
		return EINVAL;
	}
	e = calloc(1, sizeof(*e));
	if (!e)
		goto no_memory;
	td->io_ops_data = e;
	e->options = td->eo;
	e->depth = td->o.iodepth;
	pthread_mutex_init(&e->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&e->more, &monotonic);
	pthread_condattr_destroy(&monotonic);
	e->ops = calloc(e->depth, sizeof(*e->ops));
	e->io_us = calloc(e->depth, sizeof(*e->io_us));
	e->results = calloc(e->depth, sizeof(*e->results));
	e->done = calloc(e->depth, sizeof(*e->done));
	e->events = calloc(e->depth, sizeof(*e->events));
	if (!e->ops || !e->io_us || !e->results || !e->done || !e->events)
		goto no_memory;
	if (open_port(td, e))
		goto failed;
	return 0;

no_memory:
	td_verror(td, ENOMEM, "iocp");
failed:
	engine_cleanup(td);
	return 1;
}

struct ioengine_ops ioengine = {
	.name			= "iocp",
	.version		= FIO_IOOPS_VERSION,
	.flags			= FIO_ASYNCIO_SETS_ISSUE_TIME,
	.init			= engine_init,
	.queue			= engine_queue,
	.commit			= engine_commit,
	.cancel			= engine_cancel,
	.getevents		= engine_getevents,
	.event			= engine_event,
	.cleanup		= engine_cleanup,
	.open_file		= engine_open_file,
	.close_file		= engine_close_file,
	.get_file_size		= generic_get_file_size,
	.options		= options,
	.option_struct_size	= sizeof(struct iocp_options),
};
