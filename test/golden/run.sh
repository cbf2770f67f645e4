#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Golden cases: a folder with `command` (the arguments of weir, quoted as for a shell, one line), `expected` (what it
# prints on both outputs) and `status` (its exit status). Each runs inside its folder. Without arguments all cases below
# this folder, else the folders given. WEIR is the program. With UPDATE=1 what is printed becomes what is expected: look
# at the difference before committing it.
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 99
weir=${WEIR:?set WEIR to the program}
output=$(mktemp) || exit 99
list=$(mktemp) || exit 99
trap 'rm -f "$output" "$list"' EXIT
if [ $# -gt 0 ]; then
	for folder; do find "$folder" -name command; done
else
	find "$here" -name command
fi | LC_ALL=C sort >"$list"
echo "1..$(wc -l <"$list")"
number=0
failed=0
while IFS= read -r command; do
	number=$((number + 1))
	folder=$(dirname "$command")
	name=${folder#"$here"/}
	(
		cd "$folder" || exit 99
		eval "set -- $(cat command)"
		exec "$weir" "$@"
	) >"$output" 2>&1 </dev/null
	status=$?
	if [ "${UPDATE:-}" = 1 ]; then
		cp "$output" "$folder/expected"
		echo "$status" >"$folder/status"
	fi
	if [ "$status" = "$(cat "$folder/status")" ] && cmp -s "$output" "$folder/expected"; then
		echo "ok $number - $name"
	else
		failed=1
		echo "not ok $number - $name"
		echo "# status $status, expected $(cat "$folder/status")"
		diff -u "$folder/expected" "$output" | sed 's/^/# /'
	fi
done <"$list"
exit $failed
