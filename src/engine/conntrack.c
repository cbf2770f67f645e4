/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The table of connections: found by key in either direction, timed out by the capture's clock, confirmed
 * when the first packet came through. resolve_normal_ct() and nf_conntrack_in() are what to read beside it.
 *
 * A flow is `known` or doubted. Of a doubted flow only this is kept: that the kernel may have it, until the
 * longest timeout after its last packet has passed. Each doubt is for good, but where later packets settle it
 * whatever was there before: one packet each way (both of which surely passed), and for TCP, where the doubt
 * is only what was there before the capture, a whole handshake. */
#include "engine/conntrack.h"
#include "base/arena.h"
#include "packet/address.h"

#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* Around the moment of a timeout nothing is known: the capture's clock is not the kernel's, which has ticks
 * of up to 10 ms. */
#define SLACK (SECOND / 20)

#define TIMEOUT_UDP 30
#define TIMEOUT_UDP_STREAM 120
#define TIMEOUT_ICMP 30
#define TIMEOUT_GENERIC 600
#define TIMEOUT_TCP_MAX 432000
#define TIMEOUT_TCP_OTHERS 300 /* the longest but ESTABLISHED's */
#define UDP_STREAM_AFTER (2 * SECOND)

#define BLIND_SLOTS 1024    /* a power of two */
#define REJECTED_SLOTS 8192 /* a power of two */
#define SLAB 256

struct conntrack {
	struct conntrack_options options;
	struct arena *arena;
	struct flow_link **buckets;
	size_t bucket_count, count;
	struct flow *free_flows; /* by links[0].next's flow */
	uint64_t start, now, swept;
	bool started;
	bool missed; /* something may be in the table that is not in ours */
	/* Flows that cannot be found by one of their keys since NAT chose it: by what is known of the key.
	 * blind_all: where neither address is. */
	uint32_t blind[BLIND_SLOTS];
	uint32_t blind_all;
	bool rejected[REJECTED_SLOTS]; /* by key: an answer of REJECT may go this way */
};

int conntrack_new(const struct conntrack_options *options, struct conntrack **conntrack)
{
	struct conntrack *fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	fresh->options = *options;
	if (!fresh->options.limit)
		fresh->options.limit = CONNECTIONS_MAX;
	fresh->bucket_count = 1024;
	fresh->buckets = calloc(fresh->bucket_count, sizeof(*fresh->buckets));
	fresh->arena = arena_new();
	if (!fresh->buckets || !fresh->arena) {
		conntrack_free(fresh);
		return -ENOMEM;
	}
	*conntrack = fresh;
	return 0;
}

void conntrack_free(struct conntrack *conntrack)
{
	if (!conntrack)
		return;
	free(conntrack->buckets);
	if (conntrack->arena)
		arena_free(conntrack->arena);
	free(conntrack);
}

/* --- keys and buckets
 * ------------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t z) /* splitmix64 */
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static uint64_t address_hash(address value, uint64_t seed)
{
	return mix(mix(seed + (uint64_t)value) + (uint64_t)(value >> 64) + 0x9e3779b97f4a7c15ull);
}

static size_t key_hash(const struct flow_key *key)
{
	uint64_t hash = (uint64_t)key->source_port << 32 | (uint64_t)key->destination_port << 16 |
			(uint64_t)key->protocol << 8 | (uint64_t)key->family;
	return (size_t)address_hash(key->destination, address_hash(key->source, hash));
}

static size_t key_bucket(const struct conntrack *conntrack, const struct flow_key *key)
{
	return key_hash(key) & (conntrack->bucket_count - 1);
}

static bool key_equal(const struct flow_key *a, const struct flow_key *b)
{
	return a->source == b->source && a->destination == b->destination &&
	       a->source_port == b->source_port && a->destination_port == b->destination_port &&
	       a->protocol == b->protocol && a->family == b->family;
}

enum end { END_SOURCE, END_DESTINATION, END_BOTH };

/* Counts flows of the key's protocol whose own key has this end, and is not known otherwise. */
static uint32_t *blind_slot(struct conntrack *conntrack, const struct flow_key *key, enum end end)
{
	uint64_t hash = (uint64_t)key->protocol << 2 | end;
	if (end != END_DESTINATION)
		hash = address_hash(key->source, hash);
	if (end != END_SOURCE)
		hash = address_hash(key->destination, hash);
	return &conntrack->blind[hash & (BLIND_SLOTS - 1)];
}

/* The slot that counts this direction of the flow, which has no link. */
static uint32_t *blind_of(struct conntrack *conntrack, struct flow *flow, enum flow_direction direction)
{
	unsigned unknown = flow->unknown[direction] & (PART_SOURCE | PART_DESTINATION);
	if (unknown == (PART_SOURCE | PART_DESTINATION))
		return &conntrack->blind_all;
	return blind_slot(conntrack, &flow->keys[direction],
			  unknown == 0             ? END_BOTH
			  : unknown == PART_SOURCE ? END_DESTINATION
						   : END_SOURCE);
}

/* The packet may belong to a connection that is not found by its key. */
static bool is_blind(struct conntrack *conntrack, const struct flow_key *key)
{
	return conntrack->blind_all || *blind_slot(conntrack, key, END_SOURCE) ||
	       *blind_slot(conntrack, key, END_DESTINATION) || *blind_slot(conntrack, key, END_BOTH);
}

static void link_flow(struct conntrack *conntrack, struct flow *flow, enum flow_direction direction)
{
	struct flow_link *link = &flow->links[direction];
	if (flow->unknown[direction]) {
		++*blind_of(conntrack, flow, direction);
		return;
	}
	struct flow_link **bucket = &conntrack->buckets[key_bucket(conntrack, &flow->keys[direction])];
	*link = (struct flow_link){flow, *bucket, (uint8_t)direction, true};
	*bucket = link;
}

static void unlink_flow(struct conntrack *conntrack, struct flow *flow, enum flow_direction direction)
{
	struct flow_link *link = &flow->links[direction];
	if (flow->unknown[direction]) {
		--*blind_of(conntrack, flow, direction);
		return;
	}
	if (!link->linked)
		return;
	struct flow_link **at = &conntrack->buckets[key_bucket(conntrack, &flow->keys[direction])];
	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	link->linked = false;
}

static void grow(struct conntrack *conntrack)
{
	size_t before = conntrack->bucket_count;
	struct flow_link **old = conntrack->buckets;
	struct flow_link **buckets = calloc(before * 2, sizeof(*buckets));
	if (!buckets)
		return; /* longer chains, that is all */
	conntrack->buckets = buckets;
	conntrack->bucket_count = before * 2;
	for (size_t i = 0; i < before; i++) {
		for (struct flow_link *link = old[i], *next; link; link = next) {
			next = link->next;
			struct flow_link **bucket =
			    &buckets[key_bucket(conntrack, &link->flow->keys[link->direction])];
			link->next = *bucket;
			*bucket = link;
		}
	}
	free(old);
}

/* --- flows
 * ------------------------------------------------------------------------------------------------------------
 */

static void flow_release(struct conntrack *conntrack, struct flow *flow)
{
	flow->links[0].flow = conntrack->free_flows;
	conntrack->free_flows = flow;
}

/* Where a doubted flow's reply key may be another than ours. */
static uint32_t *doubted_slot(struct conntrack *conntrack, const struct flow *flow)
{
	struct flow_key key = {
	    .source = flow->keys[FLOW_ORIGINAL].destination,
	    .protocol = flow->keys[FLOW_ORIGINAL].protocol,
	};
	if (conntrack->options.nat_destination || (flow->unknown[FLOW_ORIGINAL] & PART_DESTINATION))
		return &conntrack->blind_all;
	return blind_slot(conntrack, &key, END_SOURCE);
}

static void flow_blind(struct conntrack *conntrack, struct flow *flow)
{
	if (flow->blinded || (!conntrack->options.nat_source && !conntrack->options.nat_destination))
		return;
	flow->blinded = true;
	++*doubted_slot(conntrack, flow);
}

static void forget(struct flow *flow)
{
	flow->known = flow->details = flow->tentative = false;
	flow->seen[0] = flow->seen[1] = false;
}

void conntrack_doubt(struct conntrack *conntrack, struct flow *flow)
{
	forget(flow);
	if (flow->confirmed)
		flow_blind(conntrack, flow);
}

static void flow_remove(struct conntrack *conntrack, struct flow *flow)
{
	unlink_flow(conntrack, flow, FLOW_ORIGINAL);
	unlink_flow(conntrack, flow, FLOW_REPLY);
	if (flow->blinded)
		--*doubted_slot(conntrack, flow);
	conntrack->count--;
	flow_release(conntrack, flow);
}

static void flow_insert(struct conntrack *conntrack, struct flow *flow)
{
	flow->confirmed = true;
	flow->connection.status |= IPS_CONFIRMED;
	conntrack->count++;
	if (conntrack->count > conntrack->bucket_count)
		grow(conntrack);
	link_flow(conntrack, flow, FLOW_ORIGINAL);
	link_flow(conntrack, flow, FLOW_REPLY);
	unsigned open = (conntrack->options.nat_source ? IPS_SRC_NAT : 0) |
			(conntrack->options.nat_destination ? IPS_DST_NAT : 0);
	if (!flow->known && (open & ~flow->nat_clear))
		flow_blind(conntrack, flow);
}

static uint64_t longest_timeout(uint8_t protocol, enum family family)
{
	if (protocol == IPPROTO_TCP)
		return TIMEOUT_TCP_MAX * SECOND;
	if (protocol == IPPROTO_UDP)
		return TIMEOUT_UDP_STREAM * SECOND;
	if (protocol == (family == FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return TIMEOUT_ICMP * SECOND;
	return TIMEOUT_GENERIC * SECOND;
}

static uint64_t flow_end(const struct flow *flow)
{
	return flow->known ? flow->expires
			   : flow->last + longest_timeout(flow->keys[0].protocol, flow->keys[0].family);
}

static void sweep(struct conntrack *conntrack)
{
	for (size_t i = 0; i < conntrack->bucket_count; i++) {
		for (struct flow_link *link = conntrack->buckets[i], *next; link; link = next) {
			struct flow *flow = link->flow;
			next = link->next;
			/* The flow's other link may be the next one of this bucket. */
			if (conntrack->now <= flow_end(flow) + SLACK)
				continue;
			if (next && next->flow == flow)
				next = next->next;
			flow_remove(conntrack, flow);
		}
	}
}

/* NULL when memory is short (*error) or the table is full. */
static struct flow *flow_new(struct conntrack *conntrack, const struct flow_key *key, int *error)
{
	struct flow *flow = conntrack->free_flows;
	if (conntrack->count >= conntrack->options.limit) {
		/* At most once a second of the capture: a full sweep for each packet would take too long. */
		if (conntrack->now >= conntrack->swept + SECOND) {
			conntrack->swept = conntrack->now;
			sweep(conntrack);
			flow = conntrack->free_flows;
		}
		if (conntrack->count >= conntrack->options.limit) {
			conntrack->missed = true;
			return NULL;
		}
	}
	if (!flow) {
		struct flow *slab = arena_array(conntrack->arena, SLAB, sizeof(*slab));
		if (!slab) {
			*error = -ENOMEM;
			return NULL;
		}
		for (size_t i = 0; i < SLAB; i++)
			flow_release(conntrack, &slab[i]);
		flow = conntrack->free_flows;
	}
	conntrack->free_flows = flow->links[0].flow;
	memset(flow, 0, sizeof(*flow));
	flow->keys[FLOW_ORIGINAL] = *key;
	if (!flow_key_inverse(key, &flow->keys[FLOW_REPLY]))
		flow->keys[FLOW_REPLY] = *key; /* an answer without question: only ever doubted */
	flow->created = flow->last = conntrack->now;
	flow->made_here = flow->delivered = TRUTH_UNKNOWN;
	return flow;
}

static struct flow *find(struct conntrack *conntrack, const struct flow_key *key,
			 enum flow_direction *direction)
{
	struct flow_link *link = conntrack->buckets[key_bucket(conntrack, key)];
	while (link) {
		struct flow *flow = link->flow;
		enum flow_direction way = link->direction;
		link = link->next;
		if (!key_equal(key, &flow->keys[way]))
			continue;
		uint64_t end = flow_end(flow);
		if (conntrack->now > end + SLACK) {
			/* Where two connections came to have one key there is another. */
			flow_remove(conntrack, flow);
			link = conntrack->buckets[key_bucket(conntrack, key)];
			continue;
		}
		if (conntrack->now + SLACK >= end)
			conntrack_doubt(conntrack, flow);
		*direction = way;
		return flow;
	}
	return NULL;
}

/* Whether a key that is not found surely has no entry. */
static bool surely_absent(struct conntrack *conntrack, const struct flow_key *key,
			  const struct segment *segment)
{
	if (conntrack->missed || is_blind(conntrack, key))
		return false;
	if (conntrack->options.empty)
		return true;
	uint64_t horizon = longest_timeout(key->protocol, key->family);
	if (key->protocol == IPPROTO_TCP) {
		/* No host begins a connection by the ports of one that is established. */
		if (!segment || !segment->syn || segment->ack)
			return false;
		horizon = TIMEOUT_TCP_OTHERS * SECOND;
	}
	return conntrack->now > conntrack->start + horizon + SLACK;
}

/* __nf_conntrack_confirm(), nf_ct_resolve_clash(). One in TIME_WAIT may be put out for the new one:
 * nf_nat_used_tuple_harder(). */
enum truth conntrack_key_clashes(struct conntrack *conntrack, const struct flow_key *key)
{
	enum flow_direction direction;
	const struct flow *flow = find(conntrack, key, &direction);
	if (!flow)
		return TRUTH_NO;
	return flow->known && flow->tcp.state != TCP_TIME_WAIT ? TRUTH_YES : TRUTH_UNKNOWN;
}

enum truth conntrack_key_used(struct conntrack *conntrack, const struct flow_key *key)
{
	const struct segment syn = {.syn = true};
	enum truth clashes = conntrack_key_clashes(conntrack, key);
	if (clashes != TRUTH_NO)
		return clashes;
	return surely_absent(conntrack, key, &syn) ? TRUTH_NO : TRUTH_UNKNOWN;
}

bool conntrack_key_taken(struct conntrack *conntrack, const struct flow_key *key)
{
	enum flow_direction direction;
	return find(conntrack, key, &direction) || is_blind(conntrack, key);
}

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
		timeout = longest_timeout(flow->keys[0].protocol, flow->keys[0].family);
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
	struct flow *flow = arrival->flow ? arrival->flow : find(conntrack, key, &direction);
	if (!flow) {
		direction = FLOW_ORIGINAL;
		flow = flow_new(conntrack, key, &error);
		if (!flow)
			return error;
		flow_insert(conntrack, flow);
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
	bool absent = surely_absent(conntrack, key, segment);
	struct flow *flow = flow_new(conntrack, key, &error);
	if (!flow)
		return error;
	if (!may_begin(flow, segment)) {
		flow_release(conntrack, flow);
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
	struct flow *flow = find(conntrack, &key, &direction);
	if (!flow) {
		if (surely_absent(conntrack, &key, &none))
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
		flow_remove(conntrack, flow);
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
	struct flow *flow = arrival->flow ? arrival->flow : find(conntrack, key, &direction);
	if (segment && segment->rst && !arrival->received &&
	    conntrack->rejected[key_hash(key) & (REJECTED_SLOTS - 1)]) {
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
		++*blind_slot(conntrack, &key, END_SOURCE);
		++*blind_slot(conntrack, &key, END_DESTINATION); /* of replies */
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
		conntrack->rejected[key_hash(&flow->keys[!tracked->direction]) & (REJECTED_SLOTS - 1)] = true;
	if (!flow->confirmed) {
		if (accepted == TRUTH_NO) {
			flow_release(conntrack, flow);
			tracked->flow = NULL;
			return;
		}
		enum flow_direction direction;
		struct flow *other =
		    flow->unknown[FLOW_REPLY] ? NULL : find(conntrack, &flow->keys[FLOW_REPLY], &direction);
		/* Which of the two later packets belong to is not known. */
		if (other)
			conntrack_doubt(conntrack, other);
		if (accepted == TRUTH_UNKNOWN || other)
			forget(flow);
		flow_insert(conntrack, flow);
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
	struct flow *flow = find(conntrack, &inverse, direction);
	if (flow)
		*direction = !*direction;
	return flow;
}

void conntrack_leaving(struct tracked *tracked, unsigned unknown)
{
	if (tracked->flow && tracked->fresh)
		tracked->flow->unknown[FLOW_ORIGINAL] |= unknown;
}
