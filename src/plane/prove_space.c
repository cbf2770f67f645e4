/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The tries and pair tables, read back in full: which leaf each address and each point has, whatever the
 * words are; cut further where a predicate changes; and the elements of each leaf, which must be the same all
 * over it. */
#include "plane/prove.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ELEMENTS_MAX ((size_t)1 << 28)
#define TRUTHS_MAX ((size_t)1 << 26)

struct reading {
	struct proof *proof;
	const struct plane_trie *trie;
	uint32_t width;
	size_t count, room, limit;
	struct piece *pieces; /* truth not yet known */
};

static int reading_add(struct reading *reading, address start, uint32_t entry)
{
	uint32_t leaf = entry & ~PLANE_LEAF;
	if (reading->count && reading->pieces[reading->count - 1].leaf == leaf)
		return 0;
	if (reading->count >= reading->limit)
		return proof_differs(reading->proof, "a trie has more intervals than its bytes can hold");
	int result =
	    proof_room((void **)&reading->pieces, &reading->room, reading->count + 1, sizeof(struct piece));
	if (result == 0)
		reading->pieces[reading->count++] = (struct piece){start, 0, leaf};
	return result;
}

/* What a node says of addresses that share `depth` bits with `low`. Deeper nodes settle more bits, so this
 * ends. */
static int read_entry(struct reading *reading, uint32_t entry, address low, uint32_t depth, int steps);

struct node {
	uint64_t value, at;
	uint32_t word, shift, mask, outside, inner_depth, stride;
};

/* Checks that the node compares bits that follow those which led to it, and finds the block that is inside.
 */
static int place_node(struct reading *reading, struct node *node, address low, uint32_t depth, address *inner)
{
	uint32_t width = reading->width, end = width == 32 ? 32 : node->word ? 128 : 64;
	uint32_t begin = node->word ? 64 : 0;
	node->stride = (uint32_t)__builtin_popcount(node->mask);
	if ((width == 32 && node->word) || node->mask != (1u << node->stride) - 1 ||
	    node->stride > PLANE_STRIDE || node->shift + node->stride > end - begin)
		return proof_differs(reading->proof, "a trie node is malformed");
	node->inner_depth = end - node->shift - node->stride;
	uint64_t value = node->value >> node->shift;
	uint64_t known = width == 32 || node->word ? (uint64_t)low : (uint64_t)(low >> 64);
	uint32_t settled = depth < begin ? begin : depth;
	if (node->inner_depth < depth || depth < begin || (value & node->mask) ||
	    node->inner_depth + node->stride <= depth)
		return proof_differs(reading->proof, "a trie node does not continue the way to it");
	uint32_t rest = end - settled; /* bits of the word that are still open */
	if (width == 32 ? node->value >> 32 != 0 : false)
		return proof_differs(reading->proof, "a trie node compares more bits than an address has");
	if (rest < 64 && (node->value >> rest) != (known >> rest))
		return proof_differs(reading->proof, "a trie node does not continue the way to it");
	uint64_t kept = node->shift >= 64 ? 0 : value << node->shift;
	if (width == 32)
		*inner = kept;
	else if (node->word)
		*inner = (low >> 64 << 64) | kept;
	else
		*inner = (address)kept << 64;
	return 0;
}

static address last_of(const struct reading *reading, address low, uint32_t depth)
{
	uint32_t rest = reading->width - depth;
	return rest == 128 ? ~(address)0 : low | (((address)1 << rest) - 1);
}

static int read_children(struct reading *reading, const struct node *node, bool branch, address inner,
			 int steps)
{
	struct proof *proof = reading->proof;
	if (!branch)
		return read_entry(reading, plane_load32(proof->blob, proof->mask, node->at + 8), inner,
				  node->inner_depth, steps + 1);
	uint32_t depth = node->inner_depth + node->stride;
	for (uint32_t i = 0; i <= node->mask; i++) {
		uint32_t set = plane_load32(proof->blob, proof->mask, node->at + 16 + (i >> 5) * 4);
		uint32_t rank = plane_load8(proof->blob, proof->mask, node->at + 48 + (i >> 5));
		rank += (uint32_t)__builtin_popcount(set & (UINT32_MAX >> (31 - (i & 31))));
		uint64_t base = plane_load32(proof->blob, proof->mask, node->at + 8);
		uint32_t entry = plane_load32(proof->blob, proof->mask, base + (uint64_t)rank * 4 - 4);
		int result = read_entry(reading, entry, inner | (address)i << (reading->width - depth), depth,
					steps + 1);
		if (result)
			return result;
	}
	return 0;
}

/* A table compares nothing: it must begin at the very bits that are settled. */
static int read_table(struct reading *reading, uint32_t entry, address low, uint32_t depth, int steps)
{
	struct proof *proof = reading->proof;
	uint32_t shift = (entry >> PLANE_TABLE_SHIFT) & 63, stride = (entry >> PLANE_TABLE_STRIDE) & 15;
	uint32_t word = (entry >> PLANE_TABLE_WORD) & 1, end = reading->width == 32 ? 32 : word ? 128 : 64;
	uint64_t at = reading->trie->nodes + ((uint64_t)(entry & PLANE_TABLE_OFFSET) << 6);
	if ((reading->width == 32 && word) || stride == 0 || stride > PLANE_STRIDE ||
	    depth < (word ? 64u : 0u) || depth + stride + shift != end)
		return proof_differs(proof, "a trie table does not continue the way to it");
	depth += stride;
	for (uint32_t i = 0; i < 1u << stride; i++) {
		uint32_t child = plane_load32(proof->blob, proof->mask, at + (uint64_t)i * 4);
		int result = read_entry(reading, child, low | (address)i << (reading->width - depth), depth,
					steps + 1);
		if (result)
			return result;
	}
	return 0;
}

static int read_entry(struct reading *reading, uint32_t entry, address low, uint32_t depth, int steps)
{
	struct proof *proof = reading->proof;
	if (entry & PLANE_LEAF)
		return reading_add(reading, low, entry);
	if (steps >= PLANE_TRIE_STEPS - 1)
		return proof_differs(proof, "a trie takes more steps than a look-up makes");
	if (!(entry & PLANE_COMPARE) && (entry & PLANE_TABLE))
		return read_table(reading, entry, low, depth, steps);
	struct node node = {0};
	bool branch = !(entry & PLANE_COMPARE);
	node.at = reading->trie->nodes +
		  ((uint64_t)(entry & (branch ? PLANE_BRANCH_OFFSET : PLANE_COMPARE_OFFSET)) << 4);
	node.value = plane_load64(proof->blob, proof->mask, node.at);
	node.outside = plane_load32(proof->blob, proof->mask, node.at + 12);
	if (branch) {
		node.shift = plane_load8(proof->blob, proof->mask, node.at + 56) & 63;
		node.mask = plane_load8(proof->blob, proof->mask, node.at + 57);
		node.word = plane_load8(proof->blob, proof->mask, node.at + 58) & 1;
	} else {
		node.shift = (entry >> PLANE_COMPARE_SHIFT) & 63;
		node.word = (entry >> PLANE_COMPARE_WORD) & 1;
	}
	address inner = 0;
	int result = place_node(reading, &node, low, depth, &inner);
	if (result)
		return result;
	/* A comparison at the full 64 bits of a word has a branch of no bits: it may end where it began only
	 * when it settles something, which place_node() saw to. */
	bool outer = node.inner_depth > depth;
	if (outer && !(node.outside & PLANE_LEAF))
		return proof_differs(proof, "a trie node has a node outside");
	if (outer && inner > low)
		result = reading_add(reading, low, node.outside);
	if (result == 0)
		result = read_children(reading, &node, branch, inner, steps);
	address last = last_of(reading, inner, node.inner_depth);
	if (result == 0 && outer && last < last_of(reading, low, depth))
		result = reading_add(reading, last + 1, node.outside);
	return result;
}

static int read_trie(struct reading *reading)
{
	struct proof *proof = reading->proof;
	uint32_t word = reading->width == 32 ? 32 : 64, shift = reading->trie->root_shift;
	if (shift > 63 || shift > word || word - shift > 20)
		return proof_differs(proof, "a trie's root is malformed");
	uint32_t bits = word - shift;
	reading->limit = proof->plane->size + 2;
	for (uint32_t i = 0; i < 1u << bits; i++) {
		uint32_t entry =
		    plane_load32(proof->blob, proof->mask, reading->trie->roots + (uint64_t)i * 4);
		int result = read_entry(reading, entry, (address)i << (reading->width - bits), bits, 0);
		if (result)
			return result;
	}
	return 0;
}

/* Any exact table: that all a look-up can come by is inside it. */
static int check_exact(struct proof *proof, const struct plane_exact *exact)
{
	if (exact->shift < 32 || exact->shift > 63 || exact->bucket_shift < 32 || exact->bucket_shift > 63 ||
	    exact->entries % 64 || exact->displacements % 2)
		return proof_differs(proof, "an exact table is malformed");
	uint64_t entries = (uint64_t)1 << (64 - exact->shift),
		 buckets = (uint64_t)1 << (64 - exact->bucket_shift);
	uint64_t size =
	    proof->family == FAMILY_IPV4 ? sizeof(struct plane_exact4) : sizeof(struct plane_exact6);
	if (exact->entries + entries * size > proof->plane->size ||
	    exact->displacements + buckets * 2 > proof->plane->size)
		return proof_differs(proof, "an exact table is not in the blob");
	return 0;
}

struct entry {
	uint64_t high, low;
	uint32_t point, value;
};

static size_t entry_count(const struct plane_exact *exact)
{
	return (size_t)1 << (64 - exact->shift);
}

static struct entry read_entry_of(const struct proof *proof, const struct plane_exact *exact, size_t index)
{
	struct entry entry = {0};
	if (proof->family == FAMILY_IPV4) {
		uint64_t at = exact->entries + index * 16, key = plane_load64(proof->blob, proof->mask, at);
		entry.high = key >> 24;
		entry.point = (uint32_t)key & 0xffffff;
		entry.value = plane_load32(proof->blob, proof->mask, at + 8);
		return entry;
	}
	uint64_t at = exact->entries + index * 32;
	entry.high = plane_load64(proof->blob, proof->mask, at);
	entry.low = plane_load64(proof->blob, proof->mask, at + 8);
	entry.value = plane_load32(proof->blob, proof->mask, at + 16);
	entry.point = plane_load32(proof->blob, proof->mask, at + 24);
	return entry;
}

static int compare_addresses(const void *a, const void *b)
{
	const address *left = a, *right = b;
	return *left < *right ? -1 : *left > *right;
}

/* Every address that the table can know, ascending, each once. */
static int gather_exact(struct proof *proof, const struct plane_exact *exact, address **addresses,
			size_t *count)
{
	int result = check_exact(proof, exact);
	if (result)
		return result;
	size_t entries = entry_count(exact), n = 0, kept = 0;
	address *all = calloc(entries, sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < entries; i++) {
		struct entry entry = read_entry_of(proof, exact, i);
		if (proof->family == FAMILY_IPV4 && entry.high >> 32) {
			free(all);
			return proof_differs(proof, "an exact entry has more bits than an address");
		}
		/* A look-up of an address asks for point 0, whatever the value of what it finds. */
		if (entry.point == 0)
			all[n++] =
			    proof->family == FAMILY_IPV4 ? entry.high : (address)entry.high << 64 | entry.low;
	}
	qsort(all, n, sizeof(*all), compare_addresses);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || all[kept - 1] != all[i])
			all[kept++] = all[i];
	*addresses = all;
	*count = kept;
	return 0;
}

/* Where the root leads from a source with that leaf. */
static uint32_t row_of(const struct reading *reading, uint32_t leaf)
{
	const struct proof *proof = reading->proof;
	return plane_step(proof->blob, proof->mask, proof->tables->rows, proof->tables->root,
			  plane_leaf_class(proof->blob, proof->mask, reading->trie, leaf));
}

/* What must be next of a single address with that leaf. */
static uint32_t next_of(const struct reading *reading, const struct plane_exact *exact, uint32_t leaf)
{
	const struct proof *proof = reading->proof;
	if (exact != &proof->tables->source)
		return 0;
	uint32_t entry = row_of(reading, leaf);
	if (PLANE_AT(entry, PLANE_FRAGMENT))
		entry = plane_step(proof->blob, proof->mask, proof->tables->rows, entry,
				   proof->tables->whole_class);
	return entry;
}

/* What a look-up finds in the table for these addresses goes over what the trie says of them. */
static int overlay(struct reading *reading, const struct plane_exact *exact, const address *addresses,
		   size_t count)
{
	struct proof *proof = reading->proof;
	struct reading over = {.proof = proof, .trie = reading->trie, .width = reading->width};
	address max = family_max(proof->family);
	size_t next = 0;
	int result = 0;
	over.limit = SIZE_MAX;
	for (size_t i = 0; i < reading->count && result == 0; i++) {
		address end = i + 1 < reading->count ? reading->pieces[i + 1].start - 1 : max;
		uint32_t leaf = reading->pieces[i].leaf;
		result = reading_add(&over, reading->pieces[i].start, leaf);
		for (; next < count && addresses[next] <= end && result == 0; next++) {
			address at = addresses[next];
			bool four = proof->family == FAMILY_IPV4;
			uint64_t found =
			    four ? plane_exact_find(proof->blob, proof->mask, exact, (uint64_t)at, 0, 0, 4)
				 : plane_exact_find(proof->blob, proof->mask, exact, (uint64_t)(at >> 64),
						    (uint64_t)at, 0, 6);
			if (!found)
				continue;
			uint32_t single = (uint32_t)found - 1;
			if (single & PLANE_LEAF || next_of(reading, exact, single) != found >> 32)
				result = proof_differs(proof, "an exact entry leads elsewhere than its leaf");
			if (result == 0)
				result = reading_add(&over, at, single);
			if (result == 0 && at < end)
				result = reading_add(&over, at + 1, leaf);
		}
	}
	free(reading->pieces);
	reading->pieces = over.pieces;
	reading->count = over.count;
	return result;
}

static int read_exact(struct reading *reading, const struct plane_exact *exact)
{
	address *addresses = NULL;
	size_t count = 0;
	struct proof *proof = reading->proof;
	if (exact == &proof->tables->source && proof->tables->others_pass &&
	    (reading->count != 1 || row_of(reading, reading->pieces[0].leaf) != PLANE_PASS))
		return proof_differs(proof, "not all sources but single ones pass");
	if (exact->entries == 0)
		return 0;
	int result = gather_exact(proof, exact, &addresses, &count);
	if (result == 0)
		result = overlay(reading, exact, addresses, count);
	free(addresses);
	return result;
}

static int find_truth(struct proof_space *space, const uint8_t *now, uint32_t *hint)
{
	size_t width = space->predicate_count;
	if (*hint < space->truth_count && memcmp(space->truths + *hint * width, now, width) == 0)
		return 0;
	for (uint32_t i = 0; i < space->truth_count; i++)
		if (memcmp(space->truths + i * width, now, width) == 0) {
			*hint = i;
			return 0;
		}
	if ((space->truth_count + 1) * width > TRUTHS_MAX)
		return -E2BIG;
	int result =
	    proof_room((void **)&space->truths, &space->truth_room, (space->truth_count + 1) * width + 1, 1);
	if (result == 0) {
		memcpy(space->truths + space->truth_count * width, now, width);
		*hint = (uint32_t)space->truth_count++;
	}
	return result;
}

static int start_leaves(struct proof *proof, struct proof_space *space, const struct piece *pieces,
			size_t count)
{
	uint32_t highest = 0;
	for (size_t i = 0; i < count; i++)
		if (pieces[i].leaf > highest)
			highest = pieces[i].leaf;
	/* Blocks of leaves are padded by an eighth at most. */
	if (highest > 2 * count + 2)
		return proof_differs(proof, "leaf %u of %zu intervals", highest, count);
	space->leaf_limit = highest + 1;
	if (space->predicate_count && (size_t)space->leaf_limit > ELEMENTS_MAX / space->predicate_count)
		return -E2BIG;
	space->leaf_met = calloc(space->leaf_limit, 1);
	space->elements =
	    calloc((size_t)space->leaf_limit * space->predicate_count + 1, sizeof(*space->elements));
	return space->leaf_met && space->elements ? 0 : -ENOMEM;
}

/* The leaf has these elements here; elsewhere it must have had the same. */
static int meet_leaf(struct proof *proof, struct proof_space *space, uint32_t leaf, const uint32_t *elements)
{
	bool met = space->leaf_met[leaf];
	space->leaf_met[leaf] = 1;
	for (size_t i = 0; i < space->predicate_count; i++) {
		uint32_t *element = &space->elements[i * space->leaf_limit + leaf];
		if (!space->counted[i])
			continue;
		if (met && *element != elements[i])
			return proof_differs(proof, "leaf %u of %s is credited to two elements", leaf,
					     space->predicates[i]->name ? space->predicates[i]->name
									: "a predicate");
		*element = elements[i];
	}
	return 0;
}

static void merge(const address *from, address *to, size_t begin, size_t middle, size_t end)
{
	size_t left = begin, right = middle;
	for (size_t at = begin; at < end; at++)
		to[at] = right == end || (left < middle && from[left] <= from[right]) ? from[left++]
										      : from[right++];
}

/* Sorts what consists of a few ascending runs: the trie's starts, and those of each predicate. */
static int sort_runs(address *all, size_t count)
{
	address *other = reallocarray(NULL, count + 1, sizeof(*other)), *from = all, *to = other;
	if (!other)
		return -ENOMEM;
	for (bool sorted = false; !sorted;) {
		sorted = true;
		for (size_t begin = 0; begin < count;) {
			size_t middle = begin + 1, end;
			while (middle < count && from[middle - 1] <= from[middle])
				middle++;
			end = middle < count ? middle + 1 : middle;
			while (end < count && end > middle && from[end - 1] <= from[end])
				end++;
			merge(from, to, begin, middle, end);
			sorted &= begin == 0 && end == count;
			begin = end;
		}
		address *last = from;
		from = to;
		to = last;
	}
	if (from != all)
		memcpy(all, from, count * sizeof(*all));
	free(other);
	return 0;
}

/* Everywhere that the leaf or a predicate changes. */
static int cut(struct proof_space *space, const struct reading *reading, address **starts, size_t *count)
{
	size_t total = reading->count, n = 0;
	for (size_t i = 0; i < space->predicate_count; i++)
		total += 2 * space->predicates[i]->range_count;
	address *all = reallocarray(NULL, total + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < reading->count; i++)
		all[n++] = reading->pieces[i].start;
	address max = reading->width == 32 ? UINT32_MAX : ~(address)0;
	for (size_t i = 0; i < space->predicate_count; i++)
		for (size_t k = 0; k < space->predicates[i]->range_count; k++) {
			all[n++] = space->predicates[i]->ranges[k].low;
			if (space->predicates[i]->ranges[k].high < max)
				all[n++] = space->predicates[i]->ranges[k].high + 1;
		}
	int result = sort_runs(all, n);
	size_t kept = 0;
	for (size_t i = 0; i < n && result == 0; i++)
		if (kept == 0 || all[kept - 1] != all[i])
			all[kept++] = all[i];
	if (result) {
		free(all);
		return result;
	}
	*starts = all;
	*count = kept;
	return 0;
}

struct cursor {
	size_t *at; /* by predicate: first range that does not end before here */
	uint8_t *truth;
	uint32_t *elements;
};

static int sweep(struct proof *proof, struct proof_space *space, const struct reading *reading,
		 const address *starts, size_t count, struct cursor *cursor)
{
	size_t leaf = 0;
	uint32_t hint = 0;
	for (size_t i = 0; i < count; i++) {
		while (leaf + 1 < reading->count && reading->pieces[leaf + 1].start <= starts[i])
			leaf++;
		for (size_t p = 0; p < space->predicate_count; p++) {
			const struct predicate *predicate = space->predicates[p];
			size_t *at = &cursor->at[p];
			while (*at < predicate->range_count && predicate->ranges[*at].high < starts[i])
				++*at;
			cursor->truth[p] =
			    *at < predicate->range_count && predicate->ranges[*at].low <= starts[i];
			cursor->elements[p] = cursor->truth[p] ? predicate->ranges[*at].element : PROOF_NONE;
		}
		int result = find_truth(space, cursor->truth, &hint);
		if (result == 0)
			result = meet_leaf(proof, space, reading->pieces[leaf].leaf, cursor->elements);
		if (result)
			return result;
		struct piece *last = space->piece_count ? &space->pieces[space->piece_count - 1] : NULL;
		if (!last || last->truth != hint || last->leaf != reading->pieces[leaf].leaf)
			space->pieces[space->piece_count++] =
			    (struct piece){starts[i], hint, reading->pieces[leaf].leaf};
	}
	return 0;
}

static int cursor_init(struct cursor *cursor, size_t count)
{
	cursor->at = calloc(count + 1, sizeof(*cursor->at));
	cursor->truth = calloc(count + 1, 1);
	cursor->elements = calloc(count + 1, sizeof(*cursor->elements));
	return cursor->at && cursor->truth && cursor->elements ? 0 : -ENOMEM;
}

static void cursor_fini(struct cursor *cursor)
{
	free(cursor->at);
	free(cursor->truth);
	free(cursor->elements);
}

int proof_read_addresses(struct proof *proof, struct proof_space *space, const struct plane_exact *exact,
			 const struct plane_trie *trie)
{
	struct reading reading = {.proof = proof, .trie = trie, .width = family_bits(proof->family)};
	struct cursor cursor = {0};
	address *starts = NULL;
	size_t count = 0;
	int result = read_trie(&reading);
	if (result == 0)
		result = read_exact(&reading, exact);
	if (result == 0)
		result = start_leaves(proof, space, reading.pieces, reading.count);
	if (result == 0)
		result = cut(space, &reading, &starts, &count);
	if (result == 0)
		result = cursor_init(&cursor, space->predicate_count);
	if (result == 0) {
		space->pieces = calloc(count + 1, sizeof(*space->pieces));
		result = space->pieces ? sweep(proof, space, &reading, starts, count, &cursor) : -ENOMEM;
	}
	cursor_fini(&cursor);
	free(starts);
	free(reading.pieces);
	return result;
}

static int order_points(const struct predicate_point *a, const struct predicate_point *b)
{
	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	uint32_t left = (uint32_t)a->protocol << 16 | a->port, right = (uint32_t)b->protocol << 16 | b->port;
	return left < right ? -1 : left > right;
}

static int compare_points(const void *a, const void *b)
{
	return order_points(a, b);
}

static uint64_t look_up_point(const struct proof *proof, const struct plane_exact *table,
			      const struct predicate_point *point)
{
	uint32_t number = (uint32_t)point->protocol << 16 | point->port;
	if (proof->family == FAMILY_IPV4)
		return plane_exact_find(proof->blob, proof->mask, table, (uint64_t)point->address, 0, number,
					4);
	return plane_exact_find(proof->blob, proof->mask, table, (uint64_t)(point->address >> 64),
				(uint64_t)point->address, number, 6);
}

/* What is in the table and is no point would be taken for one. */
static int check_table(struct proof *proof, const struct plane_exact *table,
		       const struct predicate_point *points, size_t count)
{
	int result = check_exact(proof, table);
	if (result)
		return result;
	for (size_t i = 0; i < entry_count(table); i++) {
		struct entry entry = read_entry_of(proof, table, i);
		if (entry.value == 0 && proof->family == FAMILY_IPV4 &&
		    plane_load32(proof->blob, proof->mask, table->entries + i * 16 + 12) == 0)
			continue;
		if (entry.value == 0 && proof->family == FAMILY_IPV6 &&
		    plane_load32(proof->blob, proof->mask, table->entries + i * 32 + 20) == 0)
			continue;
		bool four = proof->family == FAMILY_IPV4;
		struct predicate_point key = {.address =
						  four ? entry.high : (address)entry.high << 64 | entry.low,
					      .protocol = (uint8_t)(entry.point >> 16),
					      .port = (uint16_t)entry.point};
		if (entry.point >> 24 || (four && entry.high >> 32) ||
		    !bsearch(&key, points, count, sizeof(key), compare_points))
			return proof_differs(proof, "a table of pairs holds a point of no predicate");
	}
	return 0;
}

/* The fast table is that of the first run, whose classes it gives as that run's own table does. What is in no
 * predicate has class 0 there. */
static int check_fast(struct proof *proof, uint32_t kind, const struct predicate_point *points, size_t count)
{
	const struct plane_family *family = proof->tables;
	if (family->fast.entries == 0 || kind != PLANE_PAIR_FAST)
		return 0;
	uint64_t classes = plane_load32(proof->blob, proof->mask, family->runs + 4);
	if (memcmp(&family->fast, &family->pairs[kind], sizeof(family->fast)) != 0 ||
	    (plane_load32(proof->blob, proof->mask, family->runs) & 3) != kind ||
	    plane_load16(proof->blob, proof->mask, classes) != 0)
		return proof_differs(proof, "the fast table is not that of the first run");
	for (size_t i = 0; i < count; i++) {
		uint64_t found = look_up_point(proof, &family->fast, &points[i]);
		uint64_t at = classes + (uint64_t)(uint32_t)found * 2;
		if (plane_load16(proof->blob, proof->mask, at) != found >> 32)
			return proof_differs(proof, "a point is of another class than its leaf");
	}
	return 0;
}

static int sweep_points(struct proof *proof, struct proof_space *space, const struct predicate_point *points,
			size_t count, struct cursor *cursor)
{
	uint32_t hint = 0;
	for (size_t i = 0; i <= count; i++) { /* the last one: no point of any */
		for (size_t p = 0; p < space->predicate_count; p++) {
			const struct predicate *predicate = space->predicates[p];
			size_t *at = &cursor->at[p];
			cursor->truth[p] = 0;
			cursor->elements[p] = PROOF_NONE;
			if (i == count)
				continue;
			while (*at < predicate->point_count &&
			       order_points(&predicate->points[*at], &points[i]) < 0)
				++*at;
			if (*at < predicate->point_count &&
			    order_points(&predicate->points[*at], &points[i]) == 0) {
				cursor->truth[p] = 1;
				cursor->elements[p] = predicate->points[*at].element;
			}
		}
		int result = find_truth(space, cursor->truth, &hint);
		if (result == 0)
			result = meet_leaf(proof, space, space->pieces[i].leaf, cursor->elements);
		if (result)
			return result;
		space->pieces[i].truth = hint;
	}
	space->piece_count = count + 1;
	return 0;
}

int proof_read_points(struct proof *proof, struct proof_space *space, uint32_t kind)
{
	size_t total = 0, count = 0;
	for (size_t i = 0; i < space->predicate_count; i++)
		total += space->predicates[i]->point_count;
	struct predicate_point *points = calloc(total + 1, sizeof(*points));
	space->pieces = calloc(total + 1, sizeof(*space->pieces));
	struct cursor cursor = {0};
	int result = cursor_init(&cursor, space->predicate_count);
	if (!points || !space->pieces)
		result = -ENOMEM;
	if (result == 0) {
		for (size_t i = 0; i < space->predicate_count; i++)
			for (size_t k = 0; k < space->predicates[i]->point_count; k++)
				points[count++] = space->predicates[i]->points[k];
		qsort(points, count, sizeof(*points), compare_points);
		size_t kept = 0;
		for (size_t i = 0; i < count; i++)
			if (kept == 0 || order_points(&points[kept - 1], &points[i]) != 0)
				points[kept++] = points[i];
		count = kept;
		result = check_table(proof, &proof->tables->pairs[kind], points, count);
	}
	if (result == 0) {
		for (size_t i = 0; i < count; i++)
			space->pieces[i].leaf =
			    (uint32_t)look_up_point(proof, &proof->tables->pairs[kind], &points[i]);
		result = start_leaves(proof, space, space->pieces, count + 1);
	}
	if (result == 0)
		result = check_fast(proof, kind, points, count);
	if (result == 0)
		result = sweep_points(proof, space, points, count, &cursor);
	cursor_fini(&cursor);
	free(points);
	return result;
}
