/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Packets and their connections: the table is looked up and entered (conntrack_table.c), and confirmed when
 * the first packet came through. resolve_normal_ct() and nf_conntrack_in() are what to read beside it.
 *
 * A flow is `known` or doubted. Of a doubted flow only this is kept: that the kernel may have it, until the
 * longest timeout after its last packet has passed. Each doubt is for good, but where later packets settle it
 * whatever was there before: one packet each way (both of which surely passed), and for TCP, where the doubt
 * is only what was there before the capture, a whole handshake. */
#include "engine/conntrack_table.h"

#include "packet/address.h"

#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* --- packets of known flows
 * ------------------------------------------------------------------------------------------- */

/* What matches see: struct nf_conn. */
static void describe(struct flow *flow, enum flow_direction direction, const struct packet *packet)
{
	struct connection *connection = &flow->connection;
	struct connection_tuple *tuples[] = {&connection->original, &connection->reply};
	for (unsigned i = 0; i < FLOW_DIRECTIONS; i++) {
		const struct flow_key *key = &flow->keys[i];
		bool icmp = key->protocol == (key->family == FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
		*tuples[i] = (struct connection_tuple){
		    .source = key->source,
		    .destination = key->destination,
		    .source_port = key->source_port,
		    .destination_port = icmp ? key->source_port : key->destination_port,
		    .protocol = key->protocol,
		};
	}
	connection->is_reply = direction == FLOW_REPLY;
	if (packet) {
		connection->packets[direction]++;
		connection->bytes[direction] += packet->length;
		if (!(packet->known & KNOWN_LENGTH))
			flow->details = false;
	}
}

/* nf_conntrack_udp_packet(), .._icmp_packet(), .._icmpv6_packet(), generic_packet(). */
static void follow_others(struct conntrack *conntrack, struct flow *flow)
{
	uint64_t timeout;
	if (flow->keys[0].protocol == IPPROTO_UDP) {
		bool replied = flow->connection.status & IPS_SEEN_REPLY;
		bool stream = replied && conntrack->now > flow->created + UDP_STREAM_AFTER;
		timeout = stream ? TIMEOUT_UDP_STREAM * SECOND : TIMEOUT_UDP * SECOND;
		if (stream)
			flow->connection.status |= IPS_ASSURED;
	} else {
		timeout = flows_longest_timeout(flow->keys[0].protocol, flow->keys[0].family);
	}
	flow->expires = conntrack->now + timeout;
}

static void track(struct tracked *tracked, enum connection_state state)
{
	tracked->known = true;
	tracked->state = state;
}

/* The packet has its connection. */
static void track_flow(struct conntrack *conntrack, struct tracked *tracked, struct flow *flow,
		       enum flow_direction direction, const struct packet *packet)
{
	tracked->flow = flow;
	tracked->direction = direction;
	if (!flow->known)
		return;
	bool replied = flow->connection.status & IPS_SEEN_REPLY;
	track(tracked, direction == FLOW_REPLY || replied ? STATE_ESTABLISHED : STATE_NEW);
	if (tracked->state == STATE_NEW && conntrack->options.helpers)
		tracked->known = false; /* RELATED, if it was expected */
	if (direction == FLOW_REPLY)
		flow->connection.status |= IPS_SEEN_REPLY;
	describe(flow, direction, packet);
}

/* --- doubted flows
 * --------------------------------------------------------------------------------------------------- */

/* A handshake seen whole: an entry that was there before, of the same direction, has been taken over or
 * brought into step, see resynchronise() in conntrack_tcp.c. One of the other direction, which calls it
 * INVALID, is left out of account: no host is called from the port that it calls itself. */
static void settle_tcp(struct conntrack *conntrack, struct flow *flow, enum flow_direction direction,
		       const struct segment *segment)
{
	if (conntrack->options.nat_source || conntrack->options.nat_destination || !flow->tentative)
		return;
	enum tcp_answer answer =
	    tcp_follow(flow, direction, segment, conntrack->options.tcp_be_liberal, conntrack->now);
	if (answer != TCP_ANSWER_ACCEPT) {
		flow->tentative = false;
		return;
	}
	if (direction == FLOW_REPLY)
		flow->connection.status |= IPS_SEEN_REPLY;
	if (flow->tcp.state == TCP_ESTABLISHED && (flow->connection.status & IPS_SEEN_REPLY)) {
		flow->known = true;
		flow->details = false;
	}
}

/* One packet each way, both surely through, the last less than the shortest timeout ago: there is an entry
 * with both ways seen, whichever of them began it. */
static bool settled_others(const struct conntrack *conntrack, const struct flow *flow)
{
	return flow->keys[0].protocol != IPPROTO_TCP && flow->seen[0] && flow->seen[1] &&
	       conntrack->now + SLACK < flow->last + TIMEOUT_UDP * SECOND;
}

static void follow_doubted(struct conntrack *conntrack, struct tracked *tracked, struct flow *flow,
			   enum flow_direction direction, const struct segment *segment)
{
	tracked->flow = flow;
	tracked->direction = direction;
	if (segment) {
		settle_tcp(conntrack, flow, direction, segment);
	} else if (settled_others(conntrack, flow)) {
		track(tracked, STATE_ESTABLISHED);
	} else if (conntrack->now + SLACK >= flow->last + TIMEOUT_UDP * SECOND) {
		flow->seen[0] = flow->seen[1] = false;
	}
	flow->last = conntrack->now;
}

/* The packet may have made an entry, or changed one. */
static int doubt_key(struct conntrack *conntrack, const struct flow_key *key, const struct arrival *arrival,
		     struct tracked *tracked)
{
	enum flow_direction direction = arrival->direction;
	int error = 0;
	struct flow *flow = arrival->flow ? arrival->flow : flows_find(conntrack, key, &direction);
	if (!flow) {
		direction = FLOW_ORIGINAL;
		flow = flows_new(conntrack, key, &error);
		if (!flow)
			return error;
		flows_insert(conntrack, flow);
	}
	conntrack_doubt(conntrack, flow);
	flow->last = conntrack->now;
	tracked->flow = flow;
	tracked->direction = direction;
	return 0;
}

/* --- new flows
 * ---------------------------------------------------------------------------------------------------------
 */

static bool icmp_may_begin(const struct flow_key *key)
{
	uint8_t type = (uint8_t)(key->destination_port >> 8);
	if (key->family == FAMILY_IPV6)
		return type == 128 || type == 139;
	return type == 8 || type == 13 || type == 15 || type == 17;
}

static bool may_begin(struct flow *flow, const struct segment *segment)
{
	const struct flow_key *key = &flow->keys[FLOW_ORIGINAL];
	if (key->protocol == (key->family == FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return icmp_may_begin(key);
	return !segment || tcp_begin(flow, segment);
}

static int begin(struct conntrack *conntrack, const struct flow_key *key, const struct packet *packet,
		 const struct segment *segment, struct tracked *tracked)
{
	int error = 0;
	bool absent = flows_surely_absent(conntrack, key, segment);
	struct flow *flow = flows_new(conntrack, key, &error);
	if (!flow)
		return error;
	if (!may_begin(flow, segment)) {
		flows_release(conntrack, flow);
		if (absent)
			track(tracked, STATE_INVALID);
		return 0;
	}
	flow->known = flow->details = absent;
	flow->tentative = !absent && segment && segment->syn;
	if (segment && tcp_follow(flow, FLOW_ORIGINAL, segment, conntrack->options.tcp_be_liberal,
				  conntrack->now) != TCP_ANSWER_ACCEPT)
		conntrack_doubt(conntrack, flow);
	if (!segment)
		follow_others(conntrack, flow);
	tracked->fresh = true;
	track_flow(conntrack, tracked, flow, FLOW_ORIGINAL, packet);
	return 0;
}

/* --- the packet
 * ---------------------------------------------------------------------------------------------------------
 */

/* nf_conntrack_inet_error(): RELATED to the flow whose packet it is about, provided that it goes to where
 * that packet came from. */
static void follow_error(struct conntrack *conntrack, const struct flow_key *quoted,
			 const struct packet *packet, struct tracked *tracked)
{
	struct flow_key key;
	enum flow_direction direction;
	const struct segment none = {0};
	if (!flow_key_inverse(quoted, &key)) {
		track(tracked, STATE_INVALID);
		return;
	}
	struct flow *flow = flows_find(conntrack, &key, &direction);
	if (!flow) {
		if (flows_surely_absent(conntrack, &key, &none))
			track(tracked, STATE_INVALID);
		return;
	}
	if (!flow->known)
		return;
	if (address_from_bytes(packet->family, packet->destination) != flow->keys[direction].destination) {
		track(tracked, STATE_INVALID);
		return;
	}
	tracked->flow = flow;
	tracked->direction = direction;
	tracked->error = true;
	track(tracked, STATE_RELATED);
	describe(flow, direction, NULL); /* the error does not count on its connection */
}

/* Captured as it left, behind NAT: which key a new connection has in its place is not known. */
static bool is_hidden(const struct flow *flow, const struct arrival *arrival)
{
	return arrival->flow && ((flow->connection.status & (IPS_SRC_NAT | IPS_DST_NAT)) ||
				 flow->status_unknown || flow->unknown[0] || flow->unknown[1]);
}

static int follow_known(struct conntrack *conntrack, struct flow *flow, enum flow_direction direction,
			const struct packet *packet, const struct segment *segment,
			const struct arrival *arrival, struct tracked *tracked)
{
	struct flow_key key = flow->keys[direction];
	flow->last = conntrack->now;
	if (!segment) {
		/* The timeout hangs on what was seen before this packet. */
		follow_others(conntrack, flow);
		track_flow(conntrack, tracked, flow, direction, packet);
		return 0;
	}
	switch (tcp_follow(flow, direction, segment, conntrack->options.tcp_be_liberal, conntrack->now)) {
	case TCP_ANSWER_ACCEPT:
		track_flow(conntrack, tracked, flow, direction, packet);
		return 0;
	case TCP_ANSWER_INVALID:
		track(tracked, STATE_INVALID);
		return 0;
	case TCP_ANSWER_REOPEN:
		if (is_hidden(flow, arrival))
			break;
		flows_remove(conntrack, flow);
		return begin(conntrack, &key, packet, segment, tracked);
	case TCP_ANSWER_KILL:
		/* Gone from the table, while this packet still has it: its time is over at the next one. */
		track_flow(conntrack, tracked, flow, direction, packet);
		flow->expires = 0;
		return 0;
	case TCP_ANSWER_LOST:
		break;
	}
	conntrack_doubt(conntrack, flow);
	tracked->flow = flow;
	tracked->direction = direction;
	return 0;
}

static int follow(struct conntrack *conntrack, const struct flow_key *key, const struct packet *packet,
		  const struct arrival *arrival, struct tracked *tracked)
{
	struct segment header, *segment = NULL;
	enum flow_direction direction = arrival->direction;
	if (key->protocol == IPPROTO_TCP) {
		if (!packet_segment(packet, &header))
			return doubt_key(conntrack, key, arrival, tracked);
		segment = &header;
	}
	struct flow *flow = arrival->flow ? arrival->flow : flows_find(conntrack, key, &direction);
	if (segment && segment->rst && !arrival->received &&
	    conntrack->rejected[flows_hash(key) & (REJECTED_SLOTS - 1)]) {
		/* REJECT gives its RST the connection of what it answers, also one that is not confirmed, as
		 * RELATED (nf_ct_attach() in nf_send_reset()); a socket's own is looked up. */
		if (flow)
			return doubt_key(conntrack, key, arrival, tracked);
		return 0;
	}
	if (!flow)
		return begin(conntrack, key, packet, segment, tracked);
	if (flow->known)
		return follow_known(conntrack, flow, direction, packet, segment, arrival, tracked);
	follow_doubted(conntrack, tracked, flow, direction, segment);
	return 0;
}

static void tick(struct conntrack *conntrack, const struct packet *packet)
{
	if (!(packet->known & KNOWN_TIME))
		return;
	if (!conntrack->started)
		conntrack->start = packet->time;
	conntrack->started = true;
	if (packet->time > conntrack->now)
		conntrack->now = packet->time;
}

/* Which connection it may belong to is not known. */
static void miss(struct conntrack *conntrack, const struct packet *packet)
{
	address source = address_from_bytes(packet->family, packet->source);
	struct flow_key key = {.source = source, .destination = source, .protocol = packet->protocol};
	if ((packet->known & KNOWN_SOURCE) && (packet->known & KNOWN_PROTOCOL)) {
		++*flows_blind_slot(conntrack, &key, END_SOURCE);
		++*flows_blind_slot(conntrack, &key, END_DESTINATION); /* of replies */
	} else {
		conntrack->missed = true;
	}
}

int conntrack_packet(struct conntrack *conntrack, const struct packet *packet, const struct arrival *arrival,
		     struct tracked *tracked)
{
	struct flow_key key;
	enum truth reaches = arrival->reaches;
	*tracked = (struct tracked){0};
	tick(conntrack, packet);
	if (reaches == TRUTH_NO)
		return 0;
	enum key_kind kind = flow_key_of(packet, &key);
	if (kind == KEY_LATER || kind == KEY_NOT_FOLLOWED)
		return 0;
	if (kind == KEY_FRAGMENT)
		return doubt_key(conntrack, &key, arrival, tracked);
	if (kind == KEY_UNKNOWN) {
		miss(conntrack, packet);
		return 0;
	}
	enum truth sound = kind == KEY_NONE ? TRUTH_NO : packet_sound(packet, arrival->received);
	if (sound == TRUTH_NO) {
		if (reaches == TRUTH_YES)
			track(tracked, STATE_INVALID);
		return 0;
	}
	if (packet_never_tracked(packet)) {
		if (reaches == TRUTH_YES && sound == TRUTH_YES)
			track(tracked, STATE_UNTRACKED);
		return 0;
	}
	bool certain = reaches == TRUTH_YES && sound == TRUTH_YES;
	if (kind == KEY_ERROR_NONE || kind == KEY_ERROR) {
		/* What was captured leaving quotes the packet as NAT made it. */
		if (!arrival->received &&
		    (conntrack->options.nat_source || conntrack->options.nat_destination))
			return 0;
		if (certain && kind == KEY_ERROR)
			follow_error(conntrack, &key, packet, tracked);
		else if (certain)
			track(tracked, STATE_INVALID);
		/* What the host itself sends has the connection of the packet that it is about, which may not
		 * have been confirmed: icmp_glue_bits(). */
		if (!arrival->received && tracked->state == STATE_INVALID)
			tracked->known = false;
		return 0;
	}
	if (certain)
		return follow(conntrack, &key, packet, arrival, tracked);
	return doubt_key(conntrack, &key, arrival, tracked);
}

void conntrack_end(struct conntrack *conntrack, struct tracked *tracked, enum truth accepted, bool rejected)
{
	struct flow *flow = tracked->flow;
	if (!flow || tracked->error)
		return;
	if (rejected && flow->keys[0].protocol == IPPROTO_TCP)
		conntrack->rejected[flows_hash(&flow->keys[!tracked->direction]) & (REJECTED_SLOTS - 1)] =
		    true;
	if (!flow->confirmed) {
		if (accepted == TRUTH_NO) {
			flows_release(conntrack, flow);
			tracked->flow = NULL;
			return;
		}
		enum flow_direction direction;
		struct flow *other = flow->unknown[FLOW_REPLY]
					 ? NULL
					 : flows_find(conntrack, &flow->keys[FLOW_REPLY], &direction);
		/* Which of the two later packets belong to is not known. */
		if (other)
			conntrack_doubt(conntrack, other);
		if (accepted == TRUTH_UNKNOWN || other)
			flows_forget(flow);
		flows_insert(conntrack, flow);
	} else if (!flow->known && accepted != TRUTH_YES) {
		flow->tentative = false; /* its SYN may have made no entry */
	} else if (rejected && flow->keys[0].protocol == IPPROTO_TCP) {
		conntrack_doubt(conntrack, flow);
	}
	if (!flow->known && accepted == TRUTH_YES)
		flow->seen[tracked->direction] = true;
}

struct flow *conntrack_find_leaving(struct conntrack *conntrack, const struct packet *packet,
				    enum flow_direction *direction)
{
	struct flow_key key, inverse;
	tick(conntrack, packet);
	enum key_kind kind = flow_key_of(packet, &key);
	if ((kind != KEY_FOUND && kind != KEY_FRAGMENT) || !flow_key_inverse(&key, &inverse))
		return NULL;
	struct flow *flow = flows_find(conntrack, &inverse, direction);
	if (flow)
		*direction = !*direction;
	return flow;
}

void conntrack_leaving(struct tracked *tracked, unsigned unknown)
{
	if (tracked->flow && tracked->fresh)
		tracked->flow->unknown[FLOW_ORIGINAL] |= unknown;
}
