#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# How the kernel reads rules, where it is easy to believe otherwise. Each is held against what iptables-legacy counts:
# the engine (weir replay) and weir in front of the rules, both modes.

bats_require_minimum_version 1.5.0
load ../helper/facts

setup() { facts_setup; }
teardown() { facts_teardown; }

@test "ACCEPT ends one table only" {
	load_rules <<-RULES
		$RAW
		-A PREROUTING -s 198.51.100.7/32 -j ACCEPT
		-A PREROUTING -s 198.51.100.7/32 -j DROP
		COMMIT
		*mangle
		:PREROUTING ACCEPT [0:0]
		:INPUT ACCEPT [0:0]
		:FORWARD ACCEPT [0:0]
		:OUTPUT ACCEPT [0:0]
		:POSTROUTING ACCEPT [0:0]
		-A INPUT -s 198.51.100.7/32 -j ACCEPT
		COMMIT
		$FILTER
		-A INPUT -s 198.51.100.7/32 -j DROP
		COMMIT
	RULES
	FRAMES=("src=198.51.100.7 n=3" "src=203.0.113.9 n=2")
	all_agree
	alone_is 'raw -A PREROUTING -s 198.51.100.7/32 -j ACCEPT' 3
	alone_is 'raw -A PREROUTING -s 198.51.100.7/32 -j DROP' 0
	early 'filter -A INPUT -s 198.51.100.7/32 -j DROP' 3
	early 'mangle -A INPUT -s 198.51.100.7/32 -j ACCEPT' 3
}

@test "RETURN in a built-in chain meets the policy" {
	load_rules <<-RULES
		$RAW
		COMMIT
		*filter
		:INPUT DROP [0:0]
		:FORWARD DROP [0:0]
		:OUTPUT ACCEPT [0:0]
		-A INPUT -s 198.51.100.7/32 -j RETURN
		-A INPUT -j ACCEPT
		COMMIT
	RULES
	FRAMES=("src=198.51.100.7 n=3" "src=203.0.113.9 n=2")
	all_agree
	alone_is 'filter -P INPUT' 3
	early 'filter -P INPUT' 3
	early 'filter -A INPUT -j ACCEPT' 0
}

@test "RETURN after goto goes to the caller of the last jump" {
	load_rules <<-RULES
		$RAW
		COMMIT
		$FILTER
		:FIRST - [0:0]
		:SECOND - [0:0]
		:THIRD - [0:0]
		-A INPUT -j FIRST
		-A INPUT -s 198.51.100.7/32 -j DROP
		-A FIRST -g SECOND
		-A FIRST -s 198.51.100.0/24 -j ACCEPT
		-A SECOND -g THIRD
		-A SECOND -s 198.51.100.0/24 -j ACCEPT
		-A THIRD -s 198.51.100.7/32 -j RETURN
		-A THIRD -s 198.51.100.8/32 -j DROP
		COMMIT
	RULES
	FRAMES=("src=198.51.100.7 n=3" "src=198.51.100.8 n=2" "src=198.51.100.9")
	all_agree
	alone_is 'filter -A FIRST -s 198.51.100.0/24 -j ACCEPT' 0
	alone_is 'filter -A SECOND -s 198.51.100.0/24 -j ACCEPT' 0
	early 'filter -A INPUT -s 198.51.100.7/32 -j DROP' 3
	early 'filter -A THIRD -s 198.51.100.8/32 -j DROP' 2
	early 'filter -A SECOND -g THIRD' 5
}

@test "on later fragments ! --dport and ! --dports are false, as --dport is" {
	load_rules <<-RULES
		$RAW
		-A PREROUTING -s 203.0.113.9/32 -p udp -m udp ! --dport 53 -j DROP
		-A PREROUTING -s 203.0.113.9/32 -p udp -m multiport ! --dports 53,54 -j DROP
		-A PREROUTING -s 203.0.113.9/32 -p udp -m udp --dport 53 -j DROP
		COMMIT
	RULES
	FRAMES=("src=203.0.113.9 dport=99 fragment=later offset=4 payload=16 n=3" "src=203.0.113.9 dport=99 n=2")
	all_agree
	alone_is 'raw -A PREROUTING -s 203.0.113.9/32 -p udp -m udp ! --dport 53 -j DROP' 2
	alone_is 'raw -A PREROUTING -s 203.0.113.9/32 -p udp -m multiport ! --dports 53,54 -j DROP' 0
	alone_is 'raw -P PREROUTING' 3
	early 'raw -A PREROUTING -s 203.0.113.9/32 -p udp -m udp ! --dport 53 -j DROP' 2
}

@test "on later fragments ! --match-set of address and port is true" {
	command -v ipset >/dev/null || skip "ipset is not installed"
	in_a ipset create pairs hash:ip,port || skip "ipset does not work here"
	in_a ipset add pairs 203.0.113.9,udp:53
	sets=$BATS_TEST_TMPDIR/sets
	in_a ipset save >"$sets"
	load_rules <<-RULES
		$RAW
		-A PREROUTING -m set ! --match-set pairs src,dst -j DROP
		COMMIT
	RULES
	drop='raw -A PREROUTING -m set ! --match-set pairs src,dst -j DROP'
	FRAMES=("src=203.0.113.9 dport=53 fragment=later offset=4 payload=16 n=3" "src=203.0.113.9 dport=53 n=2"
		"src=198.51.100.7 dport=53")
	all_agree
	alone_is "$drop" 4
	# a part of a packet that may be in the set shares the fate of its first part
	early "$drop" 1
}

@test "with too few dimensions a set never matches, and its negation always does" {
	command -v ipset >/dev/null || skip "ipset is not installed"
	in_a ipset create pairs hash:ip,port || skip "ipset does not work here"
	in_a ipset add pairs 198.51.100.7,udp:53
	sets=$BATS_TEST_TMPDIR/sets
	in_a ipset save >"$sets"
	load_rules <<-RULES
		$RAW
		-A PREROUTING -m set --match-set pairs src -j ACCEPT
		-A PREROUTING -m set ! --match-set pairs src -j DROP
		COMMIT
	RULES
	FRAMES=("src=198.51.100.7 dport=53 n=3" "src=203.0.113.9 dport=53 n=2")
	all_agree
	alone_is 'raw -A PREROUTING -m set --match-set pairs src -j ACCEPT' 0
	early 'raw -A PREROUTING -m set ! --match-set pairs src -j DROP' 5
}

@test "tcp and udp hot-drop a header that is cut off, before the verdict of the rule" {
	load_rules <<-RULES
		$RAW
		-A PREROUTING -p tcp -m tcp --dport 80 -j ACCEPT
		-A PREROUTING -p udp -m udp --dport 80 -j ACCEPT
		-A PREROUTING -s 198.51.100.7/32 -p tcp -j DROP
		COMMIT
	RULES
	FRAMES=("src=203.0.113.9 proto=tcp dport=80 cut=3 n=3" "src=203.0.113.9 dport=80 cut=3 n=2"
		"src=198.51.100.7 proto=tcp dport=81 cut=3" "src=198.51.100.7 proto=tcp dport=81")
	all_agree
	alone_is 'raw -A PREROUTING -p tcp -m tcp --dport 80 -j ACCEPT' 0
	alone_is 'raw -A PREROUTING -p udp -m udp --dport 80 -j ACCEPT' 0
	alone_is 'raw -A PREROUTING -s 198.51.100.7/32 -p tcp -j DROP' 1
	alone_is 'raw -P PREROUTING' 0
	early 'raw -A PREROUTING -s 198.51.100.7/32 -p tcp -j DROP' 1
}

@test "tcp hot-drops a later fragment at offset 8, unasked" {
	load_rules <<-RULES
		$RAW
		-A PREROUTING -p tcp -m tcp --dport 80 -j ACCEPT
		COMMIT
	RULES
	FRAMES=("src=203.0.113.9 proto=tcp fragment=later offset=1 payload=16 n=3"
		"src=203.0.113.9 proto=tcp fragment=later offset=2 payload=16 n=2")
	all_agree
	alone_is 'raw -A PREROUTING -p tcp -m tcp --dport 80 -j ACCEPT' 0
	alone_is 'raw -P PREROUTING' 2
}

@test "IPv6: -p hot-drops a packet whose extension headers are cut off" {
	use_ipv6
	load_rules <<-RULES
		$RAW6
		-A PREROUTING -p udp -j ACCEPT
		-A PREROUTING -s 2001:db8:1::/48 -j DROP
		COMMIT
	RULES
	FRAMES=("src=2001:db8:1::7 dst=2001:db8:2::1 extensions=2 cut=8 n=3" "src=2001:db8:1::7 dst=2001:db8:2::1 n=2"
		"src=2001:db8:1::7 dst=2001:db8:2::1 proto=tcp n=4")
	all_agree
	alone_is 'raw -A PREROUTING -s 2001:db8:1::/48 -j DROP' 4
	early 'raw -A PREROUTING -s 2001:db8:1::/48 -j DROP' 4
}

@test "masks need not be contiguous" {
	load_rules <<-RULES
		$RAW
		-A PREROUTING -s 198.51.0.7/255.255.0.255 -j DROP
		-A PREROUTING ! -d 192.0.0.1/255.0.255.255 -j DROP
		COMMIT
	RULES
	FRAMES=("src=198.51.3.7 n=3" "src=198.51.100.7" "src=198.51.3.8 n=2")
	all_agree
	early 'raw -A PREROUTING -s 198.51.0.7/255.255.0.255 -j DROP' 4
	alone_is 'raw -A PREROUTING ! -d 192.0.0.1/255.0.255.255 -j DROP' 2
	early 'raw -A PREROUTING ! -d 192.0.0.1/255.0.255.255 -j DROP' 2
}

@test "where there is no output interface ! -o holds, and -o does not" {
	load_rules <<-RULES
		$RAW
		COMMIT
		$FILTER
		:BOTH - [0:0]
		-A INPUT -j BOTH
		-A FORWARD -j BOTH
		-A BOTH -o out0 -j ACCEPT
		-A BOTH -s 198.51.100.7/32 ! -o out0 -j DROP
		COMMIT
	RULES
	FRAMES=("src=198.51.100.7 n=3" "src=203.0.113.9 n=2")
	all_agree
	alone_is 'filter -A BOTH -o out0 -j ACCEPT' 0
	early 'filter -A BOTH -s 198.51.100.7/32 ! -o out0 -j DROP' 3
}

@test "interfaces: ! -i of another one holds, and a name with + is a prefix" {
	load_rules <<-RULES
		$RAW
		-A PREROUTING -i out+ -p udp -m udp --dport 53 -j DROP
		-A PREROUTING ! -i eth0 -p udp -m udp --dport 54 -j DROP
		-A PREROUTING ! -i out0 -p udp -m udp --dport 55 -j DROP
		COMMIT
	RULES
	FRAMES=("src=203.0.113.9 dport=53 n=3" "src=203.0.113.9 dport=54 n=2" "src=203.0.113.9 dport=55 n=4")
	all_agree
	early 'raw -A PREROUTING -i out+ -p udp -m udp --dport 53 -j DROP' 3
	early 'raw -A PREROUTING ! -i eth0 -p udp -m udp --dport 54 -j DROP' 2
	alone_is 'raw -A PREROUTING ! -i out0 -p udp -m udp --dport 55 -j DROP' 0
}

@test "the longest member of a set of networks decides, nomatch too" {
	command -v ipset >/dev/null || skip "ipset is not installed"
	in_a ipset create nets hash:net || skip "ipset does not work here"
	in_a ipset add nets 198.51.0.0/16
	in_a ipset add nets 198.51.100.0/24 nomatch
	in_a ipset add nets 198.51.100.7
	sets=$BATS_TEST_TMPDIR/sets
	in_a ipset save >"$sets"
	load_rules <<-RULES
		$RAW
		-A PREROUTING -m set --match-set nets src -j DROP
		COMMIT
	RULES
	FRAMES=("src=198.51.100.7 n=3" "src=198.51.100.8 n=2" "src=198.51.101.8 n=4")
	all_agree
	early 'raw -A PREROUTING -m set --match-set nets src -j DROP' 7
}

@test "options, extension headers and cut headers go to the kernel, which drops and counts them" {
	load_rules <<-RULES
		$RAW
		-A PREROUTING -s 198.51.100.7/32 -j DROP
		COMMIT
	RULES
	FRAMES=("src=198.51.100.7 options=1 n=3" "src=198.51.100.7 cut=3 n=2" "src=198.51.100.7")
	all_agree
	alone_is 'raw -A PREROUTING -s 198.51.100.7/32 -j DROP' 6
	is kernel 'raw -A PREROUTING -s 198.51.100.7/32 -j DROP' 5
}

@test "what is set aside by state passes: a tracked packet may be in any state" {
	for state in NEW ESTABLISHED RELATED INVALID; do
		load_rules <<-RULES
			$RAW
			COMMIT
			$FILTER
			-A INPUT -m conntrack --ctstate $state -j ACCEPT
			-A INPUT -p udp -j DROP
			COMMIT
		RULES
		in_a "$weir" attach out0 "$rules"
		send "src=198.51.100.7 n=3"
		weir_counts >"$BATS_TEST_TMPDIR/early"
		early 'filter -A INPUT -p udp -j DROP' 0
		in_a "$weir" detach out0
	done
}
