// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * console.c - SetConsoleCtrlHandler: signals that call functions on a thread.
 *
 * Windows calls a handler on a thread made for it, so it may do anything.  Here the
 * signal's handler only writes the number into a pipe, and a thread reads and calls.
 * The signals are taken over with the first handler and given back with the last.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "win.h"

struct handler {
	struct list node;
	PHANDLER_ROUTINE routine;
};

static const struct {
	int signal;
	DWORD type;
} events[] = {
	{ SIGINT, CTRL_C_EVENT },
	{ SIGQUIT, CTRL_BREAK_EVENT },
	{ SIGHUP, CTRL_CLOSE_EVENT },
	{ SIGTERM, CTRL_CLOSE_EVENT },
};

static struct {
	pthread_mutex_t lock;
	struct list handlers;		/* the newest last */
	bool ignore;			/* of CTRL_C_EVENT */
	bool taken;			/* the signals are ours */
	struct sigaction before[ARRAY_SIZE(events)];
	int fds[2];			/* of process, from the first handler on */
	pid_t process;
} console = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.handlers = { &console.handlers, &console.handlers },
};

/* As if nobody had ever wanted to hear of it. */
static void signal_default(int sig)
{
	sigset_t set;

	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	raise(sig);
}

static void on_signal(int sig)
{
	unsigned char byte = sig;
	int saved = errno;

	if (getpid() == READ_ONCE(console.process)) {
		/* Full: that many are waiting already. */
		if (write(console.fds[1], &byte, 1) < 0)
			errno = saved;
	} else {	/* a child, and the pipe is its parent's */
		signal_default(sig);
	}
	errno = saved;
}

static DWORD type_of(int sig)
{
	size_t i;

	for (i = 0; events[i].signal != sig; i++)
		;
	return events[i].type;
}

/* The newest handler but @skip newer ones; NULL: so many are not there. */
static PHANDLER_ROUTINE handler_after(unsigned int skip)
{
	PHANDLER_ROUTINE routine = NULL;
	struct list *node;

	pthread_mutex_lock(&console.lock);
	for (node = console.handlers.prev; node != &console.handlers && skip; node = node->prev)
		skip--;
	if (node != &console.handlers)
		routine = container_of(node, struct handler, node)->routine;
	pthread_mutex_unlock(&console.lock);
	return routine;
}

static void call_handlers(int sig)
{
	DWORD type = type_of(sig);
	PHANDLER_ROUTINE routine;
	unsigned int i;

	if (type == CTRL_C_EVENT && READ_ONCE(console.ignore))
		return;
	/* Not under the lock: they may add and remove. */
	for (i = 0; (routine = handler_after(i)); i++)
		if (routine(type)) {
			if (type != CTRL_CLOSE_EVENT)
				return;
			break;		/* that one ends the process in any case */
		}
	signal_default(sig);
}

static void *console_thread(void *arg)
{
	unsigned char sig;
	int fd = console.fds[0];

	(void)arg;
	pthread_setname_np(pthread_self(), "iocp-console");
	for (;;)
		if (read(fd, &sig, 1) == 1)
			call_handlers(sig);
	return NULL;
}

/* console.lock is held.  0 or -errno. */
static int console_start(void)
{
	int ret;

	if (console.process == getpid())
		return 0;
	if (console.process) {		/* what a child has inherited */
		close(console.fds[0]);
		close(console.fds[1]);
		console.process = 0;
	}
	if (pipe2(console.fds, O_CLOEXEC))
		return -errno;
	fcntl(console.fds[1], F_SETFL, O_NONBLOCK);
	ret = iocpi_thread_start(console_thread, NULL, 0);
	if (ret) {
		close(console.fds[0]);
		close(console.fds[1]);
		return ret;
	}
	WRITE_ONCE(console.process, getpid());
	return 0;
}

/* console.lock is held.  Signals that are ignored, as by nohup(1), stay so. */
static void take_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	size_t i;

	if (console.taken)
		return;
	sigemptyset(&action.sa_mask);
	for (i = 0; i < ARRAY_SIZE(events); i++) {
		sigaction(events[i].signal, NULL, &console.before[i]);
		if (console.before[i].sa_handler != SIG_IGN)
			sigaction(events[i].signal, &action, NULL);
	}
	console.taken = true;
}

static void give_signals_back(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(events); i++)
		sigaction(events[i].signal, &console.before[i], NULL);
	console.taken = false;
}

static DWORD add_handler(PHANDLER_ROUTINE routine)
{
	struct handler *h = malloc(sizeof(*h));
	int ret;

	if (!h)
		return ERROR_NOT_ENOUGH_MEMORY;
	ret = console_start();
	if (ret) {
		free(h);
		return iocp_status_to_win32(iocp_errno_to_status(-ret));
	}
	h->routine = routine;
	list_add_tail(&h->node, &console.handlers);
	take_signals();
	return 0;
}

static DWORD remove_handler(PHANDLER_ROUTINE routine)
{
	struct list *node;

	for (node = console.handlers.prev; node != &console.handlers; node = node->prev) {
		struct handler *h = container_of(node, struct handler, node);

		if (h->routine != routine)
			continue;
		list_del_init(node);
		free(h);
		if (list_empty(&console.handlers) && console.taken)
			give_signals_back();
		return 0;
	}
	return ERROR_INVALID_PARAMETER;
}

/* Programs that are started from here inherit it, as on Windows. */
static void ignore_ctrl_c(bool ignore)
{
	struct sigaction action = { .sa_handler = SIG_IGN };

	if (!ignore)
		action.sa_handler = console.taken ? on_signal : SIG_DFL;
	action.sa_flags = SA_RESTART;
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	WRITE_ONCE(console.ignore, ignore);
}

BOOL WINAPI SetConsoleCtrlHandler(PHANDLER_ROUTINE HandlerRoutine, BOOL Add)
{
	DWORD code = 0;

	pthread_mutex_lock(&console.lock);
	if (!HandlerRoutine)
		ignore_ctrl_c(Add);
	else
		code = Add ? add_handler(HandlerRoutine) : remove_handler(HandlerRoutine);
	pthread_mutex_unlock(&console.lock);
	return code ? iocpi_fail(code) : TRUE;
}
