/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which rules and policies would have counted a packet that is dropped early: the one that drops it, and all
 * that it matches on its way there.
 *
 * A unit's hit is found narrow first: its own condition, then cut by the runs of items in front of it,
 * nearest first (the halves of the outcome tree), then by the way into its chain. A unit is credited where it
 * counts the packet once whatever the unknowns are; where that hangs on an unknown it is named in
 * region->uncounted instead. */
#include "meaning/analysis.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define VISITS_MAX 1000000 /* items looked at over all ways into all chains */

struct credit {
	struct analysis *analysis;
	struct bounds *hits; /* by unit: in the stage at hand, unknown variables included */
	uint32_t *touched;   /* units with a hit in this stage */
	size_t touched_count;
	diagram_node *must; /* by unit: over known fields: counted once for sure */
	diagram_node *may;
	bool *repeated; /* by unit: may count one packet twice */
	size_t visits;
	bool overflow;
};

static void add_hit(struct credit *credit, uint32_t unit, struct bounds hit)
{
	struct diagram *diagram = credit->analysis->diagram;
	struct bounds *hits = &credit->hits[unit];
	if (hit.may == DIAGRAM_FALSE)
		return;
	if (hits->may == DIAGRAM_FALSE)
		credit->touched[credit->touched_count++] = unit;
	else if (diagram_and(diagram, hits->may, hit.may) != DIAGRAM_FALSE)
		credit->repeated[unit] = true;
	hits->sure = diagram_or(diagram, hits->sure, hit.sure);
	hits->may = diagram_or(diagram, hits->may, hit.may);
}

/* What stands in front of a run of items, from far to near, and the way into the chain. */
struct way {
	struct chain_meaning *chain;
	struct bounds reach;
	size_t before[64]; /* tree nodes */
	size_t before_count;
};

static void visit_chain(struct credit *credit, struct chain_meaning *chain, struct bounds reach);

static void visit_item(struct credit *credit, struct way *way, const struct item *item)
{
	struct diagram *diagram = credit->analysis->diagram;
	const struct bounds *goes_on = way->chain->goes_on;
	struct bounds hit = item->matches;
	for (size_t i = way->before_count; i-- > 0 && hit.may != DIAGRAM_FALSE;) {
		hit.may = diagram_and(diagram, hit.may, goes_on[way->before[i]].may);
		hit.sure = diagram_and(diagram, hit.sure, goes_on[way->before[i]].sure);
	}
	hit.may = diagram_and(diagram, hit.may, way->reach.may);
	hit.sure = diagram_and(diagram, hit.sure, way->reach.sure);
	if (hit.may == DIAGRAM_FALSE)
		return;
	add_hit(credit, item->unit, hit);
	if (item->rule->target.chain)
		visit_chain(credit, analysis_chain(credit->analysis, item->rule->target.chain), hit);
}

/* Recursion: log2 of the number of items, for each of at most CHAIN_DEPTH_MAX chains. */
static void visit_run(struct credit *credit, struct way *way, size_t node, size_t first, size_t count)
{
	if (credit->overflow || diagram_exhausted(credit->analysis->diagram)) {
		credit->overflow = true;
		return;
	}
	if (count > 1) {
		size_t half = count / 2;
		visit_run(credit, way, 2 * node, first, half);
		way->before[way->before_count++] = 2 * node;
		visit_run(credit, way, 2 * node + 1, first + half, count - half);
		way->before_count--;
	} else if (++credit->visits > VISITS_MAX) {
		credit->overflow = true;
	} else {
		visit_item(credit, way, &way->chain->items[first]);
	}
}

static void visit_chain(struct credit *credit, struct chain_meaning *chain, struct bounds reach)
{
	struct way way = {.chain = chain, .reach = reach};
	if (chain->item_count > 0)
		visit_run(credit, &way, 1, 0, chain->item_count);
}

/* Holds for a packet whatever the unknowns are, or may hold, over known fields; behind raw. NAT stands
 * between PREROUTING and what follows. */
static diagram_node surely(struct analysis *analysis, diagram_node f, bool behind_nat)
{
	struct diagram *diagram = analysis->diagram;
	diagram_node untracked = unknowns_forall(analysis, state_fixed(analysis, f, STATE_UNTRACKED));
	diagram_node tracked = behind_nat ? nat_forall(analysis, f) : f;
	tracked = unknowns_forall(analysis, state_forall(analysis, tracked));
	return diagram_and(diagram,
			   diagram_or(diagram, untracked, diagram_not(diagram, analysis->may_untracked)),
			   diagram_or(diagram, tracked, diagram_not(diagram, analysis->may_tracked)));
}

static diagram_node perhaps(struct analysis *analysis, diagram_node f, bool behind_nat)
{
	struct diagram *diagram = analysis->diagram;
	diagram_node untracked = unknowns_exists(analysis, state_fixed(analysis, f, STATE_UNTRACKED));
	diagram_node tracked = behind_nat ? nat_exists(analysis, f) : f;
	tracked = unknowns_exists(analysis, state_exists(analysis, tracked));
	return diagram_or(diagram, diagram_and(diagram, untracked, analysis->may_untracked),
			  diagram_and(diagram, tracked, analysis->may_tracked));
}

/* In raw a packet has no connection yet: INVALID, or UNTRACKED behind NOTRACK in the same table. */
static diagram_node surely_raw(struct analysis *analysis, diagram_node f)
{
	diagram_node both = diagram_and(analysis->diagram, state_fixed(analysis, f, STATE_INVALID),
					state_fixed(analysis, f, STATE_UNTRACKED));
	return unknowns_forall(analysis, both);
}

static diagram_node perhaps_raw(struct analysis *analysis, diagram_node f)
{
	diagram_node either = diagram_or(analysis->diagram, state_fixed(analysis, f, STATE_INVALID),
					 state_fixed(analysis, f, STATE_UNTRACKED));
	return unknowns_exists(analysis, either);
}

static bool has_output(enum stage stage)
{
	return stage == STAGE_MANGLE_FORWARD || stage == STAGE_FILTER_FORWARD;
}

/* Over known fields: the packet comes behind the stage. */
static struct bounds reach_behind(struct analysis *analysis, struct bounds before, enum stage stage,
				  bool behind_nat)
{
	struct diagram *diagram = analysis->diagram;
	if (!analysis->stages[stage])
		return before;
	diagram_node outcome = analysis->stages[stage]->outcome;
	if (!has_output(stage))
		outcome = output_none(analysis, outcome);
	diagram_node fails =
	    outcome_may(analysis, outcome, ((1u << OUTCOME_COUNT) - 1) & ~(unsigned)OUTCOMES_ACCEPT);
	diagram_node may_pass = outcome_may(analysis, outcome, OUTCOMES_ACCEPT | 1u << OUTCOME_BLOCKED);
	return (struct bounds){
	    .sure =
		diagram_and(diagram, before.sure, surely(analysis, diagram_not(diagram, fails), behind_nat)),
	    .may = diagram_and(diagram, before.may, perhaps(analysis, may_pass, behind_nat)),
	};
}

static void credit_stage(struct credit *credit, enum stage stage, struct bounds reach)
{
	struct analysis *analysis = credit->analysis;
	struct diagram *diagram = analysis->diagram;
	const struct chain_meaning *chain = analysis->stages[stage];
	if (!chain)
		return;
	credit->touched_count = 0;
	struct chain_meaning *inside = analysis_chain(analysis, chain->chain);
	visit_chain(credit, inside, (struct bounds){DIAGRAM_TRUE, DIAGRAM_TRUE});
	add_hit(credit, analysis->policy_units[stage], inside->goes_back);
	bool behind_nat = stage > STAGE_NAT_PREROUTING;
	for (size_t i = 0; i < credit->touched_count; i++) {
		uint32_t unit = credit->touched[i];
		struct bounds hits = credit->hits[unit];
		credit->hits[unit] = (struct bounds){DIAGRAM_FALSE, DIAGRAM_FALSE};
		if (!has_output(stage)) {
			hits.may = output_none(analysis, hits.may);
			hits.sure = output_none(analysis, hits.sure);
		}
		diagram_node may = stage == STAGE_RAW ? perhaps_raw(analysis, hits.may)
						      : perhaps(analysis, hits.may, behind_nat);
		may = diagram_and(diagram, may, reach.may);
		diagram_node inner = diagram_or(diagram, analysis->settled, analysis->limited);
		inner = diagram_and(diagram, inner, may);
		diagram_node must = DIAGRAM_FALSE;
		if (inner != DIAGRAM_FALSE && hits.sure != DIAGRAM_FALSE) {
			must = stage == STAGE_RAW ? surely_raw(analysis, hits.sure)
						  : surely(analysis, hits.sure, behind_nat);
			must = diagram_and(diagram, must, diagram_and(diagram, inner, reach.sure));
		}
		if (credit->may[unit] != DIAGRAM_FALSE &&
		    diagram_and(diagram, credit->may[unit], may) != DIAGRAM_FALSE)
			credit->repeated[unit] = true;
		credit->may[unit] = diagram_or(diagram, credit->may[unit], may);
		credit->must[unit] = diagram_or(diagram, credit->must[unit], must);
	}
}

static void credit_stages(struct credit *credit)
{
	struct analysis *analysis = credit->analysis;
	struct diagram *diagram = analysis->diagram;
	struct bounds reach = {DIAGRAM_TRUE, DIAGRAM_TRUE};
	credit_stage(credit, STAGE_RAW, reach);
	/* For what is settled, raw has no effect; where it may drop, what follows is not sure. */
	reach.sure = analysis->passes_raw;
	reach.may = diagram_or(diagram, analysis->may_untracked, analysis->may_tracked);
	credit_stage(credit, STAGE_MANGLE_PREROUTING, reach);
	reach = reach_behind(analysis, reach, STAGE_MANGLE_PREROUTING, false);
	/* Which packet is the first of its connection is not known: what nat counts is never sure. */
	struct bounds nat = {DIAGRAM_FALSE, diagram_and(diagram, reach.may, analysis->may_tracked)};
	credit_stage(credit, STAGE_NAT_PREROUTING, nat);

	struct bounds input = reach, forward = reach;
	if (analysis->forwarding != TRUTH_NO) {
		/* Delivered here for sure: to a local address that NAT leaves alone. */
		diagram_node here = analysis->local;
		if (analysis->nat != TRUTH_NO)
			here = diagram_minus(diagram, here, analysis->may_tracked);
		input.sure = diagram_and(diagram, input.sure, here);
		forward.may = diagram_minus(diagram, forward.may, here);
		forward.sure = DIAGRAM_FALSE;
		credit_stage(credit, STAGE_MANGLE_FORWARD, forward);
		forward = reach_behind(analysis, forward, STAGE_MANGLE_FORWARD, true);
		credit_stage(credit, STAGE_FILTER_FORWARD, forward);
	}
	credit_stage(credit, STAGE_MANGLE_INPUT, input);
	input = reach_behind(analysis, input, STAGE_MANGLE_INPUT, true);
	credit_stage(credit, STAGE_FILTER_INPUT, input);
}

/* Sets of units, each kept once: the terminals of the region while it is put together. Set 0 is empty. */
struct unit_sets {
	struct arena *arena;
	size_t count, capacity;
	struct attribution *sets;
	uint32_t *slots; /* open addressing: index + 1 */
	size_t slot_count;
};

static uint64_t set_hash(const uint32_t *units, size_t count)
{
	uint64_t hash = 0xcbf29ce484222325u;
	for (size_t i = 0; i < count; i++) {
		hash = (hash ^ units[i]) * 0x100000001b3u;
		hash ^= hash >> 29;
	}
	return hash;
}

static int sets_grow(struct unit_sets *sets)
{
	size_t slot_count = sets->slot_count ? sets->slot_count * 2 : 1024;
	uint32_t *slots = calloc(slot_count, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < sets->count; i++) {
		size_t at = set_hash(sets->sets[i].units, sets->sets[i].unit_count) & (slot_count - 1);
		while (slots[at])
			at = (at + 1) & (slot_count - 1);
		slots[at] = (uint32_t)i + 1;
	}
	free(sets->slots);
	sets->slots = slots;
	sets->slot_count = slot_count;
	return 0;
}

/* The number of the set with these units; DIAGRAM_UNDECIDED when memory is short. */
static diagram_node sets_intern(struct unit_sets *sets, const uint32_t *units, size_t count)
{
	if (2 * (sets->count + 1) > sets->slot_count && sets_grow(sets))
		return DIAGRAM_UNDECIDED;
	size_t at = set_hash(units, count) & (sets->slot_count - 1);
	for (; sets->slots[at]; at = (at + 1) & (sets->slot_count - 1)) {
		const struct attribution *set = &sets->sets[sets->slots[at] - 1];
		if (set->unit_count == count &&
		    (count == 0 || memcmp(set->units, units, count * sizeof(*units)) == 0))
			return diagram_terminal(sets->slots[at] - 1);
	}
	uint32_t *copy = arena_array(sets->arena, count, sizeof(*copy));
	struct attribution *set =
	    copy ? arena_push(sets->arena, (void **)&sets->sets, &sets->count, &sets->capacity, sizeof(*set))
		 : NULL;
	if (!set)
		return DIAGRAM_UNDECIDED;
	if (count)
		memcpy(copy, units, count * sizeof(*units));
	*set = (struct attribution){.unit_count = count, .units = copy};
	sets->slots[at] = (uint32_t)sets->count;
	return diagram_terminal((uint32_t)(sets->count - 1));
}

static diagram_node sets_union(void *context, uint32_t a, uint32_t b)
{
	struct unit_sets *sets = context;
	if (a == b || b == 0)
		return diagram_terminal(a);
	if (a == 0)
		return diagram_terminal(b);
	const struct attribution *left = &sets->sets[a], *right = &sets->sets[b];
	uint32_t *merged = malloc((left->unit_count + right->unit_count) * sizeof(*merged));
	if (!merged)
		return DIAGRAM_UNDECIDED;
	size_t i = 0, j = 0, count = 0;
	while (i < left->unit_count || j < right->unit_count) {
		if (j == right->unit_count || (i < left->unit_count && left->units[i] < right->units[j]))
			merged[count++] = left->units[i++];
		else if (i == left->unit_count || right->units[j] < left->units[i])
			merged[count++] = right->units[j++];
		else {
			merged[count++] = left->units[i++];
			j++;
		}
	}
	diagram_node result = sets_intern(sets, merged, count);
	free(merged);
	return result;
}

/* Recursion: log2 of the number of units. */
static diagram_node merge_units(struct credit *credit, struct unit_sets *sets, const uint32_t *units,
				size_t count)
{
	struct diagram *diagram = credit->analysis->diagram;
	if (count == 0)
		return diagram_terminal(0);
	if (count == 1)
		return diagram_if(diagram, credit->must[units[0]], sets_intern(sets, units, 1),
				  diagram_terminal(0));
	diagram_node left = merge_units(credit, sets, units, count / 2);
	diagram_node right = merge_units(credit, sets, units + count / 2, count - count / 2);
	return diagram_apply(diagram, sets_union, sets, left, right);
}

static diagram_node next_number(void *context, uint32_t value)
{
	(void)context;
	return diagram_terminal(value + 1);
}

/* A terminal of the region that is being put together: a set of units, and the limit. */
struct ending {
	uint32_t set, limit;
};

struct endings {
	struct arena *arena;
	size_t set_count; /* terminals 1 .. set_count are those without a limit */
	struct ending *all;
	size_t count, capacity;
};

/* kind: 0: passes; 1: is dropped; 2 and more: limit kind - 2. */
static diagram_node end_with(void *context, uint32_t kind, uint32_t set)
{
	struct endings *endings = context;
	if (kind < 2)
		return diagram_terminal(kind ? set + 1 : 0);
	size_t at = 0;
	while (at < endings->count && (endings->all[at].set != set || endings->all[at].limit != kind - 1))
		at++;
	if (at == endings->count) {
		struct ending *fresh = arena_push(endings->arena, (void **)&endings->all, &endings->count,
						  &endings->capacity, sizeof(*fresh));
		if (!fresh)
			return DIAGRAM_UNDECIDED;
		*fresh = (struct ending){set, kind - 1};
	}
	return diagram_terminal((uint32_t)(endings->set_count + 1 + at));
}

/* Which packets are dropped, and which are limited by what; `sets`: what is counted. */
static diagram_node put_endings(struct analysis *analysis, struct endings *endings, diagram_node sets)
{
	struct diagram *diagram = analysis->diagram;
	diagram_node kinds = DIAGRAM_FALSE;
	for (uint32_t i = 0; i < analysis->limit_count; i++)
		kinds = diagram_if(diagram, analysis->limits[i].packets, diagram_terminal(2 + i), kinds);
	kinds = diagram_if(diagram, analysis->early, diagram_terminal(1), kinds);
	return diagram_apply(diagram, end_with, endings, kinds, sets);
}

static int keep_limits(const struct analysis *analysis, struct region *region)
{
	struct region_limit *limits = arena_array(region->arena, analysis->limit_count + 1, sizeof(*limits));
	if (!limits)
		return -ENOMEM;
	for (size_t i = 0; i < analysis->limit_count; i++)
		limits[i] = analysis->limits[i].meaning;
	region->limits = limits;
	region->limit_count = analysis->limit_count;
	return 0;
}

static int keep_attributions(struct region *region, const struct unit_sets *sets,
			     const struct endings *endings)
{
	size_t count = sets->count + endings->count;
	struct attribution *attributions = arena_array(region->arena, count + 1, sizeof(*attributions));
	if (!attributions)
		return -ENOMEM;
	memcpy(attributions + 1, sets->sets, sets->count * sizeof(*attributions));
	for (size_t i = 0; i < endings->count; i++) {
		struct attribution *attribution = &attributions[sets->count + 1 + i];
		*attribution = sets->sets[endings->all[i].set];
		attribution->limit = endings->all[i].limit;
	}
	region->attributions = attributions;
	region->attribution_count = count + 1;
	return 0;
}

static int finish(struct credit *credit, struct region *region, uint32_t *counted, size_t counted_count)
{
	struct analysis *analysis = credit->analysis;
	struct diagram *diagram = analysis->diagram;
	struct unit_sets sets = {.arena = region->arena};
	diagram_node root = DIAGRAM_UNDECIDED;
	if (sets_intern(&sets, NULL, 0) != DIAGRAM_UNDECIDED)
		root = merge_units(credit, &sets, counted, counted_count);
	struct endings endings = {.arena = region->arena, .set_count = sets.count};
	if (analysis->limited != DIAGRAM_FALSE) {
		root = put_endings(analysis, &endings, root);
	} else {
		root = diagram_replace(diagram, next_number, NULL, root);
		root = diagram_if(diagram, analysis->early, root, diagram_terminal(0));
	}
	diagram_forget(diagram);
	free(sets.slots);
	if (root == DIAGRAM_UNDECIDED) {
		/* Too many combinations of counted rules: what is dropped stays known, what is counted does
		 * not. Limits are left to the kernel. */
		region->root = analysis->early;
		sets.count = 1;
		sets.sets = arena_alloc(region->arena, sizeof(*sets.sets));
		if (!sets.sets)
			return -ENOMEM;
		counted_count = endings.count = 0;
		analysis->limited = DIAGRAM_FALSE;
		for (size_t i = 0; i < analysis->limit_count; i++)
			analysis->limits[i].packets = DIAGRAM_FALSE;
	} else {
		region->root = root;
	}
	uint32_t *uncounted = arena_array(region->arena, analysis->unit_count, sizeof(*uncounted));
	if (!uncounted || keep_limits(analysis, region) || keep_attributions(region, &sets, &endings))
		return -ENOMEM;
	diagram_node whole = fields_value(analysis->fields, FIELD_FRAGMENT, FRAGMENT_WHOLE);
	for (uint32_t unit = 0; unit < analysis->unit_count; unit++) {
		diagram_node rest = diagram_and(diagram, analysis->early, credit->may[unit]);
		if (counted_count > 0)
			rest = diagram_minus(diagram, rest, credit->must[unit]);
		if (diagram_and(diagram, rest, whole) != DIAGRAM_FALSE)
			uncounted[region->uncounted_count++] = unit;
		else if (rest != DIAGRAM_FALSE)
			region->uncounted_parts++;
	}
	region->uncounted = uncounted;
	return 0;
}

/* Over frames; packets that are limited are in one frame each, which nothing changes (limit.c). */
static diagram_node settle_must(struct analysis *analysis, diagram_node must)
{
	diagram_node alone = diagram_and(analysis->diagram, must, analysis->limited);
	return diagram_or(analysis->diagram, frames_forall(analysis, must), alone);
}

int credit_compute(struct analysis *analysis, struct region *region, diagram_node *may_hit)
{
	size_t count = analysis->unit_count;
	struct credit credit = {
	    .analysis = analysis,
	    .hits = malloc((count + 1) * sizeof(struct bounds)),
	    .touched = malloc((count + 1) * sizeof(uint32_t)),
	    .must = malloc((count + 1) * sizeof(diagram_node)),
	    .may = may_hit,
	    .repeated = calloc(count + 1, sizeof(bool)),
	};
	uint32_t *counted = malloc((count + 1) * sizeof(uint32_t));
	int result = -ENOMEM;
	if (credit.hits && credit.touched && credit.must && credit.repeated && counted) {
		for (size_t i = 0; i < count; i++) {
			credit.hits[i] = (struct bounds){DIAGRAM_FALSE, DIAGRAM_FALSE};
			credit.must[i] = may_hit[i] = DIAGRAM_FALSE;
		}
		credit_stages(&credit);
		size_t counted_count = 0;
		for (uint32_t unit = 0; unit < count; unit++) {
			if (credit.overflow) {
				may_hit[unit] = DIAGRAM_UNDECIDED;
				credit.must[unit] = DIAGRAM_FALSE;
			} else if (credit.repeated[unit]) {
				credit.must[unit] = DIAGRAM_FALSE;
			} else {
				credit.must[unit] = settle_must(analysis, credit.must[unit]);
			}
		}
		/* What is above the rate the limit's rule counts. */
		for (size_t i = 0; i < analysis->limit_count; i++) {
			diagram_node *must = &credit.must[analysis->limits[i].meaning.unit];
			*must = diagram_or(analysis->diagram, *must, analysis->limits[i].packets);
		}
		for (uint32_t unit = 0; unit < count; unit++)
			if (credit.must[unit] != DIAGRAM_FALSE)
				counted[counted_count++] = unit;
		result = finish(&credit, region, counted, counted_count);
	}
	free(counted);
	free(credit.hits);
	free(credit.touched);
	free(credit.must);
	free(credit.repeated);
	return result;
}
