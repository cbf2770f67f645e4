/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Pairs of address and port: a hash table for each kind gives a point's leaf, and each run of predicates has
 * the classes of these leaves. Leaf 0 is every point that is in no predicate. */
#include "plane/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int lay_table(struct build *build, const struct space *space, const uint32_t *leaf_of,
		     struct plane_exact *table)
{
	size_t count = space->segment_count - 1; /* segment 0: no point of any */
	struct exact_key *keys = calloc(count + 1, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct predicate_point *point = space->points[i + 1];
		keys[i] = (struct exact_key){.address = point->address,
					     .point = (uint32_t)point->protocol << 16 | point->port,
					     .value = leaf_of[i + 1]};
	}
	int result = exact_build(build, keys, count, table);
	free(keys);
	return result;
}

int pairs_build(struct build *build, struct space *space, struct plane_exact *table)
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
