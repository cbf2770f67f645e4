/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A set's members, sorted by a key, then by first address. The key parts members that are never looked for
 * together: for hash:net each prefix length has one, since the kernel asks for one length after the other,
 * the longest first (mtype_test_cidrs() in net/netfilter/ipset/ip_set_hash_gen.h); for hash:ip,port each
 * protocol and port; hash:ip has one key only. Members may overlap; of those that hold the same address the
 * one added last counts. */
#include "extension/set_lookup.h"

#include <stdlib.h>

struct entry {
	address low, high;
	address reach; /* greatest `high` of this and the entries before it with the same key */
	uint32_t key;
	uint32_t order; /* place in the set's list of members */
	bool nomatch, timed;
};

struct set_lookup {
	const struct set *set;
	address mask; /* of hash:ip with netmask */
	size_t count;
	struct entry *entries;
	bool lengths[129]; /* hash:net: prefix lengths in use */
};

static uint32_t point_key(uint8_t protocol, uint16_t port)
{
	return (uint32_t)protocol << 16 | port;
}

static int entry_compare(const void *first, const void *second)
{
	const struct entry *a = first, *b = second;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	if (a->low != b->low)
		return a->low < b->low ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

struct set_lookup *set_lookup_new(struct arena *arena, const struct set *set)
{
	struct set_lookup *lookup = arena_alloc(arena, sizeof(*lookup));
	struct entry *entries = arena_array(arena, set->member_count, sizeof(*entries));

	if (!lookup || !entries)
		return NULL;
	lookup->set = set;
	lookup->mask = family_max(set->family);
	if (set->type == SET_HASH_IP && set->netmask && set->netmask < family_bits(set->family))
		lookup->mask = prefix_mask(set->family, set->netmask);
	for (size_t i = 0; i < set->member_count; i++) {
		const struct set_member *member = &set->members[i];
		/* With a netmask the kernel keeps first addresses of networks only. */
		entries[i].low = member->low & lookup->mask;
		entries[i].high = member->high & lookup->mask;
		entries[i].order = (uint32_t)i;
		entries[i].nomatch = member->nomatch && set->type == SET_HASH_NET;
		entries[i].timed = member->timed;
		if (set->type == SET_HASH_NET) {
			unsigned length = member->prefix > 128 ? 128 : member->prefix;
			entries[i].key = length;
			lookup->lengths[length] = true;
		} else if (set->type == SET_HASH_IP_PORT) {
			entries[i].key = point_key(member->protocol, member->port);
		}
	}
	if (set->member_count)
		qsort(entries, set->member_count, sizeof(*entries), entry_compare);
	for (size_t i = 0; i < set->member_count; i++) {
		entries[i].reach = entries[i].high;
		if (i && entries[i - 1].key == entries[i].key && entries[i - 1].reach > entries[i].reach)
			entries[i].reach = entries[i - 1].reach;
	}
	lookup->entries = entries;
	lookup->count = set->member_count;
	return lookup;
}

/* Of the entries with that key that hold the value the one added last, or NULL. */
static const struct entry *find(const struct set_lookup *lookup, uint32_t key, address value)
{
	size_t low = 0, high = lookup->count;
	const struct entry *found = NULL;

	while (low < high) { /* the first entry behind (key, value) */
		size_t middle = low + (high - low) / 2;
		const struct entry *entry = &lookup->entries[middle];
		if (entry->key < key || (entry->key == key && entry->low <= value))
			low = middle + 1;
		else
			high = middle;
	}
	for (size_t i = low; i > 0; i--) {
		const struct entry *entry = &lookup->entries[i - 1];
		if (entry->key != key || entry->reach < value)
			break;
		if (entry->high >= value && (!found || entry->order > found->order))
			found = entry;
	}
	return found;
}

static enum truth truth_from(unsigned possible)
{
	return possible == 1u << TRUTH_YES  ? TRUTH_YES
	       : possible == 1u << TRUTH_NO ? TRUTH_NO
					    : TRUTH_UNKNOWN;
}

static enum truth test_networks(const struct set_lookup *lookup, address value, bool return_nomatch)
{
	unsigned possible = 0;

	for (unsigned length = family_bits(lookup->set->family) + 1; length-- > 0;) {
		if (!lookup->lengths[length])
			continue;
		const struct entry *entry = find(lookup, length, value);
		if (!entry)
			continue;
		possible |= 1u << (entry->nomatch == return_nomatch ? TRUTH_YES : TRUTH_NO);
		if (!entry->timed) /* else it may be gone, and the next shorter one decides */
			return truth_from(possible);
	}
	return truth_from(possible | 1u << TRUTH_NO);
}

enum truth set_lookup_test(const struct set_lookup *lookup, address value, uint8_t protocol, uint16_t port,
			   bool return_nomatch)
{
	if (lookup->set->type == SET_HASH_NET)
		return test_networks(lookup, value, return_nomatch);
	value &= lookup->mask;
	/* hash_ip4_kadt() and hash_ip6_kadt() refuse the address zero. */
	if (lookup->set->type == SET_HASH_IP && value == 0)
		return TRUTH_NO;
	uint32_t key = lookup->set->type == SET_HASH_IP_PORT ? point_key(protocol, port) : 0;
	const struct entry *entry = find(lookup, key, value);
	if (!entry)
		return TRUTH_NO;
	return entry->timed ? TRUTH_UNKNOWN : TRUTH_YES;
}
