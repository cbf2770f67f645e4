/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules of which every packet is taken by rules before them that do the opposite: what was meant to be
 * dropped is accepted, or the other way round. */
#include "check/findings.h"
#include "check/taken.h"

static int run(struct check *check)
{
	return taken_report(check, true,
			    "this rule never acts: rules before it do the opposite with all its packets",
			    "they never act: rules before them do the opposite with all their packets");
}

const struct finding_type finding_rule_shadowed = {
    .code = "rule-shadowed",
    .severity = SEVERITY_ERROR,
    .title = "a rule whose packets all meet the opposite verdict first",
    .why = "The first rule that matches decides. What this rule should drop gets in, or what it should let "
	   "in is dropped: "
	   "one of the two rules is a mistake.",
    .action = "Put the more specific rule first, or delete the one that is not meant.",
    .run = run,
};
