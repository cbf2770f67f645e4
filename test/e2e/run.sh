#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# make check-e2e: the tests with real programs, one after the other, each with its time and its figures. Ends with one
# line "N passed, N failed[, N skipped]" and fails when a test failed or none ran.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
case $build in /*) ;; *) build=$PWD/$build ;; esac
WEIR=${WEIR:-$build/src/command/weir}
export WEIR
results=$(mktemp) || exit 1
trap 'rm -f "$results"' EXIT

{
	bats --tap --timing test/e2e
	echo "exit $?"
} | tee "$results" | grep --line-buffered -v '^exit '
awk '/^ok .* # skip/ { skipped++; next }
	/^ok / { passed++ }
	/^not ok / { failed++; print "FAILED: " substr($0, 8) }
	/^1\.\./ { planned = substr($0, 4) }
	/^exit / { status = $2 }
	END {
		if (passed + failed + skipped != planned || (status && !failed)) {
			print "FAILED: bats ended early (" passed + failed + skipped " of " planned + 0 " tests)"
			failed++
		}
		line = (passed + 0) " passed, " (failed + 0) " failed"
		if (skipped)
			line = line ", " skipped " skipped"
		print line
		exit failed || !passed
	}' "$results"
