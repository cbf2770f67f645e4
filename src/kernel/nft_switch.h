/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Making weir's tables what an image says, in one transaction, and making sure that they are. */
#ifndef WEIR_KERNEL_NFT_SWITCH_H
#define WEIR_KERNEL_NFT_SWITCH_H

#include "kernel/nft_change.h"

/* 0: they are; `live` holds what was there before, `changes` what was done (may be nothing). -EILSEQ: the
 * kernel did not take what it was given, and what was there before is there again. -ENOTRECOVERABLE: it is
 * not, as `why` says. Else nothing was changed. Free changes before live. */
int nft_switch(const struct nft_image *target, struct nft_image **live, struct nft_changes **changes,
	       struct buffer *why);

/* Whether nothing would change; how many things differ, in words of the first one. */
int nft_image_differs(const struct nft_image *from, const struct nft_image *to, bool *differs,
		      struct buffer *first);

#endif
