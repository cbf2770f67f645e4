/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Two rulesets compared along the whole way of a packet: it is delivered, or forwarded, or leaves from here.
 * Which of the first two, routing decides: each is a journey for itself. What is compared is what becomes of
 * the packet in the end; the place where a drop happens does not matter, nor what had been done to the packet
 * by then, but what others can tell afterwards does (what limits and sets remember).
 *
 * As for single chains, verdicts come first; where they are the same, matches that remember what they were
 * asked must have been asked the same. */
#include "meaning/journey.h"

#include "base/clock.h"
#include "meaning/journey_private.h"
#include "meaning/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One journey, of packets that come without a connection, and of those that come with one. */
struct compared {
	struct difference_journey *journey;
	bool done;
	bool open; /* the same as far as verdicts go */
	struct walk walks[2];
	struct fates fates[2];
};

struct comparison {
	const struct journey_request *request;
	struct behaviour *behaviour;
	bool nat_same;
	size_t count, places;
	struct compared compared[JOURNEY_COUNT];
	bool *asked;
};

static bool is_late(const struct comparison *comparison)
{
	return comparison->request->deadline > 0 && clock_seconds() > comparison->request->deadline;
}

/* Whether some chain on the way differs, or may: or else what routing may go by, before it leaves by a
 * device.
 */
static bool is_affected(const struct journey_request *request, enum journey journey, bool routing)
{
	const struct way *way = &journey_ways[journey];
	for (size_t i = 0; i < request->chain_count; i++)
		for (size_t s = 0; s < way->count; s++) {
			const struct difference_chain *chain = &request->chains[i];
			if (chain->table == way->stages[s].table && chain->hook == way->stages[s].hook &&
			    (chain->answer != DIFFERENCE_NONE || (routing && journey != JOURNEY_DELIVERED &&
								  chain->routing_answer != DIFFERENCE_NONE)))
				return true;
		}
	return false;
}

static bool is_nat_same(const struct journey_request *request)
{
	for (size_t i = 0; i < request->chain_count; i++)
		if (request->chains[i].table == TABLE_NAT && request->chains[i].answer != DIFFERENCE_NONE)
			return false;
	return true;
}

static bool are_connmarks_apart(const struct journey_request *request)
{
	for (size_t i = 0; i < request->chain_count; i++)
		if (request->chains[i].routing & DIFFERENCE_CONNMARK)
			return true;
	return false;
}

static int travel(struct comparison *comparison, struct compared *compared, size_t variant, const bool *asked)
{
	const struct journey_request *request = comparison->request;
	struct walk *walk = &compared->walks[variant];
	uint32_t variables = diagram_variables(behaviour_fields(comparison->behaviour)->diagram);
	*walk = (struct walk){.behaviour = comparison->behaviour,
			      .journey = compared->journey->journey,
			      .with_connection = variant == 1,
			      .effects = request->options->effects,
			      .wanted = request->wanted,
			      .nat_same = comparison->nat_same,
			      .connmark_apart = are_connmarks_apart(request),
			      .hanging = walk->hanging};
	if (!walk->hanging)
		walk->hanging = calloc(variables + 1, sizeof(bool));
	if (!walk->hanging)
		return -ENOMEM;
	behaviour_look(comparison->behaviour, request->wanted | LOOK_TRACKING | LOOK_CHANGES, asked);
	walk_touch(walk, request->delta, request->chains, request->chain_count);
	if (variant > 0) {
		memcpy(walk->has_stage, compared->walks[0].has_stage, sizeof(walk->has_stage));
		memcpy(walk->stages, compared->walks[0].stages, sizeof(walk->stages));
	}
	return walk_fates(walk, &compared->fates[variant]);
}

static bool is_same(const struct compared *compared)
{
	for (size_t i = 0; i < 2; i++)
		if (compared->fates[i].differs != DIAGRAM_FALSE ||
		    compared->fates[i].unknown != DIAGRAM_FALSE)
			return false;
	return true;
}

/* --- what is remembered
 * ------------------------------------------------------------------------------------------------------- */

/* The places that touched packets may ask. */
static void find_reached(struct comparison *comparison, bool *reached)
{
	const struct journey_request *request = comparison->request;
	for (size_t j = 0; j < comparison->count; j++) {
		const struct walk *walk = &comparison->compared[j].walks[0];
		if (!comparison->compared[j].done)
			continue;
		const struct way *way = &journey_ways[walk->journey];
		for (size_t s = 0; s < way->count && walk->touched != DIAGRAM_FALSE; s++)
			for (size_t side = 0; side < SIDES_MAX; side++)
				behaviour_askers(comparison->behaviour, side, way->stages[s].table,
						 way->stages[s].hook, walk_asked(walk, s), NULL, reached);
	}
	behaviour_share_memory(request->behaviour, reached);
}

static int find_hanging(struct comparison *comparison, const struct compared *compared)
{
	struct behaviour *behaviour = comparison->behaviour;
	struct diagram *diagram = behaviour_fields(behaviour)->diagram;
	int result = 0;
	for (size_t variant = 0; variant < 2 && !result; variant++) {
		const struct walk *walk = &compared->walks[variant];
		for (size_t side = 0; side < SIDES_MAX && !result; side++)
			result =
			    behaviour_hanging(behaviour,
					      diagram_if(diagram, walk->touched,
							 compared->fates[variant].final[side], DIAGRAM_FALSE),
					      comparison->asked);
		for (uint32_t i = 0; i < diagram_variables(diagram); i++)
			if (walk->hanging[i] && behaviour->place_of[i])
				comparison->asked[behaviour->place_of[i] - 1] = true;
	}
	return result;
}

/* What one side alone has may say anything, asked or not; but for what it tells others. */
static bool keep_shared(const struct comparison *comparison, bool *asked)
{
	bool any = false;
	for (size_t i = 0; i < comparison->places; i++) {
		const struct place *place = &comparison->behaviour->places.all[i];
		any |= asked[i] &= place->paired || place->memory;
	}
	return any;
}

static int travel_all(struct comparison *comparison, const bool *asked, bool again)
{
	int result = 0;
	for (size_t i = 0; i < comparison->count && !result; i++) {
		struct compared *compared = &comparison->compared[i];
		if (again && !compared->open)
			continue;
		compared->done = !is_late(comparison);
		for (size_t variant = 0; variant < 2 && compared->done && !result; variant++)
			result = travel(comparison, compared, variant, asked);
	}
	return result;
}

static bool all_open_same(const struct comparison *comparison)
{
	for (size_t i = 0; i < comparison->count; i++)
		if (comparison->compared[i].open &&
		    !(comparison->compared[i].done && is_same(&comparison->compared[i])))
			return false;
	return true;
}

/* Those that were the same before it was looked at what is asked. */
static void doubt_open(struct comparison *comparison)
{
	for (size_t i = 0; i < comparison->count; i++)
		for (size_t variant = 0; variant < 2 && comparison->compared[i].open; variant++) {
			struct fates *fates = &comparison->compared[i].fates[variant];
			if (fates->differs == DIAGRAM_FALSE && fates->unknown == DIAGRAM_FALSE)
				continue;
			fates->differs = DIAGRAM_FALSE;
			fates->unknown = DIAGRAM_TRUE;
		}
}

/* Where all that touched packets may ask is asked the same, it does not matter what hangs on it: which is
 * much more to find out. */
static int compare_asked(struct comparison *comparison, bool *reached)
{
	const struct journey_request *request = comparison->request;
	int result = 0;
	find_reached(comparison, reached);
	for (size_t i = 0; i < comparison->count && !result; i++)
		if (comparison->compared[i].done)
			result = find_hanging(comparison, &comparison->compared[i]);
	if (result || !keep_shared(comparison, reached))
		return result;
	result = travel_all(comparison, reached, true);
	if (result || all_open_same(comparison))
		return result;
	if (request->trimmed) { /* what hangs on it for other packets is not there any more */
		doubt_open(comparison);
		return 0;
	}
	find_reached(comparison, reached);
	for (size_t i = 0; i < request->chain_count && !result; i++)
		result = behaviour_hanging_others(comparison->behaviour, request->chains[i].table,
						  request->chains[i].hook, request->wanted, reached,
						  comparison->asked);
	bool any = keep_shared(comparison, comparison->asked);
	return result ? result : travel_all(comparison, any ? comparison->asked : NULL, true);
}

/* --- answers
 * ------------------------------------------------------------------------------------------------------- */

/* Over lo, where not as an answer. */
static int tell_connection(struct comparison *comparison, struct difference_journey *journey)
{
	struct difference_region *regions = (struct difference_region *)journey->regions;
	for (size_t i = 0; i < journey->region_count; i++) {
		regions[i].unknowns = arena_printf(
		    comparison->request->arena, "%s%sit comes with a connection",
		    regions[i].unknowns ? regions[i].unknowns : "", regions[i].unknowns ? " and " : "");
		if (!regions[i].unknowns)
			return -ENOMEM;
		if (journey->journey != JOURNEY_LEAVING)
			memcpy(regions[i].packet.in, "lo", sizeof("lo"));
	}
	return 0;
}

static int describe(struct comparison *comparison, struct compared *compared, size_t variant)
{
	struct behaviour *behaviour = comparison->behaviour;
	static const enum hook hooks[] = {[JOURNEY_DELIVERED] = HOOK_INPUT,
					  [JOURNEY_FORWARDED] = HOOK_FORWARD,
					  [JOURNEY_LEAVING] = HOOK_OUTPUT};
	const struct fates *fates = &compared->fates[variant];
	struct difference_journey *journey = compared->journey;
	struct difference_chain chain = {.family = journey->family};
	const struct words_request request = {
	    .table = TABLE_FILTER,
	    .hook = hooks[journey->journey],
	    .behaviour = behaviour,
	    .before = fates->final[0],
	    .after = fates->final[1],
	    .touched = fates->shown,
	    .domain = fates->domain,
	    .different = fates->differs,
	    .limit = comparison->request->region_limit,
	    .arena = comparison->request->arena,
	};
	int result = words_describe(&request, &chain);
	journey->regions = chain.regions;
	journey->region_count = chain.region_count;
	journey->region_total = chain.region_total;
	journey->with_connection = variant == 1;
	return !result && journey->with_connection ? tell_connection(comparison, journey) : result;
}

static const char *why_undecided(const struct comparison *comparison, const struct compared *compared)
{
	bool known = true;
	for (size_t i = 0; i < 2; i++)
		known &= compared->fates[i].differs != DIAGRAM_UNDECIDED &&
			 compared->fates[i].unknown != DIAGRAM_UNDECIDED;
	if (known)
		return "it hangs on what NAT, marks, limits or other programs make of packets on their way";
	if (is_late(comparison))
		return "the budget of time was met";
	if (diagram_exhausted(behaviour_fields(comparison->behaviour)->diagram))
		return "the budget of diagram nodes was met";
	return "too many different things happen to packets on their way";
}

static int conclude(struct comparison *comparison, struct compared *compared)
{
	struct difference_journey *journey = compared->journey;
	journey->answer = DIFFERENCE_NONE;
	for (size_t i = 0; i < 2; i++) {
		const struct fates *fates = &compared->fates[i];
		if (fates->differs != DIAGRAM_FALSE && fates->differs != DIAGRAM_UNDECIDED) {
			journey->answer = DIFFERENCE_FOUND;
			return describe(comparison, compared, i);
		}
	}
	if (!is_same(compared)) {
		journey->answer = DIFFERENCE_UNDECIDED;
		journey->reason = why_undecided(comparison, compared);
		return 0;
	}
	int result = 0;
	for (size_t i = 0; i < 2 && !result; i++)
		result =
		    walk_moves(&compared->walks[i], &compared->fates[i], comparison->request->arena, journey);
	return result;
}

static int compare(struct comparison *comparison)
{
	bool open = false, *reached = calloc(comparison->places + 1, sizeof(*reached));
	int result = reached ? travel_all(comparison, NULL, false) : -ENOMEM;
	for (size_t i = 0; i < comparison->count; i++) {
		struct compared *compared = &comparison->compared[i];
		open |= compared->open = compared->done && is_same(compared);
	}
	if (!result && open && comparison->places)
		result = compare_asked(comparison, reached);
	free(reached);
	for (size_t i = 0; i < comparison->count && !result; i++) {
		struct compared *compared = &comparison->compared[i];
		if (compared->done) {
			result = conclude(comparison, compared);
			continue;
		}
		compared->journey->answer = DIFFERENCE_UNDECIDED;
		compared->journey->reason = "the budget of time was met";
	}
	return result;
}

size_t journeys_list(const struct journey_request *request, const char *reason,
		     struct difference_journey *journeys)
{
	size_t count = 0;
	for (enum journey journey = 0; journey < JOURNEY_COUNT; journey++)
		if (is_affected(request, journey, true) &&
		    !(journey == JOURNEY_FORWARDED && request->options->not_forwarding))
			journeys[count++] = (struct difference_journey){.family = request->family,
									.journey = journey,
									.answer = DIFFERENCE_UNDECIDED,
									.reason = reason};
	return count;
}

/* Of those that were looked at for what routing may go by alone what is the same is not told. Returns how
 * many are left. */
static size_t keep_told(const struct journey_request *request, struct difference_journey *journeys,
			size_t count)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (journeys[i].answer != DIFFERENCE_NONE || is_affected(request, journeys[i].journey, false))
			journeys[kept++] = journeys[i];
	return kept;
}

int journeys_compare(const struct journey_request *request, struct difference_journey *journeys,
		     size_t *count)
{
	struct comparison comparison = {.request = request,
					.behaviour = request->behaviour,
					.nat_same = is_nat_same(request),
					.count = journeys_list(request, NULL, journeys)};
	for (size_t i = 0; i < comparison.count; i++)
		comparison.compared[i].journey = &journeys[i];
	behaviour_places(comparison.behaviour, &comparison.places);
	comparison.asked = calloc(comparison.places + 1, sizeof(*comparison.asked));
	int result = comparison.asked ? compare(&comparison) : -ENOMEM;
	for (size_t i = 0; i < comparison.count; i++)
		for (size_t variant = 0; variant < 2; variant++)
			free(comparison.compared[i].walks[variant].hanging);
	free(comparison.asked);
	*count = keep_told(request, journeys, comparison.count);
	return result;
}
