/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The sets of the lists that were found. Lists with the same members share one, in all tables of a family,
 * unless the sets count: a packet would be counted by each rule that looks. Names are weir-v4-KIND-NUMBER,
 * the first that is free; ipset takes names of up to 31 bytes. */
#include "rewrite/shape.h"

#include "ruleset/name_index.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* By key, then as the input has them. */
static int compare_rules(const void *left, const void *right, void *context)
{
	const struct rule *a = *(const struct rule *const *)left, *b = *(const struct rule *const *)right;
	struct shape_key a_key, b_key;

	shape_key(context, a, &a_key);
	shape_key(context, b, &b_key);
	int order = shape_key_compare(&a_key, &b_key);
	return order ? order : (a->number > b->number) - (a->number < b->number);
}

static bool has_comment(const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (match_is_comment(&rule->matches[i]))
			return true;
	return false;
}

/* Of rules with one key the first stands for all, with what they have counted together. */
static int collect(struct rewrite *rewrite, const struct entry *entry, struct plan_set *set)
{
	set->shape = entry->shape;
	set->family = entry->rules[0]->chain->table->family;
	set->rules = arena_array(rewrite->arena, entry->count, sizeof(const struct rule *));
	if (!set->rules)
		return -ENOMEM;
	memcpy(set->rules, entry->rules, entry->count * sizeof(*set->rules));
	qsort_r(set->rules, entry->count, sizeof(*set->rules), compare_rules, (void *)entry->shape);
	if (rewrite->counters && !rewrite->options.no_counters) {
		set->packets = arena_array(rewrite->arena, entry->count, sizeof(*set->packets));
		set->bytes = arena_array(rewrite->arena, entry->count, sizeof(*set->bytes));
		if (!set->packets || !set->bytes)
			return -ENOMEM;
	}
	struct shape_key last, key;
	for (size_t i = 0; i < entry->count; i++) {
		const struct rule *rule = set->rules[i];
		shape_key(set->shape, rule, &key);
		if (!set->count || shape_key_compare(&last, &key) != 0)
			set->rules[set->count++] = rule;
		last = key;
		set->comments |= has_comment(rule);
		if (set->packets) {
			set->packets[set->count - 1] += rule->packets;
			set->bytes[set->count - 1] += rule->bytes;
		}
	}
	return 0;
}

/* Some set that says the same, and the same of its members. */
static struct plan_set *find_same(const struct rewrite *rewrite, const struct plan_set *set)
{
	for (size_t i = 0; i < rewrite->set_count; i++) {
		struct plan_set *other = rewrite->sets[i];
		bool same = other->family == set->family && other->shape->type == set->shape->type &&
			    other->count == set->count && !other->packets && !set->packets;
		for (size_t k = 0; k < set->count && same; k++) {
			struct shape_key a, b;
			shape_key(other->shape, other->rules[k], &a);
			shape_key(set->shape, set->rules[k], &b);
			same = shape_key_compare(&a, &b) == 0;
		}
		for (size_t k = 0; k < set->count && same && (set->comments || other->comments); k++)
			same = comments_agree(other->rules[k], set->rules[k]);
		if (same)
			return other;
	}
	return NULL;
}

/* Shapes of one kind count together. */
static unsigned *next_number(struct rewrite *rewrite, const struct plan_set *set)
{
	size_t shape = 0;

	while (strcmp(shapes[shape].name, set->shape->name) != 0)
		shape++;
	return &rewrite->set_numbers[set->family][shape];
}

static int name_set(struct rewrite *rewrite, struct plan_set *set)
{
	unsigned *number = next_number(rewrite, set);
	char name[32];

	do
		snprintf(name, sizeof(name), "weir-v%c-%s-%u", set->family == FAMILY_IPV4 ? '4' : '6',
			 set->shape->name, ++*number);
	while (ruleset_find_set(rewrite->ruleset, text_of(name)));
	set->name = arena_copy(rewrite->arena, name, strlen(name));
	return set->name ? 0 : -ENOMEM;
}

static int set_of(struct rewrite *rewrite, struct entry *entry)
{
	struct plan_set *set = arena_alloc(rewrite->arena, sizeof(*set));
	int error = set ? collect(rewrite, entry, set) : -ENOMEM;

	if (error)
		return error;
	if (set->shape->port != SHAPE_NO_PORT)
		rewrite->loses_hot_drop = true;
	entry->set = find_same(rewrite, set);
	if (!entry->set) {
		error = name_set(rewrite, set);
		struct plan_set **slot =
		    error ? NULL
			  : arena_push(rewrite->arena, (void **)&rewrite->sets, &rewrite->set_count,
				       &rewrite->set_capacity, sizeof(struct plan_set *));
		if (!slot)
			return -ENOMEM;
		*slot = entry->set = set;
	}
	entry->set->uses++;
	return 0;
}

int sets_make(struct rewrite *rewrite)
{
	for (size_t i = 0; i < rewrite->chain_count; i++) {
		const struct plan_chain *chain = rewrite->chains[i];
		for (size_t k = 0; k < chain->count; k++) {
			int error =
			    chain->entries[k]->kind == ENTRY_SET ? set_of(rewrite, chain->entries[k]) : 0;
			if (error)
				return error;
		}
	}
	return 0;
}
