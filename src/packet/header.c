/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Headers and TCP options in the bytes of a packet, found as the kernel's matches find them. Where the packet
 * itself ends and where the capture ends are two things: what is behind the first does not exist, what is
 * between the two is not known. */
#include "packet/packet.h"

#include <netinet/in.h>

void packet_forget_bytes(struct packet *packet)
{
	packet->bytes = NULL;
	packet->bytes_size = 0;
	packet->transport = 0;
	packet->known &= ~(uint32_t)KNOWN_BYTES;
}

/* Bytes without KNOWN_BYTES are the beginning of a packet that was not captured whole. If nothing is missing,
 * somebody took the bit away, and meant it. */
static bool has_bytes(const struct packet *packet)
{
	return packet->bytes && ((packet->known & KNOWN_BYTES) || packet->bytes_size < packet->length);
}

enum packet_part packet_read(const struct packet *packet, uint32_t offset, uint32_t size,
			     const uint8_t **bytes)
{
	uint64_t end = (uint64_t)offset + size;
	if (!has_bytes(packet))
		return PART_UNKNOWN;
	if (end > packet->bytes_size) {
		uint32_t whole = packet->known & KNOWN_BYTES ? packet->bytes_size : packet->length;
		return end > whole ? PART_SHORT : PART_UNKNOWN;
	}
	*bytes = packet->bytes + offset;
	return PART_FOUND;
}

static uint32_t read_16(const uint8_t *data)
{
	return (uint32_t)data[0] << 8 | data[1];
}

/* IPv4 needs no search. */
static enum packet_part find_ipv4(const struct packet *packet, uint8_t protocol, uint32_t *offset)
{
	const uint8_t *ip;
	enum packet_part part = packet_read(packet, 0, 20, &ip);
	if (part != PART_FOUND)
		return part;
	if (ip[9] != protocol || (read_16(ip + 6) & 0x1fff))
		return PART_ABSENT;
	*offset = (ip[0] & 15u) * 4;
	return PART_FOUND;
}

/* One step of the chain: of the header at *offset, which `next` names, to the one behind it. `found` says
 * that this is the one that is looked for. PART_FOUND: *next and *offset are the following header's. */
static enum packet_part step(const struct packet *packet, bool found, uint8_t *next, uint32_t *offset)
{
	bool fragment = *next == IPPROTO_FRAGMENT;
	const uint8_t *header;
	enum packet_part part =
	    packet_read(packet, *offset, fragment || *next == IPPROTO_ROUTING ? 4 : 2, &header);
	if (part != PART_FOUND || found)
		return part;
	if (fragment && read_16(header + 2) >> 3)
		return PART_ABSENT; /* a later fragment's data */
	if (fragment)
		*offset += 8;
	else if (*next == IPPROTO_AH)
		*offset += (header[1] + 2u) * 4;
	else
		*offset += (header[1] + 1u) * 8;
	*next = header[0];
	return PART_FOUND;
}

static bool is_chained(uint8_t next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_FRAGMENT ||
	       next == IPPROTO_AH || next == IPPROTO_DSTOPTS;
}

/* Each step goes on by 8 bytes or more and reads within bytes_size: it ends. */
static enum packet_part find_ipv6(const struct packet *packet, uint8_t protocol, uint32_t *offset)
{
	const uint8_t *ip;
	enum packet_part part = packet_read(packet, 0, 40, &ip);
	if (part != PART_FOUND)
		return part;
	uint8_t next = ip[6];
	*offset = 40;
	while (is_chained(next)) {
		bool found = next == protocol;
		part = step(packet, found, &next, offset);
		if (part != PART_FOUND || found)
			return part;
	}
	return next == protocol ? PART_FOUND : PART_ABSENT;
}

enum packet_part packet_header(const struct packet *packet, uint8_t protocol, uint32_t size,
			       const uint8_t **header, uint32_t *offset)
{
	uint32_t at = 0;
	enum packet_part part = packet->family == FAMILY_IPV4 ? find_ipv4(packet, protocol, &at)
							      : find_ipv6(packet, protocol, &at);
	if (part == PART_FOUND)
		part = packet_read(packet, at, size, header);
	if (part == PART_FOUND && offset)
		*offset = at;
	return part;
}

enum packet_part packet_tcp_option(const struct packet *packet, uint8_t kind, uint8_t length,
				   const uint8_t **option, uint32_t *left)
{
	uint32_t offset;
	const uint8_t *tcp, *options;
	if (packet->fragment_offset)
		return PART_UNKNOWN;
	enum packet_part part = packet_header(packet, IPPROTO_TCP, 20, &tcp, &offset);
	if (part != PART_FOUND)
		return part;
	uint32_t header = (tcp[12] >> 4) * 4u;
	if (header < 20)
		return PART_SHORT;
	uint32_t size = header - 20;
	if (size == 0)
		return PART_ABSENT;
	part = packet_read(packet, offset + 20, size, &options);
	if (part != PART_FOUND)
		return part;
	for (uint32_t at = 0; at < size;) {
		/* Of an option whose length byte is behind the end, the kernel reads what is there; it is the
		 * last one whatever that is. */
		uint8_t claimed = at + 1 < size ? options[at + 1] : 0;
		if (options[at] == kind && (length == 0 || (claimed == length && length <= size - at))) {
			if (option)
				*option = options + at;
			if (left)
				*left = size - at;
			return PART_FOUND;
		}
		at += options[at] < 2 || claimed == 0 ? 1 : claimed;
	}
	return PART_ABSENT;
}
