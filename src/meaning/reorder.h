/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Inside meaning/: two rows of rules that are the same but for the order of rules which may change places,
 * for lists that have become sets, and for rules that nothing comes to. */
#ifndef WEIR_MEANING_REORDER_H
#define WEIR_MEANING_REORDER_H

#include "meaning/behaviour.h"

/* Rules in a row of one chain. */
struct reorder_row {
	const struct table *table; /* of that side */
	const struct rule *rules;
	size_t count;
};

/* What is asked of who knows more of the two sides. */
struct reorder_asks {
	void *context;
	/* The same text, the same number; 0: memory is short. */
	uint32_t (*text)(void *context, const struct rule *rule);
	/* What packets come to that rule and may meet something. */
	diagram_node (*touch)(void *context, size_t side, const struct rule *rule);
	/* Packets with which two rules of one text may do something else. */
	diagram_node (*pair)(void *context, const struct rule *before, const struct rule *after);
};

/* Adds to *nodes conditions of packets, all others of which meet the same in both rows, or what comes to the
 * same for each of them. 0 with the array, to be freed; -E2BIG where too much would have to be
 * looked at, -ENOMEM. */
int reorder_find(struct behaviour *behaviour, const struct reorder_row rows[SIDES_MAX],
		 const struct reorder_asks *asks, diagram_node **nodes, size_t *count);

#endif
