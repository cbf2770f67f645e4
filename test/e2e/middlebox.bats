#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A firewall on the way that makes sequence numbers random and forgets the SACK option. To connection tracking such
# segments are out of the window: INVALID.

load parts

setup() {
	parts_setup
	outside=weir-e$$-outside
}
teardown() {
	parts_teardown
	ip netns del "$outside" 2>/dev/null || true
}

# $client becomes the middlebox: bare, between in0 and on0, behind which $outside has the client's address.
middlebox() {
	ip netns add "$outside"
	ip link add on0 netns "$client" type veth peer name end1 netns "$outside"
	ip netns exec "$outside" ethtool -K end1 rx off tx off sg off gso off gro off tso off >/dev/null 2>&1 || true
	ip -n "$client" addr flush dev in0
	ip -n "$client" link set on0 up
	ip -n "$outside" link set lo up
	ip -n "$outside" link set end1 up
	ip -n "$outside" addr add 192.0.2.2/24 dev end1
	start "$client" perl "$BATS_TEST_DIRNAME/middlebox.pl" in0 on0 1000000000 25
	web_server "$outside" "server { listen 192.0.2.2:80; location / { root $dir/put; dav_methods PUT; } }"
	mkdir -p "$dir/put"
	until_true 20 in_host curl -s -o /dev/null --max-time 2 http://192.0.2.2/
}

# upload NAME SECONDS: the host sends a file of 600 KB to the server outside.
upload() { in_host curl -sf -o /dev/null -w '%{time_total}' --max-time "$2" -T "$dir/file" "http://192.0.2.2/$1"; }

@test "segments out of the window are INVALID and dropped without tcp-be-liberal, and come through with it" {
	programs nginx curl
	hosts
	in_host nft add table inet weir-try
	in_host nft 'add chain inet weir-try c { type filter hook input priority 0; }'
	in_host nft 'add rule inet weir-try c tcp option sack exists' || skip "the kernel does not look for TCP options"
	in_host nft delete table inet weir-try
	policy <<-'END'
		default drop
	END
	watch sack tcp option sack exists
	watch invalid ct state invalid
	middlebox
	head -c 600000 /dev/urandom >"$dir/file"
	# What the server acknowledges is not heard: the host says the same again and again.
	run -28 upload strict 5
	sack=$(watched before sack) invalid=$(watched before invalid)
	echo "# strict: $sack segments with SACK came, $invalid INVALID; $(watched behind sack) got through;" \
		"the file had not come through after 5 s" >&3
	[ "$invalid" -ge 3 ]
	[ "$(watched behind invalid)" -eq 0 ]
	[ "$(watched behind sack)" -eq 0 ]
	in_host nft delete table inet watch
	policy <<-'END'
		conntrack { tcp-be-liberal }
		default drop
	END
	watch sack tcp option sack exists
	watch invalid ct state invalid
	liberal=$(upload liberal 60)
	cmp "$dir/file" "$dir/put/liberal"
	echo "# liberal: $(watched before sack) came with SACK, $(watched before invalid) INVALID;" \
		"$(watched behind sack) got through; $liberal s" >&3
	[ "$(watched before sack)" -gt 10 ]
	[ "$(watched behind sack)" -eq "$(watched before sack)" ]
	[ "$(watched before invalid)" -eq 0 ]
	# The way back of a setting.
	in_host "$weir" rollback --state "$state"
	[ "$(in_host cat /proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal)" -eq 0 ]
}
