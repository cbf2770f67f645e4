/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * CONNSECMARK: copies the packet's security label to its connection, or back; goes on:
 * net/netfilter/xt_CONNSECMARK.c. What is saved the connection's later packets restore, and the operator of
 * the security module can see. */
#include "extension/guided.h"
#include "extension/types.h"

#include <errno.h>

enum { CONNSECMARK_SAVE, CONNSECMARK_RESTORE, CONNSECMARK_COUNT };

static const struct guide guides[CONNSECMARK_COUNT] = {
    {.name = "--save", .kind = GUIDE_FLAG, .excludes = 1 << CONNSECMARK_RESTORE},
    {.name = "--restore", .kind = GUIDE_FLAG, .excludes = 1 << CONNSECMARK_SAVE},
};

static int connsecmark_parse(struct rule_parser *parser, struct target *target)
{
	return guided_parse(parser, &target->data, sizeof(struct guided), guides, CONNSECMARK_COUNT);
}

static int connsecmark_finish(struct rule_parser *parser, struct target *target)
{
	int error = guided_finish(parser, &target->data, sizeof(struct guided), guides, CONNSECMARK_COUNT,
				  target->span, "CONNSECMARK");
	const struct guided *connsecmark = target->data;

	if (error || connsecmark->seen)
		return error;
	diagnostic_hint(
	    option_error(parser, target->span, "missing-option", "CONNSECMARK needs --save or --restore"),
	    "iptables refuses it without");
	return -EINVAL;
}

static void connsecmark_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	guided_print_all(target->data, guides, CONNSECMARK_COUNT, rule->chain->table->family, out);
}

const struct target_type target_connsecmark = {
    .name = "CONNSECMARK",
    .modelled = true,
    .kind = TARGET_CHANGE,
    .effects = EFFECT_STATE | EFFECT_CONNTRACK,
    .parse = connsecmark_parse,
    .finish = connsecmark_finish,
    .print = connsecmark_print,
    .tables = 1 << TABLE_MANGLE | 1 << TABLE_SECURITY,
};
