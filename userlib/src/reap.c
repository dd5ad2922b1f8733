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

/* The kernel may be overwriting a slot we lost: read once, and then not used. */
static inline void ring_copy(struct iocp_packet *to, const struct iocp_packet *from)
{
	typedef uint64_t half __attribute__((vector_size(16), aligned(8), may_alias));
	const volatile half *src = (const volatile half *)from;
	half first = src[0], second = src[1];

	_Static_assert(sizeof(*to) == 2 * sizeof(half), "two halves");
	memcpy(to, &first, sizeof(first));
	memcpy((char *)to + sizeof(first), &second, sizeof(second));
}

#define RING_AGAIN	(-2)		/* ring_try(): others were faster */

static inline int ring_try(const struct iocpi_ring *ring, struct iocp_packet *packets,
			   unsigned int nr, const uint64_t *leave)
{
	uint64_t head, tail;
	unsigned int i;

	if (unlikely(load_acquire(ring->must_enter)))
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
		return load_acquire(ring->tail) != tail ? RING_AGAIN : 0;
	}
	if (nr > tail - head)
		nr = tail - head;
	for (i = 0; i < nr; i++)
		ring_copy(&packets[i], &ring->packets[(head + i) & (ring->entries - 1)]);
	/* If it is not what is there any more, somebody looks at the backlog for nothing. */
	if (leave && unlikely(packets[0].key == *leave))
		return RING_LEFT;
	if (__atomic_compare_exchange_n(ring->head, &head, head + nr, false,
					__ATOMIC_RELEASE, __ATOMIC_RELAXED))
		return nr;
	return RING_AGAIN;
}

/*
 * Takes up to RING_BATCH packets.  0: the port holds none that the ring's users
 * may have; RING_ENTER: ask the kernel.
 */
int iocpi_ring_take(const struct iocpi_ring *ring, struct iocp_packet *packets, unsigned int nr)
{
	int ret;

	if (nr > RING_BATCH)
		nr = RING_BATCH;
	do {
		ret = ring_try(ring, packets, nr, NULL);
	} while (ret == RING_AGAIN);
	return ret;
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

/* As iocpi_take_active(), for workers: one packet, unless its key is @leave. */
int iocpi_take_one(struct iocp_port *port, struct iocp_packet *packet, uint64_t leave)
{
	int ret;

	if (unlikely(iocpi_self.active_port != port->serial))
		return RING_ENTER;
	do {
		ret = ring_try(&port->ring, packet, 1, &leave);
	} while (unlikely(ret == RING_AGAIN));
	hear_port(port);
	return ret;
}

static int take(struct iocp_port *port, struct iocp_packet *packets, unsigned int nr,
		uint64_t deadline, uint32_t flags)
{
	struct iocp_enter e;
	int ret;

	if (!nr)
		return -EINVAL;
	if (nr > IOCP_MAX_BATCH)
		nr = IOCP_MAX_BATCH;
	ret = iocpi_take_active(port, packets, nr);
	if (ret > 0)
		return ret;
	/* Polling an empty port: it can be seen from here. */
	if (!ret && deadline == IOCP_NOWAIT)
		return -ETIME;
	iocpi_enter_init(&e, NULL, 0, NULL, packets, nr, deadline, flags);
	return iocpi_enter(port, &e);
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
