#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The scripts of weir export, with both kinds of iptables: what they leave when the host refuses something half-way.

bats_require_minimum_version 1.5.0

load ../helper/policy

# use legacy|nft: programs of these names in $dir/bin, which fail at the calls that $dir/fail names (PROGRAM NUMBER).
use() {
	local program real
	rm -rf "$dir/bin" "$dir/fail" && mkdir "$dir/bin"
	for program in iptables-restore ip6tables-restore iptables-save ip6tables-save ipset; do
		real=$program
		[ $program = ipset ] || real=${program%-*}-$1-${program##*-}
		real=$(command -v "$real") || skip "there is no $real"
		cat >"$dir/bin/$program" <<-END
			#!/bin/sh
			count=\$(cat $dir/count.$program 2>/dev/null || echo 0)
			echo \$((count + 1)) >$dir/count.$program
			if [ "\$(cat $dir/fail 2>/dev/null)" = "$program \$((count + 1))" ]; then exit 1; fi
			exec $real "\$@"
		END
		chmod +x "$dir/bin/$program"
	done
}
# run_script NAME [PROGRAM NUMBER]: that call of it fails.
run_script() {
	rm -f "$dir"/count.* "$dir/fail"
	[ -z "${2:-}" ] || echo "$2 $3" >"$dir/fail"
	in_a env PATH="$dir/bin:$PATH" sh "$dir/out/$1"
}
# What the host has, without numbers that count, and tables in which nothing happens.
host_has() {
	local program
	rm -f "$dir/fail"
	for program in iptables-save ip6tables-save; do
		in_a "$dir/bin/$program" | sed 's/\[[0-9:]*\]//' | awk '
			/^#/ { next }
			/^\*/ { table = ""; some = 0 }
			{ table = table $0 "\n"; some = some || /^-A/ || /DROP/ }
			/^COMMIT/ && some { printf "%s", table }'
	done
	sets
}
export_policy() {
	cat >"$dir/test.weir"
	"$weir" export "$dir/test.weir" --directory "$dir/out"
}
first() {
	export_policy <<-'END'
		set banned { 203.0.113.0/24 "first"; 2001:db8:1::/48 }
		block from @banned
		allow tcp to self port 80
		default drop
	END
}
second() {
	export_policy <<-'END'
		set banned { 198.51.100.0/24 "second"; 2001:db8:2::/48 }
		set more : address . port { 192.0.2.10 . tcp 443 }
		block from @banned
		stateless tcp to @more
		mirror tcp port 80 to 192.0.2.77, 2001:db8::77 via out0
		default drop
	END
}

load_at_each_step() {
	hosts
	use "$1"
	first
	run_script load.sh
	host_has >"$dir/before"
	grep -q 203.0.113.0/24 "$dir/before"
	second 2>"$dir/said"
	# Calls of each program, as long as there are any.
	for program in iptables-restore ip6tables-restore iptables-save ipset; do
		# ipset is called often.
		for number in $([ $program = ipset ] && seq 1 4 60 || seq 10); do
			run --separate-stderr run_script load.sh $program $number
			calls=$(cat "$dir/count.$program")
			host_has >"$dir/after"
			if [ "$status" -eq 0 ]; then
				# All of it, or what only tidies up had failed.
				[ "$calls" -lt $number ] || [ $program = ipset ]
				grep -q 198.51.100.0/24 "$dir/after"
				first
				run_script load.sh
				# It does not name mangle any more.
				printf '*mangle\nCOMMIT\n' | tee >(in_a "$dir/bin/iptables-restore") | in_a "$dir/bin/ip6tables-restore"
				second 2>"$dir/said"
				host_has >"$dir/after"
			fi
			cmp "$dir/before" "$dir/after" || {
				echo "$program $number: $stderr"
				diff "$dir/before" "$dir/after"
				false
			}
			[ "$calls" -ge $number ] || break
		done
	done
	run_script load.sh
	host_has | grep -q weir-more-4
	host_has >"$dir/loaded"
	! grep -q 'weir.new' "$dir/loaded"
	run -0 in_a "$weir" diff "$dir/test.weir" --live
}

@test "load.sh: what is refused at any step leaves rules and sets as they were; with iptables-legacy" {
	load_at_each_step legacy
}

@test "load.sh: what is refused at any step leaves rules and sets as they were; with iptables-nft" {
	load_at_each_step nft
}

@test "refresh.sh: what is refused at any step leaves all sets as they were; a set of another type is said" {
	hosts
	use nft
	first
	run_script load.sh
	host_has >"$dir/before"
	second 2>"$dir/said"
	for number in {1..40..3}; do
		run --separate-stderr run_script refresh.sh ipset $number
		calls=$(cat "$dir/count.ipset")
		if [ "$status" -eq 0 ]; then
			first
			run_script refresh.sh
			in_a ipset -q destroy weir-more-4 && in_a ipset -q destroy weir-more-6
			second 2>"$dir/said"
		fi
		host_has >"$dir/after"
		cmp "$dir/before" "$dir/after" || { echo "$number: $stderr"; diff "$dir/before" "$dir/after"; false; }
		[ "$calls" -ge $number ] || break
	done
	export_policy <<-'END'
		set banned : address { 192.0.2.9 }
		block from @banned
	END
	run -1 --separate-stderr run_script load.sh
	[[ $stderr == *"weir-banned-4 is hash:net inet, and is to be hash:ip inet"* ]]
	cmp "$dir/before" <(host_has)
}

@test "refresh.sh: another file is named from where one stands" {
	hosts
	use nft
	first
	run_script load.sh
	mkdir "$dir/there"
	sed 's,203.0.113.0/24,192.0.2.0/25,' "$dir/out/ipsets" >"$dir/there/other"
	cd "$dir/there"
	in_a sh ../out/refresh.sh other
	sets | grep -q 192.0.2.0/25
	in_a sh ../out/refresh.sh
	sets | grep -q 203.0.113.0/24
}

@test "settings that a policy needs are written beside, and said" {
	printf 'conntrack { max 1000 }\nlimit syn to self port 80 at 5/s with synproxy\n' >"$dir/test.weir"
	run -0 --separate-stderr "$weir" export "$dir/test.weir" --directory "$dir/out"
	[[ $stderr == *"sysctl -p $dir/out/sysctl.conf" ]]
	grep -qx 'net.netfilter.nf_conntrack_max = 1000' "$dir/out/sysctl.conf"
	grep -qx 'net.netfilter.nf_conntrack_tcp_loose = 0' "$dir/out/sysctl.conf"
	echo 'default drop' >"$dir/test.weir"
	run -0 --separate-stderr "$weir" export "$dir/test.weir" --directory "$dir/none"
	[ -z "$stderr" ]
	[ ! -e "$dir/none/sysctl.conf" ]
}
