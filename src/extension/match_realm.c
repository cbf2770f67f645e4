/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m realm: the realm of the packet's route: net/netfilter/xt_realm.c. Routes are not known.
 */
#include "extension/guided.h"
#include "extension/named_number.h"
#include "extension/types.h"
#include "extension/unseen.h"

enum { REALM_VALUE, REALM_COUNT };

static int realm_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	return named_number_parse(parser, word, "/etc/iproute2/rt_realms", value);
}

static const struct guide guides[REALM_COUNT] = {
    [REALM_VALUE] = {.name = "--realm",
		     .kind = GUIDE_OWN,
		     .flags = GUIDE_INVERTIBLE | GUIDE_MANDATORY,
		     .parse = realm_value},
};

static int realm_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, REALM_COUNT);
}

static int realm_finish(struct rule_parser *parser, struct match *match)
{
	return guided_finish(parser, &match->data, sizeof(struct guided), guides, REALM_COUNT, match->span,
			     "-m realm");
}

static void realm_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	buffer_puts(out, "-m realm");
	guided_print_all(match->data, guides, REALM_COUNT, rule->chain->table->family, out);
}

const struct match_type match_realm = {
    .name = "realm",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_TABLE, false},
    .parse = realm_parse,
    .finish = realm_finish,
    .print = realm_print,
    .evaluate = unseen_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
    .hooks = 1u << HOOK_INPUT | 1u << HOOK_FORWARD | 1u << HOOK_OUTPUT | 1u << HOOK_POSTROUTING,
};
