/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Multi-terminal, ordered, reduced, hash-consed decision diagrams over boolean variables. Variable 0 is
 * tested first. Knows nothing of firewalls.
 *
 * Two nodes of one diagram are the same function exactly when their numbers are equal. Nodes are never freed
 * one by one; they live as long as the diagram. When the node budget is used up, or memory is short, an
 * operation gives DIAGRAM_UNDECIDED, and every operation on DIAGRAM_UNDECIDED gives it again: "undecided" can
 * never be taken for an answer. No operation recurses deeper than the number of variables. */
#ifndef WEIR_DIAGRAM_DIAGRAM_H
#define WEIR_DIAGRAM_DIAGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct diagram;
typedef uint32_t diagram_node;

#define DIAGRAM_VARIABLES_MAX 16384u
#define DIAGRAM_TERMINAL_MAX ((1u << 30) - 1)
#define DIAGRAM_UNDECIDED UINT32_MAX
/* A terminal's node number has this bit set and the value below it: no look-up is needed to tell. */
#define DIAGRAM_TERMINAL_BIT (1u << 30)
#define DIAGRAM_FALSE DIAGRAM_TERMINAL_BIT
#define DIAGRAM_TRUE (DIAGRAM_TERMINAL_BIT | 1u)

static inline diagram_node diagram_terminal(uint32_t value)
{
	return value <= DIAGRAM_TERMINAL_MAX ? DIAGRAM_TERMINAL_BIT | value : DIAGRAM_UNDECIDED;
}
static inline bool diagram_is_terminal(diagram_node node)
{
	return node != DIAGRAM_UNDECIDED && (node & DIAGRAM_TERMINAL_BIT);
}
static inline uint32_t diagram_value(diagram_node node)
{
	return node & ~DIAGRAM_TERMINAL_BIT;
}

/* `budget`: the most inner nodes that may ever be made (at most 2^30 - 1). NULL when memory is short or the
 * arguments are out of range. */
struct diagram *diagram_new(uint32_t variables, size_t budget);
/* No node is made any more from that moment on (clock_seconds(); 0: never), as if the budget had been met. It
 * is looked for every thousand nodes. */
void diagram_until(struct diagram *diagram, double deadline);
/* Another budget from now on, which may be met or not whatever the last one was; 0: the same. Returns what it
 * was before. */
size_t diagram_allow(struct diagram *diagram, size_t budget);
/* Half of what is left of that budget. */
void diagram_allow_half(struct diagram *diagram, size_t budget);
void diagram_free(struct diagram *diagram);
uint32_t diagram_variables(const struct diagram *diagram);
/* Inner nodes made so far, and whether the budget has been met. */
size_t diagram_size(const struct diagram *diagram);
bool diagram_exhausted(const struct diagram *diagram);

/* The inner node's variable and its two branches. Terminals: variable is diagram_variables(). */
uint32_t diagram_variable(const struct diagram *diagram, diagram_node node);
diagram_node diagram_low(const struct diagram *diagram, diagram_node node);
diagram_node diagram_high(const struct diagram *diagram, diagram_node node);

/* The node that tests `variable`; low and high must test only later variables. */
diagram_node diagram_make(struct diagram *diagram, uint32_t variable, diagram_node low, diagram_node high);

/* Boolean operations: f must have terminals FALSE and TRUE only (any value but 0 counts as TRUE). */
diagram_node diagram_not(struct diagram *diagram, diagram_node f);
diagram_node diagram_and(struct diagram *diagram, diagram_node f, diagram_node g);
diagram_node diagram_or(struct diagram *diagram, diagram_node f, diagram_node g);
/* f and not g. */
diagram_node diagram_minus(struct diagram *diagram, diagram_node f, diagram_node g);
/* condition ? g : h; g and h with any terminals. */
diagram_node diagram_if(struct diagram *diagram, diagram_node condition, diagram_node g, diagram_node h);

/* A binary operation on terminal values, applied pointwise. `operation` must be a pure function; results are
 * cached under its address and context until diagram_forget(). It may give DIAGRAM_UNDECIDED to give up. */
typedef diagram_node (*diagram_operation)(void *context, uint32_t a, uint32_t b);
diagram_node diagram_apply(struct diagram *diagram, diagram_operation operation, void *context,
			   diagram_node f, diagram_node g);
/* Each terminal of f replaced by the node `replace` gives for its value (a terminal, or a node whose
 * variables may be any: the result is composed with diagram_if, pointwise). */
typedef diagram_node (*diagram_replacement)(void *context, uint32_t value);
diagram_node diagram_replace(struct diagram *diagram, diagram_replacement replace, void *context,
			     diagram_node f);
/* Drops cached results of diagram_apply (needed before a context is changed or its memory reused). */
void diagram_forget(struct diagram *diagram);

/* Quantification of boolean f over the variables v with quantified[v] true (an array of diagram_variables()).
 */
diagram_node diagram_forall(struct diagram *diagram, diagram_node f, const bool *quantified);
diagram_node diagram_exists(struct diagram *diagram, diagram_node f, const bool *quantified);
/* f with variables fixed: values[v] is 0 or 1, or -1 to leave v. */
diagram_node diagram_restrict(struct diagram *diagram, diagram_node f, const int8_t *values);

/* The terminal value at a full assignment (bits[v] for each variable v). */
uint32_t diagram_evaluate(const struct diagram *diagram, diagram_node f, const bool *bits);
/* One assignment with a value other than 0: values[v] is 0, 1, or -1 for "either". false when there is none
 * (or f is undecided). `seed` picks among several; 0 gives the first in order. */
bool diagram_witness(const struct diagram *diagram, diagram_node f, uint64_t seed, int8_t *values);
/* Nodes reachable from f, terminals not counted. SIZE_MAX when memory is short. */
size_t diagram_count(const struct diagram *diagram, diagram_node f);
/* Share of all assignments with a value other than 0: 0 to 1. Not a number when f is undecided or memory is
 * short. */
double diagram_share(struct diagram *diagram, diagram_node f);

/* Builders over `bits` consecutive variables from `first`, most significant bit first; a value's bit (bits -
 * 1) is tested by `first`. bits is at most 128. */
typedef unsigned __int128 diagram_word;
diagram_node diagram_cube(struct diagram *diagram, uint32_t first, uint32_t bits, diagram_word value,
			  diagram_word mask);
/* low <= value <= high, both inclusive. */
diagram_node diagram_interval(struct diagram *diagram, uint32_t first, uint32_t bits, diagram_word low,
			      diagram_word high);

/* Many ranges at once, disjoint and ascending, each leading to its own `rest`; all other values lead to
 * `otherwise`. None of these may test a variable before the end of the block. Costs count * bits steps.
 * DIAGRAM_UNDECIDED also when the ranges are not as said. */
struct diagram_range {
	diagram_word low, high; /* both inclusive */
	diagram_node rest;
};
diagram_node diagram_ranges(struct diagram *diagram, uint32_t first, uint32_t bits,
			    const struct diagram_range *ranges, size_t count, diagram_node otherwise);

/* The other way: f as a function of those variables, in ascending order of value: `visit` gets each maximal
 * run low..high on which f leads to one node `rest` that tests no variable of the block. f must not test a
 * variable before `first`. Stops with what visit returns when that is not 0; -EDOM when f is undecided. There
 * may be as many runs as values (f tests the last bit alone): a visit that cannot take any number must count
 * and stop. */
typedef int (*diagram_visit)(void *context, diagram_word low, diagram_word high, diagram_node rest);
int diagram_intervals(const struct diagram *diagram, diagram_node f, uint32_t first, uint32_t bits,
		      diagram_visit visit, void *context);
/* Where f leads when the block has this value. */
diagram_node diagram_descend(const struct diagram *diagram, diagram_node f, uint32_t first, uint32_t bits,
			     diagram_word value);

#endif
