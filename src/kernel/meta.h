/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What an attached program says of itself: a description in one array map ("weir_meta") bound to the program,
 * so that any later process can tell rules to counters without the files, and see whether what was true at
 * attach still is.
 *
 * All offsets are from the description's start. What is read back is checked once, by meta_open(); behind it
 * every index and every string lies within the description. */
#ifndef WEIR_KERNEL_META_H
#define WEIR_KERNEL_META_H

#include "kernel/host.h"
#include "meaning/region.h"
#include "plane/plane.h"

#define META_MAGIC "weirmeta"
#define META_VERSION 2u
#define META_SIZE_MAX (512u << 20)

struct meta_text {
	uint32_t offset, size; /* within the strings */
};

struct meta_section {
	uint64_t offset, count;
};

enum meta_kind {
	META_RULE,
	META_POLICY,
	META_MEMBER, /* of the set that the rule `parent` matches */
};

#define META_NONE UINT32_MAX

/* Something that is counted. */
struct meta_item {
	uint8_t kind, family, table;
	uint8_t coverage;  /* enum coverage + 1; 0: drops nothing by itself, or not said */
	uint8_t uncounted; /* 1: dropped packets of it may be counted on other rules only */
	uint8_t limited;   /* 1: what it drops is dropped early above a rate */
	uint8_t unused[2];
	uint32_t number; /* of the rule in its chain; policy: 0 */
	uint32_t line;   /* in file; 0: none */
	uint32_t parent; /* META_MEMBER: index of the rule's item; else META_NONE */
	struct meta_text chain, text, file, reason;
};

struct meta_credit {
	uint32_t slot, item;
};

struct meta_local {
	uint8_t family, unused[7];
	uint8_t low[16], high[16]; /* address_to_bytes() */
};

struct meta_reach {
	uint8_t used, beyond, table, unused;
};

/* Whose rules they are. */
enum meta_rules {
	META_LIVE,    /* those of iptables: the fingerprint is meta_fingerprint()'s of them */
	META_APPLIED, /* those of weir's tables, which weir apply made: nft_fingerprint() */
	/* What two states of these both drop, while one follows the other. No fingerprint: to be replaced. */
	META_BETWEEN,
};

struct meta_header {
	char magic[8];
	uint32_t version, header_size;
	uint64_t size;
	uint64_t attached_at; /* ns since 1970 */
	uint64_t namespace_inode;
	uint64_t fingerprint; /* of the live rules at attach; has_fingerprint */
	uint64_t compile_ns, proof_ns, blob_bytes;
	uint64_t nodes[FAMILY_COUNT];
	uint32_t ifindex;
	char interface[INTERFACE_NAME_MAX];
	uint8_t mac[6];
	uint8_t has_fingerprint, trusted;
	uint8_t rules;                    /* enum meta_rules */
	uint8_t by_hand : 1, options : 1; /* by weir attach, and told more than what the host says */
	uint8_t forwarding[FAMILY_COUNT]; /* enum truth, as the region took it */
	uint8_t forwarding_given;         /* by --forward: not to be compared with the host's */
	uint8_t nat[FAMILY_COUNT];
	uint8_t unused2[3];
	struct meta_reach reach[FAMILY_COUNT];
	uint32_t allowed, vouched;
	uint32_t slot_count;
	uint32_t counter_stride, counter_copies; /* shape of weir_counters */
	/* Maps by id. The predecessor's are 0 where there was none. */
	uint32_t counters, carry, previous_meta, previous_counters, previous_carry;
	struct meta_text sources; /* RULES... as given */
	struct meta_section items, credits, locals, strings;
};

struct meta {
	const struct meta_header *header;
	const struct meta_item *items;
	const struct meta_credit *credits; /* by slot, ascending */
	const struct meta_local *locals;
	const char *strings;
};

/* Checks `data` whole; `size` may be larger than the description. 0, -EBADMSG (not one, or damaged), -EPROTO
 * (of another version of weir). `data` must be aligned to 8 and stay as it is while `meta` is in use. */
int meta_open(const void *data, size_t size, struct meta *meta);
struct text meta_text(const struct meta *meta, struct meta_text text);

/* Makes the description of what is about to be attached, all but the map ids and the time, which the header
 * may still be given. `header` holds the facts; sections are filled in here. -ENOMEM, -E2BIG. */
int meta_build(struct arena *arena, const struct meta_header *header, const char *sources,
	       const struct region *const regions[FAMILY_COUNT], const struct plane *plane,
	       const struct region_local *locals, size_t local_count, void **data, size_t *size);

struct tally {
	uint64_t packets, bytes;
};

/* tallies[item] += what the slots (slot_count of them) say of each item. */
void meta_add_slots(const struct meta *meta, const struct tally *slots, size_t slot_count,
		    struct tally *items);

/* tallies[item] += old_tallies of the item of `old` that is the same thing: same kind, family, table, chain,
 * text, and the same occurrence where a text comes several times; members by their rule and text. -ENOMEM: as
 * it was. */
int meta_carry(const struct meta *meta, struct tally *tallies, const struct meta *old,
	       const struct tally *old_tallies);

/* One number for what the rules say: equal for what iptables-save and ipset save print twice while nothing
 * was changed, whatever the counters, the order of members, and what is left of timeouts. */
int meta_fingerprint(const struct ruleset *ruleset, uint64_t *fingerprint);

#endif
