/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the load (main.c) and the peers (engine_*.c) say to each other.
 */
#ifndef BENCH_H
#define BENCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct request {
	uint64_t arrival;	/* when it was to arrive; ns of CLOCK_MONOTONIC, as @done */
	uint64_t done;
	bool blocks;
	struct request *next;	/* of a queue; for the engine */
};

/*
 * Somebody who runs requests.  Everything is called by the thread that makes the
 * load; errors end the program.
 */
struct engine {
	/* Threads that are started here bear the name that the caller has now. */
	void (*start)(unsigned int threads);
	void (*submit)(struct request *r);
	/* Optional: the largest number of active threads, by the engine's own count. */
	unsigned int (*max_active)(void);
	/* All requests are done. */
	void (*stop)(void);
};

extern const struct engine engine_libuv, engine_uring_each, engine_uring_shared, engine_epoll,
			   engine_threads, engine_iocp;

/* What a request does, in one of the engine's threads. */
void request_run(struct request *r);

/* Ends the program if @ret is negative: @ret is -errno. */
int check(int ret, const char *what);
/* The same for calls that set errno. */
int check_errno(int ret, const char *what);

void start_threads(unsigned int nr, void *(*thread)(void *arg));
void join_threads(void);

/* First in, first out; the lock is the user's. */
struct queue {
	struct request *first, **end;
};

static inline void queue_put(struct queue *q, struct request *r)
{
	r->next = NULL;
	if (!q->first)
		q->end = &q->first;
	*q->end = r;
	q->end = &r->next;
}

static inline struct request *queue_take(struct queue *q)
{
	struct request *r = q->first;

	if (r)
		q->first = r->next;
	return r;
}

#endif
