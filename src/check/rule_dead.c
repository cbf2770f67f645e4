/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules of which every packet is taken by rules before them. Where those do the opposite it is another
 * finding (rule_shadowed.c). */
#include "check/findings.h"
#include "check/taken.h"

static int run(struct check *check)
{
	return taken_report(check, false,
			    "no packet comes to match this rule: rules before it take all of them",
			    "no packet comes to match them: rules before them take all of them");
}

const struct finding_type finding_rule_dead = {
    .code = "rule-dead",
    .severity = SEVERITY_WARNING,
    .title = "a rule that never matches, as earlier rules take its packets",
    .why = "It costs its evaluation for each packet that comes by, and does nothing. Who reads the rules "
	   "believes that it "
	   "does.",
    .action = "Delete it, or move it in front of the rules that take its packets, if it should act.",
    .run = run,
};
