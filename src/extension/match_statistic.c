/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m statistic: chance, or every n-th packet: statistic_mt() in net/netfilter/xt_statistic.c. The dice leave
 * nothing behind; the count of nth is the rule's own, and all CPUs share it. */
#include "extension/extension.h"
#include "extension/guided.h"
#include "extension/rate.h"
#include "extension/session.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { STATISTIC_MODE, STATISTIC_PROBABILITY, STATISTIC_EVERY, STATISTIC_PACKET, STATISTIC_COUNT };

#define CERTAIN 0x80000000u /* probability 1 */

struct statistic_memory {
	struct rate_memory common;
	uint32_t count;
};

static int mode_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	value->number = text_is(word->text, "nth");
	if (value->number || text_is(word->text, "random"))
		return 0;
	return guided_refuse(parser, word, "random or nth");
}

static int probability_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	char copy[64], *end;
	double probability = -1;

	if (word->text.size && word->text.size < sizeof(copy)) {
		memcpy(copy, word->text.data, word->text.size);
		copy[word->text.size] = '\0';
		probability = strtod(copy, &end);
		if (end != copy + word->text.size)
			probability = -1;
	}
	if (!(probability >= 0 && probability <= 1))
		return guided_refuse(parser, word, "a number from 0 to 1, such as 0.25");
	value->number = (uint64_t)(probability * CERTAIN + 0.5);
	return 0;
}

static const struct guide guides[STATISTIC_COUNT] = {
    [STATISTIC_MODE] = {.name = "--mode", .kind = GUIDE_OWN, .flags = GUIDE_MANDATORY, .parse = mode_value},
    [STATISTIC_PROBABILITY] = {.name = "--probability",
			       .kind = GUIDE_OWN,
			       .flags = GUIDE_INVERTIBLE,
			       .excludes = 1u << STATISTIC_EVERY | 1u << STATISTIC_PACKET,
			       .parse = probability_value},
    [STATISTIC_EVERY] = {.name = "--every",
			 .kind = GUIDE_NUMBER,
			 .flags = GUIDE_INVERTIBLE,
			 .min = 1,
			 .max = UINT32_MAX,
			 .excludes = 1u << STATISTIC_PROBABILITY,
			 .needs = 1u << STATISTIC_PACKET},
    [STATISTIC_PACKET] = {.name = "--packet",
			  .kind = GUIDE_NUMBER,
			  .max = UINT32_MAX,
			  .excludes = 1u << STATISTIC_PROBABILITY,
			  .needs = 1u << STATISTIC_EVERY},
};

static bool is_nth(const struct guided *statistic)
{
	return statistic->values[STATISTIC_MODE].number;
}

static bool is_inverted(const struct guided *statistic)
{
	return guided_inverted(statistic, is_nth(statistic) ? STATISTIC_EVERY : STATISTIC_PROBABILITY);
}

static int statistic_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, STATISTIC_COUNT);
}

static int statistic_finish(struct rule_parser *parser, struct match *match)
{
	int error = guided_finish(parser, &match->data, sizeof(struct guided), guides, STATISTIC_COUNT,
				  match->span, "-m statistic");
	if (error)
		return error;
	const struct guided *statistic = match->data;
	unsigned needed = is_nth(statistic) ? STATISTIC_EVERY : STATISTIC_PROBABILITY;
	if (!guided_seen(statistic, needed)) {
		diagnostic_hint(option_error(parser, match->span, "missing-option", "-m statistic needs %s",
					     guides[needed].name),
				"iptables refuses this mode without");
		return -EINVAL;
	}
	if (is_nth(statistic) &&
	    statistic->values[STATISTIC_PACKET].number >= statistic->values[STATISTIC_EVERY].number) {
		diagnostic_hint(
		    option_error(parser, match->span, "bad-value", "--packet is not less than --every"),
		    "the first packet of each round is --packet 0");
		return -EINVAL;
	}
	return 0;
}

static void statistic_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct guided *statistic = match->data;
	const struct guided_value *values = statistic->values;
	const char *bang = is_inverted(statistic) ? " !" : "";
	(void)rule;

	if (is_nth(statistic))
		buffer_printf(out, "-m statistic --mode nth%s --every %u --packet %u", bang,
			      (unsigned)values[STATISTIC_EVERY].number,
			      (unsigned)values[STATISTIC_PACKET].number);
	else
		buffer_printf(out, "-m statistic --mode random%s --probability %.11f", bang,
			      (double)values[STATISTIC_PROBABILITY].number / CERTAIN);
}

static enum truth nth_evaluate(const struct match *match, const struct rule *rule,
			       struct evaluation *evaluation)
{
	const struct guided *statistic = match->data;
	struct statistic_memory *memory = rate_memory(match, rule, NULL, sizeof(*memory), true, evaluation);
	uint32_t every = (uint32_t)statistic->values[STATISTIC_EVERY].number - 1;

	if (!memory)
		return TRUTH_UNKNOWN;
	if (!memory->common.begun)
		memory->count = every - (uint32_t)statistic->values[STATISTIC_PACKET].number;
	memory->common.begun = true;
	memory->count = memory->count == every ? 0 : memory->count + 1;
	return truth_of((memory->count == 0) != is_inverted(statistic));
}

static enum truth statistic_evaluate(const struct match *match, const struct rule *rule,
				     const struct packet *packet, struct evaluation *evaluation)
{
	const struct guided *statistic = match->data;
	uint64_t probability = statistic->values[STATISTIC_PROBABILITY].number;
	(void)packet;

	if (is_nth(statistic))
		return nth_evaluate(match, rule, evaluation);
	if (probability == 0 || probability == CERTAIN)
		return truth_of((probability == CERTAIN) != is_inverted(statistic));
	if (!evaluation->session)
		return TRUTH_UNKNOWN;
	return truth_of(((session_random(evaluation->session) & (CERTAIN - 1)) < probability) !=
			is_inverted(statistic));
}

static diagram_node statistic_mean(const struct match *match, const struct rule *rule,
				   const struct fields *fields)
{
	const struct guided *statistic = match->data;
	uint64_t probability = statistic->values[STATISTIC_PROBABILITY].number;

	if (!is_nth(statistic) && (probability == 0 || probability == CERTAIN))
		return (probability == CERTAIN) != is_inverted(statistic) ? DIAGRAM_TRUE : DIAGRAM_FALSE;
	return unseen_mean(match, rule, fields);
}

static unsigned statistic_effects(const struct match *match)
{
	return is_nth(match->data) ? EFFECT_STATE : 0;
}

const struct match_type match_statistic = {
    .name = "statistic",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_RULE, false},
    .parse = statistic_parse,
    .finish = statistic_finish,
    .print = statistic_print,
    .evaluate = statistic_evaluate,
    .declare = unseen_declare,
    .mean = statistic_mean,
    .effects = statistic_effects,
};

bool match_statistic_share(const struct match *match, struct statistic_share *share)
{
	const struct guided *statistic = match->data;
	uint32_t every;

	if (match->type != &match_statistic)
		return false;
	every = is_nth(statistic) ? (uint32_t)statistic->values[STATISTIC_EVERY].number : 0;
	*share = (struct statistic_share){
	    .inverted = is_inverted(statistic),
	    .every = every,
	    .probability =
		every ? 1.0 / every : (double)statistic->values[STATISTIC_PROBABILITY].number / CERTAIN,
	};
	return true;
}
