#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
# A Windows source file, built against libiocp, prints what it printed under Wine.  Prints TAP.
#
# Environment: IOCP_EXT4 IOCP_XFS IOCP_TMPFS (folders), as selftests/vm/run sets them.
set -u

here=$(dirname "$(readlink -f "$0")")
number=0 failed=0
examples=$here/../examples
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

result() {
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number $2"
	else
		echo "not ok $number $2"
		failed=$((failed + 1))
	fi
}

echo "TAP version 13"
if [ ! -e /dev/iocp ]; then
	echo "1..0 # SKIP no /dev/iocp: the module is not loaded"
	exit 0
fi
for folder in IOCP_EXT4 IOCP_XFS IOCP_TMPFS; do
	if [ -z "${!folder:-}" ]; then
		number=$((number + 1))
		echo "ok $number winread on ${folder#IOCP_} # SKIP $folder is not set"
		continue
	fi
	timeout 60 "$examples/winread" "${!folder}/winread.tmp" >"$work/out" 2>&1
	status=$?
	diff -u "$examples/winread.expected" "$work/out" >"$work/diff" && [ $status = 0 ]
	status=$?
	sed 's/^/# /' "$work/diff"
	result $status "winread on ${folder#IOCP_} prints what Wine prints"
done

printf '%s' "0123456789" >"$work/file"
timeout 60 "$examples/native" "$work/file" >"$work/out" 2>&1 &&
	[ "$(cat "$work/out")" = "key 7: result 0, 10 bytes" ]
status=$?
[ $status = 0 ] || sed 's/^/# /' "$work/out"
result $status "the README's native example"

head -c 200 /dev/zero >"$work/file"
timeout 60 "$examples/callback" "$work/file" 2>&1 | sort >"$work/out"
sort >"$work/expected" <<END
$work/file at 0: IoResult 0, 64 bytes
$work/file at 64: IoResult 0, 64 bytes
$work/file at 128: IoResult 0, 64 bytes
$work/file at 192: IoResult 0, 8 bytes
END
cmp -s "$work/expected" "$work/out"
status=$?
[ $status = 0 ] || sed 's/^/# /' "$work/out"
result $status "the README's callback example"
echo "1..$number"
[ $failed = 0 ]
