/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each table by itself: packets come to its built-in chains as the hook has them, whatever other tables did
 * to them before. From callers to callees, since callers stand behind in table->ordered, and within a chain
 * from rule to rule: what comes to a rule is what the ones before let go on. */
#include "meaning/reach.h"

#include "meaning/behaviour.h"
#include "ruleset/extension_type.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NODE_BUDGET (4u << 20)
#define ASKED_MAX 1000000  /* comparisons in finding who takes whose packets: beyond, it is not told */
#define REDUNDANT_MAX 3000 /* rules of a table: longer ones are not asked what they could do without */

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
	diagram_node *comes; /* packets that come to each rule */
	size_t asked;
	diagram_node *passes; /* packets that may come back from each chain */
	const bool *opaque;   /* variables of what is not modelled */
	/* Of the chain being walked: what each rule may match, and what it may let go on. */
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

/* The first rule before it that takes all by itself; `index` where none does. */
static size_t find_only_taker(const struct walk *walk, diagram_node own, size_t index)
{
	size_t i = 0;
	while (i < index && diagram_and(walk->diagram, own, walk->goes_on[i]) != DIAGRAM_FALSE)
		i++;
	return i;
}

/* The rules of the chain that take what this one matches. */
static int find_takers(struct walk *walk, const struct chain *chain, size_t index, struct rule_reach *reach)
{
	const struct rule *found[REACH_TAKERS];
	struct diagram *diagram = walk->diagram;
	diagram_node rest = diagram_and(diagram, walk->entries[chain->order], walk->conditions[index]);
	size_t count = 0, only = reach->reach == REACH_TAKEN ? find_only_taker(walk, rest, index) : index;
	if (only < index)
		found[count++] = &chain->rules[only];
	for (size_t i = 0; only == index && i < index && rest != DIAGRAM_FALSE && rest != DIAGRAM_UNDECIDED;
	     i++) {
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

/* What is not modelled may be either way: what comes to a rule is what may come. */
static diagram_node may(const struct walk *walk, diagram_node f)
{
	return diagram_exists(walk->diagram, f, walk->opaque);
}

static bool ends_walk(const struct rule *rule)
{
	switch (rule->target.type->kind) {
	case TARGET_ACCEPT:
	case TARGET_DROP:
	case TARGET_REJECT:
	case TARGET_RETURN:
		return true;
	case TARGET_REWRITE:
		return rule->target.type->nat;
	default:
		return rule->target.is_goto;
	}
}

/* What may go on behind the rule. */
static diagram_node passes_rule(const struct walk *walk, const struct rule *rule, diagram_node condition)
{
	struct diagram *diagram = walk->diagram;
	bool jumps = rule->target.chain && !rule->target.is_goto;
	if (!jumps && !ends_walk(rule))
		return DIAGRAM_TRUE;
	diagram_node missed = may(walk, diagram_not(diagram, condition));
	if (!jumps)
		return missed;
	return diagram_or(
	    diagram, missed,
	    diagram_and(diagram, may(walk, condition), walk->passes[rule->target.chain->order]));
}

static int find_conditions(struct walk *walk, const struct chain *chain)
{
	walk->conditions = calloc(chain->rule_count + 1, sizeof(*walk->conditions));
	walk->goes_on = calloc(chain->rule_count + 1, sizeof(*walk->goes_on));
	if (!walk->conditions || !walk->goes_on)
		return -ENOMEM;
	for (size_t i = 0; i < chain->rule_count; i++) {
		diagram_node condition = behaviour_condition(walk->behaviour, 0, &chain->rules[i]);
		walk->conditions[i] = may(walk, condition);
		walk->goes_on[i] = passes_rule(walk, &chain->rules[i], condition);
	}
	return 0;
}

static void forget_conditions(struct walk *walk)
{
	free(walk->conditions);
	free(walk->goes_on);
	walk->conditions = walk->goes_on = NULL;
}

/* Of all packets, those that may come back to a caller. */
static int find_passes(struct walk *walk, const struct chain *chain)
{
	struct diagram *diagram = walk->diagram;
	diagram_node in = DIAGRAM_TRUE, back = DIAGRAM_FALSE;
	int result = find_conditions(walk, chain);
	for (size_t i = 0; i < chain->rule_count && !result; i++) {
		const struct rule *rule = &chain->rules[i];
		diagram_node hit = DIAGRAM_FALSE;
		if (rule->target.type->kind == TARGET_RETURN)
			hit = walk->conditions[i];
		else if (rule->target.chain && rule->target.is_goto)
			hit = diagram_and(diagram, walk->conditions[i],
					  walk->passes[rule->target.chain->order]);
		back = diagram_or(diagram, back, diagram_and(diagram, in, hit));
		in = diagram_and(diagram, in, walk->goes_on[i]);
	}
	forget_conditions(walk);
	walk->passes[chain->order] = diagram_or(diagram, back, in);
	return result;
}

static int walk_chain(struct walk *walk, const struct chain *chain, diagram_node domain)
{
	struct diagram *diagram = walk->diagram;
	diagram_node *comes = walk->comes + walk->first[chain->order];
	diagram_node in = walk->entries[chain->order];
	int result = find_conditions(walk, chain);
	for (size_t i = 0; i < chain->rule_count && !result; i++) {
		const struct rule *rule = &chain->rules[i];
		struct rule_reach *reach = &walk->reaches[walk->first[chain->order] + i];
		comes[i] = in;
		judge(walk, chain, i, in, domain, reach);
		if ((reach->reach == REACH_TAKEN || reach->partly_taken) && walk->asked < ASKED_MAX) {
			walk->asked += i;
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
	forget_conditions(walk);
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

static int walk_table(struct walk *walk)
{
	const struct table *table = walk->table;
	int result = 0;
	walk->passes = calloc(table->chain_count + 1, sizeof(*walk->passes));
	walk->entries = calloc(table->chain_count + 1, sizeof(*walk->entries));
	walk->called = calloc(table->chain_count + 1, sizeof(*walk->called));
	if (!walk->entries || !walk->called || !walk->passes)
		result = -ENOMEM;
	for (size_t i = 0; i < table->chain_count && !result; i++)
		result = find_passes(walk, table->ordered[i]);
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
	free(walk->passes);
	return result;
}

/* --- what could be done without
 * ------------------------------------------------------------------------------------------------------- */

/* A rule that only counts is there for its counter. */
static bool only_counts(const struct rule *rule)
{
	return rule->target.type->kind == TARGET_CONTINUE && !rule->target.type->print;
}

/* From the last rule to the first: what the chain does from each on. Without the rule it would do what it
 * does from the next on. */
static void find_redundant(struct walk *walk, const struct chain *chain)
{
	struct diagram *diagram = walk->diagram;
	struct behaviour *behaviour = walk->behaviour;
	enum end_kind end = !chain->builtin                ? END_RETURN
			    : chain->policy == POLICY_DROP ? END_DROP
							   : END_ACCEPT;
	diagram_node rest = behaviour_end_node(behaviour, end);
	for (size_t i = chain->rule_count; i-- > 0 && rest != DIAGRAM_UNDECIDED;) {
		size_t number = walk->first[chain->order] + i;
		diagram_node own = walk->rules[chain->order][i];
		if (chain->builtin)
			own = behaviour_return_to(behaviour, own, end);
		diagram_node with = behaviour_sequence(behaviour, own, rest);
		diagram_node differs = behaviour_difference(behaviour, with, rest);
		walk->reaches[number].redundant =
		    walk->reaches[number].reach == REACH_SOME && !only_counts(&chain->rules[i]) &&
		    diagram_and(diagram, differs, walk->comes[number]) == DIAGRAM_FALSE;
		rest = with;
	}
}

static int find_all_redundant(struct walk *walk)
{
	size_t rules = 0;
	for (size_t i = 0; i < walk->table->chain_count; i++)
		rules += walk->table->chains[i]->rule_count;
	if (rules > REDUNDANT_MAX)
		return 0;
	int result = behaviour_rules(walk->behaviour, 0, walk->table->id, &walk->rules);
	for (size_t i = 0; i < walk->table->chain_count && !result; i++)
		find_redundant(walk, walk->table->ordered[i]);
	return result;
}

/* What is not modelled; and in raw the connection's state, which NOTRACK changes on the way. */
static const bool *find_opaque(const struct behaviour *behaviour, struct arena *arena, enum table_id table)
{
	const struct fields *fields = behaviour_fields(behaviour);
	bool *opaque = arena_array(arena, diagram_variables(fields->diagram) + 1, sizeof(*opaque));
	for (size_t i = 0; opaque && i < fields->predicate_count; i++)
		if (fields->predicates[i]->kind == PREDICATE_OPAQUE && !fields->predicates[i]->is_member)
			opaque[fields->predicates[i]->variable] = true;
	for (uint32_t i = 0; opaque && table == TABLE_RAW && i < fields->bits[FIELD_STATE]; i++)
		opaque[fields->first[FIELD_STATE] + i] = true;
	return opaque;
}

static int prepare(struct walk *walk, struct reach_report *report, struct behaviour *behaviour,
		   const struct table *table)
{
	size_t *first = arena_array(report->arena, table->chain_count + 1, sizeof(*first)), count = 0;
	if (!first)
		return -ENOMEM;
	for (size_t i = 0; i < table->chain_count; i++) {
		first[i] = count;
		count += table->ordered[i]->rule_count;
	}
	struct rule_reach *reaches = arena_array(report->arena, count, sizeof(*reaches));
	diagram_node *comes = calloc(count + 1, sizeof(*comes));
	if (!reaches || !comes) {
		free(comes);
		return -ENOMEM;
	}
	report->first[table->id] = first;
	report->rules[table->id] = reaches;
	*walk = (struct walk){
	    .behaviour = behaviour,
	    .diagram = behaviour_fields(behaviour)->diagram,
	    .arena = report->arena,
	    .table = table,
	    .reaches = reaches,
	    .first = first,
	    .comes = comes,
	    .opaque = find_opaque(behaviour, report->arena, table->id),
	};
	return walk->opaque ? 0 : -ENOMEM;
}

/* Who is reached is asked first, without a look at what rules do besides: it needs far fewer nodes. */
static int reach_all(struct reach_report *report, struct behaviour *behaviour, const struct ruleset *ruleset)
{
	struct walk walks[TABLE_COUNT] = {{0}};
	int result = 0;
	for (enum table_id id = 0; id < TABLE_COUNT && !result; id++) {
		result = prepare(&walks[id], report, behaviour, &ruleset->tables[report->family][id]);
		if (!result)
			result = walk_table(&walks[id]);
	}
	behaviour_look_at_all(behaviour);
	for (enum table_id id = 0; id < TABLE_COUNT && !result; id++)
		result = find_all_redundant(&walks[id]);
	for (enum table_id id = 0; id < TABLE_COUNT; id++)
		free(walks[id].comes);
	return result;
}

int reach_compute(const struct ruleset *ruleset, enum family family, size_t node_budget,
		  struct reach_report **out)
{
	const struct behaviour_options options = {
	    .node_budget = node_budget ? node_budget : NODE_BUDGET, .effects = true, .folded = true};
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
		result = reach_all(report, behaviour, ruleset);
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
