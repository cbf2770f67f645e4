/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which matches with a memory packets may come to. A superset: rules before them that end the walk are not
 * taken into account, nor are other matches with a memory. */
#include "meaning/behaviour_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct asking {
	struct behaviour *behaviour;
	const bool *wanted;
	bool *asked;
	diagram_node askers;
};

static void ask(struct asking *asking, const void *owner, diagram_node here)
{
	uint32_t place = behaviour_place(asking->behaviour, owner);
	if (!place)
		return;
	if (asking->asked)
		asking->asked[place - 1] = true;
	if (!asking->wanted || asking->wanted[place - 1])
		asking->askers = diagram_or(asking->behaviour->fields->diagram, asking->askers, here);
}

/* Who is found in a set that counts changes what matches on its counters say. */
static void count(const struct asking *asking, const struct match *match)
{
	const struct places *places = &asking->behaviour->places;
	if (!asking->asked || !behaviour_counts(match))
		return;
	for (size_t i = 0; i < places->count; i++)
		asking->asked[i] |= places->all[i].memory == MEMORY_SETS;
}

diagram_node behaviour_askers(struct behaviour *behaviour, size_t side, enum table_id id, enum hook hook,
			      diagram_node domain, const bool *wanted, bool *asked)
{
	struct diagram *diagram = behaviour->fields->diagram;
	const struct table *table = &behaviour->sides[side]->tables[behaviour->family][id];
	const struct chain *from = table->present ? table->hooks[hook] : NULL;
	struct asking asking = {.behaviour = behaviour, .wanted = wanted, .askers = DIAGRAM_FALSE};
	asking.asked = asked;
	if (!from || !behaviour->places.count)
		return DIAGRAM_FALSE;
	diagram_node *comes = calloc(table->chain_count + 1, sizeof(*comes));
	if (!comes)
		return DIAGRAM_UNDECIDED;
	for (size_t i = 0; i <= from->order; i++)
		comes[i] = DIAGRAM_FALSE;
	comes[from->order] = domain;
	/* Callees stand before their callers. */
	for (size_t i = from->order + 1; i-- > 0;) {
		const struct chain *chain = table->ordered[i];
		for (size_t r = 0; r < chain->rule_count && comes[i] != DIAGRAM_FALSE; r++) {
			const struct rule *rule = &chain->rules[r];
			diagram_node here =
			    behaviour_any_state(behaviour, id, behaviour_touch(behaviour, side, rule));
			here = diagram_and(diagram, comes[i], here);
			if (here == DIAGRAM_FALSE)
				continue;
			for (uint32_t m = 0; m < rule->match_count; m++) {
				ask(&asking, &rule->matches[m], here);
				count(&asking, &rule->matches[m]);
			}
			ask(&asking, &rule->target, here);
			if (rule->target.chain) {
				size_t callee = rule->target.chain->order;
				comes[callee] = diagram_or(diagram, comes[callee], here);
			}
		}
	}
	free(comes);
	return asking.askers;
}

void behaviour_share_memory(const struct behaviour *behaviour, bool *asked)
{
	const struct places *places = &behaviour->places;
	unsigned shared = 0;
	for (size_t i = 0; i < places->count; i++)
		shared |= asked[i] ? places->all[i].memory : 0;
	for (size_t i = 0; i < places->count; i++)
		asked[i] |= (places->all[i].memory & shared) != 0;
}

bool behaviour_shares_memory(const struct behaviour *behaviour, enum table_id table)
{
	const struct places *places = &behaviour->places;
	unsigned own = 0, others = 0;
	for (size_t i = 0; i < places->count; i++)
		*(places->all[i].table == table ? &own : &others) |= places->all[i].memory;
	return own & others;
}

bool behaviour_support(const struct behaviour *behaviour, diagram_node f, bool *support)
{
	const struct diagram *diagram = behaviour->fields->diagram;
	size_t count = 0, capacity = 1024;
	uint32_t *stack = malloc(capacity * sizeof(*stack));
	uint8_t *seen = calloc(diagram_size(diagram) / 8 + 2, 1);
	bool done = stack && seen;
	if (done && f != DIAGRAM_UNDECIDED)
		stack[count++] = f;
	while (done && count > 0) {
		diagram_node node = stack[--count];
		if (diagram_is_terminal(node) || (seen[node / 8] >> node % 8 & 1))
			continue;
		seen[node / 8] |= (uint8_t)(1u << node % 8);
		support[diagram_variable(diagram, node)] = true;
		if (count + 2 > capacity) {
			uint32_t *more = reallocarray(stack, capacity *= 2, sizeof(*stack));
			if (!more) {
				done = false;
				break;
			}
			stack = more;
		}
		stack[count++] = diagram_low(diagram, node);
		stack[count++] = diagram_high(diagram, node);
	}
	free(stack);
	free(seen);
	return done;
}

int behaviour_hanging(const struct behaviour *behaviour, diagram_node f, bool *asked)
{
	uint32_t variables = diagram_variables(behaviour->fields->diagram);
	bool *support = calloc(variables + 1, sizeof(*support));
	bool failed = !support || !behaviour_support(behaviour, f, support);
	for (uint32_t i = 0; !failed && i < variables; i++)
		if (support[i] && behaviour->place_of[i])
			asked[behaviour->place_of[i] - 1] = true;
	free(support);
	return failed ? -ENOMEM : 0;
}

int behaviour_hanging_others(struct behaviour *behaviour, enum table_id table, enum hook hook,
			     unsigned events, const bool *reached, bool *asked)
{
	diagram_node askers = behaviour_askers(behaviour, 0, table, hook, DIAGRAM_TRUE, reached, NULL);
	if (askers == DIAGRAM_FALSE)
		return 0;
	behaviour_look(behaviour, events, NULL);
	diagram_node ends = behaviour_chain(behaviour, 0, table, hook, askers);
	ends = diagram_if(behaviour->fields->diagram, askers, ends, DIAGRAM_FALSE);
	for (size_t i = 0; ends == DIAGRAM_UNDECIDED && i < behaviour->places.count; i++)
		asked[i] |= reached[i];
	return behaviour_hanging(behaviour, ends, asked);
}
