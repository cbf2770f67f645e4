/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Limits of policies that XDP may hold early: which packets come to such a rule.
 *
 * To ask a limit is an effect: what is dropped before it would have drained a bucket that others may share,
 * and what comes behind it is not dropped early. The limits of weir's own policies XDP holds itself, in a
 * bucket of its own in front of the rule: above the rate it drops, and what is below goes up to the kernel,
 * whose rule stands behind it. What must stay true:
 *
 * - A packet is limited early only where, whatever the unknowns are, it comes to that rule, nothing of it was
 *   noticed before, and the rule asks for the rate.
 * - XDP counts what the rule counts. The parts of a fragmented packet are one packet to rules behind
 *   defragmentation, and so are segments that GRO has merged, of TCP and of what is in tunnels. So only whole
 *   packets are limited here, and of these TCP without data or with SYN (tcp_gro_receive() merges neither),
 *   UDP, and ICMP.
 * - The two together let pass what the rule would by itself. Two buckets in a row of the same rate and burst
 *   do not: the first drops what the second would have had room for, as it spent its own on what that
 * dropped. So XDP's holds twice the burst and fills up twice as fast. While a flood lasts two packets come
 * out of it for each that the rule lets pass, so that the rule's bucket never runs over meanwhile, if it has
 * room for two packets: of a burst of one that is not true, and it is left to the kernel. */
#include "extension/extension.h"
#include "extension/hashlimit.h"
#include "meaning/analysis.h"

#include <errno.h>
#include <netinet/in.h>

#define TCP_SYN 2u
#define NS_OF_PERIOD (1000000000u / HASHLIMIT_SCALE)
#define LOOSER 2u /* XDP's bucket holds so many times the burst, and fills up so many times as fast */
#define TIME_MAX ((uint64_t)1 << 62)
#define NS_OF_MS UINT64_C(1000000)

/* A rate of packets above which the rule drops, for each source or for all. A source that the kernel forgets
 * before its burst would have come back begins with a whole one sooner than here. */
static bool is_plain(const struct hashlimit *config)
{
	unsigned mode = config->mode & ~(unsigned)HASHLIMIT_SOURCE;
	uint64_t cost;

	return mode == HASHLIMIT_ABOVE && config->burst >= 2 && config->average &&
	       !__builtin_mul_overflow(config->average, NS_OF_PERIOD, &cost) &&
	       cost <= TIME_MAX / config->burst && cost >= LOOSER &&
	       cost * config->burst <= config->expire * NS_OF_MS;
}

static bool same_rate(const struct region_limit *a, const struct region_limit *b)
{
	return a->cost == b->cost && a->burst == b->burst && a->prefix == b->prefix;
}

int limit_find(struct analysis *analysis, struct item *item)
{
	const struct rule *rule = item->rule;
	struct text name;
	if (!rule->policy_limit || item->count != 1 || rule->match_count == 0 ||
	    rule->chain->table->id != TABLE_RAW || rule->target.type->kind != TARGET_DROP ||
	    analysis->options->allowed & EFFECT_STATE)
		return 0;
	const struct hashlimit *config = hashlimit_of(&rule->matches[rule->match_count - 1], &name);
	if (!config || !is_plain(config) || analysis->limit_count == OUTCOME_LIMIT_MAX)
		return 0;
	for (uint32_t i = 0; i + 1 < rule->match_count; i++)
		if (rule->matches[i].type->effects &&
		    (rule->matches[i].type->effects(&rule->matches[i]) & ~analysis->options->allowed))
			return 0;
	struct limit *limit = arena_push(analysis->arena, (void **)&analysis->limits, &analysis->limit_count,
					 &analysis->limit_capacity, sizeof(*limit));
	if (!limit)
		return -ENOMEM;
	uint64_t cost = config->average * NS_OF_PERIOD;
	item->limit = (uint32_t)analysis->limit_count;
	*limit = (struct limit){.name = name, .packets = DIAGRAM_FALSE};
	limit->meaning = (struct region_limit){
	    .unit = item->unit,
	    .bucket = item->limit - 1,
	    .cost = cost / LOOSER,
	    .burst = config->burst * LOOSER,
	    .prefix = config->mode & HASHLIMIT_SOURCE ? config->source_prefix : 0,
	};
	for (uint32_t i = 0; i + 1 < item->limit; i++)
		if (text_equal(analysis->limits[i].name, name) &&
		    same_rate(&analysis->limits[i].meaning, &limit->meaning)) {
			limit->meaning.bucket = i;
			break;
		}
	return 0;
}

static diagram_node is_exactly(void *context, uint32_t values)
{
	const uint32_t *number = context;
	return diagram_terminal(values) == OUTCOME_LIMITED(*number) ? DIAGRAM_TRUE : DIAGRAM_FALSE;
}

diagram_node limit_countable(struct analysis *analysis)
{
	const struct fields *fields = analysis->fields;
	struct diagram *diagram = analysis->diagram;
	uint8_t icmp = analysis->family == FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	diagram_node alone = diagram_or(diagram, fields_value(fields, FIELD_PAYLOAD, 0),
					fields_masked(fields, FIELD_TCP_FLAGS, TCP_SYN, TCP_SYN));
	diagram_node all = diagram_and(diagram, fields_value(fields, FIELD_PROTOCOL, IPPROTO_TCP), alone);
	all = diagram_or(diagram, all, fields_value(fields, FIELD_PROTOCOL, IPPROTO_UDP));
	all = diagram_or(diagram, all, fields_value(fields, FIELD_PROTOCOL, icmp));
	return diagram_and(diagram, all, fields_value(fields, FIELD_FRAGMENT, FRAGMENT_WHOLE));
}

/* All of them. What is undecided, past the budget, is left to the kernel. */
static void unite(struct analysis *analysis)
{
	analysis->limited = DIAGRAM_FALSE;
	for (size_t i = 0; i < analysis->limit_count; i++) {
		diagram_node *packets = &analysis->limits[i].packets;
		diagram_node all = diagram_or(analysis->diagram, analysis->limited, *packets);
		if (all == DIAGRAM_UNDECIDED)
			*packets = DIAGRAM_FALSE;
		else
			analysis->limited = all;
	}
}

void limits_compute(struct analysis *analysis, diagram_node raw)
{
	struct diagram *diagram = analysis->diagram;
	for (uint32_t number = 1; number <= analysis->limit_count; number++) {
		diagram_node packets = diagram_replace(diagram, is_exactly, &number, raw);
		packets = unknowns_forall(analysis, packets);
		analysis->limits[number - 1].packets =
		    diagram_and(diagram, packets, limit_countable(analysis));
	}
	unite(analysis);
}

bool limits_within(struct analysis *analysis, const struct analysis *other)
{
	struct diagram *diagram = analysis->diagram;
	diagram_node before = analysis->limited;
	bool less = false;
	for (size_t i = 0; i < analysis->limit_count; i++) {
		struct limit *limit = &analysis->limits[i];
		diagram_node kept = other->early;
		for (size_t k = 0; k < other->limit_count; k++)
			if (same_rate(&limit->meaning, &other->limits[k].meaning))
				kept = diagram_or(diagram, kept, other->limits[k].packets);
		kept = diagram_and(diagram, limit->packets, kept);
		less |= kept != limit->packets;
		limit->packets = kept;
	}
	unite(analysis);
	return less || analysis->limited != before;
}

const char *limit_words(const struct analysis *analysis, uint32_t number, struct arena *arena)
{
	const struct limit *limit = &analysis->limits[number - 1];
	const struct rule *rule = analysis->units[limit->meaning.unit].rule;
	struct text name;
	const struct hashlimit *config = hashlimit_of(&rule->matches[rule->match_count - 1], &name);
	struct buffer rate = {0};
	rate_print(config->average, HASHLIMIT_SCALE, &rate);
	const char *words = NULL;
	if (!rate.failed && limit->meaning.prefix)
		words = arena_printf(arena, "above%s, bursts of %llu, for each source of /%u", rate.data,
				     (unsigned long long)config->burst, limit->meaning.prefix);
	else if (!rate.failed)
		words = arena_printf(arena, "above%s, bursts of %llu, for all sources together", rate.data,
				     (unsigned long long)config->burst);
	buffer_fini(&rate);
	return words;
}
