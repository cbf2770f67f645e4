/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The prefixes of a set of networks, sorted. Nobody above this folder includes it. */
#ifndef WEIR_CHECK_MEMBERS_H
#define WEIR_CHECK_MEMBERS_H

#include "check/context.h"
#include "packet/address.h"

struct prefix_member {
	address low;
	uint32_t index; /* of the member */
	uint16_t port;
	uint8_t protocol, prefix;
	bool nomatch, timed;
};
static inline address prefix_high(const struct set *set, const struct prefix_member *member)
{
	return member->low | (family_max(set->family) & ~prefix_mask(set->family, member->prefix));
}

/* By protocol and port, then by first address, the wider before the narrower. *members is NULL for types
 * without networks, and for sets of more than PREFIXES_MAX members; else freed by the caller. 0 or -ENOMEM.
 */
#define PREFIXES_MAX 4000000u /* 128 MB */
int members_sorted(const struct set *set, struct prefix_member **members, size_t *count);

#endif
