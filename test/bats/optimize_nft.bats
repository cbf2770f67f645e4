#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# weir optimize --output nft and weir print --format nft: what they write loads, replaces what was written before, and lets
# the same packets through as the rules that it was made of.

bats_require_minimum_version 1.5.0

setup() {
	weir=${WEIR:-$BATS_TEST_DIRNAME/../../build/src/command/weir}
	inject=$(dirname "$weir")/../../tools/weir-inject
	examples=$BATS_TEST_DIRNAME/../../examples
	space=weir-t$$-n
	dir=$BATS_TEST_TMPDIR
}

teardown() {
	for side in legacy nft; do ip netns del "$space-$side" 2>/dev/null || true; done
}

kernel() {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	for program in nft iptables-legacy-restore ipset; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
	for side in legacy nft; do
		ip netns add "$space-$side" 2>/dev/null || skip "network namespaces are not permitted"
	done
	inside nft nft list ruleset >/dev/null 2>&1 || skip "nft does not work here"
	inside legacy iptables-legacy -S >/dev/null 2>&1 || skip "iptables-legacy does not work here"
}

inside() {
	side=$1
	shift
	ip netns exec "$space-$side" "$@"
}

@test "the edge host's rules load as nftables', again too, and pass the same packets" {
	kernel
	run -0 --separate-stderr "$weir" optimize "$examples/edge" --directory "$dir/out" --output nft
	[[ $output == *"proven: for all packets"* ]]
	# ip6tables looks behind an authentication header.
	[[ $stderr == *"warning[nft-authentication-header]"* ]]
	grep -q "^# IPv6 packets with an authentication header" "$dir/out/rules.nft"
	[ "$(ls "$dir/out")" = rules.nft ]
	run -0 "$weir" diff "$examples/edge" "$dir/out"
	"$weir" optimize "$examples/edge" --directory "$dir/ipt"
	inside nft nft -f "$dir/out/rules.nft"
	inside nft nft list ruleset >"$dir/once"
	inside nft nft -f "$dir/out/rules.nft"
	diff "$dir/once" <(inside nft nft list ruleset)
	inside legacy ipset restore <"$dir/ipt/ipsets"
	inside legacy iptables-legacy-restore <"$dir/ipt/rules.v4"
	inside legacy ip6tables-legacy-restore <"$dir/ipt/rules.v6"
	"$BATS_TEST_DIRNAME/../../tools/edge-traffic.sh" all >"$dir/packets"
	for side in legacy nft; do
		inside "$side" "$inject" stage weir0 || skip "no veth pair here"
		inside "$side" "$inject" verdicts weir0 <"$dir/packets" >"$dir/$side"
	done
	[ "$(wc -l <"$dir/nft")" -eq "$(wc -l <"$dir/packets")" ]
	diff "$dir/legacy" "$dir/nft"
	grep -q accept "$dir/nft"
	grep -q drop "$dir/nft"
}

@test "print --format nft says all of it in other words, which diff reads" {
	kernel
	"$weir" print "$examples/edge" --format nft >"$dir/edge.nft"
	run -0 --separate-stderr "$weir" diff --effects "$examples/edge" "$dir/edge.nft"
	[[ $output == "Equal: "* ]]
	[[ $stderr == *"note[nft-authentication-header]"* ]]
}

# Linux takes what stands in a later fragment for ports.
@test "a later fragment has no ports in either, whatever stands there" {
	kernel
	printf '*raw\n[1:1] -A PREROUTING -p tcp -m tcp\n[1:1] -A PREROUTING -p tcp -m tcp --dport 23130\n' >"$dir/rules.v4"
	printf '[1:1] -A PREROUTING -p tcp -f\nCOMMIT\n' >>"$dir/rules.v4"
	run -0 "$weir" optimize "$dir/rules.v4" --directory "$dir/out" --output nft
	inside nft nft -f "$dir/out/rules.nft"
	inside nft "$inject" stage weir0 || skip "no veth pair here"
	inside nft ip link set weir0 address 02:57:45:49:52:01
	inside nft "$WEIR_FRAMES" send weir-out "src=198.51.100.1 dst=192.0.2.1 proto=tcp fragment=later offset=5 payload=40"
	inside nft nft list ruleset >"$dir/listed"
	[ "$(grep -c 'counter packets 1 bytes 1$' "$dir/listed")" -eq 2 ]
	[ "$(grep -c 'counter packets 2 ' "$dir/listed")" -eq 1 ]
}

@test "interfaces that a script names by their number are made where it is tried" {
	kernel
	printf '*mangle\n-A PREROUTING -s 192.0.2.1 -j TEE --gateway 192.0.2.9 --oif eth7\nCOMMIT\n' >"$dir/rules.v4"
	run -0 --separate-stderr "$weir" optimize "$dir/rules.v4" --directory "$dir/out" --output nft
	[[ $stderr == *"warning[nft-interface-name]"* && $stderr != *note* ]]
	grep -q 'dup to 192.0.2.9 device "eth7"' "$dir/out/rules.nft"
	run -0 --separate-stderr "$weir" diff --effects "$dir/rules.v4" "$dir/out/rules.nft"
	[[ $output == "Equal: "* ]]
	[[ $stderr == *"note[nft-interface-name]"* ]]
}

@test "what nftables cannot do exactly is refused, and nothing is written" {
	printf '*filter\n-A INPUT -s 192.0.2.1 -j DROP\n-A INPUT -m recent --set --name a --rsource\nCOMMIT\n' >"$dir/rules.v4"
	run -4 --separate-stderr "$weir" optimize "$dir/rules.v4" --directory "$dir/out" --output nft
	[[ $stderr == *"--name a"* ]]
	[[ $stderr == *"nothing was written"* ]]
	[ ! -e "$dir/out" ]
	run -2 --separate-stderr "$weir" print "$dir/rules.v4" --format nft
	[ -z "$output" ]
	[[ $stderr == *"rules.v4:3:"*"error[not-in-nft]"* ]]
}

@test "where nft does not load it nothing is proven, and nothing is written" {
	printf '*filter\n-A INPUT -s 192.0.2.1 -j DROP\nCOMMIT\n' >"$dir/rules.v4"
	printf '#!/bin/sh\nexit 1\n' >"$dir/nft"
	chmod +x "$dir/nft"
	run -3 --separate-stderr env PATH="$dir:$PATH" "$weir" optimize "$dir/rules.v4" --directory "$dir/out" --output nft
	[[ $stderr == *"nothing was written"* ]]
	[ ! -e "$dir/out" ]
	"$weir" print "$dir/rules.v4" --format nft | grep -q 'ip saddr 192.0.2.1 drop'
	run -2 --separate-stderr "$weir" print "$dir/rules.v4" --format nft -4
	[[ $stderr == *"--format nft writes all of it"* ]]
}
