/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The outcome of a chain, put together from its items as a balanced tree: left to right costs 100 times more
 * on a chain of some thousand rules, since each step then copies all that came before. */
#include "meaning/analysis.h"

#include <errno.h>

static diagram_node test_values(void *context, uint32_t values)
{
	const unsigned *wanted = context;
	return values & *wanted ? DIAGRAM_TRUE : DIAGRAM_FALSE;
}

diagram_node outcome_may(struct analysis *analysis, diagram_node outcome, unsigned values)
{
	return diagram_replace(analysis->diagram, test_values, &values, outcome);
}

#define GOES_ON (1u << OUTCOME_CONTINUE)
#define GOES_ON_UNTRACKED (1u << OUTCOME_CONTINUE_UNTRACKED)

/* What NOTRACK in front makes of these outcomes. */
static uint32_t untrack(uint32_t values)
{
	enum { SHIFT = OUTCOME_CONTINUE_UNTRACKED - OUTCOME_CONTINUE };
	_Static_assert(OUTCOME_RETURN_UNTRACKED - OUTCOME_RETURN == SHIFT &&
			   OUTCOME_ACCEPT_UNTRACKED - OUTCOME_ACCEPT == SHIFT,
		       "the untracked forms stand in the same order");
	uint32_t tracked = 1u << OUTCOME_CONTINUE | 1u << OUTCOME_RETURN | 1u << OUTCOME_ACCEPT;
	return (values & ~tracked) | (values & tracked) << SHIFT;
}

static diagram_node untrack_values(void *context, uint32_t values)
{
	(void)context;
	return diagram_terminal(untrack(values));
}

static diagram_node is_exactly(void *context, uint32_t values)
{
	const unsigned *wanted = context;
	return values == *wanted ? DIAGRAM_TRUE : DIAGRAM_FALSE;
}

static diagram_node is_mixed(void *context, uint32_t values)
{
	(void)context;
	bool mixed =
	    (values & (GOES_ON | GOES_ON_UNTRACKED)) && values != GOES_ON && values != GOES_ON_UNTRACKED;
	return mixed ? DIAGRAM_TRUE : DIAGRAM_FALSE;
}

/* Of two outcomes the limit, where it is one and the same. */
static uint32_t unite_values(uint32_t first, uint32_t second, uint32_t values)
{
	uint32_t limit = OUTCOME_LIMIT_MAX << OUTCOME_LIMIT_SHIFT;
	return (first & limit) == (second & limit) ? values : values & ~limit;
}

static diagram_node join(void *context, uint32_t first, uint32_t second)
{
	(void)context;
	uint32_t values = first & ~(GOES_ON | GOES_ON_UNTRACKED);
	if (first & GOES_ON)
		values |= second;
	if (first & GOES_ON_UNTRACKED)
		values |= untrack(second);
	return diagram_terminal(unite_values(first, second, values));
}

static diagram_node unite(void *context, uint32_t first, uint32_t second)
{
	(void)context;
	return diagram_terminal(unite_values(first, second, first | second));
}

/* f, and where it goes on, g. In raw, rules on the connection's state see UNTRACKED behind NOTRACK; elsewhere
 * no outcome is untracked, since NOTRACK stands in raw only. */
static diagram_node sequence(struct analysis *analysis, diagram_node f, diagram_node g)
{
	struct diagram *diagram = analysis->diagram;
	unsigned wanted = GOES_ON;
	diagram_node goes_on = diagram_replace(diagram, is_exactly, &wanted, f);
	diagram_node all = diagram_if(diagram, goes_on, g, f);
	wanted = GOES_ON_UNTRACKED;
	diagram_node untracked = diagram_replace(diagram, is_exactly, &wanted, f);
	diagram_node seen = g;
	if (untracked != DIAGRAM_FALSE) {
		seen = state_fixed(analysis, g, STATE_UNTRACKED);
		all =
		    diagram_if(diagram, untracked, diagram_replace(diagram, untrack_values, NULL, seen), all);
	}
	diagram_node mixed = diagram_replace(diagram, is_mixed, NULL, f);
	if (mixed != DIAGRAM_FALSE) {
		/* Where g hangs on the state, both of what it may see. */
		diagram_node either = g;
		if (outcome_may(analysis, f, GOES_ON_UNTRACKED) != DIAGRAM_FALSE)
			either =
			    diagram_apply(diagram, unite, NULL, g, state_fixed(analysis, g, STATE_UNTRACKED));
		diagram_node none = diagram_terminal(0);
		diagram_node joined = diagram_apply(diagram, join, NULL, diagram_if(diagram, mixed, f, none),
						    diagram_if(diagram, mixed, either, none));
		all = diagram_if(diagram, mixed, joined, all);
	}
	return all;
}

/* Depth: log2 of the number of items. Returns what leaves the run to the chain's caller. */
static struct bounds run_outcome(struct analysis *analysis, struct chain_meaning *chain, size_t node,
				 size_t first, size_t count)
{
	struct diagram *diagram = analysis->diagram;
	struct bounds *on = chain->goes_on;
	if (count == 1) {
		chain->outcomes[node] = chain->items[first].outcome;
		on[node] = chain->items[first].goes_on;
		return chain->items[first].goes_back;
	}
	size_t half = count / 2, left = 2 * node, right = 2 * node + 1;
	struct bounds left_back = run_outcome(analysis, chain, left, first, half);
	struct bounds right_back = run_outcome(analysis, chain, right, first + half, count - half);
	chain->outcomes[node] = sequence(analysis, chain->outcomes[left], chain->outcomes[right]);
	on[node].sure = diagram_and(diagram, on[left].sure, on[right].sure);
	on[node].may = diagram_and(diagram, on[left].may, on[right].may);
	return (struct bounds){
	    diagram_or(diagram, left_back.sure, diagram_and(diagram, on[left].sure, right_back.sure)),
	    diagram_or(diagram, left_back.may, diagram_and(diagram, on[left].may, right_back.may)),
	};
}

static diagram_node leave_user_chain(void *context, uint32_t values)
{
	(void)context;
	uint32_t back = values & (1u << OUTCOME_RETURN | 1u << OUTCOME_RETURN_UNTRACKED);
	return diagram_terminal((values & ~back) | back >> 1);
}

static diagram_node leave_builtin_chain(void *context, uint32_t values)
{
	const struct chain *chain = context;
	bool accept = chain->policy != POLICY_DROP;
	uint32_t tracked = 1u << OUTCOME_CONTINUE | 1u << OUTCOME_RETURN;
	uint32_t untracked = 1u << OUTCOME_CONTINUE_UNTRACKED | 1u << OUTCOME_RETURN_UNTRACKED;
	uint32_t rest = values & ~(tracked | untracked);
	if (values & tracked)
		rest |= 1u << (accept ? OUTCOME_ACCEPT : OUTCOME_DROP);
	if (values & untracked)
		rest |= 1u << (accept ? OUTCOME_ACCEPT_UNTRACKED : OUTCOME_DROP);
	return diagram_terminal(rest);
}

int outcomes_compute(struct analysis *analysis, struct chain_meaning *chain)
{
	struct diagram *diagram = analysis->diagram;
	diagram_node outcome = OUTCOME_SET(OUTCOME_CONTINUE);
	chain->goes_back = (struct bounds){DIAGRAM_TRUE, DIAGRAM_TRUE};
	if (chain->item_count > 0) {
		size_t size = 1;
		while (size < chain->item_count)
			size *= 2;
		chain->tree_size = 2 * size;
		chain->outcomes = arena_array(analysis->arena, chain->tree_size, sizeof(*chain->outcomes));
		chain->goes_on = arena_array(analysis->arena, chain->tree_size, sizeof(*chain->goes_on));
		if (!chain->outcomes || !chain->goes_on)
			return -ENOMEM;
		struct bounds back = run_outcome(analysis, chain, 1, 0, chain->item_count);
		chain->goes_back.sure = diagram_or(diagram, back.sure, chain->goes_on[1].sure);
		chain->goes_back.may = diagram_or(diagram, back.may, chain->goes_on[1].may);
		outcome = chain->outcomes[1];
	}
	if (chain->chain->builtin)
		chain->outcome = diagram_replace(diagram, leave_builtin_chain, (void *)chain->chain, outcome);
	else
		chain->outcome = diagram_replace(diagram, leave_user_chain, NULL, outcome);
	return 0;
}
