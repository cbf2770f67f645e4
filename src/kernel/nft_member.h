/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Members of a set in nftables as addresses, with a protocol and a port where the set has them, and what must
 * be added and removed for others to be in it, or no longer.
 *
 * A set is the addresses in it. Where it has intervals, these do not overlap: one that is added takes those
 * within it away, and joins those that it overlaps; of what is removed the rest of an interval stays. Where
 * members have a time to go, none are joined: each address goes at its own. */
#ifndef WEIR_KERNEL_NFT_MEMBER_H
#define WEIR_KERNEL_NFT_MEMBER_H

#include "kernel/nft_image.h"
#include "packet/address.h"

struct nft_member {
	address low, high;
	uint8_t protocol;
	uint16_t port;
	const char *comment;               /* NULL: none */
	uint32_t timeout;                  /* seconds; 0: stays */
	const struct nft_element *element; /* of a member that is there; else NULL */
	bool cut;                          /* of nft_members_add() alone: a part of it went */
};

struct nft_shape {
	enum family family;
	bool ports;     /* with protocols */
	bool intervals; /* ranges of addresses */
	bool timeouts;
};

/* -ENOTSUP: a set of something else. */
int nft_set_shape(const struct nft_set *set, struct nft_shape *shape);
/* Those of the set, sorted by protocol, port, address. 0 or -ENOMEM. */
int nft_members(struct arena *arena, const struct nft_set *set, const struct nft_shape *shape,
		struct nft_member **members);
/* Sorts, and joins what overlaps when asked to. Returns how many are left. */
size_t nft_members_sort(struct nft_member *members, size_t count, bool join);

/* Its key in the set, of that address. data NULL: memory is short. */
struct text nft_member_key(struct arena *arena, const struct nft_set *set, const struct nft_shape *shape,
			   address value, const struct nft_member *member);

struct nft_member_change {
	size_t added, removed; /* elements */
	struct nft_element *add;
	const struct nft_element **remove;
	size_t changed; /* of those that were asked for: the set was changed for them */
};

/* What makes `asked` (sorted) be in the set. -E2BIG: ranges for a set without intervals that are too many
 * addresses. -ENOMEM. */
int nft_members_add(struct arena *arena, const struct nft_set *set, const struct nft_shape *shape,
		    const struct nft_member *asked, size_t count, struct nft_member_change *change);
int nft_members_remove(struct arena *arena, const struct nft_set *set, const struct nft_shape *shape,
		       const struct nft_member *asked, size_t count, struct nft_member_change *change);
/* Which of them are in it, whole. */
int nft_members_test(struct arena *arena, const struct nft_set *set, const struct nft_shape *shape,
		     const struct nft_member *asked, size_t count, bool *in);

enum nft_fetch_for { NFT_FETCH_ADD, NFT_FETCH_REMOVE, NFT_FETCH_TEST };

/* In place of reading a set whole, which takes the kernel seconds where it has 100,000 intervals: puts those
 * of its elements into `set` (which has none) that say of what is asked for whether it is in. Others may lie
 * within it: *whole is false then, and nothing follows from what was read, but for ranges that are to be
 * added: of those the kernel itself refuses what would overlap (-ENOTEMPTY, -EEXIST). */
int nft_members_fetch(struct arena *arena, enum family family, struct nft_set *set,
		      const struct nft_shape *shape, const struct nft_member *asked, size_t count,
		      enum nft_fetch_for what, bool *whole);

#endif
