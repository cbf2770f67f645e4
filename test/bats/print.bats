#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# weir print against the programs it imitates: what iptables-restore followed by iptables-save gives, in a network
# namespace made here, is what weir prints of the same file.

bats_require_minimum_version 1.5.0

setup() {
	weir=${WEIR:-$BATS_TEST_DIRNAME/../../build/src/command/weir}
	examples=$BATS_TEST_DIRNAME/../../examples
	space=weir-t$$-p
	dir=$BATS_TEST_TMPDIR
}

teardown() {
	ip netns del "$space" 2>/dev/null || true
}

kernel() {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	command -v iptables-legacy-restore >/dev/null || skip "iptables-legacy is not installed"
	ip netns add "$space" 2>/dev/null || skip "network namespaces are not permitted"
	ip netns exec "$space" iptables-legacy -S >/dev/null 2>&1 || skip "iptables-legacy does not work here"
}

inside() { ip netns exec "$space" "$@"; }

# Comments have dates; the kernel lists tables in an order of its own.
plain() {
	sed '/^#/d' "$1" | awk '/^\*/ { table = $0 } { print table "\t" $0 }' | sort -s -k 1,1
}

# same FLAVOUR PROGRAM FILE: as the kernel has it, with counters and without
same() {
	inside "$2-$1-restore" -c <"$3"
	inside "$2-$1-save" -c >"$dir/kernel" 2>/dev/null
	"$weir" print -c "$3" >"$dir/weir"
	diff <(plain "$dir/kernel") <(plain "$dir/weir")
	# without: iptables-restore sets those of policies to 0
	inside "$2-$1-restore" <"$3"
	inside "$2-$1-save" >"$dir/kernel" 2>/dev/null
	"$weir" print "$3" >"$dir/weir"
	diff <(plain "$dir/kernel") <(plain "$dir/weir")
}

hand_written() {
	cat <<-'END'
		*filter
		:INPUT DROP [7:420]
		:FORWARD ACCEPT [0:0]
		:OUTPUT ACCEPT [0:0]
		:zeta - [0:0]
		:b10 - [0:0]
		:b2 - [0:0]
		[3:180] -A INPUT -s 192.0.2.1,192.0.2.2 -p tcp --dport 22 -m comment --comment "two \"words\"" -j b2
		-A INPUT ! -d 198.51.100.0/24 -i eth+ -p udp -m multiport --dports 53,123:124 -g zeta
		-A zeta -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN
		-A b10 -p icmp --icmp-type echo-request -j REJECT --reject-with icmp-host-prohibited
		-A b2 -m state --state NEW -j LOG --log-prefix "new: " --log-level 6
		COMMIT
		*raw
		-A PREROUTING -p udp --dport 53 -j NOTRACK
		COMMIT
	END
}

@test "the edge example prints as iptables-legacy-save prints it, both families" {
	kernel
	same legacy iptables "$examples/edge/rules.v4"
	same legacy ip6tables "$examples/edge/rules.v6"
}

@test "hand-written rules print in the form of iptables-save: lists taken apart, chains sorted, options in their order" {
	kernel
	hand_written >"$dir/rules.v4"
	same legacy iptables "$dir/rules.v4"
}

@test "what was printed reads back to the same" {
	hand_written >"$dir/rules.v4"
	"$weir" print -c "$dir/rules.v4" >"$dir/once"
	cp "$dir/once" "$dir/once.v4"
	"$weir" print -c "$dir/once.v4" >"$dir/twice"
	diff <(sed '/^#/d' "$dir/once") <(sed '/^#/d' "$dir/twice")
}

@test "the live rules print as iptables-save prints them" {
	kernel
	hand_written >"$dir/rules.v4"
	inside iptables-legacy-restore <"$dir/rules.v4"
	inside iptables-legacy-save >"$dir/kernel"
	inside "$weir" print --live >"$dir/weir"
	diff <(plain "$dir/kernel" | sed 's/\[.*//') <(plain "$dir/weir" | sed 's/\[.*//')
}

@test "one table, one family" {
	hand_written >"$dir/rules.v4"
	run -0 "$weir" print -t raw "$dir/rules.v4"
	[[ $output == *"*raw"* && $output != *"*filter"* ]]
	run -0 "$weir" print -6 "$dir/rules.v4"
	[ -z "$output" ]
	run -2 "$weir" print -4 -6 "$dir/rules.v4"
	run -2 "$weir" print -t fliter "$dir/rules.v4"
}

@test "a target at a hook where the kernel refuses it is an error, also by way of a chain" {
	printf '*nat\n-N masked\n-A PREROUTING -j masked\n-A masked -j MASQUERADE\nCOMMIT\n' >"$dir/rules.v4"
	run -2 "$weir" print "$dir/rules.v4"
	[[ $output == *"rules.v4:4:"*"wrong-hook"* ]]
	kernel
	run -1 inside iptables-legacy-restore "$dir/rules.v4"
}
