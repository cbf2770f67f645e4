/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sets of which more members can only make the rules drop more. */
#ifndef WEIR_KERNEL_NFT_DROPS_H
#define WEIR_KERNEL_NFT_DROPS_H

#include "kernel/nft_image.h"

/* Whether each rule that asks for the set drops what is in it, and does nothing else: then a packet that the
 * rules drop is dropped with more members, too, whatever its connection and all else is. false also where
 * this cannot be told. `image`: with chains and rules. */
bool nft_set_only_drops(const struct nft_image *image, enum family family, const char *set);

#endif
