/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A match on connection state that is true of every packet. */
#include "check/findings.h"

static int run_rule(struct check *check, const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (match_ignores_state(rule, &rule->matches[i]))
			check_add(check, rule->matches[i].span,
				  "this match is true of every packet, whatever its connection");
	return 0;
}

static int run(struct check *check)
{
	return check_rules(check, run_rule);
}

const struct finding_type finding_state_matches_all = {
    .code = "state-matches-all",
    .severity = SEVERITY_WARNING,
    .title = "a match on all connection states",
    .why = "It decides nothing, but it makes the kernel track all connections of this network namespace "
	   "(conntrack is "
	   "active as soon as one rule asks for it): some hundred nanoseconds for each packet, a table that "
	   "floods fill.",
    .action = "Leave the match out.",
    .run = run,
};
