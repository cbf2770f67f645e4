/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * See connection_host.h. */
#include "connection_host.h"
#include "load_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINK_RAW 101

/* --- packets
 * ------------------------------------------------------------------------------------------------------- */

static void put_16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put_32(uint8_t *at, uint32_t value)
{
	put_16(at, value >> 16);
	put_16(at + 2, value & 0xffff);
}

static uint32_t sum_of(const uint8_t *data, size_t size)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < size; i++)
		sum += i & 1 ? data[i] : (uint32_t)data[i] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static size_t make(const struct sent *sent, uint8_t bytes[512])
{
	uint8_t *transport = bytes + 20;
	size_t size;
	memset(bytes, 0, 512);
	if (sent->protocol == 6) {
		size = 20 + sent->option_size;
		put_16(transport, sent->source_port);
		put_16(transport + 2, sent->destination_port);
		put_32(transport + 4, sent->sequence);
		put_32(transport + 8, sent->acknowledgement);
		transport[12] = (uint8_t)(size / 4 << 4);
		transport[13] = sent->flags;
		put_16(transport + 14, sent->window ? sent->window : 1000);
		memcpy(transport + 20, sent->options, sent->option_size);
	} else if (sent->protocol == 17) {
		size = 8;
		put_16(transport, sent->source_port);
		put_16(transport + 2, sent->destination_port);
		put_16(transport + 4, 8u + sent->payload);
	} else if (sent->protocol == 1) {
		size = 8;
		transport[0] = sent->type;
		transport[1] = sent->code;
		if (!sent->about)
			put_16(transport + 4, sent->source_port);
		if (sent->about) {
			uint8_t quoted[512];
			make(sent->about, quoted);
			memcpy(transport + 8, quoted, 28);
			size += 28;
		}
	} else {
		size = 4;
	}
	size += sent->payload;
	bytes[0] = 0x45;
	put_16(bytes + 2, (uint32_t)(20 + size));
	if (sent->more_fragments)
		bytes[6] = 0x20;
	bytes[8] = 64;
	bytes[9] = sent->protocol;
	put_32(bytes + 12, sent->source);
	put_32(bytes + 16, sent->destination);
	put_16(bytes + 10, fold(sum_of(bytes, 20)));
	uint32_t sum = sum_of(transport, size);
	if (sent->protocol != 1)
		sum += sum_of(bytes + 12, 8) + sent->protocol + (uint32_t)size;
	uint16_t checksum = (uint16_t)(fold(sum) + sent->wrong_checksum);
	if (sent->protocol == 6)
		put_16(transport + 16, checksum);
	if (sent->protocol == 17)
		put_16(transport + 6, checksum);
	if (sent->protocol == 1)
		put_16(transport + 2, checksum);
	return 20 + size;
}

/* --- a host
 * -------------------------------------------------------------------------------------------------------- */

static const struct engine_local locals[] = {{FAMILY_IPV4, HOST, HOST}};

struct host host_with(const char *rules, struct engine_options options)
{
	struct host host = {.ruleset = load_memory(rules), .now = 1000 * SECOND};
	options.locals = locals;
	options.local_count = 1;
	options.follow = true;
	assert_int_equal(engine_new(host.ruleset, &options, &host.engine), 0);
	return host;
}

struct host host_new(const char *rules)
{
	return host_with(rules, (struct engine_options){.empty = true});
}

void host_free(struct host *host)
{
	engine_free(host->engine);
	ruleset_free(host->ruleset);
}

static void trace(void *context, const struct step *step)
{
	struct host *host = context;
	if (step->kind != STEP_RULE)
		return;
	host->unsure |= step->truth == TRUTH_UNKNOWN;
	if (step->truth != TRUTH_YES)
		return;
	struct text text = rule_text(step->rule);
	size_t used = strlen(host->matched);
	snprintf(host->matched + used, sizeof(host->matched) - used, "%.*s\n", (int)text.size, text.data);
}

void pass(struct host *host, struct sent sent)
{
	uint8_t bytes[512];
	struct packet packet;
	enum link_verdict link;
	size_t size = make(&sent, bytes);
	assert_int_equal(packet_decode(LINK_RAW, bytes, size, size, &packet, &link), 0);
	assert_int_equal(link, FRAME_OK);
	packet.time = host->now;
	packet.known |= KNOWN_TIME;
	host->matched[0] = '\0';
	host->unsure = false;
	enum origin origin = sent.source == HOST ? ORIGIN_LEAVING : ORIGIN_RECEIVED;
	assert_int_equal(engine_packet(host->engine, &packet, origin, trace, host, &host->outcome), 0);
}

static const char *state_seen(const struct host *host)
{
	static const char *const names[] = {"NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED"};
	if (host->unsure)
		return "?";
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char wanted[64];
		snprintf(wanted, sizeof(wanted), "--ctstate %s -j ACCEPT\n", names[i]);
		if (strstr(host->matched, wanted))
			return names[i];
	}
	return "none";
}

void expect_at(struct host *host, int line, struct sent sent, const char *state)
{
	pass(host, sent);
	if (strcmp(state_seen(host), state) != 0)
		print_error("line %d: %s, expected %s\n%s", line, state_seen(host), state, host->matched);
	assert_string_equal(state_seen(host), state);
}

void expect_rule(const struct host *host, const char *rule, bool matches)
{
	if ((strstr(host->matched, rule) != NULL) != matches)
		print_error("%s: %s\n%s", rule, matches ? "did not match" : "matched", host->matched);
	assert_int_equal(strstr(host->matched, rule) != NULL, matches);
}

struct sent from_peer(uint8_t flags, uint32_t sequence, uint32_t acknowledgement, uint16_t payload)
{
	return (struct sent){.source = PEER,
			     .destination = HOST,
			     .source_port = 40000,
			     .destination_port = 443,
			     .protocol = 6,
			     .flags = flags,
			     .sequence = sequence,
			     .acknowledgement = acknowledgement,
			     .payload = payload};
}

struct sent from_host(uint8_t flags, uint32_t sequence, uint32_t acknowledgement, uint16_t payload)
{
	struct sent sent = from_peer(flags, sequence, acknowledgement, payload);
	sent.source = HOST;
	sent.destination = PEER;
	sent.source_port = 443;
	sent.destination_port = 40000;
	return sent;
}

struct sent udp(uint32_t source, uint16_t source_port, uint32_t destination, uint16_t destination_port)
{
	return (struct sent){.source = source,
			     .destination = destination,
			     .source_port = source_port,
			     .destination_port = destination_port,
			     .protocol = 17,
			     .payload = 4};
}

void shake_hands(struct host *host)
{
	expect(host, from_peer(SYN, 100, 0, 0), "NEW");
	expect(host, from_host(SYN | ACK, 500, 101, 0), "ESTABLISHED");
	expect(host, from_peer(ACK, 101, 501, 0), "ESTABLISHED");
}
