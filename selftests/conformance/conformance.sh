#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Each Windows program of ../conformance prints here what it is known to print on Windows,
# NAME.expected. Prints TAP, a line for each; arguments: only these.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=../../userlib/tests/helper_tap.sh
. "$here/../helpers/helper_tap.sh"
programs=$here/../conformance
# Some want a file system that can do without the page cache
[ -z "${IOCP_EXT4:-}" ] || { rmdir "$work"; work=$(mktemp -d "$IOCP_EXT4/conformance.XXXXXX"); }
trap 'cd / && rm -rf "$work"' EXIT

prints_expected() {
	local status
	timeout 60 "$programs/$1" >out 2>err
	status=$?
	# (No program is started to compare: in a guest that takes as long as most of ours)
	[ $status = 0 ] && [ "$(<out)" = "$(<"$programs/$1.expected")" ] && return 0
	say "exit status $status"
	diff -u "$programs/$1.expected" out | sed 's/^/#   /'
	sed 's/^/#   /' err
	return 1
}

echo "TAP version 13"
if [ ! -e /dev/iocp ]; then
	echo "1..0 # SKIP no /dev/iocp: the module is not loaded"
	exit 0
fi
cd "$work" || exit 1
if [ $# = 0 ]; then
	set -- "$programs"/*.expected
fi
for program in "$@"; do
	name=$(basename "$program" .expected)
	check "$name" prints_expected "$name"
done
finish
