// SPDX-License-Identifier: GPL-2.0-only
/* Semaphores. */
#include "conform.h"

int main(void)
{
	HANDLE s = CreateSemaphoreA(NULL, 2, 3, NULL);
	LONG before = -1;

	NEED(s);
	IS("ER", "two are there: wait", WaitForSingleObject(s, 0), WAIT_OBJECT_0);
	IS("ER", "and again", WaitForSingleObject(s, 0), WAIT_OBJECT_0);
	IS("ER", "and again", WaitForSingleObject(s, SHORT_TIME), WAIT_TIMEOUT);
	CHECK("ER", "release one", ReleaseSemaphore(s, 1, &before));
	IS("ER", "there were", before, 0);
	CHECK("ER", "release two", ReleaseSemaphore(s, 2, &before));
	IS("ER", "there were", before, 1);
	before = -1;
	IS("ER", "one too many", ERROR_OF(ReleaseSemaphore(s, 1, &before)), ERROR_TOO_MANY_POSTS);
	IS("ER", "the count is not written", before, -1);
	WINDOWS_IS("ER", "release none", ERROR_OF(ReleaseSemaphore(s, 0, NULL)),
		   ERROR_INVALID_PARAMETER);
	WINDOWS_IS("ER", "release less than none", ERROR_OF(ReleaseSemaphore(s, -1, NULL)),
		   ERROR_INVALID_PARAMETER);
	IS("ER", "three are there: wait", WaitForSingleObject(s, 0), WAIT_OBJECT_0);
	IS("ER", "and again", WaitForSingleObject(s, 0), WAIT_OBJECT_0);
	IS("ER", "and again", WaitForSingleObject(s, 0), WAIT_OBJECT_0);
	IS("ER", "and again", WaitForSingleObject(s, 0), WAIT_TIMEOUT);
	CloseHandle(s);
	IS("ER", "a closed one", ERROR_OF(ReleaseSemaphore(s, 1, NULL)), ERROR_INVALID_HANDLE);
	IS("ER", "more than may be", ERROR_OF(CreateSemaphoreA(NULL, 4, 3, NULL)),
	   ERROR_INVALID_PARAMETER);
	IS("ER", "none may be", ERROR_OF(CreateSemaphoreA(NULL, 0, 0, NULL)),
	   ERROR_INVALID_PARAMETER);
	return conform_end();
}
