/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Pairs of address and port: a hash table for each kind gives a point's leaf, and each run of predicates has
 * the classes of these leaves. Leaf 0 is every point that is in no predicate. */
#include "plane/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct plane_pair_entry make_entry(enum family family, const struct predicate_point *point,
					  uint32_t leaf)
{
	struct plane_pair_entry entry = {.point = (uint32_t)point->protocol << 16 | point->port,
					 .leaf = leaf};
	entry.address[0] =
	    family == FAMILY_IPV4 ? (uint64_t)point->address : (uint64_t)(point->address >> 64);
	entry.address[1] = family == FAMILY_IPV4 ? 0 : (uint64_t)point->address;
	return entry;
}

/* Whether every point found room within the probes that a look-up makes. */
static bool fill_table(const struct build *build, const struct space *space, const uint32_t *leaf_of,
		       struct plane_pair_entry *entries, uint32_t mask)
{
	for (size_t i = 1; i < space->segment_count; i++) {
		struct plane_pair_entry entry = make_entry(build->family, space->points[i], leaf_of[i]);
		uint32_t at = plane_pair_hash(entry.address[0], entry.address[1], entry.point), probe = 0;
		while (probe < PLANE_PROBES && entries[(at + probe) & mask].leaf)
			probe++;
		if (probe == PLANE_PROBES)
			return false;
		entries[(at + probe) & mask] = entry;
	}
	return true;
}

static int lay_table(struct build *build, const struct space *space, const uint32_t *leaf_of,
		     struct plane_pair_table *table)
{
	size_t size = 16;
	while (size < space->segment_count * 2)
		size *= 2;
	for (int attempt = 0; attempt < 5; attempt++, size *= 2) {
		struct plane_pair_entry *entries = calloc(size, sizeof(*entries));
		if (!entries)
			return -ENOMEM;
		if (!fill_table(build, space, leaf_of, entries, (uint32_t)(size - 1))) {
			free(entries);
			continue;
		}
		int result = blob_reserve(build->blob, size * sizeof(*entries), 64, &table->entries);
		if (result == 0)
			memcpy(blob_at(build->blob, table->entries), entries, size * sizeof(*entries));
		table->mask = (uint32_t)(size - 1);
		free(entries);
		return result;
	}
	return -E2BIG;
}

int pairs_build(struct build *build, struct space *space, struct plane_pair_table *table)
{
	int result = space_cut_points(space);
	if (result)
		return result;
	struct hash_map leaf_map = {0};
	uint32_t *leaf_of = calloc(space->segment_count + 1, sizeof(*leaf_of));
	uint32_t *which = calloc(space->segment_count + 1, sizeof(*which));
	if (!leaf_of || !which)
		result = -ENOMEM;
	for (size_t i = 0; i < space->segment_count && result == 0; i++) {
		const struct segment *segment = &space->segments[i];
		result = hash_map_add(&leaf_map, hash_pair(0, segment->truth) + segment->credit,
				      space->leaf_count, &leaf_of[i]);
		if (result == 0 && leaf_of[i] == space->leaf_count)
			which[space->leaf_count++] = (uint32_t)i;
	}
	if (result == 0)
		result = space_credit_leaves(space, true, which);
	if (result == 0)
		result = lay_table(build, space, leaf_of, table);
	/* From here on segments are leaves: pairs_run() needs one of each. */
	for (uint32_t i = 0; i < space->leaf_count && result == 0; i++)
		space->segments[i] = space->segments[which[i]];
	hash_map_fini(&leaf_map);
	free(leaf_of);
	free(which);
	return result;
}

int pairs_run(struct build *build, struct dimension *dimension, struct plane_run *run)
{
	const struct space *space = dimension->space;
	int result = dimension_cells(build, dimension);
	run->kind = dimension->kind;
	if (result == 0)
		result = blob_reserve(build->blob, (size_t)space->leaf_count * 2, 64, &run->classes);
	for (uint32_t leaf = 0; leaf < space->leaf_count && result == 0; leaf++) {
		uint32_t class;
		result = dimension_class(dimension, space->segments[leaf].truth, 0, &class);
		if (result == 0 && class > UINT16_MAX)
			result = -E2BIG;
		if (result == 0)
			((uint16_t *)blob_at(build->blob, run->classes))[leaf] = (uint16_t) class;
	}
	return result ? result : dimension_rows(build, dimension);
}
