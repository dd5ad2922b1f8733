// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * library.c - what of LoadLibrary() the thread pool needs; an HMODULE is what
 * dlopen(3) gives.
 */
#include <dlfcn.h>

#include "win.h"

HMODULE WINAPI LoadLibraryA(LPCSTR lpLibFileName)
{
	void *library = lpLibFileName ? dlopen(lpLibFileName, RTLD_NOW | RTLD_LOCAL) : NULL;

	if (library)
		return library;
	if (lpLibFileName)
		iocpi_debug("%s: %s", __func__, dlerror());
	iocpi_fail(lpLibFileName ? ERROR_MOD_NOT_FOUND : ERROR_INVALID_PARAMETER);
	return NULL;
}

HMODULE WINAPI LoadLibraryW(LPCWSTR lpLibFileName)
{
	struct iocpi_name name;
	DWORD code = iocpi_name8(lpLibFileName, &name);

	if (!code)
		return LoadLibraryA(name.name);
	iocpi_fail(code);
	return NULL;
}

BOOL WINAPI FreeLibrary(HMODULE hLibModule)
{
	if (hLibModule && !dlclose(hLibModule))
		return TRUE;
	return iocpi_fail(ERROR_MOD_NOT_FOUND);
}

FARPROC WINAPI GetProcAddress(HMODULE hModule, LPCSTR lpProcName)
{
	/* ISO C has no cast from one to the other; POSIX says that they fit. */
	union {
		void *data;
		FARPROC function;
	} symbol = { .data = hModule ? dlsym(hModule, lpProcName) : NULL };

	if (!symbol.data)
		iocpi_fail(hModule ? ERROR_PROC_NOT_FOUND : ERROR_MOD_NOT_FOUND);
	return symbol.function;
}
