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
	KNOWN_TTL = 1 << 13,
	KNOWN_TOS = 1 << 14,
	KNOWN_MAC = 1 << 15,  /* the frame's source address; not set for what did not come over Ethernet */
	KNOWN_MARK = 1 << 16, /* nfmark: 0 for a packet from outside, until a target sets it */
	KNOWN_TIME = 1 << 17,
	KNOWN_TYPE = 1 << 18,
	KNOWN_BYTES = 1 << 19, /* `bytes` is the whole packet, nothing cut off by a snapshot length */
};

enum packet_type { PACKET_UNICAST, PACKET_BROADCAST, PACKET_MULTICAST }; /* as -m pkttype */

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
	uint8_t ttl;                 /* IPv6: hop limit */
	uint8_t tos;                 /* IPv6: traffic class */
	uint8_t mac[6];
	uint32_t mark;
	uint64_t time; /* nanoseconds since 1970, as the capture has it */
	enum packet_type type;
	/* From the IP header on, as captured, without the link's padding; NULL for what came from the
	 * notation. They belong to who gave packet_decode() the frame: of a capture they are valid until its
	 * next frame, and a packet that is kept longer must be forgotten of them (packet_forget_bytes()).
	 * What targets change is changed in the fields above, not here; a target that changes what has no
	 * field makes them forgotten, too. bytes_size < length: a snapshot length cut off the end,
	 * KNOWN_BYTES is not set, and packet_read() and its kind still find what is there. */
	const uint8_t *bytes;
	uint32_t bytes_size;
	/* Offset in `bytes` of what `protocol` names; 0: there is none (later fragments, a chain of headers
	 * that cannot be followed or leads behind the packet), or it was not captured. */
	uint32_t transport;
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
 * (icmp: number or name), state, length, frag (no, first, later), ttl (IPv6: or hl), tos, mac, pkttype
 * (unicast, broadcast, multicast), mark, time (RFC 3339). */
int packet_parse(const struct source *source, struct diagnostics *sink, struct packet *packet);
void packet_print(const struct packet *packet, struct buffer *out);

const char *connection_state_name(enum connection_state state); /* "NEW" ... */

/* --- what is in the bytes (header.c). A packet from the notation has none: all of it is PART_UNKNOWN. */

enum packet_part {
	PART_FOUND,
	PART_ABSENT, /* the packet has none: the kernel's -ENOENT, the match is false */
	PART_SHORT, /* the packet ends before it, or is malformed: -EBADMSG or no pointer, matches hot-drop */
	PART_UNKNOWN, /* no bytes, or a snapshot length cut it off */
};

/* skb_header_pointer(): `size` bytes at `offset` from the IP header. Never PART_ABSENT. */
enum packet_part packet_read(const struct packet *packet, uint32_t offset, uint32_t size,
			     const uint8_t **bytes);

/* Finds the header that `protocol` names and reads its first `size` bytes; *offset (may be NULL) is its place
 * for packet_read(), which gets the rest of a header whose length is in it. Outputs are set when PART_FOUND
 * only.
 *
 * IPv6: ipv6_find_hdr(skb, offset, protocol, NULL, NULL) (net/ipv6/exthdrs_core.c), then
 * skb_header_pointer(). The chain goes through hop-by-hop (0), routing (43), fragment (44), AH (51) and
 * destination options (60); ESP (50), mobility (135), no next header (59) and all else end it, and are found
 * as its last. The first header of that number is taken. Behind the fragment header of a later fragment there
 * is nothing (PART_ABSENT), it itself is found. PART_SHORT: the chain does not come to an end in the packet
 * (of each header 2 bytes are read, of a routing or fragment header 4), or the header found is shorter than
 * `size`. A header whose own length leads behind the packet is found; what the matches make of that is not
 * the same everywhere: ah, hbh, dst and rt of Linux 6.18 hot-drop, those of older kernels are false.
 *
 * IPv4: what ip[9] names, behind the IP header with its options; PART_ABSENT in a later fragment, as the
 * matches say that look at par->fragoff first. (Not all do: xt_tcpmss takes what is there for a header,
 * of IPv6 the IP header itself.) */
enum packet_part packet_header(const struct packet *packet, uint8_t protocol, uint32_t size,
			       const uint8_t **header, uint32_t *offset);

/* The first TCP option of that kind: tcp_find_option() (net/netfilter/xt_tcpudp.c), which takes the kind byte
 * for it wherever an option may begin, be its length what it may, and does not stop at the end-of-list
 * option. length != 0: only one whose length byte is that and that is whole, as xt_tcpmss.c looks for kind 2
 * of length 4. *option (may be NULL as an argument) is the kind byte, *left (may be NULL) how many bytes of
 * the options are there from it on.
 *
 * PART_SHORT: a header or options that the packet does not hold whole, or a data offset below 5: hot drop.
 * PART_ABSENT: no such option, not TCP. PART_UNKNOWN also of later fragments: tcp does not look, tcpmss
 * would take their data for a header. */
enum packet_part packet_tcp_option(const struct packet *packet, uint8_t kind, uint8_t length,
				   const uint8_t **option, uint32_t *left);

/* From now on the bytes are not known. */
void packet_forget_bytes(struct packet *packet);

#endif
