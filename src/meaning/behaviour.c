/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Chains as diagrams of ends. A chain is put together from its rules as a balanced tree: left to right, each
 * step would copy all that came before. */
#include "meaning/behaviour_private.h"

#include "meaning/head.h"
#include "meaning/routes.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* --- rules
 * ------------------------------------------------------------------------------------------------------- */

static uint32_t one_event(struct behaviour *behaviour, const struct event *event)
{
	if (!(behaviour->look & event->look))
		return 0;
	return traces_add(&behaviour->traces, 0, traces_event(&behaviour->traces, event));
}

char *behaviour_target_text(struct behaviour *behaviour, const struct rule *rule)
{
	struct buffer out = {0};
	buffer_puts(&out, rule->target.type->name);
	if (rule->target.type->print)
		rule->target.type->print(&rule->target, rule, &out);
	if (behaviour_target_other(behaviour, &rule->target))
		buffer_puts(&out, " (new)");
	char *text = out.failed ? NULL : arena_copy(behaviour->arena, out.data, out.size);
	buffer_fini(&out);
	return text;
}

/* What the target makes of the mark 0, and of all ones, tells what it makes of any: each bit by itself. */
static bool find_mark_change(const struct target *target, struct event *event)
{
	if (target->type->rewrites != KNOWN_MARK || target->type->effects)
		return false;
	struct packet low = {.known = KNOWN_MARK, .mark = 0},
		      high = {.known = KNOWN_MARK, .mark = UINT32_MAX};
	struct evaluation evaluation = {.certain = true};
	target->type->apply(target, &low, &evaluation);
	target->type->apply(target, &high, &evaluation);
	if (!(low.known & high.known & KNOWN_MARK))
		return false;
	event->value = low.mark;
	event->mask = ~(low.mark ^ high.mark);
	event->marks = true;
	return true;
}

/* Goes on, having done that. */
static diagram_node goes_on_with(struct behaviour *behaviour, const struct rule *rule, enum looked_at look)
{
	const struct target_type *type = rule->target.type;
	struct event event = {.look = look,
			      .fades =
				  look == LOOK_TRACKING || (type->kind == TARGET_CHANGE && !type->effects),
			      .routing = routes_target(&rule->target)};
	struct ct_template template;
	if (!(behaviour->look & look))
		return behaviour->goes_on;
	if (!find_mark_change(&rule->target, &event))
		event.text = behaviour_target_text(behaviour, rule);
	if (look == LOOK_TRACKING) {
		event.tracks = true;
		event.value = target_ct_template(&rule->target, &template);
		if (!event.value)
			event.text = "NOTRACK";
	}
	if (!event.text && !event.marks)
		return DIAGRAM_UNDECIDED;
	uint32_t trace = one_event(behaviour, &event);
	return compose_end(traces_end(&behaviour->traces, END_CONTINUE, NULL, trace));
}

static diagram_node other_end(struct behaviour *behaviour, const struct rule *rule)
{
	const char *text = behaviour_target_text(behaviour, rule);
	return text ? compose_end(traces_end(&behaviour->traces, END_OTHER, text, 0)) : DIAGRAM_UNDECIDED;
}

/* May end here or go on, having changed the packet or not: which hangs on the packet and on what came before.
 */
static diagram_node perhaps_end(struct behaviour *behaviour, const struct rule *rule)
{
	const struct predicate *predicate = behaviour_target_predicate(behaviour, rule);
	struct event event = {.look = LOOK_ALWAYS,
			      .text = behaviour_target_text(behaviour, rule),
			      .rewrites = behaviour_target_rewrites(&rule->target),
			      .fades =
				  rule->target.type->kind == TARGET_REWRITE && !rule->target.type->effects};
	if (!predicate || !event.text)
		return DIAGRAM_UNDECIDED;
	diagram_node node =
	    diagram_if(behaviour->fields->diagram, fields_predicate(behaviour->fields, predicate),
		       behaviour->goes_on, other_end(behaviour, rule));
	return compose_behind(behaviour, one_event(behaviour, &event), node);
}

static diagram_node goes_back(void *context, uint32_t value)
{
	struct traces *traces = context;
	struct end end = traces->ends[value];
	return end.kind == END_CONTINUE ? compose_end(traces_end(traces, END_RETURN, NULL, end.trace))
					: diagram_terminal(value);
}

static diagram_node chain_outcome(const struct behaviour *behaviour, const struct chain *chain)
{
	return behaviour->outcomes[chain->order];
}

/* The jump as an event, behind which all packets come back. */
static diagram_node call_apart(struct behaviour *behaviour, const struct rule *rule)
{
	struct text name = rule->target.chain->name;
	struct event event = {
	    .look = LOOK_ALWAYS,
	    .text = arena_printf(behaviour->arena, "jump to %.*s", (int)name.size, name.data),
	};
	if (!event.text)
		return DIAGRAM_UNDECIDED;
	return compose_end(traces_end(&behaviour->traces, rule->target.is_goto ? END_RETURN : END_CONTINUE,
				      NULL, one_event(behaviour, &event)));
}

static diagram_node target_outcome(struct behaviour *behaviour, const struct rule *rule)
{
	const struct target *target = &rule->target;
	struct ct_template template;
	switch (target->type->kind) {
	case TARGET_ACCEPT:
		return compose_plain_end(behaviour, END_ACCEPT);
	case TARGET_DROP:
		return compose_plain_end(behaviour, END_DROP);
	case TARGET_RETURN:
		return compose_plain_end(behaviour, END_RETURN);
	case TARGET_REJECT:
		return other_end(behaviour, rule);
	case TARGET_NOTRACK:
		return goes_on_with(behaviour, rule, LOOK_TRACKING);
	case TARGET_CHANGE:
		return goes_on_with(behaviour, rule, LOOK_CHANGES);
	case TARGET_CONTINUE:
		if (!target->type->effects && !target->type->print)
			return behaviour->goes_on;
		return goes_on_with(behaviour, rule,
				    target->type->effects & (EFFECT_STATE | EFFECT_COUNTER) ? LOOK_CHANGES
											    : LOOK_TELLS);
	case TARGET_JUMP:
		if (!target->chain)
			break;
		if (behaviour->apart && behaviour->apart[target->chain->order])
			return call_apart(behaviour, rule);
		if (target->is_goto)
			return diagram_replace(behaviour->fields->diagram, goes_back, &behaviour->traces,
					       chain_outcome(behaviour, target->chain));
		return chain_outcome(behaviour, target->chain);
	case TARGET_REWRITE:
		if (target_ct_template(target, &template))
			return goes_on_with(behaviour, rule, LOOK_TRACKING);
		if (target->type->nat)
			return other_end(behaviour, rule);
		break;
	case TARGET_QUEUE:
	case TARGET_OPAQUE:
		break;
	}
	return perhaps_end(behaviour, rule);
}

/* Being asked, and what asking changes. */
static uint32_t match_events(struct behaviour *behaviour, const struct match *match, const struct rule *rule)
{
	uint32_t trace = 0, place = behaviour_place(behaviour, match);
	if (place && behaviour->asked && behaviour->asked[place - 1]) {
		struct event event = {.look = LOOK_ALWAYS, .asks = true, .place = place};
		trace = one_event(behaviour, &event);
	}
	bool counts = behaviour->counts && behaviour_counts(match);
	if (counts || (match->type->changes && (behaviour->look & LOOK_CHANGES))) {
		struct buffer text = {0};
		match->type->print(match, rule, &text);
		struct event event = {
		    .look = counts ? LOOK_ALWAYS : LOOK_CHANGES,
		    .routing = match->type->changes ? ROUTING_MARK : 0,
		    .text = text.failed ? NULL : arena_copy(behaviour->arena, text.data, text.size)};
		buffer_fini(&text);
		trace = event.text ? traces_join(&behaviour->traces, trace, one_event(behaviour, &event))
				   : TRACE_FAILED;
	}
	return trace;
}

static diagram_node rule_outcome(struct behaviour *behaviour, const struct rule *rule, diagram_node domain)
{
	struct diagram *diagram = behaviour->fields->diagram;
	diagram_node head = diagram_and(diagram, domain, head_mean(behaviour->fields, rule));
	if (head == DIAGRAM_FALSE)
		return behaviour->goes_on;
	diagram_node result = target_outcome(behaviour, rule);
	for (uint32_t i = rule->match_count; i-- > 0;) {
		const struct match *match = &rule->matches[i];
		diagram_node matches = match->type->mean(match, rule, behaviour->fields);
		uint32_t trace = match_events(behaviour, match, rule);
		if (result == behaviour->goes_on && !trace)
			continue;
		result = diagram_if(diagram, matches, result, behaviour->goes_on);
		result = trace == TRACE_FAILED ? DIAGRAM_UNDECIDED : compose_behind(behaviour, trace, result);
	}
	return diagram_if(diagram, head, result, behaviour->goes_on);
}

diagram_node behaviour_condition(struct behaviour *behaviour, size_t side, const struct rule *rule)
{
	struct diagram *diagram = behaviour->fields->diagram;
	diagram_node all = head_mean(behaviour->fields, rule);
	(void)side;
	for (uint32_t i = 0; i < rule->match_count && all != DIAGRAM_FALSE; i++)
		all = diagram_and(diagram, all,
				  rule->matches[i].type->mean(&rule->matches[i], rule, behaviour->fields));
	return all;
}

diagram_node behaviour_touch(struct behaviour *behaviour, size_t side, const struct rule *rule)
{
	struct diagram *diagram = behaviour->fields->diagram;
	diagram_node all = head_mean(behaviour->fields, rule);
	(void)side;
	for (uint32_t i = 0; i < rule->match_count && all != DIAGRAM_FALSE; i++) {
		const struct match *match = &rule->matches[i];
		if (behaviour_place(behaviour, match) || match->type->changes)
			break;
		all = diagram_and(diagram, all, match->type->mean(match, rule, behaviour->fields));
	}
	return all;
}

diagram_node behaviour_any_state(const struct behaviour *behaviour, enum table_id table, diagram_node f)
{
	const struct fields *fields = behaviour->fields;
	uint32_t variables = diagram_variables(fields->diagram);
	if (table != TABLE_RAW || diagram_is_terminal(f))
		return f;
	bool *state = calloc(variables + 1, sizeof(*state));
	if (!state)
		return DIAGRAM_UNDECIDED;
	for (uint32_t i = 0; i < fields->bits[FIELD_STATE]; i++)
		state[fields->first[FIELD_STATE] + i] = true;
	diagram_node result = diagram_exists(fields->diagram, f, state);
	free(state);
	return result;
}

bool behaviour_rewrites(const struct behaviour *behaviour, enum table_id table)
{
	return behaviour->rewrites[table];
}

bool behaviour_is_plain(const struct behaviour *behaviour, const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->match_count; i++)
		if (behaviour_place(behaviour, &rule->matches[i]) || rule->matches[i].type->changes)
			return false;
	return true;
}

/* --- chains
 * ------------------------------------------------------------------------------------------------------- */

/* Rules that do nothing to the packets asked about are left out. */
static diagram_node rules_outcome(struct behaviour *behaviour, const struct chain *chain, diagram_node domain)
{
	diagram_node *outcomes = arena_array(behaviour->arena, chain->rule_count, sizeof(*outcomes));
	size_t count = 0;
	if (!outcomes)
		return DIAGRAM_UNDECIDED;
	for (size_t i = 0; i < chain->rule_count; i++) {
		diagram_node outcome = rule_outcome(behaviour, &chain->rules[i], domain);
		if (outcome == DIAGRAM_UNDECIDED)
			return outcome;
		if (outcome != behaviour->goes_on)
			outcomes[count++] = outcome;
	}
	return count ? compose_run(behaviour, outcomes, count) : behaviour->goes_on;
}

static diagram_node leave_user_chain(void *context, uint32_t value)
{
	struct traces *traces = context;
	struct end end = traces->ends[value];
	return end.kind == END_RETURN ? compose_end(traces_end(traces, END_CONTINUE, NULL, end.trace))
				      : diagram_terminal(value);
}

diagram_node behaviour_chain_alone(struct behaviour *behaviour, const struct chain *chain,
				   diagram_node domain)
{
	diagram_node outcome = rules_outcome(behaviour, chain, domain);
	return diagram_replace(behaviour->fields->diagram, leave_user_chain, &behaviour->traces, outcome);
}

struct leaving {
	struct traces *traces;
	enum end_kind policy;
};

static diagram_node leave_builtin_chain(void *context, uint32_t value)
{
	const struct leaving *leaving = context;
	struct end end = leaving->traces->ends[value];
	return end.kind == END_RETURN || end.kind == END_CONTINUE
		   ? compose_end(traces_end(leaving->traces, leaving->policy, NULL, end.trace))
		   : diagram_terminal(value);
}

/* By a chain's order: whether the built-in one leads to it. Callees stand before their callers. */
static bool *find_reachable(const struct table *table, const struct chain *from)
{
	bool *reachable = calloc(table->chain_count + 1, sizeof(*reachable));
	if (!reachable)
		return NULL;
	reachable[from->order] = true;
	for (size_t i = from->order + 1; i-- > 0;) {
		const struct chain *chain = table->ordered[i];
		for (size_t r = 0; reachable[i] && r < chain->rule_count; r++)
			if (chain->rules[r].target.chain)
				reachable[chain->rules[r].target.chain->order] = true;
	}
	return reachable;
}

diagram_node behaviour_chain(struct behaviour *behaviour, size_t side, enum table_id id, enum hook hook,
			     diagram_node domain)
{
	struct diagram *diagram = behaviour->fields->diagram;
	const struct table *table = &behaviour->sides[side]->tables[behaviour->family][id];
	const struct chain *from = table->present ? table->hooks[hook] : NULL;
	if (!from)
		return compose_plain_end(behaviour, END_ACCEPT);
	bool *reachable = find_reachable(table, from);
	diagram_node *outcomes = calloc(table->chain_count + 1, sizeof(*outcomes));
	diagram_node result = DIAGRAM_UNDECIDED;
	behaviour->outcomes = outcomes;
	if (behaviour->tracks != (id == TABLE_RAW))
		compose_forget_runs(&behaviour->runs);
	behaviour->tracks = id == TABLE_RAW;
	for (size_t i = 0; reachable && outcomes && i <= from->order; i++) {
		const struct chain *chain = table->ordered[i];
		if (!reachable[i])
			continue;
		result = rules_outcome(behaviour, chain, domain);
		if (i < from->order)
			result = diagram_replace(diagram, leave_user_chain, &behaviour->traces, result);
		outcomes[i] = result;
	}
	struct leaving leaving = {&behaviour->traces, from->policy == POLICY_DROP ? END_DROP : END_ACCEPT};
	result = diagram_replace(diagram, leave_builtin_chain, &leaving, result);
	behaviour->outcomes = NULL;
	free(outcomes);
	free(reachable);
	return result;
}

int behaviour_rules(struct behaviour *behaviour, size_t side, enum table_id id,
		    const diagram_node *const **rules)
{
	const struct table *table = &behaviour->sides[side]->tables[behaviour->family][id];
	diagram_node **all = arena_array(behaviour->arena, table->chain_count + 1, sizeof(*all));
	diagram_node *outcomes = arena_array(behaviour->arena, table->chain_count + 1, sizeof(*outcomes));
	if (!all || !outcomes)
		return -ENOMEM;
	behaviour->outcomes = outcomes;
	if (behaviour->tracks != (id == TABLE_RAW))
		compose_forget_runs(&behaviour->runs);
	behaviour->tracks = id == TABLE_RAW;
	for (size_t i = 0; i < table->chain_count; i++) {
		const struct chain *chain = table->ordered[i];
		all[i] = arena_array(behaviour->arena, chain->rule_count, sizeof(**all));
		if (!all[i])
			return -ENOMEM;
		for (size_t r = 0; r < chain->rule_count; r++)
			all[i][r] = rule_outcome(behaviour, &chain->rules[r], DIAGRAM_TRUE);
		outcomes[i] = chain->rule_count ? compose_run(behaviour, all[i], chain->rule_count)
						: behaviour->goes_on;
		outcomes[i] = diagram_replace(behaviour->fields->diagram, leave_user_chain,
					      &behaviour->traces, outcomes[i]);
	}
	behaviour->outcomes = NULL;
	*rules = (const diagram_node *const *)all;
	return 0;
}

diagram_node behaviour_sequence(struct behaviour *behaviour, diagram_node f, diagram_node g)
{
	return compose_sequence(behaviour, f, g);
}

static diagram_node is_different(void *context, uint32_t first, uint32_t second)
{
	(void)context;
	return first == second ? DIAGRAM_FALSE : DIAGRAM_TRUE;
}

diagram_node behaviour_difference(struct behaviour *behaviour, diagram_node f, diagram_node g)
{
	if (f == g && f != DIAGRAM_UNDECIDED)
		return DIAGRAM_FALSE;
	return diagram_apply(behaviour->fields->diagram, is_different, NULL, f, g);
}

struct returning {
	struct traces *traces;
	enum end_kind kind;
};

static diagram_node return_to(void *context, uint32_t value)
{
	const struct returning *returning = context;
	struct end end = returning->traces->ends[value];
	return end.kind == END_RETURN
		   ? compose_end(traces_end(returning->traces, returning->kind, NULL, end.trace))
		   : diagram_terminal(value);
}

diagram_node behaviour_return_to(struct behaviour *behaviour, diagram_node f, enum end_kind kind)
{
	struct returning returning = {&behaviour->traces, kind};
	return diagram_replace(behaviour->fields->diagram, return_to, &returning, f);
}

diagram_node behaviour_end_node(struct behaviour *behaviour, enum end_kind kind)
{
	return compose_plain_end(behaviour, kind);
}

/* --- the whole
 * ------------------------------------------------------------------------------------------------------- */

/* Rules see no interface where the packet has none yet, or none any more: it is of no class that a pattern
 * names. */
static diagram_node devices_at(const struct fields *fields, enum hook hook)
{
	/* In POSTROUTING what is sent on has the one it came by (nf_hook_state.in, since 5.7). */
	bool no_input = hook == HOOK_OUTPUT;
	bool no_output = hook == HOOK_INPUT || hook == HOOK_PREROUTING;
	uint64_t none = fields->interface_count - 1;
	diagram_node in = no_input ? fields_value(fields, FIELD_IN, none) : DIAGRAM_TRUE;
	diagram_node out = no_output ? fields_value(fields, FIELD_OUT, none) : DIAGRAM_TRUE;
	return diagram_and(fields->diagram, in, out);
}

diagram_node behaviour_domain(const struct behaviour *behaviour, enum hook hook)
{
	const struct fields *fields = behaviour->fields;
	struct diagram *diagram = fields->diagram;
	static const uint8_t with_ports[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_SCTP,
					     IPPROTO_DCCP};
	diagram_node domain = diagram_and(diagram, fields_domain(fields), devices_at(fields, hook));
	diagram_node early = diagram_not(diagram, fields_value(fields, FIELD_FRAGMENT, FRAGMENT_LATE));
	diagram_node icmp = diagram_or(diagram, fields_value(fields, FIELD_PROTOCOL, IPPROTO_ICMP),
				       fields_value(fields, FIELD_PROTOCOL, IPPROTO_ICMPV6));
	diagram_node tcp = diagram_and(diagram, early, fields_value(fields, FIELD_PROTOCOL, IPPROTO_TCP));
	diagram_node ports = DIAGRAM_FALSE;
	for (size_t i = 0; i < sizeof(with_ports); i++)
		ports = diagram_or(diagram, ports, fields_value(fields, FIELD_PROTOCOL, with_ports[i]));
	const struct {
		diagram_node where;
		enum field field;
	} parts[] = {
	    {diagram_and(diagram, early, icmp), FIELD_ICMP},
	    {diagram_and(diagram, early, ports), FIELD_SPORT},
	    {diagram_and(diagram, early, ports), FIELD_DPORT},
	    {tcp, FIELD_TCP_FLAGS},
	    {tcp, FIELD_PAYLOAD},
	};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		domain =
		    diagram_and(diagram, domain,
				diagram_or(diagram, parts[i].where, fields_value(fields, parts[i].field, 0)));
	return domain;
}

int behaviour_new(enum family family, const struct ruleset *const *sides, size_t count,
		  const struct behaviour_options *options, struct behaviour **out)
{
	struct arena *arena = arena_new();
	struct behaviour *behaviour = arena ? arena_alloc(arena, sizeof(*behaviour)) : NULL;
	struct fields *fields = behaviour ? fields_new_exact(family) : NULL;
	if (!fields) {
		arena_free(arena);
		return -ENOMEM;
	}
	*behaviour =
	    (struct behaviour){.family = family, .arena = arena, .side_count = count, .fields = fields};
	for (size_t i = 0; i < count; i++)
		behaviour->sides[i] = sides[i];
	int result = traces_init(&behaviour->traces, arena);
	if (!result && options->folded)
		result = fields_fold_pairs(fields);
	if (!result)
		result = behaviour_declare(behaviour);
	if (!result)
		result = behaviour_declare_spares(behaviour, options->spares);
	if (!result)
		result = fields_seal(fields, options->node_budget);
	if (!result)
		diagram_until(fields->diagram, options->deadline);
	if (!result)
		result = behaviour_find_places(behaviour);
	if (!result) {
		behaviour->goes_on = compose_plain_end(behaviour, END_CONTINUE);
		behaviour_look(behaviour, options->effects ? LOOK_TRACKING | LOOK_CHANGES | LOOK_TELLS : 0,
			       NULL);
		*out = behaviour;
	} else {
		behaviour_free(behaviour);
	}
	return result;
}

void behaviour_free(struct behaviour *behaviour)
{
	if (!behaviour)
		return;
	struct arena *arena = behaviour->arena;
	places_fini(&behaviour->places);
	traces_fini(&behaviour->traces);
	free(behaviour->runs.slots);
	fields_free(behaviour->fields);
	arena_free(arena);
}

const struct fields *behaviour_fields(const struct behaviour *behaviour)
{
	return behaviour->fields;
}

unsigned behaviour_needs(const struct behaviour *behaviour)
{
	return behaviour->needs;
}
