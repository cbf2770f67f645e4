/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The packets that a rule may match, at most: a conjunction of what its header and its ports ask. What a box
 * cannot say (inversions, other matches) it leaves out, so it is never too small. */
#ifndef WEIR_MEANING_BOX_H
#define WEIR_MEANING_BOX_H

#include "packet/address.h"
#include "ruleset/ruleset.h"

struct box {
	address source, source_mask, destination, destination_mask;
	/* What is asked for inverted: no address of these. mask 0: nothing is. */
	address not_source, not_source_mask, not_destination, not_destination_mask;
	uint16_t source_low, source_high, destination_low, destination_high; /* ports; all: not asked */
	uint8_t protocol;                                                    /* 0: any */
	const struct interface_match *in, *out;                              /* NULL: any */
};

struct box box_of(const struct rule *rule);
struct box box_all(void);
/* What is in the other one, too, is still in it; where the two are disjoint it may be anything. */
void box_narrow(struct box *box, const struct box *other);
bool boxes_equal(const struct box *a, const struct box *b);
/* No packet is in both. */
bool boxes_disjoint(const struct box *a, const struct box *b);
/* Whatever is in the inner one is in the outer one, too, as far as boxes say it. */
bool box_within(const struct box *inner, const struct box *outer);
/* Makes *box hold the other one, too. */
void box_widen(struct box *box, const struct box *other);

#endif
