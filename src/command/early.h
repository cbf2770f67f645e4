/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether one packet is in the early-drop region, and if not why not: for weir explain. */
#ifndef WEIR_COMMAND_EARLY_H
#define WEIR_COMMAND_EARLY_H

#include "meaning/region.h"
#include "packet/packet.h"

enum early { EARLY_NO, EARLY_YES, EARLY_DEPENDS, EARLY_UNDECIDED };

/* The region's answer. EARLY_DEPENDS: it hangs on fields that the packet leaves open. `reason` gets, for all
 * but EARLY_YES, why not, in words. 0 or -errno. */
int early_judge(const struct ruleset *ruleset, const struct packet *packet,
		const struct region_options *options, enum early *answer, struct buffer *reason);

#endif
