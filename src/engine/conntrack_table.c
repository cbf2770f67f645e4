/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Connections by their keys, in either direction: found, entered, doubted, timed out by the capture's clock.
 */
#include "engine/conntrack_table.h"

#include "base/arena.h"
#include "packet/address.h"

#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define SLAB 256

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

size_t flows_hash(const struct flow_key *key)
{
	uint64_t hash = (uint64_t)key->source_port << 32 | (uint64_t)key->destination_port << 16 |
			(uint64_t)key->protocol << 8 | (uint64_t)key->family;
	return (size_t)address_hash(key->destination, address_hash(key->source, hash));
}

static size_t key_bucket(const struct conntrack *conntrack, const struct flow_key *key)
{
	return flows_hash(key) & (conntrack->bucket_count - 1);
}

static bool key_equal(const struct flow_key *a, const struct flow_key *b)
{
	return a->source == b->source && a->destination == b->destination &&
	       a->source_port == b->source_port && a->destination_port == b->destination_port &&
	       a->protocol == b->protocol && a->family == b->family;
}

/* Counts flows of the key's protocol whose own key has this end, and is not known otherwise. */
uint32_t *flows_blind_slot(struct conntrack *conntrack, const struct flow_key *key, enum end end)
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
	return flows_blind_slot(conntrack, &flow->keys[direction],
				unknown == 0             ? END_BOTH
				: unknown == PART_SOURCE ? END_DESTINATION
							 : END_SOURCE);
}

/* The packet may belong to a connection that is not found by its key. */
static bool is_blind(struct conntrack *conntrack, const struct flow_key *key)
{
	return conntrack->blind_all || *flows_blind_slot(conntrack, key, END_SOURCE) ||
	       *flows_blind_slot(conntrack, key, END_DESTINATION) ||
	       *flows_blind_slot(conntrack, key, END_BOTH);
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

void flows_release(struct conntrack *conntrack, struct flow *flow)
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
	return flows_blind_slot(conntrack, &key, END_SOURCE);
}

static void flow_blind(struct conntrack *conntrack, struct flow *flow)
{
	if (flow->blinded || (!conntrack->options.nat_source && !conntrack->options.nat_destination))
		return;
	flow->blinded = true;
	++*doubted_slot(conntrack, flow);
}

void flows_forget(struct flow *flow)
{
	flow->known = flow->details = flow->tentative = false;
	flow->seen[0] = flow->seen[1] = false;
}

void conntrack_doubt(struct conntrack *conntrack, struct flow *flow)
{
	flows_forget(flow);
	if (flow->confirmed)
		flow_blind(conntrack, flow);
}

void flows_remove(struct conntrack *conntrack, struct flow *flow)
{
	unlink_flow(conntrack, flow, FLOW_ORIGINAL);
	unlink_flow(conntrack, flow, FLOW_REPLY);
	if (flow->blinded)
		--*doubted_slot(conntrack, flow);
	conntrack->count--;
	flows_release(conntrack, flow);
}

void flows_insert(struct conntrack *conntrack, struct flow *flow)
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

uint64_t flows_longest_timeout(uint8_t protocol, enum family family)
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
			   : flow->last + flows_longest_timeout(flow->keys[0].protocol, flow->keys[0].family);
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
			flows_remove(conntrack, flow);
		}
	}
}

/* NULL when memory is short (*error) or the table is full. */
struct flow *flows_new(struct conntrack *conntrack, const struct flow_key *key, int *error)
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
			flows_release(conntrack, &slab[i]);
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

struct flow *flows_find(struct conntrack *conntrack, const struct flow_key *key,
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
			flows_remove(conntrack, flow);
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
bool flows_surely_absent(struct conntrack *conntrack, const struct flow_key *key,
			 const struct segment *segment)
{
	if (conntrack->missed || is_blind(conntrack, key))
		return false;
	if (conntrack->options.empty)
		return true;
	uint64_t horizon = flows_longest_timeout(key->protocol, key->family);
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
	const struct flow *flow = flows_find(conntrack, key, &direction);
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
	return flows_surely_absent(conntrack, key, &syn) ? TRUTH_NO : TRUTH_UNKNOWN;
}

bool conntrack_key_taken(struct conntrack *conntrack, const struct flow_key *key)
{
	enum flow_direction direction;
	return flows_find(conntrack, key, &direction) || is_blind(conntrack, key);
}
