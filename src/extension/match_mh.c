/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m mh: the type of a mobility header (RFC 6275): mh_mt6() in net/ipv6/netfilter/ip6t_mh.c. */
#include "extension/header.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* Names may be cut short: the first one that begins so is meant, unless one is the whole word. */
static bool type_parse(struct text text, uint64_t *type)
{
	static const char *const names[][2] = {{"binding-refresh-request", "brr"},
					       {"home-test-init", "hoti"},
					       {"careof-test-init", "coti"},
					       {"home-test", "hot"},
					       {"careof-test", "cot"},
					       {"binding-update", "bu"},
					       {"binding-acknowledgement", "ba"},
					       {"binding-error", "be"}};
	bool found = false;

	for (unsigned i = 0; i < 2 * sizeof(names) / sizeof(*names); i++) {
		const char *name = names[i / 2][i % 2];
		if (text_same(text, name) || (!found && (!text.size || text_abbreviates(text, name)))) {
			*type = i / 2;
			found = true;
		}
	}
	return found || guided_number(text, UINT8_MAX, type) == 0;
}

static int types_parse(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	struct text low = word->text, high = {0};
	const char *colon = low.size ? memchr(low.data, ':', low.size) : NULL;

	value->second = UINT8_MAX;
	if (colon) {
		low.size = (size_t)(colon - low.data);
		high = (struct text){colon + 1, word->text.size - low.size - 1};
	}
	if (((low.size || !colon) && !type_parse(low, &value->number)) ||
	    (high.size && !type_parse(high, &value->second)))
		return guided_refuse(parser, word, "a number to 255 or a name such as binding-update");
	if (!colon)
		value->second = value->number;
	if (value->number > value->second)
		return guided_refuse(parser, word, "FIRST:LAST, not downwards");
	return 0;
}

static const struct guide guides[] = {{.name = "--mh-type",
				       .kind = GUIDE_OWN,
				       .flags = GUIDE_INVERTIBLE,
				       .max = UINT8_MAX,
				       .parse = types_parse}};

static int mh_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, 1);
}

static int mh_finish(struct rule_parser *parser, struct match *match)
{
	int error =
	    guided_finish(parser, &match->data, sizeof(struct guided), guides, 1, match->span, "-m mh");

	return error ? error : option_require_protocol(parser, match->span, "-m mh", IPPROTO_MH, "mh");
}

static void mh_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct guided *mh = match->data;
	const struct guided_value *types = &mh->values[0];
	(void)rule;

	buffer_puts(out, "-m mh");
	if (!guided_seen(mh, 0) || (types->number == 0 && types->second == UINT8_MAX))
		return;
	buffer_printf(out, "%s --mh-type %u", guided_inverted(mh, 0) ? " !" : "", (unsigned)types->number);
	if (types->number != types->second)
		buffer_printf(out, ":%u", (unsigned)types->second);
}

static enum truth mh_evaluate(const struct match *match, const struct rule *rule, const struct packet *packet,
			      struct evaluation *evaluation)
{
	const uint8_t *header;
	enum truth truth = header_transport(packet, IPPROTO_MH, 6, evaluation, &header, NULL);
	(void)rule;

	if (truth != TRUTH_YES)
		return truth;
	if (header[0] != IPPROTO_NONE) { /* nothing may follow it */
		evaluation->hot_drop = true;
		return TRUTH_NO;
	}
	return header_in_range(match->data, 0, header[2]);
}

static diagram_node mh_mean(const struct match *match, const struct rule *rule, const struct fields *fields)
{
	return header_mean_range(match, rule, fields, guides, 0);
}

const struct match_type match_mh = {
    .name = "mh",
    .modelled = true,
    .effects = header_effects,
    .unseen = &(const struct unseen){OPAQUE_PACKET, false},
    .parse = mh_parse,
    .finish = mh_finish,
    .print = mh_print,
    .evaluate = mh_evaluate,
    .declare = unseen_declare,
    .mean = mh_mean,
};
