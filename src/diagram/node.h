/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How a diagram is kept; for the files of src/diagram/ only.
 *
 * A node's children are made before it, so they have smaller numbers. A node once made never changes. No
 * pointer into `nodes` or a cache may be held across a call that can make a node: the arrays move when they
 * grow. */
#ifndef WEIR_DIAGRAM_NODE_H
#define WEIR_DIAGRAM_NODE_H

#include "diagram/diagram.h"

struct node {
	diagram_node low, high;
	uint16_t variable;
	uint16_t many_valued; /* some terminal below is neither FALSE nor TRUE */
};
_Static_assert(sizeof(struct node) == 12, "a hundred million nodes must fit into memory");
_Static_assert(DIAGRAM_VARIABLES_MAX <= UINT16_MAX, "a variable, or one past the last, fits struct node");

/* A result of an operation on two nodes; an entry with operation 0 is empty. */
struct pair_entry {
	uint32_t operation;
	diagram_node f, g, result;
};

/* A result of diagram_if(); an entry whose condition is DIAGRAM_UNDECIDED is empty. */
struct choice_entry {
	diagram_node condition, g, h, result;
};

#define APPLICATIONS 16

struct diagram {
	uint32_t variables;
	bool exhausted;
	size_t budget;
	double deadline; /* clock_seconds(); 0: none */
	size_t count, capacity;
	struct node *nodes;
	/* Unique table: linear probing; a slot is hash << 32 | (number + 1), 0 when it is free. The upper
	 * bits of the hash are the place, so that growing walks both tables in order. */
	uint64_t *slots;
	unsigned slot_bits;
	/* Caches: direct mapped, lossy, 2^bits entries each. */
	struct pair_entry *pairs;
	unsigned pair_bits;
	struct choice_entry *choices;
	unsigned choice_bits;
	/* What diagram_apply() was last called with; `id` is the operation's number in the cache of pairs. */
	struct application {
		diagram_operation operation;
		void *context;
		uint32_t id;
	} applications[APPLICATIONS];
	unsigned next_application;
	uint32_t next_id;
};

enum pair_operation {
	PAIR_NONE,
	PAIR_NOT,
	PAIR_TRUTH,
	PAIR_AND,
	PAIR_OR,
	PAIR_MINUS,
	PAIR_APPLY /* and above */
};

static inline uint32_t hash_mix(uint64_t a, uint64_t b)
{
	uint64_t x = (a ^ (b * 0x9e3779b97f4a7c15u)) * 0xbf58476d1ce4e5b9u;
	x ^= x >> 32;
	return (uint32_t)((x * 0x94d049bb133111ebu) >> 32);
}

static inline bool is_terminal(diagram_node node)
{
	return node & DIAGRAM_TERMINAL_BIT; /* of DIAGRAM_UNDECIDED too */
}

/* A node's number that may be used with this diagram. */
static inline bool is_known(const struct diagram *diagram, diagram_node node)
{
	return is_terminal(node) ? node != DIAGRAM_UNDECIDED && node < 2 * DIAGRAM_TERMINAL_BIT
				 : node < diagram->count;
}

static inline uint32_t variable_of(const struct diagram *diagram, diagram_node node)
{
	return is_terminal(node) ? diagram->variables : diagram->nodes[node].variable;
}

/* The branches of f at `variable`, which is not after f's own. */
static inline void branches(const struct diagram *diagram, diagram_node f, uint32_t variable,
			    diagram_node *low, diagram_node *high)
{
	if (variable_of(diagram, f) == variable && !is_terminal(f)) {
		*low = diagram->nodes[f].low;
		*high = diagram->nodes[f].high;
	} else {
		*low = *high = f;
	}
}

static inline bool is_many_valued(const struct diagram *diagram, diagram_node node)
{
	return is_terminal(node) ? node > DIAGRAM_TRUE : diagram->nodes[node].many_valued;
}

/* f with every value but 0 turned into TRUE. */
diagram_node diagram_truth(struct diagram *diagram, diagram_node f);

/* cache.c: DIAGRAM_UNDECIDED when there is no entry. Remembering may fail silently. */
diagram_node cache_find_pair(const struct diagram *diagram, uint32_t operation, diagram_node f,
			     diagram_node g);
void cache_keep_pair(struct diagram *diagram, uint32_t operation, diagram_node f, diagram_node g,
		     diagram_node result);
diagram_node cache_find_choice(const struct diagram *diagram, diagram_node condition, diagram_node g,
			       diagram_node h);
void cache_keep_choice(struct diagram *diagram, diagram_node condition, diagram_node g, diagram_node h,
		       diagram_node result);

/* memo.c: results by node for the time of one call, none lost. */
struct memo {
	uint64_t *slots; /* (node + 1) << 32 | value; 0 when free */
	unsigned bits;
	size_t count;
};
/* Whether there is one; its value. */
bool memo_find(const struct memo *memo, diagram_node node, uint32_t *value);
/* 0 or -ENOMEM. The node must not be there yet. */
int memo_keep(struct memo *memo, diagram_node node, uint32_t value);
void memo_fini(struct memo *memo);

#endif
