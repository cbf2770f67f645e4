/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Listed in doc/architecture.md, too. */
#include "flavours.h"

#include <netinet/in.h>

/* clang-format off */
const struct flavour_case flavour_cases[] = {
	/* The tcp match is false for all but the first; the payload expression looks where ports would be. */
	{"later fragments: -m udp is false in x_tables", FAMILY_IPV4, "-p udp -m udp ! --dport 53 -j DROP",
	 {.protocol = IPPROTO_UDP, .fragment = FRAME_LATER, .offset = 4, .payload = 16}, {false, true}},
	/* The tcp match wants all 20 bytes and drops without a count; nftables reads as far as the port. */
	{"a header that is cut off", FAMILY_IPV4, "-p tcp -m tcp --dport 80 -j DROP",
	 {.protocol = IPPROTO_TCP, .cut = 3, .source_port = 1, .destination_port = 80}, {false, true}},
	/* iptables-nft 1.8.9 makes one comparison of both ports, which is unequal where either is. */
	{"both ports negated: neither, or not both", FAMILY_IPV4, "-p udp -m udp ! --sport 53 ! --dport 79 -j DROP",
	 {.protocol = IPPROTO_UDP, .source_port = 1, .destination_port = 79}, {false, true}},
	/* ip6_packet_match() looks behind an authentication header, meta l4proto does not. */
	{"IPv6: the protocol behind an authentication header", FAMILY_IPV6, "-p udp -j DROP",
	 {.protocol = IPPROTO_UDP, .source_port = 1, .destination_port = 53, .extensions = 8}, {true, false}},
	{"IPv6: the authentication header as the protocol", FAMILY_IPV6, "-p ah -j DROP",
	 {.protocol = IPPROTO_UDP, .source_port = 1, .destination_port = 53, .extensions = 8}, {false, true}},
	/* ipt_do_table() runs the target of a rule that matches and wants the packet dropped; nft_compat drops at once. */
	{"a negated match that drops for a malformed header", FAMILY_IPV4, "-p sctp -m sctp ! --chunk-types any INIT -j DROP",
	 {.protocol = 132, .source_port = 1, .destination_port = 2, .variant = 7}, {true, false}},
	/* iptables-nft 1.8.9 gives the table security priority 150, behind the nat of sources (100); x_tables 50. */
	{"the table security comes behind nat in INPUT", FAMILY_IPV4, "-m conntrack --ctstate NEW",
	 {.protocol = IPPROTO_UDP, .source_port = 1, .destination_port = 53}, {false, true},
	 "*security\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
	 "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
	 "-A INPUT -p udp -j ACCEPT\nCOMMIT\n"},
};
/* clang-format on */

const size_t flavour_case_count = sizeof(flavour_cases) / sizeof(*flavour_cases);
