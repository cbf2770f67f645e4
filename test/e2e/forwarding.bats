#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Packets that go elsewhere: copies for a receiver, and connections that are shared among backends.

load parts

setup() { parts_setup; }
teardown() { parts_teardown; }

# What a capture has, a packet a line, without what a copy may lawfully have otherwise (when it came, hops to live).
packets_of() { tcpdump -nntS -r "$1" 2>/dev/null | sort; }

capturing() { [ -s "$1" ] && [ "$(stat -c %s "$1")" -ge 24 ]; }

# 20 pages of two connections each, and three that nobody answers
talk_for_mirror() {
	in_client curl -sf --max-time 20 -H 'Connection: close' 'http://192.0.2.1/?[1-20]' >"$dir/pages"
	[ "$(grep -c page "$dir/pages")" -eq 20 ]
	for port in 81 82 83; do
		in_client curl -s --max-time 1 "http://192.0.2.1:$port/" || true
	done
	sleep 0.5
}

# mirrors policy|exported: by which way the policy is put in force
mirrors() {
	programs nginx curl tcpdump
	hosts
	"$1" <<-'END'
		mirror tcp port 80 to 198.51.100.2 via far0 both directions
		allow tcp to self port 80
		default drop
	END
	web_server "$host" "server { listen 192.0.2.1:80; location / { return 200 'page\n'; } }"
	until_true 20 in_client curl -sf --max-time 2 http://192.0.2.1/
	sleep 0.5
	start "$client" tcpdump -Z root -U -n -i in0 -w "$dir/client.pcap" tcp
	start "$other" tcpdump -Z root -U -n -i end0 -w "$dir/receiver.pcap" ip
	until_true 10 capturing "$dir/client.pcap"
	until_true 10 capturing "$dir/receiver.pcap"
	sleep 0.3
	talk_for_mirror
	# What the client saw of port 80; what it sent to other ports is mirrored nowhere.
	packets_of "$dir/client.pcap" | grep -e '192\.0\.2\.1\.80[ :]' >"$dir/spoken"
	packets_of "$dir/receiver.pcap" >"$dir/mirrored"
	there=$(grep -c '> 192\.0\.2\.1\.80:' "$dir/spoken")
	back=$(grep -c 'IP 192\.0\.2\.1\.80 >' "$dir/spoken")
	echo "# the client saw $there packets there and $back back; the receiver $(wc -l <"$dir/mirrored")" >&3
	[ "$there" -ge 60 ]
	[ "$back" -ge 60 ]
	diff "$dir/spoken" "$dir/mirrored"
}

@test "mirror: tcpdump at the receiver sees each packet of both directions once, and nothing else" {
	mirrors policy
}

@test "mirror by the scripts of weir export: the same" {
	mirrors exported
}

# Two backends with a page each, in $other; new connections to 192.0.2.1:80 are shared by the policy on standard input.
backends() {
	in_host sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	web_server "$other" "server { listen 198.51.100.2:8080; location / { return 200 'one\n'; } }"
	web_server "$other" "server { listen 198.51.100.3:8080; location / { return 200 'two\n'; } }"
	for backend in 198.51.100.2 198.51.100.3; do
		until_true 20 in_other curl -sf --max-time 2 "http://$backend:8080/"
	done
}

# pages N: with a connection each
pages() {
	in_client curl -s --max-time 60 -H 'Connection: close' "http://192.0.2.1/?[1-$1]" >"$dir/pages"
	one=$(grep -c one "$dir/pages" || true)
	two=$(grep -c two "$dir/pages" || true)
	echo "# $1 connections: $one and $two" >&3
}

@test "balance: of 1,000 connections each nginx has 500, and by weight 2 to 1 they have 667 and 333" {
	programs nginx curl
	hosts
	backends
	policy <<-'END'
		balance tcp to 192.0.2.1 port 80 round-robin {
			198.51.100.2 port 8080
			198.51.100.3 port 8080
		} masquerade
		default drop
	END
	pages 1000
	[ "$one" -eq 500 ]
	[ "$two" -eq 500 ]
	policy <<-'END'
		balance tcp to 192.0.2.1 port 80 round-robin {
			198.51.100.2 port 8080 weight 2
			198.51.100.3 port 8080
		} masquerade
		default drop
	END
	pages 1000
	[ "$one" -eq 667 ]
	[ "$two" -eq 333 ]
}

@test "balance by source: each client stays with its backend" {
	programs nginx curl
	hosts
	backends
	policy <<-'END'
		balance tcp to 192.0.2.1 port 80 hash source {
			198.51.100.2 port 8080
			198.51.100.3 port 8080
		} masquerade
		default drop
	END
	for last in {2..33}; do
		[ "$last" -eq 2 ] || ip -n "$client" addr add "192.0.2.$last/24" dev in0
	done
	in_one=0
	for last in {2..33}; do
		in_client curl -s --max-time 20 --interface "192.0.2.$last" -H 'Connection: close' 'http://192.0.2.1/?[1-5]' \
			>"$dir/pages"
		[ "$(wc -l <"$dir/pages")" -eq 5 ]
		[ "$(sort -u "$dir/pages" | wc -l)" -eq 1 ]
		! grep -q one "$dir/pages" || in_one=$((in_one + 1))
	done
	echo "# of 32 clients the first nginx has $in_one" >&3
	[ "$in_one" -eq 16 ]
}

is_out() { ! in_host nft list chain ip weir nat-weir-balance-1 | grep -q "$1"; }
is_in() { ! is_out "$1"; }

@test "balance with checks: one nginx is killed: all go to the other, none fail after the check's interval; it comes back" {
	programs nginx curl
	hosts
	backends
	policy <<-'END'
		balance tcp to 192.0.2.1 port 80 round-robin {
			198.51.100.2 port 8080
			198.51.100.3 port 8080
		} masquerade check every 2s
		default drop
	END
	start "$host" "$weir" daemon --state "$state"
	sleep 3
	pages 100
	[ "$one" -eq 50 ]
	[ "$two" -eq 50 ]
	kill "${started[1]}"
	begun=${EPOCHREALTIME/./}
	until_true 5 is_out 198.51.100.3
	echo "# out after $(((${EPOCHREALTIME/./} - begun) / 1000)) ms" >&3
	pages 1000
	[ "$one" -eq 1000 ]
	web_server "$other" "server { listen 198.51.100.3:8080; location / { return 200 'two\n'; } }"
	until_true 5 is_in 198.51.100.3
	pages 100
	[ "$one" -eq 50 ]
	[ "$two" -eq 50 ]
	in_host "$weir" daemon status --state "$state"
}
