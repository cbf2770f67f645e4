/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A set that no rule asks, adds to or deletes from. */
#include "check/findings.h"

static bool rule_uses(const struct rule *rule, const struct set *set)
{
	struct set_question question;
	struct set_uses uses;
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (match_set_question(&rule->matches[i], &question) && question.set == set)
			return true;
	return target_set_uses(&rule->target, &uses) &&
	       (uses.added == set || uses.deleted == set || uses.looked_up == set);
}

static bool in_rules(const struct check *check, const struct set *set)
{
	for (int family = 0; family < FAMILY_COUNT; family++)
		for (int id = 0; id < TABLE_COUNT; id++) {
			const struct table *table = &check->ruleset->tables[family][id];
			for (size_t i = 0; table->present && i < table->chain_count; i++)
				for (size_t j = 0; j < table->chains[i]->rule_count; j++)
					if (rule_uses(&table->chains[i]->rules[j], set))
						return true;
		}
	return false;
}

/* A set of a list is used when the list is there; lists of lists there are none. */
static bool in_list(const struct check *check, const struct set *set)
{
	for (size_t i = 0; i < check->ruleset->set_count; i++) {
		const struct set *list = check->ruleset->sets[i];
		for (size_t j = 0; list->type == SET_LIST && j < list->member_count; j++) {
			struct set_member member;
			set_member_get(list, j, &member);
			if (member.set == set)
				return true;
		}
	}
	return false;
}

static int run(struct check *check)
{
	const struct ruleset *ruleset = check->ruleset;
	for (size_t i = 0; i < ruleset->set_count; i++) {
		const struct set *set = ruleset->sets[i];
		/* Where one family's rules were not given they may use it. */
		if (!set_types[set->type].any_family && !ruleset->has_family[set->family])
			continue;
		if (set_types[set->type].any_family &&
		    !(ruleset->has_family[FAMILY_IPV4] && ruleset->has_family[FAMILY_IPV6]))
			continue;
		if (!in_rules(check, set) && !in_list(check, set))
			check_add(check, set->span, "no rule uses the set %.*s, of %zu member%s",
				  (int)set->name.size, set->name.data, set->member_count,
				  set->member_count == 1 ? "" : "s");
	}
	return 0;
}

const struct finding_type finding_set_unused = {
    .code = "set-unused",
    .severity = SEVERITY_NOTE,
    .title = "a set that no rule uses",
    .why = "Who adds bans to it believes that they act. iptables, nftables and other programs may use it "
	   "beside these rules.",
    .action = "Use it in a rule (-m set --match-set NAME src), or destroy it (ipset destroy NAME).",
    .run = run,
};
