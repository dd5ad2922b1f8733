// SPDX-License-Identifier: GPL-2.0-only
/* A TP_IO as a member of a cleanup group. */
#include "pool.h"

static volatile LONG calls;
static LONG cancelled;

static VOID CALLBACK done(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			  ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	(void)instance, (void)context, (void)overlapped, (void)result, (void)bytes, (void)io;
	Sleep(SHORT_TIME);
	InterlockedIncrement(&calls);
}

static VOID CALLBACK cancel(PVOID object, PVOID context)
{
	if (object == &calls && context == &cancelled)
		cancelled++;
}

int main(void)
{
	PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
	TP_CALLBACK_ENVIRON env;
	OVERLAPPED ov[2];
	char buf[2][16];
	HANDLE file;
	PTP_IO io;
	int i;

	NEED(group);
	InitializeThreadpoolEnvironment(&env);
	SetThreadpoolCallbackCleanupGroup(&env, group, cancel);
	for (i = 0; i < 2; i++) {
		file = new_file("tp_22.tmp", 100, FILE_FLAG_OVERLAPPED);
		io = CreateThreadpoolIo(file, done, (PVOID)&calls, &env);
		NEED(io);
		StartThreadpoolIo(io);
		IS("OV-15b", "read", ERROR_OF(ReadFile(file, buf[i], 16, NULL, at(&ov[i], 0))),
		   ERROR_IO_PENDING);
		if (i)		/* what it does is over, the object is idle */
			WaitForThreadpoolIoCallbacks(io, FALSE);
		CloseThreadpoolCleanupGroupMembers(group, i, &cancelled);
		IS("TP-22", "the members are closed: callbacks", calls, i + 1);
		IS("TP-22", "cancel callbacks", cancelled, i);
		CloseHandle(file);
	}
	CloseThreadpoolCleanupGroup(group);
	remove("tp_22.tmp");
	return conform_end();
}
