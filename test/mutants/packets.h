/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Packets near the values of given rules, so that they hit. */
#ifndef WEIR_TEST_MUTANTS_PACKETS_H
#define WEIR_TEST_MUTANTS_PACKETS_H

#include "lines.h"

#include "parity/frames.h"

/* The lines to draw from: `focus` those that differ. */
struct aim {
	const struct side *sides[2];
	size_t focus_count;
	const char *focus[64];
	const struct pool *pool;
};

void aim_take(struct aim *aim, const struct side *before, const struct side *after, const struct pool *pool);
/* The packet's bytes are the frame's. false: it is none that reaches the rules. */
bool packet_draw(const struct aim *aim, struct random *random, struct frame *frame, struct packet *packet);

#endif
