#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# weir cost, end to end. What needs namespaces and BPF is skipped by reason where they are not permitted.

setup() {
	weir=${WEIR:-$BATS_TEST_DIRNAME/../../build/src/command/weir}
	root=$BATS_TEST_DIRNAME/../..
	rules=$BATS_TEST_TMPDIR/rules.v4
	cat >"$rules" <<-RULES
		*filter
		:INPUT DROP [0:0]
		:FORWARD ACCEPT [0:0]
		:OUTPUT ACCEPT [0:0]
		-A INPUT -s 198.18.0.0/24 -i wan0 -j DROP
		-A INPUT -i wan0 -p tcp -m tcp --dport 443 -j ACCEPT
		COMMIT
	RULES
}

needs_kernel() {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	unshare -n true 2>/dev/null || skip "network namespaces are not permitted"
}

@test "cost --help says what it does" {
	run "$weir" cost --help
	[ "$status" -eq 0 ]
	[[ $output == *"--traffic"* ]]
}

@test "no rules, or rules beside --live, is bad usage" {
	run "$weir" cost
	[ "$status" -eq 2 ]
	run "$weir" cost --live "$rules"
	[ "$status" -eq 2 ]
}

@test "a bad rate, number, name or flavour is bad usage" {
	for option in --rate=fast --rate=-1 --rate=1kk --packets=5 --packets=x --interface=lo --interface=a/b \
		--interface=abcdefghijklmnop --flavour=ebtables --traffik=x; do
		run "$weir" cost "$rules" "$option"
		[ "$status" -eq 2 ]
	done
}

@test "rules that cannot be read are named, with exit 2" {
	echo '-A INPUT -j NOWHERE' >>"$rules"
	run "$weir" cost "$rules"
	[ "$status" -eq 2 ]
	[[ $output == *rules.v4:* ]]
}

@test "a capture that is none is refused" {
	needs_kernel
	run "$weir" cost "$rules" --traffic "$rules"
	[ "$status" -eq 2 ]
	[[ $output == *rules.v4* ]]
}

@test "without privilege: exit 3 and the reason in words" {
	[ "$(id -u)" -eq 0 ] || skip "needs root, to give it up"
	place=$(mktemp -d)
	cp "$rules" "$weir" "$place"
	chmod -R a+rX "$place"
	run setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all "$place/weir" cost "$place/rules.v4"
	rm -rf "$place"
	[ "$status" -eq 3 ]
	[[ $output == *"not permitted"* ]]
}

@test "figures for both kinds of traffic, and nothing is left behind" {
	needs_kernel
	run "$weir" cost "$rules" --packets 2000 --rate 250k --json
	[ "$status" -eq 3 ] && [[ $output == *"cannot inject"* ]] && skip "$output"
	[ "$status" -eq 0 ]
	echo "$output" | jq -e '.interface == "wan0" and .rate == 250000 and (.traffic | length) == 2'
	echo "$output" | jq -e '.traffic | map(.traffic) == ["dropped source", "accepted"]'
	echo "$output" | jq -e '.traffic | all(.packets == 2000 and .distinct > 0)'
	echo "$output" | jq -e '.traffic | all(.rules.median > 0 and .weir.median > 0 and .injection.median > 0)'
	echo "$output" | jq -e '.traffic[0] | (.rules.core - .rules.net * 250000 / 1e9) | fabs < 1e-9'
	run ip link show wan0
	[ "$status" -ne 0 ]
	run ip link show weir-out
	[ "$status" -ne 0 ]
}

@test "rules that accept everything: the other kind is said to be missing" {
	needs_kernel
	printf '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n' >"$rules"
	run "$weir" cost "$rules" --packets 1000 --json
	[ "$status" -eq 3 ] && [[ $output == *"cannot inject"* ]] && skip "$output"
	[ "$status" -eq 0 ]
	echo "$output" | jq -e '.traffic[0].missing and (.traffic[1].missing | not)'
}

@test "a capture's packets are measured, in the nft flavour too" {
	needs_kernel
	command -v iptables-nft-restore || skip "no iptables-nft-restore"
	inject=$(dirname "$weir")/../../tools/weir-inject
	printf 'proto=tcp src=198.18.0.%d sport=4000 dst=192.0.2.1 dport=443 flags=syn\n' 1 2 3 |
		"$inject" write "$BATS_TEST_TMPDIR/x.pcap"
	run "$weir" cost "$rules" --traffic "$BATS_TEST_TMPDIR/x.pcap" --packets 1000 --flavour nft --json
	[ "$status" -eq 3 ] && [[ $output == *"cannot inject"* ]] && skip "$output"
	[ "$status" -eq 0 ]
	echo "$output" | jq -e '.rulesets[0].flavour == "nft" and .traffic[0].distinct == 3'
}

@test "the example's packets are the same at every run, and of every kind" {
	for kind in banned clean mix all; do
		[ "$("$root/tools/edge-traffic.sh" $kind | md5sum)" = "$("$root/tools/edge-traffic.sh" $kind | md5sum)" ]
		[ "$("$root/tools/edge-traffic.sh" $kind | sort -u | wc -l)" -gt 2000 ]
	done
}
