/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether two rulesets do the same, for all packets: for each family and each built-in chain what becomes of
 * a packet that comes to it, whatever that packet and the unknowns are; and where they differ, for which
 * packets.
 *
 * Both sides are read with the same unknowns: an unmodelled or stateful match is one unknown on both sides
 * where it is the same match (by text, and by its place where it has a memory of its own). "Equal" holds for
 * all packets; "differs" comes with packets; where the budget does not do, neither is said.
 *
 * Chains may differ and the same packets get through all the same: bans that move from INPUT to PREROUTING.
 * On demand the whole ways of packets are compared, too, where chains on them differ. */
#ifndef WEIR_MEANING_DIFFERENCE_H
#define WEIR_MEANING_DIFFERENCE_H

#include "extension/fields.h"
#include "ruleset/extension_type.h"
#include "ruleset/ruleset.h"

struct difference_options {
	bool effects;         /* LOG, TEE, marks and so on also where no verdict hangs on them */
	size_t node_budget;   /* of each family's diagrams; 0: default */
	uint64_t time_budget; /* ns; 0: none */
	size_t region_limit;  /* at most so many regions of each chain are described; 0: default */
	bool journeys;        /* the whole ways of packets, too */
	bool not_forwarding;  /* none of them is forwarded */
};

enum difference_answer { DIFFERENCE_NONE, DIFFERENCE_FOUND, DIFFERENCE_UNDECIDED };

/* What becomes of a packet at the end of a built-in chain. */
struct fate {
	const char
	    *verdict; /* "ACCEPT", "DROP", "REJECT --reject-with icmp-port-unreachable", "DNAT --to ..." */
	const char *effects; /* of what is looked at, in order: "NOTRACK, MARK 0x1"; NULL: none */
};

/* Packets that one fate has with the old rules, and another with the new ones. */
struct difference_region {
	struct fate before, after;
	/* A conjunction in words: "tcp to 192.0.2.0/24 port 8080 from anywhere". */
	const char *words;
	double share;         /* of all packets, 0 to 1 */
	bool has_witness;     /* packet is one of them; the engine has not been asked */
	struct packet packet; /* state in packet.state; what is not said of it is not known */
	const char
	    *unknowns; /* what must hold besides: matches that are not modelled, in words; NULL: nothing */
};

/* What routing may go by beside the destination. */
enum difference_routing {
	DIFFERENCE_MARK = 1 << 0,
	DIFFERENCE_TOS = 1 << 1,
	DIFFERENCE_TTL = 1 << 2,
	DIFFERENCE_CONNMARK = 1 << 3, /* the mark of the connection, from which rules restore the packet's */
};

/* One built-in chain. */
struct difference_chain {
	enum family family;
	enum table_id table;
	enum hook hook;
	enum difference_answer answer;
	const char *reason;                      /* UNDECIDED: what was met */
	size_t region_count, region_total;       /* described, and found in all (at least) */
	const struct difference_region *regions; /* largest first */
	/* Unless effects are compared: what it makes of packets that it lets through, as far as routing may
	 * go by it: enum difference_routing. */
	enum difference_answer routing_answer;
	unsigned routing;
};

/* The whole way of a packet. */
enum journey {
	JOURNEY_DELIVERED, /* arrives, and is for this host: PREROUTING, INPUT */
	JOURNEY_FORWARDED, /* arrives, and goes on: PREROUTING, FORWARD, POSTROUTING */
	JOURNEY_LEAVING,   /* this host made it: OUTPUT, POSTROUTING */
	JOURNEY_COUNT
};

struct difference_place {
	enum table_id table;
	enum hook hook;
};

/* Packets that both drop, in different chains. */
struct difference_move {
	struct difference_place before, after;
};

struct difference_journey {
	enum family family;
	enum journey journey;
	enum difference_answer answer;
	const char *reason;                /* UNDECIDED: what was met */
	bool with_connection;              /* regions: of packets that come with one: over lo, or answers of
					      REJECT */
	size_t region_count, region_total; /* as of a chain; fates are those at the end of the way */
	const struct difference_region *regions;
	size_t move_count; /* NONE: where packets are dropped elsewhere */
	const struct difference_move *moves;
	bool conntrack; /* NONE: conntrack sees some of the dropped packets on one side alone */
};

struct difference {
	struct arena *arena;
	/* Of journeys, when asked for: FOUND before UNDECIDED before NONE. */
	enum difference_answer fate;
	size_t journey_count;
	const struct difference_journey *journeys; /* those with a chain that differs, or may */
	enum difference_answer answer;             /* of all: FOUND before UNDECIDED before NONE */
	size_t chain_count;
	const struct difference_chain *chains; /* those with rules or a policy on either side */
	size_t nodes;                          /* made, of all diagrams */
};

/* 0, -ENOMEM. The rulesets must stay while the difference is used. */
int difference_compute(const struct ruleset *before, const struct ruleset *after,
		       const struct difference_options *options, struct difference **difference);
void difference_free(struct difference *difference);
static inline void difference_cleanup(struct difference **difference)
{
	difference_free(*difference);
}

#endif
