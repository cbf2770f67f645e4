/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the proof asks of limits: the record that an entry leads to is the region's limit, word for word, and
 * what is above it ends in a drop. What counts that drop is prove_credit.c's. */
#include "plane/prove.h"

#include <string.h>

static struct plane_limit read_limit(const struct proof *proof, uint32_t entry)
{
	const struct plane_limit *limit = plane_limit_of(proof->blob, proof->mask, proof->tables, entry);
	return limit ? *limit : (struct plane_limit){0};
}

/* Bits `begin` to `begin` + 63 of an address, those in front of `prefix` set. */
static uint64_t leading_bits(uint32_t begin, uint32_t prefix, uint32_t width)
{
	uint64_t bits = 0;
	for (uint32_t i = 0; i < width; i++)
		bits = bits << 1 | (begin + i < prefix);
	return bits;
}

int proof_limit(struct proof *proof, uint32_t entry, uint32_t number)
{
	if (number > proof->region->limit_count)
		return proof_differs(proof, "the region has an unknown limit");
	const struct region_limit *limit = &proof->region->limits[number - 1];
	if ((entry & ~PLANE_BASE_MASK) != PLANE_LIMIT ||
	    (entry & PLANE_BASE_MASK) >= proof->tables->limit_count)
		return proof_differs(proof, "an end of a limit is malformed");
	if (proof->tables->limits % sizeof(struct plane_limit) || proof->tables->limits >= proof->plane->size)
		return proof_differs(proof, "limits are not aligned");
	bool four = proof->family == FAMILY_IPV4;
	struct plane_limit wanted = {
	    .cost = limit->cost,
	    .mask = {leading_bits(0, limit->prefix, four ? 32 : 64),
		     four ? 0 : leading_bits(64, limit->prefix, 64)},
	    .bucket = limit->bucket * 2 + (four ? 0 : 1),
	};
	struct plane_limit found = read_limit(proof, entry);
	wanted.drop = found.drop;
	if (__builtin_mul_overflow(limit->burst - 1, limit->cost, &wanted.tolerance) || limit->cost == 0 ||
	    limit->burst == 0)
		return proof_differs(proof, "a limit cannot be counted");
	if (memcmp(&wanted, &found, sizeof(found)) != 0)
		return proof_differs(proof, "a limit is not that of the region");
	if ((found.drop & (PLANE_END | PLANE_DROP)) != (PLANE_END | PLANE_DROP))
		return proof_differs(proof, "what is above a limit is not dropped");
	proof->limit_used++;
	return 0;
}

uint32_t proof_limit_drop(const struct proof *proof, uint32_t entry)
{
	return read_limit(proof, entry).drop;
}
