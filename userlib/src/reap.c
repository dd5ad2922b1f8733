// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * reap.c - what comes out of a port: the ring first, then the kernel.
 *
 * Memory order, as decisions and the module's ring.c say it.  Consumer: acquire
 * head, acquire tail, copy with relaxed loads (a copy may be torn: then others
 * moved the head and the CAS fails), CAS head with release.  A tail read before a
 * head that others moved on gives tail - head <= 0: empty.
 */
#include <errno.h>

#include "internal.h"

/* As words, each read atomically: the kernel may be overwriting a slot we lost. */
static void ring_copy(struct iocp_packet *to, const struct iocp_packet *from)
{
	const uint64_t *src = (const uint64_t *)from;
	uint64_t word[sizeof(*to) / sizeof(uint64_t)];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(word); i++)
		word[i] = READ_ONCE(src[i]);
	memcpy(to, word, sizeof(*to));
}

/*
 * Takes up to RING_BATCH packets.  0: the port holds none that the ring's users
 * may have; RING_ENTER: ask the kernel.
 */
int iocpi_ring_take(const struct iocpi_ring *ring, struct iocp_packet *packets, unsigned int nr)
{
	uint64_t head, tail;
	unsigned int i;

	if (nr > RING_BATCH)
		nr = RING_BATCH;
	for (;;) {
		if (load_acquire(ring->must_enter))
			return RING_ENTER;
		head = load_acquire(ring->head);
		tail = load_acquire(ring->tail);
		if ((int64_t)(tail - head) <= 0) {
			if (load_acquire(ring->more))
				return RING_ENTER;
			/*
			 * The kernel may have moved its list into the ring between
			 * the two reads: then there was always a packet.
			 */
			if (load_acquire(ring->tail) != tail)
				continue;
			return 0;
		}
		if (nr > tail - head)
			nr = tail - head;
		for (i = 0; i < nr; i++)
			ring_copy(&packets[i], &ring->packets[(head + i) & (ring->entries - 1)]);
		if (__atomic_compare_exchange_n(ring->head, &head, head + nr, false,
						__ATOMIC_RELEASE, __ATOMIC_RELAXED))
			return nr;
	}
}

/* The same under the rule who may: only a thread that is active in this port. */
int iocpi_take_active(struct iocp_port *port, struct iocp_packet *packets, unsigned int nr)
{
	int ret;

	if (!port->ring.entries || iocpi_self.active_port != port->serial || !nr)
		return RING_ENTER;
	ret = iocpi_ring_take(&port->ring, packets, nr);
	hear_port(port);
	return ret;
}

static int take(struct iocp_port *port, struct iocp_packet *packets, unsigned int nr,
		uint64_t deadline, uint32_t flags)
{
	struct iocp_enter e = {
		.flags = flags,
		.packets = (uintptr_t)packets,
		.nr_packets = nr,
		.deadline = deadline,
	};
	int ret;

	if (!nr)
		return -EINVAL;
	if (nr > IOCP_MAX_BATCH)
		e.nr_packets = nr = IOCP_MAX_BATCH;
	ret = iocpi_take_active(port, packets, nr);
	if (ret > 0)
		return ret;
	/* Polling an empty port: it can be seen from here. */
	if (!ret && deadline == IOCP_NOWAIT)
		return -ETIME;
	return iocp_enter(port, &e);
}

int iocp_reap(struct iocp_port *port, struct iocp_packet *packets, unsigned int nr,
	      uint64_t deadline)
{
	return take(port, packets, nr, deadline, IOCP_ENTER_NO_ASSOC);
}

int iocp_wait(struct iocp_port *port, struct iocp_packet *packets, unsigned int nr,
	      uint64_t deadline)
{
	return take(port, packets, nr, deadline, 0);
}

int iocp_submit_and_wait(struct iocp_port *port, const struct iocp_op *ops, unsigned int nr_ops,
			 struct iocp_result *results, unsigned int *nr_consumed,
			 struct iocp_packet *packets, unsigned int nr_packets, uint64_t deadline)
{
	struct iocp_enter e = {
		.ops = (uintptr_t)ops,
		.results = (uintptr_t)results,
		.nr_ops = nr_ops,
		.packets = (uintptr_t)packets,
		.nr_packets = nr_packets < IOCP_MAX_BATCH ? nr_packets : IOCP_MAX_BATCH,
		.deadline = deadline,
	};
	int ret;

	if (results)
		memset(results, 0, nr_ops * sizeof(*results));
	ret = iocp_enter(port, &e);
	if (nr_consumed)
		*nr_consumed = ret < 0 ? 0 : e.nr_consumed;
	return ret;
}
