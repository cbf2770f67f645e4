/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Two rulesets compared chain by chain, over one set of unknowns.
 *
 * First what becomes of packets is compared with a look at those events only that verdicts may hang on. Where
 * that is the same, matches that remember what they were asked must have been asked the same: those on whose
 * answer some end hangs become events, and the chains are compared once more. */
#include "meaning/difference.h"

#include "base/clock.h"
#include "meaning/behaviour.h"
#include "meaning/delta.h"
#include "meaning/journey.h"
#include "meaning/parts.h"
#include "meaning/routes.h"
#include "meaning/same.h"
#include "meaning/trim.h"
#include "meaning/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REGION_LIMIT 20
#define NODE_BUDGET (8u << 20) /* some 450 MB when all are made */

struct comparison {
	const struct difference_options *options;
	struct difference *difference;
	struct behaviour *behaviour;
	const struct ruleset *sides[SIDES_MAX];
	enum family family;
	struct difference_chain *chain;
	double deadline; /* clock_seconds(); 0: none */
	bool trimmed;    /* rules that no changed one meets are left out */
};

static bool is_late(const struct comparison *comparison)
{
	return comparison->deadline > 0 && clock_seconds() > comparison->deadline;
}

/* Where they differ, of what packets are like. */
static diagram_node find_difference(struct comparison *comparison, diagram_node before, diagram_node after,
				    diagram_node touched)
{
	struct diagram *diagram = behaviour_fields(comparison->behaviour)->diagram;
	diagram_node different = behaviour_difference(comparison->behaviour, before, after);
	different = diagram_and(diagram, different, touched);
	return diagram_and(diagram, different,
			   behaviour_domain(comparison->behaviour, comparison->chain->hook));
}

/* What is known of one chain after the first look. */
struct looked {
	diagram_node before, after;
	diagram_node touched;   /* packets that changed rules touch: all that is asked about */
	diagram_node different; /* of packets as there are */
};

/* One look at the chain: where it differs. */
static void look(struct comparison *comparison, unsigned events, const bool *asked, struct looked *looked)
{
	const struct difference_chain *chain = comparison->chain;
	behaviour_look(comparison->behaviour, events, asked);
	looked->before =
	    behaviour_chain(comparison->behaviour, 0, chain->table, chain->hook, looked->touched);
	looked->after = behaviour_chain(comparison->behaviour, 1, chain->table, chain->hook, looked->touched);
	looked->different = find_difference(comparison, looked->before, looked->after, looked->touched);
}

static unsigned wanted_events(const struct comparison *comparison)
{
	return comparison->options->effects ? LOOK_TRACKING | LOOK_CHANGES | LOOK_TELLS
					    : behaviour_needs(comparison->behaviour);
}

static void look_first(struct comparison *comparison, struct delta *delta, struct looked *looked)
{
	const struct difference_chain *chain = comparison->chain;
	looked->before = looked->after = looked->different = DIAGRAM_FALSE;
	looked->touched =
	    chain->answer == DIFFERENCE_NONE ? DIAGRAM_FALSE : delta_domain(delta, chain->table, chain->hook);
	if (looked->touched != DIAGRAM_FALSE)
		look(comparison, wanted_events(comparison), NULL, looked);
}

static size_t region_limit(const struct comparison *comparison)
{
	return comparison->options->region_limit ? comparison->options->region_limit : REGION_LIMIT;
}

static int conclude(struct comparison *comparison, const struct looked *looked)
{
	struct difference_chain *chain = comparison->chain;
	struct behaviour *behaviour = comparison->behaviour;
	chain->answer = looked->different == DIAGRAM_FALSE ? DIFFERENCE_NONE : DIFFERENCE_FOUND;
	if (looked->different == DIAGRAM_UNDECIDED) {
		chain->answer = DIFFERENCE_UNDECIDED;
		chain->reason = is_late(comparison) ? "the budget of time was met"
				: diagram_exhausted(behaviour_fields(behaviour)->diagram)
				    ? "the budget of diagram nodes was met"
				: comparison->trimmed
				    ? "there are too many matches that are not modelled"
				    : "too many different things happen to packets on their way";
	}
	if (chain->answer != DIFFERENCE_FOUND)
		return 0;
	const struct words_request request = {
	    .table = chain->table,
	    .hook = chain->hook,
	    .behaviour = behaviour,
	    .before = looked->before,
	    .after = looked->after,
	    .touched = looked->touched,
	    .domain = behaviour_domain(behaviour, chain->hook),
	    .different = looked->different,
	    .limit = region_limit(comparison),
	    .arena = comparison->difference->arena,
	};
	return words_describe(&request, chain);
}

static bool is_present(const struct comparison *comparison, enum table_id table, enum hook hook)
{
	for (size_t side = 0; side < SIDES_MAX; side++) {
		const struct table *own = &comparison->sides[side]->tables[comparison->family][table];
		if (own->present && own->hooks[hook])
			return true;
	}
	return false;
}

static bool has_rules(const struct comparison *comparison)
{
	return comparison->sides[0]->has_family[comparison->family] ||
	       comparison->sides[1]->has_family[comparison->family];
}

/* The chains that either side has, and nothing known of them. */
static size_t list_chains(const struct comparison *comparison, struct difference_chain *chains)
{
	size_t count = 0;
	for (enum hook hook = 0; hook < HOOK_COUNT; hook++)
		for (enum table_id table = 0; table < TABLE_COUNT; table++)
			if (is_present(comparison, table, hook))
				chains[count++] = (struct difference_chain){.family = comparison->family,
									    .table = table,
									    .hook = hook,
									    .answer = DIFFERENCE_UNDECIDED};
	return count;
}

/* What one chain's match is asked another's may remember: which are asked is found over all of them. */
static int find_all_asked(struct comparison *comparison, struct difference_chain *chains,
			  const struct looked *looked, size_t count, size_t places, bool *asked)
{
	struct behaviour *behaviour = comparison->behaviour;
	bool *reached = calloc(places + 1, sizeof(*reached));
	int result = reached ? 0 : -ENOMEM;
	for (size_t i = 0; i < count && !result; i++) {
		if (looked[i].touched == DIAGRAM_FALSE)
			continue;
		for (size_t side = 0; side < SIDES_MAX; side++)
			behaviour_askers(behaviour, side, chains[i].table, chains[i].hook, looked[i].touched,
					 NULL, reached);
		result = behaviour_hanging(behaviour, looked[i].before, asked);
		if (!result)
			result = behaviour_hanging(behaviour, looked[i].after, asked);
	}
	if (!result)
		behaviour_share_memory(behaviour, reached);
	bool any = !result && memchr(reached, 1, places + 1);
	/* What hangs on it for other packets is not there any more. */
	for (size_t i = 0; comparison->trimmed && any && i < places; i++)
		asked[i] |= reached[i];
	for (size_t i = 0; any && !comparison->trimmed && i < count && !result; i++)
		result = behaviour_hanging_others(behaviour, chains[i].table, chains[i].hook,
						  wanted_events(comparison), reached, asked);
	free(reached);
	return result;
}

/* One chain shall not leave others without nodes: each gets a half of what is left, and what was not enough
 * for gets the rest once the others had theirs. Returns how many there was time for. */
static size_t look_at_all(struct comparison *comparison, struct delta *delta, struct difference_chain *chains,
			  struct looked *looked, size_t count)
{
	struct diagram *diagram = behaviour_fields(comparison->behaviour)->diagram;
	size_t budget = diagram_allow(diagram, 0), done = 0;
	for (; done < count && !is_late(comparison); done++) {
		diagram_allow_half(diagram, budget);
		comparison->chain = &chains[done];
		look_first(comparison, delta, &looked[done]);
	}
	diagram_allow(diagram, budget);
	for (size_t i = 0; i < done && !is_late(comparison); i++) {
		comparison->chain = &chains[i];
		if (looked[i].touched == DIAGRAM_UNDECIDED)
			looked[i].touched = DIAGRAM_TRUE;
		if (looked[i].different == DIAGRAM_UNDECIDED)
			look(comparison, wanted_events(comparison), NULL, &looked[i]);
	}
	return done;
}

/* Where what verdicts may hang on is not all that packets are changed in. */
static void compare_routing(struct comparison *comparison, struct difference_chain *chains,
			    const struct looked *looked, size_t count)
{
	struct diagram *diagram = behaviour_fields(comparison->behaviour)->diagram;
	unsigned tables[TABLE_COUNT];
	if (wanted_events(comparison) & LOOK_CHANGES)
		return;
	routes_find(comparison->sides, comparison->family, tables);
	size_t budget = diagram_allow(diagram, 0);
	for (size_t i = 0; i < count; i++) {
		diagram_allow_half(diagram, budget);
		routes_compare(comparison->behaviour, tables, looked[i].touched, &chains[i]);
	}
	diagram_allow(diagram, budget);
}

static int compare_chains(struct comparison *comparison, struct delta *delta, struct difference_chain *chains,
			  size_t count)
{
	size_t places = 0;
	behaviour_places(comparison->behaviour, &places);
	struct looked *looked = calloc(count + 1, sizeof(*looked));
	bool *asked = calloc(places + 1, sizeof(*asked));
	int result = looked && asked ? 0 : -ENOMEM;
	size_t done = result ? 0 : look_at_all(comparison, delta, chains, looked, count);
	/* Where none that was touched is the same so far there is nothing to be proven by it. */
	bool open = false;
	for (size_t i = 0; i < done; i++)
		open |= looked[i].touched != DIAGRAM_FALSE && looked[i].different == DIAGRAM_FALSE;
	if (!result && open)
		result = find_all_asked(comparison, chains, looked, done, places, asked);
	bool any = asked && memchr(asked, 1, places + 1);
	for (size_t i = 0; i < count && !result; i++) {
		comparison->chain = &chains[i];
		bool again = i < done && any && looked[i].different == DIAGRAM_FALSE &&
			     looked[i].touched != DIAGRAM_FALSE;
		if (i >= done || (again && is_late(comparison))) {
			chains[i].reason = "the budget of time was met";
			continue;
		}
		if (again)
			look(comparison, wanted_events(comparison), asked, &looked[i]);
		if (again && comparison->trimmed && looked[i].different != DIAGRAM_FALSE)
			looked[i].different = DIAGRAM_UNDECIDED;
		result = conclude(comparison, &looked[i]);
	}
	if (!result)
		compare_routing(comparison, chains, looked, done);
	free(looked);
	free(asked);
	return result;
}

/* No match of another table shares its memory with one of this, or that table is the same to the letter. */
static bool others_ask_alike(struct comparison *comparison, enum table_id table)
{
	struct behaviour *behaviour = comparison->behaviour;
	struct delta *delta = NULL;
	if (!behaviour_shares_memory(behaviour, table))
		return true;
	bool alike = delta_new(behaviour, comparison->sides, comparison->family, &delta) == 0;
	for (enum table_id other = 0; other < TABLE_COUNT && alike; other++)
		for (enum hook hook = 0; hook < HOOK_COUNT && alike && other != table; hook++)
			alike = delta_domain(delta, other, hook) == DIAGRAM_FALSE;
	delta_free(delta);
	return alike;
}

static bool has_own_chains(const struct comparison *comparison, enum table_id id)
{
	bool found = false;
	for (size_t side = 0; side < SIDES_MAX; side++) {
		const struct table *table = &comparison->sides[side]->tables[comparison->family][id];
		for (size_t i = 0; i < table->chain_count; i++)
			found |= !table->chains[i]->builtin;
	}
	return found;
}

#define PARTS_SHARE 8 /* of the budget of nodes: parts are small, or not worth it */

/* A table of many chains is compared chain by chain first: often that is enough, and the whole would be too
 * much. */
static int compare_parts(struct comparison *comparison, struct difference_chain *chains, size_t count)
{
	size_t budget = comparison->options->node_budget;
	const struct behaviour_options options = {
	    .node_budget = (budget ? budget : NODE_BUDGET) / PARTS_SHARE,
	    .deadline = comparison->deadline,
	};
	bool wanted[TABLE_COUNT], any = false;
	for (enum table_id table = 0; table < TABLE_COUNT; table++)
		any |= wanted[table] = has_own_chains(comparison, table);
	if (!any)
		return 0;
	struct behaviour *whole = comparison->behaviour, *behaviour = NULL;
	int result = behaviour_new(comparison->family, comparison->sides, SIDES_MAX, &options, &behaviour);
	if (result)
		return result == -E2BIG ? 0 : result;
	comparison->behaviour = behaviour;
	for (enum table_id table = 0; table < TABLE_COUNT; table++) {
		bool same = wanted[table] && others_ask_alike(comparison, table) &&
			    parts_same(comparison->behaviour, comparison->sides, comparison->family, table);
		for (size_t i = 0; i < count && same; i++)
			if (chains[i].table == table)
				chains[i].answer = DIFFERENCE_NONE;
	}
	comparison->difference->nodes += diagram_size(behaviour_fields(comparison->behaviour)->diagram);
	behaviour_free(comparison->behaviour);
	comparison->behaviour = whole;
	return 0;
}

/* Some chain may treat some packet otherwise, as far as its rules tell one by one. */
static bool is_any_touched(struct delta *delta, const struct difference_chain *chains, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (delta_domain(delta, chains[i].table, chains[i].hook) != DIAGRAM_FALSE)
			return true;
	return false;
}

/* delta NULL: the chains could not be compared at all. */
static int compare_journeys(struct comparison *comparison, struct delta *delta,
			    const struct difference_chain *chains, size_t count)
{
	const struct journey_request request = {
	    .behaviour = comparison->behaviour,
	    .delta = delta,
	    .family = comparison->family,
	    .options = comparison->options,
	    .wanted = delta ? wanted_events(comparison) : 0,
	    .region_limit = region_limit(comparison),
	    .deadline = comparison->deadline,
	    .trimmed = comparison->trimmed,
	    .chain_count = count,
	    .chains = chains,
	    .arena = comparison->difference->arena,
	};
	struct difference *difference = comparison->difference;
	struct difference_journey *journeys =
	    (struct difference_journey *)difference->journeys + difference->journey_count;
	size_t found = 0;
	int result = 0;
	if (!comparison->options->journeys)
		return 0;
	if (delta)
		result = journeys_compare(&request, journeys, &found);
	else
		found = journeys_list(&request, chains[0].reason, journeys);
	difference->journey_count += found;
	return result;
}

static int compare_family(struct comparison *comparison, struct difference_chain *chains, size_t *count);

/* Once more with less rules, or as before where that cannot be. */
static int compare_trimmed(struct comparison *comparison, struct difference_chain *chains, size_t *count)
{
	const struct ruleset *whole[SIDES_MAX] = {comparison->sides[0], comparison->sides[1]};
	int result = trim_sides(whole, comparison->family, comparison->difference->arena, comparison->sides);
	if (result) {
		memcpy(comparison->sides, whole, sizeof(whole));
		if (result != -E2BIG)
			return result;
	}
	comparison->trimmed = true;
	result = compare_family(comparison, chains, count);
	comparison->trimmed = false;
	memcpy(comparison->sides, whole, sizeof(whole));
	return result;
}

static int compare_family(struct comparison *comparison, struct difference_chain *chains, size_t *count)
{
	const struct behaviour_options options = {
	    .node_budget = comparison->options->node_budget ? comparison->options->node_budget : NODE_BUDGET,
	    .deadline = comparison->deadline,
	    .spares = comparison->options->journeys ? JOURNEY_SPARES : 0};
	struct delta *delta = NULL;
	if (!has_rules(comparison))
		return 0;
	*count = list_chains(comparison, chains);
	if (same_family(comparison->sides[0], comparison->sides[1], comparison->family)) {
		for (size_t i = 0; i < *count; i++)
			chains[i].answer = DIFFERENCE_NONE;
		return 0;
	}
	int result =
	    behaviour_new(comparison->family, comparison->sides, SIDES_MAX, &options, &comparison->behaviour);
	if (result == -E2BIG && !comparison->trimmed)
		return compare_trimmed(comparison, chains, count);
	for (size_t i = 0; result == -E2BIG && i < *count; i++)
		chains[i].reason = "there are too many matches that are not modelled";
	if (result)
		return result == -E2BIG && *count ? compare_journeys(comparison, NULL, chains, *count)
						  : result;
	result = delta_new(comparison->behaviour, comparison->sides, comparison->family, &delta);
	if (!result && is_any_touched(delta, chains, *count))
		result = compare_parts(comparison, chains, *count);
	if (!result)
		result = compare_chains(comparison, delta, chains, *count);
	if (!result)
		result = compare_journeys(comparison, delta, chains, *count);
	comparison->difference->nodes += diagram_size(behaviour_fields(comparison->behaviour)->diagram);
	delta_free(delta);
	behaviour_free(comparison->behaviour);
	return result;
}

int difference_compute(const struct ruleset *before, const struct ruleset *after,
		       const struct difference_options *options, struct difference **out)
{
	struct arena *arena = arena_new();
	struct difference *difference = arena ? arena_alloc(arena, sizeof(*difference)) : NULL;
	struct difference_chain *chains =
	    difference ? arena_array(arena, (size_t)FAMILY_COUNT * TABLE_COUNT * HOOK_COUNT, sizeof(*chains))
		       : NULL;
	struct difference_journey *journeys =
	    chains ? arena_array(arena, (size_t)FAMILY_COUNT * JOURNEY_COUNT, sizeof(*journeys)) : NULL;
	if (!journeys) {
		arena_free(arena);
		return -ENOMEM;
	}
	*difference = (struct difference){.arena = arena, .chains = chains, .journeys = journeys};
	struct comparison comparison = {
	    .options = options, .difference = difference, .sides = {before, after}};
	if (options->time_budget)
		comparison.deadline = clock_seconds() + (double)options->time_budget * 1e-9;
	int result = 0;
	for (unsigned family = 0; family < FAMILY_COUNT && !result; family++) {
		comparison.family = (enum family)family;
		size_t count = 0;
		result = compare_family(&comparison, chains + difference->chain_count, &count);
		difference->chain_count += count;
	}
	for (size_t i = 0; i < difference->chain_count; i++)
		if (chains[i].answer == DIFFERENCE_FOUND || difference->answer == DIFFERENCE_NONE)
			difference->answer = chains[i].answer;
	for (size_t i = 0; i < difference->journey_count; i++)
		if (journeys[i].answer == DIFFERENCE_FOUND || difference->fate == DIFFERENCE_NONE)
			difference->fate = journeys[i].answer;
	if (result)
		difference_free(difference);
	else
		*out = difference;
	return result;
}

void difference_free(struct difference *difference)
{
	if (difference)
		arena_free(difference->arena);
}
