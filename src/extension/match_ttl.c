/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m ttl and -m hl: ttl_mt() and hl_mt6() in net/netfilter/xt_hl.c. */
#include "extension/guided.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <errno.h>

enum { TTL_EQUAL, TTL_LESS, TTL_GREATER, TTL_OLD, TTL_COUNT };

#define TTL_OTHERS(own) ((1u << TTL_COUNT) - 1 - (1u << (own)))

#define TTL_GUIDES(prefix)                                                                                   \
	{                                                                                                    \
		[TTL_EQUAL] = {.name = "--" prefix "-eq",                                                    \
			       .kind = GUIDE_NUMBER,                                                         \
			       .flags = GUIDE_INVERTIBLE,                                                    \
			       .max = 255,                                                                   \
			       .excludes = TTL_OTHERS(TTL_EQUAL)},                                           \
		[TTL_LESS] = {.name = "--" prefix "-lt",                                                     \
			      .kind = GUIDE_NUMBER,                                                          \
			      .max = 255,                                                                    \
			      .excludes = TTL_OTHERS(TTL_LESS)},                                             \
		[TTL_GREATER] = {.name = "--" prefix "-gt",                                                  \
				 .kind = GUIDE_NUMBER,                                                       \
				 .max = 255,                                                                 \
				 .excludes = TTL_OTHERS(TTL_GREATER)},                                       \
		[TTL_OLD] = {.name = "--" prefix,                                                            \
			     .kind = GUIDE_NUMBER,                                                           \
			     .flags = GUIDE_INVERTIBLE,                                                      \
			     .max = 255,                                                                     \
			     .excludes = TTL_OTHERS(TTL_OLD)},                                               \
	}

static const struct guide ttl_guides[TTL_COUNT] = TTL_GUIDES("ttl");
static const struct guide hl_guides[TTL_COUNT] = TTL_GUIDES("hl");

static const struct guide *guides_of(const struct match *match)
{
	return match->type == &match_ttl ? ttl_guides : hl_guides;
}

static int ttl_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides_of(match), TTL_COUNT);
}

static int ttl_finish(struct rule_parser *parser, struct match *match)
{
	const struct guide *guides = guides_of(match);
	int error = guided_finish(parser, &match->data, sizeof(struct guided), guides, TTL_COUNT, match->span,
				  match->type->name);
	if (error)
		return error;
	struct guided *ttl = match->data;
	if (guided_seen(ttl, TTL_OLD)) {
		ttl->values[TTL_EQUAL] = ttl->values[TTL_OLD];
		ttl->seen = 1u << TTL_EQUAL;
	}
	if (ttl->seen)
		return 0;
	diagnostic_hint(
	    option_error(parser, match->span, "missing-option", "-m %s has no option", match->type->name),
	    "write %s, %s or %s", guides[TTL_EQUAL].name, guides[TTL_LESS].name, guides[TTL_GREATER].name);
	return -EINVAL;
}

static void ttl_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	buffer_printf(out, "-m %s", match->type->name);
	guided_print_all(match->data, guides_of(match), TTL_COUNT, rule->chain->table->family, out);
}

static enum truth ttl_evaluate(const struct match *match, const struct rule *rule,
			       const struct packet *packet, struct evaluation *evaluation)
{
	const struct guided *ttl = match->data;
	(void)rule;
	(void)evaluation;

	if (!(packet->known & KNOWN_TTL))
		return TRUTH_UNKNOWN;
	if (guided_seen(ttl, TTL_LESS))
		return truth_of(packet->ttl < ttl->values[TTL_LESS].number);
	if (guided_seen(ttl, TTL_GREATER))
		return truth_of(packet->ttl > ttl->values[TTL_GREATER].number);
	return guided_truth(ttl, TTL_EQUAL, packet->ttl == ttl->values[TTL_EQUAL].number);
}

const struct match_type match_ttl = {
    .name = "ttl",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_TABLE, true},
    .parse = ttl_parse,
    .finish = ttl_finish,
    .print = ttl_print,
    .evaluate = ttl_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
};

const struct match_type match_hl = {
    .name = "hl",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_TABLE, true},
    .parse = ttl_parse,
    .finish = ttl_finish,
    .print = ttl_print,
    .evaluate = ttl_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
};
