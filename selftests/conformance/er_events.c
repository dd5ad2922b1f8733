// SPDX-License-Identifier: GPL-2.0-only
/* Events. */
#include "conform.h"

int main(void)
{
	HANDLE manual = CreateEventA(NULL, TRUE, FALSE, NULL), two[2];
	HANDLE automatic = CreateEventA(NULL, FALSE, TRUE, NULL);

	NEED(manual && automatic);
	IS("ER", "manual reset, made reset", WaitForSingleObject(manual, 0), WAIT_TIMEOUT);
	CHECK("ER", "set", SetEvent(manual));
	IS("ER", "wait", WaitForSingleObject(manual, 0), WAIT_OBJECT_0);
	IS("ER", "it stays set", WaitForSingleObject(manual, INFINITE), WAIT_OBJECT_0);
	CHECK("ER", "reset", ResetEvent(manual));
	IS("ER", "wait", WaitForSingleObject(manual, SHORT_TIME), WAIT_TIMEOUT);

	IS("ER", "automatic, made set", WaitForSingleObject(automatic, 0), WAIT_OBJECT_0);
	IS("ER", "the wait took it", WaitForSingleObject(automatic, 0), WAIT_TIMEOUT);
	CHECK("ER", "set twice", SetEvent(automatic) && SetEvent(automatic));
	IS("ER", "is set once", WaitForSingleObject(automatic, 0), WAIT_OBJECT_0);
	IS("ER", "wait", WaitForSingleObject(automatic, 0), WAIT_TIMEOUT);

	two[0] = automatic;
	two[1] = manual;
	IS("ER", "any of two", WaitForMultipleObjects(2, two, FALSE, 0), WAIT_TIMEOUT);
	SetEvent(manual);
	IS("ER", "the second", WaitForMultipleObjects(2, two, FALSE, 0), WAIT_OBJECT_0 + 1);
	IS("ER", "all of two", WaitForMultipleObjects(2, two, TRUE, 0), WAIT_TIMEOUT);
	SetEvent(automatic);
	IS("ER", "the first of two that are set", WaitForMultipleObjects(2, two, FALSE, 0),
	   WAIT_OBJECT_0);
	IS("ER", "it was taken", WaitForSingleObject(automatic, 0), WAIT_TIMEOUT);
	SetEvent(automatic);
	IS("ER", "all of two", WaitForMultipleObjects(2, two, TRUE, 0), WAIT_OBJECT_0);
	IS("ER", "took the automatic one", WaitForSingleObject(automatic, 0), WAIT_TIMEOUT);
	IS("ER", "and left the other", WaitForSingleObject(manual, 0), WAIT_OBJECT_0);
	CHECK("ER", "close", CloseHandle(manual) && CloseHandle(automatic));
	IS("ER", "set a closed one", ERROR_OF(SetEvent(manual)), ERROR_INVALID_HANDLE);
	IS("ER", "wait for it", WaitForSingleObject(manual, 0), WAIT_FAILED);
	IS("ER", "the error", GetLastError(), ERROR_INVALID_HANDLE);
	return conform_end();
}
