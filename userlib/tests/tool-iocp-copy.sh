#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
# iocp-copy, run as a user would: what it copies, and every way to fail with its message and
# exit status.  Prints TAP.  Wants root in a guest of its own (it makes null_blk devices and
# writes over $IOCP_BLK); what is missing there is skipped, with the reason.
#
# Environment: IOCP_EXT4 IOCP_XFS IOCP_TMPFS (folders), IOCP_BLK (scratch disk), IOCP_NULLB_SLOW
# (device that answers after 300 ms and stores nothing), as selftests/vm/run sets them.
set -u

# One clock for all of it: starting "timeout" for each program would take longer than they do
[ -n "${guarded:-}" ] || guarded=1 exec timeout -k 5 "${PROGRAM_TIMEOUT:-240}" "$0" "$@"

here=$(dirname "$(readlink -f "$0")")
copy=$here/../bin/iocp-copy
program=$copy
. "$here/../helpers/helper_tap.sh"
nullb=/sys/kernel/config/nullb/iocpcopy	# the device gets the folder's name

cleanup() {
	umount "$work/small" 2>/dev/null
	[ ! -d "$nullb" ] || rmdir "$nullb"
	rm -rf "$work" "${IOCP_EXT4:-$work}"/iocp-copy.* "${IOCP_XFS:-$work}"/iocp-copy.* \
		"${IOCP_TMPFS:-$work}"/iocp-copy.*
}
trap cleanup EXIT

need() {
	local v
	for v in "$@"; do
		[ -n "${!v:-}" ] || { why="$v is not set"; return 1; }
	done
}

random() { head -c "$2" /dev/urandom >"$1"; }

same() {
	cmp "$@" >"$work/cmp" 2>&1 && return
	sed 's/^/#   /' "$work/cmp"
	return 1
}

# sizes FROM TO SIZES OPTION…
sizes() {
	local from=$1 to=$2 sizes=$3 n
	shift 3
	for n in $sizes; do
		random "$from/iocp-copy.src" "$n"
		# What was there before, and is longer, must be gone
		random "$to/iocp-copy.dst" 70000
		expect 0 "^copied $n bytes in .* MB/s, .* operations, latency p50 " "$@" \
			"$from/iocp-copy.src" "$to/iocp-copy.dst" || return
		same "$from/iocp-copy.src" "$to/iocp-copy.dst" || return
	done
}

files() {
	local from=$1 to=$2
	shift 2
	need "$from" "$to" || return 4
	sizes "${!from}" "${!to}" "$@"
}

tmpfs_direct() {
	need IOCP_TMPFS || return 4
	rm -f "$IOCP_TMPFS/iocp-copy.dst"
	random "$IOCP_TMPFS/iocp-copy.src" 5000
	"$copy" --direct "$IOCP_TMPFS/iocp-copy.src" "$IOCP_TMPFS/iocp-copy.dst" >"$work/out" 2>&1
	case $? in
	0) same "$IOCP_TMPFS/iocp-copy.src" "$IOCP_TMPFS/iocp-copy.dst" ;;
	5)
		# tmpfs learned direct I/O in 6.6; before, the user must be told what to do
		grep -q 'cannot do direct I/O: leave out --direct' "$work/out" &&
			[ ! -e "$IOCP_TMPFS/iocp-copy.dst" ]
		;;
	*) sed 's/^/#   /' "$work/out"; return 1 ;;
	esac
}

# to_device OPTION…: a file to the raw disk and back; the disk's bytes behind it stay
to_device() {
	need IOCP_EXT4 IOCP_BLK || return 4
	local n=$((3 * 1024 * 1024 + 777)) before=$work/before after=$work/after
	random "$IOCP_EXT4/iocp-copy.src" $n
	random "$work/fill" $((4 * 1024 * 1024))
	dd if="$work/fill" of="$IOCP_BLK" bs=1M conv=fsync,notrunc status=none
	expect 0 "^copied $n bytes" "$@" "$IOCP_EXT4/iocp-copy.src" "$IOCP_BLK" || return
	dd if="$IOCP_BLK" bs=1M count=4 iflag=direct of="$after" status=none
	same -n $n "$IOCP_EXT4/iocp-copy.src" "$after" || return
	tail -c +$((n + 1)) "$work/fill" >"$before"
	tail -c +$((n + 1)) "$after" >"$work/tail"
	same "$before" "$work/tail"
}

# A device's size is what there is to copy: a small one, all of it
from_device() {
	need IOCP_EXT4 || return 4
	null_block size=4 memory_backed=1 || return 4
	random "$work/image" $((4 * 1024 * 1024))
	dd if="$work/image" of="$device" bs=1M conv=fsync status=none
	expect 0 "^copied 4194304 bytes" "$@" "$device" "$IOCP_EXT4/iocp-copy.dst" || return
	same "$work/image" "$IOCP_EXT4/iocp-copy.dst"
}

# null_block key=value…: a device of our own, in $device
null_block() {
	local setting
	[ ! -d "$nullb" ] || rmdir "$nullb"
	mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config 2>/dev/null
	modprobe null_blk nr_devices=0 2>/dev/null
	if ! mkdir "$nullb" 2>/dev/null; then
		why="no null_blk device can be made here"
		return 1
	fi
	for setting in "$@" power=1; do
		echo "${setting#*=}" >"$nullb/${setting%%=*}" || return
	done
	device=/dev/${nullb##*/}
	[ -b "$device" ] || { why="there is no $device"; return 1; }
}

depth_and_block() {
	need IOCP_EXT4 || return 4
	local block depth ops
	random "$IOCP_EXT4/iocp-copy.src" 300001
	while read -r block depth ops; do
		expect 0 "^copied 300001 bytes .* $ops operations" --block "$block" \
			--depth "$depth" "$IOCP_EXT4/iocp-copy.src" "$IOCP_EXT4/iocp-copy.dst" &&
			same "$IOCP_EXT4/iocp-copy.src" "$IOCP_EXT4/iocp-copy.dst" || return
	done <<-END
		1000 7 602
		4096 1 148
		4096 64 148
		64K 2 10
		1M 1024 2
	END
}

# The threads of a process are countable only while it works: on the slow device
threads() {
	need IOCP_EXT4 IOCP_NULLB_SLOW || return 4
	local pid now status most=0 looks=0
	truncate -s 64M "$IOCP_EXT4/iocp-copy.src"
	"$copy" --threads "$1" --direct --block 64K --depth 8 "$IOCP_EXT4/iocp-copy.src" \
		"$IOCP_NULLB_SLOW" >"$work/out" 2>&1 &
	pid=$!
	# Until there are some, and then a while: more could come
	while [ "$looks" -lt 5 ] && sleep 0.3; do
		now=$(cat "/proc/$pid/task/"*/comm 2>/dev/null | grep -cx iocp-pool)
		[ "$now" -le "$most" ] || most=$now
		[ "$most" = 0 ] && [ -e "/proc/$pid/task" ] || looks=$((looks + 1))
	done
	kill -TERM $pid
	wait $pid
	status=$?
	if [ $status != 143 ] || ! grep -q 'holds the first' "$work/out"; then
		say "exit status $status"
		sed 's/^/#   /' "$work/out"
		return 1
	fi
	if [ "$most" -lt 1 ] || [ "$most" -gt "$1" ]; then
		say "$most threads in the pool"
		return 1
	fi
}

threads_verify() {
	need IOCP_EXT4 IOCP_XFS || return 4
	random "$IOCP_EXT4/iocp-copy.src" 2000003
	expect 0 $'^copied 2000003 bytes .*\nverified 2000003 bytes' --threads 1 --verify "$@" \
		"$IOCP_EXT4/iocp-copy.src" "$IOCP_XFS/iocp-copy.dst" &&
		same "$IOCP_EXT4/iocp-copy.src" "$IOCP_XFS/iocp-copy.dst"
}

permissions_kept() {
	need IOCP_EXT4 || return 4
	random "$IOCP_EXT4/iocp-copy.src" 100
	chmod 640 "$IOCP_EXT4/iocp-copy.src"
	rm -f "$IOCP_EXT4/iocp-copy.dst"
	(umask 022 && expect 0 copied "$IOCP_EXT4/iocp-copy.src" "$IOCP_EXT4/iocp-copy.dst") || return
	[ "$(stat -c %a "$IOCP_EXT4/iocp-copy.dst")" = 640 ]
}

verify_equal() {
	need IOCP_EXT4 IOCP_XFS || return 4
	random "$IOCP_EXT4/iocp-copy.src" 2000003
	expect 0 $'^copied 2000003 bytes .*\nverified 2000003 bytes in .* operations, latency' \
		--verify "$@" "$IOCP_EXT4/iocp-copy.src" "$IOCP_XFS/iocp-copy.dst"
}

# A device that takes writes and stores nothing: the copy "succeeds", only reading back tells
verify_different() {
	need IOCP_EXT4 || return 4
	null_block size=16 memory_backed=0 || return 4
	random "$IOCP_EXT4/iocp-copy.src" 1000000
	expect 11 'differs from .* at offset 0:' --verify --direct "$IOCP_EXT4/iocp-copy.src" \
		"$device"
}

# One block at a time gets as far as there is room. Of several the slowest may be anywhere, so
# there it only matters that the prefix is told and right.
full_disk() {
	local n depth status
	mkdir -p "$work/small"
	mount -t tmpfs -o size=1m none "$work/small" || { why="no tmpfs can be mounted"; return 4; }
	random "$work/src" 3000000
	for depth in 1 4; do
		expect 8 'failed at offset [0-9]+: No space left on device .* holds the first [0-9]+ of 3000000 bytes: make room' \
			--block 64K --depth $depth "$work/src" "$work/small/dst"
		status=$?
		n=$(stat -c %s "$work/small/dst")
		[ $status = 0 ] && grep -q "first $n of" "$work/out" &&
			[ "$n" -gt $((depth == 1 ? 900000 : -1)) ] && [ "$n" -le 1048576 ] &&
			same -n "$n" "$work/src" "$work/small/dst"
		status=$?
		[ $status = 0 ] || { echo "# depth $depth: $n bytes"; break; }
		rm "$work/small/dst"
	done
	umount "$work/small"
	return $status
}

file_size_limit() {
	need IOCP_EXT4 || return 4
	local runner=(prlimit --fsize=1000000)
	random "$work/src" 3000000
	# in the middle of a block: what fits is written, the rest says why it does not
	expect 10 'failed at offset 1000000: File too large .* holds the first 1000000 of 3000000' \
		--block 64K "$work/src" "$IOCP_EXT4/iocp-copy.dst" &&
		same -n 1000000 "$work/src" "$IOCP_EXT4/iocp-copy.dst"
}

too_small() {
	null_block size=4 memory_backed=1 || return 4
	truncate -s $((4 * 1024 * 1024 + 1)) "$work/big"
	dd if=/dev/urandom of="$device" bs=1M count=4 conv=fsync status=none
	local before
	before=$(md5sum <"$device")
	expect 7 'is too small: it has 4194304 bytes, .* has 4194305; nothing was written' \
		"$work/big" "$device" && [ "$(md5sum <"$device")" = "$before" ]
}

mounted_device() {
	need IOCP_EXT4 || return 4
	local dev
	dev=$(findmnt -no SOURCE "$IOCP_EXT4")
	random "$work/src" 1000
	expect 6 'it is in use' "$work/src" "$dev"
}

# bad_sectors FIRST-LAST: a device of 4 MiB whose sectors there fail
bad_sectors() {
	null_block size=4 memory_backed=1 || return
	echo "+$1" 2>/dev/null >"$nullb/badblocks" || { why="null_blk has no badblocks"; return 1; }
}

read_error() {
	need IOCP_EXT4 || return 4
	bad_sectors 4096-4096 || return 4
	# sector 4096 is at 2 MiB, the 33rd block of 64 KiB
	expect 9 'reading .* failed at offset 2097152: Input/output error .* holds the first 2097152 of 4194304' \
		--direct --block 64K --depth 8 "$device" "$IOCP_EXT4/iocp-copy.dst" &&
		[ "$(stat -c %s "$IOCP_EXT4/iocp-copy.dst")" = 2097152 ]
}

write_error() {
	need IOCP_EXT4 || return 4
	bad_sectors 4096-4096 || return 4
	random "$IOCP_EXT4/iocp-copy.src" 4000000
	expect 10 'writing .* failed at offset 2097152: Input/output error .* holds the first 2097152 of 4000000' \
		--direct --block 64K --depth 8 "$IOCP_EXT4/iocp-copy.src" "$device"
}

# Buffered, the device's error is only met when the page cache is written out
flush_error() {
	need IOCP_EXT4 || return 4
	bad_sectors 4096-4096 || return 4
	random "$IOCP_EXT4/iocp-copy.src" 4000000
	expect 10 'flushing .* failed: Input/output error' "$IOCP_EXT4/iocp-copy.src" "$device"
}

unreadable() {
	expect 5 'cannot open .*/nothing for reading: No such file or directory' \
		"$work/nothing" "$work/dst" && [ ! -e "$work/dst" ] &&
		expect 5 'is a directory' "$work" "$work/dst" &&
		expect 5 'neither a regular file nor a block device' /dev/zero "$work/dst"
}

as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }

forbidden_source() {
	need IOCP_EXT4 || return 4
	local mode status runner=(as_nobody)
	random "$IOCP_EXT4/iocp-copy.src" 100
	chmod 600 "$IOCP_EXT4/iocp-copy.src"
	mode=$(stat -c %a /dev/iocp)
	chmod 666 /dev/iocp
	expect 5 'cannot open .* for reading: Permission denied; look at its permissions' \
		"$IOCP_EXT4/iocp-copy.src" /dev/null
	status=$?
	chmod "$mode" /dev/iocp
	return $status
}

forbidden_device() {
	local runner=(as_nobody)
	expect 4 'no permission to open /dev/iocp: join the group' /etc/os-release "$work/dst"
}

no_device() {
	local runner=(unshare -m sh -c 'mount -t tmpfs none /dev && exec "$@"' sh)
	expect 3 'the iocp module is not loaded; load it with "modprobe iocp"' /etc/os-release \
		"$work/dst" && [ ! -e "$work/dst" ]
}

# The node is there and nobody behind it
dead_device() {
	local runner=(unshare -m sh -c
		'mount -t tmpfs none /dev && mknod /dev/iocp c 10 254 && exec "$@"' sh)
	expect 3 'the iocp module is not loaded' /etc/os-release "$work/dst"
}

same_file() {
	random "$work/src" 1000
	ln -f "$work/src" "$work/link"
	local before
	before=$(md5sum <"$work/src")
	expect 12 'are the same file' "$work/src" "$work/src" &&
		expect 12 'are the same file' "$work/src" "$work/link" &&
		[ "$(md5sum <"$work/src")" = "$before" ]
}

bad_usage() {
	local args
	random "$work/src" 1000
	for args in "one" "one two three" "--depth 0 a b" "--depth 1025 a b" "--depth -1 a b" "--threads 501 a b" \
		"--block 1G a b" "--block 18446744073709551615K a b" "--block 64KK a b" \
		"--block 256M --depth 5 a b" "--unknown a b"; do
		# shellcheck disable=SC2086
		expect 2 . $args || return
	done
	need IOCP_EXT4 || return 0
	random "$IOCP_EXT4/iocp-copy.src" 1000
	expect 2 'with --direct it must be a multiple of' --direct --block 1000 \
		"$IOCP_EXT4/iocp-copy.src" "$IOCP_EXT4/iocp-copy.dst"
}

help_and_version() {
	expect 0 '^Usage: iocp-copy' --help && expect 0 '^iocp-copy [0-9]+\.[0-9]+, libiocp' --version
}

# The slow device has two writes in flight at any time; the copy would take minutes
interrupted() {
	need IOCP_EXT4 IOCP_NULLB_SLOW || return 4
	local started=$SECONDS runner=(timeout --foreground --preserve-status -s INT -k 30 2)
	truncate -s 64M "$IOCP_EXT4/iocp-copy.src"
	expect 130 'holds the first [0-9]+ of 67108864 bytes' --direct --block 64K --depth 2 \
		"$IOCP_EXT4/iocp-copy.src" "$IOCP_NULLB_SLOW" && [ $((SECONDS - started)) -lt 20 ]
}

killed() {
	need IOCP_EXT4 IOCP_NULLB_SLOW || return 4
	local status
	truncate -s 64M "$IOCP_EXT4/iocp-copy.src"
	# the shell tells of it, which is not to be seen
	{
		timeout -s KILL 2 "$copy" --direct --block 64K --depth 64 \
			"$IOCP_EXT4/iocp-copy.src" "$IOCP_NULLB_SLOW"
		status=$?
	} 2>/dev/null
	# 137: timeout is told to die of the same signal
	[ $status = 137 ] || { say "exit status $status"; return 1; }
}

objects() { grep -v '^owners' /sys/kernel/debug/iocp/objects 2>/dev/null; }

nothing_left() {
	local _
	[ -n "$before" ] || { why="no object counts in debugfs"; return 4; }
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ "$(objects)" != "$before" ] || return 0
		sleep 0.3
	done
	say "before: ${before//$'\n'/, }"
	say "after: $(objects | tr '\n' ',')"
	return 1
}

echo "TAP version 13"
if [ ! -e /dev/iocp ]; then
	echo "1..0 # SKIP no /dev/iocp: the module is not loaded"
	exit 0
fi
before=$(objects)

check "odd sizes, ext4 to xfs, buffered" files IOCP_EXT4 IOCP_XFS "0 1 4095 65537" --block 64K
check "odd sizes, xfs to ext4, direct" files IOCP_XFS IOCP_EXT4 "0 1 511 512 4097 65537" \
	--block 64K --direct
check "odd sizes, ext4, direct, depth 1" files IOCP_EXT4 IOCP_EXT4 "513 65535" \
	--block 4096 --depth 1 --direct
check "tmpfs to xfs, buffered" files IOCP_TMPFS IOCP_XFS "0 1048579"
check "ext4 to tmpfs, buffered" files IOCP_EXT4 IOCP_TMPFS "4097 1048579"
check "tmpfs, direct" tmpfs_direct
check "file to device, buffered, nothing behind it is changed" to_device --block 64K
check "file to device, direct, nothing behind it is changed" to_device --block 64K --direct
check "device to file, buffered" from_device
check "device to file, direct" from_device --direct
check "every block size and depth, with the right number of operations" depth_and_block
check "permissions of a new file are the source's" permissions_kept
check "verify, buffered" verify_equal
check "verify, direct" verify_equal --direct
check "one thread, verify, buffered" threads_verify
check "one thread, verify, direct" threads_verify --direct
check "one thread is one, and SIGTERM ends it" threads 1
check "verify finds a device that stores nothing" verify_different
check "full disk: offset, and the file is the prefix that fitted" full_disk
check "file size limit: offset, and no signal" file_size_limit
check "device too small: found before writing" too_small
check "mounted device is refused" mounted_device
check "read error names its offset" read_error
check "write error names its offset" write_error
check "error of the flush is not lost" flush_error
check "source that is not there, a directory, not a file" unreadable
check "source without permission" forbidden_source
check "device node without permission" forbidden_device
check "no device node" no_device
check "device node without module" dead_device
check "same file twice" same_file
check "wrong usage" bad_usage
check "--help and --version" help_and_version
check "SIGINT: drains and says how far it came" interrupted
check "SIGKILL with operations in flight" killed
check "nothing of all this is left in the kernel" nothing_left
finish
