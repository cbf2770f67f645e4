/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Random regions and keys for the tests of the plane, and what a key's fate is by the diagram. */
#ifndef TEST_PLANE_REGIONS_H
#define TEST_PLANE_REGIONS_H

#include "plane/plane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t random_state;
static inline uint64_t random_next(void)
{
	random_state += 0x9e3779b97f4a7c15ull;
	uint64_t x = random_state;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}
static inline uint32_t random_below(uint32_t limit)
{
	return (uint32_t)(random_next() % limit);
}

/* 198.18.0.0/15 or 2001:db8::/32, dense in places. */
static inline address random_address(enum family family)
{
	static const uint32_t hosts[] = {0x0, 0xff, 0x100, 0x1ffff, 0x4321};
	uint64_t bits = random_next();
	uint32_t host = random_below(3) ? hosts[random_below(5)] + random_below(4) : (uint32_t)bits & 0x1ffff;
	if (family == FAMILY_IPV4)
		return random_below(16) ? 0xc6120000u | (host & 0x1ffff) : (uint32_t)bits;
	address base = (address)0x20010db8 << 96;
	if (random_below(16) == 0)
		base = (address)random_next() << 64;
	return base | (address)(random_below(3)) << 62 | host |
	       (address)(random_below(2) ? bits & 0xff : 0) << 64;
}

static inline struct predicate *random_ranges(struct fields *fields, enum predicate_kind kind, size_t count)
{
	struct predicate *predicate = arena_alloc(fields->arena, sizeof(*predicate));
	struct predicate_range *ranges = arena_array(fields->arena, count + 1, sizeof(*ranges));
	size_t kept = 0;
	address *lows = calloc(count, sizeof(*lows));
	for (size_t i = 0; i < count; i++) {
		address low = random_address(fields->family);
		size_t at = i;
		while (at > 0 && lows[at - 1] > low) {
			lows[at] = lows[at - 1];
			at--;
		}
		lows[at] = low;
	}
	for (size_t i = 0; i < count; i++) {
		if (kept && ranges[kept - 1].high >= lows[i])
			continue;
		address high = lows[i] | (random_below(4) ? 0 : (1u << random_below(9)) - 1);
		ranges[kept] = (struct predicate_range){lows[i], high, (uint32_t)kept % 300};
		kept++;
	}
	free(lows);
	*predicate =
	    (struct predicate){.kind = kind, .name = "random ranges", .range_count = kept, .ranges = ranges};
	fields_need_predicate(fields, predicate);
	return predicate;
}

static inline int order_points(const struct predicate_point *a, const struct predicate_point *b)
{
	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	if (a->protocol != b->protocol)
		return a->protocol < b->protocol ? -1 : 1;
	return a->port < b->port ? -1 : a->port > b->port;
}

static const uint8_t test_protocols[] = {6, 17, 1, 58, 132, 47};

static inline struct predicate *random_points(struct fields *fields, bool source_address, bool source_port,
					      size_t count)
{
	struct predicate *predicate = arena_alloc(fields->arena, sizeof(*predicate));
	struct predicate_point *points = arena_array(fields->arena, count + 1, sizeof(*points));
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		struct predicate_point point = {random_address(fields->family), (uint32_t)i,
						(uint16_t)(20 + random_below(6)),
						test_protocols[random_below(4)]};
		size_t at = 0;
		while (at < kept && order_points(&points[at], &point) < 0)
			at++;
		if (at < kept && order_points(&points[at], &point) == 0)
			continue;
		memmove(points + at + 1, points + at, (kept - at) * sizeof(*points));
		points[at] = point;
		kept++;
	}
	*predicate = (struct predicate){.kind = PREDICATE_PAIR,
					.name = "random points",
					.point_count = kept,
					.points = points,
					.pair_source_address = source_address,
					.pair_source_port = source_port};
	fields_need_predicate(fields, predicate);
	return predicate;
}

static inline diagram_node random_condition(const struct fields *fields, bool *whole)
{
	unsigned bits = family_bits(fields->family);
	switch (random_below(8)) {
	case 0:
		return fields_masked(fields, FIELD_SOURCE, random_address(fields->family),
				     prefix_mask(fields->family, bits - random_below(18)));
	case 1:
		return fields_masked(fields, FIELD_DESTINATION, random_address(fields->family),
				     prefix_mask(fields->family, bits - random_below(18)));
	case 2:
		return fields_value(fields, FIELD_PROTOCOL, test_protocols[random_below(6)]);
	case 3:
		*whole = true;
		return fields_range(fields, FIELD_DPORT, 20 + random_below(3), 22 + random_below(4));
	case 4:
		*whole = true;
		return fields_range(fields, FIELD_SPORT, 1024, 1024 + random_below(60000));
	case 5:
		*whole = true;
		return fields_masked(fields, FIELD_TCP_FLAGS, 2, 2 | 1u << random_below(8));
	case 6:
		*whole = true;
		return fields_value(fields, FIELD_ICMP, 20 + random_below(6));
	default:
		*whole = true;
		return fields_value(fields, FIELD_PAYLOAD, random_below(2));
	}
}

#define TEST_RULES 12
#define TEST_PREDICATES 8

/* A list of rules, the first that matches decides; those with a predicate count its elements. */
static inline struct region *random_region(enum family family, size_t members)
{
	struct fields *fields = fields_new(family);
	struct predicate *predicates[TEST_PREDICATES] = {
	    random_ranges(fields, PREDICATE_SOURCE, members),
	    random_ranges(fields, PREDICATE_SOURCE, 20),
	    random_ranges(fields, PREDICATE_DESTINATION, members),
	    random_ranges(fields, PREDICATE_DESTINATION, 5),
	    random_points(fields, true, false, 60),
	    random_points(fields, true, false, 60),
	    random_points(fields, false, true, 20),
	    random_points(fields, true, false, 30),
	};
	fields_seal(fields, 1u << 20);
	struct diagram *diagram = fields->diagram;
	struct arena *arena = arena_new();
	struct region *region = arena_alloc(arena, sizeof(*region));
	struct unit *units = arena_array(arena, TEST_RULES + 2, sizeof(*units));
	struct attribution *attributions = arena_array(arena, TEST_RULES + 1, sizeof(*attributions));
	units[TEST_RULES].kind = UNIT_POLICY; /* counted on by some */
	diagram_node root = DIAGRAM_FALSE;
	for (uint32_t rule = TEST_RULES; rule > 0; rule--) {
		diagram_node condition = DIAGRAM_TRUE;
		bool whole = false;
		struct unit *unit = &units[rule - 1];
		unit->kind = UNIT_RULE;
		unit->rule_count = 1;
		uint32_t kind = random_below(TEST_PREDICATES + 3);
		if (kind < TEST_PREDICATES) {
			unit->kind = random_below(2) ? UNIT_LIST : UNIT_RULE;
			unit->predicate = predicates[kind];
			whole = unit->predicate->kind == PREDICATE_PAIR;
			condition = fields_predicate(fields, unit->predicate);
		}
		if (random_below(3) == 0) { /* outside a set */
			const struct predicate *other = predicates[random_below(TEST_PREDICATES)];
			whole |= other->kind == PREDICATE_PAIR;
			if (other != unit->predicate)
				condition =
				    diagram_minus(diagram, condition, fields_predicate(fields, other));
		}
		for (uint32_t i = random_below(3) + !unit->predicate; i > 0; i--)
			condition = diagram_and(diagram, condition, random_condition(fields, &whole));
		if (whole)
			condition = diagram_and(diagram, condition,
						fields_value(fields, FIELD_FRAGMENT, FRAGMENT_WHOLE));
		uint32_t *list = arena_array(arena, 2, sizeof(*list));
		attributions[rule].units = list;
		list[attributions[rule].unit_count++] = rule - 1;
		if (random_below(3) == 0)
			list[attributions[rule].unit_count++] = TEST_RULES;
		uint32_t terminal = random_below(5) ? rule : 0;
		root = diagram_if(diagram, condition, diagram_terminal(terminal), root);
	}
	*region = (struct region){.family = family,
				  .arena = arena,
				  .fields = fields,
				  .root = root,
				  .attribution_count = TEST_RULES + 1,
				  .attributions = attributions,
				  .unit_count = TEST_RULES + 1,
				  .units = units};
	return region;
}

/* What hosts have: banned addresses, dropped whatever they send, and listeners counted on the way. */
static inline struct region *host_region(enum family family, uint32_t bans)
{
	struct fields *fields = fields_new(family);
	struct predicate *banned = arena_alloc(fields->arena, sizeof(*banned));
	struct predicate_range *ranges = arena_array(fields->arena, bans, sizeof(*ranges));
	address base = family == FAMILY_IPV4 ? 0xc6120000u : (address)0x20010db8 << 96;
	for (uint32_t i = 0; i < bans; i++)
		ranges[i] = (struct predicate_range){base + i * 7, base + i * 7, i};
	*banned = (struct predicate){
	    .kind = PREDICATE_SOURCE, .name = "banned", .range_count = bans, .ranges = ranges};
	fields_need_predicate(fields, banned);
	struct predicate *listeners = random_points(fields, false, false, 60);
	fields_seal(fields, 1u << 20);
	struct diagram *diagram = fields->diagram;
	struct arena *arena = arena_new();
	struct region *region = arena_alloc(arena, sizeof(*region));
	struct unit *units = arena_array(arena, 2, sizeof(*units));
	struct attribution *attributions = arena_array(arena, 3, sizeof(*attributions));
	static const uint32_t both[] = {0, 1}, ban[] = {0};
	units[0] = (struct unit){.kind = UNIT_LIST, .rule_count = bans, .predicate = banned};
	units[1] = (struct unit){.kind = UNIT_LIST, .rule_count = 60, .predicate = listeners};
	attributions[1] = (struct attribution){2, both};
	attributions[2] = (struct attribution){1, ban};
	diagram_node listening = diagram_and(diagram, fields_value(fields, FIELD_FRAGMENT, FRAGMENT_WHOLE),
					     fields_predicate(fields, listeners));
	diagram_node drop = diagram_if(diagram, listening, diagram_terminal(1), diagram_terminal(2));
	*region = (struct region){
	    .family = family,
	    .arena = arena,
	    .fields = fields,
	    .root = diagram_if(diagram, fields_predicate(fields, banned), drop, DIAGRAM_FALSE),
	    .attribution_count = 3,
	    .attributions = attributions,
	    .unit_count = 2,
	    .units = units};
	return region;
}

static inline void random_region_free(struct region *region)
{
	struct arena *arena = region->arena;
	fields_free(region->fields);
	arena_free(arena);
}

static inline address some_end(const struct region *region, enum predicate_kind kind)
{
	const struct fields *fields = region->fields;
	const struct predicate *predicate =
	    fields->predicates[random_below((uint32_t)fields->predicate_count)];
	if (predicate->kind == kind && predicate->range_count) {
		const struct predicate_range *range =
		    &predicate->ranges[random_below((uint32_t)predicate->range_count)];
		address value = random_below(2) ? range->low : range->high;
		return (value + random_below(3) - 1) & family_max(fields->family);
	}
	if (predicate->kind == PREDICATE_PAIR && predicate->point_count)
		return predicate->points[random_below((uint32_t)predicate->point_count)].address;
	return random_address(fields->family);
}

static inline void put_address(enum family family, address value, __u64 *words)
{
	words[0] = family == FAMILY_IPV4 ? (uint64_t)value : (uint64_t)(value >> 64);
	words[1] = family == FAMILY_IPV4 ? 0 : (uint64_t)value;
}

static inline address key_address(const struct packet_key *key, const __u64 *words)
{
	return key->family == 4 ? words[0] : (address)words[0] << 64 | words[1];
}

static inline struct packet_key random_key(const struct region *region)
{
	struct packet_key key = {.length = 60};
	key.family = region->family == FAMILY_IPV4 ? 4 : 6;
	put_address(region->family, some_end(region, PREDICATE_SOURCE), key.source);
	put_address(region->family, some_end(region, PREDICATE_DESTINATION), key.destination);
	key.protocol = test_protocols[random_below(6)];
	if (random_below(8) == 0) {
		key.fragment = 1;
		return key;
	}
	if (key.protocol == 6 || key.protocol == 17 || key.protocol == 132) {
		key.source_port = (uint16_t)(random_below(2) ? 20 + random_below(6) : random_below(65536));
		key.destination_port = (uint16_t)(20 + random_below(6));
	}
	if (key.protocol == (key.family == 4 ? 1 : 58))
		key.destination_port = (uint16_t)(20 + random_below(6));
	if (key.protocol == 6) {
		key.tcp_flags = (uint8_t)random_below(256);
		key.payload = (uint8_t)random_below(2);
	}
	return key;
}

static inline void put_bits(const struct fields *fields, enum field field, address value, bool *bits)
{
	for (uint32_t i = 0; i < fields->bits[field]; i++)
		bits[fields->first[field] + i] = (value >> (fields->bits[field] - 1 - i)) & 1;
}

static inline int64_t key_element(const struct packet_key *key, const struct predicate *predicate)
{
	bool icmp = key->protocol == (key->family == 4 ? 1 : 58);
	if (predicate->kind == PREDICATE_SOURCE)
		return predicate_find(predicate, key_address(key, key->source));
	if (predicate->kind == PREDICATE_DESTINATION)
		return predicate_find(predicate, key_address(key, key->destination));
	if (key->fragment)
		return -1;
	return predicate_find_point(
	    predicate, key_address(key, predicate->pair_source_address ? key->source : key->destination),
	    key->protocol, predicate->pair_source_port && !icmp ? key->source_port : key->destination_port);
}

/* The terminal by the diagram. */
static inline uint32_t key_terminal(const struct region *region, const struct packet_key *key)
{
	const struct fields *fields = region->fields;
	bool icmp = key->protocol == (key->family == 4 ? 1 : 58);
	bool *bits = calloc(diagram_variables(fields->diagram) + 1, sizeof(*bits));
	put_bits(fields, FIELD_SOURCE, key_address(key, key->source), bits);
	put_bits(fields, FIELD_DESTINATION, key_address(key, key->destination), bits);
	put_bits(fields, FIELD_PROTOCOL, key->protocol, bits);
	put_bits(fields, FIELD_ICMP, icmp ? key->destination_port : 0, bits);
	put_bits(fields, FIELD_SPORT, key->source_port, bits);
	put_bits(fields, FIELD_DPORT, icmp ? 0 : key->destination_port, bits);
	put_bits(fields, FIELD_TCP_FLAGS, key->tcp_flags, bits);
	put_bits(fields, FIELD_FRAGMENT, key->fragment ? FRAGMENT_FIRST : FRAGMENT_WHOLE, bits);
	put_bits(fields, FIELD_PAYLOAD, key->payload, bits);
	for (size_t i = 0; i < fields->predicate_count; i++)
		bits[fields->predicates[i]->variable] = key_element(key, fields->predicates[i]) >= 0;
	uint32_t terminal = diagram_evaluate(fields->diagram, region->root, bits);
	free(bits);
	return terminal;
}

/* Whether the answer is the diagram's, and credits each unit of the attribution once and nothing else. */
static inline bool answer_is_right(const struct plane *plane, const struct region *region,
				   const struct packet_key *key, const struct plane_answer *answer)
{
	uint32_t terminal = key_terminal(region, key);
	if (answer->drop != (terminal != 0))
		return false;
	if (!terminal)
		return answer->hit_count == 0;
	const struct attribution *attribution = &region->attributions[terminal];
	size_t found = 0;
	for (uint32_t i = 0; i < answer->hit_count; i++)
		for (size_t k = 0; k < plane->credit_count; k++) {
			const struct plane_credit *credit = &plane->credits[k];
			if (credit->slot != answer->hits[i])
				continue;
			const struct predicate *predicate = region->units[credit->unit].predicate;
			bool named = false;
			for (size_t u = 0; u < attribution->unit_count; u++)
				named |= attribution->units[u] == credit->unit;
			if (!named || credit->family != (uint8_t)region->family ||
			    credit->element != (predicate ? key_element(key, predicate) : -1))
				return false;
			found++;
		}
	return found == attribution->unit_count;
}

#endif
