/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What every match and target must be able to do. Each lives in one file of src/extension/, which registers
 * it in extension/registry.c. */
#ifndef WEIR_RULESET_EXTENSION_TYPE_H
#define WEIR_RULESET_EXTENSION_TYPE_H

#include "diagram/diagram.h"
#include "packet/packet.h"
#include "ruleset/ruleset.h"

struct fields;
struct rule_parser;
struct session;
struct unseen;

enum truth { TRUTH_NO, TRUTH_YES, TRUTH_UNKNOWN };

static inline enum truth truth_not(enum truth truth)
{
	return truth == TRUTH_UNKNOWN ? TRUTH_UNKNOWN : truth == TRUTH_YES ? TRUTH_NO : TRUTH_YES;
}

/* What conntrack knows of the packet's connection (struct nf_conn). Addresses of both families as numbers,
 * ports in host byte order (ICMP: id in both). */
struct connection {
	struct connection_tuple {
		address source, destination;
		uint16_t source_port, destination_port;
		uint8_t protocol;
	} original, reply;
	bool is_reply;   /* the packet goes the way of the reply */
	unsigned status; /* IPS_* of linux/netfilter/nf_conntrack_common.h */
	uint32_t mark;
	uint64_t packets[2], bytes[2]; /* by direction, this packet included */
};

/* What a match sees besides the packet. */
struct evaluation {
	enum hook hook;
	/* Everything that decides whether this match is evaluated at all is known. A match with state of its
	 * own must not go on counting where it is false: its state is unknown from then on. */
	bool certain;
	struct session *session; /* extension/session.h: state over the packets of a capture; NULL: none */
	/* NULL: none, or not known. CONNMARK changes its mark, and makes it NULL where that is not known
	 * then. */
	struct connection *connection;
	enum truth has_state;        /* NO before conntrack (raw): INVALID unless untracked */
	bool state_known;            /* state below is certain */
	enum connection_state state; /* at this point of the path: UNTRACKED behind NOTRACK */
	bool hot_drop;               /* out: the packet is dropped at once, whatever else the rule says */
	bool hot_drop_perhaps;       /* out: or may be, what it would be for is not known */
};

/* Effects of evaluating a match or of running a target that others could notice if the packet never came:
 * names for
 * --allow, one bit each. */
enum effect {
	EFFECT_LOG = 1 << 0,     /* LOG, NFLOG, AUDIT, TRACE */
	EFFECT_REJECT = 1 << 1,  /* an answer is sent */
	EFFECT_COUNTER = 1 << 2, /* a set with counters, nfacct, rateest */
	EFFECT_STATE = 1 << 3,   /* state that others see: limit, recent, hashlimit, SET, statistic nth ... */
	EFFECT_CONNTRACK = 1 << 4, /* a connection's state would have moved */
	EFFECT_UNKNOWN = 1 << 5,   /* not modelled: may do anything */
};
#define EFFECT_COUNT 6
extern const char
    *const effect_names[EFFECT_COUNT]; /* "log", "reject", "counter", "state", "conntrack", "unknown" */

struct match_type {
	const char *name;
	bool modelled;    /* false: match_opaque */
	bool reads_state; /* looks at connection state, or may */
	/* It looks at what the diagram has no fields for: its meaning is a predicate of its own
	 * (extension/unseen.h). NULL: the diagram says all of it, or the type sees to it itself. */
	const struct unseen *unseen;
	/* Called for each word after "-m NAME" (or implied by -p) that the type takes as its own; see
	 * rule_parser.h. Returns 1 when it took the option, 0 when the option is not its own, -EINVAL with a
	 * diagnostic, -ENOMEM. */
	int (*parse)(struct rule_parser *parser, struct match *match);
	/* All options read: is it complete? 0, -EINVAL with a diagnostic, -ENOMEM. May be NULL. */
	int (*finish)(struct rule_parser *parser, struct match *match);
	/* As iptables-save prints it, beginning with "-m NAME"; "-m tcp" alone when it has no options. */
	void (*print)(const struct match *match, const struct rule *rule, struct buffer *out);
	enum truth (*evaluate)(const struct match *match, const struct rule *rule,
			       const struct packet *packet, struct evaluation *evaluation);
	/* Names the predicates that mean() will ask for (fields_need_*). 0 or -errno. May be NULL. */
	int (*declare)(const struct match *match, const struct rule *rule, struct fields *fields);
	/* The packets it matches, as a boolean diagram over the fields. DIAGRAM_UNDECIDED past the budget. */
	diagram_node (*mean)(const struct match *match, const struct rule *rule, const struct fields *fields);
	/* Packets that make it hot-drop cannot reach XDP's drop (parsing hands them up); not part of mean().
	 */
	unsigned (*effects)(const struct match *match); /* of evaluating it: enum effect; NULL: none */
	bool changes; /* evaluating it may change what matches behind it look at: a mark, the packet's type */
	/* As in target_type. */
	unsigned tables, hooks;
	/* Where the hooks hang on its options: in place of `hooks`. */
	unsigned (*hooks_of)(const struct match *match);
};

enum target_kind {
	TARGET_ACCEPT,
	TARGET_DROP,
	TARGET_RETURN,
	TARGET_JUMP,     /* jump or goto to a chain */
	TARGET_CONTINUE, /* goes on with the next rule: LOG, none */
	TARGET_NOTRACK,  /* goes on; the packet is untracked if nothing set its conntrack before */
	TARGET_REJECT,   /* drops, with an answer */
	TARGET_CHANGE, /* goes on, having changed what no header field of the diagram shows: mark, TTL, ... */
	TARGET_REWRITE, /* may change addresses or ports, end here, or go on: NAT and its kind */
	TARGET_QUEUE,   /* another program decides: NFQUEUE; or answers in the host's place: SYNPROXY */
	TARGET_OPAQUE,  /* may do anything: end here, change the packet, go on */
};

/* What a target of NAT asks for: struct nf_nat_range2. */
struct nat_range {
	bool source;     /* SNAT, MASQUERADE; else the destination is changed */
	bool masquerade; /* to the outgoing interface's address */
	bool redirect;   /* to the incoming interface's address; locally made packets: to loopback */
	bool map;        /* NETMAP: only the bits of `low` up to `prefix` are put in */
	uint8_t prefix;  /* of map */
	bool has_address, has_ports, random, random_fully, persistent, shifted;
	address low, high;
	uint16_t port_low, port_high, port_base; /* port_base: --to-destination A:P-Q/BASE, when shifted */
};

struct target_type {
	const char *name;
	bool modelled;
	enum target_kind kind;
	unsigned effects; /* enum effect, of running it */
	int (*parse)(struct rule_parser *parser,
		     struct target *target); /* as match_type.parse; NULL: no options */
	int (*finish)(struct rule_parser *parser, struct target *target);
	void (*print)(const struct target *target, const struct rule *rule, struct buffer *out); /* options
		only, with a leading blank; NULL: none */
	/* Tables it may stand in, as 1 << enum table_id; 0: all. */
	unsigned tables;
	/* Hooks from which it may be reached, as 1 << enum hook; 0: all. */
	unsigned hooks;
	/* TARGET_CHANGE: changes the packet's fields; NULL: none that struct packet has. */
	void (*apply)(const struct target *target, struct packet *packet, struct evaluation *evaluation);
	uint32_t rewrites; /* what of a packet apply() may change: KNOWN_* of packet/packet.h */
	/* TARGET_REWRITE of NAT: what it asks for. NULL for the others. */
	void (*nat)(const struct target *target, struct nat_range *range);
};

#endif
