/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Packets that findings send through the engine. What is not set of one is not known, and the engine then
 * gives every verdict that is possible: so a verdict that is not among them is impossible for all packets
 * that the probe stands for. */
#include "check/context.h"
#include "packet/address.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define SYN 0x02
#define ACK 0x10

/* --- interfaces
 * -------------------------------------------------------------------------------------------------- */

static bool named(const struct interfaces *interfaces, const char *name)
{
	for (size_t i = 0; i < interfaces->count; i++)
		if (strcmp(interfaces->names[i], name) == 0)
			return true;
	return false;
}

static void name_interface(struct interfaces *interfaces, const struct interface_match *match)
{
	char name[INTERFACE_NAME_MAX];
	size_t size = strlen(match->name);
	memcpy(name, match->name, sizeof(name));
	if (match->wildcard && size + 1 < sizeof(name)) /* eth+: eth0 */
		memcpy(name + size, "0", 2);
	if (size == 0 || strcmp(name, "lo") == 0 || interfaces->count == INTERFACES_MAX ||
	    named(interfaces, name))
		return;
	memcpy(interfaces->names[interfaces->count++], name, sizeof(name));
}

/* A name that no rule names. */
static void name_another(struct interfaces *interfaces, const struct check *check, enum family family)
{
	char *name = interfaces->names[0];
	for (unsigned number = 0; number < 1000; number++) {
		bool taken = false;
		snprintf(name, INTERFACE_NAME_MAX, "%s%u", number < 500 ? "outside" : "another",
			 number % 500);
		for (int id = 0; id < TABLE_COUNT && !taken; id++) {
			const struct table *table = &check->ruleset->tables[family][id];
			for (size_t i = 0; table->present && i < table->chain_count; i++)
				for (size_t j = 0; j < table->chains[i]->rule_count; j++) {
					const struct interface_match *in = &table->chains[i]->rules[j].in;
					struct interface_match plain = *in;
					plain.inverted = false;
					if (in->name[0] && interface_matches(&plain, name))
						taken = true;
				}
		}
		if (!taken)
			break;
	}
	interfaces->count = 1;
}

const struct interfaces *check_interfaces(struct check *check, enum family family)
{
	if (check->interfaces[family])
		return check->interfaces[family];
	struct interfaces *interfaces = arena_alloc(check->arena, sizeof(*interfaces));
	if (!interfaces)
		return NULL;
	name_another(interfaces, check, family);
	for (int id = 0; id < TABLE_COUNT; id++) {
		const struct table *table = &check->ruleset->tables[family][id];
		for (size_t i = 0; table->present && i < table->chain_count; i++)
			for (size_t j = 0; j < table->chains[i]->rule_count; j++)
				name_interface(interfaces, &table->chains[i]->rules[j].in);
	}
	check->interfaces[family] = interfaces;
	return interfaces;
}

/* --- packets
 * ----------------------------------------------------------------------------------------------------- */

struct packet probe_packet(enum family family, const char *interface)
{
	struct packet packet = {.family = family, .known = KNOWN_FRAGMENT};
	size_t size = interface ? strlen(interface) : 0;
	if (interface && size < sizeof(packet.in)) {
		memcpy(packet.in, interface, size + 1);
		packet.known |= KNOWN_IN;
	}
	return packet;
}

/* TCP: the first segment of a connection. */
void probe_protocol(struct packet *packet, uint8_t protocol)
{
	packet->protocol = protocol;
	packet->known |= KNOWN_PROTOCOL;
	if (protocol == IPPROTO_TCP) {
		packet->tcp_flags = SYN;
		packet->known |= KNOWN_TCP_FLAGS;
	}
}

void probe_ports(struct packet *packet, uint16_t source, uint16_t destination)
{
	packet->source_port = source;
	packet->destination_port = destination;
	packet->known |= KNOWN_PORTS | KNOWN_SOURCE_PORT | KNOWN_DESTINATION_PORT;
}

void probe_destination_port(struct packet *packet, uint16_t port)
{
	packet->destination_port = port;
	packet->known |= KNOWN_DESTINATION_PORT;
}

void probe_source(struct packet *packet, address value)
{
	address_to_bytes(packet->family, value, packet->source);
	packet->known |= KNOWN_SOURCE;
}

void probe_state(struct packet *packet, enum connection_state state)
{
	packet->state = state;
	packet->known |= KNOWN_STATE;
}

/* Echo request and reply, of ICMP and ICMPv6; others have no inverse. */
static uint8_t echo_inverse(uint8_t type)
{
	return type == 0 || type == 8 ? 8 - type : type == 128 || type == 129 ? 257 - type : type;
}

static void swap_ends(struct packet *packet)
{
	uint8_t other[sizeof(packet->source)];
	uint16_t port = packet->source_port;
	uint32_t known = packet->known;
	memcpy(other, packet->source, sizeof(other));
	memcpy(packet->source, packet->destination, sizeof(other));
	memcpy(packet->destination, other, sizeof(other));
	packet->source_port = packet->destination_port;
	packet->destination_port = port;
	known &= ~(uint32_t)(KNOWN_SOURCE | KNOWN_DESTINATION | KNOWN_SOURCE_PORT | KNOWN_DESTINATION_PORT |
			     KNOWN_STATE);
	known |= packet->known & KNOWN_SOURCE ? KNOWN_DESTINATION : 0;
	known |= packet->known & KNOWN_DESTINATION ? KNOWN_SOURCE : 0;
	known |= packet->known & KNOWN_SOURCE_PORT ? KNOWN_DESTINATION_PORT : 0;
	known |= packet->known & KNOWN_DESTINATION_PORT ? KNOWN_SOURCE_PORT : 0;
	packet->known = known;
	if (packet->known & KNOWN_TCP_FLAGS)
		packet->tcp_flags = SYN | ACK;
	if (packet->known & KNOWN_ICMP)
		packet->icmp_type = echo_inverse(packet->icmp_type);
}

struct packet probe_answer(const struct packet *packet)
{
	struct packet answer = *packet;
	swap_ends(&answer);
	memcpy(answer.out, packet->in, sizeof(answer.out));
	memset(answer.in, 0, sizeof(answer.in));
	answer.known &= ~(uint32_t)(KNOWN_IN | KNOWN_OUT);
	answer.known |= packet->known & KNOWN_IN ? KNOWN_OUT : 0;
	return answer;
}

struct packet probe_answered(struct check *check, const struct packet *packet)
{
	struct packet answer = *packet;
	const struct interfaces *interfaces = check_interfaces(check, packet->family);
	swap_ends(&answer);
	memset(answer.out, 0, sizeof(answer.out));
	answer.known &= ~(uint32_t)(KNOWN_IN | KNOWN_OUT);
	if (packet->known & KNOWN_OUT)
		memcpy(answer.in, packet->out, sizeof(answer.in));
	else if (interfaces)
		memcpy(answer.in, interfaces->names[0], sizeof(answer.in));
	answer.known |= answer.in[0] ? KNOWN_IN : 0;
	return answer;
}

/* A name that stands for whatever the rules do not name is none to show. */
static bool is_invented(struct check *check, enum family family, const char *name)
{
	const struct interfaces *interfaces = check_interfaces(check, family);
	return strcmp(name, "another") == 0 || !interfaces || strcmp(name, interfaces->names[0]) == 0;
}

const char *probe_text(struct check *check, const struct packet *packet)
{
	struct buffer text = {0};
	struct packet shown = *packet;
	/* What hardly any rule asks about says nothing to the reader. */
	shown.known &= ~(uint32_t)(KNOWN_LENGTH | KNOWN_FRAGMENT | KNOWN_TCP_FLAGS | KNOWN_STATE);
	if (is_invented(check, shown.family, shown.in))
		shown.known &= ~(uint32_t)KNOWN_IN;
	if (is_invented(check, shown.family, shown.out))
		shown.known &= ~(uint32_t)KNOWN_OUT;
	packet_print(&shown, &text);
	return check_text(check, &text);
}

/* --- on their way
 * ------------------------------------------------------------------------------------------------ */

/* How many rules are tried follows from those that match: what stands between them was tried, too. */
#define DEPTH_MAX 64
struct trail {
	struct probe *probe;
	bool stopped;
	size_t depth;
	struct {
		const struct chain *chain;
		size_t tried;
	} stack[DEPTH_MAX];
};

static void enter_chain(struct trail *trail, const struct chain *chain)
{
	if (trail->depth == DEPTH_MAX) {
		trail->stopped = true;
		return;
	}
	trail->stack[trail->depth].chain = chain;
	trail->stack[trail->depth++].tried = 0;
}

static void try_rules(struct trail *trail, size_t count)
{
	size_t *tried = &trail->stack[trail->depth - 1].tried;
	if (count > *tried) {
		trail->probe->walked += count - *tried;
		*tried = count;
	}
}

static void count_rules(struct trail *trail, const struct step *step)
{
	if (trail->stopped)
		return;
	switch (step->kind) {
	case STEP_TABLE:
		trail->depth = 0;
		enter_chain(trail, step->chain);
		break;
	case STEP_RULE:
	case STEP_HOT_DROP:
		while (trail->depth > 1 && trail->stack[trail->depth - 1].chain != step->chain)
			trail->depth--;
		try_rules(trail, step->rule->number);
		if (step->kind == STEP_RULE && step->rule->target.chain)
			enter_chain(trail, step->rule->target.chain);
		break;
	case STEP_RETURN: /* chain: that which it came back to */
		if (trail->depth > 1 && trail->stack[trail->depth - 1].chain != step->chain)
			try_rules(trail, trail->stack[trail->depth - 1].chain->rule_count);
		break;
	case STEP_POLICY:
		while (trail->depth > 1)
			trail->depth--;
		try_rules(trail, step->chain->rule_count);
		break;
	}
}

/* Whether the rule's target has to do with the packet's connection, or may have. */
static bool touches_connection(const struct rule *rule)
{
	struct ct_template template;
	return rule->target.type->kind == TARGET_NOTRACK || rule->target.type->kind == TARGET_OPAQUE ||
	       target_ct_template(&rule->target, &template);
}

static void follow(void *context, const struct step *step)
{
	struct trail *trail = context;
	struct probe *probe = trail->probe;
	if (step->chain->table->id == TABLE_FILTER)
		count_rules(trail, step);
	if (step->kind != STEP_RULE)
		return;
	if (step->rule == probe->rule) {
		if (probe->met != TRUTH_YES)
			probe->met = step->truth;
		trail->stopped = true;
	}
	if (step->rule->chain->table->id == TABLE_RAW && probe->notrack != TRUTH_YES &&
	    touches_connection(step->rule))
		probe->notrack = step->truth;
}

static void probe_begin(struct probe *probe)
{
	probe->met = TRUTH_NO;
	probe->notrack = TRUTH_NO;
	probe->walked = 0;
}

/* The ruleset that the probe is sent through. NULL when memory is short. */
static const struct ruleset *probe_ruleset(struct check *check, const struct probe *probe)
{
	if (!probe->without_raw)
		return check->ruleset;
	if (!check->without_raw) {
		struct ruleset *reduced = arena_alloc(check->arena, sizeof(*reduced));
		if (!reduced)
			return NULL;
		*reduced = *check->ruleset;
		for (int family = 0; family < FAMILY_COUNT; family++)
			reduced->tables[family][TABLE_RAW] =
			    (struct table){.family = (enum family)family, .id = TABLE_RAW};
		check->without_raw = reduced;
	}
	return check->without_raw;
}

int probe_arrival(struct check *check, const struct packet *packet, enum path path, struct probe *probe)
{
	struct trail trail = {.probe = probe};
	const struct ruleset *ruleset = probe_ruleset(check, probe);
	probe_begin(probe);
	return ruleset ? engine_run(ruleset, packet, path, follow, &trail, &probe->outcome) : -ENOMEM;
}

int probe_leaving(struct check *check, const struct packet *packet, struct probe *probe)
{
	struct trail trail = {.probe = probe};
	/* Without addresses of its own, what leaves was made here. */
	const struct engine_options options = {.path = PATH_INPUT};
	const struct ruleset *ruleset = probe_ruleset(check, probe);
	struct engine **engine = &check->engines[probe->without_raw];
	probe_begin(probe);
	if (!ruleset)
		return -ENOMEM;
	if (!*engine) {
		int error = engine_new(ruleset, &options, engine);
		if (error)
			return error;
	}
	return engine_packet(*engine, packet, ORIGIN_LEAVING, follow, &trail, &probe->outcome);
}

#define PROBE_WORK 10000000u /* rules tried */
#define PROBES_MIN 16
#define PROBES_MAX 8000

size_t probes_affordable(const struct check *check, enum family family)
{
	size_t rules = 1;
	for (int id = 0; id < TABLE_COUNT; id++) {
		const struct table *table = &check->ruleset->tables[family][id];
		for (size_t i = 0; table->present && i < table->chain_count; i++)
			rules += table->chains[i]->rule_count;
	}
	size_t count = PROBE_WORK / rules;
	return count < PROBES_MIN ? PROBES_MIN : count > PROBES_MAX ? PROBES_MAX : count;
}
