/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The steps, one after the other, and what became of each rule. */
#include "rewrite/rewrite.h"

#include "rewrite/shape.h"

#include <errno.h>
#include <stdlib.h>

const char *const rewrite_step_names[REWRITE_STEP_COUNT] = {"dead", "repeated", "lists", "prefix", "order"};

static int (*const steps[REWRITE_STEP_COUNT])(struct rewrite *rewrite) = {
    step_dead, step_repeated, step_lists, step_prefix, step_order};

static void number_entries(struct rewrite *rewrite)
{
	for (size_t i = 0; i < rewrite->chain_count; i++) {
		struct plan_chain *chain = rewrite->chains[i];
		for (size_t k = 0; k < chain->count; k++)
			chain->entries[k]->number = (uint32_t)(k + 1);
	}
}

int rewrite_compute(const struct ruleset *ruleset, const struct rewrite_options *options,
		    struct rewrite **rewrite)
{
	struct rewrite *fresh = calloc(1, sizeof(*fresh));

	if (!fresh)
		return -ENOMEM;
	fresh->arena = arena_new();
	fresh->ruleset = ruleset;
	fresh->options = *options;
	fresh->work = REWRITE_WORK;
	int error = fresh->arena ? plan_make(fresh) : -ENOMEM;
	for (int i = 0; i < REWRITE_STEP_COUNT && !error; i++)
		if (!(options->without >> i & 1))
			error = steps[i](fresh);
	if (!error)
		error = sets_make(fresh);
	if (error) {
		rewrite_free(fresh);
		return error;
	}
	number_entries(fresh);
	*rewrite = fresh;
	return 0;
}

void rewrite_free(struct rewrite *rewrite)
{
	if (!rewrite)
		return;
	arena_cleanup(&rewrite->arena);
	free(rewrite);
}

struct rewrite_place rewrite_place(const struct rewrite *rewrite, const struct rule *rule)
{
	const struct facts *facts = facts_of(rewrite, rule);
	const struct entry *entry = facts->entry;
	struct rewrite_place place = {.fate = facts->fate, .by = facts->by, .moved = facts->moved};

	if (!entry)
		return place;
	place.fate = entry->kind == ENTRY_SET     ? FATE_MEMBER
		     : entry->kind == ENTRY_PORTS ? FATE_PORT
						  : FATE_KEPT;
	place.set = entry->set ? entry->set->name : NULL;
	place.chain = entry->chain->name;
	place.number = entry->number;
	return place;
}

void rewrite_print_member(const struct rewrite *rewrite, const struct rule *rule, struct buffer *out)
{
	const struct entry *entry = facts_of(rewrite, rule)->entry;
	struct shape_key key;

	if (!entry || (entry->kind != ENTRY_SET && entry->kind != ENTRY_PORTS) ||
	    !shape_key(entry->shape, rule, &key))
		return;
	shape_key_print(entry->shape, rule->chain->table->family, &key, out);
}

void rewrite_print_lost_comment(const struct rewrite *rewrite, const struct rule *rule, struct buffer *out)
{
	const struct entry *entry = facts_of(rewrite, rule)->entry;

	if (entry && entry->kind == ENTRY_PORTS && !entry_comments_agree(entry))
		rule_comment(rule, out);
}

size_t rewrite_chain_count(const struct rewrite *rewrite)
{
	return rewrite->chain_count;
}

struct rewrite_chain rewrite_chain_at(const struct rewrite *rewrite, size_t index)
{
	const struct plan_chain *chain = rewrite->chains[index];

	return (struct rewrite_chain){.family = chain->table->family,
				      .table = chain->table->id,
				      .name = chain->name,
				      .chain = chain->chain,
				      .gone = chain->gone,
				      .before = chain->chain ? chain->chain->rule_count : 0,
				      .after = chain->count};
}

void rewrite_print_rule(const struct rewrite *rewrite, size_t chain, uint32_t number, struct buffer *out)
{
	entry_print(rewrite->chains[chain]->entries[number - 1], out);
}

size_t rewrite_set_count(const struct rewrite *rewrite)
{
	return rewrite->set_count;
}

struct rewrite_set rewrite_set_at(const struct rewrite *rewrite, size_t index)
{
	const struct plan_set *set = rewrite->sets[index];

	return (struct rewrite_set){.name = set->name,
				    .type = set_types[set->shape->type].name,
				    .family = set->family,
				    .members = set->count,
				    .uses = set->uses};
}

bool rewrite_loses_hot_drop(const struct rewrite *rewrite)
{
	return rewrite->loses_hot_drop;
}

bool rewrite_changed(const struct rewrite *rewrite)
{
	for (size_t i = 0; i < rewrite->chain_count; i++) {
		const struct plan_chain *chain = rewrite->chains[i];
		if (chain->gone || !chain->chain || chain->count != chain->chain->rule_count)
			return true;
		for (size_t k = 0; k < chain->count; k++)
			if (chain->entries[k]->kind != ENTRY_RULE ||
			    chain->entries[k]->rules[0] != &chain->chain->rules[k])
				return true;
	}
	return false;
}
