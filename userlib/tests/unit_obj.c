// SPDX-License-Identifier: GPL-2.0-only
/* The table of objects: generations, references, closing once, under threads. */
#include <stdlib.h>

#include "unit.h"
#include "win.h"

#define THREADS	4
#define ROUNDS	20000

static void stale_numbers_find_nothing(void **state)
{
	struct iocpi_obj *obj = iocpi_obj_alloc(IOCPI_PORT);
	uint64_t id, before;

	(void)state;
	assert_non_null(obj);
	id = iocpi_obj_id(obj);
	assert_int_equal(id & 3, 0);
	assert_null(iocpi_obj_get(id, IOCPI_PORT, OBJ_USER));	/* not open yet */
	iocpi_obj_open(obj, 0);
	assert_ptr_equal(iocpi_obj_get(id, IOCPI_PORT, OBJ_USER), obj);
	assert_null(iocpi_obj_get(id, IOCPI_FILE, OBJ_USER));
	assert_null(iocpi_obj_get(id | 1, IOCPI_PORT, OBJ_USER));
	assert_null(iocpi_obj_get(id + (UINT64_C(1) << OBJ_ID_GEN), IOCPI_PORT, OBJ_USER));
	assert_null(iocpi_obj_get(0, IOCPI_PORT, OBJ_USER));
	assert_null(iocpi_obj_get(UINT64_MAX, IOCPI_PORT, OBJ_USER));

	assert_ptr_equal(iocpi_obj_close(id, IOCPI_PORT, OBJ_USER, &before), obj);
	assert_true(before & OBJ_OPEN);
	assert_null(iocpi_obj_close(id, IOCPI_PORT, OBJ_USER, NULL));
	assert_null(iocpi_obj_get(id, IOCPI_PORT, OBJ_USER));
	assert_ptr_equal(iocpi_obj_find(id, IOCPI_PORT), obj);
	assert_true(iocpi_obj_put(obj, OBJ_USER) & OBJ_REFS);
	assert_false(iocpi_obj_put(obj, OBJ_USER) & OBJ_REFS);
	iocpi_obj_free(obj);
	assert_null(iocpi_obj_find(id, IOCPI_PORT));
}

static void handles_are_no_special_values(void **state)
{
	struct iocpi_obj *objs[200];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(objs); i++) {
		objs[i] = iocpi_obj_alloc(IOCPI_PORT);
		assert_non_null(objs[i]);
		assert_int_not_equal(iocpi_obj_id(objs[i]), 0);
		assert_int_not_equal(iocpi_obj_id(objs[i]), UINT64_MAX);
		/* new slots are clean */
		assert_false(READ_ONCE(objs[i]->word) & OBJ_REFS);
	}
	for (i = 0; i < ARRAY_SIZE(objs); i++)
		iocpi_obj_free(objs[i]);
}

/*
 * Half of the threads open and close an object under one shared number, the others
 * get and put whatever that number finds.  The one who takes the last reference
 * frees; if two did, or a stale number got through, the count would be off.
 */
static uint64_t shared_id;
static uint64_t opened, freed, got;
static bool stop;

static void put_and_free(struct iocpi_obj *obj)
{
	if (iocpi_obj_put(obj, OBJ_USER) & OBJ_REFS)
		return;
	iocpi_obj_free(obj);
	__atomic_add_fetch(&freed, 1, __ATOMIC_RELAXED);
}

static void *opener(void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < ROUNDS; i++) {
		struct iocpi_obj *obj = iocpi_obj_alloc(IOCPI_IO);
		uint64_t id = iocpi_obj_id(obj);

		iocpi_obj_open(obj, 0);
		__atomic_add_fetch(&opened, 1, __ATOMIC_RELAXED);
		WRITE_ONCE(shared_id, id);
		obj = iocpi_obj_close(id, IOCPI_IO, OBJ_USER, NULL);
		/* Another may have been faster: then the close was its. */
		if (obj)
			put_and_free(obj);
	}
	return NULL;
}

static void *user(void *arg)
{
	(void)arg;
	while (!READ_ONCE(stop)) {
		uint64_t id = READ_ONCE(shared_id);
		struct iocpi_obj *obj = iocpi_obj_get(id, IOCPI_IO, OBJ_USER);

		if (!obj)
			continue;
		if (iocpi_obj_id(obj) != id)
			abort();
		__atomic_add_fetch(&got, 1, __ATOMIC_RELAXED);
		put_and_free(obj);
		/* And try to close it under its owner. */
		obj = iocpi_obj_close(id, IOCPI_IO, OBJ_USER, NULL);
		if (obj)
			put_and_free(obj);
	}
	return NULL;
}

static void threads_free_once(void **state)
{
	pthread_t open[THREADS / 2], use[THREADS / 2];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(use); i++)
		assert_int_equal(pthread_create(&use[i], NULL, user, NULL), 0);
	for (i = 0; i < ARRAY_SIZE(open); i++)
		assert_int_equal(pthread_create(&open[i], NULL, opener, NULL), 0);
	for (i = 0; i < ARRAY_SIZE(open); i++)
		pthread_join(open[i], NULL);
	WRITE_ONCE(stop, true);
	for (i = 0; i < ARRAY_SIZE(use); i++)
		pthread_join(use[i], NULL);
	assert_int_equal(opened, THREADS / 2 * ROUNDS);
	assert_int_equal(freed, opened);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stale_numbers_find_nothing),
		cmocka_unit_test(handles_are_no_special_values),
		cmocka_unit_test(threads_free_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
