/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Inside plane_prove(): what its files share. None of it is shared with the builder but the layout of the
 * blob and the reads of lookup.h, which define what the blob's words mean. */
#ifndef WEIR_PLANE_PROVE_H
#define WEIR_PLANE_PROVE_H

#include "plane/lookup.h"
#include "plane/plane.h"

#include <stdbool.h>

#define PROOF_NONE UINT32_MAX

/* From `start` on: which predicates hold (index into truths), and the leaf that the blob gives. */
struct piece {
	address start;
	uint32_t truth, leaf;
};

struct proof_space {
	size_t predicate_count;
	const struct predicate **predicates; /* by variable, ascending */
	bool *counted;
	size_t piece_count;
	struct piece *pieces;
	size_t truth_count, truth_room;
	uint8_t *truths; /* [truth_count][predicate_count] */
	uint32_t leaf_limit;
	uint8_t *leaf_met;
	uint32_t *elements; /* [predicate_count][leaf_limit], of counted ones; PROOF_NONE: in none */
};

struct proof_dimension {
	const struct proof_space *space;
	uint32_t kind, bit_first, bit_count;
	size_t node_count, node_room;
	diagram_node *nodes;
};

struct proof {
	const struct plane *plane;
	const uint8_t *blob;
	uint64_t mask;
	const struct region *region;
	const struct fields *fields;
	enum family family;
	const struct plane_family *tables;
	struct buffer *why;
	size_t node_limit;
	uint32_t variables;
	bool *tested, *counted;   /* by variable */
	uint8_t *dimension_of;    /* by variable; 255: none */
	uint32_t *predicate_of;   /* by variable: index in its space */
	uint32_t *entry_of;       /* by diagram node: the plane node that is it */
	uint32_t *terminal_entry; /* by terminal */
	uint32_t limit_used;      /* limits that entries led to */
	struct proof_space spaces[PLANE_SPACE_COUNT];
	struct proof_dimension dimensions[PLANE_DIMENSION_MAX];
	size_t dimension_count;
};

/* Says in words what differs. Always -EILSEQ. */
__attribute__((format(printf, 2, 3))) int proof_differs(struct proof *proof, const char *format, ...);
int proof_room(void **array, size_t *room, size_t count, size_t size);
uint32_t proof_space_of(const struct predicate *predicate);

/* Reads a trie or a pair table in full, and compares it with the predicates' own ranges and points. */
int proof_read_addresses(struct proof *proof, struct proof_space *space, const struct plane_exact *exact,
			 const struct plane_trie *trie);
int proof_read_points(struct proof *proof, struct proof_space *space, uint32_t kind);
/* The entry must be that limit of the region, word for word. */
int proof_limit(struct proof *proof, uint32_t entry, uint32_t number);
/* Where packets end that are above it. */
uint32_t proof_limit_drop(const struct proof *proof, uint32_t entry);
/* Elements that a leaf is credited to, for each terminal met; and what terminals must imply. */
int proof_credits(struct proof *proof);

#endif
