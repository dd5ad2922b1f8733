# SPDX-License-Identifier: GPL-2.0-only
# Sourced by the tools of this directory: where things are, which kernels there are, how to
# speak to the user.

vm=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
repo=$(readlink -f "$vm/../..")
build=$repo/build
cache=${XDG_CACHE_HOME:-$HOME/.cache}/iocp
me=$(basename "$0")

# The kernels we know: name (version, and what is special about it); Debian's suite that has it,
# and others that may have newer builds; flavour; for those that the machine's compiler cannot
# build modules for, the suite that has the compiler. Or, in place of suite and flavour, "source"
# and the configuration with which we build it ourselves.
kernels="
6.1	bookworm bookworm-security	amd64
6.12	bookworm-backports	amd64
6.12-rt	bookworm-backports	rt-amd64
6.12-trixie	trixie	amd64	trixie
7.2	sid	amd64	sid
7.3	trixie-backports	amd64	trixie
6.12-debug	source	debug.config
6.12-kcsan	source	kcsan.config
"
default_kernel=6.12

say() { printf '%s\n' "$*" >&2; }
die() { printf '%s: %s\n' "$me" "$*" >&2; exit 1; }

# usage: the comment at the head of the calling tool
usage() { sed -n '3,/^[^#]/{s/^# \{0,1\}//p}' "$0"; exit "${1:-0}"; }

kernel_names() { awk 'NF { printf "%s%s", n++ ? ", " : "", $1 }' <<<"$kernels"; }

# kernel_field NAME NUMBER: of the table; ends the program when NAME is none of ours
kernel_field() {
	awk -F'\t' -v k="$1" -v n="$2" '$1 == k { print $n; found = 1 } END { exit !found }' \
		<<<"$kernels" ||
		die "unknown kernel '$1': KERNEL must be one of $(kernel_names)"
}
check_kernel() { kernel_field "$1" 1 >/dev/null; }
# Is it one of ours, with all the checks that make it slow?
is_debug_kernel() { [ "$(kernel_field "$1" 2)" = source ]; }

# While a long step writes nothing, tell every five seconds that it lives:
#	with_progress "what" command args…
with_progress() {
	local what=$1 start=$SECONDS ticker status=0
	shift
	# Ends with this script also when "set -e" ends that, and keeps none of its files open
	(
		while sleep 5 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
			say "  … $what, $((SECONDS - start)) s"
		done
	) >/dev/null &
	ticker=$!
	"$@"
	status=$?
	kill "$ticker" 2>/dev/null || :
	wait "$ticker" 2>/dev/null || :
	return $status
}

# locked FILE command…: one process at a time, the others wait
locked() {
	local file=$1
	shift
	mkdir -p "$(dirname "$file")"
	(
		flock -n 9 || { say "waiting for another run ($file)"; flock 9; }
		# What runs must not inherit the lock: a child left behind would keep it
		"$@" 9>&-
	) 9>"$file"
}
