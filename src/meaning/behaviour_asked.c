/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which matches with a memory packets may come to. A superset: rules before them that end the walk are not
 * taken into account, nor are other matches with a memory. */
#include "meaning/behaviour_private.h"

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
