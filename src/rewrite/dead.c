/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Chains that nothing jumps to, and rules that ask for a port that there is not.
 *
 * Why it is right: no packet comes there, or none matches. */
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

static bool asks_no_port(const struct box *box)
{
	return box->source_low > box->source_high || box->destination_low > box->destination_high;
}

static void dead_rules(struct rewrite *rewrite, struct plan_chain *chain)
{
	size_t kept = 0;

	for (size_t i = 0; i < chain->count; i++) {
		const struct rule *rule = chain->entries[i]->rules[0];
		const struct facts *facts = facts_of(rewrite, rule);
		if (asks_no_port(&facts->box) && !(facts->traits & TRAIT_LOUD))
			drop_rule(rewrite, rule, FATE_CONTRADICTS, NULL);
		else
			chain->entries[kept++] = chain->entries[i];
	}
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
