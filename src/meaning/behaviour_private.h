/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the files behaviour*.c share and nobody else sees. */
#ifndef WEIR_MEANING_BEHAVIOUR_PRIVATE_H
#define WEIR_MEANING_BEHAVIOUR_PRIVATE_H

#include "extension/extension.h"
#include "meaning/behaviour.h"
#include "meaning/trace.h"

#define LOOK_ALWAYS (1u << 7) /* events that later rules hang on in any case */

/* An unknown that journeys put in another's place: see journey_unknowns.c. */
struct spare {
	struct predicate *predicate;
	bool taken;
	uint32_t of; /* the variable in whose place it stands */
	size_t slot;
};

#define PLACE_KEYS 3
#define MEMORY_SETS 1u /* the sets' counters and members */

/* Matches with a memory or a view of what rules change, and targets that are not modelled. */
struct places {
	size_t count, capacity;
	struct place {
		const char *name; /* as messages have it */
		unsigned memory;  /* bits of what it shares with others; 0: it remembers for itself */
		enum table_id table;
		bool paired; /* both sides have it */
	} * all;
	/* Which place a match or target has: by pointer, open addressing. */
	struct place_owner {
		const void *owner;
		uint32_t place; /* + 1 */
	} * owners;
	size_t owner_count, owner_capacity;
	/* Names of predicates that stand for a place. */
	struct place_name {
		const char *name;
		uint32_t place; /* + 1 */
	} * predicates;
	size_t predicate_count, predicate_capacity;
	/* Of the first side, for the second to find its own. */
	struct place_wait {
		const char *keys[PLACE_KEYS]; /* from the most particular to the least */
		const char *rule;             /* in keys[0]: its rule and chain */
		uint32_t place;
		bool taken, reserved;
	} * waiting;
	size_t waiting_count, waiting_capacity;
	struct waiting_index {
		struct place_wait **sorted; /* by one of the keys */
		size_t *skipped;            /* from the first one of a key: how many are gone */
	} index[PLACE_KEYS];
};

/* Rows of outcomes that were put together. */
struct runs {
	struct run {
		const diagram_node *outcomes;
		size_t count; /* 0: free */
		diagram_node result;
	} * slots; /* open addressing */
	size_t capacity, count;
};

struct behaviour {
	enum family family;
	struct arena *arena;
	size_t side_count;
	const struct ruleset *sides[SIDES_MAX];
	struct fields *fields;
	struct fields_naming naming;
	struct traces traces;
	struct places places;
	size_t side;                /* being declared */
	bool changes[TABLE_COUNT];  /* some target of the table, on any side, changes what matches look at */
	bool rewrites[TABLE_COUNT]; /* some may go on with another packet */
	bool counts;                /* being looked up in a set with counters is an event */
	unsigned needs;
	unsigned look;
	bool *asked;            /* by place */
	uint32_t *place_of;     /* by variable: place + 1 */
	diagram_node goes_on;   /* END_CONTINUE without a trace */
	diagram_node *outcomes; /* of the table being looked at, by a chain's order */
	struct runs runs;
	const bool *apart; /* jumps to these chains, by order, are events: parts.c. NULL: none */
	bool tracks;       /* it is raw */
	size_t spare_count;
	struct spare *spares;
	/* Names of predicates whose answer may be another in another table, and whether it takes NAT or a
	 * target to make it so. */
	struct passing {
		const char *name;
		bool lasts;
	} * passing;
	size_t passing_count, passing_capacity;
	bool *unsteady; /* by variable: asked somewhere else on the way it may say something else */
};

/* What one chain does by itself, as its callers see it. */
diagram_node behaviour_chain_alone(struct behaviour *behaviour, const struct chain *chain,
				   diagram_node domain);
/* behaviour_compose.c */
diagram_node compose_end(uint32_t end);
diagram_node compose_plain_end(struct behaviour *behaviour, enum end_kind kind);
/* g behind that trace. */
diagram_node compose_behind(struct behaviour *behaviour, uint32_t trace, diagram_node g);
/* f, and where it goes on, g. */
diagram_node compose_sequence(struct behaviour *behaviour, diagram_node f, diagram_node g);
/* A row of outcomes, one after the other; they stay. */
diagram_node compose_run(struct behaviour *behaviour, const diagram_node *outcomes, size_t count);
void compose_forget_runs(struct runs *runs);

/* f with the field fixed. */
diagram_node compose_fix(struct behaviour *behaviour, diagram_node f, enum field field, uint64_t value);

int behaviour_declare(struct behaviour *behaviour); /* 0 or -errno */
int behaviour_declare_spares(struct behaviour *behaviour, size_t count);
/* Whether it is a set's that counts who was found in it. */
bool behaviour_counts(const struct match *match);
/* Whether the target, where it goes on, may have made another packet of the one that came. */
bool behaviour_target_rewrites(const struct target *target);
int behaviour_find_places(struct behaviour *behaviour); /* after sealing; 0 or -ENOMEM */
/* Whether either side has rules of NAT. */
bool behaviour_has_nat(const struct behaviour *behaviour);
void places_fini(struct places *places);
/* The target as iptables-save prints it: "MARK --set-xmark 0x1/0xff"; in the arena. NULL: memory is short. */
char *behaviour_target_text(struct behaviour *behaviour, const struct rule *rule);
/* place + 1; 0: none. */
uint32_t behaviour_place(const struct behaviour *behaviour, const void *owner);
/* Whether a target that may end the walk goes on. NULL when it was not declared. */
const struct predicate *behaviour_target_predicate(const struct behaviour *behaviour,
						   const struct rule *rule);

#endif
