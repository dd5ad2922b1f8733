// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * iocpstat - show what the completion ports of this machine are doing.
 *
 * The kernel tells it in /proc/PID/fdinfo/N of every open port, as lines
 * "iocp-FIELD:\tvalue" with the names of struct iocp_stats, so nothing is opened
 * and no process is disturbed.  A sample is one pass over /proc, and a rate is what
 * a counter rose by between two of them.
 *
 * Processes and descriptors come and go while we look: what is no longer there
 * was never seen.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <iocp.h>

/* Exit statuses; iocpstat(1) documents them. */
enum {
	EXIT_NONE	= 1,
	EXIT_USAGE	= 2,
	EXIT_NO_RIGHT	= 4,
};

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define NSEC		1000000000ULL
#define MISC_MAJOR	10	/* the device's, on every machine */
#define HEADER_EVERY	20	/* lines */

/* Every counter that fdinfo prints, and where it goes. */
#define FIELD(f)	{ #f, offsetof(struct iocp_stats, f), sizeof(((struct iocp_stats *)0)->f) }
static const struct field {
	const char *name;
	size_t offset, size;
} fields[] = {
	FIELD(concurrency), FIELD(active), FIELD(waiting), FIELD(assocs), FIELD(inflight),
	FIELD(posted), FIELD(queued), FIELD(completed), FIELD(posts), FIELD(handed),
	FIELD(taken), FIELD(punted), FIELD(given_back), FIELD(dropped), FIELD(ring_broken),
	FIELD(blocks), FIELD(block_releases), FIELD(short_blocks), FIELD(wanted),
	FIELD(ring_taken), FIELD(over_limit_ns), FIELD(over_limits), FIELD(max_active),
	FIELD(workers),
};

/* The counters that have a column of their own; "/s" is added where it shows rates. */
static const struct {
	const char *title;
	size_t offset;
} rates[] = {
	{ "DONE",  offsetof(struct iocp_stats, completed) },
	{ "POST",  offsetof(struct iocp_stats, posts) },
	{ "HAND",  offsetof(struct iocp_stats, handed) },
	{ "RING",  offsetof(struct iocp_stats, ring_taken) },
	{ "TAKE",  offsetof(struct iocp_stats, taken) },
	{ "BLK",   offsetof(struct iocp_stats, blocks) },
	{ "REL",   offsetof(struct iocp_stats, block_releases) },
	{ "WANT",  offsetof(struct iocp_stats, wanted) },
};

struct port {
	uint64_t id;
	uint64_t when;			/* it was read, CLOCK_MONOTONIC ns */
	char state[32];			/* as the kernel spells it */
	pid_t pid;			/* the lowest of its holders */
	unsigned int holders;		/* processes that have it open */
	pid_t last_holder;		/* while scanning */
	char command[32];
	struct iocp_stats st;
};

struct sample {
	struct port *ports;
	size_t nr;
	unsigned int denied;		/* processes that we may not look into */
};

static struct {
	pid_t *pids;			/* only these, if any are named */
	size_t nr_pids;
	uint64_t port;			/* only this, if not 0 */
	uint64_t interval;		/* ns; 0: one sample, totals */
	uint64_t count;			/* of intervals; 0: no end */
	bool json;
} opt;

static void __attribute__((noreturn, format(printf, 2, 3)))
die(int status, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("iocpstat: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(status);
}

static uint64_t now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * NSEC + ts.tv_nsec;
}

/* Taking a sample */

static void set_field(struct iocp_stats *st, const char *name, uint64_t value)
{
	const struct field *f;
	uint32_t value32 = value;

	for (f = fields; f < fields + ARRAY_SIZE(fields); f++)
		if (!strcmp(f->name, name))
			memcpy((char *)st + f->offset,
			       f->size == sizeof(value32) ? (void *)&value32 : (void *)&value,
			       f->size);
}

static uint64_t get_field(const struct iocp_stats *st, const struct field *f)
{
	const char *p = (const char *)st + f->offset;

	return f->size == sizeof(uint32_t) ? *(const uint32_t *)p : *(const uint64_t *)p;
}

/* False if it is no port, or gone. */
static bool read_port(struct port *p, pid_t pid, const char *fd)
{
	char path[64 + NAME_MAX], line[128], name[32], value[32];
	FILE *f;

	memset(p, 0, sizeof(*p));
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", (int)pid, fd);
	f = fopen(path, "re");
	if (!f)
		return false;
	p->when = now(CLOCK_MONOTONIC);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "iocp-%31[^:]: %31s", name, value) != 2)
			continue;
		if (!strcmp(name, "port"))
			p->id = strtoull(value, NULL, 10);
		else if (!strcmp(name, "state"))
			memcpy(p->state, value, sizeof(value));
		else
			set_field(&p->st, name, strtoull(value, NULL, 10));
	}
	fclose(f);
	return p->id;
}

static void read_command(struct port *p)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)p->pid);
	f = fopen(path, "re");
	if (!f)
		return;
	if (fgets(p->command, sizeof(p->command), f))
		p->command[strcspn(p->command, "\n")] = '\0';
	fclose(f);
}

static struct port *find_port(const struct sample *s, uint64_t id)
{
	size_t i;

	for (i = 0; i < s->nr; i++)
		if (s->ports[i].id == id)
			return &s->ports[i];
	return NULL;
}

/* One more descriptor of a port: perhaps of one that we know. */
static void add_port(struct sample *s, const struct port *found, pid_t pid)
{
	struct port *p = find_port(s, found->id);

	if (!p) {
		s->ports = reallocarray(s->ports, s->nr + 1, sizeof(*s->ports));
		if (!s->ports)
			die(EXIT_NONE, "no memory for %zu ports", s->nr + 1);
		p = &s->ports[s->nr++];
		*p = *found;
		p->pid = INT_MAX;
	}
	if (p->last_holder == pid)
		return;
	p->last_holder = pid;
	p->holders++;
	if (pid < p->pid) {
		p->pid = pid;
		read_command(p);
	}
}

/* Whatever else fails has to do with processes and files that are gone, or of no interest. */
static bool denied(struct sample *s)
{
	bool yes = errno == EACCES || errno == EPERM;

	s->denied += yes;
	return yes;
}

/*
 * Any device of the right kind may be a port, wherever its node is and however it
 * is called.  What a file system remembers of other files is enough to tell them
 * apart: a dead file server must not hang us.
 */
static void scan_process(struct sample *s, pid_t pid)
{
	struct port found;
	struct statx stx;
	struct dirent *d;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir) {
		denied(s);
		return;
	}
	while ((d = readdir(dir))) {
		if (!isdigit(d->d_name[0]))
			continue;
		if (statx(dirfd(dir), d->d_name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE,
			  &stx)) {
			if (denied(s))
				break;
		} else if (S_ISCHR(stx.stx_mode) && stx.stx_rdev_major == MISC_MAJOR &&
			   read_port(&found, pid, d->d_name) &&
			   (!opt.port || found.id == opt.port)) {
			add_port(s, &found, pid);
		}
	}
	closedir(dir);
}

static int by_id(const void *a, const void *b)
{
	const struct port *p = a, *q = b;

	return (p->id > q->id) - (p->id < q->id);
}

static void take_sample(struct sample *s)
{
	struct dirent *d;
	size_t i;
	DIR *dir;

	s->nr = 0;
	s->denied = 0;
	for (i = 0; i < opt.nr_pids; i++)
		scan_process(s, opt.pids[i]);
	if (!opt.nr_pids) {
		dir = opendir("/proc");
		if (!dir)
			die(EXIT_NONE, "/proc: %s; mount it (mount -t proc proc /proc)",
			    strerror(errno));
		while ((d = readdir(dir)))
			if (isdigit(d->d_name[0]))
				scan_process(s, atoi(d->d_name));
		closedir(dir);
	}
	if (s->nr)
		qsort(s->ports, s->nr, sizeof(*s->ports), by_id);
}

/* For people */

/* Five characters, or little more. */
static const char *number(char *buf, size_t size, double v)
{
	static const char units[] = " kMGTPE";
	unsigned int unit = 0;

	while (v >= 99999.5 && unit < sizeof(units) - 2) {
		v /= 1000;
		unit++;
	}
	/* What is rare must not look as if it never happened */
	snprintf(buf, size, unit || v >= 9.95 || v == (uint64_t)v ? "%.0f" : "%.1f", v);
	if (unit)
		snprintf(buf + strlen(buf), size - strlen(buf), "%c", units[unit]);
	return buf;
}

static void print_header(void)
{
	char title[16];
	size_t i;

	printf("%5s %8s %-12s %4s %4s %4s %4s %6s %5s", "PORT", "PID", "COMMAND", "CONC", "ACT",
	       "WAIT", "THR", "QUEUED", "INFL");
	for (i = 0; i < ARRAY_SIZE(rates); i++) {
		snprintf(title, sizeof(title), "%s%s", rates[i].title, opt.interval ? "/s" : "");
		printf(" %6s", title);
	}
	printf(" %6s\n", opt.interval ? "OVER%" : "OVER-s");
}

/* What a counter rose by; never below 0, whatever another module counted before. */
static double rise(const struct port *p, const struct port *before, size_t offset)
{
	uint64_t new = *(const uint64_t *)((const char *)&p->st + offset);
	uint64_t old = before ? *(const uint64_t *)((const char *)&before->st + offset) : 0;

	return new > old ? new - old : 0;
}

/* @before: the same port in the sample before; NULL: show totals. */
static void print_port(const struct port *p, const struct port *before)
{
	double seconds = before ? (p->when - before->when) / 1e9 : 1;
	double over = rise(p, before, offsetof(struct iocp_stats, over_limit_ns)) / 1e9;
	char holders[32], buf[32];
	const char *c;
	size_t i;

	snprintf(holders, sizeof(holders), p->holders > 1 ? "%d+%u" : "%d", (int)p->pid,
		 p->holders - 1);
	printf("%5llu %8s ", (unsigned long long)p->id, holders);
	for (i = 0, c = p->command; i < 12; i++)
		putchar(!*c ? ' ' : isprint((unsigned char)*c) ? *c++ : (c++, '?'));
	if (!strcmp(p->state, "new")) {
		puts(" open, not set up");
		return;
	}
	printf(" %4u %4u %4u %4u", p->st.concurrency, p->st.active, p->st.waiting, p->st.workers);
	printf(" %6s", number(buf, sizeof(buf), p->st.queued));
	printf(" %5s", number(buf, sizeof(buf), p->st.inflight));
	for (i = 0; i < ARRAY_SIZE(rates); i++)
		printf(" %6s", number(buf, sizeof(buf), rise(p, before, rates[i].offset) / seconds));
	if (before)	/* the clock was read a little before the counters were */
		over = over < seconds ? over * 100 / seconds : 100;
	printf(" %6.1f%s\n", over, strcmp(p->state, "live") ? "  shut down" : "");
}

static void print_totals(const struct sample *s)
{
	size_t i;

	print_header();
	for (i = 0; i < s->nr; i++)
		print_port(&s->ports[i], NULL);
}

/* Ports that are in both samples; of another one there is no rate yet. */
static void print_rates(const struct sample *s, const struct sample *last)
{
	static unsigned int lines;
	const struct port *before;
	size_t i;

	for (i = 0; i < s->nr; i++) {
		before = find_port(last, s->ports[i].id);
		if (!before)
			continue;
		if (!(lines++ % HEADER_EVERY))
			print_header();
		print_port(&s->ports[i], before);
	}
}

/* For programs */

/* A process may call itself anything; bytes beyond ASCII are shown as Latin-1. */
static void print_json_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		unsigned char c = *s;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < ' ' || c > '~')
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void print_json(const struct sample *s)
{
	uint64_t wall = now(CLOCK_REALTIME);
	const struct field *f;
	const struct port *p;

	printf("{\"time\":%llu.%06llu,\"ports\":[", (unsigned long long)(wall / NSEC),
	       (unsigned long long)(wall % NSEC / 1000));
	for (p = s->ports; p < s->ports + s->nr; p++) {
		printf("%s{\"port\":%llu,\"pid\":%d,\"holders\":%u,\"command\":",
		       p > s->ports ? "," : "", (unsigned long long)p->id, (int)p->pid,
		       p->holders);
		print_json_string(p->command);
		printf(",\"state\":\"%s\"", p->state);
		for (f = fields; strcmp(p->state, "new") && f < fields + ARRAY_SIZE(fields); f++)
			printf(",\"%s\":%llu", f->name,
			       (unsigned long long)get_field(&p->st, f));
		putchar('}');
	}
	puts("]}");
}

/* The first sample has no port: say why, as far as we can know. */
static void __attribute__((noreturn)) nothing_to_show(const struct sample *s)
{
	if (opt.json)
		print_json(s);
	if (opt.nr_pids && s->denied)
		die(EXIT_NO_RIGHT, "no permission to look into %s of these processes: run this as root, or as the user they belong to",
		    s->denied == opt.nr_pids ? "any" : "some");
	if (access("/sys/module/iocp", F_OK))
		die(EXIT_NONE, "no completion port: the iocp module is not loaded; load it with \"modprobe iocp\", as root");
	if (s->denied)
		die(EXIT_NONE, "no completion port in the processes that you may look into; to see into %u more, run this as root",
		    s->denied);
	if (opt.nr_pids)
		die(EXIT_NONE, "no completion port%s in these processes (ps -p tells which of them are alive)",
		    opt.port ? " of that number" : "");
	die(EXIT_NONE, "no completion port%s is open", opt.port ? " of that number" : "");
}

/*
 * One line per port and interval, at the pace that was asked for however long a
 * pass takes.  Ends when what was named is gone; where nothing was, ports may come.
 */
static void watch(struct sample *last)
{
	uint64_t next = now(CLOCK_MONOTONIC), n;
	struct sample s = { 0 }, swap;
	struct timespec ts;

	for (n = 0; !opt.count || n < opt.count; n++) {
		next += opt.interval;
		ts.tv_sec = next / NSEC;
		ts.tv_nsec = next % NSEC;
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
			;
		take_sample(&s);
		if (!s.nr && (opt.nr_pids || opt.port))
			break;
		if (opt.json)
			print_json(&s);
		else
			print_rates(&s, last);
		fflush(stdout);
		swap = *last;
		*last = s;
		s = swap;
	}
	free(s.ports);
}

/* The command line */

static const char usage[] =
	"Usage: iocpstat [OPTION]...\n"
	"Show the I/O completion ports that are open, and what they are doing.\n"
	"\n"
	"  -p PID[,PID]...  only ports of these processes\n"
	"  --port N         only the port with this number\n"
	"  -i SECONDS       live: rates over each interval; the first after one interval\n"
	"  -c COUNT         end after so many intervals\n"
	"  --json           one JSON object for each sample, with all counters as totals\n"
	"  -h, --help       this text\n"
	"  --version        version of the tool\n"
	"\n"
	"CONC  concurrency value               DONE  packets of operations that ended\n"
	"ACT   threads that run                POST  packets that were posted\n"
	"WAIT  threads that wait for packets   HAND  packets handed to a waiting thread\n"
	"THR   threads of the port             RING  packets taken from the ring\n"
	"QUEUED  packets that wait             TAKE  packets the kernel took from the queue\n"
	"INFL  operations in flight            BLK   running threads that blocked\n"
	"OVER  time over the limit             REL   packets that this let out of the queue\n"
	"                                      WANT  times one more thread was wanted\n"
	"\n"
	"Exit status: 0 done, 1 no port or another error, 2 usage, 4 no permission.\n";

static uint64_t parse_number(const char *option, const char *text, uint64_t max)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 10);
	/* strtoull takes a sign, and makes a large number of it */
	if (!isdigit((unsigned char)*text) || *end || errno || n > max || !n)
		die(EXIT_USAGE, "%s: \"%s\" is not a number from 1 to %llu", option, text,
		    (unsigned long long)max);
	return n;
}

static uint64_t parse_seconds(const char *option, const char *text)
{
	double seconds;
	char *end;

	seconds = strtod(text, &end);
	if (!isdigit((unsigned char)*text) || *end || !(seconds >= 0.01 && seconds <= 86400))
		die(EXIT_USAGE, "%s: \"%s\" is not a number of seconds from 0.01 to 86400", option,
		    text);
	return seconds * NSEC;
}

static void parse_pids(char *list)
{
	char *pid;

	while ((pid = strsep(&list, ","))) {
		opt.pids = reallocarray(opt.pids, opt.nr_pids + 1, sizeof(*opt.pids));
		if (!opt.pids)
			die(EXIT_NONE, "no memory for %zu processes", opt.nr_pids + 1);
		opt.pids[opt.nr_pids++] = parse_number("-p", pid, INT_MAX);
	}
}

static void parse(int argc, char **argv)
{
	enum { PORT = 256, JSON, VERSION };
	static const struct option options[] = {
		{ "port",    required_argument, NULL, PORT },
		{ "json",    no_argument,       NULL, JSON },
		{ "help",    no_argument,       NULL, 'h' },
		{ "version", no_argument,       NULL, VERSION },
		{ NULL, 0, NULL, 0 }
	};
	int c;

	while ((c = getopt_long(argc, argv, "p:i:c:h", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			parse_pids(optarg);
			break;
		case 'i':
			opt.interval = parse_seconds("-i", optarg);
			break;
		case 'c':
			opt.count = parse_number("-c", optarg, UINT64_MAX);
			break;
		case PORT:
			opt.port = parse_number("--port", optarg, UINT64_MAX);
			break;
		case JSON:
			opt.json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		case VERSION:
			printf("iocpstat %d.%d\n", IOCP_VERSION_MAJOR, IOCP_VERSION_MINOR);
			exit(0);
		default:
			fputs("Try: iocpstat --help\n", stderr);
			exit(EXIT_USAGE);
		}
	}
	if (optind < argc)
		die(EXIT_USAGE, "\"%s\" is no option; processes are named with -p (try: iocpstat --help)",
		    argv[optind]);
	if (opt.count && !opt.interval)
		die(EXIT_USAGE, "-c counts intervals: say with -i how long one is");
}

int main(int argc, char **argv)
{
	struct sample s = { 0 };

	parse(argc, argv);
	take_sample(&s);
	if (!s.nr)
		nothing_to_show(&s);
	if (opt.json)
		print_json(&s);
	else if (!opt.interval)
		print_totals(&s);
	fflush(stdout);
	if (opt.interval)
		watch(&s);
	free(s.ports);
	free(opt.pids);
	if (fflush(stdout) || ferror(stdout))
		die(EXIT_NONE, "cannot write: %s", strerror(errno));
	return 0;
}
