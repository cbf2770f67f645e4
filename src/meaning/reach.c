/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each table by itself: packets come to its built-in chains as the hook has them, whatever other tables did
 * to them before. From callers to callees, since callers stand behind in table->ordered, and within a chain
 * from rule to rule: what comes to a rule is what the ones before let go on. */
#include "meaning/reach.h"

#include "meaning/behaviour.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NODE_BUDGET (4u << 20)
#define ASKED_MAX 4096     /* rules of which it is told who takes their packets */
#define REDUNDANT_MAX 2000 /* rules of a chain: longer ones are not asked what they could do without */

struct walk {
	struct behaviour *behaviour;
	struct diagram *diagram;
	struct arena *arena;
	const struct table *table;
	const diagram_node *const *rules; /* what each does, by chain */
	diagram_node *entries;            /* packets that come to each chain */
	bool *called;
	struct rule_reach *reaches; /* of the table's rules */
	const size_t *first;
	size_t asked;
	/* Of the chain being walked: what each rule matches, and what it lets go on. */
	diagram_node *conditions, *goes_on;
};

/* What comes to the rule, and of that what it matches. */
static void judge(struct walk *walk, const struct chain *chain, size_t index, diagram_node comes,
		  diagram_node wanted, struct rule_reach *reach)
{
	struct diagram *diagram = walk->diagram;
	diagram_node entry = walk->entries[chain->order];
	diagram_node condition = diagram_and(diagram, wanted, walk->conditions[index]);
	diagram_node own = diagram_and(diagram, condition, entry),
		     hit = diagram_and(diagram, condition, comes);
	if (hit == DIAGRAM_UNDECIDED || own == DIAGRAM_UNDECIDED) {
		reach->reach = REACH_UNDECIDED;
		return;
	}
	reach->reach = !walk->called[chain->order]  ? REACH_UNCALLED
		       : condition == DIAGRAM_FALSE ? REACH_CONTRADICTS
		       : hit == DIAGRAM_FALSE       ? REACH_TAKEN
						    : REACH_SOME;
	reach->partly_taken = reach->reach == REACH_SOME && hit != own;
}

/* The rules of the chain that take what this one matches. */
static int find_takers(struct walk *walk, const struct chain *chain, size_t index, struct rule_reach *reach)
{
	const struct rule *found[REACH_TAKERS];
	struct diagram *diagram = walk->diagram;
	diagram_node rest = diagram_and(diagram, walk->entries[chain->order], walk->conditions[index]);
	size_t count = 0;
	for (size_t i = 0; i < index && rest != DIAGRAM_FALSE && rest != DIAGRAM_UNDECIDED; i++) {
		diagram_node left = diagram_and(diagram, rest, walk->goes_on[i]);
		if (left == rest)
			continue;
		if (count < REACH_TAKERS)
			found[count++] = &chain->rules[i];
		else
			reach->more = true;
		rest = left;
	}
	const struct rule **takers = arena_array(walk->arena, count, sizeof(*takers));
	if (!takers)
		return -ENOMEM;
	memcpy(takers, found, count * sizeof(*takers));
	reach->takers = takers;
	reach->taker_count = count;
	return 0;
}

/* From the last rule to the first: what the chain does from each on. Without the rule it would do what it
 * does from the next on. */
static int find_redundant(struct walk *walk, const struct chain *chain, const diagram_node *comes)
{
	struct diagram *diagram = walk->diagram;
	struct behaviour *behaviour = walk->behaviour;
	enum end_kind end = !chain->builtin                ? END_RETURN
			    : chain->policy == POLICY_DROP ? END_DROP
							   : END_ACCEPT;
	diagram_node rest = behaviour_end_node(behaviour, end);
	if (chain->rule_count > REDUNDANT_MAX)
		return 0;
	for (size_t i = chain->rule_count; i-- > 0;) {
		diagram_node own = walk->rules[chain->order][i];
		if (chain->builtin)
			own = behaviour_return_to(behaviour, own, end);
		diagram_node with = behaviour_sequence(behaviour, own, rest);
		diagram_node differs = behaviour_difference(behaviour, with, rest);
		struct rule_reach *reach = &walk->reaches[walk->first[chain->order] + i];
		reach->redundant =
		    reach->reach == REACH_SOME && diagram_and(diagram, differs, comes[i]) == DIAGRAM_FALSE;
		rest = with;
		if (rest == DIAGRAM_UNDECIDED)
			break;
	}
	return 0;
}

static int walk_chain(struct walk *walk, const struct chain *chain, diagram_node domain)
{
	struct diagram *diagram = walk->diagram;
	diagram_node *comes = calloc(chain->rule_count + 1, sizeof(*comes));
	walk->conditions = calloc(chain->rule_count + 1, sizeof(*walk->conditions));
	walk->goes_on = calloc(chain->rule_count + 1, sizeof(*walk->goes_on));
	int result = comes && walk->conditions && walk->goes_on ? 0 : -ENOMEM;
	for (size_t i = 0; i < chain->rule_count && !result; i++) {
		walk->conditions[i] = behaviour_condition(walk->behaviour, 0, &chain->rules[i]);
		walk->goes_on[i] = behaviour_goes_on(walk->behaviour, walk->rules[chain->order][i]);
	}
	diagram_node in = walk->entries[chain->order];
	for (size_t i = 0; i < chain->rule_count && !result; i++) {
		const struct rule *rule = &chain->rules[i];
		struct rule_reach *reach = &walk->reaches[walk->first[chain->order] + i];
		comes[i] = in;
		judge(walk, chain, i, in, domain, reach);
		if ((reach->reach == REACH_TAKEN || reach->partly_taken) && walk->asked < ASKED_MAX) {
			walk->asked++;
			result = find_takers(walk, chain, i, reach);
		}
		if (rule->target.chain) {
			size_t callee = rule->target.chain->order;
			diagram_node hit = diagram_and(diagram, in, walk->conditions[i]);
			walk->entries[callee] = diagram_or(diagram, walk->entries[callee], hit);
			walk->called[callee] |= walk->called[chain->order];
		}
		in = diagram_and(diagram, in, walk->goes_on[i]);
	}
	if (!result && walk->called[chain->order])
		result = find_redundant(walk, chain, comes);
	free(comes);
	free(walk->conditions);
	free(walk->goes_on);
	return result;
}

/* Packets of any hook from which the chain is reached. */
static diagram_node chain_domain(struct walk *walk, const struct chain *chain)
{
	diagram_node domain = DIAGRAM_FALSE;
	for (enum hook hook = 0; hook < HOOK_COUNT; hook++)
		if (chain->builtin ? chain->hook == hook : !chain->reached || (chain->reached >> hook & 1))
			domain = diagram_or(walk->diagram, domain, behaviour_domain(walk->behaviour, hook));
	return domain;
}

static int walk_table(struct walk *walk, enum table_id id)
{
	const struct table *table = walk->table;
	int result = behaviour_rules(walk->behaviour, 0, id, &walk->rules);
	walk->entries = calloc(table->chain_count + 1, sizeof(*walk->entries));
	walk->called = calloc(table->chain_count + 1, sizeof(*walk->called));
	if (!walk->entries || !walk->called)
		result = -ENOMEM;
	for (size_t i = 0; i < table->chain_count && !result; i++) {
		const struct chain *chain = table->ordered[i];
		walk->entries[i] =
		    chain->builtin ? behaviour_domain(walk->behaviour, chain->hook) : DIAGRAM_FALSE;
		walk->called[i] = chain->builtin;
	}
	for (size_t i = table->chain_count; i-- > 0 && !result;)
		result = walk_chain(walk, table->ordered[i], chain_domain(walk, table->ordered[i]));
	free(walk->entries);
	free(walk->called);
	return result;
}

static int reach_table(struct reach_report *report, struct behaviour *behaviour, const struct table *table,
		       enum table_id id)
{
	size_t *first = arena_array(report->arena, table->chain_count + 1, sizeof(*first)), count = 0;
	if (!first)
		return -ENOMEM;
	for (size_t i = 0; i < table->chain_count; i++) {
		first[i] = count;
		count += table->ordered[i]->rule_count;
	}
	struct rule_reach *reaches = arena_array(report->arena, count, sizeof(*reaches));
	if (!reaches)
		return -ENOMEM;
	report->first[id] = first;
	report->rules[id] = reaches;
	struct walk walk = {
	    .behaviour = behaviour,
	    .diagram = behaviour_fields(behaviour)->diagram,
	    .arena = report->arena,
	    .table = table,
	    .reaches = reaches,
	    .first = first,
	};
	return walk_table(&walk, id);
}

int reach_compute(const struct ruleset *ruleset, enum family family, size_t node_budget,
		  struct reach_report **out)
{
	const struct behaviour_options options = {.node_budget = node_budget ? node_budget : NODE_BUDGET,
						  .effects = true};
	struct arena *arena = arena_new();
	struct reach_report *report = arena ? arena_alloc(arena, sizeof(*report)) : NULL;
	struct behaviour *behaviour = NULL;
	if (!report) {
		arena_free(arena);
		return -ENOMEM;
	}
	*report = (struct reach_report){.arena = arena, .family = family};
	int result = behaviour_new(family, &ruleset, 1, &options, &behaviour);
	bool too_many = result == -E2BIG;
	if (!result)
		behaviour_look_at_all(behaviour);
	for (enum table_id id = 0; id < TABLE_COUNT && !result; id++)
		result = reach_table(report, behaviour, &ruleset->tables[family][id], id);
	behaviour_free(behaviour);
	if (result && !too_many) {
		reach_free(report);
		return result;
	}
	*out = report;
	return 0;
}

void reach_free(struct reach_report *report)
{
	if (report)
		arena_free(report->arena);
}

const struct rule_reach *reach_of(const struct reach_report *report, const struct rule *rule)
{
	static const struct rule_reach undecided = {.reach = REACH_UNDECIDED};
	const struct table *table = rule->chain->table;
	if (table->family != report->family || !report->rules[table->id])
		return &undecided;
	return &report->rules[table->id][report->first[table->id][rule->chain->order] + (rule->number - 1)];
}
