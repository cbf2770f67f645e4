#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What holds at an interface, tried on the kernel: which frames reach the rules under its name at all, and what else
# stands between them and XDP. See doc/architecture.md, "Early drop".

bats_require_minimum_version 1.5.0
load ../helper/facts

setup() { facts_setup; }
teardown() { facts_teardown; }

ban() {
	load_rules <<-RULES
		$RAW
		-A PREROUTING -s 198.51.100.7/32 -j DROP
		COMMIT
	RULES
}
banned='raw -A PREROUTING -s 198.51.100.7/32 -j DROP'

@test "frames for other hosts meet no rule, and are not dropped early" {
	ban
	FRAMES=("src=198.51.100.7 to=other n=5" "src=198.51.100.7 n=2")
	all_agree
	alone_is "$banned" 2
	early "$banned" 2
	# nor where the interface takes them in
	ip -n "$a" link set out0 promisc on
	all_agree
	alone_is "$banned" 2
	early "$banned" 2
}

@test "broadcast and multicast frames meet the rules, and pass weir" {
	ban
	FRAMES=("src=198.51.100.7 dst=255.255.255.255 to=broadcast n=3" "src=198.51.100.7 dst=224.0.0.1 to=multicast n=4")
	all_agree
	alone_is "$banned" 7
	early "$banned" 0
}

@test "a macvlan in another namespace still gets its frames: they are not for this interface's own MAC" {
	ip netns add "$c"
	in_a ip link add mv0 link out0 type macvlan 2>/dev/null || skip "this kernel has no macvlan"
	ip -n "$a" link set mv0 address 02:57:45:49:52:77 # to=other
	ip -n "$a" link set mv0 netns "$c"
	ip -n "$c" link set mv0 up
	ban
	for mode in native generic; do
		# where it can be seen from here, the operator answers for it
		in_a "$weir" attach out0 "$rules" --mode "$mode" --vouch upper
		before=$(ip netns exec "$c" cat /sys/class/net/mv0/statistics/rx_packets)
		send "src=198.51.100.7 to=other n=5"
		after=$(ip netns exec "$c" cat /sys/class/net/mv0/statistics/rx_packets)
		[ $((after - before)) -eq 5 ]
		weir_counts >"$BATS_TEST_TMPDIR/early"
		early "$banned" 0
		in_a "$weir" detach out0
	done
}

@test "the host's own multicast comes back to generic XDP without an Ethernet header, and passes" {
	load_rules <<-RULES
		*raw
		:PREROUTING ACCEPT [0:0]
		:OUTPUT ACCEPT [0:0]
		-A PREROUTING -d 224.0.0.1/32 -i out0 -p udp -m udp --dport 99 -j DROP
		-A PREROUTING -p udp -m udp --dport 99 -j DROP
		COMMIT
	RULES
	ip -n "$a" route add 224.0.0.0/4 dev out0
	looped='raw -A PREROUTING -d 224.0.0.1/32 -i out0 -p udp -m udp --dport 99 -j DROP'
	in_a bash -c 'for i in 1 2 3; do echo x >/dev/udp/224.0.0.1/99; done'
	kernel_counts >"$BATS_TEST_TMPDIR/alone"
	alone_is "$looped" 3
	in_a iptables-legacy-restore "$rules.given"
	in_a "$weir" attach out0 "$rules" --mode generic
	in_a bash -c 'for i in 1 2 3; do echo x >/dev/udp/224.0.0.1/99; done'
	kernel_counts >"$BATS_TEST_TMPDIR/kernel"
	is kernel "$looped" 3
	weir_counts >"$BATS_TEST_TMPDIR/early"
	early "$looped" 0
}

@test "under a bridge the rules never see the port's name: refused" {
	in_a ip link add br0 type bridge 2>/dev/null || skip "this kernel has no bridge"
	ip -n "$a" link set br0 address 02:57:45:49:52:01
	ip -n "$a" addr flush dev out0
	ip -n "$a" link set out0 master br0
	ip -n "$a" link set br0 up
	ip -n "$a" addr add 192.0.2.1/25 dev br0
	load_rules <<-RULES
		$RAW
		-A PREROUTING -s 198.51.100.7/32 -i out0 -j DROP
		-A PREROUTING -s 198.51.100.7/32 -i br0 -j DROP
		COMMIT
	RULES
	FRAMES=("src=198.51.100.7 n=4")
	alone
	alone_is 'raw -A PREROUTING -s 198.51.100.7/32 -i out0 -j DROP' 0
	alone_is 'raw -A PREROUTING -s 198.51.100.7/32 -i br0 -j DROP' 4
	refused "belongs to br0 (bridge)" out0 "$rules"
	# what is vouched for does not reach so far
	refused "belongs to br0 (bridge)" out0 "$rules" --vouch hooks,tc,upper,vlan
	[ -z "$(attached)" ]
}

@test "put into a bridge while attached: status says so, and the rules of the port's name are no longer met" {
	in_a ip link add br0 type bridge 2>/dev/null || skip "this kernel has no bridge"
	ban
	in_a "$weir" attach out0 "$rules"
	ip -n "$a" link set out0 master br0
	run in_a "$weir" status
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"has-master"* ]]
}

@test "a port of a bond or a VRF is refused" {
	ban
	for kind in bond vrf; do
		options=
		[ "$kind" = bond ] || options="table 10"
		# shellcheck disable=SC2086 # a list
		in_a ip link add up0 type "$kind" $options 2>/dev/null || continue
		tried=yes
		[ "$kind" = vrf ] || ip -n "$a" link set out0 down
		ip -n "$a" link set out0 master up0
		refused "belongs to up0 ($kind)" out0 "$rules"
		[ -z "$(attached)" ]
		ip -n "$a" link set out0 nomaster
		ip -n "$a" link del up0
	done
	[ -n "$tried" ] || skip "this kernel has neither bond nor VRF"
}

@test "a tun device has no Ethernet header: refused" {
	in_a ip tuntap add dev tun0 mode tun 2>/dev/null || skip "this kernel has no tun"
	ip -n "$a" link set tun0 up
	ban
	for mode in native generic; do
		refused "is no Ethernet interface" tun0 "$rules" --mode "$mode"
	done
	[ -z "$(attached tun0)" ]
}

@test "an ipvlan on top shares the MAC: refused, unless the operator vouches" {
	in_a ip link add iv0 link out0 type ipvlan 2>/dev/null || skip "this kernel has no ipvlan"
	ban
	refused "iv0 (ipvlan)" out0 "$rules"
	[ -z "$(attached)" ]
	in_a "$weir" attach out0 "$rules" --vouch upper
	[ -n "$(attached)" ]
}

@test "a macvlan on top is refused, and one that comes later is told by status" {
	in_a ip link add mv0 link out0 type macvlan 2>/dev/null || skip "this kernel has no macvlan"
	ban
	refused "mv0 (macvlan)" out0 "$rules"
	[ -z "$(attached)" ]
	in_a ip link del mv0
	in_a "$weir" attach out0 "$rules"
	in_a ip link add mv0 link out0 type macvlan
	run in_a "$weir" status
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"upper-device"* ]]
}

@test "on veth a VLAN tag is beside the frame, where XDP cannot see it: a VLAN device on top is refused" {
	in_a ip link add link out0 name out0.7 type vlan id 7 2>/dev/null || skip "this kernel has no VLAN devices"
	ban
	refused "the VLAN device out0.7 stands on top of out0" out0 "$rules"
	[ -z "$(attached)" ]
	ip -n "$a" link del out0.7
	in_a "$weir" attach out0 "$rules"
	in_a ip link add link out0 name out0.7 type vlan id 7
	run in_a "$weir" status
	[ "$status" -eq 1 ]
	[[ $output == *"vlan-offload"* ]]
}

@test "a tag in the frame: another VLAN's frames meet no rule, those of VLAN 0 do; all pass weir" {
	ban
	FRAMES=("src=198.51.100.7 vlan=7 n=3" "src=198.51.100.7 n=2")
	alone
	alone_is "$banned" 2
	weir_agrees
	early "$banned" 2
	# a priority tag is taken off (IEEE 802.1Q, VLAN 0)
	FRAMES=("src=198.51.100.7 vlan=0 n=3")
	alone
	alone_is "$banned" 3
	weir_agrees
	early "$banned" 0
}

@test "an nft chain at priority -400 rewrites before the rules read: refused" {
	command -v nft >/dev/null || skip "nft is not installed"
	load_rules <<-RULES
		$RAW
		-A PREROUTING -s 198.51.100.7/32 -p udp -m udp --dport 53 -j DROP
		-A PREROUTING -s 203.0.113.9/32 -p udp -m udp --dport 54 -j ACCEPT
		COMMIT
	RULES
	in_a nft 'add table ip edge; add chain ip edge early { type filter hook prerouting priority -400; }
		add rule ip edge early ip saddr 198.51.100.7 udp dport 53 ip saddr set 203.0.113.9 udp dport set 54' ||
		skip "nftables does not work here"
	FRAMES=("src=198.51.100.7 dport=53 n=4")
	alone
	# by its headers on the wire it is dropped, and it is accepted
	alone_is 'raw -A PREROUTING -s 198.51.100.7/32 -p udp -m udp --dport 53 -j DROP' 0
	alone_is 'raw -A PREROUTING -s 203.0.113.9/32 -p udp -m udp --dport 54 -j ACCEPT' 4
	refused "ip edge early" out0 "$rules"
	[ -z "$(attached)" ]
	# and when it comes later
	in_a nft 'delete table ip edge'
	in_a "$weir" attach out0 "$rules"
	in_a nft 'add table ip edge; add chain ip edge early { type filter hook prerouting priority -400; }'
	run in_a "$weir" status
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"earlier-hook"* ]]
}

@test "an nft chain behind raw matters to the tables behind it, not to raw" {
	command -v nft >/dev/null || skip "nft is not installed"
	in_a nft 'add table ip edge; add chain ip edge between { type filter hook prerouting priority -200; }' ||
		skip "nftables does not work here"
	ban
	in_a "$weir" attach out0 "$rules"
	in_a "$weir" detach out0
	load_rules <<-RULES
		$FILTER
		-A INPUT -s 198.51.100.7/32 -j DROP
		COMMIT
	RULES
	in_a iptables-legacy -t raw -F
	in_a iptables-legacy-save >"$rules"
	refused "ip edge between" out0 "$rules"
	[ -z "$(attached)" ]
}

@test "a packet socket sees what the rules drop and not what weir drops, but DHCP always" {
	load_rules <<-RULES
		$RAW
		-A PREROUTING -p udp -j DROP
		COMMIT
	RULES
	heard=$BATS_TEST_TMPDIR/heard
	for mode in none native generic; do
		expected=6
		[ "$mode" = none ] || expected=0
		in_a iptables-legacy-restore "$rules.given"
		helper "$a" "$heard.67" listen out0 67
		helper "$a" "$heard.68" listen out0 68
		helper "$a" "$heard.53" listen out0 53
		if [ "$mode" != none ]; then
			run in_a "$weir" attach out0 "$rules" --mode "$mode"
			echo "$output"
			[ "$status" -eq 0 ]
			[[ $output == *"packet socket"* ]]
		fi
		send "src=198.51.100.7 dport=67 n=4" "src=198.51.100.7 dport=68 n=5" "src=198.51.100.7 dport=53 n=6"
		# shellcheck disable=SC2086 # a list
		kill $helpers
		# shellcheck disable=SC2086
		wait $helpers || true
		helpers=
		[ "$(tail -n 1 "$heard.67")" -eq 4 ]
		[ "$(tail -n 1 "$heard.68")" -eq 5 ]
		[ "$(tail -n 1 "$heard.53")" -eq "$expected" ]
		# DHCP still meets the rules
		kernel_counts >"$BATS_TEST_TMPDIR/kernel"
		is kernel 'raw -A PREROUTING -p udp -j DROP' $((9 + expected))
		[ "$mode" = none ] || in_a "$weir" detach out0
	done
}

@test "XDP survives a new name and a move to another namespace: it goes on dropping, and status says stale" {
	ban
	in_a "$weir" attach out0 "$rules"
	id=$(attached)
	ip -n "$a" link set out0 down
	ip -n "$a" link set out0 name new0
	ip -n "$a" link set new0 up
	[ "$(attached new0)" = "$id" ]
	ip netns exec "$b" "$frames" send in0 "src=198.51.100.7 n=3"
	[ "$(in_a "$weir" counters new0 --json | jq '[.[] | select(.number == 2) | .packets] | add')" -eq 3 ]
	run in_a "$weir" status
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *renamed* ]]
	ip netns add "$c"
	ip -n "$a" link set new0 netns "$c"
	ip -n "$c" link set new0 up
	[ "$(ip netns exec "$c" ip -d link show dev new0 | sed -n 's/.*prog\/xdp.* id \([0-9]*\).*/\1/p')" = "$id" ]
	ip netns exec "$b" "$frames" send in0 "src=198.51.100.7 n=2"
	[ "$(ip netns exec "$c" "$weir" counters new0 --json | jq '[.[] | select(.number == 2) | .packets] | add')" -eq 5 ]
	run ip netns exec "$c" "$weir" status
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *moved* ]]
}
