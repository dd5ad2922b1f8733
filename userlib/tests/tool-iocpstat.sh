#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
# iocpstat, on ports of which every counter is known (helper_port makes them).  Prints TAP.
# Wants root in a guest where no other port is open, and jq.
#
# Environment: IOCP_NULLB_SLOW (device that answers after 300 ms), as selftests/vm/run sets it.
set -u

[ -n "${guarded:-}" ] || guarded=1 exec timeout -k 5 150 "$0" "$@"

here=$(dirname "$(readlink -f "$0")")
stat=$here/../bin/iocpstat
helper=$here/../helpers/helper_port
program=$stat
. "$here/../helpers/helper_tap.sh"
trap 'rm -rf "$work"' EXIT

pid=
start_helper() {
	coproc HELPER { exec "$helper"; }
	pid=$HELPER_PID
	for line in "$@"; do tell "$line" || return; done
}

end_helper() {
	[ -n "$pid" ] || return
	kill -KILL "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	pid=
}
after_check() { end_helper; }

# tell COMMAND: to helper_port
tell() {
	local answer
	echo "$1" >&"${HELPER[1]}"
	read -r -t 30 answer <&"${HELPER[0]}" || answer="no answer"
	[ "$answer" = ok ] || { say "helper_port: $1: $answer"; return 1; }
}

# What is known: "field comparison number" of the one port that is open
known() {
	local fact filter="(if length == 1 then empty else \"one port\" end)" n=0
	for fact in "$@"; do
		filter="$filter, (.[0] | if .$fact then empty else \$ARGS.positional[$n] end)"
		n=$((n + 1))
	done
	"$stat" --json >"$work/json" &&
		jq -r ".ports | $filter" "$work/json" --args "$@" >"$work/jq" 2>&1 || return
	[ -s "$work/jq" ] || return 0
	say "not so: $(paste -sd , "$work/jq")"
	say "$(<"$work/json")"
	return 1
}

# For what threads do after the helper has answered
soon() {
	local end=$((SECONDS + 20))
	while ! known "$@" >"$work/known" 2>&1; do
		[ $SECONDS -lt $end ] || { cat "$work/known"; return 1; }
	done
}

nothing_open() {
	expect 1 'no completion port is open' && expect 1 'no completion port is open' -i 1 &&
		expect 1 'of that number is open' --port 1 &&
		expect 1 'in these processes' -p $$ &&
		expect 1 'in these processes' -p 4194303,$$ || return
	"$stat" --json 2>/dev/null | jq -e '.ports == []' >/dev/null ||
		{ say "--json without a port is no empty list"; return 1; }
}

not_set_up() {
	start_helper bare && known 'state == "new"' 'holders == 1' 'command == "helper_port"' \
		"pid == $pid" 'active == null' && expect 0 'helper_port +open, not set up'
}

fresh() {
	start_helper "open 3" || return
	known 'state == "live"' 'concurrency == 3' 'active == 0' 'waiting == 0' 'assocs == 0' \
		'inflight == 0' 'posted == 0' 'queued == 0' 'completed == 0' 'posts == 0' \
		'handed == 0' 'taken == 0' 'punted == 0' 'given_back == 0' 'dropped == 0' \
		'ring_broken == 0' 'blocks == 0' 'block_releases == 0' 'short_blocks == 0' \
		'wanted == 0' 'ring_taken == 0' 'over_limit_ns == 0' 'over_limits == 0' \
		'max_active == 0' 'workers == 0'
}

# All that fdinfo has is in the JSON, and all that the structure has is in fdinfo
complete() {
	start_helper "open 3" "post 2 0" || return
	cat /proc/"$pid"/fdinfo/* 2>/dev/null | sed -n 's/^iocp-\([a-z_]*\):\t\([0-9]*\)$/\1 \2/p' |
		sort >"$work/fdinfo"
	"$stat" -p "$pid" --json >"$work/json" || return
	jq -r '.ports[0] | to_entries[] |
		select(.key != "pid" and .key != "holders" and (.value | type) == "number") |
		"\(.key) \(.value)"' "$work/json" | sort >"$work/fields"
	[ "$(wc -l <"$work/fdinfo")" -ge 25 ] && diff "$work/fdinfo" "$work/fields" >"$work/diff" &&
		return
	sed 's/^/# /' "$work/fdinfo" "$work/diff"
	return 1
}

# A port that nobody waits on; the first packets by a call, the next from the ring
queue_and_ring() {
	start_helper "open 1" "post 7 0" &&
		known 'posts == 7' 'queued == 7' 'handed == 0' 'wanted >= 1' 'workers == 0' &&
		tell "take 2" && known 'taken == 2' 'queued == 5' 'ring_taken == 0' 'workers == 1' \
			'max_active == 1' 'active <= 1' &&
		tell "take 3" && known 'taken == 2' 'queued == 2' 'ring_taken == 3' &&
		tell "nop 4" && known 'completed == 4' 'posts == 7' 'queued == 6' &&
		tell detach && known 'workers == 0' 'active == 0' &&
		expect 0 ' helper_port +1 +0 +0 +0 +6 +[0-9]+ +4 +7 +0 +3 +2 ' -p "$pid"
}

# One blocks, and the packet that waits goes to the other; then both run, one too many
over_limit() {
	local before after
	start_helper "open 1" "workers 2" && soon 'waiting == 2' 'workers == 2' 'active == 0' \
		'over_limits == 0' &&
		tell "post 1 1" && soon 'handed == 1' 'waiting == 1' 'active == 0' 'blocks >= 1' &&
		tell "post 1 2" && soon 'handed == 2' 'waiting == 0' 'active == 1' 'max_active == 1' \
			'over_limit_ns == 0' &&
		tell go && soon 'active == 2' 'max_active == 2' 'over_limits >= 1' || return
	before=$(jq '.ports[0].over_limit_ns' "$work/json")
	sleep 0.5
	known "over_limit_ns >= $before + 500000000" && tell stop &&
		soon 'active == 0' 'waiting == 2' || return
	after=$(jq '.ports[0].over_limit_ns' "$work/json")
	known "over_limit_ns == $after"
}

# The second packet waits until the thread that has the first one blocks
released() {
	start_helper "open 1" "workers 2" && soon 'waiting == 2' && tell "post 1 3" &&
		tell "post 1 1" && known 'active == 1' 'queued == 1' 'block_releases == 0' &&
		tell stop && soon 'block_releases == 1' 'queued == 0' 'waiting == 0' 'active == 0' &&
		tell go && tell go && soon 'waiting == 2'
}

# Two processes, one port, one line
shared() {
	local line
	start_helper "open 1" fork fork && soon 'holders == 3' "pid == $pid" || return
	expect 0 " $pid\\+2 helper_port +1 +0 " || return
	line=$(wc -l <"$work/out")
	[ "$line" = 2 ] || { say "$line lines"; return 1; }
	expect 0 " $pid helper_port" -p "$pid" && expect 0 "\\+1 helper_port" \
		-p "$pid,$(pgrep -P "$pid" -o)"
}

two_ports() {
	local other
	start_helper "open 2" "post 1 0" bare || return
	"$stat" --json >"$work/json"
	jq -e '.ports | length == 2 and .[0].port < .[1].port and .[0].concurrency == 2 and
		.[1].state == "new"' "$work/json" >/dev/null || { say "$(<"$work/json")"; return 1; }
	other=$(jq '.ports[1].port' "$work/json")
	expect 0 "^ *PORT .*"$'\n'" *$other +$pid helper_port +open, not set up$" --port "$other"
}

shut() {
	start_helper "open 1" "post 3 0" shutdown && known 'state == "shut_down"' 'dropped == 3' \
		'queued == 0' && expect 0 '  shut down$' -p "$pid"
}

# watch OPTION…: in the background, until its first interval is over
watch() {
	local end=$((SECONDS + 60))
	: >"$work/live"		# not what the last one wrote
	"$stat" -p "$pid" "$@" >"$work/live" 2>&1 &
	watcher=$!
	until grep -q helper_port "$work/live"; do
		[ $SECONDS -lt $end ] || { say "iocpstat $*: no line"; return 1; }
		sleep 0.1
	done
}

# and to its end
watched() {
	wait "$watcher" || { say "exit status $?"; sed 's/^/# /' "$work/live"; return 1; }
}

# The second line's rate, times the interval, is what was posted in it.  On a machine that
# is busy the two samples are not exactly that far apart.
live() {
	start_helper "open 1" "post 40 0" && watch -i 2 -c 2 && tell "post 60 0" && watched || return
	awk '
		NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
		{ posted[NR] = $column["POST/s"] * 2; queued[NR] = $column["QUEUED"] }
		END { exit !(NR == 3 && !posted[2] && queued[2] == 40 &&
			     posted[3] > 30 && posted[3] < 90 && queued[3] == 100) }' "$work/live" ||
		{ sed 's/^/# /' "$work/live"; return 1; }
}

# The share of the interval, by a port that is over its limit all the time
live_over_limit() {
	start_helper "open 1" "workers 2" && soon 'waiting == 2' && tell "post 1 1" &&
		soon 'waiting == 1' 'active == 0' && tell "post 1 2" && soon 'active == 1' &&
		tell go && soon 'active == 2' &&
		expect 0 ' OVER%'$'\n''.* ([89][0-9]|100)\.[0-9]$' -p "$pid" -i 0.5 -c 1
}

live_json() {
	start_helper "open 1" "post 5 0" || return
	"$stat" --json -i 0.2 -c 3 >"$work/live" || return
	jq -se 'length == 4 and all(.[]; .ports[0].posts == 5) and
		([.[].time] | . == sort and .[3] - .[0] >= 0.5)' "$work/live" >/dev/null ||
		{ sed 's/^/# /' "$work/live"; return 1; }
}

# The header comes again
header() {
	start_helper "open 1" || return
	"$stat" -i 0.02 -c 45 >"$work/live" || return
	[ "$(wc -l <"$work/live") $(grep -c '^ *PORT' "$work/live")" = "48 3" ] && return
	sed 's/^/# /' "$work/live"
	return 1
}

# A process that ends while it is watched: no error, the end
vanishing() {
	start_helper "open 1" && watch -i 0.2 && end_helper && watched || return
	! grep -v '^ *PORT\|helper_port' "$work/live"
}

# Processes that come and go under a scan
churn() {
	local churner n
	start_helper "open 1" || return
	while :; do /bin/true; done &
	churner=$!
	for n in 1 2 3 4 5 6 7 8 9 10; do
		expect 0 "helper_port" || break
	done
	kill $churner
	wait $churner 2>/dev/null
	[ "$n" = 10 ]
}

forbidden() {
	local runner=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	start_helper "open 1" && expect 4 'run this as root, or as the user they belong to' \
		-p "$pid" && expect 1 'to see into [0-9]+ more, run this as root'
}

# Whatever a process calls itself
odd_names() {
	cp "$helper" "$work/o\"d\\d"$'\t\e\303' || return
	local helper="$work/o\"d\\d"$'\t\e\303'
	start_helper "open 1" && known 'command == "o\"d\\d\t\u001b\u00c3"' &&
		expect 0 'o"d\\d\?\?\? '
}

# A real program, with two operations at any time; it would take minutes
iocp_copy() {
	[ -n "${IOCP_NULLB_SLOW:-}" ] || { why="IOCP_NULLB_SLOW is not set"; return 4; }
	"$here/../bin/iocp-copy" --block 64K --depth 2 "$IOCP_NULLB_SLOW" "$work/copy" \
		>"$work/copy.out" 2>&1 &
	pid=$!
	soon 'command == "iocp-copy"' 'inflight == 2' 'assocs == 2' 'completed >= 4' \
		'handed >= 1' && expect 0 'iocp-copy .*iocp-copy ' -p "$pid" -i 0.5 -c 2 && return
	sed 's/^/# /' "$work/copy.out"
	return 1
}

bad_usage() {
	local args
	for args in "-p" "-p 0" "-p x" "-p 1,,2" "-i 0" "-i x" "-i -1" "-i 1x" "-i nan" "-c 1" \
		"-i 1 -c 0" "--port x" "--unknown" "word"; do
		# shellcheck disable=SC2086
		expect 2 . $args || return
	done
}

help_and_version() {
	expect 0 '^Usage: iocpstat' -h && expect 0 '^Usage: iocpstat' --help &&
		expect 0 '^iocpstat [0-9]+\.[0-9]+$' --version
}

full_disk() {
	start_helper "open 1" || return
	"$stat" >/dev/full 2>"$work/out"
	[ $? = 1 ] && grep -q 'cannot write: No space' "$work/out"
}

echo "TAP version 13"
if [ ! -e /dev/iocp ]; then
	echo "1..0 # SKIP no /dev/iocp: the module is not loaded"
	exit 0
fi
if ! command -v jq >/dev/null; then
	echo "1..0 # SKIP there is no jq"
	exit 0
fi

check "no port, and says so" nothing_open
check "a port that is not set up" not_set_up
check "a fresh port" fresh
check "fdinfo and JSON have the same counters, all of them" complete
check "packets that are queued, taken by a call and from the ring" queue_and_ring
check "threads that block and go on: over the limit, and for how long" over_limit
check "a packet released by a thread that blocks" released
check "a port of three processes is one line" shared
check "two ports, --port" two_ports
check "a port that was shut down" shut
check "-i: rates" live
check "-i: share of the time over the limit" live_over_limit
check "-i --json: an object a line" live_json
check "-i: the header comes again" header
check "-i: ends with the process" vanishing
check "processes come and go" churn
check "no permission: what to do" forbidden
check "names with quotes and control characters" odd_names
check "a copy, live" iocp_copy
check "wrong usage" bad_usage
check "--help and --version" help_and_version
check "what cannot be written is an error" full_disk
finish
