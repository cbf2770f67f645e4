/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How many rules a packet walks, before and after: the engine takes packets through both, and its steps tell.
 * The packets are drawn from the rules (some that each of them may match) and, as many, from anywhere; the
 * same ones at every run. What counts is where they come to, not what the traffic is: that nobody has told.
 */
#include "engine/engine.h"
#include "rewrite/plan.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define PACKETS_MAX 256 /* of each family and kind */
#define STACK_MAX 64

struct count {
	uint64_t sum, packets;
	size_t most;
};

/* What the steps of one packet say. */
struct walk {
	struct count (*counts)[TABLE_COUNT][HOOK_COUNT];
	const struct chain *start; /* built-in; NULL: none yet */
	enum hook hook;
	size_t walked, depth;
	struct {
		const struct chain *chain;
		size_t at; /* rules of it that were asked */
		bool left; /* by RETURN */
	} stack[STACK_MAX];
};

static void walk_end(struct walk *walk)
{
	struct count *count;

	if (!walk->start)
		return;
	count = &(*walk->counts)[walk->start->table->id][walk->hook];
	count->sum += walk->walked;
	count->packets++;
	if (walk->walked > count->most)
		count->most = walk->walked;
	walk->start = NULL;
}

static void walk_enter(struct walk *walk, const struct chain *chain)
{
	walk->stack[walk->depth].chain = chain;
	walk->stack[walk->depth].at = 0;
	walk->stack[walk->depth].left = false;
}

static void walk_to_end(struct walk *walk)
{
	if (!walk->stack[walk->depth].left)
		walk->walked += walk->stack[walk->depth].chain->rule_count - walk->stack[walk->depth].at;
}

static void walk_rule(struct walk *walk, const struct rule *rule)
{
	if (rule->chain != walk->stack[walk->depth].chain)
		return; /* deeper than the stack */
	if (rule->number > walk->stack[walk->depth].at) {
		walk->walked += rule->number - walk->stack[walk->depth].at;
		walk->stack[walk->depth].at = rule->number;
	}
	walk->stack[walk->depth].left = rule->target.type->kind == TARGET_RETURN || rule->target.is_goto;
	if (rule->target.chain && walk->depth + 1 < STACK_MAX) {
		walk->depth++;
		walk_enter(walk, rule->target.chain);
	}
}

static void walk_step(void *context, const struct step *step)
{
	struct walk *walk = context;

	if (step->kind == STEP_TABLE) {
		walk_end(walk);
		walk->start = step->chain;
		walk->hook = step->hook;
		walk->walked = walk->depth = 0;
		walk_enter(walk, step->chain);
	} else if (walk->start && step->kind == STEP_RULE) {
		walk_rule(walk, step->rule);
	} else if (walk->start && (step->kind == STEP_RETURN || step->kind == STEP_POLICY)) {
		for (; walk->depth > 0 && walk->stack[walk->depth].chain != step->chain; walk->depth--)
			walk_to_end(walk);
		if (step->kind == STEP_POLICY) {
			walk_to_end(walk);
			walk_end(walk);
		}
	}
}

/* --- Packets
 * ------------------------------------------------------------------------------------------------------ */

static uint64_t draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static address draw_address(enum family family, address value, address mask, uint64_t *state)
{
	address any = (address)draw(state) << 64 | draw(state);

	return (value | (any & ~mask)) & family_max(family);
}

static uint16_t draw_port(uint16_t low, uint16_t high, uint64_t *state)
{
	return low > high ? low : (uint16_t)(low + draw(state) % ((uint64_t)high - low + 1));
}

static void draw_interface(char name[INTERFACE_NAME_MAX], const struct interface_match *match)
{
	const char *plain = match ? match->name : "eth0";
	size_t size = strlen(plain) < INTERFACE_NAME_MAX - 2 ? strlen(plain) : INTERFACE_NAME_MAX - 2;

	memcpy(name, plain, size);
	name[size] = '\0';
	if (match && match->wildcard)
		memcpy(name + size, "0", 2);
}

static struct packet draw_packet(enum family family, const struct box *box, uint64_t *state)
{
	struct packet packet = {.family = family,
				.known = KNOWN_IN | KNOWN_OUT | KNOWN_PROTOCOL | KNOWN_SOURCE |
					 KNOWN_DESTINATION | KNOWN_PORTS | KNOWN_TCP_FLAGS | KNOWN_ICMP |
					 KNOWN_STATE | KNOWN_LENGTH | KNOWN_FRAGMENT | KNOWN_TTL | KNOWN_TOS |
					 KNOWN_MARK | KNOWN_TYPE,
				.tcp_flags = 2,
				.icmp_type = family == FAMILY_IPV4 ? 8 : 128,
				.length = 60,
				.ttl = 64,
				.state = STATE_NEW,
				.type = PACKET_UNICAST};

	packet.protocol = box->protocol ? box->protocol : draw(state) & 1 ? IPPROTO_TCP : IPPROTO_UDP;
	draw_interface(packet.in, box->in);
	draw_interface(packet.out, box->out);
	address_to_bytes(family, draw_address(family, box->source, box->source_mask, state), packet.source);
	address_to_bytes(family, draw_address(family, box->destination, box->destination_mask, state),
			 packet.destination);
	packet.source_port = draw_port(box->source_low, box->source_high, state);
	packet.destination_port = draw_port(box->destination_low, box->destination_high, state);
	return packet;
}

struct measure {
	const struct ruleset *before, *after;
	struct count counts[2][TABLE_COUNT][HOOK_COUNT];
};

static int measure_packet(struct measure *measure, const struct packet *packet, enum path path)
{
	int error = 0;

	for (int side = 0; side < 2 && !error; side++) {
		struct walk walk = {.counts = &measure->counts[side]};
		struct outcome outcome;
		error = engine_run(side ? measure->after : measure->before, packet, path, walk_step, &walk,
				   &outcome);
		walk_end(&walk);
	}
	return error;
}

/* Every so-many-th rule of the family gives one, and one from anywhere. */
static int measure_family(const struct rewrite *rewrite, enum family family, struct measure *measure)
{
	const struct box anything = {.source_high = UINT16_MAX, .destination_high = UINT16_MAX};
	uint64_t state = 0x5eed5eed5eed5eedu;
	size_t rules = 0, number = 0;

	for (size_t i = 0; i < rewrite->chain_count; i++)
		if (rewrite->chains[i]->chain && rewrite->chains[i]->table->family == family)
			rules += rewrite->chains[i]->chain->rule_count;
	size_t every = rules / PACKETS_MAX + 1;
	for (size_t i = 0; i < rewrite->chain_count; i++) {
		const struct plan_chain *chain = rewrite->chains[i];
		if (!chain->chain || chain->table->family != family)
			continue;
		enum path path = chain->chain->reached & 1u << HOOK_FORWARD ? PATH_FORWARD : PATH_INPUT;
		for (size_t k = 0; k < chain->chain->rule_count; k++) {
			if (number++ % every)
				continue;
			struct packet packet = draw_packet(family, &chain->facts[k].box, &state);
			int error = measure_packet(measure, &packet, path);
			packet = draw_packet(family, &anything, &state);
			if (!error)
				error = measure_packet(measure, &packet, path);
			if (error)
				return error;
		}
	}
	return 0;
}

static int add_cost(struct rewrite *rewrite, const struct measure *measure, const struct chain *chain,
		    struct rewrite_cost **costs, size_t *count, size_t *capacity)
{
	const struct count *before = &measure->counts[0][chain->table->id][chain->hook],
			   *after = &measure->counts[1][chain->table->id][chain->hook];

	if (!before->packets || !after->packets)
		return 0;
	struct rewrite_cost *cost =
	    arena_push(rewrite->arena, (void **)costs, count, capacity, sizeof(struct rewrite_cost));
	if (!cost)
		return -ENOMEM;
	*cost = (struct rewrite_cost){.chain = chain,
				      .before = (double)before->sum / (double)before->packets,
				      .after = (double)after->sum / (double)after->packets,
				      .most_before = before->most,
				      .most_after = after->most};
	return 0;
}

int rewrite_measure(struct rewrite *rewrite, const struct ruleset *after, const struct rewrite_cost **costs,
		    size_t *count)
{
	struct rewrite_cost *found = NULL;
	size_t found_count = 0, capacity = 0;

	for (int family = 0; family < FAMILY_COUNT; family++) {
		struct measure measure = {.before = rewrite->ruleset, .after = after};
		int error = measure_family(rewrite, (enum family)family, &measure);
		for (int id = 0; id < TABLE_COUNT && !error; id++) {
			const struct table *table = &rewrite->ruleset->tables[family][id];
			for (int hook = 0; table->present && hook < HOOK_COUNT && !error; hook++)
				if (table->hooks[hook] && table->hooks[hook]->rule_count)
					error = add_cost(rewrite, &measure, table->hooks[hook], &found,
							 &found_count, &capacity);
		}
		if (error)
			return error;
	}
	*costs = found;
	*count = found_count;
	return 0;
}
