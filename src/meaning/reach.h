/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What of each rule is left to do by the rules before it: for all packets at once. */
#ifndef WEIR_MEANING_REACH_H
#define WEIR_MEANING_REACH_H

#include "ruleset/ruleset.h"

enum reach {
	REACH_SOME,        /* some packet comes to it and matches */
	REACH_UNCALLED,    /* no packet comes to its chain: nothing jumps there */
	REACH_CONTRADICTS, /* its own conditions exclude each other */
	REACH_TAKEN,       /* every packet that it matches was taken by rules before it (or never comes to its
			      chain) */
	REACH_UNDECIDED,   /* the budget was met */
};

/* How a rule stands to the rules of its chain before it, and to those behind it. */
struct rule_reach {
	enum reach reach;
	bool partly_taken; /* SOME: some of the packets that it matches were taken before */
	/* TAKEN, or partly taken: the rule of the chain before it that takes them all, or those that together
	 * do, in order, at most REACH_TAKERS of them; `more` when there are others. None where no packet
	 * comes to the chain. */
	size_t taker_count;
	const struct rule *const *takers;
	bool more;
	/* SOME: without it all packets would come to the same end (a RETURN at the end, an ACCEPT before an
	 * ACCEPT of the same packets): nothing but its counter would be missed. Never of tables with
	 * thousands of rules, which are not asked. */
	bool redundant;
};
#define REACH_TAKERS 4

struct reach_report {
	struct arena *arena;
	enum family family;
	const struct rule_reach *rules[TABLE_COUNT]; /* internal order: use reach_of() */
	const size_t *first[TABLE_COUNT];
};

/* 0, -ENOMEM. node_budget 0: default. */
int reach_compute(const struct ruleset *ruleset, enum family family, size_t node_budget,
		  struct reach_report **report);
void reach_free(struct reach_report *report);
const struct rule_reach *reach_of(const struct reach_report *report, const struct rule *rule);

#endif
