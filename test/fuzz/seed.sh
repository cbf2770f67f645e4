#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# seed.sh TARGET DIRECTORY: writes what the fuzz target begins with, from the golden cases, the examples and the lines of
# rules that the unit tests have. From the top of the source tree.
set -eu
target=$1
directory=$2
mkdir -p "$directory"

golden() {
	find test/golden examples -type f | sort
}

# Every set that a rule of the tests may name, and what stands before the rules then.
sets() {
	printf 'create %s\n' 'a hash:ip' 't hash:ip timeout 60 counters skbinfo' 'p hash:ip,port' 'n hash:net' \
		'f hash:net,iface' 'a6 hash:ip family inet6' 's hash:ip skbinfo' 'l list:set'
	echo ---
}

# Lines of tests, one file each: {FAMILY_IPV4, "filter", "INPUT", "-j DROP", ...}; and what else looks like a rule, without
# table and chain.
rule_lines() {
	sets >"$directory/sets"
	{
		cat test/unit/*.[ch] | tr '\n' ' ' |
			grep -oP '\{FAMILY_IPV[46],\s*"[a-z]+",\s*"[A-Za-z]+",\s*("([^"\\]|\\.)*"\s*)+(?=[,}])'
		grep -ohP '"-m [a-z0-9]+ --([^"\\]|\\.)*"' test/unit/*.[ch] | sed 's/^/{FAMILY_IPV4, "filter", "INPUT", /' | sort -u
		grep -ohP '"-j [A-Z]+ --([^"\\]|\\.)*"' test/unit/*.[ch] | sort -u |
			sed 's/^/{FAMILY_IPV4, "mangle", "X", /; s/"mangle"\(.*SECMARK\)/"security"\1/'
	} | awk -v directory="$directory" '
		BEGIN {
			while ((getline line < (directory "/sets")) > 0)
				sets = sets line "\n"
		}
		{
			family = substr($0, 12, 1)
			count = 0
			rule = ""
			while (match($0, /"([^"\\]|\\.)*"/)) {
				word = substr($0, RSTART + 1, RLENGTH - 2)
				$0 = substr($0, RSTART + RLENGTH)
				gsub(/\\"/, "\"", word)
				gsub(/\\\\/, "\\", word)
				if (++count == 1)
					table = word
				else if (count == 2)
					chain = word
				else
					rule = rule word
			}
			file = directory "/line" NR
			policy = chain ~ /^(PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING)$/ ? "ACCEPT" : "-"
			printf "%s%s*%s\n:%s %s [0:0]\n-A %s %s\nCOMMIT\n", family, rule ~ /-set / ? sets : "", table,
				chain, policy, chain, rule >file
			close(file)
		}'
	rm "$directory/sets"
}

seed_rules() {
	golden | while read -r file; do
		grep -qa '^\*' "$file" || continue
		name=$(echo "$file" | tr / _)
		{ printf 4; cat "$file"; } >"$directory/four_$name"
		{ printf 6; cat "$file"; } >"$directory/six_$name"
	done
	rule_lines
}

# Scripts apart by empty lines, one file each.
scripts() {
	awk -v directory="$directory" 'BEGIN { RS = "" } { print >(directory "/script" NR); close(directory "/script" NR) }'
}

seed_sets() {
	golden | while read -r file; do
		if grep -qa '^create ' "$file"; then cp "$file" "$directory/$(echo "$file" | tr / _)"; fi
	done
	scripts <<'END'
create a bitmap:ip range 192.0.2.0/24 timeout 60 counters comment skbinfo
add a 192.0.2.1 timeout 5 packets 1 bytes 60 comment "of \"one\"" skbmark 0x1/0xff skbprio 1:10 skbqueue 3
add a 192.0.2.8-192.0.2.11

create a bitmap:ip range 192.0.2.0-192.0.3.255 netmask 28
add a 192.0.2.17
del a 192.0.2.16/28

create a bitmap:ip,mac range 192.0.2.0/24
add a 192.0.2.1,00:53:00:00:00:01
add a 192.0.2.2
-exist add a 192.0.2.2,00:53:00:00:00:02

create a bitmap:port range 0-1023
add a 22
add a tcp:80-83
add a domain

create a hash:ip family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x12345678 forceadd
add a 192.0.2.1
add a 192.0.2.0/30 -exist
del a 192.0.2.1-192.0.2.2

create a hash:ip family inet6 netmask 64
add a 2001:db8::1

create a hash:mac
add a 00:53:00:00:00:01

create a hash:ip,mac counters
add a 192.0.2.1,00:53:00:00:00:01 packets 18446744073709551615 bytes 1

create a hash:ip,mark markmask 0xff
add a 192.0.2.1,0x5f
add a 192.0.2.2,95

create a hash:ip,port family inet6
add a 2001:db8::1,tcp:80
add a 2001:db8::1,icmpv6:echo-request
add a 2001:db8::1,icmpv6:1/4
add a [2001:db8::2],udp:53-54

create a hash:ip,port
add a 192.0.2.1-192.0.2.2,sctp:1
add a 192.0.2.1,icmp:8/0
add a 192.0.2.1,47:0
add a 192.0.2.3,udplite:5

create a hash:ip,port,ip
add a 192.0.2.1,tcp:80,198.51.100.1

create a hash:ip,port,net
add a 192.0.2.1,tcp:80-81,198.51.100.0/24
add a 192.0.2.1,80,203.0.113.0-203.0.113.6 nomatch

create a hash:net timeout 0
add a 192.0.2.0/24 nomatch timeout 2147483
add a 198.51.100.0-198.51.100.6
add a 0.0.0.0/1

create a hash:net family inet6 comment
add a 2001:db8::/32 comment it's

create a hash:net,net
add a 192.0.2.0/24,198.51.100.0/25 nomatch
del a 192.0.2.0/24,198.51.100.0/25

create a hash:net,port
add a 192.0.2.0/24,tcp:0
add a 192.0.2.0-192.0.2.9,1-3

create a hash:net,port,net family inet6
add a 2001:db8::/32,udp:53,2001:db8:1::/48

create a hash:net,iface
add a 192.0.2.0/24,eth0
add a 192.0.2.0/24,physdev:eth1
add a 192.0.2.0/24,eth wildcard nomatch

create a hash:ip
create b hash:ip
create l list:set size 8 counters timeout 9
add l a
add l b before a
add l c after b
test l a
del l b
flush l
add l a timeout 4 packets 2 bytes 9
swap a b
rename b c
destroy l

create a hash:ip
add a 192.0.2.1
create b hash:ip
-! create b hash:ip
swap a b
flush a
list a
save
rename a c
destroy b
COMMIT

# a comment
n a hash:ip hashsize 64
-N b iphash
--create c nethash family inet
a c 192.0.2.0/24
-A a 192.0.2.1
--add c 192.0.2.0/25 nomatch
-D a 192.0.2.1
x b
version
END
}

seed_notation() {
	golden | while read -r file; do
		name=$(echo "$file" | tr / _)
		sed -n "s/.*--packet '\([^']*\)'.*/\1/p" "$file" | head -n 1 >"$directory/$name"
		[ -s "$directory/$name" ] || rm "$directory/$name"
	done
	scripts <<'END'
proto=tcp src=192.0.2.1 sport=1 dst=192.0.2.2 dport=2 flags=syn

family=4 in=eth0 out=eth1 proto=udp src=192.0.2.1 dst=192.0.2.2 sport=40000 dport=443 state=new length=60 frag=no ttl=64

family=6 proto=icmpv6 src=2001:db8::1 dst=2001:db8::2 type=packet-too-big code=0 hl=255 tos=0xb8 frag=first state=related

family=4 proto=icmp type=echo-request mac=00:53:00:00:00:01 pkttype=multicast mark=0x10 time=2026-01-02T03:04:05.000000006Z

family=4 proto=47 frag=later flags=none state=untracked pkttype=broadcast
END
}

seed_capture() {
	golden | while read -r file; do
		case $file in *.pcap | *.pcapng) cp "$file" "$directory/$(echo "$file" | tr / _)" ;; esac
	done
	# The header alone; of pcapng: section, interface (with its time unit), packet.
	printf '\324\303\262\241\002\000\004\000\000\000\000\000\000\000\000\000\377\377\000\000\001\000\000\000' \
		>"$directory/empty"
	{
		printf '\012\015\015\012\034\000\000\000\115\074\053\032\001\000\000\000\377\377\377\377\377\377\377\377'
		printf '\034\000\000\000\001\000\000\000\040\000\000\000\145\000\000\000\377\377\000\000\011\000\001\000'
		printf '\011\000\000\000\000\000\000\000\040\000\000\000\006\000\000\000\074\000\000\000\000\000\000\000'
		printf '\001\000\000\000\002\000\000\000\034\000\000\000\034\000\000\000'
		printf '\105\000\000\034\000\000\000\000\100\021\000\000\300\000\002\001\300\000\002\002'
		printf '\000\001\000\065\000\010\000\000\074\000\000\000'
	} >"$directory/blocks"
}

# Of each input the first byte says how the engine is set up; then come frames of which nothing but a number is
# given, from which they are drawn.
seed_evaluate() {
	awk 'BEGIN {
		srand(1)
		for (i = 0; i < 256; i++) {
			printf "\\%03o", i % 64
			for (frame = 0; frame < 1 + i % 3 + (i % 16 ? 0 : 5); frame++)
				printf "\\%03o\\%03o\\%03o\\000\\000\\000\\000\\000\\000\\000\\%03o\\%03o",
					int(rand() * 256), int(rand() * 256), 128 + int(rand() * 8), int(rand() * 256),
					int(rand() * 256)
			printf "\n"
		}
	}' | {
		number=0
		while read -r bytes; do
			number=$((number + 1))
			# shellcheck disable=SC2059
			printf "$bytes" >"$directory/drawn$number"
		done
	}
}

"seed_$target"
