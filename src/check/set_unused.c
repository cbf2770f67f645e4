/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A set that no rule asks, adds to or deletes from. */
#include "check/findings.h"

#include <stdlib.h>

struct used {
	size_t count, capacity;
	const struct set **sets;
};

static int use(struct check *check, struct used *used, const struct set *set)
{
	const struct set **slot = NULL;
	if (set)
		slot = arena_push(check->arena, (void **)&used->sets, &used->count, &used->capacity,
				  sizeof(*used->sets));
	if (slot)
		*slot = set;
	return slot || !set ? 0 : -ENOMEM;
}

static int use_rule(struct check *check, struct used *used, const struct rule *rule)
{
	struct set_question question;
	struct set_uses uses;
	int error = 0;
	for (uint32_t i = 0; i < rule->match_count && !error; i++)
		if (match_set_question(&rule->matches[i], &question))
			error = use(check, used, question.set);
	if (error || !target_set_uses(&rule->target, &uses))
		return error;
	error = use(check, used, uses.added);
	if (!error)
		error = use(check, used, uses.deleted);
	return error ? error : use(check, used, uses.looked_up);
}

/* A set of a list is used when the list is there; lists of lists there are none. */
static int use_list(struct check *check, struct used *used, const struct set *list)
{
	int error = 0;
	for (size_t i = 0; list->type == SET_LIST && i < list->member_count && !error; i++) {
		struct set_member member;
		set_member_get(list, i, &member);
		error = use(check, used, member.set);
	}
	return error;
}

static int find_used(struct check *check, struct used *used)
{
	const struct ruleset *ruleset = check->ruleset;
	int error = 0;
	for (int family = 0; family < FAMILY_COUNT; family++)
		for (int id = 0; id < TABLE_COUNT; id++) {
			const struct table *table = &ruleset->tables[family][id];
			for (size_t i = 0; table->present && i < table->chain_count; i++)
				for (size_t j = 0; j < table->chains[i]->rule_count && !error; j++)
					error = use_rule(check, used, &table->chains[i]->rules[j]);
		}
	for (size_t i = 0; i < ruleset->set_count && !error; i++)
		error = use_list(check, used, ruleset->sets[i]);
	return error;
}

static int compare(const void *a, const void *b)
{
	const struct set *first = *(const struct set *const *)a, *second = *(const struct set *const *)b;
	return (first > second) - (first < second);
}

/* Where one family's rules were not given they may use it. */
static bool rules_given(const struct ruleset *ruleset, const struct set *set)
{
	if (set_types[set->type].any_family)
		return ruleset->has_family[FAMILY_IPV4] && ruleset->has_family[FAMILY_IPV6];
	return ruleset->has_family[set->family];
}

static int run(struct check *check)
{
	const struct ruleset *ruleset = check->ruleset;
	struct used used = {0};
	int error = find_used(check, &used);
	if (used.count)
		qsort(used.sets, used.count, sizeof(*used.sets), compare);
	for (size_t i = 0; i < ruleset->set_count && !error; i++) {
		const struct set *set = ruleset->sets[i];
		if (rules_given(ruleset, set) &&
		    !(used.count && bsearch(&set, used.sets, used.count, sizeof(*used.sets), compare)))
			check_add(check, set->span, "no rule uses the set %.*s, of %zu member%s",
				  (int)set->name.size, set->name.data, set->member_count,
				  set->member_count == 1 ? "" : "s");
	}
	return error;
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
