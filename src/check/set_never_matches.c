/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A set is asked with too few directions: ip_set_test() then answers no, whatever is in the set. (A set of
 * the other family is refused when the rules are read.) */
#include "check/findings.h"

static int run_rule(struct check *check, const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->match_count; i++) {
		struct set_question question;
		const struct match *match = &rule->matches[i];
		if (!match_set_question(match, &question))
			continue;
		const struct set *set = question.set;
		const struct set_type_info *type = &set_types[set->type];
		if (set->type == SET_LIST || question.dimensions >= set->dimensions)
			continue;
		struct found *found = check_add(
		    check, match->span,
		    "the set %.*s of type %s has %u dimensions and is asked with %u direction%s: here it %s",
		    (int)set->name.size, set->name.data, type->name, set->dimensions, question.dimensions,
		    question.dimensions == 1 ? "" : "s",
		    question.inverted ? "always matches" : "never matches");
		found_hint(check, found, "Name a direction for each dimension: --match-set %.*s %s.",
			   (int)set->name.size, set->name.data,
			   set->dimensions == 2 ? "src,src" : "src,src,dst");
		found_label(check, found, set->span, "the set");
	}
	return 0;
}

static int run(struct check *check)
{
	return check_rules(check, run_rule);
}

const struct finding_type finding_set_never_matches = {
    .code = "set-never-matches",
    .severity = SEVERITY_ERROR,
    .title = "a set that is asked in a way that it never answers",
    .why = "The kernel loads such a rule without a word and then answers \"not in the set\" for every "
	   "packet: a list "
	   "of bans that bans nobody, or a list of friends that lets nobody in.",
    .action = "Ask with as many directions as the set has dimensions.",
    .run = run,
};
