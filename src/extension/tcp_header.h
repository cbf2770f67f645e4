/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The TCP header as the targets that rewrite its options look at it (TCPMSS, TCPOPTSTRIP). Nobody above this
 * folder includes it. */
#ifndef WEIR_EXTENSION_TCP_HEADER_H
#define WEIR_EXTENSION_TCP_HEADER_H

#include "packet/packet.h"

#include <netinet/in.h>

#define TCP_HEADER_MIN 20
#define TCP_HEADER_MAX 60
#define TCP_OPTION_MSS 2
#define TCP_OPTION_MSS_SIZE 4

/* The header with its options: `size` bytes, `offset` bytes behind the IP header's beginning. PART_ABSENT: a
 * later fragment, which these targets leave alone. PART_SHORT: the packet does not hold the header whole, or
 * it calls itself shorter than one; they drop it. */
static inline enum packet_part tcp_header_whole(const struct packet *packet, const uint8_t **header,
						uint32_t *size, uint32_t *offset)
{
	if ((packet->known & KNOWN_FRAGMENT) && packet->fragment_offset)
		return PART_ABSENT;
	if (packet->transport_short)
		return PART_SHORT;
	enum packet_part part = packet_header(packet, IPPROTO_TCP, TCP_HEADER_MIN, header, offset);
	if (part != PART_FOUND)
		return part;
	*size = (*header)[12] / 16 * 4u;
	return *size < TCP_HEADER_MIN ? PART_SHORT : packet_read(packet, *offset, *size, header);
}

/* How far it is to the next option: optlen() in net/netfilter/xt_TCPMSS.c. `at` is not the last byte. */
static inline uint32_t tcp_option_size(const uint8_t *header, uint32_t at)
{
	return header[at] <= 1 || header[at + 1] == 0 ? 1 : header[at + 1];
}

#endif
