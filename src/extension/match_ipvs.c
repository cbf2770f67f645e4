/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m ipvs: the packet belongs to a connection of IPVS: net/netfilter/xt_ipvs.c. What IPVS knows is not known.
 */
#include "extension/guided.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <errno.h>

/* In the order in which iptables-save prints them. */
enum {
	IPVS_ANY,
	IPVS_PROTOCOL,
	IPVS_ADDRESS,
	IPVS_PORT,
	IPVS_DIRECTION,
	IPVS_METHOD,
	IPVS_CONTROL,
	IPVS_COUNT
};

static int word_value(struct rule_parser *parser, const struct word *word, struct guided_value *value,
		      const char *const *names, const char *hint)
{
	for (; *names; names++)
		if (text_same(word->text, *names)) {
			value->text = text_of(*names);
			return 0;
		}
	return guided_refuse(parser, word, hint);
}

static int direction_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	static const char *const names[] = {"ORIGINAL", "REPLY", NULL};

	return word_value(parser, word, value, names, "ORIGINAL or REPLY");
}

static int method_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	static const char *const names[] = {"GATE", "IPIP", "MASQ", NULL};

	return word_value(parser, word, value, names, "GATE, IPIP or MASQ");
}

static const struct guide guides[IPVS_COUNT] = {
    [IPVS_ANY] = {"--ipvs", GUIDE_FLAG, GUIDE_INVERTIBLE},
    [IPVS_PROTOCOL] = {"--vproto", GUIDE_PROTOCOL, GUIDE_INVERTIBLE},
    [IPVS_ADDRESS] = {"--vaddr", GUIDE_ADDRESS_MASK, GUIDE_INVERTIBLE},
    [IPVS_PORT] = {"--vport", GUIDE_PORT, GUIDE_INVERTIBLE},
    [IPVS_DIRECTION] = {"--vdir", GUIDE_OWN, .parse = direction_value},
    [IPVS_METHOD] = {"--vmethod", GUIDE_OWN, GUIDE_INVERTIBLE, .parse = method_value},
    [IPVS_CONTROL] = {"--vportctl", GUIDE_PORT, GUIDE_INVERTIBLE},
};

static int ipvs_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, IPVS_COUNT);
}

static int ipvs_finish(struct rule_parser *parser, struct match *match)
{
	const struct guided *ipvs = option_data(parser, &match->data, sizeof(*ipvs));

	if (!ipvs)
		return -ENOMEM;
	if (!ipvs->seen) {
		diagnostic_hint(option_error(parser, match->span, "missing-option", "-m ipvs has no option"),
				"write --ipvs");
		return -EINVAL;
	}
	if (guided_inverted(ipvs, IPVS_ANY) && ipvs->seen != 1u << IPVS_ANY) {
		diagnostic_hint(option_error(parser, match->span, "conflicting-options",
					     "! --ipvs does not go together with other options"),
				"all of them are about packets of IPVS");
		return -EINVAL;
	}
	return 0;
}

/* The others imply --ipvs, which is not printed then. */
static void ipvs_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct guided *ipvs = match->data;

	buffer_puts(out, "-m ipvs");
	for (unsigned i = ipvs->seen == 1u << IPVS_ANY ? IPVS_ANY : IPVS_PROTOCOL; i < IPVS_COUNT; i++)
		guided_print(ipvs, guides, i, rule->chain->table->family, out);
}

/* It looks connections of IPVS up, and holds them. */
static unsigned ipvs_effects(const struct match *match)
{
	(void)match;
	return EFFECT_UNKNOWN;
}

const struct match_type match_ipvs = {
    .name = "ipvs",
    .modelled = true,
    .reads_state = true,
    .unseen = &(const struct unseen){OPAQUE_RULE, false},
    .parse = ipvs_parse,
    .finish = ipvs_finish,
    .print = ipvs_print,
    .evaluate = unseen_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
    .effects = ipvs_effects,
};
