/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * user.h - small structures from and to the program, word by word.
 *
 * For sizes of a few words copy_from_user() and its checks cost three times as
 * many instructions, and ENTER makes four such copies.  Everything the ABI knows
 * is a multiple of 8 bytes.  No lock may be held: a page of the program's may
 * never come.
 */
#ifndef IOCP_USER_H
#define IOCP_USER_H

#include <linux/uaccess.h>

/* 0 or -EFAULT.  @size is a constant, so there is no loop. */
static __always_inline int iocp_get_words(void *dst, const void __user *src, size_t size)
{
	const u64 __user *from = src;
	u64 *to = dst;
	size_t i;

	if (!user_read_access_begin(from, size))
		return -EFAULT;
#pragma GCC unroll 16
	for (i = 0; i < size / sizeof(*to); i++)
		unsafe_get_user(to[i], from + i, fault);
	user_read_access_end();
	return 0;
fault:
	user_read_access_end();
	return -EFAULT;
}

static __always_inline int iocp_put_words(void __user *dst, const void *src, size_t size)
{
	u64 __user *to = dst;
	const u64 *from = src;
	size_t i;

	if (!user_write_access_begin(to, size))
		return -EFAULT;
#pragma GCC unroll 16
	for (i = 0; i < size / sizeof(*from); i++)
		unsafe_put_user(from[i], to + i, fault);
	user_write_access_end();
	return 0;
fault:
	user_write_access_end();
	return -EFAULT;
}

#endif /* IOCP_USER_H */
