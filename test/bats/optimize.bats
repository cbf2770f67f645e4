#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# weir optimize end to end: what it writes loads into the kernel and is what the kernel then has; nothing half-written, and
# nothing overwritten that is not its own.

bats_require_minimum_version 1.5.0

setup() {
	weir=${WEIR:-$BATS_TEST_DIRNAME/../../build/src/command/weir}
	examples=$BATS_TEST_DIRNAME/../../examples
	space=weir-t$$-o
	dir=$BATS_TEST_TMPDIR
}

teardown() {
	ip netns del "$space" 2>/dev/null || true
}

kernel() {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	command -v "iptables-$1-restore" >/dev/null || skip "iptables-$1 is not installed"
	command -v ipset >/dev/null || skip "ipset is not installed"
	ip netns add "$space" 2>/dev/null || skip "network namespaces are not permitted"
	inside "iptables-$1" -S >/dev/null 2>&1 || skip "iptables-$1 does not work here"
	inside ipset create weir-try hash:ip,port || skip "the kernel has no hash:ip,port"
	inside ipset destroy weir-try
}

inside() { ip netns exec "$space" "$@"; }

rules() { grep '^-A' "$1"; }

# Sets may have other names than those written by hand.
plain() { rules "$1" | sed -e 's/weir-v\([46]\)-services-1/listeners\1/' -e 's/weir-v\([46]\)-nets-1/bans\1/'; }

some_rules() {
	cat <<-'END'
		*filter
		:INPUT DROP [0:0]
		:FORWARD DROP [0:0]
		:OUTPUT ACCEPT [0:0]
		-A INPUT -i lo -j ACCEPT
	END
	for i in 1 2 3 4 5 6 7 8 9; do
		echo "-A INPUT -s 192.0.2.$i/32 -m comment --comment \"ban $i\" -j DROP"
		echo "-A INPUT -s 198.51.100.$i/32 -d 203.0.113.$i/32 -p udp -m udp --dport 12$i -j ACCEPT"
		echo "-A INPUT -s 198.51.100.$((i * 16))/28 -p tcp -m tcp --dport 45$i -j ACCEPT"
	done
	echo COMMIT
}

loads() {
	kernel "$1"
	"$weir" optimize "$2" --directory "$dir/out"
	inside ipset restore <"$dir/out/ipsets"
	for family in 4 6; do
		[ -f "$dir/out/rules.v$family" ] || continue
		program=iptables
		[ $family = 4 ] || program=ip6tables
		inside "$program-$1-restore" <"$dir/out/rules.v$family"
		inside "$program-$1-save" 2>/dev/null >"$dir/saved.v$family"
		diff <(rules "$dir/saved.v$family" | sort) <(rules "$dir/out/rules.v$family" | sort)
	done
	inside ipset save >"$dir/saved.sets"
	diff <(grep ^add "$dir/saved.sets" | sort) <(grep ^add "$dir/out/ipsets" | sort)
}

# What the kernel has does what the input does.
meant() { run -0 inside "$weir" diff --effects "$1" --live; }

@test "the edge host's rules become those that its engineers wrote by hand" {
	run -0 "$weir" optimize "$examples/edge" --directory "$dir/out"
	[[ $output == *"proven: "* ]]
	for family in 4 6; do
		diff <(plain "$dir/out/rules.v$family") <(rules "$examples/edge-ipset/rules.v$family")
	done
	diff <(sed -n 's/^add weir-\(v[46]-[a-z]*\)-1/\1/p' "$dir/out/ipsets" | sort) \
		<(sed -n -e 's/^add listeners\([46]\)/v\1-services/p' -e 's/^add bans\([46]\)/v\1-nets/p' \
			"$examples/edge-ipset/ipsets" | sort)
}

@test "the output is an argument, and does the same" {
	"$weir" optimize "$examples/edge" --directory "$dir/out"
	run -0 "$weir" diff --effects "$examples/edge" "$dir/out"
	run -0 "$weir" optimize "$dir/out" --directory "$dir/again"
	[[ $output == *"nothing to gain"* ]]
	diff "$dir/out/rules.v4" "$dir/again/rules.v4"
	diff "$dir/out/rules.v6" "$dir/again/rules.v6"
	# as ipset save has it since 7.11
	diff "$dir/out/ipsets" <(sed 's/ bucketsize 12$//' "$dir/again/ipsets")
}

@test "it loads into iptables-legacy: the edge host" {
	loads legacy "$examples/edge"
	meant "$examples/edge"
}

@test "it loads into iptables-nft: the edge host" {
	loads nft "$examples/edge"
	meant "$examples/edge"
}

@test "it loads into iptables-legacy: sets of pairs and of networks with ports, comments" {
	some_rules >"$dir/rules.v4"
	loads legacy "$dir/rules.v4"
	meant "$dir/rules.v4"
	grep -q 'hash:ip,port,ip ' "$dir/out/ipsets"
	grep -q 'hash:net,port ' "$dir/out/ipsets"
	grep -q 'comment "ban 3"' "$dir/out/ipsets"
}

@test "it loads into iptables-nft: sets of pairs and of networks with ports, comments" {
	some_rules >"$dir/rules.v4"
	loads nft "$dir/rules.v4"
	meant "$dir/rules.v4"
}

@test "without a proof nothing is written" {
	run -4 --separate-stderr "$weir" optimize "$examples/edge" --directory "$dir/out" --map "$dir/map" --budget 1
	[[ $stderr == *"nothing was written"* ]]
	[ ! -e "$dir/out" ]
	[ ! -e "$dir/map" ]
}

@test "files of others are not overwritten" {
	some_rules >"$dir/rules.v4"
	mkdir "$dir/out"
	echo mine >"$dir/out/ipsets"
	run -3 --separate-stderr "$weir" optimize "$dir/rules.v4" --directory "$dir/out"
	[[ $stderr == *"--force"* ]]
	[ "$(ls "$dir/out")" = ipsets ]
	[ "$(cat "$dir/out/ipsets")" = mine ]
	run -0 "$weir" optimize "$dir/rules.v4" --directory "$dir/out" --force
	grep -q ^create "$dir/out/ipsets"
	# Its own it overwrites, and takes away what there is no more.
	echo "*filter" >"$dir/none.v6"
	echo COMMIT >>"$dir/none.v6"
	run -0 "$weir" optimize "$dir/none.v6" --directory "$dir/out"
	[ "$(ls "$dir/out")" = rules.v6 ]
}

@test "its input is not overwritten by mistake" {
	mkdir "$dir/in"
	some_rules >"$dir/in/rules.v4"
	run -3 "$weir" optimize "$dir/in" --directory "$dir/in"
	diff "$dir/in/rules.v4" <(some_rules)
}

@test "the map names every rule" {
	some_rules >"$dir/rules.v4"
	"$weir" optimize "$dir/rules.v4" --directory "$dir/out" --map "$dir/map"
	[ "$(grep -c '^v4' "$dir/map")" -eq 28 ]
	grep -q "^v4	filter	INPUT	2	member	INPUT	2	weir-v4-nets-1	192.0.2.1	-$" "$dir/map"
	[ "$(ls "$dir" | grep -c '^map')" -eq 1 ]
}

@test "a directory that cannot be made is the system's refusal" {
	run -3 "$weir" optimize "$examples/edge" --directory /proc/none
}
