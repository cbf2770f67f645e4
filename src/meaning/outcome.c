/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The outcome of a chain, put together from its items as a balanced tree: left to right costs 100 times more on a
 * chain of some thousand rules, since each step then copies all that came before. */
#include "meaning/analysis.h"

#include <errno.h>

static diagram_node test_value(void *context, uint32_t value)
{
	const unsigned *values = context;
	return value < OUTCOME_COUNT && (*values >> value & 1) ? DIAGRAM_TRUE : DIAGRAM_FALSE;
}

diagram_node outcome_is(struct analysis *analysis, diagram_node outcome, unsigned values)
{
	return diagram_replace(analysis->diagram, test_value, &values, outcome);
}

static diagram_node untrack(void *context, uint32_t value)
{
	(void)context;
	switch (value) {
	case OUTCOME_CONTINUE:
		return diagram_terminal(OUTCOME_CONTINUE_UNTRACKED);
	case OUTCOME_RETURN:
		return diagram_terminal(OUTCOME_RETURN_UNTRACKED);
	case OUTCOME_ACCEPT:
		return diagram_terminal(OUTCOME_ACCEPT_UNTRACKED);
	default:
		return diagram_terminal(value);
	}
}

/* What g does to a packet that NOTRACK has marked before. In raw, rules on the connection's state then see UNTRACKED;
 * elsewhere f never gives an untracked outcome, since NOTRACK stands in raw only. */
static diagram_node after_notrack(struct analysis *analysis, diagram_node g)
{
	return diagram_replace(analysis->diagram, untrack, NULL, state_fixed(analysis, g, STATE_UNTRACKED));
}

/* f, and where it goes on, g. */
static diagram_node sequence(struct analysis *analysis, diagram_node f, diagram_node g)
{
	struct diagram *diagram = analysis->diagram;
	diagram_node untracked = outcome_is(analysis, f, 1u << OUTCOME_CONTINUE_UNTRACKED);
	diagram_node goes_on = outcome_is(analysis, f, 1u << OUTCOME_CONTINUE);
	diagram_node all = diagram_if(diagram, goes_on, g, f);
	if (untracked != DIAGRAM_FALSE)
		all = diagram_if(diagram, untracked, after_notrack(analysis, g), all);
	return all;
}

/* Depth: log2 of the number of items. Returns what leaves the run to the chain's caller. */
static diagram_node run_outcome(struct analysis *analysis, struct chain_meaning *chain, size_t node, size_t first,
				size_t count)
{
	struct diagram *diagram = analysis->diagram;
	if (count == 1) {
		chain->outcomes[node] = chain->items[first].outcome;
		chain->goes_on[node] = chain->items[first].goes_on;
		return chain->items[first].goes_back;
	}
	size_t half = count / 2, left = 2 * node, right = 2 * node + 1;
	diagram_node left_back = run_outcome(analysis, chain, left, first, half);
	diagram_node right_back = run_outcome(analysis, chain, right, first + half, count - half);
	chain->outcomes[node] = sequence(analysis, chain->outcomes[left], chain->outcomes[right]);
	chain->goes_on[node] = diagram_and(diagram, chain->goes_on[left], chain->goes_on[right]);
	return diagram_or(diagram, left_back, diagram_and(diagram, chain->goes_on[left], right_back));
}

static diagram_node leave_user_chain(void *context, uint32_t value)
{
	(void)context;
	if (value == OUTCOME_RETURN)
		return diagram_terminal(OUTCOME_CONTINUE);
	if (value == OUTCOME_RETURN_UNTRACKED)
		return diagram_terminal(OUTCOME_CONTINUE_UNTRACKED);
	return diagram_terminal(value);
}

static diagram_node leave_builtin_chain(void *context, uint32_t value)
{
	const struct chain *chain = context;
	bool accept = chain->policy != POLICY_DROP;
	switch (value) {
	case OUTCOME_CONTINUE:
	case OUTCOME_RETURN:
		return diagram_terminal(accept ? OUTCOME_ACCEPT : OUTCOME_DROP);
	case OUTCOME_CONTINUE_UNTRACKED:
	case OUTCOME_RETURN_UNTRACKED:
		return diagram_terminal(accept ? OUTCOME_ACCEPT_UNTRACKED : OUTCOME_DROP);
	default:
		return diagram_terminal(value);
	}
}

int outcomes_compute(struct analysis *analysis, struct chain_meaning *chain)
{
	diagram_node outcome = diagram_terminal(OUTCOME_CONTINUE);
	chain->goes_back = DIAGRAM_TRUE;
	if (chain->item_count > 0) {
		size_t size = 1;
		while (size < chain->item_count)
			size *= 2;
		chain->tree_size = 2 * size;
		chain->outcomes = arena_array(analysis->arena, chain->tree_size, sizeof(*chain->outcomes));
		chain->goes_on = arena_array(analysis->arena, chain->tree_size, sizeof(*chain->goes_on));
		if (!chain->outcomes || !chain->goes_on)
			return -ENOMEM;
		chain->goes_back = run_outcome(analysis, chain, 1, 0, chain->item_count);
		chain->goes_back = diagram_or(analysis->diagram, chain->goes_back, chain->goes_on[1]);
		outcome = chain->outcomes[1];
	}
	if (chain->chain->builtin)
		chain->outcome = diagram_replace(analysis->diagram, leave_builtin_chain, (void *)chain->chain, outcome);
	else
		chain->outcome = diagram_replace(analysis->diagram, leave_user_chain, NULL, outcome);
	return 0;
}
