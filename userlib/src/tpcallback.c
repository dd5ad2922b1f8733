// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * tpcallback.c - what a callback may do with its Instance.
 *
 * An Instance is the address of its worker's struct iocpi_call: so one that belongs to
 * another thread, or to no callback any more, is recognised (CI-1).
 */
#include "win.h"

static struct iocpi_call *call_of(PTP_CALLBACK_INSTANCE pci, const char *who)
{
	if (pci && pci == iocpi_instance() && iocpi_self.callback)
		return iocpi_self.call;
	iocpi_debug("%s: %p is not the callback that this thread is in", who, (void *)pci);
	return NULL;
}

const struct iocp_packet *iocp_callback_packet(PTP_CALLBACK_INSTANCE Instance)
{
	struct iocpi_call *call = call_of(Instance, __func__);

	return call && iocpi_self.callback->type == IOCPI_FILE ? call->packet : NULL;
}
