#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# make fuzz: each fuzz target for FUZZ_SECONDS (60), two at a time at most, from corpora seeded with the golden cases and
# examples. What is found stays in $FUZZ_DIRECTORY (build-fuzz/findings), and the exit status is 1.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
build=${BUILD:-build}-fuzz
seconds=${FUZZ_SECONDS:-60}
[ -f "$build/build.ninja" ] || CC=clang meson setup "$build" -Dfuzz=enabled -Dtests=disabled -Db_lundef=false \
	-Db_sanitize=address,undefined -Dc_args=-fsanitize=fuzzer-no-link >/dev/null
targets=${FUZZ_TARGETS:-rules sets notation capture}
for target in $targets; do
	set -- "$@" "test/fuzz/fuzz_$target"
done
ninja -C "$build" "$@" >/dev/null
findings=${FUZZ_DIRECTORY:-$build/findings}
mkdir -p "$findings"

# seed TARGET DIRECTORY
seed() {
	mkdir -p "$2"
	number=0
	find test/golden examples -type f | while read -r file; do
		number=$((number + 1))
		case $1 in
		rules)
			grep -qa '^\*' "$file" || continue
			{ printf 4; cat "$file"; } >"$2/four$number"
			{ printf 6; cat "$file"; } >"$2/six$number"
			;;
		sets)
			if grep -qa '^create ' "$file"; then cp "$file" "$2/$number"; fi
			;;
		notation)
			sed -n "s/.*--packet '\([^']*\)'.*/\1/p" "$file" | head -n 1 >"$2/$number"
			[ -s "$2/$number" ] || rm "$2/$number"
			;;
		capture)
			case $file in *.pcap | *.pcapng) cp "$file" "$2/$number" ;; esac
			;;
		esac
	done
	[ "$1" != notation ] || echo 'proto=tcp src=192.0.2.1 sport=1 dst=192.0.2.2 dport=2 flags=syn' >"$2/plain"
	[ "$1" != capture ] || printf '\324\303\262\241\002\000\004\000\000\000\000\000\000\000\000\000\377\377\000\000\001\000\000\000' >"$2/empty"
}

# Words that mutation would not find by itself: those of the options and names that weir knows.
dictionary=$build/dictionary
find src/extension src/read src/packet -name '*.c' -exec grep -oh '"[-a-zA-Z0-9:_]\{2,24\}"' {} + | sort -u >"$dictionary"

status=0
for target in $targets; do
	corpus=$build/corpus/$target
	seed "$target" "$corpus"
	echo "fuzz: $target for $seconds s from $(find "$corpus" -type f | wc -l) inputs"
	if "$build/test/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -max_len=65536 \
		-dict="$dictionary" -print_final_stats=1 -artifact_prefix="$findings/$target-" "$corpus" >"$findings/$target.log" 2>&1; then
		sed -n 's/^stat::number_of_executed_units: */  executed: /p; s/^stat::new_units_added: */  new inputs: /p' \
			"$findings/$target.log"
	else
		tail -n 20 "$findings/$target.log"
		status=1
	fi
done
exit $status
