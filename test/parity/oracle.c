/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "oracle.h"

#include "rules.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void trace_fini(struct trace *trace)
{
	free(trace->items);
	*trace = (struct trace){0};
}

void trace_record(void *context, const struct step *step)
{
	struct trace *trace = context;

	if (step->kind == STEP_HOT_DROP)
		trace->hot_drop = true;
	if (step->kind == STEP_TABLE && step->chain->builtin && step->chain->hook != HOOK_PREROUTING)
		trace->routed = true;
	if (step->kind != STEP_RULE && step->kind != STEP_POLICY)
		return;
	if (trace->count == trace->capacity) {
		size_t capacity = trace->capacity ? 2 * trace->capacity : 64;
		struct traced *items = realloc(trace->items, capacity * sizeof(*items));

		if (!items) {
			fprintf(stderr, "parity: out of memory\n");
			exit(99);
		}
		trace->items = items;
		trace->capacity = capacity;
	}
	trace->items[trace->count++] = (struct traced){
	    step->kind == STEP_RULE ? (const void *)step->rule : (const void *)step->chain, step->truth,
	    step->packet->known & KNOWN_LENGTH ? step->packet->length : TRACED_LENGTH_UNKNOWN};
}

size_t trace_times(const struct trace *trace, const void *counted)
{
	size_t times = 0;

	for (size_t i = 0; i < trace->count; i++)
		times += trace->items[i].counted == counted && trace->items[i].truth == TRUTH_YES;
	return times;
}

static bool is_local(const struct packet *packet, const struct region_options *options)
{
	address destination = address_from_bytes(packet->family, packet->destination);

	for (size_t i = 0; i < options->local_count; i++)
		if (options->locals[i].family == packet->family && destination >= options->locals[i].low &&
		    destination <= options->locals[i].high)
			return true;
	return false;
}

struct asking {
	const struct ruleset *ruleset;
	const struct region_options *options;
	oracle_visit visit;
	void *context;
	struct trace trace;
	bool drops;
};

static void ask(struct asking *asking, const struct packet *packet, enum path path)
{
	struct outcome outcome;

	asking->trace.count = 0;
	asking->trace.hot_drop = false;
	asking->trace.routed = false;
	if (engine_run(asking->ruleset, packet, path, trace_record, &asking->trace, &outcome)) {
		asking->drops = false;
		return;
	}
	/* Where a reject is allowed it is a drop like any, and which of the two it was may be unknown. */
	unsigned drops = VERDICT_DROP | (asking->options->allowed & EFFECT_REJECT ? VERDICT_REJECT : 0);
	if (!outcome.verdicts || (outcome.verdicts & ~drops))
		asking->drops = false;
	if (outcome.effects & ~asking->options->allowed & ~(unsigned)EFFECT_CONNTRACK)
		asking->drops = false;
	/* Where the host does not forward it answers IPv6 packets for others itself, before INPUT: an answer
	 * is an effect. That they are for others is known where its own addresses are. */
	if (packet->family == FAMILY_IPV6 && asking->options->forwarding[FAMILY_IPV6] == TRUTH_NO &&
	    asking->options->local_count && asking->trace.routed && !is_local(packet, asking->options))
		asking->drops = false;
	if (asking->visit)
		asking->visit(asking->context, packet, path, &outcome, &asking->trace);
}

static void set_name(char name[INTERFACE_NAME_MAX], const char *value)
{
	snprintf(name, INTERFACE_NAME_MAX, "%s", value);
}

/* With state and input interface fixed. */
static void ask_paths(struct asking *asking, struct packet *packet)
{
	static const char *const outs[] = {"pard", "eth9", "par0", "ppp1", "parother", "other0"};

	packet->known &= ~(uint32_t)KNOWN_OUT;
	ask(asking, packet, PATH_INPUT);
	if (asking->options->forwarding[packet->family] == TRUTH_NO || is_local(packet, asking->options))
		return;
	packet->known |= KNOWN_OUT;
	for (size_t i = 0; i < sizeof(outs) / sizeof(*outs); i++) {
		set_name(packet->out, outs[i]);
		ask(asking, packet, PATH_FORWARD);
	}
}

static void ask_interfaces(struct asking *asking, struct packet *packet)
{
	static const char *const ins[] = {TEST_INTERFACE_NAMES};

	packet->known |= KNOWN_IN;
	if (asking->options->interface) {
		set_name(packet->in, asking->options->interface);
		ask_paths(asking, packet);
		return;
	}
	for (size_t i = 0; i < sizeof(ins) / sizeof(*ins); i++) {
		set_name(packet->in, ins[i]);
		ask_paths(asking, packet);
	}
}

bool oracle_drops(const struct ruleset *ruleset, const struct packet *packet,
		  const struct region_options *options, oracle_visit visit, void *context)
{
	struct asking asking = {ruleset, options, visit, context, {0}, true};
	struct packet copy = *packet;
	/* Neighbour discovery and MLD are untracked without a rule (nf_conntrack_proto_icmpv6.c). */
	int last = packet->family == FAMILY_IPV6 && packet->protocol == IPPROTO_ICMPV6 ? STATE_UNTRACKED
										       : STATE_INVALID;

	copy.known |= KNOWN_STATE;
	for (int state = STATE_NEW; state <= last; state++) {
		copy.state = (enum connection_state)state;
		ask_interfaces(&asking, &copy);
	}
	trace_fini(&asking.trace);
	return asking.drops;
}
