// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * control.c - DeviceIoControl, for the codes that Linux has the same thing for.
 *
 * All are done in the call; on an overlapped handle the end is told as of any other
 * operation.  A code that is not here, or not for this kind of file, is 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "win.h"

struct control {
	struct iocpi_file *f;
	struct stat st;
	const void *in;
	size_t in_len;
	void *out;
	size_t out_len;
	size_t done;		/* bytes of out */
	int err;		/* behind a status that errno_status() made */
};

static NTSTATUS errno_status(struct control *c, int err)
{
	c->err = err;
	return iocp_errno_to_status(err);
}

/* Every file may have holes, whether anybody said so or not; this one keeps them. */
static NTSTATUS set_sparse(struct control *c)
{
	const FILE_SET_SPARSE_BUFFER *set = c->in;

	if (c->in_len >= sizeof(*set) && !set->SetSparse)
		return STATUS_NOT_SUPPORTED;
	return STATUS_SUCCESS;
}

static NTSTATUS set_zero_data(struct control *c)
{
	FILE_ZERO_DATA_INFORMATION range;
	off_t start, end;

	if (c->in_len < sizeof(range))
		return STATUS_INVALID_PARAMETER;
	memcpy(&range, c->in, sizeof(range));
	start = range.FileOffset.QuadPart;
	end = range.BeyondFinalZero.QuadPart;
	if (start < 0 || end < start)
		return STATUS_INVALID_PARAMETER;
	/* What is beyond the end of the file is zero and stays beyond it. */
	if (S_ISREG(c->st.st_mode) && end > c->st.st_size)
		end = c->st.st_size;
	if (start < end && fallocate(c->f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, start,
				     end - start))
		return errno_status(c, errno);
	return STATUS_SUCCESS;
}

/* An open file of its own: looking for data moves the file pointer. */
static int open_again(const struct iocpi_file *f)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", f->fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static NTSTATUS fill_ranges(struct control *c, int fd, off_t at, off_t end)
{
	FILE_ALLOCATED_RANGE_BUFFER range;
	off_t hole;

	for (; at < end; at = hole) {
		at = lseek(fd, at, SEEK_DATA);
		if (at < 0)
			return errno == ENXIO ? STATUS_SUCCESS : errno_status(c, errno);
		if (at >= end)
			break;
		hole = lseek(fd, at, SEEK_HOLE);
		if (hole < 0)
			return errno_status(c, errno);
		if (hole > end)
			hole = end;
		if (c->out_len - c->done < sizeof(range))
			return c->done ? STATUS_BUFFER_OVERFLOW : STATUS_BUFFER_TOO_SMALL;
		range.FileOffset.QuadPart = at;
		range.Length.QuadPart = hole - at;
		memcpy((char *)c->out + c->done, &range, sizeof(range));
		c->done += sizeof(range);
	}
	return STATUS_SUCCESS;
}

static NTSTATUS query_allocated_ranges(struct control *c)
{
	FILE_ALLOCATED_RANGE_BUFFER range;
	NTSTATUS status;
	int fd;

	if (c->in_len < sizeof(range))
		return STATUS_INVALID_PARAMETER;
	memcpy(&range, c->in, sizeof(range));
	if (range.FileOffset.QuadPart < 0 || range.Length.QuadPart < 0 ||
	    range.Length.QuadPart > INT64_MAX - range.FileOffset.QuadPart)
		return STATUS_INVALID_PARAMETER;
	fd = open_again(c->f);
	if (fd < 0)
		return errno_status(c, errno);
	status = fill_ranges(c, fd, range.FileOffset.QuadPart,
			     range.FileOffset.QuadPart + range.Length.QuadPart);
	close(fd);
	return status;
}

static NTSTATUS give(struct control *c, const void *result, size_t len)
{
	if (c->out_len < len)
		return STATUS_BUFFER_TOO_SMALL;
	memcpy(c->out, result, len);
	c->done = len;
	return STATUS_SUCCESS;
}

static NTSTATUS get_length(struct control *c)
{
	GET_LENGTH_INFORMATION info;
	uint64_t size;

	if (ioctl(c->f->fd, BLKGETSIZE64, &size))
		return errno_status(c, errno);
	info.Length.QuadPart = size;
	return give(c, &info, sizeof(info));
}

static NTSTATUS query_property(struct control *c)
{
	STORAGE_ACCESS_ALIGNMENT_DESCRIPTOR d = { .Version = sizeof(d), .Size = sizeof(d) };
	const STORAGE_PROPERTY_QUERY *query = c->in;
	unsigned int physical;
	int logical, offset;

	if (c->in_len < offsetof(STORAGE_PROPERTY_QUERY, AdditionalParameters))
		return STATUS_INVALID_PARAMETER;
	if (query->PropertyId != StorageAccessAlignmentProperty ||
	    query->QueryType != PropertyStandardQuery)
		return STATUS_NOT_SUPPORTED;
	if (ioctl(c->f->fd, BLKSSZGET, &logical) || ioctl(c->f->fd, BLKPBSZGET, &physical) ||
	    ioctl(c->f->fd, BLKALIGNOFF, &offset))
		return errno_status(c, errno);
	d.BytesPerLogicalSector = logical;
	d.BytesPerPhysicalSector = physical;
	d.BytesOffsetForSectorAlignment = offset > 0 ? offset : 0;
	return give(c, &d, sizeof(d));
}

static const struct code {
	DWORD code;
	uint32_t access;
	bool file, disk;
	NTSTATUS (*run)(struct control *c);
} codes[] = {
	{ FSCTL_SET_SPARSE, FILE_WRITE_DATA, true, false, set_sparse },
	{ FSCTL_SET_ZERO_DATA, FILE_WRITE_DATA, true, true, set_zero_data },
	{ FSCTL_QUERY_ALLOCATED_RANGES, FILE_READ_DATA, true, false, query_allocated_ranges },
	{ IOCTL_DISK_GET_LENGTH_INFO, FILE_READ_DATA, false, true, get_length },
	{ IOCTL_STORAGE_QUERY_PROPERTY, 0, false, true, query_property },
};

static NTSTATUS run_control(struct control *c, DWORD code)
{
	size_t i;

	if (fstat(c->f->fd, &c->st))
		return errno_status(c, errno);
	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		if (codes[i].code != code || !(S_ISREG(c->st.st_mode) ? codes[i].file :
					       S_ISBLK(c->st.st_mode) && codes[i].disk))
			continue;
		if (codes[i].access & ~c->f->access)
			return STATUS_ACCESS_DENIED;
		return codes[i].run(c);
	}
	return STATUS_INVALID_DEVICE_REQUEST;
}

BOOL WINAPI DeviceIoControl(HANDLE hDevice, DWORD dwIoControlCode, LPVOID lpInBuffer,
			    DWORD nInBufferSize, LPVOID lpOutBuffer, DWORD nOutBufferSize,
			    LPDWORD lpBytesReturned, LPOVERLAPPED lpOverlapped)
{
	struct control c = {
		.in = lpInBuffer,
		.in_len = lpInBuffer ? nInBufferSize : 0,
		.out = lpOutBuffer,
		.out_len = lpOutBuffer ? nOutBufferSize : 0,
	};
	NTSTATUS status;

	if (lpBytesReturned)
		*lpBytesReturned = 0;
	c.f = iocpi_file_get(hDevice, OBJ_USER + OBJ_OP);
	if (!c.f)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	if (!lpOverlapped && (c.f->overlapped || !lpBytesReturned)) {
		iocpi_file_put(c.f, OBJ_USER + OBJ_OP);
		return iocpi_fail(ERROR_INVALID_PARAMETER);
	}
	if (lpOverlapped && !iocpi_overlapped_begin(c.f, lpOverlapped)) {
		iocpi_file_put(c.f, OBJ_USER + OBJ_OP);
		return FALSE;
	}
	status = run_control(&c, dwIoControlCode);
	if (lpBytesReturned)
		*lpBytesReturned = c.done;
	return iocpi_overlapped_end(c.f, lpOverlapped, status, c.err, c.done);
}
