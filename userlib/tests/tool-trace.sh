#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The trace events iocp:* of the module: they are there, with the fields that
# docs/tracing.md names; they come when what they stand for happens, as often as the
# port's counters say; and the order of a pool's growth, which they show.  Prints TAP.
# Wants root, tracefs, jq.
set -u

[ -n "${guarded:-}" ] || guarded=1 exec timeout -k 5 120 "$0" "$@"

here=$(dirname "$(readlink -f "$0")")
stat=$here/../bin/iocpstat
tracing=/sys/kernel/tracing
trace=$tracing/instances/iocp-test
. "$here/../helpers/helper_tap.sh"

cleanup() {
	[ -z "${HELPER_PID:-}" ] || kill -KILL "$HELPER_PID" 2>/dev/null
	[ ! -d "$trace" ] || rmdir "$trace"
	rm -rf "$work"
}
trap cleanup EXIT

# The table in the document, one event a line: name field…
documented() {
	local top
	for top in "$here/../.." "$here/../../.."; do
		[ ! -e "$top/docs/tracing.md" ] || break
	done
	[ ! -e "$top/docs/tracing.md" ] ||
		sed -n 's/^| .iocp:\(iocp_[a-z_]*\). | \([^|]*\) |.*/\1 \2/p' "$top/docs/tracing.md" |
		tr -d '`,' | sort
}

as_documented() {
	local event
	documented >"$work/documented"
	[ -s "$work/documented" ] || { why="the source tree is not here"; return 4; }
	for event in "$tracing"/events/iocp/*/; do
		[ ! -e "$event/format" ] || sed -n 's/^name: //p; /common_/d
			s/^\tfield:.*[ \t]\([a-z_]*\);\toffset.*/\1/p' "$event/format" | paste -sd ' '
	done | sort >"$work/there"
	diff "$work/documented" "$work/there" >"$work/diff" && return
	sed 's/^/# /' "$work/diff"
	return 1
}

# An instance is a trace of our own.  Its clock only counts, so that the order of what
# happened on different processors is certain.
begin_trace() {
	local event
	mkdir "$trace" && echo counter >"$trace/trace_clock" || return
	for event in "$@"; do
		echo 1 >"$trace/events/$event/enable" || return
	done
}

end_trace() {
	echo 0 >"$trace/tracing_on"
	grep -v '^#' "$trace/trace" >"$work/trace"
	rmdir "$trace"
}

# tell COMMAND: to helper_port
tell() {
	local answer
	echo "$1" >&"${HELPER[1]}"
	read -r -t 30 answer <&"${HELPER[0]}" || answer="no answer"
	[ "$answer" = ok ] || { say "helper_port: $1: $answer"; return 1; }
}

counters() {
	"$stat" -p "$HELPER_PID" --json |
		jq -r '.ports[0] | to_entries[] | "\(.key)=\(.value)"' >"$work/counters"
}

# soon FIELD=VALUE…: of the port
soon() {
	local fact end=$((SECONDS + 20))
	for fact in "$@"; do
		until counters && grep -qx "$fact" "$work/counters"; do
			[ $SECONDS -lt $end ] || { say "never: $fact"; return 1; }
		done
	done
}

# Every event, by a port that does all of it: kept in $work/trace, $work/counters
scenario() {
	coproc HELPER { exec "$here/../helpers/helper_port"; }
	tell "open 1" && tell "post 2 7" && tell "post 1 8 1" && tell "post 1 9 3" &&
		tell "take 4" && tell detach &&
		tell "workers 2" && soon waiting=2 && tell "post 1 0" && soon handed=1 waiting=2 &&
		tell "post 1 3" && tell "post 1 1" && soon active=1 queued=1 && tell stop &&
		soon block_releases=1 active=0 waiting=0 && tell "post 1 2" && tell go && tell go &&
		tell stop && soon waiting=2 active=0 queued=0
}

run_scenario() {
	begin_trace iocp || return
	scenario
	local status=$?
	counters
	echo 0 >"$trace/tracing_on"
	kill -KILL "$HELPER_PID"
	wait "$HELPER_PID" 2>/dev/null
	end_trace
	return $status
}

# same EXPRESSION EXPRESSION: of the numbers of events and of the port's counters, by name
same() {
	local name value
	while IFS='=' read -r name value; do
		[[ $value == *[!0-9]* ]] || local "$name=$value"
	done <"$work/counters"
	for name in packet_queued packet_handed packet_taken released thread_wanted \
		worker_blocked worker_woke; do
		local "$name=$(grep -c " iocp_$name: " "$work/trace")"
	done
	[ $(($1)) = $(($2)) ] && [ $(($1)) != 0 ] && return
	say "$1 is $(($1)), $2 is $(($2))"
	sed 's/^/# /' "$work/counters" "$work/trace"
	return 1
}

# shown EVENT SED-PATTERN VALUES: what the events had there, in their order
shown() {
	local found
	found=$(sed -n "s/.* iocp_$1: .*$2.*/\\1/p" "$work/trace" | paste -sd ' ')
	[[ $found =~ ^$3$ ]] && return
	say "$1: \"$found\", not \"$3\""
	return 1
}

values() {
	! grep -v " port=$(sed -n 's/^port=//p' "$work/counters") " "$work/trace" &&
		shown packet_queued 'list=\([a-z]*\)' 'ring ring high low ring ring' &&
		shown packet_queued 'key=0x\([0-9]\) ' '7 7 8 9 1 2' &&
		shown packet_queued 'overlapped=0x\([0-9]*\)' '1 2 1 1 1 1' &&
		shown packet_taken 'key=0x\([0-9]\) ' '8 7 7 9.*'
}

# Thread creation in the trace: its name in this kernel
fork=sched/sched_process_fork

# What must not happen between a block and the packet that is released by it, and what
# must have happened before a callback begins
grows_ahead() {
	begin_trace iocp $fork || return
	echo 'parent_comm == "iocp-pool" || parent_comm == "helper_pool"' >"$trace/events/$fork/filter"
	"$here/../helpers/helper_pool" "$trace/trace_marker" >"$work/out" 2>&1
	local status=$?
	end_trace
	[ $status = 0 ] || { sed 's/^/# /' "$work/out"; return 1; }
	awk '
		function wrong(what) { print "# " what " (event " NR ")"; bad = 1 }
		{ thread = $0; sub(/ +\[[0-9]+\].*/, "", thread); sub(/.*-/, "", thread) }
		/ sched_process_fork: / {
			created++
			if (blocked)
				wrong("a thread is created between a block and the next packet")
		}
		/ tracing_mark_write: callback begins/ {
			begun++
			if (created < begun + 1)
				wrong("callback " begun " begins with " created " threads")
		}
		/ tracing_mark_write: callback blocks/ { last[thread] = 1 }
		/ iocp_worker_blocked: .* active=0$/ && last[thread] && begun < 4 {
			blocks++
			blocked = 1
		}
		/ iocp_worker_blocked: / { delete last[thread] }
		/ iocp_released: / && blocked { released++; blocked = 0 }
		/ iocp_packet_(handed|taken): / && blocked {
			wrong("the next packet is not one that waited for a slot")
			blocked = 0
		}
		END {
			# one of them may have met a page fault on its way, and another run beside it
			if (begun != 4 || !blocks || released != blocks)
				wrong(begun " callbacks, " blocks " blocks, " released " releases")
			exit bad
		}' "$work/trace" && return
	sed 's/^/# /' "$work/trace"
	return 1
}

echo "TAP version 13"
if [ ! -e /dev/iocp ]; then
	echo "1..0 # SKIP no /dev/iocp: the module is not loaded"
	exit 0
fi
if [ ! -d $tracing/events/iocp ]; then
	echo "1..0 # SKIP no $tracing/events/iocp: mount tracefs, as root"
	exit 0
fi
if ! command -v jq >/dev/null; then
	echo "1..0 # SKIP there is no jq"
	exit 0
fi

check "events and their fields are as docs/tracing.md says" as_documented
check "a port that does everything" run_scenario
check "packet_queued: who found no waiter" \
	same packet_queued "posts + completed - (packet_handed - released)"
check "packet_queued, and then taken by a call, released, or taken from the ring" \
	same packet_queued "packet_taken + released + ring_taken"
check "packet_handed, as often as the counter says" same packet_handed handed
check "packet_taken and released, too" same "packet_taken + released" taken
check "worker_blocked, too" same worker_blocked blocks
check "worker_woke, as often as they blocked" same worker_woke worker_blocked
check "thread_wanted, as often as the counter says" same thread_wanted wanted
check "port, keys, lists and the order of priorities" values
check "the threads of a pool are created before they are needed" grows_ahead
finish
