/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether a packet's fields are in a set, asked as the kernel asks: for the engine. What a set means as a
 * diagram is computed elsewhere, from the members themselves, so that each can be held against the other. */
#ifndef WEIR_EXTENSION_SET_LOOKUP_H
#define WEIR_EXTENSION_SET_LOOKUP_H

#include "ruleset/extension_type.h"

struct set_lookup;

/* The set's index, in the arena; NULL when memory is short. Not for lists. */
struct set_lookup *set_lookup_new(struct arena *arena, const struct set *set);

/* What stands in the set's dimensions; what its type does not ask for is not looked at. */
struct set_query {
	address first, second; /* first and second address */
	uint8_t protocol;
	uint16_t port;
	uint8_t mac[6];
	uint32_t mark;
	const char *interface;
};

/* UNKNOWN when it depends on a member that may have timed out, or on what the packets before have filled in.
 * return_nomatch: as --return-nomatch, true of what a member with nomatch decides. */
enum truth set_lookup_test(const struct set_lookup *lookup, const struct set_query *query,
			   bool return_nomatch);

#endif
