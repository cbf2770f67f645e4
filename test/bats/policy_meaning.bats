#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What policies mean, seen on the kernel: a host ($a) with the rules that a policy becomes, loaded by the scripts of weir
# export, and others ($b behind out0, $c behind far0) that talk to it. Nobody listens anywhere: what comes through is
# answered by a reset, and counted by the rules.

bats_require_minimum_version 1.5.0

load ../helper/policy

@test "stateless: served without a connection being tracked, both families and directions; own questions are tracked" {
	hosts
	needs raw PREROUTING -m addrtype --dst-type LOCAL -j CT --notrack
	policy <<-'END'
		stateless tcp, udp to self port 53
		default drop
	END
	[ "$(tcp "$b" 192.0.2.1 53)" = refused ]
	[ "$(tcp "$b" 2001:db8::1 53)" = refused ]
	udp "$b" 192.0.2.1 53
	# the host asks itself
	[ "$(tcp "$a" 127.0.0.1 53)" = refused ]
	[ "$(tracked)" -eq 0 ]
	[ "$(tcp "$b" 192.0.2.1 80)" = silent ]
	# the host asks others: tracked, and the answer comes in
	[ "$(tcp "$a" 192.0.2.2 53)" = refused ]
	udp "$a" 192.0.2.2 53
	[ "$(tracked)" -gt 0 ]
}

@test "stateless: ICMP errors about its packets come in" {
	hosts
	policy <<-'END'
		stateless udp to self port 53
		default drop
	END
	# An answer from port 53 to a port where nobody listens: the other side says so.
	in_b bash -c ': >/dev/udp/192.0.2.1/53' || true
	in_a perl -MIO::Socket::INET -e 'IO::Socket::INET->new(Proto => "udp", LocalAddr => "192.0.2.1", LocalPort => 53,
		PeerAddr => "192.0.2.2", PeerPort => 4000)->send("answer")'
	for _ in {1..20}; do
		[ "$(packets filter 'INPUT.*icmp-type 3 ')" != "0 " ] && break
		sleep 0.05
	done
	[ "$(packets filter 'INPUT.*icmp-type 3 ')" = "1 " ]
	[ "$(tracked)" -eq 0 ]
}

@test "failsafe comes before bans; bans stop everything else, and IPv6 neighbours are still found" {
	hosts
	policy <<-'END'
		set banned { 192.0.2.0/24; 2001:db8::/32; fe80::/10; except 192.0.2.2 }
		failsafe tcp port 22 from 192.0.2.2
		block from @banned
		block tcp from 192.0.2.2 port 80
		allow tcp to self port 80
		default drop
	END
	[ "$(tcp "$b" 192.0.2.1 22)" = refused ]
	[ "$(tcp "$b" 192.0.2.1 80)" = silent ]
	[ "$(tcp "$b" 2001:db8::1 80)" = silent ]
	ip -n "$b" neigh show 2001:db8::1 dev in0 | grep -q -e REACHABLE -e STALE -e DELAY
	tables=ip6tables
	[ "$(packets raw 'PREROUTING.*DROP')" != "0 " ]
	# what goes over lo is nobody's ban
	[ "$(tcp "$a" 192.0.2.1 80)" = refused ]
}

@test "block in both directions: nothing leaves to them either" {
	hosts
	policy <<-'END'
		set banned { 192.0.2.3 }
		block from @banned both directions
		default accept
	END
	[ "$(tcp "$a" 192.0.2.3 80)" = silent ]
	[ "$(tcp "$a" 192.0.2.2 80)" = refused ]
}

@test "limit: each source has its own burst" {
	hosts
	needs raw PREROUTING -m hashlimit --hashlimit-above 1/s --hashlimit-name weir-try -j DROP
	policy <<-'END'
		limit syn port 80 to 2/min burst 3 per source
		allow tcp port 80
		default drop
	END
	for i in 1 2 3; do
		[ "$(tcp "$b" 192.0.2.1 80)" = refused ]
	done
	[ "$(tcp "$b" 192.0.2.1 80)" = silent ]
	# another source has its own
	[ "$(tcp "$c" 198.51.100.1 80)" = refused ]
}

@test "balance: shares are exact, and go back the way they came" {
	hosts
	needs nat POSTROUTING -m statistic --mode nth --every 2 --packet 0 -j MASQUERADE
	in_a sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	policy <<-'END'
		balance tcp to 192.0.2.1 port 25 round-robin {
			198.51.100.2 port 2525 weight 2
			198.51.100.3 port 2525
		} masquerade
		default drop
	END
	for i in {1..8}; do
		[ "$(tcp "$b" 192.0.2.1 25)" = refused ]
	done
	# the host's own take their turns among them
	[ "$(tcp "$a" 192.0.2.1 25)" = refused ]
	[ "$(packets nat 'weir-balance-1 .*DNAT')" = "3 3 3 " ]
	[ "$(packets nat 'MASQUERADE')" = "6 3 " ]
}

@test "balance by source: a client stays with its backend" {
	hosts
	in_a sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	policy <<-'END'
		balance tcp to 192.0.2.1 port 25 hash source {
			198.51.100.2 port 2525
			198.51.100.3 port 2525
		} masquerade
		default drop
	END
	for i in {1..4}; do
		[ "$(tcp "$b" 192.0.2.1 25)" = refused ]
	done
	[ "$(packets nat 'weir-balance-1 .*DNAT' | tr ' ' '\n' | grep -c '^[1-9]')" -eq 1 ]
}

@test "mirror: the receiver sees each packet of both directions once, and no copy of a copy" {
	hosts
	needs mangle PREROUTING -j TEE --gateway 192.0.2.2
	policy <<-'END'
		mirror tcp port 80 to 198.51.100.2 via far0 both directions
		allow tcp port 80
		default drop
		default out drop
	END
	seen() { ip netns exec "$c" iptables-save -c -t raw | sed -n 's/^\[\([0-9]*\):.*--\([sd]port\).*/\2 \1/p' | tr '\n' ' '; }
	ip netns exec "$c" iptables-restore <<-'END'
		*raw
		:PREROUTING ACCEPT
		-A PREROUTING -p tcp --dport 80
		-A PREROUTING -p tcp --sport 80
		COMMIT
	END
	[ "$(tcp "$b" 192.0.2.1 80)" = refused ]
	sleep 0.2
	[ "$(seen)" = "dport 1 sport 1 " ]
	# A receiver that sends everything back: what it sends is not copied, but answered like any other packet.
	ip netns exec "$c" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	ip -n "$c" route add default via 198.51.100.1
	[ "$(tcp "$b" 192.0.2.1 80)" = refused ]
	sleep 0.2
	[ "$(seen)" = "dport 2 sport 3 " ]
}

@test "synproxy: what is above the limit is answered by cookies" {
	hosts
	needs filter INPUT -p tcp -m conntrack --ctstate INVALID -j SYNPROXY --sack-perm
	in_a sh -c 'echo 0 >/proc/sys/net/netfilter/nf_conntrack_tcp_loose; echo 1 >/proc/sys/net/ipv4/tcp_syncookies'
	policy <<-'END'
		limit syn port 80 to 1/min burst 1 per source with synproxy
		allow tcp port 80
		default drop
	END
	ip netns exec "$a" timeout 60 perl -MIO::Socket::INET -e '
		my $s = IO::Socket::INET->new(Listen => 5, LocalPort => 80, ReuseAddr => 1);
		while (my $c = $s->accept) { print $c "page\n"; close $c }' 3>&- &
	server=$!
	sleep 0.2
	for i in 1 2 3; do
		run -0 in_b timeout 3 bash -c 'read -r line </dev/tcp/192.0.2.1/80; echo $line'
		[ "$output" = page ] || { kill $server; in_a iptables-save -c; false; }
	done
	kill $server
	[ "$(packets filter SYNPROXY)" != "0 " ]
}

@test "export: loaded twice the same; sets are refreshed by swapping, and no rule is touched, under traffic" {
	hosts
	policy <<-'END'
		set banned { 203.0.113.0/24 "a comment,  of two blanks"; 198.18.0.0/15 }
		stateless tcp to self port 80
		block from @banned
		default drop
	END
	in_a iptables-save >"$dir/first"
	sets >"$dir/sets"
	grep -q 'comment "a comment,  of two blanks"' "$dir/sets"
	in_a sh "$dir/out/load.sh"
	diff <(grep -v '^[#:]' "$dir/first") <(in_a iptables-save | grep -v '^[#:]')
	diff "$dir/sets" <(sets)
	[ "$(tcp "$b" 192.0.2.1 80)" = refused ]
	before=$(packets filter 'dport 80')
	(for i in {1..15}; do in_a sh "$dir/out/refresh.sh" || exit 1; done) 3>&- &
	refreshing=$!
	lost=0
	while kill -0 $refreshing 2>/dev/null; do
		[ "$(tcp "$b" 192.0.2.1 80)" = refused ] || lost=$((lost + 1))
	done
	wait $refreshing
	[ "$lost" -eq 0 ]
	[ "$(packets filter 'dport 80')" != "$before" ] # counters went on
	diff "$dir/sets" <(sets)
	# another list of members
	grep -v 203.0.113 "$dir/out/ipsets" >"$dir/less"
	in_a sh "$dir/out/refresh.sh" "$dir/less"
	run ! in_a ipset test weir-banned-4 203.0.113.1
	run -0 "$weir" diff "$dir/test.weir" "$dir/out"
}

@test "what was loaded is what the policy says" {
	hosts
	for example in edge dns; do
		"$weir" export "$examples/$example.weir" --directory "$dir/$example"
		in_a sh "$dir/$example/load.sh"
		run -0 in_a "$weir" diff "$examples/$example.weir" --live
	done
}

@test "the examples say what those for iptables say" {
	run -0 "$weir" diff "$examples/edge" "$examples/edge.weir"
	run -0 "$weir" diff "$examples/dns" "$examples/dns.weir"
}
