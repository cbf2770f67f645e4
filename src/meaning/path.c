/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The receive path as one diagram, and the region in it that XDP may drop.
 *
 * With D(p, u) the verdict for header p and unknowns u, the region is { p : for every u, D(p, u) is drop
 * without an effect }. Unknown are: interfaces (unless given), opaque matches, the connection state of
 * tracked packets, what NAT makes of the destination of tracked packets, and whether a packet is delivered or
 * forwarded. On top of that come two rules about what must not be noticed afterwards (conntrack's view of a
 * connection), and two about what one frame tells of the packet that the rules will see (fragments, segments
 * that GRO merges). */
#include "extension/extension.h"
#include "meaning/analysis.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define TCP_FIN_VARIABLE 7 /* within FIELD_TCP_FLAGS, most significant first */
#define TCP_PSH_VARIABLE 4
#define TCP_CWR_VARIABLE 0

static bool *no_variables(struct analysis *analysis)
{
	return calloc(diagram_variables(analysis->diagram) + 1, sizeof(bool));
}

static void mark_field(const struct analysis *analysis, bool *variables, enum field field)
{
	for (uint32_t i = 0; i < analysis->fields->bits[field]; i++)
		variables[analysis->fields->first[field] + i] = true;
}

static diagram_node quantify(struct analysis *analysis, diagram_node f, bool *variables, bool all)
{
	diagram_node result = DIAGRAM_UNDECIDED;
	if (variables)
		result = all ? diagram_forall(analysis->diagram, f, variables)
			     : diagram_exists(analysis->diagram, f, variables);
	free(variables);
	return result;
}

/* Interface indexes that exist; the numbers beyond fill the bits up. Nothing is attached to lo: it is not
 * among those where a packet arrives. */
static diagram_node interface_domain(struct analysis *analysis)
{
	const struct fields *fields = analysis->fields;
	uint64_t last = fields->interface_count ? fields->interface_count - 1 : 0;
	diagram_node domain = diagram_and(analysis->diagram, fields_range(fields, FIELD_IN, 0, last),
					  fields_range(fields, FIELD_OUT, 0, last));
	for (uint64_t i = 0; i < last; i++)
		if (strcmp(fields->interfaces[i], "lo") == 0)
			domain = diagram_minus(analysis->diagram, domain, fields_value(fields, FIELD_IN, i));
	return domain;
}

static bool *unknown_variables(struct analysis *analysis)
{
	bool *variables = no_variables(analysis);
	if (!variables)
		return NULL;
	mark_field(analysis, variables, FIELD_IN);
	mark_field(analysis, variables, FIELD_OUT);
	return variables;
}

/* Whether f tests no variable up to the last one of the field; fields stand in the order of enum field but
 * for interfaces and state, which stand first. */
static bool stands_behind(const struct analysis *analysis, diagram_node f, enum field field)
{
	if (f == DIAGRAM_UNDECIDED || diagram_is_terminal(f))
		return true;
	const struct fields *fields = analysis->fields;
	return diagram_variable(analysis->diagram, f) >= fields->first[field] + fields->bits[field];
}

diagram_node unknowns_forall(struct analysis *analysis, diagram_node f)
{
	if (stands_behind(analysis, f, FIELD_IN) && stands_behind(analysis, f, FIELD_OUT))
		return f;
	diagram_node outside = diagram_not(analysis->diagram, interface_domain(analysis));
	return quantify(analysis, diagram_or(analysis->diagram, f, outside), unknown_variables(analysis),
			true);
}

diagram_node unknowns_exists(struct analysis *analysis, diagram_node f)
{
	if (stands_behind(analysis, f, FIELD_IN) && stands_behind(analysis, f, FIELD_OUT))
		return f;
	diagram_node inside = diagram_and(analysis->diagram, f, interface_domain(analysis));
	return quantify(analysis, inside, unknown_variables(analysis), false);
}

static diagram_node fix_field(struct analysis *analysis, diagram_node f, enum field field, uint64_t value)
{
	if (stands_behind(analysis, f, field))
		return f;
	uint32_t variables = diagram_variables(analysis->diagram);
	int8_t *values = malloc(variables + 1);
	if (!values)
		return DIAGRAM_UNDECIDED;
	for (uint32_t i = 0; i < variables; i++)
		values[i] = -1;
	uint32_t bits = analysis->fields->bits[field];
	for (uint32_t i = 0; i < bits; i++)
		values[analysis->fields->first[field] + i] = (int8_t)(value >> (bits - 1 - i) & 1);
	diagram_node result = diagram_restrict(analysis->diagram, f, values);
	free(values);
	return result;
}

diagram_node state_fixed(struct analysis *analysis, diagram_node f, enum connection_state state)
{
	return fix_field(analysis, f, FIELD_STATE, state);
}

diagram_node output_none(struct analysis *analysis, diagram_node f)
{
	uint64_t count = analysis->fields->interface_count;
	return fix_field(analysis, f, FIELD_OUT, count ? count - 1 : 0);
}

/* Neighbour discovery and MLD are UNTRACKED without any rule (nf_conntrack_proto_icmpv6.c). */
static diagram_node untracked_by_itself(struct analysis *analysis)
{
	if (analysis->family != FAMILY_IPV6)
		return DIAGRAM_FALSE;
	return fields_value(analysis->fields, FIELD_PROTOCOL, IPPROTO_ICMPV6);
}

diagram_node state_forall(struct analysis *analysis, diagram_node f)
{
	if (stands_behind(analysis, f, FIELD_STATE))
		return f;
	struct diagram *diagram = analysis->diagram;
	diagram_node other = diagram_not(diagram, untracked_by_itself(analysis));
	diagram_node all = diagram_or(diagram, state_fixed(analysis, f, STATE_UNTRACKED), other);
	for (enum connection_state state = STATE_NEW; state <= STATE_INVALID; state++)
		all = diagram_and(diagram, all, state_fixed(analysis, f, state));
	return all;
}

diagram_node state_exists(struct analysis *analysis, diagram_node f)
{
	if (stands_behind(analysis, f, FIELD_STATE))
		return f;
	struct diagram *diagram = analysis->diagram;
	diagram_node any =
	    diagram_and(diagram, state_fixed(analysis, f, STATE_UNTRACKED), untracked_by_itself(analysis));
	for (enum connection_state state = STATE_NEW; state <= STATE_INVALID; state++)
		any = diagram_or(diagram, any, state_fixed(analysis, f, state));
	return any;
}

static bool *nat_variables(struct analysis *analysis)
{
	bool *variables = no_variables(analysis);
	if (!variables)
		return NULL;
	mark_field(analysis, variables, FIELD_DESTINATION);
	mark_field(analysis, variables, FIELD_DPORT);
	for (size_t i = 0; i < analysis->fields->predicate_count; i++) {
		const struct predicate *predicate = analysis->fields->predicates[i];
		if (predicate->kind == PREDICATE_DESTINATION ||
		    (predicate->kind == PREDICATE_PAIR &&
		     !(predicate->pair_source_address && predicate->pair_source_port)))
			variables[predicate->variable] = true;
	}
	return variables;
}

diagram_node nat_forall(struct analysis *analysis, diagram_node f)
{
	return analysis->nat == TRUTH_NO ? f : quantify(analysis, f, nat_variables(analysis), true);
}

diagram_node nat_exists(struct analysis *analysis, diagram_node f)
{
	return analysis->nat == TRUTH_NO ? f : quantify(analysis, f, nat_variables(analysis), false);
}

/* One frame is not always the packet that the rules see.
 *
 * GRO merges TCP segments with data that differ in FIN, PSH or CWR (tcp_gro_receive()): for these, the three
 * flags are unknown. The parts of a fragmented packet must share one fate, whichever of them XDP sees first
 * and whether or not conntrack puts them together before the rules: for them, all that the transport header
 * says is unknown. */
diagram_node frames_forall(struct analysis *analysis, diagram_node f)
{
	const struct fields *fields = analysis->fields;
	struct diagram *diagram = analysis->diagram;
	bool *merged = no_variables(analysis);
	bool *transport = no_variables(analysis);
	if (!merged || !transport) {
		free(merged);
		free(transport);
		return DIAGRAM_UNDECIDED;
	}
	merged[fields->first[FIELD_TCP_FLAGS] + TCP_FIN_VARIABLE] = true;
	merged[fields->first[FIELD_TCP_FLAGS] + TCP_PSH_VARIABLE] = true;
	merged[fields->first[FIELD_TCP_FLAGS] + TCP_CWR_VARIABLE] = true;
	diagram_node data = fields_value(fields, FIELD_PAYLOAD, 1);
	f = diagram_if(diagram, data, quantify(analysis, f, merged, true), f);

	mark_field(analysis, transport, FIELD_ICMP);
	mark_field(analysis, transport, FIELD_SPORT);
	mark_field(analysis, transport, FIELD_DPORT);
	mark_field(analysis, transport, FIELD_TCP_FLAGS);
	mark_field(analysis, transport, FIELD_PAYLOAD);
	for (size_t i = 0; i < fields->predicate_count; i++)
		if (fields->predicates[i]->kind == PREDICATE_PAIR)
			transport[fields->predicates[i]->variable] = true;
	diagram_node whole = fix_field(analysis, f, FIELD_FRAGMENT, FRAGMENT_WHOLE);
	diagram_node parts =
	    diagram_and(diagram, whole, fix_field(analysis, f, FIELD_FRAGMENT, FRAGMENT_FIRST));
	parts = diagram_and(diagram, parts, fix_field(analysis, f, FIELD_FRAGMENT, FRAGMENT_LATE));
	parts = quantify(analysis, parts, transport, true);
	return diagram_if(diagram, fields_value(fields, FIELD_FRAGMENT, FRAGMENT_WHOLE), whole, parts);
}

static diagram_node local_destinations(struct analysis *analysis)
{
	diagram_node all = DIAGRAM_FALSE;
	for (size_t i = 0; i < analysis->options->local_count; i++)
		if (analysis->options->locals[i].family == analysis->family)
			all = diagram_or(analysis->diagram, all,
					 diagram_interval(analysis->diagram,
							  analysis->fields->first[FIELD_DESTINATION],
							  analysis->fields->bits[FIELD_DESTINATION],
							  analysis->options->locals[i].low,
							  analysis->options->locals[i].high));
	return all;
}

static bool knows_locals(const struct analysis *analysis)
{
	for (size_t i = 0; i < analysis->options->local_count; i++)
		if (analysis->options->locals[i].family == analysis->family)
			return true;
	return false;
}

static diagram_node stage_outcome(const struct analysis *analysis, enum stage stage)
{
	return analysis->stages[stage] ? analysis->stages[stage]->outcome : OUTCOME_SET(OUTCOME_ACCEPT);
}

/* Dropped for sure by a stage with this outcome, or else by what comes behind it. */
static diagram_node drop_or(struct analysis *analysis, diagram_node outcome, diagram_node behind)
{
	struct diagram *diagram = analysis->diagram;
	diagram_node blocked = outcome_may(analysis, outcome, 1u << OUTCOME_BLOCKED);
	diagram_node passes = outcome_may(analysis, outcome, OUTCOMES_ACCEPT);
	return diagram_minus(diagram, diagram_or(diagram, behind, diagram_not(diagram, passes)), blocked);
}

/* Dropped for sure in one of two stages that follow each other. */
static diagram_node drop_in(struct analysis *analysis, enum stage first, enum stage second)
{
	diagram_node behind = drop_or(analysis, stage_outcome(analysis, second), DIAGRAM_FALSE);
	return drop_or(analysis, stage_outcome(analysis, first), behind);
}

/* Whether any rule of these hooks, in a table behind conntrack, may look at connection state. */
static const struct rule *find_state_reader(const struct analysis *analysis, unsigned hooks)
{
	for (enum table_id t = 0; t < TABLE_COUNT; t++) {
		const struct table *table = &analysis->ruleset->tables[analysis->family][t];
		if (t == TABLE_RAW || !table->present || table->chain_count == 0)
			continue;
		bool *reachable = calloc(table->chain_count, sizeof(*reachable));
		const struct rule *found = NULL;
		for (size_t c = table->chain_count; c-- > 0 && reachable;) {
			const struct chain *chain = table->ordered[c];
			if (chain->builtin && (hooks >> chain->hook & 1))
				reachable[c] = true;
			for (size_t r = 0; reachable[c] && r < chain->rule_count; r++) {
				const struct rule *rule = &chain->rules[r];
				if (rule->target.chain)
					reachable[rule->target.chain->order] = true;
				if (target_reads_state(&rule->target))
					found = rule;
				for (uint32_t m = 0; m < rule->match_count; m++)
					if (match_reads_state(&rule->matches[m]))
						found = rule;
			}
		}
		bool failed = !reachable;
		free(reachable);
		if (found)
			return found;
		if (failed) /* short of memory: the cautious answer, with any rule as its witness */
			return table->chains[0]->rule_count ? &table->chains[0]->rules[0] : NULL;
	}
	return NULL;
}

/* A packet that is dropped behind conntrack has already moved its connection, if the host has one with that
 * peer, and later packets could tell. Nothing can where no rule that they meet looks at connection state:
 * - packets of the other direction meet OUTPUT and POSTROUTING (and, where the host forwards, PREROUTING and
 * FORWARD);
 * - packets of the same direction meet the rules here, unless all of them share the drop: that is so where it
 * follows from the connection's tuple alone. */
static void find_conntrack_effect(struct analysis *analysis)
{
	if (analysis->options->allowed & EFFECT_CONNTRACK)
		return;
	unsigned back = 1u << HOOK_OUTPUT | 1u << HOOK_POSTROUTING;
	unsigned here = 1u << HOOK_PREROUTING | 1u << HOOK_INPUT;
	if (analysis->forwarding != TRUTH_NO) {
		back |= 1u << HOOK_PREROUTING | 1u << HOOK_FORWARD;
		here |= 1u << HOOK_FORWARD;
	}
	analysis->state_reader = find_state_reader(analysis, back);
	analysis->tracked_blocked = analysis->state_reader != NULL;
	if (analysis->tracked_blocked)
		return;
	analysis->state_reader = find_state_reader(analysis, here);
	analysis->closed_tuples = analysis->state_reader != NULL;
}

static diagram_node tuple_forall(struct analysis *analysis, diagram_node f)
{
	bool *variables = no_variables(analysis);
	if (variables) {
		mark_field(analysis, variables, FIELD_TCP_FLAGS);
		mark_field(analysis, variables, FIELD_PAYLOAD);
	}
	return quantify(analysis, f, variables, true);
}

void path_compute(struct analysis *analysis)
{
	struct diagram *diagram = analysis->diagram;
	uint64_t no_device = analysis->fields->interface_count ? analysis->fields->interface_count - 1 : 0;
	analysis->local = local_destinations(analysis);

	/* raw: in front of conntrack, where a packet that is not untracked has no connection, which is
	 * INVALID. */
	diagram_node raw = state_fixed(analysis, stage_outcome(analysis, STAGE_RAW), STATE_INVALID);
	raw = fix_field(analysis, raw, FIELD_OUT, no_device);
	limits_compute(analysis, raw);
	diagram_node blocked = outcome_may(analysis, raw, 1u << OUTCOME_BLOCKED);
	diagram_node raw_untracked = outcome_may(analysis, raw, 1u << OUTCOME_ACCEPT_UNTRACKED);
	diagram_node raw_tracked = outcome_may(analysis, raw, 1u << OUTCOME_ACCEPT);
	/* What an effect or an unknown target has touched may go on as either. */
	analysis->may_untracked = unknowns_exists(analysis, diagram_or(diagram, raw_untracked, blocked));
	analysis->may_tracked = unknowns_exists(analysis, diagram_or(diagram, raw_tracked, blocked));
	diagram_node raw_drop = outcome_may(analysis, raw, 1u << OUTCOME_DROP);
	analysis->passes_raw =
	    diagram_not(diagram, unknowns_exists(analysis, diagram_or(diagram, raw_drop, blocked)));

	diagram_node prerouting =
	    fix_field(analysis, stage_outcome(analysis, STAGE_MANGLE_PREROUTING), FIELD_OUT, no_device);
	diagram_node behind = fix_field(analysis, drop_in(analysis, STAGE_MANGLE_INPUT, STAGE_FILTER_INPUT),
					FIELD_OUT, no_device);
	if (analysis->forwarding != TRUTH_NO) {
		diagram_node forward = drop_in(analysis, STAGE_MANGLE_FORWARD, STAGE_FILTER_FORWARD);
		/* The way out is unknown and no other variable of the path tells it: quantified here. */
		bool *out = no_variables(analysis);
		if (out)
			mark_field(analysis, out, FIELD_OUT);
		diagram_node outside = diagram_not(diagram, interface_domain(analysis));
		forward = quantify(analysis, diagram_or(diagram, forward, outside), out, true);
		behind = diagram_and(diagram, behind, diagram_or(diagram, analysis->local, forward));
	}
	/* A host that does not forward is silent on IPv4 packets that are not for it (ip_error()), but
	 * answers to IPv6 ones (ip6_pkt_discard()), before any rule of INPUT: where its addresses are known,
	 * only those are judged. */
	if (analysis->forwarding == TRUTH_NO && analysis->family == FAMILY_IPV6 && knows_locals(analysis))
		behind = diagram_and(diagram, behind, analysis->local);
	/* Only the first packet of a connection meets the rules of nat; whether this is one hangs on the
	 * state. */
	diagram_node nat = output_none(analysis, stage_outcome(analysis, STAGE_NAT_PREROUTING));
	diagram_node tracked =
	    drop_or(analysis, prerouting, drop_or(analysis, nat, nat_forall(analysis, behind)));
	diagram_node untracked = drop_or(analysis, prerouting, behind);
	tracked = state_forall(analysis, tracked);
	untracked = state_fixed(analysis, untracked, STATE_UNTRACKED);

	/* Every outcome of raw that is possible ends in a drop. */
	diagram_node all = diagram_not(diagram, blocked);
	all = diagram_and(diagram, all, diagram_or(diagram, untracked, diagram_not(diagram, raw_untracked)));
	all = diagram_and(diagram, all, diagram_or(diagram, tracked, diagram_not(diagram, raw_tracked)));
	analysis->decided = unknowns_forall(analysis, all);

	find_conntrack_effect(analysis);
	diagram_node early = analysis->decided;
	if (analysis->tracked_blocked)
		early = diagram_minus(diagram, early, analysis->may_tracked);
	else if (analysis->closed_tuples)
		early = diagram_and(diagram, early,
				    diagram_or(diagram, tuple_forall(analysis, early),
					       diagram_not(diagram, analysis->may_tracked)));
	analysis->settled = early;
	analysis->early = frames_forall(analysis, early);
}
