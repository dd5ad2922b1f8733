// SPDX-License-Identifier: GPL-2.0-only
/* A wait that is served: for ever, or in time. */
#include "worker.h"

int main(void)
{
	HANDLE port = new_port(1), file = new_file("cp_45.tmp", 10, FILE_FLAG_OVERLAPPED);
	struct worker w;
	OVERLAPPED ov;
	char buf[16];
	int i;

	CreateIoCompletionPort(file, port, 45, 0);
	start_worker(&w, port);
	for (i = 0; i < 3; i++) {
		tell(&w, TAKE, i ? INFINITE : LONG_TIME);
		settle(&w);
		CHECK("CP-45", "nothing there: it waits", still_waits(&w));
		PostQueuedCompletionStatus(port, 5, i, &ov);
		CHECK("CP-44a", "posted: it returns", did(&w) && w.answer.ok);
		CHECK("CP-44a", "with bytes, key and overlapped", w.answer.bytes == 5 &&
		      w.answer.key == (ULONG_PTR)i && w.answer.ov == &ov);
		CHECK("CP-46", "and the last error it had", w.answer.error == UNCHANGED);
	}
	tell(&w, TAKE, INFINITE);
	settle(&w);
	ReadFile(file, buf, 16, NULL, at(&ov, 0));
	CHECK("CP-44a", "a read: it returns", did(&w) && w.answer.ok);
	IS("CP-44a", "key", w.answer.key, 45);
	IS("CP-44a", "bytes", w.answer.bytes, 10);
	tell(&w, TAKE, INFINITE);
	settle(&w);
	ReadFile(file, buf, 16, NULL, at(&ov, 10));
	CHECK("CP-44b", "a read that fails: it returns", did(&w) && !w.answer.ok);
	IS("CP-44b", "the error", w.answer.error, ERROR_HANDLE_EOF);
	CHECK("CP-44b", "and its OVERLAPPED", w.answer.ov == &ov);
	end_worker(&w);
	end_file("cp_45.tmp", file);
	CloseHandle(port);
	return conform_end();
}
