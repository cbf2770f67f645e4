#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# make check: everything in the plain build, then again under the address and undefined sanitisers, then the quick part
# of lint. Ends with exactly one line "N passed, N failed[, N skipped]" and fails when a test failed or a suite was
# empty.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build}
results=$(mktemp) || exit 1
log=$(mktemp) || exit 1
builder=
trap 'kill $builder 2>/dev/null; rm -f "$results" "$log"' EXIT

# One line a test case: "passed|failed|skipped", its name, and why it was skipped, apart by tabs.
result() {
	printf '%s\t%s\t%s\n' "$1" "$2" "${3:-}" >>"$results"
}

# What meson logged for each test program, one JSON object a line, as test cases.
collect() { # label, log
	jq -r --arg prefix "$1" '
		. as $test
		| [(.stdout // "") | split("\n")[]
		   | select(test("^(not )?ok\\b"))
		   | capture("^(?<not>not )?ok *(?<number>[0-9]*) *-? *(?<name>[^#]*?) *(# *(?<skip>(?i)skip)\\S* *(?<why>.*))?$")
		     // {not: "not ", number: "", name: .}] as $cases
		| ($cases | map(select(.not != null and .skip == null)) | length) as $bad
		| ($cases[] | [if .skip != null then "skipped" elif .not != null then "failed" else "passed" end,
			       $prefix + $test.name + ": " + .name, .why // ""]),
		  (if (["OK", "SKIP", "EXPECTEDFAIL"] | index($test.result)) == null and $bad == 0
		   then ["failed", $prefix + $test.name + ": " + $test.result, ""]
		   elif ($cases | length) > 0 then empty
		   elif $test.result == "OK" then ["passed", $prefix + $test.name, ""]
		   else ["skipped", $prefix + $test.name,
			 ((.stdout // "") | capture("1\\.\\.0 *# *(?i)skip\\S* *(?<why>[^\n]*)").why // "no reason given")]
		   end)
		| map(gsub("[\t\n]"; " ")) | join("\t")' "$2" >>"$results" || result failed "$1: no log of the tests"
}

# A suite in which nothing ran has not passed.
require() { # label, suite
	awk -F '\t' -v prefix="$1weir:$2 / " '$1 != "skipped" && index($2, prefix) == 1 { found = 1 } END { exit !found }' \
		"$results" || result failed "$1$2: no test ran"
}

# A build that fails is one failed test.
build() { # label, build directory, options for meson setup...
	label=$1 directory=$2
	shift 2
	[ -f "$directory/build.ninja" ] || said=$(meson setup "$directory" "$@" 2>&1) || {
		printf '%s\n' "$said"
		result failed "${label}configure"
		return 1
	}
	nice ninja --quiet -C "$directory" || { result failed "${label}build"; return 1; }
	ln -sfn src/command/weir "$directory/weir"
}

run() { # label, build directory, suites...
	label=$1 directory=$2
	shift 2
	echo "${label}tests in $directory"
	rm -f "$directory"/meson-logs/testlog*
	suites=
	for suite; do
		suites="$suites --suite $suite"
	done
	# shellcheck disable=SC2086 # a list of options
	meson test -C "$directory" --no-rebuild --print-errorlogs --num-processes 3 $suites
	collect "$label" "$directory/meson-logs/testlog.json"
	for suite; do
		require "$label" "$suite"
	done
}

echo "build in $build"
plain=failed sanitised=failed
build "" "$build" && plain=built

# The second build goes on beside the first tests, which wait more than they work.
echo "sanitised build in $build-asan, meanwhile"
build "sanitised " "$build-asan" -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1 >"$log" 2>&1 &
builder=$!
[ $plain = failed ] || run "" "$build" layers unit golden bats parity parity-kernel
wait $builder && sanitised=built
builder=
cat "$log"
if [ $sanitised = built ]; then
	export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
	run "sanitised " "$build-asan" unit golden bats parity
	unset ASAN_OPTIONS UBSAN_OPTIONS
fi

if tools/lint.sh --quick; then
	result passed "lint --quick"
else
	result failed "lint --quick"
fi

echo
awk -F '\t' '$1 == "skipped" { print "skipped: " $2 " (" ($3 == "" ? "no reason given" : $3) ")" }' "$results"
awk -F '\t' '$1 == "failed" { print "FAILED: " $2 }' "$results"
awk -F '\t' '{ count[$1]++ }
	END {
		line = (count["passed"] + 0) " passed, " (count["failed"] + 0) " failed"
		if (count["skipped"])
			line = line ", " count["skipped"] " skipped"
		print line
		exit count["failed"] || !count["passed"]
	}' "$results"
