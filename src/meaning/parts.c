/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Of a filter of thousands of rules in a hundred chains the whole may be too much for diagrams when each
 * chain is not.
 *
 * Let each chain do the same on both sides whatever the chains of the same name do that it jumps to. Then the
 * whole does the same: by induction from the chains that jump to none. What a chain does is what becomes of a
 * packet in it (it ends there, or comes back to the caller) and what is done on the way, in order; "whatever
 * the callee does": a jump is an event of its own, and the walk goes on behind it as if all packets came
 * back. If two chains have done the same, jumps included, in the same order, then so have they for a packet
 * that ends in the first callee or the second: what they did up to there is the beginning of it.
 *
 * A callee might change what a match behind the jump looks at (marks, sets, tracking): tables where rules do
 * such things are left to the comparison of the whole. Chains that one side has not are put in line where
 * they are called.
 */
#include "meaning/parts.h"

#include "meaning/behaviour_private.h"
#include "meaning/delta.h"

#include <stdlib.h>
#include <string.h>

struct parts {
	struct behaviour *behaviour;
	struct delta *delta;
	const struct table *tables[SIDES_MAX];
	bool *shared[SIDES_MAX];           /* by a chain's order: the other side has one of that name */
	diagram_node *outcomes[SIDES_MAX]; /* of those that are not shared */
};

static bool may_change(const struct behaviour *behaviour, const struct table *table)
{
	if (table->id == TABLE_RAW || table->changes || behaviour_rewrites(behaviour, table->id))
		return true;
	for (size_t i = 0; i < table->chain_count; i++)
		for (size_t r = 0; r < table->chains[i]->rule_count; r++) {
			const struct target *target = &table->chains[i]->rules[r].target;
			if (target->type->kind == TARGET_OPAQUE || target->type->kind == TARGET_REWRITE ||
			    target->type->kind == TARGET_QUEUE || target->type->kind == TARGET_NOTRACK)
				return true;
		}
	return false;
}

static bool sets_change(const struct ruleset *ruleset)
{
	for (size_t i = 0; i < ruleset->set_count; i++)
		if (ruleset->sets[i]->changing)
			return true;
	return false;
}

static const struct chain *partner_of(const struct parts *parts, size_t side, const struct chain *chain)
{
	const struct table *other = parts->tables[!side];
	return chain->builtin ? other->hooks[chain->hook] : table_find_chain(other, chain->name);
}

static diagram_node chain_outcome(struct parts *parts, size_t side, const struct chain *chain,
				  diagram_node domain)
{
	struct behaviour *behaviour = parts->behaviour;
	behaviour->outcomes = parts->outcomes[side];
	behaviour->apart = parts->shared[side];
	diagram_node outcome = behaviour_chain_alone(behaviour, chain, domain);
	behaviour->apart = NULL;
	behaviour->outcomes = NULL;
	return outcome;
}

/* Callees stand before their callers. */
static bool find_unshared(struct parts *parts, size_t side)
{
	const struct table *table = parts->tables[side];
	parts->shared[side] = calloc(table->chain_count + 1, sizeof(bool));
	parts->outcomes[side] = calloc(table->chain_count + 1, sizeof(diagram_node));
	if (!parts->shared[side] || !parts->outcomes[side])
		return false;
	for (size_t i = 0; i < table->chain_count; i++)
		parts->shared[side][i] = partner_of(parts, side, table->ordered[i]) != NULL;
	for (size_t i = 0; i < table->chain_count; i++)
		if (!parts->shared[side][i] && table->ordered[i]->reached)
			parts->outcomes[side][i] =
			    chain_outcome(parts, side, table->ordered[i], DIAGRAM_TRUE);
	return true;
}

static diagram_node domain_of(struct behaviour *behaviour, unsigned reached)
{
	diagram_node domain = DIAGRAM_FALSE;
	for (enum hook hook = 0; hook < HOOK_COUNT; hook++)
		if (reached >> hook & 1)
			domain =
			    diagram_or(behaviour->fields->diagram, domain, behaviour_domain(behaviour, hook));
	return domain;
}

static bool chain_same(struct parts *parts, const struct chain *chain)
{
	struct behaviour *behaviour = parts->behaviour;
	const struct chain *other = partner_of(parts, 0, chain);
	unsigned reached = chain->reached | (other ? other->reached : 0);
	if (!reached || !other)
		return true; /* put in line by who calls it, if anybody does */
	if (chain->builtin && chain->policy != other->policy)
		return false;
	diagram_node touched = delta_chain(parts->delta, chain, other);
	if (touched == DIAGRAM_FALSE)
		return true;
	diagram_node before = chain_outcome(parts, 0, chain, touched);
	diagram_node after = chain_outcome(parts, 1, other, touched);
	touched = diagram_and(behaviour->fields->diagram, touched, domain_of(behaviour, reached));
	return diagram_and(behaviour->fields->diagram, touched,
			   behaviour_difference(behaviour, before, after)) == DIAGRAM_FALSE;
}

static bool builtins_match(const struct parts *parts)
{
	for (enum hook hook = 0; hook < HOOK_COUNT; hook++)
		if (!parts->tables[0]->hooks[hook] != !parts->tables[1]->hooks[hook])
			return false;
	return true;
}

bool parts_same(struct behaviour *behaviour, const struct ruleset *const *sides, enum family family,
		enum table_id id)
{
	struct parts parts = {
	    .behaviour = behaviour,
	    .tables = {&sides[0]->tables[family][id], &sides[1]->tables[family][id]},
	};
	bool same = builtins_match(&parts);
	for (size_t side = 0; side < SIDES_MAX && same; side++)
		same = !may_change(behaviour, parts.tables[side]) && !sets_change(sides[side]);
	if (same)
		same = delta_new(behaviour, sides, family, &parts.delta) == 0;
	if (same) {
		behaviour_look_at_all(behaviour);
		same = find_unshared(&parts, 0) && find_unshared(&parts, 1);
	}
	for (size_t i = 0; same && i < parts.tables[0]->chain_count; i++)
		same = chain_same(&parts, parts.tables[0]->ordered[i]);
	delta_free(parts.delta);
	for (size_t side = 0; side < SIDES_MAX; side++) {
		free(parts.shared[side]);
		free(parts.outcomes[side]);
	}
	return same;
}
