/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m tos: the TOS byte of IPv4 or the traffic class of IPv6 under a mask: tos_mt() in
 * net/netfilter/xt_dscp.c. The names of RFC 1349 stand for its bits alone (mask 0x3f). */
#include "extension/guided.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <string.h>

static int value_parse(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	static const struct {
		const char *name;
		uint8_t value;
	} names[] = {{"Minimize-Delay", 0x10},
		     {"Maximize-Throughput", 0x08},
		     {"Maximize-Reliability", 0x04},
		     {"Minimize-Cost", 0x02},
		     {"Normal-Service", 0x00}};
	struct text number = word->text, mask = {0};
	const char *slash = number.size ? memchr(number.data, '/', number.size) : NULL;

	value->second = 0xff;
	if (slash) {
		number.size = (size_t)(slash - number.data);
		mask = (struct text){slash + 1, word->text.size - number.size - 1};
	}
	if (guided_number(number, 0xff, &value->number) == 0 &&
	    (!slash || guided_number(mask, 0xff, &value->second) == 0))
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!text_same(word->text, names[i].name))
			continue;
		value->number = names[i].value;
		value->second = 0x3f;
		return 0;
	}
	return guided_refuse(parser, word,
			     "VALUE or VALUE/MASK, each from 0 to 255, Minimize-Delay, Maximize-Throughput, "
			     "Maximize-Reliability, Minimize-Cost or Normal-Service");
}

static const struct guide guides[] = {
    {.name = "--tos", .kind = GUIDE_OWN, .flags = GUIDE_INVERTIBLE | GUIDE_MANDATORY, .parse = value_parse}};

static int tos_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, 1);
}

static int tos_finish(struct rule_parser *parser, struct match *match)
{
	return guided_finish(parser, &match->data, sizeof(struct guided), guides, 1, match->span, "-m tos");
}

static void tos_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct guided *tos = match->data;
	(void)rule;

	buffer_printf(out, "-m tos%s --tos 0x%02x/0x%02x", guided_inverted(tos, 0) ? " !" : "",
		      (unsigned)tos->values[0].number, (unsigned)tos->values[0].second);
}

static enum truth tos_evaluate(const struct match *match, const struct rule *rule,
			       const struct packet *packet, struct evaluation *evaluation)
{
	const struct guided *tos = match->data;
	(void)rule;
	(void)evaluation;

	if (!(packet->known & KNOWN_TOS))
		return TRUTH_UNKNOWN;
	return guided_truth(tos, 0, (packet->tos & tos->values[0].second) == tos->values[0].number);
}

const struct match_type match_tos = {
    .name = "tos",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_TABLE, true},
    .parse = tos_parse,
    .finish = tos_finish,
    .print = tos_print,
    .evaluate = tos_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
};
