// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * timer.c - iocp_timer: a callback at a time, and each period after it.
 *
 * The kernel's timers are one-shot.  The next one is armed before the callback runs, for
 * the time that follows from this one's, so a slow callback does not make the others
 * late; where they are late all the same, those that were missed are one.
 */
#include <errno.h>
#include <time.h>

#include "internal.h"

static struct iocp_timer *timer_of(struct iocpi_armed *a)
{
	return container_of(a, struct iocp_timer, armed);
}

static int timer_submit(struct iocp_timer *t)
{
	struct iocp_op op;

	iocp_prep_timer(&op, t->due, t->slack, t->flags, 0, NULL);
	return iocpi_armed_submit(&t->armed, &op);
}

static uint64_t timer_now(const struct iocp_timer *t)
{
	struct timespec ts;

	clock_gettime(t->flags & IOCP_TIMER_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

static void timer_again(struct iocpi_armed *a, uint64_t seq)
{
	struct iocp_timer *t = timer_of(a);
	uint64_t now;
	int ret = 0;

	if (!READ_ONCE(t->period))
		return;
	do {
		if (ret)
			iocpi_pause();	/* no memory for it, or a port that is full */
		pthread_mutex_lock(&a->lock);
		ret = 0;
		if (a->seq == seq && t->period) {
			now = timer_now(t);
			t->due = t->due + t->period < now ? now : t->due + t->period;
			ret = timer_submit(t);
		}
		pthread_mutex_unlock(&a->lock);
	} while (ret == -EAGAIN || ret == -ENOMEM);
}

/* Found by nobody until it is opened with OBJ_OP; run and callback are the caller's. */
struct iocp_timer *iocpi_timer_alloc(struct iocp_pool *pool, uint32_t priority)
{
	struct iocpi_armed *a = iocpi_armed_alloc(IOCPI_TIMER, pool, priority);

	if (!a)
		return NULL;
	a->again = timer_again;
	return timer_of(a);
}

static void timer_run(struct iocpi_armed *a, const struct iocp_packet *packet)
{
	(void)packet;
	a->timer_callback(timer_of(a), a->context);
}

int iocp_timer_create(struct iocp_timer **result, struct iocp_pool *pool, uint32_t priority,
		      iocp_timer_callback *callback, void *context)
{
	struct iocp_timer *t;

	if (!iocpi_pool_alive(pool))
		return -ESHUTDOWN;
	if (!callback || priority > IOCP_PRIO_LOW)
		return -EINVAL;
	t = iocpi_timer_alloc(pool, priority);
	if (!t)
		return -ENOMEM;
	t->armed.run = timer_run;
	t->armed.timer_callback = callback;
	t->armed.context = context;
	iocpi_obj_open(&t->armed.bound.obj, OBJ_OP);
	*result = t;
	return 0;
}

int iocp_timer_set(struct iocp_timer *t, uint64_t due, uint64_t period_ns, uint64_t slack_ns,
		   uint32_t flags)
{
	struct iocpi_armed *a = &t->armed;
	uint64_t now;
	bool replaced;
	int ret;

	if (!iocpi_pool_alive(a->bound.pool))
		return -ESHUTDOWN;
	if (flags & ~IOCP_TIMER_REALTIME)
		return -EINVAL;
	pthread_mutex_lock(&a->lock);
	replaced = iocpi_armed_disarm(a);
	t->flags = flags;
	now = period_ns ? timer_now(t) : 0;
	t->due = due < now ? now : due;		/* what the periods count from */
	WRITE_ONCE(t->period, period_ns);
	t->slack = slack_ns;
	ret = timer_submit(t);
	WRITE_ONCE(a->set, !ret);
	pthread_mutex_unlock(&a->lock);
	return ret ? ret : replaced;
}

int iocp_timer_stop(struct iocp_timer *t)
{
	return iocpi_armed_stop(&t->armed);
}

int iocp_timer_is_set(struct iocp_timer *t)
{
	return iocpi_armed_is_set(&t->armed);
}

int iocp_timer_drop(struct iocp_timer *t)
{
	return iocpi_armed_native_drop(&t->armed);
}

int iocp_timer_wait(struct iocp_timer *t)
{
	return iocpi_armed_native_wait(&t->armed);
}

int iocp_timer_close(struct iocp_timer *t, unsigned int flags)
{
	return iocpi_armed_close(t ? &t->armed : NULL, flags);
}
