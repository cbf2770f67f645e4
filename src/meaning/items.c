/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Chains as rows of items, and what each item matches. */
#include "extension/extension.h"
#include "meaning/analysis.h"
#include "meaning/head.h"
#include "ruleset/rule_parser.h"

#include <errno.h>
#include <string.h>

static const struct {
	enum table_id table;
	enum hook hook;
} stage_chains[STAGE_COUNT] = {
    [STAGE_RAW] = {TABLE_RAW, HOOK_PREROUTING},
    [STAGE_MANGLE_PREROUTING] = {TABLE_MANGLE, HOOK_PREROUTING},
    [STAGE_NAT_PREROUTING] = {TABLE_NAT, HOOK_PREROUTING},
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

/* All that the item's condition will ask the fields for. */
static int declare(struct analysis *analysis, const struct item *item)
{
	const struct rule *rule = item->rule;
	int result = head_declare(analysis->fields, rule);
	for (uint32_t i = 0; i < rule->match_count && !result; i++) {
		const struct match *match = &rule->matches[i];
		if (match != item->key_match && match->type->declare)
			result = match->type->declare(match, rule, analysis->fields);
	}
	return result;
}

/* The set that the rule matches positively: of its members, hits can be counted. The first one, of one that
 * is certain alone. */
static int find_set_key(struct analysis *analysis, struct item *item)
{
	for (uint32_t i = 0; i < item->rule->match_count; i++) {
		struct set_meaning meaning;
		if (match_set_meaning(&item->rule->matches[i], analysis->fields, &meaning) &&
		    meaning.certain && !meaning.expiry) {
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
		struct item *item = arena_push(analysis->arena, (void **)&meaning->items,
					       &meaning->item_count, &meaning->item_capacity, sizeof(*item));
		if (!item)
			return -ENOMEM;
		*item = (struct item){.rule = &chain->rules[i], .count = 1};
		struct predicate *list = NULL;
		int result = 0;
		if (!analysis->rule_limit || meaning->item_count <= analysis->rule_limit) {
			result = list_find(analysis, &chain->rules[i], chain->rule_count - i, item, &list);
			if (result >= 0)
				result = declare(analysis, item);
			if (!result && list)
				result = fields_need_predicate(analysis->fields, list);
			else if (!result)
				result = find_set_key(analysis, item);
		}
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
		if (!result)
			result = limit_find(analysis, item);
		if (result)
			return result;
		i += item->count;
	}
	return 0;
}

/* Callers stand behind the chains they call in table->ordered: one pass backwards finds all that can be
 * reached. */
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
		if (chains[i].item_count > analysis->longest)
			analysis->longest = chains[i].item_count;
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
	static const enum table_id tables[] = {TABLE_RAW, TABLE_MANGLE, TABLE_NAT, TABLE_FILTER};
	if (analysis->options->interface) {
		struct interface_match match = {.name = ""};
		size_t length = strnlen(analysis->options->interface, sizeof(match.name));
		if (length == sizeof(match.name))
			return -EINVAL;
		memcpy(match.name, analysis->options->interface, length);
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

/* A mask with holes cuts the addresses into 2^holes ranges: too many of them make no table. */
#define HOLES_MAX 12

static bool address_is_scattered(const struct analysis *analysis, const struct address_match *match)
{
	address mask = match->mask, all = family_max(analysis->family);
	if (mask == 0)
		return false;
	while (!(mask & 1)) {
		mask >>= 1;
		all >>= 1;
	}
	address holes = all & ~mask;
	unsigned count = (unsigned)__builtin_popcountll((uint64_t)holes) +
			 (unsigned)__builtin_popcountll((uint64_t)(holes >> 64));
	return count > HOLES_MAX;
}

bool rule_is_scattered(const struct analysis *analysis, const struct rule *rule)
{
	return address_is_scattered(analysis, &rule->source) ||
	       address_is_scattered(analysis, &rule->destination);
}

/* What it asks of one address. */
static struct bounds address_bounds(const struct analysis *analysis, enum field field,
				    const struct address_match *match)
{
	if (address_is_scattered(analysis, match))
		return (struct bounds){DIAGRAM_FALSE, DIAGRAM_TRUE};
	diagram_node inside = head_address(analysis->fields, field, match);
	return (struct bounds){inside, inside};
}

static struct bounds both(const struct analysis *analysis, struct bounds a, struct bounds b)
{
	return (struct bounds){diagram_and(analysis->diagram, a.sure, b.sure),
			       diagram_and(analysis->diagram, a.may, b.may)};
}

static diagram_node interface_condition(const struct analysis *analysis, const struct rule *rule)
{
	const struct fields *fields = analysis->fields;
	struct diagram *diagram = analysis->diagram;
	diagram_node in = head_input(fields, rule);
	if (analysis->options->interface && in != DIAGRAM_TRUE) {
		in = diagram_and(diagram, in, fields_value(fields, FIELD_IN, analysis->in_index));
		if (in != DIAGRAM_UNDECIDED && in != DIAGRAM_FALSE)
			in = DIAGRAM_TRUE;
	}
	return diagram_and(diagram, in, head_output(fields, rule));
}

/* The part of the rule that is the kernel's ip_packet_match() or ip6_packet_match(), but for the protocol. */
static struct bounds head_bounds(const struct analysis *analysis, const struct rule *rule, bool key_is_source,
				 bool key_is_destination)
{
	diagram_node all = interface_condition(analysis, rule);
	all = diagram_and(analysis->diagram, all, head_fragment(analysis->fields, rule));
	struct bounds head = {all, all};
	if (!key_is_source)
		head = both(analysis, head, address_bounds(analysis, FIELD_SOURCE, &rule->source));
	if (!key_is_destination)
		head = both(analysis, head, address_bounds(analysis, FIELD_DESTINATION, &rule->destination));
	return head;
}

/* NAT's own targets end their table; what they do to the destination is unknown behind it (nat_forall()). */
static bool is_nat_target(const struct rule *rule)
{
	static const char *const names[] = {"DNAT", "REDIRECT", "NETMAP", "MASQUERADE", "SNAT"};
	const struct opaque_data *opaque = rule->target.data;
	if (rule->chain->table->id != TABLE_NAT || rule->target.type->nat)
		return rule->chain->table->id == TABLE_NAT;
	for (size_t i = 0; opaque && !rule->target.type->modelled && i < sizeof(names) / sizeof(names[0]);
	     i++)
		if (text_is(opaque->name, names[i]))
			return true;
	return false;
}

/* Whether a change comes too late to have another way chosen for the packet, as a mark or a service can. A
 * chain of one's own in raw or mangle may be called from PREROUTING. */
static bool changes_after_routing(const struct rule *rule)
{
	const struct chain *chain = rule->chain;
	if (chain->table->id == TABLE_FILTER || chain->table->id == TABLE_SECURITY)
		return true;
	return chain->builtin && (chain->hook == HOOK_INPUT || chain->hook == HOOK_FORWARD);
}

/* The possible outcomes of a packet that matches. */
static diagram_node target_outcome(struct analysis *analysis, const struct rule *rule)
{
	const struct target *target = &rule->target;
	if (is_nat_target(rule))
		return OUTCOME_SET(OUTCOME_ACCEPT);
	unsigned effects = target->type->effects & ~analysis->options->allowed;
	if (effects)
		return OUTCOME_SET(OUTCOME_BLOCKED);
	switch (target->type->kind) {
	case TARGET_ACCEPT:
		return OUTCOME_SET(OUTCOME_ACCEPT);
	case TARGET_DROP:
	case TARGET_REJECT: /* its answer is an effect, and allowed when we come here */
		return OUTCOME_SET(OUTCOME_DROP);
	case TARGET_RETURN:
		return OUTCOME_SET(OUTCOME_RETURN);
	case TARGET_CONTINUE:
		return OUTCOME_SET(OUTCOME_CONTINUE);
	case TARGET_NOTRACK:
		return OUTCOME_SET(OUTCOME_CONTINUE_UNTRACKED);
	case TARGET_JUMP:
		if (target->chain)
			return analysis_chain(analysis, target->chain)->outcome;
		break;
	case TARGET_CHANGE:
		return changes_after_routing(rule) ? OUTCOME_SET(OUTCOME_CONTINUE)
						   : OUTCOME_SET(OUTCOME_BLOCKED);
	case TARGET_REWRITE:
	case TARGET_QUEUE:
	case TARGET_OPAQUE:
		break;
	}
	return OUTCOME_SET(OUTCOME_BLOCKED);
}

static diagram_node goto_outcome(void *context, uint32_t values)
{
	(void)context;
	uint32_t back = values & (1u << OUTCOME_CONTINUE | 1u << OUTCOME_CONTINUE_UNTRACKED);
	_Static_assert(OUTCOME_RETURN == OUTCOME_CONTINUE + 1 &&
			   OUTCOME_RETURN_UNTRACKED == OUTCOME_CONTINUE_UNTRACKED + 1,
		       "shifting by one turns going on into going back");
	return diagram_terminal((values & ~back) | back << 1);
}

static diagram_node may_go_on(void *context, uint32_t values)
{
	(void)context;
	return diagram_terminal(values | 1u << OUTCOME_CONTINUE);
}

/* Whether the item is passed, and whether it leads back to the caller: seen without effects, for telling
 * which rules a packet comes to. A target that is not modelled may do either. */
static void mean_ways(struct analysis *analysis, struct item *item)
{
	struct diagram *diagram = analysis->diagram;
	const struct target *target = &item->rule->target;
	struct bounds matches = item->matches;
	struct bounds missed = {diagram_not(diagram, matches.may), diagram_not(diagram, matches.sure)};
	item->goes_on = missed;
	item->goes_back = (struct bounds){DIAGRAM_FALSE, DIAGRAM_FALSE};
	switch (target->type->kind) {
	case TARGET_ACCEPT:
	case TARGET_DROP:
	case TARGET_REJECT:
		break;
	case TARGET_RETURN:
		item->goes_back = matches;
		break;
	case TARGET_JUMP:
		if (target->chain) {
			struct bounds back = analysis_chain(analysis, target->chain)->goes_back;
			if (target->is_goto) {
				item->goes_back.sure = diagram_and(diagram, matches.sure, back.sure);
				item->goes_back.may = diagram_and(diagram, matches.may, back.may);
			} else {
				item->goes_on.sure = diagram_or(diagram, missed.sure, back.sure);
				item->goes_on.may = diagram_or(diagram, missed.may, back.may);
			}
			break;
		}
		__attribute__((fallthrough));
	case TARGET_REWRITE:
	case TARGET_QUEUE:
	case TARGET_OPAQUE:
		item->goes_on.may = DIAGRAM_TRUE;
		item->goes_back.may = matches.may;
		break;
	case TARGET_CONTINUE:
	case TARGET_CHANGE:
	case TARGET_NOTRACK:
		item->goes_on = (struct bounds){DIAGRAM_TRUE, DIAGRAM_TRUE};
		break;
	}
}

/* The condition of one match, with what is opaque in it quantified away. */
static struct bounds match_bounds(struct analysis *analysis, const struct match *match,
				  const struct rule *rule)
{
	diagram_node condition = match->type->mean(match, rule, analysis->fields);
	if (!analysis->opaque)
		return (struct bounds){condition, condition};
	return (struct bounds){diagram_forall(analysis->diagram, condition, analysis->opaque),
			       diagram_exists(analysis->diagram, condition, analysis->opaque)};
}

static void mean_item(struct analysis *analysis, struct item *item)
{
	const struct rule *rule = item->rule;
	struct diagram *diagram = analysis->diagram;
	bool list = item->count > 1;
	bool key_source =
	    list && (item->predicate->kind == PREDICATE_SOURCE ||
		     (item->predicate->kind == PREDICATE_PAIR && item->predicate->pair_source_address));
	bool key_destination =
	    list && (item->predicate->kind == PREDICATE_DESTINATION ||
		     (item->predicate->kind == PREDICATE_PAIR && !item->predicate->pair_source_address));
	bool key_protocol = list && item->predicate->kind == PREDICATE_PAIR;
	struct bounds matches = head_bounds(analysis, rule, key_source, key_destination);
	diagram_node exact = key_protocol ? DIAGRAM_TRUE : head_protocol(analysis->fields, rule);
	if (list)
		exact = diagram_and(diagram, exact, fields_predicate(analysis->fields, item->predicate));
	matches = both(analysis, matches, (struct bounds){exact, exact});
	/* Matches are evaluated one after the other, as far as they match: an effect happens where all before
	 * did. */
	diagram_node effects = DIAGRAM_FALSE, limited = DIAGRAM_FALSE;
	for (uint32_t i = 0; i < rule->match_count; i++) {
		const struct match *match = &rule->matches[i];
		if (match == item->key_match)
			continue;
		if (match->type->effects && (match->type->effects(match) & ~analysis->options->allowed))
			effects = diagram_or(diagram, effects, matches.may);
		limited = matches.sure; /* of a limit's rule that match is the last one */
		matches = both(analysis, matches, match_bounds(analysis, match, rule));
	}
	item->matches = matches;
	analysis->own[item->unit] = matches.may;
	diagram_node action = target_outcome(analysis, rule);
	if (rule->target.is_goto)
		action = diagram_replace(diagram, goto_outcome, NULL, action);
	diagram_node outcome = OUTCOME_SET(OUTCOME_CONTINUE);
	if (matches.may != matches.sure)
		outcome = diagram_if(diagram, matches.may, diagram_replace(diagram, may_go_on, NULL, action),
				     outcome);
	outcome = diagram_if(diagram, matches.sure, action, outcome);
	item->outcome = diagram_if(diagram, effects, OUTCOME_SET(OUTCOME_BLOCKED), outcome);
	if (item->limit)
		item->outcome = diagram_if(diagram, limited, OUTCOME_LIMITED(item->limit), item->outcome);
	mean_ways(analysis, item);
}

/* A rule behind the limit, and all that it leads to, may do anything. */
static void skip_item(struct analysis *analysis, struct item *item)
{
	struct bounds perhaps = {DIAGRAM_FALSE, DIAGRAM_TRUE};
	item->skipped = true;
	item->matches = item->goes_on = item->goes_back = perhaps;
	item->outcome = OUTCOME_SET(OUTCOME_BLOCKED);
	analysis->skipped[item->unit] = true;
}

static int find_opaque(struct analysis *analysis)
{
	const struct fields *fields = analysis->fields;
	for (size_t i = 0; i < fields->predicate_count; i++) {
		if (fields->predicates[i]->kind != PREDICATE_OPAQUE)
			continue;
		if (!analysis->opaque)
			analysis->opaque =
			    arena_array(analysis->arena, diagram_variables(fields->diagram), sizeof(bool));
		if (!analysis->opaque)
			return -ENOMEM;
		analysis->opaque[fields->predicates[i]->variable] = true;
	}
	return 0;
}

int items_mean(struct analysis *analysis)
{
	analysis->diagram = analysis->fields->diagram;
	analysis->skipped = arena_array(analysis->arena, analysis->unit_count, sizeof(bool));
	analysis->own = arena_array(analysis->arena, analysis->unit_count, sizeof(*analysis->own));
	int result = analysis->skipped && analysis->own ? find_opaque(analysis) : -ENOMEM;
	for (size_t i = 0; !result && i < analysis->unit_count; i++)
		analysis->own[i] = DIAGRAM_TRUE;
	for (size_t i = 0; analysis->options->interface && i < analysis->fields->interface_count; i++)
		if (strncmp(analysis->fields->interfaces[i], analysis->options->interface,
			    INTERFACE_NAME_MAX) == 0)
			analysis->in_index = (uint32_t)i;
	for (enum table_id t = 0; t < TABLE_COUNT && !result; t++) {
		struct chain_meaning *chains = analysis->chains[t];
		const struct table *table = &analysis->ruleset->tables[analysis->family][t];
		for (size_t c = 0; chains && c < table->chain_count && !result; c++) {
			for (size_t i = 0; i < chains[c].item_count; i++) {
				if (analysis->rule_limit && i >= analysis->rule_limit)
					skip_item(analysis, &chains[c].items[i]);
				else
					mean_item(analysis, &chains[c].items[i]);
			}
			result = chains[c].reachable ? outcomes_compute(analysis, &chains[c]) : 0;
		}
	}
	return result;
}
