// SPDX-License-Identifier: GPL-2.0-only
/* Thread pool I/O with the Windows names: every fact TP-1 ... TP-16, TP-19 ... 21, and TP-23. */
#include "dev.h"

#include <sched.h>
#include <iocp.h>
#include <windows.h>

#define BLOCK	4096

struct op {
	OVERLAPPED ov;			/* first: the callback gets its address */
	char buf[BLOCK];
	ULONG result;
	ULONG_PTR bytes;
	PTP_IO io;
	int raw;
};

static unsigned int calls;

static VOID CALLBACK record(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			    ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	struct op *o = overlapped;

	CHECK(instance);
	CHECK(context == &calls);
	CHECK(o->ov.Internal != (ULONG_PTR)STATUS_PENDING);
	CHECK_EQ(o->ov.InternalHigh, bytes);
	CHECK_EQ(iocp_status_to_win32(o->ov.Internal), result);
	CHECK_EQ(iocp_callback_packet(instance)->info, bytes);
	CHECK_EQ(iocp_callback_packet(instance)->overlapped & ~1ULL, (uintptr_t)overlapped);
	o->raw = iocp_callback_packet(instance)->res;
	CHECK_EQ(iocp_last_errno(), -o->raw);
	o->result = result;
	o->bytes = bytes;
	o->io = io;
	ADD(calls, 1);
}

static HANDLE open_file(const char *path, DWORD access, DWORD flags)
{
	HANDLE h = CreateFileA(path, access, FILE_SHARE_READ, NULL, OPEN_EXISTING,
			       FILE_FLAG_OVERLAPPED | flags, NULL);

	CHECK(h != INVALID_HANDLE_VALUE);
	return h;
}

static const char *data_file(size_t len)
{
	return dev_file(dev_path("data"), len);
}

/* A pipe's ends: reading overlapped, writing as a descriptor. */
static HANDLE open_pipe(int *write_fd)
{
	HANDLE h;
	int fds[2];

	CHECK_EQ(pipe2(fds, O_CLOEXEC), 0);
	h = (HANDLE)_get_osfhandle(fds[0]);
	CHECK(h != INVALID_HANDLE_VALUE);
	close(fds[0]);
	*write_fd = fds[1];
	return h;
}

static PTP_IO make_io(HANDLE h)
{
	PTP_IO io = CreateThreadpoolIo(h, record, &calls, NULL);

	CHECK(io);
	return io;
}

static void start_read(PTP_IO io, HANDLE h, struct op *o, DWORD len, uint64_t off)
{
	memset(&o->ov, 0, sizeof(o->ov));
	o->ov.Offset = off;
	o->ov.OffsetHigh = off >> 32;
	StartThreadpoolIo(io);
	CHECK(!ReadFile(h, o->buf, len, NULL, &o->ov));
	CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
}

TEST(tp_1_create)
{
	const char *path = data_file(BLOCK);
	HANDLE h, plain, port;
	PTP_IO io;
	int fd;

	h = open_file(path, GENERIC_READ, 0);
	CHECK(!CreateThreadpoolIo(h, NULL, NULL, NULL));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	SetLastError(0xdeadbeef);
	io = CreateThreadpoolIo(h, record, NULL, NULL);
	CHECK(io);
	CHECK_EQ(GetLastError(), 0xdeadbeef);
	/* one file object, one TP_IO, for life */
	CHECK(!CreateThreadpoolIo(h, record, NULL, NULL));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	CloseThreadpoolIo(io);
	CHECK(!CreateThreadpoolIo(h, record, NULL, NULL));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	CHECK(!CreateIoCompletionPort(h, NULL, 0, 0));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	/* by whatever descriptor */
	fd = _open_osfhandle((intptr_t)h, O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK(!CreateThreadpoolIo((HANDLE)_get_osfhandle(fd), record, NULL, NULL));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	close(fd);
	CHECK(CloseHandle(h));
	CHECK(!CreateThreadpoolIo(h, record, NULL, NULL));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);

	/* not overlapped; in a port already; a port */
	plain = CreateFileA(path, GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
	CHECK(plain != INVALID_HANDLE_VALUE);
	CHECK(!CreateThreadpoolIo(plain, record, NULL, NULL));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	CloseHandle(plain);
	h = open_file(path, GENERIC_READ, 0);
	port = CreateIoCompletionPort(h, NULL, 0, 0);
	CHECK(port);
	CHECK(!CreateThreadpoolIo(h, record, NULL, NULL));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	CHECK(!CreateThreadpoolIo(port, record, NULL, NULL));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
	CloseHandle(h);
	CloseHandle(port);
	unlink(path);
}

TEST(tp_2_callback_arguments)
{
	const char *path = data_file(BLOCK);
	HANDLE h = open_file(path, GENERIC_READ, 0), pipe;
	PTP_IO io = make_io(h), pipe_io;
	struct op o;
	int wr;

	start_read(io, h, &o, 100, 50);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CHECK_EQ(calls, 1);
	CHECK_EQ(o.result, NO_ERROR);
	CHECK_EQ(o.bytes, 100);
	CHECK(o.io == io);
	CHECK(dev_holds(o.buf, 100, 50));
	/* OV-15, OV-16 */
	start_read(io, h, &o, 100, BLOCK - 30);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CHECK_EQ(o.result, NO_ERROR);
	CHECK_EQ(o.bytes, 30);
	start_read(io, h, &o, 100, BLOCK);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CHECK_EQ(o.result, ERROR_HANDLE_EOF);
	CHECK_EQ(o.bytes, 0);
	CHECK_EQ(o.ov.Internal, 0xC0000011);
	start_read(io, h, &o, 0, BLOCK);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CHECK_EQ(o.result, NO_ERROR);
	CHECK_EQ(o.bytes, 0);
	/* OV-5: the offset is the program's */
	CHECK_EQ(o.ov.Offset, BLOCK);

	/* OV-17: the writers are gone, before and after the issue */
	pipe = open_pipe(&wr);
	pipe_io = make_io(pipe);
	start_read(pipe_io, pipe, &o, 100, 0);
	close(wr);
	WaitForThreadpoolIoCallbacks(pipe_io, FALSE);
	CHECK_EQ(o.result, ERROR_BROKEN_PIPE);
	start_read(pipe_io, pipe, &o, 100, 0);
	WaitForThreadpoolIoCallbacks(pipe_io, FALSE);
	CHECK_EQ(o.result, ERROR_BROKEN_PIPE);
	CHECK_EQ(o.bytes, 0);
	CHECK_EQ(calls, 6);
	CloseHandle(h);
	CloseHandle(pipe);
	CloseThreadpoolIo(io);
	CloseThreadpoolIo(pipe_io);
	unlink(path);
}

static bool waiting, waited;
static unsigned int nr_waited;

static void *wait_false(void *io)
{
	SET(waiting, true);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	SET(waited, true);
	ADD(nr_waited, 1);
	return NULL;
}

/* A Start is a count, and Wait(FALSE) stays while it is not 0; any number waits. */
TEST(tp_3_5_starts_are_counted_and_waited_for)
{
	pthread_t t[3];
	struct op o[2];
	PTP_IO io;
	HANDLE h;
	int wr;
	size_t i;

	h = open_pipe(&wr);
	io = make_io(h);
	WaitForThreadpoolIoCallbacks(io, FALSE);	/* fresh: at once */
	start_read(io, h, &o[0], 4, 0);
	start_read(io, h, &o[1], 4, 0);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		CHECK_EQ(pthread_create(&t[i], NULL, wait_false, io), 0);
	WAIT_UNTIL(GET(waiting));
	CHECK_EQ(write(wr, "abcd", 4), 4);
	WAIT_UNTIL(GET(calls) == 1);
	dev_sleep_ms(50);
	CHECK(!GET(waited));
	CHECK_EQ(write(wr, "efgh", 4), 4);
	for (i = 0; i < ARRAY_SIZE(t); i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(nr_waited, ARRAY_SIZE(t));
	CHECK_EQ(calls, 2);
	CHECK(!memcmp(o[0].buf, "abcd", 4) && !memcmp(o[1].buf, "efgh", 4));
	CloseThreadpoolIo(io);
	CloseHandle(h);
}

/* TP-4, TP-11, NM-5, NM-8: when nothing follows, Cancel takes the Start back. */
TEST(tp_4_11_cancel_takes_a_start_back)
{
	const char *path = data_file(BLOCK);
	HANDLE h = open_file(path, GENERIC_READ, 0);
	PTP_IO io = make_io(h);
	struct op o;
	DWORD n = 77;

	memset(&o, 0, sizeof(o));
	/* at once refused: a bad buffer (OV-22), a bad offset (OV-7), no access */
	StartThreadpoolIo(io);
	CHECK(!ReadFile(h, (void *)1, 100, &n, &o.ov));
	CHECK_EQ(GetLastError(), ERROR_NOACCESS);
	CHECK_EQ(iocp_last_errno(), EFAULT);
	CHECK_EQ(n, 0);
	CHECK_EQ(o.ov.Internal, 0xC0000005);
	CancelThreadpoolIo(io);
	o.ov.Internal = 0x1234;
	o.ov.Offset = o.ov.OffsetHigh = 0xFFFFFFFF;
	StartThreadpoolIo(io);
	CHECK(!ReadFile(h, o.buf, 100, &n, &o.ov));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	CHECK_EQ(o.ov.Internal, 0x1234);
	CancelThreadpoolIo(io);
	StartThreadpoolIo(io);
	CHECK(!WriteFile(h, o.buf, 100, &n, &o.ov));
	CHECK_EQ(GetLastError(), ERROR_ACCESS_DENIED);
	CancelThreadpoolIo(io);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CHECK_EQ(calls, 0);

	/* immediate success under the skip mode: TRUE, no callback */
	CHECK(SetFileCompletionNotificationModes(h, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS));
	memset(&o, 0, sizeof(o));
	CHECK_EQ(pread(_open_osfhandle((intptr_t)h, O_CLOEXEC), o.buf, BLOCK, 0), BLOCK);
	StartThreadpoolIo(io);
	SetLastError(0xdeadbeef);
	CHECK(ReadFile(h, o.buf, 100, &n, &o.ov));
	CHECK_EQ(GetLastError(), 0xdeadbeef);
	CHECK_EQ(n, 100);
	CHECK_EQ(o.ov.Internal, 0);
	CHECK_EQ(o.ov.InternalHigh, 100);
	CancelThreadpoolIo(io);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	/* one Cancel too many is ignored (TR-1) */
	CancelThreadpoolIo(io);
	CloseThreadpoolIo(io);
	CloseHandle(h);
	unlink(path);
}

TEST(tp_6_7_wait_true_forgets)
{
	struct op o[3];
	PTP_IO io;
	HANDLE h;
	int wr;

	h = open_pipe(&wr);
	io = make_io(h);
	start_read(io, h, &o[0], 4, 0);
	WaitForThreadpoolIoCallbacks(io, TRUE);		/* returns, the read goes on */
	CHECK_EQ(GET(o[0].ov.Internal), (ULONG_PTR)STATUS_PENDING);
	CHECK_EQ(write(wr, "abcd", 4), 4);
	WAIT_UNTIL(GET(o[0].ov.Internal) == 0);
	CHECK(!memcmp(o[0].buf, "abcd", 4));
	/* what was forgotten is swallowed, what is started now calls back */
	start_read(io, h, &o[1], 4, 0);
	CHECK_EQ(write(wr, "efgh", 4), 4);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CHECK_EQ(calls, 1);
	CHECK_EQ(o[1].bytes, 4);
	/* TP-7: a forgotten Start without any I/O does not eat the next completion */
	StartThreadpoolIo(io);
	WaitForThreadpoolIoCallbacks(io, TRUE);
	start_read(io, h, &o[2], 4, 0);
	CHECK_EQ(write(wr, "ijkl", 4), 4);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CHECK_EQ(calls, 2);
	CHECK_EQ(iocp_stray_completions(), 0);
	CloseThreadpoolIo(io);
	CloseHandle(h);
}

TEST(tp_8_completion_without_start)
{
	uint64_t before = iocp_stray_completions();
	struct op o[2] = { 0 };
	PTP_IO io;
	HANDLE h;
	int wr;

	h = open_pipe(&wr);
	io = make_io(h);
	CHECK(!ReadFile(h, o[0].buf, 4, NULL, &o[0].ov));
	CHECK_EQ(GetLastError(), ERROR_IO_PENDING);
	CHECK_EQ(write(wr, "abcd", 4), 4);
	WAIT_UNTIL(iocp_stray_completions() == before + 1);
	/* Start, then Cancel, with an operation all the same */
	StartThreadpoolIo(io);
	CancelThreadpoolIo(io);
	CHECK(!ReadFile(h, o[1].buf, 4, NULL, &o[1].ov));
	CHECK_EQ(write(wr, "abcd", 4), 4);
	WAIT_UNTIL(iocp_stray_completions() == before + 2);
	CHECK_EQ(GET(o[1].ov.InternalHigh), 4);
	CHECK_EQ(calls, 0);
	CloseThreadpoolIo(io);
	CloseHandle(h);
}

/* TP-9: data that is there does not change that the callback comes. */
TEST(tp_9_immediate_success_calls_back)
{
	struct op o;
	PTP_IO io;
	HANDLE h;
	int wr;

	h = open_pipe(&wr);
	io = make_io(h);
	CHECK_EQ(write(wr, "abcd", 4), 4);
	start_read(io, h, &o, 4, 0);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CHECK_EQ(calls, 1);
	CHECK_EQ(o.bytes, 4);
	CloseThreadpoolIo(io);
	CloseHandle(h);
}

TEST(tp_10_cancelled_io_calls_back)
{
	struct op o[3];
	PTP_IO io;
	HANDLE h;
	int wr, i;

	h = open_pipe(&wr);
	io = make_io(h);
	CHECK(!CancelIoEx(h, NULL));
	CHECK_EQ(GetLastError(), ERROR_NOT_FOUND);
	for (i = 0; i < 3; i++)
		start_read(io, h, &o[i], 4, 0);
	SetLastError(0xdeadbeef);
	CHECK(CancelIoEx(h, &o[1].ov));
	CHECK_EQ(GetLastError(), 0xdeadbeef);
	WAIT_UNTIL(GET(calls) == 1);
	CHECK_EQ(o[1].result, ERROR_OPERATION_ABORTED);
	CHECK_EQ(o[1].bytes, 0);
	CHECK_EQ(o[1].raw, -ECANCELED);
	CHECK_EQ(o[1].ov.Internal, 0xC0000120);
	CHECK(!CancelIoEx(h, &o[1].ov));
	CHECK_EQ(GetLastError(), ERROR_NOT_FOUND);
	CHECK(CancelIoEx(h, NULL));
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CHECK_EQ(calls, 3);
	CHECK_EQ(o[0].result, ERROR_OPERATION_ABORTED);
	CHECK_EQ(o[2].result, ERROR_OPERATION_ABORTED);
	CloseThreadpoolIo(io);
	CloseHandle(h);
	CHECK(!CancelIoEx(h, NULL));
	CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
}

static pthread_barrier_t both;

static VOID CALLBACK meet(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			  ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	pthread_barrier_wait(&both);
	record(instance, context, overlapped, result, bytes, io);
}

TEST(tp_12_callbacks_run_at_once)
{
	const char *path = data_file(BLOCK);
	HANDLE h = open_file(path, GENERIC_READ, 0);
	struct op o[2];
	PTP_IO io;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP("one processor: one callback at a time");
	pthread_barrier_init(&both, NULL, 2);
	io = CreateThreadpoolIo(h, meet, &calls, NULL);
	CHECK(io);
	start_read(io, h, &o[0], 10, 0);
	start_read(io, h, &o[1], 10, 0);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CHECK_EQ(calls, 2);
	CHECK(o[0].io == io && o[1].io == io);
	CloseThreadpoolIo(io);
	CloseHandle(h);
	unlink(path);
}

static bool gate;

static VOID CALLBACK pass_gate(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			       ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	SET(waiting, true);
	WAIT_UNTIL(GET(gate));
	record(instance, context, overlapped, result, bytes, io);
}

/* TP-13, TP-15, TP-19: closing never waits, and what is outstanding still runs. */
TEST(tp_13_15_19_close_with_callbacks_outstanding)
{
	struct op o[2];
	PTP_IO io;
	HANDLE h;
	int wr;

	h = open_pipe(&wr);
	io = CreateThreadpoolIo(h, pass_gate, &calls, NULL);
	CHECK(io);
	start_read(io, h, &o[0], 4, 0);
	start_read(io, h, &o[1], 4, 0);
	CHECK_EQ(write(wr, "abcd", 4), 4);
	WAIT_UNTIL(GET(waiting));		/* one runs, one is in flight */
	CloseThreadpoolIo(io);
	SET(gate, true);
	CHECK_EQ(write(wr, "efgh", 4), 4);
	WAIT_UNTIL(GET(calls) == 2);
	CHECK(o[0].io == io && o[1].io == io);
	/* it takes nothing new */
	StartThreadpoolIo(io);
	CHECK(!ReadFile(h, o[0].buf, 4, NULL, &o[0].ov));
	CHECK_EQ(write(wr, "ijkl", 4), 4);
	WAIT_UNTIL(iocp_stray_completions() == 1);
	CHECK_EQ(calls, 2);
	CloseHandle(h);
}

/* TP-13: a Start forgotten by Wait(TRUE) delays the end, and nothing else. */
TEST(tp_13_close_with_a_forgotten_start)
{
	struct op o;
	PTP_IO io;
	HANDLE h;
	int wr;

	h = open_pipe(&wr);
	io = make_io(h);
	start_read(io, h, &o, 4, 0);
	WaitForThreadpoolIoCallbacks(io, TRUE);
	CloseThreadpoolIo(io);
	CHECK_EQ(write(wr, "abcd", 4), 4);
	WAIT_UNTIL(GET(o.ov.Internal) == 0);
	dev_sleep_ms(20);
	CHECK_EQ(calls, 0);
	CHECK_EQ(iocp_stray_completions(), 0);
	CloseHandle(h);
}

/* TP-14: the file first; what is in flight is cancelled and calls back. */
TEST(tp_14_file_first)
{
	const char *path = data_file(BLOCK);
	struct op o[2];
	HANDLE h, pipe;
	PTP_IO io;
	int wr, i;

	h = open_file(path, GENERIC_READ, 0);
	io = make_io(h);
	CHECK(CloseHandle(h));
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CloseThreadpoolIo(io);

	pipe = open_pipe(&wr);
	io = make_io(pipe);
	for (i = 0; i < 2; i++)
		start_read(io, pipe, &o[i], 4, 0);
	CHECK(CloseHandle(pipe));
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CHECK_EQ(calls, 2);
	CHECK_EQ(o[0].result, ERROR_BROKEN_PIPE);	/* OV-30, for pipes */
	CHECK_EQ(o[0].raw, -ECANCELED);
	CloseThreadpoolIo(io);
	/* the pipe has lost its reader: the file is really closed */
	signal(SIGPIPE, SIG_IGN);
	CHECK_EQ(write(wr, "x", 1), -1);
	CHECK_EQ(errno, EPIPE);

	/* a Start without operation: once the file is closed nobody waits for it */
	h = open_file(path, GENERIC_READ, 0);
	io = make_io(h);
	StartThreadpoolIo(io);
	CloseHandle(h);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CloseThreadpoolIo(io);
	/* and the numbers are not valid any more: ignored, not fatal */
	StartThreadpoolIo(io);
	CancelThreadpoolIo(io);
	WaitForThreadpoolIoCallbacks(io, TRUE);
	CloseThreadpoolIo(io);
	CloseThreadpoolIo(NULL);
	CHECK_EQ(calls, 2);
	unlink(path);
}

static char order[64];
static unsigned int nr_order, finals;

static VOID CALLBACK note_order(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
				ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	unsigned int n = ADD(nr_order, 1);

	(void)instance;
	(void)overlapped;
	(void)bytes;
	(void)io;
	CHECK_EQ(result, 0);
	order[n - 1] = *(char *)context;
}

static VOID CALLBACK hold(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			  ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	(void)instance;
	(void)context;
	(void)overlapped;
	(void)result;
	(void)bytes;
	(void)io;
	ADD(calls, 1);
	/* not asleep: that would let another callback run in its place */
	while (!GET(gate))
		;
}

static VOID NTAPI finalize(PTP_CALLBACK_INSTANCE instance, PVOID context)
{
	CHECK(instance && *(char *)context == 'h');
	ADD(finals, 1);
}

/* A count of the ports of this process, summed over fdinfo. */
static unsigned int count(const char *field)
{
	unsigned int sum = 0, n;
	char path[64], line[128], name[32];
	struct dirent *d;
	FILE *f;
	DIR *dir;

	dir = opendir("/proc/self/fdinfo");
	CHECK(dir);
	while ((d = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%.20s", d->d_name);
		f = d->d_name[0] != '.' ? fopen(path, "re") : NULL;
		if (!f)
			continue;
		while (fgets(line, sizeof(line), f))
			if (sscanf(line, "iocp-%31[^:]: %u", name, &n) == 2 && !strcmp(name, field))
				sum += n;
		fclose(f);
	}
	closedir(dir);
	return sum;
}

/* The environment is looked at in Create only: PL-13's order, and the finalization. */
TEST(tp_16_environment_is_copied)
{
	unsigned int cpus = sysconf(_SC_NPROCESSORS_ONLN), i, high = 0, early, urgent_early = 0;
	const char *path = data_file(BLOCK);
	HANDLE block = open_file(path, GENERIC_READ, 0);
	HANDLE normal = open_file(path, GENERIC_READ, 0);
	HANDLE urgent = open_file(path, GENERIC_READ, 0);
	static struct op o[64], held[64];
	PTP_IO block_io, normal_io, urgent_io;
	TP_CALLBACK_ENVIRON env;

	CHECK(cpus <= ARRAY_SIZE(held));
	InitializeThreadpoolEnvironment(&env);
	env.Version = 9999;
	CHECK(!CreateThreadpoolIo(normal, note_order, "n", &env));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	env.Version = 3;
	SetThreadpoolCallbackPriority(&env, TP_CALLBACK_PRIORITY_INVALID);
	CHECK(!CreateThreadpoolIo(normal, note_order, "n", &env));
	CHECK_EQ(GetLastError(), ERROR_INVALID_PARAMETER);
	SetThreadpoolCallbackPriority(&env, TP_CALLBACK_PRIORITY_NORMAL);
	env.ActivationContext = (struct _ACTIVATION_CONTEXT *)&env;
	CHECK(!CreateThreadpoolIo(normal, note_order, "n", &env));
	CHECK_EQ(GetLastError(), ERROR_NOT_SUPPORTED);
	env.ActivationContext = NULL;
	normal_io = CreateThreadpoolIo(normal, note_order, "n", &env);
	SetThreadpoolCallbackPriority(&env, TP_CALLBACK_PRIORITY_HIGH);
	env.FinalizationCallback = finalize;
	urgent_io = CreateThreadpoolIo(urgent, note_order, "h", &env);
	memset(&env, 0xee, sizeof(env));
	block_io = CreateThreadpoolIo(block, hold, &calls, NULL);
	CHECK(normal_io && urgent_io && block_io);

	/* Every processor's share of callbacks is held up, then the others queue. */
	for (i = 0; i < cpus; i++)
		start_read(block_io, block, &held[i], 1, 0);
	WAIT_UNTIL(GET(calls) == cpus);
	for (i = 0; i < 10; i++)
		start_read(normal_io, normal, &o[i], 1, 0);
	for (; i < 20; i++)
		start_read(urgent_io, urgent, &o[i], 1, 0);
	/*
	 * A worker that met a page fault has let another take some of them: those have
	 * to be through.  From the gate on the urgent ones come first.
	 */
	WAIT_UNTIL(count("completed") == cpus + 20);
	WAIT_UNTIL((early = GET(nr_order)) + count("queued") == 20);
	SET(gate, true);
	WaitForThreadpoolIoCallbacks(normal_io, FALSE);
	WaitForThreadpoolIoCallbacks(urgent_io, FALSE);
	/* Workers may write down in another order what they took in order. */
	for (i = 0; i < early; i++)
		urgent_early += order[i] == 'h';
	for (i = early; i < early + 10 - urgent_early; i++)
		high += order[i] == 'h';
	CHECK(high + urgent_early + 2 * cpus >= 10);
	CHECK_EQ(finals, 10);
	CloseThreadpoolIo(normal_io);
	CloseThreadpoolIo(urgent_io);
	CloseThreadpoolIo(block_io);
	CloseHandle(block);
	CloseHandle(normal);
	CloseHandle(urgent);
	unlink(path);
}

static VOID CALLBACK wait_and_close(PTP_CALLBACK_INSTANCE instance, PVOID context,
				    PVOID overlapped, ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	WaitForThreadpoolIoCallbacks(io, FALSE);	/* TP-20: must not hang */
	WaitForThreadpoolIoCallbacks(io, TRUE);
	CloseThreadpoolIo(io);				/* TP-21 */
	record(instance, context, overlapped, result, bytes, io);
}

TEST(tp_20_21_in_own_callback)
{
	const char *path = data_file(BLOCK);
	HANDLE h = open_file(path, GENERIC_READ, 0);
	struct op o;
	PTP_IO io;

	io = CreateThreadpoolIo(h, wait_and_close, &calls, NULL);
	CHECK(io);
	start_read(io, h, &o, 10, 0);
	WAIT_UNTIL(GET(calls) == 1);
	CHECK(CloseHandle(h));
	unlink(path);
}

/*
 * 10,000 reads, each started by the callback of another, every byte checked.
 */
#define DEPTH	64
#define READS	10000
#define BLOCKS	256

static HANDLE much;
static unsigned int issued, good;

static void read_next(PTP_IO io, struct op *o)
{
	unsigned int n = ADD(issued, 1);

	if (n <= READS) {
		memset(o->buf, 0, BLOCK);
		start_read(io, much, o, BLOCK, n * 7919ULL % BLOCKS * BLOCK);
	}
}

static VOID CALLBACK verify(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			    ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	struct op *o = overlapped;

	(void)instance;
	(void)context;
	CHECK_EQ(result, NO_ERROR);
	CHECK_EQ(bytes, BLOCK);
	CHECK(dev_holds(o->buf, BLOCK, o->ov.Offset));
	ADD(good, 1);
	read_next(io, o);
}

static void read_much(DWORD flags)
{
	const char *path = data_file(BLOCKS * BLOCK);
	char *mem;
	PTP_IO io;
	int i;

	much = open_file(path, GENERIC_READ, flags);
	io = CreateThreadpoolIo(much, verify, NULL, NULL);
	CHECK(io);
	/* Buffers on block borders, for the direct run; struct op lies just before. */
	CHECK_EQ(posix_memalign((void **)&mem, BLOCK, (DEPTH + 1) * 3 * BLOCK), 0);
	for (i = 0; i < DEPTH; i++)
		read_next(io, (struct op *)(mem + (3 * i + 1) * BLOCK -
					    offsetof(struct op, buf)));
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CHECK_EQ(good, READS);
	CHECK_EQ(iocp_stray_completions(), 0);
	CloseHandle(much);
	CloseThreadpoolIo(io);
	unlink(path);
}

TEST(ten_thousand_reads)
{
	read_much(0);
}

TEST(ten_thousand_direct_reads)
{
	if (!getenv("IOCP_EXT4"))
		SKIP("IOCP_EXT4 is not set: no file system known to have O_DIRECT");
	read_much(FILE_FLAG_NO_BUFFERING);
}

/* GetOverlappedResult waits for the callback's thread to take the completion. */
TEST(get_overlapped_result)
{
	struct op o;
	DWORD n = 77;
	PTP_IO io;
	HANDLE h;
	int wr;

	h = open_pipe(&wr);
	io = make_io(h);
	start_read(io, h, &o, 4, 0);
	CHECK(!GetOverlappedResult(h, &o.ov, &n, FALSE));
	CHECK_EQ(GetLastError(), ERROR_IO_INCOMPLETE);
	CHECK_EQ(n, 77);
	CHECK(!HasOverlappedIoCompleted(&o.ov));
	if (!fork()) {
		dev_sleep_ms(100);
		_exit(write(wr, "abcd", 4) != 4);
	}
	SetLastError(0xdeadbeef);
	CHECK(GetOverlappedResult(h, &o.ov, &n, TRUE));
	CHECK_EQ(GetLastError(), 0xdeadbeef);
	CHECK_EQ(n, 4);
	CHECK(HasOverlappedIoCompleted(&o.ov));
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CHECK_EQ(calls, 1);			/* OV-13: it consumes nothing */
	start_read(io, h, &o, 4, 0);
	CHECK(CancelIoEx(h, &o.ov));
	CHECK(!GetOverlappedResult(h, &o.ov, &n, TRUE));
	CHECK_EQ(GetLastError(), ERROR_OPERATION_ABORTED);
	CHECK_EQ(n, 0);
	CloseThreadpoolIo(io);
	CloseHandle(h);
}

/* TR-10: taking packets of another port inside a callback leaves the pool in order. */
static HANDLE inner_port;

static VOID CALLBACK nested(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID overlapped,
			    ULONG result, ULONG_PTR bytes, PTP_IO io)
{
	LPOVERLAPPED ov;
	ULONG_PTR key;
	DWORD n;

	CHECK(GetQueuedCompletionStatus(inner_port, &n, &key, &ov, INFINITE));
	CHECK_EQ(key, 42);
	record(instance, context, overlapped, result, bytes, io);
}

TEST(another_port_inside_a_callback)
{
	const char *path = data_file(BLOCK);
	HANDLE h = open_file(path, GENERIC_READ, 0);
	struct op o[20];
	PTP_IO io;
	int i;

	inner_port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
	io = CreateThreadpoolIo(h, nested, &calls, NULL);
	CHECK(inner_port && io);
	for (i = 0; i < 20; i++) {
		start_read(io, h, &o[i], 10, 0);
		CHECK(PostQueuedCompletionStatus(inner_port, 1, 42, NULL));
	}
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CHECK_EQ(calls, 20);
	CloseThreadpoolIo(io);
	CloseHandle(h);
	CloseHandle(inner_port);
	unlink(path);
}

/* TP-23, B13: an object that is gone is recognised, also when its slot has a new one. */
TEST(tp_23_stale_objects_are_ignored)
{
	const char *path = data_file(BLOCK);
	HANDLE h = open_file(path, GENERIC_READ, 0);
	PTP_IO stale = make_io(h), io;
	unsigned int i;
	struct op o;

	CHECK(CloseHandle(h));
	CloseThreadpoolIo(stale);
	for (i = 1; i <= 100; i++) {
		h = open_file(path, GENERIC_READ, 0);
		io = make_io(h);
		CHECK(io != stale);
		StartThreadpoolIo(stale);
		CancelThreadpoolIo(stale);
		CloseThreadpoolIo(stale);
		start_read(io, h, &o, 10, 0);
		WaitForThreadpoolIoCallbacks(stale, TRUE);
		WaitForThreadpoolIoCallbacks(io, FALSE);
		CHECK_EQ(calls, i);
		CHECK(CloseHandle(h));
		CloseThreadpoolIo(io);
	}
	StartThreadpoolIo(NULL);
	WaitForThreadpoolIoCallbacks((PTP_IO)h, FALSE);	/* a number, but of a handle */
	CHECK_EQ(iocp_stray_completions(), 0);
	unlink(path);
}

/* After fork: the parent's handles and TP_IO mean nothing, its own work. */
TEST(fork_child_starts_anew)
{
	const char *path = data_file(BLOCK);
	HANDLE h = open_file(path, GENERIC_READ, 0), mine;
	PTP_IO io = make_io(h), my_io;
	struct op o;
	int status;
	pid_t pid;

	start_read(io, h, &o, 10, 0);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	pid = dev_fork();
	if (!pid) {
		CHECK(!ReadFile(h, o.buf, 10, NULL, &o.ov));
		CHECK_EQ(GetLastError(), ERROR_INVALID_HANDLE);
		StartThreadpoolIo(io);
		WaitForThreadpoolIoCallbacks(io, FALSE);
		CloseThreadpoolIo(io);
		CHECK(!CloseHandle(h));
		mine = open_file(path, GENERIC_READ, 0);
		my_io = make_io(mine);
		start_read(my_io, mine, &o, 10, 0);
		WaitForThreadpoolIoCallbacks(my_io, FALSE);
		CHECK_EQ(calls, 2);
		CHECK(CloseHandle(mine));
		CloseThreadpoolIo(my_io);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	start_read(io, h, &o, 10, 0);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CHECK_EQ(calls, 2);
	CloseThreadpoolIo(io);
	CloseHandle(h);
	unlink(path);
}

/* Cancels race with data; each read is answered once, with one or the other. */
TEST(cancel_races)
{
	unsigned int i, aborted = 0;
	struct op o;
	PTP_IO io;
	HANDLE h;
	int wr;

	h = open_pipe(&wr);
	io = make_io(h);
	for (i = 0; i < 3000; i++) {
		start_read(io, h, &o, 1, 0);
		if (i % 2)
			sched_yield();
		CHECK_EQ(write(wr, "x", 1), 1);
		if (!CancelIoEx(h, &o.ov))
			CHECK_EQ(GetLastError(), ERROR_NOT_FOUND);
		WaitForThreadpoolIoCallbacks(io, FALSE);
		CHECK_EQ(calls, i + 1);
		if (o.result == ERROR_OPERATION_ABORTED) {
			aborted++;
			start_read(io, h, &o, 1, 0);	/* the byte is still there */
			WaitForThreadpoolIoCallbacks(io, FALSE);
			calls--;
		}
		CHECK_EQ(o.result, NO_ERROR);
		CHECK_EQ(o.bytes, 1);
	}
	printf("# %u of %u were cancelled in time\n", aborted, i);
	CloseThreadpoolIo(io);
	CloseHandle(h);
}
