/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The members of a set while it is being read. Each element that the kernel would keep is a member: what
 * stands for many is taken apart here. A hash over them finds one that is added again or removed. A removed
 * one stays, marked, until builder_finish(). */
#include "read/ipset.h"

#include <errno.h>
#include <stdlib.h>

#define EXPANDED_MAX (1u << 24) /* members, of all lines that stand for more than one */

static int set_full(struct ipset_reader *reader, struct builder *builder, const struct word *word)
{
	const struct set *set = builder->set;
	if (!builder->full) {
		struct diagnostic *error =
		    ipset_error(reader, word->span, "set-full", "set %.*s is full: it has maxelem %u",
				(int)set->name.size, set->name.data, set->maxelem);
		diagnostic_label(error, set->span, "created here");
		diagnostic_hint(error, "the kernel takes no more; create the set with a greater maxelem");
	}
	builder->full = true;
	return -EINVAL;
}

/* Adding again, with -exist or not: what the line says counts. The counters stay unless it gives them, and so
 * does wildcard; a MAC address in a bitmap stays unless it gives one. */
static void merge(const struct set_member *before, const struct member_options *options,
		  struct set_member *member)
{
	if (!options->counters) {
		member->packets = before->packets;
		member->bytes = before->bytes;
	}
	member->wildcard |= before->wildcard;
	if (!member->has_mac && before->has_mac) {
		memcpy(member->mac, before->mac, sizeof(member->mac));
		member->has_mac = true;
	}
}

static int member_add(struct ipset_reader *reader, struct builder *builder, struct set_member *member,
		      const struct member_options *options, const struct word *word)
{
	struct set *set = builder->set;
	size_t found = set_index_find(&builder->index, set, member);
	bool removed = found != SET_NO_MEMBER && set_member_removed(set, found);
	if ((found == SET_NO_MEMBER || removed) && set->type > SET_BITMAP_PORT &&
	    builder->elements >= set->maxelem)
		return set_full(reader, builder, word);
	if (found == SET_NO_MEMBER) {
		int result = set_member_append(reader->ruleset->arena, set, member);
		if (result == 0)
			result = set_index_add(&builder->index, set, set->member_count - 1);
		builder->elements++;
		return result;
	}
	if (removed) {
		builder->elements++;
	} else {
		struct set_member before, again = *member;
		set_member_get(set, found, &before);
		if (!options->exist)
			set_repeat(set, before.begin, member->begin);
		merge(&before, options, &again);
		set_member_put(set, found, &again);
		return 0;
	}
	set_member_put(set, found, member);
	return 0;
}

static int member_drop(struct ipset_reader *reader, struct builder *builder, const struct set_member *member,
		       const struct word *word, bool exist)
{
	size_t found = set_index_find(&builder->index, builder->set, member);
	if (found != SET_NO_MEMBER && !set_member_removed(builder->set, found)) {
		set_member_remove(builder->set, found);
		builder->elements--;
		builder->removed = true;
		return 0;
	}
	if (exist)
		return 0;
	diagnostic_hint(ipset_error(reader, word->span, "not-a-member", "set %.*s has no such member here",
				    (int)builder->set->name.size, builder->set->name.data),
			"del -exist passes over it");
	return -EINVAL;
}

/* --- What an entry stands for
 * ------------------------------------------------------------------------------------ */

/* A range of addresses or ports, gone through as the kernel goes through it. */
struct walk {
	struct ipset_reader *reader;
	struct builder *builder;
	const struct entry *entry;
	const struct member_options *options;
	const struct word *word;
	bool remove, exist;
	struct set_member member;
};

static int walk_apply(struct walk *walk)
{
	return walk->remove
		   ? member_drop(walk->reader, walk->builder, &walk->member, walk->word, walk->exist)
		   : member_add(walk->reader, walk->builder, &walk->member, walk->options, walk->word);
}

/* The longest prefix that begins at low and does not reach behind high: ip_set_range_to_cidr(). */
static address prefix_end(address low, address high, uint8_t *prefix)
{
	address size = 1;
	*prefix = 32;
	while (*prefix > 1 && !(low & size) && low + (size << 1) - 1 <= high) {
		size <<= 1;
		(*prefix)--;
	}
	return low + size - 1;
}

/* Of one part: the address or prefix at `low`, and where it ends. */
static address step(const struct set *set, const struct entry_addresses *addresses, enum set_part part,
		    address low, uint8_t *prefix)
{
	if (part == SET_PART_NET) {
		if (addresses->is_range)
			return prefix_end(low, addresses->high, prefix);
		*prefix = addresses->prefix;
		return addresses->high;
	}
	*prefix = (uint8_t)family_bits(set->family);
	return set->has_netmask ? low + (family_max(set->family) & ~set->mask) : low;
}

static int walk_second(struct walk *walk, enum set_part part)
{
	const struct set *set = walk->builder->set;
	const struct entry_addresses *addresses = &walk->entry->addresses[1];
	for (address low = addresses->low;;) {
		address end = step(set, addresses, part, low, &walk->member.prefix2);
		walk->member.low2 = set->type == SET_HASH_NET_NET ? set_masked(set, low) : low;
		int result = walk_apply(walk);
		if (result < 0 || end >= addresses->high)
			return result;
		low = end + 1;
	}
}

static int walk_ports(struct walk *walk, enum set_part second)
{
	const struct entry *entry = walk->entry;
	for (uint32_t port = entry->first_port; port <= entry->last_port; port++) {
		walk->member.port = (uint16_t)port;
		int result = second ? walk_second(walk, second) : walk_apply(walk);
		if (result < 0)
			return result;
	}
	return 0;
}

/* A range is gone through in steps of a block. bitmap_ip_uadt() does so from where the range begins, the
 * others from the beginning of its block. */
static int walk_addresses(struct walk *walk, enum set_part first, enum set_part second)
{
	const struct set *set = walk->builder->set;
	const struct entry_addresses *addresses = &walk->entry->addresses[0];
	bool masked = first == SET_PART_ADDRESS || set->type == SET_HASH_NET_NET;
	bool single = first == SET_PART_ADDRESS && addresses->low == addresses->high;
	address low = addresses->low;
	if (masked && set->type != SET_BITMAP_IP)
		low = set_masked(set, low);
	for (;;) {
		address end = step(set, addresses, first, low, &walk->member.prefix);
		walk->member.low = masked ? set_masked(set, low) : low;
		int result = walk_ports(walk, second);
		if (result < 0 || single || end >= addresses->high)
			return result;
		low = end + 1;
	}
}

/* How many members that is at most; more than EXPANDED_MAX may be said as any greater number. */
static uint64_t entry_size(const struct set *set, const struct entry *entry)
{
	uint64_t total = (uint64_t)entry->last_port - entry->first_port + 1;
	bool second = false;
	for (int i = 0; i < SET_PARTS_MAX; i++) {
		enum set_part part = set_types[set->type].parts[i];
		if (part != SET_PART_ADDRESS && part != SET_PART_NET)
			continue;
		const struct entry_addresses *addresses = &entry->addresses[second];
		address count = addresses->high - addresses->low;
		unsigned host = set->has_netmask && !second ? family_bits(set->family) - set->netmask : 0;
		if (part == SET_PART_NET)
			count = addresses->is_range ? 61 : 0; /* prefixes that a range of IPv4 can take */
		else
			count >>= host;
		total *= count < EXPANDED_MAX ? (uint64_t)count + 1 : EXPANDED_MAX + 1;
		if (total > EXPANDED_MAX)
			return total;
		second = true;
	}
	return total;
}

static int walk_entry(struct walk *walk)
{
	const struct set *set = walk->builder->set;
	const struct set_type_info *type = &set_types[set->type];
	const struct entry *entry = walk->entry;
	enum set_part first = SET_PART_NONE, second = SET_PART_NONE;
	uint64_t size = entry_size(set, entry);
	if (size > 1 && (size > EXPANDED_MAX || walk->reader->expanded + size > EXPANDED_MAX)) {
		diagnostic_hint(
		    ipset_error(walk->reader, walk->word->span, "member-too-large",
				"this stands for too many members"),
		    "weir takes up to %u of all lines with ranges; networks go into sets of hash:net",
		    EXPANDED_MAX);
		return -EINVAL;
	}
	if (size > 1)
		walk->reader->expanded += (size_t)size;
	for (int i = 0; i < SET_PARTS_MAX; i++)
		if (type->parts[i] == SET_PART_ADDRESS || type->parts[i] == SET_PART_NET)
			*(first == SET_PART_NONE ? &first : &second) = type->parts[i];
	walk->member.protocol = entry->protocol;
	walk->member.mark = entry->mark;
	walk->member.physdev = entry->physdev;
	walk->member.has_mac = entry->has_mac;
	memcpy(walk->member.mac, entry->mac, sizeof(entry->mac));
	memcpy(walk->member.interface, entry->interface, sizeof(entry->interface));
	return first == SET_PART_NONE ? walk_ports(walk, SET_PART_NONE) : walk_addresses(walk, first, second);
}

int builder_add(struct ipset_reader *reader, struct builder *builder, const struct entry *entry,
		const struct member_options *options, const struct word *word)
{
	if (builder->set->type == SET_LIST)
		return list_add(reader, builder, entry, options, word);
	struct walk walk = {.reader = reader,
			    .builder = builder,
			    .entry = entry,
			    .options = options,
			    .word = word,
			    .member = options->member};
	return walk_entry(&walk);
}

int builder_remove(struct ipset_reader *reader, struct builder *builder, const struct entry *entry,
		   const struct member_options *options, const struct word *word, bool exist)
{
	if (builder->set->type == SET_LIST)
		return list_remove(reader, builder, entry, options, word, exist);
	struct walk walk = {.reader = reader,
			    .builder = builder,
			    .entry = entry,
			    .options = options,
			    .word = word,
			    .remove = true,
			    .exist = exist};
	return walk_entry(&walk);
}

/* The references of a list's members are given back. The slots are left behind: clearing them again and again
 * could cost more than filling them did. */
int builder_clear(struct ipset_reader *reader, struct builder *builder)
{
	struct set *set = builder->set;
	for (size_t i = 0; set->type == SET_LIST && i < set->member_count; i++) {
		struct set_member member;
		if (set_member_removed(set, i))
			continue;
		set_member_get(set, i, &member);
		struct binding *binding = ipset_binding(reader, member.set->name);
		if (!binding)
			return -ENOMEM;
		if (binding->builder)
			binding->builder->references--;
	}
	set_members_clear(set);
	set_index_fini(&builder->index);
	builder->elements = 0;
	builder->full = builder->removed = false;
	builder->first = builder->last = LINK_NONE;
	return 0;
}

int builder_finish(struct builder *builder)
{
	if (builder->set->type == SET_LIST)
		return list_order(builder);
	return builder->removed ? set_members_compact(builder->set, NULL, 0) : 0;
}

void builder_fini(struct builder *builder)
{
	set_index_fini(&builder->index);
	free(builder->links);
	builder->links = NULL;
	builder->link_capacity = 0;
}
