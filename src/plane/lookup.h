/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * SHARED WITH BPF: no libc, no recursion, constant-bounded loops.
 *
 * The look-up: match key to entry (layout.h), and what it counts. The one source of what XDP does and what
 * plane_look_up() says. `mask` is the blob's size, a power of two, less one: in BPF a constant of the frozen
 * .rodata, which is how the verifier knows that no read leaves the blob. It is 64 bits wide because
 * Linux 5.15 forgets the value of a 32-bit spill. */
#ifndef WEIR_PLANE_LOOKUP_H
#define WEIR_PLANE_LOOKUP_H

#include "packet/key.h"
#include "plane/layout.h"

#define PLANE_INLINE static inline __attribute__((always_inline))

PLANE_INLINE __u64 plane_load64(const __u8 *blob, __u64 mask, __u64 offset)
{
	return *(const __u64 *)(blob + (offset & (mask & ~7ull)));
}

PLANE_INLINE __u32 plane_load32(const __u8 *blob, __u64 mask, __u64 offset)
{
	return *(const __u32 *)(blob + (offset & (mask & ~3ull)));
}

PLANE_INLINE __u32 plane_load16(const __u8 *blob, __u64 mask, __u64 offset)
{
	return *(const __u16 *)(blob + (offset & (mask & ~1ull)));
}

PLANE_INLINE __u32 plane_load8(const __u8 *blob, __u64 mask, __u64 offset)
{
	return *(blob + (offset & mask));
}

/* BPF has no instruction for it. */
PLANE_INLINE __u32 plane_count_bits(__u32 bits)
{
	bits -= (bits >> 1) & 0x55555555u;
	bits = (bits & 0x33333333u) + ((bits >> 2) & 0x33333333u);
	bits = (bits + (bits >> 4)) & 0x0f0f0f0fu;
	return (bits * 0x01010101u) >> 24;
}

PLANE_INLINE __u32 plane_trie_leaf(const __u8 *blob, __u64 mask, const struct plane_trie *trie, __u64 word0,
				   __u64 word1)
{
	__u32 entry = plane_load32(blob, mask, trie->roots + ((word0 >> (trie->root_shift & 63)) << 2));
	__u64 nodes = trie->nodes;
	for (int step = 0; step < PLANE_TRIE_STEPS; step++) {
		if (entry & PLANE_LEAF)
			break;
		if (entry & PLANE_COMPARE) {
			__u64 at = nodes + ((__u64)(entry & PLANE_COMPARE_OFFSET) << 4);
			__u64 word = (entry >> PLANE_COMPARE_WORD) & 1 ? word1 : word0;
			word ^= plane_load64(blob, mask, at);
			word >>= (entry >> PLANE_COMPARE_SHIFT) & 63;
			entry = plane_load32(blob, mask, at + (word ? 12 : 8));
			continue;
		}
		if (entry & PLANE_TABLE) {
			__u64 at = nodes + ((__u64)(entry & PLANE_TABLE_OFFSET) << 6);
			__u64 word = (entry >> PLANE_TABLE_WORD) & 1 ? word1 : word0;
			word >>= (entry >> PLANE_TABLE_SHIFT) & 63;
			word &= (1u << ((entry >> PLANE_TABLE_STRIDE) & 15)) - 1;
			entry = plane_load32(blob, mask, at + word * 4);
			continue;
		}
		__u64 at = nodes + ((__u64)(entry & PLANE_BRANCH_OFFSET) << 4);
		__u64 word = plane_load8(blob, mask, at + 58) & 1 ? word1 : word0;
		word ^= plane_load64(blob, mask, at);
		word >>= plane_load8(blob, mask, at + 56) & 63;
		if (word > plane_load8(blob, mask, at + 57)) {
			entry = plane_load32(blob, mask, at + 12);
			continue;
		}
		__u64 group = (word >> 5) & 7;
		__u32 bits = plane_load32(blob, mask, at + 16 + group * 4) & ((2u << (word & 31)) - 1);
		__u64 rank = plane_load8(blob, mask, at + 48 + group) + plane_count_bits(bits);
		entry = plane_load32(blob, mask, plane_load32(blob, mask, at + 8) + rank * 4 - 4);
	}
	return entry & ~PLANE_LEAF;
}

PLANE_INLINE __u32 plane_leaf_class(const __u8 *blob, __u64 mask, const struct plane_trie *trie, __u32 leaf)
{
	if (leaf < trie->single)
		return leaf;
	return plane_load32(
	    blob, mask, trie->classes + ((__u64)((leaf - trie->single) >> (trie->block_shift & 31)) << 2));
}

/* What a table says of a key: value in the lower half, next in the upper one; 0 when the key is not there. */
PLANE_INLINE __u64 plane_exact_find(const __u8 *blob, __u64 mask, const struct plane_exact *exact, __u64 high,
				    __u64 low, __u32 point, int version)
{
	__u64 hash = plane_exact_hash(exact, high, low, point, version);
	__u32 displacement =
	    plane_load16(blob, mask, exact->displacements + (plane_exact_bucket(exact, hash) << 1));
	__u64 at = plane_exact_index(exact, hash, displacement);
	if (version == 4) { /* struct plane_exact4 and 6 as words: value and next are one */
		const __u64 *words = (const __u64 *)(blob + ((exact->entries + (at << 4)) & (mask & ~15ull)));
		return words[0] == (high << 24 | point) ? words[1] : 0;
	}
	const __u64 *words = (const __u64 *)(blob + ((exact->entries + (at << 5)) & (mask & ~31ull)));
	return (words[0] ^ high) | (words[1] ^ low) | (words[3] ^ point) ? 0 : words[2];
}

PLANE_INLINE int plane_key_icmp(const struct packet_key *key)
{
	return key->protocol == (key->family == 4 ? 1 : 58);
}

/* What the packet's pair of that kind is. ipset takes type and code of ICMP for either port
 * (net/netfilter/ipset/ip_set_getport.c). What is part of a fragmented packet is in no pair. */
struct plane_pair {
	__u64 high, low;
	__u32 point;
};

PLANE_INLINE struct plane_pair plane_key_pair(const struct packet_key *key, __u32 kind)
{
	struct plane_pair pair = {key->source[0], key->source[1], key->source_port};
	if (kind & PLANE_PAIR_DESTINATION_ADDRESS) {
		pair.high = key->destination[0];
		pair.low = key->destination[1];
	}
	if ((kind & PLANE_PAIR_DESTINATION_PORT) || plane_key_icmp(key))
		pair.point = key->destination_port;
	pair.point |= (__u32)key->protocol << 16;
	return pair;
}

/* Leaves that a walk came by; PLANE_NO_LEAF where it did not ask. */
struct plane_leaves {
	__u32 source, destination;
	__u32 pair[PLANE_PAIR_KINDS];
};

PLANE_INLINE __u32 plane_step(const __u8 *blob, __u64 mask, __u64 rows, __u64 entry, __u64 class)
{
	return plane_load32(blob, mask, rows + (((entry & PLANE_BASE_MASK) + class) << 2));
}

#define PLANE_AT(entry, dimension) (((entry) >> PLANE_BASE_BITS) == (dimension))
#define PLANE_TABLE_STEP(dimension, value)                                                                   \
	do {                                                                                                 \
		if (PLANE_AT(entry, dimension)) {                                                            \
			entry = plane_step(                                                                  \
			    blob, mask, rows, entry,                                                         \
			    plane_load16(blob, mask,                                                         \
					 family->tables[(dimension)-PLANE_TABLE_FIRST] + (__u64)(value)*2)); \
			if (entry & PLANE_END)                                                               \
				return entry;                                                                \
		}                                                                                            \
	} while (0)

PLANE_INLINE __u32 plane_walk_pairs(const __u8 *blob, __u64 mask, const struct plane_family *family,
				    const struct packet_key *key, struct plane_leaves *leaves, __u32 entry)
{
	if (entry & PLANE_END)
		return entry;
	/* All kinds at once, of which a region seldom has more than one: asking as needed would be a loop
	 * within a loop, with more states than the verifier will follow. */
	for (__u32 kind = 0; kind < PLANE_PAIR_KINDS; kind++) {
		leaves->pair[kind] = 0;
		if (key->fragment || !family->pairs[kind].entries)
			continue;
		struct plane_pair pair = plane_key_pair(key, kind);
		leaves->pair[kind] = (__u32)plane_exact_find(blob, mask, &family->pairs[kind], pair.high,
							     pair.low, pair.point, key->family == 4 ? 4 : 6);
	}
	for (int step = 0; step < PLANE_RUNS_MAX; step++) {
		__u32 dimension = entry >> PLANE_BASE_BITS;
		if (dimension < PLANE_RUNS)
			return PLANE_PASS;
		__u64 run = family->runs + (__u64)(dimension - PLANE_RUNS) * sizeof(struct plane_run);
		__u32 leaf = leaves->pair[plane_load32(blob, mask, run) & 3];
		__u32 class = plane_load16(blob, mask, plane_load32(blob, mask, run + 4) + (__u64)leaf * 2);
		entry = plane_step(blob, mask, family->rows, entry, class);
		if (entry & PLANE_END)
			return entry;
	}
	return PLANE_PASS;
}

/* Where a packet is after the first steps: by its source address and, where the first run of pairs follows,
 * by the pair. Most packets are decided by them, or not at all. */
struct plane_start {
	__u32 entry;
	__u32 source, pair; /* leaves; PLANE_NO_LEAF where it did not ask */
};

/* What the table of single sources says of one. `version` is a constant: 4 or 6. */
PLANE_INLINE __u64 plane_source_find(const __u8 *blob, __u64 mask, const struct plane_family *family,
				     const __u64 *words, int version)
{
	if (!family->source.entries)
		return 0;
	return plane_exact_find(blob, mask, &family->source, words[0], words[1], 0, version);
}

/* `found`: the above of the key's source. Parts of fragmented packets do not get far. */
PLANE_INLINE struct plane_start plane_walk_begin(const __u8 *blob, __u64 mask,
						 const struct plane_family *family,
						 const struct packet_key *key, __u64 found, int version)
{
	struct plane_start at = {family->root, PLANE_NO_LEAF, PLANE_NO_LEAF};
	if (key->fragment)
		return at;
	if (PLANE_AT(at.entry, PLANE_SOURCE)) {
		if (found) {
			at.source = (__u32)found - 1;
			at.entry = (__u32)(found >> 32);
		} else {
			at.source =
			    plane_trie_leaf(blob, mask, &family->tries[0], key->source[0], key->source[1]);
			at.entry = plane_step(blob, mask, family->rows, at.entry,
					      plane_leaf_class(blob, mask, &family->tries[0], at.source));
			if (PLANE_AT(at.entry, PLANE_FRAGMENT))
				at.entry =
				    plane_step(blob, mask, family->rows, at.entry, family->whole_class);
		}
	}
	if (PLANE_AT(at.entry, PLANE_RUNS) && family->fast.entries) {
		__u64 pair =
		    plane_exact_find(blob, mask, &family->fast, key->destination[0], key->destination[1],
				     (__u32)key->protocol << 16 | key->destination_port, version);
		at.pair = (__u32)pair;
		at.entry = plane_step(blob, mask, family->rows, at.entry, (__u32)(pair >> 32));
	}
	return at;
}

PLANE_INLINE void plane_leaves_begin(struct plane_leaves *leaves, const struct plane_start *start)
{
	leaves->source = start->source;
	leaves->destination = PLANE_NO_LEAF;
	for (int kind = 0; kind < (int)PLANE_PAIR_KINDS; kind++)
		leaves->pair[kind] = kind == PLANE_PAIR_FAST ? start->pair : PLANE_NO_LEAF;
}

PLANE_INLINE __u32 plane_address_leaf(const __u8 *blob, __u64 mask, const struct plane_exact *exact,
				      const struct plane_trie *trie, const __u64 *words, __u32 version)
{
	__u64 found = 0;
	if (exact->entries)
		found = plane_exact_find(blob, mask, exact, words[0], words[1], 0, version == 4 ? 4 : 6);
	return found ? (__u32)found - 1 : plane_trie_leaf(blob, mask, trie, words[0], words[1]);
}

/* The other steps, from any entry: the entry, with PLANE_END set, at which the packet arrives. */
PLANE_INLINE __u32 plane_walk_rest(const __u8 *blob, __u64 mask, const struct plane_family *family,
				   const struct packet_key *key, struct plane_leaves *leaves, __u32 entry)
{
	__u64 rows = family->rows;

	if (entry & PLANE_END)
		return entry;
	if (PLANE_AT(entry, PLANE_SOURCE)) {
		leaves->source = plane_address_leaf(blob, mask, &family->source, &family->tries[0],
						    key->source, key->family);
		entry = plane_step(blob, mask, rows, entry,
				   plane_leaf_class(blob, mask, &family->tries[0], leaves->source));
		if (entry & PLANE_END)
			return entry;
	}
	if (PLANE_AT(entry, PLANE_DESTINATION)) {
		leaves->destination = plane_address_leaf(blob, mask, &family->destination, &family->tries[1],
							 key->destination, key->family);
		entry = plane_step(blob, mask, rows, entry,
				   plane_leaf_class(blob, mask, &family->tries[1], leaves->destination));
		if (entry & PLANE_END)
			return entry;
	}
	__u32 icmp = plane_key_icmp(key);
	PLANE_TABLE_STEP(PLANE_PROTOCOL, key->protocol);
	PLANE_TABLE_STEP(PLANE_ICMP, icmp ? key->destination_port : 0);
	PLANE_TABLE_STEP(PLANE_SPORT, key->source_port);
	PLANE_TABLE_STEP(PLANE_DPORT, icmp ? 0 : key->destination_port);
	PLANE_TABLE_STEP(PLANE_TCP_FLAGS, key->tcp_flags);
	PLANE_TABLE_STEP(PLANE_FRAGMENT, key->fragment ? 1 : 0);
	PLANE_TABLE_STEP(PLANE_PAYLOAD, key->payload ? 1 : 0);
	return plane_walk_pairs(blob, mask, family, key, leaves, entry);
}

/* The counter slot of the i-th of an entry's hits that are not direct; 0 when there is none. */
PLANE_INLINE __u32 plane_hit_slot(const __u8 *blob, __u64 mask, const struct plane_family *family,
				  const struct plane_leaves *leaves, __u32 entry, __u32 i)
{
	__u64 at = family->hits + (__u64)((entry & PLANE_BASE_MASK) + i) * sizeof(struct plane_hit);
	const struct plane_hit *hit = (const struct plane_hit *)(blob + (at & (mask & ~15ull)));
	__u32 space = hit->space;
	__u32 leaf = 0;
	if (space == PLANE_SPACE_SOURCE)
		leaf = leaves->source;
	else if (space == PLANE_SPACE_DESTINATION)
		leaf = leaves->destination;
	else if (space >= PLANE_SPACE_PAIRS)
		leaf = leaves->pair[(space - PLANE_SPACE_PAIRS) & 3];
	leaf -= hit->first;
	return leaf < hit->count ? hit->slot + leaf : 0;
}

/* How many slots a drop is counted on, and whether they are direct ones. */
PLANE_INLINE __u32 plane_hit_count(__u32 entry)
{
	return (entry >> PLANE_HIT_SHIFT) & PLANE_HIT_MASK;
}

/* The limit of an entry that is an end and no drop; NULL: it passes. */
PLANE_INLINE const struct plane_limit *plane_limit_of(const __u8 *blob, __u64 mask,
						      const struct plane_family *family, __u32 entry)
{
	__u64 at = family->limits + (__u64)(entry & PLANE_BASE_MASK) * sizeof(struct plane_limit);
	if (entry == PLANE_PASS)
		return 0;
	return (const struct plane_limit *)(blob + (at & (mask & ~63ull)));
}

PLANE_INLINE void plane_limit_source(const struct plane_limit *limit, const struct packet_key *key,
				     struct plane_source *source)
{
	source->address[0] = key->source[0] & limit->mask[0];
	source->address[1] = key->source[1] & limit->mask[1];
	source->bucket = limit->bucket;
	source->unused = 0;
}

/* What a packet makes of a bucket; 0: nothing, it is above the limit. */
PLANE_INLINE __u64 plane_limit_take(const struct plane_limit *limit, __u64 bucket, __u64 now)
{
	if (bucket < now)
		bucket = now;
	return bucket - now > limit->tolerance ? 0 : bucket + limit->cost;
}

/* Direct hits: 0 when there is none. */
PLANE_INLINE __u32 plane_direct_source(const struct plane_family *family, __u32 entry, __u32 leaf)
{
	return entry & PLANE_DIRECT_SOURCE ? leaf + family->direct_slot : 0;
}

PLANE_INLINE __u32 plane_direct_pair(const struct plane_family *family, __u32 entry, __u32 leaf)
{
	return entry & PLANE_DIRECT_PAIR ? leaf + family->direct_pair_slot : 0;
}

#endif
