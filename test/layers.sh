#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Holds the sources to the order of layers: a file includes its own layer and lower ones; those of one rank do not see
# each other; BPF sees only headers that say they are shared with it; only command/ prints or exits.
set -u
cd "$(dirname "$0")/../src" || exit 1
bad=0
complain() {
	echo "layers: $*" >&2
	bad=1
}

rank() {
	case $1 in
	base) echo 1 ;;
	packet) echo 2 ;;
	diagram) echo 3 ;;
	ruleset) echo 4 ;;
	extension) echo 5 ;;
	read | nftables | engine | meaning) echo 6 ;;
	check | rewrite | plane) echo 7 ;;
	kernel) echo 8 ;;
	observe | feed | daemon) echo 9 ;;
	command) echo 10 ;;
	*) echo 0 ;;
	esac
}

# packet stands below diagram, but neither needs the other: diagrams know nothing of firewalls.
checked=0
for file in */*.[ch]; do
	layer=${file%%/*}
	own=$(rank "$layer")
	[ "$own" -ne 0 ] || complain "$file: no such layer: $layer"
	for include in $(sed -n 's/^[ \t]*#[ \t]*include[ \t]*"\([^"]*\)".*/\1/p' "$file"); do
		checked=$((checked + 1))
		case $include in
		*.skel.h)
			case $layer in plane | kernel | observe) ;; *) complain "$file: a skeleton ($include) in $layer/" ;; esac
			continue
			;;
		*/*) ;;
		*)
			complain "$file: include \"$include\" without its layer"
			continue
			;;
		esac
		other=${include%%/*}
		there=$(rank "$other")
		if [ ! -f "$include" ]; then
			complain "$file: no such header: $include"
		elif [ "$other" != "$layer" ] && [ "$there" -ge "$own" ]; then
			complain "$file: includes $include, which is not below $layer/"
		elif [ "$layer" = diagram ] && [ "$other" != diagram ] && [ "$other" != base ]; then
			complain "$file: a diagram knows nothing of $other/"
		fi
		case $file in
		*.bpf.c)
			head -n 5 "$include" | grep -q 'SHARED WITH BPF' ||
				complain "$file: $include does not say that it is shared with BPF"
			;;
		esac
	done
	case $file in
	*.h)
		if head -n 5 "$file" | grep -q 'SHARED WITH BPF'; then
			for include in $(sed -n 's/^[ \t]*#[ \t]*include[ \t]*[<"]\([^>"]*\)[>"].*/\1/p' "$file"); do
				case $include in
				linux/*.h) ;;
				*)
					head -n 5 "$include" 2>/dev/null | grep -q 'SHARED WITH BPF' ||
						complain "$file: shared with BPF, but includes $include"
					;;
				esac
			done
		fi
		;;
	esac
	case $layer in
	command) ;;
	*)
		found=$(grep -nE '(^|[^a-z_>.])(printf|puts|putchar|fprintf|perror|exit|_exit|abort|assert) ?\(' "$file" |
			grep -vE '^[0-9]+:[ \t]*(/?\*|//)|__attribute__|bpf_printk' | head -n 3)
		[ -z "$found" ] || complain "$file: prints or exits outside command/: $found"
		;;
	esac
done
[ "$checked" -gt 0 ] || complain "found no include at all"
exit $bad
