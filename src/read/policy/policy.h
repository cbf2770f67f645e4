/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A policy (*.weir) as it was read: its statements in the order in which they stand, each with its place, and
 * its sets worked out: what files, feeds and other sets hold, merged, less what is excepted. The language is
 * described in doc/weir-policy.5.scd. What the statements mean as rules is render.h's.
 *
 * What holds once policy_read() gave it: every name is resolved; ports stand only where the protocols have
 * them; addresses of a statement leave it at least one family; no statement contradicts another in a way that
 * a reader can see (stateless and balance of one listener, a ban of a failsafe's source, ...). Everything
 * lives in the arena that was given. */
#ifndef WEIR_READ_POLICY_POLICY_H
#define WEIR_READ_POLICY_POLICY_H

#include "base/diagnostic.h"
#include "packet/address.h"
#include "ruleset/ruleset.h"

#define POLICY_NAME_MAX 24                    /* characters of the name of a set, feed or interface group */
#define POLICY_INCLUDE_DEPTH 16               /* files within each other */
#define POLICY_SOURCES_MAX 4096               /* files in all */
#define POLICY_STATEMENTS_MAX 65536           /* statements, sets and groups */
#define POLICY_ELEMENTS_MAX ((size_t)1 << 22) /* elements of one set */
#define POLICY_COMMENT_MAX 255                /* bytes: IPSET_MAX_COMMENT_SIZE */
#define POLICY_RANGE_MAX 65536                /* addresses of one member of a set of addresses */
#define POLICY_ITEMS_MAX                                                                                     \
	4096 /* addresses, or ports, or ICMP types, in one statement; more belong into a set */
#define POLICY_DEVICES_MAX 256 /* of one group, and of one statement */
#define POLICY_BACKENDS_MAX 256
#define POLICY_WEIGHT_MAX 256

enum policy_verdict { VERDICT_DROP, VERDICT_ACCEPT, VERDICT_REJECT };
enum policy_direction { DIRECTION_IN, DIRECTION_FORWARD, DIRECTION_OUT, DIRECTION_COUNT };

/* --- Interfaces ---------------------------------------------------------------------------------- */

/* interface public { eth0, wg* }: a name for devices. It says nothing about packets by itself. */
struct policy_interface {
	struct span span; /* the statement */
	struct text name;
	struct interface_match *devices; /* never inverted; wg* is "wg" and wildcard */
	size_t device_count, device_capacity;
	bool xdp_off; /* no early drop there */
};

/* --- Sets ---------------------------------------------------------------------------------------- */

enum policy_set_type {
	POLICY_SET_ADDRESS,
	POLICY_SET_NET,
	POLICY_SET_ADDRESS_PORT,
	POLICY_SET_NET_PORT,
};

static inline bool policy_set_has_ports(enum policy_set_type type)
{
	return type == POLICY_SET_ADDRESS_PORT || type == POLICY_SET_NET_PORT;
}

/* Addresses low to high, which need be no prefix; in sets with ports each of them with each of the ports. */
struct policy_element {
	address low, high;
	const char *comment;          /* NULL: none */
	uint32_t expires;             /* seconds since 1970; 0: stays */
	uint32_t begin;               /* where its member stands in its source */
	uint16_t length;              /* bytes there; no more than this many when it is longer */
	uint16_t source;              /* index into policy_tree.sources */
	uint16_t port_low, port_high; /* 0 to 0 in sets without ports */
	uint8_t protocol;             /* 0 in sets without ports */
};

/* Sorted by protocol, port_low, low. Disjoint: no address (with one protocol and port) is in two of them.
 * Neighbours are not joined, so that each member keeps its counters and comment. Of members that overlap the
 * one that lasts longer has the part they share; else the first one of the wider. Expired ones are left out.
 */
struct policy_elements {
	struct policy_element *elements;
	size_t count, capacity;
};

enum policy_format {
	POLICY_FORMAT_PLAIN,    /* a member a line, or a JSON object a line */
	POLICY_FORMAT_NETSET,   /* the same; addresses and prefixes, comments with # */
	POLICY_FORMAT_SPAMHAUS, /* JSON lines {"cidr": ..., "sblid": ...}; a line of metadata at the end */
};

struct policy_feed {
	struct span span;
	struct text name;
	const char *url; /* http://, https://, file:// */
	enum policy_format format;
	uint32_t every;  /* seconds */
	uint32_t shrink; /* percent that may vanish at once; 100: all */
	/* The last good copy, when it was at hand (struct policy_options): its members are in the set. */
	const struct source *copy;
};

/* A list file of a set. */
struct policy_list {
	struct span span;
	const struct source *source;
	size_t expired; /* members left out as their time is over */
};

struct policy_set {
	struct span span;
	struct text name;
	enum policy_set_type type;
	bool counters;
	bool has_timeout;
	uint32_t timeout; /* default for members that are added later, seconds; 0: they stay */
	bool builtin;     /* `private`, which stands in no file */
	/* `self` is known at the host alone. Where policy_options say it, it is in the elements, or out of
	 * them, and both are false. Else the set is (elements and, with includes_self, the host's addresses)
	 * less, with excepts_self, the host's addresses. */
	bool includes_self, excepts_self;
	struct policy_elements elements[FAMILY_COUNT];
	struct policy_feed *feeds;
	size_t feed_count, feed_capacity;
	struct policy_list *lists;
	size_t list_count, list_capacity;
	/* of the reader alone */
	struct policy_set_parts *parts;
};

/* --- What a statement is about ------------------------------------------------------------------- */

enum policy_place_kind { PLACE_RANGE, PLACE_SET, PLACE_SELF };

struct policy_place {
	enum policy_place_kind kind;
	struct span span;
	struct text name;           /* of PLACE_SET: "admins" */
	enum family family;         /* of PLACE_RANGE */
	struct address_range range; /* need be no prefix */
	struct policy_set *set;
};

/* No places: any. `private` is a PLACE_SET of a built-in set. */
struct policy_places {
	struct policy_place *places;
	size_t count, capacity;
	struct span span;
};

struct policy_port_range {
	uint16_t low, high;
};

struct policy_ports {
	struct policy_port_range *ranges; /* sorted, disjoint, not adjacent; none: any */
	size_t count, capacity;
	struct span span;
};

/* An ICMP type, of the selector's protocol ICMP or ICMPv6 (`family` says which). */
struct policy_icmp {
	enum family family;
	uint8_t type, code_low, code_high;
};

/* [tcp, udp] [on IFACE] [from PLACES] [source port PORTS] [to PLACES] [port PORTS]. The parts are all to
 * match; of one part any. A statement about ICMP of one family is of that family alone, whatever else. */
struct policy_selector {
	struct span span;
	uint8_t *protocols; /* ascending; none: any. `ping` is 1 and 58 with icmp types */
	size_t protocol_count, protocol_capacity;
	struct policy_icmp *icmp; /* of IPPROTO_ICMP and IPPROTO_ICMPV6; none of a family: all types */
	size_t icmp_count, icmp_capacity;
	struct interface_match *devices; /* none: any; of `on public` the group's, of `on eth0` that one */
	size_t device_count, device_capacity;
	struct span on;
	struct policy_places from,
	    to;                    /* a set with ports: its addresses and ports, in `to` the destination's,
				      in `from` the source's; of the statement's protocols alone */
	struct policy_ports ports; /* destination */
	struct policy_ports source_ports;
	bool families[FAMILY_COUNT]; /* that the statement can be about, by its addresses and protocols; a set
					is of both */
};

/* --- Statements ---------------------------------------------------------------------------------- */

enum policy_kind {
	STATEMENT_FAILSAFE,  /* failsafe tcp 22 from @admins */
	STATEMENT_BLOCK,     /* block [in|out|forward] SELECTOR [both directions] */
	STATEMENT_STATELESS, /* stateless SELECTOR */
	STATEMENT_ALLOW,     /* allow [in|out|forward] SELECTOR */
	STATEMENT_DENY,
	STATEMENT_REJECT,
	STATEMENT_LIMIT,
	STATEMENT_MIRROR,
	STATEMENT_BALANCE,
	STATEMENT_RULES, /* rules "file.v4" */
	STATEMENT_KINDS,
};
extern const char *const policy_kind_names[STATEMENT_KINDS];

enum policy_limit_with { LIMIT_DROPS, LIMIT_SYNCOOKIES, LIMIT_SYNPROXY };

struct policy_limit {
	bool syn;        /* TCP segments with SYN and without ACK, RST, FIN; protocols is then TCP alone */
	uint32_t rate;   /* packets ... */
	uint32_t second; /* ... in so many seconds: 1, 60, 3600, 86400 */
	uint32_t burst;  /* packets; at least 1 */
	bool per_source; /* else all together */
	uint8_t prefix[FAMILY_COUNT]; /* length of it */
	enum policy_limit_with with;
	struct span with_span;
};

struct policy_mirror {
	bool has_gateway[FAMILY_COUNT]; /* what is of a family without one is not mirrored */
	address gateway[FAMILY_COUNT];
	struct span gateway_span[FAMILY_COUNT];
	char device[INTERFACE_NAME_MAX]; /* via */
	uint32_t sample;                 /* one of so many packets; 1: all */
	uint32_t truncate;               /* bytes of each copy; 0: whole */
};

struct policy_backend {
	struct span span;
	address address;
	uint16_t port; /* the listener's when it was left out */
	uint32_t weight;
};

enum policy_balance_method { BALANCE_ROUND_ROBIN, BALANCE_HASH_SOURCE };
enum policy_balance_source { BALANCE_KEEPS_SOURCE, BALANCE_MASQUERADE, BALANCE_SNAT };

/* The listener is the selector's: one protocol, one address (PLACE_RANGE) and one port. */
struct policy_balance {
	enum family family;
	enum policy_balance_method method;
	struct policy_backend *backends;
	size_t backend_count, backend_capacity;
	enum policy_balance_source source;
	address snat;
	uint32_t check_every; /* seconds; 0: not checked */
	uint32_t check_timeout;
};

struct policy_statement {
	enum policy_kind kind;
	struct span span;                /* all of it, without the line's end */
	enum policy_direction direction; /* of block, allow, deny, reject; else DIRECTION_IN */
	bool both_directions; /* of block: leaving packets, too, with from and to exchanged; of mirror:
				 replies, too */
	struct policy_selector selector;
	union {
		struct policy_limit limit;
		struct policy_mirror mirror;
		struct policy_balance balance;
		const struct source *rules; /* iptables-save or ipset save text */
	};
};

/* --- Settings ------------------------------------------------------------------------------------ */

struct policy_timeout {
	const char *sysctl; /* under net.netfilter: "nf_conntrack_tcp_timeout_established" */
	uint32_t seconds;
	struct span span;
};

enum policy_switch { SWITCH_UNSAID, SWITCH_OFF, SWITCH_ON };

struct policy_conntrack {
	struct span span; /* .source is NULL: no such statement */
	uint32_t max;     /* 0: unsaid */
	uint32_t buckets; /* 0: unsaid */
	uint32_t warn;    /* percent; 0: unsaid */
	enum policy_switch tcp_be_liberal, tcp_loose;
	struct policy_timeout *timeouts;
	size_t timeout_count, timeout_capacity;
};

/* What a default of drop or reject brings with it, unless `without` says other: */
enum policy_implied {
	IMPLIED_LOOPBACK = 1,    /* what comes in at lo */
	IMPLIED_ESTABLISHED = 2, /* connection state established or related */
	IMPLIED_NEIGHBOURS = 4,  /* ICMPv6 without which there is no link: 133 to 136, 130 to 132 and 143 */
	IMPLIED_ERRORS = 8,      /* ICMP errors, so that untracked flows learn of path MTU and the like */
	IMPLIED_ALL = 15,
};

struct policy_default {
	struct span span; /* .source is NULL: unsaid, VERDICT_ACCEPT */
	enum policy_verdict verdict;
	unsigned implied; /* enum policy_implied; all when unsaid */
};

/* --- The whole ----------------------------------------------------------------------------------- */

struct policy_tree {
	struct arena *arena;
	const struct source *main;
	const struct source **sources; /* all that was read; index 0 stands for none */
	size_t source_count, source_capacity;
	struct policy_interface **interfaces;
	size_t interface_count, interface_capacity;
	struct policy_set **sets; /* as declared; `private` last where it is used */
	size_t set_count, set_capacity;
	struct policy_statement *statements; /* in the order of the text, includes in their places */
	size_t statement_count, statement_capacity;
	struct policy_conntrack conntrack;
	/* `default drop` is of in and forward; `default out drop` and `default forward accept` of one. */
	struct policy_default defaults[DIRECTION_COUNT];
};

struct policy_options {
	/* Reads a file that the policy names; NULL: regular files by source_read(). 0 or -errno. */
	int (*read)(void *context, struct arena *arena, const char *path, struct source **source);
	void *context;
	/* The host's own addresses, when they are known. */
	bool self_known;
	const struct address_range *self[FAMILY_COUNT];
	size_t self_count[FAMILY_COUNT];
	/* Where the last good copies of feeds are, DIRECTORY/NAME; NULL: they are not read. One that is
	 * missing is no error; it is a warning where members are wanted. */
	const char *feed_directory;
	bool wants_feeds;
	uint64_t now; /* seconds since 1970, for what expired; 0: nothing did */
};

/* How files are read when the options do not say otherwise: -EINVAL for what is no regular file. */
int policy_read_regular(struct arena *arena, const char *path, struct source **source);

/* Whether a text is a policy, by its first word. */
bool policy_recognise(const struct source *source);

/* Reads a policy and all that it includes. Returns 0; -EINVAL with diagnostics; -ENOMEM. `options` may be
 * NULL. */
int policy_read(struct arena *arena, struct diagnostics *sink, const struct source *source,
		const struct policy_options *options, struct policy_tree **tree);

struct policy_set *policy_find_set(const struct policy_tree *tree, struct text name);
struct span policy_element_span(const struct policy_tree *tree, const struct policy_element *element);

/* The widest prefix that begins at low and ends at high or before. For lists of prefixes: low = end + 1 until
 * end == high. */
unsigned policy_prefix(enum family family, address low, address high, address *end);

/* 90, 90s, 5min, 12h, 1d, 2w: seconds (value.c). NULL, or what is wrong in words. */
const char *value_duration(struct text text, uint32_t *seconds);

/* --- List files (list_file.c), for sets on disk, feeds and standard input ------------------------ */

struct policy_list_result {
	struct policy_elements elements[FAMILY_COUNT]; /* as they stand: not sorted, may overlap */
	size_t members, expired;
};

/* Adds what the source holds. Wrong lines become diagnostics; 0, -EINVAL when there were any, -ENOMEM.
 * `number` is the source's index in the tree, which the elements carry. */
int policy_list_read(struct arena *arena, struct diagnostics *sink, const struct source *source,
		     uint16_t number, enum policy_set_type type, enum policy_format format, uint64_t now,
		     struct policy_list_result *result);

/* --- Arithmetic of sets (sets.c) ----------------------------------------------------------------- */

/* Sorts, and makes them disjoint as said at struct policy_elements. 0, -E2BIG, -ENOMEM. */
int policy_elements_merge(struct arena *arena, enum family family, struct policy_elements *elements);
/* a less b, both merged. Elements of b without protocol are of all ports. 0, -E2BIG, -ENOMEM. */
int policy_elements_subtract(struct arena *arena, struct policy_elements *a, const struct policy_elements *b);
/* The first element of merged ones that shares an address with the range; NULL: none does. Of elements with
 * ports all are looked at. */
const struct policy_element *policy_elements_meet(const struct policy_elements *elements,
						  struct address_range range);

/* Whether bans would cover the source of a failsafe statement: the first such element and statement. For
 * members that come later (feeds, weir set add). */
struct policy_conflict {
	const struct policy_element *element;
	const struct policy_statement *failsafe, *block;
};
/* The sources of failsafe statements that no member of the set may cover. What is not 0 ends it, and is what
 * this returns; else 0. */
int policy_failsafe_sources(const struct policy_tree *tree, const struct policy_set *set,
			    int (*take)(void *context, const struct policy_statement *failsafe,
					enum family family, struct address_range range),
			    void *context);
bool policy_failsafe_conflict(const struct policy_tree *tree, const struct policy_set *set,
			      enum family family, const struct policy_elements *elements,
			      struct policy_conflict *conflict);

#endif
