// SPDX-License-Identifier: GPL-2.0-only
/* SetConsoleCtrlHandler: each test in a child, as signals are the process's. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"
#include "win.h"

static int tell[2];
static pthread_t main_thread;
static BOOL older_answer;

/* Runs @body in a child; how that ended, as wait(2) says. */
static int in_child(void (*body)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		assert_int_equal(pipe(tell), 0);
		main_thread = pthread_self();
		alarm(60);
		body();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void say(char c, DWORD type)
{
	char text[2] = { c, '0' + type };

	if (pthread_equal(pthread_self(), main_thread) || write(tell[1], text, 2) != 2)
		_exit(10);
}

static void expect(const char *text)
{
	char got[8] = "";
	size_t n = 0;

	while (n < strlen(text)) {
		ssize_t ret = read(tell[0], got + n, strlen(text) - n);

		if (ret > 0)
			n += ret;
	}
	if (strcmp(got, text)) {
		fprintf(stderr, "%s, not %s\n", got, text);
		_exit(11);
	}
}

static BOOL WINAPI newer(DWORD type)
{
	say('n', type);
	return FALSE;
}

static BOOL WINAPI older(DWORD type)
{
	say('o', type);
	return older_answer;
}

#define MUST(cond) do {						\
	if (!(cond)) {						\
		fprintf(stderr, "line %d: %s\n", __LINE__, #cond);	\
		_exit(12);					\
	}							\
} while (0)

static void newest_first_body(void)
{
	older_answer = TRUE;
	MUST(SetConsoleCtrlHandler(older, TRUE));
	MUST(SetConsoleCtrlHandler(newer, TRUE));
	raise(SIGINT);
	expect("n0o0");
	raise(SIGQUIT);
	expect("n1o1");
	MUST(SetConsoleCtrlHandler(newer, FALSE));
	raise(SIGINT);
	expect("o0");
	MUST(!SetConsoleCtrlHandler(newer, FALSE));
	MUST(GetLastError() == ERROR_INVALID_PARAMETER);
}

static void newest_first(void **state)
{
	(void)state;
	assert_int_equal(in_child(newest_first_body), 0);
}

static void nobody_wants_it_body(void)
{
	MUST(SetConsoleCtrlHandler(newer, TRUE));
	raise(SIGINT);
	for (;;)
		pause();
}

static void close_ends_body(void)
{
	older_answer = TRUE;
	MUST(SetConsoleCtrlHandler(older, TRUE));
	raise(SIGTERM);
	for (;;)
		pause();
}

static void last_removed_body(void)
{
	MUST(SetConsoleCtrlHandler(newer, TRUE));
	MUST(SetConsoleCtrlHandler(newer, FALSE));
	raise(SIGINT);
}

/* The default is what the signal does without the library. */
static void defaults(void **state)
{
	int status;

	(void)state;
	status = in_child(nobody_wants_it_body);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
	status = in_child(close_ends_body);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	status = in_child(last_removed_body);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
}

static void ignored_body(void)
{
	older_answer = TRUE;
	MUST(SetConsoleCtrlHandler(older, TRUE));
	MUST(SetConsoleCtrlHandler(NULL, TRUE));
	raise(SIGINT);
	raise(SIGQUIT);
	expect("o1");
	MUST(SetConsoleCtrlHandler(NULL, FALSE));
	raise(SIGINT);
	expect("o0");
}

static void ignored_before_body(void)
{
	signal(SIGHUP, SIG_IGN);
	older_answer = TRUE;
	MUST(SetConsoleCtrlHandler(older, TRUE));
	raise(SIGHUP);
	raise(SIGINT);
	expect("o0");
}

static void ignored(void **state)
{
	(void)state;
	assert_int_equal(in_child(ignored_body), 0);
	assert_int_equal(in_child(ignored_before_body), 0);
}

/* A child's signals are not its parent's; and it may have handlers of its own. */
static void child_body(void)
{
	int status;
	pid_t pid;

	older_answer = TRUE;
	MUST(SetConsoleCtrlHandler(older, TRUE));
	pid = fork();
	MUST(pid >= 0);
	if (!pid) {
		raise(SIGINT);
		_exit(0);
	}
	MUST(waitpid(pid, &status, 0) == pid);
	MUST(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
	pid = fork();
	MUST(pid >= 0);
	if (!pid) {
		MUST(SetConsoleCtrlHandler(older, TRUE));
		raise(SIGINT);
		expect("o0");
		_exit(0);
	}
	MUST(waitpid(pid, &status, 0) == pid);
	MUST(!status);
	raise(SIGINT);
	expect("o0");
}

static void children(void **state)
{
	(void)state;
#ifdef __SANITIZE_THREAD__
	/* It calls no handlers in the child of a process with threads. */
	skip();
#endif
	assert_int_equal(in_child(child_body), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(newest_first),
		cmocka_unit_test(defaults),
		cmocka_unit_test(ignored),
		cmocka_unit_test(children),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
