// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * queue.c - the completion port functions.
 */
#include <errno.h>

#include "win.h"

_Static_assert(sizeof(OVERLAPPED_ENTRY) == sizeof(struct iocp_packet),
	       "packets are made into entries in place");

/*
 * In a pool callback the thread stays with its pool (TR-10), elsewhere it joins
 * the port (CP-30).  Signals do not end the wait: the deadline is absolute.
 */
static int wport_take(struct iocpi_wport *w, struct iocp_packet *packets, unsigned int nr,
		      uint64_t deadline)
{
	int ret;

	do {
		ret = iocpi_self.pool ? iocp_reap(w->port, packets, nr, deadline) :
					iocp_wait(w->port, packets, nr, deadline);
	} while (ret == -EINTR);
	return ret;
}

static BOOL fail_take(int err)
{
	switch (err) {
	case ETIME:
		return iocpi_fail(WAIT_TIMEOUT);
	case ESHUTDOWN:		/* CP-47: not what the table makes of it */
		return iocpi_fail(ERROR_ABANDONED_WAIT_0);
	}
	return iocpi_fail_errno(err);
}

HANDLE WINAPI CreateIoCompletionPort(HANDLE FileHandle, HANDLE ExistingCompletionPort,
				     ULONG_PTR CompletionKey, DWORD NumberOfConcurrentThreads)
{
	HANDLE port = ExistingCompletionPort;
	struct iocpi_file *f;
	struct iocpi_wport *w;
	int ret;

	if (FileHandle == INVALID_HANDLE_VALUE) {
		if (!port)
			return iocpi_wport_create(NumberOfConcurrentThreads);
		iocpi_fail(ERROR_INVALID_PARAMETER);	/* CP-2 */
		return NULL;
	}
	f = iocpi_file_get(FileHandle, OBJ_USER);
	if (!f) {
		iocpi_fail(ERROR_INVALID_HANDLE);
		return NULL;
	}
	if (!f->overlapped) {
		iocpi_file_put(f, OBJ_USER);
		iocpi_fail(ERROR_INVALID_PARAMETER);	/* CP-8 */
		return NULL;
	}
	if (!port)
		port = iocpi_wport_create(NumberOfConcurrentThreads);
	w = port ? iocpi_wport_get(port) : NULL;
	if (!w) {
		iocpi_file_put(f, OBJ_USER);
		if (port)
			iocpi_fail(ERROR_INVALID_HANDLE);
		return NULL;
	}
	ret = iocpi_bind_begin(f);
	if (!ret) {
		/* What is pending elsewhere may end now, and look, though to no purpose. */
		WRITE_ONCE(f->key, CompletionKey);
		ret = iocpi_bind(f, w->port, 0, BIND_PORT, w);
	}
	iocpi_wport_put(w, OBJ_USER);
	iocpi_file_put(f, OBJ_USER);
	if (!ret)
		return port;
	if (!ExistingCompletionPort)
		CloseHandle(port);			/* CP-4 */
	if (ret == -EBUSY)
		iocpi_fail(ERROR_INVALID_PARAMETER);	/* CP-7 */
	else
		iocpi_fail_status(ret == -EOPNOTSUPP ? STATUS_NOT_SUPPORTED :
				  iocpi_refusal_status(-ret, KIND_FILE), -ret);
	return NULL;
}

BOOL WINAPI GetQueuedCompletionStatus(HANDLE CompletionPort, LPDWORD lpNumberOfBytesTransferred,
				      PULONG_PTR lpCompletionKey, LPOVERLAPPED *lpOverlapped,
				      DWORD dwMilliseconds)
{
	uint64_t deadline = iocpi_deadline_of(dwMilliseconds);
	struct iocpi_completion c;
	struct iocp_packet packet;
	struct iocpi_wport *w;
	int ret;

	*lpOverlapped = NULL;
	w = iocpi_wport_get(CompletionPort);
	if (!w)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	do {
		ret = wport_take(w, &packet, 1, deadline);
	} while (ret > 0 && !iocpi_packet_complete(&packet, &c));
	if (ret > 0 && c.file)
		iocpi_file_completed(c.file, OBJ_OP);
	iocpi_wport_put(w, OBJ_USER);
	if (ret <= 0)
		return fail_take(-ret);
	*lpNumberOfBytesTransferred = c.bytes;
	*lpCompletionKey = c.key;
	*lpOverlapped = c.overlapped;
	return c.status < 0 ? iocpi_fail_status(c.status, c.err) : TRUE;
}

/* Returns how many of the packets programs hear of. */
static ULONG make_entries(LPOVERLAPPED_ENTRY entries, int nr)
{
	struct iocpi_completion c;
	struct iocp_packet packet;
	ULONG made = 0;
	int i;

	for (i = 0; i < nr; i++) {
		memcpy(&packet, &entries[i], sizeof(packet));
		if (!iocpi_packet_complete(&packet, &c))
			continue;
		if (c.file)
			iocpi_file_completed(c.file, OBJ_OP);
		entries[made++] = (OVERLAPPED_ENTRY){
			.lpCompletionKey = c.key,
			.lpOverlapped = c.overlapped,
			.Internal = (uint32_t)c.status,
			.dwNumberOfBytesTransferred = c.bytes,
		};
	}
	return made;
}

BOOL WINAPI GetQueuedCompletionStatusEx(HANDLE CompletionPort,
					LPOVERLAPPED_ENTRY lpCompletionPortEntries, ULONG ulCount,
					PULONG ulNumEntriesRemoved, DWORD dwMilliseconds,
					BOOL fAlertable)
{
	uint64_t deadline = iocpi_deadline_of(dwMilliseconds);
	struct iocpi_wport *w;
	ULONG made = 0;
	int ret;

	(void)fAlertable;
	if (!ulCount)
		return iocpi_fail(ERROR_INVALID_PARAMETER);	/* CP-53 */
	w = iocpi_wport_get(CompletionPort);
	if (!w)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	do {
		/* The same size: the kernel writes where the entries will stand. */
		ret = wport_take(w, (struct iocp_packet *)(void *)&lpCompletionPortEntries[made],
				 ulCount - made, made ? IOCP_NOWAIT : deadline);
		made += make_entries(&lpCompletionPortEntries[made], ret);
		/* The ring gives some at a time; that it is empty is seen without a call. */
	} while (ret > 0 && made < ulCount);
	iocpi_wport_put(w, OBJ_USER);
	*ulNumEntriesRemoved = made;
	return made ? TRUE : fail_take(-ret);
}

BOOL WINAPI PostQueuedCompletionStatus(HANDLE CompletionPort, DWORD dwNumberOfBytesTransferred,
				       ULONG_PTR dwCompletionKey, LPOVERLAPPED lpOverlapped)
{
	struct iocpi_wport *w = iocpi_wport_get(CompletionPort);
	int ret;

	if (!w)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	ret = iocp_post_one(w->port, dwCompletionKey, dwNumberOfBytesTransferred, lpOverlapped);
	iocpi_wport_put(w, OBJ_USER);
	switch (-ret) {
	case 0:
		return TRUE;
	case EAGAIN:
		return iocpi_fail_status(STATUS_QUOTA_EXCEEDED, EAGAIN);
	case ENOMEM:
		return iocpi_fail_status(STATUS_INSUFFICIENT_RESOURCES, ENOMEM);
	}
	return iocpi_fail_status(iocpi_refusal_status(-ret, KIND_FILE), -ret);
}
