/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A hash over a set's members, by all parts but the interface, and the prefix lengths that occur in it, in
 * the order in which the kernel tries them: the longest of the first network, then the longest of the second
 * (mtype_test_cidrs() in net/netfilter/ipset/ip_set_hash_gen.h). The first member that is found decides. */
#include "extension/set_lookup.h"

#include <stdlib.h>

/* Two prefix lengths, of sets without networks the whole of an address. */
struct level {
	uint8_t first, second;
};

struct set_lookup {
	const struct set *set;
	struct set_index index; /* slots in the arena */
	size_t level_count;
	struct level *levels;
	bool may_nomatch;
};

static int level_compare(const void *left, const void *right)
{
	const struct level *a = left, *b = right;

	return a->first != b->first ? b->first - a->first : b->second - a->second;
}

/* Marks each pair that occurs; 129 lengths each. */
static bool levels_find(struct arena *arena, struct set_lookup *lookup)
{
	const struct set *set = lookup->set;
	bool *seen = calloc((size_t)129 * 129, sizeof(*seen));
	size_t count = 0;

	if (!seen)
		return false;
	for (size_t i = 0; i < set->member_count; i++) {
		struct set_member member;
		set_member_get(set, i, &member);
		bool *one = &seen[member.prefix * 129 + member.prefix2];
		count += !*one;
		*one = true;
	}
	lookup->levels = arena_array(arena, count, sizeof(*lookup->levels));
	for (size_t i = 0; lookup->levels && i < (size_t)129 * 129; i++)
		if (seen[i])
			lookup->levels[lookup->level_count++] =
			    (struct level){(uint8_t)(i / 129), (uint8_t)(i % 129)};
	free(seen);
	if (!lookup->levels)
		return false;
	qsort(lookup->levels, lookup->level_count, sizeof(*lookup->levels), level_compare);
	return true;
}

struct set_lookup *set_lookup_new(struct arena *arena, const struct set *set)
{
	struct set_lookup *lookup = arena_alloc(arena, sizeof(*lookup));
	struct set_index index = {0};

	if (!lookup)
		return NULL;
	lookup->set = set;
	lookup->may_nomatch = set_types[set->type].nomatch;
	for (size_t i = 0; i < set->member_count; i++)
		if (set_index_add(&index, set, i) < 0) {
			set_index_fini(&index);
			return NULL;
		}
	lookup->index = index;
	lookup->index.slots = arena_array(arena, index.slot_count, sizeof(*index.slots));
	if (lookup->index.slots && index.slot_count)
		memcpy(lookup->index.slots, index.slots, index.slot_count * sizeof(*index.slots));
	set_index_fini(&index);
	return lookup->index.slots && levels_find(arena, lookup) ? lookup : NULL;
}

/* The possible answers so far, as bits of enum truth. */
static enum truth truth_from(unsigned possible)
{
	return possible == 1u << TRUTH_YES  ? TRUTH_YES
	       : possible == 1u << TRUTH_NO ? TRUTH_NO
					    : TRUTH_UNKNOWN;
}

static bool interface_matches(const struct set_member *member, const char *name)
{
	size_t size = strlen(member->interface);

	return member->wildcard ? strncmp(member->interface, name, size) == 0
				: strcmp(member->interface, name) == 0;
}

enum finding {
	FOUND_NONE,
	FOUND_MEMBER,
	FOUND_UNSURE, /* it cannot be told what is found, or whether the search goes on */
	FOUND_STOP,   /* nothing, and the search ends */
};

/* hash:net,iface: a network that is there for other interfaces only ends the search: data_equal() has counted
 * it, and mtype_test_cidrs() goes on only while nothing was counted. Members with physdev: are never asked
 * for by iptables and stand, by hash, elsewhere, unless they meet by chance. */
static enum finding find_interface(const struct set_lookup *lookup, struct set_index_walk *walk,
				   const char *name, struct set_member *found)
{
	bool unsure = false, counted = false;
	unsigned matching = 0;
	struct set_member member;
	size_t number;

	while ((number = set_index_next(&lookup->index, lookup->set, walk)) != SET_NO_MEMBER) {
		set_member_get(lookup->set, number, &member);
		unsure |= member.physdev || member.timed;
		counted |= !member.physdev;
		if (!member.physdev && interface_matches(&member, name)) {
			/* of several with wildcard the one that is met first counts */
			unsure |= matching && member.nomatch != found->nomatch;
			*found = member;
			matching++;
		}
	}
	if (unsure)
		return FOUND_UNSURE;
	return matching ? FOUND_MEMBER : counted ? FOUND_STOP : FOUND_NONE;
}

static enum finding find(const struct set_lookup *lookup, struct set_member *key, const char *name,
			 struct set_member *found)
{
	struct set_index_walk walk;

	set_index_walk_init(&walk, lookup->set, key);
	*found = (struct set_member){0};
	if (lookup->set->type == SET_HASH_NET_INTERFACE)
		return find_interface(lookup, &walk, name, found);
	size_t number = set_index_next(&lookup->index, lookup->set, &walk);
	if (number == SET_NO_MEMBER)
		return FOUND_NONE;
	set_member_get(lookup->set, number, found);
	return FOUND_MEMBER;
}

/* A bitmap's element without a MAC address takes the first packet's: bitmap_ipmac_do_test(). */
static enum truth test_mac(const struct set_member *found, const struct set_query *query)
{
	if (!found->has_mac)
		return TRUTH_UNKNOWN;
	if (memcmp(found->mac, query->mac, sizeof(found->mac)) != 0)
		return TRUTH_NO;
	return found->timed ? TRUTH_UNKNOWN : TRUTH_YES;
}

enum truth set_lookup_test(const struct set_lookup *lookup, const struct set_query *query,
			   bool return_nomatch)
{
	const struct set *set = lookup->set;
	struct set_member key = {
	    .protocol = query->protocol, .port = query->port, .mark = query->mark & set->markmask};
	unsigned possible = 0;

	memcpy(key.mac, query->mac, sizeof(key.mac));
	if (set->type == SET_BITMAP_PORT)
		key.protocol = 0;
	/* hash_ip4_kadt() and hash_ipport4_kadt() refuse the address zero. */
	if ((set->type == SET_HASH_IP || set->type == SET_HASH_IP_PORT) && !(query->first & set->mask))
		return TRUTH_NO;
	if (set->type == SET_HASH_NET_NET && set->mask != family_max(set->family))
		return lookup->level_count ? TRUTH_UNKNOWN : TRUTH_NO;
	for (size_t i = 0; i < lookup->level_count; i++) {
		const struct level *level = &lookup->levels[i];
		struct set_member found;
		key.prefix = level->first;
		key.prefix2 = level->second;
		key.low = query->first & set->mask;
		key.low2 = query->second;
		if (set->layout.prefix)
			key.low &= prefix_mask(set->family, level->first);
		if (set->layout.prefix2)
			key.low2 &= prefix_mask(set->family, level->second);
		switch (find(lookup, &key, query->interface, &found)) {
		case FOUND_NONE:
			continue;
		case FOUND_STOP:
			return truth_from(possible | 1u << TRUTH_NO);
		case FOUND_UNSURE:
			possible |= 1u << TRUTH_NO | 1u << TRUTH_YES;
			return truth_from(possible);
		case FOUND_MEMBER:
			break;
		}
		if (set->type == SET_BITMAP_IP_MAC)
			return test_mac(&found, query);
		bool says = !lookup->may_nomatch || found.nomatch == return_nomatch;
		possible |= 1u << (says ? TRUTH_YES : TRUTH_NO);
		if (!found.timed) /* else it may be gone, and a shorter prefix decides */
			return truth_from(possible);
	}
	return truth_from(possible | 1u << TRUTH_NO);
}
