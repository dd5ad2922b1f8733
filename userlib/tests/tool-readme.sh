#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
# The examples that the README shows are the files that are built and tested.  Prints TAP.
set -u

here=$(dirname "$(readlink -f "$0")")
# built into build/user/tests, or run where it lies
for top in "$here/../.." "$here/../../.."; do
	[ ! -e "$top/README.md" ] || break
done
echo "TAP version 13"
if [ ! -e "$top/README.md" ]; then
	echo "1..0 # SKIP the source tree is not here"
	exit 0
fi

number=0 failed=0
for file in userlib/examples/native.c userlib/examples/callback.c; do
	number=$((number + 1))
	shown=$(awk -v mark="<!-- $file -->" '
		$0 == mark { found = 1; next }
		found && /^```/ { if (inside) exit; inside = 1; next }
		inside' "$top/README.md")
	if [ -n "$shown" ] && [ "$shown" = "$(tail -n +2 "$top/$file")" ]; then
		echo "ok $number README shows $file as it is"
	else
		echo "not ok $number README shows $file as it is"
		failed=$((failed + 1))
	fi
done
number=$((number + 1))
lines=$(tail -n +2 "$top/userlib/examples/native.c" | wc -l)
if [ "$lines" -le 25 ]; then
	echo "ok $number the native example fits in 25 lines"
else
	echo "not ok $number the native example has $lines lines"
	failed=$((failed + 1))
fi

# Every document that the README and the manual pages point to is there
number=$((number + 1))
missing=$({
	grep -o '](\([^)#]*\))' "$top/README.md" | sed 's/^](//; s/)$//'
	sed -n 's/^\.Pa \(docs\/[^ ]*\).*/\1/p' "$top"/userlib/man/*
} | sort -u | while read -r path; do
	[ -e "$top/$path" ] || echo "$path"
done)
if [ -z "$missing" ]; then
	echo "ok $number no dead links"
else
	echo "# missing: $missing"
	echo "not ok $number no dead links"
	failed=$((failed + 1))
fi
echo "1..$number"
[ $failed = 0 ]
