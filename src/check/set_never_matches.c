/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A set is asked with too few directions, or by the other family: ip_set_test() then answers no, whatever is
 * in the set. */
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
		const char *always = question.inverted ? "always matches" : "never matches";
		struct found *found = NULL;
		if (!type->any_family && set->family != rule_family(rule)) {
			found =
			    check_add(check, match->span, "the set %.*s holds %s addresses: here it %s",
				      (int)set->name.size, set->name.data, family_name(set->family), always);
			found_hint(check, found, "Make a set with \"family %s\" for these rules.",
				   rule_family(rule) == FAMILY_IPV4 ? "inet" : "inet6");
		} else if (set->type != SET_LIST && question.dimensions < set->dimensions) {
			found = check_add(
			    check, match->span,
			    "the set %.*s of type %s is asked with %u direction%s and has %u dimensions: "
			    "here it %s",
			    (int)set->name.size, set->name.data, type->name, question.dimensions,
			    question.dimensions == 1 ? "" : "s", set->dimensions, always);
			found_hint(check, found, "Name a direction for each dimension: --match-set %.*s %s.",
				   (int)set->name.size, set->name.data,
				   set->dimensions == 2 ? "src,src" : "src,src,dst");
		}
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
    .action = "Ask with as many directions as the set has dimensions, and by rules of its family.",
    .run = run,
};
