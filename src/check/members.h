/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The prefixes of a set with networks in one dimension, sorted. Nobody above this folder includes it. */
#ifndef WEIR_CHECK_MEMBERS_H
#define WEIR_CHECK_MEMBERS_H

#include "check/context.h"
#include "packet/address.h"

struct prefix_member {
	address low;
	address group;  /* what else it asks: an address, a number for the interface */
	uint32_t index; /* of the member */
	uint16_t port;
	uint8_t protocol, prefix;
	bool nomatch, timed;
};
/* They ask the same besides the network: only then one may lie inside the other. */
static inline bool prefix_comparable(const struct prefix_member *a, const struct prefix_member *b)
{
	return a->protocol == b->protocol && a->port == b->port && a->group == b->group;
}
static inline address prefix_high(const struct set *set, const struct prefix_member *member)
{
	return member->low | (family_max(set->family) & ~prefix_mask(set->family, member->prefix));
}

/* By what else they ask, then by first address, the wider before the narrower. *members is NULL for types
 * without networks or with two, and for sets of more than PREFIXES_MAX members or INTERFACES_MAX interfaces;
 * else freed by the caller. 0 or -ENOMEM. */
#define PREFIXES_MAX 4000000u /* 128 MB */
int members_sorted(const struct set *set, struct prefix_member **members, size_t *count);

#endif
