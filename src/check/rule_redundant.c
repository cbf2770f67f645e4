/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules that act, and without which everything would come out the same. */
#include "check/findings.h"
#include "check/reaches.h"

static int run_rule(struct check *check, const struct rule *rule)
{
	const struct rule_reach *reach = check_reach(check, rule);
	if (check->failed)
		return -ENOMEM;
	if (reach && reach->reach == REACH_SOME && reach->redundant)
		check_add(check, rule->span,
			  "without this rule all packets would come to the same end: nothing but its counter "
			  "would be missed");
	return 0;
}

static int run(struct check *check)
{
	return check_rules(check, run_rule);
}

const struct finding_type finding_rule_redundant = {
    .code = "rule-redundant",
    .severity = SEVERITY_NOTE,
    .title = "a rule without which nothing would change",
    .why = "What is behind it does the same with its packets. It may be there for its counter, or save them "
	   "a walk; else "
	   "it is one more thing to read.",
    .action = "Delete it, unless its counter is read or it is there to end the walk early.",
    .run = run,
};
