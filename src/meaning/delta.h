/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Inside meaning/: where two rulesets of one family can differ at all. Most changes are few: a packet that no
 * changed rule touches meets the same rules in the same order on both sides, and need not be asked about. */
#ifndef WEIR_MEANING_DELTA_H
#define WEIR_MEANING_DELTA_H

#include "meaning/behaviour.h"

struct delta;

/* 0 or -ENOMEM. `behaviour` is of these two sides, and stays. */
int delta_new(struct behaviour *behaviour, const struct ruleset *const *sides, enum family family,
	      struct delta **delta);
void delta_free(struct delta *delta);
/* Packets that may be treated otherwise by that built-in chain and those it calls. DIAGRAM_TRUE where more
 * was changed than is worth telling apart; DIAGRAM_UNDECIDED past the budget or when memory is short. */
diagram_node delta_domain(struct delta *delta, enum table_id table, enum hook hook);
/* The same of two chains by themselves, whatever those do that they call. */
diagram_node delta_chain(struct delta *delta, const struct chain *before, const struct chain *after);

/* Rules of two chains (NULL: not there) that have a partner of the same text on the other side, in the same
 * order: by number - 1. To be freed. 0 or -ENOMEM. */
int delta_partners(const struct chain *before, const struct chain *after, bool *has_partner[SIDES_MAX]);

#endif
