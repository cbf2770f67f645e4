#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What policies mean, seen on the kernel, that nftables has other words for than iptables: the rules of $a are made by
# weir apply.

bats_require_minimum_version 1.5.0

load ../helper/policy

settings() {
	in_a cat /proc/sys/net/ipv4/tcp_syncookies /proc/sys/net/ipv4/tcp_timestamps \
		/proc/sys/net/netfilter/nf_conntrack_tcp_loose | tr '\n' ' '
}

@test "synproxy: what is above the limit is answered by cookies, both families; its settings have a way back" {
	hosts
	in_a sh -c 'echo 0 >/proc/sys/net/ipv4/tcp_syncookies; echo 0 >/proc/sys/net/ipv4/tcp_timestamps
		echo 1 >/proc/sys/net/netfilter/nf_conntrack_tcp_loose'
	apply_policy <<-'END'
		limit syn to self port 80 to 1/min burst 1 per source with synproxy
		allow tcp to self port 80
		default drop
	END
	[ "$(settings)" = "1 1 0 " ]
	serve 80
	for _ in {1..3}; do
		[ "$(page 192.0.2.1 80)" = page ]
		[ "$(page 2001:db8::1 80)" = page ]
	done
	# The second field of each line: answered by cookies, one line a CPU.
	answered=$(in_a awk 'NR > 1 { sum += ("0x" $2) + 0; if ($2 !~ /^0*$/) some = 1 } END { print some }' /proc/net/stat/synproxy)
	[ "$answered" = 1 ]
	in_a "$weir" rollback --state "$dir/state"
	[ "$(settings)" = "0 0 1 " ]
}

@test "synproxy of nftables is given what that of iptables takes: SYN alone, or ACK alone" {
	hosts
	needs filter INPUT -p tcp -j SYNPROXY
	cat >"$dir/rules.v4" <<-'END'
		*filter
		:INPUT DROP [0:0]
		-A INPUT -p tcp -m tcp --dport 80 -j SYNPROXY --mss 1460
		-A INPUT -p tcp -m tcp --dport 80 -m tcp --tcp-flags ALL NONE
		-A INPUT -p tcp -m tcp --dport 80 -m tcp --tcp-flags ALL SYN
		-A INPUT -p tcp -m tcp --dport 80 -m tcp --tcp-flags ALL ACK
		-A INPUT -p tcp -m tcp --dport 80 -m tcp --tcp-flags ALL PSH,ACK
		-A INPUT -p tcp -m tcp --dport 80 -m tcp --tcp-flags ALL SYN,ACK
		-A INPUT -p tcp -m tcp --dport 80 -m tcp --tcp-flags ALL FIN,ACK
		-A INPUT -p tcp -m tcp --dport 80 -m tcp --tcp-flags ALL RST,ACK
		-A INPUT -p tcp -m tcp --dport 80 -m tcp --tcp-flags ALL RST
		-A INPUT -p tcp -m tcp --dport 80 -m tcp --tcp-flags ALL SYN,FIN
		-A INPUT -p tcp -m tcp --dport 80 -m tcp --tcp-flags ALL SYN,URG
		COMMIT
	END
	send() {
		local flags
		for flags in 0x00 0x02 0x10 0x18 0x12 0x11 0x14 0x04 0x03 0x22; do
			in_b "$frames" send in0 "src=192.0.2.2 dst=192.0.2.1 proto=tcp sport=4000 dport=80 flags=$flags n=2"
		done
		sleep 0.2
	}
	in_a iptables-restore "$dir/rules.v4"
	send
	packets filter '--dport 80' >"$dir/iptables"
	in_a iptables -F && in_a iptables -P INPUT ACCEPT
	"$weir" print --format nft "$dir/rules.v4" >"$dir/rules.nft"
	in_a nft -f "$dir/rules.nft"
	run -0 "$weir" diff "$dir/rules.v4" "$dir/rules.nft"
	send
	in_a nft list chain ip weir filter-INPUT | sed -n 's/.*dport 80.* counter packets \([0-9]*\).*/\1/p' | tr '\n' ' ' >"$dir/nft"
	# $b resets each of four answers: those to SYN with ACK among them are none.
	[ "$(cat "$dir/iptables")" = "24 2 0 0 0 2 2 2 6 2 0 " ]
	[ "24 $(cat "$dir/nft")" = "$(cat "$dir/iptables")" ]
}

@test "syncookies: the limit holds, and the setting has a way back" {
	hosts
	in_a sh -c 'echo 0 >/proc/sys/net/ipv4/tcp_syncookies'
	apply_policy <<-'END'
		limit syn to self port 80 at 1/min burst 2 per source with syncookies
		stateless tcp to self port 80
		default drop
	END
	[ "$(in_a cat /proc/sys/net/ipv4/tcp_syncookies)" = 1 ]
	[ "$(tcp "$b" 192.0.2.1 80)" = refused ]
	[ "$(tcp "$b" 192.0.2.1 80)" = refused ]
	[ "$(tcp "$b" 192.0.2.1 80)" = silent ]
	in_a "$weir" rollback --state "$dir/state"
	[ "$(in_a cat /proc/sys/net/ipv4/tcp_syncookies)" = 0 ]
}

@test "limits for all sources together, and of odd rates, are applied" {
	hosts
	apply_policy <<-'END'
		limit syn to self port 80 at 7/min burst 3
		limit udp to self port 53 at 10000/s burst 2 per source/24,/48
		allow tcp to self port 80
		default drop
	END
	# Two sources share it, and each family has it for itself.
	in_b "$frames" send in0 "src=192.0.2.2 dst=192.0.2.1 proto=tcp sport=4000 dport=80 flags=2 n=2"
	in_b "$frames" send in0 "src=192.0.2.3 dst=192.0.2.1 proto=tcp sport=4000 dport=80 flags=2 n=5"
	[ "$(tcp "$b" 192.0.2.1 80)" = silent ]
	[ "$(tcp "$b" 2001:db8::1 80)" = refused ]
	in_a nft list set ip weir hashlimit-weir-limit-1 | grep -q '0.0.0.0 limit rate over 7/minute burst 3 packets'
	run -0 in_a "$weir" apply "$dir/test.weir" --state "$dir/state"
	[[ $output == *"Nothing to change"* ]]
}

# How many packets with these words $c has seen.
seen() { ip netns exec "$c" nft list chain ip seen every | sed -n "s/.*$1 counter packets \\([0-9]*\\).*/\\1/p"; }
receiver() {
	ip netns exec "$c" nft -f - <<-'END'
		table ip seen {
			chain every {
				type filter hook prerouting priority -300
				tcp dport 80 counter drop
				tcp sport 80 counter drop
				udp dport 7000 counter drop
			}
		}
	END
}

@test "mirror: each packet of both directions once; a part of them by chance" {
	hosts
	receiver
	apply_policy <<-'END'
		mirror tcp port 80 to 198.51.100.2 via far0 both directions
		mirror udp port 7000 to 198.51.100.2 via far0 sample 1/4
		allow tcp port 80
		default drop
	END
	[[ $applied == *"packets of IPv6 are not copied"* ]]
	[[ $applied == *"what is dropped early, by XDP, is not copied; the receiver must have ip_forward off"* ]]
	[ "$(tcp "$b" 192.0.2.1 80)" = refused ]
	in_b "$frames" send in0 "src=192.0.2.2 dst=192.0.2.1 proto=udp dport=7000 n=1000"
	for _ in {1..40}; do
		[ "$(seen 'sport 80')" = 1 ] && break
		sleep 0.05
	done
	[ "$(seen 'dport 80') $(seen 'sport 80')" = "1 1" ]
	sleep 0.2
	# 250, give or take ten times the standard deviation of 13.7
	[ "$(seen 'dport 7000')" -gt 113 ]
	[ "$(seen 'dport 7000')" -lt 387 ]
	# Nothing is said where nothing is changed.
	run -0 --separate-stderr in_a "$weir" apply "$dir/test.weir" --state "$dir/state"
	[[ $stderr != *"XDP"* ]]
}

@test "mirror: a receiver that is not on the link is refused, and so is a cut" {
	hosts
	ip -n "$a" route add default via 198.51.100.3
	ip -n "$a" route add 192.0.2.192/26 via 198.51.100.3
	refused() {
		echo "mirror tcp port 80 to $1 via far0${2:-}" >"$dir/test.weir"
		run -2 --separate-stderr in_a "$weir" apply "$dir/test.weir" --state "$dir/state"
		run -2 --separate-stderr in_a "$weir" apply "$dir/test.weir" --state "$dir/state" --dry-run
		[ -z "$(in_a nft list tables)" ]
	}
	refused 203.0.113.7
	[[ $stderr == *"test.weir:1:23: error[mirror-not-on-link]: 203.0.113.7 is not on the link of far0: it is behind a router"* ]]
	refused 192.0.2.2
	[[ $stderr == *"is behind a router"* ]]
	ip -n "$a" route add 203.0.113.64/26 nexthop via 198.51.100.2 dev far0 nexthop via 198.51.100.3 dev far0
	refused 203.0.113.70
	[[ $stderr == *"is behind a router"* ]]
	ip -n "$a" route del default
	refused 203.0.113.7
	[[ $stderr == *"is on no network of it"* ]]
	refused 198.51.100.1
	[[ $stderr == *"is this host itself"* ]]
	refused 2001:db8:9::9
	[[ $stderr == *"is on no network of it"* ]]
	refused 198.51.100.2 ' truncate 128'
	[[ $stderr == *"copies cannot be cut short"* ]]
	ip -n "$a" route add 203.0.113.7/32 nexthop dev far0 nexthop dev out0
	echo "mirror tcp port 80 to 203.0.113.7 via far0" >"$dir/test.weir"
	run -0 in_a "$weir" apply "$dir/test.weir" --state "$dir/state" --dry-run
	ip -n "$a" route del 203.0.113.7/32
	ip -n "$a" route add 203.0.113.7/32 dev far0
	run -0 in_a "$weir" apply "$dir/test.weir" --state "$dir/state"
}

# $c behind $b, whose way to it is narrow, though $c does not know: b routes, and says so to who sends too much.
narrow() {
	ip link add narrow0 netns "$b" type veth peer name wide0 netns "$c"
	ip -n "$b" addr add 203.0.113.1/24 dev narrow0
	ip -n "$c" addr add 203.0.113.2/24 dev wide0
	ip -n "$b" addr add 2001:db8:3::1/64 dev narrow0 nodad
	ip -n "$c" addr add 2001:db8:3::2/64 dev wide0 nodad
	ip -n "$b" link set narrow0 mtu 1300 up
	ip -n "$c" link set wide0 up
	in_b sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
	ip -n "$a" route add 203.0.113.0/24 via 192.0.2.2
	ip -n "$c" route add 192.0.2.0/24 via 203.0.113.1
	ip -n "$a" route add 2001:db8:3::/64 via 2001:db8::2
	ip -n "$c" route add 2001:db8::/64 via 2001:db8:3::1
}
# How many bytes $c is served.
served() {
	ip netns exec "$c" timeout 2 perl -MIO::Socket::IP -e '
		my $s = IO::Socket::IP->new(PeerHost => shift, PeerPort => 80, Timeout => 1) or die "none";
		$SIG{ALRM} = sub { print "$n\n"; exit };
		alarm 1;
		while (my $got = sysread $s, my $page, 65536) { $n += $got }
		print "$n\n"' "$1"
}

@test "stateless: path MTU is learnt by what routers say, of flows that nothing tracks; no other ICMP comes in" {
	hosts
	narrow
	policy_text='stateless tcp to self port 80
default drop'
	apply_policy <<<"$policy_text"
	ip netns exec "$a" timeout 60 perl -MSocket -MIO::Socket::IP -e '
		my $s = IO::Socket::IP->new(Listen => 5, LocalHost => "::", LocalPort => 80, V6Only => 0, ReuseAddr => 1) or die;
		while (my $c = $s->accept) { print $c "x" x 20000; close $c }' 3>&- &
	servers+=($!)
	sleep 0.3
	[ "$(served 192.0.2.1)" = 20000 ]
	for _ in {1..10}; do # neighbours of IPv6 take a moment to find each other
		got=$(served 2001:db8::1 2>/dev/null) && break
	done
	[ "$got" = 20000 ]
	ip -n "$a" route get 203.0.113.2 | grep -q 'mtu 1300'
	ip -n "$a" -6 route get 2001:db8:3::2 | grep -q 'mtu 1300'
	[ "$(tracked)" -eq 0 ]
	# Redirects, questions: none is let in.
	in_b "$frames" send in0 "src=192.0.2.2 dst=192.0.2.1 proto=icmp type=5" "src=192.0.2.2 dst=192.0.2.1 proto=icmp type=8" \
		"src=192.0.2.2 dst=192.0.2.1 proto=icmp type=13" "src=192.0.2.2 dst=192.0.2.1 proto=icmp type=3"
	in_b "$frames" send in0 "src=2001:db8::2 dst=2001:db8::1 proto=icmp6 type=128" "src=2001:db8::2 dst=2001:db8::1 proto=icmp6 type=137"
	sleep 0.2
	types=$(in_a sed -n 's/^IcmpMsg: [InOut]/&/p' /proc/net/snmp | head -n 1)
	[[ $types == *InType3* && $types != *InType5* && $types != *InType8* && $types != *InType13* ]]
	run ! in_a grep -Eq 'Icmp6InType(128|137)' /proc/net/snmp6
	# It is by these errors that it goes: without them the page stops where the way is narrow.
	in_a ip route flush cache
	apply_policy <<<"$policy_text without icmp-errors"
	[ "$(served 192.0.2.1)" != 20000 ]
}

@test "block out: what the host sends to them is dropped, and what it answers to a failsafe is not" {
	hosts
	apply_policy <<-'END'
		set banned { 192.0.2.0/24; 192.0.2.0/25 "within it"; 192.0.2.2; 192.0.2.0/24 "again"; except 192.0.2.3 }
		failsafe tcp 22 from 192.0.2.2
		block out to @banned
		default drop
	END
	in_b nft -f - <<-'END'
		table ip seen {
			chain every {
				type filter hook prerouting priority -300
				ip daddr 192.0.2.2 udp dport 7 counter
				ip daddr 192.0.2.3 udp dport 7 counter
			}
		}
	END
	run in_a bash -c 'echo question >/dev/udp/192.0.2.2/7'
	in_a bash -c 'echo question >/dev/udp/192.0.2.3/7'
	sleep 0.1
	in_b nft list chain ip seen every | grep -q 'daddr 192.0.2.2 .*counter packets 0'
	in_b nft list chain ip seen every | grep -q 'daddr 192.0.2.3 .*counter packets 1'
	[ "$(tcp "$b" 192.0.2.1 22)" = refused ]
}

@test "a member that covers a failsafe is refused: in the policy, a list file, a feed, and weir set add" {
	hosts
	echo 198.18.0.0/15 >"$dir/banned.list"
	echo 198.51.100.7 >"$dir/feed.txt"
	policy_text="failsafe tcp 22 from @admins
		set admins { 203.0.113.0/28; 2001:db8:5::/48 }
		set banned { file \"banned.list\"; feed f { url \"file://$dir/feed.txt\"; every 1h } }
		block from @banned"
	apply_policy <<<"$policy_text"
	refused='would ban whom the failsafe at .*test.weir:1 lets in: nothing was changed'
	for member in 203.0.113.9 203.0.0.0/8 203.0.113.15-203.0.113.20 2001:db8:5:1::7; do
		run -2 --separate-stderr in_a "$weir" set add banned $member 192.0.2.200 --state "$dir/state"
		[[ $stderr =~ $refused ]]
	done
	run -1 in_a "$weir" set test banned 192.0.2.200 --state "$dir/state"
	run -0 in_a "$weir" set add banned 203.0.113.16 192.0.2.200 --state "$dir/state"
	# Of other sets any may be members.
	run -0 in_a "$weir" set add admins 203.0.113.33 --state "$dir/state"
	echo 203.0.113.9 >>"$dir/feed.txt"
	run -1 --separate-stderr in_a "$weir" feed update "$dir/test.weir" --state "$dir/state"
	[[ $stderr == *"failsafe-banned"*"the last good copy stays"* || $stderr == *failsafe-banned* ]]
	echo 203.0.113.9 >>"$dir/banned.list"
	run -2 --separate-stderr in_a "$weir" apply "$dir/test.weir" --state "$dir/state"
	[[ $stderr == *"banned.list:2:1: error[failsafe-banned]: 203.0.113.9 is in banned"* ]]
}

@test "a policy of all kinds of statements is applied: other files than sets at hand, a feed never fetched" {
	hosts
	ip -n "$a" link set out0 down && ip -n "$a" link set out0 name eth0 && ip -n "$a" link set eth0 up
	ip -n "$a" link set far0 down && ip -n "$a" link set far0 name eth1 && ip -n "$a" link set eth1 up
	ip -n "$a" addr add 192.0.2.65/28 dev eth1
	# What weir drops early hangs on the addresses that there are: IPv6 takes its time over those of the link.
	for device in eth0 eth1; do
		for _ in {1..40}; do
			ip -n "$a" -6 addr show dev $device scope link -tentative | grep -q inet6 && break
			sleep 0.1
		done
	done
	cd "$dir"
	printf '192.0.2.10 . tcp 80\n192.0.2.10,tcp:443 # twice\n2001:db8::10 . tcp 443\n' >listeners.list
	printf '198.51.100.0/24\n198.18.0.0/15 ; all of it\n198.18.7.0/24\n203.0.113.5\n10.0.0.0/8\n' >banned.list
	apply_policy <<-END
		interface public { eth0 }
		set admins { 203.0.113.0/24 "office", 2001:db8:5::/48 "vpn" }
		set listeners : address . port { file "listeners.list"; 192.0.2.10 . tcp 443 "most things, HTTPS" }
		set banned : net { counters; file "banned.list"
		    feed drop { url "https://example.net/drop.json"; format spamhaus; every 12h; shrink at most 50% }
		    except @admins, private, self }
		failsafe tcp 22 from @admins
		block from @banned
		stateless tcp to @listeners
		stateless tcp, udp to self port 53
		allow tcp to self port 22 from @admins
		limit syn to @listeners to 50/s burst 200 per source/32,/64
		mirror tcp port 80 to 192.0.2.77 via eth1 both directions
		balance tcp to 192.0.2.10 port 25 round-robin { 192.0.2.21 port 2525 weight 2; 192.0.2.22 port 2525 } masquerade
		conntrack { max $(cat /proc/sys/net/netfilter/nf_conntrack_max); tcp-be-liberal; warn at 80% }
		default drop
	END
	# Admins are not banned, nor private addresses.
	run -0 in_a "$weir" set list banned --state "$dir/state"
	[[ $output == *198.18.0.0/15* && $output != *10.0.0.0* && $output != *203.0.113* ]]
	in_a nft -j list ruleset >"$dir/live.json"
	run -0 in_a "$weir" diff test.weir live.json
	[[ $output == *"Equal: all 19 chains"* ]]
	in_a "$weir" export test.weir --directory "$dir/out" 2>/dev/null
	run -0 in_a "$weir" diff test.weir "$dir/out"
	run -0 --separate-stderr in_a "$weir" apply "$dir/test.weir" --state "$dir/state"
	[[ $output == *"Nothing to change"* ]] || { echo "$output"; false; }
	in_a "$weir" rollback 0 --state "$dir/state"
	[ -z "$(in_a nft list tables)" ]
}

@test "the examples are applied, and the kernel, and what is exported, do what they say" {
	hosts
	for example in dns edge mail web; do
		run "$weir" check "$examples/$example.weir" --severity error
		[ "$status" -eq 0 ]
		in_a "$weir" apply "$examples/$example.weir" --state "$dir/state" >/dev/null
		in_a nft -j list ruleset >"$dir/live.json"
		run -0 in_a "$weir" diff "$examples/$example.weir" "$dir/live.json"
		"$weir" export "$examples/$example.weir" --directory "$dir/$example" 2>/dev/null
		run -0 "$weir" diff "$examples/$example.weir" "$dir/$example"
	done
}
