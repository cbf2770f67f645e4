/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m dscp: the upper six bits of the TOS byte or traffic class, by number or by the name of a class:
 * dscp_mt() in net/netfilter/xt_dscp.c. iptables-save prints numbers. */
#include "extension/guided.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <errno.h>

enum { DSCP_VALUE, DSCP_CLASS, DSCP_COUNT };

static int class_parse(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	static const struct {
		const char *name;
		uint8_t value;
	} classes[] = {{"CS0", 0x00},  {"CS1", 0x08},  {"CS2", 0x10},  {"CS3", 0x18},  {"CS4", 0x20},
		       {"CS5", 0x28},  {"CS6", 0x30},  {"CS7", 0x38},  {"BE", 0x00},   {"AF11", 0x0a},
		       {"AF12", 0x0c}, {"AF13", 0x0e}, {"AF21", 0x12}, {"AF22", 0x14}, {"AF23", 0x16},
		       {"AF31", 0x1a}, {"AF32", 0x1c}, {"AF33", 0x1e}, {"AF41", 0x22}, {"AF42", 0x24},
		       {"AF43", 0x26}, {"EF", 0x2e}};

	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
		if (!text_same(word->text, classes[i].name))
			continue;
		value->number = classes[i].value;
		return 0;
	}
	return guided_refuse(parser, word, "BE, EF, CS0 to CS7, or AF11 to AF43");
}

static const struct guide guides[DSCP_COUNT] = {
    [DSCP_VALUE] = {.name = "--dscp",
		    .kind = GUIDE_NUMBER,
		    .flags = GUIDE_INVERTIBLE,
		    .max = 63,
		    .excludes = 1 << DSCP_CLASS},
    [DSCP_CLASS] = {.name = "--dscp-class",
		    .kind = GUIDE_OWN,
		    .flags = GUIDE_INVERTIBLE,
		    .parse = class_parse,
		    .excludes = 1 << DSCP_VALUE},
};

static int dscp_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, DSCP_COUNT);
}

static int dscp_finish(struct rule_parser *parser, struct match *match)
{
	int error = guided_finish(parser, &match->data, sizeof(struct guided), guides, DSCP_COUNT,
				  match->span, "-m dscp");
	const struct guided *dscp = match->data;

	if (error || dscp->seen)
		return error;
	diagnostic_hint(option_error(parser, match->span, "missing-option", "-m dscp has no value"),
			"write --dscp or --dscp-class");
	return -EINVAL;
}

static unsigned given(const struct guided *dscp)
{
	return guided_seen(dscp, DSCP_CLASS) ? DSCP_CLASS : DSCP_VALUE;
}

static void dscp_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct guided *dscp = match->data;
	(void)rule;

	buffer_printf(out, "-m dscp%s --dscp 0x%02x", guided_inverted(dscp, given(dscp)) ? " !" : "",
		      (unsigned)dscp->values[given(dscp)].number);
}

static enum truth dscp_evaluate(const struct match *match, const struct rule *rule,
				const struct packet *packet, struct evaluation *evaluation)
{
	const struct guided *dscp = match->data;
	(void)rule;
	(void)evaluation;

	if (!(packet->known & KNOWN_TOS))
		return TRUTH_UNKNOWN;
	return guided_truth(dscp, given(dscp), packet->tos >> 2 == dscp->values[given(dscp)].number);
}

const struct match_type match_dscp = {
    .name = "dscp",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_TABLE, true},
    .parse = dscp_parse,
    .finish = dscp_finish,
    .print = dscp_print,
    .evaluate = dscp_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
};
