/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/* With this directory in the include path a Windows source finds libiocp. */
#include "../iocp/windows.h"
