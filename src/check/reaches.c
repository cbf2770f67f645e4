/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "check/reaches.h"

struct reaches {
	struct reach_report *reports[FAMILY_COUNT];
};

const struct rule_reach *check_reach(struct check *check, const struct rule *rule)
{
	enum family family = rule_family(rule);
	if (!check->reaches)
		check->reaches = arena_alloc(check->arena, sizeof(*check->reaches));
	if (!check->reaches) {
		check->failed = true;
		return NULL;
	}
	struct reach_report **report = &check->reaches->reports[family];
	if (!*report &&
	    reach_compute(check->ruleset, family, check->options ? check->options->node_budget : 0, report)) {
		check->failed = true;
		return NULL;
	}
	const struct rule_reach *reach = reach_of(*report, rule);
	if (reach && reach->reach == REACH_UNDECIDED)
		check->result->undecided = true;
	return reach;
}

void reaches_free(struct check *check)
{
	for (int family = 0; check->reaches && family < FAMILY_COUNT; family++)
		reach_free(check->reaches->reports[family]);
}
