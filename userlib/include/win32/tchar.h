/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/* Text that is wide where UNICODE is defined; there is no wide main() and no wide <stdio.h>. */
#ifndef IOCP_WIN32_TCHAR_H
#define IOCP_WIN32_TCHAR_H

#include "../iocp/windows.h"

#define _T(quote)	TEXT(quote)
#define _TEXT(quote)	TEXT(quote)

#endif /* IOCP_WIN32_TCHAR_H */
