// SPDX-License-Identifier: GPL-2.0-only
/* The list of waiting work: its order, and that nothing is lost or found twice. */
#include <stdlib.h>

#include "unit.h"
#include "internal.h"

#define THREADS	4
#define OBJECTS	48			/* of a thread */
#define ROUNDS	2000

static struct iocp_port no_port = { .fd = -1 };
static struct iocp_pool pool = { .port = &no_port };

static void oldest_first(void **state)
{
	struct iocpi_obj *obj[7];
	size_t i;

	(void)state;
	assert_null(iocpi_backlog_take(&pool));
	for (i = 0; i < ARRAY_SIZE(obj); i++)
		obj[i] = iocpi_obj_alloc(IOCPI_WORK);
	for (i = 0; i < 4; i++)
		iocpi_backlog_put(&pool, obj[i]);
	assert_int_equal(pool.backlog.bell, BELL_RUNG);
	assert_ptr_equal(iocpi_backlog_take(&pool), obj[0]);
	/* what comes later is behind what was turned round already */
	for (i = 4; i < ARRAY_SIZE(obj); i++)
		iocpi_backlog_put(&pool, obj[i]);
	for (i = 1; i < ARRAY_SIZE(obj); i++)
		assert_ptr_equal(iocpi_backlog_take(&pool), obj[i]);
	assert_null(iocpi_backlog_take(&pool));
}

/* Who takes the bell rings again if something is left, and only then. */
static void bell(void **state)
{
	struct iocpi_obj *obj[2] = { iocpi_obj_alloc(IOCPI_WORK), iocpi_obj_alloc(IOCPI_WORK) };

	(void)state;
	iocpi_backlog_put(&pool, obj[0]);
	iocpi_backlog_put(&pool, obj[1]);
	assert_ptr_equal(iocpi_backlog_bell(&pool), obj[0]);
	assert_int_equal(pool.backlog.bell, BELL_RUNG);
	assert_ptr_equal(iocpi_backlog_bell(&pool), obj[1]);
	assert_int_equal(pool.backlog.bell, BELL_NONE);
	assert_null(iocpi_backlog_bell(&pool));
	assert_int_equal(pool.backlog.bell, BELL_NONE);
}

/* What a thread has taken it may put again; @waiting catches what is there twice. */
static uint32_t waiting[THREADS * OBJECTS * 2 + 64];
static unsigned int taken;

static void put(struct iocpi_obj *obj)
{
	if (__atomic_exchange_n(&waiting[obj->index], 1, __ATOMIC_RELAXED))
		abort();
	iocpi_backlog_put(&pool, obj);
}

static struct iocpi_obj *take(void)
{
	struct iocpi_obj *obj = iocpi_backlog_take(&pool);

	if (obj && !__atomic_exchange_n(&waiting[obj->index], 0, __ATOMIC_RELAXED))
		abort();
	return obj;
}

static void *put_and_take(void *arg)
{
	struct iocpi_obj *obj, *mine[OBJECTS];
	unsigned int i, round;

	for (i = 0; i < OBJECTS; i++) {
		mine[i] = iocpi_obj_alloc(IOCPI_WORK);
		if (mine[i]->index >= ARRAY_SIZE(waiting))
			abort();
		put(mine[i]);
	}
	for (round = 0; round < ROUNDS; round++) {
		obj = take();
		if (obj)
			put(obj);
	}
	while ((obj = take()))
		__atomic_add_fetch(&taken, 1, __ATOMIC_RELAXED);
	return arg;
}

static void by_many_threads(void **state)
{
	pthread_t threads[THREADS];
	size_t i;

	(void)state;
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, put_and_take, NULL), 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	/* one may have looked when another had them in hand */
	while (take())
		taken++;
	assert_int_equal(taken, THREADS * OBJECTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(oldest_first),
		cmocka_unit_test(bell),
		cmocka_unit_test(by_many_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
