// SPDX-License-Identifier: GPL-2.0-only
/*
 * user.c - small structures from and to the program.
 *
 * Word by word: for sizes of a few words copy_from_user() and its checks cost
 * three times as many instructions, and ENTER makes four such copies.  All our
 * structures are multiples of 8 bytes.
 *
 * Locking: none may be held, a page of the program's may never come.
 */
#include <linux/uaccess.h>

#include "iocp.h"

/*
 * iocp_copy_args - copy in an argument structure that starts with its size
 * @dst: kernel copy
 * @ksize: size of what we know; also the smallest size ever published
 * @uarg: the program's
 */
int iocp_copy_args(void *dst, size_t ksize, void __user *uarg)
{
	u64 __user *from = uarg;
	u64 *to = dst;
	u32 usize;
	size_t i;
	int ret;

	if (!user_read_access_begin(uarg, ksize))
		return -EFAULT;
	unsafe_get_user(usize, (u32 __user *)uarg, fault);
	if (usize >= ksize)
		for (i = 0; i < ksize / sizeof(*to); i++)
			unsafe_get_user(to[i], from + i, fault);
	user_read_access_end();
	if (likely(usize == ksize))
		return 0;
	if (usize < ksize)
		return -EINVAL;
	if (usize > PAGE_SIZE)
		return -E2BIG;
	/* what we do not know must be zero */
	ret = check_zeroed_user(uarg + ksize, usize - ksize);
	if (ret < 0)
		return ret;
	return ret ? 0 : -E2BIG;
fault:
	user_read_access_end();
	return -EFAULT;
}

/* The program's structure may be longer than ours: its tail stays as it is. */
int iocp_copy_back(void __user *uarg, const void *src, size_t ksize)
{
	u64 __user *to = uarg;
	const u64 *from = src;
	size_t i;

	if (!user_write_access_begin(uarg, ksize))
		return -EFAULT;
	for (i = 0; i < ksize / sizeof(*from); i++)
		unsafe_put_user(from[i], to + i, fault);
	user_write_access_end();
	return 0;
fault:
	user_write_access_end();
	return -EFAULT;
}

/*
 * iocp_copy_op - copy in one operation
 * @stride: of the program's array; at least sizeof(*op)
 */
int iocp_copy_op(struct iocp_op *op, void __user *uop, size_t stride)
{
	u64 __user *from = uop;
	u64 *to = (u64 *)op;
	size_t i;

	if (unlikely(stride != sizeof(*op)))
		return copy_struct_from_user(op, sizeof(*op), uop, stride);
	if (!user_read_access_begin(uop, sizeof(*op)))
		return -EFAULT;
	for (i = 0; i < sizeof(*op) / sizeof(*to); i++)
		unsafe_get_user(to[i], from + i, fault);
	user_read_access_end();
	return 0;
fault:
	user_read_access_end();
	return -EFAULT;
}

/* Copies packets out, as many as can be; returns how many. */
unsigned int iocp_copy_packets(struct iocp_packet __user *to, const struct iocp_packet *from,
			       unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (iocp_copy_back(to + i, from + i, sizeof(*from)))
			break;
	return i;
}
