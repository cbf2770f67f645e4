#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Members of applied sets: those that go by themselves, those that rules put in, those that go to a list file, and large
# sets, whose members are on record; and what others change in weir's tables.

bats_require_minimum_version 1.5.0

setup() {
	weir=${WEIR:-$BATS_TEST_DIRNAME/../../build/src/command/weir}
	space=weir-t$$-s
	dir=$BATS_TEST_TMPDIR
	state=$dir/state
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	command -v nft >/dev/null || skip "nft is not installed"
	ip netns add "$space" 2>/dev/null || skip "network namespaces are not permitted"
	inside nft list ruleset >/dev/null 2>&1 || skip "nft does not work here"
}

teardown() {
	umount "$dir/lists" 2>/dev/null || true
	ip netns del "$space" 2>/dev/null || true
	ip netns del "$space-b" 2>/dev/null || true
}

inside() { ip netns exec "$space" "$@"; }
w() { local command=$1; shift; inside "$weir" "$command" "$@" --state "$state"; }
members() { w set list "$1" | sed 's/ packets [0-9]* bytes [0-9]*//' | tr '\n' ' '; }

# rules SET LINE...: drops what the set holds.
rules() {
	local set=$1
	shift
	printf '%s\n' '*filter' ':INPUT DROP [0:0]' "-A INPUT -m set --match-set $set src -j DROP" "$@" COMMIT
}

# large COUNT: that many networks that do not touch.
large() {
	echo "create banned hash:net family inet maxelem 100000"
	for ((i = 0; i < $1 / 32; i++)); do
		printf "add banned 10.$((i / 256)).$((i % 256)).%d/30\n" {0..248..8}
	done
}

@test "a table that somebody has made dormant is not as the rules say: it is woken, alone or with other changes" {
	mkdir "$dir/one" "$dir/two"
	printf '%s\n' '*filter' ':INPUT DROP [0:0]' '-A INPUT -i lo -j ACCEPT' COMMIT >"$dir/one/rules.v4"
	printf '%s\n' '*raw' ':PREROUTING ACCEPT [0:0]' '-A PREROUTING -s 192.0.2.1/32 -j DROP' COMMIT '*filter' \
		':INPUT DROP [0:0]' ':other - [0:0]' '-A INPUT -j other' COMMIT >"$dir/two/rules.v4"
	w apply "$dir/one"
	inside nft add table ip weir '{ flags dormant; }'
	run -0 w apply "$dir/one" --dry-run
	[[ $output == *"table ip weir: no longer dormant"* ]]
	run -0 w apply "$dir/one"
	[[ $output == *"table ip weir: no longer dormant"* ]]
	run ! grep -q dormant <(inside nft list ruleset)
	run -0 w apply "$dir/one"
	[[ $output == "Nothing to change"* ]]
	inside nft add table ip weir '{ flags dormant; }'
	w apply "$dir/two"
	run ! grep -q dormant <(inside nft list ruleset)
	inside nft list ruleset | grep -q 'ip saddr 192.0.2.1 .*drop'
	run -0 w apply "$dir/two"
	[[ $output == "Nothing to change"* ]]
	# as it was before that
	w rollback
	inside nft list ruleset | grep -q dormant
}

@test "a set that rules fill: it is put in force and back, its members are listed, tested, taken out, and left alone by apply" {
	mkdir "$dir/one"
	printf '%s\n' 'create seen hash:ip family inet' 'add seen 198.51.100.1' >"$dir/one/ipsets"
	rules seen '-A INPUT -p udp -j SET --add-set seen src' >"$dir/one/rules.v4"
	w apply "$dir/one"
	inside ip link set lo up
	inside bash -c 'echo x >/dev/udp/127.0.0.1/9'
	[ "$(members seen)" = "127.0.0.1 198.51.100.1 " ]
	w set test seen 127.0.0.1 198.51.100.1
	run -0 --separate-stderr w apply "$dir/one"
	[[ $output == "Nothing to change"* ]]
	run -0 w set del seen 127.0.0.1
	[ "$output" = "seen: 1 deleted" ]
	w set add seen 192.0.2.1
	[ "$(members seen)" = "192.0.2.1 198.51.100.1 " ]
	printf '%s\n' '*filter' ':INPUT DROP [0:0]' COMMIT >"$dir/other.v4"
	w apply "$dir/other.v4"
	w rollback
	[ "$(members seen)" = "192.0.2.1 198.51.100.1 " ]
	run -0 w set flush seen
	[ "$output" = "seen: 2 deleted" ]
	[ -z "$(members seen)" ]
}

@test "members that go by themselves: the policy's timeout, a time of their own, and what is left of it" {
	cat >"$dir/edge.weir" <<-'END'
		set banned : net { timeout 1h; 192.0.2.0/24; 198.51.100.7 until 2037-01-01 }
		set stays : net { 203.0.113.0/24 }
		block from @banned
		block from @stays
		default drop
	END
	run -0 --separate-stderr w apply "$dir/edge.weir"
	[[ $stderr != *no-effect-yet* ]]
	w set add banned 203.0.113.1 203.0.113.2 timeout 5min 203.0.113.3 timeout 0 203.0.113.4 until 2036-01-01T00:00:00Z \
		203.0.113.64/26 comment "all of it" timeout 2s
	run -0 w set list banned --json
	left() { jq -r --arg member "$1" '.[] | select(.member == $member) | .timeout // "never"' <<<"$output"; }
	[ "$(left 203.0.113.1)" -gt 3590 ] && [ "$(left 203.0.113.1)" -le 3600 ]
	[ "$(left 203.0.113.2)" -gt 290 ] && [ "$(left 203.0.113.2)" -le 300 ]
	[ "$(left 203.0.113.3)" = never ]
	[ "$(left 203.0.113.4)" -gt 100000000 ]
	[ "$(left 192.0.2.0/24)" = never ]
	[ "$(jq -r '.[] | select(.member == "203.0.113.64/26") | .comment' <<<"$output")" = "all of it" ]
	w set list banned | grep -Eq '^203.0.113.2 timeout (29[0-9]|300)s$'
	# what is in stays for the longer of the two times; the rest of an interval keeps its own
	run -0 w set add banned 203.0.113.1 timeout 5min 203.0.113.2 timeout 1h 203.0.113.64/27 timeout 0 192.0.2.9
	[ "$output" = "banned: 2 added, 2 already in" ]
	run -0 w set list banned --json
	[ "$(left 203.0.113.1)" -gt 3500 ]
	[ "$(left 203.0.113.2)" -gt 3500 ]
	[ "$(left 203.0.113.64/27)" = never ]
	[ "$(left 203.0.113.96/27)" -le 2 ]
	sleep 2.1
	w set test banned 203.0.113.64/27
	run -1 w set test banned 203.0.113.100
	run -2 w set add stays 198.51.100.1 timeout 5min
	[[ $output == *"have no time to go"* ]]
	run -2 w set add banned 198.51.100.1 timeout soon
	[[ $output == *"nothing was changed"* ]]
	# lines from elsewhere have their times, too
	printf '%s\n' 198.18.0.1 '198.18.0.2 until 2036-01-01' | w set add banned -
	run -0 w set list banned --json
	[ "$(left 198.18.0.1)" -le 3600 ] && [ "$(left 198.18.0.2)" -gt 100000000 ]
	# with another timeout in the policy it is another policy, though the kernel has all of it
	sed -i 's/timeout 1h/timeout 2h/' "$dir/edge.weir"
	w apply "$dir/edge.weir"
	w set add banned 198.18.0.9
	run -0 w set list banned --json
	[ "$(left 198.18.0.9)" -gt 3600 ]
}

@test "--permanent: the list file is changed with the set, its comments and order stay; the next apply says the same" {
	cat >"$dir/edge.weir" <<-'END'
		set banned : net { file "banned.list"; 192.0.2.0/24 }
		set two : net { file "one.list"; file "two.list" }
		set none : net { 203.0.113.0/24 }
		set web : address . port { file "web.list" }
		block from @banned
		block from @two
		block from @none
		stateless tcp to @web
		default drop
	END
	printf '%s\n' '# bans' '198.51.100.0/24   # a net' '; and then' '203.0.113.7 "one" until 2036-01-01' '' '203.0.113.9' \
		>"$dir/banned.list"
	echo '192.0.2.10 . tcp 443 "web"' >"$dir/web.list"
	echo 198.18.0.1 >"$dir/one.list"
	printf '%s\n' '{"cidr": "198.18.1.0/24", "comment": "x"}' '{"cidr": "198.18.2.0/24"}' >"$dir/two.list"
	chmod 640 "$dir/banned.list"
	w apply "$dir/edge.weir"
	run -0 w set add banned 198.51.100.7 203.0.113.64/27 comment "new" --permanent
	[ "${lines[0]}" = "banned: 1 added, 1 already in" ]
	[[ ${lines[1]} == *"/banned.list: 1 line added" ]]
	run -0 w set del banned 198.51.100.128/25 203.0.113.9 --permanent
	diff - "$dir/banned.list" <<-'END'
		# bans
		198.51.100.0/25 "a net"
		; and then
		203.0.113.7 "one" until 2036-01-01

		203.0.113.64/27 "new"
	END
	[ "$(stat -c %a "$dir/banned.list")" = 640 ]
	[ -z "$(ls -A "$dir" | grep '^\.')" ]
	run -0 w apply "$dir/edge.weir"
	[[ $output == "Nothing to change"* ]]
	# what the file does not have comes from elsewhere
	run -0 w set del banned 192.0.2.1 --permanent
	[[ $output == *"back with the next weir apply"* ]]
	seq -f '198.18.100.%.0f' 1 2 200 | w set add banned - --permanent
	[ "$(grep -c '^198.18.100' "$dir/banned.list")" -eq 100 ]
	run -0 w set add banned 198.18.100.1 --permanent --json
	[ "$(jq -c '[.changed, .file.added]' <<<"$output")" = "[0,0]" ]
	w set add web 192.0.2.10,tcp:80 --permanent
	w set del web 192.0.2.10,tcp:443 --permanent
	[ "$(cat "$dir/web.list")" = "192.0.2.10 . tcp 80" ]
	# which file
	run -2 w set add two 198.18.9.9 --permanent
	[[ $output == *"2 list files"*"--file"* ]]
	w set add two 198.18.9.9 --permanent --file "$dir/two.list"
	w set del two 198.18.2.0/25 --permanent --file "$dir/two.list"
	[ "$(jq -r .cidr "$dir/two.list" | tr '\n' ' ')" = "198.18.1.0/24 198.18.2.128/25 198.18.9.9 " ]
	run -2 w set add none 198.18.9.9 --permanent
	[[ $output == *"has no list file"* ]]
	run -1 w set test none 198.18.9.9
	run -2 w set flush banned --permanent
	run -2 w set add banned 198.18.9.9 --file "$dir/banned.list"
}

@test "--permanent where the file cannot be written or read: said, and the set in the kernel is as it was" {
	mkdir "$dir/lists"
	mount -t tmpfs -o size=64k tmpfs "$dir/lists" || skip "no tmpfs here"
	printf '%s\n' 'set banned : net { file "lists/banned.list"; timeout 1h }' 'block from @banned' 'default drop' >"$dir/edge.weir"
	seq -f '198.51.100.%.0f # stays' 1 200 >"$dir/lists/banned.list"
	w apply "$dir/edge.weir"
	cp "$dir/lists/banned.list" "$dir/before"
	members banned >"$dir/members"
	head -c 100000 /dev/zero >"$dir/lists/full" || true
	run -3 w set add banned 203.0.113.1 --permanent
	[[ $output == *"No space left on device"*"nothing was changed"* ]]
	run -3 w set del banned 198.51.100.7 --permanent
	[[ $output == *"nothing was changed"* ]]
	cmp "$dir/before" "$dir/lists/banned.list"
	cmp "$dir/members" <(members banned)
	rm "$dir/lists/full"
	echo '198.51.100.900' >>"$dir/lists/banned.list"
	run -2 w set add banned 203.0.113.1 --permanent
	[[ $output == *"cannot be read as a list"* ]]
	run -1 w set test banned 203.0.113.1
}

@test "large sets are on record: one member more is found without asking for all, and weir set keeps the record" {
	mkdir "$dir/one"
	large 20000 >"$dir/one/ipsets"
	rules banned >"$dir/one/rules.v4"
	w apply "$dir/one" >/dev/null 2>&1
	[ -s "$state/members" ]
	w set add banned 203.0.113.1 203.0.113.64/26
	w set del banned 203.0.113.65 10.0.0.8/30
	run -0 w apply "$dir/one" --json
	[ "$(jq -c '[.changes[] | [.name, .added, .removed]]' <<<"$output")" = '[["set-banned",1,3]]' ]
	run -0 w apply "$dir/one"
	[[ $output == "Nothing to change"* ]]
	[ "$(w set list banned | wc -l)" -eq 20000 ]
	w rollback
	w set test banned 203.0.113.64 203.0.113.66
	run -1 w set test banned 203.0.113.65 10.0.0.9
	# one that begins where another did
	sed -i 's|add banned 10.0.0.16/30|add banned 10.0.0.16/31|' "$dir/one/ipsets"
	w apply "$dir/one"
	sed -i 's|add banned 10.0.0.16/31|add banned 10.0.0.16/29|; s|add banned 10.1.1.24/30|add banned 10.1.1.24/32|; /10.1.1.32.30/d' "$dir/one/ipsets"
	w apply "$dir/one"
	w set test banned 10.0.0.16/29
	run -1 w set test banned 10.1.1.25 10.1.1.32
	w set flush banned
	run -0 w apply "$dir/one"
	[[ $output == *"19999 members added"* ]]
}

@test "large sets with members that go by themselves: those that have gone are known to be gone" {
	cat >"$dir/edge.weir" <<-'END'
		set banned : net { timeout 1h; file "banned.list" }
		block from @banned
		default drop
	END
	{
		echo '203.0.113.0/28 until 2036-01-01'
		large 20000 | sed -n 's/add banned //p'
	} >"$dir/banned.list"
	w apply "$dir/edge.weir" >/dev/null
	w set add banned 198.51.100.1 timeout 1s 198.51.100.2 timeout 1s 198.51.100.3 198.51.100.4 timeout 0
	sleep 1.1
	run -0 w apply "$dir/edge.weir" --dry-run --json
	[ "$(jq -c '[.changes[] | [.name, .added, .removed]]' <<<"$output")" = '[["weir-banned-4",0,2]]' ]
	run -1 w set test banned 198.51.100.1 198.51.100.3 198.51.100.4 203.0.113.0/28
	[ "$(grep -c ' not in ' <<<"$output")" -eq 1 ]
	# of one that is asked for in part the set is looked at whole
	w set del banned 203.0.113.3
	run -0 w set list banned --json
	[ "$(jq -r '.[] | select(.member == "203.0.113.4-203.0.113.15") | .timeout' <<<"$output")" -gt 1000000 ]
	[ "$(jq length <<<"$output")" -eq 20004 ]
	# the record says the same as the kernel, asked for all of it
	run -0 w apply "$dir/edge.weir" --dry-run --json
	jq -c .changes <<<"$output" >"$dir/known"
	mv "$state/members" "$dir/members"
	run -0 w apply "$dir/edge.weir" --dry-run --json
	jq -c .changes <<<"$output" | diff "$dir/known" -
	mv "$dir/members" "$state/members"
	# where one has gone another may overlap its place
	w set add banned 198.18.0.0/28 timeout 1s 198.18.1.0/28 timeout 1s 198.18.2.0/24 timeout 1s
	sleep 1.1
	w set add banned 198.18.0.8-198.18.0.20 timeout 0 198.18.1.0/24 198.18.2.7 timeout 1h 198.18.2.9
	for round in known asked; do
		run -0 w apply "$dir/edge.weir" --dry-run --json
		jq -c .changes <<<"$output" >"$dir/$round"
		w set test banned 198.18.0.8-198.18.0.20 198.18.1.0/24 198.18.2.7 198.18.2.9
		run -1 w set test banned 198.18.0.7 198.18.2.8 198.18.2.255
		[ "$(grep -c ' not in ' <<<"$output")" -eq 3 ]
		mv "$state/members" "$dir/members" || true
	done
	diff "$dir/known" "$dir/asked"
	w set add banned 203.0.113.99 timeout 1s # and what stays of a state is not what had gone
	w apply "$dir/edge.weir" >/dev/null
	w set add banned 203.0.113.98 timeout 1s
	sleep 1.1
	printf '%s\n' 'default drop' >"$dir/none.weir"
	w apply "$dir/none.weir"
	w rollback
	run -1 w set test banned 203.0.113.98
}

@test "what is on record of large sets is not believed when anybody else was at work, in another namespace, or damaged" {
	mkdir "$dir/one"
	large 20000 >"$dir/one/ipsets"
	rules banned >"$dir/one/rules.v4"
	w apply "$dir/one" >/dev/null 2>&1
	inside nft delete element ip weir set-banned '{ 10.0.0.8/30 }'
	inside nft add element ip weir set-banned '{ 198.51.100.1 }'
	run -0 w apply "$dir/one" --json
	[ "$(jq -c '[.changes[] | [.name, .added, .removed]]' <<<"$output")" = '[["set-banned",1,1]]' ]
	# another one's change between two of weir set's
	w set add banned 203.0.113.1
	inside nft add element ip weir set-banned '{ 198.51.100.2 }'
	w set add banned 203.0.113.2
	run -0 w apply "$dir/one" --json
	[ "$(jq -c '[.changes[] | [.name, .added, .removed]]' <<<"$output")" = '[["set-banned",0,3]]' ]
	# a process that died while it wrote
	w set add banned 203.0.113.1
	truncate -s -5 "$state/members"
	run -0 w apply "$dir/one" --json
	[ "$(jq -c '[.changes[] | [.name, .added, .removed]]' <<<"$output")" = '[["set-banned",0,1]]' ]
	w set add banned 203.0.113.1
	printf x | dd of="$state/members" bs=1 seek=5000 conv=notrunc status=none
	run -0 w apply "$dir/one" --json
	[ "$(jq -c '[.changes[] | [.name, .added, .removed]]' <<<"$output")" = '[["set-banned",0,1]]' ]
	# another namespace that is of the same generation, with the same names
	ip netns add "$space-b"
	inside nft list ruleset | sed 's/10\.0\.0\.8\/30/10.0.0.16-10.0.0.17/; s/10\.0\.0\.16\/30, //' >"$dir/other.nft"
	ip netns exec "$space-b" nft -f "$dir/other.nft"
	cp "$state/members" "$dir/kept"
	for _ in {1..20}; do
		cp "$dir/kept" "$state/members"
		run -0 ip netns exec "$space-b" "$weir" apply "$dir/one" --dry-run --json --state "$state"
		[ "$(jq '.changes | length' <<<"$output")" -ge 1 ]
		ip netns exec "$space-b" nft add counter ip weir "c$RANDOM$RANDOM"
	done
}

@test "conntrack's size can be set only where it is the host's: said so, nothing changed" {
	printf '%s\n' 'conntrack { max 65536 }' 'default drop' >"$dir/edge.weir"
	run -3 w apply "$dir/edge.weir"
	[[ $output == *"first network namespace"*"nothing was changed"* ]]
	[ -z "$(inside nft list ruleset)" ]
}

@test "what nft says of rules that it does not take is told in one line, with the words that it is about" {
	printf '%s\n' 'mirror tcp port 80 to 198.51.100.2 via far9 both directions' 'default drop' >"$dir/edge.weir"
	run -3 w apply "$dir/edge.weir"
	[[ $output == *"Interface does not exist: "*'device "far9"'*"nothing was changed"* ]]
	[[ $output != *"??"* && $output != *"/dev/stdin"* && $output != *"/proc/"* ]]
}
