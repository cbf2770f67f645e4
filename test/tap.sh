#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs a cmocka program and puts its TAP right: cmocka 1.1 prints a skipped test as "not ok N # SKIP name", which
# counts as a failure. A test says why it skips by a line "# skip: REASON" before it.
set -u
output=$(mktemp) || exit 99
trap 'rm -f "$output"' EXIT
"$@" >"$output"
status=$?
awk '/^# skip: / { reason = substr($0, 9) }
     /^not ok [0-9]+ # SKIP/ {
	number = $3
	sub(/^not ok [0-9]+ # SKIP */, "")
	print "ok " number " - " $0 " # SKIP " reason
	reason = ""
	next
     }
     # what a program prints beside its results is no TAP
     /^(ok|not ok|1\.\.|#|Bail out!|TAP version)/ { print; next }
     { print "# " $0 }' "$output"
exit $status
