// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * util.c - futex, debug messages, and what fork() does to the library.
 */
#include <errno.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"
#include "win.h"

__thread struct iocpi_thread iocpi_self;
uint64_t iocpi_fork_count;

void iocpi_futex_wait(uint32_t *word, uint32_t value)
{
	int saved = errno;

	syscall(SYS_futex, word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
	errno = saved;
}

/* The word may be gone by now: waking an address needs nothing to be there. */
void iocpi_futex_wake_all(uint32_t *word)
{
	int saved = errno;

	syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX, NULL, NULL, 0);
	errno = saved;
}

/* For misuse that is survived: said aloud only where somebody asked for it. */
void iocpi_debug(const char *fmt, ...)
{
	static int wanted = -1;
	va_list args;

	if (READ_ONCE(wanted) < 0)
		WRITE_ONCE(wanted, secure_getenv("IOCP_DEBUG") != NULL);
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
