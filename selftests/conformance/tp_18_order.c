// SPDX-License-Identifier: GPL-2.0-only
/* In a pool of one thread callbacks come in the order in which the operations ended. */
#include "pipe.h"
#include "pool.h"

#define COUNT	20

static LONG order[COUNT];
static volatile LONG next;
static OVERLAPPED ov[COUNT];

static VOID CALLBACK done(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			  ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	LONG i = InterlockedIncrement(&next) - 1;

	(void)instance, (void)context, (void)result, (void)bytes, (void)io;
	if (i < COUNT)
		order[i] = (LONG)((OVERLAPPED *)overlapped - ov);
}

int main(void)
{
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool = new_pool(&env, 1);
	HANDLE server, client;
	struct plug plug;
	char buf[COUNT];
	int i, right = 0;
	PTP_IO io;

	new_pipe("tp_18", &server, &client);
	io = CreateThreadpoolIo(server, done, NULL, &env);
	NEED(io);
	plug_in(&plug, &env);
	for (i = 0; i < COUNT; i++) {
		StartThreadpoolIo(io);
		NEED(!ReadFile(server, &buf[i], 1, NULL, at(&ov[i], 0)) &&
		     GetLastError() == ERROR_IO_PENDING);
	}
	for (i = 0; i < COUNT; i++)
		send_bytes(client, "x", 1);
	Sleep(SHORT_TIME);
	IS("TP-18", "the thread is busy: callbacks", next, 0);
	plug_out(&plug);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	IS("TP-18", "callbacks", next, COUNT);
	for (i = 0; i < COUNT; i++)
		right += order[i] == i;
	WINDOWS_IS("TP-18", "in order", right, COUNT);
	CloseHandle(client);
	CloseHandle(server);
	CloseThreadpoolIo(io);
	CloseThreadpool(pool);
	return conform_end();
}
