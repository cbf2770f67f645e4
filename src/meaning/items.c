/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Chains as rows of items, and what each item matches. */
#include "extension/extension.h"
#include "meaning/analysis.h"

#include <errno.h>
#include <string.h>

static const struct {
	enum table_id table;
	enum hook hook;
} stage_chains[STAGE_COUNT] = {
	[STAGE_RAW] = {TABLE_RAW, HOOK_PREROUTING},
	[STAGE_MANGLE_PREROUTING] = {TABLE_MANGLE, HOOK_PREROUTING},
	[STAGE_MANGLE_INPUT] = {TABLE_MANGLE, HOOK_INPUT},
	[STAGE_FILTER_INPUT] = {TABLE_FILTER, HOOK_INPUT},
	[STAGE_MANGLE_FORWARD] = {TABLE_MANGLE, HOOK_FORWARD},
	[STAGE_FILTER_FORWARD] = {TABLE_FILTER, HOOK_FORWARD},
};

struct chain_meaning *analysis_chain(const struct analysis *analysis, const struct chain *chain)
{
	return &analysis->chains[chain->table->id][chain->order];
}

static int add_unit(struct analysis *analysis, struct unit unit, uint32_t *index)
{
	struct unit *slot = arena_push(analysis->arena, (void **)&analysis->units, &analysis->unit_count,
				       &analysis->unit_capacity, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = unit;
	*index = (uint32_t)(analysis->unit_count - 1);
	return 0;
}

static bool is_inputless(const struct interface_match *match)
{
	return match->name[0] == '\0' && !match->wildcard && !match->inverted;
}

/* All that the item's condition will ask the fields for. */
static int declare(struct analysis *analysis, const struct item *item)
{
	const struct rule *rule = item->rule;
	int result = 0;
	if (!is_inputless(&rule->in))
		result = fields_need_interface(analysis->fields, &rule->in);
	if (!result && !is_inputless(&rule->out))
		result = fields_need_interface(analysis->fields, &rule->out);
	for (uint32_t i = 0; i < rule->match_count && !result; i++) {
		const struct match *match = &rule->matches[i];
		if (match != item->key_match && match->type->declare)
			result = match->type->declare(match, rule, analysis->fields);
	}
	return result;
}

/* The set that the rule matches positively: of its members, hits can be counted. The first one, of one that is certain
 * alone. */
static int find_set_key(struct analysis *analysis, struct item *item)
{
	for (uint32_t i = 0; i < item->rule->match_count; i++) {
		struct set_meaning meaning;
		if (match_set_meaning(&item->rule->matches[i], analysis->fields, &meaning) && meaning.certain &&
		    !meaning.expiry) {
			item->predicate = meaning.certain;
			return 0;
		}
	}
	return 0;
}

static int split_chain(struct analysis *analysis, struct chain_meaning *meaning)
{
	const struct chain *chain = meaning->chain;
	for (size_t i = 0; i < chain->rule_count;) {
		struct item *item = arena_push(analysis->arena, (void **)&meaning->items, &meaning->item_count,
					       &meaning->item_capacity, sizeof(*item));
		if (!item)
			return -ENOMEM;
		*item = (struct item){.rule = &chain->rules[i], .count = 1};
		struct predicate *list = NULL;
		int result = list_find(analysis, &chain->rules[i], chain->rule_count - i, item, &list);
		if (result < 0)
			return result;
		result = declare(analysis, item);
		if (!result && list)
			result = fields_need_predicate(analysis->fields, list);
		else if (!result)
			result = find_set_key(analysis, item);
		if (result)
			return result;
		struct unit unit = {
			.kind = list ? UNIT_LIST : UNIT_RULE,
			.chain = chain,
			.rule = item->rule,
			.rule_count = item->count,
			.predicate = item->predicate,
		};
		result = add_unit(analysis, unit, &item->unit);
		if (result)
			return result;
		i += item->count;
	}
	return 0;
}

/* Callers stand behind the chains they call in table->ordered: one pass backwards finds all that can be reached. */
static int split_table(struct analysis *analysis, const struct table *table)
{
	struct chain_meaning *chains = analysis->chains[table->id];
	for (size_t i = table->chain_count; i-- > 0;) {
		struct chain_meaning *meaning = &chains[i];
		if (!meaning->reachable)
			continue;
		for (size_t r = 0; r < meaning->chain->rule_count; r++) {
			const struct target *target = &meaning->chain->rules[r].target;
			if (target->chain)
				analysis_chain(analysis, target->chain)->reachable = true;
		}
	}
	for (size_t i = 0; i < table->chain_count; i++) {
		int result = chains[i].reachable ? split_chain(analysis, &chains[i]) : 0;
		if (result)
			return result;
	}
	return 0;
}

static int prepare_table(struct analysis *analysis, const struct table *table)
{
	struct chain_meaning *chains = arena_array(analysis->arena, table->chain_count + 1, sizeof(*chains));
	if (!chains)
		return -ENOMEM;
	analysis->chains[table->id] = chains;
	for (size_t i = 0; i < table->chain_count; i++) {
		if (table->ordered[i]->order != i)
			return -EINVAL;
		chains[i].chain = table->ordered[i];
	}
	return 0;
}

int items_find(struct analysis *analysis)
{
	static const enum table_id tables[] = {TABLE_RAW, TABLE_MANGLE, TABLE_FILTER};
	if (analysis->options->interface) {
		struct interface_match match = {.name = ""};
		strncpy(match.name, analysis->options->interface, sizeof(match.name) - 1);
		int result = fields_need_interface(analysis->fields, &match);
		if (result)
			return result;
	}
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
		const struct table *table = &analysis->ruleset->tables[analysis->family][tables[t]];
		if (!table->present)
			continue;
		int result = prepare_table(analysis, table);
		if (result)
			return result;
		for (enum stage stage = 0; stage < STAGE_COUNT; stage++) {
			struct chain *chain = table->hooks[stage_chains[stage].hook];
			bool forward = stage_chains[stage].hook == HOOK_FORWARD;
			if (stage_chains[stage].table != tables[t] || !chain ||
			    (forward && analysis->forwarding == TRUTH_NO))
				continue;
			struct chain_meaning *meaning = analysis_chain(analysis, chain);
			meaning->reachable = true;
			analysis->stages[stage] = meaning;
			result = add_unit(analysis, (struct unit){.kind = UNIT_POLICY, .chain = chain},
					  &analysis->policy_units[stage]);
			if (result)
				return result;
		}
		result = split_table(analysis, table);
		if (result)
			return result;
	}
	return 0;
}

/* The part of the rule that is the kernel's ip_packet_match() or ip6_packet_match(). */
static diagram_node head_condition(const struct analysis *analysis, const struct rule *rule, bool key_is_source,
				   bool key_is_destination)
{
	const struct fields *fields = analysis->fields;
	struct diagram *diagram = analysis->diagram;
	diagram_node all = DIAGRAM_TRUE;
	if (rule->source.mask != 0 && !key_is_source) {
		diagram_node source =
			fields_masked(fields, FIELD_SOURCE, rule->source.value, rule->source.mask);
		all = diagram_and(diagram, all, rule->source.inverted ? diagram_not(diagram, source) : source);
	} else if (rule->source.inverted && !key_is_source) {
		all = DIAGRAM_FALSE; /* ! -s 0.0.0.0/0 */
	}
	if (rule->destination.mask != 0 && !key_is_destination) {
		diagram_node destination =
			fields_masked(fields, FIELD_DESTINATION, rule->destination.value, rule->destination.mask);
		all = diagram_and(diagram, all,
				  rule->destination.inverted ? diagram_not(diagram, destination) : destination);
	} else if (rule->destination.inverted && !key_is_destination) {
		all = DIAGRAM_FALSE;
	}
	if (!is_inputless(&rule->in)) {
		diagram_node in = fields_interface(fields, FIELD_IN, &rule->in);
		if (analysis->options->interface) {
			diagram_node known = fields_value(fields, FIELD_IN, analysis->in_index);
			in = diagram_and(diagram, in, known);
			if (in != DIAGRAM_UNDECIDED && in != DIAGRAM_FALSE)
				in = DIAGRAM_TRUE;
		}
		all = diagram_and(diagram, all, in);
	}
	if (!is_inputless(&rule->out))
		all = diagram_and(diagram, all, fields_interface(fields, FIELD_OUT, &rule->out));
	if (rule->fragment != FRAGMENT_ANY) {
		diagram_node late = fields_value(fields, FIELD_FRAGMENT, FRAGMENT_LATE);
		all = diagram_and(diagram, all,
				  rule->fragment == FRAGMENT_LATER ? late : diagram_not(diagram, late));
	}
	return all;
}

static diagram_node protocol_condition(const struct analysis *analysis, const struct rule *rule)
{
	if (rule->protocol == 0)
		return DIAGRAM_TRUE;
	diagram_node protocol = fields_value(analysis->fields, FIELD_PROTOCOL, rule->protocol);
	return rule->protocol_inverted ? diagram_not(analysis->diagram, protocol) : protocol;
}

static diagram_node target_outcome(struct analysis *analysis, const struct target *target)
{
	unsigned effects = target->type->effects & ~analysis->options->allowed;
	if (effects)
		return diagram_terminal(OUTCOME_BLOCKED);
	switch (target->type->kind) {
	case TARGET_ACCEPT:
		return diagram_terminal(OUTCOME_ACCEPT);
	case TARGET_DROP:
	case TARGET_REJECT: /* its answer is an effect, and allowed when we come here */
		return diagram_terminal(OUTCOME_DROP);
	case TARGET_RETURN:
		return diagram_terminal(OUTCOME_RETURN);
	case TARGET_CONTINUE:
		return diagram_terminal(OUTCOME_CONTINUE);
	case TARGET_NOTRACK:
		return diagram_terminal(OUTCOME_CONTINUE_UNTRACKED);
	case TARGET_JUMP:
		if (target->chain)
			return analysis_chain(analysis, target->chain)->outcome;
		return diagram_terminal(OUTCOME_BLOCKED);
	case TARGET_OPAQUE:
		break;
	}
	return diagram_terminal(OUTCOME_BLOCKED);
}

/* Whether the item may be passed, and whether it may lead back to the caller: seen without effects, for telling which
 * rules a packet comes to. A target that is not modelled may do either. */
static void mean_ways(struct analysis *analysis, struct item *item)
{
	struct diagram *diagram = analysis->diagram;
	const struct target *target = &item->rule->target;
	diagram_node missed = diagram_not(diagram, item->condition);
	item->goes_on = DIAGRAM_TRUE;
	item->goes_back = DIAGRAM_FALSE;
	switch (target->type->kind) {
	case TARGET_ACCEPT:
	case TARGET_DROP:
	case TARGET_REJECT:
		item->goes_on = missed;
		break;
	case TARGET_RETURN:
		item->goes_on = missed;
		item->goes_back = item->condition;
		break;
	case TARGET_JUMP:
		if (!target->chain)
			break;
		diagram_node back = analysis_chain(analysis, target->chain)->goes_back;
		if (target->is_goto) {
			item->goes_on = missed;
			item->goes_back = diagram_and(diagram, item->condition, back);
		} else {
			item->goes_on = diagram_or(diagram, missed, back);
		}
		break;
	case TARGET_OPAQUE:
		item->goes_back = item->condition;
		break;
	case TARGET_CONTINUE:
	case TARGET_NOTRACK:
		break;
	}
}

static diagram_node goto_outcome(void *context, uint32_t value)
{
	(void)context;
	if (value == OUTCOME_CONTINUE)
		return diagram_terminal(OUTCOME_RETURN);
	if (value == OUTCOME_CONTINUE_UNTRACKED)
		return diagram_terminal(OUTCOME_RETURN_UNTRACKED);
	return diagram_terminal(value);
}

static void mean_item(struct analysis *analysis, struct item *item)
{
	const struct rule *rule = item->rule;
	struct diagram *diagram = analysis->diagram;
	bool list = item->count > 1;
	bool key_source = list && (item->predicate->kind == PREDICATE_SOURCE ||
				   (item->predicate->kind == PREDICATE_PAIR && item->predicate->pair_source_address));
	bool key_destination =
		list && (item->predicate->kind == PREDICATE_DESTINATION ||
			 (item->predicate->kind == PREDICATE_PAIR && !item->predicate->pair_source_address));
	bool key_protocol = list && item->predicate->kind == PREDICATE_PAIR;
	diagram_node condition = head_condition(analysis, rule, key_source, key_destination);
	if (!key_protocol)
		condition = diagram_and(diagram, condition, protocol_condition(analysis, rule));
	if (list)
		condition = diagram_and(diagram, condition, fields_predicate(analysis->fields, item->predicate));
	/* Matches are evaluated one after the other, as far as they match: an effect happens where all before did. */
	diagram_node effects = DIAGRAM_FALSE;
	for (uint32_t i = 0; i < rule->match_count; i++) {
		const struct match *match = &rule->matches[i];
		if (match == item->key_match)
			continue;
		if (match->type->effects && (match->type->effects(match) & ~analysis->options->allowed))
			effects = diagram_or(diagram, effects, condition);
		condition =
			diagram_and(diagram, condition, match->type->mean(match, rule, analysis->fields));
	}
	item->condition = condition;
	diagram_node action = target_outcome(analysis, &rule->target);
	if (rule->target.is_goto)
		action = diagram_replace(diagram, goto_outcome, NULL, action);
	item->outcome = diagram_if(diagram, condition, action, diagram_terminal(OUTCOME_CONTINUE));
	item->outcome = diagram_if(diagram, effects, diagram_terminal(OUTCOME_BLOCKED), item->outcome);
	mean_ways(analysis, item);
}

int items_mean(struct analysis *analysis)
{
	analysis->diagram = analysis->fields->diagram;
	for (size_t i = 0; analysis->options->interface && i < analysis->fields->interface_count; i++)
		if (strncmp(analysis->fields->interfaces[i], analysis->options->interface, INTERFACE_NAME_MAX) == 0)
			analysis->in_index = (uint32_t)i;
	for (enum table_id t = 0; t < TABLE_COUNT; t++) {
		struct chain_meaning *chains = analysis->chains[t];
		const struct table *table = &analysis->ruleset->tables[analysis->family][t];
		for (size_t c = 0; chains && c < table->chain_count; c++) {
			for (size_t i = 0; i < chains[c].item_count; i++)
				mean_item(analysis, &chains[c].items[i]);
			int result = chains[c].reachable ? outcomes_compute(analysis, &chains[c]) : 0;
			if (result)
				return result;
		}
	}
	return 0;
}
