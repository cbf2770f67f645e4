/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * AUDIT: a record for the audit daemon; goes on: net/netfilter/xt_AUDIT.c. */
#include "extension/guided.h"
#include "extension/types.h"

#include <errno.h>

static int parse_type(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	static const char *const names[] = {"accept", "drop", "reject"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (text_same(word->text, names[i])) {
			value->text = text_of(names[i]);
			return 0;
		}
	return guided_refuse(parser, word, "accept, drop or reject");
}

static const struct guide guides[] = {
    {.name = "--type", .kind = GUIDE_OWN, .flags = GUIDE_MANDATORY, .parse = parse_type},
};

static int audit_parse(struct rule_parser *parser, struct target *target)
{
	return guided_parse(parser, &target->data, sizeof(struct guided), guides, 1);
}

static int audit_finish(struct rule_parser *parser, struct target *target)
{
	return guided_finish(parser, &target->data, sizeof(struct guided), guides, 1, target->span, "AUDIT");
}

static void audit_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	guided_print_all(target->data, guides, 1, rule->chain->table->family, out);
}

const struct target_type target_audit = {
    .name = "AUDIT",
    .modelled = true,
    .kind = TARGET_CONTINUE,
    .effects = EFFECT_LOG,
    .parse = audit_parse,
    .finish = audit_finish,
    .print = audit_print,
};
