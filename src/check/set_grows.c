/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules add to a set from which nothing ever goes. */
#include "check/findings.h"

struct adders {
	const struct rule *rule;
	bool deleted;
};

static void look(const struct check *check, const struct set *set, struct adders *adders)
{
	for (int family = 0; family < FAMILY_COUNT; family++)
		for (int id = 0; id < TABLE_COUNT; id++) {
			const struct table *table = &check->ruleset->tables[family][id];
			for (size_t i = 0; table->present && i < table->chain_count; i++)
				for (size_t j = 0; j < table->chains[i]->rule_count; j++) {
					const struct rule *rule = &table->chains[i]->rules[j];
					struct set_uses uses;
					if (!target_set_uses(&rule->target, &uses))
						continue;
					uint32_t timeout = uses.has_timeout ? uses.timeout : set->timeout;
					bool stays = !set->has_timeout || !timeout;
					if (uses.added == set && stays && !adders->rule)
						adders->rule = rule;
					adders->deleted |= uses.deleted == set;
				}
		}
}

static int run(struct check *check)
{
	for (size_t i = 0; i < check->ruleset->set_count; i++) {
		const struct set *set = check->ruleset->sets[i];
		struct adders adders = {0};
		if (!set->changing)
			continue;
		look(check, set, &adders);
		if (!adders.rule || adders.deleted)
			continue;
		struct found *found =
		    check_add(check, adders.rule->target.span,
			      "what this rule adds to the set %.*s never expires, and no rule deletes it",
			      (int)set->name.size, set->name.data);
		found_label(check, found, set->span,
			    !set->has_timeout ? "the set has no timeouts"
			    : set->timeout    ? "members of this set expire, unless the rule says --timeout 0"
					      : "the set's timeout is 0: members stay");
	}
	return 0;
}

const struct finding_type finding_set_grows = {
    .code = "set-grows",
    .severity = SEVERITY_WARNING,
    .title = "rules fill a set that nothing empties",
    .why = "Any sender, and who forges addresses anything at all, adds members until maxelem: then nobody is "
	   "added any "
	   "more, and those who were added by mistake stay for ever.",
    .action = "Create the set with a timeout (timeout 3600), or give the rule a --timeout of more than 0.",
    .run = run,
};
