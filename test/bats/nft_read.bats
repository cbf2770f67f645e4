#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# nftables' rulesets as RULES: scripts and lists, what commands say of them, and what is said when they cannot be read.

bats_require_minimum_version 1.5.0

setup() {
	weir=${WEIR:-$BATS_TEST_DIRNAME/../../build/src/command/weir}
	dir=$BATS_TEST_TMPDIR
	cat >"$dir/edge.nft" <<-'END'
		#!/usr/sbin/nft -f
		flush ruleset
		table inet filter {
			set bans {
				type ipv4_addr
				flags interval
				elements = { 192.0.2.0/24, 198.51.100.7 }
			}
			chain wan {
				tcp dport { 80, 443 } accept
				icmp type echo-request accept
			}
			chain input {
				type filter hook input priority 0; policy drop;
				ct state vmap { established : accept, related : accept, invalid : drop }
				ip saddr @bans drop
				iifname vmap { "lo" : accept, "eth0" : jump wan }
			}
		}
	END
	cat >"$dir/rules.v4" <<-'END'
		*filter
		:INPUT DROP [0:0]
		-A INPUT -m conntrack --ctstate INVALID -j DROP
		-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
		-A INPUT -m set --match-set bans src -j DROP
		-A INPUT -i lo -j ACCEPT
		-A INPUT -i eth0 -p tcp -m multiport --dports 80,443 -j ACCEPT
		-A INPUT -i eth0 -p icmp -m icmp --icmp-type 8 -j ACCEPT
		COMMIT
	END
	cat >"$dir/rules.v6" <<-'END'
		*filter
		:INPUT DROP [0:0]
		-A INPUT -m conntrack --ctstate INVALID -j DROP
		-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
		-A INPUT -i lo -j ACCEPT
		-A INPUT -i eth0 -p tcp -m multiport --dports 80,443 -j ACCEPT
		COMMIT
	END
	printf 'create bans hash:net\nadd bans 192.0.2.0/24\nadd bans 198.51.100.7\n' >"$dir/ipsets"
	mkdir "$dir/old"
	mv "$dir/rules.v4" "$dir/rules.v6" "$dir/ipsets" "$dir/old"
}

namespaces() {
	command -v nft >/dev/null || skip "nft is not installed"
	unshare -n true 2>/dev/null || unshare -rn true 2>/dev/null || skip "network namespaces are not permitted"
}

@test "a script means what iptables' rules mean, and so does its list" {
	namespaces
	"$weir" diff "$dir/old" "$dir/edge.nft" --effects
	"$weir" print "$dir/edge.nft" | grep -q -- '-A INPUT -m set --match-set bans src -j DROP'
	run -1 "$weir" diff "$dir/old" <(sed 's/80, 443/80/; s/^#!.*/#!nft/' "$dir/edge.nft")
	[[ $output == *443* ]]
}

@test "what other commands say of a script" {
	namespaces
	run -0 --separate-stderr "$weir" explain "$dir/edge.nft" \
		--packet 'proto=tcp src=192.0.2.1 dst=203.0.113.1 sport=1 dport=80 in=eth0 state=new'
	[[ $output == *"verdict: dropped by rule 4 of filter INPUT"* ]]
	run -0 --separate-stderr "$weir" explain "$dir/edge.nft" \
		--packet 'proto=tcp src=203.0.113.9 dst=203.0.113.1 sport=1 dport=80 in=eth0 state=new'
	[[ $output == *"verdict: accepted by rule 1 of filter wan"* ]]
	run -1 --separate-stderr "$weir" check "$dir/edge.nft"
	[[ $output == *"warning[ssh-locked-out]"* ]]
	[[ $stderr == *"note[nft-authentication-header]"* ]]
}

@test "what is dropped early of a script is what is of iptables' rules" {
	namespaces
	cat >"$dir/early.nft" <<-'END'
		table ip raw {
			chain bans {
				type filter hook prerouting priority -300;
				ip saddr { 192.0.2.0/24, 198.51.100.7 } udp dport 53 drop
				ip saddr 203.0.113.0/24 limit rate 5/second accept
				ip saddr 203.0.113.0/24 drop
			}
		}
	END
	printf '*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -s 192.0.2.0/24 -p udp --dport 53 -j DROP\n' >"$dir/early.v4"
	printf -- '-A PREROUTING -s 198.51.100.7 -p udp --dport 53 -j DROP\nCOMMIT\n' >>"$dir/early.v4"
	run -0 --separate-stderr "$weir" compile "$dir/early.nft"
	[[ ${lines[0]} == "IPv4: 3 rules "*": early in full 1, in part 0, not 1, "* ]]
	[[ ${lines[1]} == "  in full "*"early.nft (ip):"* ]]
	[[ $output == *"proven equal to the rules"* ]]
	run -0 --separate-stderr "$weir" compile "$dir/early.v4"
	[[ ${lines[0]} == "IPv4: 2 rules "*" early in full 2, in part 0, "* ]]
}

@test "what nft does not take is said with its place" {
	namespaces
	printf 'table ip t {\n\tchain c {\n\t\tip saddr 192.0.2.300 drop\n\t}\n}\n' >"$dir/bad.nft"
	run -2 --separate-stderr "$weir" print "$dir/bad.nft"
	[[ $stderr == *"bad.nft:3:"*nft-refused* ]]
}

@test "nothing of the host's is touched" {
	namespaces
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	ip netns add "weir-t$$-n" 2>/dev/null || skip "network namespaces are not permitted"
	ip netns exec "weir-t$$-n" nft add table ip mine
	ip netns exec "weir-t$$-n" "$weir" print "$dir/edge.nft" >/dev/null
	listed=$(ip netns exec "weir-t$$-n" nft list ruleset)
	ip netns del "weir-t$$-n"
	[[ $listed == *"table ip mine"* ]]
	[[ $listed != *filter* ]]
}

@test "a list that is none is refused" {
	printf '{"nftables": [{"rule": 1' >"$dir/cut"
	run -2 --separate-stderr "$weir" print "$dir/cut"
	[[ $stderr == *"cut off"* ]]
}
