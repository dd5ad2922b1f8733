// SPDX-License-Identifier: GPL-2.0-only
/*
 * stats.c - what a port tells about itself: STATS and /proc/PID/fdinfo.
 *
 * Locking: the counts that must fit together are read under port->lock.
 */
#include <linux/seq_file.h>

#include "iocp.h"

/* Over the limit just now: what began has not ended. */
static u64 iocp_over_limit_ns(struct iocp_port *port)
{
	s64 ns = atomic64_read(&port->st_over_ns);

	if (atomic_read(&port->active) > (int)port->concurrency)
		ns += ktime_get_mono_fast_ns();
	/* a worker that blocks in between makes it jump, for us only */
	return max_t(s64, ns, 0);
}

static void iocp_stats_get(struct iocp_port *port, struct iocp_stats *s)
{
	unsigned long flags;

	memset(s, 0, sizeof(*s));
	s->size = sizeof(*s);
	s->concurrency = port->concurrency;
	s->assocs = READ_ONCE(port->nr_assocs);
	s->inflight = atomic_read(&port->nr_reqs);
	s->posted = atomic_read(&port->nr_posted);
	s->punted = READ_ONCE(port->st_punted);
	s->workers = atomic_read(&port->nr_workers);
	s->blocks = atomic64_read(&port->st_blocks);
	s->wanted = atomic64_read(&port->st_wanted);
	iocp_port_lock(port, flags);
	s->active = atomic_read(&port->active);
	s->waiting = port->nr_waiting;
	s->queued = port->nr_listed;
	s->completed = port->st_completed;
	s->posts = port->st_posts;
	s->handed = port->st_handed;
	s->taken = port->st_taken;
	s->given_back = port->st_given_back;
	s->dropped = port->st_dropped;
	s->block_releases = port->st_block_releases;
	s->short_blocks = port->st_short_blocks;
	s->over_limits = port->st_over_limits;
	s->over_limit_ns = iocp_over_limit_ns(port);
	s->max_active = port->st_max_active;
	if (port->ring) {
		s->queued += iocp_ring_used(port->ring);
		s->ring_taken = iocp_ring_taken(port->ring);
		s->ring_broken = iocp_ring_broken(port->ring);
	}
	iocp_port_unlock(port, flags);
}

/*
 * iocp_stats - IOCP_IOC_STATS
 */
long iocp_stats(struct iocp_port *port, void __user *uarg)
{
	struct iocp_stats s;
	int ret;

	ret = iocp_copy_args(&s, sizeof(s), uarg);
	if (ret)
		return ret;
	if (s.flags || memchr_inv(s.resv, 0, sizeof(s.resv)))
		return -EINVAL;
	iocp_stats_get(port, &s);
	return iocp_copy_back(uarg, &s, sizeof(s));
}

#ifdef CONFIG_PROC_FS

#define IOCP_SHOW(field)	seq_printf(m, "iocp-" #field ":\t%llu\n", (u64)s.field)

/*
 * Every field of struct iocp_stats that is a count, under its name there.  The
 * file is open as long as we look at it, so the port works.
 */
void iocp_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct iocp_port *port = file->private_data;
	struct iocp_stats s;

	seq_printf(m, "iocp-port:\t%llu\n", port->id);
	if (!iocp_port_is_live(port)) {
		seq_puts(m, "iocp-state:\tnew\n");
		return;
	}
	seq_printf(m, "iocp-state:\t%s\n", READ_ONCE(port->shut) ? "shut_down" : "live");
	iocp_stats_get(port, &s);
	IOCP_SHOW(concurrency);
	IOCP_SHOW(active);
	IOCP_SHOW(waiting);
	IOCP_SHOW(assocs);
	IOCP_SHOW(inflight);
	IOCP_SHOW(posted);
	IOCP_SHOW(queued);
	IOCP_SHOW(completed);
	IOCP_SHOW(posts);
	IOCP_SHOW(handed);
	IOCP_SHOW(taken);
	IOCP_SHOW(punted);
	IOCP_SHOW(given_back);
	IOCP_SHOW(dropped);
	IOCP_SHOW(ring_broken);
	IOCP_SHOW(blocks);
	IOCP_SHOW(block_releases);
	IOCP_SHOW(short_blocks);
	IOCP_SHOW(wanted);
	IOCP_SHOW(ring_taken);
	IOCP_SHOW(over_limit_ns);
	IOCP_SHOW(over_limits);
	IOCP_SHOW(max_active);
	IOCP_SHOW(workers);
}

#endif
