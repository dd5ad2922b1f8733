/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compat.h - what differs between kernel versions, and nowhere else.
 *
 * Each entry says since when the plain form holds; drop it with the oldest
 * kernel that needs it.
 */
#ifndef IOCP_COMPAT_H
#define IOCP_COMPAT_H

#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/version.h>

/* 6.3: vm_flags are no longer written directly. */
static inline void iocp_vm_flags_mod(struct vm_area_struct *vma, unsigned long set,
				     unsigned long clear)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_mod(vma, set, clear);
#else
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
#endif
}

/*
 * 6.5: the vmas argument is gone.  Without "locked" the call never waits for a
 * userfaultfd: such a page is an error to it, which is what a worker needs.
 */
static inline long iocp_pin_remote(struct mm_struct *mm, unsigned long start, unsigned long nr,
				   unsigned int gup_flags, struct page **pages)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	return pin_user_pages_remote(mm, start, nr, gup_flags, pages, NULL);
#else
	return pin_user_pages_remote(mm, start, nr, gup_flags, pages, NULL, NULL);
#endif
}

/*
 * 6.4: pipes obey IOCB_NOWAIT.  Before, only O_NONBLOCK of their description
 * keeps a read from sleeping, so each association needs one of its own.
 */
static inline bool iocp_pipe_knows_nowait(void)
{
	return LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0);
}

/*
 * 6.12: a buffered IOCB_NOWAIT read starts readahead without waiting for
 * memory or for the device.  Before, only IOCB_NOIO keeps it from waiting; the
 * price is that it may read less, even nothing, before the end of the file.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define IOCP_IOCB_NOWAIT	IOCB_NOWAIT
#else
#define IOCP_IOCB_NOWAIT	(IOCB_NOWAIT | IOCB_NOIO)
#endif

/*
 * In sched_out: does the thread sleep, or was it only preempted?  6.12: a thread
 * that sleeps may stay on the run queue for a while, so on_rq says too little.
 * On PREEMPT_RT waiting for a spinlock_t is no wait of the program's.
 */
static inline bool iocp_current_blocks(void)
{
#ifdef CONFIG_PREEMPT_RT
	if (READ_ONCE(current->__state) & TASK_RTLOCK_WAIT)
		return false;
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return !task_is_runnable(current);
#else
	return !current->on_rq;
#endif
}

/* 6.13: hrtimer_setup(), and in 6.15 hrtimer_init() is gone. */
static inline void iocp_hrtimer_setup(struct hrtimer *timer,
				      enum hrtimer_restart (*function)(struct hrtimer *),
				      clockid_t clock, enum hrtimer_mode mode)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(timer, function, clock, mode);
#else
	hrtimer_init(timer, clock, mode);
	timer->function = function;
#endif
}

#endif /* IOCP_COMPAT_H */
