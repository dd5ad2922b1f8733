// SPDX-License-Identifier: GPL-2.0-only
/*
 * opdef.c - the op table: the only list of operations.
 *
 * Locking: none, it is constant.
 */
#include "iocp.h"

const struct iocp_opdef iocp_opdefs[IOCP_NR_OPS] = {
	[IOCP_OP_NOP] = {
		.name		= "NOP",
		.file		= IOCP_FILE_OPTIONAL,
	},
	[IOCP_OP_READ] = {
		.name		= "READ",
		.fields		= IOCP_FIELD_OP_FLAGS | IOCP_FIELD_ADDR | IOCP_FIELD_LEN |
				  IOCP_FIELD_OFF,
		.file		= IOCP_FILE_NEEDED,
		.rw		= true,
		.possible	= iocp_read_possible,
		.prep		= iocp_rw_prep,
		.issue		= iocp_rw_issue,
		.work		= iocp_rw_work,
	},
	[IOCP_OP_WRITE] = {
		.name		= "WRITE",
		.fields		= IOCP_FIELD_OP_FLAGS | IOCP_FIELD_ADDR | IOCP_FIELD_LEN |
				  IOCP_FIELD_OFF,
		.file		= IOCP_FILE_NEEDED,
		.rw		= true,
		.write		= true,
		.possible	= iocp_write_possible,
		.prep		= iocp_rw_prep,
		.issue		= iocp_rw_issue,
		.work		= iocp_rw_work,
	},
	[IOCP_OP_READV] = {
		.name		= "READV",
		.fields		= IOCP_FIELD_OP_FLAGS | IOCP_FIELD_ADDR | IOCP_FIELD_LEN |
				  IOCP_FIELD_OFF,
		.file		= IOCP_FILE_NEEDED,
		.rw		= true,
		.possible	= iocp_read_possible,
		.prep		= iocp_rwv_prep,
		.issue		= iocp_rw_issue,
		.work		= iocp_rw_work,
	},
	[IOCP_OP_WRITEV] = {
		.name		= "WRITEV",
		.fields		= IOCP_FIELD_OP_FLAGS | IOCP_FIELD_ADDR | IOCP_FIELD_LEN |
				  IOCP_FIELD_OFF,
		.file		= IOCP_FILE_NEEDED,
		.rw		= true,
		.write		= true,
		.possible	= iocp_write_possible,
		.prep		= iocp_rwv_prep,
		.issue		= iocp_rw_issue,
		.work		= iocp_rw_work,
	},
	[IOCP_OP_FSYNC] = {
		.name		= "FSYNC",
		.fields		= IOCP_FIELD_OP_FLAGS,
		.file		= IOCP_FILE_NEEDED,
		.possible	= iocp_fsync_possible,
		.prep		= iocp_fsync_prep,
		.work		= iocp_fsync_work,
	},
	[IOCP_OP_POST] = {
		.name		= "POST",
		.fields		= IOCP_FIELD_OP_FLAGS | IOCP_FIELD_ADDR | IOCP_FIELD_AUX2,
		.file		= IOCP_FILE_NONE,
		.post		= true,
		.kind		= IOCP_PKT_KIND_POST,
	},
	[IOCP_OP_WAIT] = {
		.name		= "WAIT",
		.fields		= IOCP_FIELD_OP_FLAGS | IOCP_FIELD_LEN | IOCP_FIELD_AUX,
		.file		= IOCP_FILE_NONE,
		.kind		= IOCP_PKT_KIND_WAIT,
		.prep		= iocp_wait_prep,
		.start		= iocp_wait_start,
		.cleanup	= iocp_wait_cleanup,
	},
	[IOCP_OP_TIMER] = {
		.name		= "TIMER",
		.fields		= IOCP_FIELD_OP_FLAGS | IOCP_FIELD_ADDR | IOCP_FIELD_OFF,
		.file		= IOCP_FILE_NONE,
		.kind		= IOCP_PKT_KIND_TIMER,
		.prep		= iocp_timer_prep,
		.start		= iocp_timer_start,
	},
};

/* Bit n: there is an opcode n. */
u64 iocp_opdef_mask(void)
{
	u64 mask = 0;
	unsigned int i;

	BUILD_BUG_ON(ARRAY_SIZE(iocp_opdefs) > 48);
	for (i = 0; i < ARRAY_SIZE(iocp_opdefs); i++)
		if (iocp_opdefs[i].name)
			mask |= BIT_ULL(i);
	return mask;
}

/* The operations that a file can do, as IOCP_CAP_* bits. */
u64 iocp_opdef_caps(struct file *file)
{
	u64 mask = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(iocp_opdefs); i++)
		if (iocp_opdefs[i].name && iocp_opdefs[i].file != IOCP_FILE_NONE &&
		    (!iocp_opdefs[i].possible || iocp_opdefs[i].possible(file)))
			mask |= BIT_ULL(i);
	return mask;
}

/* The operations that need none, and are more than a packet; likewise. */
u64 iocp_opdef_fileless(void)
{
	u64 mask = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(iocp_opdefs); i++)
		if (iocp_opdefs[i].start)
			mask |= BIT_ULL(i);
	return mask;
}

/* An operation that is not among a file's: because of how it was opened, or ever? */
int iocp_opdef_why_not(const struct iocp_opdef *def, struct file *file)
{
	if (def->rw && !(file->f_mode & (def->write ? FMODE_WRITE : FMODE_READ)))
		return -EBADF;
	return -EOPNOTSUPP;
}
