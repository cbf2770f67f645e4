#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What is unknown when a frame arrives, tried on the kernel: connection state, forwarding, NAT, what GRO and reassembly
# make of it, and matches whose mere evaluation has an effect. See doc/architecture.md, "Early drop".

bats_require_minimum_version 1.5.0
load ../helper/facts

setup() { facts_setup; }
teardown() { facts_teardown; }

fragments_held() { in_a sed -n 's/^FRAG: inuse \([0-9]*\).*/\1/p' /proc/net/sockstat; }
fragment_memory() { in_a sed -n 's/^FRAG: .*memory \([0-9]*\)/\1/p' /proc/net/sockstat; }

# --- connection state -----------------------------------------------------------------------------------------------

@test "CT --zone before NOTRACK leaves the packet tracked" {
	load_rules <<-RULES
		$RAW
		-A PREROUTING -s 198.51.100.7/32 -j CT --zone 5
		-A PREROUTING -p udp -j CT --notrack
		COMMIT
		$FILTER
		-A INPUT -m conntrack --ctstate UNTRACKED -j DROP
		-A INPUT -m conntrack --ctstate NEW -j ACCEPT
		COMMIT
	RULES
	FRAMES=("src=198.51.100.7 n=3" "src=203.0.113.9 n=2")
	REPLAY=(--state new)
	all_agree
	alone_is 'filter -A INPUT -m conntrack --ctstate UNTRACKED -j DROP' 2
	early 'filter -A INPUT -m conntrack --ctstate UNTRACKED -j DROP' 2
}

@test "the first CT wins, and both go on: NOTRACK before CT --zone leaves the packet untracked" {
	load_rules <<-RULES
		$RAW
		-A PREROUTING -p udp -j CT --notrack
		-A PREROUTING -s 198.51.100.7/32 -j CT --zone 5
		COMMIT
		$FILTER
		-A INPUT -m conntrack --ctstate UNTRACKED -j DROP
		-A INPUT -m conntrack --ctstate NEW -j ACCEPT
		COMMIT
	RULES
	FRAMES=("src=198.51.100.7 sport=40001 n=3" "src=203.0.113.9 sport=40001 n=2")
	REPLAY=(--state new)
	all_agree
	alone_is 'raw -A PREROUTING -s 198.51.100.7/32 -j CT --zone 5' 3
	alone_is 'filter -A INPUT -m conntrack --ctstate UNTRACKED -j DROP' 5
	# none is let through by mistake, even where CT --zone is not modelled
	early 'filter -A INPUT -m conntrack --ctstate NEW -j ACCEPT' 0
}

@test "untracked: --ctstate UNTRACKED with a wrong --ctorigdst matches, ! --ctorigdst alone does not" {
	load_rules <<-RULES
		$RAW
		-A PREROUTING -p udp -j CT --notrack
		COMMIT
		$FILTER
		-A INPUT -s 198.51.100.0/24 -m conntrack ! --ctorigdst 203.0.113.1 -j ACCEPT
		-A INPUT -s 198.51.100.7/32 -m conntrack --ctstate UNTRACKED --ctorigdst 203.0.113.1 -j ACCEPT
		-A INPUT -s 198.51.100.0/24 -j DROP
		COMMIT
	RULES
	FRAMES=("src=198.51.100.7 n=3" "src=198.51.100.8 n=2")
	all_agree
	alone_is 'filter -A INPUT -s 198.51.100.0/24 -m conntrack ! --ctorigdst 203.0.113.1 -j ACCEPT' 0
	alone_is 'filter -A INPUT -s 198.51.100.7/32 -m conntrack --ctstate UNTRACKED --ctorigdst 203.0.113.1 -j ACCEPT' 3
	alone_is 'filter -A INPUT -s 198.51.100.0/24 -j DROP' 2
	early 'filter -A INPUT -s 198.51.100.0/24 -j DROP' 2
}

@test "neighbour discovery is UNTRACKED, not NEW, although nothing says NOTRACK" {
	use_ipv6
	load_rules <<-RULES
		$RAW6
		COMMIT
		$FILTER
		-A INPUT -p ipv6-icmp -m conntrack --ctstate NEW -j DROP
		-A INPUT -p ipv6-icmp -m conntrack --ctstate UNTRACKED -j ACCEPT
		-A INPUT -p ipv6-icmp -j DROP
		COMMIT
	RULES
	FRAMES=("src=2001:db8:1::7 dst=2001:db8:2::1 proto=icmp6 type=136 payload=16 n=3"
		"src=2001:db8:1::7 dst=2001:db8:2::1 proto=icmp6 type=128 n=2")
	all_agree
	alone_is 'filter -A INPUT -p ipv6-icmp -m conntrack --ctstate NEW -j DROP' 2
	alone_is 'filter -A INPUT -p ipv6-icmp -m conntrack --ctstate UNTRACKED -j ACCEPT' 3
	early 'filter -A INPUT -p ipv6-icmp -j DROP' 0
	# in a table that drops what is not NEW, discovery is not dropped early as if it were
	load_rules <<-RULES
		$RAW6
		COMMIT
		$FILTER
		-A INPUT -p ipv6-icmp -m conntrack --ctstate NEW,ESTABLISHED,RELATED,INVALID -j DROP
		COMMIT
	RULES
	all_agree
	alone_is 'filter -P INPUT' 4
	early 'filter -A INPUT -p ipv6-icmp -m conntrack --ctstate NEW,ESTABLISHED,RELATED,INVALID -j DROP' 0
}

# --- forwarding -----------------------------------------------------------------------------------------------------

two_ways='
-A INPUT -s 198.51.100.7/32 -j DROP
-A INPUT -s 198.51.100.8/32 -j DROP
-A FORWARD -s 198.51.100.8/32 -j DROP'
to_both=("src=198.51.100.7 n=3" "src=198.51.100.7 dst=192.0.2.129 n=4" "src=198.51.100.8 dst=192.0.2.129 n=5")

@test "forwarding is the interface's own: where it is on, both ways must drop" {
	behind
	load_rules <<<"$RAW
COMMIT
$FILTER$two_ways
COMMIT"
	set_forwarding all 0
	set_forwarding out0 1
	[ "$(in_a cat /proc/sys/net/ipv4/ip_forward)" -eq 0 ]
	FRAMES=("${to_both[@]}")
	weir_agrees
	alone_is 'filter -P FORWARD' 4
	alone_is 'filter -A INPUT -s 198.51.100.7/32 -j DROP' 3
	# for an address of the host's own INPUT decides alone
	early 'filter -A INPUT -s 198.51.100.7/32 -j DROP' 3
	# for others it is not told here which of the two would have counted them, but both drop
	is kernel 'filter -A FORWARD -s 198.51.100.8/32 -j DROP' 0
	early 'raw -P PREROUTING' 8
}

@test "forwarding is the interface's own: where it is off, INPUT decides alone, whatever ip_forward says" {
	behind
	load_rules <<<"$RAW
COMMIT
$FILTER$two_ways
COMMIT"
	set_forwarding all 1
	set_forwarding out0 0
	[ "$(in_a cat /proc/sys/net/ipv4/ip_forward)" -eq 1 ]
	FRAMES=("${to_both[@]}")
	alone
	# nothing is forwarded
	alone_is 'filter -P FORWARD' 0
	alone_is 'filter -A FORWARD -s 198.51.100.8/32 -j DROP' 0
	in_a "$weir" attach out0 "$rules"
	send "${to_both[@]}"
	weir_counts >"$BATS_TEST_TMPDIR/early"
	# what is for elsewhere too: the routing would drop it
	early 'filter -A INPUT -s 198.51.100.7/32 -j DROP' 7
	set_forwarding out0 1
	run in_a "$weir" status
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *forwarding* ]]
}

@test "a multicast router on the interface counts as forwarding" {
	load_rules <<<"$RAW
COMMIT
$FILTER$two_ways
COMMIT"
	in_a "$weir" attach out0 "$rules"
	helper "$a" "$BATS_TEST_TMPDIR/mroute" mroute out0 || skip "this kernel has no multicast routing"
	[ "$(in_a cat /proc/sys/net/ipv4/conf/out0/mc_forwarding)" -eq 1 ]
	[ "$(in_a cat /proc/sys/net/ipv4/conf/out0/forwarding)" -eq 0 ]
	run in_a "$weir" status
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *forwarding* ]]
	# attached anew: FORWARD would let it through
	in_a "$weir" attach out0 "$rules"
	send "src=198.51.100.7 dst=233.252.0.9 n=3" "src=198.51.100.8 dst=233.252.0.9 n=2"
	weir_counts >"$BATS_TEST_TMPDIR/early"
	cat "$BATS_TEST_TMPDIR/early"
	early 'filter -A INPUT -s 198.51.100.7/32 -j DROP' 0
}

# --- NAT ------------------------------------------------------------------------------------------------------------

@test "behind a nat rule the destination is not known, the source is" {
	load_rules <<-RULES
		$RAW
		COMMIT
		*nat
		:PREROUTING ACCEPT [0:0]
		:INPUT ACCEPT [0:0]
		:OUTPUT ACCEPT [0:0]
		:POSTROUTING ACCEPT [0:0]
		-A PREROUTING -p udp -m udp --dport 80 -j REDIRECT --to-ports 8080
		COMMIT
		$FILTER
		-A INPUT -p udp -m udp --dport 8080 -j ACCEPT
		-A INPUT -s 198.51.100.7/32 -j DROP
		-A INPUT -p udp -m udp --dport 80 -j DROP
		COMMIT
	RULES
	accept='filter -A INPUT -p udp -m udp --dport 8080 -j ACCEPT'
	FRAMES=("src=203.0.113.9 sport=40001 dport=80 n=3" "src=198.51.100.7 sport=40002 dport=80 n=2"
		"src=198.51.100.7 sport=40003 proto=tcp dport=80 n=4")
	alone
	alone_is "$accept" 5
	alone_is 'filter -A INPUT -p udp -m udp --dport 80 -j DROP' 0
	alone_is 'filter -A INPUT -s 198.51.100.7/32 -j DROP' 4
	for mode in generic native; do
		# conntrack still knows the connections: their packets meet no rule of nat, but are rewritten
		in_a "$weir" attach out0 "$rules" --mode "$mode"
		send "${FRAMES[@]}"
		kernel_counts >"$BATS_TEST_TMPDIR/kernel"
		weir_counts >"$BATS_TEST_TMPDIR/early"
		early 'filter -A INPUT -p udp -m udp --dport 80 -j DROP' 0
		early 'filter -A INPUT -s 198.51.100.7/32 -j DROP' 4
		in_a "$weir" detach out0
	done
	is kernel "$accept" 15
}

@test "NAT by nftables is seen: what its rules may have rewritten is not dropped early" {
	command -v nft >/dev/null || skip "nft is not installed"
	in_a nft 'add table ip edge; add chain ip edge before { type nat hook prerouting priority dstnat; }
		add rule ip edge before udp dport 80 redirect to :8080' || skip "nftables has no NAT here"
	load_rules <<-RULES
		$RAW
		COMMIT
		$FILTER
		-A INPUT -p udp -m udp --dport 8080 -j ACCEPT
		-A INPUT -s 198.51.100.7/32 -p tcp -j DROP
		-A INPUT -p udp -m udp --dport 80 -j DROP
		COMMIT
	RULES
	FRAMES=("src=203.0.113.9 dport=80 n=3" "src=198.51.100.7 proto=tcp dport=81 n=2")
	# what else such a chain does is its owner's secret: it must be vouched for
	run in_a "$weir" attach out0 "$rules" --trust-files
	[ "$status" -eq 3 ]
	[[ $output == *"nft chain ip edge before"* ]]
	weir_agrees --vouch hooks
	alone_is 'filter -A INPUT -p udp -m udp --dport 8080 -j ACCEPT' 3
	early 'filter -A INPUT -s 198.51.100.7/32 -p tcp -j DROP' 2
	early 'filter -A INPUT -p udp -m udp --dport 80 -j DROP' 0
}

# --- what the host makes of frames before the rules -------------------------------------------------------------------

# Segments are held together for up to a moment, so that those of one send are merged.
hold_segments() {
	ip netns exec "$a" "$frames" offload out0 gro on || skip "no generic receive offload here"
	# from a peer that splits segments itself veth takes no part in it
	ip netns exec "$b" "$frames" offload in0 tso off
	in_a sh -c 'echo 50000000 >/sys/class/net/out0/gro_flush_timeout' || skip "the kernel cannot hold segments"
}

@test "GRO makes one packet of segments, with the last one's PSH: a segment without PSH is not known to have none" {
	load_rules <<-RULES
		$RAW
		-A PREROUTING -p tcp -m tcp ! --tcp-flags PSH PSH -m tcp --dport 80 -j DROP
		COMMIT
	RULES
	drop='raw -A PREROUTING -p tcp -m tcp ! --tcp-flags PSH PSH -m tcp --dport 80 -j DROP'
	segments=("src=198.51.100.7 proto=tcp dport=80 flags=0x10 payload=100 seq=1000 n=3"
		"src=198.51.100.7 proto=tcp dport=80 flags=0x18 payload=100 seq=1300 id=3")
	send "${segments[@]}"
	kernel_counts >"$BATS_TEST_TMPDIR/alone"
	alone_is "$drop" 3 # one by one, without GRO
	hold_segments
	merged=0
	for _ in {1..20}; do # in one tick of the clock, else they are not held together
		in_a iptables-legacy-restore "$rules.given"
		send "${segments[@]}"
		kernel_counts >"$BATS_TEST_TMPDIR/alone"
		[ "$(count alone "$drop")" -ne 0 ] || { merged=1; break; }
	done
	[ "$merged" -eq 1 ] # the rules let all of it through
	in_a "$weir" attach out0 "$rules" --mode native
	send "${segments[@]}" "src=198.51.100.7 proto=tcp dport=80 flags=0x02 n=2"
	weir_counts >"$BATS_TEST_TMPDIR/early"
	early "$drop" 2 # the SYNs, which nothing is merged with
}

@test "GRO changes the length: a match of the length is not known at arrival" {
	load_rules <<-RULES
		$RAW
		-A PREROUTING -p tcp -m length --length 0:200 -j DROP
		COMMIT
	RULES
	drop='raw -A PREROUTING -p tcp -m length --length 0:200 -j DROP'
	segments=("src=198.51.100.7 proto=tcp dport=80 flags=0x10 payload=100 seq=1000 n=4")
	hold_segments
	merged=0
	for _ in {1..20}; do
		in_a iptables-legacy-restore "$rules.given"
		send "${segments[@]}"
		kernel_counts >"$BATS_TEST_TMPDIR/alone"
		[ "$(count alone "$drop")" -ne 0 ] || { merged=1; break; }
	done
	[ "$merged" -eq 1 ]
	in_a "$weir" attach out0 "$rules" --mode native
	send "${segments[@]}"
	weir_counts >"$BATS_TEST_TMPDIR/early"
	early "$drop" 0
}

@test "all parts of a packet share its fate: 200 first parts dropped alone would fill the reassembly queues" {
	parts=()
	for ((id = 1; id <= 200; id++)); do
		parts+=("src=203.0.113.9 dport=53 fragment=first payload=16 id=$id"
			"src=203.0.113.9 fragment=later offset=3 last=1 payload=32 id=$id")
	done
	# INPUT sees packets put together
	load_rules <<-RULES
		$RAW
		COMMIT
		$FILTER
		-A INPUT -p udp -m udp --dport 53 -j DROP
		COMMIT
	RULES
	drop='filter -A INPUT -p udp -m udp --dport 53 -j DROP'
	FRAMES=("${parts[@]}")
	alone
	alone_is "$drop" 200
	weir_agrees
	early "$drop" 0
	[ "$(fragments_held)" -eq 0 ]
	# raw sees the parts: there it is the rules that drop first parts alone, and the others wait in vain
	load_rules <<-RULES
		$RAW
		-A PREROUTING -p udp -m udp --dport 53 -j DROP
		COMMIT
	RULES
	in_a iptables-legacy -F
	send "${parts[@]}"
	echo "$(fragments_held) queues, $(fragment_memory) bytes"
	[ "$(fragments_held)" -eq 200 ]
	[ "$(fragment_memory)" -gt 100000 ]
}

@test "with conntrack active parts are put together before raw, and weir leaves that as it is" {
	load_rules <<-RULES
		$RAW
		-A PREROUTING -s 198.51.100.7/32 -j DROP
		-A PREROUTING -p udp -m udp --dport 53 -j DROP
		COMMIT
		$FILTER
		-A INPUT -m conntrack --ctstate INVALID -j DROP
		COMMIT
	RULES
	drop='raw -A PREROUTING -p udp -m udp --dport 53 -j DROP'
	parts=()
	for ((id = 1; id <= 200; id++)); do
		parts+=("src=203.0.113.9 dport=53 fragment=first payload=16 id=$id"
			"src=203.0.113.9 fragment=later offset=3 last=1 payload=32 id=$id")
	done
	FRAMES=("${parts[@]}")
	alone
	alone_is "$drop" 200 # whole packets
	[ "$(fragments_held)" -eq 0 ]
	weir_agrees
	early "$drop" 0
	[ "$(fragments_held)" -eq 0 ]
	# of a banned source all parts go, first and later ones
	in_a "$weir" attach out0 "$rules"
	send "src=198.51.100.7 dport=99 fragment=first payload=16 id=1 n=20" \
		"src=198.51.100.7 fragment=later offset=3 last=1 payload=32 id=1 n=20"
	weir_counts >"$BATS_TEST_TMPDIR/early"
	early 'raw -A PREROUTING -s 198.51.100.7/32 -j DROP' 40
	[ "$(fragments_held)" -eq 0 ]
}

# --- effects --------------------------------------------------------------------------------------------------------

@test "a banned source drains a limit that others share: it is not dropped before the limit" {
	load_rules <<-RULES
		$RAW
		COMMIT
		$FILTER
		:GATE - [0:0]
		-A INPUT -p udp -m limit --limit 1/hour --limit-burst 3 -j GATE
		-A INPUT -p udp -j DROP
		-A GATE -s 198.51.100.7/32 -j DROP
		-A GATE -j ACCEPT
		COMMIT
	RULES
	# dropped both ways, and yet the next one sees the difference
	FRAMES=("src=198.51.100.7 n=3" "src=203.0.113.9")
	all_agree
	alone_is 'filter -A GATE -s 198.51.100.7/32 -j DROP' 3
	alone_is 'filter -A GATE -j ACCEPT' 0
	early 'filter -A GATE -s 198.51.100.7/32 -j DROP' 0
	early 'filter -A INPUT -p udp -j DROP' 0
}

@test "hashlimit, recent and quota are effects as limit is" {
	for match in "-m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 3 --hashlimit-name weir" \
		"-m recent --set --name weir --rsource" "-m quota --quota 84"; do
		in_a iptables-legacy -F
		load_rules <<-RULES || { echo "# this kernel lacks $match" >&3; continue; }
			$RAW
			COMMIT
			$FILTER
			-A INPUT -s 198.51.100.7/32 -p udp $match -j DROP
			-A INPUT -s 198.51.100.7/32 -j DROP
			-A INPUT -s 198.51.100.8/32 -j DROP
			COMMIT
		RULES
		tried=yes
		for mode in native generic; do
			in_a "$weir" attach out0 "$rules" --mode "$mode"
			send "src=198.51.100.7 n=3" "src=198.51.100.8 n=2"
			weir_counts >"$BATS_TEST_TMPDIR/early"
			early 'filter -A INPUT -s 198.51.100.7/32 -j DROP' 0
			early 'filter -A INPUT -s 198.51.100.8/32 -j DROP' 2
			in_a "$weir" detach out0
		done
	done
	[ -n "$tried" ] || skip "this kernel has none of them"
}

@test "LOG is an effect, unless the operator allows it: then it is counted too" {
	load_rules <<-RULES
		$RAW
		COMMIT
		$FILTER
		-A INPUT -s 198.51.100.7/32 -j LOG --log-prefix "weir "
		-A INPUT -s 198.51.100.7/32 -j DROP
		COMMIT
	RULES
	FRAMES=("src=198.51.100.7 n=3")
	all_agree
	early 'filter -A INPUT -s 198.51.100.7/32 -j DROP' 0
	weir_agrees --allow log
	early 'filter -A INPUT -s 198.51.100.7/32 -j DROP' 3
}

@test "a set with counters is an effect: what it counts stays the kernel's" {
	command -v ipset >/dev/null || skip "ipset is not installed"
	in_a ipset create bans hash:ip counters || skip "ipset does not work here"
	in_a ipset add bans 198.51.100.7
	load_rules <<-RULES
		$RAW
		-A PREROUTING -m set --match-set bans src -j DROP
		COMMIT
	RULES
	sets=$BATS_TEST_TMPDIR/sets
	in_a ipset save >"$sets"
	in_a "$weir" attach out0 "$rules" "$sets"
	send "src=198.51.100.7 n=3"
	[[ $(in_a ipset save bans) == *"add bans 198.51.100.7 packets 3 bytes 84"* ]]
	weir_counts >"$BATS_TEST_TMPDIR/early"
	early 'raw -A PREROUTING -m set --match-set bans src -j DROP' 0
}
