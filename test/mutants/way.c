/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Packets of which the engine and the diagrams speak in the same terms: whole ones, since the engine does not
 * put fragments together; not UNTRACKED without NOTRACK; and those that no match drops for a broken header.
 */
#include "way.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct way_seen {
	bool certain, hot_drop;
	struct buffer verdict;
};

void ways_init(struct ways *ways, struct ruleset *const *rulesets)
{
	for (int side = 0; side < 2; side++)
		for (int forward = 0; forward < 2; forward++) {
			const struct engine_options options = {.path = forward ? PATH_FORWARD : PATH_INPUT};
			if (engine_new(rulesets[side], &options, &ways->engines[side][forward]))
				abort();
		}
}

void ways_fini(struct ways *ways)
{
	for (int side = 0; side < 2; side++)
		for (int forward = 0; forward < 2; forward++)
			engine_free(ways->engines[side][forward]);
}

static void record(void *context, const struct step *step)
{
	((struct way_seen *)context)->hot_drop |= step->kind == STEP_HOT_DROP;
}

static void ask(const struct ways *ways, int side, const struct packet *packet, enum journey journey,
		struct way_seen *seen)
{
	struct outcome outcome;
	struct packet own = *packet;
	bool leaves = journey == JOURNEY_LEAVING;

	*seen = (struct way_seen){.certain = false};
	if (journey == JOURNEY_FORWARDED && (!(own.known & KNOWN_TTL) || own.ttl < 2)) {
		own.ttl = 64;
		own.known |= KNOWN_TTL;
	}
	if (engine_packet(ways->engines[side][journey == JOURNEY_FORWARDED], &own,
			  leaves ? ORIGIN_LEAVING : ORIGIN_RECEIVED, record, seen, &outcome))
		return;
	/* TCPMSS drops what has a broken header, too. */
	if (outcome.rule && outcome.rule->target.type->kind == TARGET_CHANGE)
		seen->hot_drop = true;
	if (outcome.verdicts == VERDICT_ACCEPT || outcome.verdicts == VERDICT_DROP) {
		buffer_puts(&seen->verdict, outcome.verdicts == VERDICT_ACCEPT ? "ACCEPT" : "DROP");
		seen->certain = true;
	} else if (outcome.verdicts == VERDICT_REJECT && outcome.rule) {
		buffer_puts(&seen->verdict, outcome.rule->target.type->name);
		if (outcome.rule->target.type->print)
			outcome.rule->target.type->print(&outcome.rule->target, outcome.rule, &seen->verdict);
		seen->certain = true;
	}
}

static bool is_spoken_of(const struct packet *packet, enum journey journey)
{
	bool itself = packet->family == FAMILY_IPV6 && packet->protocol == IPPROTO_ICMPV6;
	bool fragment = packet->fragment_offset || packet->more_fragments;
	if ((packet->known & KNOWN_STATE) && packet->state == STATE_UNTRACKED && !itself)
		return false;
	return !(fragment && journey == JOURNEY_DELIVERED && packet->family == FAMILY_IPV4);
}

bool ways_differ(const struct ways *ways, const struct packet *packet, enum journey journey,
		 struct buffer *why)
{
	struct way_seen seen[2];

	if (!is_spoken_of(packet, journey))
		return false;
	for (int side = 0; side < 2; side++)
		ask(ways, side, packet, journey, &seen[side]);
	bool differ = seen[0].certain && seen[1].certain && !seen[0].hot_drop && !seen[1].hot_drop &&
		      strcmp(seen[0].verdict.data, seen[1].verdict.data) != 0;
	if (differ && why)
		buffer_printf(why, "journey %d: %s, then %s", (int)journey, seen[0].verdict.data,
			      seen[1].verdict.data);
	buffer_fini(&seen[0].verdict);
	buffer_fini(&seen[1].verdict);
	return differ;
}

bool ways_contradict(const struct ways *ways, int side, const struct difference_journey *journey,
		     const struct difference_region *region, bool *confirmed)
{
	const char *said = side ? region->after.verdict : region->before.verdict;
	struct way_seen seen;

	ask(ways, side, &region->packet, journey->journey, &seen);
	bool same = seen.certain && strcmp(seen.verdict.data, said) == 0;
	bool other = seen.certain && !same && !journey->with_connection &&
		     is_spoken_of(&region->packet, journey->journey);
	*confirmed = same;
	buffer_fini(&seen.verdict);
	return other;
}
