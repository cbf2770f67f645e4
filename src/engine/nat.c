/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * NAT as net/netfilter/nf_nat_core.c does it: the rules of nat are asked about the first packet of a
 * connection, which thereby gets the key of its replies; every packet of the connection is then rewritten by
 * the key of the other direction.
 *
 * Which address of a range, and which free port, the kernel picks hangs on a secret of its own: such a part
 * of the reply key is unknown, and so is then what is rewritten by it. */
#include "engine/walk.h"
#include "packet/address.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <netinet/in.h>
#include <string.h>

enum manipulation { REWRITE_SOURCE, REWRITE_DESTINATION };

/* HOOK2MANIP() */
static enum manipulation manipulation_at(enum hook hook)
{
	return hook == HOOK_POSTROUTING || hook == HOOK_INPUT ? REWRITE_SOURCE : REWRITE_DESTINATION;
}

static bool has_ports(const struct flow_key *key)
{
	return key->protocol == IPPROTO_TCP || key->protocol == IPPROTO_UDP;
}

/* Ports, or the identifier of ICMP: what NAT may choose to make a key that no other connection has. */
static bool has_free_part(const struct flow_key *key)
{
	return has_ports(key) || key->protocol == IPPROTO_ICMP || key->protocol == IPPROTO_ICMPV6;
}

/* --- choosing
 * ----------------------------------------------------------------------------------------------------- */

/* What is put in place of one end of the connection. */
struct choice {
	address end;
	uint16_t port;
	bool end_known, port_known;
};

static void choose_address(const struct nat_range *range, enum family family, bool made_here,
			   struct choice *choice)
{
	if (range->map) {
		address mask = prefix_mask(family, range->prefix);
		choice->end = (choice->end & ~mask) | (range->low & mask);
	} else if (range->redirect && made_here) {
		choice->end = family == FAMILY_IPV4 ? (address)INADDR_LOOPBACK : 1;
	} else if (range->redirect || range->masquerade) {
		choice->end_known = false; /* the interface's first address */
	} else if (range->has_address) {
		if (range->low == range->high) {
			choice->end = range->low;
			choice->end_known = true;
		} else if (!(range->source && choice->end >= range->low && choice->end <= range->high)) {
			choice->end_known = false; /* a source within the range stays */
		}
	}
}

/* nf_nat_l4proto_unique_tuple(): a first choice, which stands when no other connection has it. */
static void choose_port(const struct nat_range *range, struct choice *choice)
{
	if (!range->has_ports) {
		choice->port_known &= !range->random && !range->random_fully;
		return;
	}
	if (range->port_low == range->port_high) {
		choice->port = range->port_low;
		choice->port_known = true;
	} else if (range->random || range->random_fully) {
		choice->port_known = false;
	} else if (range->shifted) {
		unsigned size = (unsigned)range->port_high - range->port_low + 1;
		unsigned offset = (uint16_t)(choice->port - range->port_base);
		choice->port = (uint16_t)(range->port_low + offset % size);
	} else if (choice->port < range->port_low || choice->port > range->port_high) {
		choice->port_known = false;
	}
}

/* The reply key as the choice makes it; false: nothing changes. */
static bool settle(struct flow *flow, enum manipulation manipulation, const struct choice *choice)
{
	struct flow_key *reply = &flow->keys[FLOW_REPLY];
	unsigned *unknown = &flow->unknown[FLOW_REPLY];
	bool source = manipulation == REWRITE_SOURCE;
	unsigned end_part = source ? PART_DESTINATION : PART_SOURCE;
	unsigned port_part = source ? PART_DESTINATION_PORT : PART_SOURCE_PORT;
	address *end = source ? &reply->destination : &reply->source;
	/* The identifier of ICMP is in the same place both ways. */
	uint16_t *port = source && has_ports(reply) ? &reply->destination_port : &reply->source_port;
	bool changed = false;
	if (!choice->end_known) {
		*unknown |= end_part;
	} else {
		changed |= *end != choice->end;
		*end = choice->end;
	}
	if (!choice->port_known) {
		*unknown |= port_part;
	} else {
		changed |= *port != choice->port;
		*port = choice->port;
	}
	return changed;
}

static unsigned status_bit(enum manipulation manipulation)
{
	return manipulation == REWRITE_SOURCE ? IPS_SRC_NAT : IPS_DST_NAT;
}

/* nf_nat_setup_info() for a range that was surely asked for. */
static void setup(struct walker *walker, struct conntrack *conntrack, enum manipulation manipulation,
		  const struct nat_range *range)
{
	struct flow *flow = walker->tracked.flow;
	const struct flow_key *reply = &flow->keys[FLOW_REPLY];
	unsigned unknown = flow->unknown[FLOW_REPLY] | flow->unknown[FLOW_ORIGINAL];
	bool source = manipulation == REWRITE_SOURCE, ports = has_ports(reply);
	struct choice choice = {
	    .end = source ? reply->destination : reply->source,
	    .port = source && ports ? reply->destination_port : reply->source_port,
	    .end_known = !(unknown & (PART_SOURCE | PART_DESTINATION)),
	    .port_known = !(unknown & (PART_SOURCE_PORT | PART_DESTINATION_PORT)),
	};
	choose_address(range, reply->family, walker->made_here, &choice);
	flow->redirected |= range->redirect;
	if (ports)
		choose_port(range, &choice);
	/* Another connection may have the key already: then ports are tried until one is free. The port of a
	 * destination is only ever changed within a range that the rule gives; a range of one leaves nothing
	 * to try, see clash(). */
	struct flow candidate = *flow;
	settle(&candidate, manipulation, &choice);
	bool moves = ports && range->has_ports ? range->port_low != range->port_high : source;
	if (moves && choice.port_known &&
	    (candidate.unknown[FLOW_REPLY] ||
	     conntrack_key_used(conntrack, &candidate.keys[FLOW_REPLY]) != TRUTH_NO))
		choice.port_known = !has_free_part(reply);
	bool changed = settle(flow, manipulation, &choice);
	if (!choice.end_known || !choice.port_known)
		flow->status_unknown |= status_bit(manipulation);
	if (changed) {
		flow->connection.status |= status_bit(manipulation);
		flow->status_unknown &= ~status_bit(manipulation);
	}
}

/* No rule asked: still the source's port changes when another connection has the key
 * (nf_nat_alloc_null_binding()). */
static void setup_nothing(struct walker *walker, struct conntrack *conntrack, enum manipulation manipulation)
{
	struct flow *flow = walker->tracked.flow;
	const struct flow_key *reply = &flow->keys[FLOW_REPLY];
	if (manipulation == REWRITE_DESTINATION || !has_free_part(reply))
		return;
	/* Where the reply's source is not known some other connection may have it. */
	if (!flow->unknown[FLOW_REPLY] && !conntrack_key_taken(conntrack, reply))
		return;
	flow->unknown[FLOW_REPLY] |= PART_DESTINATION_PORT;
	flow->status_unknown |= IPS_SRC_NAT;
}

static void setup_unknown(struct walker *walker, enum manipulation manipulation)
{
	struct flow *flow = walker->tracked.flow;
	flow->unknown[FLOW_REPLY] |= manipulation == REWRITE_SOURCE ? PART_DESTINATION | PART_DESTINATION_PORT
								    : PART_SOURCE | PART_SOURCE_PORT;
	flow->status_unknown |= status_bit(manipulation);
}

/* The connection has the key of another one, as far as is seen: it is not confirmed, its packet is dropped.
 * Gives whether the packet may go on. */
static bool clash(struct walker *walker, struct conntrack *conntrack, bool *certain, struct outcome *outcome)
{
	const struct flow *flow = walker->tracked.flow;
	unsigned unknown = flow->unknown[FLOW_REPLY];
	if (unknown & (PART_SOURCE_PORT | PART_DESTINATION_PORT))
		return true; /* chosen so that there is none */
	enum truth clashes =
	    unknown ? TRUTH_UNKNOWN : conntrack_key_clashes(conntrack, &flow->keys[FLOW_REPLY]);
	if (clashes == TRUTH_NO)
		return true;
	outcome->verdicts |= VERDICT_DROP;
	outcome->rule = NULL;
	outcome->chain = NULL;
	if (clashes == TRUTH_YES && *certain && flow->known)
		return false;
	*certain = false;
	return true;
}

/* --- rewriting
 * ---------------------------------------------------------------------------------------------------- */

static void forget(struct packet *packet, enum manipulation manipulation, bool address_too, bool port_too)
{
	bool source = manipulation == REWRITE_SOURCE;
	if (address_too)
		packet->known &= ~(uint32_t)(source ? KNOWN_SOURCE : KNOWN_DESTINATION);
	if (!port_too)
		return;
	if (packet->known & KNOWN_PORTS)
		packet->known |= KNOWN_SOURCE_PORT | KNOWN_DESTINATION_PORT;
	packet->known &= ~(uint32_t)(KNOWN_PORTS | (source ? KNOWN_SOURCE_PORT : KNOWN_DESTINATION_PORT));
}

/* nf_nat_packet(), and the outer header of nf_nat_icmp_reply_translation(). */
static void rewrite(struct walker *walker, enum manipulation manipulation)
{
	const struct tracked *tracked = &walker->tracked;
	const struct flow *flow = tracked->flow;
	struct packet *packet = &walker->packet;
	unsigned bit = status_bit(manipulation);
	if (tracked->direction == FLOW_REPLY)
		bit ^= IPS_SRC_NAT | IPS_DST_NAT;
	if (!((flow->connection.status | flow->status_unknown) & bit))
		return;
	const struct flow_key *other = &flow->keys[!tracked->direction];
	unsigned unknown = flow->unknown[!tracked->direction];
	bool source = manipulation == REWRITE_SOURCE;
	bool end_unknown = unknown & (source ? PART_DESTINATION : PART_SOURCE);
	bool port_unknown = unknown & (source ? PART_DESTINATION_PORT : PART_SOURCE_PORT);
	bool ports = has_ports(other) && !tracked->error;
	address_to_bytes(packet->family, source ? other->destination : other->source,
			 source ? packet->source : packet->destination);
	packet->known |= source ? KNOWN_SOURCE : KNOWN_DESTINATION;
	if (ports && source)
		packet->source_port = other->destination_port;
	else if (ports)
		packet->destination_port = other->source_port;
	forget(packet, manipulation, end_unknown, ports && port_unknown);
	walker_readdress(walker);
}

static void restore(struct walker *walker, enum manipulation manipulation)
{
	const struct packet *left = walker->leaving;
	struct packet *packet = &walker->packet;
	if (manipulation == REWRITE_SOURCE) {
		memcpy(packet->source, left->source, sizeof(packet->source));
		packet->source_port = left->source_port;
	} else {
		memcpy(packet->destination, left->destination, sizeof(packet->destination));
		packet->destination_port = left->destination_port;
	}
	packet->known |=
	    left->known & (manipulation == REWRITE_SOURCE ? KNOWN_SOURCE | KNOWN_SOURCE_PORT
							  : KNOWN_DESTINATION | KNOWN_DESTINATION_PORT);
	if ((packet->known & KNOWN_SOURCE_PORT) && (packet->known & KNOWN_DESTINATION_PORT))
		packet->known |= KNOWN_PORTS;
	walker_readdress(walker);
}

/* What some connection's translation may have made of the packet. */
static void rewrite_perhaps(struct walker *walker, enum manipulation manipulation)
{
	const struct ruleset *ruleset = walker->ruleset;
	enum family family = walker->packet.family;
	for (unsigned hook = 0; hook < HOOK_COUNT; hook++) {
		if (walk_has_rules(ruleset, family, TABLE_NAT, hook)) {
			forget(&walker->packet, manipulation, true, true);
			return;
		}
	}
}

bool walk_nat(struct walker *walker, struct conntrack *conntrack, bool *certain, struct outcome *outcome)
{
	const struct tracked *tracked = &walker->tracked;
	enum manipulation manipulation = manipulation_at(walker->hook);
	if (walker->untracked == TRUTH_YES ||
	    !walker->ruleset->tables[walker->packet.family][TABLE_NAT].present)
		return true;
	bool unsure = !tracked->known || walker->untracked != TRUTH_NO;
	if (!unsure && !tracked->flow)
		return true;
	bool onward = true;
	walker->nat = (struct nat_request){0};
	walker->verdicts = VERDICT_ACCEPT;
	if (tracked->fresh && !unsure) {
		onward = walk_table(walker, TABLE_NAT, certain, outcome);
	} else if (tracked->fresh || unsure) {
		/* Its rules are asked only if this is a first packet. */
		bool perhaps = false;
		walk_table(walker, TABLE_NAT, &perhaps, outcome);
		*certain &= walker->verdicts == VERDICT_ACCEPT;
	}
	if (tracked->fresh && !walker->nat.perhaps && !walker->nat.sure)
		tracked->flow->nat_clear |= status_bit(manipulation);
	if (walker->leaving && tracked->fresh) {
		/* How it left is known: what the rules made of it, and by which it is found again. */
		if (walker->nat.perhaps || walker->nat.sure)
			tracked->flow->status_unknown |= status_bit(manipulation);
		restore(walker, manipulation);
		return onward;
	}
	if (tracked->fresh && (walker->nat.perhaps || (walker->nat.sure && unsure)))
		setup_unknown(walker, manipulation);
	else if (tracked->fresh && walker->nat.sure)
		setup(walker, conntrack, manipulation, &walker->nat.range);
	else if (tracked->fresh)
		setup_nothing(walker, conntrack, manipulation);
	if (tracked->fresh && manipulation == REWRITE_SOURCE)
		onward = clash(walker, conntrack, certain, outcome) && onward;
	walker->evaluation_fresh = false;
	if (tracked->flow && (tracked->flow->known || tracked->fresh) && walker->untracked == TRUTH_NO)
		rewrite(walker, manipulation);
	else
		rewrite_perhaps(walker, manipulation);
	return onward;
}
