/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Inside meaning/: sets of packets in words, and packets of them. */
#ifndef WEIR_MEANING_WORDS_H
#define WEIR_MEANING_WORDS_H

#include "meaning/behaviour.h"
#include "meaning/difference.h"

struct words_request {
	enum table_id table;
	enum hook hook;
	struct behaviour *behaviour;
	diagram_node before, after; /* ends */
	diagram_node touched;       /* packets that are asked about */
	diagram_node domain;        /* what packets are like */
	diagram_node different;     /* of these, those with two fates */
	size_t limit;
	struct arena *arena; /* of what is described */
};

/* Fills in the chain's regions. 0 or -ENOMEM. */
int words_describe(const struct words_request *request, struct difference_chain *chain);

#endif
