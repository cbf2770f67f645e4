#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# make run: what weir is for, seen on this machine's own kernel. The firewall of examples/edge is measured as it is, as
# ipsets (examples/edge-ipset) and with weir in front; then its verdicts and counters with weir are compared, packet by
# packet and rule by rule, with those without. All in network namespaces that are made and removed here: nothing of this
# host's own networking is touched. Fails when a comparison does.
set -eu
export LC_ALL=C
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
build=${BUILD:-build}
case $build in /*) ;; *) build=$root/$build ;; esac
weir=$build/src/command/weir
shown=${build#"$root/"}/weir # as the reader would call it
inject=$build/tools/weir-inject
edge=examples/edge
sets=examples/edge-ipset
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

ninja -C "$build" src/command/weir tools/weir-inject >"$build/run.log" 2>&1 || {
	cat "$build/run.log" >&2
	exit 1
}

work=$(mktemp -d)
spaces=
clean() {
	for space in $spaces; do
		ip netns del "$space" 2>/dev/null || true
	done
	rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

for kind in banned clean mix all; do
	tools/edge-traffic.sh "$kind" >"$work/$kind.packets"
	"$inject" write "$work/$kind.pcap" <"$work/$kind.packets"
done

say() { printf '%s\n' "$*"; }

rule_total=$(grep -c '^-A' "$edge/rules.v4")
ban_total=$(grep -c -- '-A INPUT -s .* -j DROP' "$edge/rules.v4")
listener_total=$(grep -c -- '-A INPUT -d .* -j ACCEPT' "$edge/rules.v4")
say "A load balancer's firewall: $listener_total listeners, $ban_total banned addresses, $rule_total rules of IPv4 ($edge)."
say

# Where the kernel may not be asked, the engine is: the same packets, judged rule by rule in user space.
fallback() {
	say "$1"
	say "So nothing can be measured here. The same traffic, judged by weir's own engine (weir replay) instead:"
	say
	printf '%-26s %10s %10s\n' packets dropped accepted
	for kind in banned clean mix; do
		"$weir" replay "$edge" "$work/$kind.pcap" --interface eth0 --state new --json >"$work/replay.json"
		jq -r --arg kind "$kind" '[$kind, .verdicts.dropped.packets, .verdicts.accepted.packets] | @tsv' \
			"$work/replay.json" | awk -F '\t' '{ printf "%-26s %10d %10d\n", $1, $2, $3 }'
		jq -e --arg kind "$kind" 'if $kind == "banned" then .verdicts.dropped.packets == .packets
			elif $kind == "clean" then .verdicts.accepted.packets == .packets
			else .verdicts.dropped.packets + .verdicts.accepted.packets == .packets end' \
			"$work/replay.json" >/dev/null || {
			say "FAILED: these are not the verdicts that the rules give to $kind traffic"
			exit 1
		}
	done
	say
	advice
	exit 0
}

advice() {
	say "On your own host: what would be dropped early, and what not and why (nothing is attached):"
	say
	say "    $shown compile /etc/iptables        # or: --live"
	say
	say "and then, as root, for the interface the traffic comes in at:"
	say
	say "    $shown attach eth0 --live"
	say "    $shown counters eth0"
	say "    $shown detach eth0"
}

# --- What it costs ---------------------------------------------------------------------------------------------------

[ "$(id -u)" -eq 0 ] || fallback "Network namespaces and BPF need root (try: sudo make run)."
unshare -n true 2>"$work/why" || fallback "Network namespaces are not permitted here: $(cat "$work/why")"

cost() { # kind, rules, file
	set +e
	"$weir" cost "$2" --traffic "$work/$1.pcap" --interface eth0 --json >"$3" 2>"$work/why"
	status=$?
	set -e
	[ $status -ne 3 ] || fallback "It cannot be measured here: $(cat "$work/why")"
	[ $status -eq 0 ] || {
		cat "$work/why" >&2
		say "FAILED: weir cost $2, $1 traffic"
		exit 1
	}
}

say "Measuring (a minute or two) ..."
for kind in banned clean mix; do
	cost "$kind" "$edge" "$work/$kind.rules"
	cost "$kind" "$sets" "$work/$kind.sets"
done
say
say "ns per packet, whole receive path, injection taken off:"
say
printf '%-30s %12s %12s %14s\n' "" "rules alone" "as ipsets" "weir in front"
for kind in banned clean mix; do
	case $kind in
	banned) name="banned sources" ;;
	clean) name="clean clients" ;;
	mix) name="a mix with a SYN flood" ;;
	esac
	jq -r -n --arg name "$name" --slurpfile rules "$work/$kind.rules" --slurpfile sets "$work/$kind.sets" '
		$rules[0].traffic[0] as $r | $sets[0].traffic[0] as $s
		| [$name, $r.rules.net, $s.rules.net, $r.weir.net,
		   100 * $r.rules.core, 100 * $s.rules.core, 100 * $r.weir.core] | @tsv' |
		awk -F '\t' '{ printf "%-30s %12.0f %12.0f %14.0f\n", $1, $2, $3, $4
			printf "%-30s %11.1f%% %11.1f%% %13.1f%%\n", "  of a core at 100,000/s", $5, $6, $7 }'
done
say
jq -r -n --slurpfile rules "$work/banned.rules" --slurpfile sets "$work/banned.sets" --slurpfile clean "$work/clean.rules" '
	$rules[0].traffic[0] as $r | $sets[0].traffic[0] as $s | $clean[0].traffic[0] as $c
	| "Banned packets: \($r.cheaper | floor) times cheaper than the rules, " +
	  "\($s.cheaper | floor) times cheaper than ipsets. " +
	  (if $c.added.median < 0.05 * $c.rules.net
	   then "Clean packets: nothing added that stands out of the noise (\($c.added.median | round) ns)."
	   else "Clean packets: \($c.added.median | round) ns added." end)'
say

# --- Whether anything else changed -----------------------------------------------------------------------------------

alone=weir-run-alone-$$
front=weir-run-front-$$
for space in $alone $front; do
	ip netns add "$space"
	spaces="$spaces $space"
	ip netns exec "$space" "$inject" stage eth0 </dev/null
	ip netns exec "$space" iptables-legacy-restore -w 10 <"$edge/rules.v4"
	ip netns exec "$space" ip6tables-legacy-restore -w 10 <"$edge/rules.v6"
done
ip netns exec "$front" "$weir" attach eth0 "$edge" >"$work/attach" 2>&1 || {
	cat "$work/attach" >&2
	say "FAILED: weir attach"
	exit 1
}
failed=0
for space in $alone $front; do
	ip netns exec "$space" "$inject" verdicts eth0 <"$work/all.packets" >"$work/$space.verdicts"
done

sent=$(wc -l <"$work/all.packets")
accepted=$(grep -c '^accept$' "$work/$alone.verdicts" || true)
dropped=$(grep -c '^drop$' "$work/$alone.verdicts" || true)
if [ "$((accepted + dropped))" -ne "$sent" ] || [ "$accepted" -eq 0 ] || [ "$dropped" -eq 0 ]; then
	say "FAILED: of $sent packets the rules alone accepted $accepted and dropped $dropped"
	failed=1
elif cmp -s "$work/$alone.verdicts" "$work/$front.verdicts"; then
	say "verdicts: $sent packets of all kinds sent one by one: $accepted accepted, $dropped dropped, each the same with weir"
else
	say "FAILED: the verdicts differ (without weir, with weir, packet):"
	paste "$work/$alone.verdicts" "$work/$front.verdicts" "$work/all.packets" | awk '$1 != $2' | head
	failed=1
fi

# "family table chain number packets bytes"; number 0 is the policy. What falls through to the policies on the way out is
# left out: it is not what arrived, and what the namespace says of itself (router solicitations, MLD) comes when it likes.
kernel_counters() { # namespace
	for family in 4 6; do
		program=iptables-legacy-save
		[ $family = 4 ] || program=ip6tables-legacy-save
		ip netns exec "$1" "$program" -c | awk -v family=$family '
			/^\*/ { table = substr($1, 2); next }
			/^:(OUTPUT|POSTROUTING) / { next }
			/^:/ { split(substr($3, 2, length($3) - 2), n, ":"); print family, table, substr($1, 2), 0, n[1], n[2] }
			/^\[/ { split(substr($1, 2, length($1) - 2), n, ":")
				print family, table, $3, ++number[table " " $3], n[1], n[2] }'
	done
}
kernel_counters "$alone" | sort >"$work/alone.counters"
kernel_counters "$front" >"$work/front.kernel"
ip netns exec "$front" "$weir" counters eth0 --json >"$work/counters.json"
jq -r '.[] | [.family, .table, .chain, (.number // 0), .packets, .bytes] | map(tostring) | join(" ")' \
	"$work/counters.json" >"$work/front.weir"
early=$(awk '$2 == "filter" { sum += $5 } END { print sum + 0 }' "$work/front.weir")
awk '{ key = $1 " " $2 " " $3 " " $4; if (!(key in packets)) order[++count] = key
	packets[key] += $5; bytes[key] += $6 }
	END { for (i = 1; i <= count; i++) print order[i], packets[order[i]] + 0, bytes[order[i]] + 0 }' \
	"$work/front.kernel" "$work/front.weir" | sort >"$work/front.counters"
if [ "$early" -eq 0 ] || [ ! -s "$work/alone.counters" ]; then
	say "FAILED: weir counted nothing"
	failed=1
elif cmp -s "$work/alone.counters" "$work/front.counters"; then
	say "counters: $(wc -l <"$work/alone.counters") rules and policies: weir's plus the kernel's is what the kernel alone counts," \
		"for each ($early packets dropped early)"
else
	say "FAILED: counters differ (family table chain number packets bytes; < without weir, > kernel and weir):"
	diff "$work/alone.counters" "$work/front.counters" | head -20
	failed=1
fi
ip netns exec "$front" "$weir" detach eth0 >"$work/detach" 2>&1 || {
	cat "$work/detach" >&2
	say "FAILED: weir detach"
	failed=1
}
say
[ $failed -eq 0 ] || exit 1
advice
