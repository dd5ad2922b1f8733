#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
# The three Windows programs among the examples do what they are for, on real files, judged by
# sha256sum, sort and tar.  Prints TAP.
#
# Environment: PROGRAMS, a folder with them as .exe, to be run under WINE (a command); without
# them those beside this script are run.  IOCP_EXT4: a folder to work in.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=helper_tap.sh
. "$here/helper_tap.sh" 2>/dev/null || . "$here/../helpers/helper_tap.sh"
[ -z "${IOCP_EXT4:-}" ] || { rmdir "$work"; work=$(mktemp -d "$IOCP_EXT4/programs.XXXXXX"); }
trap 'cd / && rm -rf "$work"' EXIT
cd "$work" || exit 1

# run PROGRAM args…: what it prints to out, its errors to err
run() {
	local name=$1
	shift
	if [ -n "${PROGRAMS:-}" ]; then
		timeout 300 "$WINE" "$PROGRAMS/$name.exe" "$@" >crlf 2>err
	else
		timeout 100 "$here/../examples/$name" "$@" >crlf 2>err
	fi
	set -- $?
	tr -d '\r' <crlf >out
	return "$1"
}

# A status, and what was written, when a check fails
show() {
	say "$*"
	sed 's/^/#   /' out err
	return 1
}

make_files() {
	local i
	mkdir -p tree/sub/deeper tree/empty
	: >tree/nothing
	printf x >tree/one
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		head -c $((i * 20011)) /dev/urandom >"tree/sub/file$i"
	done
	head -c 65536 /dev/urandom >tree/sub/deeper/block
	head -c 3000001 /dev/urandom >tree/sub/deeper/large
}

hashes_are_right() {
	local files
	mapfile -t files < <(find tree -type f | sort)
	run filehash "${files[@]}" || { show "exit status $?"; return; }
	sha256sum "${files[@]}" | diff - out >diff && return
	show "$(<diff)"
}

hash_of_what_is_not_there() {
	run filehash tree/one tree/no && { show "success"; return; }
	grep -q '^filehash: tree/no: error 2' err && [ "$(wc -l <out)" = 1 ] || show "its errors"
}

log_is_whole() {
	local lines=3000 i
	run logwriter log 4 $lines || { show "exit status $?"; return; }
	[ "$(<out)" = "$((4 * lines)) lines, $(stat -c %s log) bytes" ] || { show "its count"; return; }
	for i in 1 2 3 4; do
		seq -f "producer $i line %.0f" $lines | cmp -s - <(grep "^producer $i " log) ||
			{ show "lines of producer $i are missing or in another order"; return; }
	done
}

log_is_appended_to() {
	local before
	before=$(stat -c %s log)
	cp log log.before
	run logwriter log 1 10 || { show "exit status $?"; return; }
	head -c "$before" log | cmp -s - log.before || { show "what was there has changed"; return; }
	[ "$(tail -c +$((before + 1)) log | wc -l)" = 10 ] || show "not 10 lines more"
}

archive_is_whole() {
	rm -rf extracted && mkdir extracted
	run dirarchive tree tree.tar || { show "exit status $?"; return; }
	[ "$(<out)" = "$(find tree -type f | wc -l) files" ] || { show "its count"; return; }
	tar -xf tree.tar -C extracted 2>err || { show "tar does not like it"; return; }
	diff -r tree extracted >err || show "the archive has something else"
}

archive_of_nothing() {
	run dirarchive no-such-folder no.tar && { show "success"; return; }
	grep -q '^dirarchive: no-such-folder: error 3' err && [ ! -e no.tar ] || show "its error"
}

# Ctrl-C comes when the archive has been begun
archive_is_stopped() {
	local pid status
	why="signals do not become Ctrl-C under Wine"
	[ -z "${PROGRAMS:-}" ] || return 4
	truncate -s 2G tree/huge
	# what a script starts in the background ignores the signal
	env --default-signal=INT "$here/../examples/dirarchive" tree stopped.tar >out 2>err &
	pid=$!
	while [ ! -e stopped.tar ] && kill -0 $pid 2>/dev/null; do sleep 0.01; done
	kill -INT $pid
	wait $pid
	status=$?
	rm tree/huge
	[ $status = 1 ] || { show "exit status $status"; return; }
	grep -q '^dirarchive: stopped: error 995' err && [ ! -e stopped.tar ] || show "what it left"
}

echo "TAP version 13"
if [ -z "${PROGRAMS:-}" ] && [ ! -e /dev/iocp ]; then
	echo "1..0 # SKIP no /dev/iocp: the module is not loaded"
	exit 0
fi
make_files
check "filehash prints what sha256sum prints" hashes_are_right
check "filehash names the file that is not there" hash_of_what_is_not_there
check "logwriter loses no line and keeps each producer's order" log_is_whole
check "logwriter appends" log_is_appended_to
check "dirarchive's archive is the folder" archive_is_whole
check "dirarchive names the folder that is not there" archive_of_nothing
check "dirarchive ends at Ctrl-C and leaves nothing" archive_is_stopped
finish
