// SPDX-License-Identifier: GPL-2.0-only
/*
 * Skip-on-success, at random times: TRUE and no packet, or pending and one packet, never
 * both and never neither.
 */
#include "worker.h"
#include "pipe.h"

#define COUNT	2000

static DWORD WINAPI writer(LPVOID end)
{
	unsigned seed = 1;
	int i;

	for (i = 0; i < COUNT; i++) {
		send_bytes((HANDLE)end, "x", 1);
		seed = seed * 1103515245 + 12345;
		if (seed >> 16 & 1)
			Sleep(0);
	}
	return 0;
}

int main(void)
{
	HANDLE server, client, port = new_port(1), thread;
	DWORD i, n, error, done = 0, pending = 0, packets = 0, wrong = 0;
	struct answer a;
	OVERLAPPED ov;
	char c;

	new_pipe("nm_14", &server, &client);
	CreateIoCompletionPort(server, port, 14, 0);
	NEED(SetFileCompletionNotificationModes(server, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS));
	NEED(thread = CreateThread(NULL, 0, writer, client, 0, NULL));
	for (i = 0; i < COUNT; i++) {
		error = ERROR_OF(ReadFile(server, &c, 1, &n, at(&ov, 0)));
		if (!error) {
			done++;
			wrong += n != 1 || ov.InternalHigh != 1;
		} else if (error == ERROR_IO_PENDING) {
			pending++;
			a = take(port, LONG_TIME);
			packets += a.ok && a.ov == &ov && a.bytes == 1;
		} else {
			wrong++;
		}
	}
	IS("NM-14", "reads that were done at once or pending", done + pending, COUNT);
	CHECK("NM-6", "as many packets as were pending", packets == pending);
	IS("NM-5", "with anything wrong", wrong, 0);
	IS("NM-15", "no other packet", take(port, SHORT_TIME).error, WAIT_TIMEOUT);
	NEED(WaitForSingleObject(thread, LONG_TIME) == WAIT_OBJECT_0);
	CloseHandle(thread);
	CloseHandle(client);
	CloseHandle(server);
	CloseHandle(port);
	return conform_end();
}
