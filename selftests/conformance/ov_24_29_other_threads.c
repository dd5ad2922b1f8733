// SPDX-License-Identifier: GPL-2.0-only
/* Operations are the process's: any thread cancels them, and its end does not. */
#include "worker.h"
#include "pipe.h"

static HANDLE server;
static char buf[2][16];
static OVERLAPPED ov[2];

static DWORD WINAPI start_reads(LPVOID arg)
{
	DWORD pending = 0;
	int i;

	(void)arg;
	for (i = 0; i < 2; i++)
		pending += ERROR_OF(ReadFile(server, buf[i], 16, NULL, at(&ov[i], 0))) ==
			   ERROR_IO_PENDING;
	return pending;
}

static DWORD WINAPI cancel(LPVOID arg)
{
	return ERROR_OF(CancelIoEx(server, (OVERLAPPED *)arg));
}

static DWORD in_thread(LPTHREAD_START_ROUTINE routine, LPVOID arg)
{
	HANDLE thread = CreateThread(NULL, 0, routine, arg, 0, NULL);
	DWORD code = 12345;

	NEED(thread && WaitForSingleObject(thread, LONG_TIME) == WAIT_OBJECT_0);
	NEED(GetExitCodeThread(thread, &code));
	CloseHandle(thread);
	return code;
}

int main(void)
{
	HANDLE client, port = new_port(1);
	struct answer a;

	new_pipe("ov_24", &server, &client);
	CreateIoCompletionPort(server, port, 24, 0);
	IS("OV-29", "a thread starts reads, and ends", in_thread(start_reads, NULL), 2);
	IS("OV-29", "they go on", take(port, 2 * SHORT_TIME).error, WAIT_TIMEOUT);
	IS("OV-24", "another thread cancels one", in_thread(cancel, &ov[0]), NO_ERROR);
	a = take(port, LONG_TIME);
	CHECK("OV-24", "which ends", !a.ok && a.ov == &ov[0]);
	IS("OV-24", "with", a.error, ERROR_OPERATION_ABORTED);
	IS("OV-24", "a third one tries to", in_thread(cancel, &ov[0]), ERROR_NOT_FOUND);
	send_bytes(client, "hello", 5);
	a = take(port, LONG_TIME);
	CHECK("OV-29", "the other read is served", a.ok && a.ov == &ov[1]);
	CHECK("OV-29", "with the data", !memcmp(buf[1], "hello", 5));
	CloseHandle(client);
	CloseHandle(server);
	CloseHandle(port);
	return conform_end();
}
