// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * port.c - a port from open to close, and the calls that are not on any hot path.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

#define DEFAULT_RING_ENTRIES	1024

/* All ports, so that a child of fork() can forget their rings. */
static pthread_mutex_t ports_lock = PTHREAD_MUTEX_INITIALIZER;
static struct list ports = { &ports, &ports };
static uint64_t next_serial;

/* A port without a ring has one that always says: ask the kernel. */
static const uint32_t must_enter = 1;
static const struct iocpi_ring no_ring = { .must_enter = &must_enter };

/* A ring that cannot be mapped is no reason to fail: ENTER serves everything. */
static void port_map_ring(struct iocp_port *port, const struct iocp_setup *setup)
{
	char *ro, *rw;

	if (!setup->ring_entries)
		return;
	ro = mmap(NULL, setup->ro_len, PROT_READ, MAP_SHARED, port->fd, setup->ro_off);
	if (ro == MAP_FAILED)
		return;
	rw = mmap(NULL, setup->rw_len, PROT_READ | PROT_WRITE, MAP_SHARED, port->fd,
		  setup->rw_off);
	if (rw == MAP_FAILED) {
		munmap(ro, setup->ro_len);
		return;
	}
	port->ro = ro;
	port->rw = rw;
	port->ro_len = setup->ro_len;
	port->rw_len = setup->rw_len;
	port->ring = (struct iocpi_ring){
		.head = (uint64_t *)(rw + setup->rw_head),
		.tail = (const uint64_t *)(ro + setup->ro_tail),
		.must_enter = (const uint32_t *)(ro + setup->ro_must_enter),
		.more = (const uint32_t *)(ro + setup->ro_more),
		.packets = (const struct iocp_packet *)(ro + setup->ro_packets),
		.entries = setup->ring_entries,
	};
}

int iocp_open(struct iocp_port **result, const struct iocp_port_params *params)
{
	static const struct iocp_port_params defaults;
	struct iocp_query query = { .size = sizeof(query) };
	struct iocp_setup setup = { .size = sizeof(setup) };
	struct iocp_port *port;
	size_t i;
	int ret;

	if (!params)
		params = &defaults;
	for (i = 0; i < ARRAY_SIZE(params->resv); i++)
		if (params->resv[i])
			return -EINVAL;
	if (params->flags & ~(IOCP_PORT_IGNORE_BLOCKS | IOCP_PORT_STRICT))
		return -EINVAL;
	iocpi_once_fork();
	port = calloc(1, sizeof(*port));
	if (!port)
		return -ENOMEM;
	list_init(&port->node);
	port->ring = no_ring;
	do {
		port->fd = open(params->path ? params->path : IOCP_DEVICE_PATH,
				O_RDWR | O_CLOEXEC);
	} while (port->fd < 0 && errno == EINTR);
	if (port->fd < 0) {
		ret = -errno;
		free(port);
		return ret;
	}

	setup.concurrency = params->concurrency;
	if (params->ring_entries != IOCP_NO_RING)
		setup.ring_entries = params->ring_entries ? params->ring_entries :
				     DEFAULT_RING_ENTRIES;
	if (setup.ring_entries)
		setup.features = IOCP_FEATURE_RING;
	setup.max_inflight = params->max_inflight;
	setup.max_posted = params->max_posted;
	setup.block_delay_us = params->block_delay_us;
	ret = iocpi_port_call(port, IOCP_IOC_QUERY, &query);
	if (!(params->flags & IOCP_PORT_IGNORE_BLOCKS))
		setup.features |= query.features & IOCP_FEATURE_BLOCKING;
	if (params->flags & IOCP_PORT_STRICT)
		setup.features |= IOCP_FEATURE_STRICT;
	if (ret >= 0)
		ret = iocpi_port_call(port, IOCP_IOC_SETUP, &setup);
	if (ret < 0) {
		close(port->fd);
		free(port);
		return ret;
	}
	port_map_ring(port, &setup);

	pthread_mutex_lock(&ports_lock);
	port->serial = ++next_serial;
	list_add_tail(&port->node, &ports);
	pthread_mutex_unlock(&ports_lock);
	*result = port;
	return 0;
}

int iocp_close(struct iocp_port *port)
{
	if (!port)
		return 0;
	pthread_mutex_lock(&ports_lock);
	list_del_init(&port->node);
	pthread_mutex_unlock(&ports_lock);
	if (iocpi_self.active_port == port->serial)
		iocpi_self.active_port = 0;
	if (port->ro) {
		munmap(port->ro, port->ro_len);
		munmap(port->rw, port->rw_len);
	}
	if (port->fd >= 0)
		close(port->fd);
	free(port);
	return 0;
}

int iocp_fd(const struct iocp_port *port)
{
	return port->fd;
}

int iocp_query(struct iocp_port *port, struct iocp_query *query)
{
	memset(query, 0, sizeof(*query));
	query->size = sizeof(*query);
	return iocpi_port_call(port, IOCP_IOC_QUERY, query);
}

int iocp_stats(struct iocp_port *port, struct iocp_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->size = sizeof(*stats);
	return iocpi_port_call(port, IOCP_IOC_STATS, stats);
}

int iocp_shutdown(struct iocp_port *port, uint64_t *dropped)
{
	struct iocp_shutdown arg = { .size = sizeof(arg) };
	int ret = iocpi_port_call(port, IOCP_IOC_SHUTDOWN, &arg);

	if (!ret && dropped)
		*dropped = arg.nr_dropped;
	return ret;
}

int iocp_detach(struct iocp_port *port)
{
	if (iocpi_self.active_port == port->serial)
		iocpi_self.active_port = 0;
	return iocpi_port_call(port, IOCP_IOC_DETACH, NULL);
}

int iocp_associate_with(struct iocp_port *port, int fd, uint64_t key, uint32_t flags,
			uint32_t modes, struct iocp_assoc *assoc)
{
	struct iocp_associate arg = {
		.size = sizeof(arg),
		.flags = flags,
		.fd = fd,
		.modes = modes,
		.key = key,
	};
	int ret = iocpi_port_call(port, IOCP_IOC_ASSOCIATE, &arg);

	if (!ret)
		*assoc = (struct iocp_assoc){
			.index = arg.assoc,
			.gen = arg.assoc_gen,
			.caps = arg.caps,
		};
	return ret;
}

int iocp_associate(struct iocp_port *port, int fd, uint64_t key, struct iocp_assoc *assoc)
{
	return iocp_associate_with(port, fd, key, 0, 0, assoc);
}

int iocp_disassociate(struct iocp_port *port, const struct iocp_assoc *assoc, uint32_t flags,
		      void *overlapped)
{
	struct iocp_assoc_ref arg = {
		.size = sizeof(arg),
		.flags = flags,
		.assoc = assoc->index,
		.assoc_gen = assoc->gen,
		.overlapped = (uintptr_t)overlapped,
	};

	return iocpi_port_call(port, IOCP_IOC_DISASSOCIATE, &arg);
}

int iocp_set_modes(struct iocp_port *port, const struct iocp_assoc *assoc, uint32_t modes)
{
	struct iocp_assoc_ref arg = {
		.size = sizeof(arg),
		.assoc = assoc->index,
		.assoc_gen = assoc->gen,
		.modes = modes,
	};

	return iocpi_port_call(port, IOCP_IOC_SET_MODES, &arg);
}

unsigned int iocp_version(void)
{
	return IOCP_VERSION_MAJOR << 16 | IOCP_VERSION_MINOR;
}

void iocpi_port_fork_lock(void)
{
	pthread_mutex_lock(&ports_lock);
}

void iocpi_port_fork_unlock(void)
{
	pthread_mutex_unlock(&ports_lock);
}

/* The mapping does not exist in a child, and its place may be another's. */
void iocpi_port_fork_child(void)
{
	struct list *l;

	for (l = ports.next; l != &ports; l = l->next) {
		struct iocp_port *port = container_of(l, struct iocp_port, node);

		port->ring = no_ring;
		port->ro = port->rw = NULL;
		if (port->end_in_child) {
			close(port->fd);
			port->fd = -1;
		}
	}
}
