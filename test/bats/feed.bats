#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# weir feed: what it says, its exit statuses, what a kill at any step leaves, members put in force; and the units of
# systemd/.

bats_require_minimum_version 1.5.0

setup() {
	weir=${WEIR:-$BATS_TEST_DIRNAME/../../build/src/command/weir}
	dir=$BATS_TEST_TMPDIR
	state=$dir/state
	policy=$dir/edge.weir
	cat >"$policy" <<-END
		set admins { 203.0.113.0/24 }
		set banned {
			feed drop { url "file://$dir/drop.list" }
			feed more { url "file://$dir/more.json"; format spamhaus; every 1h; shrink at most 10% }
		}
		failsafe tcp port 22 from @admins
		block from @banned
	END
	printf '192.0.2.0/25\n192.0.2.128/25\n' >"$dir/drop.list"
	echo '{"cidr":"198.51.100.0/24","sblid":"SBL1"}' >"$dir/more.json"
}

teardown() {
	if [ -n "${space:-}" ]; then ip netns del "$space" 2>/dev/null || true; fi
}

feed() { "$weir" feed "$@" --state "$state"; }

# A namespace, for what needs the kernel.
need_space() {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	command -v nft >/dev/null || skip "nft is not installed"
	ip netns add "weir-t$$-feed" 2>/dev/null || skip "network namespaces are not permitted"
	space=weir-t$$-feed
	inside nft list ruleset >/dev/null 2>&1 || skip "nft does not work here"
}
inside() { ip netns exec "$space" "$@"; }
members_held() { inside "$weir" set list banned --state "$state" | sed 's/ .*//' | tr '\n' ' '; }

@test "feeds that are due are fetched, and no sooner; list says how they are" {
	run -0 feed list "$policy"
	[[ $output == *"drop (set banned) file://"*"no copy yet; due now"* ]]
	[ ! -e "$state" ]
	run -0 feed update "$policy"
	[[ $output == *"drop: 2 members, 256 addresses of IPv4 added"*"+ 192.0.2.0/25"* ]]
	[[ $output == *"more: 1 member, 256 addresses of IPv4 added"* ]]
	cmp "$dir/drop.list" "$state/feeds/drop"
	run -0 feed update "$policy"
	[ "$output" = "No feed is due." ]
	run -0 feed update --force more "$policy"
	[ "$output" = "more: the same as before, 1 member" ]
	run -0 feed list drop "$policy"
	[[ $output == *"2 members, checked"*"due in 1"[12]" h" ]]
	run -0 feed list "$policy" --json
	[ "$(jq -r '.[] | "\(.name) \(.set) \(.members) \(.error)"' <<<"$output")" = $'drop banned 2 null\nmore banned 1 null' ]
	[ "$(jq '.[1].due_in <= 3600 and .[1].age >= 0' <<<"$output")" = true ]
}

@test "a copy that somebody has taken away is fetched anew" {
	feed update "$policy"
	rm "$state/feeds/drop"
	run -0 feed update "$policy"
	[[ $output == "drop: 2 members"* ]]
	cmp "$dir/drop.list" "$state/feeds/drop"
}

@test "copies of feeds that the policy no longer has go after a while, and no others" {
	feed update "$policy"
	sed -i '/feed more/d' "$policy"
	run -0 feed update "$policy"
	[ -e "$state/feeds/more" ]
	sed -i 's/"tried": *[0-9]*/"tried":1700000000/' "$state/feeds/more.about" "$state/feeds/drop.about"
	run -0 feed update drop "$policy"
	[ -e "$state/feeds/more" ]
	run -0 feed update "$policy"
	[ ! -e "$state/feeds/more" ]
	[ ! -e "$state/feeds/more.about" ]
	cmp "$dir/drop.list" "$state/feeds/drop"
}

@test "what is refused is said in words, with status 1; the last good copy and the others stay" {
	feed update "$policy"
	cp "$state/feeds/drop" "$dir/good"
	echo '192.0.2.0/27' >"$dir/drop.list"
	run -1 feed update --force "$policy"
	[[ $output == *"drop: refused: 224 of 256 addresses of IPv4 would be gone, 87%, and at most 50% may be at once; the last good copy stays"* ]]
	[[ $output == *"more: the same as before"* ]]
	cmp "$dir/good" "$state/feeds/drop"
	printf '192.0.2.0/24\n203.0.113.5\n' >"$dir/drop.list"
	run -1 feed update --force drop "$policy"
	[[ $output == *"refused: the policy cannot have it: "*":2:1: error[failsafe-banned]: 203.0.113.5 is in banned"* ]]
	: >"$dir/drop.list"
	run -1 feed update --force drop "$policy" --json
	[ "$(jq -r '.[0].outcome' <<<"$output")" = refused ]
	[ "$(jq -r '.[0].error' <<<"$output")" = "it is empty, and the last one had 2 members" ]
	printf '\033[31m<html>\n' >"$dir/drop.list"
	run -1 feed update --force drop "$policy"
	[[ $output == *"error["* && $output != *$'\033'* ]]
	run -0 feed list drop "$policy"
	[[ $output == *"failed "*" s ago: "*"error["* && $output != *$'\033'* ]]
	cmp "$dir/good" "$state/feeds/drop"
}

@test "what cannot be fetched or kept has status 3, and the others are fetched" {
	feed update "$policy"
	rm "$dir/drop.list"
	run -3 feed update --force "$policy"
	[[ $output == *"drop: not fetched: cannot read "*"; the last good copy stays"* ]]
	[[ $output == *"more: the same as before"* ]]
	printf '192.0.2.0/24\n' >"$dir/drop.list"
	mkdir "$state/feeds/.drop.new"
	run -3 feed update --force drop "$policy"
	[[ $output == *"drop: not kept: cannot write "* ]]
	exec 9>"$state/feeds/.lock"
	flock 9
	run -3 feed update --force "$policy"
	exec 9>&-
	[[ $output == *"another weir fetches feeds"* ]]
}

@test "bad usage has status 2" {
	run -2 feed update
	run -2 feed fetch "$policy"
	run -2 feed list --apply "$policy"
	run -2 feed update none "$policy"
	[[ $output == *"has no feed called none"* ]]
	run -2 feed update "$dir/missing.weir"
	run -2 feed update "$dir/drop.list"
	[[ $output == *"this is no policy"* ]]
	echo 'blok from @banned' >>"$policy"
	run -2 feed update "$policy"
	[[ $output == *":8:1: error["* ]]
	[ ! -e "$state" ]
	echo 'allow ping' >"$policy"
	run -0 feed update "$policy"
	[ "$output" = "The policy has no feeds." ]
	[ ! -e "$state" ]
}

@test "a feed that never came is due again after an hour, not at once; another address is tried at once" {
	rm "$dir/drop.list"
	run -3 feed update "$policy"
	run -0 feed update "$policy"
	[ "$output" = "No feed is due." ]
	sed -i "s,$dir/drop.list,$dir/other.list," "$policy"
	echo 192.0.2.1 >"$dir/other.list"
	run -0 feed update "$policy"
	[[ $output == "drop: 1 member, 1 address of IPv4 added"* ]]
}

@test "the commands that take a policy read the copies" {
	need_space
	feed update "$policy"
	inside "$weir" apply "$policy" --state "$state"
	[ "$(members_held)" = "192.0.2.0/25 192.0.2.128/25 198.51.100.0/24 " ]
	# a copy that is damaged on disk is an error, and empties nothing
	echo garbage >"$state/feeds/drop"
	run -2 inside "$weir" apply "$policy" --state "$state"
	[[ $output == *"feeds/drop:1:1: error["* ]]
	[ "$(members_held)" = "192.0.2.0/25 192.0.2.128/25 198.51.100.0/24 " ]
}

# Its record would be too long to be read, and the feed be due at all times.
@test "an address that is too long for the record is refused" {
	printf 'set banned { feed drop { url "file://%s/drop.list#%04000d" } }\nblock from @banned\n' "$dir" 0 >"$policy"
	run -2 feed update "$policy"
	[[ $output == *"error[bad-url]: an address of "*" bytes is too long: 4000 are taken here"* ]]
}

@test "update --apply puts members in force, of a policy that is in force, and no other" {
	need_space
	run -0 inside "$weir" feed update --apply "$policy" --state "$state"
	[[ $output == *"nothing is applied yet"* ]]
	[ -z "$(inside nft list ruleset)" ]
	inside "$weir" apply "$policy" --state "$state"
	echo '192.0.2.0/24' >"$dir/drop.list"
	echo '{"cidr":"198.51.100.0/23"}' >"$dir/more.json"
	# without --apply it waits
	feed update --force drop "$policy"
	[ "$(members_held)" = "192.0.2.0/25 192.0.2.128/25 198.51.100.0/24 " ]
	run -0 inside "$weir" feed update --apply --force more "$policy" --state "$state"
	[[ $output == *"set ip weir-banned-4"* ]]
	[ "$(members_held)" = "192.0.2.0/24 198.51.100.0/23 " ]
	run -0 inside "$weir" feed update --apply --force "$policy" --state "$state"
	[[ $output != *"et ip"* ]]
	# somebody writes at the policy
	echo 'deny tcp port 80' >>"$policy"
	echo '192.0.2.0/25' >"$dir/drop.list"
	run -1 inside "$weir" feed update --apply --force "$policy" --state "$state"
	[[ $output == *"has other rules than are in force"* ]]
	[ "$(members_held)" = "192.0.2.0/24 198.51.100.0/23 " ]
	# and is done
	inside "$weir" apply "$policy" --state "$state"
	[ "$(members_held)" = "192.0.2.0/25 198.51.100.0/23 " ]
}

@test "killed at any step of update, a copy is the old or the new one, whole, and the next update works" {
	kill_at=$dir/kill_at
	cc -o "$kill_at" "$BATS_TEST_DIRNAME/../helper/kill_at.c" || skip "needs a C compiler"
	seq -f '192.0.2.%g' 0 255 >"$dir/one"
	seq -f '192.0.2.%g' 0 200 >"$dir/two"
	cp "$dir/one" "$dir/drop.list"
	feed update drop "$policy"
	killed=0
	for ((call = 1; call < 40; call++)); do
		cp "$dir/one" "$dir/drop.list"
		feed update --force drop "$policy" >/dev/null
		cmp "$dir/one" "$state/feeds/drop"
		cp "$dir/two" "$dir/drop.list"
		code=0
		"$kill_at" files "$call" "$weir" feed update --force drop "$policy" --state "$state" >/dev/null 2>&1 || code=$?
		[ "$code" -ne 2 ] || skip "ptrace is not permitted"
		cmp -s "$dir/one" "$state/feeds/drop" || cmp "$dir/two" "$state/feeds/drop"
		feed update --force drop "$policy" >/dev/null
		cmp "$dir/two" "$state/feeds/drop"
		[ "$code" -eq 0 ] || break
		killed=$((killed + 1))
	done
	[ "$killed" -ge 4 ]
}

be_liberal() { inside cat /proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal; }

# The units with this program and this state in place of the installed ones.
units() {
	mkdir "$dir/units"
	for unit in weir.service weir-daemon.service; do
		sed "s,@weir@,$weir,; s,/var/lib/weir,$state,g" "$BATS_TEST_DIRNAME/../../systemd/$unit.in" >"$dir/units/$unit"
	done
}

@test "the units are right, and little can be done from them" {
	command -v systemd-analyze >/dev/null || skip "systemd-analyze is not installed"
	units
	cd "$dir/units"
	run -0 systemd-analyze verify --man=no ./weir.service ./weir-daemon.service
	systemd-analyze security --offline=yes --threshold=25 ./weir.service
	systemd-analyze security --offline=yes --threshold=28 ./weir-daemon.service
}

@test "the unit for the boot puts the state in force that was applied last, not the policy as it is" {
	need_space
	units
	feed update "$policy"
	[ "$(be_liberal)" = 0 ] || skip "the setting is not there"
	echo 'conntrack { tcp-be-liberal }' >>"$policy"
	inside "$weir" apply "$policy" --state "$state"
	[ "$(be_liberal)" = 1 ]
	inside nft -s list ruleset >"$dir/before"
	# the machine starts anew; of the unit's line $$ is a $
	ip netns del "$space"
	ip netns add "$space"
	rm "$policy"
	line=$(sed -n 's/^ExecStart=//p' "$dir/units/weir.service")
	capabilities=$(sed -n 's/^CapabilityBoundingSet=//p' "$dir/units/weir.service" | tr 'A-Z ' 'a-z,' | sed 's/cap_/+/g')
	inside setpriv --inh-caps=-all --bounding-set="-all,$capabilities" bash -c "${line//\$\$/\$}"
	diff "$dir/before" <(inside nft -s list ruleset)
	[ "$(be_liberal)" = 1 ]
}
