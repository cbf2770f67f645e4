/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The second half of the proof: what a drop is counted on. For each terminal that a packet can reach,
 * whatever leaves its addresses and pairs have, the slots bumped must be credited to each unit of the
 * terminal's attribution once, units with a predicate by the element that this leaf has. */
#include "plane/prove.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct crediting {
	struct proof *proof;
	size_t *first;  /* by slot: its first credit; one more at the end */
	uint8_t *given; /* by unit: how often this terminal counts it */
	uint8_t *giver; /* by unit: which hit does, if a plain one */
	uint8_t hit;
};

static int index_credits(struct crediting *crediting)
{
	const struct plane *plane = crediting->proof->plane;
	crediting->first = calloc((size_t)plane->slot_count + 1, sizeof(*crediting->first));
	if (!crediting->first)
		return -ENOMEM;
	size_t at = 0;
	for (uint32_t slot = 0; slot < plane->slot_count; slot++) {
		crediting->first[slot] = at;
		while (at < plane->credit_count && plane->credits[at].slot == slot)
			at++;
	}
	crediting->first[plane->slot_count] = at;
	if (at != plane->credit_count)
		return proof_differs(crediting->proof, "credits are not in the order of their slots");
	return 0;
}

/* The space whose leaves the unit is counted by, and its predicate's index there. */
static uint32_t unit_space(const struct proof *proof, uint32_t unit, uint32_t *index)
{
	const struct predicate *predicate = proof->region->units[unit].predicate;
	if (!predicate || predicate->kind == PREDICATE_OPAQUE || predicate->variable >= proof->variables ||
	    !proof->tested[predicate->variable])
		return PLANE_SPACE_NONE;
	*index = proof->predicate_of[predicate->variable];
	return proof_space_of(predicate);
}

static uint32_t element_of(const struct proof_space *space, uint32_t predicate, uint32_t leaf)
{
	return space->elements[(size_t)predicate * space->leaf_limit + leaf];
}

/* One slot: credited to exactly those units of the terminal that are counted in `space`, by this leaf's
 * elements, and to the same plain units as the hit's other slots: their number is in *plain, PROOF_NONE
 * before the first. */
static int check_slot(struct crediting *crediting, const struct attribution *attribution, uint32_t space,
		      uint32_t leaf, uint32_t slot, uint32_t *plain)
{
	struct proof *proof = crediting->proof;
	const struct plane *plane = proof->plane;
	uint32_t plains = 0, counted = 0, wanted = 0, index = 0;
	bool fresh = *plain == PROOF_NONE;
	for (size_t i = 0; i < attribution->unit_count; i++)
		wanted +=
		    space != PLANE_SPACE_NONE && unit_space(proof, attribution->units[i], &index) == space;
	for (size_t i = crediting->first[slot]; i < crediting->first[slot + 1]; i++) {
		const struct plane_credit *credit = &plane->credits[i];
		bool repeated = false;
		for (size_t k = crediting->first[slot]; k < i; k++)
			repeated |= plane->credits[k].unit == credit->unit;
		if (credit->family != (uint8_t)proof->family || credit->unit >= proof->region->unit_count ||
		    repeated)
			return proof_differs(proof, "counter %u is credited to no unit, or twice", slot);
		uint32_t of = unit_space(proof, credit->unit, &index);
		if (of == PLANE_SPACE_NONE) {
			if (credit->element != -1)
				return proof_differs(proof, "counter %u credits an element of a plain unit",
						     slot);
			plains++;
			if (fresh) {
				crediting->given[credit->unit]++;
				crediting->giver[credit->unit] = crediting->hit;
			} else if (crediting->giver[credit->unit] != crediting->hit) {
				return proof_differs(proof, "counter %u is credited to another unit", slot);
			}
			continue;
		}
		bool attributed = false;
		for (size_t k = 0; k < attribution->unit_count; k++)
			attributed |= attribution->units[k] == credit->unit;
		if (of != space || !attributed || credit->element < 0 ||
		    credit->element != (int64_t)element_of(&proof->spaces[space], index, leaf))
			return proof_differs(proof, "counter %u is credited to another element", slot);
		counted++;
	}
	if (counted != wanted || (!fresh && plains != *plain))
		return proof_differs(proof, "counter %u leaves out a unit", slot);
	*plain = plains;
	return 0;
}

/* All leaves in which the terminal's predicates of the hit's space hold. */
static int check_hit(struct crediting *crediting, const struct attribution *attribution,
		     const struct plane_hit *hit)
{
	struct proof *proof = crediting->proof;
	const struct plane *plane = proof->plane;
	uint32_t plain = PROOF_NONE;
	if (hit->space == PLANE_SPACE_NONE) {
		if (hit->first != 0 || hit->count == 0 || hit->slot == 0 || hit->slot >= plane->slot_count)
			return proof_differs(proof, "a plain hit is malformed");
		return check_slot(crediting, attribution, PLANE_SPACE_NONE, 0, hit->slot, &plain);
	}
	if (hit->space >= PLANE_SPACE_COUNT)
		return proof_differs(proof, "a hit counts in no space");
	const struct proof_space *space = &proof->spaces[hit->space];
	for (uint32_t leaf = 0; leaf < space->leaf_limit; leaf++) {
		bool holds = space->leaf_met && space->leaf_met[leaf];
		uint32_t index = 0;
		for (size_t i = 0; i < attribution->unit_count && holds; i++)
			if (unit_space(proof, attribution->units[i], &index) == hit->space)
				holds = element_of(space, index, leaf) != PROOF_NONE;
		if (!holds)
			continue;
		uint32_t slot = hit->slot + leaf - hit->first;
		if (leaf - hit->first >= hit->count || slot == 0 || slot >= plane->slot_count)
			return proof_differs(proof, "leaf %u has no counter", leaf);
		int result = check_slot(crediting, attribution, hit->space, leaf, slot, &plain);
		if (result)
			return result;
	}
	return 0;
}

/* What an entry counts on. Direct hits are hits that every leaf has a counter of: there must be one. */
static int read_hits(struct proof *proof, uint32_t entry, struct plane_hit hits[PLANE_HITS_MAX],
		     uint32_t *count)
{
	const struct plane_family *tables = proof->tables;
	uint32_t wanted = plane_hit_count(entry), base = entry & PLANE_BASE_MASK;
	if (wanted == PLANE_HITS_DIRECT) {
		if (base & ~(PLANE_DIRECT_SOURCE | PLANE_DIRECT_PAIR))
			return proof_differs(proof, "direct hits of unknown kind");
		if (base & PLANE_DIRECT_SOURCE)
			hits[(*count)++] =
			    (struct plane_hit){PLANE_SPACE_SOURCE, 0, UINT32_MAX, tables->direct_slot};
		if (base & PLANE_DIRECT_PAIR)
			hits[(*count)++] = (struct plane_hit){PLANE_SPACE_PAIRS + PLANE_PAIR_FAST, 0,
							      UINT32_MAX, tables->direct_pair_slot};
		return 0;
	}
	if (wanted && tables->hits % sizeof(struct plane_hit))
		return proof_differs(proof, "hits are not aligned");
	if (wanted > PLANE_HITS_MAX)
		return proof_differs(proof, "more hits than a look-up counts");
	for (; *count < wanted; ++*count) {
		uint64_t at = tables->hits + (uint64_t)(base + *count) * sizeof(struct plane_hit);
		hits[*count] = (struct plane_hit){plane_load32(proof->blob, proof->mask, at),
						  plane_load32(proof->blob, proof->mask, at + 4),
						  plane_load32(proof->blob, proof->mask, at + 8),
						  plane_load32(proof->blob, proof->mask, at + 12)};
	}
	return 0;
}

static int check_terminal(struct crediting *crediting, uint32_t terminal)
{
	struct proof *proof = crediting->proof;
	const struct attribution *attribution = &proof->region->attributions[terminal];
	struct plane_hit hits[PLANE_HITS_MAX];
	uint32_t count = 0;
	bool spaces[PLANE_SPACE_COUNT] = {false};
	uint32_t entry = proof->terminal_entry[terminal];
	if (attribution->limit)
		entry = proof_limit_drop(proof, entry);
	int result = read_hits(proof, entry, hits, &count);
	if (result)
		return result;
	memset(crediting->given, 0, proof->region->unit_count + 1);
	memset(crediting->giver, 0, proof->region->unit_count + 1);
	for (uint32_t i = 0; i < count; i++) {
		if (hits[i].space >= PLANE_SPACE_COUNT || spaces[hits[i].space])
			return proof_differs(proof, "two hits count in one space");
		spaces[hits[i].space] = true;
		crediting->hit = (uint8_t)(i + 1);
		result = check_hit(crediting, attribution, &hits[i]);
		if (result)
			return result;
	}
	size_t given = 0, plain = 0;
	for (size_t i = 0; i < proof->region->unit_count; i++)
		given += crediting->given[i];
	for (size_t i = 0; i < attribution->unit_count; i++) {
		uint32_t index, unit = attribution->units[i], space = unit_space(proof, unit, &index);
		if (space == PLANE_SPACE_NONE) {
			plain++;
			if (crediting->given[unit] != 1)
				return proof_differs(proof, "unit %u is not counted once", unit);
		} else if (!spaces[space]) {
			return proof_differs(proof, "unit %u is not counted by its elements", unit);
		}
	}
	return given == plain ? 0 : proof_differs(proof, "a unit is counted that the region does not name");
}

/* A terminal that counts elements of a predicate is reached only where the predicate holds: a look-up has a
 * leaf of it then. Goes over the diagram without the predicate's high branches, and must not meet such a
 * terminal. */
static int check_implied(struct proof *proof, uint32_t variable, uint32_t *met, uint32_t stamp)
{
	const struct diagram *diagram = proof->fields->diagram;
	diagram_node *stack = NULL;
	size_t room = 0, count = 0;
	int result = proof_room((void **)&stack, &room, 1, sizeof(*stack));
	if (result == 0)
		stack[count++] = proof->region->root;
	while (count && result == 0) {
		diagram_node node = stack[--count];
		if (diagram_is_terminal(node)) {
			const struct attribution *attribution =
			    &proof->region->attributions[diagram_value(node)];
			for (size_t i = 0; diagram_value(node) && i < attribution->unit_count; i++) {
				const struct predicate *predicate =
				    proof->region->units[attribution->units[i]].predicate;
				if (predicate && predicate->kind != PREDICATE_OPAQUE &&
				    predicate->variable == variable)
					result = proof_differs(
					    proof, "unit %u counts elements of what need not hold",
					    attribution->units[i]);
			}
			continue;
		}
		if (met[node] == stamp)
			continue;
		met[node] = stamp;
		result = proof_room((void **)&stack, &room, count + 2, sizeof(*stack));
		if (result)
			break;
		stack[count++] = diagram_low(diagram, node);
		if (diagram_variable(diagram, node) != variable)
			stack[count++] = diagram_high(diagram, node);
	}
	free(stack);
	return result;
}

int proof_credits(struct proof *proof)
{
	struct crediting crediting = {.proof = proof};
	crediting.given = calloc(proof->region->unit_count + 1, 1);
	crediting.giver = calloc(proof->region->unit_count + 1, 1);
	uint32_t *met = calloc(proof->node_limit, sizeof(*met)), stamp = 0;
	int result = crediting.given && crediting.giver && met ? index_credits(&crediting) : -ENOMEM;
	for (uint32_t t = 1; t < proof->region->attribution_count && result == 0; t++)
		if (proof->terminal_entry[t] != PROOF_NONE)
			result = check_terminal(&crediting, t);
	for (uint32_t variable = 0; variable < proof->variables && result == 0; variable++)
		if (proof->counted[variable])
			result = check_implied(proof, variable, met, ++stamp);
	free(crediting.first);
	free(crediting.given);
	free(crediting.giver);
	free(met);
	return result;
}
