/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The rows of entries as the input has them, what is known of each rule, and when two may change places.
 *
 * Rule B may come before rule A, which stands right in front of it, when no packet can tell:
 * - no packet matches both (their boxes are disjoint). Whatever A does to a packet that it matches, B does
 * not match that packet: no target that gets this far changes an address, a port or an interface. What A does
 * to others is nothing.
 * - Or both end the chain's walk in the same way (ACCEPT and ACCEPT): which of them does makes no difference.
 * - Or both do the same, twice is as good as once, and neither looks at what that changes (NOTRACK).
 * Matches that remember or tell somebody (limit, recent, a set with counters), and what is not modelled, must
 * be asked for the same packets in the same order: nothing moves across them (TRAIT_LOUD). */
#include "rewrite/plan.h"

#include "extension/option.h"
#include "extension/unseen.h"
#include "ruleset/name_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- What a rule is
 * ----------------------------------------------------------------------------------------------- */

static bool match_is_loud(const struct match *match)
{
	const struct match_type *type = match->type;

	return !type->modelled || type->changes || (type->effects && type->effects(match)) ||
	       (type->unseen && type->unseen->sharing == OPAQUE_RULE);
}

/* Counters that are compared, and sets that rules fill, are another thing a moment later. */
static bool set_may_change(const struct rewrite *rewrite, const struct match *match, const struct rule *rule)
{
	struct buffer text = {0};

	if (strcmp(match->type->name, "set") != 0)
		return false;
	match->type->print(match, rule, &text);
	bool changes = rewrite->sets_change || text.failed || strstr(text.data, "--packets") ||
		       strstr(text.data, "--bytes");
	buffer_fini(&text);
	return changes;
}

bool rule_remembers(const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (match_is_loud(&rule->matches[i]))
			return true;
	return false;
}

static bool target_is_loud(const struct target *target)
{
	const struct target_type *type = target->type;

	if (target->chain)
		return false; /* see rewrites */
	return !type->modelled || type->kind == TARGET_OPAQUE || type->kind == TARGET_QUEUE ||
	       (type->kind == TARGET_REWRITE && !type->nat);
}

static unsigned traits_of(const struct rewrite *rewrite, const struct rule *rule)
{
	unsigned traits = target_is_loud(&rule->target) ? TRAIT_LOUD : 0;

	for (uint32_t i = 0; i < rule->match_count; i++) {
		if (match_is_loud(&rule->matches[i]))
			traits |= TRAIT_LOUD;
		if (rule->matches[i].type->unseen || match_reads_state(&rule->matches[i]) ||
		    set_may_change(rewrite, &rule->matches[i], rule))
			traits |= TRAIT_MOODY;
	}
	if (rule->target.chain && plan_chain_of(rewrite, rule->target.chain)->rewrites)
		traits |= TRAIT_LOUD;
	return traits;
}

static bool target_ends(const struct target *target)
{
	switch (target->type->kind) {
	case TARGET_ACCEPT:
	case TARGET_DROP:
	case TARGET_REJECT:
	case TARGET_RETURN:
		return true;
	case TARGET_JUMP:
		return target->is_goto;
	case TARGET_REWRITE: /* the verdict of every target of NAT is NF_ACCEPT or NF_DROP */
		return target->type->nat != NULL;
	default:
		return false;
	}
}

static bool target_idempotent(const struct target *target)
{
	return target->type->kind == TARGET_NOTRACK ||
	       (target->type->kind == TARGET_CONTINUE && !target->type->effects && target->type->modelled);
}

/* The same text, the same number. */
int plan_intern(struct rewrite *rewrite, struct name_index **index, uint32_t *count,
		const struct buffer *text, uint32_t *number)
{
	struct text key = {text->data, text->size};
	uint32_t *known = name_index_find(*index, key);

	if (text->failed)
		return -ENOMEM;
	if (!known) {
		key.data = arena_copy(rewrite->arena, text->data ? text->data : "", text->size);
		known = arena_alloc(rewrite->arena, sizeof(*known));
		if (!key.data || !known)
			return -ENOMEM;
		*known = ++*count;
		int error = name_index_add(rewrite->arena, index, key, known);
		if (error)
			return error;
	}
	*number = *known;
	return 0;
}

static int intern_rule(struct rewrite *rewrite, const struct rule *rule, struct facts *facts)
{
	struct buffer text = {0};

	for (uint32_t i = 0; i < rule->match_count; i++) {
		if (match_is_comment(&rule->matches[i]))
			continue;
		buffer_puts(&text, " ");
		rule->matches[i].type->print(&rule->matches[i], rule, &text);
	}
	int error = plan_intern(rewrite, &rewrite->matches, &rewrite->match_count, &text, &facts->matches);
	buffer_fini(&text);
	if (error)
		return error;
	text = (struct buffer){0};
	if (rule->target.chain) {
		buffer_puts(&text, rule->target.is_goto ? "-g " : "-j ");
		buffer_add(&text, rule->target.chain->name.data, rule->target.chain->name.size);
	} else if (rule->target.type->modelled) {
		buffer_printf(&text, "%s", rule->target.type->name ? rule->target.type->name : "");
		if (rule->target.type->print)
			rule->target.type->print(&rule->target, rule, &text);
	} else { /* no two are taken for the same */
		buffer_printf(&text, "?%p", (const void *)rule);
	}
	error = plan_intern(rewrite, &rewrite->targets, &rewrite->target_count, &text, &facts->target);
	buffer_fini(&text);
	return error;
}

/* --- Rows
 * ---------------------------------------------------------------------------------------------------------
 */

struct plan_chain *plan_chain_of(const struct rewrite *rewrite, const struct chain *chain)
{
	return rewrite->first[chain->table->family][chain->table->id][chain->order];
}

bool table_has_chains(const struct table *table)
{
	for (size_t i = 0; i < table->chain_count; i++)
		if (!table->chains[i]->builtin)
			return true;
	return false;
}

struct facts *facts_of(const struct rewrite *rewrite, const struct rule *rule)
{
	return &plan_chain_of(rewrite, rule->chain)->facts[rule->number - 1];
}

struct entry *plan_entry(struct rewrite *rewrite, enum entry_kind kind)
{
	struct entry *entry = arena_alloc(rewrite->arena, sizeof(*entry));

	if (entry)
		entry->kind = kind;
	return entry;
}

int entry_take(struct rewrite *rewrite, struct entry *entry, const struct rule *rule)
{
	struct facts *facts = facts_of(rewrite, rule);
	const struct rule **slot = arena_push(rewrite->arena, (void **)&entry->rules, &entry->count,
					      &entry->capacity, sizeof(const struct rule *));

	if (!slot)
		return -ENOMEM;
	*slot = rule;
	facts->entry = entry;
	if (entry->count == 1)
		entry->common = facts->box;
	else
		box_widen(&entry->common, &facts->box);
	entry->packets += rule->packets;
	entry->bytes += rule->bytes;
	return 0;
}

static int chain_make(struct rewrite *rewrite, const struct table *table, const struct chain *chain)
{
	struct plan_chain *plan = arena_alloc(rewrite->arena, sizeof(*plan));
	struct plan_chain **slot =
	    arena_push(rewrite->arena, (void **)&rewrite->chains, &rewrite->chain_count,
		       &rewrite->chain_capacity, sizeof(struct plan_chain *));

	if (!plan || !slot)
		return -ENOMEM;
	*slot = plan;
	plan->table = table;
	plan->chain = chain;
	plan->name = chain->name;
	plan->facts = arena_array(rewrite->arena, chain->rule_count, sizeof(*plan->facts));
	plan->entries = arena_array(rewrite->arena, chain->rule_count + 1, sizeof(struct entry *));
	plan->capacity = chain->rule_count + 1;
	if (!plan->facts || !plan->entries)
		return -ENOMEM;
	rewrite->first[table->family][table->id][chain->order] = plan;
	for (size_t i = 0; i < chain->rule_count; i++) {
		const struct rule *rule = &chain->rules[i];
		struct facts *facts = &plan->facts[i];
		struct entry *entry = plan_entry(rewrite, ENTRY_RULE);
		int error = entry ? intern_rule(rewrite, rule, facts) : -ENOMEM;
		if (error)
			return error;
		facts->box = box_of(rule);
		facts->traits = traits_of(rewrite, rule);
		facts->terminal = target_ends(&rule->target);
		facts->idempotent = target_idempotent(&rule->target);
		if (rule->target.chain && plan_chain_of(rewrite, rule->target.chain)->rewrites)
			plan->rewrites = true;
		else if (!rule->target.chain && target_is_loud(&rule->target))
			plan->rewrites = true;
		entry->chain = plan;
		error = entry_take(rewrite, entry, rule);
		if (error)
			return error;
		plan->entries[plan->count++] = entry;
		rewrite->counters |= rule->packets != 0;
	}
	return 0;
}

/* How many jumps lead to each chain at most: callers stand behind what they call in table->ordered. */
static void measure_depth(const struct rewrite *rewrite, const struct table *table)
{
	for (size_t i = table->chain_count; i-- > 0;) {
		const struct plan_chain *caller = plan_chain_of(rewrite, table->ordered[i]);
		for (size_t k = 0; k < caller->chain->rule_count; k++) {
			const struct chain *callee = caller->chain->rules[k].target.chain;
			struct plan_chain *below = callee ? plan_chain_of(rewrite, callee) : NULL;
			if (below && below->above < caller->above + 1)
				below->above = caller->above + 1;
		}
	}
}

int plan_make(struct rewrite *rewrite)
{
	for (size_t i = 0; i < rewrite->ruleset->set_count; i++)
		rewrite->sets_change |= rewrite->ruleset->sets[i]->changing;
	for (int family = 0; family < FAMILY_COUNT; family++) {
		for (int id = 0; id < TABLE_COUNT; id++) {
			const struct table *table = &rewrite->ruleset->tables[family][id];
			if (!table->present)
				continue;
			rewrite->first[family][id] =
			    arena_array(rewrite->arena, table->chain_count, sizeof(struct plan_chain *));
			if (!rewrite->first[family][id])
				return -ENOMEM;
			for (size_t i = 0; i < table->chain_count; i++) {
				int error = chain_make(rewrite, table, table->ordered[i]);
				if (error)
					return error;
			}
			measure_depth(rewrite, table);
		}
	}
	return 0;
}

/* --- Changing places
 * ---------------------------------------------------------------------------------------------- */

bool entries_disjoint(struct rewrite *rewrite, const struct entry *a, const struct entry *b)
{
	if (boxes_disjoint(&a->common, &b->common))
		return true;
	for (size_t i = 0; i < a->count; i++) {
		const struct facts *facts = facts_of(rewrite, a->rules[i]);
		if (b->count > 1 && boxes_disjoint(&facts->box, &b->common))
			continue;
		for (size_t k = 0; k < b->count; k++) {
			if (rewrite->work == 0)
				return false;
			rewrite->work--;
			if (!boxes_disjoint(&facts->box, &facts_of(rewrite, b->rules[k])->box))
				return false;
		}
	}
	return true;
}

bool entries_commute(struct rewrite *rewrite, const struct entry *earlier, const struct entry *later)
{
	if (earlier->kind == ENTRY_JUMP || later->kind == ENTRY_JUMP || rewrite->work == 0)
		return false;
	rewrite->work--;
	const struct facts *a = facts_of(rewrite, earlier->rules[0]), *b = facts_of(rewrite, later->rules[0]);
	if ((a->traits | b->traits) & TRAIT_LOUD)
		return false;
	if (a->target == b->target &&
	    (a->terminal || (a->idempotent && !((a->traits | b->traits) & TRAIT_MOODY))))
		return true;
	return entries_disjoint(rewrite, earlier, later);
}
