/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The ways of a packet through the hooks, in the order of the kernel's priorities (enum
 * nf_ip_hook_priorities): raw, conntrack, mangle, nat of destinations, filter, security, nat of sources,
 * confirmation. */
#include "engine/engine.h"
#include "engine/walk.h"
#include "extension/extension.h"
#include "packet/address.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void move(struct walker *walker, enum hook hook)
{
	walker->hook = hook;
	walker->evaluation_fresh = false;
}

static bool nat_anywhere(const struct ruleset *ruleset, enum family family)
{
	for (unsigned hook = 0; hook < HOOK_COUNT; hook++)
		if (walk_has_rules(ruleset, family, TABLE_NAT, hook))
			return true;
	return false;
}

static void finish(struct walker *walker, bool onward, struct outcome *outcome)
{
	if (onward)
		outcome->verdicts |= VERDICT_ACCEPT;
	outcome->effects |= walker->effects;
	memcpy(outcome->effect_rules, walker->effect_rules, sizeof(outcome->effect_rules));
	outcome->unsure = walker->unsure;
	outcome->untracked = walker->untracked == TRUTH_YES;
}

/* --- one packet, of which nothing came before
 * ---------------------------------------------------------------------- */

/* Whether conntrack leaves the packet alone: untracked or invalid. */
static bool has_no_connection(struct walker *walker)
{
	walker_refresh(walker);
	const struct evaluation *state = &walker->evaluation;
	return state->state_known && (state->state == STATE_UNTRACKED || state->state == STATE_INVALID);
}

/* iptables refuses DROP rules in nat, but not the policy, which a first packet may meet. */
static void doubt_nat_policy(struct walker *walker, bool *certain, struct outcome *outcome)
{
	const struct table *nat = &walker->ruleset->tables[walker->packet.family][TABLE_NAT];
	const struct chain *chain = nat->present ? nat->hooks[walker->hook] : NULL;
	if (!chain || chain->policy != POLICY_DROP || has_no_connection(walker))
		return;
	const struct evaluation *state = &walker->evaluation;
	if (state->state_known && state->state != STATE_NEW)
		return;
	outcome->verdicts |= VERDICT_UNKNOWN;
	*certain = false;
}

/* Behind nat PREROUTING or OUTPUT: a first packet meets its rules, others of the connection what the rules of
 * any chain once made of it (nf_nat_inet_fn()). Packets without a connection, untracked or invalid, are left
 * alone. The source is rewritten behind the filter only. */
static void forget_nat(struct walker *walker, bool *certain, struct outcome *outcome)
{
	enum family family = walker->packet.family;
	bool first = walk_has_rules(walker->ruleset, family, TABLE_NAT, walker->hook);
	bool later = first || nat_anywhere(walker->ruleset, family);
	if (has_no_connection(walker))
		return;
	doubt_nat_policy(walker, certain, outcome);
	const struct evaluation *state = &walker->evaluation;
	if (!(state->state_known && state->state == STATE_NEW ? first : later))
		return;
	struct packet *packet = &walker->packet;
	if (packet->known & KNOWN_PORTS)
		packet->known |= KNOWN_SOURCE_PORT;
	packet->known &= ~(uint32_t)(KNOWN_DESTINATION | KNOWN_PORTS | KNOWN_DESTINATION_PORT);
}

/* ip_forward() and ip6_forward() take one off before FORWARD. */
static void lower_ttl(struct walker *walker)
{
	if ((walker->packet.known & KNOWN_TTL) && walker->packet.ttl)
		walker->packet.ttl--;
}

int engine_run(const struct ruleset *ruleset, const struct packet *packet, enum path path, engine_trace trace,
	       void *context, struct outcome *outcome)
{
	static const enum table_id last[] = {TABLE_MANGLE, TABLE_FILTER, TABLE_SECURITY};
	struct walker walker;
	struct outcome result = {0};
	walker_init(&walker, ruleset, packet, trace, context);
	bool certain = true;
	bool onward = walk_table(&walker, TABLE_RAW, &certain, &result);
	if (onward) {
		walker.behind_conntrack = true;
		walker_refresh(&walker);
		onward = walk_table(&walker, TABLE_MANGLE, &certain, &result);
	}
	if (onward) {
		forget_nat(&walker, &certain, &result);
		if (path == PATH_FORWARD)
			lower_ttl(&walker);
		move(&walker, path == PATH_FORWARD ? HOOK_FORWARD : HOOK_INPUT);
		for (size_t i = 0; onward && i < sizeof(last) / sizeof(last[0]); i++)
			onward = walk_table(&walker, last[i], &certain, &result);
	}
	finish(&walker, onward, &result);
	*outcome = result;
	return 0;
}

int engine_chain(const struct ruleset *ruleset, const struct packet *packet, enum table_id table,
		 enum hook hook, engine_trace trace, void *context, struct outcome *outcome)
{
	struct walker walker;
	struct outcome result = {0};
	bool certain = true;
	walker_init(&walker, ruleset, packet, trace, context);
	walker.behind_conntrack = table != TABLE_RAW;
	walker.made_here = hook == HOOK_OUTPUT;
	if (walker.behind_conntrack && (packet->known & KNOWN_STATE) && packet->state == STATE_UNTRACKED)
		walker.untracked = TRUTH_YES;
	move(&walker, hook);
	walker_refresh(&walker);
	bool onward = walk_table(&walker, table, &certain, &result);
	finish(&walker, onward, &result);
	result.rule = walker.deciders == 1 ? walker.rule : NULL;
	result.chain = walker.deciders == 1 ? walker.chain : NULL;
	*outcome = result;
	return 0;
}

/* --- the packets of a capture
 * ------------------------------------------------------------------------------------- */

struct engine {
	const struct ruleset *ruleset;
	struct engine_options options;
	struct conntrack *conntrack;     /* NULL: not followed */
	uint32_t rewrites[FAMILY_COUNT]; /* KNOWN_*: what some target of the ruleset may change */
};

static unsigned nat_rules(const struct ruleset *ruleset, enum hook a, enum hook b)
{
	unsigned found = 0;
	for (unsigned family = 0; family < FAMILY_COUNT; family++)
		found |= walk_has_rules(ruleset, family, TABLE_NAT, a) ||
			 walk_has_rules(ruleset, family, TABLE_NAT, b);
	return found;
}

/* Whether some connection may be expected: since 6.0 only helpers that CT --helper names are there. */
static bool has_helpers(const struct ruleset *ruleset)
{
	struct ct_template template;
	for (unsigned family = 0; family < FAMILY_COUNT; family++) {
		const struct table *raw = &ruleset->tables[family][TABLE_RAW];
		for (size_t i = 0; i < raw->chain_count; i++)
			for (size_t j = 0; j < raw->chains[i]->rule_count; j++)
				if (target_ct_template(&raw->chains[i]->rules[j].target, &template) &&
				    template.helper.size)
					return true;
	}
	return false;
}

static uint32_t rewrites(const struct ruleset *ruleset, enum family family)
{
	uint32_t changed = 0;
	for (unsigned id = 0; id < TABLE_COUNT; id++) {
		const struct table *table = &ruleset->tables[family][id];
		for (size_t i = 0; i < table->chain_count; i++)
			for (size_t j = 0; j < table->chains[i]->rule_count; j++) {
				const struct target_type *type = table->chains[i]->rules[j].target.type;
				changed |= type->modelled ? type->rewrites : UINT32_MAX;
			}
	}
	return changed;
}

int engine_new(const struct ruleset *ruleset, const struct engine_options *options, struct engine **engine)
{
	struct engine *fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	fresh->ruleset = ruleset;
	fresh->options = *options;
	for (unsigned family = 0; family < FAMILY_COUNT; family++)
		fresh->rewrites[family] = rewrites(ruleset, family);
	const struct conntrack_options conntrack = {
	    .tcp_be_liberal = options->tcp_be_liberal,
	    .empty = options->empty,
	    .nat_source = nat_rules(ruleset, HOOK_POSTROUTING, HOOK_INPUT),
	    .nat_destination = nat_rules(ruleset, HOOK_PREROUTING, HOOK_OUTPUT),
	    .helpers = has_helpers(ruleset),
	    .limit = options->connections,
	};
	int error = options->follow ? conntrack_new(&conntrack, &fresh->conntrack) : 0;
	if (error) {
		free(fresh);
		return error;
	}
	*engine = fresh;
	return 0;
}

void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	conntrack_free(engine->conntrack);
	free(engine);
}

/* A packet's way through one engine. */
struct journey {
	struct engine *engine;
	struct walker walker;
	struct outcome outcome;
	bool certain;
	struct flow *flow; /* known before conntrack is reached: of packets that were captured leaving */
	enum flow_direction direction;
};

/* Through some tables of one hook. */
static bool pass(struct journey *journey, enum hook hook, const enum table_id *tables, size_t count)
{
	move(&journey->walker, hook);
	for (size_t i = 0; i < count; i++)
		if (!walk_table(&journey->walker, tables[i], &journey->certain, &journey->outcome))
			return false;
	return true;
}

static bool pass_nat(struct journey *journey)
{
	struct walker *walker = &journey->walker;
	if (journey->engine->conntrack)
		return walk_nat(walker, journey->engine->conntrack, &journey->certain, &journey->outcome);
	if (walker->hook == HOOK_PREROUTING || walker->hook == HOOK_OUTPUT)
		forget_nat(walker, &journey->certain, &journey->outcome);
	else
		doubt_nat_policy(walker, &journey->certain, &journey->outcome);
	return true;
}

/* The journey's conntrack: nf_conntrack_in(). */
static int enter_conntrack(struct journey *journey)
{
	struct walker *walker = &journey->walker;
	walker->behind_conntrack = true;
	walker->evaluation_fresh = false;
	if (!journey->engine->conntrack)
		return 0;
	struct arrival arrival = {
	    .reaches = journey->certain ? TRUTH_YES : TRUTH_UNKNOWN,
	    .received = walker->hook == HOOK_PREROUTING,
	    .flow = journey->flow,
	    .direction = journey->direction,
	};
	/* A template may choose a zone, which is not followed. */
	if (walker->untracked == TRUTH_UNKNOWN || walker->set_otherwise != TRUTH_NO)
		arrival.reaches = TRUTH_UNKNOWN;
	if (walker->untracked == TRUTH_YES && journey->certain)
		arrival.reaches = TRUTH_NO;
	walker->follows = true;
	return conntrack_packet(journey->engine->conntrack,
				walker->leaving ? walker->leaving : &walker->packet, &arrival,
				&walker->tracked);
}

/* PREROUTING, or OUTPUT down to nat. */
static int begin(struct journey *journey, enum hook hook, bool *onward)
{
	static const enum table_id first[] = {TABLE_RAW}, second[] = {TABLE_MANGLE};
	*onward = pass(journey, hook, first, 1);
	if (!*onward)
		return 0;
	int error = enter_conntrack(journey);
	if (!error)
		*onward = pass(journey, hook, second, 1) && pass_nat(journey);
	return error;
}

static bool leave(struct journey *journey)
{
	static const enum table_id tables[] = {TABLE_MANGLE};
	return pass(journey, HOOK_POSTROUTING, tables, 1) && pass_nat(journey);
}

static bool deliver(struct journey *journey)
{
	static const enum table_id tables[] = {TABLE_MANGLE, TABLE_FILTER, TABLE_SECURITY};
	return pass(journey, HOOK_INPUT, tables, 3) && pass_nat(journey);
}

/* What is forwarded with a time to live of 1 or less ends before FORWARD: ip_forward(), ip6_forward(). What
 * was captured leaving did not. */
static bool outlives(struct journey *journey)
{
	const struct packet *packet = &journey->walker.packet;
	if (journey->walker.leaving || ((packet->known & KNOWN_TTL) && packet->ttl > 1))
		return true;
	journey->certain = false;
	journey->outcome.verdicts |= VERDICT_DROP;
	journey->outcome.rule = NULL;
	journey->outcome.chain = NULL;
	return !(packet->known & KNOWN_TTL);
}

static bool forward(struct journey *journey)
{
	static const enum table_id tables[] = {TABLE_MANGLE, TABLE_FILTER, TABLE_SECURITY};
	if (!outlives(journey))
		return false;
	lower_ttl(&journey->walker);
	return pass(journey, HOOK_FORWARD, tables, 3) && leave(journey);
}

/* --- the routing decision
 * ------------------------------------------------------------------------------------------ */

static bool is_listed(const struct engine_options *options, enum family family, address value)
{
	for (size_t i = 0; i < options->local_count; i++) {
		const struct engine_local *local = &options->locals[i];
		if (local->family == family && value >= local->low && value <= local->high)
			return true;
	}
	return false;
}

/* Whether it is known of an address which is not listed that it is another's: not where none of the family is
 * listed, nor of link-local ones, which every interface has and few think of. */
static bool is_others(const struct engine_options *options, enum family family, address value)
{
	bool listed = false;
	for (size_t i = 0; i < options->local_count; i++)
		listed |= options->locals[i].family == family;
	return listed && !(family == FAMILY_IPV6 && value >> 118 == 0xfe80 >> 6);
}

/* Loopback addresses are everybody's own; what goes to all or to a group is judged as coming in. */
static bool is_everywhere(enum family family, address value)
{
	if (family == FAMILY_IPV6)
		return value == 1 || value >> 120 == 0xff;
	return value >> 24 == 127 || value >> 28 == 14 || value == UINT32_MAX;
}

static enum truth is_local(const struct engine_options *options, const struct walker *walker)
{
	const struct packet *packet = &walker->packet;
	const struct tracked *tracked = &walker->tracked;
	if (options->local_count == 0)
		return options->path == PATH_INPUT ? TRUTH_YES : TRUTH_NO;
	if (tracked->flow && tracked->known && tracked->direction == FLOW_ORIGINAL &&
	    tracked->flow->redirected)
		return TRUTH_YES;
	if (!(packet->known & KNOWN_DESTINATION))
		return TRUTH_UNKNOWN;
	if (is_listed(options, packet->family, walker->destination) ||
	    is_everywhere(packet->family, walker->destination))
		return TRUTH_YES;
	/* Frames to all have the broadcast address of a network that is not known, or end in ip_forward(). */
	if ((packet->known & KNOWN_TYPE) && packet->type != PACKET_UNICAST)
		return TRUTH_UNKNOWN;
	return is_others(options, packet->family, walker->destination) ? TRUTH_NO : TRUTH_UNKNOWN;
}

/* Whether a packet that was captured leaving was made by this host. */
static enum truth is_made_here(const struct engine_options *options, const struct journey *journey)
{
	const struct walker *walker = &journey->walker;
	const struct flow *flow = journey->flow;
	if (options->local_count == 0)
		return options->path == PATH_INPUT ? TRUTH_YES : TRUTH_NO;
	if (flow && flow->known) {
		enum truth end = journey->direction == FLOW_ORIGINAL ? flow->made_here : flow->delivered;
		if (end != TRUTH_UNKNOWN)
			return end;
	}
	if (!(walker->packet.known & KNOWN_SOURCE))
		return TRUTH_UNKNOWN;
	if (is_listed(options, walker->packet.family, walker->source))
		return TRUTH_YES;
	return is_others(options, walker->packet.family, walker->source) ? TRUTH_NO : TRUTH_UNKNOWN;
}

static void note_ends(struct journey *journey, enum truth made_here, enum truth delivered)
{
	const struct tracked *tracked = &journey->walker.tracked;
	if (!tracked->flow || !tracked->fresh)
		return;
	tracked->flow->made_here = made_here;
	tracked->flow->delivered = delivered;
}

/* Delivered or forwarded, it is not known which: both are possible, neither is certain. */
static bool pass_either(struct journey *journey)
{
	struct packet packet = journey->walker.packet;
	journey->certain = false;
	bool onward = deliver(journey);
	journey->walker.packet = packet;
	walker_readdress(&journey->walker);
	onward |= forward(journey);
	journey->outcome.rule = NULL;
	journey->outcome.chain = NULL;
	return onward;
}

static int travel_received(struct journey *journey, bool *onward)
{
	int error = begin(journey, HOOK_PREROUTING, onward);
	if (error || !*onward)
		return error;
	enum truth local = is_local(&journey->engine->options, &journey->walker);
	note_ends(journey, TRUTH_NO, local);
	*onward = local == TRUTH_YES  ? deliver(journey)
		  : local == TRUTH_NO ? forward(journey)
				      : pass_either(journey);
	return 0;
}

/* --- packets captured leaving
 * ------------------------------------------------------------------------------------------ */

/* What is behind NAT in the capture was something else where the rules began to see it: by the key of its
 * connection; and where there is none yet, anything that the rules may have changed. */
static void undo_nat(struct journey *journey)
{
	struct walker *walker = &journey->walker;
	struct packet *packet = &walker->packet;
	const struct ruleset *ruleset = walker->ruleset;
	enum family family = packet->family;
	unsigned unknown = 0;
	if (journey->flow && journey->flow->known) {
		const struct flow_key *key = &journey->flow->keys[journey->direction];
		unknown = journey->flow->unknown[journey->direction];
		address_to_bytes(family, key->source, packet->source);
		address_to_bytes(family, key->destination, packet->destination);
		if (packet->known & KNOWN_PORTS) {
			packet->source_port = key->source_port;
			packet->destination_port = key->destination_port;
		}
	} else if (nat_anywhere(ruleset, family)) {
		if (journey->flow || walk_has_rules(ruleset, family, TABLE_NAT, HOOK_POSTROUTING) ||
		    walk_has_rules(ruleset, family, TABLE_NAT, HOOK_INPUT))
			unknown |= PART_SOURCE | PART_SOURCE_PORT;
		if (journey->flow || walk_has_rules(ruleset, family, TABLE_NAT, HOOK_OUTPUT) ||
		    walk_has_rules(ruleset, family, TABLE_NAT, HOOK_PREROUTING))
			unknown |= PART_DESTINATION | PART_DESTINATION_PORT;
	}
	if (packet->known & KNOWN_PORTS)
		packet->known |= KNOWN_SOURCE_PORT | KNOWN_DESTINATION_PORT;
	if (unknown & (PART_SOURCE_PORT | PART_DESTINATION_PORT))
		packet->known &= ~(uint32_t)KNOWN_PORTS;
	if (unknown & PART_SOURCE)
		packet->known &= ~(uint32_t)KNOWN_SOURCE;
	if (unknown & PART_DESTINATION)
		packet->known &= ~(uint32_t)KNOWN_DESTINATION;
	if (unknown & PART_SOURCE_PORT)
		packet->known &= ~(uint32_t)KNOWN_SOURCE_PORT;
	if (unknown & PART_DESTINATION_PORT)
		packet->known &= ~(uint32_t)KNOWN_DESTINATION_PORT;
	walker_readdress(walker);
}

/* Nor is known what it was before targets changed it. */
static void undo_changes(struct journey *journey)
{
	struct packet *packet = &journey->walker.packet;
	uint32_t changed = journey->engine->rewrites[packet->family];
	packet->known &= ~(changed & (KNOWN_TTL | KNOWN_TOS | KNOWN_TCP_FLAGS | KNOWN_LENGTH | KNOWN_MARK));
	if (changed & KNOWN_BYTES)
		packet_forget_bytes(packet);
}

static unsigned unknown_parts(const struct packet *packet)
{
	unsigned known = packet->known;
	bool ports = known & KNOWN_PORTS;
	return (known & KNOWN_SOURCE ? 0 : PART_SOURCE) | (known & KNOWN_DESTINATION ? 0 : PART_DESTINATION) |
	       (ports || (known & KNOWN_SOURCE_PORT) ? 0 : PART_SOURCE_PORT) |
	       (ports || (known & KNOWN_DESTINATION_PORT) ? 0 : PART_DESTINATION_PORT);
}

static bool send(struct journey *journey)
{
	static const enum table_id tables[] = {TABLE_FILTER, TABLE_SECURITY};
	return pass(journey, HOOK_OUTPUT, tables, 2) && leave(journey);
}

/* Made here or forwarded, it is not known which: both are possible, neither is certain. Nothing being
 * certain, the one way can only take from what is known on the other. */
static int leave_either(struct journey *journey, bool *onward)
{
	static const enum table_id raw[] = {TABLE_RAW}, mangle[] = {TABLE_MANGLE};
	struct walker *walker = &journey->walker;
	journey->certain = false;
	walker->made_here = true;
	bool made = pass(journey, HOOK_OUTPUT, raw, 1);
	walker->made_here = false;
	bool came = pass(journey, HOOK_PREROUTING, raw, 1);
	int error = made || came ? enter_conntrack(journey) : 0;
	if (error)
		return error;
	came = came && pass(journey, HOOK_PREROUTING, mangle, 1) && pass_nat(journey) && forward(journey);
	walker->made_here = true;
	made = made && pass(journey, HOOK_OUTPUT, mangle, 1) && pass_nat(journey) && send(journey);
	*onward = made || came;
	journey->outcome.rule = NULL;
	journey->outcome.chain = NULL;
	return 0;
}

/* OUTPUT and POSTROUTING for what the host made; for what it forwards the way from PREROUTING on, since the
 * interface that it came in by is not the capture's. */
static int travel_leaving(struct journey *journey, bool *onward)
{
	struct walker *walker = &journey->walker;
	struct conntrack *conntrack = journey->engine->conntrack;
	const struct packet *left = walker->leaving;
	if (conntrack) {
		journey->flow = conntrack_find_leaving(conntrack, left, &journey->direction);
		undo_nat(journey);
	}
	undo_changes(journey);
	enum truth made = is_made_here(&journey->engine->options, journey);
	walker->made_here = made == TRUTH_YES;
	/* What was forwarded came with one more than it left with. */
	if (made == TRUTH_NO && walker->packet.ttl < 255)
		walker->packet.ttl++;
	else if (made != TRUTH_YES)
		walker->packet.known &= ~(uint32_t)KNOWN_TTL;
	if (made == TRUTH_UNKNOWN)
		return leave_either(journey, onward);
	unsigned unknown = unknown_parts(&walker->packet);
	int error = begin(journey, walker->made_here ? HOOK_OUTPUT : HOOK_PREROUTING, onward);
	if (error || !*onward)
		return error;
	if (walker->tracked.fresh && (left->known & KNOWN_PORTS))
		conntrack_leaving(&walker->tracked, unknown);
	else if (walker->tracked.fresh)
		conntrack_leaving(&walker->tracked, unknown & (PART_SOURCE | PART_DESTINATION));
	note_ends(journey, made, TRUTH_NO);
	*onward = made != TRUTH_NO && send(journey);
	if (made != TRUTH_YES)
		*onward |= forward(journey);
	return 0;
}

int engine_packet(struct engine *engine, const struct packet *packet, enum origin origin, engine_trace trace,
		  void *context, struct outcome *outcome)
{
	struct journey journey = {.engine = engine, .certain = true};
	struct walker *walker = &journey.walker;
	bool onward = false;
	walker_init(walker, engine->ruleset, packet, trace, context);
	walker->session = engine->options.session;
	walker->walks_nat = engine->conntrack != NULL;
	walker->leaving = origin == ORIGIN_LEAVING ? packet : NULL;
	int error =
	    origin == ORIGIN_LEAVING ? travel_leaving(&journey, &onward) : travel_received(&journey, &onward);
	finish(walker, onward, &journey.outcome);
	unsigned verdicts = journey.outcome.verdicts;
	if (engine->conntrack && walker->follows) {
		enum truth accepted = verdicts == VERDICT_ACCEPT                      ? TRUTH_YES
				      : verdicts & (VERDICT_ACCEPT | VERDICT_UNKNOWN) ? TRUTH_UNKNOWN
										      : TRUTH_NO;
		conntrack_end(engine->conntrack, &walker->tracked, accepted, verdicts & VERDICT_REJECT);
	}
	if (error)
		return error;
	*outcome = journey.outcome;
	return 0;
}
