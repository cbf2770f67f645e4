// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads the packets of a capture as traffic for `weir cost`. */
#include "command/cost_traffic.h"

#include "packet/capture.h"

#include <errno.h>
#include <pcap/dlt.h>

#define ETHERTYPE_IPV4_ 0x0800
#define ETHERTYPE_IPV6_ 0x86dd
#define ETHERTYPE_VLAN_ 0x8100
#define ETHERTYPE_QINQ_ 0x88a8

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

/* Where the IP header begins, whatever the ether type said: the version nibble decides. 0 with *offset, or
 * -EINVAL. A VLAN tag is taken off: the injected frame stands for what arrives at the interface that the
 * rules name. */
static int network_offset(int link_type, const uint8_t *frame, size_t size, size_t *offset)
{
	unsigned type;
	size_t at;

	switch (link_type) {
	case DLT_EN10MB:
		at = 12;
		break;
	case DLT_LINUX_SLL:
		at = 14;
		break;
	case DLT_LINUX_SLL2:
		*offset = 20;
		return size > 20 && (get16(frame) == ETHERTYPE_IPV4_ || get16(frame) == ETHERTYPE_IPV6_)
			   ? 0
			   : -EINVAL;
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
		*offset = 0;
		return size ? 0 : -EINVAL;
	case DLT_NULL:
	case DLT_LOOP:
		*offset = 4;
		return size > 4 ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
	for (int tags = 0; tags < 3 && at + 2 < size; tags++, at += 4) {
		type = get16(frame + at);
		*offset = at + 2;
		if (type == ETHERTYPE_IPV4_ || type == ETHERTYPE_IPV6_)
			return 0;
		if (type != ETHERTYPE_VLAN_ && type != ETHERTYPE_QINQ_)
			return -EINVAL;
	}
	return -EINVAL;
}

/* The addresses, and the packet's size without padding of the link. False when this is no whole IP packet. */
static bool network_read(const uint8_t *network, size_t captured, enum family *family, size_t *size,
			 address *source, address *destination)
{
	unsigned version = captured ? network[0] >> 4 : 0;

	if (version == 4 && captured >= 20) {
		*family = FAMILY_IPV4;
		*size = get16(network + 2);
		*source = address_from_bytes(FAMILY_IPV4, network + 12);
		*destination = address_from_bytes(FAMILY_IPV4, network + 16);
	} else if (version == 6 && captured >= 40) {
		*family = FAMILY_IPV6;
		*size = 40u + get16(network + 4);
		*source = address_from_bytes(FAMILY_IPV6, network + 8);
		*destination = address_from_bytes(FAMILY_IPV6, network + 24);
	} else {
		return false;
	}
	/* A snapshot length cuts the end off: the kernel would drop the rest as truncated before any rule. */
	return *size >= (version == 4 ? 20u : 40u) && *size <= captured;
}

/* Addresses by hash, with whether they were seen as a destination first or as a source first. */
struct peers {
	size_t size; /* a power of two */
	struct peer {
		bool used, local;
		enum family family;
		address value;
	} * table;
};

static struct peer *peer_find(struct peers *peers, enum family family, address value)
{
	uint64_t hash = ((uint64_t)value ^ (uint64_t)(value >> 64)) * 0x9e3779b97f4a7c15u;
	size_t at = (hash >> 32) & (peers->size - 1);

	while (peers->table[at].used &&
	       (peers->table[at].value != value || peers->table[at].family != family))
		at = (at + 1) & (peers->size - 1);
	return &peers->table[at];
}

/* The first packet between two addresses says which of them is the host: its destination. What comes from an
 * address that is the host's is an answer. Returns whether the packet arrives. */
static bool peers_arriving(struct peers *peers, enum family family, address source, address destination)
{
	struct peer *from = peer_find(peers, family, source), *to;

	if (!from->used)
		*from = (struct peer){.used = true, .family = family, .value = source};
	if (from->local)
		return false;
	to = peer_find(peers, family, destination);
	if (!to->used)
		*to = (struct peer){.used = true, .local = true, .family = family, .value = destination};
	return to->local;
}

int traffic_add_local(struct traffic *traffic, enum family family, address value)
{
	struct traffic_local *local;

	for (size_t i = 0; i < traffic->local_count; i++)
		if (traffic->locals[i].family == family && traffic->locals[i].value == value)
			return 0;
	if (traffic->local_count >= TRAFFIC_LOCALS_MAX)
		return -E2BIG;
	local = arena_push(traffic->frames.arena, (void **)&traffic->locals, &traffic->local_count,
			   &traffic->local_capacity, sizeof(*local));
	if (!local)
		return -ENOMEM;
	local->family = family;
	local->value = value;
	return 0;
}

/* Whether an address can be given to an interface; broadcast and multicast arrive without. */
static bool address_assignable(enum family family, address value)
{
	unsigned first = (unsigned)(value >> (family_bits(family) - 8));

	return family == FAMILY_IPV4 ? first != 0 && first != 127 && first < 224 : first != 0xff && value > 1;
}

/* 0 taken, 1 left out, -ENOMEM. */
static int packet_take(struct traffic *traffic, struct peers *peers, int link_type, const uint8_t *frame,
		       size_t captured)
{
	address source, destination;
	enum family family;
	size_t offset, size;
	int error;

	if (network_offset(link_type, frame, captured, &offset) ||
	    !network_read(frame + offset, captured - offset, &family, &size, &source, &destination))
		return 1;
	if (!peers_arriving(peers, family, source, destination))
		return 1;
	if (address_assignable(family, destination)) {
		error = traffic_add_local(traffic, family, destination);
		if (error)
			return error == -E2BIG ? 1 : error;
	}
	error = frames_add_network(&traffic->frames, family, frame + offset, size);
	return error == -EMSGSIZE ? 1 : error;
}

int traffic_read(const char *path, struct traffic *traffic, struct buffer *why)
{
	__attribute__((cleanup(capture_cleanup))) struct capture *capture = NULL;
	struct peers peers = {.size = 8 * FRAMES_MAX};
	struct capture_frame frame;
	int status;

	traffic->kind = "capture";
	traffic->both_families = true;
	peers.table = arena_array(traffic->frames.arena, peers.size, sizeof(*peers.table));
	if (!peers.table)
		return -ENOMEM;
	status = capture_open(path, &capture, why);
	if (status)
		return status;
	/* Each packet brings two addresses at most, so the table of peers never gets full. */
	while (traffic->frames.count < FRAMES_MAX && traffic->left_out < FRAMES_MAX) {
		status = capture_next(capture, &frame, why);
		if (status <= 0)
			break;
		status = packet_take(traffic, &peers, frame.link_type, frame.data, frame.captured);
		if (status < 0)
			break;
		traffic->left_out += (size_t)status;
	}
	if (status < 0)
		return status;
	if (!traffic->frames.count) {
		buffer_printf(why, "no IP packet in it arrives whole at a host");
		return -ESRCH;
	}
	return 0;
}
