/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir in front of the rules of the testbed, by the steps that `weir attach` takes. */
#ifndef WEIR_TEST_PARITY_WEIR_FRONT_H
#define WEIR_TEST_PARITY_WEIR_FRONT_H

#include "kernel/attach.h"
#include "plane/xdp.h"
#include "tally.h"

struct weir_front {
	struct arena *arena;
	struct host host;
	struct region *regions[FAMILY_COUNT];
	enum family family;
	struct plane *plane;
	struct plane_xdp *xdp;
	bool attached;
};

/* Computes, builds, proves, rehearses and attaches. 0 or -errno with the reason in words; weir_front_detach()
 * in any case. */
int weir_front_attach(struct weir_front *front, const struct ruleset *ruleset, enum family family,
		      bool generic, struct buffer *why);
void weir_front_detach(struct weir_front *front);
/* Reads the counters back as `weir counters` does, from what is attached, and adds them. */
int weir_front_count(const struct weir_front *front, struct rule_tally *tally, uint64_t *dropped,
		     struct buffer *why);
/* Both together against the kernel alone. Rules that weir names as not counted may only lack packets. */
bool weir_front_difference(const struct weir_front *front, const struct rule_tally *alone,
			   struct rule_tally *both, bool policies, struct buffer *why);

#endif
