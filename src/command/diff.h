/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the files of weir diff share. */
#ifndef WEIR_COMMAND_DIFF_H
#define WEIR_COMMAND_DIFF_H

#include "engine/engine.h"
#include "meaning/difference.h"

struct side {
	bool live;
	char *list; /* as given */
};

struct diff {
	size_t side_count;
	struct side sides[2];
	struct difference_options options;
	bool json;
	struct ruleset *rulesets[2];
	struct difference *difference;
};

/* What the engine says of a region's packet. */
enum confirmation {
	CONFIRMED,
	UNCONFIRMED, /* hangs on what is not known of a packet alone */
	CONTRADICTED,
};

struct seen {
	enum confirmation confirmation;
	struct outcome outcome;
};

/* Where a region is: in a chain, or else on a journey. */
struct whereabouts {
	const struct difference_chain *chain;
	const struct difference_journey *journey;
};

struct seen diff_ask(const struct diff *diff, size_t side, struct whereabouts where,
		     const struct difference_region *region);
bool diff_is_contradicted(const struct diff *diff);
/* Of what is printed: the ways of packets, or with --hooks the chains. */
enum difference_answer diff_answer(const struct diff *diff);

void diff_print_text(const struct diff *diff);
int diff_print_json(const struct diff *diff);

#endif
