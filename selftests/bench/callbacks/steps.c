// SPDX-License-Identifier: GPL-2.0-only
/*
 * steps - which instructions the library executes, in user mode, one by one.
 *
 * A thread sets the trap flag of its processor; from there on each instruction ends in a
 * SIGTRAP, whose handler writes down where the next one stands.  So counts are exact, name
 * the function that they are spent in, and the thread is not disturbed: it does not
 * block.  What the kernel executes meanwhile is not seen.
 *
 * Prints, tab separated, what "report" reads:
 *	trace	NAME			then, for each instruction of it in turn,
 *	step	OBJECT	OFFSET	KIND	where it is; "lock", "syscall" or "-"
 *	bytes	NAME	NUMBER		memory that one object takes
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <ucontext.h>
#include <unistd.h>

#include <iocp.h>
#include <windows.h>

#define MAX_STEPS	4096
#define TRAP_FLAG	0x100
#define ROUNDS		8		/* callbacks in a row */
#define TRACED		6		/* the one whose way is written down */
#define NR_OBJECTS	1000		/* for the memory of one */
#define BLOCK		4096

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "steps: %s: %s (%u)\n", what, strerror(errno), (unsigned int)GetLastError());
	exit(1);
}

/*
 * Single steps
 */

static struct trace {
	const unsigned char *at[MAX_STEPS];
	unsigned int nr;
	const void *end;		/* not executed any more */
} trace;

static bool is_syscall(const unsigned char *at)
{
	return at[0] == 0x0f && at[1] == 0x05;
}

/* A prefix, or an exchange with memory, which needs none. */
static bool is_locked(const unsigned char *at)
{
	if (at[0] == 0xf0)
		return true;
	if ((at[0] & 0xf0) == 0x40)	/* REX */
		at++;
	return (at[0] == 0x86 || at[0] == 0x87) && at[1] < 0xc0;
}

static void on_trap(int sig, siginfo_t *info, void *context)
{
	greg_t *reg = ((ucontext_t *)context)->uc_mcontext.gregs;
	const unsigned char *at = (void *)reg[REG_RIP];
	const unsigned char *last = trace.nr ? trace.at[trace.nr - 1] : NULL;

	(void)sig;
	(void)info;
	/* A system call returns to the instruction behind it without a trap. */
	if (last && is_syscall(last) && at != last + 2)
		trace.at[trace.nr++] = last + 2;
	if (at == trace.end || trace.nr >= MAX_STEPS - 1)
		reg[REG_EFL] &= ~TRAP_FLAG;
	else
		trace.at[trace.nr++] = at;
}

/* From the next instruction on, until @end is the next one. */
static inline __attribute__((always_inline)) void trace_begin(const void *end)
{
	trace.nr = 0;
	trace.end = end;
	/* popf takes effect behind the instruction that follows it; there is a red zone */
	asm volatile("lea -128(%%rsp), %%rsp\n\t"
		     "pushfq\n\t"
		     "orl %0, (%%rsp)\n\t"
		     "popfq\n\t"
		     "lea 128(%%rsp), %%rsp"
		     : : "i"(TRAP_FLAG) : "memory", "cc");
}

/* Where a trace ends that is not ended by a callback. */
static __attribute__((noinline)) void trace_end(void)
{
	asm volatile("");
}

static void trace_print(const char *name)
{
	unsigned int i;

	check(trace.nr && trace.nr < MAX_STEPS - 1, name);
	printf("trace\t%s\n", name);
	for (i = 0; i < trace.nr; i++) {
		const unsigned char *at = trace.at[i];
		Dl_info info;

		check(dladdr(at, &info), "dladdr");
		printf("step\t%s\t%#lx\t%s\n", info.dli_fname,
		       (unsigned long)at - (unsigned long)info.dli_fbase,
		       is_syscall(at) ? "syscall" : is_locked(at) ? "lock" : "-");
	}
}

/*
 * From one callback to the next.  The first one makes packets for the others, so that they wait
 * in the ring when it returns; nothing may block meanwhile, or another worker takes them.
 */

static sem_t finished;
static unsigned int round_nr = ROUNDS + 1;
static OVERLAPPED overlapped[ROUNDS];
static char buffers[ROUNDS][BLOCK];
static const char *path;

/* Until what is being completed is in the ring. */
static void spin(void)
{
	unsigned int i;

	for (i = 0; i < 2000000; i++)
		asm volatile("");
}

/* The end of each callback: returns true in the one whose way to the next is looked at. */
static bool round_done(void)
{
	if (round_nr <= ROUNDS && ++round_nr == ROUNDS + 1)
		sem_post(&finished);
	return round_nr == TRACED;
}

static void rounds_wait(const char *name)
{
	sem_wait(&finished);
	trace_print(name);
}

static void start_read(HANDLE file, PTP_IO io, unsigned int i)
{
	StartThreadpoolIo(io);
	if (!ReadFile(file, buffers[i], BLOCK, NULL, &overlapped[i]))
		check(GetLastError() == ERROR_IO_PENDING, "ReadFile");
}

static VOID CALLBACK on_tpio(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID o, ULONG result,
			     ULONG_PTR bytes, PTP_IO io)
{
	unsigned int i;

	(void)instance;
	(void)o;
	(void)result;
	(void)bytes;
	if (!round_nr) {
		for (i = 0; i < ROUNDS; i++)
			start_read(context, io, i);
		spin();
	}
	if (round_done())
		trace_begin(on_tpio);
}

static void tpio_traces(void)
{
	HANDLE file = CreateFileA(path, GENERIC_READ, 0, NULL, OPEN_EXISTING, FILE_FLAG_OVERLAPPED,
				  NULL);
	PTP_IO io;

	check(file != INVALID_HANDLE_VALUE, path);
	io = CreateThreadpoolIo(file, on_tpio, file, NULL);
	check(io, "CreateThreadpoolIo");
	round_nr = 0;
	start_read(file, io, 0);
	rounds_wait("TP_IO, from one callback to the next");

	trace_begin(trace_end);
	StartThreadpoolIo(io);
	ReadFile(file, buffers[0], BLOCK, NULL, &overlapped[0]);
	trace_end();
	trace_print("StartThreadpoolIo and ReadFile");
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CloseThreadpoolIo(io);
	CloseHandle(file);
}

static void io_read(struct iocp_io *io, unsigned int i)
{
	struct iocp_op op;

	iocp_prep_read(&op, NULL, buffers[i], BLOCK, 0, &buffers[i]);
	check(iocp_io_submit(io, &op, 1, NULL) == 1, "iocp_io_submit");
}

static void on_io(struct iocp_io *io, void *context, const struct iocp_packet *packet)
{
	unsigned int i;

	(void)context;
	(void)packet;
	if (!round_nr) {
		for (i = 0; i < ROUNDS; i++)
			io_read(io, i);
		spin();
	}
	if (round_done())
		trace_begin(on_io);
}

static void io_traces(struct iocp_pool *pool, int fd)
{
	struct iocp_io *io;
	struct iocp_op op;

	check(!iocp_io_create(&io, pool, fd, on_io, NULL), "iocp_io_create");
	round_nr = 0;
	io_read(io, 0);
	rounds_wait("iocp_io, from one callback to the next");

	trace_begin(trace_end);
	iocp_prep_read(&op, NULL, buffers[0], BLOCK, 0, &buffers[0]);
	iocp_io_submit(io, &op, 1, NULL);
	trace_end();
	trace_print("iocp_io_submit");
	iocp_io_close(io, 0);
}

static void submit_trace(int fd)
{
	struct iocp_packet packet;
	struct iocp_assoc file;
	struct iocp_port *port;
	struct iocp_op op;

	check(!iocp_open(&port, NULL), "iocp_open");
	check(!iocp_associate(port, fd, 0, &file), "iocp_associate");
	trace_begin(trace_end);
	iocp_prep_read(&op, &file, buffers[0], BLOCK, 0, &buffers[0]);
	iocp_submit(port, &op, 1, NULL);
	trace_end();
	trace_print("iocp_submit");
	check(iocp_wait(port, &packet, 1, IOCP_FOREVER) == 1, "iocp_wait");
	iocp_close(port);
}

static struct iocp_work *works[ROUNDS];

static void on_work(struct iocp_work *work, void *context)
{
	unsigned int i;

	(void)work;
	(void)context;
	if (!round_nr) {
		for (i = 0; i < ROUNDS; i++)
			iocp_work_submit(works[i]);
		spin();
	}
	if (round_done())
		trace_begin(on_work);
}

static void work_traces(struct iocp_pool *pool)
{
	unsigned int i;

	for (i = 0; i < ROUNDS; i++)
		check(!iocp_work_create(&works[i], pool, IOCP_PRIO_NORMAL, on_work, NULL),
		      "iocp_work_create");
	round_nr = 0;
	iocp_work_submit(works[0]);
	rounds_wait("iocp_work, from one callback to the next");

	trace_begin(trace_end);
	iocp_work_submit(works[0]);
	trace_end();
	trace_print("iocp_work_submit");
	for (i = 0; i < ROUNDS; i++)
		iocp_work_close(works[i], 0);
}

/*
 * Memory
 */

static size_t allocated(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static VOID CALLBACK no_tpio(PTP_CALLBACK_INSTANCE instance, PVOID context, PVOID o, ULONG result,
			     ULONG_PTR bytes, PTP_IO io)
{
	(void)instance;
	(void)context;
	(void)o;
	(void)result;
	(void)bytes;
	(void)io;
}

/* They stay: the process is about to end. */
static void tpio_memory(void)
{
	struct rlimit files = { 2 * NR_OBJECTS, 2 * NR_OBJECTS };
	size_t before;
	unsigned int i;

	check(!setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
	before = allocated();
	for (i = 0; i < NR_OBJECTS; i++) {
		HANDLE file = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING,
					  FILE_FLAG_OVERLAPPED, NULL);

		check(file != INVALID_HANDLE_VALUE, path);
		check(CreateThreadpoolIo(file, no_tpio, NULL, NULL), "CreateThreadpoolIo");
	}
	printf("bytes\tTP_IO and the handle of its file\t%.1f\n",
	       (double)(allocated() - before) / NR_OBJECTS);
}

int main(int argc, char **argv)
{
	struct sigaction trap = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };
	static char content[ROUNDS * BLOCK];
	struct iocp_pool *pool;
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: steps FILE, which it makes\n");
		return 2;
	}
	path = argv[1];
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	check(fd >= 0 && write(fd, content, sizeof(content)) == sizeof(content), path);
	check(!sigaction(SIGTRAP, &trap, NULL), "sigaction");
	sem_init(&finished, 0, 0);

	tpio_traces();
	check(!iocp_pool_create(&pool, NULL), "iocp_pool_create");
	io_traces(pool, fd);
	work_traces(pool);
	submit_trace(fd);
	tpio_memory();
	return 0;
}
