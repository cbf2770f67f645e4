/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir diff's answer, as JSON. */
#include "command/command.h"
#include "command/diff.h"

#include <json-c/json.h>

static const char *const answer_names[] = {
    [DIFFERENCE_NONE] = "equal", [DIFFERENCE_FOUND] = "differ", [DIFFERENCE_UNDECIDED] = "undecided"};
static const char *const fate_names[] = {
    [DIFFERENCE_NONE] = "same", [DIFFERENCE_FOUND] = "differ", [DIFFERENCE_UNDECIDED] = "undecided"};
static const char *const journey_names[JOURNEY_COUNT] = {
    [JOURNEY_DELIVERED] = "delivered", [JOURNEY_FORWARDED] = "forwarded", [JOURNEY_LEAVING] = "leaving"};

static void add_string(struct json_object *object, const char *key, const char *value)
{
	if (value)
		json_object_object_add(object, key, json_object_new_string(value));
}

static struct json_object *fate_json(const struct fate *fate, const struct seen *seen)
{
	struct json_object *object = json_object_new_object();
	add_string(object, "verdict", fate->verdict);
	add_string(object, "effects", fate->effects);
	const struct rule *rule = seen->outcome.rule;
	if (!rule)
		return object;
	struct source_cursor cursor = {0};
	struct text text = rule_text(rule);
	add_string(object, "file", rule->span.source->name);
	json_object_object_add(object, "line", json_object_new_int((int)source_line(&cursor, rule->span)));
	json_object_object_add(object, "rule", json_object_new_string_len(text.data, (int)text.size));
	return object;
}

static struct json_object *region_json(const struct diff *diff, struct whereabouts where,
				       const struct difference_region *region)
{
	struct json_object *object = json_object_new_object();
	struct seen seen[2];
	for (size_t side = 0; side < 2; side++)
		seen[side] = diff_ask(diff, side, where, region);
	add_string(object, "packets", region->words);
	add_string(object, "where", region->unknowns);
	json_object_object_add(object, "share", json_object_new_double(region->share));
	json_object_object_add(object, "old", fate_json(&region->before, &seen[0]));
	json_object_object_add(object, "new", fate_json(&region->after, &seen[1]));
	if (!region->has_witness)
		return object;
	struct buffer packet = {0};
	packet_print(&region->packet, &packet);
	add_string(object, "packet", packet.data);
	buffer_fini(&packet);
	bool confirmed = seen[0].confirmation == CONFIRMED && seen[1].confirmation == CONFIRMED;
	json_object_object_add(object, "confirmed", json_object_new_boolean(confirmed));
	return object;
}

static void add_regions(const struct diff *diff, struct json_object *object, struct whereabouts where,
			const struct difference_region *regions, size_t count, size_t total)
{
	struct json_object *list = json_object_new_array();
	for (size_t i = 0; i < count; i++)
		json_object_array_add(list, region_json(diff, where, &regions[i]));
	json_object_object_add(object, "regions", list);
	json_object_object_add(object, "region_count", json_object_new_int64((int64_t)total));
}

static const char *family_name(enum family family)
{
	return family == FAMILY_IPV4 ? "ipv4" : "ipv6";
}

/* What it gives packets that routing may go by, where that differs. */
static struct json_object *routing_json(const struct difference_chain *chain)
{
	static const char *const names[] = {"mark", "tos", "ttl", "connmark"};
	struct json_object *object = json_object_new_object(), *list = json_object_new_array();
	add_string(object, "answer", answer_names[chain->routing_answer]);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (chain->routing >> i & 1)
			json_object_array_add(list, json_object_new_string(names[i]));
	json_object_object_add(object, "by", list);
	return object;
}

static struct json_object *chain_json(const struct diff *diff, const struct difference_chain *chain)
{
	struct json_object *object = json_object_new_object();
	add_string(object, "family", family_name(chain->family));
	add_string(object, "table", table_names[chain->table]);
	add_string(object, "chain", hook_names[chain->hook]);
	add_string(object, "answer", answer_names[chain->answer]);
	add_string(object, "reason", chain->reason);
	if (chain->routing_answer != DIFFERENCE_NONE)
		json_object_object_add(object, "routing", routing_json(chain));
	add_regions(diff, object, (struct whereabouts){.chain = chain}, chain->regions, chain->region_count,
		    chain->region_total);
	return object;
}

static struct json_object *place_json(const struct difference_place *place)
{
	struct json_object *object = json_object_new_object();
	add_string(object, "table", table_names[place->table]);
	add_string(object, "chain", hook_names[place->hook]);
	return object;
}

static struct json_object *journey_json(const struct diff *diff, const struct difference_journey *journey)
{
	struct json_object *object = json_object_new_object(), *moves = json_object_new_array();
	add_string(object, "family", family_name(journey->family));
	add_string(object, "packets", journey_names[journey->journey]);
	add_string(object, "answer", fate_names[journey->answer]);
	add_string(object, "reason", journey->reason);
	if (journey->answer == DIFFERENCE_FOUND)
		json_object_object_add(object, "with_connection",
				       json_object_new_boolean(journey->with_connection));
	for (size_t i = 0; i < journey->move_count; i++) {
		struct json_object *move = json_object_new_object();
		json_object_object_add(move, "old", place_json(&journey->moves[i].before));
		json_object_object_add(move, "new", place_json(&journey->moves[i].after));
		json_object_array_add(moves, move);
	}
	json_object_object_add(object, "dropped_elsewhere", moves);
	json_object_object_add(object, "conntrack_note", json_object_new_boolean(journey->conntrack));
	add_regions(diff, object, (struct whereabouts){.journey = journey}, journey->regions,
		    journey->region_count, journey->region_total);
	return object;
}

int diff_print_json(const struct diff *diff)
{
	const struct difference *difference = diff->difference;
	struct json_object *object = json_object_new_object(), *chains = json_object_new_array();
	bool moved = diff_answer(diff) == DIFFERENCE_NONE && difference->answer != DIFFERENCE_NONE;
	add_string(object, "answer", moved ? "same" : answer_names[diff_answer(diff)]);
	for (size_t i = 0; i < difference->chain_count; i++)
		json_object_array_add(chains, chain_json(diff, &difference->chains[i]));
	json_object_object_add(object, "chains", chains);
	if (diff->options.journeys) {
		struct json_object *journeys = json_object_new_array();
		for (size_t i = 0; i < difference->journey_count; i++)
			json_object_array_add(journeys, journey_json(diff, &difference->journeys[i]));
		json_object_object_add(object, "journeys", journeys);
	}
	json_object_object_add(object, "nodes", json_object_new_int64((int64_t)difference->nodes));
	return command_print_json(object);
}
