/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Ethernet frames made from packets. Every frame is one that the kernel takes: lengths agree and checksums
 * are right, so that what happens to it is the rules' doing. */
#include "packet/frame.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* Bytes being laid down; past the end they are only counted. */
struct output {
	uint8_t *data;
	size_t capacity, size;
};

static void put(struct output *output, const void *data, size_t size)
{
	if (output->size <= output->capacity && size <= output->capacity - output->size)
		memcpy(output->data + output->size, data, size);
	output->size += size;
}

static void put_zeroes(struct output *output, size_t size)
{
	if (output->size <= output->capacity && size <= output->capacity - output->size)
		memset(output->data + output->size, 0, size);
	output->size += size;
}

static void put_8(struct output *output, unsigned value)
{
	uint8_t byte = (uint8_t)value;
	put(output, &byte, 1);
}

static void put_16(struct output *output, unsigned value)
{
	put_8(output, value >> 8);
	put_8(output, value);
}

static void put_32(struct output *output, uint32_t value)
{
	put_16(output, value >> 16);
	put_16(output, value & 0xffff);
}

static void store_16(uint8_t *data, unsigned value)
{
	data[0] = (uint8_t)(value >> 8);
	data[1] = (uint8_t)value;
}

static uint64_t sum(const uint8_t *data, size_t size)
{
	uint64_t total = 0;
	for (size_t i = 0; i < size; i++)
		total += i & 1 ? data[i] : (uint64_t)data[i] << 8;
	return total;
}

static uint16_t fold(uint64_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)~total;
}

/* CRC32c, RFC 9260 appendix A; little-endian in the packet. */
static uint32_t crc32c(const uint8_t *data, size_t size)
{
	uint32_t crc = UINT32_MAX;
	for (size_t i = 0; i < size; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

static unsigned transport_header_size(const struct packet *packet)
{
	switch (packet->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_DCCP:
		return 20;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 8;
	case IPPROTO_SCTP:
		return 12;
	default:
		return 0;
	}
}

static void put_transport_header(struct output *output, const struct packet *packet, unsigned length)
{
	switch (packet->protocol) {
	case IPPROTO_TCP:
		put_16(output, packet->source_port);
		put_16(output, packet->destination_port);
		put_32(output, 1);
		put_32(output, packet->tcp_flags & 0x10 ? 1 : 0);
		put_16(output, 5u << 12 | packet->tcp_flags);
		put_16(output, 65535);
		put_32(output, 0); /* checksum, urgent */
		break;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE: /* coverage 0: the whole datagram */
		put_16(output, packet->source_port);
		put_16(output, packet->destination_port);
		put_16(output, packet->protocol == IPPROTO_UDP ? length : 0);
		put_16(output, 0);
		break;
	case IPPROTO_SCTP:
		put_16(output, packet->source_port);
		put_16(output, packet->destination_port);
		put_32(output, 1);
		put_32(output, 0);
		break;
	case IPPROTO_DCCP: /* a request, long sequence numbers: RFC 4340 5.1, 5.3 */
		put_16(output, packet->source_port);
		put_16(output, packet->destination_port);
		put_8(output, 5); /* data offset in words */
		put_8(output, 0);
		put_16(output, 0); /* checksum */
		put_8(output, 1);  /* type request, X */
		put_8(output, 0);
		put_16(output, 0);
		put_32(output, 1);
		put_32(output, 0); /* service code */
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		put_8(output, packet->icmp_type);
		put_8(output, packet->icmp_code);
		put_16(output, 0);
		put_16(output, 1);
		put_16(output, 1);
		break;
	default:
		break;
	}
}

/* Where the transport header keeps its Internet checksum; -1: it has none. */
static int checksum_offset(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return 16;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_DCCP:
		return 6;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 2;
	default:
		return -1;
	}
}

/* data: the whole transport part. */
static void set_checksum(const struct packet *packet, uint8_t *data, size_t size)
{
	if (packet->protocol == IPPROTO_SCTP && size >= 12) {
		uint32_t crc = crc32c(data, size);
		for (int i = 0; i < 4; i++)
			data[8 + i] = (uint8_t)(crc >> 8 * i);
		return;
	}
	int offset = checksum_offset(packet->protocol);
	if (offset < 0 || (size_t)offset + 2 > size)
		return;
	uint64_t total = sum(data, size);
	if (packet->protocol != IPPROTO_ICMP) {
		size_t address = packet->family == FAMILY_IPV4 ? 4 : 16;
		total += sum(packet->source, address) + sum(packet->destination, address) + packet->protocol +
			 size;
	}
	uint16_t checksum = fold(total);
	/* 0 would say "no checksum" */
	if (checksum == 0 && (packet->protocol == IPPROTO_UDP || packet->protocol == IPPROTO_UDPLITE))
		checksum = 0xffff;
	store_16(data + offset, checksum);
}

/* Headers of 8 bytes each (AH: 16), with padding inside. */
static int put_extensions(struct output *output, const uint8_t *headers, unsigned count, uint8_t last)
{
	for (unsigned i = 0; i < count; i++) {
		uint8_t next = i + 1 < count ? headers[i + 1] : last;
		put_8(output, next);
		switch (headers[i]) {
		case IPPROTO_HOPOPTS:
		case IPPROTO_DSTOPTS:
			put_8(output, 0);
			put_8(output, 1); /* PadN */
			put_8(output, 4);
			put_32(output, 0);
			break;
		case IPPROTO_ROUTING: /* type 4 is a segment routing header; 0 segments left of any type are
					 skipped */
			put_8(output, 0);
			put_16(output, 253 << 8);
			put_32(output, 0);
			break;
		case IPPROTO_AH:
			put_8(output, 2); /* (2 + 2) * 4 bytes: RFC 4302 2.2 */
			put_16(output, 0);
			put_32(output, 256);
			put_32(output, 1);
			put_32(output, 0);
			break;
		default:
			return -EINVAL;
		}
	}
	return 0;
}

static uint8_t ttl_of(const struct packet *packet, const struct frame_options *options)
{
	if (packet->known & KNOWN_TTL)
		return packet->ttl;
	return options->ttl ? options->ttl : 64;
}

static uint8_t tos_of(const struct packet *packet)
{
	return packet->known & KNOWN_TOS ? packet->tos : 0;
}

static void put_ipv4(struct output *output, const struct packet *packet, const struct frame_options *options,
		     size_t transport)
{
	unsigned header = 20 + options->ip_options;
	size_t begin = output->size;
	put_8(output, 4u << 4 | header / 4);
	put_8(output, tos_of(packet));
	put_16(output, (unsigned)(header + transport));
	put_16(output, options->identification & 0xffff);
	put_16(output, (packet->more_fragments ? 0x2000u : 0) | (packet->fragment_offset & 0x1fff));
	put_8(output, ttl_of(packet, options));
	put_8(output, packet->protocol);
	put_16(output, 0);
	put(output, packet->source, 4);
	put(output, packet->destination, 4);
	for (unsigned i = 0; i < options->ip_options; i++)
		put_8(output, 1); /* no operation */
	if (output->size <= output->capacity)
		store_16(output->data + begin + 10, fold(sum(output->data + begin, header)));
}

static size_t extensions_size(const uint8_t *headers, unsigned count)
{
	size_t size = 0;
	for (unsigned i = 0; i < count; i++)
		size += headers[i] == IPPROTO_AH ? 16 : 8;
	return size;
}

static int put_ipv6(struct output *output, const struct packet *packet, const struct frame_options *options,
		    size_t transport)
{
	bool fragment = packet->more_fragments || packet->fragment_offset;
	bool later = packet->fragment_offset;
	unsigned inner_count = options->inner_count;
	uint8_t behind = inner_count ? options->inner[0] : packet->protocol;
	uint8_t first = fragment ? IPPROTO_FRAGMENT : behind;
	size_t length = extensions_size(options->extensions, options->extension_count) + (fragment ? 8 : 0) +
			(later ? 0 : extensions_size(options->inner, inner_count)) + transport;
	if (length > 65535)
		return -EMSGSIZE;
	put_32(output, 6u << 28 | (uint32_t)tos_of(packet) << 20);
	put_16(output, (unsigned)length);
	put_8(output, options->extension_count ? options->extensions[0] : first);
	put_8(output, ttl_of(packet, options));
	put(output, packet->source, 16);
	put(output, packet->destination, 16);
	int result = put_extensions(output, options->extensions, options->extension_count, first);
	if (result)
		return result;
	if (fragment) {
		put_8(output, behind);
		put_8(output, 0);
		put_16(output, (unsigned)packet->fragment_offset << 3 | packet->more_fragments);
		put_32(output, options->identification);
	}
	return later ? 0 : put_extensions(output, options->inner, inner_count, packet->protocol);
}

static bool options_valid(const struct packet *packet, const struct frame_options *options)
{
	bool v4 = packet->family == FAMILY_IPV4;
	if (options->vlan_count > FRAME_VLANS_MAX || options->extension_count > FRAME_EXTENSIONS_MAX ||
	    options->inner_count > FRAME_EXTENSIONS_MAX || packet->fragment_offset > 0x1fff)
		return false;
	if (v4 ? options->extension_count || options->inner_count : options->ip_options)
		return false;
	return options->ip_options <= 40 && options->ip_options % 4 == 0;
}

/* Of a multicast packet to an address that is none, the group bit alone is set. */
static void put_destination_mac(struct output *output, const struct packet *packet,
				const struct frame_options *options)
{
	uint8_t mac[6];
	enum packet_type type = packet->known & KNOWN_TYPE ? packet->type : PACKET_UNICAST;
	const uint8_t *ip = packet->destination;
	memcpy(mac, options->destination_mac, sizeof(mac));
	if (type == PACKET_BROADCAST) {
		memset(mac, 0xff, sizeof(mac));
	} else if (type == PACKET_MULTICAST && packet->family == FAMILY_IPV6 && ip[0] == 0xff) {
		memcpy(mac, (uint8_t[]){0x33, 0x33, ip[12], ip[13], ip[14], ip[15]}, sizeof(mac));
	} else if (type == PACKET_MULTICAST && packet->family == FAMILY_IPV4 && ip[0] >> 4 == 14) {
		memcpy(mac, (uint8_t[]){0x01, 0x00, 0x5e, ip[1] & 0x7f, ip[2], ip[3]}, sizeof(mac));
	} else if (type == PACKET_MULTICAST) {
		mac[0] |= 1;
	}
	put(output, mac, sizeof(mac));
}

int frame_make(const struct packet *packet, const struct frame_options *options, uint8_t *frame,
	       size_t capacity, size_t *size)
{
	if (!options_valid(packet, options))
		return -EINVAL;
	bool v4 = packet->family == FAMILY_IPV4, later = packet->fragment_offset;
	size_t header = later ? 0 : transport_header_size(packet);
	size_t left = packet->transport_short && !later ? options->transport_size : header;
	size_t payload = packet->transport_short && !later ? 0 : options->payload;
	if (left > header)
		return -EINVAL;
	if (payload > 65535)
		return -EMSGSIZE;
	size_t transport = left + payload;
	if (packet->more_fragments)
		transport = (transport + 7) / 8 * 8;
	if (transport + (v4 ? 20 + options->ip_options : 0) > 65535)
		return -EMSGSIZE;

	struct output output = {.data = frame, .capacity = capacity};
	put_destination_mac(&output, packet, options);
	put(&output, packet->known & KNOWN_MAC ? packet->mac : options->source_mac, 6);
	for (unsigned i = 0; i < options->vlan_count; i++) {
		put_16(&output, i + 1 < options->vlan_count ? 0x88a8 : 0x8100);
		put_16(&output, options->vlans[i]);
	}
	put_16(&output, v4 ? 0x0800 : 0x86dd);
	int result = 0;
	if (v4)
		put_ipv4(&output, packet, options, transport);
	else
		result = put_ipv6(&output, packet, options, transport);
	if (result)
		return result;

	size_t begin = output.size;
	uint8_t bytes[20] = {0};
	struct output whole = {.data = bytes, .capacity = sizeof(bytes)};
	if (!later)
		put_transport_header(&whole, packet, (unsigned)transport);
	put(&output, bytes, left);
	put_zeroes(&output, transport - left);
	if (output.size > capacity)
		return -EMSGSIZE;
	/* A fragment's is for the part that is here: the kernel looks at it only once all are together. */
	if (!later && left == header)
		set_checksum(packet, frame + begin, transport);
	*size = output.size;
	return 0;
}
