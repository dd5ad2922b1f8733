// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ring's consumer against a producer that keeps the rules of the module: each
 * packet once, in order per consumer, none torn, through many overflows.
 */
#include <sched.h>
#include <stdlib.h>

#include "unit.h"
#include "internal.h"

#define ENTRIES		64
#define PACKETS		400000
#define CONSUMERS	3

static struct {
	uint64_t head, tail;
	uint32_t must_enter, more;
	struct iocp_packet packets[ENTRIES];
} mem;

static const struct iocpi_ring ring = {
	.head = &mem.head,
	.tail = &mem.tail,
	.must_enter = &mem.must_enter,
	.more = &mem.more,
	.packets = mem.packets,
	.entries = ENTRIES,
};

static void reset(uint64_t at)
{
	memset(&mem, 0, sizeof(mem));
	mem.head = mem.tail = at;
}

/* As words, as the kernel's plain stores would be seen. */
static void put(uint64_t n)
{
	uint64_t *slot = (uint64_t *)&mem.packets[mem.tail & (ENTRIES - 1)];

	WRITE_ONCE(slot[0], n);
	WRITE_ONCE(slot[1], ~n);
	WRITE_ONCE(slot[2], n * 3);
	WRITE_ONCE(slot[3], n << 32 | (uint32_t)n);
	store_release(&mem.tail, mem.tail + 1);
}

static bool whole(const struct iocp_packet *p)
{
	return p->overlapped == ~p->key && p->info == p->key * 3 &&
	       (uint32_t)p->res == (uint32_t)p->key && p->flags == (uint32_t)p->key;
}

static void empty_and_words(void **state)
{
	struct iocp_packet p[4];

	(void)state;
	reset(0);
	assert_int_equal(iocpi_ring_take(&ring, p, 4), 0);
	mem.more = 1;
	assert_int_equal(iocpi_ring_take(&ring, p, 4), RING_ENTER);
	put(1);
	put(2);
	assert_int_equal(iocpi_ring_take(&ring, p, 1), 1);
	assert_int_equal(p[0].key, 1);
	mem.must_enter = 1U << 31;		/* a bit nobody knows */
	assert_int_equal(iocpi_ring_take(&ring, p, 4), RING_ENTER);
	mem.must_enter = 0;
	assert_int_equal(iocpi_ring_take(&ring, p, 4), 1);
	assert_int_equal(p[0].key, 2);
	assert_true(whole(&p[0]));
	/* a head that others moved past the tail we saw */
	mem.head = mem.tail + 1;
	mem.more = 0;
	assert_int_equal(iocpi_ring_take(&ring, p, 4), 0);
}

static void batch_and_wrap(void **state)
{
	struct iocp_packet p[ENTRIES];
	uint64_t i, n = 0;

	(void)state;
	reset(UINT64_MAX - 20);			/* the counters may wrap too */
	for (i = 0; i < ENTRIES; i++)
		put(i);
	for (i = 0; i < ENTRIES; i += RING_BATCH) {
		uint64_t j;

		assert_int_equal(iocpi_ring_take(&ring, p, ENTRIES), RING_BATCH);
		for (j = 0; j < RING_BATCH; j++, n++) {
			assert_int_equal(p[j].key, n);
			assert_true(whole(&p[j]));
		}
	}
	assert_int_equal(iocpi_ring_take(&ring, p, 1), 0);
}

static uint8_t seen[PACKETS + 1];
static uint64_t total;

static void *consumer(void *arg)
{
	unsigned int max = (uintptr_t)arg;
	struct iocp_packet p[RING_BATCH];
	uint64_t last = 0;
	int i, n;

	while (__atomic_load_n(&total, __ATOMIC_RELAXED) < PACKETS) {
		n = iocpi_ring_take(&ring, p, max);
		if (n <= 0) {
			sched_yield();
			continue;
		}
		for (i = 0; i < n; i++) {
			if (!whole(&p[i]) || p[i].key <= last || p[i].key > PACKETS)
				abort();
			last = p[i].key;
			__atomic_add_fetch(&seen[last], 1, __ATOMIC_RELAXED);
		}
		__atomic_add_fetch(&total, n, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void many_consumers(void **state)
{
	static const unsigned int batch[CONSUMERS] = { 1, 5, 16 };
	pthread_t t[CONSUMERS];
	uint64_t n;
	size_t i;

	(void)state;
	reset(0);
	for (i = 0; i < CONSUMERS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, consumer,
						(void *)(uintptr_t)batch[i]), 0);
	for (n = 1; n <= PACKETS; n++) {
		while (mem.tail - load_acquire(&mem.head) == ENTRIES)
			sched_yield();
		put(n);
	}
	for (i = 0; i < CONSUMERS; i++)
		pthread_join(t[i], NULL);
	for (n = 1; n <= PACKETS; n++)
		assert_int_equal(seen[n], 1);
}

/* Who may take at all: only a thread that is active in this very port. */
static void only_when_active(void **state)
{
	struct iocp_port port = { .serial = 5, .ring = ring };
	struct iocp_packet p;

	(void)state;
	reset(0);
	put(1);
	assert_int_equal(iocpi_take_active(&port, &p, 1), RING_ENTER);
	iocpi_self.active_port = 4;
	assert_int_equal(iocpi_take_active(&port, &p, 1), RING_ENTER);
	iocpi_self.active_port = 5;
	assert_int_equal(iocpi_take_active(&port, &p, 1), 1);
	port.ring.entries = 0;
	assert_int_equal(iocpi_take_active(&port, &p, 1), RING_ENTER);
	iocpi_self.active_port = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_and_words),
		cmocka_unit_test(batch_and_wrap),
		cmocka_unit_test(many_consumers),
		cmocka_unit_test(only_when_active),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
