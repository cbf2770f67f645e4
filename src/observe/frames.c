// SPDX-License-Identifier: GPL-2.0-or-later
/* Frames to inject. Every checksum must be right: the kernel drops a packet with a wrong IP header checksum before
 * PREROUTING, and conntrack calls one with a wrong transport checksum INVALID; either would make every figure and
 * every verdict the same. */
#include "observe/frames.h"

#include <endian.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <string.h>

#define IPV4_HEADER 20u
#define IPV6_HEADER 40u
#define TRANSPORT_MAX 24u

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* RFC 1071. */
static uint32_t checksum_add(uint32_t sum, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i + 1 < size; i += 2)
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	if (size & 1)
		sum += (uint32_t)data[size - 1] << 8;
	return sum;
}

static unsigned checksum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* Where the tag stands in a transport packet; -1 for none. */
static int tag_offset(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 4;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return 8;
	default:
		return 0;
	}
}

bool frame_tag(uint8_t protocol, const uint8_t *transport, size_t size, uint32_t *tag)
{
	size_t offset = (size_t)tag_offset(protocol);

	if (size < offset + 4)
		return false;
	*tag = get32(transport + offset);
	return true;
}

/* The transport packet without its checksum; *checksum_at is where that goes, 0 for none. Returns its size. */
static size_t transport_fill(const struct packet *packet, uint32_t tag, uint8_t *out, size_t *checksum_at)
{
	size_t size;

	memset(out, 0, TRANSPORT_MAX);
	*checksum_at = 0;
	switch (packet->protocol) {
	case IPPROTO_TCP:
		size = 20;
		out[12] = 5 << 4;
		out[13] = packet->tcp_flags;
		put16(out + 14, 65535);
		*checksum_at = 16;
		break;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		size = 12;
		put16(out + 4, 12); /* UDP-Lite: the checksum covers all */
		*checksum_at = 6;
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		size = 8;
		out[0] = packet->icmp_type;
		out[1] = packet->icmp_code;
		*checksum_at = 2;
		break;
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
		size = 24; /* header only as far as the ports; the tag would stand on them */
		break;
	default:
		size = 4;
		break;
	}
	if (packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP || packet->protocol == IPPROTO_UDPLITE ||
	    packet->protocol == IPPROTO_SCTP || packet->protocol == IPPROTO_DCCP) {
		put16(out, packet->source_port);
		put16(out + 2, packet->destination_port);
	}
	if (packet->protocol != IPPROTO_SCTP && packet->protocol != IPPROTO_DCCP)
		put32(out + tag_offset(packet->protocol), tag);
	return size;
}

/* RFC 768, 9293, 8200 section 8.1: the pseudo header; ICMP of IPv4 has none. */
static void transport_checksum(const struct packet *packet, uint8_t *transport, size_t size, size_t checksum_at)
{
	size_t bytes = packet->family == FAMILY_IPV4 ? 4 : 16;
	uint32_t sum = 0;
	unsigned checksum;

	if (packet->protocol != IPPROTO_ICMP) {
		sum = checksum_add(sum, packet->source, bytes);
		sum = checksum_add(sum, packet->destination, bytes);
		sum += packet->protocol + (uint32_t)size;
	}
	checksum = checksum_fold(checksum_add(sum, transport, size));
	if (!checksum && (packet->protocol == IPPROTO_UDP || packet->protocol == IPPROTO_UDPLITE))
		checksum = 0xffff; /* 0 says "none" */
	put16(transport + checksum_at, checksum);
}

static int frame_new(struct frames *frames, enum family family, size_t network_size, struct frame **frame)
{
	struct frame *made;
	uint8_t *bytes;

	if (frames->count >= FRAMES_MAX)
		return -E2BIG;
	bytes = arena_alloc(frames->arena, ETHER_HDR_LEN + network_size);
	if (!bytes)
		return -ENOMEM;
	made = arena_push(frames->arena, (void **)&frames->frames, &frames->count, &frames->capacity, sizeof(*made));
	if (!made)
		return -ENOMEM;
	made->length = (uint32_t)(ETHER_HDR_LEN + network_size);
	made->bytes = bytes;
	memcpy(bytes, frames->destination, ETHER_ADDR_LEN);
	memcpy(bytes + ETHER_ADDR_LEN, frames->source, ETHER_ADDR_LEN);
	put16(bytes + 2 * ETHER_ADDR_LEN, family == FAMILY_IPV4 ? ETHERTYPE_IP : ETHERTYPE_IPV6);
	*frame = made;
	return 0;
}

int frames_add_packet(struct frames *frames, const struct packet *packet, uint32_t tag)
{
	uint8_t transport[TRANSPORT_MAX], header[IPV6_HEADER] = {0};
	size_t checksum_at, size, header_size;
	struct frame *frame;
	int error;

	if (packet->fragment_offset || packet->more_fragments)
		return -ENOTSUP;
	size = transport_fill(packet, tag, transport, &checksum_at);
	if (checksum_at)
		transport_checksum(packet, transport, size, checksum_at);
	if (packet->family == FAMILY_IPV4) {
		header_size = IPV4_HEADER;
		header[0] = 0x45;
		put16(header + 2, (unsigned)(header_size + size));
		put16(header + 4, tag & 0xffff);
		header[8] = 64;
		header[9] = packet->protocol;
		memcpy(header + 12, packet->source, 4);
		memcpy(header + 16, packet->destination, 4);
		put16(header + 10, checksum_fold(checksum_add(0, header, IPV4_HEADER)));
	} else {
		header_size = IPV6_HEADER;
		header[0] = 0x60;
		put16(header + 4, (unsigned)size);
		header[6] = packet->protocol;
		/* Neighbour discovery is taken with hop limit 255 only (RFC 4861). */
		header[7] = packet->protocol == IPPROTO_ICMPV6 ? 255 : 64;
		memcpy(header + 8, packet->source, 16);
		memcpy(header + 24, packet->destination, 16);
	}
	error = frame_new(frames, packet->family, header_size + size, &frame);
	if (error)
		return error;
	memcpy(frame->bytes + ETHER_HDR_LEN, header, header_size);
	memcpy(frame->bytes + ETHER_HDR_LEN + header_size, transport, size);
	return 0;
}

int frames_add_network(struct frames *frames, enum family family, const uint8_t *network, size_t size)
{
	struct frame *frame;
	uint8_t *header;
	size_t words;
	int error;

	if (size + ETHER_HDR_LEN > FRAME_BYTES_MAX || size < (family == FAMILY_IPV4 ? IPV4_HEADER : IPV6_HEADER))
		return -EMSGSIZE;
	error = frame_new(frames, family, size, &frame);
	if (error)
		return error;
	header = frame->bytes + ETHER_HDR_LEN;
	memcpy(header, network, size);
	words = header[0] & 0x0f;
	if (family == FAMILY_IPV4 && words * 4 >= IPV4_HEADER && words * 4 <= size) {
		put16(header + 10, 0);
		put16(header + 10, checksum_fold(checksum_add(0, header, words * 4)));
	}
	return 0;
}
