/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the diagrams say of a packet the engine is asked, too: a claim that it contradicts is no answer. */
#include "command/diff.h"

#include <string.h>

static bool is_target(const struct rule *rule, const char *verdict)
{
	struct buffer text = {0};
	buffer_puts(&text, rule->target.type->name);
	if (rule->target.type->print)
		rule->target.type->print(&rule->target, rule, &text);
	bool same = text.data && strcmp(text.data, verdict) == 0;
	buffer_fini(&text);
	return same;
}

/* Whether a packet may come to the verdict, and whether it does for sure. */
static enum confirmation confirm(const struct outcome *outcome, const char *verdict)
{
	unsigned wanted = strcmp(verdict, "ACCEPT") == 0 ? VERDICT_ACCEPT
			  : strcmp(verdict, "DROP") == 0 ? VERDICT_DROP
							 : 0;
	if (wanted && outcome->verdicts == wanted)
		return CONFIRMED;
	if (wanted)
		return outcome->verdicts & (wanted | VERDICT_UNKNOWN) ? UNCONFIRMED : CONTRADICTED;
	return outcome->rule && is_target(outcome->rule, verdict) ? CONFIRMED : UNCONFIRMED;
}

/* The whole way. */
static int travel(const struct ruleset *ruleset, enum journey journey, const struct packet *witness,
		  struct outcome *outcome)
{
	const struct engine_options options = {.path =
						   journey == JOURNEY_FORWARDED ? PATH_FORWARD : PATH_INPUT};
	struct engine *engine __attribute__((cleanup(engine_cleanup))) = NULL;
	struct packet packet = *witness;
	/* Enough to be forwarded with. */
	if (journey == JOURNEY_FORWARDED && !(packet.known & KNOWN_TTL)) {
		packet.ttl = 64;
		packet.known |= KNOWN_TTL;
	}
	int error = engine_new(ruleset, &options, &engine);
	if (error)
		return error;
	return engine_packet(engine, &packet, journey == JOURNEY_LEAVING ? ORIGIN_LEAVING : ORIGIN_RECEIVED,
			     NULL, NULL, outcome);
}

/* The engine does not put fragments together before it delivers them. */
static bool is_judged_otherwise(const struct difference_journey *journey, const struct packet *packet)
{
	bool fragment = packet->fragment_offset || packet->more_fragments;
	return journey->with_connection || (journey->journey == JOURNEY_DELIVERED && fragment);
}

struct seen diff_ask(const struct diff *diff, size_t side, struct whereabouts where,
		     const struct difference_region *region)
{
	struct seen seen = {.confirmation = UNCONFIRMED};
	const struct ruleset *ruleset = diff->rulesets[side];
	if (!region->has_witness)
		return seen;
	int error = where.journey ? travel(ruleset, where.journey->journey, &region->packet, &seen.outcome)
				  : engine_chain(ruleset, &region->packet, where.chain->table,
						 where.chain->hook, NULL, NULL, &seen.outcome);
	if (error)
		return (struct seen){.confirmation = UNCONFIRMED};
	seen.confirmation = confirm(&seen.outcome, side ? region->after.verdict : region->before.verdict);
	/* The packet knows nothing of what a match that is not modelled must say: it may well say the other.
	 */
	bool otherwise = where.journey && is_judged_otherwise(where.journey, &region->packet);
	if ((region->unknowns || otherwise) && seen.confirmation == CONTRADICTED)
		seen.confirmation = UNCONFIRMED;
	return seen;
}

static bool region_contradicted(const struct diff *diff, struct whereabouts where,
				const struct difference_region *regions, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t side = 0; side < 2; side++)
			if (diff_ask(diff, side, where, &regions[i]).confirmation == CONTRADICTED)
				return true;
	return false;
}

bool diff_is_contradicted(const struct diff *diff)
{
	const struct difference *difference = diff->difference;
	for (size_t i = 0; i < difference->journey_count; i++) {
		const struct difference_journey *journey = &difference->journeys[i];
		struct whereabouts where = {.journey = journey};
		if (region_contradicted(diff, where, journey->regions, journey->region_count))
			return true;
	}
	for (size_t i = 0; i < difference->chain_count; i++) {
		const struct difference_chain *chain = &difference->chains[i];
		struct whereabouts where = {.chain = chain};
		if (region_contradicted(diff, where, chain->regions, chain->region_count))
			return true;
	}
	return false;
}
