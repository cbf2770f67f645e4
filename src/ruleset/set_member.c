/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The members of sets, packed: only the parts that the set's type and options have, without gaps, in chunks
 * that never move. What must stay true: the key's parts follow each other, so that two members are the same
 * element if their keys are the same bytes. */
#include "ruleset/set.h"

#include "ruleset/name_index.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_CHUNK ((size_t)16) /* members; each further chunk has twice as many */

enum packed_flag {
	PACKED_REMOVED = 1,
	PACKED_NOMATCH = 2,
	PACKED_WILDCARD = 4,
	PACKED_HAS_MAC = 8,
};
#define PACKED_BEGIN 0 /* 4 bytes */
#define PACKED_FLAGS 4
#define PACKED_KEY 5

const struct set_type_info set_types[SET_TYPE_COUNT] = {
    [SET_BITMAP_IP] = {"bitmap:ip", {SET_PART_ADDRESS}, 1, false, false},
    [SET_BITMAP_IP_MAC] = {"bitmap:ip,mac", {SET_PART_ADDRESS, SET_PART_MAC}, 2, false, false},
    [SET_BITMAP_PORT] = {"bitmap:port", {SET_PART_BARE_PORT}, 1, false, true},
    [SET_HASH_IP] = {"hash:ip", {SET_PART_ADDRESS}, 1, false, false},
    [SET_HASH_MAC] = {"hash:mac", {SET_PART_MAC}, 1, false, true},
    [SET_HASH_IP_MAC] = {"hash:ip,mac", {SET_PART_ADDRESS, SET_PART_MAC}, 2, false, false},
    [SET_HASH_IP_MARK] = {"hash:ip,mark", {SET_PART_ADDRESS, SET_PART_MARK}, 2, false, false},
    [SET_HASH_IP_PORT] = {"hash:ip,port", {SET_PART_ADDRESS, SET_PART_PORT}, 2, false, false},
    [SET_HASH_IP_PORT_IP] =
	{"hash:ip,port,ip", {SET_PART_ADDRESS, SET_PART_PORT, SET_PART_ADDRESS}, 3, false, false},
    [SET_HASH_IP_PORT_NET] =
	{"hash:ip,port,net", {SET_PART_ADDRESS, SET_PART_PORT, SET_PART_NET}, 3, true, false},
    [SET_HASH_NET] = {"hash:net", {SET_PART_NET}, 1, true, false},
    [SET_HASH_NET_NET] = {"hash:net,net", {SET_PART_NET, SET_PART_NET}, 2, true, false},
    [SET_HASH_NET_PORT] = {"hash:net,port", {SET_PART_NET, SET_PART_PORT}, 2, true, false},
    [SET_HASH_NET_PORT_NET] =
	{"hash:net,port,net", {SET_PART_NET, SET_PART_PORT, SET_PART_NET}, 3, true, false},
    [SET_HASH_NET_INTERFACE] = {"hash:net,iface", {SET_PART_NET, SET_PART_INTERFACE}, 2, true, false},
    [SET_LIST] = {"list:set", {SET_PART_SET}, 1, false, true},
};

static uint16_t take(struct set_layout *layout, uint16_t size)
{
	uint16_t place = layout->stride;

	layout->stride = (uint16_t)(layout->stride + size);
	return place;
}

static void place_addresses(struct set_layout *layout, const struct set *set)
{
	uint16_t size = set->family == FAMILY_IPV4 ? 4 : 16;
	bool second = false;

	for (int i = 0; i < SET_PARTS_MAX; i++) {
		enum set_part part = set_types[set->type].parts[i];
		if (part != SET_PART_ADDRESS && part != SET_PART_NET)
			continue;
		*(second ? &layout->address2 : &layout->address) = take(layout, size);
		if (part == SET_PART_NET)
			*(second ? &layout->prefix2 : &layout->prefix) = take(layout, 1);
		second = true;
	}
}

void set_prepare(struct set *set)
{
	struct set_layout layout = {.stride = PACKED_KEY, .key = PACKED_KEY};
	bool has[SET_PART_SET + 1] = {false};

	for (int i = 0; i < SET_PARTS_MAX; i++)
		has[set_types[set->type].parts[i]] = true;
	if (!set->netmask)
		set->netmask = (uint8_t)family_bits(set->family);
	if (!set->mask)
		set->mask = prefix_mask(set->family, set->netmask);
	place_addresses(&layout, set);
	if (has[SET_PART_PORT] || has[SET_PART_BARE_PORT])
		layout.port = take(&layout, 3);
	if (has[SET_PART_MARK])
		layout.mark = take(&layout, 4);
	if (has[SET_PART_SET])
		layout.set = take(&layout, sizeof(struct set *));
	if (has[SET_PART_MAC] && set->type != SET_BITMAP_IP_MAC)
		layout.mac = take(&layout, 6);
	layout.key_size = (uint16_t)(layout.stride - PACKED_KEY);
	if (has[SET_PART_INTERFACE])
		layout.interface = take(&layout, 1 + INTERFACE_NAME_MAX);
	layout.whole_key_size = (uint16_t)(layout.stride - PACKED_KEY);
	if (set->type == SET_BITMAP_IP_MAC) /* an address has one */
		layout.mac = take(&layout, 6);
	if (set->has_timeout)
		layout.timeout = take(&layout, 4);
	if (set->counters)
		layout.counters = take(&layout, 16);
	if (set->comment)
		layout.comment = take(&layout, sizeof(char *));
	if (set->skbinfo)
		layout.skbinfo = take(&layout, 14);
	set->layout = layout;
}

address set_masked(const struct set *set, address value)
{
	return value & set->mask;
}

bool set_mask_is_prefix(const struct set *set)
{
	return mask_length(set->family, set->mask) >= 0;
}

/* --- Packing
 * ----------------------------------------------------------------------------------------------------- */

static void put_address(enum family family, unsigned char *place, address value)
{
	if (family == FAMILY_IPV4) {
		uint32_t four = (uint32_t)value;
		memcpy(place, &four, sizeof(four));
	} else {
		memcpy(place, &value, sizeof(value));
	}
}

static address get_address(enum family family, const unsigned char *place)
{
	uint32_t four;
	address value;

	if (family == FAMILY_IPV6) {
		memcpy(&value, place, sizeof(value));
		return value;
	}
	memcpy(&four, place, sizeof(four));
	return four;
}

static void pack_key(const struct set *set, const struct set_member *member, unsigned char *packed)
{
	const struct set_layout *layout = &set->layout;

	if (layout->address)
		put_address(set->family, packed + layout->address, member->low);
	if (layout->prefix)
		packed[layout->prefix] = member->prefix;
	if (layout->address2)
		put_address(set->family, packed + layout->address2, member->low2);
	if (layout->prefix2)
		packed[layout->prefix2] = member->prefix2;
	if (layout->port) {
		packed[layout->port] = member->protocol;
		memcpy(packed + layout->port + 1, &member->port, 2);
	}
	if (layout->mark)
		memcpy(packed + layout->mark, &member->mark, 4);
	if (layout->set)
		memcpy(packed + layout->set, &member->set, sizeof(member->set));
	if (layout->mac)
		memcpy(packed + layout->mac, member->mac, 6);
	if (layout->interface) {
		packed[layout->interface] = member->physdev;
		memset(packed + layout->interface + 1, 0, INTERFACE_NAME_MAX);
		memcpy(packed + layout->interface + 1, member->interface,
		       strnlen(member->interface, INTERFACE_NAME_MAX - 1));
	}
}

static void pack(const struct set *set, const struct set_member *member, unsigned char *packed)
{
	const struct set_layout *layout = &set->layout;

	memcpy(packed + PACKED_BEGIN, &member->begin, 4);
	packed[PACKED_FLAGS] = (unsigned char)((member->nomatch ? PACKED_NOMATCH : 0) |
					       (member->wildcard ? PACKED_WILDCARD : 0) |
					       (member->has_mac ? PACKED_HAS_MAC : 0));
	pack_key(set, member, packed);
	if (layout->timeout) {
		uint32_t timeout = member->timed ? member->timeout : 0;
		memcpy(packed + layout->timeout, &timeout, 4);
	}
	if (layout->counters) {
		memcpy(packed + layout->counters, &member->packets, 8);
		memcpy(packed + layout->counters + 8, &member->bytes, 8);
	}
	if (layout->comment)
		memcpy(packed + layout->comment, &member->comment, sizeof(member->comment));
	if (layout->skbinfo) {
		memcpy(packed + layout->skbinfo, &member->skb_mark, 4);
		memcpy(packed + layout->skbinfo + 4, &member->skb_mask, 4);
		memcpy(packed + layout->skbinfo + 8, &member->skb_priority, 4);
		memcpy(packed + layout->skbinfo + 12, &member->skb_queue, 2);
	}
}

static unsigned chunk_of(size_t index)
{
	return 63 - (unsigned)__builtin_clzll(index / FIRST_CHUNK + 1);
}

static unsigned char *place_of(const struct set *set, size_t index)
{
	unsigned chunk = chunk_of(index);
	size_t before = FIRST_CHUNK * (((size_t)1 << chunk) - 1);

	return set->chunks[chunk] + (index - before) * set->layout.stride;
}

static address block_end(enum family family, address low, unsigned length)
{
	return low | (family_max(family) & ~prefix_mask(family, length));
}

static void unpack_addresses(const struct set *set, const unsigned char *packed, struct set_member *member)
{
	const struct set_layout *layout = &set->layout;
	unsigned bits = family_bits(set->family);

	if (layout->address) {
		member->low = get_address(set->family, packed + layout->address);
		member->prefix = (uint8_t)bits;
		if (layout->prefix)
			member->prefix = packed[layout->prefix];
		else if (set_mask_is_prefix(set))
			member->prefix = set->netmask;
		member->high = block_end(set->family, member->low, member->prefix);
	}
	if (layout->address2) {
		member->low2 = get_address(set->family, packed + layout->address2);
		member->prefix2 = layout->prefix2 ? packed[layout->prefix2] : (uint8_t)bits;
		member->high2 = block_end(set->family, member->low2, member->prefix2);
	}
}

static void unpack_options(const struct set *set, const unsigned char *packed, struct set_member *member)
{
	const struct set_layout *layout = &set->layout;

	if (layout->timeout) {
		memcpy(&member->timeout, packed + layout->timeout, 4);
		member->timed = member->timeout != 0;
	}
	if (layout->counters) {
		memcpy(&member->packets, packed + layout->counters, 8);
		memcpy(&member->bytes, packed + layout->counters + 8, 8);
	}
	if (layout->comment)
		memcpy(&member->comment, packed + layout->comment, sizeof(member->comment));
	if (layout->skbinfo) {
		memcpy(&member->skb_mark, packed + layout->skbinfo, 4);
		memcpy(&member->skb_mask, packed + layout->skbinfo + 4, 4);
		memcpy(&member->skb_priority, packed + layout->skbinfo + 8, 4);
		memcpy(&member->skb_queue, packed + layout->skbinfo + 12, 2);
	}
}

void set_member_get(const struct set *set, size_t index, struct set_member *member)
{
	const struct set_layout *layout = &set->layout;
	const unsigned char *packed = place_of(set, index);
	unsigned flags = packed[PACKED_FLAGS];

	*member = (struct set_member){.nomatch = flags & PACKED_NOMATCH,
				      .wildcard = flags & PACKED_WILDCARD,
				      .has_mac = flags & PACKED_HAS_MAC};
	memcpy(&member->begin, packed + PACKED_BEGIN, 4);
	unpack_addresses(set, packed, member);
	if (layout->port) {
		member->protocol = packed[layout->port];
		memcpy(&member->port, packed + layout->port + 1, 2);
	}
	if (layout->mark)
		memcpy(&member->mark, packed + layout->mark, 4);
	if (layout->set)
		memcpy(&member->set, packed + layout->set, sizeof(member->set));
	if (layout->mac)
		memcpy(member->mac, packed + layout->mac, 6);
	if (layout->interface) {
		member->physdev = packed[layout->interface];
		memcpy(member->interface, packed + layout->interface + 1, INTERFACE_NAME_MAX);
	}
	unpack_options(set, packed, member);
}

int set_member_append(struct arena *arena, struct set *set, const struct set_member *member)
{
	size_t index = set->member_count;

	unsigned chunk = chunk_of(index);

	if (chunk >= SET_CHUNKS)
		return -ENOMEM;
	if (!set->chunks[chunk]) {
		set->chunks[chunk] = arena_array(arena, FIRST_CHUNK << chunk, set->layout.stride);
		if (!set->chunks[chunk])
			return -ENOMEM;
	}
	pack(set, member, place_of(set, index));
	set->member_count++;
	return 0;
}

void set_member_put(struct set *set, size_t index, const struct set_member *member)
{
	pack(set, member, place_of(set, index));
}

void set_member_remove(struct set *set, size_t index)
{
	place_of(set, index)[PACKED_FLAGS] |= PACKED_REMOVED;
}

bool set_member_removed(const struct set *set, size_t index)
{
	return place_of(set, index)[PACKED_FLAGS] & PACKED_REMOVED;
}

void set_members_clear(struct set *set)
{
	set->member_count = 0;
}

int set_members_compact(struct set *set, const uint32_t *order, size_t count)
{
	size_t stride = set->layout.stride, kept = 0;

	if (!order) {
		for (size_t i = 0; i < set->member_count; i++) {
			if (set_member_removed(set, i))
				continue;
			if (kept != i)
				memcpy(place_of(set, kept), place_of(set, i), stride);
			kept++;
		}
		set->member_count = kept;
		return 0;
	}
	unsigned char *all = malloc((count + 1) * stride);
	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		memcpy(all + i * stride, place_of(set, order[i]), stride);
	for (size_t i = 0; i < count; i++)
		memcpy(place_of(set, i), all + i * stride, stride);
	free(all);
	set->member_count = count;
	return 0;
}

void set_repeat(struct set *set, uint32_t before, uint32_t again)
{
	struct set_repeats *repeats = &set->repeats;
	if (repeats->count && repeats->last == again)
		return; /* the line stands for several */
	if (repeats->count < SET_REPEATS_MAX) {
		repeats->lines[repeats->count].before = before;
		repeats->lines[repeats->count].again = again;
	}
	repeats->count++;
	repeats->last = again;
}

struct span set_member_span(const struct set *set, const struct set_member *member)
{
	const struct source *source = set->source;

	if (!source || member->begin >= source->size)
		return (struct span){source, member->begin, member->begin};
	const char *begin = source->data + member->begin;
	const char *end = memchr(begin, '\n', source->size - member->begin);
	if (!end)
		end = source->data + source->size;
	while (end > begin && strchr(" \t\r\f\v", end[-1]) && end[-1])
		end--;
	return (struct span){source, member->begin, (uint32_t)(end - source->data)};
}

/* --- Finding
 * ----------------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 32;
}

/* Seeded, so that no input can be written whose members all collide. */
static uint32_t key_hash(const struct set_index *index, const struct set *set, const unsigned char *packed)
{
	const unsigned char *key = packed + set->layout.key;
	size_t left = set->layout.key_size;
	uint64_t hash = index->seed, word;

	for (; left >= 8; key += 8, left -= 8) {
		memcpy(&word, key, 8);
		hash = mix(hash, word);
	}
	word = 0;
	memcpy(&word, key, left);
	hash = mix(mix(hash, word), set->layout.key_size);
	return (uint32_t)(hash ^ hash >> 29);
}

void set_index_fini(struct set_index *index)
{
	free(index->slots);
	*index = (struct set_index){.seed = index->seed};
}

static void put_slot(struct set_index *index, struct set_slot slot)
{
	size_t at = slot.hash;

	while (index->slots[at & (index->slot_count - 1)].number) /* ends: half of the slots are free */
		at++;
	index->slots[at & (index->slot_count - 1)] = slot;
}

static int index_grow(struct set_index *index)
{
	struct set_index grown = {.slot_count = index->slot_count ? index->slot_count * 2 : 16,
				  .used = index->used,
				  .seed = index->seed ? index->seed : name_index_seed()};

	grown.slots = calloc(grown.slot_count, sizeof(*grown.slots));
	if (!grown.slots)
		return -ENOMEM;
	for (size_t i = 0; i < index->slot_count; i++)
		if (index->slots[i].number)
			put_slot(&grown, index->slots[i]);
	free(index->slots);
	*index = grown;
	return 0;
}

int set_index_add(struct set_index *index, const struct set *set, size_t number)
{
	if (number >= UINT32_MAX)
		return -ENOMEM;
	if (index->used >= index->slot_count / 2) {
		int result = index_grow(index);
		if (result < 0)
			return result;
	}
	put_slot(index, (struct set_slot){(uint32_t)number + 1, key_hash(index, set, place_of(set, number))});
	index->used++;
	return 0;
}

static size_t walk_next(const struct set_index *index, const struct set *set, struct set_index_walk *walk,
			size_t compared)
{
	if (!index->slot_count)
		return SET_NO_MEMBER;
	if (!walk->started) {
		walk->hash = key_hash(index, set, walk->packed);
		walk->slot = walk->hash;
		walk->started = true;
	}
	for (;; walk->slot++) {
		struct set_slot slot = index->slots[walk->slot & (index->slot_count - 1)];
		if (!slot.number)
			return SET_NO_MEMBER;
		if (slot.hash == walk->hash && memcmp(place_of(set, slot.number - 1) + set->layout.key,
						      walk->packed + set->layout.key, compared) == 0) {
			walk->slot++;
			return slot.number - 1;
		}
	}
}

void set_index_walk_init(struct set_index_walk *walk, const struct set *set, const struct set_member *member)
{
	pack_key(set, member, walk->packed);
	walk->started = false;
}

size_t set_index_next(const struct set_index *index, const struct set *set, struct set_index_walk *walk)
{
	return walk_next(index, set, walk, set->layout.key_size);
}

size_t set_index_find(const struct set_index *index, const struct set *set, const struct set_member *member)
{
	struct set_index_walk walk;

	set_index_walk_init(&walk, set, member);
	return walk_next(index, set, &walk, set->layout.whole_key_size);
}
