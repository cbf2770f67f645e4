/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Results of operations. The caches only save time: an entry may be overwritten by any other, and without
 * memory for them everything still works. They grow with the number of nodes. Nodes never change or go away,
 * so neither does the truth of an entry. */
#include "diagram/node.h"

#include <stdlib.h>

#define CACHE_BITS_MIN 12u
#define CACHE_BITS_MAX 22u

/* The size a cache should have now. */
static unsigned cache_bits(const struct diagram *diagram, unsigned bits)
{
	if (bits == 0)
		bits = CACHE_BITS_MIN;
	while (bits < CACHE_BITS_MAX && (size_t)1 << bits < diagram->count)
		bits++;
	return bits;
}

static size_t pair_place(unsigned bits, uint32_t operation, diagram_node f, diagram_node g)
{
	return hash_mix((uint64_t)f << 32 | g, operation) >> (32 - bits);
}

static void grow_pairs(struct diagram *diagram, unsigned bits)
{
	struct pair_entry *pairs = calloc((size_t)1 << bits, sizeof(*pairs));
	if (!pairs)
		return;
	for (size_t i = 0; diagram->pairs && i < (size_t)1 << diagram->pair_bits; i++) {
		const struct pair_entry *entry = &diagram->pairs[i];
		if (entry->operation)
			pairs[pair_place(bits, entry->operation, entry->f, entry->g)] = *entry;
	}
	free(diagram->pairs);
	diagram->pairs = pairs;
	diagram->pair_bits = bits;
}

diagram_node cache_find_pair(const struct diagram *diagram, uint32_t operation, diagram_node f,
			     diagram_node g)
{
	if (!diagram->pairs)
		return DIAGRAM_UNDECIDED;
	const struct pair_entry *entry = &diagram->pairs[pair_place(diagram->pair_bits, operation, f, g)];
	return entry->operation == operation && entry->f == f && entry->g == g ? entry->result
									       : DIAGRAM_UNDECIDED;
}

void cache_keep_pair(struct diagram *diagram, uint32_t operation, diagram_node f, diagram_node g,
		     diagram_node result)
{
	unsigned bits = cache_bits(diagram, diagram->pair_bits);
	if (!diagram->pairs || bits > diagram->pair_bits)
		grow_pairs(diagram, bits);
	if (!diagram->pairs || result == DIAGRAM_UNDECIDED)
		return;
	diagram->pairs[pair_place(diagram->pair_bits, operation, f, g)] =
	    (struct pair_entry){operation, f, g, result};
}

static size_t choice_place(unsigned bits, diagram_node condition, diagram_node g, diagram_node h)
{
	return hash_mix((uint64_t)g << 32 | h, condition) >> (32 - bits);
}

static void grow_choices(struct diagram *diagram, unsigned bits)
{
	struct choice_entry *choices = malloc(sizeof(*choices) << bits);
	if (!choices)
		return;
	for (size_t i = 0; i < (size_t)1 << bits; i++)
		choices[i].condition = DIAGRAM_UNDECIDED;
	for (size_t i = 0; diagram->choices && i < (size_t)1 << diagram->choice_bits; i++) {
		const struct choice_entry *entry = &diagram->choices[i];
		if (entry->condition != DIAGRAM_UNDECIDED)
			choices[choice_place(bits, entry->condition, entry->g, entry->h)] = *entry;
	}
	free(diagram->choices);
	diagram->choices = choices;
	diagram->choice_bits = bits;
}

diagram_node cache_find_choice(const struct diagram *diagram, diagram_node condition, diagram_node g,
			       diagram_node h)
{
	if (!diagram->choices)
		return DIAGRAM_UNDECIDED;
	const struct choice_entry *entry =
	    &diagram->choices[choice_place(diagram->choice_bits, condition, g, h)];
	return entry->condition == condition && entry->g == g && entry->h == h ? entry->result
									       : DIAGRAM_UNDECIDED;
}

void cache_keep_choice(struct diagram *diagram, diagram_node condition, diagram_node g, diagram_node h,
		       diagram_node result)
{
	unsigned bits = cache_bits(diagram, diagram->choice_bits);
	if (!diagram->choices || bits > diagram->choice_bits)
		grow_choices(diagram, bits);
	if (!diagram->choices || result == DIAGRAM_UNDECIDED)
		return;
	diagram->choices[choice_place(diagram->choice_bits, condition, g, h)] =
	    (struct choice_entry){condition, g, h, result};
}
