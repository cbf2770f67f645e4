/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Inside meaning/: whether both sides leave packets as they are as far as routing may go by it. The rules do
 * not say how packets are routed: where no verdict hangs on a mark, it may still send the packet elsewhere
 * (ip rule fwmark), through other chains or out of another device. */
#ifndef WEIR_MEANING_ROUTES_H
#define WEIR_MEANING_ROUTES_H

#include "meaning/behaviour.h"
#include "meaning/difference.h"

/* enum routing: what the target changes of it. */
unsigned routes_target(const struct target *target);
/* Which targets of the chains that are compared may change it, of either side: fills `tables`. */
void routes_find(const struct ruleset *const *sides, enum family family, unsigned tables[TABLE_COUNT]);
/* Compares one chain for packets of `touched`: sets chain->routing_answer and routing. `tables` as found. */
void routes_compare(struct behaviour *behaviour, const unsigned tables[TABLE_COUNT], diagram_node touched,
		    struct difference_chain *chain);

#endif
