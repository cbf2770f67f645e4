/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the files reorder*.c share and nobody else sees. */
#ifndef WEIR_MEANING_REORDER_PRIVATE_H
#define WEIR_MEANING_REORDER_PRIVATE_H

#include "meaning/behaviour_private.h"
#include "meaning/box.h"
#include "meaning/reorder.h"

#define LETTERS_MAX 200000 /* of one side */

struct letter {
	diagram_node condition;
	uint32_t target;  /* the same number: the same target with the same options; of what keeps its place:
			     the rule's text */
	bool keeps_place; /* nothing changes places with it */
	bool sticky;      /* changes places with its like */
	bool ends;        /* what it matches goes no further in this chain */
	bool gone;        /* is not looked at any more */
	bool whole;       /* the rule, as it stands in this row */
	uint32_t step;
	const struct rule *rule;
	struct box box;
};

struct word {
	size_t count, capacity;
	struct letter *letters;
	size_t *sorted; /* by what they are; scratch */
};

struct reorder {
	struct behaviour *behaviour;
	struct diagram *diagram;
	const struct reorder_asks *asks;
	const struct reorder_row *rows;
	struct word words[SIDES_MAX];
	struct name_index *targets;
	uint32_t target_count;
	uint64_t work;
	size_t node_limit;
	bool raw, counts;
	diagram_node *nodes; /* what may be different */
	size_t node_count, node_capacity;
};

/* 0, -E2BIG, -ENOMEM. */
int word_add(struct word *word, const struct letter *letter);
/* Rules over sets of one side as letters for what the other side has rules for, and one for the rest of each.
 */
int reorder_take_sets_apart(struct reorder *reorder, size_t side);

#endif
