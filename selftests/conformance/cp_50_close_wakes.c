// SPDX-License-Identifier: GPL-2.0-only
/* Closing the port ends all waits in it.  (Wine: they go on.) */
#include "worker.h"

int main(void)
{
	HANDLE port = new_port(1);
	struct worker w[3];
	int i;

	for (i = 0; i < 3; i++) {
		start_worker(&w[i], port);
		tell(&w[i], i == 2 ? TAKE_BATCH : TAKE, on_wine() ? 3 * SHORT_TIME : INFINITE);
		settle(&w[i]);
	}
	CHECK("CP-50", "close", CloseHandle(port));
	for (i = 0; i < 3; i++)
		CHECK("CP-50", "a thread that waited returns", did(&w[i]));
	for (i = 0; i < 2; i++) {
		CHECK("CP-44d", "FALSE, overlapped NULL", !w[i].answer.ok && !w[i].answer.ov);
		WINDOWS_IS("CP-44d", "the error", w[i].answer.error, ERROR_ABANDONED_WAIT_0);
		CHECK("CP-44d", "bytes and key are not written",
		      w[i].answer.bytes == UNTOUCHED && w[i].answer.key == 0xcccccccccccccccc);
	}
	CHECK("CP-47", "the other call: FALSE", !w[2].ok);
	WINDOWS_IS("CP-47", "the error", w[2].error, ERROR_ABANDONED_WAIT_0);
	for (i = 0; i < 2; i++) {
		tell(&w[i], TAKE, 0);
		CHECK("CP-50", "they ask again", did(&w[i]));
		IS("CP-50", "the error", w[i].answer.error, ERROR_INVALID_HANDLE);
	}
	for (i = 0; i < 3; i++)
		end_worker(&w[i]);
	return conform_end();
}
