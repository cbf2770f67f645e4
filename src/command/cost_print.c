// SPDX-License-Identifier: GPL-2.0-or-later
/* The figures of `weir cost` as text and as JSON. */
#include "command/cost.h"

#include <json-c/json.h>
#include <stdio.h>

static const char *kind_name(const struct cost_kind *kind)
{
	return kind->traffic.kind;
}

static const char *family_name(const struct traffic *traffic)
{
	return traffic->both_families ? "" : traffic->family == FAMILY_IPV4 ? " IPv4" : " IPv6";
}

static const char *flavour_name(enum flavour flavour)
{
	return flavour == FLAVOUR_NFT ? "nft" : "legacy";
}

static size_t rule_count(const struct ruleset *ruleset, int family)
{
	size_t count = 0;

	for (int table = 0; table < TABLE_COUNT; table++)
		for (size_t i = 0; i < ruleset->tables[family][table].chain_count; i++)
			count += ruleset->tables[family][table].chains[i]->rule_count;
	return count;
}

static double share(double nanoseconds, double rate)
{
	return nanoseconds * rate / 1e9;
}

static void print_comparison(const struct cost_kind *kind, struct buffer *out)
{
	double alone = kind->alone.net, weir = kind->weir.net;

	/* Below a nanosecond the measurement says nothing but "less". */
	if (alone > 2 * weir && alone > 20)
		buffer_printf(out, "%s%.0f times cheaper", weir < 1 ? "more than " : "", kind->cheaper);
	else
		buffer_printf(out, "weir adds %.0f ns", kind->added.median);
}

static void print_kind(const struct cost *cost, const struct cost_kind *kind, struct buffer *out)
{
	char name[64];

	snprintf(name, sizeof(name), "%s%s", kind_name(kind), family_name(&kind->traffic));
	if (kind->missing) {
		buffer_printf(out, "%-22s %s\n", name, kind->missing);
		return;
	}
	buffer_printf(out, "%-22s %8.0f %8.0f +-%-5.0f %8.0f +-%-5.0f   ", name, kind->bare.net,
		      kind->alone.net, (kind->alone.high - kind->alone.low) / 2, kind->weir.net,
		      (kind->weir.high - kind->weir.low) / 2);
	print_comparison(kind, out);
	buffer_printf(out, "\n%-22s %7.2f%% %7.2f%%         %7.2f%%\n", "  of a core",
		      100 * share(kind->bare.net, cost->rate), 100 * share(kind->alone.net, cost->rate),
		      100 * share(kind->weir.net, cost->rate));
}

void cost_print(const struct cost *cost, struct buffer *out)
{
	bool undecided = false;

	buffer_printf(out, "interface %s;", cost->interface);
	for (int family = 0; family < FAMILY_COUNT; family++) {
		if (!cost->ruleset->has_family[family])
			continue;
		buffer_printf(out, " %zu rules of IPv%d (%s);", rule_count(cost->ruleset, family),
			      family ? 6 : 4, flavour_name(cost->flavours[family]));
		undecided |= cost->regions[family] && cost->regions[family]->undecided;
	}
	buffer_printf(out, " tables of %zu bytes, compiled in %.2f s\n\n", cost->plane->size,
		      cost->compile_seconds);
	buffer_printf(out, "ns per packet          no rules    rules alone    weir in front\n");
	for (size_t k = 0; k < cost->kind_count; k++)
		print_kind(cost, &cost->kinds[k], out);
	buffer_printf(
	    out,
	    "\nShares of a core at %.0f packets a second. Each figure is the whole receive path up to the "
	    "verdict, the\nmiddle of %d rounds; what sending a packet to an XDP program that drops all "
	    "costs is taken off:\n",
	    cost->rate, COST_ROUNDS);
	for (size_t k = 0; k < cost->kind_count; k++)
		if (!cost->kinds[k].missing)
			buffer_printf(out, "%.0f ns for %s%s (%zu distinct packets, %u a round)\n",
				      cost->kinds[k].injection.median, kind_name(&cost->kinds[k]),
				      family_name(&cost->kinds[k].traffic),
				      cost->kinds[k].traffic.frames.count, cost->kinds[k].packets);
	for (size_t k = 0; k < cost->kind_count; k++)
		if (cost->kinds[k].traffic.left_out)
			buffer_printf(
			    out, "%zu packets of the capture were left out: answers, not IP, or cut off\n",
			    cost->kinds[k].traffic.left_out);
	if (undecided)
		buffer_puts(
		    out, "note: what may be dropped early is undecided within the budget; weir drops less\n");
}

static struct json_object *figure_json(const struct figure *figure)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "median", json_object_new_double(figure->median));
	json_object_object_add(object, "low", json_object_new_double(figure->low));
	json_object_object_add(object, "high", json_object_new_double(figure->high));
	return object;
}

static void add_net(struct json_object *object, const char *name, const struct cost *cost,
		    const struct figure *figure)
{
	struct json_object *net = figure_json(figure);

	json_object_object_add(net, "net", json_object_new_double(figure->net));
	json_object_object_add(net, "core", json_object_new_double(share(figure->net, cost->rate)));
	json_object_object_add(object, name, net);
}

static struct json_object *kind_json(const struct cost *cost, const struct cost_kind *kind)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "traffic", json_object_new_string(kind_name(kind)));
	if (!kind->traffic.both_families)
		json_object_object_add(object, "family", json_object_new_int(kind->traffic.family ? 6 : 4));
	if (kind->missing) {
		json_object_object_add(object, "missing", json_object_new_string(kind->missing));
		return object;
	}
	json_object_object_add(object, "distinct",
			       json_object_new_int64((int64_t)kind->traffic.frames.count));
	json_object_object_add(object, "left_out", json_object_new_int64((int64_t)kind->traffic.left_out));
	json_object_object_add(object, "packets", json_object_new_int64(kind->packets));
	json_object_object_add(object, "injection", figure_json(&kind->injection));
	add_net(object, "no_rules", cost, &kind->bare);
	add_net(object, "rules", cost, &kind->alone);
	add_net(object, "weir", cost, &kind->weir);
	json_object_object_add(object, "added", figure_json(&kind->added));
	json_object_object_add(object, "cheaper", json_object_new_double(kind->cheaper));
	return object;
}

struct json_object *cost_json(const struct cost *cost)
{
	struct json_object *object = json_object_new_object(), *kinds = json_object_new_array(), *rules;

	json_object_object_add(object, "interface", json_object_new_string(cost->interface));
	json_object_object_add(object, "rate", json_object_new_double(cost->rate));
	json_object_object_add(object, "rounds", json_object_new_int(COST_ROUNDS));
	json_object_object_add(object, "unit", json_object_new_string("ns per packet"));
	json_object_object_add(object, "table_bytes", json_object_new_int64((int64_t)cost->plane->size));
	json_object_object_add(object, "compile_seconds", json_object_new_double(cost->compile_seconds));
	rules = json_object_new_array();
	for (int family = 0; family < FAMILY_COUNT; family++) {
		struct json_object *one;

		if (!cost->ruleset->has_family[family])
			continue;
		one = json_object_new_object();
		json_object_object_add(one, "family", json_object_new_int(family ? 6 : 4));
		json_object_object_add(one, "rules",
				       json_object_new_int64((int64_t)rule_count(cost->ruleset, family)));
		json_object_object_add(one, "flavour",
				       json_object_new_string(flavour_name(cost->flavours[family])));
		json_object_object_add(
		    one, "undecided",
		    json_object_new_boolean(cost->regions[family] && cost->regions[family]->undecided));
		json_object_array_add(rules, one);
	}
	json_object_object_add(object, "rulesets", rules);
	for (size_t k = 0; k < cost->kind_count; k++)
		json_object_array_add(kinds, kind_json(cost, &cost->kinds[k]));
	json_object_object_add(object, "traffic", kinds);
	return object;
}
