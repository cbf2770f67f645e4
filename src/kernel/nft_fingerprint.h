/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One number for weir's tables as the kernel holds them: the same as long as their chains, rules, sets and
 * members are, whatever was counted. What rules put into sets is not looked at, nor to which backends the
 * chains of kernel/state_overlay.h give connections: no drop hangs on either. A member that goes by itself
 * makes it another number. */
#ifndef WEIR_KERNEL_NFT_FINGERPRINT_H
#define WEIR_KERNEL_NFT_FINGERPRINT_H

#include "kernel/nft_image.h"

uint64_t nft_fingerprint(const struct nft_image *image);

#endif
