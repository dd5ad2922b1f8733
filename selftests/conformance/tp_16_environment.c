// SPDX-License-Identifier: GPL-2.0-only
/* The environment is copied when the object is made; its finalization callback runs. */
#include "conform.h"

static volatile LONG calls, finalized, out_of_order;

static VOID CALLBACK done(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			  ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	(void)instance, (void)context, (void)overlapped, (void)result, (void)bytes, (void)io;
	InterlockedIncrement(&calls);
}

static VOID CALLBACK finalize(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
	(void)instance;
	if (calls != finalized + 1 || context != &calls)
		InterlockedIncrement(&out_of_order);
	InterlockedIncrement(&finalized);
}

int main(void)
{
	HANDLE file = new_file("tp_16.tmp", 100, FILE_FLAG_OVERLAPPED);
	TP_CALLBACK_ENVIRON env;
	char buf[10];
	OVERLAPPED ov;
	PTP_IO io;
	int i;

	InitializeThreadpoolEnvironment(&env);
	env.FinalizationCallback = finalize;
	io = CreateThreadpoolIo(file, done, (PVOID)&calls, &env);
	NEED(io);
	DestroyThreadpoolEnvironment(&env);
	memset(&env, 0xcc, sizeof(env));
	for (i = 0; i < 3; i++) {
		StartThreadpoolIo(io);
		IS("TP-16", "read", ERROR_OF(ReadFile(file, buf, 10, NULL, at(&ov, 0))),
		   ERROR_IO_PENDING);
		WaitForThreadpoolIoCallbacks(io, FALSE);
		IS("TP-16", "callbacks", calls, i + 1);
		IS("CI-2", "finalization callbacks", finalized, i + 1);
	}
	IS("CI-2", "finalization not right after the callback", out_of_order, 0);
	CloseHandle(file);
	CloseThreadpoolIo(io);
	remove("tp_16.tmp");
	return conform_end();
}
