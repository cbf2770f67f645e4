/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m length: the length of the IP packet with its header: net/netfilter/xt_length.c. Segments that the kernel
 * has put together on arrival (GRO) are one long packet there. */
#include "extension/header.h"
#include "extension/types.h"
#include "extension/unseen.h"

static const struct guide guides[] = {{.name = "--length",
				       .kind = GUIDE_RANGE,
				       .flags = GUIDE_INVERTIBLE | GUIDE_MANDATORY,
				       .max = UINT16_MAX}};

static int length_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, 1);
}

static int length_finish(struct rule_parser *parser, struct match *match)
{
	return guided_finish(parser, &match->data, sizeof(struct guided), guides, 1, match->span,
			     "-m length");
}

static void length_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	buffer_puts(out, "-m length");
	guided_print_all(match->data, guides, 1, rule->chain->table->family, out);
}

static enum truth length_evaluate(const struct match *match, const struct rule *rule,
				  const struct packet *packet, struct evaluation *evaluation)
{
	(void)rule;
	(void)evaluation;

	/* Longer ones (jumbograms) have another length for each kernel. */
	if (!(packet->known & KNOWN_LENGTH) || packet->length > UINT16_MAX)
		return TRUTH_UNKNOWN;
	return header_in_range(match->data, 0, packet->length);
}

const struct match_type match_length = {
    .name = "length",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_TABLE, true},
    .parse = length_parse,
    .finish = length_finish,
    .print = length_print,
    .evaluate = length_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
};
