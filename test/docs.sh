#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The manual page names every command and every option that `weir help` names, and no other. $WEIR is the program; the
# page's source is the argument. Speaks TAP.
set -u
weir=${WEIR:?}
page=$1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
number=0

# The options in a text, one a line, but --help, which all have.
options() {
	grep -o -- '--[a-z][a-z-]*' | grep -vx -- --help | sort -u
}

section() { # command: its part of the page
	awk -v command="$1" '/^#/ { inside = $1 == "##" && $2 == command } inside' "$page"
}

same() { # name, what the program says, what the page says
	number=$((number + 1))
	if [ -s "$2" ] && cmp -s "$2" "$3"; then
		echo "ok $number - $1"
	else
		echo "not ok $number - $1"
		diff "$2" "$3" | sed -n 's/^</# only the program has/p; s/^>/# only the manual page has/p'
	fi
}

"$weir" help | awk '/^  [a-z]/ && $1 != "help" { print $1 }' | sort >"$work/program"
awk '$1 == "##" { print $2 }' "$page" | sort >"$work/page"
same "commands" "$work/program" "$work/page"
commands=$(cat "$work/program")
for command in $commands; do
	"$weir" help "$command" | options >"$work/program"
	section "$command" | options >"$work/page"
	same "options of $command" "$work/program" "$work/page"
done
echo "1..$number"
