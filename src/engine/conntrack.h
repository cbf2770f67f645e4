/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Connections followed over the packets of a capture, as nf_conntrack_in() and nf_conntrack_confirm() do
 * (net/netfilter/nf_conntrack_core.c). What cannot be followed exactly leaves the state unknown: an entry
 * that may or may not be there is one of which nothing is known, and a table that may hold what was not seen
 * says "new" of nothing. Nobody above this folder includes it.
 *
 * What is taken for granted, since a capture cannot show it: the timeouts and switches are the kernel's
 * defaults (tcp_be_liberal apart); checksums of packets that the snapshot length cut are right; entries go by
 * their timeout alone, and by no program that deletes them. */
#ifndef WEIR_ENGINE_CONNTRACK_H
#define WEIR_ENGINE_CONNTRACK_H

#include "engine/flow.h"

#define CONNECTIONS_MAX 262144 /* nf_conntrack_max on hosts with memory */

struct conntrack_options {
	bool tcp_be_liberal;
	/* At the first packet the table is empty. Else connections may be under way: a first packet is new
	 * only once every entry that could have been there has timed out. */
	bool empty;
	/* Some rule may rewrite: of what is doubted the translation is not known either. */
	bool nat_source, nat_destination;
	bool helpers;   /* CT --helper or the like: what looks new may be expected (RELATED) */
	uint32_t limit; /* connections; 0: CONNECTIONS_MAX */
};

struct conntrack;

int conntrack_new(const struct conntrack_options *options, struct conntrack **conntrack); /* 0, -ENOMEM */
void conntrack_free(struct conntrack *conntrack);

/* What conntrack makes of one packet. */
struct tracked {
	bool known; /* the state is */
	enum connection_state state;
	struct flow *flow; /* NULL: none, or not known which */
	enum flow_direction direction;
	bool fresh; /* first packet of a connection that is not confirmed yet */
	bool error; /* ICMP error about the flow */
};

struct arrival {
	enum truth reaches; /* conntrack: for sure, or perhaps (TRUTH_UNKNOWN) */
	bool received;      /* at PREROUTING, where checksums are looked at */
	struct flow *flow;  /* known beforehand, by conntrack_find_leaving(); else NULL */
	enum flow_direction direction;
};

/* The packet comes to conntrack. -ENOMEM, or 0. */
int conntrack_packet(struct conntrack *conntrack, const struct packet *packet, const struct arrival *arrival,
		     struct tracked *tracked);
/* Its way ended: whether it was let through to the end, where new connections are confirmed. `rejected`: the
 * host answered, which moves a TCP connection in a way that is not followed. Must be called for each packet
 * that conntrack_packet() was. */
void conntrack_end(struct conntrack *conntrack, struct tracked *tracked, enum truth accepted, bool rejected);

/* A packet that was captured as it left, behind NAT: the entry whose other direction it answers, and which
 * way it goes; NULL when there is none. */
struct flow *conntrack_find_leaving(struct conntrack *conntrack, const struct packet *packet,
				    enum flow_direction *direction);
/* Makes the fresh flow one that is known by its reply only: it was seen behind NAT, its original key has
 * these unknown parts. */
void conntrack_leaving(struct tracked *tracked, unsigned unknown);

/* Whether another connection has this key. */
enum truth conntrack_key_used(struct conntrack *conntrack, const struct flow_key *key);
/* As far as it was seen: YES: a new connection with it is not confirmed, and its packet dropped. */
enum truth conntrack_key_clashes(struct conntrack *conntrack, const struct flow_key *key);
/* Whether one that was seen has it, or one of which the key is not known may. */
bool conntrack_key_taken(struct conntrack *conntrack, const struct flow_key *key);
/* Nothing is known of it any more. */
void conntrack_doubt(struct conntrack *conntrack, struct flow *flow);
/* The key of packets that go the other way; false for ICMP types that have no answer. */
bool flow_key_inverse(const struct flow_key *key, struct flow_key *inverse);

/* --- conntrack_key.c
 * -------------------------------------------------------------------------------------------- */

enum key_kind {
	KEY_FOUND,
	KEY_NONE,     /* headers too short: no connection, INVALID */
	KEY_UNKNOWN,  /* may be any */
	KEY_FRAGMENT, /* key is found when it is the first one; the kernel sees the whole packet */
	KEY_LATER,    /* no key of its own: a later fragment, headers that end in the middle, an error that is
			 cut */
	KEY_NOT_FOLLOWED, /* SCTP, DCCP, GRE, UDP-Lite */
	KEY_ERROR,        /* ICMP error: key is that of the packet it is about */
	KEY_ERROR_NONE,   /* ICMP error about what cannot be read */
};

enum key_kind flow_key_of(const struct packet *packet, struct flow_key *key);
/* Whether the packet's own lengths, flags and (received) checksum let it have a connection. */
enum truth packet_sound(const struct packet *packet, bool received);
/* false when the header is not at hand. */
bool packet_segment(const struct packet *packet, struct segment *segment);
/* Neighbour discovery and multicast listener messages: nf_conntrack_icmpv6_error(). */
bool packet_never_tracked(const struct packet *packet);

#endif
