// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pool of libiocp.  A request is a NOP on an object of the pool, whose packet a
 * callback gets.
 */
#include <iocp.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bench.h"

static struct iocp_pool *pool;
static struct iocp_io *io;

static void callback(struct iocp_io *self, void *context, const struct iocp_packet *packet)
{
	(void)self, (void)context;
	request_run((struct request *)(uintptr_t)packet->overlapped);
}

static void iocp_start(unsigned int threads)
{
	struct iocp_pool_params params = { .port.concurrency = threads };
	int fd = check_errno(eventfd(0, 0), "eventfd");	/* any file would do */

	check(iocp_pool_create(&pool, &params), "iocp_pool_create (is the module loaded?)");
	check(iocp_io_create(&io, pool, fd, callback, NULL), "iocp_io_create");
	close(fd);
}

static void iocp_submit_request(struct request *r)
{
	struct iocp_op op;

	iocp_prep(&op, IOCP_OP_NOP, NULL, NULL, 0, 0, r);
	check(iocp_io_submit(io, &op, 1, NULL), "iocp_io_submit");
}

static unsigned int iocp_max_active(void)
{
	struct iocp_stats stats;

	check(iocp_pool_stats(pool, &stats), "iocp_pool_stats");
	return stats.max_active;
}

static void iocp_stop(void)
{
	check(iocp_io_close(io, 0), "iocp_io_close");
	check(iocp_pool_destroy(pool), "iocp_pool_destroy");
}

const struct engine engine_iocp = {
	.start = iocp_start,
	.submit = iocp_submit_request,
	.max_active = iocp_max_active,
	.stop = iocp_stop,
};
