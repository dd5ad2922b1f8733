// SPDX-License-Identifier: GPL-2.0-only
/* The error table: the pairs of semantics 9.1 and 9.2, and the rules by kind of file. */
#include <errno.h>

#include "unit.h"
#include "win.h"

/* 9.1, as numbers, so that a wrong constant in a header shows too. */
static const struct {
	int err;
	uint32_t status, code;
} pairs[] = {
	{ 0, 0x00000000, 0 },
	{ ECANCELED, 0xC0000120, 995 },
	{ EINTR, 0xC0000120, 995 },
	{ EPERM, 0xC0000061, 1314 },
	{ EACCES, 0xC0000022, 5 },
	{ ENOENT, 0xC0000034, 2 },
	{ EIO, 0xC0000185, 1117 },
	{ EREMOTEIO, 0xC0000185, 1117 },
	{ EBADMSG, 0xC000003F, 23 },
	{ EUCLEAN, 0xC000003F, 23 },
	{ EILSEQ, 0xC000003F, 23 },
	{ ENXIO, 0xC000000E, 433 },
	{ ENODEV, 0xC000000E, 433 },
	{ EBADF, 0xC0000008, 6 },
	{ EAGAIN, 0xC00000A3, 21 },
	{ ENOMEM, 0xC0000017, 8 },
	{ ENOBUFS, 0xC000009A, 1450 },
	{ EMFILE, 0xC000011F, 4 },
	{ ENFILE, 0xC000011F, 4 },
	{ EDQUOT, 0xC0000044, 1816 },
	{ EFAULT, 0xC0000005, 998 },
	{ EBUSY, 0x80000011, 170 },
	{ EALREADY, 0x80000011, 170 },
	{ EEXIST, 0xC0000035, 183 },
	{ EXDEV, 0xC00000D4, 17 },
	{ ENOTDIR, 0xC0000103, 267 },
	{ EISDIR, 0xC00000BA, 5 },
	{ EINVAL, 0xC000000D, 87 },
	{ ESPIPE, 0xC000000D, 87 },
	{ EDOM, 0xC000000D, 87 },
	{ ERANGE, 0xC000000D, 87 },
	{ ENOTTY, 0xC0000010, 1 },
	{ ENOSYS, 0xC0000010, 1 },
	{ EOPNOTSUPP, 0xC00000BB, 50 },
	{ EPROTONOSUPPORT, 0xC00000BB, 50 },
	{ EFBIG, 0xC0000904, 223 },
	{ EOVERFLOW, 0xC0000904, 223 },
	{ ENOSPC, 0xC000007F, 112 },
	{ EROFS, 0xC00000A2, 19 },
	{ EMLINK, 0xC0000265, 1142 },
	{ EPIPE, 0xC00000B1, 232 },
	{ ESHUTDOWN, 0xC0000241, 1236 },
	{ EDEADLK, 0xC0000194, 1131 },
	{ ENAMETOOLONG, 0xC0000106, 206 },
	{ ENOLCK, 0xC0000055, 33 },
	{ ENOTEMPTY, 0xC0000101, 145 },
	{ ETIME, 0xC00000B5, 121 },
	{ ETIMEDOUT, 0xC00000B5, 121 },
	{ ENOTSOCK, 0xC0000024, 6 },
	{ EMSGSIZE, 0xC0000206, 1784 },
	{ EADDRINUSE, 0xC0000238, 1227 },
	{ ENETDOWN, 0xC000023C, 1231 },
	{ ENETUNREACH, 0xC000023C, 1231 },
	{ EHOSTUNREACH, 0xC000023D, 1232 },
	{ EHOSTDOWN, 0xC000023D, 1232 },
	{ ECONNABORTED, 0xC0000241, 1236 },
	{ ECONNRESET, 0xC000020D, 64 },
	{ ENETRESET, 0xC000020D, 64 },
	{ ENOTCONN, 0xC0000140, 59 },
	{ ECONNREFUSED, 0xC0000236, 1225 },
	{ ESTALE, 0xC0000098, 1006 },
	{ ENOMEDIUM, 0xC0000013, 21 },
	{ EOWNERDEAD, 0x00000080, 128 },
	{ EXFULL, 0xC00000E9, 1117 },		/* any other */
};

static const struct {
	uint32_t status, code;
} status_only[] = {
	{ 0x00000103, 997 },
	{ 0x00000102, 258 },
	{ 0xC0000011, 38 },
	{ 0xC000014B, 109 },
	{ 0x80000005, 234 },
	{ 0xDEAD0001, 317 },			/* none of ours */
};

/* 9.2 */
static const struct {
	uint32_t code;
	int err;
} back[] = {
	{ 0, 0 }, { 1, 38 }, { 2, 2 }, { 3, 2 }, { 4, 24 }, { 5, 13 }, { 6, 9 }, { 8, 12 },
	{ 14, 12 }, { 17, 18 }, { 19, 30 }, { 21, 11 }, { 23, 74 }, { 32, 16 }, { 33, 16 },
	{ 170, 16 }, { 38, 0 }, { 39, 28 }, { 112, 28 }, { 50, 95 }, { 64, 104 }, { 80, 17 },
	{ 183, 17 }, { 87, 22 }, { 109, 32 }, { 232, 32 }, { 233, 32 }, { 121, 110 },
	{ 128, 130 }, { 735, 108 }, { 145, 39 }, { 192, 4 }, { 206, 36 }, { 223, 27 },
	{ 234, 90 }, { 258, 62 }, { 267, 20 }, { 288, 1 }, { 298, 75 }, { 433, 19 },
	{ 1167, 19 }, { 995, 125 }, { 996, 115 }, { 997, 115 }, { 998, 14 }, { 1784, 14 },
	{ 1117, 5 }, { 1131, 35 }, { 1142, 31 }, { 1168, 2 }, { 1225, 111 }, { 1227, 98 },
	{ 1231, 101 }, { 1232, 113 }, { 1236, 103 }, { 1295, 122 }, { 1816, 122 }, { 1314, 1 },
	{ 1450, 105 },
};

static void errno_to_status_to_code(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(pairs); i++) {
		assert_int_equal(iocp_errno_to_status(pairs[i].err), pairs[i].status);
		assert_int_equal(iocp_status_to_win32(pairs[i].status), pairs[i].code);
	}
	for (i = 0; i < ARRAY_SIZE(status_only); i++)
		assert_int_equal(iocp_status_to_win32(status_only[i].status), status_only[i].code);
}

static void code_to_errno(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(back); i++)
		assert_int_equal(iocp_win32_to_errno(back[i].code), back[i].err);
	assert_int_equal(iocp_win32_to_errno(54321), EIO);
}

/* Every code that an errno becomes goes back to an errno of the same code. */
static void round_trip(void **state)
{
	/* Not invertible: these become something else on the way back, as 9.2 says. */
	static const int lost[] = { ENXIO, EISDIR, ESPIPE, EDOM, ERANGE, EMSGSIZE, ENOTSOCK,
				    ETIME, EOVERFLOW, ESHUTDOWN, ENOLCK };
	size_t i, j;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(pairs); i++) {
		int err = iocp_win32_to_errno(pairs[i].code);

		for (j = 0; j < ARRAY_SIZE(lost); j++)
			if (pairs[i].err == lost[j])
				break;
		if (j == ARRAY_SIZE(lost))
			assert_int_equal(iocp_status_to_win32(iocp_errno_to_status(err)),
					 pairs[i].code);
	}
}

static void status_by_kind(void **state)
{
	(void)state;
	/* 0 bytes: end of file, broken, or nothing special */
	assert_int_equal(iocpi_io_status(0, 0, 0, KIND_FILE, false, false), STATUS_END_OF_FILE);
	assert_int_equal(iocpi_io_status(0, 0, 0, KIND_PIPE, false, false), STATUS_PIPE_BROKEN);
	assert_int_equal(iocpi_io_status(0, 0, 0, KIND_SOCKET, false, false), STATUS_SUCCESS);
	assert_int_equal(iocpi_io_status(0, 0, 0, KIND_FILE, true, false), STATUS_SUCCESS);
	assert_int_equal(iocpi_io_status(0, 0, 0, KIND_PIPE, true, true), STATUS_SUCCESS);
	assert_int_equal(iocpi_io_status(0, 1, 0, KIND_FILE, false, true), STATUS_SUCCESS);
	/* OV-17 and 9.1: nobody reads any more */
	assert_int_equal(iocpi_io_status(-EPIPE, 0, 0, KIND_PIPE, false, true),
			 STATUS_PIPE_CLOSING);
	assert_int_equal(iocpi_io_status(-EPIPE, 0, 0, KIND_PIPE, false, false),
			 STATUS_PIPE_BROKEN);
	assert_int_equal(iocpi_io_status(-EPIPE, 0, 0, KIND_SOCKET, false, true),
			 STATUS_CONNECTION_ABORTED);
	/* OV-30: cancelled, or closed */
	assert_int_equal(iocpi_io_status(-ECANCELED, 0, 0, KIND_PIPE, false, false),
			 STATUS_CANCELLED);
	assert_int_equal(iocpi_io_status(-ECANCELED, 0, IOCP_PKT_F_CLOSED, KIND_PIPE, false, false),
			 STATUS_PIPE_BROKEN);
	assert_int_equal(iocpi_io_status(-ECANCELED, 0, IOCP_PKT_F_CLOSED, KIND_SOCKET, false,
					 false), STATUS_CONNECTION_ABORTED);
	assert_int_equal(iocpi_io_status(-ECANCELED, 0, IOCP_PKT_F_CLOSED, KIND_FILE, false, false),
			 STATUS_CANCELLED);
	/* refused */
	assert_int_equal(iocpi_refusal_status(EAGAIN, KIND_FILE), STATUS_INSUFFICIENT_RESOURCES);
	assert_int_equal(iocpi_refusal_status(ENOENT, KIND_FILE), STATUS_INVALID_HANDLE);
	assert_int_equal(iocpi_refusal_status(EFAULT, KIND_FILE), STATUS_ACCESS_VIOLATION);
	assert_int_equal(iocpi_refusal_status(EPIPE, KIND_PIPE), STATUS_PIPE_CLOSING);
}

static void last_error(void **state)
{
	(void)state;
	SetLastError(0xdeadbeef);
	assert_int_equal(GetLastError(), 0xdeadbeef);
	assert_false(iocpi_fail_errno(ENOSPC));
	assert_int_equal(GetLastError(), ERROR_DISK_FULL);
	assert_int_equal(iocp_last_errno(), ENOSPC);
	assert_false(iocpi_fail(ERROR_INVALID_HANDLE));
	assert_int_equal(iocp_last_errno(), EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errno_to_status_to_code),
		cmocka_unit_test(code_to_errno),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(status_by_kind),
		cmocka_unit_test(last_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
