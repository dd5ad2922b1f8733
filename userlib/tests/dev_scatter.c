// SPDX-License-Identifier: GPL-2.0-only
/* ReadFileScatter, WriteFileGather and DeviceIoControl. */
#include "dev.h"

#include <iocp.h>
#include <sys/ioctl.h>
#include <linux/fs.h>
#include <windows.h>
#include <winioctl.h>

#define PAGES	64
#define KEY	((ULONG_PTR)5)
#define LONG_MS	30000

#define CHECK_FAILS(call, code) do {					\
	SetLastError(0xdeadbeef);					\
	CHECK(!(call));							\
	CHECK_EQ(GetLastError(), code);					\
} while (0)

static size_t page;

static HANDLE open_file(const char *path, DWORD access, DWORD flags)
{
	HANDLE h = CreateFileA(path, access, 0, NULL, OPEN_EXISTING, flags, NULL);

	CHECK(h != INVALID_HANDLE_VALUE);
	return h;
}

/* Direct where the file system can; SKIP where it cannot. */
static HANDLE open_direct(const char *path)
{
	HANDLE h = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
			       FILE_FLAG_OVERLAPPED | FILE_FLAG_NO_BUFFERING, NULL);

	if (h == INVALID_HANDLE_VALUE && GetLastError() == ERROR_INVALID_PARAMETER)
		SKIP("no direct I/O here");
	CHECK(h != INVALID_HANDLE_VALUE);
	return h;
}

static char *pages(unsigned int nr)
{
	void *p;

	page = sysconf(_SC_PAGESIZE);
	CHECK_EQ(posix_memalign(&p, page, nr * page), 0);
	return p;
}

static void finish(HANDLE h, OVERLAPPED *o, DWORD want)
{
	DWORD n;

	CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
	CHECK(GetOverlappedResult(h, o, &n, TRUE));
	CHECK_EQ(n, want);
}

/* Pages backwards, so that none follows the one before; the file forwards. */
TEST(pages_in_any_order)
{
	char *buf = pages(PAGES), *out = pages(PAGES);
	FILE_SEGMENT_ELEMENT in[PAGES + 1] = { 0 };
	const char *path = dev_file(dev_path("scatter"), PAGES * page);
	HANDLE h = open_direct(path);
	OVERLAPPED o = { 0 };
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		in[i].Buffer = buf + (PAGES - 1 - i) * page;
	CHECK(!ReadFileScatter(h, in, PAGES * page, NULL, &o));
	finish(h, &o, PAGES * page);
	for (i = 0; i < PAGES; i++)
		CHECK(dev_holds(in[i].Buffer, page, i * page));

	/* written the other way round: what follows each other is one piece */
	for (i = 0; i < PAGES; i++)
		in[i].Buffer = buf + i * page;
	CHECK(!WriteFileGather(h, in, PAGES * page, NULL, &o));
	finish(h, &o, PAGES * page);
	CHECK(!ReadFile(h, out, PAGES * page, NULL, &o));
	finish(h, &o, PAGES * page);
	for (i = 0; i < PAGES; i++)
		CHECK(dev_holds(out + i * page, page, (PAGES - 1 - i) * page));

	/* OV-16: two pages of a file that has one more */
	o.Offset = (PAGES - 1) * page;
	CHECK(!ReadFileScatter(h, in, 2 * page, NULL, &o));
	finish(h, &o, page);
	CHECK(dev_holds(buf, page, 0));
	CHECK(CloseHandle(h));
	unlink(path);
	free(buf);
	free(out);
}

TEST(scatter_refused)
{
	char *buf = pages(2);
	FILE_SEGMENT_ELEMENT in[2] = { { .Buffer = buf }, { .Buffer = buf + page } };
	const char *path = dev_file(dev_path("scatter"), 4 * page);
	HANDLE h = open_file(path, GENERIC_READ, FILE_FLAG_OVERLAPPED);
	OVERLAPPED o = { 0 };

	CHECK_FAILS(ReadFileScatter(h, in, page, NULL, &o), ERROR_INVALID_PARAMETER);
	CHECK(CloseHandle(h));
	CHECK_FAILS(ReadFileScatter(h, in, page, NULL, &o), ERROR_INVALID_HANDLE);
	h = open_direct(path);
	CHECK_FAILS(ReadFileScatter(h, in, page, NULL, NULL), ERROR_INVALID_PARAMETER);
	CHECK_FAILS(ReadFileScatter(h, NULL, page, NULL, &o), ERROR_INVALID_PARAMETER);
	in[1].Buffer = NULL;
	CHECK_FAILS(ReadFileScatter(h, in, 2 * page, NULL, &o), ERROR_NOACCESS);
	in[1].Buffer = buf + 512;
	CHECK_FAILS(ReadFileScatter(h, in, 2 * page, NULL, &o), ERROR_INVALID_PARAMETER);
	CHECK(CloseHandle(h));
	unlink(path);
	free(buf);
}

static unsigned int calls;

static VOID CALLBACK count_call(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
				ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	(void)instance;
	(void)context;
	(void)overlapped;
	(void)io;
	CHECK_EQ(result, NO_ERROR);
	CHECK_EQ(bytes, 2 * page);
	ADD(calls, 1);
}

TEST(scatter_calls_back)
{
	char *buf = pages(3);
	FILE_SEGMENT_ELEMENT in[2] = { { .Buffer = buf + 2 * page }, { .Buffer = buf } };
	const char *path = dev_file(dev_path("scatter"), 4 * page);
	HANDLE h = open_direct(path);
	PTP_IO io = CreateThreadpoolIo(h, count_call, NULL, NULL);
	OVERLAPPED o = { 0 };

	CHECK(io);
	StartThreadpoolIo(io);
	CHECK_FAILS(ReadFileScatter(h, in, 2 * page, NULL, &o), ERROR_IO_PENDING);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CHECK_EQ(GET(calls), 1);
	CHECK(dev_holds(buf + 2 * page, page, 0));
	CHECK(dev_holds(buf, page, page));
	CHECK(CloseHandle(h));
	CloseThreadpoolIo(io);
	unlink(path);
	free(buf);
}

#define MIB	(1 << 20)

static BOOL control(HANDLE h, DWORD code, const void *in, DWORD in_len, void *out, DWORD out_len,
		    DWORD *n)
{
	return DeviceIoControl(h, code, (void *)(uintptr_t)in, in_len, out, out_len, n, NULL);
}

/* A hole is punched, is zero, and is not among the ranges. */
TEST(holes)
{
	const char *path = dev_file(dev_path("holes"), 4 * MIB);
	HANDLE h = open_file(path, GENERIC_READ | GENERIC_WRITE, 0);
	FILE_ALLOCATED_RANGE_BUFFER all = { .Length.QuadPart = 16 * MIB }, ranges[4];
	FILE_ZERO_DATA_INFORMATION zero = {
		.FileOffset.QuadPart = MIB,
		.BeyondFinalZero.QuadPart = 2 * MIB,
	};
	LARGE_INTEGER here = { .QuadPart = 77 }, at = { 0 };
	static char buf[MIB];
	DWORD n;
	int i;

	CHECK(SetFilePointerEx(h, here, NULL, FILE_BEGIN));
	CHECK(control(h, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &n));
	CHECK(control(h, FSCTL_SET_ZERO_DATA, &zero, sizeof(zero), NULL, 0, &n));
	CHECK_EQ(n, 0);
	CHECK(control(h, FSCTL_QUERY_ALLOCATED_RANGES, &all, sizeof(all), ranges, sizeof(ranges),
		      &n));
	CHECK_EQ(n, 2 * sizeof(ranges[0]));
	CHECK_EQ(ranges[0].FileOffset.QuadPart, 0);
	CHECK_EQ(ranges[0].Length.QuadPart, MIB);
	CHECK_EQ(ranges[1].FileOffset.QuadPart, 2 * MIB);
	CHECK_EQ(ranges[1].Length.QuadPart, 2 * MIB);
	/* the pointer is where it was */
	CHECK(SetFilePointerEx(h, at, &at, FILE_CURRENT));
	CHECK_EQ(at.QuadPart, 77);
	at.QuadPart = MIB;
	CHECK(SetFilePointerEx(h, at, NULL, FILE_BEGIN));
	CHECK(ReadFile(h, buf, MIB, &n, NULL));
	for (i = 0; i < MIB; i++)
		CHECK(!buf[i]);
	/* not enough room, none, and a part */
	CHECK_FAILS(control(h, FSCTL_QUERY_ALLOCATED_RANGES, &all, sizeof(all), ranges,
			    sizeof(ranges[0]), &n), ERROR_MORE_DATA);
	CHECK_EQ(n, sizeof(ranges[0]));
	CHECK_FAILS(control(h, FSCTL_QUERY_ALLOCATED_RANGES, &all, sizeof(all), ranges, 8, &n),
		    ERROR_INSUFFICIENT_BUFFER);
	all.FileOffset.QuadPart = MIB;
	all.Length.QuadPart = MIB;
	CHECK(control(h, FSCTL_QUERY_ALLOCATED_RANGES, &all, sizeof(all), NULL, 0, &n));
	CHECK_EQ(n, 0);
	/* beyond the end it stays short */
	zero.FileOffset.QuadPart = 3 * MIB;
	zero.BeyondFinalZero.QuadPart = 32 * MIB;
	CHECK(control(h, FSCTL_SET_ZERO_DATA, &zero, sizeof(zero), NULL, 0, &n));
	CHECK_EQ(GetFileSize(h, NULL), 4 * MIB);
	zero.BeyondFinalZero.QuadPart = MIB;
	CHECK_FAILS(control(h, FSCTL_SET_ZERO_DATA, &zero, sizeof(zero), NULL, 0, &n),
		    ERROR_INVALID_PARAMETER);
	CHECK_FAILS(control(h, FSCTL_SET_ZERO_DATA, &zero, 8, NULL, 0, &n),
		    ERROR_INVALID_PARAMETER);
	/* codes of disks, unknown ones, and rights */
	CHECK_FAILS(control(h, IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, buf, 64, &n),
		    ERROR_INVALID_FUNCTION);
	CHECK_FAILS(control(h, 0x12345678, NULL, 0, buf, 64, &n), ERROR_INVALID_FUNCTION);
	CHECK_FAILS(control(h, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, NULL), ERROR_INVALID_PARAMETER);
	CHECK(CloseHandle(h));
	CHECK_FAILS(control(h, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &n), ERROR_INVALID_HANDLE);
	h = open_file(path, GENERIC_READ, 0);
	CHECK_FAILS(control(h, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &n), ERROR_ACCESS_DENIED);
	CHECK(CloseHandle(h));
	unlink(path);
}

/* NM-5, NM-8, NM-9 of what is done in the call. */
TEST(control_and_packets)
{
	const char *path = dev_file(dev_path("control"), 4 * MIB);
	HANDLE h = open_file(path, GENERIC_READ | GENERIC_WRITE, FILE_FLAG_OVERLAPPED), port;
	FILE_ALLOCATED_RANGE_BUFFER all = { .Length.QuadPart = 4 * MIB }, ranges[4];
	FILE_ZERO_DATA_INFORMATION zero = {
		.FileOffset.QuadPart = MIB,
		.BeyondFinalZero.QuadPart = 2 * MIB,
	};
	HANDLE event = CreateEventA(NULL, TRUE, FALSE, NULL);
	OVERLAPPED o = { .hEvent = event }, *got;
	ULONG_PTR key;
	DWORD n;

	/* without a port */
	CHECK(DeviceIoControl(h, FSCTL_SET_ZERO_DATA, &zero, sizeof(zero), NULL, 0, NULL, &o));
	CHECK_EQ(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
	CHECK(GetOverlappedResult(h, &o, &n, FALSE));
	port = CreateIoCompletionPort(h, NULL, KEY, 0);
	CHECK(port);
	o.hEvent = NULL;
	CHECK(DeviceIoControl(h, FSCTL_QUERY_ALLOCATED_RANGES, &all, sizeof(all), ranges,
			      sizeof(ranges), &n, &o));
	CHECK(GetQueuedCompletionStatus(port, &n, &key, &got, LONG_MS));
	CHECK(got == &o);
	CHECK_EQ(key, KEY);
	CHECK_EQ(n, 2 * sizeof(ranges[0]));
	/* a warning queues a packet */
	CHECK_FAILS(DeviceIoControl(h, FSCTL_QUERY_ALLOCATED_RANGES, &all, sizeof(all), ranges,
				    sizeof(ranges[0]), &n, &o), ERROR_MORE_DATA);
	CHECK_FAILS(GetQueuedCompletionStatus(port, &n, &key, &got, LONG_MS), ERROR_MORE_DATA);
	CHECK(got == &o);
	CHECK_EQ(n, sizeof(ranges[0]));
	/* an error does not */
	CHECK_FAILS(DeviceIoControl(h, 1, NULL, 0, NULL, 0, &n, &o), ERROR_INVALID_FUNCTION);
	CHECK_FAILS(GetQueuedCompletionStatus(port, &n, &key, &got, 20), WAIT_TIMEOUT);
	CHECK(SetFileCompletionNotificationModes(h, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS));
	CHECK(DeviceIoControl(h, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &n, &o));
	CHECK_FAILS(GetQueuedCompletionStatus(port, &n, &key, &got, 20), WAIT_TIMEOUT);
	CHECK(CloseHandle(h));
	CHECK(CloseHandle(port));
	unlink(path);
}

TEST(disks)
{
	const char *path = getenv("IOCP_BLK");
	STORAGE_PROPERTY_QUERY query = { .PropertyId = StorageAccessAlignmentProperty };
	STORAGE_ACCESS_ALIGNMENT_DESCRIPTOR align;
	GET_LENGTH_INFORMATION length;
	uint64_t size;
	HANDLE h;
	DWORD n;
	int fd, sector;

	if (!path)
		SKIP("IOCP_BLK is not set");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_EQ(ioctl(fd, BLKGETSIZE64, &size), 0);
	CHECK_EQ(ioctl(fd, BLKSSZGET, &sector), 0);
	close(fd);
	h = open_file(path, GENERIC_READ, 0);
	CHECK(control(h, IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, &length, sizeof(length), &n));
	CHECK_EQ(n, sizeof(length));
	CHECK_EQ(length.Length.QuadPart, size);
	CHECK(control(h, IOCTL_STORAGE_QUERY_PROPERTY, &query, sizeof(query), &align,
		      sizeof(align), &n));
	CHECK_EQ(n, sizeof(align));
	CHECK_EQ(align.BytesPerLogicalSector, sector);
	CHECK(align.BytesPerPhysicalSector >= align.BytesPerLogicalSector);
	CHECK_FAILS(control(h, IOCTL_DISK_GET_LENGTH_INFO, NULL, 0, &length, 4, &n),
		    ERROR_INSUFFICIENT_BUFFER);
	query.PropertyId = 0;
	CHECK_FAILS(control(h, IOCTL_STORAGE_QUERY_PROPERTY, &query, sizeof(query), &align,
			    sizeof(align), &n), ERROR_NOT_SUPPORTED);
	CHECK_FAILS(control(h, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &n), ERROR_INVALID_FUNCTION);
	CHECK(CloseHandle(h));
}
