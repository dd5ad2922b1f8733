// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * util.c - futex, debug messages, and what fork() does to the library.
 */
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"
#include "win.h"

__thread struct iocpi_thread iocpi_self;
uint64_t iocpi_fork_count;

void iocpi_futex_wait_until(uint32_t *word, uint32_t value, uint64_t deadline)
{
	const struct timespec ts = iocpi_timespec(deadline);
	int saved = errno;

	/* BITSET is the one whose time is absolute. */
	syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, value,
		deadline == IOCP_FOREVER ? NULL : &ts, NULL, FUTEX_BITSET_MATCH_ANY);
	errno = saved;
}

void iocpi_futex_wait(uint32_t *word, uint32_t value)
{
	iocpi_futex_wait_until(word, value, IOCP_FOREVER);
}

/* The word may be gone by now: waking an address needs nothing to be there. */
void iocpi_futex_wake(uint32_t *word, int nr)
{
	int saved = errno;

	syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, nr, NULL, NULL, 0);
	errno = saved;
}

void iocpi_futex_wake_all(uint32_t *word)
{
	iocpi_futex_wake(word, INT_MAX);
}

/* A thread of the library's: signals of the program are for its own threads (B14). */
int iocpi_thread_start(void *(*run)(void *), void *arg, size_t stack_size)
{
	static const int synchronous[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };
	sigset_t block, saved;
	pthread_attr_t attr;
	pthread_t thread;
	size_t i;
	int ret;

	sigfillset(&block);
	for (i = 0; i < ARRAY_SIZE(synchronous); i++)
		sigdelset(&block, synchronous[i]);
	ret = pthread_attr_init(&attr);
	if (ret)
		return -ret;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (stack_size)
		ret = pthread_attr_setstacksize(&attr, stack_size);
	if (!ret) {
		pthread_sigmask(SIG_SETMASK, &block, &saved);
		ret = pthread_create(&thread, &attr, run, arg);
		pthread_sigmask(SIG_SETMASK, &saved, NULL);
	}
	pthread_attr_destroy(&attr);
	return -ret;
}

static bool debug_wanted(void)
{
	const char *value = secure_getenv("IOCP_DEBUG");

	if (!value)
		value = secure_getenv("iocp_debug");
	return value && strcmp(value, "0");
}

/* For misuse that is survived: said aloud only where somebody asked for it. */
void iocpi_debug(const char *fmt, ...)
{
	static int wanted = -1;
	va_list args;

	if (READ_ONCE(wanted) < 0)
		WRITE_ONCE(wanted, debug_wanted());
	if (!READ_ONCE(wanted))
		return;
	flockfile(stderr);
	fputs("libiocp: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	funlockfile(stderr);
}

static void fork_prepare(void)
{
	iocpi_win_fork_lock();
	iocpi_obj_fork_lock();
	iocpi_port_fork_lock();
}

static void fork_parent(void)
{
	iocpi_port_fork_unlock();
	iocpi_obj_fork_unlock();
	iocpi_win_fork_unlock();
}

/*
 * The child has this thread only, none of the workers, no ring (VM_DONTCOPY) and
 * no right to the parent's associations.  So handles and pools are dead, native
 * ports go on without their ring.
 */
static void fork_child(void)
{
	uint32_t last_error = iocpi_self.last_error;
	int last_errno = iocpi_self.last_errno;

	iocpi_fork_count++;
	iocpi_self = (struct iocpi_thread){ .last_error = last_error, .last_errno = last_errno };
	iocpi_port_fork_child();
	iocpi_obj_fork_child(iocpi_win_fork_end);
	iocpi_port_fork_unlock();
	iocpi_obj_fork_unlock();
	iocpi_win_fork_child();
	iocpi_win_fork_unlock();
}

static void fork_register(void)
{
	pthread_atfork(fork_prepare, fork_parent, fork_child);
}

void iocpi_once_fork(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, fork_register);
}
