// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * submit.c - what goes into a port: operations, posted packets, cancels.
 */
#include <errno.h>
#include <time.h>

#include "internal.h"

#define NSEC_PER_SEC	UINT64_C(1000000000)
#define NSEC_PER_MSEC	UINT64_C(1000000)

uint64_t iocp_deadline_ns(uint64_t ns)
{
	struct timespec ts;
	uint64_t now;

	if (!ns)
		return IOCP_NOWAIT;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
	return ns < IOCP_FOREVER - now ? now + ns : IOCP_FOREVER;
}

uint64_t iocp_deadline_ms(int64_t ms)
{
	if (ms < 0 || (uint64_t)ms > IOCP_FOREVER / NSEC_PER_MSEC)
		return IOCP_FOREVER;
	return iocp_deadline_ns((uint64_t)ms * NSEC_PER_MSEC);
}

/*
 * Keeps the thread-local fact that allows taking from the ring (A5): true from a
 * wait of this port that brought packets until the next wait of any port.  A
 * guest's wait leaves the thread where it was.
 */
int iocpi_enter(struct iocp_port *port, struct iocp_enter *e)
{
	uint64_t active = iocpi_self.active_port;
	int ret;

	if (e->nr_packets)
		iocpi_self.active_port = 0;
	ret = iocpi_port_call(port, IOCP_IOC_ENTER, e);
	hear_port(port);
	if (!e->nr_packets || e->flags & IOCP_ENTER_NO_ASSOC)
		iocpi_self.active_port = active;
	else if (ret > 0)
		iocpi_self.active_port = port->serial;
	return ret;
}

int iocp_enter(struct iocp_port *port, struct iocp_enter *e)
{
	e->size = sizeof(*e);
	if (!e->op_size)
		e->op_size = sizeof(struct iocp_op);
	if (!e->packet_size)
		e->packet_size = sizeof(struct iocp_packet);
	return iocpi_enter(port, e);
}

int iocp_submit(struct iocp_port *port, const struct iocp_op *ops, unsigned int nr,
		struct iocp_result *results)
{
	if (unlikely(!nr))
		return 0;
	/* Results that stay unwritten mean QUEUED. */
	if (results)
		memset(results, 0, nr * sizeof(*results));
	return iocpi_submit(port, ops, nr, results);
}

int iocp_post(struct iocp_port *port, const struct iocp_packet *packets, unsigned int nr)
{
	struct iocp_post arg = {
		.size = sizeof(arg),
		.packets = (uintptr_t)packets,
		.nr = nr,
		.packet_size = sizeof(*packets),
	};

	return iocpi_port_call(port, IOCP_IOC_POST, &arg);
}

int iocp_post_one(struct iocp_port *port, uint64_t key, uint64_t info, const void *overlapped)
{
	struct iocp_packet packet = {
		.key = key,
		.overlapped = (uintptr_t)overlapped,
		.info = info,
	};
	int ret = iocp_post(port, &packet, 1);

	return ret < 0 ? ret : 0;
}

int iocp_cancel(struct iocp_port *port, struct iocp_cancel *cancel)
{
	cancel->size = sizeof(*cancel);
	return iocpi_port_call(port, IOCP_IOC_CANCEL, cancel);
}

static int cancel_counted(struct iocp_port *port, struct iocp_cancel *arg,
			  struct iocp_cancel_counts *counts)
{
	int ret = iocp_cancel(port, arg);

	if (counts)
		*counts = (struct iocp_cancel_counts){
			.cancelled = ret ? 0 : arg->nr_cancelled,
			.running = ret ? 0 : arg->nr_running,
			.unstoppable = ret ? 0 : arg->nr_unstoppable,
		};
	return ret;
}

int iocp_cancel_overlapped(struct iocp_port *port, const struct iocp_assoc *assoc,
			   const void *overlapped, struct iocp_cancel_counts *counts)
{
	struct iocp_cancel arg = {
		.flags = IOCP_CANCEL_BY_OVERLAPPED,
		.overlapped = (uintptr_t)overlapped,
	};

	if (assoc) {
		arg.flags |= IOCP_CANCEL_BY_ASSOC;
		arg.assoc = assoc->index;
		arg.assoc_gen = assoc->gen;
	}
	return cancel_counted(port, &arg, counts);
}

int iocp_cancel_assoc(struct iocp_port *port, const struct iocp_assoc *assoc,
		      struct iocp_cancel_counts *counts)
{
	struct iocp_cancel arg = {
		.flags = IOCP_CANCEL_BY_ASSOC,
		.assoc = assoc->index,
		.assoc_gen = assoc->gen,
	};

	return cancel_counted(port, &arg, counts);
}
