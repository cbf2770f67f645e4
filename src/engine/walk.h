/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A packet under way through the tables. Nobody above this folder includes it. */
#ifndef WEIR_ENGINE_WALK_H
#define WEIR_ENGINE_WALK_H

#include "engine/conntrack.h"
#include "engine/engine.h"

/* What the rules of nat asked for, at one hook. */
struct nat_request {
	bool perhaps; /* some rule may have asked: what for is not known */
	bool sure;    /* range is what was asked for */
	struct nat_range range;
};

struct walker {
	const struct ruleset *ruleset;
	struct packet packet; /* as known at this point: NAT takes away */
	address source, destination;
	enum hook hook;
	bool made_here;               /* by this host: no input device */
	const struct packet *leaving; /* as it was captured on its way out; NULL: on arrival */
	bool walks_nat;               /* its rules are walked, for NAT that is applied */
	bool behind_conntrack;
	/* skb->_nfct is set once, later targets do nothing: by NOTRACK, or by something else (a CT that gives
	 * a template, a target that is not modelled, the packet's way before it came in). */
	enum truth untracked, set_otherwise;
	bool follows; /* tracked is what conntrack says; else packet.state */
	struct tracked tracked;
	struct session *session;
	struct evaluation evaluation;
	bool evaluation_fresh;
	uint32_t steps;
	bool over_limit;
	unsigned verdicts; /* of the table being walked */
	unsigned effects;
	const struct rule *effect_rules[EFFECT_COUNT];
	struct nat_request nat;
	/* What decided in this table, how often something may have. */
	unsigned deciders;
	const struct rule *rule;
	const struct chain *chain;
	const struct rule *unsure;
	engine_trace trace;
	void *context;
};

void walker_init(struct walker *walker, const struct ruleset *ruleset, const struct packet *packet,
		 engine_trace trace, void *context);
/* The packet's addresses changed. */
void walker_readdress(struct walker *walker);
/* Makes evaluation what is known of the connection at this point. */
void walker_refresh(struct walker *walker);
/* One table at the walker's hook. Adds to the outcome; *certain: whether the packet is here for sure, and
 * then whether it is behind for sure. false when no packet comes out of it. */
bool walk_table(struct walker *walker, enum table_id id, bool *certain, struct outcome *outcome);
/* Whether that table has a rule at that hook. */
bool walk_has_rules(const struct ruleset *ruleset, enum family family, enum table_id id, enum hook hook);

/* nat's chain at the walker's hook, and what becomes of the packet there. As walk_table(). */
bool walk_nat(struct walker *walker, struct conntrack *conntrack, bool *certain, struct outcome *outcome);

#endif
