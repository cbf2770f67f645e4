/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Two rulesets, what diff says of them, and what the engine says of packets. */
#ifndef WEIR_TEST_MUTANTS_JUDGE_H
#define WEIR_TEST_MUTANTS_JUDGE_H

#include "engine/engine.h"
#include "meaning/difference.h"
#include "packets.h"

enum failure {
	FAILURE_NONE,
	FAILURE_COMPUTE,     /* it did not come to an answer at all */
	FAILURE_UNSOUND,     /* "equal", and a packet is treated otherwise */
	FAILURE_WITNESS,     /* a region's packet that the engine does not confirm */
	FAILURE_WORDS,       /* nothing is said of a region */
	FAILURE_NOT_THE_SAME /* a rewrite that means the same differs */
};

struct judgement {
	enum failure failure;
	enum difference_answer answer, fate;
	bool engine_differs; /* some packet did */
	bool ways_differ;    /* some packet came to another end on its whole way */
	uint64_t packets, regions, confirmed, with_unknowns;
	uint64_t unsure; /* regions without unknowns of which the engine does not know */
	/* Of a failure. */
	struct buffer why;
	bool has_packet;
	struct packet packet; /* its bytes are in frame */
	struct frame frame;
};

struct question {
	const struct side *sides[2];
	const struct pool *pool;
	bool effects, same; /* same: they mean the same */
	size_t node_budget;
	bool short_budget; /* it may do for the answer, and not for packets of all regions */
	unsigned packets;
	uint64_t seed; /* of the packets */
	/* In place of random ones: one of which it is known that it matters. */
	const struct packet *packet;
};

/* false: one of them is not a ruleset. */
bool judge(const struct question *question, struct judgement *judgement);
void judgement_fini(struct judgement *judgement);
/* Prints the failure with the rulesets as small as they become without losing it. */
void judge_print_smallest(const struct question *question, const struct judgement *judgement);

#endif
