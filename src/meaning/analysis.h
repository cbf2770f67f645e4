/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Inside meaning/: one ruleset of one family, seen as diagrams.
 *
 * A chain is a row of items: single rules, and lists (runs of rules that differ in one key only, taken
 * together as one predicate). Each item, each run of items and each chain has an outcome: a diagram whose
 * terminals are sets of outcome values, all that are possible. A match that is not modelled makes an outcome
 * of two values; it is no variable here, since then each of a thousand `-m mac` rules would get a copy of all
 * that comes behind it. What is lost is only that two such matches of the same text agree. An effect that is
 * not allowed ends the walk as BLOCKED at once: what follows cannot make the packet droppable any more. */
#ifndef WEIR_MEANING_ANALYSIS_H
#define WEIR_MEANING_ANALYSIS_H

#include "meaning/region.h"

/* Bits of a terminal. */
enum outcome_value {
	OUTCOME_CONTINUE, /* goes on behind the item; at the end of a user chain: back to the caller */
	OUTCOME_RETURN,   /* leaves this chain: RETURN, or the end of a chain reached by goto */
	OUTCOME_ACCEPT,   /* leaves this table */
	OUTCOME_DROP,     /* without any effect that is not allowed */
	OUTCOME_BLOCKED,  /* an effect, or a target that may do anything: never dropped early */
	OUTCOME_CONTINUE_UNTRACKED, /* the first three behind NOTRACK */
	OUTCOME_RETURN_UNTRACKED,
	OUTCOME_ACCEPT_UNTRACKED,
	OUTCOME_COUNT,
};
/* A packet that comes to a limit without any effect before is BLOCKED, and these bits say by which limit: its
 * number from 1, 0 where that is not sure. */
#define OUTCOME_LIMIT_SHIFT OUTCOME_COUNT
#define OUTCOME_LIMIT_MAX 0xffffu
_Static_assert((OUTCOME_LIMIT_MAX << OUTCOME_LIMIT_SHIFT | ((1u << OUTCOME_COUNT) - 1)) <=
		   DIAGRAM_TERMINAL_MAX,
	       "an outcome is a terminal");

/* A limit that may be held early. */
struct limit {
	struct region_limit meaning;
	struct text name;
	diagram_node packets; /* those that XDP may limit: set by limits_compute() */
};

/* A boolean of which opaque matches make two: where it holds for sure, and where it may hold. */
struct bounds {
	diagram_node sure, may;
};

struct item {
	const struct rule *rule;           /* the first one */
	size_t count;                      /* more than 1: a list */
	const struct predicate *predicate; /* of a list: its key; of a rule: the set it matches positively */
	const struct match *key_match; /* of a list: the match that holds the port of the key; NULL without */
	uint32_t unit;
	bool skipped;   /* beyond the limit of rules looked at */
	uint32_t limit; /* number of its limit, from 1; 0: it is none that XDP may hold */
	struct bounds matches;
	diagram_node outcome;
	struct bounds goes_on;   /* with the next item, effects or not */
	struct bounds goes_back; /* leaves the chain to its caller, or to the policy */
};

struct chain_meaning {
	const struct chain *chain;
	bool reachable;
	size_t item_count, item_capacity;
	struct item *items;
	/* Outcomes of runs of items as a binary tree: node 1 is all, node n has halves 2n and 2n + 1. */
	diagram_node *outcomes;
	struct bounds *goes_on; /* behind the run */
	size_t tree_size;
	struct bounds goes_back; /* come to its end, or to a RETURN */
	diagram_node
	    outcome; /* as the caller sees it: CONTINUE, ACCEPT, DROP, BLOCKED; and untracked forms */
};

/* The tables on the receive path that are analysed: a slot for each built-in chain. */
enum stage {
	STAGE_RAW,
	STAGE_MANGLE_PREROUTING,
	STAGE_NAT_PREROUTING, /* tracked packets only, and of those the first of a connection */
	STAGE_MANGLE_INPUT,
	STAGE_FILTER_INPUT,
	STAGE_MANGLE_FORWARD,
	STAGE_FILTER_FORWARD,
	STAGE_COUNT
};

struct analysis {
	const struct ruleset *ruleset;
	const struct region_options *options;
	enum family family;
	struct arena *arena;
	struct fields *fields;
	struct diagram *diagram;
	struct chain_meaning *chains[TABLE_COUNT];       /* by index in table->ordered */
	const struct chain_meaning *stages[STAGE_COUNT]; /* NULL: the table is not there */
	diagram_node passed[STAGE_COUNT]; /* outcome of the stage: ACCEPT(_UNTRACKED), DROP, BLOCKED */
	size_t unit_count, unit_capacity;
	struct unit *units;
	uint32_t policy_units[STAGE_COUNT]; /* unit of the chain's policy */
	enum truth nat, forwarding;
	uint32_t in_index; /* of options->interface, when given */
	bool *opaque;      /* by variable; NULL when there is no opaque predicate */
	unsigned list_clashes;
	size_t rule_limit; /* 0: none */
	size_t longest;    /* items of the longest chain */
	bool *skipped;     /* by unit */
	diagram_node *own; /* by unit: what the rule itself may match; policies: everything */
	size_t list_count, list_capacity;
	struct predicate **lists; /* their predicates, each once */
	size_t limit_count, limit_capacity;
	struct limit *limits;
	diagram_node limited; /* packets of any of them */

	/* The path, set by path_compute(): boolean diagrams. */
	diagram_node local;                      /* destinations known to be local */
	diagram_node may_untracked, may_tracked; /* what a packet may be behind raw */
	diagram_node passes_raw;                 /* for sure */
	diagram_node decided;                    /* every possible outcome is a clean drop */
	bool closed_tuples;   /* tracked drops must not depend on more than the connection's tuple */
	bool tracked_blocked; /* the way out looks at connection state: tracked packets are left alone */
	const struct rule *state_reader; /* the rule that made one of these true */
	diagram_node settled;            /* decided, and nobody can tell afterwards */
	diagram_node
	    early; /* the region as a boolean: settled, for every packet that a frame may be part of */
};

struct chain_meaning *analysis_chain(const struct analysis *analysis, const struct chain *chain);

/* items.c: splits chains into items, declares all fields, seals them, makes conditions. */
int items_find(struct analysis *analysis);
int items_mean(struct analysis *analysis);
/* Whether an address mask of the rule has too many holes for a table: then it is unknown whether it matches.
 */
bool rule_is_scattered(const struct analysis *analysis, const struct rule *rule);
/* list.c: whether a run of at least LIST_MIN rules starts at rules[0] of `count`; how long, and its predicate
 * (made in the fields' arena, not declared). 0 without a list. */
#define LIST_MIN 8
#define LIST_CLASHES_MAX                                                                                     \
	100 /* then no more lists of rules that go on are tried: bounds the work on hostile input */
int list_find(struct analysis *analysis, const struct rule *rules, size_t count, struct item *item,
	      struct predicate **predicate);

/* limit.c */
/* Whether the item, whose unit is known, is a limit that XDP may hold: sets its number. 0 or -ENOMEM. */
int limit_find(struct analysis *analysis, struct item *item);
/* Which packets come to which limit whatever the unknowns are, `raw` being the outcome of raw. */
void limits_compute(struct analysis *analysis, diagram_node raw);
/* Keeps of them those that the others limit in the same way, or drop. Whether that is less than before. */
bool limits_within(struct analysis *analysis, const struct analysis *other);
/* What XDP can count one by one as the rules see them. */
diagram_node limit_countable(struct analysis *analysis);
/* "above 50/sec, bursts of 200, for each source of /32" */
const char *limit_words(const struct analysis *analysis, uint32_t number, struct arena *arena);

/* outcome.c */
/* Of one chain whose items have theirs, and whose callees are done. 0 or -ENOMEM. */
int outcomes_compute(struct analysis *analysis, struct chain_meaning *chain);
/* Where one of these values (1 << enum outcome_value) is possible. */
diagram_node outcome_may(struct analysis *analysis, diagram_node outcome, unsigned values);
#define OUTCOME_SET(value) diagram_terminal(1u << (value))
#define OUTCOME_LIMITED(number)                                                                              \
	diagram_terminal(1u << OUTCOME_BLOCKED | (uint32_t)(number) << OUTCOME_LIMIT_SHIFT)
#define OUTCOMES_ACCEPT (1u << OUTCOME_ACCEPT | 1u << OUTCOME_ACCEPT_UNTRACKED)

/* path.c */
void path_compute(struct analysis *analysis);
/* Quantifies interfaces away: holds for all (any) of them. */
diagram_node unknowns_forall(struct analysis *analysis, diagram_node f);
diagram_node unknowns_exists(struct analysis *analysis, diagram_node f);
/* f with the connection state fixed, or for all (any) states that a tracked packet can have. */
diagram_node state_fixed(struct analysis *analysis, diagram_node f, enum connection_state state);
/* f where there is no output interface: everywhere but in FORWARD. */
diagram_node output_none(struct analysis *analysis, diagram_node f);
diagram_node state_forall(struct analysis *analysis, diagram_node f);
diagram_node state_exists(struct analysis *analysis, diagram_node f);
/* f for every destination address and port: what NAT may make of them. */
diagram_node nat_forall(struct analysis *analysis, diagram_node f);
diagram_node nat_exists(struct analysis *analysis, diagram_node f);
/* What XDP may rely on in one frame: see path.c. */
diagram_node frames_forall(struct analysis *analysis, diagram_node f);

/* credit.c: which units count a dropped packet. Fills root, attributions and uncounted of the region. may_hit
 * gets, for each unit, the packets over known fields that may be counted by it, dropped early or not. */
int credit_compute(struct analysis *analysis, struct region *region, diagram_node *may_hit);

/* coverage.c: what became of each unit that drops, and why. */
int coverage_compute(struct analysis *analysis, struct region *region, const diagram_node *may_hit);

#endif
