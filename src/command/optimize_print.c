/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir optimize: what was done, for a reader, as a map that programs read, and as JSON. */
#include "command/command.h"
#include "command/optimize.h"
#include "command/reason.h"
#include "ruleset/extension_type.h"

#include <json-c/json.h>

static const char *const family_names[FAMILY_COUNT] = {"IPv4", "IPv6"};
static const char *const family_marks[FAMILY_COUNT] = {"v4", "v6"};

static const char *fate_name(const struct rewrite_place *place)
{
	switch (place->fate) {
	case FATE_KEPT:
		return place->moved ? "moved" : "kept";
	case FATE_MEMBER:
		return "member";
	case FATE_PORT:
		return "port";
	case FATE_REPEATED:
		return "repeated";
	case FATE_DEAD:
		return "dead";
	case FATE_CONTRADICTS:
		return "contradicts";
	case FATE_UNCALLED:
		return "uncalled";
	}
	return "?";
}

/* Names of chains may hold what a terminal would obey. */
static void print_name(struct text name, struct buffer *out)
{
	clean_print(name, out);
}

typedef void (*rule_visit)(void *context, const struct rule *rule);

static void each_rule(const struct rewrite *rewrite, rule_visit visit, void *context)
{
	for (size_t i = 0; i < rewrite_chain_count(rewrite); i++) {
		const struct chain *chain = rewrite_chain_at(rewrite, i).chain;
		for (size_t k = 0; chain && k < chain->rule_count; k++)
			visit(context, &chain->rules[k]);
	}
}

/* --- The map
 * ------------------------------------------------------------------------------------------------------ */

struct mapping {
	const struct rewrite *rewrite;
	struct buffer *out;
};

static void map_rule(void *context, const struct rule *rule)
{
	const struct mapping *mapping = context;
	struct buffer *out = mapping->out;
	struct rewrite_place place = rewrite_place(mapping->rewrite, rule);
	const struct table *table = rule->chain->table;

	buffer_printf(out, "%s\t%s\t", family_marks[table->family], table_names[table->id]);
	print_name(rule->chain->name, out);
	buffer_printf(out, "\t%u\t%s\t", rule->number, fate_name(&place));
	if (place.number) {
		print_name(place.chain, out);
		buffer_printf(out, "\t%u", place.number);
	} else if (place.by) {
		print_name(place.by->chain->name, out);
		buffer_printf(out, "\told:%u", place.by->number);
	} else {
		buffer_puts(out, "-\t-");
	}
	buffer_printf(out, "\t%s\t", place.set ? place.set : "-");
	if (place.fate == FATE_MEMBER || place.fate == FATE_PORT)
		rewrite_print_member(mapping->rewrite, rule, out);
	else
		buffer_puts(out, "-");
	struct buffer comment = {0};
	rewrite_print_lost_comment(mapping->rewrite, rule, &comment);
	buffer_puts(out, "\t");
	print_name(comment.size ? (struct text){comment.data, comment.size} : text_of("-"), out);
	buffer_puts(out, "\n");
	out->failed |= comment.failed;
	buffer_fini(&comment);
}

void optimize_print_map(const struct rewrite *rewrite, struct buffer *out)
{
	struct mapping mapping = {rewrite, out};

	buffer_puts(out,
		    "# family\ttable\tchain\trule\tfate\tnew chain\tnew rule\tset\tmember\tlost comment\n");
	each_rule(rewrite, map_rule, &mapping);
}

/* --- For a reader
 * ------------------------------------------------------------------------------------------------- */

static const char *rules_of(size_t count)
{
	return count == 1 ? "rule" : "rules";
}

struct losing {
	const struct rewrite *rewrite;
	size_t *count;
};

static void count_lost_comment(void *context, const struct rule *rule)
{
	const struct losing *losing = context;
	struct buffer comment = {0};

	rewrite_print_lost_comment(losing->rewrite, rule, &comment);
	*losing->count += comment.size > 0;
	buffer_fini(&comment);
}

void optimize_print_summary(const struct rewrite *rewrite, struct buffer *out)
{
	for (size_t i = 0; i < rewrite_chain_count(rewrite); i++) {
		struct rewrite_chain chain = rewrite_chain_at(rewrite, i);
		if (chain.chain && !chain.gone && chain.before == chain.after)
			continue;
		buffer_printf(out, "%s %s ", family_names[chain.family], table_names[chain.table]);
		print_name(chain.name, out);
		if (chain.gone)
			buffer_printf(out, ": gone, with %zu %s: nothing jumps to it\n", chain.before,
				      rules_of(chain.before));
		else if (!chain.chain)
			buffer_printf(out, ": new, %zu %s\n", chain.after, rules_of(chain.after));
		else
			buffer_printf(out, ": %zu %s, now %zu\n", chain.before, rules_of(chain.before),
				      chain.after);
	}
	for (size_t i = 0; i < rewrite_set_count(rewrite); i++) {
		struct rewrite_set set = rewrite_set_at(rewrite, i);
		buffer_printf(out, "set %s: %s, %zu members, looked up by %zu %s\n", set.name, set.type,
			      set.members, set.uses, rules_of(set.uses));
	}
	size_t lost = 0;
	struct losing losing = {rewrite, &lost};
	each_rule(rewrite, count_lost_comment, &losing);
	if (lost)
		buffer_printf(out,
			      "note: %zu comment%s of rules that are one by their ports stand in the map "
			      "alone (--map)\n",
			      lost, lost == 1 ? "" : "s");
	if (rewrite_loses_hot_drop(rewrite))
		buffer_puts(
		    out, "note: a TCP or UDP header that is cut off made -m tcp or -m udp drop the packet at "
			 "once; a set just does not match it, and -m multiport looks at the ports alone\n");
}

/* Consecutive rules of one fate are told together. */
struct telling {
	const struct rewrite *rewrite;
	struct buffer *out;
	const struct rule *first, *last;
	struct rewrite_place place, last_place;
};

static bool told_together(const struct telling *telling, const struct rule *rule,
			  const struct rewrite_place *place)
{
	const struct rewrite_place *last = &telling->last_place;

	if (!telling->first || telling->first->chain != rule->chain || last->fate != place->fate ||
	    last->moved != place->moved || !text_equal(last->chain, place->chain) || last->by != place->by)
		return false;
	if (place->fate == FATE_MEMBER || place->fate == FATE_PORT)
		return last->number == place->number;
	return place->fate != FATE_KEPT || place->number == last->number + 1;
}

static void tell_numbers(uint32_t first, uint32_t last, struct buffer *out)
{
	if (first == last)
		buffer_printf(out, "rule %u", first);
	else
		buffer_printf(out, "rules %u to %u", first, last);
}

static void tell(struct telling *telling)
{
	struct buffer *out = telling->out;
	const struct rewrite_place *place = &telling->place;

	if (!telling->first)
		return;
	buffer_puts(out, "  ");
	tell_numbers(telling->first->number, telling->last->number, out);
	switch (place->fate) {
	case FATE_KEPT:
		buffer_puts(out,
			    place->moved ? ": moved up past rules of other packets, now " : ": kept, now ");
		if (!text_equal(place->chain, telling->first->chain->name)) {
			print_name(place->chain, out);
			buffer_puts(out, " ");
		}
		tell_numbers(place->number, telling->last_place.number, out);
		break;
	case FATE_MEMBER:
		buffer_printf(out, ": %s of set %s, which ",
			      telling->first == telling->last ? "a member" : "members", place->set);
		if (!text_equal(place->chain, telling->first->chain->name)) {
			print_name(place->chain, out);
			buffer_puts(out, " ");
		}
		buffer_printf(out, "rule %u looks up%s", place->number,
			      place->moved ? "; moved up past rules of other packets" : "");
		break;
	case FATE_PORT:
		buffer_printf(out, ": %s of ", telling->first == telling->last ? "a port" : "ports");
		if (!text_equal(place->chain, telling->first->chain->name)) {
			print_name(place->chain, out);
			buffer_puts(out, " ");
		}
		buffer_printf(out, "rule %u%s", place->number,
			      place->moved ? "; moved up past rules of other packets" : "");
		break;
	case FATE_REPEATED:
		buffer_printf(out, ": gone, rule %u of the input says the same",
			      place->by ? place->by->number : 0);
		break;
	case FATE_DEAD:
		buffer_puts(out, ": gone, rules before take all that it matches");
		if (place->by) {
			buffer_puts(out, ": ");
			print_name(place->by->chain->name, out);
			buffer_printf(out, " %u", place->by->number);
		}
		break;
	case FATE_CONTRADICTS:
		buffer_puts(out, ": gone, no packet is what it asks for");
		break;
	case FATE_UNCALLED:
		buffer_puts(out, ": gone, nothing jumps to its chain");
		break;
	}
	buffer_puts(out, "\n");
}

static void tell_rule(void *context, const struct rule *rule)
{
	struct telling *telling = context;
	struct rewrite_place place = rewrite_place(telling->rewrite, rule);

	if (!told_together(telling, rule, &place)) {
		tell(telling);
		if (!telling->first || telling->first->chain != rule->chain) {
			const struct table *table = rule->chain->table;
			buffer_printf(telling->out, "%s %s ", family_names[table->family],
				      table_names[table->id]);
			print_name(rule->chain->name, telling->out);
			buffer_puts(telling->out, "\n");
		}
		telling->first = rule;
		telling->place = place;
	}
	telling->last = rule;
	telling->last_place = place;
}

void optimize_print_rules(const struct rewrite *rewrite, struct buffer *out)
{
	struct telling telling = {.rewrite = rewrite, .out = out};

	each_rule(rewrite, tell_rule, &telling);
	tell(&telling);
}

void optimize_print_costs(const struct rewrite_cost *costs, size_t count, struct buffer *out)
{
	if (count)
		buffer_puts(out,
			    "rules walked per packet, over packets drawn from the rules and as many from "
			    "anywhere:\n");
	for (size_t i = 0; i < count; i++) {
		const struct table *table = costs[i].chain->table;
		buffer_printf(out, "  %s %s %s: %.1f on average, now %.1f; at most %zu, now %zu\n",
			      family_names[table->family], table_names[table->id],
			      hook_names[costs[i].chain->hook], costs[i].before, costs[i].after,
			      costs[i].most_before, costs[i].most_after);
	}
}

/* --- JSON
 * ---------------------------------------------------------------------------------------------------------
 */

static void add_text(struct json_object *object, const char *key, struct text text)
{
	json_object_object_add(object, key, clean_json(text));
}

static void add_count(struct json_object *object, const char *key, size_t count)
{
	json_object_object_add(object, key, json_object_new_int64((int64_t)count));
}

static struct json_object *new_object(enum family family, enum table_id table, struct text chain)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "family", json_object_new_string(family_names[family]));
	json_object_object_add(object, "table", json_object_new_string(table_names[table]));
	add_text(object, "chain", chain);
	return object;
}

struct listing {
	const struct rewrite *rewrite;
	struct json_object *array;
};

static void list_rule(void *context, const struct rule *rule)
{
	const struct listing *listing = context;
	const struct table *table = rule->chain->table;
	struct rewrite_place place = rewrite_place(listing->rewrite, rule);
	struct json_object *object = new_object(table->family, table->id, rule->chain->name);
	struct buffer member = {0};

	add_count(object, "rule", rule->number);
	json_object_object_add(object, "fate", json_object_new_string(fate_name(&place)));
	if (place.number) {
		add_text(object, "new_chain", place.chain);
		add_count(object, "new_rule", place.number);
	}
	if (place.by) {
		add_text(object, "by_chain", place.by->chain->name);
		add_count(object, "by_rule", place.by->number);
	}
	if (place.fate == FATE_MEMBER || place.fate == FATE_PORT) {
		rewrite_print_member(listing->rewrite, rule, &member);
		if (place.set)
			json_object_object_add(object, "set", json_object_new_string(place.set));
		add_text(object, "member", (struct text){member.data, member.size});
	}
	buffer_fini(&member);
	member = (struct buffer){0};
	rewrite_print_lost_comment(listing->rewrite, rule, &member);
	if (member.size)
		add_text(object, "lost_comment", (struct text){member.data, member.size});
	buffer_fini(&member);
	json_object_array_add(listing->array, object);
}

struct json_object *optimize_json(const struct rewrite *rewrite, const struct rewrite_cost *costs,
				  size_t cost_count)
{
	struct json_object *object = json_object_new_object(), *chains = json_object_new_array(),
			   *sets = json_object_new_array(), *measured = json_object_new_array();
	struct listing listing = {rewrite, json_object_new_array()};

	for (size_t i = 0; i < rewrite_chain_count(rewrite); i++) {
		struct rewrite_chain chain = rewrite_chain_at(rewrite, i);
		struct json_object *one = new_object(chain.family, chain.table, chain.name);
		add_count(one, "before", chain.before);
		add_count(one, "after", chain.after);
		json_object_object_add(one, "made", json_object_new_boolean(!chain.chain));
		json_object_object_add(one, "gone", json_object_new_boolean(chain.gone));
		json_object_array_add(chains, one);
	}
	for (size_t i = 0; i < rewrite_set_count(rewrite); i++) {
		struct rewrite_set set = rewrite_set_at(rewrite, i);
		struct json_object *one = json_object_new_object();
		json_object_object_add(one, "name", json_object_new_string(set.name));
		json_object_object_add(one, "type", json_object_new_string(set.type));
		json_object_object_add(one, "family", json_object_new_string(family_names[set.family]));
		add_count(one, "members", set.members);
		add_count(one, "rules", set.uses);
		json_object_array_add(sets, one);
	}
	for (size_t i = 0; i < cost_count; i++) {
		const struct chain *chain = costs[i].chain;
		struct json_object *one = new_object(chain->table->family, chain->table->id, chain->name);
		json_object_object_add(one, "before", json_object_new_double(costs[i].before));
		json_object_object_add(one, "after", json_object_new_double(costs[i].after));
		add_count(one, "most_before", costs[i].most_before);
		add_count(one, "most_after", costs[i].most_after);
		json_object_array_add(measured, one);
	}
	each_rule(rewrite, list_rule, &listing);
	json_object_object_add(object, "proven", json_object_new_boolean(true)); /* else nothing is said */
	json_object_object_add(object, "changed", json_object_new_boolean(rewrite_changed(rewrite)));
	json_object_object_add(object, "hot_drop_lost",
			       json_object_new_boolean(rewrite_loses_hot_drop(rewrite)));
	json_object_object_add(object, "chains", chains);
	json_object_object_add(object, "sets", sets);
	json_object_object_add(object, "walked", measured);
	json_object_object_add(object, "rules", listing.array);
	return object;
}
