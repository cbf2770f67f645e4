/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Inside rewrite/: the ruleset as rows of entries, which the steps rearrange. Nobody above this folder
 * includes it. */
#ifndef WEIR_REWRITE_PLAN_H
#define WEIR_REWRITE_PLAN_H

#include "extension/extension.h"
#include "meaning/box.h"
#include "rewrite/rewrite.h"

#define SHAPES_MAX 16

struct name_index;
struct plan_chain;
struct shape;

/* What is known of a rule of the input. */
struct facts {
	struct box box;
	unsigned traits;  /* enum trait */
	uint32_t target;  /* the same number: the same target, with the same options */
	uint32_t matches; /* the same number: the same matches, comments apart */
	bool idempotent;  /* to run the target twice is to run it once */
	bool terminal;    /* a packet that matches goes no further in this chain */
	/* Its fate. entry is where it is, NULL when it is gone. */
	enum rewrite_fate fate;
	const struct rule *by;
	struct entry *entry;
	bool moved; /* up, past rules of another kind */
};

enum trait {
	/* A match with a memory or an effect, or a target that may do anything: it keeps its place, and
	 * nothing is moved across it. */
	TRAIT_LOUD = 1 << 0,
	/* What it matches hangs on more than the packet's header, and a target may change it: connection
	 * state, marks, TTL. */
	TRAIT_MOODY = 1 << 1,
};

/* A set that is made. */
struct plan_set {
	const char *name;
	const struct shape *shape;
	enum family family;
	size_t count;
	const struct rule **rules; /* one for each member, of several the first; sorted by key */
	uint64_t *packets, *bytes; /* of each member; NULL without counters */
	bool comments;
	size_t uses;
};

enum entry_kind {
	ENTRY_RULE,  /* a rule of the input */
	ENTRY_SET,   /* a list of them, by a set */
	ENTRY_PORTS, /* a list of them, by their ports */
	ENTRY_JUMP,  /* to a chain that was made */
};

/* A rule of the output. */
struct entry {
	enum entry_kind kind;
	size_t count, capacity; /* ENTRY_JUMP: 0 */
	const struct rule *
	    *rules; /* that it stands for; the first is what is printed, without what the set says */
	const struct shape *shape; /* ENTRY_SET, ENTRY_PORTS */
	struct plan_set *set;
	struct plan_chain *body; /* ENTRY_JUMP */
	/* enum part. Of ENTRY_JUMP: what it asks. Else what the way here has asked already, and of that what
	 * is left out of the rule. */
	unsigned shared, asked;
	struct box common; /* all of its rules are within */
	uint64_t packets, bytes;
	uint32_t number; /* in its chain, from 1, at the end */
	struct plan_chain *chain;
};

/* Parts of a rule's header that many rules may have alike. */
enum part {
	PART_SOURCE = 1 << 0,
	PART_DESTINATION = 1 << 1,
	PART_IN = 1 << 2,
	PART_OUT = 1 << 3,
	PART_PROTOCOL = 1 << 4,
};

struct plan_chain {
	const struct table *table;
	const struct chain *chain; /* NULL: made */
	struct text name;
	bool gone;
	bool rewrites; /* a packet that came through may have other addresses or ports */
	size_t count, capacity;
	struct entry **entries;
	struct facts *facts; /* of the chain's rules, by number - 1 */
	/* Of a chain that was made: who jumps to it, and what its rules are printed with. */
	struct plan_chain *caller;
	struct chain printed;
	unsigned made;  /* chains that were made of its rules */
	unsigned above; /* jumps that lead here at most */
};

struct rewrite {
	struct arena *arena;
	const struct ruleset *ruleset;
	struct rewrite_options options;
	size_t chain_count, chain_capacity;
	struct plan_chain **chains; /* those of the input, table by table, then those made */
	struct plan_chain **first[FAMILY_COUNT][TABLE_COUNT]; /* by chain->order */
	size_t set_count, set_capacity;
	struct plan_set **sets;
	unsigned set_numbers[FAMILY_COUNT][SHAPES_MAX]; /* of the last name given */
	bool sets_change;                               /* some rule fills a set */
	struct name_index *targets, *matches;           /* printed forms */
	uint32_t target_count, match_count;
	uint64_t work; /* comparisons of boxes that are left; at 0 nothing is moved any more */
	bool loses_hot_drop;
	bool counters; /* some rule of the input has counted */
};

#define REWRITE_WORK 400000000u

/* plan.c */
int plan_make(struct rewrite *rewrite);
/* Some match has a memory or an effect, or is not modelled. */
bool rule_remembers(const struct rule *rule);
struct plan_chain *plan_chain_of(const struct rewrite *rewrite, const struct chain *chain);
/* Chains besides the built-in ones. */
bool table_has_chains(const struct table *table);
struct facts *facts_of(const struct rewrite *rewrite, const struct rule *rule);
struct entry *plan_entry(struct rewrite *rewrite, enum entry_kind kind);
/* The same text, the same number, from 1. 0 or -ENOMEM. */
int plan_intern(struct rewrite *rewrite, struct name_index **index, uint32_t *count,
		const struct buffer *text, uint32_t *number);
/* Appends a rule to those that the entry stands for. 0 or -ENOMEM. */
int entry_take(struct rewrite *rewrite, struct entry *entry, const struct rule *rule);
/* Whether what `later` does may come before what `earlier` does, which stands before it: no packet can tell.
 */
/* No packet is matched by rules of both. */
bool entries_disjoint(struct rewrite *rewrite, const struct entry *a, const struct entry *b);
bool entries_commute(struct rewrite *rewrite, const struct entry *earlier, const struct entry *later);

/* The steps. Each 0 or -ENOMEM. */
int step_dead(struct rewrite *rewrite);
int step_repeated(struct rewrite *rewrite);
int step_lists(struct rewrite *rewrite);
int step_prefix(struct rewrite *rewrite);
int step_order(struct rewrite *rewrite);

/* sets.c: the sets of the lists that were found, each once, with names. 0 or -ENOMEM. */
int sets_make(struct rewrite *rewrite);

/* write.c */
/* What is in the set, and not in the rule. */
unsigned entry_key_parts(const struct entry *entry);
void entry_print(const struct entry *entry, struct buffer *out);

/* comment.c: the text of the rule's first comment, as it was before it was quoted, as far as ipset can hold
 * it. */
void rule_comment(const struct rule *rule, struct buffer *out);
bool comments_agree(const struct rule *a, const struct rule *b);
/* Those of all of the entry's rules. */
bool entry_comments_agree(const struct entry *entry);

#endif
