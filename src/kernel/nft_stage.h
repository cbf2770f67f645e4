/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A script of nft(8) loaded where nobody is: in a network namespace that lives for the moment, so that what
 * the kernel makes of it is known before the rules that are live change. */
#ifndef WEIR_KERNEL_NFT_STAGE_H
#define WEIR_KERNEL_NFT_STAGE_H

#include "kernel/nft_image.h"

/* 0, with what weir's tables are there. -ENOENT: there is no nft program; -EINVAL: it does not take the
 * script; -EPERM: no such namespace may be made. In words in `why`. */
int nft_stage(struct text script, struct nft_image **image, struct buffer *why);

#endif
