/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cases.h"

#include <netinet/in.h>

#define BANNED "198.51.100.7"
#define OTHER "203.0.113.9"

#define RAW                                                                                                  \
	"*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT DROP [0:0]\n-A PREROUTING -s " SENTINEL_IPV4                \
	"/32 -j ACCEPT\n"
#define RAW6                                                                                                 \
	"*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT DROP [0:0]\n-A PREROUTING -s " SENTINEL_IPV6                \
	"/128 -j ACCEPT\n"
#define FILTER "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"

/* clang-format off */
#define TCP .protocol = IPPROTO_TCP, .source_port = 40000
#define UDP .protocol = IPPROTO_UDP, .source_port = 40000

const struct fixed_case fixed_cases[] = {
	{
		"a banned source is dropped, whatever it sends to", FAMILY_IPV4,
		.tables = RAW "COMMIT\n" FILTER "-A INPUT -s " BANNED "/32 -j DROP\n-A FORWARD -s " BANNED "/32 -j DROP\nCOMMIT\n",
		.forwarding = true,
		.packets = {
			{true, {TCP, .tcp_flags = 0x02, .destination_port = 443}, BANNED, HOST_IPV4},
			{true, {UDP, .destination_port = 53}, BANNED, BEHIND_IPV4},
			{false, {TCP, .tcp_flags = 0x02, .destination_port = 443}, OTHER, HOST_IPV4},
			/* Every header it could have is dropped. */
			{true, {UDP, .destination_port = 53, .fragment = FRAME_FIRST, .payload = 16}, BANNED, BEHIND_IPV4},
			{false, {TCP, .tcp_flags = 0x02, .destination_port = 443, .options = 1}, BANNED, HOST_IPV4},
			{false, {TCP, .tcp_flags = 0x02, .destination_port = 443, .to = TO_BROADCAST}, BANNED, HOST_IPV4},
		}, .count = 6,
	},
	{
		"NOTRACK goes on: what is behind it decides", FAMILY_IPV4, .tracked = true,
		.tables = RAW "-A PREROUTING -p udp -m udp --dport 53 -j NOTRACK\n"
			"-A PREROUTING -p udp -m udp --dport 53 -j DROP\nCOMMIT\n" FILTER
			"-A INPUT -m conntrack --ctstate UNTRACKED -j DROP\nCOMMIT\n",
		.packets = {
			{true, {UDP, .destination_port = 53}, OTHER, HOST_IPV4},
			{false, {UDP, .destination_port = 54}, OTHER, HOST_IPV4},
		}, .count = 2,
	},
	{
		"untracked packets have one state", FAMILY_IPV4, .tracked = true,
		.tables = RAW "-A PREROUTING -p udp -m udp --dport 53 -j CT --notrack\nCOMMIT\n" FILTER
			"-A INPUT -m state --state NEW,RELATED,ESTABLISHED -j ACCEPT\n"
			"-A INPUT -s " BANNED "/32 -j DROP\nCOMMIT\n",
		.packets = {
			{true, {UDP, .destination_port = 53}, BANNED, HOST_IPV4},
			{false, {UDP, .destination_port = 54}, BANNED, HOST_IPV4},
			{false, {UDP, .destination_port = 53}, OTHER, HOST_IPV4},
		}, .count = 3,
	},
	{
		"ACCEPT ends one table only", FAMILY_IPV4,
		.tables = RAW "-A PREROUTING -s " BANNED "/32 -j ACCEPT\nCOMMIT\n" FILTER "-A INPUT -s " BANNED "/32 -j DROP\nCOMMIT\n",
		.packets = {{true, {TCP, .tcp_flags = 0x02, .destination_port = 80}, BANNED, HOST_IPV4}}, .count = 1,
	},
	{
		"RETURN in a built-in chain meets the policy", FAMILY_IPV4,
		.tables = RAW "COMMIT\n*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
			"-A INPUT -s " BANNED "/32 -j RETURN\n-A INPUT -j ACCEPT\nCOMMIT\n",
		.packets = {
			{true, {TCP, .tcp_flags = 0x02, .destination_port = 80}, BANNED, HOST_IPV4},
			{false, {TCP, .tcp_flags = 0x02, .destination_port = 80}, OTHER, HOST_IPV4},
		}, .count = 2,
	},
	{
		"RETURN after goto goes to the caller of the last jump", FAMILY_IPV4,
		.tables = RAW "COMMIT\n" FILTER ":A - [0:0]\n:B - [0:0]\n-A INPUT -j A\n-A INPUT -s " BANNED "/32 -j DROP\n"
			"-A A -g B\n-A A -j ACCEPT\n-A B -s " BANNED "/32 -j RETURN\n-A B -j ACCEPT\nCOMMIT\n",
		.packets = {
			{true, {TCP, .tcp_flags = 0x02, .destination_port = 80}, BANNED, HOST_IPV4},
			{false, {TCP, .tcp_flags = 0x02, .destination_port = 80}, OTHER, HOST_IPV4},
		}, .count = 2,
	},
	{
		"later fragments match neither a port nor its negation", FAMILY_IPV4, .forwarding = true,
		.tables = RAW "COMMIT\n" FILTER "-A FORWARD -p udp -m udp ! --dport 53 -j DROP\n"
			"-A FORWARD -p udp -m multiport ! --dports 53,54 -j DROP\n"
			"-A FORWARD -p udp -m udp --dport 53 -j DROP\nCOMMIT\n",
		.packets = {
			{false, {UDP, .destination_port = 99, .fragment = FRAME_LATER, .offset = 4, .payload = 16}, OTHER, BEHIND_IPV4},
			{false, {UDP, .destination_port = 99, .fragment = FRAME_FIRST, .payload = 16}, OTHER, BEHIND_IPV4},
		}, .count = 2,
	},
	{
		"a negated set of address and port holds for later fragments", FAMILY_IPV4, .forwarding = true,
		.sets = "create pairs4 hash:ip,port family inet hashsize 1024 maxelem 65536\nadd pairs4 " OTHER ",udp:53\n",
		.tables = RAW "COMMIT\n" FILTER "-A FORWARD -m set ! --match-set pairs4 src,dst -j DROP\nCOMMIT\n",
		.packets = {
			/* The whole packet may be in the set: not early, although this part is dropped. */
			{false, {UDP, .destination_port = 99, .fragment = FRAME_LATER, .offset = 4, .payload = 16}, OTHER, BEHIND_IPV4},
			{false, {UDP, .destination_port = 53}, OTHER, BEHIND_IPV4},
		}, .count = 2,
	},
	{
		"a set with too few dimensions never matches", FAMILY_IPV4,
		.sets = "create pairs4 hash:ip,port family inet hashsize 1024 maxelem 65536\nadd pairs4 " BANNED ",udp:53\n",
		.tables = RAW "COMMIT\n" FILTER "-A INPUT -m set --match-set pairs4 src -j ACCEPT\n"
			"-A INPUT -m set ! --match-set pairs4 src -j DROP\nCOMMIT\n",
		.packets = {{true, {UDP, .destination_port = 53}, BANNED, HOST_IPV4}}, .count = 1,
	},
	{
		"masks with holes", FAMILY_IPV4,
		.tables = RAW "COMMIT\n" FILTER "-A INPUT -s 198.51.0.7/255.255.0.255 -j DROP\nCOMMIT\n",
		.packets = {
			{true, {TCP, .tcp_flags = 0x02, .destination_port = 80}, "198.51.3.7", HOST_IPV4},
			{false, {TCP, .tcp_flags = 0x02, .destination_port = 80}, "198.51.3.8", HOST_IPV4},
		}, .count = 2,
	},
	{
		"no output interface in front of FORWARD: ! -o holds", FAMILY_IPV4,
		.tables = RAW "COMMIT\n" FILTER ":A - [0:0]\n-A INPUT -j A\n-A A ! -o eth9 -s " BANNED "/32 -j DROP\n"
			"-A A -o eth9 -j DROP\nCOMMIT\n",
		.packets = {
			{true, {TCP, .tcp_flags = 0x02, .destination_port = 80}, BANNED, HOST_IPV4},
			{false, {TCP, .tcp_flags = 0x02, .destination_port = 80}, OTHER, HOST_IPV4},
		}, .count = 2,
	},
	{
		"GRO may change PSH and FIN of segments with data", FAMILY_IPV4,
		.tables = RAW "COMMIT\n" FILTER "-A INPUT -s " BANNED "/32 -p tcp -m tcp --tcp-flags PSH PSH -j DROP\nCOMMIT\n",
		.packets = {
			{false, {TCP, .destination_port = 80, .tcp_flags = 0x18, .payload = 4}, BANNED, HOST_IPV4},
			{true, {TCP, .destination_port = 80, .tcp_flags = 0x18}, BANNED, HOST_IPV4},
		}, .count = 2,
	},
	{
		"to evaluate a limit is an effect, even if both ways drop", FAMILY_IPV4,
		.tables = FILTER "-A INPUT -s " BANNED "/32 -m limit --limit 1/sec -j DROP\n-A INPUT -s " BANNED "/32 -j DROP\n"
			"-A INPUT -s " OTHER "/32 -j DROP\nCOMMIT\n",
		.packets = {
			{false, {TCP, .tcp_flags = 0x02, .destination_port = 80}, BANNED, HOST_IPV4},
			{true, {TCP, .tcp_flags = 0x02, .destination_port = 80}, OTHER, HOST_IPV4},
		}, .count = 2,
	},
	{
		"a zone given before NOTRACK leaves the packet tracked", FAMILY_IPV4, .tracked = true,
		.tables = RAW "-A PREROUTING -s " BANNED "/32 -j CT --zone 5\n-A PREROUTING -p udp -j NOTRACK\nCOMMIT\n" FILTER
			"-A INPUT -m conntrack --ctstate UNTRACKED -j DROP\nCOMMIT\n",
		.packets = {
			{false, {UDP, .destination_port = 80}, BANNED, HOST_IPV4},
			{true, {UDP, .destination_port = 80}, OTHER, HOST_IPV4},
		}, .count = 2,
	},
	{
		"untracked: beside the state nothing else of the connection is asked", FAMILY_IPV4, .tracked = true,
		.tables = RAW "-A PREROUTING -p udp -j CT --notrack\nCOMMIT\n" FILTER
			"-A INPUT -s 198.51.100.0/24 -m conntrack ! --ctorigdst 203.0.113.1 -j ACCEPT\n"
			"-A INPUT -s " BANNED "/32 -m conntrack --ctstate UNTRACKED --ctorigdst 203.0.113.1 -j ACCEPT\n"
			"-A INPUT -s 198.51.100.0/24 -j DROP\nCOMMIT\n",
		.packets = {
			{false, {UDP, .destination_port = 80}, BANNED, HOST_IPV4},
			{true, {UDP, .destination_port = 80}, "198.51.100.8", HOST_IPV4},
			{false, {TCP, .tcp_flags = 0x02, .destination_port = 80}, "198.51.100.8", HOST_IPV4},
		}, .count = 3,
	},
	{
		"the first CT wins, and both go on", FAMILY_IPV4, .tracked = true,
		.tables = RAW "-A PREROUTING -p udp -j NOTRACK\n-A PREROUTING -s " BANNED "/32 -j CT --notrack\nCOMMIT\n" FILTER
			"-A INPUT -m conntrack --ctstate NEW -j ACCEPT\n"
			"-A INPUT -m conntrack --ctstate UNTRACKED -j DROP\nCOMMIT\n",
		.packets = {
			{true, {UDP, .destination_port = 80}, BANNED, HOST_IPV4},
			{true, {UDP, .destination_port = 80}, OTHER, HOST_IPV4},
			{true, {TCP, .tcp_flags = 0x02, .destination_port = 80}, BANNED, HOST_IPV4},
			{false, {TCP, .tcp_flags = 0x02, .destination_port = 80}, OTHER, HOST_IPV4},
		}, .count = 4,
	},
	{
		"DHCP always passes: its programs listen beside the rules", FAMILY_IPV4,
		.tables = RAW "-A PREROUTING -p udp -j DROP\nCOMMIT\n",
		.packets = {
			{false, {UDP, .destination_port = 67}, OTHER, HOST_IPV4},
			{false, {UDP, .destination_port = 68}, OTHER, HOST_IPV4},
			{true, {UDP, .destination_port = 69}, OTHER, HOST_IPV4},
		}, .count = 3,
	},
	{
		"frames with VLAN tags and of other hosts are not judged", FAMILY_IPV4,
		.tables = RAW "-A PREROUTING -p tcp -j DROP\nCOMMIT\n",
		.packets = {
			{false, {TCP, .tcp_flags = 0x02, .destination_port = 80, .vlan_tags = 1, .vlan_id = 7}, OTHER, HOST_IPV4},
			{false, {TCP, .tcp_flags = 0x02, .destination_port = 80, .to = TO_OTHER}, OTHER, HOST_IPV4},
			{false, {TCP, .tcp_flags = 0x02, .destination_port = 80, .to = TO_MULTICAST}, OTHER, HOST_IPV4},
			{true, {TCP, .tcp_flags = 0x02, .destination_port = 80}, OTHER, HOST_IPV4},
		}, .count = 4,
	},
	{
		"a header that is cut off is the kernel's to drop", FAMILY_IPV4,
		.tables = RAW "COMMIT\n" FILTER "-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT\n-A INPUT -p tcp -j DROP\nCOMMIT\n",
		.packets = {
			{false, {TCP, .tcp_flags = 0x02, .destination_port = 81, .cut = 3}, OTHER, HOST_IPV4},
			{true, {TCP, .tcp_flags = 0x02, .destination_port = 81}, OTHER, HOST_IPV4},
		}, .count = 2,
	},
	{
		"LOG and REJECT are noticed", FAMILY_IPV4,
		.tables = RAW "COMMIT\n" FILTER "-A INPUT -s " BANNED "/32 -j LOG\n-A INPUT -s " BANNED "/32 -j DROP\n"
			"-A INPUT -s " OTHER "/32 -j REJECT --reject-with icmp-port-unreachable\n-A INPUT -p udp -j DROP\nCOMMIT\n",
		.packets = {
			{false, {TCP, .tcp_flags = 0x02, .destination_port = 80}, BANNED, HOST_IPV4},
			{false, {TCP, .tcp_flags = 0x02, .destination_port = 80}, OTHER, HOST_IPV4},
			{true, {UDP, .destination_port = 80}, "198.18.0.9", HOST_IPV4},
		}, .count = 3,
	},
	{
		"nomatch and nested prefixes: the longest decides", FAMILY_IPV4,
		.sets = "create nets4 hash:net family inet hashsize 1024 maxelem 65536\nadd nets4 198.51.0.0/16\n"
			"add nets4 198.51.100.0/24 nomatch\nadd nets4 " BANNED "\n",
		.tables = RAW "-A PREROUTING -m set --match-set nets4 src -j DROP\nCOMMIT\n",
		.packets = {
			{true, {TCP, .tcp_flags = 0x02, .destination_port = 80}, BANNED, HOST_IPV4},
			{false, {TCP, .tcp_flags = 0x02, .destination_port = 80}, "198.51.100.8", HOST_IPV4},
			{true, {TCP, .tcp_flags = 0x02, .destination_port = 80}, "198.51.101.8", HOST_IPV4},
		}, .count = 3,
	},
	{
		"IPv6: a banned network, fragments and extension headers", FAMILY_IPV6, .forwarding = true,
		.tables = RAW6 "-A PREROUTING -s 2001:db8:1::/48 -j DROP\n-A PREROUTING -p udp -m udp --dport 53 -j DROP\nCOMMIT\n",
		.packets = {
			{true, {TCP, .tcp_flags = 0x02, .destination_port = 80}, "2001:db8:1::7", HOST_IPV6},
			{true, {UDP, .destination_port = 80, .fragment = FRAME_FIRST, .payload = 16}, "2001:db8:1::7", HOST_IPV6},
			{false, {UDP, .destination_port = 53, .fragment = FRAME_FIRST, .payload = 16}, "2001:db8:9::7", HOST_IPV6},
			{true, {UDP, .destination_port = 53}, "2001:db8:9::7", HOST_IPV6},
			{false, {UDP, .destination_port = 53, .extensions = 1}, "2001:db8:9::7", HOST_IPV6},
		}, .count = 5,
	},
	{
		"what is forwarded has lost one of its TTL before FORWARD", FAMILY_IPV4, .forwarding = true,
		.tables = RAW "-A PREROUTING -m ttl --ttl-eq 64\n-A PREROUTING -m u32 --u32 \"5&0xff=64\"\nCOMMIT\n" FILTER
			"-A INPUT -m ttl --ttl-eq 64\n-A FORWARD -m ttl --ttl-eq 63 -j DROP\n-A FORWARD -m u32 --u32 \"5&0xff=64\"\nCOMMIT\n",
		.packets = {
			{false, {UDP, .destination_port = 53}, OTHER, BEHIND_IPV4},
			{false, {UDP, .destination_port = 53}, OTHER, HOST_IPV4},
		}, .count = 2,
	},
	{
		"IPv6: what is forwarded has lost one of its hop limit before FORWARD", FAMILY_IPV6, .forwarding = true,
		.tables = RAW6 "-A PREROUTING -m hl --hl-eq 64\nCOMMIT\n" FILTER
			"-A INPUT -m hl --hl-eq 64\n-A FORWARD -m hl --hl-eq 63 -j DROP\nCOMMIT\n",
		.packets = {
			{false, {UDP, .destination_port = 53}, "2001:db8:9::7", BEHIND_IPV6},
			{false, {UDP, .destination_port = 53}, "2001:db8:9::7", HOST_IPV6},
		}, .count = 2,
	},
	{
		"TCPMSS drops a SYN whose header is not whole, and adds to one that has no size", FAMILY_IPV4,
		.tables = RAW "COMMIT\n" FILTER "-A INPUT -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1400\n"
			"-A INPUT -m length --length 44\nCOMMIT\n",
		.packets = {
			{false, {TCP, .tcp_flags = 0x02, .destination_port = 80, .tcp_options = 12}, OTHER, HOST_IPV4},
			{false, {TCP, .tcp_flags = 0x02, .destination_port = 80, .tcp_options = 13}, OTHER, HOST_IPV4},
			{false, {TCP, .tcp_flags = 0x02, .destination_port = 80}, OTHER, HOST_IPV4},
			{false, {TCP, .tcp_flags = 0x02, .destination_port = 80, .tcp_options = 1}, OTHER, HOST_IPV4},
		}, .count = 4,
	},
	{
		"a negated rule on chunks or options that cannot be read counts, and the packet is dropped", FAMILY_IPV4,
		.tables = RAW "COMMIT\n" FILTER "-A INPUT -p sctp -m sctp ! --chunk-types any INIT -m length --length 0:65535\n"
			"-A INPUT -p sctp -m sctp ! --chunk-types any INIT -m length --length 1\n"
			"-A INPUT -p dccp -m dccp ! --dccp-option 44 -j RETURN\n-A INPUT -j ACCEPT\nCOMMIT\n",
		.packets = {
			{false, {.protocol = 132, .source_port = 1, .destination_port = 2, .variant = 7}, OTHER, HOST_IPV4},
			{false, {.protocol = 132, .source_port = 1, .destination_port = 2, .variant = 0}, OTHER, HOST_IPV4},
			{false, {.protocol = 33, .source_port = 1, .destination_port = 2, .variant = 13}, OTHER, HOST_IPV4},
			{false, {.protocol = 33, .source_port = 1, .destination_port = 2, .variant = 0}, OTHER, HOST_IPV4},
		}, .count = 4,
	},
	{
		"in order: what limit, quota, nth, recent and a set remember", FAMILY_IPV4, .session = true,
		.sets = "create ips4 hash:ip family inet hashsize 1024 maxelem 65536\n",
		.tables = RAW "-A PREROUTING -m limit --limit 1/hour --limit-burst 2\n-A PREROUTING -m quota --quota 60\n"
			"-A PREROUTING -m statistic --mode nth --every 2 --packet 1\n"
			"-A PREROUTING -m recent --name two --rcheck --hitcount 2\n-A PREROUTING -m recent --name two --set\n"
			"-A PREROUTING -m set --match-set ips4 src\n-A PREROUTING -s " BANNED "/32 -j SET --add-set ips4 src\n"
			"-A PREROUTING -m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 1 --hashlimit-mode srcip --hashlimit-name one\n"
			"COMMIT\n",
		.packets = {
			{false, {UDP, .destination_port = 53}, BANNED, HOST_IPV4},
			{false, {UDP, .destination_port = 53}, BANNED, HOST_IPV4},
			{false, {UDP, .destination_port = 53}, OTHER, HOST_IPV4},
			{false, {UDP, .destination_port = 53}, BANNED, HOST_IPV4},
		}, .count = 4,
	},
	{
		"in order: the mark of a connection", FAMILY_IPV4, .tracked = true, .session = true,
		.tables = RAW "COMMIT\n" FILTER "-A INPUT -m connmark --mark 0x0\n-A INPUT -m connmark --mark 0x1\n"
			"-A INPUT -m conntrack --ctstate NEW --ctorigdstport 53 -j CONNMARK --set-xmark 0x1/0xffffffff\n"
			"-A INPUT -m conntrack --ctdir ORIGINAL\nCOMMIT\n",
		.packets = {
			{false, {UDP, .destination_port = 53}, BANNED, HOST_IPV4},
			{false, {UDP, .destination_port = 53}, BANNED, HOST_IPV4},
			{false, {UDP, .destination_port = 54}, BANNED, HOST_IPV4},
		}, .count = 3,
	},
	{
		"in order: a connection is confirmed behind its first packet", FAMILY_IPV4, .tracked = true, .session = true,
		.tables = RAW "COMMIT\n" FILTER "-A INPUT -m conntrack --ctstatus CONFIRMED\n"
			"-A INPUT -m conntrack ! --ctstatus CONFIRMED\nCOMMIT\n",
		.packets = {
			{false, {UDP, .destination_port = 53}, BANNED, HOST_IPV4},
			{false, {UDP, .destination_port = 53}, BANNED, HOST_IPV4},
		}, .count = 2,
	},
	{
		"in order: two connections have no key in common, the second is not confirmed", FAMILY_IPV4, .tracked = true,
		.session = true,
		.tables = RAW "COMMIT\n*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
			":POSTROUTING ACCEPT [0:0]\n-A INPUT -p udp -j SNAT --to-source 192.0.2.140:2000\nCOMMIT\n" FILTER "COMMIT\n",
		.packets = {
			{false, {UDP, .destination_port = 53}, BANNED, HOST_IPV4},
			{false, {UDP, .destination_port = 53}, OTHER, HOST_IPV4},
			{false, {UDP, .destination_port = 53}, OTHER, HOST_IPV4},
			{false, {UDP, .destination_port = 53}, BANNED, HOST_IPV4},
		}, .count = 4,
	},
	{
		"a tracked packet may be NEW", FAMILY_IPV4, .tracked = true,
		.tables = RAW "COMMIT\n" FILTER "-A INPUT -m conntrack --ctstate NEW -j ACCEPT\n-A INPUT -j DROP\nCOMMIT\n",
		.packets = {{false, {UDP, .destination_port = 53}, BANNED, HOST_IPV4}}, .count = 1,
	},
	{
		"a tracked packet may be ESTABLISHED", FAMILY_IPV4, .tracked = true,
		.tables = RAW "COMMIT\n" FILTER "-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A INPUT -j DROP\nCOMMIT\n",
		.packets = {{false, {UDP, .destination_port = 53}, BANNED, HOST_IPV4}}, .count = 1,
	},
	{
		"a tracked packet may be RELATED", FAMILY_IPV4, .tracked = true,
		.tables = RAW "COMMIT\n" FILTER "-A INPUT -m conntrack --ctstate RELATED -j ACCEPT\n-A INPUT -j DROP\nCOMMIT\n",
		.packets = {{false, {UDP, .destination_port = 53}, BANNED, HOST_IPV4}}, .count = 1,
	},
	{
		"a tracked packet may be INVALID", FAMILY_IPV4, .tracked = true,
		.tables = RAW "COMMIT\n" FILTER "-A INPUT -m conntrack --ctstate INVALID -j ACCEPT\n-A INPUT -j DROP\nCOMMIT\n",
		.packets = {{false, {UDP, .destination_port = 53}, BANNED, HOST_IPV4}}, .count = 1,
	},
	{
		"neighbour discovery is UNTRACKED, not NEW", FAMILY_IPV6, .tracked = true,
		.tables = RAW6 "COMMIT\n" FILTER "-A INPUT -m conntrack --ctstate UNTRACKED -j ACCEPT\n-A INPUT -p ipv6-icmp -j DROP\nCOMMIT\n",
		.packets = {
			{false, {.protocol = IPPROTO_ICMPV6, .type = 136, .payload = 16}, "2001:db8:1::7", HOST_IPV6},
		}, .count = 1,
	},
};
/* clang-format on */

const size_t fixed_case_count = sizeof(fixed_cases) / sizeof(*fixed_cases);

void case_plan(const struct fixed_case *fixed, size_t packet, struct frame_plan *plan)
{
	*plan = fixed->packets[packet].plan;
	plan->family = fixed->family;
	plan->identification = (uint16_t)(packet + 1);
	plan->source = pool_parse(fixed->family, fixed->packets[packet].source);
	plan->destination = pool_parse(fixed->family, fixed->packets[packet].destination);
}
