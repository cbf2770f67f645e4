/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Chains compared with a look at what they change of packets, for packets that neither side drops there.
 *
 * What stands before routing counts: PREROUTING, and OUTPUT, behind which the route is looked for once more
 * (ip_route_me_harder()). The mark of a connection counts everywhere where some rule before routing makes a
 * packet's mark of it. Marks that two chains of one hook give are not added up: they "may" differ. */
#include "meaning/routes.h"

#include "extension/extension.h"
#include "meaning/behaviour_private.h"

#include <string.h>

_Static_assert((int)ROUTING_MARK == (int)DIFFERENCE_MARK && (int)ROUTING_TOS == (int)DIFFERENCE_TOS &&
		   (int)ROUTING_TTL == (int)DIFFERENCE_TTL &&
		   (int)ROUTING_CONNMARK == (int)DIFFERENCE_CONNMARK,
	       "one is told as the other");

#define RESTORES (1u << 31) /* in tables[]: some rule makes the packet's mark of the connection's */

unsigned routes_target(const struct target *target)
{
	const struct target_type *type = target->type;
	struct set_uses uses;
	unsigned routing = 0;
	if (type->kind != TARGET_CHANGE)
		return 0;
	if (target_set_uses(target, &uses))
		return uses.looked_up ? ROUTING_MARK : 0;
	if (type->rewrites & KNOWN_MARK)
		routing |= type->effects ? ROUTING_CONNMARK : ROUTING_MARK;
	/* Not ECN, which has TCP's flags too: routing leaves its bits out (INET_DSCP_MASK). */
	if ((type->rewrites & KNOWN_TOS) && !(type->rewrites & KNOWN_TCP_FLAGS))
		routing |= ROUTING_TOS;
	if (type->rewrites & KNOWN_TTL)
		routing |= ROUTING_TTL;
	return routing;
}

static unsigned rule_routing(const struct rule *rule)
{
	unsigned routing = routes_target(&rule->target);
	if ((routing & ROUTING_MARK) && strcmp(rule->target.type->name, "CONNMARK") == 0)
		routing |= RESTORES;
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (rule->matches[i].type->changes)
			routing |= ROUTING_MARK;
	return routing;
}

void routes_find(const struct ruleset *const *sides, enum family family, unsigned tables[TABLE_COUNT])
{
	for (enum table_id id = 0; id < TABLE_COUNT; id++) {
		tables[id] = 0;
		for (size_t side = 0; side < SIDES_MAX; side++) {
			const struct table *table = &sides[side]->tables[family][id];
			for (size_t c = 0; c < table->chain_count; c++)
				for (size_t r = 0; r < table->chains[c]->rule_count; r++)
					tables[id] |= rule_routing(&table->chains[c]->rules[r]);
		}
	}
}

static unsigned wanted_at(const unsigned tables[TABLE_COUNT], enum table_id id, enum hook hook)
{
	unsigned all = 0, here = tables[id] & ~RESTORES;
	for (enum table_id other = 0; other < TABLE_COUNT; other++)
		all |= tables[other];
	if (!(all & RESTORES))
		here &= ~(unsigned)ROUTING_CONNMARK;
	return hook == HOOK_PREROUTING || hook == HOOK_OUTPUT ? here : here & ROUTING_CONNMARK;
}

struct comparing {
	struct traces *traces;
	unsigned wanted, found;
};

static bool is_one(const void *context, const struct event *event)
{
	return event->routing & *(const unsigned *)context;
}

static bool is_gone(const struct traces *traces, const struct end *end)
{
	const char *text = end->kind == END_OTHER ? traces->events[end->text].text : "";
	return end->kind == END_DROP || strncmp(text, "REJECT", 6) == 0;
}

static diagram_node on_ends(void *context, uint32_t a, uint32_t b)
{
	struct comparing *comparing = context;
	struct traces *traces = comparing->traces;
	const struct end first = traces->ends[a], second = traces->ends[b];
	diagram_node result = DIAGRAM_FALSE;
	if (first.trace == second.trace || is_gone(traces, &first) || is_gone(traces, &second))
		return result;
	for (unsigned one = 1; one <= comparing->wanted; one <<= 1) {
		if (!(comparing->wanted & one))
			continue;
		uint32_t before = traces_keep(traces, first.trace, is_one, &one);
		uint32_t after = traces_keep(traces, second.trace, is_one, &one);
		if (before == TRACE_FAILED || after == TRACE_FAILED)
			return DIAGRAM_UNDECIDED;
		if (before != after) {
			comparing->found |= one;
			result = DIAGRAM_TRUE;
		}
	}
	return result;
}

void routes_compare(struct behaviour *behaviour, const unsigned tables[TABLE_COUNT], diagram_node touched,
		    struct difference_chain *chain)
{
	struct diagram *diagram = behaviour->fields->diagram;
	struct comparing comparing = {.traces = &behaviour->traces,
				      .wanted = wanted_at(tables, chain->table, chain->hook)};
	diagram_node asked = diagram_and(diagram, touched, behaviour_domain(behaviour, chain->hook));
	diagram_node plain = compose_plain_end(behaviour, END_ACCEPT), ends[SIDES_MAX];
	if (!comparing.wanted || touched == DIAGRAM_FALSE || asked == DIAGRAM_FALSE)
		return;
	behaviour_look(behaviour, behaviour->needs | LOOK_CHANGES, NULL);
	for (size_t side = 0; side < SIDES_MAX; side++)
		ends[side] =
		    diagram_if(diagram, asked,
			       behaviour_chain(behaviour, side, chain->table, chain->hook, asked), plain);
	diagram_forget(diagram); /* what is found is told by the way */
	diagram_node differs = diagram_apply(diagram, on_ends, &comparing, ends[0], ends[1]);
	diagram_forget(diagram);
	if (differs == DIAGRAM_FALSE)
		return;
	chain->routing_answer = differs == DIAGRAM_UNDECIDED ? DIFFERENCE_UNDECIDED : DIFFERENCE_FOUND;
	chain->routing = differs == DIAGRAM_UNDECIDED ? comparing.wanted : comparing.found;
}
