/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Inside plane_build(): what its files share. Order of work for a family: build.c says which variable belongs
 * to which dimension and walks the dimensions in order; space.c cuts addresses and points by the predicates
 * on them; dimension.c finds the classes of a dimension and fills the rows of its nodes; trie.c and pairs.c
 * lay out how a packet finds its class, with exact.c; credit.c gives each terminal its counters. */
#ifndef WEIR_PLANE_BUILD_H
#define WEIR_PLANE_BUILD_H

#include "plane/layout.h"
#include "plane/plane.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef unsigned __int128 hash128;

#define BUILD_CELLS_MAX                                                                                      \
	((size_t)1 << 24) /* (truth of predicates) x (interval of header bits) of one dimension */
#define BUILD_SLOTS_MAX (1u << 26)
#define BUILD_NONE UINT32_MAX

/* The blob as it grows. Offsets stay, addresses do not. */
struct blob {
	uint8_t *data;
	size_t size, capacity;
};
/* `size` zeroed bytes at a multiple of `align` (a power of two). 0, -ENOMEM, -E2BIG. */
int blob_reserve(struct blob *blob, size_t size, size_t align, uint32_t *offset);
static inline void *blob_at(const struct blob *blob, uint32_t offset)
{
	return blob->data + offset;
}

/* The rest of the page in which the header is: rows and hits of small regions are there, so that a look-up
 * needs fewer pages. */
struct hot {
	uint32_t at, end;
};
/* As blob_reserve(), but there, as long as there is room. */
int hot_reserve(struct blob *blob, struct hot *hot, size_t size, size_t align, uint32_t *offset);

/* 128-bit hashes to numbers. Two different functions of the same hash would be taken for one: by chance that
 * does not happen, and plane_prove() would say so. */
struct hash_map {
	hash128 *keys;
	uint32_t *values;
	size_t capacity, count;
};
/* The number of `key`; a new key gets `fresh`. 0 or -ENOMEM. */
int hash_map_add(struct hash_map *map, hash128 key, uint32_t fresh, uint32_t *value);
void hash_map_fini(struct hash_map *map);
hash128 hash_pair(uint64_t a, uint64_t b);

/* Makes room for `count` objects of `size` bytes in a malloc'd array. 0 or -ENOMEM. */
int array_reserve(void **array, size_t *capacity, size_t count, size_t size);

/* A predicate that the region tests or counts by. */
struct space_predicate {
	const struct predicate *predicate;
	bool counted; /* its elements are told apart */
};

/* From `start` up to the next segment the predicates stand alike. */
struct segment {
	address start;  /* pairs: unused */
	uint32_t point; /* pairs: index into points */
	uint32_t truth; /* index into truths */
	hash128 credit; /* of the elements of counted predicates */
};

/* An element that a leaf is credited to. */
struct leaf_credit {
	uint32_t predicate, element;
};

/* What leaves are numbered in: source, destination, or one kind of pair. */
struct space {
	size_t predicate_count;
	struct space_predicate *predicates; /* by variable, ascending */
	size_t segment_count, segment_capacity;
	struct segment *segments; /* addresses: ascending, the first at 0; pairs: one for each point */
	const struct predicate_point **points; /* pairs: the point's address, protocol and port */
	size_t truth_count, truth_capacity;
	uint8_t *truths; /* [truth_count][predicate_count] */
	uint32_t leaf_count;
	/* Of each leaf the credits [leaf_credits[i], leaf_credits[i + 1]). */
	uint32_t *leaf_first;
	struct leaf_credit *leaf_credits;
	size_t leaf_credit_count;
};
int space_cut_addresses(struct space *space, address max);
int space_cut_points(struct space *space);
/* Fills leaf_first and leaf_credits; segments[which[leaf]] is where the leaf is. */
int space_credit_leaves(struct space *space, bool pairs, const uint32_t *which);
static inline bool space_truth(const struct space *space, uint32_t truth, size_t predicate)
{
	return space->truths[(size_t)truth * space->predicate_count + predicate];
}

struct dimension {
	bool present;                            /* some variable of it is tested */
	const struct space *space;               /* of its predicates; NULL: header bits alone */
	size_t predicate_first, predicate_count; /* which of the space's; runs of pairs take some of them */
	uint32_t bit_first, bit_count;           /* header variables */
	uint32_t kind;                           /* of pair */
	size_t node_count, node_capacity;
	diagram_node *nodes;
	size_t start_count, start_capacity;
	address *starts; /* of the intervals of header bits on which all nodes are constant */
	size_t truth_count;
	hash128 *cells;    /* [truth_count][start_count] */
	uint32_t *classes; /* of each cell; BUILD_NONE: does not occur */
	struct hash_map class_of;
	uint32_t class_count;
	size_t class_capacity;
	uint32_t *class_cell; /* one cell of each class */
};

struct build {
	enum family family;
	const struct region *region;
	const struct fields *fields;
	struct blob *blob;
	struct hot *hot;
	struct plane *plane;
	uint8_t *dimension_of;  /* by variable */
	bool *tested, *counted; /* by variable */
	uint32_t *predicate_of; /* by variable: which of its space's predicates; BUILD_NONE: none */
	struct space spaces[PLANE_SPACE_COUNT];
	struct dimension dimensions[PLANE_DIMENSION_MAX];
	size_t dimension_count;
	size_t mark_count;
	uint32_t *base; /* by diagram node: where its row begins; BUILD_NONE: not met */
	uint32_t *seen; /* by diagram node: stamp */
	uint32_t stamp;
	size_t row_count, row_capacity;
	uint32_t *rows; /* diagram nodes, in the end entries */
	size_t credit_capacity;
};

/* Classes. dimension_cells() needs nodes, truths; then dimension_class() names the cells that occur; then
 * dimension_rows() fills a row for each node, and hands its successors to later dimensions. */
int dimension_cells(struct build *build, struct dimension *dimension);
int dimension_class(struct dimension *dimension, uint32_t truth, size_t start, uint32_t *class);
int dimension_rows(struct build *build, struct dimension *dimension);
/* Puts a diagram node into the list of its dimension once. 0, -ENOMEM, -EINVAL for what XDP cannot see. */
int build_meet(struct build *build, diagram_node node);

/* Source or destination: classes, leaves and the trie. */
int trie_build(struct build *build, struct dimension *dimension, struct space *space,
	       struct plane_exact *exact, struct plane_trie *trie);
/* From `start` on the leaf is this one. */
struct leaf_interval {
	address start;
	uint32_t leaf;
};
/* Intervals ascending, the first at 0, neighbours with different leaves. */
int trie_lay_out(struct build *build, const struct leaf_interval *intervals, size_t count,
		 struct plane_trie *trie);
/* What an exact table holds: a pair, or an address with point 0. Each once; no value is 0. */
struct exact_key {
	address address;
	uint32_t point, value;
};
/* How many entries, as a power of two, a table of so many keys has, or a few times as many. */
uint32_t exact_bits(size_t count);
/* Lays out a table of all the keys. 0 or -errno, -E2BIG when no hash was found. */
int exact_build(struct build *build, const struct exact_key *keys, size_t count, struct plane_exact *exact);
/* Fills in what is next of the entries, by value. */
void exact_set_next(const struct build *build, const struct plane_exact *exact,
		    uint32_t (*next)(const void *context, uint32_t value), const void *context);
/* One kind of pair: its hash table. */
int pairs_build(struct build *build, struct space *space, struct plane_exact *table);
/* One run of pair predicates: classes of that kind's leaves. */
int pairs_run(struct build *build, struct dimension *dimension, struct plane_run *run);
/* Turns rows and root from diagram nodes to entries, and gives terminals their hits and slots their credits.
 */
int credit_build(struct build *build, struct plane_family *family);

#endif
