/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Nodes and the table that keeps them unique. What must stay true: no two nodes have the same variable, low
 * and high; none has low equal to high; a node's branches test later variables. Then equal functions are
 * equal numbers. All nodes are made in diagram_make(), the one place where the budget counts. */
#include "diagram/node.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define SLOT_BITS_MIN 10u
#define SLOT_BITS_MAX 31u
#define BUDGET_MAX (((size_t)1 << 30) - 1)

struct diagram *diagram_new(uint32_t variables, size_t budget)
{
	if (variables > DIAGRAM_VARIABLES_MAX || budget > BUDGET_MAX)
		return NULL;
	struct diagram *diagram = calloc(1, sizeof(*diagram));
	if (!diagram)
		return NULL;
	diagram->variables = variables;
	diagram->budget = budget;
	diagram->next_id = PAIR_APPLY;
	diagram->slot_bits = SLOT_BITS_MIN;
	diagram->slots = calloc((size_t)1 << SLOT_BITS_MIN, sizeof(*diagram->slots));
	if (!diagram->slots) {
		free(diagram);
		return NULL;
	}
	return diagram;
}

void diagram_free(struct diagram *diagram)
{
	if (!diagram)
		return;
	free(diagram->nodes);
	free(diagram->slots);
	free(diagram->pairs);
	free(diagram->choices);
	free(diagram);
}

uint32_t diagram_variables(const struct diagram *diagram)
{
	return diagram->variables;
}

size_t diagram_size(const struct diagram *diagram)
{
	return diagram->count;
}

bool diagram_exhausted(const struct diagram *diagram)
{
	return diagram->exhausted;
}

uint32_t diagram_variable(const struct diagram *diagram, diagram_node node)
{
	return variable_of(diagram, node);
}

diagram_node diagram_low(const struct diagram *diagram, diagram_node node)
{
	return is_terminal(node) ? node : diagram->nodes[node].low;
}

diagram_node diagram_high(const struct diagram *diagram, diagram_node node)
{
	return is_terminal(node) ? node : diagram->nodes[node].high;
}

static bool grow_nodes(struct diagram *diagram)
{
	size_t capacity = diagram->capacity ? diagram->capacity * 2 : 1024;
	if (capacity > diagram->budget)
		capacity = diagram->budget;
	struct node *nodes = realloc(diagram->nodes, capacity * sizeof(*nodes));
	if (!nodes)
		return false;
	diagram->nodes = nodes;
	diagram->capacity = capacity;
	return true;
}

static void put_slot(uint64_t *slots, unsigned bits, uint64_t slot)
{
	size_t place = (uint32_t)(slot >> 32) >> (32 - bits);
	while (slots[place])
		place = (place + 1) & (((size_t)1 << bits) - 1);
	slots[place] = slot;
}

static bool grow_slots(struct diagram *diagram)
{
	unsigned bits = diagram->slot_bits + 1;
	if (bits > SLOT_BITS_MAX)
		return false;
	uint64_t *slots = calloc((size_t)1 << bits, sizeof(*slots));
	if (!slots)
		return false;
	for (size_t i = 0; i < (size_t)1 << diagram->slot_bits; i++)
		if (diagram->slots[i])
			put_slot(slots, bits, diagram->slots[i]);
	free(diagram->slots);
	diagram->slots = slots;
	diagram->slot_bits = bits;
	return true;
}

#define NODES_A_LOOK 1024 /* at the clock; a power of two */

/* Once met, a budget stays met. */
static bool is_spent(struct diagram *diagram)
{
	bool looks = diagram->deadline > 0 && !(diagram->count & (NODES_A_LOOK - 1));
	if (diagram->count >= diagram->budget || (looks && clock_seconds() > diagram->deadline))
		diagram->exhausted = true;
	return diagram->exhausted;
}

void diagram_until(struct diagram *diagram, double deadline)
{
	diagram->deadline = deadline;
}

size_t diagram_allow(struct diagram *diagram, size_t budget)
{
	size_t before = diagram->budget;
	if (budget) {
		diagram->budget = budget < BUDGET_MAX ? budget : BUDGET_MAX;
		/* What is short of memory or late will be so again. */
		diagram->exhausted = diagram->count >= diagram->budget;
	}
	return before;
}

void diagram_allow_half(struct diagram *diagram, size_t budget)
{
	size_t left = budget > diagram->count ? budget - diagram->count : 0;
	diagram_allow(diagram, diagram->count + (left + 1) / 2);
	diagram->exhausted = left == 0;
}

/* A node that is not in the table yet. */
static diagram_node add_node(struct diagram *diagram, uint32_t hash, uint32_t variable, diagram_node low,
			     diagram_node high)
{
	if (variable_of(diagram, low) <= variable || variable_of(diagram, high) <= variable)
		return DIAGRAM_UNDECIDED; /* out of order: nothing that could be trusted */
	if (is_spent(diagram))
		return DIAGRAM_UNDECIDED;
	bool full = diagram->count + 1 > ((size_t)3 << diagram->slot_bits) / 4;
	if ((diagram->count == diagram->capacity && !grow_nodes(diagram)) || (full && !grow_slots(diagram))) {
		diagram->exhausted = true;
		return DIAGRAM_UNDECIDED;
	}
	diagram_node number = (diagram_node)diagram->count++;
	diagram->nodes[number] = (struct node){
	    .low = low,
	    .high = high,
	    .variable = (uint16_t)variable,
	    .many_valued = is_many_valued(diagram, low) || is_many_valued(diagram, high),
	};
	put_slot(diagram->slots, diagram->slot_bits, (uint64_t)hash << 32 | (number + 1));
	return number;
}

diagram_node diagram_make(struct diagram *diagram, uint32_t variable, diagram_node low, diagram_node high)
{
	if (!is_known(diagram, low) || !is_known(diagram, high) || variable >= diagram->variables)
		return DIAGRAM_UNDECIDED;
	if (low == high)
		return low;
	uint32_t hash = hash_mix((uint64_t)low << 32 | high, variable + 1);
	size_t mask = ((size_t)1 << diagram->slot_bits) - 1;
	for (size_t place = hash >> (32 - diagram->slot_bits);; place = (place + 1) & mask) {
		uint64_t slot = diagram->slots[place];
		if (!slot)
			break;
		if ((uint32_t)(slot >> 32) != hash)
			continue;
		diagram_node number = (diagram_node)slot - 1;
		const struct node *node = &diagram->nodes[number];
		if (node->low == low && node->high == high && node->variable == variable)
			return number;
	}
	return add_node(diagram, hash, variable, low, high);
}
