// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * thread.c - threads with the Windows names, and time.
 */
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "win.h"

uint32_t iocpi_thread_id(void)
{
	if (unlikely(!iocpi_self.tid)) {
		iocpi_once_fork();	/* a child's thread has another one */
		iocpi_self.tid = gettid();
	}
	return iocpi_self.tid;
}

VOID WINAPI Sleep(DWORD dwMilliseconds)
{
	struct timespec ts = {
		.tv_sec = dwMilliseconds / 1000,
		.tv_nsec = dwMilliseconds % 1000 * 1000000L,
	};

	do {
		while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
			;
	} while (dwMilliseconds == INFINITE);
}
