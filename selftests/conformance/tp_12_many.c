// SPDX-License-Identifier: GPL-2.0-only
/* Many operations, on one object and on several: a callback for each. */
#include "conform.h"

#define FILES	4
#define COUNT	50

struct request {
	OVERLAPPED ov;
	char buf[16];
	LONG calls;
};

static struct request requests[FILES][COUNT];
static PTP_IO ios[FILES];
static LONG wrong;

static VOID CALLBACK done(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			  ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	struct request *r = (struct request *)overlapped;

	(void)instance;
	InterlockedIncrement(&r->calls);
	/* Io is that of the file, whichever thread this is. */
	if (result || bytes != 16 || io != *(PTP_IO *)context ||
	    r->buf[0] != (char)('a' + r->ov.Offset % 26))
		InterlockedIncrement(&wrong);
}

int main(void)
{
	char names[FILES][24];
	HANDLE files[FILES];
	int i, j, once = 0;

	for (i = 0; i < FILES; i++) {
		snprintf(names[i], sizeof(names[i]), "tp_12_%d.tmp", i);
		files[i] = new_file(names[i], 1000, FILE_FLAG_OVERLAPPED);
		ios[i] = CreateThreadpoolIo(files[i], done, &ios[i], NULL);
		NEED(ios[i]);
	}
	for (j = 0; j < COUNT; j++) {
		for (i = 0; i < FILES; i++) {
			StartThreadpoolIo(ios[i]);
			if (ReadFile(files[i], requests[i][j].buf, 16, NULL,
				     at(&requests[i][j].ov, j * 7 + i)) ||
			    GetLastError() != ERROR_IO_PENDING)
				CancelThreadpoolIo(ios[i]);
		}
	}
	for (i = 0; i < FILES; i++)
		WaitForThreadpoolIoCallbacks(ios[i], FALSE);
	for (i = 0; i < FILES; i++)
		for (j = 0; j < COUNT; j++)
			once += requests[i][j].calls == 1;
	IS("TP-12", "called back once", once, FILES * COUNT);
	IS("TP-12", "with anything wrong", wrong, 0);
	for (i = 0; i < FILES; i++) {
		CloseHandle(files[i]);
		CloseThreadpoolIo(ios[i]);
		remove(names[i]);
	}
	return conform_end();
}
