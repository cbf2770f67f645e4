#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# weir apply, try, confirm, rollback and set: what the kernel then holds, what stays as it was, what a kill at any step
# leaves, and what is said when something stands against it.

bats_require_minimum_version 1.5.0

setup() {
	weir=${WEIR:-$BATS_TEST_DIRNAME/../../build/src/command/weir}
	examples=$BATS_TEST_DIRNAME/../../examples
	space=weir-t$$-p
	dir=$BATS_TEST_TMPDIR
	state=$dir/state
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	command -v nft >/dev/null || skip "nft is not installed"
	ip netns add "$space" 2>/dev/null || skip "network namespaces are not permitted"
	inside nft list ruleset >/dev/null 2>&1 || skip "nft does not work here"
	mkdir "$dir/one" "$dir/two"
	rules 22,80,443 >"$dir/one/rules.v4"
	rules 22,80 '-A bans -s 192.0.2.9/32 -j ACCEPT' >"$dir/two/rules.v4"
	members 192.0.2.0/24 198.51.100.7 203.0.113.0/28 >"$dir/one/ipsets"
	members 192.0.2.0/24 198.51.100.8 203.0.113.0/28 >"$dir/two/ipsets"
}

teardown() {
	if [ -n "${flood:-}" ]; then kill "$flood" 2>/dev/null || true; fi
	umount "$dir/small" 2>/dev/null || true
	ip netns del "$space" 2>/dev/null || true
	ip netns del "$space-b" 2>/dev/null || true
}

inside() { ip netns exec "$space" "$@"; }
w() { local command=$1; shift; inside "$weir" "$command" "$@" --state "$state"; }

# rules PORTS LINE: a small filter.
rules() {
	cat <<-END
		*filter
		:INPUT DROP [0:0]
		:FORWARD ACCEPT [0:0]
		:OUTPUT ACCEPT [0:0]
		:bans - [0:0]
		-A INPUT -i lo -j ACCEPT
		-A INPUT -m set --match-set banned src -j DROP
		-A INPUT -p tcp -m multiport --dports $1 -j ACCEPT
		-A INPUT -j bans
		-A bans -s 192.0.2.7/32 -j DROP
		${2:-}
		-A bans -p icmp -j ACCEPT
		COMMIT
	END
}

members() {
	echo "create banned hash:net family inet counters"
	printf 'add banned %s\n' "$@"
}

# What the kernel holds, without what counts.
held() { inside nft -s list ruleset; }
members_held() { w set list banned | sed 's/ packets.*//' | tr '\n' ' '; }
# The counter of the first rule that the words stand in.
counted() { inside nft list ruleset | grep -F -- "$1" | head -n 1 | sed -n 's/.*counter packets \([0-9]*\).*/\1/p'; }

# Sends itself so many packets.
talk() {
	inside ip link set lo up
	inside bash -c "for i in {1..$1}; do echo x >/dev/udp/127.0.0.1/9; done"
}

@test "apply makes the rules the kernel's, in tables of its own; again, it changes nothing and keeps counters" {
	inside nft add table ip other
	inside nft add chain ip other keep '{ type filter hook input priority 10; }'
	inside nft add rule ip other keep counter
	run -0 w apply "$dir/one"
	[[ $output == *"table ip weir added"* && $output == *"State 1."* ]]
	inside nft list table ip other | grep -q counter
	run -0 held
	[[ $output == *"@set-banned"* && $output == *"policy drop"* ]]
	talk 3
	before=$(counted 'iifname "lo"')
	[ "$before" -ge 3 ]
	run -0 w apply "$dir/one"
	[[ $output == "Nothing to change"* ]]
	[ "$(counted 'iifname "lo"')" -ge "$before" ]
	[ "$(ls "$state/states")" = 1 ]
	# what it keeps is a directory of rules, equal to those it was given
	"$weir" diff "$dir/one" "$state/states/1"
}

@test "only what changed is replaced: other rules, other chains and other members keep what they counted" {
	w apply "$dir/one"
	talk 4
	handle=$(inside nft -a list ruleset | grep -F 'iifname "lo"')
	inside nft add element ip weir set-banned '{ 203.0.113.99 counter packets 5 bytes 500 }'
	inside nft delete element ip weir set-banned '{ 192.0.2.0/24 }'
	inside nft add element ip weir set-banned '{ 192.0.2.0/24 counter packets 7 bytes 700 }'
	run -0 w apply "$dir/two" --json
	[ "$(jq -r '.changes[] | select(.kind == "set") | "\(.added) \(.removed)"' <<<"$output")" = "1 2" ]
	[ "$(jq -r '.changes[] | select(.name == "filter-INPUT") | "\(.added) \(.removed)"' <<<"$output")" = "1 1" ]
	[ "$(jq -r '.changes[] | select(.name == "filter-bans") | "\(.added) \(.removed)"' <<<"$output")" = "1 0" ]
	[ "$(jq '.changes | length' <<<"$output")" -eq 3 ]
	[ "$(counted 'iifname "lo"')" -ge 4 ]
	[ "${handle##*handle}" = "$(inside nft -a list ruleset | grep -F 'iifname "lo"' | sed 's/.*handle//')" ]
	[ "$(members_held)" = "192.0.2.0/24 198.51.100.8 203.0.113.0/28 " ]
	w set list banned | grep -q '192.0.2.0/24 packets 7 bytes 700'
}

@test "a rule that moves takes its counter along" {
	printf '%s\n' '*filter' ':INPUT ACCEPT [0:0]' '-A INPUT -s 192.0.2.1/32 -j DROP' '-A INPUT -i lo -j ACCEPT' \
		'-A INPUT -s 192.0.2.2/32 -j DROP' COMMIT >"$dir/a.v4"
	printf '%s\n' '*filter' ':INPUT ACCEPT [0:0]' '-A INPUT -s 192.0.2.2/32 -j DROP' '-A INPUT -i lo -j ACCEPT' \
		'-A INPUT -s 192.0.2.1/32 -j DROP' COMMIT >"$dir/b.v4"
	w apply "$dir/a.v4"
	talk 6
	w apply "$dir/b.v4"
	[ "$(counted 'iifname "lo"')" -ge 6 ]
}

@test "the example host's rules are applied, both families, and taken away again" {
	w apply "$examples/edge"
	inside nft list tables | grep -q 'ip6 weir'
	run -0 w apply "$examples/edge"
	[[ $output == *"Nothing to change"* ]]
	w rollback
	[ -z "$(inside nft list ruleset)" ]
}

@test "a policy: sets of both families, members with a time, settings of conntrack and their way back" {
	cat >"$dir/edge.weir" <<-'END'
		set admins { 203.0.113.0/24 "office", 2001:db8:5::/48 "vpn" }
		set banned : net { counters; 192.0.2.0/24 "bad"; 198.51.100.7 until 2037-01-01T00:00:00Z; 2001:db8:bad::/48 }
		failsafe tcp 22 from @admins
		block from @banned
		conntrack { tcp-be-liberal }
		default drop
	END
	setting=/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal
	w apply "$dir/edge.weir"
	[ "$(inside cat "$setting")" = 1 ]
	held | grep -q 2001:db8:bad::
	sleep 1.1
	run -0 w apply "$dir/edge.weir"
	[[ $output == *"Nothing to change"* ]]
	# a setting that somebody else has changed is not as the policy says
	inside sh -c "echo 0 >$setting"
	run -0 w apply "$dir/edge.weir" --dry-run
	[[ $output == *"setting net.netfilter.nf_conntrack_tcp_be_liberal: 1, was 0"* ]]
	[ "$(inside cat "$setting")" = 0 ]
	w apply "$dir/edge.weir"
	[ "$(inside cat "$setting")" = 1 ]
	w set add banned 2001:db8:7::7 198.51.100.9
	w set test banned 2001:db8:7::7 198.51.100.9 192.0.2.3
	w set list banned | grep -q '^192.0.2.0/24 .*"bad"'
	sed -i s/tcp-be-liberal/tcp-loose/ "$dir/edge.weir"
	w apply "$dir/edge.weir"
	[ "$(inside cat "$setting")" = 0 ]
	w rollback
	[ "$(inside cat "$setting")" = 1 ]
	w set test banned 2001:db8:7::7
	w rollback 0
	[ "$(inside cat "$setting")" = 0 ]
}

@test "a policy: limits by source, and copies sent by an interface of the host" {
	inside ip link add far0 type veth peer name far1 || skip "no veth pair here"
	inside ip addr add 198.51.100.1/24 dev far0
	inside ip link set far0 up
	cat >"$dir/edge.weir" <<-'END'
		limit syn to self port 80 at 50/s burst 200 per source/24,/64
		mirror tcp port 80 to 198.51.100.2 via far0 both directions
		stateless tcp to self port 80
		default drop
	END
	w apply "$dir/edge.weir"
	held | grep -q 'dup to 198.51.100.2 device "far0"'
	held | grep -q 'ip saddr & 255.255.255.0 limit rate over 50/second burst 200 packets'
	run -0 w apply "$dir/edge.weir"
	[[ $output == *"Nothing to change"* ]]
	sed -i s/far0/far9/ "$dir/edge.weir"
	run ! w apply "$dir/edge.weir"
	[[ $output == *"Interface does not exist"* ]]
	held | grep -q 'device "far0"'
	echo 'default drop' >"$dir/edge.weir"
	w apply "$dir/edge.weir"
	run -0 --separate-stderr w rollback
	[[ $stderr == *"copies are sent by far0 again"* ]]
	held | grep -q 'device "far0"'
	run -0 --separate-stderr w rollback
	[ -z "$stderr" ]
}

@test "--dry-run says what would change and changes nothing" {
	run -0 w apply "$dir/one" --dry-run
	[[ $output == "Would change:"* ]]
	[ -z "$(held)" ]
	[ ! -e "$state" ]
	w apply "$dir/one"
	run -0 w apply "$dir/two" --dry-run --json
	[ "$(jq .changed <<<"$output")" = false ]
	[ "$(jq '.changes | length' <<<"$output")" -eq 3 ]
}

@test "rollback goes back step by step, to a number, to none; the last five states are kept" {
	w apply "$dir/one"
	held >"$dir/first"
	inside nft add element ip weir set-banned '{ 203.0.113.99 }'
	held >"$dir/second"
	w apply "$dir/two"
	held >"$dir/third"
	w rollback
	diff "$dir/second" <(held) # as it was, not only as state 1 had it
	w rollback 2
	diff "$dir/third" <(held)
	w rollback 1
	diff "$dir/first" <(held)
	run -0 w rollback --list
	[[ ${lines[0]} == "*     1 "* && ${lines[1]} == "      2 "* ]]
	w rollback 0
	[ -z "$(held)" ]
	run -1 w rollback
	run -3 w rollback 77
	[[ $output == *"no state 77"* ]]
	for _ in 1 2 3; do
		w apply "$dir/one"
		w apply "$dir/two"
	done
	[ "$(w rollback --list --json | jq -c '[.[].state]')" = "[4,5,6,7,8]" ]
	echo x >>"$state/states/6/image"
	run -3 w rollback 6
	[[ $output == *damaged* ]]
	diff "$dir/third" <(held)
	# what is lost keeps nobody from going on
	rm -r "$state/states/8"
	w apply "$dir/one"
	diff "$dir/first" <(held)
}

@test "try is taken back when its time is over, stays when it is confirmed, ends with rollback" {
	w apply "$dir/one"
	held >"$dir/before"
	w try "$dir/two" --timeout 1s
	run ! diff -q "$dir/before" <(held)
	run -3 w apply "$dir/one"
	[[ $output == *"a trial is running"* ]]
	for _ in {1..60}; do
		if diff -q "$dir/before" <(held) >/dev/null; then break; fi
		sleep 0.1
	done
	diff "$dir/before" <(held)
	w try "$dir/two" --timeout 60
	w confirm
	run -1 w confirm
	run -0 w rollback --list
	[[ $output == *"*     2 "* ]]
	w try "$dir/one" --timeout 60
	run -0 w rollback
	[[ $output == *"State 2."* ]]
	run ! diff -q "$dir/before" <(held)
	[ ! -e "$state/pending" ]
}

@test "a trial whose holder is killed is taken back by the next command; without its caller it is held" {
	w apply "$dir/one"
	held >"$dir/before"
	# the caller goes, with its session
	setsid ip netns exec "$space" "$weir" try "$dir/two" --timeout 1 --state "$state" >/dev/null
	for _ in {1..60}; do
		if diff -q "$dir/before" <(held) >/dev/null; then break; fi
		sleep 0.1
	done
	diff "$dir/before" <(held)
	# what stands in the way when its time is over is tried again
	mkdir "$dir/hidden"
	w try "$dir/two" --timeout 1s
	mv "$state"/states/* "$dir/hidden"
	sleep 2
	run ! diff -q "$dir/before" <(held)
	mv "$dir"/hidden/* "$state/states"
	for _ in {1..60}; do
		if diff -q "$dir/before" <(held) >/dev/null; then break; fi
		sleep 0.1
	done
	diff "$dir/before" <(held)
	w try "$dir/two" --timeout 2s
	while read -r file; do
		process=${file#/proc/}
		if grep -qs '^weir' "/proc/${process%%/*}/comm"; then kill -9 "${process%%/*}"; fi
	done < <(grep -lsF "$state" /proc/[0-9]*/cmdline)
	sleep 2.2
	run ! diff -q "$dir/before" <(held)
	run -0 w set test banned 192.0.2.0/24 # looks only
	run -1 w confirm
	[[ $output == *"was over and not confirmed"* ]]
	diff "$dir/before" <(held)
}

@test "set changes intervals as sets of addresses, in one transaction, both ways" {
	w apply "$dir/one"
	run -0 w set add banned 192.0.2.7 198.51.100.0/24 203.0.113.14-203.0.113.20
	[ "$output" = "banned: 2 added, 1 already in" ]
	[ "$(members_held)" = "192.0.2.0/24 198.51.100.0/24 203.0.113.0-203.0.113.20 " ]
	run -0 w set del banned 198.51.100.3 203.0.113.0/28 198.18.0.1
	[ "$output" = "banned: 2 deleted, 1 not in" ]
	[ "$(members_held)" = "192.0.2.0/24 198.51.100.0-198.51.100.2 198.51.100.4-198.51.100.255 203.0.113.16-203.0.113.20 " ]
	w set test banned 192.0.2.200 203.0.113.16-203.0.113.20
	run -1 w set test banned 192.0.2.7 198.51.100.3 198.51.100.0/24
	[ "${lines[0]}" = "192.0.2.7 is in banned" ]
	[ "${lines[2]}" = "198.51.100.3 is not in banned" ]
	w set add banned 255.255.255.0/24 0.0.0.0/8
	w set del banned 255.255.255.255
	[[ $(members_held) == "0.0.0.0/8 "*"255.255.255.0-255.255.255.254 " ]]
	w set add banned 255.255.255.255
	w set test banned 255.255.255.0/24
	held | grep -q 'elements' # nft reads it, too
	seq -f '198.18.0.%.0f' 0 255 | w set add banned -
	w set test banned 198.18.0.0/24
	seq -f '198.18.0.%.0f' 3 2 254 >"$dir/odd"
	run -0 w set del banned - <"$dir/odd"
	[ "$output" = "banned: 126 deleted" ]
	run -1 w set test banned 198.18.0.3 198.18.0.4
	[ "${lines[1]}" = "198.18.0.4 is in banned" ]
	w set del banned 198.18.0.0/24
	run -1 w set test banned 198.18.0.9
	run -2 w set add banned 2001:db8::1
	[[ $output == *"no addresses of IPv6"* ]]
	run -2 w set add banned 192.0.2.300
	run -2 w set add nobody 192.0.2.1
	w set flush banned
	[ -z "$(members_held)" ]
	run -0 w apply "$dir/one" # and as the rules say again
	[[ $output == *"3 members added"* ]]
}

@test "set changes sets of addresses and ports, with networks and without" {
	printf '%s\n' 'create web hash:ip,port family inet' 'add web 192.0.2.1,tcp:80' \
		'create nets hash:net,port family inet' 'add nets 198.51.100.0/24,udp:53' \
		'create six hash:net family inet6' 'add six 2001:db8::/48' >"$dir/sets"
	printf '%s\n' '*filter' ':INPUT ACCEPT [0:0]' '-A INPUT -m set --match-set web dst,dst -j ACCEPT' \
		'-A INPUT -m set --match-set nets src,dst -j DROP' COMMIT >"$dir/rules4"
	printf '%s\n' '*filter' ':INPUT ACCEPT [0:0]' '-A INPUT -m set --match-set six src -j DROP' COMMIT >"$dir/rules6"
	w apply "$dir/sets" "$dir/rules4" "$dir/rules6"
	w set add web '192.0.2.1 . tcp 443' 192.0.2.2,udp:53
	[ "$(w set list web | tr '\n' ' ')" = "192.0.2.1 . tcp 80 192.0.2.1 . tcp 443 192.0.2.2 . udp 53 " ]
	w set del web 192.0.2.1,tcp:80
	run -1 w set test web 192.0.2.1,tcp:80
	run -0 w set add nets 198.51.100.9,udp:53 198.51.100.9,tcp:53
	[ "$output" = "nets: 1 added, 1 already in" ]
	w set del nets 198.51.100.128/25,udp:53
	[ "$(w set list nets | tr '\n' ' ')" = "198.51.100.9 . tcp 53 198.51.100.0/25 . udp 53 " ]
	w set add nets 198.51.100.0/24,udp:53
	[ "$(w set list nets | tr '\n' ' ')" = "198.51.100.9 . tcp 53 198.51.100.0/24 . udp 53 " ]
	w set add six 2001:db8::/32
	w set del six 2001:db8:1::/48
	[ "$(w set list six | head -n 1)" = "2001:db8::/48" ]
	[ "$(w set list --json | jq -r '[.[].set] | sort | join(" ")')" = "nets six web" ]
}

@test "large sets, which do not go through nft, are as nft itself would have them; one member more is one member more" {
	{
		echo 'create banned hash:net family inet counters comment maxelem 100000'
		for i in {0..19}; do seq -f "add banned 198.18.$i.%.0f" 0 255; done
		echo 'add banned 198.18.3.0/24 comment "a whole \"net\""'
		echo 'add banned 203.0.113.9 comment "one"'
		echo 'add banned 255.255.255.0/24'
		echo 'create web hash:ip,port family inet6 maxelem 100000'
		seq -f 'add web 2001:db8::1,tcp:%.0f' 1 5000
		echo 'create nets hash:net,port family inet maxelem 100000'
		for i in {0..19}; do seq -f "add nets 198.18.$i.%.0f,udp:53" 1 240; done
		echo 'add nets 198.18.7.0/24,udp:53'
	} | sed 's/\\"/ /g' >"$dir/one/ipsets"
	printf '%s\n' '*filter' ':INPUT ACCEPT [0:0]' '-A INPUT -m set --match-set banned src -j DROP' \
		'-A INPUT -m set --match-set nets src,dst -j DROP' COMMIT >"$dir/one/rules.v4"
	printf '%s\n' '*filter' ':INPUT ACCEPT [0:0]' '-A INPUT -m set --match-set web dst,dst -j ACCEPT' COMMIT >"$dir/one/rules.v6"
	w apply "$dir/one" >/dev/null 2>&1
	ip netns add "$space-b"
	"$weir" print "$dir/one" --format nft 2>/dev/null | ip netns exec "$space-b" nft -f -
	for set in 'ip weir set-banned' 'ip weir set-nets' 'ip6 weir set-web'; do
		# shellcheck disable=SC2086
		diff <(inside nft -s list set $set) <(ip netns exec "$space-b" nft -s list set $set) | head -n 5
		# shellcheck disable=SC2086
		cmp <(inside nft -s list set $set) <(ip netns exec "$space-b" nft -s list set $set)
	done
	run -0 --separate-stderr w apply "$dir/one"
	[[ $output == "Nothing to change"* ]]
	echo 'add banned 203.0.113.10' >>"$dir/one/ipsets"
	run -0 --separate-stderr w apply "$dir/one" --json
	[ "$(jq -c '[.changes[] | [.name, .added, .removed]]' <<<"$output")" = '[["set-banned",1,0]]' ]
	w rollback
	run -1 w set test banned 203.0.113.10
}

@test "where weir drops early, apply, rollback and what takes members away wait until it is detached" {
	ip netns add "$space-b"
	ip link add a0 netns "$space" type veth peer name b0 netns "$space-b" || skip "veth is not available"
	ip -n "$space" link set a0 up
	w apply "$dir/one"
	inside "$weir" attach a0 "$dir/one" --trust-files --vouch hooks --forward no || skip "XDP is not permitted"
	held >"$dir/before"
	run -3 w apply "$dir/two"
	[[ $output == *"weir detach a0 first"* ]]
	run -3 w rollback
	# who may not look at the program knows it by what is on record, or does not take it for somebody else's
	if command -v setpriv >/dev/null; then
		run -3 inside setpriv --bounding-set -sys_admin "$weir" rollback --state "$state"
		[[ $output == *"weir detach a0 first"* || $output == *"a0: "*"may be weir's"* ]]
	fi
	run -3 w set del banned 192.0.2.0/24
	run -3 w set flush banned
	diff "$dir/before" <(held)
	run -3 w set add banned 198.51.100.99
	w apply "$dir/two" --dry-run
	inside "$weir" detach a0
	w apply "$dir/two"
}

@test "two at once: the second says who is at work" {
	w apply "$dir/one"
	held >"$dir/before"
	exec 8>"$state/lock"
	echo "weir apply, process 1" >&8
	flock 8
	run -3 w apply "$dir/two"
	[[ $output == *"another weir is at work: weir apply, process 1"* ]]
	exec 8>&-
	diff "$dir/before" <(held)
	# and for true: one of them wins, and the kernel and the disk say the same
	w apply "$dir/two" 8>&- >/dev/null &
	w apply "$dir/one" >/dev/null 2>&1 || true
	wait
	current=$(cat "$state/current")
	"$weir" diff "$state/states/$current" <(inside nft -j list ruleset) || "$weir" diff "$state/states/$current" "$dir/one"
}

@test "a full disk: said in words, nothing changed" {
	mkdir "$dir/small"
	mount -t tmpfs -o size=16k tmpfs "$dir/small" || skip "no tmpfs here"
	w apply "$dir/one"
	held >"$dir/before"
	run -3 inside "$weir" apply "$dir/two" --state "$dir/small"
	[[ $output == *"No space left on device"* && $output == *"nothing was changed"* ]]
	diff "$dir/before" <(held)
	[ -z "$(ls "$dir/small/states")" ]
}

@test "no nft program, no privilege, rules without an exact form: said in words, nothing changed" {
	mkdir "$dir/none"
	# shellcheck disable=SC2016
	run inside unshare -m sh -c 'mount -t tmpfs none /usr/sbin && PATH=$0 exec "$@"' "$dir/none" "$weir" apply "$dir/one" \
		--state "$state"
	[ "$(command -v nft)" = /usr/sbin/nft ] || skip "nft is elsewhere"
	echo "$output"
	[ "$status" -eq 3 ]
	[[ $output == *"no nft program"* || $output == *"nft is not installed"* ]]
	[ -z "$(held)" ]
	if command -v setpriv >/dev/null; then
		run -3 inside setpriv --bounding-set=-net_admin,-sys_admin --inh-caps=-net_admin,-sys_admin "$weir" apply "$dir/one" \
			--state "$state"
		[[ $output == *"not permitted"* || $output == *"not be"* ]]
	fi
	printf '%s\n' '*filter' ':INPUT ACCEPT [0:0]' '-A INPUT -m recent --set --name a --rsource' COMMIT >"$dir/odd.v4"
	run -2 w apply "$dir/odd.v4"
	[[ $output == *"no exact form"* ]]
	[ -z "$(held)" ]
}

@test "killed at any step of apply, try and rollback, the old or the new is whole, and the next apply works" {
	kill_at=$BATS_TEST_TMPDIR/kill_at
	cc -o "$kill_at" "$BATS_TEST_DIRNAME/../helper/kill_at.c" || skip "needs a C compiler"
	w apply "$dir/one"
	held >"$dir/held.one"
	w apply "$dir/two"
	held >"$dir/held.two"
	for verb in apply rollback try; do
		killed=0
		for ((call = 1; call < 400; call += ${WEIR_KILL_STEP:-7})); do
			w apply "$dir/one" >/dev/null 2>&1
			diff "$dir/held.one" <(held)
			case $verb in
			apply) arguments=("$dir/two") ;;
			rollback) arguments=() ;;
			try) arguments=("$dir/two" --timeout 60) ;;
			esac
			code=0
			inside "$kill_at" files "$call" "$weir" "$verb" "${arguments[@]}" --state "$state" >/dev/null 2>&1 || code=$?
			[ "$code" -le 1 ]
			# in the kernel one of them, whole
			held >"$dir/now"
			cmp -s "$dir/now" "$dir/held.one" || cmp -s "$dir/now" "$dir/held.two"
			# on disk, too: what it says is in force is there, and what the kernel has
			if [ "$verb" = try ] && ((call % 2 == 0)); then
				# what is confirmed is what the kernel has, and what never came is not confirmed
				before=one
				if w confirm >/dev/null 2>&1; then before=two; fi
				diff "$dir/held.$before" <(held)
			fi
			if [ "$verb" = try ]; then w rollback >/dev/null 2>&1 || true; fi
			w apply "$dir/one" >/dev/null 2>"$dir/errors" || { cat "$dir/errors"; false; }
			diff "$dir/held.one" <(held)
			[ ! -e "$state/pending" ]
			"$weir" diff "$state/states/$(cat "$state/current")" "$dir/one" >/dev/null
			if [ "$code" -eq 1 ]; then break; fi
			killed=$((killed + 1))
		done
		[ "$killed" -ge 2 ]
	done
}

@test "clean packets flow through a hundred applies without a loss" {
	ip netns add "$space-b"
	ip link add a0 netns "$space" type veth peer name b0 netns "$space-b" || skip "veth is not available"
	ip -n "$space" addr add 198.18.0.1/24 dev a0
	ip -n "$space-b" addr add 198.18.0.2/24 dev b0
	ip -n "$space" link set a0 up
	ip -n "$space-b" link set b0 up
	# the policy turns, rules move, members come and go; what is sent is let through by both
	rules 22 '-A bans -p udp -m udp --dport 9 -j ACCEPT' >"$dir/one/rules.v4"
	rules 80 '-A bans -s 198.18.0.0/15 -p udp -j ACCEPT' | sed 's/:INPUT DROP/:INPUT ACCEPT/' >"$dir/two/rules.v4"
	w apply "$dir/one" >/dev/null
	inside nft -f - <<<'table ip count { chain in { type filter hook input priority 100; udp dport 9 counter; }; }'
	ip netns exec "$space-b" nft -f - <<<'table ip count { chain out { type filter hook output priority 0; udp dport 9 counter; }; }'
	# shellcheck disable=SC2016
	ip netns exec "$space-b" bash -c 'while [ ! -e "$1" ]; do echo x >/dev/udp/198.18.0.1/9; done' - "$dir/stop" 2>/dev/null 3>&- &
	flood=$!
	for _ in $(seq "$((${WEIR_APPLIES:-100} / 2))"); do
		w apply "$dir/two" >/dev/null
		w apply "$dir/one" >/dev/null
	done
	touch "$dir/stop"
	wait "$flood" || true
	flood=
	sent=$(ip netns exec "$space-b" nft list ruleset | sed -n 's/.*counter packets \([0-9]*\).*/\1/p')
	arrived=$(inside nft list table ip count | sed -n 's/.*counter packets \([0-9]*\).*/\1/p')
	echo "sent $sent, arrived $arrived"
	[ "$sent" -gt 1000 ]
	[ "$sent" -eq "$arrived" ]
}
