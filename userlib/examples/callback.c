// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <iocp/windows.h>
#include <stdio.h>

struct request {
	OVERLAPPED ov;		/* first: IoCompletionCallback is given its address */
	char buf[64];
};

static VOID CALLBACK IoCompletionCallback(PTP_CALLBACK_INSTANCE Instance, PVOID Context,
					  PVOID Overlapped, ULONG IoResult,
					  ULONG_PTR NumberOfBytesTransferred, PTP_IO Io)
{
	struct request *r = Overlapped;

	(void)Instance, (void)Io;
	printf("%s at %u: IoResult %u, %u bytes\n", (const char *)Context, r->ov.Offset,
	       (unsigned int)IoResult, (unsigned int)NumberOfBytesTransferred);
}

int main(int argc, char **argv)
{
	char *path = argc > 1 ? argv[1] : "/etc/os-release";
	static struct request requests[4];
	HANDLE file = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING,
				  FILE_FLAG_OVERLAPPED, NULL);
	PTP_IO io = CreateThreadpoolIo(file, IoCompletionCallback, path, NULL);

	if (!io) {
		fprintf(stderr, "%s: error %u\n", path, GetLastError());
		return 1;
	}
	for (int i = 0; i < 4; i++) {
		requests[i].ov.Offset = i * 64;
		StartThreadpoolIo(io);	/* one callback will follow */
		if (!ReadFile(file, requests[i].buf, sizeof(requests[i].buf), NULL,
			      &requests[i].ov) &&
		    GetLastError() != ERROR_IO_PENDING) {
			printf("at %d: error %u\n", i * 64, GetLastError());
			CancelThreadpoolIo(io);	/* no, it will not */
		}
	}
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CloseHandle(file);
	CloseThreadpoolIo(io);
	return 0;
}
