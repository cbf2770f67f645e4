/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Ethernet frames made from packets, with valid checksums: for the cost measurement and the parity tests. */
#ifndef WEIR_PACKET_FRAME_H
#define WEIR_PACKET_FRAME_H

#include "packet/packet.h"

#define FRAME_EXTENSIONS_MAX 8
#define FRAME_VLANS_MAX 4

struct frame_options {
	uint8_t source_mac[6], destination_mac[6];
	unsigned vlan_count;
	uint16_t vlans[FRAME_VLANS_MAX]; /* outermost first; of two and more the outer ones are 802.1ad */
	uint32_t
	    payload; /* bytes behind the transport header, or behind the IP headers of a later fragment */
	uint8_t ttl; /* where the packet's is not known; 0: 64 */
	uint32_t identification;  /* of fragments */
	unsigned ip_options;      /* IPv4: bytes of no-operation options, a multiple of 4, at most 40 */
	unsigned extension_count; /* IPv6: headers in front of the fragment header: 0, 43, 51, 60 */
	uint8_t extensions[FRAME_EXTENSIONS_MAX];
	unsigned inner_count; /* IPv6: the same behind the fragment header; of a later fragment only the first
				 one's number is there */
	uint8_t inner[FRAME_EXTENSIONS_MAX];
	unsigned transport_size; /* of a packet with transport_short: bytes of the transport header that are
				    left */
};

/* The fields of packet as they are, known or not: addresses, protocol, ports, flags, type and code, fragment
 * (more_fragments rounds the payload up to 8 bytes), transport_short. Only where they are known: ttl, tos,
 * mac (before source_mac), and type, of which broadcast and multicast give the destination address (RFC 894
 * and 1112, RFC 2464). What a frame does not hold is not looked at (mark, time, state), nor are length,
 * payload, vlan and bytes. 0; -EINVAL when the options make no packet; -EMSGSIZE when it does not fit into
 * capacity or into an IP packet. */
int frame_make(const struct packet *packet, const struct frame_options *options, uint8_t *frame,
	       size_t capacity, size_t *size);

#endif
