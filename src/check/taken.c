/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "check/taken.h"

#include <errno.h>

bool taken_by_opposite(const struct rule *rule, const struct rule_reach *reach)
{
	/* Of those that are not named nothing is known. */
	if (!reach->taker_count || reach->more)
		return false;
	for (size_t i = 0; i < reach->taker_count; i++)
		if (!decisions_oppose(rule, reach->takers[i]))
			return false;
	return true;
}

static bool same_takers(const struct rule_reach *a, const struct rule_reach *b)
{
	if (a->taker_count != b->taker_count || a->more != b->more)
		return false;
	for (size_t i = 0; i < a->taker_count; i++)
		if (a->takers[i] != b->takers[i])
			return false;
	return true;
}

static void report(struct check *check, const struct row *row, const struct rule_reach *reach,
		   const char *one, const char *many)
{
	struct found *found;
	if (row->count == 1 && !reach->taker_count)
		found =
		    check_add(check, row->first->span, "no packet that it could match comes to its chain");
	else if (!reach->taker_count)
		found =
		    check_add(check, row->first->span,
			      "%zu rules from here on: no packet that they could match comes to their chain",
			      row->count);
	else if (row->count == 1)
		found = check_add(check, row->first->span, "%s", one);
	else
		found = check_add(check, row->first->span, "%zu rules from here on: %s", row->count, many);
	if (row->count > 1)
		found_label(check, found, row->last->span, "the last of them");
	for (size_t i = 0; i < reach->taker_count; i++)
		found_label(check, found, reach->takers[i]->span,
			    i + 1 == reach->taker_count && reach->more ? "by this rule, and by others"
								       : "by this rule");
}

int taken_report(struct check *check, taken_filter wanted, const char *one, const char *many)
{
	for (int family = 0; family < FAMILY_COUNT; family++)
		for (int id = 0; id < TABLE_COUNT; id++) {
			const struct table *table = &check->ruleset->tables[family][id];
			for (size_t i = 0; table->present && i < table->chain_count; i++) {
				struct row row = {0};
				const struct rule_reach *first = NULL;
				for (size_t j = 0; j < table->chains[i]->rule_count; j++) {
					const struct rule *rule = &table->chains[i]->rules[j];
					const struct rule_reach *reach = check_reach(check, rule);
					if (check->failed)
						return -ENOMEM;
					if (!reach || reach->reach != REACH_TAKEN || !wanted(rule, reach))
						continue;
					if (first && same_takers(first, reach) && row_extend(&row, rule))
						continue;
					if (row.count)
						report(check, &row, first, one, many);
					row_begin(&row, rule);
					first = reach;
				}
				if (row.count)
					report(check, &row, first, one, many);
			}
		}
	return 0;
}
