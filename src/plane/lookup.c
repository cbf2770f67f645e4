/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The look-up in user space: lookup.h, as XDP runs it. */
#include "plane/lookup.h"
#include "plane/plane.h"

void plane_look_up(const struct plane *plane, const struct packet_key *key, struct plane_answer *answer)
{
	const struct plane_header *header = (const struct plane_header *)plane->blob;
	uint32_t index = key->family == 4 ? FAMILY_IPV4 : FAMILY_IPV6;
	*answer = (struct plane_answer){0};
	if (header->present[index] != key->family)
		return;
	const struct plane_family *family = &header->families[index];
	struct plane_leaves leaves;
	uint64_t mask = plane->size - 1;
	uint32_t entry = key->family == 4 ? plane_walk_begin(plane->blob, mask, family, key, &leaves, 4)
					  : plane_walk_begin(plane->blob, mask, family, key, &leaves, 6);
	entry = plane_walk_rest(plane->blob, mask, family, key, &leaves, entry);
	if (!(entry & PLANE_DROP))
		return;
	answer->drop = 1;
	uint32_t count = (entry >> PLANE_HIT_SHIFT) & PLANE_HIT_MASK;
	for (uint32_t i = 0; i < count && i < PLANE_HITS_MAX; i++) {
		uint32_t slot = plane_hit_slot(plane->blob, mask, family, &leaves, entry, i);
		if (slot)
			answer->hits[answer->hit_count++] = slot;
	}
}
