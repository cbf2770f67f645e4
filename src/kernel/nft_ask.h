/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Single elements of a set, many in one go: a dump of a set takes time by the square of its size, as the
 * kernel begins it anew for each of its messages; to be asked for one by one takes them a microsecond each.
 */
#ifndef WEIR_KERNEL_NFT_ASK_H
#define WEIR_KERNEL_NFT_ASK_H

#include "kernel/nft_image.h"

struct nft_question {
	struct text key;
	/* The answer: the element that holds the key; of a tree of intervals its begin. Its key may be
	 * another. */
	bool has;
	struct nft_element element;
};

/* 0 or -errno; the arena has what the answers point to. */
int nft_elements_ask(struct arena *arena, enum family family, const char *set, struct nft_question *questions,
		     size_t count);

#endif
