/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether the kernel holds the members that a change has given to large sets and taken from them: each is
 * asked for (nft_ask.h). */
#ifndef WEIR_KERNEL_NFT_CONFIRM_H
#define WEIR_KERNEL_NFT_CONFIRM_H

#include "kernel/nft_change.h"

/* Of the sets that are on record by themselves (nft_known_keeps()). *same false: it does not, `first` says
 * what it was. 0 or -errno. */
int nft_members_confirm(const struct nft_changes *changes, bool *same, struct buffer *first);

/* Takes away those of sets on record that have gone by themselves, and gives the others the time that they
 * have left. 0 or -errno. */
int nft_members_left(struct nft_image *image);

/* What those of `from` have counted that a change replaces, where it is not known: in the elements. */
int nft_members_count(const struct nft_changes *changes);

#endif
