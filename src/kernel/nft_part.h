/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Some chains of weir's tables by themselves: as an image that has these alone, with their rules, which may
 * look up no sets. */
#ifndef WEIR_KERNEL_NFT_PART_H
#define WEIR_KERNEL_NFT_PART_H

#include "kernel/nft_image.h"

/* Those whose names begin with that word, of an image or of the kernel. -EBADMSG: their rules look up sets.
 */
int nft_part_take(const struct nft_image *image, const char *word, struct nft_image **part);
int nft_part_read(const char *word, struct nft_image **part, struct buffer *why);

/* The same chains with the same rules. */
bool nft_part_same(const struct nft_image *a, const struct nft_image *b);
/* Whether the image has all chains of the part, with the same rules. */
bool nft_part_within(const struct nft_image *part, const struct nft_image *image);
/* Whether it has no chain at all. */
bool nft_part_empty(const struct nft_image *part);

/* The image with the rules of the part's chains in the place of its own; it must have these chains. */
int nft_part_graft(const struct nft_image *image, const struct nft_image *part, struct nft_image **result);

#endif
