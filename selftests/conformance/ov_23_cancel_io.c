// SPDX-License-Identifier: GPL-2.0-only
/* CancelIo(): what the calling thread started, and no more. */
#include "worker.h"
#include "pipe.h"

static HANDLE server;
static char buf[2][16];
static OVERLAPPED ov[2];

static DWORD WINAPI start_read(LPVOID release)
{
	DWORD error = ERROR_OF(ReadFile(server, buf[1], 16, NULL, at(&ov[1], 0)));

	SetEvent(((HANDLE *)release)[0]);
	WaitForSingleObject(((HANDLE *)release)[1], LONG_TIME);
	return error;
}

int main(void)
{
	HANDLE client, port = new_port(1), thread, events[2];
	struct answer a;
	int i;

	for (i = 0; i < 2; i++)
		NEED(events[i] = CreateEventA(NULL, TRUE, FALSE, NULL));
	new_pipe("ov_23", &server, &client);
	CreateIoCompletionPort(server, port, 23, 0);
	CHECK("OV-23", "nothing there: TRUE", CancelIo(server));
	IS("OV-2", "read", ERROR_OF(ReadFile(server, buf[0], 16, NULL, at(&ov[0], 0))),
	   ERROR_IO_PENDING);
	NEED(thread = CreateThread(NULL, 0, start_read, events, 0, NULL));
	NEED(WaitForSingleObject(events[0], LONG_TIME) == WAIT_OBJECT_0);
	CHECK("OV-23", "cancel", CancelIo(server));
	a = take(port, LONG_TIME);
	CHECK("OV-23", "what this thread started", !a.ok && a.ov == &ov[0]);
	IS("OV-23", "the error", a.error, ERROR_OPERATION_ABORTED);
	CHECK("OV-23", "again: TRUE", CancelIo(server));
	IS("OV-23", "what another thread started goes on", take(port, SHORT_TIME).error,
	   WAIT_TIMEOUT);
	send_bytes(client, "hello", 5);
	a = take(port, LONG_TIME);
	CHECK("OV-23", "and is served", a.ok && a.ov == &ov[1] && a.bytes == 5);
	SetEvent(events[1]);
	NEED(WaitForSingleObject(thread, LONG_TIME) == WAIT_OBJECT_0);
	CloseHandle(thread);
	for (i = 0; i < 2; i++)
		CloseHandle(events[i]);
	CloseHandle(server);
	IS("OV-23", "a closed handle", ERROR_OF(CancelIo(server)), ERROR_INVALID_HANDLE);
	CloseHandle(client);
	CloseHandle(port);
	return conform_end();
}
