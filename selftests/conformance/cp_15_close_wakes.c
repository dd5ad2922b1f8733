// SPDX-License-Identifier: GPL-2.0-only
/* Who waits for the handle of a port is woken when it is closed.  (Wine: is not.) */
#include "worker.h"

int main(void)
{
	HANDLE port = new_port(1);
	struct worker w[2];
	int i;

	for (i = 0; i < 2; i++) {
		start_worker(&w[i], port);
		tell(&w[i], WAIT, patience());
		settle(&w[i]);
	}
	CHECK("CP-50", "close the port", CloseHandle(port));
	for (i = 0; i < 2; i++) {
		CHECK("CP-50", "a thread that waited for it returns", did(&w[i]));
		WINDOWS_IS("CP-15", "signalled", w[i].error, WAIT_OBJECT_0);
		end_worker(&w[i]);
	}
	return conform_end();
}
