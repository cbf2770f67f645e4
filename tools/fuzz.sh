#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# make fuzz: each fuzz target for FUZZ_SECONDS (60), one after the other, from what test/fuzz/seed.sh gives it and what was
# found before. What is found stays in $FUZZ_DIRECTORY (build-fuzz/findings), and the exit status is 1.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
build=${BUILD:-build}-fuzz
seconds=${FUZZ_SECONDS:-60}
[ -f "$build/build.ninja" ] || CC=clang meson setup "$build" -Dfuzz=enabled -Dtests=disabled -Db_lundef=false \
	-Db_sanitize=address,undefined -Dc_args=-fsanitize=fuzzer-no-link >/dev/null
targets=${FUZZ_TARGETS:-rules sets nft notation capture policy evaluate}
for target in $targets; do
	set -- "$@" "test/fuzz/fuzz_$target"
done
ninja -C "$build" "$@" test/fuzz/draw_captures >/dev/null
findings=${FUZZ_DIRECTORY:-$build/findings}
mkdir -p "$findings"

# Words that mutation would not find by itself: those of the options and names that weir knows.
dictionary=$build/dictionary
find src/extension src/read src/packet -name '*.c' -exec grep -oh '"[-a-zA-Z0-9:_]\{2,24\}"' {} + | sort -u >"$dictionary"

status=0
for target in $targets; do
	corpus=$build/corpus/$target
	length=65536
	[ "$target" != evaluate ] || length=4096 # a few frames; each goes through all rules several times
	test/fuzz/seed.sh "$target" "$corpus"
	[ "$target" != capture ] || "$build/test/fuzz/draw_captures" "$corpus"
	echo "fuzz: $target for $seconds s from $(find "$corpus" -type f | wc -l) inputs"
	if "$build/test/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -max_len="$length" \
		-dict="$dictionary" -print_final_stats=1 -artifact_prefix="$findings/$target-" "$corpus" >"$findings/$target.log" 2>&1; then
		sed -n 's/^stat::number_of_executed_units: */  executed: /p; s/^stat::new_units_added: */  new inputs: /p' \
			"$findings/$target.log"
	else
		grep -v '^#\|^INFO: \|NEW_FUNC' "$findings/$target.log" | head -n 40
		status=1
	fi
done
exit $status
