/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * IP addresses as numbers, and ranges of them. */
#ifndef WEIR_PACKET_ADDRESS_H
#define WEIR_PACKET_ADDRESS_H

#include "base/text.h"
#include "packet/packet.h"

/* Host byte order; IPv4 in the low 32 bits. */
typedef unsigned __int128 address;

struct address_range {
	address low, high; /* both inclusive */
};

static inline unsigned family_bits(enum family family)
{
	return family == FAMILY_IPV4 ? 32 : 128;
}

static inline address family_max(enum family family)
{
	return family == FAMILY_IPV4 ? (address)UINT32_MAX : ~(address)0;
}

address address_from_bytes(enum family family, const uint8_t *bytes);
void address_to_bytes(enum family family, address value, uint8_t *bytes);
/* Mask with the first `length` bits set. */
address prefix_mask(enum family family, unsigned length);
/* Prefix length of a contiguous mask, -1 for another. */
int mask_length(enum family family, address mask);
/* Numeric address, nothing around it. 0 or -EINVAL. */
int address_parse(enum family family, struct text text, address *value);
void address_print(enum family family, address value, struct buffer *out);

#endif
