/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * SHARED WITH BPF: no libc, fixed-width types only.
 *
 * The tables of the plane, as they lie in one blob of bytes whose size is a power of two. All numbers are in
 * the machine's own byte order; all offsets are in bytes from the blob's start. Every read goes through a
 * mask of the blob's size, so no content of the blob can make a look-up read outside it.
 *
 * The plane is a decision diagram with many-valued nodes. A DIMENSION is something a packet has a value of:
 * source address, destination address, protocol, ... The values of a dimension that all nodes of it treat
 * alike are one CLASS. A node is {dimension, base}; where a packet goes from there is rows[base + class of
 * its value]. Nodes have no record of their own: the 32-bit ENTRY that leads to one holds its dimension and
 * base. Dimensions come in ascending order on every way, so a look-up visits each at most once, and asks for
 * a class only where a node does.
 *
 * Entry:   0 ddddd bbbbbbbbbbbbbbbbbbbbbbbbbb   node: dimension d, base b (in entries from the family's rows)
 *          1 1 cccc hhhhhhhhhhhhhhhhhhhhhhhhhh   end: drop, counted by c hits from the h-th on
 *          1 0 0001 llllllllllllllllllllllllll   end: limit l, which says what to do above it
 *          1 0 0000 00000000000000000000000000   end: pass
 *
 * An address's class is found in two steps. A trie gives its LEAF; leaves are finer than classes, since they
 * also tell apart which element of each counted set or list the address is credited to (650 banned addresses
 * in one list: 2 classes, 651 leaves). Leaves below `single` are the class of the same number; the others are
 * numbered so that each block of 2^block_shift of them is of one class, which stands in `classes`.
 *
 * Trie entry: 1 + 31 bits                    leaf
 *             01 w ssssss + 23 bits          pair of entries {value, inside, outside}, offset / 16 from
 * `nodes` 001 w ssssss tttt + 18 bits    table of 2^t entries, offset / 64 from `nodes` 000 + 29 bits branch
 * node, offset / 16 from `nodes` A table is indexed by the address's 64-bit word w, shifted right by s, its
 * low t bits; it stands only where all bits above are settled. A pair and a branch node compare word w,
 * exclusive-or value, shifted right by s: up to `stride_mask` it is the index in the branch node (0 in a
 * pair), beyond it the address is `outside`. IPv4 addresses are the number in word 0. A branch node's entries
 * are compact: one for each bit set in `bitmap`, which stands for the index and those behind it up to the
 * next bit. rank[i]: bits set in the words before i. A table costs one read, a branch node a chain of them:
 * tables are used as long as they are few.
 *
 * In front of a trie may stand an EXACT table: single addresses with a leaf of their own, found by a perfect
 * hash of the address, whatever else is in the trie (where they are left out). Pairs of address and port are
 * in such tables, too. A key hashes to a bucket; the bucket's displacement, chosen when the table is built,
 * gives each of its keys an entry of its own. So a look-up reads one displacement and one entry, has one
 * comparison to make, and has no branch that is not to be foretold: a mispredicted one costs as much as the
 * rest. An entry whose value is 0 is empty. The others have a value (leaf + 1 of an address, leaf of a pair)
 * and a word `next`: of a pair its leaf's class in the first run; of a source address the entry to which the
 * root leads whole packets from there, the fragment dimension passed where it follows; of a destination 0.
 *
 * `fast` is the pair table of the first run where that is of destination address and port (else it is not
 * there): a packet that comes from the source to that run, as most banned ones do, is at its end after two
 * hashes.
 *
 * Counting: a drop bumps one counter slot for each of its hits. A hit names a space (whose leaves it counts
 * apart), and the slot is `slot + leaf - first` when leaf - first < count. Space 0 has the leaf 0 alone.
 * c = PLANE_HITS_DIRECT: the entry needs no hits, for they are those that most drops have: h says whether the
 * leaf of the source is counted (PLANE_DIRECT_SOURCE), and that of the pair of kind PLANE_PAIR_FAST
 * (PLANE_DIRECT_PAIR), at the slot that this leaf and a number of the family add up to. So the counter's
 * place is known as soon as the leaf is, and not only when the verdict is.
 *
 * A limit has a bucket for each source prefix, in a map beside the blob (struct plane_source). A bucket is
 * one number: the time at which it would be full again, if nothing came any more. A packet moves that by
 * `cost`, and is above the limit when it is further away than `tolerance` already; a bucket that is not there
 * is full. */
#ifndef WEIR_PLANE_LAYOUT_H
#define WEIR_PLANE_LAYOUT_H

#include <linux/types.h>

#define PLANE_MAGIC 0x52494557u /* "WEIR" */
#define PLANE_VERSION 4u
#define PLANE_SIZE_MIN 4096u

enum plane_dimension {
	PLANE_SOURCE,
	PLANE_DESTINATION,
	PLANE_PROTOCOL,
	PLANE_ICMP,
	PLANE_SPORT,
	PLANE_DPORT,
	PLANE_TCP_FLAGS,
	PLANE_FRAGMENT,
	PLANE_PAYLOAD,
	PLANE_RUNS, /* this and later ones: runs of pair predicates over one kind of pair */
	PLANE_DIMENSION_MAX = 32,
};
#define PLANE_TABLE_FIRST PLANE_PROTOCOL
#define PLANE_TABLE_COUNT (PLANE_RUNS - PLANE_TABLE_FIRST)
#define PLANE_RUNS_MAX (PLANE_DIMENSION_MAX - PLANE_RUNS)

#define PLANE_END 0x80000000u
#define PLANE_DROP 0x40000000u
#define PLANE_PASS PLANE_END
#define PLANE_HIT_SHIFT 26
#define PLANE_HIT_MASK 15u
#define PLANE_HITS_MAX 8u
#define PLANE_LIMIT (PLANE_END | 1u << PLANE_HIT_SHIFT)
#define PLANE_HITS_DIRECT 15u
#define PLANE_DIRECT_SOURCE 1u
#define PLANE_DIRECT_PAIR 2u
#define PLANE_BASE_BITS 26
#define PLANE_BASE_MASK ((1u << PLANE_BASE_BITS) - 1)

#define PLANE_LEAF 0x80000000u
#define PLANE_COMPARE 0x40000000u
#define PLANE_COMPARE_WORD 29
#define PLANE_COMPARE_SHIFT 23
#define PLANE_COMPARE_OFFSET ((1u << 23) - 1)
#define PLANE_TABLE 0x20000000u
#define PLANE_TABLE_WORD 28
#define PLANE_TABLE_SHIFT 22
#define PLANE_TABLE_STRIDE 18
#define PLANE_TABLE_OFFSET ((1u << 18) - 1)
#define PLANE_BRANCH_OFFSET ((1u << 29) - 1)
#define PLANE_STRIDE 8u
/* Every node settles 8 bits or the rest of its 64-bit word: at most 8 a word, and one pair at its end. */
#define PLANE_TRIE_STEPS 18

/* What leaves are numbered in. */
enum plane_space {
	PLANE_SPACE_NONE,
	PLANE_SPACE_SOURCE,
	PLANE_SPACE_DESTINATION,
	PLANE_SPACE_PAIRS, /* + kind of pair */
	PLANE_SPACE_COUNT = 7,
};
/* Kind of pair: an address and a port. Bits. */
#define PLANE_PAIR_DESTINATION_ADDRESS 1u
#define PLANE_PAIR_DESTINATION_PORT 2u
#define PLANE_PAIR_KINDS 4u
#define PLANE_PAIR_FAST 3u /* both */
#define PLANE_NO_LEAF 0xffffffffu

struct plane_branch { /* one cache line */
	__u64 value;
	__u32 base; /* offset of the compact entries */
	__u32 outside;
	__u32 bitmap[8];
	__u8 rank[8];
	__u8 shift, stride_mask, word, unused;
	__u32 unused2;
};

struct plane_compare {
	__u64 value;
	__u32 inside, outside;
};

struct plane_trie {
	__u32 roots;      /* entries indexed by word 0 >> root_shift */
	__u32 root_shift; /* at most 63 */
	__u32 nodes;
	__u32 single;  /* leaves below are classes */
	__u32 classes; /* __u32 for each block of leaves from `single` on */
	__u32 block_shift;
};

struct plane_exact4 {
	__u64 key;   /* address << 24 | point */
	__u32 value; /* 0: empty */
	__u32 next;
};

struct plane_exact6 {
	__u64 address[2];
	__u32 value, next; /* read as one word, as above */
	__u32 point;       /* protocol << 16 | port; of a single address 0 */
	__u32 unused;
};

struct plane_exact {
	__u64 factor;        /* odd */
	__u32 entries;       /* offset, a multiple of 64; 0: no table */
	__u32 shift;         /* 64 less the bits of their number: at most 63 */
	__u32 displacements; /* __u16 for each bucket */
	__u32 bucket_shift;  /* as above, of the number of buckets */
};

struct plane_run {
	__u32 kind;    /* of pair */
	__u32 classes; /* __u16 for each leaf of that kind's space */
};

struct plane_hit {
	__u32 space, first, count, slot;
};

struct plane_limit {     /* one cache line */
	__u64 cost;      /* ns that a packet moves the bucket by */
	__u64 tolerance; /* ns: that of all packets of a burst but one */
	__u64 mask[2];   /* of the source: what tells sources apart */
	__u32 bucket;    /* of all limits of both families: those of one number share their buckets */
	__u32 drop;      /* end of packets above the limit: a drop, and what counts it */
	__u32 unused[6];
};

/* Key of the map of buckets, whose value is a __u64. */
struct plane_source {
	__u64 address[2];
	__u32 bucket, unused;
};
#define PLANE_SOURCES 262144u /* so many are kept, those that were seen last */

struct plane_family { /* what most packets need comes first, in two cache lines */
	__u32 root;   /* entry */
	__u32 rows;
	__u32 hits;
	__u32 whole_class; /* of whole packets in the fragment dimension: as in tables[] */
	struct plane_exact source;
	struct plane_exact fast;
	struct plane_trie tries[2];
	__u32 runs;             /* struct plane_run for each dimension from PLANE_RUNS on */
	__u32 direct_slot;      /* what direct hits add to a source's leaf ... */
	__u32 direct_pair_slot; /* ... and to that of a pair of kind PLANE_PAIR_FAST; mod 2^32 */
	__u32 others_pass;      /* 1: packets from a source that is not in `source` pass, whatever they are */
	struct plane_exact destination;
	struct plane_exact pairs[PLANE_PAIR_KINDS];
	__u32 tables[PLANE_TABLE_COUNT]; /* __u16 class for each value */
	__u32 limits, limit_count;       /* struct plane_limit: offset, a multiple of 64 */
	__u32 unused2[9];
};

struct plane_header {
	__u32 magic, version;
	__u8 present[2]; /* by family: 4 or 6; 0: nothing of it is dropped */
	__u8 mac[6]; /* of the interface: frames for others pass. Set before the program runs. Aligned as in a
		      * frame: two bytes, then a word */
	__u32 size;  /* bytes in use, not rounded up */
	__u32 unused[11];
	struct plane_family families[2]; /* IPv4, IPv6 */
};

_Static_assert(sizeof(struct plane_branch) == 64, "one cache line");
_Static_assert(sizeof(struct plane_compare) == 16, "four a cache line");
_Static_assert(sizeof(struct plane_exact4) == 16, "four a cache line");
_Static_assert(sizeof(struct plane_exact6) == 32, "two a cache line");
_Static_assert(sizeof(struct plane_limit) == 64, "one cache line");
_Static_assert(sizeof(struct plane_source) == 24, "a key has no padding");
_Static_assert(sizeof(struct plane_family) == 320, "five cache lines");
_Static_assert(sizeof(struct plane_header) == 64 + 640, "one layout in BPF and user space");
_Static_assert(sizeof(struct plane_hit) == 16, "one layout in BPF and user space");

/* Hash of a key, and its entry's number. Part of the layout: builder, proof and look-up agree on it. */
static inline __attribute__((always_inline)) __u64
plane_exact_hash(const struct plane_exact *exact, __u64 high, __u64 low, __u32 point, int version)
{
	if (version == 4)
		return (high << 24 | point) * exact->factor;
	__u64 hash = high * exact->factor;
	hash ^= hash >> 32;
	return (hash + low + ((__u64)point << 32)) * exact->factor;
}

static inline __attribute__((always_inline)) __u64 plane_exact_bucket(const struct plane_exact *exact,
								      __u64 hash)
{
	return hash >> (exact->bucket_shift & 63);
}

static inline __attribute__((always_inline)) __u64 plane_exact_index(const struct plane_exact *exact,
								     __u64 hash, __u32 displacement)
{
	return ((hash ^ displacement) * exact->factor) >> (exact->shift & 63);
}

#endif
