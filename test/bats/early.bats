#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# XDP that follows what is applied: weir apply, try, rollback and set with a policy that names a device, end to end. A
# veth pair between two network namespaces made here; packets are sent by bash itself (/dev/udp), from the address that
# the route names. The kernel's rules count what XDP lets through: so one can tell who dropped a packet.

bats_require_minimum_version 1.5.0

setup() {
	weir=${WEIR:-$BATS_TEST_DIRNAME/../../build/src/command/weir}
	a=weir-e$$-a
	b=weir-e$$-b
	dir=$BATS_TEST_TMPDIR
	state=$dir/state
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	command -v nft >/dev/null || skip "nft is not installed"
	unshare -n true 2>/dev/null || skip "network namespaces are not permitted"
	ip netns add "$a" && ip netns add "$b" || skip "named network namespaces are not permitted"
	ip link add out0 netns "$a" type veth peer name in0 netns "$b" || skip "veth is not available"
	ip -n "$a" link set out0 address 02:00:00:00:00:0a up
	ip -n "$a" link set lo up
	ip -n "$a" addr add 192.0.2.1/24 dev out0
	ip -n "$b" link set in0 up
	ip -n "$b" addr add 192.0.2.2/24 dev in0
	ip -n "$b" neigh add 192.0.2.1 lladdr 02:00:00:00:00:0a dev in0
	in_a nft list ruleset >/dev/null 2>&1 || skip "nft does not work here"
	# what an address needs to be one's own changes what may be dropped early: all of it is there now
	in_a sysctl -qw net.ipv6.conf.out0.disable_ipv6=1
	policy 198.51.100.0/24 >"$dir/one.weir"
	policy '198.51.100.0/24, 203.0.113.0/24' >"$dir/more.weir"
	policy 198.51.100.0/25 >"$dir/less.weir"
	policy '198.51.100.0/25, 203.0.113.0/24' >"$dir/other.weir"
}

teardown() {
	if [ -n "${clean:-}" ]; then kill "$clean" 2>/dev/null || true; fi
	if [ -n "${banned:-}" ]; then kill "$banned" 2>/dev/null || true; fi
	ip netns del "$a" 2>/dev/null || true
	ip netns del "$b" 2>/dev/null || true
}

in_a() { ip netns exec "$a" "$@"; }
w() { local command=$1; shift; in_a "$weir" "$command" "$@" --state "$state"; }

# policy BANNED [STATEMENT]: bans, and port 9 open.
policy() {
	cat <<-END
		interface wan { ${device:-out0}${off:+; xdp off} }
		set banned { $1 }
		set friends { 192.0.2.99 }
		block from @banned
		allow udp to self port 7 from @friends
		allow udp to self port 9
		${2:-}
		default drop
	END
}

# send SOURCE COUNT [PORT]: UDP packets of 30 bytes from that address.
send() {
	ip -n "$b" addr replace "$1/32" dev in0
	ip -n "$b" route replace 192.0.2.1/32 dev in0 src "$1"
	ip netns exec "$b" bash -c 'for ((i = 0; i < $2; i++)); do echo x >/dev/udp/192.0.2.1/$1; done' - "${3:-9}" "$2"
}

# Early drops of the ban, and packets that the kernel's rules for it and for port 9 saw.
early() { w_counters | awk '/weir-banned-4/ { n += $1 } END { print n + 0 }'; }
w_counters() { in_a "$weir" counters out0 --all 2>/dev/null; }
kernel() { in_a nft list table ip weir | grep -F -- "$1" | head -n 1 | sed -n 's/.*counter packets \([0-9]*\).*/\1/p'; }
late() { kernel 'saddr @weir-banned-4'; }
through() { kernel 'udp dport 9 '; }
attached() { in_a ip -d link show dev "${1:-out0}" | sed -n 's/.*prog\/xdp.* id \([0-9]*\).*/\1/p'; }

@test "an applied policy drops in XDP by itself; again, it changes nothing and keeps counters" {
	run -0 w apply "$dir/one.weir"
	echo "$output"
	[[ $output == *"out0: early drop attached: 1 of 4 rules and policies that drop, in native mode"* ]]
	send 198.51.100.7 5
	send 192.0.2.2 3
	[ "$(early)" -eq 5 ]
	[ "$(late)" -eq 0 ]
	[ "$(through)" -eq 3 ]
	first=$(attached)
	run -0 w apply "$dir/one.weir"
	[[ $output == *"Nothing to change"*"out0: early drop stays as it is"* ]]
	[ "$(attached)" -eq "$first" ]
	[ "$(early)" -eq 5 ]
	run -0 in_a "$weir" status
	[[ $output == *"one.weir (applied)"* ]]
	[[ $output != *STALE* ]]
	# taken away with what it is of
	w rollback
	[ -z "$(attached)" ]
}

@test "a dry run says what would be attached, and does not; so does JSON, for each device" {
	run -0 w apply "$dir/one.weir" --dry-run
	[[ $output == *"out0: early drop would be attached"* ]]
	[ -z "$(attached)" ]
	run -0 w apply "$dir/one.weir" --json
	[ "$(jq -r '.early[] | "\(.interface) \(.early)"' <<<"$output")" = "out0 attached" ]
	run -0 w apply "$dir/one.weir" --dry-run --json
	[ "$(jq -r '.early[] | "\(.interface) \(.early)"' <<<"$output")" = "out0 would keep" ]
}

@test "xdp off, a device that is not there, and rules that are no policy: nothing is attached, and it is said" {
	off=1 policy 198.51.100.0/24 >"$dir/off.weir"
	run -0 w apply "$dir/off.weir"
	[[ $output != *no-effect-yet* ]]
	[ -z "$(attached)" ]
	device='wlan9, out*' policy 198.51.100.0/24 >"$dir/named.weir"
	run -0 w apply "$dir/named.weir"
	[[ $output == *"wlan9: no early drop: there is no such device now"* ]]
	[ -n "$(attached)" ]
	# a device that comes later is attached by the next apply
	in_a ip link add wlan9 type veth peer name wlan10
	in_a ip link set wlan9 up
	run -0 w apply "$dir/named.weir"
	[[ $output == *"Nothing to change"*"wlan9: early drop attached"* ]]
	# from a policy with devices to one without
	w apply "$dir/off.weir"
	[ -z "$(attached)" ]
	[ -z "$(attached wlan9)" ]
	printf '%s\n' '*raw' ':PREROUTING ACCEPT [0:0]' '-A PREROUTING -s 198.51.100.0/24 -j DROP' COMMIT >"$dir/rules.v4"
	run -0 w apply "$dir/rules.v4"
	[ -z "$(attached)" ]
}

@test "changes that tighten, loosen or do both: members and rules, counters stay" {
	w apply "$dir/one.weir"
	send 198.51.100.7 5
	for next in more less other one; do
		run -0 w apply "$dir/$next.weir"
		echo "$output"
		[[ $output == *"out0: early drop attached anew"* ]]
		[ "$(early)" -eq 5 ]
		run -0 in_a "$weir" status
		[[ $output != *STALE* ]]
	done
	policy 198.51.100.0/24 'deny udp to self port 10' >"$dir/rule.weir"
	w apply "$dir/rule.weir"
	[ "$(early)" -eq 5 ]
	send 198.51.100.7 2
	[ "$(early)" -eq 7 ]
	[ "$(late)" -eq 0 ]
	# 203.0.113.7 is banned in some of them, and let through in the others
	send 203.0.113.7 2
	[ "$(through)" -eq 2 ]
	w apply "$dir/other.weir"
	send 203.0.113.7 4
	[ "$(early)" -eq 11 ]
	send 198.51.100.200 3
	[ "$(early)" -eq 11 ]
}

@test "with traffic on the way: no clean packet is lost, and none that is banned in both gets through" {
	w apply "$dir/one.weir"
	ip -n "$b" addr add 198.51.100.7/32 dev in0
	# what nobody listens for is answered by ICMP errors, and a write that gets one of these sends nothing
	ip netns exec "$b" bash -c 'trap "exit" TERM; n=0; exec 3>/dev/udp/192.0.2.1/9; while :; do echo x >&3 && n=$((n + 1)) && echo $n >'"$dir/sent"'; done' 2>/dev/null &
	clean=$!
	for round in 1 2 3; do
		for next in more less other one; do
			w apply "$dir/$next.weir" >/dev/null
		done
		w set add banned 203.0.113.7 >/dev/null
		w set del banned 203.0.113.7 >/dev/null
	done
	kill "$clean"
	wait "$clean" || true
	clean=
	sent=$(cat "$dir/sent")
	[ "$sent" -gt 100 ]
	# the one that was being sent when it was killed may not have been written down
	got=$(through)
	echo "sent $sent, let through $got"
	[ "$got" -ge "$sent" ]
	[ "$got" -le $((sent + 1)) ]
	ip -n "$b" route replace 192.0.2.1/32 dev in0 src 198.51.100.7
	ip netns exec "$b" bash -c 'exec 3>/dev/udp/192.0.2.1/9; while :; do echo x >&3; done' 2>/dev/null &
	banned=$!
	for next in more less other one; do
		w apply "$dir/$next.weir" >/dev/null
	done
	kill "$banned"
	wait "$banned" || true
	banned=
	[ "$(through)" -eq "$got" ]
	[ "$(early)" -gt 0 ]
}

@test "try gives XDP back when nobody confirms, and keeps it when somebody does" {
	w apply "$dir/one.weir"
	run -0 w try "$dir/other.weir" --timeout 1s
	[[ $output == *"out0: early drop attached anew"* ]]
	send 203.0.113.7 2
	[ "$(early)" -eq 2 ]
	for ((i = 0; i < 50; i++)); do
		[ -e "$state/pending" ] || break
		sleep 0.1
	done
	run -0 w rollback --list
	[[ $output == "*     1 "* ]]
	for ((i = 0; i < 50; i++)); do
		run in_a "$weir" status
		[[ $output != *"one.weir (applied)"* ]] || break
		sleep 0.1
	done
	[[ $output == *"one.weir (applied)"* ]]
	send 203.0.113.7 3
	[ "$(through)" -eq 3 ]
	send 198.51.100.200 3
	[ "$(early)" -ge 3 ]
	w try "$dir/other.weir" --timeout 60s
	during=$(attached)
	w confirm
	[ "$(attached)" -eq "$during" ]
	# and a trial that is ended
	w try "$dir/one.weir" --timeout 60s
	run -0 w rollback --dry-run
	[[ $output == *"To state 2."* ]]
	run -0 w rollback
	[[ $output == *"out0: early drop attached anew"* ]]
	send 203.0.113.7 2
	[ "$(through)" -eq 3 ]
	run -0 in_a "$weir" status
	[[ $output == *"other.weir (applied)"* ]]
	[[ $output != *STALE* ]]
}

@test "set add, del and flush: XDP follows, whether that tightens or loosens" {
	w apply "$dir/one.weir"
	w set add banned 203.0.113.7
	send 203.0.113.7 3
	[ "$(early)" -eq 3 ]
	send 192.0.2.99 2 7
	[ "$(kernel 'udp dport 7')" -eq 2 ]
	# a member that lets more through: XDP must have let go of it
	w set add friends 203.0.113.9
	send 203.0.113.9 2 7
	[ "$(kernel 'udp dport 7')" -eq 4 ]
	w set del friends 203.0.113.9
	w set del banned 203.0.113.7 198.51.100.0/25
	send 203.0.113.7 2
	send 198.51.100.7 2
	[ "$(through)" -eq 4 ]
	send 198.51.100.200 2
	[ "$(early)" -eq 5 ]
	w set flush banned
	send 198.51.100.200 2
	[ "$(through)" -eq 6 ]
	run -0 in_a "$weir" status
	[[ $output != *STALE* ]]
	# the policy's own again
	run -0 w apply "$dir/one.weir"
	send 198.51.100.200 2
	[ "$(through)" -eq 6 ]
}

@test "tables that others changed are noticed, and the next weir takes away what they no longer drop" {
	w apply "$dir/one.weir"
	in_a nft flush table ip weir
	run -1 in_a "$weir" status
	[[ $output == *rules-changed* ]]
	w apply "$dir/one.weir"
	[ -n "$(attached)" ]
	in_a nft insert rule ip weir raw-PREROUTING ip saddr 198.51.100.7 accept
	# nothing of a set is changed by this, but what is attached is known not to hold
	run -0 w set add banned 203.0.113.7
	[[ $output == *"out0: nothing is dropped early there"* ]]
	[ -z "$(attached)" ]
	send 198.51.100.7 2
	[ "$(through)" -eq 2 ]
}

@test "sources that packets put into the set of a limit are no change of the rules" {
	policy 198.51.100.0/24 'limit udp to self port 9 to 50/s burst 20 per source/32,/64' >"$dir/limit.weir"
	w apply "$dir/limit.weir"
	send 192.0.2.2 2
	[[ $(in_a nft list set ip weir hashlimit-weir-limit-1) == *192.0.2.2* ]]
	run -0 in_a "$weir" status
	[[ $output != *STALE* ]]
	first=$(attached)
	run -0 w apply "$dir/limit.weir"
	[[ $output == *"out0: early drop stays as it is"* ]]
	[ "$(attached)" -eq "$first" ]
}

@test "sources that a limit knows come back with it, and are limited, not dropped" {
	policy 198.51.100.0/24 'limit udp to self port 9 to 50/s burst 20 per source/32,/64' >"$dir/limit.weir"
	w apply "$dir/limit.weir"
	send 192.0.2.2 2
	w apply "$dir/one.weir"
	w rollback
	[[ $(in_a nft list set ip weir hashlimit-weir-limit-1) == *"192.0.2.2 limit rate over 50/second burst 20 packets"* ]]
	before=$(kernel 'udp dport 9 counter')
	send 192.0.2.2 2
	[ "$(kernel 'udp dport 9 counter')" -eq $((before + 2)) ]
}

@test "a member that others gave a limit of its own is not the policy's" {
	w apply "$dir/one.weir"
	# nft(8) itself takes this only of sets that were declared so
	command -v perl >/dev/null || skip "perl is not installed"
	in_a perl -MSocket -e '
		sub attribute { my ($type, $data) = @_; pack("SS", 4 + length $data, $type) . $data . "\0" x (-length($data) % 4) }
		sub nest { my $type = shift; attribute($type | 0x8000, join "", @_) }
		sub message { my ($type, $flags, $number, $family, $resource, $data) = @_;
			pack("LSSLLCCn", 20 + length $data, $type, $flags, $number, 0, $family, 0, $resource) . $data }
		my $limit = nest(7, attribute(1, "limit\0"), nest(2, attribute(1, pack "Q>", 1000), attribute(2, pack "Q>", 1),
			attribute(3, pack "N", 5), attribute(4, pack "N", 0), attribute(5, pack "N", 1)));
		my $set = attribute(1, "weir\0") . attribute(2, "weir-banned-4\0");
		my ($low, $high) = map { nest(1, attribute(1, inet_aton($_))) } "198.51.100.0", "198.51.101.0";
		my $end = nest(1, $high, attribute(3, pack "N", 1));
		socket(my $socket, 16, SOCK_RAW, 12) or die;
		send($socket, message(0x10, 1, 0, 0, 10, "") . message(0xa0e, 5, 1, 2, 0, $set . nest(3, nest(1, $low), $end)) .
			message(0xa0c, 0x405, 2, 2, 0, $set . nest(3, nest(1, $low, $limit), $end)) . message(0x11, 1, 3, 0, 10, ""),
			0, pack("SSLL", 16, 0, 0, 0)) or die;'
	[[ $(in_a nft list set ip weir weir-banned-4) == *"198.51.100.0/24 limit rate over 1000/second"* ]] ||
		skip "the kernel does not take such a member"
	run -1 in_a "$weir" status
	[[ $output == *rules-changed* ]]
	run -0 w apply "$dir/one.weir"
	[[ $output != *"Nothing to change"* ]]
	run ! grep -q 'limit rate' <(in_a nft list set ip weir weir-banned-4)
}

@test "rules of others in front that may do anything: not attached, and said; empty ones are no matter" {
	in_a nft add table ip edge
	in_a nft add chain ip edge early '{ type filter hook prerouting priority -400; }'
	run -0 w apply "$dir/one.weir"
	[[ $output == *"out0: early drop attached"* ]]
	w rollback 0
	in_a nft add rule ip edge early counter
	run -0 w apply "$dir/one.weir"
	[[ $output == *"out0: no early drop: nft chain ip edge early runs at PREROUTING of IPv4"* ]]
	[ -z "$(attached)" ]
	in_a nft delete table ip edge
	if command -v iptables-legacy >/dev/null && in_a iptables-legacy -t raw -A PREROUTING -s 203.0.113.1 -j ACCEPT; then
		run -0 w apply "$dir/one.weir"
		[[ $output == *"out0: no early drop: "*"[earlier-hook]"* ]]
		in_a iptables-legacy -t raw -F
	fi
	run -0 w apply "$dir/one.weir"
	[[ $output == *"out0: early drop attached"* ]]
	# they come later
	in_a nft add table inet late
	in_a nft add chain inet late early '{ type filter hook prerouting priority -400; }'
	in_a nft add rule inet late early counter
	run -1 in_a "$weir" status
	[[ $output == *earlier-hook* ]]
	run -0 w apply "$dir/one.weir"
	[ -z "$(attached)" ]
}

@test "weir attach beside applied tables needs no word of trust; what it attached gives way to other rules" {
	off=1 policy 198.51.100.0/24 >"$dir/off.weir"
	w apply "$dir/off.weir"
	run -0 w attach out0 "$dir/off.weir"
	[[ $output == *"attached in native mode"* ]]
	run -0 in_a "$weir" status
	[[ $output == *"(applied; attached by hand)"* ]]
	send 198.51.100.7 2
	[ "$(early)" -eq 2 ]
	off=1 policy 203.0.113.0/24 >"$dir/off.weir"
	w apply "$dir/off.weir"
	send 198.51.100.7 2
	[ "$(through)" -eq 2 ]
	# other rules than those that are applied
	run -3 w attach out0 "$dir/one.weir"
	in_a "$weir" detach --all || true
	[[ $output == *"differ from the live rules"* ]]
	w attach out0 "$dir/one.weir" --trust-files --vouch hooks
	run -3 w apply "$dir/off.weir"
	[[ $output == *"weir detach out0 first"* ]]
	in_a "$weir" detach out0
	# during a trial nothing is attached
	w try "$dir/one.weir" --timeout 60s
	run -3 w attach out0 "$dir/one.weir"
	[[ $output == *"a trial is running"* ]]
	w rollback
}

@test "killed at any call of bpf(2), or as files are written: XDP drops nothing that the rules let through" {
	kill_at=$BATS_TEST_TMPDIR/kill_at
	cc -o "$kill_at" "$BATS_TEST_DIRNAME/../helper/kill_at.c" || skip "needs a C compiler"
	for calls in '' files; do
		step=${WEIR_EARLY_STEP:-67} # each of them takes a second
		killed=0
		for ((call = 1 + RANDOM % step; call < 10000; call += step)); do
			w apply "$dir/one.weir" >/dev/null 2>&1
			code=0
			in_a "$kill_at" $calls "$call" "$weir" apply "$dir/other.weir" --state "$state" >/dev/null 2>&1 || code=$?
			# what XDP drops early now the kernel's rules drop: 198.51.100.200 the old ones alone, 203.0.113.7 the new
			# ones; whichever the kernel has, XDP must have no more of them
			held=$(in_a nft list set ip weir weir-banned-4)
			before=$(through)
			[[ $held == *203.0.113.0* ]] || send 203.0.113.7 1
			[[ $held == *198.51.100.0/24* ]] || send 198.51.100.200 1
			[ "$(through)" -eq $((before + 1)) ] || { echo "$calls $call: $held"; false; }
			send 198.51.100.7 1
			[ "$(through)" -eq $((before + 1)) ]
			[ "$code" -eq 0 ] || break
			killed=$((killed + 1))
		done
		echo "# killed at $killed calls${calls:+ on files}, the last one before $call" >&3
		[ "$code" -eq 1 ] # the last one was not killed
		[ "$killed" -gt 0 ]
	done
	# and the next one goes on
	run -0 w apply "$dir/one.weir"
	[ -n "$(attached)" ]
	run -0 in_a "$weir" status
	[[ $output != *STALE* ]]
}
