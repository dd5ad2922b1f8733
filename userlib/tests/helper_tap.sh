# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
# Sourced by tests that are shell scripts: a line of TAP for each check, and running a program
# for its exit status and what it says.  Leaves a folder $work, to be removed by the script.
# shellcheck disable=SC2034 # variables of whoever sources it

number=0 failed=0
work=$(mktemp -d)

say() { printf '# %s\n' "$*"; }

# What a script wants done after each test
after_check() { :; }

# check NAME FUNCTION args…: one test; FUNCTION fails, or returns 4 to skip and says why in $why
check() {
	local name=$1 status
	shift
	number=$((number + 1))
	why=
	"$@"
	status=$?
	after_check
	case $status in
	0) echo "ok $number $name" ;;
	4) echo "ok $number $name # SKIP $why" ;;
	*)
		echo "not ok $number $name"
		failed=$((failed + 1))
		;;
	esac
}

# expect STATUS PATTERN args…: run $program; its status, and what it writes (either stream).
# Programs start slowly in a guest, so there should be no more of them than need be.
expect() {
	local wanted=$1 pattern=$2 status
	shift 2
	"${runner[@]}" "$program" "$@" >"$work/out" 2>&1
	status=$?
	if [ $status != "$wanted" ]; then
		say "${program##*/} $*: exit status $status, expected $wanted"
	elif ! [[ $(<"$work/out") =~ $pattern ]]; then
		say "${program##*/} $*: no \"$pattern\" in what it wrote"
	else
		return 0
	fi
	sed 's/^/#   /' "$work/out"
	return 1
}
runner=()

# The last line; its status is the script's
finish() {
	echo "1..$number"
	[ $failed = 0 ]
}
