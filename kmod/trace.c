// SPDX-License-Identifier: GPL-2.0-only
/*
 * trace.c - where the bodies of the trace events are.
 */
#include "iocp.h"

#define CREATE_TRACE_POINTS
#include "trace.h"
