#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The engine for fio: a short form of "make fio", and what that does not show: messages, errors
# of the device, short reads, the end of a job that fails.  Prints TAP.  Wants root, fio, jq,
# null_blk, and the engine ("make fio-engine").
#
# Environment: IOCP_XFS (a folder there), IOCP_NULLB_SLOW (device that answers after 300 ms),
# as selftests/vm/run sets it.
set -u

[ -n "${guarded:-}" ] || guarded=1 exec timeout -k 5 170 "$0" "$@"

here=$(dirname "$(readlink -f "$0")")
engine=$here/../fio/iocp.so
job=$here/../../../userlib/fio/job
program=fio
. "$here/../helpers/helper_tap.sh"
trap 'rm -rf "$work"' EXIT

for file in "$(command -v fio)" "$(command -v jq)" "$engine" "$job"; do
	[ -e "$file" ] || { echo "1..0 # SKIP no fio, no jq or no engine (make fio-engine)"; exit 4; }
done

# fio_expect STATUS PATTERN option…: one job with the engine
fio_expect() {
	local status=$1 pattern=$2
	shift 2
	expect "$status" "$pattern" --name=test "--ioengine=external:$engine" "$@"
}

short_form() {
	"$job" "$engine" short >"$work/table" 2>&1 && return
	sed 's/^/# /' "$work/table"
	return 1
}

options() {
	expect 0 "batch.*callbacks" "--enghelp=$engine" || [ $? = 1 ] || return
	fio_expect 1 "max value out of range: 2 .*parsing callbacks=2" --callbacks=2 &&
		fio_expect 1 "unrecognized option '--calbacks=1'" --calbacks=1
}

no_device() {
	runner=(unshare --mount sh -c 'mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 &&
		exec "$@"' sh)
	fio_expect 1 "no device /dev/iocp: load the module, modprobe iocp.*err=2/file" \
		"--filename=$work/file" --size=4k --rw=write
}

no_permission() {
	chmod 755 "$work"
	: >"$work/file"
	fio_expect 1 "/dev/iocp may not be opened: be root, or in its group.*err=13/file" \
		"--filename=$engine" --size=4k --rw=read --uid=65534 --gid=65534
}

# told FILTER: of the only job, in the JSON that fio_expect left
told() {
	sed -n '/^{/,$p' "$work/out" | jq -e ".jobs[0] | $1" >/dev/null && return
	say "not so: $1"
	return 1
}

# bad_device: one with a bad 4 KiB block at 40 KiB, $bad
bad_device() {
	local setting dir=/sys/kernel/config/nullb/nullb2
	mkdir "$dir" || return
	for setting in size=16 memory_backed=1 badblocks=+80-87 power=1; do
		echo "${setting#*=}" >"$dir/${setting%%=*}" || return
	done
	bad=/dev/nullb$(<"$dir/index")
}
bad=
after_check() {
	[ -z "$bad" ] || rmdir /sys/kernel/config/nullb/nullb2
	bad=
	runner=()
}

# One block of 256 is bad, so there is one error
device_errors() {
	bad_device && fio_expect 0 total_err --output-format=json "--filename=$bad" --direct=1 \
		--rw=randread --bs=4k --size=1m --iodepth=16 --continue_on_error=io "$@" &&
		told '.total_err == 1 and .first_error == 5 and .read.total_ios == 256'
}

# A large read through the page cache gets the pages before it; asked for the rest, the error.
# (One at a time: fio asks for no rest when all else is done.)
short_read() {
	bad_device && fio_expect 0 total_err --output-format=json "--filename=$bad" --rw=read \
		--bs=64k --size=1m --iodepth=1 --continue_on_error=io "$@" &&
		told '.total_err == 1 and .first_error == 5 and .read.short_ios == 1'
}

# What is in flight on a slow device is waited for, what was not submitted is dropped, and
# the job has the error that ended it
job_fails() {
	bad_device && fio_expect 1 "Input/output error: read offset=40960" \
		"--filename=$IOCP_NULLB_SLOW:$bad" --direct=1 --rw=read --bs=4k --size=128k \
		--iodepth=16 --iodepth_batch_submit=4 "$@"
}

check "verify jobs on null_blk and xfs" short_form
check "options are explained and checked" options
check "no device" no_device
check "no permission" no_permission
for option in --callbacks=0 --callbacks=1 --skip=1 --punt=1; do
	check "errors of the device are told one by one, $option" device_errors $option
	check "a read that ends short, $option" short_read $option
	check "a job that fails, $option" job_fails $option
done
finish
