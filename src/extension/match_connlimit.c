/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m connlimit: how many connections a network has open, connlimit_mt() in net/netfilter/xt_connlimit.c. That
 * is counted among all connections of the host, which are not known. */
#include "extension/guided.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <errno.h>

enum {
	CONNLIMIT_UPTO,
	CONNLIMIT_ABOVE,
	CONNLIMIT_MASK,
	CONNLIMIT_SOURCE,
	CONNLIMIT_DESTINATION,
	CONNLIMIT_COUNT,
};

/* A length that is too great for IPv4, or a mask that is none, is taken for the whole address, as
 * xtables_option_parse() does (XTTYPE_PLENMASK). */
static int mask_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	unsigned bits = family_bits(parser->family);
	address mask;

	if (guided_number(word->text, parser->family == FAMILY_IPV4 ? UINT32_MAX : bits, &value->number) ==
	    0) {
		if (value->number > bits)
			value->number = bits;
		return 0;
	}
	if (address_parse(parser->family, word->text, &mask))
		return guided_refuse(parser, word, "a prefix length");
	int length = mask_length(parser->family, mask);
	value->number = length < 0 ? bits : (unsigned)length;
	return 0;
}

static const struct guide guides[CONNLIMIT_COUNT] = {
    [CONNLIMIT_UPTO] = {.name = "--connlimit-upto",
			.kind = GUIDE_NUMBER,
			.flags = GUIDE_INVERTIBLE,
			.max = UINT32_MAX,
			.excludes = 1u << CONNLIMIT_ABOVE},
    [CONNLIMIT_ABOVE] = {.name = "--connlimit-above",
			 .kind = GUIDE_NUMBER,
			 .flags = GUIDE_INVERTIBLE,
			 .max = UINT32_MAX,
			 .excludes = 1u << CONNLIMIT_UPTO},
    [CONNLIMIT_MASK] = {.name = "--connlimit-mask", .kind = GUIDE_OWN, .parse = mask_value},
    [CONNLIMIT_SOURCE] = {.name = "--connlimit-saddr", .excludes = 1u << CONNLIMIT_DESTINATION},
    [CONNLIMIT_DESTINATION] = {.name = "--connlimit-daddr", .excludes = 1u << CONNLIMIT_SOURCE},
};

static int connlimit_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, CONNLIMIT_COUNT);
}

static int connlimit_finish(struct rule_parser *parser, struct match *match)
{
	int error = guided_finish(parser, &match->data, sizeof(struct guided), guides, CONNLIMIT_COUNT,
				  match->span, "-m connlimit");
	struct guided *connlimit = match->data;

	if (error)
		return error;
	if (!guided_seen(connlimit, CONNLIMIT_MASK))
		connlimit->values[CONNLIMIT_MASK].number = family_bits(parser->family);
	if (guided_seen(connlimit, CONNLIMIT_UPTO) || guided_seen(connlimit, CONNLIMIT_ABOVE))
		return 0;
	diagnostic_hint(option_error(parser, match->span, "missing-option", "-m connlimit has no limit"),
			"write --connlimit-above or --connlimit-upto");
	return -EINVAL;
}

static void connlimit_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct guided *connlimit = match->data;
	unsigned limit = guided_seen(connlimit, CONNLIMIT_UPTO) ? CONNLIMIT_UPTO : CONNLIMIT_ABOVE;
	bool upto = (limit == CONNLIMIT_UPTO) != guided_inverted(connlimit, limit);
	(void)rule;

	buffer_printf(
	    out, "-m connlimit %s %u --connlimit-mask %u %s",
	    guides[upto ? CONNLIMIT_UPTO : CONNLIMIT_ABOVE].name, (unsigned)connlimit->values[limit].number,
	    (unsigned)connlimit->values[CONNLIMIT_MASK].number,
	    guides[guided_seen(connlimit, CONNLIMIT_DESTINATION) ? CONNLIMIT_DESTINATION : CONNLIMIT_SOURCE]
		.name);
}

static unsigned connlimit_effects(const struct match *match)
{
	(void)match;
	return EFFECT_STATE;
}

const struct match_type match_connlimit = {
    .name = "connlimit",
    .modelled = true,
    .reads_state = true,
    .unseen = &(const struct unseen){OPAQUE_RULE, false},
    .parse = connlimit_parse,
    .finish = connlimit_finish,
    .print = connlimit_print,
    .evaluate = unseen_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
    .effects = connlimit_effects,
};
