/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Chains that nothing jumps to.
 *
 * Why it is right: no packet comes there. */
#include "rewrite/plan.h"

#include <errno.h>

static void drop_rule(struct rewrite *rewrite, const struct rule *rule, enum rewrite_fate fate,
		      const struct rule *by)
{
	struct facts *facts = facts_of(rewrite, rule);

	facts->entry = NULL;
	facts->fate = fate;
	facts->by = by;
}

static void call(const struct plan_chain *caller, bool *called)
{
	for (size_t i = 0; i < caller->count; i++) {
		const struct chain *callee = caller->entries[i]->rules[0]->target.chain;
		if (callee)
			called[callee->order] = true;
	}
}

/* Callers stand behind what they call. */
static int uncalled_chains(struct rewrite *rewrite, const struct table *table)
{
	bool *called = arena_array(rewrite->arena, table->chain_count, sizeof(*called));

	if (!called)
		return -ENOMEM;
	for (size_t i = table->chain_count; i-- > 0;) {
		struct plan_chain *chain = plan_chain_of(rewrite, table->ordered[i]);
		if (chain->chain->builtin || called[i]) {
			call(chain, called);
			continue;
		}
		chain->gone = true;
		for (size_t k = 0; k < chain->count; k++)
			drop_rule(rewrite, chain->entries[k]->rules[0], FATE_UNCALLED, NULL);
		chain->count = 0;
	}
	return 0;
}

int step_dead(struct rewrite *rewrite)
{
	for (int family = 0; family < FAMILY_COUNT; family++) {
		for (int id = 0; id < TABLE_COUNT; id++) {
			const struct table *table = &rewrite->ruleset->tables[family][id];
			int error = table->present ? uncalled_chains(rewrite, table) : 0;
			if (error)
				return error;
		}
	}
	return 0;
}
