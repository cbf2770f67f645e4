/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether an address, or an address and a port, is in a set, asked as the kernel asks: for the engine. What a
 * set means as a diagram is computed elsewhere, from the members themselves, so that each can be held against
 * the other. */
#ifndef WEIR_EXTENSION_SET_LOOKUP_H
#define WEIR_EXTENSION_SET_LOOKUP_H

#include "ruleset/extension_type.h"

struct set_lookup;

/* The set's index, in the arena; NULL when memory is short. Of sets that are modelled only. */
struct set_lookup *set_lookup_new(struct arena *arena, const struct set *set);

/* UNKNOWN when it depends on a member that may have timed out. return_nomatch: as --return-nomatch, true of
 * what a member with nomatch decides. protocol and port count for hash:ip,port. */
enum truth set_lookup_test(const struct set_lookup *lookup, address value, uint8_t protocol, uint16_t port,
			   bool return_nomatch);

#endif
