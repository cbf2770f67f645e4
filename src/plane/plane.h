/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The plane: a region compiled to flat tables that XDP looks up, one blob of bytes for both families. */
#ifndef WEIR_PLANE_PLANE_H
#define WEIR_PLANE_PLANE_H

#include "meaning/region.h"
#include "packet/key.h"
#include "plane/layout.h"

#include <stddef.h>
#include <stdint.h>

#define PLANE_BYTES_MAX (256u << 20) /* -E2BIG beyond */

/* A counter slot's packets are credited to these: `family` and `unit` of that family's region; `element` of
 * the unit's predicate, or -1 for the unit as a whole (a rule, a policy). */
struct plane_credit {
	uint32_t slot;
	uint8_t family; /* enum family */
	uint32_t unit;
	int64_t element;
};

struct plane {
	uint8_t *blob;       /* layout: plane/layout.h */
	size_t size;         /* bytes, a multiple of 64 */
	uint32_t slot_count; /* counters that a lookup may name; slot 0 is never used */
	size_t limit_count;  /* 0: nothing depends on a rate */
	size_t credit_count;
	struct plane_credit *credits; /* by slot, ascending */
	struct {
		size_t nodes, rows_bytes, trie_bytes, pair_bytes, table_bytes;
		double meaning_seconds, build_seconds, proof_seconds;
	} statistics;
};

/* regions[family] may be NULL. 0, -ENOMEM, -E2BIG (tables too large: the caller attaches nothing and says
 * so). */
int plane_build(const struct region *const regions[FAMILY_COUNT], struct plane **plane);
/* Reads the tables back and compares them with the regions, exhaustively over all classes of all fields. 0,
 * or -EILSEQ with what differs in words. Shares no code with plane_build() but the layout. */
int plane_prove(const struct plane *plane, const struct region *const regions[FAMILY_COUNT],
		struct buffer *why);
void plane_free(struct plane *plane);
static inline void plane_cleanup(struct plane **plane)
{
	if (*plane)
		plane_free(*plane);
}

/* All of it: the regions of both families, their tables, the proof, and the times in statistics. Where the
 * tables would be too large, fewer and fewer rules from the start of each chain are taken. regions must be
 * NULL before; they are the caller's to free whatever the result. 0, -ENOMEM, -E2BIG, -EINVAL, -EILSEQ as
 * above. */
int plane_compute(const struct ruleset *ruleset, const struct region_options *options,
		  struct region *regions[FAMILY_COUNT], struct plane **plane, struct buffer *why);

/* What the lookup says of one key, by the same code that XDP runs. Up to PLANE_HITS_MAX slots to count. */
struct plane_answer {
	uint32_t drop;                   /* 0: up to the kernel, but ... */
	const struct plane_limit *limit; /* ... dropped above this; NULL: at no rate */
	struct plane_source source;      /* whose bucket it is then */
	uint32_t hit_count;
	uint32_t hits[PLANE_HITS_MAX];
};
void plane_look_up(const struct plane *plane, const struct packet_key *key, struct plane_answer *answer);

#endif
