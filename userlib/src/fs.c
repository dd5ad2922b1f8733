// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * fs.c - what is done with names: attributes, directories, renaming, and the wide
 * variants of all functions that take a name.
 *
 * A wide name becomes a name of bytes and the work is done on that.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "win.h"

/* Whoever fails on a name: 3 where the directory is missing, 2 where the file is. */
static BOOL fail_name(const char *path, int err)
{
	iocpi_fail_errno(err);
	if (err == ENOENT)
		iocpi_self.last_error = iocpi_missing_code(path);
	else if (err == ENOTDIR)
		iocpi_self.last_error = ERROR_PATH_NOT_FOUND;
	return FALSE;
}

static bool no_name(const char *path)
{
	if (path && *path)
		return false;
	iocpi_fail(ERROR_PATH_NOT_FOUND);
	return true;
}

/* The bytes of a wide name; false: they are none, and the last error says so. */
static bool narrow(LPCWSTR name, struct iocpi_name *buf)
{
	DWORD code = iocpi_name8(name, buf);

	return !code || iocpi_fail(code);
}

HANDLE WINAPI CreateFileW(LPCWSTR lpFileName, DWORD dwDesiredAccess, DWORD dwShareMode,
			  LPSECURITY_ATTRIBUTES lpSecurityAttributes, DWORD dwCreationDisposition,
			  DWORD dwFlagsAndAttributes, HANDLE hTemplateFile)
{
	struct iocpi_name name;

	if (!narrow(lpFileName, &name))
		return INVALID_HANDLE_VALUE;
	return CreateFileA(name.name, dwDesiredAccess, dwShareMode, lpSecurityAttributes,
			   dwCreationDisposition, dwFlagsAndAttributes, hTemplateFile);
}

BOOL WINAPI DeleteFileA(LPCSTR lpFileName)
{
	if (no_name(lpFileName))
		return FALSE;
	return unlink(lpFileName) ? fail_name(lpFileName, errno) : TRUE;
}

BOOL WINAPI DeleteFileW(LPCWSTR lpFileName)
{
	struct iocpi_name name;

	return narrow(lpFileName, &name) && DeleteFileA(name.name);
}

BOOL WINAPI CreateDirectoryA(LPCSTR lpPathName, LPSECURITY_ATTRIBUTES lpSecurityAttributes)
{
	(void)lpSecurityAttributes;
	if (no_name(lpPathName))
		return FALSE;
	if (!mkdir(lpPathName, 0777))
		return TRUE;
	/* What is missing can only be the directory that it is to be in. */
	return errno == ENOENT ? iocpi_fail(ERROR_PATH_NOT_FOUND) : fail_name(lpPathName, errno);
}

BOOL WINAPI CreateDirectoryW(LPCWSTR lpPathName, LPSECURITY_ATTRIBUTES lpSecurityAttributes)
{
	struct iocpi_name name;

	return narrow(lpPathName, &name) && CreateDirectoryA(name.name, lpSecurityAttributes);
}

BOOL WINAPI RemoveDirectoryA(LPCSTR lpPathName)
{
	if (no_name(lpPathName))
		return FALSE;
	if (!rmdir(lpPathName))
		return TRUE;
	return errno == ENOTDIR ? iocpi_fail(ERROR_DIRECTORY) : fail_name(lpPathName, errno);
}

BOOL WINAPI RemoveDirectoryW(LPCWSTR lpPathName)
{
	struct iocpi_name name;

	return narrow(lpPathName, &name) && RemoveDirectoryA(name.name);
}

/* The directory entry, too, is to be on the disk. */
static int sync_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash ? strndup(path, slash - path + 1) : strdup(".");
	int fd, err = 0;

	if (!dir)
		return ENOMEM;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		err = errno;
	if (fd >= 0)
		close(fd);
	free(dir);
	return err;
}

BOOL WINAPI MoveFileExA(LPCSTR lpExistingFileName, LPCSTR lpNewFileName, DWORD dwFlags)
{
	const DWORD known = MOVEFILE_REPLACE_EXISTING | MOVEFILE_COPY_ALLOWED |
			    MOVEFILE_WRITE_THROUGH;
	int err;

	if (dwFlags & ~known || !lpNewFileName)
		return iocpi_fail(ERROR_INVALID_PARAMETER);
	if (no_name(lpExistingFileName) || no_name(lpNewFileName))
		return FALSE;
	if (renameat2(AT_FDCWD, lpExistingFileName, AT_FDCWD, lpNewFileName,
		      dwFlags & MOVEFILE_REPLACE_EXISTING ? 0 : RENAME_NOREPLACE)) {
		err = errno;
		/* Either name may be what is missing. */
		if (err == ENOENT && access(lpExistingFileName, F_OK))
			return fail_name(lpExistingFileName, err);
		return fail_name(lpNewFileName, err);
	}
	err = dwFlags & MOVEFILE_WRITE_THROUGH ? sync_parent(lpNewFileName) : 0;
	return err ? iocpi_fail_errno(err) : TRUE;
}

BOOL WINAPI MoveFileExW(LPCWSTR lpExistingFileName, LPCWSTR lpNewFileName, DWORD dwFlags)
{
	struct iocpi_name from, to;

	return narrow(lpExistingFileName, &from) && narrow(lpNewFileName, &to) &&
	       MoveFileExA(from.name, to.name, dwFlags);
}

/*
 * Attributes
 */

#define STAT_MASK	(STATX_BASIC_STATS | STATX_BTIME)
#define FILETIME_EPOCH	UINT64_C(116444736000000000)	/* 1970 in 100 ns since 1601 */

static FILETIME filetime_of(const struct statx_timestamp *ts)
{
	uint64_t t = FILETIME_EPOCH + ts->tv_sec * INT64_C(10000000) + ts->tv_nsec / 100;

	return (FILETIME){ .dwLowDateTime = t, .dwHighDateTime = t >> 32 };
}

static DWORD attributes_of(const struct statx *st)
{
	DWORD a = 0;

	if (S_ISDIR(st->stx_mode))
		a = FILE_ATTRIBUTE_DIRECTORY;
	else if (S_ISREG(st->stx_mode))
		a = FILE_ATTRIBUTE_ARCHIVE;
	else if (S_ISLNK(st->stx_mode))
		a = FILE_ATTRIBUTE_REPARSE_POINT;
	if (!(st->stx_mode & 0222))
		a |= FILE_ATTRIBUTE_READONLY;
	return a ? a : FILE_ATTRIBUTE_NORMAL;
}

/* Of the file itself, not of what a symbolic link points to; but whether that is a directory. */
static int stat_name(int dir, const char *path, struct statx *st, DWORD *attributes)
{
	struct statx target;

	if (statx(dir, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STAT_MASK, st))
		return errno;
	*attributes = attributes_of(st);
	if (S_ISLNK(st->stx_mode) && !statx(dir, path, 0, STATX_TYPE, &target) &&
	    S_ISDIR(target.stx_mode))
		*attributes |= FILE_ATTRIBUTE_DIRECTORY;
	return 0;
}

static void fill_data(const struct statx *st, DWORD attributes, WIN32_FILE_ATTRIBUTE_DATA *d)
{
	uint64_t size = S_ISREG(st->stx_mode) ? st->stx_size : 0;

	*d = (WIN32_FILE_ATTRIBUTE_DATA){
		.dwFileAttributes = attributes,
		.ftCreationTime = filetime_of(st->stx_mask & STATX_BTIME ? &st->stx_btime :
					      &st->stx_mtime),
		.ftLastAccessTime = filetime_of(&st->stx_atime),
		.ftLastWriteTime = filetime_of(&st->stx_mtime),
		.nFileSizeHigh = size >> 32,
		.nFileSizeLow = size,
	};
}

BOOL WINAPI GetFileAttributesExA(LPCSTR lpFileName, GET_FILEEX_INFO_LEVELS fInfoLevelId,
				 LPVOID lpFileInformation)
{
	DWORD attributes;
	struct statx st;
	int err;

	if (fInfoLevelId != GetFileExInfoStandard || !lpFileInformation)
		return iocpi_fail(ERROR_INVALID_PARAMETER);
	if (no_name(lpFileName))
		return FALSE;
	err = stat_name(AT_FDCWD, lpFileName, &st, &attributes);
	if (err)
		return fail_name(lpFileName, err);
	fill_data(&st, attributes, lpFileInformation);
	return TRUE;
}

BOOL WINAPI GetFileAttributesExW(LPCWSTR lpFileName, GET_FILEEX_INFO_LEVELS fInfoLevelId,
				 LPVOID lpFileInformation)
{
	struct iocpi_name name;

	return narrow(lpFileName, &name) &&
	       GetFileAttributesExA(name.name, fInfoLevelId, lpFileInformation);
}

DWORD WINAPI GetFileAttributesA(LPCSTR lpFileName)
{
	WIN32_FILE_ATTRIBUTE_DATA data;

	if (!GetFileAttributesExA(lpFileName, GetFileExInfoStandard, &data))
		return INVALID_FILE_ATTRIBUTES;
	return data.dwFileAttributes;
}

DWORD WINAPI GetFileAttributesW(LPCWSTR lpFileName)
{
	struct iocpi_name name;

	return narrow(lpFileName, &name) ? GetFileAttributesA(name.name) : INVALID_FILE_ATTRIBUTES;
}

BOOL WINAPI GetFileInformationByHandle(HANDLE hFile, LPBY_HANDLE_FILE_INFORMATION lpFileInformation)
{
	struct iocpi_file *f = iocpi_file_get(hFile, OBJ_USER);
	WIN32_FILE_ATTRIBUTE_DATA d;
	struct statx st;
	int err = 0;

	if (!f)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	if (statx(f->fd, "", AT_EMPTY_PATH, STAT_MASK, &st))
		err = errno;
	iocpi_file_put(f, OBJ_USER);
	if (err)
		return iocpi_fail_errno(err);
	fill_data(&st, attributes_of(&st), &d);
	*lpFileInformation = (BY_HANDLE_FILE_INFORMATION){
		.dwFileAttributes = d.dwFileAttributes,
		.ftCreationTime = d.ftCreationTime,
		.ftLastAccessTime = d.ftLastAccessTime,
		.ftLastWriteTime = d.ftLastWriteTime,
		.dwVolumeSerialNumber = makedev(st.stx_dev_major, st.stx_dev_minor),
		.nFileSizeHigh = d.nFileSizeHigh,
		.nFileSizeLow = d.nFileSizeLow,
		.nNumberOfLinks = st.stx_nlink,
		.nFileIndexHigh = st.stx_ino >> 32,
		.nFileIndexLow = st.stx_ino,
	};
	return TRUE;
}

/*
 * Directories.  A search is an object with a number; all names are read when it
 * begins, so that a program that changes the directory meets none twice.
 */
struct iocpi_search {
	struct iocpi_obj obj;
	int dir;			/* O_PATH */
	char *pattern;
	struct dirent **names;
	int nr, next;
};

_Static_assert(sizeof(struct iocpi_search) <= IOCPI_OBJ_SIZE, "slots are too small");

/* In the order of NTFS, as far as it is a program's business. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	int ret = strcasecmp((*a)->d_name, (*b)->d_name);

	return ret ? ret : strcmp((*a)->d_name, (*b)->d_name);
}

/* '*' is any string, '?' any character; "*.*" is everything. */
static bool matches(const char *pattern, const char *name)
{
	const char *star = NULL, *from = NULL;

	if (!strcmp(pattern, "*.*"))
		return true;
	for (;;) {
		if (*pattern == '*') {
			star = pattern++;
			from = name;
		} else if (*name && (*pattern == '?' || *pattern == *name)) {
			name++;
			/* A character of several bytes is one. */
			while (*pattern == '?' && (*name & 0xc0) == 0x80)
				name++;
			pattern++;
		} else if (!*name && !*pattern) {
			return true;
		} else if (!star || !*from) {
			return false;
		} else {
			/* The last star takes one more; those before have enough. */
			pattern = star + 1;
			name = ++from;
		}
	}
}

static void search_free(struct iocpi_search *s)
{
	while (s->nr)
		free(s->names[--s->nr]);
	free(s->names);
	free(s->pattern);
	if (s->dir >= 0)
		close(s->dir);
	iocpi_obj_free(&s->obj);
}

/* Not for a child of fork(): memory that it cannot know to be whole is left. */
void iocpi_search_fork_end(struct iocpi_obj *obj)
{
	close(container_of(obj, struct iocpi_search, obj)->dir);
}

/* 0 and the next name that matches; or a Win32 code. */
static DWORD search_next(struct iocpi_search *s, WIN32_FILE_ATTRIBUTE_DATA *d, const char **name)
{
	DWORD attributes;
	struct statx st;

	while (s->next < s->nr) {
		*name = s->names[s->next++]->d_name;
		if (!matches(s->pattern, *name))
			continue;
		/* It may be gone meanwhile. */
		if (stat_name(s->dir, *name, &st, &attributes))
			continue;
		fill_data(&st, attributes, d);
		return 0;
	}
	return ERROR_NO_MORE_FILES;
}

/* Splits @path, reads the directory.  0 or a Win32 code. */
static DWORD search_begin(struct iocpi_search *s, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *last = slash ? slash + 1 : path;
	char *dir;

	s->dir = -1;
	if (!*last)
		return ERROR_FILE_NOT_FOUND;
	s->pattern = strdup(last);
	dir = slash ? strndup(path, last - path) : strdup(".");
	if (!s->pattern || !dir) {
		free(dir);
		return ERROR_NOT_ENOUGH_MEMORY;
	}
	s->dir = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	s->nr = s->dir < 0 ? -1 : scandirat(s->dir, ".", &s->names, NULL, by_name);
	free(dir);
	if (s->nr >= 0)
		return 0;
	s->nr = 0;
	if (errno == ENOENT || errno == ENOTDIR)
		return ERROR_PATH_NOT_FOUND;
	return iocp_status_to_win32(iocp_errno_to_status(errno));
}

static HANDLE find_first(const char *path, WIN32_FILE_ATTRIBUTE_DATA *d, const char **name)
{
	struct iocpi_search *s;
	struct iocpi_obj *obj;
	DWORD code;

	if (no_name(path))
		return INVALID_HANDLE_VALUE;
	obj = iocpi_obj_alloc(IOCPI_SEARCH);
	if (!obj) {
		iocpi_fail_errno(ENOMEM);
		return INVALID_HANDLE_VALUE;
	}
	iocpi_once_fork();
	s = container_of(obj, struct iocpi_search, obj);
	code = search_begin(s, path);
	if (!code && search_next(s, d, name))
		code = ERROR_FILE_NOT_FOUND;
	if (code) {
		search_free(s);
		iocpi_fail(code);
		return INVALID_HANDLE_VALUE;
	}
	iocpi_obj_open(obj, 0);
	return (HANDLE)(uintptr_t)iocpi_obj_id(obj);
}

static void search_put(struct iocpi_search *s)
{
	if (!(iocpi_obj_put(&s->obj, OBJ_USER) & OBJ_REFS))
		search_free(s);
}

/* A program gives a search to one thread at a time; the name is its until the put. */
static struct iocpi_search *find_next(HANDLE h, WIN32_FILE_ATTRIBUTE_DATA *d, const char **name)
{
	struct iocpi_obj *obj = iocpi_obj_get(handle_id(h), IOCPI_SEARCH, OBJ_USER);
	struct iocpi_search *s;
	DWORD code;

	if (!obj) {
		iocpi_fail(ERROR_INVALID_HANDLE);
		return NULL;
	}
	s = container_of(obj, struct iocpi_search, obj);
	code = search_next(s, d, name);
	if (!code)
		return s;
	search_put(s);
	iocpi_fail(code);
	return NULL;
}

/* The two structures differ in the type of the name. */
#define FILL_FOUND(found, d) do {						\
	memset((found), 0, sizeof(*(found)));					\
	(found)->dwFileAttributes = (d)->dwFileAttributes;			\
	(found)->ftCreationTime = (d)->ftCreationTime;				\
	(found)->ftLastAccessTime = (d)->ftLastAccessTime;			\
	(found)->ftLastWriteTime = (d)->ftLastWriteTime;			\
	(found)->nFileSizeHigh = (d)->nFileSizeHigh;				\
	(found)->nFileSizeLow = (d)->nFileSizeLow;				\
	if ((d)->dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT)		\
		(found)->dwReserved0 = IO_REPARSE_TAG_SYMLINK;			\
} while (0)

static void fill_a(LPWIN32_FIND_DATAA found, const WIN32_FILE_ATTRIBUTE_DATA *d, const char *name)
{
	FILL_FOUND(found, d);
	strncpy(found->cFileName, name, sizeof(found->cFileName) - 1);
}

static void fill_w(LPWIN32_FIND_DATAW found, const WIN32_FILE_ATTRIBUTE_DATA *d, const char *name)
{
	FILL_FOUND(found, d);
	iocpi_utf8_to_16(name, strlen(name), found->cFileName, MAX_PATH - 1, UTF_NAME);
}

HANDLE WINAPI FindFirstFileA(LPCSTR lpFileName, LPWIN32_FIND_DATAA lpFindFileData)
{
	WIN32_FILE_ATTRIBUTE_DATA d;
	const char *name;
	HANDLE h = find_first(lpFileName, &d, &name);

	if (h != INVALID_HANDLE_VALUE)
		fill_a(lpFindFileData, &d, name);
	return h;
}

HANDLE WINAPI FindFirstFileW(LPCWSTR lpFileName, LPWIN32_FIND_DATAW lpFindFileData)
{
	WIN32_FILE_ATTRIBUTE_DATA d;
	struct iocpi_name pattern;
	const char *name;
	HANDLE h;

	if (!narrow(lpFileName, &pattern))
		return INVALID_HANDLE_VALUE;
	h = find_first(pattern.name, &d, &name);
	if (h != INVALID_HANDLE_VALUE)
		fill_w(lpFindFileData, &d, name);
	return h;
}

BOOL WINAPI FindNextFileA(HANDLE hFindFile, LPWIN32_FIND_DATAA lpFindFileData)
{
	WIN32_FILE_ATTRIBUTE_DATA d;
	const char *name;
	struct iocpi_search *s = find_next(hFindFile, &d, &name);

	if (!s)
		return FALSE;
	fill_a(lpFindFileData, &d, name);
	search_put(s);
	return TRUE;
}

BOOL WINAPI FindNextFileW(HANDLE hFindFile, LPWIN32_FIND_DATAW lpFindFileData)
{
	WIN32_FILE_ATTRIBUTE_DATA d;
	const char *name;
	struct iocpi_search *s = find_next(hFindFile, &d, &name);

	if (!s)
		return FALSE;
	fill_w(lpFindFileData, &d, name);
	search_put(s);
	return TRUE;
}

BOOL WINAPI FindClose(HANDLE hFindFile)
{
	struct iocpi_obj *obj = iocpi_obj_close(handle_id(hFindFile), IOCPI_SEARCH, OBJ_USER, NULL);

	if (!obj)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	search_put(container_of(obj, struct iocpi_search, obj));
	return TRUE;
}
