/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules whose own conditions exclude each other. */
#include "check/findings.h"
#include "check/reaches.h"

static int run_rule(struct check *check, const struct rule *rule)
{
	const struct rule_reach *reach = check_reach(check, rule);
	if (check->failed)
		return -ENOMEM;
	if (reach && reach->reach == REACH_CONTRADICTS)
		check_add(check, rule->span,
			  "no packet can match this rule: its own conditions exclude each other");
	return 0;
}

static int run(struct check *check)
{
	return check_rules(check, run_rule);
}

const struct finding_type finding_rule_contradicts = {
    .code = "rule-contradicts",
    .severity = SEVERITY_WARNING,
    .title = "a rule that no packet can match",
    .why = "Two of its conditions cannot be true of one packet: two ports, a range that ends before it "
	   "begins, an interface "
	   "where there is "
	   "none, a state that traffic without tracking does not have. The rule does nothing.",
    .action = "Find the condition that was meant otherwise; two values of one thing need two rules, or -m "
	      "multiport.",
    .run = run,
};
