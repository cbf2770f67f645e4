/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The table of connections, for the files conntrack*.c alone. */
#ifndef WEIR_ENGINE_CONNTRACK_TABLE_H
#define WEIR_ENGINE_CONNTRACK_TABLE_H

#include "engine/conntrack.h"

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

enum end { END_SOURCE, END_DESTINATION, END_BOTH };

size_t flows_hash(const struct flow_key *key);
/* Counts flows of the key's protocol whose own key has this end, and is not known otherwise. */
uint32_t *flows_blind_slot(struct conntrack *conntrack, const struct flow_key *key, enum end end);
void flows_release(struct conntrack *conntrack, struct flow *flow);
void flows_forget(struct flow *flow);
void flows_remove(struct conntrack *conntrack, struct flow *flow);
void flows_insert(struct conntrack *conntrack, struct flow *flow);
uint64_t flows_longest_timeout(uint8_t protocol, enum family family);
/* NULL when memory is short (*error) or the table is full. */
struct flow *flows_new(struct conntrack *conntrack, const struct flow_key *key, int *error);
struct flow *flows_find(struct conntrack *conntrack, const struct flow_key *key,
			enum flow_direction *direction);
/* Whether a key that is not found surely has no entry. */
bool flows_surely_absent(struct conntrack *conntrack, const struct flow_key *key,
			 const struct segment *segment);

#endif
