#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Under load: a flood of SYNs, bans that are swapped while packets come, a thousand applies.

load parts

setup() { parts_setup; }
teardown() { parts_teardown; }

# flood FLOOD.PL'S ARGUMENTS: begins, as process $flooding, which says at its end how many it sent: in $dir/flood
flood() {
	ip netns exec "$client" perl "$BATS_TEST_DIRNAME/flood.pl" "$@" >"$dir/flood" 3>&- &
	flooding=$!
	started+=($!)
}
stop_flood() {
	kill "$flooding"
	wait "$flooding" || true
}

# clean_pages PORT COUNT: asks for so many pages, three a second, and says how many came, each within a second.
clean_pages() {
	local came=0
	for _ in $(seq "$2"); do
		if in_client curl -sf -o /dev/null --max-time 1 -H 'Connection: close' "http://192.0.2.1:$1/"; then
			came=$((came + 1))
		fi
		sleep 0.3
	done
	echo "$came"
}

@test "a flood of SYNs: without a limit clean clients lose their pages, with one they have them all" {
	programs nginx curl
	hosts
	# the host's own defence, which would hide what the limit does, is off; nobody is where the flood says it is from
	in_host sh -c 'echo 0 >/proc/sys/net/ipv4/tcp_syncookies; echo 8192 >/proc/sys/net/ipv4/tcp_max_syn_backlog
		echo 4096 >/proc/sys/net/core/somaxconn'
	ip -n "$host" route add 198.18.0.0/15 via 192.0.2.2
	for port in 80 81; do
		web_server "$host" "server { listen 192.0.2.1:$port backlog=4096; location / { return 200 'page\n'; } }"
	done
	policy <<-'END'
		allow tcp to self port 80, 81
		default drop
	END
	until_true 20 in_client curl -sf --max-time 2 http://192.0.2.1:80/
	until_true 20 in_client curl -sf --max-time 2 http://192.0.2.1:81/
	flood syn 192.0.2.1 80 5000 60 198.18.0.1 4
	sleep 3
	came=$(clean_pages 80 10)
	stop_flood
	echo "# without a limit: $came pages of 10" >&3
	[ "$came" -lt 5 ]
	applied_or_exported <<-'END'
		limit syn to 192.0.2.1 port 81 at 20/s burst 50 per source
		allow tcp to self port 80, 81
		default drop
	END
	watch flood ip saddr 198.18.0.0/15
	flood syn 192.0.2.1 81 5000 10 198.18.0.1 4
	sleep 3
	came=$(clean_pages 81 20)
	wait "$flooding"
	sent=$(cat "$dir/flood")
	arrived=$(watched wire flood)
	through=$(watched behind flood)
	echo "# with limit: $came pages of 20; $sent SYNs sent, $arrived arrived, $through got past the limit" >&3
	[ "$came" -eq 20 ]
	[ "$arrived" -gt 10000 ]
	# four sources, each with its burst and its rate
	[ "$through" -ge 200 ]
	[ "$through" -le $((4 * (50 + 20 * 11))) ]
}

@test "a flood of SYNs: with XDP in front of the limit it ends there, and clean clients have their pages" {
	programs nginx curl jq
	hosts
	ip -n "$host" route add 198.18.0.0/15 via 192.0.2.2
	web_server "$host" "server { listen 192.0.2.1:81; location / { return 200 'page\n'; } }"
	run policy <<-'END'
		interface public { out0 }
		limit syn to 192.0.2.1 port 81 at 20/s burst 50 per source
		allow tcp to self port 81
		default drop
	END
	echo "$output"
	[[ $output == *"out0: early drop attached"* ]]
	until_true 20 in_client curl -sf --max-time 2 http://192.0.2.1:81/
	flood syn 192.0.2.1 81 5000 8 198.18.0.1 4
	sleep 2
	came=$(clean_pages 81 15)
	wait "$flooding"
	sent=$(cat "$dir/flood")
	early=$(in_host "$weir" counters out0 --all --json | jq '[.. | objects | select((.text? // "") | contains("hashlimit")) | .packets] | add')
	behind=$(in_host nft list chain ip weir raw-PREROUTING | sed -n 's/.*limit rate over.* counter packets \([0-9]*\) .*/\1/p')
	echo "# $came pages of 15; of $sent SYNs $early ended in XDP, $behind at the rule behind it" >&3
	[ "$came" -eq 15 ]
	# XDP lets twice the rate and burst of four sources pass, the rule behind it half of that
	[ "$early" -ge $((sent - 4 * 2 * (50 + 20 * 10))) ]
	[ "$((sent - early - behind))" -ge 200 ]
	[ "$((sent - early - behind))" -le $((4 * (50 + 20 * 10))) ]
}

# cost NAME: of a packet in $dir/flood.pcap under the policy on standard input, nanoseconds of the whole receive path
cost() {
	cat >"$dir/$1.weir"
	"$weir" cost "$dir/$1.weir" --traffic "$dir/flood.pcap" --interface out0 --packets 4096 --json >"$dir/$1.json" 2>"$dir/$1.log" ||
		{ cat "$dir/$1.log" >&2; return 1; }
	jq '.traffic[0].rules.net | round' "$dir/$1.json"
}

@test "a flood of SYNs: what a packet costs with a limit and without" {
	programs tcpdump jq iptables-restore
	hosts
	start "$host" tcpdump -Z root -U -n -i out0 -c 2000 -w "$dir/flood.pcap" 'tcp[tcpflags] == tcp-syn'
	until_true 10 test -s "$dir/flood.pcap"
	flood syn 192.0.2.1 80 5000 1 198.18.0.1 4
	wait "$flooding"
	allowed=$(cost allowed <<-'END'
		allow tcp to self port 80
		default drop
	END
	)
	limited=$(cost limited <<-'END'
		limit syn to 192.0.2.1 port 80 at 20/s burst 50 per source
		allow tcp to self port 80
		default drop
	END
	)
	front=$(jq '.traffic[0].weir.net | round' "$dir/limited.json")
	echo "# a SYN costs $allowed ns where it is let in, $limited ns where the limit drops it in table raw, $front ns in XDP" >&3
	[ "$allowed" -gt 0 ]
	[ "$limited" -gt 0 ]
	[ "$front" -gt 0 ]
}

# ban_list FIRST: 100,000 addresses of 198.18.0.0/15, from the FIRST-th on
ban_list() {
	perl -e 'for my $i ($ARGV[0] .. $ARGV[0] + 99999) { printf "198.%d.%d.%d\n", 18 + ($i >> 16), ($i >> 8) & 255, $i & 255 }' "$1"
}

@test "100,000 bans are swapped under load: no clean question is lost, and no banned packet gets through" {
	programs unbound dnsperf
	hosts
	ip -n "$host" route add 198.18.0.0/15 via 192.0.2.2
	ban_list 0 >"$dir/banned.list"
	bans() {
		policy <<-'END'
			set banned { file "banned.list" }
			block from @banned
			stateless tcp, udp to self port 53
			default drop
		END
	}
	SECONDS=0
	bans
	echo "# 100,000 bans applied in $SECONDS s" >&3
	name_server
	# 198.18.200.1 is in both lists
	watch banned ip saddr 198.18.200.1
	flood udp 192.0.2.1 53 500 120 198.18.200.1 1
	ask 192.0.2.1 -c 10 -l 110 -Q 1000
	sleep 1
	for first in 31072 0 31072; do
		ban_list "$first" >"$dir/banned.list"
		SECONDS=0
		bans
		echo "# 62,144 of them swapped in $SECONDS s" >&3
	done
	answered now
	stop_flood
	echo "# $(asked sent) asked, $(asked completed) answered, $(asked lost) lost;" \
		"of $(watched wire banned) banned packets $(watched before banned) got past the bans" >&3
	[ "$(asked completed)" -gt 1000 ]
	[ "$(watched wire banned)" -gt 1000 ]
	[ "$(watched before banned)" -eq 0 ]
	in_host "$weir" set test banned 198.19.255.255 --state "$state"
	run ! in_host "$weir" set test banned 198.18.0.1 --state "$state"
}

# E2E_APPLIES: how many, a thousand
@test "a thousand applies while clean packets come: none is lost" {
	local times=${E2E_APPLIES:-1000}
	programs unbound dnsperf
	hosts
	# in turn: another port, another member, another default way out
	cat >"$dir/one.weir" <<-'END'
		set banned { 198.18.0.0/16; 198.19.0.1 }
		block from @banned
		stateless tcp, udp to self port 53
		allow tcp to self port 80
		default drop
	END
	cat >"$dir/two.weir" <<-'END'
		set banned { 198.18.0.0/16; 198.19.0.2; 198.19.0.3 }
		block from @banned
		allow tcp to self port 8080
		stateless tcp, udp to self port 53
		default drop
		default out accept
	END
	in_host "$weir" apply "$dir/one.weir" --state "$state" >/dev/null 2>&1
	name_server
	ask 192.0.2.1 -c 10 -l 1800 -Q 500
	sleep 0.5
	applies=0
	SECONDS=0
	while [ "$applies" -lt "$times" ]; do
		for policy in two one; do
			in_host "$weir" apply "$dir/$policy.weir" --state "$state" >"$dir/applied" 2>&1 || { cat "$dir/applied"; false; }
			grep -q '^Applied:' "$dir/applied"
			applies=$((applies + 1))
		done
	done
	took=$SECONDS
	answered now
	echo "# $applies applies in $took s; $(asked sent) asked, $(asked completed) answered, $(asked lost) lost" >&3
	[ "$(asked completed)" -gt "$times" ]
	[ "$(ls "$state/states" | wc -l)" -eq 5 ]
}
