/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Chains that nothing jumps to, and rules that no packet reaches and matches.
 *
 * Why it is right: no packet comes there, or none matches: it asks for a port that there is not, or
 * reach_compute() has found that its conditions exclude each other or that rules before it take all that it
 * matches. A match with a memory or an effect acts when it is asked, whether the rule matches or not: rules
 * with one stay.
 *
 * Where a rule is dead only because of what packets come to its chain, the chain by itself does another thing
 * without it, and it could not be proven chain by chain (meaning/parts.c): in tables with chains of their own
 * only such rules go as one rule of their chain takes for itself. */
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

static bool asks_no_port(const struct box *box)
{
	return box->source_low > box->source_high || box->destination_low > box->destination_high;
}

static bool is_taken(struct rewrite *rewrite, const struct rule *rule, const struct rule_reach *reach)
{
	bool alone = reach->taker_count == 1 && !reach->more;
	const struct rule *taker = alone ? reach->takers[0] : NULL;

	if (reach->reach != REACH_TAKEN)
		return false;
	if (!table_has_chains(rule->chain->table))
		return true;
	return taker && taker->chain == rule->chain &&
	       box_within(&facts_of(rewrite, rule)->box, &facts_of(rewrite, taker)->box);
}

static bool is_dead(struct rewrite *rewrite, const struct rule *rule)
{
	const struct reach_report *report = rewrite->options.reach[rule->chain->table->family];
	const struct rule_reach *reach = report ? reach_of(report, rule) : NULL;
	const struct facts *facts = facts_of(rewrite, rule);

	if (facts->traits & TRAIT_LOUD)
		return false;
	if (asks_no_port(&facts->box) || (reach && reach->reach == REACH_CONTRADICTS)) {
		drop_rule(rewrite, rule, FATE_CONTRADICTS, NULL);
		return true;
	}
	if (!reach || !is_taken(rewrite, rule, reach))
		return false;
	drop_rule(rewrite, rule, FATE_DEAD,
		  reach->taker_count == 1 && !reach->more ? reach->takers[0] : NULL);
	return true;
}

static void dead_rules(struct rewrite *rewrite, struct plan_chain *chain)
{
	size_t kept = 0;

	for (size_t i = 0; i < chain->count; i++)
		if (!is_dead(rewrite, chain->entries[i]->rules[0]))
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

/* Some rule changes marks or fills sets. That the chain is there makes the readers take what looks at them
 * for changing; a chain that would change that by going away stays. */
static bool tells_more(const struct plan_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++) {
		const struct target_type *type = chain->entries[i]->rules[0]->target.type;
		if (type->kind == TARGET_CHANGE || type->effects & ~(unsigned)(EFFECT_LOG | EFFECT_REJECT))
			return true;
	}
	return false;
}

/* Callers stand behind what they call. */
static int uncalled_chains(struct rewrite *rewrite, const struct table *table)
{
	bool *called = arena_array(rewrite->arena, table->chain_count, sizeof(*called));

	if (!called)
		return -ENOMEM;
	for (size_t i = table->chain_count; i-- > 0;) {
		struct plan_chain *chain = plan_chain_of(rewrite, table->ordered[i]);
		if (chain->chain->builtin || called[i] || tells_more(chain)) {
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
