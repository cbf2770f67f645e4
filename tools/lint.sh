#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# make lint: layout, layers, shell, and unless --quick clang-tidy and cppcheck. Every complaint is an error.
# Lists of file names are meant to be split.
# shellcheck disable=SC2046
set -u
cd "$(dirname "$0")/.." || exit 1
BUILD=${BUILD:-build}
export BUILD
quick=no
[ "${1:-}" != --quick ] || quick=yes
status=0

sources() {
	find src test bench tools fuzz -name '*.[ch]' 2>/dev/null | sort
}
step() {
	name=$1
	shift
	if "$@"; then
		echo "lint: $name: ok"
	else
		echo "lint: $name: complaints" >&2
		status=1
	fi
}

step clang-format sh -c 'clang-format --dry-run --Werror "$@"' sh $(sources)
step layers test/layers.sh
step shellcheck shellcheck --severity=warning .ci/run $(find test tools bench examples -name '*.sh' 2>/dev/null | sort)
if [ $quick = no ]; then
	if [ ! -f "$BUILD/compile_commands.json" ]; then
		echo "lint: $BUILD is not configured: make all first" >&2
		exit 1
	fi
	# BPF objects are compiled by rules of their own and are not in the compilation database.
	step clang-tidy sh -c 'printf "%s\n" "$@" | xargs -P 2 -n 4 clang-tidy --quiet -p "$BUILD" 2>/dev/null' sh \
		$(find src test -name '*.c' ! -name '*.bpf.c' | sort)
	step cppcheck cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 -j 2 -Isrc \
		--enable=warning,performance,portability --suppress=missingIncludeSystem \
		--suppress=normalCheckLevelMaxBranches -D__linux__ \
		"-DLIBBPF_OPTS(type,name,...)=struct type name" "-Dmnl_attr_for_each(a,b,c)=while (mnl_next(&a, b, c))" \
		"-Dmnl_attr_for_each_nested(a,b)=while (mnl_next(&a, b))" $(find src -name '*.c' ! -name '*.bpf.c' | sort)
fi
exit $status
