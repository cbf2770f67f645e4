#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# HAProxy and a DNS server on stateless listeners: everything is answered and no connection is followed; and what a full
# table of connections does to the same host when it does follow them.

load parts

setup() { parts_setup; }
teardown() { parts_teardown; }

# HAProxy at port 80 of both families, before nginx, to which it speaks by a socket of the file system.
proxy() {
	web_server "$host" "server { listen unix:$dir/web; location / { return 200 'page\n'; } }"
	cat >"$dir/haproxy.cfg" <<-END
		global
			maxconn 2000
		defaults
			mode http
			timeout connect 5s
			timeout client 10s
			timeout server 10s
		frontend public
			bind 192.0.2.1:80
			bind [2001:db8::1]:80
			default_backend web
		backend web
			server nginx unix@$dir/web
	END
	start "$host" haproxy -db -f "$dir/haproxy.cfg"
	until_true 20 in_client curl -sf --max-time 2 http://192.0.2.1/
}

# 500 pages by IPv4 and 500 by IPv6, each with a connection of its own; prints the most connections that were followed
pages() {
	in_client curl -s --max-time 60 -H 'Connection: close' 'http://192.0.2.1/?[1-500]' 'http://[2001:db8::1]/?[1-500]' \
		>"$dir/pages" 3>&- &
	started+=($!)
	most_tracked $!
	wait $!
}

@test "HAProxy on stateless listeners: 1,000 pages of 1,000 are served, and no connection is ever followed" {
	programs haproxy nginx curl
	hosts
	policy <<-'END'
		interface public { out0 }
		set listeners : address . port {
			192.0.2.1 . tcp { 80, 443 } "web"
			2001:db8::1 . tcp { 80, 443 } "web"
		}
		stateless tcp to @listeners
		default drop
	END
	proxy
	most=$(pages)
	echo "# served $(grep -c '^page$' "$dir/pages") pages, followed at most $most connections" >&3
	[ "$(grep -c '^page$' "$dir/pages")" -eq 1000 ]
	[ "$most" -eq 0 ]
	# The same listeners, followed: that they are seen, were there any.
	policy <<-'END'
		allow tcp to self port 80, 443
		default drop
	END
	most=$(pages)
	echo "# with allow in place of stateless: at most $most" >&3
	[ "$(grep -c '^page$' "$dir/pages")" -eq 1000 ]
	[ "$most" -gt 0 ]
}

@test "a DNS server that is stateless: nothing lost under load by either family, over TCP too, and nothing followed" {
	programs unbound dnsperf
	hosts
	policy <<-'END'
		stateless tcp, udp to self port 53
		default drop
	END
	name_server
	for server in 192.0.2.1 2001:db8::1; do
		ask "$server" -c 20 -l 5 -Q 4000
		most=$(most_tracked "$asking")
		answered
		echo "# $server: $(asked sent) asked, $(asked completed) answered, $(asked lost) lost; at most $most followed" >&3
		[ "$(asked completed)" -gt 1000 ]
		[ "$most" -eq 0 ]
	done
	questions 192.0.2.1 -m tcp -c 20 -n 500
	[ "$(asked completed)" -eq 2000 ]
	[ "$(tracked)" -eq 0 ]
}

# Fills the table of connections of $host with such as last. Their number is the kernel's, and for the initial network
# namespace to set: it is small only where the policy could say so.
fill() {
	local most
	most=$(in_host cat /proc/sys/net/netfilter/nf_conntrack_max)
	[ "$most" -le 1100000 ] || skip "the kernel's table of connections is too large to be filled here: $most"
	perl -e 'for my $i (0 .. $ARGV[0]) { printf "-A -p tcp -s 10.%d.%d.%d -d 192.0.2.1 --sport %d --dport 80 -t 900 " .
		"--state ESTABLISHED -u SEEN_REPLY,ASSURED\n", 1 + ($i >> 16), ($i >> 8) & 255, $i & 255, 1024 + $i % 60000 }' \
		"$most" >"$dir/connections"
	# the last one finds no room
	run in_host conntrack --load-file "$dir/connections"
	[ "$(tracked)" -ge "$most" ]
}

@test "a table of connections that is full: a DNS server that follows them loses, a stateless one does not" {
	programs unbound dnsperf conntrack
	hosts
	policy <<-'END'
		allow tcp, udp to self port 53
		default drop
	END
	name_server
	# Where the namespace may have a limit of its own, the policy sets it.
	if policy <<-'END'
		allow tcp, udp to self port 53
		conntrack { max 1000 }
		default drop
	END
	then
		echo "# conntrack { max 1000 } was applied" >&3
	else
		echo "# nf_conntrack_max is not this namespace's to set: filled up to the kernel's" >&3
	fi
	fill
	run questions 192.0.2.1 -c 100 -n 25 -t 1
	echo "# followed, table full ($(tracked)): $(asked sent) asked, $(asked lost) lost" >&3
	[ "$status" -ne 0 ]
	[ "$(asked lost)" -gt 50 ]
	policy <<-'END'
		stateless tcp, udp to self port 53
		default drop
	END
	questions 192.0.2.1 -c 100 -n 500
	echo "# stateless, table as full ($(tracked)): $(asked sent) asked, $(asked lost) lost" >&3
	[ "$(asked completed)" -eq 2000 ]
}
