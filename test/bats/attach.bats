#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# weir attach, status, counters, detach, end to end: a veth pair between two network namespaces made here. Packets are
# sent by bash itself (/dev/udp), from the address that the route names.

setup() {
	weir=${WEIR:-$BATS_TEST_DIRNAME/../../build/src/command/weir}
	a=weir-t$$-a
	b=weir-t$$-b
	rules=$BATS_TEST_TMPDIR/rules.v4
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	unshare -n true 2>/dev/null || skip "network namespaces are not permitted"
	command -v iptables-legacy-restore >/dev/null || skip "iptables-legacy is not installed"
	ip netns add "$a" && ip netns add "$b" || skip "named network namespaces are not permitted"
	ip link add out0 netns "$a" type veth peer name in0 netns "$b" || skip "veth is not available"
	ip -n "$a" link set out0 address 02:00:00:00:00:0a up
	ip -n "$a" link set lo up
	ip -n "$a" addr add 192.0.2.1/24 dev out0
	ip -n "$b" link set in0 up
	ip -n "$b" addr add 192.0.2.2/24 dev in0
	ip -n "$b" neigh add 192.0.2.1 lladdr 02:00:00:00:00:0a dev in0
	load <<-RULES
		-s 198.51.100.7/32 -j DROP
		-s 198.51.100.8/32 -p udp -m udp --dport 9 -j DROP
	RULES
	in_a iptables-legacy-restore "$rules" || skip "iptables-legacy does not work here"
}

teardown() {
	ip netns del "$a" 2>/dev/null || true
	ip netns del "$b" 2>/dev/null || true
}

in_a() { ip netns exec "$a" "$@"; }

# Writes $rules: raw PREROUTING with the rules on standard input.
load() {
	{
		printf '*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n'
		sed 's/^/-A PREROUTING /'
		printf 'COMMIT\n'
	} >"$rules"
}

# send SOURCE PORT COUNT: UDP packets of 30 bytes from that address.
send() {
	ip -n "$b" addr replace "$1/32" dev in0
	ip -n "$b" route replace 192.0.2.1/32 dev in0 src "$1"
	ip netns exec "$b" bash -c 'for ((i = 0; i < $2; i++)); do echo x >/dev/udp/192.0.2.1/$1; done' - "$2" "$3"
}

# packets PATTERN: what weir counters says of the rule.
packets() { in_a "$weir" counters out0 --all | awk -v p="$1" 'index($0, p) { print $1; exit }'; }

attached() { in_a ip -d link show dev out0 | sed -n 's/.*prog\/xdp.* id \([0-9]*\).*/\1/p'; }

@test "attach drops early, counts exactly, and leaves the kernel's rules alone" {
	run in_a "$weir" attach out0 "$rules"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"attached in native mode"* ]]
	[[ $output == *"ip link set dev out0 xdp off"* ]]
	send 198.51.100.7 9 5
	send 198.51.100.8 9 3
	send 198.51.100.8 10 2
	send 192.0.2.2 9 4
	[ "$(packets 198.51.100.7/32)" -eq 5 ]
	[ "$(packets 198.51.100.8/32)" -eq 3 ]
	run in_a "$weir" counters out0
	[[ $output == *"           5             150  raw -A PREROUTING -s 198.51.100.7/32 -j DROP  $rules:4"* ]]
	# nothing of it reached the rules, and the rules are there
	run in_a iptables-legacy -t raw -L PREROUTING -v -x -n
	[ "$(awk '/198.51.100.7/ { print $1 }' <<<"$output")" -eq 0 ]
	[ "$(awk '/198.51.100.8/ { print $1 }' <<<"$output")" -eq 0 ]
}

@test "generic mode drops the same" {
	run in_a "$weir" attach out0 "$rules" --mode generic
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"attached in generic mode"* ]]
	in_a ip -d link show dev out0 | grep -q xdpgeneric
	send 198.51.100.7 9 5
	[ "$(packets 198.51.100.7/32)" -eq 5 ]
}

@test "attaching again swaps and keeps the counters of rules that are in both" {
	in_a "$weir" attach out0 "$rules"
	send 198.51.100.7 9 5
	send 198.51.100.8 9 3
	first=$(attached)
	load <<-RULES
		-s 198.51.100.9/32 -j DROP
		-s 198.51.100.7/32 -j DROP
	RULES
	in_a iptables-legacy-restore "$rules"
	run in_a "$weir" attach out0 "$rules"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"swapped in native mode"* ]]
	[ "$(attached)" -ne "$first" ]
	send 198.51.100.7 9 2
	send 198.51.100.9 9 1
	[ "$(packets 198.51.100.7/32)" -eq 7 ]
	[ "$(packets 198.51.100.9/32)" -eq 1 ]
	[ -z "$(packets 198.51.100.8/32)" ]
	# a third time: what was carried is carried on
	in_a "$weir" attach out0 "$rules"
	[ "$(packets 198.51.100.7/32)" -eq 7 ]
	# a change of mode keeps them too, and is said aloud
	run in_a "$weir" attach out0 "$rules" --mode generic
	[ "$status" -eq 0 ]
	[[ $output == *"for a moment nothing was attached"* ]]
	[ "$(packets 198.51.100.7/32)" -eq 7 ]
}

@test "members of sets are counted on request, and carried over a swap" {
	command -v ipset >/dev/null || skip "ipset is not installed"
	in_a ipset create bans hash:ip || skip "ipset does not work here"
	in_a ipset add bans 198.51.100.7
	in_a ipset add bans 198.51.100.8
	load <<<"-m set --match-set bans src -j DROP"
	in_a iptables-legacy-restore "$rules"
	in_a ipset save >"$BATS_TEST_TMPDIR/ipsets"
	run in_a "$weir" attach out0 "$rules" "$BATS_TEST_TMPDIR/ipsets"
	echo "$output"
	[ "$status" -eq 0 ]
	send 198.51.100.7 9 5
	send 198.51.100.8 9 3
	[ "$(packets "--match-set bans")" -eq 8 ]
	run in_a "$weir" counters out0 --members
	echo "$output"
	[[ $output == *"5             150      198.51.100.7  $BATS_TEST_TMPDIR/ipsets:"* ]]
	run in_a "$weir" counters out0 --members --top 1
	[[ $output != *198.51.100.8* ]]
	in_a ipset add bans 198.51.100.9
	run in_a "$weir" status
	[ "$status" -eq 1 ]
	in_a "$weir" attach out0 --live
	run in_a "$weir" counters out0 --members
	echo "$output"
	[[ $output == *"3              90      198.51.100.8"* ]]
	[ "$(packets "--match-set bans")" -eq 8 ]
}

@test "killed at any moment, the old program or the new one is attached, and no count is lost" {
	kill_at=$BATS_TEST_TMPDIR/kill_at
	cc -o "$kill_at" "$BATS_TEST_DIRNAME/../helper/kill_at.c" || skip "needs a C compiler"
	in_a "$weir" attach out0 "$rules"
	send 198.51.100.7 9 6
	# every one of some 115 steps takes two minutes: every sixth by default, from a start that differs
	every=${WEIR_KILL_EVERY:-6}
	call=$((1 + RANDOM % every - every)) code=0 swaps=0 before=$(attached)
	while [ "$code" -eq 0 ] && [ "$call" -lt 400 ]; do
		call=$((call + every)) code=0
		in_a "$kill_at" "$call" "$weir" attach out0 "$rules" --trust-files >/dev/null || code=$?
		now=$(attached)
		[ -n "$now" ]
		[ "$now" = "$before" ] || swaps=$((swaps + 1))
		before=$now
		counted=$(packets 198.51.100.7/32)
		[ "$counted" -eq 6 ] || { echo "call $call: $counted"; false; }
	done
	echo "# killed at every $every. of $call steps, $swaps times behind the switch" >&3
	[ "$code" -eq 1 ] # the last one was not killed
	[ "$call" -gt 20 ]
	[ "$swaps" -gt 3 ]
	send 198.51.100.7 9 1
	[ "$(packets 198.51.100.7/32)" -eq 7 ]
}

@test "under traffic, a swap loses no count" {
	in_a "$weir" attach out0 "$rules"
	send 198.51.100.7 9 1500 &
	sender=$!
	for i in 1 2 3 4 5; do
		in_a "$weir" attach out0 "$rules" >/dev/null
	done
	wait "$sender"
	[ "$(packets 198.51.100.7/32)" -eq 1500 ]
}

@test "detach, --all, and ip link set xdp off" {
	in_a "$weir" attach out0 "$rules"
	run in_a "$weir" detach out0
	[ "$status" -eq 0 ]
	[ -z "$(attached)" ]
	run in_a "$weir" detach out0
	[ "$status" -eq 3 ]
	in_a "$weir" attach out0 "$rules"
	run in_a "$weir" detach --all
	[ "$status" -eq 0 ]
	[ -z "$(attached)" ]
	in_a "$weir" attach out0 "$rules"
	in_a ip link set dev out0 xdp off
	run in_a "$weir" status
	[ "$status" -eq 0 ]
	[[ $output == *"not attached"* ]]
	run in_a "$weir" counters out0
	[ "$status" -eq 3 ]
}

@test "status notices iptables -F, which alone does not take weir away" {
	in_a "$weir" attach out0 "$rules"
	run in_a "$weir" status out0
	echo "$output"
	[ "$status" -eq 0 ]
	in_a iptables-legacy -t raw -F
	run in_a "$weir" status out0
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"rules-changed"* ]]
	[[ $output == *"ip link set dev out0 xdp off"* ]]
	[ -n "$(attached)" ]
}

@test "status notices a new MAC address, forwarding, a new name and a move to another namespace" {
	in_a "$weir" attach out0 "$rules"
	in_a ip link set out0 address 02:00:00:00:00:0b
	run in_a "$weir" status
	[ "$status" -eq 1 ]
	[[ $output == *mac-changed* ]]
	in_a ip link set out0 address 02:00:00:00:00:0a
	run in_a "$weir" status
	[ "$status" -eq 0 ]
	in_a sysctl -qw net.ipv4.conf.out0.forwarding=1 || in_a sh -c 'echo 1 >/proc/sys/net/ipv4/conf/out0/forwarding'
	run in_a "$weir" status
	[ "$status" -eq 1 ]
	[[ $output == *forwarding* ]]
	in_a sh -c 'echo 0 >/proc/sys/net/ipv4/conf/out0/forwarding'
	in_a ip link set out0 down
	in_a ip link set out0 name out.1
	run in_a "$weir" status
	[ "$status" -eq 1 ]
	[[ $output == *renamed* ]]
	in_a ip link set out.1 name out0
	ip -n "$a" link set out0 netns "$b"
	run ip netns exec "$b" "$weir" status
	[ "$status" -eq 1 ]
	[[ $output == *moved* ]]
	run ip netns exec "$b" "$weir" detach out0
	[ "$status" -eq 0 ]
}

@test "where broadcasts of other networks are sent on, FORWARD must drop them too, and the kernel shows why" {
	[ -e /proc/sys/net/ipv4/conf/all/bc_forwarding ] || skip "this kernel has no bc_forwarding"
	printf '%s\n' '*filter' ':INPUT ACCEPT [0:0]' ':FORWARD ACCEPT [0:0]' ':OUTPUT ACCEPT [0:0]' \
		'-A INPUT -s 198.51.100.7/32 -j DROP' '-A FORWARD -s 198.51.100.7/32 -j ACCEPT' COMMIT >"$rules"
	in_a sh -c 'echo 0 >/proc/sys/net/ipv4/conf/out0/forwarding'
	in_a iptables-legacy -t raw -F
	in_a iptables-legacy-restore "$rules"
	run in_a "$weir" attach out0 "$rules"
	echo "$output"
	[[ $output == *" 1 of 1 "* ]]
	in_a sh -c 'cd /proc/sys/net/ipv4/conf; echo 1 >all/bc_forwarding; echo 1 >out0/bc_forwarding'
	run in_a "$weir" status out0
	[[ $output == *forwarding* ]]
	# what is for the host itself still goes early, the rest no more
	run in_a "$weir" attach out0 "$rules"
	echo "$output"
	[[ $output == *" 1 of 1 "*" 1 of them in part"* ]]
	ip link add far0 netns "$a" type veth peer name end0 netns "$b"
	ip -n "$b" link set end0 up
	ip -n "$a" link set far0 up
	ip -n "$a" addr add 198.18.0.1/24 brd + dev far0
	ip -n "$b" addr replace 198.51.100.7/32 dev in0
	ip -n "$b" route replace 198.18.0.0/24 via 192.0.2.1 dev in0 src 198.51.100.7
	in_a sh -c 'echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter; echo 0 >/proc/sys/net/ipv4/conf/out0/rp_filter'
	ip -n "$a" route add 198.51.100.7/32 dev out0
	ip netns exec "$b" bash -c 'for i in 1 2 3; do echo x >/dev/udp/198.18.0.255/9; done'
	[ "$(in_a iptables-legacy -L FORWARD -v -x -n | awk '/198.51.100.7/ { print $1 }')" -eq 3 ]
}

@test "another XDP program is neither replaced nor removed" {
	command -v clang >/dev/null || skip "needs clang to make another program"
	printf '__attribute__((section("xdp"), used)) int other(void *c) { return 2; }\nchar l[] __attribute__((section("license"), used)) = "GPL";\n' >"$BATS_TEST_TMPDIR/other.c"
	clang -target bpf -O2 -c "$BATS_TEST_TMPDIR/other.c" -o "$BATS_TEST_TMPDIR/other.o"
	in_a ip link set dev out0 xdp obj "$BATS_TEST_TMPDIR/other.o" sec xdp || skip "ip link cannot attach XDP programs"
	before=$(attached)
	run in_a "$weir" attach out0 "$rules"
	echo "$output"
	[ "$status" -eq 3 ]
	[[ $output == *"another XDP program"* ]]
	run in_a "$weir" detach out0
	[ "$status" -eq 3 ]
	run in_a "$weir" detach --all
	[ "$status" -eq 0 ]
	[ "$(attached)" = "$before" ]
}

@test "files that differ from the live rules are refused, and --trust-files takes them" {
	load <<<"-s 203.0.113.1/32 -j DROP"
	run in_a "$weir" attach out0 "$rules"
	echo "$output"
	[ "$status" -eq 3 ]
	[[ $output == *"differ from the live rules"* ]]
	[ -z "$(attached)" ]
	run in_a "$weir" attach out0 "$rules" --trust-files
	echo "$output"
	[ "$status" -eq 0 ]
	[ -n "$(attached)" ]
}

@test "--dry-run attaches nothing" {
	run in_a "$weir" attach out0 "$rules" --dry-run
	[ "$status" -eq 0 ]
	[[ $output == *"would attach"* ]]
	[ -z "$(attached)" ]
}

@test "no such interface, loopback, a bridge port, a macvlan on top, a tc program: refused in words" {
	run in_a "$weir" attach nowhere0 "$rules"
	[ "$status" -eq 3 ]
	[[ $output == *"no such interface"* ]]
	run in_a "$weir" attach lo "$rules"
	[ "$status" -eq 3 ]
	[[ $output == *loopback* ]]
	if in_a ip link add mv0 link out0 type macvlan 2>/dev/null; then
		run in_a "$weir" attach out0 "$rules"
		[ "$status" -eq 3 ]
		[[ $output == *"mv0 (macvlan)"* ]]
		in_a ip link del mv0
	fi
	if in_a ip link add br0 type bridge 2>/dev/null; then
		in_a ip link set out0 master br0
		run in_a "$weir" attach out0 "$rules"
		[ "$status" -eq 3 ]
		[[ $output == *"belongs to br0 (bridge)"* ]]
		in_a ip link del br0
	fi
	if in_a tc qdisc add dev out0 clsact 2>/dev/null; then
		in_a "$weir" attach out0 "$rules" --dry-run
		if in_a tc filter add dev out0 ingress matchall action mirred egress redirect dev lo 2>/dev/null; then
			run in_a "$weir" attach out0 "$rules"
			[ "$status" -eq 3 ]
			[[ $output == *"traffic-control"* ]]
		fi
	fi
	[ -z "$(attached)" ]
}

@test "a device of another network namespace that stands on the interface is found" {
	in_a ip link add link out0 name mv0 netns "$b" type macvlan mode passthru 2>/dev/null ||
		skip "macvlan is not available"
	run in_a "$weir" attach out0 "$rules"
	echo "$output"
	[ "$status" -eq 3 ]
	[[ $output == *"mv0 (macvlan) of another network namespace"* ]]
	[ -z "$(attached)" ]
	ip -n "$b" link del mv0
	in_a "$weir" attach out0 "$rules"
	[ -n "$(attached)" ]
	in_a ip link add link out0 name mv0 netns "$b" type macvlan mode passthru
	run in_a "$weir" status out0
	[ "$status" -eq 1 ]
	[[ $output == *STALE*mv0* ]]
}

@test "an nft chain in front of the rules is refused by name, and --vouch hooks takes it" {
	command -v nft >/dev/null || skip "nft is not installed"
	in_a nft 'add table inet edge; add chain inet edge early { type filter hook prerouting priority -400; }' ||
		skip "nftables does not work here"
	run in_a "$weir" attach out0 "$rules"
	echo "$output"
	[ "$status" -eq 3 ]
	[[ $output == *"inet edge early"* ]]
	run in_a "$weir" attach out0 "$rules" --vouch hooks
	[ "$status" -eq 0 ]
	in_a nft 'add table netdev edge; add chain netdev edge first { type filter hook ingress device out0 priority 0; }'
	in_a nft 'delete table inet edge'
	run in_a "$weir" attach out0 "$rules"
	echo "$output"
	[ "$status" -eq 3 ]
	[[ $output == *"netdev edge first"* ]]
	in_a nft 'delete table netdev edge; add table ip edge; add chain ip edge late { type filter hook input priority 0; }'
	run in_a "$weir" attach out0 "$rules" # raw alone drops: a chain behind it does not matter
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "an nft chain for NAT in front of the rules may log and count: refused unlike that of iptables" {
	command -v nft >/dev/null || skip "nft is not installed"
	printf '%s\n' '*filter' ':INPUT ACCEPT [0:0]' ':FORWARD ACCEPT [0:0]' ':OUTPUT ACCEPT [0:0]' \
		'-A INPUT -s 198.51.100.7/32 -j DROP' COMMIT >"$rules"
	in_a iptables-legacy -t raw -F
	in_a iptables-legacy-restore "$rules"
	in_a nft 'add table ip other; add chain ip other before { type nat hook prerouting priority -100 ; }' ||
		skip "nft does not work here"
	run in_a "$weir" attach out0 "$rules"
	echo "$output"
	[ "$status" -eq 3 ]
	[[ $output == *"nft chain ip other before"* ]]
	in_a nft delete table ip other
	in_a "$weir" attach out0 "$rules"
}

@test "without privilege: exit 3 in words, nothing changed" {
	command -v setpriv >/dev/null || skip "setpriv is not installed"
	install -m 755 "$weir" "$BATS_TEST_TMPDIR/weir"
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$(dirname "$BATS_TEST_TMPDIR")" 2>/dev/null || true
	run in_a setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all "$BATS_TEST_TMPDIR/weir" attach out0 "$rules" --trust-files
	echo "$output"
	[ "$status" -eq 3 ]
	[[ $output == *permitted* ]]
	[ -z "$(attached)" ]
}

@test "control characters of the input never reach a terminal" {
	escape=$'\033'
	load <<-RULES
		-s 198.51.100.7/32 -m comment --comment "a${escape}[31m" -j DROP
		-m limit --limit 3/sec -m comment --comment "b${escape}[31m" -j DROP
	RULES
	in_a iptables-legacy-restore "$rules"
	cp "$rules" "$BATS_TEST_TMPDIR/a${escape}[31m.v4"
	rules=$BATS_TEST_TMPDIR/a${escape}[31m.v4
	in_a "$weir" attach out0 "$rules" --verbose >"$BATS_TEST_TMPDIR/out" 2>&1
	send 198.51.100.7 9 1
	for command in "counters out0 --all" "counters out0 --all --json" "status" "status --json" "detach $escape"; do
		in_a "$weir" $command >>"$BATS_TEST_TMPDIR/out" 2>&1 || true
	done
	"$weir" compile "$rules" --verbose >>"$BATS_TEST_TMPDIR/out" 2>&1
	"$weir" compile "$rules" --json >>"$BATS_TEST_TMPDIR/out" 2>&1
	"$weir" "$escape" >>"$BATS_TEST_TMPDIR/out" 2>&1 || true
	grep -q 'a?\[31m' "$BATS_TEST_TMPDIR/out"
	! grep "$escape" "$BATS_TEST_TMPDIR/out"
}

@test "bad usage is exit 2" {
	for arguments in "" "out0" "out0 --live $rules" "out0 $rules --mode fast" "out0 $rules --vouch all" "out0 --nonsense"; do
		# shellcheck disable=SC2086
		run in_a "$weir" attach $arguments
		[ "$status" -eq 2 ]
	done
	run in_a "$weir" detach
	[ "$status" -eq 2 ]
	run in_a "$weir" counters out0 --top 0
	[ "$status" -eq 2 ]
}
