// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * pipe.c - pipes, and named pipes in byte mode.
 *
 * A named pipe is a stream socket in the abstract namespace, under a name that has
 * the user's number in it; both sides look at the other's credentials, as anybody can
 * bind and connect to such names.  All instances that a process has of a name share
 * one socket that listens, with room for as many clients as there are instances to
 * connect to, and one more.
 *
 * The descriptor of an instance is a socket without a connection, which gives its
 * number to the connection for as long as there is one.
 *
 * ConnectNamedPipe waits in the internal port: an empty read of the listening socket
 * tells when there is somebody to accept, and the thread that takes the packet does.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "win.h"

#define PREFIX		"\\\\.\\pipe\\"
#define DEFAULT_WAIT_MS	50
#define BIND_TRIES	20		/* with a pause between */

struct pipe_name {
	struct list node;
	struct sockaddr_un addr;
	socklen_t addr_len;
	int fd;				/* it listens */
	uint32_t nr, max;		/* instances */
	uint32_t nr_free;		/* of those, to connect to */
};

/* The server's end; all under pipe_lock. */
struct iocpi_pipe {
	struct pipe_name *name;		/* NULL: closed */
	enum { PIPE_DISCONNECTED, PIPE_LISTENING, PIPE_CONNECTING, PIPE_CONNECTED } state;
	LPOVERLAPPED connecting;
};

static pthread_mutex_t pipe_lock = PTHREAD_MUTEX_INITIALIZER;
static struct list names = { &names, &names };

BOOL WINAPI CreatePipe(PHANDLE hReadPipe, PHANDLE hWritePipe,
		       LPSECURITY_ATTRIBUTES lpPipeAttributes, DWORD nSize)
{
	struct iocpi_file *read_end, *write_end;
	int fds[2];

	(void)lpPipeAttributes;
	if (pipe2(fds, O_CLOEXEC))
		return iocpi_fail_errno(errno);
	/* A wish: what the system does not grant is no reason to fail. */
	if (nSize && nSize <= INT_MAX)
		fcntl(fds[0], F_SETPIPE_SZ, (int)nSize);
	read_end = iocpi_file_alloc(fds[0], FILE_READ_DATA, false);
	if (!read_end) {
		close(fds[1]);
		return FALSE;
	}
	write_end = iocpi_file_alloc(fds[1], FILE_WRITE_DATA | FILE_APPEND_DATA, false);
	if (!write_end) {
		CloseHandle(iocpi_file_open(read_end));
		return FALSE;
	}
	*hReadPipe = iocpi_file_open(read_end);
	*hWritePipe = iocpi_file_open(write_end);
	return TRUE;
}

bool iocpi_is_pipe_name(const char *path)
{
	return !strncasecmp(path, PREFIX, strlen(PREFIX));
}

/* The socket's address, the same for all spellings of a name.  False: no such names. */
static bool address_of(const char *path, struct sockaddr_un *addr, socklen_t *len)
{
	size_t room = sizeof(addr->sun_path) - 1;
	char *at = addr->sun_path + 1;
	int n;

	if (!path || !iocpi_is_pipe_name(path) || !path[strlen(PREFIX)])
		return false;
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	n = snprintf(at, room, "iocp-pipe-%u-%s", geteuid(), path + strlen(PREFIX));
	if (n < 0 || (size_t)n >= room)
		return false;
	for (; *at; at++)
		*at = tolower((unsigned char)*at);
	*len = offsetof(struct sockaddr_un, sun_path) + 1 + n;
	return true;
}

static bool same_user(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) && cred.uid == geteuid();
}

/*
 * Clients
 */

/* A connected socket, or a Win32 code in *code and -1. */
static int client_connect(const char *path, bool wait, DWORD ms, DWORD *code)
{
	struct timeval timeout = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	struct sockaddr_un addr;
	socklen_t len;
	int fd, ret;

	if (!address_of(path, &addr, &len)) {
		*code = ERROR_INVALID_NAME;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (wait ? 0 : SOCK_NONBLOCK), 0);
	if (fd < 0) {
		*code = iocp_status_to_win32(iocp_errno_to_status(errno));
		return -1;
	}
	if (wait) {
		/* By having a name it tells the server that it only asks. */
		bind(fd, &(struct sockaddr){ .sa_family = AF_UNIX }, sizeof(sa_family_t));
		if (ms != NMPWAIT_WAIT_FOREVER)
			setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	}
	do {
		ret = connect(fd, (struct sockaddr *)&addr, len);
	} while (ret && errno == EINTR);
	if (!ret && same_user(fd))
		return fd;
	if (!ret)
		*code = ERROR_ACCESS_DENIED;
	else if (errno == ECONNREFUSED)
		*code = ERROR_FILE_NOT_FOUND;
	else if (errno == EAGAIN)
		*code = wait ? ERROR_SEM_TIMEOUT : ERROR_PIPE_BUSY;
	else
		*code = iocp_status_to_win32(iocp_errno_to_status(errno));
	close(fd);
	return -1;
}

/* CreateFile() of a pipe. */
HANDLE iocpi_pipe_open(const char *path, uint32_t access, bool overlapped)
{
	struct iocpi_file *f;
	DWORD code;
	int fd;

	fd = client_connect(path, false, 0, &code);
	if (fd < 0) {
		iocpi_fail(code);
		return INVALID_HANDLE_VALUE;
	}
	fcntl(fd, F_SETFL, 0);
	f = iocpi_file_alloc(fd, access, overlapped);
	if (f)
		f->kind = KIND_PIPE;
	return iocpi_file_open(f);
}

BOOL WINAPI WaitNamedPipeA(LPCSTR lpNamedPipeName, DWORD nTimeOut)
{
	DWORD code, ms = nTimeOut == NMPWAIT_USE_DEFAULT_WAIT ? DEFAULT_WAIT_MS : nTimeOut;
	int fd = client_connect(lpNamedPipeName, true, ms, &code);

	if (fd < 0)
		return iocpi_fail(code == ERROR_INVALID_NAME ? ERROR_PATH_NOT_FOUND : code);
	close(fd);
	return TRUE;
}

BOOL WINAPI WaitNamedPipeW(LPCWSTR lpNamedPipeName, DWORD nTimeOut)
{
	struct iocpi_name name;
	DWORD code = iocpi_name8(lpNamedPipeName, &name);

	return code ? iocpi_fail(code) : WaitNamedPipeA(name.name, nTimeOut);
}

/*
 * The server's names; pipe_lock is held
 */

static void name_set_room(struct pipe_name *n, int more)
{
	n->nr_free += more;
	listen(n->fd, (int)n->nr_free);
}

static void name_put(struct pipe_name *n)
{
	if (--n->nr)
		return;
	list_del_init(&n->node);
	/* Whoever still waits for clients hears of it, and an association may hold it. */
	shutdown(n->fd, SHUT_RDWR);
	close(n->fd);
	free(n);
}

static int name_listen(struct pipe_name *n)
{
	int tries = 0, ret;

	n->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (n->fd < 0)
		return -errno;
	/* One that was closed just now may still be on its way out. */
	while ((ret = bind(n->fd, (struct sockaddr *)&n->addr, n->addr_len)) &&
	       errno == EADDRINUSE && ++tries < BIND_TRIES)
		iocpi_pause();
	if (ret || listen(n->fd, 0)) {
		ret = -errno;
		close(n->fd);
		return ret;
	}
	return 0;
}

/* With one instance more, or NULL and a Win32 code. */
static struct pipe_name *name_get(const struct sockaddr_un *addr, socklen_t len, DWORD max,
				  bool first, DWORD *code)
{
	struct pipe_name *n;
	struct list *l;
	int ret;

	for (l = names.next; l != &names; l = l->next) {
		n = container_of(l, struct pipe_name, node);
		if (n->addr_len != len || memcmp(&n->addr, addr, len))
			continue;
		*code = first ? ERROR_ACCESS_DENIED : ERROR_PIPE_BUSY;
		if (first || (n->max < PIPE_UNLIMITED_INSTANCES && n->nr >= n->max))
			return NULL;
		n->nr++;
		return n;
	}
	*code = ERROR_NOT_ENOUGH_MEMORY;
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->addr = *addr;
	n->addr_len = len;
	n->max = max;
	n->nr = 1;
	ret = name_listen(n);
	if (ret) {
		/* 5: another process has it. */
		*code = ret == -EADDRINUSE ? ERROR_ACCESS_DENIED :
			iocp_status_to_win32(iocp_errno_to_status(-ret));
		free(n);
		return NULL;
	}
	list_add_tail(&n->node, &names);
	return n;
}

/*
 * The server's end
 */

/* Neither read nor written, and ENOTCONN is what both are told. */
static int placeholder(void)
{
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
}

static DWORD pipe_create(const struct sockaddr_un *addr, socklen_t len, DWORD mode, DWORD max,
			 HANDLE *h)
{
	uint32_t access = 0;
	struct iocpi_pipe *p;
	struct iocpi_file *f;
	DWORD code;
	int fd;

	if (mode & PIPE_ACCESS_INBOUND)
		access |= FILE_READ_DATA;
	if (mode & PIPE_ACCESS_OUTBOUND)
		access |= FILE_WRITE_DATA | FILE_APPEND_DATA;
	p = calloc(1, sizeof(*p));
	if (!p)
		return ERROR_NOT_ENOUGH_MEMORY;
	fd = placeholder();
	f = fd < 0 ? NULL : iocpi_file_alloc(fd, access, mode & FILE_FLAG_OVERLAPPED);
	if (!f) {
		free(p);
		return fd < 0 ? ERROR_TOO_MANY_OPEN_FILES : ERROR_NOT_ENOUGH_MEMORY;
	}
	f->kind = KIND_PIPE;
	f->pipe = p;
	pthread_mutex_lock(&pipe_lock);
	p->name = name_get(addr, len, max, mode & FILE_FLAG_FIRST_PIPE_INSTANCE, &code);
	if (p->name) {
		p->state = PIPE_LISTENING;
		name_set_room(p->name, 1);
		code = 0;
	}
	pthread_mutex_unlock(&pipe_lock);
	*h = iocpi_file_open(f);
	if (code)
		CloseHandle(*h);
	return code;
}

HANDLE WINAPI CreateNamedPipeA(LPCSTR lpName, DWORD dwOpenMode, DWORD dwPipeMode,
			       DWORD nMaxInstances, DWORD nOutBufferSize, DWORD nInBufferSize,
			       DWORD nDefaultTimeOut, LPSECURITY_ATTRIBUTES lpSecurityAttributes)
{
	HANDLE h = INVALID_HANDLE_VALUE;
	struct sockaddr_un addr;
	socklen_t len;
	DWORD code;

	(void)nOutBufferSize;
	(void)nInBufferSize;
	(void)nDefaultTimeOut;
	(void)lpSecurityAttributes;
	if (!address_of(lpName, &addr, &len))
		code = ERROR_INVALID_NAME;
	else if (!(dwOpenMode & PIPE_ACCESS_DUPLEX) || !nMaxInstances ||
		 nMaxInstances > PIPE_UNLIMITED_INSTANCES ||
		 dwOpenMode & ~(PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED |
				FILE_FLAG_WRITE_THROUGH | FILE_FLAG_FIRST_PIPE_INSTANCE))
		code = ERROR_INVALID_PARAMETER;
	else if (dwPipeMode & ~PIPE_REJECT_REMOTE_CLIENTS)
		code = ERROR_NOT_SUPPORTED;
	else
		code = pipe_create(&addr, len, dwOpenMode, nMaxInstances, &h);
	if (!code)
		return h;
	iocpi_fail(code);
	return INVALID_HANDLE_VALUE;
}

HANDLE WINAPI CreateNamedPipeW(LPCWSTR lpName, DWORD dwOpenMode, DWORD dwPipeMode,
			       DWORD nMaxInstances, DWORD nOutBufferSize, DWORD nInBufferSize,
			       DWORD nDefaultTimeOut, LPSECURITY_ATTRIBUTES lpSecurityAttributes)
{
	struct iocpi_name name;
	DWORD code = iocpi_name8(lpName, &name);

	if (code) {
		iocpi_fail(code);
		return INVALID_HANDLE_VALUE;
	}
	return CreateNamedPipeA(name.name, dwOpenMode, dwPipeMode, nMaxInstances, nOutBufferSize,
				nInBufferSize, nDefaultTimeOut, lpSecurityAttributes);
}

static bool hung_up(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };

	return poll(&p, 1, 0) > 0;
}

/* A client of ours, and none that only asks: a socket; or -errno. */
static int accept_client(const struct pipe_name *n)
{
	struct sockaddr_un peer;
	socklen_t len;
	int fd;

	for (;;) {
		len = sizeof(peer);
		fd = accept4(n->fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			return -errno;
		}
		if (len <= sizeof(sa_family_t) && same_user(fd))
			return fd;
		close(fd);
	}
}

/* 0, or -errno: -EAGAIN nobody is there.  pipe_lock is held. */
static int take_client(struct iocpi_file *f)
{
	struct iocpi_pipe *p = f->pipe;
	int fd, ret;

	fd = p->name ? accept_client(p->name) : -EBADF;
	if (fd < 0)
		return fd;
	ret = iocpi_file_replace(f, fd);
	if (ret)
		return ret;
	p->state = PIPE_CONNECTED;
	name_set_room(p->name, -1);
	return 0;
}

/* Has the internal port tell when there is somebody.  0 or -errno. */
static int wait_for_client(struct iocpi_file *f)
{
	struct iocp_result result = { .res = -EIO };
	struct iocp_port *port;
	struct iocp_op op;
	int ret;

	ret = iocpi_internal_serve();
	if (!ret)
		ret = iocpi_internal_bind(f, f->pipe->name->fd, &port);
	if (ret)
		return ret;
	iocp_prep_read(&op, &f->internal_assoc, NULL, 0, 0,
		       (void *)((uintptr_t)f->pipe->connecting | OVERLAPPED_EMPTY));
	ret = iocp_submit(port, &op, 1, &result);
	if (ret < 0)
		return ret;
	return result.state == IOCP_RESULT_QUEUED ? 0 : result.res;
}

/*
 * A packet of the internal port.  True: it is no completion, and the wait goes on.
 * Else *c is what the program hears; the caller holds the file.
 */
bool iocpi_pipe_accept(struct iocpi_file *f, struct iocpi_completion *c)
{
	struct iocpi_pipe *p = f->pipe;
	int ret = 0;

	pthread_mutex_lock(&pipe_lock);
	if (p->state != PIPE_CONNECTING || p->connecting != c->overlapped) {
		pthread_mutex_unlock(&pipe_lock);
		return false;
	}
	if (c->status == STATUS_SUCCESS) {
		ret = take_client(f);
		if (ret == -EAGAIN) {
			ret = wait_for_client(f);
			if (!ret) {
				pthread_mutex_unlock(&pipe_lock);
				return true;
			}
		}
	}
	if (p->state == PIPE_CONNECTING)
		p->state = PIPE_LISTENING;
	p->connecting = NULL;
	iocpi_internal_release(f);
	pthread_mutex_unlock(&pipe_lock);
	if (ret) {
		c->status = iocpi_io_status(ret, 0, 0, KIND_PIPE, true, false);
		c->err = -ret;
	}
	return false;
}

/* pipe_lock is held, and goes.  Takes over the caller's OBJ_OP. */
static BOOL connect_overlapped(struct iocpi_file *f, LPOVERLAPPED o)
{
	struct iocpi_pipe *p = f->pipe;
	uintptr_t event = (uintptr_t)o->hEvent & ~EVENT_NO_PACKET;
	NTSTATUS status;
	int ret;

	if (event && !ResetEvent((HANDLE)event)) {
		pthread_mutex_unlock(&pipe_lock);
		iocpi_file_put(f, OBJ_OP);
		return iocpi_fail(ERROR_INVALID_HANDLE);
	}
	if (!event)
		iocpi_file_unsignal(f);
	WRITE_ONCE(o->InternalHigh, 0);
	store_release(&o->Internal, (ULONG_PTR)STATUS_PENDING);
	p->connecting = o;
	p->state = PIPE_CONNECTING;
	iocpi_internal_release(f);
	ret = wait_for_client(f);
	if (ret) {
		p->connecting = NULL;
		p->state = PIPE_LISTENING;
	}
	pthread_mutex_unlock(&pipe_lock);
	if (!ret)
		return iocpi_fail(ERROR_IO_PENDING);
	status = iocpi_refusal_status(-ret, KIND_PIPE);
	iocpi_overlapped_finish(o, status, 0);
	iocpi_file_put(f, OBJ_OP);
	return iocpi_fail_status(status, -ret);
}

/* pipe_lock is held, but not while it waits.  0 or -errno. */
static int connect_blocking(struct iocpi_file *f)
{
	struct pollfd listening = { .events = POLLIN };
	int ret;

	/* The name may be closed meanwhile. */
	listening.fd = fcntl(f->pipe->name->fd, F_DUPFD_CLOEXEC, 0);
	if (listening.fd < 0)
		return -errno;
	do {
		pthread_mutex_unlock(&pipe_lock);
		poll(&listening, 1, -1);
		pthread_mutex_lock(&pipe_lock);
		ret = f->pipe->state == PIPE_LISTENING ? take_client(f) : -EBADF;
	} while (ret == -EAGAIN);
	close(listening.fd);
	return ret;
}

/* pipe_lock is held.  0: there is nobody yet; or the Win32 code to return. */
static DWORD connect_at_once(struct iocpi_file *f)
{
	struct iocpi_pipe *p = f->pipe;
	int ret;

	if (!p->name)
		return ERROR_INVALID_HANDLE;
	if (p->state == PIPE_CONNECTING)
		return ERROR_PIPE_LISTENING;
	if (p->state == PIPE_DISCONNECTED) {
		p->state = PIPE_LISTENING;
		name_set_room(p->name, 1);
	}
	ret = p->state == PIPE_CONNECTED ? 0 : take_client(f);
	if (ret == -EAGAIN)
		return 0;
	if (ret)
		return iocp_status_to_win32(iocp_errno_to_status(-ret));
	return hung_up(f->fd) ? ERROR_NO_DATA : ERROR_PIPE_CONNECTED;
}

BOOL WINAPI ConnectNamedPipe(HANDLE hNamedPipe, LPOVERLAPPED lpOverlapped)
{
	struct iocpi_file *f = iocpi_file_get(hNamedPipe, OBJ_USER + OBJ_OP);
	BOOL ok = FALSE;
	DWORD code;
	int ret;

	if (!f)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	if (!f->pipe || (uintptr_t)lpOverlapped % _Alignof(OVERLAPPED)) {
		code = f->pipe ? ERROR_NOACCESS : ERROR_INVALID_FUNCTION;
		iocpi_file_put(f, OBJ_USER + OBJ_OP);
		return iocpi_fail(code);
	}
	pthread_mutex_lock(&pipe_lock);
	code = connect_at_once(f);
	if (!code && f->overlapped && lpOverlapped) {
		ok = connect_overlapped(f, lpOverlapped);
		iocpi_file_put(f, OBJ_USER);
		return ok;
	}
	ret = code ? 0 : connect_blocking(f);
	pthread_mutex_unlock(&pipe_lock);
	iocpi_file_put(f, OBJ_USER + OBJ_OP);
	if (code)
		return iocpi_fail(code);
	return ret ? iocpi_fail_status(iocpi_refusal_status(-ret, KIND_PIPE), -ret) : TRUE;
}

/* pipe_lock is held. */
static DWORD pipe_disconnect(struct iocpi_file *f)
{
	int fd, ret;

	switch (f->pipe->state) {
	case PIPE_DISCONNECTED:
		return ERROR_PIPE_NOT_CONNECTED;
	case PIPE_LISTENING:
	case PIPE_CONNECTING:
		return ERROR_PIPE_LISTENING;
	case PIPE_CONNECTED:
		break;
	}
	fd = placeholder();
	if (fd < 0)
		return iocp_status_to_win32(iocp_errno_to_status(errno));
	/* Also for descriptors of others, and for those that are inside a read. */
	shutdown(f->fd, SHUT_RDWR);
	iocpi_internal_release(f);
	ret = iocpi_file_replace(f, fd);
	f->pipe->state = PIPE_DISCONNECTED;
	return ret ? iocp_status_to_win32(iocp_errno_to_status(-ret)) : 0;
}

BOOL WINAPI DisconnectNamedPipe(HANDLE hNamedPipe)
{
	struct iocpi_file *f = iocpi_file_get(hNamedPipe, OBJ_USER);
	DWORD code = ERROR_INVALID_FUNCTION;

	if (!f)
		return iocpi_fail(ERROR_INVALID_HANDLE);
	if (f->pipe) {
		pthread_mutex_lock(&pipe_lock);
		code = pipe_disconnect(f);
		pthread_mutex_unlock(&pipe_lock);
	}
	iocpi_file_put(f, OBJ_USER);
	return code ? iocpi_fail(code) : TRUE;
}

/* At CloseHandle. */
void iocpi_pipe_close(struct iocpi_file *f)
{
	struct iocpi_pipe *p = f->pipe;

	pthread_mutex_lock(&pipe_lock);
	if (p->name) {
		if (p->state == PIPE_LISTENING || p->state == PIPE_CONNECTING)
			name_set_room(p->name, -1);
		name_put(p->name);
		p->name = NULL;
		/* CONNECTING: its packet is still to come. */
		if (p->state == PIPE_LISTENING)
			p->state = PIPE_DISCONNECTED;
	}
	pthread_mutex_unlock(&pipe_lock);
}

void iocpi_pipe_fork_lock(void)
{
	pthread_mutex_lock(&pipe_lock);
}

void iocpi_pipe_fork_unlock(void)
{
	pthread_mutex_unlock(&pipe_lock);
}

/* The names are the parent's: here nobody would answer. */
void iocpi_pipe_fork_child(void)
{
	while (!list_empty(&names)) {
		struct pipe_name *n = container_of(names.next, struct pipe_name, node);

		list_del_init(&n->node);
		close(n->fd);
		free(n);
	}
}
