/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "meaning/analysis.h"

#include <errno.h>
#include <string.h>

#define NODE_BUDGET (8u << 20) /* some 450 MB when all are made */

static enum truth rules_of_nat(const struct ruleset *ruleset, enum family family)
{
	const struct table *table = &ruleset->tables[family][TABLE_NAT];
	for (size_t i = 0; i < table->chain_count; i++)
		if (table->chains[i]->rule_count > 0)
			return TRUTH_YES;
	return TRUTH_NO;
}

/* Of what is early that which the other rules drop early, too. The two know the same fields, so that their
 * regions are diagrams of one kind. */
static void keep_within(struct analysis *analysis, const struct analysis *other, struct region *region)
{
	bool less = limits_within(analysis, other);
	diagram_node apart = fields_apart(analysis->fields);
	diagram_node own = diagram_and(analysis->diagram, analysis->early, apart);
	diagram_node both = diagram_and(analysis->diagram, own, other->early);
	region->narrowed = less || both != own;
	analysis->early = both;
}

static bool is_part(const struct predicate *predicate)
{
	return predicate && predicate->meaning && predicate->meaning->rest;
}

/* Members are counted by the predicate that says whether a packet is in the set: not by a part of it. */
static void forget_parts(struct analysis *analysis)
{
	for (size_t i = 0; i < analysis->unit_count; i++)
		if (analysis->units[i].kind == UNIT_RULE && is_part(analysis->units[i].predicate))
			analysis->units[i].predicate = NULL;
	for (enum table_id t = 0; t < TABLE_COUNT; t++)
		for (size_t c = 0;
		     analysis->chains[t] && c < analysis->ruleset->tables[analysis->family][t].chain_count;
		     c++)
			for (size_t i = 0; i < analysis->chains[t][c].item_count; i++) {
				struct item *item = &analysis->chains[t][c].items[i];
				if (item->count == 1 && is_part(item->predicate))
					item->predicate = NULL;
			}
}

static int analyse(struct analysis *analysis, struct analysis *other, struct region *region)
{
	size_t budget = analysis->options->node_budget ? analysis->options->node_budget : NODE_BUDGET;
	int result = items_find(analysis);
	if (!result && other)
		result = items_find(other);
	if (!result && other) {
		forget_parts(analysis);
		forget_parts(other);
	}
	if (!result)
		result = fields_seal(analysis->fields, budget);
	if (!result)
		result = items_mean(analysis);
	if (!result && other)
		result = items_mean(other);
	if (result)
		return result;
	path_compute(analysis);
	if (other) {
		path_compute(other);
		keep_within(analysis, other, region);
	}
	region->units = analysis->units;
	region->unit_count = analysis->unit_count;
	if (analysis->early == DIAGRAM_UNDECIDED) {
		region->undecided = true;
		return 0;
	}
	diagram_node *may_hit = arena_array(analysis->arena, analysis->unit_count, sizeof(*may_hit));
	if (!may_hit)
		return -ENOMEM;
	result = credit_compute(analysis, region, may_hit);
	if (!result)
		result = coverage_compute(analysis, region, may_hit);
	region->nodes = diagram_count(analysis->diagram, region->root);
	return result;
}

/* One attempt; *longest: items of the longest chain. */
static int attempt(const struct ruleset *ruleset, enum family family, const struct region_options *options,
		   size_t rule_limit, struct region **out, size_t *longest)
{
	struct arena *arena = arena_new();
	struct fields *fields = fields_new(family);
	struct region *region = arena ? arena_alloc(arena, sizeof(*region)) : NULL;
	struct analysis *analysis = region ? arena_alloc(arena, sizeof(*analysis)) : NULL;
	struct analysis *other = analysis && options->within ? arena_alloc(arena, sizeof(*other)) : NULL;
	if (!analysis || !fields || (options->within && !other)) {
		fields_cleanup(&fields);
		arena_cleanup(&arena);
		return -ENOMEM;
	}
	*analysis = (struct analysis){
	    .ruleset = ruleset,
	    .options = options,
	    .family = family,
	    .arena = arena,
	    .fields = fields,
	    .rule_limit = rule_limit,
	    .forwarding = options->forwarding[family],
	    .nat =
		options->nat[family] == TRUTH_UNKNOWN ? rules_of_nat(ruleset, family) : options->nat[family],
	};
	*region = (struct region){.family = family, .arena = arena, .fields = fields, .root = DIAGRAM_FALSE};
	if (other) {
		*other = *analysis;
		other->ruleset = options->within;
		if (options->nat[family] == TRUTH_UNKNOWN)
			other->nat = rules_of_nat(options->within, family);
	}
	int result = analyse(analysis, other, region);
	if (result) {
		region_free(region);
		return result;
	}
	*longest = other && other->longest > analysis->longest ? other->longest : analysis->longest;
	if (rule_limit && rule_limit < *longest)
		region->rule_limit = rule_limit;
	*out = region;
	return 0;
}

#define RULE_LIMIT_MIN 8 /* looking at fewer rules than these is not worth a try */

int region_compute(const struct ruleset *ruleset, enum family family, const struct region_options *options,
		   struct region **out)
{
	size_t limit = options->rule_limit, longest = 0;
	for (;;) {
		struct region *region = NULL;
		int result = attempt(ruleset, family, options, limit, &region, &longest);
		if (result)
			return result;
		if (limit == 0 || limit > longest)
			limit = longest;
		limit /= 4;
		if (!region->undecided || limit < RULE_LIMIT_MIN) {
			*out = region;
			return 0;
		}
		region_free(region);
	}
}

void region_free(struct region *region)
{
	if (!region)
		return;
	struct arena *arena = region->arena;
	fields_free(region->fields);
	arena_free(arena);
}

struct wanted {
	const struct region *region;
	bool limited;
};

static diagram_node is_wanted(void *context, uint32_t terminal)
{
	const struct wanted *wanted = context;
	const struct region *region = wanted->region;
	if (terminal == 0 || terminal >= region->attribution_count)
		return DIAGRAM_FALSE;
	return (region->attributions[terminal].limit != 0) == wanted->limited ? DIAGRAM_TRUE : DIAGRAM_FALSE;
}

diagram_node region_dropped(const struct region *region)
{
	struct wanted wanted = {region, false};
	return diagram_replace(region->fields->diagram, is_wanted, &wanted, region->root);
}

diagram_node region_limited(const struct region *region)
{
	struct wanted wanted = {region, true};
	return diagram_replace(region->fields->diagram, is_wanted, &wanted, region->root);
}
