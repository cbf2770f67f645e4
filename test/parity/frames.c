/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Plans are drawn first, then built: a test can look at the plan to know what the kernel will do with the
 * frame. Checksums are right unless the plan says otherwise, since conntrack calls a packet with a wrong one
 * INVALID. */
#include "frames_header.h"

#include <string.h>

const uint8_t frame_own_mac[6] = {0x02, 0x57, 0x45, 0x49, 0x52, 0x01};
const uint8_t frame_peer_mac[6] = {0x02, 0x57, 0x45, 0x49, 0x52, 0x02};

enum {
	PROTO_HOP = 0,
	PROTO_ICMP = 1,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_GRE = 47,
	PROTO_DCCP = 33,
	PROTO_ESP = 50,
	PROTO_AUTH = 51,
	PROTO_ICMP6 = 58,
	PROTO_DSTOPTS = 60,
	PROTO_COMPRESSED = 108,
	PROTO_SCTP = 132,
	PROTO_MOBILITY = 135,
	PROTO_LITE = 136
};

static uint8_t random_protocol(const struct pool *pool, struct random *random)
{
	static const uint8_t rare[] = {PROTO_SCTP, PROTO_LITE, PROTO_GRE, PROTO_ICMP, PROTO_ICMP6,
				       50,         59,         255,       33};
	uint32_t kind = random_below(random, 100);

	if (kind < 40)
		return PROTO_TCP;
	if (kind < 70)
		return PROTO_UDP;
	if (kind < 86)
		return pool->family == FAMILY_IPV4 ? PROTO_ICMP : PROTO_ICMP6;
	return rare[random_below(random, sizeof(rare))];
}

static void plan_transport(struct frame_plan *plan, const struct pool *pool, bool kernel,
			   struct random *random)
{
	static const uint8_t flags[] = {0x02, 0x02, 0x02, 0x10, 0x12, 0x18, 0x11, 0x04, 0x14,
					0x00, 0x29, 0x03, 0x06, 0x19, 0xc2, 0x01, 0x08, 0xff};

	plan->protocol = random_protocol(pool, random);
	plan->source_port = pool_port(pool, random);
	plan->destination_port = pool_port(pool, random);
	plan->tcp_flags = flags[random_below(random, sizeof(flags))];
	plan->type =
	    random_percent(random, 80) ? pool->types[random_below(random, 4)] : (uint8_t)random_next(random);
	plan->code = (uint8_t)random_below(random, 3);
	plan->payload = random_percent(random, 50) ? 0 : 1 + random_below(random, 24);
	if (random_percent(random, kernel ? 3 : 6))
		plan->cut = 1 + random_below(random, 20);
}

void frame_plan_random(struct frame_plan *plan, const struct pool *pool, bool kernel, struct random *random)
{
	uint32_t kind = random_below(random, 100);

	memset(plan, 0, sizeof(*plan));
	plan->family = pool->family;
	plan->to = kind < 88 ? TO_HOST : kind < 92 ? TO_BROADCAST : kind < 96 ? TO_MULTICAST : TO_OTHER;
	if (random_percent(random, 5)) {
		plan->vlan_tags = 1 + random_below(random, 3);
		plan->vlan_id = (uint16_t)random_below(random, 3);
	}
	plan->identification = (uint16_t)random_next(random);
	plan->source = pool_source(pool, random);
	plan->destination = pool_destination(pool, random);
	plan_transport(plan, pool, kernel, random);
	kind = random_below(random, 100);
	if (kind < 5)
		plan->fragment = FRAME_FIRST;
	else if (kind < 10)
		plan->fragment = FRAME_LATER;
	else if (kind < 12 && pool->family == FAMILY_IPV6)
		plan->fragment = FRAME_ATOMIC;
	plan->offset = random_percent(random, 20) ? 1 : random_percent(random, 50) ? 4 : 185;
	plan->last = random_percent(random, 50);
	/* A fragment that is not the last one carries a multiple of 8 bytes. */
	if (plan->fragment == FRAME_FIRST || plan->fragment == FRAME_LATER)
		plan->payload = 8 * (1 + random_below(random, 3));
	if (random_percent(random, 6))
		plan->options = 1 + random_below(random, 10);
	if (random_percent(random, 10))
		plan->extensions = 1 + random_below(random, kernel ? 3 : 15);
	if (random_percent(random, 20))
		plan->padding = random_below(random, 20);
	if (!kernel) {
		if (random_percent(random, 2))
			plan->truncated = 1 + random_below(random, 40);
		plan->bad_checksum = random_percent(random, 2);
		plan->wrong_version = random_percent(random, 1);
	}
}

static void plan_headers(struct frame_plan *plan, struct random *random)
{
	static const uint8_t ttls[] = {1, 2, 3, 63, 64, 65, 66, 127, 128, 129, 254, 255};
	static const uint8_t classes[] = {0x01, 0x02, 0x03, 0x10, 0x20, 0x28, 0x08, 0xb8, 0xff, 0x2a};
	static const uint32_t numbers[] = {0, 1, 2, 3, 255, 256, 257, 0x10001, 0xffffffff};
	bool odd = random_percent(random, 10); /* malformed on purpose */

	plan->ttl = random_percent(random, 60) ? ttls[random_below(random, sizeof(ttls))] : 0;
	plan->tos = random_percent(random, 40) ? classes[random_below(random, sizeof(classes))] : 0;
	plan->source_mac = random_percent(random, 30) ? (uint8_t)(3 + random_below(random, 2)) : 0;
	plan->spi = numbers[random_below(random, sizeof(numbers) / sizeof(*numbers))];
	plan->tcp_options = random_percent(random, 60) ? random_below(random, odd ? TCP_LAYOUTS : 6) : 0;
	plan->variant = random_below(random, 32);
	plan->hop = random_below(random, odd ? OPTION_LAYOUTS : 4);
	plan->destination_options = random_below(random, odd ? OPTION_LAYOUTS : 4);
	plan->routing = random_below(random, odd ? ROUTING_LAYOUTS : ROUTING_LAYOUTS - 1);
	plan->auth = random_below(random, AUTH_LAYOUTS);
	plan->text = random_percent(random, 50) ? random_below(random, TEXTS) : 0;
	if (random_percent(random, 15))
		plan->identification = (uint16_t)random_below(random, 2);
	plan->fragment_reserved = random_percent(random, 25) ? (uint8_t)(1 + random_below(random, 3)) : 0;
}

void frame_plan_rich(struct frame_plan *plan, const struct pool *pool, bool kernel, struct random *random)
{
	static const uint8_t others[FAMILY_COUNT][7] = {
	    {PROTO_SCTP, PROTO_SCTP, PROTO_DCCP, PROTO_DCCP, PROTO_ESP, PROTO_AUTH, PROTO_COMPRESSED},
	    {PROTO_SCTP, PROTO_SCTP, PROTO_DCCP, PROTO_DCCP, PROTO_ESP, PROTO_MOBILITY, PROTO_COMPRESSED}};

	frame_plan_random(plan, pool, kernel, random);
	plan_headers(plan, random);
	if (random_percent(random, 20))
		plan->protocol = others[pool->family][random_below(random, 7)];
	if (random_percent(random, 15))
		plan->extensions = random_below(random, 16);
	if (pool->family == FAMILY_IPV6 && plan->fragment == FRAME_WHOLE && random_percent(random, 8))
		plan->fragment = FRAME_ATOMIC;
	/* Whole words for fragments, see above. */
	if (plan->text && plan->fragment == FRAME_WHOLE)
		plan->payload = random_below(random, 48);
}

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t sum_bytes(const uint8_t *data, unsigned size, uint32_t sum)
{
	for (unsigned i = 0; i + 1 < size; i += 2)
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	if (size & 1)
		sum += (uint32_t)data[size - 1] << 8;
	return sum;
}

static uint16_t sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put_ports(const struct frame_plan *plan, uint8_t *at)
{
	put16(at, plan->source_port);
	put16(at + 2, plan->destination_port);
}

/* The transport header and payload at `at`; returns its size, whole. */
static unsigned build_transport(const struct frame_plan *plan, uint8_t *at)
{
	unsigned header = 8;

	switch (plan->protocol) {
	case PROTO_TCP:
		header = header_tcp(plan, at);
		put_ports(plan, at);
		break;
	case PROTO_UDP:
	case PROTO_LITE:
		put_ports(plan, at);
		put16(at + 4, plan->protocol == PROTO_UDP ? 8 + plan->payload : 8);
		break;
	case PROTO_SCTP:
		header = header_sctp(plan, at);
		put_ports(plan, at);
		break;
	case PROTO_DCCP:
		header = header_dccp(plan, at);
		put_ports(plan, at);
		break;
	case PROTO_MOBILITY:
		header = header_mobility(plan, at);
		break;
	case PROTO_AUTH:
		header = header_auth(plan, at);
		at[0] = 59;
		break;
	case PROTO_ESP:
		put16(at, plan->spi >> 16);
		put16(at + 2, plan->spi);
		break;
	case PROTO_COMPRESSED:
		put16(at + 2, plan->spi);
		break;
	case PROTO_ICMP:
	case PROTO_ICMP6:
		at[0] = plan->type;
		at[1] = plan->code;
		break;
	case PROTO_GRE:
		at[2] = 0x08;
		break;
	default:
		break;
	}
	if (plan->quoted_size) {
		memcpy(at + header, plan->quoted, plan->quoted_size);
		return header + plan->quoted_size;
	}
	header_payload(plan, at + header);
	return header + plan->payload;
}

/* Over the pseudo header; the field is 0 as yet. SCTP's CRC is not kept right: conntrack may call it INVALID.
 */
static void set_transport_checksum(const struct frame_plan *plan, uint8_t *at, unsigned size)
{
	uint8_t addresses[32] = {0};
	unsigned bytes = family_bits(plan->family) / 8, field;
	uint32_t sum;

	switch (plan->protocol) {
	case PROTO_TCP:
		field = 16;
		break;
	case PROTO_UDP:
	case PROTO_LITE:
		field = 6;
		break;
	case PROTO_ICMP:
	case PROTO_ICMP6:
		field = 2;
		break;
	default:
		return;
	}
	sum = plan->protocol == PROTO_LITE ? sum_bytes(at, 8, 0) : sum_bytes(at, size, 0);
	if (plan->protocol != PROTO_ICMP) {
		address_to_bytes(plan->family, plan->source, addresses);
		address_to_bytes(plan->family, plan->destination, addresses + 16);
		sum = sum_bytes(addresses, bytes, sum);
		sum = sum_bytes(addresses + 16, bytes, sum);
		sum += plan->protocol + size;
	}
	put16(at + field, sum_fold(sum) ? sum_fold(sum) : 0xffff);
}

static unsigned build_ipv4(const struct frame_plan *plan, uint8_t *ip)
{
	unsigned header = 20 + 4 * plan->options, size, transport;
	uint8_t *at = ip + header;

	transport = build_transport(plan, at);
	set_transport_checksum(plan, at, transport);
	if (plan->fragment == FRAME_LATER)
		memset(at, 0x5a, transport); /* somewhere in the middle of a packet */
	if (plan->cut && plan->fragment != FRAME_LATER)
		transport = transport - plan->payload > plan->cut ? transport - plan->payload - plan->cut : 0;
	if (plan->fragment == FRAME_FIRST || plan->fragment == FRAME_LATER)
		transport &= ~7u;
	size = header + transport;
	ip[0] = (uint8_t)((plan->wrong_version ? 6 : 4) << 4 | header / 4);
	put16(ip + 2, size);
	put16(ip + 4, plan->identification);
	if (plan->fragment == FRAME_FIRST)
		put16(ip + 6, 0x2000);
	else if (plan->fragment == FRAME_LATER)
		put16(ip + 6, (plan->last ? 0 : 0x2000) | plan->offset);
	ip[1] = plan->tos;
	ip[8] = plan->ttl ? plan->ttl : 64;
	ip[9] = plan->protocol;
	address_to_bytes(FAMILY_IPV4, plan->source, ip + 12);
	address_to_bytes(FAMILY_IPV4, plan->destination, ip + 16);
	memset(ip + 20, 1, header - 20); /* no-operation options */
	put16(ip + 10, 0);
	put16(ip + 10, sum_fold(sum_bytes(ip, header, 0)) ^ (plan->bad_checksum ? 0x0101 : 0));
	return size;
}

/* One extension header; `next` is filled in by the one behind. */
static uint8_t *extension_add(const struct frame_plan *plan, uint8_t *at, uint8_t **next, uint8_t type)
{
	unsigned size = 8;

	**next = type;
	*next = at;
	memset(at, 0, size);
	switch (type) {
	case PROTO_HOP:
		size = header_options(plan->hop, at);
		break;
	case PROTO_DSTOPTS:
		size = header_options(plan->destination_options, at);
		break;
	case PROTO_ROUTING:
		size = header_routing(plan, at);
		break;
	case PROTO_AUTH:
		size = header_auth(plan, at);
		break;
	default:
		break;
	}
	return at + size;
}

static unsigned build_ipv6(const struct frame_plan *plan, uint8_t *ip)
{
	uint8_t *next = ip + 6, *at = ip + 40;
	unsigned transport;

	if (plan->extensions & 1)
		at = extension_add(plan, at, &next, PROTO_HOP);
	if (plan->extensions & 4)
		at = extension_add(plan, at, &next, PROTO_ROUTING);
	if (plan->fragment != FRAME_WHOLE) {
		uint8_t *fragment = at;

		at = extension_add(plan, at, &next, PROTO_FRAGMENT);
		if (plan->fragment == FRAME_FIRST)
			put16(fragment + 2, 1);
		else if (plan->fragment == FRAME_LATER)
			put16(fragment + 2, plan->offset << 3 | !plan->last);
		put16(fragment + 6, plan->identification);
		fragment[1] = plan->fragment_reserved;
		fragment[3] |= (uint8_t)(plan->fragment_reserved << 1 & 6);
	}
	/* Headers behind the fragment header are split with the packet: a later fragment does not show them.
	 */
	if (plan->fragment != FRAME_LATER) {
		if (plan->extensions & 8)
			at = extension_add(plan, at, &next, PROTO_AUTH);
		if (plan->extensions & 2)
			at = extension_add(plan, at, &next, PROTO_DSTOPTS);
	}
	*next = plan->protocol;
	transport = build_transport(plan, at);
	set_transport_checksum(plan, at, transport);
	if (plan->fragment == FRAME_LATER)
		memset(at, 0x5a, transport);
	if (plan->cut && plan->fragment != FRAME_LATER)
		transport = transport - plan->payload > plan->cut ? transport - plan->payload - plan->cut : 0;
	if (plan->fragment == FRAME_FIRST || plan->fragment == FRAME_LATER)
		transport &= ~7u;
	ip[0] = (uint8_t)((plan->wrong_version ? 4 : 6) << 4);
	put16(ip + 4, (unsigned)(at - ip) - 40 + transport);
	ip[0] |= plan->tos >> 4;
	ip[1] = (uint8_t)(plan->tos << 4);
	ip[7] = plan->ttl ? plan->ttl : 64;
	address_to_bytes(FAMILY_IPV6, plan->source, ip + 8);
	address_to_bytes(FAMILY_IPV6, plan->destination, ip + 24);
	return (unsigned)(at - ip) + transport;
}

void frame_build(const struct frame_plan *plan, struct frame *frame)
{
	uint8_t *at = frame->data;
	unsigned size;

	memset(frame, 0, sizeof(*frame));
	switch (plan->to) {
	case TO_HOST:
		memcpy(at, frame_own_mac, 6);
		break;
	case TO_BROADCAST:
		memset(at, 0xff, 6);
		break;
	case TO_MULTICAST:
		at[0] = plan->family == FAMILY_IPV4 ? 0x01 : 0x33;
		at[1] = plan->family == FAMILY_IPV4 ? 0x00 : 0x33;
		at[2] = plan->family == FAMILY_IPV4 ? 0x5e : 0x00;
		at[5] = 1;
		break;
	case TO_OTHER:
		memcpy(at, frame_own_mac, 6);
		at[5] = 0x77;
		break;
	}
	memcpy(at + 6, frame_peer_mac, 6);
	if (plan->source_mac)
		at[11] = plan->source_mac;
	at += 12;
	for (unsigned i = 0; i < plan->vlan_tags; i++) {
		put16(at, i + 1 < plan->vlan_tags ? 0x88a8 : 0x8100);
		put16(at + 2, plan->vlan_id);
		at += 4;
	}
	put16(at, plan->family == FAMILY_IPV4 ? 0x0800 : 0x86dd);
	at += 2;
	frame->network = (unsigned)(at - frame->data);
	size = plan->family == FAMILY_IPV4 ? build_ipv4(plan, at) : build_ipv6(plan, at);
	memset(at + size, 0, plan->padding); /* what was behind a cut */
	frame->size = frame->network + size + plan->padding;
	if (plan->truncated)
		frame->size =
		    frame->network +
		    (plan->padding + size > plan->truncated ? plan->padding + size - plan->truncated : 0);
}
