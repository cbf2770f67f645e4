/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What must be done to weir's tables as they are to make them what they shall be: no more than that, so that
 * counters and what rules remember stay. */
#ifndef WEIR_KERNEL_NFT_CHANGE_H
#define WEIR_KERNEL_NFT_CHANGE_H

#include "kernel/nft_batch.h"
#include "kernel/nft_image.h"

enum nft_change_kind { NFT_CHANGE_TABLE, NFT_CHANGE_CHAIN, NFT_CHANGE_SET, NFT_CHANGE_OBJECT };
enum nft_change_verb { NFT_CHANGE_ADD, NFT_CHANGE_ALTER, NFT_CHANGE_REMOVE };
extern const char *const nft_change_kinds[], *const nft_change_verbs[];

struct nft_change {
	enum family family;
	enum nft_change_kind kind;
	enum nft_change_verb verb;
	const char *name;
	bool anew;             /* ALTER: deleted and made anew, all that stands in it too */
	uint32_t flags;        /* of a table that is added or changes */
	bool policy;           /* a base chain's policy changes */
	size_t added, removed; /* rules of a chain, members of a set; those at their places are not counted */
	size_t head, tail;     /* ALTER of a chain: so many rules at its begin and end stay as they are */
	const struct nft_set *old_set, *new_set;
	const struct nft_chain *old_chain, *new_chain;
	const struct nft_object *new_object;
};

struct nft_changes {
	struct arena *arena;
	const struct nft_image *to;
	size_t count, capacity;
	struct nft_change *list;
};

/* The images must stay as long as the changes. 0 or -ENOMEM. */
int nft_changes_find(const struct nft_image *from, const struct nft_image *to, struct nft_changes **changes);
/* The same to be looked at: members of `to` whose time may be over are none that `from` must have. */
int nft_changes_look(const struct nft_image *from, const struct nft_image *to, struct nft_changes **changes);
void nft_changes_free(struct nft_changes *changes);
static inline void nft_changes_cleanup(struct nft_changes **changes)
{
	if (*changes)
		nft_changes_free(*changes);
}

/* One change in words: "chain ip filter-INPUT: 1 rule added, 2 removed". */
void nft_change_print(const struct nft_change *change, struct buffer *out);

/* Writes all of it into a batch that has begun. 0 or -ENOMEM. */
int nft_changes_put(const struct nft_changes *changes, struct nft_batch *batch);
/* Writes messages that add or remove members of a set that is there. */
void nft_put_elements(struct nft_batch *batch, enum family family, const struct nft_set *set, bool remove,
		      const struct nft_element *const *elements, size_t count);
/* Writes the message that takes all members of a set away. */
void nft_put_flush(struct nft_batch *batch, enum family family, const struct nft_set *set);

#endif
