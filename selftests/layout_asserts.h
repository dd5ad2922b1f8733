/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * layout_asserts.h - the device's ABI, frozen: offset and size of every field.
 *
 * Included by a 64-bit and by a 32-bit program; both must see the same numbers.
 * Existing lines never change; a structure that grows gets new lines and a new
 * total.  No libc here: the 32-bit program has none.
 */
#ifndef LAYOUT_ASSERTS_H
#define LAYOUT_ASSERTS_H

#include <stddef.h>
#include <linux/iocp.h>

#define FIELD(type, field, offset, bytes)				\
	_Static_assert(offsetof(struct type, field) == (offset),	\
		       #type "." #field " has moved");			\
	_Static_assert(sizeof(((struct type *)0)->field) == (bytes),	\
		       #type "." #field " has another size")
#define TOTAL(type, bytes)						\
	_Static_assert(sizeof(struct type) == (bytes), #type " has another size"); \
	_Static_assert(_Alignof(struct type) == 8, #type " has another alignment")

FIELD(iocp_op, opcode, 0, 2);
FIELD(iocp_op, flags, 2, 2);
FIELD(iocp_op, op_flags, 4, 4);
FIELD(iocp_op, assoc, 8, 4);
FIELD(iocp_op, assoc_gen, 12, 4);
FIELD(iocp_op, overlapped, 16, 8);
FIELD(iocp_op, addr, 24, 8);
FIELD(iocp_op, len, 32, 8);
FIELD(iocp_op, off, 40, 8);
FIELD(iocp_op, aux, 48, 4);
FIELD(iocp_op, buf_index, 52, 2);
FIELD(iocp_op, ioprio, 54, 2);
FIELD(iocp_op, aux2, 56, 8);
TOTAL(iocp_op, 64);

FIELD(iocp_packet, key, 0, 8);
FIELD(iocp_packet, overlapped, 8, 8);
FIELD(iocp_packet, info, 16, 8);
FIELD(iocp_packet, res, 24, 4);
FIELD(iocp_packet, flags, 28, 4);
TOTAL(iocp_packet, 32);

FIELD(iocp_result, info, 0, 8);
FIELD(iocp_result, res, 8, 4);
FIELD(iocp_result, state, 12, 4);
TOTAL(iocp_result, 16);

FIELD(iocp_query, size, 0, 4);
FIELD(iocp_query, flags, 4, 4);
FIELD(iocp_query, features, 8, 8);
FIELD(iocp_query, ops, 16, 8);
FIELD(iocp_query, op_flags, 24, 4);
FIELD(iocp_query, rwf_flags, 28, 4);
FIELD(iocp_query, max_batch, 32, 4);
FIELD(iocp_query, max_ring_entries, 36, 4);
FIELD(iocp_query, max_inflight, 40, 4);
FIELD(iocp_query, max_posted, 44, 4);
FIELD(iocp_query, port_state, 48, 4);
FIELD(iocp_query, concurrency, 52, 4);
FIELD(iocp_query, queued, 56, 8);
FIELD(iocp_query, resv, 64, 64);
TOTAL(iocp_query, 128);

FIELD(iocp_setup, size, 0, 4);
FIELD(iocp_setup, flags, 4, 4);
FIELD(iocp_setup, features, 8, 8);
FIELD(iocp_setup, concurrency, 16, 4);
FIELD(iocp_setup, ring_entries, 20, 4);
FIELD(iocp_setup, packet_size, 24, 4);
FIELD(iocp_setup, max_inflight, 28, 4);
FIELD(iocp_setup, max_posted, 32, 4);
FIELD(iocp_setup, block_delay_us, 36, 4);
FIELD(iocp_setup, ro_off, 40, 8);
FIELD(iocp_setup, ro_len, 48, 8);
FIELD(iocp_setup, rw_off, 56, 8);
FIELD(iocp_setup, rw_len, 64, 8);
FIELD(iocp_setup, ro_tail, 72, 4);
FIELD(iocp_setup, ro_must_enter, 76, 4);
FIELD(iocp_setup, ro_more, 80, 4);
FIELD(iocp_setup, ro_packets, 84, 4);
FIELD(iocp_setup, rw_head, 88, 4);
FIELD(iocp_setup, resv0, 92, 4);
FIELD(iocp_setup, resv, 96, 64);
TOTAL(iocp_setup, 160);

FIELD(iocp_enter, size, 0, 4);
FIELD(iocp_enter, flags, 4, 4);
FIELD(iocp_enter, ops, 8, 8);
FIELD(iocp_enter, results, 16, 8);
FIELD(iocp_enter, nr_ops, 24, 4);
FIELD(iocp_enter, op_size, 28, 4);
FIELD(iocp_enter, packets, 32, 8);
FIELD(iocp_enter, nr_packets, 40, 4);
FIELD(iocp_enter, packet_size, 44, 4);
FIELD(iocp_enter, deadline, 48, 8);
FIELD(iocp_enter, sigmask, 56, 8);
FIELD(iocp_enter, sigmask_size, 64, 4);
FIELD(iocp_enter, resv0, 68, 4);
FIELD(iocp_enter, resv1, 72, 8);
FIELD(iocp_enter, first_id, 80, 8);
FIELD(iocp_enter, nr_consumed, 88, 4);
FIELD(iocp_enter, nr_taken, 92, 4);
FIELD(iocp_enter, wait_error, 96, 4);
FIELD(iocp_enter, state, 100, 4);
FIELD(iocp_enter, resv2, 104, 8);
TOTAL(iocp_enter, 112);

FIELD(iocp_associate, size, 0, 4);
FIELD(iocp_associate, flags, 4, 4);
FIELD(iocp_associate, fd, 8, 4);
FIELD(iocp_associate, modes, 12, 4);
FIELD(iocp_associate, key, 16, 8);
FIELD(iocp_associate, assoc, 24, 4);
FIELD(iocp_associate, assoc_gen, 28, 4);
FIELD(iocp_associate, caps, 32, 8);
FIELD(iocp_associate, resv, 40, 24);
TOTAL(iocp_associate, 64);

FIELD(iocp_assoc_ref, size, 0, 4);
FIELD(iocp_assoc_ref, flags, 4, 4);
FIELD(iocp_assoc_ref, assoc, 8, 4);
FIELD(iocp_assoc_ref, assoc_gen, 12, 4);
FIELD(iocp_assoc_ref, modes, 16, 4);
FIELD(iocp_assoc_ref, resv0, 20, 4);
FIELD(iocp_assoc_ref, overlapped, 24, 8);
FIELD(iocp_assoc_ref, resv, 32, 16);
TOTAL(iocp_assoc_ref, 48);

FIELD(iocp_post, size, 0, 4);
FIELD(iocp_post, flags, 4, 4);
FIELD(iocp_post, packets, 8, 8);
FIELD(iocp_post, nr, 16, 4);
FIELD(iocp_post, packet_size, 20, 4);
FIELD(iocp_post, nr_posted, 24, 4);
FIELD(iocp_post, resv, 28, 4);
TOTAL(iocp_post, 32);

FIELD(iocp_cancel, size, 0, 4);
FIELD(iocp_cancel, flags, 4, 4);
FIELD(iocp_cancel, assoc, 8, 4);
FIELD(iocp_cancel, assoc_gen, 12, 4);
FIELD(iocp_cancel, overlapped, 16, 8);
FIELD(iocp_cancel, id, 24, 8);
FIELD(iocp_cancel, nr_cancelled, 32, 4);
FIELD(iocp_cancel, nr_running, 36, 4);
FIELD(iocp_cancel, nr_unstoppable, 40, 4);
FIELD(iocp_cancel, resv, 44, 4);
TOTAL(iocp_cancel, 48);

FIELD(iocp_shutdown, size, 0, 4);
FIELD(iocp_shutdown, flags, 4, 4);
FIELD(iocp_shutdown, nr_dropped, 8, 8);
TOTAL(iocp_shutdown, 16);

FIELD(iocp_stats, size, 0, 4);
FIELD(iocp_stats, flags, 4, 4);
FIELD(iocp_stats, concurrency, 8, 4);
FIELD(iocp_stats, active, 12, 4);
FIELD(iocp_stats, waiting, 16, 4);
FIELD(iocp_stats, assocs, 20, 4);
FIELD(iocp_stats, inflight, 24, 4);
FIELD(iocp_stats, posted, 28, 4);
FIELD(iocp_stats, queued, 32, 8);
FIELD(iocp_stats, completed, 40, 8);
FIELD(iocp_stats, posts, 48, 8);
FIELD(iocp_stats, handed, 56, 8);
FIELD(iocp_stats, taken, 64, 8);
FIELD(iocp_stats, punted, 72, 8);
FIELD(iocp_stats, given_back, 80, 8);
FIELD(iocp_stats, dropped, 88, 8);
FIELD(iocp_stats, ring_broken, 96, 8);
FIELD(iocp_stats, blocks, 104, 8);
FIELD(iocp_stats, block_releases, 112, 8);
FIELD(iocp_stats, short_blocks, 120, 8);
FIELD(iocp_stats, wanted, 128, 8);
FIELD(iocp_stats, ring_taken, 136, 8);
FIELD(iocp_stats, over_limit_ns, 144, 8);
FIELD(iocp_stats, over_limits, 152, 8);
FIELD(iocp_stats, max_active, 160, 4);
FIELD(iocp_stats, workers, 164, 4);
FIELD(iocp_stats, resv, 168, 24);
TOTAL(iocp_stats, 192);

#define NUMBER(name, value) \
	_Static_assert((unsigned long long)(name) == (value), #name " has another value")

/* Call numbers: no size in them. */
NUMBER(IOCP_IOC_QUERY, 0x4a80);
NUMBER(IOCP_IOC_SETUP, 0x4a81);
NUMBER(IOCP_IOC_ENTER, 0x4a82);
NUMBER(IOCP_IOC_ASSOCIATE, 0x4a83);
NUMBER(IOCP_IOC_DISASSOCIATE, 0x4a84);
NUMBER(IOCP_IOC_SET_MODES, 0x4a85);
NUMBER(IOCP_IOC_POST, 0x4a86);
NUMBER(IOCP_IOC_CANCEL, 0x4a87);
NUMBER(IOCP_IOC_SHUTDOWN, 0x4a88);
NUMBER(IOCP_IOC_DETACH, 0x4a89);
NUMBER(IOCP_IOC_STATS, 0x4a8b);

NUMBER(IOCP_OP_NOP, 0);
NUMBER(IOCP_OP_READ, 1);
NUMBER(IOCP_OP_WRITE, 2);
NUMBER(IOCP_OP_READV, 3);
NUMBER(IOCP_OP_WRITEV, 4);
NUMBER(IOCP_OP_FSYNC, 5);
NUMBER(IOCP_OP_POST, 6);
NUMBER(IOCP_NO_ASSOC, 0xffffffff);
NUMBER(IOCP_MAX_BATCH, 4096);
NUMBER(IOCP_OFF_APPEND, 0xffffffffffffffff);
NUMBER(IOCP_FSYNC_DATASYNC, 1);

NUMBER(IOCP_OP_F_INLINE_OK, 0x1);
NUMBER(IOCP_OP_F_NOSIGNAL, 0x10);
NUMBER(IOCP_OP_F_FORCE_PUNT, 0x20);
NUMBER(IOCP_OP_F_KEY_IN_AUX2, 0x80);
NUMBER(IOCP_OP_F_PRIO_MASK, 0x300);
NUMBER(IOCP_OP_F_ANY_SHORT, 0x400);

NUMBER(IOCP_PRIO_DEFAULT, 0);
NUMBER(IOCP_PRIO_HIGH, 1);
NUMBER(IOCP_PRIO_NORMAL, 2);
NUMBER(IOCP_PRIO_LOW, 3);

NUMBER(IOCP_PKT_KIND_MASK, 0xff);
NUMBER(IOCP_PKT_KIND_IO, 0);
NUMBER(IOCP_PKT_KIND_POST, 1);
NUMBER(IOCP_PKT_KIND_LAST, 4);
NUMBER(IOCP_PKT_PRIO_MASK, 0x300);
NUMBER(IOCP_PKT_F_CLOSED, 0x10000);
NUMBER(IOCP_PKT_F_PARTIAL, 0x20000);

NUMBER(IOCP_RESULT_QUEUED, 0);
NUMBER(IOCP_RESULT_DONE, 1);
NUMBER(IOCP_RESULT_REFUSED, 2);

NUMBER(IOCP_FEATURE_RING, 1);
NUMBER(IOCP_FEATURE_LIMIT, 2);
NUMBER(IOCP_FEATURE_BLOCKING, 4);
NUMBER(IOCP_FEATURE_STRICT, 8);
NUMBER(IOCP_STATE_NEW, 0);
NUMBER(IOCP_STATE_LIVE, 1);
NUMBER(IOCP_STATE_SHUT_DOWN, 2);

NUMBER(IOCP_RING_MUST_ENTER_FRONT, 1);
NUMBER(IOCP_RING_MUST_ENTER_LIMIT, 2);
NUMBER(IOCP_RING_MUST_ENTER_SHUT, 4);

NUMBER(IOCP_ENTER_NO_ASSOC, 1);
NUMBER(IOCP_ENTER_NO_WAIT_IF_FAILED, 4);
NUMBER(IOCP_ENTER_WANT_THREAD, 1);
NUMBER(IOCP_ENTER_LAST_WAITER, 2);
NUMBER(IOCP_ENTER_OVER_LIMIT, 4);
NUMBER(IOCP_ENTER_MORE, 8);

NUMBER(IOCP_ASSOC_EXCLUSIVE, 1);
NUMBER(IOCP_ASSOC_PRIO_MASK, 0x300);
NUMBER(IOCP_MODE_SKIP_ON_SUCCESS, 1);
NUMBER(IOCP_MODE_SKIP_SET_EVENT, 2);
NUMBER(IOCP_CAP_STREAM, 1ULL << 48);
NUMBER(IOCP_CAP_DIRECT, 1ULL << 49);
NUMBER(IOCP_CAP_THREAD, 1ULL << 50);
NUMBER(IOCP_CAP_SOCKET, 1ULL << 51);
NUMBER(IOCP_DISASSOC_CANCEL, 1);
NUMBER(IOCP_DISASSOC_NOTIFY_LAST, 2);
NUMBER(IOCP_CANCEL_BY_ID, 1);
NUMBER(IOCP_CANCEL_BY_OVERLAPPED, 2);
NUMBER(IOCP_CANCEL_BY_ASSOC, 4);
NUMBER(IOCP_CANCEL_ALL_MINE, 8);
NUMBER(IOCP_CANCEL_THIS_THREAD, 16);

#undef FIELD
#undef TOTAL
#undef NUMBER

#endif /* LAYOUT_ASSERTS_H */
