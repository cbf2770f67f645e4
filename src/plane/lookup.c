/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The look-up in user space: lookup.h, as XDP runs it. */
#include "plane/lookup.h"
#include "plane/plane.h"

static inline struct plane_start begin(const uint8_t *blob, uint64_t mask, const struct plane_family *family,
				       const struct packet_key *key, int version)
{
	uint64_t found = plane_source_find(blob, mask, family, key->source, version);
	if (!found && family->others_pass)
		return (struct plane_start){PLANE_PASS, PLANE_NO_LEAF, PLANE_NO_LEAF};
	return plane_walk_begin(blob, mask, family, key, found, version);
}

void plane_look_up(const struct plane *plane, const struct packet_key *key, struct plane_answer *answer)
{
	const struct plane_header *header = (const struct plane_header *)plane->blob;
	uint32_t index = key->family == 4 ? FAMILY_IPV4 : FAMILY_IPV6;
	*answer = (struct plane_answer){0};
	if (header->present[index] != key->family)
		return;
	const struct plane_family *family = &header->families[index];
	uint64_t mask = plane->size - 1;
	struct plane_start start = key->family == 4 ? begin(plane->blob, mask, family, key, 4)
						    : begin(plane->blob, mask, family, key, 6);
	struct plane_leaves leaves;
	uint32_t entry = start.entry;
	plane_leaves_begin(&leaves, &start);
	entry = plane_walk_rest(plane->blob, mask, family, key, &leaves, entry);
	answer->drop = (entry & PLANE_DROP) != 0;
	if (!answer->drop) {
		answer->limit = plane_limit_of(plane->blob, mask, family, entry);
		if (!answer->limit)
			return;
		plane_limit_source(answer->limit, key, &answer->source);
		entry = answer->limit->drop;
	}
	uint32_t count = plane_hit_count(entry), slots[PLANE_HITS_MAX] = {0};
	if (count == PLANE_HITS_DIRECT) {
		slots[0] = plane_direct_source(family, entry, leaves.source);
		slots[1] = plane_direct_pair(family, entry, leaves.pair[PLANE_PAIR_FAST]);
	}
	for (uint32_t i = 0; i < count && i < PLANE_HITS_MAX && count != PLANE_HITS_DIRECT; i++)
		slots[i] = plane_hit_slot(plane->blob, mask, family, &leaves, entry, i);
	for (uint32_t i = 0; i < PLANE_HITS_MAX; i++)
		if (slots[i])
			answer->hits[answer->hit_count++] = slots[i];
}
