/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The variables of a ruleset's diagrams: which header field or named predicate is which variable, for one
 * family.
 *
 * Order, first to last: interfaces, connection state, predicates on the source address, source, predicates on
 * the destination address, destination, protocol, ICMP type and code, ports, TCP flags, fragment, payload,
 * pair predicates, opaque predicates. Each block's bits are most significant first. Interfaces and state
 * stand first because rules are sorted by them (a chain for each interface, accept by state): further down
 * every node below the addresses would carry the product of all those chains.
 *
 * Made in two steps: declare everything (fields_need_*), then fields_seal() lays the variables out and makes
 * the diagram. */
#ifndef WEIR_EXTENSION_FIELDS_H
#define WEIR_EXTENSION_FIELDS_H

#include "diagram/diagram.h"
#include "packet/address.h"
#include "packet/packet.h"
#include "ruleset/ruleset.h"

enum field {
	FIELD_SOURCE,
	FIELD_DESTINATION,
	FIELD_PROTOCOL,  /* 8 bits */
	FIELD_ICMP,      /* 16 bits: type << 8 | code; of ICMP or ICMPv6 */
	FIELD_SPORT,     /* 16 */
	FIELD_DPORT,     /* 16 */
	FIELD_TCP_FLAGS, /* 8: byte 13 of the TCP header */
	FIELD_FRAGMENT,  /* 2: enum fragment_value */
	FIELD_PAYLOAD,   /* 1: TCP with data */
	FIELD_IN,        /* index into fields->interfaces */
	FIELD_OUT,
	FIELD_STATE, /* 3: enum connection_state */
	FIELD_COUNT,
};

enum fragment_value { FRAGMENT_WHOLE, FRAGMENT_FIRST, FRAGMENT_LATE }; /* 3 does not occur */

enum predicate_kind {
	PREDICATE_SOURCE,      /* source address in ranges */
	PREDICATE_DESTINATION, /* destination address in ranges */
	PREDICATE_PAIR,        /* (address, protocol, port) among points */
	PREDICATE_OPAQUE,      /* unknown */
	PREDICATE_BOXES,       /* a set of several parts; of exact fields alone */
};

/* Disjoint and ascending. `element` is what the range is credited to: an index into the set's members, or
 * into the rules of a list. */
struct predicate_range {
	address low, high;
	uint32_t element;
};

struct predicate_point {
	address address;
	uint32_t element;
	uint16_t port; /* host byte order; ICMP: type << 8 | code */
	uint8_t protocol;
};

struct predicate {
	enum predicate_kind kind;
	const char
	    *name; /* for messages: "set bans src", "rules 5 to 654 of INPUT", "-m mac --mac-source ..." */
	const struct set *set; /* NULL for lists and opaque matches */
	uint32_t variable;     /* after fields_seal() */
	size_t range_count;    /* kinds SOURCE, DESTINATION */
	const struct predicate_range *ranges;
	size_t point_count; /* kind PAIR; sorted by (address, protocol, port), no two equal */
	const struct predicate_point *points;
	bool box_source[SET_PARTS_MAX]; /* kind BOXES, of `set`: which side each dimension is */
	bool pair_source_address;       /* kind PAIR: which address and which port */
	bool pair_source_port;
	bool is_member; /* kind OPAQUE: no unknown, but the packet's being in a set: fields_fold_pairs() */
	struct set_meaning *meaning; /* of which it is `certain`; NULL: of none */
};

/* How predicates that are not modelled are told apart beyond their text, by somebody who knows more than one
 * ruleset: what they add to the name makes two of one name the same unknown. */
struct fields_naming {
	void *context;
	/* sharing: enum opaque_sharing of extension/option.h */
	void (*match)(void *context, const struct match *match, const struct rule *rule, int sharing,
		      struct buffer *name);
	void (*set)(void *context, const struct set *set, struct buffer *name);
};

struct fields {
	enum family family;
	struct arena *arena;
	struct diagram *diagram;     /* NULL until sealed */
	uint32_t first[FIELD_COUNT]; /* first variable of each block */
	uint32_t bits[FIELD_COUNT];
	size_t predicate_count, predicate_capacity;
	struct predicate **predicates; /* by index; stable addresses */
	/* Set by fields_seal(): a name for each class of interface names that rules tell apart, sorted, then
	 * one for "another": index interface_count - 1. No pattern matches "another" but the empty one (+),
	 * so in FIELD_OUT it also says that there is no output device, as in INPUT. */
	size_t interface_count, interface_capacity;
	char (*interfaces)[INTERFACE_NAME_MAX];
	const struct fields_naming *naming; /* NULL: by table and place */
	/* Pairs of predicates that no packet is in both of: what is left of two sets of one name. */
	size_t apart_count, apart_capacity;
	struct predicate **apart;
	bool exact;          /* see fields_new_exact() */
	const bool *unknown; /* [variables]: interfaces, state, opaque: what XDP cannot see */
};

struct fields *fields_new(enum family family); /* NULL when memory is short */
/* Exact fields: FIELD_SOURCE and FIELD_DESTINATION hold the number of a class of addresses, as far as what
 * was declared tells them apart; no predicate but the opaque ones has a variable, sets are what they hold.
 * Two conditions that say the same are the same node, whichever way they are written. */
struct fields *fields_new_exact(enum family family);
/* Before anything is declared, for who asks whether there is such a packet, and not for it: of the first
 * large set of addresses and ports on either side what tells one member from another is left out. Where
 * nothing else tells the addresses of a class apart, and some of them are members with a port and others are
 * not, a packet may be a member or not as it likes, which is one variable. What there is or is not stays
 * exact. 0 or -errno. */
int fields_fold_pairs(struct fields *fields);
void fields_free(struct fields *fields);
static inline void fields_cleanup(struct fields **fields)
{
	if (*fields)
		fields_free(*fields);
}

/* Declaring. All 0 or -errno, and idempotent: what was declared already is found again. */
int fields_need_interface(struct fields *fields, const struct interface_match *match);
/* A range of addresses, of FIELD_SOURCE or FIELD_DESTINATION; only exact fields need it. */
int fields_need_range(struct fields *fields, enum field field, address low, address high);
int fields_need_masked(struct fields *fields, enum field field, address value, address mask);
/* An opaque predicate of this text; `unique` makes a new one at each call (limit and its kind). */
int fields_need_opaque(struct fields *fields, const char *text, bool unique, struct predicate **predicate);
/* What a set says: up to two predicates, of the members that stay and of those that time out. A packet is in
 * the set if `certain` holds; when `timed` is not NULL also if timed holds and `expiry`, an opaque predicate,
 * is true. A set whose content or type is not modelled has certain NULL, and expiry alone decides. Dimensions
 * as in --match-set: source[i] true for src. Members of nomatch and overlapping prefixes are resolved here:
 * longest prefix decides. */
struct set_meaning {
	struct predicate *certain, *timed, *expiry;
	/* Beside a set of that name of another ruleset, which holds others: `certain` is what both hold, and
	 * `rest` what this one holds besides. NULL: nothing. */
	struct predicate *rest;
};
/* Whether what the set holds can be said by such predicates: of addresses, prefixes, and pairs of address and
 * port. */
bool fields_expresses_set(const struct set *set);
/* The same of exact fields, for sets of several parts. */
bool fields_expresses_boxes(const struct fields *fields, const struct set *set);
int fields_need_set(struct fields *fields, const struct set *set, unsigned dimensions, const bool *source,
		    struct set_meaning *meaning);
/* A list's own predicate: the caller fills kind, name, ranges or points (in fields->arena). */
int fields_need_predicate(struct fields *fields, struct predicate *predicate);

/* Lays out the variables and makes the diagram with that node budget. 0 or -errno (-E2BIG: too many
 * variables). */
int fields_seal(struct fields *fields, size_t budget);

/* After sealing. */
diagram_node fields_value(const struct fields *fields, enum field field, uint64_t value);
diagram_node fields_range(const struct fields *fields, enum field field, uint64_t low, uint64_t high);
/* Addresses; of exact fields DIAGRAM_UNDECIDED for what was not declared. */
diagram_node fields_addresses(const struct fields *fields, enum field field, address low, address high);
diagram_node fields_masked(const struct fields *fields, enum field field, address value, address mask);
diagram_node fields_predicate(const struct fields *fields, const struct predicate *predicate);
diagram_node fields_interface(const struct fields *fields, enum field field,
			      const struct interface_match *match);
diagram_node fields_set(const struct fields *fields, const struct set_meaning *meaning);
/* Combinations that can occur: interface indexes and states within their domains, fragment not 3. Conjoin
 * before asking for witnesses; use as the domain when quantifying. */
diagram_node fields_domain(const struct fields *fields);
/* Where no two predicates hold of which only one can. */
diagram_node fields_apart(const struct fields *fields);

/* The bit assignment of a packet with all fields known, opaque predicates from `opaque` (by predicate index;
 * NULL: all false), sets and lists from their members. bits has diagram_variables() entries. */
void fields_assign(const struct fields *fields, const struct packet *packet, enum connection_state state,
		   const bool *opaque, bool *bits);
/* A packet for an assignment as diagram_witness() gives it. Predicates on addresses that are fixed are
 * honoured by choosing an address among their ranges (or outside). 0; -ESRCH when they contradict each other,
 * or no packet was found among the many proposed (sets of pairs only); -ENOMEM. */
int fields_packet(const struct fields *fields, const int8_t *values, struct packet *packet);

/* The addresses of some classes of an exact field (`chosen` by class, of fields_classes()) as maximal ranges,
 * ascending. Stops with what visit returns when that is not 0. */
size_t fields_classes(const struct fields *fields, enum field field);
typedef int (*fields_visit)(void *context, address low, address high);
int fields_visit_classes(const struct fields *fields, enum field field, const bool *chosen,
			 fields_visit visit, void *context);

/* Looks an address or a point up: the element it is credited to, or -1. */
int64_t predicate_find(const struct predicate *predicate, address value);
int64_t predicate_find_point(const struct predicate *predicate, address value, uint8_t protocol,
			     uint16_t port);

#endif
