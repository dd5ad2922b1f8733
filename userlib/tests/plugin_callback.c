// SPDX-License-Identifier: GPL-2.0-only
/* Callbacks in a library of their own, for dev_tpcallback.c: it tells when it goes. */
#include <windows.h>

extern unsigned int *plugin_unloads;
unsigned int *plugin_unloads;

/* What the library may call; it is not linked with libiocp. */
extern VOID (WINAPI *plugin_free)(PTP_CALLBACK_INSTANCE pci, HMODULE mod);
VOID (WINAPI *plugin_free)(PTP_CALLBACK_INSTANCE pci, HMODULE mod);

VOID CALLBACK plugin_work(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work);
VOID CALLBACK plugin_work(PTP_CALLBACK_INSTANCE instance, PVOID context, PTP_WORK work)
{
	(void)work;
	if (context)
		plugin_free(instance, (HMODULE)context);
}

__attribute__((destructor)) static void unload(void)
{
	if (plugin_unloads)
		__atomic_add_fetch(plugin_unloads, 1, __ATOMIC_SEQ_CST);
}
