/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Tables, chains, rules and sets as iptables-save and ipset save have them, of both families. Everything
 * lives in the ruleset's arena. Read-only once the readers are done. */
#ifndef WEIR_RULESET_RULESET_H
#define WEIR_RULESET_RULESET_H

#include "base/arena.h"
#include "base/source.h"
#include "base/text.h"
#include "packet/address.h"
#include "packet/packet.h"
#include "ruleset/set.h"

struct match_type;
struct name_index;
struct target_type;

enum table_id { TABLE_RAW, TABLE_MANGLE, TABLE_NAT, TABLE_FILTER, TABLE_SECURITY, TABLE_COUNT };
enum hook { HOOK_PREROUTING, HOOK_INPUT, HOOK_FORWARD, HOOK_OUTPUT, HOOK_POSTROUTING, HOOK_COUNT };
enum flavour { FLAVOUR_UNKNOWN, FLAVOUR_LEGACY, FLAVOUR_NFT };
enum policy { POLICY_NONE, POLICY_ACCEPT, POLICY_DROP }; /* NONE: a user chain */

extern const char *const table_names[TABLE_COUNT]; /* "raw" ... */
extern const char *const hook_names[HOOK_COUNT];   /* "PREROUTING" ... */
/* Whether that table has a built-in chain at that hook (nat: PREROUTING, INPUT, OUTPUT, POSTROUTING; and so
 * on). */
bool table_has_hook(enum table_id table, enum hook hook);

struct match {
	const struct match_type *type; /* never NULL; match_opaque for what is not modelled */
	void *data;                    /* the type's own */
	struct span span;              /* "-m tcp --dport 80" */
};

struct target {
	const struct target_type *type; /* never NULL; target_none for a rule without -j */
	void *data;
	struct chain *chain; /* of a jump or goto; else NULL */
	bool is_goto;
	struct span span;
};

/* An interface name or pattern. */
struct interface_match {
	char name[INTERFACE_NAME_MAX]; /* "" matches all; without the + when wildcard */
	bool wildcard;                 /* name ended in + */
	bool inverted;
};

struct address_match {
	address value,
	    mask; /* value & ~mask == 0; mask may have holes; mask 0 and not inverted matches all */
	bool inverted;
};

/* IPv6 has none; IPv4 -f. */
enum fragment_match { FRAGMENT_ANY, FRAGMENT_LATER, FRAGMENT_NOT_LATER };

struct rule {
	struct chain *chain;
	uint32_t number;         /* 1-based within the chain, as iptables -L --line-numbers */
	struct span span;        /* the line without its counters: "-A INPUT ... -j DROP" */
	uint64_t packets, bytes; /* as the input gave them; 0 without */
	struct interface_match in, out;
	struct address_match source, destination;
	uint8_t protocol; /* 0: any */
	bool protocol_inverted;
	/* A policy's `limit`: what its -m hashlimit means weir itself has said, so that XDP may hold the
	 * rate, too (meaning/limit.c). Never of rules that somebody else wrote. */
	bool policy_limit;
	enum fragment_match fragment;
	uint32_t match_count;
	struct match *matches; /* in the order of evaluation */
	struct target target;
};

struct chain {
	struct table *table;
	struct text name;
	struct span span;
	bool builtin;
	enum hook hook; /* when builtin */
	enum policy policy;
	uint64_t packets, bytes; /* of the policy */
	size_t rule_count, rule_capacity;
	struct rule *rules;
	uint32_t
	    depth; /* longest way down through jumps, set by the reader; 0: none. At most CHAIN_DEPTH_MAX */
	uint32_t order;   /* chains of a table in an order where a chain comes after all that it jumps to */
	unsigned reached; /* from which hooks, as 1 << enum hook; set by the reader. 0: from none */
};

#define CHAIN_DEPTH_MAX 512

struct table {
	enum family family;
	enum table_id id;
	bool present; /* named in the input */
	/* Which program printed it. One ruleset may have tables of both flavours: the kernel runs them at the
	 * same priorities. Of one name it has one. */
	enum flavour flavour;
	uint32_t order; /* among the tables of all inputs: from 1, as they came; 0: not present */
	size_t chain_count, chain_capacity;
	struct chain **chains; /* as declared */
	/* Some target in it changes what matches behind it look at: marks, TTL, ... Set by the reader. */
	bool changes;
	struct name_index *index;        /* of the chains, by name */
	struct chain *hooks[HOOK_COUNT]; /* built-in chains, NULL where there is none */
	struct chain **ordered;          /* chain_count of them, callees first */
};

struct policy_tree;

struct ruleset {
	struct arena *arena;
	struct table tables[FAMILY_COUNT][TABLE_COUNT];
	enum flavour flavour[FAMILY_COUNT]; /* of the first table that says it */
	size_t set_count, set_capacity;
	struct set **sets;
	struct name_index *set_index;
	bool has_family[FAMILY_COUNT]; /* some table of it was in the input */
	/* The input was in another language: spans point to that, and no source holds a whole table. */
	bool translated;
	/* Policies among the input, as they were read (read/policy/policy.h). */
	size_t policy_count, policy_capacity;
	const struct policy_tree **policies;
};

/* NULL when memory is short. */
struct ruleset *ruleset_new(void);
void ruleset_free(struct ruleset *ruleset);
static inline void ruleset_cleanup(struct ruleset **ruleset)
{
	if (*ruleset)
		ruleset_free(*ruleset);
}

/* Chains are found by hash: constant time. table_add_chain() sets chain->table, and table->hooks of a
 * built-in one. */
int table_add_chain(struct arena *arena, struct table *table, struct chain *chain); /* 0, -EEXIST, -ENOMEM */
struct chain *table_find_chain(const struct table *table, struct text name);
/* Sets are found by hash: constant time. */
struct set *ruleset_find_set(const struct ruleset *ruleset, struct text name);
int ruleset_add_set(struct ruleset *ruleset, struct set *set); /* 0, -EEXIST, -ENOMEM */
/* As `ipset save` of ipset 7.17 prints it: the create line, and a line for each member in the order of the
 * input. What ipset 7.17 does not tell the kernel (forceadd) is not printed; initval is printed when the
 * input has one. */
void ruleset_print_set(const struct set *set, struct buffer *out);
/* All of them, those of type list:set last. */
void ruleset_print_sets(const struct ruleset *ruleset, struct buffer *out);

/* The rule as iptables-save prints it, without "-A CHAIN " when `bare`, from the structure, not from the
 * span. */
void rule_print(const struct rule *rule, bool bare, struct buffer *out);
/* The table as iptables-save prints it, from *NAME to COMMIT: built-in chains in the order of their hooks,
 * accepting where the input has none; user chains by name; the rules. Without the comments around it, which
 * have a date. */
enum table_counters {
	COUNTERS_NONE,     /* 0 for each policy: what iptables-restore loads without -c */
	COUNTERS_POLICIES, /* what iptables-save prints without -c */
	COUNTERS_ALL,
};
void table_print(const struct table *table, enum table_counters counters, struct buffer *out);
/* The rule's own text as it stood in the input. */
struct text rule_text(const struct rule *rule);
struct text span_text(struct span span);

/* Whether two rulesets are the same filter: tables, chains, policies, rules in order, sets with the members
 * that do not time out. Counters, comments and the order of members are not compared, nor is what only one
 * side leaves out as empty (a table with no rules and accepting policies). On a difference says the first one
 * in words. */
bool ruleset_equal(const struct ruleset *a, const struct ruleset *b, struct buffer *difference);

#endif
