/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A rule is left out of both sides where both have it in the same place, and its addresses or protocol are
 * such that no packet matches it which some changed rule matches. So packets of changed rules meet what they
 * met before; all others meet the same on both sides, as long as what matches remember is the same.
 *
 * That holds where addresses and protocols stay what they are on the way: with rules of NAT, or targets that
 * are not known, nothing is left out. Ports and interfaces do not count: later fragments have none of the
 * former, and a packet leaves by another one of the latter when a mark says so. What remembers something
 * together with others stays. */
#include "meaning/trim.h"

#include "extension/extension.h"
#include "extension/option.h"
#include "extension/unseen.h"
#include "meaning/delta.h"
#include "meaning/same.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHANGED_MAX 64 /* rules; of more it takes too long, and little is left out */

struct trim {
	const struct ruleset *const *sides;
	enum family family;
	struct arena *arena;
	size_t changed_count;
	const struct rule *changed[CHANGED_MAX];
};

/* --- what may be left out
 * ------------------------------------------------------------------------------------------------------- */

static bool is_plain_verdict(const struct rule *rule)
{
	switch (rule->target.type->kind) {
	case TARGET_ACCEPT:
	case TARGET_DROP:
	case TARGET_REJECT:
	case TARGET_RETURN:
		return true;
	case TARGET_JUMP:
		return rule->target.chain != NULL;
	default:
		return false;
	}
}

/* Another packet may come out of it, or nobody knows what. */
static bool is_wild(const struct rule *rule)
{
	enum target_kind kind = rule->target.type->kind;
	if (kind == TARGET_REWRITE || kind == TARGET_OPAQUE || kind == TARGET_QUEUE)
		return true;
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (rule->matches[i].type->changes)
			return true;
	return false;
}

/* What it remembers, it remembers for itself. */
static bool remembers_alone(const struct match *match)
{
	static const char *const names[] = {"limit", "statistic", "quota"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(match->type->name, names[i]) == 0)
			return true;
	return false;
}

static void look_at_set(void *context, const struct set *set)
{
	*(bool *)context |= set->changing || set->counters;
}

static bool may_go(const struct rule *rule)
{
	if (rule->target.type->effects & (EFFECT_STATE | EFFECT_COUNTER | EFFECT_UNKNOWN))
		return false;
	for (uint32_t i = 0; i < rule->match_count; i++) {
		const struct match *match = &rule->matches[i];
		bool changing = false;
		match_each_set(match, look_at_set, &changing);
		if (changing || !match->type->modelled)
			return false;
		if (match->type->effects && match->type->effects(match) && !remembers_alone(match))
			return false;
		/* Nor what others may have changed: marks of connections, sets. */
		if (match->type->unseen && match->type->unseen->sharing != OPAQUE_PACKET &&
		    !remembers_alone(match))
			return false;
	}
	return true;
}

static bool addresses_meet(const struct address_match *a, const struct address_match *b)
{
	return a->inverted || b->inverted || !((a->value ^ b->value) & a->mask & b->mask);
}

static bool rules_meet(const struct rule *a, const struct rule *b)
{
	bool protocols = !a->protocol || !b->protocol || a->protocol_inverted || b->protocol_inverted ||
			 a->protocol == b->protocol;
	return protocols && addresses_meet(&a->source, &b->source) &&
	       addresses_meet(&a->destination, &b->destination);
}

static bool meets_changed(const struct trim *trim, const struct rule *rule)
{
	for (size_t i = 0; i < trim->changed_count; i++)
		if (rules_meet(trim->changed[i], rule))
			return true;
	return false;
}

/* --- what was changed
 * ------------------------------------------------------------------------------------------------------- */

static int note_changed(struct trim *trim, const struct chain *chain, const bool *has_partner)
{
	for (size_t i = 0; chain && i < chain->rule_count; i++) {
		const struct rule *rule = &chain->rules[i];
		if (is_wild(rule))
			return -E2BIG;
		if (has_partner[i])
			continue;
		if (trim->changed_count == CHANGED_MAX || !is_plain_verdict(rule))
			return -E2BIG;
		trim->changed[trim->changed_count++] = rule;
	}
	return 0;
}

static const struct chain *twin_of(const struct table *other, const struct chain *chain)
{
	return chain->builtin ? other->hooks[chain->hook] : table_find_chain(other, chain->name);
}

static int note_chain(struct trim *trim, const struct chain *before, const struct chain *after)
{
	bool *has_partner[SIDES_MAX] = {NULL};
	enum policy old = before && before->builtin ? before->policy : POLICY_ACCEPT;
	enum policy new = after && after->builtin ? after->policy : POLICY_ACCEPT;
	int result = old == new ? delta_partners(before, after, has_partner) : -E2BIG;
	if (!result)
		result = note_changed(trim, before, has_partner[0]);
	if (!result)
		result = note_changed(trim, after, has_partner[1]);
	free(has_partner[0]);
	free(has_partner[1]);
	return result;
}

static int find_changed(struct trim *trim)
{
	int result = 0;
	for (enum table_id id = 0; id < TABLE_COUNT && !result; id++) {
		const struct table *before = &trim->sides[0]->tables[trim->family][id];
		const struct table *after = &trim->sides[1]->tables[trim->family][id];
		for (size_t i = 0; i < before->chain_count && !result; i++)
			result = note_chain(trim, before->chains[i], twin_of(after, before->chains[i]));
		for (size_t i = 0; i < after->chain_count && !result; i++)
			if (!twin_of(before, after->chains[i]))
				result = note_chain(trim, NULL, after->chains[i]);
	}
	return result;
}

/* --- what is left
 * ------------------------------------------------------------------------------------------------------- */

static int copy_chain(const struct trim *trim, const struct chain *chain, struct table *table)
{
	struct chain *copy = arena_alloc(trim->arena, sizeof(*copy));
	struct rule *rules = arena_array(trim->arena, chain->rule_count + 1, sizeof(*rules));
	if (!copy || !rules)
		return -ENOMEM;
	*copy = *chain;
	copy->rules = rules;
	copy->rule_count = 0;
	copy->rule_capacity = chain->rule_count;
	for (size_t i = 0; i < chain->rule_count; i++) {
		const struct rule *rule = &chain->rules[i];
		if (may_go(rule) && !meets_changed(trim, rule))
			continue;
		struct rule *kept = &rules[copy->rule_count++];
		*kept = *rule;
		kept->chain = copy;
		kept->number = (uint32_t)copy->rule_count;
	}
	return table_add_chain(trim->arena, table, copy);
}

/* Jumps lead to the copies, which are ordered as the originals. */
static int copy_table(const struct trim *trim, const struct table *table, struct table *copy)
{
	int result = 0;
	*copy = *table;
	copy->chain_count = copy->chain_capacity = 0;
	copy->chains = NULL;
	copy->index = NULL;
	memset(copy->hooks, 0, sizeof(copy->hooks));
	copy->ordered = arena_array(trim->arena, table->chain_count + 1, sizeof(*copy->ordered));
	if (!copy->ordered)
		return -ENOMEM;
	for (size_t i = 0; i < table->chain_count && !result; i++)
		result = copy_chain(trim, table->chains[i], copy);
	for (size_t i = 0; i < copy->chain_count && !result; i++) {
		struct chain *chain = copy->chains[i];
		copy->ordered[chain->order] = chain;
		for (size_t r = 0; r < chain->rule_count; r++) {
			struct target *target = &chain->rules[r].target;
			if (target->chain)
				target->chain = table_find_chain(copy, target->chain->name);
		}
	}
	return result;
}

int trim_sides(const struct ruleset *const *sides, enum family family, struct arena *arena,
	       const struct ruleset **trimmed)
{
	struct trim trim = {.sides = sides, .family = family, .arena = arena};
	struct ruleset *copies[SIDES_MAX];
	int result = same_sets(sides[0], sides[1]) ? find_changed(&trim) : -E2BIG;
	for (size_t side = 0; side < SIDES_MAX && !result; side++) {
		copies[side] = arena_alloc(arena, sizeof(*copies[side]));
		if (!copies[side])
			return -ENOMEM;
		*copies[side] = *sides[side];
		for (enum table_id id = 0; id < TABLE_COUNT && !result; id++)
			result = copy_table(&trim, &sides[side]->tables[family][id],
					    &copies[side]->tables[family][id]);
		trimmed[side] = copies[side];
	}
	return result;
}
