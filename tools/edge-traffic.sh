#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Packets for examples/edge, one a line in weir's notation, the same at every run (fixed seed):
#   banned  from the banned sources, drawn evenly, to the services
#   clean   from other clients to the services
#   mix     half a SYN flood from banned sources, a fifth one from spoofed addresses to the services, a tenth to
#           closed ports, and a fifth clean clients
#   all     one packet and more of every kind that the rules tell apart, IPv4 and IPv6: for comparing verdicts
set -eu
kind=${1:?usage: edge-traffic.sh banned|clean|mix|all}
edge=$(cd "$(dirname "$0")/../examples/edge" && pwd)

cat "$edge/rules.v4" "$edge/rules.v6" | awk -v kind="$kind" '
function random(n) { seed = (seed * 16807) % 2147483647; return seed % n }
function bare(address) { sub(/\/.*/, "", address); return address }
function client() {
	do
		a = "198." (18 + random(2)) "." random(256) "." (1 + random(254))
	while (a in banned)
	return a
}
function client6() { return sprintf("2001:db8:%x::%x", 1024 + random(1024), 1 + random(65534)) }
function send(source, service, flags) {
	printf "proto=%s src=%s sport=%d dst=%s dport=%d%s\n", protocol[service], source, 1024 + random(64000), \
		address[service], port[service], protocol[service] == "tcp" ? " flags=" flags : ""
}
function tcp_service() { do s = 1 + random(services4); while (protocol[s] != "tcp"); return s }
function closed(source, destination) {
	printf "proto=tcp src=%s sport=%d dst=%s dport=%d flags=syn\n", source, 1024 + random(64000), destination, \
		10000 + random(20000)
}
function stray(source, destination, echo) {
	printf "proto=udp src=%s sport=%d dst=%s dport=%d\n", source, 1024 + random(64000), destination, \
		10000 + random(20000)
	printf "proto=%s src=%s dst=%s type=%d code=0\n", echo == 8 ? "icmp" : "icmp6", source, destination, echo
}
BEGIN { seed = 424242 }
$1 == "-A" && $2 == "INPUT" && $3 == "-s" && $6 == "DROP" {
	a = bare($4); banned[a] = 1
	if (a ~ /:/) ban6[++bans6] = a; else ban4[++bans4] = a
}
$1 == "-A" && $2 == "INPUT" && $3 == "-d" && $NF == "ACCEPT" {
	services++
	if ($4 !~ /:/) services4 = services
	address[services] = bare($4); protocol[services] = $6; port[services] = $10
}
END {
	if (!bans4 || !services4) { print "edge-traffic.sh: no bans in examples/edge" >"/dev/stderr"; exit 1 }
	for (i = 0; kind != "all" && i < 4096; i++) {
		part = kind == "banned" ? 0 : kind == "clean" ? 9 : random(10)
		if (kind == "banned") send(ban4[1 + random(bans4)], 1 + random(services4), "syn")
		else if (part < 5) send(ban4[1 + random(bans4)], tcp_service(), "syn")
		else if (part < 7) send(client(), tcp_service(), "syn")
		else if (part < 8) closed(client(), address[1 + random(services4)])
		else send(client(), 1 + random(services4), random(2) ? "syn" : "ack")
	}
	if (kind != "all") exit
	for (i = 1; i <= bans4; i++) {
		send(ban4[i], 1 + random(services4), "syn")
		closed(ban4[i], address[1 + random(services4)])
		if (i % 10 == 0) stray(ban4[i], address[1 + random(services4)], 8)
	}
	for (i = 1; i <= bans6; i++) {
		send(ban6[i], services4 + 1 + random(services - services4), "syn")
		closed(ban6[i], address[services])
		stray(ban6[i], address[services], 128)
	}
	for (i = 1; i <= services4; i++) {
		send(client(), i, "syn"); send(client(), i, "ack,psh"); send(client(), i, "rst")
		closed(client(), address[i])
		stray(client(), address[i], 8)
	}
	for (; i <= services; i++) {
		send(client6(), i, "syn"); send(client6(), i, "ack"); closed(client6(), address[i])
		stray(client6(), address[i], 128)
	}
	for (i = 1; i <= 20; i++) {
		printf "proto=tcp src=198.51.100.%d sport=%d dst=192.0.2.11 dport=22 flags=syn\n", i, 30000 + i
		printf "proto=tcp src=%s sport=%d dst=192.0.2.11 dport=22 flags=syn\n", client(), 30000 + i
		printf "proto=tcp src=2001:db8:0:22::%x sport=%d dst=2001:db8:0:1::1 dport=22 flags=syn\n", i, 30000 + i
		printf "proto=tcp src=%s sport=%d dst=2001:db8:0:1::1 dport=22 flags=syn\n", client6(), 30000 + i
		printf "proto=47 src=%s dst=192.0.2.11\n", client()
	}
}'
