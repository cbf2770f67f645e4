/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Inside meaning/: what the built-in chains of one or two rulesets of one family do with every packet, over
 * the same unknowns.
 *
 * The behaviour of a chain is a diagram whose terminals are *ends*: how the packet leaves the chain, and what
 * was done on the way that is looked at (a *trace*: an ordered list of events). Where two rulesets have the
 * same node, they do the same to the same packets.
 *
 * What is not modelled is a variable: one of its own for each text where its answer hangs on the packet
 * alone, so two rulesets may share it. A match with a memory (limit, recent, statistic nth ...), or on
 * something that rules of its table change (marks), has one for each place; places of two rulesets are taken
 * for the same where the match and, as far as possible, the rule and chain are the same. That is right as
 * long as both are asked for the same packets in the same order: being asked is an event, which is looked at
 * where something hangs on the answer. */
#ifndef WEIR_MEANING_BEHAVIOUR_H
#define WEIR_MEANING_BEHAVIOUR_H

#include "extension/fields.h"
#include "ruleset/extension_type.h"
#include "ruleset/ruleset.h"

#define SIDES_MAX 2

enum end_kind {
	END_CONTINUE, /* at the end of a user chain, or goes on behind a rule */
	END_RETURN,
	END_ACCEPT,
	END_DROP,
	END_OTHER, /* told by its text: REJECT, NAT, a queue, what is not modelled */
};

/* Events that may be looked at. */
enum looked_at {
	LOOK_TRACKING = 1 << 0, /* NOTRACK, CT: what conntrack takes the packet for */
	LOOK_CHANGES = 1 << 1,  /* marks, TTL, sets, ... */
	LOOK_TELLS = 1 << 2,    /* LOG, TEE, ...: nothing in the rules hangs on it */
};

/* What routing may go by: rules of routing by mark and TOS, the destination; without time to live a packet is
 * not sent on. */
enum routing {
	ROUTING_MARK = 1 << 0,
	ROUTING_TOS = 1 << 1,
	ROUTING_TTL = 1 << 2,
	ROUTING_CONNMARK = 1 << 3, /* what a later packet's mark may be restored from */
	ROUTING_ADDRESS = 1 << 4,
};

struct end {
	enum end_kind kind;
	uint32_t text;  /* END_OTHER: the event with its text */
	uint32_t trace; /* index into traces; 0: nothing */
};

struct event {
	enum looked_at look;
	const char *text;
	bool tracks;
	bool rewrites; /* may have made another packet of it */
	bool marks;    /* mark = (mark & ~mask) ^ value */
	uint32_t value, mask;
	bool asks; /* a match was asked: text is NULL, place */
	uint32_t place;
	bool fades;       /* done to the packet alone: nobody can tell when it is dropped */
	bool where;       /* of journeys: value is the stage that ends it */
	unsigned routing; /* enum routing: what of that it changes */
};

struct trace {
	uint32_t before; /* what came before the event */
	uint32_t event;
	bool tracked; /* has an event that tracks */
	bool rewritten;
};

struct behaviour;

struct behaviour_options {
	size_t node_budget;
	double deadline; /* clock_seconds() at which the budget is met whatever is left of it; 0: never */
	bool effects;    /* look at everything */
	size_t spares;   /* unknowns for journeys: behaviour_spare() */
	bool folded;     /* of packets it is asked whether there are any: fields_fold_pairs() */
};

/* Declares all of the rulesets' rules. 0, -ENOMEM, -E2BIG. The rulesets must stay. */
int behaviour_new(enum family family, const struct ruleset *const *sides, size_t count,
		  const struct behaviour_options *options, struct behaviour **behaviour);
void behaviour_free(struct behaviour *behaviour);
const struct fields *behaviour_fields(const struct behaviour *behaviour);

/* One built-in chain; its terminals are numbers of ends (END_ACCEPT, END_DROP or END_OTHER). `domain`:
 * packets that are asked about; elsewhere the answer means nothing. A table or chain that is not there
 * accepts. */
diagram_node behaviour_chain(struct behaviour *behaviour, size_t side, enum table_id table, enum hook hook,
			     diagram_node domain);
/* For each chain of the table, by its order, an array of what each of its rules does by itself: ends,
 * END_CONTINUE where the walk goes on behind it. 0, -ENOMEM. In the behaviour's arena. */
int behaviour_rules(struct behaviour *behaviour, size_t side, enum table_id table,
		    const diagram_node *const **rules);
/* f, and where it goes on, g. */
diagram_node behaviour_sequence(struct behaviour *behaviour, diagram_node f, diagram_node g);
/* Where the ends are not the same. */
diagram_node behaviour_difference(struct behaviour *behaviour, diagram_node f, diagram_node g);
/* f with that kind in place of END_RETURN: of a built-in chain its policy. */
diagram_node behaviour_return_to(struct behaviour *behaviour, diagram_node f, enum end_kind kind);
/* One end of that kind, without events. */
diagram_node behaviour_end_node(struct behaviour *behaviour, enum end_kind kind);
/* Which events are looked at from now on; `places`: of matches that are asked (NULL: none). */
void behaviour_look(struct behaviour *behaviour, unsigned look, const bool *places);
/* Every event, and every match that is asked. */
void behaviour_look_at_all(struct behaviour *behaviour);
/* enum looked_at: what verdicts may hang on, in any of the rulesets. */
unsigned behaviour_needs(const struct behaviour *behaviour);
/* For each variable the place that it stands for + 1, or 0; and how many places there are. */
const uint32_t *behaviour_places(const struct behaviour *behaviour, size_t *count);

/* Adds the variables that f hangs on. false: memory is short. */
bool behaviour_support(const struct behaviour *behaviour, diagram_node f, bool *support);
/* Adds the places on whose answers f hangs. 0 or -ENOMEM. */
int behaviour_hanging(const struct behaviour *behaviour, diagram_node f, bool *asked);
/* Packets that no changed rule touches do the same on both sides, as long as what they ask remembers the
 * same: adds what hangs on the answers that they get in that chain from matches which the touched ones may
 * ask, too (`reached`). Looks at these events. 0 or -ENOMEM. */
int behaviour_hanging_others(struct behaviour *behaviour, enum table_id table, enum hook hook,
			     unsigned events, const bool *reached, bool *asked);

/* Of the packets of `domain` that come to the chain those that may ask one of the wanted places (NULL: any);
 * what they may ask is marked in `asked` (may be NULL). */
diagram_node behaviour_askers(struct behaviour *behaviour, size_t side, enum table_id table, enum hook hook,
			      diagram_node domain, const bool *wanted, bool *asked);
/* Whether some match of the table shares what it remembers with one of another table. */
bool behaviour_shares_memory(const struct behaviour *behaviour, enum table_id table);
/* Adds the places that share their memory with one of these. */
void behaviour_share_memory(const struct behaviour *behaviour, bool *asked);

/* Whether the target looks into a set that is another on the second side. */
bool behaviour_target_other(struct behaviour *behaviour, const struct target *target);
/* What one rule asks of a packet: all of it, and up to where it begins to have effects that are events. */
diagram_node behaviour_condition(struct behaviour *behaviour, size_t side, const struct rule *rule);
diagram_node behaviour_touch(struct behaviour *behaviour, size_t side, const struct rule *rule);
/* Whether a target of the table may go on with another packet than came to it. */
bool behaviour_rewrites(const struct behaviour *behaviour, enum table_id table);
/* f wherever the state may be another by the time that a rule is reached: of raw. */
diagram_node behaviour_any_state(const struct behaviour *behaviour, enum table_id table, diagram_node f);
/* Whether no match of the rule is asked about what it remembers, nor changes anything. */
bool behaviour_is_plain(const struct behaviour *behaviour, const struct rule *rule);
/* Combinations of fields that packets at that hook have. */
diagram_node behaviour_domain(const struct behaviour *behaviour, enum hook hook);

/* "ACCEPT", and what happened before: "NOTRACK, MARK 0x1", or nothing. */
void behaviour_print_end(const struct behaviour *behaviour, uint32_t number, struct buffer *out);
void behaviour_print_events(const struct behaviour *behaviour, uint32_t number, struct buffer *out);

#endif
