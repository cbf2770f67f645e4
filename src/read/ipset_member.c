/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The members of a set while it is being read. A hash over them finds one that is added again or removed. A
 * removed one stays, marked by end == 0, until builder_finish(). */
#include "read/ipset.h"

#include <errno.h>

#define POINTS_PER_LINE_MAX (65536u * 16)
#define POINTS_MAX (1u << 24) /* in all, of lines that stand for more than one */

/* Seeded, so that no input can be written whose members all collide. */
static uint64_t member_hash(uint64_t seed, const struct set_member *member)
{
	uint64_t hash = ((uint64_t)member->low ^ seed) * 0x9e3779b97f4a7c15u;
	hash ^= hash >> 31;
	hash ^= ((uint64_t)(member->low >> 64) + 0x7f4a7c15u) * 0xc2b2ae3d27d4eb4fu;
	hash ^= hash >> 32;
	hash += (uint64_t)(member->high - member->low) * 0x165667b19e3779f9u;
	hash ^= ((uint64_t)member->protocol << 16 | member->port) * 0x27d4eb2f165667c5u;
	hash *= 0xff51afd7ed558ccdu;
	return hash ^ hash >> 29;
}

static bool same_key(const struct set_member *a, const struct set_member *b)
{
	return a->low == b->low && a->high == b->high && a->protocol == b->protocol && a->port == b->port;
}

static uint32_t *slot_find(const struct builder *builder, const struct set_member *member)
{
	for (size_t at = (size_t)member_hash(builder->seed, member);;
	     at++) { /* ends: half of the slots are free */
		uint32_t *slot = &builder->slots[at & (builder->slot_count - 1)];
		if (!*slot || same_key(&builder->set->members[*slot - 1], member))
			return slot;
	}
}

static int slots_grow(struct ipset_reader *reader, struct builder *builder)
{
	struct builder grown = *builder;
	grown.slot_count = builder->slot_count ? builder->slot_count * 2 : 16;
	grown.slots = arena_array(reader->scratch, grown.slot_count, sizeof(*grown.slots));
	if (!grown.slots)
		return -ENOMEM;
	for (size_t i = 0; i < builder->set->member_count; i++)
		*slot_find(&grown, &builder->set->members[i]) = (uint32_t)i + 1;
	*builder = grown;
	return 0;
}

/* How many elements of the kernel's table the member is. */
static uint64_t element_count(const struct set *set, const struct set_member *member)
{
	if (set->type != SET_HASH_IP)
		return 1;
	address count = ((member->high - member->low) >> (family_bits(set->family) - set->netmask)) + 1;
	return count > UINT32_MAX ? (uint64_t)UINT32_MAX + 1 : (uint64_t)count;
}

static int member_put(struct ipset_reader *reader, struct builder *builder, const struct set_member *member,
		      const struct word *word)
{
	struct set *set = builder->set;
	if (!builder->touched) {
		struct builder **place =
		    arena_push(reader->scratch, (void **)&reader->touched, &reader->touched_count,
			       &reader->touched_capacity, sizeof(struct builder *));
		if (!place)
			return -ENOMEM;
		*place = builder;
		builder->touched = true;
	}
	if (builder->used >= builder->slot_count / 2 && slots_grow(reader, builder) < 0)
		return -ENOMEM;
	uint32_t *slot = slot_find(builder, member);
	struct set_member *place = *slot ? &set->members[*slot - 1] : NULL;
	if (!place || !place->end) {
		builder->elements += element_count(set, member);
		if (builder->elements > set->maxelem && !builder->full) {
			builder->full = true;
			struct diagnostic *error =
			    ipset_error(reader, word->span, "set-full", "set %.*s is full: it has maxelem %u",
					(int)set->name.size, set->name.data, set->maxelem);
			diagnostic_label(error, set->span, "created here");
			diagnostic_hint(error,
					"the kernel takes no more; create the set with a greater maxelem");
		}
		if (builder->full)
			return -EINVAL;
	}
	if (!place) {
		if (set->member_count >= UINT32_MAX - 1)
			return -ENOMEM;
		place = arena_push(reader->ruleset->arena, (void **)&set->members, &set->member_count,
				   &set->member_capacity, sizeof(*place));
		if (!place)
			return -ENOMEM;
		*slot = (uint32_t)set->member_count;
		builder->used++;
	}
	*place = *member;
	return 0;
}

static uint8_t range_prefix(enum family family, address low, address high)
{
	int length = mask_length(family, family_max(family) & ~(low ^ high));
	return (uint8_t)(length < 0 ? 0 : length);
}

/* The prefixes that make up a range: at most 62 for IPv4, which alone has ranges. */
static int put_prefixes(struct ipset_reader *reader, struct builder *builder, const struct entry *entry,
			struct set_member member, const struct word *word)
{
	address low = entry->low;
	for (;;) {
		address size = 1;
		while (!(low & size) && low + (size << 1) - 1 <= entry->high && size < (address)1 << 31)
			size <<= 1;
		member.low = low;
		member.high = low + size - 1;
		member.prefix = range_prefix(builder->set->family, member.low, member.high);
		int result = member_put(reader, builder, &member, word);
		if (result < 0 || member.high >= entry->high)
			return result;
		low += size;
	}
}

static int put_points(struct ipset_reader *reader, struct builder *builder, const struct entry *entry,
		      struct set_member member, const struct word *word)
{
	address addresses = entry->high - entry->low; /* less 1 */
	uint32_t ports = (uint32_t)entry->last_port - entry->first_port + 1;
	size_t total =
	    addresses < POINTS_PER_LINE_MAX ? ((size_t)addresses + 1) * ports : POINTS_PER_LINE_MAX + 1;
	if (total > POINTS_PER_LINE_MAX || (total > 1 && reader->expanded + total > POINTS_MAX)) {
		diagnostic_hint(ipset_error(reader, word->span, "member-too-large",
					    "this stands for too many pairs of address and port"),
				"weir takes up to %u of a line and %u in all; use a rule with a hash:net set "
				"and --dports",
				POINTS_PER_LINE_MAX, POINTS_MAX);
		return -EINVAL;
	}
	if (total > 1)
		reader->expanded += total;
	member.protocol = entry->protocol;
	member.prefix = (uint8_t)family_bits(builder->set->family);
	for (address offset = 0; offset <= addresses; offset++)
		for (uint32_t port = entry->first_port; port <= entry->last_port; port++) {
			member.low = member.high = entry->low + offset;
			member.port = (uint16_t)port;
			int result = member_put(reader, builder, &member, word);
			if (result < 0)
				return result;
		}
	return 0;
}

int builder_add(struct ipset_reader *reader, struct builder *builder, const struct entry *entry,
		const struct set_member *member, const struct word *word)
{
	if (builder->set->type == SET_HASH_IP_PORT)
		return put_points(reader, builder, entry, *member, word);
	if (builder->set->type == SET_HASH_NET && entry->is_range)
		return put_prefixes(reader, builder, entry, *member, word);
	struct set_member whole = *member;
	whole.low = entry->low;
	whole.high = entry->high;
	whole.prefix = range_prefix(builder->set->family, entry->low, entry->high);
	return member_put(reader, builder, &whole, word);
}

int builder_remove(struct ipset_reader *reader, struct builder *builder, const struct entry *entry,
		   const struct word *word)
{
	struct set *set = builder->set;
	struct set_member key = {
	    .low = entry->low, .high = entry->high, .protocol = entry->protocol, .port = entry->first_port};
	bool single = set->type == SET_HASH_IP_PORT
			  ? entry->low == entry->high && entry->first_port == entry->last_port
			  : set->type == SET_HASH_IP || !entry->is_range;
	uint32_t *slot = single && builder->slot_count ? slot_find(builder, &key) : NULL;
	if (!slot || !*slot || !set->members[*slot - 1].end) {
		diagnostic_hint(ipset_error(reader, word->span, "not-a-member",
					    "set %.*s has no such member here", (int)set->name.size,
					    set->name.data),
				"del takes what was added by one add, whole; ipset save prints no del");
		return -EINVAL;
	}
	set->members[*slot - 1].end = 0;
	builder->elements -= element_count(set, &key);
	return 0;
}

/* The slots are left behind in the arena: clearing them again and again could cost more than filling them
 * did. */
void builder_flush(struct builder *builder)
{
	builder->set->member_count = 0;
	builder->elements = builder->used = 0;
	builder->full = false;
	builder->slots = NULL;
	builder->slot_count = 0;
}

void builder_finish(struct builder *builder)
{
	struct set *set = builder->set;
	size_t kept = 0;
	for (size_t i = 0; i < set->member_count; i++)
		if (set->members[i].end)
			set->members[kept++] = set->members[i];
	set->member_count = kept;
}
