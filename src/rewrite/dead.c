/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules that no packet reaches and matches, chains that nothing jumps to.
 *
 * Why it is right: a rule that matches no packet which comes to it does nothing; whether that is so for all
 * packets is what reach_compute() has found, and the proof of the whole finds again. A match with a memory or
 * an effect acts when it is asked, whether the rule matches or not: rules with one stay, unless their chain
 * is not called. */
#include "rewrite/plan.h"

#include "meaning/reach.h"

#include <errno.h>

static void drop_rule(struct rewrite *rewrite, const struct rule *rule, enum rewrite_fate fate,
		      const struct rule *by)
{
	struct facts *facts = facts_of(rewrite, rule);

	facts->entry = NULL;
	facts->fate = fate;
	facts->by = by;
}

static bool rule_is_dead(struct rewrite *rewrite, const struct rule *rule, const struct reach_report *report)
{
	const struct rule_reach *reach = report ? reach_of(report, rule) : NULL;

	if (!reach || facts_of(rewrite, rule)->traits & TRAIT_LOUD)
		return false;
	if (reach->reach != REACH_TAKEN && reach->reach != REACH_CONTRADICTS &&
	    reach->reach != REACH_UNCALLED)
		return false;
	drop_rule(rewrite, rule,
		  reach->reach == REACH_TAKEN         ? FATE_DEAD
		  : reach->reach == REACH_CONTRADICTS ? FATE_CONTRADICTS
						      : FATE_UNCALLED,
		  reach->taker_count == 1 && !reach->more ? reach->takers[0] : NULL);
	return true;
}

static void dead_rules(struct rewrite *rewrite, struct plan_chain *chain)
{
	const struct reach_report *report = rewrite->options.reach[chain->table->family];
	size_t kept = 0;

	for (size_t i = 0; i < chain->count; i++)
		if (!rule_is_dead(rewrite, chain->entries[i]->rules[0], report))
			chain->entries[kept++] = chain->entries[i];
	chain->count = kept;
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
	for (size_t i = 0; i < rewrite->chain_count; i++)
		dead_rules(rewrite, rewrite->chains[i]);
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
