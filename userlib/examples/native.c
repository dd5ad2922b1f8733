// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <iocp.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	int ret, fd = open(argc > 1 ? argv[1] : "/etc/os-release", O_RDONLY);
	struct iocp_packet done;
	struct iocp_assoc file;
	struct iocp_port *port;
	struct iocp_op op;
	char buf[4096];

	if ((ret = iocp_open(&port, NULL)) || (ret = iocp_associate(port, fd, 7, &file))) {
		fprintf(stderr, "%s\n", strerror(-ret));
		return 1;
	}
	iocp_prep_read(&op, &file, buf, sizeof(buf), 0, buf);
	if (iocp_submit(port, &op, 1, NULL) == 1 && iocp_reap(port, &done, 1, IOCP_FOREVER) == 1)
		printf("key %llu: result %d, %llu bytes\n", (unsigned long long)done.key, done.res,
		       (unsigned long long)done.info);
	return iocp_close(port);
}
