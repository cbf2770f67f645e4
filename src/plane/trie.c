/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How a packet's address finds its class: elementary intervals, leaves, and the trie over them.
 *
 * The trie is laid out by splitting. Of an aligned block of addresses all but one aligned block within it
 * often have one leaf: then a node compares the bits down to that inner block, and what is outside has that
 * leaf. So a lone banned address costs 16 bytes, and the way to it is a few steps however long an IPv6 prefix
 * is. */
#include "plane/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct layout {
	struct build *build;
	const struct leaf_interval *intervals;
	size_t count;
	uint32_t nodes; /* offset */
	uint32_t width;
	uint32_t gap, gap_end; /* room in front of an aligned node, for comparing pairs */
	size_t tables;         /* bytes of them */
};

/* Tables are for the cache: beyond this size branch nodes take their place, which cost more steps and less
 * room. */
#define TABLES_MAX ((size_t)256 << 10)

/* Addresses that share their first `depth` bits with `low`, and the intervals they lie in. */
struct block {
	address low;
	uint32_t depth;
	size_t first, last;
};

static address block_high(const struct layout *layout, address low, uint32_t depth)
{
	uint32_t rest = layout->width - depth;
	if (rest == 128)
		return ~(address)0;
	return low | (((address)1 << rest) - 1);
}

static address interval_high(const struct layout *layout, size_t index)
{
	if (index + 1 < layout->count)
		return layout->intervals[index + 1].start - 1;
	return block_high(layout, 0, 0);
}

static uint32_t common_depth(const struct layout *layout, address a, address b)
{
	address difference = a ^ b;
	if (difference == 0)
		return layout->width;
	uint64_t upper = (uint64_t)(difference >> 64);
	uint32_t zeros =
	    upper ? (uint32_t)__builtin_clzll(upper) : 64 + (uint32_t)__builtin_clzll((uint64_t)difference);
	return zeros - (128 - layout->width);
}

/* The smallest block within which all addresses lie that have another leaf than `leaf`. */
static void inner_block(const struct layout *layout, const struct block *block, uint32_t leaf,
			struct block *inner)
{
	size_t first = block->first, last = block->last;
	while (layout->intervals[first].leaf == leaf)
		first++;
	while (layout->intervals[last].leaf == leaf)
		last--;
	address low = layout->intervals[first].start, high = interval_high(layout, last);
	if (low < block->low)
		low = block->low;
	address end = block_high(layout, block->low, block->depth);
	if (high > end)
		high = end;
	inner->depth = common_depth(layout, low, high);
	uint32_t rest = layout->width - inner->depth;
	inner->low = rest == 128 ? 0 : low >> rest << rest;
	inner->first = inner->last = first;
}

static int reserve_node(struct layout *layout, bool branch, uint32_t entries, uint32_t *offset)
{
	struct blob *blob = layout->build->blob;
	if (!branch && layout->gap_end - layout->gap >= sizeof(struct plane_compare)) {
		*offset = layout->gap;
		layout->gap += sizeof(struct plane_compare);
		return 0;
	}
	uint32_t before = ((uint32_t)blob->size + 15) & ~15u;
	size_t size =
	    branch ? sizeof(struct plane_branch) + entries * sizeof(uint32_t) : sizeof(struct plane_compare);
	int result = blob_reserve(blob, size, branch ? sizeof(struct plane_branch) : 16, offset);
	if (result == 0 && branch && *offset > before) {
		layout->gap = before;
		layout->gap_end = *offset;
	}
	if (result == 0 &&
	    (*offset - layout->nodes) / 16 > (branch ? PLANE_BRANCH_OFFSET : PLANE_COMPARE_OFFSET))
		result = -E2BIG;
	return result;
}

/* Moves block->first and last to the intervals that low and high of the block lie in, forward only. */
static void locate(const struct layout *layout, struct block *block, size_t hint)
{
	address high = block_high(layout, block->low, block->depth);
	size_t first = hint;
	while (interval_high(layout, first) < block->low)
		first++;
	size_t last = first;
	while (last + 1 < layout->count && layout->intervals[last + 1].start <= high)
		last++;
	block->first = first;
	block->last = last;
}

static int lay_block(struct layout *layout, const struct block *block, uint32_t *entry);

static int lay_compare(struct layout *layout, const struct block *inner, uint32_t word, uint32_t outside,
		       uint32_t *entry)
{
	uint32_t end = layout->width == 32 ? 32 : word ? 128 : 64, offset;
	int result = reserve_node(layout, false, 0, &offset);
	if (result)
		return result;
	struct plane_compare node = {.outside = outside};
	node.value = layout->width == 32 || word ? (uint64_t)inner->low : (uint64_t)(inner->low >> 64);
	result = lay_block(layout, inner, &node.inside);
	if (result)
		return result;
	memcpy(blob_at(layout->build->blob, offset), &node, sizeof(node));
	*entry = PLANE_COMPARE | word << PLANE_COMPARE_WORD | (end - inner->depth) << PLANE_COMPARE_SHIFT |
		 (offset - layout->nodes) / 16;
	return 0;
}

static int lay_branch(struct layout *layout, const struct block *inner, uint32_t word, uint32_t stride,
		      uint32_t outside, uint32_t *entry)
{
	uint32_t end = layout->width == 32 ? 32 : word ? 128 : 64, depth = inner->depth + stride;
	struct block *children = calloc((size_t)1 << PLANE_STRIDE, sizeof(*children));
	if (!children)
		return -ENOMEM;
	struct plane_branch node = {.outside = outside};
	node.value = layout->width == 32 || word ? (uint64_t)inner->low : (uint64_t)(inner->low >> 64);
	node.shift = (uint8_t)(end - depth);
	node.stride_mask = (uint8_t)((1u << stride) - 1);
	node.word = (uint8_t)word;
	uint32_t runs = 0;
	size_t hint = inner->first;
	uint32_t previous = 0; /* leaf entry of the child before; 0: it was a node */
	for (uint32_t i = 0; i < 1u << stride; i++) {
		struct block child = {inner->low | (address)i << (layout->width - depth), depth, 0, 0};
		locate(layout, &child, hint);
		hint = child.last;
		uint32_t leaf =
		    child.first == child.last ? PLANE_LEAF | layout->intervals[child.first].leaf : 0;
		if (i % 32 == 0)
			node.rank[i / 32] = (uint8_t)runs;
		if (i == 0 || !leaf || leaf != previous) {
			node.bitmap[i / 32] |= 1u << i % 32;
			children[runs++] = child;
		}
		previous = leaf;
	}
	uint32_t offset;
	int result = reserve_node(layout, true, runs, &offset);
	node.base = offset + (uint32_t)sizeof(node);
	for (uint32_t i = 0; i < runs && result == 0; i++) {
		uint32_t child = 0;
		result = lay_block(layout, &children[i], &child);
		if (result == 0)
			memcpy(blob_at(layout->build->blob, node.base + i * 4), &child, sizeof(child));
	}
	free(children);
	if (result)
		return result;
	memcpy(blob_at(layout->build->blob, offset), &node, sizeof(node));
	*entry = (offset - layout->nodes) / 16;
	return 0;
}

/* 0 with *laid false where there is no room for one. */
static int lay_table(struct layout *layout, const struct block *block, uint32_t word, uint32_t stride,
		     bool *laid, uint32_t *entry)
{
	uint32_t end = layout->width == 32 ? 32 : word ? 128 : 64, depth = block->depth + stride, offset;
	size_t size = sizeof(uint32_t) << stride;
	*laid = false;
	if (layout->tables + size > TABLES_MAX)
		return 0;
	int result = blob_reserve(layout->build->blob, size, 64, &offset);
	if (result || (offset - layout->nodes) / 64 > PLANE_TABLE_OFFSET || (offset - layout->nodes) % 64)
		return result;
	layout->tables += size;
	*laid = true;
	size_t hint = block->first;
	for (uint32_t i = 0; i < 1u << stride && result == 0; i++) {
		struct block child = {block->low | (address)i << (layout->width - depth), depth, 0, 0};
		locate(layout, &child, hint);
		hint = child.last;
		uint32_t below = 0;
		result = lay_block(layout, &child, &below);
		if (result == 0)
			memcpy(blob_at(layout->build->blob, offset + i * 4), &below, sizeof(below));
	}
	*entry = PLANE_TABLE | word << PLANE_TABLE_WORD | (end - depth) << PLANE_TABLE_SHIFT |
		 stride << PLANE_TABLE_STRIDE | (offset - layout->nodes) / 64;
	return result;
}

static int lay_block(struct layout *layout, const struct block *block, uint32_t *entry)
{
	uint32_t first_leaf = layout->intervals[block->first].leaf,
		 last_leaf = layout->intervals[block->last].leaf;
	if (block->first == block->last) {
		*entry = PLANE_LEAF | first_leaf;
		return 0;
	}
	struct block inner, other;
	uint32_t outside = first_leaf;
	inner_block(layout, block, first_leaf, &inner);
	inner_block(layout, block, last_leaf, &other);
	if (other.depth > inner.depth) {
		inner = other;
		outside = last_leaf;
	}
	bool crosses = layout->width == 128 && block->depth < 64 && inner.depth >= 64;
	if (crosses) { /* the rest is compared in the other word */
		inner.depth = 64;
		inner.low = inner.low >> 64 << 64;
	}
	uint32_t word = layout->width == 128 && inner.depth >= 64 && !crosses;
	locate(layout, &inner, block->first);
	/* A pair and a table together settle as much as one branch node, in two steps: too many for 128 bits.
	 */
	bool room = layout->width == 32 && layout->tables + (sizeof(uint32_t) << PLANE_STRIDE) <= TABLES_MAX;
	bool skips = inner.depth > block->depth;
	if (crosses || inner.first == inner.last || (skips && room))
		return lay_compare(layout, &inner, word, PLANE_LEAF | outside, entry);
	uint32_t end = layout->width == 32 ? 32 : word ? 128 : 64;
	uint32_t stride = end - inner.depth < PLANE_STRIDE ? end - inner.depth : PLANE_STRIDE;
	bool laid = false;
	int result = skips ? 0 : lay_table(layout, block, word, stride, &laid, entry);
	if (result || laid)
		return result;
	return lay_branch(layout, &inner, word, stride, PLANE_LEAF | outside, entry);
}

/* IPv4: a table over the first bits saves the first steps. IPv6 prefixes share their first bits: there the
 * table has two entries. */
static uint32_t root_bits(uint32_t width, size_t intervals)
{
	if (width == 128)
		return 1;
	return intervals <= 16 ? 4 : intervals <= 256 ? 10 : intervals <= 512 ? 14 : 16;
}

int trie_lay_out(struct build *build, const struct leaf_interval *intervals, size_t count,
		 struct plane_trie *trie)
{
	struct layout layout = {
	    .build = build, .intervals = intervals, .count = count, .width = family_bits(build->family)};
	uint32_t bits = root_bits(layout.width, count);
	trie->root_shift = (layout.width == 32 ? 32 : 64) - bits;
	int result = blob_reserve(build->blob, sizeof(uint32_t) << bits, 64, &trie->roots);
	if (result == 0)
		result = blob_reserve(build->blob, 0, 64, &trie->nodes);
	layout.nodes = trie->nodes;
	size_t hint = 0;
	for (uint32_t i = 0; i < 1u << bits && result == 0; i++) {
		struct block block = {(address)i << (layout.width - bits), bits, 0, 0};
		locate(&layout, &block, hint);
		hint = block.last;
		uint32_t entry = 0;
		result = lay_block(&layout, &block, &entry);
		if (result == 0)
			memcpy(blob_at(build->blob, trie->roots + i * 4), &entry, sizeof(entry));
	}
	return result;
}

/* A leaf before it has its number. */
struct draft {
	uint32_t class, segment;
};

/* Elementary intervals: where a segment or an interval of header bits begins. Leaves get draft numbers. */
static int find_leaves(struct dimension *dimension, const struct space *space,
		       struct leaf_interval *intervals, size_t *interval_count, struct draft **drafts,
		       size_t *draft_count)
{
	struct hash_map leaf_of = {0};
	size_t capacity = 0, count = 0, segment = 0, start = 0;
	int result = 0;
	for (;;) {
		address at = space->segments[segment].start;
		if (dimension->starts[start] > at)
			at = dimension->starts[start];
		uint32_t class, leaf;
		result = dimension_class(dimension, space->segments[segment].truth, start, &class);
		if (result == 0)
			result = hash_map_add(&leaf_of, hash_pair(0, class) + space->segments[segment].credit,
					      (uint32_t)*draft_count, &leaf);
		if (result == 0)
			result =
			    array_reserve((void **)drafts, &capacity, *draft_count + 1, sizeof(**drafts));
		if (result)
			break;
		if (leaf == *draft_count)
			(*drafts)[(*draft_count)++] = (struct draft){class, (uint32_t)segment};
		if (count == 0 || intervals[count - 1].leaf != leaf)
			intervals[count++] = (struct leaf_interval){at, leaf};
		bool more_segments = segment + 1 < space->segment_count;
		bool more_starts = start + 1 < dimension->start_count;
		if (!more_segments && !more_starts)
			break;
		address next_segment = more_segments ? space->segments[segment + 1].start : 0;
		address next_start = more_starts ? dimension->starts[start + 1] : 0;
		bool both = more_segments && more_starts;
		if (both ? next_segment <= next_start : more_segments)
			segment++;
		if (both ? next_start <= next_segment : more_starts)
			start++;
	}
	*interval_count = count;
	hash_map_fini(&leaf_of);
	return result;
}

/* The largest blocks of leaves that waste no more than an eighth. */
static uint32_t choose_block(const uint32_t *sizes, uint32_t class_count)
{
	for (uint32_t shift = 8; shift > 0; shift--) {
		uint64_t used = 0, padded = 0, block = (uint64_t)1 << shift;
		for (uint32_t i = 0; i < class_count; i++)
			if (sizes[i] > 1) {
				used += sizes[i];
				padded += (sizes[i] + block - 1) / block * block;
			}
		if (padded <= used + used / 8)
			return shift;
	}
	return 0;
}

/* Numbers classes and leaves: classes of one leaf first, then the others with their leaves side by side. */
static int number_leaves(struct build *build, struct dimension *dimension, struct space *space,
			 const struct draft *drafts, size_t draft_count, uint32_t *leaf_of,
			 struct plane_trie *trie)
{
	uint32_t classes = dimension->class_count, single = 0;
	uint32_t *sizes = calloc((size_t)classes * 4 + 1, sizeof(*sizes));
	uint32_t *which = NULL;
	int result = 0;
	if (!sizes)
		return -ENOMEM;
	uint32_t *number = sizes + classes, *first = sizes + 2 * (size_t)classes,
		 *cells = sizes + 3 * (size_t)classes;
	for (size_t i = 0; i < draft_count; i++)
		sizes[drafts[i].class]++;
	for (uint32_t i = 0; i < classes; i++)
		if (sizes[i] == 1)
			number[i] = first[i] = single++;
	uint32_t shift = choose_block(sizes, classes), fresh = single;
	uint64_t next = single, block = (uint64_t)1 << shift;
	for (uint32_t i = 0; i < classes; i++)
		if (sizes[i] != 1) {
			number[i] = fresh++;
			first[i] = (uint32_t)next;
			next += (sizes[i] + block - 1) / block * block;
			if (next > BUILD_SLOTS_MAX) {
				result = -E2BIG;
				goto out;
			}
		}
	trie->single = single;
	trie->block_shift = shift;
	space->leaf_count = (uint32_t)next;
	which = malloc(((size_t)next + 1) * sizeof(*which));
	if (!which) {
		result = -ENOMEM;
		goto out;
	}
	memset(which, 0xff, ((size_t)next + 1) * sizeof(*which));
	result = blob_reserve(build->blob, (size_t)((next - single) >> shift) * sizeof(uint32_t), 64,
			      &trie->classes);
	if (result)
		goto out;
	for (uint32_t i = 0; i < classes; i++)
		for (uint64_t k = 0; sizes[i] != 1 && k < sizes[i]; k += block)
			memcpy(blob_at(build->blob,
				       trie->classes + (uint32_t)((first[i] + k - single) >> shift) * 4),
			       &number[i], sizeof(uint32_t));
	for (size_t i = 0; i < draft_count; i++) {
		leaf_of[i] = first[drafts[i].class]++;
		which[leaf_of[i]] = drafts[i].segment;
	}
	for (uint32_t i = 0; i < classes; i++)
		cells[number[i]] = dimension->class_cell[i];
	if (classes)
		memcpy(dimension->class_cell, cells, classes * sizeof(*cells));
	result = space_credit_leaves(space, false, which);
out:
	free(sizes);
	free(which);
	return result;
}

#define EXACT_MIN 8u            /* singles, for which a hash in front of the trie is worth it */
#define EXACT_BITS_MAX_IPV4 14u /* 256 KB */
#define EXACT_BITS_MAX_IPV6 13u

static address last_of(const struct build *build, const struct leaf_interval *intervals, size_t count,
		       size_t i)
{
	return i + 1 < count ? intervals[i + 1].start - 1 : family_max(build->family);
}

static bool is_single(const struct build *build, const struct leaf_interval *intervals, size_t count,
		      size_t i)
{
	return last_of(build, intervals, count, i) == intervals[i].start;
}

/* Single addresses go into an exact table in front of the trie, where that is small enough for the cache.
 * What is left of them in the trie goes to the neighbour. */
static int lay_singles(struct build *build, struct leaf_interval *intervals, size_t *count,
		       struct plane_exact *exact)
{
	struct exact_key *keys = calloc(*count + 1, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	size_t singles = 0, kept = 0;
	for (size_t i = 0; i < *count; i++)
		if (is_single(build, intervals, *count, i))
			keys[singles++] =
			    (struct exact_key){.address = intervals[i].start, .value = intervals[i].leaf + 1};
	uint32_t most = build->family == FAMILY_IPV4 ? EXACT_BITS_MAX_IPV4 : EXACT_BITS_MAX_IPV6;
	int result = 0;
	if (singles < EXACT_MIN || exact_bits(singles) > most)
		goto out;
	result = exact_build(build, keys, singles, exact);
	for (size_t i = 0; i < *count && result == 0; i++) {
		struct leaf_interval interval = intervals[i];
		if (kept && is_single(build, intervals, *count, i))
			continue;
		if (kept == 0 || intervals[kept - 1].leaf != interval.leaf)
			intervals[kept++] = interval;
	}
	if (result == 0)
		*count = kept;
out:
	free(keys);
	return result;
}

int trie_build(struct build *build, struct dimension *dimension, struct space *space,
	       struct plane_exact *exact, struct plane_trie *trie)
{
	struct leaf_interval *intervals = NULL;
	struct draft *drafts = NULL;
	uint32_t *leaf_of = NULL;
	size_t interval_count = 0, draft_count = 0;
	int result = space_cut_addresses(space, family_max(build->family));
	if (result == 0)
		result = dimension_cells(build, dimension);
	if (result)
		return result;
	intervals = reallocarray(NULL, space->segment_count + dimension->start_count, sizeof(*intervals));
	if (!intervals)
		return -ENOMEM;
	result = find_leaves(dimension, space, intervals, &interval_count, &drafts, &draft_count);
	if (result == 0) {
		leaf_of = calloc(draft_count + 1, sizeof(*leaf_of));
		result = leaf_of ? number_leaves(build, dimension, space, drafts, draft_count, leaf_of, trie)
				 : -ENOMEM;
	}
	for (size_t i = 0; i < interval_count && result == 0; i++)
		intervals[i].leaf = leaf_of[intervals[i].leaf];
	if (result == 0)
		result = lay_singles(build, intervals, &interval_count, exact);
	if (result == 0)
		result = trie_lay_out(build, intervals, interval_count, trie);
	if (result == 0)
		result = dimension_rows(build, dimension);
	free(intervals);
	free(drafts);
	free(leaf_of);
	return result;
}
