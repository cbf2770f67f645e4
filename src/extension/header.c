/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Headers and bytes for the matches on them. */
#include "extension/header.h"

#include <netinet/in.h>
#include <string.h>

enum truth header_truth(enum packet_part part, struct evaluation *evaluation)
{
	switch (part) {
	case PART_FOUND:
		return TRUTH_YES;
	case PART_ABSENT:
		return TRUTH_NO;
	case PART_SHORT:
		evaluation->hot_drop = true;
		return TRUTH_NO;
	case PART_UNKNOWN:
		evaluation->hot_drop_perhaps = true;
		break;
	}
	return TRUTH_UNKNOWN;
}

enum truth header_transport(const struct packet *packet, uint8_t protocol, uint32_t size,
			    struct evaluation *evaluation, const uint8_t **header, uint32_t *offset)
{
	enum truth truth = option_has_transport(packet);

	if (truth != TRUTH_YES)
		return truth;
	return header_truth(packet_header(packet, protocol, size, header, offset), evaluation);
}

enum truth header_fits(const struct packet *packet, uint32_t offset, uint32_t length,
		       struct evaluation *evaluation)
{
	return header_truth(offset + length <= packet->length ? PART_FOUND : PART_SHORT, evaluation);
}

enum truth header_in_range(const struct guided *guided, unsigned index, uint64_t value)
{
	const struct guided_value *range = &guided->values[index];

	if (!guided_seen(guided, index))
		return TRUTH_YES;
	return guided_truth(guided, index, value >= range->number && value <= range->second);
}

void header_print_range(const struct guided *guided, const struct guide *guides, unsigned index,
			struct buffer *out)
{
	const struct guided_value *range = &guided->values[index];

	if (range->number != 0 || range->second != guides[index].max)
		guided_print(guided, guides, index, FAMILY_IPV4, out);
}

diagram_node header_mean_range(const struct match *match, const struct rule *rule,
			       const struct fields *fields, const struct guide *guides, unsigned index)
{
	const struct guided *guided = match->data;
	const struct guided_value *range = &guided->values[index];

	if (guided_seen(guided, index) && range->inverted && range->number == 0 &&
	    range->second == guides[index].max)
		return DIAGRAM_FALSE;
	return unseen_mean(match, rule, fields);
}

static void add(struct header_changes *changes, uint32_t first, uint32_t end)
{
	if (changes->count == sizeof(changes->parts) / sizeof(*changes->parts))
		changes->parts[--changes->count].end = UINT32_MAX;
	changes->parts[changes->count].first = first;
	changes->parts[changes->count++].end = end;
}

/* NAT rewrites the addresses and ports, and the transport header's checksum with them; of what is neither TCP
 * nor UDP anything behind the IP header may be another (the packet quoted in an ICMP error). */
static void add_transport(const struct packet *packet, struct header_changes *changes)
{
	uint32_t header = packet->protocol == IPPROTO_TCP ? 20 : packet->protocol == IPPROTO_UDP ? 8 : 0;
	uint32_t ip = packet->family == FAMILY_IPV4 ? 20 : 40;

	if (packet->transport && header)
		add(changes, packet->transport, packet->transport + header);
	else
		add(changes, packet->transport ? packet->transport : ip, UINT32_MAX);
}

static bool ports_changed(const struct packet *packet)
{
	const uint8_t *ports;

	if (!packet->transport || (packet->protocol != IPPROTO_TCP && packet->protocol != IPPROTO_UDP) ||
	    packet_read(packet, packet->transport, 4, &ports) != PART_FOUND)
		return false;
	return !(packet->known & KNOWN_PORTS) || header_16(ports) != packet->source_port ||
	       header_16(ports + 2) != packet->destination_port;
}

void header_changes(const struct packet *packet, struct header_changes *changes)
{
	bool ipv4 = packet->family == FAMILY_IPV4;
	uint32_t size = ipv4 ? 20 : 40, length = ipv4 ? 4 : 16, source = ipv4 ? 12 : 8;
	const uint8_t *ip;
	bool addresses = false;

	changes->count = 0;
	if (packet_read(packet, 0, size, &ip) != PART_FOUND)
		return;
	uint8_t tos = ipv4 ? ip[1] : (uint8_t)(ip[0] << 4 | ip[1] >> 4);
	if (!(packet->known & KNOWN_TOS) || packet->tos != tos)
		add(changes, ipv4 ? 1 : 0, 2);
	if (!(packet->known & KNOWN_TTL) || packet->ttl != ip[ipv4 ? 8 : 7])
		add(changes, ipv4 ? 8 : 7, ipv4 ? 9 : 8);
	if (!(packet->known & KNOWN_SOURCE) || memcmp(packet->source, ip + source, length)) {
		add(changes, source, source + length);
		addresses = true;
	}
	if (!(packet->known & KNOWN_DESTINATION) ||
	    memcmp(packet->destination, ip + source + length, length)) {
		add(changes, source + length, source + 2 * length);
		addresses = true;
	}
	if (changes->count && ipv4)
		add(changes, 10, 12); /* the header's checksum */
	if (addresses || ports_changed(packet))
		add_transport(packet, changes);
}

bool header_is_changed(const struct header_changes *changes, uint32_t first, uint32_t end)
{
	for (unsigned i = 0; i < changes->count; i++)
		if (first < changes->parts[i].end && end > changes->parts[i].first)
			return true;
	return false;
}

enum packet_part header_read(const struct packet *packet, const struct header_changes *changes,
			     uint32_t offset, uint32_t size, const uint8_t **bytes)
{
	enum packet_part part = packet_read(packet, offset, size, bytes);

	return part == PART_FOUND && header_is_changed(changes, offset, offset + size) ? PART_UNKNOWN : part;
}

unsigned header_effects(const struct match *match)
{
	(void)match;
	return EFFECT_COUNTER;
}
