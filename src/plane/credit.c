/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Counters. A terminal counts units: plain ones, and ones with a predicate, of which an element is credited.
 * The latter are grouped by what their leaves are numbered in; a GROUP is one list of units that are counted
 * together, and has a slot for each leaf in which all of its predicates hold. Terminals with the same group
 * share its slots.
 *
 * Plain units of a terminal are a group of their own, with one slot, unless the terminal has another group
 * that no other terminal wants, or that is small: then they go into that, and the packet bumps one counter
 * less. */
#include "plane/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MERGE_LEAVES 256u /* a group up to this size may be repeated for the sake of its plain units */

struct group {
	uint32_t space;
	const uint32_t *units; /* those with a predicate in this space, then plain ones */
	uint32_t counted_count, plain_count;
	uint32_t first, count, slot;
	uint32_t wanted;    /* by how many terminals */
	uint32_t hit_count; /* 0: not used after all */
};

struct crediting {
	struct build *build;
	struct arena *arena;
	struct hash_map group_of;
	struct group *groups;
	size_t group_count, group_capacity;
	/* By space and predicate: the leaves in which it holds, ascending. */
	uint32_t **leaves[PLANE_SPACE_COUNT];
	uint32_t *leaf_counts[PLANE_SPACE_COUNT];
	struct plane_hit *hits;
	size_t hit_count, hit_capacity;
};

static uint32_t unit_space(const struct build *build, uint32_t unit, uint32_t *index)
{
	const struct predicate *predicate = build->region->units[unit].predicate;
	if (!predicate || predicate->kind == PREDICATE_OPAQUE)
		return PLANE_SPACE_NONE;
	*index = build->predicate_of[predicate->variable];
	if (*index == BUILD_NONE)
		return PLANE_SPACE_NONE;
	if (predicate->kind == PREDICATE_SOURCE)
		return PLANE_SPACE_SOURCE;
	if (predicate->kind == PREDICATE_DESTINATION)
		return PLANE_SPACE_DESTINATION;
	return PLANE_SPACE_PAIRS + (predicate->pair_source_address ? 0 : PLANE_PAIR_DESTINATION_ADDRESS) +
	       (predicate->pair_source_port ? 0 : PLANE_PAIR_DESTINATION_PORT);
}

/* Turns each space's credits around: by predicate, the leaves. */
static int invert_leaves(struct crediting *crediting)
{
	for (uint32_t i = 0; i < PLANE_SPACE_COUNT; i++) {
		const struct space *space = &crediting->build->spaces[i];
		uint32_t **leaves =
		    arena_array(crediting->arena, space->predicate_count + 1, sizeof(uint32_t *));
		uint32_t *counts = arena_array(crediting->arena, space->predicate_count + 1, sizeof(*counts));
		if (!leaves || !counts)
			return -ENOMEM;
		crediting->leaves[i] = leaves;
		crediting->leaf_counts[i] = counts;
		for (size_t k = 0; k < space->leaf_credit_count; k++)
			counts[space->leaf_credits[k].predicate]++;
		for (size_t k = 0; k < space->predicate_count; k++) {
			leaves[k] = arena_array(crediting->arena, counts[k], sizeof(uint32_t));
			if (!leaves[k])
				return -ENOMEM;
			counts[k] = 0;
		}
		for (uint32_t leaf = 0; leaf < space->leaf_count; leaf++)
			for (uint32_t k = space->leaf_first[leaf]; k < space->leaf_first[leaf + 1]; k++) {
				uint32_t predicate = space->leaf_credits[k].predicate;
				leaves[predicate][counts[predicate]++] = leaf;
			}
	}
	return 0;
}

static bool leaf_element(const struct space *space, uint32_t leaf, uint32_t predicate, uint32_t *element)
{
	for (uint32_t k = space->leaf_first[leaf]; k < space->leaf_first[leaf + 1]; k++)
		if (space->leaf_credits[k].predicate == predicate) {
			*element = space->leaf_credits[k].element;
			return true;
		}
	return false;
}

static bool group_holds(const struct build *build, const struct group *group, uint32_t leaf)
{
	for (uint32_t i = 0; i < group->counted_count; i++) {
		uint32_t index = 0, element;
		uint32_t space = unit_space(build, group->units[i], &index);
		if (!leaf_element(&build->spaces[space], leaf, index, &element))
			return false;
	}
	return true;
}

/* Leaves in which all predicates of the group may hold: those of its first one. */
static uint32_t group_leaves(const struct crediting *crediting, const struct group *group,
			     const uint32_t **leaves)
{
	uint32_t index = 0, space = unit_space(crediting->build, group->units[0], &index);
	*leaves = crediting->leaves[space][index];
	return crediting->leaf_counts[space][index];
}

static void measure_group(const struct crediting *crediting, struct group *group)
{
	group->first = 0;
	group->count = group->counted_count == 0;
	if (group->counted_count == 0)
		return;
	const uint32_t *leaves;
	uint32_t count = group_leaves(crediting, group, &leaves);
	for (uint32_t i = 0; i < count; i++) {
		if (!group_holds(crediting->build, group, leaves[i]))
			continue;
		if (group->count == 0)
			group->first = leaves[i];
		group->count = leaves[i] - group->first + 1;
	}
}

/* The group of that space and these units; made when there is none. */
static int find_group(struct crediting *crediting, uint32_t space, const uint32_t *units, uint32_t counted,
		      uint32_t plain, uint32_t *index)
{
	hash128 key = hash_pair(space, counted);
	for (uint32_t i = 0; i < counted + plain; i++)
		key = key * 3 + hash_pair(units[i], i);
	int result = hash_map_add(&crediting->group_of, key, (uint32_t)crediting->group_count, index);
	if (result || *index < crediting->group_count)
		return result;
	result = array_reserve((void **)&crediting->groups, &crediting->group_capacity,
			       crediting->group_count + 1, sizeof(*crediting->groups));
	uint32_t *kept = arena_array(crediting->arena, (size_t)counted + plain + 1, sizeof(*kept));
	if (result || !kept)
		return -ENOMEM;
	memcpy(kept, units, ((size_t)counted + plain) * sizeof(*kept));
	struct group *group = &crediting->groups[crediting->group_count++];
	*group =
	    (struct group){.space = space, .units = kept, .counted_count = counted, .plain_count = plain};
	measure_group(crediting, group);
	return 0;
}

/* The units of a terminal, by space: units[0..counts[0]) are plain, and so on. */
struct sorted_units {
	uint32_t *units;
	uint32_t begin[PLANE_SPACE_COUNT + 1];
};

static int sort_units(struct crediting *crediting, uint32_t terminal, struct sorted_units *sorted)
{
	const struct attribution *attribution = &crediting->build->region->attributions[terminal];
	sorted->units = arena_array(crediting->arena, attribution->unit_count + 1, sizeof(uint32_t));
	if (!sorted->units)
		return -ENOMEM;
	uint32_t count = 0, index;
	for (uint32_t space = 0; space < PLANE_SPACE_COUNT; space++) {
		sorted->begin[space] = count;
		for (size_t i = 0; i < attribution->unit_count; i++) {
			if (attribution->units[i] >= crediting->build->region->unit_count)
				return -EINVAL;
			if (unit_space(crediting->build, attribution->units[i], &index) == space)
				sorted->units[count++] = attribution->units[i];
		}
	}
	sorted->begin[PLANE_SPACE_COUNT] = count;
	return 0;
}

/* First pass: how many terminals want each group. */
static int want_groups(struct crediting *crediting, const struct sorted_units *sorted)
{
	for (uint32_t space = 1; space < PLANE_SPACE_COUNT; space++) {
		uint32_t count = sorted->begin[space + 1] - sorted->begin[space], index;
		if (count == 0)
			continue;
		int result =
		    find_group(crediting, space, sorted->units + sorted->begin[space], count, 0, &index);
		if (result)
			return result;
		crediting->groups[index].wanted++;
	}
	return 0;
}

static int add_hit(struct crediting *crediting, uint32_t group)
{
	int result = array_reserve((void **)&crediting->hits, &crediting->hit_capacity,
				   crediting->hit_count + 1, sizeof(*crediting->hits));
	if (result)
		return result;
	crediting->groups[group].hit_count++;
	/* `slot` holds the group until all groups are known; then slots are given out. */
	crediting->hits[crediting->hit_count++] = (struct plane_hit){.slot = group};
	return 0;
}

/* Second pass: the terminal's hits, and the entry that leads to it. */
static int make_entry(struct crediting *crediting, const struct sorted_units *sorted, uint32_t *entry)
{
	size_t first = crediting->hit_count;
	uint32_t plain = sorted->begin[1], index;
	int result = 0;
	for (uint32_t space = 1; space < PLANE_SPACE_COUNT && result == 0; space++) {
		uint32_t count = sorted->begin[space + 1] - sorted->begin[space];
		if (count == 0)
			continue;
		const uint32_t *units = sorted->units + sorted->begin[space];
		result = find_group(crediting, space, units, count, 0, &index);
		if (result == 0 && plain &&
		    (crediting->groups[index].wanted == 1 ||
		     crediting->groups[index].count <= MERGE_LEAVES)) {
			uint32_t *both = arena_array(crediting->arena, (size_t)count + plain, sizeof(*both));
			if (!both)
				return -ENOMEM;
			memcpy(both, units, count * sizeof(*both));
			memcpy(both + count, sorted->units, plain * sizeof(*both));
			result = find_group(crediting, space, both, count, plain, &index);
			plain = 0;
		}
		if (result == 0)
			result = add_hit(crediting, index);
	}
	if (result == 0 && plain) {
		result = find_group(crediting, PLANE_SPACE_NONE, sorted->units, 0, plain, &index);
		if (result == 0)
			result = add_hit(crediting, index);
	}
	if (result)
		return result;
	size_t count = crediting->hit_count - first;
	if (crediting->hit_count > PLANE_BASE_MASK || count > PLANE_HITS_MAX)
		return -E2BIG;
	*entry = PLANE_END | PLANE_DROP | (uint32_t)count << PLANE_HIT_SHIFT | (uint32_t)first;
	return 0;
}

static int add_credit(struct build *build, uint32_t slot, uint32_t unit, int64_t element)
{
	struct plane *plane = build->plane;
	int result = array_reserve((void **)&plane->credits, &build->credit_capacity, plane->credit_count + 1,
				   sizeof(*plane->credits));
	if (result == 0)
		plane->credits[plane->credit_count++] =
		    (struct plane_credit){slot, (uint8_t)build->family, unit, element};
	return result;
}

static int credit_leaf(struct build *build, const struct group *group, uint32_t leaf)
{
	int result = 0;
	for (uint32_t i = 0; i < group->counted_count && result == 0; i++) {
		uint32_t index = 0, element = 0;
		uint32_t space = unit_space(build, group->units[i], &index);
		if (leaf_element(&build->spaces[space], leaf, index, &element))
			result =
			    add_credit(build, group->slot + leaf - group->first, group->units[i], element);
	}
	for (uint32_t i = 0; i < group->plain_count && result == 0; i++)
		result = add_credit(build, group->slot + leaf - group->first,
				    group->units[group->counted_count + i], -1);
	return result;
}

/* Slots and their credits, ascending; then the hits know their slots. */
static int give_slots(struct crediting *crediting)
{
	struct build *build = crediting->build;
	int result = 0;
	for (size_t i = 0; i < crediting->group_count && result == 0; i++) {
		struct group *group = &crediting->groups[i];
		if (!group->hit_count)
			continue;
		if (group->count > BUILD_SLOTS_MAX - build->plane->slot_count)
			return -E2BIG;
		group->slot = build->plane->slot_count;
		build->plane->slot_count += group->count;
		if (group->counted_count == 0) {
			result = credit_leaf(build, group, 0);
			continue;
		}
		const uint32_t *leaves;
		uint32_t count = group_leaves(crediting, group, &leaves);
		for (uint32_t k = 0; k < count && result == 0; k++)
			if (group_holds(build, group, leaves[k]))
				result = credit_leaf(build, group, leaves[k]);
	}
	for (size_t i = 0; i < crediting->hit_count; i++) {
		const struct group *group = &crediting->groups[crediting->hits[i].slot];
		crediting->hits[i] =
		    (struct plane_hit){group->space, group->first, group->count, group->slot};
	}
	return result;
}

/* The terminals that rows lead to, each once: entries[t] is BUILD_NONE for others. */
static int make_entries(struct crediting *crediting, uint32_t *entries)
{
	const struct region *region = crediting->build->region;
	struct sorted_units *sorted =
	    arena_array(crediting->arena, region->attribution_count + 1, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	int result = 0;
	for (uint32_t t = 1; t < region->attribution_count && result == 0; t++) {
		if (entries[t] == BUILD_NONE)
			continue;
		result = sort_units(crediting, t, &sorted[t]);
		if (result == 0)
			result = want_groups(crediting, &sorted[t]);
	}
	for (uint32_t t = 1; t < region->attribution_count && result == 0; t++)
		if (entries[t] != BUILD_NONE)
			result = make_entry(crediting, &sorted[t], &entries[t]);
	return result;
}

static uint32_t resolve(const struct build *build, const uint32_t *entries, diagram_node node)
{
	if (!diagram_is_terminal(node))
		return (uint32_t)build->dimension_of[diagram_variable(build->fields->diagram, node)]
			   << PLANE_BASE_BITS |
		       build->base[node];
	return diagram_value(node) ? entries[diagram_value(node)] : PLANE_PASS;
}

/* The group of a space that most entries count in; BUILD_NONE: none does. */
static uint32_t favourite(const struct crediting *crediting, uint32_t space)
{
	uint32_t best = BUILD_NONE;
	for (uint32_t i = 0; i < crediting->group_count; i++) {
		const struct group *group = &crediting->groups[i];
		if (group->space == space && group->hit_count &&
		    (best == BUILD_NONE || group->hit_count > crediting->groups[best].hit_count))
			best = i;
	}
	return best;
}

static bool is_hit_of(const struct crediting *crediting, const struct plane_hit *hit, uint32_t group)
{
	return group != BUILD_NONE && hit->space == crediting->groups[group].space &&
	       hit->slot == crediting->groups[group].slot;
}

/* Entries that count in the favourite groups of source and destination pair alone do so directly. */
static void make_direct(struct crediting *crediting, uint32_t *entries, struct plane_family *family)
{
	uint32_t source = favourite(crediting, PLANE_SPACE_SOURCE),
		 pair = favourite(crediting, PLANE_SPACE_PAIRS + PLANE_PAIR_FAST);
	if (source != BUILD_NONE)
		family->direct_slot = crediting->groups[source].slot - crediting->groups[source].first;
	if (pair != BUILD_NONE)
		family->direct_pair_slot = crediting->groups[pair].slot - crediting->groups[pair].first;
	for (uint32_t t = 1; t < crediting->build->region->attribution_count; t++) {
		if (entries[t] == BUILD_NONE)
			continue;
		uint32_t count = (entries[t] >> PLANE_HIT_SHIFT) & PLANE_HIT_MASK, flags = 0, known = 0;
		const struct plane_hit *hits = crediting->hits + (entries[t] & PLANE_BASE_MASK);
		for (uint32_t i = 0; i < count; i++) {
			uint32_t flag = is_hit_of(crediting, &hits[i], source) ? PLANE_DIRECT_SOURCE
					: is_hit_of(crediting, &hits[i], pair) ? PLANE_DIRECT_PAIR
									       : 0;
			flags |= flag;
			known += flag != 0;
		}
		if (known == count)
			entries[t] = PLANE_END | PLANE_DROP | PLANE_HITS_DIRECT << PLANE_HIT_SHIFT | flags;
	}
}

/* IPv4 addresses are the number in the first word. */
static void fill_mask(enum family family, uint32_t prefix, __u64 mask[2])
{
	address bits = prefix_mask(family, prefix);
	mask[0] = family == FAMILY_IPV4 ? (uint64_t)bits : (uint64_t)(bits >> 64);
	mask[1] = family == FAMILY_IPV4 ? 0 : (uint64_t)bits;
}

/* Terminals of limits get a record each: the entry leads there, and on from there above the limit. */
static int make_limits(const struct build *build, uint32_t *entries, struct plane_family *family)
{
	const struct region *region = build->region;
	uint32_t count = 0;
	for (uint32_t t = 1; t < region->attribution_count; t++)
		count += entries[t] != BUILD_NONE && region->attributions[t].limit;
	if (count == 0)
		return 0;
	int result = hot_reserve(build->blob, build->hot, count * sizeof(struct plane_limit),
				 sizeof(struct plane_limit), &family->limits);
	for (uint32_t t = 1; t < region->attribution_count && result == 0; t++) {
		uint32_t number = region->attributions[t].limit;
		if (entries[t] == BUILD_NONE || !number)
			continue;
		if (number > region->limit_count)
			return -EINVAL;
		const struct region_limit *limit = &region->limits[number - 1];
		struct plane_limit *record =
		    blob_at(build->blob, family->limits + family->limit_count * (uint32_t)sizeof(*record));
		*record = (struct plane_limit){.cost = limit->cost,
					       .tolerance = (limit->burst - 1) * limit->cost,
					       .bucket = limit->bucket * FAMILY_COUNT + build->family,
					       .drop = entries[t]};
		fill_mask(build->family, limit->prefix, record->mask);
		entries[t] = PLANE_LIMIT | family->limit_count++;
	}
	build->plane->limit_count += family->limit_count;
	return result;
}

static void mark_terminal(uint32_t *entries, diagram_node node)
{
	if (diagram_is_terminal(node))
		entries[diagram_value(node)] = 0;
}

int credit_build(struct build *build, struct plane_family *family)
{
	struct crediting crediting = {.build = build, .arena = arena_new()};
	uint32_t *entries = malloc((build->region->attribution_count + 1) * sizeof(*entries));
	int result = crediting.arena && entries ? 0 : -ENOMEM;
	build->credit_capacity = build->plane->credit_count;
	if (result == 0) {
		memset(entries, 0xff, (build->region->attribution_count + 1) * sizeof(*entries));
		mark_terminal(entries, build->region->root);
		for (size_t i = 0; i < build->row_count; i++)
			mark_terminal(entries, build->rows[i]);
		result = invert_leaves(&crediting);
	}
	if (result == 0)
		result = make_entries(&crediting, entries);
	if (result == 0)
		result = give_slots(&crediting);
	if (result == 0)
		make_direct(&crediting, entries, family);
	if (result == 0)
		result = make_limits(build, entries, family);
	if (result == 0)
		result = hot_reserve(build->blob, build->hot, crediting.hit_count * sizeof(struct plane_hit),
				     sizeof(struct plane_hit), &family->hits);
	if (result == 0 && crediting.hit_count)
		memcpy(blob_at(build->blob, family->hits), crediting.hits,
		       crediting.hit_count * sizeof(struct plane_hit));
	if (result == 0)
		result = hot_reserve(build->blob, build->hot, build->row_count * sizeof(uint32_t),
				     sizeof(uint32_t), &family->rows);
	if (result == 0) {
		uint32_t *rows = blob_at(build->blob, family->rows);
		for (size_t i = 0; i < build->row_count; i++)
			rows[i] = resolve(build, entries, build->rows[i]);
		family->root = resolve(build, entries, build->region->root);
	}
	free(entries);
	free(crediting.groups);
	free(crediting.hits);
	hash_map_fini(&crediting.group_of);
	arena_free(crediting.arena);
	return result;
}
