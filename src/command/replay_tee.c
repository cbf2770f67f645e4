/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What TEE would send: the packet as it is at that rule, with the time to live of nf_dup_ipv4() and
 * nf_dup_ipv6() (net/ipv4/netfilter/nf_dup_ipv4.c), to a gateway. And what becomes of it there, if the
 * gateway has these rules too: a copy that is copied again may go round.
 *
 * The Ethernet addresses of a copy are those of the gateway and of the interface towards it, which a capture
 * does not show: they are written as zeros. */
#include "command/replay.h"
#include "extension/extension.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MAX 262144 /* libpcap's own limit */

struct replay_tee {
	struct capture_writer *writer; /* NULL: copies are only counted */
	struct engine *again[2];       /* the rules of a gateway, by enum path */
	uint8_t frame[FRAME_MAX];
	/* Of the copy that is looked at. */
	enum truth met;
};

static bool has_tee(const struct ruleset *ruleset)
{
	uint8_t gateway[16];
	for (unsigned family = 0; family < FAMILY_COUNT; family++) {
		for (unsigned id = 0; id < TABLE_COUNT; id++) {
			const struct table *table = &ruleset->tables[family][id];
			for (size_t i = 0; i < table->chain_count; i++)
				for (size_t j = 0; j < table->chains[i]->rule_count; j++)
					if (target_tee(&table->chains[i]->rules[j].target, table->family,
						       gateway))
						return true;
		}
	}
	return false;
}

int replay_tee_open(struct replay *replay, const struct capture *capture, struct buffer *reason)
{
	bool needed = has_tee(replay->ruleset);
	if (!needed && !replay->tee_path)
		return 0;
	struct replay_tee *tee = calloc(1, sizeof(*tee));
	int result = tee ? 0 : -ENOMEM;
	for (unsigned path = 0; path < 2 && !result && needed; path++) {
		const struct engine_options options = {.path = (enum path)path};
		result = engine_new(replay->ruleset, &options, &tee->again[path]);
	}
	if (result) {
		buffer_puts(reason, strerror(-result));
	} else if (replay->tee_path) {
		result = capture_writer_open(capture, replay->tee_path, &tee->writer, reason);
	}
	replay->tee = tee;
	if (result)
		replay_tee_close(replay);
	return result;
}

void replay_tee_close(struct replay *replay)
{
	struct replay_tee *tee = replay->tee;
	if (!tee)
		return;
	engine_free(tee->again[0]);
	engine_free(tee->again[1]);
	capture_writer_cleanup(&tee->writer);
	free(tee);
	replay->tee = NULL;
}

int replay_tee_commit(struct replay *replay)
{
	return replay->tee && replay->tee->writer ? capture_writer_commit(replay->tee->writer) : 0;
}

/* --- the copy
 * ------------------------------------------------------------------------------------------------------ */

static uint16_t read_16(const uint8_t *data)
{
	return (uint16_t)(data[0] << 8 | data[1]);
}

static void write_16(uint8_t *data, uint32_t value)
{
	data[0] = (uint8_t)(value >> 8);
	data[1] = (uint8_t)value;
}

/* Where the transport header's checksum is; 0: it has none, or it was not captured. `addresses`: whether they
 * count in it. */
static uint32_t checksum_offset(const struct packet *packet, bool *addresses)
{
	uint32_t offset = packet->protocol == IPPROTO_TCP                                          ? 16
			  : packet->protocol == IPPROTO_UDP || packet->protocol == IPPROTO_UDPLITE ? 6
			  : packet->protocol == IPPROTO_ICMPV6                                     ? 2
			  : packet->protocol == IPPROTO_DCCP                                       ? 6
												   : 0;
	*addresses = offset != 0;
	if (!offset || !packet->transport || packet->fragment_offset)
		return 0;
	offset += packet->transport;
	return offset + 2 <= packet->bytes_size ? offset : 0;
}

/* Puts new bytes in place, and the difference into a checksum: RFC 1624. `sum` NULL: into none. */
static void replace(uint8_t *at, const uint8_t *with, size_t size, uint8_t *sum)
{
	if (memcmp(at, with, size) == 0)
		return;
	if (sum) {
		uint32_t total = (uint16_t)~read_16(sum);
		for (size_t i = 0; i < size; i += 2)
			total += (uint16_t)~read_16(at + i) + (uint32_t)read_16(with + i);
		while (total >> 16)
			total = (total & 0xffff) + (total >> 16);
		write_16(sum, (uint16_t)~total);
	}
	memcpy(at, with, size);
}

static void write_transport(const struct packet *packet, uint8_t *bytes)
{
	bool addresses;
	size_t size = packet->family == FAMILY_IPV4 ? 4 : 16;
	uint8_t *source = bytes + (packet->family == FAMILY_IPV4 ? 12 : 8);
	uint32_t offset = checksum_offset(packet, &addresses);
	uint8_t *sum = offset ? bytes + offset : NULL;
	if (sum && packet->protocol == IPPROTO_UDP && read_16(sum) == 0)
		sum = NULL; /* sent without */
	replace(source, packet->source, size, addresses ? sum : NULL);
	replace(source + size, packet->destination, size, addresses ? sum : NULL);
	if (!packet->transport || packet->fragment_offset || packet->transport + 4 > packet->bytes_size ||
	    !(packet->known & KNOWN_PORTS))
		return;
	uint8_t ports[4];
	write_16(ports, packet->source_port);
	write_16(ports + 2, packet->destination_port);
	replace(bytes + packet->transport, ports, 4, sum);
}

static void write_ipv4(const struct packet *packet, uint8_t ttl, uint8_t *bytes)
{
	uint32_t header = (uint32_t)(bytes[0] & 15) * 4, sum = 0;
	bytes[1] = packet->tos;
	bytes[6] |= 0x40; /* DF, so that the sender hears of a smaller MTU on this way */
	bytes[8] = ttl;
	if (header > packet->bytes_size)
		return;
	write_16(bytes + 10, 0);
	for (uint32_t i = 0; i + 1 < header; i += 2)
		sum += read_16(bytes + i);
	sum = (sum & 0xffff) + (sum >> 16);
	write_16(bytes + 10, (uint16_t) ~((sum & 0xffff) + (sum >> 16)));
}

static void write_ipv6(const struct packet *packet, uint8_t hop_limit, uint8_t *bytes)
{
	bytes[0] = (uint8_t)((bytes[0] & 0xf0) | packet->tos >> 4);
	bytes[1] = (uint8_t)((bytes[1] & 0x0f) | packet->tos << 4);
	bytes[7] = hop_limit;
}

/* What must be known to write it down. The ports only where it has some. */
static bool is_known(const struct replay *replay, const struct packet *packet)
{
	const uint32_t needed = KNOWN_SOURCE | KNOWN_DESTINATION | KNOWN_TTL | KNOWN_TOS;
	const struct capture_frame *frame = replay->frame;
	bool ported = packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP;
	if ((packet->known & needed) != needed || !packet->bytes || packet->bytes < frame->data ||
	    packet->bytes + packet->bytes_size > frame->data + frame->captured ||
	    frame->captured > FRAME_MAX || packet->bytes_size < (packet->family == FAMILY_IPV4 ? 20 : 40))
		return false;
	return !ported || packet->fragment_offset || packet->transport_short || !packet->transport ||
	       (packet->known & KNOWN_PORTS);
}

static int write_copy(struct replay *replay, const struct packet *packet, uint8_t ttl)
{
	enum { ETHERNET = 1 };
	const struct capture_frame *frame = replay->frame;
	struct replay_tee *tee = replay->tee;
	size_t header = (size_t)(packet->bytes - frame->data);
	uint8_t *bytes = tee->frame + header;
	memcpy(tee->frame, frame->data, header + packet->bytes_size);
	if (frame->link_type == ETHERNET && header >= 12)
		memset(tee->frame, 0, 12);
	write_transport(packet, bytes);
	if (packet->family == FAMILY_IPV4)
		write_ipv4(packet, ttl, bytes);
	else
		write_ipv6(packet, ttl, bytes);
	const struct capture_frame copy = {
	    .link_type = frame->link_type,
	    .data = tee->frame,
	    .captured = header + packet->bytes_size,
	    .original = header + (packet->length > packet->bytes_size ? packet->length : packet->bytes_size),
	    .time = frame->time,
	};
	return capture_writer_add(tee->writer, &copy);
}

/* --- at the gateway
 * ------------------------------------------------------------------------------------------------ */

static void watch(void *context, const struct step *step)
{
	struct replay_tee *tee = context;
	uint8_t gateway[16];
	if (step->kind != STEP_RULE || tee->met == TRUTH_YES ||
	    !target_tee(&step->rule->target, step->chain->table->family, gateway))
		return;
	tee->met = step->truth;
}

/* Whether it would be copied again: it comes by an interface and from a neighbour that are not known, for the
 * gateway itself or to be forwarded. */
static int look_again(struct replay *replay, const struct packet *packet, uint8_t ttl,
		      struct tee_count *count)
{
	struct replay_tee *tee = replay->tee;
	struct packet copy = *packet;
	enum truth met[2];
	copy.ttl = ttl;
	copy.known &= ~(uint32_t)(KNOWN_IN | KNOWN_OUT | KNOWN_STATE | KNOWN_MAC | KNOWN_TYPE);
	copy.known |= KNOWN_MARK;
	copy.mark = 0;
	for (unsigned path = 0; path < 2; path++) {
		struct outcome outcome;
		tee->met = TRUTH_NO;
		int result = engine_packet(tee->again[path], &copy, ORIGIN_RECEIVED, watch, tee, &outcome);
		if (result)
			return result;
		met[path] = tee->met;
	}
	if (met[0] == TRUTH_YES && met[1] == TRUTH_YES)
		count->again++;
	else if (met[0] != TRUTH_NO || met[1] != TRUTH_NO)
		count->perhaps++;
	return 0;
}

int replay_tee_step(struct replay *replay, const struct step *step)
{
	uint8_t gateway[16];
	const struct packet *packet = step->packet;
	if (!target_tee(&step->rule->target, packet->family, gateway))
		return 0;
	struct tee_count *count = &replay_rule(replay, step->rule)->tee;
	bool earlier = step->hook == HOOK_PREROUTING || step->hook == HOOK_INPUT;
	uint8_t ttl = (uint8_t)(packet->ttl - earlier);
	int result = 0;
	if (!is_known(replay, packet)) {
		count->not_written++;
	} else {
		count->copies++;
		if (replay->tee->writer)
			result = write_copy(replay, packet, ttl);
	}
	return result ? result : look_again(replay, packet, ttl, count);
}
