// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * file.c - handles of files: opening them, and what needs no port.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/kcmp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "win.h"

/* dwDesiredAccess that means something here; the rest of the standard rights is let pass. */
#define ACCESS_KNOWN	(GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL | \
			 FILE_READ_DATA | FILE_WRITE_DATA | FILE_APPEND_DATA | \
			 FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES | DELETE | READ_CONTROL | \
			 SYNCHRONIZE)
#define SHARE_KNOWN	(FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
#define FLAGS_KNOWN	(FILE_ATTRIBUTE_READONLY | FILE_ATTRIBUTE_ARCHIVE | \
			 FILE_ATTRIBUTE_NORMAL | FILE_FLAG_SEQUENTIAL_SCAN | \
			 FILE_FLAG_RANDOM_ACCESS | FILE_FLAG_NO_BUFFERING | \
			 FILE_FLAG_OVERLAPPED | FILE_FLAG_WRITE_THROUGH)

static uint32_t access_of(DWORD desired)
{
	uint32_t access = desired & (FILE_READ_DATA | FILE_WRITE_DATA | FILE_APPEND_DATA);

	if (desired & (GENERIC_READ | GENERIC_ALL))
		access |= FILE_READ_DATA;
	if (desired & (GENERIC_WRITE | GENERIC_ALL))
		access |= FILE_WRITE_DATA | FILE_APPEND_DATA;
	return access;
}

static enum iocpi_kind kind_of(mode_t mode)
{
	if (S_ISFIFO(mode))
		return KIND_PIPE;
	return S_ISSOCK(mode) ? KIND_SOCKET : KIND_FILE;
}

/*
 * Makes an object of a descriptor, which is its from here on, also on failure.  It is
 * found by nobody yet.
 */
struct iocpi_file *iocpi_file_alloc(int fd, uint32_t access, bool overlapped)
{
	struct iocpi_obj *obj;
	struct iocpi_file *f;
	struct stat st;

	if (fstat(fd, &st)) {
		iocpi_fail_errno(errno);
		goto err;
	}
	if (S_ISDIR(st.st_mode)) {
		iocpi_fail_errno(EISDIR);
		goto err;
	}
	obj = iocpi_obj_alloc(IOCPI_FILE);
	if (!obj) {
		iocpi_fail_errno(ENOMEM);
		goto err;
	}
	iocpi_once_fork();
	f = container_of(obj, struct iocpi_file, obj);
	list_init(&f->wport_node);
	f->fd = fd;
	f->kind = kind_of(st.st_mode);
	f->overlapped = overlapped;
	f->access = access;
	f->direct = fcntl(fd, F_GETFL) & O_DIRECT;
	f->seekable = lseek(fd, 0, SEEK_CUR) >= 0;
	f->append_only = (access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) == FILE_APPEND_DATA;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	return f;
err:
	close(fd);
	return NULL;
}

HANDLE iocpi_file_open(struct iocpi_file *f)
{
	if (!f)
		return INVALID_HANDLE_VALUE;
	iocpi_obj_open(&f->obj, 0);
	return (HANDLE)(uintptr_t)iocpi_obj_id(&f->obj);
}

static int open_path(const char *path, int flags, mode_t mode)
{
	int fd;

	do {
		fd = open(path, flags | O_CLOEXEC | O_NOCTTY, mode);
	} while (fd < 0 && errno == EINTR);
	return fd;
}

/* *existed says what CREATE_ALWAYS and OPEN_ALWAYS tell in the last error. */
static int open_disposition(const char *path, DWORD disposition, int flags, mode_t mode,
			    bool *existed)
{
	int fd;

	*existed = false;
	switch (disposition) {
	case CREATE_NEW:
		return open_path(path, flags | O_CREAT | O_EXCL, mode);
	case OPEN_EXISTING:
		return open_path(path, flags, 0);
	case TRUNCATE_EXISTING:
		return open_path(path, flags | O_TRUNC, 0);
	}
	if (disposition == CREATE_ALWAYS)
		flags |= O_TRUNC;
	/* Others may create or unlink it between the two steps. */
	for (;;) {
		fd = open_path(path, flags, 0);
		if (fd >= 0 || errno != ENOENT) {
			*existed = true;
			return fd;
		}
		fd = open_path(path, flags | O_CREAT | O_EXCL, mode);
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
}

/* ENOENT is 2 or, where already the directory is missing, 3. */
DWORD iocpi_missing_code(const char *path)
{
	const char *slash = strrchr(path, '/');
	DWORD code = ERROR_FILE_NOT_FOUND;
	char *dir;

	if (!slash || slash == path)
		return code;
	dir = strndup(path, slash - path);
	if (dir && access(dir, F_OK))
		code = ERROR_PATH_NOT_FOUND;
	free(dir);
	return code;
}

static void fail_open(const char *path, DWORD disposition, int err)
{
	if (err == EEXIST && disposition == CREATE_NEW)
		iocpi_fail(ERROR_FILE_EXISTS);
	else if (err == ENOENT)
		iocpi_fail(iocpi_missing_code(path));
	else if (err == ENOTDIR)
		iocpi_fail(ERROR_PATH_NOT_FOUND);
	else
		iocpi_fail_errno(err);
	iocpi_self.last_errno = err;
}

HANDLE WINAPI CreateFileA(LPCSTR lpFileName, DWORD dwDesiredAccess, DWORD dwShareMode,
			  LPSECURITY_ATTRIBUTES lpSecurityAttributes, DWORD dwCreationDisposition,
			  DWORD dwFlagsAndAttributes, HANDLE hTemplateFile)
{
	uint32_t access = access_of(dwDesiredAccess);
	bool existed;
	HANDLE h;
	int flags, fd;

	(void)lpSecurityAttributes;
	if (!lpFileName || !*lpFileName) {
		iocpi_fail(ERROR_PATH_NOT_FOUND);
		return INVALID_HANDLE_VALUE;
	}
	if (dwDesiredAccess & ~ACCESS_KNOWN || dwShareMode & ~SHARE_KNOWN ||
	    dwFlagsAndAttributes & ~FLAGS_KNOWN || dwCreationDisposition < CREATE_NEW ||
	    dwCreationDisposition > TRUNCATE_EXISTING ||
	    (dwCreationDisposition == TRUNCATE_EXISTING && !(access & FILE_WRITE_DATA))) {
		iocpi_fail(ERROR_INVALID_PARAMETER);
		return INVALID_HANDLE_VALUE;
	}
	if (hTemplateFile) {
		struct iocpi_file *f = iocpi_file_get(hTemplateFile, OBJ_USER);

		if (!f) {
			iocpi_fail(ERROR_INVALID_HANDLE);
			return INVALID_HANDLE_VALUE;
		}
		iocpi_file_put(f, OBJ_USER);
	}

	if (iocpi_is_pipe_name(lpFileName))
		return iocpi_pipe_open(lpFileName, access,
				       dwFlagsAndAttributes & FILE_FLAG_OVERLAPPED);
	if (access & FILE_READ_DATA)
		flags = access & (FILE_WRITE_DATA | FILE_APPEND_DATA) ? O_RDWR : O_RDONLY;
	else if (access)
		flags = O_WRONLY;
	else	/* creating and truncating need more than a path */
		flags = dwCreationDisposition == OPEN_EXISTING ? O_PATH : O_RDONLY;
	if ((access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) == FILE_APPEND_DATA)
		flags |= O_APPEND;
	if (dwFlagsAndAttributes & FILE_FLAG_NO_BUFFERING)
		flags |= O_DIRECT;
	if (dwFlagsAndAttributes & FILE_FLAG_WRITE_THROUGH)
		flags |= O_DSYNC;

	fd = open_disposition(lpFileName, dwCreationDisposition, flags,
			      dwFlagsAndAttributes & FILE_ATTRIBUTE_READONLY ? 0444 : 0666,
			      &existed);
	if (fd < 0) {
		fail_open(lpFileName, dwCreationDisposition, errno);
		return INVALID_HANDLE_VALUE;
	}
	/* Hints only: what they are not good for they do not hurt. */
	if (dwFlagsAndAttributes & FILE_FLAG_SEQUENTIAL_SCAN)
		posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	if (dwFlagsAndAttributes & FILE_FLAG_RANDOM_ACCESS)
		posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);

	h = iocpi_file_open(iocpi_file_alloc(fd, access,
					     dwFlagsAndAttributes & FILE_FLAG_OVERLAPPED));
	if (h != INVALID_HANDLE_VALUE &&
	    (dwCreationDisposition == CREATE_ALWAYS || dwCreationDisposition == OPEN_ALWAYS))
		SetLastError(existed ? ERROR_ALREADY_EXISTS : NO_ERROR);
	return h;
}

BOOL WINAPI FlushFileBuffers(HANDLE hFile)
{
	struct iocpi_file *f = iocpi_file_get(hFile, OBJ_USER);
	int err = 0;

	if (!f)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	if (!(f->access & (FILE_WRITE_DATA | FILE_APPEND_DATA)))
		err = EACCES;
	else if (f->kind != KIND_PIPE && fsync(f->fd))
		err = errno;
	iocpi_file_put(f, OBJ_USER);
	return err ? iocpi_fail_errno(err) : TRUE;
}

BOOL WINAPI GetFileSizeEx(HANDLE hFile, PLARGE_INTEGER lpFileSize)
{
	struct iocpi_file *f = iocpi_file_get(hFile, OBJ_USER);
	uint64_t size = 0;
	struct stat st;
	int err = 0;

	if (!f)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	if (fstat(f->fd, &st))
		err = errno;
	else if (S_ISREG(st.st_mode))
		size = st.st_size;
	else if (!S_ISBLK(st.st_mode))
		err = ENOTTY;
	else if (ioctl(f->fd, BLKGETSIZE64, &size))
		err = errno;
	iocpi_file_put(f, OBJ_USER);
	if (err)
		return iocpi_fail_errno(err);
	lpFileSize->QuadPart = size;
	return TRUE;
}

BOOL WINAPI SetFilePointerEx(HANDLE hFile, LARGE_INTEGER liDistanceToMove,
			     PLARGE_INTEGER lpNewFilePointer, DWORD dwMoveMethod)
{
	static const int whence[] = {
		[FILE_BEGIN] = SEEK_SET, [FILE_CURRENT] = SEEK_CUR, [FILE_END] = SEEK_END,
	};
	struct iocpi_file *f = iocpi_file_get(hFile, OBJ_USER);
	int err = 0;
	off_t pos;

	if (!f)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	if (dwMoveMethod >= ARRAY_SIZE(whence)) {
		iocpi_file_put(f, OBJ_USER);
		return iocpi_fail(ERROR_INVALID_PARAMETER);
	}
	pos = lseek(f->fd, liDistanceToMove.QuadPart, whence[dwMoveMethod]);
	if (pos < 0)
		err = errno;
	iocpi_file_put(f, OBJ_USER);
	if (err == EINVAL)
		return iocpi_fail(ERROR_NEGATIVE_SEEK);
	if (err)
		return iocpi_fail_errno(err);
	if (lpNewFilePointer)
		lpNewFilePointer->QuadPart = pos;
	return TRUE;
}

DWORD WINAPI GetFileSize(HANDLE hFile, LPDWORD lpFileSizeHigh)
{
	LARGE_INTEGER size;

	if (!GetFileSizeEx(hFile, &size))
		return INVALID_FILE_SIZE;
	if (lpFileSizeHigh)
		*lpFileSizeHigh = size.HighPart;
	if (size.LowPart == INVALID_FILE_SIZE)
		SetLastError(NO_ERROR);
	return size.LowPart;
}

DWORD WINAPI SetFilePointer(HANDLE hFile, LONG lDistanceToMove, PLONG lpDistanceToMoveHigh,
			    DWORD dwMoveMethod)
{
	LARGE_INTEGER distance = { .QuadPart = lDistanceToMove }, old, pos;

	if (lpDistanceToMoveHigh) {
		distance.LowPart = lDistanceToMove;
		distance.HighPart = *lpDistanceToMoveHigh;
	}
	old.QuadPart = 0;
	if (!SetFilePointerEx(hFile, old, &old, FILE_CURRENT) ||
	    !SetFilePointerEx(hFile, distance, &pos, dwMoveMethod))
		return INVALID_SET_FILE_POINTER;
	if (!lpDistanceToMoveHigh && pos.HighPart) {
		SetFilePointerEx(hFile, old, NULL, FILE_BEGIN);
		iocpi_fail(ERROR_INVALID_PARAMETER);
		return INVALID_SET_FILE_POINTER;
	}
	if (lpDistanceToMoveHigh)
		*lpDistanceToMoveHigh = pos.HighPart;
	if (pos.LowPart == INVALID_SET_FILE_POINTER)
		SetLastError(NO_ERROR);
	return pos.LowPart;
}

BOOL WINAPI SetEndOfFile(HANDLE hFile)
{
	struct iocpi_file *f = iocpi_file_get(hFile, OBJ_USER);
	off_t pos;
	int err = 0;

	if (!f)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	if (!(f->access & FILE_WRITE_DATA))
		err = EACCES;
	else if ((pos = lseek(f->fd, 0, SEEK_CUR)) < 0 || ftruncate(f->fd, pos))
		err = errno;
	iocpi_file_put(f, OBJ_USER);
	return err ? iocpi_fail_errno(err) : TRUE;
}

DWORD WINAPI GetFileType(HANDLE hFile)
{
	struct iocpi_file *f = iocpi_file_get(hFile, OBJ_USER);
	struct stat st = { 0 };

	if (!f) {
		iocpi_fail(ERROR_INVALID_HANDLE);
		return FILE_TYPE_UNKNOWN;
	}
	fstat(f->fd, &st);
	iocpi_file_put(f, OBJ_USER);
	if (S_ISCHR(st.st_mode))
		return FILE_TYPE_CHAR;
	return S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) ? FILE_TYPE_PIPE : FILE_TYPE_DISK;
}

static bool same_open_file(int a, int b)
{
	pid_t pid = getpid();

	return !syscall(SYS_kcmp, pid, pid, KCMP_FILE, a, b);
}

/* An open handle of the very open file behind @fd (CP-9), or -1. */
static intptr_t find_open_file(int fd, const struct stat *st)
{
	struct iocpi_obj *obj;
	uint32_t pos = 0;

	while ((obj = iocpi_obj_next(&pos))) {
		HANDLE h = (HANDLE)(uintptr_t)iocpi_obj_id(obj);
		struct iocpi_file *f = iocpi_file_get(h, OBJ_USER);
		bool same;

		if (!f)
			continue;
		same = f->dev == st->st_dev && f->ino == st->st_ino && same_open_file(f->fd, fd);
		iocpi_file_put(f, OBJ_USER);
		if (same)
			return (intptr_t)h;
	}
	return -1;
}

intptr_t _get_osfhandle(int fd)
{
	uint32_t access = 0;
	struct stat st;
	intptr_t found;
	int flags, dup;

	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fstat(fd, &st)) {
		iocpi_fail(ERROR_INVALID_HANDLE);
		return -1;
	}
	found = find_open_file(fd, &st);
	if (found != -1)
		return found;
	dup = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (dup < 0) {
		iocpi_fail_errno(errno);
		return -1;
	}
	if (!(flags & O_PATH)) {
		if ((flags & O_ACCMODE) != O_WRONLY)
			access |= FILE_READ_DATA;
		if ((flags & O_ACCMODE) != O_RDONLY)
			access |= FILE_APPEND_DATA | (flags & O_APPEND ? 0 : FILE_WRITE_DATA);
	}
	return (intptr_t)iocpi_file_open(iocpi_file_alloc(dup, access, true));
}

int _open_osfhandle(intptr_t osfhandle, int flags)
{
	struct iocpi_file *f = iocpi_file_get((HANDLE)osfhandle, OBJ_USER);
	int fd;

	if (!f) {
		iocpi_fail(ERROR_INVALID_HANDLE);
		return -1;
	}
	fd = fcntl(f->fd, flags & O_CLOEXEC ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
	if (fd < 0)
		iocpi_fail_errno(errno);
	iocpi_file_put(f, OBJ_USER);
	return fd;
}
