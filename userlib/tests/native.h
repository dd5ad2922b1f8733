/* SPDX-License-Identifier: GPL-2.0-only */
/* native.h - what the tests of objects of native pools share. */
#ifndef IOCP_NATIVE_TEST_H
#define IOCP_NATIVE_TEST_H

#include <iocp.h>

#include "dev.h"

#define MS	UINT64_C(1000000)	/* in ns */
#define HOUR	(3600 * 1000 * MS)

static inline struct iocp_pool *make_pool(uint32_t concurrency, uint32_t max_threads)
{
	struct iocp_pool_params params = {
		.port.concurrency = concurrency,
		.max_threads = max_threads,
	};
	struct iocp_pool *pool;

	CHECK_EQ(iocp_pool_create(&pool, &params), 0);
	return pool;
}

#endif /* IOCP_NATIVE_TEST_H */
