/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether one packet is dropped early is the region's to say (meaning/region.h). Why not is asked of the
 * engine: XDP knows neither the connection state nor where the packet goes, so the packet is sent through the
 * rules in every state and on every path that it may take, and the first thing that is not a plain drop is
 * the reason. */
#include "command/early.h"
#include "command/command.h"
#include "command/reason.h"
#include "engine/engine.h"
#include "extension/extension.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* --- the region
 * ------------------------------------------------------------------------------------------------- */

static void leave_open(const struct fields *fields, enum field field, int8_t *values)
{
	for (uint32_t i = 0; i < fields->bits[field]; i++)
		values[fields->first[field] + i] = -1;
}

static bool predicate_open(const struct predicate *predicate, uint32_t known)
{
	switch (predicate->kind) {
	case PREDICATE_SOURCE:
		return !(known & KNOWN_SOURCE);
	case PREDICATE_DESTINATION:
		return !(known & KNOWN_DESTINATION);
	case PREDICATE_PAIR:
		return !(known & (predicate->pair_source_address ? KNOWN_SOURCE : KNOWN_DESTINATION)) ||
		       !(known & KNOWN_PROTOCOL) ||
		       !(known & (KNOWN_PORTS |
				  (predicate->pair_source_port ? KNOWN_SOURCE_PORT : KNOWN_DESTINATION_PORT) |
				  KNOWN_ICMP));
	default:
		return true;
	}
}

/* What the packet leaves open is -1. A fragment is seen without ports, as XDP does (packet/key.h). */
static void assign_values(const struct fields *fields, const struct packet *packet, bool *bits,
			  int8_t *values)
{
	struct packet seen = *packet;
	uint32_t known = packet->known;
	bool fragment = (known & KNOWN_FRAGMENT) && (packet->more_fragments || packet->fragment_offset);
	if (fragment) {
		seen.fragment_offset = 0;
		seen.more_fragments = true;
		seen.source_port = seen.destination_port = 0;
		seen.tcp_flags = seen.icmp_type = seen.icmp_code = 0;
		seen.payload = 0;
		known |= KNOWN_PORTS | KNOWN_TCP_FLAGS | KNOWN_ICMP;
	}
	fields_assign(fields, &seen, STATE_NEW, NULL, bits);
	uint32_t count = diagram_variables(fields->diagram);
	for (uint32_t i = 0; i < count; i++)
		values[i] = fields->unknown[i] ? -1 : bits[i];
	static const struct {
		enum field field;
		uint32_t known;
	} needs[] = {
	    {FIELD_SOURCE, KNOWN_SOURCE},
	    {FIELD_DESTINATION, KNOWN_DESTINATION},
	    {FIELD_PROTOCOL, KNOWN_PROTOCOL},
	    {FIELD_FRAGMENT, KNOWN_FRAGMENT},
	};
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		if (!(known & needs[i].known))
			leave_open(fields, needs[i].field, values);
	}
	/* Fields of other protocols than the packet's are 0 for all of its kind. */
	bool any = !(known & KNOWN_PROTOCOL);
	bool tcp = packet->protocol == IPPROTO_TCP;
	bool ports = tcp || packet->protocol == IPPROTO_UDP || packet->protocol == IPPROTO_UDPLITE ||
		     packet->protocol == IPPROTO_SCTP || packet->protocol == IPPROTO_DCCP;
	bool icmp = packet->protocol == (packet->family == FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	if ((any || ports) && !(known & (KNOWN_PORTS | KNOWN_SOURCE_PORT)))
		leave_open(fields, FIELD_SPORT, values);
	if ((any || ports) && !(known & (KNOWN_PORTS | KNOWN_DESTINATION_PORT)))
		leave_open(fields, FIELD_DPORT, values);
	if ((any || tcp) && !(known & KNOWN_TCP_FLAGS))
		leave_open(fields, FIELD_TCP_FLAGS, values);
	if ((any || icmp) && !(known & KNOWN_ICMP))
		leave_open(fields, FIELD_ICMP, values);
	if ((any || tcp) && !fragment)
		leave_open(fields, FIELD_PAYLOAD, values);
	for (size_t i = 0; i < fields->predicate_count; i++) {
		if (predicate_open(fields->predicates[i], known))
			values[fields->predicates[i]->variable] = -1;
	}
}

/* Whether the packet is, for sure, among those of the region that a limit alone drops: the limit's rule. */
static const struct rule *find_limit(const struct region *region, const int8_t *values, diagram_node domain)
{
	struct diagram *diagram = region->fields->diagram;
	diagram_node limited = diagram_restrict(diagram, region_limited(region), values);
	int8_t *witness = malloc(diagram_variables(diagram) + 1);
	const struct rule *rule = NULL;
	/* The first of them stands for all. */
	diagram_node left = diagram_restrict(diagram, region->root, values);
	if (witness && limited != DIAGRAM_FALSE && diagram_minus(diagram, domain, limited) == DIAGRAM_FALSE &&
	    diagram_witness(diagram, diagram_if(diagram, domain, left, DIAGRAM_FALSE), 0, witness)) {
		diagram_node at = diagram_restrict(diagram, left, witness);
		uint32_t terminal = diagram_is_terminal(at) ? diagram_value(at) : 0;
		uint32_t limit = terminal < region->attribution_count && terminal
				     ? region->attributions[terminal].limit
				     : 0;
		if (limit)
			rule = region->units[region->limits[limit - 1].unit].rule;
	}
	free(witness);
	return rule;
}

static int ask_region(const struct region *region, const struct packet *packet, enum early *answer,
		      const struct rule **limit)
{
	const struct fields *fields = region->fields;
	struct diagram *diagram = fields->diagram;
	uint32_t count = diagram_variables(diagram);
	bool *bits = calloc(count + 1, sizeof(*bits));
	int8_t *values = calloc(count + 1, sizeof(*values));
	int result = bits && values ? 0 : -ENOMEM;
	if (result == 0) {
		assign_values(fields, packet, bits, values);
		/* Impossible values of what is open (a fragment field of 3) must not count. */
		diagram_node left = diagram_restrict(diagram, region_dropped(region), values);
		diagram_node domain = diagram_restrict(diagram, fields_domain(fields), values);
		diagram_node kept = diagram_and(diagram, domain, diagram_not(diagram, left));
		diagram_node dropped = diagram_and(diagram, domain, left);
		if (kept == DIAGRAM_UNDECIDED || dropped == DIAGRAM_UNDECIDED)
			*answer = EARLY_UNDECIDED;
		else if (kept == DIAGRAM_FALSE)
			*answer = EARLY_YES;
		else
			*answer = dropped == DIAGRAM_FALSE ? EARLY_NO : EARLY_DEPENDS;
		*limit =
		    *answer == EARLY_NO && region->limit_count ? find_limit(region, values, domain) : NULL;
	}
	free(bits);
	free(values);
	return result;
}

/* --- why not
 * ---------------------------------------------------------------------------------------------------- */

struct question {
	const struct ruleset *ruleset;
	const struct region_options *options;
	struct packet packet; /* as XDP sees it */
	enum path path;
	bool state_matters; /* the answer of the states is not all the same */
	struct buffer *reason;
};

static void watch_step(void *context, const struct step *step)
{
	const struct rule **opaque = context;
	if (step->kind == STEP_RULE && step->rule->target.type->kind == TARGET_OPAQUE && !*opaque)
		*opaque = step->rule;
}

static void say_where(const struct question *question, enum connection_state state)
{
	if (question->state_matters)
		buffer_printf(question->reason, " when the connection state is %s",
			      connection_state_name(state));
	if (question->path == PATH_FORWARD)
		buffer_puts(question->reason, " on the way through FORWARD");
}

static void say_accepted(const struct question *question, const struct outcome *outcome,
			 enum connection_state state)
{
	struct buffer *reason = question->reason;
	if (outcome->rule) {
		rule_name_print(outcome->rule, reason);
		buffer_puts(reason, " accepts it");
	} else if (outcome->chain) {
		buffer_printf(reason, "the policy of %s ", table_names[outcome->chain->table->id]);
		clean_print(outcome->chain->name, reason);
		buffer_puts(reason, " accepts it");
	} else {
		buffer_puts(reason, "the rules accept it");
	}
	say_where(question, state);
}

/* The first effect that is not allowed: of a rule's target, or of looking at one of its matches. */
static bool say_effect(const struct question *question, const struct outcome *outcome)
{
	struct buffer *reason = question->reason;
	unsigned effects = outcome->effects & ~question->options->allowed, index = 0;
	if (!effects)
		return false;
	while (!(effects & 1u << index))
		index++;
	const struct rule *rule = outcome->effect_rules[index];
	if (!rule) {
		buffer_printf(reason, "it takes more rules than are followed");
		return true;
	}
	struct text text = span_text(rule->target.span);
	for (uint32_t i = 0; i < rule->match_count; i++) {
		const struct match *match = &rule->matches[i];
		if (match->type->effects && (match->type->effects(match) & 1u << index))
			text = span_text(match->span);
	}
	buffer_puts(reason, "'");
	clean_print(text, reason);
	buffer_puts(reason, "' of ");
	rule_name_print(rule, reason);
	if (1u << index == EFFECT_UNKNOWN)
		buffer_puts(reason, " is not modelled and may have an effect");
	else
		buffer_printf(reason, " is an effect that would be missed (--allow %s)", effect_names[index]);
	return true;
}

/* One state on one path. true with a reason given. */
static bool explain_state(struct question *question, enum connection_state state)
{
	const struct rule *opaque = NULL;
	struct outcome outcome;
	struct buffer *reason = question->reason;
	question->packet.state = state;
	question->packet.known |= KNOWN_STATE;
	if (engine_run(question->ruleset, &question->packet, question->path, watch_step, &opaque, &outcome) !=
	    0)
		return false;
	if (outcome.verdicts == VERDICT_ACCEPT) {
		say_accepted(question, &outcome, state);
		return true;
	}
	if (opaque) {
		struct text text = span_text(opaque->target.span);
		rule_name_print(opaque, reason);
		buffer_puts(reason, ": its target '");
		clean_print(text, reason);
		buffer_puts(reason, "' is not modelled");
		say_where(question, state);
		return true;
	}
	if (outcome.verdicts & (VERDICT_ACCEPT | VERDICT_UNKNOWN)) {
		if (outcome.unsure) {
			rule_name_print(outcome.unsure, reason);
			buffer_puts(reason, " depends on ");
			dependence_print(outcome.unsure, &question->packet, reason);
		} else {
			buffer_puts(reason, "the rules may accept it");
		}
		say_where(question, state);
		return true;
	}
	return say_effect(question, &outcome);
}

static bool verdicts_differ(const struct question *question)
{
	unsigned first = 0;
	for (unsigned state = 0; state < STATE_COUNT; state++) {
		struct packet packet = question->packet;
		struct outcome outcome;
		packet.state = state;
		packet.known |= KNOWN_STATE;
		if (engine_run(question->ruleset, &packet, question->path, NULL, NULL, &outcome) != 0)
			return false;
		if (state == 0)
			first = outcome.verdicts;
		else if (outcome.verdicts != first)
			return true;
	}
	return false;
}

static bool explain_path(struct question *question, enum path path)
{
	question->path = path;
	question->state_matters = verdicts_differ(question);
	for (unsigned state = 0; state < STATE_COUNT; state++) {
		if (explain_state(question, state))
			return true;
	}
	return false;
}

static bool destination_local(const struct packet *packet, const struct region_options *options)
{
	if (!(packet->known & KNOWN_DESTINATION))
		return false;
	address value = address_from_bytes(packet->family, packet->destination);
	for (size_t i = 0; i < options->local_count; i++) {
		if (options->locals[i].family == packet->family && options->locals[i].low <= value &&
		    value <= options->locals[i].high)
			return true;
	}
	return false;
}

static void explain_no(const struct ruleset *ruleset, const struct region *region,
		       const struct packet *packet, const struct region_options *options,
		       struct buffer *reason)
{
	struct question question = {
	    .ruleset = ruleset, .options = options, .packet = *packet, .reason = reason};
	/* XDP does not know where it will go, and looks at no more than is in the key (packet/key.h). */
	question.packet.known &=
	    ~(uint32_t)(KNOWN_OUT | KNOWN_TTL | KNOWN_TOS | KNOWN_MAC | KNOWN_MARK | KNOWN_TIME | KNOWN_TYPE);
	packet_forget_bytes(&question.packet);
	if (options->interface) {
		memcpy(question.packet.in, options->interface,
		       strnlen(options->interface, INTERFACE_NAME_MAX - 1) + 1);
		question.packet.known |= KNOWN_IN;
	}
	enum truth forwarding = options->forwarding[packet->family];
	if (explain_path(&question, PATH_INPUT))
		return;
	if (forwarding != TRUTH_NO && !destination_local(packet, options) &&
	    explain_path(&question, PATH_FORWARD)) {
		if (forwarding == TRUTH_UNKNOWN)
			buffer_puts(
			    reason,
			    "; say --forward no where the host does not forward, or --local for its own "
			    "addresses");
		return;
	}
	bool fragment =
	    (packet->known & KNOWN_FRAGMENT) && (packet->more_fragments || packet->fragment_offset);
	if (fragment)
		buffer_puts(
		    reason,
		    "of a fragmented packet only what all its fragments share may decide, and ports are "
		    "not among that");
	else if (!(options->allowed & EFFECT_CONNTRACK))
		buffer_puts(
		    reason,
		    "it is dropped behind conntrack, where rules on the way out look at connection state "
		    "(--allow conntrack)");
	else if (region->undecided)
		buffer_puts(reason, "the region was not computed within the node budget");
	else
		buffer_puts(reason, "its drop was not proven for every value of what is unknown");
}

int early_judge(const struct ruleset *ruleset, const struct packet *packet,
		const struct region_options *options, enum early *answer, struct buffer *reason)
{
	struct region *region __attribute__((cleanup(region_cleanup))) = NULL;
	if (!ruleset->has_family[packet->family]) {
		*answer = EARLY_NO;
		buffer_puts(reason, "there are no rules of its family");
		return 0;
	}
	command_progress_start("computing what may be dropped early");
	int result = region_compute(ruleset, packet->family, options, &region);
	command_progress_stop();
	if (result)
		return result;
	if (region->undecided) {
		*answer = EARLY_UNDECIDED;
		buffer_puts(reason,
			    "the region was not computed within the node budget: nothing is dropped early");
		return 0;
	}
	const struct rule *limit = NULL;
	result = ask_region(region, packet, answer, &limit);
	if (result || *answer == EARLY_YES)
		return result;
	if (limit) {
		buffer_puts(reason, "XDP drops what is above the rate of ");
		rule_name_print(limit, reason);
		buffer_puts(reason, ", and lets the rest go up");
		return 0;
	}
	if (*answer == EARLY_DEPENDS)
		buffer_puts(reason, "that hangs on what the packet does not say; as it is given: ");
	explain_no(ruleset, region, packet, options, reason);
	return 0;
}
