/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * SipHash-2-4 with a fixed key: tells whether what was read at attach is what is there now. No defence
 * against one who may load rules; a defence against chance. */
#ifndef WEIR_KERNEL_HASH_H
#define WEIR_KERNEL_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *data, size_t size, uint64_t seed);

#endif
