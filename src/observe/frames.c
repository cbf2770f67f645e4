// SPDX-License-Identifier: GPL-2.0-or-later
/* Frames to inject. Every checksum must be right: the kernel drops a packet with a wrong IP header checksum
 * before PREROUTING, and conntrack calls one with a wrong transport checksum INVALID; either would make every
 * figure and every verdict the same. */
#include "observe/frames.h"

#include "packet/frame.h"

#include <errno.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <string.h>

#define IPV4_HEADER 20u
#define IPV6_HEADER 40u

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

/* Where the tag stands in a transport packet. */
static size_t tag_offset(uint8_t protocol)
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
	size_t offset = tag_offset(protocol);

	if (size < offset + 4)
		return false;
	*tag = get32(transport + offset);
	return true;
}

/* Where the checksum stands that covers the tag; 0: none does, or it is not kept. */
static size_t checksum_offset(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return 16;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return 6;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 2;
	default:
		return 0;
	}
}

/* Writes the tag and keeps the checksum right (RFC 1624, equation 3). */
static void tag_write(uint8_t protocol, uint8_t *transport, size_t size, uint32_t tag)
{
	size_t offset = tag_offset(protocol), at = checksum_offset(protocol);
	uint32_t sum;

	if (size < offset + 4 || protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP)
		return;
	if (at) {
		sum = ~((uint32_t)transport[at] << 8 | transport[at + 1]) & 0xffff;
		for (size_t i = 0; i < 4; i += 2)
			sum += ~((uint32_t)transport[offset + i] << 8 | transport[offset + i + 1]) & 0xffff;
		sum += (tag >> 16) + (tag & 0xffff);
		sum = checksum_fold(sum);
		if (!sum && (protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE))
			sum = 0xffff; /* RFC 768: 0 says "none" */
		put16(transport + at, sum);
	}
	put32(transport + offset, tag);
}

static int frame_new(struct frames *frames, size_t network_size, struct frame **frame)
{
	struct frame *made;
	uint8_t *bytes;

	if (frames->count >= FRAMES_MAX)
		return -E2BIG;
	bytes = arena_alloc(frames->arena, ETHER_HDR_LEN + network_size);
	if (!bytes)
		return -ENOMEM;
	made = arena_push(frames->arena, (void **)&frames->frames, &frames->count, &frames->capacity,
			  sizeof(*made));
	if (!made)
		return -ENOMEM;
	made->length = (uint32_t)(ETHER_HDR_LEN + network_size);
	made->bytes = bytes;
	*frame = made;
	return 0;
}

int frames_add_packet(struct frames *frames, const struct packet *packet, uint32_t tag)
{
	/* Neighbour discovery is taken with hop limit 255 only (RFC 4861). */
	struct frame_options options = {.ttl = packet->protocol == IPPROTO_ICMPV6 ? 255 : 0, .payload = 4};
	size_t header = ETHER_HDR_LEN + (packet->family == FAMILY_IPV4 ? IPV4_HEADER : IPV6_HEADER), size;
	uint8_t bytes[FRAME_BYTES_MAX];
	struct frame *frame;
	int error;

	if (packet->fragment_offset || packet->more_fragments || packet->transport_short)
		return -ENOTSUP;
	if (packet->protocol == IPPROTO_TCP)
		options.payload = 0;
	memcpy(options.source_mac, frames->source, ETHER_ADDR_LEN);
	memcpy(options.destination_mac, frames->destination, ETHER_ADDR_LEN);
	error = frame_make(packet, &options, bytes, sizeof(bytes), &size);
	if (error)
		return error;
	tag_write(packet->protocol, bytes + header, size - header, tag);
	error = frame_new(frames, size - ETHER_HDR_LEN, &frame);
	if (!error)
		memcpy(frame->bytes, bytes, size);
	return error;
}

int frames_add_network(struct frames *frames, enum family family, const uint8_t *network, size_t size)
{
	struct frame *frame;
	uint8_t *header;
	size_t words;
	int error;

	if (size + ETHER_HDR_LEN > FRAME_BYTES_MAX ||
	    size < (family == FAMILY_IPV4 ? IPV4_HEADER : IPV6_HEADER))
		return -EMSGSIZE;
	error = frame_new(frames, size, &frame);
	if (error)
		return error;
	memcpy(frame->bytes, frames->destination, ETHER_ADDR_LEN);
	memcpy(frame->bytes + ETHER_ADDR_LEN, frames->source, ETHER_ADDR_LEN);
	put16(frame->bytes + 2 * ETHER_ADDR_LEN, family == FAMILY_IPV4 ? ETHERTYPE_IP : ETHERTYPE_IPV6);
	header = frame->bytes + ETHER_HDR_LEN;
	memcpy(header, network, size);
	words = header[0] & 0x0f;
	if (family == FAMILY_IPV4 && words * 4 >= IPV4_HEADER && words * 4 <= size) {
		put16(header + 10, 0);
		put16(header + 10, checksum_fold(checksum_add(0, header, words * 4)));
	}
	return 0;
}
