// SPDX-License-Identifier: GPL-2.0-or-later
/* Finds packets for `weir cost`. Whatever a packet was guessed from, the engine judges it: only what it calls
 * accepted (or dropped) for certain, as the first packet of a connection, is sent as such. */
#include "command/cost_traffic.h"

#include "engine/engine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define PACKETS_WANTED 4096u
/* Rules looked at while searching, all packets together: a second or two. */
#define WORK_MAX 200000000u
#define HEADERS_MAX 1024u
#define TCP_SYN 0x02

struct search_state {
	const struct traffic_search *search;
	struct traffic *traffic;
	uint64_t random;
	size_t work; /* rules evaluated */
	size_t rules;
	int8_t *values;        /* room for a witness */
	diagram_node arriving; /* whole first packets at the interface */
	size_t header_count;
	struct packet *headers; /* accepted ones */
};

/* splitmix64 */
static uint64_t random_next(struct search_state *state)
{
	uint64_t z = state->random += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static bool search_over(const struct search_state *state)
{
	return state->work > WORK_MAX || state->traffic->frames.count >= PACKETS_WANTED;
}

static address packet_source(const struct packet *packet)
{
	return address_from_bytes(packet->family, packet->source);
}

static address packet_destination(const struct packet *packet)
{
	return address_from_bytes(packet->family, packet->destination);
}

/* An address that a host may have, or a client: neither "this network", loopback, multicast nor broadcast. */
static bool address_usable(enum family family, address value)
{
	if (family == FAMILY_IPV4) {
		uint32_t first = (uint32_t)value >> 24;

		return first != 0 && first != 127 && first < 224;
	}
	return value > 1 && (value >> 120) != 0xff && (value >> 118) != 0x3fa; /* fe80::/10 needs a scope */
}

/* 192.0.2.1, 2001:db8::1 */
static address default_local(enum family family)
{
	return family == FAMILY_IPV4 ? (address)0xc0000201u : (address)0x20010db8u << 96 | 1;
}

/* A client of 198.18.0.0/15 or 2001:db8:ffff::/48, which are for benchmarks and documentation. */
static address random_client(struct search_state *state, enum family family)
{
	uint64_t value = random_next(state);

	if (family == FAMILY_IPV4)
		return (address)0xc6120000u | (value & 0x1ffff);
	return (address)0x20010db8ffff0000u << 64 | value;
}

static int judge(struct search_state *state, struct packet *packet, unsigned *verdicts)
{
	struct outcome outcome;
	int error;

	packet->known |= KNOWN_IN | KNOWN_PROTOCOL | KNOWN_SOURCE | KNOWN_DESTINATION | KNOWN_PORTS |
			 KNOWN_SOURCE_PORT | KNOWN_DESTINATION_PORT | KNOWN_TCP_FLAGS | KNOWN_ICMP |
			 KNOWN_STATE | KNOWN_LENGTH | KNOWN_FRAGMENT;
	packet->state = STATE_NEW;
	packet->length = packet->family == FAMILY_IPV4 ? 40 : 60;
	memset(packet->in, 0, sizeof(packet->in));
	memcpy(packet->in, state->search->interface,
	       strnlen(state->search->interface, sizeof(packet->in) - 1));
	state->work += state->rules + 1;
	error = engine_run(state->search->ruleset, packet, PATH_INPUT, NULL, NULL, &outcome);
	if (!error)
		*verdicts = outcome.verdicts;
	return error;
}

static bool local_known(const struct traffic *traffic, enum family family, address value)
{
	for (size_t i = 0; i < traffic->local_count; i++)
		if (traffic->locals[i].family == family && traffic->locals[i].value == value)
			return true;
	return false;
}

/* Adds the packet when its verdict is among the wanted ones for certain. 1 added, 0 not, -ENOMEM. A source
 * that is also a local address would be a martian to the routing behind the rules. */
static int offer(struct search_state *state, struct packet *packet, unsigned wanted)
{
	struct traffic *traffic = state->traffic;
	unsigned verdicts = 0;
	int error;

	if (!address_usable(packet->family, packet_source(packet)) ||
	    !address_usable(packet->family, packet_destination(packet)) ||
	    packet_source(packet) == packet_destination(packet) ||
	    local_known(traffic, packet->family, packet_source(packet)))
		return 0;
	error = judge(state, packet, &verdicts);
	if (error || !verdicts || (verdicts & ~wanted))
		return error;
	error = traffic_add_local(traffic, packet->family, packet_destination(packet));
	if (error)
		return error == -E2BIG ? 0 : error;
	error = frames_add_packet(&traffic->frames, packet, (uint32_t)traffic->frames.count);
	if (error)
		return error == -ENOMEM ? error : 0;
	return 1;
}

static unsigned wanted_dropped(const struct search_state *state)
{
	return VERDICT_DROP | (state->search->rejected ? (unsigned)VERDICT_REJECT : 0);
}

static diagram_node field_interface(const struct fields *fields, const char *name)
{
	for (size_t i = 0; i < fields->interface_count; i++)
		if (!strcmp(fields->interfaces[i], name))
			return fields_value(fields, FIELD_IN, i);
	return fields_value(fields, FIELD_IN, fields->interface_count - 1); /* "another" */
}

static int state_init(struct search_state *state, const struct traffic_search *search,
		      struct traffic *traffic)
{
	const struct fields *fields = search->region->fields;

	*state = (struct search_state){.search = search, .traffic = traffic, .random = search->seed};
	traffic->family = search->region->family;
	for (int table = 0; table < TABLE_COUNT; table++)
		for (size_t i = 0; i < search->ruleset->tables[traffic->family][table].chain_count; i++)
			state->rules += search->ruleset->tables[traffic->family][table].chains[i]->rule_count;
	state->headers = arena_array(traffic->frames.arena, HEADERS_MAX, sizeof(*state->headers));
	if (!state->headers)
		return -ENOMEM;
	if (!fields || !fields->diagram)
		return 0;
	state->values = arena_array(traffic->frames.arena, diagram_variables(fields->diagram), 1);
	if (!state->values)
		return -ENOMEM;
	state->arriving = diagram_and(fields->diagram, fields_domain(fields),
				      fields_value(fields, FIELD_FRAGMENT, FRAGMENT_WHOLE));
	if (fields->interface_count)
		state->arriving =
		    diagram_and(fields->diagram, state->arriving, field_interface(fields, search->interface));
	state->arriving =
	    diagram_and(fields->diagram, state->arriving,
			diagram_or(fields->diagram, fields_value(fields, FIELD_STATE, STATE_NEW),
				   fields_value(fields, FIELD_STATE, STATE_UNTRACKED)));
	return 0;
}

static diagram_node not_if(struct diagram *diagram, diagram_node f, bool inverted)
{
	return inverted ? diagram_not(diagram, f) : f;
}

/* A packet of the given diagram; unset addresses become plain ones. False when there is none. */
static bool packet_of(struct search_state *state, diagram_node f, struct packet *packet)
{
	const struct fields *fields = state->search->region->fields;

	f = diagram_and(fields->diagram, f, state->arriving);
	if (!diagram_witness(fields->diagram, f, random_next(state), state->values))
		return false;
	memset(packet, 0, sizeof(*packet));
	packet->family = fields->family;
	if (fields_packet(fields, state->values, packet))
		return false;
	if (!address_usable(packet->family, packet_destination(packet)))
		address_to_bytes(packet->family, default_local(packet->family), packet->destination);
	if (!address_usable(packet->family, packet_source(packet)))
		address_to_bytes(packet->family, random_client(state, packet->family), packet->source);
	return true;
}

/* A packet that matches the rule, looked at alone. */
static bool packet_of_rule(struct search_state *state, const struct rule *rule, struct packet *packet)
{
	const struct fields *fields = state->search->region->fields;
	struct diagram *diagram;
	diagram_node f;

	if (!state->values)
		return false;
	diagram = fields->diagram;
	f = not_if(diagram, fields_masked(fields, FIELD_SOURCE, rule->source.value, rule->source.mask),
		   rule->source.inverted);
	f = diagram_and(
	    diagram, f,
	    not_if(diagram,
		   fields_masked(fields, FIELD_DESTINATION, rule->destination.value, rule->destination.mask),
		   rule->destination.inverted));
	if (rule->protocol)
		f = diagram_and(diagram, f,
				not_if(diagram, fields_value(fields, FIELD_PROTOCOL, rule->protocol),
				       rule->protocol_inverted));
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (rule->matches[i].type->mean)
			f = diagram_and(diagram, f,
					rule->matches[i].type->mean(&rule->matches[i], rule, fields));
	return packet_of(state, f, packet);
}

/* What every host might be sent, for rules that no witness leads to. */
static struct packet packet_plain(enum family family, unsigned which)
{
	static const struct {
		uint8_t protocol;
		uint16_t port;
	} plain[] = {{IPPROTO_TCP, 443}, {IPPROTO_TCP, 80},  {IPPROTO_TCP, 22}, {IPPROTO_TCP, 25},
		     {IPPROTO_UDP, 53},  {IPPROTO_UDP, 443}, {IPPROTO_ICMP, 0}};
	struct packet packet = {.family = family};

	which %= sizeof(plain) / sizeof(plain[0]);
	packet.protocol = plain[which].protocol;
	packet.destination_port = plain[which].port;
	if (packet.protocol == IPPROTO_TCP)
		packet.tcp_flags = TCP_SYN;
	if (packet.protocol == IPPROTO_ICMP) {
		packet.icmp_type = family == FAMILY_IPV4 ? 8 : 128; /* echo request */
		if (family == FAMILY_IPV6)
			packet.protocol = IPPROTO_ICMPV6;
	}
	address_to_bytes(family, default_local(family), packet.destination);
	return packet;
}

/* The header again, from another client. */
static struct packet packet_vary(struct search_state *state, const struct packet *header)
{
	struct packet packet = *header;

	address_to_bytes(packet.family, random_client(state, packet.family), packet.source);
	if (packet.protocol == IPPROTO_TCP || packet.protocol == IPPROTO_UDP)
		packet.source_port = (uint16_t)(1024 + random_next(state) % 64000);
	return packet;
}

/* Headers of packets that are accepted: one for each accepting rule that has one, else plain ones. */
static int headers_find(struct search_state *state)
{
	const struct ruleset *ruleset = state->search->ruleset;
	enum family family = state->traffic->family;
	const struct table *filter = &ruleset->tables[family][TABLE_FILTER];
	struct packet packet;
	unsigned verdicts;
	int error;

	for (size_t c = 0; c < filter->chain_count; c++) {
		const struct chain *chain = filter->chains[c];

		/* User chains too, whoever jumps to them: the engine has the last word on each packet. */
		for (size_t i = 0; i < chain->rule_count && state->header_count < HEADERS_MAX; i++) {
			const struct rule *rule = &chain->rules[i];

			if (rule->target.type->kind != TARGET_ACCEPT || state->work > WORK_MAX / 4)
				continue;
			if (chain->builtin && chain->hook != HOOK_INPUT)
				continue;
			if (!packet_of_rule(state, rule, &packet))
				continue;
			error = judge(state, &packet, &verdicts);
			if (error)
				return error;
			if (verdicts == VERDICT_ACCEPT)
				state->headers[state->header_count++] = packet;
		}
	}
	for (unsigned which = 0; which < 7 && !state->header_count; which++) {
		packet = packet_plain(family, which);
		packet = packet_vary(state, &packet);
		error = judge(state, &packet, &verdicts);
		if (error)
			return error;
		if (verdicts == VERDICT_ACCEPT)
			state->headers[state->header_count++] = packet;
	}
	return 0;
}

int traffic_find_accepted(const struct traffic_search *search, struct traffic *traffic)
{
	struct search_state state;
	struct packet packet;
	int status;

	status = state_init(&state, search, traffic);
	if (!status)
		status = headers_find(&state);
	if (status)
		return status;
	traffic->kind = "accepted";
	for (size_t try = 0; state.header_count && try < 2 * PACKETS_WANTED && !search_over(&state); try++) {
		const struct packet *header = &state.headers[try % state.header_count];

		packet = packet_vary(&state, header);
		status = offer(&state, &packet, VERDICT_ACCEPT);
		if (status == 0) { /* perhaps that source and no other is let in */
			packet = *header;
			status = offer(&state, &packet, VERDICT_ACCEPT);
		}
		if (status < 0)
			return status;
	}
	return traffic->frames.count ? 0 : -ESRCH;
}

/* One source that a dropping rule names, and the rule. */
struct banned {
	const struct rule *rule;
	address low, high;
};

struct banned_list {
	struct arena *arena;
	size_t count, capacity;
	struct banned *items;
};

static int banned_add(struct banned_list *list, const struct rule *rule, address low, address high)
{
	struct banned *item =
	    arena_push(list->arena, (void **)&list->items, &list->count, &list->capacity, sizeof(*item));

	if (!item)
		return -ENOMEM;
	*item = (struct banned){.rule = rule, .low = low, .high = high};
	return 0;
}

static int banned_add_predicate(struct banned_list *list, const struct unit *unit)
{
	const struct predicate *predicate = unit->predicate;
	int error = 0;

	if (predicate->kind == PREDICATE_SOURCE)
		for (size_t i = 0; i < predicate->range_count && !error; i++)
			error = banned_add(list,
					   unit->kind == UNIT_LIST &&
						   predicate->ranges[i].element < unit->rule_count
					       ? unit->rule + predicate->ranges[i].element
					       : unit->rule,
					   predicate->ranges[i].low, predicate->ranges[i].high);
	if (predicate->kind == PREDICATE_PAIR && predicate->pair_source_address)
		for (size_t i = 0; i < predicate->point_count && !error; i++)
			error = banned_add(list, unit->rule, predicate->points[i].address,
					   predicate->points[i].address);
	return error;
}

static int banned_collect(const struct region *region, struct banned_list *list)
{
	int error = 0;

	for (size_t i = 0; i < region->covered_count && !error; i++) {
		const struct unit *unit = &region->units[region->covered[i].unit];

		if (region->covered[i].coverage == COVERAGE_UNREACHED || unit->kind == UNIT_POLICY)
			continue;
		if (unit->predicate) {
			error = banned_add_predicate(list, unit);
			continue;
		}
		for (size_t r = 0; r < unit->rule_count && !error; r++) {
			const struct address_match *source = &unit->rule[r].source;

			if (!source->inverted && source->mask)
				error = banned_add(list, &unit->rule[r], source->value,
						   mask_length(region->family, source->mask) < 0
						       ? source->value
						       : source->value |
							     (family_max(region->family) & ~source->mask));
		}
	}
	return error;
}

/* A packet of that source that is dropped: like an accepted one but for its source; else as the rule itself
 * wants it; else plain. */
static int offer_banned(struct search_state *state, const struct banned *banned)
{
	address span = banned->high - banned->low, value = banned->low;
	struct packet packet;
	int status = 0;

	if (span)
		value +=
		    (((address)random_next(state) << 64) | random_next(state)) % (span + 1 ? span + 1 : span);
	if (state->header_count) {
		packet = packet_vary(state, &state->headers[random_next(state) % state->header_count]);
		address_to_bytes(packet.family, value, packet.source);
		status = offer(state, &packet, wanted_dropped(state));
	}
	if (!status && packet_of_rule(state, banned->rule, &packet)) {
		address_to_bytes(packet.family, value, packet.source);
		status = offer(state, &packet, wanted_dropped(state));
	}
	for (unsigned which = 0; which < 7 && !status; which++) {
		packet = packet_plain(state->traffic->family, which);
		packet = packet_vary(state, &packet);
		address_to_bytes(packet.family, value, packet.source);
		status = offer(state, &packet, wanted_dropped(state));
	}
	return status;
}

int traffic_find_dropped(const struct traffic_search *search, struct traffic *traffic)
{
	struct banned_list list = {.arena = traffic->frames.arena};
	struct search_state state;
	struct packet packet;
	int status;

	status = state_init(&state, search, traffic);
	if (!status)
		status = headers_find(&state);
	if (!status)
		status = banned_collect(search->region, &list);
	if (status)
		return status;
	traffic->kind = "dropped source";
	/* Each once, in random order, so that no prefetcher sees the next; and again while there is room. */
	for (size_t round = 0; list.count && round * list.count < PACKETS_WANTED && !search_over(&state);
	     round++) {
		size_t before = traffic->frames.count;

		for (size_t i = 0; i < list.count && !search_over(&state); i++) {
			size_t other = i + random_next(&state) % (list.count - i);
			struct banned item = list.items[other];

			list.items[other] = list.items[i];
			list.items[i] = item;
			status = offer_banned(&state, &item);
			if (status < 0)
				return status;
		}
		if (traffic->frames.count == before)
			break;
	}
	if (traffic->frames.count)
		return 0;
	/* No rule names a source: whatever is dropped early will do, and failing that whatever the policy
	 * drops. */
	traffic->kind = "dropped";
	for (size_t try = 0; state.values && !search->region->undecided && try < 1024 && !search_over(&state);
	     try++) {
		if (!packet_of(&state, search->region->root, &packet))
			break;
		status = offer(&state, &packet, wanted_dropped(&state));
		if (status < 0)
			return status;
	}
	for (unsigned which = 0; which < 7 * 256 && traffic->frames.count < 256 && !search_over(&state);
	     which++) {
		packet = packet_plain(traffic->family, which);
		packet = packet_vary(&state, &packet);
		status = offer(&state, &packet, wanted_dropped(&state));
		if (status < 0)
			return status;
	}
	return traffic->frames.count ? 0 : -ESRCH;
}
