/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A map from node to number for the time of one call: open addressing, at most three quarters full. */
#include "diagram/node.h"

#include <errno.h>
#include <stdlib.h>

#define MEMO_BITS_MIN 8u

static size_t memo_place(unsigned bits, diagram_node node)
{
	return hash_mix(node, 1) >> (32 - bits);
}

bool memo_find(const struct memo *memo, diagram_node node, uint32_t *value)
{
	if (!memo->slots)
		return false;
	size_t mask = ((size_t)1 << memo->bits) - 1;
	for (size_t place = memo_place(memo->bits, node); memo->slots[place]; place = (place + 1) & mask)
		if (memo->slots[place] >> 32 == (uint64_t)node + 1) {
			*value = (uint32_t)memo->slots[place];
			return true;
		}
	return false;
}

static void memo_put(uint64_t *slots, unsigned bits, uint64_t slot)
{
	size_t place = memo_place(bits, (diagram_node)((slot >> 32) - 1));
	while (slots[place])
		place = (place + 1) & (((size_t)1 << bits) - 1);
	slots[place] = slot;
}

int memo_keep(struct memo *memo, diagram_node node, uint32_t value)
{
	if (!memo->slots || memo->count + 1 > ((size_t)3 << memo->bits) / 4) {
		unsigned bits = memo->slots ? memo->bits + 1 : MEMO_BITS_MIN;
		uint64_t *slots = bits <= 32 ? calloc((size_t)1 << bits, sizeof(*slots)) : NULL;
		if (!slots)
			return -ENOMEM;
		for (size_t i = 0; memo->slots && i < (size_t)1 << memo->bits; i++)
			if (memo->slots[i])
				memo_put(slots, bits, memo->slots[i]);
		free(memo->slots);
		memo->slots = slots;
		memo->bits = bits;
	}
	memo_put(memo->slots, memo->bits, ((uint64_t)node + 1) << 32 | value);
	memo->count++;
	return 0;
}

void memo_fini(struct memo *memo)
{
	free(memo->slots);
	*memo = (struct memo){0};
}
