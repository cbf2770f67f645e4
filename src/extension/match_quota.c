/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m quota: true until so many bytes have passed, quota_mt() in net/netfilter/xt_quota.c. The first packet
 * that is too large ends it for all that follow. */
#include "extension/guided.h"
#include "extension/rate.h"
#include "extension/types.h"
#include "extension/unseen.h"

enum { QUOTA_BYTES, QUOTA_COUNT };

struct quota_memory {
	struct rate_memory common;
	uint64_t left;
};

static const struct guide guides[QUOTA_COUNT] = {
    [QUOTA_BYTES] = {.name = "--quota",
		     .kind = GUIDE_NUMBER,
		     .flags = GUIDE_INVERTIBLE | GUIDE_MANDATORY,
		     .max = UINT64_MAX},
};

static int quota_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, QUOTA_COUNT);
}

static int quota_finish(struct rule_parser *parser, struct match *match)
{
	return guided_finish(parser, &match->data, sizeof(struct guided), guides, QUOTA_COUNT, match->span,
			     "-m quota");
}

static void quota_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	buffer_puts(out, "-m quota");
	guided_print_all(match->data, guides, QUOTA_COUNT, rule->chain->table->family, out);
}

static enum truth quota_evaluate(const struct match *match, const struct rule *rule,
				 const struct packet *packet, struct evaluation *evaluation)
{
	const struct guided *quota = match->data;
	struct quota_memory *memory =
	    rate_memory(match, rule, NULL, sizeof(*memory), packet->known & KNOWN_LENGTH, evaluation);

	if (!memory)
		return TRUTH_UNKNOWN;
	if (!memory->common.begun)
		memory->left = quota->values[QUOTA_BYTES].number;
	memory->common.begun = true;
	bool fits = memory->left >= packet->length;
	memory->left = fits ? memory->left - packet->length : 0;
	return guided_truth(quota, QUOTA_BYTES, fits);
}

static unsigned quota_effects(const struct match *match)
{
	(void)match;
	return EFFECT_STATE;
}

const struct match_type match_quota = {
    .name = "quota",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_RULE, false},
    .parse = quota_parse,
    .finish = quota_finish,
    .print = quota_print,
    .evaluate = quota_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
    .effects = quota_effects,
};
