/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One connection as conntrack keeps it (struct nf_conn), with what is not known about it. Nobody above this
 * folder includes it. */
#ifndef WEIR_ENGINE_FLOW_H
#define WEIR_ENGINE_FLOW_H

#include "ruleset/extension_type.h"

enum flow_direction { FLOW_ORIGINAL, FLOW_REPLY, FLOW_DIRECTIONS };

#define SECOND ((uint64_t)1000000000) /* times are nanoseconds */

/* What a packet is found by. ICMP: the identifier as source port, type << 8 | code as destination port; other
 * protocols without ports: 0. */
struct flow_key {
	address source, destination;
	uint16_t source_port, destination_port;
	uint8_t protocol;
	enum family family;
};

/* Bits of flow.unknown: parts of a direction's key that NAT may have chosen. */
enum flow_part {
	PART_SOURCE = 1 << 0,
	PART_DESTINATION = 1 << 1,
	PART_SOURCE_PORT = 1 << 2,
	PART_DESTINATION_PORT = 1 << 3,
};

/* A TCP header as conntrack reads it. */
struct segment {
	uint32_t sequence, acknowledgement, end; /* end: sequence + payload + SYN + FIN */
	uint16_t window;
	bool syn, ack, fin, rst;
	const uint8_t *options;
	uint32_t option_size;
};

enum tcp_state {
	TCP_NONE,
	TCP_SYN_SENT,
	TCP_SYN_RECEIVED,
	TCP_ESTABLISHED,
	TCP_FIN_WAIT,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_SYN_SENT2,
	TCP_STATES,
	TCP_INVALID = TCP_STATES, /* results of the transition table beside states */
	TCP_IGNORED,
};

enum tcp_index { INDEX_SYN, INDEX_SYNACK, INDEX_FIN, INDEX_ACK, INDEX_RST, INDEX_NONE };

enum tcp_flag {
	TCP_WINDOW_SCALE = 1 << 0,
	TCP_SACK_PERMITTED = 1 << 1,
	TCP_CLOSE_INIT = 1 << 2,
	TCP_BE_LIBERAL = 1 << 3,
	TCP_UNACKNOWLEDGED = 1 << 4,
	TCP_MAXACK_SET = 1 << 5,
	TCP_CHALLENGE_ACK = 1 << 6,
	TCP_SIMULTANEOUS = 1 << 7,
};

/* struct ip_ct_tcp */
struct tcp_tracking {
	struct tcp_side {
		uint32_t end, max_end, max_window, max_ack;
		uint8_t scale, flags;
	} seen[FLOW_DIRECTIONS];
	uint8_t state, last_direction, retransmissions, last_index;
	uint32_t last_sequence, last_acknowledgement, last_end;
	uint16_t last_window;
	uint8_t last_scale, last_flags;
};

struct flow {
	struct flow_key keys[FLOW_DIRECTIONS];
	unsigned unknown[FLOW_DIRECTIONS]; /* enum flow_part */
	struct flow_link {
		struct flow *flow;
		struct flow_link *next;
		uint8_t direction;
		bool linked;
	} links[FLOW_DIRECTIONS];
	struct connection
	    connection;          /* what matches see; made anew for each packet but for mark and status */
	unsigned status_unknown; /* IPS_SRC_NAT, IPS_DST_NAT: not known whether set */
	/* The kernel has this entry, in this state. Where it is false the entry may be there, or another in
	 * its place: no packet of it has a state that is known, until the exceptions below. */
	bool known;
	bool details;   /* mark and counters are known, too */
	bool tentative; /* not known, but followed from its SYN: known once its handshake is whole */
	bool confirmed;
	unsigned nat_clear; /* IPS_SRC_NAT, IPS_DST_NAT: surely no rule of nat asked for it */
	bool blinded;       /* doubted, and NAT may have given it a reply key that is not ours */
	bool redirected;    /* by REDIRECT: the reply's source is this host, whichever address it is */
	enum truth made_here, delivered; /* the first packet: sent by this host; taken in by it */
	bool seen[FLOW_DIRECTIONS];      /* not known: a packet of this direction surely went through */
	uint64_t expires;                /* when known */
	uint64_t last;                   /* packet */
	uint64_t created;
	struct tcp_tracking tcp;
};

enum tcp_answer {
	TCP_ANSWER_ACCEPT,  /* the packet has its connection */
	TCP_ANSWER_INVALID, /* it has none */
	TCP_ANSWER_REOPEN,  /* the entry goes, and the packet is looked up again */
	TCP_ANSWER_KILL,    /* has its connection, which goes */
	TCP_ANSWER_LOST,    /* not followed further: what state comes of it is not known */
};

/* The first segment of a connection: tcp_new(). false: INVALID, no entry. */
bool tcp_begin(struct flow *flow, const struct segment *segment);
/* nf_conntrack_tcp_packet() behind its checks. `now` and flow->expires: the timeout is renewed. */
enum tcp_answer tcp_follow(struct flow *flow, enum flow_direction direction, const struct segment *segment,
			   bool liberal, uint64_t now);
bool tcp_flags_valid(uint8_t flags);

#endif
