/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is left of each rule by those before it, computed once for all findings that ask. Nobody above this
 * folder includes it. */
#ifndef WEIR_CHECK_REACHES_H
#define WEIR_CHECK_REACHES_H

#include "check/context.h"
#include "meaning/reach.h"

/* NULL when it is not known, or memory is short (check->failed is set then). */
const struct rule_reach *check_reach(struct check *check, const struct rule *rule);
void reaches_free(struct check *check);

/* What a rule makes of a packet for good. */
enum decision { DECISION_NONE, DECISION_ACCEPT, DECISION_DROP };
static inline enum decision rule_decision(const struct rule *rule)
{
	enum target_kind kind = rule->target.type->kind;
	return kind == TARGET_ACCEPT                          ? DECISION_ACCEPT
	       : kind == TARGET_DROP || kind == TARGET_REJECT ? DECISION_DROP
							      : DECISION_NONE;
}
/* One accepts and the other drops. */
static inline bool decisions_oppose(const struct rule *a, const struct rule *b)
{
	return rule_decision(a) && rule_decision(b) && rule_decision(a) != rule_decision(b);
}

#endif
