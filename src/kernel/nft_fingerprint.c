/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules follow each other within a chain; tables, chains, sets and members have no order that says anything,
 * and are summed up. */
#include "kernel/nft_fingerprint.h"
#include "kernel/hash.h"
#include "kernel/state_overlay.h"

#include <string.h>

/* What follows is told from what was before by its size. */
static uint64_t hash_text(struct text text, uint64_t seed)
{
	return hash_bytes(text.data ? text.data : "", text.size, seed ^ (uint64_t)text.size << 32);
}

static uint64_t hash_name(const char *name, uint64_t seed)
{
	return hash_bytes(name, strlen(name), seed);
}

static uint64_t hash_set(const struct nft_set *set, uint64_t seed)
{
	uint64_t members = 0, hash = hash_text(set->definition, hash_name(set->name, seed));

	for (size_t i = 0; i < set->count; i++) {
		const struct nft_element *element = &set->elements[i];
		uint64_t one = hash_text(element->end, hash_text(element->key, hash));

		one = hash_text(element->rest, one ^ element->flags);
		members += hash_bytes(&element->timed, sizeof(element->timed), one);
	}
	return hash_bytes(&members, sizeof(members), hash);
}

static uint64_t hash_chain(const struct nft_chain *chain, uint64_t seed)
{
	uint64_t hash = hash_text(chain->definition, hash_name(chain->name, seed));

	/* Which backend gets a connection changes while the rules stay: its destination is unknown to XDP in
	 * any case, as it is one that may be rewritten. */
	if (strstr(chain->name, STATE_OVERLAY_WORD))
		return hash;
	if (chain->base)
		hash = hash_bytes(&chain->policy, sizeof(chain->policy), hash);
	for (size_t i = 0; i < chain->count && !strstr(chain->name, STATE_OVERLAY_WORD); i++)
		hash = hash_text(chain->rules[i].same, hash);
	return hash;
}

uint64_t nft_fingerprint(const struct nft_image *image)
{
	uint64_t sum = 0;

	for (unsigned family = 0; family < FAMILY_COUNT; family++) {
		const struct nft_table *table = &image->tables[family];
		uint64_t seed = family + 1;

		if (!table->present)
			continue;
		sum += hash_bytes(&table->flags, sizeof(table->flags), seed);
		for (size_t i = 0; i < table->chain_count; i++)
			sum += hash_chain(&table->chains[i], seed << 8 | 1);
		for (size_t i = 0; i < table->set_count; i++)
			if (!table->sets[i].anonymous)
				sum += hash_set(&table->sets[i], seed << 8 | 2);
		for (size_t i = 0; i < table->object_count; i++)
			sum += hash_text(table->objects[i].definition,
					 hash_name(table->objects[i].name,
						   (seed << 8 | 3) ^ (uint64_t)table->objects[i].type << 16));
	}
	return sum;
}
