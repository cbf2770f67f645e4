/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Chains as diagrams of ends. A chain is put together from its rules as a balanced tree: left to right, each
 * step would copy all that came before. */
#include "meaning/behaviour_private.h"

#include "meaning/head.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static diagram_node end_node(uint32_t end)
{
	return end == TRACE_FAILED ? DIAGRAM_UNDECIDED : diagram_terminal(end);
}

static diagram_node plain_end(struct behaviour *behaviour, enum end_kind kind)
{
	return end_node(traces_end(&behaviour->traces, kind, NULL, 0));
}

/* --- composition
 * ------------------------------------------------------------------------------------------------------- */

struct prefix {
	struct behaviour *behaviour;
	uint32_t trace;
};

static diagram_node put_before(void *context, uint32_t value)
{
	const struct prefix *prefix = context;
	struct traces *traces = &prefix->behaviour->traces;
	uint32_t joined = traces_join(traces, prefix->trace, traces->ends[value].trace);
	return end_node(traces_end_with(traces, value, joined));
}

/* g behind that trace. */
static diagram_node behind_trace(struct behaviour *behaviour, uint32_t trace, diagram_node g)
{
	struct prefix prefix = {behaviour, trace};
	return trace ? diagram_replace(behaviour->fields->diagram, put_before, &prefix, g) : g;
}

static diagram_node state_fixed(struct behaviour *behaviour, diagram_node f, enum connection_state state)
{
	const struct fields *fields = behaviour->fields;
	uint32_t variables = diagram_variables(fields->diagram), bits = fields->bits[FIELD_STATE];
	int8_t *values = malloc(variables + 1);
	if (!values)
		return DIAGRAM_UNDECIDED;
	memset(values, -1, variables + 1);
	for (uint32_t i = 0; i < bits; i++)
		values[fields->first[FIELD_STATE] + i] = (int8_t)((unsigned)state >> (bits - 1 - i) & 1);
	diagram_node result = diagram_restrict(fields->diagram, f, values);
	free(values);
	return result;
}

/* What rules behind NOTRACK or a template see in raw: a packet that had a connection before (on lo) keeps it.
 * Without one its state is INVALID; a template's is that of a new one. */
static diagram_node behind_tracking(struct behaviour *behaviour, uint32_t trace, diagram_node g)
{
	struct traces *traces = &behaviour->traces;
	while (trace && !traces->events[traces->traces[trace].event].tracks)
		trace = traces->traces[trace].before;
	if (!trace)
		return g;
	bool untracked = traces->events[traces->traces[trace].event].value == 0;
	diagram_node seen = state_fixed(behaviour, g, untracked ? STATE_UNTRACKED : STATE_NEW);
	return diagram_if(behaviour->fields->diagram,
			  fields_value(behaviour->fields, FIELD_STATE, STATE_INVALID), seen, g);
}

static diagram_node follow(struct behaviour *behaviour, uint32_t trace, diagram_node g)
{
	if (behaviour->tracks && trace && behaviour->traces.traces[trace].tracked)
		g = behind_tracking(behaviour, trace, g);
	/* What comes behind looks at another packet, of which nothing is known. */
	if (trace && behaviour->traces.traces[trace].rewritten && !diagram_is_terminal(g))
		return DIAGRAM_UNDECIDED;
	return behind_trace(behaviour, trace, g);
}

#define TRACES_APART 8 /* so many are put in one by one, more in one go */

struct split {
	const struct traces *traces;
	size_t count;
	uint32_t found[TRACES_APART + 1]; /* ends that go on with a trace */
	uint32_t wanted;
};

static diagram_node goes_on_plainly(void *context, uint32_t value)
{
	struct split *split = context;
	const struct end *end = &split->traces->ends[value];
	if (end->kind != END_CONTINUE)
		return DIAGRAM_FALSE;
	if (!end->trace)
		return DIAGRAM_TRUE;
	size_t i = 0;
	while (i < split->count && split->found[i] != value)
		i++;
	if (i == split->count && split->count <= TRACES_APART)
		split->found[split->count++] = value;
	return DIAGRAM_FALSE;
}

static diagram_node is_wanted(void *context, uint32_t value)
{
	return value == ((const struct split *)context)->wanted ? DIAGRAM_TRUE : DIAGRAM_FALSE;
}

struct behind {
	struct behaviour *behaviour;
	diagram_node g;
};

static diagram_node go_on(void *context, uint32_t value)
{
	const struct behind *behind = context;
	struct end end = behind->behaviour->traces.ends[value];
	return end.kind == END_CONTINUE ? follow(behind->behaviour, end.trace, behind->g)
					: diagram_terminal(value);
}

/* f, and where it goes on, g. */
static diagram_node sequence(struct behaviour *behaviour, diagram_node f, diagram_node g)
{
	struct diagram *diagram = behaviour->fields->diagram;
	struct behind behind = {behaviour, g};
	if (f == DIAGRAM_UNDECIDED || g == DIAGRAM_UNDECIDED)
		return DIAGRAM_UNDECIDED;
	if (diagram_is_terminal(f))
		return go_on(&behind, diagram_value(f));
	if (g == behaviour->goes_on)
		return f;
	struct split split = {.traces = &behaviour->traces};
	diagram_node plain = diagram_replace(diagram, goes_on_plainly, &split, f);
	if (split.count > TRACES_APART)
		return diagram_replace(diagram, go_on, &behind, f);
	diagram_node all = diagram_if(diagram, plain, g, f);
	for (size_t i = 0; i < split.count; i++) {
		split.wanted = split.found[i];
		diagram_node here = diagram_replace(diagram, is_wanted, &split, f);
		all = diagram_if(diagram, here, go_on(&behind, split.wanted), all);
	}
	return all;
}

/* --- rules
 * ------------------------------------------------------------------------------------------------------- */

static uint32_t one_event(struct behaviour *behaviour, const struct event *event)
{
	if (!(behaviour->look & event->look))
		return 0;
	return traces_add(&behaviour->traces, 0, traces_event(&behaviour->traces, event));
}

/* The target as iptables-save prints it: "MARK --set-xmark 0x1/0xff". */
static char *target_text(struct behaviour *behaviour, const struct rule *rule)
{
	struct buffer out = {0};
	buffer_puts(&out, rule->target.type->name);
	if (rule->target.type->print)
		rule->target.type->print(&rule->target, rule, &out);
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
	struct event event = {.look = look};
	struct ct_template template;
	if (!(behaviour->look & look))
		return behaviour->goes_on;
	if (!find_mark_change(&rule->target, &event))
		event.text = target_text(behaviour, rule);
	if (look == LOOK_TRACKING) {
		event.tracks = true;
		event.value = target_ct_template(&rule->target, &template);
		if (!event.value)
			event.text = "NOTRACK";
	}
	if (!event.text && !event.marks)
		return DIAGRAM_UNDECIDED;
	uint32_t trace = one_event(behaviour, &event);
	return end_node(traces_end(&behaviour->traces, END_CONTINUE, NULL, trace));
}

static diagram_node other_end(struct behaviour *behaviour, const struct rule *rule)
{
	const char *text = target_text(behaviour, rule);
	return text ? end_node(traces_end(&behaviour->traces, END_OTHER, text, 0)) : DIAGRAM_UNDECIDED;
}

/* May end here or go on, having changed the packet or not: which hangs on the packet and on what came before.
 */
static diagram_node perhaps_end(struct behaviour *behaviour, const struct rule *rule)
{
	const struct predicate *predicate = behaviour_target_predicate(behaviour, rule);
	struct event event = {.look = LOOK_ALWAYS,
			      .text = target_text(behaviour, rule),
			      .rewrites = behaviour_target_rewrites(&rule->target)};
	if (!predicate || !event.text)
		return DIAGRAM_UNDECIDED;
	diagram_node node =
	    diagram_if(behaviour->fields->diagram, fields_predicate(behaviour->fields, predicate),
		       behaviour->goes_on, other_end(behaviour, rule));
	return behind_trace(behaviour, one_event(behaviour, &event), node);
}

static diagram_node goes_back(void *context, uint32_t value)
{
	struct traces *traces = context;
	struct end end = traces->ends[value];
	return end.kind == END_CONTINUE ? end_node(traces_end(traces, END_RETURN, NULL, end.trace))
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
	return end_node(traces_end(&behaviour->traces, rule->target.is_goto ? END_RETURN : END_CONTINUE, NULL,
				   one_event(behaviour, &event)));
}

static diagram_node target_outcome(struct behaviour *behaviour, const struct rule *rule)
{
	const struct target *target = &rule->target;
	struct ct_template template;
	switch (target->type->kind) {
	case TARGET_ACCEPT:
		return plain_end(behaviour, END_ACCEPT);
	case TARGET_DROP:
		return plain_end(behaviour, END_DROP);
	case TARGET_RETURN:
		return plain_end(behaviour, END_RETURN);
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
		result = trace == TRACE_FAILED ? DIAGRAM_UNDECIDED : behind_trace(behaviour, trace, result);
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

static uint64_t mixed(uint64_t value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return value ^ value >> 31;
}

/* Where a run is divided: by what its rules do, so that runs that two chains share are divided alike and are
 * put together once. Of equal ones the nearest to the middle. */
static size_t find_split(const diagram_node *outcomes, size_t count)
{
	size_t best = count / 2, distance = 0;
	uint64_t highest = 0;
	for (size_t i = 1; i < count; i++) {
		uint64_t own = mixed(outcomes[i] + 0x9e3779b97f4a7c15u);
		size_t away = i > count / 2 ? i - count / 2 : count / 2 - i;
		if (own > highest || (own == highest && away < distance)) {
			best = i;
			highest = own;
			distance = away;
		}
	}
	return best;
}

static size_t run_slot(const struct runs *runs, const diagram_node *outcomes, size_t count)
{
	uint64_t hash = count;
	for (size_t i = 0; i < count; i++)
		hash = mixed(hash + outcomes[i] + 0x9e3779b97f4a7c15u);
	size_t slot = hash & (runs->capacity - 1);
	for (; runs->slots[slot].count; slot = (slot + 1) & (runs->capacity - 1)) {
		const struct run *run = &runs->slots[slot];
		if (run->count == count && memcmp(run->outcomes, outcomes, count * sizeof(*outcomes)) == 0)
			break;
	}
	return slot;
}

static void runs_grow(struct runs *runs)
{
	struct runs grown = {.capacity = runs->capacity ? runs->capacity * 2 : 1024, .count = runs->count};
	grown.slots = calloc(grown.capacity, sizeof(*grown.slots));
	if (!grown.slots)
		return;
	for (size_t i = 0; i < runs->capacity; i++)
		if (runs->slots[i].count)
			grown.slots[run_slot(&grown, runs->slots[i].outcomes, runs->slots[i].count)] =
			    runs->slots[i];
	free(runs->slots);
	*runs = grown;
}

/* In raw they are put together otherwise. */
static void runs_forget(struct runs *runs)
{
	free(runs->slots);
	*runs = (struct runs){0};
}

/* Expected depth: twice the logarithm of the number of rules. The outcomes stay. */
static diagram_node run_outcome(struct behaviour *behaviour, const diagram_node *outcomes, size_t count)
{
	struct runs *runs = &behaviour->runs;
	if (count == 1)
		return outcomes[0];
	if (runs->capacity) {
		const struct run *known = &runs->slots[run_slot(runs, outcomes, count)];
		if (known->count)
			return known->result;
	}
	size_t split = find_split(outcomes, count);
	diagram_node result = run_outcome(behaviour, outcomes, split);
	if (result != DIAGRAM_UNDECIDED)
		result = sequence(behaviour, result, run_outcome(behaviour, outcomes + split, count - split));
	if (2 * (runs->count + 1) > runs->capacity)
		runs_grow(runs);
	if (2 * (runs->count + 1) <= runs->capacity) {
		runs->slots[run_slot(runs, outcomes, count)] = (struct run){outcomes, count, result};
		runs->count++;
	}
	return result;
}

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
	return count ? run_outcome(behaviour, outcomes, count) : behaviour->goes_on;
}

static diagram_node leave_user_chain(void *context, uint32_t value)
{
	struct traces *traces = context;
	struct end end = traces->ends[value];
	return end.kind == END_RETURN ? end_node(traces_end(traces, END_CONTINUE, NULL, end.trace))
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
		   ? end_node(traces_end(leaving->traces, leaving->policy, NULL, end.trace))
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
		return plain_end(behaviour, END_ACCEPT);
	bool *reachable = find_reachable(table, from);
	diagram_node *outcomes = calloc(table->chain_count + 1, sizeof(*outcomes));
	diagram_node result = DIAGRAM_UNDECIDED;
	behaviour->outcomes = outcomes;
	if (behaviour->tracks != (id == TABLE_RAW))
		runs_forget(&behaviour->runs);
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
		runs_forget(&behaviour->runs);
	behaviour->tracks = id == TABLE_RAW;
	for (size_t i = 0; i < table->chain_count; i++) {
		const struct chain *chain = table->ordered[i];
		all[i] = arena_array(behaviour->arena, chain->rule_count, sizeof(**all));
		if (!all[i])
			return -ENOMEM;
		for (size_t r = 0; r < chain->rule_count; r++)
			all[i][r] = rule_outcome(behaviour, &chain->rules[r], DIAGRAM_TRUE);
		outcomes[i] = chain->rule_count ? run_outcome(behaviour, all[i], chain->rule_count)
						: behaviour->goes_on;
		outcomes[i] = diagram_replace(behaviour->fields->diagram, leave_user_chain,
					      &behaviour->traces, outcomes[i]);
	}
	behaviour->outcomes = NULL;
	*rules = (const diagram_node *const *)all;
	return 0;
}

static diagram_node is_continue(void *context, uint32_t value)
{
	const struct traces *traces = context;
	return traces->ends[value].kind == END_CONTINUE ? DIAGRAM_TRUE : DIAGRAM_FALSE;
}

diagram_node behaviour_goes_on(struct behaviour *behaviour, diagram_node f)
{
	return diagram_replace(behaviour->fields->diagram, is_continue, &behaviour->traces, f);
}

diagram_node behaviour_sequence(struct behaviour *behaviour, diagram_node f, diagram_node g)
{
	return sequence(behaviour, f, g);
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
		   ? end_node(traces_end(returning->traces, returning->kind, NULL, end.trace))
		   : diagram_terminal(value);
}

diagram_node behaviour_return_to(struct behaviour *behaviour, diagram_node f, enum end_kind kind)
{
	struct returning returning = {&behaviour->traces, kind};
	return diagram_replace(behaviour->fields->diagram, return_to, &returning, f);
}

diagram_node behaviour_end_node(struct behaviour *behaviour, enum end_kind kind)
{
	return plain_end(behaviour, kind);
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
	if (!result)
		result = behaviour_declare(behaviour);
	if (!result)
		result = fields_seal(fields, options->node_budget);
	if (!result)
		result = behaviour_find_places(behaviour);
	if (!result) {
		behaviour->goes_on = plain_end(behaviour, END_CONTINUE);
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

const struct end *behaviour_end(const struct behaviour *behaviour, uint32_t number)
{
	return &behaviour->traces.ends[number];
}

/* Which of those with one text. */
static void print_asking(const struct behaviour *behaviour, size_t place, struct buffer *out)
{
	const struct places *places = &behaviour->places;
	size_t alike = 0, own = 0;
	for (size_t i = 0; i < places->count; i++) {
		alike += strcmp(places->all[i].name, places->all[place].name) == 0;
		if (i == place)
			own = alike;
	}
	buffer_printf(out, "asks %s", places->all[place].name);
	if (alike > 1)
		buffer_printf(out, " (%zu of %zu)", own, alike);
}

static void print_event(const struct behaviour *behaviour, const struct event *event, struct buffer *out)
{
	if (event->marks && event->mask == UINT32_MAX)
		buffer_printf(out, "MARK 0x%x", event->value);
	else if (event->marks)
		buffer_printf(out, "MARK 0x%x/0x%x", event->value, event->mask);
	else if (event->asks)
		print_asking(behaviour, event->place - 1, out);
	else
		buffer_puts(out, event->text);
}

void behaviour_print_events(const struct behaviour *behaviour, uint32_t number, struct buffer *out)
{
	enum { SHOWN = 16 };
	uint32_t events[SHOWN], trace = behaviour->traces.ends[number].trace;
	size_t count = 0, more = 0;
	for (; trace; trace = behaviour->traces.traces[trace].before) {
		if (count < SHOWN)
			events[count++] = behaviour->traces.traces[trace].event;
		else
			more++;
	}
	if (more)
		buffer_printf(out, "(%zu more)", more);
	while (count-- > 0) {
		buffer_puts(out, out->size ? ", " : "");
		print_event(behaviour, &behaviour->traces.events[events[count]], out);
	}
}

void behaviour_print_end(const struct behaviour *behaviour, uint32_t number, struct buffer *out)
{
	const struct end *end = &behaviour->traces.ends[number];
	switch (end->kind) {
	case END_ACCEPT:
		buffer_puts(out, "ACCEPT");
		break;
	case END_DROP:
		buffer_puts(out, "DROP");
		break;
	case END_RETURN:
	case END_CONTINUE:
		buffer_puts(out, "goes on");
		break;
	case END_OTHER:
		buffer_puts(out, behaviour->traces.events[end->text].text);
		break;
	}
}
