/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A packet that some rules match, found by their diagrams. What is not modelled is taken to match: whoever
 * sends the packet through the engine hears that it is not sure. */
#include "check/context.h"
#include "extension/fields.h"
#include "meaning/head.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define WITNESS_NODES 200000u
#define SEEDS 8

/* Sets are laid out anew for each diagram. What is beyond a few million members in all is not asked. */
#define MEMBERS_MAX 3000000u

static bool is_affordable(struct check *check, const struct rule *const *rules, size_t count)
{
	size_t members = 0;
	for (size_t i = 0; i < count; i++)
		for (uint32_t j = 0; j < rules[i]->match_count; j++) {
			struct set_question question;
			if (match_set_question(&rules[i]->matches[j], &question))
				members += question.set->member_count;
		}
	if (members > MEMBERS_MAX - check->members)
		return false;
	check->members += members;
	return true;
}

static int declare(struct fields *fields, const struct rule *rule)
{
	int error = head_declare(fields, rule);
	for (uint32_t i = 0; i < rule->match_count && !error; i++)
		if (rule->matches[i].type->declare)
			error = rule->matches[i].type->declare(&rule->matches[i], rule, fields);
	return error;
}

static diagram_node condition(const struct fields *fields, const struct rule *rule)
{
	struct diagram *diagram = fields->diagram;
	diagram_node all = head_mean(fields, rule);
	for (uint32_t i = 0; i < rule->match_count; i++)
		all = diagram_and(diagram, all, rule->matches[i].type->mean(&rule->matches[i], rule, fields));
	/* No finding is about a later part of a packet. */
	diagram_node whole = fields_value(fields, FIELD_FRAGMENT, FRAGMENT_WHOLE);
	return diagram_and(diagram, all, whole);
}

/* f, with the wish where that leaves anything. */
static diagram_node prefer(const struct fields *fields, diagram_node f, diagram_node wish)
{
	diagram_node both = diagram_and(fields->diagram, f, wish);
	return both == DIAGRAM_FALSE || both == DIAGRAM_UNDECIDED ? f : both;
}

/* A packet on some path through f; the paths that contradict a set of pairs are not told from the others
 * beforehand, so several are tried. */
static int choose(const struct fields *fields, int8_t *values, diagram_node f, struct packet *packet)
{
	int error = -ESRCH;
	for (uint64_t seed = 0; seed < SEEDS && error == -ESRCH; seed++)
		if (diagram_witness(fields->diagram, f, seed, values))
			error = fields_packet(fields, values, packet);
	return error;
}

static int find(struct fields *fields, struct check *check, const struct rule *const *rules, size_t count,
		struct packet *packet)
{
	static const struct interface_match loopback = {.name = "lo"};
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
	struct diagram *diagram = fields->diagram;
	diagram_node all = fields_domain(fields);
	for (size_t i = 0; i < count; i++)
		all = diagram_and(diagram, all, condition(fields, rules[i]));
	if (all == DIAGRAM_FALSE || all == DIAGRAM_UNDECIDED)
		return -ESRCH;
	diagram_node lo = fields_interface(fields, FIELD_IN, &loopback);
	all = prefer(fields, all, diagram_not(diagram, lo));
	all = prefer(fields, all, fields_value(fields, FIELD_STATE, STATE_NEW));
	int8_t *values = arena_alloc(check->arena, diagram_variables(diagram) + 1);
	if (!values)
		return -ENOMEM;
	int error = -ESRCH;
	for (size_t i = 0; i < sizeof(protocols) && error == -ESRCH; i++) {
		diagram_node one = fields_value(fields, FIELD_PROTOCOL, protocols[i]);
		error = choose(fields, values, diagram_and(diagram, all, one), packet);
	}
	if (error == -ESRCH)
		error = choose(fields, values, all, packet);
	if (!error && !packet->out[0])
		packet->known &= ~(uint32_t)KNOWN_OUT;
	return error;
}

int witness_find(struct check *check, const struct rule *const *rules, size_t count, struct packet *packet)
{
	static const struct interface_match loopback = {.name = "lo"};
	if (!is_affordable(check, rules, count))
		return -ESRCH;
	struct fields *fields __attribute__((cleanup(fields_cleanup))) = fields_new(rule_family(rules[0]));
	int error = fields ? fields_need_interface(fields, &loopback) : -ENOMEM;
	for (size_t i = 0; i < count && !error; i++)
		error = declare(fields, rules[i]);
	if (!error)
		error = fields_seal(fields, WITNESS_NODES);
	if (!error)
		error = find(fields, check, rules, count, packet);
	return error == 0 || error == -ENOMEM ? error : -ESRCH;
}

int rule_lies_among(struct check *check, const struct rule *inner, const struct rule *const *outers,
		    size_t count, enum truth *inside)
{
	*inside = TRUTH_UNKNOWN;
	if (!is_affordable(check, &inner, 1) || !is_affordable(check, outers, count))
		return 0;
	struct fields *fields __attribute__((cleanup(fields_cleanup))) = fields_new(rule_family(inner));
	int error = fields ? declare(fields, inner) : -ENOMEM;
	for (size_t i = 0; i < count && !error; i++)
		error = declare(fields, outers[i]);
	if (!error)
		error = fields_seal(fields, WITNESS_NODES);
	if (error)
		return error == -ENOMEM ? error : 0;
	diagram_node outside = diagram_and(fields->diagram, condition(fields, inner), fields_domain(fields));
	for (size_t i = 0; i < count; i++)
		outside = diagram_minus(fields->diagram, outside, condition(fields, outers[i]));
	if (outside != DIAGRAM_UNDECIDED)
		*inside = outside == DIAGRAM_FALSE ? TRUTH_YES : TRUTH_NO;
	return 0;
}

int rule_lies_in(struct check *check, const struct rule *inner, const struct rule *outer, bool *inside)
{
	enum truth answer;
	int error = rule_lies_among(check, inner, &outer, 1, &answer);
	*inside = !error && answer == TRUTH_YES;
	return error;
}

struct packet probe_of_rule(const struct rule *rule)
{
	enum family family = rule_family(rule);
	struct packet packet = {.family = family};
	bool exact = !rule->in.inverted && !rule->in.wildcard && rule->in.name[0];
	if (exact) {
		memcpy(packet.in, rule->in.name, sizeof(packet.in));
		packet.known |= KNOWN_IN;
	}
	if (!rule->source.inverted && rule->source.mask == family_max(family))
		probe_source(&packet, rule->source.value);
	if (!rule->destination.inverted && rule->destination.mask == family_max(family)) {
		address_to_bytes(family, rule->destination.value, packet.destination);
		packet.known |= KNOWN_DESTINATION;
	}
	if (rule->protocol && !rule->protocol_inverted) {
		packet.protocol = rule->protocol;
		packet.known |= KNOWN_PROTOCOL;
	}
	for (uint32_t i = 0; i < rule->match_count; i++) {
		bool source;
		uint16_t port;
		if (!match_single_port(&rule->matches[i], &source, &port))
			continue;
		*(source ? &packet.source_port : &packet.destination_port) = port;
		packet.known |= (source ? KNOWN_SOURCE_PORT : KNOWN_DESTINATION_PORT);
	}
	return packet;
}
