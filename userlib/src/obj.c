// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * obj.c - the table of objects that are known by number; see internal.h.
 *
 * A slot is free when its word has no bit but the generation.  Whoever takes the
 * last bit away frees it.  Free slots are used again oldest first, which makes a
 * generation last as long as possible.
 */
#include <stdlib.h>

#include "internal.h"

#define CHUNK_BYTES	(((size_t)1 << OBJ_CHUNK_BITS) * IOCPI_OBJ_SIZE)

static pthread_mutex_t obj_lock = PTHREAD_MUTEX_INITIALIZER;
char *iocpi_obj_chunks[OBJ_NR_CHUNKS];	/* written once each, under obj_lock */
static uint32_t nr_objs = 1;		/* number 0 is no object: NULL is no handle */
static struct iocpi_obj *free_first, *free_last;

static struct iocpi_obj *obj_new_slot(void)
{
	struct iocpi_obj *obj;
	uint32_t index = nr_objs;

	if (index >> OBJ_INDEX_BITS)
		return NULL;
	if (!iocpi_obj_at(index)) {
		void *chunk;

		if (posix_memalign(&chunk, 64, CHUNK_BYTES))
			return NULL;
		memset(chunk, 0, CHUNK_BYTES);
		store_release(&iocpi_obj_chunks[index >> OBJ_CHUNK_BITS], (char *)chunk);
	}
	obj = iocpi_obj_at(index);
	obj->index = index;
	WRITE_ONCE(obj->word, UINT64_C(1) << OBJ_GEN_SHIFT);
	store_release(&nr_objs, index + 1);
	return obj;
}

/* A slot that nobody finds yet, zero but for its head. */
struct iocpi_obj *iocpi_obj_alloc(enum iocpi_type type)
{
	struct iocpi_obj *obj;

	pthread_mutex_lock(&obj_lock);
	obj = free_first;
	if (obj) {
		free_first = obj->next_free;
		if (!free_first)
			free_last = NULL;
	} else {
		obj = obj_new_slot();
	}
	pthread_mutex_unlock(&obj_lock);
	if (!obj)
		return NULL;
	memset(obj + 1, 0, IOCPI_OBJ_SIZE - sizeof(*obj));
	obj->extra = NULL;
	store_release(&obj->state.word, STATE_CLOSED);
	WRITE_ONCE(obj->type, type);
	return obj;
}

/* From here on its number finds it. */
void iocpi_obj_open(struct iocpi_obj *obj, uint64_t refs)
{
	__atomic_fetch_or(&obj->word, OBJ_OPEN | refs, __ATOMIC_RELEASE);
}

/* For a slot whose word has no bit but the generation. */
void iocpi_obj_free(struct iocpi_obj *obj)
{
	uint64_t gen = iocpi_obj_gen(obj) + 1;

	if (gen >> OBJ_GEN_BITS)
		gen = 1;
	WRITE_ONCE(obj->type, IOCPI_FREE);
	store_release(&obj->word, gen << OBJ_GEN_SHIFT);
	pthread_mutex_lock(&obj_lock);
	obj->next_free = NULL;
	if (free_last)
		free_last->next_free = obj;
	else
		free_first = obj;
	free_last = obj;
	pthread_mutex_unlock(&obj_lock);
}

static bool word_is(uint64_t word, uint64_t id, uint64_t mask, uint64_t flags)
{
	return word >> OBJ_GEN_SHIFT == id >> OBJ_ID_GEN && (word & mask) == flags;
}

/* What an alias stands for (its state's word), or 0: it is none, or not open. */
static uint64_t alias_target(struct iocpi_obj *obj, uint64_t id)
{
	uint64_t target = load_acquire(&obj->state.word);

	/* The slot is what it was when the target was read. */
	if (READ_ONCE(obj->type) != IOCPI_ALIAS ||
	    !word_is(load_acquire(&obj->word), id, OBJ_OPEN, OBJ_OPEN))
		return 0;
	return target;
}

/* By its number or an alias's, without a reference. */
struct iocpi_obj *iocpi_obj_target(uint64_t id)
{
	struct iocpi_obj *obj = iocpi_obj_any(id);

	if (!obj || likely(READ_ONCE(obj->type) != IOCPI_ALIAS))
		return obj;
	return iocpi_obj_any(alias_target(obj, id));
}

/* Makes *word, if it has @id's generation and (*word & @mask) == @flags, what it says. */
static bool obj_update(struct iocpi_obj *obj, uint64_t id, uint64_t mask, uint64_t flags,
		       uint64_t clear, uint64_t add, uint64_t *before)
{
	uint64_t word = READ_ONCE(obj->word);

	do {
		if (!word_is(word, id, mask, flags))
			return false;
	} while (!__atomic_compare_exchange_n(&obj->word, &word, (word & ~clear) + add, true,
					      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	if (before)
		*before = word;
	return true;
}

/* The same for a number that is not of that type: an alias's gives its target. */
struct iocpi_obj *iocpi_obj_get_alias(uint64_t id, enum iocpi_type type, uint64_t refs)
{
	struct iocpi_obj *obj = iocpi_obj_find(id, IOCPI_ALIAS);

	id = obj ? alias_target(obj, id) : 0;
	obj = iocpi_obj_find(id, type);
	return obj && obj_update(obj, id, OBJ_OPEN, OBJ_OPEN, 0, refs, NULL) ? obj : NULL;
}

/*
 * Its number finds it no more; for the one caller that closes it, who gets @refs
 * and the word as it was.  Not for what has several handles.
 */
struct iocpi_obj *iocpi_obj_close(uint64_t id, enum iocpi_type type, uint64_t refs,
				  uint64_t *before)
{
	struct iocpi_obj *obj = iocpi_obj_find(id, type);

	return obj && obj_update(obj, id, OBJ_OPEN | OBJ_SHARED, OBJ_OPEN, OBJ_OPEN, refs,
				 before) ? obj : NULL;
}

/* The same for the last of several; the caller knows that the object is open. */
struct iocpi_obj *iocpi_obj_close_last(struct iocpi_obj *obj, uint64_t refs, uint64_t *before)
{
	obj_update(obj, iocpi_obj_id(obj), OBJ_OPEN, OBJ_OPEN, OBJ_OPEN | OBJ_SHARED | OBJ_UNNAMED,
		   refs, before);
	return obj;
}

/* Its handles will be counted; the caller holds it.  Returns the word as it was. */
uint64_t iocpi_obj_share(struct iocpi_obj *obj)
{
	uint64_t word = READ_ONCE(obj->word);

	while (word & OBJ_OPEN &&
	       !__atomic_compare_exchange_n(&obj->word, &word, word | OBJ_SHARED, true,
					    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		;
	return word;
}

/* The number of one with several handles is none any more.  NULL: it was none. */
struct iocpi_obj *iocpi_obj_unname(uint64_t id)
{
	struct iocpi_obj *obj = iocpi_obj_any(id);
	uint64_t mask = OBJ_OPEN | OBJ_SHARED | OBJ_UNNAMED;

	return obj && obj_update(obj, id, mask, OBJ_OPEN | OBJ_SHARED, 0, OBJ_UNNAMED, NULL) ?
	       obj : NULL;
}

/* Gives @refs back.  Returns the word as it is now: OBJ_REFS all zero: free it. */
uint64_t iocpi_obj_put(struct iocpi_obj *obj, uint64_t refs)
{
	return __atomic_sub_fetch(&obj->word, refs, __ATOMIC_ACQ_REL);
}

/* Walks all slots; start with *pos = 0.  What comes back may be free or change. */
struct iocpi_obj *iocpi_obj_next(uint32_t *pos)
{
	if (++*pos >= load_acquire(&nr_objs))
		return NULL;
	return iocpi_obj_at(*pos);
}

void iocpi_obj_fork_lock(void)
{
	pthread_mutex_lock(&obj_lock);
}

void iocpi_obj_fork_unlock(void)
{
	pthread_mutex_unlock(&obj_lock);
}

/* Ends every object of the parent; obj_lock is held. */
void iocpi_obj_fork_child(void (*end)(struct iocpi_obj *obj))
{
	struct iocpi_obj *obj;
	uint32_t pos = 0;

	free_first = free_last = NULL;
	while ((obj = iocpi_obj_next(&pos))) {
		uint64_t gen = iocpi_obj_gen(obj) + 1;

		if (obj->type != IOCPI_FREE)
			end(obj);
		obj->type = IOCPI_FREE;
		obj->word = (gen >> OBJ_GEN_BITS ? 1 : gen) << OBJ_GEN_SHIFT;
		obj->next_free = free_first;
		free_first = obj;
		if (!free_last)
			free_last = obj;
	}
}
