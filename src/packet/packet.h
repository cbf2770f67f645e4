/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One packet as the rules see it: decoded from a captured frame (decode.c) or from the notation (notation.c).
 * The engine reads this; the plane reads the match key (key.h), which unrelated code fills from the same
 * frame. */
#ifndef WEIR_PACKET_PACKET_H
#define WEIR_PACKET_PACKET_H

#include "base/diagnostic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum family { FAMILY_IPV4, FAMILY_IPV6, FAMILY_COUNT };

/* Connection state as nf_conntrack gives it to a packet; values are indexes, not masks. */
enum connection_state {
	STATE_NEW,
	STATE_ESTABLISHED,
	STATE_RELATED,
	STATE_INVALID,
	STATE_UNTRACKED,
	STATE_COUNT,
};

#define INTERFACE_NAME_MAX 16 /* IFNAMSIZ, with the NUL */

/* Which of the fields below are known. A field that is not known makes each match on it "unknown". */
enum packet_known {
	KNOWN_IN = 1 << 0,
	KNOWN_OUT = 1 << 1,
	KNOWN_PROTOCOL = 1 << 2,
	KNOWN_SOURCE = 1 << 3,
	KNOWN_DESTINATION = 1 << 4,
	KNOWN_PORTS = 1 << 5, /* set together: from a frame both are there or neither is */
	KNOWN_TCP_FLAGS = 1 << 6,
	KNOWN_ICMP = 1 << 7, /* type and code */
	KNOWN_STATE = 1 << 8,
	KNOWN_LENGTH = 1 << 9,
	KNOWN_FRAGMENT = 1 << 10,
	KNOWN_SOURCE_PORT = 1 << 11, /* KNOWN_PORTS implies both; the notation may give one */
	KNOWN_DESTINATION_PORT = 1 << 12,
};

struct packet {
	enum family family;
	uint32_t known; /* enum packet_known */
	char in[INTERFACE_NAME_MAX];
	char out[INTERFACE_NAME_MAX];
	uint8_t source[16], destination[16]; /* network byte order; IPv4 in the first 4 bytes */
	uint8_t protocol;         /* IPv6: what ipv6_find_hdr(-1) gives: behind extension headers */
	uint16_t fragment_offset; /* in units of 8 bytes; 0 in a first fragment */
	bool more_fragments;
	bool transport_short; /* the transport header is cut off: L4 matches hot-drop the packet */
	bool header_error;    /* IPv6: the header chain cannot be followed: ip6tables -p hot-drops */
	uint16_t source_port, destination_port; /* host byte order; TCP, UDP, UDP-Lite, SCTP, DCCP */
	uint8_t tcp_flags;                      /* byte 13 */
	uint8_t icmp_type, icmp_code;
	uint32_t length;             /* bytes of the IP packet, header included */
	uint32_t payload;            /* bytes behind the transport header */
	enum connection_state state; /* what conntrack gives it when it is tracked */
	bool ip_options;             /* IPv4 header longer than 20 bytes, or IPv6 extension headers */
	uint16_t vlan; /* decode: innermost VLAN tag, the packet is an upper interface's; 0: none, or priority
			  only */
};

enum link_verdict {
	FRAME_OK,       /* an IPv4 or IPv6 packet that reaches PREROUTING */
	FRAME_OTHER,    /* not IP, or for another host: no rule of iptables sees it */
	FRAME_MALFORMED /* ip_rcv() or ipv6_rcv() drops it before any rule */
};

/* Link types of pcap understood: Ethernet, raw IP, Linux cooked v1 and v2, loopback. -ENOTSUP for others. A
 * frame whose captured bytes end early is FRAME_MALFORMED only when the packet itself is short; what a
 * snapshot length cut off is not known (packet->known). */
int packet_decode(int link_type, const uint8_t *frame, size_t captured, size_t original,
		  struct packet *packet, enum link_verdict *verdict);

/* The notation: key=value pairs apart by blanks, as in conntrack's output; doc/weir.8 lists the keys. Returns
 * 0, or -EINVAL with diagnostics that point into `source`. Keys: family (4, 6), in, out, proto (name or
 * number), src, dst, sport, dport, flags (comma list: fin,syn,rst,psh,ack,urg,ece,cwr or none), type, code
 * (icmp: number or name), state, length, frag (no, first, later). */
int packet_parse(const struct source *source, struct diagnostics *sink, struct packet *packet);
void packet_print(const struct packet *packet, struct buffer *out);

const char *connection_state_name(enum connection_state state); /* "NEW" ... */

#endif
