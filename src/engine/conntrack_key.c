/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What conntrack reads of a packet: the key of its connection (nf_ct_get_tuple()), the checks before a
 * connection is looked for (tcp_error(), udp_error(), nf_conntrack_icmpv4_error(), ..icmpv6_error()), and the
 * packet that an ICMP error is about. */
#include "engine/conntrack.h"
#include "packet/address.h"

#include <netinet/in.h>
#include <string.h>

static uint16_t read_16(const uint8_t *data)
{
	return (uint16_t)(data[0] << 8 | data[1]);
}

static uint32_t read_32(const uint8_t *data)
{
	return (uint32_t)read_16(data) << 16 | read_16(data + 2);
}

/* `size` bytes of the transport header from `offset` on; NULL when they are not at hand. */
static const uint8_t *transport_at(const struct packet *packet, uint32_t offset, uint32_t size)
{
	if (!packet->bytes || packet->transport == 0 || packet->transport > packet->bytes_size)
		return NULL;
	uint32_t left = packet->bytes_size - packet->transport;
	return offset <= left && size <= left - offset ? packet->bytes + packet->transport + offset : NULL;
}

/* Bytes of transport header and payload as they were on the wire. */
static uint32_t transport_length(const struct packet *packet)
{
	return packet->length > packet->transport ? packet->length - packet->transport : 0;
}

static bool is_icmp(enum family family, uint8_t protocol)
{
	return protocol == (family == FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

static bool is_error(enum family family, uint8_t type)
{
	if (family == FAMILY_IPV6)
		return type < 128;
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/* What a type of ICMP is answered by, or answers; -1: neither. */
static int icmp_inverse(enum family family, uint8_t type)
{
	static const uint8_t ipv4[][2] = {{8, 0}, {13, 14}, {15, 16}, {17, 18}},
			     ipv6[][2] = {{128, 129}, {139, 140}};
	const uint8_t(*pairs)[2] = family == FAMILY_IPV4 ? ipv4 : ipv6;
	size_t count = family == FAMILY_IPV4 ? 4 : 2;
	for (size_t i = 0; i < count; i++) {
		if (pairs[i][0] == type)
			return pairs[i][1];
		if (pairs[i][1] == type)
			return pairs[i][0];
	}
	return -1;
}

bool flow_key_inverse(const struct flow_key *key, struct flow_key *inverse)
{
	*inverse = (struct flow_key){
	    .source = key->destination,
	    .destination = key->source,
	    .source_port = key->destination_port,
	    .destination_port = key->source_port,
	    .protocol = key->protocol,
	    .family = key->family,
	};
	if (!is_icmp(key->family, key->protocol))
		return true;
	int type = icmp_inverse(key->family, (uint8_t)(key->destination_port >> 8));
	inverse->source_port = key->source_port;
	inverse->destination_port = (uint16_t)(type << 8 | (key->destination_port & 255));
	return type >= 0;
}

/* Ports and the like, from the first bytes of a transport header. */
static enum key_kind read_ports(const uint8_t *header, struct flow_key *key)
{
	if (is_icmp(key->family, key->protocol)) {
		key->source_port = read_16(header + 4);
		key->destination_port = read_16(header); /* type and code */
	} else {
		key->source_port = read_16(header);
		key->destination_port = read_16(header + 2);
	}
	return KEY_FOUND;
}

/* Bytes of the header that ports are read from; 0: there are none. */
static uint32_t ports_size(enum family family, uint8_t protocol)
{
	return is_icmp(family, protocol) ? 8 : protocol == IPPROTO_TCP || protocol == IPPROTO_UDP ? 4 : 0;
}

/* The other family's ICMP has keys for some of its types, and none for others. */
static bool not_followed(enum family family, uint8_t protocol)
{
	if ((protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) && !is_icmp(family, protocol))
		return true;
	return protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP || protocol == IPPROTO_GRE ||
	       protocol == IPPROTO_UDPLITE;
}

/* --- the packet in an ICMP error
 * ----------------------------------------------------------------------------------- */

struct quoted {
	const uint8_t *data;
	uint32_t size; /* at hand */
	bool whole;    /* what is behind `size` does not exist */
};

static enum key_kind quoted_missing(const struct quoted *quoted)
{
	return quoted->whole ? KEY_ERROR_NONE : KEY_LATER;
}

static enum key_kind quoted_transport(const struct quoted *quoted, uint32_t at, uint8_t protocol,
				      struct flow_key *key)
{
	key->protocol = protocol;
	if (not_followed(key->family, protocol))
		return KEY_NOT_FOLLOWED;
	uint32_t size = ports_size(key->family, protocol);
	if (at > quoted->size || size > quoted->size - at)
		return quoted_missing(quoted);
	if (size)
		read_ports(quoted->data + at, key);
	return KEY_ERROR;
}

static enum key_kind quoted_ipv4(const struct quoted *quoted, struct flow_key *key)
{
	if (quoted->size < 20)
		return quoted_missing(quoted);
	const uint8_t *ip = quoted->data;
	uint32_t header = (uint32_t)(ip[0] & 15) * 4;
	if (read_16(ip + 6) & 0x1fff) /* a later fragment has no ports: ipv4_get_l4proto() */
		return KEY_ERROR_NONE;
	key->source = address_from_bytes(FAMILY_IPV4, ip + 12);
	key->destination = address_from_bytes(FAMILY_IPV4, ip + 16);
	return quoted_transport(quoted, header, ip[9], key);
}

static enum key_kind quoted_ipv6(const struct quoted *quoted, struct flow_key *key)
{
	if (quoted->size < 40)
		return quoted_missing(quoted);
	const uint8_t *ip = quoted->data;
	uint8_t next = ip[6];
	/* Errors about packets with extension headers are too rare to follow their chain here, too. */
	if (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_FRAGMENT ||
	    next == IPPROTO_DSTOPTS || next == IPPROTO_AH || next == IPPROTO_NONE)
		return KEY_LATER;
	key->source = address_from_bytes(FAMILY_IPV6, ip + 8);
	key->destination = address_from_bytes(FAMILY_IPV6, ip + 24);
	return quoted_transport(quoted, 40, next, key);
}

static enum key_kind error_key(const struct packet *packet, struct flow_key *key)
{
	struct quoted quoted = {.whole = packet->known & KNOWN_BYTES};
	quoted.data = transport_at(packet, 8, 0);
	if (!quoted.data)
		return quoted_missing(&quoted);
	quoted.size = packet->bytes_size - packet->transport - 8;
	*key = (struct flow_key){.family = packet->family};
	return packet->family == FAMILY_IPV4 ? quoted_ipv4(&quoted, key) : quoted_ipv6(&quoted, key);
}

/* --- the packet itself
 * ----------------------------------------------------------------------------------------------- */

bool packet_never_tracked(const struct packet *packet)
{
	if (packet->family != FAMILY_IPV6 || !(packet->known & KNOWN_ICMP) || packet->fragment_offset)
		return false;
	return (packet->icmp_type >= 130 && packet->icmp_type <= 136) || packet->icmp_type == 143;
}

enum key_kind flow_key_of(const struct packet *packet, struct flow_key *key)
{
	const uint32_t needed = KNOWN_SOURCE | KNOWN_DESTINATION | KNOWN_PROTOCOL | KNOWN_FRAGMENT;
	*key = (struct flow_key){.family = packet->family};
	if ((packet->known & needed) != needed)
		return KEY_UNKNOWN;
	if (packet->fragment_offset || packet->header_error)
		return KEY_LATER;
	*key = (struct flow_key){
	    .source = address_from_bytes(packet->family, packet->source),
	    .destination = address_from_bytes(packet->family, packet->destination),
	    .protocol = packet->protocol,
	    .family = packet->family,
	};
	if (not_followed(packet->family, packet->protocol))
		return KEY_NOT_FOLLOWED;
	if (packet->family == FAMILY_IPV6 && packet->protocol == IPPROTO_NONE)
		return KEY_NONE; /* ipv6_skip_exthdr() finds no transport */
	if (packet->transport_short)
		return packet->more_fragments ? KEY_UNKNOWN : KEY_NONE;
	uint32_t size = ports_size(packet->family, packet->protocol);
	const uint8_t *header = size ? transport_at(packet, 0, size) : NULL;
	if (size && !header)
		return KEY_UNKNOWN;
	if (size)
		read_ports(header, key);
	if (packet->more_fragments)
		return KEY_FRAGMENT;
	if (is_icmp(packet->family, packet->protocol) && is_error(packet->family, header[0]))
		return error_key(packet, key);
	return KEY_FOUND;
}

static uint64_t sum_bytes(const uint8_t *data, size_t size)
{
	uint64_t sum = 0;
	size_t i = 0;
	for (; i + 4 <= size; i += 4) {
		uint32_t word;
		memcpy(&word, data + i, 4);
		sum += word;
	}
	if (i < size) {
		uint8_t last[4] = {0};
		memcpy(last, data + i, size - i);
		uint32_t word;
		memcpy(&word, last, 4);
		sum += word;
	}
	return sum;
}

/* Over the pseudo header, too; RFC 1071: the sum may be made in the machine's byte order. */
static bool checksum_right(const struct packet *packet, bool pseudo)
{
	uint32_t length = transport_length(packet);
	uint64_t sum = sum_bytes(packet->bytes + packet->transport, length);
	if (pseudo) {
		size_t size = packet->family == FAMILY_IPV4 ? 4 : 16;
		uint8_t tail[8] = {(uint8_t)(length >> 24),
				   (uint8_t)(length >> 16),
				   (uint8_t)(length >> 8),
				   (uint8_t)length,
				   0,
				   0,
				   0,
				   packet->protocol};
		/* As they are in the packet: what the rules changed is not what was received. */
		const uint8_t *addresses = packet->bytes + (packet->family == FAMILY_IPV4 ? 12 : 8);
		sum += sum_bytes(addresses, 2 * size) + sum_bytes(tail, sizeof(tail));
	}
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/* A wrong checksum in a capture may be one that the sending side's hardware was to fill in (between guests of
 * one machine it never is): such a packet counts as right for the kernel, a really wrong one is INVALID. */
static enum truth checksum_sound(const struct packet *packet, bool received, bool pseudo)
{
	if (!received || !(packet->known & KNOWN_BYTES))
		return TRUTH_YES;
	if (packet->length > packet->bytes_size)
		return TRUTH_UNKNOWN;
	return checksum_right(packet, pseudo) ? TRUTH_YES : TRUTH_UNKNOWN;
}

static enum truth udp_sound(const struct packet *packet, bool received)
{
	const uint8_t *header = transport_at(packet, 0, 8);
	if (!header)
		return TRUTH_UNKNOWN;
	uint16_t length = read_16(header + 4);
	if (length > transport_length(packet) || length < 8)
		return TRUTH_NO;
	if (length != transport_length(packet)) /* the checksum ends where UDP does */
		return TRUTH_UNKNOWN;
	return read_16(header + 6) == 0 ? TRUTH_YES : checksum_sound(packet, received, true);
}

static enum truth tcp_sound(const struct packet *packet, bool received)
{
	const uint8_t *header = transport_at(packet, 0, 20);
	if (!header)
		return TRUTH_UNKNOWN;
	uint32_t size = (uint32_t)(header[12] >> 4) * 4;
	if (size < 20 || size > transport_length(packet) || !tcp_flags_valid(header[13]))
		return TRUTH_NO;
	if (!transport_at(packet, 0, size))
		return TRUTH_UNKNOWN;
	return checksum_sound(packet, received, true);
}

enum truth packet_sound(const struct packet *packet, bool received)
{
	if (packet->protocol == IPPROTO_TCP)
		return tcp_sound(packet, received);
	if (packet->protocol == IPPROTO_UDP)
		return udp_sound(packet, received);
	if (is_icmp(packet->family, packet->protocol)) {
		const uint8_t *header = transport_at(packet, 0, 8);
		if (!header)
			return TRUTH_UNKNOWN;
		if (packet->family == FAMILY_IPV4 && header[0] > 18) /* NR_ICMP_TYPES */
			return TRUTH_NO;
		return checksum_sound(packet, received, packet->family == FAMILY_IPV6);
	}
	return TRUTH_YES;
}

bool packet_segment(const struct packet *packet, struct segment *segment)
{
	const uint8_t *header = transport_at(packet, 0, 20);
	if (!header)
		return false;
	uint32_t size = (uint32_t)(header[12] >> 4) * 4;
	if (size < 20 || size > transport_length(packet) || !transport_at(packet, 0, size))
		return false;
	uint8_t flags = header[13];
	*segment = (struct segment){
	    .sequence = read_32(header + 4),
	    .acknowledgement = read_32(header + 8),
	    .window = read_16(header + 14),
	    .fin = flags & 1,
	    .syn = flags & 2,
	    .rst = flags & 4,
	    .ack = flags & 16,
	    .options = header + 20,
	    .option_size = size - 20,
	};
	segment->end = segment->sequence + (transport_length(packet) - size) + segment->syn + segment->fin;
	return true;
}
