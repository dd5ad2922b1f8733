// SPDX-License-Identifier: GPL-2.0-only
/* Work, I/O and plain callbacks share the threads of a pool. */
#include "pool.h"

static volatile LONG calls;
static LONG order[3];

static VOID CALLBACK run(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)instance, (void)context, (void)work;
	InterlockedIncrement(&order[0]);
	InterlockedIncrement(&calls);
}

static VOID CALLBACK simple(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
	(void)instance, (void)context;
	InterlockedIncrement(&order[1]);
	InterlockedIncrement(&calls);
}

static VOID CALLBACK done(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			  ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	(void)instance, (void)context, (void)overlapped, (void)bytes, (void)io;
	if (!result)
		InterlockedIncrement(&order[2]);
	InterlockedIncrement(&calls);
}

int main(void)
{
	HANDLE file = new_file("pl_22.tmp", 100, FILE_FLAG_OVERLAPPED);
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool = new_pool(&env, 1);
	struct plug plug;
	OVERLAPPED ov;
	PTP_WORK work;
	char buf[16];
	PTP_IO io;

	work = CreateThreadpoolWork(run, NULL, &env);
	io = CreateThreadpoolIo(file, done, NULL, &env);
	NEED(work && io);
	plug_in(&plug, &env);
	SubmitThreadpoolWork(work);
	NEED(TrySubmitThreadpoolCallback(simple, NULL, &env));
	StartThreadpoolIo(io);
	IS("OV-15b", "read", ERROR_OF(ReadFile(file, buf, 16, NULL, at(&ov, 0))),
	   ERROR_IO_PENDING);
	Sleep(3 * SHORT_TIME);
	IS("PL-22", "the only thread is busy: callbacks", calls, 0);
	plug_out(&plug);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	WaitForThreadpoolWorkCallbacks(work, FALSE);
	UNTIL(calls == 3);
	IS("PL-22", "work", order[0], 1);
	IS("PL-22", "simple", order[1], 1);
	IS("PL-22", "I/O", order[2], 1);
	CloseHandle(file);
	CloseThreadpoolIo(io);
	CloseThreadpoolWork(work);
	CloseThreadpool(pool);
	remove("pl_22.tmp");
	return conform_end();
}
