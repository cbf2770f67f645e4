/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules follow each other within a chain; tables, chains, sets and members have no order that says anything,
 * and are summed up. */
#include "kernel/nft_fingerprint.h"
#include "kernel/hash.h"
#include "kernel/netlink.h"
#include "kernel/state_overlay.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
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

	/* what rules put in and take out comes and goes with packets, and XDP takes none of it for known */
	for (size_t i = 0; i < set->count && !set->filled; i++) {
		const struct nft_element *element = &set->elements[i];
		uint64_t one = hash_text(element->end, hash_text(element->key, hash));

		one = hash_text(element->rest, one ^ element->flags);
		members += hash_bytes(&element->timed, sizeof(element->timed), one);
	}
	return hash_bytes(&members, sizeof(members), hash);
}

/* Whether the expression only looks at the packet, or says where a connection goes: it writes nothing into a
 * packet or what belongs to it, and ends with no verdict of its own. */
static bool is_of_backends(const struct nlattr *expression, bool *nat)
{
	/* Of those that also write, the attribute of what they write from. */
	static const struct {
		const char *name;
		unsigned writes;
	} all[] = {{"bitwise", 0},
		   {"cmp", 0},
		   {"counter", 0},
		   {"immediate", 0},
		   {"nat", 0},
		   {"numgen", 0},
		   {"range", 0},
		   {"meta", NFTA_META_SREG},
		   {"payload", NFTA_PAYLOAD_SREG}};
	const struct nlattr *attributes[NFTA_EXPR_MAX + 1], *values[NFTA_PAYLOAD_MAX + 1];

	netlink_nested(expression, attributes, NFTA_EXPR_MAX);
	if (!attributes[NFTA_EXPR_NAME])
		return false;
	struct text name = {mnl_attr_get_payload(attributes[NFTA_EXPR_NAME]),
			    mnl_attr_get_payload_len(attributes[NFTA_EXPR_NAME])};
	netlink_nested(attributes[NFTA_EXPR_DATA], values, NFTA_PAYLOAD_MAX);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		if (name.size != strlen(all[i].name) + 1 || memcmp(name.data, all[i].name, name.size) != 0)
			continue;
		*nat |= strcmp(all[i].name, "nat") == 0;
		if (strcmp(all[i].name, "immediate") == 0)
			return ntohl(netlink_u32(values[NFTA_IMMEDIATE_DREG], 0)) != NFT_REG_VERDICT;
		return !all[i].writes || !values[all[i].writes];
	}
	return false;
}

/* Whether all that the rule does is to give a connection to a backend. */
static bool is_backend(const struct nft_rule_image *rule)
{
	const struct nlattr *nest;
	bool nat = false, other = false;

	if (rule->expressions)
		mnl_attr_for_each_nested(nest, rule->expressions) other |= !is_of_backends(nest, &nat);
	return nat && !other;
}

static uint64_t hash_chain(const struct nft_chain *chain, uint64_t seed)
{
	uint64_t hash = hash_text(chain->definition, hash_name(chain->name, seed));
	/* Which backend gets a connection changes while the rules stay: its destination is unknown to XDP in
	 * any case, as it is one that may be rewritten. */
	bool shares = strncmp(chain->name, STATE_OVERLAY_WORD, strlen(STATE_OVERLAY_WORD)) == 0;

	if (chain->base)
		hash = hash_bytes(&chain->policy, sizeof(chain->policy), hash);
	for (size_t i = 0; i < chain->count; i++)
		if (!shares || !is_backend(&chain->rules[i]))
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
