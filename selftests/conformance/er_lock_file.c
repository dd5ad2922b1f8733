// SPDX-License-Identifier: GPL-2.0-only
/* Locks on ranges of a file. */
#include "conform.h"

static HANDLE opened(void)
{
	HANDLE file = CreateFileA("er_lock.tmp", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ |
				  FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);

	NEED(file != INVALID_HANDLE_VALUE);
	return file;
}

static DWORD lock(HANDLE file, DWORD flags, DWORD offset, DWORD length)
{
	OVERLAPPED ov;

	return ERROR_OF(LockFileEx(file, flags | LOCKFILE_FAIL_IMMEDIATELY, 0, length, 0,
				   at(&ov, offset)));
}

static DWORD unlock(HANDLE file, DWORD offset, DWORD length)
{
	OVERLAPPED ov;

	return ERROR_OF(UnlockFileEx(file, 0, length, 0, at(&ov, offset)));
}

int main(void)
{
	HANDLE file = new_file("er_lock.tmp", 100, 0), one = opened(), two = opened();
	DWORD exclusive = LOCKFILE_EXCLUSIVE_LOCK;

	IS("ER", "one locks a range", lock(one, exclusive, 10, 10), NO_ERROR);
	IS("ER", "two: the same range", lock(two, exclusive, 10, 10), ERROR_LOCK_VIOLATION);
	IS("ER", "part of it", lock(two, exclusive, 15, 20), ERROR_LOCK_VIOLATION);
	IS("ER", "part of it, shared", lock(two, 0, 15, 20), ERROR_LOCK_VIOLATION);
	IS("ER", "the range behind it", lock(two, exclusive, 20, 10), NO_ERROR);
	IS("ER", "one unlocks", unlock(one, 10, 10), NO_ERROR);
	IS("ER", "two: the range now", lock(two, 0, 10, 10), NO_ERROR);
	IS("ER", "one shares it", lock(one, 0, 10, 10), NO_ERROR);
	IS("ER", "a third, alone", lock(file, exclusive, 10, 10), ERROR_LOCK_VIOLATION);
	IS("ER", "one unlocks", unlock(one, 10, 10), NO_ERROR);
	WINDOWS_IS("ER", "what it has not locked", unlock(one, 10, 10), ERROR_NOT_LOCKED);
	CloseHandle(two);
	IS("ER", "two is closed: a third, alone", lock(file, exclusive, 0, 100), NO_ERROR);
	CloseHandle(one);
	end_file("er_lock.tmp", file);
	return conform_end();
}
