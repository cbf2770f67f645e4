/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Values are drawn so that the frames of frames.c meet them: TTLs, classes, option kinds and texts are those
 * that frames have, their neighbours, and the ends of their ranges. */
#include "rules_extension.h"

#include "ruleset/rule_parser.h"

#include <string.h>

#define V4 (1u << FAMILY_IPV4)
#define V6 (1u << FAMILY_IPV6)
#define BOTH (V4 | V6)

#define MATCH(name, families, protocol, place, text)                                                         \
	{                                                                                                    \
		name, EXTENSION_MATCH, families, NULL, protocol, place, text                                 \
	}
#define MATCH_IN(name, families, tables, protocol, place, text)                                              \
	{                                                                                                    \
		name, EXTENSION_MATCH, families, tables, protocol, place, text                               \
	}
#define TARGET(name, families, tables, protocol, place, text)                                                \
	{                                                                                                    \
		name, EXTENSION_TARGET, families, tables, protocol, place, text                              \
	}

/* clang-format off */
const struct extension_line extension_lines[] = {
	MATCH("mac", BOTH, NULL, PLACE_RECEIVED, "?!--mac-source 02:57:45:49:52:{01|02|03|04}"),
	MATCH("iprange", BOTH, NULL, 0, "?!--{src|dst}-range @r"),
	MATCH("iprange", BOTH, NULL, 0, "?!--src-range @r ?!--dst-range @r"),
	MATCH("ttl", V4, NULL, 0, "?!--ttl-eq {0|1|2|63|64|65|128|254|255}"),
	MATCH("ttl", V4, NULL, 0, "--ttl-{lt|gt} {0|1|2|63|64|65|128|254|255}"),
	MATCH("hl", V6, NULL, 0, "?!--hl-eq {0|1|2|63|64|65|128|254|255}"),
	MATCH("hl", V6, NULL, 0, "--hl-{lt|gt} {0|1|2|63|64|65|128|254|255}"),
	MATCH("length", BOTH, NULL, 0, "?!--length {28|40|48|60|0:40|41:60|40:65535|61:80|20:36}"),
	MATCH("dscp", BOTH, NULL, 0, "?!--dscp {0x00|0x01|0x08|0x2e|0x3f|0x0a}"),
	MATCH("dscp", BOTH, NULL, 0, "?!--dscp-class {BE|EF|CS1|AF11|AF41}"),
	MATCH("tos", BOTH, NULL, 0, "?!--tos {0x00|0x10|0x02/0x03|0x08/0x3f|0x20/0xe0|Minimize-Delay|Maximize-Throughput|0xff}"),
	MATCH("ecn", BOTH, NULL, 0, "?!--ecn-ip-ect {0|1|2|3}"),
	MATCH("ecn", BOTH, "tcp", 0, "?!--ecn-tcp-{cwr|ece}"),
	MATCH("ecn", BOTH, "tcp", 0, "?!--ecn-tcp-cwr ?!--ecn-tcp-ece ?!--ecn-ip-ect {0|1|3}"),
	MATCH("mark", BOTH, NULL, 0, "?!--mark {0x0|0x1|0x1/0x1|0x2|0x10/0xf0|0xffffffff|0x0/0x3|0x3}"),
	MATCH("pkttype", BOTH, NULL, 0, "?!--pkt-type {unicast|broadcast|multicast}"),
	MATCH("ah", V4, "ah", 0, "?!--ahspi {0|1|255|256|1:256|257:4294967295|0:4294967295}"),
	MATCH("ah", V6, NULL, 0, "?!--ahspi {0|1|255|256|1:256|257:4294967295}"),
	MATCH("ah", V6, NULL, 0, "?!--ahlen {16|24|12}"),
	MATCH("ah", V6, NULL, 0, "--ahspi {1|0:255} ?!--ahlen 16 --ahres"),
	MATCH("ah", V6, NULL, 0, ""),
	MATCH("esp", BOTH, "esp", 0, "?!--espspi {0|1|255|256|1:256|257:4294967295}"),
	MATCH("ipcomp", BOTH, "ipcomp", 0, "?!--ipcompspi {0|1|255|1:256|2:3}"),
	MATCH("frag", V6, NULL, 0, "?!--fragid {0|1|1:32767|32768:65535|0:65535}"),
	MATCH("frag", V6, NULL, 0, "{--fragfirst|--fragmore|--fraglast|--fragres|--fragfirst --fragmore|--fragres --fraglast}"),
	MATCH("frag", V6, NULL, 0, ""),
	MATCH("ipv6header", V6, NULL, 0, "?!--header {hop-by-hop|ipv6-opts|ipv6-route|ipv6-frag|ah|esp|none|prot|hop-by-hop,prot|hop-by-hop,ipv6-opts,prot|ipv6-frag,prot} {|--soft}"),
	MATCH("ipv6header", V6, NULL, 0, "--header {0|43|44,51|60,0|59|50} --soft"),
	MATCH("rt", V6, NULL, 0, "?!--rt-type {0|2|3|4}"),
	MATCH("rt", V6, NULL, 0, "?!--rt-segsleft {0|1|0:1|2:255}"),
	MATCH("rt", V6, NULL, 0, "?!--rt-len {8|24|40}"),
	MATCH("rt", V6, NULL, 0, "--rt-type 0 --rt-0-res"),
	MATCH("rt", V6, NULL, 0, "--rt-type 0 --rt-0-addrs {2001:db8:9::1|2001:db8:9::1,2001:db8:9::2|2001:db8:9::2} {|--rt-0-not-strict}"),
	MATCH("rt", V6, NULL, 0, ""),
	MATCH("hbh", V6, NULL, 0, "?!--hbh-len {8|16|24}"),
	MATCH("hbh", V6, NULL, 0, "--hbh-opts {1:4|5:2|5|1|30:2|5:2,1:0|5,1|1:4,5}"),
	MATCH("hbh", V6, NULL, 0, ""),
	MATCH("dst", V6, NULL, 0, "?!--dst-len {8|16|24}"),
	MATCH("dst", V6, NULL, 0, "--dst-opts {1:4|5:2|5|1|30:2|5:2,1:0|5,1|1:4,5}"),
	MATCH("dst", V6, NULL, 0, ""),
	MATCH("mh", V6, "mobility-header", 0, "?!--mh-type {0|1|5|binding-update|2:5|6:255|binding-refresh-request}"),
	MATCH("mh", V6, "mobility-header", 0, ""),
	MATCH("sctp", BOTH, "sctp", 0, "?!--sport @p ?!--dport @p"),
	MATCH("sctp", BOTH, "sctp", 0, "?!--dport 0:@p"),
	MATCH("sctp", BOTH, "sctp", 0, "?!--chunk-types {all|any|only} {INIT|DATA|INIT,DATA|SACK,ABORT|COOKIE_ECHO,DATA|DATA:Be|ABORT:T|SHUTDOWN_COMPLETE:t}"),
	MATCH("sctp", BOTH, "sctp", 0, "?!--chunk-types {all ALL|any ALL|any NONE|only NONE|all NONE|only ALL}"),
	MATCH("dccp", BOTH, "dccp", 0, "?!--sport @p ?!--dport @p:65535"),
	MATCH("dccp", BOTH, "dccp", 0, "?!--dccp-types {REQUEST|REQUEST,RESPONSE|DATA,ACK,DATAACK|RESET|CLOSE,SYNC,SYNCACK|INVALID|INVALID,CLOSEREQ}"),
	MATCH("dccp", BOTH, "dccp", 0, "?!--dccp-option {1|2|32|44}"),
	MATCH("tcpmss", BOTH, "tcp", 0, "?!--mss {0|536|1460|1:536|537:65535|1459|0:65535}"),
	MATCH("tcp", BOTH, "tcp", 0, "?!--tcp-option {2|3|4|8|1|5|30|255}"),
	MATCH("u32", V4, NULL, 0, "?!--u32 \"{5&0xff=0x40|5&0xff=1:64|0&0xffff=40:60|6&0xff=6|6&0xff=6,17|1&0xff=0x10,0x20:0x30|3&0x3fff=1:0x3fff}\""),
	MATCH("u32", V4, NULL, 0, "?!--u32 \"{0>>22&0x3c@0>>16=0:1023|0>>22&0x3c@0&0xffff=80,443,8080|0>>22&0x3c@12>>26&0x3c@0=0|6&0xff=6&&0>>22&0x3c@12&0x20000=0x20000|0=0:0xffffffff|60=0:0xffffffff|40&0xff=1:127}\""),
	MATCH("u32", V6, NULL, 0, "?!--u32 \"{4&0xff=0x40|4&0xff=1:64|2&0xffff=20:60|3&0xff=6|3&0xff=6,17|0>>20&0xff=0x10,0x20:0x30|40>>16=0:1023|40&0xffff=80,443}\""),
	MATCH("u32", V6, NULL, 0, "?!--u32 \"{0=0:0xffffffff|76=0:0xffffffff|1&0xff=0&&3&0xff=17|8=0x20010db8}\""),
	MATCH("string", BOTH, NULL, 0, "?!--string \"{weir|GET /|EIR|r HT|rr}\" --algo {bm|kmp} {|--icase|--from 20|--from 40 --to 60|--to 52|--from 28 --icase}"),
	MATCH("string", BOTH, NULL, 0, "?!--hex-string \"{^5a5a^|we^69^r|^0000^}\" --algo {bm|kmp} {|--from 40|--to 60|--from 20 --to 44}"),
	/* ip[9] == 6, ip[8] > 64; IPv6: ip6[6] == 17, ip6[7] > 64; length; the first byte behind 20. */
	MATCH("bpf", V4, NULL, 0, "--bytecode \"{4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0|4,48 0 0 8,37 0 1 64,6 0 0 1,6 0 0 0|4,40 0 0 2,53 0 1 48,6 0 0 65535,6 0 0 0|2,48 0 0 70,6 0 0 1}\""),
	MATCH("bpf", V4, NULL, 0, "--bytecode \"{4,177 0 0 0,80 0 0 1,22 0 0 0,6 0 0 1|5,177 0 0 0,72 0 0 2,21 0 1 443,6 0 0 1,6 0 0 0|1,6 0 0 0|1,6 0 0 1|4,128 0 0 0,37 0 1 40,6 0 0 1,6 0 0 0}\""),
	MATCH("bpf", V6, NULL, 0, "--bytecode \"{4,48 0 0 6,21 0 1 17,6 0 0 1,6 0 0 0|4,48 0 0 7,37 0 1 64,6 0 0 1,6 0 0 0|4,40 0 0 4,53 0 1 28,6 0 0 65535,6 0 0 0|2,48 0 0 90,6 0 0 1|1,6 0 0 1}\""),
	MATCH("icmp", V4, "icmp", 0, "?!--icmp-type {any|echo-request|echo-reply|destination-unreachable|network-unreachable|host-unreachable|redirect|time-exceeded|ttl-zero-during-transit|timestamp-request|ping|pong|TOS-network-unreachable|8/0|3/1}"),
	MATCH("icmp6", V6, "ipv6-icmp", 0, "?!--icmpv6-type {echo-request|echo-reply|destination-unreachable|no-route|packet-too-big|neighbor-solicitation|neighbour-advertisement|router-solicitation|1/1|128/0|143}"),
	MATCH("addrtype", BOTH, NULL, PLACE_UNKNOWN, "?!--{src|dst}-type {LOCAL|UNICAST|MULTICAST}"),
	MATCH("addrtype", V4, NULL, PLACE_UNKNOWN, "?!--dst-type {BROADCAST|MULTICAST,BROADCAST|UNSPEC}"),
	MATCH("statistic", BOTH, NULL, 0, "--mode random ?!--probability {0|1}"),
	MATCH("time", BOTH, NULL, 0, "{--datestart 2020-02-03T04:05:06|--datestop 2020-02-03T04:05:06|--weekdays Mon,Tue,Wed,Thu,Fri,Sat,Sun|--datestart 2020-01-01 --datestop 2037-12-31}"),
	MATCH("comment", BOTH, NULL, 0, "--comment \"{a|b c|it's|-j DROP}\""),
	MATCH("udp", BOTH, "udp", PLACE_LEGACY, "?!--sport {0:@p|@p} ?!--dport @p"),
	MATCH("multiport", BOTH, "{dccp|sctp|udplite}", 0, "?!--{sports|dports|ports} @p,@p"),
	MATCH("eui64", V6, NULL, PLACE_RECEIVED, ""),
	MATCH("physdev", BOTH, NULL, PLACE_UNKNOWN | PLACE_RECEIVED, "?!--physdev-{is-in|is-bridged}"),
	MATCH("cpu", BOTH, NULL, PLACE_UNKNOWN, "?!--cpu 0"),
	MATCH("devgroup", BOTH, NULL, PLACE_UNKNOWN | PLACE_RECEIVED, "?!--src-group {0|0x1}"),
	MATCH("policy", BOTH, NULL, PLACE_UNKNOWN | PLACE_RECEIVED, "--dir in --pol none"),

	MATCH("statistic", BOTH, NULL, PLACE_SESSION, "--mode nth ?!--every {1|2|3|7} --packet 0"),
	MATCH("statistic", BOTH, NULL, PLACE_SESSION, "--mode nth --every {5|4|9} --packet {1|2|3}"),
	MATCH("quota", BOTH, NULL, PLACE_SESSION, "?!--quota {0|100|500|1500|100000}"),
	/* No token comes back while the frames are sent. */
	MATCH("limit", BOTH, NULL, PLACE_SESSION, "--limit {1/hour|2/hour} --limit-burst {1|3|7}"),
	MATCH("limit", BOTH, NULL, PLACE_SESSION, "--limit 1000/sec --limit-burst 10000"),
	MATCH("recent", BOTH, NULL, PLACE_SESSION, "--name {one|two}@f ?!--{set|rcheck|remove} {--rsource|--rdest}"),
	MATCH("recent", BOTH, NULL, PLACE_SESSION, "--name {one|two}@f ?!--{rcheck|update} --hitcount {1|2|3} {--seconds 3600|} --rsource"),
	MATCH("hashlimit", BOTH, NULL, PLACE_SESSION, "--hashlimit-{upto|above} {1/hour|2/hour} --hashlimit-burst {1|2|5} --hashlimit-name h{1|2|3}@f {|--hashlimit-mode srcip|--hashlimit-mode dstip|--hashlimit-mode srcip,dstip}"),
	MATCH("connmark", BOTH, NULL, PLACE_TRACKED, "?!--mark {0x0|0x1|0x0/0x3}"),
	MATCH("conntrack", BOTH, NULL, PLACE_TRACKED, "?!--ctproto {tcp|udp|17}"),
	MATCH("conntrack", BOTH, NULL, PLACE_TRACKED, "--ctdir {ORIGINAL|REPLY}"),
	MATCH("conntrack", BOTH, NULL, PLACE_TRACKED, "?!--ctstatus {NONE|CONFIRMED|SEEN_REPLY|ASSURED}"),
	MATCH("conntrack", BOTH, NULL, PLACE_TRACKED, "?!--ctorigsrc @a ?!--ctorigdstport @p"),
	MATCH("conntrack", BOTH, NULL, PLACE_TRACKED, "?!--ctrepldst @a"),
	MATCH("connbytes", BOTH, NULL, PLACE_TRACKED, "?!--connbytes {0|1|2:|1:3|40:100|100:} --connbytes-mode {packets|bytes|avgpkt} --connbytes-dir {original|reply|both}"),
	MATCH("cluster", BOTH, NULL, PLACE_TRACKED | PLACE_TURNS, "--cluster-total-nodes {2|3} ?!--cluster-local-node {1|2} --cluster-hash-seed {0|0xdeadbeef}"),
	MATCH("helper", BOTH, NULL, PLACE_TRACKED, "?!--helper {ftp|\"\"}"),
	MATCH("srh", V6, NULL, 0, ""),
	MATCH("srh", V6, NULL, 0, "?!--srh-next-hdr {6|17|59}"),
	MATCH("srh", V6, NULL, 0, "?!--srh-tag {0|1|256}"),
	MATCH("srh", V6, NULL, 0, "?!--srh-{hdr-len|segs-left|last-entry}-{eq|gt|lt} {0|1|2|4}"),
	MATCH("srh", V6, NULL, 0, "{--srh-psid|--srh-nsid|--srh-lsid} {2001:db8:9::1|2001:db8:9::2|2001:db8:9::/64|2001:db8:9::2/127}"),
	MATCH("srh", V6, NULL, 0, "! {--srh-psid|--srh-nsid|--srh-lsid} {2001:db8:9::1|2001:db8:9::2|2001:db8:9::/64}"),
	MATCH("time", BOTH, NULL, PLACE_CLOCK, "--timestart {03:00 --timestop 15:00|15:00 --timestop 03:00|21:00 --timestop 09:00|11:00 --timestop 23:00}"),
	MATCH("time", BOTH, NULL, PLACE_CLOCK, "--timestart {21:00 --timestop 09:00|13:00 --timestop 01:00} {|--contiguous} {--weekdays|! --weekdays} {Mon,Wed,Fri|Sat,Sun|Tue}"),
	MATCH("time", BOTH, NULL, PLACE_CLOCK, "{--monthdays|! --monthdays} {1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31|1|22}"),
	MATCH_IN("rpfilter", BOTH, "raw mangle", NULL, PLACE_UNKNOWN | PLACE_PREROUTING, "{--loose|--validmark|--accept-local|--invert|--loose --invert}"),
	MATCH("realm", V4, NULL, PLACE_UNKNOWN | PLACE_LEAVING, "?!--realm {0x0|0x1|0x0/0xff}"),
	MATCH("socket", BOTH, NULL, PLACE_UNKNOWN | PLACE_PREROUTING | PLACE_TRACKED, "{|--transparent|--nowildcard|--restore-skmark}"),
	MATCH("owner", BOTH, NULL, PLACE_UNKNOWN | PLACE_LEAVING, "?!--{uid-owner 0|gid-owner 0|socket-exists}"),
	MATCH("cgroup", BOTH, NULL, PLACE_UNKNOWN | PLACE_LEAVING, "?!--{cgroup 16|path /}"),
	MATCH("osf", V4, "tcp", PLACE_UNKNOWN | PLACE_RECEIVED, "?!--genre Linux"),
	MATCH("ipvs", BOTH, NULL, PLACE_UNKNOWN, "--ipvs"),
	MATCH("connlimit", BOTH, NULL, PLACE_UNKNOWN | PLACE_TRACKED, "--connlimit-{upto|above} {0|1|5|40} --connlimit-mask {0|24|32} --connlimit-{saddr|daddr}"),
	MATCH("connlabel", BOTH, NULL, PLACE_UNKNOWN | PLACE_TRACKED, "?!--label 1 {|--set}"),
	MATCH("nfacct", BOTH, NULL, PLACE_UNKNOWN, "--nfacct-name weir-parity"),
	MATCH("statistic", BOTH, NULL, PLACE_UNKNOWN | PLACE_CHANCE, "--mode random ?!--probability {0.5|0.1|0.9}"),

	TARGET("HMARK", BOTH, "mangle raw", NULL, PLACE_UNKNOWN, "--hmark-tuple {src,dst|src,dst,sport,dport|proto} --hmark-mod {1|10} --hmark-rnd 7 --hmark-offset {0|1}"),
	TARGET("LED", BOTH, NULL, NULL, 0, "--led-trigger-id weir"),
	TARGET("SECMARK", BOTH, "mangle security", NULL, 0, "--selctx system_u:object_r:httpd_packet_t:s0"),
	TARGET("CONNSECMARK", BOTH, "mangle security", NULL, PLACE_TRACKED, "--{save|restore}"),
	TARGET("NFQUEUE", BOTH, NULL, NULL, PLACE_UNKNOWN, "--queue-num 7{| --queue-bypass}"),
	TARGET("TPROXY", BOTH, "mangle", "{tcp|udp}", PLACE_UNKNOWN | PLACE_PREROUTING | PLACE_TRACKED, "--on-port 9 {|--tproxy-mark 0x1/0x1}"),
	TARGET("SYNPROXY", BOTH, "filter", "tcp -m tcp --tcp-flags FIN,SYN,RST,ACK {SYN|ACK}", PLACE_UNKNOWN | PLACE_TRACKED | PLACE_RECEIVED, "--mss 1460"),
	TARGET("DNPT", V6, "mangle", NULL, PLACE_UNKNOWN | PLACE_PREROUTING | PLACE_NAT, "--src-pfx {2001:db8:2::/64|2001:db8:2:1::/64} --dst-pfx {2001:db8:2:1::/64|2001:db8:2::/64|2001:db8:9::/64}"),
	TARGET("SNPT", V6, "mangle", NULL, PLACE_UNKNOWN | PLACE_POSTROUTING | PLACE_NAT, "--src-pfx {2001:db8:1::/48|2001:db8::/32} --dst-pfx 2001:db8:9::/48"),

	TARGET("MARK", BOTH, NULL, NULL, 0, "--set-xmark {0x1/0x1|0x2/0xffffffff|0x10/0xf0|0x0/0x0|0x3/0x1}"),
	TARGET("MARK", BOTH, NULL, NULL, 0, "--{set-mark 0x1|set-mark 0x2/0x3|or-mark 0x10|and-mark 0xfffffffe|xor-mark 0x3}"),
	TARGET("TOS", BOTH, "mangle", NULL, 0, "--{set-tos 0x10|set-tos 0x20/0xe0|or-tos 0x02|and-tos 0xfc|xor-tos 0xff|set-tos Minimize-Cost}"),
	TARGET("DSCP", BOTH, "mangle", NULL, 0, "--{set-dscp 0x2e|set-dscp 0x00|set-dscp-class AF11|set-dscp-class CS1}"),
	TARGET("TTL", V4, "mangle", NULL, PLACE_LOWERS, "--{ttl-set 64|ttl-set 128|ttl-set 255|ttl-inc 1|ttl-inc 200|ttl-dec 1|ttl-dec 2}"),
	TARGET("HL", V6, "mangle", NULL, PLACE_LOWERS, "--{hl-set 64|hl-set 128|hl-set 255|hl-inc 1|hl-inc 200|hl-dec 1|hl-dec 2}"),
	TARGET("ECN", V4, "mangle", "tcp", 0, "--ecn-tcp-remove"),
	TARGET("CHECKSUM", BOTH, "mangle", NULL, 0, "--checksum-fill"),
	TARGET("TCPMSS", BOTH, NULL, "tcp -m tcp --tcp-flags SYN,RST SYN", PLACE_RESIZES, "--set-mss {536|1000|1460}"),
	TARGET("TCPMSS", BOTH, NULL, "tcp -m tcp --tcp-flags SYN,RST SYN", PLACE_RESIZES | PLACE_FORWARD, "--clamp-mss-to-pmtu"),
	TARGET("TCPOPTSTRIP", BOTH, "mangle", "tcp", 0, "--strip-options {2|4|8,2|wscale,mss|3,4,5,8}"),
	TARGET("CLASSIFY", BOTH, "mangle", NULL, PLACE_FORWARD, "--set-class {1:10|0:1}"),
	TARGET("NFLOG", BOTH, NULL, NULL, 0, "{--nflog-group 7|--nflog-prefix \"weir: \" --nflog-group 3|--nflog-size 20}"),
	TARGET("AUDIT", BOTH, NULL, NULL, 0, "--type {accept|drop|reject}"),
	TARGET("TRACE", BOTH, "raw", NULL, 0, ""),
	TARGET("RATEEST", BOTH, "mangle", NULL, 0, "--rateest-name weir@f --rateest-interval 250ms --rateest-ewmalog 500ms"),
	TARGET("IDLETIMER", BOTH, NULL, NULL, 0, "--timeout 3600 --label weir-parity"),
	TARGET("TEE", V4, NULL, NULL, PLACE_COPIES, "--gateway 192.0.2.130"),
	TARGET("TEE", V6, NULL, NULL, PLACE_COPIES, "--gateway 2001:db8:2:1::8"),
	TARGET("SET", BOTH, NULL, NULL, PLACE_SESSION, "--{add|del}-set {ips@f|learned@f} {src|dst}"),
	TARGET("SET", BOTH, NULL, NULL, PLACE_SESSION, "--add-set {ips@f|learned@f} {src|dst} --exist"),
	TARGET("CT", BOTH, "raw", NULL, PLACE_TRACKED, "--zone {1|5}"),
	/* nat: the rules meet first packets only. The addresses are this host's, what lies behind it, and others'. */
	TARGET("DNAT", V4, "nat", NULL, PLACE_PREROUTING, "--to-destination {192.0.2.1|192.0.2.129|192.0.2.130|192.0.2.129-192.0.2.132}"),
	TARGET("DNAT", V4, "nat", "{tcp|udp}", PLACE_PREROUTING, "--to-destination {192.0.2.1|192.0.2.129|192.0.2.130|}:{53|8080|1000-1003|@p}"),
	TARGET("DNAT", V6, "nat", NULL, PLACE_PREROUTING, "--to-destination {2001:db8:2::1|2001:db8:2:1::9|2001:db8:2:1::a|2001:db8:2:1::9-2001:db8:2:1::c}"),
	TARGET("DNAT", V6, "nat", "{tcp|udp}", PLACE_PREROUTING, "--to-destination [{2001:db8:2::1|2001:db8:2:1::9|2001:db8:2:1::a}]:{53|8080|1000-1003|@p}"),
	TARGET("REDIRECT", BOTH, "nat", NULL, PLACE_PREROUTING, ""),
	TARGET("REDIRECT", BOTH, "nat", "{tcp|udp}", PLACE_PREROUTING, "--to-ports {53|8080|1000-1003|@p}"),
	TARGET("NETMAP", V4, "nat", NULL, PLACE_PREROUTING, "--to {192.0.2.128/25|192.0.2.192/27|192.0.2.130/32}"),
	TARGET("NETMAP", V6, "nat", NULL, PLACE_PREROUTING, "--to {2001:db8:2:1::/64|2001:db8:2:1::a/128|2001:db8:2:1:7::/80}"),
	TARGET("SNAT", V4, "nat", NULL, PLACE_SOURCE, "--to-source {192.0.2.1|192.0.2.140|198.51.100.77|192.0.2.140-192.0.2.143}"),
	TARGET("SNAT", V4, "nat", "{tcp|udp}", PLACE_SOURCE, "--to-source {192.0.2.1|192.0.2.140|}:{2000|2000-2009|@p}"),
	TARGET("SNAT", V6, "nat", NULL, PLACE_SOURCE, "--to-source {2001:db8:2::1|2001:db8:2:1::14|2001:db8:1::77|2001:db8:2:1::14-2001:db8:2:1::17}"),
	TARGET("SNAT", V6, "nat", "{tcp|udp}", PLACE_SOURCE, "--to-source [{2001:db8:2::1|2001:db8:2:1::14}]:{2000|2000-2009|@p}"),
	TARGET("MASQUERADE", BOTH, "nat", NULL, PLACE_SOURCE | PLACE_POSTROUTING, "{|--random|--random-fully}"),
	TARGET("MASQUERADE", BOTH, "nat", "{tcp|udp}", PLACE_SOURCE | PLACE_POSTROUTING, "--to-ports {2000|2000-2009|@p}"),
	TARGET("NETMAP", V4, "nat", NULL, PLACE_SOURCE, "--to {203.0.113.128/25|192.0.2.160/27|198.51.100.0/24}"),
	TARGET("NETMAP", V6, "nat", NULL, PLACE_SOURCE, "--to {2001:db8:9::/64|2001:db8:2:1::a/128}"),
	MATCH("conntrack", BOTH, NULL, PLACE_TRACKED, "?!--ctstate {SNAT|DNAT|SNAT,DNAT|ESTABLISHED,DNAT}"),
	TARGET("CONNMARK", BOTH, NULL, NULL, PLACE_TRACKED, "--{set-xmark 0x1/0x1|save-mark|restore-mark}"),
};
/* clang-format on */

const size_t extension_line_count = sizeof(extension_lines) / sizeof(*extension_lines);
_Static_assert(sizeof(extension_lines) / sizeof(*extension_lines) <= EXTENSION_LINES,
	       "struct extension_choice");

const struct extension_left_out extensions_left_out[] = {
    {"rateest", "hangs on the clock, and on an estimator that another rule made before"},
    {"l2tp", "its headers are not among the frames"},
    {"CLUSTERIP, ULOG, SAME and the like", "Linux has them no more"},
};
const size_t extension_left_out_count = sizeof(extensions_left_out) / sizeof(*extensions_left_out);

bool extension_modelled(const struct extension_line *line, enum family family)
{
	if (line->kind == EXTENSION_MATCH) {
		const struct match_type *type = match_type_find(text_of(line->name), family);

		return type && type->modelled;
	}
	const struct target_type *type = target_type_find(text_of(line->name), family);

	return type && type->modelled;
}

void extension_choose_modelled(struct extension_choice *choice)
{
	*choice = (struct extension_choice){0};
	for (int family = 0; family < FAMILY_COUNT; family++)
		for (size_t i = 0; i < extension_line_count; i++)
			choice->on[family][i] = extension_lines[i].families >> family & 1 &&
						extension_modelled(&extension_lines[i], (enum family)family);
}

static void put_range(const struct pool *pool, struct random *random, struct buffer *out)
{
	address a = pool_source(pool, random), b = pool_source(pool, random);

	address_print(pool->family, a < b ? a : b, out);
	buffer_puts(out, "-");
	address_print(pool->family, a < b ? b : a, out);
}

static void put_value(char kind, const struct pool *pool, struct random *random, struct buffer *out)
{
	switch (kind) {
	case 'p':
		buffer_printf(out, "%u", pool->ports[random_below(random, POOL_PORTS)]);
		break;
	case 'a':
		address_print(pool->family, pool_source(pool, random), out);
		break;
	case 'r':
		put_range(pool, random, out);
		break;
	case 'b':
		buffer_printf(out, "%u", random_below(random, 256));
		break;
	case 'f':
		buffer_puts(out, pool->family == FAMILY_IPV4 ? "4" : "6");
		break;
	default:
		break;
	}
}

/* `at` is behind the brace; writes one of the alternatives and returns what is behind the closing brace. `^`
 * stands for a bar. */
static const char *put_alternative(const char *at, const struct pool *pool, struct random *random,
				   struct buffer *out)
{
	const char *end = strchr(at, '}');
	uint32_t count = 1, chosen;

	if (!end)
		return at + strlen(at);
	for (const char *c = at; c < end; c++)
		count += *c == '|';
	chosen = random_below(random, count);
	for (; chosen; at++)
		chosen -= *at == '|';
	for (; at < end && *at != '|'; at++) {
		if (*at == '@')
			put_value(*++at, pool, random, out);
		else
			buffer_add(out, *at == '^' ? "|" : at, 1);
	}
	return end + 1;
}

static void expand(const char *at, const struct pool *pool, struct random *random, struct buffer *out)
{
	while (*at) {
		if (*at == '{') {
			at = put_alternative(at + 1, pool, random, out);
		} else if (at[0] == '?' && at[1] == '!') {
			buffer_puts(out, random_percent(random, 25) ? "! " : "");
			at += 2;
		} else if (*at == '@') {
			put_value(at[1], pool, random, out);
			at += 2;
		} else {
			buffer_add(out, at++, 1);
		}
	}
}

void extension_expand_protocol(const struct extension_line *line, const struct pool *pool,
			       struct random *random, struct buffer *out)
{
	if (!line->protocol)
		return;
	buffer_puts(out, " -p ");
	expand(line->protocol, pool, random, out);
}

void extension_expand(const struct extension_line *line, const struct pool *pool, struct random *random,
		      struct buffer *out)
{
	buffer_printf(out, line->kind == EXTENSION_MATCH ? " -m %s" : " -j %s", line->name);
	if (!line->text[0])
		return;
	buffer_puts(out, " ");
	expand(line->text, pool, random, out);
}

const struct extension_line *extension_draw(const struct extension_choice *choice, enum extension_kind kind,
					    const struct pool *pool, const char *table, unsigned without,
					    struct random *random)
{
	const struct extension_line *found = NULL;
	uint32_t seen = 0;

	for (size_t i = 0; i < extension_line_count; i++) {
		const struct extension_line *line = &extension_lines[i];

		if (line->kind != kind || !choice->on[pool->family][i] || line->place & without ||
		    (line->tables && !strstr(line->tables, table)))
			continue;
		/* Each with the same chance. */
		if (random_below(random, ++seen) == 0)
			found = line;
	}
	return found;
}
