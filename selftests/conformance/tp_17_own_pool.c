// SPDX-License-Identifier: GPL-2.0-only
/* I/O callbacks run in the pool of the environment, as many at a time as it has threads. */
#include "pool.h"

static volatile LONG inside, most, calls, go;

static VOID CALLBACK done(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			  ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	LONG now = InterlockedIncrement(&inside), seen;

	(void)instance, (void)context, (void)overlapped, (void)result, (void)bytes, (void)io;
	while (seen = most, now > seen)
		InterlockedCompareExchange(&most, now, seen);
	UNTIL(go);
	InterlockedDecrement(&inside);
	InterlockedIncrement(&calls);
}

int main(void)
{
	HANDLE file = new_file("tp_17.tmp", 100, FILE_FLAG_OVERLAPPED);
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool = new_pool(&env, 2);
	PTP_IO io = CreateThreadpoolIo(file, done, NULL, &env);
	static char buf[6][10];
	OVERLAPPED ov[6];
	int i;

	NEED(io);
	for (i = 0; i < 6; i++) {
		StartThreadpoolIo(io);
		IS("OV-15b", "read", ERROR_OF(ReadFile(file, buf[i], 10, NULL, at(&ov[i], i))),
		   ERROR_IO_PENDING);
	}
	UNTIL(inside == 2);
	Sleep(2 * SHORT_TIME);
	IS("TP-12", "callbacks at the same time, at most 2", inside, 2);
	InterlockedIncrement(&go);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	IS("TP-12", "callbacks", calls, 6);
	CHECK("TP-17", "never more at a time", most == 2);
	CloseHandle(file);
	CloseThreadpoolIo(io);
	CloseThreadpool(pool);
	remove("tp_17.tmp");
	return conform_end();
}
