/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the engine says of a packet on its whole way. */
#ifndef WEIR_TEST_MUTANTS_WAY_H
#define WEIR_TEST_MUTANTS_WAY_H

#include "judge.h"

/* The engines of both sides, by path. */
struct ways {
	struct engine *engines[2][2];
};

void ways_init(struct ways *ways, struct ruleset *const *rulesets);
void ways_fini(struct ways *ways);
/* Whether the engine is sure that the packet comes to another end; why, when not NULL, is told. */
bool ways_differ(const struct ways *ways, const struct packet *packet, enum journey journey,
		 struct buffer *why);
/* Whether the engine is sure that the region's packet comes to another end on that side than is said of it,
 * and whether it comes to that end for sure. */
bool ways_contradict(const struct ways *ways, int side, const struct difference_journey *journey,
		     const struct difference_region *region, bool *confirmed);

#endif
