/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the load (items.c) and the pools that it is given to (items_*.c, one program each) say to
 * each other.
 */
#ifndef ITEMS_H
#define ITEMS_H

#include <stdbool.h>

#define MAX_PRODUCERS	4
#define MAX_BURST	64

extern unsigned int nr_producers, burst;

/* Item @i of producer @producer; ids are below MAX_PRODUCERS * MAX_BURST. */
static inline unsigned int item_id(unsigned int producer, unsigned int i)
{
	return producer * MAX_BURST + i;
}

/* The pool.  Errors end the program.  These two are called by the producers themselves: */
void engine_start(unsigned int producer);
void engine_submit(unsigned int producer, unsigned int i);
/* Until all of a burst are done; returns false where items_wait() is what waits. */
bool engine_wait(unsigned int producer);

/* What an item does, in one of the pool's threads. */
void item_run(unsigned int id);

void check(bool ok, const char *what);

#endif
